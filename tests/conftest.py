"""What every test shares: small budgets, one thread, no clock in a verdict, and who needs a browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from nascourse.doctor import find_chromium
from nascourse.runs import executors
from tests.children import CHILDREN

# Before any test imports torch or matplotlib.
for name, value in {"NASCOURSE_MODE": "ci", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}.items():
    os.environ.setdefault(name, value)

# The same examples in every run, and no deadline: a busy machine is not an error.
settings.register_profile("course", derandomize=True, deadline=None)
settings.load_profile("course")

BROWSER_TESTS = Path(__file__).parent / "browser"
LONG = 'long: make test ARGS="-m long"'
NO_CHROMIUM = "no Chromium found: install one, or name it in the variable CHROMIUM"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-browser",
        action="store_true",
        default=os.environ.get("NASCOURSE_REQUIRE_BROWSER", "") not in ("", "0"),
        help="browser tests fail without Chromium, instead of being skipped (also: NASCOURSE_REQUIRE_BROWSER=1)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip = not config.getoption("--require-browser") and find_chromium() is None
    for item in items:
        if item.path.is_relative_to(BROWSER_TESTS):
            item.add_marker("browser")
            if skip:
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))
        if item.get_closest_marker("long") and "long" not in config.option.markexpr:
            item.add_marker(pytest.mark.skip(reason=LONG))


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of this course begin at once, with torch imported."""
    monkeypatch.setattr(executors, "get_context", lambda _: CHILDREN)
