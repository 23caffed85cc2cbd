from __future__ import annotations

import json

import pyarrow as pa
import pytest

from wnv.cli.results import file_suffix, is_number, plain_cells, show_rows, write_rows
from wnv.errors import UsageError

ROWS = pa.RecordBatch.from_pydict({"n": [1, None], "t": ["a\x1b[31m", "=1"], "b": [True, None], "l": [[1, 2], None]})


def test_cells_are_texts(capsys: pytest.CaptureFixture[str]) -> None:
    assert plain_cells(ROWS) == [("1", "a\x1b[31m", "true", "[1, 2]"), ("", "=1", "", "")]
    n = show_rows([ROWS], ["n", "t", "b", "l"], plain_cells, right=[True, False, False, False])
    out = capsys.readouterr().out
    assert n == 2
    assert out.splitlines()[0].split() == ["n", "t", "b", "l"]
    assert "\x1b[31m" not in out


def test_headings_stand_above_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_rows([], ["a", "b"], plain_cells, right=[True, False]) == 0
    assert capsys.readouterr().out.split() == ["a", "b"]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_rows_for_programs_are_counted(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_rows([ROWS, ROWS], ROWS.schema, form) == 4
    out = capsys.readouterr().out
    assert out.count("'=1" if form == "csv" else '"=1"') == 2
    if form == "json":
        assert len(json.loads(out)) == 4


def test_numbers_stand_to_the_right() -> None:
    assert [is_number(kind) for kind in ROWS.schema.types] == [True, False, False, False]
    assert is_number(pa.float64())


def test_a_file_says_by_its_suffix_what_it_is() -> None:
    assert file_suffix("a/b.PARQUET", (".parquet", ".csv")) == ".parquet"
    with pytest.raises(UsageError, match="end with one of"):
        file_suffix("a/b", (".parquet", ".csv"))
