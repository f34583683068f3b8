"""The candidate operations ("primitives"), one table.

Eight primitives of DARTS (Liu et al. 2019, section 3.1 and code), five of NAS-Bench-201 (Dong & Yang 2020), and two
that NASNet-A and AmoebaNet-A use besides. Every operation maps (batch, channels, h, w) to (batch, channels,
h/stride, w/stride). A convolution is ReLU - convolution - batch normalization.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import bad_input


class Zero(nn.Module):
    """``none``: no information passes, only the shape."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(every(self.stride, x))


class Pointwise(nn.Conv2d):
    """A 1x1 convolution of every ``step``-th pixel: the numbers of a convolution with that stride.

    Taking the pixels first does without oneDNN's kernel for a stride. On a CPU without AVX-512 its gradient writes past
    the end of a buffer where images with fewer than 8 channels lie channels last (oneDNN 3.12, its issue 6035): the
    process crashes, or goes on with wrong numbers.
    """

    def __init__(self, c_in: int, c_out: int, step: int = 1) -> None:
        super().__init__(c_in, c_out, 1, bias=False)
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(every(self.step, x))


def every(step: int, x: Tensor) -> Tensor:
    """Every ``step``-th row and column of (batch, channels, h, w), from the first on."""
    return x if step == 1 else x[:, :, ::step, ::step]


class FactorizedReduce(nn.Module):
    """Halve height and width with two 1x1 convolutions of every second pixel: one sees the pixels of even row and
    column, the other those of odd row and column (DARTS code)."""

    def __init__(self, c_in: int, c_out: int, affine: bool = True) -> None:
        super().__init__()
        if c_out % 2:
            raise bad_input(c_out, "an even number of output channels", "choose even channels for a reduction")
        self.conv_1 = Pointwise(c_in, c_out // 2, step=2)
        self.conv_2 = Pointwise(c_in, c_out // 2, step=2)
        self.bn = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.convolve(torch.relu(x)))

    def convolve(self, x: Tensor) -> Tensor:
        """The two convolutions side by side."""
        shifted = nn.functional.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))[:, :, 1:, 1:]
        return torch.cat([self.conv_1(x), self.conv_2(shifted)], dim=1)


def relu_conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1, affine: bool = True) -> nn.Sequential:
    """ReLU - convolution (kernel x kernel) - batch normalization."""
    if kernel == 1:
        convolution: nn.Conv2d = Pointwise(c_in, c_out, stride)
    else:
        convolution = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(c_out, affine=affine))


def _separable(channels: int, kernel: int, stride: int, affine: bool, dilation: int = 1) -> list[nn.Module]:
    """ReLU - depthwise - pointwise - batch normalization: half of ``sep_conv``, the whole of ``dil_conv``."""
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        Pointwise(channels, channels),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def _sep_conv(channels: int, kernel: int, stride: int, affine: bool) -> nn.Module:
    return nn.Sequential(*_separable(channels, kernel, stride, affine), *_separable(channels, kernel, 1, affine))


def _conv_7x1_1x7(channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 7), stride=(1, stride), padding=(0, 3), bias=False),
        nn.Conv2d(channels, channels, (7, 1), stride=(stride, 1), padding=(3, 0), bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    )


OPS: dict[str, Callable[[int, int, bool], nn.Module]] = {
    "none": lambda channels, stride, affine: Zero(stride),
    "skip_connect": lambda channels, stride, affine: (
        nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)
    ),
    "max_pool_3x3": lambda channels, stride, affine: nn.MaxPool2d(3, stride, padding=1),
    "avg_pool_3x3": lambda channels, stride, affine: nn.AvgPool2d(3, stride, padding=1, count_include_pad=False),
    "sep_conv_3x3": lambda channels, stride, affine: _sep_conv(channels, 3, stride, affine),
    "sep_conv_5x5": lambda channels, stride, affine: _sep_conv(channels, 5, stride, affine),
    "sep_conv_7x7": lambda channels, stride, affine: _sep_conv(channels, 7, stride, affine),
    "dil_conv_3x3": lambda channels, stride, affine: nn.Sequential(*_separable(channels, 3, stride, affine, 2)),
    "dil_conv_5x5": lambda channels, stride, affine: nn.Sequential(*_separable(channels, 5, stride, affine, 2)),
    "conv_7x1_1x7": _conv_7x1_1x7,
    "nor_conv_1x1": lambda channels, stride, affine: relu_conv_bn(channels, channels, 1, stride, affine),
    "nor_conv_3x3": lambda channels, stride, affine: relu_conv_bn(channels, channels, 3, stride, affine),
}
"""Operation by name: (channels, stride, affine) -> module."""


def make_op(name: str, channels: int, stride: int = 1, affine: bool = True) -> nn.Module:
    """The operation called ``name`` on ``channels`` channels. Raises `CourseError` for a name that is not in `OPS`."""
    if name not in OPS:
        raise bad_input(name, f"an operation out of {', '.join(OPS)}", "check the spelling")
    return OPS[name](channels, stride, affine)
