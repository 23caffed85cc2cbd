from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wnv.arrays import I64
from wnv.decode.values import Blobs, Fixed, Texts, distinct_ranges, offsets_of, texts_from
from wnv.decode.words import Show


def test_addresses_become_text_once_for_each_value() -> None:
    column = Fixed(np.array([0x0100000A, 0, 0x0100000A], "<u4"), np.array([True, True, False]), Show.IPV4)
    text = texts_from(column)
    assert isinstance(text, Texts)
    assert text.to_pylist() == ["10.0.0.1", "0.0.0.0", None] == column.to_pylist()


def test_guids_and_bytes_that_end_in_zeros_keep_them() -> None:
    column = Fixed(np.frombuffer(bytearray(bytes(16) + b"\1" + bytes(15)), "V16"), None, Show.GUID)
    expected = ["00000000-0000-0000-0000-000000000000", "00000001-0000-0000-0000-000000000000"]
    assert column.to_pylist() == expected
    assert texts_from(column).to_pylist() == expected


def test_sids_become_text() -> None:
    sid = bytes([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0])
    column = Blobs(np.array([0, 12, 12, 24]), np.frombuffer(sid * 2, np.uint8), np.array([True, False, True]), Show.SID)
    assert texts_from(column).to_pylist() == ["S-1-5-18", None, "S-1-5-18"] == column.to_pylist()


@given(st.lists(st.binary(max_size=3), max_size=30))
def test_equal_ranges_share_a_number(ranges: list[bytes]) -> None:
    n_bytes: I64 = np.array([len(one) for one in ranges], np.int64)
    data = np.frombuffer(bytearray().join(ranges) + b"x", np.uint8)
    codes, first = distinct_ranges(data, offsets_of(n_bytes)[:-1], n_bytes)
    order = list(dict.fromkeys(ranges))
    assert codes.tolist() == [order.index(one) for one in ranges]
    assert [ranges[row] for row in first.tolist()] == order


def test_empty_columns_are_empty() -> None:
    nothing = Fixed(np.zeros(0, "<u4"), None, Show.IPV4)
    assert nothing.shown() == [] == nothing.to_pylist()
    assert texts_from(nothing).to_pylist() == []
    assert texts_from(Blobs(np.zeros(1, np.int64), np.zeros(0, np.uint8))).to_pylist() == []
