# ---
# jupyter:
#   jupytext: {formats: "py:percent"}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
#   nascourse: {nbval: lax, omit: [Full run]}
# ---

# %% [markdown] lang="en"
# # 07 · Turn a choice into numbers and descend
#
# You turn the choice of an operation into numbers that a gradient can move, take the gradient of one loss through
# another, and measure what is lost on the way back to a choice. Everything is small enough to know the right answer.
#
# **Read** 45 minutes · **Run** 30 seconds on two CPU cores · **Needs** [01](01_nas_pipeline.ipynb), and derivatives of
# functions of two variables

# %% [markdown] lang="en"
# ## You will be able to
#
# - write the mixed operation of an edge and of a node, and derive a choice from given α (exercises 07.1 and 07.2)
# - write a Hessian-vector product with two gradients, and find the bug that makes it nothing (exercise 07.3)
# - take an unrolled gradient by hand, and say what ξ does (exercises 07.4 and 07.5)
# - say when first order sees nothing at all (exercise 07.6)
# - write a gradient of a choice that was sampled (exercise 07.7)

# %% [markdown] lang="en"
# ## Set-up

# %%
import torch
from nascourse import evidence, load
from nascourse.lessons import check, hint, setup, solution
from nascourse.lessons.lesson_07 import (
    FILTERS,
    BilevelExplorer,
    RelaxationExplorer,
    descend,
    enumerated,
    filter_problem,
    relaxation_panels,
    ridge_problem,
    solved_loss,
)
from nascourse.viz import chart, series_style, show

torch.set_num_threads(1)  # everything here is tiny
budget = setup("07")

# %% [markdown] lang="en"
# ## Predict first
#
# A cell has three edges, and each can be one of six image filters: 216 cells. Four methods move numbers α for 150
# steps, from the crudest gradient (*first order*) to the *exact* one. Then, on each edge, the strongest filter is
# kept.
#
# Write down three guesses:
#
# 1. Does the exact gradient end at a lower loss than the crude one, **as long as the filters are still mixed**?
# 2. The cell that is kept in the end: which **rank** has it among the 216? In the first ten, in the first third, or
#    anywhere?
# 3. You tune the weight decay of a model by descending the validation loss with first-order gradients. Where does it
#    go?
#
# *Run it* answers 1 and 2, *From scratch* answers 3.

# %% [markdown] lang="en"
# ## The idea
#
# A set of operations is discrete: there is no direction in which `max 3×3` becomes `skip` a little. Gradient descent
# needs one. So a detour is taken, in three steps:
#
# 1. **Relax.** Put *all* candidate operations on every edge, each with a weight. Now the architecture is a vector of
#    weights, a point in a continuous space.
# 2. **Descend.** Move the weights along a gradient.
# 3. **Derive.** Keep the operation with the largest weight on each edge. This is a choice again.

# %%
PRIMITIVES = ["none", "skip_connect", "max_pool_3x3", "avg_pool_3x3"]
PRIMITIVES += ["nor_conv_1x1", "nor_conv_3x3"]  # what the two edge filters are drawn like
alphas = [[0, 1, 2, 1, 0, 1], [0, 2, 0, 1, 1, 0], [0, 0, 1, 0, 1, 2]]
show(relaxation_panels(alphas, list(FILTERS), dict(zip(FILTERS, PRIMITIVES))))

# %% [markdown] lang="en"
# *The same cell three times: on every edge an unknown operation; on every edge a bundle of all six, as thick as their
# weights; the thickest of each bundle kept.*
#
# The weights come from a softmax, so they are positive and add up to 1 on each edge. The **mixed operation** on the
# edge from node $i$ to node $j$ is
#
# $$\bar{o}^{(i,j)}(x) = \sum_{o \in O}
# \frac{\exp(\alpha_o^{(i,j)})}{\sum_{o' \in O} \exp(\alpha_{o'}^{(i,j)})}\; o(x)$$
#
# | symbol | meaning |
# |---|---|
# | $x$ | the tensor at node $i$ |
# | $O$ | the candidate operations, $\lvert O \rvert$ of them |
# | $\alpha^{(i,j)}$ | a vector of $\lvert O \rvert$ numbers for this edge; all α together *encode* the architecture |
# | $\bar{o}^{(i,j)}(x)$ | what the edge adds to node $j$ |
#
# After the search the operations are ranked by their weight, the fraction alone. (In some texts, this course's syllabus
# among them, the ranking formula still carries the factor $o(x)$ at its end. That is a slip: $o(x)$ is a tensor, and
# tensors have no rank order.)

# %% [markdown] lang="en"
# ## From scratch
#
# ### One edge
#
# One picture of the training set, an ankle boot in 14×14 pixels, and six filters without weights: `none`, `skip`, two
# poolings, and two that answer to upright and to level edges in a picture.

# %%
images = load().shrunk(2).train
boots = images[images.labels == images.classes.index("ankle boot")]
x = boots.pixels[:1].double() / 255
OPS = list(FILTERS.values())
print(tuple(x.shape), "|", *FILTERS)


# %% [markdown] lang="en"
# The mixed operation is one line.


# %%
def mixed(operations, x, alphas):
    return sum(p * o(x) for p, o in zip(alphas.softmax(0), operations))


# %% [markdown] lang="en"
# Two checks whose answers are known. With equal α the mixture is the plain mean. And the derivative with respect to
# $\alpha_o$ can be worked out by hand: with $p = \mathrm{softmax}(\alpha)$ it is $p_o\,(o(x) - \bar{o}(x))$, the
# operation's weight times what distinguishes it from the mixture. Autograd must find the same.

# %% tags=["nbval-check-output"]
alpha = torch.zeros(6, dtype=torch.float64)
mean = torch.stack([o(x) for o in OPS]).mean(0)
print("mean:", torch.allclose(mixed(OPS, x, alpha), mean))

# %% tags=["nbval-check-output"]
alpha = torch.tensor([0.0, 1.0, 2.0, 0.5, -1.0, 0.0], dtype=torch.float64)
p, mixture = alpha.softmax(0), mixed(OPS, x, alpha)
by_hand = torch.stack([p[k] * (o(x) - mixture).sum() for k, o in enumerate(OPS)])
by_autograd = torch.func.grad(lambda a: mixed(OPS, x, a).sum())(alpha)
print("derivative:", torch.allclose(by_hand, by_autograd))

# %% [markdown] lang="en"
# Read the derivative once more. An operation that has no weight gets no gradient, however good it is; and all of them
# are measured against the mixture, not against nothing.
#
# ### A small cell
#
# Three nodes, three edges. A node is the sum of its mixed edges.


# %%
def relaxed_cell(x, alphas):
    node_1 = mixed(OPS, x, alphas[0])
    return mixed(OPS, x, alphas[1]) + mixed(OPS, node_1, alphas[2])


# %% [markdown] lang="en"
# The discrete cells must be inside, at the far ends of the space. When one α of each edge is very large, the relaxed
# cell must be the plain cell. Try all 216:


# %%
def plain_cell(x, cell):
    a, b, c = (OPS[k] for k in cell)
    return b(x) + c(a(x))


# %% tags=["nbval-check-output"]
from itertools import product

from torch.nn.functional import one_hot

agree = 0
for cell in product(range(6), repeat=3):
    far = 1000 * one_hot(torch.tensor(cell), 6).double()
    agree += torch.allclose(relaxed_cell(x, far), plain_cell(x, cell))
print(agree, "of 216 agree")

# %% [markdown] lang="en"
# ### The way back, and what it loses
#
# To derive is to take the largest α of each edge. On the way the mixture is thrown away. How much of the output was in
# it depends on how far apart the α are; multiply them, and the loss shrinks:


# %%
def lost(alpha):
    kept = OPS[alpha.argmax()](x)
    return float((kept - mixed(OPS, x, alpha)).norm() / mixed(OPS, x, alpha).norm())


for sharpen in (0.5, 1, 2, 4, 8):
    weight = float((sharpen * alpha).softmax(0).max())
    print(f"largest weight {weight:.2f}: the kept operation is off by {lost(sharpen * alpha):.0%}")

# %% [markdown] lang="en"
# A search does not end at a weight of 1.00. So what descends is not what is kept. Remember this number when you see the
# ranks below.

# %% [markdown] lang="en"
# ### Two losses, one inside the other
#
# Which loss should α descend? Not the training loss: the weights $w$ already fit it, and a more flexible mixture would
# always win. α is judged on validation data, with weights that are trained *for this α*:
#
# $$\min_\alpha\; L_{val}(w^*(\alpha), \alpha) \qquad \text{where} \quad w^*(\alpha) = \arg\min_w L_{train}(w, \alpha)$$
#
# This is a **bilevel** problem. α acts on the outer loss in two ways: directly, and through the weights that the inner
# problem answers with. The smallest example is the one that the DARTS paper draws in its Figure 2, one weight and one
# α:
#
# $$L_{train} = (w - \alpha)^2, \qquad L_{val} = \alpha w - 2\alpha + 1$$
#
# The inner minimum is $w^* = \alpha$. Put in, the outer loss is $\alpha^2 - 2\alpha + 1 = (\alpha - 1)^2$. So we know
# everything: the solution is $\alpha = 1$, and the **hypergradient**, the derivative of the outer loss along the inner
# minimum, is $2(\alpha - 1)$.


# %%
def L_train(w, alpha):
    return (w - alpha) ** 2


def L_val(w, alpha):
    return alpha * w - 2 * alpha + 1


# %% [markdown] lang="en"
# A network has no formula for $w^*(\alpha)$. Three ways out, from crude to fine:
#
# - **First order.** Take $w$ as a constant: $\partial_\alpha L_{val}(w, \alpha)$. Half of the story.
# - **Unrolled.** Let $w$ take *one* virtual step of size ξ and differentiate through it:
#   $\frac{d}{d\alpha} L_{val}(w - \xi\, \partial_w L_{train}(w, \alpha),\; \alpha)$.
# - **Exact.** Differentiate through the inner minimum itself.


# %%
def first_order(w, alpha):
    return torch.func.grad(L_val, argnums=1)(w, alpha)


def unrolled(w, alpha, xi):
    def after_a_step(a):
        return L_val(w - xi * torch.func.grad(L_train)(w, a), a)

    return torch.func.grad(after_a_step)(alpha)


# %% [markdown] lang="en"
# At α = 3, with the weight where training leaves it, $w = 3$, the hypergradient is $2(3 - 1) = 4$. What do the
# stand-ins say?

# %% tags=["nbval-check-output"]
w, a = torch.tensor(3.0), torch.tensor(3.0)
print("first order", float(first_order(w, a)))
for xi in (0.0, 0.1, 0.25, 0.5, 1.0):
    print(f"unrolled, ξ = {xi:.2f}: {float(unrolled(w, a, xi)):.2f}")

# %% [markdown] lang="en"
# With ξ = 0 the unrolled gradient *is* first order. With ξ = ½ it is exact, since one step of size ½ takes this $w$ to
# its minimum whatever α is. Larger is not better: ξ = 1 overshoots. **ξ says how much of the weights' answer is
# believed.** In a network the right value is one over a curvature, and the curvature is different in every direction;
# DARTS takes the learning rate of $w$.
#
# Now the whole search. Nobody waits until the weights are trained: α takes a step, $w$ takes a step, and so on.


# %%
def walk(xi, rounds=100):
    w, a = torch.tensor(-2.0), torch.tensor(2.0)
    for _ in range(rounds):
        a = a - 0.1 * unrolled(w, a, xi)
        w = w - 0.1 * torch.func.grad(L_train)(w, a)
    return float(w), float(a)


# %% tags=["nbval-check-output"]
for name, xi in (("first order", 0.0), ("exact", 0.5)):
    print(f"{name}: w = {walk(xi)[0]:.2f}, α = {walk(xi)[1]:.2f}")

# %% [markdown] lang="en"
# Both come to rest with the weight trained, $w = \alpha$. But first order rests at α = 2, where the outer loss is
# $(2 - 1)^2 = 1$; at the solution it is 0. It is not slow, it goes somewhere else: to where α alone cannot lower
# $L_{val}$ any more, as if $w$ would not follow.

# %% [markdown] lang="en"
# ### The second derivative for the price of two gradients
#
# Differentiate the unrolled loss by the chain rule. With $w' = w - \xi\, \partial_w L_{train}(w, \alpha)$ it is
#
# $$\partial_\alpha L_{val}(w', \alpha) \;-\;
# \xi\; \partial^2_{\alpha w} L_{train}(w, \alpha)\; \partial_{w'} L_{val}(w', \alpha)$$
#
# The matrix $\partial^2_{\alpha w} L_{train}$ has a row for each α and a column for each weight: far too large. But
# only its product with one vector $v = \partial_{w'} L_{val}$ is needed, and that is how fast
# $\partial_\alpha L_{train}$ changes when $w$ moves along $v$. So move a little forth and back and take the
# difference:
#
# $$\partial^2_{\alpha w} L_{train}\; v \;\approx\;
# \frac{\partial_\alpha L_{train}(w + \varepsilon v, \alpha) - \partial_\alpha L_{train}(w - \varepsilon v, \alpha)}
# {2 \varepsilon}, \qquad \varepsilon = 0.01 / \lVert v \rVert$$


# %%
def product_by_differences(loss, w, alpha, v):
    eps = 0.01 / v.norm()
    alpha_gradient = torch.func.grad(loss, argnums=1)
    return (alpha_gradient(w + eps * v, alpha) - alpha_gradient(w - eps * v, alpha)) / (2 * eps)


# %% [markdown] lang="en"
# The judge is autograd, which can build the product exactly by differentiating a gradient. The test is a small smooth
# network: three inputs, a mixture of `tanh`, sine and identity with weights softmax(α).

# %%
draw = torch.Generator().manual_seed(0)
rows, target = (torch.randn(n, generator=draw, dtype=torch.float64) for n in ((20, 3), (20,)))


def smooth_loss(w, alpha):
    h = rows @ w
    return ((torch.stack([h.tanh(), h.sin(), h]).T @ alpha.softmax(0) - target) ** 2).mean()


def product_by_autograd(loss, w, alpha, v):
    return torch.func.grad(lambda a: torch.func.grad(loss)(w, a) @ v)(alpha)


# %% tags=["nbval-check-output"]
w, alpha, v = (torch.randn(3, generator=draw, dtype=torch.float64) for _ in range(3))
exact = product_by_autograd(smooth_loss, w, alpha, v)
error = (product_by_differences(smooth_loss, w, alpha, v) - exact).norm() / exact.norm()
print("relative error below a thousandth:", bool(error < 1e-3))

# %% [markdown] lang="en"
# Smooth was the condition. A real supernet has ReLU and max pooling, and their kinks lie closer than ε. Whether the
# difference is still the derivative there is a question for lesson 08.

# %% [markdown] lang="en"
# ### When first order is blind
#
# Ridge regression with one penalty $e^{\alpha_j}$ for each feature $j$. Training minimizes squared error plus penalty;
# validation is squared error alone. 20 features, only five of which matter:

# %%
from nascourse.lessons.lesson_07 import estimators, hypergradients
from nascourse.search.gradient import argmax_operations, strongest_edges

draw = torch.Generator().manual_seed(1)
truth = torch.cat([torch.ones(5), torch.zeros(15)]).double()
X = torch.randn(200, 20, generator=draw, dtype=torch.float64)
y = X @ truth + torch.randn(200, generator=draw, dtype=torch.float64)
ridge = ridge_problem(X[:40], y[:40], X[40:], y[40:])

# %% [markdown] lang="en"
# Here $w^*(\alpha)$ is one linear system, so the exact hypergradient is known. A step has to respect the curvature: ξ
# is one over the largest eigenvalue of the training loss.

# %% tags=["nbval-check-output"]
alpha = torch.full((20,), -2.0, dtype=torch.float64)
w_star = ridge.solve(alpha)
hessian = torch.autograd.functional.hessian(lambda w: ridge.train(w, alpha), w_star)
xi = 1 / float(torch.linalg.eigvalsh(hessian).max())
exact = hypergradients.exact_gradient(ridge, alpha)
crude = hypergradients.first_order_gradient(ridge, w_star, alpha)
step = hypergradients.unrolled_gradient(ridge, w_star, alpha, xi)
cosine = torch.nn.functional.cosine_similarity(step, exact, dim=0)
print(f"norms: exact {exact.norm():.4f}, first order {crude.norm():.4f}, one step {step.norm():.4f}")
print(f"one step points with the exact one: cosine {cosine:.2f}")

# %% [markdown] lang="en"
# **The first-order gradient is zero, exactly.** The penalty does not occur in the validation loss; it acts through the
# weights only, and first order holds these fixed. No learning rate helps. This answers the third prediction: the weight
# decay stays where it was. One unrolled step sees it: too small, but in nearly the right direction.
#
# In a supernet α does occur in the validation loss, so first order is not blind there. It is short-sighted.

# %% [markdown] lang="en"
# ### Another way: sample, do not mix
#
# Instead of mixing all operations one may draw one of them, $z \sim \mathrm{softmax}(\alpha)$, and ask for the gradient
# of the *expected* loss $J(\alpha) = \sum_o p_o\, L(e_o)$, where $e_o$ is the one-hot choice of $o$. Only the drawn
# operation need be computed. Take four operations and a loss that is not linear in the choice:

# %%
table = torch.tensor([0.2, 1.0, 0.5, 2.0], dtype=torch.float64)


def choice_loss(z):
    return (z @ table - 0.4) ** 2


alpha = torch.tensor([0.3, -0.2, 0.1, 0.0], dtype=torch.float64)

# %% [markdown] lang="en"
# With four choices the gradient of $J$ can be enumerated. It is the truth for all that follow.

# %% tags=["nbval-check-output"]
every_loss = choice_loss(torch.eye(4, dtype=torch.float64))
truth = torch.func.grad(lambda a: a.softmax(0) @ every_loss)(alpha)
print([round(value, 4) for value in truth.tolist()])

# %% [markdown] lang="en"
# **REINFORCE** needs no derivative of the loss at all: weigh the score $\nabla_\alpha \log p(z)$ by how bad the draw
# was. A constant *baseline* may be subtracted from the loss; it changes no mean, and much variance.


# %%
def reinforce(alpha, samples, generator, baseline=0.0):
    p = alpha.softmax(0)
    drawn = torch.multinomial(p, samples, replacement=True, generator=generator)
    z = one_hot(drawn, len(alpha)).to(alpha)
    return (choice_loss(z) - baseline)[:, None] * (z - p)


# %% [markdown] lang="en"
# **Straight-through** forwards the one-hot draw and pretends, on the way back, that it had been the softmax.
# **Gumbel-softmax** adds Gumbel noise to α and takes a softmax of temperature τ: at a low temperature nearly a draw, at
# a high one nearly a mixture. Both differentiate the loss, so both need one that can be. You know how to write them by
# now; the package has all three.

# %%
draw = torch.Generator().manual_seed(3)
N = budget.samples
at = choice_loss, alpha, N, draw
estimates = {
    "REINFORCE": reinforce(alpha, N, draw),
    "REINFORCE, baseline": reinforce(alpha, N, draw, float(alpha.softmax(0) @ every_loss)),
    "straight-through": estimators.straight_through(*at),
    "Gumbel-softmax, τ = 1": estimators.gumbel_softmax(*at, temperature=1.0),
    "Gumbel-softmax, τ = 0.1": estimators.gumbel_softmax(*at, temperature=0.1),
}

# %%
for name, values in estimates.items():
    bias, spread = (values.mean(0) - truth).norm(), values.std(0).norm()
    print(f"{name:24} bias {bias:.3f} ± {spread / N**0.5:.3f}   spread of one sample {spread:.2f}")
of_mixture = estimators.mixture_gradient(choice_loss, alpha)
print(f"{'the mixture':24} bias {(of_mixture - truth).norm():.3f}   no noise")

# %% [markdown] lang="en"
# *Distance of the mean from the true gradient, with its standard error, and how far one sample lies from the mean.*
#
# REINFORCE is right on average: its bias is within what chance allows. The baseline takes noise away and costs
# nothing. The others have a bias: they follow the gradient of another loss. Lowering τ makes Gumbel-softmax truer and
# noisier. The mixture, which is what DARTS descends, has no noise, and a bias: the loss of a mean is not the mean of the
# losses. (Straight-through has the same bias here, by chance of the example: the slope of a square is linear in $z$, so
# its mean over draws is the slope at the mean.) If the loss itself were linear in $z$, all of them would agree.

# %% [markdown] lang="en"
# ## See it
#
# One edge, live. Each slider is the α of an operation. *all times* multiplies every α, *all plus* adds to every α.

# %%
outputs = torch.cat([o(x)[0] for o in OPS]).numpy()
RelaxationExplorer(list(FILTERS), outputs, [0.0, 1.0, 2.0, 0.5, -1.0, 0.0])

# %% [markdown] lang="en"
# *Left what each filter makes of the picture, with its α and its weight; right the mixture, and what argmax would
# keep.*
#
# **Three things to try:**
#
# 1. Move *all plus*. What changes? Then explain why raw α of two edges cannot be compared.
# 2. Move *all times* to 0 and to 8. When is the difference between mixture and kept operation largest?
# 3. Find α for which the mixture looks almost like `avg 3×3` though another filter is kept.
#
# Next the toy problem as a landscape. Dotted lines: equal $L_{val}$. Dashed line: where the weight is trained,
# $w = w^*(\alpha)$. In each round α steps once and $w$ a few times.

# %%
BilevelExplorer(xi=0.25)

# %% [markdown] lang="en"
# *Three walks from the same start, after 60 rounds. First order has come to rest at α = 2, one step with ξ = ¼ near
# 1.33, the exact one at the solution, α = 1.*
#
# **Three things to try:**
#
# 1. Set ξ to 0, ½ and 1, one after the other. Where does the second walk end? Exercise 07.5 asks for the formula.
# 2. Give $w$ ten steps for each of α. Does first order end elsewhere, or only arrive in another way?
# 3. Press play, and watch which walk leaves the dashed line furthest.

# %% [markdown] lang="en"
# ## Run it
#
# Now the cell of image filters with real data: 216 cells, an image through the cell, a linear read-out to the ten
# classes. The read-out is a ridge regression, so $w^*(\alpha)$ is a linear system and the exact hypergradient is known.
# All 216 cells can be solved, so we also know every rank. One seed, live:

# %%
problem = filter_problem(seed=100, images=budget.images)
losses = enumerated(seed=100, images=budget.images)
print(f"216 cells: best {min(losses.values()):.4f}, worst {max(losses.values()):.4f}")

# %%
for method in ("first order", "exact"):
    _, alpha = descend(problem, method, budget.steps)
    cell = argmax_operations(alpha)
    rank = 1 + sum(loss < losses[cell] for loss in losses.values())
    names = ", ".join(list(FILTERS)[k] for k in cell)
    print(f"{method:11}: mixed {solved_loss(problem, alpha):.4f}", end=", ")
    print(f"kept {losses[cell]:.4f} (rank {rank}): {names}")

# %% [markdown] lang="en"
# One seed. The recorded evidence has twenty, for four methods and for random search. *First order* and *one step
# unrolled* let the weights follow by a gradient step a round, as DARTS does; *w solved* solves for the weights in each
# round and still ignores how they answer.

# %%
from textwrap import fill


recorded = evidence.load("07_exact_hypergradient")
print(fill(str(evidence.verdict("07_exact_hypergradient")), 95))

# %% [markdown] lang="en"
# So the first prediction is answered for this problem: while the filters are mixed, the exact gradient is better. Most
# of the gain comes from solving for the weights, the rest from the hypergradient:

# %%
ARMS = ("first order", "one step unrolled", "first order, w solved", "exact")
for arm in ARMS:
    mean = {key: recorded.values(arm, key).mean() for key in ("relaxed", "kept", "derived")}
    print(f"{arm:22} mixed {mean['relaxed']:.4f}", end="   ")
    print(f"kept, old weights {mean['kept']:.4f}   kept, new weights {mean['derived']:.4f}")
chance = {n: recorded.values("random", f"best_of_{n}").mean() for n in (3, 10, 30)}
print("random search:", ", ".join(f"best of {n} {loss:.4f}" for n, loss in chance.items()))

# %% [markdown] lang="en"
# *Mean validation loss over twenty seeds: of the mixture, of the cell that is kept with the weights of the mixture, and
# of that cell with weights of its own.*
#
# (All of these are validation losses, what the search itself descends: they compare the ways to descend it, and are no
# estimate of how good the cells are on new images.) Keeping one filter of each edge destroys what the weights had been
# fitted to; the last column retrains them. There the methods lie close together. And the last line is sobering: on
# average the best of **three** random cells is as good as what the exact gradient derives, at the price of three
# solved cells instead of 150 rounds.

# %%
figure, axes = chart(xlabel="rank of the kept cell among 216 (1 is best)")
for k, arm in enumerate(ARMS):
    style, ranks = series_style(k), recorded.values(arm, "rank")
    axes.scatter(ranks, [len(ARMS) - k] * len(ranks), color=style.color, marker=style.marker, alpha=0.8)
    axes.vlines(sorted(ranks)[9:11], len(ARMS) - k - 0.25, len(ARMS) - k + 0.25, color="black")
axes.set_yticks(range(1, len(ARMS) + 1), ARMS[::-1])
show(figure, "Ranks of the kept cells of four methods over twenty seeds, all spread past 100.")

# %% [markdown] lang="en"
# *Each mark is a seed; the two black lines are the middle two seeds, so half of the marks lie left of them. With the
# exact gradient more seeds end among the first ranks, but every method has seeds that end behind rank 100.*
#
# This is the second prediction. The descent did its work: the mixtures of the exact gradient are better, on average,
# than the best of the 216 single cells. What ruins the result is the step back. The weight of the strongest filter
# says how much of the choice is left open when the search ends:

# %%
print(f"the best single cell: {recorded.values('random', 'best').mean():.4f}")
for arm in ARMS:
    weight = recorded.values(arm, "largest_weight").mean()
    print(f"{arm:22} mean weight of the strongest filter {weight:.2f}")

# %% [markdown] lang="en"
# The exact gradient keeps the *most even* mixtures: a mixture is what it found to be good, and a single filter is not.
# The better the relaxed problem is solved, the less its solution need look like a choice. Lesson 08 meets this again,
# in full size, under the name of *discretization gap*.
#
# Is the derived cell of the exact gradient at least better than that of first order? The same rows, as differences
# within a seed:

# %%
crude, exact = (recorded.values(arm, "derived") for arm in ("first order", "exact"))
effect = evidence.difference(crude, exact, paired=True)
print("first order - exact, loss of the derived cell:", effect)
word = "holds" if effect.low > 0 else "fails" if effect.high < 0 else "undecided"
print("The exact gradient derives better cells:", word)

# %% [markdown] lang="en"
# Twenty seeds do not decide it: the interval lies on both sides of zero.
#
# There is no full run in this lesson: nothing here needs a GPU. With `NASCOURSE_MODE=full` the live cells take more
# images and more steps.

# %% [markdown] lang="en"
# ## What goes wrong
#
# ### A second order that is none
#
# Several public ports of DARTS write the last line of the Hessian-vector product like this. Python reads it from left
# to right: it divides by two and *multiplies* by ε.


# %%
def product_as_often_copied(loss, w, alpha, v):
    eps = 0.01 / v.norm()
    alpha_gradient = torch.func.grad(loss, argnums=1)
    p, n = alpha_gradient(w + eps * v, alpha), alpha_gradient(w - eps * v, alpha)
    return (p - n) / 2.0 * eps


# %% tags=["nbval-check-output"]
draw = torch.Generator().manual_seed(5)
w, alpha, v = (torch.randn(3, generator=draw, dtype=torch.float64) for _ in range(3))
right = product_by_differences(smooth_loss, w, alpha, v)
wrong = product_as_often_copied(smooth_loss, w, alpha, v)
print(f"wrong / right = {wrong.norm() / right.norm():.2e},  ε² = {(0.01 / v.norm()) ** 2:.2e}")

# %% [markdown] lang="en"
# The term is ε² times too small. Nothing breaks, the loss still falls, the log still says *second order*, and it is
# first order. Only a comparison with an independent answer finds it.
#
# ### A virtual step that moves nothing
#
# The step must change the weights of the model. This one gives a new tensor to the loop's variable and forgets it:

# %% tags=["nbval-check-output"]
model = torch.nn.Linear(3, 1)
before = [w.detach().clone() for w in model.parameters()]
for w in model.parameters():
    w = w - 0.1 * torch.ones_like(w)  # binds the name w; the model keeps its tensor
print("moved:", any(not torch.equal(a, b) for a, b in zip(before, model.parameters())))

# %% tags=["nbval-check-output"]
with torch.no_grad():
    for w in model.parameters():
        w -= 0.1 * torch.ones_like(w)  # changes the tensor itself
print("moved:", any(not torch.equal(a, b) for a, b in zip(before, model.parameters())))

# %% [markdown] lang="en"
# ### Comparing raw α
#
# DARTS keeps the two strongest edges into a node. Strong by what? Adding 10 to all α of an edge changes nothing that
# the edge computes. It must not change what is kept:

# %% tags=["nbval-check-output"]
alphas = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.1, 0.0]])
shifted = alphas + torch.tensor([[0.0], [0.0], [10.0]])
raw = [sorted(a.max(1).values.topk(2).indices.tolist()) for a in (alphas, shifted)]
print("by raw α:  ", raw[0], "then", raw[1])
print("by softmax:", *([edge for edge, _ in strongest_edges(a)] for a in (alphas, shifted)), sep=" ")

# %% [markdown] lang="en"
# ### A sample that is no longer a function of α
#
# A hard sample is one-hot, so it is tempting to store it as a mask of `bool`. A comparison has no derivative: α gets no
# gradient from it, and again nothing breaks as long as the weights still learn.

# %% tags=["nbval-check-output"]
alpha = torch.tensor([0.3, -0.2, 0.1], requires_grad=True)
soft = alpha.softmax(0)
mask = soft == soft.max()
print("as a mask:       ", mask.to(soft).requires_grad)
print("straight-through:", (mask + soft - soft.detach()).requires_grad)

# %% [markdown] lang="en"
# ## Exercises
#
# ### 07.1 A relaxed node (10 minutes)
#
# The value of a node: the sum over its incoming edges of the mixed operation. `inputs` has a tensor for each edge,
# `alphas` a row for each edge.


# %%
def relaxed_node(operations, inputs, alphas):
    return ...


# %%
check("07.1", relaxed_node)

# %%
hint("07.1")

# %%
solution("07.1")

# %% [markdown] lang="en"
# ### 07.2 Derive a node from α (15 minutes)
#
# DARTS' rule for one node. Operation 0 is `none`: it takes part in the softmax, but is never kept. The strength of an
# edge is the weight of its best other operation. Return the `k` strongest edges as `(edge, operation)`, in the order of
# edges.


# %%
def derive_node(alphas, k):
    return ...


# %%
check("07.2", derive_node)

# %%
solution("07.2")

# %% [markdown] lang="en"
# ### 07.3 Mend a Hessian-vector product (15 minutes)
#
# Two silent bugs. `weights` and `vector` are lists of tensors, as a network has many; `gradient(weights)` is
# $\partial_\alpha L$ there. The function below runs, complains about nothing, and is wrong. Write `product`, right.


# %%
def product_with_two_bugs(gradient, weights, vector):
    eps = [0.01 / v.norm() for v in vector]
    p = gradient([w + e * v for w, v, e in zip(weights, vector, eps)])
    n = gradient([w - e * v for w, v, e in zip(weights, vector, eps)])
    return (p - n) / 2.0 * eps[0]


# %%
def product(gradient, weights, vector):
    return ...


# %%
check("07.3", product)

# %%
hint("07.3")

# %%
solution("07.3")

# %% [markdown] lang="en"
# ### 07.4 An unrolled gradient by hand (10 minutes)
#
# For the toy problem, without autograd: $\frac{d}{d\alpha} L_{val}(w - \xi\, \partial_w L_{train}(w, \alpha), \alpha)$.


# %%
def unrolled_gradient(alpha, w, xi):
    return ...


# %%
check("07.4", unrolled_gradient)

# %%
solution("07.4")

# %% [markdown] lang="en"
# ### 07.5 Where ξ leads (5 minutes)
#
# On the toy problem, $w$ and α step in turns with ξ = 0.3. Where does α come to rest?

# %%
check("07.5", ...)

# %%
solution("07.5")

# %% [markdown] lang="en"
# ### 07.6 When first order is blind (3 minutes)
#
# You tune the weight decay of a network by gradient descent on the validation loss, first order. What happens?
#
# - **a)** it falls to zero, as decay only hurts
# - **b)** it stays where it was
# - **c)** it finds the best value, slowly

# %%
check("07.6", ...)

# %%
solution("07.6")

# %% [markdown] lang="en"
# ### 07.7 A score-function gradient (10 minutes)
#
# REINFORCE from one sample. `losses` has the loss of every choice, `choice` is the one that was drawn.


# %%
def score_gradient(losses, alphas, choice, baseline):
    return ...


# %%
check("07.7", score_gradient)

# %%
solution("07.7")

# %% [markdown] lang="en"
# ### Experiment
#
# Does a penalty on even mixtures close the gap? Add the entropy of the weights, times some λ, to the validation loss of
# `filter_problem` and descend again. Write down before you start what you expect of the mixture's loss and of the kept
# cell's rank.
#
# ### Open question
#
# The relaxed space contains every cell, and more. Its best point is at least as good as the best cell. Is there a
# relaxation whose best point *is* a cell? What would its gradient look like close to that point?

# %% [markdown] lang="en"
# ## Summary
#
# - A mixed operation is a softmax-weighted sum; a node adds its mixed edges; derivation takes the strongest, after a
#   softmax over each edge, and loses what the mixture had (07.1, 07.2).
# - The mixed second derivative times a vector costs two gradients: a difference, *divided* by 2ε (07.3).
# - The unrolled gradient adds to first order what one step of the weights answers; ξ says how much of it (07.4, 07.5).
# - Where α acts through the weights only, first order is exactly zero (07.6).
# - REINFORCE is unbiased and noisy, the relaxations are quiet and biased (07.7).
# - On the filter cell the exact hypergradient solves the relaxed problem better; what it derives is no better than the
#   best of a few random cells.

# %% [markdown] lang="en"
# ## Key terms
#
# | English | 中文 | |
# |---|---|---|
# | gradient descent | 梯度下降 | following the slope of a loss |
# | discrete, continuous search space | 离散、连续的搜索空间 | choices; points that can be moved a little |
# | relaxation | 松弛 | from choices to weights of all choices |
# | mixed operation | 混合运算 | the softmax-weighted sum on an edge |
# | architecture encoding α | 网络架构编码 α | the numbers that the search moves |
# | weights ω | 权重参数 ω | the numbers that training moves ($w$ here) |
# | bilevel optimization | 双层优化 | a minimum inside a minimum |
# | validation set | 验证集 | what the outer loss is measured on |
# | hypergradient | 超梯度 | derivative of the outer loss along the inner minimum |
# | discretization | 离散化 | from weights back to a choice |

# %% [markdown] lang="en"
# ## References
#
# - H. Liu, K. Simonyan, Y. Yang, *DARTS: Differentiable Architecture Search*, ICLR 2019, arXiv:1806.09055: equation 2
#   (mixed operation), equations 3 and 4 (bilevel problem), sections 2.3 and 2.4 (unrolled step, finite differences,
#   derivation).
# - R. J. Williams, *Simple statistical gradient-following algorithms for connectionist reinforcement learning*, 1992:
#   REINFORCE.
# - Y. Bengio, N. Léonard, A. Courville, *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013,
#   arXiv:1308.3432: straight-through.
# - E. Jang, S. Gu, B. Poole, *Categorical Reparameterization with Gumbel-Softmax*, ICLR 2017, arXiv:1611.01144.
# - The images: [data/README.md](../data/README.md).
