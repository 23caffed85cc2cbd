"""From facts to nodes and edges: the topology of a recording."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from wnv.clock import NO_TIME
from wnv.diagnostics import Code, Log
from wnv.packets.points import Point
from wnv.providers.facts import Change, Fact, Thing, guid_of
from wnv.providers.stages import Stretch
from wnv.topology.infer import Inferences, infer, inferred_relations
from wnv.topology.model import (
    ALWAYS,
    FOREVER,
    Contradiction,
    Edge,
    EdgeKind,
    Node,
    NodeKind,
    Topology,
)  # fmt: skip
from wnv.topology.points import point_facts
from wnv.topology.resolve import add_places
from wnv.topology.sources import EVENT_IDS, PROVIDERS, FactReader
from wnv.topology.things import LISTS, Record, Said, Things
from wnv.topology.ways import add_expectations

_KEY_ORDER: Final = (
    "guid", "endpoint", "id", "name", "alias", "if_index", "component", "address", "switch_port", "point",
)  # fmt: skip
_ONE_TARGET: Final = frozenset({EdgeKind.CONNECTS, EdgeKind.ON_SWITCH, EdgeKind.UPLINK, EdgeKind.IN_COMPARTMENT})
"""A thing has one at a time: a new one ends the old."""
_APPEARING: Final = frozenset({"connects", "has_port"})
"""Relations that can be the first that is heard of their target."""
_MAY_DIFFER: Final = frozenset({
    "kind", "driver", "component_name", "description", "order", "is_listed", "is_up", "media", "state", "nic_index",
    "nic_name", "learned_mac", "alias", "friendly_name", "isolation", "edges",
})  # fmt: skip
"""Properties that sources word differently, or that change, without one of them being wrong."""
_CONTAINER_NIC: Final = re.compile(r"^Container NIC [0-9a-f]{8}$", re.IGNORECASE)
_VNIC_PREFIX: Final = "vEthernet ("
"""How Windows names the NICs that the host, or a process-isolated container, has on a virtual switch."""
_NO_NAME: Final = re.compile(r"^([0-9a-f-]{12,}|ethernet.*)$", re.IGNORECASE)
"""Names of endpoints that name no container: identifiers, and what HNS gives by default."""
_HOST_NICS: Final = frozenset({"hns internal nic"})
_HOST_COMPARTMENT: Final = 1
_PROPERTY_LENGTH_MAX: Final = 4096
_THING_KINDS: Final = {
    Thing.VSWITCH: NodeKind.VSWITCH, Thing.PORT: NodeKind.PORT, Thing.LAYER: NodeKind.LAYER,
    Thing.COMPARTMENT: NodeKind.COMPARTMENT, Thing.CONTAINER: NodeKind.CONTAINER, Thing.VM: NodeKind.VM,
    Thing.NETWORK: NodeKind.NETWORK, Thing.NAT: NodeKind.NAT, Thing.TEAM: NodeKind.TEAM,
}  # fmt: skip


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
    ) -> Topology:
        """The topology; `points` are those of the recording, `inventory` what an inventory says (see `inventory`).

        `point_sessions`: in which sessions each point saw packets, since points are numbered over all of them; None =
        there is one session.
        """
        things = self._things
        for fact in (*self._reader.rest(), *inventory):
            things.add(fact)
        self._add_points(points, point_sessions)
        inferences = infer(things)
        for fact in inferred_relations(things, things.records()):
            things.add(fact)
        records = things.records()
        self.log.record(Code.TOPOLOGY_LIMIT, detail="things and their names", count=things.n_refused + things.n_beyond)
        built = _Builder(things, records, inferences)
        topology = Topology(built.nodes(), built.edges(), built.contradictions, inventory=inventory_name)
        _tell_isolation(topology)
        _bound_owners(topology)
        built.name(topology)
        nodes_of_points = built.nodes_of_points(len(points))
        add_places(topology, points, nodes_of_points, built.nics_by_name())
        add_expectations(topology, points, nodes_of_points)
        return topology

    def _add_points(self, points: Sequence[Point], sessions: Mapping[int, Collection[int]] | None) -> None:
        for number, facts in enumerate(point_facts(point, number) for number, point in enumerate(points)):
            for session_id in (0,) if sessions is None else sorted(sessions.get(number, ())):
                for fact in facts:
                    self._things.add(replace(fact, session_id=session_id))


class _Builder:
    """Nodes, edges and contradictions out of the records."""

    def __init__(self, things: Things, records: dict[int, Record], inferences: Inferences) -> None:
        self._things, self._records, self._inferences = things, records, inferences
        self.contradictions: list[Contradiction] = []
        self._node_of: dict[int, Node] = {}
        self._container_nics: set[int] = set()
        self._related = {
            name: list(things.relations(name))
            for name in (
                "uplink",
                "member",
                "has_port",
                "connects",
                "on_switch",
                "owns",
                "in_compartment",
                "on_network",
                "carried_by",
                "translates",
                "outside",
                "stacked_on",
                "virtual_function",
                "stands_for",
            )
        }
        self._appeared = _appeared(things)
        self._owners = _by_target(self._related["owns"])
        self._compartments = _by_subject(self._related["in_compartment"])
        self._uplinks = {nic for nic, _, _ in self._related["uplink"]}
        self._on_switches = {nic for nic, _, _ in self._related["on_switch"]}
        self._team_nic = {team: nic for nic, team, _ in self._related["stands_for"] if team >= 0}
        self._team_nics = set(self._team_nic.values())

    # --- nodes -------------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        mentioned = self._mentioned()
        for record in self._records.values():
            if record.thing is Thing.TEAM and record.number in self._team_nic:
                continue
            if not self._is_worth(record, mentioned):
                continue
            node = self._node(record)
            self._node_of[record.number] = node
        self._add_contradictions()
        return list(self._node_of.values())

    def _mentioned(self) -> set[int]:
        """Things that a relation ties to others."""
        return {number for rows in self._related.values() for one in rows for number in one[:2]}

    def _is_worth(self, record: Record, mentioned: set[int]) -> bool:
        """Windows lists dozens of interfaces that carry nothing: those that only its list has are left out."""
        if record.thing not in (Thing.NIC, Thing.LAYER) or record.number in mentioned:
            return record.thing is not Thing.LAYER or record.number in mentioned
        is_only_listed = all("is_listed" in fact.properties for fact in record.facts)
        return not is_only_listed or bool(record.get("is_up") and record.get("mac"))

    def _node(self, record: Record) -> Node:
        kind, confidence, reason = self._kind(record)
        begun, ended = _life(record)
        if begun == ALWAYS:
            begun = self._appeared.get(record.number, ALWAYS)
        reasons = [text for text in (reason, self._inferences.get(record.number, "")) if text]
        if record.number in self._inferences:
            confidence = min(confidence, 0.9)
        sources = record.sources
        return Node(
            node_id=_node_id(record), session_id=record.session_id, kind=kind, name="", guid=record.guid,
            from_ns=begun, to_ns=ended, properties=_properties(record),
            source="both" if len(sources) > 1 else next(iter(sources), "recording"),
            confidence=confidence, reason="; ".join(reasons), evidence=record.evidence,
        )  # fmt: skip

    def _kind(self, record: Record) -> tuple[NodeKind, float, str]:
        if record.thing is not Thing.NIC:
            return _THING_KINDS[record.thing], 1.0, ""
        votes = record.all("kind")
        if any(str(name).startswith(_VNIC_PREFIX) for name in (*record.all("alias"), *record.all("source_name"))):
            votes = [*votes, "host_vnic"]
        number = record.number
        owners = self._owners.get(number, ())
        has_vm = any(self._is(owner, Thing.VM) for owner in owners)
        in_container = any(self._is(owner, Thing.CONTAINER) for owner in owners)
        compartments = {
            self._records[place].key("id") for place in self._compartments.get(number, ()) if place in self._records
        }
        is_uplink = number in self._uplinks
        is_named_container = any(_CONTAINER_NIC.match(name) for name in record.all("friendly_name"))
        is_elsewhere = bool(compartments - {_HOST_COMPARTMENT})
        if "team" in votes or number in self._team_nics:
            return NodeKind.TEAM, 1.0, ""
        if has_vm or ("vm_nic" in votes and not is_elsewhere and not in_container):
            if has_vm or record.get("nic_name"):
                return NodeKind.VM_NIC, 1.0, ""
            return NodeKind.VM_NIC, 0.9, "pktmon does not tell the NICs of VMs from those of containers"
        if not is_uplink and (in_container or is_elsewhere):
            return NodeKind.CONTAINER_NIC, 1.0, ""
        is_virtual = "physical_nic" not in votes and bool(votes or record.key("endpoint"))
        if not is_uplink and is_virtual and compartments == {_HOST_COMPARTMENT}:
            return NodeKind.HOST_VNIC, 1.0, ""
        if not is_uplink and is_named_container:
            return NodeKind.CONTAINER_NIC, 0.9, "named as HNS names the NICs of containers"
        if not is_uplink and record.key("endpoint"):
            return NodeKind.CONTAINER_NIC, 0.9, "an HNS endpoint"
        if "host_vnic" in votes and not is_uplink:
            return NodeKind.HOST_VNIC, 1.0, ""
        if is_uplink or "physical_nic" in votes or record.get("is_hardware"):
            return NodeKind.PHYSICAL_NIC, 1.0, ""
        if _HOST_NICS & {str(name).lower() for name in record.all("friendly_name")}:
            return NodeKind.HOST_VNIC, 0.9, "named as HNS names its own NICs"
        is_plain = record.get("is_hardware") is None and bool(record.key("if_index"))
        if is_plain and not record.get("is_loopback") and number not in self._on_switches:
            return NodeKind.PHYSICAL_NIC, 0.9, "nothing says that it is virtual"
        return NodeKind.NIC, 1.0, ""

    def _is(self, number: int, thing: Thing) -> bool:
        return number in self._records and self._records[number].thing is thing

    def _add_contradictions(self) -> None:
        for record in self._records.values():
            node = self._node_of.get(record.number)
            if node is None:
                continue
            for name, values in record.said.items():
                if name in LISTS or name in _MAY_DIFFER or len(values) < 2:
                    continue
                self._contradict(node, name, values)
        for number, _, fact in self._things.conflicts:
            node = self._node_of.get(self._things.root(number))
            if node is not None:
                shared = ", ".join(f"{kind} {value}" for kind, value in fact.subject.keys)
                self.contradictions.append(
                    Contradiction(
                        node.session_id,
                        node.node_id,
                        "identity",
                        (node.node_id, shared),
                        (fact.source,),
                        (fact.event_row,) if fact.event_row >= 0 else (),
                    )
                )

    def _contradict(self, node: Node, name: str, values: Sequence[Said]) -> None:
        """Values of one property that cannot all be right. In one source a later value is a change."""
        sources = {one.fact.source for one in values}
        if len(sources) == 1 and len({one.fact.ts_ns for one in values}) > 1:
            return
        rows = tuple(one.fact.event_row for one in values if one.fact.event_row >= 0)
        self.contradictions.append(
            Contradiction(
                node.session_id,
                node.node_id,
                name,
                tuple(str(one.value)[:200] for one in values),
                tuple(one.fact.source for one in values),
                rows,
            )
        )

    # --- edges -------------------------------------------------------------------------------------------

    def edges(self) -> list[Edge]:
        found: list[Edge] = []
        for kind in EdgeKind:
            by_subject: dict[int, list[tuple[int, Fact]]] = {}
            for subject, target, fact in self._related[kind.value]:
                of_team = self._team_nic.get(target, target)
                by_subject.setdefault(self._team_nic.get(subject, subject), []).append((of_team, fact))
            for subject, said in by_subject.items():
                if subject in self._node_of:
                    found += self._edges_of(subject, kind, said)
        return _without_repetition(found)

    def _edges_of(self, subject: int, kind: EdgeKind, said: list[tuple[int, Fact]]) -> list[Edge]:
        """Edges from one thing, in order of time: what begins, ends, or is seen."""
        source = self._node_of[subject]
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
            node = self._node_of.get(target)
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
                confidence=fact.confidence, reason=fact.reason,
                evidence=(fact.event_row,) if fact.event_row >= 0 else (),
            )  # fmt: skip
        return [*closed, *open_.values()]

    def _two_targets(self, source: Node, kind: EdgeKind, one: int, other: int, fact: Fact) -> None:
        names = tuple(self._node_of[number].node_id for number in (one, other))
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

    # --- names -------------------------------------------------------------------------------------------

    def name(self, topology: Topology) -> None:
        """Give every node the name that people know it by; equal ones are told apart by the start of their GUID."""
        owner = {
            edge.target_id: edge.source_id
            for edge in topology.edges
            if edge.kind is EdgeKind.OWNS
        }  # fmt: skip
        by_id = {(node.session_id, node.node_id): node for node in topology.nodes}
        for record in self._records.values():
            node = self._node_of.get(record.number)
            if node is not None and node.kind is not NodeKind.PORT:
                node.name = _name(record, node)
        _name_containers(topology, by_id)
        for node in topology.nodes:
            vm = by_id.get((node.session_id, owner.get(node.node_id, "")))
            if node.kind is NodeKind.VM_NIC and vm is not None and vm.kind is NodeKind.VM:
                node.name = f"{vm.name}/{node.name}"
        on_port = {edge.target_id: edge.source_id for edge in topology.edges if edge.kind is EdgeKind.CONNECTS}
        for record in self._records.values():
            node = self._node_of.get(record.number)
            if node is not None and node.kind is NodeKind.PORT:
                nic = by_id.get((node.session_id, on_port.get(node.node_id, "")))
                node.name = _port_name(record, nic)
        _tell_apart(topology.nodes)
        _add_parents(topology, by_id)

    def nics_by_name(self) -> dict[tuple[int, str], Node]:
        """NICs by session and each name that a switch may have for them, or GUID; ports by theirs."""
        found: dict[tuple[int, str], Node] = {}
        for number, record in self._records.items():
            node = self._node_of.get(number)
            if node is None or record.thing not in (Thing.NIC, Thing.PORT):
                continue
            for kind, value in record.keys:
                if kind in ("name", "guid"):
                    found.setdefault((record.session_id, str(value)), node)
        return found

    def nodes_of_points(self, n_points: int) -> dict[tuple[int, int], list[Node]]:
        """The nodes of each point by session: its layer, port or NIC, whichever there are."""
        found: dict[tuple[int, int], list[Node]] = {}
        for number, record in self._records.items():
            node = self._node_of.get(number)
            for kind, value in record.keys if node is not None else ():
                if kind == "point" and isinstance(value, int) and value < n_points and node is not None:
                    found.setdefault((record.session_id, value), []).append(node)
        return found


def _by_target(relations: Iterable[tuple[int, int, Fact]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for subject, target, _ in relations:
        found.setdefault(target, set()).add(subject)
    return found


def _by_subject(relations: Iterable[tuple[int, int, Fact]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for subject, target, _ in relations:
        found.setdefault(subject, set()).add(target)
    return found


def _without_repetition(edges: list[Edge]) -> list[Edge]:
    """Without `on_switch` where a port of that switch, or an uplink to it, says the same."""
    switch_of_port = {edge.target_id: edge.source_id for edge in edges if edge.kind is EdgeKind.HAS_PORT}
    said = {(edge.source_id, edge.target_id) for edge in edges if edge.kind is EdgeKind.UPLINK}
    said |= {
        (edge.source_id, switch_of_port[edge.target_id])
        for edge in edges
        if edge.kind is EdgeKind.CONNECTS and edge.target_id in switch_of_port
    }
    return [
        edge for edge in edges if edge.kind is not EdgeKind.ON_SWITCH or (edge.source_id, edge.target_id) not in said
    ]


def _support(edge: Edge, fact: Fact) -> None:
    edge.confidence = max(edge.confidence, fact.confidence)
    if edge.confidence == 1.0:
        edge.reason = ""
    if fact.event_row >= 0 and len(edge.evidence) < 8 and fact.event_row not in edge.evidence:
        edge.evidence = (*edge.evidence, fact.event_row)


def _time(fact: Fact, otherwise: int) -> int:
    return otherwise if fact.ts_ns == NO_TIME else fact.ts_ns


def _life(record: Record) -> tuple[int, int]:
    """From when to when it was there, by what began and ended it."""
    begun, ended = ALWAYS, FOREVER
    for fact in record.facts:
        if fact.relation:
            continue
        if fact.change is Change.BEGUN and begun == ALWAYS:
            begun = _time(fact, ALWAYS)
        elif fact.change is Change.ENDED:
            ended = _time(fact, FOREVER)
        elif fact.change is Change.BEGUN and ended != FOREVER:
            ended = FOREVER
    return begun, ended if ended > begun else FOREVER


def _node_id(record: Record) -> str:
    kinds = dict(reversed(record.keys))
    kind = next((one for one in _KEY_ORDER if one in kinds), "")
    value = str(kinds.get(kind, record.number))
    short = {"guid": "", "id": "", "name": "", "endpoint": "endpoint-", "if_index": "if"}.get(kind, f"{kind}-")
    return f"{record.thing.value}:{short}{value}"[:200]


def _properties(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in record.said:
        value = record.all(name) if name in LISTS else record.get(name)
        if value not in (None, "", [], {}) and name != "is_listed":
            found[name] = value[:_PROPERTY_LENGTH_MAX] if isinstance(value, str) else value
    for kind in ("if_index", "endpoint", "component"):
        values = [value for name, value in record.keys if name == kind]
        if values:
            found.setdefault(kind, values[0] if len(values) == 1 else values)
    return found


def _name(record: Record, node: Node) -> str:
    if record.thing is Thing.COMPARTMENT:
        return str(record.key("id"))
    wanted: tuple[Any, ...]
    if record.thing is Thing.LAYER:
        wanted = (*record.all("component_name"), *record.all("description"), *record.all("driver"))
    elif node.kind is NodeKind.VM_NIC:
        wanted = (
            *record.all("friendly_name")[::-1], *record.all("endpoint_name"), *record.all("alias"),
            *record.all("component_name"), *record.all("source_name"),
        )  # fmt: skip
    else:
        wanted = (
            *record.all("alias")[::-1], *record.all("friendly_name")[::-1], *record.all("source_name"),
            *record.all("component_name"), *record.all("endpoint_name"), *record.all("description"),
            *record.all("nic_name"),
        )  # fmt: skip
    return next((text for text in wanted if text and not guid_of(text)), "") or _fallback_name(record, node)


def _fallback_name(record: Record, node: Node) -> str:
    words = {NodeKind.VSWITCH: "vSwitch", NodeKind.VM: "VM", NodeKind.NETWORK: "network", NodeKind.NAT: "NAT",
             NodeKind.CONTAINER: "container", NodeKind.LAYER: "layer", NodeKind.TEAM: "team"}  # fmt: skip
    word = words.get(node.kind, "NIC")
    if record.thing is Thing.TEAM:
        return word
    if record.key("id"):
        return str(record.key("id"))[:12]
    name = record.key("name")
    if isinstance(name, str) and not guid_of(name) and "--" not in name:
        return name
    guid = record.guid or str(record.key("endpoint") or "")
    if guid:
        return f"{word} {guid[:8]}"
    mac = record.get("mac")
    index = record.key("if_index")
    return f"{word} ifIndex {index}" if index else f"{word} {mac or node.node_id.partition(':')[2]}"


def _appeared(things: Things) -> dict[int, int]:
    """When things appeared of which the first that is said is that something of them began, by number."""
    first: dict[int, tuple[int, bool]] = {}
    for subject, target, fact in things.facts:
        if fact.ts_ns == NO_TIME or fact.source != "recording":
            continue
        is_begun = fact.change is Change.BEGUN
        numbers = (subject, target) if target >= 0 and fact.relation in _APPEARING else (subject,)
        for number in map(things.root, numbers):
            known = first.get(number)
            if known is None or fact.ts_ns < known[0]:
                first[number] = fact.ts_ns, is_begun
            elif fact.ts_ns == known[0] and is_begun:
                first[number] = fact.ts_ns, True
    return {number: ts_ns for number, (ts_ns, is_begun) in first.items() if is_begun}


def _bound_owners(topology: Topology) -> None:
    """A container is there while one of its NICs is."""
    by_id = {(node.session_id, node.node_id): node for node in topology.nodes}
    nics: dict[tuple[int, str], list[Node]] = {}
    for edge in topology.edges:
        nic = by_id.get((edge.session_id, edge.target_id))
        if edge.kind is EdgeKind.OWNS and nic is not None:
            nics.setdefault((edge.session_id, edge.source_id), []).append(nic)
    for key, mine in nics.items():
        owner = by_id.get(key)
        if owner is not None and owner.kind is NodeKind.CONTAINER and (owner.from_ns, owner.to_ns) == (ALWAYS, FOREVER):
            owner.from_ns, owner.to_ns = min(nic.from_ns for nic in mine), max(nic.to_ns for nic in mine)


def _tell_isolation(topology: Topology) -> None:
    """A container whose NIC is a VM's is isolated by Hyper-V; one whose NIC is the host's shares its kernel."""
    by_id = {(node.session_id, node.node_id): node for node in topology.nodes}
    for edge in topology.edges:
        owner = by_id.get((edge.session_id, edge.source_id))
        nic = by_id.get((edge.session_id, edge.target_id))
        if edge.kind is EdgeKind.OWNS and owner is not None and nic is not None and owner.kind is NodeKind.CONTAINER:
            of_kind = {NodeKind.VM_NIC: "hyper-v", NodeKind.CONTAINER_NIC: "process"}.get(nic.kind)
            if of_kind:
                owner.properties.setdefault("isolation", of_kind)


def _name_containers(topology: Topology, by_id: dict[tuple[int, str], Node]) -> None:
    """A container of which only its id is known takes the name of its HNS endpoint, if that is a name."""
    for edge in topology.edges:
        owner = by_id.get((edge.session_id, edge.source_id))
        nic = by_id.get((edge.session_id, edge.target_id))
        if edge.kind is not EdgeKind.OWNS or owner is None or nic is None or owner.kind is not NodeKind.CONTAINER:
            continue
        name = str(nic.properties.get("endpoint_name", ""))
        if not owner.properties.get("friendly_name") and name and not _NO_NAME.match(name):
            owner.name, owner.confidence = name, min(owner.confidence, 0.9)
            owner.reason = "named as its HNS endpoint"


def _port_name(record: Record, nic: Node | None) -> str:
    friendly = next((text for text in record.all("friendly_name") if text and not guid_of(text)), "")
    if friendly:
        return str(friendly)
    if nic is not None:
        return f"port of {nic.name}"
    number = record.get("port_id")
    return f"port {number}" if number is not None else f"port {record.guid[:8] or record.number}"


def _tell_apart(nodes: Sequence[Node]) -> None:
    def key(node: Node) -> tuple[int, str, str]:
        return node.session_id, node.kind.value, node.name.lower()

    count = Counter(key(node) for node in nodes if node.kind is not NodeKind.LAYER)
    for node in [node for node in nodes if count[key(node)] > 1]:
        mark = node.guid[:8] or node.properties.get("if_index") or node.node_id.partition(":")[2]
        node.name = f"{node.name} ({str(mark)[:20]})"


def _add_parents(topology: Topology, by_id: dict[tuple[int, str], Node]) -> None:
    """The node that each is part of: a port's switch, a layer's NIC, the owner of a NIC."""
    for edge in topology.edges:
        if edge.kind in (EdgeKind.HAS_PORT, EdgeKind.OWNS):
            child, parent = edge.target_id, edge.source_id
        elif edge.kind is EdgeKind.STACKED_ON:
            child, parent = edge.source_id, edge.target_id
        else:
            continue
        node = by_id.get((edge.session_id, child))
        if node is not None and not node.parent:
            node.parent = parent
