"""Conversations that did not go well, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from wnv.explain.conversations import Hurt, is_to_many, label_of, outside_of

FLOW: dict[str, Any] = {  # Any: values of a table
    "flow_id": 1, "protocol": "TCP", "src": "172.20.1.5", "sport": 49152, "dst": "10.0.0.7", "dport": 80,
    "outside_src": None, "outside_sport": None, "outside_dst": None, "outside_dport": None, "n_packets": 4,
    "n_packets_back": 0, "n_retransmissions": 0, "first_ns": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "is_group"),
    [("255.255.255.255", True), ("192.168.0.255", True), ("224.0.0.251", True), ("ff02::fb", True),
     ("ff:ff:ff:ff:ff:ff", True), ("10.0.0.7", False), ("fe80::1", False), (None, False)],
)  # fmt: skip
def test_groups_and_broadcasts_are_known_by_their_address(address: str | None, is_group: bool) -> None:
    assert is_to_many(address) == is_group


@pytest.mark.parametrize(
    ("changes", "went_on"),
    [
        ({"n_packets_back": 4}, True),
        ({"n_packets_back": 4, "n_retransmissions": 1}, False),
        ({}, False),
        ({"protocol": "UDP", "n_packets_back": 4}, True),
        ({"protocol": "UDP", "n_packets_back": 3}, False),
    ],
)
def test_a_conversation_goes_on_where_nothing_had_to_be_sent_again(changes: dict[str, Any], went_on: bool) -> None:
    assert Hurt({**FLOW, **changes}, [], "").went_on == went_on


def test_answers_at_the_end_are_no_silence() -> None:
    there, back = {"src": "172.20.1.5", "sport": 49152}, {"src": "10.0.0.7", "sport": 80}
    assert Hurt(FLOW, [there, back, there, there], "").n_unanswered == 2
    assert Hurt(FLOW, [there, back], "").n_unanswered == 0


def test_the_other_side_of_a_nat_has_the_addresses_it_changed() -> None:
    translated = {**FLOW, "outside_src": "10.0.0.10", "outside_sport": 1025}
    assert outside_of(translated) == "10.0.0.10:1025 → 10.0.0.7:80"
    assert outside_of(FLOW) == ""


def test_ends_are_written_as_usual() -> None:
    ends = {"protocol": "UDP", "src": "fe80::1", "sport": 53, "dst": None, "dport": None}
    assert label_of(ends) == "UDP [fe80::1]:53 → ?"
