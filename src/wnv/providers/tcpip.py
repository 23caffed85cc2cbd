"""Microsoft-Windows-TCPIP: the interfaces of the host's stack, with compartment and addresses.

Fields are those of the provider's manifest: 1202, an address of an interface, is in all builds, and states the
compartment from Server 2019 on; 1527, an interface with MAC address and alias, came later.
"""

from __future__ import annotations

from typing import Any, Final

from wnv.providers.facts import Fact, Facts, Fields, Ref, Thing, mac_of, name_of

GUID: Final = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
INTERFACE_RUNDOWN, ADDRESS_RUNDOWN, _SPEED_CHANGED, _INTERFACE_CHANGED = 1527, 1202, 1203, 1526
IDS: Final = frozenset({INTERFACE_RUNDOWN, ADDRESS_RUNDOWN, _SPEED_CHANGED, _INTERFACE_CHANGED})
_LOOPBACK_TYPE: Final = 24  # IF_TYPE_SOFTWARE_LOOPBACK
_NO_ADDRESS: Final = frozenset({"0.0.0.0", "::"})
_IPV6: Final = 23  # AF_INET6


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event says of interfaces and compartments."""
    if_index = fields.get("IfIndex")
    compartment = fields.get("Compartment", fields.get("CompartmentId"))
    if not isinstance(if_index, int) or if_index == 0:
        return
    nic = Ref(Thing.NIC, (("if_index", if_index),))
    if event_id == INTERFACE_RUNDOWN:
        yield Fact(nic, _interface(fields))
    elif event_id in (ADDRESS_RUNDOWN, _SPEED_CHANGED):
        yield Fact(nic, _address(fields))
    if isinstance(compartment, int) and compartment > 0:
        where = Ref(Thing.COMPARTMENT, (("id", compartment),))
        yield Fact(where)
        yield Fact(nic, relation="in_compartment", target=where)


def _interface(fields: Fields) -> dict[str, Any]:
    alias, mac = name_of(fields.get("IfAlias")), mac_of(fields.get("DLAddress"))
    said: dict[str, Any] = {"alias": alias} if alias else {}
    if mac:
        said["mac"] = mac
    if fields.get("InterfaceType") == _LOOPBACK_TYPE:
        said["is_loopback"] = True
    mode, number = fields.get("IsolationMode"), fields.get("IsolalationId")  # the provider's own spelling
    if mode and number:
        said["isolation_mode"], said["isolation_id"] = mode, number
    return said


def _address(fields: Fields) -> dict[str, Any]:
    """Both forms of address are there; the other one is zero, or empty."""
    name = "IPv6Address" if fields.get("IPProtocol") in (_IPV6, "IPV6") else "IPv4Address"
    address = name_of(fields.get(name))
    return {"addresses": [address]} if address and address not in _NO_ADDRESS else {}
