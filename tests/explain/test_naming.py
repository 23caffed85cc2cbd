"""What places and ends are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wnv.explain.naming import Names, place_words

NOTHING = dict.fromkeys(("point", "kind", "nic", "vswitch", "port", "container", "vm"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"kind": "vm_nic", "nic": "db/db", "vswitch": "LAN", "vm": "db"}, "VM db's port on switch LAN"),
        ({"kind": "miniport", "nic": "vEthernet (1)", "container": "shop", "vswitch": "nat"}, "container shop's NIC"),
        ({"kind": "miniport", "nic": "Ethernet"}, "NIC Ethernet"),
        ({"kind": "external_nic", "nic": "Ethernet", "vswitch": "LAN"}, "NIC Ethernet's port on switch LAN"),
        ({"kind": "switch_port", "port": "p7", "vswitch": "LAN"}, "port p7 on switch LAN"),
        ({"kind": "nat", "point": "WinNat"}, "WinNat"),
    ],
)
def test_a_place_is_called_by_whose_it_is(row: dict[str, Any], words: str) -> None:  # Any: values of a table
    assert place_words({**NOTHING, **row}) == words


def test_owners_are_known_by_their_addresses() -> None:
    answers: Iterator[list[dict[str, Any]]] = iter([  # Any: values of a table
        [],
        [{"properties": '{"addresses": ["10.0.0.10/24"]}'}],
        [{"properties": '{"addresses": ["10.0.0.5"]}', "kind": "vm", "name": "web"}],
        [{"address": "172.20.1.5", "container": "shop", "vm": None}],
    ])  # fmt: skip
    names = Names.read(lambda query: next(answers))
    assert [names.owner(one) for one in ("10.0.0.10", "10.0.0.5", "172.20.1.5", "1.1.1.1", None)] == [
        "the host", "VM web", "container shop", "", "",
    ]  # fmt: skip


def test_properties_that_are_no_json_are_no_addresses() -> None:
    answers: Iterator[list[dict[str, Any]]] = iter(
        [[], [{"properties": "{"}, {"properties": "[]"}, {"properties": None}], [], []]
    )
    assert Names.read(lambda query: next(answers)).owners == {}


def test_what_is_not_known_keeps_its_points_name() -> None:
    assert Names().place("eth:7") == "eth:7"
    assert Names().place(None) == "a place not recorded"
