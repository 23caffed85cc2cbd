"""Microsoft-Windows-DNS-Client: names that programs of the host ask for.

Facts: the schema; version 0 is what builds up to 20348 write of 3018 and 3020.
"""

from __future__ import annotations

import struct
from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import guid, u32, u64, wstr

GUID: Final = guid("1c95126e-7eea-49a9-a3fe-a378b03ddb4d")

KIND_3006: Final = EventKind(GUID, 3006)
KIND_3008: Final = EventKind(GUID, 3008)
KIND_3010: Final = EventKind(GUID, 3010)
KIND_3011: Final = EventKind(GUID, 3011)
KIND_3020: Final = EventKind(GUID, 3020)

TYPE_A, TYPE_AAAA = 1, 28
TIMED_OUT: Final = 1460
NO_SUCH_NAME: Final = 9003


def query(
    *,
    name: str,
    query_type: int = TYPE_A,
    options: int = 0,
    servers: str = "",
    is_network_query: bool = False,
    network_query_index: int = 0,
    if_index: int = 0,
    is_async: bool = False,
) -> bytes:
    """3006: a program asks."""
    numbers = struct.pack("<IIII", is_network_query, network_query_index, if_index, is_async)
    return wstr(name) + u32(query_type) + u64(options) + wstr(servers) + numbers


def answer(*, name: str, query_type: int = TYPE_A, options: int = 0, status: int = 0, results: str = "") -> bytes:
    """3008: it got an answer, or a status; `results` as `93.184.216.34;`."""
    return wstr(name) + u32(query_type) + u64(options) + u32(status) + wstr(results)


def sent(*, name: str, query_type: int = TYPE_A, server: str) -> bytes:
    """3010: a question went to a server."""
    return wstr(name) + u32(query_type) + wstr(server)


def received(*, name: str, query_type: int = TYPE_A, server: str, status: int = 0) -> bytes:
    """3011: a response came from a server."""
    return wstr(name) + u32(query_type) + wstr(server) + u32(status)


def cache_answer(
    *,
    name: str,
    query_type: int = TYPE_A,
    network_index: int = 0,
    if_index: int = 0,
    status: int = 0,
    results: str = "",
) -> bytes:
    """3020: the result for one interface."""
    return wstr(name) + struct.pack("<IIII", query_type, network_index, if_index, status) + wstr(results)
