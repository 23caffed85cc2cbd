"""`wnv journeys`: the way of each packet, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter
from wnv.cli.following import confidence_text, duration_text, list_options, list_rows, time_numbers
from wnv.cli.output import (
    ProgressBar,
    exit_code,
    say,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.cli.results import Cells
from wnv.text import counted, end_text

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.clock import TimeFormatter

_HEADINGS = ("No.", "", "source", "destination", "protocol", "path", "hops", "total", "outcome", "sure")
_RIGHT = (True, False, False, False, False, False, True, True, False, False)


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv journeys trace.etl -c 20\n"
    "  wnv journeys trace.etl -Y 'container == \"web\" && tcp.port == 80'\n"
    "  wnv journeys trace.etl -Y 'outcome == \"dropped\"' --format jsonl"
)
@list_options("journeys")
def journeys(
    trace: Path, expression: str, form: str, count: int | None, raw: bool, time_style: str, inventory: Path | None,
    use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """List the journeys of packets through the host: where each came from, what it passed, and how it ended.

    "sure" is empty where Windows states it all; less than 1 says that something was inferred, which `wnv follow`
    explains. Formats for programs have all columns, with times in nanoseconds UTC.
    """
    check_filter(expression, "journeys")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        n = list_rows(opened, bar, "journeys", expression, count, form, time_style, _HEADINGS, _RIGHT, _cells, raw=raw)
        if not n:
            say(f"no journey fits; the recording has {counted(opened.dataset('journeys').count_rows(), 'journey')}")
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _cells(clock: TimeFormatter) -> Cells:
    def cells(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
        times = clock.format(time_numbers(batch, "first_ns"))
        rows: list[tuple[str, ...]] = []
        for time, row in zip(times, batch.to_pylist(), strict=True):
            outcome = f"dropped: {row['drop_reason']}" if row["drop_reason"] else row["outcome"]
            total = row["last_ns"] - row["first_ns"] if row["n_hops"] > 1 and row["last_ns"] is not None else None
            rows.append((
                str(row["journey_id"]), time, end_text(row["src"], row["sport"]), end_text(row["dst"], row["dport"]),
                row["protocol"] or "", row["path"], str(row["n_hops"]), duration_text(total), outcome,
                confidence_text(row["confidence"]),
            ))  # fmt: skip
        return rows

    return cells
