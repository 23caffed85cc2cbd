"""Runs wnv as a person does: `wnv(...)` in this process, `start(...)` as a program of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from wnv.cli.main import run


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def line(self, start: str) -> str:
        """The only line that begins so, without that beginning."""
        (found,) = [one for one in self.lines if one.startswith(start)]
        return found.removeprefix(start).strip()


def wnv(*arguments: str | Path) -> Ran:
    """One command, run here."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(one) for one in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def done(*arguments: str | Path) -> Ran:
    """One command that has to work."""
    ran = wnv(*arguments)
    assert ran.code == 0, ran.err
    return ran


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "wnv", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """Ours, without what would change how the program writes."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONIOENCODING", "WNV_DEBUG")}
    return kept | changes


def start(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """A program of its own, from start to end; `changes` to the environment."""
    return subprocess.run(command(*arguments), env=environment(**changes), capture_output=True, check=False)
