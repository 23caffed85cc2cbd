"""What an inventory says: the answers of PowerShell's queries on the host, as JSON (docs/formats/inventory.md).

Every section may be missing, and every field of it: a host without containers has no HNS, and an older one lacks
columns. What has another form than expected is counted and left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Final

from wnv.clock import NO_TIME
from wnv.diagnostics import Code, Log
from wnv.providers import hns
from wnv.providers.facts import (
    Fact,
    Facts,
    Key,
    Ref,
    Thing,
    guid_of,
    mac_of,
    name_of,
    named_keys,
    nic_facts,
    nic_keys,
)  # fmt: skip
from wnv.providers.hns import Object, get, objects
from wnv.providers.layers import layer_ref, nic_ref

FORMAT: Final = "wnv-inventory/1"
_SUFFIX: Final = ".inventory.json"
_ROWS_MAX: Final = 1 << 14
"""Rows of one section; no host has more."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS: Final = 1 << 62
"""Some day in 2116."""
_SWITCH_TYPES: Final = ("private", "internal", "external")
"""As numbers, where PowerShell did not turn them to words."""
_PORT_KINDS: Final = {"internal": "host_vnic", "synthetic": "vm_nic", "emulated": "vm_nic"}


def parse_inventory(content: bytes, log: Log) -> Object:
    """The inventory in a file's bytes. What is no JSON counts as damage, and is as good as no inventory."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        log.record(Code.INVENTORY_INVALID, detail=f"not of the format {FORMAT}")
        return {}
    return value


def by_file(inventory: Object) -> dict[str, Object]:
    """The inventories of several hosts that were read as one, by the names of their files; empty if it is one."""
    several = inventory.get("inventories")
    if not isinstance(several, dict):
        return {}
    return {name: one for name, one in several.items() if isinstance(one, dict) and one.get("format") == FORMAT}


def host_name(inventory: Object) -> str:
    """Name of the host that the inventory is of; empty where it does not say."""
    computer = inventory.get("computer")
    return name_of(get(computer, "Name")) if isinstance(computer, dict) else ""


def taken_ns(inventory: Object) -> int:
    """When the inventory was taken, in ns UTC; `NO_TIME` where it does not say.

    The time is that of the end of what it states, which has no fractions of a second: by then all of it was there.
    """
    computer = inventory.get("computer")
    text = name_of(get(computer, "CollectedUtc")) if isinstance(computer, dict) else ""
    try:
        taken = datetime.fromisoformat(text)
        taken = taken.replace(tzinfo=UTC) if taken.tzinfo is None else taken
        since = taken + timedelta(seconds=0 if taken.microsecond else 1) - _EPOCH
    except (ValueError, OverflowError):
        return NO_TIME
    ns = (since // timedelta(microseconds=1)) * 1000
    return ns if 0 < ns < _LATEST_NS else NO_TIME


def of_sessions(
    inventory: Object, name: str, sources: Sequence[str], hosts: Sequence[int]
) -> dict[int, Object]:  # fmt: skip
    """The inventory of each session: the one that is named like its file, else the only one of the first host.

    `name`: of the inventory's file; `sources`: the files of each session, with commas between them; `hosts`: number
    of the host of each session. A session of which there is no inventory of its own has that of its host, if there
    is one.
    """
    if not inventory:
        return {}
    files = by_file(inventory) or {name: inventory}
    by_stem = {file.lower().removesuffix(_SUFFIX): one for file, one in files.items()}
    found = {
        session: by_stem[stem] for session, source in enumerate(sources) for stem in _stems(source) if stem in by_stem
    }
    if not found and len(files) == 1:
        found = {0: inventory}
    of_host = {hosts[session]: one for session, one in reversed(found.items())}
    return {session: found.get(session, of_host[host]) for session, host in enumerate(hosts) if host in of_host}


def _stems(source: str) -> set[str]:
    """Names of a session's files without folder and ending."""
    return {PurePath(name.strip()).name.lower().removesuffix(".etl") for name in source.split(",")}


def inventory_facts(inventory: Object, session_id: int = 0, log: Log | None = None) -> Iterator[Fact]:
    """The facts of one inventory, as it was parsed; each holds at the time at which it was taken, if it says when."""
    ts_ns = taken_ns(inventory)
    aliases = {
        name_of(get(row, "Name")).lower(): guid_of(get(row, "InterfaceGuid"))
        for row in _rows(inventory, "adapters", None)
    }
    for section, read in _SECTIONS.items():
        for row in _rows(inventory, section, log):
            for fact in read(row, aliases):
                yield replace(fact, session_id=session_id, source="inventory", ts_ns=ts_ns)


def _rows(inventory: Object, section: str, log: Log | None) -> list[Object]:
    """The rows of a section: PowerShell makes one row an object, several a list."""
    value = inventory.get(section)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    rows = [item for item in items[:_ROWS_MAX] if isinstance(item, dict)]
    if log is not None and len(rows) < len(items):
        log.record(Code.INVENTORY_INVALID, detail=section, count=len(items) - len(rows))
    return rows


def _number(row: Object, *names: str) -> int:
    value = get(row, *names)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _adapter_keys(row: Object) -> tuple[Key, ...]:
    index, guid = _number(row, "ifIndex", "InterfaceIndex"), guid_of(get(row, "InterfaceGuid"))
    name = name_of(get(row, "Name", "InterfaceAlias"))
    keys: list[Key] = [("guid", guid)] if guid else []
    keys += [("if_index", index)] if index else []
    keys += [("alias", name.lower())] if name else []
    return tuple(keys)


def _adapter(row: Object, aliases: Mapping[str, str]) -> Facts:
    keys = _adapter_keys(row)
    if not keys:
        return
    nic = Ref(Thing.NIC, keys)
    said: dict[str, Any] = {
        "alias": name_of(get(row, "Name")), "description": name_of(get(row, "InterfaceDescription")),
        "mac": mac_of(get(row, "MacAddress")), "mtu": _number(row, "MtuSize"), "vlan": _number(row, "VlanID"),
    }  # fmt: skip
    is_virtual = get(row, "Virtual")
    if isinstance(is_virtual, bool):
        said["is_hardware"] = not is_virtual
    status = name_of(get(row, "Status"))
    said |= {"state": status} if status else {}
    said |= {"rdma": True} if get(row, "RdmaEnabled") is True else {}
    yield Fact(nic, {name: value for name, value in said.items() if value not in ("", 0) or value is False})
    filters = [one for one in objects(get(row, "Filters") or []) if _number(one, "ifIndex")]
    index = _number(row, "ifIndex", "InterfaceIndex")
    for order, one in enumerate(reversed(filters)):
        layer = layer_ref(_number(one, "ifIndex"))
        yield Fact(layer, {"description": name_of(get(one, "Name")), "layer": "filter", "order": order})
        if index:
            yield Fact(layer, relation="stacked_on", target=nic_ref(index))


def _team(row: Object, aliases: Mapping[str, str]) -> Facts:
    names = _names(row, "TeamNics") or [name_of(get(row, "Name"))]
    for name in names:
        team = _by_alias(name, aliases)
        yield Fact(team, {"kind": "team", "teaming_mode": get(row, "TeamingMode")})
        for member in _names(row, "Members"):
            nic = _by_alias(member, aliases)
            yield Fact(nic, {"kind": "physical_nic"})
            yield Fact(nic, relation="member", target=team)


def _names(row: Object, name: str) -> list[str]:
    value = get(row, name)
    return [name_of(one) for one in (value if isinstance(value, list) else [value]) if name_of(one)]


def _by_alias(name: str, aliases: Mapping[str, str]) -> Ref:
    guid = aliases.get(name.lower())
    return Ref(Thing.NIC, ((("guid", guid),) if guid else ()) + (("alias", name.lower()),))


def _switch_ref(row: Object, id_name: str, text_name: str) -> Ref | None:
    guid, name = guid_of(get(row, id_name)), name_of(get(row, text_name))
    keys = (("guid", guid),) if guid else named_keys(name)
    return Ref(Thing.VSWITCH, keys) if keys else None


def _switch(row: Object, aliases: Mapping[str, str]) -> Facts:
    switch = _switch_ref(row, "Id", "Name")
    if switch is None:
        return
    kind = get(row, "SwitchType")
    word = _SWITCH_TYPES[kind] if isinstance(kind, int) and 0 <= kind < len(_SWITCH_TYPES) else name_of(kind).lower()
    yield Fact(switch, {"friendly_name": name_of(get(row, "Name")), **({"type": word} if word else {})})
    is_team = bool(get(row, "EmbeddedTeamingEnabled"))
    for name in _names(row, "NetAdapterNames"):
        nic = _by_alias(name, aliases)
        yield Fact(nic, relation="member" if is_team else "uplink", target=switch)


def _port(row: Object, aliases: Mapping[str, str]) -> Facts:
    switch = _switch_ref(row, "SwitchId", "SwitchName")
    port_name, nic_name = name_of(get(row, "PortName")), name_of(get(row, "NicName"))
    port = Ref(Thing.PORT, named_keys(port_name)) if named_keys(port_name) else None
    kind = name_of(get(row, "NicType")).lower()
    friendly = name_of(get(row, "NicFriendlyName"))
    said: dict[str, Any] = {"mac": mac_of(get(row, "MacAddress")), "kind": _PORT_KINDS.get(kind)}
    if get(row, "HasSriov"):
        said["sriov"] = "SR-IOV"
    yield from nic_facts(nic_name, friendly, **{name: value for name, value in said.items() if value})
    vm, vm_name = guid_of(get(row, "VMId")), name_of(get(row, "VMName"))
    nic = Ref(Thing.NIC, nic_keys(nic_name)) if nic_keys(nic_name) else None
    if vm:
        yield Fact(Ref(Thing.VM, (("guid", vm),)), {"friendly_name": vm_name} if vm_name else {})
        if nic:
            yield Fact(Ref(Thing.VM, (("guid", vm),)), relation="owns", target=nic)
    if port:
        yield Fact(port, _port_properties(row))
        if switch:
            yield Fact(switch, {"friendly_name": name_of(get(row, "SwitchName"))})
            yield Fact(switch, relation="has_port", target=port)
        if nic and get(row, "Connected") is not False:
            yield Fact(nic, relation="connects", target=port)
    if nic and switch:
        yield Fact(nic, relation="uplink" if kind == "external" else "on_switch", target=switch)


def _port_properties(row: Object) -> dict[str, Any]:
    friendly = name_of(get(row, "PortFriendlyName"))
    said: dict[str, Any] = {"friendly_name": friendly, "port_id": get(row, "PortId"), "vlan": _number(row, "VlanId")}
    said |= {"dhcp_guard": True} if get(row, "DhcpGuard") else {}
    said |= {"mac_spoofing": True} if get(row, "MacAddressSpoofing") else {}
    acls = [name_of(get(one, "Name")) for one in objects(get(row, "Acls") or [])]
    said |= {"policies": [f"ACL {name}" for name in acls]} if acls else {}
    return {name: value for name, value in said.items() if value not in ("", None, 0)}


def _vm(row: Object, aliases: Mapping[str, str]) -> Facts:
    guid = guid_of(get(row, "Id", "VMId"))
    if guid:
        said: dict[str, Any] = {"friendly_name": name_of(get(row, "Name", "VMName"))}
        said |= {"is_utility": True} if get(row, "IsUtility") else {}
        yield Fact(Ref(Thing.VM, (("guid", guid),)), said)


def _container(row: Object, aliases: Mapping[str, str]) -> Facts:
    identifier = name_of(get(row, "Id", "ID"))
    if not identifier:
        return
    container = hns.container_ref(identifier)
    isolation = name_of(get(row, "Isolation")).lower()
    said: dict[str, Any] = {
        "friendly_name": name_of(get(row, "Name")).lstrip("/"), "image": name_of(get(row, "Image")),
        "isolation": "hyper-v" if isolation.startswith("hyper") else isolation, "pod": name_of(get(row, "Pod")),
    }  # fmt: skip
    yield Fact(container, {name: value for name, value in said.items() if value})
    for endpoint in _names(row, "EndpointIds"):
        if guid_of(endpoint):
            yield Fact(container, relation="owns", target=hns.endpoint_ref(guid_of(endpoint)))
    compartment = _number(row, "CompartmentId")
    if compartment:
        where = Ref(Thing.COMPARTMENT, (("id", compartment),))
        yield Fact(where)
        yield Fact(container, relation="in_compartment", target=where)
    vm = guid_of(get(row, "UtilityVmId"))
    if vm:
        yield Fact(Ref(Thing.VM, (("guid", vm),)), {"is_utility": True})
        for endpoint in _names(row, "EndpointIds"):
            if guid_of(endpoint):
                nic = hns.endpoint_ref(guid_of(endpoint))
                yield Fact(Ref(Thing.VM, (("guid", vm),)), relation="owns", target=nic)


def _compartment(row: Object, aliases: Mapping[str, str]) -> Facts:
    number = _number(row, "CompartmentId")
    if number:
        text = name_of(get(row, "CompartmentDescription"))
        yield Fact(Ref(Thing.COMPARTMENT, (("id", number),)), {"description": text} if text else {})


def _interface(row: Object, aliases: Mapping[str, str]) -> Facts:
    """Get-NetIPInterface and Get-NetIPAddress: the stack's view of an adapter."""
    index, compartment = _number(row, "ifIndex", "InterfaceIndex"), _number(row, "CompartmentId")
    if not index:
        return
    nic = nic_ref(index)
    alias, address = name_of(get(row, "InterfaceAlias")), name_of(get(row, "IPAddress", "IPv4Address"))
    said: dict[str, Any] = {"alias": alias} if alias else {}
    said |= {"addresses": [address]} if address else {}
    yield Fact(nic, said)
    if compartment:
        where = Ref(Thing.COMPARTMENT, (("id", compartment),))
        yield Fact(where)
        yield Fact(nic, relation="in_compartment", target=where)


def _network(row: Object, aliases: Mapping[str, str]) -> Facts:
    yield from hns.network_facts(row)


def _endpoint(row: Object, aliases: Mapping[str, str]) -> Facts:
    yield from hns.endpoint_facts(row)


def _namespace(row: Object, aliases: Mapping[str, str]) -> Facts:
    yield from hns.namespace_facts(row)
    compartment = _number(row, "CompartmentId")
    if not compartment:
        return
    where = Ref(Thing.COMPARTMENT, (("id", compartment),))
    for endpoint in _names(row, "Endpoints"):
        if guid_of(endpoint):
            yield Fact(hns.endpoint_ref(guid_of(endpoint)), relation="in_compartment", target=where)
    for container in _names(row, "Containers"):
        yield Fact(hns.container_ref(container), relation="in_compartment", target=where)


def _nat_ref(row: Object) -> Ref | None:
    name = name_of(get(row, "NatName", "Name"))
    return Ref(Thing.NAT, (("name", name.lower()),)) if name else None


def _nat(row: Object, aliases: Mapping[str, str]) -> Facts:
    nat, prefix = _nat_ref(row), name_of(get(row, "InternalIPInterfaceAddressPrefix"))
    if nat:
        said: dict[str, Any] = {"friendly_name": name_of(get(row, "Name"))}
        yield Fact(nat, {**said, "prefix": prefix} if prefix else said)


def _nat_address(row: Object, aliases: Mapping[str, str]) -> Facts:
    nat, address = _nat_ref(row), name_of(get(row, "IPAddress"))
    if nat and address:
        yield Fact(nat, {"external_addresses": [address]})


def _nat_mapping(row: Object, aliases: Mapping[str, str]) -> Facts:
    nat = _nat_ref(row)
    outside, inside = name_of(get(row, "ExternalIPAddress")), name_of(get(row, "InternalIPAddress"))
    if nat and inside:
        protocol = name_of(get(row, "Protocol"))
        ports = _number(row, "ExternalPort"), _number(row, "InternalPort")
        yield Fact(nat, {"mappings": [f"{protocol} {outside}:{ports[0]} → {inside}:{ports[1]}".strip()]})


_SECTIONS: Final[Mapping[str, Callable[[Object, Mapping[str, str]], Facts]]] = {
    "adapters": _adapter, "teams": _team, "switches": _switch, "switch_ports": _port, "vms": _vm,
    "containers": _container, "compartments": _compartment, "interfaces": _interface, "addresses": _interface,
    "hns_networks": _network, "hns_endpoints": _endpoint, "hns_namespaces": _namespace, "nats": _nat,
    "nat_external_addresses": _nat_address, "nat_static_mappings": _nat_mapping,
}  # fmt: skip
