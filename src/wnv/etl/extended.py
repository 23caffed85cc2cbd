"""Extended items: what stands between an EVENT_HEADER and its payload (etl-format.md, section 8)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, read_rows
from wnv.etl import layout
from wnv.etl.events import NO_PROVIDER, Events, Guids

_ITEM = np.dtype([("total", "<u2"), ("type", "<u2"), ("more", "<u2"), ("size", "<u2")])
_CONTAINER_TEXT_BYTES = {36: "utf-8", 38: "utf-8", 72: "utf-16-le", 76: "utf-16-le"}
_GUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Items:
    """One row an item, in order of `event` and of its place there."""

    data: U8
    event: I64
    """Row in the events they were read from."""
    type: U16
    start: I64
    """Of the item's data, in `data`."""
    n_bytes: I64

    def __len__(self) -> int:
        return len(self.event)

    def of_type(self, *types: int) -> Items:
        mine = np.isin(self.type, types)
        return Items(self.data, self.event[mine], self.type[mine], self.start[mine], self.n_bytes[mine])

    def of_events(self, rows: I64) -> Items:
        """The items of the events `rows` (increasing), which are counted anew from 0."""
        place = np.searchsorted(rows, self.event)
        mine = place < len(rows)
        mine[mine] = rows[place[mine]] == self.event[mine]
        return Items(self.data, place[mine], self.type[mine], self.start[mine], self.n_bytes[mine])

    def raw(self, row: int) -> bytes:
        return self.data[self.start[row] : self.start[row] + self.n_bytes[row]].tobytes()


def read_items(events: Events) -> tuple[Events, Items, BOOL]:
    """The items of all events; step k takes the k-th item of every event that has one.

    Returns the events with their payloads placed behind the items, the items, and which events have a
    broken chain: these keep no item and an empty payload (section 11).
    """
    event = np.flatnonzero(events.has_items)
    at = events.payload_start[event]
    end = at + events.payload_bytes[event]
    broken = np.zeros(len(events), np.bool_)
    payload_start = events.payload_start
    payload_bytes = events.payload_bytes
    found: list[tuple[I64, U16, I64, I64]] = []
    if len(event):
        payload_start = payload_start.copy()
        payload_bytes = payload_bytes.copy()
    for _ in range(layout.ITEMS_MAX):
        if not len(event):
            break
        inside = at + layout.ITEM_HEADER_BYTES <= end
        head = read_rows(events.data, np.where(inside, at, 0), _ITEM)
        size = head["size"].astype(np.int64)
        needed = layout.ITEM_HEADER_BYTES + size
        stated = head["total"].astype(np.int64)
        total = (stated + 7) & ~7
        inside &= stated >= needed
        is_whole = inside & (at + total <= end)
        # The last item's padding may be left out by writers other than Windows.
        is_last = (head["more"] & 1) == 0
        is_whole |= inside & is_last & (at + needed <= end) & (total <= (needed + 7) & ~7)
        broken[event[~is_whole]] = True
        found.append((event[is_whole], head["type"][is_whole], at[is_whole] + layout.ITEM_HEADER_BYTES, size[is_whole]))
        at = np.minimum(at + total, end)
        done = is_whole & is_last
        payload_start[event[done]] = at[done]
        payload_bytes[event[done]] = (end - at)[done]
        goes_on = is_whole & ~is_last
        event, at, end = event[goes_on], at[goes_on], end[goes_on]
    broken[event] = True
    payload_bytes[broken] = 0
    if not found:
        none = np.zeros(0, np.int64)
        return events, Items(events.data, none, none.astype(np.uint16), none, none), broken
    owner, kind, start, n_bytes = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((start, owner))
    order = order[~broken[owner[order]]]
    items = Items(events.data, owner[order], kind[order], start[order], n_bytes[order])
    return replace(events, payload_start=payload_start, payload_bytes=payload_bytes), items, broken


def container_codes(items: Items, n_events: int, guids: Guids) -> tuple[I32, int]:
    """For each event the number in `guids` of its container's id, -1 without; and how many are in no known form.

    Windows writes 36 characters of text; the other forms are those seen or plausible elsewhere (section 8).
    """
    mine = items.of_type(layout.ITEM_CONTAINER)
    codes = np.full(n_events, NO_PROVIDER, np.int32)
    n_known = 0
    binary = mine.n_bytes == _GUID_BYTES
    codes[mine.event[binary]] = guids.codes(read_rows(mine.data, mine.start[binary], np.dtype(f"V{_GUID_BYTES}")))
    n_known += int(binary.sum())
    for n_bytes, encoding in _CONTAINER_TEXT_BYTES.items():
        sized = np.flatnonzero(mine.n_bytes == n_bytes)
        raw = read_rows(mine.data, mine.start[sized], np.dtype(f"V{n_bytes}")).view(f"S{n_bytes}")
        distinct, inverse = np.unique(raw, return_inverse=True)
        numbers = np.array(
            [_text_code(text.ljust(n_bytes, b"\0"), encoding, guids) for text in distinct.tolist()], np.int32
        )
        if len(sized):
            codes[mine.event[sized]] = numbers[inverse]
            n_known += int((numbers[inverse] != NO_PROVIDER).sum())
    return codes, len(mine) - n_known


def _text_code(text: bytes, encoding: str, guids: Guids) -> int:
    try:
        return guids.code(uuid.UUID(text.decode(encoding)).bytes_le)
    except ValueError:
        return NO_PROVIDER


def sid_text(raw: bytes) -> str | None:
    """`S-1-5-18` for the bytes of a SID; None if they are none (section 9.2)."""
    if len(raw) < 8 or len(raw) < 8 + 4 * raw[1] or raw[1] > 15:
        return None
    parts = np.frombuffer(raw, "<u4", raw[1], 8).tolist()
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def stack_addresses(raw: bytes, item_type: int) -> tuple[int, list[int]]:
    """Match id and return addresses, innermost first, of a stack item."""
    word = layout.STACK_WORD_BYTES[item_type]
    n = max(0, len(raw) - 8) // word
    match_id = int.from_bytes(raw[:8], "little")
    return match_id, np.frombuffer(raw, f"<u{word}", n, min(8, len(raw))).tolist()


def traits_name(raw: bytes) -> str | None:
    """The provider's name in a traits item: `u16 size, name, NUL` (section 9.1)."""
    if len(raw) < 3:
        return None
    name = raw[2:].split(b"\0", 1)[0].decode("utf-8", "replace")
    return name or None
