"""Set the course up and start it: ``python3 nascourse/bootstrap.py lab|test|setup|notebooks|clean [...]``.

Runs before anything is installed, so it uses the standard library only. The syntax stays that of Python 3.6 (hence
the quoted annotations), so that an old Python can say in one line that it is too old.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
GB = 10**9
# Disk that a whole set-up needs. Linux, CUDA build: 6.5 GB, and 3 GB of downloads until they are unpacked.
NEED_GPU_BUILD, NEED_CPU_BUILD, NEED_UPDATE = 10 * GB, int(2.5 * GB), GB // 2
TORCH_FAMILY = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)$")
NO_SPACE = re.compile(r"No space left on device|WinError 112")
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "nascourse.egg-info")


class SetupError(Exception):
    """A problem told in one line: what is wrong, and what to do."""


def say(text: str) -> None:
    print(f"[nascourse] {text}", flush=True)


# ---------------------------------------------------------------------------------------------- what is there


def check_python(version: "tuple[int, ...]", where: str) -> None:
    """Raise SetupError when ``version`` (of the interpreter ``where``) is older than the course needs."""
    if tuple(version[:2]) < OLDEST:
        found = ".".join(str(part) for part in version[:3])
        raise SetupError(
            f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, but {where} is {found}: install a newer Python and "
            "name it, for example: make lab PYTHON=python3.12"
        )


def venv_python(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def site_packages(venv: Path) -> "Path | None":
    """The folder of a virtual environment's packages, None when there is none yet."""
    pattern = "Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages"
    return next(iter(sorted(venv.glob(pattern))), None)


def release(version: str) -> "tuple[int, ...]":
    """The numbers of a version: ``"2.14.1+cpu"`` -> ``(2, 14, 1)``."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def torch_floor(project: "dict[str, Any]") -> str:
    """The oldest torch that pyproject's ``torch>=X`` allows."""
    for requirement in project["dependencies"]:
        match = re.match(r"torch>=([\d.]+)$", requirement)
        if match:
            return match.group(1)
    raise SetupError("pyproject.toml names no torch>=X: restore the file from the repository")


def own_torch(venv: Path, floor: str) -> "str | None":
    """The version of a torch that the user chose and the set-up must keep, None when there is none.

    Such a build carries a local version (2.14.1+cpu), or is built without CUDA where the locked one has it (Linux).
    Read from the files: importing torch takes seconds. Raises SetupError when torch came without torchvision.
    """
    site = site_packages(venv)
    info = next(site.glob("torch-*.dist-info"), None) if site else None
    if site is None or info is None:
        return None
    version = info.name[len("torch-") : -len(".dist-info")]
    built = site / "torch" / "version.py"
    cuda = re.search(r"^cuda\b[^=]*=\s*(.+?)\s*$", built.read_text(), re.M) if built.exists() else None
    without_cuda = sys.platform == "linux" and cuda is not None and cuda.group(1) == "None"
    if not ("+" in version or without_cuda):
        return None
    if release(version) < release(floor):
        say(f"torch {version} in {venv.name} is older than {floor}: it is replaced by the tested build")
        return None
    if next(site.glob("torchvision-*.dist-info"), None) is None:
        raise SetupError(
            f"{venv.name} holds torch {version} but no torchvision: install both with the command of PyTorch's "
            "'Get started' page, or run 'make clean' to start over"
        )
    return version


def without_torch(lock: str) -> str:
    """The lock without torch and what only a CUDA build needs."""
    return "".join(
        line for line in lock.splitlines(keepends=True) if not TORCH_FAMILY.match(re.split(r"[=<>!~ \[;]", line)[0])
    )


def check_disk(free: int, venv: Path, kept: "str | None") -> None:
    """Raise SetupError when ``free`` bytes are too few for what is not yet in ``venv``."""
    gpu_build = kept is None and sys.platform == "linux"
    present = sum(f.lstat().st_size for f in venv.rglob("*") if f.is_file()) if venv.exists() else 0
    need = max(NEED_UPDATE, (NEED_GPU_BUILD if gpu_build else NEED_CPU_BUILD) - present)
    if free < need:
        hint = " (README: a CPU-only torch needs 2.5 GB in all)" if gpu_build else ""
        raise SetupError(
            f"{venv.parent} has {free / GB:.1f} GB of free disk and the set-up needs {need / GB:.1f} GB{hint}: "
            "free some space and run the same command again"
        )


def check_port(port: int) -> None:
    """Raise SetupError when nothing can listen on 127.0.0.1 at this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # as the server does it: a port that was just closed is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SetupError(
                f"port {port} is taken (is the course already open?): choose another with the variable PORT, "
                f"for example: make lab PORT={port + 1 if port < 65535 else 8889}"
            ) from None


def port_wanted(text: str) -> int:
    """The port the variable PORT names; SetupError when it names none."""
    if not (text.isdecimal() and 1024 <= int(text) <= 65535):
        raise SetupError(f"PORT is {text!r}: give a whole number from 1024 to 65535, for example PORT=8889")
    return int(text)


# ---------------------------------------------------------------------------------------------- setting up


def fingerprint(lock: str, project: "dict[str, Any]", venv_config: str, kept: "str | None") -> str:
    """What the set-up depends on, as one hash; equal to the stored one: there is nothing to do."""
    version = re.search(r"^version\w*\s*=\s*(\S+)", venv_config, re.M)
    keys = ("name", "version", "requires-python", "dependencies", "optional-dependencies", "scripts")
    parts = [lock, {key: project.get(key) for key in keys}, version.group(1) if version else "", kept, str(ROOT)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write ``path`` so that an interruption leaves the old file or the new one."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        if draft.exists():
            draft.unlink()


def pip(python: Path, *arguments: str) -> None:
    """Run pip, pass on the lines a person wants to see, and tell a failure in one line."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off", *arguments]
    output: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line.rstrip())
            if re.match(r"\s*Downloading .* [GM]B\)|ERROR", line):
                print("  " + line.strip()[:110], flush=True)
            elif line.startswith("Installing collected packages") and "," in line:
                say("unpacking the packages (a minute or two without a sign of life)")
    if process.returncode == 0:
        return
    if any(NO_SPACE.search(line) for line in output):
        raise SetupError("the disk became full while installing: free some space and run the same command again")
    print("\n".join("  " + line for line in output[-15:]), file=sys.stderr)
    raise SetupError(
        "pip could not install the packages (its last lines are above): check the network and run the same command "
        "again; what was installed is kept"
    )


def make_venv(venv: Path) -> None:
    """Make the virtual environment, or complete one that is broken or has no pip."""
    python = venv_python(venv)
    usable = python.exists()
    if usable and subprocess.call([str(python), "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return
    say(f"making the virtual environment {venv.name}")
    command = [sys.executable, "-m", "venv", *([] if usable else ["--clear"]), str(venv)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        print(made.stdout, file=sys.stderr)
        if NO_SPACE.search(made.stdout):
            raise SetupError("the disk is full: free some space and run the same command again")
        raise SetupError(
            f"Python's venv module could not make {venv} (see above): on Debian and Ubuntu install python3-venv"
        )


def drop_unfinished(venv: Path) -> None:
    """Forget packages whose installation was cut short (pip writes RECORD last), so that pip installs them again."""
    site = site_packages(venv)
    for info in site.glob("*.dist-info") if site else ():
        if not (info / "RECORD").exists():
            shutil.rmtree(str(info))


def check_venv_python(venv: Path) -> None:
    """Raise SetupError when an existing environment was made with a Python that is too old."""
    config = venv / "pyvenv.cfg"
    found = re.search(r"^version\w*\s*=\s*(\S+)", config.read_text(), re.M) if config.exists() else None
    if found and release(found.group(1))[:2] < OLDEST:
        raise SetupError(
            f"{venv.name} was made with Python {found.group(1)} and {OLDEST[0]}.{OLDEST[1]} or newer is needed: "
            "run 'make clean', then the same command again"
        )


def read_project(root: Path) -> "dict[str, Any]":
    """The ``[project]`` table of pyproject.toml."""
    import tomllib  # not there before Python 3.11, where this file must still load

    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def setup(root: Path) -> Path:
    """Bring ``root/.venv`` to the locked packages and return its interpreter; quick when nothing is to do."""
    venv = root / ".venv"
    stamp = venv / "nascourse-setup.sha256"
    python = venv_python(venv)
    lock, project = (root / "requirements.lock").read_text(encoding="utf-8"), read_project(root)
    check_venv_python(venv)
    kept = own_torch(venv, torch_floor(project))
    config = venv / "pyvenv.cfg"
    if python.exists() and stamp.exists() and config.exists():
        if stamp.read_text() == fingerprint(lock, project, config.read_text(), kept):
            return python
        say("the list of packages has changed: bringing .venv up to date")
    check_disk(shutil.disk_usage(root).free, venv, kept)
    make_venv(venv)
    if kept is not None:
        say(f"keeping the torch {kept} that is already in {venv.name}")
        lock_to_install = without_torch(lock)
    else:
        lock_to_install = lock
    say("installing the packages of requirements.lock (the first time this takes some minutes)")
    drop_unfinished(venv)
    wanted = venv / "nascourse-wanted.txt"
    write_atomically(wanted, lock_to_install)
    pip(python, "--no-deps", "-r", str(wanted))  # the lock is complete: nothing is left to resolve
    pip(python, "--no-deps", "--no-build-isolation", "-e", str(root))
    write_atomically(stamp, fingerprint(lock, project, config.read_text(), kept))
    say("set-up done")
    return python


# ---------------------------------------------------------------------------------------------- the commands


def call(command: "list[str]", root: Path, environment: "dict[str, str] | None" = None) -> int:
    """Run a command in ``root`` and return its status; after Ctrl-C it ends in its own time."""
    interrupted = False
    with subprocess.Popen(command, cwd=str(root), env=environment) as process:
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:  # the terminal sent it to the command as well
                interrupted = True
    if interrupted and status != 0:
        raise KeyboardInterrupt
    return status


def lab(root: Path, arguments: "list[str]") -> int:
    """Open JupyterLab on the first lesson, on this machine's own address only."""
    port = port_wanted(os.environ.get("PORT") or "8888")
    check_port(port)
    python = setup(root)
    say(f"opening JupyterLab on port {port}; Ctrl-C in this window stops it")
    command = [str(python), "-m", "jupyterlab", "notebooks/00_start_here.ipynb", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}", "--LabApp.news_url="]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container; harmless on 127.0.0.1
    return call(command + arguments, root)


def test(root: Path, arguments: "list[str]") -> int:
    """Run every step of tests/suite.py, or with arguments only ``pytest ARGUMENTS``; 0 when all passed."""
    environment = dict(os.environ, NASCOURSE_MODE="ci", OMP_NUM_THREADS="1", MPLBACKEND="agg")
    what = ["pytest", *arguments] if arguments else ["tests.suite"]
    return call([str(setup(root)), "-m", *what], root, environment)


def notebooks(root: Path, arguments: "list[str]") -> int:
    """Build and execute the notebooks from their sources (``nascourse notebooks build``)."""
    command = [str(setup(root)), "-m", "nascourse.cli", "notebooks", "build", *arguments]
    return call(command, root)


def clean(root: Path, arguments: "list[str]") -> int:
    """Remove the virtual environment and every cache, never data, runs or notebooks."""
    compiled = [path for part in ("nascourse", "tests") for path in (root / part).rglob("__pycache__")]
    for path in [root / ".venv", *(root / name for name in CACHES), *compiled]:
        if path.is_dir() and not path.is_symlink():
            say(f"removing {path.relative_to(root)}")
            shutil.rmtree(str(path))
    return 0


def only_setup(root: Path, arguments: "list[str]") -> int:
    """Set up and stop."""
    setup(root)
    return 0


COMMANDS = {"lab": lab, "test": test, "setup": only_setup, "notebooks": notebooks, "clean": clean}


def main(arguments: "list[str]") -> int:
    """Run one command; problems end in one line and status 1, an interruption in 130."""
    try:
        check_python(sys.version_info[:3], sys.executable)
        if not arguments or arguments[0] not in COMMANDS:
            raise SetupError(f"got {' '.join(arguments) or 'no command'}; expected one of {', '.join(COMMANDS)}")
        if arguments[0] in ("setup", "clean") and arguments[1:]:
            raise SetupError(f"{arguments[0]} takes no arguments, but got {' '.join(arguments[1:])}")
        return COMMANDS[arguments[0]](ROOT, arguments[1:])
    except SetupError as error:
        print(f"nascourse: {error}", file=sys.stderr)
    except OSError as error:
        print(f"nascourse: {error}: put this right and run the same command again", file=sys.stderr)
    except KeyboardInterrupt:
        print("nascourse: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
