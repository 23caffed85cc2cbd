"""`frames` and `observations` of a trace folder: from sightings to the tables, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from wnv.arrays import BOOL, I64, U8, U16, U32
from wnv.clock import NO_TIME
from wnv.etl.events import NULL_ID
from wnv.etl.reader import Slice
from wnv.packets.frames import NO_VLAN_RECORDED, Fragments
from wnv.packets.headers import Texts
from wnv.packets.points import IN, LINK_NAMES, LINK_UNKNOWN, NO_DIRECTION, OUT
from wnv.packets.sightings import PacketRows
from wnv.packets.table import frame_columns
from wnv.providers.words import drop_location, drop_reason
from wnv.store.arrow import ByteRanges, StoredData
from wnv.store.events import Carried, binary_ranges, numbers_of

_PADDING_BYTES = 256  # behind the bytes of frames: headers are read as whole structures
_DIRECTIONS = ["in", "out"]
_CODE_OF_DIRECTION = np.full(256, -1, np.int32)
_CODE_OF_DIRECTION[[IN, OUT]] = 0, 1
_NUMBER_OF_DIRECTION = {"in": IN, "out": OUT}
_NUMBER_OF_LINK = {name: number for number, name in LINK_NAMES.items()}


@dataclass(frozen=True, slots=True)
class FrameRows:
    """Which rows of the sightings of a slice are the first of their frame, and the frame of each row."""

    first: I64
    frame_id: I64
    """Of each row."""
    carried: Carried


def find_frames(piece: Slice, packets: PacketRows | None, n_before: int) -> FrameRows:
    """Number the frames of a slice, from `n_before` on: the sightings of one event share one."""
    n = len(piece.events)
    carried = Carried(np.full(n, -1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64))
    if packets is None:
        return FrameRows(np.zeros(0, np.int64), np.zeros(0, np.int64), carried)
    start, n_bytes = packets.fragments.start, packets.fragments.n_bytes
    is_new = np.ones(len(packets), np.bool_)
    is_new[1:] = (np.diff(packets.event_row) != 0) | (np.diff(start) != 0) | (np.diff(n_bytes) != 0)
    first = np.flatnonzero(is_new)
    frame_id = n_before + np.cumsum(is_new) - 1
    event = packets.event_row[first] - piece.first_row
    carried.frame_id[event] = frame_id[first]
    if packets.data is piece.events.data:
        start, n_bytes = start[first], n_bytes[first]
        payload = piece.events.payload_start[event]
        inside = (start >= payload) & (start + n_bytes <= payload + piece.events.payload_bytes[event])
        inside &= carried.frame_id[event] == frame_id[first]  # the last, where an event has several
        carried.start[event[inside]] = start[inside]
        carried.n_bytes[event[inside]] = n_bytes[inside]
    return FrameRows(first, frame_id, carried)


def stored_frames(packets: PacketRows, found: FrameRows, session_id: I64) -> dict[str, StoredData]:
    """The columns of `schema.FRAMES`. `session_id` is that of each sighting."""
    rows, fragments = found.first, packets.fragments
    start, n_bytes = fragments.start[rows], fragments.n_bytes[rows]
    columns: dict[str, StoredData] = {}
    columns.update(
        frame_columns(packets.data, start, n_bytes, fragments.link_type[rows], packets.original_bytes[rows])
    )  # fmt: skip
    columns["frame_id"] = found.frame_id[rows]
    columns["session_id"] = session_id[rows]
    columns["bytes"] = ByteRanges(packets.data, start, n_bytes)
    return columns


def stored_observations(
    packets: PacketRows, found: FrameRows, session_id: I64, cpu: U16, n_before: int, build: I64, remarks: Sequence[str]
) -> dict[str, StoredData]:
    """The columns of `schema.OBSERVATIONS`, numbered from `n_before` on.

    `session_id`, `cpu` and `build`, that of Windows there: of each sighting.
    """
    fragments = packets.fragments
    n, drop, group = len(packets), fragments.is_drop, fragments.has_group

    def where(known: BOOL, values: U16 | U32) -> I64:
        return np.where(known, values.astype(np.int64), -1)

    return {
        "observation_id": n_before + np.arange(n),
        "session_id": session_id,
        "event_row": packets.event_row,
        "frame_id": found.frame_id,
        "ts_ns": packets.ts_ns,
        "cpu": cpu,
        "pid": where(packets.pid != NULL_ID, packets.pid),
        "tid": where(packets.tid != NULL_ID, packets.tid),
        "point_id": packets.point,
        "direction": Texts(_CODE_OF_DIRECTION[packets.direction], _DIRECTIONS),
        "packet_group": np.ma.array(fragments.group, mask=~group),
        "packet_number": where(group, fragments.number),
        "appearance": where(group, fragments.appearance),
        "vlan": fragments.vlan,
        "priority": fragments.priority,
        "source_port": fragments.source_port,
        "is_large_send": fragments.is_large_send,
        "n_coalesced": fragments.n_coalesced,
        "remark": Texts(fragments.remark, list(remarks)),
        "is_drop": drop,
        "drop_reason": _words(fragments.drop_reason, build, drop, lambda code, build: drop_reason(code, build).slug),
        "drop_reason_code": where(drop, fragments.drop_reason),
        "drop_location": _words(
            fragments.drop_location, build, drop, lambda code, build: drop_location(code, build).name
        ),
        "drop_location_code": where(drop, fragments.drop_location),
    }


def _words(codes: U32, build: I64, given: BOOL, word: Callable[[int, int], str]) -> Texts:
    """What each number that is given means in the Windows that logged it."""
    code = np.full(len(codes), -1, np.int32)
    distinct, inverse = np.unique(build[given] << 32 | codes[given], return_inverse=True)
    texts = [word(both & 0xFFFFFFFF, both >> 32) for both in distinct.tolist()]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if texts:
        code[given] = np.array([numbers[text] for text in texts], np.int32)[inverse]
    return Texts(code, list(numbers))


# --- and back -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredFrames:
    """Some frames of a trace folder."""

    data: U8
    """With padding behind the last."""
    start: I64
    n_bytes: I64
    original_bytes: I64
    link_type: U16


def frames_of(rows: pa.RecordBatch) -> StoredFrames:
    """The frames of rows of `frames`: columns `bytes`, `original_bytes` and `link_type`."""
    from wnv import kernels

    stored = binary_ranges(rows.column("bytes"))
    start = np.cumsum(stored.n_bytes) - stored.n_bytes
    data = np.zeros(int(stored.n_bytes.sum()) + _PADDING_BYTES, np.uint8)
    kernels.copy_pieces(stored.data, stored.start, stored.n_bytes, data, start)
    coded = rows.column("link_type").dictionary_encode()
    numbers = np.array([_link_number(name) for name in coded.dictionary.to_pylist()], np.uint16)
    link_type = numbers[coded.indices.to_numpy(zero_copy_only=False)] if len(coded) else np.zeros(0, np.uint16)
    return StoredFrames(data, start, stored.n_bytes, numbers_of(rows, "original_bytes", 0), link_type)


def _link_number(name: str) -> int:
    digits = name.removeprefix("link")
    return _NUMBER_OF_LINK.get(name, int(digits) & 0xFFFF if digits.isascii() and digits.isdigit() else LINK_UNKNOWN)


def packets_of(
    rows: pa.RecordBatch, frames: StoredFrames, frame: I64, event: I64, remarks: Sequence[str]
) -> PacketRows:
    """The sightings that rows of `observations` came from, as whole frames.

    `frame`: row in `frames` of each, `event`: row in the slice. `remarks` are the texts that `Fragments.remark`
    counts in.
    """
    n_bytes, original = frames.n_bytes[frame], frames.original_bytes[frame]
    has_group = np.asarray(rows.column("packet_group").is_valid())
    coded = rows.column("remark").dictionary_encode()
    places = np.array([*(_place(text, remarks) for text in coded.dictionary.to_pylist()), -1], np.int32)
    fragments = Fragments.whole(
        event, frames.start[frame], n_bytes, frames.link_type[frame], stated_bytes=original,
        vlan=numbers_of(rows, "vlan", NO_VLAN_RECORDED).astype(np.int32),
        priority=numbers_of(rows, "priority", 0).astype(np.uint8),
        is_large_send=_flags(rows, "is_large_send"), n_coalesced=numbers_of(rows, "n_coalesced", 0).astype(np.uint16),
        source_port=numbers_of(rows, "source_port", -1).astype(np.int32), has_group=has_group,
        group=rows.column("packet_group").fill_null(0).to_numpy(zero_copy_only=False),
        number=numbers_of(rows, "packet_number", 0).astype(np.uint16),
        appearance=numbers_of(rows, "appearance", 0).astype(np.uint16), is_drop=_flags(rows, "is_drop"),
        drop_reason=numbers_of(rows, "drop_reason_code", 0).astype(np.uint32),
        drop_location=numbers_of(rows, "drop_location_code", 0).astype(np.uint32),
        remark=places[coded.indices.fill_null(len(places) - 1).to_numpy(zero_copy_only=False)],
    )  # fmt: skip
    coded = rows.column("direction").dictionary_encode()
    directions = np.array(
        [*(_NUMBER_OF_DIRECTION.get(text, NO_DIRECTION) for text in coded.dictionary.to_pylist()), NO_DIRECTION],
        np.uint8,
    )  # fmt: skip
    return PacketRows(
        data=frames.data, event_row=numbers_of(rows, "event_row", 0), ts_ns=numbers_of(rows, "ts_ns", NO_TIME),
        pid=numbers_of(rows, "pid", NULL_ID).astype(np.uint32), tid=numbers_of(rows, "tid", NULL_ID).astype(np.uint32),
        fragments=fragments, original_bytes=original, point=numbers_of(rows, "point_id", 0),
        direction=directions[coded.indices.fill_null(len(directions) - 1).to_numpy(zero_copy_only=False)],
    )  # fmt: skip


def _flags(rows: pa.RecordBatch, name: str) -> BOOL:
    flags: BOOL = rows.column(name).fill_null(False).to_numpy(zero_copy_only=False)
    return flags


def _place(text: str, remarks: Sequence[str]) -> int:
    return remarks.index(text) if text in remarks else -1
