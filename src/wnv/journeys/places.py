"""Places where packets are seen, as numbers: capture points, and what events name that are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wnv.arrays import BOOL, I64, U8
from wnv.journeys import layout as c
from wnv.packets.points import IN, NO_DIRECTION, OUT, Point, PointKind
from wnv.topology.model import NOWHERE, End, Expectation, NodeKind, Place, Topology

NEXT_MAX = 8
PLACES_MAX = 1 << 15
"""More than any host has; what comes beyond has no place."""
_MAC_DIGITS = 12
_PHYSICAL = (NodeKind.PHYSICAL_NIC, NodeKind.TEAM)
_GUESTS = (NodeKind.VM_NIC, NodeKind.CONTAINER_NIC)
_STACK_KINDS = (PointKind.PROTOCOL, PointKind.IP, PointKind.HTTP)


def _macs_of(topology: Topology) -> dict[str, int]:
    """Addresses of NICs by their nodes; -1 where two hosts have different ones."""
    found: dict[str, int] = {}
    for node in topology.nodes:
        digits = str(node.properties.get("mac", "")).replace(":", "").replace("-", "")
        if len(digits) == _MAC_DIGITS and set(digits.lower()) <= set("0123456789abcdef"):
            mac = int(digits, 16)
            found[node.node_id] = mac if found.get(node.node_id, mac) == mac else -1
    return found


class Places:
    """Numbers for places, in order of first appearance; their classes and stations as a matrix for the loops."""

    def __init__(self, topology: Topology, points: Sequence[Point], host_labels: Sequence[str] = ("",)) -> None:
        """`host_labels`: what goes before the names of each host's NICs in paths; empty where there is one host."""
        self._topology = topology
        self._points = points
        self._host_labels = host_labels
        self._macs = _macs_of(topology)
        self._numbers: dict[tuple[object, ...], int] = {}
        self._taken = {point.name for point in points}
        self.matrix: I64 = np.full((c.N_PLACE, 64), -1, np.int64)
        self.names: list[str] = []
        self.kinds: list[str] = []
        self.labels: list[str] = []
        """What people call each place in a path: the container, VM, switch or NIC."""
        self.hosts: list[int] = []
        """The host that each place is on."""
        self.known: list[Place] = []
        """What the topology says of each place."""
        self.following: I64 = np.full((4 * 64, NEXT_MAX), -1, np.int64)
        """For each place and direction (place × 4 + direction): where a packet must be seen next, one of them; -1 = no
        more. Nothing at all where the way may end, or is not known."""
        self._of_points: I64 = np.full(len(points), -1, np.int64)
        """The place of each point."""
        self._host_of: dict[int, int] = {}
        """Of the recordings that are prepared."""
        self._has_more_hosts = len(set(topology.first_sessions)) > 1
        self._port_of_nic: dict[tuple[int, str], int] = {}
        self._ports: set[int] = set()
        self._port_of_name: dict[tuple[int, str], int] = {}
        self._ingress: U8 = np.zeros(len(points), np.uint8)
        """Direction of ingress at a switch port, as its owner sees it; 0 = no switch port of ndiscap."""
        self._has_unread_ports: BOOL = np.array([point.key[0] == "ndiscap.switch" for point in points], np.bool_)
        for number, point in enumerate(points):
            if point.key[0] == "ndiscap.port":
                self._ingress[number] = {
                    PointKind.EXTERNAL_NIC: IN, PointKind.SWITCH_PORT: NO_DIRECTION,
                }.get(point.kind, OUT)  # fmt: skip

    def __len__(self) -> int:
        return len(self.names)

    def of_points(self, point: I64) -> I64:
        """The place of each sighting at a capture point."""
        places: I64 = self._of_points[point]
        return places

    def _of_point(self, number: int) -> int:
        key = ("point", number)
        known = self._numbers.get(key)
        if known is not None:
            return known
        point = self._points[number]
        place = self._topology.resolve_point(number)
        is_port = point.key[0] == "ndiscap.port"
        if is_port:
            self._ports.add(len(self.names))
        row = self._add(key, point.name, str(point.kind), place, point.kind, point.host)
        nic = point.details.get("nic")
        if is_port and isinstance(nic, str):
            self._port_of_nic.setdefault((point.host, nic.strip("{}").lower()), row)
            self._port_of_name.setdefault((point.host, str(point.details.get("port", "")).strip("{}").lower()), row)
        return row

    def prepare(self, session: int, host: int) -> None:
        """Give every point of a host its place, so that NICs named by events find their ports, and what follows a
        place its own. `session` is one of the host's; others of the same host have the same places."""
        is_known = host in self._host_of.values()
        self._host_of[session] = host
        if is_known:
            return
        numbers = [number for number, point in enumerate(self._points) if point.host == host]
        for number in numbers:
            self._of_points[number] = self._of_point(number)
        for number in numbers:
            for direction in (IN, OUT):
                self._expect(number, direction, self._topology.expected_next(number, direction))

    def _expect(self, number: int, direction: int, expected: Expectation) -> None:
        rows = self._of_points
        row = int(rows[number])
        if row < 0:
            return
        is_port = row in self._ports
        column = self.matrix[:, row]
        if expected.end is End.NONE and expected.points:
            codes = [int(rows[point]) * 4 + way for point, way in expected.points[:NEXT_MAX] if rows[point] >= 0]
            if len(expected.points) <= NEXT_MAX and len(codes) == len(expected.points):
                self.following[row * 4 + direction, : len(codes)] = codes
            if not is_port and column[c.CLASS_NONE + direction] in (c.EXIT, c.WIRE):
                column[c.CLASS_NONE + direction] = c.UNCLEAR
        elif not is_port and expected.end is End.WIRE:
            column[c.CLASS_NONE + direction] = c.WIRE
        elif not is_port and expected.end in (End.STACK, End.VM):
            column[c.CLASS_NONE + direction] = c.EXIT

    def of_nic(self, name: str, friendly: str, switch: str, session: int) -> int:
        """The place of a NIC that a VmSwitch event names: its port, where frames were captured there."""
        low, host = name.strip("{}").lower(), self._host_of[session]
        key = ("nic", low, switch.lower(), host)
        known = self._numbers.get(key)
        if known is not None:
            return known
        at_port = self._port_of_nic.get((host, low))
        if at_port is not None:
            self._numbers[key] = at_port
            return at_port
        place = self._topology.resolve_nic(name, session_id=session)
        shown = friendly or place.nic or low[:40] or "nic"
        kind = {
            NodeKind.PHYSICAL_NIC: PointKind.EXTERNAL_NIC, NodeKind.TEAM: PointKind.EXTERNAL_NIC,
            NodeKind.VM_NIC: PointKind.VM_NIC, NodeKind.HOST_VNIC: PointKind.HOST_VNIC,
            NodeKind.CONTAINER_NIC: PointKind.HOST_VNIC,
        }.get(NodeKind(place.owner) if place.owner else NodeKind.NIC, PointKind.SWITCH_PORT)  # fmt: skip
        if place.is_uplink:
            kind = PointKind.EXTERNAL_NIC
        elif "--" in low:
            kind = PointKind.VM_NIC
        return self._add(key, self._named(f"NIC:{shown}", session), str(kind), place, kind, host)

    def of_port(self, name: str, friendly: str, session: int) -> int:
        """The place of a switch port that an event names."""
        low, host = name.strip("{}").lower(), self._host_of[session]
        known = self._port_of_name.get((host, low))
        if known is not None or not low:
            return -1 if known is None else known
        key = ("port", low, host)
        if key in self._numbers:
            return self._numbers[key]
        place = self._topology.resolve_nic(name, session_id=session)
        shown = self._named(f"port:{friendly or low[:40]}", session)
        return self._add(key, shown, str(PointKind.SWITCH_PORT), place, PointKind.SWITCH_PORT, host)

    def of_part(self, name: str, kind: str, session: int) -> int:
        """The place of a part of Windows that states what it did with packets: WinNat, TCP/IP, WFP."""
        host = self._host_of[session]
        key = ("part", name, host)
        known = self._numbers.get(key)
        return self._add(key, self._named(name, session), kind, NOWHERE, None, host) if known is None else known

    def _named(self, name: str, session: int) -> str:
        """With the name of the host, as points have it, where there are several."""
        return f"{name}@{self._topology.hosts[session]}" if self._has_more_hosts else name

    def ingress_of(self, point: I64) -> U8:
        """Direction of ingress at the switch port of each sighting; 0 = none, or not known."""
        return self._ingress[point]

    def has_unread_ports(self, point: I64) -> BOOL:
        """Whether each sighting is of a frame that left a switch by ports which could not be read."""
        return self._has_unread_ports[point]

    def _add(
        self, key: tuple[object, ...], name: str, kind: str, place: Place, point_kind: PointKind | None, host: int
    ) -> int:  # fmt: skip
        if len(self.names) >= PLACES_MAX:
            return -1
        row = self._numbers[key] = len(self.names)
        if key[0] != "point":
            base, n = name, 1
            while name in self._taken:
                n += 1
                name = f"{base}#{n}"
            self._taken.add(name)
        self.names.append(name)
        self.kinds.append(kind)
        is_switch = key[0] in ("nic", "port") or row in self._ports or point_kind is PointKind.SWITCH_EXTENSION
        is_guest = place.owner == NodeKind.VM_NIC or (point_kind is PointKind.VM_NIC and bool(place.vm))
        label = self._host_labels[host] if host < len(self._host_labels) else ""
        nic = f"{label}/{place.nic}" if label and place.nic else place.nic
        owner = place.vm or place.container or nic or name
        self.labels.append(place.vswitch if is_switch and place.vswitch and not is_guest else owner)
        self.hosts.append(host)
        self.known.append(place)
        if row >= self.matrix.shape[1]:
            wider = np.full((c.N_PLACE, 2 * self.matrix.shape[1]), -1, np.int64)
            wider[:, : self.matrix.shape[1]] = self.matrix
            self.matrix = wider
            longer = np.full((2 * len(self.following), NEXT_MAX), -1, np.int64)
            longer[: len(self.following)] = self.following
            self.following = longer
        self._classify(row, place, point_kind)
        return row

    def _classify(self, row: int, place: Place, kind: PointKind | None) -> None:
        """Where packets start, end, and leave the host."""
        column = self.matrix[:, row]
        column[c.STATION_OF], column[c.SWITCH_OF] = place.station, place.switch
        column[c.CLASS_NONE : c.CLASS_OUT + 1] = c.UNCLEAR
        column[c.IS_STACK], column[c.IS_PHYSICAL] = 0, 0
        column[c.MAC_OF] = self._macs.get(place.node_id, -1)
        if kind is None:
            column[c.IS_STACK] = 1
            return
        owner = place.owner
        if owner in _PHYSICAL or place.is_uplink or kind is PointKind.EXTERNAL_NIC:
            column[c.CLASS_IN], column[c.CLASS_OUT] = c.ENTRY, c.WIRE
            column[c.IS_PHYSICAL] = 1
            # What arrives at a NIC that no switch has taken has reached the host's stack.
            is_bound = place.is_uplink or place.switch >= 0 or kind is PointKind.EXTERNAL_NIC
            column[c.IS_STACK] = 0 if is_bound else 1
        elif owner in _GUESTS or kind is PointKind.VM_NIC:
            column[c.CLASS_IN], column[c.CLASS_OUT] = c.EXIT, c.ENTRY
        elif owner == NodeKind.HOST_VNIC or kind is PointKind.HOST_VNIC or kind in _STACK_KINDS:
            column[c.CLASS_IN], column[c.CLASS_OUT] = c.EXIT, c.ENTRY
            column[c.IS_STACK] = 1
        elif kind is PointKind.MINIPORT and not owner:
            column[c.IS_STACK] = 1
        if kind in _STACK_KINDS and owner in _PHYSICAL:
            # Above the NIC: the end of what is received, the start of what is sent.
            column[c.CLASS_IN], column[c.CLASS_OUT] = c.EXIT, c.ENTRY
            column[c.IS_STACK] = 1

    def directions(self, place: I64, mac_src: I64, mac_dst: I64) -> I64:
        """Direction of frames that state none, where the NIC's own address tells it; else none.

        A NIC that takes in only what is for its owner sends nothing from other addresses.
        """
        mac = np.where(place >= 0, self.matrix[c.MAC_OF, np.maximum(place, 0)], -1)
        is_own = self.classes(place, np.full(len(place), IN, np.int64)) == c.EXIT
        to_owner = (mac_dst == mac) | (is_own & (mac_src >= 0))
        found: I64 = np.where(mac_src == mac, OUT, np.where(to_owner, IN, NO_DIRECTION))
        return np.where(mac >= 0, found, NO_DIRECTION)

    def classes(self, place: I64, direction: I64) -> I64:
        """Class of each place in a direction; `UNCLEAR` where there is none."""
        found = self.matrix[c.CLASS_NONE + direction, np.maximum(place, 0)]
        classes: I64 = np.where(place >= 0, found, c.UNCLEAR)
        return classes

    def has_following(self, place: I64, direction: I64) -> BOOL:
        """Whether a packet seen at a place must be seen at another one next."""
        must: BOOL = (place >= 0) & (self.following[np.maximum(place, 0) * 4 + direction, 0] >= 0)
        return must

    def is_kind(self, place: I64, kinds: Sequence[str]) -> BOOL:
        """Whether each place is of one of these kinds; False where there is none."""
        table = np.array([*(kind in kinds for kind in self.kinds), False], np.bool_)
        mine: BOOL = table[place]
        return mine

    def is_guessed_wire(self, place: I64) -> BOOL:
        """Whether each place is a NIC that is taken for a physical one because nothing says that it is virtual."""
        guessed = [
            one.owner == NodeKind.PHYSICAL_NIC and one.confidence < 1 and not one.is_uplink for one in self.known
        ]  # fmt: skip
        mine: BOOL = np.array([*guessed, False], np.bool_)[place]
        return mine

    def has_nameless_uplink(self) -> bool:
        """Whether a NIC that a switch named can be a physical one, and is tied to no adapter."""
        return any(
            key[0] == "nic" and self.known[row].switch >= 0 and self.known[row].owner == NodeKind.NIC
            for key, row in self._numbers.items()
        )

    def holds(self, place: I64, what: int) -> BOOL:
        """Whether a truth of a place (`IS_STACK`, `IS_PHYSICAL`) holds; False where there is none."""
        held: BOOL = (place >= 0) & (self.matrix[what, np.maximum(place, 0)] == 1)
        return held
