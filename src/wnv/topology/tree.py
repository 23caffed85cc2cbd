"""The virtual network as a tree that people read: from the wire inwards."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wnv.text import counted, visible
from wnv.topology.model import NIC_KINDS, EdgeKind, Node, NodeKind, Topology
from wnv.topology.resolve import Graph
from wnv.topology.stack import stack_of

WIDTH: Final = 80
_WIDTH_MIN: Final = 40
_DEPTH_MAX: Final = 12
_LIST_SHOWN: Final = 6
_HOST_COMPARTMENT: Final = "1"
_SINCE_UNKNOWN: Final = "since when is not known"
_WORDS: Final = {
    NodeKind.PHYSICAL_NIC: "physical NIC", NodeKind.TEAM: "team", NodeKind.HOST_VNIC: "host vNIC",
    NodeKind.VM_NIC: "VM NIC", NodeKind.CONTAINER_NIC: "container NIC", NodeKind.NIC: "NIC",
}  # fmt: skip
_NETWORK_WORDS: Final = {
    "nat": "NAT", "l2bridge": "L2 bridge", "l2tunnel": "L2 tunnel", "ics": "ICS", "overlay": "overlay",
    "transparent": "transparent", "private": "private", "internal": "internal",
}  # fmt: skip


@dataclass(slots=True)
class Item:
    """A line of the tree with what is below it."""

    label: str
    details: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


def render_tree(
    topology: Topology,
    hosts: Sequence[str],
    *,
    ts_ns: int | None = None,
    with_guids: bool = False,
    with_reasons: bool = False,
    width: int = WIDTH,
) -> Iterator[str]:
    """Lines of at most `width` columns where names allow it, safe for a terminal.

    A tree a host. `hosts`: what to call the host of each session. `ts_ns`: as it was then; None = all that ever was.
    `with_reasons`: say why where something is inferred, and name the first events that tell of a thing.
    """
    trees = [(one, hosts[one]) for one in dict.fromkeys(topology.first_sessions) if one < len(hosts)]
    for session_id, host in trees:
        if session_id:
            yield ""
        tree = _Tree(topology, session_id, ts_ns, with_guids=with_guids, with_reasons=with_reasons)
        root = tree.root(host)
        yield from _lines(root, "", "", max(width, _WIDTH_MIN))


def _lines(item: Item, first: str, rest: str, width: int) -> Iterator[str]:
    text = visible(", ".join([item.label, *item.details]))
    indent = rest + ("│  " if item.items else "   ")
    yield from textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        drop_whitespace=True,
    ) or [first]  # fmt: skip
    for number, below in enumerate(item.items, 1):
        is_last = number == len(item.items)
        yield from _lines(below, rest + ("└─ " if is_last else "├─ "), rest + ("   " if is_last else "│  "), width)


class _Tree:
    def __init__(
        self, topology: Topology, session_id: int, ts_ns: int | None, *, with_guids: bool, with_reasons: bool
    ) -> None:
        self._graph = Graph(topology)
        self._ts_ns, self._with_guids, self._with_reasons = ts_ns, with_guids, with_reasons
        self._nodes = [node for node in topology.nodes if node.session_id == session_id and node.is_there(ts_ns)]
        self._shown: set[str] = set()

    def root(self, host: str) -> Item:
        root = Item(host)
        outside = [node for node in self._nodes if node.kind in (NodeKind.PHYSICAL_NIC, NodeKind.NIC)]
        teams = [node for node in self._nodes if node.kind is NodeKind.TEAM]
        switches = [node for node in self._nodes if node.kind is NodeKind.VSWITCH]
        inside = [node for node in self._nodes if node.kind in NIC_KINDS]
        idle = [node for node in outside if self._is_idle(node)]
        self._shown.update(node.node_id for node in idle)
        carriers = [node for node in outside if not self._on_switch(node)]
        for node in sorted((*carriers, *teams, *switches), key=self._order):
            if node.node_id not in self._shown and not (node.kind is NodeKind.TEAM and self._members(node)):
                root.items.append(self._item(node, 0))
        for node in sorted((*teams, *inside), key=self._order):
            if node.node_id not in self._shown:
                root.items.append(self._item(node, 0))
        for node in self._nodes:
            is_loose = node.kind in (NodeKind.NAT, NodeKind.NETWORK, NodeKind.VM, NodeKind.CONTAINER)
            if is_loose and node.node_id not in self._shown:
                root.items.append(self._item(node, 0))
        if idle:
            names = sorted(node.name for node in idle)
            root.items.append(Item(f"adapters without an address: {names[0]}", names[1:]))
        if not root.items:
            root.items.append(Item("nothing in the recording tells of adapters or switches"))
        return root

    def _is_idle(self, node: Node) -> bool:
        """An adapter of Windows' own that carries nothing: WAN miniports and such."""
        is_bare = not node.properties.get("mac") and not node.properties.get("addresses")
        return node.kind is NodeKind.NIC and is_bare and not self._targets(node, EdgeKind.ON_SWITCH)

    def _order(self, node: Node) -> tuple[bool, int, str]:
        """Uplinks first, then switches without one, then the rest."""
        leads = bool(self._targets(node, EdgeKind.UPLINK) or self._targets(node, EdgeKind.MEMBER))
        ranks = {NodeKind.VSWITCH: 1, NodeKind.TEAM: 0, NodeKind.PHYSICAL_NIC: 2}
        return not leads, ranks.get(node.kind, 3), node.name.lower()

    def _targets(self, node: Node, kind: EdgeKind) -> list[Node]:
        return self._graph.targets(node, kind, self._ts_ns)

    def _sources(self, node: Node, kind: EdgeKind) -> list[Node]:
        return self._graph.sources(node, kind, self._ts_ns)

    def _members(self, node: Node) -> list[Node]:
        return self._sources(node, EdgeKind.MEMBER)

    def _on_switch(self, node: Node) -> bool:
        is_inside = bool(self._targets(node, EdgeKind.CONNECTS) or self._targets(node, EdgeKind.ON_SWITCH))
        return is_inside and not self._targets(node, EdgeKind.UPLINK)

    def _item(self, node: Node, depth: int) -> Item:
        item = Item(self._label(node), [*self._details(node), *self._since(node)])
        if node.node_id in self._shown:
            return Item(f"{item.label} (see above)")
        self._shown.add(node.node_id)
        if depth > _DEPTH_MAX:
            return item
        if node.kind in NIC_KINDS:
            self._fill_nic(item, node, depth)
        elif node.kind is NodeKind.VSWITCH:
            self._fill_switch(item, node, depth)
        elif node.kind in (NodeKind.VM, NodeKind.CONTAINER):
            for nic in self._targets(node, EdgeKind.OWNS):
                if nic.node_id not in self._shown:
                    item.items.append(self._item(nic, depth + 1))
        return item

    def _fill_nic(self, item: Item, nic: Node, depth: int) -> None:
        stack = stack_of(self._graph, nic)
        names = [_short(one) for one in stack.tops]
        filters = [_short(one) for one in reversed(stack.filters)]
        if names or filters:
            above = [", ".join(dict.fromkeys(names))] if names else []
            item.items.append(Item(f"stack: {' › '.join([*above, *filters, _driver(nic)])}".rstrip(" ›")))
        for function in self._targets(nic, EdgeKind.VIRTUAL_FUNCTION):
            item.items.append(Item(f"its packets can go by {function.name} instead, in hardware (SR-IOV)"))
        for kind in (EdgeKind.MEMBER, EdgeKind.UPLINK):
            for target in self._targets(nic, kind):
                item.items.append(self._item(target, depth + 1))
        for owner in self._sources(nic, EdgeKind.OWNS):
            item.items.append(self._owner(owner))
            self._shown.add(owner.node_id)

    def _owner(self, owner: Node) -> Item:
        if owner.kind is NodeKind.VM:
            return Item(
                self._label(owner), [*self._guid(owner), "what happens inside is not visible", *self._since(owner)]
            )
        details = self._guid(owner)
        isolation = str(owner.properties.get("isolation", "")).lower()
        image = owner.properties.get("image")
        if image:
            details.append(str(image))
        if isolation.startswith("hyper"):
            details.append("Hyper-V isolation: a VM, what happens inside is not visible")
        elif isolation or self._targets(owner, EdgeKind.IN_COMPARTMENT):
            details.append("process isolation: shares the host's kernel")
        return Item(self._label(owner), [*details, *self._since(owner)])

    def _fill_switch(self, item: Item, switch: Node, depth: int) -> None:
        for network in self._sources(switch, EdgeKind.CARRIED_BY):
            item.items.append(self._item(network, depth + 1))
            for nat in self._sources(network, EdgeKind.TRANSLATES):
                item.items[-1].items.append(self._item(nat, depth + 1))
        for layer in self._sources(switch, EdgeKind.ON_SWITCH):
            if layer.kind is NodeKind.LAYER:
                item.items.append(Item(f"extension {layer.name}"))
        found: list[tuple[Node, Node | None]] = []
        for port in self._targets(switch, EdgeKind.HAS_PORT):
            nics = self._sources(port, EdgeKind.CONNECTS)
            found += [(nic, port) for nic in nics]
            found += [(port, None)] if not nics else []
        found += [(nic, None) for nic in self._sources(switch, EdgeKind.ON_SWITCH) if nic.kind in NIC_KINDS]
        ranks = {NodeKind.HOST_VNIC: 0, NodeKind.CONTAINER_NIC: 1, NodeKind.VM_NIC: 2}
        for node, at_port in sorted(found, key=lambda one: (ranks.get(one[0].kind, 3), one[0].name.lower())):
            if node.kind is NodeKind.PORT:
                item.items.append(
                    Item(
                        f"port {node.name.removeprefix('port ')}",
                        [*self._guid(node), *_policy(node), *self._since(node)],
                    )
                )
            elif not self._targets(node, EdgeKind.UPLINK):
                below = self._item(node, depth + 1)
                if at_port is not None:
                    below.details += self._port(at_port, node)
                item.items.append(below)

    def _port(self, port: Node, nic: Node) -> list[str]:
        number = port.properties.get("port_id")
        details = [f"port {number}"] if number is not None else []
        if self._with_guids and port.guid:
            details.append(f"port {{{port.guid}}}")
        policy = _policy(port)
        if nic.kind is NodeKind.VM_NIC and port.properties.get("mac_spoofing"):
            policy.append("MAC spoofing allowed")
        return [*details, *policy]

    def _label(self, node: Node) -> str:
        match node.kind:
            case NodeKind.VSWITCH:
                return f"vSwitch {node.name.removeprefix('vSwitch ')}"
            case NodeKind.NETWORK:
                kind = _NETWORK_WORDS.get(str(node.properties.get("type", "")), str(node.properties.get("type", "")))
                return f"{kind} network {node.name.removeprefix('network ')}".strip()
            case NodeKind.NAT:
                return f"NAT {node.name.removeprefix('NAT ')}"
            case NodeKind.VM:
                return f"VM {node.name.removeprefix('VM ')}"
            case NodeKind.CONTAINER:
                return f"container {node.name.removeprefix('container ')}"
            case NodeKind.PORT | NodeKind.LAYER | NodeKind.COMPARTMENT:
                return node.name
            case _:
                return f"{node.name}: {_WORDS[node.kind]}"

    def _since(self, node: Node) -> list[str]:
        return [] if node.is_sure(self._ts_ns) else [_SINCE_UNKNOWN]

    def _guid(self, node: Node) -> list[str]:
        return [f"{{{node.guid}}}"] if self._with_guids and node.guid else []

    def _details(self, node: Node) -> list[str]:
        said = node.properties
        details = self._guid(node)
        if node.kind in NIC_KINDS:
            details += _nic_details(said)
            for compartment in self._targets(node, EdgeKind.IN_COMPARTMENT):
                is_host = compartment.name == _HOST_COMPARTMENT
                details.append(f"compartment {compartment.name}{' (the host)' if is_host else ''}")
            if node.kind is NodeKind.CONTAINER_NIC and not self._sources(node, EdgeKind.OWNS):
                details.append("its container shares the host's kernel")
            if node.kind is NodeKind.VM_NIC and not self._sources(node, EdgeKind.OWNS):
                details.append("what is behind it is not visible")
        elif node.kind is NodeKind.VSWITCH and not self._sources(node, EdgeKind.UPLINK):
            if not self._sources(node, EdgeKind.MEMBER):
                kind = str(node.properties.get("type", ""))
                details.append(kind if kind in ("internal", "private") else "no uplink known")
        elif node.kind is NodeKind.NETWORK:
            details += _listed(said.get("subnets"), "")
            details += _listed(said.get("gateways"), "gateway ")
            details += [f"{name.upper()} {said[name]}" for name in ("vlan", "vsid") if said.get(name)]
        elif node.kind is NodeKind.NAT:
            details += [str(said["prefix"])] if said.get("prefix") else []
            details += _listed(said.get("external_addresses"), "outside ")
            details += [f"by {nic.name}" for nic in self._targets(node, EdgeKind.OUTSIDE)]
            details += _listed(said.get("mappings"), "")
        if self._with_reasons:
            details += [f"inferred: {node.reason}"] if node.reason else []
            details += _listed(list(node.evidence), "event ")
        return details


def _nic_details(said: dict[str, Any]) -> list[str]:  # Any: JSON
    details = _listed(said.get("addresses"), "")
    details += [str(said["mac"])] if said.get("mac") else []
    index = said.get("if_index")
    details += [f"ifIndex {index}"] if isinstance(index, int) else []
    for name, unit in (("vlan", "VLAN"), ("vsid", "VSID")):
        details += [f"{unit} {said[name]}"] if said.get(name) else []
    speed = said.get("speed_bits")
    details += [speed_text(speed)] if isinstance(speed, int) and speed else []
    details += ["down"] if said.get("is_up") is False else []
    details += [str(said["sriov"])] if said.get("sriov") else []
    details += _listed([text for text in said.get("policies", ()) if "port" in text], "")
    return details


def _policy(port: Node) -> list[str]:
    said = port.properties
    details = [f"{word} {said[name]}" for name, word in (("vlan", "VLAN"), ("vsid", "VSID")) if said.get(name)]
    details += [
        word
        for name, word in (("dhcp_guard", "DHCP guard"), ("router_guard", "router guard"))
        if said.get(name)
    ]  # fmt: skip
    return details


def _listed(values: object, word: str) -> list[str]:
    if not isinstance(values, list):
        return []
    more = [counted(len(values) - _LIST_SHOWN, "more", "more")] if len(values) > _LIST_SHOWN else []
    return [f"{word}{value}" for value in values[:_LIST_SHOWN]] + more


def speed_text(bits: int) -> str:
    """`10 Gbit/s`."""
    for unit, word in ((10**9, "Gbit/s"), (10**6, "Mbit/s"), (10**3, "kbit/s")):
        if bits >= unit:
            return f"{bits / unit:g} {word}"
    return f"{bits} bit/s"


def _short(layer: Node) -> str:
    """A layer in a word: its driver without the ending, if it has one."""
    driver = str(layer.properties.get("driver", ""))
    return driver.rsplit(".", 1)[0] if driver.lower().endswith(".sys") else layer.name


def _driver(nic: Node) -> str:
    driver = str(nic.properties.get("driver", ""))
    return driver.rsplit(".", 1)[0] if driver.lower().endswith(".sys") else driver
