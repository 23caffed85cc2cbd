"""The virtual network of a trace folder: what its events say, and the inventory that was imported with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from wnv.diagnostics import Log
from wnv.pipeline.scanning import Opened
from wnv.pipeline.stored import StoredTrace
from wnv.providers.facts import Fact
from wnv.topology.build import Builder
from wnv.topology.coverage import NETWORK_PROVIDERS, Coverage, build_coverage
from wnv.topology.inventory import host_name, inventory_facts, parse_inventory
from wnv.topology.model import Topology


def build_topology(stored: StoredTrace, log: Log | None = None) -> Topology:
    """The virtual network; what cannot be read, or is too much, goes to `log`."""
    log = Log() if log is None else log
    builder = Builder(log)
    for stretch in stored.stretches_of(builder.providers, builder.event_ids):
        builder.learn(stretch)
    n_sessions = len(stored.overview.sessions)
    content = stored.folder.inventory()
    inventory = parse_inventory(content, log) if content is not None else {}
    # An inventory is of one host; recordings of one boot are too.
    sessions = range(n_sessions if stored.capture.is_one_boot else 1) if inventory else range(0)
    name = str(stored.folder.meta.get("inventory") or "") if inventory else ""

    def facts() -> Iterator[Fact]:
        for session_id in sessions:
            yield from inventory_facts(inventory, session_id, log if session_id == 0 else None)

    topology = builder.finish(facts(), stored.capture.points, n_sessions=n_sessions, inventory_name=name)
    if inventory:
        topology.hosts = dict.fromkeys(sessions, host_name(inventory))
    return topology


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
