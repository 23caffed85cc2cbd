"""A scenario: what the host looks like, what happens on it, what goes wrong. As dataclasses and as a TOML file.

docs/reference/lab-scenario.md is the reference of the file. A key that does not exist is an error with the nearest
one that does, so a typing mistake never passes in silence.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from wnv_lab.errors import LabError, unknown

BUILDS = {
    14393: "Windows Server 2016",
    17763: "Windows Server 2019",
    20348: "Windows Server 2022",
    26100: "Windows Server 2025",
}
NETWORK_TYPES = ("nat", "transparent", "l2bridge", "overlay", "ics")


@dataclass(frozen=True, slots=True, kw_only=True)
class NicSpec:
    """A physical NIC of a host. Addresses move to the host vNIC if a switch takes the NIC."""

    name: str
    mac: str = ""
    address: str = ""
    gateway: str = ""
    description: str = "Intel(R) Ethernet Controller X710"
    mtu: int = 1500
    is_enabled: bool = True
    has_sriov: bool = False
    layers: tuple[str, ...] = ()
    """Lightweight filters on it, top first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamSpec:
    """An LBFO team: its tNIC stands in for its members."""

    name: str
    members: tuple[str, ...]
    mode: str = "SwitchIndependent"
    balancing: str = "Dynamic"
    address: str = ""
    gateway: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSpec:
    """A virtual switch. `uplink`: a NIC, a team, or several NICs (SET)."""

    name: str
    kind: str = "external"
    uplink: tuple[str, ...] = ()
    has_management: bool = True
    address: str = ""
    """Of the host vNIC, if the switch is internal."""
    vlan: int = 0
    """Of the host vNIC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """An HNS network."""

    name: str
    type: str
    subnet: str
    gateway: str = ""
    switch: str = ""
    """The external switch it uses (transparent, l2bridge, overlay); nat and ics make their own."""
    vlan: int = 0
    vni: int = 4096
    port_range: tuple[int, ...] = (1024, 65535)
    """Ports of the NAT's pool, first and last."""
    has_outbound_nat: bool = True
    """l2bridge and overlay: VFP translates what leaves for addresses outside `exceptions`."""
    exceptions: tuple[str, ...] = ()
    mtu: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A rule that blocks. `layer`: acl (switch), extended-acl, vfp, firewall."""

    layer: str = "acl"
    direction: str = "out"
    """As seen by the NIC's owner."""
    protocol: str = ""
    port: int = 0
    """Destination port."""
    address: str = ""
    """The other side, as a prefix."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container with one endpoint."""

    name: str
    network: str
    isolation: str = "process"
    address: str = ""
    mac: str = ""
    publish: tuple[str, ...] = ()
    """`tcp:8080:80`: outside port to inside port."""
    serves: tuple[str, ...] = ()
    """`http:80`, `tcp:9000`, `dns`, `echo:7`."""
    rules: tuple[RuleSpec, ...] = ()
    mtu: int = 0
    vlan: int = 0
    starts_ms: float = 0.0
    """When it starts; 0: it was there before the recording."""
    image: str = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
    pod: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSpec:
    """A virtual machine with one synthetic NIC."""

    name: str
    switch: str
    address: str = ""
    gateway: str = ""
    mac: str = ""
    vlan: int = 0
    serves: tuple[str, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    may_spoof: bool = False
    has_dhcp_guard: bool = False
    is_connected: bool = True
    has_sriov: bool = False
    mtu: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """A Windows host that is recorded."""

    name: str
    build: int = 20348
    processors: int = 4
    nic: tuple[NicSpec, ...] = ()
    team: tuple[TeamSpec, ...] = ()
    switch: tuple[SwitchSpec, ...] = ()
    network: tuple[NetworkSpec, ...] = ()
    container: tuple[ContainerSpec, ...] = ()
    vm: tuple[VmSpec, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    """Of the host's own firewall."""
    serves: tuple[str, ...] = ()
    clock_skew_us: int = 0
    is_virtual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSpec:
    """A machine outside. Without `is_remote` it is on the LAN, else behind its router."""

    name: str
    address: str
    mac: str = ""
    gateway: str = ""
    vlan: int = 0
    serves: tuple[str, ...] = ()
    is_remote: bool = False
    latency_us: int = 200
    is_router: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSpec:
    """Something a machine does. docs/reference/lab-scenario.md says what each kind needs."""

    kind: str
    source: str
    to: str = ""
    at_ms: float = 0.0
    port: int = 0
    name: str = ""
    server: str = ""
    """Whom to ask (dns)."""
    path: str = "/"
    n: int = 1
    interval_ms: float = 10.0
    n_bytes: int = 1000
    chain: int = 1
    nbs: int = 1
    flows: int = 1
    mac: str = ""
    """The sender to pretend (spoof)."""
    sport: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """Something that goes wrong and that no rule expresses."""

    kind: str
    """loss, delay, disconnect."""
    at: str
    """The NIC's owner or the NIC."""
    share: float = 1.0
    after_ms: float = 0.0
    delay_us: int = 0
    protocol: str = ""
    port: int = 0
    direction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSpec:
    """How it is recorded, and what is lost on the way."""

    truncate_bytes: int = 0
    is_multilayer: bool = False
    points: str = "both"
    """both, physical, switch."""
    address: str = ""
    """Only packets of this address: a capture filter."""
    providers: tuple[str, ...] = ("vmswitch", "winnat", "tcpip", "vfp", "wfp", "hns", "lbfo")
    buffer_bytes: int = 65536
    ring_bytes: int = 0
    """Size of a circular file; 0: a file as long as it takes."""
    lost_share: float = 0.0
    """Share of buffers that are lost."""
    damage: tuple[str, ...] = ()
    """What happens to the finished file of NetEventPacketCapture: `cut:BYTES`, `zero:BUFFER`, `remove:BUFFER`,
    `flip:BITS`."""
    pktmon_bytes: int = 0
    """Snap length of pktmon; its own default is 128, 0 is whole packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtSpec:
    """How to write what no document settles; docs/reference/lab-doubts.md."""

    destinations_1003: str = "strings"
    order_56_58: str = "56-received"
    order_240_241: str = "240-received"
    side_54_55: str = "54-ingress"
    ics_events: str = "winnat"
    container_id: str = "none"
    direction_1003: str = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """How Windows moves packets here."""

    has_checksum_offload: bool = True
    has_large_send: bool = False
    has_receive_coalescing: bool = False
    coalesce_us: int = 0
    """Packets that arrive within this time are one chain."""
    max_chain: int = 64
    has_static_neighbours: bool = False
    has_packet_direct: bool = False
    clones_on_rewrite: bool = False
    """VFP copies what it rewrites, so that the NBL is another from there on."""
    services: str = "quick"
    """Named set of service times: quick, steady, slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All of it."""

    name: str
    title: str
    story: str
    look_for: tuple[str, ...]
    command: str = ""
    """The command that shows it."""
    topic: str = "paths"
    """paths, faults, captures or mechanics: how the list groups it."""
    network: str = "10.0.0.0/24"
    duration_ms: float = 0.0
    """0: until nothing happens any more."""
    start: str = "2026-03-02T09:00:00Z"
    host: tuple[HostSpec, ...]
    peer: tuple[PeerSpec, ...] = ()
    traffic: tuple[TrafficSpec, ...] = ()
    fault: tuple[FaultSpec, ...] = ()
    capture: CaptureSpec = field(default_factory=CaptureSpec)
    engine: EngineSpec = field(default_factory=EngineSpec)
    doubts: DoubtSpec = field(default_factory=DoubtSpec)


def nearest_build(build: int) -> int:
    """The known build whose events a host of this build writes."""
    return max((known for known in BUILDS if known <= build), default=min(BUILDS))


def scenario_names() -> list[str]:
    """The built-in scenarios, in order of their names."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in (files("wnv_lab") / "scenarios").iterdir()
        if entry.name.endswith(".toml")
    )


def read_scenario(name: str) -> Scenario:
    """A built-in scenario by its name, or one of a TOML file."""
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise LabError(f"{name} cannot be read ({error.strerror})", "give the path of a scenario file") from error
        except UnicodeDecodeError as error:
            raise LabError(f"{name} is not text (byte {error.start} is no UTF-8)", "save it as UTF-8") from error
        return parse_scenario(text, path.stem)
    if name not in scenario_names():
        raise unknown("the scenario", name, scenario_names())
    return parse_scenario((files("wnv_lab") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8"), name)


def parse_scenario(text: str, name: str) -> Scenario:
    """The text of a scenario file; `name` is used where the file gives none."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"the scenario '{name}' is not TOML: {error}") from error
    data.setdefault("name", name)
    made = _make(Scenario, data, "scenario")
    assert isinstance(made, Scenario)
    check_scenario(made)
    return made


def _make(kind: type, data: object, place: str) -> object:
    """A dataclass of the values a TOML table has, checked by name and type."""
    if not isinstance(data, dict):
        raise LabError(f"{place} is {type(data).__name__}, expected a table")
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}
    for key in data:
        if key not in known:
            raise unknown(f"in {place}, the key", str(key), known)
    for entry in known.values():
        if entry.default is MISSING and entry.default_factory is MISSING and entry.name not in data:
            raise LabError(f"{place} lacks '{entry.name}'", f"add {entry.name} = … to it")
    return kind(**{key: _value(hints[key], value, f"{place}.{key}") for key, value in data.items()})


def _value(hint: Any, value: object, place: str) -> object:  # Any: what get_type_hints gives
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if not isinstance(value, list):
            raise LabError(f"{place} is {type(value).__name__}, expected a list")
        return tuple(_value(inner, entry, f"{place}[{i}]") for i, entry in enumerate(value))
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _make(hint, value, place)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise LabError(f"{place} is {value!r}, expected {hint.__name__}")
    return value


def _one_of(place: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise unknown(place, value, known)


WORDS: dict[tuple[type, str], tuple[str, ...]] = {
    (RuleSpec, "layer"): ("acl", "extended-acl", "vfp", "firewall"),
    (RuleSpec, "direction"): ("in", "out"),
    (RuleSpec, "protocol"): ("", "tcp", "udp", "icmp"),
    (FaultSpec, "kind"): ("loss", "delay", "disconnect"),
    (FaultSpec, "direction"): ("", "in", "out"),
    (FaultSpec, "protocol"): ("", "tcp", "udp", "icmp"),
    (CaptureSpec, "points"): ("both", "physical", "switch"),
    (CaptureSpec, "providers"): ("vmswitch", "winnat", "tcpip", "vfp", "wfp", "hns", "lbfo"),
    (EngineSpec, "services"): ("quick", "steady", "slow"),
}
"""What a key may say."""
RANGES: dict[str, tuple[float, float]] = {
    "processors": (1, 64),
    "mtu": (68, 65535),
    "vlan": (0, 4094),
    "vni": (1, 0xFFFFFF),
    "port": (0, 65535),
    "sport": (0, 65535),
    "port_range": (1, 65535),
    "share": (0, 1),
    "lost_share": (0, 1),
    "chain": (1, 64),
    "max_chain": (1, 64),
    "nbs": (1, 16),
    "flows": (1, 40_000),
}
"""First and last of a number; any other is at least 0."""
SIGNED = ("clock_skew_us",)


def _check_values(made: Any, place: str) -> None:  # Any: any of the dataclasses above
    """Refuse numbers, words and addresses that Windows could not have; containers inherit an MTU of 0."""
    for entry in fields(made):
        value = getattr(made, entry.name)
        each = value if isinstance(value, tuple) else (value,)
        for number, one in enumerate(each):
            where = f"{place}.{entry.name}" + (f"[{number}]" if isinstance(value, tuple) else "")
            if is_dataclass(one):
                _check_values(one, where)
            elif isinstance(one, str):
                if (type(made), entry.name) in WORDS:
                    _one_of(where, one, WORDS[type(made), entry.name])
                if one and (type(made), entry.name) not in NAMES:
                    _check_address(entry.name, one, where, is_prefix=isinstance(made, RuleSpec))
            elif not isinstance(one, bool) and entry.name not in SIGNED:
                first, last = RANGES.get(entry.name, (0, float("inf")))
                if not first <= one <= last and not (one == 0 and isinstance(made, ContainerSpec)):
                    upto = f" to {last:g}" if last != float("inf") else " or more"
                    raise LabError(f"{where} is {one}", f"give it {first:g}{upto}")


NAMES = ((ContainerSpec, "network"), (VmSpec, "switch"))
"""Names of things under keys that mean a prefix elsewhere."""


def _check_address(key: str, text: str, where: str, *, is_prefix: bool) -> None:
    """Refuse what is no address, prefix or MAC, by the name of its key."""
    try:
        if key in ("subnet", "network", "exceptions"):
            IPv4Network(text)
        elif key == "address" and is_prefix:
            IPv4Network(text, strict=False)
        elif key == "address":
            IPv4Interface(text)
        elif key == "gateway":
            IPv4Address(text)
        elif key == "mac" and not re.fullmatch("[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}", text):
            raise LabError(f"{where} is '{text}'", "write a MAC as 00-15-5D-01-02-03")
        elif key == "start" and datetime.fromisoformat(text).tzinfo is None:
            raise LabError(f"{where} is {text}, without a time zone", "write 2026-03-02T09:00:00Z")
    except ValueError as error:
        raise LabError(f"{where} is '{text}': {error}") from error


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


DOUBTS = {
    "destinations_1003": ("strings", "double", "none"),
    "order_56_58": ("56-received", "58-received"),
    "order_240_241": ("240-received", "241-received"),
    "side_54_55": ("54-ingress", "55-ingress"),
    "ics_events": ("winnat", "sharedaccess", "none"),
    "container_id": ("none", "text", "braces", "utf16", "binary"),
    "direction_1003": ("switch", "owner", "none"),
}
"""Every doubt and its readings, the usual one first."""


def machine_names(scenario: Scenario) -> list[str]:
    """Hosts, containers, VMs and peers."""
    names = [host.name for host in scenario.host] + [peer.name for peer in scenario.peer]
    for host in scenario.host:
        names += [container.name for container in host.container] + [vm.name for vm in host.vm]
    return names


def check_scenario(scenario: Scenario) -> None:
    """Refuse what cannot be: names used twice, references to nothing, words that are not known."""
    if not scenario.host:
        raise LabError(f"the scenario '{scenario.name}' has no host", "add a [[host]] table")
    for doubt, known in DOUBTS.items():
        _one_of(f"doubts.{doubt}", getattr(scenario.doubts, doubt), known)
    _check_values(scenario, "scenario")
    names: set[str] = set()
    for name in machine_names(scenario):
        if name in names:
            raise LabError(f"two machines are called '{name}'", "give each a name of its own")
        names.add(name)
    for host in scenario.host:
        _check_host(host)
    for number, traffic in enumerate(scenario.traffic):
        place = f"scenario.traffic[{number}]"
        for key, name in (("source", traffic.source), ("to", traffic.to), ("server", traffic.server)):
            if name not in names and (key == "source" or (name and not _is_address(name))):
                raise unknown(f"{place}.{key}", name, names)
    owners = names | {nic.name for host in scenario.host for nic in host.nic}
    for number, fault in enumerate(scenario.fault):
        if fault.at not in owners and not fault.at.startswith("vEthernet ("):
            raise unknown(f"scenario.fault[{number}].at", fault.at, owners)


def _check_host(host: HostSpec) -> None:
    nics = {nic.name for nic in host.nic}
    uplinks = nics | {team.name for team in host.team}
    switches = {switch.name for switch in host.switch} | {
        network.name for network in host.network if network.type in ("nat", "ics")
    }
    for team in host.team:
        for member in team.members:
            _one_of(f"in the team {team.name}, the NIC", member, tuple(nics))
    for switch in host.switch:
        _one_of(f"in the switch {switch.name}, the kind", switch.kind, ("external", "internal", "private"))
        for uplink in switch.uplink:
            _one_of(f"in the switch {switch.name}, the uplink", uplink, tuple(uplinks))
        if (switch.kind == "external") != bool(switch.uplink):
            raise LabError(
                f"the switch {switch.name} is {switch.kind} and has uplinks {list(switch.uplink)}",
                "an external switch has an uplink, others have none",
            )
    for network in host.network:
        _one_of(f"in the network {network.name}, the type", network.type, NETWORK_TYPES)
        if network.type not in ("nat", "ics"):
            _one_of(f"in the network {network.name}, the switch", network.switch, tuple(switches))
    for container in host.container:
        _one_of(
            f"in the container {container.name}, the network",
            container.network,
            tuple(network.name for network in host.network),
        )
        _one_of(f"in the container {container.name}, the isolation", container.isolation, ("process", "hyperv"))
    for vm in host.vm:
        _one_of(f"in the VM {vm.name}, the switch", vm.switch, tuple(switches))
