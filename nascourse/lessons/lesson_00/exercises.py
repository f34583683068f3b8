"""Lesson 00: five questions that show whether the prerequisites are there, and one exercise to see how they work."""

from __future__ import annotations

from ..exercise import exercise, question

# a = np.arange(12).reshape(3, 4). What is a[:, 1].sum()?
question(
    "00.1",
    title="Indexing an array",
    answer=15,
    wrong={
        22: "That is a[1].sum(), the second row. The colon stands first: all rows, of each the item at index 1.",
        12: "That is a[:, 0].sum(). Counting starts at 0, so index 1 is the second column.",
        66: "That is the sum of everything; a[:, 1] picks one column.",
    },
    why="a[:, 1] is the second column, (1, 5, 9).",
    hints=("Write the array out: the first row is 0 1 2 3.", "a[:, 1] takes from every row the item at index 1."),
    read='the NumPy user guide, "NumPy: the absolute basics for beginners", section "Indexing and slicing"',
)

# A batch of shape (1, 16, 28, 28) goes through a 3×3 convolution with 32 output channels, stride 2, padding 1, no
# bias. Which output shape, and how many weights?
#   a) (1, 32, 14, 14), 4,608    b) (1, 32, 28, 28), 4,608    c) (1, 32, 14, 14), 288    d) (1, 32, 13, 13), 4,608
question(
    "00.2",
    title="What a convolution does to a shape",
    answer="a",
    wrong={
        "b": "The stride of 2 takes every second position, so height and width halve.",
        "c": "288 = 3·3·32 has one input channel for each output channel; an ordinary convolution reads all 16.",
        "d": "Without padding it would be 13. The padding of 1 adds a row on either side: (28 + 2 - 3) // 2 + 1 = 14.",
    },
    why="(28 + 2·1 - 3) // 2 + 1 = 14 positions, and 3·3·16·32 = 4,608 weights.",
    hints=(
        "Positions along one side: (size + 2·padding - kernel) // stride + 1.",
        "Each of the 32 output channels has a 3×3 kernel for each of the 16 input channels.",
    ),
    read='Dive into Deep Learning (d2l.ai), sections "Padding and Stride" and "Multiple Input and Multiple Output '
    'Channels"',
)

# Of 50 settings you keep the one with the best accuracy on some images. Where do you measure the accuracy you report?
#   a) on the training images    b) on the images that chose the setting    c) on images that nothing was chosen on
question(
    "00.3",
    title="Training, validation, test",
    answer="c",
    wrong={
        "a": "The weights were fitted to these images; a network that learned them by heart would look perfect.",
        "b": "The best of 50 was lucky on these images as well as good; its score there is too high.",
    },
    why="Training images fit the weights, validation images choose, test images measure, once.",
    hints=("A number is fair only on images that had no say in what you measure.",),
    read='Dive into Deep Learning (d2l.ai), section "Generalization"',
)

# One step of gradient descent on L(w) = (w - 5)², from w = 2 with learning rate 0.1. What is w then?
question(
    "00.4",
    title="A gradient step",
    answer=2.6,
    wrong={
        1.4: "That step goes uphill. The gradient points to where the loss grows, so it is subtracted.",
        2.3: "The derivative of (w - 5)² is 2·(w - 5); the factor 2 is missing.",
        8: "That is the step with learning rate 1. The gradient is multiplied by 0.1 first.",
        -6: "That is the gradient at w = 2. The step is w - 0.1 · gradient.",
    },
    why="The gradient is 2·(2 - 5) = -6, and 2 - 0.1·(-6) = 2.6.",
    hints=("dL/dw = 2·(w - 5).", "w becomes w - 0.1 · dL/dw."),
    read='Dive into Deep Learning (d2l.ai), section "Gradient Descent"',
)

# A graph has the edges 0→2, 2→1, 0→1, 1→3. In which order can its nodes be computed?
#   a) 0, 1, 2, 3    b) 0, 2, 1, 3    c) 3, 1, 2, 0
question(
    "00.5",
    title="A topological order",
    answer="b",
    wrong={
        "a": "Node 1 needs node 2 (edge 2→1), which has not been computed yet. The numbers are only names.",
        "c": "This is the order backwards, as gradients travel: here the output would come before its inputs.",
    },
    why="In a topological order every edge points forward: 0 before 2 and 1, 2 before 1, 1 before 3.",
    hints=("Start with the node that no edge points to, and cross it out with its edges. Repeat.",),
    read='the documentation of networkx.topological_sort, and the Wikipedia article "Topological sorting"',
)


@exercise(
    "00.6",
    title="Count the edges",
    cases=lambda rng: [(int(n),) for n in (1, 2, 4, *rng.integers(5, 12, size=3))],
    solution="""
def count_edges(n):
    return n * (n - 1) // 2
""",
    mistakes=(
        (
            "You count each pair of nodes twice: an edge leads from the lower number to the higher only.",
            lambda n: n * (n - 1),
        ),
        ("You let a node have an edge to itself; then the graph would have a cycle.", lambda n: n * (n + 1) // 2),
        ("That is a chain: each node linked to the next one only. Here every lower node is linked.", lambda n: n - 1),
    ),
    hints=(
        "Node 0 has no edge into it, node 1 has one, node 2 has two. Which sum is that?",
        "0 + 1 + … + (n - 1) = n·(n - 1)/2.",
    ),
)
def count_edges(n: int) -> int:
    """How many edges has a graph of n nodes in which every node i < j has an edge to j?"""
    return sum(1 for j in range(n) for _ in range(j))
