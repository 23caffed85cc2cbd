from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_recordings import START_NS, complaints, told, writer
from wnv_lab.errors import LabError
from wnv_lab.etl import damage
from wnv_lab.etl.layout import EventKind

KIND = EventKind(bytes(16), 7)
BUFFER = 2048


def write(path: Path, *, is_relogged: bool = False) -> Path:
    """Twelve events of 600 bytes, three to a buffer; buffers 1 to 4 hold events 0 to 2, 3 to 5, …"""
    with writer(path, buffer_bytes=BUFFER, is_relogged=is_relogged) as etl:
        for number in range(12):
            etl.add(START_NS + 100 * number, 0, 4, 8, KIND, bytes([number]) * 520)
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "case.etl")


def left(path: Path) -> list[int]:
    """The numbers of the events that are still there."""
    return [row[-1][0] for row in told(path)]


def test_buffers_are_listed_with_owner_and_use(recording: Path) -> None:
    places = damage.buffers_of(recording)
    assert [(place.number, place.offset, place.n_bytes, place.sequence) for place in places] == [
        (number, number * BUFFER, BUFFER, number) for number in range(5)
    ]
    assert {place.used_bytes for place in places[1:]} == {0x48 + 3 * 600}


def test_a_file_cut_within_a_buffer_keeps_the_events_before(recording: Path) -> None:
    damage.cut_within_buffer(recording, 3, 0x48 + 600)
    assert left(recording) == [0, 1, 2, 3, 4, 5, 6]
    assert "buffer_clipped" in complaints(recording)


def test_zeroed_buffers_are_a_hole(recording: Path) -> None:
    (place,) = damage.zero_buffers(recording, [2])
    assert (place.number, place.sequence) == (2, 2)
    assert left(recording) == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert "buffer_hole" in complaints(recording)


def test_a_zeroed_tail_costs_the_rest_of_its_buffer(recording: Path) -> None:
    damage.zero_tail(recording, 1, 0x48 + 600)
    assert left(recording) == [0, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert "event_zeroed" in complaints(recording)


@pytest.mark.parametrize("is_relogged", [False, True])
def test_a_removed_buffer_is_a_gap_in_the_sequence(tmp_path: Path, is_relogged: bool) -> None:
    path = write(tmp_path / "case.etl", is_relogged=is_relogged)
    damage.remove_buffers(path, [2])
    assert left(path) == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert {"sequence_gap", "buffer_count_differs"} <= set(complaints(path))


def test_swapped_buffers_change_nothing_but_their_place(recording: Path) -> None:
    damage.swap_buffers(recording, 1, 4)
    assert [place.sequence for place in damage.buffers_of(recording)] == [0, 4, 2, 3, 1]
    assert left(recording) == list(range(12))


def test_an_event_of_size_zero_stops_its_buffer(recording: Path) -> None:
    assert damage.shrink_event(recording, 2) == 2 * BUFFER + 0x48
    assert left(recording)[:4] == [0, 1, 2, 4]  # what follows it is found again
    assert "event_size_invalid" in complaints(recording)


def test_a_preallocated_file_ends_in_zeros(recording: Path) -> None:
    damage.preallocate(recording, 20 * BUFFER)
    assert recording.stat().st_size == 20 * BUFFER
    assert left(recording) == list(range(12))


def test_a_cut_may_leave_the_header_alone(recording: Path) -> None:
    damage.cut(recording, BUFFER)
    assert left(recording) == []


@given(seed=st.integers(0, 2**32), n_bits=st.integers(1, 40))
@settings(max_examples=25)
def test_flipped_bits_never_make_the_reader_fail(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_bits: int
) -> None:
    path = write(tmp_path_factory.mktemp("flip") / "case.etl")
    before = path.read_bytes()
    flipped = damage.flip_bits(path, n_bits=n_bits, seed=seed)
    after = path.read_bytes()
    assert before[:BUFFER] == after[:BUFFER]
    assert {offset for offset, _ in flipped} >= {n for n in range(len(before)) if before[n] != after[n]}
    told(path)


def test_the_same_seed_flips_the_same_bits(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.etl"), write(tmp_path / "b.etl")
    assert damage.flip_bits(first, n_bits=5, seed=9) == damage.flip_bits(second, n_bits=5, seed=9)


def test_what_is_not_there_cannot_be_damaged(recording: Path) -> None:
    with pytest.raises(LabError, match="there is no buffer 9: the file has 5"):
        damage.zero_buffers(recording, [9])
    with pytest.raises(LabError, match="there is no buffer -1"):
        damage.swap_buffers(recording, 1, -1)
    damage.zero_buffers(recording, [2])
    with pytest.raises(LabError, match="damaged already"):
        damage.buffers_of(recording)
    damage.cut(recording, BUFFER)
    with pytest.raises(LabError, match="nothing to flip"):
        damage.flip_bits(recording, n_bits=1, seed=0)


def test_packed_buffers_of_unequal_size_do_not_swap(tmp_path: Path) -> None:
    path = tmp_path / "case.etl"
    with writer(path, buffer_bytes=BUFFER, is_relogged=True) as etl:
        for number in range(6):
            etl.add(START_NS + 100 * number, 0, 4, 8, KIND, bytes(range(number * 20 + 1)) * 4)
    with pytest.raises(LabError, match="equal sizes can swap"):
        damage.swap_buffers(path, 0, 1)
