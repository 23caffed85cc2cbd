"""From the places of values to columns, all values of a field at once (etl-format.md, section 9.2)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wnv.arrays import BOOL, I64, U8
from wnv.clock import FILETIME_UNIX_EPOCH
from wnv.decode.description import InType
from wnv.decode.program import COUNTED, COUNTED_BIG, NARROW, WIDE, Node
from wnv.decode.values import Blobs, Column, Fixed, Texts, offsets_of, read_values
from wnv.decode.words import Show

_NS_PER_FILETIME: Final = 100
_FILETIME_SPAN: Final = (2**63 - 1) // _NS_PER_FILETIME
_YEARS: Final = (1678, 2261)
"""First and last year of which every nanosecond since 1970 fits an int64."""
_SYSTEM_TIME_PARTS: Final = 8
_CODE_PAGE: I64 = np.array(
    [ord(bytes([code]).decode("cp1252", "replace")) for code in range(256)], np.int64
)  # of text that is no UTF-8


def fixed_column(values: NDArray[Any], is_valid: BOOL | None, node: Node) -> Fixed:
    """The column of `values` as they were stored; what is not valid may hold anything."""
    kind, show = node.field.in_type, node.show
    if kind is InType.FILETIME:
        since = values.astype(np.int64)
        # Unsigned arithmetic: what wraps around is outside the span.
        since = since - FILETIME_UNIX_EPOCH
        is_time = (values.astype(np.int64) >= 0) & (np.abs(since) <= _FILETIME_SPAN)
        return Fixed(np.where(is_time, since, 0) * _NS_PER_FILETIME, _both(is_valid, is_time), show)
    if kind is InType.SYSTEMTIME:
        times, is_time = _system_times(values)
        return Fixed(times, _both(is_valid, is_time), show)
    if show is Show.BOOLEAN:
        return Fixed(values != 0, is_valid, show)
    if show is Show.PORT:
        return Fixed(values.view(np.uint16).byteswap(), is_valid, show)
    if show is Show.CHARACTER:
        return Fixed(values.view(f"u{values.itemsize}"), is_valid, show)
    if show is Show.IPV4 and values.dtype.kind != "V":
        return Fixed(values.view(np.uint32), is_valid, show)
    if node.dtype == "P":
        return Fixed(values.astype(np.uint64), is_valid, show)
    return Fixed(values, is_valid, show, node.field.map)


def column_at(data: U8, at: I64, n_bytes: I64, pointer_bytes: int, node: Node) -> Column:
    """The values of a field at the places `at` (-1 = missing), each with its count and NUL in `n_bytes`.

    `pointer_bytes` 0: pointers are as wide as their `n_bytes` says.
    """
    kind = node.field.in_type
    there = at >= 0
    is_valid = None if there.all() else there
    if kind is InType.NULL:
        return Fixed(np.zeros(len(at), np.uint8), np.zeros(len(at), np.bool_))
    if node.dtype == "P":
        return fixed_column(_pointers(data, at, n_bytes, pointer_bytes), is_valid, node)
    if node.dtype:
        return fixed_column(read_values(data, at, node.dtype), is_valid, node)
    before = 2 if kind in COUNTED or kind in COUNTED_BIG else 4 if kind is InType.HEX_DUMP else 0
    start = np.where(there, at + before, 0)
    size = np.where(there, n_bytes - before, 0)
    if kind in WIDE or kind in NARROW:
        return _texts(data, start, size, is_valid, kind)
    if kind is InType.WBEM_SID:  # no SID: a zero stands in its place
        is_sid = there & (size >= 8)
        is_valid, size = None if is_sid.all() else is_sid, np.where(is_sid, size, 0)
    return _blobs(data, start, size, is_valid, node.show)


def _texts(data: U8, start: I64, size: I64, is_valid: BOOL | None, kind: InType) -> Texts:
    from wnv import kernels

    # Counted text keeps its NULs; other text ends at its first, even where a length is given.
    ends_at_nul = kind in (InType.UNICODE_STRING, InType.ANSI_STRING)
    offsets = np.zeros(len(start) + 1, np.int64)
    room = 3 * int(size.sum())
    if kind in WIDE:
        out = np.empty(room // 2 + 3, np.uint8)
        kernels.encode_wide(data, start, size, ends_at_nul, out, offsets[1:])
    else:
        out = np.empty(room, np.uint8)
        kernels.encode_narrow(data, start, size, ends_at_nul, _CODE_PAGE, out, offsets[1:])
    return Texts(offsets, out[: int(offsets[-1])].copy(), is_valid)


def _blobs(data: U8, start: I64, size: I64, is_valid: BOOL | None, show: Show) -> Blobs:
    from wnv import kernels

    offsets = offsets_of(size)
    out = np.empty(int(offsets[-1]), np.uint8)
    kernels.copy_pieces(data, start, size, out, offsets[:-1])
    return Blobs(offsets, out, is_valid, show)


def _pointers(data: U8, at: I64, n_bytes: I64, pointer_bytes: int) -> NDArray[Any]:
    if pointer_bytes:
        return read_values(data, at, f"<u{pointer_bytes}")
    is_narrow = n_bytes == 4
    narrow = read_values(data, np.where(is_narrow, at, -1), "<u4")
    wide: NDArray[Any] = read_values(data, np.where(is_narrow, -1, at), "<u8")
    return np.where(is_narrow, narrow, wide)


def _system_times(values: NDArray[Any]) -> tuple[I64, BOOL]:
    """SYSTEMTIME: year, month, day of the week, day, hour, minute, second, millisecond; and which are times."""
    parts = np.ascontiguousarray(values).view("<u2").reshape(-1, _SYSTEM_TIME_PARTS).astype(np.int64)
    year, month, _, day, hour, minute, second, ms = parts.T
    is_time = (
        (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
        & (hour <= 23) & (minute <= 59) & (second <= 59) & (ms <= 999)
    )  # fmt: skip
    months = np.where(is_time, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]") + (np.where(is_time, day, 1) - 1)
    is_time &= days.astype("M8[M]") == months
    seconds = days.astype(np.int64) * 86400 + hour * 3600 + minute * 60 + second
    return np.where(is_time, seconds * 1_000_000_000 + ms * 1_000_000, 0), is_time


def _both(first: BOOL | None, second: BOOL) -> BOOL | None:
    is_valid = second if first is None else first & second
    return None if is_valid.all() else is_valid
