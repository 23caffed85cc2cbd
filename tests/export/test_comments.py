"""Comments of packets that all differ, as finished options."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wnv.export.comments import comment_options
from wnv.export.pcapng import PacketOptions

VERDICT = struct.pack("<BQ", 2, 1)


def options_of(options: PacketOptions, k: int) -> list[tuple[int, bytes]]:
    """The options of one packet, as a reader would find them."""
    data = options.words[options.start[k] : options.start[k + 1]].tobytes()
    found, at = [], 0
    while at < len(data):
        code, size = struct.unpack_from("<HH", data, at)
        found.append((code, data[at + 4 : at + 4 + size]))
        assert not data[at + 4 + size : at + 4 + size + -size % 4].strip(b"\0")
        at += 4 + size + -size % 4
    return found


@given(st.lists(st.tuples(st.none() | st.text(max_size=20), st.booleans()), max_size=8))
def test_each_packet_has_its_comment_and_its_verdict(rows: list[tuple[str | None, bool]]) -> None:
    texts = pa.array([text.encode("utf-8", "ignore").decode() if text else text for text, _ in rows], pa.string())
    options = comment_options(texts, np.array([is_drop for _, is_drop in rows], np.bool_))
    for k, (text, (_, is_drop)) in enumerate(zip(texts.to_pylist(), rows, strict=True)):
        comment = [(1, text.encode())] if text else []
        assert options_of(options, k) == comment + ([(7, VERDICT)] if is_drop else [])


def test_a_part_of_an_array_is_that_part() -> None:
    texts = pa.array(["one", "two", "three"]).slice(1)
    assert options_of(comment_options(texts, np.zeros(2, np.bool_)), 0) == [(1, b"two")]


def test_a_text_too_long_for_an_option_is_cut_between_characters() -> None:
    ((code, value),) = options_of(comment_options(pa.array(["x" + "é" * 40_000]), np.zeros(1, np.bool_)), 0)
    assert code == 1
    assert 65_000 < len(value) <= 65_532
    assert value.decode().startswith("xé")
