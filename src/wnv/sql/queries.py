"""Whole results of queries that a program makes: what notebooks get.

Such a query is as trusted as the program. It still sees no file but those of the tables.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from wnv.sql.engine import connect, read_batches, views
from wnv.sql.restricted import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.sql.engine import Source


def read_rows(tables: Mapping[str, Source], query: str, values: Sequence[object] = ()) -> pa.Table:
    """All rows of a query over `tables`; `values` take the places of its `?`. Raises `QueryError` if it is wrong."""
    import duckdb

    connection = connect(tables)
    try:
        return read_batches(connection, query, values).read_all()
    except (duckdb.Error, ValueError) as error:
        raise QueryError(str(error), advice="`wnv sql TRACE --tables` lists the tables.") from None
    finally:
        connection.close()


def mentioned(query: str, tables: Collection[str], always: Collection[str]) -> list[str]:
    """Of `tables`, those that a query may read: `always`, and others whose name, or that of a view over them, is in it.

    What is found too much costs time; nothing is found too little.
    """
    words = set(re.findall(r"\w+", query.lower()))
    if any(view in words for view in set(views(tables)) - set(views(always))):
        return list(tables)
    return [name for name in tables if name in always or name in words]
