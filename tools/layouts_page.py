"""The page of events whose layout nobody is sure of: docs/reference/layouts.md, made of the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wnv.decode.catalog import Catalog
from wnv.decode.program import build_program

_INTRODUCTION = """\
# Layouts that nobody is sure of

wnv knows {n_events:,} events of {n_providers} providers without help from the recording. Of these, {n_unsure} have a
field whose layout public sources guess at, or do not have: they are listed here. Fields before it are certain. From
it on they are read as the documents say and marked (`wnv events` shows `(?)`, and the column `remark` names them);
where the layout is not known at all, the rest is kept as bytes and the event is counted as not wholly decoded.
Descriptions that a recording carries itself have none of these doubts.

Beside these, wnv tells apart and counts, by provider and number, what it cannot describe: events of providers that
neither the recording nor the catalog describes, WPP messages (their texts are in private symbols), and kernel events
of other classes than [those listed](../formats/classic.md).
"""


def layout_lines(notice: str) -> Iterator[str]:
    """docs/reference/layouts.md."""
    known = Catalog(Path("/nonexistent"))  # no user's providers
    rows, n_events = [], 0
    providers = known.providers()
    for guid, name in providers:
        for event in known.events(guid):
            n_events += 1
            program = build_program(event.fields)
            if program.first_unsure < len(program.nodes):
                node = program.nodes[program.first_unsure]
                kind = "inferred" if program.is_readable(node) else "not known: the rest stays bytes"
                rows.append((name, event.event_id, event.version, event.name or event.task, node.name, kind))
    text = _INTRODUCTION.format(n_events=n_events, n_providers=len(providers), n_unsure=len(rows))
    head, *rest = text.splitlines()
    yield from (head, "", notice, *rest, "")
    yield "| provider | id | version | event | from the field | layout |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        yield f"| {' | '.join(str(cell) for cell in row)} |"
