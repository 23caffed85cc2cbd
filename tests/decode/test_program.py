from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_decoder
import wnv
from wnv import kernels
from wnv.decode.columns import decode_kind
from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source
from wnv.decode.program import FIELDS_MAX, PREFIX_BYTES_MAX, build_program

Field = FieldDescription
U8, U16, U32 = InType.UINT8, InType.UINT16, InType.UINT32


def test_what_has_a_fixed_place_is_found_once() -> None:
    members = Field("mac", InType.BINARY, length=6), Field("w", InType.UNICODE_STRING, length=2)
    fields = [
        Field("a", U8),
        Field("p", InType.POINTER),
        Field("s", InType.STRUCT, members=members),
        Field("text", InType.ANSI_STRING),
        Field("b", U8),
    ]
    program = build_program(fields)
    assert [(one.offset, one.n_bytes) for one in program.prefix(8).places] == [(0, 1), (1, 8), (9, 6), (15, 4)]
    assert [(one.offset, one.n_bytes) for one in program.prefix(4).places] == [(0, 1), (1, 4), (5, 6), (11, 4)]
    assert [(one.offset, one.n_bytes) for one in program.prefix(0).places] == [(0, 1)]


def test_prefixes_and_numbers_of_fields_are_bounded() -> None:
    program = build_program([Field("x", InType.BINARY, length=64)] * 100)
    assert program.prefix(8).n_bytes <= PREFIX_BYTES_MAX
    assert len(build_program([Field("x", U8)] * (FIELDS_MAX + 10))) == FIELDS_MAX


def test_structures_in_structures_without_end_are_cut() -> None:
    deep = Field("x", U8)
    for _ in range(200):
        deep = Field("s", InType.STRUCT, count=1, members=(deep,))
    program = build_program([deep])
    assert program.first_unsure == 0


def plain_kernels() -> ModuleType:
    """The kernels as they are where numba is not installed."""
    spec = importlib.util.spec_from_file_location("plain_kernels", kernels.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WNV_NO_NUMBA", "1")
        spec.loader.exec_module(module)
    return module


PLAIN = plain_kernels()
FIELDS = (
    Field("n", U8),
    Field("wide", InType.UNICODE_STRING),
    Field("narrow", InType.ANSI_STRING),
    Field("sid", InType.WBEM_SID),
    Field("rows", InType.STRUCT, count="n", members=(
        Field("k", U16), Field("t", InType.ANSI_STRING), Field("raw", InType.BINARY, length="k"),
        Field("many", InType.INT8, is_counted=True),
    )),
    Field("p", InType.POINTER),
    Field("dump", InType.HEX_DUMP),
    Field("back", InType.REVERSED_COUNTED_STRING),
    Field("rest", InType.NON_NULL_TERMINATED_ANSI_STRING),
)  # fmt: skip
pieces = st.lists(
    st.sampled_from([b"\0", b"\1\0", b"\2\0", b"a\0", b"\0\0", b"\xff", b"\0\xd8", b"\xe9", "é".encode(), b"\1" * 8]),
    max_size=40,
).map(b"".join)


@given(st.lists(st.tuples(pieces, st.sampled_from([4, 8])), min_size=1, max_size=5))
def test_compiled_or_not_the_result_is_the_same(events: list[tuple[bytes, int]]) -> None:
    payloads = [raw for raw, _ in events]
    n_bytes = np.array([len(raw) for raw in payloads], np.int64)
    start = np.cumsum(n_bytes) - n_bytes
    data = np.frombuffer(bytearray().join(payloads), np.uint8)
    description = EventDescription("d1", 1, 0, "", FIELDS, Source.CATALOG)
    pointers = np.array([pointer for _, pointer in events])
    compiled = decode_kind(data, start, n_bytes, pointers, description)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wnv, "kernels", PLAIN)
        plain = decode_kind(data, start, n_bytes, pointers, description)
    assert plain.to_pylist() == compiled.to_pylist()
    assert plain.fit.tolist() == compiled.fit.tolist()
    assert plain.n_left.tolist() == compiled.n_left.tolist()


@pytest.mark.parametrize("kind", [InType.ANSI_STRING, InType.UNICODE_STRING])
@given(raw=st.binary(max_size=12))
def test_any_bytes_become_text_as_python_reads_them(kind: InType, raw: bytes) -> None:
    field = Field("x", kind, length=len(raw) // (2 if kind is InType.UNICODE_STRING else 1))
    description = EventDescription("d1", 1, 0, "", (field,), Source.CATALOG)
    data = np.frombuffer(bytearray(raw), np.uint8)
    got = decode_kind(data, np.array([0]), np.array([len(raw)]), np.array([8]), description)
    assert got.to_pylist() == [slow_decoder.decode(raw, 8, [field]).values]


def test_out_types_that_do_not_fit_the_size_change_nothing() -> None:
    odd = [Field("x", U16, OutType.IPV4), Field("y", U32, OutType.PORT), Field("z", U32, OutType.STRING)]
    data = np.frombuffer(bytearray(b"\1\0\2\0\0\0\3\0\0\0"), np.uint8)
    description = EventDescription("d1", 1, 0, "", tuple(odd), Source.CATALOG)
    got = decode_kind(data, np.array([0]), np.array([10]), np.array([8]), description)
    assert got.to_pylist() == [{"x": 1, "y": 2, "z": 3}]
