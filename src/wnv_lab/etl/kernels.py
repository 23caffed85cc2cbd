"""The loops of writing that NumPy cannot express, compiled by numba where it is installed.

Without numba, or with `WNV_NO_NUMBA` set, the same functions run as plain Python. Import this module inside the
function that needs it: importing numba takes 0.4 s.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

from wnv_lab.arrays import I64, U8

_F = TypeVar("_F", bound=Callable[..., Any])  # Any: numba has no types, and the decorator keeps the caller's

try:
    if os.environ.get("WNV_NO_NUMBA"):
        raise ImportError("numba is switched off by WNV_NO_NUMBA")
    import numba
except ImportError:
    COMPILED = False

    def njit(function: _F) -> _F:
        return function
else:
    COMPILED = True

    def njit(function: _F) -> _F:
        """Compile at the first call for the argument types seen."""
        try:
            compiled: _F = numba.njit(cache=True, nogil=True)(function)
        except RuntimeError:  # numba found no place it may write its cache to
            compiled = numba.njit(nogil=True)(function)
        return compiled


@njit
def place_events(
    buffer: U8, ends: I64, padded: I64, headers: U8, payload: U8, first_byte: I64, n_bytes: I64, rows: I64
) -> None:
    """Write events into `buffer`: the i-th, row `rows[i]` of the columns, ends at `ends[i]` with its padding."""
    n_header = headers.shape[1]
    for i in range(rows.size):
        row = rows[i]
        end = ends[i]
        at = end - padded[i]
        buffer[at : at + n_header] = headers[row]
        at += n_header
        count = n_bytes[row]
        buffer[at : at + count] = payload[first_byte[row] : first_byte[row] + count]
        buffer[at + count : end] = 0


_HASH_BITS: Final = 14
_REACH: Final = 8192
"""How far back a match may lie: 13 bits, plus 1."""


@njit
def pack_xpress(data: U8, out: U8) -> int:
    """Pack `data` into `out` as plain XPRESS; the number of bytes written.

    `out` has room for literals alone: len(data) + len(data) // 32 · 4 + 16. Each match is the one that a table of the
    last place of every three bytes offers. Unused flags of the last word are 1, which reads as a match that lies
    behind the end (MS-XCA 2.3.4).
    """
    n = data.size
    last_place = np.full(1 << _HASH_BITS, -_REACH - 1, np.int64)
    flags_at = 0
    o = 4
    flags = np.int64(0)
    n_flags = 0
    half = -1  # where a byte stands whose high nibble is still free
    i = 0
    while i < n:
        length = 0
        place = -1
        if i + 3 <= n:
            three = np.int64(data[i]) | np.int64(data[i + 1]) << 8 | np.int64(data[i + 2]) << 16
            slot = (three * 2654435761 >> 8) & ((1 << _HASH_BITS) - 1)
            place = last_place[slot]
            last_place[slot] = i
            if i - place <= _REACH:
                while i + length < n and data[place + length] == data[i + length]:
                    length += 1
        flags <<= 1
        if length < 3:
            out[o] = data[i]
            o += 1
            i += 1
        else:
            flags |= 1
            over = length - 3
            pair = (i - place - 1) << 3 | min(over, 7)
            out[o] = pair & 255
            out[o + 1] = pair >> 8
            o += 2
            if over >= 7:
                nibble = min(over - 7, 15)
                if half < 0:
                    half = o
                    out[o] = nibble
                    o += 1
                else:
                    out[half] = np.int64(out[half]) | nibble << 4
                    half = -1
                if over >= 22:
                    if over - 22 < 255:
                        out[o] = over - 22
                        o += 1
                    else:
                        out[o] = 255
                        o += 1
                        if over < 65536:
                            out[o] = over & 255
                            out[o + 1] = over >> 8
                            o += 2
                        else:
                            out[o] = 0
                            out[o + 1] = 0
                            for k in range(4):
                                out[o + 2 + k] = over >> 8 * k & 255
                            o += 6
            for k in range(i + 1, min(i + length, n - 2)):
                three = np.int64(data[k]) | np.int64(data[k + 1]) << 8 | np.int64(data[k + 2]) << 16
                last_place[(three * 2654435761 >> 8) & ((1 << _HASH_BITS) - 1)] = k
            i += length
        n_flags += 1
        if n_flags == 32:
            for k in range(4):
                out[flags_at + k] = flags >> 8 * k & 255
            flags = np.int64(0)
            n_flags = 0
            flags_at = o
            o += 4
    flags = flags << (32 - n_flags) | ((1 << (32 - n_flags)) - 1)
    for k in range(4):
        out[flags_at + k] = flags >> 8 * k & 255
    return o
