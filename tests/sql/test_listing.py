from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

import payloads as make
from frame_tables import FIRST_NS, filled, tables_of
from payloads import Tcp, Udp
from wnv.schema import HOPS, JOURNEYS
from wnv.sql import listing
from wnv.sql.filters import compile_filter
from wnv.sql.listing import COLUMNS, HOP_COLUMNS, Wanted, packet_batches
from wnv.store.arrow import arrow_schema

FRAMES = [make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Tcp(1000 + k, 80, b"x" * k))) for k in range(10)]


def rows_of(tables: dict[str, pa.Table], expression: str = "", **more: int | None) -> list[dict[str, Any]]:
    wanted = Wanted(compile_filter(expression, "observations"), **more)
    return [row for batch in packet_batches(tables, wanted) for row in batch.to_pylist()]


def test_a_row_says_when_where_and_what() -> None:
    row = rows_of(tables_of(FRAMES))[3]
    assert list(row) == list(COLUMNS)
    wanted = {
        "number": 4, "observation_id": 3, "ts_ns": FIRST_NS + 3000, "point": "nic", "src": "10.0.0.1", "sport": 1003,
        "dst": "10.0.0.2", "dport": 80, "protocol": "TCP", "original_bytes": 57, "is_drop": False,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize("chunk_rows", [(1, 1), (1, 3), (3, 100), (1000, 1000)])
def test_rows_come_in_order_whatever_the_pieces(chunk_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_CHUNK_ROWS", chunk_rows)
    assert [row["sport"] for row in rows_of(tables_of(FRAMES))] == list(range(1000, 1010))
    assert [row["sport"] for row in rows_of(tables_of(FRAMES), "tcp.len > 6")] == [1007, 1008, 1009]


def test_time_and_count_narrow_the_rows() -> None:
    tables = tables_of(FRAMES)
    assert [row["number"] for row in rows_of(tables, start_ns=FIRST_NS + 2000, end_ns=FIRST_NS + 5000)] == [3, 4, 5]
    assert [row["number"] for row in rows_of(tables, "tcp.srcport >= 1004", count=2)] == [5, 6]
    assert rows_of(tables, count=0) == []
    assert rows_of(tables, "udp") == []


def test_a_sighting_without_frame_or_time_is_listed() -> None:
    tables = tables_of([make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Udp(1, 2, b"")))] * 2)
    for name in ("frame_id", "ts_ns"):
        sightings = tables["observations"]
        place = sightings.column_names.index(name)
        tables["observations"] = sightings.set_column(place, name, pa.array([None, None], pa.int64()))
    assert [(row["src"], row["ts_ns"], row["point"]) for row in rows_of(tables)] == [(None, None, "nic")] * 2


def test_hops_are_told_of_the_sightings_they_rest_on() -> None:
    tables = tables_of(FRAMES[:4])
    tables["journeys"] = filled(
        arrow_schema(JOURNEYS), {"journey_id": [7], "n_hops": [2], "outcome": ["delivered"], "session_id": [0]}
    )
    hops: dict[str, Sequence[object]] = {
        "journey_id": [7, 7], "seq": [0, 1], "ts_ns": [FIRST_NS, FIRST_NS + 2000], "point": ["nic", "nic"],
        "evidence": [[0, 1], [2]],
    }  # fmt: skip
    tables["hops"] = filled(arrow_schema(HOPS), hops)
    rows = rows_of(tables)
    assert list(rows[0]) == [*COLUMNS, *HOP_COLUMNS]
    found = [(row["journey_id"], row["hop"], row["n_hops"], row["outcome"]) for row in rows]
    assert found == [(7, 1, 2, "delivered"), (7, 1, 2, "delivered"), (7, 2, 2, "delivered"), (None, None, None, None)]
