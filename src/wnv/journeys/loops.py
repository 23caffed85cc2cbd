"""Compiled loops that join sightings to journeys; the rules of `kernels` hold here too.

Everything is kept in matrices of 64-bit integers whose columns `layout` names. Import this module inside the function
that needs it.
"""

from __future__ import annotations

import numpy as np

from wnv.arrays import I32, I64, U8
from wnv.journeys import layout as c
from wnv.journeys import offload_loops as offload
from wnv.journeys.answer_loops import find_answer, note_answers
from wnv.journeys.table_loops import of_host, slot_of, was_there
from wnv.kernels import njit

_TCP = 6
_FEW_NS = 5_000_000
_THREAD_NS = 2_000_000
_RIGHT_AFTER_NS = 50_000
_TUPLE_NS = 50_000_000
_CANDIDATES_MAX = 64
_THREAD_SLOTS = 64
_NOTED_AHEAD = 8
# Columns of what a thread did lately: the journey it touched last, and a ring of others, each with its id.
T_THREAD, T_LAST, T_LAST_ID, T_HEAD, T_FIRST = range(5)
N_THREAD = T_FIRST + 2 * _THREAD_SLOTS
_BUCKET_BITS = 26  # activity is kept in buckets of 67 ms
_BUCKETS = 64
N_ACTIVITY = _BUCKETS + 1
"""Of a place in a direction: buckets with sightings, and the time of the last."""
_NEAR_BUCKETS = 7
_ANY_WAY = 0x5EED << 40
"""Added to the code of a place: in the table of ways it stands for any packet that went there."""


@njit
def hash_payloads(data: U8, start: I64, n_bytes: I64, hash_8: I64, hash_32: I64, whole: I64) -> None:
    """Hashes of the first 8 and 32 bytes of payloads; -1 where that many were not captured of `whole` bytes."""
    for k in range(start.size):
        at = int(np.int64(start[k]))
        n = int(np.int64(n_bytes[k]))
        is_all = n >= whole[k]
        hash_8[k] = -1
        hash_32[k] = -1
        if at < 0 or n < 0 or at + n > data.size:
            continue
        key = 0x1505
        n = min(n, 32)
        i = 0
        while i < n:
            word = 0
            if n - i >= 4:  # together: LLVM makes one access of it
                word = (
                    int(np.int64(data[at + i]))
                    | int(np.int64(data[at + i + 1])) << 8
                    | int(np.int64(data[at + i + 2])) << 16
                    | int(np.int64(data[at + i + 3])) << 24
                )
                i += 4
            else:
                while i < n:
                    word = word << 8 | int(np.int64(data[at + i]))
                    i += 1
            key = ((key ^ word) * 0x1E3779B97F5) & 0x1FFFFFFFFFF
            key ^= key >> 17
            if i == 8:
                hash_8[k] = key
        if is_all and n < 8:
            hash_8[k] = key ^ n
        if is_all or n == 32:
            hash_32[k] = key ^ n


@njit
def _unlink(journeys: I64, heads: I64, j: int, value: int, next_column: int, prev_column: int) -> None:
    after, before = int(np.int64(journeys[j, next_column])), int(np.int64(journeys[j, prev_column]))
    if before >= 0:
        journeys[before, next_column] = after
    else:
        slot = slot_of(value, heads.size - 1)
        if heads[slot] == j:
            heads[slot] = after
    if after >= 0:
        journeys[after, prev_column] = before


@njit
def _link(journeys: I64, heads: I64, j: int, value: int, next_column: int, prev_column: int) -> None:
    slot = slot_of(value, heads.size - 1)
    first = int(np.int64(heads[slot]))
    journeys[j, next_column] = first
    journeys[j, prev_column] = -1
    if first >= 0:
        journeys[first, prev_column] = j
    heads[slot] = j


@njit
def _unlist(journeys: I64, scalars: I64, j: int) -> None:
    """Out of its list of journeys by time of last sighting."""
    which = int(np.int64(journeys[j, c.J_LIST]))
    after, before = int(np.int64(journeys[j, c.J_LRU_NEXT])), int(np.int64(journeys[j, c.J_LRU_PREV]))
    if before >= 0:
        journeys[before, c.J_LRU_NEXT] = after
    else:
        scalars[c.Z_FIRST + which] = after
    if after >= 0:
        journeys[after, c.J_LRU_PREV] = before
    else:
        scalars[c.Z_LAST + which] = before


@njit
def _touch(journeys: I64, scalars: I64, j: int, is_new: bool, which: int) -> None:
    """To the end of a list of journeys by time of last sighting."""
    if journeys[j, c.J_PART_OF] > 0:
        return  # it ends with the journey it was joined into
    if not is_new:
        if journeys[j, c.J_LRU_NEXT] < 0 and journeys[j, c.J_LIST] == which:
            return
        _unlist(journeys, scalars, j)
    last = int(np.int64(scalars[c.Z_LAST + which]))
    journeys[j, c.J_LIST] = which
    journeys[j, c.J_LRU_PREV] = last
    journeys[j, c.J_LRU_NEXT] = -1
    if last >= 0:
        journeys[last, c.J_LRU_NEXT] = j
    else:
        scalars[c.Z_FIRST + which] = j
    scalars[c.Z_LAST + which] = j


@njit
def _find_key(keys: I64, heads: I64, kind: int, one: int, two: int) -> int:
    k = int(np.int64(heads[slot_of(one * 5 + two * 3 + kind, heads.size - 1)]))
    while k >= 0:
        if keys[k, c.K_ONE] == one and keys[k, c.K_TWO] == two and keys[k, c.K_KIND] == kind:
            return int(np.int64(keys[k, c.K_JOURNEY]))
        k = int(np.int64(keys[k, c.K_NEXT]))
    return -1


@njit
def _add_key(keys: I64, heads: I64, scalars: I64, journeys: I64, j: int, kind: int, one: int, two: int) -> None:
    k = int(np.int64(scalars[c.Z_KEY_FREE]))
    if k < 0:
        return
    scalars[c.Z_KEY_FREE] = keys[k, c.K_NEXT]
    slot = slot_of(one * 5 + two * 3 + kind, heads.size - 1)
    keys[k, c.K_KIND] = kind
    keys[k, c.K_ONE] = one
    keys[k, c.K_TWO] = two
    keys[k, c.K_JOURNEY] = j
    keys[k, c.K_NEXT] = heads[slot]
    heads[slot] = k
    keys[k, c.K_OF_JOURNEY] = journeys[j, c.J_KEYS]
    journeys[j, c.J_KEYS] = k


@njit
def _remove_keys(keys: I64, heads: I64, scalars: I64, journeys: I64, j: int) -> None:
    k = int(np.int64(journeys[j, c.J_KEYS]))
    while k >= 0:
        slot = slot_of(
            int(np.int64(keys[k, c.K_ONE])) * 5
            + int(np.int64(keys[k, c.K_TWO])) * 3
            + int(np.int64(keys[k, c.K_KIND])),
            heads.size - 1,
        )
        at = int(np.int64(heads[slot]))
        before = -1
        while at >= 0 and at != k:
            before = at
            at = int(np.int64(keys[at, c.K_NEXT]))
        if at == k:
            if before >= 0:
                keys[before, c.K_NEXT] = keys[k, c.K_NEXT]
            else:
                heads[slot] = keys[k, c.K_NEXT]
        of_journey = int(np.int64(keys[k, c.K_OF_JOURNEY]))
        keys[k, c.K_NEXT] = scalars[c.Z_KEY_FREE]
        scalars[c.Z_KEY_FREE] = k
        k = of_journey
    journeys[j, c.J_KEYS] = -1


@njit
def _cross_off(journeys: I64, visited: I32, j: int, code: int) -> None:
    """What was routed to a place has been delivered there."""
    for k in range(int(np.int64(journeys[j, c.J_VISITED]))):
        if visited[j, k] == code | 3:
            visited[j, k] = code
            return


@njit
def _translated_to(map_keys: I64, map_values: I64, value: int) -> int:
    """What a tuple becomes by a session that is known; 0 = by none."""
    mask = map_keys.size - 1
    slot = slot_of(value, mask)
    for _ in range(32):
        if map_keys[slot] == value:
            return int(np.int64(map_values[slot]))
        if map_keys[slot] == 0:
            return 0
        slot = (slot + 1) & mask
    return 0


@njit
def add_translation(map_keys: I64, map_values: I64, before: int, after: int) -> bool:
    """Remember that a tuple becomes another; whether that was new. Where the table is full, the oldest gives way."""
    mask = map_keys.size - 1
    first = slot_of(before, mask)
    slot = first
    for _ in range(32):
        if map_keys[slot] == before:
            map_values[slot] = after
            return False
        if map_keys[slot] == 0:
            map_keys[slot] = before
            map_values[slot] = after
            return True
        slot = (slot + 1) & mask
    map_keys[first] = before
    map_values[first] = after
    return False


@njit
def _learn_translation(map_keys: I64, map_values: I64, before: int, after: int, host: int) -> None:
    """Remember that a tuple becomes another on a host, and which one became it."""
    if add_translation(map_keys, map_values, of_host(before, host), after):
        add_translation(map_keys, map_values, of_host(after, host) ^ c.REVERSE, before)


@njit
def add_translations(map_keys: I64, map_values: I64, before: I64, after: I64) -> int:
    """`add_translation` for rows; how many were new."""
    n_new = 0
    for k in range(before.size):
        if before[k] != 0 and after[k] != 0 and add_translation(map_keys, map_values, int(before[k]), int(after[k])):
            n_new += 1
    return n_new


@njit
def _is_on(journeys: I64, j: int, host: int) -> bool:
    """Whether a journey can be seen on a host: it was there last, or there first; copies to a group are on several."""
    if journeys[j, c.J_HOST] == host or journeys[j, c.J_FIRST_HOST] == host:
        return True
    flags = int(np.int64(journeys[j, c.J_FLAGS]))
    return flags & c.J_CROSSED != 0 and flags & (c.J_IS_GROUP | c.J_FANNED) != 0


@njit
def _is_same_payload(sights: I64, i: int, journeys: I64, j: int) -> int:
    """2 = the hashes that both have are equal; 1 = there is none to compare; 0 = they differ."""
    for column, of_journey in ((c.HASH_32, c.J_HASH_32), (c.HASH_8, c.J_HASH_8)):
        one, other = sights[column, i], journeys[j, of_journey]
        if one >= 0 and other >= 0:
            return 2 if one == other else 0
    return 1


@njit
def _fits_path(sights: I64, i: int, journeys: I64, j: int, places: I64, is_translated: bool) -> bool:
    """Whether a packet last seen where the journey was can be seen here next; `is_translated`: by a stated session."""
    place, direction = int(np.int64(sights[c.PLACE, i])), int(np.int64(sights[c.DIR, i]))
    if place < 0 or places[c.CLASS_NONE + direction, place] != c.ENTRY:
        return True
    last, last_direction = int(np.int64(journeys[j, c.J_LAST_PLACE])), int(np.int64(journeys[j, c.J_LAST_DIR]))
    if last < 0:
        return True
    last_class = places[c.CLASS_NONE + last_direction, last]
    station, last_station = places[c.STATION_OF, place], places[c.STATION_OF, last]
    if last_class == c.ENTRY:
        if station >= 0 and last_station >= 0 and station == last_station:
            return True
        # Members of a team and what stands for it; NICs of which nothing is known.
        is_alike = places[c.IS_PHYSICAL, place] == 1 and places[c.IS_PHYSICAL, last] == 1
        return direction == last_direction and (is_alike or station < 0 or last_station < 0)
    if direction == 1 and last_direction == 1 and places[c.IS_PHYSICAL, place] == places[c.IS_PHYSICAL, last] == 1:
        return True  # what a member of a team receives its team does, though nothing says that it is a member
    if last_class == c.UNCLEAR and last_direction == 0 and station >= 0 and station == last_station:
        return True
    if last_class in (c.EXIT, c.UNCLEAR):
        # The host forwards: what came to its stack leaves it by another of its NICs.
        return (
            direction == 2
            and places[c.IS_STACK, place] == 1
            and (places[c.IS_STACK, last] == 1 or last_class == c.UNCLEAR)
            and (
                station < 0
                or station != last_station
                or is_translated
                or (journeys[j, c.J_FLAGS] & c.J_TRANSLATED) != 0
            )
        )
    return False


@njit
def _is_rewritten(sights: I64, i: int, journeys: I64, j: int) -> bool:
    """Whether one side of the tuple is the same and the other is not, as a NAT leaves it."""
    if sights[c.WHAT, i] != journeys[j, c.J_LAST_WHAT] or (sights[c.WHAT, i] & 0xFF) == 0:
        return False
    if sights[c.WHAT, i] >> 8 > 0xFF:
        return False  # of what is not IP, and of what was cut too short to know
    ports, before = int(np.int64(sights[c.PORTS, i])), int(np.int64(journeys[j, c.J_LAST_PORTS]))
    is_src = (
        sights[c.SRC_HIGH, i] == journeys[j, c.J_LAST_SRC_HIGH]
        and sights[c.SRC_LOW, i] == journeys[j, c.J_LAST_SRC_LOW]
        and (ports >> 32) == (before >> 32)
    )  # fmt: skip
    is_dst = (
        sights[c.DST_HIGH, i] == journeys[j, c.J_LAST_DST_HIGH]
        and sights[c.DST_LOW, i] == journeys[j, c.J_LAST_DST_LOW]
        and (ports & 0xFFFFFFFF) == (before & 0xFFFFFFFF)
    )  # fmt: skip
    is_src_address = sights[c.SRC_LOW, i] == journeys[j, c.J_LAST_SRC_LOW]
    is_dst_address = sights[c.DST_LOW, i] == journeys[j, c.J_LAST_DST_LOW]
    return bool((is_src and not is_dst_address) or (is_dst and not is_src_address))


@njit
def _is_logged_again(sights: I64, i: int, journeys: I64, j: int) -> bool:
    """Whether a frame into a switch was logged there before, by the same thread: a port has two edges, and only what
    leaves by one of them names destinations (windows-packet-paths.md, 3.1)."""
    is_strong = sights[c.IP_ID, i] > 0 or sights[c.SEQ, i] > 0
    return bool(
        sights[c.EVENT, i] == c.INGRESS
        and journeys[j, c.J_LAST_EVENT] == c.INGRESS
        and is_strong
        and sights[c.KEY_KIND, i] == c.NO_KEY
        and journeys[j, c.J_KEYS] < 0
        and journeys[j, c.J_THREAD] == sights[c.THREAD, i]
        and journeys[j, c.J_LAST_PLACE] == sights[c.PLACE, i]
        and journeys[j, c.J_LAST_DIR] == sights[c.DIR, i]
        and sights[c.TS, i] - journeys[j, c.J_LAST_TS] <= _RIGHT_AFTER_NS
    )


@njit
def _find_content(
    sights: I64, i: int, journeys: I64, visited: I32, heads: I64, places: I64, map_keys: I64, map_values: I64,
    window_ns: int, found: I64,
) -> int:  # fmt: skip
    """The journey whose packet this is, by content; -1 = none. `found` gets confidence in ‰ and why."""
    content = int(np.int64(sights[c.CONTENT, i]))
    j = int(np.int64(heads[slot_of(content, heads.size - 1)]))
    ts = int(np.int64(sights[c.TS, i]))
    code = int(np.int64(sights[c.PLACE, i])) * 4 + int(np.int64(sights[c.DIR, i]))
    host = int(np.int64(sights[c.HOST, i]))
    is_nat_event = sights[c.EVENT, i] > c.DELIVERED
    thread = int(np.int64(sights[c.THREAD, i]))
    best, best_relation, best_ts, n_alike, best_payload, is_best_here = -1, 0, 0, 0, 0, False
    for _ in range(_CANDIDATES_MAX):
        if j < 0:
            break
        if journeys[j, c.J_CONTENT] == content and _is_on(journeys, j, host):
            age = ts - int(np.int64(journeys[j, c.J_LAST_TS]))
            payload = _is_same_payload(sights, i, journeys, j)
            relation = 0
            if age <= window_ns and payload > 0 and journeys[j, c.J_PART_OF] == 0:
                if journeys[j, c.J_TUPLE] == sights[c.TUPLE, i]:
                    relation = 4
                elif is_nat_event and journeys[j, c.J_FIRST_TUPLE] == sights[c.TUPLE, i]:
                    relation = 4  # states the packet as it came
                elif _translated_to(
                    map_keys, map_values, of_host(int(np.int64(journeys[j, c.J_TUPLE])), host)
                ) == sights[c.TUPLE, i]:  # fmt: skip
                    relation = 3
                elif (
                    (journeys[j, c.J_FLAGS] & (c.J_TRANSLATED | c.J_IS_GROUP)) == 0
                    and (sights[c.FLAGS, i] & c.IS_GROUP) == 0
                    and (payload == 2 or sights[c.IP_ID, i] > 0 or sights[c.WHAT, i] >> 8 == _TCP)
                    and _is_rewritten(sights, i, journeys, j)
                    and _can_translate(sights, i, journeys, j, places)
                ):  # fmt: skip
                    relation = 2
            if relation == 4 and _is_logged_again(sights, i, journeys, j):
                found[0], found[1] = 800, c.WHY_AGAIN
                return j
            if relation > 0 and (
                _is_past_nat(sights, i, journeys, j, places)
                if is_nat_event
                else was_there(journeys, visited, j, code)
                or not _fits_path(sights, i, journeys, j, places, relation == 3)
            ):  # fmt: skip
                relation = 0
            if relation > 0:
                last = int(np.int64(journeys[j, c.J_LAST_TS]))
                is_here = journeys[j, c.J_THREAD] == thread and ts - last <= _RIGHT_AFTER_NS
                if relation > best_relation:
                    best, best_relation, best_ts, n_alike, best_payload = j, relation, last, 1, payload
                    is_best_here = is_here
                elif relation == best_relation:
                    n_alike += 1
                    # The thread goes on with what it has; packets alike keep their order; one that was not heard of
                    # for long was lost.
                    is_recent = ts - last <= _FEW_NS
                    is_next = (is_recent and (last < best_ts or ts - best_ts > _FEW_NS)) or (
                        not is_recent and last > best_ts
                    )
                    if (is_here and not is_best_here) or (is_here == is_best_here and is_next):
                        best, best_ts, best_payload, is_best_here = j, last, payload, is_here
        j = int(np.int64(journeys[j, c.J_CONTENT_NEXT]))
    if best < 0:
        return -1
    if n_alike > 1 and sights[c.EVENT, i] != c.DROPPED:
        _mark_alike(journeys, heads, content, ts, best)
    is_other = sights[c.WHAT, i] >> 8 > 0xFFFF  # ARP and its like are their own content
    is_strong = best_payload == 2 or is_other or sights[c.IP_ID, i] > 0 or sights[c.SEQ, i] > 0
    if best_relation == 2:
        is_tcp = sights[c.WHAT, i] >> 8 == _TCP  # whose sequence numbers no two connections share
        if n_alike > 1:
            found[0], found[1] = 500, c.WHY_NAT_ALIKE
        else:
            found[0], found[1] = 900 if is_tcp else 800, c.WHY_NAT_INFERRED
    elif n_alike > 1:
        found[0], found[1] = 600, c.WHY_CONTENT_ALIKE
    elif not is_strong:
        found[0], found[1] = 700, c.WHY_CONTENT_WEAK
    else:
        found[0], found[1] = 900, c.WHY_CONTENT if best_relation == 4 else c.WHY_SESSION
    return best


@njit
def _is_past_nat(sights: I64, i: int, journeys: I64, j: int, places: I64) -> bool:
    """Whether a packet has left the host's stack, so that what a NAT says now is not about it."""
    last = int(np.int64(journeys[j, c.J_LAST_PLACE]))
    if last < 0:
        return False
    event = sights[c.EVENT, i]
    if last == sights[c.PLACE, i]:  # once forwarded it is so no more
        return bool(event != c.TRANSLATED and journeys[j, c.J_LAST_EVENT] == event)
    last_class = places[c.CLASS_NONE + journeys[j, c.J_LAST_DIR], last]
    is_on = (journeys[j, c.J_FLAGS] & c.J_TRANSLATED) != 0 and last_class == c.ENTRY
    return bool(is_on or last_class == c.WIRE or (last_class == c.EXIT and places[c.IS_STACK, last] == 0))


@njit
def _mark_alike(journeys: I64, heads: I64, content: int, ts: int, chosen: int) -> None:
    """That packets on their way could be the one that was seen as another: what they lack proves nothing."""
    j = int(np.int64(heads[slot_of(content, heads.size - 1)]))
    for _ in range(_CANDIDATES_MAX):
        if j < 0:
            break
        if journeys[j, c.J_CONTENT] == content and j != chosen and ts - journeys[j, c.J_LAST_TS] <= _FEW_NS:
            journeys[j, c.J_FLAGS] |= c.J_IS_ALIKE
        j = int(np.int64(journeys[j, c.J_CONTENT_NEXT]))


@njit
def _find_sender(
    sights: I64, i: int, journeys: I64, visited: I32, heads: I64, places: I64, hosts: I64, window_ns: int, found: I64
) -> int:  # fmt: skip
    """The journey that left another host with the packet that comes in here; -1 = none."""
    place, direction, host = (
        int(np.int64(sights[c.PLACE, i])),
        int(np.int64(sights[c.DIR, i])),
        int(np.int64(sights[c.HOST, i])),
    )
    if place < 0 or direction != 1 or hosts[host, c.H_SURE] == 0:
        return -1
    if places[c.IS_PHYSICAL, place] != 1 or places[c.CLASS_IN, place] != c.ENTRY:
        return -1
    content, ts = int(np.int64(sights[c.CONTENT, i])), int(np.int64(sights[c.TS, i]))
    j = int(np.int64(heads[slot_of(content, heads.size - 1)]))
    best, best_ts, n_alike, best_payload = -1, 0, 0, 0
    for _ in range(_CANDIDATES_MAX):
        if j < 0:
            break
        sender, flags = int(np.int64(journeys[j, c.J_HOST])), int(np.int64(journeys[j, c.J_FLAGS]))
        last, last_ts = int(np.int64(journeys[j, c.J_LAST_PLACE])), int(np.int64(journeys[j, c.J_LAST_TS]))
        is_copied = flags & (c.J_IS_GROUP | c.J_FANNED) != 0
        has_left = is_copied and flags & c.J_HAS_LEFT != 0
        if not has_left and last >= 0 and flags & c.J_IS_DROPPED == 0:
            has_left = places[c.CLASS_NONE + journeys[j, c.J_LAST_DIR], last] == c.WIRE
        if (
            has_left
            and sender != host
            and hosts[sender, c.H_SURE] > 0
            and journeys[j, c.J_CONTENT] == content
            and journeys[j, c.J_TUPLE] == sights[c.TUPLE, i]
            and (is_copied or journeys[j, c.J_OUTER] == sights[c.OUTER, i])
        ):
            error = int(np.int64(hosts[sender, c.H_ERROR])) + int(np.int64(hosts[host, c.H_ERROR]))
            payload = _is_same_payload(sights, i, journeys, j)
            if payload > 0 and -error <= ts - last_ts <= window_ns and not was_there(
                journeys, visited, j, place * 4 + direction
            ):  # fmt: skip
                n_alike += 1
                if best < 0 or last_ts < best_ts:  # packets alike keep their order
                    best, best_ts, best_payload = j, last_ts, payload
        j = int(np.int64(journeys[j, c.J_CONTENT_NEXT]))
    if best < 0:
        return -1
    is_strong = best_payload == 2 or sights[c.WHAT, i] >> 8 > 0xFFFF or sights[c.IP_ID, i] > 0 or sights[c.SEQ, i] > 0
    sure = min(int(np.int64(hosts[journeys[best, c.J_HOST], c.H_SURE])), int(np.int64(hosts[host, c.H_SURE])))
    found[0], found[1] = min(900, sure), c.WHY_HOSTS if sure >= 800 else c.WHY_HOSTS_BOUND
    if n_alike > 1 or not is_strong:
        found[0], found[1] = min(600 if n_alike > 1 else 700, sure), c.WHY_HOSTS_ALIKE
    return best


@njit
def _change_host(journeys: I64, j: int, host: int, scalars: I64, crossed: I64) -> None:
    """What holds for a journey on one host alone does not go along to the next."""
    flags = int(np.int64(journeys[j, c.J_FLAGS]))
    if flags & c.J_TRANSLATED != 0:
        row = int(np.int64(scalars[c.Z_CROSSED]))
        for column in range(c.N_JOURNEY):
            crossed[row, column] = journeys[j, column]
        scalars[c.Z_CROSSED] += 1
    flags = (flags | c.J_CROSSED) & ~c.J_TRANSLATED
    if flags & (c.J_IS_GROUP | c.J_FANNED) == 0:
        flags &= ~c.J_HAS_LEFT
    journeys[j, c.J_FLAGS] = flags
    journeys[j, c.J_HOST] = host
    journeys[j, c.J_APPEARANCE] = 0


@njit
def _can_translate(sights: I64, i: int, journeys: I64, j: int, places: I64) -> bool:
    """Whether a NAT can stand between where the journey was and where this was seen: the host's stack, or VFP."""
    place, last = int(np.int64(sights[c.PLACE, i])), int(np.int64(journeys[j, c.J_LAST_PLACE]))
    if place < 0 or last < 0:
        return True
    is_forwarded = places[c.IS_STACK, place] == 1 and places[c.IS_STACK, last] == 1
    if is_forwarded and (sights[c.DIR, i] == 2 or sights[c.EVENT, i] == c.FORWARDED):
        return True
    if places[c.CLASS_NONE + sights[c.DIR, i], place] == c.ENTRY:
        return bool(is_forwarded)
    # Inside a switch VFP translates between the port a packet came by and the one it leaves by, not behind that.
    event, station = int(np.int64(journeys[j, c.J_LAST_EVENT])), places[c.STATION_OF, last]
    is_elsewhere = station >= 0 and places[c.STATION_OF, place] >= 0 and station != places[c.STATION_OF, place]
    has_left = places[c.CLASS_NONE + journeys[j, c.J_LAST_DIR], last] == c.WIRE
    if event == c.DELIVERED or ((event in (c.EGRESS, c.ROUTED) or has_left) and is_elsewhere):
        return False
    return bool(places[c.SWITCH_OF, place] >= 0 and places[c.SWITCH_OF, place] == places[c.SWITCH_OF, last])


@njit
def _find_tuple(sights: I64, i: int, journeys: I64, heads: I64, places: I64, window_ns: int, found: I64) -> int:
    """The journey that last had this tuple, and this IP id where both are known; -1 = none."""
    value = int(np.int64(sights[c.TUPLE, i]))
    if value == 0:
        return -1
    j = int(np.int64(heads[slot_of(value, heads.size - 1)]))
    ts = int(np.int64(sights[c.TS, i]))
    thread, is_nat_event = int(np.int64(sights[c.THREAD, i])), sights[c.EVENT, i] > c.DELIVERED
    best, best_ts, n_same_id, has_id, is_best_here = -1, 0, 0, False, False
    for _ in range(_CANDIDATES_MAX):
        if j < 0:
            break
        if journeys[j, c.J_TUPLE] == value and _is_on(journeys, j, int(np.int64(sights[c.HOST, i]))):
            last = int(np.int64(journeys[j, c.J_LAST_TS]))
            is_same_id = sights[c.IP_ID, i] > 0 and journeys[j, c.J_IP_ID] == sights[c.IP_ID, i]
            differs = sights[c.IP_ID, i] > 0 and journeys[j, c.J_IP_ID] > 0 and not is_same_id
            if (
                not differs
                and (journeys[j, c.J_FLAGS] & c.J_IS_DROPPED) == 0
                and (ts - last <= (window_ns if is_same_id else _TUPLE_NS))
                and not (is_nat_event and _is_past_nat(sights, i, journeys, j, places))
            ):
                n_same_id += 1 if is_same_id else 0
                is_here = journeys[j, c.J_THREAD] == thread and ts - last <= _RIGHT_AFTER_NS
                is_next = (is_here and not is_best_here) or (is_here == is_best_here and last > best_ts)
                if best < 0 or (is_same_id and not has_id) or (is_same_id == has_id and is_next):
                    best, best_ts, has_id, is_best_here = j, last, is_same_id, is_here
        j = int(np.int64(journeys[j, c.J_TUPLE_NEXT]))
    if best >= 0:
        if has_id and n_same_id == 1:
            found[0], found[1] = 1000, c.WHY_STATED
        elif has_id:
            found[0], found[1] = 700, c.WHY_CONTENT_ALIKE
        else:
            found[0], found[1] = 700, c.WHY_TUPLE_TIME
    return best


@njit
def _thread_row(threads: I64, thread: int) -> int:
    """The row of a thread, which may be taken from another that hashes alike."""
    return slot_of(thread * 31 + 7, threads.shape[0] - 1)


@njit
def _remember_thread(threads: I64, journeys: I64, j: int, thread: int) -> None:
    """That a thread touched a journey."""
    row = _thread_row(threads, thread)
    if threads[row, T_THREAD] != thread:
        threads[row] = -1
        threads[row, T_THREAD] = thread
        threads[row, T_HEAD] = 0
    ring = T_FIRST + 2 * int(np.int64(journeys[j, c.J_RING]))
    is_there = (
        journeys[j, c.J_THREAD] == thread and threads[row, ring] == j and threads[row, ring + 1] == journeys[j, c.J_ID]
    )
    if not is_there:
        head = int(np.int64(threads[row, T_HEAD]))
        threads[row, T_FIRST + 2 * head] = j
        threads[row, T_FIRST + 2 * head + 1] = journeys[j, c.J_ID]
        threads[row, T_HEAD] = (head + 1) % _THREAD_SLOTS
        journeys[j, c.J_RING] = head
        journeys[j, c.J_THREAD] = thread
    threads[row, T_LAST] = j
    threads[row, T_LAST_ID] = journeys[j, c.J_ID]


@njit
def _touched(threads: I64, row: int, k: int, journeys: I64) -> int:
    """The journey in place `k` of a thread's ring; -1 = none, or one that has ended."""
    j = int(np.int64(threads[row, T_FIRST + 2 * k]))
    if j < 0 or journeys[j, c.J_IS_OPEN] == 0 or journeys[j, c.J_ID] != threads[row, T_FIRST + 2 * k + 1]:
        return -1
    return j


@njit
def _find_before(sights: I64, i: int, journeys: I64, threads: I64, places: I64, found: I64) -> int:
    """For an NBL's event without bytes: the journey seen at the same NIC on the same thread right before."""
    thread = int(np.int64(sights[c.THREAD, i]))
    row = _thread_row(threads, thread)
    place = int(np.int64(sights[c.PLACE, i]))
    if threads[row, T_THREAD] != thread or place < 0:
        return -1
    j = int(np.int64(threads[row, T_LAST]))
    if j < 0 or journeys[j, c.J_ID] != threads[row, T_LAST_ID] or journeys[j, c.J_IS_OPEN] == 0:
        return -1
    last = int(np.int64(journeys[j, c.J_LAST_PLACE]))
    if sights[c.EVENT, i] == journeys[j, c.J_LAST_EVENT]:
        return -1  # the next NBL of a chain
    is_here = places[c.STATION_OF, place] >= 0 and places[c.STATION_OF, place] == places[c.STATION_OF, last]
    is_inside = (
        sights[c.EVENT, i] == c.ROUTED
        and places[c.SWITCH_OF, place] >= 0
        and places[c.SWITCH_OF, place] == places[c.SWITCH_OF, last]
        and (journeys[j, c.J_LAST_EVENT] == c.RECEIVED or journeys[j, c.J_LAST_EVENT] == c.INGRESS)
    )
    is_here = is_inside or (is_here and journeys[j, c.J_LAST_DIR] == sights[c.DIR, i])
    is_near = sights[c.TS, i] - journeys[j, c.J_LAST_TS] <= _RIGHT_AFTER_NS
    is_same = journeys[j, c.J_HOST] == sights[c.HOST, i]
    if is_here and is_near and is_same:
        found[0], found[1] = 800, c.WHY_THREAD
        return j
    return -1


@njit
def _find_noted(sights: I64, i: int, journeys: I64, threads: I64, places: I64) -> int:
    """The journey that was on the thread when a part of Windows said something of its packet; -1 = none, or more than
    one could be meant."""
    thread, ts = int(np.int64(sights[c.THREAD, i])), int(np.int64(sights[c.TS, i]))
    row = _thread_row(threads, thread)
    if threads[row, T_THREAD] != thread:
        return -1
    best, n_alike = -1, 0
    src_port, dst_port = sights[c.PORTS, i] >> 32, sights[c.PORTS, i] & 0xFFFFFFFF
    for k in range(_THREAD_SLOTS):
        j = _touched(threads, row, k, journeys)
        if j < 0:
            continue
        if ts - journeys[j, c.J_LAST_TS] > _RIGHT_AFTER_NS or journeys[j, c.J_SESSION] != sights[c.SESSION, i]:
            continue
        if journeys[j, c.J_WHAT] != sights[c.WHAT, i] or journeys[j, c.J_THREAD] != thread:
            continue
        if sights[c.TUPLE, i] != 0:
            one, back = journeys[j, c.J_TUPLE], journeys[j, c.J_TUPLE_BACK]
            is_meant = (
                one == sights[c.TUPLE, i]
                or one == sights[c.TUPLE_AFTER, i]
                or back == sights[c.TUPLE, i]
                or back == sights[c.TUPLE_AFTER, i]
            )
        elif sights[c.ADDRESSES, i] != 0:
            last = int(np.int64(journeys[j, c.J_LAST_PLACE]))
            is_meant = journeys[j, c.J_ADDRESSES] == sights[c.ADDRESSES, i] and _is_in_switch(journeys, j, places, last)
        else:  # inside and outside end of a binding
            is_out = journeys[j, c.J_SRC_LOW] == sights[c.SRC_LOW, i] and journeys[j, c.J_PORTS] >> 32 == src_port
            is_in = journeys[j, c.J_DST_LOW] == sights[c.DST_LOW, i] and (
                journeys[j, c.J_PORTS] & 0xFFFFFFFF == dst_port
            )
            is_meant = is_out or is_in
        if is_meant:
            n_alike += 1
            best = j
    return best if n_alike == 1 else -1


@njit
def _find_sent_on(sights: I64, i: int, journeys: I64, threads: I64, places: I64, found: I64) -> int:
    """For an NBL without bytes that the host's stack gives to a switch: what a NAT made on the same thread right
    before; of several the first."""
    thread, ts = int(np.int64(sights[c.THREAD, i])), int(np.int64(sights[c.TS, i]))
    row = _thread_row(threads, thread)
    place = int(np.int64(sights[c.PLACE, i]))
    if threads[row, T_THREAD] != thread or place < 0 or places[c.IS_STACK, place] != 1:
        return -1
    best, best_ts, n_alike = -1, 0, 0
    for k in range(_THREAD_SLOTS):
        j = _touched(threads, row, k, journeys)
        if j < 0:
            continue
        last_ts, event = int(np.int64(journeys[j, c.J_LAST_TS])), int(np.int64(journeys[j, c.J_LAST_EVENT]))
        is_near = ts - last_ts <= _RIGHT_AFTER_NS and journeys[j, c.J_HOST] == sights[c.HOST, i]
        if is_near and event in (c.TRANSLATED, c.FORWARDED):
            n_alike += 1
            if best < 0 or last_ts < best_ts:
                best, best_ts = j, last_ts
    if best >= 0:
        found[0], found[1] = (800 if n_alike == 1 else 500), c.WHY_THREAD
    return best


@njit
def _direction_behind(journeys: I64, j: int, places: I64, place: int) -> int:
    """Direction of a frame that states none, of a packet that was seen before: where its NIC's port or another layer
    of it gave it one, it goes on so; 0 = not known."""
    last = int(np.int64(journeys[j, c.J_LAST_PLACE]))
    if last < 0 or places[c.STATION_OF, last] < 0 or places[c.STATION_OF, last] != places[c.STATION_OF, place]:
        return 0
    return int(np.int64(journeys[j, c.J_LAST_DIR]))


@njit
def _find_bare(sights: I64, i: int, journeys: I64, visited: I32, threads: I64, places: I64, found: I64) -> int:
    """For a frame at a NIC, or what a NAT says of a packet: the journey of an NBL without bytes that the switch gave to
    that NIC, or to the host's stack, on the same thread right before; of several the first."""
    thread, ts = int(np.int64(sights[c.THREAD, i])), int(np.int64(sights[c.TS, i]))
    row = _thread_row(threads, thread)
    place, direction = int(np.int64(sights[c.PLACE, i])), int(np.int64(sights[c.DIR, i]))
    if threads[row, T_THREAD] != thread or place < 0:
        return -1
    station = int(np.int64(places[c.STATION_OF, place]))
    is_nat = sights[c.EVENT, i] > c.DELIVERED
    best, best_ts, n_alike = -1, 0, 0
    for k in range(_THREAD_SLOTS):
        j = _touched(threads, row, k, journeys)
        if j < 0:
            continue
        last_ts = int(np.int64(journeys[j, c.J_LAST_TS]))
        if journeys[j, c.J_WHAT] >= 0 or journeys[j, c.J_CONTENT] != 0 or ts - last_ts > _RIGHT_AFTER_NS:
            continue
        if journeys[j, c.J_HOST] != sights[c.HOST, i] or (journeys[j, c.J_FLAGS] & c.J_IS_DROPPED) != 0:
            continue
        last = int(np.int64(journeys[j, c.J_LAST_PLACE]))
        if last < 0 or not (c.RECEIVED <= journeys[j, c.J_LAST_EVENT] <= c.DELIVERED):
            continue
        if is_nat:
            is_meant = places[c.IS_STACK, last] == 1 and journeys[j, c.J_LAST_EVENT] != c.RECEIVED
        else:
            is_meant = places[c.STATION_OF, last] == station and journeys[j, c.J_LAST_DIR] == direction
            if not is_meant and (journeys[j, c.J_FLAGS] & c.J_FANNED) != 0:
                for v in range(int(np.int64(journeys[j, c.J_VISITED]))):
                    was, way = int(np.int64(visited[j, v])) >> 2, int(np.int64(visited[j, v])) & 3
                    is_meant |= places[c.STATION_OF, was] == station and way in (3, direction)
        if is_meant and (is_nat or station >= 0):
            n_alike += 1
            if best < 0 or last_ts < best_ts:
                best, best_ts = j, last_ts
    if best >= 0:
        found[0], found[1] = (800 if n_alike == 1 else 500), c.WHY_THREAD
    return best


@njit
def _find_original(sights: I64, i: int, journeys: I64, visited: I32, threads: I64, found: I64) -> int:
    """For a delivery of an unknown NBL: the journey that was routed there on the same thread, whose clone this is."""
    thread = int(np.int64(sights[c.THREAD, i]))
    row = _thread_row(threads, thread)
    if threads[row, T_THREAD] != thread:
        return -1
    code = int(np.int64(sights[c.PLACE, i])) * 4 + int(np.int64(sights[c.DIR, i]))
    best, best_ts, n_alike = -1, 0, 0
    for k in range(_THREAD_SLOTS):
        j = _touched(threads, row, k, journeys)
        if j < 0:
            continue
        last_ts = int(np.int64(journeys[j, c.J_LAST_TS]))
        is_near = sights[c.TS, i] - last_ts <= _THREAD_NS and journeys[j, c.J_HOST] == sights[c.HOST, i]
        if is_near and (journeys[j, c.J_FLAGS] & c.J_FANNED) != 0 and was_there(journeys, visited, j, code | 3):
            n_alike += 1
            if best < 0 or last_ts < best_ts:
                best, best_ts = j, last_ts
    if best >= 0:
        found[0], found[1] = (900, c.WHY_CLONE) if n_alike == 1 else (500, c.WHY_CLONE)
    return best


@njit
def _is_in_switch(journeys: I64, j: int, places: I64, last: int) -> bool:
    """Whether a packet was last seen inside a switch, or on its way into one."""
    event = int(np.int64(journeys[j, c.J_LAST_EVENT]))
    # Where another reporter says it was dropped can be the port behind.
    if c.INGRESS <= event <= c.ROUTED or (journeys[j, c.J_FLAGS] & (c.J_IS_DROPPED | c.J_MOVED_ON)) == c.J_IS_DROPPED:
        return True
    if event == c.DELIVERED and (journeys[j, c.J_FLAGS] & c.J_FANNED) == 0:
        return False
    last_class = places[c.CLASS_NONE + journeys[j, c.J_LAST_DIR], last] if last >= 0 else c.UNCLEAR
    return bool(last_class in (c.ENTRY, c.UNCLEAR))


@njit
def _find_dropped(
    sights: I64, i: int, n: int, journeys: I64, tuple_heads: I64, threads: I64, places: I64, found: I64
) -> int:  # fmt: skip
    """The journey that a drop without identity means: the one on its thread, at its NIC, that went no further."""
    thread, ts = int(np.int64(sights[c.THREAD, i])), int(np.int64(sights[c.TS, i]))
    station, switch = int(np.int64(sights[c.STATION, i])), -1
    place = int(np.int64(sights[c.PLACE, i]))
    if place >= 0:
        switch = int(np.int64(places[c.SWITCH_OF, place]))
    row = _thread_row(threads, thread)
    best, best_ts, n_alike = -1, 0, 0
    if threads[row, T_THREAD] == thread:
        for k in range(_THREAD_SLOTS):
            j = _touched(threads, row, k, journeys)
            if j < 0:
                continue
            last_ts = int(np.int64(journeys[j, c.J_LAST_TS]))
            if last_ts > ts or ts - last_ts > _THREAD_NS or journeys[j, c.J_HOST] != sights[c.HOST, i]:
                continue
            if (journeys[j, c.J_FLAGS] & c.J_IS_DROPPED) != 0 and (
                ts - journeys[j, c.J_DROP_TS] > _RIGHT_AFTER_NS
                or (
                    journeys[j, c.J_DROP_KIND] == sights[c.DROP_KIND, i]
                    and journeys[j, c.J_DROP_LOCATION] == sights[c.DROP_LOCATION, i]
                )
                or journeys[j, c.J_DROP_ALSO] >> sights[c.DROP_KIND, i] & 1 != 0
            ):
                continue  # one reporter tells of a drop once
            last = int(np.int64(journeys[j, c.J_LAST_PLACE]))
            if sights[c.TUPLE, i] != 0:
                is_meant = (
                    journeys[j, c.J_TUPLE] == sights[c.TUPLE, i] or journeys[j, c.J_TUPLE] == sights[c.TUPLE_AFTER, i]
                )
                if not is_meant and journeys[j, c.J_ADDRESSES] != sights[c.ADDRESSES, i]:
                    continue
            elif sights[c.ADDRESSES, i] != 0:
                if journeys[j, c.J_ADDRESSES] != sights[c.ADDRESSES, i]:
                    continue
                if switch >= 0 and not _is_in_switch(journeys, j, places, last):
                    continue
            elif last < 0 or not _is_in_switch(journeys, j, places, last):
                continue
            else:
                is_same_switch = switch >= 0 and places[c.SWITCH_OF, last] == switch
                is_elsewhere = places[c.STATION_OF, last] >= 0 and places[c.STATION_OF, last] != station
                if (station >= 0 and is_elsewhere and not is_same_switch) or (
                    switch >= 0 and places[c.SWITCH_OF, last] >= 0 and not is_same_switch
                ):
                    continue
            n_alike += 1
            if best < 0 or last_ts < best_ts:
                best, best_ts = j, last_ts
    if best >= 0:
        n_drops = 1
        k = i + 1
        while k < n and sights[c.ORDER, k] - sights[c.ORDER, i] <= _THREAD_NS and k - i < _CANDIDATES_MAX:
            if (
                sights[c.EVENT, k] == c.LOOSE_DROP
                and sights[c.THREAD, k] == thread
                and sights[c.DROP_KIND, k] == sights[c.DROP_KIND, i]
            ):
                n_drops += 1
            k += 1
        if n_alike <= n_drops:
            found[0], found[1] = 900, c.WHY_DROP_THREAD
        else:
            found[0], found[1] = 500, c.WHY_DROP_ALIKE
        return best
    if sights[c.TUPLE, i] == 0:
        return -1
    for value in (int(np.int64(sights[c.TUPLE, i])), int(np.int64(sights[c.TUPLE_AFTER, i]))):
        j = int(np.int64(tuple_heads[slot_of(value, tuple_heads.size - 1)]))
        for _ in range(_CANDIDATES_MAX):
            if j < 0:
                break
            last_ts = int(np.int64(journeys[j, c.J_LAST_TS]))
            is_open = (journeys[j, c.J_FLAGS] & (c.J_IS_DROPPED | c.J_HAS_LEFT)) == 0
            if (
                journeys[j, c.J_TUPLE] == value
                and journeys[j, c.J_HOST] == sights[c.HOST, i]
                and is_open
                and (last_ts <= ts and ts - last_ts <= _TUPLE_NS)
            ):
                n_alike += 1
                if best < 0 or last_ts > best_ts:
                    best, best_ts = j, last_ts
            j = int(np.int64(journeys[j, c.J_TUPLE_NEXT]))
        if best >= 0:
            break
    if best >= 0:
        found[0], found[1] = (800, c.WHY_DROP_TUPLE) if n_alike == 1 else (500, c.WHY_DROP_ALIKE)
    return best


@njit
def _find_range(
    sights: I64, i: int, code: int, journeys: I64, visited: I32, tuple_heads: I64, wholes: I64, covers: I64,
    places: I64, map_keys: I64, map_values: I64, scalars: I64, window_ns: int, parts: I64, found: I64,
) -> int:  # fmt: skip
    """The journey of the packet that this is a segment of, or that it was joined from; -1 = none.

    `found` gets confidence in ‰, why, and how many segments were joined: `parts` has their journeys; 0 = this is one.
    """
    found[2] = 0
    value = int(np.int64(sights[c.TUPLE, i]))
    is_long = (sights[c.FLAGS, i] & (c.IS_LARGE | c.IS_LONG)) != 0
    before = 0
    if is_long or scalars[c.Z_HAS_LARGE] != 0:
        key = of_host(value, int(np.int64(sights[c.HOST, i]))) ^ c.REVERSE
        before = _translated_to(map_keys, map_values, key)
    if scalars[c.Z_HAS_LARGE] != 0:
        for one in (value, before):
            j = offload.find_cut(sights, i, one, code, journeys, visited, wholes, covers, window_ns, found)
            if j >= 0 and _fits_path(sights, i, journeys, j, places, False):
                return j
    if not is_long and not offload.ends_alike(sights, i, journeys, tuple_heads):
        return -1
    n = offload.find_parts(sights, i, before, code, journeys, visited, tuple_heads, parts, found)
    if n > 0 and _fits_path(sights, i, journeys, int(np.int64(parts[0, 0])), places, False):
        found[2] = n
        return int(np.int64(parts[0, 0]))
    return -1


@njit
def _join(journeys: I64, scalars: I64, content_heads: I64, parts: I64, n: int) -> None:
    """Let a journey go on as the packet that its segment and `n - 1` others were joined to; theirs end with it."""
    j = int(np.int64(parts[0, 0]))
    journeys[j, c.J_FLAGS] &= ~c.J_MAY_BE_PART
    for k in range(1, n):
        part = int(np.int64(parts[0, k]))
        _unlist(journeys, scalars, part)
        journeys[part, c.J_PART_OF] = journeys[j, c.J_ID]
        last, before = part, int(np.int64(journeys[part, c.J_PARTS]))
        journeys[part, c.J_NEXT_PART] = before
        while before >= 0:  # what was joined into it before
            journeys[before, c.J_PART_OF] = journeys[j, c.J_ID]
            last, before = before, int(np.int64(journeys[before, c.J_NEXT_PART]))
        journeys[last, c.J_NEXT_PART] = journeys[j, c.J_PARTS]
        journeys[j, c.J_PARTS] = part
        journeys[j, c.J_N_PARTS] += 1 + journeys[part, c.J_N_PARTS]
    if journeys[j, c.J_CONTENT] != 0:
        _unlink(journeys, content_heads, j, int(np.int64(journeys[j, c.J_CONTENT])), c.J_CONTENT_NEXT, c.J_CONTENT_PREV)
        journeys[j, c.J_CONTENT] = 0
    journeys[j, c.J_HASH_8] = journeys[j, c.J_HASH_32] = -1
    journeys[j, c.J_FLAGS] |= c.J_IS_JOINED


@njit
def _start(journeys: I64, scalars: I64, sights: I64, i: int) -> int:
    j = int(np.int64(scalars[c.Z_FREE]))
    if j < 0:
        return -1
    scalars[c.Z_FREE] = journeys[j, c.J_LRU_NEXT]
    scalars[c.Z_OPEN] += 1
    for column in range(c.N_JOURNEY):
        journeys[j, column] = 0
    journeys[j, c.J_ID] = scalars[c.Z_NEXT_ID]
    scalars[c.Z_NEXT_ID] += 1
    journeys[j, c.J_IS_OPEN] = 1
    journeys[j, c.J_SESSION] = sights[c.SESSION, i]
    journeys[j, c.J_HOST] = sights[c.HOST, i]
    journeys[j, c.J_FIRST_HOST] = sights[c.HOST, i]
    journeys[j, c.J_FIRST_TS] = sights[c.TS, i]
    journeys[j, c.J_FIRST_PLACE] = sights[c.PLACE, i]
    journeys[j, c.J_FIRST_DIR] = sights[c.DIR, i]
    journeys[j, c.J_LAST_PLACE] = -1
    journeys[j, c.J_CONFIDENCE] = 1000
    journeys[j, c.J_FRAME] = -1
    journeys[j, c.J_IP_ID] = -1
    journeys[j, c.J_HASH_8] = -1
    journeys[j, c.J_HASH_32] = -1
    journeys[j, c.J_SEQ] = -1
    journeys[j, c.J_PORTS] = c.NO_PORT << 32 | c.NO_PORT
    journeys[j, c.J_LAST_PORTS] = c.NO_PORT << 32 | c.NO_PORT
    journeys[j, c.J_MAC_SRC] = -1
    journeys[j, c.J_MAC_DST] = -1
    journeys[j, c.J_VLAN] = -1
    journeys[j, c.J_VNI] = -1
    journeys[j, c.J_WHAT] = -1
    journeys[j, c.J_LAST_WHAT] = -1
    journeys[j, c.J_DROP_CODE] = -1
    journeys[j, c.J_DROP_RULE] = -1
    journeys[j, c.J_CONTENT_NEXT] = -1
    journeys[j, c.J_CONTENT_PREV] = -1
    journeys[j, c.J_TUPLE_NEXT] = -1
    journeys[j, c.J_TUPLE_PREV] = -1
    journeys[j, c.J_KEYS] = -1
    journeys[j, c.J_NEXT_SEEN] = -1
    journeys[j, c.J_LOCAL] = -1
    journeys[j, c.J_WHOLE_SEQ] = -1
    journeys[j, c.J_DROP_SEQ] = -1
    journeys[j, c.J_PARTS] = -1
    journeys[j, c.J_NEXT_PART] = -1
    return j


@njit
def _take_packet(
    journeys: I64, sights: I64, i: int, j: int, content_heads: I64, tuple_heads: I64, out: I64
) -> None:  # fmt: skip
    """What the packet is at this sighting, and what was rewritten since the one before."""
    changed = 0
    what = int(np.int64(sights[c.WHAT, i]))
    if sights[c.EVENT, i] == c.LOOSE_DROP and journeys[j, c.J_WHAT] >= 0:
        what = -1  # what a drop says of the packet is less than what was seen of it
    if what >= 0 and what & 0xFF == 0 and journeys[j, c.J_WHAT] & 0xFF != 0 and journeys[j, c.J_WHAT] >= 0:
        what = -1  # a sighting whose headers cannot be read, as where a driver states another medium
    if what >= 0:
        if journeys[j, c.J_WHAT] < 0:
            journeys[j, c.J_WHAT] = what
            journeys[j, c.J_SRC_HIGH] = sights[c.SRC_HIGH, i]
            journeys[j, c.J_SRC_LOW] = sights[c.SRC_LOW, i]
            journeys[j, c.J_DST_HIGH] = sights[c.DST_HIGH, i]
            journeys[j, c.J_DST_LOW] = sights[c.DST_LOW, i]
            journeys[j, c.J_PORTS] = sights[c.PORTS, i]
            journeys[j, c.J_FIRST_TUPLE] = sights[c.TUPLE, i]
            journeys[j, c.J_FIRST_TUPLE_BACK] = sights[c.TUPLE_BACK, i]
        elif sights[c.TUPLE, i] != journeys[j, c.J_TUPLE] or sights[c.TUPLE_AFTER, i] != 0:
            ports, before = int(np.int64(sights[c.PORTS, i])), int(np.int64(journeys[j, c.J_LAST_PORTS]))
            if (
                sights[c.SRC_LOW, i] != journeys[j, c.J_LAST_SRC_LOW]
                or sights[c.SRC_HIGH, i] != journeys[j, c.J_LAST_SRC_HIGH]
                or (ports >> 32) != (before >> 32)
            ):
                changed |= c.CHANGED_SRC
            if (
                sights[c.DST_LOW, i] != journeys[j, c.J_LAST_DST_LOW]
                or sights[c.DST_HIGH, i] != journeys[j, c.J_LAST_DST_HIGH]
                or (ports & 0xFFFFFFFF) != (before & 0xFFFFFFFF)
            ):
                changed |= c.CHANGED_DST
            if changed:
                journeys[j, c.J_FLAGS] |= c.J_TRANSLATED
                out[c.O_OLD_SRC_HIGH, i] = journeys[j, c.J_LAST_SRC_HIGH]
                out[c.O_OLD_SRC_LOW, i] = journeys[j, c.J_LAST_SRC_LOW]
                out[c.O_OLD_DST_HIGH, i] = journeys[j, c.J_LAST_DST_HIGH]
                out[c.O_OLD_DST_LOW, i] = journeys[j, c.J_LAST_DST_LOW]
                out[c.O_OLD_PORTS, i] = before
                out[c.O_OLD_WHAT, i] = journeys[j, c.J_LAST_WHAT]
        journeys[j, c.J_LAST_WHAT] = what
        journeys[j, c.J_LAST_SRC_HIGH] = sights[c.SRC_HIGH, i]
        journeys[j, c.J_LAST_SRC_LOW] = sights[c.SRC_LOW, i]
        journeys[j, c.J_LAST_DST_HIGH] = sights[c.DST_HIGH, i]
        journeys[j, c.J_LAST_DST_LOW] = sights[c.DST_LOW, i]
        journeys[j, c.J_LAST_PORTS] = sights[c.PORTS, i]
        value = int(np.int64(sights[c.TUPLE_AFTER, i]))
        back = int(np.int64(sights[c.TUPLE_AFTER_BACK, i]))
        if value == 0:
            value, back = int(np.int64(sights[c.TUPLE, i])), int(np.int64(sights[c.TUPLE_BACK, i]))
        if value != 0 and value != journeys[j, c.J_TUPLE]:
            if journeys[j, c.J_TUPLE] != 0:
                _unlink(journeys, tuple_heads, j, int(np.int64(journeys[j, c.J_TUPLE])), c.J_TUPLE_NEXT, c.J_TUPLE_PREV)
            journeys[j, c.J_TUPLE] = value
            journeys[j, c.J_TUPLE_BACK] = back
            _link(journeys, tuple_heads, j, value, c.J_TUPLE_NEXT, c.J_TUPLE_PREV)
        if sights[c.ADDRESSES, i] != 0:
            journeys[j, c.J_ADDRESSES] = sights[c.ADDRESSES, i]
    content = int(np.int64(sights[c.CONTENT, i]))
    if content != 0 and journeys[j, c.J_CONTENT] == 0:
        journeys[j, c.J_CONTENT] = content
        _link(journeys, content_heads, j, content, c.J_CONTENT_NEXT, c.J_CONTENT_PREV)
    if sights[c.IP_ID, i] >= 0:
        journeys[j, c.J_IP_ID] = sights[c.IP_ID, i]
    if sights[c.HASH_8, i] >= 0 and journeys[j, c.J_HASH_8] < 0:
        journeys[j, c.J_HASH_8] = sights[c.HASH_8, i]
    if sights[c.HASH_32, i] >= 0 and journeys[j, c.J_HASH_32] < 0:
        journeys[j, c.J_HASH_32] = sights[c.HASH_32, i]
    if sights[c.SEQ, i] >= 0 and journeys[j, c.J_SEQ] < 0:
        journeys[j, c.J_SEQ] = sights[c.SEQ, i]
        journeys[j, c.J_SEQ_END] = sights[c.SEQ_END, i]
        journeys[j, c.J_TCP_FLAGS] = sights[c.TCP_FLAGS, i]
    elif sights[c.SEQ, i] >= 0 and sights[c.WHAT, i] >> 8 != _TCP:
        journeys[j, c.J_SEQ_END] = sights[c.SEQ_END, i]  # of ICMP, which a NAT can change
    if sights[c.FRAME_ID, i] >= 0 and journeys[j, c.J_FRAME] < 0:
        journeys[j, c.J_FRAME] = sights[c.FRAME_ID, i]
    if journeys[j, c.J_LENGTH] == 0:
        journeys[j, c.J_LENGTH] = sights[c.LENGTH, i]
    if sights[c.MAC_SRC, i] >= 0:
        if journeys[j, c.J_MAC_SRC] >= 0 and journeys[j, c.J_MAC_SRC] != sights[c.MAC_SRC, i]:
            changed |= c.CHANGED_MAC_SRC
        if journeys[j, c.J_MAC_DST] >= 0 and journeys[j, c.J_MAC_DST] != sights[c.MAC_DST, i]:
            changed |= c.CHANGED_MAC_DST
        out[c.O_OLD_MAC_SRC, i] = journeys[j, c.J_MAC_SRC]
        out[c.O_OLD_MAC_DST, i] = journeys[j, c.J_MAC_DST]
        journeys[j, c.J_MAC_SRC] = sights[c.MAC_SRC, i]
        journeys[j, c.J_MAC_DST] = sights[c.MAC_DST, i]
    if sights[c.VLAN, i] >= 0:
        if journeys[j, c.J_VLAN] >= 0 and journeys[j, c.J_VLAN] != sights[c.VLAN, i]:
            changed |= c.CHANGED_VLAN
        out[c.O_OLD_VLAN, i] = journeys[j, c.J_VLAN]
        journeys[j, c.J_VLAN] = sights[c.VLAN, i]
    if content != 0 and sights[c.EVENT, i] <= c.EGRESS:  # a frame: it shows whether something carries the packet
        if journeys[j, c.J_HOPS] > 0 and journeys[j, c.J_OUTER] != sights[c.OUTER, i]:
            changed |= c.CHANGED_OUTER
        out[c.O_OLD_VNI, i] = journeys[j, c.J_VNI]
        journeys[j, c.J_OUTER] = sights[c.OUTER, i]
        journeys[j, c.J_OUTER_VERSION] = sights[c.OUTER_VERSION, i]
        journeys[j, c.J_OUTER_SRC_HIGH] = sights[c.OUTER_SRC_HIGH, i]
        journeys[j, c.J_OUTER_SRC_LOW] = sights[c.OUTER_SRC_LOW, i]
        journeys[j, c.J_OUTER_DST_HIGH] = sights[c.OUTER_DST_HIGH, i]
        journeys[j, c.J_OUTER_DST_LOW] = sights[c.OUTER_DST_LOW, i]
        journeys[j, c.J_VNI] = sights[c.VNI, i]
    out[c.O_CHANGED, i] = changed
    _tell_packet(journeys, j, out, i)


@njit
def _tell_packet(journeys: I64, j: int, out: I64, i: int) -> None:
    """What the packet of a journey is now."""
    out[c.O_WHAT, i] = journeys[j, c.J_LAST_WHAT]
    out[c.O_SRC_HIGH, i] = journeys[j, c.J_LAST_SRC_HIGH]
    out[c.O_SRC_LOW, i] = journeys[j, c.J_LAST_SRC_LOW]
    out[c.O_DST_HIGH, i] = journeys[j, c.J_LAST_DST_HIGH]
    out[c.O_DST_LOW, i] = journeys[j, c.J_LAST_DST_LOW]
    out[c.O_PORTS, i] = journeys[j, c.J_LAST_PORTS]
    out[c.O_OUTER_VERSION, i] = journeys[j, c.J_OUTER_VERSION] if journeys[j, c.J_OUTER] != 0 else 0
    out[c.O_OUTER_SRC_HIGH, i] = journeys[j, c.J_OUTER_SRC_HIGH]
    out[c.O_OUTER_SRC_LOW, i] = journeys[j, c.J_OUTER_SRC_LOW]
    out[c.O_OUTER_DST_HIGH, i] = journeys[j, c.J_OUTER_DST_HIGH]
    out[c.O_OUTER_DST_LOW, i] = journeys[j, c.J_OUTER_DST_LOW]
    out[c.O_VNI, i] = journeys[j, c.J_VNI] if journeys[j, c.J_OUTER] != 0 else -1


@njit
def _way_from(journeys: I64, j: int) -> int:
    """Where a packet was last, for the table of ways: what a switch only routes somewhere goes on another way than
    what it has delivered there; -1 = no place."""
    place, event = int(np.int64(journeys[j, c.J_LAST_PLACE])), int(np.int64(journeys[j, c.J_LAST_EVENT]))
    if place < 0:
        return -1
    return place * 4 + (3 if event in (c.ROUTED, c.EGRESS) else int(np.int64(journeys[j, c.J_LAST_DIR])))


@njit
def _remember_way(ways: I64, journeys: I64, j: int, tuple_before: int, code: int, is_guess: bool) -> None:
    """That a packet of this tuple went from its last place to this one: what is expected of the next like it."""
    last = _way_from(journeys, j)
    slot = slot_of(tuple_before ^ (last * 0x9E3779B1), ways.shape[0] - 1)
    ways[slot, 0] = tuple_before
    ways[slot, 1] = last
    ways[slot, 2] = code
    ways[slot, 3] = 1 if is_guess else 0


@njit
def link(
    sights: I64, n: int, journeys: I64, visited: I32, content_heads: I64, tuple_heads: I64, keys: I64, key_heads: I64,
    threads: I64, places: I64, expected: I64, map_keys: I64, map_values: I64, activity: I64, ways: I64, local: I64,
    answers: I64, wholes: I64, covers: I64, scalars: I64, window_ns: int, hosts: I64, crossed: I64, out: I64,
) -> int:  # fmt: skip
    """Give each of the first `n` sightings to a journey, in order; returns how many were done.

    Fewer than `n`: the matrices are full, and the caller has to make room. `crossed` gets journeys as they were when
    they came to another host, translated on the one before.
    """
    found = np.zeros(3, np.int64)
    parts = np.empty((offload.N_PARTS, offload.PARTS_MAX), np.int64)
    for i in range(n):
        if scalars[c.Z_FREE] < 0 or scalars[c.Z_KEY_FREE] < 0 or scalars[c.Z_CROSSED] >= crossed.shape[0]:
            return i
        event = int(np.int64(sights[c.EVENT, i]))
        kind, one, two = (
            int(np.int64(sights[c.KEY_KIND, i])),
            int(np.int64(sights[c.KEY_ONE, i])),
            int(np.int64(sights[c.KEY_TWO, i])),
        )
        ts, place, direction = (
            int(np.int64(sights[c.TS, i])),
            int(np.int64(sights[c.PLACE, i])),
            int(np.int64(sights[c.DIR, i])),
        )
        found[0], found[1] = 1000, c.WHY_STATED
        out[c.O_DROP, i] = 0
        if event == c.NOTED:
            j = _find_noted(sights, i, journeys, threads, places)
            out[c.O_JOURNEY, i] = journeys[j, c.J_ID] if j >= 0 else 0
            if j >= 0:
                out[c.O_SLOT, i] = j
                out[c.O_CONFIDENCE, i], out[c.O_WHY, i] = 1000, c.WHY_STATED
                out[c.O_PLACE, i], out[c.O_DIR, i] = place, direction
                _tell_packet(journeys, j, out, i)
            continue
        j = -1
        has_key = False
        code = place * 4 + direction
        seq, seq_end = int(np.int64(sights[c.SEQ, i])), int(np.int64(sights[c.SEQ_END, i]))
        is_data = seq_end > seq >= 0 and event != c.LOOSE_DROP
        is_part, n_joined = False, 0
        if kind != c.NO_KEY:
            j = _find_key(keys, key_heads, kind, one, two)
            has_key = j >= 0
            if has_key and kind == c.KEY_NBL:
                found[0], found[1] = sights[c.TIE, i], sights[c.TIE_WHY, i]
            elif has_key:
                gap = int(np.int64(sights[c.APPEARANCE, i])) - int(np.int64(journeys[j, c.J_APPEARANCE]))
                is_cut = (journeys[j, c.J_FLAGS] & c.J_IS_CUT) != 0  # into segments that count for themselves
                if gap > 1 and journeys[j, c.J_APPEARANCE] > 0 and not is_cut:
                    found[1] = c.WHY_GAP
                    journeys[j, c.J_FLAGS] |= c.J_HAS_GAP
        if j < 0 and event == c.LOOSE_DROP:
            j = _find_dropped(sights, i, n, journeys, tuple_heads, threads, places, found)
            if j < 0:
                out[c.O_JOURNEY, i] = 0
                scalars[c.Z_NEXT_DROP] += 1
                out[c.O_DROP, i] = scalars[c.Z_NEXT_DROP] - 1
                continue
        if j < 0 and sights[c.CONTENT, i] != 0:
            j = _find_content(
                sights, i, journeys, visited, content_heads, places, map_keys, map_values, window_ns, found
            )
        if j < 0 and (event == c.TRANSLATED or (sights[c.CONTENT, i] == 0 and sights[c.TUPLE, i] != 0)):
            j = _find_tuple(sights, i, journeys, tuple_heads, places, window_ns, found)
        if j < 0 and sights[c.CONTENT, i] != 0 and sights[c.TUPLE, i] != 0:
            j = _find_tuple(sights, i, journeys, tuple_heads, places, window_ns, found)
            if j >= 0 and journeys[j, c.J_CONTENT] != 0:
                j = -1  # what has content is told by it
        if j < 0 and sights[c.CONTENT, i] == 0 and c.RECEIVED <= event <= c.DELIVERED:
            j = _find_before(sights, i, journeys, threads, places, found)
            if j < 0 and event == c.DELIVERED:
                j = _find_original(sights, i, journeys, visited, threads, found)
            if j < 0 and event == c.RECEIVED:
                j = _find_sent_on(sights, i, journeys, threads, places, found)
        is_other_range = has_key and is_data and (journeys[j, c.J_SEQ] != seq or journeys[j, c.J_SEQ_END] != seq_end)
        if is_data and (j < 0 or is_other_range) and sights[c.CONTENT, i] != 0:
            if j >= 0 and offload.is_within(journeys, j, seq, seq_end):
                is_part = (journeys[j, c.J_FLAGS] & c.J_IS_JOINED) == 0
                found[0], found[1] = min(found[0], 900), c.WHY_RANGE
            elif j < 0 or journeys[j, c.J_WHOLE_END] != seq_end:
                known, sure, why = j, found[0], found[1]
                j = _find_range(
                    sights, i, code, journeys, visited, tuple_heads, wholes, covers, places, map_keys, map_values,
                    scalars, window_ns, parts, found,
                )  # fmt: skip
                if known >= 0 and (j != known or found[2] == 0):
                    j, found[0], found[1] = known, sure, why  # what its key says is surer
                elif j >= 0:
                    n_joined = found[2]
                    is_part = n_joined == 0
        is_nat = c.TRANSLATED <= event <= c.DROPPED
        if j < 0 and kind == c.NO_KEY and ((event == c.FRAME and sights[c.CONTENT, i] != 0) or is_nat):
            j = _find_bare(sights, i, journeys, visited, threads, places, found)
        host = int(np.int64(sights[c.HOST, i]))
        if j < 0 and hosts.shape[0] > 1 and sights[c.CONTENT, i] != 0:
            j = _find_sender(sights, i, journeys, visited, content_heads, places, hosts, window_ns, found)
        if j >= 0 and journeys[j, c.J_HOST] != host:
            _change_host(journeys, j, host, scalars, crossed)
        is_new = j < 0
        if n_joined > 0:
            _join(journeys, scalars, content_heads, parts, n_joined)
            n_joined = 1 + int(np.int64(journeys[j, c.J_N_PARTS]))
        if is_new:
            j = _start(journeys, scalars, sights, i)
            found[0], found[1] = 1000, c.WHY_STATED
        is_again = found[1] == c.WHY_AGAIN or (
            has_key and kind == c.KEY_NBL and event == c.INGRESS and journeys[j, c.J_LAST_EVENT] != c.RECEIVED
        )
        if not is_new and is_again and was_there(journeys, visited, j, place * 4 + direction):
            out[c.O_JOURNEY, i] = journeys[j, c.J_ID]
            out[c.O_SLOT, i] = j
            out[c.O_CONFIDENCE, i], out[c.O_WHY, i] = found[0], found[1]
            out[c.O_PLACE, i], out[c.O_DIR, i] = place, direction
            _tell_packet(journeys, j, out, i)
            continue
        if direction == 0 and event == c.FRAME and not is_new and place >= 0:
            direction = _direction_behind(journeys, j, places, place)
        if kind != c.NO_KEY and not has_key:
            _add_key(keys, key_heads, scalars, journeys, j, kind, one, two)
        if kind == c.KEY_PKTMON:
            journeys[j, c.J_APPEARANCE] = sights[c.APPEARANCE, i]

        if event == c.LOOSE_DROP and place < 0:
            place, direction = int(np.int64(journeys[j, c.J_LAST_PLACE])), int(np.int64(journeys[j, c.J_LAST_DIR]))
        out[c.O_JOURNEY, i] = journeys[j, c.J_ID]
        out[c.O_SLOT, i] = j
        out[c.O_CONFIDENCE, i] = found[0]
        out[c.O_WHY, i] = found[1]
        out[c.O_PLACE, i] = place
        out[c.O_DIR, i] = direction
        if found[0] < journeys[j, c.J_CONFIDENCE]:
            journeys[j, c.J_CONFIDENCE] = found[0]
            journeys[j, c.J_WHY] = found[1]
        code = place * 4 + direction
        tuple_before = int(np.int64(journeys[j, c.J_TUPLE]))
        is_at_new_place = True
        if is_part:
            n_here = 0
            if sights[c.IS_DROP, i] == 0:
                n_here = offload.cover(journeys, j, code, seq, seq_end, covers, scalars)
            out[c.O_PARTS, i] = n_here
            is_at_new_place = n_here == 1
        if event == c.TRANSLATED:
            before, after = int(np.int64(sights[c.TUPLE, i])), int(np.int64(sights[c.TUPLE_AFTER, i]))
            _learn_translation(map_keys, map_values, before, after, host)
            back = int(np.int64(sights[c.TUPLE_AFTER_BACK, i]))
            if back != 0:
                _learn_translation(map_keys, map_values, back, int(np.int64(sights[c.TUPLE_BACK, i])), host)
        elif found[1] == c.WHY_NAT_INFERRED:
            _learn_translation(map_keys, map_values, tuple_before, int(np.int64(sights[c.TUPLE, i])), host)
            back = int(np.int64(sights[c.TUPLE_BACK, i]))
            _learn_translation(map_keys, map_values, back, int(np.int64(journeys[j, c.J_TUPLE_BACK])), host)
        if is_at_new_place:
            _take_packet(journeys, sights, i, j, content_heads, tuple_heads, out)
        else:
            offload.fill_part(sights, i, out)
        if sights[c.ASKS, i] != 0 or sights[c.ANSWERS, i] != 0:
            note_answers(sights, i, journeys, j, answers)
        if is_part:
            out[c.O_CHANGED, i] |= c.IS_PART
            if (journeys[j, c.J_FLAGS] & c.J_IS_CUT) == 0:
                out[c.O_CHANGED, i] |= c.CHANGED_CUT
            journeys[j, c.J_FLAGS] |= c.J_IS_CUT
        elif (sights[c.FLAGS, i] & (c.IS_LARGE | c.IS_LONG)) != 0 and not is_data:
            offload.note_datagram(journeys, j, wholes, scalars)
        elif is_data and (n_joined > 0 or (sights[c.FLAGS, i] & (c.IS_LARGE | c.IS_LONG)) != 0):
            is_stated = (sights[c.FLAGS, i] & c.IS_LARGE) != 0
            offload.note_whole(journeys, j, seq, seq_end, is_stated, wholes, scalars)
            if n_joined > 0:
                out[c.O_CHANGED, i] |= c.CHANGED_JOINED
                out[c.O_PARTS, i] = n_joined
        if journeys[j, c.J_WHOLE_SEQ] >= 0:
            offload.list_whole(journeys, j, wholes)
        if (
            is_at_new_place
            and not is_new
            and journeys[j, c.J_LAST_PLACE] >= 0
            and tuple_before != 0
            and event != c.LOOSE_DROP
            and (journeys[j, c.J_LAST_PLACE] * 4 + journeys[j, c.J_LAST_DIR] != code)
        ):
            is_guess = found[1] == c.WHY_NAT_INFERRED or found[1] == c.WHY_NAT_ALIKE
            _remember_way(ways, journeys, j, tuple_before, code, is_guess)
            addresses = int(np.int64(journeys[j, c.J_ADDRESSES]))
            if tuple_before == journeys[j, c.J_TUPLE] and addresses != 0:
                _remember_way(ways, journeys, j, addresses, code, False)
            _remember_way(ways, journeys, j, _ANY_WAY + code, code, False)
        class_here = int(np.int64(places[c.CLASS_NONE + direction, place])) if place >= 0 else c.UNCLEAR
        if is_new and class_here == c.ENTRY and direction == 2 and sights[c.WHAT, i] >= 0:
            address = of_host(int(np.int64(sights[c.SRC_HIGH, i])) ^ int(np.int64(sights[c.SRC_LOW, i])), host)
            slot = slot_of(address, local.shape[0] - 1)
            if local[slot, 0] != address or local[slot, 1] != -1:  # what is stated needs no guess
                local[slot, 0] = address
                local[slot, 1] = places[c.STATION_OF, place]
                local[slot, 2] = places[c.IS_STACK, place]
        if sights[c.IS_DROP, i] != 0:
            is_same = offload.is_same_drop(journeys, j, seq, is_part)
            if is_part or (not is_same and (journeys[j, c.J_FLAGS] & c.J_IS_CUT) != 0):
                out[c.O_CHANGED, i] |= c.CHANGED_PART_DROPPED
                if not is_same:
                    offload.note_drop(journeys, j, seq, seq_end if is_part else seq)
            kind_of_drop = int(np.int64(sights[c.DROP_KIND, i]))
            is_second = (  # told by another reporter, right after
                kind_of_drop != journeys[j, c.J_DROP_KIND]
                and journeys[j, c.J_DROP_ALSO] >> kind_of_drop & 1 == 0
                and ts - journeys[j, c.J_DROP_TS] <= _RIGHT_AFTER_NS
            )
            if is_same and (is_second or (journeys[j, c.J_FLAGS] & c.J_FANNED) == 0):
                out[c.O_DROP, i] = journeys[j, c.J_DROP] | c.DROP_IS_SAME
                if sights[c.DROP_KIND, i] != journeys[j, c.J_DROP_KIND]:
                    journeys[j, c.J_DROP_ALSO] |= 1 << sights[c.DROP_KIND, i]
            else:
                out[c.O_DROP, i] = scalars[c.Z_NEXT_DROP]
                journeys[j, c.J_DROP] = scalars[c.Z_NEXT_DROP]
                scalars[c.Z_NEXT_DROP] += 1
                journeys[j, c.J_DROP_CODE] = sights[c.DROP_CODE, i]
                journeys[j, c.J_DROP_LOCATION] = sights[c.DROP_LOCATION, i]
                journeys[j, c.J_DROP_KIND] = sights[c.DROP_KIND, i]
                journeys[j, c.J_DROP_SESSION] = sights[c.SESSION, i]
                journeys[j, c.J_DROP_RULE] = sights[c.DROP_RULE, i]
                journeys[j, c.J_DROP_TS] = ts
            journeys[j, c.J_FLAGS] |= c.J_IS_DROPPED
        else:
            is_another = (journeys[j, c.J_FLAGS] & c.J_PART_DROPPED) != 0 and (
                not is_data or journeys[j, c.J_DROP_SEQ] != seq
            )
            if (journeys[j, c.J_FLAGS] & c.J_IS_DROPPED) != 0 and not is_another:
                journeys[j, c.J_FLAGS] |= c.J_MOVED_ON
            if class_here == c.EXIT:
                journeys[j, c.J_FLAGS] |= c.J_WAS_DELIVERED
            elif class_here == c.WIRE:
                journeys[j, c.J_FLAGS] |= c.J_HAS_LEFT
        if (sights[c.FLAGS, i] & c.IS_GROUP) != 0:
            journeys[j, c.J_FLAGS] |= c.J_IS_GROUP
        if (sights[c.FLAGS, i] & c.IS_GFT) != 0:
            journeys[j, c.J_FLAGS] |= c.J_IS_GFT
        is_fanned = journeys[j, c.J_LAST_ROW] == sights[c.ROW, i] or (
            event == c.ROUTED and journeys[j, c.J_LAST_EVENT] == c.ROUTED
        )
        if not is_new and is_fanned:
            journeys[j, c.J_FLAGS] |= c.J_FANNED
        if place >= 0:
            is_untold = is_new and journeys[j, c.J_CONTENT] == 0 and journeys[j, c.J_ADDRESSES] == 0
            _note_activity(activity, code, ts, is_untold)
            if event == c.DELIVERED:
                _note_activity(activity, code | 3, ts, is_untold)
            n_visited = int(np.int64(journeys[j, c.J_VISITED]))
            if n_visited < c.VISITED_MAX and is_at_new_place:
                # The last of four codes of a place says that a switch has routed the packet there.
                visited[j, n_visited] = code | 3 if event == c.ROUTED else code
                if event == c.DELIVERED:
                    _cross_off(journeys, visited, j, code)
                journeys[j, c.J_VISITED] += 1
            if is_at_new_place and (journeys[j, c.J_LAST_PLACE] != place or journeys[j, c.J_HOPS] == 0):
                path = int(np.int64(journeys[j, c.J_PATH]))
                journeys[j, c.J_PATH] = ((path * 31 + place + 1) ^ (path >> 33)) & 0x3FFFFFFFFFFFFF
        journeys[j, c.J_HOPS] += 1
        journeys[j, c.J_LAST_TS] = max(ts, int(np.int64(journeys[j, c.J_LAST_TS])))
        if is_at_new_place:
            journeys[j, c.J_LAST_PLACE] = place
            journeys[j, c.J_LAST_DIR] = direction
            journeys[j, c.J_LAST_EVENT] = event
        journeys[j, c.J_LAST_ROW] = sights[c.ROW, i]
        thread = int(np.int64(sights[c.THREAD, i]))
        _remember_thread(threads, journeys, j, thread)
        has_arrived = class_here == c.WIRE or (class_here == c.EXIT and places[c.IS_STACK, place] == 0)
        if event in (c.ROUTED, c.EGRESS) or (place >= 0 and expected[code, 0] >= 0):
            has_arrived = False
        if class_here == c.WIRE and hosts.shape[0] > 1 and hosts[host, c.H_SURE] > 0:
            has_arrived = False  # it may come to another host yet
        _touch(journeys, scalars, j, is_new, 1 if has_arrived else 0)
    return n


@njit
def _note_activity(activity: I64, code: int, ts: int, is_untold: bool) -> None:
    """That a packet was seen at a place, which may be one of which nothing else is known."""
    bucket = ts >> _BUCKET_BITS
    at = bucket & (_BUCKETS - 1)
    before = int(np.int64(activity[code, at]))
    activity[code, at] = bucket << 1 | (1 if is_untold or before == bucket << 1 | 1 else 0)
    activity[code, _BUCKETS] = ts


@njit
def _is_active(activity: I64, code: int, ts: int) -> int:
    """1: packets were seen at a place around a time; 2: and also later, when one more should have come there; 4: and
    one of them, of which nothing else is known, can be the one that should have."""
    bucket = ts >> _BUCKET_BITS
    for near in range(bucket - _NEAR_BUCKETS, bucket + _NEAR_BUCKETS + 1):
        if activity[code, near & (_BUCKETS - 1)] >> 1 == near:
            for late in range(bucket, bucket + 2):
                if activity[code, late & (_BUCKETS - 1)] == late << 1 | 1:
                    return 4
            return 2 if activity[code, _BUCKETS] > ts else 1
    return 0


@njit
def close(
    journeys: I64, visited: I32, content_heads: I64, tuple_heads: I64, keys: I64, key_heads: I64, activity: I64,
    ways: I64, local: I64, answers: I64, wholes: I64, covers: I64, scalars: I64, places: I64, expected: I64,
    before_ts: int, arrived_before_ts: int, n_open_max: int, rows: I64, paths: I32,
) -> int:  # fmt: skip
    """Take out journeys last seen before a time, or before another where the packet has arrived; how many went to
    `rows`, whose last `offload_loops.PARTS_MAX` are room for what was joined. Beyond `n_open_max` the oldest go too."""
    n, part = 0, -1
    while n < rows.shape[0] - offload.PARTS_MAX or part >= 0:
        j = part if part >= 0 else int(np.int64(scalars[c.Z_FIRST_ARRIVED]))
        if part >= 0:
            pass  # it ends with what it was joined into
        elif j < 0 or journeys[j, c.J_LAST_TS] >= arrived_before_ts:
            j = int(np.int64(scalars[c.Z_FIRST]))
            if j < 0:
                j = int(np.int64(scalars[c.Z_FIRST_ARRIVED]))
                if j < 0 or scalars[c.Z_OPEN] <= n_open_max:
                    break
                scalars[c.Z_FORCED] += 1
            elif journeys[j, c.J_LAST_TS] >= before_ts:
                if scalars[c.Z_OPEN] <= n_open_max:
                    break
                scalars[c.Z_FORCED] += 1
        if (journeys[j, c.J_FLAGS] & c.J_IS_CUT) != 0:
            offload.settle(journeys, j, covers)
        if scalars[c.Z_HAS_LARGE] != 0:
            offload.doubt_datagram(journeys, j, wholes)
        last = int(np.int64(journeys[j, c.J_LAST_PLACE])) * 4 + int(np.int64(journeys[j, c.J_LAST_DIR]))
        way = _way_from(journeys, j)
        value = int(np.int64(journeys[j, c.J_TUPLE]))
        slot = slot_of(value ^ (way * 0x9E3779B1), ways.shape[0] - 1)
        following, is_guess = -1, False
        if last >= 0 and ways[slot, 0] == value and ways[slot, 1] == way:
            following, is_guess = int(np.int64(ways[slot, 2])), ways[slot, 3] == 1
        elif last >= 0 and places[c.SWITCH_OF, last >> 2] >= 0 and journeys[j, c.J_ADDRESSES] != 0:
            # A switch sends what is between the same addresses the same way, whatever its ports.
            value = int(np.int64(journeys[j, c.J_ADDRESSES]))
            slot = slot_of(value ^ (way * 0x9E3779B1), ways.shape[0] - 1)
            if ways[slot, 0] == value and ways[slot, 1] == way:
                following = int(np.int64(ways[slot, 2]))
        is_routed = journeys[j, c.J_LAST_EVENT] == c.ROUTED or journeys[j, c.J_LAST_EVENT] == c.EGRESS
        if last >= 0 and is_routed and activity[last | 3, _BUCKETS] != 0:
            following, is_guess = last | 3, False  # what a switch has routed it delivers, where it says so
        last_ts = int(np.int64(journeys[j, c.J_LAST_TS]))
        if following >= 0:
            journeys[j, c.J_NEXT_SEEN] = following
            journeys[j, c.J_NEXT_ACTIVE] = _is_active(activity, following, last_ts)
            if is_guess and journeys[j, c.J_NEXT_ACTIVE] == 2:
                journeys[j, c.J_NEXT_ACTIVE] = 3
        elif last >= 0:
            for k in range(expected.shape[1]):
                if expected[last, k] < 0:
                    break
                value = _ANY_WAY + int(np.int64(expected[last, k]))
                slot = slot_of(value ^ (way * 0x9E3779B1), ways.shape[0] - 1)
                if ways[slot, 0] != value or ways[slot, 1] != way:
                    continue  # no packet was seen to go that way
                journeys[j, c.J_NEXT_SEEN] = expected[last, k]
                active = _is_active(activity, int(np.int64(expected[last, k])), last_ts)
                journeys[j, c.J_NEXT_ACTIVE] = max(active, int(np.int64(journeys[j, c.J_NEXT_ACTIVE])))
        address = int(np.int64(journeys[j, c.J_LAST_DST_HIGH])) ^ int(np.int64(journeys[j, c.J_LAST_DST_LOW]))
        address = of_host(address, int(np.int64(journeys[j, c.J_HOST])))
        at = slot_of(address, local.shape[0] - 1)
        is_known = journeys[j, c.J_LAST_WHAT] >= 0 and local[at, 0] == address and local[at, 1] != -2
        if is_known and (local[at, 2] == 1 or (last >= 0 and local[at, 1] == places[c.STATION_OF, last >> 2])):
            journeys[j, c.J_LOCAL] = local[at, 1] if local[at, 1] >= 0 else c.STATED_LOCAL
        find_answer(journeys, j, answers)
        for column in range(c.N_JOURNEY):
            rows[n, column] = journeys[j, column]
        for k in range(c.VISITED_MAX):
            paths[n, k] = visited[j, k] if k < journeys[j, c.J_VISITED] else -1
        n += 1
        if journeys[j, c.J_CONTENT] != 0:
            _unlink(
                journeys, content_heads, j, int(np.int64(journeys[j, c.J_CONTENT])), c.J_CONTENT_NEXT, c.J_CONTENT_PREV
            )
        if journeys[j, c.J_TUPLE] != 0:
            _unlink(journeys, tuple_heads, j, int(np.int64(journeys[j, c.J_TUPLE])), c.J_TUPLE_NEXT, c.J_TUPLE_PREV)
        _remove_keys(keys, key_heads, scalars, journeys, j)
        if part < 0:
            _unlist(journeys, scalars, j)
        part = int(np.int64(journeys[j, c.J_PARTS if part < 0 else c.J_NEXT_PART]))
        journeys[j, c.J_IS_OPEN] = 0
        journeys[j, c.J_LRU_NEXT] = scalars[c.Z_FREE]
        scalars[c.Z_FREE] = j
        scalars[c.Z_OPEN] -= 1
    return n


@njit
def relink(journeys: I64, content_heads: I64, tuple_heads: I64, keys: I64, key_heads: I64) -> None:
    """Fill larger, empty hash tables with the journeys and keys that are there."""
    for j in range(journeys.shape[0]):
        if journeys[j, c.J_IS_OPEN] == 0:
            continue
        if journeys[j, c.J_CONTENT] != 0:
            _link(
                journeys, content_heads, j, int(np.int64(journeys[j, c.J_CONTENT])), c.J_CONTENT_NEXT, c.J_CONTENT_PREV
            )
        if journeys[j, c.J_TUPLE] != 0:
            _link(journeys, tuple_heads, j, int(np.int64(journeys[j, c.J_TUPLE])), c.J_TUPLE_NEXT, c.J_TUPLE_PREV)
        k = int(np.int64(journeys[j, c.J_KEYS]))
        while k >= 0:
            one, two, kind = (
                int(np.int64(keys[k, c.K_ONE])),
                int(np.int64(keys[k, c.K_TWO])),
                int(np.int64(keys[k, c.K_KIND])),
            )
            slot = slot_of(one * 5 + two * 3 + kind, key_heads.size - 1)
            keys[k, c.K_NEXT] = key_heads[slot]
            key_heads[slot] = k
            k = int(np.int64(keys[k, c.K_OF_JOURNEY]))


@njit
def group_hops(sights: I64, out: I64, rank: I64, hop_of: I64, first: I64, last: I64, said: I64) -> int:
    """Number the hops of sightings in order of journey: what a switch or a NAT says of a packet at one place in one
    direction is one hop, and so are the segments of a packet there. `first` and `last` get the first and last sighting
    of each hop, `said` (column, hop) which sighting names what happened, which tells of a change, which has the frame,
    which is the least sure, which is the last segment, which tells of offload, which names a rule; -1 = none. Returns
    how many hops there are."""
    n = 0
    begin = 0
    for i in range(out.shape[1]):
        if i > 0 and out[c.O_JOURNEY, i] != out[c.O_JOURNEY, i - 1]:
            begin = n
        found = -1
        event, place, direction = sights[c.EVENT, i], out[c.O_PLACE, i], out[c.O_DIR, i]
        if event == c.NOTED and n > begin:
            # Of the hop where it was said, which may be told right behind; else of the one before.
            found = n - 1
            for hop in range(n - 1, max(begin, n - 32) - 1, -1):
                if out[c.O_PLACE, first[hop]] == place:
                    found = hop
                    break
            hop_of[i] = found
            is_there = out[c.O_PLACE, first[found]] == place
            for k in range(i + 1, min(i + _NOTED_AHEAD, out.shape[1])):
                if is_there or out[c.O_JOURNEY, k] != out[c.O_JOURNEY, i]:
                    break
                if out[c.O_PLACE, k] == place and sights[c.EVENT, k] != c.NOTED:
                    hop_of[i] = -1 - k
                    is_there = True
            if sights[c.DROP_RULE, i] >= 0 and hop_of[i] >= 0:
                said[6, found] = i
            continue
        is_said = c.INGRESS <= event <= c.LEFT_TO_HOST
        is_part = (out[c.O_CHANGED, i] & c.IS_PART) != 0
        if (is_said or is_part) and out[c.O_DROP, i] == 0 and place >= 0:
            for hop in range(n - 1, max(begin, n - 32) - 1, -1):
                k = first[hop]
                if (
                    out[c.O_PLACE, k] == place
                    and out[c.O_DIR, k] == direction
                    and (
                        (is_said and c.INGRESS <= sights[c.EVENT, k] <= c.LEFT_TO_HOST)
                        or (is_part and (out[c.O_CHANGED, k] & c.IS_PART) != 0)
                    )
                    and out[c.O_DROP, k] == 0
                ):
                    found = hop
                    break
        if found < 0:
            found = n
            first[n] = i
            said[0, n] = i
            said[1, n] = -1
            said[2, n] = -1
            said[3, n] = i
            said[4, n] = -1
            said[5, n] = -1
            said[6, n] = -1
            n += 1
        hop_of[i] = found
        last[found] = i
        if rank[event] > rank[sights[c.EVENT, said[0, found]]]:
            said[0, found] = i
        if out[c.O_CHANGED, i] & ~(c.IS_PART | c.CHANGED_BY_OFFLOAD) != 0:
            said[1, found] = i
        if is_part:
            said[4, found] = i
        if (out[c.O_CHANGED, i] & c.CHANGED_BY_OFFLOAD) != 0:
            said[5, found] = i
        if sights[c.FRAME_ID, i] >= 0 and said[2, found] < 0:
            said[2, found] = i
        if out[c.O_CONFIDENCE, i] < out[c.O_CONFIDENCE, said[3, found]]:
            said[3, found] = i
    for i in range(out.shape[1]):
        if hop_of[i] < 0:
            hop_of[i] = hop_of[-1 - hop_of[i]]
            if sights[c.DROP_RULE, i] >= 0:
                said[6, hop_of[i]] = i
    return n


@njit
def date_copies(journey: I64, event: I64, hop_of: I64, n_hops: int, first: I64) -> None:
    """Where a packet was routed to several places, each copy's hop begins when it was delivered."""
    routed = np.zeros(n_hops, np.int64)
    delivered = np.full(n_hops, -1, np.int64)
    for i in range(journey.size):
        if event[i] == c.ROUTED:
            routed[hop_of[i]] = 1
        elif event[i] == c.DELIVERED and delivered[hop_of[i]] < 0:
            delivered[hop_of[i]] = i
    begin = 0
    while begin < n_hops:
        end = begin
        n_routed = 0
        while end < n_hops and journey[first[end]] == journey[first[begin]]:
            n_routed += routed[end]
            end += 1
        if n_routed > 1:
            for hop in range(begin, end):
                if routed[hop] > 0 and delivered[hop] >= 0:
                    first[hop] = delivered[hop]
        begin = end


# Columns of a flow that are counted; see `flows`.
(
    F_SRC_HIGH, F_SRC_LOW, F_DST_HIGH, F_DST_LOW, F_PORTS, F_NAT, F_FIRST, F_LAST, F_N, F_N_BACK, F_BYTES,
    F_BYTES_BACK, F_AGAIN, F_LOST, F_SYN_TS, F_HANDSHAKE, F_SEQ_END, F_SEQ_END_BACK, F_CONFIDENCE, F_N_TRANSITS,
) = (2, 3, 4, 5, 6, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27)  # fmt: skip


@njit
def count_flows(journeys: I64, flow: I64, is_lost: I64, confidence: I64, rows: I64, transits: I64) -> None:
    """Add ended journeys, in order of their first sighting, to their flows."""
    for k in range(flow.size):
        f = int(np.int64(flow[k]))
        if f < 0:
            continue
        # One side of the tuple survives a NAT, so the packet goes forward if either end is where the flow has it.
        src_high, src_low = journeys[k, c.J_SRC_HIGH], journeys[k, c.J_SRC_LOW]
        dst_high, dst_low = journeys[k, c.J_DST_HIGH], journeys[k, c.J_DST_LOW]
        sport, dport = journeys[k, c.J_PORTS] >> 32, journeys[k, c.J_PORTS] & 0xFFFFFFFF
        flow_sport, flow_dport = rows[f, F_PORTS] >> 32, rows[f, F_PORTS] & 0xFFFFFFFF
        is_src = src_high == rows[f, F_SRC_HIGH] and src_low == rows[f, F_SRC_LOW] and sport == flow_sport
        is_dst = dst_high == rows[f, F_DST_HIGH] and dst_low == rows[f, F_DST_LOW] and dport == flow_dport
        is_forward = is_src or is_dst
        rows[f, F_FIRST] = min(rows[f, F_FIRST], journeys[k, c.J_FIRST_TS])
        rows[f, F_LAST] = max(rows[f, F_LAST], journeys[k, c.J_LAST_TS])
        if is_forward:
            rows[f, F_N] += 1
            rows[f, F_BYTES] += journeys[k, c.J_LENGTH]
        else:
            rows[f, F_N_BACK] += 1
            rows[f, F_BYTES_BACK] += journeys[k, c.J_LENGTH]
        rows[f, F_LOST] += is_lost[k]
        rows[f, F_CONFIDENCE] = min(rows[f, F_CONFIDENCE], confidence[k])
        if journeys[k, c.J_LAST_TS] > journeys[k, c.J_FIRST_TS]:
            at = int(np.int64(rows[f, F_N_TRANSITS])) % transits.shape[1]
            transits[f, at] = journeys[k, c.J_LAST_TS] - journeys[k, c.J_FIRST_TS]
            rows[f, F_N_TRANSITS] += 1
        seq, seq_end = int(np.int64(journeys[k, c.J_SEQ])), int(np.int64(journeys[k, c.J_SEQ_END]))
        if seq < 0 or journeys[k, c.J_WHAT] >> 8 != _TCP:
            continue
        flags = int(np.int64(journeys[k, c.J_TCP_FLAGS]))
        column = F_SEQ_END if is_forward else F_SEQ_END_BACK
        highest = int(np.int64(rows[f, column]))
        if flags & 2 and flags & 0x10 == 0:
            if rows[f, F_SYN_TS] < 0:
                rows[f, F_SYN_TS] = journeys[k, c.J_FIRST_TS]
        elif flags & 2 == 0 and flags & 0x10 and is_forward and rows[f, F_HANDSHAKE] < 0 and rows[f, F_SYN_TS] >= 0:
            rows[f, F_HANDSHAKE] = journeys[k, c.J_FIRST_TS] - rows[f, F_SYN_TS]
        if seq_end > seq:
            behind = (highest - seq) & 0xFFFFFFFF
            if highest >= 0 and 0 < behind < 1 << 31 and (highest - seq_end) & 0xFFFFFFFF < 1 << 31:
                rows[f, F_AGAIN] += 1
            else:
                rows[f, column] = seq_end & 0xFFFFFFFF
