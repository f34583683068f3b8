"""The evaluation phase: a derived architecture trained from scratch, as DARTS trains it, for a final comparison.

(Liu, Simonyan & Yang 2019, section 3.2 and the authors' code.) SGD with momentum, the learning rate falling by a
cosine, clipped gradients, an auxiliary head, paths dropped more and more often, crops, flips and cutout. It takes
hours, so it can be stopped at any moment and goes on from its checkpoint; on the CPU, an interrupted training equals
an uninterrupted one bit for bit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import CourseError, bad_input
from ..networks.build import Counts, build_seeded, count
from ..networks.export import save_design, save_program
from ..runs.atomic import write_text
from ..runs.plain import plain
from ..runs.runner import Resumable
from ..spaces.base import Architecture
from .retrain_plan import RetrainData, Retraining
from .training import accuracy

RECORD, PROGRAM, DESIGN = "training.json", "network.pt2", "design.json"
"""The files beside a training's checkpoint: its numbers, the trained network, the network's design."""


@dataclass(frozen=True)
class Retrained:
    """What a training has come to.

    rows, one an epoch: epoch (from 1), lr, drop_path, loss (mean over the images, the auxiliary head's share
    included), gradient_norm (mean, before clipping), train (accuracy on the augmented images while they were trained
    on), valid (or None), seconds. test: accuracy on the test images after the last epoch, None before. counts: those
    of the network as it is used, without the auxiliary head.
    """

    network: nn.Module
    rows: tuple[Mapping[str, Any], ...]
    test: float | None
    counts: Counts

    @property
    def finished(self) -> bool:
        return self.test is not None

    @property
    def seconds(self) -> float:
        """Seconds of the epochs that are complete."""
        return float(sum(row["seconds"] for row in self.rows))


def objective(output: Tensor | tuple[Tensor, Tensor], labels: Tensor, auxiliary: float) -> Tensor:
    """The training loss: the cross entropy of the logits; of a pair (logits, auxiliary logits), the first one's plus
    ``auxiliary`` times the second's."""
    if isinstance(output, Tensor):
        return nn.functional.cross_entropy(output, labels)
    logits, second = output
    return nn.functional.cross_entropy(logits, labels) + auxiliary * nn.functional.cross_entropy(second, labels)


def retrain(
    arch: Architecture,
    data: RetrainData,
    plan: Retraining,
    seed: int,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    minutes: float | None = None,
    progress: bool = False,
    command: str = "nascourse.evaluation.retrain",
    save_every: float = 120.0,
) -> Retrained:
    """Train ``arch`` from scratch, or go on from the checkpoint in ``folder``; nothing is stored without a folder.

    minutes: stop after so long, with a checkpoint; progress: show a bar with the time left; command: goes into the
    record as what was run; save_every: seconds between checkpoints inside an epoch (there is one at each epoch's end).
    On a GPU, mixed precision is used. The global generators are left as they were.

    Raises `CourseError` in one line where the loss is not finite any more, the memory does not suffice, the disk does
    not take a file, or the checkpoint is damaged or of another training. The last good checkpoint stays.
    """
    run = _Run(arch, data, plan, seed, device)
    with _private_rng(run.device, run.drop_seed):
        bar = "training" if progress else None
        run.proceed(folder, minutes=minutes, save_every=save_every, progress=bar, command=command)
    return Retrained(run.network, tuple(run.rows), run.tested, run.counts)


class _Run(Resumable):
    """A training under way. ``epoch`` (from 0) and ``place`` (batches done in it) say where it stands."""

    noun = "training"
    advice = "free memory and go on from the checkpoint, or use a smaller preset in another folder"

    def __init__(
        self, arch: Architecture, data: RetrainData, plan: Retraining, seed: int, device: torch.device | str
    ) -> None:
        super().__init__(device)
        image, classes = data.train.shape, len(data.train.classes)
        self.arch, self.plan, self.data, self.net = arch, plan, data, plan.net(arch, image, classes)
        self.config = {
            "architecture": arch.to_json(),
            "settings": asdict(plan),
            "seed": seed,
            "images": data.describe(),
        }
        with self._memory_explained():
            self.counts = count(arch, image, **{key: value for key, value in self.net.items() if key != "auxiliary"})
            self.train = data.train.to(self.device)
            self.valid = None if data.valid is None else data.valid.to(self.device)
            network = build_seeded(arch, seed, **self.net)
            self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), plan.lr, plan.momentum, weight_decay=plan.weight_decay, fused=True
        )
        # two streams: one for the order and the augmentation of the images, one for the dropped paths
        draw_seed, self.drop_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
        self.draws = torch.Generator().manual_seed(draw_seed)
        whole, rest = divmod(len(data.train), plan.batch_size)
        self.steps = whole + (rest > 1)  # batch normalization cannot train on a single image
        if not self.steps:
            raise bad_input(f"{len(data.train)} training images", "at least two", "use more images")
        self.epoch = self.place = 0
        self.order = torch.empty(0, dtype=torch.long)
        self.sums = torch.zeros(3, device=self.device)  # over an epoch's images: loss, gradient's norm, right ones
        self.seconds = 0.0
        self.rows: list[dict[str, Any]] = []
        self.tested: float | None = None

    @property
    def total_steps(self) -> int:
        return self.plan.epochs * self.steps

    @property
    def complete(self) -> bool:
        return self.epoch == self.plan.epochs

    @property
    def finished(self) -> bool:
        return self.tested is not None

    # -- the algorithm ------------------------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """A step, and the end of the epoch where it was the last one."""
        self._step()
        if epoch_ended := self.place == self.steps:
            self._end_epoch()
        return epoch_ended

    def _step(self) -> None:
        """One batch; at an epoch's start, first its learning rate, its drop path and the order of its images."""
        start = time.perf_counter()
        if self.place == 0:
            self.order = torch.randperm(len(self.train), generator=self.draws)
            self.sums.zero_()
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.lr_at(self.epoch)
        if hasattr(self.network, "drop_path"):
            self.network.drop_path = self.plan.drop_path_at(self.epoch)
        self.network.train()
        size = self.plan.batch_size
        index = self.order[self.place * size : (self.place + 1) * size].to(self.device)
        batch = self.train[index]
        pixels = self.plan.augmented(batch, self.draws).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            output = self.network(pixels)
            loss = objective(output, batch.labels, self.plan.auxiliary)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.optimizer.step()
        logits = output if isinstance(output, Tensor) else output[0]
        n = len(index)
        self.sums += torch.stack([n * loss.detach(), n * norm, (logits.argmax(1) == batch.labels).sum()])
        self.step, self.place = self.step + 1, self.place + 1
        self.seconds += time.perf_counter() - start

    def _end_epoch(self) -> None:
        """Measure, add a row, go to the next epoch."""
        start = time.perf_counter()
        loss, norm, right = (self.sums / min(len(self.train), self.steps * self.plan.batch_size)).tolist()
        valid = None if self.valid is None else accuracy(self.network, self.valid)
        self.rows.append(
            {
                "epoch": self.epoch + 1,
                "lr": self.plan.lr_at(self.epoch),
                "drop_path": getattr(self.network, "drop_path", 0.0),
                "loss": loss,
                "gradient_norm": norm,
                "train": right,
                "valid": valid,
                "seconds": round(self.seconds + time.perf_counter() - start, 3),
            }
        )
        self.epoch, self.place, self.seconds = self.epoch + 1, 0, 0.0

    def _finish(self, folder: Path | None) -> None:
        """Test, once; then the trained network as files."""
        self.tested = accuracy(self.network, self.data.test.to(self.device))
        if folder is not None:
            save_design(folder / DESIGN, self.arch, **self.net)
            on_cpu = deepcopy(self.network).to("cpu", memory_format=torch.contiguous_format)  # it remembers both
            save_program(folder / PROGRAM, on_cpu, self.data.train.shape)

    # -- what the runner asks -----------------------------------------------------------------------------------------

    @property
    def size(self) -> str:
        return f"{self.plan.channels} channels, {self.plan.cells} cells, batches of {self.plan.batch_size}"

    def _identity(self) -> dict[str, Any]:
        return self.config

    def _trained(self) -> Iterable[Tensor]:
        return (self.sums, *self.network.state_dict().values())

    def _diverged(self) -> CourseError:
        return bad_input(
            f"a loss, gradient or weight that is not finite by batch {self.step}",
            "a training that does not diverge",
            "lower lr; the last checkpoint is from before it",
        )

    def _standing(self) -> dict[str, str]:
        return {
            name: f"{value:.3f}" for name in ("loss", "train", "valid") if (value := self.rows[-1][name]) is not None
        }

    def _publish(self, folder: Path) -> None:
        """The record."""
        labels = torch.bincount(self.data.train.labels, minlength=len(self.data.train.classes))
        record = {
            "kind": "training",
            "schema": 1,
            **self.config,
            "labels": labels.tolist(),
            "params": self.counts.params,
            "macs": self.counts.macs,
            "finished": self.finished,
            "test": self.tested,
            "rows": self.rows,
            "sittings": self.invocations,
        }
        write_text(folder / RECORD, json.dumps(plain(record), indent=1, allow_nan=False) + "\n")

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "draws": self.draws.get_state(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "order": self.order,
            "sums": self.sums,
            "epoch": self.epoch,
            "place": self.place,
            "seconds": self.seconds,
            "rows": self.rows,
            "test": self.tested,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.draws.set_state(state["draws"])
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)
        self.order, self.sums = state["order"], state["sums"].to(self.device)
        self.epoch, self.place, self.seconds = state["epoch"], state["place"], state["seconds"]
        self.rows, self.tested = state["rows"], state["test"]


@contextmanager
def _private_rng(device: torch.device, seed: int) -> Iterator[None]:
    """The global generators of the CPU and of ``device``, which draw the dropped paths, seeded for a while and then as
    they were (MPS' stays seeded)."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield
