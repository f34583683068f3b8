"""Depthwise convolution that is quick to train on a CPU, with the numbers of the plain one.

Two of its parts take several times as long there as they need (torch 2.14): everything backward where the kernel is
dilated, and the gradient of a kernel wider than 3. A kernel of dilation 2 sees pixels of one parity only, so the four
subgrids of pixels can be convolved without dilation; a wide kernel's gradient can be taken three columns at a time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_COLUMNS = 3
"""Up to this width the gradient of a kernel is computed by vectorized code on a CPU."""


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """Convolve each channel with its own odd kernel, zero-padded so that the image keeps its size (at stride 1).

    x: (batch, channels, h, w); weight: (channels, 1, k, k) -> (batch, channels, ceil(h/stride), ceil(w/stride)).
    """
    if x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        padding = dilation * (weight.shape[2] // 2)
        return nn.functional.conv2d(x, weight, None, stride, padding, dilation, groups=x.shape[1])
    if dilation == 2 and stride == 2:  # the pixels in between are never seen
        return depthwise(x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last), weight)
    if dilation == 2:
        height, width = x.shape[2:]
        padded = nn.functional.pad(x, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else x
        return merged(depthwise(subgrids(padded), weight))[:, :, :height, :width]
    return _Depthwise.apply(x, weight, stride)


def subgrids(x: Tensor) -> Tensor:
    """The four images of pixels of equal parity, (batch, channels, h, w) -> (4 * batch, channels, h/2, w/2)."""
    n, c, h, w = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c)
    return pixels.permute(2, 4, 0, 1, 3, 5).reshape(4 * n, h // 2, w // 2, c).permute(0, 3, 1, 2)


def merged(x: Tensor) -> Tensor:
    """The inverse of `subgrids`."""
    n, c, h, w = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(2, 2, n // 4, h, w, c)
    return pixels.permute(2, 3, 0, 4, 1, 5).reshape(n // 4, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


class _Depthwise(torch.autograd.Function):
    """Made of differentiable steps, so that it can be differentiated twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return nn.functional.conv2d(x, weight, None, stride, weight.shape[2] // 2, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        kernel, padding = weight.shape[2], weight.shape[2] // 2
        grad_x = _gradient(grad, x, weight, ctx.stride, padding, of=0) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return grad_x, None, None
        if kernel <= _COLUMNS:
            return grad_x, _gradient(grad, x, weight, ctx.stride, padding, of=1), None
        strips = range(0, kernel, _COLUMNS)
        missing = len(strips) * _COLUMNS - kernel  # columns of the last strip that the kernel does not have
        padded = nn.functional.pad(x, (padding, padding + missing, padding, padding))
        wide = padded.shape[3] - (len(strips) - 1) * _COLUMNS
        found = [
            _gradient(grad, padded[..., j : j + wide], weight[..., :_COLUMNS], ctx.stride, 0, of=1) for j in strips
        ]
        return grad_x, torch.cat(found, dim=3)[..., :kernel], None


def _gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, of: int) -> Tensor:
    """Of a depthwise convolution's input (0) or kernel (1)."""
    wanted = [of == 0, of == 1, False]
    geometry = ([stride, stride], [padding, padding], [1, 1], False, [0, 0], x.shape[1])
    gradients = torch.ops.aten.convolution_backward(grad, x, weight, None, *geometry, wanted)
    return gradients[of]
