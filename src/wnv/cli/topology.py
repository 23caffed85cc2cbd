"""`wnv topology`: what does the virtual network look like?"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wnv.cli.output import (
    bold,
    exit_code,
    inventory_option,
    say,
    strict_option,
    time_parser,
    trace_argument,
    warn_of_losses,
    with_tables,
)  # fmt: skip
from wnv.errors import UsageError, WnvError
from wnv.text import counted, visible

if TYPE_CHECKING:
    from wnv.topology.coverage import Coverage
    from wnv.topology.model import Edge, Node, Topology
    from wnv.trace import Trace

_WIDTH, _WIDTH_MAX = 80, 100
_SHOWN = 12


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv topology trace.etl\n"
    "  wnv topology trace.etl --at 14:03:20\n"
    "  wnv topology trace.etl --format svg -w network.svg"
)
@trace_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "json", "mermaid", "svg"]),
    default="tree",
    show_default=True,
    help="A tree for people, nodes and edges for programs, or a picture.",
)
@click.option("-w", "out", metavar="FILE", default="-", help="Write to a file; - is standard output.")
@click.option(
    "--at",
    "at_text",
    metavar="TIME",
    help="As it was at this time; what may have been there is marked. All that ever was without it.",
)
@click.option("--journey", type=int, metavar="ID", help="Draw the way of this journey into the picture (svg).")
@click.option("--guids", "with_guids", is_flag=True, help="Show the GUIDs beside the names.")
@click.option("-v", "--verbose", is_flag=True, help="Say why where something is inferred, and by which events.")
@inventory_option
@strict_option
def topology(
    trace: Path, form: str, out: str, at_text: str | None, journey: int | None, with_guids: bool, verbose: bool,
    inventory: Path | None, strict: bool,
) -> int:  # fmt: skip
    """Show the virtual network: NICs, teams, switches, containers, VMs, NAT, and what was not visible.

    It is put together from what the recording itself says, and from an inventory of the host, if there is one beside
    it (NAME.inventory.json) or given with --inventory.
    """
    if journey is not None and form != "svg":
        raise UsageError("a journey can only be drawn into a picture", advice="Add --format svg -w FILE.")
    with with_tables([trace], inventory=inventory) as opened:
        from wnv.diagnostics import Log
        from wnv.pipeline.network import build_topology, coverage

        log = Log()
        network = build_topology(opened.stored(), log, is_dated=at_text is not None)
        if network.inventory:
            say(f"inventory: {network.inventory}")
        for row in log.rows():
            say(f"{row.kind.severity.value}: {row.kind.text} ({row.count:,}×{f'; {row.detail}' if row.detail else ''})")
        warn_of_losses(opened)
        ts_ns = None if at_text is None else time_parser(opened, "host")(at_text)
        seen = coverage(opened.stored(), network)
        if form == "json":
            _write(out, [_json(network, seen, ts_ns)])
        elif form == "tree":
            lines = _tree(opened, network, seen, ts_ns, with_guids=with_guids, verbose=verbose)
            _write(out, lines)
        else:
            hops = _hops(opened, journey) if journey is not None else []
            _write(out, _picture(network, form, opened.overview.source, ts_ns, hops))
        return exit_code(opened, strict=strict)


def _write(out: str, lines: Iterable[str]) -> None:
    if out == "-":
        for line in lines:
            click.echo(line)
        return
    try:
        Path(out).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise WnvError(f"{out}: cannot be written ({error.strerror or error})") from None


def _tree(
    opened: Trace, network: Topology, seen: Coverage, ts_ns: int | None, *, with_guids: bool, verbose: bool
) -> Iterator[str]:
    from wnv.topology.tree import WIDTH, render_tree

    hosts = [
        f"{network.hosts.get(number) or 'host'}: {session.row['product'] or session.row['os_name']}, "
        f"build {session.row['os_build']}"
        for number, session in enumerate(opened.overview.sessions)
    ]
    width = min(_WIDTH_MAX, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    yield from render_tree(network, hosts, ts_ns=ts_ns, with_guids=with_guids, with_reasons=verbose, width=width)
    yield from _contradictions(network)
    yield ""
    yield from coverage_lines(seen)


def _contradictions(network: Topology) -> Iterator[str]:
    if not network.contradictions:
        return
    yield ""
    yield bold("Contradictions")
    names = {(node.session_id, node.node_id): node.name for node in network.nodes}
    for one in network.contradictions[:_SHOWN]:
        name = names.get((one.session_id, one.node_id), one.node_id)
        said = [names.get((one.session_id, value), value) for value in one.values]
        values = " or ".join(f"{value} ({source})" for value, source in zip(said, one.sources, strict=False))
        yield from _wrapped(f"  {name}, {one.property.replace('_', ' ')}: {values or ', '.join(said)}")
    if len(network.contradictions) > _SHOWN:
        yield f"  … and {counted(len(network.contradictions) - _SHOWN, 'more', 'more')}"


def coverage_lines(seen: Coverage) -> Iterator[str]:
    """The coverage of a recording for people."""
    yield bold("Coverage")
    yield f"  packets were seen at {counted(len(seen.seen), 'point')}"
    if seen.recorded:
        yield from _wrapped(f"  recorded: {'; '.join(seen.recorded)}")
    for one in seen.silent[:_SHOWN]:
        yield from _wrapped(f"  silent: {one.label}: {one.reason}")
    if len(seen.silent) > _SHOWN:
        yield f"  silent: … and {counted(len(seen.silent) - _SHOWN, 'more NIC')}"
    for spot in seen.blind:
        yield from _wrapped(f"  not visible: {spot.label}")
        if spot.advice:
            yield from _wrapped(f"    {spot.advice}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        visible(text), _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _json(network: Topology, seen: Coverage, ts_ns: int | None) -> str:
    import json

    from wnv.cli.output import json_text

    tables = network.tables()
    nodes = _rows(tables["nodes"], network.nodes, ts_ns)
    for node in nodes:
        node["properties"] = json.loads(node["properties"])
    value = {
        "hosts": {str(session): name for session, name in network.hosts.items() if name},
        "inventory": network.inventory or None,
        "nodes": nodes,
        "edges": _rows(tables["edges"], network.edges, ts_ns),
        "contradictions": [
            {"session_id": one.session_id, "node_id": one.node_id, "property": one.property,
             "values": list(one.values), "sources": list(one.sources), "evidence": list(one.evidence)}
            for one in network.contradictions
        ],
        "coverage": seen.to_json(),
    }  # fmt: skip
    return json_text(value, indent=2)


def _rows(
    columns: Any, things: Sequence[Node | Edge], ts_ns: int | None
) -> list[dict[str, Any]]:  # Any: values of all kinds
    """Rows of a table as dictionaries, `things` side by side; with a time, those there then, or maybe there.

    Those have `is_there`: true, or null where nothing says since when they are.
    """
    names = list(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if ts_ns is None:
        return rows
    return [
        row | {"is_there": True if one.is_sure(ts_ns) else None}
        for row, one in zip(rows, things, strict=True)
        if one.is_there(ts_ns)
    ]


def _hops(opened: Trace, journey: int) -> list[dict[str, Any]]:  # Any: values of all kinds
    """The hops of a journey, in order."""
    import pyarrow.compute as pc

    rows = opened.dataset("hops").to_table(filter=pc.field("journey_id") == journey).to_pylist()
    if not rows:
        raise UsageError(f"there is no journey {journey}", advice="`wnv journeys` lists them.")
    return sorted(rows, key=lambda row: int(row["seq"]))


def _picture(
    network: Topology, form: str, source: str, ts_ns: int | None, hops: list[dict[str, Any]]
) -> Iterator[str]:  # Any: values of all kinds
    from wnv.export.graph import drawing_of, render_mermaid, render_svg, way_of

    drawing = drawing_of(network, ts_ns=ts_ns)
    if form == "mermaid":
        yield from render_mermaid(drawing)
    else:
        yield from render_svg(drawing, f"Virtual network of {source}", way_of(drawing, hops))
