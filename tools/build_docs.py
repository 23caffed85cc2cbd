"""Makes the pages of docs/reference that follow from the code: tables.md, tables.ts, cli.md, filters.md and layouts.md.

Run it after a change of `schema.py` or of a command: `python3 dev.py docs`; given a folder, the pages go there. The
same code always gives the same bytes, and tests/test_docs.py checks that the committed pages are up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from filters_page import filter_lines
from layouts_page import layout_lines

from wnv.cli.main import COMMANDS, cli
from wnv.schema import TABLES, Kind, Table

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "Made by tools/build_docs.py: change the code, then run `python3 dev.py docs`."
NOTICE = f"<!-- {MADE} -->"
KIND_WORDS = (
    ("integer", "a whole number"),
    ("unsigned", "a whole number from 0 to 2^64 - 1"),
    ("text", "text"),
    ("time", "nanoseconds since 1970-01-01 UTC, a whole number"),
    ("guid", "a GUID as text, lower case, without braces"),
    ("number", "a number with a fraction"),
    ("flag", "true or false"),
    ("json", "JSON, as text"),
    ("bytes", "bytes"),
    ("rows", "a list of whole numbers, rows of another table"),
)


def render_tables(tables: Sequence[Table] = TABLES) -> str:
    """docs/reference/tables.md."""
    return _page(_table_lines(tables))


def render_cli() -> str:
    """docs/reference/cli.md."""
    return _page(_command_lines())


def render_types(tables: Sequence[Table] = TABLES) -> str:
    """docs/reference/tables.ts: a row of each table as the page gets it."""
    return _page(_type_lines(tables))


def render_filters() -> str:
    """docs/reference/filters.md."""
    return _page(filter_lines(NOTICE))


def render_layouts() -> str:
    """docs/reference/layouts.md."""
    return _page(layout_lines(NOTICE))


PAGES = {
    "tables.md": render_tables, "tables.ts": render_types, "cli.md": render_cli, "filters.md": render_filters,
    "layouts.md": render_layouts,
}  # fmt: skip
"""What makes each page, by its name."""


def _table_lines(tables: Sequence[Table]) -> Iterator[str]:
    yield "# Tables"
    yield ""
    yield NOTICE
    yield ""
    yield "The tables as `src/wnv/schema.py` declares them. `wnv events --format csv` and `--format jsonl` have the"
    yield "columns of `events`; `wnv info --format json` has rows of `session`, `points` and `diagnostics`, and more."
    yield "A null means that the recording does not say."
    yield ""
    yield from _grid(("type", "is"), KIND_WORDS)
    for table in tables:
        yield ""
        yield f"## {table.name}"
        yield ""
        yield f"One row is: {table.text[0].lower()}{table.text[1:]}"
        yield ""
        rows = [(f"`{one.name}`", one.kind.value, "yes" if one.is_nullable else "", one.text) for one in table.columns]
        yield from _grid(("column", "type", "null", "meaning"), rows)


_SCRIPT_TYPES = {
    Kind.INTEGER: "number", Kind.UNSIGNED: "string", Kind.TEXT: "string", Kind.TIME: "number", Kind.NUMBER: "number",
    Kind.FLAG: "boolean", Kind.JSON: "unknown", Kind.GUID: "string", Kind.BYTES: "string", Kind.ROWS: "number[]",
}  # fmt: skip


def _type_lines(tables: Sequence[Table]) -> Iterator[str]:
    yield f"// {MADE}"
    yield "// Times are nanoseconds since the recording began, since those since 1970 do not fit a number; so do not"
    yield "// unsigned numbers of 64 bits, which are decimal digits. Bytes are hexadecimal digits."
    for table in tables:
        yield ""
        yield f"/** {table.text} */"
        yield f"export interface {''.join(word.title() for word in table.name.split('_'))} {{"
        for one in table.columns:
            yield f"  /** {one.text} */"
            yield f"  {one.name}: {_SCRIPT_TYPES[one.kind]}{' | null' if one.is_nullable else ''};"
        yield "}"


def _command_lines() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield NOTICE
    yield ""
    yield from _help_lines(cli)
    yield ""
    yield from _grid(("command", "answers"), [(f"[`wnv {name}`](#wnv-{name})", COMMANDS[name][2]) for name in COMMANDS])
    yield ""
    yield str(cli.epilog)
    context = click.Context(cli, info_name="wnv")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield from _one_command(f"wnv {name}", command, "##")
        if isinstance(command, click.Group):
            for part in command.list_commands(context):
                inner = command.get_command(context, part)
                assert inner is not None
                yield from _one_command(f"wnv {name} {part}", inner, "###")


def _one_command(title: str, command: click.Command, mark: str) -> Iterator[str]:
    yield ""
    yield f"{mark} {title}"
    yield ""
    yield "```"
    inner = ["COMMAND"] if isinstance(command, click.Group) else []
    yield " ".join([title, *inner, "[OPTIONS]", *(one.metavar or "" for one in _arguments(command))])
    yield "```"
    yield ""
    yield from _help_lines(command)
    options = [_option_row(one) for one in _options(command)]
    if options:
        yield ""
        yield from _grid(("option", "does"), options)
    if command.epilog:
        yield ""
        yield from _example_lines(command.epilog)


def _help_lines(command: click.Command) -> Iterator[str]:
    """The help as paragraphs; blocks that click leaves as they are become code."""
    for number, block in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        if number:
            yield ""
        if block.startswith("\b\n"):
            yield from _example_lines(block)
        else:
            yield block


def _example_lines(block: str) -> Iterator[str]:
    title, *lines = block.removeprefix("\b\n").splitlines()
    yield title
    yield ""
    yield "```"
    yield from (line.removeprefix("  ") for line in lines)
    yield "```"


def _arguments(command: click.Command) -> list[click.Argument]:
    return [one for one in command.params if isinstance(one, click.Argument)]


def _options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


def _option_row(option: click.Option) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" `{_value_name(option)}`"
    # What is in brackets already was written for the terminal, where nothing else shows the default.
    meaning = re.sub(r"\s*\[default: (.*)\]$", r" Default: \1.", option.help or "")
    if option.show_default is True:
        meaning = f"{meaning} Default: {option.default}."
    return names + value, meaning.strip()


def _value_name(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    return "N" if isinstance(option.type, click.types.IntParamType) else option.type.name.upper()


def _grid(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (titles, ["---"] * len(titles), *rows):
        yield "".join(f"| {_escaped(cell)} " if cell else "| " for cell in row) + "|"


def _escaped(cell: str) -> str:
    """`cell` without what Markdown would take for the end of a cell, or for HTML."""
    return cell.replace("|", "\\|").replace("<", "&lt;")


def _page(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE)
