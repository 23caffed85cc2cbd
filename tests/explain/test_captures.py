"""What to record next: commands that the host has."""

from __future__ import annotations

import pytest

from wnv.explain.captures import CAPTURES, PKTMON_BUILD, commands_for


@pytest.mark.parametrize("name", CAPTURES)
def test_a_host_without_pktmon_is_not_told_to_use_it(name: str) -> None:
    assert not any("pktmon start" in line for line in commands_for(name, 14393))
    assert commands_for(name, PKTMON_BUILD) == CAPTURES[name].commands


def test_netsh_stands_in_for_it() -> None:
    assert commands_for("all", 9600)[0].startswith("netsh trace start capture=yes")
