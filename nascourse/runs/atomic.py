"""Files that survive a crash: whole files replaced in one step, and files of lines that are only appended to.

Whatever happens in between (kill -9, a full disk), a replaced file holds the old or the new content, and a file of
lines holds whole lines and at most one broken last line, which is recognized and cut off when it is next opened.
"""

from __future__ import annotations

import os
import secrets
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import CourseError, bad_input

try:
    import fcntl
except ImportError:  # Windows: one writer at a time is then the user's care
    fcntl = None  # type: ignore[assignment]

SYNC_SECONDS = 1.0
"""Appended lines are forced to the disk at most this often: a killed process loses none, a power cut this much."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write; it takes the place of ``path`` when the block ends well, else ``path`` stays as it is.

    Raises `CourseError` in one line where the disk does not take it (full, not writable).
    """
    target = Path(path).resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise not_written(target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step. Raises as `replacing`."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace ``path`` by ``text`` (UTF-8) in one step. Raises as `replacing`."""
    write_bytes(path, text.encode())


class LineFile:
    """A file of lines that only grows. Opening it reads it and changes nothing; `repair` cuts a broken last line.

    lines: the whole lines found, without their ends; tail: what follows the last line end (empty when all is well).
    Raises `CourseError` where another process has it open or the disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise not_written(self.path, error) from error
        try:
            self._lock()
            self._file.seek(0)
            content: bytes = self._file.read()
            whole, end, self.tail = content.rpartition(b"\n")
            self._good = len(whole) + len(end)
            try:
                self.lines = (whole + end).decode().split("\n")[:-1]
            except UnicodeDecodeError as error:
                raise bad_input(self.path.name, "a file of UTF-8 lines", "name another file") from error
        except BaseException:
            self._file.close()
            raise
        self._synced = time.monotonic()

    def repair(self) -> None:
        """Cut a broken last line off, with a message."""
        if self.tail:
            warnings.warn(
                f"{self.path.name}: the last line was cut short ({len(self.tail)} bytes); it was removed", stacklevel=3
            )
            self._file.truncate(self._good)
            self.tail = b""

    def append(self, line: str) -> None:
        """Add a line. Where the disk does not take it, nothing of it stays and `CourseError` is raised."""
        data = memoryview(line.encode() + b"\n")
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:]) or 0
            self._good += written
            if time.monotonic() - self._synced > SYNC_SECONDS:
                self._sync()
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._good)
            raise not_written(self.path, error) from error

    def close(self) -> None:
        """Force what was written to the disk and close."""
        if not self._file.closed:
            try:
                self._sync()
            except OSError as error:
                raise not_written(self.path, error) from error
            finally:
                self._file.close()

    def __enter__(self) -> LineFile:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:  # a record lock, because forked workers do not inherit it: it ends with this process
            fcntl.lockf(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise bad_input(
                self.path.name, "a file that no other process is writing", "wait for the other run or stop it"
            ) from error
        except OSError:
            pass  # some network file systems have no locks


def not_written(path: Path, error: OSError) -> CourseError:
    """The one line for a write that failed; what was in the file before is still there."""
    return bad_input(
        f"{path.name}: {error.strerror or error}",
        "a disk that takes the file",
        "free some space or name another folder, then run again",
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
