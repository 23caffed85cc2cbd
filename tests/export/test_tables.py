from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wnv.errors import UsageError
from wnv.export.tables import CsvWriter, JsonWriter, distinct_names, file_writer
from wnv.export.target import Target

ROWS = pa.RecordBatch.from_pydict({
    "n": [1, None], "t": ["a", "=1+1"], "b": [b"\x01\xff", None], "l": [[1, 2], []], "f": [1.5, float("nan")],
    "y": [True, None],
})  # fmt: skip
HOSTILE = pa.RecordBatch.from_pydict({"t": ["\x1b[31mred", "\u202eevil", 'say "x"\nand more']})


def as_json(*batches: pa.RecordBatch, is_lines: bool = False) -> str:
    out = io.StringIO()
    writer = JsonWriter(out.write, batches[0].schema, is_lines=is_lines)
    for batch in batches:
        writer.write(batch)
    writer.close()
    return out.getvalue()


def as_csv(*batches: pa.RecordBatch, raw: bool = False) -> str:
    out = io.StringIO()
    writer = CsvWriter(out.write, batches[0].schema, raw=raw)
    for batch in batches:
        writer.write(batch)
    writer.close()
    return out.getvalue()


def test_json_has_the_values() -> None:
    first, second = json.loads(as_json(ROWS))
    assert first == {"n": 1, "t": "a", "b": "01ff", "l": [1, 2], "f": 1.5, "y": True}
    assert second == {"n": None, "t": "=1+1", "b": None, "l": [], "f": None, "y": None}


def test_json_of_several_batches_is_one_array() -> None:
    assert len(json.loads(as_json(ROWS, ROWS.slice(0, 0), ROWS))) == 4
    assert json.loads(as_json(ROWS.slice(0, 0))) == []


def test_json_lines_are_objects() -> None:
    assert [json.loads(line)["n"] for line in as_json(ROWS, ROWS, is_lines=True).splitlines()] == [1, None, 1, None]
    assert as_json(ROWS.slice(0, 0), is_lines=True) == ""


def test_values_of_other_kinds_are_text() -> None:
    rows = pa.RecordBatch.from_arrays(
        [pa.array([Decimal("1.50")]), pa.array([0], pa.timestamp("s")), pa.array([{"a": b"\x01"}])], ["d", "t", "s"]
    )
    assert json.loads(as_json(rows)) == [{"d": "1.50", "t": "1970-01-01 00:00:00", "s": {"a": "01"}}]


def test_csv_is_read_back() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(ROWS, ROWS))))
    assert len(rows) == 4
    assert rows[0] == {"n": "1", "t": "a", "b": "01ff", "l": "[1, 2]", "f": "1.5", "y": "True"}


def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe() -> None:
    assert "'=1+1" in as_csv(ROWS)
    assert "'=1+1" not in as_csv(ROWS, raw=True)
    assert as_csv(pa.RecordBatch.from_pydict({"n": [-5]})) == "n\n-5\n"


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    for text in (as_json(HOSTILE), as_csv(HOSTILE)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert json.loads(as_json(HOSTILE))[2]["t"] == 'say "x"\nand more'


def test_columns_of_one_name_are_told_apart() -> None:
    rows = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "a_2"])
    assert json.loads(as_json(rows)) == [{"a": 1, "a_2": 2, "a_2_2": 3}]
    assert distinct_names(["x", "x", "x"]) == ["x", "x_2", "x_3"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".json"])
def test_files_are_written_by_their_suffix(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    with Target(path) as target:
        writer = file_writer(target, suffix, ROWS.schema)
        for _ in range(3):
            writer.write(ROWS)
        writer.close()
    if suffix == ".parquet":
        table = pq.read_table(path)
        assert table.column("b").to_pylist() == [b"\x01\xff", None] * 3
        assert table.num_rows == 6
    else:
        assert path.read_text(encoding="utf-8").count("01ff") == 3


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="parquet"), Target(tmp_path / "rows.xlsx") as target:
        file_writer(target, ".xlsx", ROWS.schema)
