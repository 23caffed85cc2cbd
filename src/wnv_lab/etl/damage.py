"""Damages a finished file on purpose: cut, zeroed, flipped and missing parts, as disks, crashes and copies leave them.

Every function says what it did, so that a scenario can state which events are gone. Same seed, same damage.
Docs: docs/formats/etl-format.md, section 11.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from wnv_lab.errors import LabError
from wnv_lab.etl.layout import BUFFER_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class BufferPlace:
    """A buffer of a file: where it stands, whose it is."""

    number: int
    """Its place in the file; buffer 0 is the header's."""
    offset: int
    n_bytes: int
    used_bytes: int
    """Header included; of a packed buffer, what it unpacks to."""
    sequence: int
    cpu: int


def buffers_of(path: str | Path) -> list[BufferPlace]:
    """The buffers of a file that is not damaged yet."""
    data = Path(path).read_bytes()
    places: list[BufferPlace] = []
    at = 0
    while at + BUFFER_HEADER_BYTES <= len(data):
        size, _saved, _current = struct.unpack_from("<III", data, at)
        (sequence,) = struct.unpack_from("<q", data, at + 0x18)
        (cpu,) = struct.unpack_from("<H", data, at + 0x28)
        (used,) = struct.unpack_from("<I", data, at + 0x30)
        if size < BUFFER_HEADER_BYTES:
            raise LabError(f"the buffer at offset {at} has {size} bytes: the file is damaged already")
        places.append(BufferPlace(len(places), at, size, used, sequence, cpu))
        at += size
    return places


def cut(path: str | Path, n_bytes: int) -> None:
    """Keep the first `n_bytes` only."""
    with Path(path).open("r+b") as file:
        file.truncate(n_bytes)


def cut_within_buffer(path: str | Path, number: int, keep_bytes: int) -> BufferPlace:
    """End the file within a buffer: `keep_bytes` of it stay, header included."""
    place = _place(path, number)
    cut(path, place.offset + min(keep_bytes, place.n_bytes))
    return place


def zero_buffers(path: str | Path, numbers: Collection[int]) -> list[BufferPlace]:
    """Overwrite buffers with zeros, their headers too, as a disk does that lost a write."""
    places = buffers_of(path)  # before the first zeros, which end the chain of sizes
    _check(places, numbers)
    hit = [place for place in places if place.number in numbers]
    for place in hit:
        _zero(path, place, 0)
    return hit


def zero_tail(path: str | Path, number: int, from_byte: int) -> BufferPlace:
    """Overwrite a buffer with zeros from `from_byte` on: a writer died between reserving and filling."""
    place = _place(path, number)
    _zero(path, place, from_byte)
    return place


def remove_buffers(path: str | Path, numbers: Collection[int]) -> list[BufferPlace]:
    """Take buffers out of the file; the sequence then has gaps, and the header counts more than there are."""
    places = buffers_of(path)
    _check(places, numbers)
    data = Path(path).read_bytes()
    kept = [place for place in places if place.number not in numbers]
    Path(path).write_bytes(b"".join(data[place.offset : place.offset + place.n_bytes] for place in kept))
    return [place for place in places if place.number in numbers]


def swap_buffers(path: str | Path, first: int, second: int) -> None:
    """Exchange two buffers of equal size, as a copy out of a ring in the wrong order does."""
    places = buffers_of(path)
    _check(places, (first, second))
    a, b = places[first], places[second]
    if a.n_bytes != b.n_bytes:
        raise LabError(f"buffers {first} and {second} have {a.n_bytes} and {b.n_bytes} bytes; equal sizes can swap")
    data = bytearray(Path(path).read_bytes())
    from_a, from_b = slice(a.offset, a.offset + a.n_bytes), slice(b.offset, b.offset + b.n_bytes)
    data[from_a], data[from_b] = data[from_b], data[from_a]
    Path(path).write_bytes(data)


def flip_bits(path: str | Path, *, n_bits: int, seed: int, is_header_spared: bool = True) -> list[tuple[int, int]]:
    """Flip single bits at random places, (offset, mask) each; by default buffer 0 is spared."""
    source = random.Random(seed)
    data = bytearray(Path(path).read_bytes())
    first = buffers_of(path)[0].n_bytes if is_header_spared else 0
    if first >= len(data):
        raise LabError("the file has no buffer but the header's: nothing to flip")
    flipped = [(source.randrange(first, len(data)), 1 << source.randrange(8)) for _ in range(n_bits)]
    for offset, mask in flipped:
        data[offset] ^= mask
    Path(path).write_bytes(data)
    return flipped


def shrink_event(path: str | Path, number: int, size: int = 0) -> int:
    """Set the size of a buffer's first event, by default to 0; the file offset of the event."""
    offset = _place(path, number).offset + BUFFER_HEADER_BYTES
    with Path(path).open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack("<H", size))
    return offset


def preallocate(path: str | Path, n_bytes: int) -> None:
    """Append zeros up to `n_bytes`, as in a file that Windows made in full length and never trimmed."""
    with Path(path).open("r+b") as file:
        file.truncate(max(n_bytes, file.seek(0, 2)))


def _place(path: str | Path, number: int) -> BufferPlace:
    places = buffers_of(path)
    _check(places, (number,))
    return places[number]


def _check(places: list[BufferPlace], numbers: Collection[int]) -> None:
    wrong = [number for number in numbers if not 0 <= number < len(places)]
    if wrong:
        raise LabError(f"there is no buffer {wrong[0]}: the file has {len(places)}, 0 to {len(places) - 1}")


def _zero(path: str | Path, place: BufferPlace, from_byte: int) -> None:
    with Path(path).open("r+b") as file:
        file.seek(place.offset + from_byte)
        file.write(bytes(place.n_bytes - from_byte))
