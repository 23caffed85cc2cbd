"""Which adapter is which NIC of a switch, told by packets: what one logs the other logs next.

Without an inventory and without a rundown, NDIS knows an adapter by its index and a switch knows it by its name, and
nothing else says that they are one. But the same frame is logged at the adapter and, microseconds before or behind, at
the port that it is connected to (windows-packet-paths.md, section 4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import I64
from wnv.packets.points import IN, NO_DIRECTION, OUT, Point
from wnv.providers.facts import Change, Fact, Thing
from wnv.providers.layers import nic_ref
from wnv.topology.things import Things

SIGHTINGS_MAX: Final = 200_000
"""Sightings at the start of a recording that are looked at: a handful a NIC would do."""
_NEXT_NS: Final = 500_000
_SHARE_MIN: Final = 0.8
_NO_PORT, _OWN_PORT, _UPLINK_PORT = range(3)
_PORTS: Final = {"internal": _OWN_PORT, "synthetic": _OWN_PORT, "emulated": _OWN_PORT, "external": _UPLINK_PORT}
SAME_FRAMES: Final = "the same frames pass here and there right behind each other"

Number = tuple[int, int]
"""Session, and an interface index or a point."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Pairs of points that the same frames passed one right behind the other."""

    ports: Mapping[Number, int]
    """By session and index of an adapter: the point that is the port of a switch which it is connected to."""
    members: frozenset[tuple[int, int, int]]
    """Session, and the indexes of an uplink and of an adapter that sends next what the uplink sent: a member of the
    team which the uplink stands for."""
    virtual: frozenset[Number]
    """Adapters that handed frames to another adapter of the host that received them: no wire lies between."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """Columns of the sightings of a recording's beginning, in order of time."""

    session_id: I64
    ts_ns: I64
    event_row: I64
    point: I64
    direction: I64
    frame: I64
    """Equal for frames that are equal."""


def passing(sightings: Sightings, points: Sequence[Point]) -> Passing:
    """What follows what. `points` are those of the recording."""
    adapter = np.array([_adapter(point) for point in points] or [-1], np.int64)
    kind = np.array([_port_kind(point) for point in points] or [_NO_PORT], np.int64)
    _, event, count = np.unique(sightings.event_row, return_inverse=True, return_counts=True)
    order = np.lexsort((sightings.event_row, sightings.ts_ns, sightings.frame, sightings.session_id))
    one, two = order[:-1], order[1:]
    is_pair = (
        (sightings.frame[one] == sightings.frame[two]) & (sightings.session_id[one] == sightings.session_id[two])
        & (sightings.ts_ns[two] - sightings.ts_ns[one] <= _NEXT_NS)
    )  # fmt: skip
    # A frame for several ports does not tell which adapter is behind which.
    is_pair &= (count[event.reshape(-1)[one]] == 1) & (count[event.reshape(-1)[two]] == 1)
    one, two = one[is_pair], two[is_pair]
    ports = _ports(sightings, one, two, adapter, kind)
    uplinks = {number for number, port in ports.items() if kind[port] == _UPLINK_PORT}
    return Passing(
        ports, _members(sightings, one, two, adapter, uplinks, ports), _without_wire(sightings, one, two, adapter)
    )  # fmt: skip


def _adapter(point: Point) -> int:
    """The interface index of the adapter whose frames a point sees; -1 if it is no adapter."""
    index = point.details.get("miniport_if_index")
    return index if point.key[0] == "ndiscap" and isinstance(index, int) else -1


def _port_kind(point: Point) -> int:
    """Whether a switch's port leads to a NIC of its own, or to the wire."""
    nic_type = str(point.details.get("nic_type", "")).lower()
    return _PORTS.get(nic_type, _NO_PORT) if point.key[0] == "ndiscap.port" else _NO_PORT


def _ports(sightings: Sightings, one: I64, two: I64, adapter: I64, kind: I64) -> dict[Number, int]:
    """Pairs of which each is by far the most frequent neighbour of the other, in one direction."""
    nic, port = np.concatenate([one, two]), np.concatenate([two, one])
    is_nic_first = np.arange(len(nic)) < len(one)
    way, other_way = sightings.direction[nic], sightings.direction[port]
    fits = (adapter[sightings.point[nic]] >= 0) & (kind[sightings.point[port]] != _NO_PORT)
    fits &= (way == other_way) | (way == NO_DIRECTION)
    # What the host sends by a NIC of its own enters the switch behind it; what the wire gets left the switch before.
    enters = np.where(kind[sightings.point[port]] == _OWN_PORT, OUT, IN)
    fits &= (other_way == NO_DIRECTION) | ((other_way == enters) == is_nic_first)
    nic, port = nic[fits], port[fits]
    rows = np.stack([sightings.session_id[nic], adapter[sightings.point[nic]], sightings.point[port]])
    pairs, n_pairs = np.unique(rows, axis=1, return_counts=True)
    of_adapter: Counter[Number] = Counter()
    of_port: Counter[Number] = Counter()
    for (session, index, other), n in zip(pairs.T.tolist(), n_pairs.tolist(), strict=True):
        of_adapter[session, index] += n
        of_port[session, other] += n
    return {
        (session, index): other
        for (session, index, other), n in zip(pairs.T.tolist(), n_pairs.tolist(), strict=True)
        if n >= _SHARE_MIN * max(of_adapter[session, index], of_port[session, other])
    }


def _members(
    sightings: Sightings, one: I64, two: I64, adapter: I64, uplinks: Collection[Number], tied: Collection[Number]
) -> frozenset[tuple[int, int, int]]:  # fmt: skip
    """Adapters below an uplink: they send what it sent, and receive what it receives next."""
    way = sightings.direction[one]
    fits = (way == sightings.direction[two]) & (way != NO_DIRECTION)
    upper = adapter[sightings.point[np.where(way == OUT, one, two)]]
    lower = adapter[sightings.point[np.where(way == OUT, two, one)]]
    fits &= (upper >= 0) & (lower >= 0) & (upper != lower)
    rows = np.stack([sightings.session_id[one], upper, lower])[:, fits]
    return frozenset(
        (session, over, under)
        for session, over, under in np.unique(rows, axis=1).T.tolist()
        if (session, over) in uplinks and (session, under) not in tied
    )


def _without_wire(sightings: Sightings, one: I64, two: I64, adapter: I64) -> frozenset[Number]:
    """Adapters of which one sent a frame that the other received at once."""
    from_, to = adapter[sightings.point[one]], adapter[sightings.point[two]]
    fits = (from_ >= 0) & (to >= 0) & (from_ != to)
    fits &= (sightings.direction[one] == OUT) & (sightings.direction[two] == IN)
    sessions = sightings.session_id[one][fits].tolist()
    return frozenset(
        pair for side in (from_, to) for pair in zip(sessions, side[fits].tolist(), strict=True)
    )  # fmt: skip


def tie_adapters(things: Things, passed: Passing) -> list[tuple[int, str]]:
    """Make adapters and NICs of switches one; numbers and reason of what was tied."""
    nics = {}
    for nic, port, fact in things.relations("connects"):
        if port >= 0 and fact.change is not Change.ENDED:
            nics[port] = nic
    found = []
    for (session, index), point in passed.ports.items():
        port = things.find(session, Thing.PORT, ("point", point))
        mine = things.find(session, Thing.NIC, ("if_index", index))
        other = nics.get(port, -1)
        if mine >= 0 and other >= 0 and things.root(mine) != things.root(other) and things.unite(mine, other):
            found.append((mine, SAME_FRAMES))
    for session, over, under in sorted(passed.members):
        team, member = nic_ref(over), nic_ref(under)
        things.add(Fact(team, {"kind": "team"}, session_id=session))
        things.add(
            Fact(member, relation="member", target=team, confidence=0.9, reason=SAME_FRAMES, session_id=session)
        )  # fmt: skip
    for session, index in sorted(passed.virtual):
        if things.find(session, Thing.NIC, ("if_index", index)) >= 0:
            things.add(Fact(nic_ref(index), {"hands_over": True}, session_id=session))
    return found
