"""One table as a Parquet file: written row group by row group, opened only if it is what it should be."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from wnv.errors import WnvError
from wnv.schema import Kind, Table
from wnv.store.arrow import DISTINCT, TEXT_KINDS, StoredData, arrow_schema, record_batch, written_schema

GROUP_ROWS: Final = 1 << 14
"""A row group has at least so many rows, unless it is the last."""
_SMALL_GROUPS: Final = 128  # with more of them, their descriptions in the footer would cost time and memory
_LARGE_GROUP_ROWS: Final = 1 << 16
GROUP_ROWS_MAX: Final = 1 << 20
_READ_ROWS_MAX: Final = 1 << 24  # in a group; what states more is hostile
_READ_BYTES_MAX: Final = 4 * 2**30
_LEVEL: Final = 1
READ_ERRORS: Final = (OSError, ValueError, KeyError, MemoryError, pa.ArrowException)
"""What reading a damaged file can raise: names and texts in it need not be UTF-8."""
_RISING: Final = frozenset({"event_row", "observation_id", "frame_id", "journey_id", "ts_ns", "ticks"})
"""Numbers that (nearly) always grow: their differences are small."""


def file_name(table: Table) -> str:
    return f"{table.name}.parquet"


class TableWriter:
    """Writes the rows of one table in the order they are given; `close` ends the file."""

    def __init__(self, folder: Path, table: Table) -> None:
        self._table = table
        self._waiting: list[pa.RecordBatch] = []
        self._n_waiting = self._n_groups = 0
        self.n_rows = 0
        coded = [one.name for one in table.columns if one.kind in TEXT_KINDS and one.name not in DISTINCT]
        rising = {one.name: "DELTA_BINARY_PACKED" for one in table.columns if one.name in _RISING}
        coded += [one.name for one in table.columns if one.kind in (Kind.INTEGER, Kind.TIME) and one.name not in rising]
        self._writer = pq.ParquetWriter(
            folder / file_name(table), written_schema(table), compression="zstd", compression_level=_LEVEL,
            use_dictionary=coded, column_encoding=rising, store_schema=False,
            write_statistics=list(rising),
        )  # fmt: skip

    def add(self, columns: Mapping[str, StoredData]) -> None:
        """Rows as columns; see `stages.ColumnData`."""
        self.add_batch(record_batch(self._table, columns))

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Rows as Arrow has them, of the `written_schema`."""
        if not batch.num_rows:
            return
        self._waiting.append(batch)
        self._n_waiting += batch.num_rows
        self.n_rows += batch.num_rows
        if self._n_waiting >= (GROUP_ROWS if self._n_groups < _SMALL_GROUPS else _LARGE_GROUP_ROWS):
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows = pa.Table.from_batches(self._waiting)
        if len(self._waiting) > 1:
            rows = rows.unify_dictionaries().combine_chunks()
        self._waiting, self._n_waiting = [], 0
        self._writer.write_table(rows, GROUP_ROWS_MAX)
        self._n_groups += 1

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """End the file although rows are missing; it is about to be removed."""
        self._waiting = []
        self._writer.close()


def open_table(folder: Path, table: Table, n_rows: int | None = None) -> ds.Dataset:
    """The file of `table` in `folder` as a dataset with the types that `schema` declares.

    Raises `WnvError` where there is none, it is a link, is no Parquet, or does not have these columns (or, where
    given, this number of rows).
    """
    path = folder / file_name(table)
    wanted = arrow_schema(table)
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise _misfit(path, "is no regular file")
        found = pq.ParquetFile(path)
        with found:
            schema, stated = found.schema_arrow, found.metadata
            if {one.name: one.type for one in schema} != {one.name: one.type for one in wanted}:
                raise _misfit(path, "has other columns than this table")
            if n_rows is not None and stated.num_rows != n_rows:
                raise _misfit(path, f"has {stated.num_rows:,} rows where {n_rows:,} were written")
            groups = [stated.row_group(number) for number in range(stated.num_row_groups)]
            if any(one.num_rows > _READ_ROWS_MAX or one.total_byte_size > _READ_BYTES_MAX for one in groups):
                raise _misfit(path, "states row groups larger than wnv writes")
        return ds.dataset(path, wanted, "parquet")
    except FileNotFoundError:
        raise _misfit(path, "is missing") from None
    except READ_ERRORS as error:
        raise damaged(path, error) from None


def read_table(dataset: ds.Dataset) -> pa.Table:
    """All rows. Raises `WnvError` where the file turns out to be damaged."""
    try:
        rows = dataset.to_table()
        rows.validate(full=True)  # texts are not checked while they are read
    except READ_ERRORS as error:
        raise damaged(Path(dataset.files[0]), error) from None
    return rows


def damaged(path: Path, error: Exception) -> WnvError:
    """What to raise for what Arrow found wrong in a file."""
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return _misfit(path, f"cannot be read ({reason})")


def _misfit(path: Path, what: str) -> WnvError:
    return WnvError(f"{path}: {what}", advice="Import the recording again.")
