"""Readings of events that no document settles, and how often a recording bears them out.

Of VmSwitch's 56 and 58 (and 240 and 241 of PacketDirect) the fields are the same; that the first says *received*
follows from the order of the ids and from one published trace (vmswitch.md). A recording tells: around 57, which names
both NICs, what was received comes before it, from the NIC that it names first, and what was delivered behind it, to the
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.diagnostics import Code, Log
from wnv.providers import vmswitch

_MIN: Final = 3
"""Times that a reading must fail before it is doubted."""
_DOUBT_SHARE: Final = 0.02
_SWAP_SHARE: Final = 0.8
_FAMILIES: Final = (
    ((vmswitch.RECEIVED, vmswitch.ROUTED, vmswitch.DELIVERED), Code.ASSUMPTION_VMSWITCH_56_RECEIVED),
    ((vmswitch.PD_RECEIVED, vmswitch.PD_ROUTED, vmswitch.PD_DELIVERED), Code.ASSUMPTION_VMSWITCH_240_RECEIVED),
)


@dataclass(slots=True)
class Tally:
    """How often a reading held, and how often the opposite one did."""

    n_held: int = 0
    n_failed: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether it fails more often than lost events explain."""
        return self.n_failed >= _MIN and self.n_failed > _DOUBT_SHARE * (self.n_held + self.n_failed)

    @property
    def is_wrong(self) -> bool:
        """Whether the opposite is true."""
        return self.is_doubtful and self.n_failed > _SWAP_SHARE * (self.n_held + self.n_failed)


class Readings:
    """What the events 56, 58, 240 and 241 of a recording mean, as far as has been read."""

    def __init__(self) -> None:
        self._tallies = [Tally() for _ in _FAMILIES]

    @property
    def is_doubtful(self) -> bool:
        """Whether any reading is contradicted; what rests on it is then no more than likely."""
        return any(one.is_doubtful for one in self._tallies)

    def read(self, event_id: I64, nbl: I64, where: I64, station: I64, source: I64) -> I64:
        """What each event says (`vmswitch.RECEIVED`, `ROUTED`, `DELIVERED`), in order of time.

        `where`: recording and switch as a number; `station`: of the NIC, of 57 that it goes to; `source`: of 57.
        """
        passage = np.zeros(len(event_id), np.int64)
        for (ids, _), tally in zip(_FAMILIES, self._tallies, strict=True):
            received, routed, delivered = ids
            mine = np.flatnonzero(np.isin(event_id, ids))
            if not len(mine):
                continue
            order = mine[np.lexsort((mine, nbl[mine], where[mine]))]
            _count(tally, event_id[order], (nbl[order], where[order]), station[order], source[order], ids)
            first, last = (delivered, received) if tally.is_wrong else (received, delivered)
            for one, meaning in ((first, vmswitch.RECEIVED), (routed, vmswitch.ROUTED), (last, vmswitch.DELIVERED)):
                passage[mine[event_id[mine] == one]] = meaning
        return passage

    def record(self, log: Log) -> None:
        """A row for each reading that was contradicted."""
        for (_, code), tally in zip(_FAMILIES, self._tallies, strict=True):
            if tally.is_doubtful:
                done = "read the other way round" if tally.is_wrong else "kept, with less confidence"
                log.record(code, count=tally.n_failed, detail=f"held {tally.n_held:,} times, {done}")


def _count(
    tally: Tally, event_id: I64, of: tuple[I64, I64], station: I64, source: I64, ids: tuple[int, int, int]
) -> None:
    """Look at the neighbours of each 57, of events in order of NBL and time."""
    received, routed, delivered = ids
    is_next = np.zeros(len(event_id), np.bool_)
    is_next[1:] = (of[0][1:] == of[0][:-1]) & (of[1][1:] == of[1][:-1])
    middle = np.flatnonzero(event_id == routed)
    before, behind = middle - 1, np.minimum(middle + 1, len(event_id) - 1)
    has_before, has_behind = is_next[middle], (middle + 1 < len(event_id)) & is_next[behind]

    def fits(one: int, other: int) -> BOOL:
        is_first = has_before & (event_id[before] == one) & (station[before] == source[middle])
        is_last = has_behind & (event_id[behind] == other) & (station[behind] == station[middle])
        either: BOOL = is_first | is_last
        return either

    differs = source[middle] != station[middle]
    held, failed = fits(received, delivered) & differs, fits(delivered, received) & differs
    tally.n_held += int((held & ~failed).sum())
    tally.n_failed += int((failed & ~held).sum())
