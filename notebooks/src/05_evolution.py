# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax}
# ---

# %% [markdown] lang="en"
# # 05 · Breed architectures
#
# You take evolution apart into four steps, build each of them in a few lines, put three known algorithms together in a
# line each, watch families of cells, and measure what evolution buys and whether the old have to die.
#
# **Read** 55 minutes · **Run** 60 seconds on two CPU cores · **Needs** [01](01_nas_pipeline.ipynb) and
# [03](03_cell_based.ipynb)

# %% [markdown] lang="en"
# ## You will be able to
#
# - compute who is selected, and how often: by fitness, by rank and by tournament, also where fitness is zero, negative
#   or equal (exercises 05.2, 05.3 and 05.4)
# - predict how fast selection alone fills a population with copies of the best (exercise 05.5)
# - cross two parents so that the child takes exactly half of each (exercise 05.6)
# - say what aging does to a lucky architecture, and find an aging that does not age (exercises 05.1 and 05.7)

# %% [markdown] lang="en"
# ## Set-up

# %%
import numpy as np
import torch
from nascourse import CourseError, evidence, pick_device
from nascourse.lessons import check, hint, setup, solution
from nascourse.lessons.lesson_05 import (
    swap_cells,
    remove_skip,
    change_operation,
    ARMS,
    DriftExplorer,
    FamilyTreeExplorer,
    GenerationExplorer,
    KinshipExplorer,
    curves,
    diversity,
    drop_worst,
    evolution_scene,
    exact,
    origins,
    populations,
    real_search,
    takeover_time,
)
from nascourse.viz import chart, regret_curves, series_style, show

torch.set_num_threads(1)  # networks this small gain nothing from a second thread
budget = setup("05")

# %% [markdown] lang="en"
# ## Predict first
#
# Write down three guesses:
#
# 1. A search may look at 300 of the 15,625 micro cells. How far from the best cell of all does it end, in percentage
#    points? Guess for random search, for evolution, and for *local search*, which looks at the neighbours of the best
#    cell so far and moves on when one is better.
# 2. Two evolutions differ in one thing only: when a child joins, one lets the **oldest** go, the other the **worst**.
#    Which one hands over the better cell when fitness is exact? And when each fitness is one training, with its luck?
# 3. 128 individuals. Two are drawn and the better one is copied into the next generation, 128 times. No crossover, no
#    mutation. How many generations until all 128 are copies of the best?
#
# The figures under *Run it* answer 1 and 2, *From scratch* answers 3.

# %% [markdown] lang="en"
# ## The idea
#
# Evolutionary algorithms borrow from biology. They keep a **population**: some architectures with their **fitness**, which
# here is the validation accuracy. They begin with random founders and then repeat four steps:
#
# 1. **Selection** picks good ones as parents, at first among the founders, later among their descendants: by fitness, by
#    rank, or by tournament.
# 2. **Crossover** makes a child of any two of them; it inherits half of the structure of each.
# 3. **Mutation** changes something in the child, such as removing the skip connection between two nodes.
# 4. **Update**: the child is evaluated and joins; somebody else leaves.

# %%
show(evolution_scene())

# %% [markdown] lang="en"
# *Initialization, then the question whether to stop, then the four steps and the question again. Each step is a choice
# among a few rules, and each rule can be exchanged alone.*
#
# (The syllabus says that step 4 updates the *search space*. The space stays what it is: what may be built does not
# change. What changes is the population, the few points of the space that parents are taken from.)
#
# The oldest of the rules is **fitness selection**. The probability that $h_i$ becomes a parent is its share of all
# fitness:
#
# $$P(h_i) = \frac{f_i}{\sum_{j=1}^{N} f_j}$$
#
# | symbol | meaning |
# |---|---|
# | $h_i$ | the $i$-th individual of the population |
# | $f_i$ | its fitness, at least 0 |
# | $N$ | the size of the population |
#
# **Rank selection** looks at the order only: with $r_i = 1$ for the worst and $N$ for the best, $P(h_i)$ grows on a
# straight line with $r_i$. **Tournament selection** draws $k$ individuals and takes the best of them with probability
# $p$, the second with $p(1-p)$, the third with $p(1-p)^2$, and so on.

# %% [markdown] lang="en"
# ## From scratch
#
# ### Fitness without waiting
#
# Hundreds of searches are too many to train. A **tabular benchmark** holds three trainings of every cell, so that an
# evaluation is a look-up. Cells that compute the same function share their trainings.

# %%
from nascourse.evaluation import TabularBenchmark
from nascourse.spaces import (
    MICRO_OPS,
    CellSpace,
    MicroCell,
    MicroSpace,
    Result,
    canonical,
)

space, table = MicroSpace(), TabularBenchmark.load()
noise = table.noise(top=100)  # of good cells, which a search is about
print(f"{space.size:,} cells, {len(table.rows_in):,} functions, {len(table.seeds)} trainings of each")
print(
    f"the best hundred: one training ± {noise.training:.4f} around its cell's mean, mean of three ± {noise.floor:.4f}"
)
print(f"all: one training ± {table.noise().training:.4f}")

# %% [markdown] lang="en"
# (The numbers after ± are standard deviations: about two of three trainings lie within one of them. Poor cells scatter
# more than good ones.) *Fitness* will be the mean of a cell's three trainings, and later one of them. A fourth training
# would be another roll of the dice, so a good cell's mean is known to within the second number only, the **noise floor** of
# the table, and the difference of two such means to within $\sqrt{2}$ times as much. Of two cells that lie closer together
# the table cannot say with any confidence which one is better.
#
# A search will be judged by its **regret**: how much less accurate the cell that it hands over is than the best cell of the
# table, both by the mean of three trainings.
#
# ### Step 1: selection
#
# Six individuals with accuracies as a search sees them. Here is each selection as it is *done*; whether it is the
# formula will be tested.
#
# Fitness selection is a roulette wheel. Each has a sector as wide as its fitness:

# %%
fitness = np.array([0.71, 0.86, 0.83, 0.80, 0.85, 0.79])


def spin(fitness, rng):
    return int(np.searchsorted(np.cumsum(fitness), rng.random() * fitness.sum(), side="right"))


# %% [markdown] lang="en"
# A tournament. Whoever is passed over has no second chance, and if nobody was taken, the last one is. Without that
# remainder the probabilities would add up to $1-(1-p)^k$, and now and then nobody would be selected.


# %%
def tournament(fitness, k, p, rng):
    contestants = sorted(rng.choice(len(fitness), k, replace=False), key=lambda i: -fitness[i])
    for contestant in contestants[:-1]:
        if rng.random() < p:
            return int(contestant)
    return int(contestants[-1])


# %% [markdown] lang="en"
# Rank selection. Its *pressure* η, from 1 to 2, is how often the best one is expected in $N$ draws; the worst one is
# expected $2-\eta$ times. It can be done without computing a single rank: with probability $\eta-1$ the better of two,
# otherwise anybody. (Blickle and Thiele prove that ranking and tournaments of two correspond.)


# %%
def rank(fitness, pressure, rng):
    if rng.random() < pressure - 1:
        return tournament(fitness, 2, 1.0, rng)
    return int(rng.integers(len(fitness)))


# %% [markdown] lang="en"
# The package's selections tell their `chances`, computed from the formulas. Draw 20,000 times with ours, count, and
# let a chi-square test judge: how likely is a deviation as large as the one that was seen, if the formula is right? That
# is the p-value; below 1/1000 we would not believe the formula. (Why so strict? If all formulas are right, one in twenty
# p-values is below 0.05 all the same, and this lesson computes a dozen of them.)

# %%
from scipy.stats import chisquare
from nascourse.search.evolution import (
    FitnessProportional,
    LinearRank,
    Tournament,
    Uniform,
)

OURS = {
    "fitness": (lambda rng: spin(fitness, rng), FitnessProportional()),
    "rank, η = 1.8": (lambda rng: rank(fitness, 1.8, rng), LinearRank(1.8)),
    "tournament of 3": (lambda rng: tournament(fitness, 3, 1.0, rng), Tournament(3)),
    "tournament of 3, p = 0.7": (lambda rng: tournament(fitness, 3, 0.7, rng), Tournament(3, 0.7)),
}


# %%
def frequencies(draw, n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    return np.bincount([draw(rng) for _ in range(n)], minlength=len(fitness))


def p_value(counts, chances):
    possible = chances > 0  # who cannot be drawn must not have been
    assert counts[~possible].sum() == 0
    return chisquare(counts[possible], counts.sum() * chances[possible]).pvalue


# %%
counts = {name: frequencies(draw) for name, (draw, _) in OURS.items()}
p_values = {name: p_value(counts[name], OURS[name][1].chances(fitness)) for name in OURS}
for name, p in p_values.items():
    print(f"{name:25} p = {p:.2f}")

# %% tags=["nbval-check-output"]
print("formula and frequencies agree:", all(p > 1e-3 for p in p_values.values()))

# %% [markdown] lang="en"
# The package draws for itself, too. The same test on its draws, and as a control a wrong formula that the test has to
# catch: tournaments of three against the chances of tournaments of two.
# %% tags=["nbval-check-output"]
places = {name: s.draw(fitness, 8000, np.random.default_rng(1)) for name, (_, s) in OURS.items()}
drawn = {name: np.bincount(chosen, minlength=6) for name, chosen in places.items()}
print("package:", all(p_value(drawn[name], s.chances(fitness)) > 1e-3 for name, (_, s) in OURS.items()))
print("wrong formula caught:", p_value(drawn["tournament of 3"], Tournament(2).chances(fitness)) < 1e-3)

# %%
figure, axes = chart(xlabel="accuracy of the individual", ylabel="probability of being selected", height=300)
order = np.argsort(fitness)
for k, name in enumerate(("fitness", "rank, η = 1.8", "tournament of 3")):
    style, chances = series_style(k), OURS[name][1].chances(fitness)[order]
    axes.plot(range(6), chances, color=style.color, dashes=style.dash, label=name)
    axes.plot(range(6), counts[name][order] / 20_000, style.marker, color=style.color)
axes.set_xticks(range(6), [f"{f:.2f}" for f in fitness[order]])
axes.legend(frameon=False)
show(figure, alt="Chances of six individuals: nearly level by fitness, rising by rank, steep by tournament of three.")

# %% [markdown] lang="en"
# *Lines: the formulas. Marks: 20,000 draws. Accuracies that lie close together have nearly equal shares of the wheel,
# so fitness selection hardly selects. Rank and tournament only compare, and do not care how close the numbers are.*
#
# **With replacement**, the default, one individual may be drawn again and again. **Without**, whoever was drawn is out
# until everybody was in. The second draw then has another law: $j$ comes second after any first $i \neq j$, so
# $P_2(j) = \sum_{i \neq j} P(i)\,\frac{P(j)}{1 - P(i)}$.

# %% tags=["nbval-check-output"]
once, rng = FitnessProportional(replace=False), np.random.default_rng(2)
seconds = np.bincount([once.draw(fitness, 2, rng)[1] for _ in range(20_000)], minlength=6)
P = once.chances(fitness)
expected = np.array([sum(P[i] * P[j] / (1 - P[i]) for i in range(6) if i != j) for j in range(6)])
print("second draw as expected:", p_value(seconds, expected) > 1e-3)
print("six draws without replacement:", sorted(once.draw(fitness, 6, rng)))

# %% [markdown] lang="en"
# ### Fitness that is zero, negative, equal, or not a number
#
# A training can diverge; then its accuracy is NaN. A loss with a minus sign is negative. What a selection does then
# should be decided, not left to chance:

# %%
CASES = {"some zero": [0, 1, 3], "all zero": [0, 0, 0], "negative": [-1, 1, 3], "equal": [2, 2, 3]}
CASES |= {"one failed": [np.nan, 1, 3], "all failed": [np.nan] * 3}


def row(selection, values):
    try:
        return " ".join(f"{chance:.2f}" for chance in selection.chances(values))
    except CourseError:
        return "refused"


# %% tags=["nbval-check-output"]
print(f"{'':11} {'fitness':16} {'rank, η = 2':16} tournament of 2")
for name, values in CASES.items():
    print(f"{name:11}", *(f"{row(s, values):16}" for s in (FitnessProportional(), LinearRank(2.0), Tournament(2))))

# %% [markdown] lang="en"
# Read it row by row. Zero is never drawn by fitness, unless all are zero: then all are equal. Negative fitness has no
# shares, so fitness selection refuses; the other two compare and do not mind. Equals have equal chances in all three.
# Whoever failed is not selected as long as anyone else succeeded.
#
# ### How fast does the best take over?
#
# Selection alone, generation after generation, fills the population with copies of the best. The others win a
# tournament only if no copy of the best is among its $k$ contestants. So if the *others* have the share $x$, in the next
# generation they have $x^k$ (contestants drawn with repeats). From $1 - 1/N$ that is $(1-1/N)^{k^t}$ after $t$ generations, and it takes about
#
# $$t^* = \frac{\ln N + \ln \ln N}{\ln k}$$
#
# generations until less than one of the $N$ is left (Goldberg and Deb 1991).


# %%
def share_of_best(selection, rng, size=128, generations=12):
    members, shares = np.arange(1, size + 1), [1 / size]
    for _ in range(generations):
        members = members[selection.draw(members, size, rng)]
        shares.append((members == size).mean())
    return shares


# %%
SELECTIONS = {f"tournament of {k}": Tournament(k, distinct=False) for k in (2, 5, 10)} | {
    "fitness": FitnessProportional()
}
figure, axes = chart(xlabel="generation", ylabel="share of the best", height=320)
for style, (name, selection) in zip(map(series_style, range(4)), SELECTIONS.items()):
    runs = [share_of_best(selection, np.random.default_rng(seed)) for seed in range(8)]
    survived = np.mean([run for run in runs if run[-1] > 0] or runs, axis=0)
    axes.plot(range(13), survived, style.marker, color=style.color, label=name)
    if name != "fitness":
        axes.plot(1 - (1 - 1 / 128) ** (selection.size ** np.arange(13.0)), color=style.color, dashes=style.dash)
axes.legend(frameon=False, loc="center right")
show(figure, alt="Share of the best by generation: S-shaped for tournaments, sooner for larger ones; flat by fitness.")

# %% [markdown] lang="en"
# *Lines: the closed form. Marks: the mean over the runs in which the best was not lost on the way; with tournaments of
# two they run ahead of the line in the middle, since the other runs are left out, and behind it at the end, since some begin
# late. Fitness selection is given the fitness
# 1, 2, …, 128, and takes over far more slowly than the smallest tournament.*

# %%
for k in (2, 5, 10):
    times = [takeover_time(Tournament(k, distinct=False), 128, np.random.default_rng(seed)) for seed in range(20)]
    theory = (np.log(128) + np.log(np.log(128))) / np.log(k)
    print(f"tournament of {k:2}: theory {theory:.1f}, mean {np.mean([t for t in times if t]):.1f}", end="")
    print(f", best lost in {times.count(None)} of 20 runs")

# %% [markdown] lang="en"
# About ten generations of tournaments of two, if the best is not lost: the answer to the third prediction. (The formula knows neither luck nor whole
# generations, so it is a little too low.) What is lost on the way is *diversity*. Crossover only mixes what is left, since two equal parents have equal children; only mutation brings
# something new.

# %% [markdown] lang="en"
# ### Step 2: crossover
#
# "The child inherits half of each parent." Half of what? Of the **decisions as they are written**. A micro cell has
# six, one for each edge: the child takes three edges from one parent, the other three from the other. There are
# $\binom{6}{3} = 20$ ways to do so. Write them all down:

# %%
from itertools import combinations


def all_children(a, b):
    for from_b in combinations(range(6), 3):
        yield MicroCell(tuple(b.ops[k] if k in from_b else a.ops[k] for k in range(6)))


# %% [markdown] lang="en"
# The package draws one of them. Two parents that differ everywhere have 20 different children; all must occur, and
# equally often. (Exercise 05.6 asks you to draw one.)

# %% tags=["nbval-check-output"]
a, b = MicroCell(("nor_conv_3x3",) * 6), MicroCell(("skip_connect",) * 6)
children, rng = list(all_children(a, b)), np.random.default_rng(3)
drawn = [children.index(space.crossover(a, b, rng)) for _ in range(10_000)]
print("children seen:", len(set(drawn)), "| equally often:", chisquare(np.bincount(drawn)).pvalue > 1e-3)

# %% [markdown] lang="en"
# Half of what is written is not half of what works. An operation was good in the company of the others. Take two good
# cells of the table and look at all of their children:

# %%
rng = np.random.default_rng(7)
good = sorted((space.sample(rng) for _ in range(60)), key=lambda cell: table.evaluate(cell).accuracy)[-2:]
accuracies = sorted(table.evaluate(child).accuracy for child in all_children(*good))
print("parents: ", *(f"{table.evaluate(cell).accuracy:.4f}" for cell in good))
print(f"children: {accuracies[0]:.4f} to {accuracies[-1]:.4f}, median {np.median(accuracies):.4f}")

# %% [markdown] lang="en"
# In the DARTS cell space of lesson 03 the unit is not the edge but the **node** with its two inputs, since a node is
# valid beside any others: half of the eight nodes from each parent. Or coarser, and named in many texts: the *normal*
# cell of one parent with the *reduction* cell of the other.

# %% tags=["nbval-check-output"]
cells, rng = CellSpace(), np.random.default_rng(4)
mother, father = cells.sample(rng), cells.sample(rng)
child = swap_cells(cells, mother, father, rng)
print("normal of the one, reduction of the other:", (child.normal, child.reduce) == (mother.normal, father.reduce))

# %% [markdown] lang="en"
# ### Step 3: mutation
#
# The plainest mutation changes exactly one decision. Same generator, same mutant as the package's:


# %%
def change_one(cell, rng):
    edge = int(rng.integers(6))
    others = [op for op in MICRO_OPS if op != cell.ops[edge]]
    return MicroCell((*cell.ops[:edge], others[int(rng.integers(4))], *cell.ops[edge + 1 :]))


# %% tags=["nbval-check-output"]
ours, theirs, cell = np.random.default_rng(5), np.random.default_rng(5), a
mutants = [(change_one(cell, ours), space.mutate(cell, theirs)) for _ in range(1000)]
print("same:", all(x == y for x, y in mutants), "|", len({x for x, _ in mutants}), "neighbours reached, of 6 · 4")

# %% [markdown] lang="en"
# Surveys name more of them. Where are they here?
#
# | named mutation | micro cell | genotype |
# |---|---|---|
# | enable or disable a connection | an edge becomes `none`, or stops being it (`switch` below) | `rewire_input`: another input; every node always reads two |
# | remove a skip connection (the syllabus' example), or add one | `remove_skip`; add: `change_operation` | the same |
# | change a filter size | `resize` below | `change_operation`, sep 3×3 to sep 5×5 for one |
# | change the learning rate | no decision of the space: it belongs to the evaluation | the same |
#
# The last row is a choice, too: whoever puts the learning rate into the architecture searches both at once. Large-scale
# evolution (Real et al. 2017) did. The two that the package lacks are a few lines each, because a mutation is any
# callable of `(space, cell, rng)`:


# %%
def replaced(cell, edge, op):
    return MicroCell((*cell.ops[:edge], op, *cell.ops[edge + 1 :]))


def switch(space, cell, rng):
    edge = int(rng.integers(6))
    return replaced(cell, edge, MICRO_OPS[int(rng.integers(1, 5))] if cell.ops[edge] == "none" else "none")


# %%
OTHER_SIZE = {"nor_conv_1x1": "nor_conv_3x3", "nor_conv_3x3": "nor_conv_1x1"}


def resize(space, cell, rng):
    filters = [edge for edge, op in enumerate(cell.ops) if op in OTHER_SIZE]
    if not filters:
        return cell  # nothing to change
    edge = filters[int(rng.integers(len(filters)))]
    return replaced(cell, edge, OTHER_SIZE[cell.ops[edge]])


# %% tags=["nbval-check-output"]
cell = MicroCell.from_string("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|")
print("residual cell     ", cell)
for seed, mutate in enumerate((switch, remove_skip, resize, change_operation)):
    print(f"{mutate.__name__:18}", mutate(space, cell, np.random.default_rng(seed)))

# %% [markdown] lang="en"
# ### Step 4: update
#
# Four are alive, numbered by birth, with fitness 0.7, 0.9, 0.5 and 0.8. Two children join, 4 and 5, with 0.6 and 0.85.
# Who stays?

# %%
from nascourse.search.evolution import (
    DropOldest,
    DropWorst,
    DropWorstOrOldest,
    Generational,
    Individual,
    KeepAll,
)

RULES = {"the oldest go (aging)": DropOldest(), "the worst go": DropWorst()}
RULES |= {"all are discarded": Generational(), "all but the best": Generational(1), "everybody stays": KeepAll()}
alive = [Individual(number, a, f) for number, f in enumerate((0.7, 0.9, 0.5, 0.8))]
born = [Individual(4, a, 0.6), Individual(5, a, 0.85)]

# %% tags=["nbval-check-output"]
for name, rule in RULES.items():
    print(f"{name:22}", *(one.number for one in rule(alive, born, np.random.default_rng(0))))

# %% [markdown] lang="en"
# In between lies a **mixed rule**: the worst with probability λ, otherwise the oldest. With one child, the oldest is
# number 0 and the worst number 2, so 2 has to go in a share λ of all cases:

# %% tags=["nbval-check-output"]
mixed, rng = DropWorstOrOldest(0.3), np.random.default_rng(6)
worst_gone = sum(2 not in {one.number for one in mixed(alive, born[1:], rng)} for _ in range(4000))
print("λ = 0.3, by chi-square:", chisquare([worst_gone, 4000 - worst_gone], [1200, 2800]).pvalue > 1e-3)

# %% [markdown] lang="en"
# ### Three algorithms, a line each
#
# The steps compose. Read the lines aloud:

# %%
from nascourse.search.evolution import (
    Evolution,
    classical_ga,
    half_of_each,
    mu_plus_lambda,
    regularized_evolution,
)

aging = Evolution(space, 50, selection=Tournament(10, distinct=False), update=DropOldest())
plus = Evolution(space, 20, 20, selection=Uniform(), update=DropWorst())
roulette = FitnessProportional(replace=False)
rates = {"crossover_rate": 0.9, "mutation_rate": 0.5}
ga = Evolution(space, 50, 50, selection=roulette, crossover=half_of_each, **rates, update=Generational(1))

# %% [markdown] lang="en"
# - **Regularized evolution** (Real et al. 2019): mutate the best of a sample of 10; the oldest of 50 goes.
# - **(μ + λ)**: 20 parents, each with the same chance, have 20 mutated children; the best 20 of the 40 stay.
# - A **classical genetic algorithm**: nine of ten children have two parents, drawn by roulette and crossed, the tenth has
#   one (`replace=False`: the two are different; the next child draws from everybody again). Half of the children are
#   mutated, and they replace all but the best.
#
# The package calls them by name, and means the same:

# %% tags=["nbval-check-output"]
named = (regularized_evolution(space, 50, 10), mu_plus_lambda(space, 20, 20), classical_ga(space, 50))
print([mine.describe() == theirs.describe() for mine, theirs in zip((aging, plus, ga), named)])

# %% [markdown] lang="en"
# And the loop around the steps? Regularized evolution whole, without the package. A `deque` of limited length drops its
# oldest entry when a new one is appended. (`exact` answers a trial with the mean of the table's trainings.)

# %%
from collections import deque


def by_hand(fitness_of, size, sample, evaluations, rng):
    alive, evaluated = deque(maxlen=size), []
    while len(evaluated) < evaluations:
        if len(evaluated) < size:
            cell = space.sample(rng)
        else:
            parent, _ = max((alive[k] for k in rng.choice(size, sample)), key=lambda one: one[1])
            rng.random()  # the package draws here whether to mutate at all; keep in step with it
            cell = change_one(parent, rng)
        alive.append((cell, fitness_of(cell)))
        evaluated.append(cell)
    return evaluated


# %% tags=["nbval-check-output"]
from nascourse.search import search, strategy_rng

theirs = search(aging, exact, 120, seed=1)
ours = by_hand(lambda cell: table.evaluate(cell).accuracy, 50, 10, 120, strategy_rng(1))
print(sum(row.trial.arch == cell for row, cell in zip(theirs, ours)), "of 120 cells are the same")

# %% [markdown] lang="en"
# ## See it
#
# An evolution to look at: 24 founders; then 20 generations of eight children each, whose parents win tournaments of
# four. Half of the children are crossed, three of four are mutated, and the oldest go.

# %%
rates = {"crossover_rate": 0.5, "mutation_rate": 0.75}
breeding = Evolution(space, 24, 8, selection=Tournament(4), crossover=half_of_each, **rates, update=DropOldest())
history = search(breeding, exact, 184, seed=8)
generations = breeding.generations

# %% [markdown] lang="en"
# **One generation.** Who was selected, who was born of whom, who had to go?

# %%
GenerationExplorer(history, generations, step=4)

# %% [markdown] lang="en"
# *Accuracy against the number of the trial, so that the oldest is on the left. Discs are alive, rings mark who was
# selected. Stars were born, with a dashed line to each parent: two lines for a crossing. Filled stars have something
# new, by mutation; pale ones have not. Crosses were dropped, always the leftmost of those alive; small grey dots died
# earlier. Anyone far below the others is drawn on the lower edge.*
#
# **Parent and child.** What is new carries a halo and a star; the table says whose edge is whose.

# %%
both = [row.trial for row in history if len(row.trial.parents) == 2]
parents = [[history[number].trial.arch for number in trial.parents] for trial in both]
changed = [trial.number for trial, two in zip(both, parents) if "" in origins(trial.arch, two)]
KinshipExplorer(history, child=changed[0])

# %% [markdown] lang="en"
# *Two parents and their child, whose edges come from A, from B, from both alike (A = B), or are new: the mutation.*
#
# **The family** of the best cell of the whole search, as far back as you like. (It may have died of old age long ago.)

# %%
FamilyTreeExplorer(history, depth=2)

# %% [markdown] lang="en"
# *A row of tiles is a cell, a tile is an edge with its operation. Halo and star mark what no parent had, so you can
# follow each operation back to the mutation or the founder that it comes from.*
#
# **The population on the move**, through accuracy against parameters:

# %%
DriftExplorer(history, generations, step=20)

# %% [markdown] lang="en"
# *Small grey dots: everybody so far. Discs and stars: the population now. The dashed line is the path of its mean since
# the founders. Selection looks at accuracy alone; if the parameters move, they follow it.*
#
# **Three things to try:**
#
# 1. Step through the generations of the first explorer and watch the best one alive. Its accuracy can *fall*. When, and
#    why does it not with `DropWorst`?
# 2. Find a child of two parents that is equal to one of them. How can that be? (Compare the parents, edge by edge.)
# 3. Set the family tree to the deepest. How many founders does this cell descend from? And the others of the last
#    generation?

# %% [markdown] lang="en"
# ### Pressure against diversity
#
# The larger the tournament, the stronger the pressure. *Diversity* is measured as the share of decisions in which two
# members of the population differ, averaged over all pairs. Regularized evolution again, with samples of 1 (no
# selection at all) to 25:

# %%
ends = {}
for sample in (1, 2, 5, 10, 25):
    strategy = regularized_evolution(space, 50, sample)
    for seed in range(budget.seeds):
        found = table.regrets(search(strategy, exact, budget.evaluations, seed=seed))[-1]
        ends.setdefault(sample, []).append((diversity(space, strategy.population), found))

# %%
for sample, pairs in ends.items():
    variety, lost = np.transpose(pairs)
    print(f"sample of {sample:2}: diversity {variety.mean():.2f}, mean regret {lost.mean():.4f}")

# %%
figure, axes = chart(xlabel="diversity of the population at the end", ylabel="regret of the best cell", height=300)
for k, (sample, pairs) in enumerate(ends.items()):
    (x, y), style = np.transpose(pairs), series_style(k)
    axes.plot(x, y, style.marker, color=style.color, alpha=0.25, markersize=5)
    axes.plot(x.mean(), y.mean(), style.marker, color=style.color, markersize=11, label=f"sample of {sample}")
axes.legend(frameon=False, fontsize=9)
show(
    figure,
    alt="Regret against diversity of the final population for five sample sizes: the larger the sample, the less diversity.",
)

# %% [markdown] lang="en"
# *Small marks are searches, large ones their means. Two random cells differ in four of five decisions, 0.8. Pressure
# takes diversity away. From samples of 1 to 10 the mean regret falls with it; from 10 to 25 diversity is lost and twenty
# searches show no gain.*

# %% [markdown] lang="en"
# ## Run it
#
# Seven strategies, 300 evaluations each. *aging* is regularized evolution, *drop worst* the same with the other update.
# All evolutions have a population of 50 (the (μ + λ) one 20), and none was tuned. What is measured is the **regret** of
# the cell that a search would hand over, the one that looked best: how many points its mean accuracy lies below that of
# the best cell of all. One seed, live:

# %%
for arm, make in ARMS.items():
    run = search(make(space), exact, budget.evaluations, seed=0)
    functions = len({canonical(row.trial.arch) for row in run})
    print(f"{arm:15} regret {table.regrets(run)[-1]:.4f}, {functions} different functions evaluated")

# %% [markdown] lang="en"
# Note the last column: searches repeat themselves, random search too, since many cells are one function. Over the hundred
# seeds recorded below, random search meets 207 different functions on average, regularized evolution 171, the same
# without aging 154, the genetic algorithms as many as random search. All evaluations count alike here, repeated ones
# too. (A regret of 0.001 is a tenth of a percentage point.)
#
# One seed proves nothing. The evidence has a hundred seeds of each strategy, once **without noise**: each trial is
# answered by the mean of the three trainings, which is also what judges. And once **with noise**, as in a real search:
# each trial is answered by *one* of the three trainings, picked by the trial's seed, and a cell that comes again is drawn
# again. The mean still judges.

# %%
from textwrap import fill


rows = {"without noise": evidence.load("05_exact"), "with noise": evidence.load("05_noisy")}
for found in rows.values():
    print(fill(str(evidence.verdict(found.name)), 95))

# %%
SHOWN = [arm for arm in ARMS if arm != "drop worst"]
show(
    regret_curves(
        {arm: curves(rows["without noise"], arm) for arm in SHOWN}, floor=noise.floor, bands=("random", "aging")
    ),
    alt="Regret against evaluations without noise: medians of six strategies, middle halves of random search and aging.",
)

# %% [markdown] lang="en"
# *Without noise. The regret of what looked best so far: the median of a hundred seeds, and as bands the middle half of those
# of random search and of aging. The founders (the first
# 50 evaluations, 20 of the (μ + λ)) are the cells that random search draws with the same seed; local search shares only
# its first. *drop worst* is left out here, and compared below. The grey strip is the noise floor.*

# %%
THREE = ("random", "aging", "GA, tournament")
show(
    regret_curves({arm: curves(rows["with noise"], arm) for arm in THREE}, floor=noise.floor),
    alt="The same with noise, three strategies: their medians meet above the noise floor.",
)

# %% [markdown] lang="en"
# *With noise, three of them. A curve may rise now: the cell that looks best is not always the better one. The medians meet
# by coincidence: many random searches end at one and the same function, which is written as 67 different cells; many
# evolutions end at another one, of almost the same regret, that had one very lucky training. The strategies differ all the
# same: see A12 below.*
#
# Each strategy against random search, from the same rows. *A12* is the chance that a search of this strategy ends with
# less regret than a random search, ties counting half: 0.5 is no effect. The intervals come from drawing the hundred
# results again with repeats, thousands of times (bootstrap). The p-value asks whether one strategy's regrets tend to be
# smaller than the other's (Mann-Whitney test); six tests at once find something by luck more easily than one does, so
# their p-values are raised (Holm's correction). Searches of one seed share their founders and are a little alike; the
# test does not use that.


# %%
def against_random(found):
    regret = {arm: found.values(arm, "regret") for arm in found.arms}
    rivals = [arm for arm in regret if arm != "random"]
    adjusted = evidence.holm([evidence.mann_whitney_p(regret[arm], regret["random"]) for arm in rivals])
    print(f"{'random':15} mean regret {evidence.average(regret['random'])}")
    for arm, p in zip(rivals, adjusted):
        effect = evidence.a12(regret["random"], regret[arm])
        print(f"{arm:15} mean regret {evidence.average(regret[arm])}")
        print(f"{'':15} A12 {effect.estimate:.2f} [{effect.low:.2f}, {effect.high:.2f}], p {p:.1g}")


# %%
for name, found in rows.items():
    print(name)
    against_random(found)

# %% [markdown] lang="en"
# *Means with 95 % bootstrap intervals, effect sizes with theirs, adjusted p-values.*
#
# **Without noise**, every strategy but one beats random search, and by very different amounts. Regularized evolution and
# its twin that drops the worst leave a sixth to a fifth of random search's regret; in more than half of its searches
# regularized evolution hands over the best cell of the whole table. Local search, which has no population at all, leaves
# somewhat more than a third, about as much as (μ + λ) and the GA with tournaments. The roulette wheel cannot be told from
# random search: accuracies that lie this close together have nearly equal sectors, so it hardly selects, as the first
# figure of this lesson said it would.
#
# That answers the first prediction, for exact scores: random search ends about 0.5 percentage points below the best cell,
# local search 0.2, regularized evolution 0.1. Not much, is it? A few hundred random cells contain a good one.
#
# **With noise** most of the lead is gone. The same strategies still beat random search, and the roulette still does not,
# but they leave about four fifths of its regret: 0.6 points where random search leaves 0.8. Where every score carries its
# luck, choosing well among scores is no longer choosing well among cells. (Lesson 06 meets strategies that lose less by
# it.)
#
# And what is such a lead worth? Without noise nearly a third of random search's regrets lie in the grey strip, and more
# than nine in ten of those of the others, except the roulette. So the lead is real in the numbers of *this table*; whether
# the cells would be better in another training is a separate question.
#
# ### Would the lead last?
#
# Would evolution's cells still be better than those of random search if all were trained once more? The table can play
# that through: two trainings of each cell choose, and the third, which no search has seen, judges. Each of the three judges in turn; a hundred searches of each
# strategy. *Functions*: how many different ones the hundred hand over.

# %%
held = evidence.load("05_held_out")
print(f"{'judged by training':22} {'0':>6} {'1':>8} {'2':>8}    mean score by the two that chose; functions, by judge")
for arm in held.arms:
    judged, looked, number = (held.values(arm, name) for name in ("held", "looked", "functions"))
    row = "  ".join(f"{accuracy:.4f}" for accuracy in judged)
    print(f"{arm:20} {row}    {looked.mean():.4f}, {number.astype(int).tolist()}")
lead = held.values("aging", "held") - held.values("random", "held")
print("aging - random:", *(f"{value:+.4f}" for value in lead), f" mean {lead.mean():+.4f}")

# %% [markdown] lang="en"
# *Mean accuracy of what is handed over: by the training that judges, then by the two that chose.*
#
# What was chosen loses about a point as soon as somebody else judges; that was the luck in its score. And the judges do
# not agree: for judge 1 regularized evolution is 0.7 points ahead of random search, for the other two the difference is
# below a tenth of a point. Judge 1 shows why this is no verdict. Most of its random searches hand over one and the same
# function, and *its* training 1 happened to be a poor one: a single training makes most of that lead. The better a
# strategy works, the fewer functions it ends at, so it is a handful of trainings that is on trial here, not a hundred.
#
# How far do such rows carry? A hundred seeds say a lot about *this* table, one set of images and one small space; they
# are no hundred data sets. And a small p-value says that a difference is there, not that it matters: look at
# the means.

# %% [markdown] lang="en"
# ### Does aging help when fitness is one noisy training?
#
# The argument for aging goes like this: where the worst are dropped, a cell with a lucky training stays until all others
# look better, and breeds meanwhile; where the oldest are dropped it dies, and only its children, trained anew, can keep
# its place. So: oldest against worst, without noise and with it.

# %%
contrasts = {}
for name, found in rows.items():
    worst, oldest = (found.values(arm, "regret") for arm in ("drop worst", "aging"))
    contrasts[name] = (
        evidence.difference(worst, oldest),
        evidence.a12(worst, oldest),
        evidence.mann_whitney_p(worst, oldest),
    )
adjusted = evidence.holm([p for _, _, p in contrasts.values()])
for (name, (gain, effect, _)), p in zip(contrasts.items(), adjusted):
    print(f"{name:13}: worst - oldest {gain}")
    print(f"{'':13}  A12 {effect.estimate:.2f} [{effect.low:.2f}, {effect.high:.2f}], p {p:.2g}")

# %% [markdown] lang="en"
# *How much more regret dropping the worst leaves than dropping the oldest; positive: aging helped. Where the interval
# contains 0, it is undecided which is better.*

# %%
figure, axes = chart(xlabel="regret of the cell handed over", ylabel="share of searches with at most that", height=320)
pairs = [(name, arm) for name in rows for arm in ("aging", "drop worst")]
for k, (name, arm) in enumerate(pairs):
    style = series_style(k)
    axes.ecdf(rows[name].values(arm, "regret"), color=style.color, dashes=style.dash, label=f"{name}: {arm}")
axes.legend(frameon=False, fontsize=9)
show(
    figure,
    alt="Share of searches by regret, oldest or worst dropped: close pairs, without noise far left of with noise.",
)

# %% [markdown] lang="en"
# *How many of the hundred searches end with at most this regret. Without noise about half of both kinds end at 0, the best
# cell of the table. With noise the two lines lie close together.*
#
# Two more questions about the noisy rows. Does noise make aging *more* useful than it is without? (The difference of the
# differences.) And how much of what the winner showed was luck, the score that chose it minus its mean?

# %%
gains = [found.values("drop worst", "regret") - found.values("aging", "regret") for found in rows.values()]
print("gain of aging, with noise - without:", evidence.difference(gains[1], gains[0]))
for arm in ARMS:
    print(f"{arm:15} luck of what was handed over {evidence.average(rows['with noise'].values(arm, 'luck'))}")

# %% [markdown] lang="en"
# The second prediction: **none that shows**. Neither without noise nor with it can a hundred searches tell the two apart.
# With noise the interval ends just short of the tenth of a point that was claimed, so a gain that large is unlikely; a
# smaller one, either way, remains possible. Nor is there a sign that noise makes aging more useful. (All of this on this
# table and with these sizes; a larger space or a longer search may say otherwise.)
#
# The last lines suggest why. What both hand over *looked* 1.3 points better than it is: more than one and a half standard
# deviations of a good cell's training, and the same with either update. Aging keeps luck out of the population (*What goes
# wrong* shows the extreme case, where nothing but luck differs). But a search hands over the best score that it ever saw,
# dead or alive, and the best of 300 noisy scores is a lucky one, whoever bred it. Random search's winner is the least
# lucky, perhaps because its cells differ more in what they are worth. What should help against this kind of luck is to
# train the few best once more before one believes one of them. What that may cost is the open question at the end.

# %% [markdown] lang="en"
# ### With real training
#
# The table is small, and its answers are ready. Now the space of lesson 03, about $10^{18}$ genotypes, and every
# individual is trained: three cells of four channels, one epoch. Four founders, samples of
# two; the oldest goes.

# %%
SMALL = {"images": budget.real_images, "valid": budget.real_valid, "epochs": 1, "channels": 4, "cells": 3}
device = str(pick_device())
real = real_search("evolution", 1, trials=budget.real_trials, population=4, sample=2, window=1, **SMALL, device=device)
for row in real:
    origin = "founder" if not row.trial.parents else f"child of {row.trial.parents[0]}"
    print(f"{row.trial.number:2} {origin:12} accuracy {row.result.accuracy:.3f}, {row.result.params:,} parameters")

# %%
youngest = real[len(real) - 1].trial
parent = real[youngest.parents[0]].trial
for name in ("normal", "reduce"):
    old, new = (set(getattr(trial.arch, name).edges()) for trial in (parent, youngest))
    print(f"{name} cell of trial {youngest.number}: lost {sorted(old - new)}, new {sorted(new - old)}")

# %% [markdown] lang="en"
# One operation or one input of one cell is new in the youngest child, and nothing else.
#
# So few trainings breed nothing to speak of: this is what an evolution *looks like* in this space, not what it can do.

# %% [markdown] lang="en"
# ## Full run
#
# The setting of the paper is a population of 100, samples of 25 and 20,000 models. It cost 3,150 GPU-days, and its
# AmoebaNet-A has 3.34 % error on CIFAR-10. With `NASCOURSE_MODE=full` the next two cells define and run a tenth of that
# number, each model eight cells of 16 channels for ten epochs, on a GPU if there is one. (It has not been tried at that
# size, so nobody knows how long it takes.) It keeps a journal: stop it whenever you like, run the cell again, and it goes on
# where it stopped, and ends like a search that was never stopped.
#
# On a cluster, pass an executor: `full_run(dask_executor(client))`, with a Dask client as in the
# [README](../README.md#on-a-cluster), or `with local_cluster(2) as executor: full_run(executor)` for a small one on this
# machine (both from `nascourse.runs`). `window` is how many trials are under way at once: twice the number of
# workers is plenty, and another window is another search. Workers train on `device`, which was chosen for *this*
# machine: set it to what they have.


# %%
def full_run(executor=None, window=4, journal="runs/05_full_run.jsonl"):
    names = ("trials", "images", "valid", "epochs", "channels", "cells", "population", "sample")
    numbers = {name: getattr(budget, f"full_{name}") for name in names} | {"shrink": 28 // budget.full_side}
    workers = {"executor": executor, "window": window, "device": device}
    return real_search("evolution", 0, **numbers, **workers, journal=journal, progress=True)


# %% [markdown] lang="en"
# The stored run is smaller: five evolutions and five random searches, 100 trainings each, of networks of three cells and
# four channels for one epoch; each winner was trained again for longer, on all images, and tested once.

# %%
if budget.mode != "lesson":
    bred = full_run(journal="runs/05_full_run.jsonl" if budget.mode == "full" else None)
    print(f"best accuracy {bred.best.result.accuracy:.3f} of {len(bred)} trainings")
stored = evidence.load("05_full_run")
print("{0[date]}, {0[hardware][cpu]}: {0[command]}".format(stored.sittings[-1]))
for arm in stored.arms:
    tests, hours = stored.values(arm, "test"), sum(row.seconds for row in stored.of(arm)) / 3600
    print(f"{arm:10} test accuracy of the winners: {np.round(tests, 4).tolist()}, {hours:.1f} hours")
print(fill(str(evidence.verdict("05_full_run")), 95))

# %%
for arm in stored.arms:
    seen = stored.values(arm, "accuracies")
    best = np.fmax.accumulate(seen, axis=1).mean(axis=0)
    print(
        f"{arm:10} mean of the first 20 {seen[:, :20].mean():.4f}, of the last 20 {seen[:, -20:].mean():.4f}", end="; "
    )
    print(", ".join(f"best of {n} {best[n - 1]:.4f}" for n in (20, 60, 100)))

# %% [markdown] lang="en"
# The last two lines are validation accuracies after the one short training. (The first 20 are the founders, the same in
# both arms.) The score of the best is the one that chose, so it is too high in both arms; the test accuracies are not.
#
# Evolution **works**, in that its population improves: the last twenty networks are about a point better than its
# founders, where random search stays where it was. And yet the claim **fails**. Trained for longer and tested, what
# evolution hands over is on average no better than the best of 100 random genotypes, and the interval leaves no room for
# half a point. Two reasons are near, and neither is tested here: a hundred trainings are only eighty children, and one
# epoch on 4,000 images may rank other networks first than a longer training does. What such a run says for certain is
# that a search should have random search beside it.

# %% [markdown] lang="en"
# ## What goes wrong
#
# ### Aging that does not age
#
# Widely copied libraries offer an "aging evolution" that removes the **worst**. Nothing breaks. To see the difference, take
# fitness away and leave luck: *every* cell is worth exactly 0.80, and a training scatters around it by 0.01.


# %%
def pure_luck(trial):
    return Result(float(np.random.default_rng(trial.seed).normal(0.80, 0.01)))


# %%
figure, axes = chart(xlabel="architectures evaluated", ylabel="mean fitness of who is alive", height=300)
for k, (name, strategy) in enumerate({"drop the oldest": aging, "drop the worst": drop_worst(space)}.items()):
    luck = search(strategy, pure_luck, budget.evaluations, seed=0, cache=False)
    means = [luck.accuracies[list(one)].mean() for one in populations(strategy.generations)]
    style = series_style(k)
    axes.plot(range(50, 50 + len(means)), means, color=style.color, dashes=style.dash, label=name)
    print(f"{name}: mean fitness {means[-1]:.4f}, {sum(one.number < 50 for one in strategy.population)} founders alive")
axes.axhline(0.80, color="black", linewidth=1, linestyle=":", label="what all are worth")
axes.legend(frameon=False)
show(figure, alt="With pure luck as fitness: level at 0.80 where the oldest go, rising far above where the worst go.")

# %% [markdown] lang="en"
# *The same search twice, one line of code apart. Where the worst go, the population seems to become better and better.
# It only collects lucky trainings, and who was lucky stays.*
#
# Theory agrees. Dropping the worst keeps the best 50 of all scores so far, and the mean of the top part $q$ of a normal
# distribution is $\varphi(z_q)/q$ standard deviations above its mean, with $\varphi$ the normal density and $z_q$ the value that a share $q$
# lies above; the mean of any 50 scores should be 0.80:

# %%
from scipy.stats import norm

q = 50 / budget.evaluations
print(f"expected where the worst go: {0.80 + 0.01 * norm.pdf(norm.isf(q)) / q:.4f}; where the oldest go: 0.8000")

# %% [markdown] lang="en"
# **The sign to look for:** log the number of the oldest trial that is alive. With true aging it rises by one with every
# child. If founders are still alive at the end, nothing ages.
#
# ### A roulette wheel with negative sectors
#
# You have losses, smaller is better. So fitness is minus the loss, and the wheel takes $f_i / \sum_j f_j$:

# %% tags=["nbval-check-output"]
losses = np.array([0.2, 0.5, 1.0])
shares = -losses / (-losses).sum()
print("losses", losses, "-> shares", shares.round(2), "| they add up to", shares.sum().round(6))

# %% [markdown] lang="en"
# Two minus signs cancel, all shares are proper probabilities, no error is raised, and **the worst has the best
# chance**. A population of 100 such losses, selected and copied ten times:

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
people = rng.uniform(0.2, 1.0, 100)
means = [people.mean()]
for _ in range(10):
    people = rng.choice(people, 100, p=-people / (-people).sum())
    means.append(people.mean())
print("the mean loss has", "risen" if means[-1] > means[0] + 0.05 else "not risen")

# %% [markdown] lang="en"
# With mixed signs it is no better. `random.choices` takes the weights −1, 2, 3 without a word, and draws the second one
# a quarter of the time, the third three quarters. Our `FitnessProportional` refuses:

# %% tags=["nbval-check-output"]
try:
    FitnessProportional().chances(-losses)
except CourseError as error:
    print(error)

# %% [markdown] lang="en"
# Adding a constant until all are positive is no cure either, because the wheel's pressure depends on it:

# %% tags=["nbval-check-output"]
for constant in (-0.70, 0.0, 10.0):
    print(f"fitness + {constant:5.2f}:", FitnessProportional().chances(fitness + constant).round(3))

# %% [markdown] lang="en"
# Subtract 0.70 and one individual is all but gone; add 10 and nobody is preferred. Rank and tournament give the same in
# all three cases. That is a reason to prefer them.

# %% [markdown] lang="en"
# ## Exercises
#
# ### 05.1 How long luck lives (2 minutes)
#
# One noisy training went very well, and by luck an architecture is the best of a population of 50. Each new child
# replaces the *oldest*. When is the lucky one gone?
#
# - **a)** never, while it is the best
# - **b)** after 50 more children at the latest
# - **c)** once a child is better

# %%
check("05.1", ...)

# %%
solution("05.1")

# %% [markdown] lang="en"
# ### 05.2 Fitness selection, and what it cannot take (10 minutes)
#
# From a list of fitness to the probability of each. Raise a `ValueError` for negative fitness; where all fitness is
# zero, the chances are equal.


# %%
def fitness_proportional(fitness):
    return ...


# %%
check("05.2", fitness_proportional)

# %%
hint("05.2")

# %%
solution("05.2")

# %% [markdown] lang="en"
# ### 05.3 Rank selection (10 minutes)
#
# The probability of each by its rank. In $N$ draws the best one is expected `pressure` times, the worst `2 - pressure`
# times, and between them it is a straight line. No two are equal.


# %%
def linear_rank(fitness, pressure):
    return ...


# %%
check("05.3", linear_rank)

# %%
solution("05.3")

# %% [markdown] lang="en"
# ### 05.4 Places of a tournament (5 minutes)
#
# The probability of each of `k` contestants to be taken, the best first: $p$, $p(1-p)$, and so on, and the last takes
# what is left. `place_chances(3, 0.75)` begins with 0.75.


# %%
def place_chances(k, p):
    return ...


# %%
check("05.4", place_chances)

# %%
solution("05.4")

# %% [markdown] lang="en"
# ### 05.5 How fast the best takes over (10 minutes)
#
# `share` of a population are copies of the best. Tournaments of `k`, whose contestants are drawn with repeats, fill the
# next generation. What share of it is expected to be copies of the best?


# %%
def next_share(share, k):
    return ...


# %%
check("05.5", next_share)

# %%
hint("05.5")

# %%
solution("05.5")

# %% [markdown] lang="en"
# ### 05.6 Half of each parent (10 minutes)
#
# `a` and `b` are tuples with an even number of genes. Return a child with half of its places from each, drawn at random
# with `rng`, a `numpy.random.Generator`.


# %%
def crossover(a, b, rng):
    return ...


# %%
check("05.6", crossover)

# %%
solution("05.6")

# %% [markdown] lang="en"
# ### 05.7 Aging that does not age (10 minutes)
#
# The function below is called once for each child, and its author calls the result aging evolution. A population is a
# list of `(name, fitness)` in the order of birth. It runs, and it is wrong in two ways: see who leaves, and what
# becomes of the order. Write `next_population`, right.


# %%
def population_with_a_bug(population, child):
    everyone = sorted([*population, child], key=lambda one: one[1])
    return everyone[1:]


# %%
def next_population(population, child):
    return ...


# %%
check("05.7", next_population)

# %%
hint("05.7")

# %%
solution("05.7")

# %% [markdown] lang="en"
# ### Experiment
#
# Nothing under *Run it* was tuned. Give regularized evolution other sizes, such as 20 and 5, or 100 and 25, or a
# mutation of your own (`switch`, `resize`, or `AnyOf` of several, from `nascourse.search.evolution`). Before you start,
# write down which setting you expect to win, by how much, and how many seeds you will run. Choose on seeds 0 to 19, and
# report on seeds 20 to 119: a setting that was chosen on the seeds it is reported on has won by luck, too.
#
# ### Open question
#
# Aging forgets the best architecture on purpose. A search may also *remember* it outside of the population, or train
# it again before it believes in it. What would you pay for each, in trainings, and when is forgetting the cheapest?

# %% [markdown] lang="en"
# ## Summary
#
# - Fitness selection shares out the fitness itself: close numbers have close chances, and negative ones have none. Rank
#   and tournament only compare; in a tournament the last takes the remainder (05.2, 05.3, 05.4).
# - Selection alone lets the best take over in about $(\ln N + \ln \ln N)/\ln k$ generations; pressure is paid for in
#   diversity (05.5).
# - A child takes half of the *decisions* of each parent; what works in it is another matter (05.6).
# - Aging drops the oldest, and luck is not inherited. Dropping the worst collects luck (05.1, 05.7).
# - Regularized evolution, (μ + λ) and the genetic algorithm are the same loop with other operators. On the table the best
#   of them beat random search clearly without noise and by little with it. Whether the old or the worst went made no
#   difference that a hundred searches could show.

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | evolutionary algorithm | 进化算法 | a population that is selected, varied and updated |
# | population | 种群 | who is alive |
# | fitness | 适应度 | how good an individual is; here validation accuracy |
# | selection | 选择 | who becomes a parent |
# | fitness selection | 适应度选择 | by the share of the fitness, a roulette wheel (轮盘赌) |
# | rank selection | 排序选择 | by the place in the order |
# | tournament selection | 锦标赛选择 | the best of a few drawn at random |
# | selection pressure | 选择压力 | how strongly the better are preferred |
# | crossover | 交叉 | a child of two parents |
# | mutation | 变异（突变） | a random change |
# | update | 更新 | who stays |
# | aging (regularized) evolution | 老化（正则化）进化 | the oldest go |
# | genetic algorithm | 遗传算法 | selection, crossover and mutation, generation by generation |
# | elite | 精英 | the best, who survive an update |
# | takeover time | 接管时间 | until all are copies of the best |
# | diversity | 多样性 | how much the members of a population differ |

# %% [markdown] lang="en"
# ## References
#
# - X. He, K. Zhao, X. Chu, *AutoML: A Survey of the State-of-the-Art*, 2021, arXiv:1908.00709: the section on evolution
#   (its flow figure, the three selections, the named mutations and update rules).
# - E. Real, A. Aggarwal, Y. Huang, Q. V. Le, *Regularized Evolution for Image Classifier Architecture Search*, AAAI 2019,
#   arXiv:1802.01548: algorithm 1, population 100, sample 25, 20,000 models.
# - E. Real et al., *Large-Scale Evolution of Image Classifiers*, ICML 2017, arXiv:1703.01041: kills the worse of two;
#   the learning rate mutates, too.
# - T. Blickle, L. Thiele, *A Comparison of Selection Schemes Used in Evolutionary Algorithms*, Evolutionary Computation
#   4(4), 1996: ranking, tournaments, loss of diversity.
# - D. E. Goldberg, K. Deb, *A Comparative Analysis of Selection Schemes Used in Genetic Algorithms*, Foundations of Genetic
#   Algorithms 1, 1991: takeover time.
# - H.-G. Beyer, H.-P. Schwefel, *Evolution Strategies: A Comprehensive Introduction*, Natural Computing, 2002: (μ + λ).
# - J. H. Holland, *Adaptation in Natural and Artificial Systems*, 1975; K. A. De Jong, *An Analysis of the Behavior of a
#   Class of Genetic Adaptive Systems*, PhD thesis, University of Michigan, 1975: the genetic algorithm and its elite.
# - C. White, S. Nolen, Y. Savani, *Exploring the Loss Landscape in Neural Architecture Search*, UAI 2021: local search.
# - A. Vargha, H. D. Delaney, *A Critique and Improvement of the CL Common Language Effect Size Statistics of McGraw and
#   Wong*, Journal of Educational and Behavioral Statistics 25(2), 2000: A12. S. Holm, *A Simple Sequentially Rejective
#   Multiple Test Procedure*, Scandinavian Journal of Statistics 6(2), 1979: the correction for several tests.
# - The table and the images: [data/README.md](../data/README.md).
