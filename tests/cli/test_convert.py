from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import wnv as package
from command_line import command, done, environment, start, wnv
from conversion import SPEC, at, ndiscap, pktmon, record
from etl_writer import Event, unclosed
from explained import recordings
from payloads import (
    COMPONENT_FILTER,
    COMPONENT_MINIPORT,
    ETHERNET,
    SEND,
    TYPE_WIFI,
    WHOLE,
    Echo,
    Sighting,
    ethernet,
    ip,
    ndis_1001,
    pktmon_20,
    pktmon_120,
    pktmon_160,
)
from pcapng_reader import Capture, read_capture
from wnv.pipeline import CaptureOptions

SAMPLE = package.sample_path()
FRAME = ethernet(ip("10.0.0.1", "10.0.0.2", Echo()))
NAMES = [pktmon(20, pktmon_20(1, COMPONENT_MINIPORT, "nic.sys")), pktmon(20, pktmon_20(2, COMPONENT_FILTER, "fw.sys"))]
SEEN_TWICE = [
    *NAMES,
    pktmon(160, pktmon_160(Sighting(), FRAME), ticks=at(10)),
    pktmon(160, pktmon_160(Sighting().at(2), FRAME), ticks=at(11)),
]

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and devices")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def points(capture: Capture) -> Counter[str]:
    return Counter(one.interface for one in capture.packets)


# --------------------------------------------------------------------------------------------------- where it goes


def test_the_default_output_is_named_like_the_recording_and_stands_here(folder: Path) -> None:
    ran = done("convert", "--plain", SAMPLE)
    assert ran.out == ""
    assert ran.err.startswith(
        "pktmon-demikernel.pcapng: 114 packets seen at 4 points\n  mlx5:48        19  Ethernet 9, "
    )
    assert len(read_capture(folder / "pktmon-demikernel.pcapng").packets) == 114


def test_an_existing_default_output_is_not_replaced(folder: Path) -> None:
    kept = folder / "pktmon-demikernel.pcapng"
    kept.write_bytes(b"mine")
    ran = wnv("convert", "--plain", SAMPLE)
    assert ran.code == 2
    assert "pktmon-demikernel.pcapng exists" in ran.err
    assert "Give -w pktmon-demikernel.pcapng to replace it" in ran.err
    assert kept.read_bytes() == b"mine"
    done("convert", "--plain", SAMPLE, "-w", kept.name)
    assert len(read_capture(kept).packets) == 114


@pytest.mark.parametrize("name", ["out.pcap", "out.xlsx", "out"])
def test_another_suffix_is_misuse_with_advice(folder: Path, name: str) -> None:
    ran = wnv("convert", "--plain", SAMPLE, "-w", name)
    assert ran.code == 2
    assert "wnv convert writes .pcapng" in ran.err
    assert "Name it " in ran.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["out.pcapng", "OUT.PCAPNG", "out.ntar", "-.pcapng"])
def test_the_suffixes_of_pcapng_are_taken(folder: Path, name: str) -> None:
    done("convert", "--plain", SAMPLE, "-w", name)
    assert len(read_capture(folder / name).packets) == 114


def test_a_folder_that_is_there_or_is_not_is_misuse(folder: Path) -> None:
    for name, told in ((str(folder), "is a folder"), ("no/such.pcapng", "does not exist")):
        ran = wnv("convert", "--plain", SAMPLE, "-w", name)
        assert (ran.code, told in ran.err) == (2, True)


@pytest.mark.parametrize("is_link", [False, True])
def test_the_recording_itself_is_never_written_to(folder: Path, is_link: bool) -> None:
    recording = folder / "trace.pcapng"  # by the wrong name, so that the suffix does not save it
    recording.write_bytes(SAMPLE.read_bytes())
    out = folder / "other.pcapng"
    if is_link:
        os.link(recording, out)
    ran = wnv("convert", "--plain", recording, "-w", out if is_link else recording)
    assert ran.code == 2
    assert "is also the input" in ran.err
    assert recording.read_bytes() == SAMPLE.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_with_advice() -> None:
    ran = wnv("convert", "--plain", SAMPLE, "-w", "/dev/full")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "wnv: /dev/full: no space left on the device; the output is incomplete",
        "wnv: Free some space, or write to another disk",
    ]


# ------------------------------------------------------------------------------------------------ what of it is taken


def test_every_sighting_is_a_packet_of_the_interface_it_was_seen_at(folder: Path) -> None:
    ran = done("convert", "--plain", record(folder, SEEN_TWICE), "-w", "out.pcapng")
    assert points(read_capture(folder / "out.pcapng")) == {"nic:1": 1, "fw:2": 1}
    assert "--once or --at POINT avoid Wireshark's false retransmissions" in ran.err


def test_once_takes_each_packet_once(folder: Path) -> None:
    ran = done("convert", "--plain", record(folder, SEEN_TWICE), "-w", "out.pcapng", "--once")
    assert points(read_capture(folder / "out.pcapng")) == {"nic:1": 1}
    assert "retransmissions" not in ran.err


def test_at_takes_what_was_seen_at_the_points(folder: Path) -> None:
    done("convert", "--plain", SAMPLE, "-w", "one.pcapng", "--at", "netvsc:59")
    assert points(read_capture(folder / "one.pcapng")) == {"netvsc:59": 38}
    done("convert", "--plain", SAMPLE, "-w", "two.pcapng", "--at", "netvsc:59", "--at", "mlx5:48")
    assert points(read_capture(folder / "two.pcapng")) == {"netvsc:59": 38, "mlx5:48": 19}


def test_an_unknown_point_is_misuse_and_the_points_are_listed(folder: Path) -> None:
    ran = wnv("convert", "--plain", SAMPLE, "-w", "out.pcapng", "--at", "eth0")
    assert ran.code == 2
    assert "no capture point 'eth0' in this recording" in ran.err
    assert "There are: mlx5:48, " in ran.err
    assert "netvsc:59, xdp:61:lower" in ran.err
    assert list(folder.iterdir()) == []


def test_per_interface_writes_a_file_a_point(folder: Path) -> None:
    ran = done("convert", "--plain", record(folder, SEEN_TWICE), "-w", "out.pcapng", "--per-interface")
    names = {path.name: points(read_capture(path)) for path in folder.glob("*.pcapng")}
    assert names == {"out.nic_1.pcapng": {"nic:1": 1}, "out.fw_2.pcapng": {"fw:2": 1}}
    assert all(name in ran.err for name in names)
    assert wnv("convert", "--plain", SAMPLE, "-w", "-", "--per-interface").code == 2


def test_other_link_types_go_to_a_file_beside_and_are_told(folder: Path) -> None:
    wifi = pktmon(160, pktmon_160(Sighting(packet_type=TYPE_WIFI, component=2, group=2), bytes(40)), ticks=at(20))
    ran = done("convert", "--plain", record(folder, [*SEEN_TWICE, wifi]), "-w", "out.pcapng")
    assert sorted(path.name for path in folder.glob("*.pcapng")) == ["out.pcapng", "out.wifi.pcapng"]
    assert "out.wifi.pcapng: 1 packet seen at 1 point" in ran.err


def test_netsh_and_pktmon_packets_are_both_taken(folder: Path) -> None:
    netsh = ndiscap(1001, ndis_1001(FRAME), ETHERNET | WHOLE | SEND, ticks=at(30))
    done("convert", "--plain", record(folder, [*SEEN_TWICE, netsh]), "-w", "out.pcapng")
    assert sum(points(read_capture(folder / "out.pcapng")).values()) == 3


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "nothing but the session's own header was recorded"),
        ([pktmon(120, pktmon_120(Sighting(), dst="10.0.0.1", src="10.0.0.2"))], "pktmon recorded headers only"),
    ],
)
def test_no_packets_fail_with_the_reason_and_leave_no_file(folder: Path, events: list[Event], why: str) -> None:
    path = record(folder, events)
    ran = wnv("convert", "--plain", path, "-w", "out.pcapng")
    assert ran.code == 1
    first, advice = ran.err.splitlines()
    assert first == "wnv: in.etl: no packets to convert"
    assert advice.startswith(f"wnv: {why}")
    assert not (folder / "out.pcapng").exists()


def test_losses_are_told_and_stand_in_the_file(folder: Path) -> None:
    ran = done(
        "convert", "--plain", record(folder, SEEN_TWICE, replace(unclosed(SPEC), events_lost=3)), "-w", "out.pcapng"
    )
    assert "lost: 3 events could not be recorded" in ran.err
    assert b"3 events could not be recorded" in (folder / "out.pcapng").read_bytes()


# ------------------------------------------------------------------------------------------------ pipes and Ctrl-C


def test_tshark_reads_the_capture_from_a_pipe(tshark: Path) -> None:
    converted = start("convert", "--plain", SAMPLE, "-w", "-")
    assert converted.returncode == 0
    assert converted.stderr.startswith(b"standard output: 114 packets seen at 4 points")
    fields = ["-T", "fields", "-e", "frame.interface_name", "-e", "ip.src"]
    read = subprocess.run([tshark, "-r", "-", *fields], input=converted.stdout, capture_output=True, check=True)
    lines = [line.split("\t") for line in read.stdout.decode().splitlines()]
    assert Counter(name for name, _ in lines)["netvsc:59"] == 38
    assert {address for _, address in lines} == {"10.9.1.14", "10.9.1.22"}


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """More packets than a pipe and the writer's buffer hold: who converts it to a pipe has to wait for the reader."""
    frame = ethernet(ip("10.0.0.1", "10.0.0.2", Echo(payload=bytes(1400))))
    events = [pktmon(160, pktmon_160(Sighting(group=n), frame), ticks=at(n)) for n in range(1, 6001)]
    return record(tmp_path, events)


def test_a_reader_that_goes_away_is_no_error(large: Path) -> None:
    with subprocess.Popen(
        command("convert", "--plain", large, "-w", "-"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(4) == b"\x0a\x0d\x0d\x0a"
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (0, b"")


@posix
def test_ctrl_c_ends_the_file_and_says_that_it_is_partial(large: Path, folder: Path) -> None:
    with subprocess.Popen(
        command("convert", "--plain", large, "-w", "-"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        begin = process.stdout.read(4)  # it writes, and will wait for us
        process.send_signal(signal.SIGINT)
        (folder / "out.pcapng").write_bytes(begin + process.stdout.read())
        told = process.stderr.read().decode()
    assert process.returncode == 130
    assert "(partial: interrupted)" in told
    assert "Traceback" not in told
    assert read_capture(folder / "out.pcapng").packets


def test_a_stopped_conversion_leaves_a_valid_file(folder: Path) -> None:
    with package.open_trace(SAMPLE) as trace:
        result = trace.convert("out.pcapng", CaptureOptions(), should_stop=lambda: True)
    assert result.is_partial
    assert len(read_capture(folder / "out.pcapng").packets) == result.n_packets


# ------------------------------------------------------------------------------- text from a recording is only text


def test_no_name_in_a_recording_is_terminal_input_or_markup(folder: Path) -> None:
    name = "e\x1b[2J[red]x[/red]\u202egnp\n=1\x9b.sys"
    events = [pktmon(20, pktmon_20(1, COMPONENT_MINIPORT, name, name)), SEEN_TWICE[2]]
    spec = replace(SPEC, logger_name=name, file_name=name)
    ran = done("convert", "--plain", record(folder, events, spec), "-w", "out.pcapng")
    assert not {"\x1b", "\x9b", "\u202e"} & set(ran.err)
    data = (folder / "out.pcapng").read_bytes()
    assert not [one for one in (b"\x1b[2J", "\x9b".encode(), "\u202e".encode()) if one in data]
    (point,) = read_capture(folder / "out.pcapng").interfaces
    assert r"\x1b[2J[red]x[/red]\u202egnp\x0a=1\x9b" in point.description
    wrong = wnv("convert", "--plain", "in.etl", "-w", "o.pcapng", "--at", name)
    assert not {"\x1b", "\x9b", "\u202e"} & set(wrong.err)


# --------------------------------------------------------------------------------------------- filters and tables


@pytest.fixture
def cached(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be imported goes into a folder of its own."""
    monkeypatch.setenv("WNV_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.usefixtures("cached")
def test_a_filter_narrows_the_capture(folder: Path) -> None:
    done("convert", "--plain", SAMPLE, "-w", "all.pcapng")
    done("convert", "--plain", SAMPLE, "-w", "some.pcapng", "-Y", "icmp.type == 8 && point contains netvsc")
    wanted = [one for one in read_capture(folder / "all.pcapng").packets if one.frame[34] == 8]
    wanted = [one for one in wanted if "netvsc" in one.interface]
    found = read_capture(folder / "some.pcapng").packets
    assert [(one.frame, one.ts_ns, one.interface) for one in found] == [
        (one.frame, one.ts_ns, one.interface) for one in wanted
    ]
    assert 0 < len(found) < 114


@pytest.mark.usefixtures("cached")
def test_a_filter_that_nothing_fits_leaves_no_file(folder: Path) -> None:
    ran = wnv("convert", "--plain", SAMPLE, "-w", "none.pcapng", "-Y", "tcp")
    assert (ran.code, "no packet fits" in ran.err) == (1, True)
    assert not (folder / "none.pcapng").exists()
    assert wnv("convert", "--plain", SAMPLE, "-w", "none.pcapng", "-Y", "tcp ==").code == 2


@pytest.mark.usefixtures("cached")
def test_a_table_has_a_row_a_sighting(folder: Path) -> None:
    for name in ("out.csv", "out.jsonl", "out.json", "out.parquet"):
        ran = done("convert", "--plain", SAMPLE, "-w", name, "-Y", "icmp.type == 8")
        assert "sightings of packets" in ran.err
    table = pq.read_table(folder / "out.parquet")
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert table.num_rows == len(rows) == len(json.loads((folder / "out.json").read_text(encoding="utf-8")))
    assert table.column("info").to_pylist() == [row["info"] for row in rows]
    assert {len(frame) for frame in table.column("bytes").to_pylist()} == {row["captured_bytes"] for row in rows}
    with (folder / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert [int(row["ts_ns"]) for row in csv.DictReader(stream)] == [row["ts_ns"] for row in rows]


@pytest.mark.usefixtures("cached")
def test_a_table_can_be_of_one_point(folder: Path) -> None:
    point = next(iter(points(read_capture_of(folder))))
    done("convert", "--plain", SAMPLE, "-w", "out.jsonl", "--at", point.upper())
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["point"] for row in rows} == {point}
    assert wnv("convert", "--plain", SAMPLE, "-w", "out.jsonl", "--at", "nosuch").code == 2
    assert wnv("convert", "--plain", SAMPLE, "-w", "out.jsonl", "--once").code == 2


def read_capture_of(folder: Path) -> Capture:
    done("convert", "--plain", SAMPLE, "-w", "all.pcapng")
    return read_capture(folder / "all.pcapng")


# --- journeys -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """A container behind NAT fetches a page: what is written of it."""
    out = tmp_path_factory.mktemp("followed") / "out.pcapng"
    done("convert", recordings("nat-web")[0], "-w", out, "--no-cache")
    return read_capture(out)


def tables(*names: str) -> list[list[dict[str, Any]]]:  # Any: values of a table
    with package.open_trace(recordings("nat-web")[0], use_cache=False) as trace:
        return [trace.table(name).to_pylist() for name in names]


def test_packets_of_one_journey_have_its_number(followed: Capture) -> None:
    journeys, hops = tables("journeys", "hops")
    n_seen = Counter(one.packet_id for one in followed.packets)
    with_frame = Counter(hop["journey_id"] for hop in hops if hop["frame_id"] is not None)
    assert n_seen == with_frame
    assert set(n_seen) == {one["journey_id"] for one in journeys}


def test_a_comment_says_frame_journey_hop_and_outcome(followed: Capture) -> None:
    (query,) = [one for one in followed.packets if one.comment.startswith("frame 8,")]
    assert query.comment == "frame 8, journey 3, hop 1/6: seen at container shop's NIC; ends: left host"
    assert query.packet_id == 3


def test_interfaces_are_named_by_whose_they_are(followed: Capture) -> None:
    assert "eth:12 container shop's NIC" in followed.names
    assert "eth:4 NIC Ethernet" in followed.names


def test_addresses_have_the_names_of_their_owners_and_those_that_dns_gave(followed: Capture) -> None:
    assert followed.called["172.20.1.5"] == ["container-shop"]
    assert followed.called["93.184.216.34"] == ["www.example"]
    assert followed.called["10.0.0.10"] == ["host"]


def test_once_shows_both_directions_of_a_conversation_on_one_side_of_the_nat(tmp_path: Path) -> None:
    done("convert", recordings("nat-web")[0], "-w", tmp_path / "once.pcapng", "--once", "--no-cache")
    packets = read_capture(tmp_path / "once.pcapng").packets
    (journeys,) = tables("journeys")
    assert sorted(one.packet_id or 0 for one in packets) == sorted(one["journey_id"] for one in journeys)
    of_web = {one["journey_id"] for one in journeys if one["protocol"] == "TCP"}
    assert {one.interface for one in packets if one.packet_id in of_web} == {"eth:12 container shop's NIC"}


@pytest.mark.parametrize(("name", "is_lossy"), [("nat-web", False), ("silent-loss", True)])
def test_wireshark_sees_no_retransmission_that_there_was_not(
    tshark: Path, tmp_path: Path, name: str, is_lossy: bool
) -> None:
    out = tmp_path / "once.pcapng"
    done("convert", recordings(name)[0], "-w", out, "--once", "--no-cache")
    again = "tcp.analysis.retransmission || tcp.analysis.lost_segment"
    read = subprocess.run([tshark, "-r", out, "-Y", again], capture_output=True, check=True)
    assert bool(read.stdout) == is_lossy


def test_a_drop_keeps_its_verdict_and_its_words(tmp_path: Path) -> None:
    out = tmp_path / "drops.pcapng"
    done("convert", recordings("vlan-mismatch", "pktmon")[0], "-w", out, "--no-cache")
    dropped = [one for one in read_capture(out).packets if one.verdict]
    assert len(dropped) == 4
    assert all("ends: dropped; dropped: " in one.comment for one in dropped)


def test_plain_hears_the_events_alone(tmp_path: Path) -> None:
    done("convert", recordings("nat-web")[0], "-w", tmp_path / "plain.pcapng", "--plain")
    plain = read_capture(tmp_path / "plain.pcapng")
    assert (plain.called, {one.packet_id for one in plain.packets}) == ({}, {None})
    assert "eth:12" in plain.names


def test_several_hosts_are_one_file_by_one_clock(tmp_path: Path) -> None:
    folder = recordings("overlay-pods")[0].parent
    shown = done("convert", folder, "-w", tmp_path / "both.pcapng", "--no-cache")
    assert "the clock of NODE2 is 1.7 ms behind that of NODE1" in shown.err
    capture = read_capture(tmp_path / "both.pcapng")
    assert len(capture.packets) == 164
    assert "the clock of NODE2 is 1.7 ms behind that of NODE1" in capture.comment
    assert {"eth:4@NODE1 NIC Ethernet on NODE1", "eth:4@NODE2 NIC Ethernet on NODE2"} <= set(capture.names)
    times = [one.ts_ns for one in capture.packets]
    assert times == sorted(times)
    done("convert", folder, "-w", tmp_path / "plain.pcapng", "--plain")
    plain = read_capture(tmp_path / "plain.pcapng")
    assert sorted(one.ts_ns for one in plain.packets) != times
    assert "clock of" not in plain.comment


def test_of_several_hosts_points_are_asked_for_by_both_names(tmp_path: Path) -> None:
    folder = recordings("overlay-pods")[0].parent
    done("convert", folder, "-w", tmp_path / "at.pcapng", "--plain", "--at", "eth:4@node2")
    assert {one.interface for one in read_capture(tmp_path / "at.pcapng").packets} == {"eth:4@NODE2"}
    assert "'eth:4'" in wnv("convert", folder, "-w", tmp_path / "at.pcapng", "--plain", "--at", "eth:4").err
    once = done("convert", folder, "-w", tmp_path / "once.pcapng", "--plain", "--once")
    assert "once a host" in once.err
    assert {one.interface for one in read_capture(tmp_path / "once.pcapng").packets} == {
        f"eth:{index}@NODE{host}" for index in (4, 9, 12) for host in (1, 2)
    }  # fmt: skip


def test_packets_whose_times_cannot_be_told_are_part_of_no_journey_and_convert_all_the_same(folder: Path) -> None:
    content = bytearray(SAMPLE.read_bytes())
    content[360:363] = bytes(3)  # the clock that the header names
    (folder / "timeless.etl").write_bytes(content)
    done("convert", "timeless.etl")
    assert len(read_capture(folder / "timeless.pcapng").packets) == 114
