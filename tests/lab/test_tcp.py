"""Connections of the lab's machines: they carry every byte once and in order, over losses too."""

from __future__ import annotations

import pytest

from lab_worlds import LAN, scenario_of
from wnv_lab.build import build_world
from wnv_lab.tcp import Connection

HOST = """
[[host]]
name = "H"
nic = [{ name = "E", address = "10.0.0.10/24", gateway = "10.0.0.1" }]
switch = [{ name = "s", uplink = ["E"] }]
vm = [{ name = "a", switch = "s", address = "10.0.0.31/24" }, { name = "b", switch = "s", address = "10.0.0.32/24" }]
"""
LOSS = '[[fault]]\nkind = "loss"\nat = "b"\nshare = 0.2\ndirection = "in"\n'


@pytest.mark.parametrize("fault", ["", LOSS])
def test_bytes_arrive_once_and_in_order(fault: str) -> None:
    world = build_world(scenario_of(HOST + LAN + fault), 0)
    world.plan_changes()
    sent = bytes(i * 7 & 0xFF for i in range(60_000))
    got, ends = bytearray(), []

    def serve(connection: Connection) -> None:
        connection.on_data = lambda _c, data: got.extend(data)

    def talk(connection: Connection) -> None:
        connection.write(sent)
        connection.close()

    world.stack_of("b").listeners[80] = serve
    connection = world.stack_of("a").connect(world.address_of("b"), 80)
    connection.on_open = talk
    connection.on_close = lambda _c, why: ends.append(why)
    connection.open()
    world.run()
    assert bytes(got) == sent
    assert ends == ["done"]
    assert not world.stack_of("a").connections


def test_a_closed_port_refuses_and_a_missing_machine_times_out() -> None:
    world = build_world(scenario_of(HOST + LAN), 0)
    ends: dict[str, str] = {}
    for name in ("10.0.0.32", "10.0.0.99"):
        connection = world.stack_of("a").connect(world.address_of(name), 81)
        connection.on_close = lambda c, why, name=name: ends.__setitem__(name, why)
        connection.open()
    world.run()
    assert ends == {"10.0.0.32": "refused", "10.0.0.99": "timeout"}
