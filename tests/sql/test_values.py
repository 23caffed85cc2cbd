from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.errors import UsageError
from wnv.packets.headers import ipv6_texts
from wnv.sql.expression import Literal
from wnv.sql.fields import Field, Type, find_field
from wnv.sql.values import Addresses, Value, address_text, parse_bytes, parse_value


def value(name: str, text: str, *, is_text: bool = False, is_character: bool = False) -> Value:
    field = find_field(name)
    assert field is not None
    return parse_value(field, Literal(text, 0, len(text), is_text, is_character), len)


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("tcp.port", "80", 80), ("tcp.port", "0x50", 80), ("ip.proto", "tcp", 6), ("arp.opcode", "reply", 2),
        ("tcp.flags.syn", "TRUE", 1), ("tcp.flags.syn", "4", 1), ("tcp.flags.syn", "0", 0), ("confidence", "0.9", 0.9),
        ("latency", "1.5", 1_500_000_000), ("latency", "5us", 5000), ("latency", "2.5ms", 2_500_000),
        ("latency", "7ns", 7), ("latency", ".5s", 500_000_000), ("frame.time_epoch", "1700000000.123456789",
        1_700_000_000_123_456_789), ("frame.time", "12:00", 5), ("info", "a b", "a b"),
        ("event.activity", "{AAAAAAAA-0000-0000-0000-000000000001}", "aaaaaaaa-0000-0000-0000-000000000001"),
        ("eth.src", "00-15-5D-01-02-03", "00:15:5d:01:02:03"), ("eth.src", "0015.5d01.0203", "00:15:5d:01:02:03"),
        ("ip.src", "10.0.0.5", Addresses(4, 0x0A000005, 0x0A000005, "10.0.0.5")),
        ("ip.src", "10.9.9.9/8", Addresses(4, 0x0A000000, 0x0AFFFFFF, None)),
        ("ip.src", "10.0.0.5/32", Addresses(4, 0x0A000005, 0x0A000005, "10.0.0.5")),
        ("ipv6.src", "FE80:0::1%eth0", Addresses(6, 0xFE80 << 112 | 1, 0xFE80 << 112 | 1, "fe80::1")),
        ("ipv6.src", "::/0", Addresses(6, 0, (1 << 128) - 1, None)),
    ],
)  # fmt: skip
def test_values_are_what_the_tables_hold(field: str, text: str, expected: Value) -> None:
    assert value(field, text) == expected


def test_a_character_is_its_number() -> None:
    assert value("tcp.port", "P", is_text=True, is_character=True) == 80


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("tcp.port", "65536"), ("tcp.port", "-1"), ("tcp.port", "http"), ("ip.src", "10.0.0"),
        ("ip.src", "10.0.0.1/33"),
        ("ip.src", "10.0.0.1/"), ("ip.src", "10.0.0.1/+8"), ("ipv6.src", "10.0.0.1"), ("ipv6.src", "::1/129"),
        ("eth.src", "00:15:5d"), ("eth.src", "00:15:5d:01:02:0g"), ("latency", "5m"), ("latency", "1e99"),
        ("confidence", "nan"), ("event.activity", "x"), ("frame", "00"), ("tcp", "1"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(field: str, text: str) -> None:
    with pytest.raises(UsageError):
        value(field, text)


def test_text_is_no_number() -> None:
    with pytest.raises(UsageError):
        value("tcp.port", "80", is_text=True)


@pytest.mark.parametrize(
    ("text", "raw"),
    [("00:15:5d", "00155d"), ("0-1", "0001"), ("00155d", "00155d"), ("0015.5d01", "00155d01"), ("a", "0a"),
     ("", None), ("x", None), ("00::1", None), ("001", None)],
)  # fmt: skip
def test_bytes_are_written_in_several_ways(text: str, raw: str | None) -> None:
    found = parse_bytes(text)
    assert (None if found is None else found.hex()) == raw


@given(st.integers(0, (1 << 128) - 1) | st.integers(0xFFFF << 32, (0xFFFF << 32) + 999) | st.integers(0, 9))
def test_addresses_are_written_as_the_tables_write_them(number: int) -> None:
    high, low = (np.array([part], np.uint64) for part in (number >> 64, number & (1 << 64) - 1))
    assert address_text(number, 6) == ipv6_texts(high, low).tolist()[0]
    assert int(ip_address(address_text(number, 6))) == number


@given(st.sampled_from(sorted(Type)), st.text(max_size=30), st.booleans())
def test_any_text_is_a_value_or_refused(kind: Type, text: str, is_text: bool) -> None:
    def parse_time(typed: str) -> int:
        raise UsageError(typed)

    try:
        parse_value(Field("x", kind, "", (), 255), Literal(text, 0, 1, is_text), parse_time)
    except UsageError:
        return
    assert kind not in (Type.PROTOCOL, Type.BYTES, Type.TIME)
