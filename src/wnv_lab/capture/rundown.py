"""What a session logs beside packets: of the host when it begins, and of a container that starts later."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

from wnv_lab.etl.writer import EventKind
from wnv_lab.events import hns, lbfo, ndiscap, tcpip, vmswitch, winnat
from wnv_lab.events.fields import Named, Socket
from wnv_lab.frames import ip_text
from wnv_lab.inventory import endpoint_json, network_json
from wnv_lab.model import Host, Nic, Port, VSwitch
from wnv_lab.scenario import CaptureSpec, DoubtSpec

FIRST_WINNAT_BUILD = 17763
"""No manifest of an older build is known; there the lab writes what is common to all since."""
Logged = tuple[EventKind, bytes]


def nic_named(nic: Nic) -> Named:
    """A NIC as the switch calls it."""
    return Named(nic.nic_name, nic.friendly)


def switch_named(switch: VSwitch) -> Named:
    """A switch as its events call it."""
    return Named(switch.guid, switch.name)


def port_named(port: Port) -> Named:
    """A port as its events call it."""
    return Named(port.name, port.friendly)


def rundown(host: Host, capture: CaptureSpec, doubts: DoubtSpec) -> list[Logged]:
    """Rules of the capture, NICs with their layers, interfaces, NATs, teams; HNS as the snapshot asks it."""
    snap = capture.truncate_bytes
    rules = [(ndiscap.RULE_TRUNCATE_BYTES, ndiscap.DIRECTIVE_LTE, snap.to_bytes(4, "little"))] if snap else []
    if capture.is_multilayer:
        rules.append((ndiscap.RULE_MULTI_LAYER, ndiscap.DIRECTIVE_LTE, b"\x01\0\0\0"))
    if capture.address:
        rules.append((ndiscap.RULE_ANY_IPV4, ndiscap.DIRECTIVE_EQU, IPv4Address(capture.address).packed))
    events: list[Logged] = [(ndiscap.KIND_1011, ndiscap.rules_count(len(rules)))]
    events += [
        (ndiscap.KIND_1016, ndiscap.rule(rule_id=number, directive=directive, value=value))
        for number, directive, value in rules
    ]
    events += _layers(host, capture)
    providers = capture.providers
    if "tcpip" in providers:
        events += _interfaces(host)
    if "winnat" in providers:
        events += _nats(host, doubts)
    if "hns" in providers:
        events += _networks(host)
    if "lbfo" in providers:
        events += [
            (lbfo.KIND_13, lbfo.membership(team_nic=team.if_index, member=f"{{{member.guid}}}"))
            for team in host.nics
            for member in team.members
        ]
    return events


def arrival(port: Port, capture: CaptureSpec) -> list[Logged]:
    """A container has started: its port and NIC at the switch, its endpoint at HNS, the capture driver on its NIC."""
    events: list[Logged] = []
    endpoint, nic = port.endpoint, port.nic
    if "hns" in capture.providers and endpoint is not None:
        created = hns.entity(
            entity_type=hns.ENTITY_ENDPOINT,
            entity_id=endpoint.guid,
            operation_type=hns.OPERATION_CREATE,
            settings=json.dumps(endpoint_json(endpoint)),
        )
        events.append((hns.KIND_1041, created))
    if "vmswitch" in capture.providers:
        named = port_named(port), switch_named(port.switch)
        events.append((vmswitch.KIND_67, vmswitch.port_event(*named)))
        events.append((vmswitch.KIND_232, vmswitch.connection(nic_named(nic), *named)))
    if nic.is_visible and capture.points == "both":
        attached = ndiscap.layer(miniport_if_index=nic.if_index, lower_if_index=nic.if_index)
        events.append((ndiscap.KIND_1014, attached))
    return events


def _present(host: Host) -> list[Nic]:
    """The NICs that are there when the session begins."""
    return [nic for nic in host.nics if host.starting(nic) is None]


def _layers(host: Host, capture: CaptureSpec) -> list[Logged]:
    events: list[Logged] = []
    for nic in _present(host):
        above = [layer.if_index for layer in reversed(nic.layers)] if capture.is_multilayer else []
        for lower in [nic.if_index, *above]:
            events.append((ndiscap.KIND_1014, ndiscap.layer(miniport_if_index=nic.if_index, lower_if_index=lower)))
        source = ndiscap.source(
            source_id=ndiscap.SOURCE_NDIS,
            source_name=nic.description if nic.kind == "physical" else nic.name,
            if_index=nic.if_index,
            layers=[
                (nic.if_index, nic.description),
                *((layer.if_index, layer.name) for layer in reversed(nic.layers)),
            ],
        )
        events.append((ndiscap.KIND_5101, source))
    if capture.points != "physical":
        for switch in host.switches:
            source = ndiscap.source(
                source_id=ndiscap.SOURCE_VM_SWITCH, source_name=switch.name, if_index=switch.if_index
            )
            events.append((ndiscap.KIND_5101, source))
    return events


def _interfaces(host: Host) -> list[Logged]:
    kind = tcpip.interface_rundown_kind(host.build)
    if kind is None:
        return []
    events: list[Logged] = []
    for nic in _present(host):
        if nic.stack is not None:
            interface = tcpip.interface_rundown(
                if_index=nic.if_index,
                if_luid=tcpip.luid(tcpip.IF_TYPE_ETHERNET, 0x8000 + nic.if_index),
                alias=nic.name,
                mac_address=nic.mac,
                compartment_id=nic.stack.compartment,
                version=kind.version,
            )
            events.append((kind, interface))
    return events


def _nats(host: Host, doubts: DoubtSpec) -> list[Logged]:
    events: list[Logged] = []
    if host.build < FIRST_WINNAT_BUILD:
        return events
    for nat in host.nats:
        if nat.is_ics and doubts.ics_events != "winnat":
            continue
        instance = winnat.instance(
            name=nat.name,
            prefix=ip_text(nat.subnet),
            prefix_length=nat.prefix,
            external_if_index=nat.external.if_index,
            instance_type=1,
        )
        outside = ip_text(nat.outside)
        pool = winnat.external_address(
            instance_name=nat.name, address=outside, first_port=nat.first_port, last_port=nat.last_port
        )
        events += [(winnat.KIND_1023_V1, instance), (winnat.KIND_1026, pool)]
        for (protocol, port), (address, inside) in nat.mappings.items():
            mapping = winnat.static_mapping(
                instance_name=nat.name,
                protocol=protocol,
                external=Socket(outside, port),
                internal=Socket(ip_text(address), inside),
            )
            events.append((winnat.KIND_1029, mapping))
    return events


def _networks(host: Host) -> list[Logged]:
    """HNS answers the snapshot that the capture takes of it."""
    asked = [("networks", network.guid, network_json(network)) for network in host.networks]
    asked += [
        ("endpoints", endpoint.guid, endpoint_json(endpoint))
        for network in host.networks
        for endpoint in network.endpoints
        if host.starting(endpoint.nic) is None
    ]
    return [
        (hns.KIND_1055, hns.request(request="GET", entity=entity, entity_id=guid, data=json.dumps(data)))
        for entity, guid, data in asked
    ]
