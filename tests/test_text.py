from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.text import csv_cell, end_text, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("vEthernet (nat)", "vEthernet (nat)"),
        (r"C:\VMs\web", r"C:\VMs\web"),
        ("Büro – 東京 😀", "Büro – 東京 😀"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\r\nlines\t", r"two\x0d\x0alines\x09"),
        ("\x00\x7f\x85\x9b", r"\x00\x7f\x85\x9b"),
        ("invoice\u202egnp.exe", r"invoice\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("a\u2028b\u2066c", r"a\u2028b\u2066c"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("half a pair \ud800", r"half a pair \ud800"),
    ],
)
def test_what_is_not_drawn_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_every_control_format_separator_and_surrogate_character_is_written_out() -> None:
    left = [
        f"{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and visible(chr(code)) == chr(code)
    ]
    assert left == []


def test_no_letter_digit_or_sign_is_written_out_unless_it_is_invisible() -> None:
    escaped = {
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code))[0] in "LNPS" and visible(chr(code)) != chr(code)
    }
    assert escaped == {0x115F, 0x1160, 0x3164, 0xFFA0}  # the Hangul fillers


@given(st.text(st.characters()))
def test_twice_is_the_same_as_once_and_fits_utf8(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("", ""),
        ("web-1", "web-1"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1+1", r"\x09=1+1"),
        ("\r=1+1", r"\x0d=1+1"),
        ("\u200b=1+1", r"\u200b=1+1"),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@pytest.mark.parametrize(
    ("address", "port", "text"),
    [("10.0.0.5", 80, "10.0.0.5:80"), ("fe80::1", 80, "[fe80::1]:80"), ("10.0.0.5", None, "10.0.0.5"), (None, 80, "")],
)  # fmt: skip
def test_an_end(address: str | None, port: int | None, text: str) -> None:
    assert end_text(address, port) == text
