from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_line import done, wnv
from conversion import SPEC, at, ndiscap, pktmon, record
from etl_writer import (
    PACIFIC,
    Buffer,
    Event,
    TraceSpec,
    build,
    circular,
    event_header,
    message,
    pack,
    system,
    unclosed,
)
from lab_worlds import ran
from payloads import (
    COMPONENT_MINIPORT,
    Echo,
    Sighting,
    ethernet,
    ip,
    ndis_1001,
    ndis_1016,
    ndis_5101,
    pktmon_20,
    pktmon_120,
    pktmon_160,
)
from wnv import sample_path
from wnv.schema import DIAGNOSTICS, POINTS, SESSION

SAMPLE = sample_path()
FRAME = ethernet(ip("10.0.0.1", "10.0.0.2", Echo()))
PACKET = pktmon(160, pktmon_160(Sighting(), FRAME))
TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
UNKNOWN = "12345678-1234-1234-1234-123456789abc"
SECOND = 10_000_000
"""Ticks of the made recordings' clock."""


def event(provider: str = TCPIP, event_id: int = 1, ticks: int = at(1), cpu: int = 0, n_bytes: int = 8) -> Event:
    return event_header(provider=provider, id=event_id, ticks=ticks, cpu=cpu, payload=bytes(n_bytes))


def top(path: Path) -> list[str]:
    """What stands above the facts: the headline and what was lost."""
    lines = done("info", path).lines
    return lines[: lines.index("")]


@pytest.mark.parametrize(("size", "mode", "shown"), [(250, 0x1, "250 MiB"), (512, 0x2001, "512 KiB")])
def test_the_limit_of_the_file_is_shown_as_it_was_set(tmp_path: Path, size: int, mode: int, shown: str) -> None:
    path = record(tmp_path, [event()], replace(SPEC, max_file_size=size, mode=mode))
    assert f"limit {shown}" in done("info", path).line("File")


def next_steps(path: Path) -> list[str]:
    lines = done("info", path).lines
    return [line.strip() for line in lines[lines.index("Next") + 1 :]]


# ---------------------------------------------------------------------------------------------- a real recording


def test_the_sample_in_words() -> None:
    ran = done("info", SAMPLE)
    assert ran.err == ""
    assert ran.lines[:2] == [
        "pktmon-demikernel.etl: 467 events, 114 sightings of packets at 4 points",
        "Nothing is known to be lost.",
    ]
    assert ran.line("Windows ").startswith(
        "Windows Server 2022 Datacenter Azure Edition (Windows Server 2022, build 20348"
    )
    assert ran.line("Started") == "2024-06-10 20:18:27.9225833"
    assert ran.line("Stopped") == "2024-06-10 20:18:54.7030668 (26.8 s)"
    assert ran.line("  netvsc:59").startswith("38         ethernet  Ethernet 3, ")
    assert ran.line("  Microsoft-Windows-PktMon").startswith("403  packets              160: 114, 30: 111, ")


@pytest.mark.parametrize(
    ("style", "zone", "started"),
    [
        ("host", "in the zone of the recorded host, UTC-08:00", "2024-01-17 13:20:00.0000000"),
        ("utc", "in UTC", "2024-01-17 21:20:00.0000000"),
        ("local", "in the zone of this computer, UTC", "2024-01-"),
        ("relative", "in the zone of the recorded host, UTC-08:00", "2024-01-17 13:20:00.0000000"),
        ("delta", "in the zone of the recorded host, UTC-08:00", "2024-01-17 13:20:00.0000000"),
    ],
)
def test_the_zone_of_times_is_named(tmp_path: Path, style: str, zone: str, started: str) -> None:
    ran = done("info", record(tmp_path, [PACKET], replace(SPEC, time_zone=PACIFIC)), "--time", style)
    assert ran.line("Times").startswith(zone)
    assert ran.line("Started").startswith(started)


def test_each_of_several_sessions_has_the_zone_of_its_own_host(tmp_path: Path) -> None:
    (tmp_path / "a.etl").write_bytes(build(SPEC, [PACKET]))
    (tmp_path / "b.etl").write_bytes(build(replace(SPEC, time_zone=PACIFIC, logger_name="other"), [PACKET]))
    lines = done("info", tmp_path).lines
    assert [line for line in lines if line.startswith(("Times", "Started"))] == [
        "Times       in the zone of the recorded host, UTC+00:00",
        "Started     2024-01-17 21:20:00.0000000",
        "Times       in the zone of the recorded host, UTC-08:00 (Pacific Standard Time)",
        "Started     2024-01-17 13:20:00.0000000",
    ]


def test_json_has_the_names_of_the_schema_and_times_in_ns_utc() -> None:
    ran = done("info", SAMPLE, "--format", "json", "--time", "local")
    found = json.loads(ran.out)
    (session,) = found["sessions"]
    assert set(SESSION.names) <= set(session)
    assert session["start_ns"] == 1_718_050_707_922_583_300
    assert set(POINTS.names) <= set(found["points"][0])
    assert {one["name"]: one["n_packets"] for one in found["points"]} == {
        "mlx5:48": 19,
        "NETVSCVFPP:50": 19,
        "netvsc:59": 38,
        "xdp:61:lower": 38,
    }
    assert (found["n_events"], found["n_packets"], found["losses"]) == (467, 114, [])
    assert found["why_no_packets"] is None
    pktmon_events = next(one for one in found["providers"] if one["provider"] == "Microsoft-Windows-PktMon")
    assert pktmon_events["provider_guid"] == "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
    assert pktmon_events["carries_packets"] is True
    assert sum(one["n_events"] for one in pktmon_events["events"]) == pktmon_events["n_events"] == 403


def test_json_has_the_coverage_and_what_the_capture_was_told(tmp_path: Path) -> None:
    rule = ndiscap(1016, ndis_1016(12, 3, bytes([10, 0, 0, 1])))
    path = record(tmp_path, [rule, ndiscap(1001, ndis_1001(FRAME, miniport=4), 0x1C0000001)])
    said = json.loads(done("info", path, "--format", "json").out)
    assert said["sessions"][0]["rules"]["filters"] == "IPv4 address 10.0.0.1"
    assert said["coverage"]["seen"] == ["eth:4"]
    assert "capture_filter" in [one["code"] for one in said["coverage"]["blind_spots"]]
    assert any("captured only: IPv4 address 10.0.0.1" in line for line in done("info", path).lines)


def test_json_has_the_diagnostics_of_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "cut.etl"
    path.write_bytes(SAMPLE.read_bytes()[:-100])
    rows = json.loads(done("info", path, "--format", "json").out)["diagnostics"]
    assert rows
    assert all(tuple(row) == DIAGNOSTICS.names for row in rows)
    assert {"buffer_clipped", "damage"} <= {rows[0]["code"], rows[0]["severity"]}


# --------------------------------------------------------------------------------------------- losses come first


def test_what_windows_lost_is_said_first(tmp_path: Path) -> None:
    path = record(tmp_path, [PACKET], replace(SPEC, events_lost=3, buffers_lost=2))
    assert top(path) == [
        "in.etl: 2 events, 1 sighting of packets at 1 point",
        "LOST: 3 events could not be recorded (Windows does not say when)",
        "LOST: 2 buffers could not be written",
    ]


def test_a_wrapped_ring_says_what_it_covers_for_each_processor(tmp_path: Path) -> None:
    spec = replace(SPEC, buffer_size=1024, end_time=SPEC.filetime(at(600 * SECOND)))
    events = [event(ticks=at(n * SECOND), n_bytes=300, cpu=int(n >= 590)) for n in range(600)]
    spec, buffers = circular(spec, pack(events, 1024), ring=12)
    first, ring = top(record(tmp_path, buffers, spec))
    assert first.startswith("in.etl: ")
    assert ring.startswith("LOST: the ring wrapped: covers the last ")
    assert " of 10 min; the rundowns of the start are gone (processor 0 the last " in ring
    assert ", processor 1 the last 10 s)" in ring


def test_a_recording_that_was_never_stopped_says_so(tmp_path: Path) -> None:
    path = record(tmp_path, [PACKET], unclosed(SPEC))
    assert any(line.startswith("NOT CLOSED: the recording was never stopped") for line in top(path))
    assert done("info", path).line("Stopped") == "never stopped, or copied while it ran"


def test_missing_buffers_are_said_with_their_time_and_processor(tmp_path: Path) -> None:
    def buffer(number: int) -> Buffer:
        """Two processors, 1.9 s a buffer: 1 and 2 at once, then 3 and 4, …"""
        cpu, start = (number - 1) % 2, (number - 1) // 2 * 2 * SECOND
        events = [event(ticks=at(start + part * SECOND // 10), cpu=cpu) for part in range(20)]
        return Buffer(cpu=cpu, sequence=number, events=events)

    losses = top(record(tmp_path, [buffer(number) for number in (1, 2, 3, 5, 6)]))[1:]
    assert losses == [
        "LOST: 1 missing buffer in 1 place: 1 from number 4, 1.900 to 4.000 s after the start, processor 1"
    ]


def test_damage_is_said_first_and_explained_below(tmp_path: Path) -> None:
    path = tmp_path / "cut.etl"
    path.write_bytes(SAMPLE.read_bytes()[:-100])
    ran = done("info", path)
    assert ran.lines[1].startswith("DAMAGED: the file ends inside a buffer (100 bytes are missing)")
    assert "Nothing is known to be lost." not in ran.out
    assert "first at byte" in ran.line("  damage: the file ends inside a buffer")
    assert "    The copy was cut short, or made while the session was running." in ran.lines


# ------------------------------------------------------------------------------------- why there is nothing in it


HEADERS = pktmon(120, pktmon_120(Sighting(), dst="10.0.0.1", src="10.0.0.2"))


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "nothing but the session's own header was recorded"),
        ([event(UNKNOWN)], "no packet provider was enabled"),
        ([event(TCPIP)], "it has network events but no packet provider"),
        ([system(0x030A, ticks=at(1)), event(TCPIP)], "it is a performance recording (kernel events"),
        ([message(10, guid=UNKNOWN, ticks=at(1))], "it holds WPP messages only"),
        ([HEADERS], "pktmon recorded headers only"),
        ([pktmon(20, pktmon_20(1, COMPONENT_MINIPORT, "e.sys"))], "the packet provider wrote only about itself"),
    ],
)
def test_why_there_are_no_packets(tmp_path: Path, events: Sequence[Event], why: str) -> None:
    path = record(tmp_path, events)
    assert ", no packets" in top(path)[0]
    told, step = next_steps(path)
    assert told.startswith(f"No packets, because {why}")
    assert step == f"wnv events {path}"


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([event(UNKNOWN, 5), event(UNKNOWN, 5)], f"2 events of {UNKNOWN} (id 5): nothing says what fields they have"),
        ([event(TCPIP, 7)], "1 event of Microsoft-Windows-TCPIP (id 7): nothing says what fields they have"),
        ([message(10, guid=UNKNOWN, ticks=at(1))], "1 WPP message of 1 provider: they need Microsoft's TMF files"),
    ],
)
def test_what_stays_raw_is_said(tmp_path: Path, events: Sequence[Event], told: str) -> None:
    lines = done("info", record(tmp_path, events)).lines
    assert lines[lines.index("Not decoded") + 1] == f"  {told}"


def test_events_are_counted_by_id_opcode_or_hook(tmp_path: Path) -> None:
    events = [event(TCPIP, 7), event(TCPIP, 7), event(TCPIP, 8), system(0x0601, ticks=at(2))]
    ran = done("info", record(tmp_path, events))
    assert ran.line("  Microsoft-Windows-TCPIP").split(maxsplit=2) == ["3", "network", "7: 2, 8: 1"]
    assert ran.line("  TcpIp").split(maxsplit=2) == ["1", "kernel", "hook 0x0601: 1"]


# ------------------------------------------------------------------------------------------------------ next steps


def test_the_next_steps_can_be_typed_as_they_stand(tmp_path: Path) -> None:
    folder = tmp_path / "my traces"
    folder.mkdir()
    path = record(folder, [PACKET])
    assert next_steps(path) == [
        f"wnv explain '{path}'                      # what went wrong, and what could not be seen",
        f"wnv convert '{path}' -w in.pcapng         # every sighting, an interface a point",
        f"wnv convert '{path}' -w in.pcapng --once  # each packet once",
    ]


def test_many_points_are_cut_in_the_text_and_complete_in_json(tmp_path: Path) -> None:
    events = [pktmon(160, pktmon_160(Sighting(component=n), FRAME)) for n in range(1, 51)]
    path = record(tmp_path, events)
    assert "  … and 10 more (--format json lists all)" in done("info", path).lines
    assert len(json.loads(done("info", path, "--format", "json").out)["points"]) == 50


# ------------------------------------------------------------------------------- text from a recording is only text


HOSTILE = "e\x1b[2J[red]x[/red]\u202egnp\n=1\x9b"


def hostile(folder: Path) -> Path:
    spec: TraceSpec = replace(SPEC, logger_name=HOSTILE, file_name=f"C:\\{HOSTILE}")
    names = [
        pktmon(20, pktmon_20(1, COMPONENT_MINIPORT, HOSTILE, HOSTILE)),
        ndiscap(5101, ndis_5101(2, HOSTILE, 1, [(1, HOSTILE)])),
    ]
    return record(folder, [*names, PACKET, ndiscap(1001, ndis_1001(FRAME), 0xC0000201, ticks=at(9))], spec)


def test_no_name_in_a_recording_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    ran = done("info", hostile(tmp_path))
    assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out)
    assert ran.line("Session").startswith(r"e\x1b[2J[red]x[/red]\u202egnp\x0a=1\x9b, sequential")
    assert ran.line("Written to") == r"C:\e\x1b[2J[red]x[/red]\u202egnp\x0a=1\x9b"
    assert r"\x1b[2J[red]x[/red]" in ran.out.partition("Where packets were seen")[2]


def test_json_keeps_names_and_shows_nothing_invisible(tmp_path: Path) -> None:
    ran = done("info", hostile(tmp_path), "--format", "json")
    assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out)
    found: dict[str, Any] = json.loads(ran.out)
    assert found["sessions"][0]["logger"] == HOSTILE


def test_a_name_that_is_not_utf_8_can_be_shown(tmp_path: Path) -> None:
    ran = wnv("info", tmp_path / "no\udcff.etl")
    assert (ran.code, ran.err) == (1, f"wnv: {tmp_path / 'no'}\\udcff.etl: no such file\n")


def test_points_stand_by_host() -> None:
    shown = done("info", ran("overlay-pods").recordings[0].parent)
    assert shown.lines[0].endswith("164 sightings of packets at 12 points, of 2 hosts")
    assert [line for line in shown.lines if line.startswith("Where packets were seen")] == [
        "Where packets were seen on NODE1", "Where packets were seen on NODE2",
    ]  # fmt: skip
    assert sum(line.startswith("  eth:4@NODE") for line in shown.lines) == 2
    assert [line for line in shown.lines if line.startswith("Host ")] == [
        "Host        NODE1: 4 processors, 64-bit", "Host        NODE2: 4 processors, 64-bit",
    ]  # fmt: skip


def test_drops_that_events_without_packets_tell_of_are_not_hidden() -> None:
    lines = done("info", ran("acl-drop").recordings[0]).lines
    at = next(place for place, line in enumerate(lines) if "4 events without packets" in line)
    assert "`wnv drops`" in lines[at + 1]
    assert not lines[at + 2]
    assert not any("without packets" in line for line in done("info", ran("nat-web").recordings[0]).lines)
