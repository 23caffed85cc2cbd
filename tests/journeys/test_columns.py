"""Columns of derived tables, against what they mean."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wnv.journeys import layout as c
from wnv.journeys.columns import (
    addresses,
    distinct_rows,
    listed,
    port_numbers,
    texts_of,
)  # fmt: skip
from wnv.providers.stages import RowLists

_SMALL = st.integers(-3, 3)


def lists(column: RowLists) -> list[list[int]]:
    bounds = zip(column.offsets[:-1].tolist(), column.offsets[1:].tolist(), strict=True)
    return [column.values[begin:end].tolist() for begin, end in bounds]


@given(st.lists(st.tuples(_SMALL, _SMALL, _SMALL), max_size=60))
def test_equal_rows_share_a_number_and_others_do_not(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[k] for row in rows], np.int64) for k in range(3)]
    codes, first = distinct_rows(*columns)
    assert [rows[place] for place in first.tolist()] == list(dict.fromkeys(rows))
    assert [rows[first[code]] for code in codes.tolist()] == rows


def test_a_text_is_made_once_for_each_number() -> None:
    asked: list[int] = []

    def name(number: int) -> str | None:
        asked.append(number)
        return None if number == 2 else f"n{number % 10}"

    assert texts_of(np.array([1, 2, 11, 1]), name).tolist() == ["n1", None, "n1", "n1"]
    assert asked == [1, 2, 11]
    assert texts_of(np.zeros(0, np.int64), name).tolist() == []


def test_an_empty_text_is_none() -> None:
    assert listed(np.array([0, 1, -1, -2]), ["", "b"]).tolist() == [None, "b", None, None]


@given(st.ip_addresses())
def test_addresses_are_written_as_usual(address: IPv4Address | IPv6Address) -> None:
    value = np.array([int(address) >> 64, int(address) & (1 << 64) - 1], np.uint64).view(np.int64)
    made = addresses(np.array([address.version, 0]), value[[0, 0]], value[[1, 1]])
    text, nothing = made.tolist()
    assert text is not None
    assert (ip_address(text), nothing) == (address, None)


def test_ports_are_unpacked() -> None:
    packed = np.array([80 << 32 | 443, c.NO_PORT << 32 | 53])
    assert port_numbers(packed, True).tolist() == [80, -1]
    assert port_numbers(packed, False).tolist() == [443, 53]
