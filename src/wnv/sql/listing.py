"""Sightings of packets as rows for people and programs, in order of time and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from wnv.arrays import I64
from wnv.schema import FRAMES, OBSERVATIONS, TABLES
from wnv.sql.engine import connect, read_batches
from wnv.sql.filters import Condition

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from wnv.sql.engine import Source

_CHUNK_ROWS: Final = (1 << 11, 1 << 17)
"""Rows that are put together at a time: first few, for those who look at the beginning, then more and more."""
_CHUNK_ROWS_WITH_BYTES: Final = 1 << 15
_HOP_SPREAD_NS: Final = 1_000_000_000
"""Sightings that are one hop lie closer together."""
BASE: Final = ("observations", "frames", "points")
DERIVED: Final = ("hops", "journeys")
COLUMNS: Final = {
    "number": "observations.observation_id + 1", "observation_id": "observations.observation_id",
    "session_id": "observations.session_id", "event_row": "observations.event_row",
    "frame_id": "observations.frame_id", "ts_ns": "observations.ts_ns", "point": "points.name",
    "direction": "observations.direction", "src": "frames.src", "sport": "frames.sport", "dst": "frames.dst",
    "dport": "frames.dport", "protocol": "frames.protocol", "original_bytes": "frames.original_bytes",
    "captured_bytes": "frames.captured_bytes", "info": "frames.info", "vlan": "observations.vlan",
    "is_drop": "observations.is_drop", "drop_reason": "observations.drop_reason",
    "drop_location": "observations.drop_location",
}  # fmt: skip
"""Columns of the rows, and where they stand. `number` counts from 1, as in a capture of all packets."""
HOP_COLUMNS: Final = {
    "journey_id": "hop.journey_id", "hop": "hop.seq + 1", "n_hops": "way.n_hops", "outcome": "way.outcome",
    "outcome_reason": "way.drop_reason",
}  # fmt: skip
"""More of them, where journeys are known: which hop of how many, from 1, how the journey ended, why it was a drop."""
EVERY_COLUMN: Final = {
    "number": "observations.observation_id + 1", **{name: f"observations.{name}" for name in OBSERVATIONS.names},
    "point": "points.name", "point_kind": "points.kind", "host": "points.host",
    **{name: f"frames.{name}" for name in FRAMES.names if name not in ("frame_id", "session_id")},
}  # fmt: skip
"""All that is known of a sighting and its frame, its bytes, too."""
_WAY: Final = "CREATE TEMP TABLE way AS SELECT journey_id, n_hops, outcome, drop_reason FROM journeys"
_FROM: Final = """
FROM observations
LEFT JOIN points ON points.point_id = observations.point_id
LEFT JOIN (SELECT * FROM frames WHERE frames.frame_id BETWEEN $first_frame AND $last_frame) frames
    ON frames.frame_id = observations.frame_id
"""
_HOPS: Final = """
LEFT JOIN (
    SELECT event_row, point, min(journey_id) AS journey_id, min(seq) AS seq
    FROM (
        SELECT unnest(hops.evidence) AS event_row, hops.point, hops.journey_id, hops.seq
        FROM hops WHERE hops.ts_ns BETWEEN $first_ns AND $last_ns
    )
    GROUP BY event_row, point
) hop ON hop.event_row = observations.event_row AND hop.point = points.name
LEFT JOIN way ON way.journey_id = hop.journey_id
"""
_WHERE: Final = """
WHERE observations.observation_id BETWEEN $first AND $last
    AND observations.observation_id IN (SELECT observation_id FROM chosen)
ORDER BY observations.observation_id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sightings: those that `condition` is true of, from `start_ns` to before `end_ns`, `count` at most."""

    condition: Condition
    start_ns: int | None = None
    end_ns: int | None = None
    count: int | None = None

    def sql(self) -> tuple[str, list[object]]:
        """What stands behind WHERE, and the values of its `?`."""
        parts, values = [f"({self.condition.sql})"], list[object](self.condition.values)
        if self.start_ns is not None:
            parts.append("observations.ts_ns >= ?")
            values.append(self.start_ns)
        if self.end_ns is not None:
            parts.append("observations.ts_ns < ?")
            values.append(self.end_ns)
        return " AND ".join(parts), values


def at_points(condition: Condition, names: Sequence[str]) -> Condition:
    """The same, only at these points; none = at all."""
    if not names:
        return condition
    places = f"SELECT points.point_id FROM points WHERE points.name IN ({', '.join('?' * len(names))})"
    sql = f"({condition.sql}) AND observations.point_id IN ({places})"
    return Condition(sql, (*condition.values, *names), condition.tables | {"points"})


def packet_batches(
    tables: Mapping[str, Source], wanted: Wanted, columns: Mapping[str, str] = COLUMNS
) -> Iterator[pa.RecordBatch]:
    """Rows with `columns`, and with `HOP_COLUMNS` if `tables` has hops and journeys."""
    with connect(tables) as connection:
        has_hops = all(name in tables for name in DERIVED)
        if has_hops:
            connection.execute(_WAY)
        chosen = _choose(connection, wanted)
        size, most = _CHUNK_ROWS
        if "bytes" in columns:
            most = min(most, _CHUNK_ROWS_WITH_BYTES)
        start = 0
        while start < len(chosen):
            yield from _rows(connection, chosen.slice(start, size), columns, has_hops=has_hops).to_batches()
            start, size = start + size, min(4 * size, most)


def packet_schema(tables: Mapping[str, Source], columns: Mapping[str, str] = COLUMNS) -> pa.Schema:
    """Names and types of the columns of `packet_batches`."""
    import pyarrow as pa

    from wnv.store.arrow import arrow_schema

    empty = {table.name: arrow_schema(table).empty_table() for table in TABLES if table.name in tables}
    row = {"observation_id": pa.array([0]), "frame_id": pa.array([0]), "ts_ns": pa.array([0])}
    with connect(empty) as connection:
        has_hops = all(name in tables for name in DERIVED)
        if has_hops:
            connection.execute(_WAY)
        return _rows(connection, pa.table(row), columns, has_hops=has_hops).schema


def sightings_by_channel(tables: Mapping[str, Source], wanted: Wanted) -> tuple[I64, I64, dict[tuple[int, str], int]]:
    """Of the sightings with a frame: `event_row` and `point_id`, and how many there are by point and link type."""
    where, values = wanted.sql()
    query = (
        "SELECT observations.event_row, observations.point_id, frames.link_type FROM observations"
        f" JOIN frames ON frames.frame_id = observations.frame_id WHERE {where} ORDER BY observations.observation_id"
    )
    if wanted.count is not None:
        query += f" LIMIT {wanted.count:d}"
    with connect(tables) as connection:
        found = read_batches(connection, query, values).read_all()
    groups = found.group_by(["point_id", "link_type"]).aggregate([([], "count_all")])
    counts = {(row["point_id"], row["link_type"]): row["count_all"] for row in groups.to_pylist()}
    return _numbers(found, "event_row"), _numbers(found, "point_id"), counts


def _choose(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> pa.Table:
    """Numbers of the sightings that are wanted, in order, with those of their frames and their times."""
    where, values = wanted.sql()
    query = f"SELECT observation_id, frame_id, ts_ns FROM observations WHERE {where} ORDER BY observation_id"
    if wanted.count is not None:
        query += f" LIMIT {wanted.count:d}"
    return read_batches(connection, query, values).read_all()


def _rows(
    connection: duckdb.DuckDBPyConnection, chosen: pa.Table, columns: Mapping[str, str], *, has_hops: bool
) -> pa.Table:
    ids = _numbers(chosen, "observation_id")
    frames, times = _numbers(chosen, "frame_id"), _numbers(chosen, "ts_ns")
    values = {"first": int(ids[0]), "last": int(ids[-1]), "first_frame": _least(frames), "last_frame": _most(frames)}
    shown, query = dict(columns), _FROM
    if has_hops:
        shown |= HOP_COLUMNS
        query += _HOPS
        values |= {"first_ns": _least(times) - _HOP_SPREAD_NS, "last_ns": _most(times) + _HOP_SPREAD_NS}
    connection.register("chosen", chosen.select(["observation_id"]))
    listed = ", ".join(f"{sql} AS {name}" for name, sql in shown.items())
    relation = connection.sql(f"SELECT {listed} {query} {_WHERE}", params=values)
    assert relation is not None
    return relation.to_arrow_table()


def _numbers(table: pa.Table, name: str) -> I64:
    """Those that are not null."""
    numbers: I64 = table.column(name).drop_null().to_numpy()
    return numbers


def _least(numbers: I64) -> int:
    return int(np.min(numbers)) if len(numbers) else 0


def _most(numbers: I64) -> int:
    return int(np.max(numbers)) if len(numbers) else -1
