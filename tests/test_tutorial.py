"""The pages that teach with commands: one for each scenario, and what stands on them is what the commands print."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wnv_lab.run import run_scenario
from wnv_lab.scenario import read_scenario, scenario_names

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL, HOW_TO = ROOT / "docs" / "tutorial", ROOT / "docs" / "how-to"
TOOL = ROOT / "tools" / "build_tutorial.py"


def checked(*pages: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, "--check", *pages], capture_output=True, text=True, check=False)


def test_every_scenario_has_a_page_and_every_page_a_scenario() -> None:
    assert sorted(page.stem for page in TUTORIAL.glob("*.md")) == sorted([*scenario_names(), "README"])


@pytest.mark.parametrize("name", scenario_names())
def test_a_page_has_the_title_the_story_and_what_to_look_for(name: str) -> None:
    page, scenario = (TUTORIAL / f"{name}.md").read_text(encoding="utf-8"), read_scenario(name)
    assert f"# {scenario.title}\n" in page
    assert " ".join(scenario.story.split()) in " ".join(page.split())
    assert [text for text in scenario.look_for if f"- {text}\n" not in page] == []


@pytest.mark.parametrize("name", scenario_names())
def test_a_page_makes_its_recording_and_says_what_one_learns_of_it(name: str) -> None:
    page = (TUTORIAL / f"{name}.md").read_text(encoding="utf-8")
    assert f"$ wnv lab run {name} -w .\n" in page
    assert len(re.findall(r"^\$ wnv ", page, re.MULTILINE)) > 1


def test_no_block_of_commands_is_without_output() -> None:
    """A block with commands alone was never run: the tool puts what they say below."""
    silent = re.compile(r"^```console\n(?:\$ [^\n]*\n)+```$", re.MULTILINE)
    into_a_file = re.compile(r"> \S+(?:  ?# exits with \d)?$", re.MULTILINE)
    blocks = {
        f"{page.parent.name}/{page.name}": block
        for page in (*TUTORIAL.glob("*.md"), *HOW_TO.glob("*.md"))
        for block in silent.findall(page.read_text(encoding="utf-8"))
        if not into_a_file.search(block)
    }
    assert blocks == {}


def test_the_output_on_pages_is_what_the_commands_print() -> None:
    pages = [TUTORIAL / "vlan-mismatch.md", TUTORIAL / "sriov.md", HOW_TO / "filters.md"]
    done = checked(*pages)
    assert done.returncode == 0, f"run `python3 dev.py docs`\n{done.stdout}{done.stderr}"


def test_a_page_that_is_out_of_date_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ wnv fields vni\nnothing\n```\n", encoding="utf-8")
    done = checked(page)
    assert done.returncode == 1
    assert "-nothing\n" in done.stdout
    assert "+field" in done.stdout


def test_a_command_that_fails_stops_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ wnv info gone.etl\n```\n", encoding="utf-8")
    done = checked(page)
    assert done.returncode == 1
    assert "exit code 1, not 0: wnv info gone.etl" in done.stderr
    page.write_text(
        "```console\n$ wnv info gone.etl # exits with 1\nwnv: gone.etl: no such file\n```\n", encoding="utf-8"
    )
    assert checked(page).returncode == 0


def test_the_python_on_the_page_of_sql_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_scenario(read_scenario("nat-web"), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNV_CACHE", str(tmp_path / "cache"))
    (code,) = re.findall(r"^```python\n(.*?)^```$", (HOW_TO / "sql.md").read_text(encoding="utf-8"), re.M | re.S)
    test = doctest.DocTestParser().get_doctest(code, {}, "sql.md", None, None)
    ran = doctest.DocTestRunner().run(test)
    assert ran.attempted > 0
    assert ran.failed == 0
