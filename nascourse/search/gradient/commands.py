"""``nascourse darts search``: a search with DARTS from the shell, in slices of minutes."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ...device import pick_device
from ...runs.long_run import DATA, add_options, check_seed
from ...runs.runner import CHECKPOINT
from ...spaces.known import SPACES
from .darts import GENOTYPE, HISTORY, DartsSearch
from .darts_config import PRESETS, Order, search_images

ORDERS: dict[str, Order] = {"1": "first", "2": "second", "exact": "exact"}


def darts(parser: argparse.ArgumentParser) -> None:
    """The space, the images, the preset, and how long."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    search = actions.add_parser("search", help="search a cell; can be stopped at any moment, the same command goes on")
    search.add_argument("--space", choices=PRESETS, default="cell", help="genotypes (default) or the benchmark's cells")
    search.add_argument("--order", choices=ORDERS, help="of α's gradient; default: the preset's")
    search.add_argument("--partial", type=int, metavar="K", help="only 1/K of the channels pass the mixture (PC-DARTS)")
    add_options(search, PRESETS["cell"], "search")
    search.set_defaults(run=_search)


def _search(args: argparse.Namespace) -> int:
    """Search, and say what came out and where it lies."""
    check_seed(args.seed)
    preset, device = PRESETS[args.space][args.preset], pick_device(args.device)
    config, command = preset.config, f"nascourse darts search --space {args.space} --data {args.data}"
    command += f" --preset {args.preset} --seed {args.seed}"
    if args.order is not None:
        config, command = replace(config, order=ORDERS[args.order]), f"{command} --order {args.order}"
    if args.partial is not None:
        config = replace(config, net={**config.net, "partial": args.partial})
        command += f" --partial {args.partial}"
    data = search_images(args.space, DATA[args.data], preset, args.download)
    search = DartsSearch(SPACES[args.space](), config, data, args.seed, device)
    print(f"{args.space} on {args.data}, preset {args.preset}, {config.order} order, {config.epochs} epochs, {device}")
    history = search.run(args.out, minutes=args.minutes, progress="darts", command=command)
    skips = f"{history.skips(-1)} skip connections"
    if not search.finished:
        print(f"{search.step} of {search.total_steps} steps; {skips}; the same command goes on from {CHECKPOINT}")
    else:
        print(f"supernet accuracy {search.epochs[-1]['accuracy']:.4f}; {skips}; see {HISTORY} and {GENOTYPE}")
    return 0
