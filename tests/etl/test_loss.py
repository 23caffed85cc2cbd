from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etl_writer import (
    MODE_CIRCULAR,
    Buffer,
    Event,
    TraceSpec,
    build,
    circular,
    event_header,
    pack,
    relogged,
    unclosed,
)
from etl_writer import (
    Recording as Made,
)
from recordings import Seen, patched, save, see, see_data, see_trace
from wnv.clock import FILETIME_UNIX_EPOCH
from wnv.diagnostics import Code
from wnv.etl.loss import Coverage, Loss, MissingSpan

SPEC = TraceSpec()
SECOND = 10_000_000
PROVIDER = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"


def event(past: int, cpu: int = 0, payload: bytes = b"") -> Event:
    return event_header(provider=PROVIDER, ticks=SPEC.t0 + past, cpu=cpu, payload=payload)


def ns(past: int) -> int:
    """UTC nanoseconds, `past` units of 100 ns behind the start."""
    return (SPEC.start_time + past - FILETIME_UNIX_EPOCH) * 100


def buffer(sequence: int, cpu: int, first: int, last: int, flags: int = 0x20) -> Buffer:
    return Buffer(cpu=cpu, sequence=sequence, events=[event(first, cpu), event(last, cpu)], flags=flags)


def loss_of(folder: Path, *buffers: Buffer, spec: TraceSpec = SPEC) -> tuple[Loss, Seen]:
    seen = see_trace(folder, spec, buffers)
    (loss,) = seen.losses
    return loss, seen


def test_a_whole_recording_has_lost_nothing(tmp_path: Path) -> None:
    loss, seen = loss_of(tmp_path, buffer(2, 1, 0, 10), buffer(1, 0, 5, 12), buffer(3, 0, 13, 20))
    assert loss.is_complete
    assert not seen.codes
    assert loss.coverage == [Coverage(0, 2, ns(5), ns(20)), Coverage(1, 1, ns(0), ns(10))]


def test_real_recordings_have_lost_what_their_headers_say(traces_dir: Path) -> None:
    for path in sorted(traces_dir.glob("*.etl")):
        if path.name.startswith("perfview"):
            continue
        (loss,) = see(path).losses
        n_events = 3 if path.stem == "tracelogging-amsi" else 0
        assert (loss.n_events, loss.n_gaps, loss.n_flagged, loss.is_wrapped) == (n_events, 0, 0, False)


def test_what_windows_counted_itself(tmp_path: Path) -> None:
    spec = replace(SPEC, events_lost=30, buffers_lost=4)
    loss, seen = loss_of(tmp_path, buffer(1, 0, 1, 2), spec=spec)
    assert (loss.n_events, loss.n_buffers, loss.is_complete) == (30, 4, False)
    assert seen.codes == {Code.EVENTS_LOST: 30, Code.BUFFERS_LOST: 4}


@pytest.mark.parametrize(("flags", "is_loss"), [(0x22, True), (0x24, True), (0x26, True), (0x21, False), (0x28, False)])
def test_buffers_marked_with_a_loss_before_them(tmp_path: Path, flags: int, is_loss: bool) -> None:
    loss, seen = loss_of(tmp_path, buffer(1, 0, 1, 2), buffer(2, 0, 3, 4, flags), buffer(3, 0, 5, 6))
    assert (loss.n_flagged, loss.is_complete) == (int(is_loss), not is_loss)
    assert seen.offsets(Code.BUFFER_FLAG_LOST) == [8192] * is_loss


def test_a_gap_has_its_processor_and_its_time(tmp_path: Path) -> None:
    loss, seen = loss_of(
        tmp_path, buffer(1, 0, 0, 100), buffer(2, 1, 0, 105), buffer(5, 0, 106, 2000), buffer(6, 1, 900, 2000)
    )
    assert loss.gaps == [MissingSpan(3, 2, ns(105), ns(900), 1, 0.99)]
    assert (loss.n_gaps, loss.n_missing, loss.is_complete) == (1, 2, False)
    assert seen.codes == {Code.SEQUENCE_GAP: 2}


def test_a_gap_at_no_ones_hole_has_a_time_and_no_processor(tmp_path: Path) -> None:
    loss, _ = loss_of(tmp_path, buffer(1, 0, 0, 100), buffer(3, 1, 150, 200))
    assert loss.gaps == [MissingSpan(2, 1, ns(0), ns(200), None, 0.0)]


def test_a_gap_without_a_clock_has_no_time(tmp_path: Path) -> None:
    loss, _ = loss_of(tmp_path, buffer(1, 0, 0, 100), buffer(3, 0, 150, 200), spec=replace(SPEC, clock=9))
    assert loss.gaps == [MissingSpan(2, 1, None, None, 0, 1.0)]
    assert loss.coverage == [Coverage(0, 2, None, None)]


def test_the_header_buffer_is_no_part_of_the_sequence(tmp_path: Path) -> None:
    loss, _ = loss_of(tmp_path, buffer(7, 0, 0, 100), buffer(8, 0, 150, 200))
    assert (loss.is_complete, loss.n_overwritten) == (True, 0)


@pytest.mark.parametrize("sequence", [-(2**63), -1, 0, 2**63 - 1, 1 << 40])
def test_numbers_no_session_reaches_prove_nothing(tmp_path: Path, sequence: int) -> None:
    for mode in (1, MODE_CIRCULAR):
        loss, _ = loss_of(
            tmp_path, buffer(1, 0, 0, 1), buffer(sequence, 0, 2, 3), buffer(2, 0, 4, 5), spec=replace(SPEC, mode=mode)
        )
        assert (loss.n_missing, loss.is_wrapped) == (0, False)


# ------------------------------------------------------------------------------------------------------- rings


def ring(n_events: int, n_places: int) -> Made:
    events = [event(k * SECOND, cpu=k % 2, payload=bytes([k]) * 300) for k in range(n_events)]
    buffers = pack(events, 1024)
    return circular(replace(SPEC, buffer_size=1024), buffers, n_places)


def test_a_ring_that_went_around_certainly_lost_its_start(tmp_path: Path) -> None:
    spec = replace(SPEC, buffer_size=4096)
    made = [buffer(k, k % 2, 10 * k, 10 * k + 5) for k in range(1, 11)]
    seen = see_data(tmp_path, build(*circular(spec, made, 4)))
    (loss,) = seen.losses
    assert (loss.is_ring, loss.wrap_confidence, loss.n_overwritten) == (True, 1.0, 6)
    assert "6 buffers" in loss.wrap_reason
    assert loss.n_missing == 0
    assert loss.coverage == [Coverage(0, 2, ns(80), ns(105)), Coverage(1, 2, ns(70), ns(95))]
    assert seen.codes == {Code.RING_WRAPPED: 6, Code.BUFFER_COUNT_DIFFERS: 1}
    ticks = [row["ticks"] for row in seen.ordered]
    assert ticks == sorted(ticks)


def test_a_quiet_processor_holds_the_first_buffer_of_a_ring_to_the_end(tmp_path: Path) -> None:
    spec = replace(SPEC, buffer_size=4096)
    busy = [buffer(k, 1, 10 * k, 10 * k + 5) for k in range(2, 16)]
    seen = see_data(tmp_path, build(*circular(spec, [*busy, buffer(1, 0, 1, 2)], 6)))
    (loss,) = seen.losses
    assert (loss.wrap_confidence, loss.n_overwritten, loss.n_missing) == (1.0, 9, 0)
    assert seen.codes == {Code.RING_WRAPPED: 9, Code.BUFFER_COUNT_DIFFERS: 1}


def test_a_buffer_lost_behind_the_seam_of_a_ring_is_a_gap(tmp_path: Path) -> None:
    spec = replace(SPEC, buffer_size=4096)
    busy = [buffer(k, 1, 10 * k, 10 * k + 5) for k in range(2, 20) if k != 18]
    (loss,) = see_data(tmp_path, build(*circular(spec, [*busy, buffer(1, 0, 1, 2)], 6))).losses
    assert (loss.n_overwritten, loss.n_missing, [gap.first_missing for gap in loss.gaps]) == (12, 1, [18])


def test_a_ring_that_has_room_left_lost_nothing(tmp_path: Path) -> None:
    seen = see_data(tmp_path, build(*ring(12, 100)))
    (loss,) = seen.losses
    assert (loss.is_ring, loss.is_wrapped, loss.is_complete) == (True, False, True)


MIB = 2**20


@pytest.mark.parametrize(
    ("late_by", "share", "is_merged", "is_wrapped"),
    [
        (3 * SECOND, 0.95, True, True),
        (3 * SECOND, 0.95, False, False),
        (3 * SECOND, 0.5, True, False),
        (SECOND, 0.95, True, False),
    ],
    ids=["full, late and merged", "not merged", "not full", "from the start"],
)
def test_a_merged_ring_is_guessed_by_its_size_and_start(
    tmp_path: Path, late_by: int, share: float, is_merged: bool, is_wrapped: bool
) -> None:
    # What `pktmon stop` leaves of a ring: mode bit gone, buffers numbered anew, the size limit kept.
    n_buffers = int(share * MIB / 65_536)
    spec = replace(SPEC, buffer_size=65_536, max_file_size=1)
    made = [
        Buffer(events=[event(late_by + k, payload=bytes(60_000)), event(late_by + k, payload=bytes(5000))])
        for k in range(n_buffers)
    ]
    data = build(*relogged(spec, made)) if is_merged else build(spec, made)
    (loss,) = see_data(tmp_path, data).losses
    assert loss.is_wrapped == is_wrapped
    assert loss.wrap_confidence == (0.8 if is_wrapped else 0.0)
    assert ("merged, but full" in loss.wrap_reason) == is_wrapped
    assert (loss.is_ring, loss.n_overwritten) == (False, 0)


def test_a_full_merged_recording_without_a_clock_is_not_guessed_at(tmp_path: Path) -> None:
    spec = replace(SPEC, max_file_size=1, mode=0x2001)  # 1 KiB
    data = build(*relogged(spec, [buffer(k + 1, 0, 5 * SECOND, 6 * SECOND) for k in range(9)]))
    clock_at = 0x68 + 0x110
    assert see_data(tmp_path, data).losses[0].is_wrapped
    assert not see_data(tmp_path, patched(data, clock_at, "I", 9)).losses[0].is_wrapped


# ----------------------------------------------------------------------------------------------- files, remarks


def test_a_session_never_stopped_is_remarked(tmp_path: Path) -> None:
    seen = see_trace(tmp_path, unclosed(SPEC, n_zero_buffers=0), [buffer(1, 0, 0, 1)])
    assert seen.codes == {Code.FILE_NOT_CLOSED: 1, Code.BUFFER_COUNT_DIFFERS: 1}
    assert seen.losses[0].is_complete


def test_a_file_without_its_end_was_cut(tmp_path: Path) -> None:
    data = build(SPEC, [buffer(k, 0, 10 * k, 10 * k + 5) for k in (1, 2, 3, 4)])
    seen = see_data(tmp_path, data[: 3 * 4096])
    (loss,) = seen.losses
    assert (loss.n_cut, loss.n_missing, loss.is_complete) == (2, 0, False)
    assert seen.codes == {Code.FILE_CUT: 2}
    assert see_data(tmp_path, data).losses[0].n_cut == 0


def test_the_files_of_a_session_have_one_sequence(tmp_path: Path) -> None:
    spec = replace(SPEC, mode=9)
    first = save(tmp_path, build(spec, [buffer(1, 0, 0, 1), buffer(2, 0, 2, 3)]), "1.etl")
    second = save(tmp_path, build(spec, [buffer(3, 0, 4, 5), buffer(5, 0, 60, 70)]), "2.etl")
    (loss,) = see(first, second).losses
    assert loss.gaps == [MissingSpan(4, 1, ns(5), ns(60), 0, 1.0)]
    assert loss.coverage == [Coverage(0, 4, ns(0), ns(70))]
    assert see(first).losses[0].is_complete


def test_a_sequence_that_begins_again_in_each_file_has_no_gap(tmp_path: Path) -> None:
    spec = replace(SPEC, mode=9)
    paths = [
        save(tmp_path, build(spec, [buffer(k, 0, 10 * n + k, 10 * n + k) for k in (1, 2, 3)]), f"{n}.etl")
        for n in range(3)
    ]
    (loss,) = see(*paths).losses
    assert loss.is_complete


def test_each_session_has_its_own_losses(tmp_path: Path) -> None:
    other = replace(SPEC, logger_name="other", events_lost=5)
    first = save(tmp_path, build(SPEC, [buffer(1, 0, 0, 1), buffer(3, 0, 2, 3)]), "1.etl")
    second = save(tmp_path, build(other, [buffer(1, 0, 0, 1), buffer(2, 0, 4, 5, 0x22)]), "2.etl")
    one, two = see(first, second).losses
    assert (one.n_missing, one.n_events, one.n_flagged) == (1, 0, 0)
    assert (two.n_missing, two.n_events, two.n_flagged) == (0, 5, 1)
