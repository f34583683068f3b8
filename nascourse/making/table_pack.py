"""From the records of a build to the file that ships, how far a build is, and whether a record comes out again.

The packed file is a function of the records and of the log of runs alone: packed twice, it is the same byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import CHECKOUT_DATA
from ..errors import bad_input
from ..evaluation.table_file import MISSING, SCHEMA
from ..networks.build import Counts, count
from ..runs.atomic import write_bytes, write_text
from ..runs.plain import compact, parse
from ..runs.provenance import hardware
from ..spaces.functions import canonical
from ..spaces.micro import MicroSpace
from .table_build import INVOCATIONS, Build, Design, order, train_cell, whole_lines

_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file's earliest date: a file that tells no time is the same every time


@cache
def costs(design: Design) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(15625,) each: parameters and multiply-adds of every cell as written, without dead parts."""
    image = (1, 28 // design.shrink, 28 // design.shrink)
    known: dict[tuple[str, ...], Counts] = {}  # what a cell costs is decided by its live convolutions
    counts = []
    for cell in MicroSpace().all_cells():
        convolutions = tuple(sorted(op for _, _, op in cell.live_edges() if "conv" in op))
        if convolutions not in known:
            known[convolutions] = count(cell, image, **design.net())
        counts.append(known[convolutions])
    return np.array([c.params for c in counts], np.int32), np.array([c.macs for c in counts], np.int32)


@cache
def row_of_each_cell() -> NDArray[np.int16]:
    """(15625,): the row of the function that each cell computes, cells in the order of `MicroSpace.all_cells`."""
    rows = {cell: row for row, cell in enumerate(order())}
    return np.array([rows[canonical(cell)] for cell in MicroSpace().all_cells()], np.int16)


def collect(build: Build) -> dict[str, NDArray[Any]]:
    """The arrays of `TRAININGS`."""
    seeds, epochs = _seeds(build), build.design.recipe.epochs
    valid = np.full((len(build.rows), len(seeds), epochs), MISSING, np.int16)
    test = np.full((len(build.rows), len(seeds)), MISSING, np.int16)
    diverged = np.zeros(test.shape, np.int8)
    seconds = np.full(test.shape, np.nan, np.float32)
    place = {row: n for n, row in enumerate(build.rows)}
    for (row, group), record in build.records().items():
        for g, seed in enumerate(group):
            at = place[row], seeds.index(seed)
            valid[at], test[at], diverged[at] = record["valid"][g], record["test"][g], record["diverged"][g] or 0
            seconds[at] = record["seconds"] / len(group)  # those side by side share
    return {"valid": valid, "test": test, "diverged": diverged, "seconds": seconds}


def _seeds(build: Build) -> list[int]:
    return [seed for group in build.groups for seed in group]


def packed_bytes(build: Build) -> bytes:
    """The packed file of a build, finished or not: the table, or the judges of one."""
    arrays = collect(build)
    meta = {
        "schema": SCHEMA,
        "commands": [build.command, f"nascourse bench pack{' --judges' if build.table else ''}"],
        "design": build.design.describe(),
        "rows": len(build.rows),
        "seeds": _seeds(build),
        "trainings": int((arrays["test"] != MISSING).sum()),
        "sittings": invocations(build.folder),
    }
    if build.table:
        meta["table"] = build.table
        arrays["row"] = np.array(build.rows, np.int16)
    else:
        arrays["cells"] = np.array([MicroSpace().encode(cell) for cell in order()], np.uint8)
        arrays["row"] = row_of_each_cell()
        arrays["params"], arrays["macs"] = costs(build.design)
    return npz_bytes(arrays | {"meta": np.array(compact(meta))})


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


def invocations(folder: Path) -> list[dict[str, Any]]:
    """Where the records come from, each machine and version once: what a build noted, without dates."""
    lines = [parse(line) for line in whole_lines(folder / INVOCATIONS)]
    found = [{key: value for key, value in line.items() if key != "date"} for line in lines]
    return [invocation for n, invocation in enumerate(found) if invocation not in found[:n]]


def pack(build: Build) -> str:
    """Write the packed file and return its SHA-256. In the course's data folder its checksum is entered as well.

    Raises `CourseError` where there is no record; for the course's own table, where seed 0 is not complete; and for
    judges, where any seed is not.
    """
    ours, needed = build.packed.resolve().parent == CHECKOUT_DATA.resolve(), build.groups[: None if build.table else 1]
    wanted, short = len(needed) * len(build.rows), sum(seeds in needed for _, seeds in build.missing())
    if short > (0 if ours or build.table else wanted - 1):
        raise bad_input(
            f"{wanted - short:,} of {wanted:,} cells with seeds {', '.join(map(str, sum(needed, ())))}",
            "all of them" if ours or build.table else "at least one",
            f"go on with: {build.command}",
        )
    raw = packed_bytes(build)
    write_bytes(build.packed, raw)
    digest = hashlib.sha256(raw).hexdigest()
    if ours:
        enter(CHECKOUT_DATA, build.packed.name, digest)
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


def status(build: Build, workers: int = 1) -> list[str]:
    """Lines: what is in of each group of seeds, and how long the rest takes so many processes."""
    records, lines = build.records(), []
    for group in build.groups:
        seconds = np.array([record["seconds"] for (_, seeds), record in records.items() if seeds == group])
        line = f"seeds {', '.join(map(str, group))}: {len(seconds):,} of {len(build.rows):,} cells"
        if np.isfinite(seconds).any():
            each = np.nanmean(seconds)
            rest = (len(build.rows) - len(seconds)) * each / 3600 / workers
            line += f", {each:.1f} s each; the rest: {rest:.1f} hours"
        lines.append(line)
    return [*lines, f"with {workers} worker{'s' * (workers > 1)}"]


def check(build: Build, cells: int = 1) -> tuple[list[str], bool]:
    """Train the ``cells`` quickest records again: lines, and whether one is wrong. Equal counts are promised on equal
    hardware and versions only, so on a processor that the build did not note nothing is."""
    timed = [record for record in build.records().values() if record["seconds"] == record["seconds"]]
    if not timed:
        raise bad_input(build.folder.name, "a build with records", f"build some first: {build.command}")
    same_cpu = hardware(1)["cpu"] in [one["hardware"]["cpu"] for one in invocations(build.folder)]
    where, lines, wrong = "" if same_cpu else " (on another processor than the build's, which may differ)", [], False
    for record in sorted(timed, key=lambda record: record["seconds"])[:cells]:
        again = train_cell(record["row"], record["seeds"], build.design)
        different = [key for key in ("valid", "test", "diverged") if again[key] != record[key]]
        wrong |= bool(different) and same_cpu
        told = "differs" if different else "as recorded"
        lines.append(f"{record['cell']}, seeds {', '.join(map(str, record['seeds']))}: {told}{where}")
        lines += [f"  {key}: recorded {record[key]}, now {again[key]}" for key in different]
    return lines, wrong
