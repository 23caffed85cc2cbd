from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_line import Ran, done, wnv
from conversion import SPEC, at, record, ts_ns
from etl_writer import (
    PACIFIC,
    Event,
    container_id,
    event_header,
    full_header,
    message,
    prov_traits,
    related_activity,
    sid,
    stack64,
    system,
)
from wnv import sample_path
from wnv.schema import EVENTS, FIELDS

SAMPLE = sample_path()
PKTMON = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
WINNAT = "66c07ecd-6667-43fc-93f8-05cf07f446ec"
UNKNOWN = "12345678-1234-1234-1234-123456789abc"
VMSWITCH = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"
ACTIVITY = "aaaaaaaa-0000-0000-0000-000000000001"
CONTAINER = "cccccccc-0000-0000-0000-000000000001"
SECOND = 10_000_000
Row = dict[str, Any]  # Any: the columns are of many types


def rows_of(ran: Ran) -> list[Row]:
    return [json.loads(line) for line in ran.lines]


def jsonl(path: Path, *options: str) -> list[Row]:
    return rows_of(done("events", path, "--format", "jsonl", *options))


def of_csv(path: Path, *options: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(done("events", path, "--format", "csv", *options).out)))


def tcpip(event_id: int, ticks: int, **more: Any) -> Event:  # Any: what event_header takes
    return event_header(provider=TCPIP, id=event_id, ticks=ticks, **more)


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """An event a second, with ids 0 to 9; recorded at 21:20:00 UTC, 13:20:00 on the host."""
    events = [tcpip(n, at(n * SECOND)) for n in range(10)]
    return record(tmp_path, events, replace(SPEC, time_zone=PACIFIC))


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """One event of each kind of header, behind that of the session."""
    return record(tmp_path, [
        tcpip(7, at(1), version=2, level=4, opcode=11, keyword=0x8000, pid=100, tid=200, activity_id=ACTIVITY, cpu=1,
              payload=b"\x01\xff", items=[related_activity(TCPIP), sid(21, 42), stack64([1, 2, 3]),
                                          container_id(CONTAINER)]),
        full_header(UNKNOWN, ticks=at(2), opcode=35, version=1, level=3, pid=5, tid=6, payload=b"classic"),
        system(0x0601, ticks=at(3), pid=7, tid=8, payload=b"kernel"),
        message(10, guid=UNKNOWN, ticks=at(4), payload=b"wpp"),
    ])  # fmt: skip


# ------------------------------------------------------------------------------------------------ machine formats


def test_json_lines_have_the_columns_of_the_schema_in_order(kinds: Path) -> None:
    assert all(tuple(row) == (*EVENTS.names, *FIELDS.names) for row in jsonl(kinds))
    assert all(tuple(row) == (*EVENTS.names, *FIELDS.names, "payload") for row in jsonl(kinds, "--payload"))
    assert all(tuple(row) == EVENTS.names for row in jsonl(kinds, "--no-fields"))


def test_csv_has_the_columns_of_the_schema_in_order_even_without_rows(kinds: Path) -> None:
    assert all(tuple(row) == (*EVENTS.names, *FIELDS.names) for row in of_csv(kinds))
    for options in ([], ["--id", "999"]):
        wanted = ",".join((*EVENTS.names, *FIELDS.names))
        assert done("events", kinds, "--format", "csv", *options).lines[0] == wanted


def test_fields_say_what_an_event_is() -> None:
    (row,) = jsonl(sample_path(), "--provider", "PktMon", "--id", "100")
    assert (row["source"], row["is_whole"], row["confidence"]) == ("metadata", True, 1.0)
    assert row["fields"]["FilterId"] == 1
    assert row["summary"].startswith("Filter 1")
    (cells,) = of_csv(sample_path(), "--provider", "PktMon", "--id", "100")
    assert json.loads(cells["fields"]) == row["fields"]


def test_an_event_with_a_descriptor(kinds: Path) -> None:
    row = jsonl(kinds, "--payload")[1]
    assert row == row | {
        "event_row": 1, "session_id": 0, "ts_ns": ts_ns(at(1)), "ticks": at(1), "header_kind": "EVENT_HEADER64",
        "hook_id": None, "cpu": 1, "pid": 100, "tid": 200, "provider_guid": TCPIP,
        "provider": "Microsoft-Windows-TCPIP", "event_id": 7, "version": 2, "level": 4, "opcode": 11,
        "keyword": 0x8000, "activity_id": ACTIVITY, "related_activity_id": TCPIP, "container_id": CONTAINER,
        "sid": "S-1-5-21-42", "n_stack": 3, "payload_bytes": 2, "payload": "01ff",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("place", "facts"),
    [
        (2, {"header_kind": "FULL_HEADER64", "hook_id": None, "provider_guid": UNKNOWN, "provider": None,
             "event_id": None, "opcode": 35, "version": 1, "level": 3, "keyword": None, "pid": 5, "tid": 6}),
        (3, {"header_kind": "SYSTEM64", "hook_id": 0x0601, "provider": "TcpIp", "event_id": None, "opcode": 1,
             "level": None, "keyword": None, "pid": 7, "tid": 8}),
        (4, {"header_kind": "MESSAGE", "hook_id": None, "provider_guid": UNKNOWN, "event_id": 10, "opcode": None,
             "level": None, "keyword": None, "pid": None, "tid": None}),
    ],
)  # fmt: skip
def test_other_kinds_of_header_have_nulls_for_what_they_lack(kinds: Path, place: int, facts: Row) -> None:
    row = jsonl(kinds)[place]
    always_null = dict.fromkeys(("activity_id", "related_activity_id", "container_id", "sid", "n_stack"))
    assert row == row | facts | always_null
    in_csv = of_csv(kinds)[place]
    assert in_csv == {name: "" if value is None else str(value) for name, value in row.items()}


def test_the_table_names_classic_events_by_opcode_and_kernel_events_by_hook(kinds: Path) -> None:
    lines = done("events", kinds, "--time", "relative").lines
    assert [" ".join(line.split()) for line in lines] == [
        "No. seconds since start cpu pid tid provider event bytes container what it says",
        "0 0.0000000 0 4 8 EventTrace 0x0000 310",
        f"1 0.0000001 1 100 200 Microsoft-Windows-TCPIP 7 2 {CONTAINER} not described: 2 bytes 01ff",
        f"2 0.0000002 0 5 6 {UNKNOWN} op 35 7 not described: 7 bytes 636c6173736963",
        "3 0.0000003 0 7 8 TcpIp 0x0601 6 not described: 6 bytes 6b65726e656c",
        f"4 0.0000004 0 {UNKNOWN} 10 3 WPP message: 3 bytes 777070",
    ]


def test_a_provider_that_only_the_recording_names_has_that_name(tmp_path: Path) -> None:
    events = [event_header(provider=UNKNOWN, id=0, ticks=at(n), items=[prov_traits("Contoso.Web")]) for n in (1, 2)]
    path = record(tmp_path, events)
    assert [row["provider"] for row in jsonl(path, "--provider", "contoso.web")] == ["Contoso.Web"] * 2
    assert "Contoso.Web" in done("events", path).lines[2]


def test_the_last_words_of_a_provider_are_enough(tmp_path: Path) -> None:
    path = record(tmp_path, [event_header(provider=VMSWITCH, id=56, ticks=at(1))])
    assert [row["event_id"] for row in jsonl(path, "--provider", "VmSwitch")] == [56]
    assert wnv("events", path, "--provider", "Switch").code == 2


def test_times_of_programs_are_ns_utc_whatever_the_style(ten: Path) -> None:
    for style in ("host", "utc", "local", "relative", "delta"):
        rows = jsonl(ten, "--time", style, "--provider", "TCPIP")
        assert [row["ts_ns"] for row in rows] == [ts_ns(at(n * SECOND)) for n in range(10)]
        assert [row["ts_ns"] for row in of_csv(ten, "--time", style, "--id", "3")] == [str(ts_ns(at(3 * SECOND)))]


# ----------------------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("style", "heading", "cell", "note"),
    [
        ("host", "time (UTC-08:00, host)", "2024-01-17 13:20:03.0000000", "zone of the recorded host, UTC-08:00"),
        ("utc", "time (UTC)", "2024-01-17 21:20:03.0000000", "Times are in UTC."),
        ("local", "time (this computer, UTC", ":20:03.0000000", "zone of this computer, UTC"),
        ("relative", "seconds since start", "3.0000000", "start at 2024-01-17 13:20:00.0000000 (UTC-08:00)"),
        ("delta", "seconds since the row before", "0.0000000", "seconds since the row before"),
    ],
)
def test_the_table_names_the_zone_of_its_times(ten: Path, style: str, heading: str, cell: str, note: str) -> None:
    ran = done("events", ten, "--time", style, "--id", "3", "--provider", "TCPIP")
    assert heading in ran.lines[0]
    assert cell in ran.lines[1]
    assert note in ran.err


@pytest.mark.parametrize(
    ("window", "ids"),
    [
        ("--from 4", range(4, 10)),
        ("--to 4", range(4)),
        ("--from 2s --to 4.5", range(2, 5)),
        ("--from 13:20:02 --to 13:20:04", range(2, 4)),
        ("--from 21:20:02 --to 21:20:04 --time utc", range(2, 4)),
        ("--from 2024-01-17T13:20:08", range(8, 10)),
        ("--from 2024-01-17T21:20:08Z", range(8, 10)),
        ("--from 2024-01-17T22:20:08+01:00", range(8, 10)),
        ("--from -2s", range(7, 10)),
        ("--to -1500ms", range(8)),
        (f"--from {ts_ns(at(5 * SECOND))} --to {ts_ns(at(6 * SECOND))}", range(5, 6)),
    ],
)
def test_a_window_takes_every_form_of_time(ten: Path, window: str, ids: range) -> None:
    rows = jsonl(ten, "--provider", "tcpip", *window.split())
    assert [row["event_id"] for row in rows] == list(ids)


@pytest.mark.parametrize("window", ["--from yesterday", "--to 25:00", "--from 5 --to 4", "--from 2024-02-30"])
def test_a_window_that_cannot_be_is_misuse_with_advice(ten: Path, window: str) -> None:
    ran = wnv("events", ten, *window.split())
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 2


# ------------------------------------------------------------------------------------------------------- narrowing


def test_count_stops_after_so_many() -> None:
    assert len(done("events", SAMPLE, "-c", "3").lines) == 4
    assert len(jsonl(SAMPLE, "-c", "3")) == 3
    assert len(jsonl(SAMPLE, "-c", "1000")) == 467
    assert jsonl(SAMPLE, "-c", "0") == []


@pytest.mark.parametrize(
    "name", ["Microsoft-Windows-PktMon", "pktmon", "PktMon", PKTMON, PKTMON.upper(), f"{{{PKTMON.upper()}}}"]
)
def test_a_provider_may_be_named_in_many_ways(name: str) -> None:
    assert len(jsonl(SAMPLE, "--provider", name)) == 403


def test_several_providers_and_ids_add_up() -> None:
    ids = ["--id", "160", "--id", "20"]
    assert Counter(row["event_id"] for row in jsonl(SAMPLE, "--provider", "pktmon", *ids)) == {160: 114, 20: 44}
    rows = jsonl(SAMPLE, "--provider", "pktmon", "--provider", "EventTrace")
    assert Counter(row["provider"] for row in rows) == {"Microsoft-Windows-PktMon": 403, "EventTrace": 3}


def test_an_id_is_the_opcode_of_classic_events(kinds: Path) -> None:
    assert [row["header_kind"] for row in jsonl(kinds, "--id", "35")] == ["FULL_HEADER64"]
    assert [row["hook_id"] for row in jsonl(kinds, "--provider", "TcpIp", "--id", "1")] == [0x0601]
    assert jsonl(kinds, "--id", "11") == []  # the opcode of an event that has an id


def test_a_provider_without_events_is_told_what_there_is() -> None:
    ran = done("events", SAMPLE, "--provider", "TCPIP")
    assert ran.out == ""
    assert "no event fits; the recording has: Microsoft-Windows-PktMon, " in ran.err


@pytest.mark.parametrize(
    ("name", "told"),
    [("pktmn", "Similar names: Microsoft-Windows-PktMon."), ("zzz", "The recording has: Microsoft-Windows-PktMon,")],
)
def test_an_unknown_provider_is_misuse_with_a_suggestion(name: str, told: str) -> None:
    ran = wnv("events", SAMPLE, "--provider", name)
    assert ran.code == 2
    assert f"no provider is known by the name '{name}'" in ran.err
    assert told in ran.err


def test_losses_are_told_beside_the_rows(tmp_path: Path) -> None:
    ran = done("events", record(tmp_path, [tcpip(1, at(1))], replace(SPEC, events_lost=5)), "--format", "csv")
    assert len(ran.lines) == 3
    assert ran.err.splitlines() == [
        "not wholly decoded: 1 of these events",
        "  1 Microsoft-Windows-TCPIP id 1 version 0: no description",
        "lost: 5 events could not be recorded (Windows does not say when)",
    ]


def test_a_pid_has_the_name_of_its_process(tmp_path: Path) -> None:
    started = system(0x0301, ticks=at(1), payload=struct.pack("<Q4I", 1, 100, 4, 1, 0) + bytes(4) + b"nginx.exe\0\0\0")
    path = record(tmp_path, [started, event_header(provider=TCPIP, id=1002, pid=100, ticks=at(2))])
    assert [(row["pid"], row["process"]) for row in jsonl(path)[1:]] == [(4, None), (100, "nginx.exe")]
    lines = done("events", path, "--time", "relative").lines
    assert lines[0].split()[4:8] == ["cpu", "pid", "process", "tid"]
    assert "100  nginx.exe" in lines[3]


def test_a_manifest_beside_the_recording_describes_its_events(tmp_path: Path) -> None:
    path = record(tmp_path, [event_header(provider=UNKNOWN, id=1, ticks=at(1), payload=b"\7\0")])
    assert jsonl(path)[1]["source"] is None
    path.with_name(f"{path.stem}.Mine.man").write_text(
        f"""<instrumentationManifest><instrumentation><events><provider name="Mine" guid="{{{UNKNOWN}}}">
        <templates><template tid="T"><data name="N" inType="win:UInt16"/></template></templates>
        <events><event value="1" symbol="Said" template="T"/></events>
        </provider></events></instrumentation></instrumentationManifest>"""
    )
    assert jsonl(path)[1]["source"] == "bundle"
    folder = tmp_path / "kept.wnv"
    done("import", path, "-w", folder)
    path.with_name(f"{path.stem}.Mine.man").rename(tmp_path / "gone")
    row = jsonl(folder)[1]
    assert (row["source"], row["name"], row["fields"], row["summary"]) == ("bundle", "Said", {"N": 7}, "Said: N=7")


def test_what_is_doubtful_is_marked_and_explained(tmp_path: Path) -> None:
    path = record(tmp_path, [event_header(provider=WINNAT, id=1031, version=9, ticks=at(1), payload=bytes(8) + b"xyz")])
    ran = done("events", path)
    assert ran.lines[2].endswith("(?)")
    assert "(?) 1 event: 3 bytes behind the last field; version 9 is not known: read as version 0" in ran.err
    (row,) = jsonl(path)[1:]
    assert (row["confidence"], row["is_whole"]) == (0.6, True)


def test_an_event_that_does_not_fit_shows_its_bytes(tmp_path: Path) -> None:
    path = record(tmp_path, [event_header(provider=WINNAT, id=1031, ticks=at(1), payload=b"\1\0\0\0\2")])
    ran = done("events", path)
    assert ran.lines[2].split("  ")[-1].endswith("CompartmentId=1 | 5 bytes 0100000002 (?)")
    assert "1 Microsoft-Windows-WinNat id 1031 version 0: its payload is shorter than its description" in ran.err


# -------------------------------------------------------------------------------- text from a recording is only text


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@SUM(1)", "-1+1", "\x1b[2J[red]x[/red]\u202egnp\n\x9b"])
def test_a_name_is_neither_formula_nor_terminal_input(tmp_path: Path, name: str) -> None:
    events = [event_header(provider=UNKNOWN, id=0, ticks=at(1), items=[prov_traits(name)])]
    path = record(tmp_path, events)
    for form in ("table", "csv", "jsonl"):
        ran = done("events", path, "--format", form)
        assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out + ran.err)
        assert len(ran.lines) == (2 if form == "jsonl" else 3)
    assert not of_csv(path)[1]["provider"].startswith(("=", "@", "-", "+"))
    kept = {"raw": of_csv(path, "--raw")[1]["provider"], "json": jsonl(path)[1]["provider"]}
    assert kept == {"raw": name.strip(), "json": name.strip()}


# ------------------------------------------------------------------------------------- what an independent reader says

RECORDINGS = (
    "dotnet-32bit-relogged", "dotnet-gcevents", "httpservice-win7", "kernel-network-win7", "kernel-shutdownperf",
    "perfview-net452-x64", "pktmon-demikernel", "pktmon-vpn-a", "powershell", "tracelogging-amsi",
    "tracelogging-primitive-types", "winrm-win8pre",
)  # fmt: skip
_FILETIME_OF_1970 = 116_444_736_000_000_000
_SAMPLED = {"perfview-net452-x64": 5000}

Key = tuple[str, ...]


def expected_rows(traces_dir: Path, name: str) -> list[Key]:
    with gzip.open(traces_dir / "expected" / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    # Windows writes 0xFFFFFFFF where it knows no process or thread, which is a null of ours.
    return [tuple("" if value == "4294967295" else value for value in row) for row in rows]


def as_expected(row: Row) -> Key:
    """A row of ours in the words of the other reader: its columns, nulls as 0 or empty where it does so."""
    payload = bytes.fromhex(row["payload"])
    is_message = row["header_kind"] == "MESSAGE"
    values = (
        row["ts_ns"] // 100 + _FILETIME_OF_1970, row["cpu"], row["pid"], row["tid"], row["header_kind"],
        row["provider_guid"], row["event_id"], row["version"], None if is_message else row["opcode"], row["hook_id"],
        len(payload), zlib.crc32(payload),
    )  # fmt: skip
    return tuple("" if value is None else str(value) for value in values)


@pytest.mark.parametrize("name", RECORDINGS)
def test_real_recordings_have_the_rows_that_an_independent_reader_found(traces_dir: Path, name: str) -> None:
    expected = Counter(expected_rows(traces_dir, name))
    count = _SAMPLED.get(name)
    rows = jsonl(traces_dir / f"{name}.etl", "--payload", *(["-c", str(count)] if count else []))
    got = Counter(map(as_expected, rows))
    assert got - expected == Counter()
    assert count or expected - got == Counter()
    assert len(rows) == (count or expected.total())
    assert [row["event_row"] for row in rows] == list(range(len(rows)))
    times = [row["ts_ns"] for row in rows]
    assert times == sorted(times)


# ------------------------------------------------------------------------------------------------------- filters


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be imported goes into a folder of its own."""
    monkeypatch.setenv("WNV_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ("event.id == 3", [3]), ("provider == TCPIP && event.id in {2..4}", [2, 3, 4]), ("event.id > 7", [8, 9]),
        ("provider == TCPIP and not event.id < 9", [9]), ("provider == PktMon", []), ("ip", []),
    ],
)  # fmt: skip
def test_a_filter_narrows_the_list(ten: Path, expression: str, ids: list[int]) -> None:
    assert [row["event_id"] for row in jsonl(ten, "-Y", expression)] == ids


@pytest.mark.usefixtures("cached")
def test_a_filter_goes_with_the_other_options(ten: Path) -> None:
    assert [row["event_id"] for row in jsonl(ten, "-Y", "event.id > 2", "-c", "2")] == [3, 4]
    assert [row["event_id"] for row in jsonl(ten, "-Y", "event.id > 2", "--id", "7", "--id", "1")] == [7]


@pytest.mark.usefixtures("cached")
def test_events_are_found_by_the_packets_they_logged() -> None:
    rows = jsonl(SAMPLE, "-Y", "icmp.type == 8")
    assert {row["provider"] for row in rows} == {"Microsoft-Windows-PktMon"}
    assert 0 < len(rows) < 114
    assert len(jsonl(SAMPLE, "-Y", "icmp.type == 8", "-c", "3")) == 3


@pytest.mark.usefixtures("cached")
def test_an_empty_list_says_what_there_is(ten: Path) -> None:
    assert "no event fits; the recording has" in done("events", ten, "-Y", "event.id == 77").err
    assert wnv("events", ten, "-Y", "event.idd == 77").code == 2


def test_json_is_an_array_of_the_same_rows(ten: Path) -> None:
    assert json.loads(done("events", ten, "--format", "json").out) == jsonl(ten)
    assert json.loads(done("events", ten, "--format", "json", "--id", "99").out) == []


@pytest.mark.parametrize("scenario", ["vfp-block", "nat-published-port", "set-team"])
def test_events_of_the_lab_are_decoded_to_the_last_byte_and_said_in_a_sentence(tmp_path: Path, scenario: str) -> None:
    done("lab", "run", scenario, "-w", tmp_path, "--capture", "both")
    paths = sorted(tmp_path.glob("*.etl"))
    assert len(paths) == 2
    for path in paths:
        ran = done("events", path, "--format", "jsonl")
        assert "not wholly decoded" not in ran.err
        rows = [row for row in map(json.loads, ran.lines) if row["source"] is not None]
        assert rows
        assert {row["is_whole"] for row in rows} == {True}
        assert {row["remark"] for row in rows if "behind the last field" in (row["remark"] or "")} == set()
        # `A=1, B=2` is what is shown where there is no sentence.
        assert [row["summary"] for row in rows if re.search(r"\w=\S", row["summary"])] == []
