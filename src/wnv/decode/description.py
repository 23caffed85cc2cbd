"""How the payload of one kind of event is laid out, wherever that is known from.

Sources of descriptions, best first: what the recording carries (TraceLogging items, EventSource manifests,
the schemas that merging adds), what a bundle brings along, the catalog, and what a user added to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class InType(IntEnum):
    """How a value is stored (etl-format.md, section 9.2); TraceLogging's types (9.1) are mapped to these."""

    NULL = 0
    UNICODE_STRING = 1
    ANSI_STRING = 2
    INT8 = 3
    UINT8 = 4
    INT16 = 5
    UINT16 = 6
    INT32 = 7
    UINT32 = 8
    INT64 = 9
    UINT64 = 10
    FLOAT = 11
    DOUBLE = 12
    BOOLEAN = 13
    BINARY = 14
    GUID = 15
    POINTER = 16
    FILETIME = 17
    SYSTEMTIME = 18
    SID = 19
    HEX_INT32 = 20
    HEX_INT64 = 21
    MANIFEST_COUNTED_STRING = 22
    MANIFEST_COUNTED_ANSI_STRING = 23
    STRUCT = 24
    MANIFEST_COUNTED_BINARY = 25
    COUNTED_STRING = 300
    COUNTED_ANSI_STRING = 301
    REVERSED_COUNTED_STRING = 302
    REVERSED_COUNTED_ANSI_STRING = 303
    NON_NULL_TERMINATED_STRING = 304
    NON_NULL_TERMINATED_ANSI_STRING = 305
    UNICODE_CHAR = 306
    ANSI_CHAR = 307
    SIZE_T = 308
    HEX_DUMP = 309
    WBEM_SID = 310


class OutType(IntEnum):
    """How a value is meant to be shown (section 9.2); only those that change what we show."""

    DEFAULT = 0
    STRING = 1
    DATETIME = 2
    BOOLEAN = 13
    GUID = 14
    HEX_BINARY = 15
    HEX_INT8 = 16
    HEX_INT16 = 17
    HEX_INT32 = 18
    HEX_INT64 = 19
    PID = 20
    TID = 21
    PORT = 22
    IPV4 = 23
    IPV6 = 24
    SOCKET_ADDRESS = 25
    XML = 28
    ERROR_CODE = 29
    WIN32_ERROR = 30
    NTSTATUS = 31
    HRESULT = 32
    DATETIME_CULTURE_INSENSITIVE = 33
    JSON = 34
    UTF8 = 35
    DATETIME_UTC = 38


class Source(StrEnum):
    """Where a description comes from, best first."""

    TRACELOGGING = "tracelogging"
    """The item of type 11 of the event itself."""
    EVENT_SOURCE = "event_source"
    """A manifest that a .NET provider wrote into the recording."""
    METADATA = "metadata"
    """A schema that merging added to the recording."""
    BUNDLE = "bundle"
    """Brought along beside the recording."""
    CATALOG = "catalog"
    """Comes with wnv."""
    USER = "user"
    """Added with `wnv catalog add`."""


@dataclass(frozen=True, slots=True)
class ValueMap:
    """Words for numbers. `is_bits`: each bit of the value has its own word."""

    name: str
    words: dict[int, str] = field(hash=False)
    is_bits: bool = False


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One field, in payload order.

    `length` (characters of strings, bytes of binaries) and `count` (of array elements) are a number or the name
    of an earlier field of the same structure or of the event; None = not given: a string then ends at its NUL,
    a binary reaches to the end of the payload if it is the last field, and there is one element.
    """

    name: str
    in_type: InType
    out_type: OutType = OutType.DEFAULT
    length: int | str | None = None
    count: int | str | None = None
    is_counted: bool = False
    """An array whose u16 count stands before it (TraceLogging)."""
    map: ValueMap | None = None
    members: tuple[FieldDescription, ...] = ()
    """Of a structure (`in_type` STRUCT)."""
    is_unsure: bool = False
    """The documents are not sure of its layout: what is read from here on is marked."""


@dataclass(frozen=True, slots=True)
class EventDescription:
    """One kind of event: (provider, id, version), or a TraceLogging schema."""

    provider: str
    """GUID, lower case, without braces."""
    event_id: int
    version: int
    name: str
    """TraceLogging's or the manifest's own name (symbol, task and opcode); may be empty."""
    fields: tuple[FieldDescription, ...]
    source: Source
    provider_name: str = ""
    level: int | None = None
    task: str = ""
    opcode: str = ""
    keywords: tuple[str, ...] = ()
    summary: str = ""
    """A template in our words: `{Field}` is replaced by the field's text; may be empty."""
    confidence: float = 1.0
    reason: str = ""
    """Why confidence is below 1: another version, another build, an unsure layout."""
    alternatives: tuple[EventDescription, ...] = field(default=())
    """Other layouts of the same id and version (builds differ): tried in order where this one does not fit."""
