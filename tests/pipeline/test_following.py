"""What journeys say of sightings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from explained import recordings
from offloaded import Place, at_places, cut_at
from wnv import open_trace
from wnv.pipeline.following import Followed, follow_sightings


@cache
def followed(name: str) -> Followed:
    with open_trace(recordings(name)[0], use_cache=False) as trace:
        found = follow_sightings(trace.dataset, keeps_all=True)
        for rows in trace.scanned().sightings():
            assert rows is not None
            found.find(rows, len(trace.scanned().capture.points))
        return found


def test_each_journey_is_chosen_once() -> None:
    found = followed("nat-web")
    chosen = found.journey[found.is_chosen]
    assert sorted(chosen.tolist()) == sorted(set(found.journey.tolist()))


@pytest.mark.parametrize(("name", "capture", "where"), [
    ("large-send", "ndis", at_places(4)), ("large-send", "pktmon", at_places(12, 13, 14)),
    ("receive-coalescing", "ndis", at_places(4)), ("receive-coalescing", "pktmon", at_places(12, 13, 14)),
])  # fmt: skip
def test_every_byte_is_chosen_once_where_offload_cuts_and_joins(
    name: str, capture: str, where: Place, tmp_path: Path
) -> None:
    def chosen(path: Path) -> dict[int, int]:
        with open_trace(path, use_cache=False) as trace:
            found = follow_sightings(trace.dataset, keeps_all=True)
            for rows in trace.scanned().sightings():
                assert rows is not None
                found.find(rows, len(trace.scanned().capture.points))
            found.close()
            frames, journeys = (trace.table(name).to_pylist() for name in ("frames", "journeys"))
        n_bytes = {row["frame_id"]: row["tcp_payload_bytes"] or 0 for row in frames}
        flow_of = {row["journey_id"]: row["flow_id"] for row in journeys}
        total: dict[int, int] = {}
        taken = (column[found.is_chosen].tolist() for column in (found.journey, found._sights.frame_id))
        for journey, frame in zip(*taken, strict=True):
            total[flow_of[journey]] = total.get(flow_of[journey], 0) + n_bytes[frame]
        return total

    whole = recordings(name, capture)[0]
    assert chosen(cut_at(whole, tmp_path, where)) == chosen(whole)


def test_sightings_are_in_order_of_event_and_point() -> None:
    found = followed("broadcasts")
    keys = found.event_row * 1000 + found.point
    assert (np.diff(keys) > 0).all()


def test_sightings_of_a_recording_are_found_by_event_and_point() -> None:
    found = followed("nat-web")
    with open_trace(recordings("nat-web")[0], use_cache=False) as trace:
        for rows in trace.scanned().sightings():
            assert rows is not None
            places = found.find(rows, len(trace.scanned().capture.points))
            assert (places >= 0).all()
            assert (found.event_row[places] == rows.event_row).all()
            assert (found.point[places] == rows.point).all()


def test_a_recording_without_journeys_has_nothing_to_say() -> None:
    nothing = Followed(iter(()), np.zeros(0, np.uint64), pa.array([], pa.string()), {}, {})
    with open_trace(recordings("nat-web")[0], use_cache=False) as trace:
        rows = next(rows for rows in trace.scanned().sightings() if rows is not None)
    assert (nothing.find(rows, 9) == -1).all()


def test_what_is_behind_is_forgotten_and_no_sighting_missed() -> None:
    with open_trace(recordings("chains")[0], use_cache=False) as trace, follow_sightings(trace.dataset) as found:
        n_points, n_kept = len(trace.scanned().capture.points), []
        for rows in trace.scanned().sightings():
            assert rows is not None
            for first in range(0, len(rows), 100):
                some = rows.take(np.arange(first, min(first + 100, len(rows))))
                places = found.find(some, n_points)
                assert (places >= 0).all()
                assert (found.event_row[places] == some.event_row).all()
                n_kept.append(len(found.event_row))
        assert n_kept[-1] < max(n_kept)
