from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_writer import (
    Buffer,
    Item,
    TraceSpec,
    build,
    container_id,
    control_guid,
    event_header,
    guid_bytes,
    item_chain,
    prov_traits,
    related_activity,
    schema_tl,
    sid,
    stack32,
    stack64,
    ts_id,
)
from recordings import Seen, save, see_trace
from wnv import kernels
from wnv.diagnostics import Code, Log
from wnv.etl.extended import Items, sid_text, stack_addresses, traits_name
from wnv.etl.layout import ITEM_RELATED_ACTIVITY, ITEM_SID, ITEM_STACK64
from wnv.etl.reader import Recording

SPEC = TraceSpec()
PROVIDER = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
CONTAINER = "86e2a814-8893-431d-a1dc-f44931d6b99a"
ACTIVITY = "0e66e20b-b802-ba6a-9272-31199d0ed295"


def seen_with(folder: Path, *items: Item, chain: bytes | None = None, payload: bytes = b"payload") -> Seen:
    """A recording of one event with these items, and a plain one behind it."""
    events = [
        event_header(provider=PROVIDER, ticks=SPEC.t0, items=items, chain=chain, payload=payload),
        event_header(provider=PROVIDER, ticks=SPEC.t0, payload=b"next"),
    ]
    return see_trace(folder, SPEC, [Buffer(events=events)])


# --------------------------------------------------------------------------------------------------- the chain


@given(items=st.lists(st.tuples(st.integers(19, 65_535), st.binary(max_size=40)), min_size=1, max_size=32))
def test_items_come_back_with_the_payload_behind_them(
    tmp_path_factory: pytest.TempPathFactory, items: list[Item]
) -> None:
    seen = seen_with(tmp_path_factory.getbasetemp(), *items)
    assert seen.rows[1]["items"] == tuple(items)
    assert seen.payloads() == [b"payload", b"next"]
    assert seen.codes == {Code.ITEM_RAW: len(items)}


def test_items_of_real_recordings(traces_dir: Path) -> None:
    names = {1: "RELATED_ACTIVITYID", 6: "STACK_TRACE64", 11: "EVENT_SCHEMA_TL", 12: "PROV_TRAITS"}
    wanted = {
        "httpservice-win7": {"RELATED_ACTIVITYID": 484},
        "tracelogging-amsi": {"PROV_TRAITS": 19, "EVENT_SCHEMA_TL": 19},
    }
    if kernels.COMPILED:  # it is large, and compressed
        wanted["perfview-net452-x64"] = {"STACK_TRACE64": 655, "RELATED_ACTIVITYID": 3}
    for name, counts in wanted.items():
        found: dict[str, int] = {}
        with Recording([traces_dir / f"{name}.etl"], Log()) as recording:
            recording.scan()
            for piece in recording.slices():
                for kind in piece.items.type.tolist():
                    found[names[kind]] = found.get(names[kind], 0) + 1
        assert found == counts


LAST, MORE = 0, 1


def item(total: int, size: int, link: int = LAST, body: bytes = bytes(8), kind: int = 3) -> bytes:
    return struct.pack("<HHHH", total, kind, link, size) + body


BROKEN = {
    "a total of 0": item(0, 0),
    "a total of 7": item(7, 0),
    "a total below the data": item(8, 4),
    "a total beyond the event": item(800, 4),
    "data beyond the event": item(0xFFFF, 0xFFF0),
    "no next item": item(16, 4, MORE),
    "a next item that is cut": item(16, 4, MORE) + item(16, 4)[:4],
    "33 items": item_chain([ts_id(1)] * 33),
    "the second is broken": item_chain([ts_id(1)])[:4] + b"\1\0" + item_chain([ts_id(1)])[6:] + item(0, 4),
    "4 bytes": b"\0\1\2\3",
    "a total that only rounding makes enough": item(9, 4),
    "a last total beyond its data and the event": item(24, 4),
}


@pytest.mark.parametrize("chain", BROKEN.values(), ids=BROKEN)
def test_a_broken_chain_costs_the_items_and_the_payload(tmp_path: Path, chain: bytes) -> None:
    seen = seen_with(tmp_path, chain=chain, payload=b"")
    assert (seen.rows[1]["items"], seen.payloads()) == ((), [b"", b"next"])
    assert (seen.codes, seen.offsets(Code.ITEM_INVALID)) == ({Code.ITEM_INVALID: 1}, [4096])


@pytest.mark.parametrize(
    "chain",
    [item(12, 4, body=b"\1\0\0\0" + bytes(4)), item(16, 4, body=b"\1\0\0\0" + bytes(4))],
    ids=["unrounded", "rounded"],
)
def test_the_total_may_be_rounded_or_not(tmp_path: Path, chain: bytes) -> None:
    seen = seen_with(tmp_path, chain=chain)
    assert (seen.rows[1]["items"], seen.payloads()) == (((3, b"\1\0\0\0"),), [b"payload", b"next"])


def test_the_padding_of_the_last_item_may_be_missing(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, chain=item(16, 4, body=b"\1\0\0\0"), payload=b"")
    assert (seen.rows[1]["items"], seen.payloads()) == (((3, b"\1\0\0\0"),), [b"", b"next"])


def test_without_the_flag_items_are_payload(tmp_path: Path) -> None:
    chain = item_chain([ts_id(1)])
    plain = event_header(provider=PROVIDER, ticks=SPEC.t0, chain=chain, flags=0)
    seen = see_trace(tmp_path, SPEC, [Buffer(events=[plain])])
    assert (seen.rows[1]["items"], seen.payloads()) == ((), [chain])


def test_32_items_are_as_many_as_there_may_be(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, *[ts_id(k) for k in range(32)])
    assert len(seen.rows[1]["items"]) == 32


def test_items_are_in_the_order_of_their_events(tmp_path: Path) -> None:
    events = [
        event_header(provider=PROVIDER, ticks=SPEC.t0 + k, items=[ts_id(10 * k + n) for n in range(k % 4)])
        for k in range(9)
    ]
    with Recording([save(tmp_path, build(SPEC, events))], Log()) as recording:
        recording.scan()
        (piece,) = recording.slices()
        assert piece.items.event.tolist() == [k + 1 for k in range(9) for _ in range(k % 4)]
        values = [int.from_bytes(piece.items.raw(row), "little") for row in range(len(piece.items))]
        assert values == [10 * k + n for k in range(9) for n in range(k % 4)]


# ------------------------------------------------------------------------------------------------- containers


@pytest.mark.parametrize("form", ["text", "upper", "braces", "utf16", "utf16_braces", "binary"])
@pytest.mark.parametrize("guid", [CONTAINER, str(UUID(int=0)), str(UUID(int=1 << 127))])
def test_a_container_in_every_form(tmp_path: Path, form: str, guid: str) -> None:
    seen = seen_with(tmp_path, related_activity(ACTIVITY), container_id(guid, form))
    assert [row["container_id"] for row in seen.rows] == ["", guid, ""]
    assert not seen.codes


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x" * 36,
        b"x" * 38,
        b"x" * 72,
        b"\xff" * 36,
        b"\xff\xdf" * 36,
        CONTAINER.encode() + b"\0",
        CONTAINER.encode()[:-1] + b"\0",
        guid_bytes(CONTAINER)[:-1],
        b"{" + CONTAINER.encode() + b"}}",
    ],
    ids=[
        "nothing",
        "36 letters",
        "38 letters",
        "36 wide letters",
        "no utf-8",
        "no utf-16",
        "a NUL behind",
        "a NUL for the last digit",
        "15 bytes",
        "39 characters",
    ],
)
def test_a_container_in_no_known_form_is_counted(tmp_path: Path, text: bytes) -> None:
    seen = seen_with(tmp_path, chain=item_chain([(16, text)]))
    assert [row["container_id"] for row in seen.rows] == ["", "", ""]
    assert seen.codes == {Code.ITEM_RAW: 1}
    assert seen.rows[1]["items"] == ((16, text),)


def test_containers_of_many_events(tmp_path: Path) -> None:
    forms = ("text", "braces", "utf16", "utf16_braces", "binary", "upper")
    names = [f"86e2a814-8893-431d-a1dc-f44931d6b9{k % 7:02x}" for k in range(60)]
    events = [
        event_header(
            provider=PROVIDER,
            ticks=SPEC.t0 + k,
            items=[container_id(name, forms[k % 6])] if k % 5 else [],
        )
        for k, name in enumerate(names)
    ]
    seen = see_trace(tmp_path, SPEC, events)
    assert [row["container_id"] for row in seen.ordered[1:]] == [name if k % 5 else "" for k, name in enumerate(names)]


# ------------------------------------------------------------------------------------------- what items hold


def items_of(folder: Path, *items: Item) -> Items:
    """Copied items of one event."""
    data = build(SPEC, [event_header(provider=PROVIDER, ticks=SPEC.t0, items=items)])
    with Recording([save(folder, data)], Log()) as recording:
        recording.scan()
        (piece,) = recording.slices()
        mine = piece.items
        return Items(mine.data.copy(), mine.event, mine.type, mine.start, mine.n_bytes)


def test_items_by_type(tmp_path: Path) -> None:
    items = items_of(tmp_path, related_activity(ACTIVITY), sid(21, 1, 2), stack64([1, 2]), control_guid(ACTIVITY))
    assert items.of_type(ITEM_RELATED_ACTIVITY).raw(0) == guid_bytes(ACTIVITY)
    assert sid_text(items.of_type(ITEM_SID).raw(0)) == "S-1-5-21-1-2"
    assert [items.raw(row) for row in range(len(items))][-1] == guid_bytes(ACTIVITY)
    both = items.of_type(ITEM_STACK64, ITEM_SID)
    assert both.type.tolist() == [ITEM_SID, ITEM_STACK64]
    assert len(items.of_type(99)) == 0


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (sid(18)[1], "S-1-5-18"),
        (sid(authority=0)[1], "S-1-0"),
        (sid(21, 0xFFFFFFFF, 500)[1], "S-1-5-21-4294967295-500"),
        (sid(*range(15))[1], "S-1-5-0-1-2-3-4-5-6-7-8-9-10-11-12-13-14"),
        (sid(18)[1] + b"behind it", "S-1-5-18"),
        (b"", None),
        (sid(18)[1][:-1], None),
        (b"\x01\x10" + bytes(6 + 64), None),
    ],
)
def test_the_text_of_a_sid(raw: bytes, text: str | None) -> None:
    assert sid_text(raw) == text


@pytest.mark.parametrize("width", [32, 64])
def test_the_addresses_of_a_stack(width: int) -> None:
    addresses = [1, 0x7FF6_0000_0000 & (1 << width) - 1, (1 << width) - 1]
    kind, raw = (stack32 if width == 32 else stack64)(addresses, match_id=77)
    assert stack_addresses(raw, kind) == (77, addresses)
    assert stack_addresses(raw + b"\1", kind) == (77, addresses)
    assert stack_addresses(raw[:-1], kind) == (77, addresses[:-1])
    for size in range(9):
        assert stack_addresses(raw[:size], kind) == (int.from_bytes(raw[:size], "little"), [])


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (prov_traits("AmsiTrace")[1], "AmsiTrace"),
        (prov_traits("Grouped", ACTIVITY)[1], "Grouped"),
        (prov_traits("")[1], None),
        (schema_tl("event")[1][:2], None),
        (b"", None),
        (b"\x05\0abc", "abc"),
        (b"\x05\0\xff\xfe\0", "\ufffd\ufffd"),
    ],
)
def test_the_name_in_the_traits_of_a_provider(raw: bytes, name: str | None) -> None:
    assert traits_name(raw) == name


@given(raw=st.binary(max_size=100))
def test_any_bytes_give_a_value_or_none(raw: bytes) -> None:
    text = sid_text(raw)
    assert text is None or text.startswith("S-")
    assert traits_name(raw) != ""
    for kind in (5, 6):
        assert len(stack_addresses(raw, kind)[1]) <= len(raw) // 4
