"""Microsoft-Windows-TCPIP: which interfaces there are, in which compartment (1527).

Facts: the schema. 1527 exists from build 20348 on, its version 1 after 22000.
"""

from __future__ import annotations

import struct
from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import AF_INET, guid, mac, sized, u32, wstr

GUID: Final = guid("2f07e2ee-15db-40f1-90ef-9d7ba282188a")

_INTERFACE: Final = 0x10
_GLOBAL: Final = 0x80_0000_0000

KIND_1527: Final = EventKind(GUID, 1527, task=1202, keyword=_INTERFACE | _GLOBAL)
KIND_1527_V1: Final = EventKind(GUID, 1527, version=1, task=1202, keyword=_INTERFACE | _GLOBAL)

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
