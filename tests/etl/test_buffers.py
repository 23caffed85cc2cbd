from __future__ import annotations

import os
import random
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xca
from etl_writer import (
    LZNT1,
    XPRESS,
    XPRESS_HUFF,
    Buffer,
    Event,
    TraceSpec,
    build,
    compressed,
    event_header,
    pad8,
    relogged,
    unclosed,
    xpress_literals,
)
from recordings import Seen, patched, save, see_data, see_trace
from wnv import kernels
from wnv.diagnostics import Code, Log
from wnv.errors import WnvError
from wnv.etl import buffers as module
from wnv.etl.buffers import Arena, BufferIndex, IndexedFile, index_buffers, load_buffers
from wnv.etl.reader import Recording
from wnv.etl.session import parse_session
from wnv.etl.source import Source

SPEC = TraceSpec(buffer_size=1024)
PROVIDER = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"


def event(name: bytes, past: int = 1) -> Event:
    return event_header(provider=PROVIDER, ticks=SPEC.t0 + past, payload=name)


ABC = [Buffer(events=[event(name)]) for name in (b"a", b"b", b"c")]


def index_of(folder: Path, data: bytes) -> tuple[BufferIndex, Log]:
    log = Log()
    with Source(save(folder, data)) as source:
        return index_buffers(source, parse_session(data, "a"), log), log


# --------------------------------------------------------------------------------------------------- the index


def test_a_row_for_each_buffer(tmp_path: Path) -> None:
    made = [
        Buffer(cpu=3, events=[event(b"x")], sequence=9, timestamp=-5),
        Buffer(cpu=1500, events=[], flags=0x22),
        Buffer(cpu=5, events=[event(b"x")], flags=0, alignment=8, type=1),
        Buffer(cpu=700, events=[event(b"x")], compress=xpress_literals, type=5),
    ]
    index, log = index_of(tmp_path, build(SPEC, made))
    assert not log.rows()
    assert len(index) == 5
    assert index.offset.tolist() == [0, 1024, 2048, 3072, 4096]
    assert index.stored_bytes.tolist()[:4] == [1024] * 4
    assert index.used_bytes.tolist()[1:] == [0x48 + 0x58, 0x48, 0x48 + 0x58, 0x48 + 0x58]
    assert index.cpu.tolist() == [0, 3, 1500, 5, 700]
    assert index.sequence.tolist() == [0, 9, 2, 3, 4]
    assert index.timestamp.tolist()[:2] == [0, -5]
    assert index.flags.tolist() == [0x21, 0x20, 0x22, 0, 0x61]
    assert index.kind.tolist() == [4, 0, 0, 1, 5]
    assert index.is_compressed.tolist() == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("offset", "saved_offset", "names"),
    [(None, 0x48, 1), (0x48, None, 0), (0, None, 1), (0x47, None, 1), (0, 0, 0), (0x47, 0x47, 0)],
)
def test_offset_is_the_authority_and_saved_offset_its_deputy(
    tmp_path: Path, offset: int | None, saved_offset: int | None, names: int
) -> None:
    seen = see_trace(tmp_path, SPEC, [Buffer(events=[event(b"a")], offset=offset, saved_offset=saved_offset)])
    assert seen.payloads() == [b"a"] * names
    assert not seen.codes


# ------------------------------------------------------------------------------------ damage: section 11, by buffer


def places(seen: Seen) -> dict[Code, list[int]]:
    """Where each finding is in the file; the recording's closing remarks left out."""
    remarks = (Code.FILE_NOT_CLOSED, Code.FILE_CUT, Code.BUFFER_COUNT_DIFFERS, Code.SEQUENCE_GAP)
    return {code: seen.offsets(code) for code in seen.codes if code not in remarks}


WHOLE = build(SPEC, ABC)
CASES: dict[str, tuple[bytes, dict[Code, list[int]], list[bytes]]] = {
    "a hole": (WHOLE[:1024] + bytes(1024) + WHOLE[2048:], {Code.BUFFER_HOLE: [1024]}, [b"b", b"c"]),
    "a hole of two buffers": (WHOLE[:1024] + bytes(2048) + WHOLE[3072:], {Code.BUFFER_HOLE: [1024]}, [b"c"]),
    "zeros at the end": (WHOLE + bytes(5000), {Code.BUFFER_HOLE: [4096]}, [b"a", b"b", b"c"]),
    "a size too small": (patched(WHOLE, 2048, "I", 0x47), {Code.BUFFER_SIZE_INVALID: [2048]}, [b"a", b"c"]),
    "a size of 0": (patched(WHOLE, 1024, "I", 0), {Code.BUFFER_SIZE_INVALID: [1024]}, [b"b", b"c"]),
    "a size too large": (patched(WHOLE, 1024, "I", 1 << 31), {Code.BUFFER_TOO_LARGE: [1024]}, [b"b", b"c"]),
    "a last size too large": (patched(WHOLE, 3072, "I", 1 << 31), {Code.BUFFER_TOO_LARGE: [3072]}, [b"a", b"b"]),
    "a size a little wrong": (patched(WHOLE, 1024, "I", 1025), {Code.BUFFER_SIZE_INVALID: [1024]}, [b"a", b"b", b"c"]),
    "more used than there is": (
        patched(WHOLE, 1024 + 0x30, "I", 1025),
        {Code.BUFFER_USE_CLIPPED: [1024]},
        [b"a", b"b", b"c"],
    ),
    "cut inside a buffer": (WHOLE[:-1], {Code.BUFFER_CLIPPED: [3072]}, [b"a", b"b", b"c"]),
    "cut inside an event": (
        WHOLE[: 3072 + 0x48 + 0x50],
        {Code.BUFFER_CLIPPED: [3072], Code.EVENT_OVERRUN: [3072 + 0x48]},
        [b"a", b"b"],
    ),
    "cut inside a buffer header": (WHOLE[: 3072 + 0x47], {Code.BUFFER_CLIPPED: [3072]}, [b"a", b"b"]),
    "a size beyond the end": (
        patched(WHOLE, 3072, "I", 4096),
        {Code.BUFFER_CLIPPED: [3072]},
        [b"a", b"b", b"c"],
    ),
    "packed context switches": (
        patched(WHOLE, 2048 + 0x36, "H", 2),
        {Code.BUFFER_TYPE_SKIPPED: [2048]},
        [b"a", b"c"],
    ),
    "a reference clock": (patched(WHOLE, 2048 + 0x36, "H", 3), {Code.BUFFER_TYPE_SKIPPED: [2048]}, [b"a", b"c"]),
    "an empty marker": (patched(WHOLE, 2048 + 0x36, "H", 6), {Code.BUFFER_TYPE_SKIPPED: [2048]}, [b"a", b"c"]),
    "an unknown type": (patched(WHOLE, 2048 + 0x36, "H", 77), {}, [b"a", b"b", b"c"]),
}


@pytest.mark.parametrize(("data", "wanted", "names"), CASES.values(), ids=CASES)
def test_a_bad_buffer_costs_itself_alone(
    tmp_path: Path, data: bytes, wanted: dict[Code, list[int]], names: list[bytes]
) -> None:
    seen = see_data(tmp_path, data)
    assert (places(seen), seen.payloads()) == (wanted, names)


@pytest.mark.parametrize("damage", [b"\0" * 0x48, b"\x47" + b"\0" * 0x47], ids=["hole", "bad size"])
def test_a_relogged_file_goes_on_at_its_own_places(tmp_path: Path, damage: bytes) -> None:
    # buffer 0 has 1 KiB, the others 4: they do not lie at multiples of 4 KiB
    data = build(*relogged(TraceSpec(), ABC))
    at = 1024 + 4096
    seen = see_data(tmp_path, data[:at] + damage + bytes(4096 - len(damage)) + data[at + 4096 :])
    assert seen.payloads()[1:] == [b"a", b"c"]


def test_what_is_not_whole_at_the_end_is_said(tmp_path: Path) -> None:
    assert places(see_data(tmp_path, WHOLE + b"\0" * 0x47)) == {}
    assert places(see_data(tmp_path, WHOLE + b"\0" * 0x40 + b"x")) == {Code.BUFFER_CLIPPED: [4096]}


def test_a_session_that_never_stopped(tmp_path: Path) -> None:
    seen = see_data(tmp_path, build(unclosed(SPEC), ABC))
    assert seen.payloads() == [b"a", b"b", b"c"]
    assert seen.codes == {Code.BUFFER_HOLE: 1, Code.FILE_NOT_CLOSED: 1, Code.BUFFER_COUNT_DIFFERS: 1}


@pytest.mark.parametrize("size", [0, 1, 0x47, 0x48, 73, 1 << 24, 0xFFFFFFFF])
@pytest.mark.parametrize("damage", [bytes(1024), b"\x01" + bytes(1023)], ids=["hole", "bad size"])
def test_any_size_of_session_buffers_is_survived(tmp_path: Path, size: int, damage: bytes) -> None:
    data = patched(WHOLE, 0x68, "I", size)
    seen = see_data(tmp_path, data[:2048] + damage + data[3072:])
    assert seen.payloads()[0] == b"a"
    assert sum(seen.codes.values()) <= len(data) // 0x48


def test_thousands_of_tiny_buffers(tmp_path: Path) -> None:
    tiny = bytearray(0x48)
    struct.pack_into("<II", tiny, 0, 0x48, 0x48)
    seen = see_data(tmp_path, WHOLE + bytes(tiny) * 20_000)
    assert (seen.n_buffers, seen.payloads()) == (20_004, [b"a", b"b", b"c"])


def test_a_hole_in_every_other_place_is_stepped_over_in_little_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = bytearray(0x48)
    struct.pack_into("<II", tiny, 0, 0x48, 0x48)
    data = patched(WHOLE, 0x68, "I", 0x48) + (bytes(0x48) + bytes(tiny)) * 5000
    n_read = 0
    read_at = Source.read_at

    def count(source: Source, offset: int, into: memoryview) -> int:
        nonlocal n_read
        n_read += len(into)
        return read_at(source, offset, into)

    monkeypatch.setattr(Source, "read_at", count)
    index, log = index_of(tmp_path, data)
    assert (len(index), log.count(Code.BUFFER_HOLE)) == (5004, 5000)
    assert n_read < 40 * len(data)


# ------------------------------------------------------------------------------------------------- compressed


@pytest.mark.parametrize(
    ("packer", "stated"), [(xca.pack_xpress, XPRESS), (xca.pack_huffman, XPRESS_HUFF), (xca.pack_lznt1, LZNT1)]
)
def test_a_buffer_that_does_not_unpack_costs_itself_alone(
    tmp_path: Path, packer: Callable[[bytes], bytes], stated: int
) -> None:
    spec, made = compressed(SPEC, ABC, packer, stated)
    made[1] = replace(made[1], compress=lambda body: packer(body)[:9])
    seen = see_trace(tmp_path, spec, made)
    at = 1024 + 0x48 + len(packer(pad8(event(b"a").data)))
    assert (places(seen), seen.payloads()) == ({Code.UNPACK_FAILED: [at]}, [b"a", b"c"])


@given(n_cut=st.integers(1, 4000))
def test_of_a_packed_buffer_that_the_file_ends_in_what_is_there_is_read(
    tmp_path_factory: pytest.TempPathFactory, n_cut: int
) -> None:
    payloads = [random.Random(n).randbytes(200) for n in range(20)]
    data = build(*compressed(replace(SPEC, buffer_size=8192), [Buffer(events=[event(one) for one in payloads])]))
    first = int.from_bytes(data[:4], "little")
    seen = see_data(tmp_path_factory.mktemp("cut"), data[: max(first + 0x48, len(data) - n_cut)])
    found = seen.payloads()
    assert found == payloads[: len(found)]
    n_packed = len(data) - first - 0x48
    assert len(found) >= len(payloads) * (1 - n_cut / n_packed) - 3
    assert set(places(seen)) <= {Code.BUFFER_CLIPPED, Code.EVENT_OVERRUN, Code.FILE_CUT, Code.EVENT_ZEROED}


def test_plain_buffers_may_stand_among_compressed_ones(tmp_path: Path) -> None:
    spec, made = compressed(SPEC, ABC)
    seen = see_trace(tmp_path, spec, [made[0], ABC[1], made[2]])
    assert seen.payloads() == [b"a", b"b", b"c"]
    assert not seen.codes


def test_a_compressed_buffer_without_events(tmp_path: Path) -> None:
    seen = see_trace(tmp_path, *compressed(SPEC, [Buffer(events=[]), ABC[0]]))
    assert (seen.payloads(), seen.codes) == ([b"a"], {})


def test_a_compressed_file_cannot_go_on_behind_a_bad_size(tmp_path: Path) -> None:
    data = build(*compressed(SPEC, ABC))
    second = 1024 + struct.unpack_from("<I", data, 1024)[0]
    for size, code in ((3, Code.BUFFER_SIZE_INVALID), (1 << 30, Code.BUFFER_TOO_LARGE)):
        seen = see_data(tmp_path, patched(data, second, "I", size))
        assert (places(seen), seen.payloads()) == ({code: [second]}, [b"a"])
    seen = see_data(tmp_path, data[:second] + bytes(len(data) - second))
    assert (places(seen), seen.payloads()) == ({Code.BUFFER_HOLE: [second]}, [b"a"])


@pytest.mark.parametrize("used", [(16 << 20) + 0x49, 0xFFFFFFFF])
def test_a_buffer_that_unpacks_to_too_much_is_left_packed(tmp_path: Path, used: int) -> None:
    spec, made = compressed(SPEC, ABC)
    made[0] = replace(made[0], offset=used)
    seen = see_trace(tmp_path, spec, made)
    assert (places(seen), seen.payloads()) == ({Code.BUFFER_TOO_LARGE: [1024]}, [b"b", b"c"])


def bomb(n_buffers: int) -> bytes:
    """Every buffer claims 16 MiB: a long match, or nothing at all."""
    first = pad8(event(b"boom").data)
    stream = xca.pack_xpress_items([*first, xca.Match(len(first), (16 << 20) - len(first))])
    made = [Buffer(events=[first], compress=lambda body: stream, offset=(16 << 20) + 0x48)] * 3
    spec, _ = compressed(SPEC, [])
    empty = bytearray(0x48)
    struct.pack_into("<II", empty, 0, 0x48, (16 << 20) + 0x48)
    struct.pack_into("<IHH", empty, 0x30, (16 << 20) + 0x48, 0x60, 0)
    return build(spec, made) + bytes(empty) * n_buffers


@pytest.mark.skipif(not kernels.COMPILED, reason="takes a minute without numba")
def test_a_decompression_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNPACK_SPARE_BYTES", 64 * 2**20)
    data = bomb(1000)
    log = Log()
    with Recording([save(tmp_path, data)], log) as recording:
        assert log.count(Code.UNPACK_LIMIT) == 1
        claimed = int(recording.buffers.used_bytes.sum())
        assert claimed <= 256 * len(data) + 65 * 2**20
        tracemalloc.start()
        try:
            recording.scan(slice_bytes=16 << 20)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert recording.n_events > 500_000
    assert peak < 200 * 2**20


def test_the_packed_side_of_a_buffer_takes_no_more_memory_than_its_content_can_need(tmp_path: Path) -> None:
    # A mebibyte in the file for each event: many would come into memory at once.
    spec, made = compressed(SPEC, ABC)
    made = [replace(one, compress=lambda body: xca.pack_xpress(body).ljust(1 << 20, b"\0")) for one in made * 20]
    log = Log()
    with Recording([save(tmp_path, build(spec, made))], log) as recording:
        tracemalloc.start()
        try:
            recording.scan()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert recording.n_events == 61
    assert peak < 10 * 2**20


# ---------------------------------------------------------------------------------------------------- loading


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = save(tmp_path, build(TraceSpec(), ABC))
    log = Log()
    with Recording([path], log) as recording:
        os.truncate(path, 8192 + 20)
        recording.scan()
        assert recording.n_events == 2
    assert (log.count(Code.FILE_CHANGED), [row.byte_offsets for row in log.rows()]) == (2, [[8192, 12_288]])


def test_a_compressed_file_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    data = build(*compressed(SPEC, ABC))
    path = save(tmp_path, data)
    log = Log()
    with Recording([path], log) as recording:
        os.truncate(path, len(data) - 30)
        recording.scan()
        assert recording.n_events == 3
    assert {row.code for row in log.rows()} == {Code.FILE_CHANGED, Code.UNPACK_FAILED}


def test_buffers_are_loaded_in_the_order_asked_for_at_multiples_of_8(tmp_path: Path) -> None:
    made = [Buffer(events=[b"\x11" * 8 * (k + 1)], offset=0x48 + 8 * k + k) for k in range(6)]
    data = build(SPEC, made)
    arena = Arena()
    with Source(save(tmp_path, data)) as source:
        file = IndexedFile(source, parse_session(data, "a"), index_buffers(source, parse_session(data, "a"), Log()))
        for rows in ([5, 1, 3], [2], [], [6, 5, 4, 3, 2, 1, 0, 0]):
            loaded = load_buffers([file], np.zeros(len(rows), np.int64), np.array(rows, np.int64), arena, Log())
            assert (loaded.body % 8 == 0).all()
            for row, body, end in zip(rows, loaded.body.tolist(), loaded.end.tolist(), strict=True):
                used = int(file.index.used_bytes[row])
                at = row * 1024
                assert loaded.data[body:end].tobytes() == data[at + 0x48 : at + used]
            assert not loaded.words[-32:].any()
            assert loaded.data.base is loaded.words or np.shares_memory(loaded.data, loaded.words)


def test_an_empty_packed_buffer_in_a_file_of_another_kind_is_refused_before(tmp_path: Path) -> None:
    with pytest.raises(WnvError):
        see_data(tmp_path, bytes(0x48) * 1000)
