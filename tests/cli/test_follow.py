"""`wnv follow`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import done, wnv
from lab_worlds import ran
from stitched import rows_of
from wnv.schema import HOPS


def recording() -> Path:
    return ran("nat-web").recordings[0]


def journey() -> int:
    """The first packet out of the container by TCP."""
    return int(
        next(row["journey_id"] for row in rows_of("nat-web", "journeys")
             if row["protocol"] == "TCP" and row["src"] == "172.20.1.5")
    )  # fmt: skip


def test_hops_stand_below_a_margin_line_each_with_its_time_and_what_happened() -> None:
    lines = done("follow", recording(), str(journey())).lines
    assert lines[0].startswith(f"journey {journey()}  TCP 172.20.1.5:")
    assert lines[1].startswith("│ ")
    hops = [line for line in lines if line.startswith("↳ ")]
    assert len(hops) == sum(row["journey_id"] == journey() for row in rows_of("nat-web", "hops"))
    assert all("+" in line for line in hops[1:])
    assert any("translated" in line for line in hops)
    assert any(" → 10.0.0.10:" in line for line in lines if line.startswith("│"))


def test_with_evidence_where_asked_for() -> None:
    text = done("follow", recording(), str(journey()), "-v").out
    assert text.count("event") >= text.count("↳")
    assert "frame " in text


def test_programs_get_the_hops() -> None:
    rows = [json.loads(line) for line in done("follow", recording(), str(journey()), "--format", "jsonl").lines]
    assert list(rows[0]) == list(HOPS.names)
    assert [row["seq"] for row in rows] == list(range(len(rows)))


def test_a_frame_leads_to_its_journey() -> None:
    hop = next(
        row for row in rows_of("nat-web", "hops") if row["journey_id"] == journey() and row["frame_id"] is not None
    )
    assert done("follow", recording(), "--frame", str(hop["frame_id"])).lines[0].startswith(f"journey {journey()} ")


def test_a_filter_chooses_and_says_when_there_are_more() -> None:
    ran_ = wnv("follow", recording(), "-Y", "tcp", "-c", "1")
    assert ran_.out.count("↳") > 0
    assert sum(line.startswith("journey ") for line in ran_.out.splitlines()) == 1
    assert "only the first journey of those that fit" in ran_.err


@pytest.mark.parametrize("arguments", [(), ("1", "-Y", "tcp"), ("1", "--frame", "0")])
def test_packets_are_named_in_one_way(arguments: tuple[str, ...]) -> None:
    assert wnv("follow", recording(), *arguments).code == 2


def test_a_number_that_there_is_not_is_misuse() -> None:
    ran_ = wnv("follow", recording(), "99999")
    assert ran_.code == 2
    assert "there is no journey 99999" in ran_.err
