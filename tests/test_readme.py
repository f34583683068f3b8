"""The README says what is there: its map against the notebooks, its links against the files."""

from __future__ import annotations

import re

import pytest
import yaml

from nascourse import __version__
from nascourse.bootstrap import COMMANDS, ROOT
from nascourse.evaluation.tabular import TabularBenchmark

README = (ROOT / "README.md").read_text()
MAP = dict(re.findall(r"^\| (\d\d) \| (.+)$", README, re.M))
NOTEBOOKS = {path.name[:2]: path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}


def test_the_map_has_every_lesson_in_order() -> None:
    assert list(MAP) == [f"{number:02}" for number in range(13)]


@pytest.mark.parametrize("number", MAP)
def test_the_map_links_what_exists_and_marks_what_is_to_come(number: str) -> None:
    linked = re.findall(r"\(notebooks/([^)]+)\)", MAP[number])
    assert linked == ([NOTEBOOKS[number]] if number in NOTEBOOKS else []), "link the lesson in README.md, or mark it"
    assert ("*to come*" in MAP[number]) == (not linked)


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "data/README.md"])
def test_links_and_named_files_resolve(file: str) -> None:
    text = (ROOT / file).read_text()
    named = [(ROOT / file).parent / name for name in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)]
    named += [
        ROOT / name for name in re.findall(r"`((?:nascourse|tests|notebooks|data)/[\w/.]+)`", text) if "NN" not in name
    ]
    assert named
    assert [str(path) for path in named if not path.exists()] == []


def test_what_the_data_readme_says_of_the_table_is_what_it_holds() -> None:
    text, table = " ".join((ROOT / "data" / "README.md").read_text().split()), TabularBenchmark.load()
    pairs = [(0, 1), (0, 2), (1, 2)]
    for top, sentence in ((None, "Kendall's tau {:.2f} to {:.2f}"), (100, "hardly do ({:.2f} to {:.2f})")):
        taus = [table.tau(a, b, top) for a, b in pairs]
        assert sentence.format(min(taus), max(taus)) in text
    noise = table.noise(top=100)
    assert f"scatters by {table.noise().training:.4f} around its cell's mean, and by {noise.training:.4f}" in text
    assert f"known to within {noise.floor:.4f}" in text
    assert f"{int((table.means >= table.means.max() - noise.floor).sum())} cells lie that close" in text


def test_the_commands_exist() -> None:
    assert set(re.findall(r"^make (\w+)", README, re.M)) | set(re.findall(r"bootstrap\.py (\w+)", README)) <= set(
        COMMANDS
    )
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    assert set(targets.group(1).split()) == set(COMMANDS)


def test_the_citation_names_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
