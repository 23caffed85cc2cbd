"""What-if: the way that a packet would take from one machine to another, and the rule that would stop it."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from wnv_lab.build import build_world
from wnv_lab.errors import LabError, unknown
from wnv_lab.frames import BROADCAST, ICMP, IPV4, mac_bytes, mac_text
from wnv_lab.model import Header, Host, Nic
from wnv_lab.rules import PROTOCOLS
from wnv_lab.scenario import Scenario
from wnv_lab.stack import Iface, Stack
from wnv_lab.stages import Kind, Route, Stage
from wnv_lab.traffic import plan
from wnv_lab.truth import place_of, rewrite_text
from wnv_lab.world import World, starts_hop

DEFAULT_BYTES = 74
"""Of a ping, and of most handshakes."""
WORDS = {
    Kind.NIC: "passes",
    Kind.RECEIVED: "enters the switch",
    Kind.INGRESS: "is seen on its way in",
    Kind.ROUTED: "is routed",
    Kind.EGRESS: "is seen on its way out",
    Kind.DELIVERED: "is delivered",
    Kind.NAT_SESSION: "NAT session",
    Kind.NAT_TRANSLATED: "is translated",
    Kind.NAT_FORWARDED: "is forwarded",
    Kind.NAT_SKIPPED: "is left to the host",
    Kind.VFP_RULE: "VFP rule",
    Kind.VFP_FLOW: "VFP flow",
    Kind.VFP_BINDING: "VFP binding",
    Kind.STACK: "is taken by the stack",
    Kind.DROP: "IS DROPPED",
    Kind.LOSS: "may vanish",
    Kind.DELAY: "is delayed",
}
ENDS = {
    "wire": "leaves the host by",
    "stack": "reaches",
    "guest": "reaches the NIC of",
    "drop": "ends here",
    "nobody": "is ignored",
    "split": "is copied",
}


@dataclass(frozen=True, slots=True)
class Leg:
    """The way through one host."""

    host: Host
    route: Route


def settled_world(scenario: Scenario, seed: int) -> World:
    """The machines after all that the scenario changes: addresses leased, late containers there, NICs gone."""
    world = build_world(scenario, seed)
    for traffic in scenario.traffic:
        if traffic.kind == "dhcp":
            plan(world, traffic)
    world.plan_changes()
    world.run()
    return world


def _group_mac(dst: bytes, iface: Iface) -> bytes:
    """The MAC of a broadcast or multicast address (RFC 1112); empty for one machine's."""
    subnet = (1 << 32 - iface.prefix) - 1
    number = int.from_bytes(dst, "big")
    if dst == b"\xff" * 4 or (iface.prefix < 31 and iface.holds(dst) and number & subnet == subnet):
        return BROADCAST
    if dst[0] >> 4 == 14:
        return mac_bytes("01-00-5E-00-00-00")[:3] + bytes((dst[1] & 0x7F, dst[2], dst[3]))
    return b""


def find_path(world: World, source: str, to: str, protocol: str, port: int, n_bytes: int = DEFAULT_BYTES) -> list[Leg]:
    """The legs of a packet's way, one a recorded host. `to` is a machine or an address, `n_bytes` the frame's."""
    if source not in world.stacks:
        raise unknown("the machine", source, world.stacks)
    if protocol not in PROTOCOLS:
        raise unknown("the protocol", protocol, PROTOCOLS)
    stack = world.stacks[source]
    try:
        dst = world.address_of(to)
    except ValueError as error:
        raise unknown("the machine or address", to, world.stacks) from error
    iface = stack.iface_for(dst)
    for name, address in ((source, iface.address), (to, dst)):
        if not address:
            raise LabError(f"{name} has no address", "give it one, or traffic of kind dhcp and a server that answers")
    number = PROTOCOLS[protocol]
    has_ports = number != ICMP
    header = Header(
        b"",
        iface.nic.mac,
        IPV4,
        0,
        number,
        iface.address,
        dst,
        49152 if has_ports else None,
        port if has_ports else None,
        n_bytes,
        128,
        True,
        8 if not has_ports else 0,
        1,
    )
    if stack.is_guest and stack.refuses(header, "out"):
        raise LabError(
            f"the firewall inside {source} stops it before it comes to the NIC", "the host sees nothing of it"
        )
    header.eth_dst = _group_mac(dst, iface)
    if stack.host is None:
        return _from_outside(world, stack, header)
    if not header.eth_dst:
        next_hop = dst if iface.holds(dst) or not iface.gateway else iface.gateway
        header.eth_dst = world.neighbour(stack, next_hop, iface.nic)
    return _follow(world, [Leg(stack.host, world.walk(stack.host, "out", iface.nic, header, stack))])


def _from_outside(world: World, stack: Stack, header: Header) -> list[Leg]:
    near = world.router if stack.remote_of is not None else stack
    if near is None:
        raise LabError(f"{stack.name} is behind a router that the scenario does not have")
    header.eth_src = near.ifaces[0].nic.mac
    header.eth_dst = header.eth_dst or world.neighbour(near, header.dst, near.ifaces[0].nic)
    header.vlan = near.vlan
    found = _uplink(world, header, None)
    if found is None:
        raise LabError(f"no host has {header.text()}", "choose a machine or address of a recorded host")
    return _follow(world, [Leg(found.host, world.walk(found.host, "wire", found, header, None))])


def _uplink(world: World, header: Header, but: Host | None) -> Nic | None:
    address = header.outer_eth_dst or header.eth_dst
    for host in world.hosts:
        for nic in host.nics:
            base = nic.team or nic
            taken = base.switch is not None and base.switch.port_of_mac(address) is not None
            is_for_it = taken or address[0] & 1 or address in (nic.mac, base.mac)
            if nic.kind == "physical" and nic.cables and host is not but and is_for_it:
                return nic.cables[crc32(header.eth_src) % len(nic.cables)]
    return None


def _follow(world: World, legs: list[Leg]) -> list[Leg]:
    route = legs[-1].route
    if route.end == "wire" and route.header is not None:
        nic = _uplink(world, route.header, legs[-1].host)
        if nic is not None:
            return _follow(world, [*legs, Leg(nic.host, world.walk(nic.host, "wire", nic, route.header.copy(), None))])
    return legs


def render_path(legs: list[Leg], verbosity: str) -> str:
    """The legs for people: minimal names the end, summary a line a hop, detailed a line a stage and all headers."""
    lines: list[str] = []
    for leg in legs:
        start = leg.route.start
        lines.append(f"{leg.host.name}: {start.text()}")
        if verbosity != "minimal":
            _render(leg.route, verbosity, lines, "  ")
        _render_end(leg.route, lines, "  ")
    return "\n".join(lines)


def _render(route: Route, verbosity: str, lines: list[str], indent: str) -> None:
    number = 0
    for stage in route.stages:
        starts = starts_hop(stage, route)
        number += starts
        point, _, _, _, _ = place_of(stage)
        change = rewrite_text(stage.before, stage.header)
        if verbosity == "summary":
            if starts or stage.kind in (Kind.LOSS, Kind.DELAY):
                said = _reason(stage) or change or ""
                lines.append(f"{indent}{number:2} {stage.direction:3} {point}{': ' + said if said else ''}")
            continue
        lines.append(
            f"{indent}{number:2} {stage.direction:3} {point}: {WORDS[stage.kind]}"
            f"{' (' + stage.note + ')' if stage.note else ''}"
        )
        header = stage.header
        lines.append(
            f"{indent}        {mac_text(header.outer_eth_src or header.eth_src)} → "
            f"{mac_text(header.outer_eth_dst or header.eth_dst)}"
            f"{f', VLAN {header.vlan}' if header.vlan else ''}, {header.text()}"
        )
        if change:
            lines.append(f"{indent}        changed: {change}")


def _reason(stage: Stage) -> str:
    if stage.reason is None:
        return stage.note if stage.kind in (Kind.LOSS, Kind.DELAY) else ""
    return f"dropped, {stage.reason.name}: {stage.note}"


def _render_end(route: Route, lines: list[str], indent: str) -> None:
    if route.end == "split":
        for number, branch in enumerate(route.branches):
            lines.append(f"{indent}copy {number + 1}")
            _render(branch, "summary", lines, indent + "  ")
            _render_end(branch, lines, indent + "  ")
        return
    target = route.target
    name = target.name if isinstance(target, (Nic, Stack)) else ""
    if route.end == "drop":
        stage = route.stages[-1]
        name = _reason(stage)
    lines.append(f"{indent}=> {ENDS[route.end]}{' ' + name if name else ''}")
