from __future__ import annotations

from pathlib import Path

from lab_recordings import decoded
from wnv_lab.events import sharedaccess_nat


def test_troubles_have_their_texts(tmp_path: Path) -> None:
    rows = decoded(tmp_path, [
        (sharedaccess_nat.KIND_31002, sharedaccess_nat.trouble("172.17.0.1")),
        (sharedaccess_nat.KIND_30005, sharedaccess_nat.trouble("10.0.0.1", "172.17.0.1")),
        (sharedaccess_nat.KIND_31006, sharedaccess_nat.trouble("172.17.0.5", "10.0.0.53", "172.17.0.1")),
        (sharedaccess_nat.KIND_32003, sharedaccess_nat.trouble()),
    ])  # fmt: skip
    assert rows == [
        {"param1": "172.17.0.1"},
        {"param1": "10.0.0.1", "param2": "172.17.0.1"},
        {"param1": "172.17.0.5", "param2": "10.0.0.53", "param3": "172.17.0.1"},
        {},
    ]
