"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# `deadline`: the first call of a compiled kernel takes seconds. `ci` draws the same examples every time, so
# that a run says something about the change and not about luck; `dev` searches on.
settings.register_profile(
    "ci", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tshark" in getattr(item, "fixturenames", ()):
            item.add_marker("needs_tshark")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of imported recordings for this run alone, also for the commands that tests start."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WNV_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def traces_dir() -> Path:
    """Folder of real recordings that are too large, or not ours, to be in the repository."""
    named = os.environ.get("WNV_TRACES")
    folder = Path(named) if named else ROOT.parent / "shared" / "traces"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}: set WNV_TRACES to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def own_traces() -> Path:
    """Folder of the small real recordings that the repository carries, and of what is expected of them."""
    return ROOT / "tests" / "traces"


@pytest.fixture(scope="session")
def tshark() -> Path:
    """The tshark program, an independent reader of what we write."""
    found = shutil.which("tshark") or shutil.which(
        "tshark", path=str(Path(os.environ.get("PROGRAMFILES", "C:/Program Files"), "Wireshark"))
    )
    if found:
        return Path(found)
    if os.environ.get("WNV_REQUIRE_TSHARK") == "1":
        pytest.fail("tshark is not installed, and WNV_REQUIRE_TSHARK=1 forbids to skip")
    pytest.skip("tshark is not installed")
