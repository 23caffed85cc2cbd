"""From records to nodes: what each thing is, from when to when it was there, and what is contradicted about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wnv.clock import NO_TIME
from wnv.providers.facts import Change, Fact, Thing
from wnv.topology.infer import Inferences
from wnv.topology.model import ALWAYS, FOREVER, Contradiction, EdgeKind, Node, NodeKind, Topology
from wnv.topology.things import LISTS, Record, Said, Things

_KEY_ORDER: Final = (
    "guid", "endpoint", "id", "name", "alias", "if_index", "component", "address", "switch_port", "point",
)  # fmt: skip
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
_HOST_NICS: Final = frozenset({"hns internal nic"})
_HOST_COMPARTMENT: Final = 1
_PROPERTY_LENGTH_MAX: Final = 4096
_THING_KINDS: Final = {
    Thing.VSWITCH: NodeKind.VSWITCH, Thing.PORT: NodeKind.PORT, Thing.LAYER: NodeKind.LAYER,
    Thing.COMPARTMENT: NodeKind.COMPARTMENT, Thing.CONTAINER: NodeKind.CONTAINER, Thing.VM: NodeKind.VM,
    Thing.NETWORK: NodeKind.NETWORK, Thing.NAT: NodeKind.NAT, Thing.TEAM: NodeKind.TEAM,
}  # fmt: skip


class Nodes:
    """Nodes by the numbers of their records, and the contradictions about them."""

    def __init__(
        self, things: Things, records: Mapping[int, Record], inferences: Inferences, team_nic: Mapping[int, int]
    ) -> None:
        """`team_nic`: the NIC that stands for each team, by number: the team itself is no node then."""
        self._things, self._records, self._inferences, self._team_nic = things, records, inferences, team_nic
        self._appeared = _appeared(things)
        self._owners = _by_target(things.relations("owns"))
        self._compartments = _by_subject(things.relations("in_compartment"))
        self._uplinks = {nic for nic, _, _ in things.relations("uplink")}
        self._on_switches = {nic for nic, _, _ in things.relations("on_switch")}
        self._team_nics = set(team_nic.values())
        self.contradictions: list[Contradiction] = []
        mentioned = {
            number for kind in (*EdgeKind, "stands_for") for one in things.relations(str(kind)) for number in one[:2]
        }
        self.by_number: dict[int, Node] = {
            record.number: self._node(record)
            for record in records.values()
            if record.number not in team_nic and self._is_worth(record, mentioned)
        }
        _make_unique(self.by_number.values())
        self._add_contradictions()

    def _is_worth(self, record: Record, mentioned: set[int]) -> bool:
        """Windows lists dozens of interfaces that carry nothing: those that only its list has are left out."""
        if record.thing not in (Thing.NIC, Thing.LAYER) or record.number in mentioned:
            return True
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
            if record.get("hands_over"):
                return NodeKind.HOST_VNIC, 0.8, "its frames are at another adapter of the host at once"
            return NodeKind.PHYSICAL_NIC, 0.9, "nothing says that it is virtual"
        return NodeKind.NIC, 1.0, ""

    def _is(self, number: int, thing: Thing) -> bool:
        return number in self._records and self._records[number].thing is thing

    def _add_contradictions(self) -> None:
        for record in self._records.values():
            node = self.by_number.get(record.number)
            if node is None:
                continue
            for name, values in record.said.items():
                if name in LISTS or name in _MAY_DIFFER or len(values) < 2:
                    continue
                self._contradict(node, name, values)
        for number, _, fact in self._things.conflicts:
            node = self.by_number.get(self._things.root(number))
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


def _make_unique(nodes: Iterable[Node]) -> None:
    """Things of one sort may have the same text as names of different kinds: the second gets a number."""
    taken: set[tuple[int, str]] = set()
    last: Counter[tuple[int, str]] = Counter()
    for node in nodes:
        key = node.session_id, node.node_id
        while (node.session_id, node.node_id) in taken:
            last[key] += 1
            node.node_id = f"{key[1]}#{last[key] + 1}"
        taken.add((node.session_id, node.node_id))


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


def _time(fact: Fact, otherwise: int) -> int:
    return otherwise if fact.ts_ns == NO_TIME else fact.ts_ns


def tell_isolation(topology: Topology) -> None:
    """A container whose NIC is a VM's is isolated by Hyper-V; one whose NIC is the host's shares its kernel."""
    by_id = {(node.session_id, node.node_id): node for node in topology.nodes}
    for edge in topology.edges:
        owner = by_id.get((edge.session_id, edge.source_id))
        nic = by_id.get((edge.session_id, edge.target_id))
        if edge.kind is EdgeKind.OWNS and owner is not None and nic is not None and owner.kind is NodeKind.CONTAINER:
            of_kind = {NodeKind.VM_NIC: "hyper-v", NodeKind.CONTAINER_NIC: "process"}.get(nic.kind)
            if of_kind:
                owner.properties.setdefault("isolation", of_kind)


def bound_owners(topology: Topology) -> None:
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
