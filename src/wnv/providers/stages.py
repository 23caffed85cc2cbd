"""What the stages that derive tables are handed, and what they give back.

Derived tables are a function of the base tables alone. After an import, and again whenever their format number is
older than ours, the pipeline reads the base tables of a trace folder in stretches and runs two passes:

    builder = Builder()                              # topology.build
    for stretch in <events of builder.providers>:    # pass 1, in global order of time
        builder.learn(stretch)
    topology = builder.finish(inventory)             # topology.tables() gives nodes and edges
    stitcher = Stitcher(topology, points)            # journeys.stitch; `points` are those of `packets.points`
    for stretch in <the whole recording>:            # pass 2, in global order of time
        write(*stitcher.add(stretch))                # rows that are complete; the stage forgets them
    write(*stitcher.finish())                        # all that is left

A stage keeps what it needs of a stretch in arrays of its own: the memory of a stretch is given back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wnv.arrays import I64
from wnv.packets.headers import Texts

if TYPE_CHECKING:
    from wnv.decode.columns import Decoded
    from wnv.decode.decoder import Decoder
    from wnv.decode.description import EventDescription
    from wnv.etl.reader import Slice
    from wnv.packets.sightings import PacketRows
    from wnv.schema import Table


@dataclass(frozen=True, slots=True)
class RowLists:
    """A column of lists of rows (`schema.Kind.ROWS`): list k is `values[offsets[k] : offsets[k + 1]]`."""

    offsets: I64
    """One more than there are lists; starts with 0 and never decreases."""
    values: I64

    def __len__(self) -> int:
        return len(self.offsets) - 1


ColumnData: TypeAlias = NDArray[Any] | Texts | RowLists | Sequence[object]  # Any: the type is that of the column
"""The values of one column of a derived table:

- INTEGER: an array of integers; in a nullable column -1 is null (use a masked array where -1 may be a value);
- TIME: an array of nanoseconds UTC, `clock.NO_TIME` is null;
- NUMBER: an array of floats, NaN is null; FLAG: an array of truth values;
- TEXT, GUID, JSON: `Texts`, code -1 is null;
- ROWS: `RowLists`;
- any of them, where rows are few: a list of Python values, None is null (JSON as text; ROWS as lists of int).
"""

Columns: TypeAlias = Mapping[str, ColumnData]
"""Columns of equal length by name: all that `schema` declares for their table, in any order."""

Tables: TypeAlias = Mapping[str, Columns]
"""Rows for tables of `schema`, by name of the table. Rows of one table are written in the order they are given."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a recording says in one stretch of time: events, their fields, sightings of packets."""

    piece: Slice
    """Events in global order of time; `piece.first_row` is the `event_row` of the first unless `event_row` differs."""
    event_row: I64
    """`event_row` of each event of `piece`: consecutive only in pass 2."""
    session_id: I64
    """Of each event."""
    host: I64
    """Number of the host that logged each event (see `Point.host`): sessions of one boot share it."""
    packets: PacketRows | None
    """Sightings with bytes, by `event_row`; None in pass 1, and where there are none."""
    observation_id: I64
    """Of each row of `packets`."""
    frame_id: I64
    """Of each row of `packets`: sightings of one event share a frame."""
    decoder: Decoder

    def __len__(self) -> int:
        return len(self.piece.events)

    def events_of(self, providers: Collection[str]) -> I64:
        """Rows in `piece` of the events of these providers (GUIDs, lower case), ascending."""
        codes = [code for code, guid in enumerate(self.piece.events.guids.texts) if guid in providers]
        rows: I64 = np.flatnonzero(np.isin(self.piece.events.provider, codes))
        return rows

    def kinds(self, providers: Collection[str]) -> Iterator[tuple[EventDescription, I64, Decoded]]:
        """Decoded events of these providers, those of one kind together.

        The rows are rows of `piece`, ascending within a kind; for `event_row` index `self.event_row` with them.
        Events that nothing describes are left out.
        """
        rows = self.events_of(providers)
        if not len(rows):
            return
        for description, places, decoded in self.decoder.kinds(self.piece.take(rows)):
            if description is not None and decoded is not None:
                yield description, rows[places], decoded


class Stage(Protocol):
    """A stage of pass 2 (`journeys.stitch.Stitcher`)."""

    @property
    def tables(self) -> Sequence[Table]:
        """Those it makes; a table without rows is written empty."""

    def add(self, stretch: Stretch) -> Iterable[Tables]:
        """Take the next stretch; rows that are complete, which need not be of this stretch, piece by piece."""

    def finish(self) -> Iterable[Tables]:
        """All rows that are left, once the last stretch was added, piece by piece."""


class LearningStage(Protocol):
    """A stage of pass 1 (`topology.build.Builder`); its `finish` takes the inventory and gives the topology."""

    @property
    def providers(self) -> Collection[str]:
        """GUIDs, lower case, of all providers whose events it reads: `learn` sees no others."""

    def learn(self, stretch: Stretch) -> None:
        """Take the next stretch; without packets."""
