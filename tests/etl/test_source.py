from __future__ import annotations

import os
from pathlib import Path

import pytest

from wnv.diagnostics import Log
from wnv.errors import WnvError
from wnv.etl.reader import Recording
from wnv.etl.source import Source, find_recordings


def test_bytes_are_read_by_position(tmp_path: Path) -> None:
    path = tmp_path / "a.etl"
    path.write_bytes(bytes(range(200)))
    with Source(path) as source:
        assert source.size == 200
        assert source.bytes_at(10, 3) == bytes([10, 11, 12])
        assert source.bytes_at(198, 50) == bytes([198, 199])
        assert source.bytes_at(200, 1) == source.bytes_at(5000, 1) == b""
        into = bytearray(b"\xff" * 8)
        assert source.read_at(196, memoryview(into)) == 4
        assert into == bytes([196, 197, 198, 199]) + b"\xff" * 4
        assert source.read_at(0, memoryview(bytearray())) == 0


def test_a_file_that_grows_is_read_up_to_the_size_it_had(tmp_path: Path) -> None:
    path = tmp_path / "a.etl"
    path.write_bytes(b"12345")
    with Source(path) as source, path.open("ab") as growing:
        growing.write(b"678")
        growing.flush()
        assert (source.size, source.bytes_at(0, 100)) == (5, b"12345")


def test_a_file_that_shrinks_gives_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.etl"
    path.write_bytes(b"12345678")
    with Source(path) as source:
        os.truncate(path, 3)
        assert source.bytes_at(0, 8) == b"123"


def test_without_positional_reads_the_same_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wnv.etl.source._HAS_PREADV", False)
    test_bytes_are_read_by_position(tmp_path)
    test_a_file_that_shrinks_gives_what_is_left(tmp_path)


@pytest.mark.parametrize("name", ["missing.etl", "missing/a.etl"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(WnvError, match="no such file"):
        Source(tmp_path / name)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WnvError, match=r"is a folder|cannot be opened"):
        Source(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.etl")
    with pytest.raises(WnvError, match="is a pipe or device"):
        Source(tmp_path / "pipe.etl")


def test_a_device_is_refused() -> None:
    with pytest.raises(WnvError):
        Source(Path(os.devnull))


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000], ids=["a nul in it", "too long"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(WnvError):
        Source(tmp_path / name)
    with pytest.raises(WnvError):
        Recording(find_recordings(tmp_path / name), Log())


def test_a_closed_source_can_be_closed_again(tmp_path: Path) -> None:
    (tmp_path / "a.etl").write_bytes(b"1")
    source = Source(tmp_path / "a.etl")
    source.close()
    source.close()
    with pytest.raises(WnvError, match="reading failed"):
        source.bytes_at(0, 1)


def test_the_recordings_of_a_folder_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.etl", "a.ETL", "c.txt", "etl"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.etl").mkdir()
    assert [path.name for path in find_recordings(tmp_path)] == ["a.ETL", "b.etl"]
    assert find_recordings(tmp_path / "c.txt") == [tmp_path / "c.txt"]
    assert find_recordings(tmp_path / "missing") == [tmp_path / "missing"]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(WnvError, match=r"without any \.etl file"):
        find_recordings(tmp_path)
