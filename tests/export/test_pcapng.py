from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pcapng
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapng_reader import parse_blocks, parse_items, parse_options
from wnv import kernels
from wnv.errors import WnvError
from wnv.export.pcapng import (
    INBOUND,
    MAX_SNAP_LENGTH,
    OUTBOUND,
    TIME_UNKNOWN,
    VERDICT_DROP,
    Interface,
    Note,
    Packets,
    PcapngWriter,
    Statistics,
)

NOON = 1_700_000_000_123_456_700  # a multiple of 100 ns
NIC = Interface("eth:7:0", "Ethernet", 1)
PORT = Interface("vNIC:web", "port 2", 1, bytes.fromhex("00155d010203"), (bytes([10, 0, 0, 5]),), (), "Hyper-V")

# 10.0.0.5 to 10.0.0.7, UDP port 53 to 53, four bytes of payload
FRAME = bytes.fromhex(
    "020000000002020000000001080045000020000100004011000 00a0000050a00000700350035000c000001020304".replace(" ", "")
)


@dataclass(frozen=True, slots=True)
class Packet:
    """A row of `Packets`; None = the option is not written."""

    frame: bytes = FRAME
    more: int = 0
    """How much longer it was on the wire."""
    ts_ns: int = NOON
    interface: int = 0
    flags: int = 0
    packet_id: int | None = None
    thread: tuple[int, int] | None = None
    note: int = -1


def columns_of(packets: Sequence[Packet]) -> Packets:
    """Frames stand in the buffer in reverse order, with gaps."""
    data = b"\xee"
    start = []
    for one in reversed(packets):
        start.append(len(data))
        data += one.frame + b"\xee"
    return Packets(
        data=np.frombuffer(data, np.uint8),
        start=np.array(start[::-1], np.int64),
        captured_bytes=np.array([len(one.frame) for one in packets], np.int64),
        original_bytes=np.array([len(one.frame) + one.more for one in packets], np.int64),
        ts_ns=np.array([one.ts_ns for one in packets], np.int64),
        interface=np.array([one.interface for one in packets], np.int64),
        flags=np.array([one.flags for one in packets], np.uint32),
        packet_id=np.array([one.packet_id or 0 for one in packets], np.uint64),
        has_packet_id=np.array([one.packet_id is not None for one in packets], np.bool_),
        pid=np.array([(one.thread or (9, 9))[0] for one in packets], np.uint32),
        tid=np.array([(one.thread or (9, 9))[1] for one in packets], np.uint32),
        has_thread=np.array([one.thread is not None for one in packets], np.bool_),
        note=np.array([one.note for one in packets], np.int64),
    )


def new_writer(
    *interfaces: Interface, snap_length: int = MAX_SNAP_LENGTH, comment: str = ""
) -> tuple[io.BytesIO, PcapngWriter]:
    file = io.BytesIO()
    writer = PcapngWriter(file, interfaces=interfaces, comment=comment, application="wnv", snap_length=snap_length)
    return file, writer


def written(packets: Sequence[Packet], notes: Sequence[Note] = (), snap_length: int = MAX_SNAP_LENGTH) -> bytes:
    file, writer = new_writer(NIC, PORT, snap_length=snap_length)
    for note in notes:
        writer.add_note(note)
    writer.write(columns_of(packets))
    return file.getvalue()


def parse_packet(body: bytes, notes: Sequence[Note]) -> Packet:
    """The inverse of writing."""
    interface, high, low, captured, original = struct.unpack_from("<IIIII", body)
    end = 20 + captured + -captured % 4
    assert not body[20 + captured : end].strip(b"\0")
    options = dict(parse_options(body[end:]))
    comment = options.pop(1, b"").decode()
    note = notes.index(Note(comment, options.pop(7, None))) if comment else -1
    flags = struct.unpack("<I", options.pop(2, bytes(4)))[0]
    packet_id = struct.unpack("<Q", options.pop(5))[0] if 5 in options else None
    thread = struct.unpack("<II", options.pop(8)) if 8 in options else None
    assert not options
    ts_ns = (high << 32 | low) * 100
    frame = body[20 : 20 + captured]
    return Packet(frame, original - captured, ts_ns, interface, flags, packet_id, thread, note)


def parse_packets(data: bytes, notes: Sequence[Note] = ()) -> list[Packet]:
    return [parse_packet(body, notes) for kind, body in parse_blocks(data) if kind == 6]


class TestBlocks:
    def test_the_section_says_who_wrote_it_and_nothing_of_its_length(self) -> None:
        file = io.BytesIO()
        PcapngWriter(file, interfaces=[], comment="hello", application="wnv 1", os="Windows", hardware="AMD64")
        ((kind, body),) = parse_blocks(file.getvalue())
        assert kind == 0x0A0D0D0A
        assert body[:16] == bytes.fromhex("4d3c2b1a 0100 0000 ffffffffffffffff")
        assert parse_options(body[16:]) == [(1, b"hello"), (2, b"AMD64"), (3, b"Windows"), (4, b"wnv 1")]

    def test_every_interface_has_the_same_link_type_and_snap_length(self) -> None:
        ipv6 = bytes.fromhex("fe800000000000000000000000000001")
        file, _ = new_writer(replace(PORT, ipv4=(b"abcd", b"efgh"), ipv6=(ipv6,)), NIC, snap_length=1500)
        (_, first), (_, second) = (block for block in parse_blocks(file.getvalue()) if block[0] == 1)
        assert first[:8] == second[:8] == struct.pack("<HHI", 1, 0, 1500)
        assert parse_options(first[8:]) == [
            (2, b"vNIC:web"),
            (3, b"port 2"),
            (4, b"abcd\xff\xff\xff\xff"),
            (4, b"efgh\xff\xff\xff\xff"),
            (5, ipv6 + b"\x80"),
            (6, bytes.fromhex("00155d010203")),
            (9, b"\x07"),
            (15, b"Hyper-V"),
        ]
        assert parse_options(second[8:]) == [(2, b"eth:7:0"), (3, b"Ethernet"), (9, b"\x07")]

    def test_a_packet_byte_for_byte(self) -> None:
        packet = Packet(b"frame", 2, NOON, 1, OUTBOUND, 0x0102030405060708, (0x11, 0x22), 0)
        *_, (kind, body) = parse_blocks(written([packet], [Note("why", VERDICT_DROP)]))
        ticks = struct.pack("<II", *divmod(NOON // 100, 1 << 32))
        assert kind == 6
        assert body == (
            bytes.fromhex("01000000")
            + ticks
            + bytes.fromhex("05000000 07000000")
            + b"frame\0\0\0"
            + bytes.fromhex("0200 0400 02000000")
            + bytes.fromhex("0500 0800 0807060504030201")
            + bytes.fromhex("0800 0800 11000000 22000000")
            + bytes.fromhex("0100 0300")
            + b"why\0"
            + bytes.fromhex("0700 0900 02 0100000000000000 000000")
            + bytes.fromhex("0000 0000")
        )

    def test_a_packet_without_options_has_no_end_of_options(self) -> None:
        *_, (_, body) = parse_blocks(written([Packet(b"")]))
        assert len(body) == 20

    def test_a_note_may_have_a_comment_or_a_verdict_or_nothing(self) -> None:
        notes = [Note("", VERDICT_DROP), Note("only words"), Note("")]
        packets = [Packet(b"", note=k) for k in range(3)]
        bodies = [body for kind, body in parse_blocks(written(packets, notes)) if kind == 6]
        assert [parse_options(body[20:]) for body in bodies] == [
            [(7, VERDICT_DROP)],
            [(1, b"only words")],
            [],
        ]

    def test_equal_notes_are_one(self) -> None:
        _, writer = new_writer(NIC)
        assert [writer.add_note(Note(text)) for text in ("a", "b", "a")] == [0, 1, 0]
        assert writer.add_note(Note("a", VERDICT_DROP)) == 2

    def test_notes_may_be_added_between_writes(self) -> None:
        file, writer = new_writer(NIC)
        notes = [Note("first"), Note("second")]
        for note in notes:
            writer.write(columns_of([Packet(note=writer.add_note(note))]))
        assert parse_packets(file.getvalue(), notes) == [Packet(note=0), Packet(note=1)]

    def test_statistics(self) -> None:
        file, writer = new_writer(NIC, PORT)
        writer.close([Statistics(1, NOON, NOON + 100, 5, 2), Statistics(0, TIME_UNKNOWN, TIME_UNKNOWN, 2**63, None)])
        (_, first), (_, second) = (block for block in parse_blocks(file.getvalue()) if block[0] == 5)
        start, end = (struct.pack("<II", *divmod(ns // 100, 1 << 32)) for ns in (NOON, NOON + 100))
        assert first[:12] == struct.pack("<I", 1) + end
        assert parse_options(first[12:]) == [
            (2, start),
            (3, end),
            (4, struct.pack("<Q", 5)),
            (5, struct.pack("<Q", 2)),
        ]
        assert second[:12] == bytes(12)
        assert parse_options(second[12:]) == [(4, struct.pack("<Q", 2**63))]
        with pytest.raises(WnvError, match="interface 2, which the file does not have"):
            writer.close([Statistics(2, NOON, NOON, 0)])

    def test_names(self) -> None:
        file, writer = new_writer(NIC)
        writer.name_records({"10.0.0.5": ["web-1", "", "web.example"], "10.0.0.6": [], "fe80::1%3": ["Büro\0"]})
        *_, (kind, body) = parse_blocks(file.getvalue())
        assert kind == 4
        assert parse_items(body) == [
            (1, bytes([10, 0, 0, 5]) + b"web-1\0web.example\0"),
            (2, bytes.fromhex("fe800000000000000000000000000001") + "Büro\\x00\0".encode()),
        ]

    def test_no_names_no_block(self) -> None:
        file, writer = new_writer(NIC)
        before = file.getvalue()
        writer.name_records({"10.0.0.6": []})
        assert file.getvalue() == before

    def test_many_names_are_several_blocks(self) -> None:
        file, writer = new_writer(NIC)
        names = {f"10.1.{k >> 8}.{k & 255}": ["n" * 3000] for k in range(1000)}
        writer.name_records(names)
        bodies = [body for kind, body in parse_blocks(file.getvalue()) if kind == 4]
        assert len(bodies) == 3
        found = [".".join(map(str, value[:4])) for body in bodies for _, value in parse_items(body)]
        assert found == list(names)

    def test_names_that_do_not_fit_are_left_out(self) -> None:
        file, writer = new_writer(NIC)
        writer.name_records({"10.0.0.5": ["ü" * 40_000, "more"], "10.0.0.6": ["a" * 65_000, "b" * 600, "c"]})
        *_, (_, body) = parse_blocks(file.getvalue())
        (_, first), (_, second) = parse_items(body)
        assert first == bytes([10, 0, 0, 5]) + "ü".encode() * 32_765 + b"\0"
        assert second == bytes([10, 0, 0, 6]) + b"a" * 65_000 + b"\0"


class TestHostileText:
    HOSTILE = "a\x1b[2J\n\u202eb\ud800"
    SHOWN = rb"a\x1b[2J\x0a\u202eb\ud800"

    def test_is_written_out_everywhere(self) -> None:
        hostile = self.HOSTILE
        file = io.BytesIO()
        interface = Interface(hostile, hostile, 1, hardware=hostile)
        writer = PcapngWriter(
            file, interfaces=[interface], comment=hostile, application=hostile, os=hostile, hardware=hostile
        )
        note = writer.add_note(Note(hostile))
        writer.name_records({"10.0.0.5": [hostile]})
        writer.write(columns_of([Packet(note=note)]))
        assert file.getvalue().count(self.SHOWN) == 4 + 3 + 1 + 1
        assert not any(unwanted in file.getvalue() for unwanted in (b"\x1b", "\u202e".encode()))

    def test_is_cut_between_characters_at_the_length_an_option_can_have(self) -> None:
        note = Note("a" + "€" * 30_000)
        *_, (_, body) = parse_blocks(written([Packet(note=0)], [note]))
        ((code, value),) = parse_options(body[20 + len(FRAME) + -len(FRAME) % 4 :])
        assert code == 1
        assert value.decode() == "a" + "€" * 21_844  # 65,533 bytes


NOTES = [Note("dropped", VERDICT_DROP), Note("late"), Note("Büro \\")]
u32 = st.integers(0, 2**32 - 1)
some_packets = st.lists(
    st.builds(
        Packet,
        frame=st.binary(max_size=70),
        more=st.integers(0, 2**32 - 71),
        ts_ns=st.integers(0, (2**63 - 1) // 100).map(lambda ticks: ticks * 100),
        interface=st.integers(0, 1),
        flags=u32,
        packet_id=st.none() | st.integers(0, 2**64 - 1),
        thread=st.none() | st.tuples(u32, u32),
        note=st.integers(-1, len(NOTES) - 1),
    ),
    max_size=20,
)


class TestPackets:
    @given(some_packets)
    def test_reading_gives_back_what_was_written(self, packets: list[Packet]) -> None:
        assert parse_packets(written(packets, NOTES), NOTES) == packets

    @given(some_packets)
    def test_the_uncompiled_loop_writes_the_same(self, packets: list[Packet]) -> None:
        compiled = written(packets, NOTES)
        with pytest.MonkeyPatch.context() as patch:
            plain = getattr(kernels.fill_packet_blocks, "py_func", kernels.fill_packet_blocks)
            patch.setattr(kernels, "fill_packet_blocks", plain)
            assert written(packets, NOTES) == compiled

    def test_more_than_fits_into_one_piece(self) -> None:
        """Frames that end at, before and after the end of a piece; more rows than are prepared at once."""
        sizes = np.random.default_rng(7).integers(0, 60, 70_000)
        data = np.arange(100, dtype=np.uint8)
        n = len(sizes)
        packets = Packets(
            data=data,
            start=np.arange(n) % 40,
            captured_bytes=sizes,
            original_bytes=sizes,
            ts_ns=np.arange(n) * 100,
            interface=np.zeros(n, np.int64),
            flags=np.full(n, INBOUND, np.uint32),
            packet_id=np.arange(n, dtype=np.uint64),
            has_packet_id=np.arange(n) % 2 == 0,
            pid=np.zeros(n, np.uint32),
            tid=np.zeros(n, np.uint32),
            has_thread=np.zeros(n, np.bool_),
            note=np.full(n, -1),
        )
        file, writer = new_writer(NIC)
        writer.write(packets)
        raw = data.tobytes()
        assert parse_packets(file.getvalue()) == [
            Packet(raw[k % 40 : k % 40 + size], 0, k * 100, 0, INBOUND, None if k % 2 else k)
            for k, size in enumerate(sizes.tolist())
        ]
        assert writer.n_packets == n

    def test_no_piece_is_larger_than_a_mebibyte(self) -> None:
        class Sizes:
            largest = 0

            def write(self, data: bytes | memoryview, /) -> None:
                self.largest = max(self.largest, len(data))

        sizes = Sizes()
        writer = PcapngWriter(sizes, interfaces=[NIC], comment="", application="")
        note = writer.add_note(Note("x" * 70_000))
        writer.write(columns_of([Packet(bytes(300_000), note=note)] * 10))
        assert MAX_SNAP_LENGTH < sizes.largest <= 1 << 20

    def test_columns_may_be_views_with_strides(self) -> None:
        packets = [Packet(bytes([k]) * k, k, NOON + 100 * k, k % 2, k, k, (k, k), -1) for k in range(10)]
        whole = columns_of(packets)
        file, writer = new_writer(NIC, PORT)
        columns = {name: getattr(whole, name)[::3] for name in Packets.__slots__ if name not in ("data", "options")}
        writer.write(replace(whole, **columns))
        assert parse_packets(file.getvalue()) == packets[::3]

    def test_a_frame_beyond_the_snap_length_is_cut(self) -> None:
        file, writer = new_writer(NIC, snap_length=6)
        writer.write(columns_of([Packet(b"123456789", 5), Packet(b"123456")]))
        assert parse_packets(file.getvalue()) == [Packet(b"123456", 8), Packet(b"123456")]
        assert writer.n_cut == 1

    def test_the_original_length_is_never_less_than_what_was_captured(self) -> None:
        assert parse_packets(written([Packet(b"123456", -4)], snap_length=5)) == [Packet(b"12345", 1)]

    def test_a_time_that_cannot_be_written_is_0_and_counted(self) -> None:
        file, writer = new_writer(NIC)
        writer.write(columns_of([Packet(ts_ns=ns) for ns in (TIME_UNKNOWN, -1, 0, NOON + 99)]))
        assert [one.ts_ns for one in parse_packets(file.getvalue())] == [0, 0, 0, NOON]
        assert (writer.n_packets, writer.n_without_time) == (4, 2)

    def test_none_at_all(self) -> None:
        assert parse_packets(written([])) == []

    def test_the_kernel_stops_where_the_next_block_does_not_fit(self) -> None:
        packets = columns_of([Packet(b"12345")] * 3)
        _, writer = new_writer(NIC)
        columns = writer._prepare(packets, slice(None))
        words = np.full(21, 7, "<u4")
        plain = getattr(kernels.fill_packet_blocks, "py_func", kernels.fill_packet_blocks)
        for fill in (kernels.fill_packet_blocks, plain):
            assert fill(words[:20], 0, packets.data, *columns) == (2, 20)
            assert fill(words[:19], 1, packets.data, *columns) == (2, 10)
            assert fill(words[:9], 1, packets.data, *columns) == (1, 0)
            assert words[20] == 7


class TestRefused:
    def test_link_types_that_differ(self) -> None:
        with pytest.raises(ValueError, match=r"of one link type, not of \[1, 105\]"):
            new_writer(NIC, replace(NIC, link_type=105))

    @pytest.mark.parametrize("snap_length", [0, -1, MAX_SNAP_LENGTH + 1])
    def test_a_snap_length_that_no_reader_takes(self, snap_length: int) -> None:
        with pytest.raises(WnvError, match="not between 1 and 262,144"):
            new_writer(NIC, snap_length=snap_length)

    @pytest.mark.parametrize(
        "interface",
        [
            replace(NIC, mac=b"12345"),
            replace(NIC, ipv4=(b"1234", b"123")),
            replace(NIC, ipv6=(b"1234",)),
            replace(NIC, link_type=0x10000),
        ],
    )
    def test_an_interface_that_cannot_be(self, interface: Interface) -> None:
        with pytest.raises(WnvError, match=r"interface eth:7:0: "):
            new_writer(interface)

    def test_a_name_for_what_is_no_address(self) -> None:
        _, writer = new_writer(NIC)
        with pytest.raises(WnvError, match=r"'10\.0\.0\\\\x1b' is not an IP address"):
            writer.name_records({"10.0.0\x1b": ["web"]})

    @pytest.mark.parametrize(
        ("column", "value", "why"),
        [
            ("start", -1, "its frame lies outside the data"),
            ("start", 2**63 - 1, "its frame lies outside the data"),
            ("captured_bytes", -1, "its frame lies outside the data"),
            ("captured_bytes", 1000, "its frame lies outside the data"),
            ("captured_bytes", 2**63 - 1, "its frame lies outside the data"),
            ("original_bytes", -1, "its original length"),
            ("original_bytes", 2**32, "its original length"),
            ("interface", -1, "there is no such interface"),
            ("interface", 2, "there is no such interface"),
            ("note", -2, "there is no such note"),
            ("note", 0, "there is no such note"),
        ],
    )
    def test_columns_that_point_nowhere(self, column: str, value: int, why: str) -> None:
        packets = columns_of([Packet(), Packet()])
        getattr(packets, column)[1] = value
        file, writer = new_writer(NIC, PORT)
        before = file.getvalue()
        with pytest.raises(WnvError, match=f"packet 1 cannot be written: {why}"):
            writer.write(packets)
        assert file.getvalue() == before

    def test_columns_of_different_length(self) -> None:
        packets = columns_of([Packet(), Packet()])
        _, writer = new_writer(NIC)
        with pytest.raises(WnvError, match="columns differ in length: 1 of tid, 2 of start"):
            writer.write(replace(packets, tid=packets.tid[:1]))


def write_sample(path: Path) -> None:
    with path.open("wb") as file:
        writer = PcapngWriter(file, interfaces=[NIC, PORT], comment="a comment", application="wnv", os="Windows")
        writer.name_records({"10.0.0.5": ["web", "web-1"], "fe80::5": ["web-1"]})
        note = writer.add_note(Note("dropped: acl_deny", VERDICT_DROP))
        packets = [
            Packet(more=100, flags=INBOUND, packet_id=7, thread=(4, 88)),
            Packet(ts_ns=NOON + 200, interface=1, flags=OUTBOUND, packet_id=7, note=note),
            Packet(ts_ns=TIME_UNKNOWN),
        ]
        writer.write(columns_of(packets))
        writer.close([Statistics(0, NOON, NOON, 2, 1), Statistics(1, NOON + 200, NOON + 200, 1)])


class TestOtherReaders:
    def test_tshark_sees_what_was_meant(self, tshark: Path, tmp_path: Path) -> None:
        write_sample(tmp_path / "sample.pcapng")
        names = [
            *("number", "time_epoch", "len", "cap_len", "interface_name", "packet_flags_direction"),
            *("packet_id", "verdict.ebpf_xdp", "comment"),
        ]
        fields = [f"frame.{name}" for name in names] + ["ip.src_host"]
        command = [str(tshark), "-r", str(tmp_path / "sample.pcapng"), "-N", "n"]
        command += ["-T", "fields", "-E", "separator=|"]
        for field in fields:
            command += ["-e", field]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
        assert done.stdout.splitlines() == [
            "1|1700000000.123456700|146|46|eth:7:0|0x00000001|7|||web-1",
            "2|1700000000.123456900|46|46|vNIC:web|0x00000002|7|1|dropped: acl_deny|web-1",
            "3|0.000000000|46|46|eth:7:0|||||web-1",
        ]

    @pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")  # python-pcapng's own
    def test_python_pcapng_has_nothing_to_complain_about(self, tmp_path: Path) -> None:
        """Without IPv6 addresses of interfaces: python-pcapng 2.1 fails on any."""
        write_sample(tmp_path / "sample.pcapng")
        with (tmp_path / "sample.pcapng").open("rb") as file:
            blocks = list(pcapng.FileScanner(file))
        kinds = [type(block).__name__ for block in blocks]
        assert kinds == [
            "SectionHeader",
            *["InterfaceDescription"] * 2,
            "NameResolution",
            *["EnhancedPacket"] * 3,
            *["InterfaceStatistics"] * 2,
        ]
        packet = blocks[5]
        assert packet.packet_data == FRAME
        assert packet.interface.options["if_name"] == "vNIC:web"
        assert packet.options["opt_comment"] == "dropped: acl_deny"
        assert packet.options["epb_packetid"] == 7
        assert packet.options["epb_flags"].inout == "outbound"
        assert packet.timestamp == pytest.approx((NOON + 200) / 1e9)
        assert [one["names"] for one in blocks[3].records] == [["web", "web-1"], ["web-1"]]
        assert blocks[7].options["isb_ifdrop"] == 1
