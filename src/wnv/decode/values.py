"""Values of fields as columns, on NumPy alone.

Every class is made of contiguous buffers in the layout that Arrow has (values, offsets and bytes, children), so
that a store can take them as they are. `to_pylist` gives plain Python values: numbers, True and False, text, lists
and dictionaries; times as nanoseconds UTC; addresses, GUIDs and bytes as text. `shown` gives what a person reads.
Neither makes the text safe for a terminal: that is `wnv.text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wnv.arrays import BOOL, I64, U8, read_rows
from wnv.decode import words
from wnv.decode.description import ValueMap
from wnv.decode.words import Show

Value: TypeAlias = Any
"""int, float, bool, str, list or dict of these, or None: Any, since a recursive type says no more here."""


class Column(Protocol):
    """Values of one field, one a row (or one an element)."""

    def __len__(self) -> int: ...
    def to_pylist(self) -> list[Value]: ...
    def shown(self) -> list[str | None]: ...
    def take(self, rows: I64 | BOOL) -> Column: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Values of one fixed size: a numeric or boolean array, or bytes (`V4`, `V6`, `V16`) of addresses and GUIDs."""

    values: NDArray[Any]
    is_valid: BOOL | None = None
    """None = all are."""
    show: Show = Show.PLAIN
    map: ValueMap | None = None

    def __len__(self) -> int:
        return len(self.values)

    def to_pylist(self) -> list[Value]:
        if self.show in words.VALUES_ARE_TEXT:
            return list(self.shown())
        return _with_nulls(self.values.tolist(), self.is_valid)

    def shown(self) -> list[str | None]:
        if not len(self):
            return []
        raw = self.values.view(f"S{self.values.itemsize}") if self.values.dtype.kind == "V" else self.values
        distinct, inverse = np.unique(raw, return_inverse=True)
        if self.values.dtype.kind == "V":
            known: list[Any] = [one.ljust(self.values.itemsize, b"\0") for one in distinct.tolist()]
        else:
            known = distinct.tolist()
        texts = words.texts_of(known, self.show, self.map, distinct.dtype)
        return _with_nulls([texts[code] for code in inverse.reshape(-1).tolist()], self.is_valid)

    def take(self, rows: I64 | BOOL) -> Fixed:
        return Fixed(self.values[rows], None if self.is_valid is None else self.is_valid[rows], self.show, self.map)


@dataclass(frozen=True, slots=True)
class Texts:
    """Text: UTF-8 bytes, row k at `data[offsets[k] : offsets[k + 1]]`."""

    offsets: I64
    data: U8
    is_valid: BOOL | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to_pylist(self) -> list[Value]:
        raw, at = self.data.tobytes(), self.offsets.tolist()
        texts = [raw[at[k] : at[k + 1]].decode() for k in range(len(self))]
        return _with_nulls(texts, self.is_valid)

    def shown(self) -> list[str | None]:
        return self.to_pylist()

    def take(self, rows: I64 | BOOL) -> Texts:
        offsets, data = _take_ragged(self.offsets, self.data, rows)
        return Texts(offsets, data, None if self.is_valid is None else self.is_valid[rows])


@dataclass(frozen=True, slots=True)
class Blobs:
    """Bytes of any length, row k at `data[offsets[k] : offsets[k + 1]]`."""

    offsets: I64
    data: U8
    is_valid: BOOL | None = None
    show: Show = Show.BYTES

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to_pylist(self) -> list[Value]:
        return list(self.shown())

    def raw(self, row: int) -> bytes:
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def shown(self) -> list[str | None]:
        raw, at = self.data.tobytes(), self.offsets.tolist()
        texts = words.texts_of([raw[at[k] : at[k + 1]] for k in range(len(self))], self.show)
        return _with_nulls(texts, self.is_valid)

    def take(self, rows: I64 | BOOL) -> Blobs:
        offsets, data = _take_ragged(self.offsets, self.data, rows)
        return Blobs(offsets, data, None if self.is_valid is None else self.is_valid[rows], self.show)


@dataclass(frozen=True, slots=True)
class Ragged:
    """Arrays: row k has the elements `offsets[k]` to `offsets[k + 1] - 1` of `items`."""

    offsets: I64
    items: Column
    is_valid: BOOL | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to_pylist(self) -> list[Value]:
        items, at = self.items.to_pylist(), self.offsets.tolist()
        return _with_nulls([items[at[k] : at[k + 1]] for k in range(len(self))], self.is_valid)

    def shown(self) -> list[str | None]:
        items, at = self.items.shown(), self.offsets.tolist()
        texts = [f"[{', '.join(one or '' for one in items[at[k] : at[k + 1]])}]" for k in range(len(self))]
        return _with_nulls(texts, self.is_valid)

    def take(self, rows: I64 | BOOL) -> Ragged:
        offsets, places = _ragged_places(self.offsets, rows)
        return Ragged(offsets, self.items.take(places), None if self.is_valid is None else self.is_valid[rows])


@dataclass(frozen=True, slots=True)
class Record:
    """Fields side by side; `names` are unique."""

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    n: int

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, name: str) -> Column:
        return self.columns[self.names.index(name)]

    def to_pylist(self) -> list[Value]:
        if not self.columns:
            return [{} for _ in range(self.n)]
        rows = zip(*(column.to_pylist() for column in self.columns), strict=True)
        return [dict(zip(self.names, row, strict=True)) for row in rows]

    def shown(self) -> list[str | None]:
        if not self.columns:
            return ["{}"] * self.n
        rows = zip(*(column.shown() for column in self.columns), strict=True)
        return [f"{{{', '.join(_named(self.names, row))}}}" for row in rows]

    def take(self, rows: I64 | BOOL) -> Record:
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Record(self.names, tuple(column.take(index) for column in self.columns), len(index))


def _named(names: tuple[str, ...], row: tuple[str | None, ...]) -> list[str]:
    return [f"{name}={text}" for name, text in zip(names, row, strict=True) if text is not None]


def texts_from(column: Fixed | Blobs) -> Texts:
    """Addresses, GUIDs and SIDs as text, made once for each distinct value."""
    from wnv import kernels

    if isinstance(column, Fixed):
        raw: Any = column.values
        if raw.dtype.kind == "V":
            raw = raw.view(f"S{raw.itemsize}")
        distinct, inverse = np.unique(raw, return_inverse=True)
        known: list[Any] = distinct.tolist()
        if column.values.dtype.kind == "V":
            known = [one.ljust(column.values.itemsize, b"\0") for one in known]
        texts = words.texts_of(known, column.show, column.map, distinct.dtype)
    else:
        inverse, first = distinct_ranges(column.data, column.offsets[:-1], np.diff(column.offsets))
        texts = words.texts_of([column.raw(int(row)) for row in first], column.show)
    encoded = [text.encode() for text in texts]
    pool = np.frombuffer(bytearray().join(encoded), np.uint8)
    sizes = np.array([len(one) for one in encoded], np.int64)
    starts = np.cumsum(sizes) - sizes
    codes = inverse.reshape(-1)
    n_bytes = sizes[codes] if len(codes) else np.zeros(0, np.int64)
    if column.is_valid is not None:
        n_bytes = np.where(column.is_valid, n_bytes, 0)
    offsets = offsets_of(n_bytes)
    out = np.empty(int(offsets[-1]), np.uint8)
    if len(codes):
        kernels.copy_pieces(pool, starts[codes], n_bytes, out, offsets[:-1])
    return Texts(offsets, out, column.is_valid)


def distinct_ranges(data: U8, start: I64, n_bytes: I64) -> tuple[I64, I64]:
    """Numbers that equal byte ranges share, in order of first appearance; and the first row of each number.

    The caller has checked that the ranges lie in `data`.
    """
    import secrets

    from wnv import kernels

    n = len(start)
    slots = np.full(1 << (2 * n + 4).bit_length(), -1, np.int64)
    # Pages of the pool that no distinct range needs are never touched.
    pool = np.empty(int(n_bytes.sum()) + 1, np.uint8)
    pool_end = np.zeros(n + 2, np.int64)
    codes = np.empty(n, np.int64)
    kernels.number_ranges(data, start, n_bytes, secrets.randbits(40), slots, pool, pool_end, 0, codes)
    _, first = np.unique(codes, return_index=True)
    return codes, first


def offsets_of(counts: I64) -> I64:
    """Arrow's offsets of pieces of these sizes."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def read_values(data: U8, at: I64, kind: str) -> NDArray[Any]:
    """The values of NumPy's type `kind` at the places `at`, zero where the place is negative."""
    dtype = np.dtype(kind)
    there = at >= 0
    if there.all():
        raw: NDArray[Any] = read_rows(data, at, np.dtype(f"V{dtype.itemsize}")).view(dtype)
        return raw
    out = np.zeros(len(at), dtype)
    out[there] = read_rows(data, at[there], np.dtype(f"V{dtype.itemsize}")).view(dtype)
    return out


def _with_nulls(values: list[Any], is_valid: BOOL | None) -> list[Any]:
    if is_valid is None:
        return values
    return [value if valid else None for value, valid in zip(values, is_valid.tolist(), strict=True)]


def _ragged_places(offsets: I64, rows: I64 | BOOL) -> tuple[I64, I64]:
    """Offsets of the rows taken, and which elements they have."""
    counts = np.diff(offsets)[rows]
    taken = offsets_of(counts)
    places = np.arange(int(taken[-1])) + np.repeat(offsets[:-1][rows] - taken[:-1], counts)
    return taken, places


def _take_ragged(offsets: I64, data: U8, rows: I64 | BOOL) -> tuple[I64, U8]:
    taken, places = _ragged_places(offsets, rows)
    return taken, data[places]
