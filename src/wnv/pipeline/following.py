"""What journeys say of each sighting: which packet it is of, which hop, how it ends; for capture files."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from wnv.arrays import BOOL, I64, U64
from wnv.explain.naming import Names
from wnv.export.comments import comment_options
from wnv.export.pcapng import PacketOptions
from wnv.journeys import layout as c
from wnv.packets.sightings import PacketRows
from wnv.sql.engine import connect, read_batches
from wnv.text import visible

_TABLES: Final = ("session", "observations", "points", "frames", "journeys", "hops", "flows", "nodes", "edges")
_DNS_MAX: Final = 10_000
_SAID = "hash(h.point, h.event, h.rewrite, h.drop_reason, j.outcome)"
_SEEN = f"""
    SELECT o.event_row, o.point_id, o.frame_id, h.journey_id, h.seq, j.n_hops, {_SAID} AS said {{more}}
    FROM (
        SELECT journey_id, seq, point, event, rewrite, drop_reason, src, dst, reason, unnest(evidence) AS event_row
        FROM hops
    ) h
    JOIN points p ON p.name = h.point
    JOIN observations o ON o.event_row = h.event_row AND o.point_id = p.point_id
    JOIN journeys j ON j.journey_id = h.journey_id
"""
_IS_PART = f"""
    coalesce(h.reason = '{c.WHY_WORDS[c.WHY_RANGE]}' AND NOT contains(coalesce(h.rewrite, ''), 'joined from'), FALSE)
"""
_SIGHTS = f"CREATE TEMP TABLE sights AS {_SEEN.format(more=f', j.flow_id, h.src, h.dst, {_IS_PART} AS is_part')}"
_WORDS = f"""
    SELECT {_SAID} AS said, any_value(h.point) AS point, any_value(h.event) AS event, any_value(h.rewrite) AS rewrite,
           any_value(h.drop_reason) AS drop_reason, any_value(j.outcome) AS outcome
    FROM hops h JOIN journeys j ON j.journey_id = h.journey_id GROUP BY said
"""
_HOME = """
    CREATE TEMP TABLE homes AS
    SELECT flow_id, arg_max(point_id, rank) AS point_id FROM (
        SELECT s.flow_id, s.point_id,
               (count(DISTINCT s.journey_id) FILTER (s.src = f.src OR s.dst = f.src), -min(s.journey_id * 64 + s.seq))
               AS rank
        FROM sights s JOIN flows f ON f.flow_id = s.flow_id
        WHERE s.frame_id IS NOT NULL GROUP BY s.flow_id, s.point_id
    ) GROUP BY flow_id
"""
"""Where most of a conversation's packets were seen with the addresses it began with; of several the first."""
_CHOSEN = """
    CREATE TEMP TABLE chosen AS
    SELECT journey_id, arg_max(event_row, rank) AS event_row, arg_max(point_id, rank) AS point_id,
           arg_max(seq, rank) AS seq, arg_max(is_part, rank) AS is_part
    FROM (
        SELECT s.journey_id, s.event_row, s.point_id, s.seq, s.is_part,
               (s.point_id IS NOT DISTINCT FROM h.point_id, coalesce(s.src = f.src OR s.dst = f.src, TRUE), -s.seq,
                -s.event_row) AS rank
        FROM sights s LEFT JOIN homes h ON h.flow_id = s.flow_id LEFT JOIN flows f ON f.flow_id = s.flow_id
        WHERE s.frame_id IS NOT NULL
    ) GROUP BY journey_id
"""
_WHOLE = """
    DELETE FROM chosen WHERE journey_id IN (
        SELECT journey_id FROM journeys WHERE joined_id IN (
            SELECT c.journey_id FROM chosen c JOIN hops h ON h.journey_id = c.journey_id AND h.seq <= c.seq
            WHERE contains(h.rewrite, 'joined from')
        )
    )
"""
"""Segments that were joined to a packet that is taken whole are not taken too."""
_ORDER = " ORDER BY event_row, point_id, journey_id, seq"
_ROWS = f"SELECT *, FALSE AS is_chosen FROM ({_SEEN.format(more='')}) {_ORDER}"
_ROWS_AND_CHOICE = f"""
    SELECT s.event_row, s.point_id, s.frame_id, s.journey_id, s.seq, s.n_hops, s.said,
           coalesce(
               c.point_id = s.point_id
               AND (c.event_row = s.event_row OR (c.is_part AND c.seq = s.seq AND s.frame_id IS NOT NULL)), FALSE
           ) AS is_chosen
    FROM sights s LEFT JOIN chosen c ON c.journey_id = s.journey_id {_ORDER}
"""
_SPILLING = ("memory_limit = '384MB'", "preserve_insertion_order = false")
_BATCHES_KEPT = 8
"""Writers are behind readers by less."""
_RESOLVED = f"""
    SELECT DISTINCT dns_qry_name AS name, dns_a AS address FROM frames
    WHERE dns_is_response = 1 AND dns_a IS NOT NULL AND dns_qry_name IS NOT NULL LIMIT {_DNS_MAX}
"""


@dataclass(slots=True)
class _Sights:
    """Sightings that are part of a journey, in order of event and point: columns of equal length."""

    event_row: I64
    point: I64
    frame_id: I64
    journey: I64
    hop: I64
    n_hops: I64
    text: I64
    is_chosen: BOOL

    @classmethod
    def of(cls, batch: pa.RecordBatch, said: U64) -> _Sights:
        text = np.searchsorted(said, batch.column("said").to_numpy(zero_copy_only=False))
        is_chosen = batch.column("is_chosen").to_numpy(zero_copy_only=False)
        row, point, frame_id, journey, seq, n_hops = (_numbers(batch.column(number)) for number in range(6))
        return cls(row, point, frame_id, journey, seq, n_hops, text.astype(np.int64), is_chosen)

    def __len__(self) -> int:
        return len(self.event_row)

    def take(self, rows: BOOL | slice) -> _Sights:
        return _Sights(*(getattr(self, one.name)[rows] for one in fields(self)))

    def join(self, more: _Sights) -> _Sights:
        return _Sights(*(np.concatenate([getattr(self, one.name), getattr(more, one.name)]) for one in fields(self)))


class Followed:
    """Sightings that are part of a journey, read in order of event and point as they are asked for; close it."""

    def __init__(
        self, batches: Iterator[pa.RecordBatch], said: U64, texts: pa.StringArray, places: Mapping[str, str],
        names: Mapping[str, Sequence[str]], *, keeps_all: bool = False, close: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`said`: what `texts` are about, ascending. `keeps_all`: they are not asked for in order."""
        none = np.zeros(0, np.int64)
        self._batches, self._said, self._keeps_all, self._close = batches, said, keeps_all, close
        self._sights = _Sights(none, none, none, none, none, none, none, np.zeros(0, np.bool_))
        self._last_key = (-1, -1)
        self._is_read = False
        self._lows: deque[int] = deque(maxlen=_BATCHES_KEPT)
        self._texts = texts
        self.places = places
        """Points in words, by name."""
        self.names = names
        """Names of addresses."""

    def close(self) -> None:
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def journey(self) -> I64:
        """Journeys, by what `find` gave last; so too the columns below."""
        return self._sights.journey

    @property
    def is_chosen(self) -> BOOL:
        """The sighting that stands for its packet where each packet is wanted once; none if that was not asked for."""
        return self._sights.is_chosen

    @property
    def event_row(self) -> I64:
        return self._sights.event_row

    @property
    def point(self) -> I64:
        return self._sights.point

    def find(self, rows: PacketRows, n_points: int) -> I64:
        """The row of each sighting in the columns here, until `find` is called again; -1 = part of no journey."""
        if not len(rows):
            return np.zeros(0, np.int64)
        low, high = int(rows.event_row.min()), int(rows.event_row.max())
        self._read_to(high)
        self._lows.append(low)
        if not self._keeps_all and len(self._lows) == _BATCHES_KEPT:
            n_done = int(np.searchsorted(self._sights.event_row, min(self._lows)))
            if n_done > len(self._sights) // 2:
                self._sights = self._sights.take(slice(n_done, None))
        event_row = self._sights.event_row
        first, last = int(np.searchsorted(event_row, low)), int(np.searchsorted(event_row, high, "right"))
        keys = event_row[first:last] * n_points + self._sights.point[first:last]
        if not len(keys):
            return np.full(len(rows), -1, np.int64)
        wanted = rows.event_row * n_points + rows.point
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found: I64 = np.where(keys[place] == wanted, place + first, -1)
        return found

    def _read_to(self, event_row: int) -> None:
        """Read on until all sightings of the events up to this one are here."""
        while not self._is_read and not (len(self._sights) and self._sights.event_row[-1] > event_row):
            batch = next(self._batches, None)
            if batch is None:
                self._is_read = True
                return
            more = _Sights.of(batch, self._said)
            # A sighting that several journeys claim is the first one's.
            before = np.append(self._last_key[0], more.event_row[:-1]), np.append(self._last_key[1], more.point[:-1])
            is_new = (more.event_row != before[0]) | (more.point != before[1])
            self._last_key = int(more.event_row[-1]), int(more.point[-1])
            self._sights = self._sights.join(more.take(is_new))

    def comments(self, rows: PacketRows, found: I64, notes: Sequence[str], note: I64) -> PacketOptions:
        """What is said beside each packet: its frame, journey and hop, and `notes[note]`, -1 = nothing more.

        `found` is what `find` gave.
        """
        told = self._told(found)
        if notes:
            more = pa.array([*notes, ""], pa.string()).take(pa.array(np.where(note >= 0, note, len(notes))))
            both = pc.and_(pc.greater(pc.binary_length(told), 0), pc.greater(pc.binary_length(more), 0))
            joined = pc.if_else(both, pc.binary_join_element_wise(told, more, "; "), pc.coalesce(told, more))
            told = pc.if_else(pc.greater(pc.binary_length(told), 0), joined, more)
        return comment_options(told, rows.fragments.is_drop)

    def _told(self, found: I64) -> pa.StringArray:
        """Frame, journey and hop of each sighting in words; empty where it is part of no journey."""
        one, known = self._sights, np.maximum(found, 0)
        if not len(one):
            return pa.array([""] * len(found), pa.string())
        told = pc.binary_join_element_wise(
            "frame ", _digits(one.frame_id[known]), ", journey ", _digits(one.journey[known]), ", hop ",
            _digits(one.hop[known] + 1), "/", _digits(one.n_hops[known]), ": ",
            self._texts.take(pa.array(one.text[known])), "",
        )  # fmt: skip
        return pc.if_else(pa.array(found >= 0), told, pa.scalar("", pa.string()))


def follow_sightings(dataset: Callable[[str], ds.Dataset], *, choose: bool = True, keeps_all: bool = False) -> Followed:
    """What the tables say of sightings; close it. `dataset` gives a table by name; with `choose`, one stands for each
    packet. Unless `keeps_all`, they are asked for in order of time, and memory does not grow with the recording.
    """
    spill = tempfile.TemporaryDirectory(prefix="wnv-", ignore_cleanup_errors=True)
    connection = connect({name: dataset(name) for name in _TABLES}, _SPILLING, spill=Path(spill.name))

    def close() -> None:
        connection.close()
        spill.cleanup()

    def ask(query: str, *values: object) -> list[dict[str, Any]]:  # Any: values of a table
        return list(read_batches(connection, query, values).read_all().to_pylist())

    names, words = Names.read(ask), ask(_WORDS)
    known_names = _known_names(names, ask(_RESOLVED))
    words.sort(key=lambda row: int(row["said"]))
    said = np.array([int(row["said"]) for row in words], np.uint64)
    if choose:
        for statement in (_SIGHTS, _HOME, _CHOSEN, _WHOLE):
            connection.execute(statement)
    batches = read_batches(connection, _ROWS_AND_CHOICE if choose else _ROWS)
    texts = pa.array([_text(row, names) for row in words], pa.string())
    return Followed(iter(batches), said, texts, names.places, known_names, keeps_all=keeps_all, close=close)


def _numbers(column: pa.Array) -> I64:
    """A column as numbers; null is -1."""
    values: I64 = pc.fill_null(pc.cast(column, pa.int64()), -1).to_numpy(zero_copy_only=False)
    return values


def _text(row: Mapping[str, Any], names: Names) -> str:
    """`seen at container shop's NIC; ends: left host`."""
    what = "seen" if row["event"] == "frame" else str(row["event"]).replace("_", " ")
    more = "".join(f"; {row[name]}" for name in ("rewrite", "drop_reason") if row[name])
    return visible(f"{what} at {names.place(row['point'])}{more}; ends: {str(row['outcome']).replace('_', ' ')}")


def _known_names(names: Names, resolved: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Names of addresses: what DNS answered, and, the last and so the one that is shown, whose they are."""
    found: dict[str, list[str]] = {}
    for row in resolved:
        found.setdefault(str(row["address"]), []).append(str(row["name"]))
    for address, owner in names.owners.items():
        found.setdefault(address, []).append(owner.removeprefix("the ").replace(" ", "-"))
    return found


def _digits(numbers: I64) -> pa.StringArray:
    return pc.cast(pa.array(numbers), pa.string())
