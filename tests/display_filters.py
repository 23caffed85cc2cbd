"""Which frames tshark's display filters select: many filters in one run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dissection import BY_ITSELF

_SCRIPT = Path(__file__).with_suffix(".lua")


def selected_by_tshark(tshark: Path, folder: Path, capture: Path, expressions: Sequence[str]) -> list[list[int] | str]:
    """For each expression the frames of `capture` it selects, from 0; or why tshark does not take it."""
    listed = folder / "expressions.txt"
    assert not any("\n" in one for one in expressions)
    listed.write_text("".join(one + "\n" for one in expressions), encoding="utf-8", newline="\n")
    settings = [argument for one in BY_ITSELF for argument in ("-o", one)]
    done = subprocess.run(
        [str(tshark), "-n", "-q", "-r", str(capture), "-X", f"lua_script:{_SCRIPT}", *settings],
        env={**os.environ, "WNV_EXPRESSIONS": str(listed)},
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith(("= ", "! "))]
    assert len(lines) == len(expressions), done.stderr
    return [
        line[2:] if line.startswith("!") else [int(number) - 1 for number in line[2:].split()] for line in lines
    ]  # fmt: skip
