"""Compiled loops over what capture files hold beside frames; the rules of `kernels` hold here too.

Import this module inside the function that needs it.
"""

from __future__ import annotations

from wnv.arrays import BOOL, I64, U8
from wnv.kernels import njit

_COMMENT = 1
_VERDICT = 7
_MOST_BYTES = 65532
_VERDICT_BYTES = 16  # the option with its 9 bytes, padded


@njit
def comment_words(offset: I64, is_drop: BOOL) -> int:
    """Words of 4 bytes that `fill_comments` writes."""
    n_bytes = 0
    for k in range(is_drop.size):
        size = min(int(offset[k + 1] - offset[k]), _MOST_BYTES)
        if size:
            n_bytes += 4 + ((size + 3) & ~3)
        if is_drop[k]:
            n_bytes += _VERDICT_BYTES
    return n_bytes // 4


@njit
def fill_comments(data: U8, offset: I64, is_drop: BOOL, out: U8, start: I64) -> None:
    """Options of packet blocks (draft, 3.5 and 4.3): opt_comment, and epb_verdict 2 (XDP), 1 (drop).

    Texts that are too long for an option are cut. `start`: in words, one more than there are texts.
    """
    at = 0
    for k in range(is_drop.size):
        start[k] = at // 4
        first = int(offset[k])
        size = int(offset[k + 1]) - first
        if size > _MOST_BYTES:
            size = _MOST_BYTES
            while size and data[first + size] & 0xC0 == 0x80:  # not inside a character
                size -= 1
        if size:
            out[at] = _COMMENT
            out[at + 1] = 0
            out[at + 2] = size & 0xFF
            out[at + 3] = size >> 8
            at += 4
            out[at : at + size] = data[first : first + size]
            at += size
            while at & 3:
                out[at] = 0
                at += 1
        if is_drop[k]:
            out[at : at + _VERDICT_BYTES] = 0
            out[at] = _VERDICT
            out[at + 2] = 9
            out[at + 4] = 2
            out[at + 5] = 1
            at += _VERDICT_BYTES
    start[is_drop.size] = at // 4
