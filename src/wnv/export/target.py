"""The file that a command writes: there when it is whole, and not there otherwise."""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeAlias

from wnv.errors import UsageError, WnvError
from wnv.text import visible

STDOUT: Final = "-"
OpenDescriptor: TypeAlias = Callable[[int], BinaryIO]

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NAME_CHARACTERS_KEPT: Final = 40  # so that the name of the temporary file fits into 255 bytes of UTF-8
_SPACE: Final = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_CLOSED_PIPE: Final = {errno.EPIPE, errno.EINVAL} if sys.platform == "win32" else {errno.EPIPE}


class OutputClosed(WnvError):
    """The program that read our output went away, as `head` does: no reason to complain."""

    is_quiet = True


def _open_descriptor(descriptor: int) -> BinaryIO:
    return os.fdopen(descriptor, "wb")


class Target:
    """Context manager for the output at `path`; `-` is standard output.

    A file is written beside its target and takes the target's place when the block ends without an exception,
    or after `keep_partial`; else it is removed, and what was at the target before is still there. Standard
    output, pipes and devices are written directly. A target that is one of `inputs` is refused, and so is a
    terminal when the output `is_binary`. Whatever the system refuses raises `WnvError`; a reader that closed
    its end of a pipe, `OutputClosed`.

    Tests give `stdout`, and `open_descriptor`, which makes the file of a new descriptor.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        inputs: Sequence[Path] = (),
        is_binary: bool = True,
        stdout: BinaryIO | None = None,
        open_descriptor: OpenDescriptor = _open_descriptor,
    ) -> None:
        self._path = None if str(path) == STDOUT else Path(path)
        self.name = "standard output" if self._path is None else visible(str(self._path))
        """How messages call it."""
        self._inputs = inputs
        self._is_binary = is_binary
        self._stdout = stdout
        self._open_descriptor = open_descriptor
        self._file: BinaryIO | None = None
        self._must_close = True
        self._temporary: Path | None = None
        self._final: Path | None = None
        self._keep = False
        self._error: WnvError | None = None

    def __enter__(self) -> Self:
        try:
            if self._path is None:
                self._file = self._open_stdout()
            else:
                self._refuse(self._path)
                self._file = self._open(self._path)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            self._give_up()
            raise WnvError(f"{self.name}: cannot be written ({_reason(error)})") from None
        if self._is_binary and not self._temporary and self._file.isatty():
            self._close_quietly()
            raise UsageError(
                "the output is binary and would garble the terminal",
                advice="Name a file with -w, or send the output through a pipe: -w - | tshark -r -",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and not self._keep:
            self._give_up()
            return
        if self._error is not None:
            if kind is None:  # the caller has swallowed it, but there is no output
                raise self._error
            return
        try:
            self._finish()
        except OSError as failure:
            raise self._failure(failure) from None
        except BaseException:  # Ctrl-C while the last bytes go out
            self._give_up()
            raise

    def write(self, data: bytes | memoryview, /) -> int:
        """Write all of `data`."""
        file = self._opened()
        try:
            return file.write(data)
        except OSError as error:
            raise self._failure(error) from None

    def flush(self) -> None:
        """Hand on what was written, for those who read while we write."""
        file = self._opened()
        try:
            file.flush()
        except OSError as error:
            raise self._failure(error) from None

    def keep_partial(self) -> None:
        """From now on an exception keeps what was written: after Ctrl-C, once the format is ended."""
        self._keep = True

    def _opened(self) -> BinaryIO:
        if self._error is not None:
            raise self._error
        if self._file is None:
            raise WnvError(f"{self.name}: is not open")
        return self._file

    def _refuse(self, path: Path) -> None:
        if path.is_dir():
            raise UsageError(f"{self.name}: is a folder", advice="Give the name of a file in it")
        if any(_is_same(path, one) for one in self._inputs):
            raise UsageError(f"{self.name}: is also the input", advice="Write to another file")
        folder = _followed(path).parent
        if not folder.is_dir():
            raise UsageError(
                f"{self.name}: the folder {visible(str(folder))} does not exist",
                advice="Create it first, or write to another one",
            )
        # To take its place needs no right to write to it; but it was protected for a reason.
        if path.exists() and not os.access(path, os.W_OK):
            raise WnvError(f"{self.name}: is write-protected", advice="Write to another file")

    def _open_stdout(self) -> BinaryIO:
        """With a buffer of our own where possible: what is left in Python's, it reports when it exits."""
        if self._stdout is None:
            sys.stdout.flush()
            with suppress(io.UnsupportedOperation):  # replaced by something without a descriptor
                return os.fdopen(sys.stdout.fileno(), "wb", closefd=False)
        self._must_close = False
        return self._stdout or sys.stdout.buffer

    def _open(self, path: Path) -> BinaryIO:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(path.stat().st_mode):
                return path.open("wb")
        final = _followed(path)
        while True:
            random = secrets.token_hex(4)
            temporary = final.with_name(f".{final.name[:_NAME_CHARACTERS_KEPT]}.{random}.part")
            with suppress(FileExistsError):
                descriptor = os.open(temporary, _NEW_FILE, 0o666)  # less what the umask takes
                break
        self._temporary, self._final = temporary, final
        return self._open_descriptor(descriptor)

    def _finish(self) -> None:
        if self._file is None:
            return
        if self._must_close:
            self._file.close()
        else:
            self._file.flush()
        self._file = None
        if self._temporary is not None and self._final is not None:
            self._temporary.replace(self._final)
            self._temporary = None

    def _give_up(self) -> None:
        self._close_quietly()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()
            self._temporary = None

    def _close_quietly(self) -> None:
        file, self._file = self._file, None
        if file is not None and self._must_close:
            with suppress(OSError):
                file.close()

    def _failure(self, error: OSError) -> WnvError:
        """What to raise for `error`, which ends the output."""
        is_removed = self._temporary is not None
        self._give_up()
        self._error = self._worded(error, is_removed=is_removed)
        return self._error

    def _worded(self, error: OSError, *, is_removed: bool) -> WnvError:
        if not is_removed and error.errno in _CLOSED_PIPE:
            return OutputClosed(f"{self.name}: the reader has closed it")
        rest = "the output was removed" if is_removed else "the output is incomplete"
        if error.errno in _SPACE:
            return WnvError(
                f"{self.name}: no space left on the device; {rest}",
                advice="Free some space, or write to another disk",
            )
        return WnvError(
            f"{self.name}: cannot be written ({_reason(error)}); {rest}",
            advice="See whether another program has it open" if is_removed else "",
        )


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # one of them is not there, or cannot be
        return False


def _followed(path: Path) -> Path:
    """The file that is meant, behind symbolic links: these stay, and their target is replaced."""
    return Path(os.path.realpath(path))


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
