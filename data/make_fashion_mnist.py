"""Make data/fashion_mnist.npz: 12,000 of the 60,000 training images of Fashion-MNIST and all 10,000 test images.

    python data/make_fashion_mnist.py --source FOLDER      # the four original .gz files are in FOLDER
    python data/make_fashion_mnist.py --download FOLDER    # let torchvision fetch them into FOLDER first

1,200 images of each class are drawn with a fixed seed and shuffled, so every prefix is a fair sample.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from nascourse.data import CHECKOUT_DATA, read_idx_folder
from nascourse.errors import CourseError

SEED, PER_CLASS = 2026, 1200


def subset(labels: np.ndarray) -> np.ndarray:
    """Indices of 1,200 images of each class, in random order."""
    rng = np.random.default_rng(SEED)
    chosen = [rng.choice(np.flatnonzero(labels == c), PER_CLASS, replace=False) for c in range(10)]
    return rng.permutation(np.concatenate(chosen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, help="folder of the original files")
    where.add_argument("--download", type=Path, help="folder to download the original files into")
    parser.add_argument("--out", type=Path, default=CHECKOUT_DATA / "fashion_mnist.npz")
    args = parser.parse_args()
    folder = args.source
    if folder is None:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(str(args.download), download=True)
        folder = args.download / "FashionMNIST" / "raw"
    try:
        arrays = read_idx_folder(folder)
    except CourseError as error:
        raise SystemExit(f"make_fashion_mnist: {error}") from None
    index = subset(arrays["train_labels"])
    partial = args.out.with_suffix(".partial.npz")
    try:
        np.savez_compressed(
            partial,
            train_images=arrays["train_images"][index],
            train_labels=arrays["train_labels"][index],
            train_index=index.astype(np.uint16),
            test_images=arrays["test_images"],
            test_labels=arrays["test_labels"],
        )
        partial.replace(args.out)
    finally:
        partial.unlink(missing_ok=True)
    print(f"{hashlib.sha256(args.out.read_bytes()).hexdigest()}  {args.out.name}")


if __name__ == "__main__":
    main()
