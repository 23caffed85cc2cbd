"""Events of one provider, written by the lab's writer and read back: what the readers of providers are tested with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from lab_recordings import START_NS, writer
from wnv import open_trace
from wnv.decode.columns import Decoded
from wnv.etl.events import Events
from wnv.providers.winnat import Ends
from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import Socket

Event = tuple[EventKind, bytes]
Side = tuple[int, int, int]
"""Version, address, port."""


def _write(folder: Path, events: Sequence[Event]) -> Path:
    path = folder / "events.etl"
    with writer(path) as etl:
        for number, (kind, payload) in enumerate(events, 1):
            etl.add(START_NS + 100 * number, 0, 4, 8, kind, payload)
    return path


@contextmanager
def events_of(folder: Path, events: Sequence[Event]) -> Iterator[Events]:
    """The events in order of time, without those of the file's header; to be used within the block."""
    with open_trace(_write(folder, events), use_cache=False) as trace:
        (piece,) = trace.slices()
        yield piece.events.select(piece.events.has_descriptor.nonzero()[0])


def decoded_kinds(folder: Path, events: Sequence[Event]) -> list[tuple[int, Decoded]]:
    """Id and fields of the events, those of one kind together."""
    with open_trace(_write(folder, events), use_cache=False) as trace:
        decoder = trace.scanned().decoder
        return [
            (description.event_id, decoded)
            for piece in trace.slices()
            for description, _, decoded in decoder.kinds(piece)
            if description is not None and decoded is not None and description.event_id
        ]


def sides(ends: Ends) -> list[Side]:
    values = [high << 64 | low for high, low in zip(ends.high.tolist(), ends.low.tolist(), strict=True)]
    return list(zip(ends.version.tolist(), values, ends.port.tolist(), strict=True))


def side(one: Socket) -> Side:
    return 4, int(IPv4Address(str(one.address))), one.port
