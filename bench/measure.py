"""One measurement in a process of its own: `run.py` starts it, and takes the time and memory of the process.

    python bench/measure.py headers big.etl

Prints one line of JSON: what was counted, and `seconds` where a part of the process is timed. Heavy modules are
imported where they are used: their memory counts.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Figures: TypeAlias = dict[str, float]

_COPY_BYTES = 1 << 20
_UNPACKED_BYTES_MAX = 256 * 2**20
_REPEATS = 5


def headers(file: str) -> Figures:
    """All header columns of all events in global order."""
    from wnv.diagnostics import Log
    from wnv.etl.reader import open_recording

    n_events, slice_events, arena_bytes, n_slices = 0, 0, 0, 0
    with open_recording(Path(file), Log()) as recording:
        recording.scan()
        for piece in recording.slices():
            events = piece.events
            for name in (*_COLUMNS, *_LATE_COLUMNS):
                column = getattr(events, name)
                assert len(column) == len(events)
            n_events += len(events)
            n_slices += 1
            slice_events = max(slice_events, len(events))
            arena_bytes = max(arena_bytes, events.data.nbytes)
        n_buffers = len(recording.buffers)
    return {
        "n_events": n_events, "slice_events": slice_events, "arena_bytes": arena_bytes, "n_buffers": n_buffers,
        "n_slices": n_slices,
    }  # fmt: skip


_COLUMNS = ("buffer", "position", "kind", "ticks", "ts_ns", "cpu", "pid", "tid", "provider", "hook_id", "event_id")
_LATE_COLUMNS = ("version", "level", "opcode", "keyword", "has_items", "payload_start", "payload_bytes")


def warm_headers(file: str) -> Figures:
    """The same, timed when all code is loaded and compiled and all memory has been used once."""
    import wnv.kernels

    assert wnv.kernels.COMPILED
    headers(file)
    started = time.perf_counter()
    found = headers(file)
    return {**found, "seconds": time.perf_counter() - started}


def convert(file: str, out: str) -> Figures:
    import wnv.trace

    with wnv.trace.open_trace(file) as trace:
        result = trace.convert(out)
    return {"n_packets": result.n_packets, "out_bytes": Path(out).stat().st_size}


def copy(file: str, out: str) -> Figures:
    """Read and write in pieces of 1 MiB: what any converter must do at least."""
    started = time.perf_counter()
    with Path(file).open("rb", buffering=0) as source, Path(out).open("wb", buffering=0) as target:
        while data := source.read(_COPY_BYTES):
            target.write(data)
    return {"seconds": time.perf_counter() - started}


def unpack(file: str) -> Figures:
    """The unpacking of compressed buffers on one thread, and copying what came out of it."""
    import numpy as np

    from wnv.diagnostics import Log
    from wnv.etl import layout
    from wnv.etl.compression import unpack_buffers
    from wnv.etl.reader import Recording

    with Recording([Path(file)], Log()) as recording:
        index = recording.files[0].index
        rows = np.flatnonzero(index.is_compressed)
        out_bytes = index.used_bytes[rows].astype(np.int64) - layout.BUFFER_HEADER_BYTES
        rows, out_bytes = (column[np.cumsum(out_bytes) <= _UNPACKED_BYTES_MAX] for column in (rows, out_bytes))
        first = index.offset[rows]
        base = int(first[0])
        raw = recording.files[0].source.bytes_at(base, int(first[-1] + index.stored_bytes[rows[-1]]) - base)
        packed_bytes = index.stored_bytes[rows].astype(np.int64) - layout.BUFFER_HEADER_BYTES
        stated = recording.files[0].header.pack_format
    packed = np.frombuffer(raw, np.uint8)
    packed_start = first - base + layout.BUFFER_HEADER_BYTES
    out = np.empty(int(out_bytes.sum()), np.uint8)
    other = np.empty_like(out)
    out_start = np.cumsum(out_bytes) - out_bytes

    def unpack_all() -> None:
        worked = unpack_buffers(packed, packed_start, packed_bytes, out, out_start, out_bytes, stated, jobs=1)
        assert worked.all()

    seconds, copy_seconds = _best_of(unpack_all), _best_of(lambda: np.copyto(other, out))
    return {
        "n_bytes": len(out), "packed_bytes": int(packed_bytes.sum()), "seconds": seconds, "copy_seconds": copy_seconds,
    }  # fmt: skip


def _best_of(work: Callable[[], object]) -> float:
    """Median, after one run that is not counted."""
    work()
    took: list[float] = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def dissect(file: str) -> Figures:
    """dissect.etl: every event, its provider and time."""
    from dissect.etl.etl import ETL

    n = 0
    started = time.perf_counter()
    with Path(file).open("rb") as source:
        for event in ETL(source):
            _ = (event.header.provider_id, event.header.time_delta)
            n += 1
    return {"n_events": n, "seconds": time.perf_counter() - started}


def etl_parser(file: str) -> Figures:
    """etl-parser: every event, handed to an observer that counts."""
    from etl.etl import IEtlFileObserver, build_from_stream

    class Counter(IEtlFileObserver):  # type: ignore[misc]  # the library has no types
        n = 0

        def _count(self, _: Any) -> None:  # Any: the library has no types
            self.n += 1

        on_event_record = on_trace_record = on_perfinfo_trace = on_system_trace = on_win_trace = _count

    counter = Counter()
    started = time.perf_counter()
    build_from_stream(Path(file).read_bytes()).parse(counter)
    return {"n_events": counter.n, "seconds": time.perf_counter() - started}


def frame_headers(n_frames: str) -> Figures:
    """Header columns of frames; and all columns of `frames`, with Protocol and Info."""
    import numpy as np
    from frames import make_frames

    from wnv.packets.headers import decode_packets
    from wnv.packets.points import LINK_ETHERNET
    from wnv.packets.table import frame_columns

    frames = make_frames(int(n_frames))
    n_bytes = np.array([len(frame) for frame in frames])
    start, data = np.cumsum(n_bytes) - n_bytes, np.frombuffer(b"".join(frames) + bytes(64), np.uint8)
    link = np.full(len(frames), LINK_ETHERNET, np.uint16)
    return {
        "n_frames": len(frames),
        "seconds": _best_of(lambda: decode_packets(data, start, n_bytes, link, n_bytes)),
        "columns_seconds": _best_of(lambda: frame_columns(data, start, n_bytes, link, n_bytes)),
    }


def dpkt(n_frames: str) -> Figures:
    """dpkt: the headers of the same frames, and a few of their fields."""
    from dpkt.ethernet import Ethernet
    from dpkt.ip import IP
    from dpkt.tcp import TCP
    from dpkt.udp import UDP
    from frames import make_frames

    frames = make_frames(int(n_frames))
    found: list[tuple[object, ...]] = []
    started = time.perf_counter()
    for frame in frames:
        packet = Ethernet(frame)
        layer = packet.data
        if isinstance(layer, IP):
            row: tuple[object, ...] = (packet.src, packet.dst, layer.src, layer.dst, layer.len, layer.id, layer.ttl)
            segment = layer.data
            if isinstance(segment, TCP):
                row += (segment.sport, segment.dport, segment.seq, segment.ack, segment.flags, segment.win)
            elif isinstance(segment, UDP):
                row += (segment.sport, segment.dport, segment.ulen)
            found.append(row)
    return {"n_frames": len(found), "seconds": time.perf_counter() - started}


MEASUREMENTS: dict[str, Callable[..., Figures]] = {
    "headers": headers, "warm_headers": warm_headers, "convert": convert, "copy": copy, "unpack": unpack,
    "dissect": dissect, "etl_parser": etl_parser, "frame_headers": frame_headers, "dpkt": dpkt,
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
