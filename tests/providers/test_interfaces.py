"""The host's interface table as facts."""

from __future__ import annotations

from dataclasses import replace

from wnv.providers.facts import Thing
from wnv.providers.interfaces import facts
from wnv.providers.sysconfig import HostInterface

ROW = HostInterface(
    7, "Ethernet", "Intel", b"\2\0\0\0\0\1", 1500, 10**10, is_filter=False, is_up=True,
    guid="5c2d5e1f-0000-4000-8000-000000000001", is_hardware=True,
)  # fmt: skip


def test_an_adapter_with_all_its_names() -> None:
    (nic,) = facts(ROW)
    assert nic.subject.keys == (("if_index", 7), ("guid", "5c2d5e1f-0000-4000-8000-000000000001"))
    assert (nic.properties["mac"], nic.properties["is_hardware"], nic.properties["is_listed"]) == (
        "02:00:00:00:00:01", True, True,
    )  # fmt: skip


def test_a_filter_is_a_layer() -> None:
    (layer,) = facts(replace(ROW, is_filter=True))
    assert layer.subject.thing is Thing.LAYER


def test_the_hosts_nic_on_a_switch_is_known_by_its_name() -> None:
    (nic,) = facts(replace(ROW, alias="vEthernet (nat)", is_hardware=False, mac=bytes(6), guid=""))
    assert (nic.properties["kind"], "mac" in nic.properties) == ("host_vnic", False)
