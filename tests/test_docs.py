"""The pages for people: what is made from the code is up to date, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from wnv.cli.main import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def prose_of(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


# --- pages made from the code -------------------------------------------------------------------------


def test_the_generated_pages_are_up_to_date(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "build_docs.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["cli.md", "filters.md", "layouts.md", "tables.md", "tables.ts"]
    for name in names:
        committed = ROOT / "docs" / "reference" / name
        assert committed.read_text(encoding="utf-8") == (tmp_path / name).read_text(encoding="utf-8"), (
            f"{name_of(committed)} is out of date: run `python3 dev.py docs`"
        )


# --- links --------------------------------------------------------------------------------------------


def anchors_of(page: Path) -> set[str]:
    """Anchors as GitHub makes them from headings."""
    headings = HEADING.findall(prose_of(page))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def broken_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(INLINE_CODE.sub("", prose_of(page))):
        path, _, anchor = unquote(link).partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors_of(target):
            yield f"{link}: no such heading"


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [(page.parent / unquote(link).partition("#")[0]).resolve() for link in LINK.findall(prose_of(page))]
        left += [target for target in targets if target.suffix == ".md" and target.is_file()]
    assert [name_of(page) for page in PAGES if page not in seen] == []


# --- commands -----------------------------------------------------------------------------------------


def commands_in(page: Path) -> Iterator[tuple[str, bool]]:
    """Each `wnv …` in code, and whether it is whole; in running text one may name a command without its input."""
    text = page.read_text(encoding="utf-8")
    for block in FENCE.findall(text):
        for line in block.splitlines():
            if line.removeprefix("$ ").startswith("wnv "):
                yield line.removeprefix("$ "), True
    for code in INLINE_CODE.findall(prose_of(page).replace("\\|", "|")):
        if code.startswith("wnv "):
            yield code, False


def words_of(line: str) -> list[str]:
    """The arguments of `wnv`, without comment, pipe and redirection."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>&;")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set("|<>&;"):
            break
        words.append(word)
    # `[ID]...` in a usage line: as many as one likes.
    return [word for word in words[1:] if word != "[OPTIONS]" and not word.endswith("]...")]


def problem_with(line: str, *, is_whole: bool) -> str:
    """What the command line parser has against `line`; nothing is run."""
    first, *rest = words_of(line)
    context = click.Context(cli, info_name="wnv")
    command = cli.get_command(context, first)
    try:
        if command is not None:
            command.make_context(first, rest, parent=context).close()
        elif first.startswith("-"):
            cli.make_context("wnv", [first, *rest]).close()
        else:
            return f"no command {first}"
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):  # --help, --version, a group by itself
        return ""
    except click.MissingParameter as error:
        return error.format_message() if is_whole else ""
    except click.UsageError as error:
        return error.format_message()
    return ""


@each_page
def test_the_commands_on_a_page_exist(page: Path) -> None:
    problems = {line: problem_with(line, is_whole=is_whole) for line, is_whole in commands_in(page)}
    assert {line: problem for line, problem in problems.items() if problem} == {}


@pytest.mark.parametrize(
    ("line", "is_whole", "is_right"),
    [
        ("wnv info trace.etl", True, True),
        ("wnv info", True, False),
        ("wnv info", False, True),
        ("wnv --help", True, True),
        ("wnv convert t.etl -w - | wireshark -k -i -", True, True),
        ("wnv events t.etl --from 12.5 > second.csv  # half a second", True, True),
        ("wnv convert t.etl --twice", True, False),
        ("wnv events t.etl --format xml", True, False),
        ("wnv guess t.etl", True, False),
    ],
)
def test_a_wrong_command_is_noticed(line: str, is_whole: bool, is_right: bool) -> None:
    assert (problem_with(line, is_whole=is_whole) == "") is is_right


def test_a_wrong_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One thing\n[a](#one-thing) [b](#two) [c](gone.md) [d](https://example.org/gone)\n```\n[e](no)\n```\n"
    )
    assert list(broken_links(page)) == ["#two: no such heading", "gone.md: no such file"]
