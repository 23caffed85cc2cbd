"""The benchmarks: makes recordings in a temporary folder, measures, prints a table of figures and targets.

    python3 dev.py bench                    2 million events; some minutes, 3 GB of disk
    python3 dev.py bench --quick            tiny inputs: only shows that it runs
    python3 dev.py bench --write-docs       also writes the tables of docs/reference/performance.md

This process stays small and imports nothing heavy: Linux counts the memory of a parent as a child's until the child
has started its own program. How to read the figures: bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from page import markdown

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "reference" / "performance.md"
BEGIN, END = "<!-- written by bench/run.py: begin -->", "<!-- end -->"
MIB = 2**20
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
START_UP = "import wnv.trace; from wnv import kernels; kernels.hash_pair(1, 2, 3)"


@dataclass(frozen=True, slots=True)
class Run:
    """One process: its time, its peak memory (0 where the system does not say), what it printed."""

    seconds: float
    peak_bytes: int
    figures: dict[str, float] = field(default_factory=dict)


def run(command: Sequence[str | Path], **more_env: str) -> Run:
    started = time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, env={**os.environ, **more_env}
    ) as child:
        assert child.stdout is not None
        output = child.stdout.read()
        if sys.platform == "win32":
            child.wait()
            peak = 0
        else:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            peak = usage.ru_maxrss * _MAXRSS_UNIT
    seconds = time.perf_counter() - started
    if child.returncode:
        raise SystemExit(f"bench: failed with code {child.returncode}: {' '.join(map(str, command))}")
    return Run(seconds, peak, json.loads(output) if output.startswith(b"{") else {})


def measure(name: str, *arguments: str | Path) -> Run:
    return run([sys.executable, HERE / "measure.py", name, *arguments])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the result."""

    what: str
    source: str
    values: Sequence[float]
    unit: str
    reference: str = ""
    ratio: str = ""
    target: str = ""
    is_met: bool | None = None

    def cells(self) -> list[str]:
        low, high = min(self.values), max(self.values)
        spread = f"{_number(low)}–{_number(high)}" if len(self.values) > 1 else ""
        met = {None: "", True: "yes", False: "no"}[self.is_met]
        middle = f"{_number(median(self.values))} {self.unit}"
        return [self.what, self.source, middle, spread, self.reference, self.ratio, self.target, met]


TITLES = ["what", "input", "median", "min–max", "reference", "ratio", "target", "met"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _spread(seconds: Sequence[float]) -> str:
    """A reference can vary more than what it is compared with: then its ratio says little."""
    return f"{_number(median(seconds))} s ({_number(min(seconds))}–{_number(max(seconds))})"


def _at_least(value: float, limit: float) -> tuple[str, str, bool]:
    return f"{_number(value)} ×", f"≥ {limit:g} ×", value >= limit


def _at_most(value: float, limit: float) -> tuple[str, str, bool]:
    return f"{value:.2f} ×", f"≤ {limit:g} ×", value <= limit


class Bench:
    """The measurements, in the order of the table; each gives lines."""

    def __init__(self, folder: Path, *, n_events: int, is_quick: bool, is_long: bool) -> None:
        self._folder = folder
        self._n_events = n_events
        self._repeats = 1 if is_quick else 5
        self._few = 2_000 if is_quick else 100_000
        sizes = [0.01, 0.025, 0.05, 0.1] if is_quick else [0.01, 0.025, 0.05, 0.1, 1, 2, 4, *([15] if is_long else [])]
        self._sizes = [int(size * 1_000_000) for size in sizes]
        self.lines: list[Line] = []
        self.growth: list[list[str]] = []

    def everything(self) -> None:
        self._start_up()
        netsh = self._make("netsh", self._n_events)
        self._headers(netsh)
        self._frame_headers()
        self._convert(netsh, "netsh")
        netsh.unlink()
        for kind in ("pktmon", "packed"):
            path = self._make(kind, self._n_events)
            self._convert(path, kind)
            if kind == "packed":
                self._unpack(path)
            path.unlink()
        self._grow()

    def _make(self, kind: str, n_events: int) -> Path:
        path = self._folder / f"{kind}-{n_events}.etl"
        made = run([sys.executable, HERE / "generate.py", kind, path, "--events", str(n_events)])
        with path.open("rb", buffering=0) as file:  # into the page cache
            while file.read(MIB):
                pass
        print(f"bench: made {_size(path)} in {made.seconds:.1f} s", file=sys.stderr)
        return path

    def _times(self, name: str, *arguments: str | Path) -> list[Run]:
        return [measure(name, *arguments) for _ in range(self._repeats)]

    def _writing(self, name: str, path: Path) -> list[Run]:
        """Runs that write a file, which is fresh each time."""
        out = self._folder / "out"
        runs = []
        for _ in range(self._repeats):
            runs.append(measure(name, path, out))
            out.unlink()
        return runs

    def _start_up(self) -> None:
        """Of the interpreter, its libraries and the first compiled loop, and of the compiler."""
        plain = [run([sys.executable, "-c", START_UP]).seconds for _ in range(self._repeats)]
        self._start_seconds = median(plain)
        self.lines.append(Line("start-up", f"`{START_UP}`", plain, "s"))
        small = self._make("packed", 2_000)
        cold: list[float] = []
        warm: list[float] = []
        for number in range(self._repeats):
            cache = str(self._folder / f"cache{number}")
            for times in (cold, warm):
                out = self._folder / "out"
                command = (sys.executable, HERE / "measure.py", "convert", small, out)
                times.append(run(command, NUMBA_CACHE_DIR=cache).seconds)
                out.unlink()
        compiling = [first - later for first, later in zip(cold, warm, strict=True)]
        self.lines.append(Line("compiling the kernels, once", "empty cache", compiling, "s"))
        small.unlink()

    def _headers(self, path: Path) -> None:
        whole = self._times("headers", path)
        warm = [one.figures["seconds"] for one in self._times("warm_headers", path)]
        n_events = whole[0].figures["n_events"]
        if shutil.which("cat") and shutil.which("wc"):
            # Through a pipe, as a program that reads it would get it.
            pipe = f"cat {shlex.quote(str(path))} | wc -c"
            cats = [run(["sh", "-c", pipe]).seconds for _ in range(self._repeats)]
            ratio = _at_most(median(warm) / median(cats), 2)
            self.lines.append(Line("headers, warm", _size(path), warm, "s", f"cat to wc: {_spread(cats)}", *ratio))
        self.lines.append(Line("headers, whole process", _size(path), [one.seconds for one in whole], "s"))
        few = self._make("netsh", self._few)
        rate = n_events / median(warm) / 1e6
        for name in ("etl_parser", "dissect"):
            theirs = measure(name, few).figures
            their_rate = theirs["n_events"] / theirs["seconds"] / 1e6
            reference = f"{name.replace('_', '-')}: {their_rate:.3f} M/s"
            rates = [n_events / one / 1e6 for one in warm]
            ratio = _at_least(rate / their_rate, 100)
            self.lines.append(Line("events a second", _size(path), rates, "M/s", reference, *ratio))
        few.unlink()

    def _frame_headers(self) -> None:
        """Against dpkt, which makes an object a header."""
        runs = [one.figures for one in self._times("frame_headers", str(2 * self._few))]
        theirs = measure("dpkt", str(self._few)).figures
        their_rate = theirs["n_frames"] / theirs["seconds"] / 1e6
        source = f"{runs[0]['n_frames'] / 1e6:g} M frames"
        rates = [one["n_frames"] / one["seconds"] / 1e6 for one in runs]
        ratio = _at_least(median(rates) / their_rate, 30)
        self.lines.append(Line("header columns of frames", source, rates, "M/s", f"dpkt: {their_rate:.3f} M/s", *ratio))
        rates = [one["n_frames"] / one["columns_seconds"] / 1e6 for one in runs]
        self.lines.append(Line("the same, with Protocol and Info as text", source, rates, "M/s"))

    def _convert(self, path: Path, kind: str) -> None:
        """Against copying as many bytes as are read: of a compressed recording, as it is when unpacked."""
        plain = path
        if kind == "packed":
            plain = self._make("netsh", self._n_events)
        copies = [one.figures["seconds"] for one in self._writing("copy", plain)]
        if plain != path:
            plain.unlink()
        runs = self._writing("convert", path)
        took = [one.seconds for one in runs]
        beyond = median(took) - self._start_seconds
        ratio = _at_most(beyond / median(copies), 3) if kind != "packed" else (f"{beyond / median(copies):.2f} ×",)
        reference = f"copying: {_spread(copies)} + start-up"
        self.lines.append(Line(f"convert, {kind}", _size(path), took, "s", reference, *ratio))
        if runs[0].peak_bytes:
            memory = [one.peak_bytes / MIB for one in runs]
            self.lines.append(Line(f"convert, {kind}: peak memory", _size(path), memory, "MiB"))

    def _unpack(self, path: Path) -> None:
        runs = [one.figures for one in self._times("unpack", path)]
        rates = [one["n_bytes"] / one["seconds"] / 1e6 for one in runs]
        copying = median(one["n_bytes"] / one["copy_seconds"] / 1e6 for one in runs)
        source = f"{_bytes(runs[0]['packed_bytes'])} XPRESS → {_bytes(runs[0]['n_bytes'])}"
        self.lines.append(Line(
            "unpacking, one core", source, rates, "MB/s", f"copying memory: {copying:,.0f} MB/s",
            f"{median(rates) / copying:.2f} ×", "≥ 400 MB/s", median(rates) >= 400,
        ))  # fmt: skip

    def _grow(self) -> None:
        """Time and memory by number of events; the memory is then split into what it is made of."""
        peaks: list[tuple[dict[str, float], float]] = []
        for size in self._sizes:
            path = self._make("netsh", size)
            whole = self._times("headers", path)
            warm = [one.figures["seconds"] for one in self._times("warm_headers", path)]
            converted = self._writing("convert", path)
            found = whole[0].figures
            peak = median(one.peak_bytes for one in whole)
            peaks.append((found, peak))
            writing = median(one.seconds for one in converted)
            writing_peak = median(one.peak_bytes for one in converted)
            self.growth.append([
                f"{size / 1e6:g} M", _bytes(path.stat().st_size), f"{found['n_buffers']:,.0f}",
                f"{found['n_slices']:.0f}", f"{median(warm):.3f} s", f"{median(warm) / size * 1e9:.0f} ns",
                f"{peak / MIB:.0f} MiB", f"{writing:.2f} s", f"{writing_peak / MIB:.0f} MiB",
            ])  # fmt: skip
            path.unlink()
        if peaks[0][1]:
            self._fit(peaks)

    def _fit(self, peaks: Sequence[tuple[dict[str, float], float]]) -> None:
        """Bytes an event of a slice from the recordings of one slice, bytes a buffer from those of several.

        What the slice's own buffers take (64 MiB at most, in the usual case) is measured and taken off first.
        """
        one = [(found["slice_events"], peak - found["arena_bytes"]) for found, peak in peaks if found["n_slices"] == 1]
        several = [(found["n_buffers"], peak - found["arena_bytes"]) for found, peak in peaks if found["n_slices"] > 8]
        if len(one) > 1:
            an_event, constant = _line(one)
            self.lines.append(Line(
                "memory: an event of a slice", f"{len(one)} recordings of one slice", [an_event], "bytes",
                f"and {constant / MIB:.0f} MiB at the start", "", "≤ 120 bytes", an_event <= 120,
            ))  # fmt: skip
        if len(several) > 1:
            a_buffer, _ = _line(several)
            self.lines.append(Line(
                "memory: a buffer", f"{len(several)} recordings of several slices", [a_buffer], "bytes",
                "", "", "≤ 64 bytes", a_buffer <= 64,
            ))  # fmt: skip
            first, last = several[0], several[-1]
            self.lines.append(Line(
                "memory: the largest recording", f"{last[0] / first[0]:.1f} × the buffers", [last[1] / first[1]], "×",
            ))  # fmt: skip


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and value at 0 of the straight line through `points` (least squares)."""
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return slope, mean_y - slope * mean_x


GROWTH_TITLES = [
    "events", "size", "buffers", "slices", "headers, warm", "an event", "peak", "convert, whole process", "peak",
]  # fmt: skip


def _bytes(n: float) -> str:
    return f"{n / 1e6:,.0f} MB" if n >= 1e6 else f"{n / 1e3:,.0f} kB"


def _size(path: Path) -> str:
    kind, n_events = path.stem.split("-")
    return f"{kind}, {int(n_events) / 1e6:g} M events, {_bytes(path.stat().st_size)}"


def machine() -> str:
    """What matters of this computer, and nothing that names it."""
    model = platform.processor() or platform.machine()
    memory = ""
    if sys.platform == "linux":
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        model = found[1] if found else model
        n_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        memory = f", {n_bytes / 2**30:.0f} GiB of memory"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    return (
        f"{os.cpu_count()} cores ({model}){memory}, {platform.system()}, "
        f"Python {platform.python_version()}, {libraries}"
    )


def _load() -> str:
    """What else ran on the machine when this began: figures taken beside other work are worth less."""
    if sys.platform == "win32":
        return "load not known"
    return f"load average {os.getloadavg()[0]:.1f} when it began"


def render_plain(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[k]) for row in (titles, *rows)) for k in range(len(titles))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, ["-" * width for width in widths], *rows)
    )


def write_page(bench: Bench, measured_on: str) -> None:
    """Put the tables between the marks of the page; what a person wrote around them stays."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = [
        f"Measured on: {measured_on}.",
        markdown(TITLES, [line.cells() for line in bench.lines]),
        "Growth (`netsh`):",
        markdown(GROWTH_TITLES, bench.growth),
    ]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(tables) + f"\n\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev.py bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=2_000_000, help="size of the main recordings")
    parser.add_argument("--quick", action="store_true", help="tiny inputs, one run each")
    parser.add_argument("--long", action="store_true", help="growth up to 15 million events (5 GB of disk)")
    parser.add_argument("--write-docs", action="store_true", help="write the tables of docs/reference/performance.md")
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder")
    given = parser.parse_args()
    if given.quick and given.write_docs:
        parser.error("the figures of --quick mean nothing: do not write them")
    load = _load()
    with tempfile.TemporaryDirectory(prefix="wnv-bench-", dir=given.folder) as folder:
        n_events = min(given.events, 20_000) if given.quick else given.events
        bench = Bench(Path(folder), n_events=n_events, is_quick=given.quick, is_long=given.long)
        bench.everything()
    measured_on = f"{machine()}; {load}"
    print(measured_on, end="\n\n")
    print(render_plain(TITLES, [line.cells() for line in bench.lines]), end="\n\n")
    print(render_plain(GROWTH_TITLES, bench.growth))
    if given.write_docs:
        write_page(bench, measured_on)
    return 0


if __name__ == "__main__":
    sys.exit(main())
