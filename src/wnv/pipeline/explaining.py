"""What went wrong in a recording: the rules of `explain` over its tables, and what it covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow.dataset as ds

from wnv.errors import UsageError
from wnv.explain.finding import Case
from wnv.explain.naming import Names
from wnv.explain.verdict import Verdict, judge
from wnv.pipeline.deriving import known_coverage
from wnv.pipeline.network import build_topology, coverage
from wnv.pipeline.stored import StoredTrace
from wnv.sql.engine import connect, read_batches
from wnv.sql.filters import compile_filter
from wnv.sql.values import ParseTime
from wnv.topology.coverage import UNAVOIDABLE, Coverage

_TABLES: Final = (
    "session", "events", "frames", "points", "nodes", "edges", "journeys", "hops", "drops", "flows", "nat_sessions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """What can be said of a recording, and what that rests on."""

    verdict: Verdict
    coverage: Coverage
    lost: Sequence[str]
    """What the recording lost, in words."""
    events: Mapping[int, str]
    """Provider and id of the events that are evidence, by row."""
    n_selected: int | None
    """Conversations that a filter left; None without a filter."""


def explain_recording(
    stored: StoredTrace, dataset: Callable[[str], ds.Dataset], *, expression: str = "", parse_time: ParseTime | None
) -> Explanation:
    """Judge a recording, or the conversations that have a packet which fits `expression`.

    `dataset` gives a table by name. Raises `FilterError` for what is no filter, `UsageError` where nothing fits.
    """
    condition = compile_filter(expression, "journeys", parse_time=parse_time) if expression else None
    names = dict.fromkeys((*_TABLES, *(sorted(condition.tables) if condition is not None else ())))
    connection = connect({name: dataset(name) for name in names})

    def ask(query: str, *values: object) -> list[dict[str, Any]]:  # Any: values of a table
        return list(read_batches(connection, query, values).read_all().to_pylist())

    flows = None
    if condition is not None:
        found = ask(f"SELECT DISTINCT flow_id FROM journeys WHERE {condition.sql}", *condition.values)
        flows = frozenset(int(row["flow_id"]) for row in found if row["flow_id"] is not None)
        if not found:
            raise UsageError(f"no packet fits {expression!r}", advice="`wnv flows TRACE` lists the conversations.")
    seen = known_coverage(stored) or coverage(stored, build_topology(stored))
    lost = tuple(stored.overview.losses())
    blind = [spot.code for spot in seen.blind if spot.code not in UNAVOIDABLE]
    verdict = judge(Case(ask, Names.read(ask), flows, lost), blind=blind, why_empty=stored.overview.why_no_packets())
    rows = sorted({row for one in verdict.findings for row in one.evidence})
    events = ask("SELECT event_row, provider, event_id FROM events WHERE list_contains(?::BIGINT[], event_row)", rows)
    said = {int(one["event_row"]): f"{one['provider'] or 'event'} {one['event_id']}" for one in events}
    return Explanation(verdict, seen, lost, said, None if flows is None else len(flows))
