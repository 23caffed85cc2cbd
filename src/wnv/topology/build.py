"""From facts to nodes and edges: the topology of a recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

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
from wnv.topology.resolve import add_places
from wnv.topology.sources import EVENT_IDS, PROVIDERS, FactReader
from wnv.topology.things import Record, Things
from wnv.topology.ways import add_expectations


class Builder:
    """Learns from the events of a recording, stretch by stretch in order of time; see `stages.LearningStage`."""

    providers = PROVIDERS
    event_ids = EVENT_IDS
    """Of these providers, it reads only events with these ids."""

    def __init__(self, log: Log | None = None) -> None:
        self.log = Log() if log is None else log
        self._things = Things()
        self._reader = FactReader(self.log)

    def learn(self, stretch: Stretch) -> None:
        """Take the next stretch."""
        for fact in self._reader.read(stretch):
            self._things.add(fact)

    def finish(
        self,
        inventory: Iterable[Fact] = (),
        points: Sequence[Point] = (),
        *,
        point_sessions: Mapping[int, Collection[int]] | None = None,
        inventory_name: str = "",
        passed: Passing | None = None,
    ) -> Topology:
        """The topology; `points` are those of the recording, `inventory` what an inventory says (see `inventory`).

        `point_sessions`: in which sessions each point saw packets, since points are numbered over all of them; None =
        there is one session. `passed`: what packets say of adapters (see `passing`).
        """
        things = self._things
        for fact in (*self._reader.rest(), *inventory):
            things.add(fact)
        self._add_points(points, point_sessions)
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
            inventory=inventory_name,
        )  # fmt: skip
        tell_isolation(topology)
        bound_owners(topology)
        name_nodes(topology, records, nodes.by_number)
        nodes_of_points = _nodes_of_points(records, nodes.by_number, len(points))
        add_places(topology, points, nodes_of_points, _nodes_by_name(records, nodes.by_number))
        add_expectations(topology, points, nodes_of_points)
        return topology

    def _add_points(self, points: Sequence[Point], sessions: Mapping[int, Collection[int]] | None) -> None:
        for number, facts in enumerate(point_facts(point, number) for number, point in enumerate(points)):
            for session_id in (0,) if sessions is None else sorted(sessions.get(number, ())):
                for fact in facts:
                    self._things.add(replace(fact, session_id=session_id))


def _nodes_by_name(records: Mapping[int, Record], nodes: Mapping[int, Node]) -> dict[tuple[int, str], Node]:
    """NICs by session and each name that a switch may have for them, or GUID; ports by theirs."""
    found: dict[tuple[int, str], Node] = {}
    for number, node in nodes.items():
        record = records[number]
        for kind, value in record.keys if record.thing in (Thing.NIC, Thing.PORT) else ():
            if kind in ("name", "guid"):
                found.setdefault((record.session_id, str(value)), node)
    return found


def _nodes_of_points(
    records: Mapping[int, Record], nodes: Mapping[int, Node], n_points: int
) -> dict[tuple[int, int], list[Node]]:
    """The nodes of each point by session: its layer, port or NIC, whichever there are."""
    found: dict[tuple[int, int], list[Node]] = {}
    for number, node in nodes.items():
        for kind, value in records[number].keys:
            if kind == "point" and isinstance(value, int) and value < n_points:
                found.setdefault((node.session_id, value), []).append(node)
    return found
