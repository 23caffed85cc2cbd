"""Our own queries over the tables of a trace, on a connection that reads nothing but them.

What people type does not run here but in a process of its own: see `restricted`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as ds

    Source: TypeAlias = ds.Dataset | pa.Table
    """Rows of a table."""

BATCH_ROWS: Final = 16_384
_VIEWS: Final = {"packets": ("observations", "points", "frames")}
"""The views of `views/*.sql`, and the tables each reads."""
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    # Names of tables are those registered, never variables of the program.
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
}
# Only a connection that is open takes these.
_CLOSED: Final = (
    "enable_progress_bar = false", "secret_directory = ''", "allowed_directories = []",
    "enable_external_access = false",
)  # fmt: skip
_PATTERNS: Final = frozenset("*?[")  # DuckDB takes a path with one of them for several


def connect(
    tables: Mapping[str, Source], settings: Sequence[str] = (), *, is_handed_in: bool = False, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that knows `tables`, the views over them, and our macros. `settings`: as `SET` takes them.

    It can read no file but those of the tables, which it reads by itself, three times as fast as Arrow hands them in;
    with `is_handed_in` it can touch none. To the folder `spill` it may write what does not fit into memory. Values that
    come from elsewhere are bound, never part of a query's text.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config=_CONFIG)
    allowed: list[str] = []
    for name, rows in tables.items():
        paths = [] if is_handed_in else _parquet_files(rows)
        if paths:
            connection.execute(f'CREATE VIEW "{name}" AS FROM read_parquet([{_listed(paths)}])')
            allowed += paths
        else:
            connection.register(name, rows)
    for text in (_text("macros"), *view_texts(tables)):
        connection.execute(text)
    temporary = f"temp_directory = {_listed([str(spill) if spill is not None else ''])}"
    for setting in (f"allowed_paths = [{_listed(allowed)}]", temporary, *_CLOSED, *settings):
        connection.execute(f"SET {setting}")
    return connection


def _parquet_files(rows: Source) -> list[str]:
    """The files of a table that DuckDB can read by itself; empty if there are none, or by Arrow alone."""
    import pyarrow.dataset as ds

    if not isinstance(rows, ds.FileSystemDataset) or not isinstance(rows.format, ds.ParquetFileFormat):
        return []
    paths = [os.path.abspath(file) for file in rows.files]  # noqa: PTH100 - links stay as they are
    return [] if any(_PATTERNS & set(path) for path in paths) else paths


def _listed(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def views(tables: Collection[str]) -> list[str]:
    """Names of the views that can be made over `tables`."""
    return [name for name, needed in _VIEWS.items() if all(table in tables for table in needed)]


def view_texts(tables: Collection[str]) -> list[str]:
    return [_text(name) for name in views(tables)]


def _text(name: str) -> str:
    return (files("wnv.sql") / "views" / f"{name}.sql").read_text(encoding="utf-8")


def read_batches(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = (), *, n_rows: int = BATCH_ROWS
) -> pa.RecordBatchReader:
    """The rows of a query as they come; until the last one is read, the connection takes no other query."""
    relation = connection.sql(query, params=list(values)) if values else connection.sql(query)
    if relation is None:
        raise ValueError("a statement that gives no rows")
    return relation.to_arrow_reader(n_rows)
