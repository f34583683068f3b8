"""Training from scratch: the plainest answer to "how good is it?".

Same seed, machine and number of threads: same number. Divergence is reported, not hidden.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..data import Images, SearchData, batches
from ..errors import bad_input
from ..networks.build import build, count_network, seeded
from ..runs.plain import identity
from ..spaces.base import A, Result, Trial


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: SGD with Nesterov momentum, learning rate falling from ``lr`` to 0 by a cosine."""

    epochs: int = 3
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float | None = 5.0
    """Largest norm of the gradient; None leaves it alone."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise bad_input(self, "at least one epoch and one image a batch", "raise the number")

    def optimizer(self, parameters: Iterable[nn.Parameter], steps: int) -> tuple[torch.optim.SGD, Any]:
        """The optimizer and its schedule, which steps once a batch, ``steps`` times in all."""
        nesterov = self.momentum > 0
        sgd = torch.optim.SGD(
            parameters, self.lr, self.momentum, weight_decay=self.weight_decay, nesterov=nesterov, fused=True
        )
        return sgd, torch.optim.lr_scheduler.CosineAnnealingLR(sgd, steps)


@dataclass(frozen=True, slots=True)
class Training:
    """What a training did. accuracies: after each epoch, on the validation images, fraction in 0..1;
    losses: mean training loss of each epoch; diverged: the epoch (from 1) whose loss was not finite, or None."""

    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    seconds: float
    diverged: int | None = None

    @property
    def accuracy(self) -> float:
        """Accuracy after the last epoch; NaN if the training diverged."""
        return float("nan") if self.diverged or not self.accuracies else self.accuracies[-1]


def train(
    network: nn.Module,
    data: SearchData,
    recipe: Recipe,
    seed: int,
    device: torch.device | str = "cpu",
    progress: str | None = None,
) -> Training:
    """Train ``network`` in place on ``data.train``; after each epoch, measure it on ``data.valid``.

    The order of the images comes from ``seed``. ``progress`` names a bar; on a GPU, mixed precision is used.
    """
    start, device = time.perf_counter(), torch.device(device)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    data = data.to(device)
    steps = max(len(data.train) // recipe.batch_size, 1)
    optimizer, schedule = recipe.optimizer(network.parameters(), recipe.epochs * steps)
    order = torch.Generator().manual_seed(seed)
    accuracies: list[float] = []
    losses: list[float] = []
    with tqdm(total=recipe.epochs * steps, desc=progress, disable=progress is None, leave=False) as bar:
        for epoch in range(1, recipe.epochs + 1):
            network.train()
            total = torch.zeros((), device=device)
            for images, labels in batches(data.train, recipe.batch_size, order):
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    loss = nn.functional.cross_entropy(network(_laid_out(images)), labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                if recipe.clip is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
                optimizer.step()
                schedule.step()
                total += loss.detach()
                bar.update()
            losses.append(float(total) / steps)
            if not torch.isfinite(total):
                return Training(tuple(accuracies), tuple(losses), time.perf_counter() - start, diverged=epoch)
            accuracies.append(accuracy(network, data.valid))
            bar.set_postfix(valid=f"{accuracies[-1]:.3f}")
    return Training(tuple(accuracies), tuple(losses), time.perf_counter() - start)


@torch.no_grad()
def accuracy(network: nn.Module, images: Images, batch_size: int = 500) -> float:
    """The fraction of ``images`` that ``network`` classifies rightly, in evaluation mode."""
    network.eval()
    right = torch.zeros((), dtype=torch.long, device=images.labels.device)
    for pixels, labels in batches(images, batch_size):
        right += (network(_laid_out(pixels)).argmax(1) == labels).sum()
    return int(right) / len(images)


def _laid_out(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class TrainFromScratch:
    """An `Evaluation`: build the trial's network, train it from scratch, report its last validation accuracy.

    A trial's fidelity, if it has one, is the number of epochs. build: (architecture, **net) -> network; a network's
    class does, and goes to a worker with the evaluation, where `networks.build` may not know the reader's own.
    """

    data: SearchData
    recipe: Recipe
    net: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    progress: bool = False
    build: Callable[..., nn.Module] = build

    def __call__(self, trial: Trial[A]) -> Result:
        recipe = self.recipe if trial.fidelity is None else Recipe(**asdict(self.recipe) | {"epochs": trial.fidelity})
        network = seeded(trial.seed, self.build, trial.arch, **self.net)
        counts = count_network(network, self.data.train.shape)
        bar = f"trial {trial.number}" if self.progress else None
        done = train(network, self.data, recipe, trial.seed, self.device, bar)
        extra: dict[str, Any] = {"accuracies": list(done.accuracies)}
        if done.diverged:
            extra |= {"diverged": done.diverged, "failed": f"the training diverged in epoch {done.diverged}"}
        return Result(done.accuracy, counts.params, counts.macs, trial.fidelity, extra)

    @cached_property
    def _digests(self) -> list[str]:
        """Of the training and of the validation images."""
        return [self.data.train.digest(), self.data.valid.digest()]

    def describe(self) -> dict[str, Any]:
        """What identifies this evaluation in a journal's header. device: its kind, on which the numbers depend."""
        return {
            "evaluation": "train_from_scratch",
            "images": [len(self.data.train), len(self.data.valid), *self.data.train.shape],
            "digests": self._digests,
            "device": torch.device(self.device).type,
            "recipe": asdict(self.recipe),
            "build": identity(self.build),
            "net": {key: list(v) if isinstance(v, tuple) else v for key, v in self.net.items()},
        }
