"""The command line: ``nascourse COMMAND ...``. A command is a line in COMMANDS and a function in a room's commands."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from nascourse import __version__
from nascourse.errors import CourseError

# command -> (module, one line of help). The module has a function of the command's name: it gets the command's parser,
# adds the options, and sets `run`, a function of the parsed arguments that returns the exit status. Modules are
# imported only when their command is called, so that `nascourse doctor` works where half of the dependencies are
# missing.
COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("nascourse.making.commands", "compute the tabular benchmark, resumable"),
    "darts": ("nascourse.search.gradient.commands", "search a cell with DARTS, resumable"),
    "doctor": ("nascourse.doctor", "show what is there and what is missing, to paste into a question"),
    "evidence": ("nascourse.evidence.commands", "record, check and judge the experiments behind the lessons' claims"),
    "notebooks": ("nascourse.making.commands", "build the lessons from their sources, or check that they are fresh"),
    "train": ("nascourse.evaluation.commands", "train an architecture from scratch as DARTS does, resumable"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 fine, 1 a problem told in one line, 2 wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="nascourse", description="A course on neural architecture search.")
    parser.add_argument("--version", action="version", version=f"nascourse {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in arguments[:1]:
            getattr(importlib.import_module(module), name)(command)
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except CourseError as error:
        print(f"nascourse {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"nascourse {args.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
