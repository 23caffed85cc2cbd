"""`wnv convert`: the packets of a recording for Wireshark and its kin, or as a table for other tools."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter, compiled_filter, filter_option, tables_for
from wnv.cli.main import INTERRUPTED
from wnv.cli.output import (
    ProgressBar,
    TextTable,
    cache_option,
    exit_code,
    opened,
    say,
    stop_on_interrupt,
    strict_option,
    traces_argument,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.cli.results import raw_option
from wnv.errors import UsageError
from wnv.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wnv.export.capture import CaptureResult
    from wnv.pipeline.conversion import Chosen
    from wnv.pipeline.following import Followed
    from wnv.pipeline.one_clock import OneClock
    from wnv.trace import Trace

_SUFFIXES = (".pcapng", ".ntar")
_TABLES = (".parquet", ".csv", ".jsonl", ".json")
_POINTS_SHOWN = 20


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv convert trace.etl -w trace.pcapng\n"
    "  wnv convert trace.etl -w once.pcapng --once\n"
    "  wnv convert trace.etl -w quick.pcapng --plain\n"
    "  wnv convert trace.etl -w nic.pcapng --at eth:12 --at vNIC:Synthetic:6a8ea02a:12\n"
    "  wnv convert trace.etl -w web.pcapng -Y 'tcp.port in {80, 443}'\n"
    "  wnv convert trace.etl -w packets.parquet\n"
    "  wnv convert trace.etl -w - | wireshark -k -i -"
)
@traces_argument
@click.option(
    "-w", "--write", "out", metavar="OUT",
    help="File to write: .pcapng, or a table as .parquet, .csv, .jsonl; - is pcapng on standard output."
    " [default: TRACE.pcapng]",
)  # fmt: skip
@filter_option
@click.option(
    "--at",
    "points",
    metavar="POINT",
    multiple=True,
    help="Only what was seen at this point; may be repeated. `wnv info` lists the points.",
)
@click.option(
    "--once", is_flag=True,
    help="Each packet once: of a conversation all at one point; with --plain its first sighting (pktmon), or the one "
    "at the miniport (netsh).",
)  # fmt: skip
@click.option(
    "--plain", is_flag=True, help="Straight from the recording: without journeys, names and import, and quicker."
)
@click.option("--per-interface", is_flag=True, help="A file a point: OUT.<point>.pcapng.")
@raw_option
@cache_option
@strict_option
def convert(
    traces: tuple[Path, ...], out: str | None, expression: str, points: tuple[str, ...], once: bool,
    plain: bool, per_interface: bool, raw: bool, use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """Write the packets of a recording to a pcapng file, an interface a point where they were seen; or as a table.

    Every sighting is a packet of the file: the same packet shows at each adapter, filter and switch port it
    passed, which Wireshark takes for retransmissions. --once or --at give each packet once.

    Each packet says which journey it is part of (its packet id, and in its comment, with frame, hop and outcome);
    interfaces and addresses have the names of the virtual network. For that the recording is imported; --plain
    does without.
    """
    target = _target(traces, out)
    check_filter(expression, "observations")
    is_table = target != "-" and Path(target).suffix.lower() in _TABLES
    if is_table and (once or per_interface):
        raise UsageError(
            "--once and --per-interface are for pcapng files", advice="A table says which hop each row is."
        )
    bar = ProgressBar()
    is_asked = is_table or not plain or bool(expression.strip())  # of tables, which are imported for that
    source = with_tables(traces, bar, use_cache=use_cache) if is_asked else opened(traces, bar, use_cache=use_cache)
    with source as trace, stop_on_interrupt() as should_stop:
        if is_table:
            is_partial = _write_table(trace, target, expression, points, bar, should_stop, raw=raw)
        else:
            with _followed(trace, bar, is_wanted=not plain, choose=once) as told, bar.shown("Converting"):
                only = _chosen(trace, expression)
                from wnv.pipeline import CaptureOptions

                by = None if plain else _one_clock(trace)
                options = CaptureOptions(
                    points, is_once=once, per_interface=per_interface, only=only, told=told, by=by
                )  # fmt: skip
                result = trace.convert(target, options, should_stop=should_stop)
            places = told.places if told is not None else {}
            _report(trace, result, places, is_narrowed=bool(points or once or per_interface))
            for line in by.lines() if by is not None else ():
                say(line)
            if once and told is None and trace.scanned().capture.n_hosts > 1:
                say("Each packet shows once a host: which packets of two hosts are one, --plain does not find out.")
            is_partial = result.is_partial
        warn_of_losses(trace)
        if is_partial:
            return INTERRUPTED
        return exit_code(trace, strict=strict)


@contextmanager
def _followed(trace: Trace, bar: ProgressBar, *, is_wanted: bool, choose: bool) -> Iterator[Followed | None]:
    """What journeys say of sightings; None where that is not wanted, and of a recording without packets."""
    if not is_wanted or not trace.overview.n_packets:
        yield None
        return
    from wnv.pipeline.following import follow_sightings

    with bar.shown("Following packets"):
        n_hosts = trace.scanned().capture.n_hosts
        followed = follow_sightings(trace.dataset, choose=choose, keeps_all=n_hosts > 1)
    with followed:
        yield followed


def _one_clock(trace: Trace) -> OneClock | None:
    """The clocks of several hosts against each other; None of one host, or without packets."""
    if not trace.overview.n_packets or trace.scanned().capture.n_hosts == 1:
        return None
    from wnv.pipeline.one_clock import OneClock

    return OneClock.read(trace.stored(), trace.table("clocks").to_pylist())


def _chosen(trace: Trace, expression: str) -> Chosen | None:
    """The sightings that fit; None = all."""
    if not expression.strip():
        return None
    from wnv.packets.points import LINK_NAMES, Channel
    from wnv.pipeline.conversion import Chosen
    from wnv.sql.listing import BASE, Wanted, sightings_by_channel

    condition = compiled_filter(trace, expression, "observations")
    event_row, point, counts = sightings_by_channel(tables_for(trace, condition, BASE), Wanted(condition))
    numbers = {name: number for number, name in LINK_NAMES.items()}
    channels = {
        Channel(number, numbers[link] if link in numbers else int(link.removeprefix("link"))): n
        for (number, link), n in counts.items()
    }
    return Chosen(event_row, point, channels)


def _write_table(
    trace: Trace, target: str, expression: str, points: tuple[str, ...], bar: ProgressBar,
    should_stop: Callable[[], bool], *, raw: bool,
) -> bool:  # fmt: skip
    """A row a sighting; whether it was stopped before the end."""
    from wnv.export.tables import file_writer
    from wnv.export.target import Target
    from wnv.sql.listing import (
        BASE,
        COLUMNS,
        DERIVED,
        EVERY_COLUMN,
        Wanted,
        at_points,
        packet_batches,
        packet_schema,
    )  # fmt: skip

    suffix = Path(target).suffix.lower()
    condition = at_points(compiled_filter(trace, expression, "observations"), _known_points(trace, points))
    with bar.shown("Following packets"):
        tables = tables_for(trace, condition, (*BASE, *DERIVED))
    columns = EVERY_COLUMN if suffix == ".parquet" else COLUMNS
    n, is_partial = 0, False
    with Target(target, inputs=trace.scanned().inputs, is_binary=suffix == ".parquet") as file:
        writer = file_writer(file, suffix, packet_schema(tables, columns), raw=raw)
        for batch in packet_batches(tables, Wanted(condition), columns):
            writer.write(batch)
            n += batch.num_rows
            is_partial = should_stop()
            if is_partial:
                file.keep_partial()
                break
        writer.close()
    say(f"{target}: {counted(n, 'sighting')} of packets{' (partial: interrupted)' if is_partial else ''}")
    return is_partial


def _known_points(trace: Trace, names: tuple[str, ...]) -> list[str]:
    """Names of points as they are written in the recording. Raises `UsageError` for those that it does not have."""
    known = {point.name.lower(): point.name for point in trace.scanned().capture.points}
    for name in names:
        if name.lower() not in known:
            listed = ", ".join(list(known.values())[:_POINTS_SHOWN]) or "none"
            raise UsageError(f"no capture point {name!r} in this recording", advice=f"There are: {listed}.")
    return [known[name.lower()] for name in names]


def _target(traces: tuple[Path, ...], out: str | None) -> str:
    if out is None:
        default = Path(traces[0].with_suffix(".pcapng").name)
        if default.exists():
            raise UsageError(f"{default} exists", advice=f"Give -w {default} to replace it, or another name.")
        return str(default)
    path = Path(out)
    is_file = not path.exists() or path.is_file()  # else a pipe or a device, or a folder, which is refused later
    if out != "-" and is_file and path.suffix.lower() not in (*_SUFFIXES, *_TABLES):
        raise UsageError(
            f"{out}: wnv convert writes .pcapng, or tables as {', '.join(_TABLES)}",
            advice=f"Name it {path.with_suffix('.pcapng')}; for events use `wnv events --format`.",
        )
    return out


def _report(trace: Trace, result: CaptureResult, places: Mapping[str, str], *, is_narrowed: bool) -> None:
    rows = trace.scanned().capture.points
    for file in result.files:
        name = "standard output" if file.path == "-" else file.path
        partial = " (partial: interrupted)" if result.is_partial else ""
        seen = [channel for channel in file.channels if file.n_by_point.get(channel.point)]
        say(f"{name}: {counted(file.n_packets, 'packet')} seen at {counted(len(seen), 'point')}{partial}")
        table = TextTable(["", "", ""], right=[False, True, False], indent="  ")
        cells = [
            (point.name, f"{file.n_by_point[channel.point]:,}", places.get(point.name) or point.description)
            for channel in seen[:_POINTS_SHOWN]
            for point in (rows[channel.point],)
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
