"""Packets that were dropped: why, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from wnv.arrays import I64
from wnv.journeys import layout as c
from wnv.journeys.collect import (
    KIND_PKTMON,
    KIND_SWITCH,
    KIND_SWITCH_EVENT,
    KIND_TCPIP,
    KIND_VFP,
    KIND_WFP,
    KIND_WINNAT,
    VFP_EVENT_BITS,
    Texts,
)  # fmt: skip
from wnv.journeys.columns import addresses, as_lists, listed, port_numbers, texts_of
from wnv.journeys.places import Places
from wnv.journeys.protocols import protocol_name
from wnv.packets import headers
from wnv.providers import vfp, words
from wnv.providers.stages import Columns
from wnv.topology.model import Place, Topology

_SWITCH_EVENTS = {
    33: "vm_nic_not_ready", 36: "filtered", 45: "port_dropped", 59: "extension_dropped", 60: "extension_dropped",
    131: "filtered",
}  # fmt: skip
_ANY_BUILD = 0
_VFP_BUILD = 1
_FIRST_SLBMUX = 1301


class DropRows:
    """Drops that were seen lately, and their rows once no more will be said about them."""

    def __init__(self, places: Places, topology: Topology, texts: Texts, builds: Sequence[int]) -> None:
        """`builds`: Windows' build, by session; numbers of reasons depend on it."""
        self._places, self._topology, self._texts, self._builds = places, topology, texts, builds
        self._sights: I64 = np.zeros((c.N_SIGHT, 0), np.int64)
        self._out: I64 = np.zeros((c.N_OUT, 0), np.int64)
        self._vfp_rules: dict[tuple[int, int], int] = {}
        """Rule that decided for the first packet of a flow, by place and addresses: later packets inherit it."""
        self._more: dict[int, list[int]] = {}
        """Further evidence, by drop."""

    @property
    def rules(self) -> Sequence[str]:
        """Names of rules, by `layout.DROP_RULE`."""
        return self._texts.values

    def add(self, sights: I64, out: I64) -> None:
        """Take the drops among linked sightings."""
        rows = np.flatnonzero(out[c.O_DROP])
        if not len(rows):
            return
        is_same = (out[c.O_DROP, rows] & c.DROP_IS_SAME) != 0
        for row in rows[is_same].tolist():
            self._more.setdefault(int(out[c.O_DROP, row]) & ~c.DROP_IS_SAME, []).append(int(sights[c.ROW, row]))
            self._say_more(int(out[c.O_DROP, row]) & ~c.DROP_IS_SAME, sights[:, row])
        new = rows[~is_same]
        self._inherit_rules(sights, new)
        self._sights = np.concatenate([self._sights, sights[:, new]], axis=1)
        self._out = np.concatenate([self._out, out[:, new]], axis=1)

    def _inherit_rules(self, sights: I64, rows: I64) -> None:
        """VFP names a rule for a flow's first packet alone."""
        mine = rows[sights[c.DROP_KIND, rows] == KIND_VFP]
        if not len(mine):
            return
        key = np.stack([sights[c.PLACE, mine], sights[c.ADDRESSES, mine], sights[c.DROP_RULE, mine]], axis=1)
        distinct, inverse = np.unique(key, axis=0, return_inverse=True)
        found = np.empty(len(distinct), np.int64)
        for number, (place, addresses_hash, rule) in list(enumerate(distinct.tolist()))[
            ::-1
        ]:  # those with a rule first
            if rule >= 0:
                self._vfp_rules[place, addresses_hash] = rule
                found[number] = rule
            else:
                known = self._vfp_rules.get((place, addresses_hash), -1)
                found[number] = self._texts.number(f"{self._texts.values[known]} (flow cached)") if known >= 0 else -1
        sights[c.DROP_RULE, mine] = found[inverse.reshape(-1)]

    def _say_more(self, drop: int, sight: I64) -> None:
        """A second event about a drop may name the rule that the first did not."""
        place = np.flatnonzero(self._out[c.O_DROP] == drop)
        if len(place) and self._sights[c.DROP_RULE, place[0]] < 0 and sight[c.DROP_RULE] >= 0:
            self._sights[c.DROP_RULE, place[0]] = sight[c.DROP_RULE]

    def take(self, before_ts: int | None) -> Columns:
        """Rows of the drops before a time; None = all. Empty where there are none."""
        ts = self._sights[c.TS]
        mine = np.ones(len(ts), np.bool_) if before_ts is None else ts < before_ts
        if not mine.any():
            return {}
        sights, out = self._sights[:, mine], self._out[:, mine]
        self._sights, self._out = self._sights[:, ~mine], self._out[:, ~mine]
        is_tied = out[c.O_JOURNEY] > 0

        def either(column: int, of_journey: int) -> I64:
            chosen: I64 = np.where(is_tied, out[of_journey], sights[column])
            return chosen

        what, ports = either(c.WHAT, c.O_WHAT), either(c.PORTS, c.O_PORTS)
        version = np.where(what >= 0, what & 0xFF, 0)
        place = np.where(is_tied, out[c.O_PLACE], sights[c.PLACE])
        found = self.places_of(place, sights)
        reason = self.reasons(sights)
        drop_id = out[c.O_DROP]
        columns: Columns = {
            "drop_id": drop_id,
            "session_id": sights[c.SESSION],
            "ts_ns": sights[c.TS],
            "journey_id": np.where(is_tied, out[c.O_JOURNEY], -1),
            "protocol": texts_of(np.where(what >= 0, what >> 8, -1), protocol_name),
            "src": addresses(version, either(c.SRC_HIGH, c.O_SRC_HIGH), either(c.SRC_LOW, c.O_SRC_LOW)),
            "sport": port_numbers(ports, True),
            "dst": addresses(version, either(c.DST_HIGH, c.O_DST_HIGH), either(c.DST_LOW, c.O_DST_LOW)),
            "dport": port_numbers(ports, False),
            "point": listed(place, self._places.names),
            "nic": [one.nic or None for one in found],
            "vswitch": [one.vswitch or None for one in found],
            "port": [one.port or None for one in found],
            "drop_reason": reason,
            "drop_reason_code": self.codes(sights),
            "drop_location": self.locations(sights),
            "rule": listed(sights[c.DROP_RULE], self._texts.values),
            "frame_id": sights[c.FRAME_ID],
            "confidence": np.where(is_tied, out[c.O_CONFIDENCE] / 1000, 1.0),
            "reason": listed(np.where(is_tied, out[c.O_WHY], 0), c.WHY_WORDS),
            "advice": texts_of(reason.code.astype(np.int64), lambda code: advice(reason.values[code])),
            "evidence": as_lists([
                [row, *self._more.pop(drop, [])]
                for row, drop in zip(sights[c.ROW].tolist(), drop_id.tolist(), strict=True)
            ]),
        }  # fmt: skip
        return columns

    def places_of(self, place: I64, sights: I64) -> list[Place]:
        """What the topology says of places; drops are few."""
        return [self._places.known[number] if number >= 0 else Place() for number in place.tolist()]

    def reasons(self, sights: I64) -> headers.Texts:
        """Stable name of the reason of each drop."""
        return self.names(*(sights[column] for column in (c.DROP_KIND, c.DROP_CODE, c.DROP_LOCATION, c.SESSION)))

    def names(self, kind: I64, code: I64, location: I64, session: I64) -> headers.Texts:
        """Stable names of reasons, by whose number it is, the number, the location, event or word beside it, and the
        session, which tells the build."""
        key = np.stack([kind, code, location, builds_of(self._builds, session)], axis=1)
        distinct, inverse = np.unique(key, axis=0, return_inverse=True)
        names = [self.reason(*row) for row in distinct.tolist()]
        return listed(inverse.reshape(-1).astype(np.int64), names)

    def reason(self, kind: int, code: int, location: int, build: int) -> str:
        """Stable name of one reason."""
        said = ""
        if kind in (KIND_WFP, KIND_TCPIP) and 0 <= location < len(self._texts.values):
            said = self._texts.values[location]
        return reason_name(kind, code, location, said, build)

    def codes(self, sights: I64) -> I64:
        """The reason as Windows numbers it; -1 where no number is stated."""
        is_numbered = np.isin(sights[c.DROP_KIND], (KIND_PKTMON, KIND_SWITCH, KIND_WINNAT, KIND_VFP, KIND_TCPIP))
        return np.where(is_numbered, sights[c.DROP_CODE], -1)

    def locations(self, sights: I64) -> headers.Texts:
        """Where in Windows' code, as pktmon and VFP state it."""
        build = builds_of(self._builds, sights[c.SESSION])
        return location_names(sights[c.DROP_KIND], sights[c.DROP_LOCATION], build)


def builds_of(builds: Sequence[int], session: I64) -> I64:
    """The build of each session; 0, not known, of one that there is none for."""
    known = np.array([*builds, 0], np.int64)
    found: I64 = known[np.minimum(session, len(builds))]
    return found


def location_names(kind: I64, location: I64, build: I64) -> headers.Texts:
    """Windows' own symbols for drop locations of pktmon, by number and build; of VFP its number, for which no names are
    known. Null where none is stated."""
    is_pktmon, is_vfp = kind == KIND_PKTMON, kind == KIND_VFP
    number = np.where(is_vfp, location >> VFP_EVENT_BITS, np.where(is_pktmon, location, 0)) & 0xFFFFFFFF
    of_build = np.where(is_vfp, _VFP_BUILD, build)
    return texts_of(np.where(number > 0, of_build << 32 | number, -1), _location)


def _location(code: int) -> str | None:
    if code < 0:
        return None
    number, build = code & 0xFFFFFFFF, code >> 32
    return f"{number:#x}" if build == _VFP_BUILD else words.drop_location(number, build).name


def reason_name(kind: int, code: int, location: int, said: str, build: int) -> str:
    """Stable snake_case name of a reason, that of pktmon's list where Windows has the same reason there.

    `kind` says whose number `code` is, `location` which event where that matters; `said`: the provider's own word.
    """
    if kind == KIND_PKTMON:
        return words.drop_reason(code, build).slug
    if kind == KIND_SWITCH:
        return words.drop_reason(code, _ANY_BUILD).slug
    if kind == KIND_SWITCH_EVENT:
        return _SWITCH_EVENTS.get(code, f"vmswitch_{code}")
    if kind == KIND_WINNAT:
        # WinNat's reasons are those of SLBMUX, whose names pktmon has from 1301 on.
        return words.drop_reason(_FIRST_SLBMUX + code - 1, _ANY_BUILD).slug if code > 0 else "unknown"
    if kind == KIND_VFP:
        return "intercept" if location & ((1 << VFP_EVENT_BITS) - 1) in vfp.GUARD_IDS else "intercept_block"
    if kind == KIND_WFP:
        return said or "wfp_filter"
    return f"tcpip_{said}" if said else f"tcpip_reason_{code}"


@cache
def _advice() -> dict[str, str]:
    lines = (files("wnv") / "data" / "drop_advice.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: text.strip() for name, text in pairs}


def advice(reason: str) -> str | None:
    """What to do about a drop for this reason, in a line; None where nothing general can be said."""
    return _advice().get(reason)
