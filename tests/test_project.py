"""What holds for the project as a whole."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import wnv
import wnv.errors
from wnv.diagnostics import KINDS, Code

HEAVY = {"duckdb", "numba", "numpy", "pyarrow", "rich"}


def modules_imported_by(*arguments: str) -> set[str]:
    """Top-level names that `python ARGUMENTS` imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    # A line ends with the name, behind the two times in microseconds and a bar.
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_importing_the_package_imports_nothing_heavy() -> None:
    imported = modules_imported_by("-c", "import wnv")
    assert "wnv" in imported
    assert not imported & HEAVY


def test_help_imports_nothing_heavy() -> None:
    imported = modules_imported_by("-m", "wnv", "--help")
    assert "click" in imported
    assert not imported & HEAVY


def test_the_lazy_names_are_those_of_their_modules() -> None:
    assert wnv.WnvError is wnv.errors.WnvError
    assert set(wnv.__all__) <= set(dir(wnv))
    assert all(getattr(wnv, name) is not None for name in wnv.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_tarce'"):
        _ = wnv.open_tarce  # type: ignore[attr-defined]  # the misspelling is the test


def test_every_diagnostic_code_is_explained() -> None:
    assert set(KINDS) == set(Code)


def test_the_changelog_has_a_place_for_the_next_change(repo_root: Path) -> None:
    lines = (repo_root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    headings = [line for line in lines if line.startswith("## ")]
    assert headings[0] == "## [Unreleased]"


def test_the_readers_we_compare_with_are_not_dependencies(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = list(chain(project["dependencies"], *project.get("optional-dependencies", {}).values()))
    assert not [one for one in needed if one.startswith(("dissect", "etl-parser", "python-pcapng", "scapy"))]


def test_dev_py_explains_itself(repo_root: Path) -> None:
    done = subprocess.run([sys.executable, repo_root / "dev.py", "--help"], capture_output=True, text=True, check=True)
    assert "python3 dev.py test" in done.stdout


def test_no_file_names_a_place_on_one_machine(repo_root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repo_root,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    places = tuple(f"/{folder}/".encode() for folder in ("work", "root"))
    guilty = []
    for name in listed.stdout.decode().split("\0"):
        path = repo_root / name
        if not name or not path.is_file():
            continue
        content = path.read_bytes()
        is_text = b"\0" not in content
        if is_text and any(place in content for place in places):
            guilty.append(name)
    assert guilty == []
