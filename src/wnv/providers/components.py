"""Microsoft-Windows-PktMon: the components of its rundown, as facts about NICs, their stacks and switches.

What a property means depends on the component's type, and their events come in any order, so a component is put
together first. Types, properties and what was seen in real files: docs/formats/pktmon.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wnv.clock import NO_TIME
from wnv.providers import words
from wnv.providers.facts import (
    Change,
    Fact,
    Facts,
    Fields,
    Key,
    Ref,
    Thing,
    guid_of,
    mac_of,
    name_of,
    named_keys,
    nic_keys,
    split_nic_name,
)
from wnv.providers.layers import nic_ref, switch_ref

GUID: Final = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
_COMPONENT, _REGISTERED, _UNREGISTERED, _EDGE = 20, 270, 280, 90
_NUMBERS: Final = frozenset({30, 50})
_VALUES: Final = {30: "Value", 50: "Value", 40: "Value", 60: "Value", 65: "IpAddress", 66: "IpAddress", 70: "Value",
                  73: "Value", 75: "EtherType"}  # fmt: skip
IDS: Final = frozenset({_COMPONENT, _REGISTERED, _UNREGISTERED, _EDGE, *_VALUES})
COMPONENTS_MAX: Final = 1 << 14
_VALUES_MAX: Final = 256

_MINIPORT, _FILTER, _PROTOCOL, _VM_NIC, _HOST_VNIC, _EXTENSION, _EXTERNAL = 2, 3, 4, 5, 6, 7, 8
_NETVSC, _HTTP, _IP, _NET_CX, _HTTP_MESSAGE = 9, 10, 11, 14, 15
_NICS: Final = frozenset({_MINIPORT, _NETVSC, _NET_CX})
NIC_TYPES: Final = frozenset({*_NICS, _VM_NIC, _HOST_VNIC, _EXTERNAL})
"""Types of components that are a NIC, or stand for one; all others are layers."""
_SWITCH_NICS: Final = {_VM_NIC: "vm_nic", _HOST_VNIC: "host_vnic"}
_IF_INDEX, _MINIPORT_INDEX, _LOWER_INDEX, _IF_GUID, _MEDIUM, _MAC, _ETHER_TYPE = 1, 2, 3, 4, 5, 6, 7
_SWITCH_NAME, _EXTENSION_INDEX, _LOWEST_INDEX, _ADDRESS, _IP_INDEX, _VSID, _VLAN, _COMPARTMENT = (
    10, 11, 12, 13, 14, 15, 16, 17,
)  # fmt: skip
SWITCH_TYPES: Final = frozenset({_VM_NIC, _HOST_VNIC, _EXTERNAL})
"""Of these, the switch's end of a NIC."""
_LAYER_WORDS: Final = {
    _FILTER: "filter", _PROTOCOL: "protocol", _EXTENSION: "switch_extension", _HTTP: "http", _IP: "ip", 12: "slbmux",
    13: "ipsec", _HTTP_MESSAGE: "http",
}  # fmt: skip
_GUID_PATTERN: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_VM_NIC_NAME: Final = re.compile(rf"{_GUID_PATTERN}--{_GUID_PATTERN}")
_DRIVER_KINDS: Final = {"vmswitch.sys": "host_vnic", "ndisimplatform.sys": "team"}


@dataclass(slots=True)
class _Component:
    kind: int = 0
    file: str = ""
    description: str = ""
    values: dict[int, list[Any]] = field(default_factory=dict)  # Any: numbers and text
    edges: dict[int, str] = field(default_factory=dict)
    event_row: int = -1
    begun_ns: int = NO_TIME
    begun_row: int = -1
    ended_ns: int = NO_TIME
    ended_row: int = -1

    def first(self, kind: int) -> Any:  # Any: as `values`
        return next(iter(self.values.get(kind, ())), None)

    def number(self, kind: int) -> int:
        """The value of a numeric property; 0 where it has none."""
        value = self.first(kind)
        return value if isinstance(value, int) else 0


class Rundown:
    """The components of all sessions of a recording: `learn` their events, then take the `facts`."""

    def __init__(self) -> None:
        self._components: dict[tuple[int, int], _Component] = {}
        self.n_refused = 0
        """Events about components beyond `COMPONENTS_MAX`."""

    def learn(self, event_id: int, fields: Fields, ts_ns: int, event_row: int, session_id: int) -> None:
        """Take one event."""
        number = fields.get("ComponentId", fields.get("Id"))
        key = session_id, number if isinstance(number, int) else -1
        if key not in self._components and len(self._components) >= COMPONENTS_MAX:
            self.n_refused += 1
            return
        component = self._components.setdefault(key, _Component())
        if event_id in (_COMPONENT, _REGISTERED, _UNREGISTERED):
            kind = fields.get("Type")
            component.kind = kind if isinstance(kind, int) else 0
            component.file, component.description = name_of(fields.get("Name")), name_of(fields.get("Description"))
            if event_id == _COMPONENT or component.event_row < 0:
                component.event_row = event_row
            if event_id == _REGISTERED:
                component.begun_ns, component.begun_row = ts_ns, event_row
            elif event_id == _UNREGISTERED:
                component.ended_ns, component.ended_row = ts_ns, event_row
        elif event_id == _EDGE:
            edge = fields.get("EdgeId")
            if isinstance(edge, int) and len(component.edges) < _VALUES_MAX:
                component.edges[edge] = name_of(fields.get("EdgeName"))
        else:
            value = fields.get(_VALUES[event_id])
            kind = fields.get("Type")
            known = component.values.setdefault(kind if isinstance(kind, int) else 0, [])
            if value is not None and value not in known and len(known) < _VALUES_MAX:
                known.append(value[:1024] if isinstance(value, str) else value)

    def facts(self) -> Facts:
        """What all components say together."""
        for (session_id, number), component in self._components.items():
            for one in _component_facts(number, component):
                event_row = component.event_row
                when = {Change.BEGUN: component.begun_ns, Change.ENDED: component.ended_ns}.get(one.change, NO_TIME)
                if one.change is not Change.SEEN:
                    event_row = component.begun_row if one.change is Change.BEGUN else component.ended_row
                yield replace(one, ts_ns=when, event_row=event_row, session_id=session_id)


def _component_facts(number: int, component: _Component) -> Facts:
    if component.kind in _NICS:
        subject = _nic(number, component)
        yield Fact(subject, _nic_properties(component))
        lowest, own = component.number(_LOWEST_INDEX), component.number(_IF_INDEX)
        if lowest and own and lowest != own:
            yield Fact(subject, relation="virtual_function", target=nic_ref(lowest))
    elif component.kind in _SWITCH_NICS:
        subject = _nic(number, component)
        vm, _ = split_nic_name(_nic_name(component))
        yield Fact(subject, {**_nic_properties(component), "kind": _SWITCH_NICS[component.kind]})
        if vm:
            yield Fact(Ref(Thing.VM, (("guid", vm),)), relation="owns", target=subject)
        yield from _on_switch(subject, component, "on_switch")
    elif component.kind == _EXTERNAL:
        # It stands for the physical NIC on the switch, which it names by the miniport's index.
        index = component.number(_MINIPORT_INDEX) or component.number(_IF_INDEX)
        subject = Ref(Thing.NIC, (*((("if_index", index),) if index else ()), ("component", number)))
        yield Fact(subject, _named(component))
        yield from _on_switch(subject, component, "uplink")
    else:
        subject = Ref(Thing.LAYER, _layer_keys(number, component))
        yield Fact(subject, _layer_properties(component))
        yield from _layer_relations(subject, component)
    yield from _ip_facts(subject, component)
    yield from _life(subject, component)


def _life(subject: Ref, component: _Component) -> Facts:
    """270 and 280: which of the two is which is inferred from their order."""
    reason = "which event registers a component and which takes it away is inferred"
    if component.begun_ns != NO_TIME:
        yield Fact(subject, change=Change.BEGUN, confidence=0.9, reason=reason)
    if component.ended_ns != NO_TIME:
        yield Fact(subject, change=Change.ENDED, confidence=0.9, reason=reason)


def _nic(number: int, component: _Component) -> Ref:
    keys: list[Key] = [("component", number)]
    index, guid = component.number(_IF_INDEX), guid_of(component.first(_IF_GUID))
    if index:
        keys.append(("if_index", index))
    if guid:
        keys.append(("guid", guid))
    keys += nic_keys(_nic_name(component))
    return Ref(Thing.NIC, tuple(dict.fromkeys(keys)))


def _nic_name(component: _Component) -> str:
    """`<VM GUID>--<adapter GUID>`, where the component is described by it."""
    found = _VM_NIC_NAME.search(component.description) or _VM_NIC_NAME.search(component.file)
    return found[0] if found and component.kind in _SWITCH_NICS else ""


def _named(component: _Component) -> dict[str, Any]:
    name = component.description.replace(_nic_name(component), "").strip() or component.description
    said: dict[str, Any] = {"component_name": name} if name else {}
    if component.file and component.file != "NULL":
        said["driver"] = component.file
    return said


def _nic_properties(component: _Component) -> dict[str, Any]:
    said = _named(component)
    kind = _DRIVER_KINDS.get(component.file.lower())
    if kind:
        said["kind"] = kind
    mac = mac_of(component.first(_MAC))
    said |= {"mac": mac} if mac else {}
    medium = component.first(_MEDIUM)
    said |= {"medium": words.ndis_medium(medium)} if isinstance(medium, int) else {}
    for property_type, name in ((_VSID, "vsid"), (_VLAN, "vlan")):
        said |= {name: component.number(property_type)} if component.number(property_type) else {}
    return said


def _layer_keys(number: int, component: _Component) -> tuple[Key, ...]:
    """An IP interface and a protocol have no interface index of their own."""
    index = component.number(_IF_INDEX) if component.kind == _FILTER else 0
    return (("component", number), *((("if_index", index),) if index else ()))


def _layer_properties(component: _Component) -> dict[str, Any]:
    said = _named(component)
    said["layer"] = _LAYER_WORDS.get(component.kind, "other")
    said |= {"lower_if_index": component.number(_LOWER_INDEX)} if component.number(_LOWER_INDEX) else {}
    if component.edges:
        said["edges"] = [name for _, name in sorted(component.edges.items())]
    if component.values.get(_ETHER_TYPE):
        said["ether_types"] = [value for value in component.values[_ETHER_TYPE] if isinstance(value, int)]
    return said


def _layer_relations(subject: Ref, component: _Component) -> Facts:
    below = component.number(_IP_INDEX) if component.kind == _IP else component.number(_MINIPORT_INDEX)
    if below:
        yield Fact(subject, relation="stacked_on", target=nic_ref(below))
    yield from _on_switch(subject, component, "on_switch")


def _on_switch(subject: Ref, component: _Component, relation: str) -> Facts:
    """The switch that a component is on, which it names by text, by the index of the switch's own adapter, or both."""
    name, index = name_of(component.first(_SWITCH_NAME)), component.number(_EXTENSION_INDEX)
    if not index and component.kind == _EXTENSION:
        index = component.number(_IF_INDEX)
    keys = (*named_keys(name), *(switch_ref(index).keys if index else ()))
    if keys:
        switch = Ref(Thing.VSWITCH, keys)
        yield Fact(switch, {"friendly_name": name} if name and not guid_of(name) else {})
        yield Fact(subject, relation=relation, target=switch)


def _ip_facts(subject: Ref, component: _Component) -> Facts:
    """Addresses and compartment; HTTP names the interface it listens on by the miniport."""
    index = component.number(_IP_INDEX)
    if component.kind in (_HTTP, _HTTP_MESSAGE):
        index = index or component.number(_MINIPORT_INDEX)
    nic = nic_ref(index) if index else subject if subject.thing is Thing.NIC else None
    addresses = [value for value in component.values.get(_ADDRESS, ()) if isinstance(value, str)]
    if nic and addresses:
        yield Fact(nic, {"addresses": addresses})
    compartment = component.number(_COMPARTMENT)
    if nic and compartment:
        where = Ref(Thing.COMPARTMENT, (("id", compartment),))
        yield Fact(where)
        yield Fact(nic, relation="in_compartment", target=where)
