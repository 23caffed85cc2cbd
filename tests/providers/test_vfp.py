"""Packets that VFP blocked, out of events as the lab writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provider_events import Event, decoded_kinds, sides
from wnv.providers.vfp import Blocks, read_blocks
from wnv_lab.events import vfp as lab

PORT = lab.SwitchPort(3, "5C2D5E1F-0000-4000-8000-000000000004", "web port")
RULE = lab.Rule("ACL_ENDPOINT_LAYER", "ACL_GROUP_IN", "block telnet")
V4 = lab.Flow("10.0.0.5", "10.0.0.6", 6, 49152, 23)
V6 = lab.Flow("fd00::5", "fd00::6", 17, 49152, 53)
PING = lab.Flow("10.0.0.5", "10.0.0.6", 1, icmp_type=8)


def blocks(folder: Path, events: list[Event]) -> list[Blocks]:
    found = [
        read_blocks(np.arange(len(decoded)), event_id, decoded) for event_id, decoded in decoded_kinds(folder, events)
    ]
    return [one for one in found if one is not None]


@pytest.mark.parametrize("flow", [V4, V6, PING], ids=["v4", "v6", "icmp"])
def test_a_rule_with_a_status_blocks(tmp_path: Path, flow: lab.Flow) -> None:
    payload = lab.rule_matched(PORT, 1, RULE, flow, status=lab.STATUS_BLOCKED)
    (found,) = blocks(tmp_path, [(flow.kind_of(lab.RULE_KINDS), payload)])
    version = 4 if flow.is_ipv4 else 6
    assert [one[0] for one in sides(found.src) + sides(found.dst)] == [version, version]
    assert found.protocol.tolist() == [flow.protocol]
    assert found.status.tolist() == [lab.STATUS_BLOCKED]
    assert found.rule == ["ACL_ENDPOINT_LAYER / ACL_GROUP_IN / block telnet"]
    assert (found.port, found.port_friendly) == ([PORT.name], [PORT.friendly_name])


def test_where_in_vfp_the_status_was_set_is_kept(tmp_path: Path) -> None:
    payload = lab.rule_matched(PORT, 1, RULE, V4, status=lab.STATUS_BLOCKED, status_location=0x1234)
    (found,) = blocks(tmp_path, [(V4.kind_of(lab.RULE_KINDS), payload)])
    assert found.location.tolist() == [0x1234]


def test_a_result_with_a_status_names_no_rule(tmp_path: Path) -> None:
    payload = lab.packet_result(PORT, 1, V4, status=lab.STATUS_BLOCKED)
    (found,) = blocks(tmp_path, [(V4.kind_of(lab.RESULT_KINDS), payload)])
    assert found.rule == [""]
    assert sides(found.src) == [(4, 0x0A000005, -1)]


def test_what_passes_is_no_block(tmp_path: Path) -> None:
    assert blocks(tmp_path, [
        (V4.kind_of(lab.RULE_KINDS), lab.rule_matched(PORT, 1, RULE, V4)),
        (V4.kind_of(lab.RESULT_KINDS), lab.packet_result(PORT, 1, V4)),
    ]) == []  # fmt: skip


def test_a_guard_always_blocks(tmp_path: Path) -> None:
    payload = lab.guard_drop_flow(
        PORT, 1, V4, reason=2, source_mac="00155d000001", destination_mac="00155d000002"
    )  # fmt: skip
    (found,) = blocks(tmp_path, [(lab.KIND_55, payload)])
    assert found.status.tolist() == [2]
    assert found.event_id == 55
