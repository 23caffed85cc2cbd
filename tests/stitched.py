"""Recordings with their packets followed, as rows; each once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from scoring import Score, score_recording, told_by

from lab_worlds import ran, truth_rows
from wnv import open_trace
from wnv.schema import DROPS, FLOWS, HOPS, JOURNEYS, NAT_SESSIONS

Row = dict[str, Any]  # Any: the columns are of many types
_TABLES = (JOURNEYS, HOPS, DROPS, FLOWS, NAT_SESSIONS)


@cache
def rows_at(path: Path) -> dict[str, list[Row]]:
    """The rows of all tables about journeys."""
    with open_trace(path, use_cache=False) as trace:
        return {table.name: trace.table(table.name).to_pylist() for table in _TABLES}


def rows_of(name: str, table: str, capture: str = "ndis") -> list[Row]:
    """Rows that wnv makes of a scenario's first recording."""
    return rows_at(ran(name, capture).recordings[0])[table]


def hops_of(name: str, journey_id: int, capture: str = "ndis") -> list[Row]:
    """The hops of one journey, in order."""
    return [row for row in rows_of(name, "hops", capture) if row["journey_id"] == journey_id]


def true_rows(name: str, table: str, capture: str = "ndis") -> list[Row]:
    """What really happened."""
    return truth_rows(ran(name, capture), table)


@cache
def scored(name: str, capture: str = "ndis") -> Score:
    """How right wnv is about a scenario's recordings."""
    result = ran(name, capture)
    score = Score()
    for recording in result.recordings:
        with open_trace(recording, use_cache=False) as trace:
            score += score_recording(told_by(trace), result.truth, recording.name)
    return score
