"""Recordings that the lab wrote, read back by wnv: each side has its own reading of the format.

`read_back` gives the rows of `wnv events` for what was added; it fails if wnv found anything to say against the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from command_line import done
from wnv import open_trace
from wnv_lab.etl.layout import EventKind
from wnv_lab.etl.writer import EtlWriter

START_NS = 1_700_000_000_123_456_700
BOOT_NS = START_NS - 3_600_000_000_000
Row = dict[str, Any]  # Any: the columns are of many types

_HEADER_HOOKS = {0x0000, 0x0050}


def writer(path: Path, **options: Any) -> EtlWriter:  # Any: what EtlWriter takes
    """A writer with two processors, on Server 2025, an hour after the boot."""
    usual: dict[str, Any] = {"build": 26100, "n_processors": 2, "start_ns": START_NS, "boot_ns": BOOT_NS}
    return EtlWriter(path, **usual | options)


def complaints(path: Path) -> list[str]:
    """What wnv has to say against the file, most of it in one word."""
    with open_trace(path) as trace:
        return sorted(
            {str(row.code) for row in trace.overview.diagnostics} | {str(row.code) for row in trace.log.rows()}
        )


def rows_of(path: Path) -> list[Row]:
    """The events of a file, without the two of its header."""
    lines = done("events", path, "--format", "jsonl", "--payload").lines
    return [row for row in map(json.loads, lines) if row["hook_id"] not in _HEADER_HOOKS]


def read_back(path: Path, said: Sequence[str] = ()) -> list[Row]:
    assert complaints(path) == list(said)
    return rows_of(path)


def decoded(
    folder: Path,
    events: Iterable[tuple[EventKind, bytes]],
    said: Sequence[str] = (),
    **options: Any,  # what EtlWriter takes
) -> list[Row]:
    """The fields that wnv finds in these events, each of them whole to its last byte; it says `said` of the file."""
    path = folder / "decoded.etl"
    with writer(path, **options) as etl:
        for number, (kind, payload) in enumerate(events, 1):
            etl.add(START_NS + 100 * number, 0, 4, 8, kind, payload)
    rows = read_back(path, said)
    assert [(row["provider"], row["event_id"]) for row in rows if not row["is_whole"]] == []
    return [row["fields"] for row in rows]


def told(path: Path) -> list[tuple[Any, ...]]:  # Any: numbers, texts and bytes
    """What the events of a file say in their headers, and their payloads, in order of time; read by columns.

    Processor, time, process, thread, provider, id, version, level, opcode, keyword, container, payload.
    """
    rows: list[tuple[Any, ...]] = []
    with open_trace(path) as trace:
        for piece in trace.slices():
            events = piece.events
            texts = events.guids.texts
            mine = np.flatnonzero(events.has_descriptor)
            for row in mine.tolist():
                start, n = int(events.payload_start[row]), int(events.payload_bytes[row])
                container = int(piece.container[row])
                rows.append((
                    *(int(column[row]) for column in (events.cpu, events.ts_ns, events.pid, events.tid)),
                    texts[events.provider[row]],
                    *(int(column[row]) for column in (
                        events.event_id, events.version, events.level, events.opcode, events.keyword)),
                    None if container < 0 else texts[container],
                    events.data[start : start + n].tobytes(),
                ))  # fmt: skip
    return rows
