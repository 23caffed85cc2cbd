"""What a recording does not hold: events and buffers Windows lost, gaps, and what a ring overwrote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wnv.arrays import I64
from wnv.diagnostics import Code, Log
from wnv.etl import layout
from wnv.etl.buffers import IndexedFile
from wnv.etl.order import Gap, Spans, find_gaps, usable_numbers
from wnv.etl.reader import Recording

_FULL_SHARE = 0.9
_LATE_START_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """Buffers missing between two others; times in ns UTC, None where unknown."""

    first_missing: int
    n_buffers: int
    start_ns: int | None
    end_ns: int | None
    cpu: int | None
    """Whose they were; None if the times do not show it."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """From when to when a processor's events are there; a wrapped ring keeps only the end."""

    cpu: int
    n_buffers: int
    start_ns: int | None
    end_ns: int | None


@dataclass(frozen=True, slots=True)
class Loss:
    """Losses of one session. `n_events` and `n_buffers` are what Windows counted itself."""

    n_events: int
    n_buffers: int
    n_flagged: int
    """Buffers marked with a loss before them."""
    gaps: list[MissingSpan]
    n_gaps: int
    n_missing: int
    """Buffer numbers missing between the first and the last present."""
    n_cut: int
    """Buffers that Windows wrote and the files do not hold: the copy was cut short."""
    is_ring: bool
    wrap_confidence: float
    """That the ring overwrote its start: 1.0 by the numbers of its buffers, less where merging renumbered them."""
    wrap_reason: str
    n_overwritten: int
    """Buffers before the first that is left; 0 where that is not known."""
    coverage: list[Coverage]
    """Per processor, in order of number."""

    @property
    def is_wrapped(self) -> bool:
        return self.wrap_confidence > 0

    @property
    def is_complete(self) -> bool:
        return not (
            self.n_events or self.n_buffers or self.n_flagged or self.n_missing or self.n_cut or self.is_wrapped
        )


def find_losses(recording: Recording, files: list[int], log: Log) -> Loss:
    """Losses of the session that `files` belong to; needs the first pass. Also records them in `log`."""
    headers = [recording.files[number].header for number in files]
    name = recording.files[files[0]].source.name
    buffers = recording.buffers
    rows = np.flatnonzero(np.isin(buffers.file, files) & (buffers.kind != layout.TYPE_HEADER))
    spans = Spans(recording.spans.n_events[rows], recording.spans.first[rows], recording.spans.last[rows])
    # Merged recordings carry the numbers of several sessions: a number seen twice proves nothing missing.
    sequence = buffers.sequence[rows]
    numbers = sequence[usable_numbers(sequence)]
    first = int(numbers.min()) if len(numbers) else 1
    n_gone = _n_gone(recording, files)
    confidence, reason = _wrapped(recording, files, rows, spans, n_overwritten=max(first - 1, n_gone))
    is_seam = np.zeros(len(rows), np.bool_)
    if confidence:
        # A ring overwrites in the order of the flushes, which is nearly that of the numbers: at its seam some are
        # gone that count as overwritten, not as lost. A quiet processor may hold an early number to the end, so
        # the missing ones are counted from there.
        ordered = np.sort(numbers)
        n_missing_before = ordered - 1 - np.arange(len(ordered))
        behind = ordered[n_missing_before >= n_gone]
        seam = max(first + 2 * max(1, headers[0].n_processors), int(behind.min()) if len(behind) else 0)
        is_seam = sequence < seam
    gaps = find_gaps(np.where(is_seam, 0, sequence), buffers.cpu[rows], spans)
    n_overwritten = max(first - 1, n_gone) if confidence == 1.0 else 0
    n_cut = 0 if confidence else sum(_n_cut(recording.files[number]) for number in files)
    flagged = rows[(buffers.flags[rows] & (layout.FLAG_EVENTS_LOST | layout.FLAG_BUFFER_LOST)) != 0]
    loss = Loss(
        n_events=max(one.events_lost for one in headers), n_buffers=max(one.buffers_lost for one in headers),
        n_flagged=len(flagged), gaps=[_timed(recording, gap) for gap in gaps.located], n_gaps=gaps.n_gaps,
        n_missing=gaps.n_missing, n_cut=n_cut, is_ring=headers[0].is_circular, wrap_confidence=confidence,
        wrap_reason=reason, n_overwritten=n_overwritten, coverage=_coverage(recording, rows),
    )  # fmt: skip
    log.record(Code.EVENTS_LOST, file=name, count=loss.n_events)
    log.record(Code.BUFFERS_LOST, file=name, count=loss.n_buffers)
    log.record(
        Code.SEQUENCE_GAP,
        file=name,
        count=loss.n_missing,
        detail=f"{loss.n_gaps} gaps" if loss.n_gaps else "",
    )
    if loss.is_wrapped:
        log.record(Code.RING_WRAPPED, file=name, detail=reason, count=max(1, n_overwritten))
    for number in files:
        file = recording.files[number]
        places = buffers.offset[flagged[buffers.file[flagged] == number]]
        log.record(Code.BUFFER_FLAG_LOST, file=file.source.name, byte_offset=places)
        if not file.header.end_filetime:
            log.record(Code.FILE_NOT_CLOSED, file=file.source.name)
        if n_cut and _n_cut(file):
            detail = f"{len(file.index):,} of {file.header.buffers_written:,} are there"
            log.record(Code.FILE_CUT, file=file.source.name, count=_n_cut(file), detail=detail)
        elif file.header.buffers_written != len(file.index):
            detail = f"{file.header.buffers_written:,} counted, {len(file.index):,} there"
            log.record(Code.BUFFER_COUNT_DIFFERS, file=file.source.name, detail=detail)
    return loss


def _n_cut(file: IndexedFile) -> int:
    """Buffers behind the last number that is there, in a file whose session was stopped (of others the count is
    stale). Those missing in between are gaps."""
    numbers = file.index.sequence[usable_numbers(file.index.sequence)]
    if not file.header.end_filetime or (len(numbers) and numbers.min() > 1):
        return 0
    return max(0, file.header.buffers_written - 1 - int(numbers.max(initial=0)))


def _n_gone(recording: Recording, files: list[int]) -> int:
    """Buffers that rings wrote and no longer hold, by their headers: those of a stopped session count all ever
    written (section 1)."""
    rings = [recording.files[number] for number in files]
    return sum(
        max(0, ring.header.buffers_written - len(ring.index))
        for ring in rings
        if ring.header.is_circular and ring.header.end_filetime
    )


def _wrapped(recording: Recording, files: list[int], rows: I64, spans: Spans, n_overwritten: int) -> tuple[float, str]:
    """How sure it is that a ring overwrote its start, and why.

    `pktmon stop` and `netsh trace stop` merge the file: that numbers the buffers anew and drops the mode bit, but
    keeps the size limit. A full file whose events begin well after the session is then all that shows it.
    """
    header = recording.files[files[0]].header
    if header.is_circular:
        # A ring that is not full did not wrap: what it lacks was cut off.
        size = sum(recording.files[number].source.size for number in files)
        is_full = not header.max_file_bytes or size >= _FULL_SHARE * header.max_file_bytes
        return (1.0, f"{n_overwritten:,} buffers were overwritten") if n_overwritten and is_full else (0.0, "")
    with_events = spans.n_events > 0
    if not (header.mode & layout.MODE_RELOG and header.max_file_bytes and with_events.any()):
        return 0.0, ""
    used = int(recording.buffers.used_bytes[rows].sum())
    start_ns = int(header.clock.ts_ns(np.array([header.base_ticks], np.int64))[0])
    begins_ns = recording.time_of(int(np.sort(spans.first[with_events])[0]))
    if begins_ns is None or begins_ns - start_ns < _LATE_START_NS or used < _FULL_SHARE * header.max_file_bytes:
        return 0.0, ""
    return (
        0.8,
        f"merged, but full ({used / 2**20:,.0f} of {header.max_file_bytes / 2**20:,.0f} MiB) and without its start",
    )


def _timed(recording: Recording, gap: Gap) -> MissingSpan:
    low, high = (None if key is None else recording.time_of(key) for key in (gap.low, gap.high))
    return MissingSpan(gap.first_missing, gap.n_missing, low, high, gap.cpu, gap.confidence)


def _coverage(recording: Recording, rows: I64) -> list[Coverage]:
    found = []
    with_events = rows[recording.spans.n_events[rows] > 0]
    for cpu in np.unique(recording.buffers.cpu[with_events]).tolist():
        mine = with_events[recording.buffers.cpu[with_events] == cpu]
        first, last = int(recording.spans.first[mine].min()), int(recording.spans.last[mine].max())
        found.append(Coverage(cpu, len(mine), recording.time_of(first), recording.time_of(last)))
    return found
