"""Fixed layouts of an ETL file: docs/formats/etl-format.md; each table names the section it comes from.

All integers are little-endian. Buffers are placed in memory at multiples of 8 bytes, and so are the
events inside them, so every header is read by copying whole rows of one of the dtypes below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import I64, U8

ALIGN: Final = 8


def _record(fields: dict[str, tuple[int, str]], nbytes: int) -> np.dtype[np.void]:
    return np.dtype({
        "names": list(fields),
        "offsets": [offset for offset, _ in fields.values()],
        "formats": [kind for _, kind in fields.values()],
        "itemsize": nbytes,
    })  # fmt: skip


# --- WMI_BUFFER_HEADER, section 2 ---------------------------------------------------------------------

BUFFER_HEADER_BYTES: Final = 0x48
BUFFER_BYTES_MAX: Final = 16 * 2**20 + BUFFER_HEADER_BYTES
BUFFER_HEADER: Final = _record({
    "size": (0x00, "<u4"), "saved_offset": (0x04, "<u4"), "timestamp": (0x10, "<i8"), "sequence": (0x18, "<i8"),
    "processor": (0x28, "<u2"), "logger_id": (0x2A, "<u2"), "state": (0x2C, "<u4"), "offset": (0x30, "<u4"),
    "flags": (0x34, "<u2"), "type": (0x36, "<u2"),
}, BUFFER_HEADER_BYTES)  # fmt: skip

FLAG_EVENTS_LOST: Final = 0x0002
FLAG_BUFFER_LOST: Final = 0x0004
FLAG_PROCESSOR_INDEX: Final = 0x0020
FLAG_COMPRESSED: Final = 0x0040

TYPE_HEADER: Final = 4
BUFFER_TYPE_NAMES: Final = {
    0: "generic", 1: "rundown", 2: "context switches", 3: "reference time", 4: "header",
    5: "batched", 6: "empty marker", 7: "debugger copy",
}  # fmt: skip
TYPES_WITHOUT_EVENTS: Final = frozenset({2, 3, 6})

# --- event headers, section 7 -------------------------------------------------------------------------

SYSTEM32, SYSTEM64, COMPACT32, COMPACT64 = 0x01, 0x02, 0x03, 0x04
FULL32, INSTANCE32, ERROR, PERFINFO32, PERFINFO64 = 0x0A, 0x0B, 0x0D, 0x10, 0x11
EVENT32, EVENT64, FULL64, INSTANCE64 = 0x12, 0x13, 0x14, 0x15
MESSAGE: Final = 0x90
"""Our number for WPP messages: they have a top byte of their own and no header type."""


@dataclass(frozen=True, slots=True)
class Header:
    """How one kind of event begins. `size_shift` is the bit in the first 8 bytes where its size stands."""

    kind: int
    name: str
    bits: int
    fixed_bytes: int
    size_shift: int
    time_offset: int
    is_hook: bool = False
    """Identified by a hook id (group and type), not by a GUID."""


HEADERS: Final = tuple(
    Header(*row)
    for row in (
        (SYSTEM32, "SYSTEM32", 32, 0x20, 32, 0x10, True), (SYSTEM64, "SYSTEM64", 64, 0x20, 32, 0x10, True),
        (COMPACT32, "COMPACT32", 32, 0x18, 32, 0x10, True), (COMPACT64, "COMPACT64", 64, 0x18, 32, 0x10, True),
        (PERFINFO32, "PERFINFO32", 32, 0x10, 32, 0x08, True), (PERFINFO64, "PERFINFO64", 64, 0x10, 32, 0x08, True),
        (FULL32, "FULL_HEADER32", 32, 0x30, 0, 0x10), (FULL64, "FULL_HEADER64", 64, 0x30, 0, 0x10),
        (INSTANCE32, "INSTANCE32", 32, 0x48, 0, 0x10), (INSTANCE64, "INSTANCE64", 64, 0x48, 0, 0x10),
        (EVENT32, "EVENT_HEADER32", 32, 0x50, 0, 0x10), (EVENT64, "EVENT_HEADER64", 64, 0x50, 0, 0x10),
        (ERROR, "ERROR", 0, 0x08, 0, 0x00), (MESSAGE, "MESSAGE", 0, 0x08, 0, 0x00),
    )
)  # fmt: skip

HEADER_NAMES: Final = {header.kind: header.name for header in HEADERS}


def _by_kind(attribute: str) -> I64:
    table = np.zeros(256, np.int64)
    for header in HEADERS:
        table[header.kind] = getattr(header, attribute)
    return table


FIXED_BYTES: Final = _by_kind("fixed_bytes")
SIZE_SHIFT: Final = _by_kind("size_shift")
TIME_OFFSET: Final = _by_kind("time_offset")
BITS: Final = _by_kind("bits")
IS_HOOK: Final = _by_kind("is_hook").astype(np.bool_)


def _kind_of_marker() -> U8:
    """Header kind by bits 16 to 31 of an event's first dword; 0 = not an event."""
    table = np.zeros(0x10000, np.uint8)
    for header in HEADERS:
        if header.kind != MESSAGE:
            table[0xC000 | header.kind] = header.kind
    table[0x9000:0xA000] = MESSAGE
    return table


KIND_OF_MARKER: Final = _kind_of_marker()

EVENT_FLAG_EXTENDED: Final = 0x0001
EVENT_HEADER: Final = _record({
    "size": (0x00, "<u2"), "flags": (0x04, "<u2"), "tid": (0x08, "<u4"), "pid": (0x0C, "<u4"), "ticks": (0x10, "<i8"),
    "provider": (0x18, "V16"), "id": (0x28, "<u2"), "version": (0x2A, "u1"), "channel": (0x2B, "u1"),
    "level": (0x2C, "u1"), "opcode": (0x2D, "u1"), "task": (0x2E, "<u2"), "keyword": (0x30, "<u8"),
    "activity": (0x40, "V16"),
}, 0x50)  # fmt: skip
FULL_HEADER: Final = _record({
    "opcode": (0x04, "u1"), "level": (0x05, "u1"), "version": (0x06, "<u2"), "tid": (0x08, "<u4"),
    "pid": (0x0C, "<u4"), "provider": (0x18, "V16"),
}, 0x30)  # fmt: skip
SYSTEM_HEADER: Final = _record({
    "version": (0x00, "u1"), "version_flags": (0x01, "u1"), "hook": (0x06, "<u2"), "opcode": (0x06, "u1"),
    "tid": (0x08, "<u4"), "pid": (0x0C, "<u4"),
}, 0x10)  # fmt: skip
"""What SYSTEM, COMPACT and PERFINFO share; the ids are not there in PERFINFO."""

HOOK_HAS_PEBS: Final = 0x80
HOOK_N_PMC: Final = 0x07

MESSAGE_SEQUENCE, MESSAGE_GUID, MESSAGE_COMPONENT = 0x0001, 0x0002, 0x0004
MESSAGE_TIME, MESSAGE_PERFTIME, MESSAGE_SYSTEMINFO = 0x0008, 0x0010, 0x0020

# --- extended items, section 8 ------------------------------------------------------------------------

ITEM_HEADER_BYTES: Final = 8
ITEMS_MAX: Final = 32
ITEM_RELATED_ACTIVITY, ITEM_SID, ITEM_STACK32, ITEM_STACK64 = 1, 2, 5, 6
ITEM_SCHEMA, ITEM_TRAITS, ITEM_CONTAINER = 11, 12, 16
ITEM_NAMES: Final = {
    1: "related_activity_id", 2: "sid", 3: "terminal_session_id", 4: "instance_info", 5: "stack32", 6: "stack64",
    7: "pebs_index", 8: "pmc_counters", 9: "package_key", 10: "event_key", 11: "tracelogging_schema",
    12: "provider_traits", 13: "process_start_key", 14: "control_guid", 15: "qpc_delta", 16: "container_id",
    17: "stack_key32", 18: "stack_key64",
}  # fmt: skip
STACK_WORD_BYTES: Final = {ITEM_STACK32: 4, ITEM_STACK64: 8}
ITEMS_DECODED: Final = frozenset({
    ITEM_RELATED_ACTIVITY, ITEM_SID, ITEM_STACK32, ITEM_STACK64, ITEM_SCHEMA, ITEM_TRAITS, ITEM_CONTAINER,
})  # fmt: skip

# --- the header event, section 5 ----------------------------------------------------------------------

MODE_CIRCULAR: Final = 0x00000002
MODE_APPEND: Final = 0x00000004
MODE_NEWFILE: Final = 0x00000008
MODE_PREALLOCATE: Final = 0x00000020
MODE_BUFFERING: Final = 0x00000400
MODE_SIZE_IN_KIB: Final = 0x00002000
MODE_RELOG: Final = 0x00010000
MODE_COMPRESSED: Final = 0x04000000
MODE_NAMES: Final = {
    0x1: "sequential", 0x2: "circular", 0x4: "append", 0x8: "new file", 0x20: "preallocated", 0x100: "real time",
    0x400: "memory buffering", 0x800: "private logger", 0x10000: "relogged", 0x20000: "private in process",
    0x2000000: "system logger", 0x4000000: "compressed", 0x8000000: "independent session",
    0x10000000: "not per processor", 0x20000000: "blocking",
}  # fmt: skip
