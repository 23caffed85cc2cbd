"""Whatever facts say, in whatever order: a topology comes out, and everything that shows it can."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from wnv.clock import NO_TIME
from wnv.export.graph import drawing_of, render_mermaid, render_svg
from wnv.packets.points import IN, NO_DIRECTION, OUT, Point
from wnv.providers.facts import Change, Fact, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.coverage import build_coverage
from wnv.topology.model import ALWAYS, EdgeKind
from wnv.topology.tree import render_tree

KEYS = st.tuples(
    st.sampled_from(["guid", "name", "if_index", "component", "endpoint", "id", "point"]), st.integers(0, 3)
)
REFS = st.builds(Ref, st.sampled_from(Thing), st.lists(KEYS, min_size=1, max_size=2).map(tuple))
TEXTS = [
    "alias", "friendly_name", "mac", "kind", "layer", "type", "sriov", "driver", "description", "isolation", "prefix",
    "source_name", "component_name", "endpoint_name", "switch_name",
]  # fmt: skip
WORDS = ["Ethernet", "vEthernet (a)", "a", "vm_nic", "host_vnic", "team", "filter", "protocol", "nat", "10.0.0.1", ""]
SAID = st.dictionaries(st.sampled_from(TEXTS), st.sampled_from(WORDS), max_size=4).flatmap(
    lambda said: st.fixed_dictionaries({name: st.just(text) for name, text in said.items()}, optional={
        "addresses": st.lists(st.sampled_from(WORDS), max_size=2), "is_up": st.booleans(), "order": st.integers(0, 3),
        "lower_if_index": st.integers(0, 3), "external_if_index": st.integers(0, 3), "vlan": st.integers(0, 3),
        "external_addresses": st.lists(st.sampled_from(WORDS), max_size=2), "is_hardware": st.booleans(),
        "subnets": st.lists(st.sampled_from(WORDS), max_size=2)}))  # fmt: skip
FACTS = st.builds(
    Fact, REFS, SAID, st.sampled_from(["", "stands_for", *(str(kind) for kind in EdgeKind)]), st.none() | REFS,
    st.sampled_from(Change), st.sampled_from([1.0, 0.9]), st.just(""), st.just(NO_TIME) | st.integers(0, 5),
    st.integers(-1, 9), st.integers(0, 1), st.sampled_from(["recording", "inventory"]),
)  # fmt: skip
POINTS = [
    Point(("ndiscap", 0), "eth:1", details={"miniport_if_index": 1, "if_index": 1}),
    Point(("ndiscap", 1), "eth:2", details={"miniport_if_index": 1, "if_index": 2}),
    Point(("ndiscap.port", 2), "port", details={"if_index": 3, "port_id": 1, "port": "p", "nic": "n", "nic_type": ""}),
    Point(("pktmon", 3), "pktmon", details={"component": 1, "component_type": "Filter", "edge": "Lower"}),
]


@given(st.lists(FACTS, max_size=16))
@settings(max_examples=60, deadline=None)
def test_anything(facts: list[Fact]) -> None:
    topology = Builder(host_of_session=(0, 1)).finish(facts, POINTS)
    ids = {(node.session_id, node.node_id) for node in topology.nodes}
    assert len(ids) == len(topology.nodes)
    for edge in topology.edges:
        assert {(edge.session_id, edge.source_id), (edge.session_id, edge.target_id)} <= ids
        assert edge.from_ns <= edge.to_ns
    topology.tables()
    drawing = drawing_of(topology)
    assert len(list(render_mermaid(drawing))) >= 1
    assert len(list(render_svg(drawing, "net"))) >= 1
    build_coverage(topology, dict.fromkeys(range(len(POINTS)), 1), {}, {})
    for ts_ns in (None, ALWAYS, 2):
        assert "".join(render_tree(topology, ["one", "two"], ts_ns=ts_ns, with_guids=True, with_reasons=True))
        for point in range(len(POINTS)):
            topology.resolve_point(point, ts_ns)
            for direction in (IN, OUT, NO_DIRECTION):
                topology.expected_next(point, direction)
