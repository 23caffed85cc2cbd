"""A hop that takes far longer than it usually does."""

from __future__ import annotations

from collections.abc import Sequence

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Weight

_SLOW_NS = 1_000_000
_TIMES_THE_MEDIAN = 20
_HOPS_MIN = 8

_SLOW = f"""
    WITH steps AS (
        SELECT h.journey_id, h.point, lag(h.point) OVER (PARTITION BY h.journey_id ORDER BY h.seq) AS before,
               h.latency_ns, h.evidence, j.flow_id
        FROM hops h JOIN journeys j USING (journey_id)
    ), usual AS (
        SELECT median(latency_ns) AS host_ns FROM steps WHERE latency_ns IS NOT NULL
    )
    SELECT before, point, count(*) AS n, median(latency_ns) AS p50, quantile_cont(latency_ns, 0.99) AS p99,
           max(latency_ns) AS worst, arg_max(journey_id, latency_ns) AS journey_id,
           arg_max(evidence, latency_ns) AS evidence, any_value(host_ns) AS host_ns,
           list(DISTINCT flow_id) FILTER (flow_id IS NOT NULL AND latency_ns >= {_SLOW_NS}) AS flow_ids
    FROM steps, usual WHERE latency_ns IS NOT NULL AND before IS NOT NULL
    GROUP BY before, point
    HAVING count(*) >= {_HOPS_MIN} AND p99 >= {_SLOW_NS} AND p99 >= {_TIMES_THE_MEDIAN} * any_value(host_ns)
    ORDER BY p99 DESC LIMIT 5
"""


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each step whose 99th percentile is over a millisecond and far over the host's median step."""
    return [
        Finding(
            rule="slow", weight=Weight.SLOW,
            title=f"slow from {case.names.place(row['before'])} to {case.names.place(row['point'])}: "
            f"p99 {row['p99'] / 1e6:,.1f} ms, median {row['p50'] / 1e6:,.3f} ms",
            last_point=str(row["before"]), place=case.names.place(row["before"]),
            reason=f"the median step in this recording takes {row['host_ns'] / 1e3:,.1f} µs",
            journey_id=row["journey_id"], evidence=row["evidence"] or (), confidence=0.8,
            advice="Look at what runs between these points: queues (VMQ, RSS), a filter driver, a busy processor.",
            n=int(row["n"]),
        )
        for row in case.ask(_SLOW)
        if case.flows is None or any(case.has(flow) for flow in row["flow_ids"] or ())
    ]  # fmt: skip
