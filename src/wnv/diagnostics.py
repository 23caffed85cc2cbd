"""What could not be read, or was lost: rows, not log lines.

A stage calls `Log.record`; nothing is printed here. Rows of one kind in one file are joined, so a
file made of nothing but damage costs a constant amount of memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

OFFSETS_KEPT = 8
DETAILS_KEPT = 64


class Severity(StrEnum):
    """How much a row matters to the reader of the result."""

    NOTE = "note"
    """Odd but harmless: nothing is missing."""
    LOSS = "loss"
    """Windows did not record it, or it was overwritten."""
    DAMAGE = "damage"
    """It is in the file but cannot be read."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code means; one per `Code`."""

    severity: Severity
    stage: str
    text: str
    advice: str = ""


class Code(StrEnum):
    """Stable names of everything that can be reported."""

    # file and buffers (etl-format.md, section 11)
    FILE_NOT_CLOSED = "file_not_closed"
    BUFFER_COUNT_DIFFERS = "buffer_count_differs"
    FILE_CUT = "file_cut"
    BUFFER_HOLE = "buffer_hole"
    BUFFER_SIZE_INVALID = "buffer_size_invalid"
    BUFFER_CLIPPED = "buffer_clipped"
    BUFFER_USE_CLIPPED = "buffer_use_clipped"
    BUFFER_TYPE_SKIPPED = "buffer_type_skipped"
    BUFFER_TOO_LARGE = "buffer_too_large"
    UNPACK_FAILED = "unpack_failed"
    UNPACK_LIMIT = "unpack_limit"
    FILE_CHANGED = "file_changed"
    # events
    EVENT_SIZE_INVALID = "event_size_invalid"
    EVENT_OVERRUN = "event_overrun"
    EVENT_KIND_UNKNOWN = "event_kind_unknown"
    EVENT_ZEROED = "event_zeroed"
    EVENT_RECOVERED = "event_recovered"
    EVENT_ERROR_HEADER = "event_error_header"
    ITEM_INVALID = "item_invalid"
    ITEM_RAW = "item_raw"
    # time and order
    CLOCK_UNKNOWN = "clock_unknown"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    TIME_FAR_FROM_SESSION = "time_far_from_session"
    TIME_BORROWED = "time_borrowed"
    TIME_BACKWARDS = "time_backwards"
    ORDER_NOT_GLOBAL = "order_not_global"
    # loss
    EVENTS_LOST = "events_lost"
    BUFFERS_LOST = "buffers_lost"
    BUFFER_FLAG_LOST = "buffer_flag_lost"
    SEQUENCE_GAP = "sequence_gap"
    RING_WRAPPED = "ring_wrapped"
    # frames
    FRAME_LAYOUT_UNKNOWN = "frame_layout_unknown"
    FRAME_INCOMPLETE = "frame_incomplete"
    FRAME_TOO_LONG = "frame_too_long"
    FRAME_LINK_TYPE_UNKNOWN = "frame_link_type_unknown"
    FRAME_HEADER_ONLY = "frame_header_only"
    RUNDOWN_INVALID = "rundown_invalid"
    POINTS_LIMIT = "points_limit"
    # topology
    TOPOLOGY_LIMIT = "topology_limit"
    INVENTORY_INVALID = "inventory_invalid"
    # journeys
    JOURNEYS_ENDED_EARLY = "journeys_ended_early"
    ASSUMPTION_VMSWITCH_56_RECEIVED = "assumption_vmswitch_56_received"
    ASSUMPTION_VMSWITCH_240_RECEIVED = "assumption_vmswitch_240_received"
    # decoding
    DESCRIPTION_INVALID = "description_invalid"


_NOTE, _LOSS, _DAMAGE = Severity.NOTE, Severity.LOSS, Severity.DAMAGE

KINDS: dict[Code, Kind] = {
    Code.FILE_NOT_CLOSED: Kind(
        _NOTE, "session", "the recording was never stopped: its end time is missing",
        "Stop the session before copying its file, so that the last buffers are written."),
    Code.BUFFER_COUNT_DIFFERS: Kind(
        _NOTE, "buffers", "the header counts another number of buffers than the file holds"),
    Code.FILE_CUT: Kind(
        _DAMAGE, "buffers", "buffers that Windows wrote are not in the file: it was cut short",
        "Copy the file again, or ask for the original."),
    Code.BUFFER_HOLE: Kind(
        _DAMAGE, "buffers", "zeroed space where a buffer should start",
        "Normal at the end of a preallocated file that was never closed; elsewhere a damaged copy."),
    Code.BUFFER_SIZE_INVALID: Kind(
        _DAMAGE, "buffers", "a buffer header states an impossible size",
        "Copy the file again, or ask for the original: bytes were changed or cut out."),
    Code.BUFFER_CLIPPED: Kind(
        _DAMAGE, "buffers", "the file ends inside a buffer",
        "The copy was cut short, or made while the session was running."),
    Code.BUFFER_USE_CLIPPED: Kind(
        _DAMAGE, "buffers", "a buffer claims more used bytes than it has"),
    Code.BUFFER_TYPE_SKIPPED: Kind(
        _NOTE, "buffers", "a buffer of a kind that holds no ordinary events was skipped"),
    Code.BUFFER_TOO_LARGE: Kind(
        _DAMAGE, "buffers", "a buffer is larger than Windows allows"),
    Code.UNPACK_FAILED: Kind(
        _DAMAGE, "buffers", "a compressed buffer could not be unpacked"),
    Code.UNPACK_LIMIT: Kind(
        _DAMAGE, "buffers", "unpacking stopped: the file claims to hold far more than its size allows",
        "No real recording compresses this well; treat the file as hostile."),
    Code.FILE_CHANGED: Kind(
        _DAMAGE, "buffers", "the file became shorter while it was read",
        "Read a copy, not the file that is being written."),
    Code.EVENT_SIZE_INVALID: Kind(
        _DAMAGE, "events", "an event states a size smaller than its header; the rest of its buffer is skipped"),
    Code.EVENT_OVERRUN: Kind(
        _DAMAGE, "events", "an event runs past the end of its buffer; the rest of the buffer is skipped"),
    Code.EVENT_KIND_UNKNOWN: Kind(
        _DAMAGE, "events", "an unknown event header; the rest of its buffer is skipped"),
    Code.EVENT_ZEROED: Kind(
        _DAMAGE, "events", "zeroed space inside the used part of a buffer",
        "A writer died between reserving and filling its event."),
    Code.EVENT_RECOVERED: Kind(
        _NOTE, "events", "events found again behind a damaged place in their buffer"),
    Code.EVENT_ERROR_HEADER: Kind(
        _LOSS, "events", "Windows could not log an event and left an error header in its place"),
    Code.ITEM_INVALID: Kind(
        _DAMAGE, "events", "a broken chain of extended items; the event's payload is not read"),
    Code.ITEM_RAW: Kind(
        _NOTE, "events", "extended items of a kind that is kept as raw bytes"),
    Code.CLOCK_UNKNOWN: Kind(
        _DAMAGE, "clock", "the header does not say which clock was used: events have ticks but no time"),
    Code.TIME_OUT_OF_RANGE: Kind(
        _DAMAGE, "clock", "events whose time cannot be expressed: they have ticks but no time"),
    Code.TIME_FAR_FROM_SESSION: Kind(
        _NOTE, "clock", "events timed days before the start or after the end of the recording"),
    Code.TIME_BORROWED: Kind(
        _NOTE, "clock", "messages without a time of their own got that of the event before them"),
    Code.TIME_BACKWARDS: Kind(
        _NOTE, "order", "events earlier than the one before them on the same processor",
        "The clock was set, or providers stamped their events themselves."),
    Code.ORDER_NOT_GLOBAL: Kind(
        _NOTE, "order", "buffers overlap so much in time that only parts of the file could be sorted at once"),
    Code.EVENTS_LOST: Kind(
        _LOSS, "loss", "Windows counted events it could not record",
        "Use more and larger buffers, fewer providers, or a shorter packet length."),
    Code.BUFFERS_LOST: Kind(
        _LOSS, "loss", "Windows counted buffers it could not write",
        "Write to a faster disk, or use more buffers."),
    Code.BUFFER_FLAG_LOST: Kind(
        _LOSS, "loss", "a buffer is marked: events or buffers were lost before it"),
    Code.SEQUENCE_GAP: Kind(
        _LOSS, "loss", "numbers are missing in the sequence of buffers"),
    Code.RING_WRAPPED: Kind(
        _LOSS, "loss", "a circular recording overwrote its oldest part",
        "Make the ring larger (maxSize), or stop sooner after the problem."),
    Code.FRAME_LAYOUT_UNKNOWN: Kind(
        _DAMAGE, "frames", "a packet event does not fit any known layout of its kind"),
    Code.FRAME_INCOMPLETE: Kind(
        _LOSS, "frames", "fragments of a frame whose start or end is missing"),
    Code.FRAME_TOO_LONG: Kind(
        _DAMAGE, "frames", "fragments that join to more than a frame can hold"),
    Code.FRAME_LINK_TYPE_UNKNOWN: Kind(
        _NOTE, "frames", "packets of a kind that no capture file can carry (HTTP, bare payload)"),
    Code.FRAME_HEADER_ONLY: Kind(
        _NOTE, "frames", "sightings that carry parsed headers but no bytes",
        "Record with `pktmon start --capture --flags 0x10` to keep the bytes."),
    Code.POINTS_LIMIT: Kind(
        _DAMAGE, "frames", "more capture points than any host has; those beyond share one",
        "No real recording has so many; treat the file as hostile."),
    Code.RUNDOWN_INVALID: Kind(
        _DAMAGE, "frames", "an event that names a capture point does not fit its layout"),
    Code.TOPOLOGY_LIMIT: Kind(
        _DAMAGE, "topology", "the recording says more of the virtual network than any host has; the rest is left out",
        "No real recording does; treat the file as hostile."),
    Code.JOURNEYS_ENDED_EARLY: Kind(
        _LOSS, "journeys", "journeys that were ended while their packets may still have been on their way",
        "More packets a second than wnv keeps in mind; read a shorter stretch of the recording."),
    Code.ASSUMPTION_VMSWITCH_56_RECEIVED: Kind(
        _NOTE, "journeys", "times that VmSwitch's 56 was not what is received, and 58 not what is delivered",
        "This build numbers them otherwise than public documents suggest; please report it."),
    Code.ASSUMPTION_VMSWITCH_240_RECEIVED: Kind(
        _NOTE, "journeys", "times that VmSwitch's 240 was not what is received, and 241 not what is delivered",
        "Which is which is a guess; please report it."),
    Code.INVENTORY_INVALID: Kind(
        _NOTE, "topology", "parts of the inventory that are not in any form wnv knows"),
    Code.DESCRIPTION_INVALID: Kind(
        _DAMAGE, "decode", "descriptions of events that the recording carries and that cannot be read"),
}  # fmt: skip


@dataclass(slots=True)
class Row:
    """One row of the `diagnostics` table; `byte_offsets` are the first few places in the file."""

    code: Code
    file: str
    detail: str
    count: int = 0
    byte_offsets: list[int] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]


class Log:
    """Collects diagnostics of one run, joined by code, file and detail, in order of first appearance."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Code, str, str], Row] = {}
        self._n_details: Counter[Code] = Counter()

    def record(
        self,
        code: Code,
        *,
        file: str = "",
        byte_offset: int | Iterable[int] | None = None,
        count: int | None = None,
        detail: str = "",
    ) -> None:
        """Add to the row of `code`.

        `byte_offset` may be one place or many (an array); `count` defaults to the number of places, at
        least 1. An empty array records nothing. `detail` should come from a small set: beyond
        `DETAILS_KEPT` per code, rows share one without detail.
        """
        if byte_offset is None:
            places: list[int] = []
            n = 1 if count is None else count
        elif isinstance(byte_offset, (int, np.integer)):
            places = [int(byte_offset)]
            n = 1 if count is None else count
        else:
            found = np.asarray(byte_offset)
            places = [int(place) for place in found[:OFFSETS_KEPT]]
            n = len(found) if count is None else count
        if n <= 0:
            return
        key = (code, file, detail)
        if key not in self._rows and detail:
            if self._n_details[code] >= DETAILS_KEPT:
                key = (code, file, "")
            else:
                self._n_details[code] += 1
        row = self._rows.setdefault(key, Row(code, file, key[2]))
        row.count += n
        row.byte_offsets.extend(places[: OFFSETS_KEPT - len(row.byte_offsets)])

    def extend(self, other: Log) -> None:
        """Add the rows of `other`, as if they had been recorded here."""
        for row in other.rows():
            self.record(row.code, file=row.file, byte_offset=row.byte_offsets, count=row.count, detail=row.detail)

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def has(self, code: Code) -> bool:
        return any(key[0] is code for key in self._rows)

    def count(self, code: Code) -> int:
        """Sum of the counts of all rows of `code`."""
        return sum(row.count for row in self._rows.values() if row.code is code)
