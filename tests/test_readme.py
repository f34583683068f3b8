"""The README says what is there: its map against the notebooks, its links against the files."""

from __future__ import annotations

import re

import pytest
import yaml

from nascourse import __version__
from nascourse.bootstrap import COMMANDS, ROOT

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


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_links_and_named_files_resolve(file: str) -> None:
    text = (ROOT / file).read_text()
    named = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    named += [name for name in re.findall(r"`((?:nascourse|tests|notebooks|data)/[\w/.]+)`", text) if "NN" not in name]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_commands_exist() -> None:
    assert set(re.findall(r"^make (\w+)", README, re.M)) | set(re.findall(r"bootstrap\.py (\w+)", README)) <= set(
        COMMANDS
    )
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    assert set(targets.group(1).split()) == set(COMMANDS)


def test_the_citation_names_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
