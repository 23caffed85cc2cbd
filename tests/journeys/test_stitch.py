"""Sightings become journeys: as it really happened, whatever the recording is cut into."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import wnv.journeys.stitch as stitching
from lab_worlds import ran
from stitched import rows_at, rows_of, scored
from wnv import open_trace, sample_path
from wnv.diagnostics import Code, Log
from wnv.journeys.collect import Limits
from wnv.journeys.stitch import Stitcher
from wnv.pipeline.network import build_topology
from wnv.providers.stages import Columns, RowLists

_REAL = [sample_path()] + [
    Path(folder) / "pktmon-vpn-a.etl" for folder in (os.environ.get("WNV_TRACES"),) if folder
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["nat-web", "broadcasts", "clones-on-rewrite", "overlay-pods", "silent-loss", "vm-external", "set-team"],
)  # fmt: skip
def test_packets_go_the_way_they_went(name: str) -> None:
    score = scored(name)
    assert score.faults == []
    assert score.counts["packets"] > 0


@pytest.mark.parametrize("name", ["nat-web", "silent-loss"])
def test_packets_of_pktmon_go_the_way_they_went(name: str) -> None:
    score = scored(name, "pktmon")
    for what in ("outcomes", "sequences", "nat joins"):
        assert (score.counts[f"{what} wrong"], score.counts[f"{what} open"]) == (0, 0)


@pytest.mark.parametrize("name", ["filtered-capture", "physical-only", "sriov", "wrapped-ring", "lost-buffers"])
def test_nothing_is_called_vanished_where_it_was_not(name: str) -> None:
    assert scored(name).counts["false vanished"] == 0
    assert scored(name).counts["outcomes wrong"] == 0


@pytest.mark.parametrize("path", _REAL, ids=lambda path: path.stem)
def test_a_packet_of_pktmon_is_one_journey_in_order_of_its_appearances(path: Path) -> None:
    with open_trace(path, use_cache=False) as trace:
        observations = trace.table("observations").to_pylist()
    hops = rows_at(path)["hops"]
    journey_of = {row: hop["journey_id"] for hop in hops for row in hop["evidence"]}
    order_of = {row: hop["seq"] for hop in hops for row in hop["evidence"]}
    packets = defaultdict(list)
    for row in observations:
        packets[row["packet_group"], row["packet_number"]].append((row["appearance"], row["event_row"]))
    assert max(map(len, packets.values())) > 1
    for sightings in packets.values():
        rows = [row for _, row in sorted(sightings)]
        assert len({journey_of[row] for row in rows}) == 1
        assert [order_of[row] for row in rows] == sorted(order_of[row] for row in rows)
    assert all(hop["point"] for hop in hops)
    assert all((hop["latency_ns"] is None) == (hop["seq"] == 0) for hop in hops)


def _stitched(path: Path) -> tuple[list[tuple[object, ...]], Stitcher, Log]:
    """Evidence of every hop by journey; the stage; what it logged."""
    log = Log()
    with open_trace(path, use_cache=False) as trace:
        stored = trace.stored()
        stage = Stitcher(
            build_topology(stored), stored.capture.points, limits=Limits(is_complete=True), builds=(26100,), log=log
        )  # fmt: skip
        parts = [part for stretch in stored.stretches(None) for part in stage.add(stretch)]
        parts += stage.finish()
    hops: list[tuple[object, ...]] = []
    for part in parts:
        if "hops" in part:
            hops += _evidence(part["hops"])
    return hops, stage, log


def _evidence(columns: Columns) -> list[tuple[object, ...]]:
    lists = columns["evidence"]
    assert isinstance(lists, RowLists)
    bounds = zip(lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True)
    rows = [tuple(lists.values[begin:end].tolist()) for begin, end in bounds]
    journey, seq = (np.asarray(columns[name]).tolist() for name in ("journey_id", "seq"))
    return list(zip(journey, seq, rows, strict=True))


@pytest.mark.parametrize("at_once", [1, 7, 4096])
def test_it_does_not_matter_how_many_are_linked_at_once(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ran("nat-web").recordings[0]
    expected, _, _ = _stitched(path)
    monkeypatch.setattr(stitching, "_LINKED_AT_ONCE", at_once)
    found, _, _ = _stitched(path)
    assert found == expected


def test_open_journeys_are_bounded_and_it_is_said_when_they_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stitching, "_OPEN_MAX", 8)
    made = stitching._Open.empty
    monkeypatch.setattr(stitching._Open, "empty", classmethod(lambda _, n: made(16)))
    found, _, log = _stitched(ran("chains").recordings[0])
    journeys = {hop[0] for hop in found}
    assert len(journeys) >= len(rows_of("chains", "journeys"))
    assert str(Code.JOURNEYS_ENDED_EARLY) in {str(row.code) for row in log.rows()}


def test_room_for_open_journeys_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _, _ = _stitched(ran("nat-web").recordings[0])
    made = stitching._Open.empty
    monkeypatch.setattr(stitching._Open, "empty", classmethod(lambda _, n: made(4)))
    found, stage, _ = _stitched(ran("nat-web").recordings[0])
    assert found == expected
    assert len(stage._open.journeys) > 4


def test_each_event_stands_on_one_hop_of_a_journey() -> None:
    seen: set[tuple[int, int]] = set()
    for hop in rows_of("nat-web", "hops"):
        for row in hop["evidence"]:
            assert (hop["journey_id"], row) not in seen
            seen.add((hop["journey_id"], row))


def test_hops_are_in_order_of_time_and_none_is_missing() -> None:
    hops = rows_of("overlay-pods", "hops")
    by_journey = defaultdict(list)
    for hop in hops:
        by_journey[hop["journey_id"]].append(hop)
    for journey in rows_of("overlay-pods", "journeys"):
        mine = by_journey[journey["journey_id"]]
        assert [hop["seq"] for hop in mine] == list(range(journey["n_hops"]))
        times = [hop["ts_ns"] for hop in mine]
        assert times == sorted(times)
        assert journey["first_ns"] == times[0]
        assert all(0 < hop["confidence"] <= 1 for hop in mine)
        assert all(hop["reason"] for hop in mine if hop["confidence"] < 1)
