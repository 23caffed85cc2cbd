from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pcapng_reader import Capture, Counts, read_capture
from wnv.clock import NO_TIME
from wnv.errors import UsageError, WnvError
from wnv.export.capture import (
    CaptureFile,
    CaptureWriter,
    drop_words,
    plan_files,
    write_capture,
)  # fmt: skip
from wnv.packets.frames import Fragments
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, LINK_UPPER_PDU, LINK_WIFI, Channel, Point
from wnv.packets.sightings import PacketRows

POINTS = [Point(("test", n), name) for n, name in enumerate(["eth:1", "wifi:2", "ETH:1", "a/b"])]
NULL_ID = 0xFFFFFFFF


def planned(files: Sequence[CaptureFile]) -> list[tuple[str, int, list[int]]]:
    """Name, link type and points of each file."""
    return [(Path(one.path).name, one.link_type, [channel.point for channel in one.channels]) for one in files]


CHANNELS = {
    Channel(1, LINK_WIFI): 5,
    Channel(0, LINK_ETHERNET): 4,
    Channel(1, LINK_ETHERNET): 3,
    Channel(2, LINK_RAW): 1,
}


class TestPlanFiles:
    def test_the_commonest_link_type_has_the_name_asked_for(self) -> None:
        files, left_out = plan_files("/x/out.pcapng", CHANNELS, POINTS, per_interface=False)
        assert planned(files) == [
            ("out.pcapng", LINK_ETHERNET, [0, 1]),
            ("out.wifi.pcapng", LINK_WIFI, [1]),
            ("out.raw.pcapng", LINK_RAW, [2]),
        ]
        assert {Path(one.path).parent for one in files} == {Path("/x")}
        assert left_out == {}

    def test_standard_output_has_that_alone(self) -> None:
        files, left_out = plan_files("-", CHANNELS, POINTS, per_interface=False)
        assert planned(files) == [("-", LINK_ETHERNET, [0, 1])]
        assert left_out == {
            "of link type wifi, which one stream cannot hold beside ethernet": 5,
            "of link type raw, which one stream cannot hold beside ethernet": 1,
        }

    def test_an_interface_a_file(self) -> None:
        channels = {**CHANNELS, Channel(3, LINK_UPPER_PDU): 1, Channel(3, 147): 1}
        files, left_out = plan_files("out.pcapng", channels, POINTS, per_interface=True)
        assert planned(files) == [
            ("out.eth_1.pcapng", LINK_ETHERNET, [0]),
            ("out.wifi_2.wifi.pcapng", LINK_WIFI, [1]),
            ("out.wifi_2.ethernet.pcapng", LINK_ETHERNET, [1]),
            ("out.ETH_1_.pcapng", LINK_RAW, [2]),
            ("out.a_b.payload.pcapng", LINK_UPPER_PDU, [3]),
            ("out.a_b.link147.pcapng", 147, [3]),
        ]
        assert left_out == {}

    def test_an_interface_a_file_needs_a_name(self) -> None:
        with pytest.raises(UsageError, match="several files"):
            plan_files("-", CHANNELS, POINTS, per_interface=True)

    def test_a_name_without_an_ending(self) -> None:
        files, _ = plan_files("out", {Channel(0, 1): 1, Channel(1, 105): 1}, POINTS, per_interface=False)
        assert [one.path for one in files] == ["out", "out.wifi"]


def rows_of(
    ts_ns: Sequence[int], points: Sequence[int], *, pid: int = 4, link_type: int = 1, **known: Sequence[int]
) -> PacketRows:
    """Frames of one byte, their number; `known`: more columns of Fragments."""
    n = len(ts_ns)
    none = np.zeros(n, np.int64)
    fragments = Fragments.whole(np.arange(n), np.arange(n), none + 1, np.full(n, link_type, np.uint16))
    columns = {name: np.array(values, getattr(fragments, name).dtype) for name, values in known.items()}
    return PacketRows(
        data=np.arange(n + 64).astype(np.uint8), event_row=np.arange(n), ts_ns=np.array(ts_ns, np.int64),
        pid=np.full(n, pid, np.uint32), tid=np.full(n, 8, np.uint32),
        fragments=replace(fragments, **columns), original_bytes=none + 1, point=np.array(points, np.int64),
        direction=np.zeros(n, np.uint8),
    )  # fmt: skip


class TestCaptureWriter:
    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        return tmp_path / "out.pcapng"

    def write(self, out: Path, batches: Iterable[PacketRows | None], stop_after: int = 99) -> Capture:
        files = [CaptureFile(str(out), 1, [Channel(0, 1), Channel(2, 1)])]
        writer = CaptureWriter(
            files, POINTS, comment="c", application="a", os="o", inputs=[], builds=[20348], remarks=["one", "two"]
        )
        turns = iter(range(1, 99))
        self.is_partial = write_capture(batches, writer, lambda: next(turns) >= stop_after)
        self.file = files[0]
        return read_capture(out)

    def test_rows_of_other_points_and_link_types_are_left_out(self, out: Path) -> None:
        capture = self.write(out, [rows_of([100] * 4, [0, 1, 2, 3]), rows_of([200], [0], link_type=105), None])
        assert [(one.interface, one.frame) for one in capture.packets] == [("eth:1", b"\0"), ("ETH:1", b"\2")]
        assert self.file.n_packets == 2
        assert not self.is_partial

    def test_statistics_are_of_what_was_written(self, out: Path) -> None:
        first = rows_of([500, NO_TIME, 300], [0, 0, 0], is_drop=[1, 1, 0])
        capture = self.write(out, [first, rows_of([400], [0])])
        assert capture.statistics == [Counts("eth:1", 300, 500, 4, 2), Counts("ETH:1", None, None, 0, 0)]
        assert self.file.n_without_time == 1

    def test_no_thread_where_the_event_names_none(self, out: Path) -> None:
        capture = self.write(out, [rows_of([n], [0], pid=pid) for n, pid in ((100, 4), (200, NULL_ID), (300, 0))])
        assert [one.thread for one in capture.packets] == [(4, 8), None, (0, 8)]

    def test_a_packet_id_where_there_is_a_group(self, out: Path) -> None:
        rows = rows_of([100] * 2, [0] * 2, has_group=[1, 0], group=[0, 7])
        assert [one.packet_id for one in self.write(out, [rows]).packets] == [0, None]

    @pytest.mark.parametrize(
        ("known", "comment"),
        [
            ({"vlan": 7}, "VLAN 7"),
            ({"vlan": 7, "priority": 5}, "VLAN 7 priority 5"),
            ({"vlan": 0, "priority": 5}, ""),
            ({"remark": 1}, "two"),
            ({"source_port": 0}, "from switch port 0"),
            ({"n_coalesced": 3, "is_large_send": True}, "large send; 3 segments coalesced"),
            ({"is_drop": True, "drop_reason": 8, "vlan": 7, "remark": 0}, "dropped: Filtered (0x8); VLAN 7; one"),
        ],
    )
    def test_a_comment_says_what_is_known(self, out: Path, known: dict[str, int], comment: str) -> None:
        rows = rows_of([100], [0], **{name: [value] for name, value in known.items()})  # type: ignore[arg-type] # names
        (packet,) = self.write(out, [rows]).packets
        assert packet.comment == comment

    def test_stopping_leaves_a_valid_file_of_what_there_was(self, out: Path) -> None:
        capture = self.write(out, [rows_of([100], [0]), None, rows_of([200], [0])], stop_after=2)
        assert [one.ts_ns for one in capture.packets] == [100]
        assert [one.n_received for one in capture.statistics] == [1, 0]
        assert self.is_partial

    def test_a_failure_leaves_nothing(self, out: Path) -> None:
        def batches() -> Iterator[PacketRows]:
            yield rows_of([100], [0])
            raise WnvError("no more")

        with pytest.raises(WnvError, match="no more"):
            self.write(out, batches())
        assert not list(out.parent.iterdir())

    def test_a_file_that_cannot_be_written_leaves_none_of_the_others(self, out: Path) -> None:
        files = [CaptureFile(str(out), 1, []), CaptureFile(str(out.parent / "no" / "x"), 1, [])]
        writer = CaptureWriter(files, POINTS, comment="", application="", os="", inputs=[], builds=[0], remarks=[])
        with pytest.raises(UsageError, match="does not exist"):
            write_capture([], writer, lambda: False)
        assert not list(out.parent.iterdir())


class TestDropWords:
    @pytest.mark.parametrize(
        ("reason", "location", "build", "words"),
        [
            (23, 0, 20348, "dropped: MTU mismatch (0x17)"),
            (
                23,
                0xE0002018,
                20348,
                "dropped: MTU mismatch (0x17) at virtual switch: router forward packet 5 (0xe0002018)",
            ),
            (201, 0, 17763, "dropped: Microport error (0xc9)"),
            (401, 0, 20348, "dropped: Microport error (0x191)"),
        ],
    )
    def test_say_why_and_where(self, reason: int, location: int, build: int, words: str) -> None:
        assert drop_words(reason, location, build) == words
