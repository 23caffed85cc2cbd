"""Many row groups, which neither begin nor end with the same events in the three files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wnv
from conversion import at, pktmon, record
from etl_writer import Event
from payloads import Sighting, pktmon_20, pktmon_160
from stored_rows import event_rows, sighting_rows
from wnv.errors import WnvError
from wnv.pipeline.stored import StoredTrace


def events() -> list[Event]:
    """Three packets, then something else, and so on."""
    return [
        pktmon(160, pktmon_160(Sighting(group=n), bytes([n % 256]) * (20 + n % 7)), ticks=at(n))
        if n % 4
        else pktmon(20, pktmon_20(n, 1, f"component {n}"), ticks=at(n))
        for n in range(1000)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reading") / "in.wnv"
    with wnv.open_trace(record(place.parent, events())) as trace:
        trace.save(place)
    return place


def regrouped(folder: Path, place: Path, **sizes: int) -> Path:
    """A copy with row groups of other sizes."""
    shutil.copytree(folder, place)
    for name, size in sizes.items():
        rows = pq.read_table(folder / f"{name}.parquet")
        pq.write_table(rows, place / f"{name}.parquet", row_group_size=size, store_schema=False)
    return place


@pytest.mark.parametrize(
    "sizes", [{"events": 7}, {"frames": 5, "observations": 11}, {"events": 100, "frames": 1, "observations": 1000}]
)
def test_what_is_read_does_not_depend_on_row_groups(folder: Path, tmp_path: Path, sizes: dict[str, int]) -> None:
    one, other = StoredTrace(folder), StoredTrace(regrouped(folder, tmp_path / "other.wnv", **sizes))
    assert list(event_rows(one.slices())) == list(event_rows(other.slices()))
    assert list(sighting_rows(one.sightings())) == list(sighting_rows(other.sightings()))
    together = [(stretch.observation_id, stretch.frame_id) for stretch in other.stretches() if stretch.packets]
    assert np.concatenate([ids for ids, _ in together]).tolist() == list(range(750))
    assert np.concatenate([ids for _, ids in together]).tolist() == list(range(750))


def test_stretches_and_sightings_are_the_same_packets(folder: Path) -> None:
    stored = StoredTrace(folder)
    assert list(sighting_rows(one.packets for one in stored.stretches())) == list(sighting_rows(stored.sightings()))


def test_progress_reaches_the_end(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    for _ in StoredTrace(folder).slices(lambda done, total: told.append((done, total))):
        pass
    for _ in StoredTrace(folder).sightings(lambda done, total: told.append((done, total))):
        pass
    assert told == [(1001, 1001), (750, 750)]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("events", "event_row", 5),
        ("events", "buffer_row", 1 << 20),
        ("events", "buffer_row", -1),
        ("events", "frame_id", 1 << 40),
        ("events", "frame_id", -2),
        ("observations", "frame_id", 750),
        ("observations", "point_id", 4096),
        ("observations", "event_row", -5),
        ("buffers", "session_id", 7),
    ],
)
def test_numbers_that_lead_nowhere_are_told(folder: Path, tmp_path: Path, table: str, column: str, value: int) -> None:
    place = tmp_path / "bad.wnv"
    shutil.copytree(folder, place)
    rows = pq.read_table(folder / f"{table}.parquet")
    number = rows.schema.get_field_index(column)
    odd = rows.column(number).to_pylist()
    odd[len(odd) // 2] = value
    rows = rows.set_column(number, rows.schema.field(number), pa.array(odd, rows.schema.field(number).type))
    pq.write_table(rows, place / f"{table}.parquet", store_schema=False)
    stored = StoredTrace(place)
    with pytest.raises(WnvError, match="contradict"):
        for _ in stored.stretches():
            pass
