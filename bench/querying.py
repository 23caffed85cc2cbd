"""How fast filters select packets and events of a trace folder of 1.5 million packets.

    python bench/querying.py                    writes and imports a recording first: a minute, 1 GB of disk
    python bench/querying.py --trace big.wnv    measures this trace folder (of `bench/generate.py pktmon`)
    python bench/querying.py --quick            tiny input: only shows that it runs
    python bench/querying.py --write-docs       also writes the table of docs/reference/performance.md

Each filter is timed inside a process that has the folder open, from text to the number of rows; the last lines are
commands from start to end. Derived tables are there already where a filter needs them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from page import markdown, write_tables

import wnv
from wnv.sql.engine import connect
from wnv.sql.filters import compile_filter
from wnv.trace import Trace

HERE = Path(__file__).resolve().parent
TITLES = ("what", "rows", "median", "min–max", "processor", "target", "met")
REPEATS = 5
FILTERS = (
    ("observations", "tcp"), ("observations", "ip.addr == 10.0.0.26"), ("observations", "ip.addr == 10.0.0.0/24"),
    ("observations", "tcp.port in {443, 8000..8010} && !(ip.src == 10.0.0.26)"),
    ("observations", "tcp.flags.syn == 1 and not tcp.flags.ack == 1"), ("observations", 'info contains "GET"'),
    ("observations", 'info matches "images/5.*"'), ("observations", "point == tcpip:4 && frame.len > 1000"),
    ("observations", "hop == 1 && ip.src == 10.0.0.50"), ("observations", "frame contains 47:45:54"),
    ("events", "provider == PktMon && event.id == 160"), ("events", "ip.addr == 10.0.0.26"),
    ("journeys", "ip.addr == 10.0.0.26"),
)  # fmt: skip
COMMANDS = (
    ("packets", "-Y", "ip.addr == 10.0.0.26", "-c", "20"), ("packets", "-c", "20"), ("stats",),
    ("sql", "SELECT protocol, count(*) FROM packets GROUP BY 1"),
)  # fmt: skip


def measured(trace: Trace, repeats: int) -> Iterator[tuple[str, ...]]:
    for table, expression in FILTERS:
        seconds, cpu, n = [], [], 0
        for _ in range(repeats):
            started, used = time.perf_counter(), time.process_time()
            condition = compile_filter(expression, table)
            with connect({name: trace.dataset(name) for name in condition.tables}) as connection:
                query = f"SELECT count(*) FROM {table} WHERE {condition.sql}"
                ((n,),) = connection.execute(query, condition.values).fetchall()
            seconds.append(time.perf_counter() - started)
            cpu.append(time.process_time() - used)
        shown = expression.replace("|", "\\|")
        yield row(f"`{shown}` over {table}", f"{n:,}", seconds, f"{median(cpu):.2f} s", limit=1.0)


def commands(place: Path, repeats: int) -> Iterator[tuple[str, ...]]:
    for words in COMMANDS:
        seconds = []
        for _ in range(repeats):
            command = [sys.executable, "-m", "wnv", words[0], str(place), *words[1:]]
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
        yield row(f"`wnv {' '.join((words[0], 'T.wnv', *words[1:]))}`", "", seconds, "")


def row(what: str, n: str, seconds: Sequence[float], cpu: str, limit: float | None = None) -> tuple[str, ...]:
    found = median(seconds)
    target = ("", "") if limit is None else (f"< {limit:g} s", "yes" if found < limit else "no")
    line = (what, n, f"{found:.2f} s", f"{min(seconds):.2f}–{max(seconds):.2f}", cpu, *target)
    print("  ".join(line), file=sys.stderr)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", type=Path, help="a trace folder that is there already")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    n_events, repeats = (3_000, 1) if options.quick else (1_500_000, REPEATS)
    with tempfile.TemporaryDirectory(prefix="wnv-bench-") as folder:
        place = options.trace
        if place is None:
            recording, place = Path(folder, "big.etl"), Path(folder, "big.wnv")
            made = [sys.executable, str(HERE / "generate.py"), "pktmon", str(recording), "--events", str(n_events)]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
            with wnv.open_trace(recording) as trace:
                trace.save(place)
        load = f"; load average {os.getloadavg()[0]:.1f} when it began" if hasattr(os, "getloadavg") else ""
        with wnv.open_trace(place) as trace:
            trace.dataset("hops")
            n_packets = trace.overview.n_packets
            rows = [*measured(trace, repeats), *commands(place, repeats)]
    lines = [f"{n_packets:,} packets, {os.cpu_count()} processors, {sys.platform}{load}.", ""]
    lines.append(markdown(TITLES, rows))
    if options.write_docs:
        write_tables("querying.py", "Filters", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
