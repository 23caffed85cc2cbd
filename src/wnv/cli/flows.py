"""`wnv flows`: the conversations, both directions and both sides of a NAT in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter
from wnv.cli.following import duration_text, list_options, list_rows, pair_text, time_numbers
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

_HEADINGS = (
    "No.", "", "protocol", "conversation", "outside the NAT", "packets", "back", "bytes", "back", "again", "lost",
    "handshake", "transit",
)  # fmt: skip
_RIGHT = (True, False, False, False, False, True, True, True, True, True, True, True, True)


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv flows trace.etl\n"
    "  wnv flows trace.etl -Y 'tcp.port == 443'\n"
    "  wnv flows trace.etl --format csv > flows.csv"
)
@list_options("conversations")
def flows(
    trace: Path, expression: str, form: str, count: int | None, raw: bool, time_style: str, inventory: Path | None,
    use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """List the conversations: each packet counted once, however often it was seen, on both sides of a NAT.

    "again" counts TCP segments sent again, "lost" packets that were dropped or vanished inside the host; "transit" is
    the median time from a packet's first sighting to its last.
    """
    check_filter(expression, "flows")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        n = list_rows(opened, bar, "flows", expression, count, form, time_style, _HEADINGS, _RIGHT, _cells, raw=raw)
        if not n:
            say("no conversation" if not expression else "no conversation fits")
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _cells(clock: TimeFormatter) -> Cells:
    def cells(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
        times = clock.format(time_numbers(batch, "first_ns"))
        return [
            (
                str(row["flow_id"]), time, row["protocol"] or "", pair_text(row), pair_text(row, "outside_"),
                f"{row['n_packets']:,}", f"{row['n_packets_back']:,}", f"{row['n_bytes']:,}",
                f"{row['n_bytes_back']:,}", f"{row['n_retransmissions']:,}", f"{row['n_lost']:,}",
                duration_text(row["handshake_ns"]), duration_text(row["transit_ns"]),
            )
            for time, row in zip(times, batch.to_pylist(), strict=True)
        ]  # fmt: skip

    return cells
