"""Compiled loops over what packets say: the messages of applications, and lines made for people.

As `kernels`, whose rules hold here too: pure functions, no index that was not compared before, the same results
uncompiled. Import this module inside the function that needs it.
"""

from __future__ import annotations

from typing import Final

from wnv.arrays import I16, I64, U8
from wnv.kernels import be8, be16, be32, be48, byte_at, njit

# Columns of what a reader of messages finds, a row of `found` each. A name that ends in _AT has its length in the
# column behind it. Readers leave -1 where something is not there.
(
    DNS_ID, DNS_FLAGS, DNS_ANSWERS, DNS_TYPE, DNS_NAME_BYTES, DNS_A, DNS_AAAA_AT,
    N_DNS_COLUMNS,
) = range(8)  # fmt: skip
(
    DHCP_ID, DHCP_TYPE, DHCP_CLIENT_MAC, DHCP_ASSIGNED, DHCP_REQUESTED, DHCP_HOST_AT, DHCP_HOST_BYTES,
    N_DHCP_COLUMNS,
) = range(8)  # fmt: skip
(
    HTTP_VERSION, HTTP_STATUS, HTTP_METHOD_AT, HTTP_METHOD_BYTES, HTTP_URI_AT, HTTP_URI_BYTES, HTTP_HOST_AT,
    HTTP_HOST_BYTES, HTTP_PHRASE_AT, HTTP_PHRASE_BYTES,
    N_HTTP_COLUMNS,
) = range(11)  # fmt: skip
(
    TLS_RECORD_TYPE, TLS_RECORD_VERSION, TLS_HANDSHAKE_TYPE, TLS_HELLO_VERSION, TLS_ALERT, TLS_NAME_AT, TLS_NAME_BYTES,
    N_TLS_COLUMNS,
) = range(8)  # fmt: skip

TCP_MSS, TCP_SCALE, TCP_SACK, N_TCP_OPTIONS = range(4)

DNS_NAME_ROOM: Final = 256
"""Bytes for the text of a name (RFC 1035: at most 255 on the wire)."""
_DNS_LABELS_MAX: Final = 128
_DNS_ANSWERS_MAX: Final = 64
_DNS_ONE_A, _DNS_ONE_AAAA = 0x0001_0001, 0x001C_0001
"""Type and class of a record with an address."""
_DNS_HEADER_BYTES: Final = 12
_BOOTP_COOKIE: Final = 0x63825363
_BOOTP_COOKIE_OFFSET: Final = 236
_DHCP_PAD, _DHCP_HOST, _DHCP_REQUEST, _DHCP_KIND, _DHCP_END = 0, 12, 50, 53, 255
_HTTP_METHOD_MAX: Final = 20
_HTTP_LINE_MAX: Final = 8192
_HTTP_METHODS = (
    0x47455420, 0x504F5354, 0x50555420, 0x48454144, 0x44454C45, 0x4F505449, 0x50415443, 0x434F4E4E, 0x54524143,
)  # fmt: skip
"""First 4 bytes of GET, POST, PUT, HEAD, DELETE, OPTIONS, PATCH, CONNECT, TRACE."""
_CR, _LF, _SPACE, _TAB, _COLON = 13, 10, 32, 9, 58
_TLS_ALERT, _TLS_HANDSHAKE = 21, 22
_TLS_ALERT_BYTES: Final = 2  # longer ones are encrypted
_TLS_RECORD_MAX: Final = (1 << 14) + 2048
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_LONG_HANDSHAKES = (1, 2, 4, 8, 11, 12, 13, 16, 22, 24)
"""Messages that say what they are although they end in a later record."""
_SHORT_HANDSHAKES = (0, 5, 14, 15, 20)
_SNI_EXTENSION: Final = 0


@njit
def _behind_name(data: U8, at: int, stop: int) -> int:
    """Where a name of DNS that starts at `at` ends, or `stop`."""
    while at < stop:
        size = byte_at(data, at)
        if size >= 0xC0:
            return min(at + 2, stop)
        at += 1 + size
        if size == 0:
            return min(at, stop)
    return stop


@njit
def read_dns(data: U8, at: I64, stop: I64, found: I64, names: U8) -> None:
    """Header, first question and first addresses of DNS messages (RFC 1035, 4.1). `found` comes filled with -1.

    The name of row k is written to `names[k * DNS_NAME_ROOM :]`, labels with dots between them, not at the end. A
    name that is cut, too long, or runs in circles is not there. Answers are looked at where there is one question.
    """
    for k in range(at.size):
        first, end = int(at[k]), int(stop[k])
        found[DNS_ID, k] = be16(data, first, end)
        found[DNS_FLAGS, k] = be16(data, first + 2, end)
        found[DNS_ANSWERS, k] = be16(data, first + 6, end)
        if be16(data, first + 4, end) < 1 or first + _DNS_HEADER_BYTES > end:
            continue
        place, behind = first + _DNS_HEADER_BYTES, -1
        room, n = k * DNS_NAME_ROOM, 0
        for _ in range(_DNS_LABELS_MAX):
            size = be8(data, place, end)
            if size == 0:
                found[DNS_NAME_BYTES, k] = n
                place += 1
                found[DNS_TYPE, k] = be16(data, place if behind < 0 else behind, end)
                break
            if size >= 0xC0:
                offset = be16(data, place, end) & 0x3FFF
                if place + 2 > end or offset < _DNS_HEADER_BYTES:
                    break
                behind = place + 2 if behind < 0 else behind
                place = first + offset
                continue
            if size < 0 or size >= 0x40 or place + 1 + size > end or n + size + 1 > DNS_NAME_ROOM:
                break
            if n > 0:
                names[room + n] = 46  # a dot
                n += 1
            for i in range(size):
                names[room + n + i] = data[place + 1 + i]
            n += size
            place += 1 + size
        if be16(data, first + 4, end) != 1:
            continue
        place = _behind_name(data, first + _DNS_HEADER_BYTES, end) + 4
        for _ in range(min(be16(data, first + 6, end), _DNS_ANSWERS_MAX)):
            place = _behind_name(data, place, end)
            size = be16(data, place + 8, end)
            if size < 0 or place + 10 + size > end:
                break
            kind = be32(data, place, end)
            place += 10
            if kind == _DNS_ONE_A and size == 4 and found[DNS_A, k] < 0:
                found[DNS_A, k] = be32(data, place, end)
            elif kind == _DNS_ONE_AAAA and size == 16 and found[DNS_AAAA_AT, k] < 0:
                found[DNS_AAAA_AT, k] = place
            place += size


@njit
def read_dhcp(data: U8, at: I64, stop: I64, found: I64) -> None:
    """BOOTP header and options of DHCP (RFC 2131, 2132). `found` comes filled with -1."""
    for k in range(at.size):
        first, end = int(at[k]), int(stop[k])
        found[DHCP_ID, k] = be32(data, first + 4, end)
        found[DHCP_ASSIGNED, k] = be32(data, first + 16, end)
        if be16(data, first + 1, end) == 0x0106:  # a MAC address of 6 bytes
            found[DHCP_CLIENT_MAC, k] = be48(data, first + 28, end)
        if be32(data, first + _BOOTP_COOKIE_OFFSET, end) != _BOOTP_COOKIE:
            continue
        place = first + _BOOTP_COOKIE_OFFSET + 4
        while place < end:
            option = byte_at(data, place)
            if option == _DHCP_END:
                break
            if option == _DHCP_PAD:
                place += 1
                continue
            size = be8(data, place + 1, end)
            place += 2
            if size < 0 or place + size > end:
                break
            if option == _DHCP_KIND and size == 1:
                found[DHCP_TYPE, k] = byte_at(data, place)
            elif option == _DHCP_REQUEST and size == 4:
                found[DHCP_REQUESTED, k] = be32(data, place, end)
            elif option == _DHCP_HOST and size > 0:
                found[DHCP_HOST_AT, k] = place
                found[DHCP_HOST_BYTES, k] = size
            place += size


@njit
def _line_end(data: U8, at: int, stop: int) -> int:
    """Where the line that starts at `at` ends, before CR or LF; `stop` where it does not."""
    stop = min(stop, at + _HTTP_LINE_MAX)
    while at < stop:
        byte = byte_at(data, at)
        if byte in (_CR, _LF):
            break
        at += 1
    return at


@njit
def _is_http_version(data: U8, at: int, stop: int) -> bool:
    """Whether `HTTP/1.` and a digit stand there."""
    if be32(data, at, stop) != 0x48545450 or be16(data, at + 4, stop) != 0x2F31 or be8(data, at + 6, stop) != 46:
        return False
    digit = be8(data, at + 7, stop)
    return 48 <= digit <= 57


@njit
def _is_host(data: U8, at: int, stop: int) -> bool:
    """Whether `Host:` stands there, in capitals or not."""
    if be8(data, at + 4, stop) != _COLON:
        return False
    return be32(data, at, stop) | 0x20202020 == 0x686F7374


@njit
def read_http(data: U8, at: I64, stop: I64, found: I64) -> None:
    """Request or status line of HTTP/1 (RFC 9112) and the host that a request names. `found` comes filled with -1.

    HTTP_VERSION and HTTP_METHOD_AT stay -1 where it is something else. A request that is cut before its version is
    known by its method. A target, phrase or host that is cut is given as far as it goes.
    """
    for k in range(at.size):
        first, end = int(at[k]), int(stop[k])
        line = _line_end(data, first, end)
        if _is_http_version(data, first, line):
            status = 0
            n_digits = 0
            for i in range(3):
                digit = be8(data, first + 9 + i, line) - 48
                if 0 <= digit <= 9:
                    status = status * 10 + digit
                    n_digits += 1
            is_status = n_digits == 3 and byte_at(data, first + 8) == _SPACE
            if is_status or line == end:
                found[HTTP_VERSION, k] = byte_at(data, first + 7) - 48
            if is_status:
                found[HTTP_STATUS, k] = status
                if be8(data, first + 12, line) == _SPACE:
                    found[HTTP_PHRASE_AT, k] = first + 13
                    found[HTTP_PHRASE_BYTES, k] = line - first - 13
            continue
        uri = first
        while uri < line and uri - first <= _HTTP_METHOD_MAX:
            byte = byte_at(data, uri)
            if not (65 <= byte <= 90 or byte == 45):
                break
            uri += 1
        n_method = uri - first
        if n_method == 0 or be8(data, uri, line) != _SPACE:
            continue
        uri += 1
        version = uri
        while version < line and byte_at(data, version) != _SPACE:
            version += 1
        if line == end and line < version + 9:
            if be32(data, first, end) in _HTTP_METHODS:
                found[HTTP_METHOD_AT, k], found[HTTP_METHOD_BYTES, k] = first, n_method
                if version > uri:
                    found[HTTP_URI_AT, k], found[HTTP_URI_BYTES, k] = uri, version - uri
            continue
        if version == uri or not _is_http_version(data, version + 1, line) or line != version + 9:
            continue
        found[HTTP_VERSION, k] = byte_at(data, version + 8) - 48
        found[HTTP_METHOD_AT, k], found[HTTP_METHOD_BYTES, k] = first, n_method
        found[HTTP_URI_AT, k], found[HTTP_URI_BYTES, k] = uri, version - uri
        while line < end:
            line += 2 if byte_at(data, line) == _CR and be8(data, line + 1, end) == _LF else 1
            begin = line
            line = _line_end(data, begin, end)
            if line == begin:  # the end of the headers, or of what was captured
                break
            if _is_host(data, begin, line):
                begin += 5
                while begin < line and byte_at(data, begin) in (_SPACE, _TAB):
                    begin += 1
                while begin < line and byte_at(data, line - 1) in (_SPACE, _TAB):
                    line -= 1
                found[HTTP_HOST_AT, k], found[HTTP_HOST_BYTES, k] = begin, line - begin
                break


@njit
def read_tls(data: U8, at: I64, stop: I64, found: I64) -> None:
    """First record of TLS (RFC 8446, 5.1) and the name in a client's hello (RFC 6066, 3).

    `found` comes filled with -1. TLS_RECORD_TYPE stays -1 where it is something else.
    """
    for k in range(at.size):
        first, end = int(at[k]), int(stop[k])
        kind, version, length = be8(data, first, end), be16(data, first + 1, end), be16(data, first + 3, end)
        if not 20 <= kind <= 24 or not 0x0300 <= version <= 0x0304 or not 0 < length <= _TLS_RECORD_MAX:
            continue
        found[TLS_RECORD_TYPE, k] = kind
        found[TLS_RECORD_VERSION, k] = version
        end = min(end, first + 5 + length)
        if kind == _TLS_ALERT and length == _TLS_ALERT_BYTES:
            found[TLS_ALERT, k] = be8(data, first + 6, end)
        message = be8(data, first + 5, end)
        size = be8(data, first + 6, end) << 16 | be16(data, first + 7, end)
        if kind != _TLS_HANDSHAKE or first + 9 > end:
            continue
        if not (message in _LONG_HANDSHAKES or (message in _SHORT_HANDSHAKES and size + 4 <= length)):
            continue  # encrypted
        found[TLS_HANDSHAKE_TYPE, k] = message
        if message not in (_CLIENT_HELLO, _SERVER_HELLO):
            continue
        found[TLS_HELLO_VERSION, k] = be16(data, first + 9, end)
        if message == _SERVER_HELLO:
            continue
        place = first + 43
        size = be8(data, place, end)  # session id
        if size < 0:
            continue
        place += 1 + size
        size = be16(data, place, end)  # cipher suites
        if size < 0:
            continue
        place += 2 + size
        size = be8(data, place, end)  # compression methods
        if size < 0:
            continue
        place += 1 + size
        extensions = be16(data, place, end)
        if extensions < 0:
            continue
        place += 2
        end = min(end, place + extensions)
        while place + 4 <= end:
            extension, size = be16(data, place, end), be16(data, place + 2, end)
            place += 4
            if extension == _SNI_EXTENSION:
                n = be16(data, place + 3, end)
                if be8(data, place + 2, end) == 0 and n > 0 and n + 5 <= size and place + 5 + n <= end:
                    found[TLS_NAME_AT, k], found[TLS_NAME_BYTES, k] = place + 5, n
                break
            place += size


@njit
def read_tcp_options(data: U8, at: I64, stop: I64, found: I64) -> None:
    """Largest segment, factor of the window, and SACK permitted (1), of TCP's options (RFC 9293, 7323, 2018).

    `found` comes filled with -1.
    """
    for k in range(at.size):
        place, end = int(at[k]), int(stop[k])
        while place < end:
            option = byte_at(data, place)
            if option == 0:
                break
            if option == 1:
                place += 1
                continue
            size = be8(data, place + 1, end)
            if size < 2 or place + size > end:
                break
            if option == 2 and size == 4:
                found[TCP_MSS, k] = be16(data, place + 2, end)
            elif option == 3 and size == 3:
                found[TCP_SCALE, k] = 1 << min(byte_at(data, place + 2), 14)
            elif option == 4 and size == 2:
                found[TCP_SACK, k] = 1
            place += size


AS_NOTHING, AS_NUMBER, AS_TEXT, AS_HEX = range(4)
"""How a piece of a line shows its value; `AS_HEX + n`: with at least n digits."""
PIECE_AT, PIECE_BYTES, PIECE_FORMAT, N_PIECE_COLUMNS = range(4)
"""A piece of a line: where the words before its value stand, how long they are, and how the value is shown."""


@njit
def _put_number(out: U8, at: int, value: int, base: int, n_digits: int) -> int:
    """`value` in at least `n_digits` digits to `out[at:]`, which has room for them; returns where they end."""
    rest = value // base
    n = 1
    while rest > 0:
        rest //= base
        n += 1
    stop = at + max(n, n_digits)
    place = stop
    while place > at:
        place -= 1
        digit = value % base
        out[place] = digit + 48 if digit < 10 else digit + 87
        value //= base
    return stop


@njit
def write_lines(
    template: I16, pieces: I64, first_piece: I64, values: I64, next_value: I64, words: U8, texts: U8, text_end: I64,
    out: U8, offset: I64,
) -> None:  # fmt: skip
    """A line for each row: the pieces of its template, one behind the other, to `out`; `offset` gets where each starts.

    `values` has those of each template's rows one behind the other, from `next_value` on, which is moved: a number,
    or a text's number in `texts`. -1 leaves out the piece. Template -1 is an empty line. `out` has room for all.
    """
    to = 0
    for k in range(template.size):
        offset[k] = to
        which = int(template[k])
        if which < 0:
            continue
        at = int(next_value[which])
        for piece in range(int(first_piece[which]), int(first_piece[which + 1])):
            value = int(values[at])
            at += 1
            if value < 0:
                continue
            word = int(pieces[piece, PIECE_AT])
            for i in range(word, word + int(pieces[piece, PIECE_BYTES])):
                out[to] = words[i]
                to += 1
            shown = int(pieces[piece, PIECE_FORMAT])
            if shown == AS_NUMBER:
                to = _put_number(out, to, value, 10, 1)
            elif shown == AS_TEXT:
                for i in range(int(text_end[value]), int(text_end[value + 1])):
                    out[to] = texts[i]
                    to += 1
            elif shown >= AS_HEX:
                to = _put_number(out, to, value, 16, shown - AS_HEX)
        next_value[which] = at
    offset[template.size] = to
