"""Microsoft-Windows-Hyper-V-VmSwitch: what happens to NBLs in a virtual switch, as columns (vmswitch.md).

Names in these events are counted: a u32 number of UTF-16 characters, then the characters, without a NUL. The events
have no packet bytes: what says which packet they are about is the NBL's address, the thread and the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import I64, U8, U64
from wnv.etl.events import Events
from wnv.packets.numbering import TOO_MANY, RangeNumbers

GUID = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"

RECEIVED, ROUTED, DELIVERED = 56, 57, 58
# The same for PacketDirect; which of 240 and 241 is which is a guess by the order of their ids.
PD_RECEIVED, PD_DELIVERED, PD_ROUTED = 240, 241, 242
NBL_IDS: Final = (RECEIVED, ROUTED, DELIVERED, PD_RECEIVED, PD_DELIVERED, PD_ROUTED)
PASSAGE_OF_ID: Final = {
    RECEIVED: RECEIVED, ROUTED: ROUTED, DELIVERED: DELIVERED, PD_RECEIVED: RECEIVED, PD_DELIVERED: DELIVERED,
    PD_ROUTED: ROUTED,
}  # fmt: skip
"""What an event says of an NBL, by its id."""
_PASSAGES = np.zeros(1 << 16, np.int64)
_PASSAGES[list(PASSAGE_OF_ID)] = list(PASSAGE_OF_ID.values())

TEAM_DROP_IDS: Final = (158, 159, 160)


@dataclass(frozen=True, slots=True)
class _DropLayout:
    """Which of an event's counted texts is what; -1 = it has none. `has_numbers`: two u32 follow the texts."""

    n_texts: int
    nic: int = -1
    destination: int = -1
    port: int = -1
    switch: int = -1
    rule: int = -1
    extension: int = -1
    has_numbers: bool = False


# Source: the provider's schema (Server 2022); vmswitch.md, "Drops". Each name is followed by its friendly name.
_DROP_LAYOUTS: Final = {
    33: _DropLayout(7, nic=1, port=3, switch=5),
    36: _DropLayout(5, port=0, switch=2, rule=4),
    45: _DropLayout(4, port=0, switch=2),
    54: _DropLayout(4, nic=0, switch=2, has_numbers=True),
    55: _DropLayout(4, nic=0, switch=2, has_numbers=True),
    59: _DropLayout(7, nic=1, destination=3, switch=5, extension=0),
    60: _DropLayout(7, nic=0, switch=2, extension=5, rule=6),
    131: _DropLayout(4, port=0, switch=2, has_numbers=True),
}
DROP_IDS: Final = tuple(_DROP_LAYOUTS)
_EXTENDED_ACL: Final = 131


class Names:
    """Numbers for the counted names of one recording, in order of first appearance."""

    def __init__(self) -> None:
        self._numbers = RangeNumbers()

    def __len__(self) -> int:
        return len(self._numbers)

    def text(self, number: int) -> str:
        """The name of a number; empty for -1."""
        return self._numbers[number].decode("utf-16-le", "replace") if number >= 0 else ""

    def number(self, data: U8, start: I64, n_bytes: I64) -> I64:
        """Numbers of names; -1 where the name is empty, or too many names came before."""
        out = np.full(len(start), TOO_MANY, np.int64)
        given = n_bytes > 0
        out[given] = self._numbers.number(data, start[given], n_bytes[given])
        return out


@dataclass(frozen=True, slots=True)
class Passages:
    """What a switch did with NBLs: a row an event, in order of time. Names are numbers of `Names`; -1 = none."""

    n_broken: int
    """Events that do not fit their layout."""
    event: I64
    """Row in the events given."""
    passage: I64
    """`RECEIVED`, `ROUTED` or `DELIVERED`."""
    nbl: U64
    nic: I64
    """Received from, routed from, delivered to."""
    nic_friendly: I64
    destination: I64
    """Of routed ones: the NIC it goes to."""
    destination_friendly: I64
    switch: I64
    switch_friendly: I64


@dataclass(frozen=True, slots=True)
class SwitchDrops:
    """Packets that a switch dropped: a row an event, in order of time. Names are numbers of `Names`; -1 = none."""

    n_broken: int
    event: I64
    event_id: I64
    nic: I64
    destination: I64
    port: I64
    switch: I64
    rule: I64
    """Name of the ACL, of the extension, or the extension's own reason."""
    extension: I64
    """Name of the extension that dropped it (59, 60)."""
    reason: I64
    """VMS_PACKET_DROP_REASON of 54 and 55; the weight of the rule of 131; -1 = none stated."""
    direction: I64
    """Of 131, as stated; -1 = not stated."""


def read_passages(events: Events, names: Names) -> Passages:
    """The events 56, 57, 58 and 240 to 242 among those of the provider."""
    from wnv.providers import loops

    parts: list[tuple[I64, ...]] = []
    nbls: list[U64] = []
    n_broken = 0
    for is_routed in (False, True):
        ids = [one for one, passage in PASSAGE_OF_ID.items() if (passage == ROUTED) == is_routed]
        rows = np.flatnonzero(np.isin(events.event_id, ids))
        if not len(rows):
            continue
        n_texts = 6 if is_routed else 4
        end = events.payload_start[rows] + events.payload_bytes[rows]
        at = loops.find_counted_texts(events.data, events.payload_start[rows], end, n_texts)
        pointer_bytes = events.pointer_bytes[rows]
        fits = (at[:, 2 * n_texts] >= 0) & (at[:, 2 * n_texts] + pointer_bytes <= end)
        n_broken += int((~fits).sum())
        rows, at = rows[fits], at[fits]
        none = np.full(len(rows), -1, np.int64)

        def named(place: int, at: I64 = at) -> I64:
            return names.number(events.data, at[:, 2 * place], at[:, 2 * place + 1])

        destination = (named(2), named(3)) if is_routed else (none, none)
        switch = (named(4), named(5)) if is_routed else (named(2), named(3))
        nbls.append(read_pointers(events.data, at[:, 2 * n_texts], pointer_bytes[fits]))
        parts.append((rows, _PASSAGES[events.event_id[rows]], named(0), named(1), *destination, *switch))
    if not parts:
        none = np.zeros(0, np.int64)
        return Passages(n_broken, none, none, none.astype(np.uint64), *([none] * 6))
    event, passage, *others = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(event, kind="stable")
    nbl = np.concatenate(nbls)[order]
    return Passages(n_broken, event[order], passage[order], nbl, *(one[order] for one in others))


def read_drops(events: Events, names: Names) -> SwitchDrops:
    """The drops 33, 36, 45, 54, 55, 59, 60 and 131 among the events of the provider."""
    from wnv.providers import loops

    parts: list[tuple[I64, ...]] = []
    n_broken = 0
    for event_id, layout in _DROP_LAYOUTS.items():
        rows = np.flatnonzero(events.event_id == event_id)
        if not len(rows):
            continue
        end = events.payload_start[rows] + events.payload_bytes[rows]
        at = loops.find_counted_texts(events.data, events.payload_start[rows], end, layout.n_texts)
        behind = at[:, 2 * layout.n_texts]
        fits = (behind >= 0) & (behind + (8 if layout.has_numbers else 0) <= end)
        n_broken += int((~fits).sum())
        rows, at, behind = rows[fits], at[fits], behind[fits]
        none = np.full(len(rows), -1, np.int64)

        def named(place: int, at: I64 = at, none: I64 = none) -> I64:
            return none if place < 0 else names.number(events.data, at[:, 2 * place], at[:, 2 * place + 1])

        first, second = none, none
        if layout.has_numbers:
            first, second = _read_u32(events.data, behind), _read_u32(events.data, behind + 4)
        is_weighed = event_id == _EXTENDED_ACL
        parts.append((
            rows, np.full(len(rows), event_id, np.int64), named(layout.nic), named(layout.destination),
            named(layout.port), named(layout.switch), named(layout.rule), named(layout.extension),
            second if is_weighed else first, first if is_weighed else none,
        ))  # fmt: skip
    if not parts:
        none = np.zeros(0, np.int64)
        return SwitchDrops(n_broken, *([none] * 10))
    event, *others = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(event, kind="stable")
    return SwitchDrops(n_broken, event[order], *(one[order] for one in others))


def _read_u32(data: U8, at: I64) -> I64:
    """The caller has checked that they lie in `data`."""
    value = np.zeros(len(at), np.int64)
    for k in range(4):
        value |= data[at + k].astype(np.int64) << (8 * k)
    return value


def passage_nbls(events: Events) -> tuple[I64, U64]:
    """Rows of the events 56 to 58 and 240 to 242 that are whole, and the NBL of each."""
    from wnv.providers import loops

    rows, found = [], []
    for is_routed in (False, True):
        ids = [one for one, passage in PASSAGE_OF_ID.items() if (passage == ROUTED) == is_routed]
        mine = np.flatnonzero(np.isin(events.event_id, ids))
        end = events.payload_start[mine] + events.payload_bytes[mine]
        at = loops.find_counted_texts(events.data, events.payload_start[mine], end, 6 if is_routed else 4)[:, -1]
        fits = (at >= 0) & (at + events.pointer_bytes[mine] <= end)
        rows.append(mine[fits])
        found.append(read_pointers(events.data, at[fits], events.pointer_bytes[mine[fits]]))
    return np.concatenate(rows), np.concatenate(found)


def read_pointers(data: U8, at: I64, pointer_bytes: I64) -> U64:
    """The caller has checked that they lie in `data`."""
    value = np.zeros(len(at), np.uint64)
    for k in range(8):
        mine = k < pointer_bytes
        value[mine] |= data[at[mine] + k].astype(np.uint64) << np.uint64(8 * k)
    return value
