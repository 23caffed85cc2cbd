"""Reading a recording: one file, or the files of one or more sessions, as slices in global order.

Pass 1 (`Recording.scan`) walks every buffer once, in file order, and keeps only counts and times; who needs
to see all events before the first is handed on (names come at the end of some files) looks at them then.
Pass 2 (`Recording.slices`) reads window after window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, U32
from wnv.clock import NO_TIME, SYSTEM_CLOCK, Clock
from wnv.diagnostics import Code, Log
from wnv.etl import layout
from wnv.etl.buffers import Arena, BufferIndex, IndexedFile, index_buffers, load_buffers
from wnv.etl.events import Events, Found, Guids, Walk, decode_headers, has_compiled, read_ticks, walk_events
from wnv.etl.extended import Items, container_codes, read_items
from wnv.etl.order import CACHED_SLICE_BYTES, SLICE_BYTES, Spans, plan_windows
from wnv.etl.session import HEADER_READ_BYTES, parse_session
from wnv.etl.source import Source, find_recordings

_T = TypeVar("_T")

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

READERS = 2
"""Threads that read ahead."""
_WORTH_COMPILED_BYTES = 128 * 2**20  # to load compiled code takes 0.3 s, and saves as much here
_TIMES_AT_ONCE = 1 << 13
_DAY = 864_000_000_000  # FILETIME units
_FAR_FROM_SESSION = 2 * _DAY
_FILETIME_MAX = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Slice:
    """Events of one window in global order. Valid until the next slice is asked for: memory is reused."""

    first_row: int
    """`event_row` of the first event."""
    events: Events
    items: Items
    container: I32
    """Number of the container's id in `events.guids`, -1 without."""

    def take(self, rows: I64) -> Slice:
        """The events `rows` (increasing) alone. `first_row` no longer tells their rows in the recording."""
        return Slice(self.first_row, self.events.select(rows), self.items.of_events(rows), self.container[rows])


@dataclass(frozen=True, slots=True)
class Buffers:
    """The buffers of all files, in order of file and place (see `BufferIndex` for the columns)."""

    file: U16
    offset: I64
    cpu: U16
    sequence: I64
    timestamp: I64
    used_bytes: U32
    flags: U16
    kind: U8

    def __len__(self) -> int:
        return len(self.file)

    @property
    def is_packed(self) -> BOOL:
        is_set: BOOL = (self.flags & layout.FLAG_COMPRESSED) != 0
        return is_set


@dataclass(frozen=True, slots=True)
class _Piece:
    """Events of some loaded buffers, in order of buffer and place; error headers are left out."""

    rows: I32
    """Of the buffers, in `Recording.buffers`."""
    found: Found
    key: I64
    """What events are sorted by: their raw time, or their FILETIME across clocks."""


class Counted(Protocol):
    """What a `Tally` counted in one piece of a recording."""

    @property
    def is_left(self) -> BOOL:
        """The events it left to others."""


_Counted = TypeVar("_Counted", bound=Counted)


class Tally(Protocol[_Counted]):
    """Counts events of kinds that need no closer look, so that these are not decoded in the first pass."""

    def count(self, found: Found) -> _Counted | None:
        """Look at one piece; runs in several threads, and must change nothing. None = all events are left."""

    def add(self, counted: _Counted | None) -> None:
        """Take what was counted, piece by piece, after the events left of that piece were visited."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The events of one window before they are decoded. Valid as long as the slice would be."""

    found: Found
    order: I64
    """Of these, those of the window, in global order."""
    decode: Callable[[], Slice]
    """All columns; `first_row` is not known yet."""
    ts_ns: Callable[[], I64]
    """Times, in global order."""


class Recording:
    """The open files of a recording, their headers and buffers.

    Files of several sessions can be read as one: by raw ticks where they share a clock, else by FILETIME.
    """

    def __init__(self, paths: Sequence[Path], log: Log, *, n_readers: int = READERS) -> None:
        """`n_readers`: threads that read ahead; 0 = what is asked for is read then, in the caller's thread."""
        self.log = log
        self.guids = Guids()
        self.n_events = 0
        self._n_readers = n_readers
        # One is in use by the caller while the others are filled.
        self._arenas = tuple(Arena() for _ in range(n_readers + 1))
        self._stack = ExitStack()
        try:
            self.files = [self._open(path) for path in paths]
        except BaseException:
            self.close()
            raise
        self.clocks = self._shared_clocks()
        self._by_ticks = all(clock == self.clocks[0] for clock in self.clocks)
        self.buffers = _join([file.index for file in self.files])
        if self.buffers.is_packed.any() or int(self.buffers.used_bytes.sum()) > _WORTH_COMPILED_BYTES:
            from wnv import kernels  # noqa: F401 - that it is loaded is what the walk asks
        self._first_row = np.cumsum([0, *(len(file.index) for file in self.files)])
        n = len(self.buffers)
        self.spans = Spans(np.zeros(n, np.int32), np.zeros(n, np.int64), np.zeros(n, np.int64))
        self._cached: _Piece | None = None

    def _open(self, path: Path) -> IndexedFile:
        source = self._stack.enter_context(Source(path))
        header = parse_session(source.bytes_at(0, HEADER_READ_BYTES), source.name)
        index = index_buffers(source, header, self.log)
        if header.clock.kind is None:
            self.log.record(Code.CLOCK_UNKNOWN, file=source.name, detail=f"clock type {header.clock_type}")
        return IndexedFile(source, header, index)

    def _shared_clocks(self) -> list[Clock]:
        """One clock a file; files that share the QPC take the first one's reference (section 10)."""
        clocks: list[Clock] = []
        for number, file in enumerate(self.files):
            shared = (k for k in range(number) if self.files[k].header.shares_clock(file.header))
            first = next(shared, None)
            clocks.append(file.header.clock if first is None else clocks[first])
        return clocks

    @property
    def sessions(self) -> list[list[int]]:
        """Numbers of the files of each session, in order of first appearance."""
        groups: list[list[int]] = []
        for number, file in enumerate(self.files):
            for group in groups:
                if self.files[group[0]].header.same_session(file.header):
                    group.append(number)
                    break
            else:
                groups.append([number])
        return groups

    @property
    def session_of_buffer(self) -> I64:
        """Number of the session of each buffer."""
        session_of_file = np.zeros(len(self.files), np.int64)
        for number, files in enumerate(self.sessions):
            session_of_file[files] = number
        of_buffer: I64 = session_of_file[self.buffers.file]
        return of_buffer

    @property
    def host_of_session(self) -> list[int]:
        """Number of the host of each session, in order of first appearance. A host that was started anew is another."""
        firsts: list[int] = []
        hosts = []
        for files in self.sessions:
            header = self.files[files[0]].header
            same = (host for host, first in enumerate(firsts) if self.files[first].header.same_host(header))
            hosts.append(next(same, len(firsts)))
            if hosts[-1] == len(firsts):
                firsts.append(files[0])
        return hosts

    @property
    def n_bytes(self) -> int:
        return sum(file.source.size for file in self.files)

    def time_of(self, key: int) -> int | None:
        """`ts_ns` of a sort key (see `Spans`); None if it has no time."""
        keys = np.array([key], np.int64)
        clock = self.clocks[0] if self._by_ticks else SYSTEM_CLOCK
        ts_ns = int(clock.ts_ns(keys)[0])
        return None if ts_ns == NO_TIME else ts_ns

    # --- pass 1 ---------------------------------------------------------------------------------------

    def scan(
        self,
        visit: Callable[[Slice], None] | None = None,
        progress: Progress | None = None,
        *,
        slice_bytes: int | None = None,
        tally: Tally[_Counted] | None = None,
    ) -> None:
        """Walk all buffers in file order: fills `spans` and `n_events`, and records damage.

        `visit` gets the events in pieces of about `slice_bytes`, in that order, not sorted; without those that
        `tally` counts.
        """
        self.n_events = 0
        total, done = int(self.buffers.used_bytes.sum()), 0
        bounds = self._bounds(slice_bytes or _usual_slice_bytes())

        def read(number: int) -> tuple[_Piece, Log, _Counted | None]:
            log = Log()
            rows = np.arange(bounds[number], bounds[number + 1], dtype=np.int32)
            piece = self._read(rows, log, self._arenas[number % len(self._arenas)])
            self._measure(piece, log)
            return piece, log, None if tally is None else tally.count(piece.found)

        for piece, log, counted in _read_ahead(read, len(bounds) - 1, self._n_readers):
            n = len(piece.found.position)
            rows = np.arange(n) if counted is None else np.flatnonzero(counted.is_left)
            if visit is not None and len(rows):
                visit(self._decode(piece, rows, log, self.n_events))
            if tally is not None:
                tally.add(counted)
            self.log.extend(log)
            self.n_events += n
            self._cached = piece if len(bounds) == 2 else None
            done += int(self.buffers.used_bytes[piece.rows].sum())
            if progress is not None:
                progress(done, total)

    def _bounds(self, slice_bytes: int) -> list[int]:
        """Where to cut the buffers into runs that fit the arena."""
        before = np.cumsum(self.buffers.used_bytes, dtype=np.int64) - self.buffers.used_bytes
        cuts = np.flatnonzero(np.diff(before // slice_bytes)) + 1
        return [0, *cuts.tolist(), len(before)]

    def _measure(self, piece: _Piece, log: Log) -> None:
        """Counts and times of each buffer, and what is odd about the times."""
        found = piece.found
        n_events = np.bincount(found.buffer, minlength=len(piece.rows))
        self.spans.n_events[piece.rows] = n_events
        if not len(found.position):
            return
        starts = (np.cumsum(n_events) - n_events)[n_events > 0]
        rows = piece.rows[n_events > 0]
        self.spans.first[rows] = np.minimum.reduceat(piece.key, starts)
        self.spans.last[rows] = np.maximum.reduceat(piece.key, starts)
        is_back = np.zeros(len(piece.key), np.bool_)
        is_back[1:] = piece.key[1:] < piece.key[:-1]
        is_back[starts] = False
        backwards = np.flatnonzero(is_back)
        file_of = self.buffers.file[piece.rows]
        for number, file in enumerate(self.files):
            mine = np.ones(len(found.ticks), np.bool_) if len(self.files) == 1 else (file_of == number)[found.buffer]
            name = file.source.name
            offsets = self._offsets(piece, backwards[mine[backwards]])
            log.record(Code.TIME_BACKWARDS, file=name, byte_offset=offsets)
            if file.header.clock.kind is None or not mine.any():
                continue
            ticks = found.ticks if mine.all() else found.ticks[mine]
            extremes = np.array([ticks.min(), ticks.max()])
            low = file.header.start_filetime - _FAR_FROM_SESSION
            high = (file.header.end_filetime or _FILETIME_MAX - _FAR_FROM_SESSION) + _FAR_FROM_SESSION
            around = self.clocks[number].filetime(extremes)
            if ((around >= low) & (around <= high)).all():
                continue
            filetime = self.clocks[number].filetime(found.ticks)
            unknown = mine & (filetime == NO_TIME)
            far = mine & ~unknown & ((filetime < low) | (filetime > high))
            log.record(Code.TIME_OUT_OF_RANGE, file=name, byte_offset=self._offsets(piece, np.flatnonzero(unknown)))
            log.record(Code.TIME_FAR_FROM_SESSION, file=name, byte_offset=self._offsets(piece, np.flatnonzero(far)))

    def _offsets(self, piece: _Piece, events: I64) -> I64:
        """Where the buffers of these events start in their file."""
        offsets: I64 = self.buffers.offset[piece.rows[piece.found.buffer[events]]]
        return offsets

    # --- pass 2 ---------------------------------------------------------------------------------------

    def slices(self, progress: Progress | None = None, *, slice_bytes: int | None = None) -> Iterator[Slice]:
        """All events in global order; ties keep the order of the file. Needs `scan` before.

        Each slice is valid until the next is asked for, and takes about `slice_bytes` of buffers.
        """
        for first_row, found in self.windows(lambda window: window.decode(), progress, slice_bytes=slice_bytes):
            yield replace(found, first_row=first_row)

    def windows(
        self, read: Callable[[Ordered], _T], progress: Progress | None = None, *, slice_bytes: int | None = None
    ) -> Iterator[tuple[int, _T]]:
        """As `slices`, but yields what `read` makes of each window, behind its first row. `read` runs in threads."""
        windows, is_global = plan_windows(self.spans, self.buffers.used_bytes, slice_bytes or _usual_slice_bytes())
        if len(windows) > 1:
            self._cached = None  # its memory is about to be reused
        if not is_global:
            self.log.record(Code.ORDER_NOT_GLOBAL)

        def read_window(number: int) -> tuple[int, _T]:
            window = windows[number]
            piece = self._cached
            if piece is None:
                piece = self._read(window.rows, None, self._arenas[number % len(self._arenas)])
            key = piece.key
            inside = window.holds(key)
            if inside.all():
                order = np.argsort(key, kind="stable")
            else:
                wanted = np.flatnonzero(inside)
                order = wanted[np.argsort(key[wanted], kind="stable")]
            ordered = Ordered(
                piece.found, order, partial(self._decode, piece, order, None), partial(self._ts_ns, piece, order)
            )
            return len(order), read(ordered)

        n_read = 0
        for n, found in _read_ahead(read_window, len(windows), self._n_readers):
            yield n_read, found
            n_read += n
            if progress is not None:
                progress(n_read, self.n_events)

    # --- both -----------------------------------------------------------------------------------------

    def _read(self, rows: I32, log: Log | None, arena: Arena) -> _Piece:
        """Load and walk the buffers `rows`; damage is recorded where `log` is given (the first pass)."""
        file_of = self.buffers.file[rows]
        loaded = load_buffers(self.files, file_of, rows - self._first_row[file_of], arena, log)
        walk = walk_events(loaded.words, loaded.body, loaded.end)
        if log is not None:
            self._record_damage(walk, rows, loaded.body, log)
        position, buffer, kind, ticks = walk.position, walk.buffer, walk.kind, walk.ticks
        whole = kind != layout.ERROR
        if not whole.all():
            position, buffer, kind, ticks = position[whole], buffer[whole], kind[whole], ticks[whole]
        has_time = read_ticks(loaded.words, position, kind, ticks)
        if not has_time.all():
            self._borrow_times(ticks, has_time, buffer, rows, log)
        key = ticks
        if not self._by_ticks:
            key = ticks.copy()
            for number, clock in enumerate(self.clocks):
                mine = file_of[buffer] == number
                key[mine] = clock.filetime(ticks[mine])
        cpu_of = self.buffers.cpu[rows]
        return _Piece(rows, Found(loaded.words, position, kind, ticks, buffer, rows, cpu_of, loaded.body), key)

    def _record_damage(self, walk: Walk, rows: I32, body: I64, log: Log) -> None:
        """Stops, recoveries and error headers, with their place in the file (of the buffer, if it is packed)."""

        def record(code: Code, buffer: I64 | I32, position: I64 | None = None, count: I64 | None = None) -> None:
            row = rows[buffer]
            inside = np.zeros(len(row), np.int64)
            if position is not None:
                inside = np.where(self.buffers.is_packed[row], 0, position - body[buffer] + layout.BUFFER_HEADER_BYTES)
            for number, file in enumerate(self.files):
                mine = self.buffers.file[row] == number
                places = (self.buffers.offset[row] + inside)[mine]
                n = len(places) if count is None else int(count[mine].sum())
                log.record(code, file=file.source.name, byte_offset=places, count=n)

        for stop in walk.stops:
            record(stop.code, stop.buffer, stop.position)
        recovered = np.flatnonzero(walk.n_recovered)
        record(Code.EVENT_RECOVERED, recovered, count=walk.n_recovered[recovered])
        errors = np.flatnonzero(walk.kind == layout.ERROR)
        record(Code.EVENT_ERROR_HEADER, walk.buffer[errors], walk.position[errors])

    def _borrow_times(self, ticks: I64, has_time: BOOL, buffer: I32, rows: I32, log: Log | None) -> None:
        """Give messages without a time that of the event before them in their buffer, else of the one behind,
        else the time at which the buffer was written, else that of the session's start."""
        row = np.arange(len(ticks))
        before = np.maximum.accumulate(np.where(has_time, row, -1))
        behind = np.minimum.accumulate(np.where(has_time, row, len(row))[::-1])[::-1]
        has_before = (before >= 0) & (buffer[before] == buffer)
        has_behind = (behind < len(row)) & (buffer[np.minimum(behind, len(row) - 1)] == buffer)
        lender = np.where(has_before, before, np.where(has_behind, behind, -1))
        base = np.array([clock.base_ticks for clock in self.clocks], np.int64)[self.buffers.file[rows]]
        is_relogged = np.array([bool(file.header.mode & layout.MODE_RELOG) for file in self.files])[
            self.buffers.file[rows]
        ]
        written = np.where(is_relogged | (self.buffers.timestamp[rows] <= 0), base, self.buffers.timestamp[rows])
        borrowed = np.where(lender >= 0, ticks[lender], written[buffer])
        ticks[~has_time] = borrowed[~has_time]
        if log is not None:
            log.record(Code.TIME_BORROWED, count=int((~has_time).sum()))

    def _decode(self, piece: _Piece, order: I64, log: Log | None, first_row: int = 0) -> Slice:
        """Columns of the events `order` of `piece`, in that order."""
        events = decode_headers(piece.found, order, self.guids, self._ts_ns(piece, order))
        events, items, is_broken = read_items(events)
        container, n_unknown = container_codes(items, len(events), self.guids)
        if log is not None:
            for code, affected in (
                (Code.ITEM_INVALID, np.flatnonzero(is_broken)),
                (Code.ITEM_RAW, _raw_items(items)),
            ):
                rows = events.buffer[affected]
                for number, file in enumerate(self.files):
                    places = self.buffers.offset[rows[self.buffers.file[rows] == number]]
                    log.record(code, file=file.source.name, byte_offset=places)
            if n_unknown:
                log.record(Code.ITEM_RAW, detail="container ids of unknown form", count=n_unknown)
        return Slice(first_row, events, items, container)

    def _ts_ns(self, piece: _Piece, order: I64) -> I64:
        """Times of the events `order`."""
        times = np.empty(len(order), np.int64)
        file_of = self.buffers.file[piece.rows]
        for start in range(0, len(order), _TIMES_AT_ONCE):
            some = order[start : start + _TIMES_AT_ONCE]
            ticks = piece.found.ticks[some]
            part = self.clocks[0].ts_ns(ticks)
            for number in range(1, len(self.clocks)):
                if self.clocks[number] != self.clocks[0]:
                    mine = file_of[piece.found.buffer[some]] == number
                    part[mine] = self.clocks[number].ts_ns(ticks[mine])
            times[start : start + _TIMES_AT_ONCE] = part
        return times

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _usual_slice_bytes() -> int:
    """Compiled loops are fastest on what the processor's cache holds; the others want much at once."""
    return CACHED_SLICE_BYTES if has_compiled() else SLICE_BYTES


def _read_ahead(read: Callable[[int], _T], n: int, n_readers: int) -> Iterator[_T]:
    """`read(0)`, `read(1)` and so on to n - 1; the next ones run in threads while the caller uses the last.

    What the caller got before that may have lost its memory: there is room for `n_readers` more.
    """
    if n == 1 or not n_readers:
        for number in range(n):
            yield read(number)
        return
    with ThreadPoolExecutor(n_readers) as pool:
        coming = deque(pool.submit(read, number) for number in range(min(n, n_readers)))
        for number in range(n):
            ready = coming.popleft().result()
            if number + n_readers < n:
                coming.append(pool.submit(read, number + n_readers))
            yield ready


def _raw_items(items: Items) -> I64:
    """Events of the items that are kept as raw bytes."""
    return items.event[~np.isin(items.type, list(layout.ITEMS_DECODED))]


def _join(indexes: Sequence[BufferIndex]) -> Buffers:
    def column(name: str) -> Any:  # Any: the dtype is that of the column
        if len(indexes) == 1:
            return getattr(indexes[0], name)  # the same memory
        return np.concatenate([getattr(index, name) for index in indexes])

    return Buffers(
        file=np.repeat(np.arange(len(indexes), dtype=np.uint16), [len(index) for index in indexes]),
        offset=column("offset"), cpu=column("cpu"), sequence=column("sequence"), timestamp=column("timestamp"),
        used_bytes=column("used_bytes"), flags=column("flags"), kind=column("kind"),
    )  # fmt: skip


def open_recording(path: Path, log: Log) -> Recording:
    """The recording at `path`: an `.etl` file, or a folder of them read as one."""
    return Recording(find_recordings(path), log)
