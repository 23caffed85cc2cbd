"""PktMon's numbers in words (pktmon.md).

The tables stand in data/drop_words.json, which tools/build_words.py makes; they are read at first use.
Numbers that wnv does not know give words too, so that a recording of a newer Windows stays readable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LAST_BUILD_OF_2018 = 17763
"""Up to this build drop reasons and packet types are numbered the old way (pktmon.md, "Drop reasons")."""


@dataclass(frozen=True, slots=True)
class DropReason:
    """Why a packet was dropped."""

    code: int
    """As recorded, whatever the build's numbering."""
    slug: str
    """Stable snake_case name, the same in every numbering; `reason_<code>` if unknown."""
    text: str


@dataclass(frozen=True, slots=True)
class DropLocation:
    """Where in Windows' code a packet was dropped."""

    code: int
    name: str
    """Windows' own symbol (`PMLOC_…`), or `location 0x…` if unknown."""
    component: str
    """The part of Windows: NDIS, virtual switch, NetVSC, TCP/IP, HTTP, VFP, …; empty if unknown."""
    text: str


@dataclass(frozen=True, slots=True)
class _Words:
    """The tables of drop_words.json, keyed by number."""

    plain: dict[str, dict[int, str]]
    reasons: dict[int, tuple[str, str]]
    """Slug and text by the later number."""
    reasons_of_2018: dict[int, int]
    """Later number by the number of 2018."""
    locations: dict[int, tuple[str, str]]
    """Symbol and text."""
    components: dict[int, str]
    """By the digit c of 0xE000cnnn."""


@cache
def _words() -> _Words:
    tables = json.loads((files("wnv") / "data" / "drop_words.json").read_text(encoding="utf-8"))
    by_number = {title: {int(code): value for code, value in table.items()} for title, table in tables.items()}
    return _Words(
        reasons={code: (slug, text) for code, (slug, text) in by_number.pop("drop_reason").items()},
        reasons_of_2018=by_number.pop("drop_reason_2018"),
        locations={code: (name, text) for code, (name, text) in by_number.pop("drop_location").items()},
        components=by_number.pop("drop_component"),
        plain=by_number,
    )


def _is_2018(build: int) -> bool:
    # A header without a build number (0) says nothing, and newer Windows is the likelier reading.
    return 0 < build <= LAST_BUILD_OF_2018


def component_type(n: int) -> str:
    """What kind of place a PktMon component is: `Miniport`, `Filter`, `Protocol`, …"""
    return _words().plain["component_type"].get(n, f"type {n}")


def property_type(n: int) -> str:
    """Name of a component's property: `IfIndex`, `PhysAddress`, …"""
    return _words().plain["property_type"].get(n, f"property {n}")


def direction(n: int) -> str:
    """Name of a direction tag: `Rx`, `Tx`, `Ingress`, …; `None` (the word) for 0."""
    return _words().plain["direction"].get(n, f"direction {n}")


def packet_type(n: int, build: int) -> str:
    """What the bytes of a packet start with: `Ethernet`, `WiFi`, `IP` (in 2018 `MBB`), …"""
    table = "packet_type_2018" if _is_2018(build) else "packet_type"
    return _words().plain[table].get(n, f"packet type {n}")


def ndis_medium(n: int) -> str:
    """Medium of an adapter: `Ethernet`, `WiFi` or `MBB`."""
    return _words().plain["ndis_medium"].get(n, f"medium {n}")


def drop_reason(code: int, build: int) -> DropReason:
    """The drop reason `code` of a recording made by Windows build `build` (0 if not known).

    A number that the list of 2018 lacks can only be of the later list, so it is read as such on every build.
    """
    words = _words()
    later = words.reasons_of_2018.get(code, code) if _is_2018(build) else code
    unknown = (f"reason_{code}", f"reason {code:#x} (unknown to wnv)")
    return DropReason(code, *words.reasons.get(later, unknown))


def drop_location(code: int, build: int) -> DropLocation:
    """The drop location `code` of a recording made by Windows build `build` (0 if not known).

    On builds of 2018 the number is of a form not documented, so it is shown as it is.
    """
    words = _words()
    bare = f"location {code:#010x}"
    if _is_2018(build) or code >> 16 != 0xE000:
        return DropLocation(code, bare, "", bare)
    component = words.components.get(code >> 12 & 0xF, "")
    name, text = words.locations.get(code, (bare, f"{component}: {bare}" if component else bare))
    return DropLocation(code, name, component, text)
