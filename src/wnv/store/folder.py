"""Trace folders, `name.wnv`: a Parquet file a table, and `meta.json`, which says what they are.

    name.wnv/meta.json            what was imported, formats, rows of each table; its presence says: all is there
    name.wnv/events.parquet …     base tables
    name.wnv/inventory.json       what was known of the host beside the recording, where something was
    name.wnv/manifests.json       descriptions of events that lay beside the recording, where some did
    name.wnv/derived/…            the same for derived tables: made again when they are of an older format

A folder is written beside its place under another name and renamed when it is whole, so that whatever has the name
is whole, also after an interruption and with several writers at once: the last one stays.
"""

from __future__ import annotations

import glob
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.dataset as ds

from wnv.errors import UsageError, WnvError
from wnv.schema import BASE_TABLES, DERIVED_TABLES, DIAGNOSTICS, Table
from wnv.store.arrow import StoredData, record_batch
from wnv.store.records import parse_json
from wnv.store.tables import TableWriter, open_table

SUFFIX: Final = ".wnv"
BASE_FORMAT: Final = 4
"""Of the base tables and `meta.json`; an older one needs a new import."""
DERIVED_FORMAT: Final = 2
"""Of the derived tables and the rules by which they are made; older ones are made again."""
IN_DERIVED: Final = (*DERIVED_TABLES, DIAGNOSTICS)
"""What making derived tables found wrong stands beside them, and is read with what reading found."""
INVENTORY_FILE: Final = "inventory.json"
MANIFESTS_FILE: Final = "manifests.json"
_META = "meta.json"
_DERIVED = "derived"
_KIND = "wnv trace folder"
_META_BYTES_MAX = 64 * 2**20
_SLICES_WAITING = 2
_FORGOTTEN_S: Final = 24 * 3600


class TablesWriter:
    """Writes some tables to a new folder at `path`; use as a context, `finish`, and it is there.

    With `jobs` above 1 rows are encoded in other threads. Rows of one table keep their order.
    """

    def __init__(
        self,
        path: Path,
        tables: Sequence[Table],
        *,
        jobs: int = 1,
        overwrite: bool = False,
        is_as_good: Callable[[], bool] | None = None,
    ) -> None:
        """Raises `UsageError` if there is something at `path` already that may not be overwritten.

        `is_as_good` is asked at the end if there is something by then: what is as good stays in our place.
        """
        self._path, self._tables, self._overwrite = path, {one.name: one for one in tables}, overwrite
        self._is_as_good = is_as_good
        self._refuse()
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._writers: dict[str, TableWriter] = {}
        self._pools = [ThreadPoolExecutor(1, "wnv-write") for _ in range(min(jobs - 1, len(tables)))]
        self._waiting: list[list[Future[None]]] = [[]]
        self._is_finished = False

    def _refuse(self) -> None:
        is_ours = self._path.is_dir() and not self._path.is_symlink() and (self._path / _META).exists()
        if self._path.is_symlink() or (self._path.exists() and not is_ours):
            raise UsageError(f"{self._path}: is there already and is no trace folder", advice="Choose another name.")
        if self._path.exists() and not self._overwrite:
            raise UsageError(f"{self._path}: is there already", advice="Use --force to replace it, or another name.")

    def __enter__(self) -> Self:
        try:
            remove_forgotten(self._path.parent, glob.escape(self._path.name))
            self._part.mkdir(mode=0o700)
            for name, table in self._tables.items():
                self._writers[name] = TableWriter(self._part, table)
        except OSError as error:
            self._remove()
            raise _cannot_write(self._path, error) from None
        except BaseException:  # Ctrl-C
            self._remove()
            raise
        return self

    def add(self, table: Table, columns: Mapping[str, StoredData]) -> None:
        """Rows of one table; the memory behind them may be reused after `add` has returned."""
        batch = record_batch(table, columns)
        if not self._pools:
            self._write(table, batch)
            return
        # The widest tables come first: each gets a thread of its own, as far as there are any.
        number = _BY_WEIGHT.get(table.name, len(_BY_WEIGHT))
        pool = self._pools[number % len(self._pools)]
        self._waiting[-1].append(pool.submit(self._write, table, batch))

    def end_slice(self) -> None:
        """Say that what belongs together has been added: bounds what waits to be written."""
        self._waiting.append([])
        while len(self._waiting) > _SLICES_WAITING:
            for one in self._waiting.pop(0):
                one.result()

    def _write(self, table: Table, batch: pa.RecordBatch) -> None:
        try:
            self._writers[table.name].add_batch(batch)
        except OSError as error:
            raise _cannot_write(self._path, error) from None

    def add_file(self, name: str, content: bytes) -> None:
        """Put a file beside the tables."""
        try:
            (self._part / name).write_bytes(content)
        except OSError as error:
            raise _cannot_write(self._path, error) from None

    def finish(self, meta: Mapping[str, Any]) -> None:  # Any: JSON
        """End all files, then say what they are and give the folder its name."""
        for futures in self._waiting:
            for one in futures:
                one.result()
        try:
            for writer in self._writers.values():
                writer.close()
            rows = {name: writer.n_rows for name, writer in self._writers.items()}
            (self._part / _META).write_text(
                json.dumps({"kind": _KIND, "rows": rows, **meta}, ensure_ascii=True), encoding="ascii"
            )
            self._rename()
        except OSError as error:
            raise _cannot_write(self._path, error) from None
        self._is_finished = True

    def _rename(self) -> None:
        for is_last in (False, False, True):
            if self._path.exists():
                if self._is_as_good is not None and self._is_as_good():
                    self._remove()  # somebody else was faster, and may be reading it already
                    return
                self._refuse()
                old = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.old")
                with suppress(FileNotFoundError):
                    self._path.rename(old)
                shutil.rmtree(old, ignore_errors=True)
            try:
                self._part.rename(self._path)
            except OSError:
                if is_last or not self._path.exists():  # else another process was faster just now
                    raise
            else:
                return

    def _remove(self) -> None:
        for writer in self._writers.values():
            with suppress(Exception):  # it is about to be removed
                writer.abandon()
        shutil.rmtree(self._part, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        if not self._is_finished:
            self._remove()


_BY_WEIGHT = {"frames": 0, "events": 1, "hops": 0, "journeys": 1}


def remove_forgotten(folder: Path, name: str = "*", age_s: float = _FORGOTTEN_S) -> None:
    """Remove what writers that were killed left beside the folders `name` (a pattern) in `folder`."""
    now = time.time()
    for pattern in (f".{name}.*.part", f".{name}.*.old"):
        for path in folder.glob(pattern):
            with suppress(OSError):  # somebody else may be removing it
                if path.is_dir() and not path.is_symlink() and now - path.stat().st_mtime >= age_s:
                    shutil.rmtree(path, ignore_errors=True)


class NotWritable(WnvError):
    """The system refuses to write there."""


def _cannot_write(path: Path, error: OSError) -> NotWritable:
    return NotWritable(f"{path}: cannot be written ({error.strerror or error})")


@dataclass(frozen=True, slots=True)
class TraceFolder:
    """A trace folder that was opened: `meta` is what its writer said of it, checked as far as `open_folder` says."""

    path: Path
    meta: Mapping[str, Any]  # Any: JSON
    rows: Mapping[str, int]

    def dataset(self, table: Table) -> ds.Dataset:
        """A base table. Raises `WnvError` if its file is not what was written."""
        return open_table(self.path, table, self.rows[table.name])

    def inventory(self) -> bytes | None:
        """The inventory that was imported with the recording, in JSON; None without one."""
        if not self.meta.get("inventory"):
            return None
        return _read_file(self.path / INVENTORY_FILE)

    def manifests(self) -> bytes | None:
        """The descriptions of events that lay beside the recording (`decode.catalog`); None without any."""
        return _read_file(self.path / MANIFESTS_FILE) if self.meta.get("has_manifests") else None


@dataclass(frozen=True, slots=True)
class DerivedFolder:
    """The derived tables of a trace folder."""

    path: Path
    meta: Mapping[str, Any]  # Any: JSON
    rows: Mapping[str, int]

    def dataset(self, table: Table) -> ds.Dataset:
        """A derived table. Raises `WnvError` if its file is not what was written."""
        return open_table(self.path, table, self.rows[table.name])


def is_newer(path: Path) -> bool:
    """Whether the derived tables at `path` were made by a newer wnv, which an older one leaves alone."""
    try:
        made = _read_meta(path, ())[0].get("derived_format")
    except WnvError:
        return False
    return type(made) is int and made > DERIVED_FORMAT


def open_derived(path: Path, made_of: Mapping[str, Any]) -> DerivedFolder | None:  # Any: JSON
    """The derived tables at `path`, if they are whole, of our format, and made of what `made_of` says; else None."""
    try:
        meta, rows = _read_meta(path, IN_DERIVED)
        found = DerivedFolder(path, meta, rows)
        if meta.get("derived_format") != DERIVED_FORMAT or meta.get("made_of") != made_of:
            return None
        for table in IN_DERIVED:
            found.dataset(table)
    except WnvError:
        return None
    return found


def open_folder(path: Path) -> TraceFolder:
    """The trace folder at `path`. Raises `WnvError` if it is none, or of a format that this wnv does not read."""
    place = path / _META
    meta = parse_json(_read_file(place), str(place))
    found = meta.get("base_format") if isinstance(meta, dict) and meta.get("kind") == _KIND else None
    if type(found) is not int:
        raise WnvError(f"{place}: does not say what wnv writes there", advice="Import the recording again.")
    if found > BASE_FORMAT:
        raise WnvError(
            f"{path}: is of format {found}, and this wnv reads {BASE_FORMAT}",
            advice="It was written by a newer wnv: update, or import the recording again.",
        )
    if found < BASE_FORMAT:
        raise WnvError(
            f"{path}: is of format {found}, older than {BASE_FORMAT}, which this wnv reads",
            advice="Import the recording again: wnv import RECORDING -w NAME.wnv",
        )
    return TraceFolder(path, *_read_meta(path, BASE_TABLES))


def _read_meta(path: Path, tables: Sequence[Table]) -> tuple[dict[str, Any], dict[str, int]]:  # Any: JSON
    place = path / _META
    meta = parse_json(_read_file(place), str(place))
    rows = meta.get("rows") if isinstance(meta, dict) else None
    known = isinstance(rows, dict) and all(type(rows.get(one.name)) is int for one in tables)
    if not isinstance(meta, dict) or meta.get("kind") != _KIND or not isinstance(rows, dict) or not known:
        raise WnvError(f"{place}: does not say what wnv writes there", advice="Import the recording again.")
    return meta, rows


def _read_file(place: Path) -> bytes:
    try:
        found = os.lstat(place)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _META_BYTES_MAX:
            raise WnvError(f"{place}: is no file that wnv wrote", advice="Import the recording again.")
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise WnvError(
            f"{place.parent}: is no trace folder, or one that was not finished ({place.name} is missing)",
            advice="Import the recording again: wnv import RECORDING -w NAME.wnv",
        ) from None
    except OSError as error:
        raise WnvError(f"{place}: cannot be read ({error.strerror or error})") from None


def source_of(path: Path) -> str:
    """The recording that was imported into a trace folder, as far as it says; empty if it is none."""
    try:
        overview = _read_meta(path, BASE_TABLES)[0].get("overview")
    except WnvError:
        return ""
    source = overview.get("source") if isinstance(overview, dict) else None
    return source if isinstance(source, str) else ""


def derived_path(path: Path) -> Path:
    """Where the derived tables of the trace folder at `path` stand."""
    return path / _DERIVED
