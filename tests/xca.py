"""Compressors for tests, written from MS-XCA: one for each format that ETL files use.

A stream is made in two steps, so that a test can also choose the items itself: bytes to items (a literal
byte, or a match of earlier bytes), items to the stream. Simple and slow.
"""

from __future__ import annotations

import heapq
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MIN_MATCH: Final = 3
XPRESS_DISTANCE: Final = 8192
HUFFMAN_DISTANCE: Final = 65535
HUFFMAN_BLOCK: Final = 65536
LZNT1_CHUNK: Final = 4096


class Match(NamedTuple):
    """Repeat `length` bytes from `distance` back; they may overlap what is being written."""

    distance: int
    length: int


Item = int | Match
"""A literal byte, or a match."""


def expand(items: Iterable[Item]) -> bytes:
    """What the items stand for."""
    data = bytearray()
    for item in items:
        if isinstance(item, Match):
            for _ in range(item.length):
                data.append(data[-item.distance])
        else:
            data.append(item)
    return bytes(data)


def find_items(data: bytes, *, max_distance: int) -> Iterator[Item]:
    """Greedy: the newest earlier place with the same three bytes, as far as it goes."""
    newest: dict[bytes, int] = {}
    at = 0
    while at < len(data):
        found = newest.get(data[at : at + MIN_MATCH], -1)
        length = 0
        if found >= 0 and at - found <= max_distance:
            while at + length < len(data) and data[found + length] == data[at + length]:
                length += 1
        item: Item = Match(at - found, length) if length >= MIN_MATCH else data[at]
        yield item
        size = item.length if isinstance(item, Match) else 1
        for place in range(at, at + size):
            newest[data[place : place + MIN_MATCH]] = place
        at += size


# --- XPRESS (MS-XCA 2.3) ------------------------------------------------------------------------------


def pack_xpress(data: bytes) -> bytes:
    return pack_xpress_items(find_items(data, max_distance=XPRESS_DISTANCE))


def pack_xpress_items(items: Iterable[Item]) -> bytes:
    stream = bytearray(4)
    flags_at, flags, n_flags, half_at = 0, 0, 0, 0
    for item in items:
        if n_flags == 32:
            struct.pack_into("<I", stream, flags_at, flags)
            flags_at, flags, n_flags = len(stream), 0, 0
            stream += bytes(4)
        flags = flags << 1 | isinstance(item, Match)
        n_flags += 1
        if isinstance(item, Match):
            half_at = _put_xpress_match(stream, item, half_at)
        else:
            stream.append(item)
    n_unused = 32 - n_flags  # these are ones: a match at the end of the input ends the stream
    struct.pack_into("<I", stream, flags_at, flags << n_unused | (1 << n_unused) - 1)
    return bytes(stream)


def _put_xpress_match(stream: bytearray, match: Match, half_at: int) -> int:
    """Append a match; returns where a half-used byte waits, 0 = nowhere."""
    length = match.length - MIN_MATCH
    stream += struct.pack("<H", match.distance - 1 << 3 | min(length, 7))
    if length < 7:
        return half_at
    length -= 7
    if half_at:
        stream[half_at] |= min(length, 15) << 4
        half_at = 0
    else:
        half_at = len(stream)
        stream.append(min(length, 15))
    if length >= 15:
        _put_long(stream, length - 15, total=length + 7)
    return half_at


def _put_long(stream: bytearray, rest: int, *, total: int) -> None:
    """The byte, u16 and u32 forms of a length, as both kinds of XPRESS have them."""
    if rest < 255:
        stream.append(rest)
    elif total < 1 << 16:
        stream += struct.pack("<BH", 255, total)
    else:
        stream += struct.pack("<BHI", 255, 0, total)


# --- XPRESS_HUFF (MS-XCA 2.1) -------------------------------------------------------------------------

END_SYMBOL: Final = 256


def pack_huffman(data: bytes) -> bytes:
    return pack_huffman_items(find_items(data, max_distance=HUFFMAN_DISTANCE))


def pack_huffman_items(items: Iterable[Item]) -> bytes:
    """A match that starts in a block and ends behind it belongs to that block."""
    stream = b""
    block: list[Item] = []
    size = 0
    for item in items:
        if size >= HUFFMAN_BLOCK:
            stream += _huffman_block(block, is_last=False)
            block, size = [], 0
        block.append(item)
        size += item.length if isinstance(item, Match) else 1
    return stream + _huffman_block(block, is_last=True)


def _huffman_block(items: list[Item], *, is_last: bool) -> bytes:
    """Only the last block ends with the end symbol: a reader goes by the size, and stays in step only so."""
    if is_last:
        items = [*items, END_SYMBOL]
    symbols = [_huffman_symbol(item) for item in items]
    n_bits = _code_lengths(Counter(symbols))
    table = bytes(n_bits.get(2 * k, 0) | n_bits.get(2 * k + 1, 0) << 4 for k in range(256))
    codes: dict[int, int] = {}
    code, before = 0, 0
    for symbol in sorted(n_bits, key=lambda symbol: (n_bits[symbol], symbol)):
        code <<= n_bits[symbol] - before
        before = n_bits[symbol]
        codes[symbol] = code
        code += 1
    writer = _BitWriter()
    for symbol, item in zip(symbols, items, strict=True):
        writer.put(codes[symbol], n_bits[symbol])
        if isinstance(item, Match):
            length = item.length - MIN_MATCH
            if length >= 15:
                _put_long(writer.stream, length - 15, total=length)
            n_distance_bits = item.distance.bit_length() - 1
            writer.put(item.distance - (1 << n_distance_bits), n_distance_bits)
    return table + writer.finish()


def _huffman_symbol(item: Item) -> int:
    if not isinstance(item, Match):
        return item
    return 256 | item.distance.bit_length() - 1 << 4 | min(item.length - MIN_MATCH, 15)


def _code_lengths(n_of: Counter[int]) -> dict[int, int]:
    """Lengths of Huffman codes, at most 15 bits. A lone symbol gets a sister: codes may have no gaps."""
    if len(n_of) == 1:
        return dict.fromkeys([*n_of, 0 if 0 not in n_of else 1], 1)
    heap = [(n, symbol, [symbol]) for symbol, n in n_of.items()]
    heapq.heapify(heap)
    n_bits = dict.fromkeys(n_of, 0)
    while len(heap) > 1:
        (n, tie, left), (m, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            n_bits[symbol] += 1
        heapq.heappush(heap, (n + m, tie, left + right))
    if max(n_bits.values()) > 15:
        return _code_lengths(Counter({symbol: n // 2 + 1 for symbol, n in n_of.items()}))
    return n_bits


class _BitWriter:
    """Bits in u16 words, high bit first, between bytes: two words are always reserved ahead of the bytes."""

    def __init__(self) -> None:
        self.stream = bytearray(4)
        self._at, self._next_at = 0, 2
        self._word, self._n_free = 0, 16

    def put(self, value: int, n_bits: int) -> None:
        n_over = n_bits - self._n_free
        if n_over <= 0:
            self._word = self._word << n_bits | value
            self._n_free -= n_bits
            return
        struct.pack_into("<H", self.stream, self._at, self._word << self._n_free | value >> n_over)
        self._at, self._next_at = self._next_at, len(self.stream)
        self.stream += bytes(2)
        self._word, self._n_free = value & (1 << n_over) - 1, 16 - n_over

    def finish(self) -> bytes:
        struct.pack_into("<H", self.stream, self._at, self._word << self._n_free)
        return bytes(self.stream)


# --- LZNT1 (MS-XCA 2.5) -------------------------------------------------------------------------------


def pack_lznt1(data: bytes) -> bytes:
    stream = bytearray()
    for start in range(0, len(data), LZNT1_CHUNK):
        chunk = data[start : start + LZNT1_CHUNK]
        packed = _lznt1_chunk(chunk)
        if len(packed) < len(chunk):
            stream += struct.pack("<H", 0xB000 | len(packed) - 1) + packed
        else:
            stream += struct.pack("<H", 0x3000 | len(chunk) - 1) + chunk
    return bytes(stream)


def _lznt1_chunk(chunk: bytes) -> bytes:
    stream = bytearray()
    at, n_items, flags_at = 0, 0, 0
    for item in find_items(chunk, max_distance=LZNT1_CHUNK):
        for part in _lznt1_parts(item, at, chunk):
            if n_items % 8 == 0:
                flags_at = len(stream)
                stream.append(0)
            if isinstance(part, Match):
                stream[flags_at] |= 1 << n_items % 8
                n_length_bits = _lznt1_length_bits(at)
                stream += struct.pack("<H", part.distance - 1 << n_length_bits | part.length - MIN_MATCH)
                at += part.length
            else:
                stream.append(part)
                at += 1
            n_items += 1
    return bytes(stream)


def _lznt1_length_bits(at: int) -> int:
    """Of the 16 bits of a match at this place of its chunk, how many hold the length."""
    return 16 - max(4, (at - 1).bit_length())


def _lznt1_parts(item: Item, at: int, chunk: bytes) -> Iterator[Item]:
    """A match cut into pieces that fit at their places."""
    if not isinstance(item, Match):
        yield item
        return
    left = item.length
    while left:
        length = min(left, (1 << _lznt1_length_bits(at)) - 1 + MIN_MATCH)
        if length >= MIN_MATCH:
            yield Match(item.distance, length)
        else:
            yield from chunk[at : at + length]
        at += length
        left -= length
