"""A description's fields as a program: one row a field, for the compiled walk and for reading fixed prefixes.

Structures stand before their members. What has a fixed place in every payload (all fields before it have a fixed
size) is read as a column at once; `kernels.walk_fields` finds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from wnv.arrays import I64
from wnv.decode.description import FieldDescription, InType, OutType
from wnv.decode.words import Show, show_of

FIELDS_MAX: Final = 4096
"""Of one kind of event, members included; what is behind them is not decoded."""
PREFIX_BYTES_MAX: Final = 1024
ELEMENTS_PER_BYTE, ELEMENTS_MORE = 4, 16
"""Elements (members of structures each) that the arrays of one event can have, as `kernels.walk_fields` bounds them:
by its payload, and some more, since there are elements without bytes."""
_FIXED_BINARY_MAX: Final = 64
_GUID_BYTES: Final = 16
_POINTER: Final = 9  # in the column FIELD_INTEGER


@dataclass(frozen=True, slots=True)
class Node:
    """A field in its place."""

    field: FieldDescription
    name: str
    """Unique beside its siblings."""
    row: int
    behind: int
    """The row behind it and its members."""
    show: Show
    dtype: str
    """NumPy's name of a value of fixed size; empty for text, bytes of any length, structures. `P`: a pointer."""
    members: tuple[Node, ...] = ()

    @property
    def is_array(self) -> bool:
        return self.field.count is not None or self.field.is_counted


@dataclass(frozen=True, slots=True)
class Place:
    """A field of fixed size at a fixed place of every payload."""

    row: int
    offset: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """The fields at the start that have fixed places."""

    places: tuple[Place, ...]
    n_bytes: int
    next_row: int
    """Of the first field that has none."""
    table: I64
    """The program, with these places in it."""


@dataclass(frozen=True, slots=True)
class Program:
    """See `kernels.walk_fields` for the columns of `table`."""

    nodes: tuple[Node, ...]
    """Of the event itself; their members are inside."""
    all_nodes: tuple[Node, ...]
    table: I64
    has_arrays: bool
    first_unsure: int
    """Number of the first field, of the event itself, whose layout is unsure or unknown; their number if none is."""
    _prefixes: dict[int, Prefix] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    def is_readable(self, node: Node) -> bool:
        """Whether the layout of a field is known or inferred; if not, decoding stops there."""
        from wnv import kernels

        return int(self.table[node.row, kernels.FIELD_OP]) != kernels.OP_UNKNOWN

    def prefix(self, pointer_bytes: int) -> Prefix:
        """`pointer_bytes`: 4 or 8, or 0 where events differ."""
        known = self._prefixes.get(pointer_bytes)
        if known is None:
            known = self._prefixes[pointer_bytes] = _find_prefix(self, pointer_bytes)
        return known


def build_program(fields: Sequence[FieldDescription]) -> Program:
    """Never raises: a field that cannot be read as described stops the decoding where it stands."""
    from wnv import kernels

    builder = _Builder()
    nodes = builder.add(fields, (), 0, is_event=True)
    table = np.array(builder.rows, np.int64).reshape(len(builder.rows), kernels.FIELD_COLUMNS)
    return Program(
        nodes=nodes, all_nodes=tuple(_flat(nodes)), table=table, has_arrays=any(node.is_array for node in _flat(nodes)),
        first_unsure=next((k for k, node in enumerate(nodes) if _is_unsure(node, builder.unknown)), len(nodes)),
    )  # fmt: skip


def _flat(nodes: Sequence[Node]) -> list[Node]:
    return [one for node in nodes for one in (node, *_flat(node.members))]


def _is_unsure(node: Node, unknown: set[int]) -> bool:
    return any(one.field.is_unsure or one.row in unknown for one in _flat([node]))


_FIXED: Final[dict[InType, str]] = {
    InType.INT8: "<i1", InType.UINT8: "<u1", InType.INT16: "<i2", InType.UINT16: "<u2", InType.INT32: "<i4",
    InType.UINT32: "<u4", InType.INT64: "<i8", InType.UINT64: "<u8", InType.FLOAT: "<f4", InType.DOUBLE: "<f8",
    InType.BOOLEAN: "<u4", InType.GUID: "V16", InType.FILETIME: "<i8", InType.SYSTEMTIME: "V16",
    InType.HEX_INT32: "<u4", InType.HEX_INT64: "<u8", InType.UNICODE_CHAR: "<u2", InType.ANSI_CHAR: "<u1",
    InType.POINTER: "P", InType.SIZE_T: "P",
}  # fmt: skip
INTEGERS: Final = frozenset({
    InType.INT8, InType.UINT8, InType.INT16, InType.UINT16, InType.INT32, InType.UINT32, InType.INT64, InType.UINT64,
    InType.BOOLEAN, InType.HEX_INT32, InType.HEX_INT64, InType.POINTER, InType.SIZE_T,
})  # fmt: skip
"""In-types that can say a count or a length."""
_SIGNED: Final = frozenset({InType.INT8, InType.INT16, InType.INT32, InType.INT64})
WIDE: Final = frozenset({
    InType.UNICODE_STRING, InType.MANIFEST_COUNTED_STRING, InType.COUNTED_STRING, InType.REVERSED_COUNTED_STRING,
    InType.NON_NULL_TERMINATED_STRING,
})  # fmt: skip
NARROW: Final = frozenset({
    InType.ANSI_STRING, InType.MANIFEST_COUNTED_ANSI_STRING, InType.COUNTED_ANSI_STRING,
    InType.REVERSED_COUNTED_ANSI_STRING, InType.NON_NULL_TERMINATED_ANSI_STRING,
})  # fmt: skip
COUNTED: Final = frozenset({
    InType.MANIFEST_COUNTED_STRING, InType.MANIFEST_COUNTED_ANSI_STRING, InType.MANIFEST_COUNTED_BINARY,
    InType.COUNTED_STRING, InType.COUNTED_ANSI_STRING,
})  # fmt: skip
COUNTED_BIG: Final = frozenset({InType.REVERSED_COUNTED_STRING, InType.REVERSED_COUNTED_ANSI_STRING})
_REST: Final = frozenset({InType.NON_NULL_TERMINATED_STRING, InType.NON_NULL_TERMINATED_ANSI_STRING})


@dataclass(slots=True)
class _Builder:
    rows: list[list[int]] = field(default_factory=list)
    unknown: set[int] = field(default_factory=set)
    """Rows of the fields that cannot be read."""

    def add(
        self,
        fields: Sequence[FieldDescription],
        scopes: tuple[dict[str, int], ...],
        n_open: int,
        *,
        is_event: bool = False,
    ) -> tuple[Node, ...]:
        """`scopes`: the fields before these that can say a count or length, innermost last; by name, their rows."""
        found: list[Node] = []
        scope: dict[str, int] = {}
        names: set[str] = set()
        for number, one in enumerate(fields):
            if len(self.rows) >= FIELDS_MAX:
                break
            is_last = is_event and number == len(fields) - 1
            row = len(self.rows)
            name = _unique(one.name or f"field{number + 1}", names)
            found.append(self._add_one(one, name, (*scopes, scope), n_open, is_last))
            scope.pop(one.name, None)
            if one.in_type in INTEGERS and one.count is None and not one.is_counted:
                scope[one.name] = row
        return tuple(found)

    def _add_one(
        self, one: FieldDescription, name: str, scopes: tuple[dict[str, int], ...], n_open: int, is_last: bool
    ) -> Node:
        from wnv import kernels as k

        row = len(self.rows)
        values = [0] * k.FIELD_COLUMNS
        self.rows.append(values)
        is_array = one.count is not None or one.is_counted
        members: tuple[Node, ...] = ()
        if one.in_type is InType.STRUCT:
            op, unit, least = k.OP_STRUCT, 0, 0
            if (n_open < k.FIELD_DEPTH_MAX or not is_array) and len(scopes) <= k.FIELD_DEPTH_MAX:
                members = self.add(one.members, scopes, n_open + is_array)
                least = sum(self._least(node.row) for node in members)
            is_known = bool(members)
        else:
            op, unit, least, is_known = _operation(one, is_last and not is_array)
        from_length = (k.FROM_NOWHERE, 0)
        if one.in_type in _SIZED and one.length is not None and op != k.OP_FIXED:
            from_length = _resolve(one.length, scopes)
            op, least = k.OP_SIZED, unit * from_length[1] if from_length[0] == k.FROM_NUMBER else 0
            is_known = from_length[0] != _UNRESOLVED
        from_count = (k.FROM_PAYLOAD, 0) if one.is_counted else _resolve(one.count, scopes)
        if from_count[0] == _UNRESOLVED:
            from_count, is_known = (k.FROM_NUMBER, 1), False
        if not is_known:
            op, least, members = k.OP_UNKNOWN, 0, ()
            from_length = (k.FROM_NOWHERE, 0)
            del self.rows[row + 1 :]
            self.unknown = {number for number in self.unknown if number < row}
            if from_count != (k.FROM_NUMBER, 0):
                self.unknown.add(row)
        dtype = _dtype(one)
        n_integer = 0
        if one.in_type in INTEGERS:
            n_integer = _POINTER if dtype == "P" else np.dtype(dtype).itemsize
        values[k.FIELD_OP], values[k.FIELD_UNIT], values[k.FIELD_LEAST] = op, unit, min(least, _MUCH)
        values[k.FIELD_LENGTH_FROM], values[k.FIELD_LENGTH] = from_length
        values[k.FIELD_COUNT_FROM], values[k.FIELD_COUNT] = from_count
        values[k.FIELD_SKIP] = len(self.rows)
        values[k.FIELD_INTEGER] = -n_integer if one.in_type in _SIGNED else n_integer
        values[k.FIELD_AT] = -1
        values[k.FIELD_IS_LAST] = int(is_last and not is_array)
        values[k.FIELD_COST] = max(1, len(self.rows) - row - 1)
        n_bytes = one.length if isinstance(one.length, int) else None
        return Node(
            one, name, row, len(self.rows), show_of(one.in_type, one.out_type, n_bytes, one.map), dtype, members
        )

    def _least(self, row: int) -> int:
        """Bytes that a field takes at least, with all its elements."""
        from wnv import kernels as k

        values = self.rows[row]
        source = values[k.FIELD_COUNT_FROM]
        if source == k.FROM_NOWHERE:
            return values[k.FIELD_LEAST]
        if source == k.FROM_NUMBER:
            return min(_MUCH, values[k.FIELD_LEAST] * values[k.FIELD_COUNT])
        return 2 if source == k.FROM_PAYLOAD else 0


_MUCH: Final = 1 << 32
_UNRESOLVED: Final = -1
_SIZED: Final = frozenset({InType.UNICODE_STRING, InType.ANSI_STRING, InType.BINARY})
"""In-types of which a length may be given."""


def _resolve(wanted: int | str | None, scopes: tuple[dict[str, int], ...]) -> tuple[int, int]:
    """Where a count or length comes from, and the number or the row of the field."""
    from wnv import kernels as k

    if wanted is None:
        return k.FROM_NOWHERE, 0
    if isinstance(wanted, int):
        return (k.FROM_NUMBER, min(wanted, _MUCH)) if wanted >= 0 else (_UNRESOLVED, 0)
    for scope in reversed(scopes):
        if wanted in scope:
            return k.FROM_FIELD, scope[wanted]
    return _UNRESOLVED, 0


def _operation(one: FieldDescription, is_last: bool) -> tuple[int, int, int, bool]:
    """Operation, unit and least bytes of a value whose length is not given, and whether it can be read so."""
    from wnv import kernels as k

    kind = one.in_type
    dtype = _dtype(one)
    unit = 2 if kind in WIDE else 1
    if dtype == "P":
        return k.OP_POINTER, 1, 4, True
    if dtype or kind is InType.NULL:
        n_bytes = np.dtype(dtype).itemsize if dtype else 0
        return k.OP_FIXED, n_bytes, n_bytes, True
    if kind in COUNTED:
        return k.OP_COUNTED, unit, 2, True
    if kind in COUNTED_BIG:
        return k.OP_COUNTED_BIG, unit, 2, True
    if kind in _REST:
        return k.OP_REST, unit, 0, True
    if kind is InType.BINARY:
        return k.OP_REST, 1, 0, is_last
    op, least = {
        InType.UNICODE_STRING: (k.OP_WIDE, 2), InType.ANSI_STRING: (k.OP_NARROW, 1), InType.SID: (k.OP_SID, 8),
        InType.WBEM_SID: (k.OP_TOKEN_SID, 4), InType.HEX_DUMP: (k.OP_COUNTED32, 4),
    }[kind]  # fmt: skip
    return op, unit, least, True


def _dtype(one: FieldDescription) -> str:
    """NumPy's name of a value of fixed size, else empty."""
    if one.in_type is InType.BINARY:
        if one.length is None:
            return f"V{_GUID_BYTES}" if one.out_type is OutType.IPV6 else ""
        is_short = isinstance(one.length, int) and 0 < one.length <= _FIXED_BINARY_MAX
        return f"V{one.length}" if is_short else ""
    return _FIXED.get(one.in_type, "")


def _unique(name: str, names: set[str]) -> str:
    """`name`, with a number behind it if it is taken already."""
    found, number = name, 1
    while found in names:
        number += 1
        found = f"{name}_{number}"
    names.add(found)
    return found


def _find_prefix(program: Program, pointer_bytes: int) -> Prefix:
    from wnv import kernels as k

    table = program.table.copy()
    places: list[Place] = []
    at = row = 0
    while row < len(table):
        op, unit = int(table[row, k.FIELD_OP]), int(table[row, k.FIELD_UNIT])
        size = -1
        if table[row, k.FIELD_COUNT_FROM] != k.FROM_NOWHERE:
            break
        if op == k.OP_STRUCT:
            row += 1
            continue
        if op == k.OP_FIXED:
            size = unit
        elif op == k.OP_POINTER and pointer_bytes:
            size = pointer_bytes
        elif op == k.OP_SIZED and table[row, k.FIELD_LENGTH_FROM] == k.FROM_NUMBER:
            size = unit * int(table[row, k.FIELD_LENGTH])
        if size < 0 or at + size > PREFIX_BYTES_MAX:
            break
        places.append(Place(row, at, size))
        table[row, k.FIELD_AT] = at
        at += size
        row += 1
    return Prefix(tuple(places), at, row, table)
