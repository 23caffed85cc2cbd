"""What relogging and merging add about the host: its interfaces with the names people know, its Windows.

Facts: docs/formats/etl-format.md, section 9.4, and docs/decisions/0002. These are classic events: `ClassicKind`s for
`EtlWriter.add_classic`, logged without process and thread, the folders at the file's beginning and the rest at its end.
"""

from __future__ import annotations

import struct
from enum import IntFlag
from typing import Final

from wnv_lab.etl.layout import FILETIME_1970, ClassicKind
from wnv_lab.events.fields import guid, mac, u64, wstr

GUID: Final = guid("9b79ee91-b5fd-41c0-a243-4248e266e9d0")

KIND_BUILD: Final = ClassicKind(GUID, 0x20)
KIND_FOLDERS: Final = ClassicKind(GUID, 0x21)
KIND_VOLUME: Final = ClassicKind(GUID, 0x23)
KIND_INTERFACE: Final = ClassicKind(GUID, 0x24)

NO_GUID: Final = "00000000-0000-0000-0000-000000000000"
_TEXT_BYTES: Final = 2 * 257
_ROW: Final = struct.Struct("<QI16s514s514sI32s32s7IB3xIII16sI4xQQ144x")
"""MIB_IF_ROW2: LUID, index, GUID, alias, description, length of the MAC, MAC, permanent MAC, MTU, interface type,
tunnel type, medium, physical medium, access, direction, flags, operational, administrative and media state, network,
connection type, speeds; the counters stay 0."""

UP, DOWN, NOT_PRESENT = 1, 2, 6
MEDIUM_UNSPECIFIED, MEDIUM_802_3 = 0, 14


class InterfaceFlags(IntFlag):
    HARDWARE = 0x01
    FILTER = 0x02
    CONNECTOR = 0x04


def build(*, ts_ns: int, build_text: str, product: str) -> bytes:
    """0x20: such as `20348.2461.amd64fre.fe_release.210507-1500` and `Windows Server 2022 Datacenter`."""
    return u64(ts_ns // 100 + FILETIME_1970) + wstr(build_text) + wstr(product)


def folders(*, system: str = "C:\\Windows\\system32", windows: str = "C:\\Windows\\") -> bytes:
    """0x21."""
    return wstr(system) + wstr(windows)


def volume(*, nt_path: str, dos_path: str) -> bytes:
    """0x23: `\\Device\\HarddiskVolume4\\` is `C:\\`."""
    return wstr(nt_path) + wstr(dos_path)


def interface(
    *,
    if_index: int,
    if_luid: int,
    alias: str,
    description: str,
    mac_address: str | bytes = b"",
    interface_guid: str = NO_GUID,
    flags: int = 0,
    interface_type: int = 6,
    physical_medium: int = MEDIUM_802_3,
    mtu: int = 1500,
    speed_bits: int = 10_000_000_000,
    state: int = UP,
    network_guid: str = NO_GUID,
) -> bytes:
    """0x24: an adapter, or a filter on one, whose alias is the adapter's with the filter's name behind."""
    address = mac(mac_address) if mac_address else b""
    is_up = state == UP
    return _ROW.pack(
        if_luid, if_index, guid(interface_guid), _fixed(alias), _fixed(description), len(address), address, address,
        mtu if is_up else 0, interface_type, 0, 0, physical_medium, 2, 0, flags, state, 1 if is_up else 2, int(is_up),
        guid(network_guid), 1, speed_bits if is_up else 0, speed_bits if is_up else 0,
    )  # fmt: skip


def _fixed(text: str) -> bytes:
    """Text for a field of 257 characters, NUL included."""
    return text.encode("utf-16-le")[: _TEXT_BYTES - 2]
