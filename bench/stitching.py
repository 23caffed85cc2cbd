"""How fast packets are followed: journeys stitched a second of CPU time, from 0.1 to 10 million observations.

    python bench/stitching.py                    the lab's `busy`, recorded in two ways: 3 minutes
    python bench/stitching.py --write-docs       also writes the table of docs/reference/performance.md
    python bench/stitching.py --quick            the smallest size alone
    python bench/stitching.py RECORDING.etl      this recording

A recording is read once and kept; its events are handed to the stitcher again and again, each time two seconds later,
until there are as many as wanted. An observation is an event about a packet: a frame, or what the switch or NAT says of
one. Reading and writing are not measured. Each size is a process of its own, so that its peak of memory shows; the
recording that is kept is part of it. Up to a million, the better of two runs: what else the machine does makes it less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from page import markdown, write_tables

from wnv.diagnostics import Log
from wnv.etl.reader import Recording
from wnv.journeys.collect import Limits
from wnv.journeys.stitch import Stitcher
from wnv.pipeline.scanning import Scanned, scan
from wnv.providers.stages import Stretch, Tables
from wnv.topology.build import Builder
from wnv.topology.model import Topology
from wnv_lab.run import run_scenario
from wnv_lab.scenario import read_scenario

SIZES = (0.1, 0.3, 1.0, 3.0, 10.0)
TITLES = ("recording", "observations", "journeys", "processor", "observations a second", "peak memory")
ROUND_NS = 2_000_000_000
_REPEATED_MAX = 1_000_000


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


def measure(path: str, wanted: int) -> dict[str, float]:
    """Stitch one recording in this process."""
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
    n_runs = 2 if wanted <= _REPEATED_MAX else 1
    n, n_journeys, taken = min((run(kept, topology, scanned, wanted) for _ in range(n_runs)), key=lambda one: one[2])
    return {"n": n, "n_journeys": n_journeys, "taken": taken, "peak_mib": _peak_mib()}


def _peak_mib() -> int:
    """Greatest resident size of this process; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def rows_of(name: str, path: Path, sizes: Sequence[float]) -> Iterator[tuple[str, ...]]:
    """A line of the table a size."""
    for size in sizes:
        said = subprocess.run(
            [sys.executable, __file__, str(path), "--measure", str(int(size * 1e6))], check=True, capture_output=True
        )
        found = json.loads(said.stdout)
        row = (
            name, f"{found['n']:,}", f"{found['n_journeys']:,}", f"{found['taken']:.2f} s",
            f"{found['n'] / found['taken']:,.0f}", f"{found['peak_mib']:,} MiB" if found["peak_mib"] else "",
        )  # fmt: skip
        print("  ".join(row), file=sys.stderr)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", help="default: the lab's `busy`, recorded in two ways")
    parser.add_argument("--sizes", type=float, nargs="+", metavar="MILLIONS", default=SIZES)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measure(str(options.recording), options.measure)))
        return
    load = f", load average {os.getloadavg()[0]:.1f} when it began" if hasattr(os, "getloadavg") else ""
    sizes = options.sizes[:1] if options.quick else options.sizes
    with tempfile.TemporaryDirectory(prefix="wnv-bench-") as folder:
        if options.recording is not None:
            named = [(options.recording.name, options.recording)]
        else:
            made = run_scenario(read_scenario("busy"), Path(folder), capture="both")
            named = list(zip(("NDIS, VmSwitch, WinNat", "pktmon"), made.recordings, strict=True))
        rows = [row for name, path in named for row in rows_of(name, path, sizes)]
    lines = [f"Measured on: {os.cpu_count()} processors, {platform.system()}{load}.", ""]
    lines.append(markdown(TITLES, rows))
    if options.write_docs:
        write_tables("stitching.py", "Following packets", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
