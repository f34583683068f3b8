"""``nascourse train``: the evaluation phase of an architecture, from the shell, in slices of minutes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..device import pick_device
from ..errors import bad_input
from ..networks.export import KIND, SCHEMA, from_json
from ..runs.long_run import DATA, add_options, check_seed
from ..runs.runner import CHECKPOINT
from ..spaces.base import Architecture
from ..spaces.published import PUBLISHED
from .retrain import PROGRAM, RECORD, Retrained, retrain
from .retrain_plan import PRESETS, retrain_data


def train(parser: argparse.ArgumentParser) -> None:
    """The architecture, the images, the preset, and how long."""
    parser.add_argument(
        "architecture", metavar="GENOTYPE", help=f"a JSON file of an architecture, or one of {', '.join(PUBLISHED)}"
    )
    add_options(parser, PRESETS, "training")
    parser.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> int:
    """Train, and say what came out and where it lies."""
    check_seed(args.seed)
    arch, plan, device = read_architecture(args.architecture), PRESETS[args.preset], pick_device(args.device)
    data = retrain_data(DATA[args.data], plan, args.download)
    shown = args.architecture if args.architecture in PUBLISHED else Path(args.architecture).name
    command = f"nascourse train {shown} --data {args.data} --preset {args.preset} --seed {args.seed}"
    print(f"{shown} on {args.data}, preset {args.preset}, {plan.epochs} epochs, device {device}")
    done = retrain(arch, data, plan, args.seed, args.out, device, args.minutes, progress=True, command=command)
    print(_summary(done, plan.epochs, len(data.test)))
    return 0


def read_architecture(given: str) -> Architecture:
    """A published genotype by name, or the architecture in a JSON file: its own JSON, or a network's design.

    Raises `CourseError` where it is neither.
    """
    if given in PUBLISHED:
        return PUBLISHED[given]
    path = Path(given)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise bad_input(
            given, f"a JSON file or one of {', '.join(PUBLISHED)}", f"check the name ({error.strerror or error})"
        ) from error
    except ValueError as error:
        raise bad_input(path.name, "a JSON file of an architecture", "write its to_json() to it") from error
    if not (isinstance(data, dict) and data.get("kind") == KIND):
        data = {"kind": KIND, "schema": SCHEMA, "architecture": data, "net": {}}
    return from_json(data)[0]


def _summary(done: Retrained, epochs: int, images: int) -> str:
    size = f"{done.counts.params:,} parameters, {done.counts.macs:,} multiply-adds"
    if done.test is None:
        return f"{len(done.rows)} of {epochs} epochs; {size}; the same command goes on from {CHECKPOINT}"
    return f"test accuracy {done.test:.4f} on {images:,} images; {size}; see {RECORD} and {PROGRAM}"
