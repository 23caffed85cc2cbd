from __future__ import annotations

from pathlib import Path

import pyarrow as pa

import wnv
from stored_rows import every_kind, imported
from wnv.packets.points import LINK_ETHERNET, LINK_UNKNOWN
from wnv.pipeline.scanning import Scanned
from wnv.store.frames import find_frames, frames_of


class TestFindFrames:
    def test_one_number_for_all_sightings_of_a_frame(self, tmp_path: Path) -> None:
        with wnv.open_trace(imported(tmp_path, every_kind())[0]) as trace:
            source = trace.scanned()
            assert isinstance(source, Scanned)
            source.packets.begin()
            (piece,) = trace.slices()
            packets = source.packets.packets(piece)
            assert packets is not None
            found = find_frames(piece, packets, 100)
        assert found.frame_id.tolist() == [100, 101, 102, 103, 103, 104]
        assert found.first.tolist() == [0, 1, 2, 3, 5]
        carried = found.carried.frame_id
        assert carried[carried >= 0].tolist() == [100, 101, 102, 103, 104]

    def test_without_packets(self, tmp_path: Path) -> None:
        with wnv.open_trace(imported(tmp_path, every_kind()[:3])[0]) as trace:
            (piece,) = trace.slices()
            found = find_frames(piece, None, 5)
        assert len(found.first) == len(found.frame_id) == 0
        assert set(found.carried.frame_id.tolist()) == {-1}


class TestFramesOf:
    def test_link_types_by_name_or_number(self) -> None:
        rows = pa.RecordBatch.from_pydict({
            "bytes": [b"ab", b"", b"c", b"d", b"e"], "original_bytes": [2, 60, 1, 1, 1],
            "link_type": ["ethernet", "link147", "ethernet", "odd", "link"],
        })  # fmt: skip
        found = frames_of(rows)
        assert found.link_type.tolist() == [LINK_ETHERNET, 147, LINK_ETHERNET, LINK_UNKNOWN, LINK_UNKNOWN]
        pieces = zip(found.start.tolist(), found.n_bytes.tolist(), strict=True)
        assert [found.data[at : at + n].tobytes() for at, n in pieces] == [b"ab", b"", b"c", b"d", b"e"]

    def test_headers_may_be_read_behind_the_last(self) -> None:
        rows = pa.RecordBatch.from_pydict({"bytes": [b"ab"], "original_bytes": [2], "link_type": ["ethernet"]})
        assert len(frames_of(rows).data) >= 2 + 64
