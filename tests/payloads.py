"""Makes the user data of packet events, byte by byte as ndis-packetcapture.md and pktmon.md lay it out.

And the packets in it:

    frame = ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, flags=SYN)), vlan=7)
    event_header(provider=NDISCAP, id=1001, keyword=WHOLE | SEND, payload=ndis_1001(frame), ticks=5)

Shares nothing with the product. Functions are named by provider and event id. Everything is packed and
little-endian; a `wstr` is UTF-16LE with its NUL; IP addresses are text and stand in network order.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

NDISCAP = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
RAS = "d84521f7-2235-4237-a7c0-14e3a9676286"
PKTMON = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"

# Keywords of NDIS-PacketCapture, set in each event.
ETHERNET, WIRELESS_WAN, TUNNEL, NATIVE_802_11 = 0x1, 0x200, 0x8000, 0x10000
VMSWITCH, PACKET_TRUNCATED = 0x1000000, 0x2000000
PACKET_START, PACKET_END = 0x40000000, 0x80000000
WHOLE = PACKET_START | PACKET_END
SEND, RECEIVE = 0x100000000, 0x200000000
CONFIGURATION, GLOBAL = 0x4000000000, 0x8000000000

# Keywords of PktMon.
KW_CONFIG, KW_RUNDOWN, KW_NBL_PARSED, KW_NBL_INFO, KW_PAYLOAD = 0x1, 0x2, 0x4, 0x8, 0x10

# PktMon's DirTag, PacketType, ComponentType and PropertyType.
DIR_NONE, DIR_IN, DIR_OUT, DIR_RX, DIR_TX, DIR_INGRESS, DIR_EGRESS = range(7)
TYPE_ETHERNET, TYPE_WIFI, TYPE_IP, TYPE_HTTP, TYPE_TCP, TYPE_UDP = 1, 2, 3, 4, 5, 6
TYPE_ARP, TYPE_ICMP, TYPE_ESP, TYPE_AH, TYPE_L4_PAYLOAD = 7, 8, 9, 10, 11
(
    COMPONENT_NDIS,
    COMPONENT_MINIPORT,
    COMPONENT_FILTER,
    COMPONENT_PROTOCOL,
    COMPONENT_VMS_VM_NIC,
    COMPONENT_VMS_MINIPORT,
    COMPONENT_VMS_EXT_MINIPORT,
    COMPONENT_VMS_PROTOCOL_NIC,
    COMPONENT_NETVSC_MINIPORT,
    COMPONENT_HTTP,
    COMPONENT_IP_INTERFACE,
    COMPONENT_SLBMUX,
    COMPONENT_IPSEC,
    COMPONENT_NETCX,
    COMPONENT_HTTP_MESSAGE,
) = range(1, 16)
(
    PROPERTY_IF_INDEX,
    PROPERTY_MINIPORT_IF_INDEX,
    PROPERTY_LOWER_IF_INDEX,
    PROPERTY_IF_GUID,
    PROPERTY_NDIS_MEDIUM,
    PROPERTY_PHYS_ADDRESS,
    PROPERTY_ETHER_TYPE,
    PROPERTY_OPT_DATA_PATH,
    PROPERTY_NDIS_OBJECT,
    PROPERTY_VM_SWITCH_NAME,
    PROPERTY_VMS_EXT_IF_INDEX,
    PROPERTY_LOWEST_IF_INDEX,
    PROPERTY_IP_ADDRESS,
    PROPERTY_IP_IF_INDEX,
    PROPERTY_VSID,
    PROPERTY_VLAN,
    PROPERTY_COMPARTMENT_ID,
) = range(1, 18)


def wstr(text: str) -> bytes:
    """UTF-16LE with its NUL."""
    return text.encode("utf-16-le") + b"\0\0"


def mac_bytes(mac: str) -> bytes:
    """`02:00:00:00:00:01` or with hyphens."""
    found = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    if len(found) != 6:
        raise ValueError(f"a MAC address has 6 bytes, {mac} has {len(found)}")
    return found


def ip_bytes(address: str) -> bytes:
    """4 or 16 bytes in network order."""
    return ipaddress.ip_address(address).packed


def _ip_of(address: str, n_bytes: int) -> bytes:
    found = ip_bytes(address)
    if len(found) != n_bytes:
        raise ValueError(f"{address} has {len(found)} bytes, the event wants {n_bytes}")
    return found


# ----------------------------------------------------------------------------------------- NDIS-PacketCapture


def ndis_1001(
    fragment: bytes, *, miniport: int = 12, lower: int | None = None, gft: tuple[int, int] | None = None
) -> bytes:
    """Packet fragment. `lower` is `miniport` unless given.

    `gft` (flow entry id, offload information) makes the layout of build 17763 and later.
    """
    head = struct.pack("<III", miniport, miniport if lower is None else lower, len(fragment))
    return head + fragment + (struct.pack("<QQ", *gft) if gft is not None else b"")


def ndis_1002(metadata: bytes, *, miniport: int = 12, lower: int | None = None) -> bytes:
    """Metadata of the next frame; `dot11_metadata` makes that of 802.11."""
    return struct.pack("<III", miniport, miniport if lower is None else lower, len(metadata)) + metadata


def dot11_metadata(
    *,
    phy: int = 7,
    frequency_mhz: int = 2437,
    rssi_dbm: int = -50,
    rate_half_mbit: int = 130,
    n_mpdus: int = 0,
    timestamp: int = 0,
) -> bytes:
    """DOT11_EXTSTA_RECV_CONTEXT, 48 bytes."""
    head = struct.pack("<BBHIIIH2xiB3xI", 0x80, 1, 48, 0, phy, frequency_mhz, n_mpdus, rssi_dbm, rate_half_mbit, 0)
    return head + struct.pack("<QQ", 0, timestamp)


Destination = tuple[int, str, str, str]
"""Destination of a switched frame: port id, port name, NIC name, NIC type."""


def ndis_1003(
    fragment: bytes,
    *,
    miniport: int = 12,
    lower: int | None = None,
    port_id: int = 1,
    port_name: str = "",
    nic_name: str = "",
    nic_type: str = "Synthetic",
    destinations: Sequence[Destination] = (),
    oob: bytes = b"",
) -> bytes:
    """Packet fragment at a virtual switch; `oob_data` makes `oob`."""
    parts = [
        struct.pack("<III", miniport, miniport if lower is None else lower, port_id),
        wstr(port_name) + wstr(nic_name) + wstr(nic_type),
        struct.pack("<I", len(destinations)),
    ]
    parts += [
        struct.pack("<I", number) + wstr(port) + wstr(nic) + wstr(kind) for number, port, nic, kind in destinations
    ]
    parts += [struct.pack("<I", len(fragment)), fragment, struct.pack("<I", len(oob)), oob]
    return b"".join(parts)


def oob_data(
    *,
    vlan: int | None = None,
    priority: int = 0,
    cfi: int = 0,
    rss_hash: int | None = None,
    lso: int | None = None,
    values: Mapping[int, int] | None = None,
    n_values: int = 28,
    pointer_bytes: int = 8,
) -> bytes:
    """The NetBufferListInfo array: `n_values` pointer-sized values, zero but for those given.

    802.1Q at index 4 (priority in bits 0-2, CFI in bit 3, VLAN id in bits 4-15), LSO at 2, the hash at 8;
    `values` sets any index.
    """
    found = dict(values or {})
    if vlan is not None or priority or cfi:
        found[4] = priority | cfi << 3 | (vlan or 0) << 4
    if lso is not None:
        found[2] = lso
    if rss_hash is not None:
        found[8] = rss_hash
    word = {4: "I", 8: "Q"}[pointer_bytes]
    return struct.pack(f"<{n_values}{word}", *(found.get(at, 0) for at in range(n_values)))


def ras_5001(fragment: bytes, *, routing_domain: str = "", user: str = "") -> bytes:
    """Frame of a VPN or RRAS connection, sent (5001) or received (5002)."""
    return wstr(routing_domain) + wstr(user) + struct.pack("<I", len(fragment)) + fragment


ras_5002 = ras_5001


def ndis_1011(n_rules: int) -> bytes:
    """How many capture rules there are."""
    return struct.pack("<I", n_rules)


def ndis_1012(friendly_name: str, unique_name: str, service_name: str, version: str = "") -> bytes:
    """Driver loaded (1012) or unloaded (1013)."""
    return wstr(friendly_name) + wstr(unique_name) + wstr(service_name) + wstr(version)


ndis_1013 = ndis_1012


def ndis_1014(miniport: int, lower: int, media_type: int = 0, context: int = 0) -> bytes:
    """Attached to (1014) or detached from (1015) an adapter."""
    return struct.pack("<IIII", miniport, lower, media_type, context)


ndis_1015 = ndis_1014


def ndis_1016(rule: int, directive: int, value: bytes, *, wide: bool = False) -> bytes:
    """Capture rule; `wide` writes the length as u32, as Message Analyzer reads it."""
    return struct.pack("<BBI" if wide else "<BBH", rule, directive, len(value)) + value


def ndis_5100(
    source: int, rundown: int, param1: int, param2: int, text: str, description: str, *, narrow: bool = False
) -> bytes:
    """Rundown; `narrow` writes the parameters as u32, as Message Analyzer reads them."""
    head = struct.pack("<BIII" if narrow else "<BIQQ", source, rundown, param1, param2)
    return head + wstr(text) + wstr(description)


def ndis_5101(source: int, name: str, if_index: int, layers: Sequence[tuple[int, str]] = ()) -> bytes:
    """Event source and its layers, each a number and a name. `source`: 1 NDIS, 2 VM-Switch."""
    head = struct.pack("<B", source) + wstr(name) + struct.pack("<IH", if_index, len(layers))
    return head + b"".join(struct.pack("<I", number) + wstr(layer) for number, layer in layers)


# ----------------------------------------------------------------------------------------------------- PktMon


@dataclass(frozen=True, slots=True)
class Sighting:
    """The metadata block of pktmon.md: which packet was seen, and where. `number` may be called PktCount."""

    group: int = 1
    number: int = 1
    appearance: int = 1
    direction: int = DIR_RX
    packet_type: int = TYPE_ETHERNET
    component: int = 1
    edge: int = 1
    filter: int = 0
    drop_reason: int = 0
    drop_location: int = 0

    def __bytes__(self) -> bytes:
        return struct.pack(
            "<QHHHHHHHII",
            self.group,
            self.number,
            self.appearance,
            self.direction,
            self.packet_type,
            self.component,
            self.edge,
            self.filter,
            self.drop_reason,
            self.drop_location,
        )

    def at(self, component: int, edge: int = 1, **changes: int) -> Sighting:
        """The packet's next sighting, at another place."""
        return replace(self, **{"appearance": self.appearance + 1, "component": component, "edge": edge, **changes})


def packet_group(cpu: int, counter: int) -> int:
    """PktGroupId: processor << 48 | counter."""
    return cpu << 48 | counter


def pktmon_10(status: int) -> bytes:
    """Driver failed to load."""
    return struct.pack("<I", status)


def pktmon_20(component: int, kind: int, name: str, description: str = "") -> bytes:
    """Component; also 270 and 280."""
    return struct.pack("<HH", component, kind) + wstr(name) + wstr(description)


def pktmon_30(component: int, property_type: int, value: int) -> bytes:
    """Property, a number; shown in hex for 50."""
    return struct.pack("<HHI", component, property_type, value)


pktmon_50 = pktmon_30


def pktmon_40(component: int, guid: str | UUID, property_type: int = PROPERTY_IF_GUID) -> bytes:
    """Property, a GUID."""
    return struct.pack("<HH", component, property_type) + UUID(str(guid)).bytes_le


def pktmon_60(component: int, medium: int, property_type: int = PROPERTY_NDIS_MEDIUM) -> bytes:
    """Property, the medium: 0 Ethernet, 16 WiFi, 19 MBB."""
    return struct.pack("<HHH", component, property_type, medium)


def pktmon_65(component: int, address: str, property_type: int = PROPERTY_IP_ADDRESS) -> bytes:
    """Property, an IPv4 address."""
    return struct.pack("<HH", component, property_type) + _ip_of(address, 4)


def pktmon_66(component: int, address: str, property_type: int = PROPERTY_IP_ADDRESS) -> bytes:
    """Property, an IPv6 address."""
    return struct.pack("<HH", component, property_type) + _ip_of(address, 16)


def pktmon_70(component: int, value: bytes, property_type: int = PROPERTY_PHYS_ADDRESS) -> bytes:
    """Property, bytes: a MAC address."""
    return struct.pack("<HHI", component, property_type, len(value)) + value


def pktmon_73(component: int, text: str, property_type: int = PROPERTY_VM_SWITCH_NAME) -> bytes:
    """Property, text: the name of the switch."""
    return struct.pack("<HH", component, property_type) + wstr(text)


def pktmon_75(component: int, ether_type: int, property_type: int = PROPERTY_ETHER_TYPE) -> bytes:
    """Property, an EtherType in host order."""
    return struct.pack("<HHH", component, property_type, ether_type)


def _counters(incoming: tuple[int, int, int], outgoing: tuple[int, int, int]) -> bytes:
    return struct.pack("<HQQHQQ", *incoming, *outgoing)


def pktmon_80(component: int, incoming: tuple[int, int, int], outgoing: tuple[int, int, int]) -> bytes:
    """Drop counters; each way is (direction tag, packets, bytes)."""
    return struct.pack("<H", component) + _counters(incoming, outgoing)


def pktmon_90(
    component: int, edge_name: str, edge: int, incoming: tuple[int, int, int], outgoing: tuple[int, int, int]
) -> bytes:
    """Flow counters of an edge; each way is (direction tag, packets, bytes)."""
    head = struct.pack("<H", component) + wstr(edge_name) + struct.pack("<H", edge)
    return head + _counters(incoming, outgoing)


_NO_MAC = "00:00:00:00:00:00"


def _filter(
    filter_id: int,
    name: str,
    macs: tuple[str, str],
    ether_type: int,
    vlan: int,
    addresses: bytes,
    protocol: int,
    ports: tuple[int, int],
    tcp_flags: int,
) -> bytes:
    return b"".join(
        (
            struct.pack("<H", filter_id) + wstr(name),
            mac_bytes(macs[0]) + mac_bytes(macs[1]),
            struct.pack("<HH", ether_type, vlan),
            addresses,
            struct.pack("<BHHB", protocol, *ports, tcp_flags),
        )
    )


def pktmon_100(
    filter_id: int,
    name: str = "",
    *,
    macs: tuple[str, str] = (_NO_MAC, _NO_MAC),
    ether_type: int = 0,
    vlan: int = 0,
    ips: tuple[str, str] = ("0.0.0.0", "0.0.0.0"),
    protocol: int = 0,
    ports: tuple[int, int] = (0, 0),
    tcp_flags: int = 0,
) -> bytes:
    """Filter with IPv4 addresses."""
    addresses = _ip_of(ips[0], 4) + _ip_of(ips[1], 4)
    return _filter(filter_id, name, macs, ether_type, vlan, addresses, protocol, ports, tcp_flags)


def pktmon_110(
    filter_id: int,
    name: str = "",
    *,
    macs: tuple[str, str] = (_NO_MAC, _NO_MAC),
    ether_type: int = 0,
    vlan: int = 0,
    ips: tuple[str, str] = ("::", "::"),
    protocol: int = 0,
    ports: tuple[int, int] = (0, 0),
    tcp_flags: int = 0,
) -> bytes:
    """Filter with IPv6 addresses."""
    addresses = _ip_of(ips[0], 16) + _ip_of(ips[1], 16)
    return _filter(filter_id, name, macs, ether_type, vlan, addresses, protocol, ports, tcp_flags)


def _headers_only(
    n_address_bytes: int,
    sighting: Sighting,
    dst_mac: str,
    src_mac: str,
    ether_type: int,
    vlan: int,
    dst: str,
    src: str,
    protocol: int,
    dst_port: int,
    src_port: int,
    tcp_flags: int,
) -> bytes:
    return b"".join(
        (
            mac_bytes(dst_mac) + mac_bytes(src_mac),
            struct.pack("<HH", ether_type, vlan),
            _ip_of(dst, n_address_bytes) + _ip_of(src, n_address_bytes),
            struct.pack("<BHHB", protocol, dst_port, src_port, tcp_flags),
            bytes(sighting),
        )
    )


def pktmon_120(
    sighting: Sighting,
    *,
    dst: str,
    src: str,
    protocol: int = 6,
    dst_port: int = 0,
    src_port: int = 0,
    tcp_flags: int = 0,
    dst_mac: str = _NO_MAC,
    src_mac: str = _NO_MAC,
    ether_type: int = 0x0800,
    vlan: int = 0,
) -> bytes:
    """Headers of an IPv4 packet; 140 for a drop."""
    return _headers_only(
        4, sighting, dst_mac, src_mac, ether_type, vlan, dst, src, protocol, dst_port, src_port, tcp_flags
    )


def pktmon_130(
    sighting: Sighting,
    *,
    dst: str,
    src: str,
    protocol: int = 6,
    dst_port: int = 0,
    src_port: int = 0,
    tcp_flags: int = 0,
    dst_mac: str = _NO_MAC,
    src_mac: str = _NO_MAC,
    ether_type: int = 0x86DD,
    vlan: int = 0,
) -> bytes:
    """Headers of an IPv6 packet; 150 for a drop."""
    return _headers_only(
        16, sighting, dst_mac, src_mac, ether_type, vlan, dst, src, protocol, dst_port, src_port, tcp_flags
    )


pktmon_140 = pktmon_120
pktmon_150 = pktmon_130


def pktmon_160(sighting: Sighting, frame: bytes, *, original_bytes: int | None = None) -> bytes:
    """Frame; 170 for a drop, 240 for a duplicate drop. The original size is u16 and wraps, as on Windows."""
    original = len(frame) if original_bytes is None else original_bytes
    return bytes(sighting) + struct.pack("<HH", original & 0xFFFF, len(frame)) + frame


pktmon_170 = pktmon_160
pktmon_240 = pktmon_160

NBL_VALUES = (
    "TcpIpChecksum",
    "TcpLargeSend",
    "Ieee8021Q",
    "HashInfo",
    "HashValue",
    "VirtualSubnetInfo",
    "TcpRecvSegCoalesceInfo",
    "NrtNameResolutionId",
    "TcpSendOffloadsSupplementalInfo",
)
"""The pointer-sized values of 180 and 190, in their order."""


def pktmon_180(
    sighting: Sighting,
    values: Mapping[str, int] | None = None,
    *,
    switch_forwarding: int = 0,
    gft_offload: int = 0,
    gft_flow: int = 0,
    pointer_bytes: int = 8,
) -> bytes:
    """Out-of-band information of a packet list, `values` by the names in NBL_VALUES; 190 for a drop."""
    given = values or {}
    if unknown := set(given) - set(NBL_VALUES):
        raise ValueError(f"no such values: {sorted(unknown)}")
    word = {4: "I", 8: "Q"}[pointer_bytes]
    return b"".join(
        (
            bytes(sighting),
            struct.pack(f"<9{word}", *(given.get(name, 0) for name in NBL_VALUES)),
            struct.pack("<QQQ", switch_forwarding, gft_offload, gft_flow),
        )
    )


pktmon_190 = pktmon_180


def _transport_payload(
    n_address_bytes: int,
    sighting: Sighting,
    payload: bytes,
    dst: str,
    src: str,
    protocol: int,
    dst_port: int,
    src_port: int,
    original_bytes: int | None,
) -> bytes:
    original = len(payload) if original_bytes is None else original_bytes
    return b"".join(
        (
            bytes(sighting)[12:],  # from DirTag on: these events name no packet
            _ip_of(dst, n_address_bytes) + _ip_of(src, n_address_bytes),
            struct.pack("<BHHHH", protocol, dst_port, src_port, original & 0xFFFF, len(payload)),
            payload,
        )
    )


def pktmon_200(
    sighting: Sighting,
    payload: bytes,
    *,
    dst: str,
    src: str,
    protocol: int = 6,
    dst_port: int = 0,
    src_port: int = 0,
    original_bytes: int | None = None,
) -> bytes:
    """Transport payload with IPv4 addresses; 210 for a drop. Of `sighting`, all from `direction` on."""
    return _transport_payload(4, sighting, payload, dst, src, protocol, dst_port, src_port, original_bytes)


def pktmon_220(
    sighting: Sighting,
    payload: bytes,
    *,
    dst: str,
    src: str,
    protocol: int = 6,
    dst_port: int = 0,
    src_port: int = 0,
    original_bytes: int | None = None,
) -> bytes:
    """Transport payload with IPv6 addresses; 230 for a drop."""
    return _transport_payload(16, sighting, payload, dst, src, protocol, dst_port, src_port, original_bytes)


pktmon_210 = pktmon_200
pktmon_230 = pktmon_220


def pktmon_250(sighting: Sighting, context: int, kind: int = 0) -> bytes:
    """Packet context, an id that ties packets together; 260 for a drop."""
    return bytes(sighting) + struct.pack("<HQ", kind, context)


# ---------------------------------------------------------------------------------------------------- packets

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
MAC_A, MAC_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo_header(src: bytes, dst: bytes, protocol: int, n_bytes: int) -> bytes:
    if len(src) == 4:
        return src + dst + struct.pack(">BBH", 0, protocol, n_bytes)
    return src + dst + struct.pack(">II", n_bytes, protocol)


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP segment. `options` is padded with zeros to a multiple of 4."""

    src_port: int
    dst_port: int
    payload: bytes = b""
    seq: int = 1
    ack: int = 0
    flags: int = ACK
    window: int = 65535
    options: bytes = b""

    protocol = 6

    def build(self, src: bytes, dst: bytes) -> bytes:
        """Its bytes between two addresses."""
        options = self.options + bytes(-len(self.options) % 4)
        offset = (20 + len(options)) // 4 << 4
        head = struct.pack(
            ">HHIIBBH", self.src_port, self.dst_port, self.seq, self.ack, offset, self.flags, self.window
        )
        whole = head + bytes(4) + options + self.payload
        found = checksum(_pseudo_header(src, dst, 6, len(whole)) + whole)
        return whole[:16] + struct.pack(">H", found) + whole[18:]


@dataclass(frozen=True, slots=True)
class Udp:
    """A UDP datagram."""

    src_port: int
    dst_port: int
    payload: bytes = b""

    protocol = 17

    def build(self, src: bytes, dst: bytes) -> bytes:
        """Its bytes between two addresses."""
        n_bytes = 8 + len(self.payload)
        head = struct.pack(">HHH", self.src_port, self.dst_port, n_bytes)
        found = checksum(_pseudo_header(src, dst, 17, n_bytes) + head + bytes(2) + self.payload)
        return head + struct.pack(">H", found or 0xFFFF) + self.payload


@dataclass(frozen=True, slots=True)
class Echo:
    """An ICMP echo request (or its reply); ICMPv6 between IPv6 addresses."""

    ident: int = 1
    seq: int = 1
    payload: bytes = b"abcdefgh"
    is_reply: bool = False

    def build(self, src: bytes, dst: bytes) -> bytes:
        """Its bytes between two addresses."""
        kind = (0 if self.is_reply else 8) if len(src) == 4 else (129 if self.is_reply else 128)
        return Icmp(kind, 0, struct.pack(">HH", self.ident, self.seq) + self.payload).build(src, dst)


@dataclass(frozen=True, slots=True)
class Icmp:
    """Any ICMP or ICMPv6 message: type, code, and all that follows the checksum."""

    type: int
    code: int = 0
    body: bytes = bytes(4)

    def build(self, src: bytes, dst: bytes) -> bytes:
        """Its bytes between two addresses."""
        whole = struct.pack(">BBH", self.type, self.code, 0) + self.body
        pseudo = _pseudo_header(src, dst, 58, len(whole)) if len(src) == 16 else b""
        return whole[:2] + struct.pack(">H", checksum(pseudo + whole)) + whole[4:]


Transport = Tcp | Udp | Echo | Icmp


def ip(
    src: str,
    dst: str,
    inner: Transport | bytes,
    *,
    protocol: int | None = None,
    ttl: int = 64,
    ident: int = 1,
    dscp: int = 0,
    dont_fragment: bool = True,
    more_fragments: bool = False,
    fragment_offset: int = 0,
    options: bytes = b"",
    extensions: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """An IPv4 or IPv6 packet, as its addresses are. `inner` as bytes needs its `protocol`.

    `fragment_offset` is in bytes; it, `ident` and the two flags are of IPv4 alone, as are `options`, which are padded
    to a multiple of 4. `extensions` are IPv6's: number of each header and its bytes, without the one that says what
    follows (and for most, the length).
    """
    source, target = ip_bytes(src), ip_bytes(dst)
    if len(source) != len(target):
        raise ValueError(f"{src} and {dst} are not of one kind")
    body = inner if isinstance(inner, bytes) else inner.build(source, target)
    if protocol is None:
        if isinstance(inner, bytes):
            raise ValueError("bytes inside an IP packet need their protocol")
        protocol = inner.protocol if isinstance(inner, Tcp | Udp) else 1 if len(source) == 4 else 58
    if len(source) == 16:
        for number, content in reversed(extensions):
            body, protocol = bytes([protocol]) + content + body, number
        return struct.pack(">IHBB", 6 << 28 | dscp << 22, len(body), protocol, ttl) + source + target + body
    options += bytes(-len(options) % 4)
    header_bytes = 20 + len(options)
    fragment = dont_fragment << 14 | more_fragments << 13 | fragment_offset // 8
    first, n_bytes = 0x40 | header_bytes // 4, header_bytes + len(body)
    head = struct.pack(">BBHHHBBH", first, dscp << 2, n_bytes, ident, fragment, ttl, protocol, 0)
    head += source + target + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def arp(
    sender_ip: str,
    target_ip: str,
    *,
    sender_mac: str = MAC_A,
    target_mac: str = _NO_MAC,
    is_reply: bool = False,
) -> bytes:
    """An ARP packet for IPv4 over Ethernet."""
    head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2 if is_reply else 1)
    sender = mac_bytes(sender_mac) + _ip_of(sender_ip, 4)
    return head + sender + mac_bytes(target_mac) + _ip_of(target_ip, 4)


def ethernet(
    packet: bytes,
    *,
    src_mac: str = MAC_A,
    dst_mac: str = MAC_B,
    ether_type: int | None = None,
    vlan: int | None = None,
    priority: int = 0,
) -> bytes:
    """An Ethernet frame, with an 802.1Q tag if `vlan` is given. The EtherType of IP and ARP is found."""
    if ether_type is None:
        first = packet[:1]
        ether_type = 0x0806 if first == b"\0" else 0x86DD if first and first[0] >> 4 == 6 else 0x0800
    tag = struct.pack(">HH", 0x8100, priority << 13 | vlan) if vlan is not None else b""
    return mac_bytes(dst_mac) + mac_bytes(src_mac) + tag + struct.pack(">H", ether_type) + packet


def vxlan(frame: bytes, vni: int, src: str, dst: str, *, src_port: int = 49152, dst_port: int = 4789) -> bytes:
    """The IP packet that carries `frame` in a VXLAN (RFC 7348); put it into `ethernet`."""
    return ip(src, dst, Udp(src_port, dst_port, struct.pack(">II", 0x08000000, vni << 8) + frame))


def gre(
    payload: bytes, protocol: int, *, key: int | None = None, seq: int | None = None, checked: bool = False
) -> bytes:
    """A GRE header (RFC 2890) and what it carries; put it into `ip` with protocol 47."""
    flags = checked << 15 | (key is not None) << 13 | (seq is not None) << 12
    fields = [bytes(4)] * checked + [struct.pack(">I", one) for one in (key, seq) if one is not None]
    return struct.pack(">HH", flags, protocol) + b"".join(fields) + payload


def nvgre(frame: bytes, vsid: int, src: str, dst: str, *, flow_id: int = 0) -> bytes:
    """The IP packet that carries `frame` in NVGRE (RFC 7637); put it into `ethernet`."""
    return ip(src, dst, gre(frame, 0x6558, key=vsid << 8 | flow_id), protocol=47)


def hop_options(content: bytes = b"") -> tuple[int, bytes]:
    """IPv6 hop-by-hop options for `ip`'s `extensions`; padded with PadN to a multiple of 8 bytes."""
    return 0, _padded_options(content)


def destination_options(content: bytes = b"") -> tuple[int, bytes]:
    """IPv6 destination options."""
    return 60, _padded_options(content)


def _padded_options(content: bytes) -> bytes:
    n_pad = -(len(content) + 2) % 8
    pad = b"" if n_pad == 0 else b"\0" if n_pad == 1 else bytes([1, n_pad - 2]) + bytes(n_pad - 2)
    return bytes([(len(content) + 2 + n_pad) // 8 - 1]) + content + pad


def routing_header(*, left: int = 0) -> tuple[int, bytes]:
    """An IPv6 routing header of an experimental type, with 4 bytes of content."""
    return 43, struct.pack(">BBB", 0, 253, left) + bytes(4)


def fragment_header(offset: int, *, more: bool = False, ident: int = 1) -> tuple[int, bytes]:
    """An IPv6 fragment header; `offset` is in bytes."""
    return 44, struct.pack(">BHI", 0, offset & 0xFFF8 | more, ident)


def authentication_header(n_check_bytes: int = 12, *, spi: int = 1, seq: int = 1) -> tuple[int, bytes]:
    """An authentication header (RFC 4302)."""
    return 51, struct.pack(">BHII", (12 + n_check_bytes) // 4 - 2, 0, spi, seq) + bytes(n_check_bytes)


def wifi(
    packet: bytes, *, ether_type: int, to_ds: bool = True, from_ds: bool = False, qos: bool = True,
    is_protected: bool = False,
    addresses: Sequence[str] = (MAC_B, MAC_A, "02:00:00:00:00:0c", "02:00:00:00:00:0d"),
) -> bytes:  # fmt: skip
    """An 802.11 data frame with LLC and SNAP; the fourth address only between two access points."""
    first, second, third, fourth = (mac_bytes(one) for one in addresses)
    flags = to_ds | from_ds << 1 | is_protected << 6
    head = bytes([0x88 if qos else 0x08, flags, 0, 0]) + first + second + third + struct.pack("<H", 16)
    head += fourth * (to_ds and from_ds) + bytes(2) * qos
    return head + bytes.fromhex("aaaa03000000") + struct.pack(">H", ether_type) + packet


# ----------------------------------------------------------------------------------------------- applications


def dns_name(name: str) -> bytes:
    """Labels with their lengths, and the root."""
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def dns(
    name: str,
    *,
    ident: int = 0x1A2B,
    query_type: int = 1,
    is_response: bool = False,
    rcode: int = 0,
    answers: Sequence[str] = (),
    opcode: int = 0,
) -> bytes:
    """A DNS message with one question; each answer is an IPv4 address, its name a pointer to the question's."""
    flags = is_response << 15 | opcode << 11 | 1 << 8 | is_response << 7 | rcode
    head = struct.pack(">HHHHHH", ident, flags, 1, len(answers), 0, 0)
    records = [struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + ip_bytes(answer) for answer in answers]
    return head + dns_name(name) + struct.pack(">HH", query_type, 1) + b"".join(records)


DHCP_DISCOVER, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE, DHCP_INFORM = range(1, 9)


def dhcp(
    kind: int,
    *,
    client_mac: str = MAC_A,
    assigned: str = "0.0.0.0",
    requested: str | None = None,
    hostname: str | None = None,
    xid: int = 0x1234_5678,
) -> bytes:
    """A DHCP message (RFC 2131)."""
    is_reply = kind in (DHCP_OFFER, DHCP_ACK, DHCP_NAK)
    head = struct.pack(">BBBBIHH", 2 if is_reply else 1, 1, 6, 0, xid, 0, 0)
    head += bytes(4) + ip_bytes(assigned) + bytes(8) + mac_bytes(client_mac) + bytes(10 + 64 + 128)
    options = [bytes([53, 1, kind])]
    if requested is not None:
        options.append(bytes([50, 4]) + ip_bytes(requested))
    if hostname is not None:
        options.append(bytes([12, len(hostname)]) + hostname.encode())
    return head + bytes.fromhex("63825363") + b"".join(options) + b"\xff"


def http_request(method: str = "GET", uri: str = "/", host: str | None = "example.com", *, body: bytes = b"") -> bytes:
    """An HTTP/1.1 request."""
    lines = [f"{method} {uri} HTTP/1.1", "User-Agent: test"]
    lines += [f"Host: {host}"] * (host is not None)
    return "\r\n".join([*lines, "", ""]).encode() + body


def http_response(status: int = 200, phrase: str = "OK", *, body: bytes = b"") -> bytes:
    """An HTTP/1.1 response."""
    return f"HTTP/1.1 {status} {phrase}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def tls_record(content: bytes, *, kind: int = 22, version: int = 0x0301) -> bytes:
    """A TLS record; 20 change cipher spec, 21 alert, 22 handshake, 23 application data."""
    return struct.pack(">BHH", kind, version, len(content)) + content


def tls_handshake(body: bytes, *, kind: int) -> bytes:
    """A handshake message in a record of its own."""
    return tls_record(bytes([kind]) + len(body).to_bytes(3, "big") + body)


def tls_client_hello(
    server_name: str | None = "example.com", *, more_extensions: bytes = b"", session: int = 32
) -> bytes:
    """A ClientHello with the server's name in it, behind other extensions."""
    extensions = struct.pack(">HHH", 0x000B, 2, 0x0100) + more_extensions
    if server_name is not None:
        name = server_name.encode()
        entry = struct.pack(">BH", 0, len(name)) + name
        extensions += struct.pack(">HHH", 0, len(entry) + 2, len(entry)) + entry
    body = struct.pack(">H", 0x0303) + bytes(range(32)) + bytes([session]) + bytes(session)
    body += struct.pack(">HHHBB", 4, 0x1301, 0x1302, 1, 0) + struct.pack(">H", len(extensions)) + extensions
    return tls_handshake(body, kind=1)


def tls_server_hello() -> bytes:
    """A ServerHello without extensions."""
    return tls_handshake(struct.pack(">H", 0x0303) + bytes(32) + b"\0" + struct.pack(">HB", 0x1301, 0), kind=2)
