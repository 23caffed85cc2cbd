"""Bytes of frames, written from the protocols' RFCs.

Addresses are bytes in network order (4 for IPv4, 6 for a MAC). Everything returns whole frames or payloads with
right lengths and checksums, unless a checksum is asked to be left unfinished, as a stack does that leaves it to
the NIC.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

BROADCAST = b"\xff" * 6
IPV4, ARP, VLAN = 0x0800, 0x0806, 0x8100
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
VXLAN_PORT = 4789
VXLAN_OVERHEAD_BYTES = 50
"""Outer Ethernet 14, IPv4 20, UDP 8, VXLAN 8 (RFC 7348)."""

_ETHERNET = struct.Struct(">6s6sH")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_TCP = struct.Struct(">HHIIBBHHH")
_UDP = struct.Struct(">HHHH")


def ip_bytes(text: str) -> bytes:
    """`10.0.0.1` as four bytes."""
    return IPv4Address(text).packed


def ip_text(address: bytes) -> str:
    """Four bytes as `10.0.0.1`."""
    return f"{address[0]}.{address[1]}.{address[2]}.{address[3]}"


def mac_bytes(text: str) -> bytes:
    """`00-15-5D-00-00-01` (or with colons) as six bytes."""
    return bytes.fromhex(text.replace("-", "").replace(":", ""))


def mac_text(address: bytes) -> str:
    """Six bytes as `00-15-5D-00-00-01`, the way Windows writes them."""
    return address.hex("-").upper()


def folded_sum(data: bytes) -> int:
    """One's-complement sum of 16-bit words (RFC 1071), 1 to 65535; an odd last byte is padded."""
    if len(data) & 1:
        data += b"\0"
    return int.from_bytes(data, "big") % 65535 or 65535


def checksum(data: bytes) -> int:
    """The Internet checksum of `data`."""
    return 65535 - folded_sum(data)


def pseudo_sum(src: bytes, dst: bytes, protocol: int, n_bytes: int) -> int:
    """Folded sum of the pseudo header: what a stack leaves in the field when the NIC finishes the checksum."""
    return (int.from_bytes(src + dst, "big") + protocol + n_bytes) % 65535 or 65535


def ethernet(dst: bytes, src: bytes, ethertype: int, payload: bytes) -> bytes:
    """An untagged frame. Not padded to 60 bytes: the NIC pads below the points where packets are seen."""
    return _ETHERNET.pack(dst, src, ethertype) + payload


def tagged(frame: bytes, vlan: int, priority: int = 0) -> bytes:
    """The frame with an 802.1Q tag, as it is on a wire."""
    return frame[:12] + struct.pack(">HH", VLAN, priority << 13 | vlan) + frame[12:]


def ipv4(
    src: bytes,
    dst: bytes,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    ttl: int = 128,
    has_df: bool = True,
    is_large_send: bool = False,
) -> bytes:
    """An IPv4 packet without options. A large send has total length 0: the NIC writes one a segment."""
    n_bytes = 0 if is_large_send else 20 + len(payload)
    flags = 0x4000 if has_df else 0
    head = _IPV4.pack(0x45, 0, n_bytes, ident, flags, ttl, protocol, 0, src, dst)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload


def tcp(
    src: bytes,
    dst: bytes,
    sport: int,
    dport: int,
    seq: int,
    ack: int,
    flags: int,
    payload: bytes = b"",
    *,
    options: bytes = b"",
    window: int = 64240,
    is_finished: bool = True,
    is_large_send: bool = False,
) -> bytes:
    """A TCP segment; `options` a multiple of 4 bytes. Unfinished: the field holds the pseudo header's sum."""
    offset = (20 + len(options)) << 2
    n_bytes = 20 + len(options) + len(payload)
    pseudo = pseudo_sum(src, dst, TCP, 0 if is_large_send else n_bytes)
    if not is_finished or is_large_send:
        return _TCP.pack(sport, dport, seq, ack, offset, flags, window, pseudo, 0) + options + payload
    body = _TCP.pack(sport, dport, seq, ack, offset, flags, window, 0, 0) + options + payload
    total = 65535 - ((pseudo + folded_sum(body)) % 65535 or 65535)
    return body[:16] + total.to_bytes(2, "big") + body[18:]


def udp(src: bytes, dst: bytes, sport: int, dport: int, payload: bytes, *, is_finished: bool = True) -> bytes:
    """A UDP datagram."""
    n_bytes = 8 + len(payload)
    pseudo = pseudo_sum(src, dst, UDP, n_bytes)
    if not is_finished:
        return _UDP.pack(sport, dport, n_bytes, pseudo) + payload
    body = _UDP.pack(sport, dport, n_bytes, 0) + payload
    total = 65535 - ((pseudo + folded_sum(body)) % 65535 or 65535)
    return body[:6] + (total or 65535).to_bytes(2, "big") + payload


def icmp(kind: int, code: int, rest: int, payload: bytes) -> bytes:
    """An ICMP message; `rest` is the second word of the header (identifier and sequence of an echo, MTU …)."""
    body = struct.pack(">BBHI", kind, code, 0, rest) + payload
    return body[:2] + checksum(body).to_bytes(2, "big") + body[4:]


def echo(is_reply: bool, identifier: int, sequence: int, n_bytes: int = 32) -> bytes:
    """An ICMP echo with Windows' payload, the letters a to w over and over."""
    letters = (b"abcdefghijklmnopqrstuvw" * (n_bytes // 23 + 1))[:n_bytes]
    return icmp(0 if is_reply else 8, 0, identifier << 16 | sequence, letters)


def arp(operation: int, sender_mac: bytes, sender: bytes, target_mac: bytes, target: bytes) -> bytes:
    """An ARP packet for Ethernet and IPv4 (RFC 826); operation 1 asks, 2 answers."""
    return struct.pack(">HHBBH6s4s6s4s", 1, IPV4, 6, 4, operation, sender_mac, sender, target_mac, target)


def mss_option(mss: int) -> bytes:
    """Options of a SYN: MSS, window scale 8, selective acknowledgement allowed."""
    return struct.pack(">BBH", 2, 4, mss) + b"\x01\x03\x03\x08\x01\x01\x04\x02"


def _labels(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def dns_query(ident: int, name: str) -> bytes:
    """A query for the A record of `name` (RFC 1035)."""
    return struct.pack(">6H", ident, 0x0100, 1, 0, 0, 0) + _labels(name) + struct.pack(">HH", 1, 1)


def dns_answer(query: bytes, address: bytes | None) -> bytes:
    """The answer to a query with one question; None says that there is no such name."""
    flags = 0x8180 if address else 0x8183
    head = query[:2] + struct.pack(">5H", flags, 1, 1 if address else 0, 0, 0) + query[12:]
    return head + (struct.pack(">HHHIH", 0xC00C, 1, 1, 300, 4) + address if address else b"")


def http_get(host: str, path: str) -> bytes:
    """An HTTP/1.1 request."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: lab/1.0\r\nAccept: */*\r\n\r\n".encode()


def http_answer(body: bytes, status: str = "200 OK") -> bytes:
    """An HTTP/1.1 answer with a readable body."""
    head = f"HTTP/1.1 {status}\r\nServer: lab\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def tls_client_hello(server_name: str, random: bytes) -> bytes:
    """A TLS 1.2 ClientHello record that names the server (RFC 5246, RFC 6066); `random` has 32 bytes."""
    name = server_name.encode()
    entry = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    extension = struct.pack(">HH", 0, len(entry)) + entry
    groups = struct.pack(">HHHHH", 10, 6, 4, 29, 23)
    signatures = struct.pack(">HHHHH", 13, 6, 4, 0x0403, 0x0804)
    extensions = extension + groups + signatures
    suites = struct.pack(">HHH", 4, 0xC02F, 0xC030)
    body = b"\x03\x03" + random + b"\0" + suites + b"\x01\0" + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", 22, 0x0301, len(message)) + message


def dhcp(
    kind: int, xid: int, mac: bytes, *, yours: bytes = b"\0" * 4, server: bytes = b"", options: bytes = b""
) -> bytes:
    """A DHCP message (RFC 2131): 1 discover, 2 offer, 3 request, 5 acknowledge; `options` after the type."""
    is_answer = kind in (2, 5)
    head = struct.pack(
        ">BBBBIHH4s4s4s4s16s",
        2 if is_answer else 1,
        1,
        6,
        0,
        xid,
        0,
        0x8000,
        b"\0" * 4,
        yours,
        server or b"\0" * 4,
        b"\0" * 4,
        mac,
    )
    said = bytes([53, 1, kind]) + (b"\x36\x04" + server if server else b"") + options + b"\xff"
    return head + b"\0" * 192 + b"\x63\x82\x53\x63" + said.ljust(64, b"\0")


def vxlan_header(vni: int) -> bytes:
    """The eight bytes between the outer UDP header and the inner frame (RFC 7348)."""
    return struct.pack(">II", 0x08000000, vni << 8)
