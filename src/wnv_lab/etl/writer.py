"""Writes the file that an ETW session leaves: one buffer per processor at a time, in the order of their flushes.

Docs: docs/formats/etl-format.md, sections 1, 2, 6 and 12. Same calls, same bytes.

>>> with EtlWriter("case.etl", build=20348, n_processors=2, start_ns=start_ns, boot_ns=boot_ns) as etl:
...     etl.add(start_ns + 100, cpu=0, pid=4, tid=8, kind=ndiscap.KIND_1001, payload=template.fill(frame))
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self
from uuid import UUID

import numpy as np

from wnv_lab.arrays import I64, U8, U64, AnyInts
from wnv_lab.errors import LabError
from wnv_lab.etl.layout import (
    BUFFER_HEADER,
    BUFFER_HEADER_BYTES,
    BUFFER_LOST,
    CLOCK_CPU,
    CLOCK_QPC,
    CLOCK_SYSTEM,
    COMPRESSED,
    EVENT_HEADER,
    EVENT_HEADER_BYTES,
    EVENT_TAIL,
    EVENTS_LOST,
    FILETIME_1970,
    FLUSH_MARKER,
    FORMAT_XPRESS,
    FULL_HEADER,
    HAS_ITEMS,
    ITEM_CONTAINER_ID,
    MODE_CIRCULAR,
    MODE_COMPRESSED,
    MODE_RELOG,
    MODE_SEQUENTIAL,
    MODE_SIZE_IN_KIB,
    NULL_GUID,
    PADDING,
    PARTITION_EVENT_BYTES,
    PROCESSOR_INDEX,
    STATE_FLUSH,
    TYPE_GENERIC,
    TYPE_HEADER,
    ClassicKind,
    EventKind,
    LogFileHeader,
    TimeZone,
    pack_item,
)

__all__ = ["ClassicKind", "EtlWriter", "EventKind", "TimeZone"]

Item = tuple[int, bytes]
"""An extended item: its type and its data."""

_KIB: Final = 1024
_MIB: Final = 1024 * 1024
_RELOGGED_SESSION_BYTES: Final = 16 * _MIB
_EVENT_BYTES_MAX: Final = 0xFFFF
_NEVER: Final = 2**63 - 1


_CONTAINER_ID_FORMS: Final[dict[str, Callable[[str], bytes]]] = {
    "text": lambda container_id: container_id.encode("ascii"),
    "braces": lambda container_id: f"{{{container_id}}}".encode("ascii"),
    "utf16": lambda container_id: container_id.encode("utf-16-le"),
    "binary": lambda container_id: UUID(container_id).bytes_le,
}
"""How readers in the wild found the item; `text` is what Microsoft's own code expects (section 8)."""

_EVENT_HEADER_COLUMNS: Final = np.dtype([
    ("size", "<u2"), ("type", "u1"), ("mark", "u1"), ("flags", "<u2"), ("property", "<u2"), ("tid", "<u4"),
    ("pid", "<u4"), ("ticks", "<i8"), ("identity", "u1", 24), ("keyword", "<u8"), ("cpu_time", "<u8"),
    ("activity", "u1", 16),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Packed:
    """A buffer that waits in memory for the end of a relogged ring."""

    cpu: int
    n_events: int
    used_bytes: int
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Batch:
    """Events to place, a row each."""

    cpu: AnyInts
    ticks: I64
    size: I64
    headers: U8
    payload: U8
    first_byte: I64
    n_bytes: I64


class EtlWriter:
    """One session's file. Times are integers, ns UTC; events of one processor come in order of time.

    `clock` is 1 (QPC at `perf_freq`), 2 (system time) or 3 (cycles at `cpu_mhz`); `recorded_ns` says which time
    a reader gets. `max_buffers` makes a ring of that many buffers, the first among them. `flush_interval_ns` flushes
    all buffers that often, full or not, as a session with a flush timer does. `is_relogged` writes what
    `pktmon stop` leaves: packed buffers, named `Relogger`; `buffer_bytes` is then the size to which they unpack, and a
    ring keeps the last `max_buffers` in memory and numbers them anew.
    `container_id_form` is how a container's id stands in its item: `text`, `braces`, `utf16` or `binary`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        build: int,
        n_processors: int,
        start_ns: int,
        boot_ns: int,
        perf_freq: int = 10_000_000,
        clock: int = CLOCK_QPC,
        cpu_mhz: int = 2_500,
        buffer_bytes: int = 65_536,
        logger: str | None = None,
        file_name: str | None = None,
        log_file_mode: int | None = None,
        max_buffers: int | None = None,
        flush_interval_ns: int | None = None,
        time_zone: TimeZone | None = None,
        pointer_size: int = 8,
        pid: int = 4242,
        tid: int = 4248,
        logger_id: int = 17,
        container_id_form: str = "text",
        is_relogged: bool = False,
        seed: int = 0,
    ) -> None:
        if pointer_size not in {4, 8}:
            raise LabError(f"pointer_size is {pointer_size}, expected 4 or 8")
        if clock not in {CLOCK_QPC, CLOCK_SYSTEM, CLOCK_CPU}:
            raise LabError(f"clock is {clock}, expected 1 (QPC), 2 (system time) or 3 (CPU cycles)")
        if max_buffers is not None and max_buffers < 2:
            raise LabError(f"max_buffers is {max_buffers}: a ring needs two buffers or more")
        if container_id_form not in _CONTAINER_ID_FORMS:
            raise LabError(f"container_id_form is {container_id_form!r}, expected one of {list(_CONTAINER_ID_FORMS)}")
        if log_file_mode is None:
            log_file_mode = MODE_CIRCULAR if max_buffers is not None and not is_relogged else MODE_SEQUENTIAL
            log_file_mode |= MODE_RELOG | MODE_COMPRESSED if is_relogged else 0
        max_file_size = 512 if is_relogged else 0
        if max_buffers is not None:
            max_file_size, rest = divmod(max_buffers * buffer_bytes, _MIB)
            if rest:
                max_file_size = max_buffers * buffer_bytes // _KIB
                log_file_mode |= MODE_SIZE_IN_KIB

        self._clock, self._perf_freq, self._cpu_mhz = clock, perf_freq, cpu_mhz
        self._boot_ns, self._start_ns = boot_ns, start_ns
        self._has_plain_ticks = clock == CLOCK_SYSTEM or (clock == CLOCK_QPC and perf_freq == 10_000_000)
        self._tick_base = -FILETIME_1970 if clock == CLOCK_SYSTEM else boot_ns // 100
        self._header = LogFileHeader(
            buffer_bytes=_RELOGGED_SESSION_BYTES if is_relogged else buffer_bytes,
            build=build,
            n_processors=n_processors,
            log_file_mode=log_file_mode,
            max_file_size=max_file_size,
            pointer_size=pointer_size,
            perf_freq=perf_freq,
            cpu_mhz=cpu_mhz,
            clock=clock,
            start_ticks=self._ticks(start_ns),
            start_filetime=_filetime(start_ns),
            boot_filetime=_filetime(boot_ns),
            pid=pid,
            tid=tid,
            logger=logger if logger is not None else ("Relogger" if is_relogged else "NetEventSession"),
            file_name=file_name if file_name is not None else f"C:\\Traces\\{Path(path).name}",
            time_zone=time_zone or TimeZone(),
            is_relogged=is_relogged,
        )
        self._event_type = 0x13 if pointer_size == 8 else 0x12
        self._container_item = _CONTAINER_ID_FORMS[container_id_form]
        self._is_relogged = is_relogged
        self._logger_id = 0 if is_relogged else logger_id
        self._max_buffers = max_buffers
        self._buffer_bytes = buffer_bytes
        self._flush_interval_ns = flush_interval_ns
        self._next_flush_ns = _NEVER if flush_interval_ns is None else start_ns + flush_interval_ns
        self._random = random.Random(seed)

        self._buffers = [bytearray(buffer_bytes) for _ in range(n_processors)]
        self._used = [buffer_bytes] * n_processors  # without a buffer: no event fits, and the next one takes a buffer
        self._sequence = [0] * n_processors
        self._last_ticks = [0] * n_processors
        self._loss_flags = [0] * n_processors
        self._n_in_buffer = [0] * n_processors
        self._n_taken = 0
        self._n_written = 0
        self._flush_ticks = 0
        self._n_events_lost = 0
        self._n_buffers_lost = 0
        self._ring: dict[int, tuple[int, int]] = {}
        self._kept: deque[_Packed] = deque()
        self.n_overwritten = [0] * n_processors
        """Events of each processor that the ring has overwritten: its first ones."""
        self.n_events = [0] * n_processors
        """Events of each processor so far, lost ones included."""

        first = self._pack_first_buffer()
        self._first_bytes = len(first)
        self._file: BinaryIO = Path(path).open("wb")  # noqa: SIM115 - closed by close() and abandon()
        self._file.write(first)

    # --- time -------------------------------------------------------------------------------------

    def _ticks(self, ts_ns: int) -> int:
        """The clock's value at a time, rounded down."""
        if self._clock == CLOCK_SYSTEM:
            return _filetime(ts_ns)
        if self._clock == CLOCK_CPU:
            return (ts_ns - self._boot_ns) * self._cpu_mhz // 1000
        if self._has_plain_ticks:
            return ts_ns // 100 - self._boot_ns // 100
        return (ts_ns - self._boot_ns) * self._perf_freq // 1_000_000_000

    def recorded_ns(self, ts_ns: int) -> int:
        """The time that the file states for an event at `ts_ns`: a multiple of 100 ns (section 6)."""
        return self._ns_of(self._ticks(ts_ns))

    def _ns_of(self, ticks: int) -> int:
        if self._clock == CLOCK_SYSTEM:
            return (ticks - FILETIME_1970) * 100
        passed = ticks - self._header.start_ticks
        per_unit, per_pass = (10, self._cpu_mhz) if self._clock == CLOCK_CPU else (10_000_000, self._perf_freq)
        units = passed * per_unit // per_pass
        return (self._header.start_filetime + units - FILETIME_1970) * 100

    # --- events -----------------------------------------------------------------------------------

    def add(
        self,
        ts_ns: int,
        cpu: int,
        pid: int,
        tid: int,
        kind: EventKind,
        payload: bytes,
        keyword: int | None = None,
        activity: bytes | None = None,
        container_id: str | None = None,
        items: Sequence[Item] = (),
    ) -> None:
        """Log one event. `activity` is 16 bytes, `container_id` a GUID as text; `items` go before the container's.

        Raises `LabError` for an event that no buffer can hold.
        """
        if ts_ns >= self._next_flush_ns:
            self._flush_by_timer(ts_ns)
        ticks = ts_ns // 100 - self._tick_base if self._has_plain_ticks else self._ticks(ts_ns)
        flags = 0
        if container_id is not None or items:
            flags = HAS_ITEMS
            payload = self._pack_items(items, container_id) + payload
        tail = kind.tail
        if keyword is not None or activity is not None:
            tail = EVENT_TAIL.pack(
                kind.identity, kind.keyword if keyword is None else keyword, 0, activity or NULL_GUID
            )
        size = EVENT_HEADER_BYTES + len(payload)
        padding = PADDING[size & 7]
        used = self._used[cpu]
        end = used + size + len(padding)
        if end > self._buffer_bytes:
            used = self._next_buffer(cpu, size)
            end = used + size + len(padding)
        self._buffers[cpu][used:end] = (
            EVENT_HEADER.pack(size, self._event_type, 0xC0, flags, 0, tid, pid, ticks, tail) + payload + padding
        )
        self._used[cpu] = end
        self._last_ticks[cpu] = ticks
        self._n_in_buffer[cpu] += 1

    def add_classic(self, ts_ns: int, cpu: int, pid: int, tid: int, kind: ClassicKind, payload: bytes) -> None:
        """Log one event of the time before manifests, as `add` does the others."""
        if ts_ns >= self._next_flush_ns:
            self._flush_by_timer(ts_ns)
        ticks = self._ticks(ts_ns)
        size = FULL_HEADER.size + len(payload)
        padding = PADDING[size & 7]
        used = self._used[cpu]
        if used + size + len(padding) > self._buffer_bytes:
            used = self._next_buffer(cpu, size)
        end = used + size + len(padding)
        header_type = 0x14 if self._header.pointer_size == 8 else 0x0A
        header = FULL_HEADER.pack(
            size, header_type, 0xC0, kind.opcode, kind.level, kind.version, tid, pid, ticks, kind.guid, 0, 0
        )
        self._buffers[cpu][used:end] = header + payload + padding
        self._used[cpu] = end
        self._last_ticks[cpu] = ticks
        self._n_in_buffer[cpu] += 1

    def _pack_items(self, items: Sequence[Item], container_id: str | None) -> bytes:
        wanted = list(items)
        if container_id is not None:
            wanted.append((ITEM_CONTAINER_ID, self._container_item(container_id)))
        return b"".join(
            pack_item(item_type, data, has_next=number < len(wanted))
            for number, (item_type, data) in enumerate(wanted, 1)
        )

    def add_many(
        self,
        ts_ns: I64,
        cpu: AnyInts,
        pid: AnyInts,
        tid: AnyInts,
        kinds: Sequence[EventKind],
        kind_index: AnyInts,
        payload: U8,
        offsets: I64,
        keyword: U64 | None = None,
        activity: U8 | None = None,
    ) -> None:
        """Log many events, as `add` would one by one: same bytes, many times faster.

        Columns have a row an event; row i is of `kinds[kind_index[i]]` and its payload is
        `payload[offsets[i]:offsets[i + 1]]`. `keyword` None takes each kind's own; `activity` is (n, 16) bytes.
        """
        n = ts_ns.size
        if offsets.size != n + 1:
            raise LabError(f"{n} events have {offsets.size} offsets, expected one more than events")
        n_bytes = np.diff(offsets)
        size = n_bytes + EVENT_HEADER_BYTES
        if n and int(size.max()) > self._room:
            raise LabError(_too_large(int(size.max()), self._room))
        ticks = self._ticks_of(ts_ns)
        headers = np.zeros(n, dtype=_EVENT_HEADER_COLUMNS)
        headers["size"], headers["type"], headers["mark"] = size, self._event_type, 0xC0
        headers["tid"], headers["pid"], headers["ticks"] = tid, pid, ticks
        identities = np.frombuffer(b"".join(kind.identity for kind in kinds), np.uint8).reshape(-1, 24)
        headers["identity"] = identities[kind_index]
        usual = np.array([kind.keyword for kind in kinds], np.uint64)
        headers["keyword"] = usual[kind_index] if keyword is None else keyword
        if activity is not None:
            headers["activity"] = activity
        batch = _Batch(
            cpu=np.asarray(cpu),
            ticks=ticks,
            size=size,
            headers=headers.view(np.uint8).reshape(n, EVENT_HEADER_BYTES),
            payload=payload,
            first_byte=offsets[:-1],
            n_bytes=n_bytes,
        )
        first = 0
        while first < n:  # once, if there is no flush timer
            late = np.flatnonzero(ts_ns[first:] >= self._next_flush_ns)
            end = first + int(late[0]) if late.size else n
            if end == first:
                self._flush_by_timer(int(ts_ns[first]))
                continue
            self._place(batch, first, end)
            first = end

    def _ticks_of(self, ts_ns: I64) -> I64:
        """`_ticks` of a column, in parts whose products stay within 63 bits."""
        if self._has_plain_ticks:
            return ts_ns // 100 - self._tick_base
        factor, divisor = (self._cpu_mhz, 1000) if self._clock == CLOCK_CPU else (self._perf_freq, 1_000_000_000)
        whole, rest = np.divmod(ts_ns - self._boot_ns, divisor)  # rest · factor < 10^9 · 2^32
        ticks: I64 = whole * factor + rest * factor // divisor
        return ticks

    def _place(self, batch: _Batch, first: int, end: int) -> None:
        """Put rows first to end into buffers, flushing and taking buffers at the rows where `add` would."""
        padded = (batch.size + 7) & ~7
        turns: list[tuple[int, int, I64]] = []
        for cpu in np.unique(batch.cpu[first:end]).tolist():
            rows = first + np.flatnonzero(batch.cpu[first:end] == cpu)
            filled = np.cumsum(padded[rows])
            begin = int(np.searchsorted(filled, self._buffer_bytes - self._used[cpu], side="right"))
            if begin:
                self._fill(cpu, batch, rows[:begin], padded)
            while begin < rows.size:
                filled_before = int(filled[begin - 1]) if begin else 0
                room = self._buffer_bytes - BUFFER_HEADER_BYTES
                end_of_buffer = int(np.searchsorted(filled, filled_before + room, side="right"))
                turns.append((int(rows[begin]), cpu, rows[begin:end_of_buffer]))
                begin = end_of_buffer
        for row, cpu, rows in sorted(turns, key=lambda turn: turn[0]):
            self._next_buffer(cpu, int(batch.size[row]))
            self._fill(cpu, batch, rows, padded)

    def _fill(self, cpu: int, batch: _Batch, rows: I64, padded: I64) -> None:
        """Copy events into the processor's buffer, which has room for them."""
        from wnv_lab.etl.kernels import place_events

        ends = self._used[cpu] + np.cumsum(padded[rows])
        place_events(
            np.frombuffer(self._buffers[cpu], np.uint8), ends, padded[rows], batch.headers, batch.payload,
            batch.first_byte, batch.n_bytes, rows,
        )  # fmt: skip
        self._used[cpu] = int(ends[-1])
        self._last_ticks[cpu] = int(batch.ticks[rows[-1]])
        self._n_in_buffer[cpu] += rows.size

    # --- buffers ----------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        """The largest event that fits: its size has 16 bits, and it may not span buffers."""
        return min(_EVENT_BYTES_MAX, self._buffer_bytes - BUFFER_HEADER_BYTES)

    def _next_buffer(self, cpu: int, size: int) -> int:
        """Flush the processor's buffer, if it has one, and take a fresh one for an event of `size` bytes."""
        if size > self._room:
            raise LabError(_too_large(size, self._room))
        if self._sequence[cpu]:
            self._flush(cpu, wanted_bytes=size)
        self._n_taken += 1
        self._sequence[cpu] = self._n_taken
        self._used[cpu] = BUFFER_HEADER_BYTES
        return BUFFER_HEADER_BYTES

    def _flush_by_timer(self, ts_ns: int) -> None:
        """Flush what the timer found before `ts_ns`; a buffer's time is that of its last event or the timer's."""
        interval = self._flush_interval_ns or 0
        due_ns = self._next_flush_ns + (ts_ns - self._next_flush_ns) // interval * interval
        self._flush_ticks = max(self._flush_ticks, self._ticks(due_ns))
        self._flush_all()
        self._next_flush_ns = due_ns + interval

    def _flush_all(self) -> None:
        held = [cpu for cpu, sequence in enumerate(self._sequence) if sequence]
        for cpu in held:
            self._flush(cpu, flags=FLUSH_MARKER if cpu == held[-1] else 0)

    def _flush(self, cpu: int, *, wanted_bytes: int = 0, flags: int = 0) -> None:
        """Write the processor's buffer; it has none afterwards."""
        used, buffer = self._used[cpu], self._buffers[cpu]
        self._flush_ticks = max(self._flush_ticks, self._last_ticks[cpu])
        flags |= PROCESSOR_INDEX | self._loss_flags[cpu]
        if self._is_relogged:
            self._relog(cpu, flags)
        else:
            buffer[used:] = b"\xff" * (self._buffer_bytes - used)
            header = self._buffer_header(
                self._buffer_bytes, used, used + wanted_bytes, self._flush_ticks, self._sequence[cpu], cpu, flags
            )
            if self._max_buffers is not None:
                slot = self._n_written % (self._max_buffers - 1)
                if slot in self._ring:
                    lost_cpu, n_lost = self._ring[slot]
                    self.n_overwritten[lost_cpu] += n_lost
                self._ring[slot] = cpu, self._n_in_buffer[cpu]
                self._file.seek(self._first_bytes + slot * self._buffer_bytes)
            self._file.write(header)
            self._file.write(memoryview(buffer)[BUFFER_HEADER_BYTES:])
        self._n_written += 1
        self._forget(cpu)
        self._loss_flags[cpu] = 0

    def _relog(self, cpu: int, flags: int) -> None:
        """Pack the processor's buffer. Those of a ring wait for its end: merging numbers what is left anew."""
        from wnv_lab.etl.xpress import compress

        used = self._used[cpu]
        body = compress(memoryview(self._buffers[cpu])[BUFFER_HEADER_BYTES:used])
        packed = _Packed(cpu, self._n_in_buffer[cpu], used, flags | COMPRESSED, body)
        if self._max_buffers is None:
            self._write_packed(packed, self._sequence[cpu])
            return
        self._kept.append(packed)
        if len(self._kept) >= self._max_buffers:
            oldest = self._kept.popleft()
            self.n_overwritten[oldest.cpu] += oldest.n_events
            self._n_written -= 1

    def _write_packed(self, packed: _Packed, sequence: int) -> None:
        size, past_end = BUFFER_HEADER_BYTES + len(packed.body), packed.used_bytes + _RELOGGED_SESSION_BYTES
        self._file.write(
            self._buffer_header(
                size, packed.used_bytes, past_end, self._header.start_filetime, sequence, packed.cpu, packed.flags
            )
        )
        self._file.write(packed.body)

    def _buffer_header(
        self, size: int, used: int, past_end: int, timestamp: int, sequence: int, cpu: int, flags: int
    ) -> bytes:
        return BUFFER_HEADER.pack(
            size, used, past_end, 0, timestamp, sequence, 0, cpu, self._logger_id, STATE_FLUSH, used, flags,
            TYPE_GENERIC, self._leftover_pointer(), self._leftover_pointer(),
        )  # fmt: skip

    def _forget(self, cpu: int) -> None:
        self.n_events[cpu] += self._n_in_buffer[cpu]
        self._n_in_buffer[cpu] = self._sequence[cpu] = 0
        self._used[cpu] = self._buffer_bytes

    def _leftover_pointer(self) -> int:
        """What the kernel left of a list link in the buffer's header."""
        return 0xFFFF_8000_0000_0000 | self._random.getrandbits(36) << 4

    # --- loss -------------------------------------------------------------------------------------

    def lose_buffer(self, cpu: int) -> int:
        """Lose the processor's buffer as a session does that found no free one; how many events went with it.

        They are the processor's last ones. Its sequence number is missing from the file, its next buffer says so
        (flag 4), and the header counts it.
        """
        n_lost = self._n_in_buffer[cpu]
        if self._sequence[cpu]:
            self._forget(cpu)
            self._n_buffers_lost += 1
            self._loss_flags[cpu] |= BUFFER_LOST
        return n_lost

    def lose_events(self, cpu: int, n_events: int = 1) -> None:
        """State that `n_events` could not be logged: in the header's count and in the processor's buffer (flag 2)."""
        self._n_events_lost += n_events
        self._loss_flags[cpu] |= EVENTS_LOST

    # --- the file ---------------------------------------------------------------------------------

    def _pack_first_buffer(self) -> bytes:
        """Buffer 0 as it stands now."""
        body = self._header.pack()
        used = BUFFER_HEADER_BYTES + len(body)
        if self._is_relogged:
            size = -(-used // _KIB) * _KIB
            saved, past_end, flags, state = used - PARTITION_EVENT_BYTES, 0, FLUSH_MARKER, FORMAT_XPRESS
        else:
            size, saved, past_end = self._buffer_bytes, used, used
            flags, state = FLUSH_MARKER | PROCESSOR_INDEX, STATE_FLUSH
        if used > size:
            raise LabError(f"the header event needs {used} bytes, buffers have {size}")
        header = BUFFER_HEADER.pack(
            size, saved, past_end, 0, 0, 0, 0, 0, self._logger_id, state, used, flags, TYPE_HEADER, 0, 0
        )
        return (header + body).ljust(size, b"\xff")

    def close(self, end_ns: int | None = None, n_events_lost: int = 0, n_buffers_lost: int = 0) -> None:
        """Stop the session: flush every buffer, then state end and counts in buffer 0.

        `end_ns` None is the time of the last event; the losses are added to those of `lose_events` and `lose_buffer`.
        """
        if self._file.closed:
            return
        self._flush_all()
        for sequence, packed in enumerate(self._kept, 1):
            self._write_packed(packed, sequence)
        header = self._header
        if end_ns is None:
            passed_ns = self._ns_of(self._flush_ticks) if self._n_written else self._start_ns
            end_ns = max(passed_ns, self._start_ns)
        header.end_filetime = _filetime(end_ns)
        header.n_buffers = 1 + self._n_written
        header.n_events_lost = self._n_events_lost + n_events_lost
        header.n_buffers_lost = self._n_buffers_lost + n_buffers_lost
        self._file.seek(0)
        self._file.write(self._pack_first_buffer())
        self._file.close()

    def abandon(self) -> None:
        """Leave the file as a power loss would: buffers not yet flushed are gone, buffer 0 states no end."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _filetime(ts_ns: int) -> int:
    return ts_ns // 100 + FILETIME_1970


def _too_large(size: int, room: int) -> str:
    return f"an event of {size} bytes fits no buffer: the largest has {room}; truncate the frame or take larger buffers"
