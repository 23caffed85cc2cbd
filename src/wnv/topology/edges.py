"""From relations to edges, each from when to when it was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wnv.clock import NO_TIME
from wnv.providers.facts import Change, Fact
from wnv.topology.model import ALWAYS, FOREVER, Contradiction, Edge, EdgeKind, Node
from wnv.topology.things import Record, Things

_ONE_TARGET: Final = frozenset({EdgeKind.CONNECTS, EdgeKind.ON_SWITCH, EdgeKind.UPLINK, EdgeKind.IN_COMPARTMENT})
"""A thing has one at a time: a new one ends the old."""
_EVIDENCE_KEPT: Final = 8


class Edges:
    """Edges between nodes, and the contradictions about them."""

    def __init__(
        self,
        things: Things,
        records: Mapping[int, Record],
        nodes: Mapping[int, Node],
        team_nic: Mapping[int, int],
    ) -> None:
        """`nodes`, by the number of their record; `team_nic`: the NIC that stands for each team, by number."""
        self._things, self._records, self._nodes, self._team_nic = things, records, nodes, team_nic
        self.contradictions: list[Contradiction] = []
        self.all = self._edges()

    def _edges(self) -> list[Edge]:
        found: list[Edge] = []
        for kind in EdgeKind:
            by_subject: dict[int, list[tuple[int, Fact]]] = {}
            for subject, target, fact in self._things.relations(kind.value):
                of_team = self._team_nic.get(target, target)
                by_subject.setdefault(self._team_nic.get(subject, subject), []).append((of_team, fact))
            for subject, said in by_subject.items():
                if subject in self._nodes:
                    found += self._edges_of(subject, kind, said)
        return _without_repetition(found)

    def _edges_of(self, subject: int, kind: EdgeKind, said: list[tuple[int, Fact]]) -> list[Edge]:
        """Edges from one thing, in order of time: what begins, ends, or is seen."""
        source = self._nodes[subject]
        open_: dict[int, Edge] = {}
        undated: set[int] = set()  # known from what has no time of its own: when it began is still open
        closed: list[Edge] = []
        has_ended = False
        for target, fact in said:
            if fact.change is Change.ENDED:
                for number in [number for number in open_ if target in (-1, number)]:
                    open_[number].to_ns = _time(fact, FOREVER)
                    _support(open_[number], fact)
                    closed.append(open_.pop(number))
                has_ended = True
                continue
            node = self._nodes.get(target)
            if node is None:
                continue
            if target in open_:
                if fact.change is Change.BEGUN and target in undated:
                    open_[target].from_ns = _time(fact, ALWAYS)
                undated -= {target} if fact.ts_ns != NO_TIME else set()
                _support(open_[target], fact)
                continue
            starts = fact.change is Change.BEGUN or (has_ended and fact.source == "recording")
            begun = _time(fact, ALWAYS) if starts else ALWAYS
            if has_ended and fact.source != "recording":
                # An inventory is taken at the end: what it says holds since the recording last said another thing.
                begun = max((edge.to_ns for edge in closed if edge.to_ns != FOREVER), default=ALWAYS)
            if kind in _ONE_TARGET and open_:
                if fact.change is Change.BEGUN:
                    for number, edge in list(open_.items()):
                        edge.to_ns = _time(fact, FOREVER)
                        closed.append(open_.pop(number))
                else:
                    self._two_targets(source, kind, next(iter(open_)), target, fact)
            undated |= {target} if fact.ts_ns == NO_TIME else set()
            open_[target] = Edge(
                source.session_id, kind, source.node_id, node.node_id, begun,
                known_ns=_known(fact), confidence=fact.confidence, reason=fact.reason,
                evidence=(fact.event_row,) if fact.event_row >= 0 else (),
            )  # fmt: skip
        return [*closed, *open_.values()]

    def _two_targets(self, source: Node, kind: EdgeKind, one: int, other: int, fact: Fact) -> None:
        names = tuple(self._nodes[number].node_id for number in (one, other))
        known = self._records[one].sources
        self.contradictions.append(
            Contradiction(
                source.session_id,
                source.node_id,
                kind.value,
                names,
                (*sorted(known), fact.source),
                (fact.event_row,) if fact.event_row >= 0 else (),
            )
        )


def _without_repetition(edges: list[Edge]) -> list[Edge]:
    """Without `on_switch` where a port of that switch, or an uplink to it, says the same."""
    switch_of_port = {(e.session_id, e.target_id): e.source_id for e in edges if e.kind is EdgeKind.HAS_PORT}
    said = {(e.session_id, e.source_id, e.target_id) for e in edges if e.kind is EdgeKind.UPLINK}
    said |= {
        (e.session_id, e.source_id, switch_of_port[e.session_id, e.target_id])
        for e in edges
        if e.kind is EdgeKind.CONNECTS and (e.session_id, e.target_id) in switch_of_port
    }
    return [
        e for e in edges if e.kind is not EdgeKind.ON_SWITCH or (e.session_id, e.source_id, e.target_id) not in said
    ]


def _known(fact: Fact) -> int:
    """When a fact shows an edge: without a time, as long as its ends are there, but never by an inventory."""
    return _time(fact, ALWAYS if fact.source == "recording" else FOREVER)


def _support(edge: Edge, fact: Fact) -> None:
    edge.known_ns = min(edge.known_ns, _known(fact))
    edge.confidence = max(edge.confidence, fact.confidence)
    if edge.confidence == 1.0:
        edge.reason = ""
    if fact.event_row >= 0 and len(edge.evidence) < _EVIDENCE_KEPT and fact.event_row not in edge.evidence:
        edge.evidence = (*edge.evidence, fact.event_row)


def _time(fact: Fact, otherwise: int) -> int:
    return otherwise if fact.ts_ns == NO_TIME else fact.ts_ns
