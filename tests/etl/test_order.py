from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.arrays import I64
from wnv.etl import order
from wnv.etl.order import Gap, Spans, find_gaps, plan_windows

MIN, MAX = -(2**63), 2**63 - 1
FAR = 1 << 30

Keys = list[list[int]]
"""The keys of the events of each buffer."""


def spans_of(buffers: Keys) -> Spans:
    return Spans(
        np.array([len(keys) for keys in buffers], np.int32),
        np.array([min(keys, default=0) for keys in buffers], np.int64),
        np.array([max(keys, default=0) for keys in buffers], np.int64),
    )


def delivered(buffers: Keys, sizes: I64, budget: int) -> tuple[list[tuple[int, int, int]], list[int]]:
    """(key, buffer, place) in the order in which windows hand them on, and the bytes of each window."""
    windows, is_global = plan_windows(spans_of(buffers), sizes, budget)
    assert is_global
    found: list[tuple[int, int, int]] = []
    for window in windows:
        rows = [(key, int(k), at) for k in window.rows for at, key in enumerate(buffers[k])]
        held = window.holds(np.array([key for key, _, _ in rows], np.int64))
        mine = [row for row, is_held in zip(rows, held.tolist(), strict=True) if is_held]
        found += sorted(mine, key=lambda row: row[0])
    return found, [int(sizes[window.rows].sum()) for window in windows]


keys = st.integers(0, 30) | st.sampled_from((MIN, MIN + 1, -1, MAX - 1, MAX))


@given(
    buffers=st.lists(st.lists(keys, max_size=6), max_size=14),
    size=st.integers(72, 500),
    budget=st.integers(1, 3000),
)
def test_windows_hold_every_event_once_in_one_order(buffers: Keys, size: int, budget: int) -> None:
    sizes = np.full(len(buffers), size, np.int64)
    found, _ = delivered(buffers, sizes, budget)
    everything = [(key, k, at) for k, mine in enumerate(buffers) for at, key in enumerate(mine)]
    assert found == sorted(everything, key=lambda row: row[0])


def test_windows_keep_to_the_budget_where_buffers_do_not_overlap() -> None:
    buffers = [[10 * k, 10 * k + 9] for k in range(100)]
    _, loaded = delivered(buffers, np.full(100, 1000, np.int64), 5000)
    assert max(loaded) <= 5000
    assert sum(loaded) == 100_000


def test_a_buffer_that_reaches_over_everything_is_loaded_with_each_window() -> None:
    buffers = [[0, 1000], *([10 * k, 10 * k + 9] for k in range(100))]
    _, loaded = delivered(buffers, np.full(101, 1000, np.int64), 5000)
    assert max(loaded) <= 5000
    assert sum(loaded) < 2 * 101_000


@pytest.mark.parametrize("n_buffers", [300, 600])
def test_many_overlapping_buffers_are_read_a_few_times_in_all(n_buffers: int) -> None:
    # each buffer reaches over the next 100: windows grow rather than to be read again and again
    buffers = [[k, k + 100] for k in range(n_buffers)]
    _, loaded = delivered(buffers, np.full(n_buffers, 1000, np.int64), 1)
    assert sum(loaded) <= 3 * n_buffers * 1000


def test_equal_times_stay_in_one_window() -> None:
    windows, _ = plan_windows(spans_of([[5]] * 50), np.full(50, 1000, np.int64), 100)
    assert [window.rows.tolist() for window in windows] == [list(range(50))]


def test_nothing_needs_no_window() -> None:
    assert plan_windows(spans_of([]), np.zeros(0, np.int64)) == ([], True)
    assert plan_windows(spans_of([[], []]), np.full(2, 72, np.int64)) == ([], True)


def test_too_much_overlap_gives_up_the_global_order() -> None:
    n = 200
    size = order.SLICE_BYTES_MAX // 50
    buffers = [[k, 10_000] for k in range(n)]
    windows, is_global = plan_windows(spans_of(buffers), np.full(n, size, np.int64))
    assert not is_global
    assert sorted(row for window in windows for row in window.rows.tolist()) == list(range(n))
    assert all(window.holds(np.array([MIN, 0, MAX])).all() for window in windows)
    assert max(len(window.rows) for window in windows) * size <= order.SLICE_BYTES + size


# ---------------------------------------------------------------------------------------------------------- gaps


def gaps_of(*buffers: tuple[int, int, int, int]) -> order.Gaps:
    """Of buffers (sequence, processor, first time, last time)."""
    columns = np.array(buffers, np.int64).reshape(-1, 4).T
    spans = Spans(np.ones(len(buffers), np.int32), columns[2], columns[3])
    return find_gaps(columns[0], columns[1].astype(np.uint16), spans)


def test_no_gap_in_a_complete_sequence_in_any_order() -> None:
    assert gaps_of((3, 0, 5, 6), (1, 1, 0, 9), (2, 0, 1, 4)).n_missing == 0
    assert gaps_of().n_gaps == 0
    assert gaps_of((7, 0, 1, 2)).n_gaps == 0
    assert gaps_of((7, 0, 1, 2), (7, 1, 1, 2), (8, 0, 3, 4)).n_gaps == 0


def test_a_gap_is_the_processors_whose_hole_is_longest() -> None:
    found = gaps_of((1, 0, 0, 99), (2, 1, 0, 100), (5, 0, 101, 200), (6, 1, 900, 1000))
    assert found.located == [Gap(3, 2, 100, 900, 1, 1.0)]
    assert (found.n_gaps, found.n_missing) == (1, 2)


def test_the_share_of_the_hole_is_the_confidence() -> None:
    (gap,) = gaps_of((1, 0, 0, 100), (2, 1, 0, 100), (4, 0, 300, 400), (5, 1, 900, 1000)).located
    assert (gap.cpu, gap.confidence) == (1, 0.8)


def test_holes_of_like_length_leave_the_processor_open() -> None:
    (gap,) = gaps_of((1, 0, 0, 100), (2, 1, 50, 100), (4, 0, 400, 500), (5, 1, 500, 600)).located
    assert (gap.cpu, gap.confidence, gap.low, gap.high) == (None, 0.0, 50, 500)


def test_only_the_first_gaps_are_located_and_all_counted() -> None:
    found = gaps_of(*((3 * k + 1, 0, 10 * k, 10 * k + 5) for k in range(100)))
    assert (len(found.located), found.n_gaps, found.n_missing) == (order.GAPS_LOCATED, 99, 198)


def test_buffers_without_events_say_nothing_of_time() -> None:
    spans = Spans(np.zeros(2, np.int32), np.zeros(2, np.int64), np.zeros(2, np.int64))
    found = find_gaps(np.array([1, 3]), np.zeros(2, np.uint16), spans)
    assert found.located == [Gap(2, 1, None, None, None, 0.0)]


@given(
    st.lists(
        st.tuples(
            st.integers(-5, 20) | st.sampled_from((MIN, MAX, 1 << 40, FAR)),
            st.integers(0, 65_535),
            st.sampled_from((MIN, -1, 0, 5, MAX)),
            st.sampled_from((MIN, -1, 0, 5, MAX)),
        ),
        max_size=12,
    )
)
def test_any_sequence_gives_a_plain_count(buffers: list[tuple[int, int, int, int]]) -> None:
    found = gaps_of(*buffers)
    near = sorted({one[0] for one in buffers if 0 < one[0] < FAR})
    if len([one for one in buffers if 0 < one[0] < FAR]) > len(buffers) // 2:
        # Numbers far beyond most others come from damaged headers and prove nothing.
        assert found.n_missing == near[-1] - near[0] + 1 - len(near)
    assert 0 <= found.n_missing <= MAX
    assert all(0.0 <= gap.confidence <= 1.0 for gap in found.located)
