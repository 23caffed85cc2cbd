from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pcapng
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wnv
from conversion import SPEC, at, convert, ndiscap, pktmon, ras, record, ts_ns
from etl_writer import Event, TraceSpec, build, compressed, event_header, pack, relogged, system_clock, unclosed
from payloads import (
    COMPONENT_FILTER,
    COMPONENT_MINIPORT,
    DIR_RX,
    DIR_TX,
    ETHERNET,
    NATIVE_802_11,
    PACKET_END,
    PACKET_START,
    RECEIVE,
    SEND,
    TYPE_ETHERNET,
    TYPE_IP,
    TYPE_WIFI,
    WHOLE,
    Echo,
    Sighting,
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
    packet_group,
    pktmon_20,
    pktmon_65,
    pktmon_70,
    pktmon_73,
    pktmon_90,
    pktmon_120,
    pktmon_160,
    pktmon_180,
    pktmon_200,
    ras_5001,
)  # fmt: skip
from pcapng_reader import CapturedPacket, parse_blocks, read_capture
from wnv.diagnostics import Log
from wnv.errors import UsageError, WnvError
from wnv.etl.reader import Recording
from wnv.pipeline import CaptureOptions, convert_to_pcapng, scan

FRAME = ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, b"payload")))
VM, HOST, WIRE = (7, "vm", "web", "Synthetic"), (2, "host", "vEthernet", "Internal"), (1, "wire", "NIC", "External")


def seen(sighting: Sighting, frame: bytes = FRAME, *, ticks: int = at(1)) -> Event:
    return pktmon(160, pktmon_160(sighting, frame), ticks=ticks)


def layer(frame: bytes = FRAME, *, miniport: int = 12, lower: int | None = None, ticks: int = at(1)) -> Event:
    return ndiscap(1001, ndis_1001(frame, miniport=miniport, lower=lower), WHOLE | SEND, ticks=ticks)


def switch(source: tuple[int, str, str, str], *targets: tuple[int, str, str, str], ticks: int = at(1)) -> Event:
    number, port, nic, kind = source
    payload = ndis_1003(
        FRAME, miniport=30, port_id=number, port_name=port, nic_name=nic, nic_type=kind, destinations=targets
    )
    return ndiscap(1003, payload, WHOLE | SEND, ticks=ticks)


@dataclass(frozen=True, slots=True)
class Made:
    """A packet that goes into a recording."""

    provider: str
    frame: bytes
    more: int
    """How much longer pktmon says it was."""
    cpu: int
    gap: int
    """Ticks since the one before it."""
    place: int
    is_out: bool
    thread: tuple[int, int]

    def event(self, ticks: int) -> Event:
        pid, tid = self.thread
        if self.provider == "pktmon":
            sighting = Sighting(
                group=packet_group(self.cpu, ticks), component=self.place, direction=DIR_TX if self.is_out else DIR_RX
            )
            payload, number, keyword = (
                pktmon_160(sighting, self.frame, original_bytes=len(self.frame) + self.more),
                160,
                0,
            )
        elif self.provider == "ras":
            payload, number, keyword = ras_5001(self.frame, user=str(self.place)), 5001 if self.is_out else 5002, 0
        else:
            payload, number = ndis_1001(self.frame, miniport=self.place), 1001
            keyword = WHOLE | ETHERNET | (SEND if self.is_out else RECEIVE)
        like = {"pktmon": pktmon, "ras": ras, "ndiscap": ndiscap}[self.provider](number, b"")
        return event_header(
            provider=like.provider or "", id=number, ticks=ticks, payload=payload, cpu=self.cpu, pid=pid, tid=tid,
            keyword=keyword,
        )  # fmt: skip

    def packet(self, ticks: int, spec: TraceSpec) -> CapturedPacket:
        place = {
            "pktmon": f"component:{self.place}:edge1",
            "ras": f"Rras::{self.place}",
            "ndiscap": f"eth:{self.place}",
        }
        is_pktmon = self.provider == "pktmon"
        return CapturedPacket(
            interface=place[self.provider], ts_ns=ts_ns(ticks, spec), frame=self.frame,
            original_bytes=len(self.frame) + (self.more if is_pktmon else 0), flags=2 if self.is_out else 1,
            packet_id=packet_group(self.cpu, ticks) if is_pktmon else None,
            thread=self.thread if self.thread[0] != 0xFFFFFFFF else None,
        )  # fmt: skip


ids = st.sampled_from([0, 4, 0xFFFFFFFF]) | st.integers(0, 2**32 - 1)
made = st.builds(
    Made,
    provider=st.sampled_from(["pktmon", "pktmon", "ndiscap", "ras"]),
    frame=st.binary(max_size=120).map(lambda data: b"\xff" * 14 + data),  # nothing that looks like IP
    more=st.integers(0, 2000),
    cpu=st.integers(0, 3),
    gap=st.integers(1, 10**8),
    place=st.integers(1, 3),
    is_out=st.booleans(),
    thread=st.tuples(ids, ids),
)
kinds_of_file = st.sampled_from(["plain", "relogged", "compressed", "unclosed"])


class TestConvert:
    @settings(max_examples=40)
    @given(
        st.lists(made, min_size=1, max_size=60), kinds_of_file, st.booleans(), st.sampled_from([1024, 4096]),
        st.sampled_from([1 << 10, 1 << 26]),
    )  # fmt: skip
    def test_what_comes_out_is_what_was_put_in(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        packets: list[Made],
        kind: str,
        is_system_clock: bool,
        buffer_size: int,
        slice_bytes: int,
    ) -> None:
        """Bytes, times to the tick, lengths, places and directions, whatever file, in slices of any size."""
        spec = replace(SPEC, buffer_size=buffer_size)
        spec = system_clock(spec) if is_system_clock else spec
        ticks = [spec.t0 + sum(one.gap for one in packets[: n + 1]) for n in range(len(packets))]
        buffers = pack([one.event(when) for one, when in zip(packets, ticks, strict=True)], buffer_size)
        if kind == "unclosed":
            spec = unclosed(spec)
        elif kind != "plain":
            spec, buffers = (relogged if kind == "relogged" else compressed)(spec, buffers)
        folder = tmp_path_factory.mktemp("made")
        with Recording([record(folder, buffers, spec)], Log()) as recording:
            scanned = scan(recording, slice_bytes=slice_bytes)
            result = convert_to_pcapng(scanned, str(folder / "out.pcapng"), CaptureOptions())
        capture = read_capture(folder / "out.pcapng")
        assert capture.packets == [one.packet(when, spec) for one, when in zip(packets, ticks, strict=True)]
        assert result.n_packets == scanned.overview.n_packets == len(packets)
        assert not any(row.kind.severity == "damage" for row in recording.log.rows() if row.kind.stage == "frames")

    def test_the_interfaces_of_a_file_share_link_type_and_snap_length(self, tmp_path: Path) -> None:
        events = [
            *(seen(Sighting(component=n, packet_type=kind)) for n, kind in
              ((1, TYPE_ETHERNET), (2, TYPE_WIFI), (1, TYPE_IP), (3, TYPE_ETHERNET), (2, TYPE_WIFI))),
            pktmon(200, pktmon_200(Sighting(), b"x", dst="10.0.0.1", src="10.0.0.2")), layer(),
        ]  # fmt: skip
        got = convert(tmp_path, events)
        links = {name: [one.link_type for one in capture.interfaces] for name, capture in got.captures.items()}
        assert links == {
            "out.pcapng": [1] * 3, "out.wifi.pcapng": [105], "out.raw.pcapng": [101], "out.payload.pcapng": [252],
        }  # fmt: skip
        snap_lengths = {one.snap_length for capture in got.captures.values() for one in capture.interfaces}
        assert len(snap_lengths) == 1
        assert got.result.n_packets == sum(len(capture.packets) for capture in got.captures.values()) == 7

    def test_standard_output_takes_one_link_type(
        self, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        path = record(tmp_path, [seen(Sighting()), seen(Sighting(packet_type=TYPE_IP)), seen(Sighting(component=2))])
        with wnv.open_trace(path) as trace:
            result = trace.convert("-")
        assert len(read_capture(capfdbinary.readouterr().out).packets) == 2
        assert list(result.left_out.values()) == [1]

    def test_the_section_says_where_it_comes_from_and_what_is_lost(self, tmp_path: Path) -> None:
        spec = replace(SPEC, events_lost=5, buffers_lost=2, logger_name="my\x1b session")
        capture = convert(tmp_path, [seen(Sighting())], spec=spec).capture
        assert capture.application == f"wnv {wnv.__version__}"
        assert capture.os == "Windows Server 2022"
        for words in ("from in.etl", r"my\x1b session", "build 20348", "1 sighting at 1 point",
                      "lost: 5 events could not be recorded", "lost: 2 buffers could not be written"):  # fmt: skip
            assert words in capture.comment
        assert "nothing is known to be lost" in convert(tmp_path, [seen(Sighting())]).capture.comment

    def test_counts_of_every_interface(self, tmp_path: Path) -> None:
        events = [seen(Sighting(component=1), ticks=at(5)), seen(Sighting(component=2), ticks=at(7)),
                  seen(Sighting(component=1, drop_reason=3), ticks=at(9))]  # fmt: skip
        got = convert(tmp_path, events).capture.statistics
        assert [(one.start_ns, one.end_ns, one.n_received, one.n_dropped) for one in got] == [
            (ts_ns(at(5)), ts_ns(at(9)), 2, 1),
            (ts_ns(at(7)), ts_ns(at(7)), 1, 0),
        ]

    def test_an_output_that_is_the_input_is_refused(self, tmp_path: Path) -> None:
        path = record(tmp_path, [seen(Sighting())])
        before = path.read_bytes()
        with wnv.open_trace(path) as trace, pytest.raises(UsageError, match="is also the input"):
            trace.convert(str(path))
        assert path.read_bytes() == before

    def test_nothing_to_convert_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(WnvError, match=r"no packets to convert.*wrote only about itself"):
            convert(tmp_path, [pktmon(20, pktmon_20(1, 2, "x.sys"))])
        with pytest.raises(WnvError, match=r"no packets to convert.*do not fit any layout"):
            convert(tmp_path, [pktmon(160, b"short")])
        assert [path.name for path in tmp_path.iterdir()] == ["in.etl"]

    def test_stopping_leaves_a_valid_file_of_what_there_was(self, tmp_path: Path) -> None:
        """Sixteen slices of which two are written."""
        events = [seen(Sighting(group=n), bytes(800), ticks=at(n)) for n in range(1, 17)]
        turns = iter(range(100))
        with Recording([record(tmp_path, pack(events, 1024))], Log()) as recording:
            scanned = scan(recording, slice_bytes=1024)
            result = convert_to_pcapng(
                scanned, str(tmp_path / "out.pcapng"), CaptureOptions(), should_stop=lambda: next(turns) == 1
            )
        capture = read_capture(tmp_path / "out.pcapng")
        assert result.is_partial
        assert 0 < len(capture.packets) < 16
        assert capture.statistics[0].n_received == len(capture.packets) == result.n_packets

    def test_stopping_works_where_there_are_no_packets(self, tmp_path: Path) -> None:
        noise = [pktmon(9, bytes(800), ticks=at(n)) for n in range(2, 40)]
        asked: list[int] = []

        def should_stop() -> bool:
            asked.append(1)
            return len(asked) == 3

        with Recording([record(tmp_path, pack([seen(Sighting()), *noise], 1024))], Log()) as recording:
            scanned = scan(recording, slice_bytes=1024)
            out = str(tmp_path / "out.pcapng")
            assert convert_to_pcapng(scanned, out, CaptureOptions(), should_stop=should_stop).is_partial
        assert len(read_capture(tmp_path / "out.pcapng").packets) == 1

    def test_may_be_repeated(self, tmp_path: Path) -> None:
        """What was left open at the end is no start of anything, and is counted once."""
        half = ndiscap(1001, ndis_1001(b"half"), PACKET_START | SEND, ticks=at(9))
        other_half = ndiscap(1001, ndis_1001(b"other half"), PACKET_END | SEND, ticks=at(1))
        with wnv.open_trace(record(tmp_path, [half, other_half, layer(ticks=at(5))])) as trace:
            for name in ("1.pcapng", "2.pcapng"):
                trace.convert(str(tmp_path / name))
                n_incomplete = sum(row.count for row in trace.log.rows() if row.code == "frame_incomplete")
                assert n_incomplete == 2
        assert (tmp_path / "1.pcapng").read_bytes() == (tmp_path / "2.pcapng").read_bytes()


class TestOptions:
    EVENTS = (
        seen(Sighting(group=1, appearance=1, component=1), ticks=at(1)),
        seen(Sighting(group=1, appearance=2, component=2), ticks=at(2)),
        seen(Sighting(group=2, appearance=1, component=2, packet_type=TYPE_IP), FRAME[14:], ticks=at(3)),
    )

    @pytest.mark.parametrize(
        ("options", "files"),
        [
            (CaptureOptions(), {"out.pcapng": [1, 1], "out.raw.pcapng": [2]}),
            (CaptureOptions(points=("component:1:EDGE1",)), {"out.pcapng": [1]}),
            (CaptureOptions(points=("component:2:edge1",)), {"out.pcapng": [1], "out.raw.pcapng": [2]}),
            (CaptureOptions(is_once=True), {"out.pcapng": [1], "out.raw.pcapng": [2]}),
            (
                CaptureOptions(per_interface=True),
                {
                    "out.component_1_edge1.pcapng": [1],
                    "out.component_2_edge1.ethernet.pcapng": [1],
                    "out.component_2_edge1.raw.pcapng": [2],
                },
            ),
        ],
    )  # fmt: skip
    def test_choose_packets_and_files(
        self, tmp_path: Path, options: CaptureOptions, files: dict[str, list[int]]
    ) -> None:
        got = convert(tmp_path, self.EVENTS, options)
        written = {name: [one.packet_id for one in capture.packets] for name, capture in got.captures.items()}
        assert written == files

    def test_a_point_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no capture point 'eth:9'.*There are: component:1:edge1, component:2"):
            convert(tmp_path, self.EVENTS, CaptureOptions(points=("eth:9",)))

    @pytest.mark.parametrize(
        ("events", "kept"),
        [
            pytest.param([layer(lower=20), layer(), layer(lower=21)], ["eth:12"], id="layers: at the miniport"),
            pytest.param(
                [layer(lower=20), layer(lower=21), layer(miniport=13), layer(lower=20)],
                ["eth:20", "eth:13", "eth:20"],
                id="an adapter without that layer: at its first",
            ),
            pytest.param([switch(VM), layer(), switch(VM, HOST)], ["eth:12"], id="a switch beside: at the miniport"),
            pytest.param([switch(VM), switch(VM, HOST, WIRE)], ["vNIC:Synthetic:vm:30"], id="a switch: on the way in"),
            pytest.param([switch(WIRE), switch(WIRE, VM)], ["vNIC:External:wire:30"], id="a switch, from the wire"),
            pytest.param([ras(5001, ras_5001(FRAME))] * 2, ["Rras::"] * 2, id="a VPN: all"),
        ],
    )
    def test_once_is_the_sighting_that_every_packet_has(
        self, tmp_path: Path, events: Sequence[Event], kept: list[str]
    ) -> None:
        got = convert(tmp_path, events, CaptureOptions(is_once=True))
        assert [one.interface for one in got.packets] == kept


class TestOtherReaders:
    EVENTS = (
        seen(Sighting(group=7, drop_reason=8)),
        pktmon(180, pktmon_180(Sighting(group=8), {"Ieee8021Q": 7 << 4, "TcpLargeSend": 1})),
        seen(Sighting(group=8, direction=DIR_TX), ethernet(ip("fe80::1", "fe80::2", Echo()))[:60], ticks=at(2)),
        layer(ethernet(ip("10.0.0.1", "10.0.0.2", Echo())), ticks=at(3)),
        pktmon(20, pktmon_20(1, COMPONENT_MINIPORT, "nic.sys", "NIC"), ticks=at(4)),
        pktmon(70, pktmon_70(1, bytes.fromhex("020000000001")), ticks=at(4)),
    )

    def test_tshark_sees_what_was_meant(self, tmp_path: Path, tshark: Path) -> None:
        convert(tmp_path, self.EVENTS)
        names = ("interface_name", "packet_flags_direction", "packet_id", "verdict.ebpf_xdp", "comment", "time_epoch",
                 "len", "cap_len")  # fmt: skip
        fields = [*(f"frame.{name}" for name in names), "_ws.col.Protocol"]
        options = [part for field in fields for part in ("-e", field)]
        command = [str(tshark), "-n", "-r", str(tmp_path / "out.pcapng"), "-T", "fields", "-E", "separator=|", *options]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
        assert done.stdout.splitlines() == [
            "nic:1|0x00000001|7|1|dropped: Filtered (0x8)|1705526400.000000100|61|61|TCP",
            "nic:1|0x00000002|8||VLAN 7; large send|1705526400.000000200|60|60|ICMPv6",
            "eth:12|0x00000002|||" + "|1705526400.000000300|50|50|ICMP",
        ]

    @pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")  # python-pcapng's own
    def test_python_pcapng_has_nothing_to_complain_about(self, tmp_path: Path) -> None:
        convert(tmp_path, self.EVENTS)
        with (tmp_path / "out.pcapng").open("rb") as file:
            packets = [block for block in pcapng.FileScanner(file) if type(block).__name__ == "EnhancedPacket"]
        assert [one.interface.options["if_name"] for one in packets] == ["nic:1", "nic:1", "eth:12"]
        assert [one.packet_data[:14] for one in packets] == [FRAME[:14], FRAME[:12] + b"\x86\xdd", FRAME[:14]]
        assert [one.options.get("epb_packetid") for one in packets] == [7, 8, None]


class TestRealRecordings:
    def test_pktmon_demikernel_as_pktmon_itself_converts_it(self, own_traces: Path, tmp_path: Path) -> None:
        """The same bytes in the same order of time; its times are in microseconds."""
        theirs = []
        for kind, body in parse_blocks((own_traces / "pktmon-demikernel.cap").read_bytes()):
            if kind == 6:
                _, high, low, captured, original = struct.unpack_from("<IIIII", body)
                theirs.append((high << 32 | low, original, body[20 : 20 + captured]))
        with wnv.open_trace(wnv.sample_path()) as trace:
            result = trace.convert(str(tmp_path / "out.pcapng"))
        ours = read_capture(tmp_path / "out.pcapng")
        assert result.n_packets == len(theirs) == 114
        assert [one.frame for one in ours.packets] == [frame for _, _, frame in theirs]
        assert [one.original_bytes for one in ours.packets] == [original for _, original, _ in theirs]
        for one, (micros, _, _) in zip(ours.packets, theirs, strict=True):
            assert abs(one.ts_ns - micros * 1000) <= 1000

    def test_the_packet_seen_most_often(self, traces_dir: Path) -> None:
        with wnv.open_trace(traces_dir / "pktmon-vpn-a.etl") as trace:
            rows = trace.longest_sightings()
        assert len({row["packet"] for row in rows}) == 1
        appearances = [row["appearance"] for row in rows]
        assert appearances == sorted(range(1, len(rows) + 1))
        assert len(rows) > 10


class TestLongestSightings:
    def test_are_in_the_order_of_their_appearance(self, tmp_path: Path) -> None:
        events = [seen(Sighting(group=1, number=2, appearance=n, component=n), ticks=at(10 - n)) for n in (3, 2, 1)]
        with wnv.open_trace(record(tmp_path, [seen(Sighting(group=1)), *events])) as trace:
            rows = trace.longest_sightings()
        assert [(row["packet"], row["appearance"], row["point"], row["direction"]) for row in rows] == [
            ("1.2", n, f"component:{n}:edge1", "in") for n in (1, 2, 3)
        ]
        assert {row["summary"] for row in rows} == {"TCP 10.0.0.1:40000 → 10.0.0.2:443"}

    def test_ndiscap_does_not_number_packets(self, tmp_path: Path) -> None:
        with wnv.open_trace(record(tmp_path, [layer()])) as trace, pytest.raises(WnvError, match="Only pktmon"):
            trace.longest_sightings()


def _everything() -> list[Event]:
    """An event of every kind that is read."""
    wifi = b"\x08\x42" + bytes(30)
    tagged = oob_data(vlan=7)
    return [
        seen(Sighting(drop_reason=8)),
        pktmon(180, pktmon_180(Sighting(), {"Ieee8021Q": 7 << 4})),
        pktmon(200, pktmon_200(Sighting(), b"payload", dst="10.0.0.1", src="10.0.0.2")),
        pktmon(120, pktmon_120(Sighting(), dst="10.0.0.1", src="10.0.0.2")),
        pktmon(20, pktmon_20(1, COMPONENT_FILTER, "f.sys", "Filter")),
        pktmon(65, pktmon_65(1, "10.0.0.1")),
        pktmon(73, pktmon_73(1, "nat")),
        pktmon(90, pktmon_90(1, "Upper", 1, (0, 0, 0), (0, 0, 0))),
        ndiscap(1001, ndis_1001(b"start"), PACKET_START | SEND),
        ndiscap(1001, ndis_1001(b"end"), PACKET_END | SEND),
        ndiscap(1002, ndis_1002(dot11_metadata())),
        ndiscap(1001, ndis_1001(wifi), WHOLE | RECEIVE | NATIVE_802_11),
        switch(VM),
        switch(VM, HOST, WIRE),
        ndiscap(1003, ndis_1003(FRAME, destinations=[VM], oob=tagged), WHOLE | SEND),
        ndiscap(1014, ndis_1014(12, 12, 16)),
        ndiscap(5101, ndis_5101(1, "nic", 12, [(12, "layer")])),
        ras(5001, ras_5001(FRAME, user="anna")),
    ]


class TestHostile:
    def attempt(self, folder: Path, data: bytes, slice_bytes: int) -> None:
        (folder / "in.etl").write_bytes(data)
        try:
            with Recording([folder / "in.etl"], Log()) as recording:
                scanned = scan(recording, slice_bytes=slice_bytes)
                convert_to_pcapng(scanned, str(folder / "out.pcapng"), CaptureOptions(is_once=slice_bytes < 2048))
        except WnvError:
            return
        read_capture(folder / "out.pcapng")

    @settings(max_examples=150)
    @given(st.integers(0, 2**32), st.integers(1, 30), st.booleans())
    def test_recordings_with_changed_bytes(
        self, tmp_path_factory: pytest.TempPathFactory, seed: int, n_changes: int, is_packed: bool
    ) -> None:
        """Damage is a diagnostic, and what is written is valid. Half of the changes are what sizes are made of."""
        spec, buffers = replace(SPEC, buffer_size=1024), pack(_everything(), 1024)
        if is_packed:
            spec, buffers = compressed(spec, buffers)
        data = bytearray(build(spec, buffers))
        draw = random.Random(seed)  # bytes and places: hypothesis would need a choice for each
        for _ in range(n_changes):
            place = draw.randrange(1024 + 72, len(data))
            data[place] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256), draw.randrange(256)))
        self.attempt(tmp_path_factory.mktemp("bad"), bytes(data), draw.choice((1024, 1 << 26)))

    @settings(max_examples=150)
    @given(st.data())
    def test_payloads_of_any_bytes(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        """Whole events whose payloads were changed, cut or replaced."""

        def change(raw: bytes) -> st.SearchStrategy[bytes]:
            place, other = st.integers(0, len(raw)), st.binary(min_size=1, max_size=8)
            patched = st.builds(lambda at, new: raw[:at] + new + raw[at + len(new) :], place, other)
            return st.one_of(st.just(raw), st.binary(max_size=80), place.map(lambda n: raw[:n]), patched)

        events = [
            event_header(
                provider=one.provider or "", id=one.event_id or 0, ticks=at(n), payload=data.draw(change(one.payload)),
                keyword=one.keyword or 0, bits=data.draw(st.sampled_from([32, 64])),
            ) for n, one in enumerate(data.draw(st.lists(st.sampled_from(EVERYTHING), max_size=12)))
        ]  # fmt: skip
        spec = replace(SPEC, buffer_size=1024)
        self.attempt(tmp_path_factory.mktemp("bad"), build(spec, events), data.draw(st.sampled_from([1024, 1 << 26])))


EVERYTHING = _everything()
