from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import done
from lab_recordings import BOOT_NS, START_NS, complaints, read_back, told
from slow_reader import read, unpack_xpress
from wnv import open_trace, sample_path
from wnv_lab.etl.damage import buffers_of
from wnv_lab.etl.layout import FILETIME_1970, EventKind
from wnv_lab.etl.relog import write_relogged
from wnv_lab.etl.writer import EtlWriter
from wnv_lab.events import pktmon
from wnv_lab.events.pktmon import ComponentType, Counted, Direction, FrameTemplate

FRAME = bytes.fromhex("00155d01020400155d0102030800") + bytes(range(80))
END_NS = START_NS + 60_000_000_000
RUNDOWN = [
    (pktmon.KIND_20, pktmon.component(
        component_id=30, component_type=ComponentType.MINIPORT, name="mlx5.sys", description="NIC 1")),
    (pktmon.KIND_70, pktmon.mac_property(component_id=30, mac_address="00-15-5D-01-02-03")),
    (pktmon.KIND_90, pktmon.flow_counters(
        component_id=30, edge_name="Upper", edge_id=1, inward=Counted(Direction.RX), outward=Counted(Direction.TX, 9))),
]  # fmt: skip


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """3000 packets on three processors, then what pktmon says when it stops, on two of them."""
    path = tmp_path / "PktMon.etl"
    template = FrameTemplate(30, 1, Direction.TX)
    source = random.Random(1)
    events = [
        (START_NS + 1_000 * n, n % 3, 0, 0, pktmon.KIND_160,
         template.fill(pktmon.group_id(n % 3, n), 1, 1, FRAME[:14] + source.randbytes(20) + FRAME))
        for n in range(3000)
    ]  # fmt: skip
    etl = write_relogged(
        path, events, RUNDOWN, build=20348, n_processors=4, start_ns=START_NS, boot_ns=BOOT_NS, end_ns=END_NS,
        rundown_cpus=(0, 3), buffer_bytes=1 << 16,
    )  # fmt: skip
    assert etl.n_events == [1002, 1000, 1000, 1]
    return path


def test_it_is_a_compressed_file_of_the_relogger(recording: Path) -> None:
    assert complaints(recording) == []
    with open_trace(recording) as trace:
        session = trace.overview.sessions[0]
    assert session.row["logger"] == "Relogger"
    assert (session.details["mode"], session.details["is_compressed"]) == (0x04010001, True)


def test_buffers_are_packed_each_for_itself(recording: Path) -> None:
    first, *rest = buffers_of(recording)
    assert (first.n_bytes, first.used_bytes < 1024) == (1024, True)
    assert all(buffer.n_bytes < buffer.used_bytes for buffer in rest if buffer.used_bytes > 4096)
    assert recording.stat().st_size < 0.6 * sum(buffer.used_bytes for buffer in rest)


def test_components_and_counters_stand_behind_all_packets(recording: Path) -> None:
    rows = read_back(recording)
    assert [row["event_id"] for row in rows[-4:]] == [160, 20, 70, 90]
    assert [(row["cpu"], row["ts_ns"]) for row in rows[-3:]] == [(0, END_NS), (0, END_NS + 100), (3, END_NS + 200)]


def test_points_have_the_names_of_the_rundown(recording: Path) -> None:
    assert "mlx5.sys" in done("info", recording).out


def test_the_same_events_make_the_same_bytes(recording: Path) -> None:
    again = recording.with_name("PktMon2.etl")
    events = [(row[1], row[0], row[2], row[3], pktmon.KIND_160, row[-1]) for row in told(recording) if row[5] == 160]
    write_relogged(
        again, events, RUNDOWN, build=20348, n_processors=4, start_ns=START_NS, boot_ns=BOOT_NS, end_ns=END_NS,
        rundown_cpus=(0, 3), buffer_bytes=1 << 16,
    )  # fmt: skip
    assert told(again) == told(recording)


def test_without_a_rundown_there_are_the_packets_alone(tmp_path: Path) -> None:
    path = tmp_path / "PktMon.etl"
    event = (START_NS, 0, 0, 0, pktmon.KIND_160, FrameTemplate(30, 1, Direction.TX).fill(5, 1, 1, FRAME))
    write_relogged(path, [event], build=17763, n_processors=1, start_ns=START_NS, boot_ns=BOOT_NS, end_ns=END_NS)
    assert [row["event_id"] for row in read_back(path)] == [160]


_NUMBERS = ("event_id", "version", "level", "opcode", "keyword", "cpu", "pid", "tid", "filetime")


def bodies(path: Path) -> Iterator[tuple[int, bytes]]:
    """Processor and unpacked events of each data buffer."""
    data = path.read_bytes()
    for place in buffers_of(path)[1:]:
        packed = data[place.offset + 0x48 : place.offset + place.n_bytes]
        yield place.cpu, unpack_xpress(packed, place.used_bytes - 0x48)


def described(body: bytes) -> list[bytes]:
    """The events with a descriptor, without the processor times at 38 to 3F, which the lab leaves 0."""
    found: list[bytes] = []
    at = 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 2] if body[at + 2] >= 0x0A else body[at + 4 : at + 6], "little")
        if body[at + 2] == 0x13:
            found.append(body[at : at + 0x38] + body[at + 0x40 : at + size])
        at += -(-size // 8) * 8
    return found


def test_a_real_recording_written_again_has_the_same_events_byte_by_byte(tmp_path: Path) -> None:
    """pktmon's own file, read by the tests' slow reader and written by the lab."""
    real = read(sample_path().read_bytes())
    facts = real.facts
    start_ns = (facts["start_time"] - FILETIME_1970) * 100
    boot_ns = start_ns - facts["base_ticks"] * 100
    path = tmp_path / "again.etl"
    with EtlWriter(
        path, build=facts["build"], n_processors=facts["cpus"], start_ns=start_ns, boot_ns=boot_ns,
        buffer_bytes=1 << 18, is_relogged=True,
    ) as etl:  # fmt: skip
        for row in real.rows:
            if row["kind"] == 0x13:
                plain: dict[str, Any] = dict(row)  # Any: the fields are of many types
                numbers = [plain[name] or 0 for name in _NUMBERS]
                event_id, version, level, opcode, keyword, cpu, pid, tid, filetime = numbers
                kind = EventKind(pktmon.GUID, event_id, version, level, opcode, 0, keyword)
                etl.add((filetime - FILETIME_1970) * 100, cpu, pid, tid, kind, row["payload"])
    ours = {cpu: described(body) for cpu, body in bodies(path)}
    theirs = {cpu: described(body) for cpu, body in bodies(sample_path())}
    assert {cpu: len(events) for cpu, events in theirs.items()} == {0: 114, 2: 289}
    assert ours == theirs
