"""How the stages fit together; the only file that sees all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wnv import __version__
from wnv.arrays import BOOL, I64
from wnv.decode.catalog import Catalog
from wnv.decode.decoder import Decoder
from wnv.diagnostics import Code, Log
from wnv.errors import UsageError, WnvError
from wnv.etl.order import SLICE_BYTES
from wnv.etl.reader import Progress, Recording, Slice
from wnv.export.capture import CaptureResult, CaptureWriter, Channel, plan_files, write_capture
from wnv.overview import Census, Overview, PointCount, build_overview
from wnv.packets.frames import Fragments, FrameJoiner
from wnv.packets.headers import original_bytes, summarize
from wnv.packets.points import IN, LINK_NAMES, LINK_UNKNOWN, NO_DIRECTION, OUT, Point, PointKind, Points, unique_names
from wnv.packets.sightings import PacketRows
from wnv.providers.builds import windows_version
from wnv.providers.ndiscap import Ndiscap
from wnv.providers.pktmon import Pktmon
from wnv.providers.ras import Ras
from wnv.providers.reading import PacketProvider, Sightings
from wnv.providers.sysconfig import GUID as SYSCONFIG
from wnv.providers.sysconfig import HostFacts

_PADDING_BYTES = 256
_MAC_BYTES = 6
# ndiscap's words, then pktmon's; the adapter at the bottom before the layer itself.
_ADAPTER_DETAILS = ("miniport_if_index", "MiniportIfIndex", "if_index", "IfIndex")


class PacketReader:
    """The packet providers of one recording, through both passes.

    Pass 1 (`learn`) collects names and counts what is seen where; `name_points` ends it. Pass 2 (`packets`)
    yields the sightings themselves.
    """

    def __init__(self, recording: Recording) -> None:
        log = recording.log
        self._log = log
        self.points = Points()
        self._session_of_buffer = recording.session_of_buffer
        self.hosts = [HostFacts() for _ in recording.sessions]
        self.ndiscap = Ndiscap(self.points)
        self.pktmon = Pktmon(self.points)
        self._providers: tuple[PacketProvider, ...] = (self.ndiscap, self.pktmon, Ras(self.points))
        self._joiners: dict[str, FrameJoiner] = {}
        self._is_first_pass_2 = True
        self.n_sightings: dict[Channel, int] = {}
        self.n_drops: dict[int, int] = {}
        self.n_without_bytes = 0
        self.n_other_link = 0

    def learn(self, piece: Slice) -> None:
        """Pass 1: names, and how many sightings each point has by link type."""
        for provider, events_rows in self._by_provider(piece):
            events = piece.events.select(events_rows)
            provider.learn(events, self._log)
            for found in provider.read(events, self._log):
                self._count(found)
        rows = self._rows_of(piece, SYSCONFIG)
        if rows is not None:
            session_of_row = self._session_of_buffer[piece.events.buffer[rows]]
            for session in np.unique(session_of_row).tolist():
                self.hosts[session].learn(piece.events.select(rows[session_of_row == session]), self._log)

    def _count(self, found: Sightings) -> None:
        self.n_without_bytes += found.n_without_bytes
        last = found.fragments.is_last[found.observations.fragment]
        fragment, point = found.observations.fragment[last], found.observations.point[last]
        link = found.fragments.link_type[fragment].astype(np.int64)
        keys, counts = np.unique(point.astype(np.int64) << 16 | link, return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            if key & 0xFFFF == LINK_UNKNOWN:
                self.n_other_link += count
            channel = Channel(key >> 16, key & 0xFFFF)
            self.n_sightings[channel] = self.n_sightings.get(channel, 0) + count
        points, drops = np.unique(point[found.fragments.is_drop[fragment]], return_counts=True)
        for number, count in zip(points.tolist(), drops.tolist(), strict=True):
            self.n_drops[number] = self.n_drops.get(number, 0) + count

    def name_points(self) -> None:
        """Give every point its names, once all rundown events were seen."""
        self._log.record(Code.FRAME_HEADER_ONLY, count=self.n_without_bytes)
        self._log.record(Code.FRAME_LINK_TYPE_UNKNOWN, count=self.n_other_link)
        self._log.record(Code.POINTS_LIMIT, count=self.points.n_refused)
        link_types = self.link_types()
        for provider in self._providers:
            provider.name_points(self.points, link_types)
        for point in self.points.rows:
            self._name_adapter(point)
        for point, name in zip(self.points.rows, unique_names([p.name for p in self.points.rows]), strict=True):
            point.name = name

    def _name_adapter(self, point: Point) -> None:
        """The name that Windows shows for the adapter the point is on; a filter's own is the adapter's with more."""
        indexes = (point.details.get(name) for name in _ADAPTER_DETAILS)
        known = (host.interfaces.get(index) for index in indexes if isinstance(index, int) for host in self.hosts)
        adapter = next((one for one in known if one is not None and one.alias), None)
        if adapter is not None:
            point.details.setdefault("nic", adapter.alias)
            point.description = f"{adapter.alias}, {point.description}"
            is_port = point.key[0] == "ndiscap.port"  # its index is that of the switch
            if len(adapter.mac) == _MAC_BYTES and not is_port:
                point.mac = point.mac or adapter.mac

    def link_types(self) -> dict[int, int]:
        """The commonest link type of each point."""
        best: dict[int, tuple[int, int]] = {}
        for channel, count in self.n_sightings.items():
            if count > best.get(channel.point, (0, 0))[0]:
                best[channel.point] = (count, channel.link_type)
        return {point: link for point, (_, link) in best.items()}

    def begin(self) -> None:
        """Start pass 2, which may be run several times: what does not fit together is recorded once."""
        log = self._log if self._is_first_pass_2 else Log()
        self._is_first_pass_2 = False
        self._joiners = {provider.guid: FrameJoiner(log) for provider in self._providers}

    def packets(self, piece: Slice) -> PacketRows | None:
        """Pass 2: the sightings of whole packets in a slice, in order of time; None where there are none."""
        parts = [
            self._whole(provider.guid, found, rows, piece)
            for provider, rows in self._by_provider(piece)
            for found in provider.read(piece.events.select(rows), None)
        ]
        parts = [part for part in parts if len(part)]
        if not parts:
            return None
        together = parts[0] if len(parts) == 1 else _merge(parts)
        order = np.argsort(together.event_row, kind="stable")
        if (np.diff(order) == 1).all():
            return together
        return together.take(order)

    def _whole(self, guid: str, found: Sightings, rows: I64, piece: Slice) -> PacketRows:
        """Join fragments, and put what is known of frame, event and point side by side."""
        frames = self._joiners[guid].join(found.fragments, found.data)
        frame_of = np.full(len(found.fragments), -1, np.int64)
        frame_of[frames.fragment] = np.arange(len(frames))
        frame = frame_of[found.observations.fragment]
        seen = found.observations.take(frame >= 0)
        frame = frame[frame >= 0]
        fragments = replace(
            found.fragments.take(seen.fragment), start=frames.start[frame], n_bytes=frames.n_bytes[frame]
        )
        event = rows[fragments.event]
        events = piece.events
        return PacketRows(
            data=frames.data, event_row=piece.first_row + event, ts_ns=events.ts_ns[event], pid=events.pid[event],
            tid=events.tid[event], fragments=fragments,
            original_bytes=original_bytes(
                frames.data, fragments.start, fragments.n_bytes, fragments.stated_bytes, fragments.link_type
            ),
            point=seen.point.astype(np.int64), direction=seen.direction,
        )  # fmt: skip

    def finish(self) -> None:
        """End pass 2."""
        for joiner in self._joiners.values():
            joiner.finish()

    def _by_provider(self, piece: Slice) -> Iterator[tuple[PacketProvider, I64]]:
        for provider in self._providers:
            rows = self._rows_of(piece, provider.guid)
            if rows is not None:
                yield provider, rows

    @staticmethod
    def _rows_of(piece: Slice, guid: str) -> I64 | None:
        texts = piece.events.guids.texts
        if guid not in texts:
            return None
        rows = np.flatnonzero(piece.events.provider == texts.index(guid))
        return rows if len(rows) else None


def _merge(parts: Sequence[PacketRows]) -> PacketRows:
    """Rows of several providers in one buffer; their own where they share it."""
    if all(part.data is parts[0].data for part in parts):
        data, moved = parts[0].data, [part.fragments for part in parts]
    else:
        from wnv import kernels

        # A frame that leaves a switch by many ports has many rows; its bytes are copied once.
        frames = [np.unique(part.event_row, return_index=True, return_inverse=True)[1:] for part in parts]
        total = sum(int(part.fragments.n_bytes[row].sum()) for part, (row, _) in zip(parts, frames, strict=True))
        data = np.zeros(total + _PADDING_BYTES, np.uint8)
        moved, used = [], 0
        for part, (row, frame) in zip(parts, frames, strict=True):
            n_bytes = part.fragments.n_bytes[row]
            at = used + np.cumsum(n_bytes) - n_bytes
            kernels.copy_pieces(part.data, part.fragments.start[row], n_bytes, data, at)
            moved.append(replace(part.fragments, start=at[frame]))
            used += int(n_bytes.sum())

    def column(name: str) -> I64:
        joined: I64 = np.concatenate([getattr(part, name) for part in parts])
        return joined

    return PacketRows(
        data=data, event_row=column("event_row"), ts_ns=column("ts_ns"), pid=column("pid"), tid=column("tid"),  # type: ignore[arg-type] # columns by name
        fragments=Fragments.concatenate(moved), original_bytes=column("original_bytes"), point=column("point"),
        direction=column("direction"),  # type: ignore[arg-type] # columns by name
    )  # fmt: skip


@dataclass(slots=True)
class Scanned:
    """A recording after its first pass."""

    recording: Recording
    packets: PacketReader
    decoder: Decoder
    overview: Overview
    slice_bytes: int = SLICE_BYTES


def scan(recording: Recording, progress: Progress | None = None, *, slice_bytes: int = SLICE_BYTES) -> Scanned:
    """Pass 1: walk all buffers, count events, learn names; then what the recording holds and lost.

    Both passes read about `slice_bytes` at a time.
    """
    packets = PacketReader(recording)
    census = Census(recording.session_of_buffer)
    decoder = Decoder(recording.files[0].header.build, Catalog(), recording.log)

    def visit(piece: Slice) -> None:
        census.add(piece)
        packets.learn(piece)
        decoder.learn(piece)

    recording.scan(visit, progress, slice_bytes=slice_bytes)
    packets.name_points()
    overview = build_overview(
        recording, census, packets.hosts, _count_points(packets), packets.n_without_bytes, decoder
    )
    return Scanned(recording, packets, decoder, overview, slice_bytes)


def _count_points(packets: PacketReader) -> list[PointCount]:
    link_types = packets.link_types()
    n_packets = dict.fromkeys(range(len(packets.points.rows)), 0)
    for channel, n in packets.n_sightings.items():
        n_packets[channel.point] += n
    return [
        PointCount(number, point, LINK_NAMES.get(link_types.get(number, LINK_UNKNOWN), "other"), n_packets[number],
                   packets.n_drops.get(number, 0))
        for number, point in enumerate(packets.points.rows)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What of the packets to convert. `points` are names of capture points; empty = all."""

    points: tuple[str, ...] = ()
    is_once: bool = False
    per_interface: bool = False


def convert_to_pcapng(
    scanned: Scanned,
    out: str,
    options: CaptureOptions,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> CaptureResult:
    """Write the packets to `out` (`-` = standard output). Raises `WnvError` if there are none."""
    packets, recording = scanned.packets, scanned.recording
    points = packets.points.rows
    header = recording.files[0].header
    if not all(file.header.same_boot(header) for file in recording.files):
        raise UsageError(
            "these are recordings of different hosts, or of different boots of one: their interfaces are not the same",
            advice="Convert them one by one.",
        )
    wanted = _wanted_points(points, options.points)
    channels = {c: n for c, n in packets.n_sightings.items() if c.link_type != LINK_UNKNOWN and wanted[c.point]}
    if not channels:
        raise WnvError(f"{scanned.overview.source}: no packets to convert", advice=scanned.overview.why_no_packets())
    files, left_out = plan_files(out, channels, points, per_interface=options.per_interface)
    if packets.n_other_link:
        left_out["of a kind no capture file can carry"] = packets.n_other_link
    if packets.n_without_bytes:
        left_out["with headers only, no bytes"] = packets.n_without_bytes
    writer = CaptureWriter(
        files, points, comment=scanned.overview.section_comment(), application=f"wnv {__version__}",
        os=windows_version(header.build, header.os_major, header.os_minor),
        inputs=[file.source.path for file in recording.files], build=header.build, remarks=packets.ndiscap.remarks,
    )  # fmt: skip
    batches = _batches(scanned, wanted, is_once=options.is_once, progress=progress)
    result = CaptureResult(files, left_out)
    result.is_partial = write_capture(batches, writer, should_stop)
    if not result.is_partial:
        packets.finish()
    return result


def _batches(
    scanned: Scanned, wanted: BOOL, *, is_once: bool, progress: Progress | None
) -> Iterator[PacketRows | None]:
    first_sight = _FirstSight(scanned.packets.points.rows)
    scanned.packets.begin()
    for piece in scanned.recording.slices(progress, slice_bytes=scanned.slice_bytes):
        rows = scanned.packets.packets(piece)
        if rows is None:
            yield None
            continue
        keep = wanted[rows.point] if not wanted.all() else np.ones(len(rows), np.bool_)
        if is_once:
            keep &= first_sight.of(rows)
        yield rows if keep.all() else rows.take(keep)


def longest_sightings(scanned: Scanned) -> list[dict[str, object]]:
    """The sightings of one pktmon packet, in order: of those seen most often, the first.

    Keys: packet, appearance, ts_ns, point, description, direction, original_bytes, summary. Raises `WnvError`
    where nothing in the recording says which sightings belong together.
    """
    best: list[dict[str, object]] = []
    scanned.packets.begin()
    for piece in scanned.recording.slices(slice_bytes=scanned.slice_bytes):
        rows = scanned.packets.packets(piece)
        if rows is None or not rows.fragments.has_group.any():
            continue
        rows = rows.take(rows.fragments.has_group)
        key = np.stack([rows.fragments.group, rows.fragments.number.astype(np.uint64)], axis=1)
        _, inverse, counts = np.unique(key, axis=0, return_inverse=True, return_counts=True)
        mine = np.flatnonzero(inverse.reshape(-1) == np.argmax(counts))
        if len(mine) > len(best):
            mine = mine[np.argsort(rows.fragments.appearance[mine], kind="stable")]
            best = [_sighting(scanned, rows, int(row)) for row in mine]
    scanned.packets.finish()
    if not best:
        raise WnvError("no packet of this recording carries a number of its own", advice="Only pktmon numbers packets.")
    return best


def _sighting(scanned: Scanned, rows: PacketRows, row: int) -> dict[str, object]:
    fragments, point = rows.fragments, scanned.packets.points.rows[int(rows.point[row])]
    start = int(fragments.start[row])
    frame = rows.data[start : start + int(fragments.n_bytes[row])].tobytes()
    return {
        "packet": f"{int(fragments.group[row])}.{int(fragments.number[row])}",
        "appearance": int(fragments.appearance[row]),
        "ts_ns": int(rows.ts_ns[row]),
        "point": point.name,
        "description": point.description,
        "direction": {IN: "in", OUT: "out"}.get(int(rows.direction[row]), ""),
        "original_bytes": int(rows.original_bytes[row]),
        "summary": summarize(frame, int(fragments.link_type[row])),
    }


class _FirstSight:
    """Which sighting stands for its packet: pktmon's first appearance; with ndiscap the one at the miniport, or,
    where only a switch was recorded, the one on the way in."""

    def __init__(self, points: Sequence[Point]) -> None:
        is_layer = np.array([point.key[0] == "ndiscap" for point in points], np.bool_)
        is_port = np.array([point.key[0].startswith("ndiscap.") for point in points], np.bool_)
        is_miniport = np.array([point.kind is PointKind.MINIPORT for point in points], np.bool_)
        is_external = np.array([point.kind is PointKind.EXTERNAL_NIC for point in points], np.bool_)
        self._inward = np.where(is_external, IN, OUT)
        has_miniport = bool((is_layer & is_miniport).any())
        self._never = (is_layer & ~is_miniport) | (is_port & has_miniport)
        self._by_ingress = is_port & ~self._never

    def of(self, rows: PacketRows) -> BOOL:
        first = np.where(rows.fragments.has_group, rows.fragments.appearance == 1, ~self._never[rows.point])
        # A port of unknown kind has no direction: a packet that may show twice is better than one that is missing.
        is_ingress = (rows.direction == self._inward[rows.point]) | (rows.direction == NO_DIRECTION)
        first &= ~self._by_ingress[rows.point] | is_ingress
        return first


def _wanted_points(points: Sequence[Point], names: tuple[str, ...]) -> BOOL:
    if not names:
        return np.ones(len(points), np.bool_)
    known = {point.name.lower(): number for number, point in enumerate(points)}
    wanted = np.zeros(len(points), np.bool_)
    for name in names:
        number = known.get(name.lower())
        if number is None:
            listed = ", ".join(point.name for point in points[:20]) or "none"
            raise UsageError(f"no capture point {name!r} in this recording", advice=f"There are: {listed}.")
        wanted[number] = True
    return wanted
