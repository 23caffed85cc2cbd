"""The truth's tables hang together, and its JSON says the same as its Parquet."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise

import pytest

from lab_worlds import Row, ran, truth_rows

NAMES = ["nat-web", "overlay-pods", "broadcasts", "multi-packet-nbls", "acl-drop", "silent-loss"]


def by_journey(name: str) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in truth_rows(ran(name), "hops"):
        found[row["journey_id"]].append(row)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_journey_is_what_its_hops_are(name: str) -> None:
    hops = by_journey(name)
    for journey in truth_rows(ran(name), "journeys"):
        way = hops[journey["journey_id"]]
        assert journey["n_hops"] == len(way)
        assert journey["first_ns"] == way[0]["ts_ns"]
        assert journey["last_ns"] == max(hop["ts_ns"] for hop in way)
        assert journey["path"] == " > ".join(hop["point"] for hop in way)
        assert (journey["src"], journey["dport_last"]) == (way[0]["src"], way[-1]["dport"])
        assert {hop["host"] for hop in way} == {journey["host"]}


@pytest.mark.parametrize("name", NAMES)
def test_hops_are_numbered_in_order_of_time(name: str) -> None:
    for way in by_journey(name).values():
        assert [hop["seq"] for hop in way] == sorted({hop["seq"] for hop in way})
        times = [hop["ts_ns"] for hop in way]
        assert times == sorted(times)
        assert [hop["latency_ns"] for hop in way] == [None, *(b - a for a, b in pairwise(times))]


@pytest.mark.parametrize("name", NAMES)
def test_every_sighting_belongs_to_a_hop_of_its_packet(name: str) -> None:
    hops = {(hop["journey_id"], hop["seq"]) for way in by_journey(name).values() for hop in way}
    for row in truth_rows(ran(name), "sightings"):
        assert row["hop_seq"] is None or (row["journey_id"], row["hop_seq"]) in hops


def test_a_drop_ends_its_journey_with_its_reason() -> None:
    journeys = {row["journey_id"]: row for row in truth_rows(ran("acl-drop"), "journeys")}
    drops = truth_rows(ran("acl-drop"), "drops")
    assert drops
    for drop in drops:
        journey = journeys[drop["journey_id"]]
        assert (journey["outcome"], journey["drop_reason"], journey["last_point"]) == (
            "dropped", drop["drop_reason"], drop["point"],
        )  # fmt: skip


def test_an_nbl_stays_one_until_winnat_clones_it() -> None:
    for way in by_journey("nat-web").values():
        kinds = [hop["kind"] for hop in way]
        if "nat" in kinds:
            at = kinds.index("nat")
            assert len({hop["nbl"] for hop in way[:at]}) == len({hop["nbl"] for hop in way[at:]}) == 1
            assert way[at]["nbl"] != way[at - 1]["nbl"]
            assert way[at]["rewrite"]


def test_the_json_says_the_same_as_the_tables() -> None:
    result = ran("nat-web")
    said = json.loads((result.truth / "truth.json").read_text(encoding="utf-8"))
    assert said["hosts"] == [{"host": "SRV1", "build": 20348, "written_as": 20348, "skew_ns": 0}]
    assert [recording["file"] for recording in said["recordings"]] == ["nat-web.etl"]
    for table in ("journeys", "hops", "drops", "nat", "nodes", "edges"):
        assert said[table] == truth_rows(result, table)
    assert "sightings" not in said
