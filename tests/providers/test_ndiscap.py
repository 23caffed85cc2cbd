from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion import SPEC, Converted, at, convert, ndiscap, record, ts_ns
from etl_writer import Event, full_header, pack
from payloads import (
    ETHERNET,
    NATIVE_802_11,
    PACKET_END,
    PACKET_START,
    RECEIVE,
    SEND,
    TUNNEL,
    VMSWITCH,
    WHOLE,
    WIRELESS_WAN,
    Destination,
    Tcp,
    dot11_metadata,
    ethernet,
    ip,
    ndis_1001,
    ndis_1002,
    ndis_1003,
    ndis_1014,
    ndis_5101,
    oob_data,
    wstr,
)  # fmt: skip
from pcapng_reader import read_capture
from wnv.diagnostics import Code, Log
from wnv.errors import WnvError
from wnv.etl.reader import Recording
from wnv.packets.numbering import RangeNumbers
from wnv.packets.points import PointKind
from wnv.pipeline import CaptureOptions, convert_to_pcapng, scan

IP = ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, b"payload"))
FRAME = ethernet(IP)
WIFI = bytes.fromhex("0842") + bytes(22) + b"LLC"  # Protected bit set
EXTERNAL: Destination = (1, "wire", "NIC 1", "External")
VM: Destination = (7, "vm-port", "web", "Synthetic")
HOST: Destination = (2, "host-port", "vEthernet", "Internal")
OLD_VM: Destination = (9, "old-port", "legacy", "Emulated")
UNKNOWN: Destination = (5, "odd", "", "Quantum")


def layer(
    frame: bytes = FRAME, keyword: int = WHOLE | SEND | ETHERNET, *, miniport: int = 12, lower: int | None = None,
    ticks: int = at(1), cpu: int = 0, tid: int = 8,
) -> Event:  # fmt: skip
    return ndiscap(1001, ndis_1001(frame, miniport=miniport, lower=lower), keyword, ticks=ticks, cpu=cpu, tid=tid)


def switch(
    source: Destination = VM, *destinations: Destination, frame: bytes = FRAME, oob: bytes = b"", bits: int = 64
) -> Event:
    port_id, port, nic, kind = source
    payload = ndis_1003(
        frame, miniport=30, port_id=port_id, port_name=port, nic_name=nic, nic_type=kind, destinations=destinations,
        oob=oob,
    )  # fmt: skip
    return ndiscap(1003, payload, WHOLE | SEND | VMSWITCH, bits=bits)


def where(converted: Converted) -> list[tuple[str, str]]:
    """Point and direction of each sighting."""
    return [(one.interface, one.direction) for one in converted.packets]


class TestLayers:
    @pytest.mark.parametrize("gft", [None, (5, 6)], ids=["to 17134", "from 17763"])
    def test_a_frame_with_and_without_the_numbers_behind_it(self, tmp_path: Path, gft: tuple[int, int] | None) -> None:
        got = convert(tmp_path, [ndiscap(1001, ndis_1001(FRAME, gft=gft), WHOLE | SEND)])
        assert got.frames == [FRAME]
        assert got.packets[0].ts_ns == ts_ns(at(1))
        assert got.packets[0].packet_id is None
        assert not got.damage

    def test_a_point_is_a_place_above_a_layer(self, tmp_path: Path) -> None:
        got = convert(tmp_path, [layer(miniport=12), layer(miniport=12, lower=20), layer(miniport=13)])
        assert [(one.name, one.description) for one in got.capture.interfaces] == [
            ("eth:12", "ifIndex 12"),
            ("eth:20", "above layer ifIndex 20 of miniport ifIndex 12"),
            ("eth:13", "ifIndex 13"),
        ]
        kinds = {one.point.name: one.point.kind for one in got.overview.points}
        assert kinds == {"eth:12": PointKind.MINIPORT, "eth:20": PointKind.FILTER, "eth:13": PointKind.MINIPORT}

    def test_an_event_source_names_adapter_and_layers(self, tmp_path: Path) -> None:
        named = ndiscap(5101, ndis_5101(1, "Ethernet 2", 12, [(20, "WFP filter"), (12, "miniport")]), ticks=at(9))
        got = convert(tmp_path, [layer(miniport=12, lower=20), named])
        assert got.capture.interfaces[0].description == (
            "Ethernet 2, WFP filter, above layer ifIndex 20 of miniport ifIndex 12"
        )

    def test_a_name_that_is_there_twice_is_said_once(self, tmp_path: Path) -> None:
        named = ndiscap(5101, ndis_5101(1, "Ethernet 2", 12, [(12, "Ethernet 2")]), ticks=at(9))
        got = convert(tmp_path, [layer(miniport=12), named])
        assert got.capture.interfaces[0].description == "Ethernet 2, ifIndex 12"

    @pytest.mark.parametrize(("keyword", "direction"), [(SEND, "out"), (RECEIVE, "in"), (0, ""), (SEND | RECEIVE, "")])
    def test_direction_is_the_path(self, tmp_path: Path, keyword: int, direction: str) -> None:
        assert where(convert(tmp_path, [layer(keyword=WHOLE | keyword)])) == [("eth:12", direction)]

    @pytest.mark.parametrize(
        ("keyword", "frame", "name", "link_type"),
        [
            (ETHERNET, FRAME, "eth:12", 1),
            (0, FRAME, "eth:12", 1),
            (WIRELESS_WAN, IP, "mbb:12", 101),
            (TUNNEL, IP, "mbb:12", 101),
            (NATIVE_802_11, WIFI, "wifi:12", 105),
        ],
    )
    def test_the_medium_is_the_link_type(
        self, tmp_path: Path, keyword: int, frame: bytes, name: str, link_type: int
    ) -> None:
        (interface,) = convert(tmp_path, [layer(frame, WHOLE | keyword)]).capture.interfaces
        assert (interface.name, interface.link_type) == (name, link_type)

    def test_attaching_tells_the_medium_where_no_keyword_does(self, tmp_path: Path) -> None:
        attached = ndiscap(1014, ndis_1014(12, 12, 16), ticks=at(9))
        assert convert(tmp_path, [layer(WIFI, WHOLE), attached]).capture.names == ["wifi:12"]
        assert convert(tmp_path, [layer(FRAME, WHOLE | ETHERNET), attached]).capture.names == ["eth:12"]

    def test_the_protected_bit_is_cleared_where_the_frame_starts(self, tmp_path: Path) -> None:
        wifi = NATIVE_802_11 | RECEIVE
        whole = layer(WIFI, WHOLE | wifi)
        parts = [layer(WIFI, PACKET_START | wifi), layer(WIFI, PACKET_END | wifi)]
        plain = b"\x08\x02" + WIFI[2:]
        assert convert(tmp_path, [whole, *parts]).frames == [plain, plain + WIFI]
        assert convert(tmp_path, [layer(b"", WHOLE | wifi), layer(b"\xff", WHOLE | wifi)]).frames == [b"", b"\xff"]

    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(ndis_1001(FRAME)[:11], id="half a header"),
            pytest.param(ndis_1001(FRAME)[:-1], id="a byte short"),
            pytest.param(struct.pack("<III", 1, 1, 0xFFFFFFFF) + FRAME, id="a size beyond all"),
        ],
    )
    def test_what_does_not_fit_is_counted_and_the_rest_read(self, tmp_path: Path, payload: bytes) -> None:
        got = convert(tmp_path, [ndiscap(1001, payload, WHOLE), layer()])
        assert got.frames == [FRAME]
        assert got.damage == {Code.FRAME_LAYOUT_UNKNOWN: 1}


class TestFragments:
    def test_of_two_processors_do_not_mix(self, tmp_path: Path) -> None:
        events = [
            layer(b"a1", PACKET_START | SEND, ticks=at(1), cpu=0),
            layer(b"b1", PACKET_START | SEND, ticks=at(2), cpu=1),
            layer(b"a2", SEND, ticks=at(3), cpu=0),
            layer(b"b2", PACKET_END | SEND, ticks=at(4), cpu=1),
            layer(b"a3", PACKET_END | SEND, ticks=at(5), cpu=0),
        ]
        got = convert(tmp_path, events)
        assert [(one.frame, one.ts_ns) for one in got.packets] == [(b"b1b2", ts_ns(at(4))), (b"a1a2a3", ts_ns(at(5)))]
        assert not got.damage

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(layer(b"other", WHOLE | SEND, ticks=at(2), tid=9), id="thread"),
            pytest.param(layer(b"other", WHOLE | SEND, ticks=at(2), miniport=13), id="interface"),
            pytest.param(layer(b"other", WHOLE | SEND, ticks=at(2), lower=13), id="layer"),
            pytest.param(layer(b"other", WHOLE | RECEIVE, ticks=at(2)), id="direction"),
        ],
    )
    def test_nor_do_those_of_another(self, tmp_path: Path, other: Event) -> None:
        events = [layer(b"a", PACKET_START | SEND, ticks=at(1)), other, layer(b"b", PACKET_END | SEND, ticks=at(3))]
        assert convert(tmp_path, events).frames == [b"other", b"ab"]

    def test_what_the_first_alone_says_holds_for_the_frame(self, tmp_path: Path) -> None:
        def part(frame: bytes, keyword: int, oob: bytes, tick: int, port: Destination = VM) -> Event:
            payload = ndis_1003(
                frame, miniport=30, port_id=port[0], port_name=port[1], nic_name=port[2], nic_type=port[3], oob=oob
            )
            return ndiscap(1003, payload, keyword | SEND, ticks=at(tick))

        events = [
            part(FRAME[:20], PACKET_START, oob_data(vlan=5, priority=3), 1),
            part(b"of another port", PACKET_START, b"", 2, HOST),
            part(FRAME[20:], PACKET_END, b"", 3),
            part(b"!", PACKET_END, b"", 4, HOST),
        ]
        got = convert(tmp_path, events)
        assert [(one.frame, one.comment) for one in got.packets] == [
            (FRAME, "VLAN 5 priority 3"), (b"of another port!", ""),
        ]  # fmt: skip

    def test_orphans_are_counted(self, tmp_path: Path) -> None:
        events = [layer(b"x", PACKET_END), layer(FRAME, WHOLE, ticks=at(2)), layer(b"y", PACKET_START, ticks=at(3))]
        got = convert(tmp_path, events)
        assert got.frames == [FRAME]
        assert got.damage == {Code.FRAME_INCOMPLETE: 2}

    def test_a_frame_may_span_slices_of_the_file(self, tmp_path: Path) -> None:
        """Each buffer is a slice of its own here, and holds one fragment."""
        marks = (PACKET_START, 0, PACKET_END)
        events = [
            layer(bytes([frame, part]) * 900, marks[part] | SEND, ticks=at(10 * frame + part))
            for frame in range(20) for part in range(3)
        ]  # fmt: skip
        path = record(tmp_path, pack(events, 2048), SPEC)
        log = Log()
        with Recording([path], log) as recording:
            scanned = scan(recording, slice_bytes=2048)
            assert len(list(recording.slices(slice_bytes=2048))) > 20
            convert_to_pcapng(scanned, str(tmp_path / "out.pcapng"), CaptureOptions())
        expected = [b"".join(bytes([frame, part]) * 900 for part in range(3)) for frame in range(20)]
        assert [one.frame for one in read_capture(tmp_path / "out.pcapng").packets] == expected
        assert not log.has(Code.FRAME_INCOMPLETE)


class TestRadio:
    RECEIVED = WHOLE | NATIVE_802_11 | RECEIVE

    def test_says_how_the_next_frame_was_received(self, tmp_path: Path) -> None:
        heard = ndis_1002(dot11_metadata(phy=8, frequency_mhz=5180, rssi_dbm=-61, rate_half_mbit=87))
        events = [ndiscap(1002, heard, ticks=at(1)), layer(WIFI, self.RECEIVED, ticks=at(2)),
                  layer(WIFI, self.RECEIVED, ticks=at(3))]  # fmt: skip
        assert [one.comment for one in convert(tmp_path, events).packets] == [
            "802.11ac, 5180 MHz, RSSI -61 dBm, 43.5 Mbit/s",
            "",
        ]

    def test_is_that_of_its_thread_and_layer(self, tmp_path: Path) -> None:
        one, other = (ndis_1002(dot11_metadata(rssi_dbm=rssi), miniport=12) for rssi in (-40, -70))
        events = [
            ndiscap(1002, one, ticks=at(1), tid=1),
            ndiscap(1002, other, ticks=at(2), tid=2),
            layer(WIFI, self.RECEIVED, ticks=at(3), tid=2),
            layer(WIFI, self.RECEIVED, ticks=at(4), tid=1, lower=13),
            layer(WIFI, self.RECEIVED, ticks=at(5), tid=1),
        ]
        comments = [one.comment for one in convert(tmp_path, events).packets]
        assert ["RSSI -70" in comments[0], comments[1], "RSSI -40" in comments[2]] == [True, "", True]

    def test_of_another_medium_or_too_short_says_nothing(self, tmp_path: Path) -> None:
        short = ndiscap(1002, ndis_1002(dot11_metadata()[:47]), ticks=at(1))
        wifi, wired = layer(WIFI, self.RECEIVED, ticks=at(2)), layer(ticks=at(4))
        events = [short, wifi, ndiscap(1002, ndis_1002(dot11_metadata()), ticks=at(3)), wired]
        captures = convert(tmp_path, events).captures
        assert [one.comment for capture in captures.values() for one in capture.packets] == ["", ""]

    @pytest.mark.parametrize(("phy", "name"), [(0, ""), (7, "802.11n, "), (10, "802.11ax, "), (77, "PHY 77, ")])
    def test_names_the_kind_of_radio(self, tmp_path: Path, phy: int, name: str) -> None:
        heard = dot11_metadata(phy=phy, frequency_mhz=0, rate_half_mbit=0)
        events = [ndiscap(1002, ndis_1002(heard)), layer(WIFI, self.RECEIVED, ticks=at(2))]
        assert convert(tmp_path, events).packets[0].comment == f"{name}RSSI -50 dBm"


class TestSwitch:
    @pytest.mark.parametrize(
        ("port", "point", "ingress", "egress"),
        [
            (EXTERNAL, "vNIC:External:wire:30", "in", "out"),
            (HOST, "vNIC:Internal:host-port:30", "out", "in"),
            (VM, "vNIC:Synthetic:vm-port:30", "out", "in"),
            (OLD_VM, "vNIC:Emulated:old-port:30", "out", "in"),
            (UNKNOWN, "vNIC:Quantum:odd:30", "", ""),
        ],
    )
    def test_direction_is_as_the_owner_of_the_port_sees_it(
        self, tmp_path: Path, port: Destination, point: str, ingress: str, egress: str
    ) -> None:
        into, out_of = switch(port), switch((99, "any", "any", "Synthetic"), port)
        assert where(convert(tmp_path, [into, out_of])) == [(point, ingress), (point, egress)]

    def test_a_frame_is_seen_at_every_port_it_leaves_by(self, tmp_path: Path) -> None:
        got = convert(tmp_path, [switch(VM), switch(VM, EXTERNAL, HOST, OLD_VM)])
        assert where(got) == [
            ("vNIC:Synthetic:vm-port:30", "out"),
            ("vNIC:External:wire:30", "out"),
            ("vNIC:Internal:host-port:30", "in"),
            ("vNIC:Emulated:old-port:30", "in"),
        ]
        assert got.frames == [FRAME] * 4

    def test_ports_are_what_the_recording_says(self, tmp_path: Path) -> None:
        named = ndiscap(5101, ndis_5101(2, "nat", 30), ticks=at(9))
        (point,) = convert(tmp_path, [switch(EXTERNAL), named]).overview.points
        assert point.point.description == "NIC NIC 1, External, port wire (id 1), switch nat, ifIndex 30"
        assert point.point.kind is PointKind.EXTERNAL_NIC
        assert point.point.details == {
            "if_index": 30, "port_id": 1, "port": "wire", "nic": "NIC 1", "nic_type": "External", "vswitch": "nat",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("source", "name"),
        [
            ((3, "{AB12CD34-0000-0000-0000-000000000000}", "", "Internal"), "vNIC:Internal:ab12cd34:30"),
            ((3, "", "", ""), "vNIC:port:3:30"),
            ((3, "x" * 100, "", "y" * 100), f"vNIC:{'y' * 24}:{'x' * 40}:30"),
        ],
    )
    def test_names_are_short(self, tmp_path: Path, source: Destination, name: str) -> None:
        assert convert(tmp_path, [switch(source)]).capture.names == [name]

    def test_hundreds_of_destinations(self, tmp_path: Path) -> None:
        ports = [(n, f"p{n}", "", "Synthetic") for n in range(500)]
        got = convert(tmp_path, [switch(EXTERNAL, *ports), layer(ticks=at(2), miniport=1)])
        assert [one.interface for one in got.packets] == [*(f"vNIC:Synthetic:p{n}:30" for n in range(500)), "eth:1"]

    def test_their_bytes_are_copied_once_beside_joined_frames(self, tmp_path: Path) -> None:
        """Joined frames stand in memory of their own, so that those of other providers are moved beside them."""
        parts = [layer(b"start", PACKET_START, ticks=at(2)), layer(b"end", PACKET_END, ticks=at(3))]
        ras = ndiscap(1001, ndis_1001(b"x"), WHOLE, ticks=at(4))
        got = convert(tmp_path, [switch(EXTERNAL, VM, HOST), *parts, ras])
        assert got.frames == [FRAME, FRAME, b"startend", b"x"]


class TestOutOfBand:
    @pytest.mark.parametrize("bits", [32, 64])
    @pytest.mark.parametrize(
        ("values", "n_values", "comment", "is_offloaded"),
        [
            pytest.param({4: 3 | 1 << 3 | 7 << 4}, 28, "VLAN 7 priority 3", False, id="VLAN and priority"),
            pytest.param({4: 4095 << 4}, 28, "VLAN 4095", False, id="the last VLAN"),
            pytest.param({8: 5}, 28, "", False, id="untagged"),
            pytest.param({2: 1460}, 28, "large send", True, id="large send"),
            pytest.param({22: 9, 19: 9}, 28, "9 segments coalesced", True, id="coalesced"),
            pytest.param({22: 1472, 19: 1472}, 28, "", False, id="segment size of a UDP send"),
            pytest.param({}, 4, "", False, id="without an entry for the VLAN"),
            pytest.param({}, 0, "", False, id="nothing"),
        ],
    )
    def test_tells_what_the_frame_does_not(
        self, tmp_path: Path, bits: int, values: dict[int, int], n_values: int, comment: str, is_offloaded: bool
    ) -> None:
        oob = oob_data(values=values, n_values=n_values, pointer_bytes=bits // 8)
        (packet,) = convert(tmp_path, [switch(oob=oob, bits=bits)]).packets
        assert (packet.comment, packet.is_offloaded) == (comment, is_offloaded)


def odd_1003(count: int, destinations: bytes, frame: bytes = FRAME, oob: bytes = b"", tail: bytes = b"") -> Event:
    """A 1003 whose destinations are any bytes."""
    head = struct.pack("<III", 30, 30, 7) + wstr("vm-port") + wstr("web") + wstr("Synthetic")
    rest = struct.pack("<I", len(frame)) + frame + struct.pack("<I", len(oob)) + oob
    return ndiscap(1003, head + struct.pack("<I", count) + destinations + rest + tail, WHOLE | SEND)


class TestUnknownLayouts:
    @pytest.mark.parametrize(
        "destinations",
        [
            pytest.param(struct.pack("<QQ", 1, 2), id="8 bytes each"),
            pytest.param(b"\xff" * 64, id="nothing that could be text"),
            pytest.param(wstr("no number before the name") * 2, id="texts alone"),
            pytest.param(b"", id="none where there should be two"),
        ],
    )
    def test_the_frame_is_found_behind_destinations_nobody_knows(self, tmp_path: Path, destinations: bytes) -> None:
        got = convert(tmp_path, [odd_1003(2, destinations, oob=oob_data(vlan=5))])
        assert [(one.interface, one.frame, one.direction, one.comment) for one in got.packets] == [
            ("vswitch:30", FRAME, "", "VLAN 5")
        ]
        assert not got.damage

    @pytest.mark.parametrize("ports", [(), (EXTERNAL, HOST)])
    def test_new_fields_at_the_end_change_nothing(self, tmp_path: Path, ports: tuple[Destination, ...]) -> None:
        data = b"".join(struct.pack("<I", number) + b"".join(map(wstr, texts)) for number, *texts in ports)
        got = convert(tmp_path, [odd_1003(len(ports), data, oob=oob_data(vlan=5, n_values=5), tail=b"\xff" * 16)])
        assert where(got) == where(convert(tmp_path, [switch(VM, *ports)]))
        assert {(one.frame, one.comment) for one in got.packets} == {(FRAME, "VLAN 5")}

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(odd_1003(0xFFFFFFFF, b"", b"short"), id="a count beyond all, a frame too short to find"),
            pytest.param(odd_1003(1, b"\xff" * 30).patched(-4, b"\xff" * 4), id="sizes that lead nowhere"),
            pytest.param(ndiscap(1003, struct.pack("<III", 1, 1, 1) + b"x\0" * 9, WHOLE), id="a name without an end"),
            pytest.param(ndiscap(1003, b"\0" * 11, WHOLE), id="half a header"),
            pytest.param(ndiscap(1003, b"", WHOLE), id="nothing"),
        ],
    )
    def test_what_cannot_be_found_is_counted(self, tmp_path: Path, event: Event) -> None:
        got = convert(tmp_path, [event, layer()])
        assert got.frames == [FRAME]
        assert got.damage == {Code.FRAME_LAYOUT_UNKNOWN: 1}

    @given(st.integers(0, 5), st.binary(max_size=40), st.binary(min_size=14, max_size=60))
    def test_whatever_the_destinations_are_the_frame_is_found(
        self, tmp_path_factory: pytest.TempPathFactory, count: int, noise: bytes, frame: bytes
    ) -> None:
        """Noise without a zero byte cannot be taken for the size of anything."""
        destinations = noise.replace(b"\0", b"\1") if count else b""
        got = convert(tmp_path_factory.mktemp("odd"), [odd_1003(count, destinations, frame)])
        assert set(got.frames) == {frame}


class TestNames:
    def test_rundown_events_that_do_not_fit_are_counted(self, tmp_path: Path) -> None:
        short = [ndiscap(1014, b"\0" * 11), ndiscap(5101, b"\1" + b"x\0"),
                 ndiscap(5101, ndis_5101(1, "nic", 3, [(1, "layer")])[:-2])]  # fmt: skip
        assert convert(tmp_path, [*short, layer()]).damage == {Code.RUNDOWN_INVALID: 3}


class TestHostile:
    def test_other_kinds_of_events_under_its_name_are_none(self, tmp_path: Path) -> None:
        classic = full_header("2ed6006e-4729-4609-b423-3ee7bcd678ef", 1, ticks=at(1), payload=ndis_1001(FRAME))
        with pytest.raises(WnvError, match="no packets to convert"):
            convert(tmp_path, [classic])

    def test_more_names_of_ports_than_are_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The rest shares a point without a name: a switch has no 64 MiB of names."""
        monkeypatch.setattr("wnv.providers.ndiscap.RangeNumbers", partial(RangeNumbers, pool_bytes_max=10_000))
        ports = [(number, "x" * 1000, "", "Internal") for number in range(1, 8)]
        got = convert(tmp_path, [*map(switch, ports), switch(VM, *ports)])
        names = [f"vNIC:Internal:{'x' * 40}:30{again}" for again in ("", "#2", "#3", "#4")]
        assert where(got) == [
            *((name, "out") for name in names), *[("vNIC:port:0:30", "")] * 3,
            *((name, "in") for name in names), *[("vNIC:port:0:30", "")] * 3,
        ]  # fmt: skip

    def test_interface_numbers_of_any_size(self, tmp_path: Path) -> None:
        got = convert(tmp_path, [layer(miniport=0xFFFFFFFF), layer(miniport=0xFFFFFFFF, lower=0x80000000)])
        assert sorted(got.capture.names) == ["eth:2147483648", "eth:4294967295"]
