"""The first pass over a recording, and what can be asked of a recording after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from wnv.arrays import I64
from wnv.decode.catalog import Catalog
from wnv.decode.decoder import Decoder
from wnv.etl.events import has_compiled
from wnv.etl.order import CACHED_SLICE_BYTES, SLICE_BYTES
from wnv.etl.reader import Progress, Recording, Slice
from wnv.overview import Census, Overview, PointCount, build_overview
from wnv.packets.points import LINK_NAMES, LINK_UNKNOWN, Channel, Point
from wnv.packets.sightings import PacketRows
from wnv.pipeline.tally import PlainTally
from wnv.providers.builds import windows_version
from wnv.providers.packets import PacketReader


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What is known of the packets before they are read."""

    points: list[Point]
    """By number, also those without packets."""
    channels: list[tuple[int, int, int]]
    """Sightings with bytes by point and link type: number of the point, link type, how many."""
    n_other_link: int
    """Sightings that no capture file can carry."""
    remarks: list[str]
    """What `Fragments.remark` counts in."""
    windows: str
    host_of_session: list[int]
    """Number of the host of each session: sessions of one boot share it, and with it adapters and points."""
    builds: list[int]
    """Windows' build, of each host."""

    @property
    def build(self) -> int:
        """That of the first host."""
        return self.builds[0]

    @property
    def n_hosts(self) -> int:
        return len(self.builds)

    def is_consistent(self, n_sessions: int) -> bool:
        """Whether it can be of a recording of so many sessions: it may have been read from anywhere."""
        hosts = range(self.n_hosts)
        return (
            len(self.host_of_session) == n_sessions
            and set(self.host_of_session) == set(hosts)
            and all(point.host in hosts for point in self.points)
        )

    def counts(self) -> dict[Channel, int]:
        return {Channel(point, link): n for point, link, n in self.channels}


class Opened(Protocol):
    """A recording after its first pass, or a trace folder: what can be asked of both."""

    @property
    def overview(self) -> Overview: ...
    @property
    def decoder(self) -> Decoder: ...
    @property
    def capture(self) -> CaptureFacts: ...
    @property
    def inputs(self) -> Sequence[Path]:
        """The files it is read from."""

    @property
    def session_of_buffer(self) -> I64:
        """Number of the session of each buffer."""

    def slices(self, progress: Progress | None = None) -> Iterator[Slice]:
        """All events in global order, slice by slice; each is valid until the next."""

    def sightings(self, progress: Progress | None = None) -> Iterator[PacketRows | None]:
        """The sightings of each slice, in order of time; None where there are none."""


@dataclass(slots=True)
class Scanned:
    """A recording after its first pass."""

    recording: Recording
    packets: PacketReader
    decoder: Decoder
    overview: Overview
    catalog: Catalog
    slice_bytes: int = SLICE_BYTES

    @property
    def capture(self) -> CaptureFacts:
        recording = self.recording
        header, hosts = recording.files[0].header, recording.host_of_session
        firsts = [recording.files[recording.sessions[hosts.index(host)][0]] for host in range(max(hosts) + 1)]
        return CaptureFacts(
            points=self.packets.points.rows,
            channels=[(one.point, one.link_type, n) for one, n in self.packets.n_sightings.items()],
            n_other_link=self.packets.n_other_link, remarks=list(self.packets.remarks),
            windows=windows_version(header.build, header.os_major, header.os_minor),
            host_of_session=hosts, builds=[one.header.build for one in firsts],
        )  # fmt: skip

    @property
    def inputs(self) -> list[Path]:
        return [file.source.path for file in self.recording.files]

    @property
    def session_of_buffer(self) -> I64:
        return self.recording.session_of_buffer

    def slices(self, progress: Progress | None = None) -> Iterator[Slice]:
        """All events in global order, slice by slice; each is valid until the next."""
        return self.recording.slices(progress, slice_bytes=self.slice_bytes)

    def sightings(self, progress: Progress | None = None) -> Iterator[PacketRows | None]:
        """The sightings of each slice, in order of time; None where there are none."""
        self.packets.begin()
        slice_bytes = min(CACHED_SLICE_BYTES, self.slice_bytes) if self.packets.has_plain else self.slice_bytes
        for first_row, found in self.recording.windows(self.packets.look, progress, slice_bytes=slice_bytes):
            if isinstance(found, Slice):
                yield self.packets.packets(replace(found, first_row=first_row))
            else:
                yield replace(found, event_row=found.event_row + first_row) if len(found) else None
        self.packets.finish()


def scan(
    recording: Recording,
    progress: Progress | None = None,
    *,
    slice_bytes: int = SLICE_BYTES,
    catalog: Catalog | None = None,
) -> Scanned:
    """Pass 1: walk all buffers, count events, learn names; then what the recording holds and lost.

    Both passes read about `slice_bytes` at a time. `catalog`: None = that of the user.
    """
    packets = PacketReader(recording)
    census = Census(recording.session_of_buffer)
    catalog = Catalog() if catalog is None else catalog
    decoder = Decoder(recording.files[0].header.build, catalog, recording.log, recording.session_of_buffer)

    def visit(piece: Slice) -> None:
        census.add(piece)
        packets.learn(piece)
        decoder.learn(piece)

    tally = None
    if len(recording.files) == 1 and has_compiled():
        tally = PlainTally(recording.clocks[0], recording.guids, census, packets)
    piece_bytes = slice_bytes if tally is None else min(CACHED_SLICE_BYTES, slice_bytes)
    recording.scan(visit, progress, slice_bytes=piece_bytes, tally=tally)
    packets.name_points()
    overview = build_overview(
        recording, census, [host.facts for host in packets.hosts], count_points(packets), packets.n_without_bytes,
        decoder,
    )  # fmt: skip
    return Scanned(recording, packets, decoder, overview, catalog, slice_bytes)


def count_points(packets: PacketReader) -> list[PointCount]:
    """The points of a recording by number, and what was seen there."""
    link_types = packets.link_types()
    n_packets = dict.fromkeys(range(len(packets.points.rows)), 0)
    for channel, n in packets.n_sightings.items():
        n_packets[channel.point] += n
    return [
        PointCount(number, point, LINK_NAMES.get(link_types.get(number, LINK_UNKNOWN), "other"), n_packets[number],
                   packets.n_drops.get(number, 0))
        for number, point in enumerate(packets.points.rows)
    ]  # fmt: skip
