"""Columns of ours as Arrow arrays: the types that `schema` declares, and how nulls are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wnv.arrays import BOOL, I64, U8, Rows
from wnv.clock import NO_TIME
from wnv.packets.headers import Texts
from wnv.packets.info import Lines
from wnv.providers.stages import ColumnData, RowLists
from wnv.schema import Column, Kind, Table

_TYPES: dict[Kind, pa.DataType] = {
    Kind.INTEGER: pa.int64(), Kind.UNSIGNED: pa.uint64(), Kind.TIME: pa.int64(), Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(), Kind.TEXT: pa.string(), Kind.GUID: pa.string(), Kind.JSON: pa.string(),
    Kind.BYTES: pa.binary(), Kind.ROWS: pa.list_(pa.int64()),
}  # fmt: skip
_CODED = pa.dictionary(pa.int32(), pa.string())
DISTINCT = frozenset({"info", "activity_id", "related_activity_id"})
"""Texts of which most values differ."""
TEXT_KINDS = frozenset({Kind.TEXT, Kind.GUID, Kind.JSON})
GUID_ORDER = np.array([3, 2, 1, 0, 5, 4, 7, 6, *range(8, 16)])
GUID_CHARACTERS = 36
GUID_PLACES = np.array([k for k in range(GUID_CHARACTERS) if k not in (8, 13, 18, 23)])
_HEX = np.frombuffer(b"".join(b"%02x" % value for value in range(256)), np.uint8).reshape(256, 2)


@dataclass(frozen=True, slots=True)
class ByteRanges:
    """A column of bytes: row k is `data[start[k] : start[k] + n_bytes[k]]`.

    With `hole_start`, `hole_bytes` bytes from there on (a place in `data`) are left out; both 0 where nothing is.
    """

    data: U8
    start: I64
    n_bytes: I64
    is_given: BOOL | None = None
    """None = all are; others are null."""
    hole_start: I64 | None = None
    hole_bytes: I64 | None = None

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Guids16:
    """A column of GUIDs that are too many to number: their 16 stored bytes."""

    raw: Rows
    is_given: BOOL

    def __len__(self) -> int:
        return len(self.raw)


StoredData: TypeAlias = ColumnData | ByteRanges | Guids16 | Lines


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow types of a table, as they are read."""
    return pa.schema([pa.field(one.name, _TYPES[one.kind], one.is_nullable) for one in table.columns])


def written_schema(table: Table) -> pa.Schema:
    """The same, with texts coded: written so without being numbered again, and read as plain texts."""
    return pa.schema([
        pa.field(one.name, _CODED if _is_coded(one) else _TYPES[one.kind], one.is_nullable) for one in table.columns
    ])  # fmt: skip


def _is_coded(column: Column) -> bool:
    return column.kind in TEXT_KINDS and column.name not in DISTINCT


def record_batch(table: Table, columns: Mapping[str, StoredData]) -> pa.RecordBatch:
    """Rows of a table; a nullable column that is not given is null in all of them.

    Raises `ValueError` where columns lack, are not declared, or are of unequal length.
    """
    wanted = {one.name for one in table.columns if not one.is_nullable}
    if odd := (wanted - columns.keys()) | (columns.keys() - set(table.names)):
        raise ValueError(f"columns of {table.name}: {', '.join(sorted(odd))}: declared or given, not both")
    schema, n = written_schema(table), len(next(iter(columns.values())))
    arrays = [
        arrow_array(column, columns[column.name]) if column.name in columns else pa.nulls(n, schema.field(number).type)
        for number, column in enumerate(table.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def arrow_array(column: Column, data: StoredData) -> pa.Array:
    """One column; see `stages.ColumnData` for what stands for null."""
    if isinstance(data, Texts):
        return _coded(data) if _is_coded(column) else _coded(data).cast(pa.string())
    if isinstance(data, ByteRanges):
        return _binary(data)
    if isinstance(data, Guids16):
        return guid_texts(data)
    if isinstance(data, Lines):
        buffers = [None, pa.py_buffer(data.offset.astype(np.int32)), pa.py_buffer(data.data)]
        return pa.Array.from_buffers(pa.string(), len(data), buffers)
    if isinstance(data, RowLists):
        return pa.ListArray.from_arrays(pa.array(data.offsets.astype(np.int32)), pa.array(data.values))
    if isinstance(data, np.ndarray):
        return _numbers(column, data)
    return _listed(column, data)


def _listed(column: Column, values: Sequence[Any]) -> pa.Array:  # Any: of the column's type
    array = pa.array(values, _TYPES[column.kind])
    return array.dictionary_encode() if _is_coded(column) else array


def _numbers(column: Column, values: NDArray[Any]) -> pa.Array:  # Any: number or truth value
    kind = _TYPES[column.kind]
    if column.kind not in (Kind.FLAG, Kind.NUMBER) and values.dtype != kind.to_pandas_dtype():
        values = values.astype(kind.to_pandas_dtype())
    null: BOOL | None = None
    if isinstance(values, np.ma.MaskedArray):
        null, values = np.ma.getmaskarray(values), values.data
    elif column.is_nullable:
        null = _is_null(column.kind, values)
    if null is None or not null.any():
        return pa.array(values, kind)
    return pa.array(values, kind, mask=null)


def _is_null(kind: Kind, values: NDArray[Any]) -> BOOL | None:  # Any: number or truth value
    if kind is Kind.INTEGER:
        return np.asarray(values == -1)
    if kind is Kind.TIME:
        return np.asarray(values == NO_TIME)
    return np.isnan(values) if kind is Kind.NUMBER else None


def _coded(texts: Texts) -> pa.Array:
    """Only the values that rows have: the list of all can be longer than they are many."""
    used = np.zeros(len(texts.values) + 1, np.bool_)
    used[texts.code] = True  # -1 is the last
    has_null = bool(used[-1])
    numbers = np.flatnonzero(used[:-1])
    code = texts.code
    if len(numbers) < len(texts.values):
        new = np.full(len(used), -1, np.int32)
        new[numbers] = np.arange(len(numbers), dtype=np.int32)
        code = new[code]
    values = texts.values
    kept = values if len(numbers) == len(values) else [values[number] for number in numbers.tolist()]
    indices = pa.array(code.astype(np.int32, copy=False), mask=code < 0 if has_null else None)
    # Text from a recording may hold lone surrogates, which UTF-8 has no place for.
    try:
        dictionary = pa.array(kept, pa.string())
    except UnicodeEncodeError:
        dictionary = pa.array([text.encode("utf-8", "replace").decode() for text in kept], pa.string())
    coded = pa.DictionaryArray.from_arrays(indices, dictionary)
    # Parquet takes a dictionary as it is, and reads another text where one stands in it twice.
    return coded if len(set(kept)) == len(kept) else coded.cast(pa.string()).dictionary_encode()


def _binary(ranges: ByteRanges) -> pa.Array:
    from wnv import kernels

    start, n_bytes, given = ranges.start, ranges.n_bytes, ranges.is_given
    if given is not None:
        n_bytes = np.where(given, n_bytes, 0)
    kept = n_bytes if ranges.hole_bytes is None else n_bytes - ranges.hole_bytes
    offsets = np.zeros(len(start) + 1, np.int64)
    np.cumsum(kept, out=offsets[1:])
    out = np.empty(int(offsets[-1]), np.uint8)
    if ranges.hole_start is None or ranges.hole_bytes is None:
        kernels.copy_pieces(ranges.data, start, n_bytes, out, offsets[:-1])
    else:
        has_hole = ranges.hole_bytes > 0
        before = np.where(has_hole, ranges.hole_start - start, n_bytes)
        kernels.copy_pieces(ranges.data, start, before, out, offsets[:-1])
        behind = ranges.hole_start + ranges.hole_bytes
        rows = np.flatnonzero(has_hole & (behind < start + n_bytes))
        kernels.copy_pieces(
            ranges.data, behind[rows], (start + n_bytes - behind)[rows], out, (offsets[:-1] + before)[rows]
        )
    validity = None if given is None or given.all() else pa.array(given).buffers()[1]
    buffers = [validity, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.binary(), len(start), buffers)


def guid_texts(guids: Guids16) -> pa.Array:
    """Lower case, without braces; null where not given."""
    rows = np.flatnonzero(guids.is_given)
    if not len(rows):
        return pa.nulls(len(guids), pa.string())
    raw = np.ascontiguousarray(guids.raw[rows]).view(np.uint8).reshape(-1, 16)
    text = np.full((len(rows), GUID_CHARACTERS), ord("-"), np.uint8)
    text[:, GUID_PLACES] = _HEX[raw[:, GUID_ORDER]].reshape(len(rows), 32)
    offsets = np.zeros(len(guids) + 1, np.int32)
    np.cumsum(guids.is_given * np.int32(GUID_CHARACTERS), out=offsets[1:])
    validity = None if len(rows) == len(guids) else pa.array(guids.is_given).buffers()[1]
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(guids), buffers)
