from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv_lab.errors import LabError
from wnv_lab.events.fields import Named, Socket, counted, counted_pair, guid, ip_u32, mac, sid, sockaddr, wstr


def test_a_guid_is_stored_with_its_first_three_numbers_little_endian() -> None:
    assert guid("00112233-4455-6677-8899-aabbccddeeff").hex() == "33221100554477668899aabbccddeeff"


def test_an_ipv4_address_is_a_sockaddr_in_with_port_in_network_order() -> None:
    assert sockaddr(Socket("10.0.0.5", 80)).hex() == "02000050" + "0a000005" + "00" * 8


def test_an_ipv6_address_is_a_sockaddr_in6() -> None:
    wanted = "17000035" + "00000000" + "fe80" + "00" * 13 + "01" + "07000000"
    assert sockaddr(Socket("fe80::1", 53), scope=7).hex() == wanted


def test_a_counted_string_counts_utf16_units_and_has_no_nul() -> None:
    assert counted("WSL").hex() == "03000000" + "570053004c00"
    assert counted("") == bytes(4)
    assert counted_pair(Named("a", "\N{GRINNING FACE}")).hex() == "010000006100" + "02000000" + "3dd800de"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_wide_string_ends_with_one_nul(text: str) -> None:
    assert wstr(text).decode("utf-16-le") == text + "\0"


def test_a_mac_address_comes_as_text_or_bytes() -> None:
    assert mac("00-15-5D-01-02-03") == mac("00:15:5d:01:02:03") == mac(bytes.fromhex("00155d010203"))


def test_a_mac_address_of_another_length_is_refused() -> None:
    with pytest.raises(LabError, match="4 bytes, expected 6"):
        mac("00-15-5D-01")


def test_a_field_for_an_ipv4_address_takes_no_other() -> None:
    assert ip_u32("10.0.0.5").hex() == "0a000005"
    with pytest.raises(LabError, match="fd00::5 is not an IPv4 address"):
        ip_u32("fd00::5")


def test_a_sid_has_a_big_endian_authority() -> None:
    assert sid(18).hex() == "01" + "01" + "000000000005" + "12000000"
