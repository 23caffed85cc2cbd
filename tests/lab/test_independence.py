"""The lab shares no code with the reader: only so do two readings of the documents check each other."""

from __future__ import annotations

import ast
from pathlib import Path

import wnv_lab

ROOT = Path(wnv_lab.__file__).parent


def imported(path: Path) -> set[str]:
    """Top-level names of the packages that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_no_module_of_the_lab_imports_wnv() -> None:
    assert [path.name for path in ROOT.rglob("*.py") if "wnv" in imported(path)] == []


def test_click_is_at_its_edge_alone() -> None:
    assert [path.name for path in ROOT.rglob("*.py") if "click" in imported(path)] == ["cli.py"]
