from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

import wnv
from lab_worlds import ran
from stored_rows import every_kind, imported
from wnv.pipeline.deriving import derive, derived_tables, known_coverage, made_of
from wnv.pipeline.network import build_topology, coverage
from wnv.pipeline.stored import StoredTrace
from wnv.schema import DERIVED_TABLES
from wnv.store.folder import derived_path, open_derived
from wnv_lab.run import run_scenario
from wnv_lab.scenario import read_scenario


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    place = tmp_path / "sample.wnv"
    with wnv.open_trace(wnv.sample_path()) as trace:
        trace.save(place)
    return place


def spare_of(folder: Path) -> Path:
    raise AssertionError(f"not needed: {folder}")


def times(place: Path) -> list[int]:
    return sorted(one.stat().st_mtime_ns for one in derived_path(place).iterdir())


class TestDerivedTables:
    def test_are_all_there(self, sample: Path) -> None:
        with wnv.open_trace(sample) as trace:
            assert {table.name for table in DERIVED_TABLES} <= trace.datasets().keys()
            nodes = trace.table("nodes")
        assert "Ethernet 3" in nodes.column("name").to_pylist()

    def test_are_made_once(self, sample: Path) -> None:
        stored = StoredTrace(sample)
        derived_tables(stored, lambda: spare_of(sample))
        before = times(sample)
        derived_tables(StoredTrace(sample), lambda: spare_of(sample))
        assert times(sample) == before

    @pytest.mark.parametrize(
        ("name", "value"), [("derived_format", 0), ("made_of", {"catalog": "other"}), ("rows", {}), ("kind", "x")]
    )  # fmt: skip
    def test_are_made_again_when_they_are_older_or_odd(self, sample: Path, name: str, value: object) -> None:
        stored = StoredTrace(sample)
        tables = derived_tables(stored, lambda: spare_of(sample))
        expected = tables["nodes"].to_table()
        meta = derived_path(sample) / "meta.json"
        meta.write_text(json.dumps({**json.loads(meta.read_text()), name: value}))
        assert open_derived(derived_path(sample), made_of(stored)) is None
        again = derived_tables(stored, lambda: spare_of(sample))
        assert again["nodes"].to_table() == expected
        assert open_derived(derived_path(sample), made_of(stored)) is not None

    def test_are_made_again_when_a_file_is_damaged(self, sample: Path) -> None:
        stored = StoredTrace(sample)
        n_rows = derived_tables(stored, lambda: spare_of(sample))["edges"].count_rows()
        (derived_path(sample) / "edges.parquet").write_bytes(b"")
        assert derived_tables(stored, lambda: spare_of(sample))["edges"].count_rows() == n_rows

    def test_those_of_a_newer_wnv_stay(self, sample: Path, tmp_path: Path) -> None:
        stored = StoredTrace(sample)
        derive(stored, derived_path(sample))
        meta = derived_path(sample) / "meta.json"
        meta.write_text(json.dumps({**json.loads(meta.read_text()), "derived_format": 99}))
        before = times(sample)
        spare = tmp_path / "spare"
        spare.mkdir()
        found = derived_tables(stored, lambda: spare)
        assert times(sample) == before
        assert Path(found["nodes"].files[0]).is_relative_to(spare)

    @pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
    def test_where_nothing_can_be_written_they_are_made_elsewhere(self, sample: Path, tmp_path: Path) -> None:
        derived_path(sample).write_text("in the way")  # root may write to every folder
        spare = tmp_path / "spare"
        spare.mkdir()
        with wnv.open_trace(sample) as trace:
            assert trace.table("nodes").num_rows > 0
            (made,) = trace._temporary
            assert made.is_dir()
        assert not made.exists()

    def test_without_packets_or_topology(self, tmp_path: Path) -> None:
        _, place = imported(tmp_path, every_kind()[:3])
        with wnv.open_trace(place) as trace:
            rows = {table.name: trace.table(table.name).num_rows for table in DERIVED_TABLES}
        assert {name for name, n in rows.items() if n} <= {"nodes", "clocks"}


def test_packets_of_two_hosts_are_followed_over_the_wire(tmp_path: Path) -> None:
    run_scenario(read_scenario("mtu-too-small"), tmp_path)
    with wnv.open_trace(tmp_path) as trace:
        rows = trace.sql("SELECT outcome, path FROM journeys").to_pylist()
        flows = trace.sql("SELECT n_packets, n_packets_back, n_retransmissions, n_lost FROM flows").to_pylist()
        assert len(trace.overview.sessions) == 2
    found = Counter((row["outcome"], row["path"]) for row in rows)
    assert found == {
        ("delivered", "pod-a → vxlan0 → NODE1/Ethernet → NODE2/Ethernet → vxlan0 → pod-b"): 10,
        ("delivered", "pod-b → vxlan0 → NODE2/Ethernet → NODE1/Ethernet → vxlan0 → pod-a"): 6,
        ("dropped", "pod-b → vxlan0"): 15,
    }
    assert [tuple(row.values()) for row in flows] == [(6, 4, 0, 0), (4, 17, 6, 15)]


def test_what_was_covered_is_known_once_tables_are_there(tmp_path: Path) -> None:
    place = tmp_path / "nat-web.wnv"
    with wnv.open_trace(ran("nat-web").recordings[0]) as trace:
        trace.save(place)
    stored = StoredTrace(place)
    assert known_coverage(stored) is None
    derive(stored, derived_path(place))
    assert known_coverage(stored) == coverage(stored, build_topology(stored))
