"""``nascourse evidence``: list, record, check again and judge the experiments behind the lessons' claims."""

from __future__ import annotations

import argparse

from ..errors import CourseError, bad_input
from . import ledger


def evidence(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all experiments, and how much of each is recorded")
    listing.set_defaults(run=_list)
    record = actions.add_parser("run", help="record what is missing; can be stopped at any moment")
    record.add_argument("name")
    record.add_argument("--arms", nargs="+", metavar="ARM", help="only these arms")
    record.add_argument("--seeds", metavar="N or A:B", help="only the first N seeds, or seeds A to B - 1")
    record.add_argument("--slice", action="store_true", help="only what the tests run again")
    record.add_argument("--workers", type=int, default=0, help="processes; 0 (default) runs in this one")
    record.set_defaults(run=_record)
    check = actions.add_parser("check", help="run a slice again and compare it with the record")
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="the verdict that the recorded rows give")
    show.set_defaults(run=_show)
    for action in (check, show):
        action.add_argument("names", nargs="*", metavar="NAME", help="default: all that are recorded")


def _list(args: argparse.Namespace) -> int:
    for name in ledger.names():
        found = ledger.find(name)
        print(f"{name}: {_recorded(name)} of {len(found.arms) * found.seeds} rows. {found.hypothesis}")
    return 0


def _record(args: argparse.Namespace) -> int:
    if args.slice:
        for arm, seed in ledger.find(args.name).slice:
            ledger.record(args.name, [arm], [seed], args.workers)
    else:
        ledger.record(args.name, args.arms, _seeds(args.seeds), args.workers, progress=True)
    print(ledger.verdict(args.name))
    return 0


def _check(args: argparse.Namespace) -> int:
    """1 where a difference is found."""
    failed = False
    for name in _names(args):
        for arm, seed in ledger.find(name).slice:
            lines = ledger.differences(name, arm, seed)
            failed = failed or bool(lines)
            print(f"{name}: {arm}, seed {seed}: {'differs' if lines else 'as recorded'}")
            for line in lines[:5]:
                print(f"  {line}")
    return int(failed)


def _show(args: argparse.Namespace) -> int:
    for name in _names(args):
        print(f"{name}: {ledger.verdict(name)}")
    return 0


def _names(args: argparse.Namespace) -> list[str]:
    return args.names or [name for name in ledger.names() if _recorded(name)]


def _recorded(name: str) -> int:
    try:
        return len(ledger.load(name).rows)
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
