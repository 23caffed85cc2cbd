"""Decoding all events of one kind at once, field by field (etl-format.md, section 9.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wnv.arrays import BOOL, I64, U8, read_rows
from wnv.decode.description import EventDescription, InType
from wnv.decode.intypes import column_at, fixed_column
from wnv.decode.program import Node, Prefix, Program, build_program
from wnv.decode.values import Column, Ragged, Record, Value, offsets_of
from wnv.errors import UsageError


class Fit(IntEnum):
    """How far the payload of an event fits its description."""

    WHOLE = 0
    """Every field is there; bytes may be left behind them."""
    CUT = 1
    """The payload ends early, or a count or length in it is larger than it: the fields before are there."""
    UNKNOWN = 2
    """Nobody knows the layout from some field on: the fields before are there."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The fields of all events of one kind, a row an event; null = not there."""

    description: EventDescription
    fields: Record
    fit: U8
    """A `Fit`."""
    n_left: I64
    """Bytes behind the last field that was read."""
    first_unsure: int
    """Fields from this number on rest on a layout that nobody is sure of; their number if there are none."""

    def __len__(self) -> int:
        return len(self.fit)

    @property
    def is_whole(self) -> BOOL:
        fits: BOOL = self.fit == Fit.WHOLE
        return fits

    @property
    def is_exact(self) -> BOOL:
        """Decoded to the last byte."""
        exact: BOOL = self.is_whole & (self.n_left == 0)
        return exact

    @property
    def unsure(self) -> tuple[str, ...]:
        """Names of the fields that are marked as unsure."""
        return self.fields.names[self.first_unsure :]

    def to_pylist(self) -> list[Value]:
        """A dictionary an event."""
        return self.fields.to_pylist()

    def take(self, rows: I64 | BOOL) -> Decoded:
        return Decoded(self.description, self.fields.take(rows), self.fit[rows], self.n_left[rows], self.first_unsure)


def decode_kind(
    data: U8,
    start: I64,
    n_bytes: I64,
    pointer_bytes: I64,
    description: EventDescription,
    program: Program | None = None,
) -> Decoded:
    """Decode the payloads `data[start : start + n_bytes]`; nothing in them raises.

    `pointer_bytes`: 4 or 8 for each event. `program`, if it was built before, saves to build it again.
    """
    end = start + n_bytes
    if len(start) and (int(start.min()) < 0 or int(n_bytes.min()) < 0 or int(end.max()) > len(data)):
        raise UsageError(f"payloads outside the {len(data)} bytes given")
    program = build_program(description.fields) if program is None else program
    narrow = pointer_bytes == 4
    width = 8 if not narrow.any() else 4 if narrow.all() else 0
    walked = _Walk(data, start, end, np.where(narrow, 4, 8), width, program)
    names = tuple(node.name for node in program.nodes)
    fields = Record(names, tuple(walked.column(node) for node in program.nodes), len(start))
    return Decoded(description, fields, walked.fit, end - walked.position, program.first_unsure)


class _Walk:
    """Where the values of one kind of event are: first those in fixed places, then what the kernel finds."""

    def __init__(self, data: U8, start: I64, end: I64, pointer_bytes: I64, width: int, program: Program) -> None:
        self._data, self._start, self._width = data, start, width
        self._prefix = prefix = program.prefix(width)
        self._n_there = end - start
        self._rows: NDArray[Any] | None = None
        self._places = {place.row: place for place in prefix.places}
        is_short = self._n_there < prefix.n_bytes
        self._has_short = bool(is_short.any())
        if not self._has_short and prefix.places:
            self._rows = read_rows(data, start, _row_type(program, prefix, width))
        self.fit: U8 = np.where(is_short, np.uint8(Fit.CUT), np.uint8(Fit.WHOLE))
        self.position = start + prefix.n_bytes
        if self._has_short:
            ends = np.array([0, *(place.offset + place.n_bytes for place in prefix.places)], np.int64)
            fitting = ends[np.searchsorted(ends, self._n_there, "right") - 1]
            self.position = start + np.minimum(fitting, prefix.n_bytes)
        if prefix.next_row < len(program):
            self._find(data, start, end, pointer_bytes, program)

    def _find(self, data: U8, start: I64, end: I64, pointer_bytes: I64, program: Program) -> None:
        from wnv import kernels

        table, first, n = self._prefix.table, self._prefix.next_row, len(program)
        self._value_base = self._array_base = np.zeros(n, np.int64)
        nothing = np.zeros(0, np.int64)
        n_values, n_arrays = np.zeros(n, np.int64), np.zeros(n, np.int64)
        if program.has_arrays:
            kernels.walk_fields(
                data, start, end, pointer_bytes, table, first, self.position.copy(), self.fit.copy(), n_values,
                n_arrays, self._value_base, self._array_base, nothing, nothing, nothing, False,
            )  # fmt: skip
        else:
            n_values[first:] = len(start)
        self._value_base, self._array_base = offsets_of(n_values), offsets_of(n_arrays)
        self._at = np.empty(int(self._value_base[-1]), np.int64)
        self._bytes = np.empty(int(self._value_base[-1]), np.int64)
        self._count = np.empty(int(self._array_base[-1]), np.int64)
        n_values[:] = n_arrays[:] = 0
        kernels.walk_fields(
            data, start, end, pointer_bytes, table, first, self.position, self.fit, n_values, n_arrays,
            self._value_base, self._array_base, self._at, self._bytes, self._count, True,
        )  # fmt: skip

    def column(self, node: Node) -> Column:
        """The values of a field: a row an event, or an element of the array of structures that it is in."""
        if not node.is_array:
            return self._one(node)
        counts = self._count[self._array_base[node.row] : self._array_base[node.row + 1]]
        offsets = offsets_of(np.maximum(counts, 0))
        there = counts >= 0
        return Ragged(offsets, self._one(node, int(offsets[-1])), None if there.all() else there)

    def _one(self, node: Node, n_elements: int = -1) -> Column:
        if node.members:
            columns = tuple(self.column(member) for member in node.members)
            return Record(tuple(member.name for member in node.members), columns, len(columns[0]))
        place = self._places.get(node.row)
        if place is None:
            values = slice(self._value_base[node.row], self._value_base[node.row + 1])
            return column_at(self._data, self._at[values], self._bytes[values], self._width, node)
        is_there = self._n_there >= place.offset + place.n_bytes if self._has_short else None
        if self._rows is not None and node.dtype and node.field.in_type is not InType.NULL:
            return fixed_column(np.ascontiguousarray(self._rows[f"f{place.row}"]), None, node)
        at = self._start + place.offset
        if is_there is not None:
            at = np.where(is_there, at, -1)
        return column_at(self._data, at, np.full(len(at), place.n_bytes, np.int64), self._width, node)


def _row_type(program: Program, prefix: Prefix, width: int) -> np.dtype[np.void]:
    """A fixed prefix as one structure: only fields of fixed type are named."""
    named = [(place, program.all_nodes[place.row]) for place in prefix.places]
    named = [(place, node) for place, node in named if node.dtype]
    return np.dtype({
        "names": [f"f{place.row}" for place, _ in named],
        "formats": [f"<u{width}" if node.dtype == "P" else node.dtype for _, node in named],
        "offsets": [place.offset for place, _ in named],
        "itemsize": prefix.n_bytes,
    })  # fmt: skip
