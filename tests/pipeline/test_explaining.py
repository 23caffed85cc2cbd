"""Explanations of recordings: what they cover, what they lost, what they rest on."""

from __future__ import annotations

from explained import explained


def test_events_that_are_evidence_are_named() -> None:
    found = explained("acl-drop")
    rows = {row for one in found.verdict.findings for row in one.evidence}
    assert set(found.events) == rows != set()


def test_the_coverage_comes_with_it() -> None:
    found = explained("physical-only")
    assert found.coverage.silent
    assert {spot.code for spot in found.coverage.blind} >= {"switch_not_recorded", "loopback"}


def test_without_a_filter_all_conversations_are_looked_at() -> None:
    assert explained("nat-web").n_selected is None
    assert explained("nat-web", expression="udp").n_selected == 1
