from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from stored_rows import every_kind, imported
from wnv.errors import UsageError, WnvError
from wnv.schema import SESSION
from wnv.store.folder import BASE_FORMAT, TablesWriter, open_folder, source_of


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported(tmp_path_factory.mktemp("sound"), every_kind())[1]


def with_meta(folder: Path, sound: Path, **changes: Any) -> Path:  # Any: JSON
    """A folder with the `meta.json` of a sound one, changed."""
    place = folder / "odd.wnv"
    place.mkdir()
    meta = {**json.loads((sound / "meta.json").read_text()), **changes}
    (place / "meta.json").write_text(json.dumps(meta))
    return place


class TestOpenFolder:
    def test_older_ones_ask_for_a_new_import(self, sound: Path, tmp_path: Path) -> None:
        with pytest.raises(WnvError, match=r"older than .*wnv import"):
            open_folder(with_meta(tmp_path, sound, base_format=BASE_FORMAT - 1))

    def test_newer_ones_are_refused_clearly(self, sound: Path, tmp_path: Path) -> None:
        with pytest.raises(WnvError, match="newer wnv"):
            open_folder(with_meta(tmp_path, sound, base_format=BASE_FORMAT + 1, rows={"all": "new"}))

    @pytest.mark.parametrize(
        "changes",
        [{"kind": "other"}, {"base_format": "1"}, {"base_format": None}, {"rows": []}, {"rows": {"events": 5}},
         {"rows": dict.fromkeys(["events"], "many")}],
    )  # fmt: skip
    def test_odd_ones_are_refused(self, sound: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
        with pytest.raises(WnvError, match=r"meta\.json"):
            open_folder(with_meta(tmp_path, sound, **changes))

    @pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, "{", '{"kind": NaN}', "\udcff"])
    def test_what_is_no_json_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "meta.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(WnvError, match=r"meta\.json"):
            open_folder(tmp_path)

    @pytest.mark.parametrize("name", ["missing.wnv", "file.wnv"])
    def test_what_is_no_folder_is_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file.wnv").write_bytes(b"")
        with pytest.raises(WnvError, match="no trace folder"):
            open_folder(tmp_path / name)


class TestSourceOf:
    def test_is_the_recording(self, sound: Path) -> None:
        assert source_of(sound) == "in.etl"

    def test_of_something_else_is_not_known(self, sound: Path, tmp_path: Path) -> None:
        assert source_of(tmp_path) == ""
        assert source_of(with_meta(tmp_path, sound, overview=[])) == ""


ROW: dict[str, list[object]] = {
    one.name: ["text" if one.kind.value == "text" else 1] for one in SESSION.columns
}  # fmt: skip


class TestTablesWriter:
    def test_two_at_once_leave_one_whole(self, tmp_path: Path) -> None:
        place = tmp_path / "one.wnv"
        with TablesWriter(place, [SESSION]) as one, TablesWriter(place, [SESSION], overwrite=True) as other:
            one.add(SESSION, ROW)
            one.finish({"by": "one"})
            other.finish({"by": "other"})
        assert json.loads((place / "meta.json").read_text())["by"] == "other"
        assert [path.name for path in tmp_path.iterdir()] == ["one.wnv"]

    def test_the_second_is_refused_if_it_may_not_replace(self, tmp_path: Path) -> None:
        place = tmp_path / "one.wnv"
        with TablesWriter(place, [SESSION]) as one, TablesWriter(place, [SESSION]) as other:
            one.finish({"by": "one"})
            with pytest.raises(UsageError):
                other.finish({"by": "other"})
        assert json.loads((place / "meta.json").read_text())["by"] == "one"
        assert [path.name for path in tmp_path.iterdir()] == ["one.wnv"]

    def test_what_is_as_good_stays(self, tmp_path: Path) -> None:
        place = tmp_path / "one.wnv"
        with TablesWriter(place, [SESSION], overwrite=True, is_as_good=lambda: True) as writer:
            writer.finish({"by": "one"})
        with TablesWriter(place, [SESSION], overwrite=True, is_as_good=lambda: True) as writer:
            writer.finish({"by": "other"})
        assert json.loads((place / "meta.json").read_text())["by"] == "one"
        assert [path.name for path in tmp_path.iterdir()] == ["one.wnv"]

    def test_what_a_killed_one_left_goes_after_a_day(self, tmp_path: Path) -> None:
        for name, age in ((".a[1].wnv.00.part", 90_000), (".a[1].wnv.01.part", 10), (".b.wnv.00.part", 90_000)):
            (tmp_path / name).mkdir()
            os.utime(tmp_path / name, (time.time() - age,) * 2)
        with TablesWriter(tmp_path / "a[1].wnv", [SESSION]) as writer:
            writer.finish({})
        assert sorted(path.name for path in tmp_path.iterdir()) == [".a[1].wnv.01.part", ".b.wnv.00.part", "a[1].wnv"]

    def test_only_the_owner_may_read(self, tmp_path: Path) -> None:
        with TablesWriter(tmp_path / "one.wnv", [SESSION]) as writer:
            writer.finish({})
        assert (tmp_path / "one.wnv").stat().st_mode & 0o077 == 0

    def test_failures_of_other_threads_arrive(self, tmp_path: Path) -> None:
        with TablesWriter(tmp_path / "one.wnv", [SESSION], jobs=2) as writer:
            for _ in range(5):
                writer.add(SESSION, ROW)
                writer.end_slice()
            writer.finish({})
        assert json.loads((tmp_path / "one.wnv" / "meta.json").read_text())["rows"] == {"session": 5}
