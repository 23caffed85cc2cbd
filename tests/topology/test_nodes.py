"""What a NIC is, by the weight of what is said of it; and which things are no nodes."""

from __future__ import annotations

from typing import Any

import pytest

from wnv.providers.facts import Change, Fact, Key, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import ALWAYS, FOREVER, Node, NodeKind

CONTAINER, VM = Ref(Thing.CONTAINER, (("id", "c"),)), Ref(Thing.VM, (("guid", "v"),))
SWITCH = Ref(Thing.VSWITCH, (("guid", "s"),))


def _nic(
    *relations: tuple[str, Ref | int], keys: tuple[Key, ...] = (("if_index", 7),), **said: Any
) -> Node:  # Any: JSON
    """The node of a NIC of which this is said; a number is a compartment, a container or VM owns it."""
    ref = Ref(Thing.NIC, keys)
    facts = [Fact(ref, said)]
    for relation, other in relations:
        target = Ref(Thing.COMPARTMENT, (("id", other),)) if isinstance(other, int) else other
        is_owned = relation == "owns"
        facts.append(Fact(target if is_owned else ref, relation=relation, target=ref if is_owned else target))
    (node,) = [one for one in Builder().finish(facts).nodes if one.node_id.startswith("nic:")]
    return node


@pytest.mark.parametrize(
    ("relations", "said", "kind"),
    [
        ([], {"is_hardware": True}, NodeKind.PHYSICAL_NIC),
        ([], {"is_hardware": False}, NodeKind.NIC),
        ([], {"is_loopback": True}, NodeKind.NIC),
        ([("uplink", SWITCH)], {}, NodeKind.PHYSICAL_NIC),
        ([("on_switch", SWITCH)], {}, NodeKind.NIC),
        ([("owns", VM)], {"kind": "host_vnic"}, NodeKind.VM_NIC),
        ([("owns", CONTAINER)], {"kind": "host_vnic"}, NodeKind.CONTAINER_NIC),
        ([("owns", CONTAINER), ("owns", VM)], {}, NodeKind.VM_NIC),
        ([("in_compartment", 1)], {"kind": "host_vnic"}, NodeKind.HOST_VNIC),
        ([("in_compartment", 3)], {"kind": "vm_nic"}, NodeKind.CONTAINER_NIC),
        ([("in_compartment", 1)], {"kind": "physical_nic"}, NodeKind.PHYSICAL_NIC),
        ([], {"alias": "vEthernet (LAN)"}, NodeKind.HOST_VNIC),
        ([("uplink", SWITCH)], {"kind": "team"}, NodeKind.TEAM),
        ([], {"friendly_name": "HNS Internal NIC", "is_hardware": False}, NodeKind.HOST_VNIC),
    ],
)
def test_kinds(relations: list[tuple[str, Ref | int]], said: dict[str, Any], kind: NodeKind) -> None:
    assert _nic(*relations, **said).kind is kind


def test_a_guess_says_so() -> None:
    assert (_nic().confidence, _nic().reason) == (0.9, "nothing says that it is virtual")
    assert _nic(kind="vm_nic").reason == "pktmon does not tell the NICs of VMs from those of containers"
    assert _nic(kind="vm_nic", nic_name="x").confidence == 1.0


def test_interfaces_that_only_the_list_has_are_left_out() -> None:
    nic = Ref(Thing.NIC, (("if_index", 7),))
    listed = Fact(nic, {"is_listed": True, "alias": "WAN Miniport"})
    assert Builder().finish([listed]).nodes == []
    assert len(Builder().finish([listed, Fact(nic, {"mac": "02:00:00:00:00:01"})]).nodes) == 1
    assert len(Builder().finish([Fact(nic, {**listed.properties, "is_up": True, "mac": "x"})]).nodes) == 1
    layer = Fact(Ref(Thing.LAYER, (("if_index", 9),)), {"description": "filter", "is_listed": True})
    assert Builder().finish([layer]).nodes == []
    assert len(Builder().finish([layer, Fact(layer.subject, relation="stacked_on", target=nic)]).nodes) == 2


def test_a_life_that_begins_again_has_no_end() -> None:
    def life(*changes: tuple[int, Change]) -> tuple[int, int]:
        facts = [Fact(SWITCH, change=change, ts_ns=ts_ns) for ts_ns, change in changes]
        (node,) = Builder().finish(facts).nodes
        return node.from_ns, node.to_ns

    assert life((5, Change.BEGUN), (9, Change.ENDED)) == (5, 9)
    assert life((3, Change.SEEN), (9, Change.ENDED)) == (ALWAYS, 9)
    assert life((5, Change.BEGUN), (9, Change.ENDED), (11, Change.BEGUN)) == (5, FOREVER)
