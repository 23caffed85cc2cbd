"""`wnv latency`."""

from __future__ import annotations

import json
from itertools import pairwise

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


def test_a_filter_leaves_out_steps_and_does_not_make_others_of_the_rest() -> None:
    recording = ran("nat-web").recordings[0]
    some = json.loads(done("latency", recording, "-Y", 'point == "eth:4" || point == "eth:9"', "--format", "json").out)
    whole = json.loads(done("latency", recording, "--format", "json").out)
    assert [(row["from_point"], row["point"]) for row in some if row["from_point"] == "WinNat"]
    assert some == [row for row in whole if row["point"] in ("eth:4", "eth:9")]


def test_steps_are_those_of_the_hops() -> None:
    recording = ran("slow-hop").recordings[0]
    query = "SELECT journey_id, latency_ns, point FROM hops ORDER BY journey_id, seq"
    hops = json.loads(done("sql", recording, query, "--format", "json").out)
    took: dict[tuple[str, str], list[int]] = {}
    for before, hop in pairwise(hops):
        if before["journey_id"] == hop["journey_id"]:
            took.setdefault((before["point"], hop["point"]), []).append(hop["latency_ns"])
    rows = json.loads(done("latency", recording, "--format", "json").out)
    assert {(row["from_point"], row["point"]): row["n"] for row in rows} == {
        way: len(all_) for way, all_ in took.items()
    }
    for row in rows:
        ordered = sorted(took[row["from_point"], row["point"]])
        of_rank = {f"p{percent}_ns": ordered[-(-percent * len(ordered) // 100) - 1] for percent in (50, 95, 99)}
        assert {name: row[name] for name in of_rank} == of_rank
        assert row["max_ns"] == ordered[-1]


def test_a_filter_that_nothing_fits_shows_no_empty_tables() -> None:
    shown = done("latency", ran("nat-web").recordings[0], "-Y", "ip.addr == 99.0.0.0/8")
    assert shown.out == ""
    assert "no packet was seen at two points" in shown.err


def test_points_that_do_not_fit_a_filter_do_not_deny_the_journeys_that_do() -> None:
    shown = done("latency", ran("nat-web").recordings[0], "-Y", "tcp && ip.addr == 10.0.0.0/8")
    assert "Whole journeys" in shown.lines
    assert "Whole journeys" in shown.lines
    assert "no packet" not in shown.err
