"""What is answered: the true cause of each fault, nothing on healthy hosts, and no more than a recording can show."""

from __future__ import annotations

import pytest

from explained import explained

CAUSES = {
    "acl-drop": "4 packets dropped at VM db's port on switch LAN: filtered, rule Block-Postgres",
    "dhcp-guard": "3 packets dropped at VM rogue's port on switch LAN: DHCP guard",
    "extended-acl-drop": "4 packets dropped at VM app's port on switch LAN: filtered, rule extended ACL of weight 10",
    "firewall-block": "4 packets dropped at WFP, behind container stock's NIC: inet accept inspection, rule filter "
    "run-time id 70003, layer 44",
    "mac-spoofing": "3 packets dropped at VM app's port on switch LAN: MAC spoofing",
    "nat-ports-exhausted": "WinNat had no port left: 16 packets of new connections dropped",
    "nic-disabled": "3 packets dropped at VM db's port on switch LAN: NIC disabled",
    "no-port-mapping": "TCP 10.0.0.10:8081 is published by no container: WinNat left 4 packets to the host, and the "
    "host dropped them",
    "vfp-block": "3 packets dropped at container pod-a's port on switch cbr0: intercept block, rule "
    "ACL_ENDPOINT_LAYER / ACL_GROUP / policy_deny_dns",
    "vlan-mismatch": "4 packets dropped at VM db's port on switch LAN: filtered VLAN",
}
HEALTHY = (
    "broadcasts", "default-switch", "hyperv-container", "l2bridge-pod", "multilayer", "nat-containers",
    "nat-published-port", "nat-web", "packet-direct", "private-and-internal", "set-team", "transparent",
    "transparent-team-vlan",
)  # fmt: skip
LIMITED = ("physical-only", "sriov", "truncated")


@pytest.mark.parametrize("name", CAUSES)
def test_the_true_cause_of_a_fault_stands_at_the_top(name: str) -> None:
    verdict = explained(name).verdict
    assert (verdict.answer.value, verdict.text) == ("cause", CAUSES[name])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acl-drop", "filtered"),
        ("dhcp-guard", "DHCP guard"),
        ("firewall-block", "inet accept inspection"),
        ("nat-ports-exhausted", "no port is left"),
        ("no-port-mapping", "is published by no container"),
        ("vfp-block", "intercept block"),
        ("vlan-mismatch", "filtered VLAN"),
    ],
)
def test_so_it_does_with_pktmon(name: str, words: str) -> None:
    verdict = explained(name, "pktmon").verdict
    assert verdict.answer.value == "cause"
    assert words in verdict.text


@pytest.mark.parametrize("capture", ["ndis", "pktmon"])
def test_frames_too_long_for_the_overlay_are_dropped_on_the_host_that_sends_them(capture: str) -> None:
    verdict = explained("mtu-too-small", capture, host=1).verdict
    assert verdict.answer.value == "cause"
    assert verdict.text.startswith("15 packets dropped at ")
    assert verdict.text.endswith("on switch vxlan0: MTU mismatch")


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_wrong_on_a_healthy_host(name: str) -> None:
    verdict = explained(name).verdict
    assert (verdict.answer.value, verdict.findings) == ("nothing_wrong", [])


@pytest.mark.parametrize("name", LIMITED)
def test_nothing_is_wrong_where_a_limited_recording_could_see(name: str) -> None:
    verdict = explained(name).verdict
    assert verdict.answer.value == "nothing_wrong"
    assert verdict.text.endswith("where the recording could see")


@pytest.mark.parametrize("capture", ["ndis", "pktmon"])
def test_where_packets_ended_behind_a_filter_it_cannot_tell_and_names_the_filter(capture: str) -> None:
    verdict = explained("filtered-capture", capture).verdict
    what = {"ndis": "IPv4 address 172.20.1.5", "pktmon": "IP 172.20.1.5"}[capture]
    assert verdict.answer.value == "nothing_seen"
    assert verdict.text == (
        f"every question had an answer, but where 7 of 14 packets ended cannot be told: captured only: {what}"
    )
    assert verdict.captures[0] == "all"


@pytest.mark.parametrize("name", ["lost-buffers", "wrapped-ring"])
def test_where_data_was_lost_it_cannot_tell(name: str) -> None:
    found = explained(name)
    assert found.verdict.answer.value == "cannot_tell"
    assert found.lost


def test_a_filter_narrows_it_to_the_conversations_that_fit() -> None:
    whole = explained("no-port-mapping").verdict
    narrowed = explained("no-port-mapping", expression="tcp.port == 8080")
    assert whole.answer.value == "cause"
    assert (narrowed.n_selected, narrowed.verdict.answer.value) == (1, "nothing_wrong")
