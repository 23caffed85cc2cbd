"""A plain reader of event trace log files, one event at a time, for tests to compare the product with.

Written from etl-format.md alone; shares nothing with the product or with `etl_writer`. It walks the buffers
in file order (§3), reads every kind of header (§7) and extended item (§8), computes times with Python's
integers (§6), and stops a damaged buffer where the damage is (§11), without looking for events behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypedDict
from uuid import UUID

BUFFER_HEADER_BYTES = 0x48
MAX_BUFFER_BYTES = (16 << 20) + BUFFER_HEADER_BYTES
MAX_ITEMS = 32

SYSTEM_KINDS = {0x01: 0x20, 0x02: 0x20, 0x03: 0x18, 0x04: 0x18}
PERFINFO_KINDS = {0x10: 0x10, 0x11: 0x10}
GUID_KINDS = {0x0A: 0x30, 0x14: 0x30, 0x0B: 0x48, 0x15: 0x48, 0x12: 0x50, 0x13: 0x50}
ERROR_KIND = 0x0D
MESSAGE_KIND = 0x90
ULONG32_TIME_KIND = 0xB0
KNOWN_KINDS = {*SYSTEM_KINDS, *PERFINFO_KINDS, *GUID_KINDS, ERROR_KIND}

KIND_NAMES = {
    0x01: "SYSTEM32",
    0x02: "SYSTEM64",
    0x03: "COMPACT32",
    0x04: "COMPACT64",
    0x0A: "FULL_HEADER32",
    0x0B: "INSTANCE32",
    0x10: "PERFINFO32",
    0x11: "PERFINFO64",
    0x12: "EVENT_HEADER32",
    0x13: "EVENT_HEADER64",
    0x14: "FULL_HEADER64",
    0x15: "INSTANCE64",
    MESSAGE_KIND: "MESSAGE",
    ULONG32_TIME_KIND: "ULONG32_TIME",
}

UNREAD_BUFFER_TYPES = {2: "packed context switches", 3: "reference clock", 6: "empty marker"}

Unpack = Callable[[bytes, int, int], bytes]
"""`unpack(compressed, length, format)`: bytes, or ValueError. Formats: 2 LZNT1, 3 XPRESS, 4 XPRESS_HUFF."""


class NotEtlError(ValueError):
    """The file has no header event."""


class Facts(TypedDict):
    """What the header event says (§5.1). Times are FILETIME, sizes bytes."""

    bits: int
    buffer_size: int
    os: str
    layout: str
    build: int
    cpus: int
    end_time: int
    timer_resolution: int
    max_file_size: int
    mode: int
    buffers_written: int
    start_buffers: int
    pointer_size: int
    events_lost: int
    cpu_mhz: int
    logger_name_field: int
    file_name_field: int
    tz_bias: int
    tz_standard: str
    tz_standard_date: tuple[int, ...]
    tz_standard_bias: int
    tz_daylight: str
    tz_daylight_date: tuple[int, ...]
    tz_daylight_bias: int
    boot_time: int
    perf_freq: int
    start_time: int
    clock: int
    buffers_lost: int
    logger: str
    logfile: str
    base_ticks: int
    pid: int
    tid: int


class Row(TypedDict):
    """One event. A field is None where its kind of header has no such thing."""

    file_offset: int  # of the buffer
    event_offset: int  # in the unpacked buffer, buffer header included
    cpu: int
    kind: int  # header type 0x01 to 0x15; 0x90 for a message
    ticks: int | None
    borrowed_ticks: int | None  # of the processor's previous event, where this one has none
    filetime: int | None  # None also where the clock has no rate
    pid: int | None
    tid: int | None
    provider: str | None  # lower case
    event_id: int | None
    version: int | None
    level: int | None
    opcode: int | None
    keyword: int | None
    hook_id: int | None
    activity_id: str | None
    container_id: str | None
    payload: bytes
    items: tuple[tuple[int, bytes], ...]
    is_items_damaged: bool  # then `items` and `payload` are empty


class Problem(TypedDict):
    """A finding of §11."""

    file_offset: int  # of the buffer
    event_offset: int | None  # in the unpacked buffer
    what: str


@dataclass(slots=True)
class BufferFacts:
    """The header of one buffer (§2), and how many events were read from it."""

    file_offset: int
    claimed_size: int
    saved_offset: int
    current_offset: int
    timestamp: int
    sequence: int
    cpu: int
    logger_id: int
    state: int
    offset: int
    flags: int
    type: int
    unpack_format: int | None = None
    n_events: int = 0

    @property
    def used(self) -> int:
        return self.offset if self.offset >= BUFFER_HEADER_BYTES else self.saved_offset


@dataclass(slots=True)
class SlowTrace:
    """All that a file holds, in file order."""

    facts: Facts
    buffers: list[BufferFacts] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    n_error_events: int = 0

    def whats(self) -> list[str]:
        """The texts of the problems."""
        return [problem["what"] for problem in self.problems]


def unpack_xpress(packed: bytes, length: int, compression_format: int = 3) -> bytes:
    """XPRESS plain LZ77 (§4); ValueError for other formats and for damaged input."""
    if compression_format != 3:
        raise ValueError(f"this reader knows no compression format {compression_format}")
    try:
        return _unpack_xpress(packed, length)
    except (IndexError, struct.error) as error:
        raise ValueError("the compressed bytes end too early") from error


def _unpack_xpress(packed: bytes, length: int) -> bytes:
    out = bytearray()
    at = 0
    flags = n_flags = 0
    half_at = -1
    while len(out) < length:
        if n_flags == 0:
            (flags,) = struct.unpack_from("<I", packed, at)
            at += 4
            n_flags = 32
        n_flags -= 1
        if not flags >> n_flags & 1:
            out.append(packed[at])
            at += 1
            continue
        value = packed[at] | packed[at + 1] << 8
        at += 2
        distance, run = (value >> 3) + 1, value & 7
        if run == 7:
            if half_at < 0:
                run = packed[at] & 15
                half_at = at
                at += 1
            else:
                run = packed[half_at] >> 4
                half_at = -1
            if run == 15:
                extra = packed[at]
                at += 1
                if extra == 255:
                    (extra,) = struct.unpack_from("<H", packed, at)
                    at += 2
                    if extra == 0:
                        (extra,) = struct.unpack_from("<I", packed, at)
                        at += 4
                    if extra < 22:
                        raise ValueError(f"a match length of {extra}")
                    extra -= 22
                run = extra + 15
            run += 7
        run = min(run + 3, length - len(out))
        if distance > len(out):
            raise ValueError(f"a match {distance} bytes back of {len(out)}")
        source = out[-distance:] if run >= distance else out[-distance : len(out) - distance + run]
        out += (source * (run // distance + 1))[:run]
    return bytes(out)


def read(data: bytes, unpack: Unpack = unpack_xpress) -> SlowTrace:
    """Reads the bytes of a file. NotEtlError if it is none."""
    facts = read_facts(data)
    trace = SlowTrace(facts)
    last_ticks: dict[int, int] = {}
    stated_format = struct.unpack_from("<I", data, 0x2C)[0] & 0xFFFF
    for buffer, end in _walk_buffers(data, trace.problems, facts):
        trace.buffers.append(buffer)
        body = _body(data, buffer, end, stated_format, unpack, trace.problems)
        for row in _walk_events(body, buffer, trace):
            if row["ticks"] is None:
                row["borrowed_ticks"] = last_ticks.get(buffer.cpu)
            else:
                last_ticks[buffer.cpu] = row["ticks"]
                row["filetime"] = filetime(facts, row["ticks"])
            trace.rows.append(row)
            buffer.n_events += 1
    return trace


# -------------------------------------------------------------------------------------------- header and time


def read_facts(data: bytes) -> Facts:
    """The header event of buffer 0 (§5.1)."""
    if len(data) < 0x178:
        raise NotEtlError(f"{len(data)} bytes are too few")
    marker, hook_id = struct.unpack_from("<H2xH", data, 0x4A)
    if marker not in (0xC001, 0xC002) or hook_id != 0:
        raise NotEtlError(f"the first event is marked {marker:04x} with hook {hook_id:04x}")
    is_wide = marker == 0xC002
    (size,) = struct.unpack_from("<H", data, 0x4C)
    fixed = 0x118 if is_wide else 0x110
    h = data[0x68 : 0x48 + size]
    if len(h) < fixed:
        raise NotEtlError(f"the header event has {len(h)} bytes, and needs {fixed}")
    tid, pid, base_ticks = struct.unpack_from("<IIq", data, 0x50)
    numbers = struct.unpack_from("<I4BIIqIIIIIIII", h, 0)
    names = struct.unpack_from("<QQ" if is_wide else "<II", h, 0x38)
    tz = 0x48 if is_wide else 0x40
    tail = 0xF8 if is_wide else 0xF0
    boot_time, perf_freq, start_time, clock, buffers_lost = struct.unpack_from("<qqqII", h, tail)
    logger, at = _utf16_z(h, fixed)
    logfile, _ = _utf16_z(h, at)
    return Facts(
        bits=64 if is_wide else 32,
        buffer_size=numbers[0],
        os=f"{numbers[1]}.{numbers[2]}",
        layout=f"{numbers[3]}.{numbers[4]}",
        build=numbers[5],
        cpus=numbers[6],
        end_time=numbers[7],
        timer_resolution=numbers[8],
        max_file_size=numbers[9],
        mode=numbers[10],
        buffers_written=numbers[11],
        start_buffers=numbers[12],
        pointer_size=numbers[13],
        events_lost=numbers[14],
        cpu_mhz=numbers[15],
        logger_name_field=names[0],
        file_name_field=names[1],
        tz_bias=struct.unpack_from("<i", h, tz)[0],
        tz_standard=_utf16_z(h[: tz + 0x44], tz + 4)[0],
        tz_standard_date=struct.unpack_from("<8H", h, tz + 0x44),
        tz_standard_bias=struct.unpack_from("<i", h, tz + 0x54)[0],
        tz_daylight=_utf16_z(h[: tz + 0x98], tz + 0x58)[0],
        tz_daylight_date=struct.unpack_from("<8H", h, tz + 0x98),
        tz_daylight_bias=struct.unpack_from("<i", h, tz + 0xA8)[0],
        boot_time=boot_time,
        perf_freq=perf_freq,
        start_time=start_time,
        clock=clock,
        buffers_lost=buffers_lost,
        logger=logger,
        logfile=logfile,
        base_ticks=base_ticks,
        pid=pid,
        tid=tid,
    )


def _utf16_z(data: bytes, at: int) -> tuple[str, int]:
    """Text up to its NUL or the end of `data`, and the place behind it."""
    end = at
    while end + 2 <= len(data) and data[end : end + 2] != b"\0\0":
        end += 2
    return data[at:end].decode("utf-16-le", "replace"), end + 2


def filetime(facts: Facts, ticks: int) -> int | None:
    """The time of a raw time stamp (§6), rounded down; None if the clock has no rate."""
    past = ticks - facts["base_ticks"]
    clock = facts["clock"]
    if clock in (0, 2):
        return ticks
    if clock == 1 and facts["perf_freq"] > 0:
        return facts["start_time"] + past * 10_000_000 // facts["perf_freq"]
    if clock == 3 and facts["cpu_mhz"] > 0:
        return facts["start_time"] + past * 10 // facts["cpu_mhz"]
    return None


# ---------------------------------------------------------------------------------------------------- buffers


def _walk_buffers(data: bytes, problems: list[Problem], facts: Facts) -> Iterator[tuple[BufferFacts, int]]:
    """Each buffer with the place in the file where it ends."""
    session_size = facts["buffer_size"]
    at = 0
    while at < len(data):
        head = data[at : at + BUFFER_HEADER_BYTES]
        if len(head) < BUFFER_HEADER_BYTES:
            if any(head):
                problems.append(Problem(file_offset=at, event_offset=None, what="half a buffer header"))
            return
        if not any(head):
            if session_size == 0 or not any(data[at:]):
                return
            problems.append(Problem(file_offset=at, event_offset=None, what="hole"))
            at += session_size
            continue
        buffer = _buffer_facts(at, head)
        if not BUFFER_HEADER_BYTES <= buffer.claimed_size <= MAX_BUFFER_BYTES:
            problems.append(Problem(file_offset=at, event_offset=None, what="bad BufferSize"))
            if session_size == 0 or facts["mode"] & 0x04000000:
                return
            at = (at // session_size + 1) * session_size
            continue
        end = at + buffer.claimed_size
        if end > len(data):
            problems.append(Problem(file_offset=at, event_offset=None, what="buffer cut short"))
        yield buffer, min(end, len(data))
        at = end


def _buffer_facts(at: int, head: bytes) -> BufferFacts:
    size, saved, current, _, timestamp, sequence = struct.unpack_from("<IIIiqq", head, 0)
    processor, logger_id, state, offset, flags, kind = struct.unpack_from("<HHIIHH", head, 0x28)
    return BufferFacts(
        file_offset=at,
        claimed_size=size,
        saved_offset=saved,
        current_offset=current,
        timestamp=timestamp,
        sequence=sequence,
        cpu=processor & 0x7FF if flags & 0x20 else processor & 0xFF,
        logger_id=logger_id,
        state=state,
        offset=offset,
        flags=flags,
        type=kind,
    )


def _body(
    data: bytes, buffer: BufferFacts, end: int, stated_format: int, unpack: Unpack, problems: list[Problem]
) -> bytes:
    """The bytes of a buffer's events, unpacked."""
    at = buffer.file_offset

    def report(what: str) -> None:
        problems.append(Problem(file_offset=at, event_offset=None, what=what))

    if buffer.type in UNREAD_BUFFER_TYPES:
        report(f"buffer not read: {UNREAD_BUFFER_TYPES[buffer.type]}")
        return b""
    if buffer.used < BUFFER_HEADER_BYTES:
        return b""
    start = at + BUFFER_HEADER_BYTES
    if not buffer.flags & 0x40:
        if buffer.used > buffer.claimed_size:
            report("Offset beyond BufferSize")
        return data[start : min(at + buffer.used, end)]
    length = buffer.used - BUFFER_HEADER_BYTES
    if length == 0:
        return b""
    if length > MAX_BUFFER_BYTES:
        report("unpacked size too large")
        return b""
    for one in dict.fromkeys([*([stated_format] if stated_format in (2, 3, 4) else []), 3, 4, 2]):
        try:
            body = unpack(data[start:end], length, one)
        except ValueError:
            continue
        if len(body) == length and _kind(int.from_bytes(body[:4], "little")) is not None:
            buffer.unpack_format = one
            return body
    report("not to be unpacked")
    return b""


# ----------------------------------------------------------------------------------------------------- events


def _kind(marker: int) -> int | None:
    """The kind of header a first dword announces (§1); None if none that can be stepped over."""
    if marker >> 24 == 0xC0:
        kind = marker >> 16 & 0xFF
        return kind if kind in KNOWN_KINDS else None
    return {0x9: MESSAGE_KIND, 0xB: ULONG32_TIME_KIND}.get(marker >> 28)


def _walk_events(body: bytes, buffer: BufferFacts, trace: SlowTrace) -> Iterator[Row]:
    at = 0

    def report(what: str) -> None:
        trace.problems.append(Problem(file_offset=buffer.file_offset, event_offset=BUFFER_HEADER_BYTES + at, what=what))

    while at + 8 <= len(body):
        marker, second = struct.unpack_from("<II", body, at)
        if marker == 0xFFFFFFFF:
            return
        if marker == 0:
            report("zeros inside the used bytes")
            return
        kind = _kind(marker)
        if kind is None:
            report("unknown header type")
            return
        size = (second if kind in SYSTEM_KINDS or kind in PERFINFO_KINDS else marker) & 0xFFFF
        if size < _header_bytes(kind, marker, second):
            report("event smaller than its header")
            return
        if at + size > len(body):
            report("event runs past the used bytes")
            return
        if kind == ERROR_KIND:
            trace.n_error_events += 1
        else:
            row = _parse_event(kind, body[at : at + size])
            row["file_offset"] = buffer.file_offset
            row["event_offset"] = BUFFER_HEADER_BYTES + at
            row["cpu"] = buffer.cpu
            if row["is_items_damaged"]:
                report("damaged extended items")
            yield row
        at += size + 7 & ~7


def _header_bytes(kind: int, marker: int, second: int) -> int:
    """How many bytes an event has at least, by its first 8."""
    if kind in SYSTEM_KINDS:
        return SYSTEM_KINDS[kind] + _counter_bytes(marker & 0xFFFF)
    if kind in PERFINFO_KINDS:
        return PERFINFO_KINDS[kind] + _counter_bytes(marker & 0xFFFF)
    if kind == MESSAGE_KIND:
        return 8 + _message_field_bytes(second >> 16)
    return {ERROR_KIND: 8, ULONG32_TIME_KIND: 0x10}.get(kind) or GUID_KINDS[kind]


def _counter_bytes(version: int) -> int:
    return (8 if version & 0x8000 else 0) + 8 * (version >> 8 & 7)


def _message_field_bytes(flags: int) -> int:
    identity = 4 if flags & 4 else 16 if flags & 2 else 0
    return (4 if flags & 1 else 0) + identity + (8 if flags & 0x18 else 0) + (8 if flags & 0x20 else 0)


def _empty_row(kind: int) -> Row:
    return Row(
        file_offset=0,
        event_offset=0,
        cpu=0,
        kind=kind,
        ticks=None,
        borrowed_ticks=None,
        filetime=None,
        pid=None,
        tid=None,
        provider=None,
        event_id=None,
        version=None,
        level=None,
        opcode=None,
        keyword=None,
        hook_id=None,
        activity_id=None,
        container_id=None,
        payload=b"",
        items=(),
        is_items_damaged=False,
    )


def _parse_event(kind: int, event: bytes) -> Row:
    """One event of known kind that has at least its header. Offsets as in the table of §7."""
    row = _empty_row(kind)
    if kind in SYSTEM_KINDS or kind in PERFINFO_KINDS:
        _parse_system(row, event)
    elif kind == MESSAGE_KIND:
        _parse_message(row, event)
    elif kind == ULONG32_TIME_KIND:
        (row["ticks"],) = struct.unpack_from("<q", event, 8)
        row["payload"] = event[0x10:]
    else:
        row["tid"], row["pid"], row["ticks"] = struct.unpack_from("<IIq", event, 8)
        row["provider"] = _guid(event, 0x18)
        if kind in (0x12, 0x13):
            _parse_event_header(row, event)
        else:
            row["opcode"], row["level"], row["version"] = struct.unpack_from("<BBH", event, 4)
            fixed = GUID_KINDS[kind]
            row["payload"] = event[fixed:]
            if kind in (0x0B, 0x15):
                row["items"] = ((4, event[0x30:0x48]),)
    return row


def _guid(data: bytes, at: int) -> str:
    return str(UUID(bytes_le=data[at : at + 16]))


def _parse_system(row: Row, event: bytes) -> None:
    version, _, _, row["hook_id"] = struct.unpack_from("<HHHH", event, 0)
    row["version"] = version & 0xFF
    row["opcode"] = event[6]
    if row["kind"] in SYSTEM_KINDS:
        row["tid"], row["pid"], row["ticks"] = struct.unpack_from("<IIq", event, 8)
        at = SYSTEM_KINDS[row["kind"]]
    else:
        (row["ticks"],) = struct.unpack_from("<q", event, 8)
        at = PERFINFO_KINDS[row["kind"]]
    items: list[tuple[int, bytes]] = []
    if version & 0x8000:
        items.append((7, event[at : at + 8]))
        at += 8
    if n_counters := version >> 8 & 7:
        items.append((8, event[at : at + 8 * n_counters]))
        at += 8 * n_counters
    row["items"] = tuple(items)
    row["payload"] = event[at:]


def _parse_message(row: Row, event: bytes) -> None:
    row["event_id"], flags = struct.unpack_from("<HH", event, 4)
    at = 8
    if flags & 1:
        at += 4
    if flags & 4:
        at += 4
    elif flags & 2:
        row["provider"] = _guid(event, at)
        at += 16
    if flags & 0x18:
        if flags & 8:
            (row["ticks"],) = struct.unpack_from("<q", event, at)
        at += 8
    if flags & 0x20:
        row["tid"], row["pid"] = struct.unpack_from("<II", event, at)
        at += 8
    row["payload"] = event[at:]


def _parse_event_header(row: Row, event: bytes) -> None:
    (flags,) = struct.unpack_from("<H", event, 4)
    row["event_id"], row["version"], _, row["level"], row["opcode"], _, row["keyword"] = struct.unpack_from(
        "<HBBBBHQ", event, 0x28
    )
    row["activity_id"] = _guid(event, 0x40)
    at = 0x50
    if flags & 1:
        found = _parse_items(event, at)
        if found is None:
            row["is_items_damaged"] = True
            return
        row["items"], at = found
        row["container_id"] = next((_container(data) for kind, data in row["items"] if kind == 16), None)
    row["payload"] = event[at:]


def _parse_items(event: bytes, at: int) -> tuple[tuple[tuple[int, bytes], ...], int] | None:
    """The chain of §8 and the place behind it; None if it is damaged."""
    items: list[tuple[int, bytes]] = []
    while True:
        if at + 8 > len(event) or len(items) == MAX_ITEMS:
            return None
        total, kind, linkage, length = struct.unpack_from("<HHHH", event, at)
        if total < 8 + length or at + total > len(event):
            return None
        items.append((kind, event[at + 8 : at + 8 + length]))
        at += total + 7 & ~7
        if not linkage & 1:
            return tuple(items), at


def _container(data: bytes) -> str | None:
    """The GUID of a CONTAINER_ID item in any of the forms of §8."""
    if len(data) == 16:
        return str(UUID(bytes_le=data))
    try:
        text = data.decode("utf-16-le" if len(data) in (72, 76) else "ascii")
    except UnicodeDecodeError:
        return None
    if len(text) == 38 and text[0] + text[-1] == "{}":
        text = text[1:-1]
    hyphens = [at for at, letter in enumerate(text) if letter == "-"]
    digits = text.replace("-", "")
    is_hex = not set(digits) - set("0123456789abcdefABCDEF")
    is_guid = len(text) == 36 and hyphens == [8, 13, 18, 23] and is_hex
    return text.lower() if is_guid else None
