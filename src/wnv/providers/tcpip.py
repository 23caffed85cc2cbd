"""Microsoft-Windows-TCPIP: the interfaces of the host's stack, with the compartment each is in (vmswitch.md)."""

from __future__ import annotations

from typing import Any, Final

from wnv.providers.facts import Fact, Facts, Fields, Ref, Thing, mac_of, name_of

GUID: Final = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
INTERFACE_RUNDOWN, _LOOPBACK_SENT, _INTERFACE_CHANGED = 1527, 1476, 1526
IDS: Final = frozenset({INTERFACE_RUNDOWN, _LOOPBACK_SENT, _INTERFACE_CHANGED})
_LOOPBACK_TYPE: Final = 24  # IF_TYPE_SOFTWARE_LOOPBACK


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event says of interfaces and compartments."""
    if_index = fields.get("IfIndex", fields.get("Interface"))
    compartment = fields.get("Compartment")
    if not isinstance(if_index, int) or if_index == 0:
        return
    nic = Ref(Thing.NIC, (("if_index", if_index),))
    if event_id == INTERFACE_RUNDOWN:
        yield Fact(nic, _interface(fields))
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
