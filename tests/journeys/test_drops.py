"""Drops: tied to their packets, with a stable name, the rule, and what to do."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pytest

from stitched import rows_of, true_rows
from wnv.journeys.collect import (
    KIND_PKTMON,
    KIND_SWITCH,
    KIND_SWITCH_EVENT,
    KIND_TCPIP,
    KIND_VFP,
    KIND_WFP,
    KIND_WINNAT,
    VFP_EVENT_BITS,
)  # fmt: skip
from wnv.journeys.drops import advice, location_names, reason_name
from wnv.providers import words

_FAULTS = ["acl-drop", "dhcp-guard", "extended-acl-drop", "firewall-block", "mac-spoofing", "mtu-too-small",
           "nat-ports-exhausted", "nic-disabled", "no-port-mapping", "vfp-block", "vlan-mismatch"]  # fmt: skip


@pytest.mark.parametrize("name", ["acl-drop", "firewall-block", "nic-disabled", "no-port-mapping", "vfp-block"])
def test_every_drop_is_tied_to_the_packet_it_was(name: str) -> None:
    mine = rows_of(name, "drops")
    assert len(mine) == len(true_rows(name, "drops"))
    tuples = {
        row["journey_id"]: (row["src"], row["sport"], row["dst"], row["dport"]) for row in rows_of(name, "journeys")
    }
    assert all(row["journey_id"] in tuples for row in mine)
    assert {row["drop_reason"] for row in mine} == {row["drop_reason"] for row in true_rows(name, "drops")}


@pytest.mark.parametrize("name", ["acl-drop", "vfp-block", "extended-acl-drop"])
def test_the_rule_is_named(name: str) -> None:
    assert all(row["rule"] for row in rows_of(name, "drops"))


def test_later_packets_of_a_flow_inherit_the_rule() -> None:
    rules = [row["rule"] for row in rows_of("vfp-block", "drops")]
    assert len({rule.removesuffix(" (flow cached)") for rule in rules}) < len(rules)


def test_every_drop_has_its_evidence_and_its_time() -> None:
    for row in rows_of("acl-drop", "drops"):
        assert row["evidence"]
        assert row["ts_ns"] is not None


@pytest.mark.parametrize(
    ("kind", "code", "location", "said", "name"),
    [
        (KIND_SWITCH_EVENT, 36, 0, "", "filtered"), (KIND_SWITCH_EVENT, 9999, 0, "", "vmswitch_9999"),
        (KIND_VFP, 0xC0220005, 101, "", "intercept_block"), (KIND_VFP, 2, 55, "", "intercept"),
        (KIND_WFP, 0, 0, "inet_accept_inspection", "inet_accept_inspection"), (KIND_WFP, 0, 0, "", "wfp_filter"),
        (KIND_TCPIP, 7, 0, "no_route", "tcpip_no_route"), (KIND_TCPIP, 7, 0, "", "tcpip_reason_7"),
        (KIND_WINNAT, 0, 0, "", "unknown"),
    ],
)  # fmt: skip
def test_reasons_have_stable_names(kind: int, code: int, location: int, said: str, name: str) -> None:
    assert reason_name(kind, code, location, said, 26100) == name


@pytest.mark.parametrize("kind", [KIND_PKTMON, KIND_SWITCH, KIND_WINNAT])
def test_numbers_that_nobody_knows_have_names_too(kind: int) -> None:
    for code in (0, 1, 13, 250, 99_999):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", reason_name(kind, code, 0, "", 26100))


def test_a_switch_drops_for_the_reasons_of_pktmon() -> None:
    assert reason_name(KIND_SWITCH, 13, 0, "", 0) == words.drop_reason(13, 0).slug


def test_a_location_is_named_where_there_is_one() -> None:
    code = np.array([0, 0xE0003004, 0xE0003004])
    names = location_names(np.full(3, KIND_PKTMON), code, np.array([26100, 26100, 17763])).tolist()
    assert names[0] is None
    assert names[1]
    assert names[1] != names[2]  # of that build the numbers are not documented


def test_advice_is_a_line_for_a_reason_that_can_occur() -> None:
    lines = (files("wnv") / "data" / "drop_advice.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    assert len({name for name, _ in rows}) == len(rows)
    for name, text in rows:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert advice(name) == text.strip()
    assert advice("no such reason") is None


@pytest.mark.parametrize("name", _FAULTS)
def test_every_fault_of_the_lab_has_advice(name: str) -> None:
    assert all(advice(row["drop_reason"]) for row in true_rows(name, "drops"))


def test_a_location_of_vfp_is_the_number_that_its_event_states() -> None:
    stated, none = 105 | 0x1234 << VFP_EVENT_BITS, 105
    location = np.array([stated, none, 3])
    kind = np.array([KIND_VFP, KIND_VFP, KIND_WFP])
    assert location_names(kind, location, np.full(3, 26100)).tolist() == ["0x1234", None, None]
    assert reason_name(KIND_VFP, 1, stated, "", 26100) == reason_name(KIND_VFP, 1, none, "", 26100)
