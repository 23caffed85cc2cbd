"""What a TRACE may be: `.etl` files, a folder of them, or a trace folder; and the inventory that lies beside it."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wnv.errors import UsageError, WnvError
from wnv.etl.source import find_recordings

_TRACE_FOLDER_SUFFIX: Final = ".wnv"
_TRACE_FOLDER_FILE: Final = "meta.json"
_INVENTORY_SUFFIX: Final = ".inventory.json"
_INVENTORY_BYTES_MAX: Final = 64 * 2**20
_MANIFEST_SUFFIX: Final = ".man"
_MANIFESTS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was known of the host beside a recording: a file in JSON, as it is."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What the paths of a TRACE stand for: the files of a recording, or one trace folder."""

    files: tuple[Path, ...] = ()
    folder: Path | None = None


def is_trace_folder(path: Path) -> bool:
    """Whether `path` is a trace folder, or claims to be one."""
    return path.is_dir() and (path.suffix.lower() == _TRACE_FOLDER_SUFFIX or (path / _TRACE_FOLDER_FILE).exists())


def find(paths: Sequence[Path]) -> Found:
    """What is at `paths`. Raises `WnvError` if there is nothing to read, or trace folders stand beside others."""
    folders = [path for path in paths if is_trace_folder(path)]
    if folders and len(paths) > 1:
        raise UsageError(
            f"{folders[0]}: a trace folder is a recording by itself, and cannot be read together with others",
            advice="Import all files together: wnv import FILE... -w NAME.wnv",
        )
    if folders:
        return Found(folder=folders[0])
    return Found(files=tuple(file for path in paths for file in find_recordings(path)))


def find_inventories(files: Sequence[Path]) -> tuple[Path, ...]:
    """`NAME.inventory.json` beside each `NAME.etl` that has one: recordings of several hosts have several."""
    places = dict.fromkeys(path.with_name(f"{path.stem}{_INVENTORY_SUFFIX}") for path in files)
    return tuple(place for place in places if place.is_file())


def find_manifests(files: Sequence[Path]) -> tuple[Path, ...]:
    """`NAME.man` and `NAME.anything.man` beside each `NAME.etl`: instrumentation manifests of its providers."""
    found = []
    for folder in dict.fromkeys(path.parent for path in files):
        stems = {path.stem for path in files if path.parent == folder}
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                name = path.name.removesuffix(_MANIFEST_SUFFIX)
                is_named = name in stems or any(name.startswith(f"{stem}.") for stem in stems)
                if path.name != name and is_named and path.is_file():
                    found.append(path)
    return tuple(found[:_MANIFESTS_MAX])


def read_inventories(paths: Sequence[Path]) -> Inventory | None:
    """The inventory at the only path as it is, several as one: an object `inventories` has each under its file's name.

    None without a path. Raises as `read_inventory` does.
    """
    found = [read_inventory(path) for path in paths]
    if len(found) < 2:
        return found[0] if found else None
    from wnv.topology.inventory import FORMAT

    whole: dict[str, Any] = {}
    for one in found:
        try:
            whole[one.name] = json.loads(one.content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            whole[one.name] = None
    content = json.dumps({"format": FORMAT, "inventories": whole}, ensure_ascii=False)
    return Inventory(", ".join(whole), content.encode("utf-8", "replace"))


def read_inventory(path: Path) -> Inventory:
    """The inventory at `path`, not parsed. Raises `WnvError` if it cannot be read, or is no text of that size."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _INVENTORY_BYTES_MAX:
            raise WnvError(f"{path}: is no inventory", advice="It is a JSON file that was made beside the recording.")
        return Inventory(path.name, path.read_bytes())
    except OSError as error:
        raise WnvError(f"{path}: cannot be read ({error.strerror or error})") from None
