"""The usual packet events, read by one compiled loop: whole frames at points that are known already.

Nearly all packets of nearly all recordings are such. What is different in any way (fragments, Wi-Fi, out-of-band
events of pktmon, an unknown port, damage) is left to the readers of the providers, who say what is right: the loop
must give what they would (tests/providers/test_plain.py holds it to that).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8
from wnv.etl import layout
from wnv.etl.events import Found
from wnv.packets.frames import Fragments
from wnv.packets.points import PointKey, Points
from wnv.packets.sightings import PacketRows
from wnv.providers import ndiscap, pktmon, ras
from wnv.providers.ndiscap import Ndiscap
from wnv.providers.pktmon import Pktmon

_ROOM_MORE = 4096  # rows beyond an event each: a frame on its way out of a switch has one for each port
_ROOM_MOST = 16


def _words_of(guid: str) -> list[int]:
    words: list[int] = np.frombuffer(UUID(guid).bytes_le, np.int64).tolist()
    return words


_GUIDS: Final[I64] = np.array([_words_of(one) for one in (ndiscap.GUID, pktmon.GUID, ras.GUID)], np.int64)
PLAIN_KINDS: Final = frozenset({
    (ndiscap.GUID, ndiscap.FRAGMENT), (ndiscap.GUID, ndiscap.SWITCH_FRAGMENT),
    *((pktmon.GUID, event_id) for event_id in pktmon.FRAME_IDS),
})  # fmt: skip
"""Provider and id of the events that are read here."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the loop found in some events, and which of these it left to others."""

    numbers: I64
    """A row for each of `plain_loops.SEEN_…`, a column a sighting."""
    is_unusual: BOOL

    def column(self, which: int) -> I64:
        numbers: I64 = self.numbers[which]
        return numbers


class PlainPackets:
    """The points known so far, laid out for the loop; made anew when there are more."""

    def __init__(self, points: Points, ports: Ndiscap, components: Pktmon) -> None:
        from wnv.providers import plain_loops as loops

        self.n_points = len(points.rows)
        self._seed = secrets.randbits(30)
        self._pool, starts, sizes = ports.port_bytes()
        rows = []
        for number, point in enumerate(points.rows):
            entry = self._entry(point.key, ports, components, starts, sizes)
            if entry is not None:
                rows.append((number, *entry))
        self._entries: I64 = np.array(rows, np.int64).reshape(-1, loops.PLAIN_COLUMNS)
        self._slots: I32 = np.full(1 << (2 * len(rows) + 1).bit_length(), -1, np.int32)
        loops.index_plain(self._entries, self._seed, self._slots)

    @staticmethod
    def _entry(
        key: PointKey, ports: Ndiscap, components: Pktmon, starts: I64, sizes: I64
    ) -> tuple[int, int, int, int, int, int] | None:
        """What stands behind the number of a point (see `plain_loops.PLAIN_…`); None for points of other kinds."""
        from wnv.providers import plain_loops as loops

        match key:
            case ("ndiscap", number):
                return 0, 0, 0, number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF, loops.PLAIN_LAYER
            case ("ndiscap.port", number):
                port = number & 0xFFFFFFFF
                if port >= len(starts):  # one of those beyond the limit, which share a number
                    return None
                return (
                    ports.outward(port), int(starts[port]), int(sizes[port]), number >> 32 & 0xFFFFFFFF,
                    ports.port_id(port), loops.PLAIN_PORT,
                )  # fmt: skip
            case ("pktmon", number):
                component = number >> 16
                return components.outward(component), 0, 0, component, number & 0xFFFF, loops.PLAIN_COMPONENT
            case _:
                return None

    def read(self, found: Found, order: I64, *, measures: bool = True) -> Seen:
        """The sightings in the events `order` of `found`; their original length only if `measures`."""
        from wnv.providers import plain_loops as loops

        is_unusual = np.zeros(len(order), np.bool_)
        words, data = found.words.view(np.int64), found.words.view(np.uint8)
        for factor in (1, _ROOM_MOST):
            numbers = np.empty((loops.SEEN_COLUMNS, factor * len(order) + _ROOM_MORE), np.int64)
            n = loops.read_plain_packets(
                words, data, found.position, order, found.kind, layout.EVENT32, layout.EVENT64, _GUIDS, self._entries,
                self._slots, self._seed, self._pool, measures, numbers, is_unusual,
            )  # fmt: skip
            if n >= 0:
                return Seen(numbers[:, :n], is_unusual)
        return Seen(numbers[:, :0], np.ones(len(order), np.bool_))


def packet_rows(seen: Seen, found: Found, ts_ns: I64) -> PacketRows:
    """The sightings as columns. `ts_ns` are the times of the events that were read, in their order; `event_row`
    counts these."""
    from wnv.providers import plain_loops as k

    numbers = seen.numbers
    event = numbers[k.SEEN_EVENT]
    fragments = Fragments.whole(
        event, numbers[k.SEEN_START], numbers[k.SEEN_BYTES], numbers[k.SEEN_LINK].astype(np.uint16),
        stated_bytes=numbers[k.SEEN_STATED], vlan=numbers[k.SEEN_VLAN].astype(np.int32),
        priority=numbers[k.SEEN_PRIORITY].astype(np.uint8), is_large_send=numbers[k.SEEN_LARGE] != 0,
        n_coalesced=numbers[k.SEEN_COALESCED].astype(np.uint16),
        has_group=numbers[k.SEEN_NUMBERED] != 0, group=numbers[k.SEEN_GROUP].view(np.uint64),
        number=numbers[k.SEEN_NUMBER].astype(np.uint16), appearance=numbers[k.SEEN_APPEARANCE].astype(np.uint16),
        is_drop=numbers[k.SEEN_DROP] != 0, drop_reason=numbers[k.SEEN_REASON].astype(np.uint32),
        drop_location=numbers[k.SEEN_LOCATION].astype(np.uint32),
    )  # fmt: skip
    data: U8 = found.words.view(np.uint8)
    return PacketRows(
        data=data, event_row=event, ts_ns=ts_ns[event], pid=numbers[k.SEEN_PID].astype(np.uint32),
        tid=numbers[k.SEEN_TID].astype(np.uint32), fragments=fragments, original_bytes=numbers[k.SEEN_ORIGINAL],
        point=numbers[k.SEEN_POINT], direction=numbers[k.SEEN_DIRECTION].astype(np.uint8),
    )  # fmt: skip
