"""The index of a file's buffers, and bringing buffers into memory.

A file has no index of its own: each buffer says where the next one starts (etl-format.md, sections 1
and 2), so the headers are stepped through once. Buffers are then loaded in any order into a reused,
8-byte aligned arena, unpacked where they are compressed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from wnv.arrays import BOOL, I64, U8, U16, U32, U64
from wnv.diagnostics import Code, Log
from wnv.etl import layout
from wnv.etl.session import SessionHeader
from wnv.etl.source import VIEWS_MAX, Source

UNPACK_FACTOR = 256
UNPACK_SPARE_BYTES = 256 * 2**20
_PACKED_FACTOR = 4
_PACKED_SPARE_BYTES = 1024
_HOLE_STEP_BYTES = 1024  # where the session's buffer size is unknown: every buffer size is a multiple of it
_PADDING_WORDS = 32  # zeros behind the last buffer, so that whole header rows can be read near the end
_COPY_BYTES = 8 * 2**20
_GAP_BYTES = 16 * 1024  # between two buffers: more is passed over by a call of its own
_RUN_BUFFERS = VIEWS_MAX // 2
_ZEROS_BYTES = 4096  # looked at first: a file can have a hole in every other place
_FIELDS = struct.Struct("<II8xqq8xHHIIHH")


@dataclass(frozen=True, slots=True)
class BufferIndex:
    """One row a buffer, in file order. 37 bytes a row; the walk adds counts and times (`order.Spans`)."""

    offset: I64
    """Where the buffer starts in its file."""
    stored_bytes: U32
    """Bytes on disk, header included, clipped to the file."""
    used_bytes: U32
    """Bytes in use, header included; in a compressed buffer after unpacking."""
    cpu: U16
    sequence: I64
    timestamp: I64
    """As stored: session clock, or FILETIME in merged and relogged files."""
    flags: U16
    kind: U8
    """`BufferType`."""

    def __len__(self) -> int:
        return len(self.offset)

    @property
    def is_compressed(self) -> BOOL:
        is_set: BOOL = (self.flags & layout.FLAG_COMPRESSED) != 0
        return is_set


def index_buffers(source: Source, header: SessionHeader, log: Log) -> BufferIndex:
    """Step through the buffer headers of `source` to the end of the file (etl-format.md, sections 2, 11)."""
    offsets, stamps, sequences = array("q"), array("q"), array("q")
    stored, used_all = array("I"), array("I")
    cpus, flags_all, kinds = array("H"), array("H"), array("B")
    unpack_left = UNPACK_FACTOR * source.size + UNPACK_SPARE_BYTES
    step = header.buffer_bytes if header.buffer_bytes >= layout.BUFFER_HEADER_BYTES else _HOLE_STEP_BYTES
    raw = bytearray(layout.BUFFER_HEADER_BYTES)
    view = memoryview(raw)
    at = origin = 0
    while source.size - at >= layout.BUFFER_HEADER_BYTES:
        if source.read_at(at, view) < layout.BUFFER_HEADER_BYTES:
            log.record(Code.FILE_CHANGED, file=source.name, byte_offset=at)
            break
        size, saved, stamp, sequence, processor, _, _, offset, flags, kind = _FIELDS.unpack_from(raw)
        if size < layout.BUFFER_HEADER_BYTES:
            resume = _after_damage(source, header, at, origin, step, is_hole=not any(raw), log=log)
            if resume is None:
                break
            at = resume
            continue
        if size > layout.BUFFER_BYTES_MAX:
            log.record(Code.BUFFER_TOO_LARGE, file=source.name, byte_offset=at, detail=f"{size:,} bytes")
            following = _next_place(at, origin, step)
            if header.is_compressed or following >= source.size:
                break
            at = following
            continue
        if size != step and at > origin and _is_misleading(source, header, at, size, step):
            log.record(Code.BUFFER_SIZE_INVALID, file=source.name, byte_offset=at, detail=f"{size:,} bytes")
            size = step
        here = min(size, source.size - at)
        if here < size:
            log.record(
                Code.BUFFER_CLIPPED,
                file=source.name,
                byte_offset=at,
                detail=f"{size - here:,} bytes are missing",
            )
        used = offset if offset >= layout.BUFFER_HEADER_BYTES else saved
        used = max(used, layout.BUFFER_HEADER_BYTES)
        if flags & layout.FLAG_COMPRESSED:
            if used > layout.BUFFER_BYTES_MAX:
                log.record(
                    Code.BUFFER_TOO_LARGE,
                    file=source.name,
                    byte_offset=at,
                    detail=f"unpacks to {used:,} bytes",
                )
                used = layout.BUFFER_HEADER_BYTES
            elif used - layout.BUFFER_HEADER_BYTES > unpack_left:
                log.record(Code.UNPACK_LIMIT, file=source.name, byte_offset=at)
                break
            unpack_left -= used - layout.BUFFER_HEADER_BYTES
        elif used > size:
            log.record(Code.BUFFER_USE_CLIPPED, file=source.name, byte_offset=at)
            used = here
        else:
            used = min(used, here)
        if kind in layout.TYPES_WITHOUT_EVENTS:
            name = layout.BUFFER_TYPE_NAMES[kind]
            log.record(Code.BUFFER_TYPE_SKIPPED, file=source.name, byte_offset=at, detail=name)
            used = layout.BUFFER_HEADER_BYTES
        offsets.append(at)
        stored.append(here)
        used_all.append(used)
        cpus.append(processor & 0x7FF if flags & layout.FLAG_PROCESSOR_INDEX else processor & 0xFF)
        sequences.append(sequence)
        stamps.append(stamp)
        flags_all.append(flags)
        kinds.append(kind & 0xFF)
        if at == 0 and header.mode & layout.MODE_RELOG:
            origin = size  # buffer 0 of a relogged file is smaller than the others
        at += size
    else:
        if any(source.bytes_at(at, layout.BUFFER_HEADER_BYTES)):
            log.record(Code.BUFFER_CLIPPED, file=source.name, byte_offset=at, detail="inside its header")
    return BufferIndex(
        offset=_column(offsets), stored_bytes=_column(stored), used_bytes=_column(used_all), cpu=_column(cpus),
        sequence=_column(sequences), timestamp=_column(stamps), flags=_column(flags_all), kind=_column(kinds),
    )  # fmt: skip


def _column(values: array[int]) -> Any:  # Any: the dtype is that of the values
    """The same memory as an array of NumPy."""
    return np.frombuffer(values, values.typecode) if values else np.zeros(0, values.typecode)


def _next_place(at: int, origin: int, step: int) -> int:
    """The next place behind `at` where a buffer of a plain session lies: multiples of its size from `origin`."""
    return at + step - (at - origin) % step


def _after_damage(
    source: Source, header: SessionHeader, at: int, origin: int, step: int, *, is_hole: bool, log: Log
) -> int | None:
    """Where reading can go on behind a header that states no possible size; None = nowhere."""
    if not is_hole:
        log.record(Code.BUFFER_SIZE_INVALID, file=source.name, byte_offset=at)
        if header.is_compressed:
            return None
        following = _next_place(at, origin, step)
        return following if following < source.size else None
    log.record(Code.BUFFER_HOLE, file=source.name, byte_offset=at)
    following = at + step
    if not header.is_compressed and following < source.size:
        n_zeros = _end_of_zeros(source, at) - at
        following = at + max(step, n_zeros // step * step)
        return following if at + n_zeros < source.size else None
    return None


def _is_misleading(source: Source, header: SessionHeader, at: int, size: int, step: int) -> bool:
    """Whether a possible size is wrong all the same: it leads to no buffer, the session's own size does."""
    if header.is_compressed or at + size == source.size:
        return False
    return not _is_buffer(source, at + size) and _is_buffer(source, at + step)


def _is_buffer(source: Source, at: int) -> bool:
    raw = source.bytes_at(at, layout.BUFFER_HEADER_BYTES)
    if len(raw) < layout.BUFFER_HEADER_BYTES:
        return False
    size, saved, _, _, _, _, _, offset, _, kind = _FIELDS.unpack_from(raw)
    is_sized = layout.BUFFER_HEADER_BYTES <= size <= layout.BUFFER_BYTES_MAX and kind in layout.BUFFER_TYPE_NAMES
    return is_sized and max(saved, offset) <= layout.BUFFER_BYTES_MAX


def _end_of_zeros(source: Source, at: int) -> int:
    """The first byte at or after `at` that is not zero, or the size of the file."""
    n_bytes = _ZEROS_BYTES
    while at < source.size:
        data = source.bytes_at(at, n_bytes)
        if not data:
            break
        rest = data.lstrip(b"\0")
        if rest:
            return at + len(data) - len(rest)
        at += len(data)
        n_bytes = min(2 * n_bytes, _COPY_BYTES)
    return source.size


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """One file of a recording, open, with the index of its buffers."""

    source: Source
    header: SessionHeader
    index: BufferIndex


@dataclass(frozen=True, slots=True)
class Loaded:
    """Buffers in memory. `words` and `data` are two views of one arena, valid until the next load."""

    words: U64
    data: U8
    body: I64
    """Where the events of each buffer start in `data`; a multiple of 8."""
    end: I64
    """Where its used bytes end."""


class Arena:
    """Memory for loaded buffers, reused and grown as needed."""

    def __init__(self) -> None:
        self._words: U64 = np.zeros(_PADDING_WORDS, np.uint64)
        self._packed: U8 = np.zeros(0, np.uint8)

    def take(self, n_bytes: int) -> U64:
        """At least `n_bytes` of memory of undefined content, with zeros behind."""
        n_words = -(-n_bytes // 8)
        if len(self._words) < n_words + _PADDING_WORDS:
            self._words = np.empty(n_words + n_words // 8 + _PADDING_WORDS, np.uint64)
        words = self._words[: n_words + _PADDING_WORDS]
        words[n_words:] = 0
        return words

    def take_packed(self, n_bytes: int) -> U8:
        if len(self._packed) < n_bytes:
            self._packed = np.empty(n_bytes + n_bytes // 8, np.uint8)
        return self._packed[:n_bytes]


def load_buffers(files: Sequence[IndexedFile], file_of: U16, row_of: I64, arena: Arena, log: Log | None) -> Loaded:
    """Read the buffers `row_of[k]` of the files `file_of[k]` into `arena`, in that order.

    Only used bytes are read. A buffer that cannot be unpacked, or is no longer there, is empty in the
    result. Diagnostics are recorded where `log` is given (the first of the two passes over a file).
    """
    offset, stored, used = (np.empty(len(row_of), np.int64) for _ in range(3))
    is_packed = np.zeros(len(row_of), np.bool_)
    for number, file in enumerate(files):
        mine = file_of == number
        rows = row_of[mine]
        offset[mine] = file.index.offset[rows]
        stored[mine] = file.index.stored_bytes[rows]
        used[mine] = file.index.used_bytes[rows]
        is_packed[mine] = file.index.is_compressed[rows]
    room = (used + 7) & ~7
    stop = np.cumsum(room)
    start = stop - room
    words = arena.take(int(stop[-1]) if len(stop) else 0)
    data = words.view(np.uint8)
    end = start + used
    for number, file in enumerate(files):
        mine = file_of == number
        plain = np.flatnonzero(mine & ~is_packed)
        end[plain] = _read_plain(file, offset[plain], start[plain], end[plain], data, log)
        packed = np.flatnonzero(mine & is_packed)
        if len(packed):
            end[packed] = _read_packed(
                file, offset[packed], stored[packed], start[packed], end[packed], data, arena, log
            )
    return Loaded(words=words, data=data, body=start + layout.BUFFER_HEADER_BYTES, end=end)


def _read_plain(file: IndexedFile, offset: I64, start: I64, end: I64, data: U8, log: Log | None) -> I64:
    """Fill `data` with uncompressed buffers; returns where each really ends.

    Neighbours in the file are read together, and what lies between them into memory that nobody looks at.
    """
    if not len(offset):
        return end
    target = data.data
    size = end - start
    gap = offset[1:] - offset[:-1] - size[:-1]
    is_new_run = np.append(True, (gap < 0) | (gap > _GAP_BYTES))
    is_new_run[::_RUN_BUFFERS] = True
    first_of_run = np.flatnonzero(is_new_run)
    got = np.zeros(len(offset), np.int64)
    between = memoryview(bytearray(int(np.append(gap[~is_new_run[1:]], 0).max())))
    places = list(zip(start.tolist(), end.tolist(), [0, *gap.tolist()], strict=True))
    for first, last in pairwise([*first_of_run.tolist(), len(offset)]):
        views = [target[places[first][0] : places[first][1]]]
        for begin, stop, before in places[first + 1 : last]:
            views += (between[:before], target[begin:stop])
        got[first:last] = file.source.read_into(int(offset[first]), views) - (offset[first:last] - offset[first])
    got = np.clip(got, 0, size)
    if log is not None:
        log.record(Code.FILE_CHANGED, file=file.source.name, byte_offset=offset[got < size])
    return start + got


def _read_packed(
    file: IndexedFile, offset: I64, stored: I64, start: I64, end: I64, data: U8, arena: Arena, log: Log | None
) -> I64:
    """Fill `data` with compressed buffers, several unpacked at a time; returns where each really ends."""
    from wnv.etl.compression import unpack_buffers, unpack_start

    # No valid stream is longer than this; the rest of a larger one is not worth its memory.
    most = _PACKED_FACTOR * (end - start) + _PACKED_SPARE_BYTES
    sizes = np.minimum(stored - layout.BUFFER_HEADER_BYTES, most)
    packed_stop = np.cumsum(sizes)
    packed_start = packed_stop - sizes
    scratch = arena.take_packed(int(packed_stop[-1]))
    got = _read_plain(file, offset + layout.BUFFER_HEADER_BYTES, packed_start, packed_stop, scratch, log) - packed_start
    body = start + layout.BUFFER_HEADER_BYTES
    room = end - body
    worked = unpack_buffers(scratch, packed_start, got, data, body, end - body, file.header.pack_format)
    end = np.where(worked == 0, body, end)
    failed = np.flatnonzero(worked == 0)
    for k in failed.tolist():
        if offset[k] + stored[k] == file.source.size and _is_cut(file.source, int(offset[k]), int(stored[k])):
            # The file ends inside it, which was said: what is before that place is whole.
            start = packed_start[k]
            end[k] += unpack_start(scratch[start : start + got[k]], data[body[k] : body[k] + room[k]])
            failed = failed[failed != k]
    if log is not None:
        log.record(Code.UNPACK_FAILED, file=file.source.name, byte_offset=offset[failed])
    return end


def _is_cut(source: Source, at: int, stored_bytes: int) -> bool:
    """Whether the buffer at `at` states more bytes than the file has."""
    return int.from_bytes(source.bytes_at(at, 4), "little") > stored_bytes
