"""The sightings of several hosts in the order in which they happened: by the clock of the first host.

Tables of a trace folder have the times that were recorded. Where a tool wants one clock, as a capture file does, each
host's sightings are read by themselves, shifted by what the table `clocks` says, and merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from wnv.arrays import I64
from wnv.etl.reader import Progress
from wnv.journeys.clocks import NO_CLOCK, HostClock
from wnv.overview import duration_text
from wnv.packets.sightings import PacketRows, merge_rows
from wnv.pipeline.stored import StoredTrace
from wnv.store.events import contradiction

_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class OneClock:
    """A trace folder of several hosts, and the clock of each against that of the first."""

    stored: StoredTrace
    clocks: Sequence[HostClock]

    @classmethod
    def read(cls, stored: StoredTrace, rows: Iterable[Mapping[str, Any]]) -> OneClock | None:  # Any: of a table
        """By rows of the table `clocks`; None of one host."""
        hosts = stored.capture.host_of_session
        clocks = [NO_CLOCK] * stored.capture.n_hosts
        for row in rows:
            if not 0 <= row["session_id"] < len(hosts):
                raise contradiction()
            if row["offset_ns"] is not None:
                clocks[hosts[row["session_id"]]] = HostClock(
                    row["offset_ns"], (row["rate_ppm"] or 0.0) / 1e6, row["at_ns"] or 0, row["error_ns"],
                    confidence=row["confidence"], reason=row["reason"] or "",
                )  # fmt: skip
        return cls(stored, clocks) if len(clocks) > 1 else None

    @property
    def is_shifted(self) -> bool:
        """Whether any time is another one by the first host's clock."""
        return not all(one.is_first for one in self.clocks)

    def lines(self) -> list[str]:
        """What was done to the times, host by host, in words."""
        first, *others = self.stored.capture.hosts
        said = []
        for host, clock in zip(others, self.clocks[1:], strict=True):
            if not clock.is_known:
                said.append(f"how far the clock of {host} is from that of {first} is not known: times as recorded")
            elif clock.is_first:
                said.append(f"the clock of {host} agrees with that of {first}{_within(clock)}")
            else:
                way = "ahead of" if clock.offset_ns > 0 else "behind"
                rate = f", {abs(clock.rate) * 1e6:.3g} ppm {'faster' if clock.rate > 0 else 'slower'}"
                said.append(
                    f"the clock of {host} is {_span(abs(clock.offset_ns))} {way} that of {first}{_within(clock)}"
                    f"{rate if clock.rate else ''}: its times are shifted"
                )
        return said

    def sightings(self, progress: Progress | None = None) -> Iterator[PacketRows]:
        """All sightings in order of time by the first host's clock; what is held is a batch a host."""
        n_done, n_rows = 0, self.stored.folder.rows["observations"]
        for rows in _merged([self._of_host(host) for host in range(len(self.clocks))]):
            yield rows
            n_done += len(rows)
            if progress is not None:
                progress(n_done, n_rows)

    def _of_host(self, host: int) -> Iterator[PacketRows]:
        for rows in self.stored.sightings_of_host(host):
            yield replace(rows, ts_ns=self.clocks[host].corrected(rows.ts_ns))


def _within(clock: HostClock) -> str:
    return (
        f" (± {_span(clock.error_ns)})" if clock.error_ns is not None else " (as far as packets of one direction tell)"
    )


def _span(ns: int) -> str:
    return f"{ns / 1000:.3g} µs" if ns < _MS else duration_text(ns)


class _Stream:
    """The sightings of one host that wait to be handed on."""

    def __init__(self, batches: Iterator[PacketRows]) -> None:
        self._batches = batches
        self.rows: PacketRows | None = None
        self.key: I64 = np.zeros(0, np.int64)
        self._last = int(np.iinfo(np.int64).min)
        self.advance()

    def advance(self) -> None:
        """The next batch that is not empty; `rows` is None behind the last."""
        self.rows = next((rows for rows in self._batches if len(rows)), None)
        if self.rows is not None:
            # A host's own order stays, also where a time is missing or goes backwards.
            self.key = np.maximum.accumulate(np.maximum(self.rows.ts_ns, self._last))
            self._last = int(self.key[-1])

    def until(self, key: int) -> tuple[PacketRows, I64]:
        """Take the rows up to a time."""
        assert self.rows is not None
        n = int(np.searchsorted(self.key, key, "right"))
        mine = np.arange(len(self.key))
        taken = self.rows.take(mine[:n]), self.key[:n]
        if n == len(self.key):
            self.advance()
        else:
            self.rows, self.key = self.rows.take(mine[n:]), self.key[n:]
        return taken


def _merged(batches: Sequence[Iterator[PacketRows]]) -> Iterator[PacketRows]:
    """Streams that are each in order of time, as one."""
    streams = [_Stream(one) for one in batches]
    while streams := [one for one in streams if one.rows is not None]:
        # What comes next of a stream is not before the last that is known of it.
        bound = min(int(one.key[-1]) for one in streams)
        parts = [part for part in (one.until(bound) for one in streams) if len(part[0])]
        together = merge_rows([rows for rows, _ in parts])
        key = np.concatenate([keys for _, keys in parts])
        yield together.take(np.argsort(key, kind="stable"))
