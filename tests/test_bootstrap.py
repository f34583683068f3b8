"""The set-up script, with everything but pip and venv themselves real."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nascourse import bootstrap
from nascourse.bootstrap import SetupError
from tests import suite

SCRIPT = Path(bootstrap.__file__)
PROJECT = '[project]\nname = "toy"\nversion = "1"\ndependencies = ["torch>=2.6", "numpy>=2.0"]\n'
LOCK = (
    "numpy==2.4.6\nnvidia-cublas==13.1 ; sys_platform == 'linux'\ntorch==2.14.1\ntorchvision==0.29.1\ntorch-like==1\n"
)
posix = pytest.mark.skipif(os.name == "nt", reason="uses a shell script or a resource limit")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of a toy course; a virtual environment is made by writing its files, and pip installs nothing."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text(LOCK)

    def fake_venv(venv: Path) -> None:
        put(bootstrap.venv_python(venv), "")
        put(venv / "pyvenv.cfg", "home = /usr/bin\nversion = 3.11.7\n")

    monkeypatch.setattr(bootstrap, "make_venv", fake_venv)
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments: None)
    monkeypatch.setattr(bootstrap, "check_disk", lambda *arguments: None)
    return tmp_path


@pytest.fixture
def installs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pip was asked for, in order: the text of a requirements file, or the folder of the package."""
    asked: list[str] = []

    def fake_pip(python: Path, *arguments: str) -> None:
        target = Path(arguments[-1])
        asked.append(target.read_text() if target.is_file() else "package")

    monkeypatch.setattr(bootstrap, "pip", fake_pip)
    return asked


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def put_torch(root: Path, version: str, cuda: str = "'13.0'", vision: bool = True) -> None:
    """Pretend that torch (and torchvision) is installed."""
    site = root / ".venv" / ("Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages")
    put(site / f"torch-{version}.dist-info" / "RECORD", "")
    put(site / "torch" / "version.py", f"from typing import Optional\ncuda: Optional[str] = {cuda}\nhip = None\n")
    if vision:
        put(site / "torchvision-0.29.1.dist-info" / "RECORD", "")


def run_script(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script as a user starts it, without any installed package (-S)."""
    command = [sys.executable, "-S", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, timeout=60)


def one_line(text: str) -> str:
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return text


# -- the script itself -------------------------------------------------------------------------------------------


def test_an_old_python_can_read_the_script() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 7))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names - {"tomllib", "__future__"}
    annotations = [
        note
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for note in (node.returns, *(argument.annotation for argument in node.args.args))
    ]
    assert not [note for note in annotations if isinstance(note, ast.Subscript | ast.BinOp)]  # told by an old Python


def test_a_python_that_is_too_old_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert bootstrap.main(["setup"]) == 1
    message = one_line(capsys.readouterr().err)
    assert "3.11 or newer" in message
    assert "3.9.2" in message
    bootstrap.check_python((3, 11, 0), "here")


def test_a_wrong_command_is_one_line() -> None:
    done = run_script("lap")
    assert done.returncode == 1
    assert "expected one of lab, test" in one_line(done.stderr)


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_script("lab", PORT=str(port))
    assert done.returncode == 1
    assert f"port {port} is taken" in one_line(done.stderr)
    bootstrap.check_port(port)  # and is free again


@pytest.mark.parametrize("port", ["x", "-1", "80", "70000", "8888.5"])
def test_a_wrong_port_is_one_line(port: str) -> None:
    done = run_script("lab", PORT=port)
    assert done.returncode == 1
    assert port in one_line(done.stderr)


# -- the steps ---------------------------------------------------------------------------------------------------


def test_set_up_once_then_nothing_to_do(checkout: Path, installs: list[str]) -> None:
    python = bootstrap.setup(checkout)
    assert python == bootstrap.venv_python(checkout / ".venv")
    assert installs == [LOCK, "package"]
    assert bootstrap.setup(checkout) == python
    assert len(installs) == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("requirements.lock", "numpy==2.4.6", "numpy==2.4.7", True),
        ("pyproject.toml", "numpy>=2.0", "numpy>=2.1", True),
        (".venv/pyvenv.cfg", "3.11.7", "3.12.0", True),
        ("pyproject.toml", "[project]", "# a comment\n[project]", False),
    ],
)
def test_what_makes_it_install_again(
    checkout: Path, installs: list[str], file: str, old: str, new: str, again: bool
) -> None:
    bootstrap.setup(checkout)
    path = checkout / file
    path.write_text(path.read_text().replace(old, new))
    installs.clear()
    bootstrap.setup(checkout)
    assert bool(installs) == again


def test_an_interrupted_set_up_goes_on(checkout: Path, installs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.setup(checkout)
    bootstrap.setup(checkout)
    assert installs == [LOCK, "package"]


def test_a_half_installed_package_is_installed_again(checkout: Path) -> None:
    put_torch(checkout, "2.14.1")
    site = bootstrap.site_packages(checkout / ".venv")
    assert site is not None
    put(site / "tqdm-4.70.1.dist-info" / "METADATA", "")  # pip writes RECORD last
    bootstrap.setup(checkout)
    assert [info.name for info in site.glob("t*.dist-info")].count("tqdm-4.70.1.dist-info") == 0
    assert (site / "torch-2.14.1.dist-info").exists()


def test_an_environment_of_an_old_python_is_refused(checkout: Path) -> None:
    put(checkout / ".venv" / "pyvenv.cfg", "version = 3.9.2\n")
    with pytest.raises(SetupError, match=r"made with Python 3\.9\.2 .*make clean"):
        bootstrap.setup(checkout)


@pytest.mark.parametrize(
    ("version", "cuda", "kept"),
    [
        ("2.14.1", "'13.0'", False),  # the locked build
        ("2.14.1+cpu", "None", True),
        ("2.13.0+cu126", "'12.6'", True),  # chosen for an older driver
        ("2.5.1+cpu", "None", False),  # older than pyproject allows
        ("2.14.1", "None", sys.platform == "linux"),
    ],
)
def test_which_torch_is_kept(checkout: Path, installs: list[str], version: str, cuda: str, kept: bool) -> None:
    put_torch(checkout, version, cuda)
    bootstrap.setup(checkout)
    names = [line.split("==")[0] for line in installs[0].splitlines()]
    assert names == (
        ["numpy", "torch-like"] if kept else ["numpy", "nvidia-cublas", "torch", "torchvision", "torch-like"]
    )


def test_torch_without_torchvision_is_refused(checkout: Path) -> None:
    put_torch(checkout, "2.14.1+cpu", "None", vision=False)
    with pytest.raises(SetupError, match="no torchvision"):
        bootstrap.setup(checkout)


@pytest.mark.parametrize("kept", [None, "2.14.1+cpu"])
def test_too_little_disk(tmp_path: Path, kept: str | None) -> None:
    with pytest.raises(SetupError, match=r"has 1\.0 GB of free disk .* free some space"):
        bootstrap.check_disk(10**9, tmp_path / ".venv", kept)
    bootstrap.check_disk(10**11, tmp_path / ".venv", kept)


def fake_python(folder: Path, output: str) -> Path:
    """An interpreter whose pip prints ``output`` and fails."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\necho '{output}'\nexit 1\n")
    path.chmod(0o755)
    return path


@posix
@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk became full"),
        ("ERROR: Could not find a version that satisfies the requirement torch", "check the network"),
    ],
)
def test_why_pip_failed(tmp_path: Path, output: str, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        bootstrap.pip(fake_python(tmp_path, output), "toy")


@posix
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "stamp"
    path.write_text("old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from nascourse.bootstrap import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomically(Path(sys.argv[1]), 'new' * 1000)\n"
        "except OSError: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-B", "-c", code, str(path)], check=False).returncode == 7
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# -- what the commands run ---------------------------------------------------------------------------------------


def test_strict_notebooks_are_compared_and_the_others_run(tmp_path: Path) -> None:
    put(tmp_path / "notebooks" / "01_a.ipynb", '{"metadata": {"nascourse": {"nbval": "strict"}}}')
    put(tmp_path / "notebooks" / "02_b.ipynb", '{"metadata": {}}')
    steps = dict(suite.steps(tmp_path))
    assert steps["notebooks (lax)"][-1] == "notebooks/02_b.ipynb"
    assert "--nbval-lax" in steps["notebooks (lax)"]
    assert steps["notebooks (strict)"][-1] == "notebooks/01_a.ipynb"
    assert "--nbval" in steps["notebooks (strict)"]


@posix
def test_one_failing_step_fails_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite, "steps", lambda root: [("a", ["false"]), ("b", ["echo", "second ran"])])
    assert suite.main(tmp_path) == 1
    out = capfd.readouterr().out
    assert "second ran" in out
    assert out.rstrip().endswith("failed: a")
    monkeypatch.setattr(suite, "steps", lambda root: [("a", ["true"])])
    assert suite.main(tmp_path) == 0


@posix
def test_the_suite_or_a_part_of_it_is_run(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "setup", lambda root: Path("echo"))
    assert bootstrap.test(checkout, []) == bootstrap.test(checkout, ["tests/test_cli.py", "-x"]) == 0
    assert capfd.readouterr().out.splitlines() == ["-m tests.suite", "-m pytest tests/test_cli.py -x"]


def test_clean_keeps_what_a_learner_made(checkout: Path) -> None:
    bootstrap.setup(checkout)
    put(checkout / "runs" / "journal.jsonl", "{}")
    put(checkout / "nascourse" / "__pycache__" / "x.pyc", "")
    assert bootstrap.clean(checkout, []) == 0
    left = sorted(path.relative_to(checkout).as_posix() for path in checkout.rglob("*") if path.is_file())
    assert left == ["pyproject.toml", "requirements.lock", "runs/journal.jsonl"]
