"""The address of the NBL that an event is about, where the event states it and carries no packet."""

from __future__ import annotations

from typing import Final

import numpy as np

from wnv.arrays import BOOL, I64, U64
from wnv.etl.events import Events
from wnv.providers import vmswitch, wfp

_AT_START: Final = (1090, 1205, 1206, 1360, 1361, 1367, 1476, 1578, 1579, 1580, 1581)
"""Of TCPIP: `Nbl` is the first field. Source: the provider's schema, builds 14393 to 26100."""
_DROP_WITH_NBL: Final = 2
"""Version of 1215 from which `Nbl` is its last field."""


def nbl_addresses(events: Events) -> tuple[U64, BOOL]:
    """Address of each event's NBL, and whether it states one that is not 0."""
    address = np.zeros(len(events), np.uint64)
    for guid, read in ((vmswitch.GUID, vmswitch.passage_nbls), (wfp.TCPIP_GUID, _of_tcpip)):
        if guid in events.guids.texts:
            rows = np.flatnonzero(events.provider == events.guids.texts.index(guid))
            if len(rows):
                event, found = read(events.select(rows))
                address[rows[event]] = found
    return address, address != 0


def _of_tcpip(events: Events) -> tuple[I64, U64]:
    end = events.payload_start + events.payload_bytes
    is_drop = (events.event_id == wfp.NETWORK_DROP) & (events.version >= _DROP_WITH_NBL)
    at = np.where(is_drop, end - events.pointer_bytes, events.payload_start)
    states = is_drop | np.isin(events.event_id, _AT_START)
    rows = np.flatnonzero(states & (events.payload_bytes >= events.pointer_bytes))
    return rows, vmswitch.read_pointers(events.data, at[rows], events.pointer_bytes[rows])
