"""Microsoft-Windows-PktMon: what `pktmon` records. Layouts: docs/formats/pktmon.md."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, Rows, read_rows
from wnv.diagnostics import Code, Log
from wnv.etl.events import Events
from wnv.packets.frames import NO_VLAN_RECORDED, Fragments, Observations
from wnv.packets.points import (
    IN,
    LINK_ETHERNET,
    LINK_RAW,
    LINK_UNKNOWN,
    LINK_UPPER_PDU,
    LINK_WIFI,
    NO_DIRECTION,
    OUT,
    HostPoints,
    Point,
    PointKind,
)  # fmt: skip
from wnv.providers import words
from wnv.providers.reading import Sightings, payload, refuse, wide_text

GUID = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"

FRAME_IDS = (160, 170, 240)
HEADER_ONLY_IDS = (120, 130, 140, 150)
INFO_IDS = (180, 190)
PAYLOAD_IPV4_IDS, PAYLOAD_IPV6_IDS = (200, 210), (220, 230)
DROP_IDS = (140, 150, 170, 190, 210, 230, 240)

_METADATA = np.dtype([
    ("group", "<u8"), ("number", "<u2"), ("appearance", "<u2"), ("direction", "<u2"), ("packet_type", "<u2"),
    ("component", "<u2"), ("edge", "<u2"), ("filter", "<u2"), ("drop_reason", "<u4"), ("drop_location", "<u4"),
])  # fmt: skip
_FRAME = np.dtype([*_METADATA.descr, ("original", "<u2"), ("logged", "<u2")])


def _transport_layout(address_bytes: int) -> np.dtype[np.void]:
    address = f"V{address_bytes}"
    return np.dtype([
        ("direction", "<u2"), ("packet_type", "<u2"), ("component", "<u2"), ("edge", "<u2"), ("filter", "<u2"),
        ("drop_reason", "<u4"), ("drop_location", "<u4"), ("destination", address), ("source", address),
        ("protocol", "u1"), ("destination_port", "<u2"), ("source_port", "<u2"), ("original", "<u2"), ("logged", "<u2"),
    ])  # fmt: skip


def _info_layout(pointer: str) -> np.dtype[np.void]:
    names = (
        "checksum", "large_send", "vlan", "hash_info", "hash", "subnet", "coalesced", "resolution", "supplement",
    )  # fmt: skip
    return np.dtype(
        [
            *_METADATA.descr,
            *((name, pointer) for name in names),
            ("forwarding", "<u8"),
            ("gft", "<u8"),
            ("flow", "<u8"),
        ]
    )


_TRANSPORT = {4: _transport_layout(4), 6: _transport_layout(16)}
_INFO = {4: _info_layout("<u4"), 8: _info_layout("<u8")}
_LINK_OF_PACKET_TYPE = np.full(0x10000, LINK_UNKNOWN, np.uint16)
_LINK_OF_PACKET_TYPE[[1, 2, 3]] = LINK_ETHERNET, LINK_WIFI, LINK_RAW
_RX, _TX, _IN, _OUT, _INGRESS, _EGRESS = 3, 4, 1, 2, 5, 6
_PLAIN_DIRECTION = np.zeros(0x10000, np.uint8)
_PLAIN_DIRECTION[[_IN, _RX]] = IN
_PLAIN_DIRECTION[[_OUT, _TX]] = OUT

# Tags of an exported PDU (Wireshark's LINKTYPE_WIRESHARK_UPPER_PDU): the bare payload of a transport event has
# addresses and ports beside it, which no other link type can carry.
_PDU_DISSECTOR_TABLE, _PDU_IPV4_SOURCE, _PDU_IPV6_SOURCE, _PDU_PORT_TYPE, _PDU_TABLE_NUMBER = 14, 20, 22, 24, 32
# By IP protocol, Wireshark's port type and table of dissectors: TCP, UDP. The payload of others stays plain bytes.
_PDU_PORT_TYPES = {6: (2, b"tcp.port"), 17: (3, b"udp.port")}
_PDU_NO_DISSECTOR = (b"ip.proto", 255)

_KIND_OF_COMPONENT = {
    2: PointKind.MINIPORT, 3: PointKind.FILTER, 4: PointKind.PROTOCOL, 5: PointKind.VM_NIC, 6: PointKind.HOST_VNIC,
    7: PointKind.SWITCH_EXTENSION, 8: PointKind.EXTERNAL_NIC, 9: PointKind.MINIPORT, 10: PointKind.HTTP,
    11: PointKind.IP, 13: PointKind.FILTER, 14: PointKind.MINIPORT, 15: PointKind.HTTP,
}  # fmt: skip
# From the owner's side: a VM or the host sends into the switch; what enters by the physical NIC arrives.
_INGRESS_DIRECTION = {5: OUT, 6: OUT, 8: IN}
_LOW_BYTE_PROPERTIES = (8, 9)  # OptDataPath, NdisObject: garbage above the low byte
_PROPERTY_IF_INDEX, _PROPERTY_SWITCH = 1, 10
_INFOS_KEPT = 1 << 16
_ADDRESSES_KEPT = 256  # of a component; no real one has more


@dataclass(slots=True)
class Component:
    """A place in the stack as pktmon's rundown describes it."""

    component_type: int = 0
    file: str = ""
    description: str = ""
    edges: dict[int, str] = field(default_factory=dict)
    properties: dict[str, str | int] = field(default_factory=dict)
    mac: bytes | None = None
    ipv4: list[bytes] = field(default_factory=list)
    ipv6: list[bytes] = field(default_factory=list)


class Pktmon:
    """Reader of the provider; see `PacketProvider`."""

    guid = GUID
    packet_ids = frozenset({*FRAME_IDS, *PAYLOAD_IPV4_IDS, *PAYLOAD_IPV6_IDS})

    def __init__(self, points: HostPoints) -> None:
        self._points = points
        self.components: dict[int, Component] = {}
        self._late_infos: Rows | None = None

    # --- names ----------------------------------------------------------------------------------------

    def learn(self, events: Events, log: Log) -> None:
        """Components, their properties and edges; they stand at the end of the file."""
        for event_id, parse in _RUNDOWN.items():
            rows = np.flatnonzero(events.event_id == event_id)
            bad = sum(not parse(self, payload(events, int(row))) for row in rows)
            log.record(Code.RUNDOWN_INVALID, count=bad, detail=f"PktMon {event_id}")

    def _component(self, number: int) -> Component:
        return self.components.setdefault(number, Component())

    def _learn_component(self, raw: bytes) -> bool:
        if len(raw) < 4:
            return False
        number, kind = struct.unpack_from("<HH", raw)
        file, at = wide_text(raw, 4)
        description, behind = wide_text(raw, at) if at > 0 else ("", -1)
        if behind < 0:
            return False
        component = self._component(number)
        component.component_type, component.file, component.description = kind, file, description
        return True

    def _learn_number(self, raw: bytes) -> bool:
        return self._learn_property(raw, 4, lambda value: int.from_bytes(value, "little"))

    def _learn_medium(self, raw: bytes) -> bool:
        return self._learn_property(raw, 2, lambda value: words.ndis_medium(int.from_bytes(value, "little")))

    def _learn_property(self, raw: bytes, n_bytes: int, read: Callable[[bytes], str | int]) -> bool:
        if len(raw) < 4 + n_bytes:
            return False
        number, kind = struct.unpack_from("<HH", raw)
        value = read(raw[4 : 4 + n_bytes])
        if kind in _LOW_BYTE_PROPERTIES and isinstance(value, int):
            value &= 0xFF
        self._component(number).properties[words.property_type(kind)] = value
        return True

    def _learn_ipv4(self, raw: bytes) -> bool:
        return self._learn_address(raw, 4)

    def _learn_ipv6(self, raw: bytes) -> bool:
        return self._learn_address(raw, 16)

    def _learn_address(self, raw: bytes, n_bytes: int) -> bool:
        if len(raw) < 4 + n_bytes:
            return False
        component = self._component(int.from_bytes(raw[:2], "little"))
        known = component.ipv4 if n_bytes == 4 else component.ipv6
        address = raw[4 : 4 + n_bytes]
        if len(known) < _ADDRESSES_KEPT and address not in known:
            known.append(address)
        return True

    def _learn_guid(self, raw: bytes) -> bool:
        return self._learn_property(raw, 16, lambda value: str(UUID(bytes_le=value)))

    def _learn_mac(self, raw: bytes) -> bool:
        size = int.from_bytes(raw[4:8], "little")
        if len(raw) < 8 or len(raw) < 8 + size:
            return False
        if size == 6:
            self._component(int.from_bytes(raw[:2], "little")).mac = raw[8:14]
        return True

    def _learn_text(self, raw: bytes) -> bool:
        if len(raw) < 4:
            return False
        number, kind = struct.unpack_from("<HH", raw)
        text, behind = wide_text(raw, 4)
        if behind >= 0:
            self._component(number).properties[words.property_type(kind)] = text
        return behind >= 0

    def _learn_edge(self, raw: bytes) -> bool:
        name, at = wide_text(raw, 2)
        if at < 0 or at + 2 > len(raw):
            return False
        self._component(int.from_bytes(raw[:2], "little")).edges[int.from_bytes(raw[at : at + 2], "little")] = name
        return True

    def name_points(self, link_types: dict[int, int]) -> None:
        for _, point in self._points:
            match point.key:
                case ("pktmon", int(key)):
                    self._name(point, key >> 16, key & 0xFFFF)
                case _:
                    continue

    def _name(self, point: Point, number: int, edge: int) -> None:
        component = self.components.get(number)
        if component is None:
            point.name = f"component:{number}" + (f":edge{edge}" if edge else "")
            point.description = f"component {number}, edge {edge}: not named in the recording"
            point.details = {"component": number, "edge": edge}
            return
        stem = component.file.rsplit(".", 1)[0] if component.file.lower().endswith(".sys") else component.file
        if stem in ("", "NULL"):
            stem = component.description or "component"
        side = component.edges.get(edge, "")
        side_words = f"{side.lower()} edge" if side else f"edge {edge}" if edge else ""
        point.name = f"{stem[:24].strip()}:{number}"
        if len(component.edges) > 1 and side_words:
            point.name += f":{side[:24].lower() or f'edge{edge}'}"
        point.kind = _KIND_OF_COMPONENT.get(component.component_type, PointKind.OTHER)
        kind = words.component_type(component.component_type)
        if_index = component.properties.get(words.property_type(_PROPERTY_IF_INDEX))
        switch = component.properties.get(words.property_type(_PROPERTY_SWITCH))
        parts = [component.description, f"{kind} {component.file}".strip(), f"component {number}",
                 side_words, f"ifIndex {if_index}" if if_index is not None else "",
                 f"switch {switch}" if switch else ""]  # fmt: skip
        point.description = ", ".join(part for part in parts if part)
        point.details = {"component": number, "component_type": kind, "edge": side or edge, "file": component.file,
                         **component.properties}  # fmt: skip
        if component.mac:
            point.details["mac"] = component.mac.hex(":")
        addresses = [str(IPv4Address(one)) for one in component.ipv4] + [
            str(IPv6Address(one)) for one in component.ipv6
        ]
        if addresses:
            point.details["addresses"] = " ".join(addresses)
        point.mac, point.ipv4, point.ipv6 = component.mac, tuple(component.ipv4), tuple(component.ipv6)

    # --- packets --------------------------------------------------------------------------------------

    def read(self, events: Events, log: Log | None) -> list[Sightings]:
        found = [self._read_frames(events, log)]
        found += [self._read_transport(events, version, ids, log) for version, ids in _TRANSPORT_IDS]
        return found

    def _read_frames(self, events: Events, log: Log | None) -> Sightings:
        rows = np.flatnonzero(np.isin(events.event_id, FRAME_IDS))
        fits = events.payload_bytes[rows] >= _FRAME.itemsize
        head = read_rows(events.data, events.payload_start[rows[fits]], _FRAME)
        whole = head["logged"] <= events.payload_bytes[rows[fits]] - _FRAME.itemsize
        broken = ~fits
        broken[np.flatnonzero(fits)[~whole]] = True
        for event_id in FRAME_IDS:
            refuse(log, broken & (events.event_id[rows] == event_id), event_id)
        rows, head = rows[~broken], head[whole]
        vlan, priority, is_large, n_coalesced, source_port = self._join_infos(events, head)
        is_drop = np.isin(events.event_id[rows], DROP_IDS) | (head["drop_reason"] != 0)
        fragments = Fragments.whole(
            rows, events.payload_start[rows] + _FRAME.itemsize, head["logged"].astype(np.int64),
            _LINK_OF_PACKET_TYPE[head["packet_type"]], stated_bytes=head["original"].astype(np.int64),
            vlan=vlan, priority=priority, is_large_send=is_large, n_coalesced=n_coalesced, source_port=source_port,
            has_group=np.ones(len(rows), np.bool_), group=head["group"].copy(), number=head["number"].copy(),
            appearance=head["appearance"].copy(), is_drop=is_drop, drop_reason=head["drop_reason"].copy(),
            drop_location=head["drop_location"].copy(),
        )  # fmt: skip
        n_header_only = int(np.isin(events.event_id, HEADER_ONLY_IDS).sum())
        return Sightings(fragments, self._place(head), events.data, n_header_only)

    def _place(self, head: Rows) -> Observations:
        """Point and direction of each sighting. Ingress and egress depend on who owns the component."""
        component = head["component"].astype(np.int64)
        point = self._points.numbers("pktmon", component << 16 | head["edge"])
        direction = _PLAIN_DIRECTION[head["direction"]]
        switched = np.flatnonzero(np.isin(head["direction"], (_INGRESS, _EGRESS)))
        if len(switched):
            inward = np.zeros(0x10000, np.uint8)
            for number in self.components:
                inward[number] = self.outward(number)
            ingress = inward[component[switched]]
            opposite = np.where(ingress == OUT, IN, np.where(ingress == IN, OUT, NO_DIRECTION))
            direction = direction.copy()
            direction[switched] = np.where(head["direction"][switched] == _INGRESS, ingress, opposite)
        return Observations(np.arange(len(head)), point, direction)

    def outward(self, number: int) -> int:
        """Direction of ingress at a component, as its owner sees it."""
        known = self.components.get(number)
        return NO_DIRECTION if known is None else _INGRESS_DIRECTION.get(known.component_type, NO_DIRECTION)

    def _join_infos(self, events: Events, head: Rows) -> tuple[I32, U8, BOOL, U16, I32]:
        """Out-of-band data of 180 and 190 for the frames of the same packet and appearance.

        Infos of the slice before count too; an info whose frame stands in the next slice is found there.
        """
        n = len(head)
        vlan, priority = np.full(n, NO_VLAN_RECORDED, np.int32), np.zeros(n, np.uint8)
        is_large, n_coalesced = np.zeros(n, np.bool_), np.zeros(n, np.uint16)
        source_port = np.full(n, -1, np.int32)
        infos = _read_infos(events)
        if self._late_infos is not None:
            infos = np.concatenate([self._late_infos, infos])
        self._late_infos = infos[-_INFOS_KEPT:].copy() if len(infos) else None
        if not len(infos) or not n:
            return vlan, priority, is_large, n_coalesced, source_port
        order = np.lexsort((infos["appearance"], infos["number"], infos["group"]))
        key, wanted = _packet_key(infos[order]), _packet_key(head)
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        found = key[place] == wanted
        mine = infos[order[place[found]]]
        vlan[found] = mine["vlan"] >> 4 & 0xFFF
        priority[found] = mine["vlan"] & 7
        is_large[found] = mine["large_send"] != 0
        n_coalesced[found] = mine["coalesced"] & 0xFFFF
        # NDIS_SWITCH_FORWARDING_DETAIL: destinations in bits 0 to 15, source port in 16 to 31; 0 off a switch.
        port = (mine["forwarding"] >> np.uint64(16) & np.uint64(0xFFFF)).astype(np.int32)
        source_port[found] = np.where(port > 0, port, -1)
        return vlan, priority, is_large, n_coalesced, source_port

    def _read_transport(self, events: Events, version: int, ids: tuple[int, int], log: Log | None) -> Sightings:
        """200 to 230: payload with addresses and ports beside it, which become tags before it, in a fresh buffer."""
        kind = _TRANSPORT[version]
        rows = np.flatnonzero(np.isin(events.event_id, ids))
        fits = events.payload_bytes[rows] >= kind.itemsize
        head = read_rows(events.data, events.payload_start[rows[fits]], kind)
        whole = head["logged"] <= events.payload_bytes[rows[fits]] - kind.itemsize
        broken = ~fits
        broken[np.flatnonzero(fits)[~whole]] = True
        for event_id in ids:
            refuse(log, broken & (events.event_id[rows] == event_id), event_id)
        rows, head = rows[~broken], head[whole]
        data, start, n_bytes = _tagged_payloads(
            events.data,
            events.payload_start[rows] + kind.itemsize,
            head["logged"].astype(np.int64),
            _pdu_tags(head, version),
        )
        fragments = Fragments.whole(
            rows, start, n_bytes, np.full(len(rows), LINK_UPPER_PDU, np.uint16),
            stated_bytes=n_bytes - head["logged"] + head["original"],
            is_drop=np.isin(events.event_id[rows], DROP_IDS) | (head["drop_reason"] != 0),
            drop_reason=head["drop_reason"].copy(), drop_location=head["drop_location"].copy(),
        )  # fmt: skip
        return Sightings(fragments, self._place(head), data)


def _read_infos(events: Events) -> Rows:
    """Events 180 and 190 in one layout; their pointer-sized fields are 4 or 8 bytes by the event's header."""
    found = []
    for pointer_bytes, kind in _INFO.items():
        mine = np.isin(events.event_id, INFO_IDS) & (events.pointer_bytes == pointer_bytes)
        mine &= events.payload_bytes >= kind.itemsize
        found.append(read_rows(events.data, events.payload_start[mine], kind).astype(_INFO[8]))
    return np.concatenate(found)


def _packet_key(rows: Rows) -> Rows:
    """(group, number, appearance) as one sortable value."""
    key = np.empty(len(rows), [("group", "<u8"), ("rest", "<u4")])
    key["group"] = rows["group"]
    key["rest"] = rows["number"].astype(np.uint32) << 16 | rows["appearance"]
    return key


def _pdu_tags(head: Rows, version: int) -> U8:
    """The tags before each payload, a row each: table by port type, addresses, ports, end; big-endian."""
    address, first_tag = (4, _PDU_IPV4_SOURCE) if version == 4 else (16, _PDU_IPV6_SOURCE)
    layout = np.dtype([
        ("source_tag", ">u2"), ("source_size", ">u2"), ("source", f"V{address}"),
        ("destination_tag", ">u2"), ("destination_size", ">u2"), ("destination", f"V{address}"),
        ("type_tag", ">u2"), ("type_size", ">u2"), ("type", ">u4"),
        ("source_port_tag", ">u2"), ("source_port_size", ">u2"), ("source_port", ">u4"),
        ("destination_port_tag", ">u2"), ("destination_port_size", ">u2"), ("destination_port", ">u4"),
        ("table_tag", ">u2"), ("table_size", ">u2"), ("table", "S8"),
        ("number_tag", ">u2"), ("number_size", ">u2"), ("number", ">u4"),
        ("end_tag", ">u2"), ("end_size", ">u2"),
    ])  # fmt: skip
    tags = np.zeros(len(head), layout)
    tags["source_tag"], tags["destination_tag"] = first_tag, first_tag + 1
    tags["source_size"] = tags["destination_size"] = address
    tags["source"], tags["destination"] = head["source"], head["destination"]
    for number, name in enumerate(("type", "source_port", "destination_port")):
        tags[f"{name}_tag"], tags[f"{name}_size"] = _PDU_PORT_TYPE + number, 4
    tags["source_port"], tags["destination_port"] = head["source_port"], head["destination_port"]
    tags["table_tag"], tags["table_size"] = _PDU_DISSECTOR_TABLE, 8
    tags["number_tag"], tags["number_size"] = _PDU_TABLE_NUMBER, 4
    tags["table"], tags["number"] = _PDU_NO_DISSECTOR
    # As in Wireshark's own choice, the lower port is the service's.
    service = np.minimum(head["source_port"], head["destination_port"])
    for protocol, (port_type, table) in _PDU_PORT_TYPES.items():
        mine = head["protocol"] == protocol
        tags["type"][mine] = port_type
        mine &= service > 0
        tags["table"][mine], tags["number"][mine] = table, service[mine]
    return tags.view(np.uint8).reshape(len(head), layout.itemsize)


def _tagged_payloads(data: U8, start: I64, n_bytes: I64, tags: U8) -> tuple[U8, I64, I64]:
    """Each payload behind its tags, in one fresh buffer; the buffer, where each begins, and its length."""
    room = n_bytes + tags.shape[1]
    at = np.cumsum(room) - room
    out = np.zeros(int(room.sum()) + _PADDING_BYTES, np.uint8)
    if len(start):
        from wnv import kernels

        tag_bytes = np.full(len(start), tags.shape[1], np.int64)
        kernels.copy_pieces(tags.reshape(-1), np.cumsum(tag_bytes) - tag_bytes, tag_bytes, out, at)
        kernels.copy_pieces(data, start, n_bytes, out, at + tag_bytes)
    return out, at, room


_PADDING_BYTES = 256
_TRANSPORT_IDS = ((4, PAYLOAD_IPV4_IDS), (6, PAYLOAD_IPV6_IDS))
_RUNDOWN: dict[int, Callable[[Pktmon, bytes], bool]] = {
    20: Pktmon._learn_component, 270: Pktmon._learn_component, 30: Pktmon._learn_number, 50: Pktmon._learn_number,
    40: Pktmon._learn_guid, 60: Pktmon._learn_medium, 65: Pktmon._learn_ipv4, 66: Pktmon._learn_ipv6,
    70: Pktmon._learn_mac, 73: Pktmon._learn_text, 90: Pktmon._learn_edge,
}  # fmt: skip
