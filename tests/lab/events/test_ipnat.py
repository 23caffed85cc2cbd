from __future__ import annotations

from pathlib import Path

from lab_recordings import decoded
from wnv_lab.events import ipnat


def test_a_debug_line_is_its_text(tmp_path: Path) -> None:
    assert decoded(tmp_path, [(ipnat.KIND_2001, ipnat.debug_line("mapping added"))]) == [
        {"_DebugString": "mapping added"}
    ]
