"""The virtual network of a trace folder: what its events say, and the inventory that was imported with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from wnv.diagnostics import Log
from wnv.pipeline.scanning import Opened
from wnv.pipeline.stored import StoredTrace
from wnv.providers.facts import Fact
from wnv.providers.hns import Object
from wnv.schema import OBSERVATIONS
from wnv.topology.build import Builder
from wnv.topology.coverage import NETWORK_PROVIDERS, Coverage, build_coverage
from wnv.topology.inventory import by_file, host_name, inventory_facts, parse_inventory
from wnv.topology.model import Topology


def build_topology(stored: StoredTrace, log: Log | None = None) -> Topology:
    """The virtual network; what cannot be read, or is too much, goes to `log`."""
    log = Log() if log is None else log
    builder = Builder(log)
    for stretch in stored.stretches_of(builder.providers, builder.event_ids):
        builder.learn(stretch)
    content = stored.folder.inventory()
    inventory = parse_inventory(content, log) if content is not None else {}
    of_session = _of_sessions(stored, inventory)

    def facts() -> Iterator[Fact]:
        told: list[int] = []  # what one inventory has wrong is said once
        for session_id, one in of_session.items():
            yield from inventory_facts(one, session_id, None if id(one) in told else log)
            told.append(id(one))

    topology = builder.finish(
        facts(), stored.capture.points,
        point_sessions=_point_sessions(stored) if len(stored.overview.sessions) > 1 else None,
        inventory_name=str(stored.folder.meta.get("inventory") or "") if of_session else "",
    )  # fmt: skip
    topology.hosts = {session_id: host_name(one) for session_id, one in of_session.items()}
    return topology


def _of_sessions(stored: StoredTrace, inventory: Object) -> dict[int, Object]:
    """The inventory of each session: the one that is named like its file, else the only one of a recorded host."""
    if not inventory:
        return {}
    rows = [one.row for one in stored.overview.sessions]
    files = by_file(inventory) or {str(stored.folder.meta.get("inventory") or ""): inventory}
    by_stem = {name.lower().removesuffix(".inventory.json"): one for name, one in files.items()}
    found = {
        number: by_stem[stem]
        for number, row in enumerate(rows)
        for stem in _stems(str(row["source"]))
        if stem in by_stem
    }
    if found or len(files) > 1:
        return found
    return dict.fromkeys(range(len(rows) if stored.capture.is_one_boot else 1), inventory)


def _stems(source: str) -> set[str]:
    """Names of a session's files without folder and ending."""
    return {Path(name.strip()).name.lower().removesuffix(".etl") for name in source.split(",")}


def _point_sessions(stored: StoredTrace) -> dict[int, set[int]]:
    """In which sessions each point saw packets."""
    found: dict[int, set[int]] = {}
    pairs = stored.dataset(OBSERVATIONS.name).to_table(["point_id", "session_id"]).group_by(["point_id", "session_id"])
    for row in pairs.aggregate([]).to_pylist():
        found.setdefault(row["point_id"], set()).add(row["session_id"])
    return found


def coverage(opened: Opened, topology: Topology) -> Coverage:
    """What a recording saw of its virtual network, and where it was blind."""
    overview = opened.overview
    events: dict[str, Counter[int]] = {}
    for one in overview.providers:
        if one.guid in NETWORK_PROVIDERS:
            counts = events.setdefault(str(one.guid), Counter())
            for event in one.events:
                if event.event_id is not None:
                    counts[event.event_id] += event.n_events
    return build_coverage(
        topology,
        {one.point_id: one.n_packets for one in overview.points},
        {one.point_id: one.point.name for one in overview.points},
        events,
    )
