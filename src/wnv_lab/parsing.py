"""Frames to headers, and what a hop changes to a function that changes frames."""

from __future__ import annotations

import struct
from collections.abc import Callable

from wnv_lab.frames import ARP, ICMP, IPV4, TCP, UDP, VXLAN_OVERHEAD_BYTES, VXLAN_PORT, folded_sum, vxlan_header
from wnv_lab.model import Header

_HEAD = struct.Struct(">6s6sHBBHHHBBH4s4s")
_PORTS = struct.Struct(">HH")


def header_of(frame: bytes, vlan: int = 0) -> Header:
    """The header of a frame; of the inner packet if it is VXLAN, with the outer addresses beside it."""
    if frame[12:14] == b"\x08\x06":
        return Header(
            frame[0:6], frame[6:12], ARP, vlan, kind=frame[21], src=frame[28:32], dst=frame[38:42], n_bytes=len(frame)
        )
    if frame[12:14] != b"\x08\x00":
        return Header(frame[0:6], frame[6:12], int.from_bytes(frame[12:14], "big"), vlan, n_bytes=len(frame))
    eth_dst, eth_src, _, _, _, _, _, flags, ttl, protocol, _, src, dst = _HEAD.unpack_from(frame)
    sport = dport = None
    kind = ident = 0
    if protocol in (TCP, UDP) and not flags & 0x1FFF:
        sport, dport = _PORTS.unpack_from(frame, 34)
        if protocol == UDP and dport == VXLAN_PORT:
            inner = header_of(frame[VXLAN_OVERHEAD_BYTES:])
            inner.vlan, inner.outer_src, inner.outer_dst = vlan, src, dst
            inner.outer_eth_src, inner.outer_eth_dst = eth_src, eth_dst
            inner.vni = int.from_bytes(frame[46:49], "big")
            inner.n_bytes = len(frame)
            return inner
        if protocol == UDP and dport in (67, 68) and len(frame) > 284:
            kind = frame[284]
    elif protocol == ICMP:
        kind, ident = frame[34], frame[38] << 8 | frame[39]
    return Header(
        eth_dst,
        eth_src,
        IPV4,
        vlan,
        protocol,
        src,
        dst,
        sport,
        dport,
        len(frame),
        ttl,
        bool(flags & 0x4000),
        kind,
        ident,
    )


def flow_key(frame: bytes) -> bytes:
    """What of a frame decides its way: addresses, protocol, ports (or ICMP type and identifier)."""
    if frame[12:14] != b"\x08\x00":
        return frame[0:14] + frame[20:42]
    protocol = frame[23]
    if protocol == ICMP:
        return frame[0:14] + frame[23:24] + frame[26:36] + frame[38:40]
    if protocol == UDP and frame[36:38] == b"\x12\xb5":
        return frame[0:14] + b"\x04" + frame[26:34] + frame[46:49] + flow_key(frame[VXLAN_OVERHEAD_BYTES:])
    if protocol == UDP and frame[36:38] in (b"\0C", b"\0D"):
        return frame[0:14] + frame[23:24] + frame[26:38] + frame[284:285]
    return frame[0:14] + frame[23:24] + frame[26:38] + (frame[47:48] if frame[47:48] == b"\x02" else b"")


Rewrite = Callable[[bytes, bool], bytes]
"""Frame, and whether its transport checksum is unfinished, to the frame after the hop."""


def rewrite_between(before: Header, after: Header) -> Rewrite | None:
    """The function that makes the frames of `before` those of `after`; None if nothing changes."""
    if after.outer_src and not before.outer_src:
        return _encapsulation(after, rewrite_between(before, _without_outer(after)))
    if before.outer_src and not after.outer_src:
        inner = rewrite_between(_without_outer(before), after)
        if inner is None:
            return lambda frame, _: frame[VXLAN_OVERHEAD_BYTES:]
        return lambda frame, is_open: inner(frame[VXLAN_OVERHEAD_BYTES:], is_open)
    is_l2 = (before.eth_dst, before.eth_src) != (after.eth_dst, after.eth_src)
    is_l3 = any(
        old != new
        for old, new in (
            (before.src, after.src),
            (before.dst, after.dst),
            (before.sport, after.sport),
            (before.dport, after.dport),
            (before.ident, after.ident),
            (before.ttl, after.ttl),
        )
    )
    if not is_l3 or before.ethertype != IPV4:
        if not is_l2:
            return None
        ethernet = after.eth_dst + after.eth_src
        return lambda frame, _: ethernet + frame[12:]
    return _translation(before, after)


def _without_outer(header: Header) -> Header:
    inner = header.copy()
    inner.outer_src = inner.outer_dst = inner.outer_eth_src = inner.outer_eth_dst = b""
    inner.vni = 0
    return inner


def _translation(before: Header, after: Header) -> Rewrite:
    """New addresses, ports and TTL, with both checksums brought along by what changed (RFC 1624)."""
    head = after.eth_dst + after.eth_src
    addresses = after.src + after.dst
    by_addresses = folded_sum(addresses) - folded_sum(before.src + before.dst)
    by_ip = by_addresses + ((after.ttl - before.ttl) << 8)
    ports = b""
    by_transport = by_addresses
    if after.sport is not None and after.dport is not None:
        assert before.sport is not None
        assert before.dport is not None
        ports = _PORTS.pack(after.sport, after.dport)
        by_transport += after.sport + after.dport - before.sport - before.dport
    ttl = bytes([after.ttl])
    at = {TCP: 50, UDP: 40}.get(after.protocol, 0)
    by_ident = after.ident - before.ident
    ident = after.ident.to_bytes(2, "big")

    def translate(frame: bytes, is_open: bool) -> bytes:
        old = frame[24] << 8 | frame[25]
        new = 65535 - ((65535 - old + by_ip) % 65535 or 65535)
        made = b"".join((head, frame[12:22], ttl, frame[23:24], new.to_bytes(2, "big"), addresses))
        if by_ident:  # of an ICMP echo, whose checksum covers no addresses
            field = 65535 - ((65535 - (frame[36] << 8 | frame[37]) + by_ident) % 65535 or 65535)
            return b"".join((made, frame[34:36], field.to_bytes(2, "big"), ident, frame[40:]))
        if not at or not ports or len(frame) < at + 2:
            return made + frame[34:]
        field = frame[at] << 8 | frame[at + 1]
        if is_open:
            field = (field + by_addresses) % 65535 or 65535
        elif field or at == 50:
            field = 65535 - ((65535 - field + by_transport) % 65535 or 65535)
            field = field or (65535 if at == 40 else 0)  # UDP keeps 0 for "no checksum"
        return b"".join((made, ports, frame[38:at], field.to_bytes(2, "big"), frame[at + 2 :]))

    return translate


def _encapsulation(after: Header, inner: Rewrite | None) -> Rewrite:
    """VXLAN around each frame (RFC 7348); the outer source port is a hash of the flow, its checksum is zero."""
    ethernet = after.outer_eth_dst + after.outer_eth_src + b"\x08\x00"
    key = after.src + after.dst + bytes([after.protocol]) + (after.sport or 0).to_bytes(2, "big")
    sport = 49152 + folded_sum(key + (after.dport or 0).to_bytes(2, "big")) % 16384
    vxlan = vxlan_header(after.vni)
    addresses = after.outer_src + after.outer_dst
    idents = [0]

    def encapsulate(frame: bytes, is_open: bool) -> bytes:
        if inner is not None:
            frame = inner(frame, is_open)
        idents[0] = idents[0] + 1 & 0xFFFF
        udp_bytes = 16 + len(frame)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + udp_bytes, idents[0], 0x4000, 128, UDP, 0) + addresses
        total = 65535 - folded_sum(head)
        return b"".join(
            (
                ethernet,
                head[:10],
                total.to_bytes(2, "big"),
                addresses,
                struct.pack(">HHHH", sport, VXLAN_PORT, udp_bytes, 0),
                vxlan,
                frame,
            )
        )

    return encapsulate
