from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv import kernels
from wnv.diagnostics import Code, Log
from wnv.packets.frames import FRAME_BYTES_MAX, NO_VLAN_RECORDED, Fragments, FrameJoiner


@dataclass(frozen=True, slots=True)
class Piece:
    """A fragment; `mark` says "(" for the first of a frame and ")" for the last."""

    stream: int
    mark: str
    data: bytes


def fragments_of(pieces: Sequence[Piece]) -> tuple[Fragments, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    n = len(pieces)
    n_bytes = np.array([len(one.data) for one in pieces], np.int64)
    found = Fragments.whole(
        np.arange(n) + 100, np.cumsum(n_bytes) - n_bytes, n_bytes, np.ones(n, np.uint16),
        is_first=np.array(["(" in one.mark for one in pieces], np.bool_),
        is_last=np.array([")" in one.mark for one in pieces], np.bool_),
        stream=np.array([one.stream for one in pieces], np.uint64),
    )  # fmt: skip
    return found, np.frombuffer(b"".join(one.data for one in pieces) + bytes(64), np.uint8).copy()


class Joined:
    """What a joiner made of slices of pieces."""

    def __init__(self) -> None:
        self.log = Log()
        self._joiner = FrameJoiner(self.log)

    def slice(self, *pieces: Piece) -> list[bytes]:
        return [frame for _, frame in self.rows(*pieces)]

    def rows(self, *pieces: Piece) -> list[tuple[int, bytes]]:
        """The row of the last fragment, and the frame."""
        frames = self._joiner.join(*fragments_of(pieces))
        return [
            (row, frames.data[start : start + n].tobytes())
            for row, start, n in zip(
                frames.fragment.tolist(), frames.start.tolist(), frames.n_bytes.tolist(), strict=True
            )
        ]

    def incomplete(self) -> int:
        """How many frames were incomplete, at the end."""
        self._joiner.finish()
        return self.log.count(Code.FRAME_INCOMPLETE)


def frame_by_frame(slices: Sequence[Sequence[Piece]]) -> tuple[list[list[bytes]], int]:
    """The same by plain Python: whole frames of each slice by their last fragments, and how many were not whole."""
    pending: dict[int, bytes] = {}
    found: list[list[bytes]] = []
    n_incomplete = 0
    orphaned: set[int] = set()  # streams amid fragments whose first one is missing
    for pieces in slices:
        found.append([])
        orphaned.clear()
        for one in pieces:
            if "(" in one.mark:
                n_incomplete += one.stream in pending
                pending[one.stream] = b""
                orphaned.discard(one.stream)
            if one.stream not in pending:
                n_incomplete += one.stream not in orphaned
                orphaned.add(one.stream)
            else:
                pending[one.stream] += one.data
            if ")" in one.mark:
                orphaned.discard(one.stream)
                if one.stream in pending:
                    found[-1].append(pending.pop(one.stream))
    return found, n_incomplete + len(pending)


class TestFrameJoiner:
    def test_whole_frames_stay_where_they_are(self) -> None:
        fragments, data = fragments_of([Piece(1, "()", b"one"), Piece(1, "()", b"two")])
        frames = FrameJoiner(Log()).join(fragments, data)
        assert frames.data is data
        assert frames.start is fragments.start

    def test_fragments_of_a_frame_are_joined(self) -> None:
        joined = Joined()
        assert joined.slice(Piece(1, "(", b"ab"), Piece(1, "", b"c"), Piece(1, ")", b"d")) == [b"abcd"]
        assert joined.incomplete() == 0

    def test_streams_may_interleave_and_frames_stand_where_they_end(self) -> None:
        joined = Joined()
        pieces = (
            Piece(1, "(", b"a"), Piece(2, "(", b"x"), Piece(3, "()", b"whole"),
            Piece(2, ")", b"y"), Piece(1, ")", b"b"),
        )  # fmt: skip
        assert joined.rows(*pieces) == [(2, b"whole"), (3, b"xy"), (4, b"ab")]

    def test_a_frame_may_span_slices(self) -> None:
        joined = Joined()
        assert joined.slice(Piece(1, "(", b"ab"), Piece(2, "()", b"other")) == [b"other"]
        assert joined.slice(Piece(2, "()", b"more"), Piece(1, "", b"cd")) == [b"more"]
        assert joined.slice() == []
        assert joined.slice(Piece(1, ")", b"e"), Piece(1, "()", b"next")) == [b"abcde", b"next"]
        assert joined.incomplete() == 0

    @pytest.mark.parametrize(
        ("pieces", "whole"),
        [
            pytest.param([Piece(1, "(", b"a"), Piece(1, "()", b"b")], [b"b"], id="the end is missing"),
            pytest.param([Piece(1, "(", b"a"), Piece(1, "(", b"b"), Piece(1, ")", b"c")], [b"bc"], id="begun anew"),
            pytest.param([Piece(1, ")", b"a"), Piece(1, "()", b"b")], [b"b"], id="the start is missing"),
            pytest.param([Piece(1, "", b"a"), Piece(1, "", b"b")], [], id="start and end are missing"),
            pytest.param([Piece(1, "(", b"a")], [], id="the recording ends"),
            pytest.param([Piece(1, "(", b"a"), Piece(2, ")", b"b"), Piece(1, ")", b"c")], [b"ac"], id="another stream"),
        ],
    )
    def test_what_is_not_whole_is_counted_and_left_out(self, pieces: list[Piece], whole: list[bytes]) -> None:
        joined = Joined()
        assert joined.slice(*pieces) == whole
        assert joined.incomplete() == 1

    def test_a_start_in_the_next_slice_ends_what_was_pending(self) -> None:
        joined = Joined()
        assert joined.slice(Piece(1, "(", b"a")) == []
        assert joined.slice(Piece(1, "()", b"b")) == [b"b"]
        assert joined.incomplete() == 1

    @given(
        st.lists(
            st.lists(st.builds(Piece, st.integers(0, 2), st.sampled_from(["()", "(", "", ")"]), st.binary(max_size=3))),
            max_size=4,
        )
    )
    def test_does_as_a_loop_over_the_fragments_would(self, slices: list[list[Piece]]) -> None:
        joined = Joined()
        expected, n_incomplete = frame_by_frame(slices)
        assert [joined.slice(*pieces) for pieces in slices] == expected
        assert joined.incomplete() == n_incomplete

    @given(st.lists(st.lists(st.binary(max_size=4), min_size=1, max_size=4), min_size=1, max_size=12), st.data())
    def test_frames_cut_anywhere_are_whole_again(self, frames: list[list[bytes]], data: st.DataObject) -> None:
        """Cut into pieces, three streams of them interleaved, and read in slices of any size."""
        streams: list[list[Piece]] = [[], [], []]
        for number, frame in enumerate(frames):
            for place, piece in enumerate(frame):
                mark = "(" * (place == 0) + ")" * (place == len(frame) - 1)
                streams[number % 3].append(Piece(number % 3, mark, piece))
        turns = data.draw(st.permutations([k for k, stream in enumerate(streams) for _ in stream]))
        pieces = [streams[stream].pop(0) for stream in turns]
        cut = data.draw(st.integers(0, len(pieces)))
        joined = Joined()
        got = joined.slice(*pieces[:cut]) + joined.slice(*pieces[cut:])
        assert sorted(got) == sorted(b"".join(frame) for frame in frames)
        assert joined.incomplete() == 0

    def test_more_than_a_frame_can_hold_is_damage(self) -> None:
        joined = Joined()
        half = bytes(FRAME_BYTES_MAX // 2)
        assert len(joined.slice(Piece(1, "(", half), Piece(1, ")", half))[0]) == FRAME_BYTES_MAX
        assert joined.slice(Piece(1, "(", half), Piece(1, "", half)) == []
        assert joined.slice(Piece(1, ")", b"x"), Piece(1, "()", b"next")) == [b"next"]
        assert joined.log.count(Code.FRAME_TOO_LONG) == 1
        assert joined.incomplete() == 0

    def test_no_file_can_leave_more_open_than_a_host_has(self) -> None:
        joined = Joined()
        assert joined.slice(*(Piece(n, "(", b"a") for n in range(5000))) == []
        assert len(joined.slice(*(Piece(n, ")", b"b") for n in range(5000)))) == 4096
        assert joined.incomplete() == 2 * (5000 - 4096)

    def test_the_uncompiled_loop_joins_the_same(self) -> None:
        pieces = (Piece(1, "(", b"ab"), Piece(2, "()", b"c"), Piece(1, ")", b"d"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "join_runs", getattr(kernels.join_runs, "py_func", kernels.join_runs))
            assert Joined().slice(*pieces) == [b"c", b"abd"]


class TestFragments:
    def test_say_only_what_is_known(self) -> None:
        fragments, _ = fragments_of([Piece(0, "()", b"a")])
        assert not fragments.has_group[0]
        assert fragments.vlan[0] == NO_VLAN_RECORDED
        assert fragments.source_port[0] == fragments.remark[0] == -1

    def test_can_be_taken_apart_and_put_together(self) -> None:
        fragments, _ = fragments_of([Piece(n, "()", b"abc"[:n]) for n in range(3)])
        again = Fragments.concatenate([fragments.take(np.array([0])), fragments.take(fragments.event > 100)])
        assert again.stream.tolist() == fragments.stream.tolist() == [0, 1, 2]
        assert again.n_bytes.tolist() == [0, 1, 2]
        assert len(replace(again)) == 3
