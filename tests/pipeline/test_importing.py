from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import wnv
from command_line import command, environment
from conversion import at, pktmon, record
from etl_writer import pack
from payloads import Sighting, pktmon_160
from stored_rows import every_kind, imported
from wnv.errors import UsageError, WnvError
from wnv.etl.reader import Slice
from wnv.export.rows import event_columns
from wnv.schema import BASE_TABLES, EVENTS


class TestTables:
    def test_events_are_those_of_csv(self, tmp_path: Path) -> None:
        """Two writers of the same rows: lists of Python values, and columns."""
        path, place = imported(tmp_path, every_kind())
        with wnv.open_trace(path) as trace, wnv.open_trace(place) as kept:
            source = trace.scanned()
            names = {one.guid: one.name for one in trace.overview.providers if one.guid and one.name}
            (piece,) = trace.slices()
            expected = event_columns(source, piece, np.arange(len(piece.events)), names=names)
            found = kept.events
        assert {name: found.column(name).to_pylist() for name in EVENTS.names} == expected

    def test_the_bytes_of_a_frame_stand_once(self, tmp_path: Path) -> None:
        frame = bytes(range(100, 160))
        with wnv.open_trace(imported(tmp_path, [pktmon(160, pktmon_160(Sighting(), frame))])[1]) as trace:
            (payload,) = trace.events.column("payload").to_pylist()[1:]
            assert frame not in payload
            assert trace.table("frames").column("bytes").to_pylist() == [frame]
            assert trace.events.column("frame_id").to_pylist() == [None, 0]
            assert len(payload) + len(frame) == trace.events.column("payload_bytes").to_pylist()[1]

    def test_sightings_of_one_event_share_a_frame(self, tmp_path: Path) -> None:
        with wnv.open_trace(imported(tmp_path, every_kind())[1]) as trace:
            rows = trace.table("observations").select(["event_row", "frame_id"]).to_pylist()
        assert len(rows) == 6
        assert len({row["frame_id"] for row in rows}) == 5
        assert len({(row["event_row"], row["frame_id"]) for row in rows}) == 5

    def test_drops_in_words(self, tmp_path: Path) -> None:
        with wnv.open_trace(imported(tmp_path, every_kind())[1]) as trace:
            rows = trace.table("observations").to_pylist()
        dropped = [row for row in rows if row["is_drop"]]
        assert [(row["drop_reason_code"], row["appearance"]) for row in dropped] == [(7, 2)]
        assert dropped[0]["drop_reason"].replace("_", "").isalnum()
        assert all(row["drop_reason"] is None for row in rows if not row["is_drop"])

    def test_few_rows_tables(self, tmp_path: Path) -> None:
        path, place = imported(tmp_path, every_kind())
        with wnv.open_trace(place) as trace:
            assert trace.table("session").to_pylist() == [trace.session]
            points = trace.table("points").to_pylist()
            assert [row["point_id"] for row in points] == list(range(len(points)))
            assert sum(row["n_packets"] for row in points) == 6
            assert all(isinstance(json.loads(row["details"]), dict) for row in points)
            assert {row["code"] for row in trace.table("diagnostics").to_pylist()} == {"item_invalid"}
            assert trace.table("buffers").column("n_events").to_pylist() == [1, 17, 1]
        assert path.exists()

    def test_addresses_as_numbers(self) -> None:
        with wnv.open_trace(wnv.sample_path()) as trace:
            rows = trace.table("addresses").to_pylist()
        assert sorted(row["address"] for row in rows) == ["10.9.1.14", "10.9.1.22"]
        assert {(row["version"], row["high"]) for row in rows} == {(4, 0)}
        assert sorted(row["low"] for row in rows) == [0x0A09010E, 0x0A090116]

    @pytest.mark.parametrize(
        ("inventory", "host"),
        [({"format": "wnv-inventory/1", "computer": {"Name": "HV01"}}, "HV01"), ({}, None), ("[", None)],
    )
    def test_an_inventory_names_the_host(self, tmp_path: Path, inventory: object, host: str | None) -> None:
        path = record(tmp_path, every_kind())
        text = inventory if isinstance(inventory, str) else json.dumps(inventory)
        path.with_name("in.inventory.json").write_text(text)
        with wnv.open_trace(path) as trace:
            trace.save(tmp_path / "in.wnv")
        with wnv.open_trace(tmp_path / "in.wnv") as trace:
            assert trace.session["host"] == host
            assert trace.table("session").column("host").to_pylist() == [host]

    @pytest.mark.parametrize("jobs", [1, 2, 5])
    def test_the_number_of_jobs_changes_nothing(self, tmp_path: Path, jobs: int) -> None:
        path = record(tmp_path, every_kind())
        with wnv.open_trace(path, jobs=jobs) as trace:
            trace.save(tmp_path / "in.wnv")
        with wnv.open_trace(path, jobs=3) as trace:
            trace.save(tmp_path / "other.wnv")
        for table in BASE_TABLES:
            one, other = (tmp_path / place / f"{table.name}.parquet" for place in ("in.wnv", "other.wnv"))
            assert one.read_bytes() == other.read_bytes()


class Broken(Exception):
    """What goes wrong in the middle."""


class TestWholeOrNothing:
    def test_what_is_interrupted_leaves_nothing(self, tmp_path: Path) -> None:
        path = record(tmp_path, every_kind())

        def fail(done: int, total: int) -> None:
            raise Broken(done, total)

        with wnv.open_trace(path) as trace:
            trace.scanned()
            trace._progress = fail
            with pytest.raises(Broken):
                trace.save(tmp_path / "in.wnv")
        assert [one.name for one in tmp_path.iterdir()] == ["in.etl"]

    def test_a_killed_import_is_never_taken_for_whole(self, tmp_path: Path) -> None:
        events = [pktmon(160, pktmon_160(Sighting(group=n), bytes(1000)), ticks=at(n)) for n in range(3000)]
        path = record(tmp_path, events)
        process = subprocess.Popen(
            command("import", path, "-w", tmp_path / "in.wnv"), env=environment(), stderr=subprocess.DEVNULL
        )  # fmt: skip
        while process.poll() is None and not any(one.suffix == ".part" for one in tmp_path.iterdir()):
            time.sleep(0.001)
        process.kill()
        process.wait()
        if not (tmp_path / "in.wnv").exists():
            with pytest.raises(WnvError):
                wnv.open_trace(tmp_path / "in.wnv")
        with wnv.open_trace(path) as trace:
            trace.save(tmp_path / "in.wnv", overwrite=True)
        with wnv.open_trace(tmp_path / "in.wnv") as trace:
            assert trace.events.num_rows == 3001

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
    def test_ctrl_c_leaves_nothing(self, tmp_path: Path) -> None:
        events = [pktmon(160, pktmon_160(Sighting(group=n), bytes(1000)), ticks=at(n)) for n in range(3000)]
        path = record(tmp_path, events)
        process = subprocess.Popen(
            command("import", path, "-w", tmp_path / "in.wnv"), env=environment(), stderr=subprocess.PIPE
        )  # fmt: skip
        while process.poll() is None and not any(one.suffix == ".part" for one in tmp_path.iterdir()):
            time.sleep(0.001)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate()
        left = {one.name for one in tmp_path.iterdir()} - {"in.etl"}
        assert (process.returncode, left) in ((130, set()), (0, {"in.wnv"})), said

    def test_nothing_is_replaced_unasked(self, tmp_path: Path) -> None:
        path, place = imported(tmp_path, every_kind())
        with wnv.open_trace(path) as trace:
            with pytest.raises(UsageError, match="is there already"):
                trace.save(place)
            trace.save(place, overwrite=True)
        assert sorted(one.name for one in tmp_path.iterdir()) == ["in.etl", "in.wnv"]

    def test_other_folders_and_files_stay(self, tmp_path: Path) -> None:
        path = record(tmp_path, every_kind())
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear")
        with wnv.open_trace(path) as trace:
            for place in (path, tmp_path / "mine"):
                with pytest.raises(UsageError, match="no trace folder"):
                    trace.save(place, overwrite=True)
            with pytest.raises(WnvError, match="cannot be written"):
                trace.save(tmp_path / "missing" / "in.wnv")
        assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"

    def test_a_trace_folder_is_not_imported_again(self, tmp_path: Path) -> None:
        _, place = imported(tmp_path, every_kind())
        with wnv.open_trace(place) as trace, pytest.raises(UsageError, match="already"):
            trace.save(tmp_path / "other.wnv")


def test_rows_are_cut_into_groups_in_order(tmp_path: Path) -> None:
    events = [pktmon(160, pktmon_160(Sighting(group=n), bytes(20)), ticks=at(n)) for n in range(500)]
    path = record(tmp_path, pack(events, 4096))
    with wnv.open_trace(path) as trace:
        scanned = trace.scanned()
        scanned.slice_bytes = 4096  # type: ignore[attr-defined] # a recording, not a trace folder
        trace.save(tmp_path / "in.wnv")
        pieces: list[Slice] = list(trace.slices())
        assert len(pieces) > 1
    with wnv.open_trace(tmp_path / "in.wnv") as trace:
        assert trace.events.column("event_row").to_pylist() == list(range(501))
        assert trace.table("frames").column("frame_id").to_pylist() == list(range(500))
        assert trace.table("observations").column("packet_group").to_pylist() == list(range(500))
