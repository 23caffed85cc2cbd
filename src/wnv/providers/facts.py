"""What an event, or an inventory, states about the virtual network: the words in which all sources say it.

A fact names the thing it is about by keys, some of which other sources know too: a GUID, an interface index, a name.
What the facts of all sources add up to is the business of `wnv.topology`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from wnv.clock import NO_TIME
from wnv.providers.registry import NULL_GUID

Fields: TypeAlias = Mapping[str, Any]  # Any: values of any type, by the name of their field
"""The fields of one event."""


class Thing(StrEnum):
    """What a fact is about."""

    NIC = "nic"
    VSWITCH = "vswitch"
    PORT = "port"
    LAYER = "layer"
    COMPARTMENT = "compartment"
    CONTAINER = "container"
    VM = "vm"
    NETWORK = "network"
    NAT = "nat"
    TEAM = "team"
    """An LBFO team; the NIC that stands for it is a NIC of its own."""


class Change(StrEnum):
    """What happened to it, or to the relation, at the time of the fact."""

    SEEN = "seen"
    """Nothing: it is there."""
    BEGUN = "begun"
    ENDED = "ended"


Key: TypeAlias = tuple[str, str | int]
"""Kind of name (guid, name, if_index, component, id, …) and the name: two things of one sort that share one are one."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A thing, by all names that a source has for it."""

    thing: Thing
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement. `properties` are those of the subject; a relation goes from it to `target` (an `EdgeKind`)."""

    subject: Ref
    properties: Mapping[str, Any] = field(default_factory=dict)  # Any: values are JSON
    relation: str = ""
    target: Ref | None = None
    change: Change = Change.SEEN
    confidence: float = 1.0
    reason: str = ""
    ts_ns: int = NO_TIME
    """`NO_TIME`: as long as the recording knows."""
    event_row: int = -1
    """The event that says it; -1 where none does alone."""
    session_id: int = 0
    source: str = "recording"
    """recording or inventory."""


Facts: TypeAlias = Iterator[Fact]

_GUID: Final = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_VM_SEPARATOR: Final = "--"
_MAC: Final = re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2}[:\- ]?){5}[0-9a-fA-F]{2}")
NAME_LENGTH_MAX: Final = 256
"""Characters of a name that are kept; what is longer is no name."""


def guid_of(text: object) -> str:
    """The GUID that a text is, lower case and without braces; empty if it is none, or all zeros."""
    found = _GUID.fullmatch(text.strip()) if isinstance(text, str) else None
    guid = found[1].lower() if found else ""
    return "" if guid == NULL_GUID else guid


def mac_of(value: object) -> str:
    """A MAC address, as text in any of Windows' forms or as hex, as `00:15:5d:01:02:03`; empty if it is none."""
    if not isinstance(value, str) or not _MAC.fullmatch(value.strip()):
        return ""
    digits = re.sub(r"[:\- ]", "", value.strip().removeprefix("0x")).lower()
    return "" if digits == "000000000000" else ":".join(digits[k : k + 2] for k in range(0, 12, 2))


def name_of(value: object) -> str:
    """A name as it is, but not longer than a name can be."""
    return value[:NAME_LENGTH_MAX] if isinstance(value, str) else ""


def named_keys(name: str) -> tuple[Key, ...]:
    """Keys of a thing that an event names by a GUID or by other text; none if it does not name it."""
    guid = guid_of(name)
    if guid:
        return (("guid", guid),)
    return (("name", name.lower()),) if name and name.strip("{}") != NULL_GUID else ()


def split_nic_name(name: str) -> tuple[str, str]:
    """GUIDs of VM and adapter out of `<VM GUID>--<adapter GUID>` (vmswitch.md, Strings); empty where it is another."""
    left, separator, right = name.partition(_VM_SEPARATOR)
    return (guid_of(left), guid_of(right)) if separator and guid_of(left) and guid_of(right) else ("", guid_of(name))


def nic_keys(name: str) -> tuple[Key, ...]:
    """Keys of a NIC by the name that a vSwitch has for it; none where it has none."""
    _, adapter = split_nic_name(name)
    keys: tuple[Key, ...] = (("name", name.strip("{}").lower()),) if name else ()
    return (*keys, ("guid", adapter)) if adapter else keys


def nic_facts(name: str, friendly_name: str = "", **properties: Any) -> Facts:
    """What the name of a NIC on a vSwitch says: which adapter, and whose."""
    keys = nic_keys(name)
    if not keys:
        return
    nic = Ref(Thing.NIC, keys)
    vm, _ = split_nic_name(name)
    said = {"nic_name": name, **properties}
    if friendly_name:
        said["friendly_name"] = friendly_name
    if vm:
        said["kind"] = "vm_nic"
        yield Fact(Ref(Thing.VM, (("guid", vm),)), relation="owns", target=nic)
    yield Fact(nic, said)
