"""Buffers and headers of an ETL file, as bytes to write: docs/formats/etl-format.md, sections 1, 2, 5 and 7.

All integers are little-endian. Times are FILETIME (100 ns since 1601-01-01 UTC) or raw clock ticks; sizes are bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

FILETIME_1970: Final = 116_444_736_000_000_000

# --- buffers: section 2 -------------------------------------------------------------------------------

BUFFER_HEADER: Final = struct.Struct("<IIIiqqQHHIIHHQQ")
"""BufferSize, SavedOffset, CurrentOffset, ReferenceCount, TimeStamp, SequenceNumber, clock or pointer, ProcessorIndex,
LoggerId, State, Offset, BufferFlag, BufferType, two pointers."""
BUFFER_HEADER_BYTES: Final = 0x48

FLUSH_MARKER: Final = 0x01
EVENTS_LOST: Final = 0x02
BUFFER_LOST: Final = 0x04
PROCESSOR_INDEX: Final = 0x20
COMPRESSED: Final = 0x40

TYPE_GENERIC: Final = 0
TYPE_HEADER: Final = 4

STATE_FLUSH: Final = 3
FORMAT_XPRESS: Final = 3
"""Compression format in `State` of buffer 0: plain LZ77, the only one real files have (section 4)."""

# --- session: section 5 -------------------------------------------------------------------------------

MODE_SEQUENTIAL: Final = 0x1
MODE_CIRCULAR: Final = 0x2
MODE_SIZE_IN_KIB: Final = 0x2000
MODE_RELOG: Final = 0x10000
MODE_COMPRESSED: Final = 0x0400_0000

CLOCK_QPC, CLOCK_SYSTEM, CLOCK_CPU = 1, 2, 3

SYSTEM_EVENT: Final = struct.Struct("<HBBHBBIIqII")
"""Version, header type, 0xC0, size, type, group, thread, process, time, kernel time, user time."""
_LOGFILE_START: Final = struct.Struct("<IBBBBIIqIIIIIIII")
_TIME_ZONE: Final = struct.Struct("<i64s16si64s16si")
_LOGFILE_END: Final = struct.Struct("<qqqII")
PARTITION_EVENT_BYTES: Final = 0x50

# --- events: section 7.5 ------------------------------------------------------------------------------

EVENT_HEADER: Final = struct.Struct("<HBBHHIIq56s")
"""Size, header type, 0xC0, flags, property, thread, process, time; then provider to activity id."""
EVENT_HEADER_BYTES: Final = 0x50
EVENT_TAIL: Final = struct.Struct("<24sQQ16s")
"""Provider and descriptor, keyword, processor times, activity id."""
HAS_ITEMS: Final = 0x0001
ITEM: Final = struct.Struct("<HHHH")
"""Size with padding, type, whether another follows, size of the data (section 8)."""
ITEM_RELATED_ACTIVITY: Final = 1
ITEM_CONTAINER_ID: Final = 16

NULL_GUID: Final = bytes(16)
PADDING: Final = tuple(bytes(-size & 7) for size in range(8))
"""What follows `size` bytes to make a multiple of 8, by `size & 7`."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """What all events of one id have in common: provider, descriptor and usual keyword."""

    guid: bytes
    """As Windows stores it: `UUID.bytes_le`."""
    id: int
    version: int = 0
    level: int = 4
    opcode: int = 0
    task: int = 0
    keyword: int = 0
    channel: int = 0
    identity: bytes = field(init=False, repr=False, compare=False)
    """Offsets 18 to 2F of the event's header."""
    tail: bytes = field(init=False, repr=False, compare=False)
    """Offsets 18 to 4F, with the usual keyword and no activity."""

    def __post_init__(self) -> None:
        descriptor = struct.pack("<HBBBBH", self.id, self.version, self.channel, self.level, self.opcode, self.task)
        identity = self.guid + descriptor
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "tail", EVENT_TAIL.pack(identity, self.keyword, 0, NULL_GUID))


FULL_HEADER: Final = struct.Struct("<HBBBBHIIq16sII")
"""A classic event (section 7.3): size, header type, 0xC0, opcode, level, version, thread, process, time, class, kernel
and user time."""


@dataclass(frozen=True, slots=True)
class ClassicKind:
    """What all classic events of one class and opcode have in common."""

    guid: bytes
    opcode: int
    version: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True)
class TimeZone:
    """TIME_ZONE_INFORMATION of the host. Dates of change are (month, weekday, week of the month, hour)."""

    bias_minutes: int = 0
    """UTC = local time + bias."""
    standard_name: str = "@tzres.dll,-932"
    daylight_name: str = "@tzres.dll,-931"
    daylight_bias_minutes: int = 0
    standard_date: tuple[int, int, int, int] | None = None
    daylight_date: tuple[int, int, int, int] | None = None

    def pack(self) -> bytes:
        """The 0xAC bytes of the header event."""
        return _TIME_ZONE.pack(
            self.bias_minutes,
            _fixed_text(self.standard_name),
            _change(self.standard_date),
            0,
            _fixed_text(self.daylight_name),
            _change(self.daylight_date),
            self.daylight_bias_minutes,
        )


def _fixed_text(text: str) -> bytes:
    return text.encode("utf-16-le")[:62]


def _change(date: tuple[int, int, int, int] | None) -> bytes:
    """A SYSTEMTIME whose day is the n-th such weekday of the month, as time zones use it."""
    if date is None:
        return bytes(16)
    month, weekday, week, hour = date
    return struct.pack("<8H", 0, month, weekday, week, hour, 0, 0, 0)


@dataclass(slots=True)
class LogFileHeader:
    """The header event: what the file says of its session. Counts are written when the session ends."""

    buffer_bytes: int
    build: int
    n_processors: int
    log_file_mode: int
    max_file_size: int
    pointer_size: int
    perf_freq: int
    cpu_mhz: int
    clock: int
    start_ticks: int
    start_filetime: int
    boot_filetime: int
    pid: int
    tid: int
    logger: str
    file_name: str
    time_zone: TimeZone
    is_relogged: bool = False
    end_filetime: int = 0
    n_buffers: int = 1
    n_events_lost: int = 0
    n_buffers_lost: int = 0

    def pack(self) -> bytes:
        """The header event with its padding, and the partition event of Windows 10 and later (section 5.3)."""
        is_wide = self.pointer_size == 8
        start = _LOGFILE_START.pack(
            self.buffer_bytes,
            10, 0, *((2, 0) if self.log_file_mode & MODE_COMPRESSED else (1, 5)),
            self.build, self.n_processors, self.end_filetime, 156_250, self.max_file_size, self.log_file_mode,
            self.n_buffers, 1, self.pointer_size, self.n_events_lost, self.cpu_mhz,
        )  # fmt: skip
        names = (0, 0) if self.is_relogged else (10, 7)  # small numbers since Windows 7
        end = _LOGFILE_END.pack(
            self.boot_filetime, self.perf_freq, self.start_filetime, self.clock, self.n_buffers_lost
        )
        body = b"".join((
            start, struct.pack("<QQ" if is_wide else "<II", *names), self.time_zone.pack(), bytes(4), end,
            self.logger.encode("utf-16-le"), bytes(2), self.file_name.encode("utf-16-le"), bytes(2),
        ))  # fmt: skip
        size = SYSTEM_EVENT.size + len(body)
        return self._system_event(size, 0) + body + PADDING[size & 7] + self.pack_partition()

    def pack_partition(self) -> bytes:
        """What says that the host is no guest or container: all zeros."""
        return self._system_event(PARTITION_EVENT_BYTES, 0x50) + bytes(PARTITION_EVENT_BYTES - SYSTEM_EVENT.size)

    def _system_event(self, size: int, hook_type: int) -> bytes:
        header_type = 2 if self.pointer_size == 8 else 1
        return SYSTEM_EVENT.pack(2, header_type, 0xC0, size, hook_type, 0, self.tid, self.pid, self.start_ticks, 0, 0)


def pack_item(item_type: int, data: bytes, *, has_next: bool) -> bytes:
    """An extended item, padded to 8 bytes."""
    padded = -(-len(data) // 8) * 8
    return ITEM.pack(8 + padded, item_type, has_next, len(data)) + data.ljust(padded, b"\0")
