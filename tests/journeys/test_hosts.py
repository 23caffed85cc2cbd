"""Sightings of several hosts come in one order, and hosts with equal private addresses stay apart."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lab_worlds import ran
from two_hosts import leave_out, record_pair
from wnv import open_trace
from wnv.journeys import layout as c
from wnv.journeys.clocks import NO_CLOCK, HostClock
from wnv.journeys.collect import Sighted
from wnv.journeys.hosts import HostQueues, Hosts
from wnv.journeys.sights import empty_sights
from wnv_lab.run import run_scenario
from wnv_lab.scenario import parse_scenario, read_scenario

OUTSIDE = """
title = "t"
story = "s"
look_for = []

[[peer]]
name = "router"
address = "10.0.0.1"
is_router = true

[[peer]]
name = "www"
address = "93.184.216.34"
is_remote = true
serves = ["http:80"]
"""
TWIN = """
[[host]]
name = "{name}"
nic = [{{ name = "Ethernet", address = "{address}/24", gateway = "10.0.0.1" }}]
network = [{{ name = "nat", type = "nat", subnet = "172.20.0.0/16" }}]
container = [{{ name = "shop{name}", network = "nat", address = "172.20.1.5" }}]
"""
VISIT = """
[[traffic]]
kind = "http"
source = "shop{name}"
to = "www"
at_ms = 20.0
"""

Row = dict[str, object]


def rows_of(folder: Path, query: str) -> list[Row]:
    with open_trace(folder, use_cache=False) as trace:
        found: list[Row] = trace.sql(query).to_pylist()
    return found


def sighted(ts_ns: list[int], rows: list[int]) -> Sighted:
    sights = empty_sights(len(ts_ns))
    sights[c.TS], sights[c.ROW] = ts_ns, rows
    none = np.zeros(len(ts_ns), np.int64)
    return Sighted(sights, none, none)


def test_sightings_wait_until_every_host_was_heard() -> None:
    queues = HostQueues(2)
    queues.add(0, sighted([1, 4, 9], [0, 1, 2]))
    queues.add(1, sighted([2, 3, 5], [3, 4, 5]))
    first = [part.sights[c.TS].tolist() for part in queues.take(5)]
    assert first == [[1, 2, 3, 4]]
    assert [part.sights[c.TS].tolist() for part in queues.take(None)] == [[5, 9]]
    assert list(queues.take(None)) == []


def test_the_sightings_of_one_event_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wnv.journeys.hosts._AT_ONCE", 2)
    queues = HostQueues(2)
    queues.add(0, sighted([1, 7, 7, 7], [0, 1, 1, 1]))
    queues.add(1, sighted([7], [2]))
    assert [part.sights[c.ROW].tolist() for part in queues.take(None)] == [[0, 1, 1, 1], [2]]


def test_what_comes_over_the_wire_says_how_far_the_clocks_can_be_off() -> None:
    clocks = [HostClock(), HostClock(offset_ns=5, error_ns=7_300, confidence=0.9), NO_CLOCK]
    hosts = Hosts([0, 1, 2], clocks, ["A", "B", "C"])
    assert hosts.words()[c.WHY_HOSTS].endswith("their clocks are known to ± 7.3 µs")
    assert hosts.matrix()[:, c.H_SURE].tolist() == [900, 900, 0]
    assert Hosts().words() == list(c.WHY_WORDS)


@pytest.mark.parametrize("skew_us", [0, -1_700, 7_200_000_000, -7_200_000_000])
def test_a_skew_of_hours_changes_nothing(skew_us: int, tmp_path: Path) -> None:
    record_pair(tmp_path, skew_us=skew_us)
    journeys = rows_of(tmp_path, "SELECT path, outcome, n_hops, last_ns - first_ns AS took FROM journeys")
    assert Counter((row["outcome"], row["n_hops"]) for row in journeys) == {("delivered", 8): 10}
    assert all(0 < int(str(row["took"])) < 100_000 for row in journeys)
    (flow,) = rows_of(tmp_path, "SELECT n_packets, n_packets_back, n_retransmissions, handshake_ns FROM flows")
    assert (flow["n_packets"], flow["n_packets_back"], flow["n_retransmissions"]) == (6, 4, 0)
    assert 0 < int(str(flow["handshake_ns"])) < 1_000_000


def test_over_the_wire_a_hop_says_so_and_is_inferred() -> None:
    folder = ran("overlay-pods").recordings[0].parent
    hops = rows_of(
        folder, "SELECT point, confidence, reason FROM hops WHERE reason LIKE 'same content at the next host%'"
    )
    assert {row["point"] for row in hops} == {"eth:4@NODE1", "eth:4@NODE2"}
    assert {row["confidence"] for row in hops} == {0.9}
    assert all("clocks are known to ± " in str(row["reason"]) for row in hops)


def test_two_recordings_of_one_boot_are_followed_as_one(tmp_path: Path) -> None:
    run_scenario(read_scenario("nat-web"), tmp_path, capture="both")
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, mine in ((one, "nat-web.*"), (other, "nat-web-pktmon.*")):
        folder.mkdir()
        for path in tmp_path.glob(mine):
            if path.is_file():
                shutil.copy(path, folder)
    query = "SELECT src, sport, dst, dport, outcome FROM journeys ORDER BY first_ns, src, dst"
    together = rows_of(tmp_path, query)
    assert together == rows_of(one, query) == rows_of(other, query)
    assert len(rows_of(tmp_path, "SELECT DISTINCT session_id FROM hops WHERE journey_id = 3")) == 2


def test_a_drop_that_two_tools_tell_of_is_one(tmp_path: Path) -> None:
    run_scenario(read_scenario("vlan-mismatch"), tmp_path, capture="both")
    drops = rows_of(tmp_path, "SELECT journey_id FROM drops")
    dropped = rows_of(tmp_path, "SELECT journey_id FROM journeys WHERE outcome = 'dropped'")
    assert len(drops) == len(dropped) == 4
    assert {row["journey_id"] for row in drops} == {row["journey_id"] for row in dropped}


def test_hosts_with_equal_private_addresses_are_not_mixed(tmp_path: Path) -> None:
    hosts = "".join(TWIN.format(name=name, address=f"10.0.0.2{number}") for number, name in enumerate("AB"))
    traffic = "".join(VISIT.format(name=name) for name in "AB")
    run_scenario(parse_scenario(OUTSIDE + hosts + traffic, "twins"), tmp_path)
    sessions = rows_of(tmp_path, "SELECT inside_src, inside_sport, outside_src, n_packets FROM nat_sessions")
    assert Counter(row["outside_src"] for row in sessions) == {"10.0.0.20": 1, "10.0.0.21": 1}
    assert len({(row["inside_src"], row["inside_sport"]) for row in sessions}) == 1
    assert {row["n_packets"] for row in sessions} == {10}
    flows = rows_of(tmp_path, "SELECT outside_src, n_packets, n_packets_back FROM flows WHERE nat_id IS NOT NULL")
    assert sorted(tuple(map(str, row.values())) for row in flows) == [
        ("10.0.0.20", "6", "4"), ("10.0.0.21", "6", "4"),
    ]  # fmt: skip
    outcomes = Counter(
        row["outcome"] for row in rows_of(tmp_path, "SELECT outcome FROM journeys WHERE protocol = 'TCP'")
    )
    assert outcomes == {"left_host": 12, "delivered": 8}


def test_what_did_not_come_to_the_next_host_was_lost_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_pair(tmp_path, skew_us=900)
    query = "SELECT evidence FROM hops WHERE point LIKE '%NODE2' AND journey_id = 4"
    lost = {row for hop in rows_of(tmp_path, query) for row in hop["evidence"]}  # type: ignore[attr-defined] # a list
    assert lost
    leave_out(monkeypatch, lost)
    journeys = rows_of(tmp_path, "SELECT outcome, reason, last_point, confidence FROM journeys ORDER BY journey_id")
    assert Counter(row["outcome"] for row in journeys) == {"delivered": 9, "left_host": 1}
    (row,) = [row for row in journeys if row["outcome"] == "left_host"]
    assert str(row["reason"]).startswith("lost between the hosts")
    assert (row["last_point"], row["confidence"]) == ("eth:4@NODE1", 0.9)
