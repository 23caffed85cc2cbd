"""The places where packets are seen: numbered while a recording is read, named when all of it was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from wnv.arrays import I32, I64

POINTS_MAX = 16_384
"""More capture points than any host has; what comes beyond shares the point `OVERFLOW`."""

LINK_ETHERNET, LINK_RAW, LINK_WIFI, LINK_UPPER_PDU = 1, 101, 105, 252
LINK_UNKNOWN = 0xFFFF
LINK_NAMES = {LINK_ETHERNET: "ethernet", LINK_RAW: "raw", LINK_WIFI: "wifi", LINK_UPPER_PDU: "payload"}
"""Our words for pcap link types; used in file names, so short and plain."""

IN, OUT, NO_DIRECTION = 1, 2, 0
"""As seen from the owner of the point: into it, out of it, not known."""


PointKey = tuple[str, int]
"""Provider (or a kind of point of it) and a number of its own; hosts have the same ones."""
OVERFLOW: PointKey = ("", 0)


class PointKind(StrEnum):
    """What a point is."""

    MINIPORT = "miniport"
    FILTER = "filter"
    PROTOCOL = "protocol"
    SWITCH_PORT = "switch_port"
    VM_NIC = "vm_nic"
    HOST_VNIC = "host_vnic"
    EXTERNAL_NIC = "external_nic"
    SWITCH_EXTENSION = "switch_extension"
    IP = "ip"
    HTTP = "http"
    VPN = "vpn"
    OTHER = "other"


@dataclass(slots=True)
class Point:
    """One capture point. `name` is short and unique in the recording; `description` is complete."""

    key: PointKey
    name: str = ""
    kind: PointKind = PointKind.OTHER
    description: str = ""
    details: dict[str, str | int] = field(default_factory=dict)
    """What the recording says of it: if_index, nic, port, vswitch, mac, component and such."""
    mac: bytes | None = None
    ipv4: tuple[bytes, ...] = ()
    ipv6: tuple[bytes, ...] = ()
    host: int = 0
    """Number of the host it is on: numbers of adapters and ports are unique only within one."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A point with one link type: an interface of a capture file."""

    point: int
    link_type: int


class Points:
    """Numbers for the points of one recording, in order of first appearance, whatever provider names them."""

    def __init__(self) -> None:
        self.rows: list[Point] = []
        self._number: dict[tuple[int, PointKey], int] = {}
        self.n_refused = 0
        """Keys that came after `POINTS_MAX`."""

    def number(self, key: PointKey, host: int = 0) -> int:
        number = self._number.get((host, key))
        if number is None:
            if len(self.rows) >= POINTS_MAX:
                self.n_refused += 1
                key = OVERFLOW
                number = self._number.get((host, key))
                if number is not None:
                    return number
            number = self._number[host, key] = len(self.rows)
            self.rows.append(_beyond(host) if key == OVERFLOW else Point(key, host=host))
        return number

    def of_host(self, host: int) -> HostPoints:
        """Those of one host."""
        return HostPoints(self, host)


@dataclass(frozen=True, slots=True)
class HostPoints:
    """The points of one host, for who reads what that host recorded."""

    points: Points
    host: int = 0

    def numbers(self, provider: str, keys: I64) -> I32:
        """Numbers for integer keys of one provider, row by row."""
        distinct, inverse = np.unique(keys, return_inverse=True)
        known = np.array([self.points.number((provider, key), self.host) for key in distinct.tolist()], np.int32)
        return known[inverse] if len(known) else np.zeros(0, np.int32)

    def __iter__(self) -> Iterator[tuple[int, Point]]:
        """Number and point."""
        return ((number, one) for number, one in enumerate(self.points.rows) if one.host == self.host)


def _beyond(host: int) -> Point:
    return Point(OVERFLOW, "other", description=f"all points beyond the first {POINTS_MAX:,}", host=host)


def unique_names(wanted: list[str]) -> list[str]:
    """`wanted`, made fit for a file name and an option of a command, and told apart where equal: `#2`, `#3`."""
    taken: set[str] = set()
    count: dict[str, int] = {}
    names: list[str] = []
    for text in wanted:
        base = re.sub(r"[^\w:.\-#@+]+", "_", text, flags=re.ASCII).strip("_") or "point"
        name, n = base, count.get(base.lower(), 1)
        while name.lower() in taken:
            n += 1
            name = f"{base}#{n}"
        count[base.lower()] = n
        taken.add(name.lower())
        names.append(name)
    return names
