from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.errors import WnvError
from wnv.overview import Overview
from wnv.store.records import from_json, parse_json, to_json


class Colour(StrEnum):
    RED = "red"


class More(TypedDict):
    note: str


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    raw: bytes | None
    pair: tuple[str, int]
    several: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    parts: list[Part]
    colour: Colour
    share: float
    by_number: dict[int, str]
    anything: dict[str, Any]
    more: More
    flag: bool = False


WHOLE = Whole([Part("a", b"\0\xff", ("b", -1)), Part("", None, ("", 0), (b"c", b""))], Colour.RED, 1.0, {3: "x"},
              {"k": [1, None]}, {"note": "n"}, True)  # fmt: skip


def test_comes_back_as_it_was() -> None:
    assert from_json(Whole, json.loads(json.dumps(to_json(WHOLE))), "x") == WHOLE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(WnvError, match="place"):
        from_json(Whole, value, "place")
    with pytest.raises(WnvError, match="place"):
        from_json(Overview, value, "place")


@given(st.data())
def test_one_wrong_value_is_found(data: st.DataObject) -> None:
    """Every place but those of any type takes no value of another type."""
    made = to_json(WHOLE)
    name = data.draw(st.sampled_from(["parts", "colour", "share", "by_number", "more", "flag"]))
    made[name] = data.draw(st.sampled_from([None, "no colour", [5], {"x": 5}, -1 if name != "share" else "1"]))
    with pytest.raises(WnvError, match="place"):
        from_json(Whole, made, "place")


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 200_000, b"\xff", b'{"a": 1} x'])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(WnvError, match="place"):
        parse_json(text, "place")
