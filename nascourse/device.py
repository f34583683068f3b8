"""Where networks are trained: CUDA if there is a usable GPU, else Apple's MPS, else the CPU."""

from __future__ import annotations

import os

import torch

from nascourse.errors import bad_input

_EXPECTED = "cpu, mps, cuda or cuda:N"


def pick_device(name: str | None = None) -> torch.device:
    """The device to train on: ``name``, else the variable ``NASCOURSE_DEVICE``, else the best one there is.

    Raises CourseError for a name that is none of cpu, mps, cuda, cuda:N, or a device that this machine does not have.
    """
    wanted = name or os.environ.get("NASCOURSE_DEVICE", "").strip()
    if not wanted:
        return _best()
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise bad_input(wanted, _EXPECTED, "correct it, or unset NASCOURSE_DEVICE to choose automatically") from None
    if device.type not in ("cpu", "mps", "cuda"):
        raise bad_input(wanted, _EXPECTED, "correct it, or unset NASCOURSE_DEVICE to choose automatically")
    if not _present(device):
        raise bad_input(wanted, f"a device of this machine (it has {_best()})", "unset NASCOURSE_DEVICE, or use cpu")
    return device


def device_name(device: torch.device) -> str:
    """The model of a GPU, else the kind of the device: for the record of a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _best() -> torch.device:
    for kind in ("cuda", "mps"):
        if _present(torch.device(kind)):
            return torch.device(kind)
    return torch.device("cpu")


def _present(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available() and not device.index
    return not device.index
