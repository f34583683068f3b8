# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax}
# ---

# %% [markdown] lang="en"
# # 08 · Let a supernet choose its cell
#
# You build one network that holds every cell of a space, let two losses pull at it in turns, and read a cell off its α.
# That is DARTS, whole. Then you look up what the cell is really worth, while the search runs: where does it go wrong,
# and what helps?
#
# **Read** 60 minutes · **Run** 80 seconds on two CPU cores · **Needs** [03](03_cell_based.ipynb) (cells) and
# [07](07_gradient.ipynb) (mixed operation, two losses, Hessian-vector product)

# %% [markdown] lang="en"
# ## You will be able to
#
# - derive a whole cell from α by DARTS' rule (exercise 08.1)
# - take a virtual step that leaves model and optimizer as they were (exercise 08.2)
# - say what a search costs, in gradients and in all (exercises 08.3 and 08.6)
# - write partial channels, and say what they save (exercise 08.4)
# - stop a search by the curvature of its loss, and say what our evidence shows of such cures (exercise 08.5)

# %% [markdown] lang="en"
# ## Set-up

# %%
import torch
from nascourse import evidence, pick_device
from nascourse.data import batches, find
from nascourse.lessons import check, hint, setup, solution
from nascourse.lessons.lesson_07 import darts_panels
from nascourse.lessons.lesson_08 import (
    ARMS,
    ESTIMATORS,
    AlphaEvolutionExplorer,
    alpha_trajectories,
    collapse_figure,
    final_accuracies,
    final_difference,
    final_p,
    gradient_quality,
    strip_plot,
    top_eigenvalue,
    truth,
)
from nascourse.viz import cell_scene, show

torch.set_num_threads(1)  # networks this small gain nothing from a second thread
budget = setup("08")

# %% [markdown] lang="en"
# ## Predict first
#
# A supernet holds all 15,625 micro cells at once. Its α descend, and from time to time the cell that they stand for is
# looked up in a table of real trainings. Write down four guesses:
#
# 1. As the search goes on, does the derived cell get **better**, get worse, or wander?
# 2. How many of its six edges are **skip connections** in the end?
# 3. How many **random cells**, each trained once and the best kept, are as good as the cell of one DARTS search?
# 4. DARTS takes the second-order term of its gradient by finite differences. The term's **cosine** with the exact one, on
#    the real supernet, is: above 0.99, about 0.9, or lower?
#
# The figures under *Run it* answer all four.

# %% [markdown] lang="en"
# ## The idea
#
# Lesson 07 turned the choice of an operation into numbers α and descended. Its problem was small: three edges, filters
# without weights. For networks one thing is new, and it is what makes the method cheap: the **supernet**. It is one
# network in which every edge computes *all* candidate operations, each with weights of its own, and adds them up by
# softmax(α). Every architecture of the space is inside, and they all share the weights. Instead of training thousands
# of networks, train one.

# %%
from nascourse.search.gradient import (
    PRESETS,
    AlphaHistory,
    DartsSearch,
    darts_step,
    derive,
    search_images,
)

recorded = AlphaHistory.load(find("results/08_micro.npz"))
show(darts_panels(recorded.alphas["cell"][0], recorded.alphas["cell"][-1]))

# %% [markdown] lang="en"
# *A micro cell in a recorded search. a: the operations on its six edges are unknown. b: every edge is a mixture of all
# five of them, equally thick. c: the search has given them weights. d: the strongest of each edge is kept, and the cell
# is a cell again. (Here `none` wins three edges, so node 1 is cut off and two convolutions remain.)*
#
# Two kinds of numbers are learned: the weights $w$ of the operations and the encoding α. If both descended the training
# loss, α would prefer whatever fits fastest. So there are two halves of the data and two losses. The weights descend
# one, and α the other, looking one step ahead:
#
# $$\alpha \leftarrow \alpha - \eta\; \nabla_\alpha
# L_{val}\big(w - \xi\, \nabla_w L_{train}(w, \alpha),\; \alpha\big)
# \qquad \text{then} \qquad w \leftarrow w - \xi\, \nabla_w L_{train}(w, \alpha)$$
#
# | symbol | meaning |
# |---|---|
# | $w$ | the weights of all operations on all edges |
# | $\alpha$ | a number for each operation on each edge, of each kind of cell |
# | $L_{train}, L_{val}$ | cross entropy on a batch of the one half and of the other half of the training images |
# | $\xi$ | the learning rate of $w$; in the first line it is the length of a step that is only imagined |
# | $\eta$ | the learning rate of α |
#
# With ξ = 0 in the first line the method is called *first order*, else *second order*. When all epochs are over, α is
# turned into a cell, the supernet is thrown away, and the cell is trained anew in a larger network.
#
# ### The algorithm, whole
#
# What the paper and its authors' code do, step by step:
#
# 1. Split the training images into halves. Start α at tiny random numbers: all operations have nearly the same
#    weight.
# 2. In each step take a batch of each half. Move **α** on the second; then move **$w$** on the first.
# 3. After the last epoch **derive**: in each cell, softmax over each edge; an edge is as strong as its strongest
#    operation other than `none`; each node keeps its two strongest edges, with these operations.
# 4. **Train** the derived cell from scratch, deeper and wider.
#
# | | search | evaluation |
# |---|---|---|
# | network | 8 cells, 16 channels, all operations | 20 cells, 36 channels, the derived cell |
# | epochs, batch | 50, 64 | 600, 96 |
# | $w$ | SGD, 0.025 falling to 0.001 by a cosine, momentum 0.9, weight decay 3·10⁻⁴, gradient clipped at 5 | SGD, 0.025 falling to 0, the same decay and clipping |
# | α | Adam, 3·10⁻⁴, betas (0.5, 0.999), weight decay 10⁻³; start N(0, (10⁻³)²) | none |
# | regularization | none besides | cutout 16, drop path up to 0.2, auxiliary head 0.4 |
#
# (The paper searches recurrent cells for language models as well. This course leaves them out, here and in lesson 09:
# the method is the same, the operations are activation functions.)
#
# ### Two supernets
#
# | | genotypes (lesson 03) | micro cells (lesson 01) |
# |---|---|---|
# | edges, operations | 14 edges, 8 operations, two kinds of cells: 224 numbers α | 6 edges, 5 operations: 30 numbers α |
# | derived | two strongest edges of each node, never `none` | strongest operation of each edge, `none` too |
# | discrete cells inside | about $10^{18}$ | 15,625 |
# | true accuracy of what is derived | 600 epochs on a GPU | known for every cell, by real training: the course's table |
#
# The left one is what was published. The right one is where a claim can be checked, so most of this lesson happens
# there.

# %% [markdown] lang="en"
# ## From scratch
#
# ### A supernet
#
# Lesson 07's mixed operation, with operations that have weights, on the six edges of a micro cell. Node $j$ adds up its
# mixed edges:

# %%
from torch import nn
from nascourse.networks import (
    build_seeded,
    initial_alphas,
    make_op,
    supernet_seeded,
)
from nascourse.spaces import (
    DARTS_V2,
    MICRO_EDGES,
    MICRO_OPS,
    CellSpace,
    MicroCell,
    MicroSpace,
)


class MixedCell(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.edges = nn.ModuleList(
            nn.ModuleDict({op: make_op(op, channels, affine=False) for op in MICRO_OPS}) for _ in MICRO_EDGES
        )

    def forward(self, x, weights):
        nodes = [x, 0, 0, 0]
        for (i, j), operations, row in zip(MICRO_EDGES, self.edges, weights):
            nodes[j] = nodes[j] + sum(p * op(nodes[i]) for p, op in zip(row, operations.values()))
        return nodes[3]


# %% [markdown] lang="en"
# (Inside a supernet batch normalization is not affine, that is, it has no learned scale: one on each operation could undo
# what α says.)
#
# Check: with one-hot weights the mixture must be the plain cell. Here is one written out by hand, with the operations
# of the same module.

# %% tags=["nbval-check-output"]
from torch.nn.functional import one_hot

torch.manual_seed(0)
cell, x = MixedCell(4), torch.randn(8, 4, 7, 7)
chosen = [3, 1, 2, 1, 4, 3]  # the number of an operation for each edge
a, b, c, d, e, f = (cell.edges[k][MICRO_OPS[o]] for k, o in enumerate(chosen))
node_1 = a(x)
node_2 = b(x) + c(node_1)
by_hand = d(x) + e(node_1) + f(node_2)
print(torch.allclose(cell(x, one_hot(torch.tensor(chosen), 5).float()), by_hand, atol=1e-6))

# %% [markdown] lang="en"
# The package's `Supernet` stacks such cells between a stem and a classifier. Its weights lie under the same names, so a
# cell of it can be copied into ours. The rest of the network around our cell must give the package's answer:

# %% tags=["nbval-check-output"]
theirs, image = supernet_seeded(MicroSpace(), 1, channels=4, cells=(1,), in_channels=1), torch.randn(8, 1, 7, 7)
cell.load_state_dict(theirs.cells[0].state_dict())
weights = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).softmax(1)
mine = theirs.head(cell(theirs.stem(image), weights))
print(torch.allclose(mine, theirs(image, {"cell": weights}), atol=1e-6))

# %% [markdown] lang="en"
# ### A search in fifteen lines
#
# First order: α takes a step down the validation loss with the weights as they are, the weights a step down the
# training loss with α as it is.

# %%
from torch.nn.functional import cross_entropy


def loss(net, alpha, batch):
    images, labels = batch
    return cross_entropy(net(images, {"cell": alpha.softmax(1)}), labels)


def first_order_search(net, alpha, train_batches, valid_batches):
    of_alpha = torch.optim.Adam([alpha], 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    of_w = torch.optim.SGD(net.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    for train, valid in zip(train_batches, valid_batches):
        (alpha.grad,) = torch.autograd.grad(loss(net, alpha, valid), alpha)
        of_alpha.step()
        of_w.zero_grad()
        loss(net, alpha.detach(), train).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        of_w.step()


# %% [markdown] lang="en"
# Two batch iterators run side by side, one for each half of the data. Twenty steps on real images:

# %%
preset = PRESETS["micro"]["lesson"]
data = search_images("micro", preset=preset)  # two halves, of 14 × 14 pixels
net = supernet_seeded(MicroSpace(), 0, in_channels=1, **preset.config.net)
alpha = initial_alphas(net, torch.Generator().manual_seed(0))["cell"]

# %%
order = torch.Generator().manual_seed(1)
halves = [batches(half[:1280], 64, order) for half in (data.train, data.valid)]
first_order_search(net, alpha, *halves)
print(f"after 20 steps: largest weight {float(alpha.softmax(1).max().detach()):.3f}, all began at 0.200")

# %% [markdown] lang="en"
# Is the gradient of α right? The judge is a difference quotient: nudge one α, look at the loss. In double precision, on
# five numbers of α picked here and there:

# %% tags=["nbval-check-output"]
net, alpha = net.double(), alpha.detach().double().requires_grad_()
images, labels = next(batches(data.valid, 64, order))
batch = images.double(), labels
(slopes,) = torch.autograd.grad(loss(net, alpha, batch), alpha)

# %% tags=["nbval-check-output"]
agree = 0
for k in (0, 7, 14, 21, 28):
    nudge = torch.zeros(30, dtype=torch.float64).scatter(0, torch.tensor([k]), 1e-6).reshape(6, 5)
    quotient = (loss(net, alpha + nudge, batch) - loss(net, alpha - nudge, batch)) / 2e-6
    agree += bool((quotient - slopes.flatten()[k]).abs() < 1e-6)
print(agree, "of 5 agree")

# %% tags=["nbval-check-output"]
_, package = darts_step.first_order(net, {"cell": alpha}, batch)
print("as the package:", torch.allclose(package["cell"], slopes))

# %% [markdown] lang="en"
# ### Second order
#
# The imagined step is the step that the optimizer would take, before clipping: SGD with its momentum and its weight decay.
# It must leave no trace, or the model would be trained by steps that were only looked at. (Exercise 08.2 hands you one that leaves
# two.) The package's `virtual_step`, against the optimizer itself on a copy:

# %% tags=["nbval-check-output"]
from copy import deepcopy

net, alphas = net.float(), {"cell": alpha.detach().float()}
train, valid = (next(batches(half, 64, order)) for half in (data.train, data.valid))
of_w = torch.optim.SGD(net.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
darts_step.weight_step(net, alphas, train, of_w, clip=5)  # the optimizer has some momentum now
before = deepcopy(net.state_dict())
imagined = darts_step.virtual_step(net, alphas, train, of_w, xi=0.025)

# %% tags=["nbval-check-output"]
print("left as it was:", all(torch.equal(before[name], now) for name, now in net.state_dict().items()))
real, its_optimizer = deepcopy((net, of_w))
its_optimizer.zero_grad()
loss(real, alphas["cell"], train).backward()
its_optimizer.step()
print("the same step:", all(torch.allclose(w, imagined[name], atol=1e-6) for name, w in real.named_parameters()))

# %% [markdown] lang="en"
# Then the formula of lesson 07, with the product by finite differences: validation gradient at $w'$, two training
# gradients by α at $w \pm \varepsilon v$. On a smooth toy the difference was right to a thousandth. Lesson 07 left open
# what becomes of it on a network with ReLU and max pooling. The judge, autograd's exact double backward, is at hand:


# %%
def flat(gradient):
    return gradient[1]["cell"].flatten()


exact = flat(darts_step.second_order(net, alphas, train, valid, of_w, scale=None))
paper = flat(darts_step.second_order(net, alphas, train, valid, of_w))
first = flat(darts_step.first_order(net, alphas, valid))
for name, gradient in (("by differences", paper), ("first order", first)):
    cosine = torch.nn.functional.cosine_similarity(gradient, exact, dim=0)
    print(f"{name:15} cosine with the exact gradient {cosine:.4f}, length {gradient.norm() / exact.norm():.3f}")

# %% [markdown] lang="en"
# One batch of one supernet after twenty steps shows only that the question is a fair one. The recorded answer is under
# *Run it*.
#
# ### How sharp is the valley?
#
# One sign that a search goes wrong is said to be the curvature of $L_{val}$ in α: the largest eigenvalue of the matrix
# of second derivatives, the **α-Hessian**. If it is large, a small change of α changes the loss much, and derivation is
# a large change. For 30 α the matrix can be built whole. For the 224 of genotypes that takes 224 products with a vector,
# while the top eigenvalue alone takes about twenty of them, whatever the size. Both ways must agree. And the matrix must have at least six eigenvalues
# of zero, one for each edge. (Why? Add a number to all α of an edge.)

# %%
few = valid[0][:16], valid[1][:16]
hessian = torch.autograd.functional.hessian(
    lambda a: darts_step.supernet_loss(net, {"cell": a}, few), alphas["cell"]
).reshape(30, 30)
eigenvalues = torch.linalg.eigvalsh(hessian.double())
by_products = top_eigenvalue(lambda a: darts_step.supernet_loss(net, a, few), alphas)
print(f"top eigenvalue {eigenvalues[-1]:.5f}, from products {by_products:.5f}")

# %% tags=["nbval-check-output"]
print("agree:", bool(abs(by_products - eigenvalues[-1]) < 0.01 * eigenvalues[-1]))
print("eigenvalues of zero:", int((eigenvalues.abs() < 1e-4 * eigenvalues[-1]).sum()))

# %% [markdown] lang="en"
# ### From α to a genotype
#
# On micro cells one takes the strongest operation of each edge. On genotypes DARTS keeps two edges of each node. The
# oracle here is a published cell: α that are large where `DARTS_V2` has its edges must give `DARTS_V2` back. And adding
# a number to all α of an edge changes nothing that the edge computes, so it must not change what is kept.

# %%
big = supernet_seeded(CellSpace(), 0, channels=4, cells=2)
print(len(big.edges), "edges:", *big.edges)
print(len(big.ops), "operations:", *big.ops)

# %%
draw = torch.Generator().manual_seed(2)
planted = {kind: torch.randn(14, 8, generator=draw) for kind in big.kinds}
for kind in big.kinds:
    for source, target, op in getattr(DARTS_V2, kind).edges():
        planted[kind][big.edges.index((source, target)), big.ops.index(op)] = 9.0

# %% tags=["nbval-check-output"]
shifted = {kind: rows + 20 * torch.rand(14, 1, generator=draw) for kind, rows in planted.items()}
print("published cell:", derive(big, planted) == DARTS_V2, "| after the shift:", derive(big, shifted) == DARTS_V2)

# %% [markdown] lang="en"
# ### What it costs
#
# A supernet computes everything, and training must keep everything until the backward pass. Count the bytes that
# autograd keeps for one batch of eight CIFAR-sized images, for the paper's search network, for the same with *partial
# channels* (only a quarter of the channels goes through the operations, the rest passes by), and for one derived cell
# in a network of the same size:


# %%
def kept_megabytes(forward):
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        forward().sum()
    return sum(kept.values()) / 1e6


# %%
image = torch.zeros(8, 3, 32, 32)
even = {kind: torch.full((14, 8), 1 / 8, requires_grad=True) for kind in big.kinds}
whole = kept_megabytes(lambda: supernet_seeded(CellSpace(), 0)(image, even))
part = kept_megabytes(lambda: supernet_seeded(CellSpace(), 0, partial=4)(image, even))
derived = kept_megabytes(lambda: build_seeded(DARTS_V2, 0, channels=16, cells=8)(image))
for name, size in (("supernet", whole), ("partial channels", part), ("derived cell", derived)):
    print(f"{name:17} {size:5.0f} MB, {size / derived:4.1f} times the derived cell")

# %% [markdown] lang="en"
# That is the price of sharing: memory and time grow with the number of candidates, not with what is kept in the end.
# In time a round of the search takes two gradients of this network, or more with second order (exercise 08.3). The
# search is cheap all the same, because there is only one of it.
#
# Much of this is avoidable work. Edges from one node apply the same ReLU and the same pooling to the same tensor; the
# step of α needs no gradient of $w$, and the step of $w$ none of α. The package does such things once or not at all,
# with the same numbers as our plain cell. `benchmarks/darts_step.py` times a first-order step against a plain supernet
# like the one above, and says what it gave: on two CPU cores, with the paper's search network, a factor of three to four.
# (Part of it is the layout of the tensors in memory, and a backward pass of our own for depthwise convolutions.)

# %% [markdown] lang="en"
# ## See it
#
# A recorded search of 500 steps on genotypes, small enough for a laptop: three cells of four channels on 14×14 images.
# α learn at 0.01: so they can go as far in 500 steps as in the paper's 19,500 steps at 0.0003. First everything at once:

# %%
history = AlphaHistory.load(find("results/08_cell.npz"))
show(
    alpha_trajectories(history, "normal", width=640),
    alt="Fourteen small charts, one for each edge of the normal cell: the weights of eight operations over 500 steps.",
)

# %% [markdown] lang="en"
# *The 14 edges of the normal cell: a row for each target, a column for each source. On each edge the eight weights begin
# at 1/8 and drift apart. Framed: the edges, and thick the operations, that are derived in the end.*
#
# No edge has come near a decision: even the strongest operation of all holds less than half of its edge. The cell is
# read off by comparing these numbers all the same. How close is it between the weaker edge that a node keeps and the
# best one that it drops?

# %%
strength = history.weights("normal")[-1][:, 1:].max(1)  # column 0 is `none`
for node in (3, 4, 5):
    into = {f"{i}→{j}": strength[row] for row, (i, j) in enumerate(history.edges) if j == node}
    _, kept, dropped, *_ = sorted(into, key=into.get, reverse=True)
    print(f"node {node}: {kept} kept with {into[kept]:.3f}, {dropped} dropped with {into[dropped]:.3f}")

# %% [markdown] lang="en"
# Now step by step:

# %%
AlphaEvolutionExplorer(history)

# %% [markdown] lang="en"
# *Left the weights in percent, row by row an edge, and how undecided it is (entropy; ln 8 = 2.079 is undecided
# altogether). Right the cell that would be derived at this step. Below, for both kinds of cells, the mean entropy and
# the number of skip connections over the whole search.*
#
# **Three things to try:**
#
# 1. Play the last hundred steps. Does the derived cell still change? Would you have stopped earlier, and when?
# 2. Go to step 200 and look at node 4. An edge is kept although another one into this node has a larger number in its
#    row. Which column is that number in, and why does it not count?
# 3. Switch to the reduction cell. Which operations rise there, which in the normal cell?

# %% [markdown] lang="en"
# ## Run it
#
# ### One search, live
#
# On micro cells, first order, with networks and training images of the course's table. Its validation images stay
# unseen. After each epoch the derived cell is looked up: what it reaches on the test images, trained from
# scratch. α learn at 0.005, as in the recorded searches further below, which go on for 20 epochs.

# %%
from dataclasses import replace
from nascourse.evaluation import TabularBenchmark, retrain, retrain_plan

table = TabularBenchmark.load()
preset = replace(PRESETS["micro"]["lesson"], images=budget.images)
config = replace(preset.config, epochs=budget.epochs, alpha_lr=0.005)


# %%
def genotype_scored(search):
    row, cell = search.epochs[-1], search.derived()
    print(f"step {row['step']:3}: supernet {row['accuracy']:.3f}", end=", ")
    print(f"derived, trained from scratch, {table.test_accuracy(cell):.4f}", end=", ")
    print(f"{cell.ops.count('skip_connect')} skips")


search = DartsSearch(MicroSpace(), config, search_images("micro", preset=preset), seed=100, after_epoch=genotype_scored)
live = search.run()
print(search.derived())

# %% [markdown] lang="en"
# The supernet's accuracy is that of the mixture, after a few hundred steps. It says how well the search trains, not how
# good the derived cell is: compare the two columns. That was one seed and a short run. What follows was recorded.

# %% [markdown] lang="en"
# ### Is second order second order?
#
# The judge is the exact gradient: the product of second derivatives by double backward, in double precision. Along
# searches on both supernets, at the start and after each epoch, on the same two batches: how well does the finite
# difference point with it? Once with ε and single precision as in the paper's code; then with an ε ten times as large,
# and with much smaller ones in double precision, where a smaller step should come closer to a derivative.

# %%
from textwrap import fill


second = evidence.load("08_second_order")
print(fill(str(evidence.verdict("08_second_order")), 95))

# %%
import numpy as np

for arm in second.arms:
    rows = [row.values for row in second.of(arm)]
    share = np.mean([row["share"] for row in rows])
    print(f"{arm}: the second-order term is {share:.1%} as long as the direct one; cosine of its direction:")
    for name in rows[0]["product"]:
        cosines = np.array([row["product"][name] for row in rows])
        print(f"   {name:17} mean {cosines.mean():.3f}, lowest {cosines.min():.3f}")

# %% [markdown] lang="en"
# The line "ε as in the code" of genotypes answers the fourth prediction: the paper's term points only roughly where the
# exact one does. (On a supernet of three cells with four channels, over 150 steps; of the paper's own supernet that says
# nothing yet.) Now look down the list. A **larger** ε is better, a smaller one is worse, and a very small one is exact.
# On a smooth function that could not be. (On a small smooth supernet, in the course's tests, the paper's ε is right to a
# thousandth.) What is different here?
#
# A supernet has kinks: a ReLU switches, a max pooling takes another pixel. At a kink, $\partial L / \partial \alpha$
# **jumps**. The difference over $2\varepsilon$ contains every jump between $w - \varepsilon v$ and
# $w + \varepsilon v$, and a batch passes millions of ReLUs. Half the ε crosses half as many jumps but divides each by half
# as much: they do not fade away, and fewer of them average out worse. Only when ε is so small that no kink at all is
# crossed does the quotient agree with double backward, which never sees a jump. In single precision such an ε is out
# of reach: rounding comes first.
#
# That is the term. What α receives is the whole gradient, direct part and term together:

# %%
rows, shown = [row.values for row in second.of("genotypes")], ESTIMATORS[:2] + ESTIMATORS[-2:]
cosine, norm = ({name: [row[key][name] for row in rows] for name in shown} for key in ("cosine", "norm"))
show(
    gradient_quality(range(len(rows[0]["share"])), cosine, norm, xlabel="epoch"),
    alt="Cosine with the exact gradient, and ratio of norms, of four estimators over the epochs.",
)

# %% [markdown] lang="en"
# *Mean over six searches on genotypes, the bands reach from the lowest to the highest. Above the cosine with the exact
# gradient, below how long the estimate is in comparison, both over the epochs. Dotted: exact. "times ε" is trap T1 of
# lesson 07, a term that is multiplied by ε where it should be divided.*
#
# The term is a small part of the gradient, on average a tenth, early in the search a quarter. So the means lie above 0.9,
# though at the start single searches are as low as 0.76. They point better later because ξ, the learning rate of $w$,
# falls to a tenth; the term's own direction does not improve.
#
# But the order is not what one would expect. With the bug of T1, which in effect leaves the term out and keeps the virtual
# step, the gradient is **closer** to the exact one than with the paper's formula, in every state that was looked at. Half
# the right direction would still help, if the length were right. How long is the term? It follows from what is recorded:


# %%
def term(row, name):
    """Of each state: the term's length in units of the exact one, and the error that is left in units of it."""
    direct = np.array(row["norm"]["times ε (T1)"])  # all but the term
    exact, cosine = np.array(row["share"]) * direct, np.array(row["product"][name])
    square = np.array(row["norm"][name]) ** 2 + 1 - 2 * np.array(row["norm"][name]) * np.array(row["cosine"][name])
    along = exact * cosine
    return (along + np.sqrt(np.maximum(along**2 + square - exact**2, 0))) / exact, np.sqrt(square) / exact


for arm in second.arms:
    for name in ESTIMATORS[:2]:
        length, error = np.concatenate([term(row.values, name) for row in second.of(arm)], axis=1)
        print(f"{arm:12} {name:17} length {np.median(length):.2f}, error {np.median(error):.2f} (medians)", end="; ")
        print(f"better without it in {(error > 1).sum()} of {len(error)} states")

# %% [markdown] lang="en"
# *Length 1 is right. Error 1 is what is left when the term is left out.*
#
# On genotypes the paper's term is more than twice too long, because the jumps add to it; leaving it out is better in nearly
# every state. On micro cells, where its direction is better, it helps more often than not. With an ε ten times as large it
# helps on both. None of this makes the bug right, and none of it says which gradient finds better *cells*: no search was
# run with either.

# %% [markdown] lang="en"
# ### The failure, and its cures
#
# Many have reported that DARTS, left to itself, ends in cells full of **skip connections**, and that such cells are
# bad (Zela et al. 2020; Liang et al. 2019; Dong and Yang 2020). The usual account: a skip needs no training, so early
# in the search it is the best of a mixture whose convolutions are still raw; its α grows, the gradient flows through
# it, and the convolutions train the less. Proposed **signs** and **cures**:
#
# | | idea | source |
# |---|---|---|
# | stop on skips | stop as soon as the cell has two skips | DARTS+ |
# | stop on curvature | the top eigenvalue of $\partial^2 L_{val} / \partial \alpha^2$ rises before the cell goes bad; go back | RobustDARTS |
# | partial channels | a quarter of the channels goes through the mixture: less memory, and less to gain by a skip | PC-DARTS |
# | perturbation | do not read α at all: take out each operation in turn, and keep what the supernet misses most | Wang et al. 2021 |
# | α regularization | pull down large α, more and more | β-DARTS |
#
# Here the true accuracy of every derived cell is known, so this can be looked at along the whole search. Recorded, each
# with six seeds: searches of 20 epochs, plain, with partial channels and with α regularization, and random search of 40
# cells. α learn at 0.005, so that they can go as far as in the paper's 19,500 steps at 0.0003. (Windows of 5 epochs and a
# ratio of 0.75 for the curvature, which is taken on 64 images; regularization rising to a strength of 50; 20 steps of
# training after each edge that perturbation decides. The papers' own searches are longer, and tuned.) First DARTS as it
# is:

# %%
collapse = evidence.load("08_collapse")
searches = [row.values for row in collapse.of("DARTS")]
accuracy = [[truth(cell) for cell in search["cell"]] for search in searches]
skips, losses, curvature = ([search[key] for search in searches] for key in ("skips", "loss", "eigenvalue"))
final, epochs = final_accuracies(collapse), range(1, len(losses[0]) + 1)
show(
    collapse_figure(epochs, accuracy, skips, losses, curvature, random=float(np.mean(final["random search"]))),
    alt="Over the epochs: accuracy of the derived cell, skips, the supernet's loss, the top eigenvalue; six searches.",
)

# %% [markdown] lang="en"
# *Six searches over 20 epochs, thin, and their mean. From top to bottom: true accuracy of the cell that would be derived
# after this epoch (dotted: random search), its skip connections, the supernet's validation loss, the top eigenvalue.*
#
# The first two charts answer the first two predictions. Search by search:

# %%
for k, (search, seen) in enumerate(zip(searches, accuracy)):
    print(f"{k}: lowest {min(seen):.3f}, end {seen[-1]:.3f}, {search['skips'][-1]} skips,", end=" ")
    print(f"eigenvalue {curvature[k][0]:.2f} -> {curvature[k][-1]:.2f}")

# %% [markdown] lang="en"
# The loss of the supernet falls in every search. The derived cell does not follow it: it **wanders**. In three searches
# it was, for some epochs, a cell through which nothing flows from input to output, and which can only guess (0.10).
# Such a thing has to be possible where `none` may win an edge. At the end some cells are good and some are poor. In the mean
# it gets worse and comes back: no later epoch is better than the first one, when α had hardly moved.
#
# **What failed is not what was reported.** No search ends in skip connections: at most two of six edges have one, less
# than half. (But these searches are not those that were reported either: 20 epochs with α learning at 0.005, 17 times the
# paper's rate. Whether 50 epochs at 0.0003 end in skips, they do not tell.) And the sign that was proposed is there all the same: the top eigenvalue rises two and a half to ten times in
# all six, also in the searches that end well.

# %% [markdown] lang="en"
# ### Is it worse than random search?
#
# The claim was written down before: random search beats the cell that DARTS derives at the end by more than a point.
# (Random search draws 40 cells, looks at one training of each, and keeps the best by its validation accuracy. All are
# compared by their accuracy on the test images, the mean of three trainings. One of these three is the training that
# chose, which flatters random search a little.)

# %%
print(fill(str(evidence.verdict("08_collapse")), 95))

# %%
lead = final_difference(collapse, "random search", "DARTS, at the end")
print(f"random search - DARTS: {lead.estimate:.3f} [{lead.low:.3f}, {lead.high:.3f}]", end=", ")
print(f"p {final_p(collapse, 'random search', 'DARTS, at the end'):.2f} by permutation")

# %% [markdown] lang="en"
# In the mean random search is better by more than three points; that the difference is more than the one point of the
# claim is not shown.

# %%
show(
    strip_plot(final, baseline="random search", xlabel="test accuracy of the cell that is kept"),
    alt="Test accuracy of what each method keeps, six runs each, with means and intervals.",
)

# %% [markdown] lang="en"
# *What each method keeps, six runs each: marks are runs, diamonds their means with 95 % intervals. The dashed line is the
# mean of random search. Stopping and perturbation choose otherwise from the same six searches as DARTS at the end; partial
# channels and α regularization are searches of their own.*
#
# What do the kept cells consist of? The mean number of edges with each operation, out of six:

# %%
print(" " * 19, *(f"{op.replace('_connect', '').replace('nor_', ''):>12}" for op in MICRO_OPS))
for name, (arm, keep) in ARMS.items():
    kept = [keep(row.values) for row in collapse.of(arm)]
    print(f"{name:19}", *(f"{np.mean([cell.count(op) for cell in kept]):12.1f}" for op in MICRO_OPS))

# %% [markdown] lang="en"
# How many random cells are worth one search? Take $k$ cells at random, look at one training of each, keep the best by its
# validation accuracy. Its expected test accuracy, mean of three trainings, follows from the table for every $k$; no search
# need be run:

# %%
cells = list(MicroSpace().all_cells())
seen = np.nan_to_num([table.evaluate(cell, table.seeds[0]).accuracy for cell in cells])
true = np.array([table.test_accuracy(cell) for cell in cells])[np.argsort(seen, kind="stable")]


def best_of(k):
    return true @ np.diff((np.arange(len(true) + 1) / len(true)) ** k)


# %%
def worth(accuracy):
    if accuracy < best_of(1):
        return "less than 1"
    return next((k for k in range(1, 500) if best_of(k) >= accuracy), "more than 500")


for name in ("DARTS, at the end", "stop by eigenvalue", "perturbation"):
    mean = evidence.average(final[name])
    print(f"{name:18} is worth the best of {worth(mean.estimate)} random cells", end="; ")
    print(f"by its interval, of {worth(mean.low)} to {worth(mean.high)}")
seconds = [
    sum(table.evaluate(MicroCell.from_string(cell)).extra["seconds"] for cell in row.values["cells"])
    for row in collapse.of("random search")
]
print(
    f"40 trainings: {np.mean(seconds):.0f} s; a DARTS search with all that was measured in it: "
    f"{min(row.seconds for row in collapse.of('DARTS')):.0f} s at the quickest"
)

# %% [markdown] lang="en"
# This answers the third prediction. (It compares results. The costs are of one size here, with cells this small; on CIFAR-10
# a search is far cheaper than forty trainings.) Which cure cures? The difference to DARTS at the end, and to random search, with its interval; cures that
# read DARTS' own searches are compared with it search by search. These are ten questions at once, so the p-values (by
# permutation) are adjusted after Holm, and *better* or *worse* is said below 0.05 only. (The intervals are bootstrapped from
# six values, which makes them too narrow, and nothing adjusts them for ten questions. Where the two disagree, believe the
# p-value.)

# %%
PLAIN = ("DARTS, at the end", "random search")
pairs = [(name, other) for name in final if name not in PLAIN for other in PLAIN]
adjusted = evidence.holm([final_p(collapse, name, other) for name, other in pairs])
for (name, other), p in zip(pairs, adjusted):
    effect = final_difference(collapse, name, other)
    word = "undecided" if p >= 0.05 else "better" if effect.estimate > 0 else "worse"
    print(f"{name:19} - {other:17} {effect.estimate:+.4f} [{effect.low:+.4f}, {effect.high:+.4f}] p {p:.2f} {word}")

# %% [markdown] lang="en"
# **Six searches each decide nothing, and for some questions they could not have.** Six pairs have a smallest possible
# p-value of 0.03, and ten times that is 0.31: whatever perturbation had done, the table would say *undecided*. That should
# have been seen before the searches were run. What can be seen without a test:
#
# - **Stopping on skips** stops one search, in its last epoch: no other ever has two. Its cells are those of DARTS.
#   (A cure for skips cannot show anything where there are none.)
# - **Stopping on curvature** stops every search, four of six at the first chance, because the eigenvalue rises from the
#   start. In two of six it goes back to an epoch whose cell computes nothing: here the sign does not tell a good epoch
#   from a bad one.
# - **Perturbation** has the highest mean, and keeps a better cell than DARTS in all six searches. (For that alone,
#   $p = 2/2^6 = 0.03$; as one of ten questions, not enough.) It never keeps `none`, and hardly could: taking out `none`
#   takes nothing away, so it is never missed. How much of the gain is only that, these runs do not tell.
# - **Partial channels** had five good searches (0.79 and more) and one whose cell computes nothing. One such run decides
#   the mean.
# - **α regularization** ends in cells without `none`, too, and its runs are scattered no less than DARTS' own.
#
# By the best of their six runs, partial channels would come second, before random search; by the mean, they are last but
# one. Whoever reports the best of a few runs can report nearly anything.

# %% [markdown] lang="en"
# ### What was published
#
# | CIFAR-10, with cutout | test error, % | parameters | search, GPU-days |
# |---|---|---|---|
# | DARTS, first order | 3.00 ± 0.14 | 3.3 M | 1.5 |
# | DARTS, second order | 2.76 ± 0.09 | 3.3 M | 4 |
# | random search in the same space, best of 24 | 3.29 ± 0.15 | 3.2 M | 4 |
# | PC-DARTS | 2.57 | 3.6 M | 0.1 |
#
# (DARTS paper, Table 1; PC-DARTS from its authors' page.) Read the small print. DARTS' cells are the best of **four**
# searches, chosen by training each for 100 epochs, which took one more GPU-day; evaluating the chosen one took 1.5 more.
# The last column has the four searches together, and neither of these two. (The ± is over ten trainings of the one
# cell; 1.5 is for one of them.) The difference between the orders, 0.24, is not much larger than the spreads. When
# $w$ and α were trained together on all the data, the error was 4.16 ± 0.16 by coordinate descent and 3.56 ± 0.10
# simultaneously: **worse than random search**. Two halves of the data are not a detail
# (section 3.3 of the paper).
#
# And in another space it failed: on NAS-Bench-201, whose cells our micro cells are, DARTS'
# cells reach 54.30 % test accuracy on CIFAR-10, where the best cell has 94.37 %. Its cells had ended as all skip
# connections.

# %% [markdown] lang="en"
# ## Full run
#
# Search and evaluation with the paper's numbers on CIFAR-10: 50 epochs of search, second order, then 600 epochs of the
# derived cell. Both can be stopped at any moment; run again, they go on where they were, and α takes the path it would
# have taken. From the shell, an hour at a time:
#
# ```bash
# nascourse darts search --data cifar10 --preset paper --out runs/darts_search --minutes 60
# nascourse train runs/darts_search/genotype.json --data cifar10 --preset paper --out runs/darts_training --minutes 60
# ```
#
# `--preset cpu_hour` takes about an hour for the search and another one for the training, on the course's own images;
# `--data fashion_full` takes all of Fashion-MNIST, five times as many. `--preset gpu_hour` is an estimate for a GPU that
# has not been timed. While it runs, the search leaves `history.npz` after every epoch, which the explorer above plays; the training leaves its numbers and
# the network as a program that runs without this course. The images have to be in the folder that `NASCOURSE_DATA`
# names; nothing is downloaded unasked (`--download` asks).

# %%
from pathlib import Path


def full_search(images, size, folder=None):
    preset = PRESETS["cell"][size]
    search = DartsSearch(CellSpace(), preset.config, search_images("cell", images, preset), device=pick_device())
    search.run(folder, progress="search")
    return search.derived()


def full_training(genotype, images, size, folder=None):
    plan = retrain_plan.PRESETS[size]
    return retrain(genotype, retrain_plan.retrain_data(images, plan), plan, 0, folder, pick_device(), progress=True)


# %%
def full_run(images, size, search_folder=None, training_folder=None):
    genotype = full_search(images, size, search_folder)
    done = full_training(genotype, images, size, training_folder)
    print(f"{done.counts.params:,} parameters, test accuracy {done.test:.4f}")


# %%
if budget.mode == "full":
    full_run("cifar10", "paper", Path("runs/darts_search"), Path("runs/darts_training"))
else:  # the same in a few seconds: its accuracy means nothing
    full_run("fashion_mnist", "ci")

# %% [markdown] lang="en"
# The stored full run is what two hours of one CPU core give: `--preset cpu_hour`, on the course's 12,000 images. Five
# cells of 8 channels are searched in first order on images of 14 × 14 pixels; the derived cell is trained from scratch
# in a network of eight cells, on 10,000 images of full size.

# %%
import json


stored = AlphaHistory.load(find("results/08_full_search.npz"))
training = json.loads(find("results/08_full_training.json").read_text(encoding="utf-8"))
show(cell_scene(stored.derived(-1).normal, title="The normal cell of the stored search"))

# %% [markdown] lang="en"
# *What the stored search derived at its end, the normal cell. (The reduction cell lies in the same file.)*

# %%
took = {"search": sum(row["seconds"] for row in stored.meta["sittings"])}
took["training"] = sum(row["seconds"] for row in training["rows"])
for name, sittings in (("search", stored.meta["sittings"]), ("training", training["sittings"])):
    last = sittings[-1]
    print(f"{name}: {took[name] / 60:.0f} minutes, {last['date']}, {last['hardware']['cpu']}, {last['command']}")
print(f"supernet: {stored.epochs[-1]['accuracy']:.4f} on its validation images; {stored.skips(-1)} skips derived")
print(f"derived: {training['params']:,} parameters, test accuracy {training['test']:.4f} on 10,000 images")

# %% [markdown] lang="en"
# One search and one training: the numbers say that the machinery works from end to end. They do not say whether the search
# was worth its time. For that a few random genotypes would have to be trained beside it, in the same way.

# %% [markdown] lang="en"
# ## What goes wrong
#
# Lesson 07 met three traps on small examples: a product that multiplies by ε (T1), a step that binds a name (T2), and
# raw α compared between edges (T3). Exercises 08.1 and 08.2 bring two of them back. Here are three more that need a
# network, or its data.
#
# ### α without a gradient
#
# Some searches compute one sampled operation on each edge only. The sample is one-hot, and it is tempting to store it
# as a mask:

# %% tags=["nbval-check-output"]
alpha = alphas["cell"].clone().requires_grad_()
soft = alpha.softmax(1)
mask = soft == soft.max(1, keepdim=True).values
for name, weights in (("as a mask", mask.float()), ("straight-through", mask + soft - soft.detach())):
    logits = net(valid[0], {"cell": weights})
    (slope,) = torch.autograd.grad(logits.sum(), alpha, allow_unused=True)
    print(f"{name:16} gradient of α: {'none' if slope is None else 'there'}")

# %% [markdown] lang="en"
# The comparison has no derivative: α gets none. The weights learn, the training loss falls, and the search returns the
# random numbers that it started from. Forward the one-hot sample, backward the softmax (*straight-through*, lesson 07).
#
# ### A loader made anew in every step
#
# To get a batch of the second half, several public implementations write `next(iter(loader))` inside the loop. The
# loader shuffles, so nothing seems wrong. Sixteen batches of sixteen images, and one epoch's worth of steps:

# %%
from torch.utils.data import DataLoader

loader = DataLoader(range(256), batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(0))
anew = {int(i) for _ in range(16) for i in next(iter(loader))}
once = {int(i) for batch in loader for i in batch}
print(f"seen after 16 steps: {len(anew)} of 256; in a proper epoch: {len(once)}")

# %% [markdown] lang="en"
# Each `iter` starts an epoch that nobody finishes. A batch is drawn from all images every time, and after an epoch's
# worth of steps about $1/e \approx 37\,\%$ of the images have not been seen. With worker processes it also starts new
# processes in every step.
#
# ### A look that leaves a mark
#
# A supernet in training mode updates the running means of its batch normalizations in **every** forward pass. Second
# order makes four more passes than the weights' own step, three of them at weights that the model never has. What do the buffers
# remember?

# %%
looked_at = deepcopy(net)
for _ in range(4):
    loss(looked_at, alphas["cell"], valid)  # only looked at
same = [torch.equal(a, b) for a, b in zip(net.parameters(), looked_at.parameters())]
print("weights the same:", all(same))
same = [torch.equal(a, b) for a, b in zip(net.buffers(), looked_at.buffers())]
print("running statistics the same:", all(same))

# %% [markdown] lang="en"
# The weights are the same, and yet it is another model in evaluation mode. The package computes those passes with
# buffers of their own and throws them away.

# %% [markdown] lang="en"
# ## Exercises
#
# ### 08.1 Derive a whole cell (15 minutes)
#
# `alphas` has a row for each edge, ordered by target node, then by source: node 2 reads nodes 0 and 1, node 3 reads
# nodes 0 to 2, and so on. `ops` names the columns; one of them is `none`. Return `(operation, input)` of the two edges
# that each node keeps, node after node, in the order of inputs.


# %%
def derive_cell(alphas, ops):
    return ...


# %%
check("08.1", derive_cell)

# %%
hint("08.1")

# %%
solution("08.1")

# %% [markdown] lang="en"
# ### 08.2 Mend a virtual step (15 minutes)
#
# Two silent bugs. Three lists of tensors: weights, their gradients, and the momentum buffers of SGD. The function below
# should return the weights after SGD's next step, and change nothing. It runs, complains about nothing, and is wrong
# twice. Write `virtual_step`, right.


# %%
def step_with_two_bugs(weights, gradients, buffers, lr, momentum, decay):
    for w, g, m in zip(weights, gradients, buffers):
        m.mul_(momentum).add_(g + decay * w)
        w = w - lr * m
    return weights


# %%
def virtual_step(weights, gradients, buffers, lr, momentum, decay):
    return ...


# %%
check("08.2", virtual_step)

# %%
hint("08.2")

# %%
solution("08.2")

# %% [markdown] lang="en"
# ### 08.3 What second order costs (3 minutes)
#
# A round moves α once and $w$ once. Count gradients of the supernet, that is, backward passes. How many **times** as
# many does a round with second order by finite differences take as a round with first order?

# %%
check("08.3", ...)

# %%
hint("08.3")

# %%
solution("08.3")

# %% [markdown] lang="en"
# ### 08.4 Partial channels (10 minutes)
#
# PC-DARTS sends the first $1/k$ of the channels through the mixed operation and lets the others pass. Then it shuffles
# the channels: seen as $k$ groups one behind the other, the new order takes the first channel of every group, then the
# second of every group, and so on. `x` is (batch, channels, height, width), `mixed` the mixed operation.


# %%
def partial_channels(x, mixed, k):
    return ...


# %%
check("08.4", partial_channels)

# %%
hint("08.4")

# %%
solution("08.4")

# %% [markdown] lang="en"
# ### 08.5 When to stop (10 minutes)
#
# `eigenvalues` has the top eigenvalue of the α-Hessian after each epoch, numbered from 0. Smooth it: the mean of the last
# `window` values. Stop at the first epoch $i$ where the smoothed value of epoch $i -$ `window`, divided by that of epoch
# $i$, is below 0.75; both are means of whole windows, so $i$ is at least 2 `window` − 1. Return the epoch to go back to,
# $i -$ `window`, or the last one if the search never stops.


# %%
def epoch_to_keep(eigenvalues, window):
    return ...


# %%
check("08.5", epoch_to_keep)

# %%
hint("08.5")

# %%
solution("08.5")

# %% [markdown] lang="en"
# ### 08.6 The whole bill (3 minutes)
#
# Read *What was published* again. How many GPU-days do the four searches, the choice and **one** training of the chosen
# cell take together?

# %%
check("08.6", ...)

# %%
solution("08.6")

# %% [markdown] lang="en"
# ### Experiment
#
# DARTS starts all α equal and moves them slowly, with a learning rate of 3·10⁻⁴. Give the live search `alpha_lr=0.05`
# instead of 0.005, and see with `live.entropy("cell")` how fast the edges decide. Before you start: will the derived cell have more
# skip connections, fewer, or as many? How many searches do you need before you believe the answer?
#
# ### Open question
#
# The supernet is trained so that the *mixture* is good, and judged as a mixture. What would a supernet have to be trained
# for, if its single cells should be ranked rightly? What would that cost? (Lesson 09 takes one way: it trains single
# cells, one sampled after the other.)

# %% [markdown] lang="en"
# ## Summary
#
# - DARTS relaxes, alternates steps of α and $w$ on two halves of the data, and derives: softmax over each edge, `none`
#   left out, the two strongest edges of each node (08.1).
# - A virtual step is the optimizer's own, as new tensors; model, momentum and running statistics stay (08.2).
# - A supernet keeps the outputs of all operations in memory; second order takes 2.5 times the gradients of first order;
#   partial channels send a part of the channels through the operations (08.3, 08.4, 08.6).
# - Early stopping looks for a rise of the smoothed top eigenvalue, and goes back (08.5).
# - In our evidence the derived cell wanders while the supernet's loss falls; it does not end in skip connections, and six
#   searches each are too few to say that any of five cures cures.

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | DARTS | 可微架构搜索 | differentiable architecture search |
# | supernet | 超网络 | one network that holds all architectures of a space |
# | weight sharing | 权重共享 | all architectures in it use the same weights |
# | architecture encoding α | 网络架构编码 α | a number for each operation on each edge |
# | weights ω | 权重参数 ω | the numbers of the operations ($w$ here) |
# | relaxation | 松弛 | from a choice to a mixture |
# | bilevel optimization | 双层优化 | α descends one loss, $w$ another |
# | first order, second order | 一阶、二阶 | without and with a look at the step of $w$ |
# | virtual step | 虚拟步 | a step that is only looked at |
# | top-k derivation | 保留 top-k 运算 | keep the strongest operations and edges |
# | discretization gap | 离散化差距 | what is lost between mixture and cell |
# | collapse | 退化 | ending in skip connections |
# | skip connection | 跳跃连接 | the identity |
# | early stopping | 提前停止 | end the search before it goes bad |

# %% [markdown] lang="en"
# ## References
#
# - H. Liu, K. Simonyan, Y. Yang, *DARTS: Differentiable Architecture Search*, ICLR 2019, arXiv:1806.09055: sections 2.2
#   to 2.4 (relaxation, bilevel problem, derivation), algorithm 1, equations 7 and 8 (second order), section 3 (settings),
#   Table 1 (results, small print included).
# - A. Zela et al., *Understanding and Robustifying Differentiable Architecture Search*, ICLR 2020, arXiv:1909.09656:
#   section 4, top eigenvalue and early stopping (4.3).
# - H. Liang et al., *DARTS+: Improved Differentiable Architecture Search with Early Stopping*, 2019, arXiv:1909.06035:
#   section 3, the number of skip connections as a criterion.
# - Y. Xu et al., *PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search*, ICLR 2020,
#   arXiv:1907.05737: section 3, partial channels (its edge normalization is left out here).
# - R. Wang et al., *Rethinking Architecture Selection in Differentiable NAS*, ICLR 2021, arXiv:2108.04392: algorithm 1,
#   selection by perturbation.
# - P. Ye et al., *β-DARTS: Beta-Decay Regularization for Differentiable Architecture Search*, CVPR 2022,
#   arXiv:2203.01665: α regularization.
# - X. Dong, Y. Yang, *NAS-Bench-201*, ICLR 2020, arXiv:2001.00326: the micro cell, and DARTS on it (results table).
