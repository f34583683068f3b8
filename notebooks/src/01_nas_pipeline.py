# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax}
# ---

# %% [markdown] lang="en"
# # 01 · Run the whole pipeline once
#
# You define a search space, search it at random, evaluate what the search proposes on real images, and find out what
# the winner is worth on images that nobody has seen.
#
# **Read** 35 minutes · **Run** 40 seconds on two CPU cores · **Needs** [00](00_start_here.ipynb)

# %% [markdown] lang="en"
# ## You will be able to
#
# - name the three parts of a neural architecture search, and say which of them a change touches (exercise 01.1)
# - read a cell, count the cells of a space, and count the weights of a cell that do any work (exercises 01.2, 01.3 and
#   01.4)
# - write a random search with its best-so-far curve (exercise 01.5)
# - say what a larger budget buys before paying for it (exercise 01.6)
# - report a winner without fooling yourself (exercise 01.7)

# %% [markdown] lang="en"
# ## Set-up

# %%
import numpy as np
import torch
from nascourse import (
    SearchData,
    batches,
    evidence,
    load,
    load_test,
    pick_device,
)
from nascourse.lessons import check, hint, setup, solution
from nascourse.lessons.lesson_01 import MicroCellExplorer, pipeline_scene
from nascourse.viz import (
    accuracy_scatter,
    cell_scene,
    chart,
    search_curve,
    series_style,
    show,
)

torch.set_num_threads(1)  # networks this small gain nothing from a second thread
budget = setup("01")

# %% [markdown] lang="en"
# ## Predict first
#
# Twelve architectures are drawn at random out of 15,625. Each is trained briefly and scored on validation images. Then
# three networks are trained again, longer and all in the same way, and tested once:
#
# - the **winner**, the best of the twelve,
# - the **median** cell of the twelve,
# - a **hand-made** network of about the winner's size: residual blocks, an idea of 2015.
#
# Write down: **in which order will they come in, and how many percentage points lie between first and last?** And one
# more: on fresh images and trained anew, will the winner's score be *higher*, *lower* or *about the same* as the score
# that made it the winner? The figures under *Run it* and *What goes wrong* answer.

# %% [markdown] lang="en"
# ## The idea
#
# > *Neural architecture search* looks, within a defined search space and with some optimization method, for a network
# > architecture whose model does well on the task at hand.
#
# It has three parts, and each can be exchanged without touching the two others:
#
# 1. The **search space** says which architectures may be built at all.
# 2. **Architecture optimization**, the search strategy, says which of them is tried next.
# 3. **Model evaluation** says how good an architecture is. (In the figure its methods are headed *model estimation*.)

# %%
show(pipeline_scene())

# %% [markdown] lang="en"
# *The pipeline: the space offers candidates, the optimization picks an architecture and hands it to the estimation,
# and its score comes back. Solid boxes are taught in the lesson whose number they bear; this lesson takes the two
# marked 01.*
#
# The dashed boxes are only named in this course. A sentence each, and where to read on; nothing in the course rests on
# these papers.
#
# - *Hierarchical* spaces: cells are built of smaller searched graphs, these of still smaller ones. Liu et al. 2018,
#   arXiv:1711.00436.
# - *Bayesian optimization*: a model predicts score *and* doubt of untried architectures, and the next trial goes where
#   the two together promise most. White et al. 2021 (BANANAS), arXiv:1910.11858.
# - *Hybrid*: two strategies in one, such as an evolution whose mutations a learned controller chooses. Chen et al. 2019
#   (RENAS), arXiv:1808.00193.
# - *Low fidelity*: score with fewer images, smaller images or a smaller network, and trust the ranking. Li et al. 2018
#   (Hyperband), arXiv:1603.06560. The single epoch of this lesson is a low fidelity, too.
# - *Early stopping*: break off a training whose learning curve promises nothing. Domhan et al. 2015, IJCAI.
# - *Surrogate*: a regression model, fitted to the architectures scored so far, scores the others. Liu et al. 2018
#   (PNAS), arXiv:1712.00559.

# %% [markdown] lang="en"
# ### A space: the micro cell
#
# An architecture is a directed acyclic graph. **Nodes are tensors, edges are operations.** The value of node $k$ is
#
# $$Z_k = \sum_{i=1}^{N_k} o_i(I_i), \qquad o_i \in O$$
#
# | symbol | meaning |
# |---|---|
# | $Z_k$ | the tensor at node $k$ |
# | $N_k$ | the number of edges that lead into node $k$ (its in-degree) |
# | $I_i$ | the tensor at the node where the $i$-th of these edges starts |
# | $o_i$ | the operation on that edge |
# | $O$ | the set of operations to choose from |
#
# The *micro cell* has four nodes: node 0 is the input, node 3 the output, and every node has an edge to every node with
# a higher number. $O$ has five operations: `none` (passes nothing), `skip_connect` (passes everything on unchanged),
# convolutions 1×1 and 3×3 (each ReLU, convolution, batch normalization), and average pooling 3×3. It is the cell of the
# benchmark NAS-Bench-201. One cell, drawn and written:

# %%
from nascourse.spaces import MicroCell, MicroSpace, Trial, canonical_key

RESIDUAL = MicroCell.from_string("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|")
show(cell_scene(RESIDUAL, title=str(RESIDUAL)))

# %% [markdown] lang="en"
# *A residual block as a micro cell: two 3×3 convolutions in a row (0→1→2), and a skip connection around them (0→3);
# the edges 0→2 and 1→3 are `none`. It is the hand-made cell of this lesson.*
#
# In the string, `+` separates the nodes 1, 2 and 3. Each group lists the edges into its node, as `operation~source`.
#
# A cell is not yet a network. The network around it is the same for all: a 3×3 convolution of stride 2 as *stem*,
# three copies of the cell one after the other with 8 channels each, global average pooling, and a linear layer.

# %%
NET = {"channels": 8, "cells": (3,), "in_channels": 1, "stem_stride": 2}

# %% [markdown] lang="en"
# ## From scratch
#
# ### The space
#
# Six edges, five operations. Enumerate all cells, and compare with the size that NAS-Bench-201 publishes: 15,625.

# %% tags=["nbval-check-output"]
from itertools import product

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
print(f"{sum(1 for _ in product(OPS, repeat=len(EDGES))):,}")

# %% [markdown] lang="en"
# ### What a cell computes
#
# The formula, literally. `o` maps each edge to its operation $o_i$.


# %%
def forward(o, x):
    Z = [x]
    for k in (1, 2, 3):
        Z.append(sum(o[i, k](Z[i]) for i in range(k)))
    return Z[3]


# %% [markdown] lang="en"
# If every edge is a skip connection, the output is the input times the number of paths from node 0 to node 3. Linear
# algebra counts paths in its own way: with $A_{ik} = 1$ for each edge, they are entry $(0, 3)$ of
# $I + A + A^2 + A^3 = (I - A)^{-1}$. Try all 64 cells made of `none` and `skip_connect`.

# %% tags=["nbval-check-output"]
agree = 0
sources, targets = np.transpose(EDGES)
for skips in product((0, 1), repeat=6):
    A = np.zeros((4, 4))
    A[sources, targets] = skips
    o = {edge: (lambda z, skip=skip: skip * z) for edge, skip in zip(EDGES, skips, strict=True)}
    agree += np.isclose(forward(o, 1.0), np.linalg.inv(np.eye(4) - A)[0, 3])
print(agree, "of 64 agree; all skips:", forward({edge: (lambda z: z) for edge in EDGES}, 1.0), "paths")

# %% [markdown] lang="en"
# Now with tensors. The package's `MicroCellModule` does not even build an edge that carries nothing to the output.
# With its operations in our formula, and zeros for what it left out, both must agree. The cell is a random one:

# %%
space = MicroSpace()
some_cell = space.sample(np.random.default_rng(17))
print(some_cell)

# %% tags=["nbval-check-output"]
from nascourse.networks import MicroCellModule, build_seeded, count

module = MicroCellModule(some_cell, channels=8)
o = {edge: (lambda z: 0 * z) for edge in EDGES} | dict(zip(module.edges, module.ops, strict=True))
x = torch.randn(2, 8, 7, 7, generator=torch.Generator().manual_seed(0))
print("built", len(module.ops), "of 6 edges; same output:", torch.allclose(forward(o, x), module(x), atol=1e-6))

# %% [markdown] lang="en"
# ### An evaluation
#
# The images, at half their size so that a training takes a second. 8,000 are there to fit weights. The 4,000
# validation images are cut in two at random: one half *chooses*, the other chooses nothing, and will tell us how far
# the first can be trusted.

# %% tags=["nbval-check-output"]
SEED = 2026
data = load().shrunk(2)
order = torch.randperm(len(data.valid), generator=torch.Generator().manual_seed(SEED))
fits = data.train.subset(budget.images)
chooses = SearchData(fits, data.valid[order[:2000]])
confirms = SearchData(fits, data.valid[order[2000:]])
print(len(chooses.valid), "images choose,", len(confirms.valid), "confirm; one image:", data.train.shape)

# %% [markdown] lang="en"
# The plainest answer to "how good is this architecture?": train its network, then count what it gets right. This is
# all of it.


# %%
def evaluate(cell, train, valid, seed=0):
    network = build_seeded(cell, seed, **NET)
    sgd = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for images, labels in batches(train, 64, torch.Generator().manual_seed(seed)):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    network.eval()
    with torch.no_grad():
        right = sum((network(images).argmax(1) == labels).sum() for images, labels in batches(valid, 500))
    return int(right) / len(valid)


# %% [markdown] lang="en"
# A check that needs no training to predict: through a cell of six `none` nothing passes, so its network gives every
# image the same answer. Each of the ten classes is a tenth of the 4,000 validation images. Whatever the training did,
# the accuracy must be 0.1 exactly.

# %% tags=["nbval-check-output"]
nothing = MicroCell(("none",) * 6)
print(evaluate(nothing, data.train.subset(512), data.valid))

# %% [markdown] lang="en"
# The residual block, with an epoch of all images, must do better than chance:

# %%
print(f"{evaluate(RESIDUAL, fits, data.valid):.3f}")

# %% [markdown] lang="en"
# ### A strategy
#
# Random search is the shortest strategy there is: draw, evaluate, keep the best. You write it in exercise 01.5. It is
# also the one that every other strategy of this course has to beat.

# %% [markdown] lang="en"
# ## See it
#
# What does a cell cost? Choose the six operations. The number of *parameters* says how much there is to train, the
# *multiply-adds* how much there is to compute for one image.

# %%
MicroCellExplorer(some_cell, image=data.train.shape, **NET)

# %% [markdown] lang="en"
# *The random cell from above: its six edges with their operations, what the lesson's network made of it has in
# parameters and multiply-adds, and its string. Edges that carry nothing from the input to the output are grey and
# dashed.*
#
# **Three things to try:**
#
# 1. Set all edges to `none`. Which parameters are left, and where in the network are they?
# 2. Start with all edges `nor_conv_3x3` and set 0→3, 1→3 and 2→3 to `none`, one after the other. When do the numbers
#    fall, and by how much?
# 3. Find two cells that look different and cost exactly the same. Do they also compute the same?

# %% [markdown] lang="en"
# ## Run it
#
# The whole pipeline in one line: `search(strategy over a space, evaluation, budget)`. `TrainFromScratch` is the
# evaluation from above, with a learning rate that falls to zero. With a `journal` (in full mode) an interrupted search
# goes on where it stopped.

# %%
from nascourse.evaluation import Recipe, TrainFromScratch, accuracy, train
from nascourse.search import RandomSearch, search

device = str(pick_device())
cheap = TrainFromScratch(chooses, Recipe(epochs=budget.epochs, batch_size=64), NET, device)
journal = "runs/01_search.jsonl" if budget.mode == "full" else None
history = search(RandomSearch(space), cheap, budget.trials, seed=SEED, journal=journal)

# %%
ranked = sorted(history, key=lambda row: row.result.accuracy)
for row in ranked[::-1][:12]:
    print(f"{row.result.accuracy:.3f} {row.result.params:5} {row.trial.arch}")

# %% [markdown] lang="en"
# *Validation accuracy, parameters, cell.* The winner is the first in this list, the median cell the one in its middle.

# %%
winner, median = ranked[-1], ranked[len(ranked) // 2]
groups = {"all": ranked, "winner": [winner], "median": [median]}
points = {name: ([t.result.params for t in g], [t.result.accuracy for t in g]) for name, g in groups.items()}
show(
    accuracy_scatter(points),
    alt="Validation accuracy against parameters of the cells in this search; winner and median marked.",
)

# %% [markdown] lang="en"
# *Each point is a cell of this search: parameters to the right, accuracy on the choosing half of the validation images
# upwards. Cells at the far left have no convolution that counts. The first convolutions make the difference; beyond
# them, more parameters help little.*
#
# So a winner might win because it is larger. Hence the third finalist: residual blocks, by hand, in the width and
# depth that bring them nearest to the winner's number of parameters.


# %%
def same_size(params):
    sizes = [NET | {"channels": channels, "cells": (cells,)} for channels in range(4, 17) for cells in range(1, 6)]
    return min(sizes, key=lambda net: abs(count(RESIDUAL, data.train.shape, **net).params - params))


by_hand = same_size(winner.result.params)
print(f"{by_hand['channels']} channels, {by_hand['cells'][0]} cells:", count(RESIDUAL, data.train.shape, **by_hand))
print(f"the winner: {winner.result.params:,} parameters, {winner.result.macs:,} multiply-adds")

# %% [markdown] lang="en"
# ### The finalists, retrained equally and tested once
#
# Everything has been chosen now. So training and validation images may be trained on together, all three networks with
# the same recipe and the same seed. Only here are the test images opened, once, for all three.

# %%
everything = data.both().subset(budget.final_images)
recipe = Recipe(epochs=budget.final_epochs, batch_size=64)


def tested(cell, net, test):
    network = build_seeded(cell, SEED, **net)
    train(network, SearchData(everything, everything[:1]), recipe, SEED, device)  # nothing to validate on
    return accuracy(network, test.to(device))


# %%
test = load_test().shrunk(2)
print(f"median     {tested(median.trial.arch, NET, test):.3f}")
print(f"winner     {tested(winner.trial.arch, NET, test):.3f}")
print(f"hand-made  {tested(RESIDUAL, by_hand, test):.3f}")

# %% [markdown] lang="en"
# That was **one** search. Before you believe its order, see the next figure.
#
# ### The recorded evidence
#
# The same thing was run beforehand with sixteen seeds, in the numbers of lesson mode: sixteen searches, each with its
# own cells, weights, order of images and choosing half. Every result is kept in
# `data/evidence/01_winner_beats_median.json`.
# First the searches: the best score so far, over the trials.

# %%
recorded = evidence.load("01_winner_beats_median")
best = np.maximum.accumulate(recorded.values("search", "accuracies"), axis=1)
show(
    search_curve({"16 recorded searches": best, "this one": history.best_so_far[None]}),
    alt="Best validation accuracy so far: median and quartiles of 16 recorded searches, and this one.",
)

# %% [markdown] lang="en"
# *The best validation accuracy so far. Line and band: median and middle half of the recorded searches; the other line
# is the search you just ran. Half of the gain comes with the first few draws, and each further one buys less; exercise
# 01.6 computes how much.*
#
# Now the finalists. A line joins the three networks of one search.

# %%
arms = ("median", "winner", "hand_made")
tests = np.stack([recorded.values("search", f"{arm}_test") for arm in arms])
figure, axes = chart(ylabel="test accuracy")
axes.plot(range(3), tests, color="0.75", linewidth=1, linestyle="-")
for k in range(3):
    style = series_style(k)
    axes.scatter([k] * tests.shape[1], tests[k], color=style.color, marker=style.marker, zorder=3)
    axes.hlines(tests[k].mean(), k - 0.15, k + 0.15, color="black", linewidth=2, zorder=4)
axes.set_xticks(range(3), ["median cell", "winner", "hand-made"])
show(figure, alt="Test accuracies in 16 searches: most median cells below, winners and hand-made networks alike.")

# %% [markdown] lang="en"
# *Test accuracy of the three finalists in sixteen searches; the short black lines are the means. Most lines rise from
# median cell to winner; from winner to hand-made network they cross.*
#
# What do these rows say? The claim was written down before they were recorded, together with the smallest difference
# that would matter: half a percentage point. The effect is the mean difference within a search, with a 95 % bootstrap
# interval. The verdict is *holds* if the whole interval lies above half a point, *fails* if all of it lies below, and
# *undecided* otherwise.

# %%
print(evidence.verdict("01_winner_beats_median"))

# %% [markdown] lang="en"
# So the search did find something: its winner is better than a typical cell of the space. But is it better because of
# its structure, or only because it is larger?

# %%
for arm, accuracies in zip(arms, tests, strict=True):
    params = recorded.values("search", f"{arm}_params").mean()
    print(f"{arm:10} mean test accuracy {accuracies.mean():.4f}, mean parameters {params:,.0f}")

# %% [markdown] lang="en"
# The winners are larger than the median cells, so that comparison mixes two things. The hand-made networks are as large
# as the winners. The same question with them, from the same rows:

# %%
effect = evidence.difference(tests[1], tests[2], paired=True)
word = "holds" if effect.low > 0.005 else "fails" if effect.high < 0.005 else "undecided"
print(f"The winner beats the hand-made network by more than half a point: {word}.")
print(f"winner - hand-made: {effect}")

# %% [markdown] lang="en"
# Undecided: the mean difference is near zero, and the interval reaches from below zero to above half a point. Sixteen
# searches do not tell the two apart. They do tell that an advantage of more than a point is unlikely. Part of what the
# search found may simply be the right size.
#
# One of the sixteen lines is level between winner and hand-made network, for a reason. Ask which winners compute the
# same function as the residual block, once edges that carry nothing are left out:

# %% tags=["nbval-check-output"]
winners = [MicroCell.from_string(row.values["cells"][row.values["winner_trial"]]) for row in recorded.rows]
same = [cell for cell in winners if canonical_key(cell) == canonical_key(RESIDUAL)]
print(*same)

# %% [markdown] lang="en"
# Chance drew the residual block itself, and the evaluation picked it out of twelve.

# %% [markdown] lang="en"
# ## Full run
#
# With `NASCOURSE_MODE=full` every cell above runs with these numbers instead: 60 cells instead of 12, three epochs
# each, and twelve epochs for the finalists. A GPU is used if there is one, but a laptop does it as well. Here is a
# stored run, and where it came from.

# %%
stored = evidence.load("01_full_run")
row, sitting = stored.rows[0], stored.sittings[0]
for arm in arms:
    print(f"{arm:10} {row.values[f'{arm}_test']:.3f} {row.values[f'{arm}_params']:7,} parameters")
print(f"{row.seconds / 60:.0f} minutes on {sitting['hardware']['cpu']}, {sitting['date']}: {sitting['command']}")
print(evidence.verdict("01_full_run"))

# %% [markdown] lang="en"
# One search, however long, is one search: the verdict says so.

# %% [markdown] lang="en"
# ## What goes wrong
#
# ### The winner's curse
#
# A score is skill plus luck. Whoever takes the best of twelve scores takes luck along. To see luck alone, let all
# twelve candidates be equally good: true accuracy 0.70, measured on 2,000 images. Repeat such a search 2,000 times.

# %%
rng = np.random.default_rng(0)
validation, testing = rng.binomial(2000, 0.70, size=(2, 2000, 12)) / 2000
winners = validation.argmax(axis=1)
reports = {
    "the score that chose the winner": validation.max(axis=1),
    "the best of all test scores": testing.max(axis=1),
    "the test score of validation's winner": testing[np.arange(2000), winners],
}
for name, values in reports.items():
    print(f"{name:38} {values.mean():.4f}")

# %% [markdown] lang="en"
# All candidates are 0.70. The first report is too high by the winner's curse; theory expects
# $0.70 + 1.63 \sqrt{0.7 \cdot 0.3 / 2000} = 0.7167$, where 1.63 is the expected maximum of twelve standard normal
# numbers. The second one is no better: **who chooses on the test set has turned it into a validation set.** Only the
# third is right, and only because the test set had no say.

# %%
figure, axes = chart(xlabel="reported accuracy", ylabel="searches")
for k, (name, values) in enumerate(reports.items()):
    style = series_style(k)
    counts, edges = np.histogram(values, bins=np.arange(0.66, 0.746, 0.005))
    axes.plot(edges[:-1] + 0.0025, counts, color=style.color, marker=style.marker, dashes=style.dash, label=name)
axes.axvline(0.70, color="black", linewidth=1)
axes.set_ylim(top=1.5 * axes.get_ylim()[1])
axes.legend(frameon=False, fontsize=9, loc="upper left")
show(figure, alt="Histograms of three reports: two centred near 0.717, one centred on the true value 0.70.")

# %% [markdown] lang="en"
# *What 2,000 searches report when all candidates are truly 0.70 (black line). Two of the three ways of reporting lie
# almost wholly above the truth.*
#
# And the real searches? There every winner was trained once more with a fresh seed and scored on the half of the
# validation images that chose nothing. So was every median cell.

# %%
for arm in ("winner", "median"):
    chose, again = (recorded.values("search", f"{arm}_{score}") for score in ("valid", "again"))
    print(f"{arm:6} {chose.mean():.3f} when it was chosen, {again.mean():.3f} again")
    print(f"       change {evidence.difference(again, chose, paired=True)}")

# %% [markdown] lang="en"
# The winners lost about two points, and the median cells gained about one: both moved towards the average. A winner is
# likely to be a good cell on a good day. For the median cells one explanation is that most cells of a search are about
# equally good and some are bad; then one in the middle is likely to be a good cell on a bad day. A lead of more than
# five points shrank to two.
#
# Luck hides in images, too. When this experiment was first recorded, all searches shared the same two halves, and the
# half that chose nothing turned out to be easier by a point and a half: the curse looked smaller than it is. So each
# seed now draws its own halves, and all sixteen were recorded anew.
#
# Your own winner, once more:

# %%
repeated = TrainFromScratch(confirms, cheap.recipe, NET, device)(Trial(0, winner.trial.arch, seed=SEED))
print(f"{winner.result.accuracy:.3f} when it was chosen, {repeated.accuracy:.3f} again")

# %% [markdown] lang="en"
# ### Comparing one seed
#
# Had only one of the sixteen searches been run, which of winner and hand-made network would have been reported as the
# better one?

# %%
lead = np.sign(tests[1] - tests[2])
print(f"the winner is ahead in {sum(lead > 0)} searches, behind in {sum(lead < 0)}, level in {sum(lead == 0)}")

# %% [markdown] lang="en"
# And three seeds? Even if all three point the same way, a permutation test of three pairs cannot give a smaller
# two-sided $p$ than this, whatever the data:

# %% tags=["nbval-check-output"]
print({seeds: evidence.smallest_p(seeds) for seeds in (3, 5, 6, 8)})

# %% [markdown] lang="en"
# Six pairs are the fewest that can reach 0.05. Published tables of three seeds with a $p$-value deserve a second look.

# %% [markdown] lang="en"
# ## Exercises
#
# A question first, then functions. `hint` gives a hint, each call the next one; the solution is folded away under
# each exercise.
#
# ### 01.1 Three parts (1 minute)
#
# Each candidate is trained for 2 epochs instead of 20; nothing else changes. Which part of the search changed?
#
# - **a)** the search space
# - **b)** the search strategy
# - **c)** the evaluation

# %%
check("01.1", ...)

# %%
solution("01.1")

# %% [markdown] lang="en"
# ### 01.2 Read a cell (10 minutes)
#
# From a cell string to its six edges, as tuples `(source, target, operation)` in the order in which they are written.
# For example `(0, 1, "none")` comes first if the string begins with `|none~0|`. Do it with `split` and `strip`.


# %%
def read_cell(text):
    return ...


# %%
check("01.2", read_cell)

# %%
hint("01.2")

# %%
solution("01.2")

# %% [markdown] lang="en"
# ### 01.3 Count the space (5 minutes)
#
# How many cells can be written with so many operations and so many nodes, if every node has an edge to every later
# one? `count_cells(5, 4)` is 15,625.


# %%
def count_cells(operations, nodes):
    return ...


# %%
check("01.3", count_cells)

# %%
solution("01.3")

# %% [markdown] lang="en"
# ### 01.4 Count the weights that work (10 minutes)
#
# How many convolution weights does *one* cell have with so many channels? Count only edges that are built, and leave
# batch normalization out. `cell.live_edges()` gives those edges as `(source, target, operation)`.


# %%
def count_weights(cell, channels):
    return ...


# %%
check("01.4", count_weights)

# %%
solution("01.4")

# %% [markdown] lang="en"
# ### 01.5 Random search (15 minutes)
#
# Draw `n` cells with `space.sample(rng)`, score each with `evaluate(cell)`, and return two things: the best cell, and
# a list with the best accuracy after each draw.


# %%
def random_search(space, evaluate, n, rng):
    return ...


# %%
check("01.5", random_search)

# %%
solution("01.5")

# %% [markdown] lang="en"
# ### 01.6 What a budget buys (15 minutes)
#
# A space has `m` architectures with known `scores`. What is the expected best of `n` random draws, with replacement?
# Without simulation: the best of `n` draws is among the `k` lowest scores with probability $(k/m)^n$.


# %%
def expected_best(scores, n):
    return ...


# %%
check("01.6", expected_best)

# %%
solution("01.6")

# %% [markdown] lang="en"
# ### 01.7 Report the winner (5 minutes)
#
# Each candidate has a validation score and a test score. Return the number that you may report.


# %%
def report(validation, test):
    return ...


# %%
check("01.7", report)

# %%
solution("01.7")

# %% [markdown] lang="en"
# ### Experiment
#
# For the price of twelve cells at one epoch you can have six at two epochs, or twenty-four at half the images. Change
# `epochs`, `images` and `trials` in *Run it* accordingly, and compare the winners on the half of the validation images
# that chose nothing. Not on the test images: they would become validation images. Decide before you start how many
# seeds you will run, and what difference you would call one.
#
# ### Open question
#
# The hand-made network was not searched for, but it was not found without a search either. How many people tried how
# many architectures on how many data sets until the residual block stood in every textbook? How would you count that
# budget?

# %% [markdown] lang="en"
# ## Summary
#
# - A search has a space, a strategy and an evaluation. Each can be exchanged alone (01.1).
# - The micro cell is a graph of 4 nodes with operations on its 6 edges; $5^6 = 15{,}625$ can be written. Edges that
#   carry nothing to the output cost nothing (01.2 to 01.4).
# - Random search draws, evaluates, and keeps the best; its curve never falls and flattens soon (01.5, 01.6).
# - Validation chooses; the test set is opened once, after every choice. The score that chose the winner is too high
#   (01.7).
# - In the recorded searches the winner beats the median cell of its search. Whether it beats residual blocks of its own
#   size is undecided.

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | neural architecture search | 神经网络架构搜索 | looking for a network's structure by program |
# | search space | 搜索空间 | which architectures may be built |
# | architecture optimization | 结构优化 | which one is tried next; also: search strategy |
# | model evaluation | 模型评估 | how good one is |
# | directed acyclic graph | 有向无环图 | nodes and arrows without a way back |
# | node | 节点 | here: a tensor (特征张量) |
# | edge | 边 | here: an operation (运算操作) |
# | in-degree | 入度 | number of edges into a node, $N_k$ |
# | candidate operation | 待选运算操作 | what an edge may be, an element of $O$ |
# | cell | 元胞 | a small graph that is stacked to a network |
# | skip connection | 跳跃连接 | passes a tensor on unchanged |
# | random search | 随机搜索 | the baseline of every table |

# %% [markdown] lang="en"
# ## References
#
# - X. He, K. Zhao, X. Chu, *AutoML: A Survey of the State-of-the-Art*, 2021, arXiv:1908.00709: the pipeline figure is
#   drawn after its overview of neural architecture search.
# - X. Dong, Y. Yang, *NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search*, ICLR 2020,
#   arXiv:2001.00326, section 2.1: the cell and its five operations.
# - K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016, arXiv:1512.03385: the
#   residual block.
# - L. Li, A. Talwalkar, *Random Search and Reproducibility for Neural Architecture Search*, UAI 2019, arXiv:1902.07638:
#   why random search belongs into every table.
# - The images: [data/README.md](../data/README.md).
