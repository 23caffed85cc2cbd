"""Packets that were swallowed without a word."""

from __future__ import annotations

from explained import explained, first
from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case
from wnv.explain.rules.vanished import find


def test_packets_vanish_behind_the_switchs_port() -> None:
    found = first("silent-loss")
    assert (found.rule, found.weight.name) == ("vanished", "FAILED")
    assert found.place == "container stock's port on switch nat"
    assert "filter driver" in found.advice


def test_a_conversation_that_went_on_makes_it_doubtful() -> None:
    flow = {"flow_id": 1, "protocol": "TCP", "n_packets": 5, "n_packets_back": 5, "n_retransmissions": 0, "first_ns": 1}
    sides = ("src", "sport", "dst", "dport")
    ends = dict.fromkeys((*sides, *(f"outside_{side}" for side in sides)))
    journey = {"outcome": "vanished", "last_point": "p", "reason": "r", "journey_id": 3, "confidence": 0.9}
    (doubtful,) = find(Case(lambda query: []), [Hurt({**flow, **ends}, [journey], "")])
    (plain,) = find(Case(lambda query: []), [Hurt({**flow, **ends, "n_retransmissions": 1}, [journey], "")])
    assert (doubtful.weight.name, doubtful.confidence) == ("BACKGROUND", 0.3)
    assert (plain.weight.name, plain.confidence) == ("FAILED", 0.9)


def test_none_is_found_where_the_capture_only_did_not_see_all() -> None:
    for name in ("filtered-capture", "physical-only", "sriov", "wrapped-ring", "lost-buffers"):
        assert "vanished" not in {one.rule for one in explained(name).verdict.findings}
