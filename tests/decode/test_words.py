from __future__ import annotations

import pytest

from wnv.decode.description import ValueMap
from wnv.decode.words import (
    HRESULT_NAMES,
    NTSTATUS_NAMES,
    WIN32_NAMES,
    error_text,
    hresult_text,
    ipv6_text,
    map_text,
    ntstatus_text,
    socket_address_text,
    win32_text,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ntstatus_text(0xC0000236), "STATUS_CONNECTION_REFUSED (0xc0000236)"),
        (ntstatus_text(-1073741790), "STATUS_ACCESS_DENIED (0xc0000022)"),
        (ntstatus_text(0xC1234567), "0xc1234567"),
        (win32_text(0), "ERROR_SUCCESS (0)"),
        (win32_text(10054), "WSAECONNRESET (10054)"),
        (win32_text(9003), "DNS_ERROR_RCODE_NAME_ERROR (9003)"),
        (win32_text(4711), "4711"),
        (win32_text(0xC0000236), "STATUS_CONNECTION_REFUSED (0xc0000236)"),
        (hresult_text(0x80070005), "E_ACCESSDENIED (0x80070005)"),
        (hresult_text(0x800704C9), "ERROR_CONNECTION_REFUSED (0x800704c9)"),
        (hresult_text(0xD0000236), "STATUS_CONNECTION_REFUSED (0xd0000236)"),
        (hresult_text(0x803B0002), "HCN_E_ENDPOINT_NOT_FOUND (0x803b0002)"),
        (error_text(1225), "ERROR_CONNECTION_REFUSED (1225)"),
        (error_text(0xC000023C), "STATUS_NETWORK_UNREACHABLE (0xc000023c)"),
    ],
)
def test_errors_in_words(text: str, expected: str) -> None:
    assert text == expected


def test_the_common_errors_have_names_and_no_number_has_two() -> None:
    assert len(NTSTATUS_NAMES) + len(WIN32_NAMES) + len(HRESULT_NAMES) > 250
    for names in (NTSTATUS_NAMES, WIN32_NAMES, HRESULT_NAMES):
        assert len(set(names.values())) == len(names)


BITS = ValueMap("flags", {1: "A", 2: "B", 6: "B+C", 0: "none"}, is_bits=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "none"), (1, "A"), (3, "A|B"), (6, "B+C"), (7, "A|B|B+C"), (9, "A|0x8"), (-8, "-8")],
)
def test_bits_in_words(value: int, expected: str) -> None:
    assert map_text(value, BITS) == expected


def test_a_value_without_a_word_is_its_number() -> None:
    assert map_text(5, ValueMap("m", {1: "one"})) == "5"


def test_addresses_of_odd_sizes_are_shown_as_bytes() -> None:
    assert ipv6_text(bytes(3)) == "000000"
    assert socket_address_text(b"\2\0") == "0200"
    assert socket_address_text(b"\x17\0" + bytes(10)) == "17" + "00" * 11
    assert socket_address_text(b"") == ""
