"""The host's stack and WinNat: what they do to a packet (docs/reference/lab-paths.md, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wnv_lab.frames import ICMP, IPV4, UDP
from wnv_lab.model import Header, Nic
from wnv_lab.rules import FIREWALL_IN, FIREWALL_OUT, NOT_LOCAL, matches
from wnv_lab.stages import Kind, Reason
from wnv_lab.winnat import REASONS, Session, WinNat

if TYPE_CHECKING:
    from wnv_lab.forwarding import Walk
    from wnv_lab.stack import Stack


def stack_out(walk: Walk, stack: Stack, nic: Nic) -> None:
    """A stack of this host sends: its firewall, then the NIC."""
    if nic.is_visible:
        for rule in stack.rules:
            if rule.layer == "firewall" and matches(rule, walk.header, "out"):
                walk.drop(stack, "out", FIREWALL_OUT, f"firewall rule '{rule.name}'", rule.name)
                return
    walk.nic_out(nic)


def stack_in(walk: Walk, stack: Stack, nic: Nic) -> None:
    """A stack of this host takes a frame from a NIC."""
    header = walk.header
    if header.ethertype != IPV4 or header.is_group or (header.protocol == UDP and header.dport in (67, 68)):
        walk.end("stack", stack)
        return
    if header.eth_dst != nic.mac:
        walk.end("nobody", stack)  # flooded here; the stack's filter ignores it
        return
    is_local = header.dst in stack.addresses
    nats = walk.host.nats if stack is walk.host.stack else []
    if is_local:
        for nat in nats:
            if header.dst == nat.outside and nic is not nat.internal and _nat_inbound(walk, nat, stack, nic):
                return
        if nats and header.dst == nats[0].outside and nic is nats[0].external and not nats[0].is_ics:
            walk.add(
                Kind.NAT_SKIPPED,
                nats[0],
                "in",
                arrival=nic,
                service="nat",
                note="no session and no mapping: left to the host",
            )
        _local(walk, stack)
        return
    for nat in nats:
        if nic is nat.internal:
            _nat_outbound(walk, nat, stack, nic)
            return
    walk.drop(stack, "in", NOT_LOCAL, "not one of its addresses")


def _local(walk: Walk, stack: Stack) -> None:
    for rule in stack.rules:
        if rule.layer == "firewall" and matches(rule, walk.header, "in"):
            walk.drop(stack, "in", FIREWALL_IN, f"firewall rule '{rule.name}'", rule.name)
            return
    walk.add(Kind.STACK, stack, "in", service="stack", note=f"compartment {stack.compartment}")
    walk.end("stack", stack)


def _nat_outbound(walk: Walk, nat: WinNat, stack: Stack, nic: Nic) -> None:
    header = walk.header
    endpoint = next((e for n in walk.host.networks for e in n.endpoints if e.address == header.src), None)
    compartment = endpoint.container.compartment if endpoint and endpoint.container else 1
    session, is_new = nat.outbound(header, compartment or 1, walk.now_ns)
    if session is None:
        walk.drop(
            nat,
            "out",
            Reason(REASONS[14], 1314, 0xE0007002, "winnat"),
            "no port of the pool is free",
            arrival=nic,
            forward=nat.external,
        )
        return
    _nat_session(walk, nat, session, is_new, "out")
    before = header.copy()
    header.src = session.outside_src
    if header.protocol == ICMP:
        header.ident = session.outside_sport
    else:
        header.sport = session.outside_sport
    _translated(walk, nat, session, before, "out", nic, stack)


def _nat_inbound(walk: Walk, nat: WinNat, stack: Stack, nic: Nic) -> bool:
    header = walk.header
    session, is_new = nat.inbound(
        header,
        {
            e.address: e.container.compartment
            for n in walk.host.networks
            for e in n.endpoints
            if e.container is not None
        },
        walk.now_ns,
    )
    if session is None:
        return False
    _nat_session(walk, nat, session, is_new, "in")
    before = header.copy()
    header.dst = session.inside_src
    if header.protocol == ICMP:
        header.ident = session.inside_sport
    else:
        header.dport = session.inside_sport
    _translated(walk, nat, session, before, "in", nic, stack)
    return True


def _nat_session(walk: Walk, nat: WinNat, session: Session, is_new: bool, direction: str) -> None:
    if is_new:
        walk.add(
            Kind.NAT_SESSION,
            nat,
            direction,
            session=session,
            is_first_only=True,
            service="nat",
            note=f"{session.kind} session, outside port {session.outside_sport}",
        )
        walk.world.truth_session(walk.host, session)


def _translated(
    walk: Walk, nat: WinNat, session: Session, before: Header, direction: str, nic: Nic, stack: Stack
) -> None:
    """WinNat has a clone with other addresses, and the host's stack routes it."""
    header = walk.header
    header.ttl -= 1
    out = nat.external if direction == "out" else nat.internal
    next_hop = stack.next_hop(header.dst, out)
    header.eth_src, header.eth_dst = out.mac, walk.world.neighbour(stack, next_hop, out)
    # The frame is rewritten once, where the clone is made; the forward event sees its final headers.
    walk.add(
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
    walk.add(Kind.NAT_FORWARDED, nat, direction, session=session, arrival=nic, forward=out)
    walk.nic_out(out)
