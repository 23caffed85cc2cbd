"""The network of a scenario as a tree for people."""

from __future__ import annotations

from wnv_lab.frames import ip_text
from wnv_lab.model import Host, Nic, Port
from wnv_lab.scenario import BUILDS
from wnv_lab.world import World


def render_world(world: World) -> str:
    """Hosts with their NICs, switches, VMs and containers; then the machines outside."""
    lines: list[str] = []
    for host in world.hosts:
        lines += _host(host)
    if world.peers:
        lines.append("outside")
        for at, peer in enumerate(world.peers):
            what = "router" if peer is world.router else "behind the router" if peer.remote_of is not None else "LAN"
            vlan = f", VLAN {peer.vlan}" if peer.vlan else ""
            lines.append(f"{_mark(at, world.peers)}{peer.name} {ip_text(peer.ifaces[0].address)} ({what}{vlan})")
    return "\n".join(lines)


def _mark(at: int, of: list[object] | list[Nic] | object) -> str:
    n = len(of) if isinstance(of, list) else 0
    return "└─ " if at == n - 1 else "├─ "


def _host(host: Host) -> list[str]:
    build = BUILDS.get(host.build, "Windows")
    lines = [f"{host.name} ({build}, build {host.build}, {host.n_processors} processors)"]
    parts: list[list[str]] = []
    parts += [
        [_nic(nic), *(f"member {member.name}" for member in nic.members)]
        for nic in host.nics
        if nic.kind in ("physical", "team")
    ]
    for switch in host.switches:
        uplink = (
            f", uplink {', '.join(n.name for n in switch.members) or switch.external.nic.name}"
            if switch.external
            else ""
        )
        nets = ", ".join(
            f"network {n.spec.name} ({n.spec.type}, {n.spec.subnet})" for n in host.networks if n.switch is switch
        )
        parts.append(
            [
                f"switch {switch.name} ({switch.kind}{uplink}){': ' + nets if nets else ''}",
                *(_port(port) for port in switch.ports if port.kind != "External"),
            ]
        )
    parts += [
        [
            f"NAT {nat.name[:11]}… {ip_text(nat.outside)}, ports {nat.first_port} to {nat.last_port}",
            *(
                f"port {port} goes to {ip_text(address)}:{inside}"
                for (_, port), (address, inside) in nat.mappings.items()
            ),
        ]
        for nat in host.nats
    ]
    for at, part in enumerate(parts):
        is_last = at == len(parts) - 1
        lines.append(("└─ " if is_last else "├─ ") + part[0])
        for below, text in enumerate(part[1:]):
            lines.append(("   " if is_last else "│  ") + ("└─ " if below == len(part) - 2 else "├─ ") + text)
    return lines


def _nic(nic: Nic) -> str:
    address = _address(nic)
    state = "" if nic.is_enabled else ", disabled"
    what = "team" if nic.members else "NIC"
    return f"{what} {nic.name}{' ' + address if address else ''} (ifIndex {nic.if_index}{state})"


def _address(nic: Nic) -> str:
    if nic.stack is None:
        return ""
    return next((ip_text(iface.address) for iface in nic.stack.ifaces if iface.nic is nic and iface.address), "")


def _port(port: Port) -> str:
    nic = port.nic
    notes = [f"VLAN {port.vlan}"] if port.vlan else []
    notes += [f"rule {rule.name or rule.layer}" for rule in port.rules]
    notes += ["not connected"] if not port.is_connected else []
    container = port.endpoint.container if port.endpoint is not None else None
    if container is not None:
        who = f"container {container.name}"
        notes.insert(0, f"compartment {container.compartment}" if container.compartment else "Hyper-V isolated")
    elif nic.kind == "vm":
        who = f"VM {nic.owner}"
    else:
        who = nic.name
    address = _address(nic)
    return f"{who}{' ' + address if address else ''}{' (' + ', '.join(notes) + ')' if notes else ''}"
