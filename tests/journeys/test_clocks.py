"""The clocks of hosts are brought together by packets that both saw; what does not bound them is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.arrays import I64
from wnv.clock import NO_TIME
from wnv.journeys.clocks import NO_CLOCK, Crossings, HostClock, Seen, clock_columns, estimate_clocks, find_crossings
from wnv.packets.points import IN, OUT

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000
START_NS = 1_772_442_000 * SECOND
HOUR = 3600 * SECOND


def crossings(
    n: int, ahead_ns: dict[int, int], *, ppm: dict[int, float] | None = None, seconds: float = 1.0, seed: int = 1,
    pairs: tuple[tuple[int, int], ...] = ((0, 1), (1, 0)), fastest_ns: int = 20 * US,
) -> Crossings:  # fmt: skip
    """`n` packets each way between hosts whose clocks are ahead, and run fast, by so much."""
    random = np.random.default_rng(seed)
    parts = []
    for sender, receiver in pairs:
        sent = np.sort(random.integers(0, round(seconds * SECOND), n))
        took = fastest_ns + random.exponential(100 * US, n).astype(np.int64)

        def read(host: int, true: I64) -> I64:
            fast = (true * ((ppm or {}).get(host, 0.0) / 1e6)).astype(np.int64)
            return START_NS + true + fast + ahead_ns.get(host, 0)

        parts.append((np.full(n, sender), np.full(n, receiver), read(sender, sent), read(receiver, sent + took)))
    return Crossings(*(np.concatenate([part[k] for part in parts]) for k in range(4)))


def error_of(clock: HostClock, ahead_ns: int, ppm: float = 0.0, seconds: float = 1.0) -> int:
    """How far off the corrected time is at the worst moment of the recording."""
    true = np.linspace(0, seconds * SECOND, 50).astype(np.int64)
    own = START_NS + true + (true * (ppm / 1e6)).astype(np.int64) + ahead_ns
    return int(np.abs(clock.corrected(own) - (START_NS + true)).max())


@pytest.mark.parametrize("ahead_ns", [0, -1_700_000, 5 * HOUR, -400 * 24 * HOUR])
def test_the_skew_is_right_to_within_its_error(ahead_ns: int) -> None:
    first, second = estimate_clocks(crossings(200, {1: ahead_ns}), 2)
    assert first == HostClock(n_sent=200, n_received=200)
    assert second.error_ns is not None
    assert error_of(second, ahead_ns) <= second.error_ns < 60 * US
    assert (second.rate, second.confidence) == (0.0, 0.9)


def test_no_packet_comes_before_it_was_sent() -> None:
    found = crossings(50, {1: 3 * MS, 2: -2 * MS}, pairs=((0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2)))
    clocks = estimate_clocks(found, 3)
    for sender in range(3):
        for receiver in range(3):
            mine = found.take((found.sender == sender) & (found.receiver == receiver))
            took = clocks[receiver].corrected(mine.received_ns) - clocks[sender].corrected(mine.sent_ns)
            assert (took >= 0).all()


def test_a_faster_clock_is_found_where_a_constant_difference_contradicts_the_packets() -> None:
    found = crossings(2000, {1: 40 * MS}, ppm={1: 30.0}, seconds=600)
    _, second = estimate_clocks(found, 2)
    assert second.rate * 1e6 == pytest.approx(30.0, abs=0.5)
    assert error_of(second, 40 * MS, 30.0, 600) < 100 * US


def test_clocks_that_run_alike_have_no_rate() -> None:
    _, second = estimate_clocks(crossings(2000, {1: 40 * MS}, seconds=600), 2)
    assert second.rate == 0.0


def test_one_direction_is_only_a_bound() -> None:
    _, second = estimate_clocks(crossings(100, {1: 3 * MS}, pairs=((0, 1),)), 2)
    assert second.error_ns is None
    assert second.confidence == 0.5
    assert "one way only" in second.reason
    assert 3 * MS <= second.offset_ns < 3 * MS + 100 * US


def test_hosts_without_a_common_packet_keep_their_own_times() -> None:
    _, second, third = estimate_clocks(crossings(100, {1: 3 * MS}), 3)
    assert second.is_known
    assert third == NO_CLOCK
    assert third.corrected(np.array([5], np.int64)).tolist() == [5]


def test_a_host_is_reached_over_another() -> None:
    found = crossings(100, {1: 3 * MS, 2: HOUR}, pairs=((0, 1), (1, 0), (1, 2), (2, 1)))
    _, _, third = estimate_clocks(found, 3)
    assert third.error_ns is not None
    assert error_of(third, HOUR) <= third.error_ns < 120 * US


def test_two_packets_taken_for_one_do_not_spoil_the_estimate() -> None:
    found = crossings(200, {1: 3 * MS})
    received = found.received_ns.copy()
    received[17] -= 500 * MS
    _, second = estimate_clocks(Crossings(found.sender, found.receiver, found.sent_ns, received), 2)
    assert error_of(second, 3 * MS) < 60 * US


def test_a_clock_that_was_set_is_said_to_be_uneven() -> None:
    found = crossings(500, {1: 0}, seconds=10)
    received, sent = found.received_ns.copy(), found.sent_ns.copy()
    late = (found.sent_ns - START_NS) > 5 * SECOND
    received[late & (found.receiver == 1)] += 300 * MS
    sent[late & (found.sender == 1)] += 300 * MS
    _, second = estimate_clocks(Crossings(found.sender, found.receiver, sent, received), 2)
    assert second.confidence == 0.3
    assert second.error_ns is not None
    assert second.error_ns > 100 * MS


_TIMES = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.integers(START_NS, START_NS + SECOND),
    st.sampled_from([NO_TIME, NO_TIME + 1, -(1 << 62), (1 << 63) - 1]),
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), _TIMES, _TIMES), max_size=30))
def test_times_of_any_year_give_a_clock(rows: list[tuple[int, int, int, int]]) -> None:
    columns = [np.array([row[k] for row in rows], np.int64) for k in range(4)]
    found = Crossings(*columns).take(columns[0] != columns[1])
    clocks = estimate_clocks(found, 4)
    assert len(clocks) == 4
    for one in clocks:
        assert 0 <= one.confidence <= 1
        assert len(one.corrected(np.array([NO_TIME, NO_TIME + 1, 0, (1 << 63) - 1], np.int64))) == 4
    assert len(clock_columns(clocks, [0, 1, 2, 3], ["a", "", "", ""])["offset_ns"]) == 4


def seen(*rows: tuple[int, int, int, int, int]) -> Seen:
    """Host, identity, time, place, direction."""
    host, identity, ts_ns, place, direction = (np.array([row[k] for row in rows], np.int64) for k in range(5))
    return Seen(host, identity, np.full(len(rows), -1), np.zeros(len(rows), np.int64), ts_ns, place, direction)


def told(found: Crossings) -> list[tuple[int, int, int, int]]:
    columns = (found.sender, found.receiver, found.sent_ns, found.received_ns)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def test_of_a_packet_the_last_sighting_before_the_wire_and_the_first_behind_it_count() -> None:
    rows = [(0, 7, 10, 1, OUT), (0, 7, 12, 2, OUT), (1, 7, 30, 3, IN), (1, 7, 31, 4, IN)]
    assert told(find_crossings(seen(*rows))) == [(0, 1, 12, 30)]


def test_packets_alike_are_left_out() -> None:
    rows = [(0, 7, 10, 1, OUT), (0, 7, 15, 1, OUT), (1, 7, 30, 3, IN), (0, 8, 11, 1, OUT), (1, 8, 31, 3, IN)]
    assert told(find_crossings(seen(*rows))) == [(0, 1, 11, 31)]


def test_a_broadcast_comes_to_all() -> None:
    rows = [(0, 7, 10, 1, OUT), (1, 7, 30, 3, IN), (2, 7, 40, 5, IN)]
    assert told(find_crossings(seen(*rows))) == [(0, 1, 10, 30), (0, 2, 10, 40)]


def test_what_comes_from_elsewhere_to_both_says_nothing() -> None:
    assert told(find_crossings(seen((0, 7, 10, 1, IN), (1, 7, 30, 3, IN), (1, 0, 30, 3, OUT)))) == []


def test_payloads_that_differ_are_different_packets() -> None:
    one = seen((0, 7, 10, 1, OUT), (1, 7, 30, 3, IN))
    other = Seen(
        one.host, one.identity, np.array([3, 4], np.int64), one.stations, one.ts_ns, one.place, one.direction
    )  # fmt: skip
    assert told(find_crossings(other)) == []
