from __future__ import annotations

import json
from pathlib import Path

import pytest

import wnv as package
from command_line import done, wnv
from conversion import record
from pcapng_reader import read_capture
from stored_rows import every_kind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    done("import", record(tmp_path, every_kind()), "-w", tmp_path / "in.wnv")
    return tmp_path / "in.wnv"


class TestImport:
    def test_says_what_it_wrote(self, tmp_path: Path) -> None:
        ran = done("import", package.sample_path(), "-w", tmp_path / "x.wnv")
        assert ran.out == ""
        assert ran.err.strip() == f"{tmp_path / 'x.wnv'}: 467 events, 114 sightings of packets"

    def test_names_the_folder_after_the_recording(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = record(tmp_path, every_kind())
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        done("import", path)
        assert (tmp_path / "here" / "in.wnv" / "meta.json").exists()

    def test_replaces_only_with_force(self, folder: Path) -> None:
        ran = wnv("import", folder.with_name("in.etl"), "-w", folder)
        assert ran.code == 2
        assert "--force" in ran.err
        done("import", folder.with_name("in.etl"), "-w", folder, "--force", "--jobs", "1")

    def test_takes_an_inventory(self, tmp_path: Path) -> None:
        path = record(tmp_path, every_kind())
        (tmp_path / "host.json").write_text("{}")
        done("import", path, "-w", tmp_path / "in.wnv", "--inventory", tmp_path / "host.json")
        assert (tmp_path / "in.wnv" / "inventory.json").read_text() == "{}"
        assert wnv("import", path, "-w", tmp_path / "x.wnv", "--inventory", tmp_path / "missing").code == 1

    def test_derived_tables_are_made_when_asked_for(self, folder: Path) -> None:
        assert not (folder / "derived").exists()
        done("import", folder.with_name("in.etl"), "-w", folder, "--force", "--derived")
        assert (folder / "derived" / "journeys.parquet").exists()

    def test_strict_says_what_was_lost(self, folder: Path) -> None:
        ran = wnv("import", folder.with_name("in.etl"), "-w", folder.with_name("x.wnv"), "--strict")
        assert ran.code == 3
        assert "broken chain" in ran.err


class TestInPlaceOfTheRecording:
    """Every command that takes the recording takes the trace folder, and says the same."""

    def test_info(self, folder: Path) -> None:
        """That of a folder tells more: what was not visible."""
        one, other = (done("info", path).lines for path in (folder.with_name("in.etl"), folder))
        assert {line.replace("in.etl", "X") for line in one} <= {
            line.replace("in.etl", "X").replace("in.wnv", "X") for line in other
        }
        made, kept = (
            json.loads(done("info", path, "--format", "json").out) for path in (folder.with_name("in.etl"), folder)
        )
        assert {name: kept[name] for name in made} == made

    @pytest.mark.parametrize(
        "options",
        [
            ["--format", "jsonl", "--payload"],
            ["--format", "csv"],
            ["--provider", "PktMon", "--no-fields"],
            ["-c", "3", "--time", "relative"],
        ],
    )
    def test_events(self, folder: Path, options: list[str]) -> None:
        one, other = (done("events", path, *options) for path in (folder.with_name("in.etl"), folder))
        assert one == other
        assert one.out

    @pytest.mark.parametrize("options", [[], ["--once"], ["--at", "comp:1"], ["--per-interface"]])
    def test_convert(self, tmp_path: Path, options: list[str]) -> None:
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
        done("import", package.sample_path(), "-w", tmp_path / "in.wnv")
        points = done("info", tmp_path / "in.wnv", "--format", "json").out
        assert "netsvc" not in points
        options = ["--at", "netvsc:59"] if "--at" in options else options
        done("convert", package.sample_path(), "-w", tmp_path / "one" / "x.pcapng", *options)
        done("convert", tmp_path / "in.wnv", "-w", tmp_path / "other" / "x.pcapng", *options)
        files = sorted(path.name for path in (tmp_path / "one").iterdir())
        assert files == sorted(path.name for path in (tmp_path / "other").iterdir())
        for name in files:
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
            assert read_capture(tmp_path / "one" / name).packets

    def test_not_beside_others(self, folder: Path) -> None:
        ran = wnv("info", folder, folder.with_name("in.etl"))
        assert ran.code == 2
        assert "by itself" in ran.err

    def test_an_output_in_the_folder_is_refused(self, folder: Path) -> None:
        target = folder / "events.parquet"
        before = target.read_bytes()
        assert wnv("convert", folder, "-w", target).code == 2
        assert target.read_bytes() == before
