"""Microsoft-Windows-WinNat: the NAT instances, their outside addresses and published ports (vmswitch.md, NAT)."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any, Final

from wnv.providers.facts import Change, Fact, Facts, Fields, Ref, Thing, name_of

GUID: Final = "66c07ecd-6667-43fc-93f8-05cf07f446ec"
_INSTANCES: Final = {1019: Change.BEGUN, 1020: Change.SEEN, 1021: Change.SEEN, 1022: Change.ENDED, 1023: Change.SEEN}
_ADDRESSES: Final = frozenset({1024, 1026})
_MAPPINGS: Final = frozenset({1027, 1029})
IDS: Final = frozenset({*_INSTANCES, *_ADDRESSES, *_MAPPINGS})
_INTERNAL_PREFIX: Final = 1  # WINNATM_INSTANCE_TYPE_ValueMap


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event says of a NAT instance."""
    name = name_of(fields.get("InstanceName"))
    if not name:
        return
    nat = Ref(Thing.NAT, (("name", name.lower()),))
    said: dict[str, Any] = {"friendly_name": name}
    if event_id in _INSTANCES:
        said |= _instance(fields)
        yield Fact(nat, said, change=_INSTANCES[event_id])
    elif event_id in _ADDRESSES:
        address = name_of(fields.get("IPAddress")).removesuffix(":0")  # a socket address without a port
        if address:
            yield Fact(nat, {**said, "external_addresses": [address]})
    else:
        outside, inside = fields.get("ExternalTransportAddress"), fields.get("InternalTransportAddress")
        if outside and inside:
            protocol = {6: "TCP", 17: "UDP"}.get(fields.get("TransportProtocol", 0), "")
            yield Fact(nat, {**said, "mappings": [f"{protocol} {outside} → {inside}".strip()]})


def _instance(fields: Fields) -> dict[str, Any]:
    said: dict[str, Any] = {}
    n_bits = fields.get("PrefixLength", fields.get("ExternalIPInterfaceAddressPrefixLength"))
    number = fields.get("AddressPrefix", fields.get("ExternalIPInterfaceAddressPrefix"))
    prefix = prefix_text(number, n_bits)
    if prefix:
        is_inside = fields.get("InstanceType") in (_INTERNAL_PREFIX, "InternalPrefixInstance")
        said["prefix" if is_inside else "external_prefix"] = prefix
    for name, ours in (("CompartmentId", "compartment"), ("ExternalInterfaceIndex", "external_if_index")):
        if isinstance(fields.get(name), int) and fields[name]:
            said[ours] = fields[name]
    return said


def prefix_text(number: object, n_bits: object) -> str:
    """`172.20.0.0/20` from an address in network order, as the event's integer has it, and a length."""
    if isinstance(number, str):
        try:
            number = int.from_bytes(IPv4Address(number).packed, "little")
        except ValueError:
            return ""
    if not isinstance(number, int) or not isinstance(n_bits, int) or not 0 < n_bits <= 32 or not number:
        return ""
    return f"{IPv4Address(number.to_bytes(4, 'little'))}/{n_bits}" if 0 <= number < 1 << 32 else ""
