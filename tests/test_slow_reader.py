"""The tests' own reader and writer of recordings, against real files and against each other.

What they agree on, and what real files and dissect.etl confirm, is what the product is then measured by.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import subprocess
import zlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from dissect.etl.etl import ETL
from dissect.util.compression import lzxpress
from hypothesis import given
from hypothesis import strategies as st

import payloads as p
from etl_writer import (
    CLOCK_CPU,
    CLOCK_QPC,
    CLOCK_SYSTEM,
    COMPRESSED,
    ERROR,
    LZNT1,
    PACIFIC,
    Buffer,
    Event,
    Item,
    TlField,
    TraceSpec,
    build,
    circular,
    compact,
    compressed,
    container_id,
    control_guid,
    error_header,
    event_header,
    event_key,
    full_header,
    header_event,
    instance,
    item_chain,
    message,
    pack,
    pad8,
    partition_event,
    perfinfo,
    process_start_key,
    prov_traits,
    raw,
    related_activity,
    relogged,
    schema_tl,
    sid,
    stack32,
    stack64,
    system,
    system_clock,
    ts_id,
    unclosed,
    xpress,
    xpress_literals,
)
from slow_reader import KIND_NAMES, NotEtlError, Row, SlowTrace, read, unpack_xpress

PROVIDER = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
CONTAINER = "86e2a814-8893-431d-a1dc-f44931d6b99a"
RECORDINGS = [
    "dotnet-32bit-relogged",
    "dotnet-gcevents",
    "httpservice-win7",
    "kernel-network-win7",
    "kernel-shutdownperf",
    "perfview-net452-x64",
    "pktmon-demikernel",
    "pktmon-vpn-a",
    "powershell",
    "tracelogging-amsi",
    "tracelogging-primitive-types",
    "winrm-win8pre",
]

SAME = (
    "cpu",
    "kind",
    "ticks",
    "pid",
    "tid",
    "provider",
    "event_id",
    "version",
    "level",
    "opcode",
    "keyword",
    "hook_id",
    "activity_id",
    "container_id",
    "payload",
    "items",
)
"""What an Event of the writer and a Row of the reader have in common."""


def told(event: Event | Row) -> dict[str, Any]:  # Any: the fields are of many types
    if isinstance(event, Event):
        return {name: getattr(event, name) for name in SAME}
    return {name: value for name, value in event.items() if name in SAME}


def read_back(spec: TraceSpec, parts: list[Event] | list[Buffer]) -> SlowTrace:
    return read(build(spec, parts))


def data_rows(trace: SlowTrace) -> list[Row]:
    """The rows behind the header event."""
    return trace.rows[1:]


# -------------------------------------------------------------------------------------------- real recordings


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request: pytest.FixtureRequest, traces_dir: Path) -> tuple[SlowTrace, Path]:
    """A real recording as read, and the stem of what is expected of it."""
    name = str(request.param)
    return read((traces_dir / f"{name}.etl").read_bytes()), traces_dir / "expected" / name


def test_events_of_real_recordings(recording: tuple[SlowTrace, Path]) -> None:
    trace, expected = recording
    with gzip.open(f"{expected}.csv.gz", "rt", newline="") as lines:
        columns, *wanted = csv.reader(lines)
    names = ["filetime", "cpu", "pid", "tid", "header_type", "provider", "event_id", "version", "opcode"]
    assert columns == [*names, "hook_id", "payload_bytes", "payload_crc32"]

    assert len(trace.rows) == len(wanted)
    for row, line in zip(trace.rows, wanted, strict=True):
        values = (
            row["filetime"],
            row["cpu"],
            row["pid"],
            row["tid"],
            KIND_NAMES[row["kind"]],
            row["provider"],
            row["event_id"],
            row["version"],
            row["opcode"],
            row["hook_id"],
            len(row["payload"]),
            zlib.crc32(row["payload"]),
        )
        assert ["" if value is None else str(value) for value in values] == line
    assert trace.problems == []


def iso(filetime: int) -> str:
    seconds, units = divmod(filetime, 10_000_000)
    when = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{units:07}Z"


def test_header_and_buffers_of_real_recordings(recording: tuple[SlowTrace, Path]) -> None:
    trace, expected = recording
    wanted = json.loads(Path(f"{expected}.json").read_text())
    facts = trace.facts

    got: dict[str, object] = {name: value for name, value in facts.items() if name in wanted["header"]}
    got |= {
        "end": iso(facts["end_time"]),
        "boot": iso(facts["boot_time"]),
        "start": iso(facts["start_time"]),
        "mode": f"0x{facts['mode']:08x}",
        "clock_name": "qpc",
    }
    assert got == wanted["header"]

    buffers, of_buffers = trace.buffers, wanted["buffers"]
    assert len(buffers) == of_buffers["count"]
    # The list of sizes that is expected names the most frequent alone.
    assert of_buffers["sizes"].items() <= Counter(str(one.claimed_size) for one in buffers).items()
    assert Counter(f"0x{one.flags:04x}" for one in buffers) == of_buffers["flags"]
    assert Counter(str(one.type) for one in buffers) == of_buffers["types"]
    assert Counter("xpress" for one in buffers if one.unpack_format == 3) == of_buffers["algorithms"]
    assert Counter(str(row["cpu"]) for row in trace.rows) == wanted["by_cpu"]
    assert Counter(KIND_NAMES[row["kind"]] for row in trace.rows) == wanted["by_type"]
    sequences = sorted(one.sequence for one in buffers[1:])
    assert sequences == list(range(1, len(buffers)))


# --------------------------------------------------------------------------- what was written is what is read


def one_of_each(spec: TraceSpec) -> list[Event]:
    """An event of every kind, in both widths, on two processors, in the order of their times."""
    events: list[Event] = []
    tick = spec.t0

    def at() -> int:
        nonlocal tick
        tick += 1_000_003
        return tick

    for bits in (32, 64):
        cpu = bits // 64
        more: Any = {"cpu": cpu, "pid": 100 + bits, "tid": 200 + bits, "bits": bits}  # Any: keyword arguments
        events += [
            system(0x0301, ticks=at(), payload=b"process", version=4, **more),
            compact(0x0501, ticks=at(), payload=b"thread", **more),
            perfinfo(0x0F2E, ticks=at(), payload=b"sample", cpu=cpu, bits=bits),
            full_header(PROVIDER, 10, ticks=at(), payload=b"classic", level=3, version=2, **more),
            instance(PROVIDER, 11, ticks=at(), instance_id=7, parent=CONTAINER, payload=b"inst", **more),
            event_header(
                provider=PROVIDER,
                id=1001,
                ticks=at(),
                payload=b"frame",
                version=1,
                level=5,
                opcode=2,
                keyword=1 << 63 | 1,
                activity_id=CONTAINER,
                **more,
            ),
            event_header(
                provider=PROVIDER,
                id=1003,
                ticks=at(),
                payload=b"",
                items=[related_activity(PROVIDER), stack64([1, 2, 3]), container_id(CONTAINER)],
                **more,
            ),
        ]
    return events


SPECS = {
    "qpc": TraceSpec(),
    "qpc 3.58 MHz": TraceSpec(perf_freq=3_579_545),
    "system clock": system_clock(TraceSpec()),
    "cpu clock": TraceSpec(clock=CLOCK_CPU, cpu_mhz=2_394),
    "32 bits": TraceSpec(bits=32, logger_name="", file_name="[multiple files]"),
    "small buffers": TraceSpec(buffer_size=1024),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_kind_of_event_comes_back(spec: TraceSpec) -> None:
    events = one_of_each(spec)
    trace = read_back(spec, events)
    rows = data_rows(trace)
    assert trace.problems == []
    assert [told(row) for row in sorted(rows, key=lambda row: row["ticks"] or 0)] == [told(event) for event in events]
    assert all(row["filetime"] == spec.filetime(row["ticks"] or 0) for row in trace.rows)
    assert trace.facts["end_time"] == spec.filetime(events[-1].ticks or 0)
    assert trace.facts["buffers_written"] == len(trace.buffers)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_dissect_reads_the_same(spec: TraceSpec) -> None:
    data = build(spec, one_of_each(spec))
    recording = ETL(io.BytesIO(data))
    rows = read(data).rows
    theirs = [event.header for event in recording]
    assert [(one.marker >> 16 & 0xFF, one.time_delta) for one in theirs] == [
        (row["kind"], row["ticks"]) for row in rows
    ]
    for one, row in zip(theirs, rows, strict=True):
        assert bytes(one.payload).endswith(row["payload"])
        if row["kind"] in (0x0A, 0x14):
            assert str(one.provider_id) == row["provider"]
        if row["pid"] is not None:
            assert (one.process_id, one.thread_id) == (row["pid"], row["tid"])
        # It computes with doubles.
        assert abs(recording.get_filetime_for_event(one.time_delta) - (row["filetime"] or 0)) <= 8


def test_header_facts_come_back() -> None:
    spec = TraceSpec(
        os=(6, 3),
        layout=(1, 5),
        build=9600,
        cpus=12,
        mode=0x10000,
        events_lost=3,
        buffers_lost=2,
        max_file_size=64,
        time_zone=PACIFIC,
        logger_name="Ünïcode",
        file_name="C:\\x.etl",
        pid=77,
        tid=78,
    )
    facts = read(build(spec)).facts
    wanted = {
        "bits": 64,
        "os": "6.3",
        "layout": "1.5",
        "build": 9600,
        "cpus": 12,
        "mode": 0x10000,
        "events_lost": 3,
        "buffers_lost": 2,
        "max_file_size": 64,
        "tz_bias": 480,
        "tz_standard": "@tzres.dll,-212",
        "tz_standard_date": (0, 11, 0, 1, 2, 0, 0, 0),
        "tz_daylight": "@tzres.dll,-211",
        "tz_daylight_bias": -60,
        "logger": "Ünïcode",
        "logfile": "C:\\x.etl",
        "base_ticks": spec.t0,
        "pid": 77,
        "tid": 78,
        "perf_freq": 10_000_000,
        "boot_time": spec.boot_time,
        "pointer_size": 8,
    }
    assert {name: value for name, value in facts.items() if name in wanted} == wanted


def test_counters_of_perfinfo_become_items() -> None:
    spec = TraceSpec()
    event = perfinfo(0x0F2E, ticks=spec.t0, pebs_index=5, pmc=(6, 7), payload=b"x")
    (row,) = data_rows(read_back(spec, [event]))
    assert row["items"] == ((7, struct.pack("<Q", 5)), (8, struct.pack("<QQ", 6, 7)))
    assert (row["version"], row["payload"]) == (2, b"x")


MESSAGES = {
    "bare": message(1, payload=b"args"),
    "all": message(2, guid=PROVIDER, sequence=9, ticks=10**12 + 5, pid=3, tid=4, pointer_bytes=8, payload=b"args"),
    "component wins": message(3, guid=PROVIDER, component=5, ticks=10**12 + 5, payload=b"args"),
    "not a session time": message(4, guid=PROVIDER, performance_timestamp=True, pid=1, tid=2, payload=b"args"),
    "packed": message(5, sequence=1, component=2, ticks=10**12 + 6, pointer_bytes=4, payload=b""),
}


@pytest.mark.parametrize("event", MESSAGES.values(), ids=MESSAGES)
def test_messages_come_back(event: Event) -> None:
    spec = TraceSpec()
    before = system(1, ticks=spec.t0 + 1)
    first, row = data_rows(read_back(spec, [before, event]))
    assert told(first) == told(before)
    assert told(row) == told(event)
    assert row["borrowed_ticks"] == (spec.t0 + 1 if event.ticks is None else None)


def test_error_events_are_counted_and_make_no_row() -> None:
    spec = TraceSpec()
    trace = read_back(spec, [error_header(ticks=spec.t0), system(1, ticks=spec.t0 + 1)])
    assert trace.n_error_events == 1
    assert [row["hook_id"] for row in data_rows(trace)] == [1]
    assert ERROR not in KIND_NAMES


ITEMS: list[Item] = [
    related_activity(CONTAINER),
    sid(18),
    sid(21, 1, 2, 3, 1001),
    ts_id(2),
    stack32([1, 2, 3], match_id=9),
    stack64([]),
    event_key(5),
    schema_tl("Event", [TlField("a", 1), TlField("b", 4, 3), TlField("c", 8, count=2), TlField("d", 8, count=-1)]),
    prov_traits("Provider", PROVIDER),
    process_start_key(6),
    control_guid(PROVIDER),
    (200, b"unknown"),
]


def test_items_come_back_whatever_their_length() -> None:
    spec = TraceSpec()
    event = event_header(provider=PROVIDER, ticks=spec.t0, items=ITEMS, payload=b"behind")
    (row,) = data_rows(read_back(spec, [event]))
    assert row["items"] == tuple(ITEMS)
    assert row["payload"] == b"behind"
    assert len(item_chain(ITEMS)) % 8 == 0


@pytest.mark.parametrize("form", ["text", "upper", "braces", "utf16", "utf16_braces", "binary"])
def test_container_id_in_every_form(form: str) -> None:
    spec = TraceSpec()
    event = event_header(provider=PROVIDER, ticks=spec.t0, items=[container_id(CONTAINER, form)])
    (row,) = data_rows(read_back(spec, [event]))
    assert row["container_id"] == CONTAINER == event.container_id


@pytest.mark.parametrize("text", [b"", b"x" * 36, b"\xff" * 36, b"{" * 38, b"8" * 36])
def test_container_id_that_is_none(text: bytes) -> None:
    spec = TraceSpec()
    event = event_header(provider=PROVIDER, ticks=spec.t0, chain=item_chain([(16, text)]))
    (row,) = data_rows(read_back(spec, [event]))
    assert (row["container_id"], row["items"]) == (None, ((16, text),))


def test_items_are_read_only_where_the_flag_is_set() -> None:
    spec = TraceSpec()
    event = event_header(provider=PROVIDER, ticks=spec.t0, items=[ts_id(1)], flags=0, payload=b"behind")
    (row,) = data_rows(read_back(spec, [event]))
    assert row["items"] == ()
    assert row["payload"] == item_chain([ts_id(1)]) + b"behind"


# ------------------------------------------------------------------------------------------ buffers and files


def many(spec: TraceSpec, n: int = 60, n_cpus: int = 3) -> list[Event]:
    return [
        event_header(provider=PROVIDER, id=k, ticks=spec.t0 + 10 * k, cpu=k % 7 % n_cpus, payload=bytes(k))
        for k in range(n)
    ]


def ids(trace: SlowTrace) -> list[int]:
    return sorted(row["event_id"] or 0 for row in trace.rows if row["provider"] == PROVIDER)


def test_pack_flushes_as_a_session_does() -> None:
    spec = TraceSpec(buffer_size=1024)
    trace = read_back(spec, pack(reversed(many(spec)), spec.buffer_size))
    data = trace.buffers[1:]
    assert ids(trace) == list(range(60))
    assert sorted(one.sequence for one in data) == list(range(1, len(data) + 1))
    assert [one.sequence for one in data] != sorted(one.sequence for one in data)
    assert [one.timestamp for one in data] == sorted(one.timestamp for one in data)
    for cpu in range(3):
        mine = [row["ticks"] for row in data_rows(trace) if row["cpu"] == cpu]
        assert mine == sorted(mine, key=lambda ticks: ticks or 0)
        assert [one.sequence for one in data if one.cpu == cpu] == sorted(
            one.sequence for one in data if one.cpu == cpu
        )
    assert [one.flags & 1 for one in data] == [0] * (len(data) - 1) + [1]


def test_pack_flushes_by_time_and_refuses_what_does_not_fit() -> None:
    spec = TraceSpec()
    assert len(pack(many(spec, n_cpus=1), 1 << 20, flush_ticks=200)) == 3
    with pytest.raises(ValueError, match="does not fit"):
        pack([raw(bytes(1000))], 1024)


def test_relogged_file() -> None:
    spec = TraceSpec()
    data = build(*relogged(spec, pack(many(spec))))
    trace = read(data)
    zero, first = trace.buffers[0], trace.buffers[1]
    assert (zero.claimed_size, zero.flags, zero.saved_offset + 0x50) == (1024, 1, zero.offset)
    assert [row["hook_id"] for row in trace.rows[:2]] == [0, 0x50]
    assert first.timestamp >= spec.start_time
    assert trace.facts["mode"] == 0x10001
    assert ids(trace) == list(range(60))
    assert trace.problems == []


@pytest.mark.parametrize("packer", [xpress, xpress_literals])
def test_compressed_file(packer: Any) -> None:  # Any: a function of another module
    spec = TraceSpec(buffer_size=8192)
    data = build(*compressed(*relogged(spec, pack(many(spec), spec.buffer_size)), packer))
    trace = read(data)
    assert ids(trace) == list(range(60))
    assert {one.unpack_format for one in trace.buffers[1:]} == {3}
    assert all(one.flags & COMPRESSED for one in trace.buffers[1:])
    assert trace.facts["layout"] == "2.0"
    assert trace.problems == []
    if packer is xpress:
        assert len(list(ETL(io.BytesIO(data)))) == len(trace.rows)


def test_compressed_and_plain_buffers_mixed_and_a_wrong_format() -> None:
    spec = TraceSpec(buffer_size=1024)
    made, buffers = compressed(spec, pack(many(spec), 1024), compression_format=LZNT1)
    buffers = [one if at % 2 else replace(one, compress=None) for at, one in enumerate(buffers)]
    trace = read(build(made, buffers))
    assert ids(trace) == list(range(60))


def test_a_buffer_that_does_not_unpack_costs_itself_alone() -> None:
    spec = TraceSpec(buffer_size=1024)
    made, buffers = compressed(spec, pack(many(spec), 1024))
    broken = replace(buffers[2], compress=lambda data: xpress(data)[:20])
    trace = read(build(made, [*buffers[:2], broken, *buffers[3:]]))
    assert trace.whats() == ["not to be unpacked"]
    lost = {event.data for event in broken.events if isinstance(event, Event)}
    assert len(trace.rows) == 61 - len(lost)


def test_circular_file_that_went_around() -> None:
    spec = TraceSpec(buffer_size=1024)
    buffers = pack(many(spec, n_cpus=1), 1024)
    n_ever = len(buffers)
    assert n_ever % 5  # so that the seam is inside the file
    trace = read(build(*circular(spec, buffers, ring=5)))
    sequences = [one.sequence for one in trace.buffers[1:]]
    stamps = [one.timestamp for one in trace.buffers[1:]]
    newest = sequences.index(max(sequences))
    assert len(sequences) == 5
    assert sorted(sequences) == sorted(one.sequence or 0 for one in buffers[-5:])
    assert stamps != sorted(stamps)
    assert stamps[newest + 1 :] + stamps[: newest + 1] == sorted(stamps)
    assert trace.facts["buffers_written"] == n_ever + 1
    assert trace.facts["mode"] & 3 == 2


def test_session_that_never_stopped() -> None:
    spec = unclosed(TraceSpec())
    trace = read_back(spec, many(spec))
    assert (trace.facts["end_time"], trace.facts["buffers_written"]) == (0, 1)
    assert ids(trace) == list(range(60))
    assert trace.problems == []


def test_merged_file_goes_by_its_first_header_event() -> None:
    spec = TraceSpec()
    other = replace(spec, t0=spec.t0 + 50, start_time=1, perf_freq=1)
    trace = read_back(spec, [*many(spec, 10), header_event(other, cpu=1)])
    assert [row["hook_id"] for row in trace.rows].count(0) == 2
    assert all(row["filetime"] == spec.filetime(row["ticks"] or 0) for row in trace.rows)


def test_event_of_32_bits_in_a_file_of_64() -> None:
    spec = TraceSpec()
    event = event_header(provider=PROVIDER, ticks=spec.t0, bits=32)
    assert [row["kind"] for row in read_back(spec, [event]).rows] == [0x02, 0x12]


def test_processor_of_old_and_new_buffers() -> None:
    spec = TraceSpec()
    event = system(1, ticks=spec.t0)
    new = Buffer(cpu=300, events=[event])
    old = Buffer(cpu=3, events=[event], flags=0, alignment=8)
    assert [one.cpu for one in read_back(spec, [new, old]).buffers] == [0, 300, 3]


@pytest.mark.parametrize(("clock", "rate"), [(CLOCK_QPC, 0), (CLOCK_CPU, 0), (9, 1)])
def test_clock_without_a_rate_gives_ticks_alone(clock: int, rate: int) -> None:
    spec = TraceSpec(clock=clock, perf_freq=rate, cpu_mhz=rate)
    (row,) = data_rows(read_back(spec, [system(1, ticks=5)]))
    assert (row["ticks"], row["filetime"]) == (5, None)


def test_times_are_exact_far_from_the_start() -> None:
    spec = TraceSpec(perf_freq=2_441_406)
    for past in (10**15, -(10**9), 1):
        (row,) = data_rows(read_back(spec, [system(1, ticks=spec.t0 + past)]))
        assert row["filetime"] == spec.start_time + past * 10**7 // 2_441_406
    assert read(build(replace(system_clock(spec), clock=CLOCK_SYSTEM))).rows[0]["filetime"] == spec.start_time


# ----------------------------------------------------------------------------------------------------- damage

GOOD = event_header(provider=PROVIDER, id=1, ticks=10**12 + 1, payload=b"good")
BAD_EVENTS = {
    "zeros inside the used bytes": raw(bytes(16)),
    "unknown header type": raw(struct.pack("<HBB", 16, 0x0C, 0xC0) + bytes(12)),
    "event smaller than its header": GOOD.resized(0x4F),
    "event runs past the used bytes": GOOD.resized(0xFFF0),
}


@pytest.mark.parametrize(("what", "bad"), BAD_EVENTS.items(), ids=BAD_EVENTS)
def test_a_bad_event_stops_its_buffer_alone(what: str, bad: Event) -> None:
    spec = TraceSpec()
    trace = read_back(spec, [Buffer(events=[GOOD, bad, GOOD]), Buffer(events=[GOOD])])
    assert trace.whats() == [what]
    assert [one.n_events for one in trace.buffers] == [1, 1, 1]
    (problem,) = trace.problems
    assert (problem["file_offset"], problem["event_offset"]) == (4096, 0x48 + len(pad8(GOOD.data)))


def test_end_marker_is_no_damage() -> None:
    spec = TraceSpec()
    trace = read_back(spec, [Buffer(events=[GOOD, raw(b"\xff" * 16), GOOD])])
    assert (len(data_rows(trace)), trace.problems) == (1, [])


BAD_CHAINS = {
    "total too small": struct.pack("<HHHH", 8, 3, 0, 4) + bytes(8),
    "beyond the event": struct.pack("<HHHH", 800, 3, 0, 4) + bytes(8),
    "no next item": struct.pack("<HHHH", 16, 3, 1, 4) + bytes(8),
    "too many": item_chain([ts_id(1)] * 33),
}


@pytest.mark.parametrize("chain", BAD_CHAINS.values(), ids=BAD_CHAINS)
def test_bad_items_cost_the_items_and_the_payload(chain: bytes) -> None:
    spec = TraceSpec()
    bad = event_header(provider=PROVIDER, id=2, ticks=spec.t0, chain=chain)
    first, second = data_rows(read_back(spec, [Buffer(events=[bad, GOOD])]))
    assert (first["event_id"], first["is_items_damaged"]) == (2, True)
    assert (first["items"], first["payload"]) == ((), b"")
    assert told(second) == told(GOOD)


def test_offsets_of_buffers() -> None:
    spec = TraceSpec()
    lagging = read_back(spec, [Buffer(events=[GOOD], saved_offset=0x48)])
    fallback = read_back(spec, [Buffer(events=[GOOD], offset=0)])
    empty = read_back(spec, [Buffer(events=[GOOD], offset=0, saved_offset=0)])
    beyond = read_back(spec, [Buffer(events=[GOOD], offset=1 << 20)])
    assert [len(data_rows(one)) for one in (lagging, fallback, empty, beyond)] == [1, 1, 0, 1]
    assert [one.whats() for one in (lagging, fallback, empty)] == [[], [], []]
    assert beyond.whats() == ["Offset beyond BufferSize"]


@pytest.mark.parametrize("kind", [2, 3, 6])
def test_buffers_of_other_types_are_passed_over(kind: int) -> None:
    spec = TraceSpec()
    trace = read_back(spec, [Buffer(events=[GOOD], type=kind), Buffer(events=[GOOD])])
    assert [one.n_events for one in trace.buffers] == [1, 0, 1]
    assert len(trace.problems) == 1


def test_holes_and_bad_sizes_are_stepped_over() -> None:
    spec = TraceSpec()
    data = bytearray(build(spec, [Buffer(events=[GOOD])] * 3))
    hole = bytes(data[:4096]) + bytes(4096) + bytes(data[8192:])
    assert read(hole).whats() == ["hole"]
    assert len(data_rows(read(hole))) == 2
    struct.pack_into("<I", data, 4096, 0x47)
    assert read(bytes(data)).whats() == ["bad BufferSize"]
    assert len(data_rows(read(bytes(data)))) == 2


def test_file_cut_anywhere() -> None:
    spec = TraceSpec(buffer_size=1024)
    data = build(spec, many(spec, 12, 1))
    whole = read(data).rows
    for end in range(0, len(data), 8):
        if end < len(pad8(bytes(header_event(spec)))) + 0x48:
            continue
        rows = read(data[:end]).rows
        assert rows == whole[: len(rows)]


def test_not_a_recording() -> None:
    data = build(TraceSpec())
    for bad in (b"", bytes(4096), data[:0x177], data[:0x4E] + b"\x01" + data[0x4F:], data[:0x4A] + bytes(8)):
        with pytest.raises(NotEtlError):
            read(bad)


@given(st.data())
def test_damage_raises_nothing(data: st.DataObject) -> None:
    spec = TraceSpec(buffer_size=1024)
    whole = bytearray(build(spec, [*one_of_each(spec), *MESSAGES.values()]))
    for at in data.draw(st.lists(st.integers(0x180, len(whole) - 1), max_size=8)):
        whole[at] = data.draw(st.integers(0, 255))
    trace = read(bytes(whole))
    assert trace.buffers[0].file_offset == 0


# ------------------------------------------------------------------------------------------------ compression


@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=40))
def test_xpress_there_and_back(head: bytes, n_times: int, tail: bytes) -> None:
    data = head * n_times + tail + head
    for packer in (xpress, xpress_literals):
        assert unpack_xpress(packer(data), len(data)) == data
    assert lzxpress.decompress(xpress(data))[: len(data)] == data


@pytest.mark.parametrize("run", [3, 9, 10, 24, 25, 279, 280, 281, 65537, 65538, 65539, 70000])
def test_xpress_lengths(run: int) -> None:
    data = b"a" * run + b"bcd" + b"a" * run
    assert unpack_xpress(xpress(data), len(data)) == data
    assert bytes(lzxpress.decompress(xpress(data))[: len(data)]) == data


def test_xpress_refuses_damage() -> None:
    packed = xpress(b"abc" * 100)
    for bad in (b"", packed[:-2], b"\xff\xff\xff\xff\x08\x00", b"\xff" * 4 + b"\x07\x00\x0f\xff\x01\x00"):
        with pytest.raises(ValueError, match=r"."):
            unpack_xpress(bad, 300)
    with pytest.raises(ValueError, match="format 4"):
        unpack_xpress(packed, 300, 4)


# --------------------------------------------------------------------------------------------------- payloads


def text_at(data: bytes, at: int) -> tuple[str, int]:
    end = next(end for end in range(at, len(data), 2) if data[end : end + 2] == b"\0\0")
    return data[at:end].decode("utf-16-le"), end + 2


def remade(event_id: int, data: bytes) -> bytes:
    """A PktMon payload taken apart and put together again with `payloads`."""
    component, kind = struct.unpack_from("<HH", data)
    match event_id:
        case 20:
            name, at = text_at(data, 4)
            return p.pktmon_20(component, kind, name, text_at(data, at)[0])
        case 30:
            return p.pktmon_30(component, kind, *struct.unpack_from("<I", data, 4))
        case 40:
            return p.pktmon_40(component, UUID(bytes_le=data[4:]), kind)
        case 60:
            return p.pktmon_60(component, *struct.unpack_from("<H", data, 4))
        case 65:
            return p.pktmon_65(component, ".".join(str(one) for one in data[4:]))
        case 66:
            return p.pktmon_66(component, data[4:].hex(":", 2))
        case 70:
            return p.pktmon_70(component, data[8:])
        case 75:
            return p.pktmon_75(component, *struct.unpack_from("<H", data, 4))
        case 80:
            way = struct.unpack("<HQQHQQ", data[2:])
            return p.pktmon_80(component, way[:3], way[3:])
        case 90:
            name, at = text_at(data, 2)
            fields = struct.unpack("<HHQQHQQ", data[at:])
            return p.pktmon_90(component, name, fields[0], fields[1:4], fields[4:])
        case 100:
            name, at = text_at(data, 2)
            fields = struct.unpack("<6s6sHH4s4sBHHB", data[at:])
            return p.pktmon_100(
                component,
                name,
                macs=(fields[0].hex(":"), fields[1].hex(":")),
                ether_type=fields[2],
                vlan=fields[3],
                ips=(".".join(map(str, fields[4])), ".".join(map(str, fields[5]))),
                protocol=fields[6],
                ports=(fields[7], fields[8]),
                tcp_flags=fields[9],
            )
        case 160:
            original, _ = struct.unpack_from("<HH", data, 30)
            sighting = p.Sighting(*struct.unpack_from("<QHHHHHHHII", data))
            return p.pktmon_160(sighting, data[34:], original_bytes=original)
    raise AssertionError(event_id)


@pytest.mark.parametrize("name", ["pktmon-demikernel", "pktmon-vpn-a"])
def test_pktmon_payloads_are_those_of_windows(name: str, traces_dir: Path) -> None:
    rows = [row for row in read((traces_dir / f"{name}.etl").read_bytes()).rows if row["provider"] == p.PKTMON]
    assert len(rows) > 400
    for row in rows:
        assert remade(row["event_id"] or 0, row["payload"]) == row["payload"]


def test_sizes_of_payloads_without_a_real_example() -> None:
    seen, packet = p.Sighting(group=p.packet_group(3, 9)), b"x" * 60
    assert struct.unpack_from("<Q", bytes(seen))[0] >> 48 == 3
    four: Any = {"dst": "10.0.0.1", "src": "10.0.0.2"}  # Any: keyword arguments
    six: Any = {"dst": "fd00::1", "src": "fd00::2"}  # Any: keyword arguments
    sizes = {
        len(p.ndis_1001(packet)): 12 + 60,
        len(p.ndis_1001(packet, gft=(1, 2))): 28 + 60,
        len(p.ndis_1002(p.dot11_metadata())): 12 + 48,
        len(p.ndis_1003(packet, nic_type="External")): 12 + 2 + 2 + 18 + 4 + 4 + 60 + 4,
        len(p.oob_data(n_values=20, pointer_bytes=4)): 80,
        len(p.pktmon_120(seen, **four)): 16 + 8 + 6 + 30,
        len(p.pktmon_130(seen, **six)): 16 + 32 + 6 + 30,
        len(p.pktmon_180(seen)): 30 + 72 + 24,
        len(p.pktmon_180(seen, pointer_bytes=4)): 30 + 36 + 24,
        len(p.pktmon_200(seen, b"abc", **four)): 18 + 8 + 9 + 3,
        len(p.pktmon_220(seen, b"abc", **six)): 18 + 32 + 9 + 3,
        len(p.pktmon_250(seen, 5)): 40,
        len(p.ndis_5101(2, "vsw", 7, [(1, "a")])): 1 + 8 + 6 + 8,
        len(p.ndis_1016(17, 3, b"\x80\0\0\0")): 8,
    }
    assert list(sizes) == list(sizes.values())
    assert struct.unpack_from("<5Q", p.oob_data(vlan=100, priority=3)) == (0, 0, 0, 0, 100 << 4 | 3)


def test_destinations_of_1003() -> None:
    data = p.ndis_1003(b"f" * 20, destinations=[(2, "p", "n", "t"), (3, "", "", "")], oob=p.oob_data(vlan=5))
    at = 12 + 2 + 2 + 20
    (count,) = struct.unpack_from("<I", data, at)
    assert count == 2
    assert data[at + 4 :].startswith(b"\x02\0\0\0p\0\0\0n\0\0\0t\0\0\0\x03\0\0\0\0\0\0\0\0\0\x14\0\0\0fff")


def test_tshark_finds_the_packets_right(tshark: Path, tmp_path: Path) -> None:
    inner = p.ethernet(p.ip("10.1.0.1", "10.1.0.2", p.Udp(53, 5353, b"odd")))
    frames = {
        "eth:ethertype:arp": p.ethernet(p.arp("10.0.0.1", "10.0.0.2"), dst_mac=p.BROADCAST),
        "eth:ethertype:ip:tcp": p.ethernet(p.ip("10.0.0.1", "10.0.0.2", p.Tcp(1024, 80, flags=p.SYN))),
        "eth:ethertype:vlan:ethertype:ip:icmp:data": p.ethernet(
            p.ip("10.0.0.1", "10.0.0.2", p.Echo()), vlan=7, priority=3
        ),
        "eth:ethertype:ipv6:icmpv6:data": p.ethernet(p.ip("fd00::1", "fd00::2", p.Echo(is_reply=True))),
        "eth:ethertype:ipv6:tcp:data": p.ethernet(p.ip("fd00::1", "fd00::2", p.Tcp(1025, 1026, b"odd"))),
        "eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:udp:mdns": p.ethernet(
            p.vxlan(inner, 5001, "192.0.2.1", "192.0.2.2")
        ),
    }
    capture = tmp_path / "frames.pcap"
    records = [struct.pack("<IIII", 0, 0, len(one), len(one)) + one for one in frames.values()]
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records))
    names = ["frame.protocols", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"]
    names += ["icmp.checksum.status", "icmpv6.checksum.status"]
    checks = [f"-o{layer}.check_checksum:TRUE" for layer in ("ip", "tcp", "udp")]
    fields = [part for name in names for part in ("-e", name)]
    done = subprocess.run(
        [tshark, "-r", capture, "-T", "fields", *checks, *fields], capture_output=True, text=True, check=True
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines[:5]] == list(frames)[:5]
    assert lines[5][0].startswith("eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:udp")
    statuses = [{one for cell in line[1:] for one in cell.split(",") if one} for line in lines]
    assert statuses == [set(), {"1"}, {"1"}, {"1"}, {"1"}, {"1"}]


def test_partition_event_has_its_size() -> None:
    assert len(partition_event(ticks=1).payload) == 0x30
