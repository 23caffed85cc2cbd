"""Which events are read, and how often."""

from __future__ import annotations

from pathlib import Path

from networks import HOST_NIC, passage, topology_at, write_events
from wnv import open_trace
from wnv.decode.catalog import Catalog
from wnv.diagnostics import Log
from wnv.providers import sysconfig
from wnv.providers.facts import Fact
from wnv.topology.sources import EVENT_IDS, PROVIDERS, SOURCES, FactReader


def test_the_catalog_describes_every_event_that_is_read() -> None:
    catalog = Catalog()
    missing = [
        (source.provider, event_id)
        for source in SOURCES
        for event_id in sorted(source.ids | set(source.naming))
        if all(catalog.describe(source.provider, event_id, version, build=20348) is None for version in (0, 1))
    ]
    assert missing == []


def test_every_provider_has_its_ids_but_for_classic_events() -> None:
    assert PROVIDERS - set(EVENT_IDS) == {sysconfig.GUID}


def test_names_that_packets_repeat_are_read_once(tmp_path: Path) -> None:
    events = [passage(seconds=number / 100) for number in range(50)] + [passage(HOST_NIC, seconds=1)]
    path = write_events(tmp_path / "net.etl", events)
    found: list[Fact] = []
    with open_trace(path, use_cache=False) as trace:
        reader = FactReader(Log())
        for stretch in trace.stored().stretches_of(PROVIDERS, EVENT_IDS):
            found += reader.read(stretch)
    assert len({one.event_row for one in found}) == 2
    assert [one.relation for one in found].count("on_switch") == 2


def test_pointers_of_either_width_are_not_part_of_a_name(tmp_path: Path) -> None:
    path = write_events(tmp_path / "net.etl", [passage(), passage(HOST_NIC)])
    assert len(topology_at(path).nodes) == 3
