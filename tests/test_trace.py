from __future__ import annotations

import doctest
import importlib.util
import shutil
from pathlib import Path

import pytest

import wnv
from conversion import SPEC, at, pktmon, record
from etl_writer import build
from payloads import Sighting, pktmon_160
from pcapng_reader import read_capture
from wnv.errors import UsageError, WnvError

FRAME = bytes(range(60))


def numbered(n: int) -> list[bytes]:
    """A recording of one packet, at a time and with a group of its own."""
    return [build(SPEC, [pktmon(160, pktmon_160(Sighting(group=n), FRAME), ticks=at(n))])]


def test_the_examples_run() -> None:
    import wnv.trace

    assert doctest.testmod(wnv.trace, raise_on_error=True).attempted > 5
    assert doctest.testmod(wnv, raise_on_error=True).attempted > 1


class TestTables:
    def test_of_a_recording_and_of_its_folder(self, tmp_path: Path) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace:
            trace.save(tmp_path / "x.wnv")
            one = trace.table("observations")
        with wnv.open_trace(tmp_path / "x.wnv") as trace:
            assert trace.table("observations") == one
            assert trace.dataset("observations").schema == one.schema

    def test_that_does_not_exist(self) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace, pytest.raises(UsageError, match="session, buffers, events"):
            trace.table("packet")

    def test_sql_over_base_and_derived_tables(self) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace:
            rows = trace.sql("SELECT count(*) AS n FROM nodes WHERE kind = ?", ["nic"])
            assert rows.to_pylist()[0]["n"] == sum(
                kind == "nic" for kind in trace.table("nodes").column("kind").to_pylist()
            )

    def test_a_wrong_query(self) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace, pytest.raises(UsageError, match="SELEC"):
            trace.sql("SELEC 1")

    @pytest.mark.parametrize("name", ["pandas", "polars"])
    def test_frames_of_other_libraries(self, name: str) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace:
            make = getattr(trace, f"to_{name}")
            if importlib.util.find_spec(name) is None:
                with pytest.raises(WnvError, match=f"pip install {name}"):
                    make("points")
            else:
                assert len(make("points")) == 4

    def test_an_inventory_belongs_to_the_import(self, tmp_path: Path) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace:
            trace.save(tmp_path / "x.wnv")
        with pytest.raises(UsageError, match="Import the recording again"):
            wnv.open_trace(tmp_path / "x.wnv", inventory=tmp_path / "host.json")


class TestOpenTrace:
    def test_a_file(self, tmp_path: Path) -> None:
        path = record(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME))])
        for name in (path, str(path)):
            with wnv.open_trace(name) as trace:
                assert (trace.overview.n_packets, trace.overview.source) == (1, "in.etl")

    def test_files_and_folders_are_one_recording_in_order_of_time(self, tmp_path: Path) -> None:
        folder = tmp_path / "parts"
        folder.mkdir()
        for n in (3, 1, 2):
            (folder / f"{n}.etl").write_bytes(numbered(n)[0])
        (tmp_path / "0.etl").write_bytes(numbered(4)[0])
        with wnv.open_trace(tmp_path / "0.etl", folder) as trace:
            trace.convert(str(tmp_path / "out.pcapng"))
            assert len(trace.overview.sessions) == 1
        assert [one.packet_id for one in read_capture(tmp_path / "out.pcapng").packets] == [1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("content", "message"),
        [(None, r"no\.etl"), (b"", r"no\.etl"), (b"not a recording" * 100, r"no\.etl")],
        ids=["missing", "empty", "other"],
    )
    def test_what_is_no_recording(self, tmp_path: Path, content: bytes | None, message: str) -> None:
        if content is not None:
            (tmp_path / "no.etl").write_bytes(content)
        with pytest.raises(WnvError, match=message):
            wnv.open_trace(tmp_path / "no.etl")

    def test_a_folder_without_recordings(self, tmp_path: Path) -> None:
        with pytest.raises(WnvError):
            wnv.open_trace(tmp_path)

    def test_progress_is_told(self, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []
        path = record(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME))])
        with wnv.open_trace(path, progress=lambda done, total: told.append((done, total))) as trace:
            assert trace.overview.n_packets == 1
        assert told
        assert told[-1][0] == told[-1][1]


class TestTrace:
    def test_all_events_in_order_of_time(self, tmp_path: Path) -> None:
        events = [pktmon(160, pktmon_160(Sighting(), FRAME), ticks=at(n), cpu=n % 2) for n in (5, 2, 4, 3)]
        with wnv.open_trace(record(tmp_path, events)) as trace:
            ticks = [tick for piece in trace.slices() for tick in piece.events.ticks.tolist()]
        assert ticks[-4:] == [at(n) for n in (2, 3, 4, 5)]

    def test_the_first_pass_runs_once(self, tmp_path: Path) -> None:
        with wnv.open_trace(record(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME))])) as trace:
            assert trace.scanned() is trace.scanned()
            assert trace.overview is trace.overview

    def test_a_closed_one_lets_its_file_go(self, tmp_path: Path) -> None:
        path = record(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME))])
        trace = wnv.open_trace(path)
        assert trace.overview.n_packets == 1
        trace.close()
        trace.close()
        path.unlink()


class TestSample:
    def test_comes_with_wnv(self, tmp_path: Path) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace:
            assert (trace.overview.n_events, trace.overview.n_packets) == (467, 114)
            assert trace.convert(str(tmp_path / "out.pcapng")).n_packets == 114
            assert trace.overview.is_complete
            assert not trace.overview.is_damaged

    def test_is_the_one_of_the_traces(self, traces_dir: Path) -> None:
        assert wnv.sample_path().read_bytes() == (traces_dir / "pktmon-demikernel.etl").read_bytes()

    def test_can_be_copied_and_read_elsewhere(self, tmp_path: Path) -> None:
        shutil.copy(wnv.sample_path(), tmp_path / "copy.ETL")
        with wnv.open_trace(tmp_path) as trace:
            assert trace.longest_sightings()[0]["appearance"] == 1
