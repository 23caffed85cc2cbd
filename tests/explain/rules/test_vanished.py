"""Packets that were swallowed without a word."""

from __future__ import annotations

from explained import explained, first


def test_packets_vanish_behind_the_switchs_port() -> None:
    found = first("silent-loss")
    assert (found.rule, found.weight.name) == ("vanished", "FAILED")
    assert found.place == "container stock's port on switch nat"
    assert "filter driver" in found.advice


def test_none_is_found_where_the_capture_only_did_not_see_all() -> None:
    for name in ("filtered-capture", "physical-only", "sriov", "wrapped-ring", "lost-buffers"):
        assert "vanished" not in {one.rule for one in explained(name).verdict.findings}
