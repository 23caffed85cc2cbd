from __future__ import annotations

import shlex
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import Ran, command, environment, start, wnv
from conversion import SPEC, at, pktmon, record
from payloads import Echo, Sighting, ethernet, ip, pktmon_160
from wnv import __version__, sample_path
from wnv.cli.main import COMMANDS

HEAVY = {"numpy", "numba", "rich"}
SAMPLE = sample_path()
FRAME = ethernet(ip("10.0.0.1", "10.0.0.2", Echo()))


def has_no_traceback(ran: Ran) -> bool:
    return "Traceback" not in ran.err and "internal error" not in ran.err


def test_help_names_every_command_and_the_exit_codes() -> None:
    ran = wnv("--help")
    assert ran.code == 0
    assert all(f"\n  {name} " in ran.out for name in COMMANDS)
    assert "3 (with --strict)" in " ".join(ran.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples_of_it(name: str) -> None:
    ran = wnv(name, "--help")
    assert ran.code == 0
    examples = ran.out.partition("Examples:\n")[2].splitlines()
    assert examples
    assert all(line.startswith(f"    wnv {name}") for line in examples)


def test_the_version_is_that_of_the_package() -> None:
    assert wnv("--version").out == f"wnv, version {__version__}\n"


@pytest.mark.parametrize("arguments", ["--help", "info --help", "events --help", "convert --help", "demo --help"])
def test_help_imports_nothing_heavy(arguments: str) -> None:
    script = (
        f"import sys; from wnv.cli.main import run; run({arguments.split()!r}); print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", check=True)
    assert not HEAVY & set(ran.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("infos x.etl", "infos"),
        ("--frobnicate", "--frobnicate"),
        ("info --frobnicate x.etl", "--frobnicate"),
        ("info", "TRACE"),
        ("events one.etl two.etl", "two.etl"),
        ("events SAMPLE --time sometimes", "sometimes"),
        ("events SAMPLE --id 70000", "70000"),
        ("events SAMPLE -c -1", "-1"),
        ("events SAMPLE --payload", "jsonl, json or csv"),
        ("convert", "TRACE"),
        ("info SAMPLE --format xml", "xml"),
    ],
)
def test_misuse_is_named_and_exits_with_2(arguments: str, told: str) -> None:
    ran = wnv(*[str(SAMPLE) if one == "SAMPLE" else one for one in arguments.split()])
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert has_no_traceback(ran)


def test_without_a_command_wnv_explains_itself() -> None:
    ran = wnv()
    assert ran.code == 2
    assert "Examples:" in ran.out + ran.err


@pytest.mark.parametrize("name", ["info", "events", "convert"])
def test_strict_turns_a_loss_into_exit_code_3(tmp_path: Path, name: str) -> None:
    lossy = record(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME))], replace(SPEC, events_lost=7))
    out: list[str | Path] = ["-w", tmp_path / "out.pcapng"] if name == "convert" else []
    assert wnv(name, lossy, *out).code == 0
    assert wnv(name, lossy, *out, "--strict").code == 3
    assert wnv(name, SAMPLE, *out, "--strict").code == 0


def test_strict_turns_damage_into_exit_code_3(tmp_path: Path) -> None:
    cut = tmp_path / "cut.etl"
    cut.write_bytes(SAMPLE.read_bytes()[:-100])
    assert wnv("info", cut).code == 0
    assert wnv("info", cut, "--strict").code == 3


@pytest.mark.parametrize("name", ["info", "events", "convert"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"\x0a\x0d\x0d\x0a" + bytes(200), "pcapng"),
        (b"PK\x03\x04" + bytes(200), "not an ETL recording"),
        ("pktmon etl2txt made this\r\n".encode("utf-16") * 20, "text"),
        (bytes(4096), "only zero bytes"),
    ],
)
def test_what_is_no_recording_fails_with_what_was_found_and_what_to_try(
    tmp_path: Path, name: str, content: bytes, found: str
) -> None:
    path = tmp_path / "trace.etl"
    path.write_bytes(content)
    ran = wnv(name, path)
    assert (ran.code, ran.out) == (1, "")
    first, *advice = ran.err.splitlines()
    assert first.startswith(f"wnv: {path}: ")
    assert found in first
    assert advice


@pytest.mark.parametrize("name", ["info", "events", "convert"])
def test_what_is_not_there_fails(tmp_path: Path, name: str) -> None:
    ran = wnv(name, tmp_path / "no.etl")
    assert ran.code == 1
    assert ran.err.startswith(f"wnv: {tmp_path / 'no.etl'}: no such file\n")


def survives(folder: Path, data: bytes) -> None:
    path = folder / "any.etl"
    path.write_bytes(data)
    out = str(folder / "any.pcapng")
    commands: dict[str, list[str]] = {"info": [], "events": ["--strict"], "convert": ["-w", out]}
    for name, options in commands.items():
        ran = wnv(name, path, *options)
        assert ran.code in range(4), ran.err
        assert has_no_traceback(ran), ran.err
        assert ran.code == 0 or len(ran.err.splitlines()) >= 1
        assert ran.code != 1 or len(ran.err.splitlines()) >= 2, ran.err  # what was found, what to try


@settings(max_examples=25)
@given(data=st.binary(max_size=600))
def test_no_bytes_whatever_end_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    survives(tmp_path_factory.mktemp("any"), data)


@settings(max_examples=25)
@given(
    changes=st.lists(st.tuples(st.integers(0, 25_570), st.binary(min_size=1, max_size=8)), max_size=12),
    n_bytes=st.one_of(st.just(25_571), st.integers(1, 25_571)),
)
def test_no_damage_to_a_recording_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], n_bytes: int
) -> None:
    data = bytearray(SAMPLE.read_bytes())
    for place, new in changes:
        data[place : place + len(new)] = new
    survives(tmp_path_factory.mktemp("damaged"), bytes(data[:n_bytes]))


def fail(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Ran]:
    """Runs a command that raises."""

    def run(error: BaseException) -> Ran:
        module = types.ModuleType("a_command_that_fails")
        vars(module)["command"] = click.command()(fail(error))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "fail", (module.__name__, "command", "Fails."))
        return wnv("fail")

    return run


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (MemoryError(), 1, "not enough memory"),
        (OSError(28, "No space left on device"), 1, "the output cannot be written (No space left on device)"),
        (KeyError("\x1b[2Jname"), 1, r"internal error: KeyError: '\x1b[2Jname'"),
    ],
)
def test_whatever_is_raised_becomes_a_message(
    failing: Callable[[BaseException], Ran], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    monkeypatch.delenv("WNV_DEBUG", raising=False)
    ran = failing(error)
    assert ran.code == code
    assert f"wnv: {told}\n" in ran.err
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err


def test_wnv_debug_shows_where(failing: Callable[[BaseException], Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WNV_DEBUG", "1")
    with pytest.raises(KeyError):
        failing(KeyError("name"))


@pytest.mark.parametrize("arguments", ["events SAMPLE", "events SAMPLE --format csv --payload", "demo"])
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    with subprocess.Popen(
        command(*[SAMPLE if one == "SAMPLE" else one for one in arguments.split()]),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 0
    assert b"rror" not in told
    assert b"Traceback" not in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", ["info SAMPLE", "events SAMPLE --format csv", "convert SAMPLE -w -"])
def test_a_full_disk_behind_standard_output_is_said(arguments: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            command(*[SAMPLE if one == "SAMPLE" else one for one in arguments.split()]),
            stdout=full, stderr=subprocess.PIPE, env=environment(), check=False,
        )  # fmt: skip
    assert ran.returncode == 1
    assert b"o space left on" in ran.stderr
    assert b"internal error" not in ran.stderr
    assert b"Exception" not in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_standard_stream_is_no_error(closed: str) -> None:
    line = f"{shlex.join(command('info', SAMPLE))} {closed}"
    ran = subprocess.run(line, shell=True, capture_output=True, env=environment(), check=False)
    assert ran.returncode == 0
    assert b"rror" not in ran.stderr


def test_files_and_pipes_get_utf_8_on_every_system() -> None:
    ran = start("demo", "--real", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C")
    assert "10.9.1.22 → 10.9.1.14" in ran.stdout.decode("utf-8")


def test_what_the_encoding_cannot_say_is_written_out() -> None:
    ran = start("demo", "--real", PYTHONIOENCODING="cp1252")
    assert ran.returncode == 0
    assert rb"10.9.1.22 \u2192 10.9.1.14" in ran.stdout


def test_python_m_wnv_is_wnv() -> None:
    assert start("--version").stdout.decode().split() == ["wnv,", "version", __version__]


def test_several_recordings_are_one_to_info(tmp_path: Path) -> None:
    record(tmp_path, [pktmon(160, pktmon_160(Sighting(), FRAME), ticks=at(5))])
    ran = wnv("info", SAMPLE, tmp_path)
    assert ran.code == 0
    assert ran.lines[0].startswith(f"{SAMPLE.name}, in.etl: 469 events, 115 sightings of packets")
