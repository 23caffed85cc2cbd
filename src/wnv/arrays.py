"""Names for NumPy arrays by element type, so that every signature states its dtype."""

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
I32: TypeAlias = NDArray[np.int32]
"""Index into a short table; -1 means none."""
I64: TypeAlias = NDArray[np.int64]
"""Offsets, counts, rows, ticks and times."""
BOOL: TypeAlias = NDArray[np.bool_]
"""Masks."""
