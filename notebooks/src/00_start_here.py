# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax}
# ---

# %% [markdown] lang="en"
# # 00 · Check your machine and learn how a lesson works
#
# You make sure that everything the course needs is there, find out whether you know what it builds on, and meet the
# things that come back in every lesson: a check, an explorer, an exercise, a full run.
#
# **Read** 15 minutes · **Run** 10 seconds on two CPU cores · **Needs** Python and a little PyTorch: exercises 00.1 to
# 00.5 tell whether enough · **Next** [01 · Run the whole pipeline once](01_nas_pipeline.ipynb)

# %% [markdown] lang="en"
# ## You will be able to
#
# - tell whether the course can build on what you know of arrays, convolutions, data splits, gradients and graphs
#   (exercises 00.1 to 00.5)
# - write an answer, have it checked, and ask for a hint or the solution (exercise 00.6)
# - read a result out of a picture that you move yourself, and turn it into a formula (exercise 00.6)

# %% [markdown] lang="en"
# ## Set-up
#
# Run a cell with <kbd>Shift</kbd>+<kbd>Enter</kbd>. Every lesson begins with one like this; it says what the lesson
# runs on. Here it also prints the lines that matter most out of the table that `nascourse doctor` prints in a
# terminal, and every line that is not as it should be.

# %%
from nascourse import SearchData, load
from nascourse.doctor import examine
from nascourse.lessons import check, hint, setup, solution
from nascourse.viz import images_grid, show

budget = setup("00")
matters = ("Python", "free disk", "torch", "mode", "fashion")
rows = [row for row in examine() if row.name.startswith(matters) or row.state in ("MISSING", "WRONG")]
print(*(f"{row.state:8} {row.name:18} {row.found}" for row in rows), sep="\n")

# %% [markdown] lang="en"
# If every line begins with `ok`, all that a lesson needs is there. Otherwise:
#
# - **MISSING** or **WRONG** beside a package: run the set-up again (`make setup`; on Windows
#   `py nascourse\bootstrap.py setup`), then restart the kernel.
# - **WRONG** beside a data file: its checksum differs, so it was damaged or changed. The line says how to restore it.
# - **WRONG** beside `free disk`: the lessons still run, but an update of the packages would not fit.
# - **torch device** `cpu` is enough for every lesson. `cuda` or `mps` is used by itself where it is there.
#
# If you ask somebody for help, paste the whole table of `nascourse doctor`.

# %% [markdown] lang="en"
# ## Predict first
#
# Every lesson asks for a guess before it shows a result. A wrong guess of your own stays in mind longer than a right
# answer that you only read. So write yours down.
#
# > A graph has numbered nodes, and an edge from each node to every node with a higher number. With 3 nodes that makes
# > 3 edges. **How many edges with 6 nodes?**
#
# The slider under *See it* gives the answer.

# %% [markdown] lang="en"
# ## The idea
#
# A lesson is a notebook that you run from top to bottom. Its parts always come in this order:
#
# | part | what it is for |
# |---|---|
# | Predict first | a question; the figure that answers it comes later |
# | The idea | words, a picture, and one formula with every symbol named |
# | From scratch | the method in a few lines, each piece checked against something that does not depend on it |
# | See it | a figure, then an *explorer*: you change something and the picture follows |
# | Run it | real data: one run in front of you, and beside it the *recorded evidence* of many |
# | Full run | the same code with larger numbers |
# | What goes wrong | mistakes of the method that others have made, each made visible |
# | Exercises | checked ones, an experiment, an open question |
#
# What carries over from one lesson to the next lives in the package `nascourse`: what one lesson builds from scratch,
# later ones import.

# %% [markdown] lang="en"
# ## From scratch
#
# Code that runs is not yet right. So each piece of it is compared with something that was found in another way: a
# formula, an enumeration, a published number, or PyTorch's own automatic differentiation. As an example, the gradient
# of $L(w) = (w - 3)^2$, worked out on paper,


# %%
def gradient(w):
    return 2 * (w - 3)


# %% [markdown] lang="en"
# and the same gradient from autograd, which knows nothing of our formula:

# %% tags=["nbval-check-output"]
import torch

w = torch.tensor(7.0, requires_grad=True)
((w - 3) ** 2).backward()
print("by hand", gradient(7.0), " autograd", w.grad.item())

# %% [markdown] lang="en"
# Two independent ways, one number. One more check: a step against the gradient must make the loss smaller, here from
# 16 to $(6.2 - 3)^2 = 10.24$.

# %% tags=["nbval-check-output"]
stepped = 7.0 - 0.1 * gradient(7.0)
print(f"w from 7 to {stepped:g}, loss from {(7.0 - 3) ** 2:g} to {(stepped - 3) ** 2:.2f}")

# %% [markdown] lang="en"
# ## See it
#
# This is an explorer. Drag the slider, or click it and press <kbd>→</kbd> and <kbd>←</kbd>.

# %%
from nascourse.lessons.lesson_00 import CompleteDagExplorer

CompleteDagExplorer(nodes=3)

# %% [markdown] lang="en"
# *A graph with an edge from each node to every node of a higher number: three nodes, three edges. With the slider, up
# to six nodes.*
#
# Was your guess right? **Three things to try:**
#
# 1. Go from 3 to 4 nodes. How many edges does node 3 bring along, and why that many?
# 2. How many edges go *into* node 0, 1, 2, 3? Add them up.
# 3. Is there any path along the arrows that comes back to where it started? Could there be one?
#
# **If there is a picture but no slider**, the cell has not been run yet: what you see is the picture saved with the
# notebook. Run the cell. **If the slider does not move the picture**, or there is only text:
#
# 1. Restart the kernel (menu *Kernel*), run the set-up cell, then the cell of the explorer.
# 2. Reload the page in the browser. Widgets in a page that was open before the set-up do not find their code.
# 3. Run this notebook with `make lab`, which starts the JupyterLab of the course. One installed elsewhere may lack
#    `ipywidgets` and `anywidget`; the table above says what the course's has.
#
# Without a slider you can still do every lesson: each explorer has a saved picture and a sentence that describes it.

# %% [markdown] lang="en"
# ## Run it
#
# The lessons work on real images: Fashion-MNIST, shipped with the course. Of 12,000 images, 8,000 are for training and
# 4,000 for validation. 10,000 more are for testing, and no search ever sees them. Here is one of each class.

# %%
data = load()
first = [int((data.train.labels == label).nonzero()[0]) for label in range(10)]
show(
    images_grid(data.train.pixels[first, 0], data.train.classes, columns=5),
    alt="One grey image of each of the ten classes of clothes, from T-shirt to ankle boot.",
)

# %% [markdown] lang="en"
# *One image of each of the ten classes, 28×28 grey pixels.*
#
# The two sets share no image, and every class is equally frequent in both. Counted, not believed:

# %% tags=["nbval-check-output"]
print(len(data.train), "to train on,", len(data.valid), "to validate on")
print("of each class:", data.train.labels.bincount().tolist(), data.valid.labels.bincount().tolist())

# %% [markdown] lang="en"
# Now a network is trained, a small one on small images. Lesson 01 explains what the string means; it is the
# architecture. One thread is enough: work this small is not worth sharing.

# %%
from nascourse.evaluation import Recipe, TrainFromScratch
from nascourse.spaces import MicroCell, Trial

torch.set_num_threads(1)
cell = MicroCell.from_string("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|")
small = data.shrunk(2)
small = SearchData(small.train.subset(budget.images), small.valid)
recipe = Recipe(epochs=budget.epochs, batch_size=64)
evaluate = TrainFromScratch(small, recipe, {"channels": 8, "cells": (3,), "in_channels": 1, "stem_stride": 2})

# %%
result = evaluate(Trial(number=0, arch=cell, seed=0))
print(f"{result.params:,} parameters, validation accuracy {result.accuracy:.3f} after {budget.epochs} epoch(s)")

# %% [markdown] lang="en"
# Your accuracy may differ from the saved one in the third digit: another processor adds in another order. Numbers
# that must be equal everywhere (counts, shapes, closed forms) are compared by the tests of the course; trained
# numbers never are.
#
# **One run shows little.** So what a lesson *claims* rests on recorded evidence: the same experiment with many seeds,
# run beforehand, every single result kept in `data/evidence/` with date, machine and versions. The lesson recomputes
# the statistics from these rows in front of you, and gives one of three verdicts: *holds*, *fails*, or *undecided*.

# %% [markdown] lang="en"
# ## Full run
#
# The numbers that decide how long a lesson takes stand in one file, `nascourse/budgets.py`, in three columns.
# The code is the same in all three.

# %% tags=["nbval-check-output"]
from nascourse.budgets import BUDGETS

print(f"{'':14}{'ci':>8}{'lesson':>8}{'full':>8}")
for name, numbers in BUDGETS["01"].items():
    print(f"{name:14}{numbers.ci:8,}{numbers.lesson:8,}{numbers.full:8,}")

# %% [markdown] lang="en"
# *The numbers of lesson 01.*
#
# | mode | for | what changes |
# |---|---|---|
# | `ci` | the automatic tests | seconds; its accuracies mean nothing |
# | `lesson` | you, now | about a minute on two cores |
# | `full` | an evening, or a GPU | the largest honest setting |
#
# In `full` mode searches keep a journal, and one that was interrupted goes on where it stopped.
#
# To change the mode, start with `NASCOURSE_MODE=full make lab` (Windows: `set NASCOURSE_MODE=full` first). The set-up
# cell of each lesson prints the mode it found. In `lesson` mode the full-run cell of a lesson shows a stored full run
# and where it came from.

# %% [markdown] lang="en"
# ## What goes wrong
#
# **Another run, another number.** A training starts from random weights and sees the images in random order. Both
# come from the *seed*. The same seed gives the same number, on the same machine with the same number of threads.
# Another seed gives another number, and neither is *the* accuracy of the network.

# %% tags=["nbval-check-output"]
again = evaluate(Trial(number=0, arch=cell, seed=0)).accuracy
print("same seed, same number:", again == result.accuracy)

# %%
others = [evaluate(Trial(number=0, arch=cell, seed=seed)).accuracy for seed in range(1, budget.seeds)]
print("accuracies of the same network:", ", ".join(f"{a:.3f}" for a in [result.accuracy, *others]))

# %% [markdown] lang="en"
# How far these numbers are apart is what you must hold against any difference between two architectures. Whoever
# compares two networks by one run each compares seeds. Lesson 01 shows what to do about it.
#
# **Cells run out of order.** A notebook remembers what you ran, not what you see. If a cell complains about a name
# that is defined further up, restart the kernel and run everything from the top.

# %% [markdown] lang="en"
# ## Exercises
#
# Put your answer where the `...` is and run the cell. `check` says whether it is right and, if not, which idea led
# you there. It never breaks the notebook. `hint("00.1")` in a cell of your own gives a hint, each call the next one.
#
# The first five need no search yet. They ask what you should know before. If two or more go wrong, read what `check`
# names before you go on; nothing later explains it again.
#
# ### 00.1 Indexing an array (1 minute)
#
# `a = np.arange(12).reshape(3, 4)`. What is `a[:, 1].sum()`? Work it out in your head.

# %%
check("00.1", ...)

# %% [markdown] lang="en"
# ### 00.2 What a convolution does to a shape (3 minutes)
#
# A batch of shape (1, 16, 28, 28) goes through a 3×3 convolution with 32 output channels, stride 2, padding 1 and no
# bias. Which shape comes out, and how many weights has the layer?
#
# - **a)** (1, 32, 14, 14) and 4,608
# - **b)** (1, 32, 28, 28) and 4,608
# - **c)** (1, 32, 14, 14) and 288
# - **d)** (1, 32, 13, 13) and 4,608
#
# Answer with a letter in quotes, such as `check("00.2", "d")`.

# %%
check("00.2", ...)

# %% [markdown] lang="en"
# ### 00.3 Training, validation, test (1 minute)
#
# You try 50 settings and keep the one with the best accuracy on some images. On which images do you measure the
# accuracy that you report?
#
# - **a)** on the training images
# - **b)** on the images that chose the setting
# - **c)** on images that nothing was chosen on

# %%
check("00.3", ...)

# %% [markdown] lang="en"
# ### 00.4 A gradient step (2 minutes)
#
# One step of gradient descent on $L(w) = (w - 5)^2$ from $w = 2$ with learning rate 0.1. What is $w$ then?

# %%
check("00.4", ...)

# %% [markdown] lang="en"
# ### 00.5 A topological order (2 minutes)
#
# A graph has the edges 0→2, 2→1, 0→1, 1→3. In which order can its nodes be computed?
#
# - **a)** 0, 1, 2, 3
# - **b)** 0, 2, 1, 3
# - **c)** 3, 1, 2, 0

# %%
check("00.5", ...)

# %% [markdown] lang="en"
# The answers, folded away. Look after you have tried.

# %%
solution("00.1")
solution("00.2")
solution("00.3")
solution("00.4")
solution("00.5")

# %% [markdown] lang="en"
# ### 00.6 Count the edges (5 minutes)
#
# How many edges has a graph of `n` nodes in which every node has an edge to every node with a higher number? You have
# seen it in the explorer; now write it as a function. A formula or a loop, both are fine.


# %%
def count_edges(n):
    return ...


# %%
check("00.6", count_edges)

# %%
hint("00.6")

# %%
solution("00.6")

# %% [markdown] lang="en"
# ### Experiment
#
# Change `skip_connect~0` in the cell string under *Run it* to `none~0`, and evaluate the new cell with the same seeds
# as under *What goes wrong*. Is one of the two better, or do the two lists of accuracies overlap?
#
# ### Open question
#
# Think of a number from your own work that came out of a single run. What would you need to do to know how much of it
# was luck?

# %% [markdown] lang="en"
# ## Summary
#
# - You know from 00.1 to 00.5 whether the course can build on what you bring along, and what to read if not.
# - You put an answer into a cell, `check` judged it, `hint` and `solution` helped (00.6).
# - You moved an explorer and read off how many edges a complete acyclic graph has: 1, 3, 6, 10, 15 for 2 to 6 nodes,
#   in general $n(n-1)/2$ (00.6). The cells of lesson 01 are such graphs, with 4 nodes.
#
# **Next:** [01 · Run the whole pipeline once](01_nas_pipeline.ipynb).

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | directed acyclic graph | 有向无环图 | nodes and arrows, and no way back to where you started |
# | node | 节点 | here: a tensor |
# | validation set | 验证集 | images that choose |
# | seed | 随机种子 | decides the random numbers of a run |
# | parameter | 参数 | a number that training sets |

# %% [markdown] lang="en"
# ## References
#
# - H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
#   Algorithms*, 2017, arXiv:1708.07747. Section 2 describes the images.
# - A. Zhang, Z. Lipton, M. Li, A. Smola, *Dive into Deep Learning*, d2l.ai: the sections that `check` names.
# - Where the data comes from, and its licence: [data/README.md](../data/README.md).
