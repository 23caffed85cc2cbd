"""What a capture was told to record: how much of a packet, at how many layers, and which packets alone.

NDIS-PacketCapture says it in 1016 (docs/formats/ndis-packetcapture.md), a rule an event; PktMon in 100 and 110
(docs/formats/pktmon.md), a filter an event. How NDIS-PacketCapture writes values is in no document: addresses are read
in network order, and what has not the size of what it should be is shown as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from wnv.providers.reading import wide_text

NDISCAP: Final = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
PKTMON: Final = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
NDIS_RULE, FILTER_IPV4, FILTER_IPV6 = 1016, 100, 110
IDS: Final = {NDISCAP: frozenset({NDIS_RULE}), PKTMON: frozenset({FILTER_IPV4, FILTER_IPV6})}
"""Events about rules, by provider."""
RULES_MAX: Final = 32
"""Rules and filters whose words are kept."""

_MULTI_LAYER, _IF_INDEX, _ETHER_TYPE, _MAC, _IPV4, _IPV6, _PROTOCOL, _TRUNCATE = 3, 4, 6, 9, 12, 15, 16, 17
_RULES: Final = {
    2: ("frame control", 0), _IF_INDEX: ("ifIndex", 4), _ETHER_TYPE: ("EtherType", 2), 7: ("source MAC", 6),
    8: ("destination MAC", 6), _MAC: ("MAC", 6), 10: ("source IPv4 address", 4), 11: ("destination IPv4 address", 4),
    _IPV4: ("IPv4 address", 4), 13: ("source IPv6 address", 16), 14: ("destination IPv6 address", 16),
    _IPV6: ("IPv6 address", 16), _PROTOCOL: ("IP protocol", 1), 18: ("bytes behind the MAC header", 0),
    19: ("bytes behind the IP header", 0),
}  # fmt: skip
"""RuleIdMap of the schema: what is compared, and the size of one value in bytes; 0 = no fixed one."""
_OFF, _LTE, _GTE, _MASK, _RANGE = 0, 1, 2, 4, 6
_NOT: Final = 0x80
"""DirectiveMap: NEQ, NMASK, NLIST and NRANGE are the others with this bit."""
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
_ETHER_TYPES: Final = {0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6", 0x8100: "VLAN", 0x88CC: "LLDP"}
_VALUES_SHOWN, _BYTES_SHOWN, _NAME_SHOWN = 8, 32, 64
_LINK: Final = struct.Struct("<6s6sHH")
_TRANSPORT: Final = struct.Struct("<BHHB")


@dataclass(slots=True)
class CaptureRules:
    """The rules of one recording: `learn` its events."""

    truncate_bytes: int | None = None
    """The packet length that a rule asked for; None if no rule says."""
    is_multi_layer: bool | None = None
    """Whether a rule asked for a sighting at each layer of an adapter; None if no rule says."""
    demands: list[str] = field(default_factory=list)
    """What a packet had to fit to be recorded, in words: each of them."""
    choices: list[str] = field(default_factory=list)
    """The same: one of them."""

    @property
    def words(self) -> str:
        """`IPv4 address 10.0.0.5`, `TCP port 80, or web: IP 10.0.0.5`; empty where every packet was recorded."""
        parts = (", ".join(self.demands), ", or ".join(self.choices))
        return "; ".join(part for part in parts if part)

    def learn(self, guid: str, event_id: int, raw: bytes) -> bool:
        """Take one event; False if it does not fit its layout."""
        if guid == NDISCAP and event_id == NDIS_RULE:
            return self._learn_rule(raw)
        if guid == PKTMON and event_id in IDS[PKTMON]:
            return self._learn_filter(raw, 4 if event_id == FILTER_IPV4 else 16)
        return True

    def _learn_rule(self, raw: bytes) -> bool:
        """RuleId u8, Directive u8, then a length of 2 or 4 bytes: the one with which the value ends at the end."""
        for width in (2, 4):
            size = int.from_bytes(raw[2 : 2 + width], "little")
            if len(raw) == 2 + width + size:
                self._take(raw[0], raw[1], raw[2 + width :])
                return True
        return False

    def _take(self, rule: int, directive: int, value: bytes) -> None:
        if rule == _TRUNCATE:
            if directive != _OFF and 0 < len(value) <= 4:
                self.truncate_bytes = int.from_bytes(value, "little") or None
        elif rule == _MULTI_LAYER:
            self.is_multi_layer = directive != _OFF and any(value)
        elif directive != _OFF or any(value):  # a value says that something was set, whatever the directive means
            _keep(self.demands, _rule_words(rule, directive, value))

    def _learn_filter(self, raw: bytes, address_bytes: int) -> bool:
        name, at = wide_text(raw, 2)
        if at < 0 or len(raw) < at + _LINK.size + 2 * address_bytes + _TRANSPORT.size:
            return False
        addresses = at + _LINK.size
        ends = [raw[addresses : addresses + address_bytes], raw[addresses + address_bytes :][:address_bytes]]
        link = _LINK.unpack_from(raw, at)
        transport = _TRANSPORT.unpack_from(raw, addresses + 2 * address_bytes)
        _keep(self.choices, _filter_words(name, link, ends, transport))
        return True


def _keep(words: list[str], new: str) -> None:
    """A rundown can say a rule twice."""
    if new not in words:
        if len(words) < RULES_MAX:
            words.append(new)
        elif words[-1] != "…":
            words.append("…")


def _rule_words(rule: int, directive: int, value: bytes) -> str:
    what, size = _RULES.get(rule, (f"rule {rule}", 0))
    kind = directive & ~_NOT
    values = [_value_words(rule, value[k : k + size]) for k in range(0, len(value), size)] if size else []
    if not values or len(value) % size or len(values) > _VALUES_SHOWN:
        more = "…" if len(value) > _BYTES_SHOWN else ""
        shown = (value[:_BYTES_SHOWN].hex(" ") or "any") + more
    elif kind == _RANGE and len(values) == 2:
        shown = " to ".join(values)
    elif kind == _MASK and len(values) == 2:
        shown = "/".join(values)
    else:
        shown = " or ".join(values)
    compared = {_LTE: "at most ", _GTE: "at least "}.get(kind, "")
    return f"{what} {'not ' if directive & _NOT else ''}{compared}{shown}"


def _value_words(rule: int, value: bytes) -> str:
    match len(value):
        case 16:
            return str(IPv6Address(value))
        case 6:
            return value.hex(":")
        case 4 if rule == _IF_INDEX:
            return str(int.from_bytes(value, "little"))
        case 4:
            return str(IPv4Address(value))
        case 2:
            # Of which order the bytes are, no document says; of the two readings at most one is a known EtherType.
            readings = int.from_bytes(value, "big"), int.from_bytes(value, "little")
            return next((_ETHER_TYPES[one] for one in readings if one in _ETHER_TYPES), value.hex(" "))
        case 1:
            return _PROTOCOLS.get(value[0], str(value[0]))
        case _:
            return value.hex(" ")


def _filter_words(
    name: str, link: tuple[bytes, bytes, int, int], addresses: list[bytes], transport: tuple[int, int, int, int]
) -> str:  # fmt: skip
    """`web: IP 10.0.0.5, TCP port 80`; zero stands for anything."""
    conditions = ", ".join(_conditions(link, addresses, transport)) or "any packet"
    shown = name[:_NAME_SHOWN].strip()
    return f"{shown}: {conditions}" if shown and shown != "<empty>" else conditions


def _conditions(
    link: tuple[bytes, bytes, int, int], addresses: list[bytes], transport: tuple[int, int, int, int]
) -> Iterator[str]:
    macs = [one.hex(":") for one in link[:2] if any(one)]
    if macs:
        yield f"MAC {' and '.join(macs)}"
    if link[2]:
        yield f"EtherType {_ETHER_TYPES.get(link[2], hex(link[2]))}"
    if link[3]:
        yield f"VLAN {link[3]}"
    known = [str(IPv4Address(one) if len(one) == 4 else IPv6Address(one)) for one in addresses if any(one)]
    if known:
        yield f"IP {' and '.join(known)}"
    protocol, *ports, flags = transport
    name = _PROTOCOLS.get(protocol, f"IP protocol {protocol}") if protocol else ""
    numbers = " and ".join(str(port) for port in ports if port)
    if name or numbers:
        yield " ".join(part for part in (name, f"port {numbers}" if numbers else "") if part)
    if flags:
        yield f"TCP flags {flags:#04x}"
