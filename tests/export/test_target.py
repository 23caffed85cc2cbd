from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from wnv.errors import UsageError, WnvError
from wnv.export.target import OutputClosed, Target

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")


class Fails(io.BytesIO):
    """A file on which a call of `method` fails."""

    def __init__(self, code: int, method: str) -> None:
        super().__init__()
        self._error = OSError(code, os.strerror(code))
        self._method = method

    def write(self, data: Any, /) -> int:  # Any: as in io
        if self._method == "write":
            raise self._error
        return super().write(data)

    def flush(self) -> None:
        if self._method == "flush":
            raise self._error

    def close(self) -> None:
        super().close()
        if self._method == "close":
            raise self._error


def failing(code: int, method: str) -> Any:  # Any: BytesIO is all of BinaryIO that is used
    def open_descriptor(descriptor: int) -> BinaryIO:
        os.close(descriptor)
        return Fails(code, method)

    return open_descriptor


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def write_and_break(target: Target, error: BaseException, *, keep: bool = False) -> None:
    with target:
        target.write(b"half")
        if keep:
            target.keep_partial()
            target.write(b" and an end")
        raise error


def write_to(target: Target, data: bytes = b"new", *, flush: bool = False) -> None:
    with target:
        target.write(data)
        if flush:
            target.flush()


class TestWhole:
    def test_the_file_is_there_when_the_block_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "out.pcapng"
        with Target(path) as target:
            assert target.write(b"one ") == 4
            target.write(memoryview(b"two"))
            assert not path.exists()
            (temporary,) = names_in(tmp_path)
            assert temporary.startswith(".out.pcapng.")
            assert temporary.endswith(".part")
        assert path.read_bytes() == b"one two"
        assert names_in(tmp_path) == ["out.pcapng"]

    def test_the_old_file_is_there_until_then(self, tmp_path: Path) -> None:
        path = tmp_path / "out.pcapng"
        path.write_bytes(b"old")
        with Target(str(path)) as target:
            target.write(b"new")
            target.flush()
            assert path.read_bytes() == b"old"
        assert path.read_bytes() == b"new"

    def test_a_long_name_leaves_room_for_that_of_the_temporary_file(self, tmp_path: Path) -> None:
        path = tmp_path / ("ü" * 120 + ".pcapng")
        write_to(Target(path))
        assert path.read_bytes() == b"new"

    @on_posix
    def test_the_mode_is_that_of_any_new_file(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write_to(Target(tmp_path / "out"))
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640

    @on_posix
    def test_a_symbolic_link_stays_and_its_target_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "there" / "real")
        write_to(Target(link))
        assert link.is_symlink()
        assert (tmp_path / "there" / "real").read_bytes() == b"new"
        assert names_in(tmp_path / "there") == ["real"]


class TestBroken:
    @pytest.mark.parametrize("error", [WnvError("no"), ValueError(), KeyboardInterrupt()])
    def test_an_exception_leaves_what_was_there(self, tmp_path: Path, error: BaseException) -> None:
        (tmp_path / "out").write_bytes(b"old")
        with pytest.raises(type(error)) as caught:
            write_and_break(Target(tmp_path / "out"), error)
        assert caught.value is error
        assert names_in(tmp_path) == ["out"]
        assert (tmp_path / "out").read_bytes() == b"old"

    def test_ctrl_c_can_keep_what_was_written(self, tmp_path: Path) -> None:
        target = Target(tmp_path / "out")
        with pytest.raises(KeyboardInterrupt):
            write_and_break(target, KeyboardInterrupt(), keep=True)
        assert names_in(tmp_path) == ["out"]
        assert (tmp_path / "out").read_bytes() == b"half and an end"

    @pytest.mark.parametrize("method", ["write", "flush", "close"])
    def test_a_full_disk_removes_the_output(self, tmp_path: Path, method: str) -> None:
        (tmp_path / "out").write_bytes(b"old")
        target = Target(tmp_path / "out", open_descriptor=failing(errno.ENOSPC, method))
        with pytest.raises(WnvError) as caught:
            write_to(target, flush=method == "flush")
        assert str(caught.value) == (
            f"{tmp_path / 'out'}: no space left on the device; the output was removed. "
            "Free some space, or write to another disk"
        )
        assert names_in(tmp_path) == ["out"]
        assert (tmp_path / "out").read_bytes() == b"old"

    def test_a_full_disk_wins_over_keeping(self, tmp_path: Path) -> None:
        target = Target(tmp_path / "out", open_descriptor=failing(errno.ENOSPC, "close"))
        with pytest.raises(WnvError, match="the output was removed"):
            write_and_break(target, KeyboardInterrupt(), keep=True)
        assert names_in(tmp_path) == []

    def test_a_failure_is_told_again_and_cannot_be_swallowed(self, tmp_path: Path) -> None:
        target = Target(tmp_path / "out", open_descriptor=failing(errno.EFBIG, "write"))
        told: list[WnvError] = []

        def write_and_swallow() -> None:
            with target:
                for _ in range(2):
                    try:
                        target.write(b"new")
                    except WnvError as error:
                        told.append(error)

        with pytest.raises(WnvError, match=r"cannot be written .*; the output was removed") as caught:
            write_and_swallow()
        assert told == [caught.value, caught.value]
        assert names_in(tmp_path) == []

    def test_nothing_is_written_outside_the_block(self, tmp_path: Path) -> None:
        target = Target(tmp_path / "out")
        with pytest.raises(WnvError, match="is not open"):
            target.write(b"")
        write_to(target)
        with pytest.raises(WnvError, match="is not open"):
            target.write(b"")


class TestRefused:
    @pytest.mark.parametrize("link", ["same", "hard", "symbolic", "relative"])
    def test_an_input(self, tmp_path: Path, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
        recording = tmp_path / "case.etl"
        recording.write_bytes(b"precious")
        path = tmp_path / "out" if link in {"hard", "symbolic"} else recording
        if link == "hard":
            path.hardlink_to(recording)
        elif link == "symbolic":
            try:
                path.symlink_to(recording)
            except OSError:
                pytest.skip("no right to make symbolic links")
        elif link == "relative":
            monkeypatch.chdir(tmp_path)
            path = Path("case.etl")
        with pytest.raises(UsageError, match="is also the input"):
            write_to(Target(path, inputs=[tmp_path / "absent.etl", recording]))
        assert recording.read_bytes() == b"precious"

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"is a folder\. Give the name of a file in it"):
            write_to(Target(tmp_path))

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"the folder .*absent does not exist\. Create it first"):
            write_to(Target(tmp_path / "absent" / "out"))

    def test_a_name_that_cannot_be(self, tmp_path: Path) -> None:
        with pytest.raises(WnvError, match="cannot be written"):
            write_to(Target(tmp_path / "a\0b"))
        with pytest.raises(WnvError, match="cannot be written"):
            write_to(Target(tmp_path / ("n" * 300)))
        assert names_in(tmp_path) == []

    def test_names_are_shown_without_control_characters(self, tmp_path: Path) -> None:
        with pytest.raises(WnvError, match=r"absent\\x1b does not exist"):
            write_to(Target(tmp_path / "absent\x1b" / "out"))

    @on_posix
    def test_a_write_protected_file_or_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.write_bytes(b"old")
        path.chmod(0o444)
        if os.access(path, os.W_OK):
            pytest.skip("this user may write to everything")
        with pytest.raises(WnvError, match="is write-protected"):
            write_to(Target(path))
        tmp_path.chmod(0o555)
        with pytest.raises(WnvError, match="cannot be written"):
            write_to(Target(tmp_path / "other"))

    @on_posix
    def test_a_terminal_for_binary_output(self) -> None:
        leader, follower = os.openpty()
        try:
            with pytest.raises(UsageError, match="would garble the terminal"):
                write_to(Target(os.ttyname(follower)))
            with os.fdopen(follower, "wb", closefd=False) as terminal:
                with pytest.raises(UsageError, match=r"Name a file with -w"):
                    write_to(Target("-", stdout=terminal))
                write_to(Target("-", stdout=terminal, is_binary=False), b"text")
            assert os.read(leader, 4) == b"text"
        finally:
            os.close(leader)
            os.close(follower)


class TestDirect:
    def test_standard_output(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        write_to(Target("-"), b"\0\n\r\n")
        assert capfdbinary.readouterr().out == b"\0\n\r\n"
        write_to(Target("-"), b"and it is still open")
        assert capfdbinary.readouterr().out == b"and it is still open"

    def test_standard_output_that_was_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        replaced = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", replaced)
        write_to(Target("-"))
        assert isinstance(replaced.buffer, io.BytesIO)
        assert replaced.buffer.getvalue() == b"new"

    @on_posix
    def test_a_device_is_written_and_stays(self) -> None:
        write_to(Target("/dev/null"))
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
    def test_a_full_device(self) -> None:
        with pytest.raises(WnvError, match="no space left on the device; the output is incomplete"):
            write_to(Target("/dev/full"))

    @on_posix
    def test_a_named_pipe(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
        reader.start()
        write_to(Target(path))
        reader.join()
        assert got == [b"new"]
        assert names_in(tmp_path) == ["pipe"]

    @pytest.mark.parametrize("method", ["write", "flush"])
    def test_a_reader_that_went_away(self, method: str) -> None:
        stdout = Fails(errno.EPIPE, method)
        target = Target("-", stdout=stdout)
        with pytest.raises(OutputClosed):
            write_to(target, flush=True)
        with pytest.raises(OutputClosed):  # so that ending the format in a `finally` tells the same
            target.write(b"the end")
        assert not stdout.closed

    def test_a_broken_pipe_leaves_nothing_for_the_interpreter_to_complain_about(self) -> None:
        code = (
            "from wnv.export.target import OutputClosed, Target\n"
            "try:\n"
            "    with Target('-') as target:\n"
            "        for _ in range(1000): target.write(bytes(5000))\n"
            "except OutputClosed:\n"
            "    raise SystemExit(7)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.read(10)
            child.stdout.close()
            assert child.stderr.read() == b""
        assert child.returncode == 7
