"""Clocks against Python's integers, host zones against the zone database, times as people type them."""

from __future__ import annotations

import struct
import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wnv.arrays import I64
from wnv.clock import (
    FILETIME_UNIX_EPOCH,
    NO_TIME,
    Clock,
    ClockKind,
    ComputerZone,
    HostZone,
    TimeFormatter,
    TimeStyle,
    ZoneRule,
    parse_host_zone,
    parse_time,
)
from wnv.errors import UsageError

I64_MAX = 2**63 - 1
S = 1_000_000_000
HOUR_MS = 3_600_000
START_FILETIME = 133_625_243_079_225_833
START_NS = 1_718_050_707_922_583_300
"""START_FILETIME: 2024-06-10 20:18:27.9225833 UTC."""


def i64(*values: int) -> I64:
    return np.array(values, np.int64)


def ns(text: str) -> int:
    """UTC ns of an ISO time to the second."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


# --- ticks


def reference_filetime(kind: int, start: int, base: int, perf_freq: int, mhz: int, tick: int) -> int:
    """etl-format.md §6 in Python's unbounded integers."""
    match kind:
        case 1:
            return start + (tick - base) * 10_000_000 // perf_freq
        case 3:
            return start + (tick - base) * 10 // mhz
        case _:
            return tick


Header = tuple[int, int, int, int, int]
"""Arguments of `Clock.from_header`, in order."""

any_i64 = st.integers(-(2**63), I64_MAX) | st.sampled_from([-(2**63), -(2**63) + 1, -1, 0, 1, I64_MAX])
some_ticks = st.lists(any_i64, min_size=1, max_size=5)
frequencies = st.sampled_from([1, 3, 1_193_182, 3_579_545, 10_000_000, 24_000_000, 2_994_373_000]) | st.integers(
    1, 922_337_203_685
)
headers = st.tuples(
    st.sampled_from([0, 1, 2, 3]),
    any_i64 | st.just(START_FILETIME),
    any_i64,
    frequencies,
    st.integers(1, 2**32 - 1),
)
hard_header = (1, -(2**63), I64_MAX, 922_337_203_685, 1)


@given(headers, some_ticks)
@example(hard_header, [-(2**63) + 1, 0, I64_MAX])
@example((1, I64_MAX, -(2**63), 1, 1), [-(2**63) + 1, -(2**63) + 2, I64_MAX])
def test_filetimes_equal_unbounded_integers_or_are_null(header: Header, ticks: list[int]) -> None:
    kind, start, base, perf_freq, mhz = header
    clock = Clock.from_header(kind, start, base, perf_freq, mhz)
    for tick, got in zip(ticks, clock.filetime(i64(*ticks)).tolist(), strict=True):
        wanted = reference_filetime(kind, start, base, perf_freq, mhz, tick)
        assert got == (wanted if tick != NO_TIME and -(2**63) < wanted <= I64_MAX else NO_TIME)


@given(headers, some_ticks)
@example(hard_header, [-(2**63) + 1, 0, I64_MAX])
def test_times_equal_unbounded_integers_or_are_null(header: Header, ticks: list[int]) -> None:
    kind, start, base, perf_freq, mhz = header
    clock = Clock.from_header(kind, start, base, perf_freq, mhz)
    for tick, got in zip(ticks, clock.ts_ns(i64(*ticks)).tolist(), strict=True):
        wanted = (reference_filetime(kind, start, base, perf_freq, mhz, tick) - FILETIME_UNIX_EPOCH) * 100
        assert got == (wanted if tick != NO_TIME and -(2**63) < wanted <= I64_MAX else NO_TIME)


@given(headers, some_ticks)
@example((1, 0, 0, 9_223_372_036_853, 1), [NO_TIME, I64_MAX, -I64_MAX])
def test_durations_equal_unbounded_integers_or_are_null(header: Header, ticks: list[int]) -> None:
    kind, _, _, perf_freq, mhz = header
    clock = Clock.from_header(*header)
    frequency = {1: perf_freq, 3: mhz * 1_000_000}.get(kind, 10_000_000)
    for tick, got in zip(ticks, clock.duration_ns(i64(*ticks)).tolist(), strict=True):
        wanted = tick * S // frequency if clock.kind is not None else NO_TIME
        assert got == (wanted if tick != NO_TIME and -(2**63) < wanted <= I64_MAX else NO_TIME)


@given(headers, any_i64)
@example((1, START_FILETIME, 12_345, 3_579_545, 1), START_NS)
def test_ticks_of_is_the_first_tick_at_or_after_a_time(header: Header, ts_ns: int) -> None:
    tick = Clock.from_header(*header).ticks_of(ts_ns)
    assert tick is not None
    earliest = max(ts_ns, -(I64_MAX // 100) * 100)  # before that no tick has a time

    def time_of(tick: int) -> int:
        return (reference_filetime(*header, tick) - FILETIME_UNIX_EPOCH) * 100

    assert -(2**63) < tick <= I64_MAX
    assert time_of(tick) >= earliest or tick == I64_MAX
    assert time_of(tick - 1) < earliest or tick - 1 == NO_TIME


@pytest.mark.parametrize(
    ("clock_type", "perf_freq", "cpu_mhz"),
    [
        (4, 10_000_000, 2594),
        (-1, 10_000_000, 2594),
        (1, 0, 2594),
        (1, -1, 2594),
        (1, I64_MAX, 2594),
        (3, 10_000_000, 0),
    ],
)
def test_a_header_without_a_usable_clock_gives_no_times(clock_type: int, perf_freq: int, cpu_mhz: int) -> None:
    clock = Clock.from_header(clock_type, START_FILETIME, 5, perf_freq, cpu_mhz)
    assert clock.kind is None
    assert clock.start_filetime == START_FILETIME
    assert clock.filetime(i64(5, 6)).tolist() == [NO_TIME, NO_TIME]
    assert clock.ts_ns(i64(5, 6)).tolist() == [NO_TIME, NO_TIME]
    assert clock.duration_ns(i64(1)).tolist() == [NO_TIME]
    assert clock.ticks_of(START_NS) is None
    assert clock.resolution() == "unknown clock"


def test_a_tick_of_the_header_event_is_the_start_of_the_session() -> None:
    qpc = Clock.from_header(1, START_FILETIME, 777, 10_000_000, 2594)
    assert qpc.kind is ClockKind.QPC
    assert qpc.ts_ns(i64(777, 778, 776)).tolist() == [START_NS, START_NS + 100, START_NS - 100]
    assert Clock.from_header(2, 1, 777, 0, 0).ts_ns(i64(START_FILETIME)).tolist() == [START_NS]
    assert Clock.from_header(0, 1, 777, 0, 0).ts_ns(i64(START_FILETIME)).tolist() == [START_NS]
    assert Clock.from_header(3, START_FILETIME, 0, 0, 2594).ts_ns(i64(2594)).tolist() == [START_NS + 1000]


def test_empty_columns_stay_empty() -> None:
    clock = Clock.from_header(1, START_FILETIME, 777, 3_579_545, 2594)
    assert len(clock.ts_ns(i64())) == len(clock.filetime(i64())) == len(clock.duration_ns(i64())) == 0


@pytest.mark.parametrize(
    ("clock", "timer_resolution", "words"),
    [
        (Clock.from_header(1, 0, 0, 10_000_000, 0), 156_250, "QPC at 10,000,000 Hz"),
        (Clock.from_header(2, 0, 0, 0, 0), None, "system time"),
        (Clock.from_header(2, 0, 0, 0, 0), 156_250, "system time, 15.62 ms steps"),
        (Clock.from_header(0, 0, 0, 0, 0), 10_000, "system time, 1 ms steps"),
        (Clock.from_header(3, 0, 0, 0, 2594), None, "CPU cycles at 2594 MHz"),
    ],
)
def test_the_resolution_reads_as_words(clock: Clock, timer_resolution: int | None, words: str) -> None:
    assert clock.resolution(timer_resolution) == words


# --- zones

SUNDAY = 0
PACIFIC = HostZone(
    480,
    "@tzres.dll,-212", 0, ZoneRule(0, 11, SUNDAY, 1, 2 * HOUR_MS),
    "@tzres.dll,-211", -60, ZoneRule(0, 3, SUNDAY, 2, 2 * HOUR_MS),
)  # fmt: skip
BERLIN = HostZone(
    -60,
    "@tzres.dll,-322", 0, ZoneRule(0, 10, SUNDAY, 5, 3 * HOUR_MS),
    "@tzres.dll,-321", -60, ZoneRule(0, 3, SUNDAY, 5, 2 * HOUR_MS),
)  # fmt: skip
SYDNEY = HostZone(
    -600,
    "@tzres.dll,-672", 0, ZoneRule(0, 4, SUNDAY, 1, 3 * HOUR_MS),
    "@tzres.dll,-671", -60, ZoneRule(0, 10, SUNDAY, 1, 2 * HOUR_MS),
)  # fmt: skip
INDIA = HostZone(-330, "@tzres.dll,-492", 0, None, "@tzres.dll,-491", -60, None)
UTC_HOST = HostZone(0, "@tzres.dll,-932", 0, None, "@tzres.dll,-931", 0, None)


def offset_in(zone: tzinfo, at: datetime) -> int:
    """Seconds from UTC by Python's zone database."""
    return round((at.astimezone(zone).replace(tzinfo=UTC) - at).total_seconds())


@pytest.mark.parametrize(
    ("zone", "name"),
    [(PACIFIC, "America/Los_Angeles"), (BERLIN, "Europe/Berlin"), (SYDNEY, "Australia/Sydney")],
)
def test_offsets_agree_with_the_zone_database_from_2010_to_2030(zone: HostZone, name: str) -> None:
    try:
        reference = zoneinfo.ZoneInfo(name)
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no zone database on this computer")
    # Every six hours of the 21 years, and around each change the hours and the seconds beside them.
    times = [datetime(2010, 1, 1, tzinfo=UTC) + timedelta(hours=6 * k) for k in range(21 * 365 * 4)]
    changes = [
        later for earlier, later in pairwise(times) if offset_in(reference, earlier) != offset_in(reference, later)
    ]
    assert len(changes) == 42
    around = [change + timedelta(hours=k, seconds=s) for change in changes for k in range(-48, 49) for s in (-1, 0)]
    times += around
    wanted = [offset_in(reference, at) for at in times]
    got = zone.offset_seconds(i64(*(int(at.timestamp()) * S for at in times)))
    assert got.tolist() == wanted


def test_a_zone_changes_over_at_the_nanosecond() -> None:
    change = ns("2024-03-10T10:00:00")
    assert PACIFIC.offset_seconds(i64(change - 1, change)).tolist() == [-8 * 3600, -7 * 3600]


def test_a_rule_with_a_year_happens_once() -> None:
    zone = HostZone(
        0,
        "Standard",
        0,
        ZoneRule(2011, 10, 0, 30, 3 * HOUR_MS),
        "Daylight",
        -60,
        ZoneRule(2011, 3, 0, 27, HOUR_MS),
    )
    at = ["2010-07-01", "2011-03-26", "2011-07-01", "2011-11-01", "2012-07-01"]
    assert zone.offset_seconds(i64(*map(ns, at))).tolist() == [0, 0, 3600, 0, 0]


@pytest.mark.parametrize(
    ("zone", "at", "label"),
    [
        (PACIFIC, "2024-06-10", "UTC-07:00 (Pacific Daylight Time)"),
        (PACIFIC, "2024-01-10", "UTC-08:00 (Pacific Standard Time)"),
        (SYDNEY, "2024-01-10", "UTC+11:00 (AUS Eastern Daylight Time)"),
        (INDIA, "2024-01-10", "UTC+05:30 (India Standard Time)"),
        (UTC_HOST, "2024-01-10", "UTC+00:00 (Coordinated Universal Time)"),
        (HostZone(0), "2024-01-10", "UTC+00:00"),
        (HostZone(-60, "Mitteleuropäische Zeit"), "2024-01-10", "UTC+01:00 (Mitteleuropäische Zeit)"),
        (HostZone(-60, "@tzres.dll,-9999"), "2024-01-10", "UTC+01:00"),
        (HostZone(-60, "@other.dll,-212"), "2024-01-10", "UTC+01:00"),
        (
            HostZone(480, r"@%SystemRoot%\System32\TZRES.dll,-212"),
            "2024-01-10",
            "UTC-08:00 (Pacific Standard Time)",
        ),
        (HostZone(210), "2024-01-10", "UTC-03:30"),
    ],
)
def test_a_zone_is_labelled_by_offset_and_english_name(zone: HostZone, at: str, label: str) -> None:
    assert zone.label(ns(at)) == label


def zone_bytes(
    bias: int = 480,
    names: tuple[str, str] = ("@tzres.dll,-212", "@tzres.dll,-211"),
    biases: tuple[int, ...] = (0, -60),
    standard: tuple[int, ...] = (0, 11, 0, 1, 2, 0, 0, 0),
    daylight: tuple[int, ...] = (0, 3, 0, 2, 2, 0, 0, 0),
) -> bytes:
    """TIME_ZONE_INFORMATION, 0xAC bytes; dates are SYSTEMTIMEs (year, month, weekday, day, h, m, s, ms)."""
    return struct.pack(
        "<i64s8Hi64s8Hi",
        bias, names[0].encode("utf-16-le"), *standard, biases[0],
        names[1].encode("utf-16-le"), *daylight, biases[1],
    )  # fmt: skip


def test_the_header_zone_is_read_whole() -> None:
    assert parse_host_zone(zone_bytes()) == PACIFIC


@pytest.mark.parametrize(
    "raw",
    [
        zone_bytes(standard=(0, 13, 0, 1, 2, 0, 0, 0)),
        zone_bytes(standard=(0, 0, 0, 0, 0, 0, 0, 0)),
        zone_bytes(daylight=(0, 3, 7, 2, 2, 0, 0, 0)),
        zone_bytes(daylight=(0, 3, 0, 0, 2, 0, 0, 0)),
        zone_bytes(daylight=(0, 3, 0, 6, 2, 0, 0, 0)),
        zone_bytes(daylight=(0, 3, 0, 2, 24, 0, 0, 0)),
        zone_bytes(daylight=(0, 3, 0, 2, 2, 60, 0, 0)),
        zone_bytes(daylight=(0, 3, 0, 2, 2, 0, 0, 1000)),
        zone_bytes(daylight=(2023, 2, 0, 29, 2, 0, 0, 0)),
        zone_bytes(daylight=(1600, 3, 0, 2, 2, 0, 0, 0)),
        zone_bytes(biases=(0, -5000)),
        zone_bytes(biases=(2_000_000_000, -60)),
    ],
)
def test_a_zone_with_impossible_rules_has_no_daylight_time(raw: bytes) -> None:
    zone = parse_host_zone(raw)
    assert zone.is_valid
    assert zone.offset_seconds(i64(ns("2024-01-10"), ns("2024-07-10"))).tolist() == [-8 * 3600] * 2


@pytest.mark.parametrize("raw", [zone_bytes(bias=1441), zone_bytes(bias=-(2**31)), b"", zone_bytes()[:-1]])
def test_a_zone_that_makes_no_sense_is_utc_and_says_so(raw: bytes) -> None:
    zone = parse_host_zone(raw)
    assert not zone.is_valid
    assert zone.label(START_NS) == "UTC+00:00"


def test_names_from_the_file_cannot_steer_a_terminal() -> None:
    zone = parse_host_zone(zone_bytes(names=("\x1b]0;owned\x07\u202eStandard", "x")))
    assert zone.standard_name == "]0;ownedStandard"


@given(st.binary(min_size=0xAC, max_size=0xAC), some_ticks)
def test_any_zone_bytes_give_offsets_within_a_day(raw: bytes, times: list[int]) -> None:
    zone = parse_host_zone(raw)
    assert (np.abs(zone.offset_seconds(i64(*times))) <= 86_400).all()
    assert zone.label(times[0]).startswith("UTC")


rule_dates = st.tuples(
    st.sampled_from([0, 0, 0, 2024]), st.integers(1, 12), st.integers(0, 6), st.integers(1, 5),
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999),
)  # fmt: skip


@given(st.integers(-720, 720), rule_dates, rule_dates, some_ticks)
def test_any_possible_rules_give_one_of_the_two_offsets(
    bias: int, standard: tuple[int, ...], daylight: tuple[int, ...], times: list[int]
) -> None:
    zone = parse_host_zone(zone_bytes(bias=bias, standard=standard, daylight=daylight))
    assert set(zone.offset_seconds(i64(*times)).tolist()) <= {-60 * bias, -60 * (bias - 60)}


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its zone for one process")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_the_zone_of_this_computer_is_asked_for_each_instant() -> None:
    change = ns("2024-03-31T01:00:00")
    times = i64(change, change - 1, ns("2024-12-01"))
    assert ComputerZone().offset_seconds(times).tolist() == [7200, 3600, 3600]


# --- times as text


def texts(style: TimeStyle, *times: int, zone: HostZone | None = PACIFIC, start_ns: int = START_NS) -> list[str]:
    return TimeFormatter(style, zone, start_ns).format(i64(*times))


def test_times_are_shown_in_the_zone_of_the_style() -> None:
    assert texts(TimeStyle.HOST, START_NS) == ["2024-06-10 13:18:27.9225833"]
    assert texts(TimeStyle.UTC, START_NS) == ["2024-06-10 20:18:27.9225833"]
    assert texts(TimeStyle.HOST, START_NS, zone=None) == ["2024-06-10 20:18:27.9225833"]


@pytest.mark.usefixtures("in_berlin")
def test_local_times_are_those_of_this_computer() -> None:
    assert texts(TimeStyle.LOCAL, START_NS) == ["2024-06-10 22:18:27.9225833"]
    shown = TimeFormatter(TimeStyle.LOCAL, PACIFIC, START_NS)
    assert shown.header == "time (this computer, UTC+02:00)"
    assert shown.note == "Times are in the zone of this computer, UTC+02:00."


def test_seconds_since_start_may_be_negative() -> None:
    got = texts(TimeStyle.RELATIVE, START_NS, START_NS + 90 * S + 100, START_NS - 100, NO_TIME)
    assert got == ["0.0000000", "90.0000001", "-0.0000001", ""]
    assert texts(TimeStyle.RELATIVE, START_NS, start_ns=NO_TIME) == [""]


def test_seconds_since_the_row_before_go_on_across_batches_and_skip_nulls() -> None:
    shown = TimeFormatter(TimeStyle.DELTA, None, START_NS)
    assert shown.format(i64(START_NS, NO_TIME, START_NS + S)) == ["0.0000000", "", "1.0000000"]
    assert shown.format(i64()) == []
    assert shown.format(i64(START_NS + S // 2)) == ["-0.5000000"]


@pytest.mark.parametrize("style", TimeStyle)
def test_a_null_time_is_an_empty_cell(style: TimeStyle) -> None:
    assert texts(style, NO_TIME, NO_TIME) == ["", ""]
    assert texts(style) == []


def test_times_across_a_change_of_the_zone_carry_their_offsets() -> None:
    first, second = ns("2024-11-03T08:30:00"), ns("2024-11-03T09:30:00")
    assert texts(TimeStyle.HOST, first, NO_TIME, second, start_ns=first) == [
        "2024-11-03 01:30:00.0000000-07:00",
        "",
        "2024-11-03 01:30:00.0000000-08:00",
    ]
    # A batch that lies wholly after the change differs from what the header says.
    assert texts(TimeStyle.HOST, second, start_ns=first) == ["2024-11-03 01:30:00.0000000-08:00"]
    assert texts(TimeStyle.HOST, first, start_ns=first) == ["2024-11-03 01:30:00.0000000"]


def test_the_ends_of_time_are_shown_in_any_zone() -> None:
    assert texts(TimeStyle.HOST, I64_MAX, -I64_MAX, zone=INDIA) == [
        "2262-04-12 05:17:16.8547758",
        "1677-09-21 05:42:43.1452241",
    ]
    assert texts(TimeStyle.RELATIVE, I64_MAX, start_ns=-I64_MAX) == ["18446744073.7095517"]


@pytest.mark.parametrize(
    ("style", "zone", "header", "note"),
    [
        (TimeStyle.HOST, PACIFIC, "time (UTC-07:00, host)",
         "Times are in the zone of the recorded host, UTC-07:00 (Pacific Daylight Time)."),
        (TimeStyle.HOST, None, "time (UTC)",
         "Times are in UTC: the recording does not tell its host's zone."),
        (TimeStyle.HOST, HostZone(0, is_valid=False), "time (UTC)",
         "Times are in UTC: the recording does not tell its host's zone."),
        (TimeStyle.UTC, PACIFIC, "time (UTC)", "Times are in UTC."),
        (TimeStyle.RELATIVE, PACIFIC, "seconds since start",
         "Times are seconds since the recording's start at 2024-06-10 13:18:27.9225833 (UTC-07:00)."),
        (TimeStyle.DELTA, PACIFIC, "seconds since the row before", "Times are seconds since the row before."),
    ],
)  # fmt: skip
def test_header_and_note_name_the_zone(style: TimeStyle, zone: HostZone | None, header: str, note: str) -> None:
    shown = TimeFormatter(style, zone, START_NS)
    assert (shown.header, shown.note) == (header, note)


# --- times as typed

END_NS = START_NS + 8 * 3600 * S
"""04:18:27 of the next day, UTC."""


def typed(
    text: str,
    *,
    style: TimeStyle = TimeStyle.UTC,
    zone: HostZone | None = PACIFIC,
    start_ns: int = START_NS,
    end_ns: int | None = END_NS,
) -> int:
    return parse_time(text, zone=zone, start_ns=start_ns, end_ns=end_ns, style=style)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-06-10T20:18:27Z", ns("2024-06-10T20:18:27")),
        ("2024-06-10 20:18:27.9225833", START_NS),
        ("2024-06-10 20:18:27,5", ns("2024-06-10T20:18:27") + S // 2),
        ("2024-06-10 20:18:27.000000001z", ns("2024-06-10T20:18:27") + 1),
        ("2024-06-10 22:18+02:00", ns("2024-06-10T20:18:00")),
        ("2024-06-10 22:18:00 +0200", ns("2024-06-10T20:18:00")),
        ("2024-06-10T13:18-07", ns("2024-06-10T20:18:00")),
        (" 2024-06-10 ", ns("2024-06-10")),
        ("20:18:27.5", ns("2024-06-10T20:18:27") + S // 2),
        ("23:00", ns("2024-06-10T23:00:00")),
        ("01:30:00", ns("2024-06-11T01:30:00")),
        ("12:00", ns("2024-06-10T12:00:00")),
        ("13:18:27-07:00", ns("2024-06-10T20:18:27")),
        ("0", START_NS),
        ("12.5", START_NS + 12 * S + S // 2),
        ("+12.5", START_NS + 12 * S + S // 2),
        ("12.5s", START_NS + 12 * S + S // 2),
        ("1m30s", START_NS + 90 * S),
        ("1h0.5m", START_NS + 3630 * S),
        ("250ms", START_NS + 250_000_000),
        ("10us", START_NS + 10_000),
        ("10µs", START_NS + 10_000),
        ("7ns", START_NS + 7),
        ("-30s", END_NS - 30 * S),
        ("-1m30s", END_NS - 90 * S),
        ("-0.5", END_NS - S // 2),
        ("1718050707922583300", START_NS),
        ("100000000000000000", 10**17),
    ],
)
def test_every_accepted_form_means_one_instant(text: str, wanted: int) -> None:
    assert typed(text) == wanted


def test_times_without_an_offset_are_in_the_zone_of_the_style() -> None:
    evening = ns("2024-06-11T03:00:00")
    assert typed("2024-06-10 20:00", style=TimeStyle.HOST) == evening
    assert typed("2024-06-10 20:00", style=TimeStyle.RELATIVE) == evening
    assert typed("20:00", style=TimeStyle.HOST) == evening
    assert typed("2024-06-11 03:00", style=TimeStyle.HOST, zone=None) == evening


@pytest.mark.usefixtures("in_berlin")
def test_local_style_reads_times_in_the_zone_of_this_computer() -> None:
    assert typed("2024-06-10 22:00", style=TimeStyle.LOCAL) == ns("2024-06-10T20:00:00")
    assert typed("2024-01-10 22:00", style=TimeStyle.LOCAL) == ns("2024-01-10T21:00:00")


def test_a_wall_time_that_occurs_twice_means_the_first_and_a_skipped_one_counts_on() -> None:
    assert typed("2024-11-03 01:30", style=TimeStyle.HOST) == ns("2024-11-03T08:30:00")
    assert typed("2024-03-10 02:30", style=TimeStyle.HOST) == ns("2024-03-10T10:30:00")


def test_a_time_of_day_before_the_start_stays_on_the_first_day_unless_the_next_day_has_it() -> None:
    assert typed("19:00", end_ns=None) == ns("2024-06-10T19:00:00")
    assert typed("05:00") == ns("2024-06-10T05:00:00")
    assert typed("04:00") == ns("2024-06-11T04:00:00")


@pytest.mark.parametrize(
    "text",
    ["", " ", "nan", "inf", "-inf", "1e5", "0x10", "1_000", "٣", "yesterday", "12.5.5", "--30s", "s", "5 s",
     "5d", "30s1m", "1m1m", "1.5m30s", "8640001", "-101d", "20240610", "1718050707", "9" * 19,
     "9" * 60, "9" * 5000, "2024-13-01", "2024-02-30", "2024-06-10 24:00", "2024-06-10 20:60", "2024-06-10T",
     "2024-06-10-07", "2024-06-10 20:18+25:00", "2024-06-10 20:18 CET", "1600-01-01", "9999-01-01",
     "0000-00-00", "25:00", "12:00:60", "2024-06-10 20:18:27.1234567890"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_was_found_and_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        typed(text)
    assert repr(text.strip())[:40] in caught.value.text
    assert len(caught.value.text) < 200
    assert "2024-06-10 20:18:27.5" in caught.value.advice


@pytest.mark.parametrize(
    ("text", "start_ns", "end_ns"),
    [
        ("12.5", NO_TIME, END_NS),
        ("20:18", NO_TIME, END_NS),
        ("-30s", START_NS, None),
        ("-30s", START_NS, NO_TIME),
    ],
)
def test_times_relative_to_an_unknown_start_or_end_are_refused(text: str, start_ns: int, end_ns: int | None) -> None:
    with pytest.raises(UsageError, match="is unknown"):
        typed(text, start_ns=start_ns, end_ns=end_ns)


@settings(max_examples=200)
@given(
    st.text(st.sampled_from("0123456789:-+.,TZ hmsunµ"), max_size=30) | st.text(max_size=20),
    any_i64,
    any_i64 | st.none(),
    st.sampled_from(TimeStyle),
)
def test_any_text_gives_an_int64_or_a_usage_error(
    text: str, start_ns: int, end_ns: int | None, style: TimeStyle
) -> None:
    try:
        got = typed(text, start_ns=start_ns, end_ns=end_ns, style=style)
    except UsageError:
        return
    assert -(2**63) < got <= I64_MAX


@given(
    st.integers(ns("1990-01-01") // 100, ns("2100-01-01") // 100),
    st.sampled_from([PACIFIC, SYDNEY, INDIA, None]),
)
def test_a_time_that_was_shown_can_be_typed(units: int, zone: HostZone | None) -> None:
    ts_ns = units * 100
    for style in (TimeStyle.HOST, TimeStyle.UTC):
        shown = texts(style, ts_ns, zone=zone)[0]
        wanted = ts_ns
        if style is TimeStyle.HOST and zone and shown[-6] not in "+-":
            # Without its offset, the second pass through a repeated hour reads as the first.
            before = ts_ns - 3600 * S
            wanted = before if texts(style, before, zone=zone)[0][:27] == shown else ts_ns
        assert typed(shown, style=style, zone=zone) == wanted
