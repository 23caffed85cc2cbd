from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.clock import NO_TIME
from wnv.packets.headers import Texts
from wnv.packets.info import Lines
from wnv.providers.stages import RowLists
from wnv.schema import TABLES, Column, Kind, Table
from wnv.store.arrow import ByteRanges, Guids16, arrow_array, arrow_schema, record_batch, written_schema


def values(kind: Kind, data: Any, *, nullable: bool = True, name: str = "x") -> list[Any]:  # Any: of the kind
    return list(arrow_array(Column(name, kind, "", nullable), data).to_pylist())


class TestNulls:
    def test_of_numbers(self) -> None:
        assert values(Kind.INTEGER, np.array([1, -1, 0], np.int16)) == [1, None, 0]
        assert values(Kind.INTEGER, np.array([1, -1]), nullable=False) == [1, -1]
        assert values(Kind.INTEGER, np.ma.array([1, -1, 5], mask=[False, False, True])) == [1, -1, None]
        assert values(Kind.TIME, np.array([NO_TIME, -1, 7])) == [None, -1, 7]
        assert values(Kind.NUMBER, np.array([0.5, np.nan])) == [0.5, None]
        assert values(Kind.FLAG, np.array([True, False])) == [True, False]

    def test_of_unsigned_numbers(self) -> None:
        high = np.array([1 << 63, 2**64 - 1], np.uint64)
        assert values(Kind.UNSIGNED, high) == [1 << 63, 2**64 - 1]
        assert values(Kind.UNSIGNED, np.ma.array(high, mask=[True, False])) == [None, 2**64 - 1]

    def test_of_lists_of_values(self) -> None:
        assert values(Kind.TEXT, ["a", None]) == ["a", None]
        assert values(Kind.ROWS, [[1, 2], []]) == [[1, 2], []]
        assert values(Kind.INTEGER, [None, -1]) == [None, -1]


class TestTexts:
    @given(st.lists(st.integers(-1, 4)), st.lists(st.text(), min_size=5, max_size=5))
    def test_are_those_of_the_codes(self, codes: list[int], texts: list[str]) -> None:
        expected = [texts[code] if code >= 0 else None for code in codes]
        assert values(Kind.TEXT, Texts(np.array(codes, np.int32), texts)) == expected

    def test_lone_surrogates_become_question_marks(self) -> None:
        assert values(Kind.TEXT, Texts(np.array([0, 1, 2], np.int32), ["\ud800", "?", "\udfff"])) == ["?", "?", "?"]

    def test_texts_that_are_not_used_are_not_kept(self) -> None:
        array = arrow_array(Column("x", Kind.TEXT, "", True), Texts(np.array([2, -1], np.int32), ["a", "b", "c"]))
        assert array.dictionary.to_pylist() == ["c"]

    def test_lines(self) -> None:
        data = "eins zwei ü".encode()
        lines = Lines(np.frombuffer(data, np.uint8), np.array([0, 5, 5, len(data)]))
        assert values(Kind.TEXT, lines, name="info") == ["eins ", "", "zwei ü"]


@st.composite
def pieces(draw: st.DrawFn) -> tuple[ByteRanges, list[bytes | None]]:
    """Ranges of bytes with holes and nulls, and what they stand for."""
    data = draw(st.binary(min_size=1, max_size=40))
    rows = draw(st.lists(st.tuples(*[st.integers(0, len(data))] * 4, st.booleans()), max_size=8))
    start, n_bytes, hole_start, hole_bytes, given, expected = [], [], [], [], [], list[bytes | None]()
    for a, b, c, d, is_given in rows:
        low, high, first, last = sorted((a, b, c, d))[0], sorted((a, b, c, d))[3], *sorted((a, b, c, d))[1:3]
        start.append(low)
        n_bytes.append(high - low)
        hole_start.append(first)
        hole_bytes.append(last - first if is_given else 0)
        given.append(is_given)
        expected.append(data[low:first] + data[last:high] if is_given else None)
    columns = [np.array(column, np.int64) for column in (start, n_bytes, hole_start, hole_bytes)]
    flags = np.array(given, np.bool_)
    return ByteRanges(np.frombuffer(data, np.uint8), columns[0], columns[1], flags, columns[2], columns[3]), expected


@given(pieces())
def test_bytes_without_their_holes(drawn: tuple[ByteRanges, list[bytes | None]]) -> None:
    ranges, expected = drawn
    array = arrow_array(Column("x", Kind.BYTES, "", True), ranges)
    array.validate(full=True)
    assert array.to_pylist() == expected


@given(st.lists(st.one_of(st.none(), st.uuids())))
def test_guids(guids: list[UUID | None]) -> None:
    raw = np.array([(one or UUID(int=1)).bytes_le for one in guids], "V16")
    given_ones = np.array([one is not None for one in guids], np.bool_)
    array = arrow_array(Column("activity_id", Kind.GUID, "", True), Guids16(raw, given_ones))
    array.validate(full=True)
    assert array.to_pylist() == [None if one is None else str(one) for one in guids]


def test_lists_of_rows() -> None:
    assert values(Kind.ROWS, RowLists(np.array([0, 2, 2, 3]), np.array([5, 6, 7]))) == [[5, 6], [], [7]]


PAIR = Table("pair", "A pair.", (Column("one", Kind.INTEGER, "One."), Column("other", Kind.TEXT, "Other.", True)))


class TestRecordBatch:
    def test_what_is_not_given_is_null(self) -> None:
        assert record_batch(PAIR, {"one": np.array([1, 2])}).to_pylist() == [
            {"one": 1, "other": None}, {"one": 2, "other": None},
        ]  # fmt: skip

    @pytest.mark.parametrize("columns", [{"other": ["x"]}, {"one": [1], "more": [2]}])
    def test_what_is_not_declared_is_refused(self, columns: dict[str, list[object]]) -> None:
        with pytest.raises(ValueError, match="pair"):
            record_batch(PAIR, columns)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_arrow_types(table: Table) -> None:
    read, written = arrow_schema(table), written_schema(table)
    assert tuple(read.names) == tuple(written.names) == table.names
    for one, other in zip(read, written, strict=True):
        assert other.type in (one.type, pa.dictionary(pa.int32(), pa.string()))
