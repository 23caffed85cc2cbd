"""Since when things are there, and what is not known to have been there."""

from __future__ import annotations

from dataclasses import replace

from explained import recordings
from wnv import open_trace
from wnv.pipeline.network import build_topology
from wnv.providers.facts import Fact, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import ALWAYS, FOREVER, Topology
from wnv.topology.tree import render_tree

NIC = Ref(Thing.NIC, (("if_index", 7),))
VM = Ref(Thing.VM, (("guid", "v"),))
_START_NS = 1_772_442_000_000_000_000  # of every scenario
_MS = 1_000_000


def _late(*providers: str) -> Topology:
    (path,) = recordings("late-container", providers=providers)
    with open_trace(path, use_cache=False) as trace:
        return build_topology(trace.stored(), is_dated=True)


def _line(topology: Topology, ms: int, word: str) -> str:
    lines = render_tree(topology, ["host"], ts_ns=_START_NS + ms * _MS, width=300)
    return next((line for line in lines if word in line), "")


def test_a_container_that_starts_in_the_middle_is_not_there_before() -> None:
    late = _late()
    assert [bool(_line(late, ms, "container late")) for ms in (50, 120)] == [False, True]
    assert [bool(_line(late, ms, "172.20.1.6")) for ms in (50, 120)] == [False, True]
    assert "since when" not in _line(late, 120, "container late")
    assert "since when" not in _line(late, 50, "container shop")
    (compartment,) = [node for node in late.nodes if node.node_id == "compartment:3"]
    assert compartment.from_ns == _START_NS + 100 * _MS


def test_what_only_an_inventory_has_is_there_when_it_was_taken_and_unknown_before() -> None:
    facts = [Fact(VM, {"friendly_name": "db"}), Fact(VM, relation="owns", target=NIC), Fact(NIC, {"alias": "Ethernet"})]
    taken = Builder().finish([replace(one, source="inventory", ts_ns=9) for one in facts])
    assert {(node.from_ns, node.known_ns) for node in taken.nodes} == {(ALWAYS, 9)}
    assert {(edge.from_ns, edge.known_ns) for edge in taken.edges} == {(ALWAYS, 9)}
    before, after = ("\n".join(render_tree(taken, ["host"], ts_ns=ts_ns)) for ts_ns in (8, 9))
    assert ("since when is not known" in before, "since when is not known" in after) == (True, False)


def test_an_inventory_that_does_not_say_when_it_was_taken_dates_nothing() -> None:
    (vm,) = Builder().finish([Fact(VM, {"friendly_name": "db"}, source="inventory")]).nodes
    assert vm.known_ns == FOREVER
    assert vm.is_there(5)
    assert not vm.is_sure(5)
    assert vm.is_sure(None)
