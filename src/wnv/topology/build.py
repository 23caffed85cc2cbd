"""From facts to nodes and edges: the topology of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from wnv.arrays import I64
from wnv.diagnostics import Code, Log
from wnv.packets.points import Point
from wnv.providers.facts import Fact, Thing
from wnv.providers.stages import Stretch
from wnv.topology.edges import Edges
from wnv.topology.infer import infer, inferred_relations
from wnv.topology.model import Node, Topology
from wnv.topology.naming import name_nodes
from wnv.topology.nodes import Nodes, bound_owners, tell_isolation
from wnv.topology.passing import Passing
from wnv.topology.points import point_facts
from wnv.topology.presence import Presence
from wnv.topology.resolve import add_places
from wnv.topology.sources import EVENT_IDS, PROVIDERS, FactReader
from wnv.topology.things import Record, Things
from wnv.topology.ways import add_expectations


class Builder:
    """Learns from the events of a recording, stretch by stretch in order of time; see `stages.LearningStage`."""

    providers = PROVIDERS
    event_ids = EVENT_IDS
    """Of these providers, it reads only events with these ids."""

    def __init__(self, log: Log | None = None, host_of_session: Sequence[int] = (0,)) -> None:
        """`host_of_session`: number of the host of each session; what its sessions say is about the same things."""
        self.log = Log() if log is None else log
        self._first_of_host = [host_of_session.index(host) for host in sorted(set(host_of_session))]
        self._first_sessions: I64 = np.array([self._first_of_host[host] for host in host_of_session], np.int64)
        self._things = Things()
        self._reader = FactReader(self.log)

    def learn(self, stretch: Stretch) -> None:
        """Take the next stretch."""
        for fact in self._reader.read(replace(stretch, session_id=self._first_sessions[stretch.session_id])):
            self._things.add(fact)

    def finish(
        self,
        inventory: Iterable[Fact] = (),
        points: Sequence[Point] = (),
        *,
        inventory_name: str = "",
        passed: Passing | None = None,
        first_packets: Mapping[int, int] | None = None,
    ) -> Topology:
        """The topology; `points` are those of the recording, `inventory` what an inventory says (see `inventory`).

        `passed`: what packets say of adapters (see `passing`). The session of both is the first of their host.
        `first_packets`: when each point saw its first packet, in ns UTC.
        """
        things = self._things
        for fact in (*self._reader.rest(), *inventory):
            things.add(fact)
        for number, point in enumerate(points):
            for fact in point_facts(point, number):
                things.add(replace(fact, session_id=self._first_of_host[point.host]))
        inferences = infer(things, passed)
        for fact in inferred_relations(things, things.records()):
            things.add(fact)
        records = things.records()
        self.log.record(Code.TOPOLOGY_LIMIT, detail="things and their names", count=things.n_refused + things.n_beyond)
        team_nic = {team: nic for nic, team, _ in things.relations("stands_for") if team >= 0}
        nodes = Nodes(things, records, inferences, team_nic)
        edges = Edges(things, records, nodes.by_number, team_nic)
        topology = Topology(
            list(nodes.by_number.values()), edges.all, [*nodes.contradictions, *edges.contradictions],
            inventory=inventory_name, first_sessions=self._first_sessions.tolist(),
        )  # fmt: skip
        tell_isolation(topology)
        bound_owners(topology)
        name_nodes(topology, records, nodes.by_number)
        nodes_of_points = _nodes_of_points(records, nodes.by_number, len(points))
        add_places(topology, points, nodes_of_points, _nodes_by_name(records, nodes.by_number))
        add_expectations(topology, points, nodes_of_points)
        Presence(topology, things, nodes.by_number).settle(nodes_of_points, first_packets or {})
        return topology


def _nodes_by_name(records: Mapping[int, Record], nodes: Mapping[int, Node]) -> dict[tuple[int, str], Node]:
    """NICs by first session of their host and each name that a switch may have for them, or GUID; ports by theirs."""
    found: dict[tuple[int, str], Node] = {}
    for number, node in nodes.items():
        record = records[number]
        for kind, value in record.keys if record.thing in (Thing.NIC, Thing.PORT) else ():
            if kind in ("name", "guid"):
                found.setdefault((record.session_id, str(value)), node)
    return found


def _nodes_of_points(records: Mapping[int, Record], nodes: Mapping[int, Node], n_points: int) -> dict[int, list[Node]]:
    """The nodes of each point: its layer, port or NIC, whichever there are."""
    found: dict[int, list[Node]] = {}
    for number, node in nodes.items():
        for kind, value in records[number].keys:
            if kind == "point" and isinstance(value, int) and value < n_points:
                found.setdefault(value, []).append(node)
    return found
