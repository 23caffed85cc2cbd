"""`wnv packets`: the sightings of packets, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter, compiled_filter, filter_option, tables_for
from wnv.cli.output import (
    ProgressBar,
    cache_option,
    exit_code,
    inventory_option,
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
from wnv.cli.results import Cells, format_option, raw_option, show_rows, write_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.clock import TimeFormatter
    from wnv.trace import Trace

_HEADINGS = ("No.", "", "source", "destination", "protocol", "length", "info", "point", "", "hop", "verdict")
_RIGHT = (True, False, False, False, False, True, False, False, False, True, False)


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv packets trace.etl -c 20\n"
    "  wnv packets trace.etl -Y 'ip.addr == 10.0.0.5 && tcp.port == 80'\n"
    "  wnv packets trace.etl -Y 'drop' --time relative\n"
    "  wnv packets trace.wnv -Y 'point contains vmswitch && dns' --format jsonl"
)
@trace_argument
@filter_option
@format_option
@click.option("-c", "--count", type=click.IntRange(0), help="Stop after so many packets.")
@click.option(
    "--hops/--no-hops", "with_hops", default=True,
    help="Follow each packet and say which hop of its journey this is, or leave that out.  [default: hops]",
)  # fmt: skip
@raw_option
@window_options
@time_option
@inventory_option
@cache_option
@strict_option
def packets(
    trace: Path, expression: str, form: str, count: int | None, with_hops: bool, raw: bool, from_text: str | None,
    to_text: str | None, time_style: str, inventory: Path | None, use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """List the packets of a recording, in order of time: each sighting, with the point where it was seen.

    The same packet shows at every point it passed: "hop 2/5" is the second of five places where it was seen, the
    verdict is why it was dropped there, or how its journey ended. Formats for programs have times in nanoseconds UTC.
    """
    check_filter(expression, "observations")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        from wnv.sql.listing import BASE, DERIVED, Wanted, packet_batches, packet_schema

        condition = compiled_filter(opened, expression, "observations", time_style)
        window = time_window(opened, time_style, from_text, to_text)
        with bar.shown("Following packets"):
            tables = tables_for(opened, condition, (*BASE, *(DERIVED if with_hops else ())))
        batches = packet_batches(tables, Wanted(condition, *window, count))
        if form == "table":
            clock = time_formatter(opened.overview.sessions[0], time_style)
            n = show_rows(batches, _headings(clock, with_hops=with_hops), _cells(clock, with_hops=with_hops),
                          right=_right(time_style, with_hops=with_hops))  # fmt: skip
            say(clock.note)
        else:
            n = write_rows(batches, packet_schema(tables), form, raw=raw)
        if not n:
            _explain_nothing(opened)
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _shown(cells: Sequence[str | bool], *, with_hops: bool) -> list[str | bool]:
    """Without the column of hops, if they are not asked for."""
    return [cell for place, cell in enumerate(cells) if with_hops or _HEADINGS[place] != "hop"]


def _headings(clock: TimeFormatter, *, with_hops: bool) -> list[str]:
    return [str(one) for one in _shown([_HEADINGS[0], clock.header, *_HEADINGS[2:]], with_hops=with_hops)]


def _right(time_style: str, *, with_hops: bool) -> list[bool]:
    is_number = time_style in ("relative", "delta")
    return [bool(one) for one in _shown([_RIGHT[0], is_number, *_RIGHT[2:]], with_hops=with_hops)]


def _cells(clock: TimeFormatter, *, with_hops: bool) -> Cells:
    import numpy as np

    from wnv.clock import NO_TIME

    def cells(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
        def texts(name: str) -> list[str]:
            return ["" if value is None else str(value) for value in batch.column(name).to_pylist()]

        times = clock.format(batch.column("ts_ns").fill_null(NO_TIME).to_numpy(zero_copy_only=False).astype(np.int64))
        verdicts = [
            f"dropped: {reason}" if dropped else ""
            for dropped, reason in zip(batch.column("is_drop").to_pylist(), texts("drop_reason"), strict=True)
        ]
        if with_hops:
            ends = zip(verdicts, texts("outcome"), texts("outcome_reason"), strict=True)
            verdicts = [here or (f"{outcome}: {reason}" if reason else outcome) for here, outcome, reason in ends]
        columns = [
            texts("number"), times, texts("src"), texts("dst"), texts("protocol"), texts("original_bytes"),
            texts("info"), texts("point"), texts("direction"),
        ]  # fmt: skip
        if with_hops:
            ways = zip(texts("hop"), texts("n_hops"), strict=True)
            columns.append([f"{hop}/{n_hops}" if hop else "" for hop, n_hops in ways])
        return list(zip(*columns, verdicts, strict=True))

    return cells


def _explain_nothing(trace: Trace) -> None:
    if trace.overview.n_packets:
        say(f"no packet fits; the recording has {trace.overview.n_packets:,} sightings of packets")
    else:
        say(f"no packets: {trace.overview.why_no_packets()}")
