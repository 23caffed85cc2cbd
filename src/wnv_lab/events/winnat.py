"""Microsoft-Windows-WinNat: sessions, bindings, translations of single packets, and what was configured.

Facts: the schema, equal from build 17763 to 28000; none is known for 14393. Addresses are SOCKADDRs, 16 bytes for IPv4.
Version 1 of the session and binding events adds the compartment; pass `compartment_id` for it.
"""

from __future__ import annotations

import struct
from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import IpAddress, Socket, boolean, guid, ip_u32, sized, sockaddr, u16, u32, wstr

GUID: Final = guid("66c07ecd-6667-43fc-93f8-05cf07f446ec")

_SESSION, _BINDING, _TRANSLATION, _CONFIGURATION = 0x1, 0x2, 0x4, 0x8
_DROP, _SKIP, _FORWARD = 0x10, 0x20, 0x40
_DROPPED: Final = 0x100_0000_0000


def _kind(event_id: int, keyword: int, *, version: int = 0, level: int = 4) -> EventKind:
    return EventKind(GUID, event_id, version=version, level=level, task=event_id, keyword=keyword)


KIND_1001: Final = _kind(1001, _SESSION)
KIND_1001_V1: Final = _kind(1001, _SESSION, version=1)
KIND_1002: Final = _kind(1002, _SESSION, level=5)
KIND_1002_V1: Final = _kind(1002, _SESSION, version=1, level=5)
KIND_1003: Final = _kind(1003, _SESSION)
KIND_1003_V1: Final = _kind(1003, _SESSION, version=1)
KIND_1004: Final = _kind(1004, _SESSION)
KIND_1004_V1: Final = _kind(1004, _SESSION, version=1)
KIND_1005: Final = _kind(1005, _SESSION)
KIND_1005_V1: Final = _kind(1005, _SESSION, version=1)
KIND_1006: Final = _kind(1006, _BINDING)
KIND_1006_V1: Final = _kind(1006, _BINDING, version=1)
KIND_1007: Final = _kind(1007, _BINDING)
KIND_1007_V1: Final = _kind(1007, _BINDING, version=1)
KIND_1008: Final = _kind(1008, _BINDING)
KIND_1008_V1: Final = _kind(1008, _BINDING, version=1)
KIND_1009: Final = _kind(1009, _TRANSLATION, level=5)
KIND_1017: Final = _kind(1017, 0)
KIND_1018: Final = _kind(1018, 0)
KIND_1019: Final = _kind(1019, _CONFIGURATION)
KIND_1019_V1: Final = _kind(1019, _CONFIGURATION, version=1)
KIND_1022: Final = _kind(1022, _CONFIGURATION)
KIND_1023: Final = _kind(1023, _CONFIGURATION)
KIND_1023_V1: Final = _kind(1023, _CONFIGURATION, version=1)
KIND_1024: Final = _kind(1024, _CONFIGURATION)
KIND_1025: Final = _kind(1025, _CONFIGURATION)
KIND_1026: Final = _kind(1026, _CONFIGURATION)
KIND_1027: Final = _kind(1027, _CONFIGURATION)
KIND_1028: Final = _kind(1028, _CONFIGURATION)
KIND_1029: Final = _kind(1029, _CONFIGURATION)
KIND_1030: Final = _kind(1030, _DROP | _DROPPED, level=3)
KIND_1033: Final = _kind(1033, 0, level=3)
KIND_1034: Final = _kind(1034, _SKIP, level=5)
KIND_1035: Final = _kind(1035, _FORWARD, level=5)

ICMP, TCP, UDP = 1, 6, 17
STATE_NONE, STATE_INTERNAL_SYN, STATE_EXTERNAL_SYN, STATE_ESTABLISHED = 0, 1, 2, 3
STATE_INTERNAL_FIN, STATE_EXTERNAL_FIN, STATE_BOTH_FIN, STATE_TIME_WAIT = 4, 5, 6, 7
FROM_INTERNAL, FROM_EXTERNAL = 1, 2

REASON_NO_STATIC_MAPPING: Final = 6
REASON_TRANSLATION_FAILED: Final = 9
REASON_SESSION_NOT_CREATED: Final = 14
REASON_DESTINED_TO_NAT: Final = 20

NO_ROUTING_DOMAIN: Final = "00000000-0000-0000-0000-000000000000"


def _pair(source: Socket, destination: Socket) -> bytes:
    """Two addresses behind the length of one."""
    first = sockaddr(source)
    return u32(len(first)) + first + sockaddr(destination)


def session(
    *,
    internal_src: Socket,
    internal_dst: Socket,
    external_src: Socket,
    external_dst: Socket,
    protocol: int,
    lifetime_s: int = 0,
    tcp_state: int = STATE_NONE,
    compartment_id: int | None = None,
) -> bytes:
    """1001 created, 1002 timer, 1003 TCP state, 1004 timed out, 1005 deleted."""
    addresses = _pair(internal_src, internal_dst) + _pair(external_src, external_dst)
    end = b"" if compartment_id is None else u32(compartment_id)
    return addresses + struct.pack("<III", protocol, lifetime_s, tcp_state) + end


def session_operational(
    *, internal_src: Socket, internal_dst: Socket, external_src: Socket, external_dst: Socket, protocol: int
) -> bytes:
    """1017 created, 1018 deleted: for the log that is always on."""
    return _pair(internal_src, internal_dst) + _pair(external_src, external_dst) + u32(protocol)


def binding(
    *,
    internal: Socket,
    external: Socket,
    protocol: int,
    session_count: int = 1,
    is_configured: bool = False,
    compartment_id: int | None = None,
) -> bytes:
    """1006 created, 1007 deleted, 1008 its number of sessions."""
    end = b"" if compartment_id is None else u32(compartment_id)
    addresses = sized(sockaddr(internal)) + sized(sockaddr(external))
    return addresses + u32(protocol) + u32(session_count) + boolean(is_configured) + end


class TranslationTemplate:
    """1009: one packet, before and after."""

    def __init__(
        self,
        incoming_src: Socket,
        incoming_dst: Socket,
        translated_src: Socket,
        translated_dst: Socket,
        protocol: int,
        *,
        status: int = 0,
        icmp_type: int = 0,
        icmp_code: int = 0,
        is_icmp_payload: bool = False,
    ) -> None:
        self._start = _pair(incoming_src, incoming_dst) + _pair(translated_src, translated_dst)
        self._end = struct.pack("<IIIII", protocol, status, icmp_type, icmp_code, is_icmp_payload)

    def fill(self, identification: int) -> bytes:
        """`identification` as in the IP header."""
        return self._start + identification.to_bytes(4, "little") + self._end


class ForwardedTemplate:
    """1035 forwarded, 1030 dropped, 1034 left to the host's stack: a packet with its headers."""

    def __init__(
        self,
        *,
        reason: int = 0,
        arrival_compartment_id: int,
        arrival_if_index: int,
        arrival_network: int,
        protocol: int,
        forward_compartment_id: int,
        forward_if_index: int,
    ) -> None:
        self._start = struct.pack(
            "<7I", reason, arrival_compartment_id, arrival_if_index, arrival_network, protocol,
            forward_compartment_id, forward_if_index,
        )  # fmt: skip

    def fill(self, packet_length: int, ip_header: bytes, transport_header: bytes) -> bytes:
        """`packet_length` counts from the IP header on."""
        n_ip, n_transport = len(ip_header), len(transport_header)
        lengths = _PACKET_LENGTHS(packet_length, n_ip + n_transport, n_ip, n_transport, 0, 0, 0)
        return self._start + lengths + ip_header + transport_header


_PACKET_LENGTHS: Final = struct.Struct("<7I").pack


def packet(
    *,
    reason: int,
    arrival_compartment_id: int,
    arrival_if_index: int,
    arrival_network: int,
    protocol: int,
    forward_compartment_id: int,
    forward_if_index: int,
    packet_length: int,
    ip_header: bytes,
    transport_header: bytes,
    icmp_protocol: int = 0,
    icmp_ip_header: bytes = b"",
    icmp_transport_header: bytes = b"",
) -> bytes:
    """1030, 1034 or 1035 with the headers of the packet that an ICMP error quotes."""
    return (
        struct.pack(
            "<14I", reason, arrival_compartment_id, arrival_if_index, arrival_network, protocol,
            forward_compartment_id, forward_if_index, packet_length, len(ip_header) + len(transport_header),
            len(ip_header), len(transport_header), icmp_protocol, len(icmp_ip_header), len(icmp_transport_header),
        )
        + ip_header + transport_header + icmp_ip_header + icmp_transport_header
    )  # fmt: skip


def instance(
    *,
    name: str,
    prefix: IpAddress,
    prefix_length: int,
    compartment_id: int = 1,
    external_if_index: int = 0,
    routing_domain_id: str = NO_ROUTING_DOMAIN,
    udp_timeout_s: int = 120,
    tcp_transient_timeout_s: int = 120,
    tcp_established_timeout_s: int = 1800,
    icmp_timeout_s: int = 30,
    tcp_filtering: int = 1,
    udp_filtering: int = 1,
    is_udp_inbound_refreshed: bool = False,
    instance_type: int | None = None,
) -> bytes:
    """1019 created, 1022 deleted, 1023 rundown; `instance_type` 1 or 2 for version 1."""
    numbers = struct.pack(
        "<8I", compartment_id, external_if_index, udp_timeout_s, tcp_transient_timeout_s, tcp_established_timeout_s,
        icmp_timeout_s, tcp_filtering, udp_filtering,
    )  # fmt: skip
    start = wstr(name) + guid(routing_domain_id) + u32(prefix_length) + ip_u32(prefix)
    end = b"" if instance_type is None else u32(instance_type)
    return start + numbers + boolean(is_udp_inbound_refreshed) + end


def external_address(*, instance_name: str, address: IpAddress, first_port: int, last_port: int) -> bytes:
    """1024 added, 1025 removed, 1026 rundown: an outside address and its pool of ports."""
    return wstr(instance_name) + sized(sockaddr(Socket(address))) + u16(first_port) + u16(last_port)


def static_mapping(
    *,
    instance_name: str,
    protocol: int,
    external: Socket,
    internal: Socket,
    compartment_id: int = 1,
    mapping_type: int = 1,
    remote_prefix: IpAddress = "0.0.0.0",
    remote_prefix_length: int = 0,
    routing_domain_id: str = NO_ROUTING_DOMAIN,
) -> bytes:
    """1027 added, 1028 removed, 1029 rundown: a published port."""
    return (
        wstr(instance_name) + u32(protocol) + u32(mapping_type) + sized(sockaddr(external)) + sockaddr(internal)
        + guid(routing_domain_id) + u32(compartment_id) + sockaddr(Socket(remote_prefix)) + u32(remote_prefix_length)
    )  # fmt: skip


def out_of_ports(*, instance_name: str, protocol: int) -> bytes:
    """1033."""
    return wstr(instance_name) + u32(protocol)
