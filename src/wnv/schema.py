"""The tables, declared once: what every stage before produces and everything after reads.

Here are those that reading a recording fills; topology, journeys and the rest come with their stages.
Times are nanoseconds UTC; a null means that the recording does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Type of a column."""

    INTEGER = "integer"
    TEXT = "text"
    TIME = "time"
    """Nanoseconds UTC since 1970."""
    NUMBER = "number"
    FLAG = "flag"
    JSON = "json"
    """Text in JSON; in JSON output the value itself."""
    GUID = "guid"
    """Lower case, without braces."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what it means."""

    name: str
    kind: Kind
    text: str
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what one row is, and its columns in order."""

    name: str
    text: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


_INTEGER, _TEXT, _TIME, _GUID = Kind.INTEGER, Kind.TEXT, Kind.TIME, Kind.GUID
_NUMBER, _FLAG, _JSON = Kind.NUMBER, Kind.FLAG, Kind.JSON
_SESSION_ID = Column("session_id", _INTEGER, "The recording it belongs to.")

SESSION = Table("session", "One recording; files equal in boot time, start, logger and clock rate are one.", (
    _SESSION_ID,
    Column("host", _TEXT, "Name of the machine; no ETL names it.", True),
    Column("os_build", _INTEGER, "Build number of Windows."),
    Column("os_name", _TEXT, "Windows by name."),
    Column("product", _TEXT, "Edition of Windows, as the recording states it.", True),
    Column("logger", _TEXT, "Name of the session."),
    Column("start_ns", _TIME, "When the session was started.", True),
    Column("end_ns", _TIME, "When it was stopped, by the system's clock; null if it never was.", True),
    Column("first_event_ns", _TIME, "Time of the first event beside the header's.", True),
    Column("last_event_ns", _TIME, "Time of the last event.", True),
    Column("clock", _TEXT, "The clock of the events' ticks."),
    Column("zone", _TEXT, "The host's time zone, at the start."),
    Column("pointer_size", _INTEGER, "Bytes of a pointer on the host."),
    Column("n_processors", _INTEGER, "Processors of the host."),
    Column("n_events", _INTEGER, "Events in the recording."),
    Column("n_events_lost", _INTEGER, "Events that Windows could not record."),
    Column("n_buffers_lost", _INTEGER, "Buffers that Windows could not write."),
    Column("source", _TEXT, "Its files."),
))  # fmt: skip

EVENTS = Table("events", "One event, by its header.", (
    Column("event_row", _INTEGER, "Place in the global order of time, from 0."),
    _SESSION_ID,
    Column("ts_ns", _TIME, "When it was logged.", True),
    Column("ticks", _INTEGER, "The same in the session's own clock."),
    Column("header_kind", _TEXT, "Layout of its header: EVENT_HEADER64, FULL_HEADER64, SYSTEM64, MESSAGE, …"),
    Column("hook_id", _INTEGER, "Group and type of a kernel event; null for events identified by a GUID.", True),
    Column("cpu", _INTEGER, "Processor that logged it."),
    Column("pid", _INTEGER, "Process that was running; often not the owner of the traffic.", True),
    Column("tid", _INTEGER, "Thread that was running.", True),
    Column("provider_guid", _GUID, "Provider, or class of a classic event.", True),
    Column("provider", _TEXT, "Its name, where known.", True),
    Column("event_id", _INTEGER, "Id; null for classic events.", True),
    Column("version", _INTEGER, "Version of the event's layout."),
    Column("level", _INTEGER, "Severity: 1 critical … 5 verbose; null where the header has none.", True),
    Column("opcode", _INTEGER, "Opcode; with the class it identifies a classic event.", True),
    Column("keyword", _INTEGER, "Keyword bits; null where the header has none.", True),
    Column("activity_id", _GUID, "Activity; null if all zeros.", True),
    Column("related_activity_id", _GUID, "Activity that this one came from.", True),
    Column("container_id", _GUID, "Process-isolated container the event came from.", True),
    Column("sid", _TEXT, "User, where the session asked for it.", True),
    Column("n_stack", _INTEGER, "Return addresses recorded with it.", True),
    Column("buffer_row", _INTEGER, "Row in `buffers`."),
    Column("payload_offset", _INTEGER, "Where the payload starts in its (unpacked) buffer."),
    Column("payload_bytes", _INTEGER, "Length of the payload."),
))  # fmt: skip

FIELDS = Table("fields", "What an event says, decoded when asked for; beside the columns of `events`.", (
    Column("name", _TEXT, "What its provider calls it; null where nobody says.", True),
    Column("summary", _TEXT, "The event in a line: in our words, or its fields one after the other.", True),
    Column("source", _TEXT, "What described it: tracelogging, event_source, metadata, catalog, user, …", True),
    Column("is_whole", _FLAG, "Whether the payload fits its description; null without a description.", True),
    Column("confidence", _NUMBER, "1 = described for this version of Windows; less is a guess.", True),
    Column("fields", _JSON, "The fields by name.", True),
))  # fmt: skip

BUFFERS = Table("buffers", "One buffer of a file.", (
    Column("buffer_row", _INTEGER, "Number, in order of file and place."),
    _SESSION_ID,
    Column("file_offset", _INTEGER, "Where it starts in its file."),
    Column("cpu", _INTEGER, "Processor it belongs to."),
    Column("sequence", _INTEGER, "Number in the session, given when a processor takes it."),
    Column("used_bytes", _INTEGER, "Bytes in use after unpacking, header included."),
    Column("flags", _INTEGER, "BufferFlag bits."),
    Column("n_events", _INTEGER, "Events found in it."),
))  # fmt: skip

POINTS = Table("points", "A place where packets were seen.", (
    Column("point_id", _INTEGER, "Number, in order of first appearance."),
    Column("name", _TEXT, "Short and unique in the recording; the interface's name in a pcapng file."),
    Column("kind", _TEXT, "miniport, filter, switch_port, vm_nic, host_vnic, external_nic, …"),
    Column("link_type", _TEXT, "What its packets begin with: ethernet, wifi, raw, payload."),
    Column("description", _TEXT, "All that the recording says of it."),
    Column("n_packets", _INTEGER, "Sightings with bytes."),
    Column("n_drops", _INTEGER, "Of these, packets dropped there."),
))  # fmt: skip

DIAGNOSTICS = Table("diagnostics", "Something that could not be read, or was lost.", (
    Column("code", _TEXT, "Stable name."),
    Column("severity", _TEXT, "note, loss or damage."),
    Column("stage", _TEXT, "Where in reading it was found."),
    Column("file", _TEXT, "The file it concerns.", True),
    Column("byte_offset", _INTEGER, "First place in the file.", True),
    Column("count", _INTEGER, "How often."),
    Column("text", _TEXT, "What it is, in words."),
    Column("detail", _TEXT, "More about this one.", True),
    Column("advice", _TEXT, "What to do about it.", True),
))  # fmt: skip

TABLES = (SESSION, BUFFERS, EVENTS, FIELDS, POINTS, DIAGNOSTICS)
