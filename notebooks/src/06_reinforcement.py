# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax}
# ---

# %% [markdown] lang="en"
# # 06 · Learn which architectures to draw
#
# You let a controller draw architectures, and teach it with nothing but their accuracies which ones to draw more often.
# You first write its gradient by hand, and compare it with the exact one over all 15,625 cells.
#
# **Read** 50 minutes · **Run** 20 seconds on two CPU cores · **Needs** [01](01_nas_pipeline.ipynb), logarithms, and what
# a softmax is

# %% [markdown] lang="en"
# ## You will be able to
#
# - say what is the agent and what the environment of a search (exercise 06.1)
# - estimate the gradient of an expected reward from samples alone, and quiet it with a baseline (exercises 06.2 and
#   06.3)
# - write an entropy bonus that is one, and mend one that is none (exercise 06.4)
# - tell a log-probability from its negative before a policy has learned the worst (exercise 06.5)
# - write PPO's clipped objective (exercise 06.6)

# %% [markdown] lang="en"
# ## Set-up

# %%
import numpy as np
import torch
from nascourse import evidence, pick_device
from nascourse.lessons import check, hint, setup, solution
from nascourse.lessons.lesson_05 import curves
from nascourse.lessons.lesson_06 import (
    search_side_by_side,
    POLICIES,
    REAL,
    RIVALS,
    PolicyExplorer,
    agent_environment_scene,
    real_evaluation,
    snapshots,
)
from nascourse.viz import chart, series_style, show

torch.set_num_threads(1)  # everything here is small
budget = setup("06")

# %% [markdown] lang="en"
# ## Predict first
#
# Write down three guesses:
#
# 1. Out of 15,625 cells, 300 may be evaluated. **Random search**, **evolution** of lesson 05 and a **policy** that
#    learns from rewards: in which order do they come in, and how many percentage points lie between first and last?
# 2. To keep a policy curious, you pay it for entropy $-\sum_o p_o \ln p_o$: whenever it draws operation $o$, it is paid
#    the summand $-p_o \ln p_o$, and nothing else. Where does it end: with all operations equally likely, with one that
#    is certain, or in between?
# 3. 300 cells are trained, and a policy learns from them. Which share of the time goes to the learning of the policy?
#
# *Run it* answers 1 and 3, *What goes wrong* answers 2.

# %% [markdown] lang="en"
# ## The idea
#
# Reinforcement learning knows an **agent** that acts, and an **environment** that answers. As a search for
# architectures:
#
# 1. The **controller** knows the state and the reward of the step before, and samples from the search space.
# 2. In the environment, which is the training of a model, the sample gets its reward (its accuracy, usually) and its
#    state. With these the controller updates how it samples.

# %%
show(agent_environment_scene())

# %% [markdown] lang="en"
# *The agent, a recurrent network, decides one operation after the other, and each decision is known to the next. The
# sampled architecture goes to the environment, which trains and validates it; reward and state come back.*
#
# | in general | here |
# |---|---|
# | agent | the controller: a network, or just a table of numbers θ |
# | policy $\pi_\theta(a)$ | the probability with which it draws architecture $a$ |
# | action $A_t$ | an operation for the next edge; six actions make a micro cell |
# | state $S_t$ | what has been decided so far |
# | environment | trains and validates the finished architecture |
# | reward $R_t$ | 0 for every action but the last, then the validation accuracy $R(a)$ |
#
# (The picture, as the syllabus, takes the whole architecture as one action. Both readings give the same gradient, since
# nothing is rewarded in between. In PPO below, $A$ is the *advantage*, not the action.)
#
# We want θ for which the **expected reward** is high. What the gradient has to do with sampling is one line of
# calculus, since $\nabla \pi = \pi\, \nabla \ln \pi$:
#
# $$J(\theta) = \sum_a \pi_\theta(a)\, R(a), \qquad
# \nabla J = \sum_a \pi_\theta(a)\, R(a)\, \nabla \ln \pi_\theta(a)
# = \mathbb{E}_{a \sim \pi_\theta}\big[ (R(a) - b)\, \nabla \ln \pi_\theta(a) \big]$$
#
# | symbol | meaning |
# |---|---|
# | $a = (a_1, \dots, a_6)$ | an architecture, as its decisions |
# | $\ln \pi_\theta(a) = \sum_t \ln \pi_\theta(a_t \mid a_1 \dots a_{t-1})$ | probabilities of a sequence multiply |
# | $b$ | a *baseline*: any number that does not depend on $a$ |
#
# The right side is a mean over draws. So draw a few architectures, train them, and average: this is **REINFORCE**. The
# reward needs no derivative; it may come out of anything.

# %% [markdown] lang="en"
# ## From scratch
#
# ### A space of which everything is known
#
# The course's tabular benchmark holds the accuracy of all micro cells, each trained for real on Fashion-MNIST, three
# times. Drawing and training becomes a look-up, and every expectation a sum over 15,625 cells. So there is an exact answer to compare
# with, which a real search does not have.

# %% tags=["nbval-check-output"]
from nascourse.evaluation import TabularBenchmark
from nascourse.spaces import MicroSpace

table, space = TabularBenchmark.load(), MicroSpace()
cells = torch.cartesian_prod(*[torch.arange(5)] * 6)
print(cells.shape, space.decode(cells[7777].tolist()) == list(space.all_cells())[7777])

# %%
R = torch.tensor(table.everywhere())
R = R.nan_to_num(float(np.nanmin(R)))  # a training that diverged counts as the lowest
print(f"accuracy: mean {R.mean():.4f}, standard deviation {R.std():.4f}, best {R.max():.4f}")

# %% [markdown] lang="en"
# ### A policy
#
# The simplest controller is a table of logits, a row for each of the six edges. It decides each edge without looking at
# the others. A somewhat uneven one, to try things with:


# %%
def log_prob(logits, cells):
    return logits.log_softmax(1)[torch.arange(6), cells].sum(1)


# %% [markdown] lang="en"
# The probabilities of all cells must add up to 1.

# %% tags=["nbval-check-output"]
logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
p = log_prob(logits, cells).exp()
print(len(p), "cells,", f"probabilities add up to {p.sum():.6f}")


# %% [markdown] lang="en"
# ### REINFORCE
#
# The exact gradient, by autograd through the sum over all cells:


# %%
def J(logits):
    return log_prob(logits, cells).exp() @ R


exact = torch.func.grad(J)(logits)


# %% [markdown] lang="en"
# And the estimate, from cells that were drawn and how good each was. (An *advantage* is the reward minus the baseline.)
# There is no derivative of the reward in it:


# %%
def reinforce(logits, drawn, advantage):
    def objective(logits):
        return (advantage * log_prob(logits, drawn)).mean()

    return torch.func.grad(objective)(logits)


# %% [markdown] lang="en"
# Is it right on average? Its expectation can be enumerated: all cells as one batch, each as heavy as it is probable.
# It must be the exact gradient, to the last digits, and with *any* baseline.

# %% tags=["nbval-check-output"]
for b in (0.0, 0.5, 2.0):
    expected = reinforce(logits, cells, len(cells) * p * (R - b))
    print(f"baseline {b}: expectation is exact:", torch.allclose(expected, exact))


# %% [markdown] lang="en"
# A search sees no expectation, it sees ten cells. Draw them, look their rewards up, and compare directions:


# %%
def draw(logits, n, generator):
    return torch.multinomial(logits.softmax(1), n, replacement=True, generator=generator).T


def place(drawn):
    return drawn @ 5 ** torch.arange(5, -1, -1)


# %%
generator = torch.Generator().manual_seed(1)
for n in (10, 100, 1000, 10_000):
    drawn = draw(logits, n, generator)
    estimate = reinforce(logits, drawn, R[place(drawn)])
    cosine = torch.nn.functional.cosine_similarity(estimate.flatten(), exact.flatten(), dim=0)
    print(f"{n:6} cells: cosine with the exact gradient {cosine:5.2f}, length {estimate.norm() / exact.norm():5.2f}")

# %% [markdown] lang="en"
# *Length in units of the exact gradient's.* With as few cells as one could afford to train, the estimate says little
# about the gradient. All rewards are positive, so every cell that is drawn gets pushed, the good ones a little more.

# %% [markdown] lang="en"
# ### The baseline
#
# Here the baseline earns its place. It changes no mean, but it changes the spread, and that can be enumerated too: the
# variance of the estimate from one cell is $\mathbb{E}\lVert (R - b)\, \nabla \ln \pi \rVert^2 - \lVert \nabla J \rVert^2$,
# and the score $\nabla \ln \pi$ of a table is a one-hot row minus the row's probabilities.

# %%
score = torch.nn.functional.one_hot(cells, 5) - logits.softmax(1)
size = score.square().sum((1, 2))


def variance(b):
    return float(p @ ((R - b) ** 2 * size) - exact.square().sum())


# %%
mean = float(p @ R)
for name, b in (("none", 0.0), ("the best reward", float(R.max())), ("the mean reward", mean)):
    print(f"baseline {name:16} {b:.3f}: variance {variance(b):7.4f}")

# %%
figure, axes = chart(xlabel="baseline b", ylabel="variance of one cell's estimate")
grid = np.linspace(0, 1.2, 61)
axes.semilogy(grid, [variance(b) for b in grid], color=series_style(0).color)
axes.plot([mean], [variance(mean)], "s", color=series_style(1).color, label="b = E[R]")
axes.legend(frameon=False)
show(figure, alt="Variance of a REINFORCE estimate against the baseline: a valley whose bottom is at the mean reward.")

# %% [markdown] lang="en"
# *The variance over the baseline, on a logarithmic scale. The bottom of the valley lies at about the mean reward of the
# policy.*
#
# The mean reward is not known and it moves while the policy learns. So it is tracked by a **moving average**,
# $b \leftarrow d\, b + (1 - d)\, \bar{R}$, with the mean reward $\bar{R}$ of each batch. The baseline of a batch holds
# only *earlier* batches: one that held a cell's own reward would depend on the action, and the gradient would be off.
#
# That is all it takes to learn. One update after the other; ten cells each; Adam takes the step:


# %%
def learn(updates=30, baseline=True, bonus=lambda log_p: 0.0, rate=0.1, seed=0, sign=-1):
    logits, generator = torch.zeros(6, 5, dtype=torch.float64), torch.Generator().manual_seed(seed)
    adam, b, path = torch.optim.Adam([logits], rate), None, []
    for _ in range(updates):
        path.append((float(J(logits)), entropy(logits)))
        drawn = draw(logits, 10, generator)
        returns = R[place(drawn)] + bonus(logits.log_softmax(1)[torch.arange(6), drawn])
        b = returns.mean() if b is None else b  # of the first batch, for want of an earlier one
        # Adam descends, J is to be climbed
        logits.grad = sign * reinforce(logits, drawn, returns - (b if baseline else 0))
        adam.step()
        b = 0.9 * b + 0.1 * returns.mean()
    return [*path, (float(J(logits)), entropy(logits))]


def entropy(logits):
    return float(-(logits.softmax(1) * logits.log_softmax(1)).sum())


# %%
figure, axes = chart(xlabel="updates of ten cells", ylabel="exact expected accuracy")
for k, baseline in enumerate((True, False)):
    runs = np.array([learn(baseline=baseline, seed=s) for s in range(budget.repeats)])[..., 0]
    style, name = series_style(k), "moving average" if baseline else "no baseline"
    axes.plot(runs.T, color=style.color, dashes=style.dash, linewidth=1, alpha=0.5)
    axes.plot(runs.mean(0), color=style.color, marker=style.marker, markevery=5, dashes=style.dash, label=name)
axes.legend(frameon=False)
show(figure, alt="Expected accuracy of policies over updates, with and without a baseline; thick lines are means.")

# %% [markdown] lang="en"
# *Thin lines: the exact $J$ of policies that learn from the same number of cells, a line each; thick lines with marks:
# their means.*
#
# ### Staying curious
#
# A policy that likes what it has seen draws it again, and sees nothing else. The usual remedy is to want
# **entropy** as well: $J + w\, H(\pi)$ with $H(\pi) = -\sum_a \pi(a) \ln \pi(a) = \mathbb{E}[-\ln \pi(a)]$. Read the last
# form: *the entropy is the expectation of a reward*, $-\ln \pi(a)$, the drawn cell's own surprise. So give it as a
# reward, as a plain number through which nothing is differentiated:
#
# $$R(a) - w \ln \pi_\theta(a)$$
#
# Two checks by enumeration: its mean is the entropy, which for a table is the sum over its rows; and REINFORCE makes the
# entropy's gradient of it.

# %% tags=["nbval-check-output"]
surprise = -p.log()
by_autograd = torch.func.grad(lambda z: -(z.softmax(1) * z.log_softmax(1)).sum())(logits)
print("mean:", torch.allclose(p @ surprise, torch.tensor(entropy(logits), dtype=torch.float64)))
print("gradient:", torch.allclose(reinforce(logits, cells, len(cells) * p * surprise), by_autograd))

# %% [markdown] lang="en"
# The sum of the decisions' entropies $\sum_t H(\pi_t)$ as a term of the loss is the same for a table over a space like this
# one, where every cell has the same six decisions. Where later decisions, or how many there are, depend on earlier ones,
# it misses something: whoever draws the first decision should be paid for how much
# choice it leaves to the others.
#
# Alone, without any accuracy, the bonus has to lead any policy to the uniform one, of entropy $6 \ln 5 = 9.66$. *What
# goes wrong* shows forms that do not.

# %% [markdown] lang="en"
# ### PPO: use a batch more than once
#
# Ten trainings for one small step is a high price. After the step the policy is another one, so the ten cells were
# drawn by the *old* policy; weights $r = \pi_\theta(a) / \pi_{old}(a)$ make up for that on average; far from 1 they make it noisy.
# **Proximal policy optimization** stops pushing where a cell has been pushed far enough:
#
# $$\min\big( r\, A,\; \mathrm{clip}(r,\, 1 - \varepsilon,\, 1 + \varepsilon)\, A \big), \qquad A = R(a) - b$$
#
# (ε = 0.2 here.) You write it in exercise 06.6; here is the package's. At $r = 1$, before the first step on a batch, it must give the
# REINFORCE gradient:

# %% tags=["nbval-check-output"]
from nascourse.search.reinforcement import (
    Extent,
    LSTMController,
    Sample,
    TableController,
    surrogate,
)


def ppo_objective(logits):
    return (p * surrogate(log_prob(logits, cells), p.log(), R - mean, clip=0.2)).sum()


print("exact at ratio 1:", torch.allclose(torch.func.grad(ppo_objective)(logits), exact))

# %%
figure, axes = chart(xlabel="ratio r", ylabel="objective", height=300)
ratio = torch.linspace(0.4, 1.6, 121, dtype=torch.float64)
for k, A in enumerate((1.0, -1.0)):
    style, value = series_style(k), surrogate(ratio.log(), torch.zeros(121), torch.tensor(A), clip=0.2)
    axes.plot(ratio, value, color=style.color, dashes=style.dash, marker=style.marker, markevery=20, label=f"A = {A:g}")
axes.legend(frameon=False)
show(
    figure, alt="PPO's objective: for A = 1 it rises and is flat beyond 1.2; for A = -1 it is flat below 0.8 and falls."
)

# %% [markdown] lang="en"
# *A good cell ($A = 1$) is pushed until it is 1.2 times as likely, a bad one until 0.8 times. In the other direction,
# where the policy has gone the wrong way, the slope stays.*
#
# Textbooks often divide the advantages of a batch by their standard deviation. That is convenient, and it changes what
# is climbed: the mean is no longer the exact gradient. Here it is left out.

# %% [markdown] lang="en"
# ### A controller that remembers
#
# The table decides each edge for itself. A recurrent network, an **LSTM** (long short-term memory), reads each decision before it takes the next
# one, so it can say: *a convolution here, if there is none there*. It is still a policy over 15,625 cells, whose
# probabilities must add up to 1:

# %% tags=["nbval-check-output"]
every = Sample(cells[None], torch.full((1, len(cells), 6), 5), torch.zeros(1, len(cells)))
for kind in (TableController, LSTMController):
    controller = kind(Extent.of(space), [torch.Generator().manual_seed(0)])
    with torch.no_grad():
        total, last = controller.log_prob(every).exp().sum(), controller.log_policies(every)[0, :, -1]
    depends = bool(last.std(0).max() > 1e-6)
    print(f"{kind.__name__:15} total {total:.6f}; its last decision depends on the others: {depends}")

# %% [markdown] lang="en"
# ## See it
#
# The package has all of this as a search strategy: `Reinforce(space, Learning(...), controller)` with the settings
# above, and `ppo`. It works on any space whose decisions can be asked for one after the other. An LSTM learns on the
# table, one search:

# %%
from nascourse.search import search

SEED = 2026
strategy = POLICIES["REINFORCE, LSTM"](space)
history = search(strategy, table, budget.evaluations, seed=SEED)
print(strategy.learning)
print(f"best {history.best.result.accuracy:.4f}, trial {history.best.trial.number}: {history.best.trial.arch}")

# %% [markdown] lang="en"
# (Is it better than the best cell of all? The accuracy above is *one* training, and the best of 300 is a lucky one. More on
# that under *Run it*.)

# %%
figure, axes = chart(xlabel="evaluations", ylabel="accuracy")
trials = [u.seen for u in strategy.updates]
returned = [u.reward + strategy.learning.entropy * u.entropy for u in strategy.updates]
for k, (name, values) in enumerate({"reward": returned, "baseline": [u.baseline for u in strategy.updates]}.items()):
    style = series_style(k)
    axes.plot(trials, values, color=style.color, dashes=style.dash, marker=style.marker, markevery=5, label=name)
axes.axhline(float(R.mean()), color="black", linewidth=1, linestyle=":", label="mean of all cells")
axes.legend(frameon=False)
show(figure, alt="Mean reward of each batch and the baseline it was compared with, over one search.")

# %% [markdown] lang="en"
# *The mean reward of each batch, its entropy bonus of a few hundredths included, and the baseline that it was compared
# with. The baseline follows, late.*
#
# And what the policy had learned after each update. The search recorded what was drawn and what it was worth; the
# policy is rebuilt from that, so nothing is trained while you move the slider.

# %%
policies = snapshots(strategy, history, seed=SEED)
PolicyExplorer(space, history, policies)

# %% [markdown] lang="en"
# *The policy after the last update: how likely each operation is on each edge (averaged over what the LSTM decided
# before), the ten cells drawn for that update with their rewards, and below all rewards and the baseline.*
#
# **Three things to try:**
#
# 1. Go back to update 0 and press play. Which edge is decided first, and which one stays open to the end?
# 2. Find an update after which a likely operation became less likely again. What had been drawn?
# 3. Compare the cells of the last batch with each other. How many different ones are there?

# %% [markdown] lang="en"
# ## Run it
#
# ### One seed, live
#
# Every strategy gets the same number of evaluations, and each is answered by *one* of the cell's three trainings, with
# its luck. What counts in the end is one cell, the one that looked best; its **regret** is how much less accurate it is,
# by the mean of its three trainings, than the best cell there is.

# %%
for name, make in {**RIVALS, **POLICIES}.items():
    found = search(make(space), table, budget.evaluations, seed=SEED)
    best, cost = found.best.trial.arch, table.clock(found)[-1]
    print(f"{name:16} regret {table.regret(best):.4f}, rank {table.rank(best):4}, training {cost / 60:4.1f} min")

# %% [markdown] lang="en"
# One seed is an anecdote. A policy is a small thing, so many of them can learn side by side, each with a seed of its
# own, as rows of the same tensors:

# %%
import time


start, seeds = time.perf_counter(), range(budget.seeds)
runs = search_side_by_side(POLICIES["REINFORCE, LSTM"](space), table, budget.evaluations, seeds)
print(f"{len(runs)} searches in {time.perf_counter() - start:.0f} seconds")

# %% [markdown] lang="en"
# ### The recorded evidence
#
# The same was recorded for all six strategies with a hundred seeds, the policies twenty at a time. How many stand beside
# each other must make no difference:

# %% tags=["nbval-check-output"]
recorded = evidence.load("06_policies")
matches, last = 0, budget.evaluations - 1
for run, row in zip(runs, recorded.of("REINFORCE, LSTM")):
    then = np.searchsorted(row.values["at"], last, side="right") - 1  # in ci mode a search is shorter
    matches += round(float(table.regrets(run)[-1]), 6) == row.values["regrets"][then]
print("all as recorded:", matches == len(runs))
alone = search(POLICIES["REINFORCE, LSTM"](space), table, budget.evaluations, seed=0)
print("alone as beside others:", [row.trial.arch for row in alone] == [row.trial.arch for row in runs[0]])

# %% [markdown] lang="en"
# The claim was written down before anything was recorded, with the smallest difference that would matter: a tenth of a
# percentage point.

# %%
from textwrap import fill

print(fill(str(evidence.verdict("06_policies")), 95))

# %%
figure, axes = chart(xlabel="evaluations", ylabel="mean regret", height=400)
for k, arm in enumerate(recorded.arms):
    style, curve = series_style(k), curves(recorded, arm).mean(0)
    axes.plot(
        range(1, len(curve) + 1),
        curve,
        color=style.color,
        dashes=style.dash,
        marker=style.marker,
        markevery=40,
        label=arm,
    )
axes.set_ylim(0, 1.2 * curves(recorded, "random").mean(0)[30])
axes.legend(frameon=False, fontsize=9)
show(figure, alt="Mean regret over evaluations of random search, evolution and four policies, 100 seeds each.")

# %% [markdown] lang="en"
# *The mean regret of the cell that looked best so far, over a hundred seeds. The first updates come after ten cells; up
# to there a policy is a random search. At first the tables are ahead. After 100 evaluations evolution has the least
# regret, while the LSTMs can hardly be told from random search yet. But from about 150 on evolution hardly gains, and after
# 300 all four policies are ahead of it.*
#
# In numbers, at the end. *Cells*: how many different ones were asked for; a policy that is sure of itself draws the same
# cell again, and that costs an evaluation here.

# %%
for arm in recorded.arms:
    regret, cells_asked = recorded.values(arm, "regret"), recorded.values(arm, "cells").mean()
    interval, rank = evidence.average(regret), np.median(recorded.values(arm, "rank"))
    print(f"{arm:16} regret {interval.estimate:.4f} [{interval.low:.4f}, {interval.high:.4f}]", end="  ")
    print(f"median rank {rank:4.0f}  cells {cells_asked:3.0f}")

# %% [markdown] lang="en"
# *Mean regret with its 95 % interval, median rank among the distinct functions, different cells asked for.*
#
# Is a policy better than random search, and is it better than evolution? That is eight questions at once, and each would
# have one chance in twenty to come out "significant" if there were no difference at all. So the $p$-values are adjusted
# together (Holm). They are those of the Mann-Whitney test: does one strategy's regret tend to be smaller? And since a hundred seeds make small things significant, look at the effect: the
# chance that a run of the policy ends with *less* regret than a run of its rival, ties counting half.

# %%
pairs = [(policy, rival) for rival in RIVALS for policy in POLICIES]
samples = [(recorded.values(rival, "regret"), recorded.values(policy, "regret")) for policy, rival in pairs]
adjusted = evidence.holm([evidence.mann_whitney_p(a, b) for a, b in samples])
for (policy, rival), (a, b), q in zip(pairs, samples, adjusted):
    chance, word = evidence.a12(a, b), "undecided"
    if q < 0.05:
        word = "the policy" if chance.estimate > 0.5 else rival
    print(f"{policy:16} or {rival:9}: {word:10} chance {chance.estimate:.2f}", end=" ")
    print(f"[{chance.low:.2f}, {chance.high:.2f}], adjusted p {q:.2g}")

# %% [markdown] lang="en"
# *Which one ends with less regret; the chance for the policy with its 95 % interval; the adjusted p-value.*
#
# That answers the first prediction: the policies first, then evolution, random search last. From first to last it is about
# a quarter of a percentage point, from the policies to evolution half of that. The policies among themselves cannot be
# told apart: the LSTMs do not end far from the tables, nor PPO from REINFORCE.
#
# All of these differences are smaller than the **noise floor** of the table, 0.0045: a good cell's mean of three trainings
# is itself known to within that only. So these are differences in how well a strategy knows *this table*. Whether its
# cells would keep their order in another training, lesson 05 asked of evolution and random search (*Would the lead
# last?*), and three judges did not settle it; of the policies it was not asked.
#
# And these are four policies with rates and bonus chosen beforehand, on invented accuracies, and one evolution that nobody
# tuned. "Policies beat evolution" would be more than the rows say: these policies beat this evolution. (One thing differs
# from lesson 05: a cell that comes again gets its first score here, for every strategy, where it was trained again there.
# There the same evolution ended a little better.)

# %% [markdown] lang="en"
# ### What noise has to do with it
#
# Why should a policy beat evolution? Evolution believes every score: whoever looked best becomes a parent. A policy takes
# many small steps, and one lucky training moves it a little. If that is the reason, the lead must go when the luck goes.
# So the same six strategies again, each cell answered by the mean of its three trainings. (This was asked after the rows
# above had been seen.)

# %%
without = evidence.load("06_exact")
for arm in without.arms:
    print(f"{arm:16} without noise: regret {evidence.average(without.values(arm, 'regret'))}")
print(fill(str(evidence.verdict("06_exact")), 95))
behind = [rows.values("evolution", "regret") for rows in (recorded, without)]
for policy in POLICIES:
    lead = [other - rows.values(policy, "regret") for other, rows in zip(behind, (recorded, without))]
    print(f"{policy:16} lead over evolution, with noise - without: {evidence.difference(*lead)}")

# %% [markdown] lang="en"
# Without noise the lead of the policies is gone. Evolution has the smallest mean, though its lead over the LSTM is far from
# the tenth of a point that was asked about. So a lead can come and go with nothing but the noise of the evaluation, and a
# comparison on exact scores does not say who wins a real search.
#
# That fits the reason given above, but does not prove it. Without noise more than half of evolution's searches hand over
# the very best cell of the table, so there is hardly room for anybody to be ahead of it.

# %% [markdown] lang="en"
# ### What it costs
#
# The syllabus ends its section with a warning: search by reinforcement learning takes much time and memory. On the
# table a training costs nothing, but the table remembers how long each one took. So the price of the recorded searches
# can be told: the seconds of training of all *different* cells (a repeated one is not trained again), one after the other,
# on the machine that made the table.

# %%
for arm in ("random", "evolution", "REINFORCE, LSTM"):
    minutes = recorded.values(arm, "clock") / 60
    asked = recorded.values(arm, "cells").mean()
    print(f"{arm:16} {minutes.mean():4.1f} minutes of training for 300 evaluations of {asked:.0f} cells")
start = time.perf_counter()
search(POLICIES["REINFORCE, LSTM"](space), table, budget.evaluations, seed=SEED)
took = time.perf_counter() - start
print(f"drawing, looking up and learning: {took:.1f} seconds, {took / (took + 60 * minutes.mean()):.2%} of all")

# %% tags=["nbval-check-output"]
published = 28 * 800
print(f"Zoph & Le 2017: {published:,} GPU-days")

# %%
days = recorded.values("REINFORCE, LSTM", "clock").mean() / 86_400
print(f"that is {published / days / 1e6:.1f} million times the {1440 * days:.0f} minutes above, by the clock alone")

# %% [markdown] lang="en"
# The third prediction: less than a thousandth, although a training takes about two seconds here; with larger
# networks it would be less still. (A policy trains fewer cells than random search, and yet it costs more: the cells that
# it likes train longer.) The price is that of the *evaluations*. It is not the policy that is expensive, it is teaching it by trained
# networks, one number for each. (GPU-days of large networks and days of a CPU on small ones are different things; the
# ratio says how far apart such searches lie, not which method is better.) As to memory: here one network is trained at a
# time; in that search there were 800 at a time, one on each GPU. To save, make each evaluation cheaper; that is
# what [weight sharing](08_darts.ipynb) does.
#
# ### Code that knows nothing of this course
#
# Search space and evaluation together *are* an environment, so they can be given to code that was written for games. The
# common interface is Gymnasium's: `reset` begins an episode, `step(action)` returns observation and reward. An
# episode here is one cell. (Where a decision offers fewer options than others, `info["action_mask"]` says which.)
# Gymnasium brings a checker:

# %% tags=["nbval-check-output"]
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics

from nascourse.lessons.lesson_06 import ArchitectureEnv

env = ArchitectureEnv(space, table)
check_env(env, skip_render_check=True)
print(env.observation_space, env.action_space, "passed")

# %% [markdown] lang="en"
# An agent of another family, **Q-learning**. It has no policy to descend; it learns what each action is worth, and takes
# the best known one. It begins with the belief that everything is worth 1, so whatever it has not tried looks good. A
# state is here only *how many* steps were taken: to remember all prefixes, thousands of them, 300 episodes are too few.
# It uses nothing but Gymnasium's interface:


# %%
def q_learning(env, episodes, steps, seed, explore=0.05, rate=0.3):
    values, rng = np.ones((steps + 1, env.action_space.n)), np.random.default_rng(seed)
    for _ in range(episodes):
        env.reset()
        done, t = False, 0
        while not done:
            best = rng.choice(np.flatnonzero(values[t] == values[t].max()))
            action = rng.integers(env.action_space.n) if rng.random() < explore else best
            _, reward, terminated, truncated, _ = env.step(action)
            done = terminated or truncated
            target = reward if done else values[t + 1].max()
            values[t, action] += rate * (target - values[t, action])
            t += 1


# %% [markdown] lang="en"
# One of Gymnasium's own wrappers keeps count around it. Neither knows what a cell is.

# %%
returns = []
for seed in range(budget.repeats):
    counted = RecordEpisodeStatistics(env, buffer_length=budget.evaluations)
    q_learning(counted, budget.evaluations, steps=6, seed=seed)
    returns.append(counted.return_queue)
tenth, returns = budget.evaluations // 10, np.array(returns)
print(f"mean reward: all cells {R.mean():.3f}; first tenth of the episodes {returns[:, :tenth].mean():.3f}", end=", ")
print(f"last tenth {returns[:, -tenth:].mean():.3f}, from {returns[:, -tenth:].mean(1).min():.3f}", end=" ")
print(f"to {returns[:, -tenth:].mean(1).max():.3f}")

# %% [markdown] lang="en"
# *Means over some seeds, and the lowest and the highest of them at the end. It learns, though not every time.*

# %% [markdown] lang="en"
# ## Full run
#
# The same strategy with real training: every reward is the validation accuracy of a network that was trained for it.
# Such a search runs for hours, and is interrupted sooner or later. It keeps a **journal**, one line for each evaluation,
# and goes on from there: controller, optimizer and random generator are rebuilt by living through the recorded
# evaluations again. Stop the search from above after a third, and resume it:

# %% tags=["nbval-check-output"]
from pathlib import Path
from tempfile import TemporaryDirectory

with TemporaryDirectory() as folder:
    journal = Path(folder) / "search.jsonl"
    search(POLICIES["REINFORCE, LSTM"](space), table, budget.evaluations // 3, seed=SEED, journal=journal)
    resumed = search(POLICIES["REINFORCE, LSTM"](space), table, budget.evaluations, seed=SEED, journal=journal)
print("as if never stopped:", [row.trial for row in resumed] == [row.trial for row in history])

# %% [markdown] lang="en"
# Now with real training. In full mode the next cell takes 300 evaluations with 8,000 images and three epochs each; run it
# again after an interruption, and it goes on.

# %%
journal = "runs/06_full_run.jsonl" if budget.mode == "full" else None
real = real_evaluation(budget.full_images, budget.full_valid, budget.full_epochs, str(pick_device()))
learner = REAL["REINFORCE"](space)
trained = search(learner, real, budget.full_trials, seed=SEED, journal=journal)
print(len(trained), "trainings,", len(learner.updates), "updates; best", f"{trained.best.result.accuracy:.3f}")

# %% [markdown] lang="en"
# (In lesson mode that is far too little to learn from; it only shows that it runs.) The stored full run is smaller than
# full mode: five searches of 300 evaluations and five random ones beside them, each training one epoch on 4,000 images;
# each winner was trained again for longer, on all images, and tested once.

# %%
stored = evidence.load("06_full_run")
for arm in REAL:
    tests, rewards = stored.values(arm, "test"), stored.values(arm, "accuracies")
    minutes = sum(row.seconds for row in stored.of(arm)) / 60
    print(f"{arm:10} mean reward of the first 100 {rewards[:, :100].mean():.3f}", end=", ")
    print(f"of the last 100 {rewards[:, -100:].mean():.3f}, best {rewards.max(1).mean():.3f}")
    print(f"{'':10} test accuracy of the winners {tests.mean():.4f} (n = {len(tests)}), {minutes:.0f} minutes")
print(fill(str(evidence.verdict("06_full_run")), 95))
print("{0[date]}, {0[hardware][cpu]}: {0[command]}".format(stored.sittings[-1]))

# %% [markdown] lang="en"
# The policy **learns**: its last hundred cells are worth far more on average than its first hundred. And yet no gain shows
# in what it hands over. By the score that chose, its winners are more than a point ahead; trained for longer and tested,
# the difference is about none. Either one epoch ranks the best cells differently from a longer training, or the higher
# score was partly luck. Five searches of each kind leave it undecided.

# %% [markdown] lang="en"
# ## What goes wrong
#
# ### An entropy bonus that is none
#
# Back to the second prediction. One edge, five operations, an uneven policy, and no reward but the bonus. One right way to
# write it and three wrong ones, which come from public code for architecture search; each is descended with the *exact*
# expectation of its gradient, so no luck is involved.


# %%
BONUSES = {
    "right: −ln p as reward": lambda log_p, H: -log_p * (-log_p).detach(),
    "reward −p ln p": lambda log_p, H: -log_p * (-log_p * log_p.exp()).detach(),
    "H not detached": lambda log_p, H: -log_p * H,
    "−ln p taken for ln p": lambda log_p, H: log_p * (-log_p).detach(),
}


def descend(loss, steps, rate=0.2):
    z, path = torch.tensor([0.5, 0.3, 0.0, -0.2, -0.4], dtype=torch.float64), []
    for _ in range(steps):
        z = z.detach().requires_grad_()
        log_p = z.log_softmax(0)
        H = -(log_p.exp() * log_p).sum()
        path.append(float(H))
        (log_p.exp().detach() * loss(log_p, H)).sum().backward()
        z = z - rate * z.grad
    return path, z.softmax(0).tolist()


# %%
descended = {name: descend(loss, budget.steps) for name, loss in BONUSES.items()}
paths = {name: path for name, (path, _) in descended.items()}
print(f"ln 5 = {np.log(5):.3f}, all begin at {paths['reward −p ln p'][0]:.3f}")
for name, (path, chances) in descended.items():
    print(f"{name:24} ends at {path[-1]:.3f}:", *(f"{chance:.2f}" for chance in chances))

# %% tags=["nbval-check-output"]
print("rise:", [name for name, path in paths.items() if path[-1] > path[0] + 0.01])

# %%
figure, axes = chart(xlabel="steps", ylabel="entropy of the policy")
for k, (name, path) in enumerate(paths.items()):
    style = series_style(k)
    axes.plot(path, color=style.color, dashes=style.dash, marker=style.marker, markevery=len(path) // 6, label=name)
axes.legend(frameon=False, fontsize=9)
axes.set_ylim(-0.1, 2.4)
show(figure, alt="Entropy over steps of four bonuses: only the right one rises to ln 5, the three others fall.")

# %% [markdown] lang="en"
# *Only the right form rises, to ln 5 and the uniform policy. All three others drive the policy away from it.*
#
# The answer to the second prediction is *in between*: two operations share nearly everything, and the entropy goes towards
# ln 2 = 0.69.
#
# In $-p \ln p$ the factor $p$ is there twice: the entropy is a *mean* of $-\ln p$, and drawing does the averaging. With
# the factor once more, rare operations earn almost nothing. In the third one $H$ is the same for every
# action, so its score term averages to zero; what is left is the derivative of $H$ itself, and that is descended. The
# fourth has lost a sign. None of them raises an error, and in the log of a search all of them are called
# *entropy*. In a search, on the table, with the policy from scratch:

# %%
forms = {
    "none": lambda log_p: 0.0,
    "right": lambda log_p: -0.02 * log_p.sum(1),
    "−p ln p": lambda log_p: 0.02 * (-log_p * log_p.exp()).sum(1),
}
for name, bonus in forms.items():
    ends = np.array([learn(bonus=bonus, rate=0.3, seed=s)[-1] for s in range(budget.repeats)])
    print(
        f"bonus {name:8} after 30 updates: expected accuracy {ends[:, 0].mean():.4f}, entropy {ends[:, 1].mean():.2f}"
    )

# %% [markdown] lang="en"
# *Means over some seeds; the uniform policy has an entropy of 9.66.*
#
# In a search the wrong form shows as nothing at all: accuracy and entropy are about those of no bonus. The right one keeps
# the policy open, and pays for it here: after 30 updates it draws worse cells on average. Whether that buys a better
# *best* cell is the next question.

# %% [markdown] lang="en"
# ### A policy that has made up its mind
#
# What does the right bonus do for a search? A hundred seeds of REINFORCE with an LSTM and steps ten times as large as
# above, with and without it (its weight is 0.01; above it was 0.003). And another way to hurry: PPO as above, but it does not wait for ten cells, it takes its
# four steps after every single one. *Cells*: how many different ones are among the last hundred that were drawn.

# %%
hasty = evidence.load("06_entropy")
for rows, arms in ((recorded, ("random", "REINFORCE, LSTM", "PPO, LSTM")), (hasty, hasty.arms)):
    for arm in arms:
        regret, last = evidence.average(rows.values(arm, "regret")), np.median(rows.values(arm, "last"))
        print(f"{arm:17} regret {regret.estimate:.4f} [{regret.low:.4f}, {regret.high:.4f}]  cells {last:3.0f}")
print(fill(str(evidence.verdict("06_entropy")), 95))

# %% [markdown] lang="en"
# *Without a bonus the policy ends by drawing one or two cells over and over, and does no better than random search. With
# it the regret is smaller; whether by a tenth of a point, as was claimed, is undecided. Both ways
# of hurrying end with about a quarter more regret than the patient settings. That is not the length of the steps alone:
# here the bonus is stronger, and with one cell at a time the baseline remembers fewer of them.*

# %% [markdown] lang="en"
# ### A log-probability that is its own negative
#
# Libraries like to return the *negative* log-likelihood, since that is a loss. Used where a log-probability is meant, it
# turns the policy gradient round: every step goes the wrong way.

# %%
forward, backward = learn(), learn(sign=1)
print(f"all begin with: expected accuracy {forward[0][0]:.4f}, entropy {forward[0][1]:.2f}")
for name, path in (("right sign", forward), ("lost sign", backward)):
    print(f"{name:10} after 30 updates: expected accuracy {path[-1][0]:.4f}, entropy {path[-1][1]:.2f}")

# %% [markdown] lang="en"
# Nothing breaks. The policy becomes surer of itself either way; in the second case it is sure of bad cells. The loss does not
# show it: the value of a policy gradient's loss is no measure of progress, only its gradient means something. Plot the
# reward.

# %% [markdown] lang="en"
# ## Exercises
#
# ### 06.1 Who is who (1 minute)
#
# Reinforcement learning searches for an architecture. What is the environment?
#
# - **a)** the search space
# - **b)** training and validating a sampled architecture
# - **c)** the network that samples

# %%
check("06.1", ...)

# %%
solution("06.1")

# %% [markdown] lang="en"
# ### 06.2 A policy gradient (15 minutes)
#
# REINFORCE without autograd. `logits` is a table (steps, options), `actions` (batch, steps) what was drawn, `rewards`
# (batch,). Return the estimate of $\nabla J$, of the shape of `logits`.


# %%
def policy_gradient(logits, actions, rewards, baseline):
    return ...


# %%
check("06.2", policy_gradient)

# %%
hint("06.2")

# %%
solution("06.2")

# %% [markdown] lang="en"
# ### 06.3 A moving average as baseline (10 minutes)
#
# One reward after the other. Return the list of the baselines that each is compared with; the first one is compared with
# itself.


# %%
def baselines(rewards, decay):
    return ...


# %%
check("06.3", baselines)

# %%
hint("06.3")

# %%
solution("06.3")

# %% [markdown] lang="en"
# ### 06.4 An entropy bonus that is none (10 minutes)
#
# A silent bug. `log_probs` (batch, steps) has ln p of each decision that was drawn. The function below runs, logs a
# plausible number, and drives the policy away from uniform. Write `returns`, right.


# %%
def returns_with_a_bug(rewards, log_probs, weight):
    entropy = -(log_probs.exp() * log_probs).sum(1)
    return rewards + weight * entropy


# %%
def returns(rewards, log_probs, weight):
    return ...


# %%
check("06.4", returns)

# %%
hint("06.4")

# %%
solution("06.4")

# %% [markdown] lang="en"
# ### 06.5 A log-prob that is none (10 minutes)
#
# Another silent bug. The optimizer descends this loss, and the policy learns the worst actions. Write `loss`, right.


# %%
def loss_with_a_bug(logits, actions, advantage):
    log_prob = torch.nn.functional.cross_entropy(logits, actions, reduction="none")
    return -(advantage * log_prob).mean()


# %%
def loss(logits, actions, advantage):
    return ...


# %%
check("06.5", loss)

# %%
hint("06.5")

# %%
solution("06.5")

# %% [markdown] lang="en"
# ### 06.6 PPO's clip (10 minutes)
#
# The objective of each cell, from its ratio and its advantage (tensors of equal length).


# %%
def clipped(ratio, advantage, eps):
    return ...


# %%
check("06.6", clipped)

# %%
hint("06.6")

# %%
solution("06.6")

# %% [markdown] lang="en"
# ### Experiment
#
# Does the order of decisions matter to an LSTM? Write a space that asks for the six edges in the reverse order (a
# subclass of `MicroSpace` with its own `encode` and `decode`), and let both learn side by side with as many seeds.
# Decide first how many seeds you take, and what difference you would call one.
#
# ### Open question
#
# The controller sees the decisions and one number at the end. A human who designs a network sees much more: learning
# curves, where the errors are, what other people tried. Which of that could be part of the *state*, and what would it
# cost to provide it?

# %% [markdown] lang="en"
# ## Summary
#
# - The controller is the agent, training and validation are the environment, the accuracy is the reward (06.1).
# - REINFORCE needs samples and their rewards, no derivative of the rewards; a baseline of earlier rewards changes its spread
#   and not its mean (06.2, 06.3).
# - The entropy is the mean of $-\ln \pi(a)$: paid as a reward it leads to uniform. With a factor p, undetached, or with a
#   lost sign it leads away from it (06.4, 06.5).
# - PPO uses a batch more than once, and stops pushing a cell that was pushed far enough (06.6).
# - On the table the policies came in before evolution where every reward was one noisy training, and not where it was exact.
# - The policy costs seconds. Its rewards cost trainings.

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | reinforcement learning | 强化学习 | learning to act from rewards |
# | agent, controller | 智能体、控制器 | who acts: here, what samples architectures |
# | environment | 环境 | what answers an action: here, the training of a model |
# | state | 状态 | what is known before an action |
# | action | 动作 | here: the next decision |
# | reward | 奖励 | here: the validation accuracy (准确度) |
# | policy, sampling policy | 策略、采样策略 | probabilities of actions |
# | policy gradient | 策略梯度 | how the expected reward changes with the policy |
# | baseline | 基线 | what a reward is compared with |
# | entropy | 熵 | how undecided a policy is |
# | regret | 遗憾值 | how much less than the best |
# | time and space complexity | 时间空间复杂度 | what it costs |

# %% [markdown] lang="en"
# ## References
#
# - X. He, K. Zhao, X. Chu, *AutoML: A Survey of the State-of-the-Art*, 2021, arXiv:1908.00709: the figure of agent and
#   environment, and the 28 days on 800 GPUs.
# - R. J. Williams, *Simple statistical gradient-following algorithms for connectionist reinforcement learning*, 1992:
#   REINFORCE and its baseline.
# - B. Zoph, Q. V. Le, *Neural Architecture Search with Reinforcement Learning*, ICLR 2017, arXiv:1611.01578, section 3:
#   the controller, and the moving average.
# - J. Schulman and others, *Proximal Policy Optimization Algorithms*, 2017, arXiv:1707.06347, equation 7.
# - E. Real and others, *Regularized Evolution for Image Classifier Architecture Search*, AAAI 2019, arXiv:1802.01548:
#   evolution, reinforcement learning and random search compared at full size.
# - C. Watkins, P. Dayan, *Q-learning*, Machine Learning 8, 1992.
# - M. Towers and others, *Gymnasium: A Standard Interface for Reinforcement Learning Environments*, 2024,
#   arXiv:2407.17032.
# - The images: [data/README.md](../data/README.md).
