"""What WinNat states, out of events as the lab writes them."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_events import decoded_kinds, side, sides
from wnv.decode.values import Blobs
from wnv.providers.winnat import numbers, read_ends, read_mappings, read_sessions, read_translations
from wnv_lab.events import winnat as lab
from wnv_lab.events.fields import Socket, sockaddr

INSIDE, OUTSIDE = Socket("172.20.1.5", 49200), Socket("10.0.0.10", 1025)
SERVER = Socket("93.184.216.34", 443)


def blobs(values: list[bytes]) -> Blobs:
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int64)
    return Blobs(offsets, np.frombuffer(b"".join(values) + bytes(8), np.uint8))


_V4 = st.tuples(st.ip_addresses(v=4), st.integers(0, 65535))
_V6 = st.tuples(st.ip_addresses(v=6), st.integers(0, 65535))


@given(st.lists(st.one_of(_V4, _V6), max_size=8))
def test_any_address_is_read_as_it_was_written(pairs: list[tuple[IPv4Address | IPv6Address, int]]) -> None:
    ends = read_ends(blobs([sockaddr(Socket(*pair)) for pair in pairs]))
    assert sides(ends) == [(address.version, int(address), port) for address, port in pairs]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_bytes_of_any_kind_are_an_address_or_none(values: list[bytes]) -> None:
    ends = read_ends(blobs(values))
    assert len(ends) == len(values)
    assert set(ends.version.tolist()) <= {0, 4, 6}


def test_a_bare_address_has_no_port() -> None:
    assert sides(read_ends(blobs([bytes([10, 0, 0, 1])]))) == [(4, 0x0A000001, -1)]


def test_a_translation_states_both_tuples(tmp_path: Path) -> None:
    payload = lab.TranslationTemplate(INSIDE, SERVER, OUTSIDE, SERVER, lab.TCP).fill(0x1234)
    ((event_id, decoded),) = decoded_kinds(tmp_path, [(lab.KIND_1009, payload)] * 3)
    found = read_translations(np.arange(3), decoded)
    assert event_id == 1009
    for ends, given_end in (
        (found.before_src, INSIDE), (found.before_dst, SERVER), (found.after_src, OUTSIDE), (found.after_dst, SERVER),
    ):  # fmt: skip
        assert sides(ends) == [side(given_end)] * 3
    assert set(found.protocol.tolist()) == {6}
    assert set(found.ip_id.tolist()) == {struct.unpack("<I", (0x1234).to_bytes(4, "little"))[0]}


def test_a_session_has_a_compartment_where_it_is_stated(tmp_path: Path) -> None:
    def session(compartment_id: int | None) -> bytes:
        return lab.session(
            internal_src=INSIDE, internal_dst=SERVER, external_src=OUTSIDE, external_dst=SERVER, protocol=lab.TCP,
            compartment_id=compartment_id,
        )  # fmt: skip

    kinds = decoded_kinds(tmp_path, [
        (lab.KIND_1001, session(None)),
        (lab.KIND_1001_V1, session(7)),
    ])  # fmt: skip
    found = [read_sessions(np.arange(1), event_id, decoded) for event_id, decoded in kinds]
    assert sorted(one.compartment.tolist()[0] for one in found) == [-1, 7]
    assert {tuple(sides(one.inside_src)) for one in found} == {(side(INSIDE),)}
    assert {tuple(sides(one.outside_src)) for one in found} == {(side(OUTSIDE),)}


def test_a_published_port_is_a_mapping(tmp_path: Path) -> None:
    payload = lab.static_mapping(
        instance_name="nat", external=Socket("10.0.0.10", 8080), internal=Socket("172.20.1.5", 80), protocol=lab.TCP,
        compartment_id=3,
    )  # fmt: skip
    ((_, decoded),) = decoded_kinds(tmp_path, [(lab.KIND_1027, payload)])
    found = read_mappings(np.arange(1), decoded)
    assert sides(found.outside) == [side(Socket("10.0.0.10", 8080))]
    assert sides(found.inside) == [side(Socket("172.20.1.5", 80))]
    assert found.protocol.tolist() == [6]


def test_a_field_that_is_not_there_is_missing(tmp_path: Path) -> None:
    payload = lab.TranslationTemplate(INSIDE, SERVER, OUTSIDE, SERVER, lab.TCP).fill(1)
    ((_, decoded),) = decoded_kinds(tmp_path, [(lab.KIND_1009, payload)])
    assert numbers(decoded, "NoSuchField").tolist() == [-1]
    assert numbers(decoded, "IncomingSrcAddr", 5).tolist() == [5]


@pytest.mark.parametrize(
    ("kind", "is_payload", "is_error"),
    [(8, False, False), (0, False, False), (3, False, True), (0, True, True)],
)
def test_an_error_of_icmp_is_told_from_a_ping(tmp_path: Path, kind: int, is_payload: bool, is_error: bool) -> None:
    payload = lab.TranslationTemplate(
        INSIDE, SERVER, OUTSIDE, SERVER, lab.ICMP, icmp_type=kind, is_icmp_payload=is_payload
    ).fill(1)  # fmt: skip
    ((_, decoded),) = decoded_kinds(tmp_path, [(lab.KIND_1009, payload)])
    assert read_translations(np.arange(1), decoded).is_error.tolist() == [is_error]
