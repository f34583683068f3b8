"""From the shards of a build to the table that ships: ``nascourse bench pack``, ``status`` and ``check``.

The file is a function of the shards alone: packed twice, it is the same byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import CHECKOUT_DATA
from ..errors import bad_input
from ..evaluation.tabular import MISSING, SCHEMA, TABLE
from ..evaluation.training import Recipe
from ..networks.build import Counts, count
from ..runs import provenance
from ..runs.atomic import write_bytes, write_text
from ..runs.plain import compact, parse
from ..spaces.functions import distinct_classes
from ..spaces.micro import MicroCell, MicroSpace
from .table_build import SEED_GROUPS, SHARD_SIZE, SHARDS, SITTINGS, Design, Shard, order, records, train_cell

SEEDS = tuple(seed for group in SEED_GROUPS for seed in group)
COMMANDS = ("nascourse bench build", "nascourse bench pack")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file's earliest date: a file that tells no time is the same every time


def read_design(folder: Path) -> Design:
    """The design a build wrote beside its shards. Raises `CourseError` where there is none, or another code's."""
    try:
        saved = parse((folder / "design.json").read_text())
        fields = saved | {"recipe": Recipe(**saved["recipe"]), "cells": tuple(saved["cells"])}
        design = Design(**fields)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise bad_input(f"{folder.name}/design.json", "the design of a build", "name a folder of shards") from error
    return design


def _whole_lines(path: Path) -> list[str]:
    """Without a last line that is being written, or was cut short."""
    return path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []


@dataclass(frozen=True, slots=True)
class Stored:
    """One record of the shards: its row, seeds, counts, and its seconds (NaN where they were lost)."""

    row: int
    seeds: tuple[int, ...]
    record: dict[str, Any]
    seconds: float


def stored(folder: Path, design: Design) -> Iterator[Stored]:
    """All records of a folder, while a build may be at work there; nothing is written."""
    for seeds in SEED_GROUPS:
        for number in range(-(-len(order()) // SHARD_SIZE)):
            shard = Shard(folder, seeds, number)
            fields = (line.split("\t") for line in _whole_lines(shard.path.with_suffix(".seconds")))
            seconds = {cell: float(took) for cell, took in fields}
            for n, record in enumerate(records(shard, design, _whole_lines(shard.path))):
                yield Stored(number * SHARD_SIZE + n, seeds, record, seconds.get(record["cell"], float("nan")))


def collect(folder: Path, design: Design) -> dict[str, NDArray[Any]]:
    """The arrays of `tabular` that come from trainings."""
    rows, epochs = len(order()), design.recipe.epochs
    valid = np.full((rows, len(SEEDS), epochs), MISSING, np.int16)
    test = np.full((rows, len(SEEDS)), MISSING, np.int16)
    diverged = np.zeros((rows, len(SEEDS)), np.int8)
    seconds = np.full((rows, len(SEEDS)), np.nan, np.float32)
    for item in stored(folder, design):
        for g, seed in enumerate(item.seeds):
            at = item.row, SEEDS.index(seed)
            valid[at], test[at] = item.record["valid"][g], item.record["test"][g]
            diverged[at] = item.record["diverged"][g] or 0
            seconds[at] = item.seconds / len(item.seeds)  # those side by side share
    return {"valid": valid, "test": test, "diverged": diverged, "seconds": seconds}


def costs(design: Design) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(15625,) each: parameters and multiply-adds of every cell as written, without dead parts."""
    image = (1, 28 // design.shrink, 28 // design.shrink)

    @cache
    def of(convolutions: tuple[str, ...], cell: MicroCell) -> Counts:
        return count(cell, image, **design.net())

    # what a cell costs is decided by its live convolutions: the first cell that has them is counted for all
    first: dict[tuple[str, ...], MicroCell] = {}
    counts = []
    for cell in MicroSpace().all_cells():
        convolutions = tuple(sorted(op for _, _, op in cell.live_edges() if "conv" in op))
        counts.append(of(convolutions, first.setdefault(convolutions, cell)))
    return np.array([c.params for c in counts], np.int32), np.array([c.macs for c in counts], np.int32)


def row_of_each_cell() -> NDArray[np.int16]:
    """(15625,): the row of the function that each cell computes, cells in the order of `MicroSpace.all_cells`."""
    rows = {cell: row for row, cell in enumerate(order())}
    row = {cell: rows[members[0]] for members in distinct_classes().values() for cell in members}
    return np.array([row[cell] for cell in MicroSpace().all_cells()], np.int16)


def table_bytes(folder: Path) -> bytes:
    """The packed table of a folder of shards, finished or not."""
    design = read_design(folder)
    arrays = collect(folder, design)
    params, macs = costs(design)
    meta = {
        "schema": SCHEMA,
        "commands": COMMANDS,
        "design": design.describe(),
        "rows": len(order()),
        "seeds": SEEDS,
        "trainings": int((arrays["test"] != MISSING).sum()),
        "sittings": sittings(folder),
    }
    arrays |= {
        "cells": np.array([MicroSpace().encode(cell) for cell in order()], np.uint8),
        "row": row_of_each_cell(),
        "params": params,
        "macs": macs,
        "meta": np.array(compact(meta)),
    }
    return npz_bytes(arrays)


def npz_bytes(arrays: dict[str, NDArray[Any]]) -> bytes:
    """As `numpy.savez_compressed`, but equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def sittings(folder: Path) -> list[dict[str, Any]]:
    """Where the records come from, each machine and version once: what `table_build.build` noted, without dates."""
    found = []
    for line in _whole_lines(folder / SITTINGS):
        sitting = {key: value for key, value in parse(line).items() if key != "date"}
        if sitting not in found:
            found.append(sitting)
    return found


def pack(folder: Path = SHARDS, out: Path = CHECKOUT_DATA / TABLE) -> str:
    """Write the table and return its SHA-256. In the course's own data folder, its checksum is entered as well.

    Raises `CourseError` where there is no record; and, for the course's own table, where seed 0 is not complete.
    """
    raw = table_bytes(folder)
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        have = (file["test"] != MISSING).sum(axis=0)
    ours = out.resolve() == (CHECKOUT_DATA / TABLE).resolve()
    if not have.any() or (ours and have[0] < len(order())):
        raise bad_input(
            f"{have[0]:,} of {len(order()):,} cells with seed 0",
            "all of them" if ours else "at least one",
            "go on with: nascourse bench build --seeds 0",
        )
    write_bytes(out, raw)
    digest = hashlib.sha256(raw).hexdigest()
    if ours:
        enter(CHECKOUT_DATA, out.name, digest)
    return digest


def enter(data: Path, name: str, digest: str) -> None:
    """Put a file's checksum into ``SHA256SUMS`` and into the table of ``README.md``, in place of an older one."""
    sums = data / "SHA256SUMS"
    others = [line for line in sums.read_text().splitlines() if line.split()[1:] != [name]]
    readme = data / "README.md"
    text = re.sub(rf"^\| `{re.escape(name)}` \| `[0-9a-f]{{64}}` \|\n", "", readme.read_text(), flags=re.MULTILINE)
    rows = [*re.finditer(r"^\| `[^`/]+` \| `[0-9a-f]{64}` \|\n", text, re.MULTILINE)]
    if not rows:
        raise bad_input("data/README.md", "a table of checksums", "restore it: git checkout -- data/README.md")
    end = rows[-1].end()
    write_text(readme, f"{text[:end]}| `{name}` | `{digest}` |\n{text[end:]}")
    write_text(sums, "\n".join([*others, f"{digest}  {name}"]) + "\n")


# -- how far a build is -----------------------------------------------------------------------------------------------


def status(folder: Path = SHARDS, workers: int = 1) -> list[str]:
    """Lines: what is in of each seed, and how long the rest takes ``workers`` processes at the recorded seconds."""
    design, rows = read_design(folder), len(order())
    taken: dict[tuple[int, ...], list[float]] = {seeds: [] for seeds in SEED_GROUPS}
    for item in stored(folder, design):
        taken[item.seeds].append(item.seconds)
    total = sum(len(seeds) * len(taken[seeds]) for seeds in SEED_GROUPS)
    lines = [f"{total:,} of {rows * len(SEEDS):,} trainings ({total / rows / len(SEEDS):.1%})"]
    left, known = 0.0, True
    for seeds, seconds in taken.items():
        missing = rows - len(seconds)
        name = f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"
        finite = [s for s in seconds if s == s]
        if finite:
            each = sum(finite) / len(finite)
            left += missing * each
            lines.append(f"{name}: {len(seconds):,} of {rows:,} cells, {each:.1f} s each, {missing:,} to go")
        else:
            known = known and not missing
            lines.append(f"{name}: none of {rows:,} cells, so their seconds are not known")
    if left or known:
        what = "left" if known else "left for what has seconds"
        lines.append(f"{what}: {left / 3600 / workers:.1f} hours with {workers} worker{'s' * (workers > 1)}")
    return lines


# -- does it come out again? ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """A record and what training its cell again gave; ``same_cpu``: whether the build noted a processor like this."""

    stored: Stored
    again: dict[str, Any]
    same_cpu: bool

    @property
    def equal(self) -> bool:
        return self.again == self.stored.record


def check(folder: Path = SHARDS, cells: int = 1) -> Iterator[Check]:
    """Train the ``cells`` quickest records again. Equal counts are promised on equal hardware and versions only."""
    design = read_design(folder)
    found = sorted((item for item in stored(folder, design) if item.seconds == item.seconds), key=lambda i: i.seconds)
    if not found:
        raise bad_input(folder.name, "a folder with records", "build some first: nascourse bench build")
    cpus = [sitting["hardware"]["cpu"] for sitting in sittings(folder)]
    here = provenance.hardware(1)["cpu"]
    for item in found[:cells]:
        cell = MicroCell.from_string(item.record["cell"])
        yield Check(item, train_cell(cell, item.seeds, design)[0], here in cpus)


# -- the command ------------------------------------------------------------------------------------------------------


def add_actions(actions: Any) -> None:
    """The further actions of ``nascourse bench``."""
    packed = actions.add_parser("pack", help="make the table that ships from the shards")
    packed.add_argument("--out", type=Path, default=CHECKOUT_DATA / TABLE)
    packed.set_defaults(act=_pack)
    status = actions.add_parser("status", help="what is in, and how long the rest takes")
    status.add_argument("--workers", type=int, default=1)
    status.set_defaults(act=_status)
    checked = actions.add_parser("check", help="train the quickest records again and compare")
    checked.add_argument("--cells", type=int, default=1, help="how many")
    checked.set_defaults(act=_check)
    for parser in (packed, status, checked):
        parser.add_argument("--folder", type=Path, default=SHARDS, help="of the shards")


def _pack(args: argparse.Namespace) -> int:
    digest = pack(args.folder, args.out)
    print(f"{digest}  {args.out.name}")
    return 0


def _status(args: argparse.Namespace) -> int:
    print("\n".join(status(args.folder, max(args.workers, 1))))
    return 0


def _check(args: argparse.Namespace) -> int:
    import torch

    torch.set_num_threads(1)  # as the build's workers
    wrong = 0
    for done in check(args.folder, args.cells):
        wrong += not done.equal and done.same_cpu
        where = "" if done.same_cpu else " (on another processor than the build's, which may differ)"
        seeds = ", ".join(map(str, done.stored.seeds))
        print(f"{done.stored.record['cell']}, seeds {seeds}: {'as recorded' if done.equal else 'differs'}{where}")
        if not done.equal:
            for key in ("valid", "test", "diverged"):
                print(f"  {key}: recorded {done.stored.record[key]}, now {done.again[key]}")
    return int(wrong > 0)
