"""The depthwise convolution that is quick on a CPU, against the plain one."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn.functional import conv2d

from nascourse.networks.depthwise import depthwise, merged, subgrids

SIZES = ((8, 8), (7, 9), (3, 4))


@pytest.mark.parametrize(("kernel", "stride", "dilation"), list(product((1, 3, 5, 7), (1, 2), (1, 2))))
def test_equals_the_plain_convolution(kernel: int, stride: int, dilation: int) -> None:
    """Values, both gradients, and the gradients of a product with the gradients."""
    generator = torch.Generator().manual_seed(kernel)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    for size in SIZES:
        x = some(2, 6, *size).contiguous(memory_format=torch.channels_last).requires_grad_()
        weight = some(6, 1, kernel, kernel).requires_grad_()
        found = depthwise(x, weight, stride, dilation)
        expected = conv2d(x, weight, None, stride, dilation * (kernel // 2), dilation, groups=6)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        direction, again = some(*expected.shape), [some(*x.shape), some(*weight.shape)]
        slopes = [torch.autograd.grad(y, (x, weight), direction, create_graph=True) for y in (found, expected)]
        curvatures = [torch.autograd.grad(slope, (x, weight), again) for slope in slopes]
        for ours, theirs in zip(slopes[0] + curvatures[0], slopes[1] + curvatures[1], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


def test_subgrids_are_pixels_of_equal_parity() -> None:
    x = torch.arange(2 * 3 * 4 * 6, dtype=torch.float64).reshape(2, 3, 4, 6)
    grids = subgrids(x)
    assert grids.shape == (8, 3, 2, 3)
    for place, (row, column) in enumerate(product((0, 1), repeat=2)):
        assert torch.equal(grids[2 * place : 2 * place + 2], x[:, :, row::2, column::2])
    assert torch.equal(merged(grids), x)
