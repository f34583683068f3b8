# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax}
# ---

# %% [markdown] lang="en"
# # 03 · Search a cell, stack it
#
# You take a network apart into two small cells, write a cell and its stack yourself, count how many cells there are,
# edit one by hand, and test on real data whether a cell that is good in a small network is good in a deep one.
#
# **Read** 40 minutes · **Run** 50 seconds on two CPU cores · **Needs** [01](01_nas_pipeline.ipynb)

# %% [markdown] lang="en"
# ## You will be able to
#
# - read a genotype and place its cells in a network (exercises 03.1 and 03.3)
# - count a cell-based space, and check a published count (exercise 03.2)
# - cross two cells so that the child is always valid (exercise 03.4)
# - say how far an operation and a chain of operations see (exercise 03.5)
# - say what the evidence on transfer shows, and what it leaves open (exercise 03.6)

# %% [markdown] lang="en"
# ## Set-up

# %%
import numpy as np
import torch
from nascourse import SearchData, evidence, load, pick_device
from nascourse.lessons import check, hint, setup, solution
from nascourse.lessons.lesson_03 import (
    DEEP,
    CellEditor,
    SHALLOW,
    by_group,
    chosen_and_average,
    footprints_scene,
    group_cells,
    on_nodes_scene,
    stack_scene,
    stacked_cells_scene,
    taus,
    trained,
)
from nascourse.viz import (
    cell_scene,
    chart,
    series_style,
    show,
)

torch.set_num_threads(1)  # networks this small gain nothing from a second thread
budget = setup("03")

# %% [markdown] lang="en"
# ## Predict first
#
# Six random cells are trained in networks of **three** cells, and ranked. Then the same six are trained in networks of
# **eight** cells, and ranked again. The agreement of two rankings is measured by Kendall's τ: 1 equal, 0 unrelated, −1
# reversed.
#
# Write down three numbers:
#
# 1. τ between the shallow ranking and the deep one.
# 2. τ between the deep ranking and *another deep* ranking: same cells, same depth, other initial weights.
# 3. By how many points is the cell that won shallow better, deep, than the average of the six?
#
# The figure under *Run it* answers.

# %% [markdown] lang="en"
# ## The idea
#
# Many networks made by hand repeat one small structure: ResNet stacks the same *bottleneck block* again and again. So
# do not search the network, search the **cell**, and stack it. There are two kinds. A **normal cell** keeps height and
# width of its feature maps, a **reduction cell** halves them (and the channels are doubled).

# %%
show(stacked_cells_scene())

# %% [markdown] lang="en"
# *n normal cells and a reduction cell, three times over, from the image to the classes. How many cells there are, and
# how wide, is not searched: it is set before, and may be set anew after the search.*
#
# Inside, a cell reads the outputs of the **two** cells before it, $c_{k-2}$ and $c_{k-1}$. Each of its nodes adds up
# two operations on earlier nodes; the output of the cell is the concatenation of its nodes:
#
# $$Z_j = o_1(Z_{i_1}) + o_2(Z_{i_2}), \qquad i_1, i_2 < j, \qquad c_k = \mathrm{concat}(Z_2, Z_3, Z_4, Z_5)$$
#
# | symbol | meaning |
# |---|---|
# | $Z_0, Z_1$ | the outputs $c_{k-2}$ and $c_{k-1}$ of the two cells before, each after a 1×1 convolution |
# | $Z_2 \dots Z_5$ | the four *intermediate* nodes |
# | $o_1, o_2$ | the two operations of a node, $i_1, i_2$ the nodes that they read |
# | $c_k$ | the output of this cell, with four times the channels of a node |

# %%
from nascourse.spaces import DARTS_V2, PUBLISHED, CellSpace

show(on_nodes_scene(DARTS_V2.normal, "The normal cell of DARTS_V2"))

# %% [markdown] lang="en"
# *Four blocks of two operations and an addition, and their concatenation: the normal cell that the second-order DARTS
# found.*

# %% [markdown] lang="en"
# ### The seven operations
#
# | operation | kernel | dilation | what it does |
# |---|---|---|---|
# | max pooling 3×3 | 3 | 1 | the largest value around |
# | average pooling 3×3 | 3 | 1 | the mean around |
# | skip connection (identity) | 1 | 1 | passes the tensor on unchanged |
# | separable convolution 3×3, 5×5 | 3, 5 | 1 | each channel by itself, then 1×1 over channels; **all twice** |
# | dilated convolution 3×3, 5×5 | 3, 5 | 2 | the same once, with holes between the taps |
#
# An ordinary convolution $k \times k$ from $C$ to $C$ channels has $k^2 C^2$ weights. A separable one splits it into
# $k^2 C + C^2$. How far each of them looks, and what it costs with $C = 16$:

# %%
show(footprints_scene(16))

# %% [markdown] lang="en"
# *What one position of the output reads (filled), the side of that square, and the parameters, batch normalization
# included. The separable convolutions see farther than their names say, since they are applied twice. The dilated ones
# see equally far with half of the parameters, through holes.*
#
# An eighth candidate, `none`, passes nothing. DARTS uses it during the search only.
#
# ### Operations on edges or on nodes
#
# Who draws a graph has to decide what a node is. **On edges** (DARTS, NAS-Bench-201): a node is a tensor, an edge an
# operation. **On nodes** (NASNet, NAS-Bench-101): a node is an operation, an edge says where a tensor goes. The picture
# above has operations on nodes. The same cell with operations on edges:

# %%
show(cell_scene(DARTS_V2.normal, title="The same cell, operations on edges"))

# %% [markdown] lang="en"
# *Nodes 2 to 5 are what the additions were; the operations have moved onto the edges. Nothing else has changed.*
#
# | | on edges | on nodes |
# |---|---|---|
# | a node is | a tensor | an operation |
# | an edge is | an operation | a tensor that is passed on |
# | an addition is | every node with two edges into it | a node of its own |
# | one operation read by two others | two edges leave the tensor's node | two edges leave the operation |
# | to change an operation | relabel an edge | relabel a node |
#
# (A footnote on the syllabus: its section on entire-structured spaces places operations on edges, its section on cells
# places them on nodes. Both are in use; only a mixture in one picture would be wrong. This course keeps them on edges
# unless it says otherwise.)
#
# Two cells have appeared in this course. Both have operations on edges:
#
# | | micro cell (lesson 01) | genotype (this lesson) |
# |---|---|---|
# | inputs | the cell before | the two cells before |
# | wiring | fixed: every node reads every earlier one | searched: every node reads two earlier ones |
# | searched | 6 operations out of 5 | 8 edges and their operations out of 7, for each of two cells |
# | reduction | a fixed residual block between stages | a searched cell |
# | output | the last node | all nodes, concatenated |
# | size | 15,625 | about $10^{18}$ |

# %% [markdown] lang="en"
# ## From scratch
#
# ### A cell
#
# DARTS writes a cell as a list of (operation, input) pairs, two for each node. In code the formula above is a loop:

# %%
pairs = DARTS_V2.normal.pairs()
print(*pairs, sep="\n")


# %%
def cell_forward(sources, operations, z0, z1, concat=(2, 3, 4, 5)):
    Z = [z0, z1]
    for k in range(0, len(sources), 2):
        Z.append(operations[k](Z[sources[k]]) + operations[k + 1](Z[sources[k + 1]]))
    return torch.cat([Z[j] for j in concat], dim=1)


# %% [markdown] lang="en"
# Check by hand: if each operation multiplies by a number, the cell is a small calculation. Two nodes, inputs 1 and 10:
# $Z_2 = 2 \cdot 1 + 3 \cdot 10 = 32$ and $Z_3 = 5 \cdot 10 + 7 \cdot 32 = 274$.

# %% tags=["nbval-check-output"]
numbers = [lambda z, f=f: f * z for f in (2, 3, 5, 7)]
print(cell_forward((0, 1, 1, 2), numbers, torch.tensor([[1.0]]), torch.tensor([[10.0]]), (2, 3)))

# %% [markdown] lang="en"
# And against the package, with real operations. Its module has the two 1×1 convolutions in front; the rest must agree:

# %% tags=["nbval-check-output"]
from nascourse.networks import CellModule, count, make_op, places, to_json

module = CellModule(DARTS_V2.normal, 12, 12, channels=4, reduction=False, after_reduction=False).eval()
before, last = torch.randn(2, 2, 12, 8, 8, generator=torch.Generator().manual_seed(0))
z0, z1 = module.preprocess[0](before), module.preprocess[1](last)
mine = cell_forward(module.sources, list(module.ops), z0, z1)
print("same:", torch.allclose(mine, module(before, last), atol=1e-6), "| shape", tuple(mine.shape))

# %% [markdown] lang="en"
# ### How far an operation sees
#
# A kernel of size $k$ with dilation $d$ reaches $d\,(k-1)$ pixels further than what it reads. For a chain of layers:
# start with 1, add $d\,(k-1)$ for each layer, times the product of the strides before it. The independent judge is
# autograd: a pixel of the input is seen if the output has a gradient there.

# %% tags=["nbval-check-output"]
CHAINS = {
    "sep_conv_3x3": [(3, 1)] * 2,
    "sep_conv_5x5": [(5, 1)] * 2,
    "dil_conv_3x3": [(3, 2)],
    "dil_conv_5x5": [(5, 2)],
}
for name, chain in CHAINS.items():
    x = torch.randn(8, 4, 21, 21, generator=torch.Generator().manual_seed(1), requires_grad=True)
    make_op(name, 4).eval()(x)[:, :, 10, 10].sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    print(name, 1 + sum(d * (k - 1) for k, d in chain), int(seen.max() - seen.min() + 1))

# %% [markdown] lang="en"
# ### A stack
#
# The CIFAR network of DARTS: a 3×3 convolution as *stem*, 20 cells, a linear layer. The reduction cells sit at a third
# and at two thirds of the depth, so there are **two**, and three stages. (The picture of the syllabus ends with a third
# reduction; published networks differ in this.)

# %%
show(stack_scene(places(DARTS_V2, channels=36, cells=20), "reduce"))

# %% [markdown] lang="en"
# *Twenty cells with 36 channels a node: each cell reads the two before it, the marked reduction cells halve the image.
# Below, channels and size of what leaves a cell.*
#
# The details matter: which convolutions have a batch normalization, where a skip connection must halve the image. The
# test is the number of parameters. The DARTS paper reports 3.3 million for its cell; counted in the authors' code it is
# 3,349,342 for `DARTS_V2` and 3,169,414 for `DARTS_V1`. (NASNet-A and AmoebaNet-A were published in networks built
# otherwise, with 3.3 and 3.2 million; only their cells are taken over here.)

# %% tags=["nbval-check-output"]
for name, genotype in PUBLISHED.items():
    print(f"{name:12} {count(genotype, channels=36, cells=20).params:,}")

# %% [markdown] lang="en"
# Search with 8 cells of 16 channels, then build 20 of 36: the same genotype, two networks. That is the point of a cell.
#
# ### How large is the space?
#
# Node $k$ chooses two of the $k$ nodes before it, and one of 7 operations for each:
#
# $$\prod_{k=2}^{5} \binom{k}{2} \cdot 7^2 = 180 \cdot 49^4$$

# %% tags=["nbval-check-output"]
from math import comb, prod

one_cell = prod(comb(k, 2) * 7**2 for k in (2, 3, 4, 5))
print(f"{one_cell:,} cells, {one_cell**2:.3g} genotypes")

# %% [markdown] lang="en"
# Nobody can enumerate that. But the same formula holds for two nodes and two operations, and there it can be counted
# cell by cell:

# %% tags=["nbval-check-output"]
small = CellSpace(nodes=2, ops=("skip_connect", "sep_conv_3x3"))
counted = set(small.all_cells())
print(len(counted), "counted,", prod(comb(k, 2) * 2**2 for k in (2, 3)), "by formula")

# %% [markdown] lang="en"
# ### What a search does with it
#
# A space for the strategies of later lessons has to sample, mutate and cross. A mutation changes exactly one decision,
# an operation or an input. A crossover moves whole nodes: a node reads earlier nodes by number, so it is valid beside
# any others. Half of the nodes come from each parent:

# %% tags=["nbval-check-output"]
space, rng = CellSpace(), np.random.default_rng(3)
a, b = space.sample(rng), space.sample(rng)
mutant, child = space.mutate(a, rng), space.crossover(a, b, rng)
for name in ("normal", "reduce"):
    old, new = (set(getattr(g, name).edges()) for g in (a, mutant))
    print(f"{name}: without {sorted(old - new)}, with {sorted(new - old)}")

# %% tags=["nbval-check-output"]
parents = [g.normal.nodes + g.reduce.nodes for g in (a, b, child)]
print("nodes of the child from", *("a" if c == x else "b" for x, y, c in zip(*parents, strict=True)))

# %% [markdown] lang="en"
# ## See it
#
# The cell editor. A click on an edge, or Tab and Enter, changes its operation; R gives it another input. Parameters,
# multiply-adds, receptive field and the number of paths from image to output follow at once, for a network of six cells
# with 16 channels.

# %%
editor = CellEditor(DARTS_V2, net={"channels": 16, "cells": 6})
editor

# %% [markdown] lang="en"
# *The cells of `DARTS_V2`, and what the network made of them costs and sees. Without a kernel both cells are shown;
# live, one at a time.*
#
# **Three things to try:**
#
# 1. Turn a `sep 3×3` into node 2 into `dil 5×5`: parameters fall, and the receptive field grows. Undo it, and do the same
#    with one into node 3: the receptive field stays. Why? (Which path sees farthest?)
# 2. Change one edge of the normal cell, and then one of the reduction cell, in the same way. Which change costs more
#    parameters, and why? (How often does each cell occur, and with how many channels?)
# 3. Make every edge a skip connection. The number of paths does not change. Which parameters are left?
#
# What you have made is `editor.arch`, a value like any other. With its network's keywords it is a *design* in JSON,
# from which the network can be built again: `save_design` and `build_design` write and read a file. `save_program`
# keeps a trained network for use without this course.

# %%
design = to_json(editor.arch, channels=16, cells=6)
print(list(design), design["architecture"]["normal"][0], design["net"])

# %% [markdown] lang="en"
# ## Run it
#
# The claim behind all of this: **search small, stack deep**. A ranking found with a shallow network is assumed to hold
# for a deep one. A few random cells, live, in networks of 3 and of 8 cells:

# %%
data = load().shrunk(2)
data = SearchData(data.train.subset(budget.images), data.valid.subset(1000))
cells = group_cells(100)[: budget.cells]

# %%
for number, genotype in enumerate(cells):
    scores = [trained(genotype, data, depth, seed=number)["accuracy"] for depth in (SHALLOW, DEEP)]
    print(f"cell {number}: {SHALLOW} cells {scores[0]:.3f}, {DEEP} cells {scores[1]:.3f}")

# %% [markdown] lang="en"
# That is one seed, and few cells. The recorded evidence has eight groups of six random cells, with 4 channels, 4,000
# images and one epoch. Each cell was trained shallow, deep, and deep once more with other initial weights and another
# order of images.

# %%
depth, classes = evidence.load("03_depth"), evidence.load("03_classes")
rankings = {
    "shallow, deep": taus(depth, "shallow", "deep"),
    "deep, deep again": taus(depth, "deep", "deep_again"),
    "five classes, the others": taus(classes, "found_on", "used_on"),
}
for name, tau in rankings.items():
    print(f"{name:24} τ = {evidence.average(tau)}")

# %%
figure, axes = chart(xlabel="Kendall's τ between two rankings of six cells", height=260)
for k, tau in enumerate(rankings.values()):
    style, effect = series_style(k), evidence.average(tau)
    axes.scatter(tau, np.full(8, 2 - k) + np.linspace(-0.12, 0.12, 8), color=style.color, marker=style.marker)
    axes.plot([effect.low, effect.high], [2 - k + 0.28] * 2, color="black", linewidth=2, linestyle="-")
    axes.plot(effect.estimate, 2 - k + 0.28, "o", color="black", markersize=5)
axes.set_yticks(range(3), list(rankings)[::-1])
axes.set(xlim=(-1, 1), ylim=(-0.4, 2.5))
show(figure, alt="Kendall's τ of eight groups for three pairs of rankings, all spread around small positive means.")

# %% [markdown] lang="en"
# *Each mark is a group of six cells; above them the mean with its 95 % interval. All three means are small. The middle
# row is the yardstick: the same cells in the same deep network, with nothing changed but chance.*
#
# Read the middle row first. **Two trainings of the same deep networks hardly rank the cells alike either.** Where
# chance alone scrambles a ranking so much, no other ranking can agree with it well, so the first row could not have
# been high, whatever is true about depth. Over classes the rankings agree more than by chance; over depth the interval
# reaches below zero. And the question that matters to a search: is the cell that won worth having?

# %%
print(evidence.verdict("03_depth"))
print(evidence.verdict("03_classes"))

# %%
for name, rows, chooses, uses in (
    ("chosen shallow, used deep", depth, "shallow", "deep"),
    ("chosen deep, used deep again", depth, "deep", "deep_again"),
    ("chosen on five classes, used on the others", classes, "found_on", "used_on"),
):
    chosen, mean = chosen_and_average(rows, chooses, uses)
    print(f"{name:43} {chosen.mean():.4f}, average cell {mean.mean():.4f}")

# %% [markdown] lang="en"
# Both claims are **undecided** here. The chosen cell is a little better than the average one in every row of the table,
# but the intervals of both claims reach below zero. Even who chooses in the deep network itself gains little more than
# a point.
#
# Why so little? After one epoch, random cells of this space lie close together:

# %%
for arm in depth.arms:
    groups = by_group(depth, arm)
    print(f"{arm:10} mean accuracy {groups.mean():.3f}, standard deviation of the six cells {groups.std(1).mean():.3f}")

# %% [markdown] lang="en"
# One epoch on 4,000 small images cannot tell cells apart that differ by two points. (And a deeper network of
# 4 channels is, after one epoch, no better than a shallow one: it needs longer training.) The practice of searching
# small rests on cost: a shallow network trains faster. Whether *this* cell transfers has to be shown each time. The
# DARTS paper itself chooses among four searched cells by training them anew.

# %% [markdown] lang="en"
# ## Full run
#
# `DARTS_V2` with 20 cells, 36 channels, 600 epochs and batches of 96 on CIFAR-10, with all that the paper trains with:
# crops, flips and cutout, an auxiliary head, paths dropped more often from epoch to epoch. It can be stopped at any
# moment; run again, it goes on where it was. From the shell, an hour at a time:
# `nascourse train DARTS_V2 --data cifar10 --preset paper --out runs/darts_v2 --minutes 60`. The images have to be in
# the folder that `NASCOURSE_DATA` names; nothing is downloaded unasked (`--download` asks).

# %%
from pathlib import Path
from nascourse.evaluation import PRESETS, retrain, retrain_data


def full_run(name, preset, folder=None):
    plan = PRESETS[preset]
    done = retrain(DARTS_V2, retrain_data(name, plan), plan, 0, folder, pick_device(), progress=True)
    return f"{done.counts.params:,} parameters, test accuracy {done.test:.4f}"


# %%
if budget.mode == "lesson":
    print("No full run is stored yet. NASCOURSE_MODE=full runs it: 600 epochs of 50,000 images.")
    print("In the DARTS paper: 1.5 GPU-days, 2.76 ± 0.09 % test error with cutout (Table 1 and its text).")
elif budget.mode == "full":
    print(full_run("cifar10", "paper", Path("runs/darts_v2")))
else:
    print(full_run("fashion_mnist", "ci"))

# %% [markdown] lang="en"
# ## What goes wrong
#
# ### Published sizes that do not count what they name
#
# The size of a space is printed in nearly every paper, and seldom counted. ENAS searches cells of $B$ nodes, two of
# which are the inputs; each other node chooses two earlier nodes and two of five operations. Printed for both cells
# together: $(5 \cdot (B-2)!)^4$. For $B = 3$ there is a single node, and we can write down everything that the
# controller can say:

# %% tags=["nbval-check-output"]
from itertools import combinations_with_replacement, product
from math import factorial

block = list(product(range(2), range(5)))
in_order, unordered = list(product(block, block)), list(combinations_with_replacement(block, 2))
print(f"printed {(5 * factorial(1)) ** 4:,}")
print(f"counted {len(in_order) ** 2:,}; the order of a sum ignored {len(unordered) ** 2:,}")

# %% [markdown] lang="en"
# Neither is 625. For the $B = 7$ of the paper node $i$ has $(5 (i-1))^2$ possibilities, and the product over five nodes
# is far from the printed value:

# %% tags=["nbval-check-output"]
printed = (5 * factorial(5)) ** 4
emitted = prod((5 * (i - 1)) ** 2 for i in range(3, 8))
print(f"printed {printed:.2g}; what its controller can emit: {emitted:.2g} per cell, {emitted**2:.2g} for both")

# %% [markdown] lang="en"
# A survey prints another formula for $B$ blocks and $M$ operations, $(M^B \cdot (B+2)!)^4$, that is
# $(M^B \cdot (B+2)!)^2$ a cell. Enumerate one block and two:


# %%
def enumerate_cells(blocks, ops):
    choices = [list(product(range(2 + b), range(2 + b), range(ops), range(ops))) for b in range(blocks)]
    return sum(1 for _ in product(*choices))


# %% tags=["nbval-check-output"]
for blocks, ops in ((1, 1), (1, 3), (2, 1), (2, 3)):
    survey = (ops**blocks * factorial(blocks + 2)) ** 2
    print(f"B = {blocks}, M = {ops}: printed {survey:,}, counted {enumerate_cells(blocks, ops):,}")

# %% [markdown] lang="en"
# With one block and one operation nothing is left to choose but two inputs out of two: four ways. The formula says 36.
# It gives the first block $(B+2)! = 6$ inputs instead of 2. **Count a small case before you believe a large one.**
#
# ### Counting what is not there
#
# In training, DARTS hangs a second classifier onto a middle layer, the *auxiliary head*. It is thrown away afterwards
# and does not count. Forget that, and the published 3.3 million become 3.8:

# %% tags=["nbval-check-output"]
for auxiliary in (False, True):
    print(f"auxiliary={auxiliary}: {count(DARTS_V2, auxiliary=auxiliary).params:,}")

# %% [markdown] lang="en"
# ### Same cell, another network
#
# "The cell of DARTS" is not yet a network. In its search network pooling is followed by a batch normalization and the
# batch normalizations have no weights; in the final network it is the other way round. Who rebuilds the final network
# with the operations of the search gets other parameter counts, and another function:

# %% tags=["nbval-check-output"]
for affine in (True, False):
    params = sum(p.numel() for p in make_op("sep_conv_3x3", 36, affine=affine).parameters())
    print(f"sep 3×3 at 36 channels, affine={affine}: {params:,}")

# %% [markdown] lang="en"
# ## Exercises
#
# ### 03.1 Read a genotype (5 minutes)
#
# From DARTS' list of (operation, input) pairs to the edges `(source, target, operation)`, in the same order. The first
# intermediate node is node 2.


# %%
def read_genotype(pairs):
    return ...


# %%
check("03.1", read_genotype)

# %%
hint("03.1")

# %%
solution("03.1")

# %% [markdown] lang="en"
# ### 03.2 Count the space (10 minutes)
#
# How many genotypes, normal and reduction cell together, have so many intermediate nodes and so many operations? Every
# node has two *different* inputs.


# %%
def count_genotypes(nodes, ops):
    return ...


# %%
check("03.2", count_genotypes)

# %%
solution("03.2")

# %% [markdown] lang="en"
# ### 03.3 Place the reductions (3 minutes)
#
# The numbers of the two reduction cells among so many cells, counted from 0: at a third and at two thirds of the depth,
# rounded down.


# %%
def reductions(cells):
    return ...


# %%
check("03.3", reductions)

# %%
solution("03.3")

# %% [markdown] lang="en"
# ### 03.4 Cross two cells by nodes (10 minutes)
#
# `a` and `b` are lists with an entry for each of the nodes 2, 3, 4, 5: its two pairs. Return the child that has the
# nodes numbered in `from_b` from `b`, and the others from `a`.


# %%
def cross(a, b, from_b):
    return ...


# %%
check("03.4", cross)

# %%
solution("03.4")

# %% [markdown] lang="en"
# ### 03.5 How far a chain sees (10 minutes)
#
# `layers` is a list of `(kernel, stride, dilation)`, applied one after the other. Return the side of the square of the
# image that one position of the output depends on.


# %%
def receptive_field(layers):
    return ...


# %%
check("03.5", receptive_field)

# %%
hint("03.5")

# %%
solution("03.5")

# %% [markdown] lang="en"
# ### 03.6 What undecided means (2 minutes)
#
# The recorded gain of the cell chosen shallow, used deep, is positive on average, and its interval reaches from below
# zero to more than a point. What follows?
#
# - **a)** cells do not transfer to deeper networks
# - **b)** these rows allow both, no gain and a gain worth having
# - **c)** cells transfer, since the mean is positive

# %%
check("03.6", ...)

# %%
solution("03.6")

# %% [markdown] lang="en"
# ### Experiment
#
# Would longer trainings decide? Take two groups, `group_cells(100)` and `group_cells(101)`, and give both depths five
# epochs instead of one. Before you start, write down the τ that you expect between two deep trainings, and how many
# groups it would take for an interval half as wide.
#
# ### Open question
#
# A cell-based space assumes that the same cell is right at every depth. What would you have to record to find out how
# much that assumption costs? How many more architectures would the space have without it?

# %% [markdown] lang="en"
# ## Summary
#
# - A genotype is a normal and a reduction cell; pairs of (operation, input) give the edges, and reductions sit at a
#   third and at two thirds of the depth (03.1, 03.3).
# - The space of DARTS has $180 \cdot 49^4$ cells of each type; published formulas of other spaces do not count what
#   they name (03.2).
# - A crossover that moves whole nodes gives a valid child, always (03.4).
# - Operations differ in how far they see and in what they cost: separable ones are applied twice (03.5).
# - Operations may sit on edges or on nodes: the same cell, drawn twice.
# - Whether a cell chosen small is better than average when deep, or on other classes, is undecided in our recordings:
#   at this budget even two equal trainings hardly rank alike (03.6).

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | cell-based search space | 基于元胞的搜索空间 | search a small graph, stack it |
# | cell | 元胞 | the graph that is stacked |
# | normal cell | 普通元胞 | keeps the size of the feature map |
# | reduction cell | 缩减元胞 | halves it (下采样) |
# | feature map | 特征图 | a tensor of channels, height, width |
# | separable convolution | 可分离卷积 | depthwise, then 1×1 |
# | dilated convolution | 空洞卷积 | with holes between the taps |
# | skip connection | 跳跃连接 | the identity |
# | receptive field | 感受野 | what one output position depends on |
# | genotype | 基因型 | the normal and the reduction cell, written down |
# | transfer | 迁移 | used elsewhere than it was found |

# %% [markdown] lang="en"
# ## References
#
# - H. Liu, K. Simonyan, Y. Yang, *DARTS: Differentiable Architecture Search*, ICLR 2019, arXiv:1806.09055: sections 2.1
#   and 3.1 (cell, operations), Table 1 (results, cost), figures 4 and 5 (cells).
# - B. Zoph et al., *Learning Transferable Architectures for Scalable Image Recognition*, CVPR 2018, arXiv:1707.07012:
#   normal and reduction cells, operations on nodes; NASNet-A.
# - E. Real et al., *Regularized Evolution for Image Classifier Architecture Search*, AAAI 2019, arXiv:1802.01548:
#   AmoebaNet-A.
# - H. Pham et al., *Efficient Neural Architecture Search via Parameter Sharing*, ICML 2018, arXiv:1802.03268: section
#   2.4, the printed size of the micro space.
# - X. He, K. Zhao, X. Chu, *AutoML: A Survey of the State-of-the-Art*, 2021, arXiv:1908.00709: the two pictures are
#   drawn after its figures of cells; the formula with $M$ and $B$.
# - C. Ying et al., *NAS-Bench-101*, ICML 2019, arXiv:1902.09635: operations on nodes.
