"""`wnv journeys`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from command_line import done, wnv
from lab_worlds import ran
from wnv.schema import JOURNEYS


def recording() -> Path:
    return ran("nat-web").recordings[0]


def test_a_line_a_packet_with_its_path_and_outcome() -> None:
    lines = done("journeys", recording()).lines
    n = len(done("journeys", recording(), "--format", "jsonl").lines)
    assert len(lines) >= n
    assert any("172.20.1.5" in line and "shop" in line and "left_host" in line for line in lines)


def test_formats_for_programs_have_all_columns() -> None:
    rows = [json.loads(line) for line in done("journeys", recording(), "--format", "jsonl").lines]
    assert list(rows[0]) == list(JOURNEYS.names)
    assert json.loads(done("journeys", recording(), "--format", "json").out) == rows
    read = list(csv.DictReader(io.StringIO(done("journeys", recording(), "--format", "csv").out)))
    assert [int(row["journey_id"]) for row in read] == [row["journey_id"] for row in rows]


def test_a_filter_and_a_count_narrow_it() -> None:
    rows = [
        json.loads(line)
        for line in done("journeys", recording(), "-Y", 'outcome == "left_host"', "-c", "2", "--format", "jsonl").lines
    ]
    assert [row["outcome"] for row in rows] == ["left_host"] * 2


def test_it_is_said_where_nothing_fits() -> None:
    ran_ = wnv("journeys", recording(), "-Y", 'outcome == "vanished"')
    assert ran_.code == 0
    assert "no journey fits" in ran_.err


def test_a_filter_that_cannot_be_read_is_misuse() -> None:
    assert wnv("journeys", recording(), "-Y", "tcp.port ==").code == 2
