"""Draw docs/images/demo.svg: what `wnv demo` prints, as a terminal shows it.

Run it after a change of what the commands print: `python tools/build_picture.py`.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"
WIDTH = 132
SKIPPED = ("To keep the capture",)


def demo_text() -> str:
    """The output of `wnv demo`, both streams in the order a terminal shows them."""
    command = [sys.executable, "-m", "wnv", "demo"]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


def render_svg(text: str) -> str:
    """`text` in a terminal window; headings and commands stand out."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True)
    for line in text.strip().splitlines():
        if line.startswith(SKIPPED):
            continue
        shown = Text(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…", no_wrap=True)
        if line.startswith("#"):
            shown.stylize("bold yellow")
        elif line.startswith("$"):
            shown.stylize("bold green")
        elif re.match(r"(Where packets|Providers|Next)", line):
            shown.stylize("bold")
        console.print(shown)
    svg = console.export_svg(title="wnv demo", theme=MONOKAI, unique_id="wnv-demo")
    # Nothing is loaded from the network: the reader's own monospaced font will do.
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(render_svg(demo_text()), encoding="utf-8")


if __name__ == "__main__":
    main()
