"""Names of protocols, by the numbers that sightings carry."""

from __future__ import annotations

from typing import Final

from wnv.journeys.sights import PROTOCOL_OF_ETHERTYPE

_NAMES: Final = {
    1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6",
    89: "OSPF", 103: "PIM", 112: "VRRP", 132: "SCTP",
}  # fmt: skip
_ETHERTYPES: Final = {0x0806: "ARP", 0x88CC: "LLDP", 0x8809: "LACP", 0x888E: "EAPOL", 0x0842: "WOL", 0x42: "STP"}


def protocol_name(number: int) -> str | None:
    """`TCP`, `ARP`, `EtherType 0x88cc`; None for a negative number."""
    if number < 0:
        return None
    if number & PROTOCOL_OF_ETHERTYPE:
        ethertype = number & 0xFFFF
        return _ETHERTYPES.get(ethertype, f"EtherType {ethertype:#06x}" if ethertype else "unknown")
    return _NAMES.get(number, f"IP protocol {number}")
