"""The few loops that NumPy cannot express, compiled by numba where it is installed.

This is the only file that names numba. Without it (no wheel for the platform, or `WNV_NO_NUMBA` set in
the environment) the same functions run as plain Python: same results, some hundred times slower. Import this
module inside the function that needs it: importing numba takes 0.4 s.

Compiled code does not check indexes, so every access here is guarded by a comparison that stands before it.
Integers read from arrays are widened with `np.int64`, since in compiled code `uint8 << n` is unsigned and
unsigned + signed a float, and then with `int`, since in plain Python NumPy's scalars are slow and overflow.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

from wnv.arrays import BOOL, I16, I32, I64, U8, U16, U32, U64

_F = TypeVar("_F", bound=Callable[..., Any])  # Any: numba has no types, and the decorator keeps the caller's

try:
    if os.environ.get("WNV_NO_NUMBA"):
        raise ImportError("numba is switched off by WNV_NO_NUMBA")
    import numba
except ImportError:
    COMPILED = False

    def njit(function: _F) -> _F:
        return function
else:
    COMPILED = True

    def njit(function: _F) -> _F:
        """Compile at the first call for the argument types seen, release the GIL while running."""
        try:
            compiled: _F = numba.njit(cache=True, nogil=True)(function)
        except RuntimeError:  # numba found no place it may write its cache to
            compiled = numba.njit(nogil=True)(function)
        return compiled


BROKEN: Final = -1
"""What an unpacker returns for a stream that does not yield exactly the wanted bytes."""


@njit
def _u8_at(data: U8, at: int) -> int:
    """A byte as a signed 64-bit integer; the caller has checked that at < len(data)."""
    return int(np.int64(data[at]))


@njit
def u16_at(data: U8, at: int) -> int:
    """Little-endian u16; the caller has checked that at + 2 <= len(data)."""
    return _u8_at(data, at) | _u8_at(data, at + 1) << 8


@njit
def u32_at(data: U8, at: int) -> int:
    """Little-endian u32; the caller has checked that at + 4 <= len(data)."""
    return u16_at(data, at) | u16_at(data, at + 2) << 16


@njit
def unpack_xpress_part(packed: U8, out: U8) -> int:
    """Unpack plain XPRESS until `out` is full, or the stream ends or makes no sense; returns the bytes unpacked.

    Format: MS-XCA 2.4 (docs/formats/etl-format.md, section 4). Input behind the last needed byte is not looked at.
    What a stream that was cut off yields is right up to there.
    """
    n_in = packed.size
    n_out = out.size
    i = 0
    o = 0
    flags = 0
    n_flags = 0
    half = -1  # where a byte stands whose high nibble has not been used yet
    while o < n_out:
        if n_flags == 0:
            if i + 4 > n_in:
                return o
            flags = u32_at(packed, i)
            i += 4
            n_flags = 32
        n_flags -= 1
        if (flags >> n_flags) & 1 == 0:
            if i >= n_in:
                return o
            out[o] = packed[i]
            i += 1
            o += 1
            continue
        if i + 2 > n_in:
            return o
        pair = u16_at(packed, i)
        i += 2
        distance = (pair >> 3) + 1
        length = pair & 7
        if length == 7:
            if half < 0:
                if i >= n_in:
                    return o
                length = _u8_at(packed, i) & 15
                half = i
                i += 1
            else:
                length = _u8_at(packed, half) >> 4
                half = -1
            if length == 15:
                if i >= n_in:
                    return o
                length = _u8_at(packed, i)
                i += 1
                if length == 255:
                    if i + 2 > n_in:
                        return o
                    length = u16_at(packed, i)
                    i += 2
                    if length == 0:
                        if i + 4 > n_in:
                            return o
                        length = u32_at(packed, i)
                        i += 4
                    if length < 22:
                        return o
                    length -= 22
                length += 15
            length += 7
        length += 3
        if distance > o or length > n_out - o:
            return o
        for k in range(o, o + length):
            out[k] = out[k - distance]
        o += length
    return n_out


@njit
def unpack_xpress(packed: U8, out: U8) -> int:
    """Unpack plain XPRESS until `out` is full; len(out) or `BROKEN`, after which the content of `out` is undefined."""
    return out.size if unpack_xpress_part(packed, out) == out.size else BROKEN


HUFFMAN_TABLE_BYTES: Final = 256
HUFFMAN_BLOCK_BYTES: Final = 65536


@njit
def unpack_huffman(packed: U8, out: U8) -> int:
    """Unpack XPRESS_HUFF until `out` is full; len(out) or `BROKEN` (docs/formats/etl-format.md, section 4).

    Format: MS-XCA 2.2. Input behind the last needed byte is not looked at. After `BROKEN` the content of
    `out` is undefined.
    """
    n_in = packed.size
    n_out = out.size
    i = 0
    o = 0
    table = np.empty(1 << 15, np.uint16)  # the next 15 bits -> symbol << 4 | bits of its code
    while o < n_out:
        if i + HUFFMAN_TABLE_BYTES + 4 > n_in:
            return BROKEN
        n_filled = 0
        for n_bits in range(1, 16):
            step = 1 << (15 - n_bits)
            for symbol in range(512):
                if (_u8_at(packed, i + (symbol >> 1)) >> ((symbol & 1) * 4)) & 15 == n_bits:
                    if n_filled + step > 1 << 15:
                        return BROKEN
                    table[n_filled : n_filled + step] = symbol << 4 | n_bits
                    n_filled += step
        if n_filled != 1 << 15:  # MS-XCA: a code with gaps is invalid; so every entry has been set
            return BROKEN
        i += HUFFMAN_TABLE_BYTES
        bits = u16_at(packed, i) << 16 | u16_at(packed, i + 2)
        i += 4
        n_spare = 16  # bits loaded beyond the 16 that must always be there
        block_end = min(o + HUFFMAN_BLOCK_BYTES, n_out)
        while o < block_end:  # a match may run past the end of a block
            entry = int(np.int64(table[bits >> 17]))
            used = entry & 15
            symbol = entry >> 4
            bits = (bits << used) & 0xFFFFFFFF
            n_spare -= used
            if n_spare < 0:
                if i + 2 > n_in:
                    return BROKEN
                bits |= u16_at(packed, i) << -n_spare
                n_spare += 16
                i += 2
            if symbol < 256:
                out[o] = symbol
                o += 1
                continue
            length = symbol & 15
            n_distance_bits = (symbol >> 4) & 15
            if length == 15:
                if i >= n_in:
                    return BROKEN
                length = _u8_at(packed, i) + 15
                i += 1
                if length == 255 + 15:
                    if i + 2 > n_in:
                        return BROKEN
                    length = u16_at(packed, i)
                    i += 2
                    if length == 0:
                        if i + 4 > n_in:
                            return BROKEN
                        length = u32_at(packed, i)
                        i += 4
                    if length < 15:
                        return BROKEN
            length += 3
            distance = (1 << n_distance_bits) + (bits >> (32 - n_distance_bits))
            bits = (bits << n_distance_bits) & 0xFFFFFFFF
            n_spare -= n_distance_bits
            if n_spare < 0:
                if i + 2 > n_in:
                    return BROKEN
                bits |= u16_at(packed, i) << -n_spare
                n_spare += 16
                i += 2
            if distance > o or length > n_out - o:
                return BROKEN
            for k in range(o, o + length):
                out[k] = out[k - distance]
            o += length
    return n_out


LZNT1_CHUNK_BYTES: Final = 4096


@njit
def unpack_lznt1(packed: U8, out: U8) -> int:
    """Unpack LZNT1 until `out` is full; len(out) or `BROKEN` (docs/formats/etl-format.md, section 4).

    Format: MS-XCA 2.5. Chunks behind the last needed one are not looked at. After `BROKEN` the content of
    `out` is undefined.
    """
    n_in = packed.size
    n_out = out.size
    i = 0
    o = 0
    while o < n_out:
        if i + 2 > n_in:
            return BROKEN
        head = u16_at(packed, i)
        i += 2
        chunk_end = i + (head & 0xFFF) + 1
        if (head >> 12) & 7 != 3 or chunk_end > n_in:  # includes the zero that may end a stream
            return BROKEN
        if head & 0x8000 == 0:
            if chunk_end - i > n_out - o:
                return BROKEN
            for k in range(chunk_end - i):
                out[o + k] = packed[i + k]
            o += chunk_end - i
            i = chunk_end
            continue
        start = o
        limit = min(start + LZNT1_CHUNK_BYTES, n_out)
        n_length_bits = 12
        flags = 0
        n_flags = 0
        while i < chunk_end:
            if n_flags == 0:
                flags = _u8_at(packed, i)
                n_flags = 8
                i += 1
                continue
            is_match = flags & 1
            flags >>= 1
            n_flags -= 1
            if is_match == 0:
                if o >= limit:
                    return BROKEN
                out[o] = packed[i]
                i += 1
                o += 1
                continue
            if i + 2 > chunk_end:
                return BROKEN
            pair = u16_at(packed, i)
            i += 2
            while o - start > 16 << (12 - n_length_bits):  # ends at 4 bits: o - start <= 4096
                n_length_bits -= 1
            distance = (pair >> n_length_bits) + 1
            length = (pair & ((1 << n_length_bits) - 1)) + 3
            if distance > o - start or length > limit - o:
                return BROKEN
            for k in range(o, o + length):
                out[k] = out[k - distance]
            o += length
    return n_out


WALK_LANES: Final = 16  # as many buffers are walked in turn: the processor waits for the memory of all of them at once


@njit
def walk_buffers(
    words: I64, first_lane: int, position: I64, stop_at: I64, step_of_marker: I64, kind_of_marker: U8, time_offset: I64,
    n_found: I64, scratch: I64, out: I64, kind: U8, ticks: I64,
) -> tuple[int, int]:  # fmt: skip
    """Positions of the events of the buffers from `first_lane` on into `out`, one buffer behind the other.

    `kind` and `ticks` get their header kinds and the words at the place of the time. `position` moves on to where
    each walk ended: at `stop_at`, or at what is no whole event. `n_found` gets the number of events of each.
    `step_of_marker`: fixed size and size shift << 8 by bits 16 to 31 of an event's first dword; 0 = no event.
    `scratch` has room for the sum of (stop_at - position) / 8, rounded down, of any `WALK_LANES` buffers. Returns
    the buffer to go on with, where `out` and its kin have no room for more, and how many events were found.
    """
    n = 0
    room = np.empty(position.size, np.int64)
    for first in range(first_lane, position.size, WALK_LANES):
        last = min(first + WALK_LANES, position.size)
        base = 0  # the lanes write side by side, and are then moved together
        for k in range(first, last):
            room[k] = base
            base += (stop_at[k] - position[k]) >> 3
            n_found[k] = 0
        n_open = last - first
        is_open = (1 << n_open) - 1
        n_group = 0
        while is_open != 0:
            for k in range(first, last):
                if (is_open >> (k - first)) & 1 == 0:
                    continue
                at = position[k]
                left = stop_at[k] - at
                if left < 8:
                    is_open ^= 1 << (k - first)
                    continue
                word = words[at >> 3]
                step = step_of_marker[(word >> 16) & 0xFFFF]
                fixed = step & 0xFF
                size = (word >> (step >> 8)) & 0xFFFF
                if fixed == 0 or size < fixed or size > left:
                    is_open ^= 1 << (k - first)
                    continue
                scratch[room[k] + n_found[k]] = at
                n_found[k] += 1
                n_group += 1
                position[k] = at + ((size + 7) & ~7)
        if n + n_group > out.size:
            for k in range(first, last):
                if n_found[k] > 0:
                    position[k] = scratch[room[k]]
            return first, n
        for k in range(first, last):
            for i in range(n_found[k]):
                at = scratch[room[k] + i]
                one = kind_of_marker[(words[at >> 3] >> 16) & 0xFFFF]
                out[n] = at
                kind[n] = one
                ticks[n] = words[(at + time_offset[one]) >> 3]
                n += 1
    return position.size, n


@njit
def find_chains(words: I64, start: I64, end: I64, step_of_marker: I64, leads_to_end: U8, first: I64) -> None:
    """For each range, into `first`: the first position from which whole events lead exactly to its end, else its end.

    `leads_to_end` is scratch, a byte for every 8 of the longest range and one more. Backwards, so that each
    position is looked at once: it leads to the end if the position behind its event does.
    """
    for k in range(start.size):
        n = (end[k] - start[k]) >> 3
        first[k] = end[k]
        for slot in range(n - 1, -1, -1):
            word = words[(start[k] >> 3) + slot]
            step = step_of_marker[(word >> 16) & 0xFFFF]
            fixed = step & 0xFF
            size = (word >> (step >> 8)) & 0xFFFF
            behind = slot + ((size + 7) >> 3)
            leads = fixed > 0 and size >= fixed and (behind == n or (behind < n and leads_to_end[behind] != 0))
            leads_to_end[slot] = 1 if leads else 0
            if leads:
                first[k] = start[k] + slot * 8


# Enhanced Packet Block and its options (pcapng draft, sections 4.3 and 3.5): an option's first word is its
# code and, in the upper half, the bytes of its value.
_PACKET_BLOCK: Final = 6
_FLAGS_OPTION: Final = 2 | 4 << 16
_PACKET_ID_OPTION: Final = 5 | 8 << 16
_THREAD_OPTION: Final = 8 | 8 << 16


@njit
def fill_packet_blocks(
    words: U32,
    first: int,
    data: U8,
    start: I64,
    captured_bytes: I64,
    original_bytes: I64,
    ticks: I64,
    interface: I64,
    flags: U32,
    packet_id: I64,
    has_packet_id: BOOL,
    pid: U32,
    tid: U32,
    has_thread: BOOL,
    note: I64,
    note_words: U32,
    note_start: I64,
) -> tuple[int, int]:
    """Write pcapng blocks of the rows from `first` on, while they fit into `words`.

    Returns the row behind the last one written and the number of words used. `ticks` are not negative; flags
    0 = none; note -1 = none, k = the finished options `note_words[note_start[k] : note_start[k + 1]]`. The
    caller has checked that all columns have the same length and that frames and notes exist.
    """
    out = words.view(np.uint8)
    n = start.size
    k = first
    w = 0
    while k < n:
        n_data = int(np.int64(captured_bytes[k]))
        n_data_words = (n_data + 3) >> 2
        note_at = 0
        n_note = 0
        if note[k] >= 0:
            note_at = int(np.int64(note_start[note[k]]))
            n_note = int(np.int64(note_start[note[k] + 1])) - note_at
        n_options = n_note
        if flags[k] != 0:
            n_options += 2
        if has_packet_id[k]:
            n_options += 3
        if has_thread[k]:
            n_options += 3
        if n_options > 0:
            n_options += 1  # the end of options
        n_block = 8 + n_data_words + n_options
        if n_block > words.size - w:
            break
        tick = int(np.int64(ticks[k]))
        words[w] = _PACKET_BLOCK
        words[w + 1] = n_block * 4
        words[w + 2] = interface[k]
        words[w + 3] = tick >> 32
        words[w + 4] = tick & 0xFFFFFFFF
        words[w + 5] = n_data
        words[w + 6] = original_bytes[k]
        w += 7
        if n_data_words > 0:
            words[w + n_data_words - 1] = 0  # the padding
        data_at = int(np.int64(start[k]))
        out[w * 4 : w * 4 + n_data] = data[data_at : data_at + n_data]
        w += n_data_words
        if flags[k] != 0:
            words[w] = _FLAGS_OPTION
            words[w + 1] = flags[k]
            w += 2
        if has_packet_id[k]:
            number = int(np.int64(packet_id[k]))
            words[w] = _PACKET_ID_OPTION
            words[w + 1] = number & 0xFFFFFFFF
            words[w + 2] = (number >> 32) & 0xFFFFFFFF
            w += 3
        if has_thread[k]:
            words[w] = _THREAD_OPTION
            words[w + 1] = pid[k]
            words[w + 2] = tid[k]
            w += 3
        words[w : w + n_note] = note_words[note_at : note_at + n_note]
        w += n_note
        if n_options > 0:
            words[w] = 0
            w += 1
        words[w] = n_block * 4
        w += 1
        k += 1
    return k, w


@njit
def join_runs(data: U8, start: I64, n_bytes: I64, begin: I64, end: I64, out: U8, at: I64) -> None:
    """Copy the pieces `begin[k]` to `end[k] - 1` (places in `data`) one behind the other to `out` from `at[k]`."""
    for k in range(begin.size):
        to = at[k]
        for piece in range(begin[k], end[k]):
            n = n_bytes[piece]
            if to + n > out.size or start[piece] < 0 or start[piece] + n > data.size:
                return
            out[to : to + n] = data[start[piece] : start[piece] + n]
            to += n


@njit
def skip_strings(data: U8, start: I64, end: I64, n_strings: int) -> I64:
    """Where `n_strings` NUL-terminated UTF-16 strings that begin at `start` have ended; -1 if they do not by `end`."""
    out = np.empty(start.size, np.int64)
    for k in range(start.size):
        at = start[k]
        left = n_strings
        limit = min(end[k], data.size)
        if at < 0:
            limit = at - 1
        while left > 0 and at + 2 <= limit:
            if data[at] == 0 and data[at + 1] == 0:
                left -= 1
            at += 2
        out[k] = at if left == 0 and at <= limit else -1
    return out


@njit
def _hash_range(data: U8, first: int, n_bytes: int, seed: int) -> int:
    """FNV-1a by 4 bytes, in 37 bits, so that no product leaves an int64; its high bits are mixed in at each step."""
    key = np.int64(seed) & 0x1FFFFFFFFF
    row = data[first : first + n_bytes]  # indexes that cannot be negative compile to one load of 4 bytes
    n_words = n_bytes >> 2
    for i in range(n_words):
        low = np.int64(row[4 * i]) | np.int64(row[4 * i + 1]) << 8
        word = low | np.int64(row[4 * i + 2]) << 16 | np.int64(row[4 * i + 3]) << 24
        key = ((key ^ word) * 0x01000193) & 0x1FFFFFFFFF
        key ^= key >> 19
    for i in range(4 * n_words, n_bytes):
        key = ((key ^ np.int64(row[i])) * 0x01000193) & 0x1FFFFFFFFF
    return int(key ^ (key >> 17))


@njit
def rebuild_slots(pool: U8, pool_end: I64, n_known: int, seed: int, slots: I64) -> None:
    """Fill a larger, empty hash table with the ranges already numbered (see `number_ranges`)."""
    mask = slots.size - 1
    for code in range(n_known):
        slot = _hash_range(pool, pool_end[code], pool_end[code + 1] - pool_end[code], seed) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = code


@njit
def number_ranges(
    data: U8,
    start: I64,
    n_bytes: I64,
    seed: int,
    slots: I64,
    pool: U8,
    pool_end: I64,
    n_known: int,
    codes: I64,
) -> tuple[int, int]:
    """Give equal byte ranges equal numbers, in order of first appearance.

    Known ranges lie end to end in `pool`: number c is `pool[pool_end[c] : pool_end[c + 1]]`. `slots` (a power of
    two, -1 = free) is a hash table of numbers, seeded so that no file can aim at it. Returns how many rows were
    done and how many numbers exist; fewer rows than given means that the caller has to make room.
    """
    mask = slots.size - 1
    for k in range(start.size):
        first = start[k]
        n = n_bytes[k]
        slot = _hash_range(data, first, n, seed) & mask
        code = slots[slot]
        while code >= 0:
            known = pool_end[code]
            if pool_end[code + 1] - known == n:
                differs = 0
                one, other = pool[known : known + n], data[first : first + n]
                for i in range(n):  # all of them: without a way out it compiles to a few wide steps
                    differs |= one[i] ^ other[i]
                if differs == 0:
                    break
            slot = (slot + 1) & mask
            code = slots[slot]
        if code < 0:
            if 2 * (n_known + 1) > slots.size or n_known + 1 >= pool_end.size or pool_end[n_known] + n > pool.size:
                return k, n_known
            known = pool_end[n_known]
            for i in range(n):
                pool[known + i] = data[first + i]
            pool_end[n_known + 1] = known + n
            slots[slot] = n_known
            code = n_known
            n_known += 1
        codes[k] = code
    return start.size, n_known


@njit
def find_sized_pair(data: U8, begin: I64, end: I64, more_than: int) -> I64:
    """For each range, the first place where `u32 n, n bytes, u32 m, m bytes` ends at its end, n > `more_than`."""
    # -1 where there is none
    out = np.full(begin.size, -1, np.int64)
    for k in range(begin.size):
        stop = min(end[k], data.size)
        at = max(begin[k], 0)
        while at + 8 + more_than < stop and out[k] < 0:
            n = (
                np.int64(data[at])
                | np.int64(data[at + 1]) << 8
                | np.int64(data[at + 2]) << 16
                | np.int64(data[at + 3]) << 24
            )
            behind = at + 4 + n
            if n > more_than and behind + 4 <= stop:
                m = (
                    np.int64(data[behind])
                    | np.int64(data[behind + 1]) << 8
                    | np.int64(data[behind + 2]) << 16
                    | np.int64(data[behind + 3]) << 24
                )
                if behind + 4 + m == stop:
                    out[k] = at
            at += 1
    return out


@njit
def copy_pieces(data: U8, start: I64, n_bytes: I64, out: U8, at: I64) -> None:
    """Copy each piece `data[start : start + n_bytes]` to `out[at : at + n_bytes]`; the caller has checked both."""
    for k in range(start.size):
        out[at[k] : at[k] + n_bytes[k]] = data[start[k] : start[k] + n_bytes[k]]


# How a field is laid out, for `walk_fields`: columns of a program, a row a field, members behind their structure.
FIELD_OP: Final = 0
FIELD_UNIT: Final = 1  # bytes of a fixed value, or of a character
FIELD_LENGTH_FROM: Final = 2
FIELD_LENGTH: Final = 3  # a number of units, or the row of the field that says it
FIELD_COUNT_FROM: Final = 4
FIELD_COUNT: Final = 5
FIELD_SKIP: Final = 6  # the row behind the field and its members
FIELD_LEAST: Final = 7  # bytes that one element takes at least; 0 or more
FIELD_INTEGER: Final = 8  # bytes of an integer, negative if it has a sign, 0 if it is none, 9 a pointer
FIELD_AT: Final = 9  # fixed place in the payload, -1 = none
FIELD_IS_LAST: Final = 10
FIELD_COST: Final = 11  # fields that one element has, at least 1
FIELD_COLUMNS: Final = 12

OP_FIXED, OP_POINTER, OP_WIDE, OP_NARROW, OP_COUNTED, OP_COUNTED_BIG, OP_COUNTED32 = 0, 1, 2, 3, 4, 5, 6
OP_REST, OP_SID, OP_TOKEN_SID, OP_SIZED, OP_STRUCT, OP_UNKNOWN = 7, 8, 9, 10, 11, 12
FROM_NOWHERE, FROM_NUMBER, FROM_FIELD, FROM_PAYLOAD = 0, 1, 2, 3
FIT_WHOLE, FIT_CUT, FIT_UNKNOWN = 0, 1, 2
_DEPTH_MAX: Final = 16
FIELD_DEPTH_MAX: Final = _DEPTH_MAX
_NUMBER_MAX: Final = 0xFFFFFFFF
_SUB_AUTHORITIES_MAX: Final = 15


@njit
def _integer_at(data: U8, at: int, size: int) -> int:
    """Little-endian integer of |size| <= 8 bytes, size < 0 with a sign; what leaves 32 bits becomes -1.

    The caller has checked that it lies in `data`.
    """
    n = size if size > 0 else -size
    for i in range(4, n):
        if data[at + i] != 0:
            return -1  # negative, or more than any count can be
    value = 0
    for i in range(min(n, 4)):
        value |= _u8_at(data, at + i) << (8 * i)
    if size < 0 and value >> (8 * n - 1) != 0:
        return -1
    return value


@njit
def _measure(data: U8, at: int, limit: int, pointer: int, op: int, unit: int, n_units: int, is_last: int) -> int:
    """Bytes of the value at `at` with what stands before it and its NUL; -1 = it does not fit, -2 = unknown."""
    left = limit - at
    size = -1
    if op == OP_FIXED:
        size = unit
    elif op == OP_POINTER:
        size = pointer
    elif op in (OP_WIDE, OP_NARROW):
        place = at
        while place + unit <= limit and size < 0:
            if data[place] == 0 and (unit == 1 or data[place + 1] == 0):
                size = place + unit - at
            place += unit
        if size < 0 and is_last != 0 and left >= unit:
            size = place - at
    elif op == OP_COUNTED:
        if left >= 2:
            size = 2 + u16_at(data, at)
    elif op == OP_COUNTED_BIG:
        if left >= 2:
            size = 2 + (_u8_at(data, at) << 8 | _u8_at(data, at + 1))
    elif op == OP_COUNTED32:
        if left >= 4:
            size = 4 + _integer_at(data, at, 4)
    elif op == OP_REST:
        size = left - left % unit
    elif op == OP_SID:
        if left >= 8 and data[at + 1] <= _SUB_AUTHORITIES_MAX:
            size = 8 + 4 * _u8_at(data, at + 1)
    elif op == OP_TOKEN_SID:
        if left >= 4:
            if _integer_at(data, at, 4) == 0:
                size = 4
            elif left >= 2 * pointer + 8 and data[at + 2 * pointer + 1] <= _SUB_AUTHORITIES_MAX:
                size = 2 * pointer + 8 + 4 * _u8_at(data, at + 2 * pointer + 1)
    elif op == OP_SIZED:
        if n_units >= 0:
            size = unit * n_units
    elif op == OP_UNKNOWN:
        return -2
    return size if size <= left else -1


@njit
def walk_fields(
    data: U8,
    start: I64,
    end: I64,
    pointer_bytes: I64,
    program: I64,
    first: int,
    position: I64,
    fit: U8,
    n_values: I64,
    n_arrays: I64,
    value_base: I64,
    array_base: I64,
    value_at: I64,
    value_bytes: I64,
    array_count: I64,
    writes: bool,
) -> None:
    """Find the values of the fields `first` and following of each event, which lies in `data[start : end]`.

    `position` (where `first` starts) and `fit` (0 = all fields so far are there) are moved on. The k-th value of
    a field goes to `value_base[field] + k` of `value_at` and `value_bytes`, place -1 where it is missing; the
    number of elements of a k-th array to `array_count`, -1 where it is missing. `n_values` and `n_arrays` count
    them; if not `writes`, nothing else is done to the outputs, so that the caller can make room. The caller has
    checked that start <= position <= end <= data.size.
    """
    n_fields = program.shape[0]
    last_at = np.zeros(n_fields, np.int64)
    open_field = np.zeros(_DEPTH_MAX, np.int64)
    open_left = np.zeros(_DEPTH_MAX, np.int64)
    open_done = np.zeros(_DEPTH_MAX, np.int64)
    open_slot = np.zeros(_DEPTH_MAX, np.int64)
    for event in range(start.size):
        at = int(np.int64(position[event]))
        limit = int(np.int64(end[event]))
        state = int(np.int64(fit[event]))
        pointer = int(np.int64(pointer_bytes[event]))
        # Elements without bytes could otherwise fill the memory.
        budget = 4 * (limit - int(np.int64(start[event]))) + 16
        depth = 0
        field = first
        while depth > 0 or field < n_fields:
            if depth > 0 and field == program[open_field[depth - 1], FIELD_SKIP]:
                # An element of the innermost open structure is done.
                top = depth - 1
                parent = open_field[top]
                open_left[top] -= 1
                if state == FIT_WHOLE and open_left[top] > 0:
                    if (at >= limit and program[parent, FIELD_LEAST] > 0) or budget < program[parent, FIELD_COST]:
                        state = FIT_CUT
                    else:
                        budget -= program[parent, FIELD_COST]
                        open_done[top] += 1
                        field = parent + 1
                        continue
                if writes:
                    array_count[array_base[parent] + open_slot[top]] = open_done[top]
                depth -= 1
                continue
            op = program[field, FIELD_OP]
            n_units = -1
            n_elements = 1
            slot = 0
            is_array = program[field, FIELD_COUNT_FROM] != FROM_NOWHERE
            if state == FIT_WHOLE:
                source = program[field, FIELD_COUNT_FROM]
                if source == FROM_NUMBER:
                    n_elements = program[field, FIELD_COUNT]
                elif source == FROM_FIELD:
                    said = program[field, FIELD_COUNT]
                    place = last_at[said]
                    if program[said, FIELD_AT] >= 0:
                        place = start[event] + program[said, FIELD_AT]
                    size = program[said, FIELD_INTEGER]
                    n_elements = _integer_at(data, place, pointer if size == 9 else size)
                elif source == FROM_PAYLOAD:
                    n_elements = -1
                    if at + 2 <= limit:
                        n_elements = u16_at(data, at)
                        at += 2
                source = program[field, FIELD_LENGTH_FROM]
                if source == FROM_NUMBER:
                    n_units = program[field, FIELD_LENGTH]
                elif source == FROM_FIELD:
                    said = program[field, FIELD_LENGTH]
                    place = last_at[said]
                    if program[said, FIELD_AT] >= 0:
                        place = start[event] + program[said, FIELD_AT]
                    size = program[said, FIELD_INTEGER]
                    n_units = _integer_at(data, place, pointer if size == 9 else size)
                if n_elements < 0:
                    state = FIT_CUT
            if is_array:
                slot = n_arrays[field]
                n_arrays[field] += 1
                if state != FIT_WHOLE:
                    if writes:
                        array_count[array_base[field] + slot] = -1
                    field = program[field, FIELD_SKIP]
                    continue
                if op == OP_STRUCT and n_elements > 0:
                    if (at >= limit and program[field, FIELD_LEAST] > 0) or budget < program[field, FIELD_COST]:
                        state = FIT_CUT
                        if writes:
                            array_count[array_base[field] + slot] = -1
                        field = program[field, FIELD_SKIP]
                        continue
                    budget -= program[field, FIELD_COST]
                    open_field[depth] = field
                    open_left[depth] = n_elements
                    open_done[depth] = 1
                    open_slot[depth] = slot
                    depth += 1
                    field += 1
                    continue
                if op == OP_STRUCT:
                    if writes:
                        array_count[array_base[field] + slot] = 0
                    field = program[field, FIELD_SKIP]
                    continue
            elif op == OP_STRUCT:
                field += 1
                continue
            unit = program[field, FIELD_UNIT]
            done = 0
            while done < n_elements:
                size = -1
                if state == FIT_WHOLE:
                    size = _measure(data, at, limit, pointer, op, unit, n_units, program[field, FIELD_IS_LAST])
                    if size == -2:
                        state = FIT_UNKNOWN
                    elif size < 0 or (is_array and budget <= 0):
                        state = FIT_CUT
                        size = -1
                if size < 0 and is_array:
                    break
                if writes:
                    place = value_base[field] + n_values[field]
                    before = 2 * pointer if op == OP_TOKEN_SID and size > 4 else 0
                    value_at[place] = at + before if size >= 0 else -1
                    value_bytes[place] = size - before if size >= 0 else 0
                n_values[field] += 1
                if size >= 0:
                    last_at[field] = at
                    at += size
                    if is_array:
                        budget -= 1
                done += 1
            if is_array and writes:
                array_count[array_base[field] + slot] = -1 if done == 0 and n_elements > 0 else done
            field += 1
        position[event] = at
        fit[event] = state


@njit
def _put_character(out: U8, at: int, code: int) -> int:
    """UTF-8 of a character to `out[at:]`, which has room for it; returns where it ends."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | (code >> 6 & 0x3F)
        out[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | (code >> 12 & 0x3F)
    out[at + 2] = 0x80 | (code >> 6 & 0x3F)
    out[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


_NOT_A_CHARACTER: Final = 0xFFFD


@njit
def encode_wide(data: U8, start: I64, n_bytes: I64, stops_at_nul: bool, out: U8, ends: I64) -> None:
    """UTF-8 of the UTF-16 ranges, one behind the other, to `out`; half a pair of surrogates becomes U+FFFD.

    `out` has room for 3 bytes a unit; the caller has checked that the ranges lie in `data`.
    """
    to = 0
    for k in range(start.size):
        at = int(np.int64(start[k]))
        stop = at + int(np.int64(n_bytes[k])) // 2 * 2
        while at < stop:
            code = u16_at(data, at)
            at += 2
            if code == 0 and stops_at_nul:
                break
            if 0xD800 <= code < 0xE000:
                low = u16_at(data, at) if code < 0xDC00 and at < stop else 0
                if 0xDC00 <= low < 0xE000:
                    code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00))
                    at += 2
                else:
                    code = _NOT_A_CHARACTER
            to = _put_character(out, to, code)
        ends[k] = to


@njit
def _is_utf8(data: U8, at: int, stop: int) -> bool:
    """Whether `data[at:stop]` is UTF-8: no surrogates, nothing longer than need be."""
    while at < stop:
        first = _u8_at(data, at)
        at += 1
        if first < 0x80:
            continue
        n_more = 1 if 0xC2 <= first < 0xE0 else 2 if 0xE0 <= first < 0xF0 else 3 if 0xF0 <= first < 0xF5 else 0
        if n_more == 0 or at + n_more > stop:
            return False
        second = _u8_at(data, at)
        lowest = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
        highest = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
        if second < lowest or second > highest:
            return False
        for i in range(1, n_more):
            if data[at + i] & 0xC0 != 0x80:
                return False
        at += n_more
    return True


@njit
def encode_narrow(
    data: U8, start: I64, n_bytes: I64, stops_at_nul: bool, character_of: I64, out: U8, ends: I64
) -> None:
    """UTF-8 of the ranges, one behind the other, to `out`: what is no UTF-8 is read by the code page `character_of`.

    `out` has room for 3 bytes a byte; the caller has checked that the ranges lie in `data`.
    """
    to = 0
    for k in range(start.size):
        at = int(np.int64(start[k]))
        stop = at + int(np.int64(n_bytes[k]))
        if stops_at_nul:
            place = at
            while place < stop and data[place] != 0:
                place += 1
            stop = place
        if _is_utf8(data, at, stop):
            for place in range(at, stop):
                out[to] = data[place]
                to += 1
        else:
            for place in range(at, stop):
                to = _put_character(out, to, int(np.int64(character_of[data[place]])))
        ends[k] = to


# Headers of frames. A table of columns has one of these as its first index; `packets.headers` names the columns in
# the same order. Each layer is a loop of its own: called for a row at a time, compiled functions count references
# to every array they are given, which costs more than the reading.
(
    ETH_DST, ETH_SRC, ARP_SENDER_MAC, ARP_TARGET_MAC, ARP_SENDER_IP, ARP_TARGET_IP, IP_ID, TCP_SEQ, TCP_ACK, GRE_KEY,
    N_LONG_COLUMNS,
) = range(11)  # fmt: skip
(
    ETH_TYPE, NETWORK_TYPE, ARP_OP, IP_OFFSET, IP_LENGTH, IP_FRAGMENT_OFFSET, SRC_PORT, DST_PORT, TRANSPORT_OFFSET,
    TCP_WINDOW, TCP_PAYLOAD_BYTES, UDP_LENGTH, ICMP_ID, ICMP_SEQ, GRE_PROTOCOL, VXLAN_FLAGS, VNI, VSID, PAYLOAD_OFFSET,
    PAYLOAD_BYTES, INNER_OFFSET, INNER_END, INNER_WIRE_END, N_WORD_COLUMNS,
) = range(24)  # fmt: skip
(
    VLAN_ID, VLAN_PRIORITY, VLAN2_ID, VLAN2_PRIORITY, IP_VERSION, IP_HEADER_BYTES, IP_TRAFFIC_CLASS, IP_FLAGS, IP_TTL,
    IP_PROTOCOL, PROTOCOL, TCP_FLAGS, TCP_HEADER_BYTES, ICMP_TYPE, ICMP_CODE, FLOW_ID, INNER_LINK, N_HALF_COLUMNS,
) = range(18)  # fmt: skip
PLACE_AT, PLACE_STOP, PLACE_WIRE, N_PLACES = range(4)
"""Of each row, in `data`: where the next header starts, where what was captured of the packet ends, and where the
packet itself did (-1 = not known). Layers read and move them."""

# EtherTypes (IEEE) and IP protocols (IANA).
_IPV4, _IPV6, _BRIDGED_ETHERNET = 0x0800, 0x86DD, 0x6558
_VLAN_TAG, _SERVICE_TAG, _OLD_SERVICE_TAG = 0x8100, 0x88A8, 0x9100
_LOWEST_ETHERTYPE: Final = 0x600  # below it stands a length, and LLC follows (IEEE 802.3)
_HOP_OPTIONS, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION_OPTIONS, _MOBILITY = 0, 43, 44, 51, 60, 135
_EXTENSIONS = (_HOP_OPTIONS, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION_OPTIONS, _MOBILITY)
_TCP, _UDP, _SCTP = 6, 17, 132
_LINK_ETHERNET, _LINK_RAW = 1, 101
_CHAIN_MAX: Final = 16  # extension headers looked at
_PDU_TAGS_MAX: Final = 64
_VXLAN_PORT: Final = 4789
_NOT_THERE: Final = -1


@njit
def byte_at(data: U8, at: int) -> int:
    """As `_u8_at`, for a position that is not negative: without looking for that, several compile to one load."""
    return int(np.int64(data[np.uint64(at)]))


@njit
def be8(data: U8, at: int, stop: int) -> int:
    """A byte before `stop`, else -1."""
    return byte_at(data, at) if at < stop else _NOT_THERE


@njit
def be16(data: U8, at: int, stop: int) -> int:
    """Big-endian u16 that ends before or at `stop`, else -1."""
    return byte_at(data, at) << 8 | byte_at(data, at + 1) if at + 2 <= stop else _NOT_THERE


@njit
def be32(data: U8, at: int, stop: int) -> int:
    """Big-endian u32, or -1."""
    return (
        byte_at(data, at) << 24 | byte_at(data, at + 1) << 16 | byte_at(data, at + 2) << 8 | byte_at(data, at + 3)
        if at + 4 <= stop
        else _NOT_THERE
    )


@njit
def be48(data: U8, at: int, stop: int) -> int:
    """Six bytes as a number, or -1."""
    return be16(data, at, stop) << 32 | be32(data, at + 2, stop) if at + 6 <= stop else _NOT_THERE


@njit
def _signed64(data: U8, at: int) -> int:
    """The 64 bits of a big-endian u64 as a signed number; the caller has checked that they are there."""
    high = be32(data, at, at + 4)
    return (high - (high >> 31 << 32)) << 32 | be32(data, at + 4, at + 8)


@njit
def read_ethernet(data: U8, rows: I64, place: I64, long: I64, word: I32, half: I16) -> None:
    """Addresses, type and up to two tags (IEEE 802.3, 802.1Q)."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        long[ETH_DST, k] = be48(data, at, stop)
        long[ETH_SRC, k] = be48(data, at + 6, stop)
        network = be16(data, at + 12, stop)
        at += 14
        if network >= _LOWEST_ETHERTYPE:
            word[ETH_TYPE, k] = network
        for tag in range(0, 4, 2):
            if network not in (_VLAN_TAG, _SERVICE_TAG, _OLD_SERVICE_TAG):
                break
            control = be16(data, at, stop)
            if control >= 0:
                half[VLAN_ID + tag, k] = control & 0xFFF
                half[VLAN_PRIORITY + tag, k] = control >> 13
            network = be16(data, at + 2, stop)
            at += 4
        word[NETWORK_TYPE, k] = network
        place[PLACE_AT, k] = at


@njit
def read_llc(data: U8, rows: I64, place: I64, word: I32) -> None:
    """Network protocol behind an LLC header (IEEE 802.2): an EtherType behind SNAP, else the DSAP."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        if be32(data, at, stop) == 0xAAAA0300 and be16(data, at + 4, stop) == 0:
            word[NETWORK_TYPE, k] = be16(data, at + 6, stop)
            place[PLACE_AT, k] = at + 8
        else:
            word[NETWORK_TYPE, k] = be8(data, at, stop)
            place[PLACE_AT, k] = at + 3


@njit
def read_wifi(data: U8, rows: I64, place: I64, long: I64, word: I32) -> None:
    """Addresses of an 802.11 data or management frame, and LLC of a data frame (IEEE 802.11, 9.2.4).

    Windows logs frames decrypted, with or without the Protected bit: what counts is whether SNAP follows. The parts
    of an aggregate (A-MSDU) and later fragments are not looked into.
    """
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        control = be16(data, at, stop)
        kind, subtype, flags = control >> 10 & 3, control >> 12, control & 0xFF
        if control < 0 or kind not in (0, 2):
            continue
        is_to, is_from = (flags & 1, flags >> 1 & 1) if kind == 2 else (0, 0)
        long[ETH_DST, k] = be48(data, at + 4 + 12 * is_to, stop)
        long[ETH_SRC, k] = be48(data, at + 10 + is_from * (6 + 8 * is_to), stop)
        if kind == 0 or subtype & 4 or be8(data, at + 22, stop) & 15:
            continue
        at += 24 + 6 * (is_to & is_from)
        if subtype & 8:
            if be8(data, at, stop) & 0x80:
                continue
            at += 6 if flags & 0x80 else 2
        if be32(data, at, stop) == 0xAAAA0300 and be16(data, at + 4, stop) == 0:
            word[NETWORK_TYPE, k] = be16(data, at + 6, stop)
            place[PLACE_AT, k] = at + 8


@njit
def read_arp(data: U8, rows: I64, place: I64, long: I64, word: I32) -> None:
    """ARP for IPv4 over Ethernet (RFC 826); of others, the operation."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        word[ARP_OP, k] = be16(data, at + 6, stop)
        if be32(data, at, stop) == 0x00010800 and be16(data, at + 4, stop) == 0x0604:
            long[ARP_SENDER_MAC, k] = be48(data, at + 8, stop)
            long[ARP_SENDER_IP, k] = be32(data, at + 14, stop)
            long[ARP_TARGET_MAC, k] = be48(data, at + 18, stop)
            long[ARP_TARGET_IP, k] = be32(data, at + 24, stop)


@njit
def read_ipv4(
    data: U8, rows: I64, start: I64, place: I64, long: I64, word: I32, half: I16, address: I64, has: BOOL, next_is: I16
) -> None:
    """RFC 791. `next_is` gets the protocol of the header at the new place; it stays where there is none to read."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        first = be8(data, at, stop)
        if first >> 4 != 4:
            continue
        header = (first & 15) * 4
        half[IP_VERSION, k] = 4
        half[IP_HEADER_BYTES, k] = header
        word[IP_OFFSET, k] = at - start[k]
        if header < 20:
            continue
        length = be16(data, at + 2, stop)
        half[IP_TRAFFIC_CLASS, k] = be8(data, at + 1, stop)
        word[IP_LENGTH, k] = length
        if 0 < length < header:
            continue
        fragment = be16(data, at + 6, stop)
        protocol = be8(data, at + 9, stop)
        long[IP_ID, k] = be16(data, at + 4, stop)
        half[IP_TTL, k] = be8(data, at + 8, stop)
        half[IP_PROTOCOL, k] = protocol
        if at + 16 <= stop:
            address[1, k] = be32(data, at + 12, stop)
            has[0, k] = True
        if at + 20 <= stop:
            address[3, k] = be32(data, at + 16, stop)
            has[1, k] = True
        if length > 0:
            end = at + length
            wire = int(np.int64(place[PLACE_WIRE, k]))
            place[PLACE_WIRE, k] = min(wire, end) if wire >= 0 else end
            stop = min(stop, end)
            place[PLACE_STOP, k] = stop
        at += header
        if fragment >= 0:
            half[IP_FLAGS, k] = fragment >> 13
            word[IP_FRAGMENT_OFFSET, k] = fragment & 0x1FFF
            if fragment & 0x1FFF == 0 and protocol >= 0:
                if protocol == _AUTHENTICATION:
                    protocol = be8(data, at, stop)
                    at += (be8(data, at + 1, stop) + 2) * 4
                next_is[k] = protocol
        half[PROTOCOL, k] = protocol
        place[PLACE_AT, k] = at


@njit
def read_ipv6(
    data: U8, rows: I64, start: I64, place: I64, long: I64, word: I32, half: I16, address: I64, has: BOOL, next_is: I16
) -> None:
    """RFC 8200 with its extension headers and the authentication header; see `read_ipv4`."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        if be8(data, at, stop) >> 4 != 6:
            continue
        half[IP_VERSION, k] = 6
        half[IP_HEADER_BYTES, k] = 40
        word[IP_OFFSET, k] = at - start[k]
        if at + 2 <= stop:
            half[IP_TRAFFIC_CLASS, k] = be16(data, at, stop) >> 4 & 0xFF
        length = be16(data, at + 4, stop)
        word[IP_LENGTH, k] = length
        protocol = be8(data, at + 6, stop)
        half[IP_PROTOCOL, k] = protocol
        half[IP_TTL, k] = be8(data, at + 7, stop)
        for side in range(2):
            if at + 24 + 16 * side <= stop:
                address[2 * side, k] = _signed64(data, at + 8 + 16 * side)
                address[2 * side + 1, k] = _signed64(data, at + 16 + 16 * side)
                has[side, k] = True
        at += 40
        if length > 0:
            end = at + length
            wire = int(np.int64(place[PLACE_WIRE, k]))
            place[PLACE_WIRE, k] = min(wire, end) if wire >= 0 else end
            stop = min(stop, end)
            place[PLACE_STOP, k] = stop
        fragment = 0
        for _ in range(_CHAIN_MAX):
            if protocol == _FRAGMENT and at + 4 <= stop:
                fragment = be16(data, at + 2, stop)
                long[IP_ID, k] = be32(data, at + 4, stop)
                half[IP_FLAGS, k] = fragment & 1  # in IPv4's place: more fragments
                word[IP_FRAGMENT_OFFSET, k] = fragment >> 3
                protocol = byte_at(data, at)
                at += 8
                if fragment & 0xFFF8:
                    break
            elif protocol == _AUTHENTICATION and at + 2 <= stop:
                protocol = byte_at(data, at)
                at += (byte_at(data, at + 1) + 2) * 4
            elif at + 2 <= stop and (protocol in (_HOP_OPTIONS, _ROUTING, _DESTINATION_OPTIONS, _MOBILITY)):
                protocol = byte_at(data, at)
                at += (byte_at(data, at + 1) + 1) * 8
            else:
                break
        if protocol in _EXTENSIONS:  # cut, or too many: what follows is not known
            protocol = _NOT_THERE
        half[PROTOCOL, k] = protocol
        place[PLACE_AT, k] = at
        if fragment & 0xFFF8 == 0:
            next_is[k] = protocol


@njit
def read_transport(data: U8, rows: I64, start: I64, place: I64, long: I64, word: I32, half: I16, next_is: I16) -> None:
    """TCP (RFC 9293), UDP (RFC 768) and the ports of SCTP; the header of VXLAN (RFC 7348) in UDP."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        wire = max(stop, int(np.int64(place[PLACE_WIRE, k])))
        if at > stop:
            continue
        first = int(np.int64(start[k]))
        protocol = int(np.int64(next_is[k]))
        payload = _NOT_THERE
        port = be16(data, at + 2, stop)
        word[TRANSPORT_OFFSET, k] = at - first
        word[SRC_PORT, k] = be16(data, at, stop)
        word[DST_PORT, k] = port
        if protocol == _TCP:
            long[TCP_SEQ, k] = be32(data, at + 4, stop)
            long[TCP_ACK, k] = be32(data, at + 8, stop)
            word[TCP_WINDOW, k] = be16(data, at + 14, stop)
            flags = be16(data, at + 12, stop)
            if flags >= 0:
                header = (flags >> 12) * 4
                half[TCP_FLAGS, k] = flags & 0xFFF
                half[TCP_HEADER_BYTES, k] = header
                if header >= 20 and at + header <= wire:
                    payload = at + header
                    fragment = half[IP_FLAGS, k]
                    if fragment < 0 or fragment & 1 == 0:
                        word[TCP_PAYLOAD_BYTES, k] = wire - payload
        elif protocol == _UDP:
            length = be16(data, at + 4, stop)
            word[UDP_LENGTH, k] = length
            if length >= 8 or length == 0:  # 0: a jumbogram, or a large send
                payload = at + 8
                if length > 0:
                    stop = min(stop, at + length)
                    wire = max(stop, min(wire, at + length))
                if port == _VXLAN_PORT:
                    word[VXLAN_FLAGS, k] = be16(data, payload, stop)
                    if payload + 7 <= stop:
                        word[VNI, k] = be32(data, payload + 3, stop) & 0xFFFFFF
                    if payload + 8 < stop:
                        half[INNER_LINK, k] = _LINK_ETHERNET
                        word[INNER_OFFSET, k] = payload + 8 - first
                        word[INNER_END, k] = stop - first
                        word[INNER_WIRE_END, k] = wire - first
        if 0 <= payload <= stop:
            word[PAYLOAD_OFFSET, k] = payload - first
            word[PAYLOAD_BYTES, k] = stop - payload


@njit
def read_icmp(data: U8, rows: I64, start: I64, place: I64, word: I32, half: I16, is_query: BOOL) -> None:
    """ICMP (RFC 792) or ICMPv6 (RFC 4443); `is_query` says of which types identifier and number are there."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        kind = be8(data, at, stop)
        half[ICMP_TYPE, k] = kind
        if kind < 0:
            continue
        word[TRANSPORT_OFFSET, k] = at - start[k]
        half[ICMP_CODE, k] = be8(data, at + 1, stop)
        if is_query[np.uint64(kind)]:
            word[ICMP_ID, k] = be16(data, at + 4, stop)
            word[ICMP_SEQ, k] = be16(data, at + 6, stop)


@njit
def read_gre(data: U8, rows: I64, start: I64, place: I64, long: I64, word: I32, half: I16) -> None:
    """RFC 2784 and 2890, and NVGRE (RFC 7637)."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        if at > stop:
            continue
        first = int(np.int64(start[k]))
        flags = be16(data, at, stop)
        carried = be16(data, at + 2, stop)
        word[TRANSPORT_OFFSET, k] = at - first
        word[GRE_PROTOCOL, k] = carried
        if carried < 0 or flags & 7 != 0:
            continue
        at += 8 if flags & 0xC000 else 4
        if flags & 0x2000:
            key = be32(data, at, stop)
            long[GRE_KEY, k] = key
            if key >= 0 and carried == _BRIDGED_ETHERNET and flags & 0xD000 == 0:
                word[VSID, k] = key >> 8
                half[FLOW_ID, k] = key & 0xFF
            at += 4
        at += 4 if flags & 0x1000 else 0
        is_ip = carried in (_IPV4, _IPV6)
        if flags & 0x4000 == 0 and at < stop and (is_ip or carried == _BRIDGED_ETHERNET):
            half[INNER_LINK, k] = _LINK_RAW if is_ip else _LINK_ETHERNET
            word[INNER_OFFSET, k] = at - first
            word[INNER_END, k] = stop - first
            word[INNER_WIRE_END, k] = max(stop, int(np.int64(place[PLACE_WIRE, k]))) - first


@njit
def read_upper_pdu(data: U8, rows: I64, start: I64, place: I64, word: I32, half: I16, address: I64, has: BOOL) -> None:
    """Tags before bare payload, as for pktmon's transport events: addresses and ports."""
    for i in range(rows.size):
        k = np.uint64(rows[i])
        at, stop = int(np.int64(place[PLACE_AT, k])), int(np.int64(place[PLACE_STOP, k]))
        for _ in range(_PDU_TAGS_MAX):
            tag = be16(data, at, stop)
            size = be16(data, at + 2, stop)
            at += 4
            if size < 0 or at + size > stop:
                break
            if tag == 0:
                word[PAYLOAD_OFFSET, k] = at - start[k]
                word[PAYLOAD_BYTES, k] = stop - at
                break
            if 20 <= tag <= 23 and size == (4 if tag < 22 else 16):
                half[IP_VERSION, k] = 4 if tag < 22 else 6
                side = tag & 1
                address[2 * side, k] = 0 if tag < 22 else _signed64(data, at)
                address[2 * side + 1, k] = be32(data, at, stop) if tag < 22 else _signed64(data, at + 8)
                has[side, k] = True
            elif tag == 24 and size == 4:
                kind = be32(data, at, stop)
                half[PROTOCOL, k] = _TCP if kind == 2 else _UDP if kind == 3 else _SCTP if kind == 1 else _NOT_THERE
            elif tag == 25 and size == 4:
                word[SRC_PORT, k] = be16(data, at + 2, stop)
            elif tag == 26 and size == 4:
                word[DST_PORT, k] = be16(data, at + 2, stop)
            at += size


@njit
def hash_pair(one: int, other: int, seed: int) -> int:
    """Of two 64-bit numbers, by 4 bytes, in 63 bits."""
    key = seed & 0xFFFFFFFF
    for i in range(4):
        part = (one if i < 2 else other) >> (32 * (i & 1)) & 0xFFFFFFFF
        key = ((key ^ part) & 0xFFFFFFFF) * 0x1E3779B1  # below 2 ** 61
        key ^= key >> 29
    return key


@njit
def number_pairs(high: I64, low: I64, is_given: BOOL, seed: int, slots: I32, first_row: I32, codes: I32) -> int:
    """Give equal pairs equal numbers, in order of first appearance, -1 where none is given; returns how many.

    `slots` (a power of two, more than there are rows, all -1) is a hash table of numbers, seeded so that no file
    can aim at it. `first_row` gets for each number the row where it was first seen.
    """
    mask = slots.size - 1
    n_known = 0
    last = -1
    for k in range(high.size):
        if not is_given[k]:
            codes[k] = -1
            continue
        one, other = int(np.int64(high[k])), int(np.int64(low[k]))
        if last >= 0 and high[last] == one and low[last] == other:
            codes[k] = codes[last]
            continue
        slot = hash_pair(one, other, seed) & mask
        code = int(np.int64(slots[slot]))
        while code >= 0:
            row = first_row[code]
            if high[row] == one and low[row] == other:
                break
            slot = (slot + 1) & mask
            code = int(np.int64(slots[slot]))
        if code < 0:
            code = n_known
            slots[slot] = code
            first_row[code] = k
            n_known += 1
        codes[k] = code
        last = k
    return n_known


@njit
def fill_headers(
    words: I64, found_position: I64, found_kind: U8, found_ticks: I64, found_buffer: I32, order: I64, row_of: I32,
    cpu_of: U16, body: I64, known_guids: I64, fixed_bytes: I64, size_shift: I64, is_described: BOOL,
    position: I64, kind: U8, ticks: I64, buffer: I32, cpu: U16, offset: U32, payload_start: I64, payload_bytes: I32,
    pid: U32, tid: U32, provider: I32, hook_id: U16, event_id: U16, version: U16, level: U8, opcode: U8, keyword: U64,
    has_items: BOOL, header_bytes: int, no_id: int, no_provider: int, no_hook: int,
) -> tuple[int, int]:  # fmt: skip
    """All header columns of the events `order` of those found; the identity only of EVENT_HEADERs.

    `row_of`, `cpu_of` and `body` are those of the buffers. `known_guids` has two words a row. Returns how many
    EVENT_HEADERs have another provider, which stays `no_provider`, and how many events have other headers.
    """
    n_unknown = 0
    n_other = 0
    last = 0
    n_known = known_guids.shape[0]
    for k in range(order.size):
        i = np.uint64(order[k])
        at = found_position[i]
        one = found_kind[i]
        mine = found_buffer[i]
        w = at >> 3
        word = words[w]
        fixed = fixed_bytes[one]
        position[k] = at
        kind[k] = one
        ticks[k] = found_ticks[i]
        buffer[k] = row_of[mine]
        cpu[k] = cpu_of[mine]
        offset[k] = at - body[mine] + header_bytes
        payload_start[k] = at + fixed
        payload_bytes[k] = ((word >> size_shift[one]) & 0xFFFF) - fixed
        hook_id[k] = no_hook
        if not is_described[one]:
            n_other += 1
            provider[k] = no_provider
            pid[k] = no_id
            tid[k] = no_id
            event_id[k] = 0
            version[k] = 0
            level[k] = 0
            opcode[k] = 0
            keyword[k] = 0
            has_items[k] = False
            continue
        has_items[k] = (word >> 32) & 1 != 0
        ids = words[w + 1]
        tid[k] = ids & 0xFFFFFFFF
        pid[k] = (ids >> 32) & 0xFFFFFFFF
        low = words[w + 3]
        high = words[w + 4]
        code = no_provider
        if n_known > 0 and known_guids[last, 0] == low and known_guids[last, 1] == high:
            code = last
        else:
            for g in range(n_known):
                if known_guids[g, 0] == low and known_guids[g, 1] == high:
                    code = g
                    last = g
                    break
        provider[k] = code
        if code == no_provider:
            n_unknown += 1
        descriptor = words[w + 5]
        event_id[k] = descriptor & 0xFFFF
        version[k] = (descriptor >> 16) & 0xFF
        level[k] = (descriptor >> 32) & 0xFF
        opcode[k] = (descriptor >> 40) & 0xFF
        keyword[k] = np.uint64(words[w + 6] & 0x7FFFFFFFFFFFFFFF) | (
            np.uint64(0x8000000000000000) if words[w + 6] < 0 else np.uint64(0)
        )
    return n_unknown, n_other


@njit
def tally_interfaces(interface: I64, ts_ns: I64, is_drop: BOOL, no_time: int, tally: I64) -> None:
    """Add to the row of each interface: sightings, drops, first and last time (`no_time` = none yet)."""
    for k in range(interface.size):
        row = np.uint64(interface[k])
        tally[row, 0] += 1
        if is_drop[k]:
            tally[row, 1] += 1
        ts = ts_ns[k]
        if ts == no_time:
            continue
        if tally[row, 2] == no_time or ts < tally[row, 2]:
            tally[row, 2] = ts
        if tally[row, 3] == no_time or ts > tally[row, 3]:
            tally[row, 3] = ts
