"""Lesson 08: is DARTS' second order second order, when does a search collapse, and what cures it.

The searches run on micro cells, with the networks and the training images of the tabular benchmark: what they derive at
any moment can be looked up. The rows hold cells, not accuracies; `truth` looks them up when they are read. α learn at
0.005, so that in 1,240 steps they can go as far as in the paper's 19,500 steps at 0.0003.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data import Images, SearchData
from ...evaluation.tabular import TabularBenchmark
from ...evidence import statistics
from ...evidence.ledger import Evidence, experiment
from ...evidence.statistics import Interval
from ...search.gradient import darts_step as darts
from ...search.gradient.darts import DartsSearch
from ...search.gradient.darts_config import PRESETS, DartsConfig, Preset, search_images
from ...search.gradient.derive import derive
from ...spaces.cell import CellSpace
from ...spaces.micro import MicroCell, MicroSpace
from .collapse import (
    BetaDecay,
    select_by_perturbation,
    stop_by_eigenvalue,
    stop_by_skips,
    top_eigenvalue,
)

SKIP_LIMIT = 2
"""Of the six edges of a micro cell; DARTS+ stops at two in a normal cell."""

# -- the failure and its cures -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _micro_images() -> SearchData:
    return search_images("micro", preset=PRESETS["micro"]["cpu_hour"])


def micro_config(epochs: int, alpha_lr: float, partial: int = 1) -> DartsConfig:
    """First-order DARTS with the benchmark's networks."""
    config = PRESETS["micro"]["cpu_hour"].config
    return replace(config, epochs=epochs, alpha_lr=alpha_lr, net={**config.net, "partial": partial}, record_every=31)


@experiment(
    "08_collapse",
    hypothesis="The best of 40 random cells, trained from scratch, has a test accuracy more than one point above that "
    "of the cell that first-order DARTS derives at the end.",
    arms=("DARTS", "partial channels", "α regularization", "random search"),
    seeds=6,
    budget={"epochs": 20, "alpha_lr": 0.005, "curvature_images": 64, "tune_steps": 20, "draws": 40},
    effect=lambda evidence: final_difference(evidence, "random search", "DARTS, at the end"),
    smallest=0.01,
    slice=(("random search", 0),),
)
def collapse(
    arm: str, seed: int, epochs: int, alpha_lr: float, curvature_images: int, tune_steps: int, draws: int
) -> dict[str, Any]:
    """Searches: a list over the epochs of each measure, and the cell chosen by perturbation of the last supernet;
    random search: the cells drawn."""
    if arm == "random search":
        rng = np.random.default_rng(seed)
        return {"cells": [str(MicroSpace().sample(rng)) for _ in range(draws)]}
    torch.set_num_threads(1)
    search = DartsSearch(
        MicroSpace(),
        micro_config(epochs, alpha_lr, partial=4 if arm == "partial channels" else 1),
        _micro_images(),
        seed,
        regularizer=BetaDecay(50.0) if arm == "α regularization" else None,
        after_epoch=measure(curvature_images),
    )
    search.run()
    measured = {name: [row[name] for row in search.epochs] for name in ("cell", "skips", "loss", "eigenvalue")}
    return measured | {"perturbed": str(perturbed(search, tune_steps, seed))}


def measure(images: int) -> Callable[[DartsSearch], None]:
    """A hook: what the search would derive after each epoch, and the curvature of L_val in α on so many images."""

    def after_epoch(search: DartsSearch) -> None:
        fixed = _batch(search.data.valid.first(images))  # as it was recorded
        search.net.train()
        found = search.derived()
        assert isinstance(found, MicroCell)
        search.epochs[-1] |= {
            "cell": str(found),
            "skips": found.ops.count("skip_connect"),
            "eigenvalue": top_eigenvalue(lambda a: darts.supernet_loss(search.net, a, fixed), search.alphas),
        }

    return after_epoch


def perturbed(search: DartsSearch, tune_steps: int, seed: int) -> MicroCell:
    """The cell that perturbation-based selection chooses at the end of a search; after each edge the weights are
    trained for so many steps with what is decided."""
    net = copy.deepcopy(search.net)
    config = search.config
    optimizer = torch.optim.SGD(net.parameters(), config.w_lr_min, config.w_momentum, fused=True)
    images = search.data.valid.first(1000)  # as it was recorded

    def score(weights: Mapping[str, Tensor]) -> float:
        return darts.supernet_score(net, weights, images)[0]

    def tune(weights: Mapping[str, Tensor]) -> None:
        net.train()
        for _ in range(tune_steps):
            pixels, labels = next(search.train_batches)
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(net(pixels, weights), labels).backward()
            nn.utils.clip_grad_norm_(net.parameters(), config.w_clip)
            optimizer.step()

    chosen = select_by_perturbation(darts.mixture(search.alphas), score, np.random.default_rng(seed), tune)
    cell = derive(net, chosen)
    assert isinstance(cell, MicroCell)
    return cell


ARMS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "DARTS, at the end": ("DARTS", lambda row: row["cell"][-1]),
    "stop by skips": ("DARTS", lambda row: row["cell"][stop_by_skips(row["skips"], SKIP_LIMIT)]),
    "stop by eigenvalue": ("DARTS", lambda row: row["cell"][stop_by_eigenvalue(row["eigenvalue"])]),
    "perturbation": ("DARTS", lambda row: row["perturbed"]),
    "partial channels": ("partial channels", lambda row: row["cell"][-1]),
    "α regularization": ("α regularization", lambda row: row["cell"][-1]),
    "random search": ("random search", lambda row: max(row["cells"], key=_validated)),
}
"""What is compared -> the arm whose rows it reads, and the cell it keeps. Stopping and perturbation choose otherwise
from the same searches."""


@lru_cache(maxsize=1)
def _table() -> TabularBenchmark:
    return TabularBenchmark.load()


def truth(cell: str) -> float:
    """The cell's accuracy on the official test images, mean of its stored trainings."""
    return _table().test_accuracy(MicroCell.from_string(cell))


def _validated(cell: str) -> float:
    return _table().evaluate(MicroCell.from_string(cell), _table().seeds[0]).accuracy


def final_accuracies(evidence: Evidence) -> dict[str, list[float]]:
    """The true accuracy of what each of `ARMS` keeps, for each seed."""
    return {
        name: [truth(keep(row.values)) for row in sorted(evidence.of(arm), key=lambda row: row.seed)]
        for name, (arm, keep) in ARMS.items()
    }


def final_difference(evidence: Evidence, a: str, b: str) -> Interval:
    """Mean true accuracy of ``a`` of `ARMS` minus that of ``b``, with a bootstrap interval: search by search where both
    chose from the same ones."""
    scores = final_accuracies(evidence)
    return statistics.difference(scores[a], scores[b], paired=_share_searches(a, b))


def final_p(evidence: Evidence, a: str, b: str) -> float:
    """Two-sided p-value of `final_difference`, by permutation."""
    scores = final_accuracies(evidence)
    return statistics.permutation_p(scores[a], scores[b], paired=_share_searches(a, b))


def _share_searches(a: str, b: str) -> bool:
    return ARMS[a][0] == ARMS[b][0]


# -- is second order second order? -------------------------------------------------------------------------------------

ESTIMATORS = ("ε as in the code", "ε × 10", "ε / 100", "ε / 10⁶", "times ε (T1)", "first order")
"""Stand-ins for the gradient with the exact product of double backward. The first is as it is used, ε = 0.01/‖v‖ in
float32; the other ε are in float64, so that rounding plays no part. T1: the difference times ε, not divided by it."""


@experiment(
    "08_second_order",
    hypothesis="Over a search on genotypes, the finite difference of the paper's code points with the exact product of "
    "second derivatives: a cosine above 0.9 in the mean.",
    arms=("genotypes", "micro cells"),
    seeds=6,
    budget={"epochs": 6, "images": 1600},
    effect=lambda evidence: statistics.average(
        [np.mean(row.values["product"][ESTIMATORS[0]]) for row in evidence.of("genotypes")]
    ),
    smallest=0.9,
    slice=(("micro cells", 0),),
    tolerance=0.2,
)
def second_order(arm: str, seed: int, epochs: int, images: int) -> dict[str, Any]:
    """At the start and after each epoch of a first-order search, on one batch of each half: cosine of the estimated
    product and the exact one, cosine and ratio of norms of the whole α gradients, and the size of the exact
    second-order term relative to the first. Images are taken as they were when it was recorded."""
    torch.set_num_threads(1)
    if arm == "genotypes":
        space: CellSpace | MicroSpace = CellSpace()
        config = replace(PRESETS["cell"]["lesson"].config, epochs=epochs)
        data = search_images("cell", preset=Preset(config, images, 2), part=Images.first)
    else:
        space = MicroSpace()
        config = replace(micro_config(epochs, 0.003), batch_size=32)
        data = _micro_images()
        data = replace(data, train=data.train.first(images // 2), valid=data.valid.first(images // 2))
    rows: list[dict[str, Any]] = []
    search = DartsSearch(space, config, data, seed, after_epoch=lambda search: rows.append(judge(search)))
    rows.append(judge(search))
    search.run()
    return {
        "product": {name: [row["product"][name] for row in rows] for name in ESTIMATORS[:4]},
        "cosine": {name: [row["cosine"][name] for row in rows] for name in ESTIMATORS},
        "norm": {name: [row["norm"][name] for row in rows] for name in ESTIMATORS},
        "share": [row["share"] for row in rows],
    }


def judge(search: DartsSearch) -> dict[str, Any]:
    """Compare the estimators with the exact product, for the state the search is in; the search is left as it is."""
    search.net.train()
    size, xi = search.config.batch_size, float(search.w_optimizer.param_groups[0]["lr"])
    train, valid = (_batch(part.first(size)) for part in (search.data.train, search.data.valid))
    single = search.net, search.alphas, search.w_optimizer
    direction = darts.look_ahead(*single[:2], train, valid, single[2], xi)[2]
    in_use = _flat(darts.cross_product(*single[:2], train, direction))
    net, alphas, optimizer = _in_float64(*copy.deepcopy(single))
    train, valid = (train[0].double(), train[1]), (valid[0].double(), valid[1])
    _, direct, direction = darts.look_ahead(net, alphas, train, valid, optimizer, xi)
    exact = _flat(darts.cross_product(net, alphas, train, direction, scale=None))
    products = {
        name: in_use if scale == 0.01 else _flat(darts.cross_product(net, alphas, train, direction, scale))
        for name, scale in zip(ESTIMATORS, (0.01, 0.1, 1e-4, 1e-8), strict=False)
    }
    eps = 0.01 / float(torch.cat([v.flatten() for v in direction.values()]).norm())
    terms = products | {ESTIMATORS[4]: in_use * eps**2}
    judged = _flat(direct) - xi * exact
    gradients = {name: _flat(direct) - xi * term for name, term in terms.items()}
    gradients[ESTIMATORS[5]] = _flat(darts.first_order(net, alphas, valid)[1])
    return {
        "product": {name: _cosine(product, exact) for name, product in products.items()},
        "cosine": {name: _cosine(g, judged) for name, g in gradients.items()},
        "norm": {name: float(g.norm() / judged.norm()) for name, g in gradients.items()},
        "share": float(xi * exact.norm() / _flat(direct).norm()),
    }


def _in_float64(
    net: nn.Module, alphas: Mapping[str, Tensor], optimizer: torch.optim.SGD
) -> tuple[nn.Module, dict[str, Tensor], torch.optim.SGD]:
    """A copy of a search's state in double precision, momentum included; changes what it is given."""
    net = net.double()
    for state in optimizer.state.values():
        if state.get("momentum_buffer") is not None:
            state["momentum_buffer"] = state["momentum_buffer"].double()
    return net, {kind: alpha.double() for kind, alpha in alphas.items()}, optimizer


def _batch(images: Images) -> darts.Batch:
    return images.standardized().contiguous(memory_format=torch.channels_last), images.labels


def _flat(parts: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([part.detach().flatten().double() for part in parts.values()])


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(nn.functional.cosine_similarity(a, b, dim=0))
