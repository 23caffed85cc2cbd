"""Sightings to pcapng files: which packets go to which file, and what is said beside them.

One interface a capture point. All interfaces of a file share the link type, since libpcap and what is built
on it refuse other files: the commonest link type goes to the file named, others to files beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.clock import NO_TIME
from wnv.errors import UsageError
from wnv.export.pcapng import VERDICT_DROP, Interface, Note, Packets, PcapngWriter, Statistics
from wnv.export.target import STDOUT, Target
from wnv.packets.frames import Fragments
from wnv.packets.points import LINK_NAMES, Channel, Point
from wnv.packets.sightings import PacketRows
from wnv.providers import words

FLAG_LARGE_SEND = 0x800
"""epb_flags bit 11: the packet is to be cut into several, or was joined from several."""
NOTES_MAX = 200_000
_NULL_ID = 0xFFFFFFFF
_NOTE_COLUMNS = (
    "is_drop",
    "drop_reason",
    "drop_location",
    "vlan",
    "priority",
    "is_large_send",
    "n_coalesced",
    "source_port",
    "remark",
)


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


@dataclass(slots=True)
class _Tally:
    """Counts of one interface for its statistics block."""

    n: int = 0
    n_drops: int = 0
    first_ns: int = NO_TIME
    last_ns: int = NO_TIME


class CaptureWriter:
    """Writes sightings to the planned files; use as a context, then `finish`."""

    def __init__(
        self, files: list[CaptureFile], points: Sequence[Point], *, comment: str, application: str, os: str,
        inputs: Sequence[Path], build: int, remarks: Sequence[str],
    ) -> None:  # fmt: skip
        self._files = files
        self._points = points
        self._comment, self._application, self._os = comment, application, os
        self._inputs = inputs
        self._build = build
        self._remarks = remarks
        self._stack = ExitStack()
        self._targets: list[Target] = []
        self._writers: list[PcapngWriter] = []
        self._tallies: list[list[_Tally]] = [[_Tally() for _ in file.channels] for file in files]

    def __enter__(self) -> CaptureWriter:
        with ExitStack() as stack:
            for file in self._files:
                target = stack.enter_context(Target(file.path, inputs=self._inputs))
                self._targets.append(target)
                self._writers.append(PcapngWriter(
                    target, interfaces=[self._interface(channel) for channel in file.channels],
                    comment=self._comment, application=self._application, os=self._os,
                ))  # fmt: skip
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:  # Any: the three of the protocol, handed on
        self._stack.__exit__(*failure)

    def _interface(self, channel: Channel) -> Interface:
        point = self._points[channel.point]
        return Interface(
            name=point.name, description=point.description, link_type=channel.link_type, mac=point.mac,
            ipv4=point.ipv4, ipv6=point.ipv6,
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
        writer, fragments = self._writers[number], rows.fragments
        is_joined = fragments.is_large_send | (fragments.n_coalesced > 1)
        writer.write(Packets(
            data=rows.data, start=fragments.start, captured_bytes=fragments.n_bytes, original_bytes=rows.original_bytes,
            ts_ns=rows.ts_ns, interface=interface,
            flags=rows.direction.astype(np.uint32) | np.where(is_joined, FLAG_LARGE_SEND, 0).astype(np.uint32),
            packet_id=fragments.group, has_packet_id=fragments.has_group, pid=rows.pid, tid=rows.tid,
            has_thread=rows.pid != _NULL_ID, note=self._notes(writer, fragments),
        ))  # fmt: skip
        self._files[number].n_packets = writer.n_packets
        self._files[number].n_without_time = writer.n_without_time
        for place in np.unique(interface).tolist():
            mine = interface == place
            self._count(self._tallies[number][place], rows.ts_ns[mine], fragments.is_drop[mine])

    @staticmethod
    def _count(tally: _Tally, ts_ns: I64, is_drop: BOOL) -> None:
        tally.n += len(ts_ns)
        tally.n_drops += int(is_drop.sum())
        timed = ts_ns[ts_ns != NO_TIME]
        if len(timed):
            first = int(timed.min())  # the order is not always global
            tally.first_ns = first if tally.first_ns == NO_TIME else min(tally.first_ns, first)
            tally.last_ns = max(tally.last_ns, int(timed.max()))

    def _notes(self, writer: PcapngWriter, fragments: Fragments) -> I64:
        """What is said about each packet beside its bytes; most have nothing."""
        note = np.full(len(fragments), -1, np.int64)
        told = fragments.is_drop | (fragments.vlan > 0) | fragments.is_large_send | (fragments.n_coalesced > 1)
        told |= (fragments.source_port >= 0) | (fragments.remark >= 0)
        rows = np.flatnonzero(told)
        if not len(rows):
            return note
        facts = np.empty(len(rows), [(name, getattr(fragments, name).dtype) for name in _NOTE_COLUMNS])
        for name in _NOTE_COLUMNS:
            facts[name] = getattr(fragments, name)[rows]
        distinct, inverse = np.unique(facts, return_inverse=True)
        numbers = [writer.add_note(self._note(one)) for one in distinct[:NOTES_MAX]]
        # Only a hostile file says so many different things; what is beyond gets the verdict alone.
        numbers += [writer.add_note(Note("", VERDICT_DROP if one["is_drop"] else None)) for one in distinct[NOTES_MAX:]]
        note[rows] = np.array(numbers, np.int64)[inverse]
        return note

    def _note(self, facts: Any) -> Note:  # Any: a row of a structured array
        parts = []
        if facts["is_drop"]:
            parts.append(drop_words(int(facts["drop_reason"]), int(facts["drop_location"]), self._build))
        if facts["vlan"] > 0:
            parts.append(f"VLAN {facts['vlan']}" + (f" priority {facts['priority']}" if facts["priority"] else ""))
        if facts["is_large_send"]:
            parts.append("large send")
        if facts["n_coalesced"] > 1:
            parts.append(f"{facts['n_coalesced']} segments coalesced")
        if facts["source_port"] >= 0:
            parts.append(f"from switch port {facts['source_port']}")
        if facts["remark"] >= 0:
            parts.append(self._remarks[int(facts["remark"])])
        return Note("; ".join(parts), VERDICT_DROP if facts["is_drop"] else None)

    def finish(self, *, is_partial: bool) -> None:
        """End all files. A partial one is kept although the run ends early."""
        for number, writer in enumerate(self._writers):
            file, tallies = self._files[number], self._tallies[number]
            file.n_by_point = {one.point: tally.n for one, tally in zip(file.channels, tallies, strict=True)}
            writer.close([
                Statistics(place, tally.first_ns, tally.last_ns, tally.n, tally.n_drops)
                for place, tally in enumerate(self._tallies[number])
            ])  # fmt: skip
            if is_partial:
                self._targets[number].keep_partial()


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
