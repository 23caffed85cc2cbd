"""What must be seen next of a packet, from the order of the points along a NIC's stack and across its vSwitch.

Only points of the same provider are expected behind each other: each sees the whole way by itself or not at all. What
is expected is what happens if nothing drops, answers, or offloads the packet; whether a point was recording at the
time is for the reader of the journeys to find out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wnv.packets.points import IN, NO_DIRECTION, OUT, Point
from wnv.providers import words
from wnv.providers.components import SWITCH_TYPES
from wnv.topology.model import NIC_KINDS, EdgeKind, End, Expectation, Node, NodeKind, Topology
from wnv.topology.resolve import Graph
from wnv.topology.stack import Stack, stack_of

_SWITCH_SIDE: Final = frozenset(words.component_type(number) for number in SWITCH_TYPES)
_LAYERS_ABOVE: Final = {"ip": 1, "http": 2}
"""How far above the protocols a layer is; a protocol itself is 0."""
_NO_SWITCH: Final = "the switch's ports were not recorded"
_UNORDERED: Final = "the order of the filters is not known"
_TOO_MANY: Final = "there are too many points to say"
_POINTS_MAX: Final = 256
"""Points at one NIC, or on one switch; no real host has more of them recorded."""
_UNSEEN_PORTS: Final = "the switch has NICs that no point shows"


@dataclass(slots=True)
class _Station:
    """The points at one NIC, of one provider."""

    nic: Node
    levels: dict[int, list[int]] = field(default_factory=dict)
    """Points of its stack by height."""
    ports: list[int] = field(default_factory=list)
    """Points at its end of the switch port."""
    is_ordered: bool = True
    n_filter_sides: int = 0
    """Height up to which there are filters; what is bound on top is above."""


def add_expectations(
    topology: Topology, points: Sequence[Point], nodes_of_points: Mapping[int, Sequence[Node]]
) -> None:
    """Fill in what follows each point, in both directions."""
    graph = Graph(topology)
    for family in ("ndiscap", "pktmon"):
        stations = _stations(graph, points, nodes_of_points, family)
        ways = _Ways(graph, stations, _extensions(graph, points, nodes_of_points, family))
        topology.expectations.update(ways.all())


_NodeKey = tuple[int, str]


def _stations(
    graph: Graph, points: Sequence[Point], nodes_of_points: Mapping[int, Sequence[Node]], family: str
) -> dict[_NodeKey, _Station]:
    found: dict[_NodeKey, _Station] = {}
    stacks: dict[_NodeKey, Stack] = {}
    for number, nodes in nodes_of_points.items():
        point = points[number]
        if point.key[0].partition(".")[0] != family:
            continue
        nic, is_port = _nic_of(graph, point, nodes)
        if nic is None:
            continue
        key = nic.session_id, nic.node_id
        station = found.setdefault(key, _Station(nic))
        if is_port:
            station.ports.append(number)
            continue
        if key not in stacks:
            stacks[key] = stack_of(graph, nic)
            station.is_ordered = stacks[key].is_ordered
            station.n_filter_sides = 2 * len(stacks[key].filters)
        station.levels.setdefault(_height(point, nodes, stacks[key]), []).append(number)
    return found


def _extensions(
    graph: Graph, points: Sequence[Point], nodes_of_points: Mapping[int, Sequence[Node]], family: str
) -> dict[_NodeKey, list[int]]:
    """Points inside a switch, by switch: pktmon watches the switch's extensions as one component."""
    found: dict[_NodeKey, list[int]] = {}
    for number, nodes in nodes_of_points.items():
        for layer in nodes if points[number].key[0] == family else ():
            for switch in graph.targets(layer, EdgeKind.ON_SWITCH) if layer.kind is NodeKind.LAYER else ():
                found.setdefault((switch.session_id, switch.node_id), []).append(number)
    return found


def _nic_of(graph: Graph, point: Point, nodes: Sequence[Node]) -> tuple[Node | None, bool]:
    """The NIC that a point is at, and whether it is at the switch's end of it."""
    for node in nodes:
        if node.kind is NodeKind.PORT:
            nics = graph.sources(node, EdgeKind.CONNECTS)
            return (nics[0] if len(nics) == 1 else None), True
        if node.kind in NIC_KINDS:
            return node, point.details.get("component_type") in _SWITCH_SIDE
        if node.kind is NodeKind.LAYER:
            nics = graph.targets(node, EdgeKind.STACKED_ON)
            return (nics[0] if len(nics) == 1 else None), False
    return None, False


def _height(point: Point, nodes: Sequence[Node], stack: Stack) -> int:
    """0 right above the miniport; a filter has a lower and an upper side; what is bound on top is above all."""
    layer = next((node for node in nodes if node.kind is NodeKind.LAYER), None)
    if layer is None:
        return 0
    position = stack.position(layer)
    top = 2 * len(stack.filters) + 1
    if position > len(stack.filters):
        return top + _LAYERS_ABOVE.get(str(layer.properties.get("layer", "")), 0)
    is_lower = str(point.details.get("edge", "")).lower() == "lower"
    return 2 * position - 1 if is_lower else 2 * position


class _Ways:
    def __init__(
        self, graph: Graph, stations: Mapping[_NodeKey, _Station], extensions: Mapping[_NodeKey, Sequence[int]]
    ) -> None:
        self._graph, self._stations, self._extensions = graph, stations, extensions
        self._nics_of: dict[_NodeKey, list[Node]] = {}

    def all(self) -> Iterator[tuple[tuple[int, int], Expectation]]:
        """What follows each point, in each direction."""
        for station in self._stations.values():
            yield from self._of(station)
        for key, points in self._extensions.items():
            leaving = self._leaving_by(self._on(self._graph.nodes[key]))
            inside = tuple((point, NO_DIRECTION) for point in points)
            for point in points:
                # In and out of the extensions are sightings of one point, which has no direction.
                yield (point, NO_DIRECTION), replace(leaving, points=(*inside, *leaving.points))

    def _of(self, station: _Station) -> Iterator[tuple[tuple[int, int], Expectation]]:
        """What follows each point of a station."""
        if sum(map(len, station.levels.values())) + len(station.ports) > _POINTS_MAX:
            return
        heights = sorted(station.levels)
        everything = [point for points in station.levels.values() for point in points]
        for place, height in enumerate(heights):
            # A filter can leave a direction alone, and then it does not see it: pacer does in real recordings. So any
            # of the points further on can be the next, the nearest first.
            below = [point for level in reversed(heights[:place]) for point in station.levels[level]]
            above = [point for level in heights[place + 1 :] for point in station.levels[level]]
            for point in station.levels[height]:
                if not station.is_ordered and (below or above):
                    others = [one for one in everything if one != point]
                    for direction in (IN, OUT):
                        yield (point, direction), _then(others, direction, End.UNKNOWN, _UNORDERED)
                    continue
                yield (point, OUT), _then(below, OUT) if below else self._down(station)
                # Every protocol that is bound to the NIC gets what arrives: one after the other.
                is_top = height > station.n_filter_sides
                beside = [one for one in station.levels[height] if one != point] if is_top else []
                up = _then(above, IN) if above else self._up(station)
                yield (point, IN), replace(up, points=(*((one, IN) for one in beside), *up.points))
        enters = IN if self._is_uplink(station.nic) else OUT
        for point in station.ports:
            yield (point, enters), self._across(station.nic)
            yield (point, OUT if enters == IN else IN), self._leaving(station)

    def _is_uplink(self, nic: Node) -> bool:
        return bool(self._graph.targets(nic, EdgeKind.UPLINK)) or self._is_embedded(nic)

    def _is_embedded(self, nic: Node) -> bool:
        """A member of a switch-embedded team."""
        return any(one.kind is NodeKind.VSWITCH for one in self._graph.targets(nic, EdgeKind.MEMBER))

    def _switch(self, nic: Node) -> Node | None:
        graph = self._graph
        for port in graph.targets(nic, EdgeKind.CONNECTS):
            switches = graph.sources(port, EdgeKind.HAS_PORT)
            if switches:
                return switches[0]
        found = [
            *graph.targets(nic, EdgeKind.ON_SWITCH), *graph.targets(nic, EdgeKind.UPLINK),
            *(one for one in graph.targets(nic, EdgeKind.MEMBER) if one.kind is NodeKind.VSWITCH),
        ]  # fmt: skip
        return found[0] if found else None

    def _on(self, switch: Node) -> list[Node]:
        """The NICs on a switch."""
        key = switch.session_id, switch.node_id
        if key not in self._nics_of:
            self._nics_of[key] = self._all_on(switch)
        return self._nics_of[key]

    def _all_on(self, switch: Node) -> list[Node]:
        graph = self._graph
        found = [*graph.sources(switch, EdgeKind.ON_SWITCH), *graph.sources(switch, EdgeKind.UPLINK)]
        found += graph.sources(switch, EdgeKind.MEMBER)
        for port in graph.targets(switch, EdgeKind.HAS_PORT):
            found += graph.sources(port, EdgeKind.CONNECTS)
        return list({one.node_id: one for one in found if one.kind in NIC_KINDS}.values())

    def _station(self, nic: Node) -> _Station | None:
        return self._stations.get((nic.session_id, nic.node_id))

    def _down(self, station: _Station) -> Expectation:
        """Below the lowest point of a stack, on the way out."""
        nic = station.nic
        if nic.kind is NodeKind.TEAM:
            members = [self._station(one) for one in self._graph.sources(nic, EdgeKind.MEMBER)]
            tops = [point for one in members if one is not None for point in _highest(one)]
            return _then(tops, OUT, End.NONE if tops else End.UNKNOWN, "" if tops else "no member was recorded")
        functions = [self._station(one) for one in self._graph.targets(nic, EdgeKind.VIRTUAL_FUNCTION)]
        hardware = [point for one in functions if one is not None for point in _highest(one)]
        is_virtual = nic.kind in (NodeKind.HOST_VNIC, NodeKind.CONTAINER_NIC, NodeKind.VM_NIC)
        if self._is_uplink(nic) or (self._switch(nic) is None and not is_virtual):
            return _then(hardware, OUT, End.WIRE)
        if station.ports:
            return _then(station.ports, OUT)
        across = self._across(nic)
        return across if across.points else Expectation(end=End.UNKNOWN, reason=_NO_SWITCH)

    def _up(self, station: _Station) -> Expectation:
        """Above the highest point of a stack, on the way in."""
        nic = station.nic
        for team in self._graph.targets(nic, EdgeKind.MEMBER):
            above = self._station(team)
            if team.kind is NodeKind.TEAM and above is not None and above.levels:
                return _then(above.levels[min(above.levels)], IN)
        for master in self._graph.sources(nic, EdgeKind.VIRTUAL_FUNCTION):
            above = self._station(master)
            if above is not None and above.levels:
                return _then(_lowest(above), IN)
        if self._is_uplink(nic):
            if station.ports:
                return _then(station.ports, IN)
            across = self._across(nic)
            return across if across.points else Expectation(end=End.UNKNOWN, reason=_NO_SWITCH)
        return Expectation(end=End.STACK)

    def _across(self, nic: Node) -> Expectation:
        """Through the switch: one or several of the other NICs get it."""
        switch = self._switch(nic)
        if switch is not None and len(self._on(switch)) > _POINTS_MAX:
            return Expectation(end=End.UNKNOWN, reason=_TOO_MANY)
        others = [one for one in self._on(switch) if one.node_id != nic.node_id] if switch is not None else []
        if switch is None or not others:
            return Expectation(end=End.UNKNOWN, reason=_NO_SWITCH)
        leaving = self._leaving_by(others)
        inside = self._extensions.get((switch.session_id, switch.node_id), ())
        return replace(leaving, points=(*((point, NO_DIRECTION) for point in inside), *leaving.points))

    def _leaving_by(self, nics: Sequence[Node]) -> Expectation:
        """Out of a switch, by any of these NICs."""
        if len(nics) > _POINTS_MAX:
            return Expectation(end=End.UNKNOWN, reason=_TOO_MANY)
        found: list[tuple[int, int]] = []
        unseen = False
        for nic in nics:
            station = self._station(nic)
            leaves = OUT if self._is_uplink(nic) else IN
            if station is not None and station.ports:
                found += [(point, leaves) for point in station.ports]
            elif station is not None and station.levels:
                found += [(point, leaves) for point in (_highest(station) if leaves == OUT else _lowest(station))]
            else:
                unseen = True
        return Expectation(tuple(found), End.UNKNOWN if unseen else End.NONE, _UNSEEN_PORTS if unseen else "")

    def _leaving(self, station: _Station) -> Expectation:
        """Out of the switch, by a port."""
        nic = station.nic
        if self._is_uplink(nic):
            return _then(_highest(station), OUT) if station.levels else Expectation(end=End.WIRE)
        if station.levels:
            return _then(_lowest(station), IN)
        if nic.kind is NodeKind.VM_NIC:
            return Expectation(end=End.VM)
        return Expectation(end=End.STACK if nic.kind is not NodeKind.NIC else End.UNKNOWN)


def _highest(station: _Station) -> list[int]:
    return station.levels[max(station.levels)] if station.levels else []


def _lowest(station: _Station) -> list[int]:
    return station.levels[min(station.levels)] if station.levels else []


def _then(points: Sequence[int], direction: int, end: End = End.NONE, reason: str = "") -> Expectation:
    return Expectation(tuple((point, direction) for point in points), end, reason)
