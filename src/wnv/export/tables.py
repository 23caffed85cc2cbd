"""Rows of tables, as Arrow batches, to Parquet, CSV, JSON and JSON lines.

Text in rows is hostile: what a terminal would act on is escaped in text formats, and in CSV what a spreadsheet would
compute. Parquet gets the rows as they are.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from wnv.errors import UsageError
from wnv.export.target import Target
from wnv.text import csv_cell, json_escaped

if TYPE_CHECKING:
    import pyarrow as pa

Write: TypeAlias = Callable[[str], object]
SUFFIXES: Final = (".parquet", ".csv", ".jsonl", ".json")
"""Of files that are written here."""


class BatchWriter(Protocol):
    """Takes batches of one schema, then is closed."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class JsonWriter:
    """An array of objects, or with `is_lines` an object a line."""

    def __init__(self, write: Write, schema: pa.Schema, *, is_lines: bool) -> None:
        self._write, self._names, self._is_lines = write, distinct_names(schema.names), is_lines
        self._is_first = True

    def write(self, batch: pa.RecordBatch) -> None:
        rows = [
            json_escaped(json.dumps(dict(zip(self._names, row, strict=True)), ensure_ascii=False))
            for row in zip(*plain_columns(batch), strict=True)
        ]
        if not rows:
            return
        if self._is_lines:
            self._write("\n".join(rows) + "\n")
        else:
            self._write(("[\n" if self._is_first else ",\n") + ",\n".join(rows))
        self._is_first = False

    def close(self) -> None:
        if not self._is_lines:
            self._write("[]\n" if self._is_first else "\n]\n")


class CsvWriter:
    """A line of names, then a line a row. Unless `raw`, an apostrophe keeps spreadsheets from running cells."""

    def __init__(self, write: Write, schema: pa.Schema, *, raw: bool = False) -> None:
        self._write, self._raw = write, raw
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(distinct_names(schema.names))
        write(head.getvalue())

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        columns = [self._column(column) for column in batch.columns]
        names = [str(number) for number in range(len(columns))]  # those of a query need not differ
        out = io.BytesIO()
        options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
        arrow_csv.write_csv(pa.RecordBatch.from_arrays(columns, names), out, options)
        self._write(out.getvalue().decode())

    def _column(self, column: pa.Array) -> pa.Array:
        """Numbers, or texts that are safe to show."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_integer(column.type):
            return column
        if pa.types.is_float64(column.type):
            return pc.if_else(pc.is_finite(column), column, None)
        if not pa.types.is_string(column.type):
            column = pa.array([_csv_text(_plain(value)) for value in column.to_pylist()], pa.string())
        if self._raw:
            return column
        # Most columns have few different texts.
        coded = column.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        safe = [csv_cell(text) for text in texts]
        if safe == texts:
            return column
        return pa.array(safe, pa.string()).take(coded.indices)

    def close(self) -> None:
        """Nothing is left to write."""


class ParquetWriter:
    """Parquet, zstd-compressed."""

    def __init__(self, target: Target, schema: pa.Schema) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = distinct_names(schema.names)
        self._schema = pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
        self._writer = pq.ParquetWriter(_Sink(target), self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._n_waiting = 0

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        self._waiting.append(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))
        self._n_waiting += batch.num_rows
        if self._n_waiting >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._n_waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), _GROUP_ROWS)
        self._waiting, self._n_waiting = [], 0

    def close(self) -> None:
        self._flush()
        self._writer.close()


_GROUP_ROWS: Final = 1 << 17


class _Sink(io.RawIOBase):
    """A `Target` as Arrow wants files."""

    def __init__(self, target: Target) -> None:
        self._target, self._place = target, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # Any: a buffer
        view = memoryview(data).cast("B")
        self._target.write(view)
        self._place += len(view)
        return len(view)

    def tell(self) -> int:
        return self._place


def file_writer(target: Target, suffix: str, schema: pa.Schema, *, raw: bool = False) -> BatchWriter:
    """What writes rows to a file of that suffix. Raises `UsageError` for one that is not in `SUFFIXES`."""

    def write(text: str) -> None:
        target.write(text.encode())

    match suffix:
        case ".parquet":
            return ParquetWriter(target, schema)
        case ".csv":
            return CsvWriter(write, schema, raw=raw)
        case ".jsonl" | ".json":
            return JsonWriter(write, schema, is_lines=suffix == ".jsonl")
    raise UsageError(f"no table can be written as {suffix!r}", advice=f"There are: {', '.join(SUFFIXES)}.")


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names of columns, told apart by a number where a query gives two of them the same."""
    taken: set[str] = set()
    found = []
    for name in names:
        one, number = name, 1
        while one in taken:
            number += 1
            one = f"{name}_{number}"
        taken.add(one)
        found.append(one)
    return found


def plain_columns(batch: pa.RecordBatch) -> Iterator[list[Any]]:  # Any: what JSON has
    """The columns as lists of values that JSON has; bytes in hexadecimal, times and other kinds as text."""
    import pyarrow as pa

    for column in batch.columns:
        values = column.to_pylist()
        kind = column.type
        is_plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)
        yield values if is_plain else [_plain(value) for value in values]


def _csv_text(value: Any) -> str | None:  # Any: what JSON has
    """Numbers and truth values as Python writes them."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)


def _plain(value: Any) -> Any:  # Any: of any kind that Arrow has
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value)
