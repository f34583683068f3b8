"""What ``nascourse bench show`` says of tables whose answers are known in closed form (see `tables`)."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nascourse.cli import main
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.making.table_pack import pack
from nascourse.making.table_show import TOP, show
from tests.evaluation.tables import ROWS, cell_of_rank, changed, judged_right, packed, rank, row_of_rank, write_judges


def lines_of(change: Callable[[dict[str, Any]], None]) -> list[str]:
    return show(TabularBenchmark(changed(change)))


def test_a_whole_table(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "show", "--table", str(path)]) == 0
    what, spread, best, *noise, tau_01, tau_02, tau_12, epochs = capsys.readouterr().out.splitlines()
    assert what == "5,044 of 5,044 cells; seed 0: 5,044, seed 1: 5,044, seed 2: 5,044"
    # 3 images of 20,000 a rank, and ranks 1..5044 once each
    percentiles = [(18_000 - 3 * (1 + (1 - q) * (ROWS - 1))) / 20_000 for q in (0.05, 0.5, 0.95)]
    assert "mean of seeds 0, 1, 2" in spread
    assert [float(text) for text in re.findall(r"0\.\d{4}", spread)] == pytest.approx(percentiles, abs=6e-5)
    assert best == f"best: {17_997 / 20_000:.4f}, {cell_of_rank(1)}"
    # 30 images of noise a training: 17.3 for a mean of three, so 5 ranks besides the best
    floor = f"{30 / 3**0.5 / 20_000:.4f}"
    assert noise == [
        f"noise floor overall: {floor} (5,044 cells with two trainings or more)",
        f"noise floor among the best {TOP}: {floor} ({TOP} cells with two trainings or more); within it of the best: "
        "6 cells",
    ]
    assert [tau_01, tau_02, tau_12] == [
        f"tau of seeds {pair}: 1.00 overall (5,044), 1.00 among the best {TOP} ({TOP})"
        for pair in ("0 and 1", "0 and 2", "1 and 2")
    ]
    assert epochs == "tau with the last epoch: 1.00 after epoch 1, 1.00 after epoch 2, 1.00 after epoch 3"


def test_orders_that_disagree_among_the_best_alone() -> None:
    def reverse_the_best(mine: dict[str, Any]) -> None:
        rows = [row_of_rank(place) for place in range(1, TOP + 1)]
        mine["valid"][rows, 1] = mine["valid"][rows[::-1], 1]

    taus = [line for line in lines_of(reverse_the_best) if line.startswith("tau of seeds")]
    assert ["-1.00 among the best" in line for line in taus] == [True, False, True]
    assert all("1.00 overall (5,044)" in line for line in taus)


def test_epochs_that_disagree() -> None:
    def reverse_the_second_epoch(mine: dict[str, Any]) -> None:
        mine["valid"][:, :, 1] = 20_000 - mine["valid"][:, :, 1]

    assert lines_of(reverse_the_second_epoch)[-1].endswith(
        "1.00 after epoch 1, -1.00 after epoch 2, 1.00 after epoch 3"
    )


def test_one_seed_alone_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(packed(rows_12=0))
    lines = show(TabularBenchmark.load(tmp_path / "t.npz"))
    assert lines[0].endswith("seed 0: 5,044, seed 1: 0, seed 2: 0")
    assert lines[3] == "one seed only: how far it can be trusted is not known"
    assert len(lines) == 5


def test_the_part_of_the_other_seeds_that_is_there_counts(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(packed(rows_12=10))
    lines = show(TabularBenchmark.load(tmp_path / "t.npz"))
    among_best = sum(rank(row) <= TOP for row in range(10))
    assert among_best < 2
    assert "(10 cells" in lines[3]
    assert lines[4].startswith(f"noise floor among the best {TOP}: {'0.0' if among_best else 'not known'}")
    assert lines[5] == f"tau of seeds 0 and 1: 1.00 overall (10), not known among the best {TOP}"


def test_what_the_judges_say(table: TabularBenchmark, path: Path, tmp_path: Path) -> None:
    """They reverse the order of the best 20, a cell's judges lie 10 images apart."""
    (tmp_path / "t.npz").write_bytes(path.read_bytes())
    pack(write_judges(tmp_path / "t_judges", table))
    *_, what, best, taus = show(TabularBenchmark.load(tmp_path / "t.npz"))
    floor = statistics.stdev(range(0, 90, 10)) / 3 / 20_000
    assert what == f"seeds 3 to 11 of the best 20 cells only judge; noise floor of their mean: {floor:.4f}"
    last = cell_of_rank(20)
    assert best == f"best by these: {judged_right(row_of_rank(20), 7) / 20_000:.4f}, {last}, by the others number 20"
    assert taus == "tau of the two means: -1.00 among the best 20"
