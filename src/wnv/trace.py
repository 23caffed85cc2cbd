"""A recording, opened: what the command line, notebooks and the page use."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from wnv import bundle
from wnv.diagnostics import Log
from wnv.errors import UsageError, WnvError
from wnv.etl.reader import READERS, Progress, Recording, Slice
from wnv.schema import DIAGNOSTICS, TABLES, Table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

    from wnv.decode.catalog import Catalog
    from wnv.export.capture import CaptureResult
    from wnv.overview import Overview
    from wnv.pipeline import CaptureOptions, Opened, Scanned
    from wnv.pipeline.stored import StoredTrace

_TABLES: dict[str, Table] = {table.name: table for table in TABLES if table.name != "fields"}

_READS = ("schema", "clock", "kernels", "etl", "packets", "providers", "overview", "store", "pipeline")
"""Parts of the package that decide what is in base tables."""


class Trace:
    """One recording: a file, the files of a folder read as one, or a trace folder. Use as a context, or `close` it.

    >>> import wnv
    >>> with wnv.open_trace(wnv.sample_path()) as trace:
    ...     print(trace.overview.n_events, trace.overview.n_packets)
    467 114

    Tables of an `.etl` are made when the first one is asked for, and kept in the cache (`wnv cache list`):

    >>> with wnv.open_trace(wnv.sample_path()) as trace:
    ...     observations = trace.table("observations")
    ...     print(observations.num_rows, trace.session["os_build"])
    114 20348
    """

    def __init__(
        self,
        paths: Sequence[Path],
        progress: Progress | None = None,
        *,
        inventory: Path | None = None,
        use_cache: bool = True,
        jobs: int = 2,
    ) -> None:
        self._progress, self._use_cache, self._jobs = progress, use_cache, jobs
        self._recording: Recording | None = None
        self._scanned: Scanned | None = None
        self._stored: StoredTrace | None = None
        self._derived: dict[str, ds.Dataset] | None = None
        self._temporary: list[Path] = []
        self.inventory_paths: tuple[Path, ...] = (inventory,) if inventory is not None else ()
        """What is known of the host beside the recording; None without."""
        self.log = Log()
        found = bundle.find(paths)
        if found.folder is not None:
            from wnv.pipeline.stored import StoredTrace

            if inventory is not None:
                raise UsageError(
                    f"{found.folder}: a trace folder has the inventory that was imported with it",
                    advice="Import the recording again with --inventory.",
                )
            self._stored = StoredTrace(found.folder)
        else:
            self._recording = Recording(found.files, self.log, n_readers=READERS if jobs > 1 else 0)
            self.inventory_paths = self.inventory_paths or bundle.find_inventories(found.files)

    # --- what it holds, without tables ------------------------------------------------------------------

    def scanned(self) -> Opened:
        """The recording after its first pass, which runs at the first call; or the trace folder."""
        if self._recording is None:
            assert self._stored is not None
            return self._stored
        if self._scanned is None:
            from wnv.pipeline import scan

            self._scanned = scan(
                self._recording, self._progress, catalog=self._catalog, inventory=self._inventory
            )  # fmt: skip
        return self._scanned

    @cached_property
    def _catalog(self) -> Catalog:
        """With the manifests beside the recording."""
        from wnv.decode.catalog import Catalog, read_brought

        assert self._recording is not None
        paths = bundle.find_manifests([file.source.path for file in self._recording.files])
        return Catalog(brought=read_brought(paths, self.log))

    @cached_property
    def _inventory(self) -> bundle.Inventory | None:
        return bundle.read_inventories(self.inventory_paths)

    @property
    def overview(self) -> Overview:
        """What it holds and what it lost."""
        return self.scanned().overview

    @property
    def session(self) -> dict[str, Any]:  # Any: values of all kinds
        """The row of `session`, the first where there are several."""
        return dict(self.overview.sessions[0].row)

    def slices(self) -> Iterator[Slice]:
        """All events in global order, slice by slice; each is valid until the next."""
        return self.scanned().slices(self._progress)

    def convert(
        self,
        out: str,
        options: CaptureOptions | None = None,
        *,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> CaptureResult:
        """Write the packets to a pcapng file; `-` is standard output."""
        from wnv.pipeline import CaptureOptions, convert_to_pcapng

        return convert_to_pcapng(
            self.scanned(), out, options or CaptureOptions(), progress=self._progress, should_stop=should_stop
        )

    def longest_sightings(self) -> list[dict[str, object]]:
        """The sightings of the pktmon packet that was seen most often, the first such one; see `pipeline`."""
        from wnv.pipeline import longest_sightings

        return longest_sightings(self.scanned())

    # --- tables -----------------------------------------------------------------------------------------

    def stored(self) -> StoredTrace:
        """The trace folder itself, or that of the recording in the cache, where it is made if need be."""
        if self._stored is None:
            from wnv.pipeline.stored import StoredTrace

            self._stored = StoredTrace(self._import())
        return self._stored

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the trace folder `path`, which is there once it is whole.

        Raises `UsageError` if there is something already, or this is a trace folder itself.
        """
        self._save(path, overwrite=overwrite)

    def _save(self, path: Path, *, overwrite: bool = False, is_as_good: Callable[[], bool] | None = None) -> None:
        from wnv.pipeline.importing import import_recording

        self.scanned()
        if self._recording is None:
            raise UsageError("this is a trace folder already", advice="Copy it, or import the .etl files again.")
        assert self._scanned is not None
        import_recording(
            self._scanned, path, jobs=self._jobs, overwrite=overwrite, is_as_good=is_as_good,
            progress=self._progress,
        )  # fmt: skip

    def needs_import(self) -> bool:
        """Whether `stored` has to read the whole recording first: it is in no trace folder yet."""
        if self._stored is not None:
            return False
        place = self._cache_place() if self._use_cache else None
        return place is None or not _is_usable(place)

    def _import(self) -> Path:
        """The trace folder of the recording, in the cache or for as long as this is open."""
        from wnv.store.cache import Cache

        if not self._use_cache:
            place = self._temporary_folder() / "recording.wnv"
            self.save(place)
            return place
        place = self._cache_place()
        cache = Cache()
        if not _is_usable(place):
            self._save(place, overwrite=True, is_as_good=lambda: _is_usable(place))
            cache.trim(place)
        cache.use(place)
        return place

    def _cache_place(self) -> Path:
        from wnv.store.cache import Cache, cache_key, code_digest

        assert self._recording is not None
        options = {"catalog": self._catalog.digest(), "code": code_digest(*_READS)}
        if self._inventory is not None:
            options["inventory"] = f"{self._inventory.name} {hashlib.sha256(self._inventory.content).hexdigest()}"
        return Cache().place(cache_key([file.source.path for file in self._recording.files], options))

    def _temporary_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="wnv-"))
        self._temporary.append(folder)
        return folder

    def dataset(self, name: str) -> ds.Dataset:
        """A table as a `pyarrow` dataset, which is read as far as it is asked for; see `schema` for the names.

        >>> import wnv
        >>> with wnv.open_trace(wnv.sample_path()) as trace:
        ...     print(trace.dataset("frames").count_rows())
        114
        """
        table = _TABLES.get(name)
        if table is None:
            raise UsageError(f"there is no table {name!r}", advice=f"There are: {', '.join(_TABLES)}.")
        if table.is_derived or table is DIAGNOSTICS:  # of which following packets adds some
            return self._derived_tables()[name]
        return self.stored().dataset(name)

    def datasets(self) -> Mapping[str, ds.Dataset]:
        """All tables by name; derived ones are made if need be."""
        return {name: self.dataset(name) for name in _TABLES}

    def _derived_tables(self) -> dict[str, ds.Dataset]:
        if self._derived is None:
            from wnv.pipeline.deriving import derived_tables

            self._derived = derived_tables(
                self.stored(), self._temporary_folder, jobs=self._jobs, progress=self._progress
            )
        return self._derived

    def table(self, name: str) -> pa.Table:
        """A whole table as Arrow: for large recordings, `dataset` or `sql` take less memory."""
        from wnv.store.tables import read_table

        return read_table(self.dataset(name))

    def sql(self, query: str, values: Sequence[object] = ()) -> pa.Table:
        """The rows of a query in SQL (DuckDB's) over the tables, as Arrow; `values` take the places of its `?`.

        >>> import wnv
        >>> with wnv.open_trace(wnv.sample_path()) as trace:
        ...     rows = trace.sql("SELECT protocol, count(*) AS n FROM frames GROUP BY protocol ORDER BY n DESC")
        ...     print(rows.to_pylist())
        [{'protocol': 'ICMP', 'n': 114}]

        Raises `UsageError` if the query is wrong. It is as trusted as the program: `wnv sql` is for others' queries.
        """
        from wnv.sql.queries import mentioned, read_rows

        names = mentioned(query, _TABLES, [name for name, table in _TABLES.items() if not table.is_derived])
        return read_rows({name: self.dataset(name) for name in names}, query, values)

    @property
    def events(self) -> pa.Table:
        """The table `events`."""
        return self.table("events")

    def to_pandas(self, name: str) -> Any:  # Any: a pandas.DataFrame, where pandas is installed
        """A table as a pandas data frame."""
        try:
            return self.table(name).to_pandas()
        except ImportError:
            raise WnvError("pandas is not installed", advice="Install it: pip install pandas") from None

    def to_polars(self, name: str) -> Any:  # Any: a polars.DataFrame, where polars is installed
        """A table as a polars data frame."""
        try:
            import polars as pl  # type: ignore[import-not-found] # not a dependency
        except ImportError:
            raise WnvError("polars is not installed", advice="Install it: pip install polars") from None
        return pl.from_arrow(self.table(name))

    # --- its end ----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of files, and remove what was made for this alone."""
        if self._recording is not None:
            self._recording.close()
        for folder in self._temporary:
            shutil.rmtree(folder, ignore_errors=True)
        self._temporary = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_usable(place: Path) -> bool:
    from wnv.pipeline.stored import StoredTrace

    with suppress(WnvError):
        StoredTrace(place).check()
        return True
    return False


def open_trace(
    *paths: str | Path,
    progress: Progress | None = None,
    inventory: str | Path | None = None,
    use_cache: bool = True,
    jobs: int = 2,
) -> Trace:
    """Open a recording: one `.etl`, several of them, folders that hold them, or one trace folder (`.wnv`).

    `inventory`: what is known of the host, in place of `NAME.inventory.json` beside the recording. Without
    `use_cache` tables are made anew and removed at the end. `jobs`: threads to keep busy while they are made.
    Raises `WnvError` if there is nothing to read.
    """
    return Trace(
        [Path(path) for path in paths], progress, inventory=Path(inventory) if inventory is not None else None,
        use_cache=use_cache, jobs=jobs,
    )  # fmt: skip


def sample_path() -> Path:
    """The recording that comes with wnv: a ping on an Azure VM, by pktmon (microsoft/demikernel, MIT)."""
    return Path(str(files("wnv") / "data" / "pktmon-demikernel.etl"))
