"""The base tables of a trace folder as slices and sightings, in global order of time and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wnv.arrays import BOOL, I64
from wnv.etl.events import Guids
from wnv.packets.sightings import PacketRows
from wnv.schema import FRAMES, OBSERVATIONS, STORED_EVENTS, Table
from wnv.store.arrow import ByteRanges
from wnv.store.events import Stored, contradiction, numbers_of, slice_of
from wnv.store.folder import TraceFolder
from wnv.store.frames import StoredFrames, frames_of, packets_of
from wnv.store.tables import READ_ERRORS, damaged, file_name

Wanted = Callable[[pa.RecordBatch], BOOL]
"""Of rows with `KEY_COLUMNS`, which to read."""
KEY_COLUMNS: Final = ["provider_guid", "event_id", "event_row", "hook_id", "container_id"]
_FRAME_COLUMNS: Final = ["bytes", "original_bytes", "link_type"]


@dataclass(frozen=True, slots=True)
class Read:
    """One stretch of a trace folder."""

    stored: Stored
    packets: PacketRows | None
    observation_id: I64
    """Of each row of `packets`."""
    frame_id: I64
    """Of each row of `packets`."""


class FolderReader:
    """Reads a trace folder; use as a context. Raises `WnvError` where its tables contradict each other."""

    def __init__(
        self, folder: TraceFolder, guids: Guids, *, n_buffers: int, n_points: int, remarks: Sequence[str]
    ) -> None:
        self._guids, self._n_buffers, self._n_points, self._remarks = guids, n_buffers, n_points, remarks
        self._path = folder.path
        self._events = _Rows(folder, STORED_EVENTS)
        self._frames = _Rows(folder, FRAMES)
        self._observations = _Rows(folder, OBSERVATIONS)

    def read(
        self, wanted: Wanted | None = None, *, packets: bool = True, sessions: Sequence[int] | None = None
    ) -> Iterator[Read]:
        """Events and sightings, a row group of events at a time; with `wanted` some events, and no sightings.

        `sessions`: only what these recordings have; the events of a stretch are not consecutive then.
        """
        left = _Left(self._observations)
        for group in range(self._events.n_groups):
            if sessions is not None and _of_sessions(self._events.group(group, ["session_id"]), sessions) is None:
                continue
            rows = self._wanted_rows(group, wanted)
            if rows is not None and sessions is not None:
                rows = _of_sessions(rows, sessions)
            if rows is None:
                continue
            with _told(self._path):
                stored = self._slice(rows, is_whole=wanted is None and sessions is None)
            if wanted is not None or not packets:
                none = np.zeros(0, np.int64)
                yield Read(stored, None, none, none)
            else:
                with _told(self._path):
                    seen = left.until(int(stored.event_row[-1]))
                    if seen is not None and sessions is not None:
                        seen = _of_sessions(seen, sessions)
                    found = self._with_packets(stored, seen)
                yield found

    def sightings(self, sessions: Sequence[int] | None = None) -> Iterator[PacketRows]:
        """All sightings, or those of some recordings, a row group at a time, without reading events."""
        for group in range(self._observations.n_groups):
            rows: pa.RecordBatch | None = self._observations.group(group)
            if rows is not None and sessions is not None:
                with _told(self._path):
                    rows = _of_sessions(rows, sessions)
            if rows is None:
                continue
            with _told(self._path):
                event = numbers_of(rows, "event_row", -1)
                found = self._packets(rows, event - event.min(initial=0))
            yield found

    def _wanted_rows(self, group: int, wanted: Wanted | None) -> pa.RecordBatch | None:
        """The events of a row group that are wanted; None if there are none."""
        if wanted is None:
            rows = self._events.group(group)
            return rows if rows.num_rows else None
        with _told(self._path):
            mask = wanted(self._events.group(group, KEY_COLUMNS))
        if not mask.any():
            return None
        rows = self._events.group(group)
        return rows if mask.all() else rows.filter(pa.array(mask))

    def _slice(self, rows: pa.RecordBatch, *, is_whole: bool) -> Stored:
        cut = numbers_of(rows, "frame_offset", -1) >= 0
        frame_id = numbers_of(rows, "frame_id", -1)[cut]
        frames = self._frames_at(frame_id)
        places = np.searchsorted(np.unique(frame_id), frame_id)
        stored = slice_of(rows, ByteRanges(frames.data, frames.start[places], frames.n_bytes[places]), self._guids)
        buffer, event_row = stored.piece.events.buffer, stored.event_row
        if (buffer < 0).any() or (buffer >= self._n_buffers).any() or (np.diff(event_row) <= 0).any():
            raise contradiction()
        if is_whole and int(event_row[-1]) - int(event_row[0]) != len(event_row) - 1:
            raise contradiction()
        return stored

    def _frames_at(self, frame_id: I64) -> StoredFrames:
        """The distinct frames among `frame_id`, in order of number."""
        ids = np.unique(frame_id)
        if len(ids) and (ids[0] < 0 or ids[-1] >= self._frames.n_rows):
            raise contradiction()
        return frames_of(self._frames.rows_at(ids, _FRAME_COLUMNS))

    def _with_packets(self, stored: Stored, rows: pa.RecordBatch | None) -> Read:
        none = np.zeros(0, np.int64)
        if rows is None or not rows.num_rows:
            return Read(stored, None, none, none)
        packets = self._packets(rows, numbers_of(rows, "event_row", -1) - stored.piece.first_row)
        return Read(stored, packets, numbers_of(rows, "observation_id", -1), numbers_of(rows, "frame_id", -1))

    def _packets(self, rows: pa.RecordBatch, event: I64) -> PacketRows:
        """The sightings of rows of `observations`; `event` is the row of each in its slice."""
        point, frame_id = numbers_of(rows, "point_id", -1), numbers_of(rows, "frame_id", -1)
        if (event < 0).any() or (point < 0).any() or (point >= self._n_points).any():
            raise contradiction()
        ids = np.unique(frame_id)
        return packets_of(rows, self._frames_at(frame_id), np.searchsorted(ids, frame_id), event, self._remarks)

    def close(self) -> None:
        for one in (self._events, self._frames, self._observations):
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Rows:
    """A file of a trace folder, row group by row group; the group read last is kept."""

    def __init__(self, folder: TraceFolder, table: Table) -> None:
        folder.dataset(table)  # checks it
        self._path = folder.path / file_name(table)
        with _told(self._path):
            self._file = pq.ParquetFile(self._path)
        groups = [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]
        self._before = np.concatenate([[0], np.cumsum(np.array(groups, np.int64))])
        self._kept: tuple[int, pa.RecordBatch] | None = None

    @property
    def n_groups(self) -> int:
        return len(self._before) - 1

    @property
    def n_rows(self) -> int:
        return int(self._before[-1])

    def group(self, number: int, columns: list[str] | None = None) -> pa.RecordBatch:
        with _told(self._path):
            found = self._file.read_row_group(number, columns=columns)
            return found.combine_chunks().to_batches()[0] if found.num_rows else _no_rows(found.schema)

    def rows_at(self, ids: I64, columns: list[str]) -> pa.RecordBatch:
        """The rows with these numbers (ascending, distinct) in the file."""
        group_of = np.searchsorted(self._before, ids, "right") - 1
        parts = []
        for number in np.unique(group_of).tolist():
            if self._kept is None or self._kept[0] != number:
                self._kept = number, self.group(number, columns)
            mine = ids[group_of == number] - self._before[number]
            low, high = int(mine[0]), int(mine[-1])
            rows = self._kept[1]
            whole = high - low + 1 == len(mine)
            parts.append(rows.slice(low, len(mine)) if whole else rows.take(pa.array(mine)))
        if not parts:
            return _no_rows(pa.schema([self._file.schema_arrow.field(name) for name in columns]))
        with _told(self._path):
            return parts[0] if len(parts) == 1 else pa.concat_batches(parts)

    def close(self) -> None:
        self._file.close()


class _Left:
    """The rows of `observations` in order of `event_row`, taken piece by piece."""

    def __init__(self, rows: _Rows) -> None:
        self._rows, self._next = rows, 0
        self._left: pa.RecordBatch | None = None

    def until(self, event_row: int) -> pa.RecordBatch | None:
        """The rows up to and with this event that were not taken yet."""
        parts = []
        while True:
            if self._left is None:
                if self._next >= self._rows.n_groups:
                    break
                self._left = self._rows.group(self._next)
                self._next += 1
            found = numbers_of(self._left, "event_row", -1)
            if (np.diff(found) < 0).any():
                raise contradiction()
            n = int(np.searchsorted(found, event_row, "right"))
            parts.append(self._left.slice(0, n))
            if n < len(found):
                self._left = self._left.slice(n)
                break
            self._left = None
        parts = [part for part in parts if part.num_rows]
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def _of_sessions(rows: pa.RecordBatch, sessions: Sequence[int]) -> pa.RecordBatch | None:
    """The rows of these recordings; None if there are none."""
    mask = np.isin(numbers_of(rows, "session_id", -1), sessions)
    if mask.all():
        return rows
    return rows.filter(pa.array(mask)) if mask.any() else None


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What turns out to be wrong in a file is a `WnvError`."""
    try:
        yield
    except READ_ERRORS as error:
        raise damaged(path, error) from None
