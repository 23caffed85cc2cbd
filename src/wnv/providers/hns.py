"""Microsoft-Windows-Host-Network-Service: networks, endpoints, namespaces, mostly as JSON in the events.

The shapes are those of HNS (version 1) and HCN (version 2), as hcsshim defines them; an inventory has the same. The
numbers of entity, operation and resource types are in no dump, so what an object is follows from its fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from wnv.providers.facts import Change, Fact, Facts, Fields, Ref, Thing, guid_of, mac_of, name_of

GUID: Final = "0c885e0d-6eb6-476c-a048-2457eed3a5c1"
_ENTITIES: Final = frozenset(range(1040, 1052))
_REQUEST: Final = 1055
_ATTACHMENTS: Final = frozenset({1016, 1056, 1057})
IDS: Final = frozenset({*_ENTITIES, _REQUEST, *_ATTACHMENTS})
_JSON_LENGTH_MAX: Final = 1 << 20
_LIST_MAX: Final = 256
_REMOVALS: Final = frozenset({"delete", "remove"})
_NETWORK_TYPES: Final = frozenset({
    "nat", "transparent", "l2bridge", "l2tunnel", "ics", "private", "overlay", "internal",
})  # fmt: skip

Object: TypeAlias = dict[str, Any]  # Any: JSON


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event says of networks and endpoints. Raises `ValueError` where its JSON cannot be read."""
    if event_id in _ATTACHMENTS:
        endpoint = guid_of(fields.get("EndpointId", fields.get("Parameter2")))
        network = guid_of(fields.get("NetworkId", fields.get("Parameter1")))
        failed = fields.get("Result", fields.get("Parameter4"))
        if endpoint and network and not failed:
            yield Fact(endpoint_ref(endpoint), relation="on_network", target=network_ref(network))
        return
    if event_id in _ENTITIES and fields.get("Result"):
        return
    text = fields.get("Settings", fields.get("Data"))
    entity = guid_of(fields.get("EntityId", fields.get("Id")))
    request = name_of(fields.get("Request")).lower()
    said = name_of(fields.get("Entity")).lower()
    if request in _REMOVALS and entity:
        subject = endpoint_ref(entity) if "endpoint" in said else network_ref(entity) if "network" in said else None
        if subject:
            yield Fact(subject, change=Change.ENDED, confidence=0.9, reason="HNS was asked to remove it")
        return
    for one in parse_objects(text):
        yield from object_facts(one, entity)


def parse_objects(text: object) -> list[Object]:
    """The objects of a JSON text, of which there is one or a list; `ValueError` if it cannot be read."""
    if not isinstance(text, str) or not text.strip():
        return []
    if len(text) > _JSON_LENGTH_MAX:
        raise ValueError(f"JSON of {len(text)} characters")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    return objects(value)


def objects(value: object) -> list[Object]:
    """The objects in a JSON value: itself, or the items of a list."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items[:_LIST_MAX] if isinstance(item, dict)]


def object_facts(one: Object, entity: str = "") -> Facts:
    """What an object of HNS says, whatever it is. `entity`: GUID that the event names it by."""
    kind = name_of(get(one, "Type")).lower()
    if get(one, "VirtualNetwork", "HostComputeNetwork") is not None:
        yield from endpoint_facts(one, entity)
    elif kind in _NETWORK_TYPES:
        yield from network_facts(one, entity)
    elif get(one, "NamespaceId", "CompartmentId") is not None and get(one, "Resources") is not None:
        yield from namespace_facts(one)
    elif get(one, "ContainerID", "ContainerId") is not None and entity:
        yield from _attached(one, endpoint_ref(entity))


def get(one: Object, *names: str) -> Any:
    """The value of the first of these names that is there, whatever its capitals: HNS and HCN differ in them."""
    lower = {key.lower(): value for key, value in one.items()}
    return next((lower[name.lower()] for name in names if lower.get(name.lower()) is not None), None)


def network_ref(guid: str) -> Ref:
    return Ref(Thing.NETWORK, (("guid", guid),))


def endpoint_ref(guid: str) -> Ref:
    """The NIC that an HNS endpoint is."""
    return Ref(Thing.NIC, (("endpoint", guid),))


def container_ref(identifier: str) -> Ref:
    return Ref(Thing.CONTAINER, (("id", identifier.lower()),))


def network_facts(one: Object, entity: str = "") -> Facts:
    """A network: type, subnets, VLAN, VSID, the switch that carries it."""
    guid = guid_of(get(one, "ID", "Id")) or entity
    if not guid:
        return
    network = network_ref(guid)
    said: dict[str, Any] = {"friendly_name": name_of(get(one, "Name")), "type": name_of(get(one, "Type")).lower()}
    subnets = [subnet for subnet in _subnets(one) if subnet.get("prefix")]
    if subnets:
        said["subnets"] = [subnet["prefix"] for subnet in subnets]
        said["gateways"] = [subnet["gateway"] for subnet in subnets if subnet.get("gateway")]
    for policy in [*policies(one), *(policy for subnet in subnets for policy in subnet["policies"])]:
        said |= _isolation(policy)
    nat, address = name_of(get(one, "NatName")), name_of(get(one, "ManagementIP"))
    adapter = name_of(get(one, "NetworkAdapterName"))
    said |= {"management_ip": address} if address else {}
    said |= {"adapter": adapter} if adapter else {}
    yield Fact(network, {name: value for name, value in said.items() if value})
    if nat:
        yield Fact(Ref(Thing.NAT, (("name", nat.lower()),)), {"friendly_name": nat})
        yield Fact(Ref(Thing.NAT, (("name", nat.lower()),)), relation="translates", target=network)
    switch, switch_name = guid_of(get(one, "SwitchGuid")), name_of(get(one, "SwitchName"))
    if switch:
        where = Ref(Thing.VSWITCH, (("guid", switch),))
        yield Fact(where, {"friendly_name": switch_name} if switch_name else {})
        yield Fact(network, relation="carried_by", target=where)
    elif switch_name:
        yield Fact(network, {"switch_name": switch_name})
    for allocator in _allocators(one):
        yield from _host_side(allocator, network)


def _host_side(allocator: Object, network: Ref) -> Facts:
    """The host's own NIC on the network."""
    adapter = guid_of(get(allocator, "AdapterNetCfgInstanceId", "NetCfgInstanceId"))
    if adapter and "vnic" in name_of(get(allocator, "Tag")).lower():
        nic = Ref(Thing.NIC, (("guid", adapter),))
        yield Fact(nic, {"kind": "host_vnic"})
        yield Fact(nic, relation="on_network", target=network)


def _subnets(one: Object) -> Iterator[Object]:
    """Subnets of either version, in one form."""
    found = objects(get(one, "Subnets") or [])
    for pool in objects(get(one, "Ipams") or []):
        found += objects(get(pool, "Subnets") or [])
    for subnet in found[:_LIST_MAX]:
        routes = objects(get(subnet, "Routes") or [])
        gateway = get(subnet, "GatewayAddress") or next((get(route, "NextHop") for route in routes), "")
        yield {
            "prefix": name_of(get(subnet, "AddressPrefix", "IpAddressPrefix")), "gateway": name_of(gateway),
            "policies": policies(subnet),
        }  # fmt: skip


def policies(one: Object) -> list[Object]:
    """The policies of an object, each with its settings beside its type."""
    found = []
    for policy in objects(get(one, "Policies") or []):
        settings = get(policy, "Settings")
        found.append({**policy, **settings} if isinstance(settings, dict) else policy)
    return found


def _isolation(policy: Object) -> dict[str, Any]:
    kind = name_of(get(policy, "Type")).lower()
    number = get(policy, "VSID", "VLAN", "IsolationId")
    if kind in ("vlan", "vsid") and isinstance(number, int):
        return {kind: number}
    return {}


def _allocators(one: Object) -> list[Object]:
    resources = get(one, "Resources")
    return objects(get(resources, "Allocators") or []) if isinstance(resources, dict) else []


def endpoint_facts(one: Object, entity: str = "") -> Facts:
    """An endpoint: addresses, network, port, and who it belongs to."""
    guid = guid_of(get(one, "ID", "Id")) or entity
    if not guid:
        return
    nic = endpoint_ref(guid)
    configured = objects(get(one, "IpConfigurations") or [])
    addresses = [name_of(get(one, "IPAddress")), name_of(get(one, "IPv6Address"))]
    addresses += [name_of(get(each, "IpAddress")) for each in configured]
    gateway = name_of(get(one, "GatewayAddress"))
    said: dict[str, Any] = {
        "endpoint_name": name_of(get(one, "Name")), "mac": mac_of(get(one, "MacAddress")),
        "addresses": [address for address in addresses if address], "gateways": [gateway] if gateway else [],
        "policies": _policy_words(one),
    }  # fmt: skip
    for policy in policies(one):
        said |= _isolation(policy)
    if get(one, "IsRemoteEndpoint"):
        said["is_remote"] = True
    yield Fact(nic, {name: value for name, value in said.items() if value})
    network = guid_of(get(one, "VirtualNetwork", "HostComputeNetwork"))
    if network:
        name = name_of(get(one, "VirtualNetworkName"))
        yield Fact(network_ref(network), {"friendly_name": name} if name else {})
        yield Fact(nic, relation="on_network", target=network_ref(network))
    for allocator in _allocators(one):
        port = guid_of(get(allocator, "EndpointPortGuid"))
        if port:
            yield Fact(nic, relation="connects", target=Ref(Thing.PORT, (("guid", port),)))
    yield from _attached(one, nic)


def _attached(one: Object, nic: Ref) -> Facts:
    """Containers, VM and compartment of an endpoint."""
    shared = get(one, "SharedContainers") or []
    single = get(one, "ContainerID", "ContainerId")
    is_vm = name_of(get(one, "SystemType")).lower() == "virtualmachine"
    for identifier in [*(shared if isinstance(shared, list) else []), single][:_LIST_MAX]:
        name = name_of(identifier)
        if name:
            yield Fact(container_ref(name), {"isolation": "hyper-v"} if is_vm else {})
            yield Fact(container_ref(name), relation="owns", target=nic)
    vm = guid_of(get(one, "VirtualMachineId", "VirtualMachine"))
    if vm:
        yield Fact(Ref(Thing.VM, (("guid", vm),)), relation="owns", target=nic)
    namespace = get(one, "Namespace")
    compartment = get(one, "CompartmentId", "CompartmentID")
    if compartment is None and isinstance(namespace, dict):
        compartment = get(namespace, "CompartmentId")
    if isinstance(compartment, int) and compartment > 0:  # 0: none yet
        where = Ref(Thing.COMPARTMENT, (("id", compartment),))
        yield Fact(where)
        yield Fact(nic, relation="in_compartment", target=where)
    space = guid_of(get(one, "HostComputeNamespace")) or (
        guid_of(get(namespace, "ID")) if isinstance(namespace, dict) else ""
    )
    if space:
        yield Fact(nic, {"namespace": space})


def _policy_words(one: Object) -> list[str]:
    """Published ports, outbound NAT and such, a line each."""
    lines = []
    for policy in policies(one):
        kind = name_of(get(policy, "Type"))
        inside, outside = get(policy, "InternalPort"), get(policy, "ExternalPort")
        if inside and outside:
            lines.append(f"published port {outside} → {inside} {name_of(get(policy, 'Protocol'))}".strip())
        elif kind and kind.lower() not in ("vlan", "vsid"):
            lines.append(kind)
    return lines[:_LIST_MAX]


def namespace_facts(one: Object) -> Facts:
    """A namespace: the compartment that its endpoints and containers are in."""
    number = get(one, "CompartmentId", "NamespaceId")
    if not isinstance(number, int) or number <= 0:  # 0 until a container starts in it
        return
    where = Ref(Thing.COMPARTMENT, (("id", number),))
    guid = guid_of(get(one, "ID", "Id"))
    yield Fact(where, {"namespace": guid} if guid else {})
    for resource in objects(get(one, "Resources") or []):
        data = get(resource, "Data")
        identifier = name_of(get(data, "Id", "ID")) if isinstance(data, dict) else ""
        kind = name_of(get(resource, "Type")).lower()
        if kind == "endpoint" and guid_of(identifier):
            yield Fact(endpoint_ref(guid_of(identifier)), relation="in_compartment", target=where)
        elif kind == "container" and identifier:
            yield Fact(container_ref(identifier), relation="in_compartment", target=where)
