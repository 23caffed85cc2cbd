"""The process in which a query that somebody typed runs: it reads a request, limits itself, and answers with rows.

Standard input: the length of the request (4 bytes, little endian), the request in JSON, then an Arrow stream for each
table that is not a file. Standard output: the rows as an Arrow stream. Standard error: a line of JSON if it fails.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from wnv.sql.engine import connect

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds

    from wnv.sql.engine import Source

FAILED: Final = 3
"""Exit code: the line on standard error says why."""
ERROR_CHARACTERS: Final = 4000
_LENGTH: Final = struct.Struct("<I")
_THREADS: Final = 2
_BATCH_ROWS: Final = 2048  # rows may be wide
_PIECE_ROWS: Final = 1 << 14
_DUCKDB_SHARE: Final = 0.75  # of the memory: the rest is for what DuckDB does not count
_ALLOWED: Final = ("SELECT", "EXPLAIN")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query that somebody typed may take."""

    seconds: float = 30.0
    """Of waiting for its rows."""
    rows: int = 1_000_000
    result_bytes: int = 1 << 28
    memory_bytes: int = 1 << 30
    """Of its process, beside what that takes before it begins."""


def write_request(stream: IO[bytes], tables: Mapping[str, Source], query: str, limits: Limits) -> None:
    """Send what `main` reads."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    places: dict[str, dict[str, Any] | None] = {}  # Any: JSON
    for name, rows in tables.items():
        if isinstance(rows, ds.FileSystemDataset):
            schema = base64.b64encode(rows.schema.serialize().to_pybytes()).decode()
            places[name] = {"files": [os.path.abspath(file) for file in rows.files], "schema": schema}  # noqa: PTH100
        else:
            places[name] = None
    request = json.dumps({"query": query, "limits": asdict(limits), "tables": places}).encode()
    stream.write(_LENGTH.pack(len(request)) + request)
    for name, place in places.items():
        if place is None:
            rows = tables[name]
            whole = rows.to_table() if isinstance(rows, ds.Dataset) else rows
            with pa.ipc.new_stream(stream, whole.schema) as writer:
                writer.write_table(whole)
    stream.flush()


def _read_request(stream: IO[bytes]) -> tuple[dict[str, Source], str, Limits]:
    import pyarrow as pa
    import pyarrow.dataset as ds

    (size,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    request = json.loads(stream.read(size))
    tables: dict[str, Source] = {}
    for name, place in request["tables"].items():
        if place is None:
            tables[name] = pa.ipc.open_stream(stream).read_all()
        else:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(place["schema"])))
            tables[name] = _frugal(ds.dataset(place["files"], schema, format="parquet"))
    return tables, request["query"], Limits(**request["limits"])


def _frugal(dataset: ds.FileSystemDataset) -> ds.FileSystemDataset:
    """The same, read piece by piece: Arrow reads sixteen pieces ahead, more than the memory holds."""
    import pyarrow.dataset as ds

    class Frugal(ds.FileSystemDataset):  # type: ignore[misc] # pyarrow has no types
        def scanner(self, **chosen: Any) -> ds.Scanner:  # Any: columns and filter
            return super().scanner(
                **chosen, batch_size=_PIECE_ROWS, batch_readahead=1, fragment_readahead=1, cache_metadata=False
            )

    return Frugal(list(dataset.get_fragments()), dataset.schema, dataset.format, dataset.filesystem)


def _limit_process(limits: Limits) -> None:
    """Bound memory and processor time, and write to no file, as far as the system lets a process do that to itself."""
    if sys.platform == "win32":
        from wnv.sql.windows import limit_memory

        limit_memory(limits.memory_bytes)
        return
    import resource

    def limit(kind: int, value: int) -> None:
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):  # macOS knows some of them and takes none; DuckDB's own limit is left
            return

    limit(resource.RLIMIT_AS, _used_bytes() + limits.memory_bytes)
    limit(resource.RLIMIT_CPU, int(limits.seconds * _THREADS) + 10)  # should the parent be gone
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_CORE, 0)


def _used_bytes() -> int:
    """Address space in use."""
    try:
        with open("/proc/self/statm", "rb") as stream:  # noqa: PTH123 - no file, and nothing more is imported for it
            return int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux
        return 1 << 31


def open_connection(tables: Mapping[str, Source], limits: Limits) -> duckdb.DuckDBPyConnection:
    """A connection whose settings no query can change."""
    memory = f"memory_limit = '{int(limits.memory_bytes * _DUCKDB_SHARE)}B'"
    settings = [f"threads = {_THREADS}", memory, "lock_configuration = true"]
    return connect(tables, settings, is_handed_in=True)


def _run(tables: Mapping[str, Source], query: str, limits: Limits, out: IO[bytes]) -> None:
    import duckdb
    import pyarrow as pa

    connection = open_connection(tables, limits)
    _limit_process(limits)
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        _fail("query", f"one query was expected, and there are {len(statements)}")
    if statements[0].type.name not in _ALLOWED:
        _fail("query", f"only SELECT is allowed here, not {statements[0].type.name}")
    try:
        relation = connection.sql(query)
    except duckdb.Error:
        connection.execute(query)  # fails the same way, and says at which place
        raise
    if relation is None:
        _fail("query", "the query gives no rows")
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    with pa.ipc.new_stream(out, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            out.flush()


def _fail(kind: str, text: str) -> NoReturn:
    sys.stderr.write("\n" + json.dumps({"kind": kind, "text": text[:ERROR_CHARACTERS]}) + "\n")
    sys.stderr.flush()
    os._exit(FAILED)  # no clean-up, which might need memory


def _own_stdout() -> IO[bytes]:
    """Standard output for us alone: a library that writes there (DuckDB, a progress bar) writes to nowhere."""
    out = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return out


def main() -> None:
    """What the process does."""
    import duckdb

    out = _own_stdout()
    try:
        _run(*_read_request(sys.stdin.buffer), out)
        out.flush()
    except (duckdb.OutOfMemoryException, MemoryError):
        _fail("memory", "")
    except duckdb.Error as error:
        _fail("query", str(error))
    except BrokenPipeError:  # enough rows were read
        os._exit(0)
    except Exception as error:
        if "Out of Memory" in str(error):  # as Arrow hands it on
            _fail("memory", "")
        _fail("internal", f"{type(error).__name__}: {error}")
    os._exit(0)
