"""Queries that people type: each in a process of its own, which is killed when its time is over.

DuckDB's own limits hold back neither files nor memory nor time in every case. So the process has an address space of
limited size and DuckDB in it no files, no configuration and no tables but those of the trace; only rows come back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar

from wnv.errors import UsageError, WnvError
from wnv.sql.child import ERROR_CHARACTERS, Limits, write_request

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.sql.engine import Source

_T = TypeVar("_T")
_PACKAGES: Final = ("wnv", "duckdb", "_duckdb", "pyarrow", "numpy")
_START: Final = "import sys; sys.path[:0] = sys.argv[1:]; from wnv.sql.child import main; main()"
# `-I`: neither the current folder nor variables say where modules come from.
_OPTIONS: Final = ("-I", "-S", "-c", _START)
_KEPT_VARIABLES: Final = ("PATH", "SYSTEMROOT", "TEMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ")
_SECONDS_TO_END: Final = 5.0


class QueryError(UsageError):
    """A query that is none, or asks for what is not allowed. The message has DuckDB's mark below the place."""

    def lines(self) -> list[str]:
        return self.text.split("\n")


class Restricted:
    """The rows of a query, batch by batch, as they come. Use as a context.

    `schema` is there from the start. After the last batch `is_cut` says whether there were more rows than the limits
    allow. Raises `QueryError` if the query is wrong, `WnvError` if it takes too long or too much memory.
    """

    def __init__(self, tables: Mapping[str, Source], query: str, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._seconds_left = self._limits.seconds
        self._is_late = False
        self._said = b""
        self._process = _start()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.is_cut = False
        try:
            self._reader = self._timed(lambda: self._send(tables, query))
            self.schema: pa.Schema = self._reader.schema
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        """Take what the process says of errors, the end of it at most, so that it never waits for us."""
        assert self._process.stderr is not None
        while data := os.read(self._process.stderr.fileno(), 1 << 16):
            self._said = (self._said + data)[-8 * ERROR_CHARACTERS :]

    def _send(self, tables: Mapping[str, Source], query: str) -> pa.RecordBatchReader:
        import pyarrow as pa

        stdin = self._process.stdin
        assert stdin is not None
        write_request(stdin, tables, query, self._limits)
        stdin.close()
        return pa.ipc.open_stream(self._process.stdout)

    def _timed(self, work: Callable[[], _T]) -> _T:
        """The result of `work`, for which we wait no longer than the query may still take."""
        import pyarrow as pa

        timer = threading.Timer(max(0.0, self._seconds_left), self._kill_late)
        timer.daemon = True
        started = time.monotonic()
        timer.start()
        try:
            return work()
        except (pa.ArrowException, OSError):
            self._fail()
        finally:
            timer.cancel()
            self._seconds_left -= time.monotonic() - started

    def _kill_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _fail(self) -> NoReturn:
        """Say why there are no more rows."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        self._listener.join(_SECONDS_TO_END)
        if self._is_late:
            raise WnvError(
                f"the query took longer than {self._limits.seconds:g} seconds",
                advice="Ask for less, or allow it more.",
            )
        kind, text = _reason(self._said)
        if kind == "query":
            raise QueryError(text, advice="SQL here reads the tables of the recording, and nothing else.")
        if kind == "internal":
            raise WnvError(f"the query failed: {text}")
        raise WnvError(
            f"the query needs more than {self._limits.memory_bytes >> 20:,} MiB of memory, or more time than it has",
            advice="Ask for less, or allow it more.",
        )  # fmt: skip

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        n_rows, n_bytes = 0, 0
        while True:
            batch = self._timed(self._next)
            if batch is None:
                return
            n_bytes += batch.nbytes
            room = self._limits.rows - n_rows
            if batch.num_rows > room or n_bytes > self._limits.result_bytes:
                self.is_cut = True
                self.close()
                if n_bytes <= self._limits.result_bytes and room:
                    yield batch.slice(0, room)
                return
            n_rows += batch.num_rows
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        with suppress(StopIteration):
            return self._reader.read_next_batch()
        return None

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.wait()
        self._listener.join(_SECONDS_TO_END)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _start() -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise WnvError("there is no Python interpreter to start for the query", advice="Run wnv by `python -m wnv`.")
    variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    variables |= {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}  # others set aside more addresses
    return subprocess.Popen(
        [sys.executable, *_OPTIONS, *_folders()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=variables, cwd=Path(sys.executable).anchor or None,
        start_new_session=True,  # Ctrl-C is for us: we end it
    )  # fmt: skip


def _folders() -> list[str]:
    """Where the packages that the process needs are."""
    found = []
    for name in _PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            place = Path(spec.origin).absolute().parent
            found.append(str(place.parent if spec.submodule_search_locations else place))
    return list(dict.fromkeys(found))


def _reason(said: bytes) -> tuple[str, str]:
    """What the process said last: the kind of error, and its text."""
    for line in reversed(said.decode("utf-8", "replace").splitlines()):
        with suppress(ValueError):
            reason = json.loads(line)
            if isinstance(reason, dict) and isinstance(reason.get("kind"), str):
                return reason["kind"], str(reason.get("text", ""))[:ERROR_CHARACTERS]
    return "", ""
