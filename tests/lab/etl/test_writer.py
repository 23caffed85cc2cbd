from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from dissect.etl.etl import ETL
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_recordings import BOOT_NS, START_NS, complaints, read_back, told, writer
from wnv import open_trace
from wnv_lab.errors import LabError
from wnv_lab.etl.damage import buffers_of
from wnv_lab.etl.layout import ClassicKind, EventKind, TimeZone
from wnv_lab.etl.writer import EtlWriter

FIRST = EventKind(UUID("12345678-1234-1234-1234-123456789abc").bytes_le, 7, 1, 3, 2, 11, 0x8000_0000_0000_0001)
SECOND = EventKind(UUID("aaaaaaaa-1234-1234-1234-123456789abc").bytes_le, 0xFFFF)
KINDS = (FIRST, SECOND)
CONTAINER = "86e2a814-8893-431d-a1dc-f44931d6b99a"
ACTIVITY = UUID("bbbbbbbb-0000-1111-2222-333333333333")
SMALL = 2048
"""Bytes of a buffer: the header event needs more than 1 KiB."""


@dataclass(frozen=True)
class Sent:
    """An event as a test adds it."""

    cpu: int
    gap_ns: int
    """Since the event before it on any processor; a negative one makes processors overlap."""
    kind: int
    payload: bytes
    keyword: int | None = None
    container: str | None = None
    pid: int = 4
    tid: int = 8


sent = st.builds(
    Sent,
    cpu=st.integers(0, 2),
    gap_ns=st.integers(-300, 5_000),
    kind=st.integers(0, 1),
    payload=st.binary(max_size=700),
    keyword=st.none() | st.integers(0, 2**64 - 1),
    container=st.none() | st.just(CONTAINER),
    pid=st.integers(0, 2**32 - 2),
    tid=st.integers(0, 2**32 - 2),
)


def with_times(events: list[Sent]) -> Iterator[tuple[int, Sent]]:
    """Times that run on within each processor, as the writer asks, and may go back between them."""
    now = START_NS
    last: dict[int, int] = {}
    for event in events:
        now = max(now + event.gap_ns, last.get(event.cpu, START_NS))
        last[event.cpu] = now
        yield now, event


def add_all(etl: EtlWriter, events: list[Sent]) -> None:
    for ts_ns, event in with_times(events):
        etl.add(
            ts_ns, event.cpu, event.pid, event.tid, KINDS[event.kind], event.payload, event.keyword,
            container_id=event.container,
        )  # fmt: skip


def expected(etl: EtlWriter, events: list[Sent]) -> list[tuple[Any, ...]]:  # Any: as `told`
    rows: list[tuple[Any, ...]] = []
    for ts_ns, event in with_times(events):
        kind = KINDS[event.kind]
        keyword = kind.keyword if event.keyword is None else event.keyword
        rows.append((
            event.cpu, etl.recorded_ns(ts_ns), event.pid, event.tid, str(UUID(bytes_le=kind.guid)), kind.id,
            kind.version, kind.level, kind.opcode, keyword, event.container, event.payload,
        ))  # fmt: skip
    return rows


@dataclass
class Place:
    """A file that each example of a property writes anew."""

    path: Path
    options: dict[str, Any] = field(default_factory=dict)  # Any: what EtlWriter takes

    def written(self, events: list[Sent], **options: Any) -> EtlWriter:
        etl = writer(self.path, n_processors=3, buffer_bytes=SMALL, **self.options | options)
        with etl:
            add_all(etl, events)
        return etl


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "case.etl")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("writer") / "case.etl")


# ------------------------------------------------------------------------------------------------ what is read back


@given(st.lists(sent, max_size=40), st.sampled_from([1, 2, 3]), st.sampled_from([4, 8]), st.booleans())
@settings(max_examples=40)
def test_what_is_written_is_read_back(
    shared: Place, events: list[Sent], clock: int, pointer_size: int, is_relogged: bool
) -> None:
    etl = shared.written(events, clock=clock, pointer_size=pointer_size, is_relogged=is_relogged)
    assert complaints(shared.path) == []
    # Of equal times on different processors the file's order decides, which is not the order of adding.
    assert sorted(told(shared.path), key=repr) == sorted(expected(etl, events), key=repr)


@pytest.mark.parametrize("perf_freq", [10_000_000, 2_441_406, 3_579_545, 24_000_000])
def test_times_are_those_the_writer_says(place: Place, perf_freq: int) -> None:
    events = [Sent(0, 12_345, 0, b"")] * 50
    etl = place.written(events, perf_freq=perf_freq)
    times = [row[1] for row in told(place.path)]
    assert times == [etl.recorded_ns(ts_ns) for ts_ns, _ in with_times(events)]
    assert all(abs(ts_ns - at) < 1_000 for (ts_ns, _), at in zip(with_times(events), times, strict=True))


def test_times_of_a_10_mhz_clock_are_exact_to_100_ns(place: Place) -> None:
    etl = place.written([Sent(0, 77, 0, b"")])
    assert told(place.path)[0][1] == etl.recorded_ns(START_NS + 77) == (START_NS + 77) // 100 * 100


def test_activity_and_other_items_come_back(place: Place) -> None:
    related = UUID(int=5)
    with writer(place.path) as etl:
        etl.add(
            START_NS, 1, 4, 8, FIRST, b"payload", activity=ACTIVITY.bytes_le, container_id=CONTAINER,
            items=[(1, related.bytes_le), (2, bytes.fromhex("010100000000000512000000"))],
        )  # fmt: skip
    (row,) = read_back(place.path)
    assert (row["activity_id"], row["related_activity_id"], row["sid"], row["container_id"], row["payload"]) == (
        str(ACTIVITY), str(related), "S-1-5-18", CONTAINER, b"payload".hex(),
    )  # fmt: skip


@pytest.mark.parametrize("form", ["text", "braces", "utf16", "binary"])
def test_a_container_id_may_have_any_form_seen_in_the_wild(place: Place, form: str) -> None:
    with writer(place.path, container_id_form=form) as etl:
        etl.add(START_NS, 0, 4, 8, FIRST, b"", container_id=CONTAINER)
    assert [row["container_id"] for row in read_back(place.path)] == [CONTAINER]


def test_the_header_says_what_the_writer_was_told(place: Place) -> None:
    zone = TimeZone(
        bias_minutes=480, standard_name="Pacific Standard Time", daylight_name="Pacific Daylight Time",
        daylight_bias_minutes=-60, standard_date=(11, 0, 1, 2), daylight_date=(3, 0, 2, 2),
    )  # fmt: skip
    etl = writer(
        place.path, build=20348, logger="wnv", file_name="D:\\x.etl", time_zone=zone, pointer_size=4, clock=3,
        cpu_mhz=3100,
    )  # fmt: skip
    etl.add(START_NS, 0, 4, 8, FIRST, b"")
    etl.close(START_NS + 5_000_000_000, n_events_lost=3)
    with open_trace(place.path) as trace:
        session = trace.overview.sessions[0]
    row, details = session.row, session.details
    assert {name: row[name] for name in ("os_build", "logger", "start_ns", "end_ns", "pointer_size")} == {
        "os_build": 20348, "logger": "wnv", "start_ns": START_NS, "end_ns": START_NS + 5_000_000_000,
        "pointer_size": 4,
    }  # fmt: skip
    assert (row["n_processors"], row["n_events_lost"], row["n_buffers_lost"]) == (2, 3, 0)
    assert "UTC-08:00" in row["zone"].replace("−", "-")
    assert (details["boot_ns"], details["cpu_mhz"], details["log_file"]) == (BOOT_NS, 3100, "D:\\x.etl")
    assert details["n_buffers"] == 2


def test_dissect_reads_the_same(place: Place) -> None:
    events = [Sent(n % 3, 100, n % 2, bytes([n]) * n) for n in range(60)]
    place.written(events)
    with place.path.open("rb") as file:
        theirs = [event.header for event in ETL(io.BytesIO(file.read()))]
    ours = told(place.path)
    described = [one for one in theirs if (one.marker >> 16 & 0xFF) == 0x13]
    assert Counter(bytes(one.payload) for one in described) == Counter(row[-1] for row in ours)


# ------------------------------------------------------------------------------------------------ buffers


def test_buffers_are_written_as_they_fill_up(place: Place) -> None:
    """Processor 1 fills many buffers while processor 0 still has its first: file order is not sequence order."""
    place.written([Sent(0, 100, 0, b""), *[Sent(1, 100, 0, bytes(500))] * 12, Sent(0, 100, 0, b"")])
    data = buffers_of(place.path)[1:]
    assert [buffer.cpu for buffer in data] == [1, 1, 1, 0, 1]
    assert [buffer.sequence for buffer in data] == [2, 3, 4, 1, 5]


@given(st.lists(sent, min_size=1, max_size=60))
@settings(max_examples=20)
def test_sequence_numbers_are_complete_and_rise_on_each_processor(shared: Place, events: list[Sent]) -> None:
    shared.written(events)
    data = buffers_of(shared.path)[1:]
    assert sorted(buffer.sequence for buffer in data) == list(range(1, len(data) + 1))
    for cpu in range(3):
        mine = [buffer.sequence for buffer in data if buffer.cpu == cpu]
        assert mine == sorted(mine)


def test_a_flush_timer_writes_what_there_is(place: Place) -> None:
    events = [Sent(0, 100, 0, b""), Sent(1, 100, 0, b""), Sent(0, 3_000, 0, b""), Sent(0, 100, 0, b"")]
    place.written(events, flush_interval_ns=1_000)
    assert [buffer.cpu for buffer in buffers_of(place.path)[1:]] == [0, 1, 0]
    assert complaints(place.path) == []


def test_classic_events_wait_for_the_timer_and_for_room_as_others_do(place: Place) -> None:
    kind = ClassicKind(bytes(range(16)), opcode=3, version=2, level=4)
    with writer(place.path, buffer_bytes=SMALL, flush_interval_ns=1_000_000) as etl:
        for number in range(3):
            etl.add_classic(START_NS + 100 * number, 0, 4, 8, kind, bytes([number]) * 900)
        etl.add_classic(START_NS + 1_000_000, 0, 4, 8, kind, b"late")
    assert [buffer.used_bytes for buffer in buffers_of(place.path)[1:]] == [0x48 + 2 * 952, 0x48 + 952, 0x48 + 56]
    rows = read_back(place.path)
    assert [(row["header_kind"], row["opcode"], row["version"], row["level"], row["pid"]) for row in rows] == [
        ("FULL_HEADER64", 3, 2, 4, 4)
    ] * 4
    assert [row["payload"][:2] for row in rows] == ["00", "01", "02", b"l".hex()]


def test_the_last_buffer_is_marked_as_such(place: Place) -> None:
    place.written([Sent(cpu, 100, 0, b"") for cpu in (0, 1, 2)])
    data = place.path.read_bytes()
    flags = [int.from_bytes(data[at + 0x34 : at + 0x36], "little") for at in range(0, len(data), SMALL)]
    assert flags == [0x21, 0x20, 0x20, 0x21]


def test_an_event_larger_than_a_buffer_is_refused(place: Place) -> None:
    with writer(place.path) as etl, pytest.raises(LabError, match=r"65560 bytes fits no buffer: the largest has 65464"):
        etl.add(START_NS, 0, 4, 8, FIRST, bytes(65480))
    with writer(place.path) as etl, pytest.raises(LabError, match="fits no buffer"):
        add_columns(etl, [(START_NS, Sent(0, 100, 0, bytes(65480)))])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pointer_size": 16}, "expected 4 or 8"),
        ({"clock": 0}, "expected 1"),
        ({"max_buffers": 1}, "two buffers"),
        ({"container_id_form": "hex"}, "expected one of"),
        ({"buffer_bytes": 256}, "the header event needs"),
    ],
)
def test_what_cannot_be_is_refused(place: Place, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        writer(place.path, **options)


# ------------------------------------------------------------------------------------------------ many at once


def add_columns(etl: EtlWriter, timed: list[tuple[int, Sent]]) -> None:
    payloads = [event.payload for _, event in timed]
    keywords = [KINDS[event.kind].keyword if event.keyword is None else event.keyword for _, event in timed]
    etl.add_many(
        np.array([ts_ns for ts_ns, _ in timed], np.int64),
        np.array([event.cpu for _, event in timed], np.uint16),
        np.array([event.pid for _, event in timed], np.uint32),
        np.array([event.tid for _, event in timed], np.uint32),
        KINDS,
        np.array([event.kind for _, event in timed], np.uint8),
        np.frombuffer(b"".join(payloads), np.uint8),
        np.cumsum([0, *map(len, payloads)]),
        keyword=np.array(keywords, np.uint64),
    )


@given(
    st.lists(sent.map(lambda event: Sent(**event.__dict__ | {"container": None})), max_size=50),
    st.integers(0, 50),
    st.sampled_from([None, 3_000]),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([None, 4]),
)
@settings(max_examples=60)
def test_many_at_once_are_the_same_bytes_as_one_by_one(
    shared: Place, events: list[Sent], cut: int, flush_ns: int | None, clock: int, ring: int | None
) -> None:
    options: dict[str, Any] = {"flush_interval_ns": flush_ns, "clock": clock, "max_buffers": ring}
    one_by_one = shared.written(events, **options)
    wanted = shared.path.read_bytes()
    etl = writer(shared.path, n_processors=3, buffer_bytes=SMALL, **options)
    timed = list(with_times(events))
    with etl:
        for ts_ns, event in timed[:cut]:
            etl.add(ts_ns, event.cpu, event.pid, event.tid, KINDS[event.kind], event.payload, event.keyword)
        add_columns(etl, timed[cut:])
    assert shared.path.read_bytes() == wanted
    assert etl.n_overwritten == one_by_one.n_overwritten


def test_columns_may_leave_keywords_and_activities_to_their_kind(place: Place) -> None:
    n = 3
    with writer(place.path) as etl:
        etl.add_many(
            START_NS + 100 * np.arange(n), np.zeros(n, np.uint8), np.full(n, 4), np.full(n, 8), KINDS,
            np.array([0, 1, 0]), np.zeros(0, np.uint8), np.zeros(n + 1, np.int64),
            activity=np.frombuffer(ACTIVITY.bytes_le * n, np.uint8).reshape(n, 16),
        )  # fmt: skip
    rows = read_back(place.path)
    assert [row["keyword"] for row in rows] == [FIRST.keyword, 0, FIRST.keyword]
    assert {row["activity_id"] for row in rows} == {str(ACTIVITY)}


def test_columns_of_unequal_length_are_refused(place: Place) -> None:
    zeros = np.zeros(2, np.int64)
    with writer(place.path) as etl, pytest.raises(LabError, match="2 events have 2 offsets"):
        etl.add_many(zeros, zeros, zeros, zeros, KINDS, zeros, np.zeros(0, np.uint8), zeros)


# ------------------------------------------------------------------------------------------------ rings and loss


@given(st.lists(sent, max_size=60), st.integers(2, 6))
@settings(max_examples=30)
def test_a_ring_keeps_the_last_events_of_each_processor(shared: Place, events: list[Sent], n_buffers: int) -> None:
    etl = shared.written(events, max_buffers=n_buffers)
    rows = expected(etl, events)
    left: list[tuple[Any, ...]] = []
    for cpu in range(3):
        left += [row for row in rows if row[0] == cpu][etl.n_overwritten[cpu] :]
    assert sorted(told(shared.path), key=repr) == sorted(left, key=repr)
    assert shared.path.stat().st_size <= n_buffers * SMALL
    wrapped = {"ring_wrapped", "buffer_count_differs"}  # the header counts what was overwritten, too
    assert set(complaints(shared.path)) == (wrapped if any(etl.n_overwritten) else set())


@given(st.lists(sent, max_size=60), st.integers(2, 6))
@settings(max_examples=20)
def test_a_relogged_ring_keeps_the_last_events_under_new_numbers(
    shared: Place, events: list[Sent], n_buffers: int
) -> None:
    etl = shared.written(events, max_buffers=n_buffers, is_relogged=True)
    rows = expected(etl, events)
    left: list[tuple[Any, ...]] = []
    for cpu in range(3):
        left += [row for row in rows if row[0] == cpu][etl.n_overwritten[cpu] :]
    assert sorted(told(shared.path), key=repr) == sorted(left, key=repr)
    data = buffers_of(shared.path)
    assert [buffer.sequence for buffer in data] == list(range(len(data)))
    assert len(data) <= n_buffers
    assert set(complaints(shared.path)) <= {"ring_wrapped"}


def test_a_relogged_ring_is_full_and_begins_late(place: Place) -> None:
    etl = place.written([Sent(0, 1_000_000_000, 0, bytes(880))] * 100, max_buffers=30, is_relogged=True)
    assert sum(etl.n_overwritten) == 42
    with open_trace(place.path) as trace:
        loss = trace.overview.sessions[0].loss
        details = trace.overview.sessions[0].details
    assert (loss.wrap_confidence, loss.is_ring, loss.n_missing) == (0.8, False, 0)
    assert (details["mode"], details["max_file_bytes"]) == (0x0401_2001, 30 * SMALL)


def test_a_lost_buffer_leaves_a_gap_a_flag_and_a_count(place: Place) -> None:
    with writer(place.path, buffer_bytes=SMALL) as etl:
        etl.add(START_NS, 1, 4, 8, FIRST, b"other")
        for number in range(4):
            etl.add(START_NS + 100 * number, 0, 4, 8, FIRST, bytes([number]))
        n_lost = etl.lose_buffer(0)
        etl.add(START_NS + 2_000, 0, 4, 8, FIRST, b"later")
    assert n_lost == 4
    assert [row[-1] for row in told(place.path)] == [b"other", b"later"]
    assert complaints(place.path) == ["buffer_flag_lost", "buffers_lost", "sequence_gap"]


def test_nothing_is_lost_with_a_buffer_that_is_not_there(place: Place) -> None:
    with writer(place.path) as etl:
        assert etl.lose_buffer(1) == 0
    assert complaints(place.path) == []


def test_lost_events_are_counted_and_flagged(place: Place) -> None:
    with writer(place.path) as etl:
        etl.lose_events(0, 7)
        etl.add(START_NS, 0, 4, 8, FIRST, b"")
    with open_trace(place.path) as trace:
        assert trace.overview.sessions[0].row["n_events_lost"] == 7
    assert complaints(place.path) == ["buffer_flag_lost", "events_lost"]


def test_a_session_that_never_stopped_keeps_what_was_flushed(place: Place) -> None:
    etl = writer(place.path, buffer_bytes=SMALL)
    for number in range(10):
        etl.add(START_NS + 100 * number, 0, 4, 8, FIRST, bytes(500))
    etl.abandon()
    etl.close()
    assert len(told(place.path)) == 9
    assert "file_not_closed" in complaints(place.path)


def test_an_empty_session_is_a_header_alone(place: Place) -> None:
    place.written([])
    assert place.path.stat().st_size == SMALL
    assert complaints(place.path) == []


def test_the_same_calls_make_the_same_bytes(place: Place) -> None:
    events = [Sent(n % 3, 200, 0, bytes(100)) for n in range(90)]
    place.written(events, seed=3)
    first = place.path.read_bytes()
    place.written(events, seed=3)
    assert place.path.read_bytes() == first
    place.written(events, seed=4)
    assert place.path.read_bytes() != first
