"""Where a packet goes: the walk through NICs, switches, VFP, the host's stack and WinNat.

A walk decides for one packet and writes down the stages; the engine then carries every packet of the flow through
them. `wnv lab path` prints a walk. The rules follow docs/reference/lab-paths.md, section by section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from wnv_lab import vfp
from wnv_lab.frames import ARP, UDP
from wnv_lab.host_stack import stack_in
from wnv_lab.model import Header, Host, Nic, Port
from wnv_lab.parsing import rewrite_between
from wnv_lab.rules import (
    ACL,
    CABLE_DISABLED,
    DHCP_GUARDED,
    DISABLED,
    EXTENDED_ACL,
    NO_DESTINATION,
    PROTOCOLS,
    SPOOFED,
    TOO_BIG,
    WRONG_VLAN,
    matches,
)
from wnv_lab.scenario import FaultSpec
from wnv_lab.stages import Kind, Reason, Route, Stage
from wnv_lab.winnat import WinNat

if TYPE_CHECKING:
    from wnv_lab.stack import Stack
    from wnv_lab.world import World


class Walk:
    """One packet's walk through one host."""

    def __init__(self, world: World, host: Host, header: Header, now_ns: int) -> None:
        self.world = world
        self.host = host
        self.header = header
        self.now_ns = now_ns
        self.route = Route(host.name, header.copy())

    # -- writing down ------------------------------------------------------------------------------------------

    def add(
        self,
        kind: Kind,
        place: Nic | Port | Stack | WinNat,
        direction: str,
        before: Header | None = None,
        **more: Any,  # Any: the fields of Stage by name
    ) -> Stage:
        """Write down a stage with the header as it is now; `before` is what it was ahead of a rewrite here."""
        header = self.header.copy()
        rewrite = rewrite_between(before, header) if before is not None else None
        stage = Stage(kind, place, direction, header, rewrite, before if rewrite else None, **more)
        self.route.stages.append(stage)
        return stage

    def end(self, end: str, target: Nic | Stack | None = None) -> None:
        """Nothing more happens on this host: see `Route.end`."""
        self.route.end = end
        self.route.target = target
        self.route.header = self.header.copy()

    def drop(
        self,
        place: Nic | Port | Stack | WinNat,
        direction: str,
        reason: Reason,
        note: str = "",
        rule: str = "",
        **more: Any,  # Any: the fields of Stage by name
    ) -> None:
        """The packet ends here, with a reason and the rule behind it."""
        self.add(Kind.DROP, place, direction, reason=reason, note=note or reason.name, rule=rule, **more)
        self.end("drop")

    def _faults(self, owner: Nic, direction: str) -> None:
        """Losses and delays that the scenario puts at this NIC."""
        for fault in self.world.scenario.fault:
            if fault.at not in (owner.name, owner.owner) or not _is_hit(fault, self.header, direction):
                continue
            if fault.kind == "loss":
                self.add(
                    Kind.LOSS,
                    owner,
                    direction,
                    share=fault.share,
                    after_ns=int(fault.after_ms * 1e6),
                    note="packets vanish here without an event",
                )
            elif fault.kind == "delay":
                self.add(
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
            self.end("wire", uplink.nic)  # the virtual function sends past the switch
            return
        if nic.port is None and not nic.cables:
            self.drop(nic, "out", CABLE_DISABLED, "the NIC is disabled")
            return
        if nic.is_visible:
            self.add(Kind.NIC, nic, "out", before, is_new_nbl=is_new_nbl)
        if nic.port is not None:
            self._faults(nic, "out")
            if not nic.port.is_connected:
                self.drop(nic.port, "out", DISABLED, "the NIC is not connected")
                return
            self.ingress(nic.port)
        elif nic.members:
            member = nic.cables[_hash(self.header) % len(nic.cables)]
            self.add(Kind.NIC, member, "out", service="team")
            self._faults(member, "out")
            self.end("wire", member)
        else:
            self._faults(nic, "out")
            self.end("wire", nic)

    def wire_in(self, nic: Nic) -> None:
        """A frame comes from the wire."""
        base = nic.team or nic
        direct = self._virtual_function(base)
        if direct is not None:
            self.end("guest", direct)
            return
        self._faults(nic, "in")
        self.add(Kind.NIC, nic, "in", service="arrive")
        if nic.team is not None:
            self.add(Kind.NIC, nic.team, "in", service="team")
        if base.switch is not None:
            assert base.switch.external is not None
            self.ingress(base.switch.external)
        elif base.stack is not None:
            stack_in(self, base.stack, base)
        else:
            self.end("nobody")

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
        self.add(Kind.RECEIVED, port, _ingress_direction(port), service="switch")
        self.add(Kind.INGRESS, port, _ingress_direction(port))
        outbound = _ingress_direction(port)
        if not port.may_spoof and header.eth_src != port.nic.mac:
            self.drop(port, outbound, SPOOFED, f"sends from another address than {port.nic.mac.hex('-')}")
            return
        if port.has_dhcp_guard and header.protocol == UDP and header.sport == 67:
            self.drop(port, outbound, DHCP_GUARDED, "DHCP guard: not a DHCP server's port")
            return
        if self._acl(port, "out"):
            return
        before = header.copy()
        if port.kind == "External":
            if not vfp.arrival(self, port.switch):
                return
        elif port.endpoint is not None and not vfp.departure(self, port):
            return
        self._forward(port, before)

    def _acl(self, port: Port, direction: str) -> bool:
        """Whether the switch's own rules drop the packet at a port."""
        for rule in port.rules:
            if rule.layer in ("acl", "extended-acl") and matches(rule, self.header, direction):
                reason = ACL if rule.layer == "acl" else EXTENDED_ACL
                self.drop(port, direction, reason, f"rule '{rule.name}' of the port", rule.name)
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
            self.drop(source, _ingress_direction(source), NO_DESTINATION, "no port has that address")
            return
        clones = self.world.scenario.engine.clones_on_rewrite and rewrite_between(before, header) is not None
        way = _egress_direction(targets[0]) if len(targets) == 1 else "out"
        self.add(
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
        self.add(Kind.EGRESS, source, "out", targets=tuple(targets), source=source)
        self.end("split")
        parent = self.route
        for number, target in enumerate(targets):
            copy = Walk(self.world, self.host, header.copy(), self.now_ns)
            copy.delivered(source, target, is_new_nbl=number > 0)
            parent.branches.append(copy.route)

    def _egress(self, source: Port, target: Port, place: Port) -> None:
        """One destination: the frame on its way out, the policies there, and delivery."""
        header = self.header
        if target.kind != "External" and not _same_vlan(target, header):
            self.drop(
                target, "in", WRONG_VLAN, f"VLAN {header.vlan} is not VLAN {target.vlan} of the port", source=source
            )
            return
        self.add(Kind.EGRESS, place, _egress_direction(target), targets=(target,), source=source)
        if self._acl(target, "in"):
            return
        if not target.is_connected or (target.kind == "External" and not target.nic.cables):
            self.drop(target, "in", DISABLED, "the NIC is disabled", source=source)
            return
        if header.n_bytes > target.nic.mtu + 14 and not self.world.scenario.engine.has_large_send:
            self.drop(
                target,
                _egress_direction(target),
                TOO_BIG,
                f"{header.n_bytes - 14} bytes are more than the MTU {target.nic.mtu}",
                source=source,
            )
            return
        self.delivered(source, target)

    def delivered(self, source: Port, target: Port, *, is_new_nbl: bool = False) -> None:
        """The switch hands the packet to the NIC of a port, and on it goes."""
        self.add(
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
                nic = nic.cables[_hash(self.header) % len(nic.cables)]
            self.nic_out(nic)
            return
        self._faults(nic, "in")
        if nic.is_visible:
            self.add(Kind.NIC, nic, "in")
            assert nic.stack is not None
            stack_in(self, nic.stack, nic)
        else:
            self.end("guest", nic.stack)


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
