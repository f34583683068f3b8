"""``nascourse evidence``: list, record, check again and judge the experiments behind the lessons' claims."""

from __future__ import annotations

import argparse

from .. import evidence
from ..errors import CourseError, bad_input


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="all experiments, and how much of each is recorded")
    record = actions.add_parser("run", help="record what is missing; can be stopped at any moment")
    record.add_argument("name")
    record.add_argument("--arms", nargs="+", metavar="ARM", help="only these arms")
    record.add_argument("--seeds", metavar="N or A:B", help="only the first N seeds, or seeds A to B - 1")
    record.add_argument("--slice", action="store_true", help="only what the tests run again")
    record.add_argument("--workers", type=int, default=0, help="processes; 0 (default) runs in this one")
    check = actions.add_parser("check", help="run a slice again and compare it with the record")
    check.add_argument("names", nargs="*", metavar="NAME", help="default: all that are recorded")
    show = actions.add_parser("show", help="the verdict that the recorded rows give")
    show.add_argument("names", nargs="*", metavar="NAME", help="default: all that are recorded")


def run(args: argparse.Namespace) -> int:
    """Do it; the exit status is 1 where a check finds a difference."""
    if args.action == "run":
        return _record(args)
    if args.action == "list":
        for name in evidence.names():
            found = evidence.find(name)
            planned = len(found.arms) * found.seeds
            print(f"{name}: {_recorded(name)} of {planned} rows. {found.hypothesis}")
        return 0
    names = args.names or [name for name in evidence.names() if _recorded(name)]
    if args.action == "show":
        for name in names:
            print(f"{name}: {evidence.verdict(name)}")
        return 0
    failed = False
    for name in names:
        for arm, seed in evidence.find(name).slice:
            lines = evidence.differences(name, arm, seed)
            failed = failed or bool(lines)
            print(f"{name}: {arm}, seed {seed}: {'differs' if lines else 'as recorded'}")
            for line in lines[:5]:
                print(f"  {line}")
    return int(failed)


def _record(args: argparse.Namespace) -> int:
    found = evidence.find(args.name)
    if args.slice:
        for arm, seed in found.slice:
            evidence.record(args.name, [arm], [seed], args.workers)
    else:
        evidence.record(args.name, args.arms, _seeds(args.seeds), args.workers, progress=True)
    print(evidence.verdict(args.name))
    return 0


def _recorded(name: str) -> int:
    try:
        return len(evidence.load(name).rows)
    except CourseError:
        return 0


def _seeds(text: str | None) -> list[int] | None:
    """N: the first N; A:B: those from A up to B, without B."""
    if text is None:
        return None
    try:
        first, last = text.split(":") if ":" in text else ("0", text)
        return list(range(int(first), int(last)))
    except ValueError as error:
        raise bad_input(f"--seeds {text}", "N or A:B", "write 10 for the first ten seeds") from error
