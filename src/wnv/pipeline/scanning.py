"""The first pass over a recording, and what can be asked of a recording after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wnv.arrays import I64
from wnv.bundle import Inventory
from wnv.etl.events import has_compiled
from wnv.etl.order import CACHED_SLICE_BYTES, SLICE_BYTES
from wnv.etl.reader import Progress, Recording, Slice
from wnv.packets.points import LINK_NAMES, LINK_UNKNOWN, Channel, Point
from wnv.packets.sightings import PacketRows
from wnv.providers.builds import windows_version

if TYPE_CHECKING:
    from wnv.decode.catalog import Catalog
    from wnv.decode.decoder import Decoder
    from wnv.overview import Overview, PointCount
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
    hosts: list[str]
    """What to call each host: different ones; empty where nothing names the only one."""
    builds: list[int]
    """Windows' build, of each host."""

    @property
    def builds_of_sessions(self) -> list[int]:
        return [self.builds[host] for host in self.host_of_session]

    @property
    def n_hosts(self) -> int:
        return len(self.builds)

    def is_consistent(self, n_sessions: int) -> bool:
        """Whether it can be of a recording of so many sessions: it may have been read from anywhere."""
        hosts = range(self.n_hosts)
        return (
            len(self.host_of_session) == n_sessions
            and len(self.hosts) == self.n_hosts
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
    hosts: list[str]
    """What to call each host; see `CaptureFacts`."""
    inventory: Inventory | None = None
    """What was known of its hosts beside it."""
    slice_bytes: int = SLICE_BYTES

    @property
    def capture(self) -> CaptureFacts:
        recording = self.recording
        hosts = recording.host_of_session
        firsts = [recording.files[recording.sessions[hosts.index(host)][0]].header for host in range(max(hosts) + 1)]
        windows = dict.fromkeys(windows_version(one.build, one.os_major, one.os_minor) for one in firsts)
        return CaptureFacts(
            points=self.packets.points.rows,
            channels=[(one.point, one.link_type, n) for one, n in self.packets.n_sightings.items()],
            n_other_link=self.packets.n_other_link, remarks=list(self.packets.remarks),
            windows="; ".join(windows),
            host_of_session=hosts, hosts=self.hosts, builds=[one.build for one in firsts],
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
    inventory: Inventory | None = None,
) -> Scanned:
    """Pass 1: walk all buffers, count events, learn names; then what the recording holds and lost.

    Both passes read about `slice_bytes` at a time. `catalog`: None = that of the user. `inventory`: what lay beside
    it, which alone knows what the hosts are called.
    """
    from wnv.decode.catalog import Catalog
    from wnv.decode.decoder import Decoder
    from wnv.overview import Census, build_overview
    from wnv.pipeline.tally import PlainTally
    from wnv.providers.packets import PacketReader

    packets = PacketReader(recording)
    census = Census(recording.session_of_buffer)
    catalog = Catalog() if catalog is None else catalog
    builds = [recording.files[files[0]].header.build for files in recording.sessions]
    decoder = Decoder(builds, catalog, recording.log, recording.session_of_buffer)

    def visit(piece: Slice) -> None:
        census.add(piece)
        packets.learn(piece)
        decoder.learn(piece)

    tally = None
    if len(recording.files) == 1 and has_compiled():
        tally = PlainTally(recording.clocks[0], recording.guids, census, packets)
    piece_bytes = slice_bytes if tally is None else min(CACHED_SLICE_BYTES, slice_bytes)
    recording.scan(visit, progress, slice_bytes=piece_bytes, tally=tally)
    hosts = _name_hosts(recording, inventory)
    packets.name_points(hosts)
    overview = build_overview(
        recording, census, [host.facts for host in packets.hosts], packets.rules, count_points(packets, hosts),
        packets.n_without_bytes, decoder, hosts,
    )  # fmt: skip
    return Scanned(recording, packets, decoder, overview, catalog, hosts, inventory, slice_bytes)


def _name_hosts(recording: Recording, inventory: Inventory | None) -> list[str]:
    """What to call each host: what an inventory says, else by number if there are several; different ones."""
    from wnv.topology.inventory import host_name, of_sessions, parse_inventory

    of_session = recording.host_of_session
    names = [""] * (max(of_session) + 1)
    if inventory is not None:
        sources = [", ".join(str(recording.files[n].source.path) for n in files) for files in recording.sessions]
        parsed = parse_inventory(inventory.content, recording.log)
        for session, one in of_sessions(parsed, inventory.name, sources, of_session).items():
            names[of_session[session]] = names[of_session[session]] or host_name(one)
    if len(names) == 1:
        return names
    wanted = [name or f"host{number}" for number, name in enumerate(names, 1)]
    n_before = [sum(one.lower() == name.lower() for one in wanted[:k]) for k, name in enumerate(wanted)]
    return [f"{name}#{n + 1}" if n else name for name, n in zip(wanted, n_before, strict=True)]


def count_points(packets: PacketReader, hosts: Sequence[str]) -> list[PointCount]:
    """The points of a recording by number, and what was seen there. `hosts`: what to call them."""
    from wnv.overview import PointCount

    link_types = packets.link_types()
    n_packets = dict.fromkeys(range(len(packets.points.rows)), 0)
    for channel, n in packets.n_sightings.items():
        n_packets[channel.point] += n
    return [
        PointCount(number, point, LINK_NAMES.get(link_types.get(number, LINK_UNKNOWN), "other"), n_packets[number],
                   packets.n_drops.get(number, 0), hosts[point.host])
        for number, point in enumerate(packets.points.rows)
    ]  # fmt: skip
