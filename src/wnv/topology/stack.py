"""The layers of a NIC in their order: filters above the miniport, and what is bound on top of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wnv.topology.model import EdgeKind, Node
from wnv.topology.resolve import Graph


@dataclass(frozen=True, slots=True)
class Stack:
    """What is above a NIC's miniport."""

    nic: Node
    filters: tuple[Node, ...]
    """From the lowest to the highest."""
    tops: tuple[Node, ...]
    """Protocols and others that are bound above all filters, in no order."""
    is_ordered: bool
    """Whether the recording says in which order the filters are."""

    def position(self, node: Node) -> int:
        """How high a layer is: 0 the miniport, then the filters from 1, then all tops at one height."""
        if node.node_id == self.nic.node_id:
            return 0
        heights = {one.node_id: height for height, one in enumerate(self.filters, 1)}
        return heights.get(node.node_id, len(self.filters) + 1)


def stack_of(graph: Graph, nic: Node) -> Stack:
    """The stack of a NIC."""
    layers = list({one.node_id: one for one in graph.sources(nic, EdgeKind.STACKED_ON)}.values())
    filters = [one for one in layers if _is_filter(one)]
    tops = tuple(one for one in layers if not _is_filter(one))
    chained = _chain(nic, filters)
    if len(chained) == len(filters):
        return Stack(nic, tuple(chained), tops, is_ordered=True)
    orders = [one.properties.get("order") for one in filters]
    if all(isinstance(order, int) for order in orders) and len(set(orders)) == len(orders):
        filters.sort(key=lambda one: int(one.properties["order"]))
        return Stack(nic, tuple(filters), tops, is_ordered=True)
    # Windows attaches filters from below, and numbers them as it does.
    filters.sort(key=lambda one: _index(one, "if_index"))
    return Stack(nic, tuple(filters), tops, is_ordered=len(filters) < 2)


def _is_filter(layer: Node) -> bool:
    return str(layer.properties.get("layer", "filter")) == "filter"


def _chain(nic: Node, filters: Sequence[Node]) -> list[Node]:
    """Filters by what each says is right below it, from the miniport up; as far as the chain reaches.

    The lowest one does not say it, in real recordings of pktmon.
    """
    above = {_index(one, "lower_if_index"): one for one in filters if _index(one, "lower_if_index")}
    lowest = [one for one in filters if not _index(one, "lower_if_index")]
    at = _index(nic, "if_index")
    if len(lowest) == 1 and at not in above:
        above[at] = lowest[0]
    found: list[Node] = []
    while at in above and len(found) < len(filters):
        layer = above.pop(at)
        found.append(layer)
        at = _index(layer, "if_index")
    return found


def _index(node: Node, name: str) -> int:
    value = node.properties.get(name)
    return value if isinstance(value, int) else 0
