"""Protocol headers of frames, as columns: what is needed to name a packet and to know how long it was."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from ipaddress import IPv6Address, ip_address

import numpy as np

from wnv.arrays import BOOL, I16, I32, I64, U8, U16, U32, U64
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, LINK_UPPER_PDU, LINK_WIFI

ETHER_BYTES, VLAN_BYTES, IPV6_BYTES = 14, 4, 40
HEADERS_BYTES = 118
"""Ethernet, IPv4, UDP, VXLAN, Ethernet, IPv6, and of TCP what tells packets apart."""
ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
_TAGS = (0x8100, 0x88A8, 0x9100)
_TAGS_MAX = 2
_PROTOCOL_NAMES = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}
_WITH_PORTS = (6, 17, 132)
_ECHO = {(1, 8): "echo request", (1, 0): "echo reply", (58, 128): "echo request", (58, 129): "echo reply"}


@dataclass(frozen=True, slots=True)
class NetworkLayer:
    """Where the IP header of each frame stands; `version` is 4, 6 or 0 (no IP, or not captured)."""

    version: U8
    offset: I64
    """From the start of the frame."""
    total_bytes: I64
    """IP header and payload by the header's own field; 0 where it states none (large sends) or there is no IP."""


def _u16(data: U8, at: I64) -> I64:
    return (data[at].astype(np.int64) << 8) | data[at + 1]


def find_network_layer(data: U8, start: I64, n_bytes: I64, link_type: U16) -> NetworkLayer:
    """The IP header behind Ethernet (up to two VLAN tags) or in raw frames. Wi-Fi and others: none.

    `data` has at least 64 bytes of padding behind the last frame.
    """
    n = len(start)
    is_ethernet = link_type == LINK_ETHERNET
    at = np.where(is_ethernet, ETHER_BYTES, 0)
    ethertype = np.zeros(n, np.int64)
    fits = is_ethernet & (n_bytes >= ETHER_BYTES)
    ethertype[fits] = _u16(data, start[fits] + ETHER_BYTES - 2)
    for _ in range(_TAGS_MAX):
        tagged = np.flatnonzero(np.isin(ethertype, _TAGS) & (n_bytes >= at + VLAN_BYTES))
        if not len(tagged):
            break
        ethertype[tagged] = _u16(data, start[tagged] + at[tagged] + 2)
        at[tagged] += VLAN_BYTES
    has_room = n_bytes > at
    nibble = np.zeros(n, np.uint8)
    nibble[has_room] = data[(start + at)[has_room]] >> 4
    is_raw = link_type == LINK_RAW
    is_v4 = (nibble == 4) & (is_raw | (ethertype == ETHERTYPE_IPV4)) & (n_bytes >= at + 20)
    is_v6 = (nibble == 6) & (is_raw | (ethertype == ETHERTYPE_IPV6)) & (n_bytes >= at + IPV6_BYTES)
    total = np.zeros(n, np.int64)
    total[is_v4] = _u16(data, (start + at)[is_v4] + 2)
    payload = _u16(data, (start + at)[is_v6] + 4)
    total[is_v6] = np.where(payload > 0, payload + IPV6_BYTES, 0)
    version = np.where(is_v4, 4, np.where(is_v6, 6, 0)).astype(np.uint8)
    return NetworkLayer(version, np.where(version > 0, at, 0), total)


def original_bytes(data: U8, start: I64, n_bytes: I64, stated: I64, link_type: U16) -> I64:
    """Length of each packet before truncation: as stated, else by its IP header, never less than captured.

    A large send states 0 in its IP header: then what was captured is all that is known
    (ndis-packetcapture.md, Original length).
    """
    layer = find_network_layer(data, start, n_bytes, link_type)
    inferred = np.where(layer.total_bytes > 0, layer.offset + layer.total_bytes, 0)
    return np.maximum(n_bytes, np.where(stated > 0, stated, inferred))


def summarize(frame: bytes, link_type: int) -> str:
    """One frame in a few words: `ICMP 10.0.0.4 → 10.0.0.5`, with ports where there are any."""
    padded = np.frombuffer(frame + bytes(64), np.uint8)
    one = np.zeros(1, np.int64)
    layer = find_network_layer(padded, one, one + len(frame), np.array([link_type], np.uint16))
    at, version = int(layer.offset[0]), int(layer.version[0])
    if version == 4:
        addresses, protocol, behind = (
            (frame[at + 12 : at + 16], frame[at + 16 : at + 20]),
            frame[at + 9],
            at + 4 * (frame[at] & 15),
        )
    elif version == 6:
        addresses, protocol, behind = (
            (frame[at + 8 : at + 24], frame[at + 24 : at + 40]),
            frame[at + 6],
            at + IPV6_BYTES,
        )
    else:
        return f"{len(frame)} bytes that are not IP"
    texts = [str(ip_address(address)) for address in addresses]
    if protocol in _WITH_PORTS and len(frame) >= behind + 4:
        ports = int.from_bytes(frame[behind : behind + 2], "big"), int.from_bytes(frame[behind + 2 : behind + 4], "big")
        texts = [
            f"[{text}]:{port}" if version == 6 else f"{text}:{port}" for text, port in zip(texts, ports, strict=True)
        ]
    name = _PROTOCOL_NAMES.get(protocol, f"IP protocol {protocol}")
    echo = _ECHO.get((protocol, frame[behind])) if len(frame) > behind else None
    return f"{name} {texts[0]} → {texts[1]}" + (f", {echo}" if echo else "")


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields of frames, a row each; -1 in a column that does not say otherwise = not there, or not captured.

    Numbers are in the unit of the field. Offsets are in bytes from the start of the frame, also those of `inner`.
    A field is there as soon as its own bytes are, whatever is missing behind it; nothing is read behind the end
    that the packet itself states.
    """

    row: I64
    """The frame among those given to `decode_packets`."""
    eth_dst: I64
    """MAC address as a 48-bit number; of Wi-Fi data frames the final destination."""
    eth_src: I64
    eth_type: I32
    """The EtherType behind the addresses, which may be that of a VLAN tag; -1 where a length stands there."""
    network_type: I32
    """The EtherType behind tags and SNAP; of LLC without SNAP its DSAP, below 256."""
    vlan_id: I16
    """Of the outer tag *in the bytes* (802.1Q, 802.1ad); what Windows recorded beside the bytes is in `Fragments`."""
    vlan_priority: I16
    vlan2_id: I16
    """Of a second tag."""
    vlan2_priority: I16
    arp_op: I32
    """1 request, 2 reply."""
    arp_sender_mac: I64
    arp_sender_ip: I64
    """IPv4 address as a number; this and the three others only of ARP for IPv4 over Ethernet."""
    arp_target_mac: I64
    arp_target_ip: I64
    ip_version: I16
    """4, 6, or -1: no IP."""
    ip_offset: I32
    """Where the IP header starts."""
    ip_header_bytes: I16
    """With IPv4's options; 40 for IPv6."""
    ip_traffic_class: I16
    """DSCP << 2 | ECN."""
    ip_length: I32
    """As the header states it: of IPv4 the whole packet, of IPv6 what is behind its 40 bytes; 0 for large sends."""
    ip_id: I64
    """IPv4 identification, or that of IPv6's fragment header (32 bits)."""
    ip_flags: I16
    """4 reserved, 2 don't fragment, 1 more fragments; of IPv6 only the last, and only with a fragment header."""
    ip_fragment_offset: I32
    """In units of 8 bytes, as in the header. What follows it is not looked into where it is above 0."""
    ip_ttl: I16
    """Time to live, or hop limit."""
    ip_protocol: I16
    """As the IP header itself states it: for IPv6 the first next header."""
    protocol: I16
    """Of what follows all extension headers, -1 where one is cut; of bare payload (link type 252) what its tags say."""
    src_high: U64
    """IP address as 128 bits, an IPv4 address in the lowest 32; `has_src` says whether there is one."""
    src_low: U64
    dst_high: U64
    dst_low: U64
    has_src: BOOL
    has_dst: BOOL
    src_port: I32
    """Of TCP, UDP, SCTP."""
    dst_port: I32
    transport_offset: I32
    """Where the header of TCP, UDP, SCTP, ICMP, ICMPv6 or GRE starts."""
    tcp_seq: I64
    """As in the frame, not relative to the first."""
    tcp_ack: I64
    """As in the frame, also where the ACK flag is not set."""
    tcp_flags: I16
    """12 bits: 1 FIN, 2 SYN, 4 RST, 8 PSH, 0x10 ACK, 0x20 URG, 0x40 ECE, 0x80 CWR, 0x100 AE, reserved above."""
    tcp_window: I32
    """Not scaled."""
    tcp_header_bytes: I16
    tcp_payload_bytes: I32
    """On the wire: by the IP header's length; where that is 0, by the frame's original length. Not of IP fragments."""
    udp_length: I32
    """With its header, as stated."""
    icmp_type: I16
    """Of ICMP or ICMPv6: `protocol` tells which."""
    icmp_code: I16
    icmp_id: I32
    """Of echo, and of ICMP's other queries (types 13 to 18)."""
    icmp_seq: I32
    gre_protocol: I32
    """EtherType of what GRE carries."""
    gre_key: I64
    """Of GRE version 0, where it has one."""
    vsid: I32
    """NVGRE: virtual subnet, the upper 24 bits of the key."""
    flow_id: I16
    """NVGRE: the lower 8 bits of the key."""
    vxlan_flags: I32
    """16 bits; 0x0800 says that the VNI is valid."""
    vni: I32
    """VXLAN (UDP to port 4789): network identifier."""
    payload_offset: I32
    """Behind the header of TCP or UDP, or behind the tags of bare payload."""
    payload_bytes: I32
    """Captured of it."""
    inner_offset: I32
    """Where a frame carried by VXLAN or GRE, or an IP packet in another, starts; -1 = none, or none of it captured."""
    inner: Headers | None = None
    """Of the carried frames, only for rows that have one; `inner.row` is the row *here*. One level is looked into."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: I64 | BOOL) -> Headers:
        """Only `rows`, inner headers with them; `row` stays what it was. Each row at most once."""
        chosen = {name: getattr(self, name)[rows] for name in COLUMNS}
        inner = self.inner
        if inner is not None:
            place = np.full(len(self), -1, np.int64)
            place[rows] = np.arange(len(chosen["row"]))
            kept = np.flatnonzero(place[inner.row] >= 0)
            kept = kept[np.argsort(place[inner.row[kept]], kind="stable")]
            inner = replace(inner.take(kept), row=place[inner.row[kept]])
        return Headers(**chosen, inner=inner)


COLUMNS = tuple(column.name for column in fields(Headers) if column.name != "inner")
"""Names of the columns of `Headers`."""

# In the order of the indexes in `kernels`.
_LONG_COLUMNS = (
    "eth_dst", "eth_src", "arp_sender_mac", "arp_target_mac", "arp_sender_ip", "arp_target_ip", "ip_id", "tcp_seq",
    "tcp_ack", "gre_key",
)  # fmt: skip
_WORD_COLUMNS = (
    "eth_type", "network_type", "arp_op", "ip_offset", "ip_length", "ip_fragment_offset", "src_port", "dst_port",
    "transport_offset", "tcp_window", "tcp_payload_bytes", "udp_length", "icmp_id", "icmp_seq", "gre_protocol",
    "vxlan_flags", "vni", "vsid", "payload_offset", "payload_bytes", "inner_offset",
)  # fmt: skip
_HALF_COLUMNS = (
    "vlan_id", "vlan_priority", "vlan2_id", "vlan2_priority", "ip_version", "ip_header_bytes", "ip_traffic_class",
    "ip_flags", "ip_ttl", "ip_protocol", "protocol", "tcp_flags", "tcp_header_bytes", "icmp_type", "icmp_code",
    "flow_id",
)  # fmt: skip
_ADDRESS_COLUMNS = ("src_high", "src_low", "dst_high", "dst_low")


def decode_packets(
    data: U8, start: I64, n_bytes: I64, link_type: U16, original_bytes: I64 | None = None
) -> Headers:  # fmt: skip
    """Headers of all frames: Ethernet, bare IP, Wi-Fi data and exported PDUs; frames of other link types have none.

    `original_bytes`: lengths before truncation. They only matter where an IP header does not state how long the
    packet is, or more than it was.
    """
    n = len(start)
    if bool(((start < 0) | (n_bytes < 0) | (start + n_bytes > len(data))).any()):
        raise ValueError("a frame lies outside the data")
    place = np.empty((3, n), np.int64)
    place[0], place[1] = start, start + n_bytes
    place[2] = -1 if original_bytes is None else start + np.maximum(original_bytes, n_bytes)
    return _decode(data, start, place, link_type, n_levels=2)


def _decode(data: U8, start: I64, place: I64, link_type: U16, *, n_levels: int) -> Headers:
    """`place`: where in `data` each link header, what was captured, and the packet itself end (see `kernels`)."""
    from wnv import kernels

    n = len(start)
    table = _Table(
        np.empty((kernels.N_LONG_COLUMNS, n), np.int64), np.empty((kernels.N_WORD_COLUMNS, n), np.int32),
        np.empty((kernels.N_HALF_COLUMNS, n), np.int16), np.zeros((4, n), np.int64), np.zeros((2, n), np.bool_),
        np.full(n, -1, np.int16),
    )  # fmt: skip
    for first in range(0, n, _ROWS_AT_ONCE):
        _read_layers(data, start, place, link_type, table, first, min(first + _ROWS_AT_ONCE, n))
    inner = None
    carriers = np.flatnonzero(table.half[kernels.INNER_LINK] >= 0) if n_levels > 1 else np.zeros(0, np.int64)
    if len(carriers):
        begin = start[carriers]
        bounds = table.word[kernels.INNER_OFFSET : kernels.INNER_WIRE_END + 1, carriers] + begin
        link = table.half[kernels.INNER_LINK, carriers].astype(np.uint16)
        inner = replace(_decode(data, begin, bounds, link, n_levels=n_levels - 1), row=carriers)
    columns: dict[str, object] = dict(zip(_LONG_COLUMNS, table.long, strict=True))
    columns |= zip(_WORD_COLUMNS, table.word, strict=False)  # behind them is what only `inner` needs
    columns |= zip(_HALF_COLUMNS, table.half, strict=False)
    columns |= zip(_ADDRESS_COLUMNS, table.address.view(np.uint64), strict=True)
    columns |= zip(("has_src", "has_dst"), table.has, strict=True)
    return Headers(row=np.arange(n), inner=inner, **columns)  # type: ignore[arg-type] # columns by name


@dataclass(frozen=True, slots=True)
class _Table:
    """Columns by width, the row of a column as in `kernels`."""

    long: I64
    word: I32
    half: I16
    address: I64
    has: BOOL
    next_is: I16
    """Protocol of the header behind IP; -1 = none to read."""


def _read_layers(data: U8, start: I64, place: I64, link_type: U16, table: _Table, first: int, end: int) -> None:
    """The rows from `first` to `end`: few enough that their frames stay in the cache from layer to layer."""
    from wnv import kernels

    long, word, half, address, has, next_is = (
        table.long, table.word, table.half, table.address, table.has, table.next_is,
    )  # fmt: skip
    for columns in (long, word, half):
        columns[:, first:end] = -1
    link, network, carried = link_type[first:end], word[kernels.NETWORK_TYPE, first:end], next_is[first:end]

    def rows_where(is_meant: BOOL) -> I64:
        return np.flatnonzero(is_meant) + first

    rows = rows_where(link == LINK_ETHERNET)
    kernels.read_ethernet(data, rows, place, long, word, half)
    rows = rows_where((network >= 0) & (network < _LOWEST_ETHERTYPE))
    if len(rows):
        kernels.read_llc(data, rows, place, word)
    rows = rows_where(link == LINK_WIFI)
    if len(rows):
        kernels.read_wifi(data, rows, place, long, word)
    rows = rows_where(link == LINK_UPPER_PDU)
    if len(rows):
        kernels.read_upper_pdu(data, rows, start, place, word, half, address, has)
    is_raw = (link == LINK_RAW) & (place[0, first:end] < place[1, first:end])
    if is_raw.any():  # the first nibble tells
        nibble = data[np.minimum(place[0, first:end], len(data) - 1)] >> 4
        network[is_raw & (nibble == 4)] = ETHERTYPE_IPV4
        network[is_raw & (nibble == 6)] = ETHERTYPE_IPV6
    rows = rows_where(network == ETHERTYPE_ARP)
    if len(rows):
        kernels.read_arp(data, rows, place, long, word)
    rows = rows_where(network == ETHERTYPE_IPV4)
    kernels.read_ipv4(data, rows, start, place, long, word, half, address, has, next_is)
    rows = rows_where(network == ETHERTYPE_IPV6)
    if len(rows):
        kernels.read_ipv6(data, rows, start, place, long, word, half, address, has, next_is)
    is_transport = _WITH_HEADER[carried]
    rows = rows_where(is_transport == _HAS_PORTS)
    kernels.read_transport(data, rows, start, place, long, word, half, next_is)
    rows = rows_where(is_transport == _IS_OTHER)
    if not len(rows):
        return
    protocol = next_is[rows]
    for number, is_query in _QUERIES.items():
        kernels.read_icmp(data, rows[protocol == number], start, place, word, half, is_query)
    kernels.read_gre(data, rows[protocol == _GRE], start, place, long, word, half)
    rows = rows[(protocol == _IN_IPV4) | (protocol == _IN_IPV6)]
    rows = rows[place[0, rows] < place[1, rows]]
    half[kernels.INNER_LINK, rows] = LINK_RAW
    word[kernels.INNER_OFFSET, rows] = place[0, rows] - start[rows]
    word[kernels.INNER_END, rows] = place[1, rows] - start[rows]
    word[kernels.INNER_WIRE_END, rows] = np.maximum(place[2, rows], place[1, rows]) - start[rows]


def _flags_of(numbers: Iterable[int]) -> BOOL:
    found = np.zeros(256, np.bool_)
    found[list(numbers)] = True
    return found


_ROWS_AT_ONCE = 1 << 14
_LOWEST_ETHERTYPE = 0x600
_IN_IPV4, _TCP, _UDP, _IN_IPV6, _GRE, _SCTP = 4, 6, 17, 41, 47, 132
_QUERIES = {1: _flags_of((0, 8, *range(13, 19))), 58: _flags_of((128, 129))}
"""Of ICMP and ICMPv6, the types with identifier and number."""
_HAS_PORTS, _IS_OTHER = 1, 2
_WITH_HEADER = np.zeros(257, np.uint8)  # by protocol; the last is that of -1
_WITH_HEADER[[_TCP, _UDP, _SCTP]] = _HAS_PORTS
_WITH_HEADER[[*_QUERIES, _IN_IPV4, _IN_IPV6, _GRE]] = _IS_OTHER


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of text in which few values are distinct."""

    code: I32
    """Index into `values`; -1 = null."""
    values: list[str]
    """Distinct, in order of first appearance."""

    def __len__(self) -> int:
        return len(self.code)

    def take(self, rows: I64 | BOOL) -> Texts:
        return Texts(self.code[rows], self.values)

    def tolist(self) -> list[str | None]:
        """The text of each row."""
        with_null = [*self.values, None]  # code -1 is the last
        return [with_null[code] for code in self.code.tolist()]


def ipv4_texts(values: U32 | I64, is_given: BOOL | None = None) -> Texts:
    """`10.0.0.5` for each number; negative ones, and where `is_given` is false, are null."""
    low = values.astype(np.int64)
    return _texts(np.zeros(len(low), np.int64), low, low >= 0 if is_given is None else is_given, _ipv4_text)


def ipv6_texts(high: U64, low: U64, is_given: BOOL | None = None) -> Texts:
    """`fe80::1` for each pair of 64 bits, the shortest form of RFC 5952; null where `is_given` is false."""
    given = np.ones(len(low), np.bool_) if is_given is None else is_given
    return _texts(high.view(np.int64), low.view(np.int64), given, _ipv6_text)


def ipv6_at(data: U8, at: I64) -> Texts:
    """The addresses at these places, which the caller has checked."""
    halves = data[at[:, None] + np.arange(16)].view(">u8").astype(np.uint64)
    return ipv6_texts(halves[:, 0].copy(), halves[:, 1].copy())


def mac_texts(values: I64) -> Texts:
    """`02:00:00:00:00:0a` for each 48-bit number; -1 is null."""
    return _texts(np.zeros(len(values), np.int64), values, values >= 0, _mac_text)


def address_texts(ip_version: I16, high: U64, low: U64, is_given: BOOL) -> Texts:
    """IPv4 and IPv6 addresses of one column, as `Headers` has them."""
    # Told apart by the part that no IPv4 address has: an IPv6 address of ::/64 with a low half below 2**32 is rare,
    # but must not become an IPv4 address.
    four = ipv4_texts(low.view(np.int64), is_given & (ip_version == 4))
    if not bool((ip_version == 6).any()):
        return four
    six = ipv6_texts(high, low, is_given & (ip_version == 6))
    code = np.where(four.code >= 0, four.code, np.where(six.code >= 0, six.code + len(four.values), -1))
    return Texts(code.astype(np.int32), four.values + six.values)


def _texts(high: I64, low: I64, is_given: BOOL, render: Callable[[int, int], str]) -> Texts:
    from wnv import kernels

    n = len(low)
    slots = np.full(1 << (2 * n).bit_length(), -1, np.int32)
    first_row, code = np.empty(n, np.int32), np.empty(n, np.int32)
    n_distinct = kernels.number_pairs(high, low, is_given, secrets.randbits(32), slots, first_row, code)
    rows = first_row[:n_distinct]
    return Texts(code, [render(*pair) for pair in zip(high[rows].tolist(), low[rows].tolist(), strict=True)])


def _ipv4_text(_: int, value: int) -> str:
    return f"{value >> 24 & 255}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def _ipv6_text(high: int, low: int) -> str:
    """An IPv4 address in the last 32 bits is shown as one where it is mapped (RFC 5952, section 5)."""
    high, low = high & _ALL_64, low & _ALL_64
    if high == 0 and low >> 32 == 0xFFFF:
        return f"::ffff:{_ipv4_text(0, low)}"
    return IPv6Address(high << 64 | low).compressed


def _mac_text(_: int, value: int) -> str:
    return value.to_bytes(6, "big").hex(":")


_ALL_64 = (1 << 64) - 1
