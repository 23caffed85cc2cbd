"""`wnv explain`: what went wrong?"""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wnv.cli.following import clock_notes
from wnv.cli.output import (
    bold,
    cache_option,
    exit_code,
    inventory_option,
    print_json,
    strict_option,
    time_formatter,
    time_option,
    time_parser,
    trace_argument,
    with_tables,
)  # fmt: skip
from wnv.text import counted, visible

if TYPE_CHECKING:
    from wnv.explain.finding import Failing, Finding
    from wnv.pipeline.explaining import Explanation
    from wnv.trace import Trace

_WIDTH, _WIDTH_MAX = 80, 100
_LABEL = 10
_MORE_SHOWN, _BLIND_SHOWN, _OPEN_SHOWN, _CAPTURES_SHOWN, _EVENTS_SHOWN = 4, 4, 2, 1, 3
_ANSWERS = {
    "cause": "CAUSE", "uncertain": "FAILED, CAUSE NOT RECORDED", "slow": "SLOW", "nothing_wrong": "NOTHING WENT WRONG",
    "nothing_seen": "NO FAILURE SEEN", "cannot_tell": "CANNOT TELL",
}  # fmt: skip

When = Callable[[int | None], str]
"""A time as text."""


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv explain trace.etl\n"
    "  wnv explain trace.etl -Y 'container == \"web\" && tcp.port == 443'\n"
    "  wnv explain trace.etl --format json"
)
@trace_argument
@click.option(
    "-Y", "--filter", "expression", metavar="EXPR", default="",
    help="Only conversations with a packet that fits: a display filter as in Wireshark. `wnv fields` lists the fields.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@time_option
@inventory_option
@cache_option
@strict_option
def explain(
    trace: Path, expression: str, form: str, time_style: str, inventory: Path | None, use_cache: bool, strict: bool
) -> int:
    """Say what went wrong in a recording: which conversation failed, how far its packets came, and why.

    The answer rests on what the recording shows: it says how sure it is, which events it rests on, and what could not
    be seen. Where the evidence is missing it says so, and how to record it.
    """
    with with_tables([trace], inventory=inventory, use_cache=use_cache) as opened:
        from wnv.pipeline.explaining import explain_recording

        found = explain_recording(
            opened.stored(), opened.dataset, expression=expression, parse_time=time_parser(opened, time_style)
        )
        if form == "json":
            print_json(_json(found, int(opened.session["os_build"])))
        else:
            for line in _lines(opened, found, trace, time_style):
                click.echo(line)
        return exit_code(opened, strict=strict)


def _clock(opened: Trace, style: str) -> When:
    import numpy as np

    clock = time_formatter(opened.overview.sessions[0], "host" if style == "delta" else style)
    return lambda ts_ns: clock.format(np.array([ts_ns], np.int64))[0] if ts_ns is not None else "not known"


# --- for people -----------------------------------------------------------------------------------------


def _lines(opened: Trace, found: Explanation, path: Path, style: str) -> Iterator[str]:
    when = _clock(opened, style)
    yield from _head(opened, found, when)
    yield ""
    verdict = found.verdict
    yield from _wrapped(f"{_ANSWERS[verdict.answer.value]}: {verdict.text}", is_bold=True)
    if verdict.findings:
        yield from _finding_lines(verdict.findings[0], found, path, when)
    more = verdict.findings[1:]
    if more:
        yield ""
        yield bold("Also")
        for one in more[:_MORE_SHOWN]:
            yield from _entry(f"{one.confidence:.2f}", one.title, _LABEL)
        if len(more) > _MORE_SHOWN:
            yield f"  … and {len(more) - _MORE_SHOWN} more: --format json lists all"
    if verdict.background:
        n = sum(one.n for one in verdict.background)
        yield ""
        yield from _wrapped(
            f"Beside it, as on healthy hosts: {counted(n, 'packet')} dropped or left without an answer, which nobody "
            "seems to have missed (--format json lists them)."
        )
    yield from _capture_lines(verdict.captures, int(opened.session["os_build"]))


def _head(opened: Trace, found: Explanation, when: When) -> Iterator[str]:
    verdict, seen = found.verdict, found.coverage
    hosts = {host: session.row for host, session in opened.overview.hosts.items()}
    windows = {host: row["product"] or row["os_name"] for host, row in hosts.items()}
    times = {host: f"{when(row['first_event_ns'])} to {when(row['last_event_ns'])}" for host, row in hosts.items()}
    is_one = len(hosts) == 1
    what = next(iter(windows.values())) if is_one else counted(len(hosts), "host")
    yield bold(visible(f"{opened.overview.source}: {what}"))
    for host in hosts:
        yield from _entry("from", times[host]) if is_one else _entry("host", f"{host}, {windows[host]}, {times[host]}")
    for note in clock_notes(opened).values():
        yield from _entry("clocks", note)
    what = f"{counted(verdict.n_journeys, 'packet')} in {counted(verdict.n_flows, 'conversation')}"
    chosen = f"; looked at {counted(found.n_selected, 'conversation')}" if found.n_selected is not None else ""
    yield from _entry("seen", f"{what}, at {counted(len(seen.seen), 'point')}{chosen}")
    if seen.recorded:
        yield from _entry("recorded", "; ".join(seen.recorded))
    for one in seen.silent[:_BLIND_SHOWN]:
        yield from _entry("silent", f"{one.label}: {one.reason}")
    from wnv.topology.coverage import UNAVOIDABLE

    blind = sorted(
        (spot for spot in seen.blind if spot.code not in ("lost_data", "one_layer")),
        key=lambda spot: spot.code in UNAVOIDABLE,
    )  # what was lost has a line of its own
    for spot in blind[:_BLIND_SHOWN]:
        yield from _entry("not seen", spot.label)
    for why, n in verdict.open[:_OPEN_SHOWN]:
        yield from _entry("open", f"{counted(n, 'packet')}: {why}")
    yield from _entry("lost", "; ".join(found.lost) if found.lost else "nothing that is known of")


def _finding_lines(one: Finding, found: Explanation, path: Path, when: When) -> Iterator[str]:
    if one.flows:
        yield from _flow_lines(one.flows, when)
    if one.place:
        point = f" ({one.last_point})" if one.last_point and one.last_point != one.place else ""
        yield from _entry("last seen", f"{one.place}{point}")
    if one.reason:
        yield from _entry("reason", one.reason)
    if one.decided_by:
        yield from _entry("rule", one.decided_by)
    if one.evidence:
        shown = [f"{row} ({found.events.get(row, 'event')})" for row in one.evidence[:_EVENTS_SHOWN]]
        more = f" and {len(one.evidence) - len(shown)} more" if len(one.evidence) > len(shown) else ""
        yield from _entry("evidence", f"{'events' if len(one.evidence) > 1 else 'event'} {', '.join(shown)}{more}")
    yield from _entry("sure", _sure_words(one.confidence))
    if one.advice:
        yield from _entry("do", one.advice)
    if one.journey_id is not None:
        # A command stays on one line, however long the path: it is there to be copied.
        yield visible(f"  {'look':{_LABEL}}wnv follow {shlex.quote(str(path))} {one.journey_id}")


def _flow_lines(flows: Sequence[Failing], when: When) -> Iterator[str]:
    first = flows[0]
    if first.who:
        yield from _entry("who", first.who)
    yield from _entry("what", f"{first.label}, {counted(first.n_packets, 'packet')}")
    if first.outside:
        yield from _entry("outside", f"{first.outside} (the same behind NAT)")
    yield from _entry("first at", when(first.first_ns))
    if len(flows) > 1:
        yield from _entry("", f"and {counted(len(flows) - 1, 'more conversation')}")


def _sure_words(confidence: float) -> str:
    if confidence >= 0.9995:
        return "1.00, stated by Windows"
    return f"{confidence:.2f}, {'inferred' if confidence < 0.9 else 'by how the events are read'}"


def _capture_lines(names: Sequence[str], build: int) -> Iterator[str]:
    from wnv.explain.captures import CAPTURES, commands_for

    for name in names[:_CAPTURES_SHOWN]:
        capture = CAPTURES[name]
        yield ""
        yield from _wrapped(f"Next: {capture.why}, in an elevated PowerShell:", is_bold=True)
        yield from (f"  {command}" for command in commands_for(name, build))


def _entry(label: str, text: str, width: int = _LABEL) -> list[str]:
    """A label, and beside it as many lines as the text takes."""
    lines = _broken(text, _columns() - width - 2)
    return [f"  {label if not number else '':{width}}{line}" for number, line in enumerate(lines)]


def _wrapped(text: str, *, is_bold: bool = False) -> list[str]:
    lines = _broken(text, _columns())
    return [bold(line) for line in lines] if is_bold else lines


def _broken(text: str, width: int) -> list[str]:
    return textwrap.wrap(visible(text), width, break_long_words=False, break_on_hyphens=False) or [""]


def _columns() -> int:
    return min(_WIDTH_MAX, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _WIDTH


# --- for programs ---------------------------------------------------------------------------------------


def _json(found: Explanation, build: int) -> dict[str, Any]:  # Any: JSON
    from wnv.explain.captures import CAPTURES, commands_for

    verdict = found.verdict
    return {
        "answer": verdict.answer.value, "text": verdict.text, "n_packets": verdict.n_journeys,
        "n_flows": verdict.n_flows, "n_selected": found.n_selected, "lost": list(found.lost),
        "findings": [_finding_json(one) for one in verdict.findings],
        "background": [_finding_json(one) for one in verdict.background],
        "open": [{"why": why, "n": n} for why, n in verdict.open],
        "captures": [
            {"name": name, "why": CAPTURES[name].why, "commands": list(commands_for(name, build))}
            for name in verdict.captures
        ],
        "coverage": found.coverage.to_json(),
    }  # fmt: skip


def _finding_json(one: Finding) -> dict[str, Any]:  # Any: JSON
    return {
        "kind": one.rule, "weight": one.weight.name.lower(), "title": one.title,
        "flows": [
            {"flow_id": flow.flow_id, "label": flow.label, "who": flow.who or None, "outside": flow.outside or None,
             "first_ns": flow.first_ns, "n_packets": flow.n_packets} for flow in one.flows
        ],
        "point": one.last_point or None, "place": one.place or None, "reason": one.reason or None,
        "rule": one.decided_by or None, "journey_id": one.journey_id, "evidence": list(one.evidence),
        "confidence": one.confidence, "advice": one.advice or None, "n": one.n,
    }  # fmt: skip
