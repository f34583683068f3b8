"""The images the course trains on, and the rule that keeps test images out of a search.

Data is looked for in the folder that NASCOURSE_DATA names, then in the checkout's ``data/``. Nothing is downloaded
unless ``download=True`` says so. Images are bytes (n, channels, height, width); `batches` standardizes them.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import CourseError, bad_input

CHECKOUT_DATA = Path(__file__).resolve().parent.parent / "data"
FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
NAMES = ("fashion_mnist", "fashion_mnist_full", "cifar10", "cifar100")


@dataclass(frozen=True, slots=True)
class Images:
    """Images as bytes (n, channels, height, width) and their labels (n,), with the mean and standard deviation of
    the training pixels (of each channel, after division by 255)."""

    pixels: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Self:
        return replace(self, pixels=self.pixels[index], labels=self.labels[index])

    def subset(self, n: int) -> Self:
        """``n`` of the images, as balanced as ``n`` allows: the first of each class, then the second of each, and so
        on. They stay in the order they have here, so all of them are the same images in the same order.

        Raises `CourseError` where there are not so many.
        """
        if not isinstance(n, int) or not 1 <= n <= len(self):
            raise bad_input(f"a subset of {n!r}", f"a whole number in 1..{len(self)}", "ask for no more than there are")
        place = torch.empty_like(self.labels)  # among the images of its class
        for label in self.labels.unique():
            members = self.labels == label
            place[members] = torch.arange(int(members.sum()), device=place.device)
        return self[place.argsort(stable=True)[:n].sort().values]

    def first(self, n: int) -> Self:
        """At most ``n`` images as they lie, which are not balanced. Only for recorded runs that took them, so that
        they come out again; everything new takes `subset`."""
        return self[:n]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    def to(self, device: torch.device | str) -> Self:
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def shrunk(self, factor: int) -> Self:
        """Each block of factor x factor pixels replaced by its mean, rounded to a byte."""
        small = torch.nn.functional.avg_pool2d(self.pixels.float(), factor).round().to(torch.uint8)
        return replace(self, pixels=small)

    def standardized(self) -> Tensor:
        """Pixels as float32 with mean 0 and standard deviation 1 over the training pixels."""
        scale = torch.tensor(self.std, device=self.pixels.device).view(1, -1, 1, 1) * 255
        shift = torch.tensor(self.mean, device=self.pixels.device).view(1, -1, 1, 1) * 255
        return (self.pixels - shift) / scale

    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of pixels and labels: which images a run was on."""
        content = hashlib.sha256()
        for tensor in (self.pixels, self.labels):
            content.update(tensor.cpu().contiguous().numpy().data)
        return content.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SearchData:
    """What a search may look at: images to train on and images to validate on, disjoint and always the same."""

    train: Images
    valid: Images

    def both(self) -> Images:
        """Training and validation images together: what a final retraining uses."""
        pixels = torch.cat([self.train.pixels, self.valid.pixels])
        return replace(self.train, pixels=pixels, labels=torch.cat([self.train.labels, self.valid.labels]))

    def to(self, device: torch.device | str) -> Self:
        return replace(self, train=self.train.to(device), valid=self.valid.to(device))

    def shrunk(self, factor: int) -> Self:
        return replace(self, train=self.train.shrunk(factor), valid=self.valid.shrunk(factor))


def load(name: str = "fashion_mnist", valid: float = 1 / 3, download: bool = False) -> SearchData:
    """The images for training and search, split by a fixed rule: of each class, in the file's order, the last
    ``valid`` part validates. ``fashion_mnist`` is the embedded 12,000; the others are whole data sets.

    Raises `CourseError` where the name is unknown, a file is missing or its checksum differs.
    """
    if not 0 < valid < 1:
        raise bad_input(valid, "valid between 0 and 1", "pass the part that validates, such as 1/3")
    images = _images(_arrays(name, download), "train")
    validates = torch.zeros(len(images), dtype=torch.bool)
    for label in range(len(images.classes)):
        members = (images.labels == label).nonzero().flatten()
        validates[members[len(members) - round(valid * len(members)) :]] = True
    return SearchData(images[~validates], images[validates])


def load_test(name: str = "fashion_mnist", download: bool = False) -> Images:
    """The official test images. For one final evaluation, after every choice has been made."""
    return _images(_arrays(name, download), "test")


def batches(images: Images, size: int, generator: torch.Generator | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Standardized batches once through ``images``: shuffled by ``generator`` with the ragged rest left out, or in
    order and complete without one."""
    pixels = images.standardized()
    if generator is None:
        for start in range(0, len(images), size):
            yield pixels[start : start + size], images.labels[start : start + size]
        return
    order = torch.randperm(len(images), generator=generator).to(pixels.device)
    for index in order.split(size):
        if len(index) == size or len(images) < size:
            yield pixels[index], images.labels[index]


# -- where the files are ----------------------------------------------------------------------------------------------


def data_folders() -> list[Path]:
    """The folders that are searched, in order."""
    given = os.environ.get("NASCOURSE_DATA")
    if given and not Path(given).is_dir():
        raise bad_input(f"NASCOURSE_DATA={given}", "a folder that exists", "correct the path or unset the variable")
    return ([Path(given)] if given else []) + [CHECKOUT_DATA]


def find(*candidates: str) -> Path:
    """The first of the relative paths ``candidates`` that exists in a data folder. Raises `CourseError`."""
    for folder in data_folders():
        for candidate in candidates:
            if (folder / candidate).exists():
                return folder / candidate
    raise bad_input(
        candidates[0],
        "a file or folder in NASCOURSE_DATA or the checkout's data/",
        "restore it with git, or set NASCOURSE_DATA",
    )


def checksums() -> dict[str, str]:
    """SHA-256 by file name, as ``data/SHA256SUMS`` records them."""
    lines = (CHECKOUT_DATA / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def verified(name: str) -> Path:
    """The path of a file that ships with the course, its checksum compared. Raises `CourseError` where it differs."""
    path = find(name)
    found, expected = hashlib.sha256(path.read_bytes()).hexdigest(), checksums()[name]
    if found != expected:
        raise bad_input(
            f"{name} with SHA-256 {found[:12]}...", f"{expected[:12]}...", f"restore it: git checkout -- data/{name}"
        )
    return path


def verify() -> list[tuple[str, bool, str]]:
    """(file, is it right, message) for each file that ships with the course."""
    rows = []
    for name in checksums():
        try:
            rows.append((name, True, f"{verified(name).stat().st_size:,} bytes, checksum right"))
        except (CourseError, OSError) as error:
            rows.append((name, False, str(error)))
    return rows


# -- reading ----------------------------------------------------------------------------------------------------------

Arrays = dict[str, Any]
"""train_images, test_images: bytes (n, h, w) or (n, channels, h, w); train_labels, test_labels (n,); classes."""


@lru_cache(maxsize=2)
def _arrays(name: str, download: bool) -> Arrays:
    if name == "fashion_mnist":
        with np.load(verified("fashion_mnist.npz"), allow_pickle=False) as file:
            return {key: file[key] for key in IDX_FILES} | {"classes": FASHION_CLASSES}
    if name == "fashion_mnist_full":
        return read_idx_folder(_full_fashion_mnist(download)) | {"classes": FASHION_CLASSES}
    if name in ("cifar10", "cifar100"):
        return _cifar(name, download)
    raise bad_input(name, f"a data set out of {', '.join(NAMES)}", "check the spelling")


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An IDX file of bytes, plain or gzipped (the format of MNIST). Raises `CourseError` for anything else."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise bad_input(path.name, "a readable IDX file", f"fetch it again ({error})") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
        raise bad_input(path.name, "an IDX file of unsigned bytes", "fetch the original file again")
    dimensions = raw[3]
    shape = np.frombuffer(raw, ">u4", count=dimensions, offset=4).astype(int)
    if len(raw) != 4 + 4 * dimensions + shape.prod():
        raise bad_input(f"{path.name} of {len(raw)} bytes", f"data of shape {tuple(shape)}", "fetch the file again")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_idx_folder(folder: Path) -> Arrays:
    """The four original files of Fashion-MNIST in ``folder``, gzipped or not."""
    arrays = {}
    for key, stem in IDX_FILES.items():
        paths = [p for p in (folder / f"{stem}.gz", folder / stem) if p.exists()]
        if not paths:
            raise bad_input(folder.name, f"a folder with {stem}.gz", "point to the folder of the original files")
        arrays[key] = read_idx(paths[0])
    return arrays


def _full_fashion_mnist(download: bool) -> Path:
    if not download:
        return find("fashion-mnist", "FashionMNIST/raw")
    from torchvision.datasets import FashionMNIST

    _downloaded(lambda root: FashionMNIST(root, download=True), "Fashion-MNIST")
    return find("FashionMNIST/raw")


def _cifar(name: str, download: bool) -> Arrays:
    from torchvision.datasets import CIFAR10, CIFAR100

    dataset = CIFAR10 if name == "cifar10" else CIFAR100
    if download:
        _downloaded(lambda root: dataset(root, download=True), name)
    root = find(dataset.base_folder).parent
    parts = {part: dataset(str(root), train=part == "train") for part in ("train", "test")}
    arrays: Arrays = {"classes": tuple(parts["train"].classes)}
    for part, images in parts.items():
        arrays[f"{part}_images"] = images.data.transpose(0, 3, 1, 2)
        arrays[f"{part}_labels"] = np.asarray(images.targets, np.uint8)
    return arrays


def _downloaded(fetch: Any, what: str) -> None:
    root = data_folders()[0]
    try:
        fetch(str(root))
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:80]
        raise bad_input(
            f"download of {what}", "a connection to its server", f"try later or set NASCOURSE_DATA ({reason})"
        ) from error


def _images(arrays: Arrays, part: str) -> Images:
    train, pixels = arrays["train_images"], arrays[f"{part}_images"]
    if pixels.ndim == 3:
        train, pixels = train[:, None], pixels[:, None]
    per_channel = [train[:, c] for c in range(train.shape[1])]
    return Images(
        torch.from_numpy(pixels.copy()),
        torch.from_numpy(arrays[f"{part}_labels"].astype(np.int64)),
        tuple(float(c.mean() / 255) for c in per_channel),
        tuple(float(c.std() / 255) for c in per_channel),
        tuple(arrays["classes"]),
    )
