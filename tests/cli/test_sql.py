from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from command_line import done, wnv
from wnv import sample_path
from wnv.schema import OBSERVATIONS, STORED_EVENTS

SAMPLE = sample_path()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording that comes with wnv, as a trace folder."""
    path = tmp_path_factory.mktemp("sql") / "sample.wnv"
    done("import", SAMPLE, "-w", path)
    return path


def test_a_query_is_answered_as_a_table(folder: Path) -> None:
    ran = done("sql", folder, "SELECT protocol, count(*) AS n FROM packets GROUP BY 1 ORDER BY 1")
    assert ran.lines[0].split() == ["protocol", "n"]
    assert sum(int(line.split()[-1]) for line in ran.lines[1:]) == 114


def test_a_query_is_answered_for_programs(folder: Path) -> None:
    query = "SELECT point, direction, ts_ns FROM packets ORDER BY number LIMIT 2"
    rows = json.loads(done("sql", folder, query, "--format", "json").out)
    assert [json.loads(line) for line in done("sql", folder, query, "--format", "jsonl").lines] == rows
    read = list(csv.DictReader(io.StringIO(done("sql", folder, query, "--format", "csv").out)))
    assert [{name: str(value) for name, value in row.items()} for row in rows] == read
    assert list(rows[0]) == ["point", "direction", "ts_ns"]


def test_rows_go_to_a_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    ran = done("sql", folder, "SELECT event_row, payload FROM events", "-w", out)
    assert ran.out == ""
    assert pq.read_table(out).num_rows == 467
    assert wnv("sql", folder, "SELECT 1", "-w", tmp_path / "rows.xlsx").code == 2


def test_tables_are_listed_with_their_rows(folder: Path) -> None:
    rows = {row["table"]: row for row in json.loads(done("sql", folder, "--tables", "--format", "json").out)}
    assert rows["events"]["rows"] == 467
    assert rows["observations"]["rows"] == 114
    assert {"journeys", "packets"} <= rows.keys()


def test_columns_are_described(folder: Path) -> None:
    def columns(*options: str) -> list[tuple[str, str]]:
        rows = json.loads(done("sql", folder, "--format", "json", *options).out)
        return [(row["table"], row["column"]) for row in rows]

    assert columns("--describe", "observations") == [("observations", name) for name in OBSERVATIONS.names]
    assert [name for _, name in columns("--describe", "events")] == list(STORED_EVENTS.names)
    assert ("packets", "point") in columns("--describe", "packets")
    assert {"events", "packets", "hops"} <= {table for table, _ in columns("--describe")}
    ran = wnv("sql", folder, "--describe", "nosuch")
    assert (ran.code, "observations" in ran.err) == (2, True)


def test_derived_tables_are_made_when_they_are_asked_for(folder: Path) -> None:
    assert done("sql", folder, "SELECT count(*) AS n FROM nodes", "--format", "csv").lines[0] == "n"


def test_rows_are_cut_and_that_is_said(folder: Path) -> None:
    ran = done("sql", folder, "SELECT * FROM range(1000000000)", "--limit", "5", "--format", "csv")
    assert len(ran.lines) == 6
    assert "cut after 5 rows" in ran.err


def test_a_wrong_query_shows_where(folder: Path) -> None:
    ran = wnv("sql", folder, "SELECT nosuch FROM events")
    assert ran.code == 2
    assert "LINE 1: SELECT nosuch" in ran.err
    assert any(line.endswith("^^^^^^") for line in ran.err.splitlines())


def test_a_query_cannot_write(folder: Path, tmp_path: Path) -> None:
    written = tmp_path / "written.csv"
    ran = wnv("sql", folder, f"WITH x AS (COPY (SELECT 1) TO '{written}') SELECT 1")
    assert ran.code == 2
    assert not written.exists()


def test_a_query_that_takes_too_long_is_ended(folder: Path) -> None:
    ran = wnv("sql", folder, "SELECT count(*) FROM range(1000000000000) a, range(100000) b", "--timeout", "1")
    assert (ran.code, "longer than 1 second" in ran.err) == (1, True)


@pytest.mark.parametrize("options", [[], ["SELECT 1", "--tables"], ["--tables", "--describe", "events"]])
def test_one_thing_is_asked_at_a_time(folder: Path, options: list[str]) -> None:
    assert wnv("sql", folder, *options).code == 2


def test_text_from_a_recording_is_escaped(folder: Path) -> None:
    query = "SELECT chr(27) || '[31m' AS a, '=1+1' AS b"
    for form in ("table", "json", "jsonl", "csv"):
        out = done("sql", folder, query, "--format", form).out
        assert "\x1b" not in out
    assert "'=1+1" in done("sql", folder, query, "--format", "csv").out
    assert "'=1+1" not in done("sql", folder, query, "--format", "csv", "--raw").out
