"""Sightings of several hosts by one clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_worlds import ran
from wnv import open_trace
from wnv.arrays import I64
from wnv.clock import NO_TIME
from wnv.errors import WnvError
from wnv.packets.frames import Fragments
from wnv.packets.sightings import PacketRows
from wnv.pipeline.one_clock import OneClock, _merged
from wnv.schema import CLOCKS

SKEW_NS = -1_700_000
"""Of the second host in the lab's overlay."""


def folder() -> Path:
    return ran("overlay-pods").recordings[0].parent


@pytest.fixture(scope="module")
def one_clock() -> Iterator[OneClock]:
    with open_trace(folder(), use_cache=False) as trace:
        found = OneClock.read(trace.stored(), trace.table(CLOCKS.name).to_pylist())
        assert found is not None
        yield found


def test_the_first_host_keeps_its_times_and_the_other_gets_them(one_clock: OneClock) -> None:
    recorded = np.concatenate([rows.ts_ns for rows in one_clock.stored.sightings()])
    point = np.concatenate([rows.point for rows in one_clock.stored.sightings()])
    host = np.array([one.host for one in one_clock.stored.capture.points])
    shifted = np.concatenate([rows.ts_ns for rows in one_clock.sightings()])
    offset = one_clock.clocks[1].offset_ns
    assert abs(offset - SKEW_NS) < 20_000
    assert sorted(shifted.tolist()) == sorted((recorded - np.where(host[point] == 1, offset, 0)).tolist())
    assert (np.diff(shifted) >= 0).all()


def test_it_is_said_what_was_done(one_clock: OneClock) -> None:
    (line,) = one_clock.lines()
    assert line.startswith("the clock of NODE2 is 1.7 ms behind that of NODE1 (± ")
    assert line.endswith("its times are shifted")
    assert one_clock.is_shifted


@pytest.mark.parametrize(
    ("row", "said", "is_shifted"),
    [
        ({"offset_ns": None}, "not known: times as recorded", False),
        ({"offset_ns": 0, "error_ns": 900}, "agrees with that of NODE1 (± 0.9 µs)", False),
        ({"offset_ns": 7200 * 10**9, "rate_ppm": -20.0}, "2 h ahead of that of NODE1 (as far as", True),
        ({"offset_ns": 5000, "rate_ppm": -20.0}, ", 20 ppm slower: its times are shifted", True),
    ],
)  # fmt: skip
def test_of_clocks_of_all_kinds(
    one_clock: OneClock,
    row: dict[str, Any],  # Any: values of a table
    said: str,
    is_shifted: bool,
) -> None:
    first = {**dict.fromkeys(CLOCKS.names), "session_id": 0, "offset_ns": 0, "confidence": 1.0}
    other = {**dict.fromkeys(CLOCKS.names), "session_id": 1, "confidence": 0.9, **row}
    found = OneClock.read(one_clock.stored, [first, other])
    assert found is not None
    assert said in found.lines()[0]
    assert found.is_shifted is is_shifted


def test_a_table_of_other_recordings_is_refused(one_clock: OneClock) -> None:
    with pytest.raises(WnvError, match="contradict"):
        OneClock.read(one_clock.stored, [{**dict.fromkeys(CLOCKS.names), "session_id": 2}])


def test_one_host_has_nothing_to_shift() -> None:
    with open_trace(ran("nat-web").recordings[0], use_cache=False) as trace:
        assert OneClock.read(trace.stored(), trace.table(CLOCKS.name).to_pylist()) is None


def rows_at(times: list[int], first: int, host: int) -> PacketRows:
    """Sightings with a byte each, that of the host."""
    n = len(times)
    data = np.full(n + 256, host, np.uint8)
    event: I64 = first + np.arange(n)
    fragments = Fragments.whole(event, np.arange(n), np.ones(n, np.int64), np.ones(n, np.uint16))
    none = np.zeros(n, np.uint32)
    return PacketRows(
        data, event, np.array(times, np.int64), none, none, fragments, np.ones(n, np.int64), np.full(n, host),
        np.zeros(n, np.uint8),
    )  # fmt: skip


@given(st.lists(st.lists(st.integers(0, 30), max_size=12).map(sorted), min_size=1, max_size=3))
def test_streams_are_merged_by_time_and_each_keeps_its_order(hosts: list[list[int]]) -> None:
    streams = [
        iter([rows_at(times[k : k + 3], k, host) for k in range(0, len(times) + 1, 3)])
        for host, times in enumerate(hosts)
    ]
    found = [
        (int(time), int(host), int(event), int(rows.data[start]))
        for rows in _merged(streams)
        for time, host, event, start in zip(rows.ts_ns, rows.point, rows.event_row, rows.fragments.start, strict=True)
    ]
    assert [time for time, *_ in found] == sorted(time for times in hosts for time in times)
    assert all(byte == host for _, host, _, byte in found)
    for host, times in enumerate(hosts):
        assert [event for _, its_host, event, _ in found if its_host == host] == list(range(len(times)))


def test_a_sighting_without_a_time_stays_where_its_host_had_it() -> None:
    found = [
        rows.ts_ns.tolist() for rows in _merged([iter([rows_at([5, NO_TIME, 9], 0, 0)]), iter([rows_at([6], 0, 1)])])
    ]
    assert [time for part in found for time in part] == [5, NO_TIME, 6, 9]
