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

_TABLES: Final = ("observations", "points", "frames", "journeys", "hops", "flows", "nodes", "edges")
_DNS_MAX: Final = 10_000
_SIGHTS = """
    CREATE TEMP TABLE sights AS
    SELECT o.event_row, o.point_id, o.frame_id, h.journey_id, h.seq, h.point, j.flow_id, j.n_hops,
           h.event, concat_ws('; ', h.rewrite, h.drop_reason) AS more, j.outcome,
           coalesce(j.src = f.src AND j.sport IS NOT DISTINCT FROM f.sport OR j.dst = f.src, TRUE)
           AND coalesce(h.src = f.src OR h.dst = f.src, TRUE) AS is_inside
    FROM (
        SELECT journey_id, seq, point, event, rewrite, drop_reason, src, dst, unnest(evidence) AS event_row FROM hops
    ) h
    JOIN points p ON p.name = h.point
    JOIN observations o ON o.event_row = h.event_row AND o.point_id = p.point_id
    JOIN journeys j ON j.journey_id = h.journey_id
    LEFT JOIN flows f ON f.flow_id = j.flow_id
"""
_HOME = """
    CREATE TEMP TABLE homes AS
    SELECT flow_id, arg_max(point_id, rank) AS point_id FROM (
        SELECT flow_id, point_id,
               (count(DISTINCT journey_id) FILTER (is_inside), -min(journey_id * 64 + seq)) AS rank
        FROM sights WHERE frame_id IS NOT NULL AND flow_id IS NOT NULL GROUP BY flow_id, point_id
    ) GROUP BY flow_id
"""
_CHOSEN = """
    CREATE TEMP TABLE chosen AS
    SELECT journey_id, arg_max(event_row, rank) AS event_row, arg_max(point_id, rank) AS point_id FROM (
        SELECT s.*, (s.point_id IS NOT DISTINCT FROM h.point_id, s.is_inside, -s.seq, -s.event_row) AS rank
        FROM sights s LEFT JOIN homes h ON h.flow_id = s.flow_id WHERE s.frame_id IS NOT NULL
    ) GROUP BY journey_id
"""
_ROWS = """
    SELECT s.event_row, s.point_id, any_value(s.frame_id) AS frame_id, min(s.journey_id) AS journey_id,
           min(s.seq) AS seq, min(s.n_hops) AS n_hops, min(s.point) AS point, min(s.event) AS event,
           min(s.more) AS more, min(s.outcome) AS outcome,
           bool_or(c.event_row IS NOT NULL) AS is_chosen
    FROM sights s
    LEFT JOIN chosen c ON c.journey_id = s.journey_id AND c.event_row = s.event_row AND c.point_id = s.point_id
    GROUP BY s.event_row, s.point_id ORDER BY s.event_row, s.point_id
"""
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
    """The sighting that stands for its packet where each packet is wanted once."""
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


def follow_sightings(dataset: Callable[[str], ds.Dataset]) -> Followed:
    """What the tables say of sightings. `dataset` gives a table by name."""
    connection = connect({name: dataset(name) for name in _TABLES})

    def ask(query: str, *values: object) -> list[dict[str, Any]]:  # Any: values of a table
        return list(read_batches(connection, query, values).read_all().to_pylist())

    names = Names.read(ask)
    for statement in (_SIGHTS, _HOME, _CHOSEN):
        connection.execute(statement)
    table = read_batches(connection, _ROWS).read_all()

    def numbers(name: str) -> I64:
        column = table.column(name).combine_chunks()
        values: I64 = pc.fill_null(pc.cast(column, pa.int64()), -1).to_numpy(zero_copy_only=False)
        return values

    text, texts = _texts(table, names)
    return Followed(
        event_row=numbers("event_row"), point=numbers("point_id"), frame_id=numbers("frame_id"),
        journey=numbers("journey_id"), hop=numbers("seq"), n_hops=numbers("n_hops"),
        is_chosen=table.column("is_chosen").combine_chunks().to_numpy(zero_copy_only=False), text=text, texts=texts,
        places=names.places, names=_known_names(names, ask(_RESOLVED)),
    )  # fmt: skip


def _texts(table: pa.Table, names: Names) -> tuple[I64, pa.StringArray]:
    """A number for each row, and the texts they count in: there are few, so each is made once."""
    number: I64 = np.zeros(len(table), np.int64)
    encoded = [
        table.column(name).combine_chunks().dictionary_encode() for name in ("point", "event", "more", "outcome")
    ]
    codes = [one.indices.to_numpy(zero_copy_only=False).astype(np.int64) for one in encoded]
    for code in codes:
        mixed = number * (int(code.max(initial=0)) + 1) + code
        _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
        number = inverse.reshape(-1).astype(np.int64)
    values = [one.dictionary.to_pylist() for one in encoded]
    texts = []
    for row in first.tolist():
        point, event, more, outcome = (one[code[row]] for one, code in zip(values, codes, strict=True))
        what = "seen" if event == "frame" else str(event).replace("_", " ")
        rest = f"; {more}" if more else ""
        texts.append(visible(f"{what} at {names.place(point)}{rest}; ends: {str(outcome).replace('_', ' ')}"))
    return number, pa.array(texts, pa.string())


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
