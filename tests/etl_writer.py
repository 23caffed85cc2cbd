"""Writes event trace log files, good and bad ones, as etl-format.md §12 describes them.

Shares nothing with the product and nothing with `slow_reader`: each is its own reading of the document.

    trace = TraceSpec(cpus=2)
    data = build(trace, [event_header(provider=PKTMON, id=160, ticks=trace.t0 + 5, cpu=1, payload=b"...")])

`build` takes events, which it packs as a kernel session would, or buffers made by hand or by `pack`. The
functions that turn a trace into another kind of file (`relogged`, `compressed`, `circular`, `unclosed`) take
and return the pair (TraceSpec, buffers). Numbers are those of the file: ticks are raw clock values, times are
FILETIME (100 ns since 1601-01-01 UTC), sizes are bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

SYSTEM32, SYSTEM64, COMPACT32, COMPACT64 = 0x01, 0x02, 0x03, 0x04
FULL_HEADER32, INSTANCE32, ERROR = 0x0A, 0x0B, 0x0D
PERFINFO32, PERFINFO64, EVENT_HEADER32, EVENT_HEADER64 = 0x10, 0x11, 0x12, 0x13
FULL_HEADER64, INSTANCE64 = 0x14, 0x15
MESSAGE = 0x90
_WIDER = {32: 0, 64: 1}  # added to the 32-bit type of the header kinds whose two types are neighbours

CLOCK_QPC, CLOCK_SYSTEM, CLOCK_CPU = 1, 2, 3
MODE_SEQUENTIAL, MODE_CIRCULAR, MODE_RELOG, MODE_COMPRESSED = 0x1, 0x2, 0x10000, 0x04000000
MODE_SIZE_IN_KIB = 0x2000
FLUSH_MARKER, EVENTS_LOST, BUFFER_LOST, PROC_INDEX, COMPRESSED = 0x01, 0x02, 0x04, 0x20, 0x40
LZNT1, XPRESS, XPRESS_HUFF = 2, 3, 4

BUFFER_HEADER_BYTES = 0x48
NULL_GUID = "00000000-0000-0000-0000-000000000000"

Item = tuple[int, bytes]
"""An extended item: its type and its data, without padding."""


def guid_bytes(guid: str | UUID) -> bytes:
    """The 16 bytes of a GUID as Windows stores it."""
    return UUID(str(guid)).bytes_le


def guid_text(guid: str | UUID) -> str:
    """A GUID in lower case, without braces."""
    return str(UUID(str(guid)))


def wstr(text: str) -> bytes:
    """UTF-16LE with its NUL."""
    return text.encode("utf-16-le") + b"\0\0"


def pad8(data: bytes) -> bytes:
    """`data`, zero-padded to a multiple of 8."""
    return data + bytes(-len(data) % 8)


# ---------------------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its bytes without padding, and what a reader must find in them.

    A field is None where the kind of header has no such thing. `ticks` is None for a message without a time;
    such an event is packed right after the one before it in the list.
    """

    data: bytes
    cpu: int = 0
    ticks: int | None = None
    kind: int = 0
    pid: int | None = None
    tid: int | None = None
    provider: str | None = None
    event_id: int | None = None
    version: int | None = None
    level: int | None = None
    opcode: int | None = None
    keyword: int | None = None
    hook_id: int | None = None
    activity_id: str | None = None
    container_id: str | None = None
    payload: bytes = b""
    items: tuple[Item, ...] = ()

    def __bytes__(self) -> bytes:
        return self.data

    def patched(self, at: int, new: bytes) -> Event:
        """The event with the bytes at `at` overwritten; the other fields still say what was meant."""
        return replace(self, data=self.data[:at] + new + self.data[at + len(new) :])

    def resized(self, size: int) -> Event:
        """The event with another number in its Size field, its bytes left as they are."""
        in_dword_1 = self.kind in (SYSTEM32, SYSTEM64, COMPACT32, COMPACT64, PERFINFO32, PERFINFO64)
        return self.patched(4 if in_dword_1 else 0, struct.pack("<H", size))


def raw(data: bytes, *, ticks: int | None = None, cpu: int = 0) -> Event:
    """Any bytes in the place of an event."""
    return Event(data, cpu, ticks)


def _size(n_bytes: int) -> int:
    if n_bytes > 0xFFFF:
        raise ValueError(f"an event has at most 65535 bytes, this one would have {n_bytes}")
    return n_bytes


def _counters(pebs_index: int | None, pmc: Sequence[int]) -> tuple[int, bytes, tuple[Item, ...]]:
    """High bits of Version, bytes behind the header, and extended items of §7.2."""
    flags, items = len(pmc) << 8, []
    if pebs_index is not None:
        flags |= 0x8000
        items.append((7, struct.pack("<Q", pebs_index)))
    if pmc:
        items.append((8, struct.pack(f"<{len(pmc)}Q", *pmc)))
    return flags, b"".join(data for _, data in items), tuple(items)


def system(
    hook_id: int,
    *,
    ticks: int,
    payload: bytes = b"",
    cpu: int = 0,
    pid: int = 4,
    tid: int = 8,
    version: int = 2,
    bits: int = 64,
    kernel_time: int = 0,
    user_time: int = 0,
) -> Event:
    """SYSTEM_TRACE_HEADER (§7.1)."""
    kind = SYSTEM32 + _WIDER[bits]
    size = _size(0x20 + len(payload))
    head = struct.pack("<HBBHHIIqII", version, kind, 0xC0, size, hook_id, tid, pid, ticks, kernel_time, user_time)
    return Event(
        head + payload,
        cpu,
        ticks,
        kind,
        pid,
        tid,
        version=version & 0xFF,
        opcode=hook_id & 0xFF,
        hook_id=hook_id,
        payload=payload,
    )


def compact(
    hook_id: int,
    *,
    ticks: int,
    payload: bytes = b"",
    cpu: int = 0,
    pid: int = 4,
    tid: int = 8,
    version: int = 2,
    bits: int = 64,
) -> Event:
    """SYSTEM_TRACE_HEADER without the CPU times (§7.1)."""
    kind = COMPACT32 + _WIDER[bits]
    size = _size(0x18 + len(payload))
    head = struct.pack("<HBBHHIIq", version, kind, 0xC0, size, hook_id, tid, pid, ticks)
    return Event(
        head + payload,
        cpu,
        ticks,
        kind,
        pid,
        tid,
        version=version & 0xFF,
        opcode=hook_id & 0xFF,
        hook_id=hook_id,
        payload=payload,
    )


def perfinfo(
    hook_id: int,
    *,
    ticks: int,
    payload: bytes = b"",
    cpu: int = 0,
    version: int = 2,
    bits: int = 64,
    pebs_index: int | None = None,
    pmc: Sequence[int] = (),
) -> Event:
    """PERFINFO_TRACE_HEADER with its optional PEBS index and 0 to 7 counters (§7.2)."""
    kind = PERFINFO32 + _WIDER[bits]
    flags, extra, items = _counters(pebs_index, pmc)
    size = _size(0x10 + len(extra) + len(payload))
    head = struct.pack("<HBBHHq", version | flags, kind, 0xC0, size, hook_id, ticks)
    return Event(
        head + extra + payload,
        cpu,
        ticks,
        kind,
        version=version & 0xFF,
        opcode=hook_id & 0xFF,
        hook_id=hook_id,
        payload=payload,
        items=items,
    )


def _classic_head(
    kind: int,
    size: int,
    opcode: int,
    level: int,
    version: int,
    tid: int,
    pid: int,
    ticks: int,
    provider: str | UUID,
    kernel_time: int,
    user_time: int,
) -> bytes:
    return (
        struct.pack("<HBBBBHIIq", _size(size), kind, 0xC0, opcode, level, version, tid, pid, ticks)
        + guid_bytes(provider)
        + struct.pack("<II", kernel_time, user_time)
    )


def full_header(
    provider: str | UUID,
    opcode: int = 0,
    *,
    ticks: int,
    payload: bytes = b"",
    cpu: int = 0,
    pid: int = 4,
    tid: int = 8,
    version: int = 0,
    level: int = 0,
    bits: int = 64,
    kernel_time: int = 0,
    user_time: int = 0,
) -> Event:
    """EVENT_TRACE_HEADER of classic events (§7.3); `provider` is the event class."""
    kind = FULL_HEADER64 if bits == 64 else FULL_HEADER32
    head = _classic_head(
        kind,
        0x30 + len(payload),
        opcode,
        level,
        version,
        tid,
        pid,
        ticks,
        provider,
        kernel_time,
        user_time,
    )
    return Event(
        head + payload,
        cpu,
        ticks,
        kind,
        pid,
        tid,
        guid_text(provider),
        version=version,
        level=level,
        opcode=opcode,
        payload=payload,
    )


def instance(
    provider: str | UUID,
    opcode: int = 0,
    *,
    ticks: int,
    instance_id: int = 0,
    parent_instance_id: int = 0,
    parent: str | UUID = NULL_GUID,
    payload: bytes = b"",
    cpu: int = 0,
    pid: int = 4,
    tid: int = 8,
    version: int = 0,
    level: int = 0,
    bits: int = 64,
) -> Event:
    """EVENT_INSTANCE_GUID_HEADER (§7.4); a reader makes extended item 4 of its ids."""
    kind = INSTANCE64 if bits == 64 else INSTANCE32
    ids = struct.pack("<II", instance_id, parent_instance_id) + guid_bytes(parent)
    head = _classic_head(kind, 0x48 + len(payload), opcode, level, version, tid, pid, ticks, provider, 0, 0)
    return Event(
        head + ids + payload,
        cpu,
        ticks,
        kind,
        pid,
        tid,
        guid_text(provider),
        version=version,
        level=level,
        opcode=opcode,
        payload=payload,
        items=((4, ids),),
    )


def event_header(
    *,
    provider: str | UUID,
    id: int = 0,  # noqa: A002 - the descriptor's own word
    ticks: int,
    payload: bytes = b"",
    cpu: int = 0,
    pid: int = 4,
    tid: int = 8,
    version: int = 0,
    channel: int = 0,
    level: int = 4,
    opcode: int = 0,
    task: int = 0,
    keyword: int = 0,
    activity_id: str | UUID = NULL_GUID,
    items: Sequence[Item] = (),
    chain: bytes | None = None,
    flags: int | None = None,
    event_property: int = 0,
    processor_time: int = 0,
    bits: int = 64,
) -> Event:
    """EVENT_HEADER (§7.5).

    `flags` says EXTENDED_INFO where there are items, unless given. `chain` takes the place of the bytes made
    of `items`, to write broken ones.
    """
    kind = EVENT_HEADER32 + _WIDER[bits]
    extension = item_chain(items) if chain is None else chain
    if flags is None:
        flags = 1 if extension else 0
    size = _size(0x50 + len(extension) + len(payload))
    head = (
        struct.pack("<HHHHIIq", size, 0xC000 | kind, flags, event_property, tid, pid, ticks)
        + guid_bytes(provider)
        + struct.pack("<HBBBBHQQ", id, version, channel, level, opcode, task, keyword, processor_time)
        + guid_bytes(activity_id)
    )
    texts = [_container_text(data) for kind_of_item, data in items if kind_of_item == 16]
    return Event(
        head + extension + payload,
        cpu,
        ticks,
        kind,
        pid,
        tid,
        guid_text(provider),
        id,
        version,
        level,
        opcode,
        keyword,
        activity_id=guid_text(activity_id),
        container_id=texts[0] if texts else None,
        payload=payload,
        items=tuple(items),
    )


def message(
    number: int,
    *,
    guid: str | UUID | None = None,
    component: int | None = None,
    sequence: int | None = None,
    ticks: int | None = None,
    pid: int | None = None,
    tid: int | None = None,
    pointer_bytes: int | None = None,
    performance_timestamp: bool = False,
    payload: bytes = b"",
    cpu: int = 0,
    flags: int | None = None,
) -> Event:
    """WPP message (§7.6). The option flags follow from what is given, unless `flags` is.

    With `performance_timestamp` and no `ticks` there are 8 bytes that are not a session time.
    """
    if flags is None:
        flags = (
            (0x01 if sequence is not None else 0)
            | (0x02 if guid is not None else 0)
            | (0x04 if component is not None else 0)
            | (0x08 if ticks is not None else 0)
            | (0x10 if performance_timestamp else 0)
            | (0x20 if pid is not None or tid is not None else 0)
            | {None: 0, 4: 0x40, 8: 0x80}[pointer_bytes]
        )
    parts = []
    if flags & 0x01:
        parts.append(struct.pack("<I", sequence or 0))
    if flags & 0x04:
        parts.append(struct.pack("<I", component or 0))
    elif flags & 0x02:
        parts.append(guid_bytes(guid or NULL_GUID))
    if flags & 0x18:
        parts.append(struct.pack("<q", ticks or 0))
    if flags & 0x20:
        parts.append(struct.pack("<II", tid or 0, pid or 0))
    fields = b"".join(parts)
    size = _size(8 + len(fields) + len(payload))
    has_guid = flags & 0x06 == 0x02
    return Event(
        struct.pack("<HBBHH", size, 0, 0x90, number, flags) + fields + payload,
        cpu,
        (ticks or 0) if flags & 0x08 else None,
        MESSAGE,
        (pid or 0) if flags & 0x20 else None,
        (tid or 0) if flags & 0x20 else None,
        guid_text(guid or NULL_GUID) if has_guid else None,
        number,
        payload=payload,
    )


def error_header(*, ticks: int | None = None, cpu: int = 0, body: bytes = bytes(0x1C)) -> Event:
    """The mark of an event that could not be logged (type 0D); a reader counts it and makes no row."""
    return Event(struct.pack("<HBB", _size(4 + len(body)), ERROR, 0xC0) + body, cpu, ticks, ERROR)


def partition_event(*, ticks: int, partition: bytes = bytes(0x30), bits: int = 64) -> Event:
    """Partition information (hook 0050, §5.3); all zeros on a plain host."""
    return system(0x0050, ticks=ticks, payload=partition, bits=bits)


# -------------------------------------------------------------------------------------------- extended items


def item_chain(items: Sequence[Item]) -> bytes:
    """The bytes of extended items as they stand between header and payload (§8)."""
    parts = []
    for at, (kind, data) in enumerate(items):
        more = at + 1 < len(items)
        padded = pad8(data)
        parts.append(struct.pack("<HHHH", 8 + len(padded), kind, more, len(data)) + padded)
    return b"".join(parts)


def related_activity(guid: str | UUID) -> Item:
    return 1, guid_bytes(guid)


def sid(*sub_authorities: int, authority: int = 5) -> Item:
    """`sid(18)` is S-1-5-18."""
    count = len(sub_authorities)
    head = struct.pack("<BB", 1, count) + authority.to_bytes(6, "big")
    return 2, head + struct.pack(f"<{count}I", *sub_authorities)


def ts_id(session: int) -> Item:
    return 3, struct.pack("<I", session)


def stack32(addresses: Sequence[int], match_id: int = 0) -> Item:
    return 5, struct.pack(f"<Q{len(addresses)}I", match_id, *addresses)


def stack64(addresses: Sequence[int], match_id: int = 0) -> Item:
    return 6, struct.pack(f"<Q{len(addresses)}Q", match_id, *addresses)


def pebs(index: int) -> Item:
    return 7, struct.pack("<Q", index)


def pmc_counters(counters: Sequence[int]) -> Item:
    return 8, struct.pack(f"<{len(counters)}Q", *counters)


def psm_key(text: str) -> Item:
    return 9, wstr(text)


def event_key(key: int) -> Item:
    return 10, struct.pack("<Q", key)


@dataclass(frozen=True, slots=True)
class TlField:
    """A field of a TraceLogging schema (§9.1). `count`: a number is constant, -1 is variable."""

    name: str
    in_type: int
    out_type: int | None = None
    count: int | None = None


def schema_tl(name: str, fields: Sequence[TlField] = (), tags: bytes = b"\0") -> Item:
    parts = [tags, name.encode() + b"\0"]
    for one in fields:
        how = 0 if one.count is None else 0x40 if one.count < 0 else 0x20
        has_out = one.out_type is not None
        parts.append(one.name.encode() + bytes([0, one.in_type | how | (0x80 if has_out else 0)]))
        if one.out_type is not None:
            parts.append(bytes([one.out_type]))
        if one.count is not None and one.count >= 0:
            parts.append(struct.pack("<H", one.count))
    blob = b"".join(parts)
    return 11, struct.pack("<H", 2 + len(blob)) + blob


def prov_traits(name: str, group: str | UUID | None = None) -> Item:
    blob = name.encode() + b"\0"
    if group is not None:
        blob += struct.pack("<HB", 19, 1) + guid_bytes(group)
    return 12, struct.pack("<H", 2 + len(blob)) + blob


def process_start_key(key: int) -> Item:
    return 13, struct.pack("<Q", key)


def control_guid(guid: str | UUID) -> Item:
    return 14, guid_bytes(guid)


def qpc_delta(ticks: int) -> Item:
    return 15, struct.pack("<Q", ticks)


def container_id(guid: str | UUID, form: str = "text") -> Item:
    """`form`: text (36 bytes, the known one), upper, braces, utf16, utf16_braces, binary (16)."""
    text = guid_text(guid)
    return 16, {
        "text": text.encode(),
        "upper": text.upper().encode(),
        "braces": b"{" + text.encode() + b"}",
        "utf16": text.encode("utf-16-le"),
        "utf16_braces": ("{" + text + "}").encode("utf-16-le"),
        "binary": guid_bytes(guid),
    }[form]


def _container_text(data: bytes) -> str | None:
    if len(data) == 16:
        return str(UUID(bytes_le=data))
    if len(data) in (36, 38):
        return str(UUID(data.decode()))
    return str(UUID(data.decode("utf-16-le"))) if len(data) in (72, 76) else None


def stack_key32(key: int, match_id: int = 0) -> Item:
    return 17, struct.pack("<QII", match_id, key, 0)


def stack_key64(key: int, match_id: int = 0) -> Item:
    return 18, struct.pack("<QQ", match_id, key)


# --------------------------------------------------------------------------------------------------- buffers


@dataclass(frozen=True, slots=True)
class Buffer:
    """One buffer. What is None follows from the events, the place in the file and the TraceSpec.

    `offset`, `saved_offset`, `current_offset` and `claimed_size` are put into the header instead of the true
    numbers; `disk_size` is how many bytes the buffer really takes (more is cut off, less is filled up).
    """

    cpu: int = 0
    events: Sequence[Event | bytes] = ()
    sequence: int | None = None
    flags: int = PROC_INDEX
    type: int = 0
    flushed_at: int | None = None  # ticks; `build` makes FILETIME of it for a relogged file
    timestamp: int | None = None  # the raw field, instead of `flushed_at`
    compress: Callable[[bytes], bytes] | None = None
    state: int = 3
    logger_id: int = 7
    alignment: int = 0  # high byte of the processor field where PROC_INDEX is clear; 8 on Windows 7
    offset: int | None = None
    saved_offset: int | None = None
    current_offset: int | None = None
    claimed_size: int | None = None
    disk_size: int | None = None
    clock_field: int = 0
    union: bytes = bytes(16)
    fill: int = 0xFF

    @property
    def last_ticks(self) -> int | None:
        ticks = [one.ticks for one in self.events if isinstance(one, Event) and one.ticks is not None]
        return max(ticks, default=None)


@dataclass(frozen=True, slots=True)
class TimeZone:
    """TIME_ZONE_INFORMATION. A date is a SYSTEMTIME: year, month, weekday, day, h, min, s, ms."""

    bias: int = 0  # minutes; UTC = local + bias
    standard_name: str = ""
    standard_date: tuple[int, ...] = (0,) * 8
    standard_bias: int = 0
    daylight_name: str = ""
    daylight_date: tuple[int, ...] = (0,) * 8
    daylight_bias: int = 0

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<i64s", self.bias, self.standard_name.encode("utf-16-le")),
                struct.pack("<8Hi", *self.standard_date, self.standard_bias),
                struct.pack("<64s", self.daylight_name.encode("utf-16-le")),
                struct.pack("<8Hi", *self.daylight_date, self.daylight_bias),
            )
        )


PACIFIC = TimeZone(
    480, "@tzres.dll,-212", (0, 11, 0, 1, 2, 0, 0, 0), 0, "@tzres.dll,-211", (0, 3, 0, 2, 2, 0, 0, 0), -60
)


@dataclass(frozen=True, slots=True)
class TraceSpec:
    """A session: what its file says of itself. The names of §5.1 in lower case, the clock base as `t0`."""

    bits: int = 64
    clock: int = CLOCK_QPC
    perf_freq: int = 10_000_000
    cpu_mhz: int = 2_400
    start_time: int = 133_500_000_000_000_000  # 2024-01-17T21:20:00Z
    t0: int = 1_000_000_000_000
    boot_time: int = 133_499_000_000_000_000
    end_time: int | None = None  # None: the time of the last event
    os: tuple[int, int] = (10, 0)
    layout: tuple[int, int] = (1, 5)
    build: int = 20348
    cpus: int | None = None  # None: as many as the buffers need
    buffer_size: int = 4096
    mode: int = MODE_SEQUENTIAL
    logger_name: str = "lab"
    file_name: str = "C:\\lab.etl"
    logger_name_field: int = 5
    file_name_field: int = 6
    time_zone: TimeZone = field(default_factory=TimeZone)
    timer_resolution: int = 156_250
    events_lost: int = 0
    buffers_lost: int = 0
    buffers_written: int | None = None  # None: the true number
    start_buffers: int = 1
    max_file_size: int = 0
    pointer_bytes: int | None = None  # None: as `bits` says
    pid: int = 4
    tid: int = 8
    stamps_are_filetime: bool = False
    marks_last: bool = True  # FLUSH_MARKER on the last buffer
    header_buffer: Buffer = Buffer(sequence=0, flags=PROC_INDEX | FLUSH_MARKER, type=4, timestamp=0)
    """Buffer 0; its `events` come after the header event."""
    tail: bytes = b""
    """Bytes behind the last buffer."""

    def filetime(self, ticks: int) -> int:
        """When `ticks` was (§6). ValueError if the clock is not usable."""
        past = ticks - self.t0
        if self.clock == CLOCK_QPC and self.perf_freq > 0:
            return self.start_time + past * 10_000_000 // self.perf_freq
        if self.clock == CLOCK_CPU and self.cpu_mhz > 0:
            return self.start_time + past * 10 // self.cpu_mhz
        if self.clock in (0, CLOCK_SYSTEM):
            return ticks
        raise ValueError(f"clock {self.clock} has no rate")


def system_clock(spec: TraceSpec) -> TraceSpec:
    """The same session on clock 2, whose ticks are FILETIME."""
    return replace(spec, clock=CLOCK_SYSTEM, t0=spec.start_time)


def log_file_header(spec: TraceSpec, *, n_buffers: int = 1, n_cpus: int = 1, end_time: int = 0) -> bytes:
    """TRACE_LOGFILE_HEADER (§5.1), the numbers at call for what `spec` leaves open."""
    word = "<II" if spec.bits == 32 else "<QQ"
    return b"".join(
        (
            struct.pack(
                "<I4BIIqIIIIIIII",
                spec.buffer_size,
                *spec.os,
                *spec.layout,
                spec.build,
                n_cpus if spec.cpus is None else spec.cpus,
                end_time if spec.end_time is None else spec.end_time,
                spec.timer_resolution,
                spec.max_file_size,
                spec.mode,
                n_buffers if spec.buffers_written is None else spec.buffers_written,
                spec.start_buffers,
                spec.bits // 8 if spec.pointer_bytes is None else spec.pointer_bytes,
                spec.events_lost,
                spec.cpu_mhz,
            ),
            struct.pack(word, spec.logger_name_field, spec.file_name_field),
            bytes(spec.time_zone),
            bytes(4),
            struct.pack("<qqqII", spec.boot_time, spec.perf_freq, spec.start_time, spec.clock, spec.buffers_lost),
            wstr(spec.logger_name),
            wstr(spec.file_name),
        )
    )


def header_event(spec: TraceSpec, *, n_buffers: int = 1, n_cpus: int = 1, end_time: int = 0, cpu: int = 0) -> Event:
    """The event with hook id 0. In a merged file further ones, of other sessions, stand among the events."""
    return system(
        0,
        ticks=spec.t0,
        payload=log_file_header(spec, n_buffers=n_buffers, n_cpus=n_cpus, end_time=end_time),
        cpu=cpu,
        pid=spec.pid,
        tid=spec.tid,
        bits=spec.bits,
    )


def pack(
    events: Iterable[Event],
    buffer_size: int = 4096,
    *,
    flush_ticks: int | None = None,
    by_time: bool = True,
    like: Buffer = Buffer(),
) -> list[Buffer]:
    """Distributes events over buffers as a kernel session does; the buffers come in the order of their flush.

    A buffer holds events of one processor, gets its sequence number when its first event is written, and is
    flushed when the next event does not fit, when it has been open for `flush_ticks`, or at the end.
    `by_time=False` takes the events as they come. `like` gives the other fields of every buffer.
    """
    room = buffer_size - BUFFER_HEADER_BYTES
    timed: list[tuple[int, Event]] = []
    now = 0
    for event in events:
        now = event.ticks if event.ticks is not None else now
        timed.append((now, event))
    if by_time:
        timed.sort(key=lambda pair: pair[0])

    flushed: list[Buffer] = []
    filling: dict[int, _Filling] = {}
    n_taken = 0
    latest = 0

    def flush(cpu: int) -> None:
        full = filling.pop(cpu)
        flushed.append(replace(like, cpu=cpu, events=tuple(full.events), sequence=full.sequence, flushed_at=latest))

    for when, event in timed:
        latest = max(latest, when)
        size = len(pad8(event.data))
        if size > room:
            raise ValueError(f"an event of {size} bytes does not fit into a buffer of {buffer_size}")
        if flush_ticks is not None:
            for cpu in [cpu for cpu, open_one in filling.items() if when - open_one.since >= flush_ticks]:
                flush(cpu)
        if event.cpu in filling and filling[event.cpu].n_bytes + size > room:
            flush(event.cpu)
        if event.cpu not in filling:
            n_taken += 1
            filling[event.cpu] = _Filling(n_taken, when)
        filling[event.cpu].events.append(event)
        filling[event.cpu].n_bytes += size
    for cpu in sorted(filling):
        flush(cpu)
    return flushed


@dataclass(slots=True)
class _Filling:
    """The buffer a processor writes to."""

    sequence: int
    since: int
    events: list[Event] = field(default_factory=list)
    n_bytes: int = 0


def build(spec: TraceSpec, parts: Iterable[Event] | Iterable[Buffer] = ()) -> bytes:
    """The bytes of the file: buffer 0, the buffers (or the events, packed first), and `spec.tail`."""
    given = list(parts)
    events = [one for one in given if isinstance(one, Event)]
    buffers = [one for one in given if isinstance(one, Buffer)]
    if events and buffers:
        raise ValueError("give events or buffers, not both")
    if events:
        buffers = pack(events, spec.buffer_size)

    flushed_at = _flush_ticks(spec, buffers)
    try:
        end_time = spec.filetime(max(flushed_at, default=spec.t0))
    except ValueError:  # no usable clock
        end_time = spec.start_time
    first = header_event(
        spec,
        n_buffers=1 + len(buffers),
        n_cpus=1 + max((one.cpu for one in buffers), default=0),
        end_time=end_time,
    )
    zero = replace(spec.header_buffer, events=(first, *spec.header_buffer.events))
    written = [_buffer_bytes(spec, zero, sequence=0, timestamp=0, is_last=False)]
    for at, buffer in enumerate(buffers):
        stamp = flushed_at[at]
        written.append(
            _buffer_bytes(
                spec,
                buffer,
                sequence=at + 1,
                timestamp=spec.filetime(stamp) if spec.stamps_are_filetime else stamp,
                is_last=spec.marks_last and at == len(buffers) - 1,
            )
        )
    return b"".join(written) + spec.tail


def _flush_ticks(spec: TraceSpec, buffers: Sequence[Buffer]) -> list[int]:
    """When each buffer was flushed: as it says, else no earlier than its events and the one before it."""
    found: list[int] = []
    latest = spec.t0
    for buffer in buffers:
        if buffer.flushed_at is not None:
            found.append(buffer.flushed_at)
            continue
        last = buffer.last_ticks
        latest = latest if last is None else max(latest, last)
        found.append(latest)
    return found


def _buffer_bytes(spec: TraceSpec, buffer: Buffer, *, sequence: int, timestamp: int, is_last: bool) -> bytes:
    body = b"".join(pad8(bytes(event)) for event in buffer.events)
    used = BUFFER_HEADER_BYTES + len(body)
    flags = buffer.flags | (FLUSH_MARKER if is_last else 0)
    if buffer.compress is not None:
        stored = buffer.compress(body)
        flags |= COMPRESSED
        whole = BUFFER_HEADER_BYTES + len(stored)
    else:
        stored = body
        whole = spec.buffer_size
        if used > whole and buffer.disk_size is None:
            raise ValueError(f"events need {used} bytes, the buffer has {whole}")
    disk_size = whole if buffer.disk_size is None else buffer.disk_size
    processor = buffer.cpu if flags & PROC_INDEX else (buffer.cpu & 0xFF) | buffer.alignment << 8
    leftover = spec.buffer_size if buffer.type != 4 else 0  # as kernels leave it: beyond the buffer's end
    head = struct.pack(
        "<IIIiqqQHHIIHH16s",
        disk_size if buffer.claimed_size is None else buffer.claimed_size,
        used if buffer.saved_offset is None else buffer.saved_offset,
        used + leftover if buffer.current_offset is None else buffer.current_offset,
        0,
        timestamp if buffer.timestamp is None else buffer.timestamp,
        sequence if buffer.sequence is None else buffer.sequence,
        buffer.clock_field,
        processor,
        buffer.logger_id,
        buffer.state,
        used if buffer.offset is None else buffer.offset,
        flags,
        buffer.type,
        buffer.union,
    )
    return (head + stored)[:disk_size].ljust(disk_size, bytes([buffer.fill]))


# ---------------------------------------------------------------------------------------- other kinds of file

Recording = tuple[TraceSpec, list[Buffer]]
"""What `build` takes."""


def relogged(spec: TraceSpec, buffers: Iterable[Buffer]) -> Recording:
    """As a relogger leaves it (`pktmon stop`, a merge).

    Buffer 0 is small, its SavedOffset stands before its last event, and its PROC_INDEX is clear; buffer times
    are FILETIME, logger ids 0.
    """
    more = (*spec.header_buffer.events, partition_event(ticks=spec.t0, bits=spec.bits))
    before_last = BUFFER_HEADER_BYTES + sum(len(pad8(bytes(one))) for one in (header_event(spec), *more[:-1]))
    zero = replace(
        spec.header_buffer,
        events=more,
        saved_offset=before_last,
        current_offset=0,
        flags=FLUSH_MARKER,
        disk_size=1024,
        logger_id=0,
    )
    mode = spec.mode | MODE_RELOG
    made = replace(spec, header_buffer=zero, mode=mode, stamps_are_filetime=True)
    return made, [replace(one, logger_id=0) for one in buffers]


def compressed(
    spec: TraceSpec,
    buffers: Iterable[Buffer],
    compress: Callable[[bytes], bytes] | None = None,
    compression_format: int = XPRESS,
) -> Recording:
    """Every data buffer compressed, `compression_format` in the State of buffer 0 (§4).

    The default `compress` makes real matches, so that every reader takes it; `xpress_literals` is simplest.
    """
    packer = xpress if compress is None else compress
    zero = replace(spec.header_buffer, state=compression_format)
    made = replace(spec, header_buffer=zero, mode=spec.mode | MODE_COMPRESSED, layout=(2, 0))
    return made, [replace(one, compress=packer) for one in buffers]


def circular(spec: TraceSpec, buffers: Sequence[Buffer], ring: int) -> Recording:
    """A circular session's file with room for `ring` buffers behind buffer 0.

    The newest have overwritten the oldest, sequence numbers go on, and BuffersWritten counts all there ever
    were.
    """
    places: list[Buffer | None] = [None] * ring
    for at, (buffer, flushed_at) in enumerate(zip(buffers, _flush_ticks(spec, buffers), strict=True)):
        sequence = at + 1 if buffer.sequence is None else buffer.sequence
        places[at % ring] = replace(buffer, sequence=sequence, flushed_at=flushed_at)
    kept = [one for one in places if one is not None]
    made = replace(
        spec,
        mode=spec.mode & ~MODE_SEQUENTIAL | MODE_CIRCULAR | MODE_SIZE_IN_KIB,
        buffers_written=1 + len(buffers),
        max_file_size=max(1, (1 + ring) * spec.buffer_size // 1024),
        marks_last=False,
    )
    return made, kept


def unclosed(spec: TraceSpec, *, n_zero_buffers: int = 2, buffers_written: int = 1) -> TraceSpec:
    """A session that never stopped: EndTime 0, BuffersWritten stale, preallocated zeros behind the data."""
    return replace(
        spec,
        end_time=0,
        buffers_written=buffers_written,
        tail=bytes(n_zero_buffers * spec.buffer_size),
        marks_last=False,
    )


# ------------------------------------------------------------------------------------------------ compression


def xpress_literals(data: bytes) -> bytes:
    """XPRESS without any match: a zero flag word before every 32 bytes. Longer than its input, and valid."""
    return b"".join(bytes(4) + data[at : at + 32] for at in range(0, len(data), 32))


def xpress(data: bytes) -> bytes:
    """XPRESS plain LZ77 (MS-XCA §2.3), greedy: each match is the last place the next three bytes stood at."""
    if not data:
        return b""
    out = bytearray()
    flags_at = flags = n_flags = 0
    half_at: int | None = None  # the length byte whose high nibble is still free
    seen: dict[bytes, int] = {}
    at = 0
    while at < len(data):
        if n_flags % 32 == 0:
            if n_flags:
                struct.pack_into("<I", out, flags_at, flags)
            flags_at, flags = len(out), 0
            out += bytes(4)
        key = data[at : at + 3]
        found = seen.get(key) if len(key) == 3 else None
        seen[key] = at
        n_flags += 1
        if found is None or at - found > 8192:
            out.append(data[at])
            at += 1
            continue
        length = 3
        while at + length < len(data) and data[found + length] == data[at + length]:
            length += 1
        flags |= 1 << (31 - (n_flags - 1) % 32)
        rest = length - 3
        out += struct.pack("<H", (at - found - 1) << 3 | min(rest, 7))
        if rest >= 7:
            nibble = min(rest - 7, 15)
            if half_at is None:
                half_at = len(out)
                out.append(nibble)
            else:
                out[half_at] |= nibble << 4
                half_at = None
            if rest >= 22:
                out += _xpress_length(rest)
        for skipped in range(at + 1, at + length):
            seen[data[skipped : skipped + 3]] = skipped
        at += length
    left = -n_flags % 32
    struct.pack_into("<I", out, flags_at, flags | (1 << left) - 1)
    return bytes(out)


def _xpress_length(rest: int) -> bytes:
    """What follows a nibble of 15; `rest` is the match length less 3."""
    if rest < 22 + 255:
        return bytes([rest - 22])
    if rest < 0x10000:
        return struct.pack("<BH", 255, rest)
    return struct.pack("<BHI", 255, 0, rest)
