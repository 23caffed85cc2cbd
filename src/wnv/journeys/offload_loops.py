"""Compiled loops that tie packets to their segments, where offload cuts the ones or joins the others.

A large send is seen whole above the place that cuts it, and as segments below; segments that arrive are joined, and
seen whole above. TCP numbers its bytes: a segment is of the packet in whose range its own lies (decision 0009).
`layout` names the columns of journeys and sightings; the rules of `kernels` hold here too.
"""

from __future__ import annotations

import numpy as np

from wnv.arrays import I32, I64
from wnv.journeys import layout as c
from wnv.journeys.table_loops import slot_of, was_there
from wnv.kernels import njit

_UDP = 17
_ALL_32 = 0xFFFFFFFF
_BEFORE = 1 << 31
_FEW_NS = 5_000_000
_JOIN_NS = 20_000_000
"""Segments wait for no more than one batch of a NIC's before they are joined."""
_OLDER_MAX = 16  # packets of older bytes that are passed over, since segments can be out of order
_WALK_MAX = 2048
_SHORT_WALK_MAX = 4

# Packets that offload can cut, the newest of each tuple: rows of a matrix, found by the tuple's hash.
_RING = 64
W_TUPLE, W_HEAD, W_FIRST = range(3)
N_WHOLE = W_FIRST + 2 * _RING
"""The ring has the row of each journey, and its id."""

# What of a packet was seen as segments at a place in a direction: rows of a matrix, taken in turn.
_SPANS_MAX = 12
V_NUMBER, V_JOURNEY, V_CODE, V_NEXT, V_N, V_BYTES, V_N_SPANS, V_FIRST = range(8)
N_COVER = V_FIRST + 2 * _SPANS_MAX
"""Spans are offsets into the packet, ascending, not touching."""
_COVERS_OF_ONE = 64

PARTS_MAX = 512
P_ROW, P_BEGIN, P_END, N_PARTS = range(4)
"""Segments that can be joined: their journeys, and where they begin and end in the packet."""


@njit
def note_whole(journeys: I64, j: int, seq: int, seq_end: int, is_stated: bool, wholes: I64, scalars: I64) -> None:
    """Remember that a packet has these bytes, and can be cut. `is_stated`: Windows says that it is large."""
    scalars[c.Z_HAS_LARGE] = 1
    if is_stated:
        journeys[j, c.J_FLAGS] |= c.J_IS_LARGE
    journeys[j, c.J_WHOLE_SEQ] = seq
    journeys[j, c.J_WHOLE_END] = seq_end
    list_whole(journeys, j, wholes)


@njit
def note_datagram(journeys: I64, j: int, wholes: I64, scalars: I64) -> None:
    """Remember that datagrams of a tuple can be cut and joined, which nothing in them shows."""
    scalars[c.Z_HAS_LARGE] = 1
    list_whole(journeys, j, wholes)


@njit
def doubt_datagram(journeys: I64, j: int, wholes: I64) -> None:
    """Mark a packet that ended where datagrams of its tuple are cut or joined."""
    value = int(np.int64(journeys[j, c.J_TUPLE]))
    is_listed = value != 0 and wholes[slot_of(value, wholes.shape[0] - 1), W_TUPLE] == value
    if is_listed and journeys[j, c.J_WHAT] >> 8 == _UDP:
        journeys[j, c.J_FLAGS] |= c.J_MAY_BE_PART


@njit
def list_whole(journeys: I64, j: int, wholes: I64) -> None:
    """List a packet that can be cut under the tuple it has now."""
    value = int(np.int64(journeys[j, c.J_TUPLE]))
    if value == 0 or journeys[j, c.J_WHOLE_TUPLE] == value:
        return
    journeys[j, c.J_WHOLE_TUPLE] = value
    row = slot_of(value, wholes.shape[0] - 1)
    if wholes[row, W_TUPLE] != value:
        wholes[row] = 0
        wholes[row, W_TUPLE] = value
    head = int(np.int64(wholes[row, W_HEAD]))
    wholes[row, W_FIRST + 2 * head] = j
    wholes[row, W_FIRST + 2 * head + 1] = journeys[j, c.J_ID]
    wholes[row, W_HEAD] = (head + 1) % _RING


@njit
def _cover_of(journeys: I64, j: int, code: int, covers: I64) -> int:
    """The row of what was seen of a packet at a place in a direction; -1 = nothing, or forgotten."""
    number = int(np.int64(journeys[j, c.J_COVER]))
    for _ in range(_COVERS_OF_ONE):
        row = number % covers.shape[0]
        if number <= 0 or covers[row, V_NUMBER] != number or covers[row, V_JOURNEY] != journeys[j, c.J_ID]:
            return -1
        if covers[row, V_CODE] == code:
            return int(row)
        number = int(np.int64(covers[row, V_NEXT]))
    return -1


@njit
def _is_covered(covers: I64, row: int, begin: int, end: int) -> bool:
    """Whether any of these bytes were seen there."""
    for k in range(int(np.int64(covers[row, V_N_SPANS]))):
        if covers[row, V_FIRST + 2 * k] < end and begin < covers[row, V_FIRST + 2 * k + 1]:
            return True
    return False


@njit
def _add_span(covers: I64, row: int, begin: int, end: int) -> None:
    """Add bytes that were not seen there before; beyond `_SPANS_MAX` gaps they are counted alone."""
    covers[row, V_N] += 1
    covers[row, V_BYTES] += end - begin
    n = int(np.int64(covers[row, V_N_SPANS]))
    k = 0
    while k < n and covers[row, V_FIRST + 2 * k] < begin:
        k += 1
    touches_last = k > 0 and covers[row, V_FIRST + 2 * k - 1] == begin
    touches_next = k < n and covers[row, V_FIRST + 2 * k] == end
    if touches_last and touches_next:
        covers[row, V_FIRST + 2 * k - 1] = covers[row, V_FIRST + 2 * k + 1]
        for at in range(V_FIRST + 2 * k, V_FIRST + 2 * n - 2):
            covers[row, at] = covers[row, at + 2]
        covers[row, V_N_SPANS] -= 1
    elif touches_last:
        covers[row, V_FIRST + 2 * k - 1] = end
    elif touches_next:
        covers[row, V_FIRST + 2 * k] = begin
    elif n < _SPANS_MAX:
        for at in range(V_FIRST + 2 * n + 1, V_FIRST + 2 * k + 1, -1):
            covers[row, at] = covers[row, at - 2]
        covers[row, V_FIRST + 2 * k] = begin
        covers[row, V_FIRST + 2 * k + 1] = end
        covers[row, V_N_SPANS] += 1


@njit
def cover(journeys: I64, j: int, code: int, seq: int, seq_end: int, covers: I64, scalars: I64) -> int:
    """Note that a segment was seen at a place in a direction; how many of its packet were seen there with it."""
    begin = (seq - int(np.int64(journeys[j, c.J_WHOLE_SEQ]))) & _ALL_32
    end = begin + seq_end - seq
    row = _cover_of(journeys, j, code, covers)
    if row < 0:
        scalars[c.Z_COVER] += 1
        number = int(np.int64(scalars[c.Z_COVER]))
        row = number % covers.shape[0]
        covers[row, V_NUMBER] = number
        covers[row, V_JOURNEY] = journeys[j, c.J_ID]
        covers[row, V_CODE] = code
        covers[row, V_NEXT] = journeys[j, c.J_COVER]
        covers[row, V_N] = 0
        covers[row, V_BYTES] = 0
        covers[row, V_N_SPANS] = 0
        journeys[j, c.J_COVER] = number
    if not _is_covered(covers, row, begin, end):
        _add_span(covers, row, begin, end)
    return int(np.int64(covers[row, V_N]))


@njit
def is_within(journeys: I64, j: int, seq: int, seq_end: int) -> bool:
    """Whether these bytes are some of a packet's that can be cut, and not all of them."""
    if journeys[j, c.J_WHOLE_SEQ] < 0:
        return False
    n_bytes = int(np.int64(journeys[j, c.J_WHOLE_END])) - int(np.int64(journeys[j, c.J_WHOLE_SEQ]))
    begin = (seq - int(np.int64(journeys[j, c.J_WHOLE_SEQ]))) & _ALL_32
    return bool(begin < n_bytes and begin + seq_end - seq <= n_bytes and seq_end - seq < n_bytes)


@njit
def find_cut(
    sights: I64, i: int, value: int, code: int, journeys: I64, visited: I32, wholes: I64, covers: I64,
    window_ns: int, found: I64,
) -> int:  # fmt: skip
    """The journey of the packet that this is a segment of, which has this tuple; -1 = none.

    Not of a packet that came here whole, and not where these bytes were here before: that is a retransmission.
    `found` gets confidence in ‰ and why.
    """
    row = slot_of(value, wholes.shape[0] - 1)
    if value == 0 or wholes[row, W_TUPLE] != value:
        return -1
    seq, seq_end = int(np.int64(sights[c.SEQ, i])), int(np.int64(sights[c.SEQ_END, i]))
    ts = int(np.int64(sights[c.TS, i]))
    head = int(np.int64(wholes[row, W_HEAD]))
    best, best_ts, is_begun, n_alike, n_older = -1, 0, False, 0, 0
    for k in range(_RING):
        at = W_FIRST + 2 * ((head - 1 - k) % _RING)
        j = int(np.int64(wholes[row, at]))
        if wholes[row, at + 1] == 0:
            break
        if journeys[j, c.J_ID] != wholes[row, at + 1] or journeys[j, c.J_IS_OPEN] == 0:
            continue
        if not is_within(journeys, j, seq, seq_end):
            n_older += 1 if (int(np.int64(journeys[j, c.J_WHOLE_END])) - 1 - seq) & _ALL_32 >= _BEFORE else 0
            if n_older >= _OLDER_MAX:
                break
            continue
        flags = int(np.int64(journeys[j, c.J_FLAGS]))
        last = int(np.int64(journeys[j, c.J_LAST_TS]))
        is_gone = (flags & c.J_IS_DROPPED) != 0 and (flags & c.J_PART_DROPPED) == 0
        if is_gone or journeys[j, c.J_PART_OF] > 0 or journeys[j, c.J_HOST] != sights[c.HOST, i]:
            continue
        if ts - last > window_ns:
            continue
        mine = _cover_of(journeys, j, code, covers)
        if mine >= 0:
            begin = (seq - int(np.int64(journeys[j, c.J_WHOLE_SEQ]))) & _ALL_32
            if _is_covered(covers, mine, begin, begin + seq_end - seq):
                continue
        elif was_there(journeys, visited, j, code):
            continue
        n_alike += 1
        if is_begun and mine < 0:
            continue  # of which nothing came here yet, while another is on its way
        # Packets alike keep their order; one that was not heard of for long was lost.
        is_recent = ts - last <= _FEW_NS
        is_better = (is_recent and (last < best_ts or ts - best_ts > _FEW_NS)) or (not is_recent and last > best_ts)
        if best < 0 or (mine >= 0 and not is_begun) or is_better:
            best, best_ts, is_begun = j, last, mine >= 0
    if best >= 0:
        found[0] = 600 if n_alike > 1 else 900 if journeys[best, c.J_FLAGS] & c.J_IS_LARGE else 800
        found[1] = c.WHY_RANGE
    return best


@njit
def _insert(parts: I64, n: int, j: int, begin: int, end: int) -> None:
    """Put a segment among `n` others in order of its bytes; of those alike, newest first, the oldest first."""
    k = n
    while k > 0 and parts[P_BEGIN, k - 1] >= begin:
        for column in range(N_PARTS):
            parts[column, k] = parts[column, k - 1]
        k -= 1
    parts[P_ROW, k] = j
    parts[P_BEGIN, k] = begin
    parts[P_END, k] = end


@njit
def ends_alike(sights: I64, i: int, journeys: I64, tuple_heads: I64) -> bool:
    """Whether the newest packet of the tuple has the last bytes of this one: of short ones only then it is looked
    whether they were joined."""
    j = int(np.int64(tuple_heads[slot_of(int(np.int64(sights[c.TUPLE, i])), tuple_heads.size - 1)]))
    if j < 0 or journeys[j, c.J_SEQ] == sights[c.SEQ, i]:
        return False
    return (int(np.int64(journeys[j, c.J_SEQ_END])) - int(np.int64(sights[c.SEQ_END, i]))) & _ALL_32 == 0


@njit
def find_parts(
    sights: I64, i: int, before: int, code: int, journeys: I64, visited: I32, tuple_heads: I64, parts: I64, found: I64
) -> int:  # fmt: skip
    """How many journeys have the segments that this packet was joined from; 0 = it was not.

    They have its tuple, or the one `before` a NAT, and go to `parts`, in order of their bytes; with the first one the
    packet's journey goes on. Not where one of them was here before: then this is a retransmission of several at once.
    `found` gets confidence in ‰ and why. What could have been joined and is not among them is marked.
    """
    n_bytes = int(np.int64(sights[c.SEQ_END, i])) - int(np.int64(sights[c.SEQ, i]))
    is_long = (sights[c.FLAGS, i] & (c.IS_LARGE | c.IS_LONG)) != 0
    n = _collect_parts(
        sights, i, int(np.int64(sights[c.TUPLE, i])), code, journeys, visited, tuple_heads, is_long, parts, 0
    )  # fmt: skip
    n = _collect_parts(sights, i, before, code, journeys, visited, tuple_heads, is_long, parts, n)
    return _settle_parts(journeys, parts, n, n_bytes, is_long, (sights[c.FLAGS, i] & c.IS_LARGE) != 0, found)


@njit
def _collect_parts(
    sights: I64, i: int, value: int, code: int, journeys: I64, visited: I32, tuple_heads: I64, is_long: bool,
    parts: I64, n: int,
) -> int:  # fmt: skip
    """Add to the `n` segments in `parts` those of a tuple that lie within a packet; how many there are then."""
    seq = int(np.int64(sights[c.SEQ, i]))
    n_bytes = int(np.int64(sights[c.SEQ_END, i])) - seq
    ts = int(np.int64(sights[c.TS, i]))
    n_older = 0
    j = int(np.int64(tuple_heads[slot_of(value, tuple_heads.size - 1)])) if value != 0 else -1
    for _ in range(_WALK_MAX if is_long else _SHORT_WALK_MAX):
        if j < 0 or n >= PARTS_MAX or n_older >= _OLDER_MAX:
            break
        if journeys[j, c.J_TUPLE] == value and journeys[j, c.J_SEQ_END] > journeys[j, c.J_SEQ]:
            is_whole = journeys[j, c.J_WHOLE_SEQ] >= 0
            first = int(np.int64(journeys[j, c.J_WHOLE_SEQ if is_whole else c.J_SEQ]))
            length = int(np.int64(journeys[j, c.J_WHOLE_END if is_whole else c.J_SEQ_END])) - first
            begin = (first - seq) & _ALL_32
            if begin >= _BEFORE:
                n_older += 1
            elif begin + length <= n_bytes and length < n_bytes:
                flags = int(np.int64(journeys[j, c.J_FLAGS]))
                if (
                    (flags & (c.J_IS_DROPPED | c.J_HAS_LEFT | c.J_IS_CUT)) == 0
                    and journeys[j, c.J_PART_OF] == 0
                    and journeys[j, c.J_HOST] == sights[c.HOST, i]
                    and ts - journeys[j, c.J_LAST_TS] <= _JOIN_NS
                    and journeys[j, c.J_LAST_PLACE] >= 0
                    and not was_there(journeys, visited, j, code)
                ):
                    _insert(parts, n, j, begin, begin + length)
                    n += 1
        j = int(np.int64(journeys[j, c.J_TUPLE_NEXT]))
    return n


@njit
def _settle_parts(
    journeys: I64, parts: I64, n: int, n_bytes: int, is_long: bool, is_stated: bool, found: I64
) -> int:  # fmt: skip
    """Of candidates in order of their bytes keep those that follow each other; how many, 0 = they do not add up."""
    kept, reached, n_parts, is_alike, has_gap = 0, 0, 0, False, False
    for k in range(n):
        journeys[parts[P_ROW, k], c.J_FLAGS] |= c.J_MAY_BE_PART
    for k in range(n):
        if parts[P_BEGIN, k] < reached:
            is_alike = True  # the same bytes once more: which of the two was joined, nothing tells
            continue
        if k == 0 and parts[P_BEGIN, k] != 0:
            return 0
        has_gap |= parts[P_BEGIN, k] > reached
        n_parts += 1 + int(np.int64(journeys[parts[P_ROW, k], c.J_N_PARTS]))
        reached = int(np.int64(parts[P_END, k]))
        for column in range(N_PARTS):
            parts[column, kept] = parts[column, k]
        kept += 1
    has_gap |= reached < n_bytes
    if kept < 2 or n_parts > PARTS_MAX or (has_gap and not is_long):
        return 0
    found[0] = 600 if is_alike or has_gap else 900 if is_stated else 800
    found[1] = c.WHY_RANGE
    return kept


@njit
def fill_part(sights: I64, i: int, out: I64) -> None:
    """What a further segment of a packet is at a place where another was seen before."""
    for column, of_sight in (
        (c.O_WHAT, c.WHAT), (c.O_SRC_HIGH, c.SRC_HIGH), (c.O_SRC_LOW, c.SRC_LOW), (c.O_DST_HIGH, c.DST_HIGH),
        (c.O_DST_LOW, c.DST_LOW), (c.O_PORTS, c.PORTS), (c.O_OUTER_SRC_HIGH, c.OUTER_SRC_HIGH),
        (c.O_OUTER_SRC_LOW, c.OUTER_SRC_LOW), (c.O_OUTER_DST_HIGH, c.OUTER_DST_HIGH),
        (c.O_OUTER_DST_LOW, c.OUTER_DST_LOW), (c.O_VNI, c.VNI),
    ):  # fmt: skip
        out[column, i] = sights[of_sight, i]
    out[c.O_OUTER_VERSION, i] = sights[c.OUTER_VERSION, i] if sights[c.OUTER, i] != 0 else 0
    out[c.O_CHANGED, i] = 0


@njit
def is_same_drop(journeys: I64, j: int, seq: int, is_part: bool) -> bool:
    """Whether a journey's drop was told of before; each segment can be dropped on its own."""
    if (journeys[j, c.J_FLAGS] & c.J_IS_DROPPED) == 0:
        return False
    return not is_part or journeys[j, c.J_DROP_SEQ] == seq


@njit
def note_drop(journeys: I64, j: int, seq: int, seq_end: int) -> None:
    """That a segment of a packet was dropped."""
    journeys[j, c.J_FLAGS] |= c.J_PART_DROPPED
    journeys[j, c.J_DROP_SEQ] = seq
    journeys[j, c.J_DROP_BYTES] += seq_end - seq


@njit
def settle(journeys: I64, j: int, covers: I64) -> None:
    """Of a packet that was cut and goes no further: whether all of it was dropped, or came to its last place."""
    n_bytes = int(np.int64(journeys[j, c.J_WHOLE_END])) - int(np.int64(journeys[j, c.J_WHOLE_SEQ]))
    if journeys[j, c.J_DROP_BYTES] >= n_bytes:
        journeys[j, c.J_FLAGS] &= ~c.J_PART_DROPPED
    code = int(np.int64(journeys[j, c.J_LAST_PLACE])) * 4 + int(np.int64(journeys[j, c.J_LAST_DIR]))
    row = _cover_of(journeys, j, code, covers)
    if row >= 0 and covers[row, V_BYTES] < n_bytes:
        journeys[j, c.J_FLAGS] |= c.J_PART_MISSING
