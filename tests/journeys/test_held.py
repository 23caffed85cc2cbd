"""Sightings that wait are those that were added and not yet dropped, whatever memory they stand in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.journeys import held as module
from wnv.journeys import layout as c
from wnv.journeys.collect import Sighted
from wnv.journeys.held import Held
from wnv.journeys.sights import empty_sights


def made(rows: list[int]) -> Sighted:
    sights = empty_sights(len(rows))
    sights[c.ROW] = sights[c.TS] = rows
    return Sighted(sights, np.array(rows, np.int64), np.array(rows, np.int64))


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROOM", 4)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_what_was_added_and_not_dropped_is_held_in_order(steps: list[tuple[int, int]]) -> None:
    expected: list[int] = []
    held, number, base = Held(), 0, 0
    for n_new, n_done in steps:
        held.add(made(list(range(number, number + n_new))))
        expected += range(number, number + n_new)
        number += n_new
        assert (held.next_frame[: len(held)][-n_new or len(held) :] == -1).all()
        done = min(n_done, len(expected))
        held.drop(done)
        expected, base = expected[done:], base + done
        assert len(held) == len(expected)
        assert held.base == base
        for column in (held.sights[c.ROW], held.sights[c.TS], held.nbl, held.switch):
            assert column[: len(held)].tolist() == expected


def test_the_sightings_of_one_event_stay_together() -> None:
    held = Held()
    held.add(made([1, 2, 2, 2, 3]))
    held.sights[c.TS, : len(held)] = 10, 20, 21, 22, 30
    assert [held.n_before(horizon) for horizon in (10, 20, 21, 22, 23, 31)] == [0, 1, 4, 4, 4, 5]


def test_what_is_too_much_to_hold_has_a_time_whatever_its_times_are() -> None:
    held = Held()
    held.add(made([5, 5, 5, 5]))
    assert held.crowded_before(4) < 0
    held.add(made([5, 5]))
    assert held.n_before(held.crowded_before(4)) == 6
