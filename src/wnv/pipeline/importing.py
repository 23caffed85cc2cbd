"""A recording to a trace folder: its base tables as Parquet, slice by slice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import numpy as np

from wnv import __version__
from wnv.arrays import I64
from wnv.decode.catalog import encode_brought
from wnv.etl.reader import Progress, Slice
from wnv.overview import diagnostic_row
from wnv.packets.headers import Texts
from wnv.pipeline.scanning import Scanned, count_points
from wnv.schema import (
    ADDRESSES,
    BASE_TABLES,
    BUFFERS,
    DIAGNOSTICS,
    FRAMES,
    OBSERVATIONS,
    POINTS,
    SESSION,
    STORED_EVENTS,
    Table,
)  # fmt: skip
from wnv.store.arrow import StoredData
from wnv.store.events import event_columns
from wnv.store.folder import BASE_FORMAT, INVENTORY_FILE, MANIFESTS_FILE, TablesWriter
from wnv.store.frames import find_frames, stored_frames, stored_observations
from wnv.store.records import to_json

_ADDRESSES_KNOWN_MAX: Final = 1 << 20  # beyond that some are written more than once
_ADDRESS_COLUMNS: Final = ("ip_src", "ip_dst", "inner_ip_src", "inner_ip_dst")
_HALF: Final = (1 << 64) - 1


def import_recording(
    scanned: Scanned,
    path: Path,
    *,
    jobs: int = 1,
    overwrite: bool = False,
    is_as_good: Callable[[], bool] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the base tables of a recording to the trace folder `path`, which is there once all of it is.

    `jobs`: how many threads to keep busy; for `overwrite` and `is_as_good` see `TablesWriter`. Raises `WnvError` if
    it cannot be written, and leaves nothing then.
    """
    inventory = scanned.inventory
    with TablesWriter(path, BASE_TABLES, jobs=jobs, overwrite=overwrite, is_as_good=is_as_good) as writer:
        tables = _SliceTables(scanned, writer)
        scanned.packets.begin()
        for piece in scanned.slices(progress):
            tables.add(piece)
            writer.end_slice()
        scanned.packets.finish()
        writer.add(BUFFERS, _buffer_columns(scanned))
        _add_rows(writer, SESSION, [one.row for one in scanned.overview.sessions])
        _add_rows(writer, POINTS, _point_rows(scanned))
        diagnostics = scanned.recording.log.rows()
        _add_rows(writer, DIAGNOSTICS, [diagnostic_row(row) for row in diagnostics])
        if inventory is not None:
            writer.add_file(INVENTORY_FILE, inventory.content)
        brought = encode_brought(scanned.catalog)
        if brought:
            writer.add_file(MANIFESTS_FILE, brought)
        writer.finish({
            "base_format": BASE_FORMAT, "wnv_version": __version__,
            "overview": to_json(replace(scanned.overview, diagnostics=diagnostics)),
            "capture": to_json(scanned.capture), "inventory": inventory.name if inventory is not None else None,
            "has_manifests": bool(brought),
        })  # fmt: skip


@dataclass(slots=True)
class _SliceTables:
    """Writes the tables that grow with the recording; counts their rows."""

    scanned: Scanned
    writer: TablesWriter
    n_frames: int = 0
    n_observations: int = 0
    names: dict[str, str] = field(default_factory=dict)
    """Of providers, by GUID, as the recording gives them."""
    addresses: dict[str, None] = field(default_factory=dict)
    builds: I64 = field(init=False)
    """Of Windows, by session."""

    def __post_init__(self) -> None:
        self.builds = np.array(self.scanned.capture.builds_of_sessions, np.int64)
        self.names = {one.guid: one.name for one in self.scanned.overview.providers if one.guid and one.name}

    def add(self, piece: Slice) -> None:
        packets = self.scanned.packets.packets(piece)
        found = find_frames(piece, packets, self.n_frames)
        session_of_buffer = self.scanned.session_of_buffer
        self.writer.add(STORED_EVENTS, event_columns(piece, session_of_buffer, self.names, found.carried))
        if packets is None:
            return
        event = packets.event_row - piece.first_row
        session_id = session_of_buffer[piece.events.buffer[event]]
        remarks = list(self.scanned.packets.remarks)
        frames = stored_frames(packets, found, session_id)
        self.writer.add(FRAMES, frames)
        self._add_addresses(frames)
        self.writer.add(OBSERVATIONS, stored_observations(
            packets, found, session_id, piece.events.cpu[event], self.n_observations,
            self.builds[session_id], remarks
        ))  # fmt: skip
        self.n_frames += len(found.first)
        self.n_observations += len(packets)

    def _add_addresses(self, frames: dict[str, StoredData]) -> None:
        columns = [frames.get(name) for name in _ADDRESS_COLUMNS]
        texts = dict.fromkeys(text for one in columns if isinstance(one, Texts) for text in one.values)
        fresh = [text for text in texts if text not in self.addresses]
        if not fresh:
            return
        if len(self.addresses) + len(fresh) > _ADDRESSES_KNOWN_MAX:
            self.addresses.clear()
        self.addresses.update(dict.fromkeys(fresh))
        numbers = [int(ip_address(text)) for text in fresh]
        self.writer.add(ADDRESSES, {
            "address": fresh, "version": [6 if ":" in text else 4 for text in fresh],
            "high": [number >> 64 for number in numbers], "low": [number & _HALF for number in numbers],
        })  # fmt: skip


def _buffer_columns(scanned: Scanned) -> dict[str, StoredData]:
    buffers = scanned.recording.buffers
    return {
        "buffer_row": np.arange(len(buffers)), "session_id": scanned.session_of_buffer, "file_offset": buffers.offset,
        "cpu": buffers.cpu, "sequence": buffers.sequence, "used_bytes": buffers.used_bytes, "flags": buffers.flags,
        "n_events": scanned.recording.spans.n_events,
    }  # fmt: skip


def _point_rows(scanned: Scanned) -> list[dict[str, Any]]:  # Any: values of all kinds
    return [
        {
            "point_id": one.point_id, "name": one.point.name, "host": one.host or None,
            "kind": one.point.kind.value, "link_type": one.link_type,
            "description": one.point.description, "n_packets": one.n_packets, "n_drops": one.n_drops,
            "details": json.dumps(one.point.details),
        }
        for one in count_points(scanned.packets, scanned.hosts)
    ]  # fmt: skip


def _add_rows(writer: TablesWriter, table: Table, rows: Iterable[dict[str, Any]]) -> None:  # Any: of all kinds
    listed = list(rows)
    if listed:
        writer.add(table, {name: [row[name] for row in listed] for name in table.names})
