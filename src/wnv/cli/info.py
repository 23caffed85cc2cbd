"""`wnv info`: what is in this recording, and what did it lose?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wnv.cli.output import (
    TextTable,
    bold,
    exit_code,
    opened,
    print_json,
    strict_option,
    time_formatter,
    time_option,
    traces_argument,
)  # fmt: skip
from wnv.text import counted, visible

if TYPE_CHECKING:
    from wnv.overview import AdapterDetails, Overview, ProviderCount, SessionOverview
    from wnv.providers.capture_rules import CaptureRules
    from wnv.topology.coverage import Coverage
    from wnv.trace import Trace

_EVENTS_SHOWN = 12
_POINTS_SHOWN = 40
_ADAPTERS_SHOWN = 8
_PROBLEMS_FIRST = 3
_COVERAGE_EVENTS_MAX = 2_000_000  # about two seconds; `wnv topology` says it for all
_IMPORTED_EVENTS_MAX = 100_000  # about a second, and the next command needs it, too
_KIND_WORDS = {
    "packets": "packets", "network": "network", "wpp": "WPP (raw)", "kernel": "kernel", "other": "other",
    "metadata": "about the recording",
}  # fmt: skip


@click.command(
    epilog="\b\nExamples:\n  wnv info trace.etl\n  wnv info folder/ --time utc\n  wnv info trace.etl --format json"
)
@traces_argument
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@time_option
@strict_option
def info(traces: tuple[Path, ...], form: str, time_style: str, strict: bool) -> int:
    """Say what a recording holds, what it lost, what of it can be read and what to run next.

    TRACE is an .etl file, a folder of them, or a trace folder (.wnv); several .etl are read as one.
    """
    with opened(traces) as trace:
        overview = trace.overview
        if form == "json":
            seen = _coverage(trace)
            print_json({**overview.to_json(), "coverage": seen.to_json() if seen else None})
        else:
            for line in _lines(trace, time_style, traces):
                click.echo(line)
        return exit_code(trace, strict=strict)


def _lines(trace: Trace, time_style: str, traces: tuple[Path, ...]) -> Iterator[str]:
    from wnv.diagnostics import Code, Severity

    overview = trace.overview
    n_points = len(overview.points)
    seen = f"{counted(overview.n_packets, 'sighting')} of packets at {counted(n_points, 'point')}"
    holds = seen if overview.n_packets else "no packets"
    if len(overview.hosts) > 1:
        holds += f", of {counted(len(overview.hosts), 'host')}"
    yield bold(visible(f"{overview.source}: {counted(overview.n_events, 'event')}, {holds}"))
    losses = overview.losses()
    for line in losses:
        yield visible(f"LOST: {line}")
    problems = [row for row in overview.diagnostics if row.kind.severity is Severity.DAMAGE]
    for row in problems[:_PROBLEMS_FIRST]:
        detail = f" ({row.detail})" if row.detail else ""
        yield visible(f"DAMAGED: {row.kind.text}{detail}: {row.count:,}×")
    if len(problems) > _PROBLEMS_FIRST:
        yield f"DAMAGED: … and {len(problems) - _PROBLEMS_FIRST} more kinds, see the remarks below"
    is_open = any(row.code is Code.FILE_NOT_CLOSED for row in overview.diagnostics)
    if is_open:
        yield "NOT CLOSED: the recording was never stopped; what Windows had not written by then is missing"
    if not (losses or problems or is_open):
        yield "Nothing is known to be lost."
    for session in overview.sessions:
        yield ""
        yield from _session_lines(session, time_style)
    yield from _clock_lines(trace)
    if overview.n_packets:
        yield ""
        yield from _point_lines(overview)
    yield ""
    yield from _provider_lines(overview)
    yield from _problem_lines(overview)
    yield ""
    yield from _coverage_lines(trace)
    yield from _next_lines(overview, traces)


def _session_lines(session: SessionOverview, time_style: str) -> Iterator[str]:
    import numpy as np

    from wnv.overview import duration_text

    row, more = session.row, session.details
    clock = time_formatter(session, "host" if time_style in ("relative", "delta") else time_style)

    def when(ts_ns: int | None) -> str:
        return clock.format(np.array([ts_ns], np.int64))[0] if ts_ns is not None else "not known"

    rows = [("Session", f"{row['logger'] or '(no name)'}, {', '.join(more['mode_names']) or 'sequential'}")]
    rows.append(("Windows", _windows_words(row, more["build_text"] or "")))
    machine = f"{row['n_processors']} processors, {8 * row['pointer_size']}-bit"
    rows.append(("Host", f"{row['host']}: {machine}" if row["host"] else f"{machine}; no ETL names its host"))
    adapters = [one for one in more["interfaces"] if one["is_up"] and one["mac"] and not one["is_filter"]]
    if adapters:
        rows.append(("Adapters", "; ".join(_adapter_words(one) for one in adapters[:_ADAPTERS_SHOWN])))
    if more["partition"]:
        rows.append(("Made in", more["partition"]))
    rows.append(("Times", clock.note.removeprefix("Times are ").removesuffix(".")))
    rows.append(("Started", when(row["start_ns"])))
    end = when(row["end_ns"]) if row["end_ns"] else "never stopped, or copied while it ran"
    lasted = f" ({duration_text(row['end_ns'] - row['start_ns'])})" if row["end_ns"] and row["start_ns"] else ""
    rows.append(("Stopped", f"{end}{lasted}"))
    if row["first_event_ns"] is not None:
        rows.append(("Events", f"{when(row['first_event_ns'])} to {when(row['last_event_ns'])}"))
    rows.append(("Clock", row["clock"]))
    packed = ", compressed" if more["is_compressed"] else ""
    files = f"{more['n_files']} files, " if more["n_files"] > 1 else ""
    limit = f", limit {_size_words(more['max_file_bytes'])}" if more["max_file_bytes"] else ""
    rows.append(("File", f"{files}{more['n_bytes']:,} bytes, {more['n_buffers']:,} buffers{packed}{limit}"))
    rules = "; ".join(_rule_words(session.rules))
    if rules:
        rows.append(("Rules", rules))
    if more["log_file"]:
        rows.append(("Written to", more["log_file"]))
    yield from TextTable(["", ""], right=[False, False]).lines(rows)


def _rule_words(rules: CaptureRules) -> Iterator[str]:
    """What the capture was told, as far as it says so."""
    if rules.words:
        yield f"captured only: {rules.words}"
    if rules.truncate_bytes:
        yield f"at most {rules.truncate_bytes:,} bytes of a packet"
    if rules.is_multi_layer:
        yield "at each layer of an adapter (MultiLayer)"


def _windows_words(row: dict[str, Any], build_text: str) -> str:
    """Edition, version and build; `build_text` is that of the files, `19041.985.amd64fre.…`."""
    build = str(row["os_build"])
    files = ".".join(build_text.split(".")[:2])
    words = row["os_name"] if build in row["os_name"] else f"{row['os_name']}, build {build}"
    if files:
        words = words.replace(build, files) if files.startswith(f"{build}.") else f"{words}, files of {files}"
    return f"{row['product']} ({words})" if row["product"] else str(words)


def _size_words(n_bytes: int) -> str:
    """A limit as it was set: in MiB, or in KiB where it is none of them."""
    n_mib, rest = divmod(n_bytes, 2**20)
    return f"{n_bytes // 1024:,} KiB" if rest else f"{n_mib:,} MiB"


def _adapter_words(adapter: AdapterDetails) -> str:
    bits = adapter["speed_bits"]
    speed = f", {bits / 1e9:g} Gbit/s" if bits >= 1e9 else f", {bits / 1e6:g} Mbit/s" if bits else ""
    return f"{adapter['alias']} (ifIndex {adapter['if_index']}{speed})"


def _point_lines(overview: Overview) -> Iterator[str]:
    hosts = [host for host in overview.hosts if any(one.host == host for one in overview.points)]
    for host in hosts:
        on = visible(f" on {host}") if len(overview.hosts) > 1 else ""
        yield bold(f"Where packets were seen{on}")
        mine = [one for one in overview.points if one.host == host]
        rows = [
            (
                one.point.name,
                f"{one.n_packets:,}",
                f"{one.n_drops:,}" if one.n_drops else "",
                one.link_type,
                one.point.description,
            )
            for one in mine[:_POINTS_SHOWN]
        ]
        table = TextTable(
            ["point", "packets", "drops", "link", "description"], right=[False, True, True, False, False], indent="  "
        )
        yield from table.lines(rows)
        if len(mine) > _POINTS_SHOWN:
            yield f"  … and {len(mine) - _POINTS_SHOWN} more (--format json lists all)"
        if host != hosts[-1]:
            yield ""
    if overview.n_drop_events:
        told = counted(overview.n_drop_events, "event")
        yield f"  drops counts packets marked as dropped; drops are told by {told} without packets, too:"
        yield "  `wnv drops` says where and why"


def _provider_lines(overview: Overview) -> Iterator[str]:
    yield bold("Providers")
    rows = [
        (one.name or one.guid or "(none)", f"{one.n_events:,}", _KIND_WORDS[one.kind.value], _event_words(one))
        for one in overview.providers
    ]
    table = TextTable(["provider", "events", "kind", "events by id"], right=[False, True, False, False], indent="  ")
    yield from table.lines(rows)


def _event_words(provider: ProviderCount) -> str:
    """`160: 114, 30: 111, …`, the commonest first."""
    counts: dict[str, int] = {}
    for one in provider.events:
        if one.hook_id is not None:
            name = f"hook {one.hook_id:#06x}"
        elif one.event_id is not None:
            name = str(one.event_id)
        else:
            name = f"op {one.opcode}"
        counts[name] = counts.get(name, 0) + one.n_events
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{name}: {n:,}" for name, n in ordered[:_EVENTS_SHOWN])
    return shown + (f", … {len(ordered) - _EVENTS_SHOWN} more" if len(ordered) > _EVENTS_SHOWN else "")


def _problem_lines(overview: Overview) -> Iterator[str]:
    raw = overview.undecoded()
    if raw:
        yield ""
        yield bold("Not decoded")
        for line in raw:
            yield visible(f"  {line}")
    # Losses stand at the top already.
    rows = [row for row in overview.diagnostics if row.kind.stage != "loss"]
    if rows:
        yield ""
        yield bold("Remarks")
    for row in rows:
        place = f", first at byte {row.byte_offsets[0]:,}" if row.byte_offsets else ""
        detail = f" ({row.detail})" if row.detail else ""
        yield visible(f"  {row.kind.severity.value}: {row.kind.text}{detail}: {row.count:,}×{place}")
        if row.kind.advice:
            yield f"    {row.kind.advice}"


def _is_quick(trace: Trace) -> bool:
    """Whether what needs an import does not take long."""
    limit = _IMPORTED_EVENTS_MAX if trace.needs_import() else _COVERAGE_EVENTS_MAX
    return bool(trace.overview.n_packets) and trace.overview.n_events <= limit


def _clock_lines(trace: Trace) -> Iterator[str]:
    if len(trace.overview.hosts) > 1 and _is_quick(trace):
        from wnv.cli.following import clock_notes

        yield ""
        yield from (visible(f"Clocks      {note}") for note in clock_notes(trace).values())


def _coverage(trace: Trace) -> Coverage | None:
    """What the virtual network has that was not seen; None where it would take long to say."""
    if not trace.overview.n_packets:
        return None
    if not trace.needs_import():
        from wnv.pipeline.deriving import known_coverage

        known = known_coverage(trace.stored())
        if known is not None:
            return known
    if not _is_quick(trace):
        return None
    from wnv.pipeline.network import build_topology, coverage

    return coverage(trace.stored(), build_topology(trace.stored()))


def _coverage_lines(trace: Trace) -> Iterator[str]:
    seen = _coverage(trace)
    if seen is not None:
        from wnv.cli.topology import coverage_lines

        yield from coverage_lines(seen)
        yield ""


def _next_lines(overview: Overview, traces: tuple[Path, ...]) -> Iterator[str]:
    name = visible(shlex.join(str(path) for path in traces))
    yield bold("Next")
    why = overview.why_no_packets()
    if why:
        yield visible(f"  No packets, because {why}.")
        yield f"  wnv events {name}"
    else:
        out = visible(shlex.quote(f"{traces[0].resolve().stem}.pcapng"))
        steps = [
            (f"wnv convert {name} -w {out}", "every sighting, an interface a point"),
            (f"wnv convert {name} -w {out} --once", "each packet once"),
        ]
        if len(traces) == 1:
            steps.insert(0, (f"wnv explain {name}", "what went wrong, and what could not be seen"))
        width = max(len(command) for command, _ in steps)
        yield from (f"  {command:<{width}}  # {text}" for command, text in steps)
