"""``nascourse bench`` and ``nascourse notebooks``: making what the lessons read and what is read of them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

BENCH = {
    "build": "train every distinct cell; stop and continue at any moment",
    "judges": "train the best cells with seeds that only judge; stop and continue as well",
    "pack": "make the file that ships from the records",
    "status": "what is in, and how long the rest takes",
    "check": "train the quickest records again and compare",
    "show": "what the packed table holds: spread, noise, and how far orders agree",
}


def bench(parser: argparse.ArgumentParser) -> None:
    """The actions on the tabular benchmark, with the options of each."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = {name: actions.add_parser(name, help=summary) for name, summary in BENCH.items()}
    half = max((os.cpu_count() or 2) // 2, 1)
    for name in ("build", "judges", "status"):
        one[name].add_argument("--workers", type=int, default=half, help="processes, one thread each")
    for name in ("build", "judges", "pack", "status", "check"):
        one[name].add_argument("--folder", type=Path, help="where the records are; the packed file lies beside it")
    for name in ("pack", "status", "check"):
        one[name].add_argument("--judges", action="store_true", help="of the judges, not of the table")
    one["build"].add_argument("--rows", type=int, help="only the first rows of the table, which are a fair sample")
    one["check"].add_argument("--cells", type=int, default=1, help="how many")
    one["show"].add_argument("--table", type=Path, help="another file than the one that ships")
    parser.set_defaults(run=_bench)


def _bench(args: argparse.Namespace) -> int:
    """Does what the action says; 1 where a record does not come out again."""
    from ..evaluation.tabular import TabularBenchmark
    from . import table_build, table_pack
    from .table_show import show

    if args.action == "show":
        print("\n".join(show(TabularBenchmark.load(args.table))))
        return 0
    if args.action == "judges" or getattr(args, "judges", False):
        build = table_build.judges_build(args.folder or table_build.JUDGES_FOLDER)
    else:
        design = table_build.Design() if args.action == "build" else None
        build = table_build.table_build(args.folder or table_build.TABLE_FOLDER, design)
    if args.action in ("build", "judges"):
        trained = build.run(args.workers, getattr(args, "rows", None))
        print(f"{trained} record{'s' * (trained != 1)} trained")
    elif args.action == "pack":
        print(f"{table_pack.pack(build)}  {build.packed.name}")
    elif args.action == "status":
        print("\n".join(table_pack.status(build, max(args.workers, 1))))
    else:
        lines, wrong = table_pack.check(build, args.cells)
        print("\n".join(lines))
        return int(wrong)
    return 0


def notebooks(parser: argparse.ArgumentParser) -> None:
    """Building the lessons, and checking them."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="execute sources and save their notebooks")
    build.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons, such as 01; all if none")
    build.add_argument("--check", action="store_true", help="execute nothing; say what is stale or not in form")
    build.set_defaults(run=_notebooks)


def _notebooks(args: argparse.Namespace) -> int:
    """Builds or checks; 1 where something is left to be put right."""
    from .builder import build
    from .lint import lint
    from .sources import NOTEBOOKS, find_sources, notebook_paths

    numbers = tuple(args.lessons)
    for source in () if args.check else find_sources(numbers):
        build(source)
    messages = [(path, message) for path in notebook_paths(numbers) for message in lint(path)]
    for path, message in messages:
        print(f"{path.relative_to(NOTEBOOKS)}: {message}", file=sys.stderr)
    return 1 if messages else 0
