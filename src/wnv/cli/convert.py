"""`wnv convert`: the packets of a recording for Wireshark and its kin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.main import INTERRUPTED
from wnv.cli.output import (
    ProgressBar,
    TextTable,
    exit_code,
    opened,
    say,
    stop_on_interrupt,
    strict_option,
    traces_argument,
    warn_of_losses,
)  # fmt: skip
from wnv.errors import UsageError
from wnv.text import counted

if TYPE_CHECKING:
    from wnv.export.capture import CaptureResult
    from wnv.trace import Trace

_SUFFIXES = (".pcapng", ".ntar")
_POINTS_SHOWN = 20


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv convert trace.etl -w trace.pcapng\n"
    "  wnv convert trace.etl -w once.pcapng --once\n"
    "  wnv convert trace.etl -w nic.pcapng --at eth:12 --at vNIC:Synthetic:6a8ea02a:12\n"
    "  wnv convert trace.etl -w - | wireshark -k -i -"
)
@traces_argument
@click.option(
    "-w", "--write", "out", metavar="OUT", help="File to write; - is standard output. [default: TRACE.pcapng]"
)
@click.option(
    "--at",
    "points",
    metavar="POINT",
    multiple=True,
    help="Only what was seen at this point; may be repeated. `wnv info` lists the points.",
)
@click.option(
    "--once", is_flag=True, help="Each packet once: its first sighting (pktmon), or the one at the miniport (netsh)."
)
@click.option("--per-interface", is_flag=True, help="A file a point: OUT.<point>.pcapng.")
@strict_option
def convert(
    traces: tuple[Path, ...], out: str | None, points: tuple[str, ...], once: bool, per_interface: bool, strict: bool
) -> int:
    """Write the packets of a recording to a pcapng file, an interface a point where they were seen.

    Every sighting is a packet of the file: the same packet shows at each adapter, filter and switch port it
    passed, which Wireshark takes for retransmissions. --once or --at give each packet once.
    """
    target = _target(traces, out)
    from wnv.pipeline import CaptureOptions

    options = CaptureOptions(points, is_once=once, per_interface=per_interface)
    bar = ProgressBar()
    with opened(traces, bar) as trace, stop_on_interrupt() as should_stop:
        with bar.shown("Converting"):
            result = trace.convert(target, options, should_stop=should_stop)
        _report(trace, result, is_narrowed=bool(points or once or per_interface))
        warn_of_losses(trace)
        if result.is_partial:
            return INTERRUPTED
        return exit_code(trace, strict=strict)


def _target(traces: tuple[Path, ...], out: str | None) -> str:
    if out is None:
        default = Path(traces[0].with_suffix(".pcapng").name)
        if default.exists():
            raise UsageError(f"{default} exists", advice=f"Give -w {default} to replace it, or another name.")
        return str(default)
    path = Path(out)
    is_file = not path.exists() or path.is_file()  # else a pipe or a device, or a folder, which is refused later
    if out != "-" and is_file and path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{out}: wnv convert writes .pcapng",
            advice=f"Name it {path.with_suffix('.pcapng')}; for CSV or JSON lines of events use `wnv events --format`.",
        )
    return out


def _report(trace: Trace, result: CaptureResult, *, is_narrowed: bool) -> None:
    rows = trace.scanned().capture.points
    for file in result.files:
        name = "standard output" if file.path == "-" else file.path
        partial = " (partial: interrupted)" if result.is_partial else ""
        seen = [channel for channel in file.channels if file.n_by_point.get(channel.point)]
        say(f"{name}: {counted(file.n_packets, 'packet')} seen at {counted(len(seen), 'point')}{partial}")
        table = TextTable(["", "", ""], right=[False, True, False], indent="  ")
        cells = [
            (rows[channel.point].name, f"{file.n_by_point[channel.point]:,}", rows[channel.point].description)
            for channel in seen[:_POINTS_SHOWN]
        ]
        for line in table.lines(cells):
            say(line)
        if len(seen) > _POINTS_SHOWN:
            say(f"  … and {len(seen) - _POINTS_SHOWN} more")
        if file.n_without_time:
            say(f"  {file.n_without_time:,} of them have no usable time and stand at 1970")
    for why, n in result.left_out.items():
        say(f"left out: {n:,} {why}")
    if not is_narrowed and any(len(file.channels) > 1 for file in result.files):
        say("A packet shows at each point it passed; --once or --at POINT avoid Wireshark's false retransmissions.")
