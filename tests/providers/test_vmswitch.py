"""Passages and drops of a switch, out of events as the lab writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from networks import HOST_NIC, NIC, PORT, SWITCH, VM_NIC
from provider_events import events_of
from wnv.providers.vmswitch import Names, read_drops, read_passages
from wnv_lab.etl.layout import EventKind
from wnv_lab.events import vmswitch as lab

GUID = lab.GUID


def kind(event_id: int) -> EventKind:
    return EventKind(GUID, event_id)


@pytest.mark.parametrize(("ids", "pointer_size"), [((56, 57, 58), 8), ((240, 242, 241), 8)])
def test_an_nbl_is_received_routed_and_delivered(tmp_path: Path, ids: tuple[int, ...], pointer_size: int) -> None:
    nbl = 0xFFFF_C401_2345_6780
    names = Names()
    with events_of(tmp_path, [
        (kind(ids[0]), lab.NblTemplate(NIC, SWITCH).fill(nbl)),
        (kind(ids[1]), lab.RoutedTemplate(NIC, HOST_NIC, SWITCH).fill(nbl)),
        (kind(ids[2]), lab.NblTemplate(HOST_NIC, SWITCH).fill(nbl)),
    ]) as events:  # fmt: skip
        found = read_passages(events, names)
    assert found.passage.tolist() == [56, 57, 58]
    assert found.nbl.tolist() == [nbl] * 3
    assert [names.text(number) for number in found.nic.tolist()] == [NIC.name, NIC.name, HOST_NIC.name]
    assert [names.text(number) for number in found.destination.tolist()] == ["", HOST_NIC.name, ""]
    assert {names.text(number) for number in found.switch.tolist()} == {SWITCH.name}
    assert {names.text(number) for number in found.switch_friendly.tolist()} == {SWITCH.friendly_name}
    assert found.n_broken == 0


def test_an_event_that_does_not_fit_is_counted_and_left_out(tmp_path: Path) -> None:
    whole = lab.NblTemplate(NIC, SWITCH).fill(1)
    with events_of(tmp_path, [(kind(56), whole[:-1]), (kind(56), whole), (kind(57), b"")]) as events:
        found = read_passages(events, Names())
    assert (found.event.tolist(), found.n_broken) == ([1], 2)


def test_no_events_are_no_passages(tmp_path: Path) -> None:
    with events_of(tmp_path, [(kind(10), b"")]) as events:
        assert len(read_passages(events, Names()).event) == 0
        assert len(read_drops(events, Names()).event) == 0


def test_a_drop_says_where_and_by_what(tmp_path: Path) -> None:
    names = Names()
    with events_of(tmp_path, [
        (kind(36), lab.acl_drop(port=PORT, switch=SWITCH, acl_name="no telnet")),
        (kind(54), lab.nic_drop(nic=NIC, switch=SWITCH, drop_reason=13)),
        (kind(60), lab.extension_drop(
            source=VM_NIC, switch=SWITCH, extension_guid="{1}", extension_friendly_name="Firewall", reason="by rule 7"
        )),
        (kind(131), lab.extended_acl_drop(port=PORT, switch=SWITCH, direction=2, weight=40)),
        (kind(33), lab.vm_drop(vm_name="web", nic=VM_NIC, port=PORT, switch=SWITCH)),
    ]) as events:  # fmt: skip
        found = read_drops(events, names)

    def said(column: str) -> list[str]:
        return [names.text(number) for number in getattr(found, column).tolist()]

    assert found.event_id.tolist() == [36, 54, 60, 131, 33]
    assert said("nic") == ["", NIC.name, VM_NIC.name, "", VM_NIC.name]
    assert said("port") == [PORT.name, "", "", PORT.name, PORT.name]
    assert said("rule") == ["no telnet", "", "by rule 7", "", ""]
    assert said("extension") == ["", "", "Firewall", "", ""]
    assert found.reason.tolist() == [-1, 13, -1, 40, -1]
    assert found.direction.tolist() == [-1, -1, -1, 2, -1]


def test_a_name_has_one_number(tmp_path: Path) -> None:
    names = Names()
    with events_of(tmp_path, [(kind(56), lab.NblTemplate(NIC, SWITCH).fill(n)) for n in range(3)]) as events:
        found = read_passages(events, names)
    assert len(set(found.nic.tolist())) == 1
    assert len(names) == 4
    assert names.text(-1) == ""
