from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from wnv.errors import WnvError
from wnv.sql.child import Limits
from wnv.sql.restricted import QueryError, Restricted

TABLES = {"t": pa.table({"a": range(100_000)})}


def rows_of(query: str, limits: Limits | None = None) -> list[dict[str, object]]:
    with Restricted(TABLES, query, limits) as result:
        return [row for batch in result for row in batch.to_pylist()]


def fails(query: str, limits: Limits | None = None) -> WnvError:
    with pytest.raises(WnvError) as caught:
        rows_of(query, limits)
    return caught.value


def test_rows_of_a_query_come_back() -> None:
    assert rows_of("SELECT a, a * 2 AS b FROM t WHERE a < 3 ORDER BY a DESC") == [
        {"a": 2, "b": 4}, {"a": 1, "b": 2}, {"a": 0, "b": 0},
    ]  # fmt: skip


def test_tables_on_disk_are_read_where_they_are(tmp_path: Path) -> None:
    pq.write_table(TABLES["t"], tmp_path / "t.parquet")
    tables = {"t": ds.dataset(tmp_path / "t.parquet", TABLES["t"].schema, "parquet")}
    with Restricted(tables, "SELECT count(*) AS n FROM t WHERE a >= 10") as result:
        assert [batch.to_pylist() for batch in result] == [[{"n": 99_990}]]


def test_columns_are_known_without_rows() -> None:
    with Restricted(TABLES, "SELECT a, 'x' AS b FROM t WHERE false") as result:
        assert result.schema.names == ["a", "b"]
        assert list(result) == []
        assert not result.is_cut


def test_rows_are_cut_at_the_limit_while_they_come() -> None:
    started = time.monotonic()
    with Restricted(TABLES, "SELECT * FROM range(100000000000000)", Limits(rows=20_000)) as result:
        assert sum(batch.num_rows for batch in result) == 20_000
        assert result.is_cut
    assert time.monotonic() - started < 20
    with Restricted(TABLES, "SELECT * FROM range(20000)", Limits(rows=20_000)) as result:
        assert sum(batch.num_rows for batch in result) == 20_000
        assert not result.is_cut


def test_bytes_are_cut_at_the_limit() -> None:
    query = "SELECT repeat('x', 100000) FROM range(1000000)"
    with Restricted(TABLES, query, Limits(result_bytes=1 << 24)) as result:
        assert sum(batch.nbytes for batch in result) <= 1 << 24
        assert result.is_cut


@pytest.mark.parametrize(
    "query",
    [
        "SELECT len(range(200000000))", "SELECT repeat('x', 1000000000)", "SELECT list(n) FROM range(300000000) t(n)",
        "SELECT repeat('x', 900000) FROM range(1000000)",
    ],
)  # fmt: skip
def test_memory_is_bounded(query: str) -> None:
    assert "memory" in str(fails(query, Limits(memory_bytes=1 << 29)))


def test_a_query_is_ended_when_its_time_is_over() -> None:
    started = time.monotonic()
    error = fails("SELECT count(*) FROM range(1000000000000) a, range(1000000) b", Limits(seconds=1.0))
    assert "longer than 1 seconds" in str(error)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nosuch FROM t", "nosuch"), ("SELEC 1", "syntax error"), ("", "expected"),
        ("SELECT 1; SELECT 2", "there are 2"), ("SET threads = 1", "only SELECT"),
        ("CREATE TABLE x AS SELECT 1", "only SELECT"), ("DROP VIEW t", "only SELECT"),
        ("PRAGMA version", "only SELECT"), ("WITH x AS (COPY (SELECT 1) TO 'f') SELECT 1", "disabled"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'f'", "disabled"),
        ("SELECT * FROM read_text('/etc/hostname')", "disabled"),
        ("SELECT a FROM t WHERE a = 'x'", "x"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(query: str, said: str) -> None:
    error = fails(query)
    assert isinstance(error, QueryError)
    assert said in str(error)


def test_the_mark_below_the_place_is_kept() -> None:
    assert any(line.strip() == "^" or "^" in line for line in fails("SELECT nosuch FROM t").lines()[1:])


def test_a_module_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "duckdb.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w').close()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert rows_of("SELECT 1 AS a") == [{"a": 1}]
    assert not (tmp_path / "was_run").exists()


def test_nothing_is_left_running() -> None:
    result = Restricted(TABLES, "SELECT * FROM range(100000000000000)")
    process = result._process
    next(iter(result))
    result.close()
    assert process.poll() is not None
