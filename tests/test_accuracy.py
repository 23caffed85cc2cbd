"""The measure of accuracy measures: the truth itself is right in all, and each way of being wrong is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from scoring import Score, Told, score_recording

from wnv_lab.capture.recording import PROVIDERS
from wnv_lab.run import run_scenario
from wnv_lab.scenario import read_scenario

_GUIDS = {name: str(UUID(bytes_le=guid)) for guid, name in PROVIDERS.items()}
Lab = Callable[[str], Path]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The folder with the truth of a scenario."""
    return cache(lambda name: run_scenario(read_scenario(name), tmp_path_factory.mktemp(name)).truth)


def rows(folder: Path, name: str) -> list[dict[str, Any]]:  # Any: values of a table
    found: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def perfect(folder: Path) -> Told:
    """What wnv would say if it knew everything."""
    sightings = rows(folder, "sightings")
    events = [
        {"event_row": number, "ts_ns": one["ts_ns"], "cpu": one["cpu"], "provider_guid": _GUIDS[one["provider"]],
         "event_id": one["event_id"]} for number, one in enumerate(sightings)
    ]  # fmt: skip
    evidence = defaultdict(list)
    for number, one in enumerate(sightings):
        evidence[one["journey_id"], one["hop_seq"]].append(number)
    hops = [
        {**hop, "evidence": evidence[hop["journey_id"], hop["seq"]], "confidence": 1.0, "reason": None}
        for hop in rows(folder, "hops") if (hop["journey_id"], hop["seq"]) in evidence
    ]  # fmt: skip
    by_packet = defaultdict(list)
    for hop in hops:
        by_packet[hop["journey_id"]].append(hop)
    journeys = [{**one, "confidence": 1.0, "reason": None} for one in rows(folder, "journeys")]
    drops = [
        {**drop, "confidence": 1.0, "reason": None, "evidence": hop["evidence"]}
        for drop in rows(folder, "drops") for hop in hops if hop["drop_id"] == drop["drop_id"]
    ]  # fmt: skip
    sessions = [{**one, "confidence": 1.0, "reason": None} for one in rows(folder, "nat")]
    return Told(events, [one for one in journeys if by_packet[one["journey_id"]]], hops, drops, sessions)


def score(told: Told, folder: Path) -> Score:
    return score_recording(told, folder, f"{folder.stem}.etl")


@pytest.mark.parametrize("name", ["nat-web", "acl-drop", "broadcasts", "multi-packet-nbls"])
def test_what_really_happened_is_right_in_all(lab: Lab, name: str) -> None:
    folder = lab(name)
    assert score(perfect(folder), folder).faults == []


def test_every_packet_and_every_crossing_of_the_nat_counts(lab: Lab) -> None:
    folder = lab("nat-web")
    found = score(perfect(folder), folder)
    n = len(rows(folder, "journeys"))
    assert found.counts["packets"] == found.counts["outcomes right"] == found.counts["sequences right"] == n
    crossings = {hop["journey_id"] for hop in rows(folder, "hops") if hop["event"] == "translated"}
    assert found.counts["nat joins right"] == len(crossings) > 0
    assert found.right(("outcome",), ("1.0",)) == (n, n)


def test_a_journey_cut_in_two_is_a_missing_join(lab: Lab) -> None:
    folder = lab("nat-web")
    told = perfect(folder)
    crossing = next(hop for hop in told.hops if hop["event"] == "translated" and hop["direction"] == "out")
    number, seq = crossing["journey_id"], crossing["seq"]
    hops = [
        {**hop, "journey_id": 10_000} if hop["journey_id"] == number and hop["seq"] >= seq else hop for hop in told.hops
    ]
    first = next(one for one in told.journeys if one["journey_id"] == number)
    journeys = [*(one for one in told.journeys if one is not first), {**first, "outcome": "unknown"}]
    found = score(replace(told, hops=hops, journeys=[*journeys, {**first, "journey_id": 10_000}]), folder)
    assert found.counts["nat joins missing"] == 1
    assert found.counts["sequences right"] == found.counts["packets"] - 1
    assert found.counts["outcomes right"] == found.counts["packets"]
    assert any("in 2 journeys" in fault for fault in found.faults)


def test_hops_of_another_packet_make_a_false_link(lab: Lab) -> None:
    folder = lab("nat-web")
    told = perfect(folder)
    one = next(journey["journey_id"] for journey in told.journeys if journey["protocol"] == "tcp")
    other = told.journeys[-1]["journey_id"]
    last = max(hop["seq"] for hop in told.hops if hop["journey_id"] == one)
    stolen = next(hop for hop in told.hops if hop["journey_id"] == other and hop["seq"] == 2)
    hops = [
        {**hop, "evidence": stolen["evidence"]} if hop["journey_id"] == one and hop["seq"] == last else hop
        for hop in told.hops
    ]
    found = score(replace(told, hops=hops), folder)
    assert found.right(("link",), ("1.0",))[1] - found.right(("link",), ("1.0",))[0] == 1
    assert found.counts["sequences right"] < found.counts["packets"]


def test_a_packet_said_to_have_vanished_that_did_not_is_counted(lab: Lab) -> None:
    folder = lab("nat-web")
    told = perfect(folder)
    journeys = [{**told.journeys[0], "outcome": "vanished", "confidence": 0.95}, *told.journeys[1:]]
    found = score(replace(told, journeys=journeys), folder)
    assert found.counts["false vanished"] == found.counts["outcomes wrong"] == 1
    assert found.right(("outcome",), ("0.9–1.0",)) == (0, 1)


def test_drops_that_were_not_and_drops_that_are_not_told(lab: Lab) -> None:
    folder = lab("acl-drop")
    told = perfect(folder)
    assert score(told, folder).counts["drops right"] == len(told.drops) > 1
    moved = {**told.drops[0], "evidence": told.hops[0]["evidence"]}
    found = score(replace(told, drops=[moved, *told.drops[1:]]), folder)
    assert (found.counts["invented drops"], found.counts["drops missing"]) == (1, 1)


def test_a_drop_for_another_reason_is_told_with_its_reason(lab: Lab) -> None:
    folder = lab("acl-drop")
    told = perfect(folder)
    found = score(replace(told, drops=[{**told.drops[0], "drop_reason": "x"}, *told.drops[1:]]), folder)
    assert found.counts["drop reasons other"] == 1


def test_a_session_that_was_not_is_wrong(lab: Lab) -> None:
    folder = lab("nat-web")
    told = perfect(folder)
    found = score(replace(told, sessions=[{**told.sessions[0], "outside_sport": 1}, *told.sessions[1:]]), folder)
    assert (found.counts["nat sessions wrong"], found.counts["nat sessions missing"]) == (1, 1)
