"""Packets lost on the wire between two hosts that were both recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from explained import explanation
from two_hosts import leave_out, record_pair
from wnv import open_trace
from wnv.explain.finding import Case
from wnv.explain.rules.between_hosts import find
from wnv.pipeline.explaining import Explanation


def _explained_without(folder: Path, monkeypatch: pytest.MonkeyPatch, host: str, which: str) -> Explanation:
    """The two hosts read together, without what one saw of the packets that `which` chooses."""
    record_pair(folder, serves="download:81:4500", port=81)
    query = f"SELECT evidence FROM hops JOIN frames USING (frame_id) WHERE point LIKE '%{host}' AND {which}"
    with open_trace(folder, use_cache=False) as trace:
        gone = [row for hop in trace.sql(query).to_pylist() for row in hop["evidence"]]
    assert gone
    leave_out(monkeypatch, gone)
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
