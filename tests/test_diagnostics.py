from __future__ import annotations

import re

import numpy as np
import pytest

from wnv.diagnostics import DETAILS_KEPT, KINDS, OFFSETS_KEPT, Code, Log, Severity

A, B = Code.EVENT_OVERRUN, Code.EVENTS_LOST


def test_every_code_says_what_it_means() -> None:
    assert set(KINDS) == set(Code)
    for code, kind in KINDS.items():
        assert code.value == code.name.lower()
        assert kind.severity in Severity
        assert re.fullmatch(r"[a-z]+", kind.stage)
        assert kind.text
        assert not kind.text.endswith(".")
        assert not kind.advice or kind.advice.endswith(".")


@pytest.mark.parametrize(
    ("byte_offset", "count", "n", "places"),
    [
        (None, None, 1, []),
        (None, 5, 5, []),
        (None, 0, None, []),
        (7, None, 1, [7]),
        (np.int64(7), 3, 3, [7]),
        (0, None, 1, [0]),
        ([3, 1, 2], None, 3, [3, 1, 2]),
        (np.arange(20), None, 20, list(range(OFFSETS_KEPT))),
        (np.arange(3), 50, 50, [0, 1, 2]),
        ([], None, None, []),
        ([5], 0, None, []),
    ],
)
def test_what_is_recorded(
    byte_offset: int | list[int] | None, count: int | None, n: int | None, places: list[int]
) -> None:
    log = Log()
    log.record(A, file="f", byte_offset=byte_offset, count=count)
    assert [(row.count, row.byte_offsets) for row in log.rows()] == ([] if n is None else [(n, places)])
    assert log.has(A) == (n is not None)
    assert log.count(A) == (n or 0)
    assert all(type(place) is int for row in log.rows() for place in row.byte_offsets)


def test_rows_are_joined_by_code_file_and_detail_in_order_of_appearance() -> None:
    log = Log()
    for code, file, detail, at in (
        (A, "1", "", 5),
        (B, "1", "", 6),
        (A, "2", "", 7),
        (A, "1", "x", 8),
        (A, "1", "", 9),
    ):
        log.record(code, file=file, detail=detail, byte_offset=at)
    assert [(row.code, row.file, row.detail, row.count, row.byte_offsets) for row in log.rows()] == [
        (A, "1", "", 2, [5, 9]), (B, "1", "", 1, [6]), (A, "2", "", 1, [7]), (A, "1", "x", 1, [8]),
    ]  # fmt: skip
    assert (log.count(A), log.count(B), log.count(Code.ITEM_RAW)) == (4, 1, 0)
    assert log.rows()[0].kind is KINDS[A]


def test_a_file_of_nothing_but_damage_costs_a_constant_amount() -> None:
    log = Log()
    n = 20_000
    for k in range(n):
        log.record(A, file="f", byte_offset=k, detail=f"{k} bytes")
        log.record(B, file="f", byte_offset=k)
    assert log.count(A) == log.count(B) == n
    assert len(log.rows()) == DETAILS_KEPT + 2
    assert all(len(row.byte_offsets) <= OFFSETS_KEPT for row in log.rows())
    assert [row.count for row in log.rows() if row.code is A and not row.detail] == [n - DETAILS_KEPT]


def test_details_of_one_code_do_not_use_up_those_of_another() -> None:
    log = Log()
    for k in range(DETAILS_KEPT):
        log.record(A, detail=str(k))
    log.record(B, detail="its own")
    log.record(A, detail="one too many")
    assert [row.detail for row in log.rows() if row.code is B] == ["its own"]
    assert log.rows()[-1].detail == ""


def test_a_log_takes_the_rows_of_another_as_if_they_were_its_own() -> None:
    first, second, together = Log(), Log(), Log()
    for log in (first, together):
        log.record(A, file="a.etl", byte_offset=[1, 2, 3])
    for log in (second, together):
        log.record(B, file="a.etl", count=7)
        log.record(A, file="a.etl", byte_offset=np.arange(20))
        log.record(A, file="a.etl", detail="event 5")
    first.extend(second)
    assert first.rows() == together.rows()
