"""Sightings that wait a few milliseconds for what follows, in one matrix whose memory is used again and again."""

from __future__ import annotations

import numpy as np

from wnv.arrays import I64
from wnv.journeys import layout as c
from wnv.journeys.collect import Sighted

_ROOM = (1 << 14) + 72
"""At first. Not a power of two: columns whose places differ by one push each other out of the processor's cache."""


class Held:
    """The sightings from `base` on, as they are numbered over the whole recording; those before are done with."""

    def __init__(self) -> None:
        self.base = 0
        self.sights: I64 = np.empty((c.N_SIGHT, _ROOM), np.int64)
        """Only the first `len(self)` are held; what lies behind has no meaning. So too with the other columns."""
        self.nbl: I64 = np.zeros(_ROOM, np.int64)
        self.switch: I64 = np.zeros(_ROOM, np.int64)
        self.next_frame: I64 = np.zeros(_ROOM, np.int64)
        """Of a frame of an NBL that owns several: number of the next; -1 = none."""
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def add(self, new: Sighted) -> None:
        """Put sightings behind those held."""
        first, end = self._n, self._n + len(new)
        while end > len(self.nbl):
            self._grow()
        self.sights[:, first:end], self.nbl[first:end], self.switch[first:end] = new.sights, new.nbl, new.switch
        self.next_frame[first:end] = -1
        self._n = end

    def _grow(self) -> None:
        room = 2 * len(self.nbl)
        sights = np.empty((c.N_SIGHT, room), np.int64)
        sights[:, : self._n] = self.sights[:, : self._n]
        self.sights = sights
        self.nbl, self.switch, self.next_frame = (
            np.concatenate([one, np.zeros_like(one)]) for one in (self.nbl, self.switch, self.next_frame)
        )

    def n_before(self, horizon: int) -> int:
        """How many of them are before a time; not between the sightings of one event."""
        n = int(np.searchsorted(self.sights[c.TS, : self._n], horizon))
        row = self.sights[c.ROW]
        while 0 < n < self._n and row[n] == row[n - 1]:
            n += 1
        return n

    def crowded_before(self, n_max: int) -> int:
        """The time before which half of them are, if there are more than `n_max`; else one before all."""
        return int(self.sights[c.TS, self._n // 2]) + 1 if self._n > n_max else int(np.iinfo(np.int64).min)

    def drop(self, n: int) -> None:
        """Be done with the first `n`."""
        from wnv.journeys import held_loops

        if not n:
            return
        held_loops.move_down(self.sights, n, self._n)
        rest = self._n - n
        for one in (self.nbl, self.switch, self.next_frame):
            one[:rest] = one[n : self._n].copy()
        self._n = rest
        self.base += n
