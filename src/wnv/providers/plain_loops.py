"""The compiled loops of `providers.plain`; the rules of `kernels` hold here too.

Import this module inside the function that needs it. Layouts: docs/formats/ndis-packetcapture.md, pktmon.md.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8
from wnv.kernels import be16, byte_at, hash_pair, njit, u16_at, u32_at
from wnv.packets.points import IN, LINK_ETHERNET, LINK_RAW, OUT

# Packets of the usual layouts (`providers.plain`): numbers of a sighting.
SEEN_EVENT, SEEN_START, SEEN_BYTES, SEEN_STATED, SEEN_ORIGINAL, SEEN_POINT, SEEN_GROUP, SEEN_DIRECTION = range(8)
SEEN_VLAN, SEEN_PRIORITY, SEEN_LARGE, SEEN_LINK, SEEN_NUMBER, SEEN_APPEARANCE, SEEN_DROP, SEEN_REASON = range(8, 16)
SEEN_LOCATION, SEEN_PID, SEEN_TID, SEEN_NUMBERED, SEEN_COALESCED = range(16, 21)
SEEN_COLUMNS: Final = 21
# Which table an entry of the known points is in, and its columns: what stands behind the two numbers of its key.
PLAIN_LAYER, PLAIN_PORT, PLAIN_COMPONENT = 0, 1, 2
PLAIN_POINT, PLAIN_OUTWARD, PLAIN_RANGE_AT, PLAIN_RANGE_BYTES, PLAIN_ONE, PLAIN_OTHER, PLAIN_TABLE = range(7)
PLAIN_COLUMNS: Final = 7

_EVENT_HEADER_BYTES: Final = 0x50
_NDIS_HEAD_BYTES: Final = 12
_PKTMON_HEAD_BYTES: Final = 34
_NDIS_WIRELESS: Final = 0x200 | 0x8000  # mobile broadband and tunnels: bare IP
_NDIS_WIFI: Final = 0x10000
_NDIS_WHOLE: Final = 0xC0000000
_NDIS_SEND_BIT, _NDIS_RECEIVE_BIT = 32, 33
_OOB_LARGE: Final = 2
_OOB_VLAN: Final = 4
_OOB_COALESCED_64: Final = 22
_OOB_COALESCED_32: Final = 19
_COALESCED_MAX: Final = 512  # as in `ndiscap`
_MSS_MASK: Final = 0xFFFFF
_PKTMON_IN, _PKTMON_OUT, _PKTMON_RX, _PKTMON_TX, _PKTMON_INGRESS, _PKTMON_EGRESS = 1, 2, 3, 4, 5, 6
_PKTMON_ETHERNET, _PKTMON_IP = 1, 3
_VLAN_NOT_RECORDED: Final = -1
_VLAN_TAGS_MAX: Final = 2
_ETHERTYPE_IPV4, _ETHERTYPE_IPV6 = 0x0800, 0x86DD


@njit
def _find_plain(table: int, one: int, other: int, seed: int, slots: I32, entries: I64, pool: U8, data: U8, at: int,
                stop: int) -> int:  # fmt: skip
    """The entry of a known point; for a port also the bytes that describe it must be those at `at`. -1 = unknown."""
    mask = slots.size - 1
    slot = hash_pair(one, other, seed + table) & mask
    entry = int(np.int64(slots[slot]))
    while entry >= 0:
        if (
            entries[entry, PLAIN_ONE] == one
            and entries[entry, PLAIN_OTHER] == other
            and entries[entry, PLAIN_TABLE] == table
        ):
            n = int(np.int64(entries[entry, PLAIN_RANGE_BYTES]))
            if at + n <= stop:
                known = int(np.int64(entries[entry, PLAIN_RANGE_AT]))
                ours, theirs = pool[known : known + n], data[at : at + n]
                differs = 0
                for i in range(n):  # all of them: without a way out it compiles to a few wide steps
                    differs |= ours[i] ^ theirs[i]
                if differs == 0:
                    return entry
        slot = (slot + 1) & mask
        entry = int(np.int64(slots[slot]))
    return -1


@njit
def index_plain(entries: I64, seed: int, slots: I32) -> None:
    """Fill the hash table (a power of two, more than there are entries, all -1) over the known points."""
    mask = slots.size - 1
    for entry in range(entries.shape[0]):
        one, other = int(np.int64(entries[entry, PLAIN_ONE])), int(np.int64(entries[entry, PLAIN_OTHER]))
        slot = hash_pair(one, other, seed + int(np.int64(entries[entry, PLAIN_TABLE]))) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = entry


@njit
def _length_by_ip(data: U8, start: int, n_bytes: int, is_raw: bool, measures: bool) -> int:
    """Bytes of the packet by its IP header; 0 where it says none or nobody asks (see `headers.original_bytes`)."""
    if not measures:
        return 0
    stop = start + n_bytes
    at = start
    kind = 0
    if not is_raw:
        kind = be16(data, start + 12, stop)
        at += 14
        for _ in range(_VLAN_TAGS_MAX):
            if kind in (0x8100, 0x88A8, 0x9100) and at + 4 <= stop:
                kind = be16(data, at + 2, stop)
                at += 4
            else:
                break
    if at >= stop:
        return 0
    version = byte_at(data, at) >> 4
    total = 0
    if version == 4 and (is_raw or kind == _ETHERTYPE_IPV4) and at + 20 <= stop:
        total = be16(data, at + 2, stop)
    elif version == 6 and (is_raw or kind == _ETHERTYPE_IPV6) and at + 40 <= stop:
        total = be16(data, at + 4, stop)
        total += 40 if total > 0 else 0
    return at - start + total if total > 0 else 0


@njit
def read_plain_packets(
    words: I64, data: U8, position: I64, order: I64, kind: U8, kind32: int, kind64: int, guids: I64, entries: I64,
    slots: I32, seed: int, pool: U8, measures: bool, seen: I64, is_unusual: BOOL,
) -> int:  # fmt: skip
    """Sightings of the packet events among `order` whose layout is the usual one and whose points are known.

    `guids`: two words each of NDIS-PacketCapture, PktMon and the RAS provider. `seen` has a row for each of
    SEEN_COLUMNS and a column a sighting; `SEEN_EVENT` is a place in `order`. What another reader has to look at is
    marked in `is_unusual`, a flag for each of `order`, and has no sighting. `measures`: the original length is
    wanted, for which frames are looked into. Returns how many sightings there are, or -1 if `seen` has no room.
    """
    # One long function: taken apart it needs twice the time, since each part is handed eight arrays.
    n = 0
    room = seen.shape[1]
    for k in range(order.size):
        i = order[k]
        one = kind[i]
        if one not in (kind64, kind32):
            continue
        at = position[i]
        w = at >> 3
        low, high = words[w + 3], words[w + 4]
        which = -1
        for g in range(3):
            if guids[g, 0] == low and guids[g, 1] == high:
                which = g
        if which < 0:
            continue
        event_id = words[w + 5] & 0xFFFF
        is_unusual[k] = True  # unless it is found to be usual
        if which == 0 and event_id not in (1001, 1003):
            is_unusual[k] = event_id == 1002
            continue
        if which == 1 and event_id not in (160, 170, 240):
            is_unusual[k] = 180 <= event_id <= 230
            continue
        if which == 2:
            is_unusual[k] = event_id in (5001, 5002)
            continue
        head = words[w]
        stop = at + (head & 0xFFFF)
        start = at + _EVENT_HEADER_BYTES
        if (head >> 32) & 1 != 0 or n >= room:
            if n >= room:
                return -1
            continue
        ids = words[w + 1]
        seen[SEEN_EVENT, n] = k
        seen[SEEN_TID, n] = ids & 0xFFFFFFFF
        seen[SEEN_PID, n] = (ids >> 32) & 0xFFFFFFFF
        seen[SEEN_STATED, n] = 0
        seen[SEEN_NUMBERED, n] = 1 if which == 1 else 0
        seen[SEEN_GROUP, n] = 0
        seen[SEEN_NUMBER, n] = 0
        seen[SEEN_APPEARANCE, n] = 0
        seen[SEEN_DROP, n] = 0
        seen[SEEN_REASON, n] = 0
        seen[SEEN_LOCATION, n] = 0
        seen[SEEN_VLAN, n] = _VLAN_NOT_RECORDED
        seen[SEEN_PRIORITY, n] = 0
        seen[SEEN_LARGE, n] = 0
        seen[SEEN_COALESCED, n] = 0
        seen[SEEN_LINK, n] = LINK_ETHERNET
        if which == 1:
            if start + _PKTMON_HEAD_BYTES > stop:
                continue
            n_bytes = u16_at(data, start + 32)
            frame = start + _PKTMON_HEAD_BYTES
            packet_type = u16_at(data, start + 14)
            if frame + n_bytes > stop or packet_type not in (_PKTMON_ETHERNET, _PKTMON_IP):
                continue
            entry = _find_plain(
                PLAIN_COMPONENT, u16_at(data, start + 16), u16_at(data, start + 18), seed, slots, entries, pool, data,
                start, stop,
            )  # fmt: skip
            if entry < 0:
                continue
            way = u16_at(data, start + 12)
            outward = int(np.int64(entries[entry, PLAIN_OUTWARD]))
            direction = 0
            if way in (_PKTMON_IN, _PKTMON_RX):
                direction = IN
            elif way in (_PKTMON_OUT, _PKTMON_TX):
                direction = OUT
            elif way == _PKTMON_INGRESS:
                direction = outward
            elif way == _PKTMON_EGRESS and outward != 0:
                direction = IN + OUT - outward
            stated = u16_at(data, start + 30)
            reason = u32_at(data, start + 22)
            seen[SEEN_GROUP, n] = words[start >> 3]
            seen[SEEN_NUMBER, n] = u16_at(data, start + 8)
            seen[SEEN_APPEARANCE, n] = u16_at(data, start + 10)
            seen[SEEN_REASON, n] = reason
            seen[SEEN_LOCATION, n] = u32_at(data, start + 26)
            seen[SEEN_DROP, n] = 1 if event_id != 160 or reason != 0 else 0
            seen[SEEN_STATED, n] = stated
            seen[SEEN_POINT, n] = entries[entry, PLAIN_POINT]
            seen[SEEN_DIRECTION, n] = direction
            if packet_type == _PKTMON_IP:
                seen[SEEN_LINK, n] = LINK_RAW
            wire = stated if stated > 0 else _length_by_ip(data, frame, n_bytes, packet_type == _PKTMON_IP, measures)
            seen[SEEN_START, n] = frame
            seen[SEEN_BYTES, n] = n_bytes
            seen[SEEN_ORIGINAL, n] = max(n_bytes, wire)
            is_unusual[k] = False
            n += 1
            continue
        keyword = words[w + 6]
        if keyword & _NDIS_WHOLE != _NDIS_WHOLE or start + _NDIS_HEAD_BYTES > stop:
            continue
        miniport, lower = u32_at(data, start), u32_at(data, start + 4)
        if event_id == 1001:
            n_bytes = u32_at(data, start + 8)
            frame = start + _NDIS_HEAD_BYTES
            is_raw = keyword & _NDIS_WIRELESS != 0
            if frame + n_bytes > stop or keyword & _NDIS_WIFI != 0 or not (is_raw or keyword & 1 != 0):
                continue
            entry = _find_plain(PLAIN_LAYER, miniport, lower, seed, slots, entries, pool, data, start, stop)
            if entry < 0:
                continue
            is_sent, is_received = (keyword >> _NDIS_SEND_BIT) & 1, (keyword >> _NDIS_RECEIVE_BIT) & 1
            direction = 0
            if is_sent != is_received:
                direction = OUT if is_sent != 0 else IN
            if is_raw:
                seen[SEEN_LINK, n] = LINK_RAW
            seen[SEEN_POINT, n] = entries[entry, PLAIN_POINT]
            seen[SEEN_DIRECTION, n] = direction
            seen[SEEN_START, n] = frame
            seen[SEEN_BYTES, n] = n_bytes
            seen[SEEN_ORIGINAL, n] = max(n_bytes, _length_by_ip(data, frame, n_bytes, is_raw, measures))
            is_unusual[k] = False
            n += 1
            continue
        # 1003: the source port, the destination ports, the bytes, the out-of-band data.
        if start + 12 > stop:
            continue
        source = _find_plain(
            PLAIN_PORT, lower, u32_at(data, start + 8), seed, slots, entries, pool, data, start + 8, stop
        )
        if source < 0:
            continue
        at = start + 8 + entries[source, PLAIN_RANGE_BYTES]
        if at + 4 > stop:
            continue
        count = u32_at(data, at)
        at += 4
        if n + max(count, 1) > room:
            if count * 10 <= stop - at:  # a count that is possible
                return -1
            continue
        if count == 0:
            seen[SEEN_POINT, n] = entries[source, PLAIN_POINT]
            seen[SEEN_DIRECTION, n] = entries[source, PLAIN_OUTWARD]
        n_known = 0
        while n_known < count and at + 4 <= stop:
            port = _find_plain(PLAIN_PORT, lower, u32_at(data, at), seed, slots, entries, pool, data, at, stop)
            if port < 0:
                break
            outward = entries[port, PLAIN_OUTWARD]
            seen[SEEN_POINT, n + n_known] = entries[port, PLAIN_POINT]
            seen[SEEN_DIRECTION, n + n_known] = 0 if outward == 0 else IN + OUT - outward
            at += entries[port, PLAIN_RANGE_BYTES]
            n_known += 1
        if n_known < count or at + 4 > stop:
            continue
        n_bytes = u32_at(data, at)
        frame = at + 4
        at = frame + n_bytes
        if at + 4 > stop:
            continue
        oob = at + 4
        if oob + u32_at(data, at) != stop:
            continue
        pointer = 8 if one == kind64 else 4
        if oob + (_OOB_LARGE + 1) * pointer <= stop:
            seen[SEEN_LARGE, n] = 1 if u32_at(data, oob + _OOB_LARGE * pointer) & _MSS_MASK > 1 else 0
        if oob + (_OOB_VLAN + 1) * pointer <= stop:
            tag = u32_at(data, oob + _OOB_VLAN * pointer)
            seen[SEEN_VLAN, n] = (tag >> 4) & 0xFFF
            seen[SEEN_PRIORITY, n] = tag & 7
        coalesced = oob + (_OOB_COALESCED_64 if pointer == 8 else _OOB_COALESCED_32) * pointer
        if coalesced + pointer <= stop:
            n_coalesced = u32_at(data, coalesced) & 0xFFFF
            seen[SEEN_COALESCED, n] = n_coalesced if n_coalesced <= _COALESCED_MAX else 0
        seen[SEEN_START, n] = frame
        seen[SEEN_BYTES, n] = n_bytes
        seen[SEEN_ORIGINAL, n] = max(n_bytes, _length_by_ip(data, frame, n_bytes, False, measures))
        is_unusual[k] = False
        for copy in range(n + 1, n + count):
            point, direction = seen[SEEN_POINT, copy], seen[SEEN_DIRECTION, copy]
            for c in range(SEEN_COLUMNS):
                seen[c, copy] = seen[c, n]
            seen[SEEN_POINT, copy] = point
            seen[SEEN_DIRECTION, copy] = direction
        n += max(count, 1)
    return n


@njit
def index_kinds(kinds: I64, seed: int, slots: I32) -> None:
    """Fill the hash table (a power of two, more than there are kinds, all -1) for `number_kinds`."""
    mask = slots.size - 1
    for row in range(kinds.shape[0]):
        slot = hash_pair(int(np.int64(kinds[row, 0])), int(np.int64(kinds[row, 1])), seed) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = row


@njit
def number_kinds(
    words: I64, position: I64, kind: U8, kind32: int, kind64: int, known_guids: I64, known_kinds: I64, slots: I32,
    seed: int, numbers: I32,
) -> None:  # fmt: skip
    """For each event the row of its kind in `known_kinds` (place of the provider in `known_guids`, id << 8 | version);
    -1 for other events, and for those with extended items."""
    mask = slots.size - 1
    last = 0
    n_guids = known_guids.shape[0]
    for k in range(position.size):
        numbers[k] = -1
        if kind[k] not in (kind64, kind32):
            continue
        w = position[k] >> 3
        if (words[w] >> 32) & 1 != 0:
            continue
        low, high = words[w + 3], words[w + 4]
        if n_guids == 0 or known_guids[last, 0] != low or known_guids[last, 1] != high:
            code = -1
            for g in range(n_guids):
                if known_guids[g, 0] == low and known_guids[g, 1] == high:
                    code = g
                    break
            if code < 0:
                continue
            last = code
        descriptor = words[w + 5]
        number = (descriptor & 0xFFFF) << 8 | (descriptor >> 16) & 0xFF
        slot = hash_pair(last, number, seed) & mask
        row = int(np.int64(slots[slot]))
        while row >= 0 and (known_kinds[row, 0] != last or known_kinds[row, 1] != number):
            slot = (slot + 1) & mask
            row = int(np.int64(slots[slot]))
        numbers[k] = row
