"""`events` of a trace folder: from the columns of a slice to the table, and back to a slice.

What the table keeps of an event's bytes are its extended items and its payload; with these and the columns of its
header a slice is put together again, so that whatever reads slices reads trace folders, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wnv.arrays import BOOL, I32, I64, U8
from wnv.clock import NO_TIME
from wnv.errors import WnvError
from wnv.etl import layout
from wnv.etl.events import NO_HOOK, NO_PROVIDER, NULL_ID, Events, Guids
from wnv.etl.extended import Items, container_codes, read_items, sid_text
from wnv.etl.reader import Slice
from wnv.packets.headers import Texts
from wnv.providers import registry
from wnv.providers.nbls import nbl_addresses
from wnv.store.arrow import GUID_CHARACTERS, GUID_ORDER, GUID_PLACES, ByteRanges, Guids16, StoredData

_HAS_LEVEL = np.isin(
    np.arange(256),
    (layout.EVENT32, layout.EVENT64, layout.FULL32, layout.FULL64, layout.INSTANCE32, layout.INSTANCE64),
)
_CODE_OF_KIND = np.zeros(256, np.int32)
_CODE_OF_KIND[list(layout.HEADER_NAMES)] = np.arange(len(layout.HEADER_NAMES))
_GUID = np.dtype("V16")
_PADDING_BYTES = 256  # whole structures are read near the end, as in the memory of a file's slice


@dataclass(frozen=True, slots=True)
class Carried:
    """The frame that each event carries, a row an event of the slice."""

    frame_id: I64
    """-1 = none."""
    start: I64
    """Of the frame in the slice's memory, where the payload holds it in one piece: it is left out then."""
    n_bytes: I64
    """0 = nothing is left out."""


def event_columns(
    piece: Slice, session_of_buffer: I64, names: Mapping[str, str], carried: Carried
) -> dict[str, StoredData]:
    """The columns of `schema.STORED_EVENTS` for a slice. `names` are those the recording gives to providers."""
    events = piece.events
    n = len(events)
    kind = events.kind
    is_described = events.has_descriptor
    is_message = kind == layout.MESSAGE
    is_hook = events.hook_id != NO_HOOK
    related, sids, n_stack = _item_columns(piece.items, n)
    activity = events.activity()
    halves = activity.view("<u8").reshape(-1, 2)
    nbl, has_nbl = nbl_addresses(events)
    items_start = events.position + layout.FIXED_BYTES[kind]
    return {
        "event_row": piece.first_row + np.arange(n),
        "session_id": session_of_buffer[events.buffer],
        "ts_ns": events.ts_ns,
        "ticks": events.ticks,
        "header_kind": Texts(_CODE_OF_KIND[kind], list(layout.HEADER_NAMES.values())),
        "hook_id": _nullable(events.hook_id, is_hook),
        "cpu": events.cpu,
        "pid": _nullable(events.pid, events.pid != NULL_ID),
        "tid": _nullable(events.tid, events.tid != NULL_ID),
        "provider_guid": Texts(events.provider, events.guids.texts),
        "provider": _provider_names(events, is_hook, names),
        "event_id": _nullable(events.event_id, is_described | is_message),
        "version": events.version,
        "level": _nullable(events.level, _HAS_LEVEL[kind]),
        "opcode": _nullable(events.opcode, ~is_message),
        "keyword": np.ma.array(events.keyword, mask=~is_described) if not is_described.all() else events.keyword,
        "activity_id": Guids16(activity, (halves != 0).any(axis=1)),
        "related_activity_id": related,
        "container_id": Texts(piece.container, events.guids.texts),
        "sid": sids,
        "n_stack": n_stack,
        "buffer_row": events.buffer,
        "payload_offset": events.offset.astype(np.int64) + (events.payload_start - events.position),
        "payload_bytes": events.payload_bytes,
        "nbl_addr": np.ma.array(nbl, mask=~has_nbl),
        "items": ByteRanges(events.data, items_start, events.payload_start - items_start, _has_items(piece, n)),
        "payload": ByteRanges(
            events.data, events.payload_start, events.payload_bytes.astype(np.int64), None, carried.start,
            carried.n_bytes,
        ),
        "frame_id": carried.frame_id,
        "frame_offset": np.where(carried.n_bytes > 0, carried.start - events.payload_start, -1),
    }  # fmt: skip


def _nullable(values: NDArray[Any], known: BOOL) -> I64:  # Any: an integer type
    wide = values.astype(np.int64)
    if not known.all():
        wide[~known] = -1
    return wide


def _has_items(piece: Slice, n: int) -> BOOL:
    has = np.zeros(n, np.bool_)
    has[piece.items.event] = True
    return has


def _provider_names(events: Events, is_hook: BOOL, names: Mapping[str, str]) -> Texts:
    """By GUID, or by the class that a hook id stands for."""
    code, values = np.full(len(events.guids.texts) + 1, -1, np.int32), list[str]()
    numbers: dict[str, int] = {}

    def number(name: str | None) -> int:
        if not name:
            return -1
        if name not in numbers:
            numbers[name] = len(values)
            values.append(name)
        return numbers[name]

    for provider in np.unique(events.provider).tolist():
        if provider != NO_PROVIDER:
            guid = events.guids.texts[provider]
            code[provider] = number(_name(guid) or names.get(guid))
    of_event = code[events.provider]  # -1 is the last
    for hook in np.unique(events.hook_id[is_hook]).tolist():
        of_event[events.hook_id == hook] = number(_name(registry.hook_provider(hook)))
    return Texts(of_event, values)


@cache
def _name(guid: str | None) -> str | None:
    known = registry.provider(guid) if guid else None
    return known.name if known else None


def _item_columns(items: Items, n: int) -> tuple[StoredData, StoredData, I64]:
    """Related activity, user and number of stack addresses of each event."""
    n_stack = np.full(n, -1, np.int64)
    no_texts = Texts(np.full(n, -1, np.int32), [])
    if not len(items):
        return no_texts, no_texts, n_stack
    for kind, word_bytes in layout.STACK_WORD_BYTES.items():
        stacks = items.of_type(kind)
        if len(stacks):
            n_words = np.maximum(stacks.n_bytes - 8, 0) // word_bytes
            event, place = np.unique(stacks.event, return_inverse=True)
            n_stack[event] = np.maximum(n_stack[event], 0) + np.bincount(place, n_words).astype(np.int64)
    related: StoredData = no_texts
    mine = items.of_type(layout.ITEM_RELATED_ACTIVITY)
    whole = np.flatnonzero(mine.n_bytes == _GUID.itemsize)
    if len(whole):
        raw, given = np.zeros(n, _GUID), np.zeros(n, np.bool_)
        rows = mine.start[whole, None] + np.arange(_GUID.itemsize)
        raw[mine.event[whole]] = mine.data[rows].view(_GUID).reshape(-1)
        given[mine.event[whole]] = True
        related = Guids16(raw, given)
    return related, _sids(items.of_type(layout.ITEM_SID), n), n_stack


def _sids(items: Items, n: int) -> Texts:
    from wnv.decode.values import distinct_ranges

    code = np.full(n, -1, np.int32)
    if not len(items):
        return Texts(code, [])
    numbers, first = distinct_ranges(items.data, items.start, items.n_bytes)
    texts = [sid_text(items.raw(int(row))) for row in first]
    kept = [number for number, text in enumerate(texts) if text is not None]
    new = np.full(len(texts), -1, np.int32)
    new[kept] = np.arange(len(kept))
    code[items.event] = new[numbers]
    return Texts(code, [text for text in texts if text is not None])


# --- and back -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """Events of a trace folder as a slice, and what a slice does not say."""

    piece: Slice
    event_row: I64
    session_id: I64


def slice_of(rows: pa.RecordBatch, frames: ByteRanges, guids: Guids) -> Stored:
    """The slice that rows of `events` came from.

    `frames` are the bytes that were taken out of the payloads, one for each row with a `frame_offset`, in order.
    Raises `WnvError` where the columns contradict each other.
    """
    n = rows.num_rows
    kind = _kinds(rows.column("header_kind"))
    items, payload = _binary_of(rows, "items"), _binary_of(rows, "payload")
    frame_offset = numbers_of(rows, "frame_offset", -1)
    hole = np.flatnonzero(frame_offset >= 0)
    if len(hole) != len(frames) or (frame_offset[hole] > payload.n_bytes[hole]).any():
        raise contradiction()
    added = np.zeros(n, np.int64)
    added[hole] = frames.n_bytes
    # Before the items stands the activity, which is where it would be behind an EVENT_HEADER.
    size = _GUID.itemsize + items.n_bytes + payload.n_bytes + added
    items_at = np.cumsum(size) - size + layout.FIXED_BYTES.max() + _GUID.itemsize
    payload_at = items_at + items.n_bytes
    data = np.zeros(int(size.sum()) + int(layout.FIXED_BYTES.max()) + _PADDING_BYTES, np.uint8)
    _copy(items, data, items_at)
    before = np.where(frame_offset >= 0, frame_offset, payload.n_bytes)
    _copy(ByteRanges(payload.data, payload.start, before), data, payload_at)
    _copy(frames, data, payload_at[hole] + frame_offset[hole])
    rest = ByteRanges(payload.data, payload.start[hole] + before[hole], payload.n_bytes[hole] - before[hole])
    _copy(rest, data, payload_at[hole] + before[hole] + frames.n_bytes)
    _put_activities(rows.column("activity_id"), data, items_at - _GUID.itemsize)
    events = Events(
        data=data, guids=guids, buffer=numbers_of(rows, "buffer_row", 0).astype(np.int32),
        position=items_at - layout.FIXED_BYTES[kind], offset=np.zeros(n, np.uint32), kind=kind,
        ticks=numbers_of(rows, "ticks", 0), ts_ns=numbers_of(rows, "ts_ns", NO_TIME),
        cpu=numbers_of(rows, "cpu", 0).astype(np.uint16),
        pid=numbers_of(rows, "pid", NULL_ID).astype(np.uint32), tid=numbers_of(rows, "tid", NULL_ID).astype(np.uint32),
        provider=_guid_codes(rows.column("provider_guid"), guids),
        hook_id=numbers_of(rows, "hook_id", NO_HOOK).astype(np.uint16),
        event_id=numbers_of(rows, "event_id", 0).astype(np.uint16),
        version=numbers_of(rows, "version", 0).astype(np.uint16), level=numbers_of(rows, "level", 0).astype(np.uint8),
        opcode=numbers_of(rows, "opcode", 0).astype(np.uint8),
        keyword=rows.column("keyword").fill_null(0).to_numpy(zero_copy_only=False),
        has_items=items.is_given if items.is_given is not None else np.ones(n, np.bool_),
        payload_start=items_at, payload_bytes=(items.n_bytes + payload.n_bytes + added).astype(np.int32),
    )  # fmt: skip
    events, found, _ = read_items(events)
    offset = numbers_of(rows, "payload_offset", 0) - (events.payload_start - events.position)
    events = replace(events, offset=offset.astype(np.uint32))
    container, _ = container_codes(found, n, guids)
    event_row = numbers_of(rows, "event_row", 0)
    first_row = int(event_row[0]) if n else 0
    return Stored(Slice(first_row, events, found, container), event_row, numbers_of(rows, "session_id", 0))


def contradiction() -> WnvError:
    """What to raise where one table says what another rules out."""
    return WnvError(
        "the tables of the trace folder contradict each other", advice="Import the recording again."
    )  # fmt: skip


def numbers_of(rows: pa.RecordBatch, name: str, null: int) -> I64:
    """A column of whole numbers, with `null` where it has none."""
    column = rows.column(name)
    if column.null_count:
        column = column.fill_null(null)
    numbers: I64 = column.to_numpy(zero_copy_only=False)
    return numbers


def binary_ranges(column: pa.Array) -> ByteRanges:
    """The bytes of a column, in its own memory."""
    offsets = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, 4 * column.offset).astype(np.int64)
    raw = column.buffers()[2]
    data = np.frombuffer(raw, np.uint8) if raw is not None else np.zeros(0, np.uint8)
    given = None if not column.null_count else np.asarray(column.is_valid())
    return ByteRanges(data, offsets[:-1], np.diff(offsets), given)


def _binary_of(rows: pa.RecordBatch, name: str) -> ByteRanges:
    return binary_ranges(rows.column(name))


def _copy(ranges: ByteRanges, out: U8, at: I64) -> None:
    from wnv import kernels

    kernels.copy_pieces(ranges.data, ranges.start, ranges.n_bytes, out, at)


def _kinds(names: pa.Array) -> U8:
    coded = names.dictionary_encode()
    known = [_KIND_OF_NAME.get(name) for name in coded.dictionary.to_pylist()]
    if None in known or coded.indices.null_count:
        raise contradiction()
    kinds: U8 = np.array(known, np.uint8)[coded.indices.to_numpy(zero_copy_only=False)]
    return kinds


def _guid_codes(texts: pa.Array, guids: Guids) -> I32:
    coded = texts.dictionary_encode()
    known = np.array([*(_guid_code(text, guids) for text in coded.dictionary.to_pylist()), NO_PROVIDER], np.int32)
    indices: I64 = coded.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)
    return known[indices]


def _guid_code(text: str, guids: Guids) -> int:
    try:
        return guids.code(UUID(text).bytes_le)
    except ValueError:
        raise contradiction() from None


def _put_activities(texts: pa.Array, data: U8, at: I64) -> None:
    rows = np.flatnonzero(np.asarray(texts.is_valid()))
    if not len(rows):
        return
    given = binary_ranges(texts.drop_null())
    if (given.n_bytes != GUID_CHARACTERS).any():
        raise contradiction()
    digits = _DIGIT[given.data[given.start[:, None] + GUID_PLACES]]
    if (digits > 15).any():
        raise contradiction()
    raw = np.empty((len(rows), _GUID.itemsize), np.uint8)
    raw[:, GUID_ORDER] = digits[:, 0::2] << 4 | digits[:, 1::2]
    data[at[rows][:, None] + np.arange(_GUID.itemsize)] = raw


_KIND_OF_NAME = {name: kind for kind, name in layout.HEADER_NAMES.items()}
_DIGIT = np.full(256, 255, np.uint8)
for _value, _character in enumerate("0123456789abcdef"):
    _DIGIT[ord(_character)] = _value
