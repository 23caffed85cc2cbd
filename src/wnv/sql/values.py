"""Values in filter expressions: from what people write to what the tables hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias
from uuid import UUID

from wnv.errors import UsageError
from wnv.sql.expression import Literal, parse_integer
from wnv.sql.fields import Field, Type

_MAC_BYTES: Final = 6
_GROUPED_BYTES: Final = re.compile(r"[0-9a-fA-F]{1,2}(?:[:.\-][0-9a-fA-F]{1,2})*")
_PAIRED_BYTES: Final = re.compile(r"[0-9a-fA-F]{4}(?:[:.\-][0-9a-fA-F]{4})*|(?:[0-9a-fA-F]{2})+")
_SECOND_NS: Final = 1_000_000_000
_UNITS_NS: Final = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": _SECOND_NS, None: _SECOND_NS}
_DURATION: Final = re.compile(r"(-?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12}))(ns|us|µs|μs|ms|s)?")
_NUMBER: Final = re.compile(r"-?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})")
_TRUTH: Final = {"true": 1, "false": 0}

ParseTime: TypeAlias = Callable[[str], int]
"""A time as a person types it to ns UTC; raises `UsageError`."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses from `first` to `last`, as numbers; `text` if it is a single one, as tables have it."""

    version: int
    first: int
    last: int
    text: str | None


Value: TypeAlias = int | float | str | Addresses


def parse_value(field: Field, literal: Literal, parse_time: ParseTime) -> Value:
    """`literal` as a value of `field`. Raises `UsageError` if it is none."""
    text = literal.text
    match field.type:
        case Type.INTEGER | Type.FLAG:
            return _integer(field, literal)
        case Type.NUMBER:
            if _NUMBER.fullmatch(text):
                return float(text)
        case Type.DURATION:
            if found := _DURATION.fullmatch(text):
                return int(Decimal(found[1]) * _UNITS_NS[found[2]])
            raise UsageError(f"{text!r} is no duration", advice="Write seconds such as 0.5, or 500us, 2ms.")
        case Type.TIME:
            return parse_time(text)
        case Type.TEXT | Type.PROVIDER:
            return text
        case Type.GUID:
            return _guid(text)
        case Type.IPV4 | Type.IPV6:
            return _addresses(text, 4 if field.type is Type.IPV4 else 6)
        case Type.MAC:
            raw = parse_bytes(text)
            if raw is not None and len(raw) == _MAC_BYTES:
                return raw.hex(":")
        case Type.BYTES | Type.PROTOCOL:
            raise UsageError(f"{field.name} has no value that could be compared", advice=f"Write {field.name} alone.")
    raise UsageError(f"{text!r} is no {field.type}", advice=f"{field.name} is a {field.type}.")


def _integer(field: Field, literal: Literal) -> int:
    text = literal.text
    if field.type is Type.FLAG and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    for word, number in field.words:
        if word.lower() == text.lower():
            return number
    value = ord(text) if literal.is_character else None if literal.is_text else parse_integer(text)
    if value is None:
        known = ", ".join(word for word, _ in field.words)
        raise UsageError(f"{text!r} is no whole number", advice=f"Or one of: {known}." if known else "")
    if field.type is Type.FLAG:
        return int(value != 0)
    if value < 0 or (field.maximum is not None and value > field.maximum):
        raise UsageError(f"{text} is no value of {field.name}, which goes from 0 to {field.maximum}")
    return value


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise UsageError(f"{text!r} is no GUID") from None


def _addresses(text: str, version: int) -> Addresses:
    """An address, or all that share its first bits: `10.0.0.5`, `10.0.0.0/8`."""
    address, slash, length = text.partition("/")
    bits = 32 if version == 4 else 128
    other = UsageError(
        f"{text!r} is no IPv{version} address",
        advice=f"Write {'10.0.0.5 or 10.0.0.0/8' if version == 4 else 'fe80::1 or fe80::/10'}; "
        f"for IPv{10 - version} there {'is ipv6.addr' if version == 4 else 'is ip.addr'} and its kin.",
    )
    try:
        number = int(IPv4Address(address) if version == 4 else IPv6Address(address.partition("%")[0]))
    except ValueError:
        raise other from None
    if not slash:
        return Addresses(version, number, number, address_text(number, version))
    if not (length.isascii() and length.isdigit() and len(length) <= 3 and int(length) <= bits):
        raise other
    behind = (1 << (bits - int(length))) - 1
    first, last = number & ~behind, number | behind
    return Addresses(version, first, last, address_text(first, version) if first == last else None)


def address_text(number: int, version: int) -> str:
    """As the tables write it: RFC 5952, with an IPv4 address at the end of a mapped one."""
    if version == 4:
        return str(IPv4Address(number))
    address = IPv6Address(number)
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else address.compressed


def parse_bytes(text: str) -> bytes | None:
    """`00:15:5d`, `00-15-5d`, `00.15.5d`, `0015.5d01`, `00155d`; None if it is none of these."""
    if _GROUPED_BYTES.fullmatch(text):
        return bytes(int(part, 16) for part in re.split(r"[:.\-]", text))
    if _PAIRED_BYTES.fullmatch(text):
        return bytes.fromhex(re.sub(r"[:.\-]", "", text))
    return None
