from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from command_line import command, done, environment, wnv
from conversion import at, pktmon, record
from payloads import COMPONENT_FILTER, COMPONENT_MINIPORT, Echo, Sighting, Tcp, ethernet, ip, pktmon_20, pktmon_160
from wnv import sample_path
from wnv.sql.listing import COLUMNS, HOP_COLUMNS

SAMPLE = sample_path()
Row = dict[str, Any]  # Any: the columns are of many types


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports go into a folder of their own."""
    monkeypatch.setenv("WNV_CACHE", str(tmp_path / "cache"))


def jsonl(path: Path, *options: str) -> list[Row]:
    return [json.loads(line) for line in done("packets", path, "--format", "jsonl", *options).lines]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A ping and a web request, each seen by a NIC and a filter."""
    ping = ethernet(ip("10.0.0.1", "10.0.0.2", Echo()))
    web = ethernet(ip("10.0.0.1", "10.0.0.3", Tcp(5000, 80, b"", flags=2)))
    return record(tmp_path, [
        pktmon(20, pktmon_20(1, COMPONENT_MINIPORT, "nic.sys")), pktmon(20, pktmon_20(2, COMPONENT_FILTER, "fw.sys")),
        pktmon(160, pktmon_160(Sighting(group=1), ping), ticks=at(10)),
        pktmon(160, pktmon_160(Sighting(group=1, appearance=2).at(2), ping), ticks=at(11)),
        pktmon(160, pktmon_160(Sighting(group=2), web), ticks=at(20)),
        pktmon(160, pktmon_160(Sighting(group=2, appearance=2).at(2), web), ticks=at(21)),
    ])  # fmt: skip


def test_every_sighting_is_a_row(recording: Path) -> None:
    rows = jsonl(recording)
    assert [row["number"] for row in rows] == [1, 2, 3, 4]
    assert [row["protocol"] for row in rows] == ["ICMP", "ICMP", "TCP", "TCP"]
    assert len({row["point"] for row in rows}) == 2
    assert tuple(rows[0]) == (*COLUMNS, *HOP_COLUMNS)


def test_hops_are_counted_from_one(recording: Path) -> None:
    assert [(row["hop"], row["n_hops"]) for row in jsonl(recording)] == [(1, 2), (2, 2)] * 2
    assert tuple(jsonl(recording, "--no-hops")[0]) == tuple(COLUMNS)


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("tcp", [3, 4]), ("!tcp", [1, 2]), ("ip.addr == 10.0.0.2", [1, 2]), ("ip.dst in {10.0.0.3}", [3, 4]),
        ("icmp && point contains fw", [2]), ("frame.number > 2 && packet.appearance == 1", [3]), ("hop == 1", [1, 3]),
        ("provider == PktMon && event.id == 160", [1, 2, 3, 4]), ("ip.addr == 10.0.0.0/31", [1, 2, 3, 4]),
        ("packet.group == 2", [3, 4]), ("udp", []),
    ],
)  # fmt: skip
def test_a_filter_narrows_the_list(recording: Path, expression: str, numbers: list[int]) -> None:
    assert [row["number"] for row in jsonl(recording, "-Y", expression)] == numbers


def test_the_table_is_for_people(recording: Path) -> None:
    ran = done("packets", recording, "--time", "utc")
    assert ran.lines[0].split()[:2] == ["No.", "time"]
    assert len(ran.lines) == 5
    assert "Echo (ping) request" in ran.lines[1]
    assert "2/2" in ran.lines[2]
    assert "UTC" in ran.err


def test_formats_for_programs_agree(recording: Path) -> None:
    rows = jsonl(recording)
    assert json.loads(done("packets", recording, "--format", "json").out) == rows
    read = list(csv.DictReader(io.StringIO(done("packets", recording, "--format", "csv").out)))
    assert [row["info"] for row in read] == [row["info"] for row in rows]
    assert [int(row["ts_ns"]) for row in read] == [row["ts_ns"] for row in rows]
    assert done("packets", recording, "-Y", "udp", "--format", "csv").lines == [",".join((*COLUMNS, *HOP_COLUMNS))]


def test_count_and_time_narrow_the_list(recording: Path) -> None:
    rows = jsonl(recording)
    assert jsonl(recording, "-c", "2") == rows[:2]
    assert jsonl(recording, "--from", str(rows[2]["ts_ns"])) == rows[2:]
    assert jsonl(recording, "--to", str(rows[2]["ts_ns"])) == rows[:2]
    assert jsonl(recording, "-Y", "tcp", "-c", "1") == rows[2:3]
    first = rows[2]["ts_ns"] / 1e9
    assert first > 0
    assert jsonl(recording, "-Y", f'frame.time >= "{rows[2]["ts_ns"]}"') == rows[2:]


def test_a_filter_that_cannot_be_right_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    ran = wnv("packets", tmp_path / "nosuch.etl", "-Y", "tcp && ip.adr == 10.0.0.1")
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert "no field 'ip.adr'" in lines[0]
    assert lines[2].removeprefix("wnv:").index("^") == lines[1].removeprefix("wnv:").index("ip.adr")
    assert "ip.addr" in lines[3]


def test_an_empty_list_says_why(recording: Path) -> None:
    assert "no packet fits" in done("packets", recording, "-Y", "udp").err


def test_it_stops_when_the_reader_has_enough(recording: Path) -> None:
    with subprocess.Popen(
        command("packets", SAMPLE), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"No.")
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read().decode()
        assert process.wait() == 0
    assert "rror" not in errors


def test_a_trace_folder_gives_the_same(recording: Path, tmp_path: Path) -> None:
    done("import", recording, "-w", tmp_path / "in.wnv")
    assert jsonl(tmp_path / "in.wnv") == jsonl(recording)
