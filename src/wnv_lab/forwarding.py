"""Where a packet goes: the walk through NICs, switches, VFP, the host's stack and WinNat.

A walk decides for one packet and writes down the stages; the engine then carries every packet of the flow through
them. `wnv lab path` prints a walk. The rules follow docs/reference/lab-paths.md, section by section.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any
from zlib import crc32

from wnv_lab.frames import ARP, ICMP, IPV4, TCP, UDP, VXLAN_OVERHEAD_BYTES
from wnv_lab.model import Endpoint, Header, Host, Network, Nic, Port, VSwitch
from wnv_lab.parsing import rewrite_between
from wnv_lab.scenario import FaultSpec, RuleSpec
from wnv_lab.stages import Kind, Reason, Route, Stage
from wnv_lab.winnat import REASONS, Session, WinNat

if TYPE_CHECKING:
    from wnv_lab.stack import Stack
    from wnv_lab.world import World

PROTOCOLS = {"": 0, "icmp": ICMP, "tcp": TCP, "udp": UDP}

# PktMon's numbers and locations (docs/formats/pktmon.md); 0 to 38 are the switch's own reasons too.
ACL = Reason("filtered", 8, 0xE000204E, "acl")
EXTENDED_ACL = Reason("filtered", 8, 0xE000204E, "extended-acl")
WRONG_VLAN = Reason("filtered_vlan", 9, 0xE0002053, "vms")
SPOOFED = Reason("mac_spoofing", 16, 0xE000201B, "vms")
DHCP_GUARDED = Reason("dhcp_guard", 17, 0xE000204E, "vms")
TOO_BIG = Reason("mtu_mismatch", 23, 0xE0002033, "vms")
DISABLED = Reason("nic_disabled", 33, 0xE0002051, "vms")
NO_DESTINATION = Reason("unicast_no_destination", 711, 0xE0006063, "vfp")
VFP_BLOCKED = Reason("intercept_block", 716, 0xE0006090, "vfp")
FIREWALL_IN = Reason("inet_accept_inspection", 1231, 0xE0004001, "wfp")
FIREWALL_OUT = Reason("nl_inspection_drop", 909, 0xE0004002, "wfp")
NOT_LOCAL = Reason("nl_not_locally_destined", 902, 0xE0004003, "tcpip")


def matches(rule: RuleSpec, header: Header, direction: str) -> bool:
    """Whether a rule is about a packet."""
    if rule.direction != direction or header.ethertype != IPV4:
        return False
    if rule.protocol and PROTOCOLS[rule.protocol] != header.protocol:
        return False
    if rule.port and rule.port != header.dport:
        return False
    other = header.dst if direction == "out" else header.src
    return not rule.address or int.from_bytes(other, "big") in _network(rule.address)


def _network(prefix: str) -> range:
    network = IPv4Network(prefix, strict=False)
    return range(int(network.network_address), int(network.broadcast_address) + 1)


class Walk:
    """One packet's walk through one host."""

    def __init__(self, world: World, host: Host, header: Header, now_ns: int) -> None:
        self.world = world
        self.host = host
        self.header = header
        self.now_ns = now_ns
        self.route = Route(host.name, header.copy())

    # -- writing down ------------------------------------------------------------------------------------------

    def _add(
        self,
        kind: Kind,
        place: Nic | Port | Stack | WinNat,
        direction: str,
        before: Header | None = None,
        **more: Any,  # Any: the fields of Stage by name
    ) -> Stage:
        header = self.header.copy()
        rewrite = rewrite_between(before, header) if before is not None else None
        stage = Stage(kind, place, direction, header, rewrite, before if rewrite else None, **more)
        self.route.stages.append(stage)
        return stage

    def _end(self, end: str, target: Nic | Stack | None = None) -> None:
        self.route.end = end
        self.route.target = target
        self.route.header = self.header.copy()

    def _drop(
        self,
        place: Nic | Port | Stack | WinNat,
        direction: str,
        reason: Reason,
        note: str = "",
        rule: str = "",
        **more: Any,  # Any: the fields of Stage by name
    ) -> None:
        self._add(Kind.DROP, place, direction, reason=reason, note=note or reason.name, rule=rule, **more)
        self._end("drop")

    def _faults(self, owner: Nic, direction: str) -> None:
        """Losses and delays that the scenario puts at this NIC."""
        for fault in self.world.scenario.fault:
            if fault.at not in (owner.name, owner.owner) or not _is_hit(fault, self.header, direction):
                continue
            if fault.kind == "loss":
                self._add(
                    Kind.LOSS,
                    owner,
                    direction,
                    share=fault.share,
                    after_ns=int(fault.after_ms * 1e6),
                    note="packets vanish here without an event",
                )
            elif fault.kind == "delay":
                self._add(
                    Kind.DELAY,
                    owner,
                    direction,
                    share=fault.share,
                    after_ns=int(fault.after_ms * 1e6),
                    delay_ns=fault.delay_us * 1000,
                    note=f"takes {fault.delay_us} µs more",
                )

    # -- NICs --------------------------------------------------------------------------------------------------

    def nic_out(self, nic: Nic, before: Header | None = None, *, is_new_nbl: bool = False) -> None:
        """A frame is sent on a NIC: by a stack or, for a physical NIC, by the switch."""
        if nic.has_sriov and nic.port is not None:
            uplink = nic.port.switch.external
            assert uplink is not None
            self._end("wire", uplink.nic)  # the virtual function sends past the switch
            return
        if nic.is_visible:
            self._add(Kind.NIC, nic, "out", before, is_new_nbl=is_new_nbl)
        if nic.port is not None:
            self._faults(nic, "out")
            if not nic.port.is_connected:
                self._drop(nic.port, "out", DISABLED, "the NIC is not connected")
                return
            self.ingress(nic.port)
        elif nic.members:
            enabled = [member for member in nic.members if member.is_enabled] or list(nic.members)
            member = enabled[_hash(self.header) % len(enabled)]
            self._add(Kind.NIC, member, "out", service="team")
            self._faults(member, "out")
            self._end("wire", member)
        else:
            self._faults(nic, "out")
            self._end("wire", nic)

    def wire_in(self, nic: Nic) -> None:
        """A frame comes from the wire."""
        base = nic.team or nic
        direct = self._virtual_function(base)
        if direct is not None:
            self._end("guest", direct)
            return
        self._faults(nic, "in")
        self._add(Kind.NIC, nic, "in", service="arrive")
        if nic.team is not None:
            self._add(Kind.NIC, nic.team, "in", service="team")
        if base.switch is not None:
            assert base.switch.external is not None
            self.ingress(base.switch.external)
        elif base.stack is not None:
            self.stack_in(base.stack, base)
        else:
            self._end("nobody")

    def _virtual_function(self, nic: Nic) -> Stack | None:
        """The stack of a VM that has this frame by SR-IOV, past the switch."""
        if nic.switch is None:
            return None
        port = nic.switch.port_of_mac(self.header.outer_eth_dst or self.header.eth_dst)
        return port.nic.stack if port is not None and port.nic.has_sriov else None

    # -- the switch (research: 3.1) ------------------------------------------------------------------------------

    def ingress(self, port: Port) -> None:
        """Up to the choice of the destinations."""
        header = self.header
        if port.vlan:
            header.vlan = port.vlan
        self._add(Kind.RECEIVED, port, _ingress_direction(port), service="switch")
        self._add(Kind.INGRESS, port, _ingress_direction(port))
        outbound = _ingress_direction(port)
        if not port.may_spoof and header.eth_src != port.nic.mac:
            self._drop(port, outbound, SPOOFED, f"sends from another address than {port.nic.mac.hex('-')}")
            return
        if port.has_dhcp_guard and header.protocol == UDP and header.sport == 67:
            self._drop(port, outbound, DHCP_GUARDED, "DHCP guard: not a DHCP server's port")
            return
        if self._acl(port, "out"):
            return
        before = header.copy()
        if port.kind == "External":
            if not self._vfp_arrival(port.switch):
                return
        elif port.endpoint is not None and not self._vfp_departure(port):
            return
        self._forward(port, before)

    def _acl(self, port: Port, direction: str) -> bool:
        """Whether the switch's own rules drop the packet at a port."""
        for rule in port.rules:
            if rule.layer in ("acl", "extended-acl") and matches(rule, self.header, direction):
                reason = ACL if rule.layer == "acl" else EXTENDED_ACL
                self._drop(port, direction, reason, f"rule '{rule.name}' of the port", rule.name)
                return True
        return False

    def _forward(self, source: Port, before: Header) -> None:
        """Choose destinations; `before` is the header ahead of VFP."""
        switch = source.switch
        header = self.header
        inside = [port for port in switch.ports if port is not source and port.kind != "External"]
        external = switch.external if switch.external is not source else None
        address = header.outer_eth_dst or header.eth_dst
        if address[0] & 1:
            targets = [port for port in inside if port.is_connected and _same_vlan(port, header)]
            if external is not None and source.network is not None and source.network.spec.type == "overlay":
                external = None  # a tenant's broadcast stays inside its network
            targets += [external] if external is not None else []
            if source.kind == "External" and source.network is None:
                targets = [port for port in targets if port.network is None or port.network.spec.type != "overlay"]
        else:
            found = next((port for port in inside if port.nic.mac == address), None)
            targets = [found] if found is not None else [external] if external is not None else []
        if not targets:
            self._drop(source, _ingress_direction(source), NO_DESTINATION, "no port has that address")
            return
        clones = self.world.scenario.engine.clones_on_rewrite and rewrite_between(before, header) is not None
        way = _egress_direction(targets[0]) if len(targets) == 1 else "out"
        self._add(
            Kind.ROUTED,
            source,
            way,
            before,
            targets=tuple(targets),
            source=source,
            service="switch",
            is_new_nbl=clones,
            note=", ".join(target.friendly for target in targets),
        )
        if len(targets) == 1:
            self._egress(source, targets[0], targets[0])
            return
        self._add(Kind.EGRESS, source, "out", targets=tuple(targets), source=source)
        self._end("split")
        parent = self.route
        for number, target in enumerate(targets):
            copy = Walk(self.world, self.host, header.copy(), self.now_ns)
            copy._delivered(source, target, is_new_nbl=number > 0)
            parent.branches.append(copy.route)

    def _egress(self, source: Port, target: Port, place: Port) -> None:
        """One destination: the frame on its way out, the policies there, and delivery."""
        header = self.header
        if target.kind != "External" and not _same_vlan(target, header):
            self._drop(
                target, "in", WRONG_VLAN, f"VLAN {header.vlan} is not VLAN {target.vlan} of the port", source=source
            )
            return
        self._add(Kind.EGRESS, place, _egress_direction(target), targets=(target,), source=source)
        if self._acl(target, "in"):
            return
        if not target.is_connected or not target.nic.is_enabled:
            self._drop(target, "in", DISABLED, "the NIC is disabled", source=source)
            return
        if header.n_bytes > target.nic.mtu + 14 and not self.world.scenario.engine.has_large_send:
            self._drop(
                target,
                _egress_direction(target),
                TOO_BIG,
                f"{header.n_bytes - 14} bytes are more than the MTU {target.nic.mtu}",
                source=source,
            )
            return
        self._delivered(source, target)

    def _delivered(self, source: Port, target: Port, *, is_new_nbl: bool = False) -> None:
        self._add(
            Kind.DELIVERED,
            target,
            _egress_direction(target),
            source=source,
            targets=(target,),
            is_new_nbl=is_new_nbl,
            service="switch",
        )
        nic = target.nic
        if target.kind == "External":
            if target.switch.members:  # SET: the member is chosen inside the switch
                nic = target.switch.members[_hash(self.header) % len(target.switch.members)]
            self.nic_out(nic)
            return
        self._faults(nic, "in")
        if nic.is_visible:
            self._add(Kind.NIC, nic, "in")
            assert nic.stack is not None
            self.stack_in(nic.stack, nic)
        else:
            self._end("guest", nic.stack)

    # -- VFP (research: 4.3, 4.5, 4.9) ---------------------------------------------------------------------------

    def _vfp_departure(self, port: Port) -> bool:
        """The layers of a container's port, on what it sends; False if they drop it."""
        endpoint = port.endpoint
        assert endpoint is not None
        network = endpoint.network
        if network.spec.type not in ("l2bridge", "overlay") and not any(r.layer == "vfp" for r in port.rules):
            return True
        header = self.header
        for rule in port.rules:
            if rule.layer == "vfp" and matches(rule, header, "out"):
                self._add(
                    Kind.VFP_RULE,
                    port,
                    "out",
                    rule=rule.name or "BLOCK",
                    is_first_only=True,
                    reason=VFP_BLOCKED,
                    note=f"rule '{rule.name}' blocks",
                )
                self._drop(port, "out", VFP_BLOCKED, f"VFP rule '{rule.name}'", rule.name)
                return False
        if header.ethertype != IPV4 or header.is_group:
            return True
        self._add(Kind.VFP_RULE, port, "out", rule="ALLOW_ALL", is_first_only=True, note="ACL layer: allowed")
        if network.spec.type == "l2bridge":
            self._l2bridge_departure(port, endpoint)
        elif network.spec.type == "overlay":
            self._overlay_departure(port, endpoint)
        self._add(Kind.VFP_FLOW, port, "out", is_first_only=True, note="the flow is cached")
        return True

    def _l2bridge_departure(self, port: Port, endpoint: Endpoint) -> None:
        header, network = self.header, endpoint.network
        if port.switch.port_of_mac(header.eth_dst) is not None and network.holds(header.dst):
            return  # same host, same subnet: bridged
        header.eth_src = self.host.uplink_mac
        self._outbound_nat(port, network)

    def _outbound_nat(self, port: Port, network: Network) -> None:
        """OutBoundNAT: TCP and UDP to addresses outside the exceptions leave with the host's address."""
        header = self.header
        if not network.spec.has_outbound_nat or header.protocol not in (TCP, UDP) or network.nat is None:
            return
        number = int.from_bytes(header.dst, "big")
        if network.holds(header.dst) or any(number in _network(prefix) for prefix in network.spec.exceptions):
            return
        session, is_new = network.nat.outbound(header, self._compartment(port), self.now_ns)
        if session is None:
            return
        if is_new:
            self._add(
                Kind.VFP_BINDING,
                port,
                "out",
                session=session,
                is_first_only=True,
                note=f"OutBoundNAT takes port {session.outside_sport}",
            )
            self.world.truth_session(self.host, session)
        header.src, header.sport = session.outside_src, session.outside_sport

    @staticmethod
    def _compartment(port: Port) -> int:
        endpoint = port.endpoint
        return endpoint.container.compartment if endpoint is not None and endpoint.container is not None else 1

    def _overlay_departure(self, port: Port, endpoint: Endpoint) -> None:
        header, network = self.header, endpoint.network
        if port.switch.port_of_mac(header.eth_dst) is not None:
            return
        remote = self.world.remote_endpoint(network, header.dst)
        if remote is None:
            header.eth_src, header.eth_dst = self.host.uplink_mac, self.world.gateway_mac(self.host)
            self._outbound_nat(port, network)
            return
        there, nic_mac = remote
        header.eth_dst = nic_mac
        header.outer_src, header.outer_dst = self.host.uplink_address, there.uplink_address
        header.outer_eth_src, header.outer_eth_dst = self.host.uplink_mac, there.uplink_mac
        header.vni = network.spec.vni
        header.n_bytes += VXLAN_OVERHEAD_BYTES

    def _vfp_arrival(self, switch: VSwitch) -> bool:
        """The layers of the external port, on what comes from outside; False if they drop it."""
        header = self.header
        networks = [n for n in self.host.networks if n.switch is switch and n.spec.type in ("l2bridge", "overlay")]
        if header.ethertype != IPV4 or not networks or header.is_group:
            return True
        external = switch.external
        assert external is not None
        if header.vni:
            network = next((n for n in networks if n.spec.vni == header.vni), None)
            if network is None or header.outer_dst != self.host.uplink_address:
                return True
            header.outer_src = header.outer_dst = header.outer_eth_src = header.outer_eth_dst = b""
            header.vni = 0
            header.n_bytes -= VXLAN_OVERHEAD_BYTES
            self._add(Kind.VFP_FLOW, external, "in", is_first_only=True, note="decapsulated")
            self.header = header
            return self._vfp_inbound_rules(network)
        for network in networks:
            if network.nat is not None and header.dst == self.host.uplink_address:
                session, _ = network.nat.inbound(header, {}, self.now_ns)
                if session is not None:
                    header.dst, header.dport = session.inside_src, session.inside_sport
                    self._add(
                        Kind.VFP_FLOW,
                        external,
                        "in",
                        is_first_only=True,
                        session=session,
                        note="OutBoundNAT, the way back",
                    )
            if network.holds(header.dst):
                endpoint = next((e for e in network.endpoints if e.address == header.dst), None)
                if endpoint is not None and header.eth_dst == self.host.uplink_mac:
                    header.eth_dst = endpoint.nic.mac
                    return self._vfp_inbound_rules(network)
        return True

    def _vfp_inbound_rules(self, network: Network) -> bool:
        endpoint = next((e for e in network.endpoints if e.address == self.header.dst), None)
        port = endpoint.nic.port if endpoint is not None else None
        if port is None:
            return True
        for rule in port.rules:
            if rule.layer == "vfp" and matches(rule, self.header, "in"):
                self._add(
                    Kind.VFP_RULE,
                    port,
                    "in",
                    rule=rule.name or "BLOCK",
                    is_first_only=True,
                    reason=VFP_BLOCKED,
                    note=f"rule '{rule.name}' blocks",
                )
                self._drop(port, "in", VFP_BLOCKED, f"VFP rule '{rule.name}'", rule.name)
                return False
        return True

    # -- stacks and WinNat (research: 4.1) -----------------------------------------------------------------------

    def stack_out(self, stack: Stack, nic: Nic) -> None:
        """A stack of this host sends: its firewall, then the NIC."""
        if nic.is_visible:
            for rule in stack.rules:
                if rule.layer == "firewall" and matches(rule, self.header, "out"):
                    self._drop(stack, "out", FIREWALL_OUT, f"firewall rule '{rule.name}'", rule.name)
                    return
        self.nic_out(nic)

    def stack_in(self, stack: Stack, nic: Nic) -> None:
        """A stack of this host takes a frame from a NIC."""
        header = self.header
        if header.ethertype != IPV4 or header.is_group or (header.protocol == UDP and header.dport in (67, 68)):
            self._end("stack", stack)
            return
        if header.eth_dst != nic.mac:
            self._end("nobody", stack)  # flooded here; the stack's filter ignores it
            return
        is_local = header.dst in stack.addresses
        nats = self.host.nats if stack is self.host.stack else []
        if is_local:
            for nat in nats:
                if header.dst == nat.outside and nic is not nat.internal and self._nat_inbound(nat, stack, nic):
                    return
            if nats and header.dst == nats[0].outside and nic is nats[0].external and not nats[0].is_ics:
                self._add(
                    Kind.NAT_SKIPPED,
                    nats[0],
                    "in",
                    arrival=nic,
                    service="nat",
                    note="no session and no mapping: left to the host",
                )
            self._local(stack)
            return
        for nat in nats:
            if nic is nat.internal:
                self._nat_outbound(nat, stack, nic)
                return
        self._drop(stack, "in", NOT_LOCAL, "not one of its addresses")

    def _local(self, stack: Stack) -> None:
        for rule in stack.rules:
            if rule.layer == "firewall" and matches(rule, self.header, "in"):
                self._drop(stack, "in", FIREWALL_IN, f"firewall rule '{rule.name}'", rule.name)
                return
        self._add(Kind.STACK, stack, "in", service="stack", note=f"compartment {stack.compartment}")
        self._end("stack", stack)

    def _nat_outbound(self, nat: WinNat, stack: Stack, nic: Nic) -> None:
        header = self.header
        endpoint = next((e for n in self.host.networks for e in n.endpoints if e.address == header.src), None)
        compartment = endpoint.container.compartment if endpoint and endpoint.container else 1
        session, is_new = nat.outbound(header, compartment or 1, self.now_ns)
        if session is None:
            self._drop(
                nat,
                "out",
                Reason(REASONS[14], 1314, 0xE0007002, "winnat"),
                "no port of the pool is free",
                arrival=nic,
                forward=nat.external,
            )
            return
        self._nat_session(nat, session, is_new, "out")
        before = header.copy()
        header.src = session.outside_src
        if header.protocol != ICMP:
            header.sport = session.outside_sport
        self._translated(nat, session, before, "out", nic, stack)

    def _nat_inbound(self, nat: WinNat, stack: Stack, nic: Nic) -> bool:
        header = self.header
        session, is_new = nat.inbound(
            header,
            {
                e.address: e.container.compartment
                for n in self.host.networks
                for e in n.endpoints
                if e.container is not None
            },
            self.now_ns,
        )
        if session is None:
            return False
        self._nat_session(nat, session, is_new, "in")
        before = header.copy()
        header.dst = session.inside_src
        if header.protocol != ICMP:
            header.dport = session.inside_sport
        self._translated(nat, session, before, "in", nic, stack)
        return True

    def _nat_session(self, nat: WinNat, session: Session, is_new: bool, direction: str) -> None:
        if is_new:
            self._add(
                Kind.NAT_SESSION,
                nat,
                direction,
                session=session,
                is_first_only=True,
                service="nat",
                note=f"{session.kind} session, outside port {session.outside_sport}",
            )
            self.world.truth_session(self.host, session)

    def _translated(
        self, nat: WinNat, session: Session, before: Header, direction: str, nic: Nic, stack: Stack
    ) -> None:
        """WinNat has a clone with other addresses, and the host's stack routes it."""
        header = self.header
        header.ttl -= 1
        out = nat.external if direction == "out" else nat.internal
        next_hop = stack.next_hop(header.dst, out)
        header.eth_src, header.eth_dst = out.mac, self.world.neighbour(stack, next_hop, out)
        # The frame is rewritten once, where the clone is made; the forward event sees its final headers.
        self._add(
            Kind.NAT_TRANSLATED,
            nat,
            direction,
            before,
            session=session,
            is_new_nbl=True,
            service="nat",
            arrival=nic,
            forward=out,
            note=f"{before.text()} becomes {header.text()}",
        )
        self._add(Kind.NAT_FORWARDED, nat, direction, session=session, arrival=nic, forward=out)
        self.nic_out(out)


def _is_hit(fault: FaultSpec, header: Header, direction: str) -> bool:
    return (
        fault.kind in ("loss", "delay")
        and fault.direction in ("", direction)
        and (not fault.protocol or PROTOCOLS[fault.protocol] == header.protocol)
        and (not fault.port or fault.port in (header.sport, header.dport))
    )


def _ingress_direction(port: Port) -> str:
    """What comes into the switch is outbound for the owner of a VM's or host's port, inbound at the uplink."""
    return "in" if port.kind == "External" else "out"


def _egress_direction(port: Port) -> str:
    return "out" if port.kind == "External" else "in"


def _same_vlan(port: Port, header: Header) -> bool:
    return port.vlan == header.vlan


def _hash(header: Header) -> int:
    if header.ethertype == ARP or not header.src:
        return crc32(header.eth_src + header.eth_dst)
    key = bytes(a ^ b for a, b in zip(header.src, header.dst, strict=True))
    return crc32(key + ((header.sport or 0) ^ (header.dport or 0)).to_bytes(2, "big"))
