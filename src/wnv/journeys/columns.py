"""Columns of derived tables, made from numbers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wnv.arrays import BOOL, I32, I64
from wnv.packets.headers import Texts, address_texts
from wnv.providers.reading import mix
from wnv.providers.stages import RowLists

_SEED = secrets.randbits(62)
"""So that no recording can aim at a hash."""


def distinct_rows(*columns: I64) -> tuple[I64, I64]:
    """Numbers that equal rows share, in order of first appearance; and the first row of each number.

    Rows are told apart by two hashes of 64 bits.
    """
    from wnv import kernels

    n = len(columns[0])
    high = mix(np.full(n, _SEED, np.int64), *columns).view(np.int64)
    low = mix(np.full(n, ~_SEED, np.int64), *columns[::-1]).view(np.int64)
    slots = np.full(1 << (2 * n + 1).bit_length(), -1, np.int32)
    first, codes = np.empty(n, np.int32), np.empty(n, np.int32)
    n_distinct = kernels.number_pairs(high, low, np.ones(n, np.bool_), _SEED & 0xFFFFFFFF, slots, first, codes)
    return codes.astype(np.int64), first[:n_distinct].astype(np.int64)


def texts_of(codes: I64, render: Callable[[int], str | None]) -> Texts:
    """Text for each number, made once a distinct one; None is null."""
    distinct, inverse = np.unique(codes, return_inverse=True)
    number: dict[str, int] = {}
    table = np.empty(len(distinct), np.int32)
    for place, code in enumerate(distinct.tolist()):
        text = render(code)
        table[place] = -1 if text is None else number.setdefault(text, len(number))
    codes_of_rows: I32 = table[inverse.reshape(-1)] if len(distinct) else np.zeros(0, np.int32)
    return Texts(codes_of_rows, list(number))


def listed(codes: I64, values: Sequence[str]) -> Texts:
    """`values[code]`; negative codes and empty texts are null."""
    number: dict[str, int] = {}
    table = np.array([*(number.setdefault(text, len(number)) if text else -1 for text in values), -1], np.int32)
    return Texts(table[np.maximum(codes, -1)], list(number))


def addresses(version: I64, high: I64, low: I64) -> Texts:
    """Addresses as text; null where the version is neither 4 nor 6."""
    is_given: BOOL = (version == 4) | (version == 6)
    return address_texts(version.astype(np.int16), high.view(np.uint64), low.view(np.uint64), is_given)


def port_numbers(packed: I64, is_source: bool) -> I64:
    """A port out of `layout.PORTS`; -1 is null."""
    port = packed >> 32 & 0xFFFFFFFF if is_source else packed & 0xFFFFFFFF
    return np.where(port > 0xFFFF, -1, port)


def one_each(rows: I64) -> RowLists:
    """Lists of one row."""
    return RowLists(np.arange(len(rows) + 1), rows)


def as_lists(values: Sequence[Sequence[int]]) -> RowLists:
    """Lists of rows."""
    ends: Any = np.cumsum([0, *(len(one) for one in values)])
    return RowLists(ends.astype(np.int64), np.array([row for one in values for row in one], np.int64))
