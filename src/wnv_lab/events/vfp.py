"""Microsoft-Windows-Hyper-V-VfpExt: what the rules of a switch port did to a packet, and the flows they left.

Facts: docs/formats/vmswitch.md, and the schema of Server 2022, which has no message texts, masks or maps: directions,
rule and flow types, reasons and statuses are numbers that the caller chooses. MAC addresses are text. Rules run for the
first packet of a flow; later ones match the flow (106 to 109) and log no rule.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address
from typing import Final, NamedTuple

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import IpAddress, astr, boolean, guid, ip, sized, u8, u16, u32, u64, wstr

GUID: Final = guid("9f2660ea-cfe7-428f-9850-aeca612619b0")

# No mask is known; these are ours, distinct, so that a recording can be filtered by them.
_INTERCEPT, _GUARD, _RULE, _TRANSFORM, _NAT, _FORWARD, _FLOW = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40


def _kind(event_id: int, keyword: int) -> EventKind:
    return EventKind(GUID, event_id, keyword=keyword)


KIND_1: Final = _kind(1, _INTERCEPT)
KIND_51: Final = _kind(51, _GUARD)
KIND_52: Final = _kind(52, _GUARD)
KIND_53: Final = _kind(53, _GUARD)
KIND_54: Final = _kind(54, _GUARD)
KIND_55: Final = _kind(55, _GUARD)
KIND_56: Final = _kind(56, _GUARD)
KIND_57: Final = _kind(57, _GUARD)
KIND_100: Final = _kind(100, _RULE)
KIND_101: Final = _kind(101, _RULE)
KIND_102: Final = _kind(102, _RULE)
KIND_103: Final = _kind(103, _RULE)
KIND_104: Final = _kind(104, _RULE)
KIND_105: Final = _kind(105, _RULE)
KIND_106: Final = _kind(106, _RULE)
KIND_107: Final = _kind(107, _RULE)
KIND_108: Final = _kind(108, _RULE)
KIND_109: Final = _kind(109, _RULE)
KIND_110: Final = _kind(110, _RULE)
KIND_111: Final = _kind(111, _RULE)
KIND_112: Final = _kind(112, _RULE)
KIND_113: Final = _kind(113, _RULE)
KIND_114: Final = _kind(114, _RULE)
KIND_115: Final = _kind(115, _RULE)
KIND_116: Final = _kind(116, _RULE)
KIND_117: Final = _kind(117, _RULE)
KIND_118: Final = _kind(118, _RULE)
KIND_119: Final = _kind(119, _RULE)
KIND_120: Final = _kind(120, _RULE)
KIND_121: Final = _kind(121, _RULE)
KIND_122: Final = _kind(122, _RULE)
KIND_151: Final = _kind(151, _TRANSFORM)
KIND_152: Final = _kind(152, _TRANSFORM)
KIND_153: Final = _kind(153, _TRANSFORM)
KIND_154: Final = _kind(154, _TRANSFORM)
KIND_155: Final = _kind(155, _TRANSFORM)
KIND_156: Final = _kind(156, _TRANSFORM)
KIND_157: Final = _kind(157, _TRANSFORM)
KIND_158: Final = _kind(158, _TRANSFORM)
KIND_207: Final = _kind(207, _NAT)
KIND_208: Final = _kind(208, _NAT)
KIND_351: Final = _kind(351, _FORWARD)
KIND_352: Final = _kind(352, _FORWARD)
KIND_353: Final = _kind(353, _FORWARD)
KIND_600: Final = _kind(600, _FLOW)
KIND_601: Final = _kind(601, _FLOW)
KIND_602: Final = _kind(602, _FLOW)
KIND_603: Final = _kind(603, _FLOW)
KIND_604: Final = _kind(604, _FLOW)
KIND_605: Final = _kind(605, _FLOW)
KIND_606: Final = _kind(606, _FLOW)
KIND_607: Final = _kind(607, _FLOW)
KIND_608: Final = _kind(608, _FLOW)
KIND_609: Final = _kind(609, _FLOW)
KIND_610: Final = _kind(610, _FLOW)
KIND_611: Final = _kind(611, _FLOW)

DIRECTION_OUT, DIRECTION_IN = 0, 1
"""As seen from the port's owner; the numbers are a guess."""
STATUS_SUCCESS: Final = 0
STATUS_BLOCKED: Final = 0xC022_0005
"""Any status other than 0 says that the packet ends here."""
ENCAP_NONE, ENCAP_GRE, ENCAP_VXLAN = 0, 1, 2
BINDING_CREATED, BINDING_DELETED = 1, 2
ICMP_PROTOCOLS: Final = frozenset({1, 58})


class SwitchPort(NamedTuple):
    """A port under VFP: its number on the switch, its name (a GUID) and its friendly name."""

    port_id: int
    name: str
    friendly_name: str = ""

    def pack_names(self) -> bytes:
        return wstr(self.name) + wstr(self.friendly_name)


class Flow(NamedTuple):
    """What a rule looks at. GRE has a key; ICMP has a type; all else has ports."""

    source: IpAddress
    destination: IpAddress
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    is_tcp_syn: bool = False
    icmp_type: int = 0
    gre_key: int | None = None

    @property
    def is_ipv4(self) -> bool:
        return isinstance(ip_address(self.source), IPv4Address)

    @property
    def is_icmp(self) -> bool:
        return self.protocol in ICMP_PROTOCOLS

    def pack_addresses(self) -> bytes:
        return ip(self.source) + ip(self.destination)

    def pack(self) -> bytes:
        """As the rule events have it: addresses, then what belongs to the protocol."""
        if self.gre_key is not None:
            return self.pack_addresses() + u32(self.gre_key)
        if self.is_icmp:
            return self.pack_addresses() + u8(self.protocol) + u8(self.icmp_type)
        return self.pack_addresses() + self.pack_ports() + u8(self.protocol) + boolean(self.is_tcp_syn)

    def pack_ports(self) -> bytes:
        return u16(self.source_port) + u16(self.destination_port)

    def kind_of(self, kinds: tuple[EventKind, ...]) -> EventKind:
        """Of (IPv4 ports, IPv6 ports, IPv4 ICMP, IPv6 ICMP, IPv4 GRE, IPv6 GRE) the one that fits."""
        form = 4 if self.gre_key is not None else 2 if self.is_icmp else 0
        return kinds[form + (not self.is_ipv4)]


RULE_KINDS: Final = (KIND_101, KIND_102, KIND_103, KIND_104, KIND_105, KIND_121)
FLOW_KINDS: Final = (KIND_106, KIND_107, KIND_108, KIND_109)
RESULT_KINDS: Final = (KIND_110, KIND_111, KIND_112, KIND_113, KIND_114, KIND_122)
NO_RULE_KINDS: Final = (KIND_115, KIND_116, KIND_117, KIND_118, KIND_119, KIND_120)


class Rule(NamedTuple):
    """A rule's place: layer, group within it, rule within that."""

    layer_id: str
    group_id: str
    rule_id: str
    rule_type: int = 0


def _start(port: SwitchPort, direction: int) -> bytes:
    return u32(port.port_id) + u8(direction)


def rule_matched(
    port: SwitchPort,
    direction: int,
    rule: Rule,
    flow: Flow,
    *,
    status: int = STATUS_SUCCESS,
    status_location: int = 0,
    gft_flags: int = 0,
) -> bytes:
    """101 to 105 and 121: see `RULE_KINDS`. A status other than 0 is the block."""
    place = wstr(rule.layer_id) + wstr(rule.group_id) + wstr(rule.rule_id) + u8(rule.rule_type)
    end = port.pack_names() + u32(gft_flags) + u32(status_location)
    return _start(port, direction) + place + flow.pack() + u32(status) + end


def flow_matched(
    port: SwitchPort, direction: int, flow: Flow, *, layer_id: str, flow_type: int = 0, gft_flags: int = 0
) -> bytes:
    """106 to 109: see `FLOW_KINDS`. A packet that needs no rule any more."""
    end = port.pack_names() + u32(gft_flags)
    return _start(port, direction) + wstr(layer_id) + u8(flow_type) + flow.pack() + end


def packet_result(
    port: SwitchPort,
    direction: int,
    flow: Flow,
    *,
    status: int = STATUS_SUCCESS,
    status_location: int = 0,
    gft_flags: int = 0,
) -> bytes:
    """110 to 114 and 122: see `RESULT_KINDS`. What became of the packet after all layers."""
    end = port.pack_names() + u32(gft_flags) + u32(status_location)
    return _start(port, direction) + u32(status) + flow.pack() + end


def no_rule(port: SwitchPort, direction: int, flow: Flow, *, layer_id: str, gft_flags: int = 0) -> bytes:
    """115 to 120: see `NO_RULE_KINDS`. A layer had nothing to say."""
    return _start(port, direction) + wstr(layer_id) + flow.pack() + port.pack_names() + u32(gft_flags)


def processing_start(
    port: SwitchPort,
    direction: int,
    frame: bytes,
    *,
    processing_type: int = 0,
    gft_flags: int = 0,
    resume_layer: int = 0,
) -> bytes:
    """100: a packet, with its bytes, comes before the rules."""
    end = port.pack_names() + u32(gft_flags) + u32(resume_layer)
    return _start(port, direction) + u32(processing_type) + sized(frame) + end


def intercept(port: SwitchPort, direction: int, frame: bytes, *, intercept_type: int = 0, gft_flags: int = 0) -> bytes:
    """1: a packet that VFP answers or takes itself, such as ARP."""
    return _start(port, direction) + u8(intercept_type) + sized(frame) + port.pack_names() + u32(gft_flags)


def guard_drop(port: SwitchPort, direction: int, frame: bytes, *, reason: int, gft_flags: int = 0) -> bytes:
    """51: dropped by a guard, with the packet."""
    return _start(port, direction) + u8(reason) + sized(frame) + port.pack_names() + u32(gft_flags)


def guard_drop_link(
    port: SwitchPort,
    direction: int,
    *,
    reason: int,
    source_mac: str,
    destination_mac: str,
    ether_type: int,
    gft_flags: int = 0,
) -> bytes:
    """52: dropped by a guard, for what is not IP."""
    macs = wstr(source_mac) + wstr(destination_mac)
    return _start(port, direction) + u8(reason) + macs + u16(ether_type) + port.pack_names() + u32(gft_flags)


def guard_drop_flow(
    port: SwitchPort,
    direction: int,
    flow: Flow,
    *,
    reason: int,
    source_mac: str,
    destination_mac: str,
    has_ports: bool = True,
    gft_flags: int = 0,
) -> bytes:
    """55 and 56 with ports, 53 and 54 without; 53 and 55 are IPv4."""
    macs = wstr(source_mac) + wstr(destination_mac)
    ports = flow.pack_ports() + boolean(flow.is_tcp_syn) if has_ports else b""
    middle = macs + flow.pack_addresses() + u8(flow.protocol) + ports
    return _start(port, direction) + u8(reason) + middle + port.pack_names() + u32(gft_flags)


def guard_drop_arp(
    port: SwitchPort,
    direction: int,
    *,
    reason: int,
    operation: int,
    sender_mac: str,
    sender: IpAddress,
    target_mac: str,
    target: IpAddress,
    gft_flags: int = 0,
) -> bytes:
    """57."""
    arp = u16(operation) + wstr(sender_mac) + ip(sender) + wstr(target_mac) + ip(target)
    return _start(port, direction) + u8(reason) + arp + port.pack_names() + u32(gft_flags)


# --- transforms ---------------------------------------------------------------------------------------


def mac_rewrite(port: SwitchPort, direction: int, *, source_mac: str, destination_mac: str) -> bytes:
    """151: the new MAC addresses."""
    return _start(port, direction) + wstr(source_mac) + wstr(destination_mac) + port.pack_names()


def address_rewrite(port: SwitchPort, direction: int, flow: Flow) -> bytes:
    """152 IPv4, 153 IPv6: the new addresses and ports."""
    return _start(port, direction) + flow.pack_addresses() + flow.pack_ports() + port.pack_names()


def encapsulation(
    port: SwitchPort,
    direction: int,
    *,
    source_mac: str,
    destination_mac: str,
    source: IpAddress,
    destination: IpAddress,
    network_id: int,
    encap_type: int = ENCAP_VXLAN,
) -> bytes:
    """154 with outer IPv4 addresses, 158 with IPv6; `network_id` is the VNI or VSID."""
    macs = wstr(source_mac) + wstr(destination_mac)
    network = u8(encap_type) + u32(network_id)
    return _start(port, direction) + macs + ip(source) + ip(destination) + network + port.pack_names()


def decapsulation(port: SwitchPort, direction: int) -> bytes:
    """155."""
    return _start(port, direction) + port.pack_names()


def transformed(port: SwitchPort, direction: int, frame: bytes, *, gft_flags: int = 0) -> bytes:
    """156 the packet before, 157 after: which is which is inferred."""
    return _start(port, direction) + sized(frame) + port.pack_names() + u32(gft_flags)


def nat_binding(
    port: SwitchPort,
    *,
    action: int,
    internal: IpAddress,
    internal_port: int,
    external: IpAddress,
    external_port: int,
    references: int = 1,
) -> bytes:
    """207 IPv4, 208 IPv6: inside and outside of one port of the pool."""
    inside = ip(internal) + u16(internal_port)
    outside = ip(external) + u16(external_port)
    return u32(port.port_id) + u8(action) + inside + outside + u32(references) + port.pack_names()


def not_forwarded(
    port: SwitchPort,
    *,
    reason: int,
    source_mac: str,
    destination_mac: str,
    ether_type: int,
    vlan_id: int = 0,
    gft_flags: int = 0,
) -> bytes:
    """351: no port was found to send a packet to."""
    macs = wstr(source_mac) + wstr(destination_mac)
    link = macs + u16(ether_type) + u32(vlan_id)
    return u32(port.port_id) + u8(reason) + link + port.pack_names() + u32(gft_flags)


def forwarded(
    source: SwitchPort,
    destination: SwitchPort,
    *,
    source_mac: str,
    destination_mac: str,
    ether_type: int,
    vlan_id: int = 0,
    is_broadcast: bool = False,
    is_by_inner: bool = False,
    is_short: bool = False,
    gft_flags: int = 0,
) -> bytes:
    """352 with the two flags, 353 (`is_short`) without."""
    link = wstr(source_mac) + wstr(destination_mac) + u16(ether_type) + u32(vlan_id)
    flags = b"" if is_short else boolean(is_broadcast) + boolean(is_by_inner)
    names = source.pack_names() + destination.pack_names()
    return u32(source.port_id) + u32(destination.port_id) + link + flags + names + u32(gft_flags)


# --- unified flows ------------------------------------------------------------------------------------


class Encap(NamedTuple):
    """An outer header of a flow; IPv4 for IPv4 flows, IPv6 (or bytes of it) for IPv6 ones."""

    encap_type: str = ""
    source_mac: str = ""
    destination_mac: str = ""
    source: IpAddress | None = None
    destination: IpAddress | None = None
    network_id: int = 0
    encrypt_vxlan_id: int = 0


UNIFIED_FLOW_KINDS: Final = {
    (has_transpositions, first): kinds
    for has_transpositions, first, kinds in (
        (True, 600, (KIND_600, KIND_601, KIND_602, KIND_603)),
        (True, 604, (KIND_604, KIND_605, KIND_606, KIND_607)),
        (False, 608, (KIND_608, KIND_609, KIND_610, KIND_611)),
    )
}
"""By whether transpositions are in it and the first id: kinds for IPv4 ports, IPv6 ports, IPv4 ICMP, IPv6 ICMP."""


def unified_flow(
    port: SwitchPort,
    direction: int,
    flow: Flow,
    *,
    source_mac: str,
    destination_mac: str,
    encaps: Sequence[Encap] = (),
    transpositions: tuple[str, str, str] | None = ("", "", ""),
    tni: int = 0,
    vlan_id: int = 0,
    is_main: bool = True,
    is_pending: bool = False,
    unified_flow_id: int = 0,
    is_secondary: bool = False,
    is_mirror: bool = False,
    is_hairpin: bool = False,
    is_hairpin_checked: bool = False,
    is_original_inbound: bool = False,
) -> bytes:
    """600 to 607 with `transpositions` (of either encapsulation and of the flow), 608 to 611 with None.

    Of the ids with transpositions, which say created and which removed is not known. Flows with ports end with the
    flow's number and five flags.
    """
    none = bytes(4 if flow.is_ipv4 else 16)
    outer = b"".join(
        astr(encap.encap_type) + wstr(encap.source_mac) + wstr(encap.destination_mac)
        + (none if encap.source is None else ip(encap.source))
        + (none if encap.destination is None else ip(encap.destination))
        + u32(encap.network_id) + u32(encap.encrypt_vxlan_id)
        for encap in (*encaps, Encap(), Encap())[:2]
    )  # fmt: skip
    if flow.is_icmp:
        what = u8(flow.icmp_type)
    else:
        what = flow.pack_ports() + (b"" if transpositions is None else boolean(flow.is_tcp_syn))
    end = b""
    if not flow.is_icmp:
        end = u64(unified_flow_id) + bytes((
            is_secondary, is_mirror, is_hairpin, is_hairpin_checked, is_original_inbound
        ))  # fmt: skip
    return b"".join((
        _start(port, direction), bytes((is_main, is_pending)), struct.pack("<QIB", tni, vlan_id, len(encaps)), outer,
        u8(flow.protocol), wstr(source_mac), wstr(destination_mac), flow.pack_addresses(), what,
        b"".join(map(astr, transpositions or ())), port.pack_names(), end,
    ))  # fmt: skip
