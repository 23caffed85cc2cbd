"""Names as Windows writes them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wnv.providers.facts import guid_of, mac_of, name_of, named_keys, nic_facts, nic_keys, split_nic_name

VM, ADAPTER = "5c2d5e1f-0000-4000-8000-000000000005", "5c2d5e1f-0000-4000-8000-000000000006"


def test_guids_in_any_form() -> None:
    forms = (f"{{{VM.upper()}}}", VM, "LAN", "", None, 7, "00000000-0000-0000-0000-000000000000")
    assert [guid_of(text) for text in forms] == [VM, VM, "", "", "", "", ""]


def test_mac_addresses_in_any_form() -> None:
    forms = ("00-15-5D-01-02-03", "00:15:5d:01:02:03", "00155D010203", "0x00155d010203")
    assert {mac_of(text) for text in forms} == {"00:15:5d:01:02:03"}
    assert [mac_of(text) for text in ("", "00-00-00-00-00-00", "none", None)] == ["", "", "", ""]


def test_the_nic_of_a_vm_has_the_names_of_both() -> None:
    name = f"{VM.upper()}--{ADAPTER.upper()}"
    assert split_nic_name(name) == (VM, ADAPTER)
    assert nic_keys(name) == (("name", name.lower()), ("guid", ADAPTER))
    assert [one.relation for one in nic_facts(name)] == ["owns", ""]


def test_names_that_are_none() -> None:
    assert (named_keys(""), nic_keys(""), list(nic_facts(""))) == ((), (), [])
    assert split_nic_name("a--b") == ("", "")
    assert len(name_of("x" * 1000)) == 256


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert (guid_of(text), mac_of(text), named_keys(text), nic_keys(text), list(nic_facts(text, text))) is not None
