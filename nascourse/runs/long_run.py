"""What every long run from the shell has in common: its data sets and its options."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

from ..errors import bad_input

DATA = {
    "fashion": "fashion_mnist",
    "fashion_full": "fashion_mnist_full",
    "cifar10": "cifar10",
    "cifar100": "cifar100",
}
"""What --data says -> the name of the data set in `data.load`."""


def add_options(parser: argparse.ArgumentParser, presets: Collection[str], what: str) -> None:
    """The options of a run that is resumed by the same command; ``what`` names it."""
    parser.add_argument("--data", choices=DATA, default="fashion", help="fashion (default) ships with the course")
    parser.add_argument("--preset", choices=presets, default="cpu_hour", help="how large; default: cpu_hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=f"a stopped {what} goes on from it")
    parser.add_argument("--minutes", type=float, help="stop after so long; the same command goes on")
    parser.add_argument("--device", help="cpu, mps, cuda or cuda:N; default: the best there is")
    parser.add_argument("--download", action="store_true", help="fetch the images if they are not there")


def check_seed(seed: int) -> None:
    """Raises `CourseError` for a negative one."""
    if seed < 0:
        raise bad_input(f"--seed {seed}", "a number from 0 on", "choose another seed")
