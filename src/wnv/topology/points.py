"""What the points of a recording say of the virtual network: each is at a NIC, a layer of its stack, or a port."""

from __future__ import annotations

from typing import Any, Final

from wnv.packets.points import Point
from wnv.providers import words
from wnv.providers.components import NIC_TYPES
from wnv.providers.facts import Fact, Facts, Key, Ref, Thing, guid_of, name_of, named_keys, nic_facts, nic_keys
from wnv.providers.layers import layer_ref, nic_ref, switch_ref

_NIC_KINDS: Final = {
    "external": {}, "internal": {"kind": "host_vnic"}, "synthetic": {"kind": "vm_nic"}, "emulated": {"kind": "vm_nic"},
}  # fmt: skip
_COMPONENT_NICS: Final = frozenset(words.component_type(number) for number in NIC_TYPES)


def point_facts(point: Point, number: int) -> list[Fact]:
    """Facts that tie a point to its thing, by the key `point` and its number, and what 1003 says of its port."""
    return list(_of_point(point, ("point", number)))


def _of_point(point: Point, key: Key) -> Facts:
    details = point.details
    match point.key[0]:
        case "ndiscap":
            yield from _layer(details, key)
        case "ndiscap.port":
            yield from _port(details, key)
        case "ndiscap.switch":
            index = details.get("if_index")
            if isinstance(index, int):
                yield Fact(Ref(Thing.VSWITCH, (*switch_ref(index).keys, key)))
        case "pktmon":
            component = details.get("component")
            is_nic = details.get("component_type") in _COMPONENT_NICS
            if isinstance(component, int):
                yield Fact(Ref(Thing.NIC if is_nic else Thing.LAYER, (("component", component), key)))


def _layer(details: dict[str, Any], key: Key) -> Facts:  # Any: numbers and text
    """A layer of ndiscap: right above the miniport, or above a filter, which the index names."""
    miniport, lower = details.get("miniport_if_index"), details.get("if_index")
    if not isinstance(miniport, int) or not isinstance(lower, int):
        return
    if miniport == lower:
        yield Fact(Ref(Thing.NIC, (*nic_ref(miniport).keys, key)))
        return
    yield Fact(nic_ref(miniport))
    layer = Ref(Thing.LAYER, (*layer_ref(lower).keys, key))
    name = name_of(details.get("layer"))
    yield Fact(layer, {"description": name, "layer": "filter"} if name else {"layer": "filter"})
    yield Fact(layer, relation="stacked_on", target=nic_ref(miniport))


def _port(details: dict[str, Any], key: Key) -> Facts:  # Any: numbers and text
    """A port as 1003 names it: number, name, and the NIC that is connected."""
    index, port_id = details.get("if_index"), details.get("port_id")
    if not isinstance(index, int) or not isinstance(port_id, int):
        return
    name, nic_name = name_of(details.get("port")), name_of(details.get("nic"))
    switch = switch_ref(index)
    vswitch = name_of(details.get("vswitch"))
    yield Fact(switch, {"source_name": vswitch} if vswitch and not guid_of(vswitch) else {})
    port = Ref(Thing.PORT, (*named_keys(name), ("switch_port", f"{index}:{port_id}"), key))
    yield Fact(port, {"port_id": port_id})
    yield Fact(switch, relation="has_port", target=port)
    kind = name_of(details.get("nic_type")).lower()
    yield from nic_facts(nic_name, nic_type=kind, **_NIC_KINDS.get(kind, {}))
    keys = nic_keys(nic_name)
    if keys:
        nic = Ref(Thing.NIC, keys)
        yield Fact(nic, relation="connects", target=port)
        yield Fact(nic, relation="uplink" if kind == "external" else "on_switch", target=switch)
