"""`wnv follow`: one packet's way, hop by hop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.filtering import check_filter, compiled_filter, filter_option, tables_for
from wnv.cli.following import Row, clock_notes, confidence_text, duration_text, pair_text
from wnv.cli.output import (
    ProgressBar,
    bold,
    cache_option,
    exit_code,
    inventory_option,
    say,
    strict_option,
    time_formatter,
    time_option,
    trace_argument,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.cli.results import show_text, write_rows
from wnv.errors import UsageError
from wnv.text import counted, visible

if TYPE_CHECKING:
    from wnv.clock import TimeFormatter
    from wnv.trace import Trace

_FOLLOWED_MAX = 20
_WORDS = {
    "frame": "seen", "received": "received", "routed": "routed", "delivered": "delivered",
    "translated": "translated", "forwarded": "forwarded", "left_to_host": "left to the host's stack",
    "dropped": "DROPPED",
}  # fmt: skip


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv follow trace.etl 17\n"
    "  wnv follow trace.etl -Y 'dns && ip.addr == 10.0.0.53' -v\n"
    "  wnv follow trace.etl --frame 204 --format jsonl"
)
@trace_argument
@click.argument("journey_ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1))
@filter_option
@click.option("--frame", "frame_id", type=click.IntRange(0), help="The journey on which this frame was captured.")
@click.option("-c", "--count", type=click.IntRange(1), default=_FOLLOWED_MAX, show_default=True,
              help="With -Y: so many journeys at most.")  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "jsonl", "csv"]), default="text", show_default=True
)
@click.option("-v", "--verbose", is_flag=True, help="With the events that each hop rests on, and why it was inferred.")
@time_option
@inventory_option
@cache_option
@strict_option
def follow(
    trace: Path, journey_ids: tuple[int, ...], expression: str, frame_id: int | None, count: int, form: str,
    verbose: bool, time_style: str, inventory: Path | None, use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """Follow packets hop by hop: where each was seen, how long that took, what rewrote it, and where it ended.

    Journeys are named by their number (`wnv journeys`), by a filter, or by a frame. Formats for programs give the
    hops, a row each.
    """
    if sum((bool(journey_ids), bool(expression), frame_id is not None)) != 1:
        raise UsageError("say which packet to follow, in one way", advice="Give a journey's number, -Y, or --frame.")
    if expression:
        check_filter(expression, "journeys")
    bar = ProgressBar()
    with with_tables([trace], bar, inventory=inventory, use_cache=use_cache) as opened:
        from wnv.sql.following import hops_of, journeys_of

        with bar.shown("Following packets"):
            tables = {name: opened.dataset(name) for name in ("journeys", "hops")}
        ids = _wanted(opened, journey_ids, expression, frame_id, count, time_style)
        found = journeys_of(tables, ids)
        if journey_ids and found.num_rows < len(set(journey_ids)):
            missing = sorted(set(journey_ids) - set(found.column("journey_id").to_pylist()))
            raise UsageError(
                f"there is no journey {', '.join(map(str, missing))}",
                advice=f"They are numbered 1 to {tables['journeys'].count_rows():,}.",
            )
        hops = hops_of(tables, ids)
        if form == "text":
            clock = time_formatter(opened.overview.sessions[0], time_style)
            lines = _lines(found.to_pylist(), hops.to_pylist(), clock, _Hosts.of(opened), verbose=verbose)
            show_text(f"{line}\n" for line in lines)
            say(clock.note)
        else:
            write_rows(hops.to_batches(), hops.schema, form)
        if not ids:
            say(_nothing(opened, frame_id))
        warn_of_losses(opened)
        return exit_code(opened, strict=strict)


def _nothing(opened: Trace, frame_id: int | None) -> str:
    """Why there is nothing to follow."""
    if frame_id is None:
        return f"no packet fits; the recording has {counted(opened.dataset('journeys').count_rows(), 'journey')}"
    n = opened.dataset("frames").count_rows()
    if frame_id >= n:
        return f"there is no frame {frame_id}; the recording has {counted(n, 'frame')}, numbered from 0"
    return f"frame {frame_id} is on no journey"


def _wanted(
    opened: Trace, journey_ids: Sequence[int], expression: str, frame_id: int | None, count: int, time_style: str
) -> list[int]:
    from wnv.sql.following import journeys_of_frame, select

    if frame_id is not None:
        return journeys_of_frame({"hops": opened.dataset("hops")}, frame_id)
    if journey_ids:
        return sorted(set(journey_ids))
    condition = compiled_filter(opened, expression, "journeys", time_style)
    found = select(tables_for(opened, condition, ("journeys",)), "journeys", condition, count + 1).read_all()
    ids = [int(one) for one in found.column("journey_id").to_pylist()]
    if len(ids) > count:
        say(f"only the first {f'{count} journeys' if count > 1 else 'journey'} of those that fit; -c N shows more")
    return ids[:count]


@dataclass(frozen=True, slots=True)
class _Hosts:
    """The host of each recording, and what is to be said of its clock; empty where there is one."""

    of_session: Sequence[str]
    notes: Mapping[str, str]

    @classmethod
    def of(cls, opened: Trace) -> _Hosts:
        return cls([str(one.row["host"] or "") for one in opened.overview.sessions], clock_notes(opened))

    def notes_of(self, hops: Sequence[Row]) -> list[str]:
        """What is to be said where a journey spans hosts."""
        names = dict.fromkeys(self.of_session[hop["session_id"]] for hop in hops)
        return [self.notes[name] for name in names if name in self.notes] if len(names) > 1 else []


def _lines(
    journeys: Sequence[Row], hops: Sequence[Row], clock: TimeFormatter, hosts: _Hosts, *, verbose: bool
) -> Iterator[str]:  # fmt: skip
    by_journey: dict[int, list[Row]] = {}
    for hop in hops:
        by_journey.setdefault(hop["journey_id"], []).append(hop)
    for number, journey in enumerate(journeys):
        if number:
            yield ""
        yield from _journey(journey, by_journey.get(journey["journey_id"], []), clock, hosts, verbose=verbose)


def _journey(
    journey: Row, hops: Sequence[Row], clock: TimeFormatter, hosts: _Hosts, *, verbose: bool
) -> Iterator[str]:  # fmt: skip
    import numpy as np

    from wnv.clock import NO_TIME

    first = journey["first_ns"]
    total = journey["last_ns"] - first if first is not None else None
    outcome = str(journey["outcome"]).replace("_", " ")
    if journey["drop_reason"]:
        outcome = f"dropped: {journey['drop_reason']}"
    title = [f"journey {journey['journey_id']}", f"{journey['protocol'] or ''} {pair_text(journey)}".strip(), outcome]
    yield bold(visible("  ".join(part for part in title if part)))
    (time,) = clock.format(np.array([NO_TIME if first is None else first], np.int64))
    facts = [time, counted(journey["n_hops"], "hop"), duration_text(total)]
    sure = confidence_text(journey["confidence"])
    if sure:
        facts.append(f"confidence {sure}")
    yield visible(f"│ {'  '.join(part for part in facts if part)}")
    if journey["reason"]:
        yield visible(f"│ {journey['reason']}")
    for note in hosts.notes_of(hops):
        yield visible(f"│ {note}")
    if journey["answer_id"] is not None:
        yield visible(f"│ answered by journey {journey['answer_id']}")
    cells = [_cells(hop) for hop in hops]
    widths = [max((len(row[k]) for row in cells), default=0) for k in range(3)]
    for hop, row in zip(hops, cells, strict=True):
        padded = (f"{row[0]:>{widths[0]}}", f"{row[1]:>{widths[1]}}", f"{row[2]:<{widths[2]}}", row[3])
        yield visible(f"↳ {'  '.join(padded)}".rstrip())
        margin = " " * (widths[0] + 2)
        if hop["rewrite"]:
            yield visible(f"│ {margin}{hop['rewrite']}")
        if verbose:
            yield visible(f"│ {margin}{_evidence(hop)}")


def _cells(hop: Row) -> tuple[str, str, str, str]:
    delta = f"+{duration_text(hop['latency_ns'])}" if hop["latency_ns"] is not None else ""
    what = _WORDS.get(hop["event"], str(hop["event"]))
    if hop["drop_reason"]:
        what += f": {hop['drop_reason']}"
    where = [
        f"container {hop['container']}" if hop["container"] else "", f"VM {hop['vm']}" if hop["vm"] else "",
        str(hop["nic"] or ""), f"switch {hop['vswitch']}" if hop["vswitch"] else "",
        f"compartment {hop['compartment']}" if hop["compartment"] not in (None, 1) else "",
    ]  # fmt: skip
    carried = f"inside {hop['outer_src']} → {hop['outer_dst']}" if hop["outer_src"] else ""
    if carried and hop["vni"] is not None:
        carried += f" VNI {hop['vni']}"
    said = ", ".join(part for part in (what, hop["direction"] or "", carried, *where) if part)
    return str(hop["seq"] + 1), delta, str(hop["point"] or ""), said


def _evidence(hop: Row) -> str:
    text = f"{'events' if len(hop['evidence']) > 1 else 'event'} {', '.join(map(str, hop['evidence']))}"
    if hop["frame_id"] is not None:
        text += f"; frame {hop['frame_id']}"
    if hop["rule"]:
        text += f"; rule {hop['rule']}"
    if hop["reason"]:
        text += f"; {confidence_text(hop['confidence'])} {hop['reason']}"
    return text
