"""Self-describing events: the schema that each event carries in an item of type 11 (etl-format.md, section 9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source

FIELDS_MAX: Final = 4096
DEPTH_MAX: Final = 8
"""Of structures; real schemas have one level."""
SCHEMAS_MAX: Final = 1 << 16
SCHEMA_BYTES_MAX: Final = 1 << 19
"""Schemas of one recording that are kept, and their bytes; when there are more, all are forgotten and parsed anew."""

_TYPE_MASK, _CONSTANT, _VARIABLE, _CUSTOM, _HAS_OUT = 0x1F, 0x20, 0x40, 0x60, 0x80
_OUT_MASK, _HAS_TAGS, _TAG_GOES_ON = 0x7F, 0x80, 0x80
_STRUCT: Final = 24

_IN_TYPES: Final = {
    0: InType.NULL, 1: InType.UNICODE_STRING, 2: InType.ANSI_STRING, 3: InType.INT8, 4: InType.UINT8,
    5: InType.INT16, 6: InType.UINT16, 7: InType.INT32, 8: InType.UINT32, 9: InType.INT64, 10: InType.UINT64,
    11: InType.FLOAT, 12: InType.DOUBLE, 13: InType.BOOLEAN, 14: InType.MANIFEST_COUNTED_BINARY, 15: InType.GUID,
    17: InType.FILETIME, 18: InType.SYSTEMTIME, 19: InType.SID, 20: InType.HEX_INT32, 21: InType.HEX_INT64,
    22: InType.MANIFEST_COUNTED_STRING, 23: InType.MANIFEST_COUNTED_ANSI_STRING,
    25: InType.MANIFEST_COUNTED_BINARY,
}  # fmt: skip
_OUT_TYPES: Final = {
    2: OutType.STRING, 3: OutType.BOOLEAN, 5: OutType.PID, 6: OutType.TID, 7: OutType.PORT, 8: OutType.IPV4,
    9: OutType.IPV6, 10: OutType.SOCKET_ADDRESS, 11: OutType.XML, 12: OutType.JSON, 13: OutType.WIN32_ERROR,
    14: OutType.NTSTATUS, 15: OutType.HRESULT, 16: OutType.DATETIME, 35: OutType.UTF8, 37: OutType.HEX_INT64,
    38: OutType.DATETIME_UTC,
}  # fmt: skip
_OUT_HEX: Final = 4
_HEX_BY_TYPE: Final = {
    InType.INT8: OutType.HEX_INT8, InType.UINT8: OutType.HEX_INT8, InType.INT16: OutType.HEX_INT16,
    InType.UINT16: OutType.HEX_INT16, InType.INT32: OutType.HEX_INT32, InType.UINT32: OutType.HEX_INT32,
    InType.INT64: OutType.HEX_INT64, InType.UINT64: OutType.HEX_INT64,
}  # fmt: skip


class _SchemaError(Exception):
    """The bytes are no schema."""


@dataclass(slots=True)
class _Reader:
    raw: bytes
    at: int = 0
    n_fields: int = 0

    def byte(self) -> int:
        if self.at >= len(self.raw):
            raise _SchemaError
        self.at += 1
        return self.raw[self.at - 1]

    def number(self) -> int:
        return self.byte() | self.byte() << 8

    def text(self) -> str:
        end = self.raw.find(0, self.at)
        if end < 0:
            raise _SchemaError
        found = self.raw[self.at : end].decode("utf-8", "replace")
        self.at = end + 1
        return found

    def skip_tags(self) -> None:
        while self.byte() & _TAG_GOES_ON:
            pass

    def fields(self, wanted: int | None, depth: int) -> tuple[FieldDescription, ...]:
        """`wanted` fields, None = all that are left."""
        found: list[FieldDescription] = []
        while self.at < len(self.raw) if wanted is None else len(found) < wanted:
            found.append(self._field(depth))
        return tuple(found)

    def _field(self, depth: int) -> FieldDescription:
        self.n_fields += 1
        if self.n_fields > FIELDS_MAX or depth > DEPTH_MAX:
            raise _SchemaError
        name = self.text()
        kind = self.byte()
        out = self.byte() if kind & _HAS_OUT else 0
        if out & _HAS_TAGS:
            self.skip_tags()
        count: int | None = None
        is_custom = kind & _CUSTOM == _CUSTOM
        if is_custom:
            n_bytes = self.number()
            self.at += n_bytes
            if self.at > len(self.raw):
                raise _SchemaError
        elif kind & _CONSTANT:
            count = self.number()
        is_counted = kind & _CUSTOM == _VARIABLE
        if kind & _TYPE_MASK == _STRUCT and not is_custom:
            members = self.fields(out & _OUT_MASK, depth + 1)
            in_type = InType.STRUCT if members else InType.NULL
            return FieldDescription(name, in_type, count=count, is_counted=is_counted, members=members)
        # A custom value has its size in bytes before it, whatever its type.
        known = InType.MANIFEST_COUNTED_BINARY if is_custom else _IN_TYPES.get(kind & _TYPE_MASK)
        if known is None:
            raise _SchemaError
        shown = _OUT_TYPES.get(out & _OUT_MASK, OutType.DEFAULT)
        if out & _OUT_MASK == _OUT_HEX:
            shown = _HEX_BY_TYPE.get(known, OutType.DEFAULT)
        return FieldDescription(name, known, shown, count=count, is_counted=is_counted)


def parse_schema(
    raw: bytes, provider: str, *, provider_name: str = "", event_id: int = 0, version: int = 0
) -> EventDescription | None:
    """The description in an item of type 11; None if it is none. `provider`: GUID."""
    if len(raw) < 2:
        return None
    reader = _Reader(raw[: int.from_bytes(raw[:2], "little")], 2)
    try:
        reader.skip_tags()
        name = reader.text()
        fields = reader.fields(None, 0)
    except _SchemaError:
        return None
    return EventDescription(provider, event_id, version, name, fields, Source.TRACELOGGING, provider_name=provider_name)


class Schemas:
    """The schemas of one recording, each parsed once as long as there are not very many."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], EventDescription | None] = {}
        self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def describe(
        self, raw: bytes, provider: str, *, provider_name: str = "", event_id: int = 0, version: int = 0
    ) -> EventDescription | None:
        """As `parse_schema`."""
        key = provider, raw
        if key not in self._known:
            if len(self._known) >= SCHEMAS_MAX or self._n_bytes > SCHEMA_BYTES_MAX:
                self._known.clear()
                self._n_bytes = 0
            self._n_bytes += len(raw)
            self._known[key] = parse_schema(
                raw, provider, provider_name=provider_name, event_id=event_id, version=version
            )
        return self._known[key]
