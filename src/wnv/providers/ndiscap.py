"""Microsoft-Windows-NDIS-PacketCapture: what `netsh trace` and NetEventPacketCapture record.

Layouts, and how sure each is: docs/formats/ndis-packetcapture.md. No public recording has these events, so
nothing behind the frame's bytes is demanded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, U64, read_rows
from wnv.diagnostics import Code, Log
from wnv.etl.events import Events
from wnv.packets.frames import NO_VLAN_RECORDED, Fragments, Observations
from wnv.packets.numbering import RangeNumbers
from wnv.packets.points import (
    IN,
    LINK_ETHERNET,
    LINK_RAW,
    LINK_WIFI,
    NO_DIRECTION,
    OUT,
    HostPoints,
    Point,
    PointKind,
)  # fmt: skip
from wnv.providers.reading import Sightings, mix, payload, read_u32, refuse, wide_text

GUID = "2ed6006e-4729-4609-b423-3ee7bcd678ef"

FRAGMENT, METADATA, SWITCH_FRAGMENT = 1001, 1002, 1003
ATTACHED, EVENT_SOURCE = 1014, 5101

KEYWORD_ETHERNET, KEYWORD_WIRELESS_WAN, KEYWORD_TUNNEL, KEYWORD_WIFI = 0x1, 0x200, 0x8000, 0x10000
KEYWORD_START, KEYWORD_END = 0x40000000, 0x80000000
KEYWORD_SEND, KEYWORD_RECEIVE = 0x100000000, 0x200000000

_HEAD = np.dtype([("miniport", "<u4"), ("lower", "<u4"), ("size", "<u4")])
_SWITCH_STRINGS = 3  # PortName, NicName, NicType
_DESTINATION_BYTES_MIN = 4 + 2 * _SWITCH_STRINGS
_SMALLEST_FRAME = 13  # a guessed place of the frame must hold more (ndis-packetcapture.md, 1003)
_OOB_LARGE_SEND, _OOB_VLAN = 2, 4  # entries of the NetBufferListInfo array
_OOB_COALESCED_64, _OOB_COALESCED_32 = (
    22,
    19,
)  # TcpRecvSegCoalesceInfo; with 4-byte pointers there are no switch entries
_COALESCED_MAX = 512
"""Segments of one packet; more is the segment size of a UDP send, which shares the entry."""
SEGMENT_MASK = 0xFFFFF
"""In an entry of a large send (NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO): bytes of a segment."""
_WIFI_PROTECTED = 0x40
_RADIO_CONTEXT = struct.Struct("<BBHIIIHxxiB3xI")
_RADIO_BYTES = 48
_PHY_NAMES = (
    "",
    "FHSS",
    "DSSS",
    "infrared",
    "802.11a",
    "802.11b",
    "802.11g",
    "802.11n",
    "802.11ac",
    "802.11ad",
    "802.11ax",
)
_MEDIUM_LINKS = {0: LINK_ETHERNET, 16: LINK_WIFI, 19: LINK_RAW}  # NdisMedium of event 1014

# Who owns a port decides what ingress is: from the owner's side, a VM sends into the switch, while what comes
# in by the external port arrives from the wire (docs/decisions/0003).
_NIC_KINDS = {
    "external": PointKind.EXTERNAL_NIC, "internal": PointKind.HOST_VNIC, "synthetic": PointKind.VM_NIC,
    "emulated": PointKind.VM_NIC,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Port:
    """A switch port as a 1003 event describes it."""

    port_id: int
    port: str
    nic: str
    nic_type: str

    @classmethod
    def parse(cls, raw: bytes) -> _Port:
        """`u32, text, text, text`, whose bounds were checked before."""
        port, at = wide_text(raw, 4)
        nic, at = wide_text(raw, at)
        nic_type, _ = wide_text(raw, at)
        return cls(int.from_bytes(raw[:4], "little"), port, nic, nic_type)

    @property
    def kind(self) -> PointKind:
        said = self.nic_type.lower()
        return next((kind for word, kind in _NIC_KINDS.items() if word in said), PointKind.SWITCH_PORT)


class Ndiscap:
    """Reader of the provider; see `PacketProvider`."""

    guid = GUID
    packet_ids = frozenset({FRAGMENT, SWITCH_FRAGMENT})

    def __init__(self, points: HostPoints, remarks: dict[str, int] | None = None) -> None:
        """`remarks`: numbers of those made so far, which hosts share."""
        self._points = points
        self._ports = RangeNumbers()
        self._parsed_ports: list[_Port] = []
        self._mediums: dict[int, int] = {}
        self._settled: dict[int, int] = {}
        self._sources: dict[int, str] = {}
        self._layers: dict[tuple[int, int], str] = {}
        self._remarks = {} if remarks is None else remarks

    # --- names ----------------------------------------------------------------------------------------

    def learn(self, events: Events, log: Log) -> None:
        parsers: dict[int, Callable[[bytes], bool]] = {
            ATTACHED: self._learn_medium, EVENT_SOURCE: self._learn_source,
        }  # fmt: skip
        for event_id, parse in parsers.items():
            rows = np.flatnonzero(events.event_id == event_id)
            bad = sum(not parse(payload(events, int(row))) for row in rows)
            log.record(Code.RUNDOWN_INVALID, count=bad, detail=f"NDIS-PacketCapture {event_id}")

    def _learn_medium(self, raw: bytes) -> bool:
        if len(raw) < 12:
            return False
        miniport, lower, medium = struct.unpack_from("<III", raw)
        if medium in _MEDIUM_LINKS:
            self._mediums[miniport << 32 | lower] = _MEDIUM_LINKS[medium]
        return True

    def _learn_source(self, raw: bytes) -> bool:
        name, at = wide_text(raw, 1)
        if at < 0 or at + 6 > len(raw):
            return False
        if_index, n_layers = struct.unpack_from("<IH", raw, at)
        self._sources[if_index] = name
        at += 6
        for _ in range(n_layers):
            layer, behind = wide_text(raw, at + 4)
            if behind < 0:
                return False
            self._layers[if_index, int.from_bytes(raw[at : at + 4], "little")] = layer
            at = behind
        return True

    def name_points(self, link_types: dict[int, int]) -> None:
        for number, point in self._points:
            match point.key:
                case ("ndiscap", int(key)):
                    self._name_layer(
                        point, key >> 32 & 0xFFFFFFFF, key & 0xFFFFFFFF, link_types.get(number, LINK_ETHERNET)
                    )
                case ("ndiscap.port", int(key)):
                    self._name_port(point, key >> 32 & 0xFFFFFFFF, self._port(key & 0xFFFFFFFF))
                case ("ndiscap.switch", int(lower)):
                    point.name, point.kind = f"vswitch:{lower}", PointKind.SWITCH_PORT
                    point.description = f"virtual switch, ifIndex {lower}, ports not decoded"
                    point.details = {"if_index": lower}
                case _:
                    continue

    def _name_layer(self, point: Point, miniport: int, lower: int, link_type: int) -> None:
        prefix = {LINK_WIFI: "wifi", LINK_RAW: "mbb"}.get(link_type, "eth")
        point.name = f"{prefix}:{lower}"
        point.kind = PointKind.MINIPORT if lower == miniport else PointKind.FILTER
        source, layer = self._sources.get(miniport, ""), self._layers.get((miniport, lower), "")
        where = (
            f"ifIndex {lower}" if lower == miniport else f"above layer ifIndex {lower} of miniport ifIndex {miniport}"
        )
        point.description = ", ".join(part for part in dict.fromkeys((source, layer, where)) if part)
        point.details = {"miniport_if_index": miniport, "if_index": lower}
        if source:
            point.details["nic"] = source
        if layer:
            point.details["layer"] = layer

    def _name_port(self, point: Point, lower: int, port: _Port) -> None:
        short = _short(port.port) or str(port.port_id)
        point.name = f"vNIC:{port.nic_type[:24] or 'port'}:{short}:{lower}"
        point.kind = port.kind
        switch = self._sources.get(lower, "")
        parts = [f"NIC {port.nic}" if port.nic else "", port.nic_type, f"port {port.port} (id {port.port_id})",
                 f"switch {switch}" if switch else "", f"ifIndex {lower}"]  # fmt: skip
        point.description = ", ".join(part for part in parts if part)
        point.details = {"if_index": lower, "port_id": port.port_id, "port": port.port, "nic": port.nic,
                         "nic_type": port.nic_type}  # fmt: skip
        if switch:
            point.details["vswitch"] = switch

    def _port(self, number: int) -> _Port:
        if number >= len(self._ports):  # `TOO_MANY`
            return _Port(0, "", "", "")
        while len(self._parsed_ports) <= number:
            self._parsed_ports.append(_Port.parse(self._ports[len(self._parsed_ports)]))
        return self._parsed_ports[number]

    # --- packets --------------------------------------------------------------------------------------

    def read(self, events: Events, log: Log | None) -> list[Sightings]:
        layer = self._read_layer(events, np.flatnonzero(events.event_id == FRAGMENT), log)
        switch = self._read_switch(events, np.flatnonzero(events.event_id == SWITCH_FRAGMENT), log)
        fragments = Fragments.concatenate([layer[0], switch[0]])
        observations = Observations(
            np.concatenate([layer[1].fragment, switch[1].fragment + len(layer[0])]),
            np.concatenate([layer[1].point, switch[1].point]),
            np.concatenate([layer[1].direction, switch[1].direction]),
        )
        self._attach_radio(events, fragments)
        return [Sightings(fragments, observations, events.data)]

    def _read_layer(self, events: Events, rows: I64, log: Log | None) -> tuple[Fragments, Observations]:
        """1001: three numbers, the bytes, and from Server 2019 on two more numbers that nothing needs."""
        fits = events.payload_bytes[rows] >= _HEAD.itemsize
        head = read_rows(events.data, events.payload_start[rows[fits]], _HEAD)
        whole = head["size"] <= events.payload_bytes[rows[fits]] - _HEAD.itemsize
        broken = ~fits
        broken[np.flatnonzero(fits)[~whole]] = True
        refuse(log, broken, FRAGMENT)
        rows, head = rows[~broken], head[whole]
        miniport, lower = head["miniport"].astype(np.int64), head["lower"].astype(np.int64)
        keyword = events.keyword[rows]
        layer = miniport << 32 | lower
        link_type = self._link_types(keyword, layer)
        start = events.payload_start[rows] + _HEAD.itemsize
        n_bytes = head["size"].astype(np.int64)
        is_first, is_last = _has(keyword, KEYWORD_START), _has(keyword, KEYWORD_END)
        # Wi-Fi frames are logged decrypted with the bit still set, which would hide them from every reader.
        wifi = start[(link_type == LINK_WIFI) & is_first & (n_bytes >= 2)]
        events.data[wifi + 1] &= 0xFF ^ _WIFI_PROTECTED
        direction = _path_direction(keyword)
        fragments = Fragments.whole(
            rows, start, n_bytes, link_type, is_first=is_first, is_last=is_last,
            stream=_stream(events, rows, miniport, lower, direction),
        )  # fmt: skip
        point = self._points.numbers("ndiscap", layer)
        return fragments, Observations(np.arange(len(rows)), point, direction)

    def _link_types(self, keyword: U64, layer: I64) -> U16:
        """By the medium's keyword, else by the layer's medium, else Ethernet (ndis-packetcapture.md, Keywords)."""
        link_type = np.full(len(keyword), LINK_ETHERNET, np.uint16)
        is_raw, is_wifi = _has(keyword, KEYWORD_WIRELESS_WAN | KEYWORD_TUNNEL), _has(keyword, KEYWORD_WIFI)
        silent = np.flatnonzero(~(is_raw | is_wifi | _has(keyword, KEYWORD_ETHERNET)))
        layers, inverse = np.unique(layer[silent], return_inverse=True)
        # What is known when a layer is first read holds for both passes, so that they agree on its link type.
        mediums = [self._settled.setdefault(one, self._mediums.get(one, LINK_ETHERNET)) for one in layers.tolist()]
        link_type[silent] = np.array(mediums, np.uint16)[inverse]
        link_type[is_raw] = LINK_RAW
        link_type[is_wifi] = LINK_WIFI
        return link_type

    def _read_switch(self, events: Events, rows: I64, log: Log | None) -> tuple[Fragments, Observations]:
        """1003: numbers, the source port, the destination ports, the bytes, the out-of-band data."""
        data = events.data
        if not len(rows):
            none = np.zeros(0, np.int64)
            return Fragments.whole(none, none, none, none.astype(np.uint16)), _no_observations()
        from wnv import kernels

        start = events.payload_start[rows]
        end = start + events.payload_bytes[rows]
        source_at = start + 8
        at = kernels.skip_strings(data, source_at + 4, end, _SWITCH_STRINGS)
        source_end = at
        count = read_u32(data, at, end)
        usable = (at >= 0) & (count >= 0)
        at = np.where(usable, at + 4, end)
        behind_count = at.copy()
        places: list[tuple[I64, I64, I64]] = []
        counted = usable & (count * _DESTINATION_BYTES_MIN <= end - at)
        left = np.where(counted, count, 0)
        while left.any():
            here = np.flatnonzero(left > 0)
            behind = kernels.skip_strings(data, at[here] + 4, end[here], _SWITCH_STRINGS)
            ok = behind >= 0
            counted[here[~ok]] = False
            left[here[~ok]] = 0
            here, behind = here[ok], behind[ok]
            places.append((here, at[here], behind))
            at[here] = behind
            left[here] -= 1
        known = np.where(counted, at, -1)
        _, oob_end, is_frame = _sized_pair(data, known, end)
        fits = oob_end == end
        is_longer = is_frame & ~fits
        size_at = np.where(fits, known, -1)
        # Destinations laid out in a way nobody has seen yet: the first place from which sizes lead to the end.
        odd = np.flatnonzero(usable & ~fits & ~(is_longer & (count == 0)))
        size_at[odd] = kernels.find_sized_pair(data, behind_count[odd], end[odd], _SMALLEST_FRAME)
        # More fields behind the out-of-band data, of a Windows to come, are no reason to lose the frame.
        is_longer &= size_at < 0
        size_at[is_longer] = known[is_longer]
        fits |= is_longer
        broken = size_at < 0
        refuse(log, broken, SWITCH_FRAGMENT)
        good = np.flatnonzero(~broken)
        n_bytes = read_u32(data, size_at[good], end[good])
        frame_at = size_at[good] + 4
        keyword = events.keyword[rows[good]]
        head = read_rows(data, start[good], _HEAD)
        miniport, lower = head["miniport"].astype(np.int64), head["lower"].astype(np.int64)
        oob_at, oob_end, _ = _sized_pair(data, size_at[good], end[good])
        direction = _path_direction(keyword)
        vlan, priority, is_large, n_coalesced = _out_of_band(data, oob_at, oob_end, events.pointer_bytes[rows[good]])
        fragments = Fragments.whole(
            rows[good], frame_at, n_bytes, np.full(len(good), LINK_ETHERNET, np.uint16),
            is_first=_has(keyword, KEYWORD_START), is_last=_has(keyword, KEYWORD_END),
            stream=_stream(events, rows[good], miniport, head["size"].astype(np.int64) << 32 | lower, direction),
            vlan=vlan, priority=priority, is_large_send=is_large, n_coalesced=n_coalesced,
        )  # fmt: skip
        number_of = np.full(len(rows), -1, np.int64)
        number_of[good] = np.arange(len(good))
        return fragments, self._see_ports(
            data, lower, number_of, good, source_at, source_end, np.where(usable, count, 0), fits, places
        )

    def _see_ports(
        self, data: U8, lower: I64, number_of: I64, good: I64, source_at: I64, source_end: I64, count: I64,
        has_places: BOOL, places: list[tuple[I64, I64, I64]],
    ) -> Observations:  # fmt: skip
        """Ingress is seen at the source port, egress at every destination port: rows in order of fragment."""
        ingress = good[count[good] == 0]
        unknown = good[(count[good] > 0) & ~has_places[good]]
        row = [ingress, *(here[has_places[here]] for here, _, _ in places)]
        start = [source_at[ingress], *(at[has_places[here]] for here, at, _ in places)]
        stop = [source_end[ingress], *(behind[has_places[here]] for here, _, behind in places)]
        rows, first, last = (np.concatenate(part) for part in (row, start, stop))
        is_egress = np.arange(len(rows)) >= len(ingress)
        port = self._ports.number(data, first, last - first)
        n_ports = len(self._ports)
        outward = np.array([*(self.outward(number) for number in range(n_ports)), NO_DIRECTION], np.uint8)
        sending = outward[port]  # the last one is that of `TOO_MANY`
        opposite = np.where(sending == OUT, IN, np.where(sending == IN, OUT, NO_DIRECTION))
        direction = np.where(is_egress, opposite, sending).astype(np.uint8)
        fragment = number_of[rows]
        key = lower[fragment] << 32 | (port & 0xFFFFFFFF)
        point = self._points.numbers("ndiscap.port", key)
        lost = number_of[unknown]
        fragment = np.concatenate([fragment, lost])
        point = np.concatenate([point, self._points.numbers("ndiscap.switch", lower[lost])])
        direction = np.concatenate([direction, np.zeros(len(lost), np.uint8)])
        order = np.argsort(fragment, kind="stable")
        return Observations(fragment[order], point[order], direction[order])

    @property
    def n_ports(self) -> int:
        return len(self._ports)

    def port_bytes(self) -> tuple[U8, I64, I64]:
        """How events describe the ports known so far: the bytes, and where those of each number start and how many."""
        pool, ends = self._ports.pool()
        return pool, ends[:-1], np.diff(ends)

    def port_id(self, number: int) -> int:
        return self._port(number).port_id

    def outward(self, number: int) -> int:
        """Direction of ingress at a port, as its owner sees it."""
        kind = self._port(number).kind
        return {PointKind.SWITCH_PORT: NO_DIRECTION, PointKind.EXTERNAL_NIC: IN}.get(kind, OUT)

    # --- Wi-Fi ----------------------------------------------------------------------------------------

    def _attach_radio(self, events: Events, fragments: Fragments) -> None:
        """1002 describes the next frame of its thread and layer (ndis-packetcapture.md, 1002)."""
        rows = np.flatnonzero((events.event_id == METADATA) & (events.payload_bytes >= _HEAD.itemsize + _RADIO_BYTES))
        targets = np.flatnonzero((fragments.link_type == LINK_WIFI) & fragments.is_first)
        if not len(rows) or not len(targets):
            return
        lower = read_rows(events.data, events.payload_start[rows], _HEAD)["lower"].astype(np.int64)
        event = fragments.event[targets]
        lower_of_target = read_rows(events.data, events.payload_start[event], _HEAD)["lower"].astype(np.int64)
        key = np.concatenate([mix(events.tid[rows], lower), mix(events.tid[event], lower_of_target)])
        order = np.lexsort((np.concatenate([rows, event]), key))
        is_target = order >= len(rows)
        follows = ~is_target[:-1] & is_target[1:] & (key[order[:-1]] == key[order[1:]])
        source, target = order[:-1][follows], targets[order[1:][follows] - len(rows)]
        start = events.payload_start[rows[source]] + _HEAD.itemsize
        raw, inverse = np.unique(read_rows(events.data, start, np.dtype("V36")).view("S36"), return_inverse=True)
        numbers = np.array(
            [self._remark(_radio_text(one.ljust(_RADIO_BYTES, b"\0"))) for one in raw.tolist()], np.int32
        )
        if len(numbers):
            fragments.remark[target] = numbers[inverse]

    def _remark(self, text: str) -> int:
        return self._remarks.setdefault(text, len(self._remarks))


def _radio_text(raw: bytes) -> str:
    """A DOT11_EXTSTA_RECV_CONTEXT in words."""
    _, _, _, _, phy, frequency, _, rssi, rate, _ = _RADIO_CONTEXT.unpack_from(raw)
    name = _PHY_NAMES[phy] if phy < len(_PHY_NAMES) else f"PHY {phy}"
    parts = [
        name,
        f"{frequency} MHz" if frequency else "",
        f"RSSI {rssi} dBm",
        f"{rate / 2:g} Mbit/s" if rate else "",
    ]
    return ", ".join(part for part in parts if part)


def _no_observations() -> Observations:
    none = np.zeros(0, np.int64)
    return Observations(none, none.astype(np.int32), none.astype(np.uint8))


def _has(keyword: U64, bits: int) -> BOOL:
    is_set: BOOL = (keyword & np.uint64(bits)) != 0
    return is_set


def _path_direction(keyword: U64) -> U8:
    send, receive = _has(keyword, KEYWORD_SEND), _has(keyword, KEYWORD_RECEIVE)
    return np.where(send & ~receive, OUT, np.where(receive & ~send, IN, NO_DIRECTION)).astype(np.uint8)


def _stream(events: Events, rows: I64, miniport: I64, lower: I64, direction: U8) -> U64:
    return mix(events.cpu[rows], events.tid[rows], miniport, lower, direction, events.event_id[rows])


def _sized_pair(data: U8, at: I64, end: I64) -> tuple[I64, I64, BOOL]:
    """`u32 n, n bytes, u32 m, m bytes` at `at`: where the m bytes start and end, -1 unless they end by `end`; and
    whether n bytes are enough for a frame."""
    n_bytes = read_u32(data, at, end)
    size_at = np.where(n_bytes >= 0, at + 4 + n_bytes, -1)
    n_oob = read_u32(data, size_at, end)
    fits = (n_oob >= 0) & (size_at + 4 + n_oob <= end)
    return np.where(fits, size_at + 4, -1), np.where(fits, size_at + 4 + n_oob, -1), fits & (n_bytes > _SMALLEST_FRAME)


def _out_of_band(data: U8, at: I64, end: I64, pointer_bytes: I64) -> tuple[I32, U8, BOOL, U16]:
    """VLAN id, priority, large-send mark and coalesced segments from the NetBufferListInfo array of pointers."""

    def entry(index: int | I64) -> I64:
        place = at + index * pointer_bytes
        return read_u32(data, place, np.where(place + pointer_bytes <= end, end, -1))

    tag = entry(_OOB_VLAN)
    vlan = np.where(tag < 0, NO_VLAN_RECORDED, tag >> 4 & 0xFFF).astype(np.int32)
    priority = np.where(tag < 0, 0, tag & 7).astype(np.uint8)
    # The segment size; when received, the entry holds a mark of 1 (a segment that was not to be pushed).
    segment = entry(_OOB_LARGE_SEND)
    joined = entry(np.where(pointer_bytes == 8, _OOB_COALESCED_64, _OOB_COALESCED_32))
    joined = np.where(joined >= 0, joined & 0xFFFF, 0)
    n_coalesced = np.where(joined <= _COALESCED_MAX, joined, 0).astype(np.uint16)
    return vlan, priority, (segment >= 0) & (segment & SEGMENT_MASK > 1), n_coalesced


def _short(name: str) -> str:
    """The first block of a GUID, or the name itself."""
    bare = name.strip("{}")
    is_guid = len(bare) >= 36 and bare[8] == bare[13] == bare[18] == bare[23] == "-"
    return bare[:8].lower() if is_guid else name[:40]
