"""Renews the pages that teach with commands: docs/tutorial and docs/how-to.

Each page is its own source. In a block of code that begins with `$ wnv …`, every command is run, in order, in a new
empty folder, and what stands below it becomes what it really says: a page that shows a recording makes it first, with
`$ wnv lab run NAME -w .`, and a seed gives the same bytes every time. What lies between `begin` and `end` marks is made
from the scenario files; all else is written by people.

    python tools/build_tutorial.py                          # all pages
    python tools/build_tutorial.py docs/tutorial/sriov.md   # this one
    python tools/build_tutorial.py --check PAGE…            # exit 1 and a diff where a page is out of date

A command whose exit code is not 0 stops the tool, unless the line says `# exits with N`; its messages then belong to
the page. `| head -N` and `> FILE` are understood; tshark is run where it is installed.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from wnv_lab.build import build_world
from wnv_lab.cli import TOPICS
from wnv_lab.scenario import Scenario, read_scenario, scenario_names
from wnv_lab.tree import render_world

DOCS = Path(__file__).resolve().parent.parent / "docs"
TUTORIAL, HOW_TO = DOCS / "tutorial", DOCS / "how-to"
BEGIN, END = "<!-- made by tools/build_tutorial.py: begin -->", "<!-- end -->"
OTHER_PROGRAMS = ("tshark",)
_NOISE = ("importing ", "inventory: ", "Times are in ", "Running as user ")
"""How messages begin that a page can do without."""
WIDTH = 118
_MADE = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", re.DOTALL)
_BLOCK = re.compile(r"^(```[^\n]*\n)(\$ .*?)^(```)$", re.MULTILINE | re.DOTALL)
_EXITS = re.compile(r"\s+# exits with (\d+)$")
_HEAD = re.compile(r"\s*\|\s*head -(?:n\s*)?(\d+)$")
_INTO = re.compile(r"\s+>\s*([\w-]+\.\w+)$")


class PageError(Exception):
    """A page that cannot be made: what is wrong with it."""


class Command(NamedTuple):
    """A line of a page as it is run."""

    words: list[str]
    exit_code: int
    n_lines: int | None
    into: str | None


def pages() -> list[Path]:
    """All pages that this tool renews."""
    return sorted([*TUTORIAL.glob("*.md"), *HOW_TO.glob("*.md")])


def render_page(path: Path) -> str:
    """The page at `path` with what is made from scenarios and commands made anew."""
    text = path.read_text(encoding="utf-8")
    if path.parent == TUTORIAL:
        text = with_scenario(path, text)
    with tempfile.TemporaryDirectory() as folder:
        # A folder beside the page's own, so that `ls` and `wnv` on a folder see recordings only.
        os.environ.update(
            WNV_CACHE=str(Path(folder, "cache")), WNV_HOME=str(Path(folder, "home")), COLUMNS=str(WIDTH), NO_COLOR="1"
        )
        work = Path(folder, "work")
        work.mkdir()
        with chdir(work):
            return _BLOCK.sub(lambda found: found[1] + _shown(path, found[2]) + found[3], text)


def with_scenario(path: Path, text: str) -> str:
    """A page of the tutorial with its made part, which is what the scenario's file says, made anew."""
    name = path.stem
    made = "\n".join(_index_lines() if name == "README" else _scenario_lines(read_scenario(name)))
    if not _MADE.search(text):
        raise PageError(f"{path}: has no {BEGIN} … {END}")
    return _MADE.sub(lambda _: f"{BEGIN}\n{made}\n{END}\n", text, count=1)


def _index_lines() -> Iterator[str]:
    scenarios = [read_scenario(name) for name in scenario_names()]
    for topic, heading in TOPICS.items():
        yield f"\n## {heading}\n"
        yield "| scenario | what |\n|---|---|"
        for one in scenarios:
            if one.topic == topic:
                yield f"| [{one.name}]({one.name}.md) | {one.title} |"
    yield ""


def _scenario_lines(scenario: Scenario) -> Iterator[str]:
    yield f"# {scenario.title}\n"
    heading = TOPICS[scenario.topic]
    anchor = heading.lower().replace(" ", "-")
    source = f"../../src/wnv_lab/scenarios/{scenario.name}.toml"
    yield f"[Tutorial](README.md) › [{heading}](README.md#{anchor}) › `{scenario.name}` ([its file]({source}))\n"
    yield textwrap.dedent(scenario.story).strip() + "\n"
    yield "```text"
    yield render_world(build_world(scenario, 0))
    yield "```\n"
    yield "What to look for:\n"
    yield from (f"- {text}" for text in scenario.look_for)
    yield ""


def parse_command(line: str) -> Command:
    """One `$ …` line, without its mark."""
    exit_code, n_lines, into = 0, None, None
    if found := _EXITS.search(line):
        line, exit_code = line[: found.start()], int(found[1])
    if found := _HEAD.search(line):
        line, n_lines = line[: found.start()], int(found[1])
    if found := _INTO.search(line):
        line, into = line[: found.start()], found[1]
    return Command(shlex.split(line, comments=True), exit_code, n_lines, into)


def _shown(path: Path, block: str) -> str:
    """A block of commands with what each says below it; the same block if its program is not installed."""
    lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    commands = [parse_command(line) for line in lines]
    if any(one.words[0] in OTHER_PROGRAMS and not shutil.which(one.words[0]) for one in commands):
        return block
    shown = ""
    for number, (line, command) in enumerate(zip(lines, commands, strict=True)):
        code, output, messages = _run(command.words)
        if code != command.exit_code:
            raise PageError(f"{path}: exit code {code}, not {command.exit_code}: {line}\n{output}{messages}")
        if command.into:
            Path(command.into).write_text(output, encoding="utf-8")
            output = ""
        lines_out = output.splitlines()
        if code or len(lines_out) < 2:  # nothing but headings: what it says of that is on standard error
            lines_out += [line for line in messages.splitlines() if not line.startswith(_NOISE)]
        said = lines_out[: command.n_lines]
        shown += f"$ {line}\n" + "".join(f"{one.rstrip()}\n" for one in said)
        if said and number < len(commands) - 1:
            shown += "\n"
    return shown


def _run(words: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command; wnv runs in this process, which is quicker."""
    if words[0] in OTHER_PROGRAMS:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr
    if words[0] != "wnv":
        raise PageError(f"only wnv and {', '.join(OTHER_PROGRAMS)} are run, not: {shlex.join(words)}")
    from wnv.cli.main import run

    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as messages:
        code = run(list(words[1:]))
    return code, output.getvalue(), messages.getvalue()


def difference(path: Path, made: str) -> str:
    """What differs between the page and what it should be, as a diff."""
    there = path.read_text(encoding="utf-8")
    names = (f"{path.name} as it is", f"{path.name} made anew")
    return "".join(difflib.unified_diff(there.splitlines(True), made.splitlines(True), *names))


def main() -> int:
    parser = argparse.ArgumentParser(description="Renews docs/tutorial and docs/how-to.")
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a page is out of date")
    given = parser.parse_args()
    paths = [path.resolve() for path in given.pages] or pages()
    n_wrong = 0
    with ProcessPoolExecutor(min(len(paths), os.cpu_count() or 1), mp_context=get_context("spawn")) as workers:
        for path, running in [(path, workers.submit(render_page, path)) for path in paths]:
            try:
                made = running.result()
            except PageError as error:
                print(error, file=sys.stderr)
                n_wrong += 1
                continue
            changed = difference(path, made)
            if given.check:
                n_wrong += bool(changed)
                sys.stdout.write(changed)
            elif changed:
                path.write_text(made, encoding="utf-8", newline="\n")
                print(f"renewed {path.relative_to(DOCS.parent)}", flush=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
