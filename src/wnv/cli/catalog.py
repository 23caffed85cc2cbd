"""`wnv catalog`: which events of which providers wnv can decode, and adding providers to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wnv.cli.output import TextTable, bold, print_json, say
from wnv.errors import UsageError
from wnv.text import visible

if TYPE_CHECKING:
    from wnv.decode.catalog import Catalog
    from wnv.decode.description import EventDescription, FieldDescription, ValueMap

_WORDS_SHOWN = 8
_form_option = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)


@click.group(
    epilog="\b\nExamples:\n"
    "  wnv catalog list\n"
    "  wnv catalog show VmSwitch\n"
    "  wnv catalog show VmSwitch 57\n"
    "  wnv catalog add MyProvider.man"
)
def catalog() -> None:
    """Providers whose events wnv can decode without help from the recording.

    wnv brings Windows' network providers along; `add` puts more into your profile (WNV_HOME names its folder).
    """


@catalog.command("list", epilog="\b\nExamples:\n  wnv catalog list\n  wnv catalog list --format json")
@_form_option
def list_providers(form: str) -> int:
    """List the providers."""
    from wnv.decode.catalog import Catalog

    known = Catalog()
    rows = []
    for guid, name in known.providers():
        sources = "+".join(source.value for source in known.sources(guid))
        rows.append({"name": name, "guid": guid, "events": len(known.events(guid)), "source": sources})
    if form == "json":
        print_json(rows)
        return 0
    table = TextTable(("provider", "GUID", "events", "from"), right=(False, False, True, False))
    for line in table.lines([[str(cell) for cell in row.values()] for row in rows]):
        click.echo(line)
    return 0


@catalog.command(
    epilog="\b\nExamples:\n"
    "  wnv catalog show Microsoft-Windows-TCPIP\n"
    "  wnv catalog show NDIS-PacketCapture 1001 --build 14393\n"
    "  wnv catalog show PktMon 160 --format json"
)
@click.argument("provider")
@click.argument("event_id", metavar="[ID]", type=click.IntRange(0, 0xFFFF), required=False)
@click.option("--build", type=click.IntRange(0), default=0, help="As this build of Windows has it, such as 20348.")
@_form_option
def show(provider: str, event_id: int | None, build: int, form: str) -> int:
    """List the events of a provider, or the fields of one of them.

    PROVIDER is a name, the end of one (VmSwitch) or a GUID.
    """
    from wnv.decode.catalog import Catalog

    known = Catalog()
    guid = known.find(provider)
    newest = known.events(guid)
    if event_id is not None:
        newest = [event for event in newest if event.event_id == event_id]
        if not newest:
            raise UsageError(
                f"the catalog has no event {event_id} of {provider}",
                advice=f"`wnv catalog show {provider}` lists those it has.",
            )
    found = [known.describe(guid, event.event_id, event.version, build=build) or event for event in newest]
    if form == "json":
        print_json([_row(event) for event in found])
        return 0
    lines = _overview(known, guid, found) if event_id is None else _details(found)
    for line in lines:
        click.echo(line)
    return 0


@catalog.command(epilog="\b\nExamples:\n  wnv catalog add MyProvider.man\n  wnv catalog add schemas/MyProvider.json")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def add(file: Path) -> int:
    """Add the providers of an instrumentation manifest (.man) or of a JSON dump.

    They are kept in your profile and used for recordings that do not say themselves how their events are laid out.
    A manifest of one recording can lie beside it instead: NAME.man or NAME.anything.man beside NAME.etl.
    """
    from wnv.decode.catalog import add_file

    for provider in add_file(file):
        say(f"added {provider.name} {{{provider.guid}}}: {len(provider.events):,} events")
    return 0


def _overview(known: Catalog, guid: str, events: list[EventDescription]) -> Iterator[str]:
    sources = ", ".join(source.value for source in known.sources(guid))
    yield bold(visible(f"{dict(known.providers())[guid]} {{{guid}}}, from: {sources}"))
    table = TextTable(("id", "ver", "lvl", "name", "summary or fields"), right=(True, True, True, False, False))
    yield from table.lines(
        [
            [
                str(event.event_id),
                str(event.version),
                "" if event.level is None else str(event.level),
                event.name or event.task,
                event.summary or " ".join(field.name for field in event.fields),
            ]
            for event in events
        ]
    )


def _details(events: list[EventDescription]) -> Iterator[str]:
    for event in events:
        name = " ".join(word for word in (event.name or event.task, event.opcode) if word)
        yield bold(visible(f"event {event.event_id} version {event.version} {name}".rstrip()))
        if event.summary:
            yield visible(f"  {event.summary}")
        if event.keywords:
            yield visible(f"  keywords: {', '.join(event.keywords)}")
        if event.reason:
            yield visible(f"  confidence {event.confidence}: {event.reason}")
        yield from _layout(event)
        for other in event.alternatives:
            yield visible(f"  or, {other.reason}:")
            yield from _layout(other)


def _layout(event: EventDescription) -> Iterator[str]:
    rows = [cells for field in event.fields for cells in _cells(field, "")]
    if rows:
        yield from TextTable(("field", "type", "words"), right=(False, False, False), indent="    ").lines(rows)
    else:
        yield "    no fields"


def _cells(field: FieldDescription, indent: str) -> Iterator[list[str]]:
    kind = field.in_type.name.lower()
    if field.length is not None:
        kind += f"({field.length})"
    if field.count is not None:
        kind += f"[{field.count}]"
    if field.out_type:
        kind += f" as {field.out_type.name.lower()}"
    if field.is_unsure:
        kind += " (unsure)"
    yield [indent + field.name, kind, _words(field.map)]
    for member in field.members:
        yield from _cells(member, indent + "  ")


def _words(value_map: ValueMap | None) -> str:
    if value_map is None:
        return ""
    shown = [f"{value} {word}" for value, word in sorted(value_map.words.items())]
    return ", ".join(shown[:_WORDS_SHOWN] + (["…"] if len(shown) > _WORDS_SHOWN else []))


def _row(event: EventDescription) -> dict[str, Any]:  # Any: JSON
    row = {
        "provider": event.provider_name,
        "guid": event.provider,
        "id": event.event_id,
        "version": event.version,
        "name": event.name,
        "task": event.task,
        "opcode": event.opcode,
        "level": event.level,
        "keywords": list(event.keywords),
        "summary": event.summary,
        "source": event.source.value,
        "confidence": event.confidence,
        "reason": event.reason,
        "fields": [_field_row(field) for field in event.fields],
    }
    if event.alternatives:
        row["alternatives"] = [_row(other) for other in event.alternatives]
    return row


def _field_row(field: FieldDescription) -> dict[str, Any]:  # Any: JSON
    row: dict[str, Any] = {"name": field.name, "in_type": field.in_type.name, "out_type": field.out_type.name}
    row |= {"length": field.length, "count": field.count, "is_unsure": field.is_unsure}
    if field.map is not None:
        row["words"] = {str(value): word for value, word in field.map.words.items()}
        row["is_bits"] = field.map.is_bits
    if field.members:
        row["members"] = [_field_row(member) for member in field.members]
    return row
