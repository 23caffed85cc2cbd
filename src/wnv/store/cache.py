"""The cache of imported recordings: trace folders, found again by what was imported and how.

The key of an entry is a hash of each file's size, time of change, and blocks spread over it, of the options of the
import, the format of the tables and the catalog: whatever changes one of them makes another entry. Entries are
written beside their place and renamed, so several processes may import the same at once. The least recently used
ones go when the cache is larger than it may be.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from wnv import __version__
from wnv.errors import WnvError
from wnv.etl.source import Source
from wnv.store.folder import BASE_FORMAT, SUFFIX, remove_forgotten, source_of

SIZE_BYTES: Final = 20 * 2**30
"""Unless WNV_CACHE_BYTES says otherwise."""
_BLOCK_BYTES: Final = 64 * 2**10
_BLOCKS: Final = 64


def cache_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where the cache is: WNV_CACHE, or the platform's place for what can be made again."""
    if environ.get("WNV_CACHE"):
        return Path(environ["WNV_CACHE"])
    if platform == "win32":
        base = environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "wnv" / "cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "wnv"
    cache_home = environ.get("XDG_CACHE_HOME", "")
    # The specification has relative paths ignored.
    return (Path(cache_home) if Path(cache_home).is_absolute() else Path.home() / ".cache") / "wnv"


def cache_bytes(environ: Mapping[str, str] = os.environ) -> int:
    """How large the cache may be. Raises `WnvError` where WNV_CACHE_BYTES is no number."""
    text = environ.get("WNV_CACHE_BYTES", "")
    if text and not (text.isascii() and text.isdigit()):
        raise WnvError(f"WNV_CACHE_BYTES is {text!r}, not a number of bytes")
    return int(text) if text else SIZE_BYTES


@dataclass(frozen=True, slots=True)
class Entry:
    """An imported recording."""

    path: Path
    source: str
    """The files that were imported."""
    n_bytes: int
    used_s: float
    """When it was last used: seconds since 1970."""


class Cache:
    """The entries below one folder, which only its owner may read."""

    def __init__(self, folder: Path | None = None, max_bytes: int | None = None) -> None:
        self.folder = cache_folder() if folder is None else folder
        self._max_bytes = cache_bytes() if max_bytes is None else max_bytes

    def place(self, key: str) -> Path:
        """Where the entry of a key is, or is to be written. Raises `WnvError` if the cache cannot be used."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_private()
        except OSError as error:
            raise WnvError(
                f"{self.folder}: the cache cannot be used ({error.strerror or error})",
                advice="Use --no-cache, or set WNV_CACHE to a folder that you may write to.",
            ) from None
        return self.folder / f"{key}{SUFFIX}"

    def _make_private(self) -> None:
        """Recordings hold other people's traffic: nobody else may read them, or put something in their place."""
        if os.name != "posix":
            return
        found = self.folder.stat()
        if found.st_uid != os.geteuid():
            raise WnvError(
                f"{self.folder}: the cache belongs to another user",
                advice="Set WNV_CACHE to a folder of your own, or use --no-cache.",
            )
        if found.st_mode & 0o077:
            self.folder.chmod(0o700)

    def use(self, path: Path) -> None:
        """Note that the entry at `path` was used now."""
        with suppress(OSError):  # another process may have removed it
            os.utime(path)

    def entries(self) -> list[Entry]:
        """All entries, the last used first."""
        found = []
        for path in self._paths():
            with suppress(OSError):  # another process may be removing it
                found.append(Entry(path, source_of(path), _size(path), path.stat().st_mtime))
        return sorted(found, key=lambda one: -one.used_s)

    def trim(self, keep: Path) -> list[Entry]:
        """Remove the least recently used entries until the rest is small enough, but never `keep`; those removed."""
        remove_forgotten(self.folder)
        left, removed = 0, []
        for entry in self.entries():
            left += entry.n_bytes
            if left > self._max_bytes and entry.path != keep:
                shutil.rmtree(entry.path, ignore_errors=True)
                left -= entry.n_bytes
                removed.append(entry)
        return removed

    def clear(self) -> list[Entry]:
        """Remove all entries, and what interrupted imports left; returns the entries."""
        removed = self.entries()
        for entry in removed:
            shutil.rmtree(entry.path, ignore_errors=True)
        remove_forgotten(self.folder, age_s=0)
        return removed

    def _paths(self) -> Iterator[Path]:
        places = sorted(self.folder.glob(f"*{SUFFIX}"))
        return (path for path in places if path.is_dir() and not path.is_symlink() and not path.name.startswith("."))


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


@cache
def code_digest(*parts: str) -> str:
    """A hash of the sources of parts of this package (`journeys`, `schema`, …): other rules make other tables.

    Format numbers say what can be read at all; this says what was made by exactly this code.
    """
    whole = hashlib.sha256(__version__.encode())
    for name in parts:
        place = Path(str(files("wnv") / name))
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            whole.update(f"{name}/{path.name}\n".encode())
            with suppress(OSError):  # compiled only: then the version has to do
                whole.update(path.read_bytes())
    return whole.hexdigest()


def cache_key(paths: Sequence[Path], options: Mapping[str, str]) -> str:
    """A hash of the files (in this order), and of what else decides what is imported. Raises `WnvError`."""
    whole = hashlib.sha256(f"wnv {BASE_FORMAT}\n".encode())
    for name, value in sorted(options.items()):
        whole.update(f"{name}={len(value)}:{value}\n".encode())
    for path in paths:
        with Source(path) as source:
            changed_ns = path.stat().st_mtime_ns
            whole.update(f"{len(str(path.absolute()))}:{path.absolute()} {source.size} {changed_ns}\n".encode())
            last = max(0, source.size - _BLOCK_BYTES)
            for offset in sorted({0, last, *(last * number // (_BLOCKS + 1) for number in range(1, _BLOCKS + 1))}):
                whole.update(source.bytes_at(offset, _BLOCK_BYTES))
    return whole.hexdigest()[:40]
