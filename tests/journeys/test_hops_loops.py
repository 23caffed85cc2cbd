"""Hops that are held come back whole, journey by journey, and their room is used again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wnv.journeys import hops_loops as loops
from wnv.journeys import layout as c

_SLOTS, _ROOM = 3, 64
_KEPT_SIGHTS = (c.ROW, c.TS, c.SESSION, c.EVENT, c.FRAME_ID)
_KEPT_OUT = (
    c.O_JOURNEY, c.O_CONFIDENCE, c.O_WHY, c.O_PLACE, c.O_DIR, c.O_WHAT, c.O_SRC_HIGH, c.O_SRC_LOW, c.O_DST_HIGH,
    c.O_DST_LOW, c.O_PORTS,
)  # fmt: skip


def linked(slots: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A sighting of each journey in turn; every third has a rewrite, every fifth is no part of any."""
    n, some = len(slots), np.random.default_rng(seed)
    sights, out = some.integers(1, 100, (c.N_SIGHT, n)), some.integers(1, 100, (c.N_OUT, n))
    sights[c.IS_DROP] = out[c.O_DROP] = out[c.O_OUTER_VERSION] = 0
    out[c.O_SLOT], out[c.O_CHANGED] = slots, np.where(np.arange(n) % 3, 0, 1)
    out[c.O_JOURNEY] = np.where(np.arange(n) % 5, out[c.O_SLOT] + 1, 0)
    return sights, out


def free_rows() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    narrow, rare = np.zeros((_ROOM, loops.N_NARROW), np.int32), np.zeros((_ROOM, loops.N_RARE_COLUMNS), np.int64)
    narrow[:, loops.N_NEXT] = rare[:, 0] = np.append(np.arange(1, _ROOM), -1)
    return np.zeros((_ROOM, loops.N_WIDE), np.int64), narrow, rare, np.array([0, _ROOM, 0, _ROOM])


@given(st.lists(st.lists(st.integers(0, _SLOTS - 1), max_size=12), max_size=8))
def test_what_is_held_of_a_journey_comes_back_in_order(batches: list[list[int]]) -> None:
    pool = free_rows()
    for round_, batch in enumerate(batches):
        journeys = np.zeros((_SLOTS, c.N_JOURNEY), np.int64)
        journeys[:, c.J_ID] = np.arange(1, _SLOTS + 1)
        sights, out = linked(batch, round_)
        loops.hold_hops(sights, out, len(batch), journeys, *pool)
        mine = np.flatnonzero(out[c.O_JOURNEY])
        mine = mine[np.argsort(out[c.O_JOURNEY, mine], kind="stable")]
        got = np.zeros((c.N_SIGHT, len(mine)), np.int64), np.zeros((c.N_OUT, len(mine)), np.int64)
        loops.take_hops(journeys, *pool, *got)
        assert (got[0][list(_KEPT_SIGHTS)] == sights[list(_KEPT_SIGHTS)][:, mine]).all()
        assert (got[1][list(_KEPT_OUT)] == out[list(_KEPT_OUT)][:, mine]).all()
        changed = mine[out[c.O_CHANGED, mine] > 0]
        rare = got[0][list(loops.RARE_SIGHTS)], got[1][list(loops.RARE_OUT)]
        has_more = got[1][c.O_CHANGED] > 0
        assert (rare[0][:, has_more] == sights[list(loops.RARE_SIGHTS)][:, changed]).all()
        assert (rare[1][:, has_more] == out[list(loops.RARE_OUT)][:, changed]).all()
        assert pool[3][[loops.S_N_FREE, loops.S_N_RARE_FREE]].tolist() == [_ROOM, _ROOM]


@given(st.lists(st.integers(0, 6), max_size=40))
def test_the_rows_of_each_hop_are_listed_in_order(hop_of: list[int]) -> None:
    offsets, values = np.empty(8, np.int64), np.empty(len(hop_of), np.int64)
    loops.list_rows(np.array(hop_of, np.int64), np.arange(len(hop_of)) * 10, offsets, values)
    listed = [values[begin:end].tolist() for begin, end in pairwise(offsets)]
    assert listed == [[10 * k for k, hop in enumerate(hop_of) if hop == one] for one in range(7)]
