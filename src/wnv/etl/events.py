"""From buffers in memory to columns: one row an event (etl-format.md, sections 3 and 7).

`walk_events` goes through all buffers at once: step k handles the k-th event of every buffer. The rest is
copying whole headers at the found places and looking at their fields.
"""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, U32, U64, Rows, read_rows
from wnv.diagnostics import Code
from wnv.etl import layout

NULL_ID = 0xFFFFFFFF
"""In `pid` and `tid`: the header has none. Windows reports the same value."""
NO_PROVIDER = -1
NO_HOOK = 0xFFFF
_CHUNK = 1 << 13  # events decoded at a time: keeps temporaries small, and in the processor's cache
_FOUND_AT_ONCE = 1 << 16
_FEW_LANES = 16
_WORTH_A_KERNEL_BYTES = 1 << 20
_GUIDS_TRIED = 8
_GUIDS_KNOWN = 64
_PROVIDER_AT = 0x18

_IS_DESCRIBED: BOOL = np.isin(np.arange(256), (layout.EVENT32, layout.EVENT64))

# Fixed size and size shift of a marker in one number: one lookup a step.
_STEP_OF_MARKER: I64 = layout.FIXED_BYTES[layout.KIND_OF_MARKER] | (layout.SIZE_SHIFT[layout.KIND_OF_MARKER] << 8)


# The search for events behind damage does without messages: half a byte marks them, which random data often has.
_CHAIN_STEP_OF_MARKER: I64 = np.where(layout.KIND_OF_MARKER == layout.MESSAGE, 0, _STEP_OF_MARKER)


@dataclass(frozen=True, slots=True)
class Stop:
    """Buffers whose walk ended before their used bytes did, and where."""

    code: Code
    buffer: I64
    position: I64


@dataclass(frozen=True, slots=True)
class Walk:
    """Where the events are, by buffer and then by position."""

    position: I64
    buffer: I32
    """Which of the loaded buffers; not decreasing."""
    kind: U8
    """Of the header."""
    ticks: I64
    """Raw time; of messages see `read_ticks`."""
    stops: list[Stop]
    n_recovered: I64
    """For each buffer, events found behind a damaged place."""


def walk_events(words: U64, body: I64, end: I64) -> Walk:
    """Positions of all events of the buffers `[body, end)` of `words` (byte positions, `body` 8-aligned).

    Damage stops a buffer's walk; it goes on where a chain of events reaches the end of the used bytes
    exactly (section 11), and what is found there counts as recovered.
    """
    found, starts, stops = _step_through(words, body, end)
    n_recovered = np.zeros(len(body), np.int64)
    if stops:
        buffer = np.concatenate([stop.buffer for stop in stops])
        behind = np.concatenate([stop.position for stop in stops]) + layout.ALIGN
        again = _find_chains(words, behind, end[buffer])
        usable = again < end[buffer]
        buffer, again = buffer[usable], again[usable]
        if len(buffer):
            # A chain that was found cannot stop again: every event of it was checked.
            rest, _, _ = _step_through(words, again, end[buffer])
            n_recovered = np.bincount(np.searchsorted(body, rest, "right") - 1, minlength=len(body))
            found = np.concatenate([found, rest])
            found.sort()
            starts = None
    kind, ticks = _read_starts(words, found) if starts is None else starts
    n_events = np.diff(np.searchsorted(found, body), append=len(found))
    return Walk(found, np.repeat(np.arange(len(body), dtype=np.int32), n_events), kind, ticks, stops, n_recovered)


_Starts: TypeAlias = tuple[U8, I64]
"""Header kinds and raw times of events."""


def _step_through(words: U64, body: I64, end: I64) -> tuple[I64, _Starts | None, list[Stop]]:
    """Positions, sorted if `body` is, how they start, if that was read on the way, and where walks ended early."""
    lane = np.flatnonzero(body + 8 <= end)
    position, stop_at = body[lane], end[lane]
    found: list[I64] = []
    stops: list[Stop] = []
    starts: _Starts | None = None
    is_walked, is_compiled = False, has_compiled()
    signed = words.view(np.int64)
    while len(lane):
        is_long = len(lane) < _FEW_LANES and int((stop_at - position).sum()) > _WORTH_A_KERNEL_BYTES
        if not is_walked and (is_long or is_compiled):
            # Where few long buffers are left, one at a time is faster: a 16 MiB buffer has 100 000 steps.
            # What is left behind this is at its end or damaged; the next step finds out which.
            rest, position, starts = _walk_each(signed, position, stop_at)
            found.append(rest)
            is_walked = True
        else:
            word = signed[position >> 3]
            step = _STEP_OF_MARKER[word >> 16 & 0xFFFF]
            size = word >> (step >> 8) & 0xFFFF
            fixed = step & 0xFF
            is_event = (fixed > 0) & (size >= fixed) & (size <= stop_at - position)
            if is_event.all():
                found.append(position)
            else:
                broken = ~is_event
                stops += _reasons(word[broken], fixed[broken], size[broken], lane[broken], position[broken])
                found.append(position[is_event])
                lane, position, size, stop_at = (
                    lane[is_event],
                    position[is_event],
                    size[is_event],
                    stop_at[is_event],
                )
            position = position + ((size + 7) & ~7)
        goes_on = position + 8 <= stop_at
        if not goes_on.all():
            lane, position, stop_at = lane[goes_on], position[goes_on], stop_at[goes_on]
    if not found:
        return np.zeros(0, np.int64), None, stops
    if len(found) == 1:
        return found[0], starts, stops
    everything = np.concatenate(found)
    everything.sort()
    return everything, None, stops


def _walk_each(words: I64, position: I64, stop_at: I64) -> tuple[I64, I64, _Starts]:
    """Each buffer to its end or to what is no event, where that is, and how the events start."""
    from wnv import kernels

    room = (stop_at - position) >> 3
    scratch = np.empty(int(np.sort(room)[-kernels.WALK_LANES :].sum()), np.int64)
    size = max(_FOUND_AT_ONCE, len(scratch))
    out, kind, ticks = np.empty(size, np.int64), np.empty(size, np.uint8), np.empty(size, np.int64)
    n_found = np.empty(len(position), np.int64)
    reached = position.copy()
    tables = _STEP_OF_MARKER, layout.KIND_OF_MARKER, layout.TIME_OFFSET
    found: list[tuple[I64, U8, I64]] = []
    lane = 0
    while lane < len(position):
        lane, n = kernels.walk_buffers(words, lane, reached, stop_at, *tables, n_found, scratch, out, kind, ticks)
        found.append((out[:n].copy(), kind[:n].copy(), ticks[:n].copy()))
    positions, kinds, times = (np.concatenate(column) for column in zip(*found, strict=True))
    return positions, reached, (kinds, times)


def has_compiled() -> bool:
    """Whether compiled loops cost nothing to use: to import them takes 0.4 s, which only large files are worth."""
    return "wnv.kernels" in sys.modules and getattr(sys.modules["wnv.kernels"], "COMPILED", False) is True


def _reasons(word: I64, fixed: I64, size: I64, lane: I64, position: I64) -> list[Stop]:
    marker = word & 0xFFFFFFFF
    is_end = marker == 0xFFFFFFFF
    is_zero = marker == 0
    is_unknown = (fixed == 0) & ~is_end & ~is_zero
    is_short = (fixed > 0) & (size < fixed)
    is_long = (fixed > 0) & ~is_short
    cases = (
        (Code.EVENT_ZEROED, is_zero), (Code.EVENT_KIND_UNKNOWN, is_unknown),
        (Code.EVENT_SIZE_INVALID, is_short), (Code.EVENT_OVERRUN, is_long),
    )  # fmt: skip
    return [Stop(code, lane[case], position[case]) for code, case in cases if case.any()]


def _find_chains(words: U64, behind: I64, end: I64) -> I64:
    """The first position at or after `behind` from which events lead exactly to `end`; `end` if there is none."""
    from wnv import kernels

    slots = np.zeros(int((end - behind).max()) // 8 + 1, np.uint8)
    first = np.empty(len(behind), np.int64)
    kernels.find_chains(words.view(np.int64), behind, end, _CHAIN_STEP_OF_MARKER, slots, first)
    return first


# --- columns ------------------------------------------------------------------------------------------


class Guids:
    """Numbers for GUIDs, in order of first appearance; one for all slices of a run."""

    def __init__(self) -> None:
        self._pairs: list[tuple[int, int]] = []
        self._code: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()
        self.texts: list[str] = []
        """Lower case, without braces."""

    def __len__(self) -> int:
        return len(self.texts)

    def known(self) -> I64:
        """The first GUIDs, two words a row: those that most events have."""
        return np.array(self._pairs[:_GUIDS_KNOWN], np.uint64).reshape(-1, 2).view(np.int64)

    def code(self, raw: bytes) -> int:
        """The number of one GUID in its 16 stored bytes."""
        return self._number(*np.frombuffer(raw, "<u8", 2).tolist())

    def codes(self, raw: Rows) -> I32:
        """The number of each row of `raw` (V16)."""
        pairs = np.ascontiguousarray(raw).view("<u8").reshape(-1, 2)
        low, high = pairs[:, 0], pairs[:, 1]
        codes = np.full(len(raw), NO_PROVIDER, np.int32)
        left = len(raw)
        for number, (known_low, known_high) in enumerate(self._pairs[:_GUIDS_TRIED]):
            if not left:
                return codes
            same = (low == np.uint64(known_low)) & (high == np.uint64(known_high))
            codes[same] = number
            left -= int(same.sum())
        if left:
            rest = codes == NO_PROVIDER
            distinct, inverse = np.unique(pairs[rest], axis=0, return_inverse=True)
            numbers = np.array([self._number(a, b) for a, b in distinct.tolist()], np.int32)
            codes[rest] = numbers[inverse.reshape(-1)]
        return codes

    def _number(self, low: int, high: int) -> int:
        number = self._code.get((low, high))
        if number is None:
            with self._lock:  # slices are read by several threads
                number = self._code.get((low, high))
                if number is None:
                    self.texts.append(str(uuid.UUID(bytes_le=low.to_bytes(8, "little") + high.to_bytes(8, "little"))))
                    self._pairs.append((low, high))
                    number = self._code[low, high] = len(self.texts) - 1
        return number


@dataclass(frozen=True, slots=True)
class Events:
    """Header columns of the events of one slice, in its order; the arena behind them is reused for the next.

    `pid`, `tid`: `NULL_ID` where the header has none. `provider`: number in `guids`, `NO_PROVIDER` for hook
    events. `hook_id`: `NO_HOOK` unless the event is identified by one. `event_id`: 0 for classic events.
    """

    data: U8
    guids: Guids
    buffer: I32
    """Row in the recording's list of buffers (all its files)."""
    position: I64
    """Of the header, in `data`."""
    offset: U32
    """Of the header, in its buffer after unpacking."""
    kind: U8
    ticks: I64
    ts_ns: I64
    cpu: U16
    pid: U32
    tid: U32
    provider: I32
    hook_id: U16
    event_id: U16
    version: U16
    level: U8
    opcode: U8
    keyword: U64
    has_items: BOOL
    payload_start: I64
    """In `data`."""
    payload_bytes: I32

    def __len__(self) -> int:
        return len(self.position)

    @property
    def has_descriptor(self) -> BOOL:
        """Events with an EVENT_HEADER: manifest, TraceLogging, EventSource."""
        is_described: BOOL = (self.kind == layout.EVENT32) | (self.kind == layout.EVENT64)
        return is_described

    @property
    def pointer_bytes(self) -> I64:
        """Size of a pointer in the payload (section 7: by the event's own header, not the file's)."""
        return np.where(layout.BITS[self.kind] == 32, 4, 8)

    def activity(self) -> Rows:
        """ActivityId (V16) of each event; zeros where there is none. Read on demand: few uses need it."""
        out = np.zeros(len(self), "V16")
        mine = self.has_descriptor
        out[mine] = read_rows(self.data, self.position[mine] + 0x40, np.dtype("V16"))
        return out

    def select(self, mask: BOOL | I64) -> Events:
        """The rows of `mask`, in the same memory."""
        columns = {name: getattr(self, name)[mask] for name in _COLUMNS}
        return Events(data=self.data, guids=self.guids, **columns)


_COLUMNS = tuple(name for name in Events.__slots__ if name not in ("data", "guids"))


def _read_starts(words: U64, position: I64) -> _Starts:
    """Header kind and raw time of the events at `position`."""
    signed = words.view(np.int64)
    kind = layout.KIND_OF_MARKER[signed[position >> 3] >> 16 & 0xFFFF]
    return kind, signed[(position + layout.TIME_OFFSET[kind]) >> 3]


def read_ticks(words: U64, position: I64, kind: U8, ticks: I64) -> BOOL:
    """Put right the raw times that messages have elsewhere, and say which events have a time (section 7.6)."""
    has_time = np.ones(len(position), np.bool_)
    message = np.flatnonzero(kind == layout.MESSAGE)
    if len(message):
        fields = _message_fields(position[message], words.view(np.int64)[position[message] >> 3])
        has_time[message] = fields.has_time
        timed = message[fields.has_time]
        ticks[timed] = read_rows(words.view(np.uint8), fields.time_at[fields.has_time], np.dtype("V8")).view("<i8")
    return has_time


@dataclass(frozen=True, slots=True)
class _MessageFields:
    guid_at: I64
    has_guid: BOOL
    time_at: I64
    has_time: BOOL
    ids_at: I64
    has_ids: BOOL
    payload_at: I64


def _message_fields(position: I64, word: I64) -> _MessageFields:
    """Where the optional fields of WPP messages stand: packed, in this order (section 7.6)."""
    flags = word >> 48
    size = word & 0xFFFF

    def has(bits: int) -> BOOL:
        is_set: BOOL = (flags & bits) != 0
        return is_set

    at = position + 8
    at = at + 4 * has(layout.MESSAGE_SEQUENCE)
    has_component = has(layout.MESSAGE_COMPONENT)
    has_guid = has(layout.MESSAGE_GUID) & ~has_component
    guid_at = at
    at = at + 4 * has_component + 16 * has_guid
    time_at = at
    at = at + 8 * has(layout.MESSAGE_TIME | layout.MESSAGE_PERFTIME)
    ids_at = at
    at = at + 8 * has(layout.MESSAGE_SYSTEMINFO)
    is_whole = at <= position + size
    return _MessageFields(
        guid_at=guid_at, has_guid=has_guid & is_whole,
        time_at=time_at, has_time=has(layout.MESSAGE_TIME) & is_whole,
        ids_at=ids_at, has_ids=has(layout.MESSAGE_SYSTEMINFO) & is_whole,
        payload_at=np.where(is_whole, at, position + 8),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """Events in loaded buffers, before their headers are decoded: by buffer and then by position."""

    words: U64
    position: I64
    kind: U8
    ticks: I64
    buffer: I32
    """Which of the loaded buffers."""
    row_of: I32
    """Of each loaded buffer: its row in the recording."""
    cpu_of: U16
    body: I64
    """Where the events of each loaded buffer start."""


def decode_headers(found: Found, order: I64, guids: Guids, ts_ns: I64) -> Events:
    """All header columns of the events `order`, in that order; `ts_ns` are their times.

    Payloads behind extended items start behind the items where `extended.read_items` is applied; here, where the
    fixed header ends.
    """
    n = len(order)
    data = found.words.view(np.uint8)
    events = Events(
        data=data, guids=guids, buffer=np.empty(n, np.int32), position=np.empty(n, np.int64),
        offset=np.empty(n, np.uint32), kind=np.empty(n, np.uint8), ticks=np.empty(n, np.int64), ts_ns=ts_ns,
        cpu=np.empty(n, np.uint16), pid=np.full(n, NULL_ID, np.uint32), tid=np.full(n, NULL_ID, np.uint32),
        provider=np.full(n, NO_PROVIDER, np.int32), hook_id=np.full(n, NO_HOOK, np.uint16),
        event_id=np.zeros(n, np.uint16), version=np.zeros(n, np.uint16), level=np.zeros(n, np.uint8),
        opcode=np.zeros(n, np.uint8), keyword=np.zeros(n, np.uint64), has_items=np.zeros(n, np.bool_),
        payload_start=np.empty(n, np.int64), payload_bytes=np.empty(n, np.int32),
    )  # fmt: skip
    n_other = (_fill_compiled if has_compiled() else _fill_plain)(events, found, order)
    if n_other:
        for kinds, fill in _FILL:
            _fill_chunks(events, np.flatnonzero(np.isin(events.kind, kinds)), fill)
    return events


def _fill_compiled(events: Events, found: Found, order: I64) -> int:
    """What all headers have in common, and the EVENT_HEADERs; how many events have other headers."""
    from wnv import kernels

    one = events
    n_unknown, n_other = kernels.fill_headers(
        found.words.view(np.int64), found.position, found.kind, found.ticks, found.buffer, order, found.row_of,
        found.cpu_of, found.body, one.guids.known(), layout.FIXED_BYTES, layout.SIZE_SHIFT, _IS_DESCRIBED,
        one.position, one.kind, one.ticks, one.buffer, one.cpu, one.offset, one.payload_start, one.payload_bytes,
        one.pid, one.tid, one.provider, one.hook_id, one.event_id, one.version, one.level, one.opcode, one.keyword,
        one.has_items, layout.BUFFER_HEADER_BYTES, NULL_ID, NO_PROVIDER, NO_HOOK,
    )  # fmt: skip
    if n_unknown:
        left = np.flatnonzero(one.has_descriptor & (one.provider == NO_PROVIDER))
        _fill_chunks(events, left, _fill_provider)
    return int(n_other)


def _fill_plain(events: Events, found: Found, order: I64) -> int:
    """As `_fill_compiled`, a column after the other."""
    for start in range(0, len(order), _CHUNK):
        some = slice(start, start + _CHUNK)
        position, buffer = found.position[order[some]], found.buffer[order[some]]
        kind = found.kind[order[some]]
        fixed = layout.FIXED_BYTES[kind]
        word = found.words.view(np.int64)[position >> 3]
        events.position[some], events.kind[some], events.ticks[some] = position, kind, found.ticks[order[some]]
        events.buffer[some], events.cpu[some] = found.row_of[buffer], found.cpu_of[buffer]
        events.offset[some] = position - found.body[buffer] + layout.BUFFER_HEADER_BYTES
        events.payload_start[some] = position + fixed
        events.payload_bytes[some] = (word >> layout.SIZE_SHIFT[kind] & 0xFFFF) - fixed
    is_described = events.has_descriptor
    _fill_chunks(events, np.flatnonzero(is_described), _fill_event)
    return len(order) - int(np.count_nonzero(is_described))


def _fill_chunks(events: Events, rows: I64, fill: Callable[[Events, I64, I64], None]) -> None:
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        fill(events, some, events.position[some])


def _fill_provider(events: Events, rows: I64, position: I64) -> None:
    events.provider[rows] = events.guids.codes(read_rows(events.data, position + _PROVIDER_AT, np.dtype("V16")))


def _fill_event(events: Events, rows: I64, position: I64) -> None:
    head = read_rows(events.data, position, layout.EVENT_HEADER)
    events.pid[rows] = head["pid"]
    events.tid[rows] = head["tid"]
    events.provider[rows] = events.guids.codes(head["provider"])
    events.event_id[rows] = head["id"]
    events.version[rows] = head["version"]
    events.level[rows] = head["level"]
    events.opcode[rows] = head["opcode"]
    events.keyword[rows] = head["keyword"]
    events.has_items[rows] = (head["flags"] & layout.EVENT_FLAG_EXTENDED) != 0


def _fill_full(events: Events, rows: I64, position: I64) -> None:
    head = read_rows(events.data, position, layout.FULL_HEADER)
    events.pid[rows] = head["pid"]
    events.tid[rows] = head["tid"]
    events.provider[rows] = events.guids.codes(head["provider"])
    events.version[rows] = head["version"]
    events.level[rows] = head["level"]
    events.opcode[rows] = head["opcode"]


def _fill_hook(events: Events, rows: I64, position: I64) -> None:
    head = read_rows(events.data, position, layout.SYSTEM_HEADER)
    events.version[rows] = head["version"]
    events.opcode[rows] = head["opcode"]
    events.hook_id[rows] = head["hook"]
    # Processor counters stand between header and payload (section 7.2).
    flags = head["version_flags"]
    counters = 8 * ((flags & layout.HOOK_HAS_PEBS != 0).astype(np.int32) + (flags & layout.HOOK_N_PMC))
    counters = np.minimum(counters, events.payload_bytes[rows]).astype(np.int32)
    events.payload_start[rows] += counters
    events.payload_bytes[rows] -= counters


def _fill_system(events: Events, rows: I64, position: I64) -> None:
    _fill_hook(events, rows, position)
    head = read_rows(events.data, position, layout.SYSTEM_HEADER)
    events.pid[rows] = head["pid"]
    events.tid[rows] = head["tid"]


def _fill_message(events: Events, rows: I64, position: I64) -> None:
    word = events.data.view(np.int64)[position >> 3]
    fields = _message_fields(position, word)
    provider = np.full(len(position), NO_PROVIDER, np.int32)
    raw = read_rows(events.data, fields.guid_at[fields.has_guid], np.dtype("V16"))
    provider[fields.has_guid] = events.guids.codes(raw)
    events.provider[rows] = provider
    ids = np.full((len(position), 2), NULL_ID, np.uint32)
    ids[fields.has_ids] = (
        read_rows(events.data, fields.ids_at[fields.has_ids], np.dtype("V8")).view("<u4").reshape(-1, 2)
    )
    events.tid[rows] = ids[:, 0]
    events.pid[rows] = ids[:, 1]
    events.event_id[rows] = (word >> 32).astype(np.uint16)
    end = events.payload_start[rows] + events.payload_bytes[rows]
    events.payload_start[rows] = fields.payload_at
    events.payload_bytes[rows] = end - fields.payload_at


_FILL = (
    ((layout.PERFINFO64, layout.PERFINFO32), _fill_hook),
    ((layout.SYSTEM64, layout.SYSTEM32, layout.COMPACT64, layout.COMPACT32), _fill_system),
    ((layout.FULL64, layout.FULL32, layout.INSTANCE64, layout.INSTANCE32), _fill_full),
    ((layout.MESSAGE,), _fill_message),
)
