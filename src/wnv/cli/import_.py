"""`wnv import`: a recording to a trace folder."""

from __future__ import annotations

from pathlib import Path

import click

from wnv.cli.output import (
    ProgressBar,
    exit_code,
    inventory_option,
    jobs_option,
    opened,
    say,
    strict_option,
    traces_argument,
    warn_of_losses,
)  # fmt: skip
from wnv.text import counted


@click.command(
    "import",
    epilog="\b\nExamples:\n"
    "  wnv import trace.etl -w trace.wnv\n"
    "  wnv import folder/ -w case.wnv --inventory host.inventory.json",
)
@traces_argument
@click.option(
    "-w", "--write", "out", metavar="NAME.wnv", type=click.Path(path_type=Path),
    help="Folder to write. [default: TRACE.wnv]",
)  # fmt: skip
@click.option(
    "--derived", is_flag=True, help="Make the derived tables, too, which else the first command that needs them makes."
)
@click.option("--force", is_flag=True, help="Replace the trace folder that is there already.")
@inventory_option
@jobs_option
@strict_option
def import_(
    traces: tuple[Path, ...],
    out: Path | None,
    derived: bool,
    force: bool,
    inventory: Path | None,
    jobs: int | None,
    strict: bool,
) -> int:
    """Write a recording to a trace folder: its tables as Parquet files, which all commands take in its place.

    Other tools read them, too: DuckDB, pandas, polars, Spark. The folder is there once all of it is written; what
    is interrupted leaves nothing. docs/formats/trace-folder.md says what is in it.
    """
    from wnv.trace import open_trace

    if out is None:
        out = Path(f"{traces[0].resolve().stem}.wnv")
    bar = ProgressBar()
    with opened(traces, bar, inventory=inventory, jobs=jobs) as trace:
        with bar.shown("Importing", unit="events"):
            trace.save(out, overwrite=force)
        if derived:
            with open_trace(out, progress=bar, jobs=jobs or 1) as written, bar.shown("Following packets"):
                written.datasets()
        n_packets = trace.overview.n_packets
        say(f"{out}: {counted(trace.overview.n_events, 'event')}, {counted(n_packets, 'sighting')} of packets")
        warn_of_losses(trace)
        return exit_code(trace, strict=strict)
