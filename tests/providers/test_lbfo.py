"""Teams of LBFO, by both of its providers."""

from __future__ import annotations

from wnv.providers.facts import Change, Thing
from wnv.providers.lbfo import facts, platform_facts

MEMBER = "5c2d5e1f-0000-4000-8000-000000000001"


def test_a_member_is_placed_in_a_team_and_taken_out() -> None:
    for event_id, change in ((13, Change.BEGUN), (19, Change.ENDED)):
        _, member = facts(event_id, {"Member": MEMBER, "TeamNic": 0x1000, "Status": 0})
        assert (member.relation, member.change, member.target and member.target.keys) == (
            "member", change, (("address", 0x1000),),
        )  # fmt: skip


def test_a_member_that_was_refused_is_only_a_nic() -> None:
    assert [one.relation for one in facts(13, {"Member": MEMBER, "TeamNic": 0x1000, "Status": -1})] == [""]
    assert list(facts(13, {"TeamNic": 0x1000})) == []


def test_the_platform_names_team_team_nic_and_member() -> None:
    named = {"Team": "Team1", "TeamNic": f"\\DEVICE\\{{{MEMBER}}}"}
    team_nic, stands_for = platform_facts(36, named)
    assert team_nic.subject.keys == (("guid", MEMBER),)
    assert (stands_for.relation, stands_for.target and stands_for.target.thing) == ("stands_for", Thing.TEAM)
    assert [one.relation for one in platform_facts(27, {"TeamNic": "Team1", "Member": "NIC1"})] == ["", "member"]
    assert [one.change for one in platform_facts(35, {"Team": "Team1", "Member": "NIC1"})][-1] is Change.ENDED


def test_what_failed_says_nothing() -> None:
    assert list(platform_facts(34, {"Team": "Team1", "Member": "NIC1", "Status": 5})) == []
