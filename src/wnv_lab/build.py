"""From a scenario to live machines: names to GUIDs and MACs, networks to switches, ports, NATs and stacks.

Everything that a scenario does not give is made from names, so that a scenario's GUIDs stay the same for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from ipaddress import IPv4Interface, IPv4Network
from uuid import UUID

from wnv_lab.errors import LabError
from wnv_lab.frames import ip_bytes, mac_bytes
from wnv_lab.model import Container, Endpoint, Host, Layer, Network, Nic, Port, Vm, VSwitch
from wnv_lab.nbl import NblPool
from wnv_lab.rules import PROTOCOLS
from wnv_lab.scenario import (
    ContainerSpec,
    HostSpec,
    NetworkSpec,
    NicSpec,
    PeerSpec,
    RuleSpec,
    Scenario,
    SwitchSpec,
    TeamSpec,
    VmSpec,
)
from wnv_lab.services_offered import offer
from wnv_lab.stack import Stack
from wnv_lab.winnat import WinNat
from wnv_lab.world import World

DEFAULT_LAYERS = (
    "WFP Native MAC Layer LightWeight Filter",
    "QoS Packet Scheduler",
    "WFP 802.3 MAC Layer LightWeight Filter",
)


def build_world(scenario: Scenario, seed: int) -> World:
    """All machines of a scenario, wired up, before anything happens."""
    world = World(scenario, seed)
    moment = datetime.fromisoformat(scenario.start)
    if moment.tzinfo is None:
        raise LabError(f"start is {scenario.start}, without a time zone", "write 2026-03-02T09:00:00Z")
    world.start_ns = world.now_ns = world.end_ns = int(moment.timestamp()) * 1_000_000_000
    lan = IPv4Network(scenario.network)
    for peer in scenario.peer:
        _add_peer(world, peer, lan)
    for spec in scenario.host:
        _HostBuilder(world, spec, lan).build()
    for host in world.hosts:
        _know_each_other(world, host)
    for stack in world.stacks.values():
        if scenario.engine.has_static_neighbours:
            _know_all(world, stack)
    world.names = {name: stack.ifaces[0].address for name, stack in world.stacks.items() if stack.ifaces}
    world.names |= {f"{name}.example": address for name, address in world.names.items()}
    world.measure()
    return world


def guid_of(*path: str) -> str:
    """A GUID made of names, upper case, without braces."""
    return str(UUID(bytes=blake2b("/".join(path).encode(), digest_size=16).digest(), version=4)).upper()


def mac_of(first: str, *path: str) -> bytes:
    """A MAC made of names behind a vendor's three bytes."""
    return mac_bytes(first) + blake2b("/".join(path).encode(), digest_size=3).digest()


def _add_peer(world: World, spec: PeerSpec, lan: IPv4Network) -> None:
    mac = mac_bytes(spec.mac) if spec.mac else mac_of("A8-5E-45", world.scenario.name, spec.name)
    stack = Stack(spec.name, world, vlan=spec.vlan, latency_ns=spec.latency_us * 1000)
    interface = IPv4Interface(spec.address if "/" in spec.address else f"{spec.address}/{lan.prefixlen}")
    # A peer's NIC stands on no host; None would spread through all types for nothing.
    nic = Nic(f"{spec.name} NIC", "peer", "", mac, 0, None)  # type: ignore[arg-type] # no host: see above
    router = next((peer for peer in world.scenario.peer if peer.is_router), None)
    gateway = spec.gateway or (router.address.partition("/")[0] if router is not None and router is not spec else "")
    stack.add(nic, interface.ip.packed, interface.network.prefixlen, ip_bytes(gateway) if gateway else b"")
    world.stacks[spec.name] = stack
    world.peers.append(stack)
    if spec.is_router:
        world.router = stack
    if spec.is_remote:
        if world.router is None:
            raise LabError(
                f"the peer {spec.name} is remote and there is no router before it",
                "list a peer with is_router = true first",
            )
        stack.remote_of = world.router
        world.router.behind[interface.ip.packed] = stack
    offer(stack, spec.serves)


class _HostBuilder:
    """Builds one host."""

    def __init__(self, world: World, spec: HostSpec, lan: IPv4Network) -> None:
        self.world = world
        self.spec = spec
        self.lan = lan
        self.host = Host(spec, spec.name, spec.build, spec.processors, spec.clock_skew_us * 1000)
        self.host.cpu_free_ns = [0] * spec.processors
        self.if_index = 3
        self.compartment = 1

    def build(self) -> None:
        """All of it, in the order in which an administrator would."""
        world, host, spec = self.world, self.host, self.spec
        world.hosts.append(host)
        world.pools[host.name] = NblPool(world.random.getrandbits(12))
        host.stack = Stack(
            spec.name,
            world,
            host,
            rules=self._firewall(spec.rules),
            is_silent=bool(spec.rules),
            has_checksum_offload=world.scenario.engine.has_checksum_offload,
        )
        host.stacks.append(host.stack)
        world.stacks[spec.name] = host.stack
        for nic in spec.nic:
            self._nic(nic)
        self._teams()
        for switch in spec.switch:
            self._switch(switch)
        self._host_addresses()
        for network in spec.network:
            self._network(network)
        for container in spec.container:
            self._container(container)
        for vm in spec.vm:
            self._vm(vm)
        offer(host.stack, spec.serves)

    # -- names ---------------------------------------------------------------------------------------------------

    def _guid(self, *path: str) -> str:
        return guid_of(self.world.scenario.name, self.spec.name, *path)

    def _next_index(self) -> int:
        self.if_index += 1
        return self.if_index

    def _layers(self, names: Iterable[str] = DEFAULT_LAYERS) -> tuple[Layer, ...]:
        return tuple(Layer(name, self._next_index()) for name in names)

    @staticmethod
    def _firewall(rules: tuple[RuleSpec, ...]) -> tuple[RuleSpec, ...]:
        return tuple(rule for rule in rules if rule.layer == "firewall")

    # -- NICs and switches ---------------------------------------------------------------------------------------

    def _nic(self, spec: NicSpec) -> None:
        mac = (
            mac_bytes(spec.mac) if spec.mac else mac_of("3C-EC-EF", self.world.scenario.name, self.spec.name, spec.name)
        )
        guid = self._guid("nic", spec.name)
        nic = Nic(
            spec.name,
            "physical",
            guid,
            mac,
            self._next_index(),
            self.host,
            spec.description,
            spec.mtu,
            spec.is_enabled,
            nic_name=guid,
            friendly=spec.name,
            owner=self.spec.name,
        )
        nic.layers = self._layers(spec.layers or DEFAULT_LAYERS)
        self.host.nics.append(nic)

    def _teams(self) -> None:
        for spec in self.spec.team:
            members = tuple(self.host.nic(name) for name in spec.members)
            guid = self._guid("team", spec.name)
            team = Nic(
                spec.name,
                "team",
                guid,
                members[0].mac,
                self._next_index(),
                self.host,
                "Microsoft Network Adapter Multiplexor Driver",
                nic_name=guid,
                friendly=spec.name,
                owner=self.spec.name,
                members=members,
            )
            team.layers = self._layers()
            for member in members:
                member.team = team
            self.host.nics.append(team)

    def _switch(self, spec: SwitchSpec) -> VSwitch:
        switch = VSwitch(spec.name, spec.kind, self._guid("switch", spec.name), self.host, self._next_index())
        self.host.switches.append(switch)
        if spec.uplink:
            uplinks = tuple(self.host.nic(name) for name in spec.uplink)
            switch.members = uplinks if len(uplinks) > 1 else ()
            for uplink in uplinks:
                uplink.switch = switch
            switch.external = self._port(switch, uplinks[0], "External", f"{spec.name}_External")
            switch.external.nic = uplinks[0]
        if spec.kind != "private" and (spec.has_management or spec.kind == "internal"):
            mac = switch.external.nic.mac if switch.external is not None else None
            switch.management = self._host_vnic(switch, f"vEthernet ({spec.name})", mac, spec.vlan)
            if spec.kind == "internal" and spec.address:
                interface = IPv4Interface(spec.address)
                assert self.host.stack is not None
                self.host.stack.add(switch.management, interface.ip.packed, interface.network.prefixlen)
        return switch

    def _host_vnic(self, switch: VSwitch, name: str, mac: bytes | None, vlan: int = 0) -> Nic:
        guid = self._guid("vnic", name)
        made = mac or mac_of("00-15-5D", self.world.scenario.name, self.spec.name, name)
        nic = Nic(
            name,
            "host",
            guid,
            made,
            self._next_index(),
            self.host,
            "Hyper-V Virtual Ethernet Adapter",
            nic_name=guid,
            friendly=name.partition("(")[2].rstrip(")") or name,
            owner=self.spec.name,
        )
        nic.layers = self._layers(DEFAULT_LAYERS[:2])
        nic.port = self._port(switch, nic, "Internal", nic.friendly)
        nic.port.vlan = nic.vlan = vlan
        self.host.nics.append(nic)
        return nic

    def _port(self, switch: VSwitch, nic: Nic, kind: str, friendly: str) -> Port:
        number = len(switch.ports) + 1
        port = Port(switch, number, self._guid("port", switch.name, friendly, str(number)), friendly, nic, kind)
        switch.ports.append(port)
        return port

    def _host_addresses(self) -> None:
        """The host's addresses: on a NIC or team of its own, or on the vNIC of the switch that took it."""
        host = self.host
        stack = host.stack
        assert stack is not None
        specs: list[NicSpec | TeamSpec] = [*self.spec.nic, *self.spec.team]
        for spec in specs:
            if not spec.address:
                continue
            nic = host.nic(spec.name)
            if nic.switch is not None:
                if nic.switch.management is None:
                    continue
                nic = nic.switch.management
            interface = IPv4Interface(spec.address)
            stack.add(
                nic, interface.ip.packed, interface.network.prefixlen, ip_bytes(spec.gateway) if spec.gateway else b""
            )
            if not host.uplink_address:
                host.uplink_address, host.uplink_mac = interface.ip.packed, nic.mac
        if self.world.scenario.engine.has_large_send:
            stack.use_large_send()

    # -- networks ------------------------------------------------------------------------------------------------

    def _network(self, spec: NetworkSpec) -> None:
        host = self.host
        subnet = IPv4Network(spec.subnet)
        gateway = ip_bytes(spec.gateway) if spec.gateway else (subnet.network_address + 1).packed
        guid = self._guid("network", spec.name)
        stack = host.stack
        assert stack is not None
        if spec.type in ("nat", "ics"):
            switch = self._switch(SwitchSpec(name=spec.name, kind="internal"))
            vnic = switch.management
            assert vnic is not None
            stack.add(vnic, gateway, subnet.prefixlen)
            external = stack.iface_for(ip_bytes("198.51.100.1")).nic
            if external is vnic:
                raise LabError(f"the network {spec.name} needs a way out", "give a NIC of the host a gateway")
            nat = WinNat(
                f"{'ICS' if spec.type == 'ics' else 'NAT'}{guid}",
                host.uplink_address,
                external,
                vnic,
                subnet.network_address.packed,
                subnet.prefixlen,
                spec.port_range[0],
                spec.port_range[1],
                is_ics=spec.type == "ics",
            )
            host.nats.append(nat)
            gateway_mac = vnic.mac
        else:
            switch = next(s for s in host.switches if s.name == spec.switch)
            nat = WinNat(
                f"VFP {spec.name}",
                host.uplink_address,
                host.nics[0],
                host.nics[0],
                subnet.network_address.packed,
                subnet.prefixlen,
                spec.port_range[0],
                spec.port_range[1],
            )
            gateway_mac = mac_of("00-15-5D", guid, "gateway") if spec.type == "overlay" else b""
        host.networks.append(
            Network(spec, guid, switch, gateway, int(subnet.network_address), subnet.prefixlen, gateway_mac, nat)
        )

    def _address(self, network: Network) -> bytes:
        used = {endpoint.address for endpoint in network.endpoints} | {network.gateway}
        return next(
            address.packed
            for address in IPv4Network(network.spec.subnet).hosts()
            if address.packed not in used and address.packed[3] > 9
        )

    def _container(self, spec: ContainerSpec) -> None:
        host = self.host
        network = next(n for n in host.networks if n.spec.name == spec.network)
        switch = network.switch
        address = ip_bytes(spec.address) if spec.address else self._address(network)
        mac = mac_bytes(spec.mac) if spec.mac else mac_of("00-15-5D", self.world.scenario.name, host.name, spec.name)
        is_process = spec.isolation == "process"
        if is_process:
            self.compartment += 1
        compartment = self.compartment if is_process else 0
        container_id = blake2b(
            f"{self.world.scenario.name}/{host.name}/{spec.name}".encode(), digest_size=32
        ).hexdigest()
        endpoint_guid = self._guid("endpoint", spec.name)
        adapter = self._guid("adapter", spec.name)
        vm_id = "" if is_process else self._guid("uvm", spec.name)
        kind = "container" if is_process else "vm"
        name = f"vEthernet ({container_id[:8]})" if is_process else f"{spec.name} NIC"
        nic = Nic(
            name,
            kind,
            adapter,
            mac,
            self._next_index() if is_process else 0,
            host,
            "Hyper-V Virtual Ethernet Container Adapter" if is_process else "Hyper-V synthetic NIC",
            spec.mtu or network.spec.mtu,
            nic_name=adapter if is_process else f"{vm_id}--{adapter}",
            friendly=f"Container NIC {container_id[:8]}" if is_process else spec.name,
            owner=spec.name,
            is_visible=is_process,
        )
        if is_process:
            nic.layers = self._layers(DEFAULT_LAYERS[:1])
            host.nics.append(nic)
        port = self._port(switch, nic, "Internal" if is_process else "Synthetic", endpoint_guid)
        port.rules, port.network = spec.rules, network
        port.vlan = spec.vlan or network.spec.vlan
        nic.port = port
        stack = Stack(
            spec.name,
            self.world,
            host,
            compartment or 1,
            0,
            rules=self._firewall(spec.rules),
            has_checksum_offload=self.world.scenario.engine.has_checksum_offload,
            is_silent=bool(self._firewall(spec.rules)),
        )
        stack.pid = 3000 + 4 * len(host.containers) + 128 if is_process else 0
        gateway = network.gateway
        if network.spec.type == "transparent" and not network.spec.gateway:
            gateway = self.world.router.ifaces[0].address if self.world.router is not None else b""
        stack.add(nic, address, network.prefix, gateway)
        if self.world.scenario.engine.has_large_send:
            stack.use_large_send()
        self.world.stacks[spec.name] = stack
        host.stacks.append(stack)
        endpoint = Endpoint(endpoint_guid, network, nic, address)
        container = Container(
            spec.name,
            container_id,
            spec.isolation,
            compartment,
            self._guid("namespace", spec.name),
            endpoint,
            stack.pid,
            self._publish(spec, network, address),
            int(spec.starts_ms * 1e6),
            vm_id,
            spec.image,
            spec.pod,
        )
        port.is_connected = not container.starts_ns
        endpoint.container = container
        port.endpoint = endpoint
        network.endpoints.append(endpoint)
        host.containers.append(container)
        if not is_process:
            host.vms.append(Vm(spec.name, vm_id, nic, address, is_utility=True))
        if network.spec.type == "ics" and host.stack is not None:
            host.stack.neighbours.setdefault(address, mac)
        offer(stack, spec.serves)

    def _publish(self, spec: ContainerSpec, network: Network, address: bytes) -> tuple[tuple[int, int, int], ...]:
        made = []
        for text in spec.publish:
            try:
                protocol, outside, inside = text.split(":")
                made.append((PROTOCOLS[protocol], int(outside), int(inside)))
            except (KeyError, ValueError) as error:
                raise LabError(f"{spec.name} publishes '{text}'", "write protocol:outside port:inside port") from error
            if network.nat is not None:
                network.nat.mappings[(made[-1][0], made[-1][1])] = (address, made[-1][2])
        return tuple(made)

    def _vm(self, spec: VmSpec) -> None:
        host = self.host
        switch = next(s for s in host.switches if s.name == spec.switch)
        mac = mac_bytes(spec.mac) if spec.mac else mac_of("00-15-5D", self.world.scenario.name, host.name, spec.name)
        vm_id, adapter = self._guid("vm", spec.name), self._guid("adapter", spec.name)
        nic = Nic(
            f"{spec.name} NIC",
            "vm",
            adapter,
            mac,
            0,
            host,
            "Hyper-V synthetic NIC",
            spec.mtu,
            nic_name=f"{vm_id}--{adapter}",
            friendly=spec.name,
            owner=spec.name,
            is_visible=False,
            has_sriov=spec.has_sriov,
        )
        port = self._port(switch, nic, "Synthetic", f"{spec.name} port")
        port.rules, port.vlan, port.may_spoof = spec.rules, spec.vlan, spec.may_spoof
        port.has_dhcp_guard, port.is_connected = spec.has_dhcp_guard, spec.is_connected
        nic.port = port
        interface = IPv4Interface(spec.address) if spec.address else None
        stack = Stack(
            spec.name,
            self.world,
            host,
            1,
            0,
            rules=self._firewall(spec.rules),
            has_checksum_offload=self.world.scenario.engine.has_checksum_offload,
            is_silent=bool(self._firewall(spec.rules)),
        )
        gateway = ip_bytes(spec.gateway) if spec.gateway else b""
        if not gateway and self.world.router is not None and interface is not None and switch.kind == "external":
            gateway = self.world.router.ifaces[0].address
        stack.add(
            nic, interface.ip.packed if interface else b"", interface.network.prefixlen if interface else 0, gateway
        )
        if self.world.scenario.engine.has_large_send:
            stack.use_large_send()
        self.world.stacks[spec.name] = stack
        host.stacks.append(stack)
        host.vms.append(Vm(spec.name, vm_id, nic, interface.ip.packed if interface else b""))
        offer(stack, spec.serves)


def _know_each_other(world: World, host: Host) -> None:
    """What HNS tells: pods know their gateway and each other, the LAN's router knows where pods are."""
    gateway_mac = world.gateway_mac(host)
    for network in host.networks:
        if network.spec.type not in ("l2bridge", "overlay"):
            continue
        if not network.gateway_mac:
            network.gateway_mac = gateway_mac
        for endpoint in network.endpoints:
            stack = endpoint.nic.stack
            assert stack is not None
            stack.neighbours[network.gateway] = network.gateway_mac
            for other in world.hosts:
                for there in other.networks:
                    if there.spec.type == network.spec.type:
                        stack.neighbours.update({e.address: e.nic.mac for e in there.endpoints if e is not endpoint})
            if network.spec.type == "l2bridge":
                for peer in world.peers:
                    peer.neighbours[endpoint.address] = host.uplink_mac
                    stack.neighbours[peer.ifaces[0].address] = peer.ifaces[0].nic.mac
                if host.stack is not None:
                    host.stack.neighbours[endpoint.address] = endpoint.nic.mac


def _know_all(world: World, stack: Stack) -> None:
    """Every machine knows the MAC of every other on its link, as after a longer while."""
    for other in world.stacks.values():
        for iface in other.ifaces:
            if other is not stack and iface.address and other.remote_of is None:
                stack.neighbours.setdefault(iface.address, iface.nic.mac)
