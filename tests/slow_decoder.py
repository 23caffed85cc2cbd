"""A plain decoder of payloads, one event and one field at a time, for tests to compare the product with.

Written from etl-format.md, section 9 alone, and shares nothing with the product: fields are anything with the
attributes name, in_type, out_type (numbers of section 9.2), length, count, is_counted and members.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Protocol
from uuid import UUID

WHOLE, CUT, UNKNOWN = 0, 1, 2

NUMBERS = {
    3: "b", 4: "B", 5: "h", 6: "H", 7: "i", 8: "I", 9: "q", 10: "Q", 11: "f", 12: "d", 13: "I", 20: "I", 21: "Q",
    306: "H", 307: "B",
}  # fmt: skip
INTEGERS = {3, 4, 5, 6, 7, 8, 9, 10, 13, 16, 20, 21, 308}
POINTERS = {16, 308}
STRINGS = {1: 2, 2: 1}
COUNTED = {22: 2, 23: 1, 25: 1, 300: 2, 301: 1, 302: 2, 303: 1}
WIDE = {1, 22, 300, 302, 304}
NARROW = {2, 23, 301, 303, 305}
BINARIES = {14, 25, 309}
NULL, BINARY, GUID, FILETIME, SYSTEMTIME, SID, STRUCT, REST_WIDE, REST, DUMP, TOKEN_SID = (
    0, 14, 15, 17, 18, 19, 24, 304, 305, 309, 310,
)  # fmt: skip
OUT_STRING, OUT_BOOLEAN, OUT_GUID, OUT_PORT, OUT_IPV4, OUT_IPV6, OUT_SOCKET = 1, 13, 14, 22, 23, 24, 25
EPOCH = 116_444_736_000_000_000  # FILETIME of 1970
LAST_NS = 2**63 - 1


class Field(Protocol):
    """What is needed of a description."""

    @property
    def name(self) -> str: ...
    @property
    def in_type(self) -> int: ...
    @property
    def out_type(self) -> int: ...
    @property
    def length(self) -> int | str | None: ...
    @property
    def count(self) -> int | str | None: ...
    @property
    def is_counted(self) -> bool: ...
    @property
    def map(self) -> object: ...
    @property
    def members(self) -> Sequence[Field]: ...


@dataclass(slots=True)
class Node:
    """A field, and what follows from the fields around it."""

    of: Field
    name: str
    is_last: bool
    is_known: bool = True
    is_count_known: bool = True
    least: int = 0
    cost: int = 1
    members: list[Node] = field(default_factory=list)

    @property
    def is_array(self) -> bool:
        return self.of.count is not None or self.of.is_counted

    @property
    def least_in_all(self) -> int:
        if not self.is_array:
            return self.least
        if self.of.is_counted:
            return 2
        return self.least * self.of.count if isinstance(self.of.count, int) else 0


@dataclass(slots=True)
class Slow:
    """One event, decoded."""

    values: dict[str, Any]
    fit: int
    n_left: int


class Bad(Exception):
    """The value does not fit, or its layout is not known."""

    def __init__(self, fit: int) -> None:
        super().__init__()
        self.fit = fit


def decode(payload: bytes, pointer_bytes: int, fields: Sequence[Field]) -> Slow:
    """The fields of a payload, by name; None where they are not there."""
    reader = _Reader(payload, pointer_bytes)
    values = reader.fields(_prepare(fields, [], True), [])
    return Slow(values, reader.fit, len(payload) - reader.at)


def _prepare(fields: Sequence[Field], scopes: list[set[str]], is_event: bool) -> list[Node]:
    nodes: list[Node] = []
    scope: set[str] = set()
    names: set[str] = set()
    for number, one in enumerate(fields):
        base = one.name or f"field{number + 1}"
        name, k = base, 1
        while name in names:
            k += 1
            name = f"{base}_{k}"
        names.add(name)
        node = Node(one, name, is_event and number == len(fields) - 1)
        _fill(node, [*scopes, scope])
        nodes.append(node)
        scope.discard(one.name)
        if one.in_type in INTEGERS and not node.is_array:
            scope.add(one.name)
    return nodes


def _fill(node: Node, scopes: list[set[str]]) -> None:
    one = node.of
    if isinstance(one.count, str) and not one.is_counted and not any(one.count in scope for scope in scopes):
        node.is_known = node.is_count_known = False
    if one.in_type == STRUCT:
        node.members = _prepare(one.members, scopes, False)
        node.least = sum(member.least_in_all for member in node.members)
        node.cost = max(1, sum(member.cost + (1 if member.members else 0) for member in node.members))
        node.is_known = node.is_known and bool(node.members)
    elif one.in_type in STRINGS or one.in_type == BINARY:
        if isinstance(one.length, str) and not any(one.length in scope for scope in scopes):
            node.is_known = False
        elif one.length is None and one.in_type == BINARY and one.out_type != OUT_IPV6:
            node.is_known = node.is_known and node.is_last and not node.is_array
    node.least = node.least or _least(one)
    if not node.is_known:
        node.least, node.cost, node.members = 0, 1, []


def _least(one: Field) -> int:
    kind = one.in_type
    if kind in NUMBERS:
        return struct.calcsize(NUMBERS[kind])
    if kind in STRINGS or kind == BINARY:
        unit = STRINGS.get(kind, 1)
        if one.length is not None:
            return unit * one.length if isinstance(one.length, int) else 0
        return (16 if one.out_type == OUT_IPV6 else 0) if kind == BINARY else unit
    return {GUID: 16, FILETIME: 8, SYSTEMTIME: 16, SID: 8, TOKEN_SID: 4, DUMP: 4, 16: 4, 308: 4}.get(
        kind, 2 if kind in COUNTED else 0
    )


@dataclass(slots=True)
class _Reader:
    payload: bytes
    pointer_bytes: int
    at: int = 0
    fit: int = WHOLE
    budget: int = 0

    def __post_init__(self) -> None:
        self.budget = 4 * len(self.payload) + 16

    @property
    def left(self) -> int:
        return len(self.payload) - self.at

    def fields(self, nodes: Sequence[Node], scopes: list[dict[str, int]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        scope: dict[str, int] = {}
        for node in nodes:
            start = self.at
            values[node.name] = self.field(node, [*scopes, scope])
            scope.pop(node.of.name, None)
            if node.of.in_type in INTEGERS and not node.is_array and self.fit == WHOLE:
                raw = self.payload[start : self.at]
                is_signed = node.of.in_type in (3, 5, 7, 9)
                scope[node.of.name] = int.from_bytes(raw, "little", signed=is_signed)
        return values

    def field(self, node: Node, scopes: list[dict[str, int]]) -> Any:
        if node.is_array:
            try:
                return self.array(node, scopes) if self.fit == WHOLE else None
            except Bad as bad:
                self.fit = bad.fit
                return None
        if node.members:
            return self.fields(node.members, scopes)
        try:
            return self.value(node, scopes) if self.fit == WHOLE else None
        except Bad as bad:
            self.fit = bad.fit
            return None

    def number(self, said: int | str, scopes: list[dict[str, int]]) -> int:
        if isinstance(said, int):
            return said
        value = next(scope[said] for scope in reversed(scopes) if said in scope)
        if not 0 <= value <= 0xFFFFFFFF:
            raise Bad(CUT)
        return value

    def array(self, node: Node, scopes: list[dict[str, int]]) -> list[Any]:
        one = node.of
        if one.is_counted:
            n = int.from_bytes(self.take(2), "little")
        elif not node.is_count_known:
            raise Bad(UNKNOWN)
        else:
            assert one.count is not None
            n = self.number(one.count, scopes)
        if n and not node.is_known:
            raise Bad(UNKNOWN)
        values: list[Any] = []
        for k in range(n):
            if node.members:
                if (self.left == 0 and node.least > 0) or self.budget < node.cost:
                    self.fit = CUT
                else:
                    self.budget -= node.cost
                    values.append(self.fields(node.members, scopes))
            else:
                at = self.at
                try:
                    value = self.value(node, scopes)
                    if self.budget <= 0:
                        self.at = at
                        raise Bad(CUT)
                    self.budget -= 1
                    values.append(value)
                except Bad as bad:
                    self.fit = bad.fit
            if self.fit != WHOLE:
                if k == 0 and not values:
                    raise Bad(self.fit)
                break
        return values

    def take(self, n: int) -> bytes:
        if n > self.left:
            raise Bad(CUT)
        self.at += n
        return self.payload[self.at - n : self.at]

    def counted(self, n_bytes: int, order: str) -> bytes:
        at = self.at
        n = int.from_bytes(self.take(n_bytes), "little" if order == "<" else "big")
        if n > self.left:
            self.at = at
            raise Bad(CUT)
        return self.take(n)

    def value(self, node: Node, scopes: list[dict[str, int]]) -> Any:
        one, kind = node.of, node.of.in_type
        if not node.is_known:
            raise Bad(UNKNOWN)
        if kind == NULL:
            return None
        if kind in NUMBERS:
            code = NUMBERS[kind]
            raw = self.take(struct.calcsize(code))
            return _number(raw, struct.unpack("<" + code, raw)[0], one)
        if kind in POINTERS:
            return int.from_bytes(self.take(self.pointer_bytes), "little")
        if kind in STRINGS or kind == BINARY:
            return self.sized(node, scopes)
        if kind in COUNTED:
            raw = self.counted(2, ">" if kind in (302, 303) else "<")
            return _text(raw, kind) if kind in WIDE or kind in NARROW else _binary(raw, one)
        if kind == DUMP:
            return _binary(self.counted(4, "<"), one)
        if kind in (REST_WIDE, REST):
            return _text(self.take(self.left // 2 * 2 if kind == REST_WIDE else self.left), kind)
        if kind == GUID:
            return str(UUID(bytes_le=self.take(16)))
        if kind == FILETIME:
            ns = (int.from_bytes(self.take(8), "little") - EPOCH) * 100
            return ns if abs(ns) <= LAST_NS else None
        if kind == SYSTEMTIME:
            return _system_time(self.take(16))
        if kind == SID:
            return _sid(self.take(self.sid_bytes(0)))
        if kind == TOKEN_SID:
            if self.left >= 4 and self.payload[self.at : self.at + 4] == bytes(4):
                self.take(4)
                return None
            skip = 2 * self.pointer_bytes
            return _sid(self.take(skip + self.sid_bytes(skip))[skip:])
        raise AssertionError(f"no such in-type: {kind}")

    def sid_bytes(self, skip: int) -> int:
        if self.left < skip + 8 or self.payload[self.at + skip + 1] > 15:
            raise Bad(CUT)
        return 8 + 4 * self.payload[self.at + skip + 1]

    def sized(self, node: Node, scopes: list[dict[str, int]]) -> Any:
        one = node.of
        unit = STRINGS.get(one.in_type, 1)
        if one.length is not None:
            raw = self.take(unit * self.number(one.length, scopes))
        elif one.in_type == BINARY:
            raw = self.take(16 if one.out_type == OUT_IPV6 else self.left)
        else:
            n = 0
            while any(self.payload[self.at + n : self.at + n + unit]) and self.left >= n + unit:
                n += unit
            if self.left < n + unit:  # no NUL
                if not node.is_last or node.is_array or n == 0:
                    raise Bad(CUT)
                raw = self.take(n)
            else:
                raw = self.take(n + unit)
        if one.in_type == BINARY:
            return _binary(raw, one)
        for at in range(0, len(raw), unit):
            if not any(raw[at : at + unit]) and len(raw[at : at + unit]) == unit:
                raw = raw[:at]
                break
        return _text(raw, one.in_type)


def _number(raw: bytes, value: Any, one: Field) -> Any:
    kind, out, size = one.in_type, one.out_type, len(raw)
    if kind == 13:
        return value != 0
    if kind in (11, 12):
        return value
    if kind in (306, 307):
        return _character(value)
    if one.map is not None:
        return value
    if out == OUT_BOOLEAN and kind not in (20, 21):
        return value != 0
    if out == OUT_PORT and size == 2:
        return int.from_bytes(raw, "big")
    if out == OUT_IPV4 and size == 4:
        return str(IPv4Address(raw))
    if out == OUT_STRING and size <= 2:
        return _character(int.from_bytes(raw, "little"))
    return value


def _character(value: int) -> str:
    return "\ufffd" if 0xD800 <= value <= 0xDFFF else chr(value)


def _text(raw: bytes, kind: int) -> str:
    if kind in WIDE:
        return raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _binary(raw: bytes, one: Field) -> str:
    out = one.out_type
    if out == OUT_IPV6 and len(raw) == 16:
        return str(IPv6Address(raw))
    if out in (OUT_IPV4, OUT_IPV6) and len(raw) == 4:
        return str(IPv4Address(raw))
    if out == OUT_GUID and len(raw) == 16:
        return str(UUID(bytes_le=raw))
    if out == OUT_SOCKET:
        port = int.from_bytes(raw[2:4], "big")
        if raw[:2] == b"\2\0" and len(raw) >= 8:
            return f"{IPv4Address(raw[4:8])}:{port}"
        if raw[:2] == b"\x17\0" and len(raw) >= 24:
            scope = int.from_bytes(raw[24:28], "little")
            return f"[{IPv6Address(raw[8:24])}{f'%{scope}' if scope else ''}]:{port}"
    is_other = out in (OUT_IPV4, OUT_IPV6, OUT_GUID, OUT_SOCKET)
    if one.in_type == BINARY and one.length == 6 and not is_other:
        return ":".join(f"{byte:02x}" for byte in raw)
    return "".join(f"{byte:02x}" for byte in raw)


def _system_time(raw: bytes) -> int | None:
    year, month, _, day, hour, minute, second, ms = struct.unpack("<8H", raw)
    if not 1678 <= year <= 2261 or ms > 999:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return int((since.days * 86400 + since.seconds) * 10**9 + ms * 10**6)


def _sid(raw: bytes) -> str:
    parts = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])
