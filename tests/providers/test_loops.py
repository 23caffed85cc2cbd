"""Texts that are counted, of any content."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plain import Fenced, plain_copy
from wnv.providers import loops

PLAIN = plain_copy(loops)


def packed(texts: list[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(text) // 2) + text for text in texts)


def found(module: object, data: bytes, n_texts: int) -> list[int]:
    array = np.frombuffer(data, np.uint8)
    fenced = Fenced(array) if module is PLAIN else array
    whole = np.array([0], np.int64), np.array([len(data)], np.int64)
    row: list[int] = module.find_counted_texts(fenced, *whole, n_texts)[0].tolist()  # type: ignore[attr-defined]
    return row


@pytest.mark.parametrize("module", [loops, PLAIN], ids=["compiled", "plain"])
@given(st.lists(st.binary(max_size=9).map(lambda text: text * 2), min_size=1, max_size=4), st.binary(max_size=9))
def test_texts_are_where_they_were_put(module: object, texts: list[bytes], behind: bytes) -> None:
    data = packed(texts)
    at = found(module, data + behind, len(texts))
    assert [(data + behind)[start : start + size] for start, size in zip(at[:-1:2], at[1::2], strict=True)] == texts
    assert at[-1] == len(data)


@given(st.binary(max_size=40), st.integers(1, 4))
def test_bytes_of_any_kind_are_read_alike_and_never_past_their_end(data: bytes, n_texts: int) -> None:
    at = found(loops, data, n_texts)
    assert at == found(PLAIN, data, n_texts)
    assert at[-1] == -1 or all(start + size <= len(data) for start, size in zip(at[:-1:2], at[1::2], strict=True))


def test_a_text_that_is_cut_off_has_no_end() -> None:
    assert found(loops, packed([b"a\0", b"b\0"])[:-1], 2)[-1] == -1
    assert found(loops, b"\xff\xff\xff\xff", 1) == [-1, -1, -1]
