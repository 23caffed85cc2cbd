"""`wnv drops`: where packets died, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter, compiled_filter, tables_for
from wnv.cli.following import Row, confidence_text, list_options, pair_text, time_numbers
from wnv.cli.output import (
    ProgressBar,
    bold,
    exit_code,
    say,
    time_formatter,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.cli.results import Cells, show_rows, show_text, write_rows
from wnv.text import counted, visible

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.clock import TimeFormatter
    from wnv.trace import Trace

_HEADINGS = ("No.", "", "packet", "protocol", "point", "reason", "rule", "journey", "sure")
_RIGHT = (True, False, False, False, False, False, False, True, False)


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv drops trace.etl\n"
    "  wnv drops trace.etl --each -Y 'drop.reason == \"mtu_mismatch\"'\n"
    "  wnv drops trace.etl --format csv > drops.csv"
)
@list_options("rows")
@click.option(
    "--group/--each", "is_grouped", default=None,
    help="By reason, place and rule, or a line a drop.  [default: groups for people, each for programs]",
)  # fmt: skip
def drops(
    trace: Path, expression: str, form: str, is_grouped: bool | None, count: int | None, raw: bool, time_style: str,
    inventory: Path | None, use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """List the packets that Windows says it dropped: why, where, by which rule, and what to do about it."""
    check_filter(expression, "drops")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        from wnv.sql.following import grouped_drops, select

        condition = compiled_filter(opened, expression, "drops", time_style)
        with bar.shown("Following packets"):
            tables = tables_for(opened, condition, ("drops",))
        by_group = form == "table" if is_grouped is None else is_grouped
        clock = time_formatter(opened.overview.sessions[0], time_style)
        if by_group:
            found = grouped_drops(tables, condition)
            found = found if count is None else found.slice(0, count)
            n = found.num_rows
            if form == "table":
                show_text(f"{line}\n" for line in _groups(found.to_pylist()))
            else:
                write_rows(found.to_batches(), found.schema, form, raw=raw)
        else:
            each = select(tables, "drops", condition, count)
            if form == "table":
                right = list(_RIGHT)
                right[1] = time_style in ("relative", "delta")
                n = show_rows(each, [_HEADINGS[0], clock.header, *_HEADINGS[2:]], _cells(clock), right=right)
                say(clock.note)
            else:
                n = write_rows(each, each.schema, form, raw=raw)
        if not n:
            _explain_nothing(opened)
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _groups(groups: Sequence[Row]) -> Iterator[str]:
    for number, group in enumerate(groups):
        if number:
            yield ""
        yield bold(visible(f"{group['n_drops']:,} × {group['drop_reason']}{_code_text(group['drop_reason_code'])}"))
        places = [
            group["point"], group["nic"], f"switch {group['vswitch']}" if group["vswitch"] else None,
            _port_text(group["port"]),
        ]  # fmt: skip
        lines = [
            ("at", ", ".join(dict.fromkeys(str(place) for place in places if place))),
            ("in", group["drop_location"]),
            ("by", group["rule"]),
            ("as", _example(group)),
            ("do", group["advice"]),
        ]
        for label, text in lines:
            if text:
                yield visible(f"  {label}  {text}")


def _code_text(code: int | None) -> str:
    """The number of a reason; an NTSTATUS as everybody writes it."""
    if code is None:
        return ""
    return f" ({code})" if code < 0x10000 else f" (0x{code:08x})"


def _port_text(port: str | None) -> str | None:
    """`port 3f2a…`; names that speak of a port themselves stay as they are."""
    return f"port {port}" if port and "port" not in port.split() else port


def _example(group: Row) -> str:
    parts = [f"{group['protocol'] or ''} {pair_text(group)}".strip()]
    if group["journey_id"] is not None:
        parts.append(f"journey {group['journey_id']}")
    if group["frame_id"] is not None:
        parts.append(f"frame {group['frame_id']}")
    return ", ".join(part for part in parts if part)


def _cells(clock: TimeFormatter) -> Cells:
    def cells(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
        times = clock.format(time_numbers(batch, "ts_ns"))
        return [
            (
                str(row["drop_id"]), time, pair_text(row), row["protocol"] or "", row["point"] or "",
                row["drop_reason"], row["rule"] or "", "" if row["journey_id"] is None else str(row["journey_id"]),
                confidence_text(row["confidence"]),
            )
            for time, row in zip(times, batch.to_pylist(), strict=True)
        ]  # fmt: skip

    return cells


def _explain_nothing(opened: Trace) -> None:
    n = opened.dataset("drops").count_rows()
    if n:
        say(f"no drop fits; the recording has {counted(n, 'drop')}")
    else:
        say("Windows reports no dropped packet in this recording; `wnv explain` says what it could not have seen")
