"""A step that takes far longer than the others."""

from __future__ import annotations

from explained import explained, first


def test_the_slow_step_is_named_with_its_time() -> None:
    found = first("slow-hop")
    assert (found.rule, found.weight.name) == ("slow", "SLOW")
    assert found.title.startswith("slow from container shop's port on switch nat to container shop's NIC: p99 80.0 ms")


def test_a_quick_host_has_none() -> None:
    assert "slow" not in {one.rule for one in explained("nat-web").verdict.findings}
