from __future__ import annotations

import pytest

from wnv.providers import words
from wnv_lab.events.drop_reasons import DropLocation, DropReason


@pytest.mark.parametrize("reason", DropReason, ids=lambda reason: reason.name)
def test_a_reason_is_named_as_in_the_list(reason: DropReason) -> None:
    assert words.drop_reason(reason, 26100).slug == reason.name.lower()


@pytest.mark.parametrize("location", DropLocation, ids=lambda location: location.name)
def test_a_location_is_named_as_in_the_list(location: DropLocation) -> None:
    assert words.drop_location(location, 26100).name == f"PMLOC_{location.name}"
