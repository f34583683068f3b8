"""Cells that others found, in DARTS' form: (operation, input) in pairs, node by node.

DARTS_V1 and DARTS_V2: found by first- and second-order DARTS (Liu et al. 2019, figures 4 and 5). NASNET_A (Zoph et
al. 2018, figure 4) and AMOEBANET_A (Real et al. 2019, figure 5) as the DARTS authors write them: compared pair by pair
with their file of genotypes, not with the two papers' own code. Their original networks were built otherwise (3.3 and
3.2 million parameters in DARTS' table 1); stacked as here, with 36 channels and 20 cells, they have 3.8 and 3.1.
"""

from __future__ import annotations

from .cell import Genotype, Pair

_FOUR = (2, 3, 4, 5)


def _pairs(text: str) -> tuple[Pair, ...]:
    """ "sep_conv_3x3 1, skip_connect 0" as pairs."""
    return tuple((op, int(source)) for op, source in (pair.split() for pair in text.split(",")))


DARTS_V1 = Genotype.from_pairs(
    _pairs(
        "sep_conv_3x3 1, sep_conv_3x3 0, skip_connect 0, sep_conv_3x3 1, "
        "skip_connect 0, sep_conv_3x3 1, sep_conv_3x3 0, skip_connect 2"
    ),
    _FOUR,
    _pairs(
        "max_pool_3x3 0, max_pool_3x3 1, skip_connect 2, max_pool_3x3 0, "
        "max_pool_3x3 0, skip_connect 2, skip_connect 2, avg_pool_3x3 0"
    ),
    _FOUR,
)

DARTS_V2 = Genotype.from_pairs(
    _pairs(
        "sep_conv_3x3 0, sep_conv_3x3 1, sep_conv_3x3 0, sep_conv_3x3 1, "
        "sep_conv_3x3 1, skip_connect 0, skip_connect 0, dil_conv_3x3 2"
    ),
    _FOUR,
    _pairs(
        "max_pool_3x3 0, max_pool_3x3 1, skip_connect 2, max_pool_3x3 1, "
        "max_pool_3x3 0, skip_connect 2, skip_connect 2, max_pool_3x3 1"
    ),
    _FOUR,
)

NASNET_A = Genotype.from_pairs(
    _pairs(
        "sep_conv_5x5 1, sep_conv_3x3 0, sep_conv_5x5 0, sep_conv_3x3 0, avg_pool_3x3 1, skip_connect 0, "
        "avg_pool_3x3 0, avg_pool_3x3 0, sep_conv_3x3 1, skip_connect 1"
    ),
    (2, 3, 4, 5, 6),
    _pairs(
        "sep_conv_5x5 1, sep_conv_7x7 0, max_pool_3x3 1, sep_conv_7x7 0, avg_pool_3x3 1, sep_conv_5x5 0, "
        "skip_connect 3, avg_pool_3x3 2, sep_conv_3x3 2, max_pool_3x3 1"
    ),
    (4, 5, 6),
)

AMOEBANET_A = Genotype.from_pairs(
    _pairs(
        "avg_pool_3x3 0, max_pool_3x3 1, sep_conv_3x3 0, sep_conv_5x5 2, sep_conv_3x3 0, avg_pool_3x3 3, "
        "sep_conv_3x3 1, skip_connect 1, skip_connect 0, avg_pool_3x3 1"
    ),
    (4, 5, 6),
    _pairs(
        "avg_pool_3x3 0, sep_conv_3x3 1, max_pool_3x3 0, sep_conv_7x7 2, sep_conv_7x7 0, avg_pool_3x3 1, "
        "max_pool_3x3 0, max_pool_3x3 1, conv_7x1_1x7 0, sep_conv_3x3 5"
    ),
    (3, 4, 6),
)

PUBLISHED = {"DARTS_V1": DARTS_V1, "DARTS_V2": DARTS_V2, "NASNET_A": NASNET_A, "AMOEBANET_A": AMOEBANET_A}
