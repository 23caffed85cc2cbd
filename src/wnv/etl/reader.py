"""Reading a recording: one file, or the files of one or more sessions, as slices in global order.

Pass 1 (`Recording.scan`) walks every buffer once, in file order, and keeps only counts and times; who needs
to see all events before the first is handed on (names come at the end of some files) looks at them then.
Pass 2 (`Recording.slices`) reads window after window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, U64
from wnv.clock import NO_TIME, SYSTEM_CLOCK, Clock
from wnv.diagnostics import Code, Log
from wnv.etl import layout
from wnv.etl.buffers import Arena, BufferIndex, IndexedFile, index_buffers, load_buffers
from wnv.etl.events import Events, Guids, Walk, decode_headers, read_starts, read_ticks, walk_events
from wnv.etl.extended import Items, container_codes, read_items
from wnv.etl.order import SLICE_BYTES, Spans, plan_windows
from wnv.etl.session import HEADER_READ_BYTES, parse_session
from wnv.etl.source import Source, find_recordings

_T = TypeVar("_T")

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

_WORTH_COMPILED_BYTES = 512 * 2**20  # to load compiled code takes 0.3 s, and saves as much here
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

    file: I64
    row: I64
    """In the index of its file."""
    offset: I64
    cpu: U16
    sequence: I64
    timestamp: I64
    used_bytes: I64
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

    rows: I64
    """Of the buffers, in `Recording.buffers`."""
    words: U64
    body: I64
    """Where the events of each buffer start, in bytes of `words`."""
    position: I64
    buffer: I64
    """Which of `rows`."""
    ticks: I64
    key: I64


class Recording:
    """The open files of a recording, their headers and buffers.

    Files of several sessions can be read as one: by raw ticks where they share a clock, else by FILETIME.
    """

    def __init__(self, paths: Sequence[Path], log: Log) -> None:
        self.log = log
        self.guids = Guids()
        self.n_events = 0
        self._arenas = (Arena(), Arena())  # one is filled while the caller uses what is in the other
        self._stack = ExitStack()
        try:
            self.files = [self._open(path) for path in paths]
        except BaseException:
            self.close()
            raise
        self.clocks = self._shared_clocks()
        self._by_ticks = all(clock == self.clocks[0] for clock in self.clocks)
        self.buffers = _join([file.index for file in self.files])
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
        slice_bytes: int = SLICE_BYTES,
    ) -> None:
        """Walk all buffers in file order: fills `spans` and `n_events`, and records damage.

        `visit` gets the events in pieces of about `slice_bytes`, in that order, not sorted.
        """
        self.n_events = 0
        if self.n_bytes > _WORTH_COMPILED_BYTES:
            from wnv import kernels  # noqa: F401 - that it is loaded is what the walk asks
        total, done = int(self.buffers.used_bytes.sum()), 0
        pieces = list(self._pieces(slice_bytes))
        n_read = 0

        def read(number: int) -> tuple[_Piece, Slice | None, Log]:
            nonlocal n_read
            log = Log()
            piece = self._read(pieces[number], log, self._arenas[number % 2])
            self._measure(piece, log)
            found = None
            if visit is not None:
                found = self._decode(n_read, piece, np.arange(len(piece.position)), log)
            n_read += len(piece.position)
            return piece, found, log

        for rows, (piece, found, log) in zip(pieces, _read_ahead(read, len(pieces)), strict=True):
            self.log.extend(log)
            if visit is not None and found is not None:
                visit(found)
            self.n_events += len(piece.position)
            self._cached = piece if len(pieces) == 1 else None
            done += int(self.buffers.used_bytes[rows].sum())
            if progress is not None:
                progress(done, total)

    def _pieces(self, slice_bytes: int) -> Iterator[I64]:
        """Rows of buffers, in order, that fit the arena together."""
        before = np.cumsum(self.buffers.used_bytes) - self.buffers.used_bytes
        cuts = np.flatnonzero(np.diff(before // slice_bytes)) + 1
        return (rows for rows in np.split(np.arange(len(self.buffers)), cuts) if len(rows))

    def _measure(self, piece: _Piece, log: Log) -> None:
        """Counts and times of each buffer, and what is odd about the times."""
        self.spans.n_events[piece.rows] = np.bincount(piece.buffer, minlength=len(piece.rows))
        if not len(piece.position):
            return
        starts = np.flatnonzero(np.diff(piece.buffer, prepend=-1))
        rows = piece.rows[piece.buffer[starts]]
        self.spans.first[rows] = np.minimum.reduceat(piece.key, starts)
        self.spans.last[rows] = np.maximum.reduceat(piece.key, starts)
        is_back = np.zeros(len(piece.key), np.bool_)
        is_back[1:] = piece.key[1:] < piece.key[:-1]
        is_back[starts] = False
        file_of = self.buffers.file[piece.rows][piece.buffer]
        for number, file in enumerate(self.files):
            mine = file_of == number
            name = file.source.name
            log.record(
                Code.TIME_BACKWARDS,
                file=name,
                byte_offset=self._offsets(piece, np.flatnonzero(is_back & mine)),
            )
            if file.header.clock.kind is None or not mine.any():
                continue
            extremes = np.array([piece.ticks[mine].min(), piece.ticks[mine].max()])
            low = file.header.start_filetime - _FAR_FROM_SESSION
            high = (file.header.end_filetime or _FILETIME_MAX - _FAR_FROM_SESSION) + _FAR_FROM_SESSION
            around = self.clocks[number].filetime(extremes)
            if ((around >= low) & (around <= high)).all():
                continue
            filetime = self.clocks[number].filetime(piece.ticks)
            unknown = mine & (filetime == NO_TIME)
            far = mine & ~unknown & ((filetime < low) | (filetime > high))
            log.record(Code.TIME_OUT_OF_RANGE, file=name, byte_offset=self._offsets(piece, np.flatnonzero(unknown)))
            log.record(Code.TIME_FAR_FROM_SESSION, file=name, byte_offset=self._offsets(piece, np.flatnonzero(far)))

    def _offsets(self, piece: _Piece, events: I64) -> I64:
        """Where the buffers of these events start in their file."""
        return self.buffers.offset[piece.rows[piece.buffer[events]]]

    # --- pass 2 ---------------------------------------------------------------------------------------

    def slices(self, progress: Progress | None = None, *, slice_bytes: int = SLICE_BYTES) -> Iterator[Slice]:
        """All events in global order; ties keep the order of the file. Needs `scan` before.

        Each slice is valid until the next is asked for, and takes about `slice_bytes` of buffers.
        """
        windows, is_global = plan_windows(self.spans, self.buffers.used_bytes, slice_bytes)
        if len(windows) > 1:
            self._cached = None  # its memory is about to be reused
        if not is_global:
            self.log.record(Code.ORDER_NOT_GLOBAL)
        n_read = 0

        def read(number: int) -> Slice:
            nonlocal n_read
            window = windows[number]
            piece = self._cached
            if piece is None:
                piece = self._read(window.rows, None, self._arenas[number % 2])
            wanted = np.flatnonzero(window.holds(piece.key))
            order = wanted[np.argsort(piece.key[wanted], kind="stable")]
            found = self._decode(n_read, piece, order, None)
            n_read += len(order)
            return found

        for found in _read_ahead(read, len(windows)):
            yield found
            if progress is not None:
                progress(found.first_row + len(found.events), self.n_events)

    # --- both -----------------------------------------------------------------------------------------

    def _read(self, rows: I64, log: Log | None, arena: Arena) -> _Piece:
        """Load and walk the buffers `rows`; damage is recorded where `log` is given (the first pass)."""
        loaded = load_buffers(self.files, self.buffers.file[rows], self.buffers.row[rows], arena, log)
        walk = walk_events(loaded.words, loaded.body, loaded.end)
        kind, _, ticks = read_starts(loaded.words, walk.position)
        if log is not None:
            self._record_damage(walk, rows, loaded.body, kind, log)
        position, buffer = walk.position, walk.buffer
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
                mine = self.buffers.file[rows][buffer] == number
                key[mine] = clock.filetime(ticks[mine])
        return _Piece(rows, loaded.words, loaded.body, position, buffer, ticks, key)

    def _record_damage(self, walk: Walk, rows: I64, body: I64, kind: U8, log: Log) -> None:
        """Stops, recoveries and error headers, with their place in the file (of the buffer, if it is packed)."""

        def record(code: Code, buffer: I64, position: I64 | None = None, count: I64 | None = None) -> None:
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
        errors = np.flatnonzero(kind == layout.ERROR)
        record(Code.EVENT_ERROR_HEADER, walk.buffer[errors], walk.position[errors])

    def _borrow_times(self, ticks: I64, has_time: BOOL, buffer: I64, rows: I64, log: Log | None) -> None:
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

    def _decode(self, first_row: int, piece: _Piece, order: I64, log: Log | None) -> Slice:
        """Columns of the events `order` of `piece`, in that order."""
        ticks, position, buffer = piece.ticks[order], piece.position[order], piece.buffer[order]
        row = piece.rows[buffer]
        ts_ns = self.clocks[0].ts_ns(ticks)
        for number in range(1, len(self.clocks)):
            if self.clocks[number] != self.clocks[0]:
                mine = self.buffers.file[row] == number
                ts_ns[mine] = self.clocks[number].ts_ns(ticks[mine])
        events = decode_headers(
            piece.words,
            position,
            (position - piece.body[buffer] + layout.BUFFER_HEADER_BYTES).astype(np.uint32),
            ticks,
            ts_ns,
            row.astype(np.int32),
            self.buffers.cpu[row],
            self.guids,
        )
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

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read_ahead(read: Callable[[int], _T], n: int) -> Iterator[_T]:
    """`read(0)`, `read(1)` and so on to n - 1; the next one runs in a thread while the caller uses the last.

    What the caller got before that may have lost its memory: there is room for two.
    """
    if n == 1:
        yield read(0)
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, 0) if n else None
        for number in range(1, n + 1):
            assert coming is not None
            ready = coming.result()
            coming = pool.submit(read, number) if number < n else None
            yield ready


def _raw_items(items: Items) -> I64:
    """Events of the items that are kept as raw bytes."""
    return items.event[~np.isin(items.type, list(layout.ITEMS_DECODED))]


def _join(indexes: Sequence[BufferIndex]) -> Buffers:
    def column(name: str, kind: type[np.generic]) -> Any:  # Any: the dtype is the caller's
        return np.concatenate([getattr(index, name) for index in indexes]).astype(kind)

    return Buffers(
        file=np.concatenate([np.full(len(index), number, np.int64) for number, index in enumerate(indexes)]),
        row=np.concatenate([np.arange(len(index)) for index in indexes]),
        offset=column("offset", np.int64), cpu=column("cpu", np.uint16), sequence=column("sequence", np.int64),
        timestamp=column("timestamp", np.int64), used_bytes=column("used_bytes", np.int64),
        flags=column("flags", np.uint16), kind=column("kind", np.uint8),
    )  # fmt: skip


def open_recording(path: Path, log: Log) -> Recording:
    """The recording at `path`: an `.etl` file, or a folder of them read as one."""
    return Recording(find_recordings(path), log)
