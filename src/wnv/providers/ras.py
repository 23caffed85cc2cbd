"""Microsoft-Windows-Ras-NdisWanPacketCapture: frames of VPN and RRAS connections (ndis-packetcapture.md)."""

from __future__ import annotations

import numpy as np

from wnv.arrays import I64
from wnv.diagnostics import Log
from wnv.etl.events import Events
from wnv.packets.frames import Fragments, Observations
from wnv.packets.numbering import RangeNumbers
from wnv.packets.points import IN, LINK_ETHERNET, OUT, HostPoints, PointKind
from wnv.providers.reading import Sightings, read_u32, refuse, wide_text

GUID = "d84521f7-2235-4237-a7c0-14e3a9676286"
SEND, RECEIVE = 5001, 5002
_STRINGS = 2  # RoutingDomainID, RRASUserName


class Ras:
    """Reader of the provider; see `PacketProvider`. Each pair of routing domain and user is a point."""

    guid = GUID
    packet_ids = frozenset({SEND, RECEIVE})

    def __init__(self, points: HostPoints) -> None:
        self._points = points
        self._owners = RangeNumbers()

    def learn(self, events: Events, log: Log) -> None:
        """Nothing: every event names its connection."""

    def name_points(self, link_types: dict[int, int]) -> None:
        for _, point in self._points:
            match point.key:
                case ("ras", int(number)):
                    raw = self._owners[number] if number < len(self._owners) else b""
                    domain, at = wide_text(raw, 0)
                    user, _ = wide_text(raw, max(at, 0))
                    point.name, point.kind = f"Rras:{domain[:13]}:{user[:32]}", PointKind.VPN
                    point.description = f"VPN connection of {user or 'nobody named'}, routing domain {domain or 'none'}"
                    point.details = {"routing_domain": domain, "user": user}
                case _:
                    continue

    def read(self, events: Events, log: Log | None) -> list[Sightings]:
        from wnv import kernels

        rows = np.flatnonzero(np.isin(events.event_id, (SEND, RECEIVE)))
        start = events.payload_start[rows]
        end = start + events.payload_bytes[rows]
        at: I64 = kernels.skip_strings(events.data, start, end, _STRINGS) if len(rows) else start
        n_bytes = read_u32(events.data, at, end)
        fits = (at >= 0) & (n_bytes >= 0) & (at + 4 + n_bytes <= end)
        refuse(log, ~fits, SEND)
        rows, start, at, n_bytes = rows[fits], start[fits], at[fits], n_bytes[fits]
        owner = self._owners.number(events.data, start, at - start) if len(rows) else at
        fragments = Fragments.whole(rows, at + 4, n_bytes, np.full(len(rows), LINK_ETHERNET, np.uint16))
        direction = np.where(events.event_id[rows] == SEND, OUT, IN).astype(np.uint8)
        point = self._points.numbers("ras", owner)
        return [Sightings(fragments, Observations(np.arange(len(rows)), point, direction), events.data)]
