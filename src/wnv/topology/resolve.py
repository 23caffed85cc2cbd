"""Where in the virtual network each point and NIC name is, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from wnv.packets.points import Point, PointKind
from wnv.topology.model import (
    ALWAYS,
    FOREVER,
    NIC_KINDS,
    NOWHERE,
    Edge,
    EdgeKind,
    Node,
    NodeKind,
    Place,
    Topology,
)  # fmt: skip

_SPANS_MAX: Final = 1024
"""Changes of one place that are kept; no real NIC moves so often."""
_CHANGES_MAX: Final = 20_000
"""Of all places together; beyond, a place is that of the end."""
_EDGES_MAX: Final = 64
"""Edges of a kind from or to one node that a place looks at, the latest ones."""
_KIND_OF_NIC: Final = {
    NodeKind.VM_NIC: PointKind.VM_NIC, NodeKind.HOST_VNIC: PointKind.HOST_VNIC,
    NodeKind.CONTAINER_NIC: PointKind.HOST_VNIC, NodeKind.PHYSICAL_NIC: PointKind.EXTERNAL_NIC,
    NodeKind.TEAM: PointKind.EXTERNAL_NIC,
}  # fmt: skip

NodeKey = tuple[int, str]


class Graph:
    """Edges by their ends, at any time."""

    def __init__(self, topology: Topology, n_latest: int | None = None) -> None:
        """With `n_latest`, only so many edges of a kind at a node, the last ones."""
        self._n_latest = n_latest
        self.nodes: dict[NodeKey, Node] = {(node.session_id, node.node_id): node for node in topology.nodes}
        self._out: dict[tuple[NodeKey, EdgeKind], list[Edge]] = {}
        self._in: dict[tuple[NodeKey, EdgeKind], list[Edge]] = {}
        for edge in topology.edges:
            self._out.setdefault(((edge.session_id, edge.source_id), edge.kind), []).append(edge)
            self._in.setdefault(((edge.session_id, edge.target_id), edge.kind), []).append(edge)

    def edges(self, node: Node, kind: EdgeKind, *, incoming: bool = False) -> list[Edge]:
        """Edges of one kind that leave a node, or that reach it."""
        found = (self._in if incoming else self._out).get(((node.session_id, node.node_id), kind), [])
        return found if self._n_latest is None else found[-self._n_latest :]

    def targets(self, node: Node, kind: EdgeKind, ts_ns: int | None = None) -> list[Node]:
        """Nodes that edges of one kind lead to; None = at any time."""
        found = (self.nodes.get((e.session_id, e.target_id)) for e in self.edges(node, kind) if e.is_there(ts_ns))
        return [one for one in found if one is not None]

    def sources(self, node: Node, kind: EdgeKind, ts_ns: int | None = None) -> list[Node]:
        """Nodes from which edges of one kind come; None = at any time."""
        found = (
            self.nodes.get((e.session_id, e.source_id))
            for e in self.edges(node, kind, incoming=True)
            if e.is_there(ts_ns)
        )
        return [one for one in found if one is not None]


def add_places(
    topology: Topology,
    points: Sequence[Point],
    nodes_of_points: Mapping[int, Sequence[Node]],
    nics_by_name: Mapping[tuple[int, str], Node],
) -> None:
    """Fill in the places of `topology`. `nodes_of_points`: by point, the nodes it is at."""
    maker = _Places(topology)
    topology.n_points = len(points)
    for point_id, point in enumerate(points):
        topology.code_of_point[point_id] = maker.code(point, nodes_of_points.get(point_id, ()))
    for (session_id, name), node in nics_by_name.items():
        topology.nic_codes_by_name[session_id, name] = maker.code(None, (node,))


class _Places:
    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._graph = Graph(topology, _EDGES_MAX)
        self._n_changes = 0
        self._row: dict[Place, int] = {NOWHERE: 0}
        self._stations: dict[NodeKey, int] = {}
        self._switches: dict[NodeKey, int] = {}

    def code(self, point: Point | None, nodes: Sequence[Node]) -> int:
        """A new code for what is at these nodes, with its places over time."""
        spans: list[tuple[int, int]] = []
        changes = self._changes(nodes)
        if self._n_changes + len(changes) > _CHANGES_MAX:
            changes = []
        self._n_changes += len(changes)
        for start in (ALWAYS, *changes):
            row = self._number(self._place(point, nodes, start))
            if not spans or spans[-1][1] != row:
                spans.append((start, row))
        self._topology.spans.append(spans)
        return len(self._topology.spans) - 1

    def _number(self, place: Place) -> int:
        row = self._row.get(place)
        if row is None:
            row = self._row[place] = len(self._topology.places)
            self._topology.places.append(place)
        return row

    def _changes(self, nodes: Sequence[Node]) -> list[int]:
        """Times at which anything around these nodes changes, ascending."""
        times: set[int] = set()
        graph = self._graph
        nearby = list(nodes)
        for node in nodes:
            nearby += graph.targets(node, EdgeKind.STACKED_ON)
            if node.kind is NodeKind.PORT:
                nearby += graph.sources(node, EdgeKind.CONNECTS)
        for node in list(nearby):
            if node.kind in NIC_KINDS:
                nearby += graph.targets(node, EdgeKind.CONNECTS)
                nearby += graph.sources(node, EdgeKind.OWNS)
        for node in nearby:
            for kind in (EdgeKind.CONNECTS, EdgeKind.ON_SWITCH, EdgeKind.UPLINK, EdgeKind.IN_COMPARTMENT,
                         EdgeKind.ON_NETWORK, EdgeKind.OWNS, EdgeKind.HAS_PORT):  # fmt: skip
                for edge in (*graph.edges(node, kind), *graph.edges(node, kind, incoming=True)):
                    times.update(time for time in (edge.from_ns, edge.to_ns) if time not in (ALWAYS, FOREVER))
                if len(times) > _SPANS_MAX:
                    return sorted(times)[:_SPANS_MAX]
        return sorted(times)

    def _place(self, point: Point | None, nodes: Sequence[Node], ts_ns: int) -> Place:
        """The place at one time."""
        graph = self._graph
        layer = next((node for node in nodes if node.kind is NodeKind.LAYER), None)
        port = next((node for node in nodes if node.kind is NodeKind.PORT), None)
        switch = next((node for node in nodes if node.kind is NodeKind.VSWITCH), None)
        nic = next((node for node in nodes if node.kind in NIC_KINDS), None)
        if nic is None and layer is not None:
            nic = _first(graph.targets(layer, EdgeKind.STACKED_ON))
            switch = switch or _first(graph.targets(layer, EdgeKind.ON_SWITCH))
        if nic is None and port is not None:
            nic = _at(graph.sources(port, EdgeKind.CONNECTS, ts_ns), graph.sources(port, EdgeKind.CONNECTS))
        kind = point.kind.value if point is not None else ""
        if nic is None:
            if port is not None:
                switch = _first(graph.sources(port, EdgeKind.HAS_PORT)) or switch
            name = next((node.name for node in (layer, port, switch) if node is not None), "")
            return Place(
                kind=kind or "other", name=name or (point.description if point is not None else ""),
                vswitch=switch.name if switch else "", port=port.name if port else "",
                switch=self._switch(switch), node_id=next((n.node_id for n in (layer, port, switch) if n), ""),
            )  # fmt: skip
        place = self._nic(nic, port, ts_ns)
        if layer is not None:
            place = replace(place, name=f"{layer.name} on {nic.name}")
        elif port is not None and place.vswitch:
            place = replace(place, name=f"{nic.name} at {place.vswitch}")
        return replace(place, kind=kind or _KIND_OF_NIC.get(nic.kind, PointKind.OTHER).value)

    def _nic(self, nic: Node, port: Node | None, ts_ns: int) -> Place:
        graph = self._graph
        port = port or _first(graph.targets(nic, EdgeKind.CONNECTS, ts_ns))
        switch = _first(graph.sources(port, EdgeKind.HAS_PORT)) if port is not None else None
        uplinks = graph.targets(nic, EdgeKind.UPLINK, ts_ns) or graph.targets(nic, EdgeKind.UPLINK)
        switch = switch or _first(graph.targets(nic, EdgeKind.ON_SWITCH, ts_ns)) or _first(uplinks)
        owners = graph.sources(nic, EdgeKind.OWNS, ts_ns) or graph.sources(nic, EdgeKind.OWNS)
        container = next((one for one in owners if one.kind is NodeKind.CONTAINER), None)
        vm = next((one for one in owners if one.kind is NodeKind.VM), None)
        compartment = _first(graph.targets(nic, EdgeKind.IN_COMPARTMENT, ts_ns))
        if compartment is None and container is not None:
            compartment = _first(graph.targets(container, EdgeKind.IN_COMPARTMENT, ts_ns))
        network = _first(graph.targets(nic, EdgeKind.ON_NETWORK, ts_ns))
        if network is None and switch is not None:
            carried = graph.sources(switch, EdgeKind.CARRIED_BY)
            network = carried[0] if len(carried) == 1 else None
        name = container.name if container else nic.name if nic.kind is NodeKind.CONTAINER_NIC else ""
        number = compartment.name if compartment else ""
        return Place(
            owner=nic.kind.value, name=nic.name, nic=nic.name, vswitch=switch.name if switch else "",
            port=port.name if port else "", container=name, vm=vm.name if vm else "",
            compartment=int(number) if number.isdecimal() else None, network=network.name if network else "",
            station=self._station(nic), switch=self._switch(switch), node_id=nic.node_id,
            is_uplink=bool(uplinks), confidence=nic.confidence, reason=nic.reason,
        )  # fmt: skip

    def _station(self, nic: Node) -> int:
        return self._stations.setdefault((nic.session_id, nic.node_id), len(self._stations))

    def _switch(self, switch: Node | None) -> int:
        if switch is None:
            return -1
        return self._switches.setdefault((switch.session_id, switch.node_id), len(self._switches))


def _first(nodes: Sequence[Node]) -> Node | None:
    return nodes[0] if nodes else None


def _at(then: Sequence[Node], ever: Sequence[Node]) -> Node | None:
    """What was there then; else the only one that ever was."""
    return then[0] if then else ever[0] if len(ever) == 1 else None
