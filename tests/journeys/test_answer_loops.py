"""The table of questions, compiled or not."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from plain import plain_copy
from wnv.arrays import I64
from wnv.journeys import answer_loops
from wnv.journeys import layout as c
from wnv.journeys.sights import empty_sights

BOTH = pytest.mark.parametrize("loops", [answer_loops, plain_copy(answer_loops)], ids=["compiled", "plain"])
SECOND = 1_000_000_000


class Table:
    """Journeys of one sighting each, and the table that they go through."""

    def __init__(self, loops: ModuleType, rows: int = 64) -> None:
        self.loops = loops
        self.answers: I64 = np.zeros((rows, c.N_ANSWER), np.int64)
        self.journeys: I64 = np.zeros((40, c.N_JOURNEY), np.int64)
        self.n = 0

    def see(self, ts: int, *, asks: int = 0, answers: int = 0, host: int = 0) -> int:
        """The journey of a packet seen once."""
        sights = empty_sights(1)
        sights[[c.TS, c.ASKS, c.ANSWERS, c.HOST], 0] = ts, asks, answers, host
        sights[c.WHAT, 0] = 6 << 8 | 4
        j, self.n = self.n, self.n + 1
        self.journeys[j, [c.J_ID, c.J_FIRST_TS, c.J_LAST_TS, c.J_HOST]] = j + 1, ts, ts, host
        self.loops.note_answers(sights, 0, self.journeys, j, self.answers)
        return j

    def answer_to(self, j: int) -> int:
        """Row of the journey that answered; -1 = none."""
        self.loops.find_answer(self.journeys, j, self.answers)
        return int(self.journeys[j, c.J_ANSWER]) - 1


@BOTH
def test_an_answer_finds_its_question(loops: ModuleType) -> None:
    table = Table(loops)
    one, other = table.see(10, asks=77), table.see(11, asks=78)
    answer = table.see(20, answers=78)
    assert (table.answer_to(one), table.answer_to(other)) == (-1, answer)


@BOTH
def test_the_copy_asked_last_has_the_answer_and_keeps_it(loops: ModuleType) -> None:
    table = Table(loops)
    first, again = table.see(10, asks=77), table.see(20, asks=77)
    answer = table.see(30, answers=77)
    late = table.see(40, asks=77)
    table.see(50, answers=77)
    assert [table.answer_to(one) for one in (first, again, late)] == [-1, answer, -1]


@BOTH
@pytest.mark.parametrize(("ts", "host"), [(5, 0), (10 + SECOND + 1, 0), (20, 1)])
def test_what_is_too_early_too_late_or_of_another_host_answers_nothing(loops: ModuleType, ts: int, host: int) -> None:
    table = Table(loops)
    question = table.see(10, asks=77)
    table.see(ts, answers=77, host=host)
    assert table.answer_to(question) == -1


@BOTH
def test_a_full_table_forgets_questions_and_never_mixes_them_up(loops: ModuleType) -> None:
    table = Table(loops, rows=4)
    asked = {number: table.see(number, asks=number) for number in range(1, 16)}
    given = {number: table.see(number + 20, answers=number) for number in range(1, 16)}
    found = {number: table.answer_to(j) for number, j in asked.items()}
    assert sum(one >= 0 for one in found.values()) == 4
    assert all(one in (-1, given[number]) for number, one in found.items())


@BOTH
def test_questions_of_one_place_stand_beside_each_other(loops: ModuleType) -> None:
    table = Table(loops)
    asked = [table.see(number, asks=64 * number) for number in (1, 2, 3, 4)]
    given = [table.see(10 + number, answers=64 * number) for number in (1, 2, 3, 4)]
    assert [table.answer_to(j) for j in asked] == given
