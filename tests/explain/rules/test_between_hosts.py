"""Packets lost on the wire between two hosts that were both recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explained import explanation
from wnv import open_trace
from wnv.explain.finding import Case
from wnv.explain.rules.between_hosts import find
from wnv.pipeline.explaining import Explanation
from wnv.pipeline.stored import StoredTrace
from wnv.providers.stages import Stretch
from wnv_lab.run import run_scenario
from wnv_lab.scenario import parse_scenario

PAIR = """
title = "t"
story = "s"
look_for = []

[[host]]
name = "NODE1"
nic = [{ name = "Ethernet", address = "10.0.0.11/24", gateway = "10.0.0.1" }]
switch = [{ name = "vxlan0", uplink = ["Ethernet"] }]
network = [{ name = "vxlan0", type = "overlay", subnet = "10.244.1.0/24", switch = "vxlan0", mtu = 1450 }]
container = [{ name = "pod-a", network = "vxlan0", address = "10.244.1.20" }]

[[host]]
name = "NODE2"
nic = [{ name = "Ethernet", address = "10.0.0.12/24", gateway = "10.0.0.1" }]
switch = [{ name = "vxlan0", uplink = ["Ethernet"] }]
network = [{ name = "vxlan0", type = "overlay", subnet = "10.244.2.0/24", switch = "vxlan0", mtu = 1450 }]
container = [{ name = "pod-b", network = "vxlan0", address = "10.244.2.30", serves = ["download:81:4500"] }]

[[peer]]
name = "router"
address = "10.0.0.1"
is_router = true

[[traffic]]
kind = "http"
source = "pod-a"
to = "pod-b"
port = 81
at_ms = 20.0
"""


def _without(stretch: Stretch, rows: list[int]) -> Stretch:
    keep = np.flatnonzero(~np.isin(stretch.event_row, rows))
    seen = stretch.packets
    assert seen is not None
    mine = np.flatnonzero(~np.isin(seen.event_row, rows))
    return replace(
        stretch, piece=stretch.piece.take(keep), event_row=stretch.event_row[keep],
        session_id=stretch.session_id[keep], host=stretch.host[keep], packets=seen.take(mine),
        observation_id=stretch.observation_id[mine], frame_id=stretch.frame_id[mine],
    )  # fmt: skip


def _explained_without(folder: Path, monkeypatch: pytest.MonkeyPatch, host: str, which: str) -> Explanation:
    """The two hosts read together, without what one saw of the packets that `which` chooses."""
    run_scenario(parse_scenario(PAIR, "pair"), folder)
    query = f"SELECT evidence FROM hops JOIN frames USING (frame_id) WHERE point LIKE '%{host}' AND {which}"
    with open_trace(folder, use_cache=False) as trace:
        gone = [row for hop in trace.sql(query).to_pylist() for row in hop["evidence"]]
    assert gone
    made = StoredTrace.stretches_of_host
    monkeypatch.setattr(
        StoredTrace, "stretches_of_host", lambda self, host: (_without(one, gone) for one in made(self, host))
    )
    return explanation(folder)


def test_one_packet_lost_on_the_wire_is_the_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _explained_without(tmp_path, monkeypatch, "NODE2", "journey_id = 4").verdict.findings[0]
    assert (found.rule, found.weight.name, found.n, found.confidence) == ("between_hosts", "FAILED", 1, 0.9)
    assert found.title.startswith("1 packet lost between NIC Ethernet")
    assert "on NODE1 and " in found.title
    assert found.title.endswith("on NODE2")
    assert found.flows[0].who == "container pod-a → container pod-b"
    assert "Get-NetAdapterStatistics" in found.advice


def test_only_long_packets_lost_points_to_the_path_mtu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _explained_without(tmp_path, monkeypatch, "NODE1", "original_bytes > 1300").verdict.findings[0]
    assert (found.rule, found.n > 1) == ("between_hosts", True)
    assert found.title.endswith("path MTU likely")
    assert "the longest that arrived: " in found.reason
    assert "MTU" in found.advice


def test_nothing_lost_is_no_finding() -> None:
    assert find(Case(lambda query: []), []) == []
