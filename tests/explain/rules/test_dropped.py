"""Drops by cause: who is hurt, where, by which rule, and what is only the usual flood."""

from __future__ import annotations

from explained import explained, first
from wnv.explain.rules.dropped import reason_words


def test_the_failing_conversation_has_names_and_addresses() -> None:
    (flow,) = first("acl-drop").flows
    assert (flow.who, flow.label, flow.n_packets) == ("VM app → VM db", "TCP 10.0.0.31:49153 → 10.0.0.32:5432", 4)


def test_the_rule_that_decided_is_named() -> None:
    assert first("acl-drop").decided_by == "Block-Postgres"


def test_evidence_leads_to_the_event_that_says_so() -> None:
    found = explained("acl-drop")
    assert [found.events[row] for row in found.verdict.findings[0].evidence] == [
        "Microsoft-Windows-Hyper-V-VmSwitch 36"
    ]


def test_what_a_guard_refuses_is_no_background_though_it_was_a_broadcast() -> None:
    found = first("dhcp-guard")
    assert (found.weight.name, found.flows[0].who) == ("FAILED", "VM rogue → 255.255.255.255")


def test_reasons_are_words() -> None:
    assert reason_words("dhcp_guard") == "DHCP guard"
    assert reason_words("filtered_vlan") == "filtered VLAN"
