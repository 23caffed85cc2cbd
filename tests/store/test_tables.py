from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wnv.errors import WnvError
from wnv.packets.headers import Texts
from wnv.schema import Column, Kind, Table
from wnv.store.tables import GROUP_ROWS, TableWriter, file_name, open_table, read_table

THINGS = Table("things", "One thing.", (
    Column("event_row", Kind.INTEGER, "Number."), Column("name", Kind.TEXT, "Name.", True),
))  # fmt: skip


def columns(n: int, first: int = 0) -> dict[str, object]:
    return {
        "event_row": np.arange(first, first + n),
        "name": Texts((np.arange(n) % 3 - 1).astype(np.int32), [f"a{first}", f"b{first}"]),
    }


def written(folder: Path, *sizes: int) -> Path:
    writer, n = TableWriter(folder, THINGS), 0
    for size in sizes:
        writer.add(columns(size, n))  # type: ignore[arg-type] # columns by name
        n += size
    writer.close()
    assert writer.n_rows == n
    return folder / file_name(THINGS)


class TestTableWriter:
    def test_small_parts_become_one_group(self, tmp_path: Path) -> None:
        found = pq.ParquetFile(written(tmp_path, 5, 0, 7, 1))
        assert found.num_row_groups == 1
        rows = read_table(open_table(tmp_path, THINGS, 13)).to_pylist()
        assert [row["event_row"] for row in rows] == list(range(13))
        assert [row["name"] for row in rows[:7]] == [None, "a0", "b0", None, "a0", None, "a5"]

    def test_groups_are_neither_small_nor_large(self, tmp_path: Path) -> None:
        found = pq.ParquetFile(written(tmp_path, GROUP_ROWS - 1, 10, GROUP_ROWS, 3)).metadata
        assert [found.row_group(n).num_rows for n in range(found.num_row_groups)] == [GROUP_ROWS + 9, GROUP_ROWS, 3]

    def test_a_table_without_rows(self, tmp_path: Path) -> None:
        written(tmp_path)
        assert read_table(open_table(tmp_path, THINGS, 0)).to_pylist() == []

    def test_texts_are_read_as_texts(self, tmp_path: Path) -> None:
        written(tmp_path, 3)
        assert open_table(tmp_path, THINGS).schema.field("name").type == pa.string()


class TestOpenTable:
    def test_another_number_of_rows(self, tmp_path: Path) -> None:
        written(tmp_path, 3)
        with pytest.raises(WnvError, match="3 rows where 4"):
            open_table(tmp_path, THINGS, 4)

    @pytest.mark.parametrize(
        "other",
        [
            pa.table({"event_row": [1]}),
            pa.table({"event_row": ["1"], "name": ["x"]}),
            pa.table({"event_row": [1], "name": ["x"], "more": [1]}),
        ],
    )
    def test_other_columns(self, tmp_path: Path, other: pa.Table) -> None:
        pq.write_table(other, tmp_path / file_name(THINGS))
        with pytest.raises(WnvError, match="other columns"):
            open_table(tmp_path, THINGS)

    def test_texts_that_are_no_utf_8(self, tmp_path: Path) -> None:
        offsets, data = pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")
        bad = pa.Array.from_buffers(pa.string(), 1, [None, offsets, data])
        pq.write_table(pa.table({"event_row": [1], "name": bad}), tmp_path / file_name(THINGS))
        with pytest.raises(WnvError, match="cannot be read"):
            read_table(open_table(tmp_path, THINGS))

    def test_row_groups_of_any_size(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(tmp_path, 3)
        monkeypatch.setattr("wnv.store.tables._READ_ROWS_MAX", 2)
        with pytest.raises(WnvError, match="larger than wnv writes"):
            open_table(tmp_path, THINGS)

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / file_name(THINGS)).mkdir()
        with pytest.raises(WnvError, match="no regular file"):
            open_table(tmp_path, THINGS)
