from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import payloads as make
from dissection import columns_of
from plain import LOOPS, Fenced
from random_frames import FrameMaker, make_options
from wnv.arrays import I64
from wnv.packets import loops

READERS = {
    "read_dhcp": loops.N_DHCP_COLUMNS, "read_http": loops.N_HTTP_COLUMNS, "read_tls": loops.N_TLS_COLUMNS,
    "read_tcp_options": loops.N_TCP_OPTIONS, "read_dns": loops.N_DNS_COLUMNS,
}  # fmt: skip
PREFIXES = (
    b"", make.dns("a.example", is_response=True, answers=["10.0.0.1"]), make.dhcp(1, hostname="pc"),
    make.http_request(), make.http_response(), make.tls_client_hello(), make.tls_server_hello(),
)  # fmt: skip


def read(module: Any, name: str, data: Any, start: I64, stop: I64) -> list[list[int]]:  # Any: compiled or not
    found = np.full((READERS[name], len(start)), -1, np.int64)
    rows: list[list[int]]
    if name != "read_dns":
        getattr(module, name)(data, start, stop, found)
        rows = found.T.tolist()
        return rows
    names = np.zeros((len(start), loops.DNS_NAME_ROOM), np.uint8)
    module.read_dns(data, start, stop, found, names.ravel())
    rows = np.hstack([found.T, names]).tolist()
    return rows


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Messages with bytes changed, cut and lengthened; and bytes of any kind."""
    message = bytearray(draw(st.sampled_from(PREFIXES)) + draw(st.binary(max_size=40)))
    for _ in range(draw(st.integers(0, 4)) if message else 0):
        message[draw(st.integers(0, len(message) - 1))] = draw(st.integers(0, 255))
    return bytes(message[: draw(st.integers(0, len(message)))])


class TestReaders:
    @pytest.mark.parametrize("name", READERS)
    @given(st.lists(messages(), max_size=5))
    def test_read_the_same_uncompiled_and_nothing_outside(self, name: str, found: list[bytes]) -> None:
        data, start, n_bytes = columns_of(found)
        compiled = read(loops, name, data, start, start + n_bytes)
        end = int(n_bytes.sum())
        assert read(LOOPS, name, Fenced(data[:end]), start, start + n_bytes) == compiled

    @pytest.mark.parametrize("name", READERS)
    @given(messages(), st.binary(max_size=30), st.binary(max_size=30))
    def test_what_stands_behind_does_not_matter(self, name: str, message: bytes, one: bytes, other: bytes) -> None:
        found = []
        for behind in (one, other):
            data, start, n_bytes = columns_of([message + behind])
            found.append(read(loops, name, data, start, start + n_bytes - len(behind)))
        assert found[0] == found[1]

    def test_a_name_that_points_at_itself_ends(self) -> None:
        message = make.dns("")[:12] + b"\xc0\x0c\0\1\0\1"
        data, start, n_bytes = columns_of([message, make.dns("")[:12] + b"\1a\xc0\x0c\0\1\0\1"])
        rows = read(loops, "read_dns", data, start, start + n_bytes)
        assert [row[loops.DNS_NAME_BYTES] for row in rows] == [-1, -1]

    @pytest.mark.parametrize("seed", range(20))
    def test_options_of_tcp_in_any_order(self, seed: int) -> None:
        source = FrameMaker(seed).random
        options = make_options(source)
        data, start, n_bytes = columns_of([options + b"\0"])
        found = np.full((loops.N_TCP_OPTIONS, 1), -1, np.int64)
        loops.read_tcp_options(data, start, start + n_bytes, found)
        assert (found[loops.TCP_SACK, 0] == 1) == (b"\4\2" in options)
        assert (found[loops.TCP_MSS, 0] >= 0) == (b"\2\4" in options)
        assert (found[loops.TCP_SCALE, 0] >= 0) == (b"\3\3" in options)


class TestWriteLines:
    def line(self, module: Any, *pieces: tuple[str, int, int]) -> str:
        """Of words, value and format."""
        words = [text.encode() for text, _, _ in pieces]
        at = np.cumsum([0, *map(len, words)])
        table = np.array([[at[i], len(words[i]), shown] for i, (_, _, shown) in enumerate(pieces)], np.int64)
        out, offset = np.zeros(200, np.uint8), np.zeros(2, np.int64)
        module.write_lines(
            np.zeros(1, np.int16), table, np.array([0, len(pieces)]), np.array([value for _, value, _ in pieces]),
            np.zeros(1, np.int64), np.frombuffer(b"".join(words), np.uint8),
            np.frombuffer(b"onetwo", np.uint8), np.array([0, 3, 6]), out, offset,
        )  # fmt: skip
        return out[: offset[1]].tobytes().decode()

    @pytest.mark.parametrize("module", [loops, LOOPS], ids=["compiled", "plain"])
    def test_numbers_hex_texts_and_nulls(self, module: Any) -> None:
        number, text, four, nothing = loops.AS_NUMBER, loops.AS_TEXT, loops.AS_HEX + 4, loops.AS_NOTHING
        assert self.line(module, ("", 0, number), (" → ", 443, number)) == "0 → 443"
        assert self.line(module, ("a ", -1, number), ("id=0x", 0x2A, four), (" ", 1, text)) == "id=0x002a two"
        assert self.line(module, ("0x", 0xFEDCBA98, four), (" x", 0, nothing), (" y", -1, nothing)) == "0xfedcba98 x"

    @given(st.integers(0, (1 << 62) - 1))
    def test_any_number(self, value: int) -> None:
        assert self.line(loops, ("", value, loops.AS_NUMBER)) == str(value)
        assert self.line(loops, ("", value, loops.AS_HEX + 8)) == f"{value:08x}"
