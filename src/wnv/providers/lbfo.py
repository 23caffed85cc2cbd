"""Teams of NICs by LBFO: MsLbfo names members and teams by GUID and pointer, NdisImPlatform by text (their schemas).

LBFO has no virtual switch: the team is a NIC of its own above its members.
"""

from __future__ import annotations

from typing import Final

from wnv.providers.facts import Change, Fact, Facts, Fields, Key, Ref, Thing, guid_of, name_of

GUID: Final = "b72c6994-9fe0-45ad-83b3-8f5885f20e0e"
PLATFORM_GUID: Final = "11c5d8ad-756a-42c2-8087-eb1b4a72a846"
_PLACED, _REMOVED, _CREATED = 13, 19, 11
_IN_USE: Final = frozenset({2, 3, 5, 7, 9, 23, 24, 25, 29})
IDS: Final = frozenset({_PLACED, _REMOVED, _CREATED, *_IN_USE})
_BOUND, _UNBOUND = 27, 29
_TEAM_CREATED, _TEAM_REMOVED, _MEMBER_ADDED, _MEMBER_REMOVED, _NIC_ADDED, _NIC_REMOVED = 31, 33, 34, 35, 36, 37
PLATFORM_IDS: Final = frozenset({
    _BOUND, _UNBOUND, _TEAM_CREATED, _TEAM_REMOVED, _MEMBER_ADDED, _MEMBER_REMOVED, _NIC_ADDED, _NIC_REMOVED,
})  # fmt: skip


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event of MsLbfo says: a member's GUID, a team by the address of its NIC."""
    member = guid_of(fields.get("Member"))
    if not member:
        return
    nic = Ref(Thing.NIC, (("guid", member),))
    yield Fact(nic, {"kind": "physical_nic", "is_team_member": True})
    address = fields.get("TeamNic")
    if event_id in (_PLACED, _REMOVED) and isinstance(address, int) and not fields.get("Status"):
        team = Ref(Thing.TEAM, (("address", address),))
        change = Change.BEGUN if event_id == _PLACED else Change.ENDED
        yield Fact(nic, relation="member", target=team, change=change)


def platform_facts(event_id: int, fields: Fields) -> Facts:
    """What one event of NdisImPlatform says: team, team NIC and member by name or GUID."""
    if fields.get("Status"):
        return
    team, team_nic = _named(Thing.TEAM, fields.get("Team")), _named(Thing.NIC, fields.get("TeamNic"))
    member = _named(Thing.NIC, fields.get("Member"))
    if team and event_id in (_TEAM_CREATED, _TEAM_REMOVED):
        change = Change.BEGUN if event_id == _TEAM_CREATED else Change.ENDED
        yield Fact(team, {"friendly_name": name_of(fields.get("Team"))}, change=change)
    if team and member:
        # Event 35 says that a member was taken out of the team, whatever its text says.
        change = Change.ENDED if event_id == _MEMBER_REMOVED else Change.BEGUN
        yield Fact(member, {"kind": "physical_nic", "is_team_member": True})
        yield Fact(member, relation="member", target=team, change=change)
    if team and team_nic:
        change = Change.ENDED if event_id == _NIC_REMOVED else Change.BEGUN
        yield Fact(team_nic, {"kind": "team"}, change=change)
        yield Fact(team_nic, relation="stands_for", target=team, change=change)
    if team_nic and member:
        change = Change.BEGUN if event_id == _BOUND else Change.ENDED
        yield Fact(team_nic, {"kind": "team"})
        yield Fact(member, relation="member", target=team_nic, change=change)


def _named(thing: Thing, value: object) -> Ref | None:
    name = name_of(value)
    guid = guid_of(name.removeprefix("\\DEVICE\\").removeprefix("\\Device\\"))
    keys: tuple[Key, ...] = (("guid", guid),) if guid else (("alias", name.lower()),) if name else ()
    return Ref(thing, keys) if keys else None
