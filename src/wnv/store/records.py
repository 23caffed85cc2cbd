"""Frozen values of ours as JSON, and back with every type checked: a trace folder may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from wnv.errors import WnvError

_T = TypeVar("_T")


def to_json(value: object) -> Any:  # Any: JSON
    """Dataclasses as objects, enumerations by value, bytes as hexadecimal digits, tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): to_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(one) for one in value]
    return value


def from_json(kind: type[_T], value: Any, place: str) -> _T:  # Any: JSON
    """The value of type `kind` that `to_json` was given. Raises `WnvError`, naming `place`, where it does not fit."""
    made: _T = _made(kind, value, place)
    return made


def parse_json(text: bytes, place: str) -> Any:  # Any: JSON
    """What a text in JSON says. Raises `WnvError`, naming `place`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WnvError(f"{place}: is not JSON", advice="Import the recording again.") from None


@cache
def _hints(kind: type) -> dict[str, Any]:  # Any: types
    return get_type_hints(kind)


def _made(kind: Any, value: Any, place: str) -> Any:  # Any: a type, and JSON
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _made_union(kind, value, place)
    if origin in (list, tuple):
        return _made_sequence(kind, value, place)
    if origin is dict:
        key_kind, value_kind = get_args(kind)
        items = _expect(dict, value, place).items()
        return {_made_key(key_kind, key, place): _made(value_kind, one, f"{place}.{key}") for key, one in items}
    if is_dataclass(kind):
        names = [one.name for one in fields(kind)]
        return _made_class(kind, dict.fromkeys(names), value, place)
    if is_typeddict(kind):
        return _made_class(kind, kind.__annotations__, value, place)
    if kind is bytes:
        return _made_bytes(value, place)
    if issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise _misfit(place) from None
    if kind is float and type(value) is int:
        return float(value)
    return _expect(kind, value, place)


def _made_class(kind: Any, names: Iterable[str], value: Any, place: str) -> Any:  # Any: a class, and JSON
    given, hints = _expect(dict, value, place), _hints(kind)
    if set(names) != given.keys():
        raise _misfit(place)
    return kind(**{name: _made(hints[name], given[name], f"{place}.{name}") for name in names})


def _made_union(kind: Any, value: Any, place: str) -> Any:  # Any: a type, and JSON
    for one in get_args(kind):
        if one is NoneType:
            if value is None:
                return None
            continue
        try:
            return _made(one, value, place)
        except WnvError:
            continue
    raise _misfit(place)


def _made_sequence(kind: Any, value: Any, place: str) -> Any:  # Any: a type, and JSON
    given, inner = _expect(list, value, place), get_args(kind)
    if get_origin(kind) is list:
        return [_made(inner[0], one, place) for one in given]
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_made(inner[0], one, place) for one in given)
    if len(inner) != len(given):
        raise _misfit(place)
    return tuple(_made(one_kind, one, place) for one_kind, one in zip(inner, given, strict=True))


def _made_key(kind: Any, key: str, place: str) -> Any:  # Any: a type
    if kind is not int:
        return key
    try:
        return int(key)
    except ValueError:
        raise _misfit(place) from None


def _made_bytes(value: Any, place: str) -> bytes:  # Any: JSON
    try:
        return bytes.fromhex(_expect(str, value, place))
    except ValueError:
        raise _misfit(place) from None


def _expect(kind: type[_T], value: Any, place: str) -> _T:  # Any: JSON
    if type(value) is not kind:
        raise _misfit(place)
    return value


def _misfit(place: str) -> WnvError:
    return WnvError(f"{place} is not what wnv writes there", advice="Import the recording again.")
