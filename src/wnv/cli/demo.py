"""`wnv demo`: the main job, done on a real recording that comes with wnv."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from wnv.cli.output import TextTable, bold


@click.command(epilog="\b\nExamples:\n  wnv demo\n  wnv demo -w demo.pcapng")
@click.option("-w", "--write", "out", metavar="OUT", help="Keep the converted capture here.")
def demo(out: str | None) -> int:
    """Show what a recording holds, convert it for Wireshark, and follow one packet from adapter to driver.

    The recording: a ping on a virtual machine in Azure, made with pktmon (microsoft/demikernel, MIT).
    """
    from wnv.cli.main import run
    from wnv.trace import open_trace, sample_path

    sample = sample_path()
    capture = str(Path(out).absolute()) if out else sample.with_suffix(".pcapng").name
    # The commands are shown as one would type them beside the recording, and so they are run there.
    with TemporaryDirectory(prefix="wnv-demo-") as folder, contextlib.chdir(folder):
        shutil.copyfile(sample, sample.name)
        for title, command in (
            ("What is in this recording, and what did it lose?", ["info", sample.name]),
            ("Hand every packet to Wireshark", ["convert", sample.name, "-w", capture]),
        ):
            click.echo(bold(f"\n# {title}"))
            click.echo(f"$ wnv {' '.join(command)}\n")
            code = run(command)
            if code:
                return code
        click.echo(bold("\n# Where did one packet go?"))
        with open_trace(sample.name) as trace:
            _follow(trace.longest_sightings())
    click.echo(f"\nKept: {out}" if out else "\nTo keep the capture: wnv demo -w demo.pcapng")
    return 0


def _follow(sightings: list[dict[str, object]]) -> None:
    """A packet's sightings, one below the other, with the time from each to the next."""
    first = sightings[0]
    click.echo(f"packet {first['packet']}: {first['summary']}, {first['original_bytes']} bytes\n")
    rows, before = [], None
    for one in sightings:
        ts_ns = int(str(one["ts_ns"]))
        delta = "" if before is None else f"+{(ts_ns - before) / 1000:.1f} µs"
        rows.append((str(one["appearance"]), delta, str(one["direction"]), str(one["point"]), str(one["description"])))
        before = ts_ns
    table = TextTable(["#", "Δ", "", "point", "where"], right=[True, True, False, False, False], indent="  ")
    for line in table.lines(rows):
        click.echo(line)
