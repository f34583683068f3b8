"""Several trainings of one architecture side by side, as one grouped network.

G networks of the same shape become one: their channels lie next to each other, every convolution gets G times its
groups, batch normalization and ReLU work on channels anyway, and the linear layer is one small matrix for each
group. Each member keeps its own weights and its own order of the images, so in exact arithmetic it is trained as if
it were alone. Small networks spend their time on calls, not on arithmetic: that is what is saved.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..data import Images, SearchData
from ..errors import bad_input
from .training import Recipe, Training


class GroupedLinear(nn.Module):
    """One linear layer for each member: (batch, members * in) -> (batch, members, out)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        members = x.view(len(x), len(self.weight), -1)
        return torch.einsum("bgi,goi->bgo", members, self.weight) + self.bias


def grouped(networks: Sequence[nn.Module]) -> nn.Module:
    """One network that computes all ``networks`` (equal in shape, different in weights) side by side:
    (batch, members * channels, h, w) -> (batch, members, classes).

    Only for networks that treat channels alike or through convolution, batch normalization and one linear layer at
    the end, as micro networks do; a layer it does not know is refused.
    """
    whole = copy.deepcopy(networks[0])
    whole.train()
    for name, layer in networks[0].named_modules():
        if not list(layer.parameters(recurse=False)):
            continue
        parent, _, child = name.rpartition(".")
        same = [network.get_submodule(name) for network in networks]
        setattr(whole.get_submodule(parent), child, _side_by_side(same))
    return whole


def _side_by_side(layers: list[nn.Module]) -> nn.Module:
    first, members = layers[0], len(layers)
    if isinstance(first, nn.Linear):
        return GroupedLinear([layer for layer in layers if isinstance(layer, nn.Linear)])
    if isinstance(first, nn.Conv2d) and first.bias is None:
        joint: nn.Module = nn.Conv2d(
            first.in_channels * members,
            first.out_channels * members,
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            first.dilation,  # type: ignore[arg-type]
            first.groups * members,
            bias=False,
        )
    elif isinstance(first, nn.BatchNorm2d):
        joint = nn.BatchNorm2d(first.num_features * members, first.eps, first.momentum, first.affine)
    else:
        raise bad_input(type(first).__name__, "Conv2d without bias, BatchNorm2d or Linear", "train it alone")
    joint.to(next(first.parameters()).dtype)
    states = [layer.state_dict() for layer in layers]
    joint.load_state_dict(
        {key: torch.cat([s[key] for s in states]) if value.dim() else value for key, value in states[0].items()}
    )
    return joint


def train_side_by_side(
    networks: Sequence[nn.Module], data: SearchData, recipe: Recipe, seeds: Sequence[int]
) -> tuple[nn.Module, list[Training]]:
    """Train ``networks`` as one grouped network on the CPU; member g takes its order of the images from ``seeds[g]``.

    Returns the grouped network and one `Training` for each member (their seconds are equal shares). Gradients are
    not clipped: a joint norm would tie the members together.
    """
    if recipe.clip is not None:
        raise bad_input(f"clip={recipe.clip}", "clip=None", "members side by side share one gradient norm")
    start = time.perf_counter()
    whole = grouped(networks).to(memory_format=torch.channels_last)
    steps = len(data.train) // recipe.batch_size
    optimizer, schedule = recipe.optimizer(whole.parameters(), recipe.epochs * steps)
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    dtype = next(whole.parameters()).dtype
    pixels = data.train.standardized().to(dtype)
    accuracies: list[list[float]] = []
    losses: list[list[float]] = []
    for _ in range(recipe.epochs):
        whole.train()
        total = torch.zeros(len(networks), dtype=dtype)
        shuffled = torch.stack([torch.randperm(len(pixels), generator=order) for order in orders], dim=1)
        for index in shuffled[: steps * recipe.batch_size].split(recipe.batch_size):
            loss = member_losses(whole, pixels[index], data.train.labels[index])
            optimizer.zero_grad(set_to_none=True)
            loss.sum().backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        losses.append((total / steps).tolist())
        accuracies.append(member_accuracies(whole, data.valid, len(networks)))
    seconds = (time.perf_counter() - start) / len(networks)
    trainings = []
    for a, lo in zip(zip(*accuracies, strict=True), zip(*losses, strict=True), strict=True):
        bad = next((epoch for epoch, value in enumerate(lo, 1) if not value < float("inf")), None)
        trainings.append(Training(a, lo, seconds, bad))
    return whole, trainings


def member_losses(whole: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of each member. pixels: (batch, members, channels, h, w), labels: (batch, members)."""
    joint = pixels.flatten(1, 2).contiguous(memory_format=torch.channels_last)
    return nn.functional.cross_entropy(whole(joint).transpose(1, 2), labels, reduction="none").mean(0)


@torch.no_grad()
def member_accuracies(whole: nn.Module, images: Images, members: int, batch_size: int = 500) -> list[float]:
    """The fraction of ``images`` that each member classifies rightly, in evaluation mode."""
    whole.eval()
    pixels = images.standardized().to(next(whole.parameters()).dtype)
    right = torch.zeros(members, dtype=torch.long)
    for start in range(0, len(images), batch_size):
        part = pixels[start : start + batch_size]
        joint = part.repeat(1, members, 1, 1).contiguous(memory_format=torch.channels_last)
        labels = images.labels[start : start + batch_size]
        right += (whole(joint).argmax(2) == labels[:, None]).sum(0)
    return [int(r) / len(images) for r in right]
