"""What a recording could see of the virtual network, what it saw, and where it was blind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from wnv.packets.headers import HEADERS_BYTES
from wnv.providers import components, hns, layers, nat_instances, vmswitch_control
from wnv.providers.capture_rules import CaptureRules
from wnv.topology.model import NIC_KINDS, EdgeKind, Node, NodeKind, Topology
from wnv.topology.resolve import Graph

_VFP: Final = "9f2660ea-cfe7-428f-9850-aeca612619b0"
_PASSAGES: Final = (56, 57, 58, 240, 241, 242)
_SWITCH_FRAME, _LAYER_FRAME = 1003, 1001
_PKTMON_FRAMES: Final = (160, 170, 200, 220, 240)
_GFT: Final = (803, 804, 806)
"""Events of VFP about flows that hardware carries: counters, states, starts."""
_RDMA: Final = (255, 256, 257)
"""Events of VmSwitch that set how much RDMA a NIC may use."""
_VFP_NETWORKS: Final = frozenset({"l2bridge", "l2tunnel", "overlay"})
_NAT_NETWORKS: Final = frozenset({"nat", "ics"})
_NAMES_SHOWN: Final = 4

UNAVOIDABLE: Final = frozenset({"loopback", "rdma", "one_layer", "guest", "hyperv_container"})
"""Blind spots of nearly every recording: they do not make "nothing went wrong" less sure."""

EventCounts = Mapping[str, Mapping[int, int]]
"""How often each event id occurs, by provider GUID."""


@dataclass(frozen=True, slots=True)
class Capture:
    """How a recording was made, as far as it shows."""

    rules: tuple[CaptureRules, ...] = ()
    """Of each session."""
    has_layers: bool = False
    """Packets were seen above the lowest layer of an adapter, too (MultiLayer)."""
    cut_bytes: int | None = None
    """The most that was kept of a packet that was cut; None where none was."""
    lost: tuple[str, ...] = ()
    """What was lost, in words."""

    @property
    def filters(self) -> str:
        """Which packets alone were recorded, in words; empty where no rule says so."""
        return "; ".join(dict.fromkeys(one.words for one in self.rules if one.words))


@dataclass(frozen=True, slots=True)
class Silent:
    """Something that exists, and that the recording has no packet of."""

    node_id: str
    session_id: int
    name: str
    kind: str
    reason: str
    host: str = ""
    """The host it is on; empty where there is one."""

    @property
    def label(self) -> str:
        """What to call it where several hosts have things of that name."""
        return f"{self.name} of {self.host}" if self.host else self.name


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """Something that the recording could not show."""

    code: str
    """Stable name."""
    text: str
    advice: str = ""
    nodes: tuple[str, ...] = ()
    """Ids of the nodes it concerns."""
    host: str = ""
    """The host whose recording could not; empty where there is one, or it is so of all."""

    @property
    def label(self) -> str:
        """Its text, and of which host it is true."""
        return f"{self.host}: {self.text}" if self.host else self.text


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was seen, what exists beside it, and what could not be seen."""

    seen: tuple[str, ...]
    """Names of the points that saw packets."""
    silent: tuple[Silent, ...]
    blind: tuple[BlindSpot, ...]
    recorded: tuple[str, ...] = ()
    """How it was recorded, in words."""
    capture: Capture = Capture()

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        return {
            "seen": list(self.seen),
            "recorded": list(self.recorded),
            "filters": self.capture.filters or None,
            "cut_bytes": self.capture.cut_bytes,
            "is_multi_layer": self.capture.has_layers,
            "lost": list(self.capture.lost),
            "silent": [
                {"node_id": one.node_id, "session_id": one.session_id, "name": one.name, "kind": one.kind,
                 "reason": one.reason, "host": one.host or None} for one in self.silent
            ],
            "blind_spots": [
                {"code": one.code, "text": one.text, "advice": one.advice or None, "nodes": list(one.nodes),
                 "host": one.host or None}
                for one in self.blind
            ],
        }  # fmt: skip


def build_coverage(
    topology: Topology, n_packets: Mapping[int, int], names: Mapping[int, str], events: EventCounts,
    session_id: int = 0, capture: Capture = Capture(),
) -> Coverage:  # fmt: skip
    """The coverage of what one host recorded, of which `session_id` is the first session.

    `n_packets`: sightings by point; `names`: of the points; `events`: how many.
    """
    facts = _Facts(topology, n_packets, events, session_id, capture)
    seen = tuple(names[point] for point, n in n_packets.items() if n and point in names)
    blind = tuple(found for rule in _RULES for found in rule(facts))
    return Coverage(seen, tuple(_silent(facts)), blind, tuple(_recorded(facts)), capture)


def join_coverages(parts: Mapping[str, Coverage]) -> Coverage:
    """The coverage of several hosts, by their names: what is so of all of them is said once."""
    spots: dict[tuple[str, str, str], dict[str, BlindSpot]] = {}
    for host, part in parts.items():
        for one in part.blind:
            spots.setdefault((one.code, one.text, one.advice), {})[host] = one
    blind: list[BlindSpot] = []
    for of_host in spots.values():
        if len(of_host) == len(parts):
            nodes = tuple(dict.fromkeys(node for one in of_host.values() for node in one.nodes))
            blind.append(replace(next(iter(of_host.values())), nodes=nodes))
        else:
            blind += [replace(one, host=host) for host, one in of_host.items()]
    return Coverage(
        tuple(point for part in parts.values() for point in part.seen),
        tuple(replace(one, host=host) for host, part in parts.items() for one in part.silent),
        tuple(blind), _joined_words(parts),
        Capture(
            rules=tuple(one for part in parts.values() for one in part.capture.rules),
            has_layers=any(part.capture.has_layers for part in parts.values()),
            cut_bytes=max((part.capture.cut_bytes or 0 for part in parts.values()), default=0) or None,
            lost=tuple(f"{host}: {line}" for host, part in parts.items() for line in part.capture.lost),
        ),
    )  # fmt: skip


def _joined_words(parts: Mapping[str, Coverage]) -> tuple[str, ...]:
    """How hosts recorded: once where they did it alike."""
    if len({part.recorded for part in parts.values()}) == 1:
        return next(iter(parts.values())).recorded
    return tuple(f"{host}: {'; '.join(part.recorded)}" for host, part in parts.items() if part.recorded)


class _Facts:
    """What the rules ask."""

    def __init__(
        self, topology: Topology, n_packets: Mapping[int, int], events: EventCounts, session_id: int, capture: Capture
    ) -> None:  # fmt: skip
        self.capture = capture
        self.graph = Graph(topology)
        self.nodes = [node for node in topology.nodes if node.session_id == session_id]
        self.events = events
        stations: set[str] = set()
        for point, n in n_packets.items():
            if n:
                stations.add(topology.resolve_point(point).node_id)
        self.stations = stations
        """Node ids of NICs that a point with packets is at."""

    def count(self, provider: str, *ids: int) -> int:
        found = self.events.get(provider, {})
        return sum(found.get(one, 0) for one in ids) if ids else sum(found.values())

    def of_kind(self, *kinds: NodeKind) -> list[Node]:
        return [node for node in self.nodes if node.kind in kinds]


def _recorded(facts: _Facts) -> Iterator[str]:
    """Which places, how much of a packet, which packets: what there is more than one way of."""
    capture = facts.capture
    if facts.count(layers.GUID, _LAYER_FRAME):
        yield "each layer of adapters (MultiLayer)" if capture.has_layers else "one layer of each adapter"
    if facts.count(layers.GUID, _SWITCH_FRAME):
        yield "ports of virtual switches"
    if facts.count(components.GUID, *_PKTMON_FRAMES):
        yield "the components that pktmon watches"
    if capture.cut_bytes is not None:
        yield f"of long packets the first {capture.cut_bytes:,} bytes"
    if capture.filters:
        yield f"only packets that fit {capture.filters}"


def _silent(facts: _Facts) -> Iterator[Silent]:
    """NICs without a packet; of those in a recording without any, nothing is told."""
    if not facts.stations:
        return
    for nic in facts.of_kind(*NIC_KINDS):
        if nic.node_id in facts.stations or _is_idle(facts, nic):
            continue
        reason = "no packet was seen at it"
        if nic.properties.get("is_up") is False:
            reason = "it is down"
        elif nic.kind is NodeKind.VM_NIC and nic.properties.get("sriov"):
            reason = "its packets can bypass the switch (SR-IOV)"
        yield Silent(nic.node_id, nic.session_id, nic.name, nic.kind.value, reason)


def _is_idle(facts: _Facts, nic: Node) -> bool:
    """An adapter of Windows' own that nothing is expected of."""
    said = nic.properties
    is_bare = nic.kind is NodeKind.NIC and not (said.get("mac") or said.get("addresses"))
    is_inside = facts.graph.targets(nic, EdgeKind.ON_SWITCH) or facts.graph.targets(nic, EdgeKind.CONNECTS)
    return bool(said.get("is_loopback")) or (is_bare and not is_inside) or nic.name.startswith("Loopback")


def _switch_unseen(facts: _Facts) -> Iterator[BlindSpot]:
    """Switches exist, and only adapters were recorded."""
    switches = facts.of_kind(NodeKind.VSWITCH)
    recorded = facts.count(layers.GUID, _SWITCH_FRAME) or facts.count(components.GUID, *_PKTMON_FRAMES)
    if switches and facts.count(layers.GUID, _LAYER_FRAME) and not recorded:
        yield BlindSpot(
            "switch_not_recorded", f"what happens inside {_listed(switches)}: only adapters were recorded",
            "Record with `netsh trace start capture=yes capturetype=both`, or add "
            "`Add-NetEventVmSwitchProvider` and `-CaptureType BothPhysicalAndSwitch`.",
            _ids(switches),
        )  # fmt: skip


def _passages_unseen(facts: _Facts) -> Iterator[BlindSpot]:
    switches = facts.of_kind(NodeKind.VSWITCH)
    if switches and facts.count(layers.GUID, _SWITCH_FRAME) and not facts.count(vmswitch_control.GUID, *_PASSAGES):
        yield BlindSpot(
            "switch_events_missing",
            f"which packet is which across {_listed(switches)}: the switch's own events were not recorded, so it is "
            "inferred from the frames",
            f"Add `provider={{{vmswitch_control.GUID}}} level=5` to the trace.", _ids(switches),
        )  # fmt: skip


def _nat_unseen(facts: _Facts) -> Iterator[BlindSpot]:
    networks = [one for one in facts.of_kind(NodeKind.NETWORK) if one.properties.get("type") in _NAT_NETWORKS]
    nats = facts.of_kind(NodeKind.NAT)
    if (networks or nats) and not facts.count(nat_instances.GUID):
        yield BlindSpot(
            "nat_not_recorded",
            f"how {_listed(nats or networks)} translates: WinNat's events were not recorded, so it is inferred",
            "Add `provider=Microsoft-Windows-WinNat level=5` to the trace.", _ids(nats or networks),
        )  # fmt: skip


def _vfp_unseen(facts: _Facts) -> Iterator[BlindSpot]:
    networks = [one for one in facts.of_kind(NodeKind.NETWORK) if one.properties.get("type") in _VFP_NETWORKS]
    if networks and not facts.count(_VFP):
        yield BlindSpot(
            "vfp_not_recorded", f"the rules that VFP applies on {_listed(networks)}: its events were not recorded",
            "Add `provider=Microsoft-Windows-Hyper-V-VfpExt level=5` to the trace.", _ids(networks),
        )  # fmt: skip


def _guests(facts: _Facts) -> Iterator[BlindSpot]:
    hyperv = [one for one in facts.of_kind(NodeKind.CONTAINER) if str(one.properties.get("isolation")) == "hyper-v"]
    owners = {
        vm.node_id
        for container in hyperv
        for nic in facts.graph.targets(container, EdgeKind.OWNS)
        for vm in facts.graph.sources(nic, EdgeKind.OWNS)
    }
    vms = [one for one in facts.of_kind(NodeKind.VM) if one.node_id not in owners]
    loose = [
        one for one in facts.of_kind(NodeKind.VM_NIC) if not facts.graph.sources(one, EdgeKind.OWNS)
    ]  # fmt: skip
    if vms or loose:
        yield BlindSpot(
            "guest", f"inside {_listed(vms or loose)}: a VM has a kernel of its own; the last point is its switch port",
            "Record inside the VM at the same time.", _ids([*vms, *loose]),
        )  # fmt: skip
    if hyperv:
        yield BlindSpot(
            "hyperv_container",
            f"inside {_listed(hyperv)}: Hyper-V isolation gives a container a kernel of its own", "", _ids(hyperv),
        )  # fmt: skip


def _offloaded(facts: _Facts) -> Iterator[BlindSpot]:
    nics = [one for one in facts.of_kind(*NIC_KINDS) if one.properties.get("sriov")]
    for nic in facts.of_kind(*NIC_KINDS):  # in a guest, the virtual function is an adapter that can be recorded
        functions = facts.graph.targets(nic, EdgeKind.VIRTUAL_FUNCTION)
        if functions and not any(one.node_id in facts.stations for one in functions):
            nics.append(nic)
    if nics:
        yield BlindSpot(
            "sriov", f"packets of {_listed(nics)} that go by hardware (SR-IOV)",
            "Turn SR-IOV off for the time of the recording to see them.", _ids(nics),
        )  # fmt: skip


def _by_hardware(facts: _Facts) -> Iterator[BlindSpot]:
    if states_offload(facts.events):
        yield BlindSpot(
            "gft", "packets of flows that VFP gave to the NIC's hardware (GFT): after the first they pass no switch"
        )
    nics = [one for one in facts.of_kind(*NIC_KINDS) if one.properties.get("rdma")]
    if nics or facts.count(vmswitch_control.GUID, *_RDMA):
        where = f" at {_listed(nics)}" if nics else ""
        yield BlindSpot("rdma", f"what goes by RDMA{where} (SMB Direct): no capture of Windows sees it", "", _ids(nics))


def _filtered(facts: _Facts) -> Iterator[BlindSpot]:
    if facts.capture.filters:
        yield BlindSpot(
            "capture_filter",
            f"packets that do not fit {facts.capture.filters}, the same packet behind a NAT among them: no other was "
            "recorded",
            "Record without a filter (`pktmon filter remove`).",
        )  # fmt: skip


def _cut(facts: _Facts) -> Iterator[BlindSpot]:
    cut = facts.capture.cut_bytes
    if cut is not None and cut < HEADERS_BYTES:
        yield BlindSpot(
            "truncated", f"headers behind byte {cut:,} of a packet, by which packets are known again: they were cut",
            "Record 128 bytes or more of each packet.",
        )  # fmt: skip


def _lost(facts: _Facts) -> Iterator[BlindSpot]:
    if facts.capture.lost:
        yield BlindSpot("lost_data", f"what was lost: {'; '.join(facts.capture.lost)}", "Record into a larger file.")


def _one_layer(facts: _Facts) -> Iterator[BlindSpot]:
    """Filters stand on adapters, and each adapter was recorded at one place."""
    filters = [one for one in facts.of_kind(NodeKind.LAYER) if one.properties.get("miniport_if_index")]
    if filters and facts.count(layers.GUID, _LAYER_FRAME) and not facts.capture.has_layers:
        yield BlindSpot(
            "one_layer", "what filter drivers do to packets: one layer of each adapter was recorded",
            "Record with `-MultiLayer $true`.",
        )  # fmt: skip


def _loopback(facts: _Facts) -> Iterator[BlindSpot]:
    if facts.count(layers.GUID) or facts.count(components.GUID):
        yield BlindSpot("loopback", "packets from the host, or a container, to itself: no capture of Windows sees them")


def _late(facts: _Facts) -> Iterator[BlindSpot]:
    """pktmon lists components at the start; what is made later is not watched (windows-packet-paths.md, 6)."""
    started = [one for one in facts.of_kind(*NIC_KINDS) if one.from_ns > 0 and one.node_id not in facts.stations]
    if started and facts.count(components.GUID) and not facts.count(components.GUID, 270):
        yield BlindSpot(
            "appeared_later", f"{_listed(started)}: appeared after the recording began, and pktmon does not watch it",
            "Start the container first, then the recording.", _ids(started),
        )  # fmt: skip


_RULES: Final[tuple[Callable[[_Facts], Iterator[BlindSpot]], ...]] = (
    _lost, _filtered, _cut, _switch_unseen, _passages_unseen, _nat_unseen, _vfp_unseen, _offloaded, _by_hardware,
    _late, _one_layer, _guests, _loopback,
)  # fmt: skip


def states_offload(events: EventCounts) -> bool:
    """Whether events say that hardware carries flows past the switch."""
    return any(events.get(_VFP, {}).get(one) for one in _GFT)


NETWORK_PROVIDERS: Final = (layers.GUID, components.GUID, vmswitch_control.GUID, nat_instances.GUID, hns.GUID, _VFP)
"""Providers whose counts the rules ask for."""


def _listed(nodes: list[Node]) -> str:
    names = [_words(node) for node in nodes[:_NAMES_SHOWN]]
    more = len(nodes) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _words(node: Node) -> str:
    word = {NodeKind.VSWITCH: "vSwitch", NodeKind.NETWORK: "network", NodeKind.NAT: "NAT", NodeKind.VM: "VM",
            NodeKind.CONTAINER: "container"}.get(node.kind, "")  # fmt: skip
    return node.name if node.name.lower().startswith(word.lower()) else f"{word} {node.name}"


def _ids(nodes: list[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.node_id for node in nodes))
