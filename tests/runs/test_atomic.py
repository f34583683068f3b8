from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from nascourse.errors import CourseError
from nascourse.runs.atomic import LineFile, replacing, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "元胞\n")
    assert (tmp_path / "a.txt").read_bytes() == "元胞\n".encode()
    write_bytes(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert names(tmp_path) == ["a.txt"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with suppress(KeyboardInterrupt), replacing(tmp_path / "a.txt") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"a\.txt: No such file or directory") as error:
        write_text(tmp_path / "none" / "a.txt", "x")
    assert "\n" not in str(error.value)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    code = (
        "import resource, sys; from nascourse.runs.atomic import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_bytes(sys.argv[1], bytes(5000))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("nascourse.errors.CourseError: got 'a.txt: File too large'")
    assert "free some space" in last
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_killed_while_writing_the_old_file_stays(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    code = (
        "import os, signal, sys; from nascourse.runs.atomic import replacing\n"
        "with replacing(sys.argv[1]) as file:\n"
        "    file.write(bytes(10**6)); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], check=False)
    assert (tmp_path / "a.txt").read_text() == "old"


def test_lines_are_appended_and_read_back(tmp_path: Path) -> None:
    for line in ("first", "二", ""):
        with LineFile(tmp_path / "new" / "lines") as file:
            file.append(line)
    with LineFile(tmp_path / "new" / "lines") as file:
        assert file.lines == ["first", "二", ""]


def test_a_broken_last_line_is_seen_and_only_cut_on_request(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")
    with LineFile(path) as file:
        assert (file.lines, file.tail) == (["one"], b"tw")
    assert path.read_bytes() == b"one\ntw"
    with LineFile(path) as file:
        with pytest.warns(UserWarning, match=r"lines: the last line was cut short \(2 bytes\)"):
            file.repair()
        file.append("two")
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CourseError, match="Permission denied"):
        LineFile(tmp_path / "lines")
