"""Microsoft-Windows-TCPIP: interfaces and their compartments, connections, packets that the stack dropped.

Facts: the schema and its differences by build: 1527 exists from build 20348 on, its version 1 after 22000; before, the
older rundown 1202 names the compartment, from its version 1 on (17763).
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_address
from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import (
    AF_INET,
    AF_INET6,
    IpAddress,
    Socket,
    guid,
    ip,
    mac,
    pointer,
    sized,
    sockaddr,
    u32,
    u64,
    wstr,
)  # fmt: skip

GUID: Final = guid("2f07e2ee-15db-40f1-90ef-9d7ba282188a")

_INTERFACE: Final = 0x10
_GLOBAL: Final = 0x80_0000_0000

KIND_1527: Final = EventKind(GUID, 1527, task=1202, keyword=_INTERFACE | _GLOBAL)
KIND_1527_V1: Final = EventKind(GUID, 1527, version=1, task=1202, keyword=_INTERFACE | _GLOBAL)

_DIAGNOSIS: Final = 0x80
_TCB: Final = 0x4
_ENDPOINT: Final = 0x400
_CONNECT: Final = 0x4_0000_0000
_SEND, _RECEIVE = 0x1_0000_0000, 0x2_0000_0000
_DROPPED: Final = 0x100_0000_0000


def _interface(version: int) -> EventKind:
    return EventKind(GUID, 1202, version=version, task=1202, keyword=_INTERFACE | _DIAGNOSIS | _GLOBAL)


def _drops(version: int) -> EventKind:
    keyword = _DIAGNOSIS | _SEND | _RECEIVE | _GLOBAL | _DROPPED
    return EventKind(GUID, 1215, version=version, task=1215, keyword=keyword)


KIND_1033: Final = EventKind(GUID, 1033, task=1033, keyword=_TCB | _DIAGNOSIS | _ENDPOINT | _CONNECT)
KIND_1033_V1: Final = EventKind(GUID, 1033, version=1, task=1033, keyword=_TCB | _DIAGNOSIS | _ENDPOINT | _CONNECT)
KIND_1202: Final = _interface(0)
KIND_1202_V3: Final = _interface(3)
KIND_1202_V4: Final = _interface(4)
KIND_1202_V6: Final = _interface(6)
KIND_1215: Final = _drops(0)
KIND_1215_V1: Final = _drops(1)
KIND_1215_V2: Final = _drops(2)

# TCPIP's own reasons of 1215.
DROP_NOT_LOCALLY_DESTINED, DROP_PORT_UNREACHABLE, DROP_NO_ROUTE, DROP_INSPECTION = 2, 4, 7, 9
DROP_HOP_LIMIT, DROP_MTU_EXCEEDED, DROP_ADDRESS_RESOLUTION = 128, 258, 261

RUNDOWN_SINCE_BUILD: Final = 20348

IF_TYPE_ETHERNET: Final = 6
IF_TYPE_LOOPBACK: Final = 24
MEDIUM_UNSPECIFIED: Final = 0
MEDIUM_802_3: Final = 14


def interface_rundown_kind(build: int) -> EventKind | None:
    """Which version a build writes; None where it has no such event."""
    if build < RUNDOWN_SINCE_BUILD:
        return None
    return KIND_1527 if build <= 22000 else KIND_1527_V1


def address_rundown_kind(build: int) -> EventKind:
    """Which version of 1202 a build writes."""
    if build < 17763:
        return KIND_1202
    if build < RUNDOWN_SINCE_BUILD:
        return KIND_1202_V3
    return KIND_1202_V4 if build <= 22000 else KIND_1202_V6


def drop_kind(build: int) -> EventKind:
    """Which version of 1215 a build writes."""
    if build < RUNDOWN_SINCE_BUILD:
        return KIND_1215
    return KIND_1215_V1 if build <= 22000 else KIND_1215_V2


def luid(if_type: int, number: int) -> int:
    """NET_LUID: interface type in the top 16 bits, then a 24-bit number, then 24 reserved bits."""
    return if_type << 48 | number << 24


def interface_rundown(
    *,
    if_index: int,
    if_luid: int,
    alias: str,
    mac_address: str | bytes,
    compartment_id: int = 1,
    address_family: int = AF_INET,
    isolation_mode: int = 0,
    isolation_id: int = 0,
    interface_type: int = IF_TYPE_ETHERNET,
    physical_medium: int = MEDIUM_802_3,
    has_rsc: bool = True,
    is_rsc_on: bool = False,
    version: int = 1,
) -> bytes:
    """1527: an interface of one address family; version 1 adds whether segment coalescing of UDP is on."""
    return (
        struct.pack("<IQIIII", if_index, if_luid, address_family, compartment_id, isolation_mode, isolation_id)
        + sized(mac(mac_address) if mac_address else b"")
        + struct.pack("<IIII", interface_type, physical_medium, has_rsc, is_rsc_on)
        + wstr(alias)
        + (u32(0) if version >= 1 else b"")
    )


def address_rundown(
    *,
    if_index: int,
    address: IpAddress,
    compartment_id: int = 1,
    link_speed: int = 10_000_000_000,
    physical_medium: int = MEDIUM_802_3,
    network_category: int = 1,
    metric: int = 15,
    is_connected: bool = True,
    internet_status: int = 0,
    flags: int = 0,
    isolation_id: int = 0,
    mtu: int = 1500,
    forwarding_tag: int = 0,
    version: int = 6,
) -> bytes:
    """1202: an address of an interface; version 0 has no compartment, 2, 3, 4, 5 and 6 add fields at the end."""
    is_ipv4 = isinstance(ip_address(address), IPv4Address)
    family = AF_INET if is_ipv4 else AF_INET6
    addresses = ip(address) + u32(0) if is_ipv4 else bytes(4) + sized(ip(address))
    parts = [struct.pack("<IQI", if_index, link_speed, family), addresses, u32(physical_medium)]
    added = (
        u32(compartment_id) + u64(link_speed),
        u32(network_category),
        struct.pack("<IIIQ", metric, is_connected, internet_status, flags),
        u32(isolation_id),
        u32(mtu),
        u32(forwarding_tag),
    )
    return b"".join((*parts, *added[:version]))


def packet_drop(
    *,
    source: Socket,
    destination: Socket,
    protocol: int,
    reason: int,
    packet_count: int = 1,
    if_index: int = 0,
    is_send: bool = False,
    nbl: int = 0,
    version: int = 2,
    pointer_size: int = 8,
) -> bytes:
    """1215: the stack dropped packets; version 1 adds ports and interface, 2 the NBL."""
    is_ipv4 = isinstance(ip_address(source.address), IPv4Address)
    family = AF_INET if is_ipv4 else AF_INET6
    first, second = ip(source.address), ip(destination.address)
    addresses = first + second + u32(0) + u32(0) if is_ipv4 else bytes(8) + sized(first) + sized(second)
    parts = [u32(protocol), u32(family), addresses, struct.pack("<III", reason, packet_count, protocol)]
    if version >= 1:
        parts += [sized(sockaddr(source)), sized(sockaddr(destination)), u32(if_index), u32(0 if is_send else 1)]
    if version >= 2:
        parts.append(pointer(nbl, pointer_size))
    return b"".join(parts)


def connected(
    *,
    local: Socket,
    remote: Socket,
    pid: int,
    compartment_id: int = 1,
    status: int = 0,
    tcb: int = 0,
    process_start_key: int | None = None,
    pointer_size: int = 8,
) -> bytes:
    """1033: a connection is there, or why not; version 1 adds the process's key."""
    numbers = struct.pack("<III", status, pid, compartment_id)
    end = b"" if process_start_key is None else u64(process_start_key)
    return sized(sockaddr(local)) + sized(sockaddr(remote)) + numbers + pointer(tcb, pointer_size) + end
