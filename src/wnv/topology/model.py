"""The virtual network as nodes and edges, and what it says of the points where packets are seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np

from wnv.arrays import I32, I64
from wnv.packets.points import NO_DIRECTION
from wnv.schema import EDGES, NODES, Table

ALWAYS: Final = int(np.iinfo(np.int64).min)
"""Start of what was there as long as the recording knows."""
FOREVER: Final = int(np.iinfo(np.int64).max)
"""End of what was still there at the end."""


class NodeKind(StrEnum):
    """What a node is."""

    PHYSICAL_NIC = "physical_nic"
    TEAM = "team"
    """The NIC that stands for an LBFO team."""
    VSWITCH = "vswitch"
    PORT = "port"
    HOST_VNIC = "host_vnic"
    VM_NIC = "vm_nic"
    CONTAINER_NIC = "container_nic"
    NIC = "nic"
    """A NIC of which nothing says what it is."""
    LAYER = "layer"
    """A filter, protocol or other part of a NIC's stack."""
    COMPARTMENT = "compartment"
    CONTAINER = "container"
    VM = "vm"
    NETWORK = "network"
    NAT = "nat"


NIC_KINDS: Final = frozenset({
    NodeKind.PHYSICAL_NIC, NodeKind.TEAM, NodeKind.HOST_VNIC, NodeKind.VM_NIC, NodeKind.CONTAINER_NIC, NodeKind.NIC,
})  # fmt: skip


class EdgeKind(StrEnum):
    """How two nodes are connected, from source to target."""

    UPLINK = "uplink"
    """NIC or team → vSwitch: its way out."""
    MEMBER = "member"
    """NIC → team, or → vSwitch (switch-embedded teaming)."""
    HAS_PORT = "has_port"
    """VSwitch → port."""
    CONNECTS = "connects"
    """NIC → port."""
    ON_SWITCH = "on_switch"
    """NIC → vSwitch, where no port is known."""
    OWNS = "owns"
    """VM or container → NIC."""
    IN_COMPARTMENT = "in_compartment"
    """NIC or container → compartment."""
    ON_NETWORK = "on_network"
    """NIC → network."""
    CARRIED_BY = "carried_by"
    """Network → vSwitch."""
    TRANSLATES = "translates"
    """NAT → network."""
    OUTSIDE = "outside"
    """NAT → NIC by which it leads out."""
    STACKED_ON = "stacked_on"
    """Layer → NIC."""
    VIRTUAL_FUNCTION = "virtual_function"
    """NIC → NIC that carries its traffic in hardware (SR-IOV)."""


@dataclass(slots=True)
class Node:
    """A row of `schema.NODES`."""

    node_id: str
    session_id: int
    """The first session of its host."""
    kind: NodeKind
    name: str
    guid: str = ""
    parent: str = ""
    from_ns: int = ALWAYS
    to_ns: int = FOREVER
    known_ns: int = ALWAYS
    """First time at which something shows it; between `from_ns` and this, nothing says whether it was there."""
    properties: dict[str, Any] = field(default_factory=dict)  # Any: values are JSON
    source: str = "recording"
    confidence: float = 1.0
    reason: str = ""
    evidence: tuple[int, ...] = ()

    def is_there(self, ts_ns: int | None) -> bool:
        """Whether it was there at a time; None = at any."""
        return ts_ns is None or self.from_ns <= ts_ns < self.to_ns

    def is_sure(self, ts_ns: int | None) -> bool:
        """Whether it is known that it was there at a time at which it can have been."""
        return ts_ns is None or self.from_ns != ALWAYS or self.known_ns <= ts_ns


@dataclass(slots=True)
class Edge:
    """A row of `schema.EDGES`."""

    session_id: int
    kind: EdgeKind
    source_id: str
    target_id: str
    from_ns: int = ALWAYS
    to_ns: int = FOREVER
    known_ns: int = ALWAYS
    """As of a node."""
    confidence: float = 1.0
    reason: str = ""
    evidence: tuple[int, ...] = ()

    def is_there(self, ts_ns: int | None) -> bool:
        """Whether it was there at a time; None = at any."""
        return ts_ns is None or self.from_ns <= ts_ns < self.to_ns

    def is_sure(self, ts_ns: int | None) -> bool:
        """Whether it is known that it was there at a time at which it can have been."""
        return ts_ns is None or self.from_ns != ALWAYS or self.known_ns <= ts_ns


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the virtual network a point is, or a NIC that an event names. Empty text, None, -1 = not known."""

    kind: str = "other"
    """What it is: as `PointKind` (miniport, filter, protocol, switch_port, vm_nic, host_vnic, external_nic, ip, …)."""
    owner: str = ""
    """Kind of the NIC it belongs to: a `NodeKind` (physical_nic, team, host_vnic, vm_nic, container_nic, nic)."""
    name: str = ""
    """For people."""
    nic: str = ""
    vswitch: str = ""
    port: str = ""
    container: str = ""
    vm: str = ""
    compartment: int | None = None
    network: str = ""
    station: int = -1
    """Places with the same number are at the same NIC, whatever recorded them (its stack, its end of the port)."""
    switch: int = -1
    """Places with the same number are on the same vSwitch."""
    node_id: str = ""
    """The NIC, else the layer."""
    is_uplink: bool = False
    """The NIC leads out of its vSwitch: a packet that leaves there goes to the wire (or a team's member)."""
    confidence: float = 1.0
    reason: str = ""


NOWHERE: Final = Place()


class End(StrEnum):
    """Why nothing is expected behind a point."""

    NONE = ""
    """Something is."""
    WIRE = "wire"
    """The packet leaves by a physical NIC."""
    VM = "vm"
    """It reached the NIC of a VM or Hyper-V-isolated container; what is inside is not visible."""
    STACK = "stack"
    """It reached the TCP/IP of the host or of a process-isolated container."""
    UNKNOWN = "unknown"
    """The topology does not say what comes next."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be seen next of a packet that was seen at a point, if nothing drops, answers or offloads it."""

    points: tuple[tuple[int, int], ...] = ()
    """Point and direction (`points.IN`, `OUT`, `NO_DIRECTION`) of each place that can come next, the nearest first:
    one of them is seen, or several. Filters that leave a direction alone are passed over."""
    end: End = End.UNKNOWN
    """Where the way can end here, whether or not there are `points`."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements of which at most one can be right."""

    session_id: int
    node_id: str
    property: str
    values: tuple[str, ...]
    sources: tuple[str, ...]
    evidence: tuple[int, ...]


@dataclass(slots=True)
class Topology:
    """Nodes, edges, and places by point and by NIC name.

    Places can change with time (a NIC is connected elsewhere), so lookups take one: `point_codes` or `nic_codes` turn
    what was seen into codes once, `places_at` turns codes and times into rows of `places`.
    """

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    contradictions: list[Contradiction] = field(default_factory=list)
    places: list[Place] = field(default_factory=lambda: [NOWHERE])
    """Row 0 is `NOWHERE`."""
    n_points: int = 0
    spans: list[list[tuple[int, int]]] = field(default_factory=lambda: [[(ALWAYS, 0)]])
    """For each code, from when it is at which row of `places`; the first span starts at `ALWAYS`."""
    code_of_point: dict[int, int] = field(default_factory=dict)
    """Point → code."""
    nic_codes_by_name: dict[tuple[int, str], int] = field(default_factory=dict)
    """(first session of the host, lower-case name or GUID) → code."""
    expectations: dict[tuple[int, int], Expectation] = field(default_factory=dict)
    """(point, direction) → what follows."""
    first_sessions: Sequence[int] = (0,)
    """For each session, the first one of its host: the `session_id` of all that is on the host."""
    hosts: dict[int, str] = field(default_factory=dict)
    """What to call the host of each session; empty where nothing names the only one."""
    inventory: str = ""
    """Name of the inventory that was used; empty without."""

    # --- one at a time ---------------------------------------------------------------------------------

    def resolve_point(self, point_id: int, ts_ns: int | None = None) -> Place:
        """Where a point (row of `points`) is; None = at the end of the recording."""
        return self._resolve(self.code_of_point.get(point_id, 0), ts_ns)

    def resolve_nic(self, name: str, ts_ns: int | None = None, *, session_id: int = 0) -> Place:
        """Where a NIC is, by the name that VmSwitch events and 1003 give it: `GUID`, `VM GUID--GUID`, or other text.

        The name of a switch port gives the place of the NIC at it.
        """
        return self._resolve(self._nic_code(name, session_id), ts_ns)

    def _nic_code(self, name: str, session_id: int) -> int:
        first = self.first_sessions[session_id] if session_id < len(self.first_sessions) else session_id
        return self.nic_codes_by_name.get((first, name.strip("{}").lower()), 0)

    def _resolve(self, code: int, ts_ns: int | None) -> Place:
        spans = self.spans[code]
        row = spans[-1][1] if ts_ns is None else next(row for start, row in reversed(spans) if start <= ts_ns)
        return self.places[row]

    def expected_next(self, point_id: int, direction: int = NO_DIRECTION) -> Expectation:
        """What follows a sighting at a point, in the direction its owner sees (`points.IN`, `OUT`)."""
        return self.expectations.get((point_id, direction), Expectation())

    # --- many at a time --------------------------------------------------------------------------------

    def point_codes(self, points: I64) -> I64:
        """A code for each row of `points` (point ids), for `places_at`; 0 = nowhere."""
        table = np.zeros(max(self.n_points, int(points.max(initial=-1)) + 1), np.int64)
        for point, code in self.code_of_point.items():
            if point < len(table):
                table[point] = code
        return table[points]

    def nic_codes(self, names: Sequence[str], session_id: int = 0) -> I64:
        """A code for each NIC name (make names distinct first); 0 = no such NIC is known."""
        known = (self._nic_code(name, session_id) for name in names)
        return np.fromiter(known, np.int64, len(names))

    def places_at(self, codes: I64, ts_ns: I64) -> I32:
        """Rows of `places`, for codes and times side by side."""
        first = np.array([spans[0][1] for spans in self.spans], np.int32)
        rows: I32 = first[codes]
        for code in (code for code, spans in enumerate(self.spans) if len(spans) > 1):
            mine = np.flatnonzero(codes == code)
            if len(mine):
                starts = np.array([start for start, _ in self.spans[code]], np.int64)
                of_span = np.array([row for _, row in self.spans[code]], np.int32)
                rows[mine] = of_span[np.searchsorted(starts, ts_ns[mine], "right") - 1]
        return rows

    # --- nodes -----------------------------------------------------------------------------------------

    def tables(self) -> dict[str, dict[str, Sequence[Any]]]:  # Any: values of all kinds
        """Rows of `schema.NODES` and `schema.EDGES`, as `stages.Tables`; times without bounds are null."""
        said: dict[tuple[int, str], list[Contradiction]] = {}
        for one in self.contradictions:
            said.setdefault((one.session_id, one.node_id), []).append(one)
        return {
            NODES.name: _columns(
                NODES, [_node_row(node, said.get((node.session_id, node.node_id), ())) for node in self.nodes]
            ),
            EDGES.name: _columns(EDGES, [_edge_row(edge) for edge in self.edges]),
        }

    def node(self, node_id: str, session_id: int = 0) -> Node | None:
        """The node of an id."""
        return next((one for one in self.nodes if one.node_id == node_id and one.session_id == session_id), None)


def _columns(table: Table, rows: Sequence[dict[str, object]]) -> dict[str, Sequence[Any]]:  # Any: values of all kinds
    return {name: [row[name] for row in rows] for name in table.names}


def _node_row(node: Node, contradictions: Sequence[Contradiction]) -> dict[str, object]:
    properties = dict(node.properties)
    if contradictions:
        properties["contradictions"] = [
            {"property": one.property, "values": one.values, "sources": one.sources, "evidence": one.evidence}
            for one in contradictions
        ]
    return {
        "node_id": node.node_id, "session_id": node.session_id, "kind": node.kind.value, "name": node.name,
        "guid": node.guid or None, "parent": node.parent or None, "from_ns": _start(node.from_ns),
        "to_ns": _end(node.to_ns), "properties": json.dumps(properties, ensure_ascii=False, default=str),
        "source": node.source, "confidence": node.confidence, "reason": node.reason or None,
        "evidence": list(node.evidence),
    }  # fmt: skip


def _edge_row(edge: Edge) -> dict[str, object]:
    return {
        "session_id": edge.session_id, "kind": edge.kind.value, "source_id": edge.source_id,
        "target_id": edge.target_id, "from_ns": _start(edge.from_ns), "to_ns": _end(edge.to_ns),
        "confidence": edge.confidence, "reason": edge.reason or None, "evidence": list(edge.evidence),
    }  # fmt: skip


def _start(from_ns: int) -> int | None:
    return None if from_ns == ALWAYS else from_ns


def _end(to_ns: int) -> int | None:
    return None if to_ns == FOREVER else to_ns
