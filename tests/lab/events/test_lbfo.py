from __future__ import annotations

from pathlib import Path

import pytest

from lab_recordings import decoded
from wnv_lab.events import lbfo

A, B = "86e2a814-8893-431d-a1dc-f44931d6b99a", "11e2a814-8893-431d-a1dc-f44931d6b99a"


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_every_event_decodes(tmp_path: Path, pointer_size: int) -> None:
    members = [lbfo.KIND_2, lbfo.KIND_3, lbfo.KIND_4, lbfo.KIND_5, lbfo.KIND_7, lbfo.KIND_9, lbfo.KIND_11]
    teams = [lbfo.KIND_8, lbfo.KIND_17, lbfo.KIND_20]
    memberships = [lbfo.KIND_13, lbfo.KIND_19]
    rows = decoded(tmp_path, [
        (lbfo.KIND_1, lbfo.replaced(old_member=A, new_member=B)),
        (lbfo.KIND_6, lbfo.primed(team_nic=0x8000, member=A, pointer_size=pointer_size)),
        *((kind, lbfo.member(member=A, status=5)) for kind in members),
        *((kind, lbfo.team(team_nic=0x8000, status=5, pointer_size=pointer_size)) for kind in teams),
        *((kind, lbfo.membership(team_nic=0x8000, member=A, pointer_size=pointer_size)) for kind in memberships),
    ], pointer_size=pointer_size)  # fmt: skip
    assert rows == [
        {"OldMember": A, "NewMember": B},
        {"TeamNic": 0x8000, "Member": A},
        *[{"Member": A, "Status": 5}] * 7,
        *[{"TeamNic": 0x8000, "Status": 5}] * 3,
        *[{"TeamNic": 0x8000, "Member": A, "Status": 0}] * 2,
    ]
