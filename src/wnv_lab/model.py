"""The live objects of a simulated host: NICs, ports, switches, stacks. Built from a scenario by `build`.

They are compared by identity: two NICs with equal values are still two NICs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wnv_lab.frames import ip_text
from wnv_lab.scenario import HostSpec, NetworkSpec, RuleSpec

if TYPE_CHECKING:
    from wnv_lab.stack import Stack
    from wnv_lab.winnat import WinNat


@dataclass(eq=False, repr=False, slots=True)
class Layer:
    """A lightweight filter or protocol over a NIC: one more place where a packet of it is seen."""

    name: str
    if_index: int


@dataclass(eq=False, repr=False, slots=True)
class Nic:
    """A network adapter. `is_visible`: the recorded host sees packets on it, so not one of a VM."""

    name: str
    kind: str
    """physical, team, host, container, vm."""
    guid: str
    """Upper case, in braces."""
    mac: bytes
    if_index: int
    host: Host
    description: str = ""
    mtu: int = 1500
    is_enabled: bool = True
    is_visible: bool = True
    layers: tuple[Layer, ...] = ()
    """Lightweight filters, top first."""
    nic_name: str = ""
    """As the switch calls it: the GUID, or VM GUID--adapter GUID."""
    friendly: str = ""
    owner: str = ""
    """The container, VM or host it belongs to."""
    port: Port | None = None
    stack: Stack | None = None
    team: Nic | None = None
    """The tNIC that this member serves."""
    members: tuple[Nic, ...] = ()
    switch: VSwitch | None = None
    """The external switch that took this NIC."""
    has_sriov: bool = False
    vlan: int = 0

    @property
    def point(self) -> str:
        """Name that is unique on this host."""
        return self.name

    @property
    def cables(self) -> tuple[Nic, ...]:
        """The physical NICs by which its frames leave and come, team and SET resolved; without disabled ones."""
        base = self.team or self
        members = base.members or (base.switch.members if base.switch is not None else ()) or (self,)
        return tuple(member for member in members if member.is_enabled)


@dataclass(eq=False, repr=False, slots=True)
class Port:
    """A port of a switch, with its policies."""

    switch: VSwitch
    port_id: int
    name: str
    """A GUID, upper case without braces, as VmSwitch gives it."""
    friendly: str
    nic: Nic
    kind: str
    """External, Internal, Synthetic."""
    vlan: int = 0
    rules: tuple[RuleSpec, ...] = ()
    may_spoof: bool = True
    has_dhcp_guard: bool = False
    is_connected: bool = True
    network: Network | None = None
    endpoint: Endpoint | None = None

    @property
    def point(self) -> str:
        """Name that is unique on this host."""
        nic = self.nic
        return f"{self.switch.name}/{nic.owner if nic.kind in ('container', 'vm') else nic.name}"


@dataclass(eq=False, repr=False, slots=True)
class VSwitch:
    """A virtual switch."""

    name: str
    kind: str
    guid: str
    host: Host
    if_index: int = 0
    ports: list[Port] = field(default_factory=list)
    external: Port | None = None
    members: tuple[Nic, ...] = ()
    """Of switch-embedded teaming; empty without."""
    management: Nic | None = None

    def port_of_mac(self, mac: bytes) -> Port | None:
        """The port whose NIC has that address."""
        return next((port for port in self.ports if port.nic.mac == mac and port.kind != "External"), None)


@dataclass(eq=False, repr=False, slots=True)
class Network:
    """An HNS network."""

    spec: NetworkSpec
    guid: str
    switch: VSwitch
    gateway: bytes
    subnet: int
    prefix: int
    gateway_mac: bytes
    """Whom its endpoints send what leaves the subnet to."""
    nat: WinNat | None = None
    endpoints: list[Endpoint] = field(default_factory=list)

    def holds(self, address: bytes) -> bool:
        """Whether an address is of the network's subnet."""
        return (int.from_bytes(address, "big") ^ self.subnet) >> (32 - self.prefix) == 0


@dataclass(eq=False, repr=False, slots=True)
class Endpoint:
    """The attachment of a container to a network."""

    guid: str
    network: Network
    nic: Nic
    address: bytes
    container: Container | None = None


@dataclass(eq=False, repr=False, slots=True)
class Container:
    """A container; compartment 0: it has a kernel of its own."""

    name: str
    container_id: str
    """64 hex digits."""
    isolation: str
    compartment: int
    namespace: str
    endpoint: Endpoint
    pid: int
    publish: tuple[tuple[int, int, int], ...] = ()
    """Protocol, outside port, inside port."""
    starts_ns: int = 0
    """When it starts, from the scenario's start; 0: it was there before."""
    vm_id: str = ""
    image: str = ""
    pod: str = ""


@dataclass(eq=False, repr=False, slots=True)
class Vm:
    """A virtual machine, a utility VM among them."""

    name: str
    guid: str
    nic: Nic
    address: bytes
    is_utility: bool = False


@dataclass(eq=False, repr=False, slots=True)
class Host:
    """A Windows host that is recorded."""

    spec: HostSpec
    name: str
    build: int
    n_processors: int
    skew_ns: int = 0
    nics: list[Nic] = field(default_factory=list)
    switches: list[VSwitch] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    vms: list[Vm] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)
    nats: list[WinNat] = field(default_factory=list)
    stack: Stack | None = None
    """Compartment 1."""
    uplink_mac: bytes = b""
    uplink_address: bytes = b""
    cpu_free_ns: list[int] = field(default_factory=list)

    def starting(self, nic: Nic | None) -> Container | None:
        """The container of a NIC that is not there yet when the recording begins."""
        return next((c for c in self.containers if c.starts_ns and c.endpoint.nic is nic), None)

    def nic(self, name: str) -> Nic:
        """The NIC of that name."""
        return next(nic for nic in self.nics if nic.name == name)


@dataclass(slots=True)
class Header:
    """What decides where a frame goes. Changed on the way; `copy` keeps a state."""

    eth_dst: bytes
    eth_src: bytes
    ethertype: int
    vlan: int = 0
    protocol: int = 0
    src: bytes = b""
    dst: bytes = b""
    sport: int | None = None
    dport: int | None = None
    n_bytes: int = 0
    ttl: int = 0
    has_df: bool = False
    kind: int = 0
    """ICMP type, ARP operation or DHCP message type."""
    ident: int = 0
    """Identifier of an ICMP echo."""
    outer_src: bytes = b""
    outer_dst: bytes = b""
    outer_eth_src: bytes = b""
    outer_eth_dst: bytes = b""
    vni: int = 0

    def copy(self) -> Header:
        """The same, apart from this."""
        return Header(
            self.eth_dst,
            self.eth_src,
            self.ethertype,
            self.vlan,
            self.protocol,
            self.src,
            self.dst,
            self.sport,
            self.dport,
            self.n_bytes,
            self.ttl,
            self.has_df,
            self.kind,
            self.ident,
            self.outer_src,
            self.outer_dst,
            self.outer_eth_src,
            self.outer_eth_dst,
            self.vni,
        )

    @property
    def is_group(self) -> bool:
        """Whether it is a broadcast or multicast frame."""
        return bool((self.outer_eth_dst or self.eth_dst)[0] & 1)

    def text(self) -> str:
        """In one line, for people."""
        if not self.src:
            return "ARP"
        sport = "" if self.sport is None else f":{self.sport}"
        dport = "" if self.dport is None else f":{self.dport}"
        inner = f"{ip_text(self.src)}{sport} → {ip_text(self.dst)}{dport}"
        if self.outer_src:
            return f"{ip_text(self.outer_src)} → {ip_text(self.outer_dst)} VNI {self.vni} [{inner}]"
        return inner
