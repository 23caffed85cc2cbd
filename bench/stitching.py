"""How fast packets are followed: journeys stitched a second of CPU time, from 0.1 to 10 million observations.

    .venv/bin/python bench/stitching.py RECORDING.etl [MILLIONS ...]

The recording (the lab's `busy` does well) is read once and kept; its events are handed to the stitcher again and again,
each time two seconds later, until there are as many as wanted. Reading and writing are not measured.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from wnv.diagnostics import Log
from wnv.etl.reader import Recording
from wnv.journeys.collect import Limits
from wnv.journeys.stitch import Stitcher
from wnv.pipeline.scanning import Scanned, scan
from wnv.providers.stages import Stretch, Tables
from wnv.topology.build import Builder
from wnv.topology.model import Topology

SIZES = (0.1, 0.3, 1.0, 3.0, 10.0)
ROUND_NS = 2_000_000_000


def stretches(scanned: Scanned) -> Iterator[Stretch]:
    """The recording, each slice in memory of its own."""
    scanned.packets.begin()
    n_frames = 0
    for piece in scanned.slices():
        data = piece.events.data.copy()
        events = replace(piece.events.select(np.arange(len(piece.events))), data=data)
        kept = replace(piece, events=events)
        rows = scanned.packets.packets(kept)
        frame_id = np.zeros(0, np.int64)
        if rows is not None:
            is_new = np.ones(len(rows), np.bool_)
            is_new[1:] = rows.event_row[1:] != rows.event_row[:-1]
            frame_id = n_frames + np.cumsum(is_new) - 1
            n_frames = int(frame_id[-1]) + 1
        yield Stretch(
            piece=kept, event_row=piece.first_row + np.arange(len(events)),
            session_id=np.zeros(len(events), np.int64), host=np.zeros(len(events), np.int64), packets=rows,
            observation_id=np.zeros(0 if rows is None else len(rows), np.int64), frame_id=frame_id,
            decoder=scanned.decoder,
        )  # fmt: skip


def later(stretch: Stretch, n: int, n_events: int) -> Stretch:
    """The same stretch in round `n`."""
    shift, rows = n * ROUND_NS, n * n_events
    events = replace(stretch.piece.events, ts_ns=stretch.piece.events.ts_ns + shift)
    packets = stretch.packets
    if packets is not None:
        packets = replace(packets, ts_ns=packets.ts_ns + shift, event_row=packets.event_row + rows)
    piece = replace(stretch.piece, events=events, first_row=stretch.piece.first_row + rows)
    return replace(stretch, piece=piece, event_row=stretch.event_row + rows, packets=packets)


def count_journeys(pieces: Iterable[Tables]) -> int:
    return sum(len(piece["journeys"]["journey_id"]) for piece in pieces if "journeys" in piece)


def run(kept: list[Stretch], topology: Topology, scanned: Scanned, wanted: int) -> tuple[int, int, float]:
    """Observations stitched, journeys made, seconds of CPU."""
    stitcher = Stitcher(
        topology, scanned.capture.points, builds=scanned.capture.builds, limits=Limits(is_complete=True)
    )  # fmt: skip
    n_events = sum(len(one) for one in kept)
    n, n_journeys, taken, number = 0, 0, 0.0, 0
    while n < wanted:
        for one in kept:
            stretch = later(one, number, n_events)
            start = time.process_time()
            n_journeys += count_journeys(stitcher.add(stretch))
            taken += time.process_time() - start
            n += len(stretch)
        number += 1
    start = time.process_time()
    n_journeys += count_journeys(stitcher.finish())
    taken += time.process_time() - start
    return n, n_journeys, taken


def main(path: str, sizes: list[float]) -> None:
    """Print a line a size."""
    scanned = scan(Recording([Path(path)], Log()))
    builder = Builder(Log())
    kept = list(stretches(scanned))
    for one in kept:
        rows = one.events_of(builder.providers)
        builder.learn(replace(
            one, piece=one.piece.take(rows), event_row=one.event_row[rows], session_id=one.session_id[rows],
            host=one.host[rows],
            packets=None,
        ))  # fmt: skip
    topology = builder.finish((), scanned.capture.points)
    run(kept, topology, scanned, 1)  # compiles
    print("observations   journeys    CPU s   a second   peak MiB")
    for size in sizes:
        n, n_journeys, taken = run(kept, topology, scanned, int(size * 1e6))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{n:>12,} {n_journeys:>10,} {taken:>8.2f} {n / taken:>10,.0f} {peak:>10,}")


if __name__ == "__main__":
    main(sys.argv[1], [float(one) for one in sys.argv[2:]] or list(SIZES))
