"""`wnv latency`."""

from __future__ import annotations

import json

from command_line import done
from lab_worlds import ran


def test_steps_components_a_histogram_and_the_slowest() -> None:
    lines = done("latency", ran("slow-hop").recordings[0], "-c", "3").lines
    titles = ["From point to point, most time in all first", "To each NIC, switch and part of the stack",
              "Whole journeys", "The slowest"]  # fmt: skip
    assert [line for line in lines if line in titles] == titles
    assert any("█" in line for line in lines)
    assert len(lines) - lines.index("The slowest") == 4


def test_the_slow_hop_stands_first() -> None:
    rows = json.loads(done("latency", ran("slow-hop").recordings[0], "--format", "json").out)
    assert rows[0]["p50_ns"] * rows[0]["n"] == max(row["p50_ns"] * row["n"] for row in rows)
    assert all(row["p50_ns"] <= row["p99_ns"] <= row["max_ns"] for row in rows)


def test_a_filter_narrows_it() -> None:
    recording = ran("nat-web").recordings[0]
    some = json.loads(done("latency", recording, "-Y", "tcp", "--format", "json").out)
    whole = json.loads(done("latency", recording, "--format", "json").out)
    assert sum(row["n"] for row in some) < sum(row["n"] for row in whole)


def test_a_filter_that_nothing_fits_shows_no_empty_tables() -> None:
    shown = done("latency", ran("nat-web").recordings[0], "-Y", "ip.addr == 99.0.0.0/8")
    assert shown.out == ""
    assert "no packet was seen at two points" in shown.err


def test_points_that_do_not_fit_a_filter_do_not_deny_the_journeys_that_do() -> None:
    shown = done("latency", ran("nat-web").recordings[0], "-Y", "tcp && ip.addr == 10.0.0.0/8")
    assert "From point to point: no two that fit" in shown.lines
    assert "Whole journeys" in shown.lines
    assert "no packet" not in shown.err
