"""What is in a recording and what it lost: the answer of `wnv info`, as data."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np

from wnv import __version__
from wnv.arrays import I64
from wnv.clock import NO_TIME, SYSTEM_CLOCK, HostZone
from wnv.diagnostics import Code, Row, Severity
from wnv.etl import layout
from wnv.etl.events import NO_PROVIDER
from wnv.etl.extended import traits_name
from wnv.etl.loss import Loss, find_losses
from wnv.etl.reader import Recording, Slice
from wnv.packets.points import Point
from wnv.providers import registry, vmswitch, wfp, winnat
from wnv.providers.builds import windows_version
from wnv.providers.capture_rules import CaptureRules
from wnv.providers.registry import ProviderKind
from wnv.text import counted

if TYPE_CHECKING:
    from wnv.decode.decoder import Decoder
    from wnv.providers.sysconfig import HostFacts

_EVENT_METADATA = "bbccf6c1-6cd1-48c4-80ff-839482e37671"
_PARTITION_HOOK = 0x0050
_EVENT_INFO_OPCODE = 0x20
_NAME_OFFSET_AT = 0x34
_PARTITION_TYPES = {
    1: "process-isolated container",
    2: "VM host",
    3: "hosted utility VM",
    4: "direct utility VM",
}
_DESCRIBED, _CLASSIC, _HOOK, _MESSAGE = range(4)
_KINDS_SHOWN = 6
_SHOWN_GAPS = 5

_DROP_IDS: Final = {
    vmswitch.GUID: vmswitch.DROP_IDS, wfp.WFP_GUID: wfp.WFP_IDS, wfp.TCPIP_GUID: wfp.TCPIP_IDS,
    winnat.GUID: (winnat.DROPPED,),
}  # fmt: skip
"""Events that say a drop, by provider."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often one kind of event occurs. Of id, opcode and hook one identifies it; the others are None."""

    event_id: int | None
    opcode: int | None
    hook_id: int | None
    version: int | None
    n_events: int
    n_described: int = 0
    """Of these, events whose fields can be decoded: the recording or the catalog says what they are."""


@dataclass(frozen=True, slots=True)
class ProviderCount:
    """The events of one provider, or classic class, in the recording."""

    guid: str | None
    name: str | None
    kind: ProviderKind
    n_events: int
    events: list[EventCount]

    @property
    def carries_packets(self) -> bool:
        return self.kind is ProviderKind.PACKETS

    @property
    def n_undescribed(self) -> int:
        return sum(one.n_events - one.n_described for one in self.events)


@dataclass(frozen=True, slots=True)
class PointCount:
    """A capture point and what was seen there."""

    point_id: int
    point: Point
    link_type: str
    n_packets: int
    n_drops: int
    host: str
    """What to call the host it is on, as in the rows of sessions; empty where nothing names the only one."""


class Census:
    """Counts events by what they are, piece by piece, and collects the names providers give themselves."""

    def __init__(self, session_of_buffer: I64) -> None:
        self._session_of_buffer = session_of_buffer
        self._counts: dict[int, int] = {}
        self._self_described: dict[int, int] = {}
        self._guids: list[str] = []
        self.names: dict[str, str] = {}
        """Provider names found in the recording, by GUID."""
        self.item_counts: dict[int, int] = {}
        self.partition: bytes = b""
        self.times: dict[int, tuple[int, int]] = {}
        """First and last time of each session's own events."""

    def add(self, piece: Slice) -> None:
        events = piece.events
        self._guids = events.guids.texts
        kind = np.select(
            [events.has_descriptor, layout.IS_HOOK[events.kind], events.kind == layout.MESSAGE],
            [_DESCRIBED, _HOOK, _MESSAGE], _CLASSIC,
        ).astype(np.int64)  # fmt: skip
        number = np.where(kind == _HOOK, events.hook_id, np.where(kind == _CLASSIC, events.opcode, events.event_id))
        key = (events.provider.astype(np.int64) + 1) << 40 | kind << 36 | number.astype(np.int64) << 16 | events.version
        keys, counts = np.unique(key, return_counts=True)
        for one, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self._counts[one] = self._counts.get(one, 0) + count
        own = np.unique(piece.items.of_type(layout.ITEM_SCHEMA).event)
        keys, counts = np.unique(key[own], return_counts=True)
        for one, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self._self_described[one] = self._self_described.get(one, 0) + count
        types, counts = np.unique(piece.items.type, return_counts=True)
        for item, count in zip(types.tolist(), counts.tolist(), strict=True):
            self.item_counts[item] = self.item_counts.get(item, 0) + count
        self._time(piece)
        self._learn_names(piece)

    @property
    def n_kinds(self) -> int:
        """Kinds of events met so far."""
        return len(self._counts)

    def plain_kinds(self, n_guids: int) -> Iterator[tuple[int, int, int, int]]:
        """Kinds met that say nothing of the recording itself, by the first `n_guids` providers: key, number of the
        provider, id, version. Events of these without extended items may be counted by `add_counts` instead."""
        from wnv.decode.decoder import MANIFEST_ID

        for key in self._counts:
            code, kind, number, version = (key >> 40) - 1, key >> 36 & 0xF, key >> 16 & 0xFFFF, key & 0xFFFF
            if kind == _DESCRIBED and 0 <= code < n_guids and number != MANIFEST_ID:
                known = registry.provider(self._guids[code])
                if known is None or known.kind is not ProviderKind.METADATA:
                    yield key, code, number, version

    def add_counts(self, counts: Mapping[int, int]) -> None:
        """Events counted elsewhere, by the keys of `plain_kinds`."""
        for key, count in counts.items():
            self._counts[key] += count

    def add_times(self, session: int, ts_ns: I64) -> None:
        """Times of events counted elsewhere."""
        known = ts_ns[ts_ns != NO_TIME]
        if len(known):
            low, high = int(known.min()), int(known.max())
            before = self.times.get(session, (low, high))
            self.times[session] = min(low, before[0]), max(high, before[1])

    def _time(self, piece: Slice) -> None:
        """First and last time of what the session recorded: not of its header, nor of what merging added."""
        events = piece.events
        is_added = np.isin(events.provider, [
            number for number, guid in enumerate(self._guids)
            if (known := registry.provider(guid)) is not None and known.kind is ProviderKind.METADATA
        ])  # fmt: skip
        is_added |= (events.hook_id >> 8) == registry.EVENT_TRACE_GROUP
        is_own = ~is_added & (events.ts_ns != NO_TIME)
        session_of_event = self._session_of_buffer[events.buffer[is_own]]
        ts_ns = events.ts_ns[is_own]
        for session in np.unique(session_of_event).tolist():
            self.add_times(session, ts_ns[session_of_event == session])

    def _learn_names(self, piece: Slice) -> None:
        """From provider traits (one item a provider will do) and from the schemas that merging adds."""
        events, traits = piece.events, piece.items.of_type(layout.ITEM_TRAITS)
        providers = events.provider[traits.event]
        for code in np.unique(providers[providers >= 0]).tolist():
            guid = self._guids[code]
            if guid not in self.names:
                name = traits_name(traits.raw(int(np.flatnonzero(providers == code)[0])))
                if name:
                    self.names[guid] = name
        if _EVENT_METADATA in self._guids:
            is_info = (events.provider == self._guids.index(_EVENT_METADATA)) & (events.opcode == _EVENT_INFO_OPCODE)
            for row in np.flatnonzero(is_info)[:_SCHEMAS_MAX]:
                start = int(events.payload_start[row])
                self._learn_schema(events.data[start : start + int(events.payload_bytes[row])].tobytes())
        partitions = np.flatnonzero(events.hook_id == _PARTITION_HOOK)
        if len(partitions) and not self.partition:
            start = int(events.payload_start[partitions[0]])
            self.partition = events.data[start : start + int(events.payload_bytes[partitions[0]])].tobytes()

    def _learn_schema(self, raw: bytes) -> None:
        """TRACE_EVENT_INFO: provider GUID, then an offset of its name (section 9.4)."""
        at = int.from_bytes(raw[_NAME_OFFSET_AT : _NAME_OFFSET_AT + 4], "little")
        if len(raw) < _NAME_OFFSET_AT + 4 or not 0 < at < len(raw):
            return
        name = raw[at:].decode("utf-16-le", "replace").split("\0", 1)[0].strip()
        if name:
            self.names.setdefault(str(uuid.UUID(bytes_le=raw[:16])), name)

    def providers(self, decoder: Decoder) -> list[ProviderCount]:
        """Counts by provider, most events first; hook events by the classic class they stand for."""
        from wnv.decode.decoder import Form

        forms = (Form.MANIFEST, Form.CLASSIC, Form.KERNEL)
        grouped: dict[str | None, list[EventCount]] = {}
        is_wpp: set[str | None] = set()
        for key, count in sorted(self._counts.items()):
            code, kind, number, version = (key >> 40) - 1, key >> 36 & 0xF, key >> 16 & 0xFFFF, key & 0xFFFF
            guid = None if code == NO_PROVIDER else self._guids[code]
            is_known = kind != _MESSAGE and decoder.knows(forms[kind], guid or "", number, version)
            n_described = count if is_known else self._self_described.get(key, 0)
            if kind == _HOOK:
                guid = registry.hook_provider(number)
                row = EventCount(None, number & 0xFF, number, version, count, n_described)
            elif kind == _CLASSIC:
                row = EventCount(None, number, None, version, count, n_described)
            elif kind == _MESSAGE:
                is_wpp.add(guid)
                row = EventCount(number, None, None, None, count)
            else:
                row = EventCount(number, None, None, version, count, n_described)
            grouped.setdefault(guid, []).append(row)
        found = [self._provider(guid, rows, is_wpp=guid in is_wpp) for guid, rows in grouped.items()]
        return sorted(found, key=lambda one: (-one.n_events, one.guid or ""))

    def _provider(self, guid: str | None, rows: list[EventCount], *, is_wpp: bool) -> ProviderCount:
        known = registry.provider(guid) if guid else None
        name = known.name if known else self.names.get(guid or "")
        kind = ProviderKind.WPP if is_wpp else known.kind if known else ProviderKind.OTHER
        return ProviderCount(guid, name, kind, sum(row.n_events for row in rows), rows)


_SCHEMAS_MAX = 1000


class AdapterDetails(TypedDict):
    """A network adapter of the host, as the recording lists it."""

    if_index: int
    alias: str
    description: str
    mac: str
    mtu: int
    speed_bits: int
    is_filter: bool
    is_up: bool


class SessionDetails(TypedDict):
    """More facts of the header and of the host."""

    n_files: int
    n_bytes: int
    n_buffers: int
    buffer_bytes: int
    mode: int
    mode_names: list[str]
    max_file_bytes: int | None
    is_compressed: bool
    log_file: str
    boot_ns: int | None
    cpu_mhz: int
    build_text: str | None
    windows_folder: str | None
    partition: str | None
    interfaces: list[AdapterDetails]


@dataclass(frozen=True, slots=True)
class SessionOverview:
    """One session of the recording; see `schema.SESSION` for what the names mean."""

    row: dict[str, Any]
    """A row of `schema.SESSION`."""
    details: SessionDetails
    zone: HostZone
    loss: Loss
    rules: CaptureRules

    def losses(self) -> list[str]:
        """What is missing of it, in sentences; the most telling first."""
        return _loss_lines(self)


@dataclass(frozen=True, slots=True)
class Overview:
    """What a recording holds, what it lost, what of it can be read."""

    source: str
    sessions: list[SessionOverview]
    providers: list[ProviderCount]
    points: list[PointCount]
    n_without_bytes: int
    items: dict[str, int]
    diagnostics: list[Row]

    @property
    def n_events(self) -> int:
        return sum(one.n_events for one in self.providers)

    @property
    def n_packets(self) -> int:
        return sum(point.n_packets for point in self.points)

    @property
    def hosts(self) -> dict[str, SessionOverview]:
        """The hosts by name, each with its first session; the name is empty where nothing names the only one."""
        found: dict[str, SessionOverview] = {}
        for one in self.sessions:
            found.setdefault(one.row["host"] or "", one)
        return found

    @property
    def is_damaged(self) -> bool:
        return any(row.kind.severity is Severity.DAMAGE for row in self.diagnostics)

    @property
    def is_complete(self) -> bool:
        return all(session.loss.is_complete for session in self.sessions)

    def filters(self) -> str:
        """Which packets alone were recorded, in words; empty where no rule of the capture says so."""
        return "; ".join(dict.fromkeys(session.rules.words for session in self.sessions if session.rules.words))

    @property
    def n_drop_events(self) -> int:
        """Events of switches, filters and stacks that say that something was dropped; they carry no packet, and
        several can be about one."""
        return sum(
            one.n_events
            for provider in self.providers
            for one in provider.events
            if one.event_id in _DROP_IDS.get(provider.guid or "", ())
        )

    def why_no_packets(self) -> str:
        """Why the recording has no packets, as far as it shows, and what to do (empty if it has some)."""
        if self.n_packets:
            return ""
        recorded = [one for one in self.providers if one.kind is not ProviderKind.METADATA]
        if self.n_without_bytes:
            return (
                "pktmon recorded headers only (its log level 0x4); start it with `pktmon start --capture --flags 0x10`"
            )
        if not recorded:
            if self.is_damaged:
                return (
                    "nothing but the session's own header is left of it: the file is damaged or was cut short "
                    "(`wnv info` says where); copy it again from the host, after the session was stopped"
                )
            if any(session.loss.n_events or session.loss.n_buffers for session in self.sessions):
                return "everything was lost; use more and larger buffers"
            return (
                "nothing but the session's own header was recorded: no provider was enabled, or it was too short; "
                "events reach the file when a buffer is full or the session is stopped"
            )
        if any(row.code is Code.FRAME_LAYOUT_UNKNOWN for row in self.diagnostics):
            return (
                "its packet events do not fit any layout that wnv knows: it is damaged, or of a newer Windows "
                "(`wnv info` tells its build)"
            )
        if any(one.carries_packets for one in recorded):
            return (
                "the packet provider wrote only about itself: no packet passed its filter while it ran; "
                "check the filters (`pktmon filter list`) and the adapters chosen"
            )
        if any(session.loss.is_wrapped for session in self.sessions):
            return "no packet provider is in what is left of the ring; record with a larger maxSize"
        wpp = [one for one in recorded if one.kind is ProviderKind.WPP]
        if wpp and len(wpp) == len(recorded):
            return "it holds WPP messages only, which need Microsoft's TMF files; record with `pktmon start --capture`"
        if any(one.kind is ProviderKind.KERNEL for one in recorded):
            return (
                "it is a performance recording (kernel events, as of WPR or xperf) without a packet provider; "
                "record with `netsh trace start capture=yes` or `pktmon start --capture`"
            )
        if any(one.kind is ProviderKind.NETWORK for one in recorded):
            return (
                "it has network events but no packet provider; record with `netsh trace start capture=yes`, "
                "on a container or Hyper-V host with `capturetype=both`"
            )
        return "no packet provider was enabled; record with `netsh trace start capture=yes` or `pktmon start --capture`"

    def undecoded(self) -> list[str]:
        """What stays raw, and why."""
        found = []
        wpp = [one for one in self.providers if one.kind is ProviderKind.WPP]
        if wpp:
            n = sum(one.n_events for one in wpp)
            found.append(
                f"{counted(n, 'WPP message')} of {counted(len(wpp), 'provider')}: they need Microsoft's TMF files"
            )
        for one in self.providers:
            if one.n_undescribed and one.kind is not ProviderKind.WPP:
                what = f"{counted(one.n_undescribed, 'event')} of {one.name or one.guid} ({_kind_words(one)})"
                found.append(f"{what}: nothing says what fields they have")
        return found

    def losses(self) -> list[str]:
        """What is missing, in sentences; the most telling first. Empty if nothing is known to be missing."""
        return [line for session in self.sessions for line in session.losses()]

    def section_comment(self) -> str:
        """What a capture file says of where it comes from."""
        hosts = self.hosts
        lines = [
            f"wnv {__version__} from {self.source}",
            *(_recorded_by(first, host if len(hosts) > 1 else "") for host, first in hosts.items()),
            f"{counted(self.n_packets, 'sighting')} at {counted(len(self.points), 'point')}, a packet at several",
        ]
        losses = self.losses()
        lines += [f"lost: {line}" for line in losses] or ["nothing is known to be lost"]
        return "; ".join(lines)

    def to_json(self) -> dict[str, Any]:
        """For machines: times in ns UTC, names as in `schema`."""
        return {
            "wnv_version": __version__,
            "source": self.source,
            "sessions": [
                    {
                    **one.row, **one.details, "loss": _loss_json(one.loss), "rules": _rules_json(one.rules),
                } for one in self.sessions
            ],
            "n_events": self.n_events,
            "providers": [
                {
                    "provider_guid": one.guid, "provider": one.name, "kind": one.kind.value, "n_events": one.n_events,
                    "carries_packets": one.carries_packets,
                    "events": [
                        {"event_id": e.event_id, "opcode": e.opcode, "hook_id": e.hook_id, "version": e.version,
                         "n_events": e.n_events, "n_described": e.n_described} for e in one.events
                    ],
                } for one in self.providers
            ],
            "extended_items": self.items,
            "n_packets": self.n_packets,
            "n_packets_without_bytes": self.n_without_bytes,
            "points": [
                {"point_id": one.point_id, "name": one.point.name, "host": one.host or None,
                 "kind": one.point.kind.value, "link_type": one.link_type, "description": one.point.description,
                 "n_packets": one.n_packets,
                 "n_drops": one.n_drops, "details": one.point.details} for one in self.points
            ],
            "why_no_packets": self.why_no_packets() or None,
            "undecoded": self.undecoded(),
            "losses": self.losses(),
            "diagnostics": [diagnostic_row(row) for row in self.diagnostics],
        }  # fmt: skip


def _recorded_by(session: SessionOverview, host: str) -> str:
    row = session.row
    windows = f"{row['product'] or row['os_name']} (build {row['os_build']})"
    return f"recorded by {row['logger'] or 'an unnamed session'} on {f'{host}, ' if host else ''}{windows}"


def _kind_words(provider: ProviderCount) -> str:
    """Which of its events are not described: `id 5, id 7, …`."""
    rows = [one for one in provider.events if one.n_described < one.n_events]
    numbers = sorted({_number_words(one) for one in rows})
    return ", ".join(numbers[:_KINDS_SHOWN]) + (", …" if len(numbers) > _KINDS_SHOWN else "")


def _number_words(kind: EventCount) -> str:
    if kind.hook_id is not None:
        return f"hook {kind.hook_id:#06x}"
    return f"opcode {kind.opcode}" if kind.event_id is None else f"id {kind.event_id}"


def diagnostic_row(row: Row) -> dict[str, Any]:
    """A row of `schema.DIAGNOSTICS`."""
    return {
        "code": row.code.value, "severity": row.kind.severity.value, "stage": row.kind.stage, "file": row.file or None,
        "byte_offset": row.byte_offsets[0] if row.byte_offsets else None, "count": row.count, "text": row.kind.text,
        "detail": row.detail or None, "advice": row.kind.advice or None,
    }  # fmt: skip


def _rules_json(rules: CaptureRules) -> dict[str, Any]:
    return {
        "truncate_bytes": rules.truncate_bytes, "is_multi_layer": rules.is_multi_layer, "filters": rules.words or None
    }  # fmt: skip


def _loss_json(loss: Loss) -> dict[str, Any]:
    return {
        "n_events_lost": loss.n_events, "n_buffers_lost": loss.n_buffers, "n_buffers_flagged": loss.n_flagged,
        "n_gaps": loss.n_gaps, "n_buffers_missing": loss.n_missing, "n_buffers_cut": loss.n_cut,
        "gaps": [
            {"first_missing": g.first_missing, "n_buffers": g.n_buffers, "start_ns": g.start_ns, "end_ns": g.end_ns,
             "cpu": g.cpu, "confidence": g.confidence} for g in loss.gaps
        ],
        "is_ring": loss.is_ring, "is_wrapped": loss.is_wrapped, "wrap_confidence": loss.wrap_confidence,
        "wrap_reason": loss.wrap_reason or None, "n_buffers_overwritten": loss.n_overwritten,
        "coverage": [
            {"cpu": c.cpu, "n_buffers": c.n_buffers, "start_ns": c.start_ns, "end_ns": c.end_ns} for c in loss.coverage
        ],
    }  # fmt: skip


def duration_text(duration_ns: int) -> str:
    """`38.1 s`, `10 min 12 s`, `2 h 3 min`, `3 d 4 h`: two units at most."""
    seconds = duration_ns / 1e9
    if seconds < 0.1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit, size, small, small_size in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    raise AssertionError(duration_ns)


def _loss_lines(session: SessionOverview) -> list[str]:
    loss, lines = session.loss, []
    if loss.is_wrapped:
        lines.append(_ring_line(session))
    if loss.n_events:
        lines.append(f"{counted(loss.n_events, 'event')} could not be recorded (Windows does not say when)")
    if loss.n_buffers:
        lines.append(f"{counted(loss.n_buffers, 'buffer')} could not be written")
    if loss.n_flagged:
        lines.append(f"Windows marked {counted(loss.n_flagged, 'buffer')}: something was lost before")
    if loss.n_cut:
        lines.append(f"the file was cut short: it lacks {counted(loss.n_cut, 'buffer')} that Windows wrote")
    if loss.n_missing:
        shown = "; ".join(_gap_words(session, number) for number in range(min(_SHOWN_GAPS, len(loss.gaps))))
        more = "; …" if loss.n_gaps > _SHOWN_GAPS else ""
        where = counted(loss.n_gaps, "place")
        lines.append(f"{counted(loss.n_missing, 'missing buffer')} in {where}: {shown}{more}")
    return lines


def _ring_line(session: SessionOverview) -> str:
    """`covers the last 38 s of 10 min 12 s; the rundowns of the start are gone`, and by processor."""
    loss, start, end = (
        session.loss,
        session.row["start_ns"],
        session.row["end_ns"] or session.row["last_event_ns"],
    )
    known = [one for one in loss.coverage if one.start_ns is not None and one.end_ns is not None]
    how = "the ring wrapped" if loss.wrap_confidence == 1.0 else f"the ring probably wrapped ({loss.wrap_reason})"
    if not known or start is None or end is None:
        return f"{how}: the start of the recording is gone"
    first = min(one.start_ns for one in known if one.start_ns is not None)
    line = (
        f"{how}: covers the last {duration_text(max(0, end - first))} of {duration_text(max(0, end - start))}; "
        "the rundowns of the start are gone"
    )
    spans = {duration_text(max(0, end - (one.start_ns or 0))) for one in known}
    if len(known) > 1 and len(spans) > 1:
        shown = ", ".join(
            f"processor {one.cpu} the last {duration_text(max(0, end - (one.start_ns or 0)))}" for one in known[:8]
        )
        line += f" ({shown}{', …' if len(known) > 8 else ''})"
    return line


def _gap_words(session: SessionOverview, number: int) -> str:
    gap, start = session.loss.gaps[number], session.row["start_ns"]
    what = f"{gap.n_buffers:,} from number {gap.first_missing:,}"
    if gap.start_ns is None or gap.end_ns is None or start is None:
        return what
    when = f"{(gap.start_ns - start) / 1e9:.3f} to {(gap.end_ns - start) / 1e9:.3f} s after the start"
    whose = f"processor {gap.cpu}" if gap.cpu is not None else "processor not known"
    return f"{what}, {when}, {whose}"


def build_overview(
    recording: Recording, census: Census, hosts: Sequence[HostFacts], rules: Sequence[CaptureRules],
    points: Sequence[PointCount], n_without_bytes: int, decoder: Decoder, names: Sequence[str],
) -> Overview:  # fmt: skip
    """Put together what the first pass found; records losses in the log. `names`: what to call each host, or empty."""
    providers = census.providers(decoder)
    sessions = []
    for session_id, files in enumerate(recording.sessions):
        host = recording.host_of_session[session_id]
        sessions.append(_session(recording, census, hosts[host], rules[session_id], session_id, files, names[host]))
    names = [file.source.path.name for file in recording.files]
    return Overview(
        source=", ".join(names[:3]) + (", …" if len(names) > 3 else ""),
        sessions=sessions, providers=providers, points=[one for one in points if one.n_packets],
        n_without_bytes=n_without_bytes,
        items={layout.ITEM_NAMES.get(item, f"type_{item}"): n for item, n in sorted(census.item_counts.items())},
        diagnostics=recording.log.rows(),
    )  # fmt: skip


def _session(
    recording: Recording,
    census: Census,
    host: HostFacts,
    rules: CaptureRules,
    session_id: int,
    files: list[int],
    name: str,
) -> SessionOverview:
    header = recording.files[files[0]].header
    clock = recording.clocks[files[0]]
    loss = find_losses(recording, files, recording.log)
    start_ns = _optional(int(clock.ts_ns(np.array([header.base_ticks], np.int64))[0]))
    ends = [recording.files[number].header.end_filetime for number in files]
    end_ns = _filetime_ns(max(ends)) if all(ends) else None
    mine = np.isin(recording.buffers.file, files)
    old_steps = header.timer_resolution if header.os_major < 10 else None
    times = census.times.get(session_id, (None, None))
    row = {
        "session_id": session_id, "host": name or None, "os_build": header.build,
        "os_name": windows_version(header.build, header.os_major, header.os_minor), "product": host.product or None,
        "logger": header.logger, "start_ns": start_ns, "end_ns": end_ns,
        "first_event_ns": times[0], "last_event_ns": times[1],
        "clock": clock.resolution(old_steps), "zone": header.zone.label(start_ns or 0),
        "pointer_size": header.pointer_size, "n_processors": header.n_processors,
        "n_events": int(recording.spans.n_events[mine].sum()),
        "n_events_lost": header.events_lost, "n_buffers_lost": header.buffers_lost,
        "source": ", ".join(str(recording.files[number].source.path) for number in files),
    }  # fmt: skip
    details: SessionDetails = {
        "n_files": len(files), "n_bytes": sum(recording.files[number].source.size for number in files),
        "n_buffers": int(mine.sum()), "buffer_bytes": header.buffer_bytes, "mode": header.mode,
        "mode_names": header.mode_names, "max_file_bytes": header.max_file_bytes or None,
        "is_compressed": bool(recording.buffers.is_packed[mine].any()), "log_file": header.log_file,
        "boot_ns": _filetime_ns(header.boot_filetime), "cpu_mhz": header.cpu_mhz, "build_text": host.build_text or None,
        "windows_folder": host.windows_folder or None, "partition": _partition(census.partition),
        "interfaces": [
            {"if_index": one.if_index, "alias": one.alias, "description": one.description, "mac": one.mac.hex(":"),
             "mtu": one.mtu, "speed_bits": one.speed_bits, "is_filter": one.is_filter, "is_up": one.is_up}
            for one in host.interfaces.values()
        ],
    }  # fmt: skip
    return SessionOverview(row, details, header.zone, loss, rules)


def _optional(ts_ns: int) -> int | None:
    return None if ts_ns == NO_TIME else ts_ns


def _filetime_ns(filetime: int) -> int | None:
    """`ts_ns` of a FILETIME; None for 0 and for what has no place in 64 bits."""
    if filetime <= 0:
        return None
    return _optional(int(SYSTEM_CLOCK.ts_ns(np.array([filetime], np.int64))[0]))


def _partition(raw: bytes) -> str | None:
    """Which partition the recording was made in; None on a plain host, where all is zero (section 5.3)."""
    if len(raw) < 0x30 or not any(raw[:0x30]):
        return None
    kind = int.from_bytes(raw[0x28:0x2C], "little")
    return f"{_PARTITION_TYPES.get(kind, f'partition type {kind}')} {uuid.UUID(bytes_le=raw[:16])}"
