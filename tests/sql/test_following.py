"""Queries over journeys and hops, against the same counted by hand."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import pytest

from lab_worlds import ran
from stitched import Row, rows_of
from wnv import open_trace
from wnv.sql.following import grouped_drops, hops_of, journeys_of, journeys_of_frame, latencies, select

if TYPE_CHECKING:
    from wnv.sql.engine import Source

Tables: TypeAlias = "dict[str, Source]"


@pytest.fixture(scope="module")
def web() -> Iterator[Tables]:
    with open_trace(ran("nat-web").recordings[0], use_cache=False) as trace:
        yield {name: trace.dataset(name) for name in ("journeys", "hops", "flows", "nat_sessions", "drops")}


@pytest.mark.parametrize(
    ("table", "key"), [("journeys", "journey_id"), ("flows", "flow_id"), ("nat_sessions", "nat_id")]
)
def test_rows_come_in_order_of_their_number(web: Tables, table: str, key: str) -> None:
    rows = select(web, table).read_all().to_pylist()
    assert [row[key] for row in rows] == list(range(1, len(rows) + 1))
    assert select(web, table, count=2).read_all().to_pylist() == rows[:2]


def test_journeys_and_their_hops_are_found_by_number(web: Tables) -> None:
    assert journeys_of(web, [3, 1, 99_999]).column("journey_id").to_pylist() == [1, 3]
    hops = hops_of(web, [3, 1]).to_pylist()
    assert [(row["journey_id"], row["seq"]) for row in hops] == sorted((row["journey_id"], row["seq"]) for row in hops)
    assert {row["journey_id"] for row in hops} == {1, 3}
    assert hops_of(web, []).num_rows == 0


def test_a_frame_is_of_a_journey(web: Tables) -> None:
    for hop in rows_of("nat-web", "hops"):
        if hop["frame_id"] is not None:
            assert journeys_of_frame(web, hop["frame_id"]) == [hop["journey_id"]]
    assert journeys_of_frame(web, 99_999) == []


def test_times_between_points_are_those_of_the_hops(web: Tables) -> None:
    steps = defaultdict(list)
    by_journey = defaultdict(list)
    slowest: dict[tuple[str, str], Row] = {}
    for hop in sorted(rows_of("nat-web", "hops"), key=lambda row: (row["journey_id"], row["seq"])):
        by_journey[hop["journey_id"]].append(hop)
    for hops in by_journey.values():
        for before, hop in pairwise(hops):
            steps[before["point"], hop["point"]].append(hop["latency_ns"])
            worst = slowest.setdefault((before["point"], hop["point"]), hop)
            if hop["latency_ns"] > worst["latency_ns"]:
                slowest[before["point"], hop["point"]] = hop
    found = latencies(web, n_worst=3)
    for row in found.steps.to_pylist():
        mine = steps.pop((row["from_point"], row["point"]))
        assert (row["n"], row["max_ns"]) == (len(mine), max(mine))
        assert row["worst_journey_id"] == slowest[row["from_point"], row["point"]]["journey_id"]
        assert row["p50_ns"] in (statistics.median_low(mine), statistics.median_high(mine))
        assert row["p50_ns"] <= row["p95_ns"] <= row["p99_ns"] <= row["max_ns"]
    assert not steps
    whole = sorted(
        (hops[-1]["ts_ns"] - hops[0]["ts_ns"] for hops in by_journey.values() if len(hops) > 1), reverse=True
    )
    assert [row["transit_ns"] for row in found.worst.to_pylist()] == whole[:3]
    assert sum(n for _, n in found.histogram) == len(whole)
    assert all(low & (low - 1) == 0 for low, _ in found.histogram)


def test_drops_are_grouped_by_reason_place_and_rule() -> None:
    with open_trace(ran("acl-drop").recordings[0], use_cache=False) as trace:
        groups = grouped_drops({"drops": trace.dataset("drops")}).to_pylist()
    drops = rows_of("acl-drop", "drops")
    assert sum(row["n_drops"] for row in groups) == len(drops)
    assert len(groups) == len({(row["drop_reason"], row["drop_location"], row["point"], row["rule"]) for row in drops})
    assert [row["n_drops"] for row in groups] == sorted((row["n_drops"] for row in groups), reverse=True)
