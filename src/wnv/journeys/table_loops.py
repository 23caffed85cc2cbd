"""Compiled loops that others of this package share: places in hash tables, what is of
one host, and where a journey has been."""

from __future__ import annotations

import numpy as np

from wnv.arrays import I32, I64
from wnv.journeys import layout as c
from wnv.kernels import njit


@njit
def slot_of(value: int, mask: int) -> int:
    """Where a hash table looks for a value first. `mask`: one less than its length, which is a power of two."""
    return (value ^ (value >> 29) ^ (value >> 47)) & mask


@njit
def of_host(value: int, host: int) -> int:
    """A hash of addresses as that of one host: others can have the same private ones."""
    return value ^ (host & 0xFFFF) * c.HOST_MIX


@njit
def was_there(journeys: I64, visited: I32, j: int, code: int) -> bool:
    """Whether a packet passed a place in a direction; where that has no direction, both on its way in and out."""
    n = 0
    for k in range(int(np.int64(journeys[j, c.J_VISITED]))):
        if visited[j, k] == code:
            n += 1
    return n > (1 if code & 3 == 0 else 0)
