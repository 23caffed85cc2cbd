"""Sightings to pcapng files: which packets go to which file, and what is said beside them.

One interface a capture point. All interfaces of a file share the link type, since libpcap and what is built
on it refuse other files: the commonest link type goes to the file named, others to files beside it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wnv.arrays import I64
from wnv.clock import NO_TIME
from wnv.errors import UsageError
from wnv.export.pcapng import (
    VERDICT_DROP,
    Interface,
    Note,
    PacketOptions,
    Packets,
    PcapngWriter,
    Statistics,
)  # fmt: skip
from wnv.export.target import STDOUT, Target
from wnv.packets.frames import Fragments
from wnv.packets.points import LINK_NAMES, Channel, Point
from wnv.packets.sightings import PacketRows
from wnv.providers import words

FLAG_LARGE_SEND = 0x800
"""epb_flags bit 11: the packet is to be cut into several, or was joined from several."""
NOTES_MAX = 200_000
_NULL_ID = 0xFFFFFFFF


@dataclass(slots=True)
class CaptureFile:
    """One output file: what goes there, and what went."""

    path: str
    link_type: int
    channels: list[Channel]
    n_packets: int = 0
    n_by_point: dict[int, int] = field(default_factory=dict)
    """Packets written, by the number of the point."""
    n_without_time: int = 0


@dataclass(slots=True)
class CaptureResult:
    """What a conversion wrote, and left out."""

    files: list[CaptureFile]
    left_out: dict[str, int] = field(default_factory=dict)
    """Sightings not written, by why."""
    is_partial: bool = False

    @property
    def n_packets(self) -> int:
        return sum(file.n_packets for file in self.files)


def plan_files(
    out: str, channels: dict[Channel, int], points: Sequence[Point], *, per_interface: bool
) -> tuple[list[CaptureFile], dict[str, int]]:
    """Files for the sightings counted in `channels`, and what cannot be written, by why.

    With standard output only the commonest link type is written. Raises `UsageError` where the options exclude
    each other.
    """
    by_link: dict[int, int] = {}
    for channel, count in channels.items():
        by_link[channel.link_type] = by_link.get(channel.link_type, 0) + count
    order = sorted(by_link, key=lambda link: (-by_link[link], link))
    ordered = sorted(channels, key=lambda channel: channel.point)
    if per_interface:
        if out == STDOUT:
            raise UsageError("--per-interface writes several files", advice="Name a file with -w.")
        n_links: dict[int, int] = {}
        for channel in ordered:
            n_links[channel.point] = n_links.get(channel.point, 0) + 1
        taken: set[str] = set()
        files = []
        for channel in ordered:
            name = _file_part(points[channel.point].name)
            if n_links[channel.point] > 1:
                name += f".{_link_name(channel.link_type)}"
            while name.lower() in taken:
                name += "_"
            taken.add(name.lower())
            files.append(CaptureFile(_beside(out, name), channel.link_type, [channel]))
        return files, {}
    left_out = {}
    files = []
    for place, link in enumerate(order or [1]):
        mine = [channel for channel in ordered if channel.link_type == link]
        if place and out == STDOUT:
            left_out[f"of link type {_link_name(link)}, which one stream cannot hold beside {_link_name(order[0])}"] = (
                by_link[link]
            )
        else:
            files.append(CaptureFile(_beside(out, _link_name(link)) if place else out, link, mine))
    return files, left_out


def _link_name(link_type: int) -> str:
    return LINK_NAMES.get(link_type, f"link{link_type}")


def _beside(out: str, part: str) -> str:
    path = Path(out)
    return str(path.with_name(f"{path.stem}.{part}{path.suffix}"))


def _file_part(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name)


class Told(Protocol):
    """What is known of sightings beside what their events say (`pipeline.following.Followed`)."""

    @property
    def places(self) -> Mapping[str, str]:
        """Points in words, by name."""

    @property
    def names(self) -> Mapping[str, Sequence[str]]:
        """Names of addresses."""

    @property
    def journey(self) -> I64:
        """By what `find` gives."""

    def find(self, rows: PacketRows, n_points: int) -> I64:
        """The row of each sighting in `journey`; -1 where it is part of none."""

    def comments(self, rows: PacketRows, found: I64, notes: Sequence[str], note: I64) -> PacketOptions:
        """What is said beside each packet, and `notes[note]`; -1 = nothing more."""


class CaptureWriter:
    """Writes sightings to the planned files; use as a context, then `finish`."""

    def __init__(
        self, files: list[CaptureFile], points: Sequence[Point], *, comment: str, application: str, os: str,
        inputs: Sequence[Path], builds: Sequence[int], remarks: Sequence[str], told: Told | None = None,
    ) -> None:  # fmt: skip
        """`told`: journeys, which give packets their ids and comments; without, pktmon's numbers are the ids.

        `builds`: Windows' build, by host.
        """
        self._files = files
        self._points = points
        self._comment, self._application, self._os = comment, application, os
        self._inputs = inputs
        self._build: I64 = np.array([builds[point.host] for point in points], np.int64)
        """Of each point; numbers of reasons depend on it."""
        self._has_builds = len(set(builds)) > 1
        self._remarks = remarks
        self._told = told
        self._stack = ExitStack()
        self._targets: list[Target] = []
        self._writers: list[PcapngWriter] = []
        # Of each interface for its statistics block: sightings, drops, first and last time.
        empty = [0, 0, NO_TIME, NO_TIME]
        self._tallies = [np.array([empty] * len(file.channels), np.int64).reshape(-1, 4) for file in files]

    def __enter__(self) -> CaptureWriter:
        with ExitStack() as stack:
            for file in self._files:
                target = stack.enter_context(Target(file.path, inputs=self._inputs))
                self._targets.append(target)
                self._writers.append(PcapngWriter(
                    target, interfaces=[self._interface(channel) for channel in file.channels],
                    comment=self._comment, application=self._application, os=self._os,
                ))  # fmt: skip
                if self._told is not None:
                    self._writers[-1].name_records(self._told.names)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:  # Any: the three of the protocol, handed on
        self._stack.__exit__(*failure)

    def _interface(self, channel: Channel) -> Interface:
        point = self._points[channel.point]
        place = self._told.places.get(point.name, "") if self._told is not None else ""
        is_named = place and place != point.name
        return Interface(
            name=f"{point.name} {place}" if is_named else point.name, description=point.description,
            link_type=channel.link_type, mac=point.mac, ipv4=point.ipv4, ipv6=point.ipv6,
        )  # fmt: skip

    def write(self, rows: PacketRows) -> None:
        """Write the rows of every file; rows of other channels are left out."""
        for number, file in enumerate(self._files):
            interface_of = {channel.point: place for place, channel in enumerate(file.channels)}
            lookup = np.full(len(self._points), -1, np.int64)
            lookup[list(interface_of)] = list(interface_of.values())
            interface = lookup[rows.point]
            mine = (interface >= 0) & (rows.fragments.link_type == file.link_type)
            if not mine.all():
                self._write_file(number, rows.take(mine), interface[mine])
            else:
                self._write_file(number, rows, interface)

    def _write_file(self, number: int, rows: PacketRows, interface: I64) -> None:
        if not len(rows):
            return
        from wnv import kernels

        writer, fragments = self._writers[number], rows.fragments
        notes, note = self._notes(fragments, self._build[rows.point])
        if self._told is not None:
            found = self._told.find(rows, len(self._points))
            has_packet_id = found >= 0
            packet_id = np.zeros(len(rows), np.uint64)
            packet_id[has_packet_id] = self._told.journey[found[has_packet_id]]
            options = self._told.comments(rows, found, [one.comment for one in notes], note)
            note = np.arange(len(rows))
        else:
            packet_id, has_packet_id, options = fragments.group, fragments.has_group, None
            numbers = np.array([*(writer.add_note(one) for one in notes), -1], np.int64)
            note = numbers[note]
        is_joined = fragments.is_large_send | (fragments.n_coalesced > 1)
        writer.write(Packets(
            data=rows.data, start=fragments.start, captured_bytes=fragments.n_bytes, original_bytes=rows.original_bytes,
            ts_ns=rows.ts_ns, interface=interface,
            flags=rows.direction.astype(np.uint32) | np.where(is_joined, FLAG_LARGE_SEND, 0).astype(np.uint32),
            packet_id=packet_id, has_packet_id=has_packet_id, pid=rows.pid, tid=rows.tid,
            has_thread=rows.pid != _NULL_ID, note=note, options=options,
        ))  # fmt: skip
        self._files[number].n_packets = writer.n_packets
        self._files[number].n_without_time = writer.n_without_time
        kernels.tally_interfaces(interface, rows.ts_ns, fragments.is_drop, NO_TIME, self._tallies[number])

    def _notes(self, fragments: Fragments, build: I64) -> tuple[list[Note], I64]:
        """What is said about packets beside their bytes, and which of it about each; -1 = nothing, as about most.

        `build`: of the Windows that logged each.
        """
        note = np.full(len(fragments), -1, np.int64)
        told = fragments.is_drop | (fragments.vlan > 0) | fragments.is_large_send | (fragments.n_coalesced > 1)
        told |= (fragments.source_port >= 0) | (fragments.remark >= 0)
        rows = np.flatnonzero(told)
        if not len(rows):
            return [], note
        first, codes = _number_facts(fragments, rows)
        if self._has_builds:
            first, codes = _number_pairs(codes, build[rows])
        notes = [self._note(fragments, row, int(build[row])) for row in rows[first[:NOTES_MAX]].tolist()]
        # Only a hostile file says so many different things; what is beyond gets the verdict alone.
        rest = fragments.is_drop[rows[first[NOTES_MAX:]]].tolist()
        notes += [Note("", VERDICT_DROP if is_drop else None) for is_drop in rest]
        note[rows] = codes
        return notes, note

    def _note(self, fragments: Fragments, row: int, build: int) -> Note:
        parts = []
        is_drop, vlan, priority = fragments.is_drop[row], int(fragments.vlan[row]), int(fragments.priority[row])
        if is_drop:
            reason, location = int(fragments.drop_reason[row]), int(fragments.drop_location[row])
            parts.append(drop_words(reason, location, build))
        if vlan > 0:
            parts.append(f"VLAN {vlan}" + (f" priority {priority}" if priority else ""))
        if fragments.is_large_send[row]:
            parts.append("large send")
        if fragments.n_coalesced[row] > 1:
            parts.append(f"{fragments.n_coalesced[row]} segments coalesced")
        if fragments.source_port[row] >= 0:
            parts.append(f"from switch port {fragments.source_port[row]}")
        if fragments.remark[row] >= 0:
            parts.append(self._remarks[int(fragments.remark[row])])
        return Note("; ".join(parts), VERDICT_DROP if is_drop else None)

    def finish(self, *, is_partial: bool) -> None:
        """End all files. A partial one is kept although the run ends early."""
        for number, writer in enumerate(self._writers):
            file, tallies = self._files[number], self._tallies[number]
            file.n_by_point = {one.point: n for one, n in zip(file.channels, tallies[:, 0].tolist(), strict=True)}
            writer.close([
                Statistics(place, first, last, n, n_drops)
                for place, (n, n_drops, first, last) in enumerate(tallies.tolist())
            ])  # fmt: skip
            if is_partial:
                self._targets[number].keep_partial()


def _number_facts(fragments: Fragments, rows: I64) -> tuple[I64, I64]:
    """Equal numbers for `rows` of which the same is told; for each number the first of them, and the numbers."""

    def column(name: str) -> I64:
        wide: I64 = getattr(fragments, name)[rows].astype(np.int64)
        return wide

    # The ranges of the columns (see `Fragments`): 1, 1, 3, 13, 16, 17 bits.
    flags = column("is_drop") | column("is_large_send") << 1 | (column("priority") & 7) << 2
    ports = (column("vlan") + 1 & 0x1FFF) << 5 | column("n_coalesced") << 18 | (column("source_port") + 1) << 34
    first, codes = _number_pairs(column("drop_reason") << 32 | column("drop_location"), flags | ports)
    if (fragments.remark[rows] >= 0).any():
        return _number_pairs(codes, column("remark"))
    return first, codes


def _number_pairs(high: I64, low: I64) -> tuple[I64, I64]:
    """Numbers for pairs in order of first appearance: the first row of each, and the number of each row."""
    from wnv import kernels

    slots = np.full(1 << (2 * len(high)).bit_length(), -1, np.int32)
    first, codes = np.empty(len(high), np.int32), np.empty(len(high), np.int32)
    is_given = np.ones(len(high), np.bool_)
    n = kernels.number_pairs(high, low, is_given, secrets.randbits(30), slots, first, codes)
    return first[:n].astype(np.int64), codes.astype(np.int64)


def drop_words(reason: int, location: int, build: int) -> str:
    """`dropped: MTU mismatch (0x17) at virtual switch, … (0xe000201d)`."""
    why, where = words.drop_reason(reason, build), words.drop_location(location, build)
    text = f"dropped: {why.text} ({reason:#x})"
    if not location:
        return text
    return f"{text} at {where.text} ({location:#x})" if where.component else f"{text} at {where.text}"


def write_capture(batches: Iterable[PacketRows | None], writer: CaptureWriter, should_stop: Callable[[], bool]) -> bool:
    """Write all batches (None = nothing in this slice); whether it was stopped before the end.

    The files are ended either way.
    """
    with writer:
        for rows in batches:
            if rows is not None:
                writer.write(rows)
            if should_stop():
                writer.finish(is_partial=True)
                return True
        writer.finish(is_partial=False)
    return False
