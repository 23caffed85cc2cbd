"""Packets that filters and the stack refused, out of events as the lab writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab_recordings import START_NS
from provider_events import Side, decoded_kinds, side, sides
from wnv.providers.wfp import read_tcpip, read_wfp
from wnv_lab.events import tcpip, wfp
from wnv_lab.events.fields import Socket

LOCAL, REMOTE = Socket("10.0.0.5", 23), Socket("10.0.0.9", 49152)


@pytest.mark.parametrize("direction", [wfp.INBOUND, wfp.OUTBOUND])
def test_addresses_are_in_the_direction_of_the_packet(tmp_path: Path, direction: int) -> None:
    payload = wfp.blocked(
        ts_ns=START_NS, local=LOCAL, remote=REMOTE, direction=direction, filter_id=70001,
        layer_id=wfp.LAYER_AUTH_RECEIVE_ACCEPT_V4,
    )  # fmt: skip
    ((event_id, decoded),) = decoded_kinds(tmp_path, [(wfp.KIND_1001_V2, payload)])
    found = read_wfp(np.arange(1), event_id, decoded)
    expected = (REMOTE, LOCAL) if direction == wfp.INBOUND else (LOCAL, REMOTE)
    assert (sides(found.src), sides(found.dst)) == tuple([side(one)] for one in expected)
    assert found.reason_word == ["inet_accept_inspection"]
    assert found.rule == ["filter run-time id 70001, layer 44"]


@pytest.mark.parametrize(
    ("layer", "is_inbound"), [(44, True), (12, True), (0, True), (48, False), (16, False)]
)  # fmt: skip
def test_where_no_direction_is_stated_the_layer_says_it(tmp_path: Path, layer: int, is_inbound: bool) -> None:
    payload = wfp.blocked(ts_ns=START_NS, local=LOCAL, remote=REMOTE, direction=0, filter_id=7, layer_id=layer)
    ((event_id, decoded),) = decoded_kinds(tmp_path, [(wfp.KIND_1001_V2, payload)])
    found = read_wfp(np.arange(1), event_id, decoded)
    assert sides(found.src) == [side(REMOTE if is_inbound else LOCAL)]


def test_a_frame_refused_by_its_stations_has_no_addresses(tmp_path: Path) -> None:
    payload = wfp.blocked_frame(
        ts_ns=START_NS, local_mac="00155d000001", remote_mac="00155d000002", ether_type=0x88CC, filter_id=5, layer_id=90
    )  # fmt: skip
    ((event_id, decoded),) = decoded_kinds(tmp_path, [(wfp.KIND_1029_V1, payload)])
    found = read_wfp(np.arange(1), event_id, decoded)
    assert found.src.version.tolist() == [0]
    assert found.reason_word == ["wfp_filter"]


@pytest.mark.parametrize(
    ("source", "destination"), [(REMOTE, LOCAL), (Socket("fd00::9", 49152), Socket("fd00::5", 23))], ids=["v4", "v6"]
)  # fmt: skip
def test_the_stack_says_what_it_dropped_and_why(tmp_path: Path, source: Socket, destination: Socket) -> None:
    payload = tcpip.packet_drop(source=source, destination=destination, protocol=6, reason=2, nbl=0x1234, if_index=7)
    kind = tcpip.KIND_1215_V2
    ((event_id, decoded),) = decoded_kinds(tmp_path, [(kind, payload)])
    found = read_tcpip(np.arange(1), event_id, decoded)
    addresses: list[Side] = [*sides(found.src), *sides(found.dst)]
    assert [one[0] for one in addresses] == [4, 4] if "." in str(source.address) else [6, 6]
    assert found.protocol.tolist() == [6]
    assert found.reason.tolist() == [2]
    assert found.nbl.tolist() == [0x1234]
    assert found.if_index.tolist() == [7]
