"""Sightings as columns of numbers: what is compared to find the same packet again (DESIGN, section 4)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np

from wnv.arrays import BOOL, I64, U8, U16, U64
from wnv.journeys import layout as c
from wnv.journeys.answers import fill_answers
from wnv.packets.headers import Headers, decode_packets
from wnv.packets.overlay import innermost
from wnv.providers.reading import mix
from wnv.providers.winnat import Ends

PROTOCOL_OF_ETHERTYPE = 1 << 16
"""Added to an EtherType where the protocol of an IP packet would stand."""
ARP = PROTOCOL_OF_ETHERTYPE | 0x0806
_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_SAME_FLAGS = 0x17  # FIN, SYN, RST, ACK: what neither segmentation nor ECN changes
_RST = 4
_ICMP_ERRORS = (3, 4, 5, 11, 12)
_GROUP_BIT = 40  # of a MAC address as a number
_HASHED_BYTES = 32


class Keys:
    """Hashes that say whether two packets are the same, seeded so that no recording can aim at them."""

    def __init__(self) -> None:
        self._seed = secrets.randbits(62)

    def hash(self, *columns: I64 | U64) -> I64:
        """One number a row, never 0."""
        seed = np.full(len(columns[0]), self._seed, np.int64)
        mixed: I64 = mix(seed, *(column.view(np.int64) for column in columns)).view(np.int64)
        return np.where(mixed == 0, 1, mixed)

    def tuples(self, protocol: I64, src: tuple[U64, U64], dst: tuple[U64, U64], ports: I64) -> tuple[I64, I64, I64]:
        """Hashes of addresses and ports, of the same with sides exchanged, and of protocol and addresses alone.

        ICMP's identifiers are left out: a NAT changes them, and error messages have none.
        """
        is_icmp = (protocol == _ICMP) | (protocol == _ICMPV6)
        no_ports = np.int64(c.NO_PORT << 32 | c.NO_PORT)
        given = np.where(is_icmp, no_ports, ports)
        back = (given & 0xFFFFFFFF) << 32 | (given >> 32) & 0xFFFFFFFF
        return (
            self.hash(protocol, *src, *dst, given), self.hash(protocol, *dst, *src, back),
            self.hash(protocol, *src, *dst),
        )  # fmt: skip


def pack_ports(sport: I64, dport: I64) -> I64:
    """Both ports in a number; negative ones become `layout.NO_PORT`."""
    source = np.where(sport < 0, c.NO_PORT, sport)
    return source << 32 | np.where(dport < 0, c.NO_PORT, dport)


@dataclass(frozen=True, slots=True)
class Packets:
    """Frames whose keys are wanted; columns of equal length."""

    data: U8
    start: I64
    n_bytes: I64
    link_type: U16
    original_bytes: I64


def empty_sights(n: int) -> I64:
    """A matrix for `n` sightings of which nothing is known."""
    sights = np.zeros((c.N_SIGHT, n), np.int64)
    for column in (
        c.PLACE, c.FRAME_ID, c.IP_ID, c.HASH_8, c.HASH_32, c.WHAT, c.MAC_SRC, c.MAC_DST, c.VLAN, c.VNI, c.DROP_CODE,
        c.DROP_RULE, c.STATION, c.SOURCE, c.SEQ, c.LIFETIME,
    ):  # fmt: skip
        sights[column] = -1
    sights[c.PORTS] = c.NO_PORT << 32 | c.NO_PORT
    sights[c.TIE] = 1000
    return sights


def fill_keys(sights: I64, keys: Keys, packets: Packets) -> None:
    """What the bytes of each packet say: content, addresses, payload, what carries it."""
    if not len(packets.start):
        return
    outer = decode_packets(
        packets.data, packets.start, packets.n_bytes, packets.link_type, packets.original_bytes
    )  # fmt: skip
    inner = innermost(outer)
    _fill_addresses(sights, keys, inner)
    _fill_content(sights, keys, inner, packets)
    _fill_link(sights, outer)
    if outer.inner is not None and len(outer.inner):
        _fill_carrier(sights, keys, outer, outer.inner.row)


def _protocols(headers: Headers) -> I64:
    """IP protocol, or EtherType with `PROTOCOL_OF_ETHERTYPE`."""
    is_ip = headers.ip_version > 0
    ethertype = np.maximum(headers.network_type.astype(np.int64), 0)
    protocol = np.maximum(headers.ip_protocol, headers.protocol).astype(np.int64)
    protocol = np.where(headers.protocol >= 0, headers.protocol.astype(np.int64), protocol)
    is_bare = (headers.protocol >= 0) & ~is_ip  # payload behind tags
    return np.where(is_ip | is_bare, protocol, ethertype | PROTOCOL_OF_ETHERTYPE)


def _fill_addresses(sights: I64, keys: Keys, headers: Headers) -> None:
    protocol = _protocols(headers)
    src = headers.src_high.view(np.int64).copy(), headers.src_low.view(np.int64).copy()
    dst = headers.dst_high.view(np.int64).copy(), headers.dst_low.view(np.int64).copy()
    version = np.maximum(headers.ip_version, 0).astype(np.int64)
    has_both = headers.has_src & headers.has_dst
    is_arp = (protocol == ARP) & (headers.arp_op >= 0)
    if is_arp.any():
        is_whole = is_arp & (headers.arp_sender_ip >= 0) & (headers.arp_target_ip >= 0)
        version[is_whole] = 4
        src[1][is_whole], dst[1][is_whole] = headers.arp_sender_ip[is_whole], headers.arp_target_ip[is_whole]
        has_both = has_both | is_whole
    is_other = ~has_both & (headers.ip_version < 0) & ~is_arp
    if is_other.any():  # neither IP nor ARP: the stations stand for the addresses
        src[1][is_other], dst[1][is_other] = headers.eth_src[is_other], headers.eth_dst[is_other]
    ports = pack_ports(headers.src_port.astype(np.int64), headers.dst_port.astype(np.int64))
    usable = has_both | is_other
    tuples = keys.tuples(protocol, (src[0].view(np.uint64), src[1].view(np.uint64)),
                         (dst[0].view(np.uint64), dst[1].view(np.uint64)), ports)  # fmt: skip
    for column, value in zip((c.TUPLE, c.TUPLE_BACK, c.ADDRESSES), tuples, strict=True):
        sights[column] = np.where(usable, value, 0)
    sights[c.WHAT] = np.where(usable, np.where(has_both, version, 0) | protocol << 8, -1)
    sights[c.SRC_HIGH], sights[c.SRC_LOW], sights[c.DST_HIGH], sights[c.DST_LOW] = *src, *dst
    sights[c.PORTS] = ports


def _fill_content(sights: I64, keys: Keys, headers: Headers, packets: Packets) -> None:
    from wnv.journeys import loops

    protocol = _protocols(headers)
    is_ip = headers.ip_version > 0
    is_tcp, is_udp = headers.tcp_seq >= 0, (headers.protocol == _UDP) & (headers.udp_length >= 0)
    is_icmp = (headers.icmp_type >= 0) & is_ip
    offset, header = headers.ip_offset.astype(np.int64), headers.ip_header_bytes.astype(np.int64)
    ip_length = headers.ip_length.astype(np.int64)
    behind_ip = np.where(headers.ip_version == 4, ip_length - header, ip_length)
    whole = np.where(is_ip & (ip_length > 0), behind_ip, packets.original_bytes - 14)
    whole = np.where(headers.tcp_payload_bytes >= 0, headers.tcp_payload_bytes.astype(np.int64), whole)
    whole = np.where(is_udp, headers.udp_length.astype(np.int64) - 8, whole)
    at = np.where(is_ip, offset + header, 14)
    at = np.where(headers.payload_offset >= 0, headers.payload_offset.astype(np.int64), at)
    transport = headers.transport_offset.astype(np.int64)
    at = np.where(is_icmp, transport + 8, at)
    whole = np.where(is_icmp, whole - 8, whole)
    is_arp = protocol == ARP
    ip_id = np.where(
        headers.ip_version == 4, headers.ip_id, np.where(headers.ip_fragment_offset >= 0, headers.ip_id, -1)
    )
    flags = np.where(is_tcp, headers.tcp_flags.astype(np.int64) & _SAME_FLAGS, -1)
    message = np.where(is_icmp, headers.icmp_type.astype(np.int64) << 8 | headers.icmp_code & 0xFF, -1)
    fragment = np.where(is_ip, headers.ip_fragment_offset.astype(np.int64), -1)
    detail = np.where(is_arp, headers.arp_op.astype(np.int64), headers.icmp_seq.astype(np.int64))
    more_detail = np.where(is_arp, headers.arp_target_ip << 32 ^ headers.arp_sender_ip, headers.tcp_seq)
    acknowledged = np.where(is_tcp & (flags & 0x10 > 0), headers.tcp_ack, -1)
    content = keys.hash(protocol, ip_id, more_detail, acknowledged, flags << 32 ^ message, fragment, detail,
                        np.where(is_arp, 0, whole))  # fmt: skip
    # Headers that were cut off leave nothing that tells one packet from another.
    is_told = np.where(is_ip, is_tcp | is_udp | is_icmp | (ip_id >= 0) | (headers.payload_offset >= 0),
                       headers.network_type >= 0)  # fmt: skip
    is_told &= ~is_ip | ((headers.protocol != _TCP) | is_tcp | (headers.ip_fragment_offset > 0))
    sights[c.CONTENT] = np.where(is_told, content, 0)
    sights[c.IP_ID] = ip_id
    captured = np.clip(packets.n_bytes - at, 0, np.maximum(whole, 0))
    hash_8, hash_32 = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    loops.hash_payloads(
        packets.data, packets.start + at, np.minimum(captured, _HASHED_BYTES), hash_8, hash_32, np.maximum(whole, 0)
    )
    is_error = is_icmp & (
        ((headers.protocol == _ICMP) & np.isin(headers.icmp_type, _ICMP_ERRORS))
        | ((headers.protocol == _ICMPV6) & (headers.icmp_type < 128))
    )  # fmt: skip
    is_opaque = is_error | is_arp | ~is_told  # an error carries the packet it is about, which a NAT rewrites too
    sights[c.HASH_8] = np.where(is_opaque, -1, hash_8)
    sights[c.HASH_32] = np.where(is_opaque, -1, hash_32)
    length = np.maximum(headers.tcp_payload_bytes.astype(np.int64), 0)
    identifier = headers.icmp_id.astype(np.int64)
    sights[c.SEQ] = np.where(is_tcp, headers.tcp_seq, identifier)
    sights[c.SEQ_END] = np.where(is_tcp, headers.tcp_seq + length + ((flags & 3) > 0), identifier)
    sights[c.TCP_FLAGS] = np.maximum(headers.tcp_flags.astype(np.int64), 0)
    sights[c.LENGTH] = packets.original_bytes
    is_reply_like: BOOL = (is_tcp & (flags & _RST > 0)) | is_error
    sights[c.FLAGS] |= np.where(is_reply_like, c.IS_REPLY_LIKE, 0)
    fill_answers(sights, keys, headers, packets, at)


def _fill_link(sights: I64, headers: Headers) -> None:
    sights[c.MAC_SRC], sights[c.MAC_DST] = headers.eth_src, headers.eth_dst
    is_group = (headers.eth_dst >= 0) & (headers.eth_dst >> _GROUP_BIT & 1 == 1)
    sights[c.FLAGS] |= np.where(is_group, c.IS_GROUP, 0)


def _fill_carrier(sights: I64, keys: Keys, headers: Headers, rows: I64) -> None:
    version = np.maximum(headers.ip_version[rows], 0).astype(np.int64)
    parts = tuple(
        column[rows].view(np.int64) for column in (headers.src_high, headers.src_low, headers.dst_high, headers.dst_low)
    )
    vni = np.where(headers.vni[rows] >= 0, headers.vni[rows], headers.vsid[rows]).astype(np.int64)
    sights[c.OUTER, rows] = keys.hash(version, *parts, vni)
    sights[c.OUTER_VERSION, rows] = version
    for column, part in zip((c.OUTER_SRC_HIGH, c.OUTER_SRC_LOW, c.OUTER_DST_HIGH, c.OUTER_DST_LOW), parts, strict=True):
        sights[column, rows] = part
    sights[c.VNI, rows] = vni


def fill_ends(sights: I64, keys: Keys, protocol: I64, src: Ends, dst: Ends) -> None:
    """Addresses and ports that an event states; where either is missing, nothing is known."""
    has_both = (src.version > 0) & (dst.version > 0)
    ports = pack_ports(src.port.astype(np.int64), dst.port.astype(np.int64))
    ports = np.where((protocol == _ICMP) | (protocol == _ICMPV6), c.NO_PORT << 32 | c.NO_PORT, ports)
    tuples = keys.tuples(protocol, (src.high, src.low), (dst.high, dst.low), ports)
    for column, value in zip((c.TUPLE, c.TUPLE_BACK, c.ADDRESSES), tuples, strict=True):
        sights[column] = np.where(has_both, value, 0)
    sights[c.WHAT] = np.where(has_both, src.version.astype(np.int64) | protocol << 8, -1)
    sights[c.SRC_HIGH], sights[c.SRC_LOW] = src.high.view(np.int64), src.low.view(np.int64)
    sights[c.DST_HIGH], sights[c.DST_LOW] = dst.high.view(np.int64), dst.low.view(np.int64)
    sights[c.PORTS] = ports
