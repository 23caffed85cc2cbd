from __future__ import annotations

import pyarrow as pa
import pytest

from wnv.errors import UsageError
from wnv.sql.queries import mentioned, read_rows

TABLES = {"one": pa.table({"n": [1, 2, 3]}), "other": pa.table({"n": [3], "name": ["x"]})}


class TestReadRows:
    def test_gives_arrow(self) -> None:
        found = read_rows(TABLES, "SELECT one.n, name FROM one JOIN other USING (n)")
        assert found.to_pylist() == [{"n": 3, "name": "x"}]

    def test_values_are_bound(self) -> None:
        assert read_rows(TABLES, "SELECT n FROM one WHERE n > ? ORDER BY n", [1]).to_pydict() == {"n": [2, 3]}

    @pytest.mark.parametrize("query", ["SELEC 1", "SELECT x FROM one", "SELECT * FROM missing", ""])
    def test_a_wrong_query_is_told(self, query: str) -> None:
        with pytest.raises(UsageError):
            read_rows(TABLES, query)

    def test_no_other_file_is_read(self) -> None:
        with pytest.raises(UsageError):
            read_rows(TABLES, f"SELECT * FROM read_text('{__file__}')")


class TestMentioned:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("SELECT 1", ["frames"]),
            ("SELECT * FROM Hops JOIN frames USING (frame_id)", ["frames", "hops"]),
            ('SELECT * FROM "drops"', ["frames", "drops"]),
        ],
    )
    def test_by_name(self, query: str, expected: list[str]) -> None:
        assert mentioned(query, ["frames", "hops", "drops"], ["frames"]) == expected

    def test_by_view(self) -> None:
        tables = ["observations", "points", "frames", "hops"]
        assert mentioned("FROM packets", tables, ["points"]) == tables
        assert mentioned("FROM packets", tables, tables[:3]) == tables[:3]
