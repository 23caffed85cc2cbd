"""The packets of a recording to capture files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wnv import __version__
from wnv.arrays import BOOL, I64
from wnv.errors import UsageError, WnvError
from wnv.etl.reader import Progress
from wnv.export.capture import CaptureResult, CaptureWriter, plan_files, write_capture
from wnv.packets.headers import summarize
from wnv.packets.points import IN, LINK_UNKNOWN, NO_DIRECTION, OUT, Channel, Point, PointKind
from wnv.packets.sightings import PacketRows
from wnv.pipeline.scanning import Opened

if TYPE_CHECKING:
    from wnv.pipeline.following import Followed
    from wnv.pipeline.one_clock import OneClock


@dataclass(frozen=True, slots=True)
class Chosen:
    """Sightings that were chosen one by one: rows of the table `observations`, by `event_row`."""

    event_row: I64
    point: I64
    channels: Mapping[Channel, int]
    """How many there are of each."""

    def includes(self, rows: PacketRows, n_points: int) -> BOOL:
        """Which of `rows` are among them."""
        if not len(rows):
            return np.zeros(0, np.bool_)
        first = np.searchsorted(self.event_row, rows.event_row.min())
        last = np.searchsorted(self.event_row, rows.event_row.max(), "right")
        mine = self.event_row[first:last] * n_points + self.point[first:last]
        chosen: BOOL = np.isin(rows.event_row * n_points + rows.point, mine)
        return chosen


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What of the packets to convert. `points` are names of capture points; empty = all."""

    points: tuple[str, ...] = ()
    is_once: bool = False
    per_interface: bool = False
    only: Chosen | None = None
    """None = all."""
    told: Followed | None = None
    """Journeys, which name interfaces and packets; without, the events alone are heard."""
    by: OneClock | None = None
    """By whose clock the packets of several hosts are ordered and timed; None = as recorded."""


def convert_to_pcapng(
    source: Opened,
    out: str,
    options: CaptureOptions,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> CaptureResult:
    """Write the packets to `out` (`-` = standard output). Raises `WnvError` if there are none."""
    overview, facts = source.overview, source.capture
    points = facts.points
    wanted = _wanted_points(points, options.points)
    counts = facts.counts() if options.only is None else options.only.channels
    channels = {c: n for c, n in counts.items() if c.link_type != LINK_UNKNOWN and wanted[c.point]}
    if not channels and options.only is not None and overview.n_packets:
        raise WnvError(f"{overview.source}: no packet fits, so there is nothing to convert")
    if not channels:
        raise WnvError(f"{overview.source}: no packets to convert", advice=overview.why_no_packets())
    files, left_out = plan_files(out, channels, points, per_interface=options.per_interface)
    if facts.n_other_link and options.only is None:
        left_out["of a kind no capture file can carry"] = facts.n_other_link
    if overview.n_without_bytes and options.only is None:
        left_out["with headers only, no bytes"] = overview.n_without_bytes
    comment = [overview.section_comment(), *(options.by.lines() if options.by is not None else ())]
    writer = CaptureWriter(
        files, points, comment="; ".join(comment), application=f"wnv {__version__}",
        os=facts.windows, inputs=source.inputs, builds=facts.builds, remarks=facts.remarks,
        told=options.told,
    )  # fmt: skip
    batches = _batches(source, wanted, points, options, progress=progress)
    result = CaptureResult(files, left_out)
    result.is_partial = write_capture(batches, writer, should_stop)
    return result


def _batches(
    source: Opened, wanted: BOOL, points: Sequence[Point], options: CaptureOptions, *, progress: Progress | None
) -> Iterator[PacketRows | None]:
    first_sight = _FirstSight(points)
    is_shifted = options.by is not None and options.by.is_shifted
    sightings = options.by.sightings if options.by is not None and is_shifted else source.sightings
    for rows in sightings(progress):
        if rows is None:
            yield None
            continue
        keep = wanted[rows.point] if not wanted.all() else np.ones(len(rows), np.bool_)
        if options.is_once:
            keep &= _stands_for_its_packet(rows, options.told, first_sight, len(points))
        if options.only is not None:
            keep &= options.only.includes(rows, len(points))
        yield rows if keep.all() else rows.take(keep)


def _stands_for_its_packet(
    rows: PacketRows, told: Followed | None, first_sight: _FirstSight, n_points: int
) -> BOOL:  # fmt: skip
    """One sighting a packet: the one its journey chose, or, of what is part of no journey, the first."""
    first = first_sight.of(rows)
    if told is None:
        return first
    found = told.find(rows, n_points)
    is_known = found >= 0
    first[is_known] = told.is_chosen[found[is_known]]
    return first


def longest_sightings(source: Opened) -> list[dict[str, object]]:
    """The sightings of one pktmon packet, in order: of those seen most often, the first.

    Keys: packet, appearance, ts_ns, point, description, direction, original_bytes, summary. Raises `WnvError`
    where nothing in the recording says which sightings belong together.
    """
    best: list[dict[str, object]] = []
    host = np.array([point.host for point in source.capture.points], np.uint64)
    for found in source.sightings():
        if found is None or not found.fragments.has_group.any():
            continue
        rows = found.take(found.fragments.has_group)
        key = np.stack([rows.fragments.group, rows.fragments.number.astype(np.uint64), host[rows.point]], axis=1)
        _, inverse, counts = np.unique(key, axis=0, return_inverse=True, return_counts=True)
        mine = np.flatnonzero(inverse.reshape(-1) == np.argmax(counts))
        if len(mine) > len(best):
            mine = mine[np.argsort(rows.fragments.appearance[mine], kind="stable")]
            best = [_sighting(source, rows, int(row)) for row in mine]
    if not best:
        raise WnvError("no packet of this recording carries a number of its own", advice="Only pktmon numbers packets.")
    return best


def _sighting(source: Opened, rows: PacketRows, row: int) -> dict[str, object]:
    fragments, point = rows.fragments, source.capture.points[int(rows.point[row])]
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
    """Which sighting stands for its packet on a host: pktmon's first appearance; with ndiscap the one at the miniport,
    or, where only a switch was recorded, the one on the way in."""

    def __init__(self, points: Sequence[Point]) -> None:
        is_layer = np.array([point.key[0] == "ndiscap" for point in points], np.bool_)
        is_port = np.array([point.key[0].startswith("ndiscap.") for point in points], np.bool_)
        is_miniport = np.array([point.kind is PointKind.MINIPORT for point in points], np.bool_)
        is_external = np.array([point.kind is PointKind.EXTERNAL_NIC for point in points], np.bool_)
        self._inward = np.where(is_external, IN, OUT)
        with_layers = {point.host for point in points if point.key[0] == "ndiscap"}
        has_layers = np.array([point.host in with_layers for point in points], np.bool_)
        self._never = (is_layer & ~is_miniport & ~_stands_in(points)) | (is_port & has_layers)
        self._by_ingress = is_port & ~self._never

    def of(self, rows: PacketRows) -> BOOL:
        first = np.where(rows.fragments.has_group, rows.fragments.appearance == 1, ~self._never[rows.point])
        # A port of unknown kind has no direction: a packet that may show twice is better than one that is missing.
        is_ingress = (rows.direction == self._inward[rows.point]) | (rows.direction == NO_DIRECTION)
        first &= ~self._by_ingress[rows.point] | is_ingress
        return first


def _stands_in(points: Sequence[Point]) -> BOOL:
    """For adapters of which no sighting at the miniport was recorded, the layer that was met first."""
    layers = [(number, point) for number, point in enumerate(points) if point.key[0] == "ndiscap"]
    seen = {(one.host, one.details["miniport_if_index"]) for _, one in layers if one.kind is PointKind.MINIPORT}
    chosen = np.zeros(len(points), np.bool_)
    for number, point in layers:
        adapter = point.host, point.details["miniport_if_index"]
        chosen[number] = adapter not in seen
        seen.add(adapter)
    return chosen


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
