"""`wnv nat`: the NAT sessions, inside and outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter
from wnv.cli.following import confidence_text, list_options, list_rows, pair_text, time_numbers
from wnv.cli.output import (
    ProgressBar,
    exit_code,
    say,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.cli.results import Cells

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.clock import TimeFormatter

_HEADINGS = ("No.", "", "protocol", "inside", "outside", "packets", "kind", "compartment", "sure")
_RIGHT = (True, False, False, False, False, True, False, True, False)


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv nat trace.etl\n"
    "  wnv nat trace.etl -Y 'ip.addr == 172.20.1.5'\n"
    "  wnv nat trace.etl --format json"
)
@list_options("sessions")
def nat(
    trace: Path, expression: str, form: str, count: int | None, raw: bool, time_style: str, inventory: Path | None,
    use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """List the NAT sessions: what addresses and ports inside became outside, as WinNat stated or as packets show.

    "sure" is empty where WinNat states the session; less than 1 says that it was inferred from packets.
    """
    check_filter(expression, "nat_sessions")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        n = list_rows(
            opened, bar, "nat_sessions", expression, count, form, time_style, _HEADINGS, _RIGHT, _cells, raw=raw
        )
        if not n:
            say("no NAT session" if not expression else "no NAT session fits")
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _cells(clock: TimeFormatter) -> Cells:
    def cells(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
        times = clock.format(time_numbers(batch, "first_ns"))
        return [
            (
                str(row["nat_id"]), time, row["protocol"] or "", pair_text(row, "inside_"), pair_text(row, "outside_"),
                f"{row['n_packets']:,}", row["kind"], "" if row["compartment"] is None else str(row["compartment"]),
                confidence_text(row["confidence"]),
            )
            for time, row in zip(times, batch.to_pylist(), strict=True)
        ]  # fmt: skip

    return cells
