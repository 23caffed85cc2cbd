"""Compiled loops over payloads of single providers; the rules of `kernels` hold here too.

Import this module inside the function that needs it.
"""

from __future__ import annotations

import numpy as np

from wnv.arrays import I64, U8
from wnv.kernels import njit


@njit
def find_counted_texts(data: U8, start: I64, end: I64, n_texts: int) -> I64:
    """Where texts stand that are counted by a u32 of UTF-16 characters, one after the other from `start`.

    A row an event: start and bytes of each text, then the place behind the last; all -1 where they do not fit.
    """
    out = np.full((start.size, 2 * n_texts + 1), -1, np.int64)
    for k in range(start.size):
        at = int(np.int64(start[k]))
        limit = min(int(np.int64(end[k])), data.size)
        if at < 0:
            continue
        is_whole = True
        for text in range(n_texts):
            if at + 4 > limit:
                is_whole = False
                break
            size = 2 * (
                int(np.int64(data[at])) | int(np.int64(data[at + 1])) << 8 | int(np.int64(data[at + 2])) << 16
                | int(np.int64(data[at + 3])) << 24
            )  # fmt: skip
            at += 4
            if at + size > limit:
                is_whole = False
                break
            out[k, 2 * text] = at
            out[k, 2 * text + 1] = size
            at += size
        if is_whole:
            out[k, 2 * n_texts] = at
    return out
