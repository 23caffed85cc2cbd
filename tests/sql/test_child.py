from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from wnv.sql.child import Limits, open_connection


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_connection({"t": pa.table({"a": [1, 2]})}, Limits()) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The current folder, with files in it that a query might read."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "secret.json").write_text('{"a": 1}')
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


REFUSED = """\
COPY (SELECT 1) TO 'written'
COPY t FROM 'secret.csv'
WITH x AS (COPY (SELECT 1) TO 'written') SELECT 1
EXPLAIN ANALYZE COPY (SELECT 1) TO 'written'
EXPORT DATABASE 'written'
IMPORT DATABASE 'secret'
SELECT * FROM 'secret.csv'
SELECT * FROM read_csv('secret.csv')
SELECT * FROM read_csv_auto('secret.csv')
SELECT * FROM sniff_csv('secret.csv')
SELECT * FROM read_json('secret.json')
SELECT * FROM read_text('secret.csv')
SELECT * FROM read_blob('secret.csv')
SELECT * FROM read_parquet('secret.csv')
SELECT * FROM parquet_metadata('secret.csv')
SELECT * FROM parquet_schema('secret.csv')
SELECT * FROM read_duckdb('secret.csv')
SELECT * FROM glob('*')
SELECT * FROM query('SELECT * FROM read_csv(''secret.csv'')')
SELECT * FROM query_table('secret.csv')
SELECT * FROM json_execute_serialized_sql('{}')
ATTACH 'written'
ATTACH ':memory:' AS other (TYPE sqlite)
INSTALL httpfs
LOAD httpfs
LOAD '/tmp/any.so'
FORCE INSTALL httpfs FROM 'http://localhost:1'
SET threads = 1
SET memory_limit = '100GB'
SET enable_external_access = true
SET allowed_directories = ['/']
SET temp_directory = 'written'
SET python_enable_replacements = true
RESET memory_limit
PRAGMA memory_limit = '100GB'
PRAGMA enable_profiling = 'json'
CALL enable_logging(storage = 'file')
CREATE SECRET (TYPE s3)
CREATE PERSISTENT SECRET s (TYPE http)
SELECT getenv('HOME')
SELECT * FROM connection
SELECT * FROM hidden
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM python_arrow_scan(1)
SELECT * FROM pandas_scan(1)
SELECT 1::POINTER
SELECT * FROM read_csv('http://127.0.0.1:1/x')
SELECT * FROM read_csv('s3://bucket/x')""".splitlines()


@pytest.mark.parametrize("query", REFUSED)
def test_a_query_has_no_way_out(query: str, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    hidden = pa.table({"n": [1]})
    before = sorted(folder.iterdir())
    with pytest.raises(duckdb.Error):
        connection.execute(query)
    assert sorted(folder.iterdir()) == before
    assert hidden.num_rows == 1


def test_the_settings_that_matter_are_those(connection: duckdb.DuckDBPyConnection) -> None:
    rows = dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    wanted = {
        "enable_external_access": "false", "lock_configuration": "true", "temp_directory": "", "allowed_paths": "[]",
        "allowed_directories": "[]", "allowed_configs": "[]", "python_enable_replacements": "false",
        "autoload_known_extensions": "false", "autoinstall_known_extensions": "false",
    }  # fmt: skip
    assert {name: rows[name] for name in wanted} == wanted


def test_nothing_of_the_system_shows(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute("SELECT name, value FROM duckdb_settings()").fetchall()
    home = str(Path.home())
    assert [name for name, value in rows if home in str(value) and len(home) > 1] == []
