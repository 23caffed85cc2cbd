"""Events as rows of `schema.EVENTS`: plain Python values, column by column, for CSV and JSON lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import numpy as np

from wnv.arrays import BOOL, I32, I64, Rows
from wnv.clock import NO_TIME
from wnv.decode.columns import Decoded
from wnv.decode.decoder import Decoder
from wnv.decode.description import EventDescription
from wnv.etl import layout
from wnv.etl.events import NO_HOOK, NULL_ID, Guids
from wnv.etl.extended import Items, sid_text
from wnv.etl.reader import Slice
from wnv.providers import registry
from wnv.schema import FIELDS

_GUID = np.dtype("V16")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_SHOWN_MAX = 48  # characters of a field in a summary; packets would fill the screen
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
    }
    if payload:
        places = zip(events.payload_start.tolist(), events.payload_bytes.tolist(), strict=True)
        columns["payload"] = [events.data[at : at + size].tobytes().hex() for at, size in places]
    assert all(len(column) == n for column in columns.values())
    return columns


def field_columns(decoder: Decoder, piece: Slice, rows: I64) -> dict[str, list[Any]]:
    """The columns of `schema.FIELDS` for the events `rows` (increasing) of `piece`; None is null."""
    columns: dict[str, list[Any]] = {name: [None] * len(rows) for name in FIELDS.names}
    for description, places, decoded in decoder.kinds(piece.take(rows)):
        if description is None or decoded is None:
            continue
        values = zip(
            decoded.to_pylist(), render_summaries(description, decoded), decoded.is_whole.tolist(), places.tolist(),
            strict=True,
        )  # fmt: skip
        for fields, summary, is_whole, place in values:
            columns["name"][place] = description.name or None
            columns["summary"][place] = summary
            columns["source"][place] = description.source.value
            columns["is_whole"][place] = is_whole
            columns["confidence"][place] = description.confidence
            columns["fields"][place] = fields
    return columns


def render_summaries(description: EventDescription, decoded: Decoded) -> list[str]:
    """A line an event: the description's template with the fields' texts, or name and fields one after the other."""
    shown = {name: column.shown() for name, column in zip(decoded.fields.names, decoded.fields.columns, strict=True)}
    names = [name for name in _PLACEHOLDER.findall(description.summary) if name in shown]
    if not description.summary:
        names = list(shown)
    cells = zip(*([_short(text) for text in shown[name]] for name in names), strict=True) if names else iter(())
    rows = list(cells) if names else [()] * len(decoded)
    if description.summary:
        parts = _PLACEHOLDER.split(description.summary)
        return [_fill(parts, dict(zip(names, row, strict=True))) for row in rows]
    title = f"{description.name}: " if description.name else ""
    return [title + ", ".join(f"{name}={text}" for name, text in zip(names, row, strict=True) if text) for row in rows]


def _fill(parts: list[str], texts: dict[str, str]) -> str:
    """Every second part is the name of a field."""
    return "".join(texts.get(part, "?") if number % 2 else part for number, part in enumerate(parts))


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


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
