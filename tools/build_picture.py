"""Draw docs/images/journey.svg: the virtual network of `wnv demo`, and the request's way through it.

Run it after a change of what is drawn: `python tools/build_picture.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TARGET = Path(__file__).parent.parent / "docs" / "images" / "journey.svg"


def run(*arguments: str | Path) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "wnv", *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="wnv-picture-") as folder:
        run("demo", "-w", folder)
        trace = Path(folder) / "demo.etl"
        (request,) = run(
            "journeys", trace, "-Y", 'http.request.method == "GET"', "--format", "jsonl", "--no-cache"
        ).splitlines()
        run("topology", trace, "--format", "svg", "--journey", str(json.loads(request)["journey_id"]), "-w", TARGET)


if __name__ == "__main__":
    main()
