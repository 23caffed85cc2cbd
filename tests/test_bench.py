"""The recordings that the benchmarks measure hold what their writer says, by two readers: the product and dissect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dissect.etl.etl import ETL

import wnv
from pcapng_reader import read_capture
from wnv.diagnostics import Severity

SESSION_HEADER = {"68fdd900-4a3e-11d1-84f4-0000f80464e3/0": 1}
KINDS = ("netsh", "packed", "pktmon")


def generate(repo_root: Path, kind: str, path: Path, n_events: int = 2000) -> dict[str, Any]:  # Any: JSON
    script = repo_root / "bench" / "generate.py"
    command = (sys.executable, script, kind, path, "--events", str(n_events))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def counted(trace: wnv.Trace) -> dict[str, int]:
    rows = ((one.guid, event) for one in trace.overview.providers for event in one.events)
    return {f"{guid}/{event.event_id or event.opcode}": event.n_events for guid, event in rows}


@pytest.mark.parametrize("kind", KINDS)
def test_wnv_reads_what_was_generated(repo_root: Path, tmp_path: Path, kind: str) -> None:
    path, out = tmp_path / "big.etl", tmp_path / "big.pcapng"
    told = generate(repo_root, kind, path)
    with wnv.open_trace(path) as trace:
        assert counted(trace) == {**told["n_events"], **SESSION_HEADER}
        assert trace.overview.n_packets == told["n_sightings"]
        assert trace.overview.is_complete
        assert [row.code for row in trace.log.rows() if row.kind.severity is not Severity.NOTE] == []
        trace.convert(str(out))
    packets = read_capture(out).packets
    assert len(packets) == told["n_sightings"]
    assert sum(len(one.frame) for one in packets) == told["frame_bytes"]
    assert path.stat().st_size == told["n_bytes"]
    assert [one.ts_ns for one in packets] == sorted(one.ts_ns for one in packets)


@pytest.mark.parametrize("kind", KINDS)
def test_another_reader_counts_the_same(repo_root: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "big.etl"
    told = generate(repo_root, kind, path, n_events=400)
    with path.open("rb") as file:
        assert sum(1 for _ in ETL(file)) == sum(told["n_events"].values()) + 1
