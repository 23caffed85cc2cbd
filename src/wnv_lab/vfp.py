"""VFP: what the layers of a switch port do to a packet (docs/reference/lab-paths.md, sections 4 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wnv_lab.frames import IPV4, TCP, UDP, VXLAN_OVERHEAD_BYTES
from wnv_lab.model import Endpoint, Network, Port, VSwitch
from wnv_lab.rules import VFP_BLOCKED, matches, prefix_range
from wnv_lab.stages import Kind

if TYPE_CHECKING:
    from wnv_lab.forwarding import Walk


def departure(walk: Walk, port: Port) -> bool:
    """The layers of a container's port, on what it sends; False if they drop it."""
    endpoint = port.endpoint
    assert endpoint is not None
    network = endpoint.network
    if network.spec.type not in ("l2bridge", "overlay") and not any(r.layer == "vfp" for r in port.rules):
        return True
    header = walk.header
    for rule in port.rules:
        if rule.layer == "vfp" and matches(rule, header, "out"):
            walk.add(
                Kind.VFP_RULE,
                port,
                "out",
                rule=rule.name or "BLOCK",
                is_first_only=True,
                reason=VFP_BLOCKED,
                note=f"rule '{rule.name}' blocks",
            )
            walk.drop(port, "out", VFP_BLOCKED, f"VFP rule '{rule.name}'", rule.name)
            return False
    if header.ethertype != IPV4 or header.is_group:
        return True
    walk.add(Kind.VFP_RULE, port, "out", rule="ALLOW_ALL", is_first_only=True, note="ACL layer: allowed")
    if network.spec.type == "l2bridge":
        _l2bridge_departure(walk, port, endpoint)
    elif network.spec.type == "overlay":
        _overlay_departure(walk, port, endpoint)
    walk.add(Kind.VFP_FLOW, port, "out", is_first_only=True, note="the flow is cached")
    return True


def _l2bridge_departure(walk: Walk, port: Port, endpoint: Endpoint) -> None:
    header, network = walk.header, endpoint.network
    if port.switch.port_of_mac(header.eth_dst) is not None and network.holds(header.dst):
        return  # same host, same subnet: bridged
    header.eth_src = walk.host.uplink_mac
    _outbound_nat(walk, port, network)


def _outbound_nat(walk: Walk, port: Port, network: Network) -> None:
    """OutBoundNAT: TCP and UDP to addresses outside the exceptions leave with the host's address."""
    header = walk.header
    if not network.spec.has_outbound_nat or header.protocol not in (TCP, UDP) or network.nat is None:
        return
    number = int.from_bytes(header.dst, "big")
    if network.holds(header.dst) or any(number in prefix_range(prefix) for prefix in network.spec.exceptions):
        return
    session, is_new = network.nat.outbound(header, _compartment(port), walk.now_ns)
    if session is None:
        return
    if is_new:
        walk.add(
            Kind.VFP_BINDING,
            port,
            "out",
            session=session,
            is_first_only=True,
            note=f"OutBoundNAT takes port {session.outside_sport}",
        )
        walk.world.truth_session(walk.host, session)
    header.src, header.sport = session.outside_src, session.outside_sport


def _compartment(port: Port) -> int:
    endpoint = port.endpoint
    return endpoint.container.compartment if endpoint is not None and endpoint.container is not None else 1


def _overlay_departure(walk: Walk, port: Port, endpoint: Endpoint) -> None:
    header, network = walk.header, endpoint.network
    if port.switch.port_of_mac(header.eth_dst) is not None:
        return
    remote = walk.world.remote_endpoint(network, header.dst)
    if remote is None:
        header.eth_src, header.eth_dst = walk.host.uplink_mac, walk.world.gateway_mac(walk.host)
        _outbound_nat(walk, port, network)
        return
    there, nic_mac = remote
    header.eth_dst = nic_mac
    header.outer_src, header.outer_dst = walk.host.uplink_address, there.uplink_address
    header.outer_eth_src, header.outer_eth_dst = walk.host.uplink_mac, there.uplink_mac
    header.vni = network.spec.vni
    header.n_bytes += VXLAN_OVERHEAD_BYTES


def arrival(walk: Walk, switch: VSwitch) -> bool:
    """The layers of the external port, on what comes from outside; False if they drop it."""
    header = walk.header
    networks = [n for n in walk.host.networks if n.switch is switch and n.spec.type in ("l2bridge", "overlay")]
    if header.ethertype != IPV4 or not networks or header.is_group:
        return True
    external = switch.external
    assert external is not None
    if header.vni:
        network = next((n for n in networks if n.spec.vni == header.vni), None)
        if network is None or header.outer_dst != walk.host.uplink_address:
            return True
        header.outer_src = header.outer_dst = header.outer_eth_src = header.outer_eth_dst = b""
        header.vni = 0
        header.n_bytes -= VXLAN_OVERHEAD_BYTES
        walk.add(Kind.VFP_FLOW, external, "in", is_first_only=True, note="decapsulated")
        walk.header = header
        return _inbound_rules(walk, network)
    for network in networks:
        if network.nat is not None and header.dst == walk.host.uplink_address:
            session, _ = network.nat.inbound(header, {}, walk.now_ns)
            if session is not None:
                header.dst, header.dport = session.inside_src, session.inside_sport
                walk.add(
                    Kind.VFP_FLOW,
                    external,
                    "in",
                    is_first_only=True,
                    session=session,
                    note="OutBoundNAT, the way back",
                )
        if network.holds(header.dst):
            endpoint = next((e for e in network.endpoints if e.address == header.dst), None)
            if endpoint is not None and header.eth_dst == walk.host.uplink_mac:
                header.eth_dst = endpoint.nic.mac
                if network.spec.type == "overlay":
                    header.eth_src = network.gateway_mac  # to a pod all that is outside is behind its gateway
                return _inbound_rules(walk, network)
    return True


def _inbound_rules(walk: Walk, network: Network) -> bool:
    endpoint = next((e for e in network.endpoints if e.address == walk.header.dst), None)
    port = endpoint.nic.port if endpoint is not None else None
    if port is None:
        return True
    for rule in port.rules:
        if rule.layer == "vfp" and matches(rule, walk.header, "in"):
            walk.add(
                Kind.VFP_RULE,
                port,
                "in",
                rule=rule.name or "BLOCK",
                is_first_only=True,
                reason=VFP_BLOCKED,
                note=f"rule '{rule.name}' blocks",
            )
            walk.drop(port, "in", VFP_BLOCKED, f"VFP rule '{rule.name}'", rule.name)
            return False
    return True
