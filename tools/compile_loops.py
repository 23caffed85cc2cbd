"""Compiles the loops that recordings are read and packets followed with, so that the first command need not.

    python tools/compile_loops.py

numba keeps what it compiles beside the sources, and compiles what has changed again. A recording of either kind is
read and followed, which runs through every loop of it; nothing else is left behind.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from wnv import kernels, open_trace
from wnv_lab.run import run_scenario
from wnv_lab.scenario import read_scenario

SCENARIO = "nat-web"


def main() -> None:
    if not kernels.COMPILED:
        return  # numba is not there, or switched off: nothing is ever compiled
    with TemporaryDirectory(prefix="wnv-") as folder:
        os.environ["WNV_CACHE"] = str(Path(folder, "cache"))
        for capture in ("ndis", "pktmon"):
            made = run_scenario(read_scenario(SCENARIO), Path(folder, capture), capture=capture)
            with open_trace(made.recordings[0]) as trace:
                trace.dataset("journeys")


if __name__ == "__main__":
    main()
