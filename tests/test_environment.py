"""The conda file, checked without conda, and the lock, checked for systems that are not this one."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from functools import cache

import pytest
import rattler
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler.exceptions import InvalidMatchSpecError

from nascourse.bootstrap import ROOT, TORCH_FAMILY, without_torch

LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
PYTHONS = ("3.11.7", "3.12.4", "3.13.1", "3.14.0")


def environment(system: str, python: str) -> dict[str, str]:
    """The marker variables of another machine."""
    short = ".".join(python.split(".")[:2])
    interpreter = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    versions = {"python_version": short, "python_full_version": python, "implementation_version": python}
    return SYSTEMS[system] | interpreter | versions | {"platform_release": "", "platform_version": "", "extra": ""}


def locked(lock: str, machine: dict[str, str]) -> dict[str, str]:
    """Name -> version of what pip installs from the lock on that machine."""
    found: dict[str, str] = {}
    for line in lock.splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is locked twice"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            found[name] = pin.version
    return found


def declared() -> list[Requirement]:
    """What pyproject asks for, all extras included."""
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for name, group in extras.items() if name != "all" for line in group]
    return [Requirement(line) for line in lines]


@cache
def requires(name: str) -> tuple[Requirement, ...]:
    """What an installed package asks for; nothing when it is not installed here (a package of another system)."""
    try:
        return tuple(Requirement(line) for line in importlib.metadata.requires(name) or ())
    except importlib.metadata.PackageNotFoundError:
        return ()


def test_the_lock_has_no_address_and_only_pins() -> None:
    assert not re.search(r"://|@|^\s*-|\.whl|/", LOCK, re.M)
    for line in LOCK.splitlines():
        assert re.match(r"[a-z0-9-]+==[\w.]+( ; .+)?$", line), line
    assert LOCK.splitlines() == sorted(LOCK.splitlines(), key=lambda line: line.split("==")[0])


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_covers_every_requirement(system: str, python: str) -> None:
    """pip installs it with --no-deps: whatever a locked package asks for has to be locked too, in the right version."""
    machine = environment(system, python)
    pins = locked(LOCK, machine)
    asked = [("pyproject.toml", requirement) for requirement in declared()]
    asked += [(name, requirement) for name in pins for requirement in requires(name)]
    for by, requirement in asked:
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert name in pins, f"{by} asks for {requirement}, which is not locked for {system}, Python {python}"
            if by == "pyproject.toml" or pins.get(by) == importlib.metadata.version(by):
                assert requirement.specifier.contains(pins[name], prereleases=True), f"{by} asks for {requirement}"


def test_extras_all_is_every_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = (Requirement(line) for line in extras["all"])
    assert everything.extras == extras.keys() - {"all"}


def test_a_cpu_only_torch_needs_none_of_what_is_left_out() -> None:
    """Only torch and its own family ask for the packages that a kept torch leaves out."""
    machine = environment("linux", "3.11.7")
    pins, rest = locked(LOCK, machine), locked(without_torch(LOCK), machine)
    left_out = pins.keys() - rest.keys()
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13", "cuda-bindings"} <= left_out
    assert all(TORCH_FAMILY.match(name) for name in left_out)
    for name in rest:
        asked = {canonicalize_name(r.name) for r in requires(name) if r.marker is None or r.marker.evaluate(machine)}
        assert not asked & left_out, f"{name} asks for {asked & left_out}"


# -- environment.yml ---------------------------------------------------------------------------------------------


def conda() -> dict[str, object]:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_conda_specs_are_right() -> None:
    described = conda()
    assert set(described) == {"name", "channels", "dependencies"}
    dependencies = described["dependencies"]
    assert isinstance(dependencies, list)
    specs = {(spec := rattler.MatchSpec(text)).name.normalized: spec for text in dependencies if isinstance(text, str)}
    assert specs.keys() == {"python", "pip"}
    assert [entry for entry in dependencies if not isinstance(entry, str)] == [{"pip": ["-e .[all]"]}]


def test_conda_python_is_what_pyproject_allows() -> None:
    dependencies = conda()["dependencies"]
    assert isinstance(dependencies, list)
    (text,) = (text for text in dependencies if isinstance(text, str) and text.startswith("python "))
    conda_range = rattler.VersionSpec(text.removeprefix("python "))
    allowed = SpecifierSet(PROJECT["requires-python"])
    for python in ("3.9.0", "3.10.14", *PYTHONS):
        assert conda_range.matches(rattler.Version(python)) == (python in allowed), python


def test_a_bad_conda_spec_would_be_seen() -> None:
    with pytest.raises(InvalidMatchSpecError):
        rattler.MatchSpec("python >=>3.11")
