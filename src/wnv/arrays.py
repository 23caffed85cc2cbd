"""Names for NumPy arrays by element type, so that every signature states its dtype; and reading structures."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

U8: TypeAlias = NDArray[np.uint8]
"""Raw bytes, small enumerations."""
U16: TypeAlias = NDArray[np.uint16]
"""Event ids, ports, sizes of events."""
U32: TypeAlias = NDArray[np.uint32]
"""Process and thread ids, flags."""
U64: TypeAlias = NDArray[np.uint64]
"""Keywords, addresses, halves of a GUID."""
I8: TypeAlias = NDArray[np.int8]
"""Small enumerations where -1 means none."""
I16: TypeAlias = NDArray[np.int16]
"""Small numbers of protocol headers; -1 means none."""
I32: TypeAlias = NDArray[np.int32]
"""Index into a short table; -1 means none."""
I64: TypeAlias = NDArray[np.int64]
"""Offsets, counts, rows, ticks and times."""
F64: TypeAlias = NDArray[np.float64]
"""Confidences, shares; NaN means none."""
BOOL: TypeAlias = NDArray[np.bool_]
"""Masks."""
Rows: TypeAlias = NDArray[np.void]
"""Structures: a named field of it is a column."""


def read_rows(data: U8, at: I64, kind: np.dtype[np.void]) -> Rows:
    """Copies of the structures `kind` that start at the byte positions `at` of `data`.

    Positions from which a whole structure does not fit are an `IndexError`: the caller checks first.
    """
    n_bytes = kind.itemsize
    windows: Rows = np.ndarray((max(0, len(data) - n_bytes + 1),), np.dtype(f"V{n_bytes}"), data, strides=(1,))
    return windows[at].view(kind)
