"""Derived tables of a trace folder, out of its base tables alone: the virtual network, then what happened in it.

What makes them is loaded where it is used: most commands find them there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from wnv import __version__
from wnv.clock import NO_TIME
from wnv.decode.catalog import Catalog
from wnv.diagnostics import Log
from wnv.errors import UsageError, WnvError
from wnv.etl.reader import Progress
from wnv.overview import diagnostic_row
from wnv.pipeline.stored import StoredTrace
from wnv.schema import CLOCKS, DERIVED_TABLES, DIAGNOSTICS, TABLES
from wnv.store.cache import code_digest
from wnv.store.folder import DERIVED_FORMAT, IN_DERIVED, NotWritable, TablesWriter, derived_path, is_newer, open_derived
from wnv.store.records import from_json, to_json
from wnv.store.tables import read_table

if TYPE_CHECKING:
    from wnv.journeys.clocks import HostClock
    from wnv.journeys.hosts import Hosts
    from wnv.journeys.stitch import Stitcher
    from wnv.providers.stages import Stretch, Tables
    from wnv.topology.coverage import Coverage
    from wnv.topology.model import Topology

_RULES = ("schema", "clock", "kernels", "packets", "decode", "providers", "topology", "journeys", "pipeline")
"""Parts of the package that decide what is in derived tables."""
_NOTHING_HEARD, _ALL_HEARD = NO_TIME, (1 << 63) - 1
_TABLE = {table.name: table for table in TABLES}


def made_of(stored: StoredTrace) -> dict[str, Any]:  # Any: JSON
    """What derived tables follow from; beside their format, which says how they are written."""
    return {
        "catalog": Catalog().digest(),
        "code": code_digest(*_RULES),
        "rows": dict(stored.folder.rows),
        "inventory": stored.folder.meta.get("inventory"),
    }


def derived_tables(
    stored: StoredTrace, spare: Callable[[], Path], *, jobs: int = 1, progress: Progress | None = None
) -> dict[str, ds.Dataset]:
    """The derived tables of a trace folder, and all diagnostics, made first if they are missing or of an older format.

    Where the folder cannot be written, or a newer wnv made those in it, they are made below `spare()`.
    """
    wanted, place = made_of(stored), derived_path(stored.folder.path)
    found = open_derived(place, wanted)
    if found is None and not is_newer(place):
        with suppress(NotWritable, UsageError):  # or something else has that name
            derive(stored, place, jobs=jobs, progress=progress)
            found = open_derived(place, wanted)
    if found is None:
        place = derived_path(spare())
        derive(stored, place, jobs=jobs, progress=progress)
        found = open_derived(place, wanted)
    assert found is not None
    diagnostics = [read_table(one) for one in (stored.dataset(DIAGNOSTICS.name), found.dataset(DIAGNOSTICS))]
    return {
        **{table.name: found.dataset(table) for table in DERIVED_TABLES},
        DIAGNOSTICS.name: ds.dataset(pa.concat_tables(diagnostics)),
    }


def known_coverage(stored: StoredTrace) -> Coverage | None:
    """What the recording saw of its virtual network, if derived tables say so already; else None."""
    from wnv.topology.coverage import Coverage

    place = derived_path(stored.folder.path)
    found = open_derived(place, made_of(stored))
    if found is None:
        return None
    try:
        return from_json(Coverage, found.meta.get("coverage"), str(place))
    except WnvError:
        return None  # as good as none: it is found out again


def derive(stored: StoredTrace, path: Path, *, jobs: int = 1, progress: Progress | None = None) -> None:
    """Write the derived tables of a trace folder to `path`, in place of those that are there.

    Raises `WnvError` if they cannot be written, or the base tables cannot be read.
    """
    from wnv.journeys.clocks import clock_columns
    from wnv.pipeline.clocks import by_first_clock
    from wnv.pipeline.network import build_topology, coverage

    wanted = made_of(stored)

    def is_as_good() -> bool:
        return open_derived(path, wanted) is not None

    with TablesWriter(path, IN_DERIVED, jobs=jobs, overwrite=True, is_as_good=is_as_good) as writer:
        log = Log()
        topology = build_topology(stored, log)
        hosts = _hosts(stored, topology)
        _write(writer, by_first_clock(topology.tables(), [hosts.clocks[host] for host in hosts.of_session]))
        _write(writer, {CLOCKS.name: clock_columns(hosts.clocks, hosts.of_session, hosts.names)})
        stitcher = _stitcher(topology, stored, hosts, log)
        for stretch_rows in _followed(stitcher, stored, hosts, progress):
            for tables in stretch_rows:
                _write(writer, tables)
            writer.end_slice()
        for tables in stitcher.finish():
            _write(writer, tables)
            writer.end_slice()
        said = [diagnostic_row(row) for row in log.rows()]
        if said:
            _write(writer, {DIAGNOSTICS.name: {name: [row[name] for row in said] for name in DIAGNOSTICS.names}})
        writer.finish({
            "derived_format": DERIVED_FORMAT, "wnv_version": __version__, "made_of": wanted,
            "coverage": to_json(coverage(stored, topology)),
        })  # fmt: skip


def _hosts(stored: StoredTrace, topology: Topology) -> Hosts:
    from wnv.journeys.hosts import Hosts
    from wnv.pipeline.clocks import read_clocks

    facts = stored.capture
    return Hosts(facts.host_of_session, read_clocks(stored, topology), facts.hosts)


def _stitcher(topology: Topology, stored: StoredTrace, hosts: Hosts, log: Log) -> Stitcher:
    from wnv.journeys.collect import Limits
    from wnv.journeys.stitch import Stitcher
    from wnv.pipeline.network import has_offload

    overview = stored.overview
    limits = Limits(
        is_complete=overview.is_complete, why_incomplete="; ".join(overview.losses()),
        filters=overview.filters(), has_offload=has_offload(stored),
    )  # fmt: skip
    builds = stored.capture.builds_of_sessions
    return Stitcher(topology, stored.capture.points, limits=limits, builds=builds, log=log, hosts=hosts)


def _followed(
    stitcher: Stitcher, stored: StoredTrace, hosts: Hosts, progress: Progress | None
) -> Iterator[Iterator[Tables]]:  # fmt: skip
    """Pass 2: what the stitcher says of each stretch. Of several hosts the one that is behind is read next."""
    if len(hosts) == 1:
        for stretch in stored.stretches(progress):
            yield stitcher.add(stretch)
        return
    streams = [stored.stretches_of_host(host) for host in range(len(hosts))]
    heard = [_NOTHING_HEARD] * len(hosts)
    n_done, n_events = 0, stored.folder.rows["events"]
    while min(heard) < _ALL_HEARD:
        host = heard.index(min(heard))
        found = next(streams[host], None)
        if found is None:
            heard[host] = _ALL_HEARD
            continue
        stretch = _corrected(found, hosts.clocks[host])
        ts_ns = stretch.piece.events.ts_ns
        heard[host] = max(heard[host], int(ts_ns.max()))
        yield stitcher.add_of_host(stretch, min(heard))
        n_done += len(stretch)
        if progress is not None:
            progress(n_done, n_events)


def _corrected(stretch: Stretch, clock: HostClock) -> Stretch:
    """A stretch with its times by the clock of the first host."""
    if clock.is_first:
        return stretch
    events = stretch.piece.events
    return replace(stretch, piece=replace(stretch.piece, events=replace(events, ts_ns=clock.corrected(events.ts_ns))))


def _write(writer: TablesWriter, tables: Tables) -> None:
    for name, columns in tables.items():
        writer.add(_TABLE[name], columns)
