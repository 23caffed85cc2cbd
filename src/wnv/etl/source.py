"""A recording's file, read by position: never mapped, since a mapped file that shrinks kills the process."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from wnv.errors import WnvError

VIEWS_MAX = 1024
"""More the system does not take at once."""
_HAS_PREADV = hasattr(os, "preadv")


class Source:
    """One regular file, open for reading. `size` is that at opening; a file that grows is read up to there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        try:
            # O_NONBLOCK: opening a pipe without a writer would otherwise wait for ever.
            flags = (
                os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
            )
            self._fd = os.open(path, flags)
        except FileNotFoundError:
            raise WnvError(f"{path}: no such file") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise WnvError(f"{path}: cannot be opened ({reason})") from None
        self._seek_lock = threading.Lock()
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or device"
            raise WnvError(f"{path}: is {what}, not a file", advice="Save the recording to a file and give its path.")
        self.size = found.st_size

    def read_at(self, offset: int, into: memoryview) -> int:
        """Fill `into` from `offset`; returns the bytes read, fewer than asked only at the end of the file."""
        return self.read_into(offset, [into])

    def read_into(self, offset: int, views: Sequence[memoryview]) -> int:
        """Fill one view (at most `VIEWS_MAX`) after the other from `offset`; see `read_at`. One call into the system
        for all: a thread that makes many waits for the interpreter after each."""
        done = 0
        wanted = sum(map(len, views))
        pending = list(views)
        try:
            while done < wanted:
                n = self._read_some(offset + done, pending)
                done += n
                if n == 0 or done == wanted:
                    break
                n_full = 0
                while n_full < len(pending) and n >= len(pending[n_full]):
                    n -= len(pending[n_full])
                    n_full += 1
                pending = pending[n_full:]
                if n:
                    pending[0] = pending[0][n:]
        except OSError as error:
            raise WnvError(f"{self.name}: reading failed at byte {offset + done:,} ({error.strerror})") from None
        return done

    def _read_some(self, offset: int, views: Sequence[memoryview]) -> int:
        if _HAS_PREADV:
            return os.preadv(self._fd, views, offset)
        view = next(filter(len, views))
        with self._seek_lock:
            os.lseek(self._fd, offset, os.SEEK_SET)
            chunk = os.read(self._fd, len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`."""
        buffer = bytearray(max(0, min(count, self.size - offset)))
        return bytes(buffer[: self.read_at(offset, memoryview(buffer))])

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def find_recordings(path: Path) -> list[Path]:
    """`path` itself, or the `.etl` files of the folder `path`, in order of name.

    Raises `WnvError` if there is nothing at `path`, or no recording in the folder.
    """
    try:
        if not path.is_dir():
            return [path]
        found = sorted(entry for entry in path.iterdir() if entry.suffix.lower() == ".etl" and entry.is_file())
    except OSError as error:
        raise WnvError(f"{path}: cannot be opened ({error.strerror})") from None
    if not found:
        raise WnvError(
            f"{path}: a folder without any .etl file",
            advice="Give an .etl file, or the folder that holds them.",
        )
    return found
