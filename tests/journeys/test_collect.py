"""What events say of packets becomes sightings in order of events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab_worlds import ran
from networks import topology_at
from wnv import open_trace
from wnv.clock import NO_TIME
from wnv.journeys import layout as c
from wnv.journeys.collect import Collector, Limits, Sighted, Texts
from wnv.journeys.places import Places
from wnv.journeys.sights import Keys, empty_sights


def collected(name: str, capture: str = "ndis") -> tuple[list[Sighted], Collector, int]:
    """The sightings of a scenario, the collector, and how many events have packets."""
    return collected_at(ran(name, capture).recordings[0])


def collected_at(path: Path) -> tuple[list[Sighted], Collector, int]:
    """The same of a recording."""
    with open_trace(path, use_cache=False) as trace:
        stored = trace.stored()
        collector = Collector(Places(topology_at(path), stored.capture.points), Keys(), Limits(is_complete=True))
        parts = [part for stretch in stored.stretches(None) for part in collector.collect(stretch)]
        n_observations = trace.table("observations").num_rows
    return parts, collector, n_observations


def made(rows: list[int], times: list[int]) -> Sighted:
    sights = empty_sights(len(rows))
    sights[c.ROW], sights[c.TS] = rows, times
    return Sighted(sights, np.array(rows, np.int64), np.array(rows, np.int64))


@given(st.lists(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=8), max_size=4))
def test_parts_are_merged_in_order_of_events_and_the_timeless_left_out(parts: list[list[tuple[int, bool]]]) -> None:
    ordered = [sorted(part) for part in parts]
    merged = Sighted.merge(
        made([row for row, _ in part], [row if timed else NO_TIME for row, timed in part]) for part in ordered
    )
    expected = sorted(row for part in ordered for row, timed in part if timed)
    assert merged.sights[c.ROW].tolist() == expected
    assert merged.nbl.tolist() == expected
    assert merged.switch.tolist() == expected


def test_a_text_has_one_number_and_no_text_has_none() -> None:
    texts = Texts()
    assert [texts.number(one) for one in ("a", "b", "a", "")] == [0, 1, 0, -1]
    assert texts.values == ["a", "b"]


def test_every_observation_is_a_sighting_and_so_are_the_events_of_the_switch_and_of_winnat() -> None:
    parts, collector, n_observations = collected("nat-web")
    sights = np.concatenate([part.sights for part in parts], axis=1)
    assert (sights[c.FRAME_ID] >= 0).sum() == n_observations
    assert (np.diff(sights[c.ROW]) >= 0).all()
    assert {c.RECEIVED, c.ROUTED, c.DELIVERED, c.TRANSLATED} <= set(sights[c.EVENT].tolist())
    assert (sights[c.SOURCE, sights[c.EVENT] == c.ROUTED] != -1).all()
    said = collector.take_statements()
    assert said.translations
    assert not collector.take_statements().translations


def test_packets_cut_short_are_noted() -> None:
    assert collected("truncated")[1].limits.is_truncated
    assert not collected("nat-web")[1].limits.is_truncated


def test_packets_of_pktmon_carry_their_identity() -> None:
    parts, _, _ = collected("nat-web", "pktmon")
    sights = np.concatenate([part.sights for part in parts], axis=1)
    assert set(sights[c.KEY_KIND, sights[c.FRAME_ID] >= 0].tolist()) == {c.KEY_PKTMON}
    assert sights[c.APPEARANCE].max() > 1
