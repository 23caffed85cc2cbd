"""Since when things are there, and since when that is known: what is said of one thing bounds what it stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from wnv.clock import NO_TIME
from wnv.providers.facts import Change, Fact
from wnv.topology.model import ALWAYS, FOREVER, Edge, EdgeKind, Node, NodeKind, Topology
from wnv.topology.things import Things

_SHOWS_TARGET: Final = frozenset({EdgeKind.OWNS, EdgeKind.HAS_PORT})
"""Where the target is, the source is: no port without its switch. Of the others below, the other way round."""
_SHOWS_SOURCE: Final = frozenset({EdgeKind.STACKED_ON, EdgeKind.IN_COMPARTMENT})
_FIXED: Final = frozenset({EdgeKind.HAS_PORT, EdgeKind.STACKED_ON})
_ROUNDS: Final = 3
"""Longest way that a bound goes: port → NIC → container → compartment."""


class Presence:
    """Sets `from_ns` of what came with another thing, and `known_ns` of all nodes and edges of a topology."""

    def __init__(self, topology: Topology, things: Things, nodes: Mapping[int, Node]) -> None:
        """`nodes`: those of the topology, by the numbers of `things`."""
        self._things, self._of_number, self._edges = things, nodes, topology.edges
        self._nodes = {(node.session_id, node.node_id): node for node in topology.nodes}

    def settle(self, nodes_of_points: Mapping[int, Sequence[Node]], first_packets: Mapping[int, int]) -> None:
        """Do it; `first_packets`: when points saw their first packet, in ns UTC."""
        self._know()
        self._begin_nics()
        for _ in range(_ROUNDS):
            self._begin_with_nics()
        for point, ts_ns in first_packets.items():
            for node in nodes_of_points.get(point, ()):
                node.known_ns = min(node.known_ns, ts_ns)
        for _ in range(_ROUNDS):
            self._show_carriers()
        for edge in self._edges:
            ends = self._ends(edge)
            if ends is not None:
                self._bound(edge, *ends)

    def _ends(self, edge: Edge) -> tuple[Node, Node] | None:
        source = self._nodes.get((edge.session_id, edge.source_id))
        target = self._nodes.get((edge.session_id, edge.target_id))
        return None if source is None or target is None else (source, target)

    def _know(self) -> None:
        """The first time of a fact about each node. A rundown without times tells what was there from the start."""
        for node in self._nodes.values():
            node.known_ns = FOREVER
        for subject, target, fact in self._things.facts:
            if fact.change is Change.ENDED and fact.relation:
                continue
            for number in (subject, target):
                known = self._of_number.get(self._things.root(number)) if number >= 0 else None
                if known is not None:
                    known.known_ns = min(known.known_ns, _known(fact))

    def _begin_nics(self) -> None:
        """A NIC of which the first that is said is that it connects to a port that is made only then came with it."""
        for edge in self._edges:
            ends = self._ends(edge) if edge.kind is EdgeKind.CONNECTS else None
            if ends is not None and ends[0].from_ns == ALWAYS < ends[1].from_ns:
                nic, port = ends
                if port.known_ns <= nic.known_ns <= port.from_ns:
                    nic.from_ns = nic.known_ns

    def _begin_with_nics(self) -> None:
        """Containers, and their compartments, begin with the first of what is in them; layers with their NIC."""
        starts: dict[tuple[int, str], list[int]] = {}
        for edge in self._edges:
            ends = self._ends(edge)
            if ends is None:
                continue
            source, target = ends
            if edge.kind is EdgeKind.OWNS and source.kind is NodeKind.CONTAINER:
                starts.setdefault((source.session_id, source.node_id), []).append(target.from_ns)
            elif edge.kind is EdgeKind.IN_COMPARTMENT:
                starts.setdefault((target.session_id, target.node_id), []).append(source.from_ns)
            elif edge.kind is EdgeKind.STACKED_ON:
                starts.setdefault((source.session_id, source.node_id), []).append(target.from_ns)
        for key, begun in starts.items():
            node, first = self._nodes[key], min(begun)
            if node.from_ns == ALWAYS and first != ALWAYS and node.known_ns >= first:
                node.from_ns = first

    def _show_carriers(self) -> None:
        """What is seen shows what it stands on."""
        for edge in self._edges:
            ends = self._ends(edge)
            if ends is None:
                continue
            source, target = ends
            if edge.kind in _SHOWS_TARGET and not _is_late(edge):
                source.known_ns = min(source.known_ns, max(_shown(target), _said(edge)))
            elif edge.kind in _SHOWS_SOURCE and not _is_late(edge):
                target.known_ns = min(target.known_ns, max(_shown(source), _said(edge)))

    def _bound(self, edge: Edge, source: Node, target: Node) -> None:
        """An edge is there while both its ends are, and known where they are."""
        begun = max(source.from_ns, target.from_ns)
        if edge.from_ns == ALWAYS and begun < edge.to_ns:
            edge.from_ns = begun
        edge.known_ns = max(edge.known_ns, _shown(source), _shown(target))


def _is_late(edge: Edge) -> bool:
    """Whether it need not have been when its ends were first seen."""
    return edge.from_ns != ALWAYS or edge.to_ns != FOREVER


def _said(edge: Edge) -> int:
    """When it is said; ports and layers stay where they are, whenever it is said."""
    return ALWAYS if edge.kind in _FIXED else edge.known_ns


def _shown(node: Node) -> int:
    return node.known_ns if node.from_ns == ALWAYS else node.from_ns


def _known(fact: Fact) -> int:
    """When a fact shows its things; `FOREVER`: what was put together from others shows nothing by itself."""
    if fact.ts_ns != NO_TIME:
        return fact.ts_ns
    return ALWAYS if fact.event_row >= 0 else FOREVER
