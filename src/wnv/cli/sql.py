"""`wnv sql`: the tables of a recording, asked in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wnv.cli.output import cache_option, say, trace_argument, with_tables
from wnv.cli.results import (
    file_suffix,
    format_option,
    is_number,
    plain_cells,
    raw_option,
    show_rows,
    write_rows,
)  # fmt: skip
from wnv.errors import UsageError
from wnv.schema import BASE_TABLES, DERIVED_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.sql.child import Limits
    from wnv.sql.engine import Source
    from wnv.trace import Trace

_ALL = "*"
_STORED = {table.name: table for table in (*BASE_TABLES, *DERIVED_TABLES)}


@click.command(
    epilog="\b\nExamples:\n"
    "  wnv sql trace.etl --tables\n"
    "  wnv sql trace.etl --describe observations\n"
    '  wnv sql trace.etl "SELECT protocol, count(*) FROM packets GROUP BY 1 ORDER BY 2 DESC"\n'
    '  wnv sql trace.wnv "SELECT * FROM drops" --format csv > drops.csv\n'
    '  wnv sql trace.wnv "SELECT * FROM packets WHERE dport = 53" -w dns.parquet'
)
@trace_argument
@click.argument("query", metavar="[QUERY]", required=False)
@format_option
@click.option(
    "-w", "--write", "out", metavar="FILE", help="File to write: its name ends with .parquet, .csv, .jsonl or .json."
)
@click.option("--tables", "list_tables", is_flag=True, help="List the tables there are.")
@click.option(
    "--describe", metavar="[TABLE]", is_flag=False, flag_value=_ALL, help="List the columns of a table, or of all."
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=1_000_000,
    show_default=True,
    help="Stop after so many rows.",
)
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(0.1), default=60.0, show_default=True,
    help="End a query that takes longer.",
)  # fmt: skip
@click.option(
    "--memory", metavar="MIB", type=click.IntRange(64), default=1024, show_default=True,
    help="End a query that needs more.",
)  # fmt: skip
@raw_option
@cache_option
def sql(
    trace: Path, query: str | None, form: str, out: str | None, list_tables: bool, describe: str | None, limit: int,
    timeout: float, memory: int, raw: bool, use_cache: bool,
) -> int:  # fmt: skip
    """Ask the tables of a recording in SQL (the dialect is DuckDB's).

    The query runs in a process of its own, which can read the tables and nothing else, and ends when its time or
    memory is used up. Times are nanoseconds UTC; `to_timestamp(ts_ns / 1e9)` shows them.
    """
    if sum((query is not None, list_tables, describe is not None)) != 1:
        raise UsageError("give a query, or --tables, or --describe", advice='wnv sql TRACE "SELECT * FROM session"')
    if describe is not None:
        return _describe(describe, form)
    suffix = None
    if out is not None:
        from wnv.export.tables import SUFFIXES

        suffix = file_suffix(out, SUFFIXES)
    with with_tables([trace], use_cache=use_cache) as opened:
        if query is None:
            return _list_tables(opened, form)
        from wnv.sql.child import Limits

        limits = Limits(seconds=timeout, rows=limit, memory_bytes=memory << 20, result_bytes=1 << 62)
        _run(_sources(opened, query), query, limits, form, out, suffix, raw=raw)
    return 0


def _sources(trace: Trace, query: str) -> Mapping[str, Source]:
    """The tables that a query can mean: those that have to be made first only if their name stands in it."""
    from wnv.sql.queries import mentioned

    return {name: trace.dataset(name) for name in mentioned(query, _STORED, [table.name for table in BASE_TABLES])}


def _run(
    tables: Mapping[str, Source],
    query: str,
    limits: Limits,
    form: str,
    out: str | None,
    suffix: str | None,
    *,
    raw: bool,
) -> None:
    from wnv.sql.restricted import Restricted

    with Restricted(tables, query, limits) as result:
        if out is not None and suffix is not None:
            from wnv.export.tables import file_writer
            from wnv.export.target import Target

            n = 0
            with Target(out, is_binary=suffix == ".parquet") as target:
                writer = file_writer(target, suffix, result.schema, raw=raw)
                for batch in result:
                    writer.write(batch)
                    n += batch.num_rows
                writer.close()
            say(f"{out}: {n:,} rows")
        elif form == "table":
            right = [is_number(kind) for kind in result.schema.types]
            show_rows(result, result.schema.names, plain_cells, right=right)
        else:
            write_rows(result, result.schema, form, raw=raw)
        if result.is_cut:
            say(f"cut after {limits.rows:,} rows: --limit sets how many there may be")


def _list_tables(trace: Trace, form: str) -> int:
    import pyarrow as pa

    from wnv.sql.engine import views

    names = list(_STORED)
    rows = {
        "table": [*names, *views(names)],
        "rows": [*(trace.dataset(name).count_rows() for name in names), *(None for _ in views(names))],
        "one_row_is": [*(_STORED[name].text for name in names), *("A view: see --describe." for _ in views(names))],
    }
    _put(pa.RecordBatch.from_pydict(rows), form)
    return 0


def _describe(name: str, form: str) -> int:
    import pyarrow as pa

    tables = dict(_STORED) if name == _ALL else {name: _STORED[name]} if name in _STORED else {}
    found: list[dict[str, object]] = [
        {"table": table.name, "column": one.name, "type": one.kind.value, "null": one.is_nullable, "meaning": one.text}
        for table in tables.values() for one in table.columns
    ]  # fmt: skip
    found += _describe_views(name)
    if not found:
        raise UsageError(f"there is no table {name!r}", advice=f"There are: {', '.join((*_STORED, *_view_names()))}.")
    _put(pa.RecordBatch.from_pylist(found), form)
    return 0


def _view_names() -> list[str]:
    from wnv.sql.engine import views

    return views(list(_STORED))


def _describe_views(name: str) -> list[dict[str, object]]:
    """Columns of the views, with the meaning that the same column has in a table."""
    from wnv.sql.engine import connect
    from wnv.store.arrow import arrow_schema

    wanted = [view for view in _view_names() if name in (_ALL, view)]
    if not wanted:
        return []
    known = {column.name: column for table in _STORED.values() for column in table.columns}
    connection = connect({table.name: arrow_schema(table).empty_table() for table in _STORED.values()})
    found: list[dict[str, object]] = []
    for view in wanted:
        for column, kind, *_ in connection.execute(f"DESCRIBE {view}").fetchall():
            one = known.get(column)
            found.append({
                "table": view, "column": column, "type": one.kind.value if one else kind.lower(), "null": True,
                "meaning": one.text if one else "",
            })  # fmt: skip
    return found


def _put(batch: pa.RecordBatch, form: str) -> None:
    if form == "table":
        names = [name.replace("_", " ") for name in batch.schema.names]
        show_rows([batch], names, plain_cells, right=[is_number(kind) for kind in batch.schema.types])
    else:
        write_rows([batch], batch.schema, form)
