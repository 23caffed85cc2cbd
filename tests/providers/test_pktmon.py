from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import wnv
from conversion import SPEC, at, convert, pktmon, record, ts_ns
from etl_writer import Event, pack
from payloads import (
    COMPONENT_FILTER,
    COMPONENT_HTTP,
    COMPONENT_MINIPORT,
    COMPONENT_PROTOCOL,
    COMPONENT_VMS_EXT_MINIPORT,
    COMPONENT_VMS_MINIPORT,
    COMPONENT_VMS_PROTOCOL_NIC,
    COMPONENT_VMS_VM_NIC,
    DIR_EGRESS,
    DIR_IN,
    DIR_INGRESS,
    DIR_NONE,
    DIR_OUT,
    DIR_RX,
    DIR_TX,
    PROPERTY_IF_INDEX,
    PROPERTY_NDIS_OBJECT,
    TYPE_ARP,
    TYPE_ETHERNET,
    TYPE_HTTP,
    TYPE_IP,
    TYPE_TCP,
    TYPE_WIFI,
    Sighting,
    Tcp,
    ethernet,
    ip,
    packet_group,
    pktmon_20,
    pktmon_30,
    pktmon_40,
    pktmon_60,
    pktmon_65,
    pktmon_66,
    pktmon_70,
    pktmon_73,
    pktmon_90,
    pktmon_120,
    pktmon_130,
    pktmon_160,
    pktmon_180,
    pktmon_200,
    pktmon_220,
)  # fmt: skip
from pcapng_reader import VERDICT_XDP_DROP, CapturedPacket, read_capture
from recordings import scanned_of
from wnv.diagnostics import Code, Log
from wnv.errors import WnvError
from wnv.etl.reader import Recording
from wnv.packets.points import PointKind
from wnv.pipeline import CaptureOptions, convert_to_pcapng, scan

FRAME = ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, b"payload")))
QUIET = (0, 0, 0)  # counters of an edge
REAL_LINE = re.compile(
    r"\[(?P<cpu>\d+)\](?P<pid>\w+)\.(?P<tid>\w+)::(?P<time>\S+ \S+) \[Microsoft-Windows-PktMon\] "
    r"PktGroupId (?P<group>\d+), PktNumber (?P<number>\d+), Appearance (?P<appearance>\d+), "
    r"Direction (?P<direction>\w+) , Type (?P<type>\w+) , Component (?P<component>\d+), Edge (?P<edge>\d+), "
    r"Filter (?P<filter>\d+), OriginalSize (?P<original>\d+), LoggedSize (?P<logged>\d+)"
)


ONCE = Sighting()


def seen(sighting: Sighting = ONCE, frame: bytes = FRAME, *, ticks: int = at(1), event_id: int = 160) -> Event:
    return pktmon(event_id, pktmon_160(sighting, frame), ticks=ticks, cpu=sighting.group >> 48)


def component(
    number: int, kind: int, file: str, description: str = "", edges: Sequence[str] = ("Upper",)
) -> list[Event]:
    """Its rundown, as it stands at the end of a recording."""
    rundown = [(20, pktmon_20(number, kind, file, description))]
    rundown += [(90, pktmon_90(number, name, edge, QUIET, QUIET)) for edge, name in enumerate(edges, 1)]
    return [pktmon(event_id, payload, ticks=at(1000)) for event_id, payload in rundown]


class TestFrames:
    def test_a_frame_byte_for_byte(self, tmp_path: Path) -> None:
        group = packet_group(3, 77)
        got = convert(tmp_path, [seen(Sighting(group=group, component=5), ticks=at(7))])
        assert got.packets == [
            CapturedPacket("component:5:edge1", ts_ns(at(7)), FRAME, len(FRAME), 1, packet_id=group, thread=(4, 8))
        ]

    @pytest.mark.parametrize(
        ("packet_type", "frame", "name", "link_type"),
        [
            (TYPE_ETHERNET, FRAME, "out.pcapng", 1),
            (TYPE_WIFI, b"\x08\x42" + bytes(30), "out.pcapng", 105),
            (TYPE_IP, FRAME[14:], "out.pcapng", 101),
        ],
    )
    def test_the_packet_type_is_the_link_type(
        self, tmp_path: Path, packet_type: int, frame: bytes, name: str, link_type: int
    ) -> None:
        capture = convert(tmp_path, [seen(Sighting(packet_type=packet_type), frame)]).captures[name]
        assert [one.link_type for one in capture.interfaces] == [link_type]
        assert [one.frame for one in capture.packets] == [frame]

    @pytest.mark.parametrize("packet_type", [0, TYPE_HTTP, TYPE_TCP, TYPE_ARP, 0xFFFF])
    def test_other_types_fit_no_capture_file_and_are_counted(self, tmp_path: Path, packet_type: int) -> None:
        got = convert(tmp_path, [seen(), seen(Sighting(packet_type=packet_type))])
        assert got.frames == [FRAME]
        assert got.damage == {Code.FRAME_LINK_TYPE_UNKNOWN: 1}
        assert got.result.left_out == {"of a kind no capture file can carry": 1}

    @pytest.mark.parametrize(("stated", "original"), [(1500, 1500), (66_000, 464), (0, 61), (10, 60)])
    def test_the_length_is_the_stated_one(self, tmp_path: Path, stated: int, original: int) -> None:
        """66,000 do not fit into 16 bits; 0 says nothing, and the IP header tells."""
        payload = pktmon_160(Sighting(), FRAME[:60], original_bytes=stated)
        (packet,) = convert(tmp_path, [pktmon(160, payload)]).packets
        assert (packet.original_bytes, packet.frame) == (original, FRAME[:60])

    @pytest.mark.parametrize("size", [0, 33, len(pktmon_160(Sighting(), FRAME)) - 1])
    def test_what_does_not_fit_is_counted_and_the_rest_read(self, tmp_path: Path, size: int) -> None:
        got = convert(tmp_path, [pktmon(170, pktmon_160(Sighting(), FRAME)[:size]), seen()])
        assert got.frames == [FRAME]
        assert got.damage == {Code.FRAME_LAYOUT_UNKNOWN: 1}

    def test_bytes_behind_the_frame_are_none_of_it(self, tmp_path: Path) -> None:
        assert convert(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME) + b"more")]).frames == [FRAME]


class TestDirection:
    @pytest.mark.parametrize(
        ("tag", "direction"),
        [(DIR_NONE, ""), (DIR_IN, "in"), (DIR_OUT, "out"), (DIR_RX, "in"), (DIR_TX, "out"), (7, ""), (0xFFFF, "")],
    )
    def test_of_most_places_is_the_tag(self, tmp_path: Path, tag: int, direction: str) -> None:
        assert convert(tmp_path, [seen(Sighting(direction=tag))]).packets[0].direction == direction

    @pytest.mark.parametrize(
        ("kind", "ingress", "egress"),
        [
            (COMPONENT_VMS_VM_NIC, "out", "in"),
            (COMPONENT_VMS_MINIPORT, "out", "in"),
            (COMPONENT_VMS_PROTOCOL_NIC, "in", "out"),
            (COMPONENT_VMS_EXT_MINIPORT, "", ""),
            (COMPONENT_MINIPORT, "", ""),
        ],
    )
    def test_at_a_switch_is_as_the_owner_of_the_port_sees_it(
        self, tmp_path: Path, kind: int, ingress: str, egress: str
    ) -> None:
        events = [seen(Sighting(direction=DIR_INGRESS, component=9)), seen(Sighting(direction=DIR_EGRESS, component=9))]
        got = convert(tmp_path, events + component(9, kind, "vmswitch.sys"))
        assert [one.direction for one in got.packets] == [ingress, egress]

    def test_at_a_switch_whose_ports_have_no_names_is_not_known(self, tmp_path: Path) -> None:
        assert convert(tmp_path, [seen(Sighting(direction=DIR_INGRESS))]).packets[0].direction == ""


class TestDrops:
    @pytest.mark.parametrize(
        ("event_id", "reason", "location", "comment"),
        [
            (
                170,
                23,
                0xE0002018,
                "dropped: MTU mismatch (0x17) at virtual switch: router forward packet 5 (0xe0002018)",
            ),
            (240, 0, 0, "dropped: Unknown (0x0)"),
            (160, 8, 0, "dropped: Filtered (0x8)"),
            (170, 0x7777, 0x1234, "dropped: reason 0x7777 (unknown to wnv) (0x7777) at location 0x00001234"),
        ],
    )
    def test_say_why_and_where(self, tmp_path: Path, event_id: int, reason: int, location: int, comment: str) -> None:
        sighting = Sighting(drop_reason=reason, drop_location=location)
        got = convert(tmp_path, [seen(sighting, event_id=event_id), seen(ticks=at(2))])
        drop, other = got.packets
        assert drop.verdict == VERDICT_XDP_DROP
        assert drop.comment == comment
        assert (other.verdict, other.comment) == (None, "")
        assert [(one.n_received, one.n_dropped) for one in got.capture.statistics] == [(2, 1)]
        assert [one.n_drops for one in got.overview.points] == [1]

    @pytest.mark.parametrize(("build", "why"), [(17763, "Microport error"), (20348, "Pause")])
    def test_numbers_changed_after_2018(self, tmp_path: Path, build: int, why: str) -> None:
        """201 is another reason on Server 2019 than on later Windows."""
        spec = replace(SPEC, build=build)
        got = convert(tmp_path, [seen(Sighting(drop_reason=201), event_id=170)], spec=spec)
        assert got.packets[0].comment == f"dropped: {why} (0xc9)"

    def test_thousands_of_distinct_reasons(self, tmp_path: Path) -> None:
        events = [seen(Sighting(drop_reason=n, drop_location=n << 8), b"", event_id=170) for n in range(5000)]
        got = convert(tmp_path, events)
        assert len({one.comment for one in got.packets}) == 5000
        assert all(one.verdict == VERDICT_XDP_DROP for one in got.packets)


class TestInfos:
    def info(
        self,
        values: dict[str, int],
        sighting: Sighting = ONCE,
        *,
        event_id: int = 180,
        bits: int = 64,
        ticks: int = at(1),
    ) -> Event:
        values = dict(values)
        forwarding = values.pop("forwarding", 0)
        payload = pktmon_180(sighting, values, switch_forwarding=forwarding, pointer_bytes=bits // 8)
        return pktmon(event_id, payload, ticks=ticks, bits=bits)

    @pytest.mark.parametrize("bits", [32, 64])
    @pytest.mark.parametrize("event_id", [180, 190])
    @pytest.mark.parametrize(
        ("values", "comment", "is_offloaded"),
        [
            ({"Ieee8021Q": 7 << 4 | 3}, "VLAN 7 priority 3", False),
            ({"Ieee8021Q": 0}, "", False),
            ({"TcpLargeSend": 1}, "large send", True),
            ({"TcpRecvSegCoalesceInfo": 5 | 2 << 16}, "5 segments coalesced", True),
            ({"TcpRecvSegCoalesceInfo": 1}, "", False),
            ({"forwarding": 2 | 9 << 16 | 1 << 32}, "from switch port 9", False),
            (
                {"Ieee8021Q": 80, "TcpLargeSend": 1, "forwarding": 3 << 16},
                "VLAN 5; large send; from switch port 3",
                True,
            ),
        ],
    )
    def test_tell_what_the_frame_does_not(
        self, tmp_path: Path, bits: int, event_id: int, values: dict[str, int], comment: str, is_offloaded: bool
    ) -> None:
        got = convert(tmp_path, [self.info(values, event_id=event_id, bits=bits), seen(ticks=at(2))])
        assert [(one.comment, one.is_offloaded) for one in got.packets] == [(comment, is_offloaded)]

    @pytest.mark.parametrize("ticks", [at(1), at(3)], ids=["before", "behind"])
    def test_belong_to_one_sighting_of_one_packet(self, tmp_path: Path, ticks: int) -> None:
        mine = Sighting(group=5, number=2, appearance=3)
        others = [replace(mine, group=6), replace(mine, number=1), replace(mine, appearance=2), mine]
        tags = {mine: 7 << 4, Sighting(9, 9, 9): 9 << 4}
        infos = [self.info({"Ieee8021Q": tag}, sighting, ticks=ticks) for sighting, tag in tags.items()]
        got = convert(tmp_path, infos + [seen(one, ticks=at(2)) for one in others])
        assert [one.comment for one in got.packets] == ["", "", "", "VLAN 7"]

    def test_may_stand_in_the_slice_before(self, tmp_path: Path) -> None:
        noise = [pktmon(9, bytes(800), ticks=at(n)) for n in range(2, 6)]
        events = [self.info({"Ieee8021Q": 7 << 4}), *noise, seen(ticks=at(9))]
        with Recording([record(tmp_path, pack(events, 1024))], Log()) as recording:
            scanned = scan(recording, slice_bytes=1024)
            convert_to_pcapng(scanned, str(tmp_path / "out.pcapng"), CaptureOptions())
        assert [one.comment for one in read_capture(tmp_path / "out.pcapng").packets] == ["VLAN 7"]

    def test_too_short_says_nothing(self, tmp_path: Path) -> None:
        short = pktmon(180, pktmon_180(Sighting(), {"Ieee8021Q": 7 << 4})[:-1])
        assert convert(tmp_path, [short, seen()]).packets[0].comment == ""


class TestPayloads:
    """Events 200 to 230: addresses and ports beside the bytes."""

    def test_tshark_dissects_them_with_their_addresses_and_ports(self, tmp_path: Path, tshark: Path) -> None:
        request = b"GET /there HTTP/1.1\r\nHost: web\r\n\r\n"
        query = bytes.fromhex("123401000001000000000000 03777777 00 0001 0001".replace(" ", ""))
        events = [
            pktmon(200, pktmon_200(Sighting(direction=DIR_TX), request, src="10.0.0.1", dst="10.0.0.2", src_port=40000,
                                   dst_port=80), ticks=at(1)),
            pktmon(220, pktmon_220(Sighting(), query, src="fe80::1", dst="fe80::2", protocol=17, src_port=53,
                                   dst_port=50000), ticks=at(2)),
            pktmon(210, pktmon_200(Sighting(drop_reason=8), b"raw", src="10.0.0.3", dst="10.0.0.4", protocol=50),
                   ticks=at(3)),
            pktmon(230, pktmon_220(Sighting(), b"", src="fe80::3", dst="fe80::4", src_port=0, dst_port=9), ticks=at(4)),
        ]  # fmt: skip
        got = convert(tmp_path, events)
        assert [one.link_type for one in got.capture.interfaces] == [252]
        assert [one.direction for one in got.packets] == ["out", "in", "in", "in"]
        assert [one.verdict for one in got.packets] == [None, None, VERDICT_XDP_DROP, VERDICT_XDP_DROP]
        assert [one.packet_id for one in got.packets] == [None] * 4
        assert [one.original_bytes - len(one.frame) for one in got.packets] == [0] * 4
        fields = ["_ws.col.Protocol", "_ws.col.Source", "_ws.col.Destination", "exported_pdu.src_port",
                  "exported_pdu.dst_port", "http.request.uri", "dns.qry.name"]  # fmt: skip
        options = [part for field in fields for part in ("-e", field)]
        command = [str(tshark), "-n", "-r", str(tmp_path / "out.pcapng"), "-T", "fields", "-E", "separator=|", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[:2] == [
            "HTTP|10.0.0.1|10.0.0.2|40000|80|/there|",
            "DNS|fe80::1|fe80::2|53|50000||www",
        ]
        assert [line.split("|")[1:5] for line in done.stdout.splitlines()[2:]] == [
            ["10.0.0.3", "10.0.0.4", "0", "0"],
            ["fe80::3", "fe80::4", "0", "9"],
        ]

    def test_the_payload_may_be_truncated(self, tmp_path: Path) -> None:
        payload = pktmon_200(Sighting(), b"abc", src="10.0.0.1", dst="10.0.0.2", original_bytes=1460)
        (packet,) = convert(tmp_path, [pktmon(200, payload)]).packets
        assert packet.frame.endswith(b"\0\0\0\0abc")
        assert packet.original_bytes - len(packet.frame) == 1457

    @pytest.mark.parametrize("size", [0, 34, 37])
    def test_what_does_not_fit_is_counted(self, tmp_path: Path, size: int) -> None:
        payload = pktmon_200(Sighting(), b"abc", src="10.0.0.1", dst="10.0.0.2")[:size]
        assert convert(tmp_path, [pktmon(210, payload), seen()]).damage == {Code.FRAME_LAYOUT_UNKNOWN: 1}


class TestHeadersOnly:
    def test_are_counted_as_sightings_without_bytes(self, tmp_path: Path) -> None:
        v4 = pktmon_120(Sighting(), dst="10.0.0.1", src="10.0.0.2")
        v6 = pktmon_130(Sighting(), dst="fe80::1", src="fe80::2")
        events = [pktmon(120, v4), pktmon(130, v6), pktmon(140, v4), pktmon(150, v6), seen()]
        got = convert(tmp_path, events)
        assert got.frames == [FRAME]
        assert got.overview.n_without_bytes == 4
        assert got.result.left_out == {"with headers only, no bytes": 4}
        with pytest.raises(WnvError, match="pktmon recorded headers only"):
            convert(tmp_path, events[:4])


class TestComponents:
    def test_have_the_names_that_stand_at_the_end_of_the_file(self, tmp_path: Path) -> None:
        events = [
            seen(Sighting(component=3, edge=1), ticks=at(1)),
            seen(Sighting(component=3, edge=2), ticks=at(2)),
            seen(Sighting(component=4, edge=1), ticks=at(3)),
            *component(3, COMPONENT_FILTER, "WfpLwfs.sys", "WFP Filter", ("Upper", "Lower")),
            *component(4, COMPONENT_PROTOCOL, "NULL", "NETVSC VF", ("Lower",)),
        ]
        got = convert(tmp_path, events)
        assert [(one.name, one.description) for one in got.capture.interfaces] == [
            ("WfpLwfs:3:upper", "WFP Filter, Filter WfpLwfs.sys, component 3, upper edge"),
            ("WfpLwfs:3:lower", "WFP Filter, Filter WfpLwfs.sys, component 3, lower edge"),
            ("NETVSC_VF:4", "NETVSC VF, Protocol NULL, component 4, lower edge"),
        ]
        assert [one.interface for one in got.packets] == got.capture.names

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (COMPONENT_MINIPORT, PointKind.MINIPORT),
            (COMPONENT_FILTER, PointKind.FILTER),
            (COMPONENT_VMS_VM_NIC, PointKind.VM_NIC),
            (COMPONENT_VMS_MINIPORT, PointKind.HOST_VNIC),
            (COMPONENT_VMS_PROTOCOL_NIC, PointKind.EXTERNAL_NIC),
            (COMPONENT_HTTP, PointKind.HTTP),
            (999, PointKind.OTHER),
        ],
    )
    def test_are_of_a_kind(self, tmp_path: Path, kind: int, expected: PointKind) -> None:
        (point,) = convert(tmp_path, [seen(), *component(1, kind, "x.sys")]).overview.points
        assert point.point.kind is expected

    def test_have_properties_and_addresses(self, tmp_path: Path) -> None:
        rundown = [
            (30, pktmon_30(1, PROPERTY_IF_INDEX, 24)),
            (50, pktmon_30(1, PROPERTY_NDIS_OBJECT, 0x00790001)),
            (40, pktmon_40(1, "01234567-89ab-cdef-0123-456789abcdef")),
            (60, pktmon_60(1, 16)),
            (65, pktmon_65(1, "10.0.0.1")),
            (65, pktmon_65(1, "10.0.0.1")),
            (66, pktmon_66(1, "fe80::1")),
            (70, pktmon_70(1, bytes.fromhex("020000000001"))),
            (73, pktmon_73(1, "nat")),
        ]
        events = [pktmon(event_id, payload, ticks=at(2000)) for event_id, payload in rundown]
        got = convert(tmp_path, [seen(), *component(1, COMPONENT_MINIPORT, "x.sys", "X"), *events])
        (interface,) = got.capture.interfaces
        assert interface.description == "X, Miniport x.sys, component 1, upper edge, ifIndex 24, switch nat"
        assert interface.values(4) == [bytes([10, 0, 0, 1]) + b"\xff" * 4]
        assert interface.values(5) == [bytes.fromhex("fe800000000000000000000000000001") + b"\x80"]
        assert interface.values(6) == [bytes.fromhex("020000000001")]
        assert got.overview.points[0].point.details == {
            "component": 1, "component_type": "Miniport", "edge": "Upper", "file": "x.sys", "IfIndex": 24,
            "NdisObject": 1, "IfGuid": "01234567-89ab-cdef-0123-456789abcdef", "NdisMedium": "WiFi",
            "VMSwitchName": "nat", "mac": "02:00:00:00:00:01", "addresses": "10.0.0.1 fe80::1",
        }  # fmt: skip

    def test_without_a_name_are_numbers(self, tmp_path: Path) -> None:
        events = [seen(Sighting(component=3, edge=edge)) for edge in (0, 2)]
        named = component(4, COMPONENT_FILTER, "f.sys", "F", ("Upper", "Lower"))
        got = convert(tmp_path, [*events, seen(Sighting(component=4, edge=3)), *named])
        assert [(one.name, one.description) for one in got.capture.interfaces] == [
            ("component:3", "component 3, edge 0: not named in the recording"),
            ("component:3:edge2", "component 3, edge 2: not named in the recording"),
            ("f:4:edge3", "F, Filter f.sys, component 4, edge 3"),
        ]

    def test_may_change_their_names_while_running(self, tmp_path: Path) -> None:
        event = pktmon(270, pktmon_20(1, COMPONENT_FILTER, "later.sys", "Later"), ticks=at(3))
        assert convert(tmp_path, [seen(), event]).capture.names == ["later:1"]

    def test_rundown_events_that_do_not_fit_are_counted(self, tmp_path: Path) -> None:
        broken = {
            20: pktmon_20(1, 2, "x", "y")[:-2], 30: pktmon_30(1, 1, 1)[:-1], 40: b"", 60: pktmon_60(1, 0)[:5],
            65: pktmon_65(1, "10.0.0.1")[:-1], 66: pktmon_66(1, "::1")[:-1], 70: pktmon_70(1, bytes(6))[:-1],
            73: pktmon_73(1, "nat")[:-2], 90: pktmon_90(1, "Upper", 1, QUIET, QUIET)[:14],
        }  # fmt: skip
        events = [pktmon(event_id, payload) for event_id, payload in broken.items()]
        assert convert(tmp_path, [*events, seen()]).damage == {Code.RUNDOWN_INVALID: len(broken)}


class TestHostile:
    def test_names_are_written_as_they_can_be_seen(self, tmp_path: Path) -> None:
        hostile = "a\x1b[2J[red]\u202e\x07"
        got = convert(tmp_path, [seen(), *component(1, 2, hostile, hostile, (hostile, hostile))])
        (interface,) = got.capture.interfaces
        assert interface.name == "a_2J_red_:1:a_2j_red"
        assert r"a\x1b[2J[red]\u202e\x07" in interface.description
        written = (tmp_path / "out.pcapng").read_bytes()
        assert b"\x1b" not in written
        assert "\u202e".encode() not in written

    def test_a_component_of_thousands_of_addresses_has_as_many_as_an_interface_may(self, tmp_path: Path) -> None:
        events = [pktmon(65, pktmon_65(1, f"10.1.{n >> 8}.{n & 255}"), ticks=at(2)) for n in range(3000)]
        (interface,) = convert(tmp_path, [seen(), *events]).capture.interfaces
        assert len(interface.values(4)) == 256

    def test_more_points_than_any_host_has(self, tmp_path: Path) -> None:
        events = [seen(Sighting(component=n >> 8, edge=n & 0xFF), b"") for n in range(16_384 + 10)]
        got = convert(tmp_path, [*events, *component(5, COMPONENT_FILTER, "same.sys")])
        assert len(got.capture.names) == 16_385
        assert [one.interface for one in got.packets[-10:]] == ["other"] * 10
        assert got.capture.interfaces[-1].description == "all points beyond the first 16,384"


class TestRealRecordings:
    def test_the_text_that_pktmon_made_of_it(self, traces_dir: Path, tmp_path: Path) -> None:
        """Every line of `pktmon etl2txt` is a packet here, field by field."""
        text = (traces_dir / "pktmon-vpn-a.txt").read_text(encoding="utf-16")
        lines = [found.groupdict() for found in REAL_LINE.finditer(text)]
        assert len(lines) == 2705
        with wnv.open_trace(traces_dir / "pktmon-vpn-a.etl") as trace:
            scanned = scanned_of(trace)
            scanned.packets.begin()
            got = []
            for piece in trace.slices():
                rows = scanned.packets.packets(piece)
                assert rows is not None
                frames = rows.fragments
                local_ns = rows.ts_ns + scanned.overview.sessions[0].zone.offset_seconds(rows.ts_ns) * 10**9
                for row in range(len(rows)):
                    point = scanned.packets.points.rows[int(rows.point[row])]
                    got.append((
                        int(local_ns[row]), int(frames.group[row]), int(frames.number[row]),
                        int(frames.appearance[row]), int(rows.direction[row]), int(frames.link_type[row]),
                        *divmod(point.key[1], 1 << 16), int(rows.original_bytes[row]), int(frames.n_bytes[row]),
                    ))  # fmt: skip
        wanted = [
            (
                _ns(line["time"]), int(line["group"]), int(line["number"]), int(line["appearance"]),
                {"Rx": 1, "Tx": 2}[line["direction"]], {"Ethernet": 1, "WiFi": 105}[line["type"]],
                int(line["component"]), int(line["edge"]), int(line["original"]), int(line["logged"]),
            ) for line in lines
        ]  # fmt: skip
        assert sorted(got) == sorted(wanted)


def _ns(text: str) -> int:
    """Nanoseconds of a clock on the wall, as if it showed UTC."""
    seconds, _, fraction = text.partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(fraction)
