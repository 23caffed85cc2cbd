"""Places looked up one by one and as columns."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wnv.clock import NO_TIME
from wnv.schema import EDGES, NODES
from wnv.topology.model import ALWAYS, NOWHERE, Edge, EdgeKind, Node, NodeKind, Place, Topology

PLACES = [NOWHERE, Place(nic="a"), Place(nic="b"), Place(nic="c")]


def _moving() -> Topology:
    """Point 0 stays, point 1 moves at 100 and at 200, a NIC by name moves at 150."""
    return Topology(
        places=PLACES, n_points=2,
        spans=[[(ALWAYS, 0)], [(ALWAYS, 1)], [(ALWAYS, 1), (100, 2), (200, 3)], [(ALWAYS, 2), (150, 3)]],
        code_of_point={0: 1, 1: 2}, nic_codes_by_name={(0, "nic"): 3},
    )  # fmt: skip


class TestPlaces:
    def test_a_place_changes_with_time(self) -> None:
        topology = _moving()
        assert [topology.resolve_point(1, time).nic for time in (99, 100, 199, 200)] == ["a", "b", "b", "c"]
        assert topology.resolve_point(1).nic == "c"
        assert topology.resolve_nic("{NIC}", 149).nic == "b"

    def test_what_is_not_known_is_nowhere(self) -> None:
        topology = _moving()
        assert topology.resolve_point(7) == topology.resolve_nic("other") == NOWHERE
        assert topology.resolve_nic("nic", session_id=1) == NOWHERE

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), max_size=40))
    def test_columns_say_the_same_as_single_lookups(self, asked: list[tuple[int, int]]) -> None:
        topology = _moving()
        points = np.array([point for point, _ in asked], np.int64)
        times = np.array([time for _, time in asked], np.int64)
        rows = topology.places_at(topology.point_codes(points), times)
        assert [topology.places[row] for row in rows] == [topology.resolve_point(p, t) for p, t in asked]
        rows = topology.places_at(np.repeat(topology.nic_codes(["nic"]), len(times)), times)
        assert [topology.places[row] for row in rows] == [topology.resolve_nic("nic", time) for time in times.tolist()]

    def test_events_without_a_time_are_where_things_were_first(self) -> None:
        topology = _moving()
        assert topology.resolve_point(1, NO_TIME).nic == "a"


def test_rows_are_those_of_the_tables() -> None:
    topology = Topology(
        nodes=[Node("vswitch:1", 0, NodeKind.VSWITCH, "nat", from_ns=5)],
        edges=[Edge(0, EdgeKind.HAS_PORT, "vswitch:1", "port:1", to_ns=9)],
    )
    tables = topology.tables()
    assert tuple(tables["nodes"]) == NODES.names
    assert tuple(tables["edges"]) == EDGES.names
    assert (tables["nodes"]["from_ns"], tables["nodes"]["to_ns"], tables["nodes"]["guid"]) == ([5], [None], [None])
    assert (tables["edges"]["from_ns"], tables["edges"]["to_ns"]) == ([None], [9])
