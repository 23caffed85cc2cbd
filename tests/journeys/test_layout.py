"""The numbers of columns and the words beside them go together."""

from __future__ import annotations

from wnv.journeys import layout as c


def test_every_reason_and_every_event_has_its_word() -> None:
    assert len(c.WHY_WORDS) == c.WHY_MISREAD + 1
    assert len(c.EVENT_WORDS) == c.NOTED + 1
    assert all(c.WHY_WORDS[1:])


def test_flags_do_not_overlap() -> None:
    flags = (
        c.J_TRANSLATED, c.J_IS_DROPPED, c.J_WAS_DELIVERED, c.J_HAS_LEFT, c.J_IS_GROUP, c.J_HAS_GAP, c.J_MOVED_ON,
        c.J_IS_GFT, c.J_FANNED, c.J_IS_ALIKE, c.J_IS_LARGE, c.J_IS_CUT, c.J_IS_JOINED, c.J_PART_DROPPED,
        c.J_PART_MISSING, c.J_MAY_BE_PART,
    )  # fmt: skip
    assert len({flag.bit_length() for flag in flags if flag.bit_count() == 1}) == len(flags)
