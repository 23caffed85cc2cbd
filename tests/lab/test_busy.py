"""The scenario for load: fast enough, and memory that does not grow with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import resource, sys, time
from pathlib import Path
from wnv_lab.run import run_scenario
from wnv_lab.scenario import read_scenario
folder, scale, capture = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
run_scenario(read_scenario("busy"), folder, capture=capture)  # compiles, imports
begin = time.process_time()
result = run_scenario(read_scenario("busy"), folder, scale=scale, capture=capture)
print(result.n_events, time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measured(folder: Path, scale: int, capture: str) -> tuple[int, float, int]:
    """Events, seconds of CPU, KiB at the most."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(scale), capture], capture_output=True, text=True, check=True
    )
    n_events, seconds, peak = run.stdout.split()
    return int(n_events), float(seconds), int(peak)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
@pytest.mark.parametrize("capture", ["ndis", "pktmon"])
def test_busy_writes_100_000_events_a_second_of_cpu_in_memory_that_does_not_grow(tmp_path: Path, capture: str) -> None:
    n_few, seconds, few_kib = measured(tmp_path, 1, capture)
    n_many, _, many_kib = measured(tmp_path, 4, capture)
    assert n_few / seconds > 100_000
    assert n_many > 3.9 * n_few
    assert many_kib < few_kib + 64 * 1024
