"""A trace folder as a recording that was scanned: whatever reads the one reads the other.

What reads events is loaded where it is used: most commands ask only for tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from wnv.arrays import BOOL, I64
from wnv.diagnostics import Log
from wnv.errors import WnvError
from wnv.etl.events import Guids
from wnv.etl.reader import Progress, Slice
from wnv.overview import Overview
from wnv.pipeline.scanning import CaptureFacts
from wnv.schema import BASE_TABLES, BUFFERS, SESSION
from wnv.store.events import contradiction
from wnv.store.folder import MANIFESTS_FILE, TraceFolder, open_folder
from wnv.store.records import from_json
from wnv.store.tables import read_table

if TYPE_CHECKING:
    from wnv.decode.decoder import Decoder
    from wnv.packets.sightings import PacketRows
    from wnv.providers.stages import Stretch
    from wnv.store.reading import FolderReader, Read, Wanted

_BASE = {table.name: table for table in BASE_TABLES}


class StoredTrace:
    """A trace folder, opened (`scanning.Opened`)."""

    def __init__(self, path: Path) -> None:
        """Raises `WnvError` if it is none, or cannot be read."""
        self.folder: TraceFolder = open_folder(path)
        place = str(path / "meta.json")
        self.overview = from_json(Overview, self.folder.meta.get("overview"), place)
        self.capture = from_json(CaptureFacts, self.folder.meta.get("capture"), place)
        if not self.overview.sessions or any(one.row.keys() != set(SESSION.names) for one in self.overview.sessions):
            raise WnvError(f"{place} is not what wnv writes there", advice="Import the recording again.")
        if not self.capture.is_consistent(len(self.overview.sessions)):
            raise contradiction()
        self._host_of_session: I64 = np.array(self.capture.host_of_session, np.int64)
        self._guids = Guids()

    def check(self) -> None:
        """Open every table. Raises `WnvError` if one is not what was written."""
        for table in BASE_TABLES:
            self.folder.dataset(table)

    def dataset(self, name: str) -> ds.Dataset:
        """A base table. Raises `WnvError` if it is not what was written."""
        return self.folder.dataset(_BASE[name])

    @property
    def inputs(self) -> Sequence[Path]:
        """The files it is read from, which no output may overwrite."""
        return sorted(self.folder.path.glob("*"))

    @cached_property
    def session_of_buffer(self) -> I64:
        """Number of the session of each buffer."""
        numbers: I64 = read_table(self.folder.dataset(BUFFERS)).column("session_id").to_numpy()
        if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < len(self.overview.sessions):
            raise contradiction()
        return numbers

    @cached_property
    def decoder(self) -> Decoder:
        """What describes its events, with what the recording says of its own."""
        from wnv.decode.catalog import Catalog, decode_brought
        from wnv.decode.decoder import Decoder

        manifests = self.folder.manifests()
        brought = decode_brought(manifests, str(self.folder.path / MANIFESTS_FILE)) if manifests is not None else []
        decoder = Decoder(self.capture.builds_of_sessions, Catalog(brought=brought), Log(), self.session_of_buffer)
        for found in self._read(_tells_of_others):
            decoder.learn(found.stored.piece)
        return decoder

    def slices(self, progress: Progress | None = None) -> Iterator[Slice]:
        """All events in global order, slice by slice."""
        for found in self._read(progress=progress, packets=False):
            yield found.stored.piece

    def sightings(self, progress: Progress | None = None) -> Iterator[PacketRows]:
        """All sightings, in order of time; reads no events."""
        n_done, n_rows = 0, self.folder.rows["observations"]
        with self._reader() as reader:
            for rows in reader.sightings():
                yield rows
                n_done += len(rows)
                if progress is not None:
                    progress(n_done, n_rows)

    def sightings_of_host(self, host: int) -> Iterator[PacketRows]:
        """The sightings of one host, in order of its time; reads no events."""
        with self._reader() as reader:
            yield from reader.sightings(np.flatnonzero(self._host_of_session == host).tolist())

    def stretches(self, progress: Progress | None = None) -> Iterator[Stretch]:
        """The whole recording for the stages that derive tables: pass 2."""
        for found in self._read(progress=progress):
            yield self._stretch(found)

    def stretches_of_host(self, host: int) -> Iterator[Stretch]:
        """What one host recorded, for pass 2 over several: in order of that host's time."""
        sessions = np.flatnonzero(self._host_of_session == host).tolist()
        for found in self._read(sessions=sessions):
            yield self._stretch(found)

    def stretches_of(
        self, providers: Collection[str], ids: Mapping[str, Collection[int]] | None = None
    ) -> Iterator[Stretch]:
        """Its events of some providers (GUIDs, lower case), without packets: pass 1.

        Of a provider in `ids`, only the events with these ids.
        """
        ids = ids or {}
        whole = pa.array(sorted(set(providers) - set(ids)), pa.string())

        def is_wanted(rows: pa.RecordBatch) -> BOOL:
            provider, event_id = rows.column("provider_guid"), rows.column("event_id")
            mask = _mask(pc.is_in(provider, whole))
            for guid in sorted(set(providers) & set(ids)):
                of_id = pc.is_in(event_id, pa.array(sorted(ids[guid]), event_id.type))
                mask |= _mask(pc.and_kleene(pc.equal(provider, guid), of_id))
            return mask

        for found in self._read(is_wanted):
            yield self._stretch(found)

    def slices_of(self, event_rows: I64) -> Iterator[Slice]:
        """The events with these `event_row` (ascending, distinct), slices of which `first_row` is the first alone."""
        for found in self._read(lambda rows: np.isin(rows.column("event_row").to_numpy(), event_rows)):
            yield found.stored.piece

    def _stretch(self, found: Read) -> Stretch:
        from wnv.providers.stages import Stretch

        return Stretch(
            piece=found.stored.piece, event_row=found.stored.event_row, session_id=found.stored.session_id,
            host=self._hosts(found.stored.session_id), packets=found.packets, observation_id=found.observation_id,
            frame_id=found.frame_id, decoder=self.decoder,
        )  # fmt: skip

    def _hosts(self, session_id: I64) -> I64:
        """The host of each session."""
        if len(session_id) and not 0 <= int(session_id.min()) <= int(session_id.max()) < len(self._host_of_session):
            raise contradiction()
        hosts: I64 = self._host_of_session[session_id]
        return hosts

    def _read(
        self, wanted: Wanted | None = None, *, progress: Progress | None = None, packets: bool = True,
        sessions: Sequence[int] | None = None,
    ) -> Iterator[Read]:  # fmt: skip
        n_events = self.folder.rows["events"]
        with self._reader() as reader:
            for found in reader.read(wanted, packets=packets, sessions=sessions):
                yield found
                if progress is not None:
                    progress(int(found.stored.event_row[-1]) + 1, n_events)

    def _reader(self) -> FolderReader:
        from wnv.store.reading import FolderReader

        return FolderReader(
            self.folder, self._guids, n_buffers=len(self.session_of_buffer), n_points=len(self.capture.points),
            remarks=self.capture.remarks,
        )  # fmt: skip


def _tells_of_others(rows: pa.RecordBatch) -> BOOL:
    """Events that `Decoder.learn` takes: descriptions of others, starts and ends of processes, ids of containers."""
    from wnv.decode import classic, metadata
    from wnv.decode.decoder import MANIFEST_ID
    from wnv.decode.processes import KERNEL_PROCESS, PROCESS_HOOKS

    provider = rows.column("provider_guid")
    described = pc.is_in(provider, pa.array([metadata.CLASS, classic.PROCESS, KERNEL_PROCESS], pa.string()))
    hook = pc.bit_wise_and(rows.column("hook_id"), 0xFF00)
    process = pc.equal(hook, PROCESS_HOOKS)
    wanted = pc.or_kleene(described, pc.equal(rows.column("event_id"), MANIFEST_ID))
    return _mask(wanted) | _mask(process) | _mask(pc.is_valid(rows.column("container_id")))


def _mask(flags: pa.Array) -> BOOL:
    mask: BOOL = flags.fill_null(False).to_numpy(zero_copy_only=False)
    return mask
