"""`wnv events`: the events of a recording, in order of time."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wnv.cli.filtering import check_filter, compiled_filter, filter_option, tables_for
from wnv.cli.output import (
    CsvWriter,
    TextTable,
    cache_option,
    exit_code,
    json_text,
    opened,
    say,
    strict_option,
    time_formatter,
    time_option,
    time_window,
    trace_argument,
    warn_of_losses,
    window_options,
    with_tables,
    write_jsonl,
)  # fmt: skip
from wnv.cli.results import format_option, raw_option, show_text
from wnv.errors import UsageError

if TYPE_CHECKING:
    from wnv.arrays import I64
    from wnv.clock import TimeFormatter
    from wnv.trace import Trace

_BATCH = 20_000
_PROVIDERS_SHOWN = 12
_UNDECODED_SHOWN = 6
_DOUBTS_SHOWN = 4
_SHOWN = (
    "event_row",
    "ts_ns",
    "cpu",
    "pid",
    "process",
    "tid",
    "provider",
    "event",
    "payload_bytes",
    "container_id",
    "summary",
)
_HEADINGS = ("No.", "", "cpu", "pid", "process", "tid", "provider", "event", "bytes", "container", "what it says")
_RIGHT = (True, False, True, True, False, True, False, True, True, False, False)


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv events trace.etl -c 20\n"
    "  wnv events trace.etl --provider PktMon --id 170 --format jsonl\n"
    "  wnv events trace.etl -Y 'provider == VmSwitch && ip.addr == 10.0.0.5'\n"
    "  wnv events trace.etl --from 12.5 --to 13 --format csv > second.csv"
)
@trace_argument
@filter_option
@format_option
@click.option("-c", "--count", type=click.IntRange(0), help="Stop after so many events.")
@click.option(
    "--provider", "providers", metavar="NAME|GUID", multiple=True, help="Only of this provider; may be repeated."
)
@click.option(
    "--id",
    "ids",
    metavar="ID",
    type=click.IntRange(0, 0xFFFF),
    multiple=True,
    help="Only with this id (for classic events: opcode).",
)
@click.option(
    "--fields/--no-fields", default=True, help="Decode the payloads, or list headers alone.  [default: fields]"
)
@click.option("--payload", is_flag=True, help="In formats for programs: the payload too, as hexadecimal digits.")
@raw_option
@window_options
@time_option
@cache_option
@strict_option
def events(
    trace: Path, expression: str, form: str, count: int | None, providers: tuple[str, ...], ids: tuple[int, ...],
    fields: bool, payload: bool, raw: bool, from_text: str | None, to_text: str | None, time_style: str,
    use_cache: bool, strict: bool,
) -> int:  # fmt: skip
    """List the events of a recording, in order of time, with what they say.

    The table shows times as --time says; the other formats have every column, with times in nanoseconds UTC, and the
    fields of each event that is described: by the recording itself, or by wnv's catalog (`wnv catalog`).
    """
    if payload and form == "table":
        raise click.UsageError("--payload needs --format jsonl, json or csv")
    known = {name: _known_provider(name) for name in providers}  # before the whole recording is read
    check_filter(expression, "events")
    with with_tables([trace], use_cache=use_cache) if expression.strip() else opened([trace]) as recording:
        guids = {guid for name, found in known.items() for guid in found or _find(recording, name)}
        window = time_window(recording, time_style, from_text, to_text)
        recording.scanned().decoder.begin()
        chosen = _chosen(recording, expression, time_style)
        batches = _batches(recording, guids, set(ids), window, count, chosen, fields=fields, payload=payload)
        if form == "table":
            n = _write_table(recording, batches, time_style)
        else:
            n = _write(batches, form, _headings(fields=fields, payload=payload), raw=raw)
        if form == "table":
            say(time_formatter(recording.overview.sessions[0], time_style).note)
        if fields:
            _tell_undecoded(recording)
        if not n:
            _explain_nothing(recording, providers or ids or expression.strip())
        warn_of_losses(recording)
        return exit_code(recording, strict=strict)


def _headings(*, fields: bool, payload: bool) -> list[str]:
    from wnv.schema import EVENTS, FIELDS

    return [*EVENTS.names, *(FIELDS.names if fields else ()), *(["payload"] if payload else [])]


def _batches(
    trace: Trace,
    guids: set[str],
    ids: set[int],
    window: tuple[int | None, int | None],
    count: int | None,
    chosen: I64 | None,
    *,
    fields: bool,
    payload: bool,
) -> Iterator[dict[str, list[Any]]]:
    """Columns of the events wanted, some thousands at a time. `chosen`: their rows, ascending; None = all."""
    from wnv.export.rows import event_columns, field_columns, select_events

    names = {one.guid: one.name for one in trace.overview.providers if one.guid and one.name}
    left = count
    for piece in trace.slices():
        rows = select_events(piece, guids, ids, *window)
        if chosen is not None:
            rows = _among(rows, piece.first_row, chosen)
            if not len(chosen) or piece.first_row > chosen[-1]:
                return
        if left is not None:
            rows = rows[:left]
            left -= len(rows)
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            columns = event_columns(trace.scanned(), piece, part, payload=payload, names=names)
            if fields:
                columns |= field_columns(trace.scanned().decoder, piece, part)
            if payload:
                columns["payload"] = columns.pop("payload")  # the longest column comes last
            yield columns
        if left == 0:
            return


def _chosen(trace: Trace, expression: str, time_style: str) -> I64 | None:
    """Rows of the events that fit, ascending; None = all."""
    if not expression.strip():
        return None
    from wnv.sql.engine import connect, read_batches

    condition = compiled_filter(trace, expression, "events", time_style)
    with connect(tables_for(trace, condition)) as connection:
        query = f"SELECT event_row FROM events WHERE {condition.sql} ORDER BY event_row"
        rows: I64 = read_batches(connection, query, condition.values).read_all().column("event_row").to_numpy()
    return rows


def _among(rows: I64, first_row: int, chosen: I64) -> I64:
    """Those of `rows` that are chosen; `first_row` is the number of row 0."""
    import numpy as np

    if not len(rows):
        return rows
    first, last = np.searchsorted(chosen, (first_row + rows[0], first_row + rows[-1] + 1))
    return rows[np.isin(first_row + rows, chosen[first:last])]


def _write(batches: Iterator[dict[str, list[Any]]], form: str, headings: Sequence[str], *, raw: bool) -> int:
    n, writer = 0, None
    for columns in batches:
        names = list(columns)
        if form == "csv" and "fields" in columns:
            columns["fields"] = [None if one is None else json_text(one) for one in columns["fields"]]
        rows = zip(*columns.values(), strict=True)
        if form == "jsonl":
            write_jsonl(sys.stdout, names, rows)
        elif form == "json":
            objects = [json_text(dict(zip(names, row, strict=True))) for row in rows]
            sys.stdout.write((",\n" if n else "[\n") + ",\n".join(objects) if objects else "")
        else:
            writer = writer or CsvWriter(sys.stdout, names, raw=raw)
            writer.write(rows)
        n += len(columns["event_row"])
    if form == "csv" and writer is None:
        CsvWriter(sys.stdout, headings, raw=raw)
    if form == "json":
        sys.stdout.write("\n]\n" if n else "[]\n")
    return n


def _write_table(trace: Trace, batches: Iterator[dict[str, list[Any]]], time_style: str) -> int:
    clock = time_formatter(trace.overview.sessions[0], time_style)
    # A recording without starts and ends of processes names none.
    shown = [name for name in _SHOWN if name != "process" or trace.scanned().decoder.processes.processes]
    right = {**dict(zip(_SHOWN, _RIGHT, strict=True)), "ts_ns": time_style in ("relative", "delta")}
    headings = {**dict(zip(_SHOWN, _HEADINGS, strict=True)), "ts_ns": clock.header}
    table = TextTable([headings[name] for name in shown], right=[right[name] for name in shown])
    doubts: Counter[str] = Counter()
    n = 0

    def lines() -> Iterator[str]:
        nonlocal n
        for columns in batches:
            rows = _cells(columns, clock, shown)
            doubts.update(_doubts(columns))
            n += len(rows)
            yield "\n".join(table.lines(rows)) + "\n"

    show_text(lines())
    for remark, n_events in doubts.most_common(_DOUBTS_SHOWN):
        say(f"(?) {n_events:,} {'event' if n_events == 1 else 'events'}: {remark}")
    if len(doubts) > _DOUBTS_SHOWN:
        say(f"(?) {len(doubts) - _DOUBTS_SHOWN} more kinds of doubt; --format jsonl has a `remark` for each event")
    return n


def _doubts(columns: dict[str, list[Any]]) -> list[str]:
    """What is doubtful about the events that are described."""
    if "remark" not in columns:
        return []
    return [remark for remark, source in zip(columns["remark"], columns["source"], strict=True) if remark and source]


def _tell_undecoded(trace: Trace) -> None:
    """How many of the events listed are not wholly decoded, and why."""
    found = trace.scanned().decoder.undecoded()
    if not found:
        return
    names = {one.guid: one.name for one in trace.overview.providers if one.guid and one.name}
    say(f"not wholly decoded: {sum(one.count for one in found):,} of these events")
    for one in found[:_UNDECODED_SHOWN]:
        who = one.provider_name or names.get(one.provider) or one.provider
        what = {"kernel": f"kernel hook {one.event_id:#06x}", "wpp": f"{who} message {one.event_id}"}.get(
            one.form, f"{who} {'opcode' if one.form == 'classic' else 'id'} {one.event_id}"
        )
        say(f"  {one.count:,} {what} version {one.version}: {one.reason.value}")
    if len(found) > _UNDECODED_SHOWN:
        left = found[_UNDECODED_SHOWN:]
        say(f"  {sum(one.count for one in left):,} of {len(left):,} more kinds")


def _cells(columns: dict[str, list[Any]], clock: TimeFormatter, names: Sequence[str]) -> list[tuple[str, ...]]:
    import numpy as np

    from wnv.clock import NO_TIME

    nothing: list[Any] = [None] * len(columns["event_row"])
    shown = {"summary": nothing, "process": nothing, "remark": nothing, "source": nothing, **columns}
    times = np.array([NO_TIME if ts is None else ts for ts in columns["ts_ns"]], np.int64)
    shown["ts_ns"] = clock.format(times)
    shown["provider"] = [
        name or guid or "" for name, guid in zip(columns["provider"], columns["provider_guid"], strict=True)
    ]
    shown["event"] = [
        f"{hook:#06x}" if hook is not None else f"op {opcode}" if event is None else str(event)
        for event, opcode, hook in zip(columns["event_id"], columns["opcode"], columns["hook_id"], strict=True)
    ]
    shown["summary"] = [
        f"{summary} (?)" if remark and source else summary
        for summary, remark, source in zip(shown["summary"], shown["remark"], shown["source"], strict=True)
    ]
    return [
        tuple("" if cell is None else str(cell) for cell in row)
        for row in zip(*(shown[name] for name in names), strict=True)
    ]


def _known_provider(name: str) -> list[str]:
    from wnv.providers.registry import find

    with suppress(UsageError):
        return find(name)
    return []


def _find(trace: Trace, name: str) -> list[str]:
    """GUIDs of a provider by the last words of a name in the recording, else of one wnv knows. Raises `UsageError`."""
    from wnv.providers.registry import find

    typed = name.strip().lower()
    names = {one.guid: one.name.lower() for one in trace.overview.providers if one.guid and one.name}
    if named := [guid for guid, known in names.items() if known == typed or known.endswith(f"-{typed}")]:
        return named
    try:
        return find(name)
    except UsageError as error:
        raise UsageError(error.text, advice=f"{error.advice} The recording has: {_present(trace)}.") from None


def _present(trace: Trace) -> str:
    names = [one.name or one.guid or "" for one in trace.overview.providers]
    return ", ".join(names[:_PROVIDERS_SHOWN]) + (", …" if len(names) > _PROVIDERS_SHOWN else "")


def _explain_nothing(trace: Trace, is_narrowed: object) -> None:
    if is_narrowed:
        say(f"no event fits; the recording has: {_present(trace)}")
    else:
        say("no event fits; `wnv info` says from when to when the recording has any")
