"""A whole search with DARTS: epochs, schedules, checkpoints, the history of α.

(Liu et al. 2019, *DARTS*, algorithm 1 and section 3.1.) Killed at any moment and resumed, the path of α is the same bit
for bit, on one machine, CPU and number of threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...augment import EndlessBatches
from ...data import Images, SearchData
from ...errors import CourseError, bad_input
from ...networks.supernet import initial_alphas, supernet_seeded
from ...runs.atomic import write_text
from ...runs.plain import compact, identity, plain
from ...runs.runner import Resumable
from ...spaces.base import CellArchitecture, SearchSpace
from .alpha_history import AlphaHistory
from .darts_config import DartsConfig
from .darts_step import Alphas, first_order, mixture, second_order, supernet_score, weight_step
from .derive import derive

HISTORY, GENOTYPE = "history.npz", "genotype.json"
"""The files beside a search's checkpoint: α and where the numbers come from, and what α stands for now."""

Regularizer = Callable[[Alphas, float], Tensor]
"""(α, part of the search that is done, 0..1) -> a term that is added to α's loss."""


class DartsSearch(Resumable):
    """A search, and where it stands.

    data: ``train`` trains the weights, ``valid`` trains α and scores the supernet. regularizer: a term of α's loss.
    after_epoch: called with the search after each epoch; it may add numbers to ``epochs[-1]``, and what it returns,
    if anything, is the reason to stop. Nothing is drawn from the global generators.

    net, alphas: the supernet and its α; step: steps taken; epochs: a row for each epoch: its number from 1, steps
    taken, the supernet's accuracy and loss on ``data.valid``; stopped: the reason why a hook ended the search.
    """

    noun = "search"
    advice = "lower batch_size or channels and start in another folder; the last checkpoint is whole"

    def __init__(
        self,
        space: SearchSpace[Any],
        config: DartsConfig,
        data: SearchData,
        seed: int = 0,
        device: torch.device | str = "cpu",
        regularizer: Regularizer | None = None,
        after_epoch: Callable[[DartsSearch], str | None] | None = None,
    ) -> None:
        super().__init__(device)
        self.space, self.config, self.seed = space, config, seed
        self.regularizer, self.after_epoch = regularizer, after_epoch
        inputs, height, _ = data.train.shape
        images = {"classes": len(data.train.classes), "in_channels": inputs}
        with self._memory_explained():
            self.data = data.to(self.device)
            net = supernet_seeded(space, seed, **images, **config.net)
            self.net = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        start = initial_alphas(net, _generator(seed, 0))
        self.alphas = {kind: a.detach().to(self.device).requires_grad_() for kind, a in start.items()}
        self.w_optimizer = torch.optim.SGD(
            net.parameters(), config.w_lr, config.w_momentum, weight_decay=config.w_weight_decay, fused=True
        )
        self.alpha_optimizer = torch.optim.Adam(
            self.alphas.values(), config.alpha_lr, config.alpha_betas, weight_decay=config.alpha_weight_decay
        )
        crop = height // 8 if config.augment else 0  # 4 pixels of 32, as in the paper's code
        self.train_batches = EndlessBatches(self.data.train, config.batch_size, _generator(seed, 1), crop)
        self.valid_batches = EndlessBatches(self.data.valid, config.batch_size, _generator(seed, 2), crop)
        self.steps_per_epoch = len(data.train) // self.train_batches.size
        self._images = {"train": _described(data.train), "valid": _described(data.valid)}
        self.epochs: list[dict[str, Any]] = []
        self.stopped: str | None = None
        self._records: list[tuple[int, dict[str, Tensor], float, float]] = []
        self._record(math.nan, math.nan)

    @property
    def total_steps(self) -> int:
        return self.config.epochs * self.steps_per_epoch

    @property
    def finished(self) -> bool:
        return self.stopped is not None or len(self.epochs) == self.config.epochs

    def derived(self) -> CellArchitecture:
        """The architecture that α stands for now."""
        return derive(self.net, self.alphas)

    def history(self) -> AlphaHistory:
        """What was recorded up to now."""
        steps, alphas, train, valid = zip(*self._records, strict=True)
        return AlphaHistory(
            self.space.name,
            self.net.kinds,
            self.net.ops,
            self.net.edges,
            np.array(steps, np.int64),
            {kind: np.stack([a[kind].numpy() for a in alphas]) for kind in self.net.kinds},
            {"train_loss": np.array(train, np.float32), "valid_loss": np.array(valid, np.float32)},
            tuple(dict(row) for row in self.epochs),
            {**self.describe(), "stopped": self.stopped, "sittings": self.invocations},
        )

    def describe(self, strict: bool = False) -> dict[str, Any]:
        """What the path of α depends on beside the machine and its device, as plain values: a checkpoint goes on under
        the same only. The regularizer is known by its `identity`; with ``strict`` it has to have one."""
        return plain(
            {
                "search": "darts",
                "space": self.space.describe(),
                "config": asdict(self.config),
                "seed": self.seed,
                "images": self._images,
                "regularizer": identity(self.regularizer, strict) if self.regularizer else None,
            }
        )

    def run(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        minutes: float | None = None,
        save_every: float = 60.0,
        progress: str | None = None,
        command: str = "DartsSearch.run",
    ) -> AlphaHistory:
        """Search to the end, or for ``minutes``; see `Resumable.proceed`. Beside the checkpoint are α's history and the
        architecture that it stands for, after each epoch and last. Raises `CourseError` also where a loss is not
        finite."""
        self.proceed(folder, minutes=minutes, save_every=save_every, progress=progress, command=command)
        return self.history()

    # -- the algorithm ------------------------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """One step; or, where an epoch has had all of them, its end."""
        if epoch_ended := self.step == (len(self.epochs) + 1) * self.steps_per_epoch:
            self._end_epoch()
        else:
            self._step()
        return epoch_ended

    def _step(self) -> None:
        """One step of α, then one of the weights, as algorithm 1 has it."""
        epoch = self.step // self.steps_per_epoch
        self.w_optimizer.param_groups[0]["lr"] = self.config.learning_rate(epoch)
        self.net.train()
        train, valid_loss = next(self.train_batches), math.nan
        if epoch >= self.config.alpha_from:
            valid_loss = self._alpha_step(train)
        loss, norm = weight_step(self.net, self.alphas, train, self.w_optimizer, self.config.w_clip)
        self._finite("training", float(loss), float(norm))
        self.step += 1
        if 0 in (self.step % self.config.record_every, self.step % self.steps_per_epoch):
            self._record(float(loss), valid_loss)

    def _alpha_step(self, train: tuple[Tensor, Tensor]) -> float:
        valid = next(self.valid_batches)
        if self.config.order == "first":
            loss, gradient = first_order(self.net, self.alphas, valid)
        else:
            scale = None if self.config.order == "exact" else 0.01
            loss, gradient = second_order(self.net, self.alphas, train, valid, self.w_optimizer, scale=scale)
        for kind, alpha in self.alphas.items():
            alpha.grad = gradient[kind]
        if self.regularizer is not None:
            self.regularizer(self.alphas, self.step / self.total_steps).backward()
        self._finite(
            "validation", float(loss), *(float(a.grad.norm()) for a in self.alphas.values() if a.grad is not None)
        )
        self.alpha_optimizer.step()
        return float(loss)

    def _finite(self, what: str, *values: float) -> None:
        if not all(map(math.isfinite, values)):
            raise self._not_finite(f"{what} loss or gradient of {', '.join(map(str, values))}")

    def _not_finite(self, what: str) -> CourseError:
        return bad_input(
            f"a {what} at step {self.step + 1}",
            "finite numbers",
            "lower w_lr or alpha_lr and start in another folder; the last checkpoint is from before",
        )

    def _end_epoch(self) -> None:
        accuracy, loss = supernet_score(self.net, mixture(self.alphas), self.data.valid)
        self._finite("supernet's", loss)
        self.epochs.append({"epoch": len(self.epochs) + 1, "step": self.step, "accuracy": accuracy, "loss": loss})
        if self.after_epoch is not None:
            self.stopped = self.after_epoch(self)
            self.epochs[-1] = plain(self.epochs[-1])

    def _record(self, train_loss: float, valid_loss: float) -> None:
        alphas = {kind: alpha.detach().cpu().float().clone() for kind, alpha in self.alphas.items()}
        self._records.append((self.step, alphas, train_loss, valid_loss))

    # -- what the runner asks -----------------------------------------------------------------------------------------

    @property
    def size(self) -> str:
        return f"batch_size={self.config.batch_size}, net={dict(self.config.net)}"

    def _identity(self) -> Mapping[str, Any]:
        return self.describe(strict=True)

    def _trained(self) -> Iterable[Tensor]:
        return self.net.state_dict().values()

    def _diverged(self) -> CourseError:
        return self._not_finite("weight or running statistic that is not finite")

    def _publish(self, folder: Path) -> None:
        self.history().save(folder / HISTORY)
        write_text(folder / GENOTYPE, compact(self.derived().to_json()) + "\n")

    def _standing(self) -> dict[str, str]:
        last = self.history()
        entropy = float(np.mean([last.entropy(kind)[-1].mean() for kind in last.kinds]))
        accuracy = self.epochs[-1]["accuracy"]
        return {"accuracy": f"{accuracy:.3f}", "entropy": f"{entropy:.3f}", "skips": str(last.skips(-1))}

    def _state(self) -> dict[str, Any]:
        steps, alphas, train, valid = zip(*self._records, strict=True)
        return {
            "net": self.net.state_dict(),
            "alphas": {kind: alpha.detach() for kind, alpha in self.alphas.items()},
            "w_optimizer": self.w_optimizer.state_dict(),
            "alpha_optimizer": self.alpha_optimizer.state_dict(),
            "train_batches": self.train_batches.state_dict(),
            "valid_batches": self.valid_batches.state_dict(),
            "records": {
                "steps": list(steps),
                "alphas": {kind: torch.stack([a[kind] for a in alphas]) for kind in self.alphas},
                "train": list(train),
                "valid": list(valid),
            },
            "epochs": self.epochs,
            "stopped": self.stopped,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.epochs, self.stopped = state["epochs"], state["stopped"]
        self.net.load_state_dict(state["net"])
        with torch.no_grad():
            for kind, alpha in self.alphas.items():
                alpha.copy_(state["alphas"][kind])
        for part in ("w_optimizer", "alpha_optimizer", "train_batches", "valid_batches"):
            getattr(self, part).load_state_dict(state[part])
        records = state["records"]
        alphas = [dict(zip(self.alphas, rows, strict=True)) for rows in zip(*records["alphas"].values(), strict=True)]
        self._records = list(zip(records["steps"], alphas, records["train"], records["valid"], strict=True))


def _generator(seed: int, purpose: int) -> torch.Generator:
    """0: the start of α; 1 and 2: order and augmentation of the two halves."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, purpose]).generate_state(1)[0]))


def _described(images: Images) -> str:
    return f"{len(images)} x {'x'.join(map(str, images.shape))} {images.digest()}"
