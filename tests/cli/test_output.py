from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wnv
from command_line import command, environment
from wnv.cli.output import (
    CsvWriter,
    TextTable,
    exit_code,
    is_coloured,
    json_text,
    stop_on_interrupt,
    time_formatter,
    time_window,
    write_jsonl,
)
from wnv.errors import UsageError

HOSTILE = "\x1b[2J[red]x[/red]\u202egnp\n=1"
SAMPLE = wnv.sample_path()


def table(headings: list[str], rows: list[list[str]], right: list[bool] | None = None) -> list[str]:
    return list(TextTable(headings, right=right or [False] * len(headings)).lines(rows))


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["name", "n"], [["a", "1"], ["longer", "1,000"]], [False, True]) == [
        "name        n",
        "a           1",
        "longer  1,000",
    ]


def test_wide_characters_take_two_places() -> None:
    assert table(["name", "x"], [["東京", "1"], ["abcd", "2"]]) == ["name  x", "東京  1", "abcd  2"]


def test_a_very_long_cell_pushes_only_its_own_row() -> None:
    lines = table(["name", "x"], [["n" * 100, "1"], ["short", "2"]])
    assert lines == ["name" + " " * 58 + "x", "n" * 100 + "  1", "short" + " " * 57 + "2"]


def test_headings_stand_above_the_first_batch_only() -> None:
    both = TextTable(["a", "b"], right=[False, False])
    assert list(both.lines([["1", "2"]])) == ["a  b", "1  2"]
    assert list(both.lines([["3", "4"]])) == ["3  4"]
    assert list(TextTable(["", ""], right=[False, False]).lines([["k", "v"]])) == ["k  v"]


def test_no_cell_of_a_table_is_a_command_to_the_terminal() -> None:
    assert table(["name"], [[HOSTILE]])[1] == r"\x1b[2J[red]x[/red]\u202egnp\x0a=1"


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), max_size=5))
def test_a_table_has_a_line_a_row_whatever_the_cells(rows: list[list[str]]) -> None:
    lines = table(["a", "b", "c"], rows)
    assert len(lines) == 1 + len(rows)
    assert all(line.isprintable() or not line.isascii() for line in lines)
    assert all(len(line.splitlines()) <= 1 for line in lines)


def test_a_line_of_json_lines_is_an_object_with_the_names_as_keys() -> None:
    out = io.StringIO()
    write_jsonl(out, ["a", "b"], iter([(1, "x"), (None, HOSTILE)]))
    first, second = out.getvalue().splitlines()
    assert first == '{"a": 1, "b": "x"}'
    assert json.loads(second) == {"a": None, "b": HOSTILE}


@given(st.text(st.characters()))
def test_json_is_one_line_that_shows_nothing_invisible_and_reads_back(text: str) -> None:
    shown = json_text({"text": text})
    assert json.loads(shown) == {"text": text}
    assert len(shown.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e0fff]", shown)


def test_json_leaves_letters_of_all_scripts_as_they_are() -> None:
    assert json_text(["Büro – 東京 😀"]) == '["Büro – 東京 😀"]'


@pytest.mark.parametrize(
    ("cell", "safe", "raw"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)", "@SUM(A1)"),
        ("web-1", "web-1", "web-1"),
        ("two\nlines", r"two\x0alines", "two\nlines"),
        ("\x1b[2J", r"\x1b[2J", "\x1b[2J"),
        (-1, "-1", "-1"),
        (None, "", ""),
    ],
)
def test_no_cell_of_a_csv_is_a_formula_unless_raw(cell: object, safe: str, raw: str) -> None:
    for is_raw, expected in ((False, safe), (True, raw)):
        out = io.StringIO()
        CsvWriter(out, ["a", "b"], raw=is_raw).write(iter([(cell, 7)]))
        assert list(csv.reader(io.StringIO(out.getvalue()))) == [["a", "b"], [expected, "7"]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "is_one"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_that_wants_it_gets_colour(
    monkeypatch: pytest.MonkeyPatch, stream: IO[str], variables: dict[str, str], is_one: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_coloured(stream) is is_one  # type: ignore[arg-type] # IO is what both streams are to a type checker


def test_the_first_interrupt_is_noted_and_the_second_is_raised() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("style", "note"),
    [
        ("host", "Times are in the zone of the recorded host, UTC+00:00 (Coordinated Universal Time)."),
        ("utc", "Times are in UTC."),
        ("local", "Times are in the zone of this computer, UTC"),
        ("relative", "Times are seconds since the recording's start at 2024-06-10 20:18:27.9225833 (UTC+00:00)."),
        ("delta", "Times are seconds since the row before."),
    ],
)
def test_every_style_of_time_says_what_it_is(style: str, note: str) -> None:
    with wnv.open_trace(SAMPLE) as trace:
        assert time_formatter(trace.overview.sessions[0], style).note.startswith(note)


def test_a_window_that_holds_nothing_is_misuse() -> None:
    with wnv.open_trace(SAMPLE) as trace:
        start_ns = trace.overview.sessions[0].row["start_ns"]
        assert time_window(trace, "utc", "10", "12.5") == (start_ns + 10 * 10**9, start_ns + 12_500_000_000)
        assert time_window(trace, "utc", None, None) == (None, None)
        with pytest.raises(UsageError, match="Give --to a later time"):
            time_window(trace, "utc", "10", "10")


def test_what_is_whole_has_exit_code_0_even_if_strict() -> None:
    with wnv.open_trace(SAMPLE) as trace:
        assert [exit_code(trace, strict=strict) for strict in (False, True)] == [0, 0]


# ------------------------------------------------------------------------------------------- on a real terminal


def on_terminal(arguments: list[str], out: Path | None = None) -> str:
    """What a terminal of 120 columns gets as stderr, and as stdout unless this goes to a file."""
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    with out.open("wb") if out else os.fdopen(os.dup(theirs), "wb") as stdout:
        changes = {"TERM": "xterm", "COLUMNS": "120"}
        process = subprocess.Popen(command(*arguments), stdout=stdout, stderr=theirs, env=environment(**changes))
        os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
        assert process.wait() == 0
    return seen.decode("utf-8").replace("\r\n", "\n")


posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@posix
@pytest.mark.parametrize(
    "arguments",
    [["events", str(SAMPLE), "--format", "csv"], ["info", str(SAMPLE), "--format", "json"]],
)
def test_a_progress_bar_on_the_terminal_takes_nothing_from_a_redirected_output(
    tmp_path: Path, arguments: list[str]
) -> None:
    seen = on_terminal(arguments, tmp_path / "out.txt")
    quiet = subprocess.run(command(*arguments), capture_output=True, env=environment(), check=True).stdout
    assert (tmp_path / "out.txt").read_bytes() == quiet
    assert "event_row" not in seen


@posix
@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["info", str(SAMPLE)], f"{SAMPLE.name}: 467 events"),
        (["events", str(SAMPLE), "-c", "2"], "No.  time (UTC+00:00, host)"),
        (["convert", str(SAMPLE), "-w", "OUT"], "OUT: 114 packets"),
    ],
)
def test_the_progress_bar_is_gone_before_anything_is_printed(tmp_path: Path, arguments: list[str], first: str) -> None:
    out = str(tmp_path / "out.pcapng")
    seen = on_terminal([out if one == "OUT" else one for one in arguments])
    erase = "\x1b[2K"
    behind_the_bar = seen.rpartition(erase)[2].removeprefix("\x1b[1m")
    assert behind_the_bar.startswith(first.replace("OUT", out))
