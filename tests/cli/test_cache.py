from __future__ import annotations

import json
from pathlib import Path

import pytest

import wnv as package
from command_line import done


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for each test alone."""
    monkeypatch.setenv("WNV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def use_sample() -> None:
    with package.open_trace(package.sample_path()) as trace:
        assert trace.events.num_rows == 467


class TestList:
    def test_shows_what_was_imported(self, cache: Path) -> None:
        use_sample()
        ran = done("cache", "list")
        assert [line.split()[0] for line in ran.lines] == ["recording", "pktmon-demikernel.etl"]
        assert ran.err.startswith(f"{cache}: 1 recording, ")

    def test_in_json(self, cache: Path) -> None:
        use_sample()
        found = json.loads(done("cache", "list", "--format", "json").out)
        assert found["folder"] == str(cache)
        (entry,) = found["entries"]
        assert entry["source"] == "pktmon-demikernel.etl"
        assert entry["n_bytes"] > 10_000
        assert Path(entry["path"]).parent == cache

    def test_of_nothing(self) -> None:
        ran = done("cache", "list")
        assert ran.out == ""
        assert "0 recordings" in ran.err


def test_clear_removes_all(cache: Path) -> None:
    use_sample()
    assert "removed 1 recording" in done("cache", "clear").err
    assert list(cache.iterdir()) == []
    use_sample()
