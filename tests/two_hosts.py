"""Two hosts of an overlay whose pods talk, and recordings in which one of them saw less."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wnv.pipeline.stored import StoredTrace
from wnv.providers.stages import Stretch
from wnv_lab.run import run_scenario
from wnv_lab.scenario import parse_scenario

_PAIR = """
title = "t"
story = "s"
look_for = []

[[host]]
name = "NODE1"
nic = [{{ name = "Ethernet", address = "10.0.0.11/24", gateway = "10.0.0.1" }}]
switch = [{{ name = "vxlan0", uplink = ["Ethernet"] }}]
network = [{{ name = "vxlan0", type = "overlay", subnet = "10.244.1.0/24", switch = "vxlan0", mtu = 1450 }}]
container = [{{ name = "pod-a", network = "vxlan0", address = "10.244.1.20" }}]

[[host]]
name = "NODE2"
clock_skew_us = {skew_us}
nic = [{{ name = "Ethernet", address = "10.0.0.12/24", gateway = "10.0.0.1" }}]
switch = [{{ name = "vxlan0", uplink = ["Ethernet"] }}]
network = [{{ name = "vxlan0", type = "overlay", subnet = "10.244.2.0/24", switch = "vxlan0", mtu = 1450 }}]
container = [{{ name = "pod-b", network = "vxlan0", address = "10.244.2.30", serves = ["{serves}"] }}]

[[peer]]
name = "router"
address = "10.0.0.1"
is_router = true

[[traffic]]
kind = "http"
source = "pod-a"
to = "pod-b"
port = {port}
at_ms = 20.0
"""


def record_pair(folder: Path, *, skew_us: int = 0, serves: str = "http:80", port: int = 80) -> None:
    """Record both: pod-a on NODE1 asks pod-b on NODE2, whose clock is `skew_us` ahead."""
    run_scenario(parse_scenario(_PAIR.format(skew_us=skew_us, serves=serves, port=port), "pair"), folder)


def leave_out(monkeypatch: pytest.MonkeyPatch, rows: Collection[int]) -> None:
    """From now on the events with these `event_row` are missing where packets are followed."""
    made, gone = StoredTrace.stretches_of_host, list(rows)
    monkeypatch.setattr(
        StoredTrace, "stretches_of_host", lambda self, host: (_without(one, gone) for one in made(self, host))
    )


def _without(stretch: Stretch, rows: list[int]) -> Stretch:
    keep = np.flatnonzero(~np.isin(stretch.event_row, rows))
    seen = stretch.packets
    assert seen is not None
    mine = np.flatnonzero(~np.isin(seen.event_row, rows))
    return replace(
        stretch, piece=stretch.piece.take(keep), event_row=stretch.event_row[keep],
        session_id=stretch.session_id[keep], host=stretch.host[keep], packets=seen.take(mine),
        observation_id=stretch.observation_id[mine], frame_id=stretch.frame_id[mine],
    )  # fmt: skip
