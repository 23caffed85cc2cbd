"""Microsoft-Windows-MsLbfoEventProvider: members of LBFO teams; no event tells of a packet but its failure.

Facts: the schema of Server 2022.
"""

from __future__ import annotations

from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import guid, pointer, u32

GUID: Final = guid("b72c6994-9fe0-45ad-83b3-8f5885f20e0e")

_FAILED: Final = 0x100_0000_0000 | 0x400_0000_0000

KIND_1: Final = EventKind(GUID, 1)
KIND_2: Final = EventKind(GUID, 2)
KIND_3: Final = EventKind(GUID, 3)
KIND_4: Final = EventKind(GUID, 4)
KIND_5: Final = EventKind(GUID, 5)
KIND_6: Final = EventKind(GUID, 6)
KIND_7: Final = EventKind(GUID, 7, level=3, keyword=_FAILED)
KIND_8: Final = EventKind(GUID, 8, level=3, keyword=_FAILED)
KIND_9: Final = EventKind(GUID, 9, level=3, keyword=_FAILED)
KIND_11: Final = EventKind(GUID, 11)
KIND_13: Final = EventKind(GUID, 13)
KIND_17: Final = EventKind(GUID, 17)
KIND_19: Final = EventKind(GUID, 19)
KIND_20: Final = EventKind(GUID, 20)


def replaced(*, old_member: str, new_member: str) -> bytes:
    """1: one member takes over from another."""
    return guid(old_member) + guid(new_member)


def member(*, member: str, status: int = 0) -> bytes:
    """2 left out of balancing, 3 in use, 4 and 5 its timer and end, 7 a send failed, 9 NBLs dropped, 11 created."""
    return guid(member) + u32(status)


def primed(*, team_nic: int, member: str, pointer_size: int = 8) -> bytes:
    """6: the physical switch is told of the team by a member."""
    return pointer(team_nic, pointer_size) + guid(member)


def team(*, team_nic: int, status: int = 0, pointer_size: int = 8) -> bytes:
    """8 a send failed on the team, 17 it starts, 20 it ends. `team_nic` is a kernel address."""
    return pointer(team_nic, pointer_size) + u32(status)


def membership(*, team_nic: int, member: str, status: int = 0, pointer_size: int = 8) -> bytes:
    """13 placed in a team, 19 taken out of it."""
    return pointer(team_nic, pointer_size) + guid(member) + u32(status)
