"""The data: what ships is right, what is damaged says so in one line, and no test image is seen by a search."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nascourse import data
from nascourse.bootstrap import ROOT
from nascourse.errors import CourseError

FILE = "fashion_mnist.npz"


@pytest.fixture(autouse=True)
def _fresh_cache():
    data._arrays.cache_clear()
    yield
    data._arrays.cache_clear()


def idx(array: np.ndarray) -> bytes:
    """The IDX format by its definition: two zero bytes, type, dimensions, sizes as big-endian words, then the data."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def one_line(caught: pytest.ExceptionInfo[CourseError], *words: str) -> None:
    text = str(caught.value)
    assert "\n" not in text
    for word in ("got", "expected", *words):
        assert word in text


# -- what ships -------------------------------------------------------------------------------------------------------


def test_readme_and_sums_agree_and_are_right() -> None:
    listed = dict(
        re.findall(r"^\| `([^`/]+)` \| `([0-9a-f]{64})` \|$", (ROOT / "data" / "README.md").read_text(), re.M)
    )
    assert listed == data.checksums()
    for name, digest in listed.items():
        assert hashlib.sha256((ROOT / "data" / name).read_bytes()).hexdigest() == digest
    assert [(name, ok) for name, ok, _ in data.verify()] == [(name, True) for name in listed]


def test_a_flipped_byte_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = bytearray((data.CHECKOUT_DATA / FILE).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / FILE).write_bytes(damaged)
    monkeypatch.setenv("NASCOURSE_DATA", str(tmp_path))
    with pytest.raises(CourseError) as caught:
        data.load()
    one_line(caught, FILE, data.checksums()[FILE][:12], f"git checkout -- data/{FILE}")
    assert (FILE, False, str(caught.value)) in data.verify()


@pytest.mark.parametrize("name", ["fashion", "../fashion_mnist", "", "FASHION_MNIST"])
def test_an_unknown_name_is_told_the_known_ones(name: str) -> None:
    with pytest.raises(CourseError) as caught:
        data.load(name)
    one_line(caught, *data.NAMES)


def test_a_folder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASCOURSE_DATA", "no/such/folder")
    with pytest.raises(CourseError) as caught:
        data.load()
    one_line(caught, "NASCOURSE_DATA=no/such/folder")


@pytest.mark.parametrize("valid", [0, 1, -0.1, 1.5])
def test_a_split_that_leaves_nothing_is_refused(valid: float) -> None:
    with pytest.raises(CourseError, match="between 0 and 1"):
        data.load(valid=valid)


# -- splits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [1 / 3, 0.5, 0.1])
def test_splits_are_disjoint_stratified_and_always_the_same(part: float) -> None:
    split, again = data.load(valid=part), data.load(valid=part)
    everything = [pixels.numpy().tobytes() for images in (split.train, split.valid) for pixels in images.pixels]
    with np.load(data.CHECKOUT_DATA / FILE) as file:
        assert sorted(everything) == sorted(image.tobytes() for image in file["train_images"])  # each image once
        assert len(np.unique(file["train_index"])) == len(everything)
    assert split.valid.labels.bincount().tolist() == [round(1200 * part)] * 10
    assert split.train.labels.bincount().tolist() == [1200 - round(1200 * part)] * 10
    assert torch.equal(split.train.pixels, again.train.pixels)
    assert torch.equal(split.valid.labels, again.valid.labels)


def test_both_is_everything_a_final_training_may_use() -> None:
    split = data.load()
    both = split.both()
    assert len(both) == 12_000
    assert both.labels.bincount().tolist() == [1200] * 10
    assert torch.equal(both.pixels[-1], split.valid.pixels[-1])


def test_the_test_set_is_the_official_one() -> None:
    test = data.load_test()
    assert test.pixels.shape == (10_000, 1, 28, 28)
    assert test.labels.bincount().tolist() == [1000] * 10
    train = data.load()
    assert (test.mean, test.std) == (train.train.mean, train.train.std)  # nothing is computed from test images


# -- subsets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 9, 10, 32, 100, 2005, 3999, 4000])
def test_a_subset_is_as_balanced_as_can_be_and_in_order(n: int) -> None:
    valid = data.load().valid
    images, again = valid.subset(n), valid.subset(n)
    counts = images.labels.bincount(minlength=10).tolist()
    assert sum(counts) == n
    assert set(counts) <= {n // 10, -(-n // 10)}
    assert torch.equal(images.pixels, again.pixels)
    rows = {pixels.numpy().tobytes(): row for row, pixels in enumerate(valid.pixels)}
    where = [rows[pixels.numpy().tobytes()] for pixels in images.pixels]
    assert where == sorted(where)
    assert len(set(where)) == n
    assert torch.equal(valid.labels[where], images.labels)
    if n < len(valid):
        larger = {pixels.numpy().tobytes() for pixels in valid.subset(n + 1).pixels}
        assert {pixels.numpy().tobytes() for pixels in images.pixels} < larger


def test_a_subset_of_all_is_all_of_them_as_they_lie() -> None:
    for images in (data.load().train, data.load().valid, data.load_test()):
        assert images.subset(len(images)).digest() == images.digest()
        assert images.first(len(images) + 1).digest() == images.digest()


def test_of_a_class_that_runs_out_all_are_taken() -> None:
    labels = torch.tensor([2, 2, 2, 0, 2, 2, 1, 0, 2])
    images = data.Images(torch.arange(9, dtype=torch.uint8).view(9, 1, 1, 1), labels, (0.0,), (1.0,), ("a", "b", "c"))
    taken = [images.subset(n).pixels.flatten().tolist() for n in range(1, 10)]
    assert taken[:6] == [[0], [0, 3], [0, 3, 6], [0, 1, 3, 6], [0, 1, 3, 6, 7], [0, 1, 2, 3, 6, 7]]
    assert taken[8] == list(range(9))
    assert images.first(2).labels.tolist() == [2, 2]  # as they lie: what `subset` is there to avoid


@pytest.mark.parametrize("n", [0, -1, 4001, 2.0, None])
def test_a_subset_that_cannot_be_is_told_in_a_line(n: Any) -> None:
    with pytest.raises(CourseError) as caught:
        data.load().valid.subset(n)
    one_line(caught, f"a subset of {n!r}", "1..4000")


def test_nobody_takes_a_part_by_a_slice() -> None:
    sliced = re.compile(r"\b(train|valid|test|images|both\(\))\[ *: *[^,\]\s]")
    assert sliced.search("data.valid[: budget.images]")
    found = [
        f"{path.name}: {line.strip()}"
        for folder in ("nascourse", "notebooks/src", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if sliced.search(line)
    ]
    assert found == []


# -- pixels and batches -----------------------------------------------------------------------------------------------


def test_standardized_pixels_have_mean_0_and_deviation_1() -> None:
    pixels = data.load().both().standardized().double()
    assert pixels.mean().item() == pytest.approx(0, abs=1e-5)
    assert pixels.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_shrinking_takes_the_mean_of_each_block() -> None:
    images = data.load().train[:5]
    small, blocks = images.shrunk(2), images.pixels.double().numpy().reshape(5, 1, 14, 2, 14, 2)
    assert small.shape == (1, 14, 14)
    assert np.abs(small.pixels.numpy() - blocks.mean(axis=(3, 5))).max() <= 0.5


def _numbered(n: int) -> data.Images:
    return data.Images(torch.zeros(n, 1, 2, 2, dtype=torch.uint8), torch.arange(n), (0.0,), (1.0,), ("a",))


@pytest.mark.parametrize(("n", "size"), [(10, 3), (12, 4), (2, 5)])
def test_batches_cover_each_image_once(n: int, size: int) -> None:
    in_order = [labels for _, labels in data.batches(_numbered(n), size)]
    assert torch.cat(in_order).tolist() == list(range(n))
    shuffled = torch.cat(
        [labels for _, labels in data.batches(_numbered(n), size, torch.Generator().manual_seed(0))]
    ).tolist()
    assert len(set(shuffled)) == len(shuffled) == (n - n % size if n >= size else n)


def test_the_order_of_batches_comes_from_the_generator() -> None:
    def order(seed: int) -> list[int]:
        return torch.cat(
            [labels for _, labels in data.batches(_numbered(40), 8, torch.Generator().manual_seed(seed))]
        ).tolist()

    assert order(1) == order(1) != order(2)


# -- reading the originals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read(tmp_path: Path, shape: tuple[int, ...], zipped: bool) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    path = tmp_path / ("a.gz" if zipped else "a")
    path.write_bytes(gzip.compress(idx(array), mtime=0) if zipped else idx(array))
    assert np.array_equal(data.read_idx(path), array)


GOOD = idx(np.zeros((2, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty", b""),
        ("text", b"<html>not found</html>"),
        ("floats", b"\0\0\x0d" + GOOD[3:]),
        ("short", GOOD[:-1]),
        ("long", GOOD + b"\0"),
        ("header only", GOOD[:6]),
        ("not zipped.gz", GOOD),
        ("cut.gz", gzip.compress(GOOD, mtime=0)[:-9]),
        ("damaged.gz", gzip.compress(GOOD, mtime=0)[:10] + b"\xff" + gzip.compress(GOOD, mtime=0)[11:]),
    ],
)
def test_broken_idx_files_are_told_in_a_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CourseError) as caught:
        data.read_idx(tmp_path / name)
    one_line(caught, name)


# -- the script that made the file ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_fashion_mnist", ROOT / "data" / "make_fashion_mnist.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tiny_source(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """A source of the original form: 30 images a class to train on, 2 a class to test."""
    rng = np.random.default_rng(1)
    arrays = {
        "train_images": rng.integers(0, 256, (300, 28, 28)).astype(np.uint8),
        "train_labels": rng.permutation(np.repeat(np.arange(10), 30)).astype(np.uint8),
        "test_images": rng.integers(0, 256, (20, 28, 28)).astype(np.uint8),
        "test_labels": np.repeat(np.arange(10), 2).astype(np.uint8),
    }
    folder = tmp_path / "source"
    folder.mkdir()
    for key, stem in data.IDX_FILES.items():
        (folder / f"{stem}.gz").write_bytes(gzip.compress(idx(arrays[key]), mtime=0))
    return folder, arrays


def _make(script, monkeypatch: pytest.MonkeyPatch, source: Path, out: Path) -> None:
    monkeypatch.setattr(script, "PER_CLASS", 5)
    monkeypatch.setattr(sys, "argv", ["make", "--source", str(source), "--out", str(out)])
    script.main()


def test_the_script_draws_a_stratified_sample_and_says_its_sum(
    script, tiny_source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, arrays = tiny_source
    out = tmp_path / "made.npz"
    _make(script, monkeypatch, source, out)
    assert capsys.readouterr().out == f"{hashlib.sha256(out.read_bytes()).hexdigest()}  made.npz\n"
    first = out.read_bytes()
    with np.load(out) as made:
        index = made["train_index"]
        assert len(set(index.tolist())) == 50
        assert np.array_equal(made["train_images"], arrays["train_images"][index])
        assert np.bincount(made["train_labels"]).tolist() == [5] * 10
        assert np.array_equal(made["test_images"], arrays["test_images"])
    _make(script, monkeypatch, source, out)
    assert out.read_bytes() == first


def test_the_script_leaves_nothing_half_written(
    script, tiny_source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = tiny_source
    (source / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(SystemExit, match="t10k-images-idx3-ubyte"):
        _make(script, monkeypatch, source, tmp_path / "made.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def _originals() -> Path | None:
    try:
        return data.find("fashion-mnist", "FashionMNIST/raw")
    except CourseError:
        return None


@pytest.mark.skipif(_originals() is None, reason="NASCOURSE_DATA has no original Fashion-MNIST")
def test_the_shipped_images_are_the_originals_they_say_they_are(script) -> None:
    folder = _originals()
    assert folder is not None
    arrays = data.read_idx_folder(folder)
    with np.load(data.CHECKOUT_DATA / FILE) as shipped:
        index = shipped["train_index"]
        assert np.array_equal(index, script.subset(arrays["train_labels"]))
        for part in ("images", "labels"):
            assert np.array_equal(shipped[f"train_{part}"], arrays[f"train_{part}"][index])
            assert np.array_equal(shipped[f"test_{part}"], arrays[f"test_{part}"])


# -- whole data sets --------------------------------------------------------------------------------------------------


def test_the_whole_set_is_found_in_the_folder_named(tiny_source, monkeypatch: pytest.MonkeyPatch) -> None:
    source, arrays = tiny_source
    shutil.copytree(source, source.parent / "fashion-mnist")
    monkeypatch.setenv("NASCOURSE_DATA", str(source.parent))
    assert np.array_equal(data.load_test("fashion_mnist_full").pixels[:, 0].numpy(), arrays["test_images"])
    assert len(data.load("fashion_mnist_full").train) == 200


@pytest.mark.parametrize("name", ["fashion_mnist_full", "cifar10", "cifar100"])
def test_what_is_not_there_is_not_fetched_unasked(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "data_folders", lambda: [tmp_path])
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("something was fetched"))
    with pytest.raises(CourseError) as caught:
        data.load(name)
    one_line(caught, "NASCOURSE_DATA")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fashion_mnist_full", "cifar10"])
@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("Error downloading\nall mirrors")])
def test_a_download_that_fails_is_told_in_a_line(
    name: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(data, "data_folders", lambda: [tmp_path])
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", refuse)
    with pytest.raises(CourseError) as caught:
        data.load(name, download=True)
    one_line(caught, "download of", "NASCOURSE_DATA")
