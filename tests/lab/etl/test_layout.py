from __future__ import annotations

import struct
from uuid import UUID

import pytest

from wnv_lab.etl.layout import PADDING, EventKind, TimeZone, pack_item


def test_a_kind_of_event_is_packed_as_its_header_has_it() -> None:
    guid = UUID("2ed6006e-4729-4609-b423-3ee7bcd678ef").bytes_le
    kind = EventKind(guid, 1001, version=1, level=4, opcode=2, task=3, keyword=0x8000_0000_0000_0001, channel=16)
    assert kind.tail == guid + struct.pack("<HBBBBHQQ", 1001, 1, 16, 4, 2, 3, kind.keyword, 0) + bytes(16)


def test_kinds_are_equal_by_what_they_say() -> None:
    assert EventKind(bytes(16), 1) == EventKind(bytes(16), 1) != EventKind(bytes(16), 2)


@pytest.mark.parametrize("size", range(17))
def test_padding_makes_multiples_of_8(size: int) -> None:
    assert (size + len(PADDING[size & 7])) % 8 == 0
    assert len(PADDING[size & 7]) < 8


def test_an_item_states_its_padded_size_and_its_true_one() -> None:
    assert pack_item(16, bytes(range(36)), has_next=True) == (
        struct.pack("<HHHH", 48, 16, 1, 36) + bytes(range(36)) + bytes(4)
    )


def test_a_time_zone_has_172_bytes_and_its_changes_as_dates() -> None:
    zone = TimeZone(-60, "W. Europe Standard Time", "W. Europe Daylight Time", -60, (10, 0, 5, 3), (3, 0, 5, 2))
    packed = zone.pack()
    assert len(packed) == 0xAC
    assert struct.unpack_from("<i", packed) == (-60,)
    assert struct.unpack_from("<8H", packed, 68) == (0, 10, 0, 5, 3, 0, 0, 0)


def test_names_too_long_for_the_zone_are_cut_to_31_letters() -> None:
    packed = TimeZone(standard_name="x" * 40).pack()
    assert packed[4:68].decode("utf-16-le") == "x" * 31 + "\0"
