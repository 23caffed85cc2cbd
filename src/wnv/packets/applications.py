"""What applications say in clear: DNS, DHCP, HTTP/1 and TLS, as columns.

Read is the first message of a packet's payload, as far as it was captured: nothing is joined from several packets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from wnv.arrays import BOOL, I8, I16, I32, I64, U8
from wnv.packets.headers import Headers, Texts, ipv6_at
from wnv.packets.numbering import RangeNumbers
from wnv.packets.overlay import innermost

TCP, UDP = 6, 17


class Application(IntEnum):
    """What a packet's payload was read as."""

    NONE = -1
    DNS = 0
    MDNS = 1
    LLMNR = 2
    DHCP = 3
    HTTP = 4
    SSDP = 5
    TLS = 6


_DNS_PORTS = {53: Application.DNS, 5353: Application.MDNS, 5355: Application.LLMNR}
_DHCP_PORTS = (67, 68)
_SSDP_PORT = 1900
_NAMES_AT_ONCE = 1 << 14
_ROOT = "<Root>"
"""The empty name of DNS, as Wireshark writes it."""


@dataclass(frozen=True, slots=True)
class Applications:
    """Fields of the messages, a row each row asked for; -1 or a null text = not there, or not captured."""

    row: I64
    """Row of the headers it was read for."""
    application: I8
    """`Application`."""
    dns_id: I32
    dns_is_response: I8
    """1 response, 0 query."""
    dns_opcode: I16
    dns_rcode: I16
    """Only of responses: 0 no error, 2 server failure, 3 no such name …"""
    dns_answers: I32
    """As counted in the header."""
    dns_qry_type: I32
    """Of the first question, with its name: 1 A, 28 AAAA …"""
    dns_qry_name: Texts
    """Without the dot at the end; the root is `<Root>`."""
    dns_a: I64
    """First IPv4 address in the answers, as a number."""
    dns_aaaa: Texts
    """First IPv6 address in the answers."""
    dhcp_id: I64
    """Transaction."""
    dhcp_type: I16
    """1 discover, 2 offer, 3 request, 4 decline, 5 acknowledge, 6 refuse, 7 release, 8 inform."""
    dhcp_client_mac: I64
    dhcp_assigned: I64
    """`yiaddr`, an IPv4 address as a number; 0.0.0.0 in requests."""
    dhcp_requested: I64
    dhcp_hostname: Texts
    http_version: I16
    """The digit behind `HTTP/1.`; -1 also where a request is cut before it, and its URI with it."""
    http_method: Texts
    http_uri: Texts
    http_host: Texts
    http_status: I32
    http_phrase: Texts
    tls_record_type: I16
    """20 change cipher spec, 21 alert, 22 handshake, 23 application data, 24 heartbeat."""
    tls_record_version: I32
    tls_handshake_type: I16
    """1 client hello, 2 server hello …; -1 also where it is encrypted."""
    tls_hello_version: I32
    """What a hello states in the place of TLS 1.2 and before."""
    tls_alert: I16
    """Why, of an alert that is not encrypted: 40 handshake failure, 42 bad certificate …"""
    tls_sni: Texts

    def __len__(self) -> int:
        return len(self.row)


def decode_applications(data: U8, start: I64, headers: Headers, rows: I64 | BOOL | None = None) -> Applications:
    """Messages in the payloads of `rows` of `headers` (all, unless given), of carried packets where there are any.

    `data` and `start` are those that `headers` was read from: `start` has an entry for each of the frames.
    """
    chosen = np.arange(len(headers)) if rows is None else np.arange(len(headers))[rows]
    packets = innermost(headers if rows is None else headers.take(chosen))
    at = start[packets.row] + packets.payload_offset
    stop = at + packets.payload_bytes
    found = _Builder(data, at, stop)
    has_payload = packets.payload_bytes > 0
    is_tcp = has_payload & (packets.protocol == TCP) & (packets.src_port >= 0)
    is_udp = has_payload & (packets.protocol == UDP) & (packets.src_port >= 0)

    def between(port: int) -> BOOL:
        found: BOOL = (packets.src_port == port) | (packets.dst_port == port)
        return found

    for port, application in _DNS_PORTS.items():
        found.read_dns(np.flatnonzero(is_udp & between(port)), application)
    found.read_dns(np.flatnonzero(is_tcp & between(53) & (packets.payload_bytes > 2)), Application.DNS, length_bytes=2)
    found.read_dhcp(np.flatnonzero(is_udp & (between(_DHCP_PORTS[0]) | between(_DHCP_PORTS[1]))))
    found.read_http(np.flatnonzero(is_udp & between(_SSDP_PORT)), Application.SSDP)
    streams = np.flatnonzero(is_tcp)
    lead = data[at[streams]]
    may_be_tls = (lead >= 20) & (lead <= 24)
    found.read_tls(streams[may_be_tls])
    found.read_http(streams[(lead >= ord("A")) & (lead <= ord("Z"))], Application.HTTP)
    return found.build(chosen)


class _Builder:
    """The columns while they are filled, protocol by protocol."""

    def __init__(self, data: U8, at: I64, stop: I64) -> None:
        self._data, self._at, self._stop = data, at, stop
        n = len(at)
        self._columns: dict[str, I64] = {}
        self._texts: dict[str, Texts] = {}
        for column in fields(Applications):
            if column.type == "Texts":
                self._texts[column.name] = Texts(np.full(n, -1, np.int32), [])
            elif column.name != "row":
                self._columns[column.name] = np.full(n, -1, _DTYPES[str(column.type)])

    def build(self, rows: I64) -> Applications:
        return Applications(row=rows, **self._columns, **self._texts)  # type: ignore[arg-type] # columns by name

    def read_dns(self, rows: I64, application: Application, *, length_bytes: int = 0) -> None:
        """Names are written out a part of the rows at a time, since each takes the room of the longest."""
        from wnv.packets import loops

        numbers = _TextNumbers()
        code = np.empty(len(rows), np.int32)
        for first in range(0, len(rows), _NAMES_AT_ONCE):
            part = slice(first, first + _NAMES_AT_ONCE)
            mine = rows[part]
            found = np.full((loops.N_DNS_COLUMNS, len(mine)), -1, np.int64)
            names = np.empty(len(mine) * loops.DNS_NAME_ROOM, np.uint8)
            loops.read_dns(self._data, self._at[mine] + length_bytes, self._stop[mine], found, names)
            flags = found[loops.DNS_FLAGS]
            is_response = np.where(flags >= 0, flags >> 15, -1)
            self._put(mine, application, {
                "dns_id": found[loops.DNS_ID], "dns_is_response": is_response,
                "dns_opcode": np.where(flags >= 0, flags >> 11 & 15, -1),
                "dns_rcode": np.where(is_response == 1, flags & 15, -1), "dns_answers": found[loops.DNS_ANSWERS],
                "dns_qry_type": found[loops.DNS_TYPE], "dns_a": found[loops.DNS_A],
            })  # fmt: skip
            with_six = np.flatnonzero(found[loops.DNS_AAAA_AT] >= 0)
            six = ipv6_at(self._data, found[loops.DNS_AAAA_AT, with_six])
            self._put_texts("dns_aaaa", mine[with_six], six.code, six.values)
            room = np.arange(len(mine), dtype=np.int64) * loops.DNS_NAME_ROOM
            code[part] = numbers.number(names, room, found[loops.DNS_NAME_BYTES])
        self._put_texts("dns_qry_name", rows, code, [text or _ROOT for text in numbers.values()])

    def read_dhcp(self, rows: I64) -> None:
        from wnv.packets import loops

        found = self._found(rows, loops.N_DHCP_COLUMNS, loops.read_dhcp)
        self._put(rows, Application.DHCP, {
            "dhcp_id": found[loops.DHCP_ID], "dhcp_type": found[loops.DHCP_TYPE],
            "dhcp_client_mac": found[loops.DHCP_CLIENT_MAC], "dhcp_assigned": found[loops.DHCP_ASSIGNED],
            "dhcp_requested": found[loops.DHCP_REQUESTED],
        })  # fmt: skip
        self._put_ranges("dhcp_hostname", rows, found, loops.DHCP_HOST_AT)

    def read_http(self, rows: I64, application: Application) -> None:
        from wnv.packets import loops

        found = self._found(rows, loops.N_HTTP_COLUMNS, loops.read_http)
        is_http = (found[loops.HTTP_VERSION] >= 0) | (found[loops.HTTP_METHOD_AT] >= 0)
        rows, found = rows[is_http], found[:, is_http]
        self._put(rows, application, {
            "http_version": found[loops.HTTP_VERSION], "http_status": found[loops.HTTP_STATUS],
        })  # fmt: skip
        for name, column in (
            ("http_method", loops.HTTP_METHOD_AT), ("http_uri", loops.HTTP_URI_AT),
            ("http_host", loops.HTTP_HOST_AT), ("http_phrase", loops.HTTP_PHRASE_AT),
        ):  # fmt: skip
            self._put_ranges(name, rows, found, column)

    def read_tls(self, rows: I64) -> None:
        from wnv.packets import loops

        found = self._found(rows, loops.N_TLS_COLUMNS, loops.read_tls)
        is_tls = found[loops.TLS_RECORD_TYPE] >= 0
        rows, found = rows[is_tls], found[:, is_tls]
        self._put(rows, Application.TLS, {
            "tls_record_type": found[loops.TLS_RECORD_TYPE], "tls_record_version": found[loops.TLS_RECORD_VERSION],
            "tls_handshake_type": found[loops.TLS_HANDSHAKE_TYPE],
            "tls_hello_version": found[loops.TLS_HELLO_VERSION], "tls_alert": found[loops.TLS_ALERT],
        })  # fmt: skip
        self._put_ranges("tls_sni", rows, found, loops.TLS_NAME_AT)

    def _found(self, rows: I64, n_columns: int, read: Callable[[U8, I64, I64, I64], None]) -> I64:
        found = np.full((n_columns, len(rows)), -1, np.int64)
        read(self._data, self._at[rows], self._stop[rows], found)
        return found

    def _put(self, rows: I64, application: Application, columns: dict[str, I64]) -> None:
        self._columns["application"][rows] = application
        for name, values in columns.items():
            self._columns[name][rows] = values

    def _put_ranges(self, name: str, rows: I64, found: I64, column: int) -> None:
        """The text of bytes whose place stands in `column` of `found` and whose length in the next."""
        numbers = _TextNumbers()
        code = numbers.number(self._data, found[column], found[column + 1])
        self._put_texts(name, rows, code, numbers.values())

    def _put_texts(self, name: str, rows: I64, code: I32, values: list[str]) -> None:
        """More texts of a column: earlier ones keep their codes."""
        known = self._texts[name]
        known.code[rows] = np.where(code >= 0, code + len(known.values), -1)
        self._texts[name] = Texts(known.code, known.values + values)


_DTYPES = {"I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64}


class _TextNumbers:
    """Numbers for texts given as bytes. None is refused: what is asked for is in memory already."""

    def __init__(self) -> None:
        self._numbers = RangeNumbers(ranges_max=_UNBOUNDED, pool_bytes_max=_UNBOUNDED)

    def number(self, data: U8, start: I64, n_bytes: I64) -> I32:
        """-1 where `n_bytes` is negative."""
        code = np.full(len(start), -1, np.int32)
        given = np.flatnonzero(n_bytes >= 0)
        code[given] = self._numbers.number(data, start[given], n_bytes[given])
        return code

    def values(self) -> list[str]:
        """Of each number; what is not UTF-8 is shown by U+FFFD."""
        return [self._numbers[number].decode(errors="replace") for number in range(len(self._numbers))]


_UNBOUNDED = 1 << 62
