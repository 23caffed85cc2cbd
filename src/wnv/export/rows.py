"""Events as rows of `schema.EVENTS`: plain Python values, column by column, for CSV and JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Protocol
from uuid import UUID

import numpy as np

from wnv.arrays import BOOL, I32, I64, Rows
from wnv.clock import NO_TIME
from wnv.decode.columns import Decoded, Fit
from wnv.decode.decoder import Decoder, Reason
from wnv.decode.sentences import raw_text, render_sentences
from wnv.etl import layout
from wnv.etl.events import NO_HOOK, NULL_ID, Events, Guids
from wnv.etl.extended import Items, sid_text
from wnv.etl.reader import Slice
from wnv.providers import registry
from wnv.providers.nbls import nbl_addresses
from wnv.schema import FIELDS

_GUID = np.dtype("V16")
_HAS_LEVEL = (layout.EVENT32, layout.EVENT64, layout.FULL32, layout.FULL64, layout.INSTANCE32, layout.INSTANCE64)


def select_events(piece: Slice, guids: set[str], ids: set[int], start_ns: int | None, end_ns: int | None) -> I64:
    """Rows of the events of these providers, with these ids (opcodes for classic ones), in this window.

    An empty set selects all. Kernel events belong to the class their hook id stands for.
    """
    events = piece.events
    keep = np.ones(len(events), np.bool_)
    if guids:
        codes = [code for code, guid in enumerate(events.guids.texts) if guid in guids]
        hooks = [
            hook
            for hook in np.unique(events.hook_id).tolist()
            if hook != NO_HOOK and registry.hook_provider(hook) in guids
        ]
        keep &= np.isin(events.provider, codes) | np.isin(events.hook_id, hooks)
    if ids:
        is_classic = ~events.has_descriptor & (events.kind != layout.MESSAGE)
        keep &= np.isin(np.where(is_classic, events.opcode, events.event_id), list(ids))
    if start_ns is not None:
        keep &= events.ts_ns >= start_ns
    if end_ns is not None:
        keep &= (events.ts_ns < end_ns) & (events.ts_ns != NO_TIME)
    return np.flatnonzero(keep)


class Sessions(Protocol):
    """A recording, or a trace folder."""

    @property
    def session_of_buffer(self) -> I64: ...


def event_columns(
    recording: Sessions, piece: Slice, rows: I64, *, payload: bool = False, names: Mapping[str, str] | None = None
) -> dict[str, list[Any]]:
    """The columns of `schema.EVENTS` for the events `rows` of `piece`; None is null.

    With `payload`, a last column `payload` in hexadecimal. `names` are those the recording gives to providers.
    """
    events = piece.events.select(rows)
    n = len(rows)
    is_described = events.has_descriptor
    is_classic = ~is_described & (events.kind != layout.MESSAGE)
    provider = _texts(events.guids, events.provider)
    hooks = events.hook_id.tolist()
    related, sids, stacks = _item_columns(piece.items, rows)
    activity = _guid_texts(events.activity())
    columns: dict[str, list[Any]] = {
        "event_row": (piece.first_row + rows).tolist(),
        "session_id": recording.session_of_buffer[events.buffer].tolist(),
        "ts_ns": _nullable(events.ts_ns, events.ts_ns != NO_TIME),
        "ticks": events.ticks.tolist(),
        "header_kind": [layout.HEADER_NAMES[kind] for kind in events.kind.tolist()],
        "hook_id": [None if hook == NO_HOOK else hook for hook in hooks],
        "cpu": events.cpu.tolist(),
        "pid": _nullable(events.pid, events.pid != NULL_ID),
        "tid": _nullable(events.tid, events.tid != NULL_ID),
        "provider_guid": provider,
        "provider": [
            _provider_name(guid, hook) or (names or {}).get(guid or "")
            for guid, hook in zip(provider, hooks, strict=True)
        ],
        "event_id": _nullable(events.event_id, ~is_classic),
        "version": events.version.tolist(),
        "level": _nullable(events.level, np.isin(events.kind, _HAS_LEVEL)),
        "opcode": _nullable(events.opcode, events.kind != layout.MESSAGE),
        "keyword": _nullable(events.keyword, is_described),
        "activity_id": [None if text == registry.NULL_GUID else text for text in activity],
        "related_activity_id": related,
        "container_id": _texts(events.guids, piece.container[rows]),
        "sid": sids,
        "n_stack": stacks,
        "buffer_row": events.buffer.tolist(),
        "payload_offset": (events.offset + (events.payload_start - events.position)).tolist(),
        "payload_bytes": events.payload_bytes.tolist(),
        "nbl_addr": _nullable(*nbl_addresses(events)),
    }
    if payload:
        places = zip(events.payload_start.tolist(), events.payload_bytes.tolist(), strict=True)
        columns["payload"] = [events.data[at : at + size].tobytes().hex() for at, size in places]
    assert all(len(column) == n for column in columns.values())
    return columns


def field_columns(decoder: Decoder, piece: Slice, rows: I64) -> dict[str, list[Any]]:
    """The columns of `schema.FIELDS` for the events `rows` (increasing) of `piece`; None is null."""
    columns: dict[str, list[Any]] = {name: [None] * len(rows) for name in FIELDS.names}
    part = piece.take(rows)
    events, sessions = part.events, decoder.sessions(part.events)
    pids = events.pid.astype(np.int64)
    columns["process"] = decoder.processes.names(sessions, pids, events.ts_ns)
    columns["process_container_id"] = decoder.processes.containers(sessions, pids, events.ts_ns)
    for description, places, decoded in decoder.kinds(part):
        if description is None or decoded is None:
            reason = decoder.why_raw(part, int(places[0]))
            for place in places.tolist():
                if reason is None:
                    continue
                columns["remark"][place] = reason.value
                columns["summary"][place] = f"{_RAW_WORDS[reason]}: {raw_text(_payload(events, place))}"
            continue

        def names_of(ids: I64, places: I64 = places) -> list[str | None]:
            return decoder.processes.names(sessions[places], ids, events.ts_ns[places])

        values = zip(
            decoded.to_pylist(), render_sentences(decoded, names_of), decoded.is_whole.tolist(), _remarks(decoded),
            places.tolist(), strict=True,
        )  # fmt: skip
        for fields, summary, is_whole, remark, place in values:
            columns["name"][place] = description.name or None
            columns["summary"][place] = summary
            if not is_whole:
                columns["summary"][place] = f"{summary} | {raw_text(_payload(events, place))}"
            columns["source"][place] = description.source.value
            columns["is_whole"][place] = is_whole
            columns["confidence"][place] = description.confidence
            columns["remark"][place] = remark
            columns["fields"][place] = fields
    return columns


_RAW_WORDS: Final = {
    Reason.NO_DESCRIPTION: "not described", Reason.WPP: "WPP message", Reason.SCHEMA_INVALID: "schema cannot be read",
}  # fmt: skip


def _remarks(decoded: Decoded) -> list[str | None]:
    """What is doubtful about each event, None = nothing."""
    sure = [decoded.description.reason] if decoded.description.reason else []
    if decoded.unsure:
        sure.append(f"inferred: {', '.join(decoded.unsure)}")
    found: list[str | None] = []
    for fit, n_left in zip(decoded.fit.tolist(), decoded.n_left.tolist(), strict=True):
        more = []
        if fit == Fit.CUT:
            more.append("the payload is shorter than its description, or does not fit it")
        elif fit == Fit.UNKNOWN:
            more.append(f"{n_left} bytes of unknown layout")
        elif n_left:
            more.append(f"{n_left} {'byte' if n_left == 1 else 'bytes'} behind the last field")
        found.append("; ".join([*more, *sure]) or None)
    return found


def _payload(events: Events, row: int) -> bytes:
    start = int(events.payload_start[row])
    return events.data[start : start + int(events.payload_bytes[row])].tobytes()


def _nullable(values: np.ndarray[Any, Any], known: BOOL) -> list[Any]:  # Any: any number
    if known.all():
        return list(values.tolist())
    return [value if is_known else None for value, is_known in zip(values.tolist(), known.tolist(), strict=True)]


def _texts(guids: Guids, codes: I32) -> list[str | None]:
    names: list[str | None] = [*guids.texts, None]  # the last for NO_PROVIDER, -1
    return [names[code] for code in codes.tolist()]


def _guid_texts(raw: Rows) -> list[str]:
    """Texts of GUIDs that are too many to number for the whole run."""
    local = Guids()
    codes = local.codes(raw)
    return [local.texts[code] for code in codes.tolist()]


@cache
def _provider_name(guid: str | None, hook_id: int) -> str | None:
    known = registry.provider(registry.hook_provider(hook_id) if hook_id != NO_HOOK else guid or "")
    return known.name if known else None


def _item_columns(items: Items, rows: I64) -> tuple[list[str | None], list[str | None], list[int | None]]:
    """Related activity, user and number of stack addresses of the events `rows` (increasing)."""
    related: list[str | None] = [None] * len(rows)
    sids: list[str | None] = [None] * len(rows)
    stacks: list[int | None] = [None] * len(rows)
    if not len(rows):
        return related, sids, stacks
    place = np.searchsorted(rows, items.event)
    for item in np.flatnonzero(rows[np.minimum(place, len(rows) - 1)] == items.event).tolist():
        row, kind = int(place[item]), int(items.type[item])
        if kind == layout.ITEM_RELATED_ACTIVITY and items.n_bytes[item] == _GUID.itemsize:
            related[row] = str(UUID(bytes_le=items.raw(item)))
        elif kind == layout.ITEM_SID:
            sids[row] = sid_text(items.raw(item))
        elif kind in layout.STACK_WORD_BYTES:
            stacks[row] = (stacks[row] or 0) + max(0, int(items.n_bytes[item]) - 8) // layout.STACK_WORD_BYTES[kind]
    return related, sids, stacks
