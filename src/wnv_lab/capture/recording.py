"""A file being recorded: runs of events to columns, the sightings of the truth beside them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa

from wnv_lab.arrays import I64
from wnv_lab.etl.writer import EtlWriter, EventKind
from wnv_lab.events import hns, lbfo, ndiscap, pktmon, tcpip, vfp, vmswitch, wfp, winnat
from wnv_lab.model import Host
from wnv_lab.stages import Stage
from wnv_lab.world import Trip

if TYPE_CHECKING:
    from wnv_lab.truth import TruthRecorder

FLUSH_EVENTS = 60_000
LOSSY_FLUSH_EVENTS = 24
"""Where buffers are to be lost, they are looked at this often."""
PROVIDERS = {
    module.GUID: name
    for name, module in (
        ("hns", hns),
        ("lbfo", lbfo),
        ("ndiscap", ndiscap),
        ("pktmon", pktmon),
        ("tcpip", tcpip),
        ("vfp", vfp),
        ("vmswitch", vmswitch),
        ("wfp", wfp),
        ("winnat", winnat),
    )
}
"""Short names for the sightings of the truth."""


class Appearance(NamedTuple):
    """What pktmon says of a run of packets: the same appearance at one component, each with a group and a number."""

    appearance: int
    component: int
    groups: Sequence[int]
    numbers: Sequence[int]


_NOWHERE = (-1, -1)


class Recording:
    """One ETL file and what the truth says of its events."""

    def __init__(
        self,
        path: Path,
        kind: str,
        host: Host,
        writer: EtlWriter,
        truth: TruthRecorder,
        *,
        lost_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.path = path
        self.kind = kind
        self.host = host
        self.writer = writer
        self.truth = truth
        self.n_events = 0
        self._kinds: list[EventKind] = []
        self._index: dict[EventKind, int] = {}
        self._lost_share = lost_share
        self._flush_at = LOSSY_FLUSH_EVENTS if lost_share else FLUSH_EVENTS
        self.containers: dict[int, str] = {}
        """Container ids by process: events of these processes carry them."""
        self._random = random.Random(f"{path.name}/{seed}")
        self.n_lost = 0
        self._runs: list[tuple[int, ...]] = []
        self._payloads: list[bytes] = []
        self._journeys: list[Sequence[int]] = []
        self._nbls: list[Sequence[int]] = []
        self._frames: list[Sequence[bytes]] = []
        self._groups: list[Sequence[int]] = []
        self._numbers: list[Sequence[int]] = []

    def kind_index(self, kind: EventKind) -> int:
        """The number of a kind of event in this recording."""
        found = self._index.get(kind)
        if found is None:
            found = self._index[kind] = len(self._kinds)
            self._kinds.append(kind)
        return found

    def add(
        self,
        stage: Stage,
        trip: Trip,
        begin: int,
        gap: int,
        kind: int,
        keyword: int,
        payloads: list[bytes],
        journeys: Sequence[int],
        nbls: Sequence[int],
        frames: Sequence[bytes],
        appearance: Appearance | None = None,
    ) -> None:
        """A run of events: one a packet or one an NBL, `gap` ns apart. `frames` is empty where none is logged."""
        self._runs.append(
            (
                begin + self.host.skew_ns,
                gap,
                len(payloads),
                trip.cpu,
                trip.pid,
                trip.tid,
                kind,
                keyword,
                stage.hop,
                *(appearance[:2] if appearance is not None else _NOWHERE),
            )
        )
        self._payloads += payloads
        self._journeys.append(journeys)
        self._nbls.append(nbls)
        self._frames.append(frames)
        self._groups.append(appearance.groups if appearance is not None else ())
        self._numbers.append(appearance.numbers if appearance is not None else ())
        if len(self._payloads) >= self._flush_at:
            self.flush()

    def log(self, ns: int, cpu: int, pid: int, tid: int, kind: EventKind, payload: bytes) -> None:
        """A single event that is about no packet, behind everything so far."""
        self.flush()
        self.writer.add(ns + self.host.skew_ns, cpu, pid, tid, kind, payload)
        self.n_events += 1

    def flush(self) -> None:
        """Hand what waits to the writer and to the truth."""
        runs = self._runs
        if not runs:
            return
        columns = np.array(runs, dtype=np.int64)
        sizes = columns[:, 2]
        n = int(sizes.sum())
        within = np.arange(n, dtype=np.int64) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        begin, gap, cpu, pid, tid, kind, keyword, hop = (
            np.repeat(columns[:, i], sizes) for i in (0, 1, 3, 4, 5, 6, 7, 8)
        )
        ts = begin + within * gap
        payload = b"".join(self._payloads)
        offsets = np.zeros(n + 1, np.int64)
        np.cumsum(np.fromiter(map(len, self._payloads), np.int64, n), out=offsets[1:])
        raw = np.frombuffer(payload, np.uint8)
        if self.containers:
            for row in range(n):
                self.writer.add(
                    int(ts[row]), int(cpu[row]), int(pid[row]), int(tid[row]), self._kinds[kind[row]],
                    payload[offsets[row] : offsets[row + 1]], int(keyword[row]),
                    container_id=self.containers.get(int(pid[row])),
                )  # fmt: skip
        else:
            self.writer.add_many(ts, cpu, pid, tid, self._kinds, kind, raw, offsets, keyword.view(np.uint64))
        if self._lost_share and self._random.random() < self._lost_share:
            self.n_lost += self.writer.lose_buffer(int(cpu[-1]))
        self._write_sightings(ts, cpu, kind, hop, sizes, columns[:, 9:])
        self.n_events += n
        runs.clear()
        self._payloads.clear()
        self._journeys.clear()
        self._nbls.clear()
        self._frames.clear()
        self._groups.clear()
        self._numbers.clear()

    def _write_sightings(self, ts: I64, cpu: I64, kind: I64, hop: I64, sizes: I64, appearances: I64) -> None:
        n = ts.size
        has_frame = np.repeat(np.fromiter((bool(frames) for frames in self._frames), bool, len(self._frames)), sizes)
        n_frames = int(has_frame.sum())
        crc, n_bytes = np.zeros(n, np.int64), np.zeros(n, np.int64)
        crc[has_frame] = np.fromiter(map(crc32, chain.from_iterable(self._frames)), np.int64, n_frames)
        n_bytes[has_frame] = np.fromiter(map(len, chain.from_iterable(self._frames)), np.int64, n_frames)
        has_group = np.repeat(np.fromiter((bool(groups) for groups in self._groups), bool, len(self._groups)), sizes)
        n_grouped = int(has_group.sum())
        group, number = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        group[has_group] = np.fromiter(chain.from_iterable(self._groups), np.int64, n_grouped)
        number[has_group] = np.fromiter(chain.from_iterable(self._numbers), np.int64, n_grouped)
        appearance, component = (np.repeat(column, sizes) for column in appearances.T)
        ids = np.array([k.id for k in self._kinds], np.int64)
        # A dictionary with a name twice would be written in more than one way.
        providers = sorted(PROVIDERS.values())
        provider = np.array([providers.index(PROVIDERS[k.guid]) for k in self._kinds], np.int32)[kind]
        self.truth.write_rows(
            "sightings",
            pa.table(
                {
                    "recording": pa.DictionaryArray.from_arrays(
                        pa.array(np.zeros(n, np.int32)), pa.array([self.path.name])
                    ),
                    "ts_ns": pa.array(ts),
                    "cpu": pa.array(cpu),
                    "provider": pa.DictionaryArray.from_arrays(pa.array(provider), pa.array(providers)),
                    "event_id": pa.array(ids[kind]),
                    "journey_id": pa.array(np.fromiter(chain.from_iterable(self._journeys), np.int64, n)),
                    "hop_seq": pa.array(hop, mask=hop < 0),
                    "nbl": pa.array(np.fromiter(chain.from_iterable(self._nbls), np.uint64, n)),
                    "n_bytes": pa.array(n_bytes, mask=~has_frame),
                    "frame_crc32": pa.array(crc, mask=~has_frame),
                }
                | {
                    name: pa.array(column, mask=column < 0)
                    for name, column in (
                        ("pkt_group", group),
                        ("pkt_number", number),
                        ("appearance", appearance),
                        ("component_id", component),
                    )
                }
            ),
        )

    def close(self, end_ns: int) -> None:
        """Finish the file."""
        self.flush()
        self.writer.close(end_ns + self.host.skew_ns)

    def described(self) -> dict[str, object]:
        """For truth.json."""
        return {
            "file": self.path.name,
            "kind": self.kind,
            "host": self.host.name,
            "n_events": self.n_events,
            "n_lost": self.n_lost,
            "n_overwritten": sum(self.writer.n_overwritten),
        }
