"""Counts of packets, bytes and events: over time, by point, provider, protocol and pair of addresses.

Packets are counted as often as they were seen; bytes are those of the packets on their way, not what was captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wnv.sql.engine import connect, read_batches
from wnv.sql.filters import Condition

if TYPE_CHECKING:
    import pyarrow as pa

    from wnv.sql.engine import Source

BASE: Final = ("events", "observations", "frames", "points")
_NS: Final = 1_000_000_000
_STEPS: Final = (1, 2, 5)
_COUNTS: Final = """
count(*) AS n_packets, coalesce(sum(seen.original_bytes), 0)::BIGINT AS n_bytes,
count(*) FILTER (seen.is_drop) AS n_drops
"""
_SEEN: Final = """
seen AS (
    SELECT observations.ts_ns, observations.point_id, observations.is_drop, frames.protocol, frames.src, frames.dst,
        frames.original_bytes
    FROM observations LEFT JOIN frames ON frames.frame_id = observations.frame_id WHERE {where}
)"""
_LOGGED: Final = """
logged AS (SELECT ts_ns, provider, provider_guid, payload_bytes FROM events WHERE {where})"""
_QUERIES: Final = {
    "time": """
        SELECT start_ns, sum(n_events)::BIGINT AS n_events, sum(n_packets)::BIGINT AS n_packets,
            sum(n_bytes)::BIGINT AS n_bytes, sum(n_drops)::BIGINT AS n_drops
        FROM (
            SELECT {origin} + (ts_ns - {origin}) // {interval} * {interval} AS start_ns, count(*) AS n_events,
                0 AS n_packets, 0 AS n_bytes, 0 AS n_drops
            FROM logged WHERE ts_ns IS NOT NULL GROUP BY 1
            UNION ALL
            SELECT {origin} + (ts_ns - {origin}) // {interval} * {interval}, 0, {counts}
            FROM seen WHERE ts_ns IS NOT NULL GROUP BY 1
        )
        GROUP BY start_ns ORDER BY start_ns
    """,
    "point": """
        SELECT points.name AS point, points.kind, {counts}, min(ts_ns) AS first_ns, max(ts_ns) AS last_ns
        FROM seen JOIN points ON points.point_id = seen.point_id
        GROUP BY points.point_id, points.name, points.kind ORDER BY points.point_id
    """,
    "provider": """
        SELECT coalesce(any_value(provider), provider_guid) AS provider, provider_guid, count(*) AS n_events,
            sum(payload_bytes)::BIGINT AS n_payload_bytes, min(ts_ns) AS first_ns, max(ts_ns) AS last_ns
        FROM logged GROUP BY provider_guid ORDER BY n_events DESC, provider_guid
    """,
    "protocol": "SELECT protocol, {counts} FROM seen GROUP BY protocol ORDER BY n_packets DESC, protocol",
    "talker": """
        SELECT least(src, dst) AS a, greatest(src, dst) AS b, count(*) FILTER (src <= dst) AS n_packets_ab,
            count(*) FILTER (src > dst) AS n_packets_ba,
            coalesce(sum(original_bytes) FILTER (src <= dst), 0)::BIGINT AS n_bytes_ab,
            coalesce(sum(original_bytes) FILTER (src > dst), 0)::BIGINT AS n_bytes_ba,
            min(ts_ns) AS first_ns, max(ts_ns) AS last_ns
        FROM seen WHERE src IS NOT NULL AND dst IS NOT NULL
        GROUP BY a, b ORDER BY n_packets_ab + n_packets_ba DESC, a, b
    """,
}
SECTIONS: Final = tuple(_QUERIES)
"""What can be counted by."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to count: conditions on `observations` and on `events`, and a window of time."""

    packets: Condition
    events: Condition
    start_ns: int | None = None
    end_ns: int | None = None

    def where(self, table: str) -> tuple[str, list[object]]:
        condition = self.packets if table == "observations" else self.events
        parts, values = [f"({condition.sql})"], list[object](condition.values)
        for bound, sign in ((self.start_ns, ">="), (self.end_ns, "<")):
            if bound is not None:
                parts.append(f"{table}.ts_ns {sign} ?")
                values.append(bound)
        return " AND ".join(parts), values


class Statistics:
    """Counts over `tables`; use as a context."""

    def __init__(self, tables: Mapping[str, Source], wanted: Wanted) -> None:
        self._connection = connect(tables)
        self._wanted = wanted

    def rows(self, section: str, *, interval_ns: int | None = None, n_intervals: int = 20) -> pa.Table:
        """Counts by one of `SECTIONS`; by time in steps of `interval_ns` (None = about `n_intervals` of them)."""
        query = _QUERIES[section].replace("{counts}", _COUNTS)
        if section == "time":
            span = self._rows("SELECT min(ts_ns) AS first, max(ts_ns) AS last FROM (FROM seen SELECT ts_ns UNION ALL"
                              " FROM logged SELECT ts_ns)").to_pylist()[0]  # fmt: skip
            first, last = span["first"] or 0, span["last"] or 0
            interval = interval_ns or nice_interval(last - first, n_intervals)
            query = query.replace("{interval}", f"{interval:d}").replace(
                "{origin}", f"{first // interval * interval:d}"
            )
        return self._rows(query)

    def _rows(self, query: str) -> pa.Table:
        """The rows of a query over `seen` and `logged`."""
        parts, values = [], list[object]()
        for name, table, part in (("seen", "observations", _SEEN), ("logged", "events", _LOGGED)):
            if f"FROM {name}" in query:
                where, bound = self._wanted.where(table)
                parts.append(part.replace("{where}", where))
                values += bound
        return read_batches(self._connection, f"WITH {','.join(parts)} {query}", values).read_all()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Statistics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def nice_interval(span_ns: int, n: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 … ns that divides the span into `n` parts at most."""
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale * n >= span_ns:
                return step * scale
        scale *= 10
