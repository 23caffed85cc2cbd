"""Compiled loops over the hops of journeys that are still open; the rules of `kernels` hold here too.

A hop that is held is a row of two matrices, `wide` and `narrow`, and points to the next one of its journey. What only
few have (a rewrite, a carrier, a drop) stands in a third, `rare`. Import this module inside the function that needs it.
"""

from __future__ import annotations

import numpy as np

from wnv.arrays import I32, I64
from wnv.journeys import layout as c
from wnv.kernels import njit

# Columns of what is held, the row of the matrix being the hop.
W_ROW, W_TS, W_FRAME_ID, W_SRC_HIGH, W_SRC_LOW, W_DST_HIGH, W_DST_LOW, W_PORTS, W_WHAT, N_WIDE = range(10)
N_NEXT, N_RARE, N_SESSION, N_PLACE, N_DIR, N_EVENT, N_SURE, N_NARROW = range(8)
"""`N_NEXT`: the next hop of the journey, or of those that are free; `N_RARE`: its row in `rare`; -1 = none. `N_SURE`:
confidence in ‰ << 16 | why."""
RARE_SIGHTS = (
    c.IS_DROP, c.DROP_KIND, c.DROP_CODE, c.DROP_LOCATION, c.DROP_RULE, c.MAC_SRC, c.MAC_DST, c.VLAN,
)  # fmt: skip
RARE_OUT = (
    c.O_CHANGED, c.O_DROP, c.O_OLD_SRC_HIGH, c.O_OLD_SRC_LOW, c.O_OLD_DST_HIGH, c.O_OLD_DST_LOW, c.O_OLD_PORTS,
    c.O_OLD_MAC_SRC, c.O_OLD_MAC_DST, c.O_OLD_VNI, c.O_OLD_WHAT, c.O_OUTER_VERSION, c.O_OUTER_SRC_HIGH,
    c.O_OUTER_SRC_LOW, c.O_OUTER_DST_HIGH, c.O_OUTER_DST_LOW, c.O_VNI, c.O_OLD_VLAN,
    c.O_PARTS,
)  # fmt: skip
_N_RARE_SIGHTS, _N_RARE_OUT = len(RARE_SIGHTS), len(RARE_OUT)
N_RARE_COLUMNS = _N_RARE_SIGHTS + _N_RARE_OUT
"""The first column of a free row says which is the next."""
S_FREE, S_N_FREE, S_RARE_FREE, S_N_RARE_FREE, N_STATE = range(5)


@njit
def hold_hops(
    sights: I64, out: I64, n: int, journeys: I64, wide: I64, narrow: I32, rare: I64, state: I64
) -> None:  # fmt: skip
    """Put the first `n` linked sightings behind those of their journeys; there is room for all of them."""
    for i in range(n):
        if out[c.O_JOURNEY, i] <= 0:
            continue
        row = int(np.int64(state[S_FREE]))
        state[S_FREE] = narrow[row, N_NEXT]
        state[S_N_FREE] -= 1
        j = int(np.int64(out[c.O_SLOT, i]))
        last = int(np.int64(journeys[j, c.J_LAST_HELD]))
        if last > 0:
            narrow[last - 1, N_NEXT] = row
        else:
            journeys[j, c.J_FIRST_HELD] = row + 1
        journeys[j, c.J_LAST_HELD] = row + 1
        journeys[j, c.J_N_HELD] += 1
        wide[row, W_ROW] = sights[c.ROW, i]
        wide[row, W_TS] = sights[c.TS, i]
        wide[row, W_FRAME_ID] = sights[c.FRAME_ID, i]
        wide[row, W_SRC_HIGH] = out[c.O_SRC_HIGH, i]
        wide[row, W_SRC_LOW] = out[c.O_SRC_LOW, i]
        wide[row, W_DST_HIGH] = out[c.O_DST_HIGH, i]
        wide[row, W_DST_LOW] = out[c.O_DST_LOW, i]
        wide[row, W_PORTS] = out[c.O_PORTS, i]
        wide[row, W_WHAT] = out[c.O_WHAT, i]
        narrow[row, N_NEXT] = -1
        narrow[row, N_RARE] = -1
        narrow[row, N_SESSION] = sights[c.SESSION, i]
        narrow[row, N_PLACE] = out[c.O_PLACE, i]
        narrow[row, N_DIR] = out[c.O_DIR, i]
        narrow[row, N_EVENT] = sights[c.EVENT, i]
        narrow[row, N_SURE] = int(np.int64(out[c.O_CONFIDENCE, i])) << 16 | int(np.int64(out[c.O_WHY, i]))
        is_plain = out[c.O_CHANGED, i] == 0 and out[c.O_OUTER_VERSION, i] == 0
        if is_plain and out[c.O_DROP, i] == 0 and sights[c.DROP_RULE, i] < 0 and sights[c.IS_DROP, i] == 0:
            continue
        more = int(np.int64(state[S_RARE_FREE]))
        state[S_RARE_FREE] = rare[more, 0]
        state[S_N_RARE_FREE] -= 1
        narrow[row, N_RARE] = more
        for k in range(_N_RARE_SIGHTS):
            rare[more, k] = sights[RARE_SIGHTS[k], i]
        for k in range(_N_RARE_OUT):
            rare[more, _N_RARE_SIGHTS + k] = out[RARE_OUT[k], i]


@njit
def take_hops(
    ended: I64, wide: I64, narrow: I32, rare: I64, state: I64, sights: I64, out: I64
) -> None:  # fmt: skip
    """Hand on the hops of ended journeys, one journey after the other: their columns of `sights` and `out`, as `layout`
    has them, of what few have only where they have it."""
    i, n = 0, out.shape[1]
    for k in range(ended.shape[0]):
        row = int(np.int64(ended[k, c.J_FIRST_HELD])) - 1
        while row >= 0 and i < n:
            out[c.O_JOURNEY, i] = ended[k, c.J_ID]
            sights[c.ROW, i] = wide[row, W_ROW]
            sights[c.TS, i] = wide[row, W_TS]
            sights[c.FRAME_ID, i] = wide[row, W_FRAME_ID]
            out[c.O_SRC_HIGH, i] = wide[row, W_SRC_HIGH]
            out[c.O_SRC_LOW, i] = wide[row, W_SRC_LOW]
            out[c.O_DST_HIGH, i] = wide[row, W_DST_HIGH]
            out[c.O_DST_LOW, i] = wide[row, W_DST_LOW]
            out[c.O_PORTS, i] = wide[row, W_PORTS]
            out[c.O_WHAT, i] = wide[row, W_WHAT]
            sights[c.SESSION, i] = narrow[row, N_SESSION]
            out[c.O_PLACE, i] = narrow[row, N_PLACE]
            out[c.O_DIR, i] = narrow[row, N_DIR]
            sights[c.EVENT, i] = narrow[row, N_EVENT]
            sure = int(np.int64(narrow[row, N_SURE]))
            out[c.O_CONFIDENCE, i] = sure >> 16
            out[c.O_WHY, i] = sure & 0xFFFF
            more = int(np.int64(narrow[row, N_RARE]))
            if more < 0:
                sights[c.IS_DROP, i] = 0
                sights[c.DROP_RULE, i] = -1
                out[c.O_CHANGED, i] = 0
                out[c.O_DROP, i] = 0
                out[c.O_OUTER_VERSION, i] = 0
            else:
                for column in range(_N_RARE_SIGHTS):
                    sights[RARE_SIGHTS[column], i] = rare[more, column]
                for column in range(_N_RARE_OUT):
                    out[RARE_OUT[column], i] = rare[more, _N_RARE_SIGHTS + column]
                rare[more, 0] = state[S_RARE_FREE]
                state[S_RARE_FREE] = more
                state[S_N_RARE_FREE] += 1
            after = int(np.int64(narrow[row, N_NEXT]))
            narrow[row, N_NEXT] = state[S_FREE]
            state[S_FREE] = row
            state[S_N_FREE] += 1
            row = after
            i += 1


@njit
def merge_hops(
    sights: I64, out: I64, first: I64, last: I64, said: I64, one: I64, what: I64
) -> None:  # fmt: skip
    """Each hop as one sighting, in `one` and `what`: the time of its first event, what its last says of the packet, all
    that was rewritten. `first`, `last`, `said` are those of `loops.group_hops`."""
    for hop in range(first.size):
        k, end = int(np.int64(first[hop])), int(np.int64(last[hop]))
        one[c.TS, hop] = sights[c.TS, k]
        one[c.SESSION, hop] = sights[c.SESSION, k]
        one[c.IS_DROP, hop] = sights[c.IS_DROP, k]
        if sights[c.IS_DROP, k] != 0:
            for column in (c.DROP_KIND, c.DROP_CODE, c.DROP_LOCATION, c.DROP_RULE):
                one[column, hop] = sights[column, k]
        else:
            one[c.DROP_RULE, hop] = sights[c.DROP_RULE, said[6, hop]] if said[6, hop] >= 0 else -1
        one[c.EVENT, hop] = sights[c.EVENT, said[0, hop]]
        framed, weakest = int(np.int64(said[2, hop])), int(np.int64(said[3, hop]))
        one[c.FRAME_ID, hop] = sights[c.FRAME_ID, framed] if framed >= 0 else -1
        what[c.O_JOURNEY, hop] = out[c.O_JOURNEY, end]
        what[c.O_PLACE, hop] = out[c.O_PLACE, end]
        what[c.O_DIR, hop] = out[c.O_DIR, end]
        what[c.O_DROP, hop] = out[c.O_DROP, end]
        what[c.O_WHAT, hop] = out[c.O_WHAT, end]
        what[c.O_SRC_HIGH, hop] = out[c.O_SRC_HIGH, end]
        what[c.O_SRC_LOW, hop] = out[c.O_SRC_LOW, end]
        what[c.O_DST_HIGH, hop] = out[c.O_DST_HIGH, end]
        what[c.O_DST_LOW, hop] = out[c.O_DST_LOW, end]
        what[c.O_PORTS, hop] = out[c.O_PORTS, end]
        what[c.O_CONFIDENCE, hop] = out[c.O_CONFIDENCE, weakest]
        what[c.O_WHY, hop] = out[c.O_WHY, weakest]
        what[c.O_OUTER_VERSION, hop] = out[c.O_OUTER_VERSION, end]
        if out[c.O_OUTER_VERSION, end] != 0:
            for column in range(c.O_OUTER_SRC_HIGH, c.O_VNI + 1):
                what[column, hop] = out[column, end]
        else:
            for column in range(c.O_OUTER_SRC_HIGH, c.O_VNI + 1):
                what[column, hop] = -1
        changed, part, offload = int(np.int64(said[1, hop])), int(np.int64(said[4, hop])), int(np.int64(said[5, hop]))
        what[c.O_CHANGED, hop] = 0
        what[c.O_PARTS, hop] = 0
        if offload >= 0:
            what[c.O_CHANGED, hop] = out[c.O_CHANGED, offload] & c.CHANGED_BY_OFFLOAD
            what[c.O_PARTS, hop] = out[c.O_PARTS, part if part >= 0 else offload]
        if changed >= 0 or offload >= 0:
            changed = changed if changed >= 0 else offload
            what[c.O_CHANGED, hop] |= out[c.O_CHANGED, changed] & ~(c.IS_PART | c.CHANGED_BY_OFFLOAD)
            for column in range(c.O_OLD_SRC_HIGH, c.O_OLD_WHAT + 1):
                what[column, hop] = out[column, changed]
            what[c.O_OLD_VLAN, hop] = out[c.O_OLD_VLAN, changed]
            for column in (c.MAC_SRC, c.MAC_DST, c.VLAN):
                one[column, hop] = sights[column, changed]


@njit
def list_rows(hop_of: I64, row: I64, offsets: I64, values: I64) -> None:
    """The rows of each hop, in order: `values[offsets[k] : offsets[k + 1]]`."""
    offsets[:] = 0
    for i in range(hop_of.size):
        offsets[hop_of[i] + 1] += 1
    for hop in range(1, offsets.size):
        offsets[hop] += offsets[hop - 1]
    place = offsets.copy()
    for i in range(hop_of.size):
        hop = hop_of[i]
        values[place[hop]] = row[i]
        place[hop] += 1
