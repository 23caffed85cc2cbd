from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

import payloads as make
from frame_tables import FIRST_NS, filled, tables_of
from payloads import Tcp, Udp
from wnv.schema import STORED_EVENTS
from wnv.sql.filters import compile_filter
from wnv.sql.statistics import SECTIONS, Statistics, Wanted, nice_interval
from wnv.store.arrow import arrow_schema


def frame(src: str, dst: str, port: int) -> bytes:
    return make.ethernet(make.ip(src, dst, Tcp(port, 80, b"x") if port < 2000 else Udp(port, 80, b"x")))


FRAMES = [
    frame("10.0.0.1", "10.0.0.2", 1000), frame("10.0.0.2", "10.0.0.1", 1000), frame("10.0.0.1", "10.0.0.2", 1000),
    frame("10.0.0.3", "10.0.0.1", 3000),
]  # fmt: skip


@pytest.fixture
def tables() -> dict[str, pa.Table]:
    events: dict[str, Sequence[object]] = {
        "event_row": [0, 1, 2, 3, 4], "session_id": [0] * 5, "ts_ns": [FIRST_NS + k * 1000 for k in range(4)] + [None],
        "provider": ["A", "A", "A", "B", None], "provider_guid": ["a", "a", "a", "b", None], "payload_bytes": [10] * 5,
    }  # fmt: skip
    return {**tables_of(FRAMES), "events": filled(arrow_schema(STORED_EVENTS), events)}


def rows_of(tables: dict[str, pa.Table], section: str, expression: str = "", **more: Any) -> list[dict[str, Any]]:
    window = {name: more.pop(name) for name in ("start_ns", "end_ns") if name in more}
    wanted = Wanted(
        compile_filter(expression, "observations", tables=tables), compile_filter(expression, "events", tables=tables),
        **window,
    )  # fmt: skip
    with Statistics(tables, wanted) as found:
        rows: list[dict[str, Any]] = found.rows(section, **more).to_pylist()
    return rows


def picked(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_points_count_their_sightings(tables: dict[str, pa.Table]) -> None:
    (row,) = rows_of(tables, "point")
    wanted = {"point": "nic", "kind": "miniport", "n_packets": 4, "n_drops": 0, "first_ns": FIRST_NS}
    assert {name: row[name] for name in wanted} == wanted
    assert row["n_bytes"] == sum(map(len, FRAMES))


def test_providers_count_their_events(tables: dict[str, pa.Table]) -> None:
    rows = rows_of(tables, "provider")
    assert picked(rows, "provider", "n_events", "n_payload_bytes") == [("A", 3, 30), ("B", 1, 10), (None, 1, 10)]


def test_protocols_are_the_innermost(tables: dict[str, pa.Table]) -> None:
    assert picked(rows_of(tables, "protocol"), "protocol", "n_packets") == [("TCP", 3), ("UDP", 1)]


def test_talkers_count_both_directions(tables: dict[str, pa.Table]) -> None:
    rows = rows_of(tables, "talker")
    assert picked(rows, "a", "b", "n_packets_ab", "n_packets_ba") == [
        ("10.0.0.1", "10.0.0.2", 2, 1), ("10.0.0.1", "10.0.0.3", 0, 1),
    ]  # fmt: skip


def test_steps_of_time_hold_events_and_packets(tables: dict[str, pa.Table]) -> None:
    rows = rows_of(tables, "time", interval_ns=2000)
    assert picked(rows, "start_ns", "n_events", "n_packets") == [(FIRST_NS, 2, 2), (FIRST_NS + 2000, 2, 2)]
    assert sum(row["n_packets"] for row in rows_of(tables, "time", n_intervals=3)) == 4


def test_a_filter_and_a_window_narrow_all(tables: dict[str, pa.Table]) -> None:
    assert picked(rows_of(tables, "provider", "udp"), "provider", "n_events") == [("B", 1)]
    assert picked(rows_of(tables, "protocol", "ip.src == 10.0.0.1"), "protocol", "n_packets") == [("TCP", 2)]
    rows = rows_of(tables, "protocol", start_ns=FIRST_NS + 1000, end_ns=FIRST_NS + 3000)
    assert picked(rows, "protocol", "n_packets") == [("TCP", 2)]


def test_nothing_is_counted_where_nothing_fits(tables: dict[str, pa.Table]) -> None:
    assert all(rows_of(tables, section, "arp") == [] for section in SECTIONS)


@pytest.mark.parametrize(("span", "n", "step"), [(0, 20, 1), (100, 20, 5), (1_000_000, 20, 50_000), (999, 10, 100)])
def test_steps_are_round(span: int, n: int, step: int) -> None:
    assert nice_interval(span, n) == step
