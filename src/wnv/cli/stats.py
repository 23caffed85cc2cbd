"""`wnv stats`: how many packets, bytes and events, and when, where, from whom."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter, compiled_filter, filter_option, tables_for
from wnv.cli.output import (
    TextTable,
    bold,
    cache_option,
    exit_code,
    json_text,
    say,
    strict_option,
    time_formatter,
    time_option,
    time_window,
    trace_argument,
    warn_of_losses,
    window_options,
    with_tables,
)  # fmt: skip
from wnv.cli.results import format_option, is_number, raw_option, show_text, write_rows
from wnv.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.clock import TimeFormatter
    from wnv.sql.statistics import Statistics

_SECTIONS = ("time", "point", "provider", "protocol", "talker")
_TITLES = {
    "time": "Over time", "point": "Points", "provider": "Providers", "protocol": "Protocols",
    "talker": "Pairs of addresses",
}  # fmt: skip
_HEADINGS = {
    "start_ns": "from", "n_events": "events", "n_packets": "packets", "n_bytes": "bytes", "n_drops": "dropped",
    "n_payload_bytes": "payload bytes", "n_packets_ab": "packets a → b", "n_packets_ba": "b → a",
    "n_bytes_ab": "bytes a → b", "n_bytes_ba": "b → a", "first_ns": "first", "last_ns": "last", "provider_guid": "GUID",
}  # fmt: skip
_BAR_CHARACTERS = 30


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv stats trace.etl\n"
    "  wnv stats trace.etl -Y 'tcp.port == 443' --by talker\n"
    "  wnv stats trace.etl --by time --interval 1 --format csv > per-second.csv"
)
@trace_argument
@filter_option
@click.option(
    "--by", "sections", type=click.Choice(_SECTIONS), multiple=True, help="Only this; may be repeated. [default: all]"
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(1e-9),
    help="Length of the steps of time.  [default: fitting]",
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(1),
    help="Only the first so many of each.  [default: 20; all for programs]",
)
@format_option
@raw_option
@window_options
@time_option
@cache_option
@strict_option
def stats(
    trace: Path, expression: str, sections: tuple[str, ...], interval: float | None, top: int | None, form: str,
    raw: bool, from_text: str | None, to_text: str | None, time_style: str, use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """Count packets, bytes and events: over time, by point, provider, protocol, and pair of addresses.

    A packet counts at each point where it was seen; bytes are those of whole packets. With -Y only the packets that fit
    count, and the events that logged them.
    """
    if form in ("csv", "jsonl") and len(sections) != 1:
        raise UsageError(f"--format {form} holds one table", advice=f"Choose it: --by {'|'.join(_SECTIONS)}.")
    check_filter(expression, "observations")
    with with_tables([trace], use_cache=use_cache) as opened:
        from wnv.sql.statistics import BASE, Statistics, Wanted

        packets = compiled_filter(opened, expression, "observations", time_style)
        events = compiled_filter(opened, expression, "events", time_style)
        wanted = Wanted(packets, events, *time_window(opened, time_style, from_text, to_text))
        clock = time_formatter(opened.overview.sessions[0], time_style)
        tables = {**tables_for(opened, packets, BASE), **tables_for(opened, events)}
        interval_ns = None if interval is None else max(1, round(interval * 1e9))
        with Statistics(tables, wanted) as counted:
            rows = {name: _rows(counted, name, interval_ns, top, form) for name in sections or _SECTIONS}
        if form == "table":
            show_text(line + "\n" for line in _lines(rows, clock))
            say(clock.note)
        elif form == "json":
            sys.stdout.write(json_text({name: table.to_pylist() for name, table in rows.items()}, indent=2) + "\n")
        else:
            table = rows[sections[0]]
            write_rows(table.to_batches(), table.schema, form, raw=raw)
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _rows(counted: Statistics, name: str, interval_ns: int | None, top: int | None, form: str) -> pa.Table:
    found = counted.rows(name, interval_ns=interval_ns)
    limit = top or (20 if form == "table" and name != "time" else None)
    return found if limit is None else found.slice(0, limit)


def _lines(rows: dict[str, pa.Table], clock: TimeFormatter) -> Iterator[str]:
    for number, (name, table) in enumerate(rows.items()):
        if number:
            yield ""
        yield bold(_TITLES[name] + (f", {clock.header.removeprefix('time ')}" if name == "time" else ""))
        columns = [_cells(table, column, clock) for column in table.column_names]
        headings = [_HEADINGS.get(column, column) for column in table.column_names]
        right = [is_number(kind) and not column.endswith("_ns") for column, kind in zip(
            table.column_names, table.schema.types, strict=True)]  # fmt: skip
        if name == "time":
            columns.append(_bars(table))
            headings.append("")
            right.append(False)
        yield from TextTable(headings, right=right, indent="  ").lines(list(zip(*columns, strict=True)))


def _cells(table: pa.Table, name: str, clock: TimeFormatter) -> list[str]:
    import numpy as np

    from wnv.clock import NO_TIME

    column = table.column(name)
    if name.endswith("_ns"):
        return clock.format(column.fill_null(NO_TIME).to_numpy().astype(np.int64))
    return ["" if one is None else f"{one:,}" if isinstance(one, int) else str(one) for one in column.to_pylist()]


def _bars(table: pa.Table) -> list[str]:
    """Packets of each step, or events where there are no packets, beside the most of them."""
    counts: list[int] = table.column("n_packets").to_pylist()
    if not any(counts):
        counts = table.column("n_events").to_pylist()
    most = max(counts, default=0) or 1
    return ["█" * round(count / most * _BAR_CHARACTERS) for count in counts]
