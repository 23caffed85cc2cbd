"""One global order of time out of buffers that overlap, and what the order shows to be missing.

Pass 1 leaves, for each buffer, how many events it has and between which times. From these the recording is
cut into time windows: a slice holds every event of its window, sorted, whatever buffer it lies in, so the
order is exact and memory does not grow with the file (etl-format.md, section 10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wnv.arrays import BOOL, I32, I64, U16, U32

SLICE_BYTES = 16 * 2**20  # three of them are in memory; with less, the step over all buffers has too few to look at
CACHED_SLICE_BYTES = 4 * 2**20
SLICE_BYTES_MAX = 1024 * 2**20
GAPS_LOCATED = 32
_HOLE_RATIO = 4
_FAR_NUMBER = 16  # times the median number, no session reaches
_FAR_NUMBER_LEAST = 1024
_FIRST, _LAST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Spans:
    """What the walk found in each buffer; times are sort keys (raw ticks, or FILETIME across clocks)."""

    n_events: I32
    first: I64
    """Smallest key in the buffer; meaningless where `n_events` is 0."""
    last: I64
    """Greatest key."""


@dataclass(frozen=True, slots=True)
class Window:
    """A slice to be: the buffers to load, and which of their events belong to it (`low <= key < high`)."""

    rows: I32
    low: int
    high: int
    """`_LAST` for the last window, which includes it."""

    def holds(self, key: I64) -> BOOL:
        if self.high == _LAST:
            return key >= self.low
        return (key >= self.low) & (key < self.high)


def plan_windows(spans: Spans, used_bytes: U32 | I64, budget: int = SLICE_BYTES) -> tuple[list[Window], bool]:
    """Windows that cover all events once, each with at most `budget` bytes of buffers where that is possible.

    Buffers that overlap a window's start are loaded again. Where they alone take half the budget the window
    gets more, so that no file is read more than about twice; beyond `SLICE_BYTES_MAX` of overlap (only a
    hostile file, or one without usable times, has that) the order is given up: each window then takes whole
    buffers. Returns the windows, and whether the order is global.
    """
    order: I32 = np.flatnonzero(spans.n_events > 0).astype(np.int32)
    order = order[np.argsort(spans.first[order], kind="stable")]
    if not len(order):
        return [], True
    size_before = np.concatenate([[0], np.cumsum(used_bytes[order], dtype=np.int64)])
    windows: list[Window] = []
    low = _FIRST
    carried = np.zeros(0, np.int32)  # buffers that reach over `low`
    start = 0

    def first(place: int) -> int:
        return int(spans.first[order[place]]) if place < len(order) else _LAST

    while start < len(order) or len(carried):
        carried_bytes = int(used_bytes[carried].sum())
        if carried_bytes > SLICE_BYTES_MAX:
            return _whole_buffers(order, used_bytes, budget), False
        room = max(budget, 2 * carried_bytes) - carried_bytes
        stop = int(np.searchsorted(size_before, size_before[start] + room, "right")) - 1
        stop = max(stop, min(start + 1, len(order)))
        # A window ends before the first event of the first buffer that has no room; equal times stay together.
        high = first(stop)
        if high == low or (stop < len(order) and high == first(start)):
            stop = start + int(np.searchsorted(spans.first[order[start:]], high, "right"))
            high = first(stop)
        if high == _LAST:
            stop = len(order)
        taken = np.concatenate([carried, order[start:stop]])
        windows.append(Window(np.sort(taken), low, high))
        carried = taken[spans.last[taken] >= high] if high != _LAST else taken[:0]
        low, start = high, stop
    return windows, True


def _whole_buffers(order: I32, used_bytes: U32 | I64, budget: int) -> list[Window]:
    number = (np.cumsum(used_bytes[order], dtype=np.int64) - used_bytes[order]) // budget
    cuts = np.flatnonzero(np.diff(number)) + 1
    return [Window(np.sort(rows), _FIRST, _LAST) for rows in np.split(order, cuts)]


@dataclass(frozen=True, slots=True)
class Gap:
    """Buffers that are missing in the sequence: between which times, and of which processor if that shows."""

    first_missing: int
    n_missing: int
    low: int | None
    """Key before which the neighbours of the gap end; None at the edge of the recording."""
    high: int | None
    cpu: int | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is missing in a sequence; only the first `GAPS_LOCATED` gaps are looked at closely."""

    located: list[Gap]
    n_gaps: int
    n_missing: int


def usable_numbers(sequence: I64) -> BOOL:
    """Which buffer numbers can be true: not those far beyond all others, which come from damaged headers."""
    usable: BOOL = sequence > 0
    if usable.any():
        usable &= sequence <= _FAR_NUMBER * int(min(np.median(sequence[usable]), 2**56)) + _FAR_NUMBER_LEAST
    return usable


def find_gaps(sequence: I64, cpu: U16, spans: Spans) -> Gaps:
    """Missing numbers between the smallest and the greatest of `sequence` (section 10).

    A processor takes the next number when it starts a fresh buffer, so a lost buffer lies between the starts
    of its neighbours in number, and its processor shows a hole there. `cpu` is given where one processor's
    hole is at least four times every other's, with its share as confidence. Numbers that no session reaches
    are left out: they come from damaged headers.
    """
    usable = np.flatnonzero(usable_numbers(sequence))
    order = usable[np.argsort(sequence[usable], kind="stable")]
    numbers = sequence[order]
    missing = np.diff(numbers) - 1
    places = np.flatnonzero(missing > 0)
    located = [
        _locate(int(numbers[at]) + 1, int(missing[at]), order[: at + 1], order[at + 1 :], cpu, spans)
        for at in places[:GAPS_LOCATED]
    ]
    return Gaps(located, len(places), int(missing[places].sum()))


def _locate(first_missing: int, n_missing: int, before: I64, after: I64, cpu: U16, spans: Spans) -> Gap:
    before, after = before[spans.n_events[before] > 0], after[spans.n_events[after] > 0]
    left, right = np.full((2, 1 << 16), -1, np.int64)
    left[cpu[before]] = before  # of several values for one place the last stays
    right[cpu[after[::-1]]] = after[::-1]
    holes: list[tuple[int, int, int, int]] = []
    for processor in np.flatnonzero((left >= 0) & (right >= 0)).tolist():
        low, high = int(spans.last[left[processor]]), int(spans.first[right[processor]])
        holes.append((max(0, high - low), processor, low, high))
    holes.sort(reverse=True)
    if holes and holes[0][0] > 0 and (len(holes) == 1 or holes[0][0] >= _HOLE_RATIO * holes[1][0]):
        length, processor, low, high = holes[0]
        rest = holes[1][0] if len(holes) > 1 else 0
        return Gap(first_missing, n_missing, low, high, processor, round(length / (length + rest), 2))
    low_edge = int(spans.first[before[-1]]) if len(before) else None
    high_edge = int(spans.last[after[0]]) if len(after) else None
    return Gap(first_missing, n_missing, low_edge, high_edge, None, 0.0)
