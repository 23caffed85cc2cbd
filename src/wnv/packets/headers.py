"""Protocol headers of frames, as columns: what is needed to name a packet and to know how long it was."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

import numpy as np

from wnv.arrays import I64, U8, U16
from wnv.packets.points import LINK_ETHERNET, LINK_RAW

ETHER_BYTES, VLAN_BYTES, IPV6_BYTES = 14, 4, 40
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
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
