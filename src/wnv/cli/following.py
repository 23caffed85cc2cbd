"""What the commands about journeys share: addresses, durations and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wnv.cli.filtering import compiled_filter, filter_option, tables_for
from wnv.cli.output import (
    ProgressBar,
    cache_option,
    inventory_option,
    say,
    strict_option,
    time_formatter,
    time_option,
    trace_argument,
)  # fmt: skip
from wnv.cli.results import Cells, format_option, raw_option, show_rows, write_rows
from wnv.text import counted, end_text, span_text, visible

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.arrays import I64
    from wnv.clock import TimeFormatter
    from wnv.trace import Trace

Row = Mapping[str, Any]
"""A row of a table, by name of the column."""

_SURE = 0.8
_F = TypeVar("_F", bound=Callable[..., Any])  # Any: click commands take what their options say


def list_options(of_what: str) -> Callable[[_F], _F]:
    """What every command takes that lists rows of a derived table: which, how many, in what form."""
    options = (
        trace_argument, filter_option, format_option,
        click.option("-c", "--count", type=click.IntRange(0), help=f"Stop after so many {of_what}."),
        raw_option, time_option, inventory_option, cache_option, strict_option,
    )  # fmt: skip

    def decorate(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def pair_text(row: Row, prefix: str = "") -> str:
    """`10.0.0.5:49152 → 10.0.0.7:80`; empty where the row has no addresses."""
    src, dst = (
        end_text(row[f"{prefix}{side}"], row[f"{prefix}{port}"]) for side, port in (("src", "sport"), ("dst", "dport"))
    )
    return f"{src} → {dst}" if src or dst else ""


def duration_text(ns: int | None) -> str:
    """`12.3 µs`; empty for null."""
    return "" if ns is None else span_text(ns)


def confidence_text(value: float | None) -> str:
    """Nothing where Windows states it; else `0.9`."""
    return "" if value is None or value >= 1 else f"{value:.2g}"


def clock_notes(opened: Trace) -> dict[str, str]:
    """How far the clocks of further hosts are off, a sentence a host; nothing where there is one."""
    if len(opened.overview.hosts) < 2:
        return {}
    rows: list[Row] = opened.table("clocks").to_pylist()
    first = str(rows[0]["host"])
    notes = {str(row["host"]): _clock_words(row, first) for row in rows}
    notes.pop(first)
    return notes


def _clock_words(row: Row, first: str) -> str:
    """`clock of NODE2 1.7 ms behind NODE1's, ± 7.3 µs, from 14 packets both saw`."""
    name = f"clock of {row['host']}"
    offset = row["offset_ns"]
    if offset is None:
        return f"{name} not known: {row['reason']}"
    ahead = f"{duration_text(abs(offset))} {'ahead of' if offset > 0 else 'behind'} {first}'s"
    words = [f"{name} {ahead}" if offset else f"{name} as {first}'s"]
    if row["error_ns"] is not None:
        words.append(f"± {duration_text(row['error_ns'])}")
    if row["rate_ppm"] is not None:
        words.append(f"and {abs(row['rate_ppm']):.3g} ppm {'faster' if row['rate_ppm'] > 0 else 'slower'}")
    words.append(f"from {counted(row['n_sent'] + row['n_received'], 'packet')} both saw")
    if row["confidence"] < _SURE:
        words.append(str(row["reason"]))
    return ", ".join(words)


def say_clocks(opened: Trace) -> None:
    """Say once by which clock times are, where several hosts were recorded."""
    for note in clock_notes(opened).values():
        say(visible(f"Times are by the first host's clock; {note}."))


def time_numbers(batch: pa.RecordBatch, name: str) -> I64:
    """A column of times as a formatter takes them."""
    import numpy as np

    from wnv.clock import NO_TIME

    numbers: I64 = batch.column(name).fill_null(NO_TIME).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def list_rows(
    opened: Trace, bar: ProgressBar, table: str, expression: str, count: int | None, form: str, time_style: str,
    headings: Sequence[str], right: Sequence[bool], cells: Callable[[TimeFormatter], Cells], *, raw: bool,
) -> int:  # fmt: skip
    """Show the rows of a derived table that a filter selects, or write them in a form for programs; how many.

    The second column is the time; its heading is the clock's.
    """
    from wnv.sql.following import select

    condition = compiled_filter(opened, expression, table, time_style)
    with bar.shown("Following packets"):
        tables = tables_for(opened, condition, (table,))
    found = select(tables, table, condition, count)
    if form != "table":
        return write_rows(found, found.schema, form, raw=raw)
    clock = time_formatter(opened.overview.sessions[0], time_style)
    aligned = list(right)
    aligned[1] = time_style in ("relative", "delta")
    n = show_rows(found, [headings[0], clock.header, *headings[2:]], cells(clock), right=aligned)
    say(clock.note)
    say_clocks(opened)
    return n
