"""Microsoft-Windows-NDIS-PacketCapture: frames at NDIS layers (1001) and at ports of a vSwitch (1003).

Facts: docs/formats/ndis-packetcapture.md. Since Windows 8.1 every frame is one event, with PacketStart and PacketEnd
set. Direction and link type stand in the event's own keyword: see `frame_keyword`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import guid, sized, u8, u16, u32, u64, wstr

GUID: Final = guid("2ed6006e-4729-4609-b423-3ee7bcd678ef")

ETHERNET: Final = 0x1
WIRELESS_WAN: Final = 0x200
TUNNEL: Final = 0x8000
NATIVE_80211: Final = 0x10000
VM_SWITCH: Final = 0x0100_0000
PACKET_TRUNCATED: Final = 0x0200_0000
PACKET_START: Final = 0x4000_0000
PACKET_END: Final = 0x8000_0000
SEND_PATH: Final = 0x1_0000_0000
RECEIVE_PATH: Final = 0x2_0000_0000
_CONFIGURATION: Final = 0x40_0000_0000
_GLOBAL: Final = 0x80_0000_0000
_UT_PACKET: Final = 0x400_0000_0000
_UT_FRAME: Final = 0x200_0000_0000
_UT_STATE: Final = 0x2000_0000_0000

KIND_1001: Final = EventKind(GUID, 1001, keyword=_UT_FRAME | _UT_PACKET | ETHERNET | PACKET_START | PACKET_END)
KIND_1002: Final = EventKind(GUID, 1002, keyword=_UT_PACKET | NATIVE_80211)
KIND_1003: Final = EventKind(GUID, 1003, keyword=_UT_PACKET | VM_SWITCH | ETHERNET | PACKET_START | PACKET_END)
KIND_1011: Final = EventKind(GUID, 1011, task=5, keyword=_CONFIGURATION | _GLOBAL)
KIND_1012: Final = EventKind(GUID, 1012, level=5, keyword=_GLOBAL)
KIND_1013: Final = EventKind(GUID, 1013, level=5, keyword=_GLOBAL)
KIND_1014: Final = EventKind(GUID, 1014, level=5, keyword=_GLOBAL)
KIND_1015: Final = EventKind(GUID, 1015, level=5, keyword=_GLOBAL)
KIND_1016: Final = EventKind(GUID, 1016, task=5, keyword=_CONFIGURATION | _GLOBAL)
KIND_2001: Final = EventKind(GUID, 2001, level=2, opcode=21, task=1, keyword=_GLOBAL)
KIND_2002: Final = EventKind(GUID, 2002, level=2, opcode=21, task=3, keyword=_GLOBAL)
KIND_2003: Final = EventKind(GUID, 2003, level=2, opcode=21, task=5, keyword=_GLOBAL)
KIND_3001: Final = EventKind(GUID, 3001, level=5, opcode=21, task=3, keyword=_GLOBAL | _UT_STATE)
KIND_3002: Final = EventKind(GUID, 3002, level=5, opcode=21, task=3, keyword=_GLOBAL | _UT_STATE)
KIND_5000: Final = EventKind(GUID, 5000, level=5, opcode=1, keyword=_UT_STATE)
KIND_5001: Final = EventKind(GUID, 5001, level=5, opcode=2, keyword=_UT_STATE)
KIND_5002: Final = EventKind(GUID, 5002, level=5, opcode=1, keyword=_UT_STATE)
KIND_5003: Final = EventKind(GUID, 5003, level=5, opcode=2, keyword=_UT_STATE)
KIND_5100: Final = EventKind(GUID, 5100)
KIND_5101: Final = EventKind(GUID, 5101)

GFT_SINCE_BUILD: Final = 17763
"""From here on 1001 ends with two GFT numbers, under the same id and version."""

RULE_MULTI_LAYER: Final = 0x3
RULE_ANY_IPV4: Final = 0xC
RULE_TRUNCATE_BYTES: Final = 0x11
DIRECTIVE_LTE, DIRECTIVE_EQU = 1, 3
SOURCE_NDIS, SOURCE_VM_SWITCH = 1, 2

# Places in the NetBufferListInfo array that 1003 carries as OOBData.
OOB_CHECKSUM: Final = 0
OOB_LARGE_SEND: Final = 2
OOB_8021Q: Final = 4
OOB_HASH_VALUE: Final = 8
OOB_HASH_INFO: Final = 9
N_OOB_ENTRIES: Final = 29
"""Length of the array: it differs by build and is taken from OOBDataSize."""


def frame_keyword(
    kind: EventKind, *, is_send: bool | None, is_first: bool = True, is_last: bool = True, link: int = ETHERNET
) -> int:
    """The keyword of a frame event; `is_send` None sets neither direction bit."""
    keyword = kind.keyword & ~(ETHERNET | PACKET_START | PACKET_END) | link
    keyword |= (PACKET_START if is_first else 0) | (PACKET_END if is_last else 0)
    if is_send is not None:
        keyword |= SEND_PATH if is_send else RECEIVE_PATH
    return keyword


class FrameTemplate:
    """1001: a frame at one layer of one adapter."""

    def __init__(
        self,
        miniport_if_index: int,
        lower_if_index: int,
        *,
        build: int,
        gft_flow_entry_id: int = 0,
        gft_offload_information: int = 0,
    ) -> None:
        self._start = struct.pack("<II", miniport_if_index, lower_if_index)
        self._end = u64(gft_flow_entry_id) + u64(gft_offload_information) if build >= GFT_SINCE_BUILD else b""

    def fill(self, frame: bytes) -> bytes:
        return self._start + len(frame).to_bytes(4, "little") + frame + self._end


class Destination(NamedTuple):
    """Where the vSwitch takes a frame: a port and the NIC at it."""

    port_id: int
    port_name: str
    nic_name: str
    nic_type: str


class SwitchFrameTemplate:
    """1003: a frame at a port of a vSwitch; without destinations on its way in, with them on its way out.

    `has_names` False writes 8 bytes a destination, its port's id in them: what the public dumps of the manifest say.
    """

    def __init__(
        self,
        miniport_if_index: int,
        lower_if_index: int,
        source_port_id: int,
        source_port_name: str,
        source_nic_name: str,
        source_nic_type: str,
        destinations: Sequence[Destination] = (),
        *,
        oob: bytes | None = None,
        pointer_size: int = 8,
        has_names: bool = True,
    ) -> None:
        names = b"".join(map(wstr, (source_port_name, source_nic_name, source_nic_type)))
        ways = b"".join(
            u32(way.port_id) + b"".join(map(wstr, way[1:])) if has_names else u64(way.port_id) for way in destinations
        )
        self._start = (
            struct.pack("<III", miniport_if_index, lower_if_index, source_port_id)
            + names
            + u32(len(destinations))
            + ways
        )
        self._end = sized(out_of_band(pointer_size=pointer_size) if oob is None else oob)

    def fill(self, frame: bytes, oob: bytes | None = None) -> bytes:
        """`oob` other than the template's: see `out_of_band`."""
        return self._start + len(frame).to_bytes(4, "little") + frame + (self._end if oob is None else sized(oob))


def out_of_band(
    *,
    vlan_id: int = 0,
    priority: int = 0,
    hash_value: int = 0,
    checksum: int = 0,
    large_send: int = 0,
    pointer_size: int = 8,
    n_entries: int = N_OOB_ENTRIES,
) -> bytes:
    """The NBL's NetBufferListInfo array: one pointer-sized value an entry."""
    values = [0] * n_entries
    wanted = {
        OOB_CHECKSUM: checksum,
        OOB_LARGE_SEND: large_send,
        OOB_8021Q: priority | vlan_id << 4,
        OOB_HASH_VALUE: hash_value,
    }
    for place, value in wanted.items():
        if place < n_entries:
            values[place] = value
    return struct.pack(f"<{n_entries}{'Q' if pointer_size == 8 else 'I'}", *values)


def metadata(*, miniport_if_index: int, lower_if_index: int, data: bytes) -> bytes:
    """1002: what belongs to the next frame and is not in it."""
    return struct.pack("<II", miniport_if_index, lower_if_index) + sized(data)


def rules_count(count: int) -> bytes:
    """1011."""
    return u32(count)


def driver(*, friendly_name: str, unique_name: str, service_name: str, version: str = "") -> bytes:
    """1012 loaded, 1013 unloaded."""
    return b"".join(map(wstr, (friendly_name, unique_name, service_name, version)))


def layer(*, miniport_if_index: int, lower_if_index: int, media_type: int = 0, context: int = 0) -> bytes:
    """1014 attached, 1015 detached."""
    return struct.pack("<IIII", miniport_if_index, lower_if_index, media_type, context)


def rule(*, rule_id: int, directive: int, value: bytes, length_bytes: int = 2) -> bytes:
    """1016 a rule, 2003 an invalid one. `length_bytes` 4 is the other reading of the layout."""
    return u8(rule_id) + u8(directive) + len(value).to_bytes(length_bytes, "little") + value


def failure(*, error_code: int, location: int = 0, context: int = 0) -> bytes:
    """2001 the driver did not load, 2002 it did not attach."""
    return struct.pack("<III", error_code, location, context)


def state(*, previous: int, following: int, location: int = 0, context: int = 0) -> bytes:
    """3001, 3002: a layer changes its state."""
    return struct.pack("<BBII", previous, following, location, context)


def rundown(
    *,
    source_id: int,
    rundown_id: int,
    param1: int = 0,
    param2: int = 0,
    text: str = "",
    description: str = "",
    param_bytes: int = 8,
) -> bytes:
    """5100. `param_bytes` 4 is the other reading of the layout."""
    numbers = param1.to_bytes(param_bytes, "little") + param2.to_bytes(param_bytes, "little")
    return u8(source_id) + u32(rundown_id) + numbers + wstr(text) + wstr(description)


def source(*, source_id: int, source_name: str, if_index: int, layers: Sequence[tuple[int, str]] = ()) -> bytes:
    """5101: an adapter or vSwitch and the layers on it, (id, name) each."""
    listed = b"".join(u32(layer_id) + wstr(name) for layer_id, name in layers)
    return u8(source_id) + wstr(source_name) + u32(if_index) + u16(len(layers)) + listed
