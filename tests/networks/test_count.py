import torch

from nascourse.networks.build import build_seeded, count, count_network
from nascourse.spaces.micro import MicroCell

CELL = MicroCell(("nor_conv_3x3", "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "none", "nor_conv_3x3"))
NET = {"channels": 4, "cells": (1, 1)}


def test_counting_by_hand():
    # stem 3·4·9 + BN; per channel width c: 3x3, 1x1 and 3x3 convolutions with their BNs; reduction 4→8; head
    def cell(c):
        return 2 * (9 * c * c + 2 * c) + c * c + 2 * c

    params = (108 + 8) + cell(4) + (288 + 16 + 576 + 16 + 32) + cell(8) + 16 + 8 * 10 + 10
    macs = 1024 * (108 + 19 * 16) + 256 * (288 + 576 + 32 + 19 * 64) + 80
    assert (count(CELL, **NET).params, count(CELL, **NET).macs) == (params, macs)


def test_counting_leaves_the_network_as_it_was():
    network = build_seeded(CELL, 0, **NET).train()
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = network(images)
    counted = count_network(network, (3, 32, 32))
    assert counted == count(CELL, **NET)
    assert network.training
    assert torch.equal(network(images), before)
    assert not any(layer._forward_hooks or "forward" in vars(layer) for layer in network.modules())
