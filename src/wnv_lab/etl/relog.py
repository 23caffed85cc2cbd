"""What `pktmon stop` leaves: packed buffers, and behind all packets the components and counters.

Facts: docs/formats/pktmon.md, on the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from wnv_lab.etl.layout import EventKind, TimeZone
from wnv_lab.etl.writer import EtlWriter

Logged = tuple[int, int, int, int, EventKind, bytes]
"""An event: time in ns UTC, processor, process, thread, kind, payload."""

_STOPPING_PID: Final = 9764
_STOPPING_TID: Final = 2932


def write_relogged(
    path: str | Path,
    events: Iterable[Logged],
    rundown: Sequence[tuple[EventKind, bytes]] = (),
    *,
    build: int,
    n_processors: int,
    start_ns: int,
    boot_ns: int,
    end_ns: int,
    rundown_cpus: Sequence[int] = (0,),
    buffer_bytes: int = 1 << 17,
    perf_freq: int = 10_000_000,
    time_zone: TimeZone | None = None,
    pointer_size: int = 8,
    seed: int = 0,
) -> EtlWriter:
    """Write the file; its writer, closed, for its counts.

    `events` come as `EtlWriter.add` wants them. The `rundown` is logged at `end_ns`, an event each 100 ns, by the
    process that stopped the capture: on the first of `rundown_cpus` and, from where each further one begins, on that
    one, in equal parts.
    """
    etl = EtlWriter(
        path, build=build, n_processors=n_processors, start_ns=start_ns, boot_ns=boot_ns, perf_freq=perf_freq,
        buffer_bytes=buffer_bytes, time_zone=time_zone, pointer_size=pointer_size, pid=_STOPPING_PID,
        tid=_STOPPING_TID, is_relogged=True, seed=seed,
    )  # fmt: skip
    with etl:
        for event in events:
            etl.add(*event)
        part = -(-len(rundown) // len(rundown_cpus)) or 1
        for number, (kind, payload) in enumerate(rundown):
            etl.add(end_ns + 100 * number, rundown_cpus[number // part], _STOPPING_PID, _STOPPING_TID, kind, payload)
        etl.close(end_ns + 100 * len(rundown))
    return etl
