from __future__ import annotations

import struct
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_writer import (
    Buffer,
    Event,
    TraceSpec,
    build,
    error_header,
    event_header,
    full_header,
    message,
    pad8,
    perfinfo,
    raw,
    system,
    xpress_literals,
)
from recordings import Seen, see_data, see_trace
from wnv.arrays import I64, U64
from wnv.diagnostics import Code
from wnv.etl import events as module
from wnv.etl import layout
from wnv.etl.events import NO_PROVIDER, Guids, Walk, walk_events

SPEC = TraceSpec()
PROVIDER = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"


def event(name: bytes, past: int = 1) -> Event:
    return event_header(provider=PROVIDER, ticks=SPEC.t0 + past, payload=name)


# ---------------------------------------------------------------------- damage: section 11, event by event

GOOD = event(b"good")
SIZE = len(pad8(GOOD.data))
BAD: dict[str, tuple[Code, Event]] = {
    "zeros": (Code.EVENT_ZEROED, raw(bytes(16))),
    "a type never used": (Code.EVENT_KIND_UNKNOWN, raw(struct.pack("<HBB4x", 16, 0x0C, 0xC0) + bytes(8))),
    "a type of the future": (Code.EVENT_KIND_UNKNOWN, raw(struct.pack("<HBB4x", 16, 0x77, 0xC0))),
    "no event at all": (Code.EVENT_KIND_UNKNOWN, raw(b"\x01\x02\x03\x04\x05\x06\x07\x08")),
    "a size of 0": (Code.EVENT_SIZE_INVALID, GOOD.resized(0)),
    "a size below the header": (Code.EVENT_SIZE_INVALID, GOOD.resized(0x4F)),
    "a hook's size of 0": (Code.EVENT_SIZE_INVALID, system(1, ticks=1).resized(0)),
    "a hook's size below its header": (Code.EVENT_SIZE_INVALID, perfinfo(1, ticks=1, payload=bytes(8)).resized(15)),
    "a message of 7 bytes": (Code.EVENT_SIZE_INVALID, message(1, payload=bytes(8)).resized(7)),
    "a size beyond the end": (Code.EVENT_OVERRUN, GOOD.resized(0xFFF0)),
    "a hook's size beyond the end": (Code.EVENT_OVERRUN, system(1, ticks=1).resized(0xFFFF)),
}  # fmt: skip


@pytest.mark.parametrize(("code", "bad"), BAD.values(), ids=BAD)
def test_a_bad_event_costs_itself_alone(tmp_path: Path, code: Code, bad: Event) -> None:
    events = [event(b"a"), bad, event(b"b"), event(b"c")]
    made = [Buffer(events=each) for each in ([event(b"0")], events, [event(b"d")])]
    seen = see_trace(tmp_path, SPEC, made)
    assert seen.payloads() == [b"0", b"a", b"b", b"c", b"d"]
    assert seen.codes == {code: 1, Code.EVENT_RECOVERED: 2}
    assert seen.offsets(code) == [8192 + 0x48 + len(pad8(event(b"a").data))]
    assert seen.offsets(Code.EVENT_RECOVERED) == [8192]


@pytest.mark.parametrize(("code", "bad"), BAD.values(), ids=BAD)
def test_nothing_is_recovered_where_the_chain_misses_the_end(tmp_path: Path, code: Code, bad: Event) -> None:
    events = [event(b"a"), bad, event(b"b"), raw(b"\x01" * 8)]
    seen = see_trace(tmp_path, SPEC, [Buffer(events=events), Buffer(events=[event(b"d")])])
    assert seen.payloads() == [b"a", b"d"]
    assert seen.codes == {code: 1}


def test_the_place_in_a_compressed_buffer_is_that_of_the_buffer(tmp_path: Path) -> None:
    events = [event(b"a"), raw(bytes(16)), event(b"b")]
    seen = see_trace(tmp_path, SPEC, [Buffer(events=events, compress=xpress_literals)])
    assert seen.payloads() == [b"a", b"b"]
    assert (seen.offsets(Code.EVENT_ZEROED), seen.offsets(Code.EVENT_RECOVERED)) == ([4096], [4096])


def test_the_marker_ends_a_buffer_without_damage(tmp_path: Path) -> None:
    seen = see_trace(tmp_path, SPEC, [Buffer(events=[event(b"a"), raw(b"\xff" * 8), event(b"b")])])
    assert (seen.payloads(), seen.codes) == ([b"a"], {})


def test_two_damaged_places_cost_what_is_between_them(tmp_path: Path) -> None:
    events = [event(b"a"), raw(bytes(8)), event(b"b"), raw(bytes(8)), event(b"c")]
    seen = see_trace(tmp_path, SPEC, [Buffer(events=events)])
    assert seen.payloads() == [b"a", b"c"]
    assert seen.codes == {Code.EVENT_ZEROED: 1, Code.EVENT_RECOVERED: 1}


def test_damage_at_once_and_at_the_end(tmp_path: Path) -> None:
    first = see_trace(tmp_path, SPEC, [Buffer(events=[raw(bytes(8)), event(b"a")])])
    last = see_trace(tmp_path, SPEC, [Buffer(events=[event(b"a"), raw(bytes(8))])])
    assert first.payloads() == last.payloads() == [b"a"]
    assert (first.offsets(Code.EVENT_ZEROED), last.offsets(Code.EVENT_ZEROED)) == ([4168], [4168 + SIZE])


@pytest.mark.parametrize("short_by", range(9))
def test_used_bytes_that_end_anywhere_in_the_last_event(tmp_path: Path, short_by: int) -> None:
    last = event(b"12345")  # 3 bytes of padding
    used = 0x48 + SIZE + len(pad8(last.data)) - short_by
    seen = see_trace(tmp_path, SPEC, [Buffer(events=[GOOD, last], offset=used)])
    assert seen.payloads() == ([b"good", b"12345"] if short_by <= 3 else [b"good"])
    assert seen.codes == ({} if short_by <= 3 else {Code.EVENT_OVERRUN: 1})


def test_an_event_of_the_greatest_size_that_fills_its_buffer(tmp_path: Path) -> None:
    spec = TraceSpec(buffer_size=0x48 + 0x10000)
    great = event(bytes(0xFFFF - 0x50))
    seen = see_trace(tmp_path, spec, [Buffer(events=[great]), Buffer(events=[GOOD])])
    assert [len(payload) for payload in seen.payloads()] == [0xFFFF - 0x50, 4]


def test_events_recovered_in_many_buffers_are_counted_with_their_buffers(tmp_path: Path) -> None:
    made = [Buffer(events=[raw(bytes(8)), *[event(b"x")] * k]) for k in (2, 0, 3)]
    seen = see_trace(tmp_path, SPEC, made)
    assert seen.codes == {Code.EVENT_ZEROED: 3, Code.EVENT_RECOVERED: 5}
    assert seen.offsets(Code.EVENT_RECOVERED) == [4096, 12_288]


# --------------------------------------------------------------------- all buffers at once, and one at a time


def words_of(bodies: list[bytes]) -> tuple[U64, I64, I64]:
    """Buffers laid out as the arena has them: at multiples of 8, zeros behind."""
    starts, stops, joined = [], [], b""
    for body in bodies:
        starts.append(len(joined))
        joined += pad8(body)
        stops.append(starts[-1] + len(body))
    words = np.frombuffer(joined + bytes(256), "<u8").copy()
    return words, np.array(starts, np.int64), np.array(stops, np.int64)


def walked(bodies: list[bytes]) -> tuple[list[tuple[int, int]], list[tuple[Code, int, int]], list[int]]:
    words, body, end = words_of(bodies)
    walk = walk_events(words, body, end)
    return plain(walk, body)


def plain(walk: Walk, body: I64) -> tuple[list[tuple[int, int]], list[tuple[Code, int, int]], list[int]]:
    """Events and stops by buffer and place in it, and what was recovered in each."""
    events = list(zip(walk.buffer.tolist(), (walk.position - body[walk.buffer]).tolist(), strict=True))
    stops = [
        (stop.code, int(row), int(at - body[row]))
        for stop in walk.stops
        for row, at in zip(stop.buffer, stop.position, strict=True)
    ]
    return events, sorted(stops, key=lambda stop: stop[1:]), walk.n_recovered.tolist()


pieces = st.one_of(
    st.integers(0, 30).map(lambda n: pad8(event(bytes(n)).data)),
    st.integers(0, 30).map(lambda n: pad8(message(n, payload=bytes(n)).data)),
    st.sampled_from([pad8(bad.data) for _, bad in BAD.values()]),
    st.just(pad8(error_header().data)),
    st.just(b"\xff" * 8),
    st.binary(max_size=30),
)
bodies = st.lists(st.lists(pieces, max_size=8).map(b"".join), max_size=6)


@given(bodies=bodies)
def test_all_at_once_is_one_at_a_time(bodies: list[bytes]) -> None:
    events, stops, recovered = walked(bodies)
    alone = [walked([body]) for body in bodies]
    assert events == [(k, at) for k, (found, _, _) in enumerate(alone) for _, at in found]
    assert stops == [(code, k, at) for k, (_, found, _) in enumerate(alone) for code, _, at in found]
    assert recovered == [found[0] for _, _, found in alone]


@given(bodies=bodies)
def test_every_way_to_walk_finds_the_same(bodies: list[bytes]) -> None:
    # in lockstep; by the compiled loop; few long buffers by the loop, though it is not compiled
    ways = ((False, 1 << 20), (True, 1 << 20), (False, 0))
    found = []
    for has_compiled, worth in ways:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "has_compiled", lambda answer=has_compiled: answer)
            patch.setattr(module, "_WORTH_A_KERNEL_BYTES", worth)
            found.append(walked(bodies))
    assert found[0] == found[1] == found[2]


@given(bodies=bodies)
def test_events_lie_in_their_buffer_and_do_not_overlap(bodies: list[bytes]) -> None:
    words, body, end = words_of(bodies)
    walk = walk_events(words, body, end)
    size = words.view(np.int64)[walk.position >> 3] >> layout.SIZE_SHIFT[walk.kind] & 0xFFFF
    behind = walk.position + size
    assert (walk.position % 8 == 0).all()
    assert (walk.position >= body[walk.buffer]).all()
    assert (behind <= end[walk.buffer]).all()
    assert (behind[:-1] <= walk.position[1:]).all()


def test_the_longest_buffer_of_the_smallest_events_takes_one_look_each() -> None:
    body = message(1).data * (1 << 18)  # 2 MiB, 8 bytes each: the walk leaves the lockstep
    events, stops, _ = walked([body, GOOD.data])
    assert (len(events), stops) == ((1 << 18) + 1, [])


def test_a_search_behind_damage_looks_at_each_place_once() -> None:
    # From every place a chain runs to nearly the end: looking along each would take 2^34 steps.
    body = bytes(8) + pad8(system(1, ticks=1).data) * (1 << 17) + b"\x01" * 8
    events, stops, recovered = walked([body])
    assert (events, recovered) == ([], [0])
    assert stops == [(Code.EVENT_ZEROED, 0, 0)]


# --------------------------------------------------------------------------------------------------- headers


def last(seen: Seen) -> dict[str, object]:
    return seen.rows[-1]


@pytest.mark.parametrize("n_payload", [0, 4, 8, 12, 100])
def test_counters_that_do_not_fit_leave_an_empty_payload(tmp_path: Path, n_payload: int) -> None:
    whole = perfinfo(0x0F2E, ticks=SPEC.t0, payload=bytes(n_payload))
    claims = whole.patched(1, b"\x87")  # the PEBS index and seven counters: 64 bytes
    seen = see_trace(tmp_path, SPEC, [Buffer(events=[claims])])
    assert last(seen)["payload"] == bytes(max(0, n_payload - 64))


@pytest.mark.parametrize("flags", [0x3F, 0x2A, 0x10, 0x05, 0xFFFF])
def test_a_message_too_short_for_its_fields_has_none(tmp_path: Path, flags: int) -> None:
    short = raw(struct.pack("<HBBHH", 10, 0, 0x90, 7, flags) + b"xy")
    seen = see_trace(tmp_path, SPEC, [Buffer(events=[event(b""), short])])
    row = last(seen)
    assert (row["event_id"], row["payload"], row["provider"], row["pid"]) == (7, b"xy", "", 0xFFFFFFFF)


def test_pointers_have_the_size_of_the_events_own_header(tmp_path: Path) -> None:
    from wnv.diagnostics import Log
    from wnv.etl.reader import Recording

    made = [event_header(provider=PROVIDER, ticks=SPEC.t0 + k, bits=bits) for k, bits in enumerate((32, 64, 32))]
    path = tmp_path / "a.etl"
    path.write_bytes(build(SPEC, made))
    found: list[list[int]] = []
    with Recording([path], Log()) as recording:
        recording.scan(lambda piece: found.append(piece.events.pointer_bytes.tolist()))
    assert found == [[8, 4, 8, 4]]


def test_selected_rows_are_those_asked_for(tmp_path: Path) -> None:
    from wnv.diagnostics import Log
    from wnv.etl.reader import Recording

    path = tmp_path / "a.etl"
    path.write_bytes(build(SPEC, [full_header(PROVIDER, k, ticks=SPEC.t0 + k) for k in range(9)]))
    with Recording([path], Log()) as recording:
        recording.scan()
        (piece,) = recording.slices()
        chosen = piece.events.select(piece.events.opcode > 5)
        assert chosen.opcode.tolist() == [6, 7, 8]
        assert len(chosen) == 3
        assert not chosen.has_descriptor.any()
        assert not any(any(one) for one in chosen.activity().tolist())


@given(st.lists(st.sampled_from([uuid.UUID(int=k << 64 | k % 3) for k in range(40)]), max_size=200), st.integers(0, 60))
def test_guids_are_numbered_in_some_order_and_keep_their_numbers(found: list[uuid.UUID], cut: int) -> None:
    guids = Guids()
    numbers: list[int] = []
    for part in (found[:cut], found[cut:]):
        raw_rows = np.frombuffer(b"".join(one.bytes_le for one in part), "V16")
        numbers += guids.codes(raw_rows).tolist()
    assert [guids.texts[number] for number in numbers] == list(map(str, found))
    assert len(guids) == len(set(found))
    assert [guids.code(one.bytes_le) for one in found] == numbers
    assert NO_PROVIDER not in numbers


def test_a_buffer_of_random_words_is_walked_to_a_stop(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 2**63, 450).astype("<i8").tobytes()
    seen = see_data(tmp_path, build(SPEC, [Buffer(events=[event(b"a"), noise]), Buffer(events=[event(b"b")])]))
    assert seen.payloads()[0] == b"a"
    assert seen.payloads()[-1] == b"b"
