"""How fast recordings become trace folders, what memory that takes, and how fast the tables answer.

    python bench/importing.py                   1.5 million events; two minutes, 2 GB of disk
    python bench/importing.py --quick           tiny inputs: only shows that it runs
    python bench/importing.py --long            peak memory at 15 million events, too: 5 GB more
    python bench/importing.py --write-docs      also writes the table of docs/reference/performance.md

Each import is a process of its own, `wnv import`, from start to end. On a machine that does other work, time by the
clock says little: the seconds of processor beside it say what an idle one would take at least.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from page import markdown, write_tables

HERE = Path(__file__).resolve().parent
TITLES = ("what", "input", "median", "min–max", "processor", "target", "met")
QUERIES = (
    ("SQL: count by protocol", "SELECT protocol, count(*) FROM frames GROUP BY protocol"),
    ("SQL: packets of one address", "SELECT count(*) FROM packets WHERE ip_src = '192.0.2.1' OR ip_dst = '192.0.2.1'"),
    ("SQL: events by provider and id", "SELECT provider, event_id, count(*) FROM events GROUP BY ALL"),
)
MIB = 2**20
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Run:
    """One process: seconds by the clock and of processor, peak of its memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str | Path]) -> Run:
    started = time.perf_counter()
    words = [str(word) for word in command]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"bench: {said.decode(errors='replace')}")
    cpu = usage.ru_utime + usage.ru_stime
    return Run(time.perf_counter() - started, cpu, usage.ru_maxrss * _MAXRSS_UNIT)


class Bench:
    """The measurements; each adds rows to the table."""

    def __init__(self, folder: Path, *, n_events: int, repeats: int) -> None:
        self._folder, self._n_events, self._repeats = folder, n_events, repeats
        self.rows: list[tuple[str, ...]] = []

    def everything(self, *, is_long: bool) -> None:
        netsh = self._make("netsh", self._n_events)
        one = self._import(netsh, self._n_events, jobs=1)
        two = self._import(netsh, self._n_events, jobs=2)
        ratio = median([run.seconds for run in one]) / median([run.seconds for run in two])
        self._add("two jobs against one", "the same", f"{ratio:.2f} ×", "", "", "≥ 1.6 ×", met=ratio >= 1.6)
        netsh.unlink()
        self._query(self._make("pktmon", self._n_events))
        if is_long:
            large = self._make("netsh", 10 * self._n_events)
            self._import(large, 10 * self._n_events, jobs=2, repeats=1)
            large.unlink()

    def _make(self, kind: str, n_events: int) -> Path:
        path = self._folder / f"{kind}-{n_events}.etl"
        run([sys.executable, HERE / "generate.py", kind, path, "--events", str(n_events)])
        with path.open("rb", buffering=0) as file:  # into the page cache
            while file.read(MIB):
                pass
        return path

    def _import(self, path: Path, n_events: int, *, jobs: int, repeats: int | None = None) -> list[Run]:
        out = path.with_suffix(".wnv")
        runs = []
        for _ in range(repeats or self._repeats):
            runs.append(run([sys.executable, "-m", "wnv", "import", path, "-w", out, "--jobs", str(jobs), "--force"]))
        rates = sorted(n_events / run.seconds for run in runs)
        cpu, peak = median([run.cpu_seconds for run in runs]), max(run.peak_bytes for run in runs)
        source = f"{n_events:,} events, {path.stat().st_size / 1e6:,.0f} MB"
        self._add(
            f"import, {jobs} job{'s' if jobs > 1 else ''}", source, f"{median(rates):,.0f} events/s",
            f"{rates[0]:,.0f}–{rates[-1]:,.0f}", f"{cpu:.1f} s: {n_events / cpu:,.0f} events/s",
            *(("≥ 300,000 events/s",) if jobs == 1 else ("",)), met=median(rates) >= 300_000 if jobs == 1 else None,
        )  # fmt: skip
        self._add("its peak memory", source, f"{peak / MIB:,.0f} MiB", "", "", "≤ 1.5 GB", met=peak <= 1.5e9)
        size = sum(file.stat().st_size for file in out.iterdir())
        self._add("the trace folder", source, f"{size / 1e6:,.0f} MB", "", "", "")
        shutil.rmtree(out)
        return runs

    def _query(self, path: Path) -> None:
        """Each query is timed inside a process that has the folder open."""
        import wnv

        place = path.with_suffix(".wnv")
        with wnv.open_trace(path) as trace:
            trace.save(place)
        path.unlink()
        with wnv.open_trace(place) as trace:
            for what, query in QUERIES:
                seconds, cpu = [], []
                for _ in range(self._repeats):
                    started, used = time.perf_counter(), time.process_time()
                    trace.sql(query)
                    seconds.append(time.perf_counter() - started)
                    cpu.append(time.process_time() - used)
                self._add(
                    what, f"{trace.overview.n_packets:,} packets", f"{median(seconds):.2f} s",
                    f"{min(seconds):.2f}–{max(seconds):.2f}", f"{median(cpu):.2f} s", "< 1 s", met=median(seconds) < 1,
                )  # fmt: skip
        shutil.rmtree(place)

    def _add(self, *cells: str, met: bool | None = None) -> None:
        self.rows.append((*cells, {None: "", True: "yes", False: "no"}[met]))
        print("  ".join(self.rows[-1]), file=sys.stderr)

    def table(self) -> str:
        load = f"; load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        lines = [f"Measured on: {os.cpu_count()} processors, {platform.system()}{load} when it ended.", ""]
        lines.append(markdown(TITLES, self.rows))
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--folder", type=Path, help="where recordings are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wnv-bench-", dir=options.folder) as folder:
        bench = Bench(
            Path(folder), n_events=3_000 if options.quick else 1_500_000, repeats=1 if options.quick else 3
        )  # fmt: skip
        bench.everything(is_long=options.long)
    if options.write_docs:
        write_tables("importing.py", "Import and queries", bench.table())
    print(bench.table())


if __name__ == "__main__":
    main()
