from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wnv.decode import classic
from wnv.decode.columns import decode_kind


def decoded(
    event_class: str, opcode: int, version: int, payload: bytes, pointer: int = 8
) -> dict[str, Any]:  # Any: numbers and text
    description = classic.describe(event_class, opcode, version)
    assert description is not None
    data = np.frombuffer(payload, np.uint8)
    got = decode_kind(data, np.array([0]), np.array([len(data)]), np.array([pointer]), description)
    assert got.is_exact.all()
    return {name: got.fields[name].to_pylist()[0] for name in got.fields.names}


SID = bytes([1, 1, 0, 0, 0, 0, 0, 5]) + struct.pack("<I", 18)


def process(pointer: int) -> bytes:
    word = "<Q" if pointer == 8 else "<I"
    return (
        struct.pack(word, 0x1000)
        + struct.pack("<3Ii", 42, 4, 1, 259)
        + struct.pack(word, 0x2000)
        + bytes(4)
        + (struct.pack(word, 1) + struct.pack(word, 0) + SID)
        + b"svchost.exe\0"
        + "svchost -k net".encode("utf-16-le")
        + b"\0\0" * 3
    )


@pytest.mark.parametrize("pointer", [4, 8])
def test_a_process_says_who_it_is(pointer: int) -> None:
    got = decoded(classic.PROCESS, 1, 4, process(pointer), pointer)
    assert (got["ProcessId"], got["ImageFileName"], got["CommandLine"]) == (42, "svchost.exe", "svchost -k net")
    assert (got["UserSID"], got["DirectoryTableBase"]) == ("S-1-5-18", 0x2000)


@pytest.mark.parametrize("pointer", [4, 8])
@pytest.mark.parametrize(
    ("opcode", "n_addresses"), [(10, 4), (11, 4), (13, 4), (26, 16), (27, 16), (29, 16), (12, 4), (31, 16)]
)
def test_a_tcp_event_says_who_talks_to_whom(opcode: int, n_addresses: int, pointer: int) -> None:
    middle = {10: 8, 26: 8, 12: 16, 31: 16}.get(opcode, 0)
    addresses = bytes([10, 0, 0, 1] if n_addresses == 4 else 16) + bytes([10, 0, 0, 2] if n_addresses == 4 else 16)
    raw = struct.pack("<2I", 42, 100) + addresses + struct.pack(">2H", 443, 50000)
    got = decoded(classic.TCPIP, opcode, 2, raw + bytes(middle + 4 + pointer), pointer)
    assert (got["PID"], got["size"], got["dport"], got["sport"]) == (42, 100, 443, 50000)
    assert (got["daddr"], got["saddr"]) == (("10.0.0.1", "10.0.0.2") if n_addresses == 4 else ("::", "::"))


def test_udp_of_every_version() -> None:
    address = bytes([10, 0, 0, 1])
    oldest = bytes(8) + address + struct.pack(">H", 53) + b"\5\0" + address + struct.pack(">H", 99) + b"\5\0"
    assert decoded(classic.UDPIP, 10, 0, oldest)["sport"] == 53
    older = struct.pack("<2I", 42, 5) + address * 2 + struct.pack(">2H", 99, 53)
    assert decoded(classic.UDPIP, 11, 1, older)["sport"] == 53
    assert decoded(classic.UDPIP, 27, 2, older[:8] + bytes(32) + older[16:] + bytes(12))["sport"] == 53


def test_a_failure_is_told_in_words() -> None:
    description = classic.describe(classic.TCPIP, 17, 2)
    assert description is not None
    got = decode_kind(np.array([2, 0, 4, 0], np.uint8), np.array([0]), np.array([4]), np.array([8]), description)
    assert got.fields.shown() == ["{Proto=AF_INET, FailureCode=ERROR_INVALID_ADDRESS}"]


@pytest.mark.parametrize(
    ("hook", "event_class"),
    [(0x0301, classic.PROCESS), (0x030A, classic.IMAGE), (0x1402, classic.IMAGE), (0x0501, classic.THREAD),
     (0x060A, classic.TCPIP), (0x081B, classic.UDPIP), (0x0F2E, None)],
)  # fmt: skip
def test_hook_ids_belong_to_classes(hook: int, event_class: str | None) -> None:
    assert classic.class_of_hook(hook) == event_class


def test_an_unknown_version_is_read_as_the_nearest_lower_one_with_less_confidence() -> None:
    known, guess = classic.describe(classic.PROCESS, 1, 4), classic.describe(classic.PROCESS, 1, 9)
    assert known is not None
    assert guess is not None
    assert (guess.fields, guess.version, guess.confidence) == (known.fields, 9, 0.6)
    assert guess.reason == "version 9 is not known: read as version 4"


def test_what_is_not_in_the_table_has_no_description() -> None:
    assert classic.describe(classic.PROCESS, 99, 4) is None
    assert classic.describe(classic.THREAD, 72, 1) is None
    assert classic.describe("00000000-0000-0000-0000-000000000000", 1, 4) is None


def test_the_page_lists_every_class_opcode_and_version(repo_root: Path) -> None:
    page = (repo_root / "docs" / "formats" / "classic.md").read_text()
    listed: set[tuple[str, int, int]] = set()
    for name, opcodes, versions in re.findall(r"^\| (\w+) \| ([\d, ]+) \| ([\d, ]+) \|", page, re.MULTILINE):
        listed |= {(name, int(opcode), int(one)) for opcode in opcodes.split(",") for one in versions.split(",")}
    assert listed == {(one.provider_name, one.event_id, one.version) for one in classic.all_descriptions()}
