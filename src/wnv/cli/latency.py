"""`wnv latency`: where packets spend their time inside the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter, compiled_filter, filter_option, tables_for
from wnv.cli.following import Row, duration_text, pair_text
from wnv.cli.output import (
    ProgressBar,
    TextTable,
    bold,
    cache_option,
    exit_code,
    inventory_option,
    say,
    strict_option,
    trace_argument,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.cli.results import format_option, raw_option, show_text, write_rows
from wnv.text import visible

if TYPE_CHECKING:
    from wnv.sql.following import Latencies

_HEADINGS = ("from", "to", "packets", "p50", "p95", "p99", "max", "worst journey")
_RIGHT = (False, False, True, True, True, True, True, True)
_COMPONENT_HEADINGS = ("component", *_HEADINGS[2:])
_COMPONENT_RIGHT = (False, *_RIGHT[2:])
_BAR_CHARACTERS = 40


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv latency trace.etl\n"
    "  wnv latency trace.etl -Y 'container == \"web\"'\n"
    "  wnv latency trace.etl --format csv > steps.csv"
)
@trace_argument
@filter_option
@format_option
@click.option("-c", "--count", type=click.IntRange(1), default=10, show_default=True, help="So many of the slowest.")
@raw_option
@inventory_option
@cache_option
@strict_option
def latency(
    trace: Path, expression: str, form: str, count: int, raw: bool, inventory: Path | None, use_cache: bool,
    strict: bool,
) -> int:  # fmt: skip
    """Show where time goes: from each point to the next, and over whole journeys, with the slowest of them.

    Formats for programs give the steps, a row a pair of points, in nanoseconds.
    """
    check_filter(expression, "hops")
    check_filter(expression, "journeys")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        from wnv.sql.following import latencies

        hops, journeys = (compiled_filter(opened, expression, name) for name in ("hops", "journeys"))
        with bar.shown("Following packets"):
            tables = {**tables_for(opened, hops, ("hops",)), **tables_for(opened, journeys, ("journeys",))}
        found = latencies(tables, hops, journeys, n_worst=count)
        is_empty = not (found.steps.num_rows or found.components.num_rows or found.histogram)
        if form == "table" and not is_empty:
            show_text(f"{line}\n" for line in _lines(found))
        elif form != "table":
            write_rows(found.steps.to_batches(), found.steps.schema, form, raw=raw)
        if is_empty or (form != "table" and not found.steps.num_rows):
            say("no packet was seen at two points")
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _lines(found: Latencies) -> Iterator[str]:
    steps = found.steps.to_pylist()
    yield bold("From point to point, most time in all first" if steps else "From point to point: no two that fit")
    table = TextTable(_HEADINGS, right=_RIGHT, indent="  ")
    yield from table.lines([
        (
            str(row["from_point"] or ""), str(row["point"] or ""), f"{row['n']:,}",
            *(duration_text(row[name]) for name in ("p50_ns", "p95_ns", "p99_ns", "max_ns")),
            str(row["worst_journey_id"]),
        )
        for row in steps
    ])  # fmt: skip
    yield ""
    yield bold("To each NIC, switch and part of the stack")
    table = TextTable(_COMPONENT_HEADINGS, right=_COMPONENT_RIGHT, indent="  ")
    yield from table.lines([
        (
            str(row["component"] or ""), f"{row['n']:,}",
            *(duration_text(row[name]) for name in ("p50_ns", "p95_ns", "p99_ns", "max_ns")),
            str(row["worst_journey_id"]),
        )
        for row in found.components.to_pylist()
    ])  # fmt: skip
    if found.histogram:
        yield ""
        yield bold("Whole journeys")
        yield from _bars(found.histogram)
    worst = found.worst.to_pylist()
    if worst:
        yield ""
        yield bold("The slowest")
        yield from _slowest(worst)


def _bars(histogram: Sequence[tuple[int, int]]) -> Iterator[str]:
    counts = dict(histogram)
    most = max(counts.values())
    low, high = min(counts), max(counts)
    while low <= high:
        n = counts.get(low, 0)
        bar = "█" * round(n / most * _BAR_CHARACTERS) or ("▏" if n else "")
        yield f"  {duration_text(low):>8} – {duration_text(2 * low):<8} {n:>9,}  {bar}".rstrip()
        low *= 2


def _slowest(worst: Sequence[Row]) -> Iterator[str]:
    for row in worst:
        packet = f"{row['protocol'] or ''} {pair_text(row)}".strip()
        yield visible(f"  {duration_text(row['transit_ns']):>8}  journey {row['journey_id']}  {packet}  {row['path']}")
