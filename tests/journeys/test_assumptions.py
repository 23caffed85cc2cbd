"""What no document settles is checked by the recording: right ways under either reading, less sure where it fails."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from scoring import score_recording, told_by

from stitched import rows_of
from wnv import open_trace
from wnv.diagnostics import Code, Log
from wnv.journeys.assumptions import Readings
from wnv_lab.run import run_scenario
from wnv_lab.scenario import parse_scenario

A, B = 11, 12
"""Stations of two NICs."""


def read(readings: Readings, events: list[tuple[int, int, int, int]]) -> list[int]:
    """What events (id, NBL, station, source) are read as."""
    columns = [np.array(column, np.int64) for column in zip(*events, strict=True)]
    where = np.zeros(len(events), np.int64)
    return [int(one) for one in readings.read(columns[0], columns[1], where, columns[2], columns[3])]


def passing(nbl: int, first: int = 56, routed: int = 57, last: int = 58) -> list[tuple[int, int, int, int]]:
    """An NBL from A to B."""
    return [(first, nbl, A, -1), (routed, nbl, B, A), (last, nbl, B, -1)]


def said(readings: Readings) -> dict[Code, tuple[int, str]]:
    log = Log()
    readings.record(log)
    return {row.code: (row.count, row.detail) for row in log.rows()}


def test_a_recording_that_holds_says_nothing() -> None:
    readings = Readings()
    assert read(readings, [*passing(1), *passing(2), *passing(1)]) == [56, 57, 58] * 3
    assert not readings.is_doubtful
    assert said(readings) == {}


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ((58, 57, 56), Code.ASSUMPTION_VMSWITCH_56_RECEIVED), ((241, 242, 240), Code.ASSUMPTION_VMSWITCH_240_RECEIVED),
    ],
)  # fmt: skip
def test_what_is_always_the_other_way_round_is_read_so(ids: tuple[int, int, int], code: Code) -> None:
    readings = Readings()
    events = [event for nbl in range(5) for event in passing(nbl, *ids)]
    assert read(readings, events) == [56, 57, 58] * 5
    assert readings.is_doubtful
    assert said(readings) == {code: (5, "held 0 times, read the other way round")}


def test_what_holds_now_and_then_is_kept_and_doubted() -> None:
    readings = Readings()
    events = [event for nbl in range(8) for event in (passing(nbl) if nbl % 2 else passing(nbl, 58, 57, 56))]
    assert read(readings, events)[3:6] == [56, 57, 58]
    assert readings.is_doubtful
    assert "kept" in said(readings)[Code.ASSUMPTION_VMSWITCH_56_RECEIVED][1]


def test_events_that_were_lost_or_addresses_used_again_contradict_nothing() -> None:
    """The answer takes the address of the question, and the delivery of that was not recorded."""
    readings = Readings()
    for nbl in range(20):
        read(readings, [(56, nbl, A, -1), (57, nbl, B, A), (56, nbl, B, -1), (57, nbl, A, B), (58, nbl, A, -1)])
    assert not readings.is_doubtful


@pytest.mark.parametrize(
    ("name", "doubt", "code"),
    [
        ("nat-web", 'order_56_58 = "58-received"', "assumption_vmswitch_56_received"),
        ("clones-on-rewrite", 'order_56_58 = "58-received"', "assumption_vmswitch_56_received"),
        ("packet-direct", 'order_240_241 = "241-received"', "assumption_vmswitch_240_received"),
    ],
)
def test_ways_are_right_and_less_sure_where_the_ids_mean_the_opposite(
    name: str, doubt: str, code: str, tmp_path: Path
) -> None:
    text = (files("wnv_lab") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    result = run_scenario(parse_scenario(f"{text}\n[doubts]\n{doubt}\n", name), tmp_path)
    with open_trace(result.recordings[0], use_cache=False) as trace:
        score = score_recording(told_by(trace), result.truth, result.recordings[0].name)
        journeys, hops = (trace.table(table).to_pylist() for table in ("journeys", "hops"))
        found = [row["code"] for row in trace.table("diagnostics").to_pylist()]
    assert score.faults == []
    assert found == [code]
    of_switch = {row["journey_id"] for row in hops if row["event"] in ("received", "routed", "delivered")}
    doubted = [row for row in journeys if row["journey_id"] in of_switch]
    assert doubted
    assert all(row["confidence"] < 0.9 for row in doubted)
    assert any("contradicts" in row["reason"] for row in doubted)


@pytest.mark.parametrize("name", ["nat-web", "clones-on-rewrite", "address-reuse", "broadcasts", "lost-buffers"])
def test_usual_recordings_are_not_doubted(name: str) -> None:
    assert not [row for row in rows_of(name, "journeys") if "contradicts" in (row["reason"] or "")]
