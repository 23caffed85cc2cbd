"""Numbers for byte strings of any length: names inside events repeat, and few are distinct."""

from __future__ import annotations

import secrets

import numpy as np

from wnv.arrays import I64, U8

RANGES_MAX = 1 << 17
POOL_BYTES_MAX = 64 * 2**20
TOO_MANY = -1


class RangeNumbers:
    """Equal byte ranges get equal numbers, in order of first appearance; one for all slices of a run.

    Bounded: ranges that appear after `ranges_max` others, or `pool_bytes_max` of them, get `TOO_MANY`.
    """

    def __init__(self, *, ranges_max: int = RANGES_MAX, pool_bytes_max: int = POOL_BYTES_MAX) -> None:
        self._ranges_max, self._pool_bytes_max = ranges_max, pool_bytes_max
        self._seed = secrets.randbits(40)
        self._slots: I64 = np.full(64, -1, np.int64)
        self._pool: U8 = np.zeros(4096, np.uint8)
        self._pool_end: I64 = np.zeros(33, np.int64)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, number: int) -> bytes:
        return self._pool[self._pool_end[number] : self._pool_end[number + 1]].tobytes()

    def pool(self) -> tuple[U8, I64]:
        """All ranges, end to end, and where each ends, behind a 0."""
        return self._pool, self._pool_end[: self._n + 1]

    def number(self, data: U8, start: I64, n_bytes: I64) -> I64:
        """Numbers of the ranges `data[start : start + n_bytes]`, which the caller has checked."""
        from wnv import kernels

        codes = np.full(len(start), TOO_MANY, np.int64)
        done = 0
        while done < len(start):
            n, self._n = kernels.number_ranges(
                data, start[done:], n_bytes[done:], self._seed, self._slots, self._pool, self._pool_end, self._n,
                codes[done:],
            )  # fmt: skip
            done += n
            if done < len(start) and not self._grow(int(n_bytes[done])):
                done += 1
        return codes

    def _grow(self, needed: int) -> bool:
        """Room for one more range of `needed` bytes; whether the bounds allow it."""
        used = int(self._pool_end[self._n])
        if self._n >= self._ranges_max or used + needed > self._pool_bytes_max:
            return False
        if used + needed > len(self._pool):
            self._pool = np.resize(self._pool, min(self._pool_bytes_max, max(2 * len(self._pool), used + needed)))
        if self._n + 1 >= len(self._pool_end):
            self._pool_end = np.resize(self._pool_end, 2 * len(self._pool_end))
        if 2 * (self._n + 1) > len(self._slots):
            self._rehash(2 * len(self._slots))
        return True

    def _rehash(self, n_slots: int) -> None:
        from wnv import kernels

        self._slots = np.full(n_slots, -1, np.int64)
        kernels.rebuild_slots(self._pool, self._pool_end, self._n, self._seed, self._slots)
