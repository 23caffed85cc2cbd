"""Rows on standard output: tables for people, page by page on a terminal, and formats for programs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from wnv.cli.output import TextTable
from wnv.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

Cells: TypeAlias = Callable[["pa.RecordBatch"], Sequence[Sequence[str]]]
"""The rows of a batch as texts for people."""

FORMS = ("table", "json", "jsonl", "csv")
format_option = click.option("--format", "form", type=click.Choice(FORMS), default="table", show_default=True)
raw_option = click.option("--raw", is_flag=True, help="With csv: leave cells that begin with = + - @ as they are.")
_SHORT_PAGES = "-RSX"  # less: colours, no wrapping, and what was shown stays on the screen


def write_rows(batches: Iterable[pa.RecordBatch], schema: pa.Schema, form: str, *, raw: bool = False) -> int:
    """Rows in a format for programs, as they come; how many there were."""
    from wnv.export.tables import BatchWriter, CsvWriter, JsonWriter

    out = sys.stdout
    writer: BatchWriter
    if form == "csv":
        writer = CsvWriter(out.write, schema, raw=raw)
    else:
        writer = JsonWriter(out.write, schema, is_lines=form == "jsonl")
    n = 0
    for batch in batches:
        writer.write(batch)
        n += batch.num_rows
    writer.close()
    return n


def show_rows(
    batches: Iterable[pa.RecordBatch], headings: Sequence[str], cells: Cells, *, right: Sequence[bool]
) -> int:
    """Rows as a table for people; how many there were."""
    table, n = TextTable(headings, right=right), 0

    def lines() -> Iterator[str]:
        nonlocal n
        is_empty = True
        for batch in batches:
            rows = cells(batch)
            n += len(rows)
            if rows:
                is_empty = False
                yield "\n".join(table.lines(rows)) + "\n"
        if is_empty:
            yield "".join(line + "\n" for line in table.lines([]))

    show_text(lines())
    return n


def show_text(pieces: Iterable[str]) -> None:
    """Text as it comes; on a terminal, where it is longer than the screen, by the pager."""
    rest = iter(pieces)
    if sys.stdout.isatty() and sys.stdin.isatty():
        first, n_left = [], shutil.get_terminal_size().lines - 1
        for piece in rest:
            first.append(piece)
            n_left -= piece.count("\n")
            if n_left < 0:
                os.environ.setdefault("LESS", _SHORT_PAGES)
                click.echo_via_pager(chain(first, rest))
                return
        rest = iter(first)
    for piece in rest:
        click.echo(piece, nl=False)


def plain_cells(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
    """Every value as text; nulls are empty."""
    import json

    from wnv.export.tables import plain_columns

    def shown(value: object) -> str:
        if isinstance(value, (list, dict)):
            return json.dumps(value, ensure_ascii=False)
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return [tuple(map(shown, row)) for row in zip(*plain_columns(batch), strict=True)]


def is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def file_suffix(out: str, suffixes: Sequence[str]) -> str:
    """The suffix that says what `out` is written as. Raises `UsageError` for any but `suffixes`."""
    suffix = Path(out).suffix.lower()
    if suffix not in suffixes:
        raise UsageError(
            f"{out}: its name does not say what to write", advice=f"Let it end with one of: {', '.join(suffixes)}."
        )
    return suffix
