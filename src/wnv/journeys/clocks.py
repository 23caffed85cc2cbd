"""How far the clocks of hosts are apart, from packets that one saw leaving and another saw coming.

A packet cannot come before it was sent. Of those from host A to host B the one with the least difference of times
bounds how far B's clock is ahead from above, of those from B to A it does so from below, as in NTP: the truth lies
between, the middle is the estimate, half the distance its error. Clocks also run at different speeds: where a constant
difference contradicts the packets, a line is fitted between the two bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import BOOL, F64, I64
from wnv.clock import NO_TIME
from wnv.packets.points import IN, OUT
from wnv.providers.stages import Columns
from wnv.schema import CLOCKS

SIGHTINGS_MAX: Final = 1 << 20
"""So many are compared; of more, those of some packets, chosen alike on all hosts."""
_SPAN_NS: Final = 1 << 60
"""Times further than this (36 years) from the first of their host are damage."""
_OFFSET_MAX_NS: Final = 1 << 61
_RATE_MAX: Final = 1e-3
_WINDOWS: Final = 256
_OUTLIERS_MAX: Final = 32
_OUTLIER_SHARE: Final = 0.02
_FEW: Final = 3
"""Fewer packets in a direction bound little."""
_FITTED_WINDOWS: Final = 8
_SETTLED_MAX: Final = 256
"""Of more hosts only the pairs that were estimated agree with each other."""
_UNKNOWN = float("inf")


@dataclass(frozen=True, slots=True)
class Seen:
    """Sightings of packets at the edges of hosts: columns of equal length, in order of time of each host."""

    host: I64
    identity: I64
    """Equal for what no wire and no router changes; 0 = the packet cannot be told from others."""
    payload: I64
    """A hash of the payload; -1 = not known."""
    stations: I64
    """A hash of both MAC addresses, which routers change."""
    ts_ns: I64
    place: I64
    direction: I64
    """`points.IN`, `OUT`."""

    def __len__(self) -> int:
        return len(self.host)

    def take(self, rows: I64 | BOOL) -> Seen:
        return Seen(
            self.host[rows], self.identity[rows], self.payload[rows], self.stations[rows], self.ts_ns[rows],
            self.place[rows], self.direction[rows],
        )  # fmt: skip

    @classmethod
    def concatenate(cls, parts: Sequence[Seen]) -> Seen:
        none = np.zeros(0, np.int64)
        if not parts:
            return cls(none, none, none, none, none, none, none)
        names = cls.__slots__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True)
class Crossings:
    """Packets that one host sent and another got: columns of equal length. Times by each one's own clock."""

    sender: I64
    receiver: I64
    sent_ns: I64
    received_ns: I64

    def __len__(self) -> int:
        return len(self.sender)

    def take(self, rows: I64 | BOOL) -> Crossings:
        return Crossings(self.sender[rows], self.receiver[rows], self.sent_ns[rows], self.received_ns[rows])


@dataclass(frozen=True, slots=True)
class HostClock:
    """A host's clock, against that of the first host."""

    offset_ns: int = 0
    """How far it is ahead at `at_ns`."""
    rate: float = 0.0
    """By how much that grows each ns of its own."""
    at_ns: int = 0
    """A time by its own clock."""
    error_ns: int | None = 0
    """The offset is right to within; None = nothing bounds it."""
    n_sent: int = 0
    """Packets that it sent and another host got."""
    n_received: int = 0
    """Packets that it got from another host."""
    confidence: float = 1.0
    """0 = its offset is not known."""
    reason: str = ""

    @property
    def is_known(self) -> bool:
        return self.confidence > 0

    @property
    def is_first(self) -> bool:
        """Whether its times are those of the first host's clock already."""
        return not self.offset_ns and not self.rate

    def corrected(self, ts_ns: I64) -> I64:
        """Times by the first host's clock; those that no number can hold are `NO_TIME`."""
        if self.is_first:
            return ts_ns
        as_float = ts_ns.astype(np.float64) - float(self.offset_ns)
        drift = np.zeros(len(ts_ns), np.int64)
        if self.rate:
            drift = np.rint((ts_ns.astype(np.float64) - float(self.at_ns)) * self.rate).astype(np.int64)
        is_held = (ts_ns != NO_TIME) & (np.abs(as_float) < float(1 << 62) * 1.9)
        return np.where(is_held, ts_ns - self.offset_ns - drift, NO_TIME)


NO_CLOCK: Final = HostClock(error_ns=None, confidence=0.0, reason="no packet was seen by this host and another one")


def clock_columns(clocks: Sequence[HostClock], host_of_session: Sequence[int], names: Sequence[str]) -> Columns:
    """Rows of `schema.CLOCKS`, one a recording. `names`: of each host."""
    mine = [clocks[host] for host in host_of_session]
    columns: dict[str, list[object]] = {
        "session_id": list(range(len(mine))),
        "host": [names[host] or None for host in host_of_session],
        "offset_ns": [one.offset_ns if one.is_known else None for one in mine],
        "rate_ppm": [one.rate * 1e6 if one.rate else None for one in mine],
        "at_ns": [one.at_ns if one.rate else None for one in mine],
        "error_ns": [one.error_ns for one in mine],
        "n_sent": [one.n_sent for one in mine],
        "n_received": [one.n_received for one in mine],
        "confidence": [one.confidence for one in mine],
        "reason": [one.reason or None for one in mine],
    }
    return {name: columns[name] for name in CLOCKS.names}


# --- the same packets -----------------------------------------------------------------------------------


def find_crossings(seen: Seen) -> Crossings:
    """Packets that one host alone sent, and others got.

    What is seen twice at one place is two packets alike, of which none can say which is which: left out. Of one packet
    the last sighting before the wire counts, and the first behind it.
    """
    seen = seen.take((seen.identity != 0) & (seen.ts_ns != NO_TIME) & np.isin(seen.direction, (IN, OUT)))
    if not len(seen):
        none = np.zeros(0, np.int64)
        return Crossings(none, none, none, none)
    order = np.lexsort((seen.place, seen.direction, seen.host, seen.identity))
    seen = seen.take(order)
    is_next = np.ones(len(seen), np.bool_)  # of one packet, host and direction, the first row
    is_next[1:] = (
        (seen.identity[1:] != seen.identity[:-1])
        | (seen.host[1:] != seen.host[:-1])
        | (seen.direction[1:] != seen.direction[:-1])
    )
    is_again = np.zeros(len(seen), np.bool_)
    is_again[1:] = ~is_next[1:] & (seen.place[1:] == seen.place[:-1])
    starts = np.flatnonzero(is_next)
    is_double = np.logical_or.reduceat(is_again, starts)
    earliest = np.minimum.reduceat(seen.ts_ns, starts)
    latest = np.maximum.reduceat(seen.ts_ns, starts)
    found = seen.take(starts)
    found = Seen(
        found.host, found.identity, found.payload, found.stations, np.where(found.direction == OUT, latest, earliest),
        found.place, found.direction,
    ).take(~is_double)  # fmt: skip
    out = np.flatnonzero(found.direction == OUT)
    into = np.flatnonzero(found.direction == IN)
    # Each one that got it, with each one that sent it: mostly one, more where a host on the way forwards.
    first = np.searchsorted(found.identity[out], found.identity[into], "left")
    last = np.searchsorted(found.identity[out], found.identity[into], "right")
    n_senders = last - first
    receiver = np.repeat(into, n_senders)
    place = np.arange(len(receiver)) - np.repeat(np.cumsum(n_senders) - n_senders, n_senders)
    sender = out[np.repeat(first, n_senders) + place] if len(receiver) else receiver
    is_alone = np.repeat(n_senders == 1, n_senders)
    fits = found.host[sender] != found.host[receiver]
    fits &= is_alone | (found.stations[sender] == found.stations[receiver])
    payloads = found.payload[sender], found.payload[receiver]
    fits &= (payloads[0] == payloads[1]) | (payloads[0] < 0) | (payloads[1] < 0)
    sender, receiver = sender[fits], receiver[fits]
    return Crossings(found.host[sender], found.host[receiver], found.ts_ns[sender], found.ts_ns[receiver])


# --- two clocks -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Pair:
    """How far clock `b` is ahead of clock `a`: `offset` at the time `at` of `a`, and `rate` a ns of `a`."""

    offset: int
    rate: float
    at: int
    error: float
    """`_UNKNOWN` where packets went one way only."""
    n_there: int
    n_back: int
    is_uneven: bool = False
    """The packets contradict each other: no line fits."""


def _fit(base_a: int, base_b: int, there: tuple[I64, I64], back: tuple[I64, I64]) -> _Pair:
    """`there`: of packets from a to b, times by a and by b, each less its base; `back`: of those from b to a, alike."""
    at_there, upper = there[0], there[1] - there[0]  # b - a is at most this
    at_back, lower = back[0], back[1] - back[0]  # and at least this
    n_there, n_back = len(upper), len(lower)
    shift = base_b - base_a
    if not n_there or not n_back:
        bound = int(upper.min()) if n_there else int(lower.max())
        return _Pair(shift + bound, 0.0, base_a, _UNKNOWN, n_there, n_back)
    begin = min(int(at_there.min()), int(at_back.min()))
    end = max(int(at_there.max()), int(at_back.max()))
    middle = (begin + end) // 2
    t_up, t_low = (at_there - middle).astype(np.float64), (at_back - middle).astype(np.float64)
    # Differences can be large and their spread small: floats hold them once a common part is gone.
    common = int(upper.min())
    d_up, d_low = (upper - common).astype(np.float64), (lower - common).astype(np.float64)
    span = max(end - begin, 1)
    d_up, t_up, d_low, t_low = _without_outliers(d_up, t_up, d_low, t_low, span)
    rate = _best_rate(t_up, d_up, t_low, d_low, span)
    flat, best = _width(0.0, t_up, d_up, t_low, d_low), _width(rate, t_up, d_up, t_low, d_low)
    is_long = min(_n_windows(t_up, span), _n_windows(t_low, span)) >= _FITTED_WINDOWS
    if not (flat < best / 2 and is_long):
        rate = 0.0
    high, low = float((d_up - rate * t_up).min()), float((d_low - rate * t_low).max())
    offset = shift + common + round((high + low) / 2)
    return _Pair(offset, rate, base_a + middle, abs(high - low) / 2, n_there, n_back, is_uneven=high < low)


def _width(rate: float, t_up: F64, d_up: F64, t_low: F64, d_low: F64) -> float:
    """Room between the bounds for a line of a rate; negative where they contradict it."""
    return float((d_up - rate * t_up).min() - (d_low - rate * t_low).max())


def _window_of(t: F64, span: int) -> I64:
    return np.clip(((t / span + 0.5) * _WINDOWS).astype(np.int64), 0, _WINDOWS - 1)


def _n_windows(t: F64, span: int) -> int:
    return len(np.unique(_window_of(t, span)))


def _best_rate(t_up: F64, d_up: F64, t_low: F64, d_low: F64, span: int) -> float:
    """The rate that leaves most room. The room is a concave function of the rate, so that thirds find its top."""
    rows_up, rows_low = _least_of_windows(t_up, d_up, span), _least_of_windows(t_low, -d_low, span)
    parts = t_up[rows_up], d_up[rows_up], t_low[rows_low], d_low[rows_low]
    low, high = -_RATE_MAX, _RATE_MAX
    for _ in range(80):
        third = (high - low) / 3
        if _width(low + third, *parts) < _width(high - third, *parts):
            low += third
        else:
            high -= third
    return (low + high) / 2


def _least_of_windows(t: F64, d: F64, span: int) -> I64:
    """The row of the least difference in each window of time."""
    window = _window_of(t, span)
    order = np.lexsort((d, window))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = window[order[1:]] != window[order[:-1]]
    rows: I64 = order[is_first]
    return rows


def _without_outliers(d_up: F64, t_up: F64, d_low: F64, t_low: F64, span: int) -> tuple[F64, F64, F64, F64]:
    """Without the few packets that contradict all others: two that were taken for one."""
    kept = d_up, t_up, d_low, t_low
    left = min(_OUTLIERS_MAX, int(_OUTLIER_SHARE * (len(d_up) + len(d_low))))
    for _ in range(left):
        rate = _best_rate(t_up, d_up, t_low, d_low, span)
        above, below = d_up - rate * t_up, d_low - rate * t_low
        if above.min() >= below.max():
            return d_up, t_up, d_low, t_low
        gain_up = float(np.partition(above, 1)[1] - above.min()) if len(above) > _FEW else -1.0
        gain_low = float(below.max() - np.partition(below, -2)[-2]) if len(below) > _FEW else -1.0
        if max(gain_up, gain_low) < 0:
            break
        if gain_up >= gain_low:
            rest = np.arange(len(d_up)) != int(above.argmin())
            d_up, t_up = d_up[rest], t_up[rest]
        else:
            rest = np.arange(len(d_low)) != int(below.argmax())
            d_low, t_low = d_low[rest], t_low[rest]
    rate = _best_rate(t_up, d_up, t_low, d_low, span)
    return (d_up, t_up, d_low, t_low) if _width(rate, t_up, d_up, t_low, d_low) >= 0 else kept


# --- all clocks -------------------------------------------------------------------------------------------


def estimate_clocks(found: Crossings, n_hosts: int) -> list[HostClock]:
    """The clock of each host against that of host 0: by the pairs with the least error, from host 0 on.

    Then all are moved so that no packet of any pair comes before it was sent, where that is possible.
    """
    clocks: list[HostClock | None] = [None] * n_hosts
    clocks[0] = HostClock(confidence=1.0)
    bases = _bases(found, n_hosts)
    sent, received = _since(found.sent_ns, bases[found.sender]), _since(found.received_ns, bases[found.receiver])
    usable = (found.sender < n_hosts) & (found.receiver < n_hosts) & (sent != NO_TIME) & (received != NO_TIME)
    found, sent, received = found.take(usable), sent[usable], received[usable]
    rows = _rows_of_pairs(found, n_hosts)
    pairs: dict[tuple[int, int], _Pair] = {}

    def pair(a: int, b: int) -> _Pair:
        there, back = rows.get((a, b), _NO_ROWS), rows.get((b, a), _NO_ROWS)
        if (a, b) not in pairs:
            pairs[a, b] = _fit(
                int(bases[a]), int(bases[b]), (sent[there], received[there]), (received[back], sent[back])
            )
        return pairs[a, b]

    while True:
        known = [host for host, one in enumerate(clocks) if one is not None]
        ways = [
            (pair(a, b).error, -pair(a, b).n_there - pair(a, b).n_back, a, b)
            for a, b in sorted({(min(one), max(one)) for one in rows} | {(max(one), min(one)) for one in rows})
            if clocks[a] is not None and clocks[b] is None
        ]
        if not ways or len(known) == n_hosts:
            break
        _, _, a, b = min(ways)
        parent = clocks[a]
        assert parent is not None
        clocks[b] = _joined(parent, pair(a, b))
    sent_of, received_of = np.bincount(found.sender, minlength=n_hosts), np.bincount(found.receiver, minlength=n_hosts)
    return _settled([one or NO_CLOCK for one in clocks], found, sent_of, received_of)


_NO_ROWS: I64 = np.zeros(0, np.int64)


def _bases(found: Crossings, n_hosts: int) -> I64:
    """A time of each host in the midst of its packets; 0 where it has none."""
    bases = np.zeros(n_hosts, np.int64)
    host, ts = np.concatenate([found.sender, found.receiver]), np.concatenate([found.sent_ns, found.received_ns])
    order = np.lexsort((ts, host))
    host, ts = host[order], ts[order]
    for number in range(n_hosts):
        first, last = np.searchsorted(host, [number, number + 1])
        if last > first:
            bases[number] = ts[(first + last) // 2]
    return bases


def _since(ts_ns: I64, base: I64) -> I64:
    """Times less a base; `NO_TIME` where they are too far from it."""
    is_near = np.abs(ts_ns.astype(np.float64) - base.astype(np.float64)) < _SPAN_NS
    return np.where(is_near, ts_ns - base, NO_TIME)


def _rows_of_pairs(found: Crossings, n_hosts: int) -> dict[tuple[int, int], I64]:
    key = found.sender * n_hosts + found.receiver
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    ends = np.append(starts[1:], len(order))[: len(starts)]
    return {
        divmod(int(key[order[start]]), n_hosts): order[start:end]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    }


def _joined(parent: HostClock, found: _Pair) -> HostClock:
    """The clock `b` of a pair whose `a` is known."""
    at_ns = found.at + found.offset
    of_parent = parent.offset_ns + round((found.at - parent.at_ns) * parent.rate)
    offset = found.offset + of_parent
    if abs(offset) > _OFFSET_MAX_NS:
        return HostClock(error_ns=None, confidence=0.0, reason="the clocks are decades apart")
    rate = (found.rate + parent.rate) / (1 + found.rate)
    n_least = min(found.n_there, found.n_back)
    if found.is_uneven:
        sure, reason = 0.3, "the clocks do not run evenly: packets contradict each other about their difference"
    elif not n_least:
        sure, reason = 0.5, "packets went one way only: the fastest is taken to have needed no time"
    elif n_least < _FEW:
        sure, reason = 0.8, "few packets were seen by both"
    else:
        sure, reason = 0.9, "packets that both saw, both ways"
    error = None if found.error == _UNKNOWN or parent.error_ns is None else round(found.error) + parent.error_ns
    sure = min(sure, parent.confidence)
    return HostClock(offset, rate, at_ns, error, confidence=sure, reason=reason)


def _settled(clocks: list[HostClock], found: Crossings, sent_of: I64, received_of: I64) -> list[HostClock]:
    """The clocks moved within their errors so that no packet comes before it was sent; with counts of packets."""
    n = len(clocks)
    sent, received = found.sent_ns.copy(), found.received_ns.copy()
    for host, one in enumerate(clocks):
        for column, mine in ((sent, found.sender == host), (received, found.receiver == host)):
            column[mine] = one.corrected(column[mine])
    known = np.array([one.is_known for one in clocks], np.bool_)
    usable = (sent != NO_TIME) & (received != NO_TIME) & known[found.sender] & known[found.receiver]
    # How much more the receiver's clock may be ahead than it is taken to be, by each pair; then over other hosts.
    room = np.full((n, n), np.inf)
    took = received[usable].astype(np.float64) - sent[usable].astype(np.float64)
    np.minimum.at(room, (found.sender[usable], found.receiver[usable]), took)
    np.fill_diagonal(room, 0.0)
    direct = room.copy()
    for k in range(n if n <= _SETTLED_MAX else 0):
        room = np.minimum(room, room[:, k, None] + room[None, k, :])
    moves = np.zeros(n)
    if (np.diag(room) >= 0).all():
        is_bound = np.isfinite(room[0]) & np.isfinite(room[:, 0])
        moves[is_bound] = (room[0, is_bound] - room[is_bound, 0]) / 2
        for host in np.flatnonzero(~is_bound & known).tolist():
            from_above, from_below = moves + direct[:, host], moves - direct[host]
            above, below = from_above[is_bound].min(), from_below[is_bound].max()
            moves[host] = above if np.isfinite(above) else below if np.isfinite(below) else 0.0
    settled = []
    for host, one in enumerate(clocks):
        error, whole = one.error_ns, float(room[0, host] + room[host, 0])
        if error is not None and 0 <= whole < 2 * error:
            error = round(whole / 2)
        settled.append(HostClock(
            one.offset_ns + round(float(moves[host])), one.rate, one.at_ns, error, int(sent_of[host]),
            int(received_of[host]), one.confidence, one.reason,
        ))  # fmt: skip
    return settled
