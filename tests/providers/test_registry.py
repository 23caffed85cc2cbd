"""What wnv knows of providers by GUID."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wnv.errors import UsageError
from wnv.providers.registry import (
    KERNEL_GROUPS,
    NULL_GUID,
    Provider,
    ProviderKind,
    find,
    hook_name,
    hook_provider,
    provider,
)

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PKTMON = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
NDISCAP = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
RAS = "d84521f7-2235-4237-a7c0-14e3a9676286"
TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
VMSWITCH = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"


@pytest.fixture(scope="module")
def schemas_dir(repo_root: Path) -> Path:
    """Folder of event schemas, of which the repository keeps only what it needs."""
    folder = Path(os.environ.get("WNV_SCHEMAS") or repo_root.parent / "shared" / "schemas")
    if not folder.is_dir():
        pytest.skip(f"no schemas at {folder}: set WNV_SCHEMAS to the folder that holds them")
    return folder


def table(repo_root: Path) -> list[tuple[str, str, str]]:
    """Kind, GUID and name of every line of the table, repeated keys included."""
    pairs = json.loads((repo_root / "src/wnv/data/providers.json").read_text(encoding="utf-8"), object_pairs_hook=list)
    return [(kind, guid, name) for kind, names in pairs for guid, name in names]


def test_a_guid_gives_name_and_kind() -> None:
    assert provider(VMSWITCH) == Provider(VMSWITCH, "Microsoft-Windows-Hyper-V-VmSwitch", ProviderKind.NETWORK)
    assert provider(NULL_GUID) is None


def test_frames_are_read_from_three_providers(repo_root: Path) -> None:
    assert {guid for kind, guid, _ in table(repo_root) if kind == "packets"} == {PKTMON, NDISCAP, RAS}


@pytest.mark.parametrize(
    ("guid", "kind"),
    [
        ("1f387cbc-6818-4530-9db6-5f1058cd7e86", ProviderKind.WPP),
        ("9a280ac0-c8e0-11d1-84e2-00c04fb998a2", ProviderKind.KERNEL),
        ("68fdd900-4a3e-11d1-84f4-0000f80464e3", ProviderKind.METADATA),
        ("bbccf6c1-6cd1-48c4-80ff-839482e37671", ProviderKind.METADATA),
        ("c22d1b14-c242-49de-9f17-1d76b8b9c458", ProviderKind.NETWORK),
        ("e13c0d23-ccbc-4e12-931b-d9cc2eee27e4", ProviderKind.OTHER),
    ],
)
def test_kinds(guid: str, kind: ProviderKind) -> None:
    known = provider(guid)
    assert known is not None
    assert known.kind is kind


def test_every_guid_stands_once_and_is_written_the_one_way(repo_root: Path) -> None:
    lines = table(repo_root)
    guids = [guid for _, guid, _ in lines] + [guid for _, guid in KERNEL_GROUPS]
    assert len(set(guids)) == len(guids)
    assert [guid for guid in guids if not GUID.fullmatch(guid)] == []
    assert {kind for kind, _, _ in lines} == set(ProviderKind)
    assert all(name == name.strip() != "" for _, _, name in lines)


@pytest.mark.parametrize(
    "typed",
    [
        "Microsoft-Windows-PktMon",
        "microsoft-windows-pktmon",
        "PktMon",
        " pktmon ",
        PKTMON,
        PKTMON.upper(),
        "{4D4F80D9-C8BD-4D73-BB5B-19C90402C5AC}",
    ],
)
def test_a_provider_is_found_however_it_is_typed(typed: str) -> None:
    assert find(typed) == [PKTMON]


def test_every_known_name_finds_its_provider(repo_root: Path) -> None:
    for _, guid, name in table(repo_root):
        assert guid in find(name)
        assert guid in find(name.removeprefix("Microsoft-Windows-"))


def test_a_name_of_two_providers_finds_both() -> None:
    assert find("tcpip") == ["9a280ac0-c8e0-11d1-84e2-00c04fb998a2", TCPIP]


def test_an_unknown_guid_is_taken_as_it_is() -> None:
    assert find("{00000000-1111-2222-3333-444444444444}") == ["00000000-1111-2222-3333-444444444444"]


def test_the_answer_is_the_callers_to_change() -> None:
    find("pktmon").clear()
    assert find("pktmon") == [PKTMON]


def test_a_misspelt_name_is_told_its_neighbours() -> None:
    with pytest.raises(UsageError, match="no provider is known by the name 'Hyper-V-VmSwich'") as caught:
        find("Hyper-V-VmSwich")
    assert "Microsoft-Windows-Hyper-V-VmSwitch" in caught.value.advice


def test_a_name_like_no_other_gets_another_hint() -> None:
    with pytest.raises(UsageError) as caught:
        find("")
    assert "GUID" in caught.value.advice


@pytest.mark.parametrize(
    ("hook_id", "group"),
    [
        (0x0000, "EventTrace"),
        (0x0301, "Process"),
        (0x030A, "ImageLoad"),
        (0x060A, "TcpIp"),
        (0x1402, "ImageLoad"),
        (0x1EFF, "HypervisorX"),
    ],
)
def test_a_hook_id_belongs_to_a_group(hook_id: int, group: str) -> None:
    assert hook_provider(hook_id) == dict(KERNEL_GROUPS)[group]


def test_groups_beyond_the_table_have_no_provider() -> None:
    assert {hook_provider(hook_id) for hook_id in (0x1F00, 0xFFFF, 1 << 20)} == {NULL_GUID}


@pytest.mark.parametrize(
    ("hook_id", "name"),
    [
        (0x0000, "header"),
        (0x0050, "partition information"),
        (0x0007, "EventTrace 0x07"),
        (0x030A, "ImageLoad 0x0a"),
        (0x0524, "Thread 0x24"),
        (0x1F05, "hook 0x1f05"),
    ],
)
def test_a_hook_id_has_a_name(hook_id: int, name: str) -> None:
    assert hook_name(hook_id) == name


def test_the_schemas_name_their_providers_the_same(schemas_dir: Path) -> None:
    for path in sorted(schemas_dir.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        known = provider(schema["guid"].strip("{}").lower())
        assert known is not None, schema["provider"]
        assert known.name == schema["provider"]


def test_real_recordings_hold_few_unknown_providers(traces_dir: Path) -> None:
    seen = set()
    for path in traces_dir.glob("expected/*.csv.gz"):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            seen |= {row["provider"].lower() for row in csv.DictReader(lines)} - {""}
    # Both describe themselves: TraceLogging events carry the name of their provider.
    self_described = {"8e805eb3-6a8f-4a1e-90fa-a831d94e54a1", "d3dd3dd4-aac2-4e2a-8dd4-a8fb61b77615"}
    assert {guid for guid in seen if provider(guid) is None} <= self_described


def test_nothing_is_read_before_it_is_needed() -> None:
    code = (
        "import sys; from wnv.providers import builds, registry, words;"
        "assert not registry._by_guid.cache_info().currsize;"
        "assert not words._words.cache_info().currsize;"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
