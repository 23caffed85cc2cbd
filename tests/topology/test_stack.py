"""The order of filters above a NIC."""

from __future__ import annotations

import itertools
from typing import Any

from wnv.providers.facts import Fact, Key, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import NodeKind
from wnv.topology.resolve import Graph
from wnv.topology.stack import Stack, stack_of


def _stack(*layers: dict[str, Any]) -> Stack:  # Any: values of properties
    """The stack of a NIC with index 4 and layers of which this is said, with the index of each under `at`."""
    nic = Ref(Thing.NIC, (("if_index", 4),))
    facts = [Fact(nic)]
    for number, said in enumerate(layers):
        index: tuple[Key, ...] = (("if_index", said["at"]),) if said["at"] else ()
        layer = Ref(Thing.LAYER, (("component", number), *index))
        facts += [Fact(layer, said), Fact(layer, relation="stacked_on", target=nic)]
    topology = Builder().finish(facts)
    (node,) = [one for one in topology.nodes if one.kind is NodeKind.PHYSICAL_NIC]
    return stack_of(Graph(topology), node)


def _indexes(stack: Stack) -> list[int]:
    return [one.properties["at"] for one in stack.filters]


def test_a_chain_of_what_is_right_below_in_any_order() -> None:
    chain: list[dict[str, Any]] = [{"at": 9}, {"at": 12, "lower_if_index": 9}, {"at": 10, "lower_if_index": 12}]
    for layers in itertools.permutations(chain):
        stack = _stack(*layers)
        assert (_indexes(stack), stack.is_ordered) == ([9, 12, 10], True)


def test_a_chain_that_begins_at_the_miniport() -> None:
    stack = _stack({"at": 9, "lower_if_index": 12}, {"at": 12, "lower_if_index": 4})
    assert (_indexes(stack), stack.is_ordered) == ([12, 9], True)


def test_numbers_where_there_is_no_chain() -> None:
    assert _indexes(_stack({"at": 9, "order": 1}, {"at": 12, "order": 0})) == [12, 9]
    unknown = _stack({"at": 12}, {"at": 9})
    assert (_indexes(unknown), unknown.is_ordered) == ([9, 12], False)


def test_protocols_are_on_top() -> None:
    stack = _stack({"at": 9}, {"at": 0, "layer": "protocol"}, {"at": 0, "layer": "ip"})
    assert (len(stack.filters), len(stack.tops)) == (1, 2)
    assert [stack.position(one) for one in (stack.nic, *stack.filters, *stack.tops)] == [0, 1, 2, 2]


def test_a_chain_that_bites_its_tail_ends() -> None:
    stack = _stack({"at": 9, "lower_if_index": 12}, {"at": 12, "lower_if_index": 9})
    assert (sorted(_indexes(stack)), stack.is_ordered) == ([9, 12], False)
