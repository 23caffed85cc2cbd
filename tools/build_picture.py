"""Draw docs/images/journey.svg, and copy the transcripts of README.md: both from what `wnv demo` makes.

Run it after a change of what the commands show: `python tools/build_picture.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "images" / "journey.svg"
_BLOCK = re.compile(r"<!-- step (\d+) of wnv demo -->\n.*?<!-- end -->", re.DOTALL)


def run(*arguments: str | Path) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "wnv", *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def with_transcripts(page: str, tour: str) -> str:
    """A page with the steps of the tour that it shows, as they are."""

    def block(match: re.Match[str]) -> str:
        step = tour.partition(f"\n# {match[1]}. ")[2].partition("\n# ")[0].partition("\n")[2]
        return f"<!-- step {match[1]} of wnv demo -->\n```\n{step.partition(chr(10) + '=> ')[0]}\n```\n<!-- end -->"

    return _BLOCK.sub(block, page)


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="wnv-picture-") as folder:
        tour = run("demo", "-w", folder)
        trace = Path(folder) / "demo.etl"
        (request,) = run(
            "journeys", trace, "-Y", 'http.request.method == "GET"', "--format", "jsonl", "--no-cache"
        ).splitlines()
        run("topology", trace, "--format", "svg", "--journey", str(json.loads(request)["journey_id"]), "-w", TARGET)
    readme = ROOT / "README.md"
    readme.write_text(with_transcripts(readme.read_text(encoding="utf-8"), tour), encoding="utf-8")


if __name__ == "__main__":
    main()
