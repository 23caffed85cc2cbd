"""The inventory of a host: what PowerShell says of its network, as JSON. Format: docs/formats/inventory.md."""

from __future__ import annotations

from datetime import UTC, datetime

from wnv_lab.frames import ip_text, mac_text
from wnv_lab.model import Container, Endpoint, Host, Network, Nic, Port
from wnv_lab.winnat import WinNat

FORMAT = "wnv-inventory/1"
HNS_TYPES = {"nat": "NAT", "transparent": "Transparent", "l2bridge": "L2Bridge", "overlay": "Overlay", "ics": "ICS"}
PROTOCOL_NAMES = {6: "TCP", 17: "UDP"}
Row = dict[str, object]


def inventory(host: Host, collected_ns: int) -> Row:
    """All of it, the sections in the order of the format's page."""
    collected = datetime.fromtimestamp(collected_ns // 1_000_000_000, UTC)
    return {
        "format": FORMAT,
        "computer": {
            "Name": host.name,
            "OsBuild": host.build,
            "IsVirtual": host.spec.is_virtual,
            "CollectedUtc": collected.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "adapters": [_adapter(nic) for nic in host.nics],
        "teams": [_team(nic) for nic in host.nics if nic.members],
        "switches": [
            {
                "Name": switch.name,
                "Id": switch.guid.lower(),
                "SwitchType": switch.kind.capitalize(),
                "NetAdapterInterfaceDescription": switch.external.nic.description if switch.external else "",
                "NetAdapterNames": [
                    nic.name for nic in switch.members or ((switch.external.nic,) if switch.external else ())
                ],
                "AllowManagementOS": switch.management is not None,
                "EmbeddedTeamingEnabled": bool(switch.members),
            }
            for switch in host.switches
        ],
        "switch_ports": [_port(port) for switch in host.switches for port in switch.ports],
        "vms": [
            {"Name": vm.name, "Id": vm.guid.lower(), "State": "Running", "IsUtility": vm.is_utility} for vm in host.vms
        ],
        "containers": [_container(container) for container in host.containers],
        "compartments": _compartments(host),
        "interfaces": [
            {
                "ifIndex": nic.if_index,
                "InterfaceAlias": nic.name,
                "AddressFamily": "IPv4",
                "CompartmentId": nic.stack.compartment,
                "NlMtu": nic.mtu,
                "ConnectionState": "Connected",
            }
            for nic in host.nics
            if nic.stack is not None
        ],
        "addresses": [
            {
                "IPAddress": ip_text(iface.address),
                "PrefixLength": iface.prefix,
                "ifIndex": nic.if_index,
                "InterfaceAlias": nic.name,
                "CompartmentId": nic.stack.compartment,
            }
            for nic in host.nics
            if nic.stack is not None
            for iface in nic.stack.ifaces
            if iface.nic is nic and iface.address
        ],
        "routes": [
            {
                "DestinationPrefix": "0.0.0.0/0",
                "NextHop": ip_text(iface.gateway),
                "ifIndex": nic.if_index,
                "CompartmentId": nic.stack.compartment,
            }
            for nic in host.nics
            if nic.stack is not None
            for iface in nic.stack.ifaces
            if iface.nic is nic and iface.gateway
        ],
        "hns_networks": [network_json(network) for network in host.networks],
        "hns_endpoints": [endpoint_json(endpoint) for network in host.networks for endpoint in network.endpoints],
        "hns_namespaces": _namespaces(host),
        "nats": [
            {
                "Name": nat.name,
                "InternalIPInterfaceAddressPrefix": f"{ip_text(nat.subnet)}/{nat.prefix}",
                "ExternalIPInterfaceAddressPrefix": "",
                "Active": True,
            }
            for nat in host.nats
        ],
        "nat_external_addresses": [
            {
                "NatName": nat.name,
                "IPAddress": ip_text(nat.outside),
                "PortStart": nat.first_port,
                "PortEnd": nat.last_port,
            }
            for nat in host.nats
        ],
        "nat_static_mappings": [row for nat in host.nats for row in _mappings(nat)],
        "wfp_filters": [
            {
                "FilterId": 70_000 + stack.compartment,
                "Name": rule.name or "block",
                "Action": "Block",
                "CompartmentId": stack.compartment,
            }
            for stack in host.stacks
            for rule in stack.rules
        ],
        "vfp_rules": [
            {
                "PortName": port.name,
                "Layer": "ACL_ENDPOINT_LAYER",
                "Group": "ACL_GROUP",
                "Rule": rule.name or "BLOCK",
                "Direction": rule.direction,
                "Action": "block",
            }
            for switch in host.switches
            for port in switch.ports
            for rule in port.rules
            if rule.layer == "vfp"
        ],
    }


def _adapter(nic: Nic) -> Row:
    return {
        "Name": nic.name,
        "InterfaceDescription": nic.description,
        "ifIndex": nic.if_index,
        "InterfaceGuid": f"{{{nic.guid}}}",
        "MacAddress": mac_text(nic.mac),
        "Status": "Up" if nic.is_enabled else "Disabled",
        "MtuSize": nic.mtu,
        "Virtual": nic.kind != "physical",
        "VlanID": nic.vlan or None,
        "Filters": [{"Name": layer.name, "ifIndex": layer.if_index} for layer in nic.layers],
    }


def _team(nic: Nic) -> Row:
    spec = next(team for team in nic.host.spec.team if team.name == nic.name)
    return {
        "Name": nic.name,
        "Members": [member.name for member in nic.members],
        "TeamNics": [nic.name],
        "TeamingMode": spec.mode,
        "LoadBalancingAlgorithm": spec.balancing,
        "Status": "Up",
    }


def _port(port: Port) -> Row:
    nic = port.nic
    vm = next((vm for vm in nic.host.vms if vm.nic is nic), None)
    return {
        "SwitchName": port.switch.name,
        "SwitchId": port.switch.guid.lower(),
        "PortId": port.port_id,
        "PortName": port.name,
        "PortFriendlyName": port.friendly,
        "NicName": nic.nic_name,
        "NicFriendlyName": nic.friendly,
        "NicType": port.kind,
        "MacAddress": mac_text(nic.mac),
        "VlanId": port.vlan,
        "VMName": vm.name if vm is not None else None,
        "VMId": vm.guid.lower() if vm is not None else None,
        "MacAddressSpoofing": port.may_spoof,
        "DhcpGuard": port.has_dhcp_guard,
        "Connected": port.is_connected,
        "HasSriov": nic.has_sriov,
        "Acls": [
            {"Name": rule.name, "Layer": rule.layer, "Direction": rule.direction, "Action": "Deny"}
            for rule in port.rules
            if rule.layer in ("acl", "extended-acl")
        ],
    }


def _container(container: Container) -> Row:
    return {
        "Id": container.container_id,
        "Name": container.name,
        "Isolation": "Process" if container.isolation == "process" else "HyperV",
        "Image": container.image,
        "ProcessId": container.pid or None,
        "CompartmentId": container.compartment or None,
        "UtilityVmId": container.vm_id.lower() or None,
        "NamespaceId": container.namespace.lower(),
        "EndpointIds": [container.endpoint.guid.lower()],
        "Pod": container.pod or None,
    }


def _compartments(host: Host) -> list[Row]:
    made: list[Row] = [
        {
            "CompartmentId": 1,
            "CompartmentDescription": "Default Compartment",
            "CompartmentGuid": "{B1062982-2B18-4B4F-B3D5-A78DDB9CDD49}",
        }
    ]
    made += [
        {
            "CompartmentId": c.compartment,
            "CompartmentDescription": f"\\Container_{c.container_id}",
            "CompartmentGuid": f"{{{c.namespace}}}",
        }
        for c in host.containers
        if c.compartment
    ]
    return made


def _namespaces(host: Host) -> list[Row]:
    return [
        {
            "ID": c.namespace.lower(),
            "CompartmentId": c.compartment,
            "IsDefault": False,
            "Endpoints": [c.endpoint.guid.lower()],
            "Containers": [c.container_id],
        }
        for c in host.containers
    ]


def network_json(network: Network) -> Row:
    """A network as HNS states it."""
    spec = network.spec
    policies: list[Row] = []
    if spec.type == "overlay":
        policies.append({"Type": "VSID", "VSID": spec.vni})
    if spec.vlan:
        policies.append({"Type": "VLAN", "VLAN": spec.vlan})
    host = network.switch.host
    return {
        "ID": network.guid.lower(),
        "Name": spec.name,
        "Type": HNS_TYPES[spec.type],
        "Subnets": [{"AddressPrefix": spec.subnet, "GatewayAddress": ip_text(network.gateway), "Policies": policies}],
        "ManagementIP": ip_text(host.uplink_address) if host.uplink_address else "",
        "SwitchName": network.switch.name,
        "SwitchGuid": network.switch.guid.lower(),
        "NatName": network.nat.name if network.nat is not None and spec.type in ("nat", "ics") else "",
        "CurrentEndpointCount": len(network.endpoints),
    }


def endpoint_json(endpoint: Endpoint) -> Row:
    """An endpoint as HNS states it, with the port that ties it to its switch."""
    network, port, container = endpoint.network, endpoint.nic.port, endpoint.container
    policies: list[Row] = []
    if container is not None:
        policies += [
            {
                "Type": "PortMapping",
                "Protocol": PROTOCOL_NAMES[protocol],
                "ExternalPort": outside,
                "InternalPort": inside,
            }
            for protocol, outside, inside in container.publish
        ]
    if network.spec.type in ("l2bridge", "overlay") and network.spec.has_outbound_nat:
        policies.append({"Type": "OutBoundNAT", "Exceptions": list(network.spec.exceptions)})
    rules = port.rules if port is not None else ()
    policies += [
        {
            "Type": "ACL",
            "Id": rule.name,
            "Action": "Block",
            "Direction": rule.direction.capitalize(),
            "RuleType": "Host" if rule.layer == "firewall" else "Switch",
        }
        for rule in rules
    ]
    return {
        "ID": endpoint.guid.lower(),
        "Name": container.name if container is not None else "",
        "VirtualNetwork": network.guid.lower(),
        "VirtualNetworkName": network.spec.name,
        "Type": HNS_TYPES[network.spec.type],
        "IPAddress": ip_text(endpoint.address),
        "PrefixLength": network.prefix,
        "MacAddress": mac_text(endpoint.nic.mac),
        "GatewayAddress": ip_text(network.gateway),
        "Policies": policies,
        "SharedContainers": [container.container_id] if container is not None else [],
        "Namespace": {"ID": container.namespace.lower(), "CompartmentId": container.compartment}
        if container is not None
        else None,
        "Resources": {
            "Allocators": [
                {
                    "Tag": "Endpoint Port",
                    "SwitchId": network.switch.guid.lower(),
                    "EndpointPortGuid": port.name.lower() if port is not None else "",
                }
            ]
        },
    }


def _mappings(nat: WinNat) -> list[Row]:
    return [
        {
            "NatName": nat.name,
            "Protocol": PROTOCOL_NAMES[protocol],
            "ExternalIPAddress": ip_text(nat.outside),
            "ExternalPort": port,
            "InternalIPAddress": ip_text(address),
            "InternalPort": inside,
        }
        for (protocol, port), (address, inside) in nat.mappings.items()
    ]


def topology(
    hosts: list[Host], first_ns: int, last_ns: int, disconnections: list[tuple[Port, int]]
) -> dict[str, list[Row]]:
    """Nodes and edges of all hosts, with the time over which each was there."""
    ended = {(port.switch.host.name, port.point): ns for port, ns in disconnections}
    nodes: list[Row] = []
    edges: list[Row] = []
    born_ns: dict[tuple[str, str], int] = {}
    for host in hosts:
        for container in (c for c in host.containers if c.starts_ns):
            nic = container.endpoint.nic
            names = (container.name, nic.point, nic.port.point if nic.port is not None else "")
            born_ns |= {(host.name, name): container.starts_ns for name in names}

    def node(host: Host, kind: str, name: str, guid: str, **more: object) -> None:
        born = born_ns.get((host.name, name), 0)
        nodes.append(
            {
                "host": host.name,
                "kind": kind,
                "name": name,
                "guid": guid,
                "if_index": more.get("if_index"),
                "mac": more.get("mac"),
                "address": more.get("address"),
                "compartment": more.get("compartment"),
                "first_ns": first_ns + born + host.skew_ns,
                "last_ns": last_ns + host.skew_ns,
            }
        )

    def edge(host: Host, kind: str, source: str, target: str) -> None:
        born = max(born_ns.get((host.name, source), 0), born_ns.get((host.name, target), 0))
        edges.append(
            {
                "host": host.name,
                "kind": kind,
                "source": source,
                "target": target,
                "first_ns": first_ns + born + host.skew_ns,
                "last_ns": ended.get((host.name, target), last_ns) + host.skew_ns
                if kind == "connected_to"
                else last_ns + host.skew_ns,
            }
        )

    for host in hosts:
        node(host, "host", host.name, "")
        for nic in host.nics:
            node(
                host,
                f"{nic.kind}_nic",
                nic.point,
                nic.guid,
                if_index=nic.if_index,
                mac=mac_text(nic.mac),
                compartment=nic.stack.compartment if nic.stack is not None else None,
                address=_address_on(nic),
            )
            for member in nic.members:
                edge(host, "member_of", member.point, nic.point)
        for switch in host.switches:
            node(host, "vswitch", switch.name, switch.guid, if_index=switch.if_index)
            for port in switch.ports:
                node(host, "port", port.point, port.name)
                edge(host, "port_of", port.point, switch.name)
                edge(host, "connected_to", port.nic.point, port.point)
            for member in switch.members:
                edge(host, "member_of", member.point, switch.name)
        for network in host.networks:
            node(host, "network", network.spec.name, network.guid)
            edge(host, "uses", network.spec.name, network.switch.name)
        for nat in host.nats:
            node(host, "nat", nat.point, "", address=ip_text(nat.outside))
        for vm in host.vms:
            node(
                host,
                "utility_vm" if vm.is_utility else "vm",
                vm.name,
                vm.guid,
                mac=mac_text(vm.nic.mac),
                address=ip_text(vm.address) if vm.address else None,
            )
            edge(host, "nic_of", vm.nic.point, vm.name)
        for container in host.containers:
            node(
                host,
                "container",
                container.name,
                container.container_id,
                compartment=container.compartment or None,
                address=ip_text(container.endpoint.address),
            )
            edge(host, "nic_of", container.endpoint.nic.point, container.name)
            edge(host, "attached_to", container.name, container.endpoint.network.spec.name)
    return {"nodes": nodes, "edges": edges}


def _address_on(nic: Nic) -> str | None:
    stack = nic.stack
    found = next((iface.address for iface in stack.ifaces if iface.nic is nic), b"") if stack is not None else b""
    return ip_text(found) if found else None
