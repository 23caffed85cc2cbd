"""`wnv demo`: a guided tour, from a recording to the cause of a failure."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from wnv.cli.output import TextTable, bold

_INTRO = """\
A container named shop, on a Windows host, fetches a web page: that works. Then it asks the company's own name server
for db.corp.example, and never gets an answer. All you have is a recording that somebody made on the host.

The host is simulated here (wnv lab); its recording is what Windows' own capture (New-NetEventSession with the packet
capture, the switch and WinNat as providers) would have left."""
_NEXT = """\
  wnv lab list                          more hosts to learn from: every network type, every fault
  wnv lab run vfp-block -w case         run one of them, then: wnv explain case/vfp-block.etl
  wnv demo --real                       the same on a recording of a real Azure VM
  wnv info YOUR.etl                     and on your own (netsh trace, New-NetEventSession or pktmon)"""


@dataclass(frozen=True, slots=True)
class _Step:
    """A question, the command that answers it, and what to look for in the answer."""

    question: str
    command: tuple[str, ...]
    look: str = ""
    shown: int | None = None
    """Lines of the answer that are shown; None = all."""


_TOUR = (
    _Step("The host does its work, and is recorded", ("lab", "run", "demo.toml", "-w", ".")),
    _Step(
        "What is in this recording, and what did it lose?", ("info", "demo.etl"),
        "Nothing is lost: whatever passed these points is in it.", 9,
    ),
    _Step(
        "What does the virtual network look like?", ("topology", "demo.etl"),
        "shop hangs on the vSwitch nat; WinNat gives it the host's address 10.0.0.10 on its way out.",
    ),
    _Step(
        "The page: where did the request go?", ("follow", "demo.etl", "-Y", 'http.request.method == "GET"'),
        "Six places in some microseconds: container, switch, host; WinNat writes a new source; the wire.",
    ),
    _Step(
        "And its answer, back across the NAT?", ("follow", "demo.etl", "-Y", "http.response.code == 200"),
        "The same way back: WinNat puts the container's address in again.",
    ),
    _Step(
        "Where and why did packets die?", ("drops", "demo.etl"),
        "Three queries for the second name died at the container's own switch port.",
    ),
    _Step(
        "So what went wrong?", ("explain", "demo.etl"),
        "One screen: who failed, how far it came, why, by which rule, how sure that is, and what to do.",
    ),
    _Step(
        "Hand the packets to Wireshark, each once", ("convert", "demo.etl", "-w", "demo.pcapng", "--once"),
        "Each packet's comment says its journey, hop and outcome; `wnv follow demo.etl --frame N` goes on from there.",
    ),
)  # fmt: skip


@click.command(epilog="\b\nExamples:\n  wnv demo\n  wnv demo -w tour\n  wnv demo --real")
@click.option(
    "-w", "--write", "out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Work in this folder, and keep there what is made. [default: a folder that is removed]",
)  # fmt: skip
@click.option("--real", is_flag=True, help="On a real recording instead: a ping on an Azure VM, by pktmon.")
def demo(out: Path | None, real: bool) -> int:
    """Follow a packet through a Windows host, and find out why another one never arrived.

    A simulated host is recorded, as Windows would; then wnv answers, command by command, what the recording holds,
    what the virtual network looks like, where packets went, and where and why they died.
    """
    with contextlib.ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory(prefix="wnv-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(contextlib.chdir(folder))
        code = _real() if real else _tour()
    if not code:
        click.echo(f"\nKept in {out}." if out else "\nTo keep what was made here: wnv demo -w DIR")
    return code


def _tour() -> int:
    click.echo(_INTRO)
    scenario = (files("wnv") / "data" / "demo.toml").read_text(encoding="utf-8")
    Path("demo.toml").write_text(scenario, encoding="utf-8")
    for number, step in enumerate(_TOUR, 1):
        code = _run(step, number)
        if code:
            return code
    click.echo(bold("\n# What to run next"))
    click.echo(_NEXT)
    return 0


def _run(step: _Step, number: int = 0) -> int:
    """Show a question, the command as one would type it, and its answer."""
    import shlex

    from wnv.cli.main import run

    click.echo(bold(f"\n# {f'{number}. ' if number else ''}{step.question}"))
    click.echo(f"$ wnv {shlex.join(step.command)}\n")
    if step.shown is None:
        code = run(list(step.command))
    else:
        with _first_lines(step.shown):
            code = run(list(step.command))
    if not code and step.look:
        click.echo(bold(f"=> {step.look}"))
    return code


@contextlib.contextmanager
def _first_lines(n: int) -> Iterator[None]:
    """Show only so many lines of what is printed inside, and how many there are more."""
    whole = io.StringIO()
    with contextlib.redirect_stdout(whole):
        yield
    lines = whole.getvalue().splitlines()
    for line in lines[:n]:
        click.echo(line)
    if len(lines) > n:
        click.echo(f"  … {len(lines) - n} more lines")
    sys.stdout.flush()


def _real() -> int:
    from wnv.trace import open_trace, sample_path

    sample = sample_path()
    shutil.copyfile(sample, sample.name)
    capture = sample.with_suffix(".pcapng").name
    click.echo("The recording: a ping on a virtual machine in Azure, made with pktmon (microsoft/demikernel, MIT).")
    for step in (
        _Step("What is in this recording, and what did it lose?", ("info", sample.name)),
        _Step("Hand every packet to Wireshark", ("convert", sample.name, "-w", capture)),
    ):
        code = _run(step)
        if code:
            return code
    click.echo(bold("\n# Where did one packet go?"))
    with open_trace(sample.name) as trace:
        _follow(trace.longest_sightings())
    return 0


def _follow(sightings: Sequence[dict[str, object]]) -> None:
    """A packet's sightings, one below the other, with the time from each to the next."""
    first = sightings[0]
    click.echo(f"packet {first['packet']}: {first['summary']}, {first['original_bytes']} bytes\n")
    rows, before = [], None
    for one in sightings:
        ts_ns = int(str(one["ts_ns"]))
        delta = "" if before is None else f"+{(ts_ns - before) / 1000:.1f} µs"
        rows.append((str(one["appearance"]), delta, str(one["direction"]), str(one["point"]), str(one["description"])))
        before = ts_ns
    table = TextTable(["#", "Δ", "", "point", "where"], right=[True, True, False, False, False], indent="  ")
    for line in table.lines(rows):
        click.echo(line)
