"""What people call each node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wnv.providers.facts import Thing, guid_of
from wnv.topology.model import EdgeKind, Node, NodeKind, Topology
from wnv.topology.things import Record

_NO_NAME: Final = re.compile(r"^([0-9a-f-]{12,}|ethernet.*)$", re.IGNORECASE)
"""Names of endpoints that name no container: identifiers, and what HNS gives by default."""

_NodeKey = tuple[int, str]


def name_nodes(topology: Topology, records: Mapping[int, Record], nodes: Mapping[int, Node]) -> None:
    """Give every node the name that people know it by; equal ones are told apart by a part of their GUID.

    `nodes`: those of `topology`, by the number of their record.
    """
    by_id: dict[_NodeKey, Node] = {(node.session_id, node.node_id): node for node in topology.nodes}
    owner = _sources(topology, EdgeKind.OWNS)
    for number, node in nodes.items():
        if node.kind is not NodeKind.PORT:
            node.name = _name(records[number], node)
    _name_containers(topology, by_id)
    for node in topology.nodes:
        vm = by_id.get((node.session_id, owner.get((node.session_id, node.node_id), "")))
        is_alike = vm is not None and vm.name.lower() == node.name.lower()
        if node.kind is NodeKind.VM_NIC and vm is not None and vm.kind is NodeKind.VM and not is_alike:
            node.name = f"{vm.name}/{node.name}"
    on_port = _sources(topology, EdgeKind.CONNECTS)
    for number, node in nodes.items():
        if node.kind is NodeKind.PORT:
            nic = by_id.get((node.session_id, on_port.get((node.session_id, node.node_id), "")))
            node.name = _port_name(records[number], nic)
    _tell_apart(topology.nodes)
    _add_parents(topology, by_id)


def _sources(topology: Topology, kind: EdgeKind) -> dict[_NodeKey, str]:
    """Where the edges of a kind that reach a node come from: the last of them."""
    return {(e.session_id, e.target_id): e.source_id for e in topology.edges if e.kind is kind}


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

    alike: dict[tuple[int, str, str], list[Node]] = {}
    for node in nodes:
        if node.kind is not NodeKind.LAYER:
            alike.setdefault(key(node), []).append(node)
    for group in alike.values():
        if len(group) > 1:
            for node, mark in zip(group, _marks(group), strict=True):
                node.name = f"{node.name} ({mark})"


def _marks(group: Sequence[Node]) -> list[str]:
    """What tells nodes of one name apart: as little of their GUIDs as does, another number, or their place."""
    for part in (slice(0, 8), slice(-12, None), slice(None)):
        marks = [
            str(node.guid[part] or node.properties.get("if_index") or node.node_id.partition(":")[2])[:40]
            for node in group
        ]
        if len(set(marks)) == len(marks):
            return marks
    return [str(number) for number in range(1, len(group) + 1)]


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
