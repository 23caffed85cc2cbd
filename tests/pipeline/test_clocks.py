"""The skew of the lab's hosts is found in their packets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import wnv.pipeline.clocks as reading
from lab_worlds import ran
from wnv import open_trace
from wnv.journeys.clocks import NO_CLOCK, HostClock
from wnv.pipeline.clocks import by_first_clock, read_clocks
from wnv.pipeline.network import build_topology
from wnv.schema import CLOCKS

_SKEW_NS = -1_700_000


def folder_of(name: str) -> Path:
    return ran(name).recordings[0].parent


def test_the_true_skew_is_within_the_stated_error() -> None:
    with open_trace(folder_of("overlay-pods"), use_cache=False) as trace:
        first, second = trace.table(CLOCKS.name).to_pylist()
    truth = json.loads((ran("overlay-pods").truth / "truth.json").read_text(encoding="utf-8"))
    assert [one["skew_ns"] for one in truth["hosts"]] == [0, _SKEW_NS]
    assert (first["offset_ns"], first["error_ns"], first["confidence"]) == (0, 0, 1.0)
    assert abs(second["offset_ns"] - _SKEW_NS) <= second["error_ns"] < 20_000
    assert second["n_sent"] > 2 < second["n_received"]
    assert [first["host"], second["host"]] == ["NODE1", "NODE2"]


def test_one_host_has_the_clock_that_counts() -> None:
    with open_trace(ran("nat-web").recordings[0], use_cache=False) as trace:
        (row,) = trace.table(CLOCKS.name).to_pylist()
    assert (row["offset_ns"], row["rate_ppm"], row["error_ns"], row["confidence"]) == (0, None, 0, 1.0)


def test_of_more_packets_than_are_compared_all_hosts_leave_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SIGHTINGS_MAX", 40)
    with open_trace(folder_of("overlay-pods"), use_cache=False) as trace:
        stored = trace.stored()
        _, second = read_clocks(stored, build_topology(stored))
    assert 0 < second.n_sent + second.n_received <= 20
    assert abs(second.offset_ns - _SKEW_NS) < 100_000


def test_what_appears_on_another_host_does_so_by_the_first_ones_clock() -> None:
    columns: dict[str, Sequence[object]] = {
        "session_id": [0, 1, 2],
        "from_ns": [1000, 1000, None],
        "to_ns": [None, 5000, 7000],
        "name": ["a", "b", "c"],
    }
    clocks = [HostClock(), HostClock(300), HostClock(-300)]
    assert by_first_clock({"nodes": columns}, clocks)["nodes"] == {
        **columns, "from_ns": [1000, 700, None], "to_ns": [None, 4700, 7300],
    }  # fmt: skip
    assert by_first_clock({"nodes": columns}, [HostClock(), NO_CLOCK, HostClock()]) == {"nodes": columns}
