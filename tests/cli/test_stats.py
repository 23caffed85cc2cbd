from __future__ import annotations

import csv
import io
import json

import pytest

from command_line import done, wnv
from wnv import sample_path

SAMPLE = sample_path()
SECTIONS = ["time", "point", "provider", "protocol", "talker"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports go into a folder of their own, the same for all tests here."""
    monkeypatch.setenv("WNV_CACHE", str(tmp_path_factory.getbasetemp() / "stats-cache"))


def test_everything_is_counted() -> None:
    found = json.loads(done("stats", SAMPLE, "--format", "json").out)
    assert list(found) == SECTIONS
    for section in ("time", "point", "protocol"):
        assert sum(row["n_packets"] for row in found[section]) == 114
    for section in ("time", "provider"):
        assert sum(row["n_events"] for row in found[section]) == 467
    assert [row["protocol"] for row in found["protocol"]] == ["ICMP"]
    assert found["talker"][0]["n_packets_ab"] + found["talker"][0]["n_packets_ba"] == 114


def test_the_table_has_a_part_for_each() -> None:
    lines = done("stats", SAMPLE).lines
    titles = ["Over time", "Points", "Providers", "Protocols", "Pairs of addresses"]
    assert [title for line in lines for title in titles if line.startswith(title)] == titles
    assert any("█" in line for line in lines)


def test_one_part_goes_to_csv_and_json_lines() -> None:
    read = list(csv.DictReader(io.StringIO(done("stats", SAMPLE, "--by", "point", "--format", "csv").out)))
    rows = [json.loads(line) for line in done("stats", SAMPLE, "--by", "point", "--format", "jsonl").lines]
    assert [row["point"] for row in read] == [row["point"] for row in rows]
    assert wnv("stats", SAMPLE, "--format", "csv").code == 2


def test_steps_of_time_are_as_long_as_asked_for() -> None:
    rows = json.loads(done("stats", SAMPLE, "--by", "time", "--interval", "2", "--format", "json").out)["time"]
    assert {row["start_ns"] % 2_000_000_000 for row in rows} == {0}


def test_a_filter_narrows_what_is_counted() -> None:
    found = json.loads(done("stats", SAMPLE, "-Y", "icmp.type == 8", "--format", "json").out)
    n = sum(row["n_packets"] for row in found["protocol"])
    assert 0 < n < 114
    assert sum(row["n_events"] for row in found["provider"]) == n
    assert wnv("stats", SAMPLE, "-Y", "nosuch").code == 2


def test_only_the_first_are_shown() -> None:
    assert len(json.loads(done("stats", SAMPLE, "--top", "1", "--format", "json").out)["point"]) == 1
