"""The catalog: which layout an event of a build has, summaries, users' providers, and the files it is made of."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.decode import classic
from wnv.decode.catalog import Catalog, add_file, decode_brought, encode_brought, profile_folder, read_brought
from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap
from wnv.decode.provider import EventEntry, ProviderEvents, Variant, all_fields, decode_provider, encode_provider
from wnv.decode.summaries import all_templates, fields_of, summary_template
from wnv.diagnostics import Code, Log
from wnv.errors import UsageError, WnvError

NDISCAP = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
PKTMON = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
VMSWITCH = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"
TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
AFD = "e53c6823-7bb8-44bb-90dc-3f86090d48a6"
VFP = "9f2660ea-cfe7-428f-9850-aeca612619b0"
WFP = "0c478c5b-0351-41b1-8c58-4a6737da32e3"
WINNAT = "66c07ecd-6667-43fc-93f8-05cf07f446ec"
OWN = "11111111-2222-3333-4444-555555555555"

FORWARD = {"name": "A", "inType": "Binary", "length": "a later field"}

MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events"><instrumentation><events>
 <provider name="Contoso-Net" guid="{{{guid}}}" symbol="P">
  <templates><template tid="T"><data name="Size" inType="win:{type}"/></template></templates>
  <events><event value="{id}" version="{version}" level="win:Error" symbol="Sent" template="T"/></events>
 </provider></events></instrumentation></instrumentationManifest>"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """What comes with wnv, and nothing of the user who runs the tests."""
    return Catalog(tmp_path)


def known(catalog: Catalog, provider: str, event_id: int, version: int = 0, build: int = 0) -> EventDescription:
    found = catalog.describe(provider, event_id, version, build=build)
    assert found is not None
    return found


def names(event: EventDescription) -> list[str]:
    return [field.name for field in event.fields]


def field(event: EventDescription, name: str) -> FieldDescription:
    (found,) = [one for one in event.fields if one.name == name]
    return found


def words(event: EventDescription, name: str) -> dict[int, str]:
    value_map = field(event, name).map
    assert value_map is not None
    return value_map.words


def add(profile: Path, *, guid: str = OWN, event_id: int = 1, version: int = 0, of_type: str = "UInt32") -> None:
    path = profile / "given.man"
    profile.mkdir(exist_ok=True)
    path.write_text(MANIFEST.format(guid=guid, id=event_id, version=version, type=of_type), encoding="utf-8")
    add_file(path, profile)


# --- builds and versions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "n_fields", "confidence"),
    [(14393, 4, 1.0), (17134, 4, 0.9), (17763, 6, 1.0), (20348, 6, 1.0), (26100, 6, 1.0), (0, 6, 1.0), (9600, 4, 1.0)],
)
def test_a_packet_event_has_the_fields_of_the_nearest_build_at_or_below(
    catalog: Catalog, build: int, n_fields: int, confidence: float
) -> None:
    event = known(catalog, NDISCAP, 1001, build=build)
    assert (len(event.fields), event.confidence) == (n_fields, confidence)
    assert [len(other.fields) for other in event.alternatives] == [10 - n_fields]


def test_a_build_between_two_that_differ_says_so(catalog: Catalog) -> None:
    assert (
        known(catalog, NDISCAP, 1001, build=17134).reason == "builds 14393 and 17763 differ, and 17134 is between them"
    )


@pytest.mark.parametrize(("build", "reason"), [(19042, ""), (20348, ""), (17763, "not known of build 17763"), (0, "")])
def test_an_event_that_a_build_should_not_have_is_still_described(catalog: Catalog, build: int, reason: str) -> None:
    event = known(catalog, PKTMON, 65, build=build)
    assert names(event) == ["ComponentId", "Type", "IpAddress"]
    assert event.reason == reason


def test_an_event_that_newer_builds_have_lost_is_described_as_it_was(catalog: Catalog) -> None:
    assert known(catalog, TCPIP, 1558, build=26100).fields == known(catalog, TCPIP, 1558, build=20348).fields


def test_an_unknown_version_is_read_as_the_nearest_lower_one_with_less_confidence(catalog: Catalog) -> None:
    event = known(catalog, TCPIP, 1215, version=9)
    assert event.fields == known(catalog, TCPIP, 1215, version=2).fields
    assert (event.version, event.confidence) == (9, 0.6)
    assert event.reason == "version 9 is not known: read as version 2"


@pytest.mark.parametrize(("provider", "event_id"), [(VMSWITCH, 285), (OWN, 1), ("no guid", 1)])
def test_what_is_not_known_has_no_description(catalog: Catalog, provider: str, event_id: int) -> None:
    assert catalog.describe(provider, event_id, 0, build=20348) is None


# --- layouts ------------------------------------------------------------------------------------------


def test_the_destinations_of_a_switch_packet_are_a_structure_that_is_marked_as_unsure(catalog: Catalog) -> None:
    event = known(catalog, NDISCAP, 1003)
    destination = field(event, "Destination")
    assert (destination.in_type, destination.count, destination.is_unsure) == (InType.STRUCT, "DestinationCount", True)
    assert [(member.name, member.in_type) for member in destination.members] == [
        ("DestinationPortId", InType.UINT32),
        ("DestinationPortName", InType.UNICODE_STRING),
        ("DestinationNicName", InType.UNICODE_STRING),
        ("DestinationNicType", InType.UNICODE_STRING),
    ]
    assert (event.confidence, event.reason) == (0.9, "the layout of Destination is inferred")
    assert names(event)[-2:] == ["OOBDataSize", "OOBData"]


@pytest.mark.parametrize(
    ("event_id", "name", "first", "second"),
    [
        (5100, "Param1", InType.UINT64, InType.UINT32),
        (5100, "Param2", InType.UINT64, InType.UINT32),
        (1016, "Length", InType.UINT16, InType.UINT32),
        (2003, "Length", InType.UINT16, InType.UINT32),
    ],
)
def test_sizes_that_documents_disagree_about_are_alternatives(
    catalog: Catalog, event_id: int, name: str, first: InType, second: InType
) -> None:
    event = known(catalog, NDISCAP, event_id)
    (other,) = event.alternatives
    assert (field(event, name).in_type, field(other, name).in_type) == (first, second)


@pytest.mark.parametrize(
    ("provider", "event_id", "name", "in_type", "out_type", "length", "count"),
    [
        (VMSWITCH, 57, "SrcNicFName", InType.UNICODE_STRING, OutType.DEFAULT, "SrcNicFNameLen", None),
        (VMSWITCH, 57, "BufferAddress", InType.POINTER, OutType.DEFAULT, None, None),
        (VMSWITCH, 54, "Status", InType.UINT32, OutType.NTSTATUS, None, None),
        (TCPIP, 1033, "LocalAddress", InType.BINARY, OutType.SOCKET_ADDRESS, "LocalAddressLength", None),
        (TCPIP, 1215, "SourceIPv4Address", InType.UINT32, OutType.IPV4, None, None),
        (TCPIP, 1215, "IPv6SourceAddress", InType.BINARY, OutType.IPV6, "IPv6SourceIpAddrLength", None),
        (TCPIP, 1599, "DestinationPrefix", InType.BINARY, OutType.DEFAULT, "DestinationPrefixAddressLength", None),
        (PKTMON, 66, "IpAddress", InType.BINARY, OutType.IPV6, 16, None),
        (PKTMON, 100, "MacAddress1", InType.BINARY, OutType.HEX_BINARY, 6, None),
        (PKTMON, 160, "Payload", InType.BINARY, OutType.DEFAULT, "LoggedPayloadSize", None),
        (WFP, 1005, "LocalGroupSids", InType.UNICODE_STRING, OutType.DEFAULT, None, "LocalGroupSidLength"),
        (WFP, 1001, "UserSID", InType.SID, OutType.DEFAULT, None, None),
        (AFD, 1003, "Buffer", InType.POINTER, OutType.DEFAULT, None, None),
        (AFD, 3, "Address", InType.BINARY, OutType.IPV6, 16, None),
        (TCPIP, 1033, "ProcessId", InType.UINT32, OutType.PID, None, None),
        ("7dd42a49-5329-4832-8dfd-43d979153a88", 10, "dport", InType.UINT16, OutType.PORT, None, None),
        ("cdead503-17f5-4a3e-b7ae-df8cc2902eb9", 10600, "Name", InType.MANIFEST_COUNTED_STRING, 0, None, None),
    ],
)
def test_fields_are_stored_and_shown_as_the_documents_say(
    catalog: Catalog,
    provider: str,
    event_id: int,
    name: str,
    in_type: InType,
    out_type: OutType,
    length: int | str | None,
    count: str | None,
) -> None:
    found = field(known(catalog, provider, event_id), name)
    assert (found.in_type, found.out_type, found.length, found.count) == (in_type, out_type, length, count)


def test_structures_of_unknown_members_are_unsure_bytes_to_the_end(catalog: Catalog) -> None:
    event = known(catalog, "cdead503-17f5-4a3e-b7ae-df8cc2902eb9", 10600)
    assert event.fields[-1] == FieldDescription("EventLog", InType.BINARY, is_unsure=True)


def test_drop_reasons_have_the_numbers_of_the_build(catalog: Catalog) -> None:
    assert {build: words(known(catalog, PKTMON, 170, build=build), "DropReason")[201] for build in (17763, 19042)} == {
        17763: "MicroportError",
        19042: "Pause",
    }
    assert words(known(catalog, VMSWITCH, 55), "DropReason")[17] == "DhcpGuard"


def test_bits_have_words_of_their_own(catalog: Catalog) -> None:
    flags = field(known(catalog, PKTMON, 120), "TCPFlags").map
    assert flags is not None
    assert (flags.is_bits, flags.words[2]) == (True, "SYN")


def test_every_length_and_count_names_an_earlier_field(catalog: Catalog) -> None:
    for guid, _ in catalog.providers():
        for event in catalog.events(guid):
            for one in (event, *event.alternatives):
                seen: set[str] = set()
                for described in all_fields(one.fields):
                    for size in (described.length, described.count):
                        assert not isinstance(size, str) or size in seen, (guid, event.event_id, described)
                    assert described.name not in seen
                    seen.add(described.name)


def test_bytes_without_a_length_are_the_last_field(catalog: Catalog) -> None:
    for guid, _ in catalog.providers():
        for event in catalog.events(guid):
            lengthless = [one.name for one in event.fields if one.in_type is InType.BINARY and one.length is None]
            assert not lengthless or lengthless == [event.fields[-1].name], (guid, event.event_id)


# --- what it holds ------------------------------------------------------------------------------------


def test_it_holds_32_providers_and_their_events(catalog: Catalog) -> None:
    assert len(catalog.providers()) == 32
    n_events = {name: len(catalog.events(guid)) for guid, name in catalog.providers()}
    assert n_events["Microsoft-Windows-Hyper-V-VmSwitch"] == 277
    assert sum(n_events.values()) == 2387


def test_asking_for_one_provider_reads_no_other(catalog: Catalog) -> None:
    known(catalog, VMSWITCH, 57)
    assert list(catalog._loaded) == [VMSWITCH]


def test_the_files_are_small_and_free_of_sentences(repo_root: Path) -> None:
    paths = sorted((repo_root / "src/wnv/data/catalog").glob("*.json"))
    assert sum(path.stat().st_size for path in paths) < 350_000
    for path in paths:
        if path.name != "index.json":
            for _, _, of_map in json.loads(path.read_text(encoding="utf-8"))["maps"]:
                assert all(len(word.split()) <= 5 and not word.endswith(".") for word in of_map.values()), path


@pytest.fixture
def schemas(repo_root: Path) -> Path:
    found = Path(os.environ.get("WNV_SCHEMAS") or repo_root.parent / "shared" / "schemas")
    if not found.is_dir():
        pytest.skip(f"no schemas at {found}: set WNV_SCHEMAS to the folder that holds them")
    return found


def test_building_the_catalog_again_gives_the_committed_bytes(repo_root: Path, schemas: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, repo_root / "tools/build_catalog.py", schemas, tmp_path], check=True)
    committed = {path.name: path.read_bytes() for path in (repo_root / "src/wnv/data/catalog").glob("*.json")}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.json")} == committed


def test_the_catalog_can_be_made_of_manifests_too(repo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "Mine.man").write_text(
        f"""<instrumentationManifest><instrumentation><events><provider name="Mine" guid="{{{OWN}}}">
        <templates><template tid="T"><data name="N" inType="win:UInt16"/></template></templates>
        <events><event value="7" symbol="Said" template="T"/></events>
        </provider></events></instrumentation></instrumentationManifest>"""
    )
    made = tmp_path / "made"
    subprocess.run([sys.executable, repo_root / "tools/build_catalog.py", tmp_path, made], check=True)
    assert json.loads((made / "index.json").read_text()) == {OWN: "Mine"}
    (event,) = decode_provider((made / f"{OWN}.json").read_text(), "x").events
    assert (event.event_id, event.name, [field.name for field in event.variants[0].layouts[0]]) == (7, "Said", ["N"])


def phrases(text: str) -> set[tuple[str, ...]]:
    """Every 4 words in a row, whatever stands in for fields between them."""
    words = re.findall(r"[a-z0-9'_]+|\|", re.sub(r"%\d+|\{[^{}]*\}", " | ", text.lower()))
    return {tuple(words[at : at + 4]) for at in range(len(words) - 3) if "|" not in words[at : at + 4]}


def test_no_words_of_ours_repeat_a_message_of_windows(catalog: Catalog, schemas: Path) -> None:
    for path in schemas.glob("**/*.json"):
        events = json.loads(path.read_text(encoding="utf-8"))["events"]
        messages = set().union(*(phrases(event.get("message") or "") for event in events))
        guid = catalog.find(path.stem.partition("@")[0])
        templates = [line for lines in all_templates().get(guid, {}).values() for line in lines]
        words = [word for field in fields_with_maps(catalog, guid) for word in field.values()]
        assert [text for text in (*templates, *words) if phrases(text) & messages] == []


def fields_with_maps(catalog: Catalog, guid: str) -> list[dict[int, str]]:
    """The words of every field that has some."""
    layouts = [one.fields for event in catalog.events(guid) for one in (event, *event.alternatives)]
    return [field.map.words for layout in layouts for field in all_fields(layout) if field.map is not None]


@pytest.mark.parametrize(
    "name", ["VmSwitch", "microsoft-windows-hyper-v-vmswitch", VMSWITCH, f"{{{VMSWITCH.upper()}}}"]
)
def test_a_provider_is_found_by_guid_name_or_end_of_its_name(catalog: Catalog, name: str) -> None:
    assert catalog.find(name) == VMSWITCH


def test_an_unknown_name_is_answered_with_those_that_are_like_it(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=re.escape("Microsoft-Windows-Hyper-V-VmSwitch")):
        catalog.find("mSwit")


# --- summaries ----------------------------------------------------------------------------------------


def test_every_field_of_every_summary_is_in_the_catalog(catalog: Catalog) -> None:
    known: dict[str, list[EventDescription]] = {}
    for guid, _ in catalog.providers():
        known[guid] = catalog.events(guid)
    for one in classic.all_descriptions():
        known.setdefault(one.provider, []).append(one)
    for guid, templates in all_templates().items():
        layouts: dict[int, list[set[str]]] = {}
        for event in known[guid]:
            for one in (event, *event.alternatives):
                layouts.setdefault(event.event_id, []).append(set(names(one)))
                assert one.summary or event.event_id not in templates, (guid, event.event_id, event.version)
        for event_id, lines in templates.items():
            for line in lines:
                assert any(set(fields_of(line)) <= layout for layout in layouts[event_id]), (guid, event_id, line)
                assert line == " ".join(line.split())
                assert re.sub(r"\[[^\[\]]*\]|\{[\w|]+\}", "", line).count("[") == 0


@pytest.mark.parametrize(
    ("provider", "ids"),
    [
        (NDISCAP, [1001, 1002, 1003, *range(1011, 1017), 5100, 5101]),
        (PKTMON, [10, 20, 30, 40, 50, 60, 65, 66, 70, 73, 75, 80, 90, *range(100, 290, 10)]),
        (VMSWITCH, [*range(5, 11), *range(17, 26), 33, *range(36, 46), *range(53, 73), 102, 116, 131]),
        (VMSWITCH, [*range(232, 236), 240, 241, 242, 277]),
        (VFP, [*range(52, 58), *range(100, 123), *range(151, 159), *range(201, 209), 351, *range(400, 406)]),
        ("66c07ecd-6667-43fc-93f8-05cf07f446ec", [*range(1001, 1010), *range(1017, 1036)]),
        (VFP, [*range(600, 612), *range(954, 962)]),
        (TCPIP, [*range(1001, 1054), *range(1114, 1125), 1145, 1146, 1169, 1170, 1215, 1300, 1423, 1527]),
        ("0c478c5b-0351-41b1-8c58-4a6737da32e3", [1001, 1003, 1005, 1007, 1009, 1029, *range(1020, 1026)]),
        ("e53c6823-7bb8-44bb-90dc-3f86090d48a6", [*range(1, 30), *range(33, 42), *range(1000, 1008), 1033, 3000, 3006]),
        ("1c95126e-7eea-49a9-a3fe-a378b03ddb4d", [*range(1000, 1004), *range(1013, 1019), *range(3000, 3017), 3020]),
        ("152fbe4b-c7ad-4f68-bada-a4fcc1464f6c", [*range(1, 21), *range(34, 60)]),
        ("17103e3f-3c6e-4677-bb17-3b267eb5be57", [*range(2000, 2020), *range(11000, 11009), 12000]),
        ("0c885e0d-6eb6-476c-a048-2457eed3a5c1", [*range(1000, 1029), *range(1030, 1059)]),
        ("b72c6994-9fe0-45ad-83b3-8f5885f20e0e", range(1, 33)),
    ],
)  # fmt: skip
def test_events_that_matter_to_networking_have_a_summary(catalog: Catalog, provider: str, ids: list[int]) -> None:
    with_summary = {event.event_id for event in catalog.events(provider) if event.summary}
    assert set(ids) <= with_summary


def test_a_summary_fits_the_fields_that_are_there() -> None:
    pair = ["TransportProtocol", "InternalSrcAddr", "InternalDstAddr", "ExternalSrcAddr", "ExternalDstAddr"]
    nat = "66c07ecd-6667-43fc-93f8-05cf07f446ec"
    assert "compartment" not in summary_template(nat, 1001, pair)
    assert summary_template(nat, 1001, [*pair, "InternalCompartmentId"]).endswith(
        "in compartment {InternalCompartmentId}"
    )
    assert summary_template(nat, 1001, pair[:2]) == ""


# --- users' providers ---------------------------------------------------------------------------------


def test_a_provider_that_a_user_added_is_known_to_catalogs_opened_later(tmp_path: Path) -> None:
    before = Catalog(tmp_path)
    assert before.describe(OWN, 1, 0, build=0) is None
    add(tmp_path)
    event = known(Catalog(tmp_path), OWN, 1)
    assert (event.name, event.provider_name, event.level, event.source) == ("Sent", "Contoso-Net", 2, Source.USER)
    assert ("11111111-2222-3333-4444-555555555555", "Contoso-Net") in Catalog(tmp_path).providers()


def test_of_one_event_ours_comes_first_and_the_users_layout_is_an_alternative(tmp_path: Path) -> None:
    add(tmp_path, guid=VMSWITCH, event_id=57)
    catalog = Catalog(tmp_path)
    event = known(catalog, VMSWITCH, 57)
    assert (event.source, [names(other) for other in event.alternatives]) == (Source.CATALOG, [["Size"]])
    assert catalog.sources(VMSWITCH) == (Source.CATALOG, Source.USER)
    assert len(catalog.events(VMSWITCH)) == 277


def test_what_was_brought_along_comes_before_ours_and_survives_a_trace_folder(tmp_path: Path) -> None:
    layout = (FieldDescription("Mine", InType.UINT8),)
    entry = EventEntry(1031, 0, "Brought", None, "", "", (), (Variant(0, 0, (layout,)),))
    one = Catalog(tmp_path, brought=[ProviderEvents(WINNAT, "Mine", {}, (entry,))])
    other = Catalog(tmp_path, brought=decode_brought(encode_brought(one), "x"))
    for catalog in (one, other):
        event = catalog.describe(WINNAT, 1031, 0, build=0)
        assert event is not None
        assert (event.name, event.source, event.fields) == ("Brought", Source.BUNDLE, layout)
        assert [len(more.fields) for more in event.alternatives] == [2]
        assert catalog.sources(WINNAT) == (Source.BUNDLE, Source.CATALOG)
    assert one.digest() == other.digest() != Catalog(tmp_path).digest()
    assert encode_brought(Catalog(tmp_path)) == b""
    for text in (b"{", b"[1]", b"7", b"[" * 100_000):
        with pytest.raises(WnvError, match="is not"):
            decode_brought(text, "x")


def test_a_manifest_beside_a_recording_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    log = Log()
    (tmp_path / "a.man").write_text("<x/>")
    assert read_brought([tmp_path / "a.man", tmp_path / "nowhere.man"], log) == []
    assert log.count(Code.DESCRIPTION_INVALID) == 2


def test_a_users_exact_version_is_better_than_a_lower_one_of_ours(tmp_path: Path) -> None:
    add(tmp_path, guid=VMSWITCH, event_id=57, version=1)
    event = known(Catalog(tmp_path), VMSWITCH, 57, version=1)
    assert (event.source, names(event), event.confidence) == (Source.USER, ["Size"], 1.0)


def test_the_digest_is_of_everything_that_is_held(tmp_path: Path) -> None:
    digests = [Catalog(tmp_path).digest()]
    for of_type in ("UInt32", "UInt64"):
        add(tmp_path, of_type=of_type)
        digests.append(Catalog(tmp_path).digest())
    assert len(set(digests)) == 3
    assert digests[-1] == Catalog(tmp_path).digest()


def test_adding_replaces_the_file_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    for of_type in ("UInt32", "UInt64"):
        add(tmp_path, of_type=of_type)
    assert [path.name for path in (tmp_path / "catalog").iterdir()] == [f"{OWN}.json"]
    assert known(Catalog(tmp_path), OWN, 1).fields[0].in_type is InType.UINT64


def test_a_bad_file_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bad.man"
    path.write_text(MANIFEST.format(guid=OWN, id=1, version=0, type="UInt32")[:-20], encoding="utf-8")
    with pytest.raises(WnvError, match="not well-formed"):
        add_file(path, tmp_path)
    assert not (tmp_path / "catalog").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "[" * 100_000,
        '{"a":' * 100_000,
        json.dumps({"provider": "X", "guid": "{1}", "events": []}),
        json.dumps({"provider": "X", "guid": OWN, "events": [], "maps": {"M": 5}}),
        json.dumps({"provider": "X", "guid": OWN, "events": [{"id": 1}]}),
        json.dumps({"provider": "X", "guid": OWN, "events": [{"id": 70000, "version": 0, "fields": []}]}),
        json.dumps({"provider": "X", "guid": OWN, "events": [{"id": 1, "version": 0, "fields": [FORWARD]}]}),
    ],
)
def test_a_dump_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WnvError):
        add_file(path, tmp_path)


def test_a_dump_in_the_form_of_the_schemas_can_be_added(tmp_path: Path) -> None:
    fields = [
        {"name": "N", "inType": "UInt16"},
        {"name": "Names", "inType": "UnicodeString", "count": "N"},
        {"name": "List", "inType": "Struct", "struct": True, "count": "N"},
        {"name": "After", "inType": "UInt32"},
    ]
    event = {"id": 5, "version": 1, "symbol": "Done_V1", "level": "Warning", "message": "no", "fields": fields}
    path = tmp_path / "contoso.json"
    dump = {"provider": "Contoso", "guid": f"{{{OWN}}}", "build": "10.0.26100 (x)", "events": [event]}
    path.write_text(json.dumps(dump), encoding="utf-8")
    add_file(path, tmp_path)
    found = known(Catalog(tmp_path), OWN, 5, version=1)
    assert (found.name, found.level, names(found)) == ("Done", 3, ["N", "Names", "List"])
    assert found.fields[2].is_unsure
    assert "no" not in (tmp_path / "catalog" / f"{OWN}.json").read_text(encoding="utf-8").split('"')


def test_a_damaged_file_of_the_user_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / f"{OWN}.json").write_text("{", encoding="utf-8")
    with pytest.raises(WnvError, match=OWN):
        Catalog(tmp_path).describe(OWN, 1, 0, build=0)


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"WNV_HOME": "/w", "XDG_DATA_HOME": "/x", "LOCALAPPDATA": "/l"}, "linux", Path("/w")),
        ({"XDG_DATA_HOME": "/x"}, "linux", Path("/x/wnv")),
        ({"XDG_DATA_HOME": "x"}, "linux", Path.home() / ".local/share/wnv"),
        ({}, "linux", Path.home() / ".local/share/wnv"),
        ({}, "darwin", Path.home() / "Library/Application Support/wnv"),
        ({"LOCALAPPDATA": "/l"}, "win32", Path("/l/wnv")),
        ({}, "win32", Path.home() / "AppData/Local/wnv"),
    ],
)
def test_the_profile_is_where_the_platform_keeps_data(environ: dict[str, str], platform: str, expected: Path) -> None:
    assert profile_folder(environ, platform) == expected


# --- the form on disk ---------------------------------------------------------------------------------

_NAMES = st.text(min_size=1, max_size=8)
_SIZES = st.none() | st.integers(0, 0xFFFF) | _NAMES
_MAPS = st.builds(ValueMap, _NAMES, st.dictionaries(st.integers(-5, 2**32), _NAMES, max_size=3), st.booleans())


def _fields(members: st.SearchStrategy[tuple[FieldDescription, ...]]) -> st.SearchStrategy[FieldDescription]:
    return st.builds(
        FieldDescription,
        name=_NAMES,
        in_type=st.sampled_from(InType),
        out_type=st.sampled_from(OutType),
        length=_SIZES,
        count=_SIZES,
        is_counted=st.booleans(),
        map=st.none() | _MAPS,
        members=members,
        is_unsure=st.booleans(),
    )


_FIELDS = st.recursive(
    _fields(st.just(())), lambda inner: _fields(st.lists(inner, max_size=3).map(tuple)), max_leaves=4
)
_LAYOUTS = st.lists(_FIELDS, max_size=4).map(tuple)
_VARIANTS = st.builds(Variant, st.integers(0, 30000), st.integers(0, 30000), st.lists(_LAYOUTS, min_size=1).map(tuple))
_EVENTS = st.builds(
    EventEntry,
    event_id=st.integers(0, 0xFFFF),
    version=st.integers(0, 0xFF),
    name=_NAMES,
    level=st.none() | st.integers(0, 255),
    task=_NAMES,
    opcode=_NAMES,
    keywords=st.lists(_NAMES, max_size=2).map(tuple),
    variants=st.lists(_VARIANTS, min_size=1, max_size=3).map(tuple),
)
_PROVIDERS = st.builds(
    ProviderEvents,
    guid=st.just(OWN),
    name=_NAMES,
    keywords=st.dictionaries(_NAMES, st.none() | st.integers(0, 2**64 - 1), max_size=2),
    events=st.lists(_EVENTS, max_size=3).map(tuple),
)


@given(_PROVIDERS)
def test_a_provider_written_and_read_is_the_same(provider: ProviderEvents) -> None:
    assert decode_provider(encode_provider(provider), "here") == provider


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_makes_reading_a_provider_fail_otherwise_than_with_our_error(text: str | bytes) -> None:
    with pytest.raises(WnvError, match="here"):
        decode_provider(text, "here")
