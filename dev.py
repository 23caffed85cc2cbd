"""Makes the development environment, then runs something in it: see `python3 dev.py --help`.

Needs nothing but a Python with its standard library; works the same on Linux, macOS and Windows.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells people so
    sys.exit(f"wnv needs Python 3.11 or newer, and this is {sys.version.split()[0]}: try python3.11 dev.py")

import argparse
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PROJECT = ROOT / "pyproject.toml"
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed-from"
"""Holds the digest of what was installed; equal means there is nothing to do."""

IN_CI = os.environ.get("CI") == "true"

COMMANDS = {
    "demo": "the guided tour of wnv",
    "test": "lint, then the tests; further arguments go to pytest",
    "lint": "ruff, mypy and the import contracts",
    "bench": "the benchmarks; further arguments go to bench/run.py",
    "docs": "make the pages of docs that follow from the code, and renew the output of commands on others",
    "check-env": "say what is there and what is missing, change nothing",
}
TAKES_ARGUMENTS = {"demo", "test", "bench"}

EXAMPLES = """\
examples:
  python3 dev.py demo                     see wnv at work
  python3 dev.py test                     all that is checked before a change goes in
  python3 dev.py test -k pktmon           only tests whose name has pktmon
  python3 dev.py test -m "not slow"       leave the slow ones out
  python3 dev.py test --cov=wnv           with coverage
  python3 dev.py lint
"""


class StepFailed(Exception):
    """A step ended with `code`; `text`, when there is one, says what to do about it."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def run(*command: str | Path, more_env: Mapping[str, str] | None = None) -> None:
    """Print a command, run it in the root of the project, and raise `StepFailed` if it fails."""
    words = [str(word) for word in command]
    print("dev.py: " + shlex.join(words), flush=True)
    code = subprocess.call(words, cwd=ROOT, env={**os.environ, **(more_env or {})})
    if code:
        raise StepFailed(code if code > 0 else 128 - code)  # a signal, as shells report it


def venv_works() -> bool:
    """Whether `.venv` has a Python that starts and is new enough (it may be gone after an upgrade)."""
    if not PYTHON.exists():
        return False
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.call([PYTHON, "-c", check], stderr=subprocess.DEVNULL) == 0


def digest() -> str:
    """Of all that decides what must be installed; the place counts, since the install points at it."""
    return hashlib.sha256(PROJECT.read_bytes() + str(ROOT).encode()).hexdigest()


def is_installed() -> bool:
    return STAMP.exists() and STAMP.read_text(encoding="ascii") == digest()


def ensurepip_advice() -> str:
    """What to say when this Python cannot make an environment with pip, or nothing when it can."""
    if importlib.util.find_spec("ensurepip"):
        return ""
    version = "{}.{}".format(*sys.version_info[:2])
    return (
        f"{sys.executable} lacks the module ensurepip, so it cannot make {VENV.name}.\n"
        f"On Debian and Ubuntu: apt-get install python{version}-venv\n"
        "Elsewhere: install a complete Python, for example from python.org."
    )


def make_environment() -> None:
    if not venv_works():
        if advice := ensurepip_advice():
            raise StepFailed(1, advice)
        run(sys.executable, "-m", "venv", "--clear", VENV)
    if is_installed():
        return
    # The group is read here because `pip install --group` needs a newer pip than Python 3.11 comes with.
    group = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]["dev"]
    print("dev.py: pyproject.toml is new or has changed: installing, which can take a minute", flush=True)
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", ".", *group)
    print("dev.py: compiling the loops that follow packets, once, which takes up to a minute", flush=True)
    run(PYTHON, Path("tools", "compile_loops.py"))
    STAMP.write_text(digest(), encoding="ascii")


def find_tshark() -> str | None:
    usual = Path(os.environ.get("PROGRAMFILES", "C:/Program Files"), "Wireshark", "tshark.exe")
    return shutil.which("tshark") or (str(usual) if os.name == "nt" and usual.exists() else None)


def provide_tshark() -> None:
    """Install tshark where that is simple; without it some tests are skipped, except in CI."""
    if find_tshark():
        return
    problem = "tshark is missing: the tests that compare with it are skipped"
    if sys.platform == "linux" and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            run("apt-get", "-qq", "update", more_env=quiet)
            run("apt-get", "-qq", "install", "--yes", "--no-install-recommends", "tshark", more_env=quiet)
        except StepFailed:
            problem = "tshark could not be installed: the tests that compare with it are skipped"
    if find_tshark():
        return
    if IN_CI:
        raise StepFailed(1, "CI needs tshark (Debian: apt-get install tshark)")
    print(f"dev.py: {problem}", file=sys.stderr, flush=True)


def lint() -> None:
    """Run every check even when one fails, then fail as the first did."""
    first: StepFailed | None = None
    for check in (
        (PYTHON, "-m", "ruff", "check", "."),
        (PYTHON, "-m", "ruff", "format", "--check", "."),
        (PYTHON, "-m", "mypy"),
        (PYTHON, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"),
    ):
        try:
            run(*check)
        except StepFailed as failed:
            first = first or failed
    if first:
        raise first


def test(arguments: Sequence[str]) -> None:
    lint()
    provide_tshark()
    more_env = {"WNV_REQUIRE_TSHARK": "1"} if IN_CI else {}
    run(PYTHON, "-m", "pytest", "-n", "auto", *arguments, more_env=more_env)


def check_env() -> None:
    advice = ensurepip_advice()
    found = {
        "Python": f"{sys.version.split()[0]} at {sys.executable}",
        "ensurepip": "there" if not advice else "MISSING (needed once, to make .venv)",
        ".venv": "works" if venv_works() else "not made yet: any other command makes it",
        "installed": "up to date" if is_installed() else "not yet, or pyproject.toml has changed since",
        "tshark": find_tshark() or "missing: some tests are skipped",
    }
    for name, state in found.items():
        print(f"{name:<10} {state}")
    if advice and not venv_works():
        raise StepFailed(1, advice)


def main() -> int:
    commands = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description=f"Makes .venv beside this file, installs wnv and its tools, then runs:\n\n{commands}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=" | ".join(COMMANDS))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="passed on")
    given = parser.parse_args()
    command: str = given.command
    arguments: list[str] = given.arguments
    if arguments and command not in TAKES_ARGUMENTS:
        parser.error(f"{command} takes no arguments, but got: {shlex.join(arguments)}")

    try:
        if command == "check-env":
            check_env()
            return 0
        make_environment()
        if command == "demo":
            run(PYTHON, "-m", "wnv", "demo", *arguments)
        elif command == "test":
            test(arguments)
        elif command == "lint":
            lint()
        elif command == "docs":
            run(PYTHON, Path("tools", "build_docs.py"))
            run(PYTHON, Path("tools", "build_tutorial.py"))
        else:
            run(PYTHON, Path("bench", "run.py"), *arguments)
    except StepFailed as failed:
        if failed.text:
            print(f"dev.py: {failed.text}", file=sys.stderr)
        return failed.code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
