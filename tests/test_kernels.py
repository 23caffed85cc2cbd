from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from dissect.util.compression import lznt1, lzxpress, lzxpress_huffman
from hypothesis import given
from hypothesis import strategies as st

import xca
from etl_writer import message, pad8, system
from wnv import kernels
from wnv.arrays import I64, U8
from wnv.etl import layout
from xca import Match

# dissect.util (Apache-2.0) is an independent reader of the same three formats, used by tests only.

Unpack = Callable[[U8, U8], int]


def load_plain() -> ModuleType:
    """A second copy of the module, as it is where numba is not installed."""
    spec = importlib.util.spec_from_file_location("plain_kernels", kernels.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WNV_NO_NUMBA", "1")
        spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


PLAIN = load_plain()
MODES = [
    pytest.param(kernels, id="compiled", marks=pytest.mark.skipif(not kernels.COMPILED, reason="no numba")),
    pytest.param(PLAIN, id="plain"),
]


@dataclass(frozen=True, slots=True)
class Codec:
    unpacker: str
    pack: Callable[[bytes], bytes]
    oracle: Callable[[bytes], bytes]

    def unpack(self, mode: ModuleType, packed: bytes, size: int) -> tuple[int, bytes]:
        """The return value and the output, which stands between guards."""
        unpack: Unpack = getattr(mode, self.unpacker)
        around = np.full(size + 64, 0xA5, np.uint8)
        out = around[32 : 32 + size]
        result = int(unpack(np.frombuffer(packed, np.uint8), out))
        assert (around[:32] == 0xA5).all()
        assert (around[32 + size :] == 0xA5).all()
        assert result in (size, kernels.BROKEN)
        return result, out.tobytes()


def huffman_oracle(packed: bytes) -> bytes:
    # dissect stops at the end of the input, though bits it has loaded are still to be used: one word more
    return bytes(lzxpress_huffman.decompress(packed + bytes(2)))


XPRESS = Codec("unpack_xpress", xca.pack_xpress, lzxpress.decompress)
HUFFMAN = Codec("unpack_huffman", xca.pack_huffman, huffman_oracle)
LZNT1 = Codec("unpack_lznt1", xca.pack_lznt1, lznt1.decompress)
CODECS = [pytest.param(codec, id=codec.unpacker) for codec in (XPRESS, HUFFMAN, LZNT1)]


class Fenced:
    """An array that refuses every index outside, the negative ones that NumPy would accept among them."""

    def __init__(self, data: U8) -> None:
        self._data = data
        self.size = data.size

    def __getitem__(self, at: int) -> Any:  # Any: a NumPy scalar
        assert 0 <= at < self.size
        return self._data[at]

    def __setitem__(self, at: int, value: int) -> None:
        assert 0 <= at < self.size
        self._data[at] = value


def compressible(seed: int, size: int) -> bytes:
    """Words of a small vocabulary and noise, as in events: near and far matches, short and long ones."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.choice((1, 3, 8, 24, 200))) for _ in range(60)]
    data = bytearray()
    while len(data) < size:
        kind = rng.random()
        if kind < 0.6:
            data += rng.choice(words)
        elif kind < 0.8:
            data += rng.randbytes(rng.randrange(1, 12))
        else:
            data += bytes([rng.randrange(256)]) * rng.randrange(1, 500)
    return bytes(data[:size])


blobs = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.tuples(st.binary(min_size=1, max_size=6), st.integers(2, 400)).map(lambda pair: pair[0] * pair[1]),
    ),
    max_size=12,
).map(b"".join)

changes_of_bytes = st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6)  # (place, value)


@st.composite
def item_lists(draw: st.DrawFn, max_distance: int) -> list[xca.Item]:
    """Literals and matches of every form of length; overlapping matches among them."""
    items: list[xca.Item] = []
    size = 0
    edges = (3, 9, 10, 17, 18, 24, 25, 26, 272, 273, 274, 278, 279, 280, 281)
    lengths = st.sampled_from(edges) | st.integers(3, 700)
    for is_match, value, length in draw(
        st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 16), lengths), max_size=80)
    ):
        if is_match and size:
            items.append(Match(1 + value % min(size, max_distance), length))
            size += length
        else:
            items.append(value & 0xFF)
            size += 1
    return items


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("codec", CODECS)
class TestEveryFormat:
    @given(data=blobs)
    def test_packed_then_unpacked_is_the_input(self, mode: ModuleType, codec: Codec, data: bytes) -> None:
        assert codec.unpack(mode, codec.pack(data), len(data)) == (len(data), data)

    @given(packed=st.binary(max_size=700), size=st.integers(0, 3000))
    def test_random_bytes_stay_inside(self, mode: ModuleType, codec: Codec, packed: bytes, size: int) -> None:
        codec.unpack(mode, packed, size)

    @given(data=blobs.filter(len), cut=st.floats(0, 1))
    def test_a_cut_stream_is_broken_or_was_not_needed(
        self, mode: ModuleType, codec: Codec, data: bytes, cut: float
    ) -> None:
        packed = codec.pack(data)
        result, out = codec.unpack(mode, packed[: int(cut * len(packed))], len(data))
        assert result == kernels.BROKEN or out == data

    @given(data=blobs.filter(len))
    def test_more_output_than_the_stream_holds_is_broken(self, mode: ModuleType, codec: Codec, data: bytes) -> None:
        # 1000: an end symbol and the bits behind it can pass for some, at most a match of 17 bytes for a bit
        assert codec.unpack(mode, codec.pack(data), len(data) + 1000)[0] == kernels.BROKEN

    def test_nothing_wanted_needs_nothing(self, mode: ModuleType, codec: Codec) -> None:
        assert codec.unpack(mode, b"", 0) == (0, b"")
        assert codec.unpack(mode, b"", 1)[0] == kernels.BROKEN

    @pytest.mark.parametrize(("seed", "size"), [(1, 100), (2, 4096), (3, 4097), (4, 9000), (5, 70_000)])
    def test_agrees_with_dissect(self, mode: ModuleType, codec: Codec, seed: int, size: int) -> None:
        data = compressible(seed, size)
        packed = codec.pack(data)
        assert codec.oracle(packed)[:size] == data
        assert codec.unpack(mode, packed, size) == (size, data)


@pytest.mark.parametrize("codec", CODECS)
class TestDamage:
    """Valid streams with bytes changed get deeper into a decoder than random ones."""

    @staticmethod
    def damaged(codec: Codec, data: bytes, changes: list[tuple[int, int]]) -> bytes:
        packed = bytearray(codec.pack(data))
        start = 256 if codec is HUFFMAN else 0  # a changed code table is always refused
        for place, value in changes:
            packed[start + place % (len(packed) - start)] = value
        return bytes(packed)

    @given(data=blobs.filter(len), changes=changes_of_bytes)
    def test_both_modes_agree(self, codec: Codec, data: bytes, changes: list[tuple[int, int]]) -> None:
        packed = self.damaged(codec, data, changes)
        result, out = codec.unpack(kernels, packed, len(data))
        plain_result, plain_out = codec.unpack(PLAIN, packed, len(data))
        assert result == plain_result
        if result != kernels.BROKEN:
            assert out == plain_out

    @given(data=blobs.filter(len), changes=changes_of_bytes)
    def test_no_index_is_outside(self, codec: Codec, data: bytes, changes: list[tuple[int, int]]) -> None:
        packed = np.frombuffer(self.damaged(codec, data, changes), np.uint8)
        unpack = getattr(PLAIN, codec.unpacker)
        for size in (len(data), len(data) + 9, max(len(data) - 9, 0)):
            unpack(Fenced(packed), Fenced(np.zeros(size, np.uint8)))

    def test_no_index_is_outside_random_bytes(self, codec: Codec) -> None:
        rng = random.Random(7)
        unpack = getattr(PLAIN, codec.unpacker)
        for _ in range(300):
            packed = np.frombuffer(rng.randbytes(rng.randrange(300)), np.uint8)
            unpack(Fenced(packed), Fenced(np.zeros(rng.randrange(2000), np.uint8)))


@pytest.mark.parametrize("mode", MODES)
class TestXpress:
    @given(items=item_lists(max_distance=xca.XPRESS_DISTANCE))
    def test_any_items(self, mode: ModuleType, items: list[xca.Item]) -> None:
        data = xca.expand(items)
        assert XPRESS.unpack(mode, xca.pack_xpress_items(items), len(data)) == (len(data), data)

    @pytest.mark.parametrize("length", [9, 10, 24, 25, 279, 280, 65_537, 65_538, 65_539, 100_000])
    @pytest.mark.parametrize("between", [0, 1, 40])
    def test_each_form_of_length_in_both_nibbles(self, mode: ModuleType, length: int, between: int) -> None:
        if mode is PLAIN and length > 65_539:
            length = 65_539
        again = [Match(3, length), *range(between), Match(2, 30), *range(between), Match(3, length)]
        items: list[xca.Item] = [1, 2, 3, *again, Match(1, 11)]
        data = xca.expand(items)
        packed = xca.pack_xpress_items(items)
        assert lzxpress.decompress(packed) == data
        assert XPRESS.unpack(mode, packed, len(data)) == (len(data), data)

    @pytest.mark.parametrize("n", [31, 32, 33, 64, 65])
    def test_flag_words_end_anywhere(self, mode: ModuleType, n: int) -> None:
        data = bytes(range(n))
        assert XPRESS.unpack(mode, XPRESS.pack(data), n) == (n, data)
        assert XPRESS.unpack(mode, XPRESS.pack(data) + b"\xff\xff\xff\xff", n) == (n, data)

    @pytest.mark.parametrize("total", [0, 1, 21])
    def test_a_long_length_below_the_short_ones_is_broken(self, mode: ModuleType, total: int) -> None:
        u16 = total.to_bytes(2, "little")
        u32 = b"\0\0" + total.to_bytes(4, "little")
        for form in (u16, u32) if total else (u32,):
            packed = bytes.fromhex("ffffff7f 61 0700 0f ff") + form
            assert XPRESS.unpack(mode, packed, 200)[0] == kernels.BROKEN

    @pytest.mark.parametrize("distance", [2, 8192])
    def test_a_distance_before_the_start_is_broken(self, mode: ModuleType, distance: int) -> None:
        assert XPRESS.unpack(mode, xca.pack_xpress_items([65, Match(distance, 5)]), 6)[0] == kernels.BROKEN

    def test_a_length_that_would_wrap_is_broken(self, mode: ModuleType) -> None:
        packed = bytes.fromhex("ffffff7f 61 0700 0f ff 0000 ffffffff")
        assert XPRESS.unpack(mode, packed, 200)[0] == kernels.BROKEN


@pytest.mark.parametrize("mode", MODES)
class TestHuffman:
    @given(items=item_lists(max_distance=xca.HUFFMAN_DISTANCE))
    def test_any_items(self, mode: ModuleType, items: list[xca.Item]) -> None:
        data = xca.expand(items)
        assert HUFFMAN.unpack(mode, xca.pack_huffman_items(items), len(data)) == (len(data), data)

    @pytest.mark.parametrize("length", [17, 18, 272, 273, 65_538, 65_539, 66_000])
    def test_each_form_of_length(self, mode: ModuleType, length: int) -> None:
        items: list[xca.Item] = [1, 2, 3, Match(3, length), 4, 5, Match(1, 40)]
        data = xca.expand(items)
        assert HUFFMAN.unpack(mode, xca.pack_huffman_items(items), len(data)) == (len(data), data)

    @pytest.mark.parametrize("n_before", [65_533, 65_535, 65_536])
    @pytest.mark.parametrize("length", [3, 5000])
    def test_a_match_over_the_end_of_a_block(self, mode: ModuleType, n_before: int, length: int) -> None:
        items: list[xca.Item] = [
            7,
            Match(1, n_before - 1),
            Match(5, length),
            8,
            9,
            Match(65_535, 20),
            Match(2, 6),
        ]
        data = xca.expand(items)
        packed = xca.pack_huffman_items(items)
        assert huffman_oracle(packed)[: len(data)] == data
        assert HUFFMAN.unpack(mode, packed, len(data)) == (len(data), data)

    def test_codes_of_15_bits(self, mode: ModuleType) -> None:
        counts = [1, 2]  # and the end symbol once: Fibonacci's numbers make the deepest tree
        while len(counts) < 15:
            counts.append(counts[-1] + counts[-2])
        data = b"".join(bytes([symbol]) * n for symbol, n in enumerate(counts))
        packed = xca.pack_huffman_items(data)
        assert max(half for byte in packed[:256] for half in (byte & 15, byte >> 4)) == 15
        assert HUFFMAN.unpack(mode, packed, len(data)) == (len(data), data)

    @pytest.mark.parametrize("table", [bytes(256), b"\x11\x01" + bytes(254), b"\x21" + bytes(255), b"\xff" * 256])
    def test_a_code_with_gaps_or_overlaps_is_broken(self, mode: ModuleType, table: bytes) -> None:
        assert HUFFMAN.unpack(mode, table + bytes(64), 8)[0] == kernels.BROKEN


@pytest.mark.parametrize("mode", MODES)
class TestLznt1:
    @pytest.mark.parametrize("size", [1, 16, 17, 4095, 4096, 4097, 8192, 12_345])
    def test_chunks(self, mode: ModuleType, size: int) -> None:
        for data in (bytes(size), random.Random(size).randbytes(size), compressible(size, size)):
            packed = LZNT1.pack(data)
            assert lznt1.decompress(packed) == data
            assert LZNT1.unpack(mode, packed, size) == (size, data)

    def test_a_match_does_not_reach_into_the_chunk_before(self, mode: ModuleType) -> None:
        first = bytes.fromhex("0330") + b"abcd"
        assert LZNT1.unpack(mode, first + bytes.fromhex("02b0 01 0000"), 7)[0] == kernels.BROKEN

    def test_a_chunk_yields_at_most_4096_bytes(self, mode: ModuleType) -> None:
        assert LZNT1.unpack(mode, bytes.fromhex("03b0 02 61 fc0f"), 4096) == (4096, b"a" * 4096)
        assert LZNT1.unpack(mode, bytes.fromhex("03b0 02 61 fd0f"), 4097)[0] == kernels.BROKEN

    @pytest.mark.parametrize("head", ["0000", "0380", "0350", "ff3f", "ffbf"])
    def test_a_wrong_chunk_header_is_broken(self, mode: ModuleType, head: str) -> None:
        assert LZNT1.unpack(mode, bytes.fromhex(head) + b"\0abc", 3)[0] == kernels.BROKEN


def huffman_table(**n_bits_of: str) -> bytes:
    """Code lengths by byte position, as hexadecimal text."""
    table = bytearray(256)
    for place, text in n_bits_of.items():
        part = bytes.fromhex(text)
        table[int(place[2:]) : int(place[2:]) + len(part)] = part
    return bytes(table)


ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
TUNE = (
    b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# "
    b"E D E A F# F# G A A G F# E D D E F# E D D\0"
)
PUBLISHED = [
    pytest.param(XPRESS, bytes.fromhex("3f000000") + ALPHABET, ALPHABET, id="xpress alphabet"),
    pytest.param(XPRESS, bytes.fromhex("ffffff1f 616263 1700 0fff2601"), b"abc" * 100, id="xpress abc"),
    pytest.param(
        HUFFMAN,
        huffman_table(at48="5055555555555555555555454404", at128="04")
        + bytes.fromhex("d8523ed794115be9195ff9d67cdf8d0400000000"),
        ALPHABET,
        id="huffman alphabet",
    ),
    pytest.param(
        HUFFMAN,
        huffman_table(at48="3023", at128="02", at143="20") + bytes.fromhex("a8dc0000ff2601"),
        b"abc" * 100,
        id="huffman abc",
    ),
    pytest.param(
        LZNT1,
        bytes.fromhex(
            "38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c09160148"
            "4500be009e000401189000"
        ),
        TUNE,
        id="lznt1 tune",
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("codec", "packed", "data"), PUBLISHED)
def test_examples_of_ms_xca(mode: ModuleType, codec: Codec, packed: bytes, data: bytes) -> None:
    assert codec.unpack(mode, packed, len(data)) == (len(data), data)


@pytest.mark.parametrize(("codec", "packed", "data"), PUBLISHED[:2])
def test_our_compressor_writes_the_xpress_examples(codec: Codec, packed: bytes, data: bytes) -> None:
    assert codec.pack(data) == packed


# -------------------------------------------------------------------- the loops over events, fields and ranges

STEP_OF_MARKER = layout.FIXED_BYTES[layout.KIND_OF_MARKER] | layout.SIZE_SHIFT[layout.KIND_OF_MARKER] << 8
WALK_LANES = kernels.WALK_LANES
WALK_TABLES = (STEP_OF_MARKER, layout.KIND_OF_MARKER, layout.TIME_OFFSET)

events_and_noise = st.lists(
    st.one_of(
        st.integers(0, 20).map(lambda n: pad8(system(n, ticks=n, payload=bytes(n)).data)),
        st.integers(0, 20).map(lambda n: pad8(message(n, payload=bytes(n)).data)),
        st.integers(0, 0x60).map(lambda n: system(n, ticks=n, payload=bytes(8)).resized(n).data),
        st.binary(min_size=8, max_size=8),
        st.just(bytes(8)),
        st.just(b"\xff" * 8),
    ),
    max_size=12,
).map(b"".join)


class Ruled:
    """An array whose every place is read or written inside its bounds, or the test fails."""

    def __init__(self, data: Any) -> None:  # Any: an array of any type
        self._data = data
        self.size = data.size

    def __getitem__(self, at: Any) -> Any:  # Any: a place or a slice
        self._check(at)
        return self._data[at]

    def __setitem__(self, at: Any, value: Any) -> None:  # Any: a place or a slice
        self._check(at)
        self._data[at] = value

    def _check(self, at: Any) -> None:  # Any: a place or a slice
        if isinstance(at, slice):
            assert 0 <= at.start <= at.stop <= self.size
        else:
            assert 0 <= at < self.size


def walk_by_hand(data: bytes, at: int, end: int) -> tuple[list[int], int]:
    """Places of the events from `at` on, and where they stop."""
    found = []
    while at + 8 <= end:
        step = int(STEP_OF_MARKER[int.from_bytes(data[at + 2 : at + 4], "little")])
        size = int.from_bytes(data[at : at + 8], "little") >> (step >> 8) & 0xFFFF
        if not step & 0xFF or size < step & 0xFF or at + size > end:
            break
        found.append(at)
        at += size + 7 & ~7
    return found, at


@given(bodies=st.lists(st.tuples(events_and_noise, st.integers(0, 15)), max_size=40))
def test_buffers_are_walked_to_their_end_or_to_what_is_no_event(bodies: list[tuple[bytes, int]]) -> None:
    stop = np.cumsum([len(body) for body, _ in bodies], dtype=np.int64)
    start = stop - np.array([len(body) for body, _ in bodies], np.int64)
    end = np.maximum(stop - np.array([cut for _, cut in bodies], np.int64), start)
    data = b"".join(body for body, _ in bodies) + bytes(8)
    wanted = [walk_by_hand(data, int(a), int(b)) for a, b in zip(start, end, strict=True)]
    places = [at for found, _ in wanted for at in found]
    words = np.frombuffer(data, np.int64)
    room = int((end - start >> 3).sum())
    for mode in (kernels, PLAIN):
        n_found, reached = np.zeros(len(bodies), np.int64), start.copy()
        kind, ticks = np.zeros(room, np.uint8), np.zeros(room, np.int64)
        scratch, out = np.full(room + 3, -7, np.int64), np.full(room + 3, -7, np.int64)
        # Twice: with room for all, and with room for less than there is, so that it goes on where it stopped.
        found: list[int] = []
        lane, size = 0, room if mode is kernels else max([len(one) for one, _ in wanted], default=0) * WALK_LANES
        while lane < len(bodies):
            lane, n = mode.walk_buffers(
                words, lane, reached, end, *WALK_TABLES, n_found, scratch, out[:size], kind, ticks
            )
            found += out[:n].tolist()
            marker = out[:n]
            assert kind[:n].tolist() == layout.KIND_OF_MARKER[words[marker >> 3] >> 16 & 0xFFFF].tolist()
            assert ticks[:n].tolist() == words[marker + layout.TIME_OFFSET[kind[:n]] >> 3].tolist()
        assert found == places
        assert (scratch[room:] == -7).all()
        assert n_found.tolist() == [len(one) for one, _ in wanted]
        assert reached.tolist() == [stopped for _, stopped in wanted]
    outputs = (np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.uint8), np.zeros(room, np.int64))
    tables = (Ruled(table) for table in WALK_TABLES)
    n_found = np.zeros(len(bodies), np.int64)
    PLAIN.walk_buffers(Ruled(words), 0, start.copy(), end, *tables, n_found, *map(Ruled, outputs))


def chain_by_hand(data: bytes, start: int, end: int) -> int:
    """The first place from which events lead exactly to `end`: by trying each."""
    return next((at for at in range(start, end - 7, 8) if walk_by_hand(data, at, end)[1] == end), end)


@given(bodies=st.lists(events_and_noise, min_size=1, max_size=4))
def test_chains_that_lead_to_the_end_are_found(bodies: list[bytes]) -> None:
    stop = np.cumsum([len(body) for body in bodies])
    start = stop - [len(body) for body in bodies]
    data = b"".join(bodies) + bytes(8)
    words = np.frombuffer(data, np.int64)
    longest = int((stop - start).max()) // 8 + 1
    results = []
    for mode in (kernels, PLAIN):
        slots, first = np.full(longest, 9, np.uint8), np.full(len(bodies), -7, np.int64)
        mode.find_chains(words, start, stop, STEP_OF_MARKER, slots, first)
        results.append(first.tolist())
    assert results[0] == results[1]
    assert results[0] == [chain_by_hand(data, int(a), int(b)) for a, b in zip(start, stop, strict=True)]
    scratch = Ruled(np.zeros(longest, np.uint8))
    PLAIN.find_chains(Ruled(words), start, stop, Ruled(STEP_OF_MARKER), scratch, np.zeros(len(bodies), np.int64))


places = st.integers(-9, 70)
wide_text = st.lists(st.sampled_from([b"a\0", b"\0\0", b"\0a", b"x"]), max_size=30).map(b"".join)


def strings_by_hand(data: bytes, start: int, end: int, n_strings: int) -> int:
    at, limit = start, min(end, len(data))
    for _ in range(n_strings):
        while True:
            if at < 0 or at + 2 > limit:
                return -1
            at += 2
            if data[at - 2 : at] == b"\0\0":
                break
    return at if 0 <= at <= limit else -1


@given(data=wide_text, spans=st.lists(st.tuples(places, places), min_size=1, max_size=6), n=st.integers(0, 3))
def test_strings_are_skipped(data: bytes, spans: list[tuple[int, int]], n: int) -> None:
    content = np.frombuffer(data, np.uint8)
    start, end = np.array(spans, np.int64).T.copy()
    wanted = [strings_by_hand(data, *span, n) for span in spans]
    assert kernels.skip_strings(content, start, end, n).tolist() == wanted
    assert PLAIN.skip_strings(Ruled(content), start, end, n).tolist() == wanted


@given(
    data=st.binary(max_size=40),
    pieces=st.lists(st.tuples(st.integers(-3, 45), st.integers(0, 20)), max_size=8),
    cuts=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 60)), max_size=4),
)
def test_runs_are_joined_inside_their_room(
    data: bytes, pieces: list[tuple[int, int]], cuts: list[tuple[int, int, int]]
) -> None:
    content = np.frombuffer(data, np.uint8)
    start, n_bytes = np.array(pieces, np.int64).reshape(-1, 2).T.copy()
    runs = [(min(a, len(pieces)), min(b, len(pieces)), at) for a, b, at in cuts]
    begin, end, at = np.array(runs, np.int64).reshape(-1, 3).T.copy()
    results = []
    for mode in (kernels, PLAIN):
        around = np.full(64 + 50, 0xA5, np.uint8)
        out = around[32:82]
        mode.join_runs(content, start, n_bytes, begin, end, out, at)
        assert (around[:32] == 0xA5).all()
        assert (around[82:] == 0xA5).all()
        results.append(out.tobytes())
    assert results[0] == results[1]
    PLAIN.join_runs(Ruled(content), start, n_bytes, begin, end, Ruled(np.zeros(50, np.uint8)), at)


def test_runs_are_the_pieces_in_order() -> None:
    data = np.arange(100, dtype=np.uint8)
    start, n_bytes = np.array([10, 50, 0, 7]), np.array([2, 3, 0, 1])
    for mode in (kernels, PLAIN):
        out = np.zeros(8, np.uint8)
        mode.join_runs(data, start, n_bytes, np.array([0, 2]), np.array([2, 4]), out, np.array([0, 6]))
        assert out.tolist() == [10, 11, 50, 51, 52, 0, 7, 0]


def numbered(mode: ModuleType, data: U8, start: I64, n_bytes: I64, seed: int) -> tuple[list[int], list[bytes]]:
    """With room that is made as it is asked for: from next to none."""
    slots, pool, pool_end = np.full(2, -1, np.int64), np.zeros(1, np.uint8), np.zeros(2, np.int64)
    codes = np.full(start.size, -7, np.int64)
    n_done = n_known = 0
    while n_done < start.size:
        n_more, n_known = mode.number_ranges(
            data, start[n_done:], n_bytes[n_done:], seed, slots, pool, pool_end, n_known, codes[n_done:]
        )
        n_done += n_more
        slots = np.full(2 * slots.size, -1, np.int64)
        mode.rebuild_slots(pool, pool_end, n_known, seed, slots)
        pool = np.concatenate([pool, np.zeros(pool.size + 8, np.uint8)])
        pool_end = np.concatenate([pool_end, np.zeros(pool_end.size, np.int64)])
    ranges = [pool[pool_end[k] : pool_end[k + 1]].tobytes() for k in range(n_known)]
    return codes.tolist(), ranges


@given(found=st.lists(st.binary(max_size=3) | st.binary(max_size=30), max_size=40), seed=st.integers(0, 2**63 - 1))
def test_equal_ranges_get_equal_numbers_in_order_of_appearance(found: list[bytes], seed: int) -> None:
    data = np.frombuffer(b"".join(found), np.uint8)
    n_bytes = np.array([len(one) for one in found], np.int64)
    start = np.cumsum(n_bytes) - n_bytes
    distinct = list(dict.fromkeys(found))
    for mode in (kernels, PLAIN):
        assert numbered(mode, data, start, n_bytes, seed) == ([distinct.index(one) for one in found], distinct)


def pair_by_hand(data: bytes, begin: int, end: int, more_than: int) -> int:
    end = min(end, len(data))
    for at in range(max(0, begin), max(0, end - 8 - more_than)):
        n = int.from_bytes(data[at : at + 4], "little")
        behind = at + 4 + n
        if (
            n > more_than
            and behind + 4 <= end
            and behind + 4 + int.from_bytes(data[behind : behind + 4], "little") == end
        ):
            return at
    return -1


sized_parts = st.lists(
    st.binary(max_size=6) | st.binary(max_size=12).map(lambda body: len(body).to_bytes(4, "little") + body), max_size=6
).map(b"".join)


@given(data=sized_parts, spans=st.lists(st.tuples(places, places), min_size=1, max_size=4), more_than=st.integers(0, 9))
def test_a_sized_pair_is_found_where_it_ends_at_the_end(
    data: bytes, spans: list[tuple[int, int]], more_than: int
) -> None:
    content = np.frombuffer(data, np.uint8)
    spans = [*spans, (0, len(data))]
    begin, end = np.array(spans, np.int64).T.copy()
    wanted = [pair_by_hand(data, *span, more_than) for span in spans]
    assert kernels.find_sized_pair(content, begin, end, more_than).tolist() == wanted
    assert PLAIN.find_sized_pair(Ruled(content), begin, end, more_than).tolist() == wanted


@given(
    data=st.binary(min_size=30, max_size=30),
    pieces=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=6),
)
def test_pieces_are_copied_to_their_places(data: bytes, pieces: list[tuple[int, int]]) -> None:
    content = np.frombuffer(data, np.uint8)
    start, n_bytes = np.array(pieces, np.int64).reshape(-1, 2).T.copy()
    at = 3 + np.arange(len(pieces)) * 10
    wanted = bytearray(70)
    for place, (first, n) in zip(at.tolist(), pieces, strict=True):
        wanted[place : place + n] = data[first : first + n]
    for mode in (kernels, PLAIN):
        out = np.zeros(70, np.uint8)
        mode.copy_pieces(content, start, n_bytes, out, at)
        assert out.tobytes() == wanted
