"""Components of pktmon: what a property means depends on the type, and events come in any order."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wnv.clock import NO_TIME
from wnv.providers.components import COMPONENTS_MAX, Rundown
from wnv.providers.facts import Change, Fact, Thing

IF_INDEX, MINIPORT, LOWER, GUID, MAC, SWITCH, LOWEST, ADDRESS, IP_INDEX, COMPARTMENT = 1, 2, 3, 4, 6, 10, 12, 13, 14, 17
Event = tuple[int, dict[str, Any]]


def _component(kind: int, name: str = "x.sys", description: str = "", number: int = 7) -> Event:
    return 20, {"Id": number, "Type": kind, "Name": name, "Description": description}


def _value(kind: int, value: object, number: int = 7) -> Event:
    event_id = {GUID: 40, MAC: 70, SWITCH: 73, ADDRESS: 65}.get(kind, 30)
    return event_id, {"ComponentId": number, "Type": kind, "IpAddress" if event_id == 65 else "Value": value}


def _facts(*events: Event) -> list[Fact]:
    rundown = Rundown()
    for row, (event_id, fields) in enumerate(events):
        rundown.learn(event_id, fields, row * 10, row, 0)
    return list(rundown.facts())


def test_a_miniport_is_a_nic_by_index_and_guid() -> None:
    guid = "5c2d5e1f-0000-4000-8000-000000000001"
    (nic,) = _facts(_component(2), _value(IF_INDEX, 4), _value(GUID, guid), _value(MAC, "00155d010203"))
    assert nic.subject.keys == (("component", 7), ("if_index", 4), ("guid", guid))
    assert (nic.properties["mac"], nic.ts_ns, nic.event_row) == ("00:15:5d:01:02:03", NO_TIME, 0)


def test_the_order_of_the_events_does_not_matter() -> None:
    events = [_component(3), _value(IF_INDEX, 9), _value(LOWER, 4), _value(MINIPORT, 4)]
    found = {
        repr([(one.subject, dict(one.properties), one.relation, one.target) for one in _facts(*order)])
        for order in itertools.permutations(events)
    }
    assert len(found) == 1


def test_a_nic_on_a_switch_and_the_vm_it_belongs_to() -> None:
    vm, adapter = "5c2d5e1f-0000-4000-8000-000000000005", "5c2d5e1f-0000-4000-8000-000000000006"
    found = _facts(_component(5, "vmswitch.sys", f"web {vm}--{adapter}"), _value(SWITCH, "LAN"))
    (nic,) = [one for one in found if one.subject.thing is Thing.NIC and one.properties]
    assert ("guid", adapter) in nic.subject.keys
    assert (nic.properties["kind"], nic.properties["component_name"]) == ("vm_nic", "web")
    assert {one.relation for one in found if one.relation} == {"owns", "on_switch"}


def test_the_switchs_own_nic_is_the_uplink() -> None:
    found = _facts(_component(8), _value(MINIPORT, 4), _value(SWITCH, "LAN"))
    assert [one.relation for one in found if one.relation] == ["uplink"]


def test_a_virtual_function_carries_the_nic_above_it() -> None:
    (edge,) = [one for one in _facts(_component(9), _value(IF_INDEX, 5), _value(LOWEST, 24)) if one.relation]
    assert (edge.relation, edge.target and edge.target.keys) == ("virtual_function", (("if_index", 24),))


def test_addresses_and_compartments_of_an_ip_interface() -> None:
    found = _facts(_component(11), _value(IP_INDEX, 4), _value(ADDRESS, "10.0.0.5"), _value(COMPARTMENT, 2))
    assert any(one.properties.get("addresses") == ["10.0.0.5"] for one in found)
    assert "in_compartment" in {one.relation for one in found}


def test_what_is_registered_while_it_runs_begins_then() -> None:
    found = _facts(_component(2), (270, _component(2)[1]), (280, _component(2)[1]))
    assert [(one.change, one.ts_ns, one.confidence) for one in found[1:]] == [
        (Change.BEGUN, 10, 0.9), (Change.ENDED, 20, 0.9),
    ]  # fmt: skip


def test_more_components_than_any_host_has_are_counted() -> None:
    rundown = Rundown()
    for number in range(COMPONENTS_MAX + 5):
        rundown.learn(*_component(2, number=number), 0, 0, 0)
    assert rundown.n_refused == 5


@given(st.lists(st.tuples(st.sampled_from([20, 30, 40, 60, 65, 70, 73, 75, 90, 270, 280]), st.dictionaries(
    st.sampled_from(["ComponentId", "Id", "Type", "Value", "Name", "Description", "EdgeId", "EdgeName", "IpAddress"]),
    st.integers(0, 20) | st.text(max_size=5) | st.none())), max_size=20))  # fmt: skip
def test_no_fields_raise(events: list[Event]) -> None:
    _facts(*events)
