"""`wnv catalog`."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from wnv.cli.catalog import catalog
from wnv.errors import UsageError, WnvError

GUID = "11111111-2222-3333-4444-555555555555"
MANIFEST = f"""<instrumentationManifest><instrumentation><events><provider name="Contoso-Net" guid="{{{GUID}}}">
<templates><template tid="T"><data name="Size" inType="win:UInt32" map="M"/></template></templates>
<maps><valueMap name="M"><map value="1" message="small\x7f"/></valueMap></maps>
<events><event value="9" level="win:Error" symbol="Sent" template="T" keywords="Data"/><event value="10"/></events>
</provider></events></instrumentation></instrumentationManifest>"""


@pytest.fixture(autouse=True)
def _profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WNV_HOME", str(tmp_path / "profile"))


def ran(*arguments: str | Path) -> tuple[str, str]:
    """What a command of the group says on standard output and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert catalog.main([str(one) for one in arguments], prog_name="wnv catalog", standalone_mode=False) == 0
    return out.getvalue(), err.getvalue()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "contoso.man"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


def test_list_names_every_provider_with_its_events() -> None:
    out, _ = ran("list")
    (line,) = [line for line in out.splitlines() if "VmSwitch" in line]
    assert line.split() == [
        "Microsoft-Windows-Hyper-V-VmSwitch",
        "67dc0d66-3695-47c0-9642-33f76f7bd7ad",
        "277",
        "catalog",
    ]
    assert len(out.splitlines()) == 33


def test_list_as_json_has_the_same() -> None:
    rows = json.loads(ran("list", "--format", "json")[0])
    assert len(rows) == 32
    assert {row["source"] for row in rows} == {"catalog"}


def test_show_lists_the_events_of_a_provider_with_summaries() -> None:
    out, _ = ran("show", "VmSwitch")
    assert "NBL {BufferAddress} from {SrcNicFName} to {DestNicFName} on {SwitchFName}" in out


def test_show_lists_the_fields_of_an_event_and_its_other_layouts() -> None:
    out, _ = ran("show", "NDIS-PacketCapture", "1001", "--build", "14393")
    assert [line.split()[0] for line in out.splitlines()] == [
        "event", "{FragmentSize}", "field", "MiniportIfIndex", "LowerIfIndex", "FragmentSize", "Fragment",
        "or,", "field", "MiniportIfIndex", "LowerIfIndex", "FragmentSize", "Fragment", "GftFlowEntryId",
        "GftOffloadInformation",
    ]  # fmt: skip


def test_show_says_what_is_unsure() -> None:
    out, _ = ran("show", "NDIS-PacketCapture", "1003")
    assert "confidence 0.9: the layout of Destination is inferred" in out
    assert "struct[DestinationCount] (unsure)" in out


def test_show_as_json_has_every_field() -> None:
    (event,) = json.loads(ran("show", "NDIS-PacketCapture", "1016", "--format", "json")[0])
    assert [field["name"] for field in event["fields"]] == ["RuleId", "Directive", "Length", "Value"]
    assert event["fields"][1]["words"]["3"] == "EQU"
    assert [field["in_type"] for field in event["alternatives"][0]["fields"]][2] == "UINT32"


def test_an_added_manifest_is_listed_and_shown(manifest: Path) -> None:
    assert ran("add", manifest) == ("", f"added Contoso-Net {{{GUID}}}: 2 events\n")
    assert any(line.split() == ["Contoso-Net", GUID, "2", "user"] for line in ran("list")[0].splitlines())
    out, _ = ran("show", "Contoso-Net", "9")
    assert out == (
        "event 9 version 0 Sent\n  keywords: Data\n    field  type    words\n    Size   uint32  1 small\\x7f\n"
    )
    assert "no fields" in ran("show", GUID, "10")[0]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (["show", "NoSuchProvider"], UsageError, "no provider 'NoSuchProvider'"),
        (["show", "VmSwitch", "6000"], UsageError, "no event 6000"),
        (["add", "missing.man"], WnvError, "cannot be read"),
    ],
)
def test_mistakes_are_said(arguments: list[str], error: type[WnvError], text: str) -> None:
    with pytest.raises(error, match=text):
        ran(*arguments)


def test_a_profile_that_cannot_be_written_is_named(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(WnvError, match="cannot be written"):
        ran("add", manifest)


@pytest.mark.parametrize("command", ["", "list", "show", "add"])
def test_help_has_examples(command: str) -> None:
    out, _ = ran(*command.split(), "--help")
    assert "Examples:\n    wnv catalog" in out
