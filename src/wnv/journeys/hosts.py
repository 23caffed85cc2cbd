"""Several hosts whose recordings are followed together: what is known of each, and their sightings by one clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wnv.arrays import I64
from wnv.journeys import layout as c
from wnv.journeys.clocks import HostClock
from wnv.journeys.collect import Sighted
from wnv.text import span_text

_AT_ONCE = 1 << 14
_SURE_MAX = 900


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of a recording, by number; one where nothing is said."""

    of_session: Sequence[int] = (0,)
    """Number of the host of each recording."""
    clocks: Sequence[HostClock] = (HostClock(),)
    names: Sequence[str] = ("",)
    """Empty where nothing names the only one."""

    def __len__(self) -> int:
        return len(self.clocks)

    def of(self, session_id: int) -> int:
        """The host of a recording."""
        return self.of_session[session_id] if 0 <= session_id < len(self.of_session) else 0

    def first_sessions(self) -> list[int]:
        """The first recording of each host."""
        return [self.of_session.index(host) for host in range(len(self))]

    def labels(self) -> list[str]:
        """What tells the NICs of one host from those of another; empty where there is one host."""
        if len(self) == 1:
            return [""]
        return list(self.names)

    def matrix(self) -> I64:
        """What the loops know of them (`layout.H_SURE`, `H_ERROR`)."""
        rows: I64 = np.zeros((len(self), c.N_HOST), np.int64)
        for host, one in enumerate(self.clocks):
            rows[host] = min(_SURE_MAX, round(1000 * one.confidence)), one.error_ns or 0
        return rows

    def words(self) -> list[str]:
        """`layout.WHY_WORDS`; what comes over the wire says how far the clocks can be off."""
        words = list(c.WHY_WORDS)
        errors = [one.error_ns for one in self.clocks if one.is_known and one.error_ns is not None]
        if len(self) > 1 and max(errors) > 0:
            for why in (c.WHY_HOSTS, c.WHY_HOSTS_ALIKE):
                words[why] += f"; their clocks are known to ± {span_text(max(errors))}"
        return words


class HostQueues:
    """Sightings of several hosts that wait until all hosts were heard of their time. What waits is bounded: the host
    that is behind is read next."""

    def __init__(self, n_hosts: int) -> None:
        self._waiting: list[list[Sighted]] = [[] for _ in range(n_hosts)]

    def add(self, host: int, new: Sighted) -> None:
        """Sightings of one host, in order of time."""
        self._waiting[host].append(new)

    def take(self, until_ns: int | None) -> Iterator[Sighted]:
        """The sightings before a time, in order, some thousands at a time; None = all."""
        parts = []
        for host, waiting in enumerate(self._waiting):
            if not waiting:
                continue
            whole = _joined(waiting)
            n = len(whole) if until_ns is None else int(np.searchsorted(whole.sights[c.TS], until_ns))
            if n:
                parts.append(_taken(whole, np.arange(n)))
            self._waiting[host] = [_taken(whole, np.arange(n, len(whole)))] if n < len(whole) else []
        if not parts:
            return
        together = _joined(parts)
        if len(parts) > 1:
            together = _taken(together, np.argsort(together.sights[c.TS], kind="stable"))
        begin = 0
        while begin < len(together):
            end = min(begin + _AT_ONCE, len(together))
            rows = together.sights[c.ROW]
            while end < len(together) and rows[end] == rows[end - 1]:
                end += 1  # not between the sightings of one event
            yield _taken(together, np.arange(begin, end))
            begin = end


def _joined(parts: Sequence[Sighted]) -> Sighted:
    if len(parts) == 1:
        return parts[0]
    return Sighted(
        np.concatenate([part.sights for part in parts], axis=1), np.concatenate([part.nbl for part in parts]),
        np.concatenate([part.switch for part in parts]),
    )  # fmt: skip


def _taken(whole: Sighted, rows: I64) -> Sighted:
    return Sighted(whole.sights[:, rows], whole.nbl[rows], whole.switch[rows])
