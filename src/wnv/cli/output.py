"""What the commands share: options, progress, tables, and how values become cells."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from wnv.cli.main import LOST
from wnv.errors import UsageError
from wnv.text import counted, csv_cell, json_escaped, visible

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from wnv.clock import TimeFormatter
    from wnv.etl.reader import Progress
    from wnv.overview import SessionOverview
    from wnv.trace import Trace

_F = TypeVar("_F", bound=Callable[..., Any])  # Any: click commands take what their options say
_ROWS_MEASURED = 500
_COLUMN_MAX = 60

traces_argument = click.argument("traces", metavar="TRACE...", nargs=-1, required=True, type=click.Path(path_type=Path))
trace_argument = click.argument("trace", metavar="TRACE", type=click.Path(path_type=Path))
time_option = click.option(
    "--time",
    "time_style",
    type=click.Choice(["host", "utc", "local", "relative", "delta"]),
    default="host",
    show_default=True,
    help="Show times in the recorded host's zone, UTC, this computer's zone, since the start, since the row before.",
)
inventory_option = click.option(
    "--inventory", metavar="FILE", type=click.Path(path_type=Path),
    help="What is known of the host, in JSON. [default: NAME.inventory.json beside NAME.etl]",
)  # fmt: skip
jobs_option = click.option(
    "--jobs", metavar="N", type=click.IntRange(1, 64), help="Threads to keep busy. [default: as many as processors]"
)
cache_option = click.option(
    "--cache/--no-cache", "use_cache", default=True,
    help="Keep what is imported for the next command, or remove it at the end.  [default: cache]",
)  # fmt: skip
strict_option = click.option("--strict", is_flag=True, help="Exit with 3 if data was lost, or could not be read.")


def window_options(command: _F) -> _F:
    """`--from` and `--to`."""
    forms = "A time of day, a date and time, 12.5 (seconds from the start), -30s (before the end), or ns UTC."
    command = click.option("--to", "to_text", metavar="TIME", help="Only what is before this time.")(command)
    return click.option("--from", "from_text", metavar="TIME", help=f"Only what is at or after this time. {forms}")(
        command
    )


class ProgressBar:
    """Takes progress; a bar on stderr, if that is a terminal, shows it while inside `shown`, and then vanishes.

    Print nothing while it is there.
    """

    def __init__(self) -> None:
        self._update: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._update is not None:
            self._update(done, total)

    @contextmanager
    def shown(self, doing: str, unit: str = "") -> Iterator[None]:
        """With `unit`, what is counted, the bar tells the rate, too."""
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(),
            *([_rate_column(unit)] if unit else []), TimeRemainingColumn(),
        )  # fmt: skip
        # Redirected, what goes to standard output would end on stderr.
        bar = Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
        )
        with bar:
            task = bar.add_task(doing, total=None)
            self._update = lambda done, total: bar.update(task, completed=done, total=total)
            try:
                yield
            finally:
                self._update = None


def _rate_column(unit: str) -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} {unit}/s" if speed else "")

    return RateColumn()


@contextmanager
def opened(
    paths: Sequence[Path],
    bar: ProgressBar | None = None,
    *,
    inventory: Path | None = None,
    use_cache: bool = True,
    jobs: int | None = None,
) -> Iterator[Trace]:
    """The recording at `paths` after its first pass; `bar` gets the progress of what follows, too."""
    from wnv.trace import open_trace

    bar = bar or ProgressBar()
    jobs = jobs or os.cpu_count() or 1
    with open_trace(*paths, progress=bar, inventory=inventory, use_cache=use_cache, jobs=jobs) as trace:
        with bar.shown("Reading"):
            trace.scanned()
        yield trace


@contextmanager
def with_tables(
    paths: Sequence[Path],
    bar: ProgressBar | None = None,
    *,
    inventory: Path | None = None,
    use_cache: bool = True,
    jobs: int | None = None,
) -> Iterator[Trace]:
    """The recording at `paths` with its base tables; says so where it has to be imported for that."""
    bar = bar or ProgressBar()
    with opened(paths, bar, inventory=inventory, use_cache=use_cache, jobs=jobs) as trace:
        if trace.needs_import():
            say(f"importing {trace.overview.source} ({counted(trace.overview.n_events, 'event')})")
            with bar.shown("Importing", unit="events"):
                trace.stored()
        yield trace


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """While inside, Ctrl-C is noted instead of raised, so that files can be ended; a second one is raised."""
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def say(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(visible(text), err=True)


def exit_code(trace: Trace, *, strict: bool) -> int:
    """3 if asked to be strict and something is missing or broken."""
    overview = trace.overview
    return LOST if strict and (overview.is_damaged or not overview.is_complete) else 0


def warn_of_losses(trace: Trace) -> None:
    """What the recording lost, on stderr: every command that shows a part of it says so."""
    for line in trace.overview.losses():
        say(f"lost: {line}")
    damage = [row for row in trace.overview.diagnostics if row.kind.severity.value == "damage"]
    for row in damage:
        say(f"damage: {row.kind.text} ({row.count:,}×{f'; {row.detail}' if row.detail else ''})")


def time_formatter(session: SessionOverview, style: str) -> TimeFormatter:
    """Times in the zone of the session's host, or as `style` says."""
    from wnv.clock import TimeFormatter, TimeStyle

    return TimeFormatter(TimeStyle(style), session.zone, session.row["start_ns"] or 0)


def time_parser(trace: Trace, style: str) -> Callable[[str], int]:
    """What reads a time that was typed, to ns UTC: in the zone of the recording's host, or as `style` says."""
    from wnv.clock import TimeStyle, parse_time

    session = trace.overview.sessions[0]
    start = session.row["start_ns"] or 0
    end = session.row["end_ns"] or session.row["last_event_ns"]
    return lambda text: parse_time(text, zone=session.zone, start_ns=start, end_ns=end, style=TimeStyle(style))


def time_window(trace: Trace, style: str, from_text: str | None, to_text: str | None) -> tuple[int | None, int | None]:
    """`--from` and `--to` in ns UTC."""
    read = time_parser(trace, style)

    def parse(text: str | None) -> int | None:
        return None if text is None else read(text)

    window = parse(from_text), parse(to_text)
    if window[0] is not None and window[1] is not None and window[0] >= window[1]:
        raise UsageError(
            f"nothing is at or after {from_text!r} and before {to_text!r}", advice="Give --to a later time than --from."
        )
    return window


# --- rows ---------------------------------------------------------------------------------------------


def is_coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if is_coloured(sys.stdout) else text


class TextTable:
    """Aligned columns for people, streamed: widths are those of the first rows; longer cells push on."""

    def __init__(self, headings: Sequence[str], *, right: Sequence[bool], indent: str = "") -> None:
        self._headings, self._right, self._indent = headings, right, indent
        self._widths: list[int] = []

    def lines(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """The rows, below the headings the first time."""
        cells = [[visible(cell) for cell in row] for row in rows]
        if not self._widths:
            measured = [list(self._headings), *cells[:_ROWS_MEASURED]]
            self._widths = [min(_COLUMN_MAX, max(map(_width, column))) for column in zip(*measured, strict=True)]
            if any(self._headings):
                yield bold(self._line(self._headings))
        for row in cells:
            yield self._line(row)

    def _line(self, row: Sequence[str]) -> str:
        parts = []
        for cell, width, right in zip(row, self._widths, self._right, strict=True):
            space = " " * max(0, width - _width(cell))
            parts.append(space + cell if right else cell + space)
        return (self._indent + "  ".join(parts)).rstrip()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def write_jsonl(stream: TextIO, names: Sequence[str], rows: Iterator[tuple[object, ...]]) -> None:
    """A JSON object a line."""
    stream.writelines(json_text(dict(zip(names, row, strict=True))) + "\n" for row in rows)


class CsvWriter:
    """CSV with a header. Cells that a spreadsheet would run as formulas get an apostrophe, unless `raw`."""

    def __init__(self, stream: TextIO, names: Sequence[str], *, raw: bool) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(names)
        self._raw = raw

    def write(self, rows: Iterator[tuple[object, ...]]) -> None:
        if self._raw:
            self._writer.writerows(rows)
            return
        self._writer.writerows([csv_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)


def json_text(value: object, indent: int | None = None) -> str:
    """JSON that a terminal can show: characters that are not drawn are escaped, all others stand as they are."""
    return json_escaped(json.dumps(value, indent=indent, ensure_ascii=False))


def print_json(value: object) -> None:
    click.echo(json_text(value, indent=2))
