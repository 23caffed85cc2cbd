from __future__ import annotations

import json
from pathlib import Path

import pytest

from wnv.bundle import find, find_inventories, find_manifests, read_inventories, read_inventory
from wnv.errors import UsageError, WnvError


class TestFind:
    def test_files_and_folders_of_them(self, tmp_path: Path) -> None:
        for name in ("b.etl", "a.ETL", "c.txt"):
            (tmp_path / name).write_bytes(b"")
        assert [path.name for path in find([tmp_path]).files] == ["a.ETL", "b.etl"]
        assert find([tmp_path / "c.txt"]).files == (tmp_path / "c.txt",)

    @pytest.mark.parametrize(("name", "inside"), [("x.wnv", "events.parquet"), ("x.WNV", ""), ("plain", "meta.json")])
    def test_a_trace_folder(self, tmp_path: Path, name: str, inside: str) -> None:
        (tmp_path / name).mkdir()
        if inside:
            (tmp_path / name / inside).write_bytes(b"")
        assert find([tmp_path / name]).folder == tmp_path / name

    def test_a_trace_folder_stands_alone(self, tmp_path: Path) -> None:
        (tmp_path / "x.wnv").mkdir()
        with pytest.raises(UsageError, match="by itself"):
            find([tmp_path / "x.wnv", tmp_path / "y.etl"])


class TestManifests:
    def test_beside_the_recording_and_named_like_it(self, tmp_path: Path) -> None:
        for name in ("one.man", "one.Mine.man", "other.man", "one.txt", "oneMine.man"):
            (tmp_path / name).write_text("")
        (tmp_path / "one.folder.man").mkdir()
        found = find_manifests([tmp_path / "one.etl", tmp_path / "two.etl"])
        assert [path.name for path in found] == ["one.Mine.man", "one.man"]
        assert find_manifests([tmp_path / "nowhere" / "one.etl"]) == ()


class TestInventory:
    def test_beside_the_recording(self, tmp_path: Path) -> None:
        files = [tmp_path / "one.etl", tmp_path / "two.etl"]
        assert find_inventories(files) == ()
        (tmp_path / "two.inventory.json").write_text("{}")
        assert find_inventories(files) == (tmp_path / "two.inventory.json",)

    def test_several_are_read_as_one(self, tmp_path: Path) -> None:
        paths = [tmp_path / f"{name}.inventory.json" for name in ("one", "two", "three")]
        for path, content in zip(paths, ('{"format": "x"}', "{}", "no json"), strict=True):
            path.write_text(content)
        found = read_inventories(paths)
        assert found is not None
        assert found.name == "one.inventory.json, two.inventory.json, three.inventory.json"
        assert json.loads(found.content)["inventories"] == {
            "one.inventory.json": {"format": "x"}, "two.inventory.json": {}, "three.inventory.json": None,
        }  # fmt: skip
        assert read_inventories(paths[:1]) == read_inventory(paths[0])
        assert read_inventories([]) is None

    def test_is_read_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_bytes(b"\xffnot json")
        found = read_inventory(tmp_path / "x.json")
        assert (found.name, found.content) == ("x.json", b"\xffnot json")

    @pytest.mark.parametrize("name", ["missing", "."])
    def test_that_is_none(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(WnvError):
            read_inventory(tmp_path / name)
