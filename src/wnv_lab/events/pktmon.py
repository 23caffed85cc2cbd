"""Microsoft-Windows-PktMon: components and their properties, sightings of packets, drops, counters.

Facts: docs/formats/pktmon.md. All events are version 0 and packed. `PktGroupId` is the processor in the top
16 bits and a counter; a packet keeps its group while it goes one way through the layers, and `AppearanceCount` counts
its sightings.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import IpAddress, guid, ip, mac, sized, u16, u32, u64, wstr

GUID: Final = guid("4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac")

CONFIG, RUNDOWN, NBL_PARSED, NBL_INFO, PAYLOAD, COMPONENT_REGISTER = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20

KIND_10: Final = EventKind(GUID, 10, level=2, keyword=CONFIG)
KIND_20: Final = EventKind(GUID, 20, keyword=RUNDOWN)
KIND_30: Final = EventKind(GUID, 30, keyword=RUNDOWN)
KIND_40: Final = EventKind(GUID, 40, keyword=RUNDOWN)
KIND_50: Final = EventKind(GUID, 50, keyword=RUNDOWN)
KIND_60: Final = EventKind(GUID, 60, keyword=RUNDOWN)
KIND_65: Final = EventKind(GUID, 65, keyword=RUNDOWN)
KIND_66: Final = EventKind(GUID, 66, keyword=RUNDOWN)
KIND_70: Final = EventKind(GUID, 70, keyword=RUNDOWN)
KIND_73: Final = EventKind(GUID, 73, keyword=RUNDOWN)
KIND_75: Final = EventKind(GUID, 75, keyword=RUNDOWN)
KIND_80: Final = EventKind(GUID, 80, keyword=RUNDOWN)
KIND_90: Final = EventKind(GUID, 90, keyword=RUNDOWN)
KIND_100: Final = EventKind(GUID, 100, keyword=RUNDOWN)
KIND_110: Final = EventKind(GUID, 110, keyword=RUNDOWN)
KIND_120: Final = EventKind(GUID, 120, keyword=NBL_PARSED)
KIND_130: Final = EventKind(GUID, 130, keyword=NBL_PARSED)
KIND_140: Final = EventKind(GUID, 140, keyword=NBL_PARSED)
KIND_150: Final = EventKind(GUID, 150, keyword=NBL_PARSED)
KIND_160: Final = EventKind(GUID, 160, keyword=PAYLOAD)
KIND_170: Final = EventKind(GUID, 170, keyword=PAYLOAD)
KIND_180: Final = EventKind(GUID, 180, keyword=NBL_INFO)
KIND_190: Final = EventKind(GUID, 190, keyword=NBL_INFO)
KIND_200: Final = EventKind(GUID, 200, keyword=PAYLOAD)
KIND_210: Final = EventKind(GUID, 210, keyword=PAYLOAD)
KIND_220: Final = EventKind(GUID, 220, keyword=PAYLOAD)
KIND_230: Final = EventKind(GUID, 230, keyword=PAYLOAD)
KIND_240: Final = EventKind(GUID, 240, keyword=PAYLOAD)
KIND_250: Final = EventKind(GUID, 250, keyword=NBL_INFO)
KIND_260: Final = EventKind(GUID, 260, keyword=NBL_INFO)
KIND_270: Final = EventKind(GUID, 270, keyword=COMPONENT_REGISTER)
KIND_280: Final = EventKind(GUID, 280, keyword=COMPONENT_REGISTER)

FIRST_BUILD: Final = 17763
"""Windows before Server 2019 has no pktmon."""
_SINCE_BUILD: Final = {
    65: 19041, 66: 19041, 200: 19041, 210: 19041, 220: 19041, 230: 19041, 240: 19041, 250: 22000, 260: 22000,
    270: 26100, 280: 26100,
}  # fmt: skip


def is_written_by(kind: EventKind, build: int) -> bool:
    """Whether the pktmon of this build has the event."""
    return build >= _SINCE_BUILD.get(kind.id, FIRST_BUILD)


class ComponentType(IntEnum):
    NDIS = 1
    MINIPORT = 2
    FILTER = 3
    PROTOCOL = 4
    VMS_VM_NIC = 5
    VMS_MINIPORT = 6
    VMS_EXT_MINIPORT = 7
    VMS_PROTOCOL_NIC = 8
    NETVSC_MINIPORT = 9
    HTTP = 10
    IP_INTERFACE = 11
    SLBMUX = 12
    IPSEC = 13
    NETCX = 14
    HTTP_MESSAGE = 15


class Property(IntEnum):
    IF_INDEX = 1
    MINIPORT_IF_INDEX = 2
    LOWER_IF_INDEX = 3
    IF_GUID = 4
    NDIS_MEDIUM = 5
    PHYS_ADDRESS = 6
    ETHER_TYPE = 7
    OPT_DATA_PATH = 8
    NDIS_OBJECT = 9
    VM_SWITCH_NAME = 10
    VMS_EXT_IF_INDEX = 11
    LOWEST_IF_INDEX = 12
    IP_ADDRESS = 13
    IP_IF_INDEX = 14
    VSID = 15
    VLAN = 16
    COMPARTMENT_ID = 17


class Direction(IntEnum):
    NONE = 0
    IN = 1
    OUT = 2
    RX = 3
    TX = 4
    INGRESS = 5
    EGRESS = 6


class PacketType(IntEnum):
    """Up to build 17763 only the first four, and 3 for mobile broadband."""

    UNKNOWN = 0
    ETHERNET = 1
    WIFI = 2
    IP = 3
    HTTP = 4
    TCP = 5
    UDP = 6
    ARP = 7
    ICMP = 8
    ESP = 9
    AH = 10
    L4_PAYLOAD = 11


def group_id(processor: int, counter: int) -> int:
    return processor << 48 | counter


class FrameTemplate:
    """160 a frame, 170 a dropped one, 240 one dropped again: at one edge of one component, going one way."""

    def __init__(
        self,
        component_id: int,
        edge_id: int,
        direction: int,
        *,
        packet_type: int = PacketType.ETHERNET,
        filter_id: int = 0,
        drop_reason: int = 0,
        drop_location: int = 0,
    ) -> None:
        self._place = struct.pack(
            "<HHHHHII", direction, packet_type, component_id, edge_id, filter_id, drop_reason, drop_location
        )

    def fill(
        self, group_id: int, packet_number: int, appearance: int, frame: bytes, original_bytes: int | None = None
    ) -> bytes:
        """`frame` is what is logged; `original_bytes` counts what was there. Sizes wrap at 64 KiB, as pktmon's do."""
        n = len(frame)
        original = n if original_bytes is None else original_bytes
        return _FRAME(group_id, packet_number, appearance, self._place, original & 0xFFFF, n & 0xFFFF) + frame


_FRAME: Final = struct.Struct("<QHH18sHH").pack


class Sighting(NamedTuple):
    """What 120 to 190 and 250 say of a packet's place: the first 30 bytes of 160."""

    group_id: int
    packet_number: int
    appearance: int
    direction: int
    component_id: int
    edge_id: int
    packet_type: int = PacketType.ETHERNET
    filter_id: int = 0
    drop_reason: int = 0
    drop_location: int = 0

    def pack(self) -> bytes:
        return struct.pack(
            "<QHHHHHHHII", self.group_id, self.packet_number, self.appearance, self.direction, self.packet_type,
            self.component_id, self.edge_id, self.filter_id, self.drop_reason, self.drop_location,
        )  # fmt: skip


class NblInfoTemplate:
    """180 an NBL's out-of-band data, 190 that of a dropped one; fields beside the VLAN as given once."""

    def __init__(
        self,
        *,
        checksum: int = 0,
        large_send: int = 0,
        hash_info: int = 0,
        hash_value: int = 0,
        virtual_subnet: int = 0,
        coalesce: int = 0,
        name_resolution: int = 0,
        supplemental: int = 0,
        switch_forwarding_detail: int = 0,
        gft_offload_info: int = 0,
        gft_flow_entry_id: int = 0,
        pointer_size: int = 8,
    ) -> None:
        word = "Q" if pointer_size == 8 else "I"
        self._offloads = struct.pack(f"<2{word}", checksum, large_send)
        self._pack_vlan = struct.Struct(f"<{word}").pack
        self._rest = struct.pack(
            f"<6{word}3Q", hash_info, hash_value, virtual_subnet, coalesce, name_resolution, supplemental,
            switch_forwarding_detail, gft_offload_info, gft_flow_entry_id,
        )  # fmt: skip

    def fill(self, sighting: Sighting, *, vlan_id: int = 0, priority: int = 0) -> bytes:
        return sighting.pack() + self._offloads + self._pack_vlan(priority | vlan_id << 4) + self._rest


def switch_forwarding_detail(*, source_port_id: int, source_nic_index: int = 0, n_destinations: int = 0) -> int:
    """NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO: 16 bits of port, 8 of NIC index, then the count."""
    return source_port_id & 0xFFFF | source_nic_index << 16 | n_destinations << 24


def parsed(
    sighting: Sighting,
    *,
    source_mac: str | bytes,
    destination_mac: str | bytes,
    ether_type: int,
    source: IpAddress,
    destination: IpAddress,
    protocol: int,
    source_port: int = 0,
    destination_port: int = 0,
    tcp_flags: int = 0,
    vlan_id: int = 0,
) -> bytes:
    """120 headers alone with IPv4 addresses, 130 with IPv6; 140 and 150 those of a drop."""
    link = mac(destination_mac) + mac(source_mac) + u16(ether_type) + u16(vlan_id)
    transport = struct.pack("<BHHB", protocol, destination_port, source_port, tcp_flags)
    return link + ip(destination) + ip(source) + transport + sighting.pack()


def transport_payload(
    *,
    direction: int,
    component_id: int,
    edge_id: int,
    source: IpAddress,
    destination: IpAddress,
    protocol: int,
    source_port: int,
    destination_port: int,
    data: bytes,
    original_bytes: int | None = None,
    packet_type: int = PacketType.L4_PAYLOAD,
    filter_id: int = 0,
    drop_reason: int = 0,
    drop_location: int = 0,
) -> bytes:
    """200 what a transport carries, with IPv4 addresses, 220 with IPv6; 210 and 230 those of a drop."""
    place = struct.pack(
        "<HHHHHII", direction, packet_type, component_id, edge_id, filter_id, drop_reason, drop_location
    )
    n = len(data)
    sizes = struct.pack(
        "<BHHHH", protocol, destination_port, source_port, n if original_bytes is None else original_bytes, n
    )
    return place + ip(destination) + ip(source) + sizes + data


def context(sighting: Sighting, *, context_type: int, packet_context: int) -> bytes:
    """250 what ties sightings together across groups, 260 that of a drop."""
    return sighting.pack() + u16(context_type) + u64(packet_context)


# --- rundown ------------------------------------------------------------------------------------------


def driver_failure(*, status: int) -> bytes:
    """10."""
    return u32(status)


def component(*, component_id: int, component_type: int, name: str, description: str) -> bytes:
    """20; 270 registered and 280 unregistered while the capture ran. `name` is the driver's file."""
    return u16(component_id) + u16(component_type) + wstr(name) + wstr(description)


def number_property(*, component_id: int, property_type: int, value: int) -> bytes:
    """30 shown decimal, 50 shown hexadecimal."""
    return struct.pack("<HHI", component_id, property_type, value)


def guid_property(*, component_id: int, value: str, property_type: int = Property.IF_GUID) -> bytes:
    """40."""
    return u16(component_id) + u16(property_type) + guid(value)


def medium_property(*, component_id: int, medium: int = 0) -> bytes:
    """60: 0 Ethernet, 16 Wi-Fi, 19 mobile broadband."""
    return struct.pack("<HHH", component_id, Property.NDIS_MEDIUM, medium)


def address_property(*, component_id: int, address: IpAddress) -> bytes:
    """65 IPv4, 66 IPv6."""
    return u16(component_id) + u16(Property.IP_ADDRESS) + ip(address)


def mac_property(*, component_id: int, mac_address: str | bytes) -> bytes:
    """70."""
    return u16(component_id) + u16(Property.PHYS_ADDRESS) + sized(mac(mac_address))


def text_property(*, component_id: int, value: str, property_type: int = Property.VM_SWITCH_NAME) -> bytes:
    """73."""
    return u16(component_id) + u16(property_type) + wstr(value)


def ether_type_property(*, component_id: int, ether_type: int) -> bytes:
    """75; a protocol may have several."""
    return struct.pack("<HHH", component_id, Property.ETHER_TYPE, ether_type)


class Counted(NamedTuple):
    """Packets that went one way."""

    direction: int
    n_packets: int = 0
    n_bytes: int = 0

    def pack(self) -> bytes:
        return struct.pack("<HQQ", self.direction, self.n_packets, self.n_bytes)


def drop_counters(*, component_id: int, inward: Counted, outward: Counted) -> bytes:
    """80."""
    return u16(component_id) + inward.pack() + outward.pack()


def flow_counters(*, component_id: int, edge_name: str, edge_id: int, inward: Counted, outward: Counted) -> bytes:
    """90: of one edge, which it names."""
    return u16(component_id) + wstr(edge_name) + u16(edge_id) + inward.pack() + outward.pack()


def packet_filter(
    *,
    filter_id: int,
    name: str,
    mac1: bytes = bytes(6),
    mac2: bytes = bytes(6),
    ether_type: int = 0,
    vlan_id: int = 0,
    address1: IpAddress = "0.0.0.0",
    address2: IpAddress = "0.0.0.0",
    protocol: int = 0,
    port1: int = 0,
    port2: int = 0,
    tcp_flags: int = 0,
) -> bytes:
    """100 with IPv4 addresses, 110 with IPv6."""
    link = mac(mac1) + mac(mac2) + u16(ether_type) + u16(vlan_id)
    transport = struct.pack("<BHHB", protocol, port1, port2, tcp_flags)
    return u16(filter_id) + wstr(name) + link + ip(address1) + ip(address2) + transport
