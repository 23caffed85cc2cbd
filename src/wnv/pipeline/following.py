"""What journeys say of each sighting: which packet it is of, which hop, how it ends; for capture files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from wnv.arrays import BOOL, I64
from wnv.explain.naming import Names
from wnv.export.comments import comment_options
from wnv.export.pcapng import PacketOptions
from wnv.packets.sightings import PacketRows
from wnv.sql.engine import connect, read_batches
from wnv.text import visible

_TABLES: Final = ("session", "observations", "points", "frames", "journeys", "hops", "flows", "nodes", "edges")
_DNS_MAX: Final = 10_000
_SAID = "hash(h.point, h.event, h.rewrite, h.drop_reason, j.outcome)"
_SIGHTS = f"""
    CREATE TEMP TABLE sights AS
    SELECT o.event_row, o.point_id, o.frame_id, h.journey_id, h.seq, j.n_hops, {_SAID} AS said, j.flow_id,
           j.src AS first_src, j.dst AS first_dst, h.src, h.dst
    FROM (
        SELECT journey_id, seq, point, event, rewrite, drop_reason, src, dst, unnest(evidence) AS event_row FROM hops
    ) h
    JOIN points p ON p.name = h.point
    JOIN observations o ON o.event_row = h.event_row AND o.point_id = p.point_id
    JOIN journeys j ON j.journey_id = h.journey_id
"""
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
    SELECT journey_id, arg_max(event_row, rank) AS event_row, arg_max(point_id, rank) AS point_id FROM (
        SELECT s.journey_id, s.event_row, s.point_id,
               (s.point_id IS NOT DISTINCT FROM h.point_id, coalesce(s.src = f.src OR s.dst = f.src, TRUE), -s.seq,
                -s.event_row) AS rank
        FROM sights s LEFT JOIN homes h ON h.flow_id = s.flow_id LEFT JOIN flows f ON f.flow_id = s.flow_id
        WHERE s.frame_id IS NOT NULL
    ) GROUP BY journey_id
"""
_ROWS = """
    SELECT event_row, point_id, frame_id, journey_id, seq, n_hops, said FROM sights
    ORDER BY event_row, point_id, journey_id, seq
"""
_CHOICE = "SELECT event_row, point_id FROM chosen"
_RESOLVED = f"""
    SELECT DISTINCT dns_qry_name AS name, dns_a AS address FROM frames
    WHERE dns_is_response = 1 AND dns_a IS NOT NULL AND dns_qry_name IS NOT NULL LIMIT {_DNS_MAX}
"""


@dataclass(frozen=True, slots=True)
class Followed:
    """Sightings that are part of a journey, in order of event and point: columns of equal length."""

    event_row: I64
    point: I64
    frame_id: I64
    journey: I64
    hop: I64
    n_hops: I64
    is_chosen: BOOL
    """The sighting that stands for its packet where each packet is wanted once; of none if that was not asked for."""
    text: I64
    texts: pa.StringArray
    """What `text` counts in: what happened, where, and how the journey ends."""
    places: Mapping[str, str]
    """Points in words, by name."""
    names: Mapping[str, Sequence[str]]
    """Names of addresses."""

    def find(self, rows: PacketRows, n_points: int) -> I64:
        """The row of each sighting here; -1 where it is part of no journey."""
        n = len(self.event_row)
        if not len(rows) or not n:
            return np.full(len(rows), -1, np.int64)
        first = int(np.searchsorted(self.event_row, rows.event_row.min()))
        last = int(np.searchsorted(self.event_row, rows.event_row.max(), "right"))
        keys = self.event_row[first:last] * n_points + self.point[first:last]
        wanted = rows.event_row * n_points + rows.point
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        is_found = keys[place] == wanted if len(keys) else np.zeros(len(rows), np.bool_)
        found: I64 = np.where(is_found, place + first, -1)
        return found

    def comments(self, rows: PacketRows, found: I64, notes: Sequence[str], note: I64) -> PacketOptions:
        """What is said beside each packet: its frame, journey and hop, and `notes[note]`, -1 = nothing more.

        `found` is what `find` gave.
        """
        known = np.maximum(found, 0)
        is_known = pa.array(found >= 0)
        parts = [
            "frame ", _digits(self.frame_id[known]), ", journey ", _digits(self.journey[known]), ", hop ",
            _digits(self.hop[known] + 1), "/", _digits(self.n_hops[known]), ": ",
            self.texts.take(pa.array(self.text[known])),
        ]  # fmt: skip
        told = pc.binary_join_element_wise(*parts, "") if len(self.event_row) else pa.nulls(len(rows), pa.string())
        told = pc.if_else(is_known, told, pa.scalar("", pa.string()))
        if notes:
            more = pa.array([*notes, ""], pa.string()).take(pa.array(np.where(note >= 0, note, len(notes))))
            both = pc.and_(pc.greater(pc.binary_length(told), 0), pc.greater(pc.binary_length(more), 0))
            joined = pc.if_else(both, pc.binary_join_element_wise(told, more, "; "), pc.coalesce(told, more))
            told = pc.if_else(pc.greater(pc.binary_length(told), 0), joined, more)
        return comment_options(told, rows.fragments.is_drop)


def follow_sightings(dataset: Callable[[str], ds.Dataset], *, choose: bool = True) -> Followed:
    """What the tables say of sightings. `dataset` gives a table by name; with `choose`, one stands for each packet."""
    connection = connect({name: dataset(name) for name in _TABLES})

    def ask(query: str, *values: object) -> list[dict[str, Any]]:  # Any: values of a table
        return list(read_batches(connection, query, values).read_all().to_pylist())

    names = Names.read(ask)
    connection.execute(_SIGHTS)
    rows = read_batches(connection, _ROWS).read_all()
    event_row, point = _numbers(rows, "event_row"), _numbers(rows, "point_id")
    n_points = int(point.max(initial=0)) + 1
    key = event_row * n_points + point
    first = np.flatnonzero(np.diff(key, prepend=-1))  # a sighting that several journeys claim is the first one's
    is_chosen: BOOL = np.zeros(len(first), np.bool_)
    if choose:
        for statement in (_HOME, _CHOSEN):
            connection.execute(statement)
        chosen = read_batches(connection, _CHOICE).read_all()
        is_chosen = np.isin(key[first], _numbers(chosen, "event_row") * n_points + _numbers(chosen, "point_id"))
    said, number = np.unique(rows.column("said").combine_chunks().to_numpy(zero_copy_only=False), return_inverse=True)
    return Followed(
        event_row=event_row[first], point=point[first], frame_id=_numbers(rows, "frame_id")[first],
        journey=_numbers(rows, "journey_id")[first], hop=_numbers(rows, "seq")[first],
        n_hops=_numbers(rows, "n_hops")[first], is_chosen=is_chosen, text=number.reshape(-1)[first].astype(np.int64),
        texts=_texts(said.tolist(), ask(_WORDS), names), places=names.places,
        names=_known_names(names, ask(_RESOLVED)),
    )  # fmt: skip


def _numbers(table: pa.Table, name: str) -> I64:
    """A column as numbers; null is -1."""
    column = table.column(name).combine_chunks()
    values: I64 = pc.fill_null(pc.cast(column, pa.int64()), -1).to_numpy(zero_copy_only=False)
    return values


def _texts(said: Sequence[int], words: Sequence[Mapping[str, Any]], names: Names) -> pa.StringArray:
    """What is said of sightings, in the order of `said`."""
    known = {int(row["said"]): row for row in words}
    return pa.array([_text(known[number], names) for number in said], pa.string())


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
