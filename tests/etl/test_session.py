from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_reader
from etl_writer import PACIFIC, TraceSpec, build, header_event, relogged
from recordings import patched
from wnv.errors import WnvError
from wnv.etl.session import HEADER_READ_BYTES, SessionHeader, parse_session

SPEC = TraceSpec(
    start_time=133_500_000_000_000_000, end_time=133_500_000_000_000_000 + 90_000_000, time_zone=PACIFIC,
    events_lost=3, buffers_lost=2, max_file_size=512, logger_name="Größe 𝄞", cpu_mhz=2594, mode=0x2002, pid=7, tid=9,
)  # fmt: skip


def facts_of(header: SessionHeader) -> dict[str, object]:
    """In the words of the slow reader."""
    return {
        "bits": header.bits,
        "buffer_size": header.buffer_bytes,
        "os": f"{header.os_major}.{header.os_minor}",
        "layout": "{}.{}".format(*header.layout_version),
        "build": header.build,
        "cpus": header.n_processors,
        "end_time": header.end_filetime,
        "timer_resolution": header.timer_resolution,
        "max_file_size": header.max_file_size,
        "mode": header.mode,
        "buffers_written": header.buffers_written,
        "start_buffers": header.start_buffers,
        "pointer_size": header.pointer_size,
        "events_lost": header.events_lost,
        "cpu_mhz": header.cpu_mhz,
        "tz_bias": header.zone.bias_minutes,
        "tz_standard": header.zone.standard_name,
        "tz_daylight": header.zone.daylight_name,
        "boot_time": header.boot_filetime,
        "perf_freq": header.perf_freq,
        "start_time": header.start_filetime,
        "clock": header.clock_type,
        "buffers_lost": header.buffers_lost,
        "logger": header.logger,
        "logfile": header.log_file,
        "base_ticks": header.base_ticks,
        "pid": header.pid,
        "tid": header.tid,
    }


def as_slow_reader(data: bytes) -> dict[str, object]:
    facts = slow_reader.read_facts(data)
    return {name: value for name, value in facts.items() if name in facts_of(parse_session(data, "a"))}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("pointer_bytes", [4, 8])
def test_the_facts_are_those_written(bits: int, pointer_bytes: int) -> None:
    data = build(replace(SPEC, bits=bits, pointer_bytes=pointer_bytes))
    header = parse_session(data, "a.etl")
    assert facts_of(header) == as_slow_reader(data)
    assert (header.logger, header.log_file) == ("Größe 𝄞", "C:\\lab.etl")
    assert (header.bits, header.pointer_size) == (bits, pointer_bytes)


def test_the_facts_of_real_recordings(traces_dir: Path) -> None:
    for path in sorted(traces_dir.glob("*.etl")):
        wanted = json.loads((traces_dir / "expected" / f"{path.stem}.json").read_text())["header"]
        with path.open("rb") as file:
            data = file.read(HEADER_READ_BYTES)
        facts = facts_of(parse_session(data, path.name))
        same = facts.keys() & wanted.keys() - {"mode"}
        assert {name: facts[name] for name in same} == {name: wanted[name] for name in same}
        assert f"{facts['mode']:#010x}" == wanted["mode"]
        assert facts == as_slow_reader(data)


def test_what_follows_from_the_facts() -> None:
    header = parse_session(build(SPEC), "a.etl")
    assert header.duration == timedelta(seconds=9)
    assert header.is_circular
    assert not header.is_compressed
    assert header.mode_names == ["circular"]
    assert header.max_file_bytes == 512 * 1024
    assert parse_session(build(replace(SPEC, mode=1)), "a.etl").max_file_bytes == 512 * 2**20
    assert parse_session(build(*relogged(SPEC, [])), "a.etl").mode_names == ["circular", "relogged"]


@pytest.mark.parametrize("end_time", [0, SPEC.start_time - 1, -1])
def test_without_a_stop_there_is_no_duration(end_time: int) -> None:
    assert parse_session(build(replace(SPEC, end_time=end_time)), "a.etl").duration is None


def test_a_duration_of_ages_is_no_error() -> None:
    header = parse_session(build(replace(SPEC, start_time=-(2**63), end_time=2**63 - 1)), "a.etl")
    assert header.duration is not None


@pytest.mark.parametrize(
    ("change", "shares_clock", "is_one_session"),
    [
        ({}, True, True),
        ({"boot_time": SPEC.boot_time + 10_000_000}, True, True),
        ({"boot_time": SPEC.boot_time + 10_000_001}, False, False),
        ({"start_time": SPEC.start_time + 1}, True, False),
        ({"logger_name": "other"}, True, False),
        ({"perf_freq": 5}, False, False),
        ({"clock": 2}, False, True),
    ],
)
def test_which_files_belong_together(change: dict[str, int], shares_clock: bool, is_one_session: bool) -> None:
    one = parse_session(build(SPEC), "1.etl")
    other = parse_session(build(replace(SPEC, **change)), "2.etl")  # type: ignore[arg-type]  # fields by name
    assert (one.shares_clock(other), one.same_session(other)) == (shares_clock, is_one_session)
    assert (other.shares_clock(one), other.same_session(one)) == (shares_clock, is_one_session)


def test_names_without_an_end_stop_at_the_end_of_their_event() -> None:
    event = header_event(SPEC)
    at = 0x48 + 0x20 + 0x118
    for size in (0x20, 0x20 + 0x118, 0x20 + 0x118 + 6, 0x20 + 0x118 + 7, 0xFFFF):
        data = patched(build(SPEC), 0x4C, "H", size)
        header = parse_session(data, "a.etl")
        assert "Größe 𝄞".startswith(header.logger)
    assert len(event.data) > at - 0x48


OTHERS = {
    "the file is empty": b"",
    "pcapng capture": b"\x0a\x0d\x0d\x0a" + bytes(400),
    "pcap capture": b"\xd4\xc3\xb2\xa1" + bytes(400),
    "Network Monitor": b"GMBU" + bytes(400),
    "event log": b"ElfFile\0" + bytes(400),
    "cabinet": b"MSCF" + bytes(400),
    "zip archive": b"PK\x03\x04" + bytes(400),
    "gzip archive": b"\x1f\x8b" + bytes(400),
    "LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "XML text": b"<?xml version='1.0'?>" + b" " * 400,
    "only zero bytes": bytes(5000),
    "this is text": b"12:00:01 PktGroupId 1, PktNumber 1\r\n" * 20,
    "not an ETL recording": b"\x80" * 5000,
}


@pytest.mark.parametrize(("what", "data"), OTHERS.items(), ids=OTHERS)
def test_another_kind_of_file_is_named(what: str, data: bytes) -> None:
    with pytest.raises(WnvError, match=what) as raised:
        parse_session(data, "a.etl")
    assert str(raised.value).startswith("a.etl: ")
    assert raised.value.advice


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_of_two_bytes_is_text(encoding: str) -> None:
    with pytest.raises(WnvError, match="this is text"):
        parse_session(("\ufeff" * (encoding == "utf-16-be") + "Packet Monitor\r\n" * 40).encode(encoding), "a.txt")


@pytest.mark.parametrize("bits", [32, 64])
def test_a_file_cut_inside_its_header_is_refused(bits: int) -> None:
    data = build(replace(SPEC, bits=bits))
    needed = 0x178 if bits == 32 else 0x180
    for size in range(needed):
        with pytest.raises(WnvError):
            parse_session(data[:size], "a.etl")
    for size in range(needed, needed + 80):
        assert parse_session(data[:size], "a.etl").start_filetime == SPEC.start_time


@pytest.mark.parametrize(("at", "value"), [(0x4A, 0xC003), (0x4A, 0xC013), (0x4A, 0), (0x4E, 1), (0x4E, 0x50)])
def test_another_first_event_is_no_header(at: int, value: int) -> None:
    with pytest.raises(WnvError, match="not an ETL recording"):
        parse_session(patched(build(SPEC), at, "H", value), "a.etl")


@given(body=st.binary(min_size=0x138, max_size=0x300), bits=st.sampled_from((1, 2)), size=st.integers(0, 0xFFFF))
def test_any_numbers_in_the_header_are_taken(body: bytes, bits: int, size: int) -> None:
    data = bytes(0x48) + struct.pack("<HBBHH", 2, bits, 0xC0, size, 0) + body
    header = parse_session(data, "a.etl")
    assert header.clock.frequency_hz >= 0
    assert header.max_file_bytes >= 0
    assert header.same_boot(header)
    assert header.duration is None or header.duration >= timedelta(0)
