"""Journeys, hops, drops, NAT sessions, conversations and times between hops, as rows for people and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wnv.schema import TABLES
from wnv.sql.engine import connect, read_batches
from wnv.sql.filters import Condition

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.sql.engine import Source

_NAMES: Final = {table.name: table.names for table in TABLES}
_ORDER: Final = {
    "journeys": "journey_id", "drops": "drop_id", "nat_sessions": "nat_id", "flows": "flow_id",
    "hops": "journey_id, seq",
}  # fmt: skip
EVERYTHING: Final = Condition("TRUE", (), frozenset())
_GROUPS: Final = """
SELECT count(*) AS n_drops, drops.drop_reason, any_value(drops.drop_reason_code) AS drop_reason_code,
    drops.drop_location, drops.point, any_value(drops.nic) AS nic, any_value(drops.vswitch) AS vswitch,
    any_value(drops.port) AS port, replace(drops.rule, ' (flow cached)', '') AS rule,
    min(drops.ts_ns) AS first_ns, max(drops.ts_ns) AS last_ns,
    any_value(drops.advice) AS advice, min(drops.journey_id) AS journey_id, min(drops.frame_id) AS frame_id,
    min(drops.confidence) AS confidence, arg_min(drops.protocol, drops.drop_id) AS protocol,
    arg_min(drops.src, drops.drop_id) AS src, arg_min(drops.sport, drops.drop_id) AS sport,
    arg_min(drops.dst, drops.drop_id) AS dst, arg_min(drops.dport, drops.drop_id) AS dport
FROM drops WHERE {where}
GROUP BY drops.drop_reason, drops.drop_location, drops.point, replace(drops.rule, ' (flow cached)', '')
ORDER BY n_drops DESC, first_ns
"""
_BETWEEN: Final = """
WITH step AS (
    SELECT hops.journey_id, hops.latency_ns, hops.point, hops.from_point FROM (
        SELECT *, lag(point) OVER (PARTITION BY journey_id ORDER BY seq) AS from_point FROM hops
    ) AS hops WHERE {where}
)
SELECT from_point, point, count(*) AS n, quantile_disc(latency_ns, 0.5) AS p50_ns,
    quantile_disc(latency_ns, 0.95) AS p95_ns, quantile_disc(latency_ns, 0.99) AS p99_ns,
    max(latency_ns) AS max_ns, arg_max(journey_id, [latency_ns, -journey_id]) AS worst_journey_id
FROM step WHERE from_point IS NOT NULL AND latency_ns IS NOT NULL
GROUP BY from_point, point ORDER BY p50_ns * n DESC, from_point, point
"""
_INTO: Final = """
SELECT coalesce(hops.nic, hops.vswitch, hops.point) AS component, count(*) AS n,
    quantile_disc(hops.latency_ns, 0.5) AS p50_ns, quantile_disc(hops.latency_ns, 0.95) AS p95_ns,
    quantile_disc(hops.latency_ns, 0.99) AS p99_ns, max(hops.latency_ns) AS max_ns,
    arg_max(hops.journey_id, [hops.latency_ns, -hops.journey_id]) AS worst_journey_id
FROM hops WHERE hops.latency_ns IS NOT NULL AND {where}
GROUP BY component ORDER BY p50_ns * n DESC, component
"""
_WHOLE: Final = """
SELECT journeys.journey_id, journeys.last_ns - journeys.first_ns AS transit_ns, journeys.protocol, journeys.src,
    journeys.sport, journeys.dst, journeys.dport, journeys.path, journeys.n_hops, journeys.outcome
FROM journeys WHERE journeys.n_hops > 1 AND journeys.last_ns IS NOT NULL AND {where}
"""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Where time goes: by step from one point to the next, and by whole journeys."""

    steps: pa.Table
    """A row a pair of points: from_point, point, n, p50_ns, p95_ns, p99_ns, max_ns, worst_journey_id."""
    components: pa.Table
    """A row a NIC, switch or other part: component, and as in `steps`, of the time from the hop before to it."""
    worst: pa.Table
    """The slowest journeys."""
    histogram: list[tuple[int, int]]
    """Whole journeys by the time they took: lower bound in ns (powers of two), and how many."""


def select(
    tables: Mapping[str, Source], table: str, condition: Condition = EVERYTHING, count: int | None = None
) -> pa.RecordBatchReader:
    """Rows of a derived table in order, with all its columns."""
    names = ", ".join(f"{table}.{name}" for name in _NAMES[table])
    query = f"SELECT {names} FROM {table} WHERE {condition.sql} ORDER BY {_ORDER[table]}"
    if count is not None:
        query += f" LIMIT {count:d}"
    return read_batches(connect(tables), query, condition.values)


def hops_of(tables: Mapping[str, Source], journey_ids: Sequence[int]) -> pa.Table:
    """Hops of journeys, in order."""
    names = ", ".join(_NAMES["hops"])
    query = f"SELECT {names} FROM hops WHERE journey_id IN (SELECT unnest(?)) ORDER BY journey_id, seq"
    return read_batches(connect(tables), query, [list(journey_ids)]).read_all()


def journeys_of(tables: Mapping[str, Source], journey_ids: Sequence[int]) -> pa.Table:
    """Journeys by their ids, in order."""
    names = ", ".join(_NAMES["journeys"])
    query = f"SELECT {names} FROM journeys WHERE journey_id IN (SELECT unnest(?)) ORDER BY journey_id"
    return read_batches(connect(tables), query, [list(journey_ids)]).read_all()


def journeys_of_frame(tables: Mapping[str, Source], frame_id: int) -> list[int]:
    """Journeys that a frame was seen on: one, but where several packets share an event."""
    found = read_batches(
        connect(tables), "SELECT DISTINCT journey_id FROM hops WHERE frame_id = ? ORDER BY 1", [frame_id]
    ).read_all()
    return [int(one) for one in found.column(0).to_pylist()]


def grouped_drops(tables: Mapping[str, Source], condition: Condition = EVERYTHING) -> pa.Table:
    """Drops by reason, place and rule, the most first; a rule and its cached result are one."""
    query = _GROUPS.format(where=condition.sql)
    return read_batches(connect(tables), query, condition.values).read_all()


def latencies(
    tables: Mapping[str, Source], hops: Condition = EVERYTHING, journeys: Condition = EVERYTHING, *, n_worst: int = 10
) -> Latencies:
    """Times between hops and over whole journeys."""
    steps = read_batches(connect(tables), _BETWEEN.format(where=hops.sql), hops.values).read_all()
    into = read_batches(connect(tables), _INTO.format(where=hops.sql), hops.values).read_all()
    whole = _WHOLE.format(where=journeys.sql)
    worst = read_batches(
        connect(tables), f"{whole} ORDER BY transit_ns DESC, journey_id LIMIT {n_worst:d}", journeys.values
    ).read_all()
    bars = read_batches(
        connect(tables),
        "SELECT (1::BIGINT << floor(log2(greatest(transit_ns, 1)))::BIGINT) AS low, count(*) AS n "
        f"FROM ({whole}) GROUP BY 1 ORDER BY 1",
        journeys.values,
    ).read_all()  # fmt: skip
    return Latencies(steps, into, worst, list(zip(bars.column(0).to_pylist(), bars.column(1).to_pylist(), strict=True)))
