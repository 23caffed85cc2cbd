"""Microsoft-Windows-Hyper-V-VmSwitch: switches, ports and NICs by name, and what happens to them.

Ids and meanings: vmswitch.md; those marked there as inferred from field names carry a confidence below 1 here.
There is no rundown of ports and NICs, so names inside the events of packets count as much as those of control events.
"""

from __future__ import annotations

from typing import Any, Final

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
    nic_facts,
    nic_keys,
)  # fmt: skip

GUID: Final = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"

NAMING_IDS: Final = {56: -1, 58: -1, 57: -1, 240: -1, 241: -1, 242: -1, 36: 0, 45: 0, 54: 8, 55: 8, 59: 0, 131: 8}
"""Events of packets: how many bytes behind the names differ from packet to packet; -1 = a pointer."""
_MEANING: Final = "the meaning of the event is inferred from its fields"
_SWITCH_LIFE: Final = {62: Change.BEGUN, 64: Change.ENDED, 66: Change.SEEN, 9: Change.SEEN, 42: Change.SEEN,
                       43: Change.SEEN, 223: Change.SEEN}  # fmt: skip
_PORT_LIFE: Final = {67: Change.BEGUN, 69: Change.ENDED, 71: Change.SEEN, 264: Change.SEEN, 224: Change.SEEN}
_NIC_SEEN: Final = frozenset({5, 7, 263, 21, 22, 23, 24})
_NIC_STATE: Final = {21: ("media", "connected"), 22: ("media", "disconnected"),
                     23: ("state", "operational"), 24: ("state", "not operational")}  # fmt: skip
_BOUND, _UNBOUND, _CONNECTED, _DISCONNECTED, _OPERATION = 17, 19, 232, 234, 233
_DELETE: Final = 8  # of the map of operations, the one number that published logs show
_MAC_MOVED, _MAC_SET, _SECURITY, _ISOLATION = 25, (29, 31), 89, (218, 219)
_VM_NAMED, _TEAM, _BUILD, _RESTORED, _VM_DROP = (26, 102), (116, 117), 277, 61, 33
IDS: Final = frozenset({
    *_SWITCH_LIFE, *_PORT_LIFE, *_NIC_SEEN, _BOUND, _UNBOUND, _CONNECTED, _DISCONNECTED, _OPERATION, _MAC_MOVED,
    *_MAC_SET, _SECURITY, *_ISOLATION, *_VM_NAMED, *_TEAM, _RESTORED, _VM_DROP,
})  # fmt: skip
_SECURITY_PROPERTIES: Final = {
    "AllowMacSpoofing": "mac_spoofing", "EnableDhcpGuard": "dhcp_guard", "EnableRouterGuard": "router_guard",
    "MonitorMode": "monitor_mode", "VirtualSubnetId": "vsid", "AllowTeaming": "teaming", "StormLimit": "storm_limit",
}  # fmt: skip


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event says of the virtual network."""
    if event_id in NAMING_IDS:
        yield from _names(fields)
    elif event_id in _SWITCH_LIFE:
        yield from _switch_life(event_id, fields)
    elif event_id in _PORT_LIFE:
        yield from _port_life(event_id, fields)
    elif event_id in (_CONNECTED, _BOUND, _VM_DROP, *_ISOLATION):
        yield from _connection(event_id, fields)
    elif event_id in (_DISCONNECTED, _UNBOUND, _OPERATION):
        yield from _ending(event_id, fields)
    elif event_id in _VM_NAMED:
        yield from _vm(fields)
    else:
        yield from _other(event_id, fields)


def _names(fields: Fields) -> Facts:
    for prefix in ("Nic", "SrcNic", "DestNic"):
        yield from _nic(fields, prefix)
        nic = _nic_ref(fields, prefix)
        switch = _switch_ref(fields)
        if nic and switch:
            yield Fact(nic, relation="on_switch", target=switch)
    yield from _switch(fields)
    yield from _port(fields)


def _nic(fields: Fields, prefix: str = "Nic", **properties: Any) -> Facts:
    yield from nic_facts(name_of(fields.get(f"{prefix}Name")), name_of(fields.get(f"{prefix}FName")), **properties)


def _nic_ref(fields: Fields, prefix: str = "Nic") -> Ref | None:
    keys = nic_keys(name_of(fields.get(f"{prefix}Name")))
    return Ref(Thing.NIC, keys) if keys else None


def _switch_ref(fields: Fields) -> Ref | None:
    return _ref(Thing.VSWITCH, named_keys(name_of(fields.get("SwitchName"))))


def _port_ref(fields: Fields) -> Ref | None:
    return _ref(Thing.PORT, named_keys(name_of(fields.get("PortName"))))


def _ref(thing: Thing, keys: tuple[Key, ...]) -> Ref | None:
    return Ref(thing, keys) if keys else None


def _named(fields: Fields, name: str) -> dict[str, Any]:
    friendly = name_of(fields.get(name))
    return {"friendly_name": friendly} if friendly else {}


def _switch(fields: Fields, change: Change = Change.SEEN, **properties: Any) -> Facts:
    switch = _switch_ref(fields)
    if switch:
        yield Fact(switch, {**_named(fields, "SwitchFName"), **properties}, change=change, **_surely(change))


def _port(fields: Fields, change: Change = Change.SEEN, **properties: Any) -> Facts:
    port, switch = _port_ref(fields), _switch_ref(fields)
    if port:
        yield Fact(port, {**_named(fields, "PortFName"), **properties}, change=change, **_surely(change))
        if switch and change is not Change.ENDED:
            yield Fact(switch, relation="has_port", target=port)


def _surely(change: Change) -> dict[str, Any]:
    """That a switch or port began or ended is inferred (vmswitch.md, Topology)."""
    return {} if change is Change.SEEN else {"confidence": 0.9, "reason": _MEANING}


def _switch_life(event_id: int, fields: Fields) -> Facts:
    yield from _switch(fields, _SWITCH_LIFE[event_id])


def _port_life(event_id: int, fields: Fields) -> Facts:
    if _PORT_LIFE[event_id] is not Change.ENDED:
        yield from _switch(fields)
    yield from _port(fields, _PORT_LIFE[event_id])


def _connection(event_id: int, fields: Fields) -> Facts:
    """232, 17, and others that name a NIC together with its port and switch."""
    is_uplink = event_id == _BOUND
    yield from _nic(fields, **({"kind": "physical_nic"} if is_uplink else {}))
    yield from _switch(fields)
    more: dict[str, Any] = {}
    if event_id in _ISOLATION and isinstance(fields.get("RoutingDomainCount"), int):
        more = {"routing_domains": fields["RoutingDomainCount"]}
    yield from _port(fields, **more)
    if event_id == _VM_DROP:
        yield from _vm(fields)
    nic, port, switch = _nic_ref(fields), _port_ref(fields), _switch_ref(fields)
    change = Change.BEGUN if event_id in (_CONNECTED, _BOUND) else Change.SEEN
    if nic and port:
        yield Fact(nic, relation="connects", target=port, change=change)
    if nic and switch:
        yield Fact(nic, relation="uplink" if is_uplink else "on_switch", target=switch, change=change)


def _ending(event_id: int, fields: Fields) -> Facts:
    nic = _nic_ref(fields)
    if not nic:
        return
    if event_id == _OPERATION:
        yield from _nic(fields)
        if fields.get("Operation") == _DELETE:
            yield Fact(nic, change=Change.ENDED)
    else:
        known = {"confidence": 0.9, "reason": _MEANING}
        port = _port_ref(fields)
        if event_id == _DISCONNECTED and port:
            yield Fact(nic, relation="connects", target=port, change=Change.ENDED, **known)  # type: ignore[arg-type] # by name
        relation = "uplink" if event_id == _UNBOUND else "on_switch"
        yield Fact(nic, relation=relation, change=Change.ENDED, **known)  # type: ignore[arg-type] # by name


def _vm(fields: Fields) -> Facts:
    name, guid = name_of(fields.get("VMName")), guid_of(fields.get("VMId"))
    if guid:
        yield Fact(Ref(Thing.VM, (("guid", guid),)), {"friendly_name": name} if name else {})
    elif name:
        from_nic = guid_of(name_of(fields.get("NicName")).partition("--")[0])
        if from_nic:
            yield Fact(Ref(Thing.VM, (("guid", from_nic),)), {"friendly_name": name})


def _other(event_id: int, fields: Fields) -> Facts:
    if event_id in _NIC_SEEN:
        state = _NIC_STATE.get(event_id)
        yield from _nic(fields, **({state[0]: state[1]} if state else {}))
    elif event_id == _RESTORED:
        yield from _nic(fields)
        yield from _vm(fields)
    elif event_id in _MAC_SET:
        mac = mac_of(fields.get("MacAddress"))
        yield from _nic(fields, **({"mac": mac} if mac else {}))
    elif event_id == _MAC_MOVED:
        mac = mac_of(fields.get("MacAddress"))
        for number in ("1", "2"):
            keys = named_keys(name_of(fields.get(f"Port{number}Name")))
            if keys:
                said = _named(fields, f"Port{number}FName")
                yield Fact(Ref(Thing.PORT, keys), {**said, "learned_mac": mac} if number == "2" and mac else said)
    elif event_id == _SECURITY:
        known = {ours: fields[name] for name, ours in _SECURITY_PROPERTIES.items() if fields.get(name)}
        yield from _switch(fields)
        yield from _port(fields, **known)
    elif event_id in _TEAM:
        yield from _team_member(fields)


def _team_member(fields: Fields) -> Facts:
    """A physical NIC of a switch-embedded team: NetCfgInstanceId is the adapter's GUID."""
    switch, member = _switch_ref(fields), guid_of(fields.get("NetCfgInstanceId"))
    yield from _switch(fields)
    yield from _nic(fields)
    if switch and member and not fields.get("Status"):
        nic = Ref(Thing.NIC, (("guid", member),))
        yield Fact(nic, {"kind": "physical_nic", "nic_index": fields.get("NicIndex")})
        yield Fact(nic, relation="member", target=switch, confidence=0.9, reason=_MEANING)
