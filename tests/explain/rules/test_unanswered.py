"""Questions without an answer: how far they came, and what is no question."""

from __future__ import annotations

from explained import explained, explanation, recording_of, recordings

OUTSIDE = """
title = "The server outside is down"
story = "A VM asks a server that does not answer."
look_for = []
[[host]]
name = "SRV1"
nic = [{ name = "Ethernet", address = "10.0.0.10/24", gateway = "10.0.0.1" }]
switch = [{ name = "LAN", kind = "external", uplink = ["Ethernet"] }]
vm = [{ name = "app", switch = "LAN", address = "10.0.0.31" }]
[[peer]]
name = "ghost"
address = "10.0.0.99"
[[traffic]]
kind = "dns"
source = "app"
server = "ghost"
name = "www.example"
at_ms = 10.0
"""


def test_a_question_that_left_the_host_leads_to_a_recording_at_the_peer() -> None:
    found = explanation(recording_of(OUTSIDE, "outside")).verdict
    assert found.answer.value in ("uncertain", "cause")
    assert found.findings[0].place == "NIC Ethernet"


def test_a_conversation_that_falls_silent_is_one_though_it_was_answered_before() -> None:
    found = explanation(recordings("nic-disabled", providers=("winnat", "tcpip", "hns"))[0]).verdict.findings[0]
    assert found.rule == "unanswered"
    assert found.title.startswith("1 conversation fell silent")


def test_icmp_errors_and_one_way_udp_are_no_questions() -> None:
    assert "unanswered" not in {one.rule for one in explained("nat-containers").verdict.findings}
