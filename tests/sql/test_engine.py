from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import payloads as make
from frame_tables import tables_of
from payloads import Udp
from wnv.sql.engine import connect, read_batches, views
from wnv.sql.values import address_text


def packet(port: int) -> bytes:
    return make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Udp(port, 9, b"")))


def test_tables_are_asked_for_by_name() -> None:
    connection = connect({"numbers": pa.table({"n": [3, 1, 2]})})
    assert read_batches(connection, "SELECT n FROM numbers WHERE n > ? ORDER BY n", [1]).read_all().to_pydict() == {
        "n": [2, 3]
    }


def test_rows_come_as_they_are_found() -> None:
    reader = read_batches(connect({}), "SELECT * FROM range(1000000000000)", n_rows=1000)
    assert reader.read_next_batch().num_rows == 1000


def test_the_view_of_packets_says_where_and_what() -> None:
    connection = connect(tables_of([packet(7), packet(8)]))
    rows = read_batches(connection, "SELECT number, point, src, sport, protocol FROM packets ORDER BY 1").read_all()
    assert rows.to_pylist()[1] == {"number": 2, "point": "nic", "src": "10.0.0.1", "sport": 8, "protocol": "UDP"}


def test_a_view_needs_its_tables() -> None:
    assert views(["frames", "observations", "points"]) == ["packets"]
    assert views(["frames"]) == []


def test_variables_of_the_program_are_no_tables() -> None:
    hidden = pa.table({"n": [1]})
    with pytest.raises(duckdb.CatalogException):
        connect({}).execute("SELECT * FROM hidden")
    assert hidden.num_rows == 1


def test_our_queries_read_no_files_either() -> None:
    with pytest.raises(duckdb.PermissionException):
        connect({}).execute("SELECT * FROM read_text('/etc/hostname')")


def test_tables_on_disk_are_read_and_no_other_files(tmp_path: Path) -> None:
    for name in ("it's", "a[1]*"):
        folder = tmp_path / name
        folder.mkdir()
        path = folder / "numbers.parquet"
        pq.write_table(pa.table({"n": [1, 2]}), path)
        pq.write_table(pa.table({"n": [3]}), folder / "other.parquet")
        connection = connect({"numbers": ds.dataset(path, format="parquet")})
        assert connection.execute("SELECT sum(n) FROM numbers").fetchall() == [(3,)]
        with pytest.raises(duckdb.PermissionException):
            connection.execute("SELECT * FROM read_parquet(?)", [str(folder / "other.parquet")])


@settings(max_examples=20)
@given(st.lists(st.integers(0, (1 << 128) - 1) | st.integers(0, 1 << 40), min_size=1, max_size=50), st.integers(0, 127))
def test_addresses_have_an_order(numbers: list[int], hole: int) -> None:
    numbers = [number & ~(0xFFFFFFFF << hole) for number in numbers]  # zeros in the middle, which are left out
    texts = [address_text(number, 6) for number in numbers]
    low = [number & 0xFFFFFFFF for number in numbers]
    rows = pa.table({"six": texts, "four": [address_text(number, 4) for number in low]})
    found = (
        connect({"t": rows}).execute("SELECT ipv6_digits(six), ipv4_number(four), ipv4_number(six) FROM t").fetchall()
    )
    assert found == [(f"{number:032x}", four, None) for number, four in zip(numbers, low, strict=True)]


def test_only_a_connection_that_was_given_a_folder_writes_there_what_memory_cannot_hold(tmp_path: Path) -> None:
    place = "SELECT current_setting('temp_directory')"
    for folder, expected in ((None, ""), (tmp_path, str(tmp_path))):
        with connect({}, spill=folder) as connection:
            assert connection.sql(place).fetchall() == [(expected,)]
