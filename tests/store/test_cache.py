from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wnv
from conversion import at, pktmon, record
from payloads import Sighting, pktmon_160
from wnv.errors import WnvError
from wnv.schema import SESSION
from wnv.store.cache import Cache, cache_bytes, cache_folder, cache_key, code_digest
from wnv.store.folder import TablesWriter


def recording(folder: Path, n: int = 1) -> Path:
    return record(folder, [pktmon(160, pktmon_160(Sighting(group=n), bytes(60)), ticks=at(1))])


def entry(cache: Cache, key: str, n_bytes: int, used_s: float) -> Path:
    path = cache.place(key)
    with TablesWriter(path, [SESSION]) as writer:
        writer.add_file("filling", bytes(n_bytes))
        writer.finish({})
    os.utime(path, (used_s, used_s))
    return path


class TestKey:
    def test_is_stable(self, tmp_path: Path) -> None:
        path = recording(tmp_path)
        assert cache_key([path], {"a": "b"}) == cache_key([path], {"a": "b"})

    def test_tells_options_apart(self, tmp_path: Path) -> None:
        path = recording(tmp_path)
        assert len({cache_key([path], one) for one in ({}, {"a": "b"}, {"ab": ""}, {"a": "", "b": ""})}) == 4

    def test_sees_a_change_anywhere_in_a_small_file(self, tmp_path: Path) -> None:
        path = recording(tmp_path)
        before, changed = cache_key([path], {}), path.stat()
        for offset in (0, 70_000, path.stat().st_size - 1):
            content = bytearray(path.read_bytes())
            content[offset] ^= 1
            path.write_bytes(content)
            os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))
            assert cache_key([path], {}) != before

    def test_sees_another_time_and_size(self, tmp_path: Path) -> None:
        path = tmp_path / "large"
        path.write_bytes(bytes(10_000_000))
        keys = {cache_key([path], {})}
        os.utime(path, (1, 1))
        keys.add(cache_key([path], {}))
        path.write_bytes(bytes(10_000_001))
        os.utime(path, (1, 1))
        keys.add(cache_key([path], {}))
        assert len(keys) == 3

    def test_of_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(WnvError, match="no such file"):
            cache_key([tmp_path / "missing"], {})


class TestCodeDigest:
    def test_tells_parts_apart(self) -> None:
        assert len({code_digest(*parts) for parts in ((), ("schema",), ("journeys",), ("journeys", "schema"))}) == 4

    def test_is_stable(self) -> None:
        assert code_digest("topology") == code_digest("topology")


class TestUse:
    def test_a_recording_is_imported_once(self, tmp_path: Path) -> None:
        path, cache = recording(tmp_path), Cache()
        with wnv.open_trace(path) as trace:
            assert trace.needs_import()
            assert trace.events.num_rows == 2
            place = trace.stored().folder.path
        assert place.parent == cache.folder
        changed = (place / "events.parquet").stat().st_mtime_ns
        with wnv.open_trace(path) as trace:
            assert not trace.needs_import()
            assert trace.events.num_rows == 2
        assert (place / "events.parquet").stat().st_mtime_ns == changed

    def test_another_recording_of_that_name_is_another_entry(self, tmp_path: Path) -> None:
        places = []
        for n in (1, 2):
            with wnv.open_trace(recording(tmp_path, n)) as trace:
                places.append(trace.stored().folder.path)
                assert trace.table("observations").column("packet_group").to_pylist() == [n]
        assert places[0] != places[1]

    def test_an_inventory_makes_another_entry(self, tmp_path: Path) -> None:
        path = recording(tmp_path)
        with wnv.open_trace(path) as trace:
            without = trace.stored().folder
        (tmp_path / "in.inventory.json").write_text("{}")
        with wnv.open_trace(path) as trace:
            beside = trace.stored().folder
        assert without.path != beside.path
        assert (without.inventory(), beside.inventory()) == (None, b"{}")

    def test_a_damaged_entry_is_made_anew(self, tmp_path: Path) -> None:
        path = recording(tmp_path)
        with wnv.open_trace(path) as trace:
            place = trace.stored().folder.path
        (place / "frames.parquet").write_bytes(b"gone")
        with wnv.open_trace(path) as trace:
            assert trace.table("frames").num_rows == 1

    def test_without_the_cache_nothing_is_left(self, tmp_path: Path) -> None:
        path, before = recording(tmp_path, 77), {one.path for one in Cache().entries()}
        with wnv.open_trace(path, use_cache=False) as trace:
            assert trace.events.num_rows == 2
            place = trace.stored().folder.path
        assert not place.exists()
        assert {one.path for one in Cache().entries()} == before

    def test_several_at_once(self, tmp_path: Path) -> None:
        path = recording(tmp_path, 99)

        def count(_: int) -> int:
            with wnv.open_trace(path) as trace:
                return int(trace.events.num_rows)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(count, range(8))) == [2] * 8
        assert [one.name for one in Cache().folder.iterdir() if one.name.startswith(".")] == []


class TestSize:
    def test_the_least_recently_used_goes_first(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", max_bytes=25_000)
        old, new, newest = (entry(cache, name, 10_000, n + 1e9) for n, name in enumerate(("old", "new", "newest")))
        assert [one.path for one in cache.entries()] == [newest, new, old]
        assert [one.path for one in cache.trim(newest)] == [old]
        cache.use(new)
        assert [one.path for one in cache.entries()] == [new, newest]

    def test_what_was_just_made_stays(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", max_bytes=100)
        one, other = entry(cache, "one", 1000, 1e9), entry(cache, "other", 1000, 2e9)
        cache.trim(one)
        assert (one.exists(), other.exists()) == (True, False)

    def test_what_killed_imports_left_goes_after_a_day(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache")
        kept = entry(cache, "kept", 10, 1e9)
        for name, age in ((".a.wnv.00.part", 90_000), (".b.wnv.00.part", 10), (".c.wnv.00.old", 90_000)):
            (cache.folder / name).mkdir()
            os.utime(cache.folder / name, (time.time() - age,) * 2)
        cache.trim(kept)
        assert sorted(one.name for one in cache.folder.iterdir()) == [".b.wnv.00.part", "kept.wnv"]

    def test_clear_removes_all(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache")
        entry(cache, "one", 10, 1e9)
        (cache.folder / ".a.wnv.00.part").mkdir()
        (tmp_path / "cache" / "other.txt").write_text("not ours")
        assert len(cache.clear()) == 1
        assert [one.name for one in cache.folder.iterdir()] == ["other.txt"]

    def test_the_limit_may_be_set(self) -> None:
        assert cache_bytes({}) == 20 * 2**30
        assert cache_bytes({"WNV_CACHE_BYTES": "1000"}) == 1000
        with pytest.raises(WnvError, match="WNV_CACHE_BYTES"):
            cache_bytes({"WNV_CACHE_BYTES": "10G"})


class TestFolder:
    @pytest.mark.parametrize(
        ("environ", "platform", "end"),
        [
            ({"WNV_CACHE": "/x/y"}, "linux", "/x/y"),
            ({"XDG_CACHE_HOME": "/x"}, "linux", "/x/wnv"),
            ({"XDG_CACHE_HOME": "relative"}, "linux", ".cache/wnv"),
            ({}, "linux", ".cache/wnv"),
            ({}, "darwin", "Library/Caches/wnv"),
            ({"LOCALAPPDATA": "/local"}, "win32", "/local/wnv/cache"),
        ],
    )
    def test_is_where_the_system_wants_it(self, environ: dict[str, str], platform: str, end: str) -> None:
        assert cache_folder(environ, platform).as_posix().endswith(end)

    @pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
    def test_nobody_else_may_look(self, tmp_path: Path) -> None:
        folder = tmp_path / "cache"
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        Cache(folder).place("x")
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(WnvError, match="--no-cache"):
            Cache(tmp_path / "file" / "cache").place("x")
