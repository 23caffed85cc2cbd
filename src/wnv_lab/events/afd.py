"""Microsoft-Windows-Winsock-AFD: what programs of the host do with their sockets.

Facts: the schema. Addresses of socket, process and buffer are kernel pointers.
"""

from __future__ import annotations

from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import Socket, guid, pointer, sized, sockaddr, u32

GUID: Final = guid("e53c6823-7bb8-44bb-90dc-3f86090d48a6")

_WINSOCK: Final = 0x4

KIND_1000: Final = EventKind(GUID, 1000, opcode=10, task=1000, keyword=_WINSOCK)
KIND_1001: Final = EventKind(GUID, 1001, opcode=15, task=1001, keyword=_WINSOCK)
KIND_1017: Final = EventKind(GUID, 1017, opcode=12, task=1017, keyword=_WINSOCK)
KIND_1018: Final = EventKind(GUID, 1018, opcode=12, task=1018, keyword=_WINSOCK)

ENTERS, EXITS = 0, 1


def _start(enter_exit: int, location: int, process: int, endpoint: int, pointer_size: int) -> bytes:
    return u32(enter_exit) + u32(location) + pointer(process, pointer_size) + pointer(endpoint, pointer_size)


def created(
    *,
    process: int,
    endpoint: int,
    pid: int,
    address_family: int = 2,
    socket_type: int = 1,
    protocol: int = 6,
    status: int = 0,
    enter_exit: int = EXITS,
    location: int = 0,
    pointer_size: int = 8,
) -> bytes:
    """1000: a socket."""
    numbers = u32(address_family) + u32(socket_type) + u32(protocol)
    end = pointer(pid, pointer_size) + u32(status)
    return _start(enter_exit, location, process, endpoint, pointer_size) + numbers + end


def state(
    *, process: int, endpoint: int, status: int = 0, enter_exit: int = EXITS, location: int = 0, pointer_size: int = 8
) -> bytes:
    """1001 closed, 1017 connected."""
    return _start(enter_exit, location, process, endpoint, pointer_size) + u32(status)


def connecting(
    *,
    process: int,
    endpoint: int,
    remote: Socket,
    status: int = 0,
    enter_exit: int = ENTERS,
    location: int = 0,
    pointer_size: int = 8,
) -> bytes:
    """1018: a socket connects to an address."""
    nowhere = pointer(0, pointer_size) + u32(0)
    start = _start(enter_exit, location, process, endpoint, pointer_size)
    return start + nowhere + u32(status) + sized(sockaddr(remote))
