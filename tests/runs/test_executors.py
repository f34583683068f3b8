from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from nascourse.errors import CourseError
from nascourse.runs.executors import ExecutorFactory, Processes, WorkerLost, local_cluster, process_pool
from nascourse.search.history import History
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.toys import BUDGET, WINDOW, Deadly, Slow, conv_share

standard_pool = partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn"))


@pytest.fixture(scope="module")
def dask() -> Iterator[ExecutorFactory]:
    pytest.importorskip("distributed")
    with local_cluster(2) as factory:
        yield factory


@pytest.fixture
def factory(request: pytest.FixtureRequest) -> ExecutorFactory | None:
    kinds: dict[str, Callable[[], Any]] = {
        "threads": lambda: partial(ThreadPoolExecutor, 2),
        "processes": lambda: process_pool(2),
        "standard": lambda: standard_pool,
        "kept": lambda: request.getfixturevalue("kept"),
        "dask": lambda: request.getfixturevalue("dask"),
    }
    return kinds[request.param]()


class Kept(Processes):
    """A pool that outlives the searches it is lent to."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing: `end` is for the fixture."""

    def end(self) -> None:
        super().shutdown()


@pytest.fixture(scope="module")
def kept() -> Iterator[ExecutorFactory]:
    pool = Kept(2)
    yield lambda: pool
    pool.end()


def run(
    journal: Path, evaluation: Any, executor: ExecutorFactory | None = None, budget: int = BUDGET
) -> History[MicroCell]:
    return search(
        LocalSearch(MicroSpace()), evaluation, budget, seed=5, window=WINDOW, executor=executor, journal=journal
    )


@pytest.mark.parametrize("factory", ["threads", "processes", "standard", "dask"], indirect=True)
def test_the_journal_is_the_same_on_every_executor(factory: ExecutorFactory, tmp_path: Path) -> None:
    slow = Slow(str(tmp_path))
    run(tmp_path / "serial.jsonl", slow)
    run(tmp_path / "parallel.jsonl", slow, factory)
    assert (tmp_path / "parallel.jsonl").read_bytes() == (tmp_path / "serial.jsonl").read_bytes()


@pytest.mark.parametrize("factory", ["kept", "dask"], indirect=True)
def test_cut_at_every_record_boundary_and_inside_every_record_it_ends_the_same_on_workers(
    factory: ExecutorFactory, tmp_path: Path
) -> None:
    """The window is in the journal: what was under way when the search died is submitted anew."""
    budget, path = 12, tmp_path / "cut.jsonl"
    run(path, conv_share, budget=budget)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 1 + budget
    for number in range(len(lines) + 1):
        before, line = b"".join(lines[:number]), b"".join(lines[number : number + 1])
        path.write_bytes(before)
        run(path, conv_share, factory, budget)
        assert path.read_bytes() == whole
        for inside in {len(line) // 2, len(line) - 1} if line else ():
            path.write_bytes(before + line[:inside])
            with pytest.warns(UserWarning, match="last line was cut short"):
                run(path, conv_share, factory, budget)
            assert path.read_bytes() == whole


@pytest.mark.parametrize("factory", ["processes", "standard", "dask"], indirect=True)
def test_a_killed_worker_loses_nothing(factory: ExecutorFactory, tmp_path: Path) -> None:
    (tmp_path / "deaths").mkdir()
    deadly = Deadly(str(tmp_path / "deaths"), number=6, times=2)
    run(tmp_path / "killed.jsonl", deadly, factory)
    assert len(list((tmp_path / "deaths").iterdir())) == 2
    run(tmp_path / "serial.jsonl", deadly)  # it has had its deaths
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "serial.jsonl").read_bytes()


@pytest.mark.parametrize("factory", ["processes", "standard", "dask"], indirect=True)
def test_a_trial_that_always_kills_its_worker_is_recorded_as_failed_and_no_other(
    factory: ExecutorFactory, tmp_path: Path
) -> None:
    (tmp_path / "deaths").mkdir()
    with pytest.warns(UserWarning, match="evaluations failed; the first: worker lost"):
        history = run(tmp_path / "j.jsonl", Deadly(str(tmp_path / "deaths"), number=6, times=99), factory)
    assert {row.same_as or row.trial.number for row in history.failures} == {6}  # and what repeats it
    assert 3 <= len(list((tmp_path / "deaths").iterdir())) <= 8


def nowhere(trial: Trial[MicroCell]) -> Result:
    return conv_share(trial)


nowhere.__qualname__ = "a_name_that_no_module_has"


@pytest.mark.parametrize("factory", ["processes", "standard"], indirect=True)
def test_an_evaluation_no_worker_can_import_is_refused_in_one_line(factory: ExecutorFactory, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="an evaluation that a worker can import"):
        run(tmp_path / "j.jsonl", nowhere, factory)


def test_a_pool_whose_workers_cannot_start_is_refused(tmp_path: Path) -> None:
    def dies() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os._exit, initargs=(1,))

    with pytest.raises(CourseError, match="BrokenProcessPool"):
        run(tmp_path / "j.jsonl", conv_share, dies)


def test_a_script_without_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from nascourse.runs.executors import process_pool\nfrom nascourse.search.loop import search\n"
        "from nascourse.search.random import RandomSearch\nfrom nascourse.spaces.micro import MicroSpace\n"
        "from tests.search.toys import conv_share\n"
        "search(RandomSearch(MicroSpace()), conv_share, 3, executor=process_pool(1))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert "guard the call by __name__" in done.stderr.splitlines()[-1]


def test_processes_pass_on_what_a_call_raises() -> None:
    with Processes(1) as pool:
        assert pool.submit(pow, 2, 10).result() == 1024
        with pytest.raises(RuntimeError, match="ValueError: invalid literal"):
            pool.submit(int, "x").result()
        with pytest.raises(RuntimeError, match="FileNotFoundError"):  # no death of the worker
            pool.submit(os.stat, "/no/such/file").result()
        with pytest.raises(CourseError, match="expected"):
            pool.submit(MicroCell.from_string, "no cell").result()
        assert pool.submit(pow, 3, 2).result() == 9


def test_who_leaves_by_an_error_does_not_wait_for_what_was_submitted() -> None:
    pool = Processes(1)
    tasks = [pool.submit(time.sleep, 600) for _ in range(3)]

    def interrupted() -> None:
        with pool:
            while not tasks[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert isinstance(tasks[0].exception(), WorkerLost)
    assert all(task.cancelled() for task in tasks[1:])


def test_a_worker_computes_on_one_thread_also_where_the_script_imports_torch(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\nfrom nascourse.runs.executors import Processes\n"
        "if __name__ == '__main__':\n    with Processes(1) as pool:\n"
        "        print(pool.submit(torch.get_num_threads).result())\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment["PYTHONPATH"] = str(Path.cwd())
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout == "1\n", done.stderr


def alive(pids: Path) -> list[int]:
    def running(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    return [int(path.name) for path in pids.iterdir() if running(int(path.name))]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_an_interrupt_ends_the_workers_too(tmp_path: Path) -> None:
    pids, journal = tmp_path / "pids", tmp_path / "j.jsonl"
    pids.mkdir()
    command = [sys.executable, "-m", "tests.search.toys", "pool", journal, pids, str(10**6)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and (not journal.exists() or journal.stat().st_size < 5000):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert len(list(pids.iterdir())) == 2
    assert not alive(pids)
    assert journal.read_bytes().endswith(b"\n")


def test_one_worker_for_many_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="window=1 keeps one worker busy"):
        search(LocalSearch(MicroSpace()), conv_share, 2, executor=partial(ThreadPoolExecutor, 2))


def trials_in(journal: Path) -> int:
    """How many whole lines follow its header."""
    return max(journal.read_bytes().count(b"\n") - 1, 0) if journal.exists() else 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize(
    ("mode", "kills"),
    [
        ("serial", 4),
        ("pool", 4),
        ("dask", 1),
        pytest.param("serial", 20, marks=pytest.mark.long),
        pytest.param("pool", 20, marks=pytest.mark.long),
        pytest.param("dask", 6, marks=pytest.mark.long),
    ],
)
def test_kill_minus_nine_at_random_moments_changes_nothing(mode: str, kills: int, tmp_path: Path) -> None:
    """The killed search is continued until it ends: the same journal as without a kill, and no process left over."""
    if mode == "dask":
        pytest.importorskip("distributed")
    pids, journal = tmp_path / "pids", tmp_path / "killed.jsonl"
    pids.mkdir()
    budget = max(BUDGET, 6 * kills)
    command = [sys.executable, "-W", "ignore", "-m", "tests.search.toys", mode, str(journal), str(pids), str(budget)]
    told, rng = [0], random.Random(mode)
    for kill in range(kills):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and trials_in(journal) < max(told[-1] + 1, 4 * kill):
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        told.append(trials_in(journal))
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)
    run(tmp_path / "whole.jsonl", Slow(str(pids)), budget=budget)
    assert journal.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert told == sorted(set(told))  # every run got further than the one before,
    assert told[-1] < budget  # and every kill came in the middle
    deadline = time.monotonic() + 10
    while (left := [pid for pid in alive(pids) if pid != os.getpid()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
