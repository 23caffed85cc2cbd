"""Event providers by GUID: what they are called, and what they are good for.

A GUID is lower-case text without braces everywhere in wnv. The table stands in data/providers.json, grouped
by kind, and is read at first use; the classic kernel groups stand here, since their order is their number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files

from wnv.errors import UsageError


class ProviderKind(StrEnum):
    """What a provider's events are good for."""

    PACKETS = "packets"
    """Frames that wnv reads. Pef-WFP and VfpExt carry bytes too, which it does not read: `network`."""
    NETWORK = "network"
    """Tells of networking: switch, NAT, filter, stack, name resolution, HTTP, …"""
    WPP = "wpp"
    """Control GUID of WPP messages: they need Microsoft's TMF files and stay raw (etl-format.md §9.6)."""
    KERNEL = "kernel"
    """Group of the classic kernel logger (etl-format.md §7.7)."""
    METADATA = "metadata"
    """Written by ETW itself, by merging or by relogging: about the recording, not the machine's doings."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Provider:
    """One known provider. Several may share a name: a manifest's and a WPP one, say."""

    guid: str
    name: str
    kind: ProviderKind


NULL_GUID = "00000000-0000-0000-0000-000000000000"

KERNEL_GROUPS = (
    ("EventTrace", "68fdd900-4a3e-11d1-84f4-0000f80464e3"),
    ("DiskIo", "3d6fa8d4-fe05-11d0-9dda-00c04fd7ba7c"),
    ("PageFault", "3d6fa8d3-fe05-11d0-9dda-00c04fd7ba7c"),
    ("Process", "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"),
    ("FileIo", "90cbdc39-4a3e-11d1-84f4-0000f80464e3"),
    ("Thread", "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c"),
    ("TcpIp", "9a280ac0-c8e0-11d1-84e2-00c04fb998a2"),
    ("Job", "3282fc76-feed-498e-8aa7-e70f459d430e"),
    ("UdpIp", "bf3a50c5-a9c9-4988-a005-2df0b7c80f80"),
    ("Registry", "ae53722e-c863-11d2-8659-00c04fa321a1"),
    ("DbgPrint", "13976d09-a327-438c-950b-7f03192815c7"),
    ("Config", "01853a65-418f-4f36-aefc-dc0f1d2fd235"),
    ("Spare1", "99134383-5248-43fc-834b-529454e75df3"),
    ("Wnf", "42695762-ea50-497a-9068-5cbbb35e0b95"),
    ("Pool", "0268a8b6-74fd-4302-9dd0-6e8f1795c0cf"),
    ("PerfInfo", "ce1dbfb4-137e-4da6-87b0-3f59aa102cbc"),
    ("Heap", "222962ab-6180-4b88-a825-346b75f2a24a"),
    ("Object", "89497f50-effe-4440-8cf2-ce6b1cdcaca7"),
    ("Power", "e43445e0-0903-48c3-b878-ff0fccebdd04"),
    ("ModBound", "a9152f00-3f58-4bee-92a1-70c7d079d5dd"),
    ("ImageLoad", "2cb15d1d-5fc1-11d2-abe1-00a0c911f518"),
    ("Dpc", "b2d14872-7c5b-463d-8419-ee9bf7d23e04"),
    ("Cc", "7687a439-f752-45b8-b741-321aec0f8df9"),
    ("CritSec", "3ac66736-cc59-4cff-8115-8df50e39816b"),
    ("StackWalk", "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3"),
    ("Ums", "9aec974b-5b8e-4118-9b92-3186d8002ce5"),
    ("Alpc", "45d8cccd-539f-4b72-a8b7-5c683142609a"),
    ("SplitIo", "d837ca92-12b9-44a5-ad6a-3a65b3578aa8"),
    ("ThreadPool", "c861d0e2-a2c1-4d36-9f9c-970bab943a12"),
    ("Hypervisor", "7f2a405c-69b5-4bf9-a1f5-30e8f1afab5e"),
    ("HypervisorX", "2ce9a149-effe-42f0-a635-a1d39e26c8f2"),
)
"""Name and GUID of the kernel groups; the index is the high byte of a hook id (etl-format.md §7.7)."""

EVENT_TRACE_GROUP = 0x00
IMAGE_LOAD_GROUP = 0x14
IMAGE_LOAD_HOOK = 0x030A
"""Stands in the process group, and Windows reports it under ImageLoad."""

SESSION_HOOKS = {
    0x0000: "header",
    0x0005: "header extension",
    0x0008: "rundown complete",
    0x0020: "group masks end",
    0x0030: "rundown begin",
    0x0031: "rundown end",
    0x0040: "debug id RSDS",
    0x0041: "debug id NB10",
    0x0042: "build lab",
    0x0043: "binary path",
    0x0050: "partition information",
}
"""Hook ids of the first group, which speak of the session itself (etl-format.md §5.3)."""

USUAL_PREFIX = "microsoft-windows-"
"""May be left out when a person names a provider."""

_GUID = re.compile(r"\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?")


def _all_providers() -> Iterator[Provider]:
    for group, (name, guid) in enumerate(KERNEL_GROUPS):
        kind = ProviderKind.METADATA if group == EVENT_TRACE_GROUP else ProviderKind.KERNEL
        yield Provider(guid, name, kind)
    tables = json.loads((files("wnv") / "data" / "providers.json").read_text(encoding="utf-8"))
    for title, names in tables.items():
        for guid, name in names.items():
            yield Provider(guid, name, ProviderKind(title))


@cache
def _by_guid() -> dict[str, Provider]:
    return {known.guid: known for known in _all_providers()}


@cache
def _by_name() -> dict[str, list[str]]:
    """GUIDs by lower-case name, with and without the usual prefix."""
    found: dict[str, list[str]] = {}
    for known in _by_guid().values():
        name = known.name.lower()
        for written in sorted({name, name.removeprefix(USUAL_PREFIX)}):
            found.setdefault(written, []).append(known.guid)
    return found


def provider(guid: str) -> Provider | None:
    """The provider of a GUID (lower-case, without braces), or None if wnv does not know it."""
    return _by_guid().get(guid)


def find(name_or_guid: str) -> list[str]:
    """GUIDs that a person means by a provider's name or GUID.

    Names are compared without regard to case, and "Microsoft-Windows-" may be left out; every provider of
    that name counts. A GUID, with or without braces, is taken as it is, known or not.
    """
    typed = name_or_guid.strip().lower()
    if guid := _GUID.fullmatch(typed):
        return [guid[1]]
    names = _by_name()
    if typed not in names:
        near = [_by_guid()[names[name][0]].name for name in get_close_matches(typed, names, n=5)]
        told = ", ".join(dict.fromkeys(near))
        raise UsageError(
            f"no provider is known by the name '{name_or_guid.strip()}'",
            advice=f"Similar names: {told}." if told else "Give its GUID.",
        )
    return list(names[typed])


def hook_provider(hook_id: int) -> str:
    """GUID that Windows reports for a kernel event; null for groups beyond the table."""
    group = IMAGE_LOAD_GROUP if hook_id == IMAGE_LOAD_HOOK else hook_id >> 8
    return KERNEL_GROUPS[group][1] if 0 <= group < len(KERNEL_GROUPS) else NULL_GUID


def hook_name(hook_id: int) -> str:
    """What a kernel event is called: `rundown begin`, `Process 0x01`; `hook 0x1f05` if the group is unknown.

    The number behind a group's name is the event's opcode.
    """
    if hook_id in SESSION_HOOKS:
        return SESSION_HOOKS[hook_id]
    guid = hook_provider(hook_id)
    known = provider(guid)
    return f"{known.name} {hook_id & 0xFF:#04x}" if known else f"hook {hook_id:#06x}"
