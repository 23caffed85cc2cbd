"""Fields of manifest events: packed, little-endian (docs/formats/etl-format.md, section 9.2)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from uuid import UUID

from wnv_lab.errors import LabError

IpAddress = IPv4Address | IPv6Address | str


class Named(NamedTuple):
    """A thing of the vSwitch: its name, mostly a GUID, and the friendly one."""

    name: str
    friendly_name: str = ""


class Socket(NamedTuple):
    """An address with a port."""

    address: IpAddress
    port: int = 0


def u8(value: int) -> bytes:
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def boolean(value: bool) -> bytes:
    """win:Boolean has four bytes."""
    return u32(int(value))


def pointer(value: int, pointer_size: int) -> bytes:
    return value.to_bytes(pointer_size, "little")


def guid(value: str | UUID) -> bytes:
    return UUID(str(value)).bytes_le


def wstr(text: str) -> bytes:
    """UTF-16 with its NUL."""
    return text.encode("utf-16-le") + b"\0\0"


def astr(text: str) -> bytes:
    """ANSI text with its NUL."""
    return text.encode("cp1252") + b"\0"


def counted(text: str) -> bytes:
    """VmSwitch's strings: a u32 count of UTF-16 units, then the text without NUL."""
    encoded = text.encode("utf-16-le")
    return u32(len(encoded) // 2) + encoded


def counted_pair(named: Named) -> bytes:
    return counted(named.name) + counted(named.friendly_name)


def mac(address: str | bytes) -> bytes:
    """Six bytes, from `00-15-5d-01-02-03`, with `:` for `-`, or from bytes."""
    value = address if isinstance(address, bytes) else bytes.fromhex(address.replace("-", "").replace(":", ""))
    if len(value) != 6:
        raise LabError(f"{address!r} is no MAC address: {len(value)} bytes, expected 6")
    return value


def sized(data: bytes) -> bytes:
    """A u32 size and the bytes."""
    return u32(len(data)) + data


def ip(address: IpAddress) -> bytes:
    """4 or 16 bytes in network order."""
    return ip_address(address).packed


def ip_u32(address: IpAddress) -> bytes:
    """An IPv4 address as a UInt32 field whose bytes in memory are those of the network."""
    packed = ip(address)
    if len(packed) != 4:
        raise LabError(f"{address} is not an IPv4 address")
    return packed


def sockaddr(socket: Socket, scope: int = 0) -> bytes:
    """SOCKADDR_IN, 16 bytes, or SOCKADDR_IN6, 28 bytes: family little-endian, port and address in network order."""
    packed = ip(socket.address)
    port = struct.pack(">H", socket.port)
    if len(packed) == 4:
        return u16(2) + port + packed + bytes(8)
    return u16(23) + port + bytes(4) + packed + u32(scope)


AF_INET = 2
AF_INET6 = 23


def sid(*numbers: int, authority: int = 5) -> bytes:
    """A SID, `S-1-<authority>-<numbers>`."""
    parts = struct.pack(f"<{len(numbers)}I", *numbers)
    return bytes((1, len(numbers))) + authority.to_bytes(6, "big") + parts
