from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dissect.util.compression import lzxpress

import xca
from wnv.arrays import I64, U8
from wnv.errors import WnvError
from wnv.etl.compression import Format, unpack_buffers

# dissect.util (Apache-2.0) is an independent reader, used by tests only.

PACK: dict[Format, Callable[[bytes], bytes]] = {
    Format.LZNT1: xca.pack_lznt1,
    Format.XPRESS: xca.pack_xpress,
    Format.XPRESS_HUFF: xca.pack_huffman,
}
GUARD = 0xA5


def events(seed: int, n_events: int) -> bytes:
    """What a buffer may hold: EVENT_HEADER events of 0x60 bytes, alike and yet different."""
    rng = random.Random(seed)
    head = struct.pack("<HHI", 0x60, 0xC013, 0)
    provider = rng.randbytes(16)
    return b"".join(
        head + rng.randbytes(8) + struct.pack("<q", k) + provider + bytes(40) + b"payload " * 2 for k in range(n_events)
    )


def laid_out(pieces: list[bytes], gap: int) -> tuple[I64, I64]:
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    return np.cumsum(sizes + gap) - sizes, sizes


def unpack(packed: list[bytes], sizes: list[int], stated: int, *, jobs: int = 1) -> tuple[list[int], list[bytes]]:
    """Formats and contents; checks that nothing was written between the buffers."""
    joined = np.frombuffer(b"".join(b"??" + piece for piece in packed), np.uint8)
    packed_start, packed_bytes = laid_out(packed, 2)
    out_start, out_bytes = laid_out([bytes(size) for size in sizes], 3)
    out: U8 = np.full(sum(sizes) + 3 * len(sizes) + 3, GUARD, np.uint8)
    worked = unpack_buffers(joined, packed_start, packed_bytes, out, out_start, out_bytes, stated, jobs=jobs)
    assert worked.dtype == np.uint8
    contents = []
    for start, size in zip(out_start.tolist(), sizes, strict=True):
        contents.append(out[start : start + size].tobytes())
        out[start : start + size] = GUARD
    assert (out == GUARD).all()
    return worked.tolist(), contents


@pytest.mark.parametrize("kind", Format)
@pytest.mark.parametrize("stated", [0, 2, 3, 4, 5, 65_535])
def test_the_format_that_worked_is_found_whatever_is_stated(kind: Format, stated: int) -> None:
    plain = [events(1, 20), events(2, 1), events(3, 90)]
    worked, contents = unpack([PACK[kind](data) for data in plain], [len(data) for data in plain], stated)
    assert worked == [kind] * 3
    assert contents == plain


def test_each_buffer_has_its_own_format_and_the_broken_ones_none() -> None:
    plain = [events(k, 30) for k in range(6)]
    kinds = [Format.XPRESS, Format.LZNT1, Format.XPRESS_HUFF] * 2
    packed = [PACK[kind](data) for kind, data in zip(kinds, plain, strict=True)]
    packed[1] = packed[1][: len(packed[1]) // 2]
    packed[4] = b""
    worked, contents = unpack(packed, [len(data) for data in plain], 3)
    assert worked == [3, 0, 4, 3, 0, 4]
    assert [contents[k] == plain[k] for k in (0, 2, 3, 5)] == [True] * 4


@pytest.mark.parametrize(
    ("start", "accepted"),
    [
        ("600013c0", True),
        ("010002c0", True),
        ("40000090", True),
        ("40000098", True),
        ("600099c0", False),
        ("ffffffff", False),
        ("00000000", False),
        ("60001340", False),
    ],
)
@pytest.mark.parametrize("kind", Format)
def test_what_does_not_start_with_an_event_is_refused(kind: Format, start: str, accepted: bool) -> None:
    data = bytes.fromhex(start) + bytes(60)
    assert unpack([PACK[kind](data)], [64], kind)[0] == [kind if accepted else 0]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_less_than_a_marker_is_refused(size: int) -> None:
    assert unpack([xca.pack_xpress(b"\xc0" * size)], [size], 3)[0] == [0]


def test_an_empty_buffer_is_fine() -> None:
    assert unpack([b"", b"anything"], [0, 0], 3) == ([3, 3], [b"", b""])


def test_no_buffers() -> None:
    assert unpack([], [], 3) == ([], [])


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_threads_change_nothing(jobs: int) -> None:
    rng = random.Random(jobs)
    plain = [events(k, rng.randrange(9, 90)) for k in range(40)] * 16
    plain[5] = b""
    packed = {data: xca.pack_xpress(data) for data in set(plain)}
    assert sum(map(len, plain)) > 1 << 21
    worked, contents = unpack([packed[data] for data in plain], [len(data) for data in plain], 3, jobs=jobs)
    assert worked == [3] * len(plain)
    assert contents == plain


def test_random_bytes_are_refused() -> None:
    rng = random.Random(11)
    packed = [rng.randbytes(rng.randrange(400)) for _ in range(500)]
    worked, _ = unpack(packed, [rng.randrange(4, 3000) for _ in packed], 3)
    assert worked == [0] * 500


@pytest.mark.parametrize(
    ("packed_start", "packed_bytes", "out_start", "out_bytes"),
    [(-1, 4, 0, 8), (0, 17, 0, 8), (0, -1, 0, 8), (0, 4, 9, 8), (0, 4, -8, 8), (2**62, 2**62, 0, 8)],
)
def test_a_place_outside_the_arrays_is_a_wrong_call(
    packed_start: int, packed_bytes: int, out_start: int, out_bytes: int
) -> None:
    source, target = np.zeros(16, np.uint8), np.zeros(16, np.uint8)
    start, size, to, room = (np.array([n], np.int64) for n in (packed_start, packed_bytes, out_start, out_bytes))
    with pytest.raises(WnvError, match="outside"):
        unpack_buffers(source, start, size, target, to, room, 3)


def packed_buffers(path: Path) -> tuple[int, list[tuple[bytes, int]]]:
    """Stated format, and of each compressed buffer its bytes and unpacked size (section 2)."""
    raw = path.read_bytes()
    stated = struct.unpack_from("<H", raw, 0x2C)[0]
    found = []
    at = 0
    while at + 0x48 <= len(raw):
        size, used, flags = struct.unpack_from("<I44xIH", raw, at)
        if flags & 0x40:
            found.append((raw[at + 0x48 : at + size], used - 0x48))
        at += size
    return stated, found


@pytest.mark.parametrize(
    ("name", "n_buffers"),
    [
        ("pktmon-demikernel.etl", 2),
        ("pktmon-vpn-a.etl", 4),
        ("dotnet-32bit-relogged.etl", 1),
        ("perfview-net452-x64.etl", 359),
    ],
)
def test_real_buffers(traces_dir: Path, name: str, n_buffers: int) -> None:
    stated, found = packed_buffers(traces_dir / name)
    assert len(found) == n_buffers
    worked, contents = unpack([packed for packed, _ in found], [size for _, size in found], stated, jobs=2)
    assert worked == [Format.XPRESS] * n_buffers
    assert contents == [lzxpress.decompress(packed)[:size] for packed, size in found]
