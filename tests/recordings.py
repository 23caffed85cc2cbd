"""What wnv reads from a recording, as rows that tests compare with those of `etl_writer` and `slow_reader`."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import slow_reader
from etl_writer import Buffer, Event, TraceSpec, build
from wnv.clock import FILETIME_UNIX_EPOCH, NO_TIME
from wnv.diagnostics import Code, Log
from wnv.errors import WnvError
from wnv.etl.events import NO_HOOK, NULL_ID
from wnv.etl.loss import Loss, find_losses
from wnv.etl.order import SLICE_BYTES
from wnv.etl.reader import Recording, Slice
from wnv.etl.session import SessionHeader
from wnv.pipeline.scanning import Scanned
from wnv.trace import Trace

Row = dict[str, Any]  # Any: the fields are of many types
Columns = dict[str, list[Any]]

NULLS: Row = {
    "pid": NULL_ID, "tid": NULL_ID, "provider": "", "event_id": 0, "version": 0, "level": 0, "opcode": 0,
    "keyword": 0, "hook_id": NO_HOOK, "activity_id": str(UUID(int=0)), "container_id": "",
}  # fmt: skip
"""What wnv puts where a kind of header has no such field."""
CHEAP = (
    "file_offset", "event_offset", "cpu", "kind", "ticks", "filetime", "pid", "tid", "provider", "event_id",
    "version", "level", "opcode", "keyword", "hook_id", "payload",
)  # fmt: skip
FIELDS = (*CHEAP, "activity_id", "container_id", "items")


def columns_of(recording: Recording, piece: Slice, names: Sequence[str] = FIELDS) -> Columns:
    """The events of a slice as Python values, copied: the slice's memory is reused."""
    events = piece.events
    texts = [*recording.guids.texts, ""]
    data = events.data.data
    starts, sizes = events.payload_start.tolist(), events.payload_bytes.tolist()
    made: dict[str, Callable[[], list[Any]]] = {
        "file": recording.buffers.file[events.buffer].tolist,
        "file_offset": recording.buffers.offset[events.buffer].tolist,
        "event_offset": events.offset.tolist,
        "filetime": lambda: [
            None if ns == NO_TIME else ns // 100 + FILETIME_UNIX_EPOCH for ns in events.ts_ns.tolist()
        ],
        "provider": lambda: [texts[code] for code in events.provider.tolist()],
        "payload": lambda: [bytes(data[start : start + size]) for start, size in zip(starts, sizes, strict=True)],
        "activity_id": lambda: [str(UUID(bytes_le=raw)) for raw in events.activity().tolist()],
        "container_id": lambda: [texts[code] for code in piece.container.tolist()],
        "items": lambda: _items(piece),
    }
    return {name: made[name]() if name in made else getattr(events, name).tolist() for name in names}


def _items(piece: Slice) -> list[tuple[tuple[int, bytes], ...]]:
    found: list[list[tuple[int, bytes]]] = [[] for _ in range(len(piece.events))]
    for row in range(len(piece.items)):
        found[int(piece.items.event[row])].append((int(piece.items.type[row]), piece.items.raw(row)))
    return [tuple(one) for one in found]


def rows_of(columns: Columns) -> list[Row]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def joined(parts: Iterable[Columns], names: Sequence[str]) -> Columns:
    whole: Columns = {name: [] for name in names}
    for part in parts:
        for name in names:
            whole[name] += part[name]
    return whole


def in_file_order(recording: Recording, names: Sequence[str] = FIELDS, *, slice_bytes: int = SLICE_BYTES) -> Columns:
    """Pass 1; checks that its pieces are numbered without gaps."""
    parts: list[Columns] = []

    def visit(piece: Slice) -> None:
        assert piece.first_row == sum(len(part[names[0]]) for part in parts)
        parts.append(columns_of(recording, piece, names))

    recording.scan(visit, slice_bytes=slice_bytes)
    whole = joined(parts, names)
    assert recording.n_events == len(whole[names[0]])
    return whole


def in_time_order(recording: Recording, names: Sequence[str] = FIELDS, *, slice_bytes: int = SLICE_BYTES) -> Columns:
    """Pass 2; checks that its slices are numbered without gaps."""
    parts: list[Columns] = []
    for piece in recording.slices(slice_bytes=slice_bytes):
        assert piece.first_row == sum(len(part[names[0]]) for part in parts)
        parts.append(columns_of(recording, piece, names))
    return joined(parts, names)


@dataclass(frozen=True, slots=True)
class Seen:
    """All that wnv says of a recording."""

    header: SessionHeader
    rows: list[Row]
    """In the order of the file, header event included."""
    ordered: list[Row]
    """In the order of time."""
    log: Log
    losses: list[Loss]
    """One a session."""
    n_buffers: int

    @property
    def codes(self) -> dict[Code, int]:
        """Counts of what was reported."""
        return {row.code: self.log.count(row.code) for row in self.log.rows()}

    def offsets(self, code: Code) -> list[int]:
        return [at for row in self.log.rows() if row.code is code for at in row.byte_offsets]

    def payloads(self) -> list[bytes]:
        """Of the events behind the first, in the order of the file."""
        return [row["payload"] for row in self.rows[1:]]


def scanned_of(trace: Trace) -> Scanned:
    """A recording after its first pass, with the readers of its packets, which a trace folder has not."""
    opened = trace.scanned()
    assert isinstance(opened, Scanned)
    return opened


def save(folder: Path, data: bytes, name: str = "trace.etl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def see(*paths: Path, slice_bytes: int = SLICE_BYTES) -> Seen:
    log = Log()
    with Recording(paths, log) as recording:
        rows = rows_of(in_file_order(recording, ("file", *FIELDS), slice_bytes=slice_bytes))
        ordered = rows_of(in_time_order(recording, ("file", *FIELDS), slice_bytes=slice_bytes))
        losses = [find_losses(recording, files, log) for files in recording.sessions]
        return Seen(recording.files[0].header, rows, ordered, log, losses, len(recording.buffers))


def see_data(folder: Path, data: bytes, *, slice_bytes: int = SLICE_BYTES) -> Seen:
    return see(save(folder, data), slice_bytes=slice_bytes)


def see_trace(folder: Path, spec: TraceSpec, parts: Sequence[Event] | Sequence[Buffer] = ()) -> Seen:
    return see_data(folder, build(spec, parts))


def survives(folder: Path, data: bytes) -> Seen | None:
    """Reads anything: None if it is refused with a `WnvError`. Whatever is read lies inside the file's buffers."""
    try:
        seen = see_data(folder, data)
    except WnvError:
        return None
    # an event has at least 8 bytes; a packed buffer can hold more than the file
    if not any(data[at + 0x34] & 0x40 for at in {row["file_offset"] for row in seen.rows}):
        assert len(seen.rows) <= len(data) // 8
    assert len(seen.ordered) == len(seen.rows)
    assert sorted(map(repr, seen.rows)) == sorted(map(repr, seen.ordered))
    assert all(row.count > 0 for row in seen.log.rows())
    return seen


# ------------------------------------------------------------------------------- what the slow reader says of it


_LAST_TIME = FILETIME_UNIX_EPOCH + (2**63 - 1) // 100
_FIRST_TIME = FILETIME_UNIX_EPOCH - (2**63 - 1) // 100


def slow_rows(data: bytes) -> list[Row]:
    """The rows of `slow_reader` as wnv has to say the same: its nulls, and times lent to messages.

    `lent_by` says who lent: "nobody" where an event has a time of its own, None where it has found no lender.
    """
    found: list[Row] = []
    for slow in slow_reader.read(data).rows:
        row: Row = {name: value for name, value in slow.items() if name in FIELDS}
        row |= {name: null for name, null in NULLS.items() if row[name] is None}
        if row["kind"] not in (0x12, 0x13):
            row["items"] = ()  # counters and instance ids are no items on disk
        if row["filetime"] is not None and not _FIRST_TIME <= row["filetime"] <= _LAST_TIME:
            row["filetime"] = None
        row["lent_by"] = None if row["ticks"] is None else "nobody"
        found.append(row)
    for at, row in enumerate(found):
        if row["lent_by"] is None:
            before = [one for one in found[:at] if may_lend(one, row)]
            behind = [one for one in found[at:] if may_lend(one, row)]
            for lender in (before[-1:] or behind)[:1]:
                row.update(ticks=lender["ticks"], filetime=lender["filetime"], lent_by="another")
    return found


def may_lend(lender: Row, row: Row) -> bool:
    return bool(lender["lent_by"] == "nobody" and lender["file_offset"] == row["file_offset"])


def without(rows: Iterable[Row], *names: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    """The bytes with other numbers at `at`."""
    changed = bytearray(data)
    struct.pack_into("<" + form, changed, at, *values)
    return bytes(changed)
