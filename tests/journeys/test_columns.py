"""Columns of derived tables, against what they mean."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wnv.journeys import layout as c
from wnv.journeys.columns import (
    addresses,
    as_lists,
    concatenate,
    distinct_rows,
    listed,
    one_each,
    port_numbers,
    texts_of,
)  # fmt: skip
from wnv.packets.headers import Texts
from wnv.providers.stages import Columns, RowLists

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


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=5), min_size=1, max_size=4))
def test_texts_of_several_batches_stay_what_they_were(batches: list[list[str | None]]) -> None:
    names = ["a", "b", "c"]
    parts = [{"text": listed(np.array([names.index(one) if one else -1 for one in batch], np.int64), names)}
             for batch in batches]  # fmt: skip
    joined = concatenate(parts)["text"]
    assert isinstance(joined, Texts)
    assert joined.tolist() == [one for batch in batches for one in batch]


@given(st.lists(st.lists(st.lists(st.integers(0, 99), max_size=3), max_size=4), min_size=1, max_size=4))
def test_lists_of_several_batches_stay_what_they_were(batches: list[list[list[int]]]) -> None:
    joined = concatenate([{"rows": as_lists(batch)} for batch in batches])["rows"]
    assert isinstance(joined, RowLists)
    assert lists(joined) == [one for batch in batches for one in batch]


def test_batches_of_other_kinds_are_joined_as_values() -> None:
    parts: list[Columns] = [{"x": [1, None]}, {"x": np.array([5])}, {"x": one_each(np.array([7]))}]
    assert concatenate(parts)["x"] == [1, None, 5, [7]]
    arrays = concatenate([{"x": np.array([1])}, {"x": np.array([2])}])["x"]
    assert isinstance(arrays, np.ndarray)
    assert arrays.tolist() == [1, 2]


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
