"""`wnv`: finds the subcommand, and turns what goes wrong into a message and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper, UnsupportedOperation
from pathlib import Path

import click

from wnv import __version__
from wnv.errors import UsageError, WnvError
from wnv.text import visible

FAILED, MISUSED, LOST, INTERRUPTED = 1, 2, 3, 130

# Module, function and a line of help: the modules are imported when their command runs.
COMMANDS = {
    "explain": ("wnv.cli.explain", "explain", "What went wrong, in plain words, with evidence."),
    "info": ("wnv.cli.info", "info", "What a recording holds, what it lost, what to run next."),
    "events": ("wnv.cli.events", "events", "The events of a recording, in order of time."),
    "packets": ("wnv.cli.packets", "packets", "The packets of a recording: when, where, what became of them."),
    "convert": ("wnv.cli.convert", "convert", "The packets of a recording as a pcapng file for Wireshark."),
    "import": ("wnv.cli.import_", "import_", "A recording as a trace folder: tables that all commands take."),
    "cache": ("wnv.cli.cache", "cache", "The recordings that commands have imported."),
    "topology": ("wnv.cli.topology", "topology", "The virtual network: NICs, switches, containers, VMs, NAT."),
    "journeys": ("wnv.cli.journeys", "journeys", "The way of each packet through the host, and how it ended."),
    "follow": ("wnv.cli.follow", "follow", "One packet hop by hop: times, rewrites, evidence."),
    "drops": ("wnv.cli.drops", "drops", "Where packets died, why, and what to do about it."),
    "nat": ("wnv.cli.nat", "nat", "NAT sessions: inside and outside."),
    "flows": ("wnv.cli.flows", "flows", "Conversations, joined across NAT and overlays."),
    "latency": ("wnv.cli.latency", "latency", "Where packets spend their time inside the host."),
    "stats": ("wnv.cli.stats", "stats", "Packets, bytes and events over time, by point, protocol, address."),
    "sql": ("wnv.cli.sql", "sql", "The tables of a recording, asked in SQL."),
    "fields": ("wnv.cli.fields", "fields", "The fields that filters know."),
    "catalog": ("wnv.cli.catalog", "catalog", "The events whose fields wnv knows; add your own."),
    "lab": ("wnv_lab.cli", "lab", "A simulated Windows host to learn from and to test with."),
    "demo": ("wnv.cli.demo", "demo", "A tour: a packet followed through a host, and one that never arrived."),
}


class _Commands(click.Group):
    """A group that imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command = getattr(import_module(found[0]), found[1])
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 misused, 3 (with --strict) done, but data was lost or damaged.",
)
@click.version_option(__version__, prog_name="wnv")
def cli() -> None:
    """Show what happens to a packet inside Windows.

    wnv reads the recordings that Windows makes (netsh trace, pktmon, New-NetEventSession: .etl files) on any
    system, and hands every packet to Wireshark with the place where it was seen.

    \b
    Examples:
      wnv info trace.etl
      wnv convert trace.etl -w trace.pcapng
      wnv convert trace.etl -w - | wireshark -k -i -
    """


def main() -> None:
    """Entry point of the `wnv` script."""
    _prepare_output()
    sys.exit(run(sys.argv[1:]))


def _prepare_output() -> None:
    """Make standard output and errors take whatever is written to them: names are in every script there is."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - stays open
        elif isinstance(stream, TextIOWrapper):
            # Files and pipes get UTF-8 on every system, for the sake of JSON; a terminal has an encoding of its own.
            is_free = not stream.isatty() and "PYTHONIOENCODING" not in os.environ
            stream.reconfigure(encoding="utf-8" if is_free else None, errors="backslashreplace")


def run(arguments: list[str]) -> int:
    """Run one command; the exit code. Never lets an exception through."""
    try:
        code = cli.main(arguments, prog_name="wnv", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return MISUSED
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click leaves so when the reader of the output went away
        _forget_stdout()
        return 0
    except WnvError as error:
        if error.is_quiet:
            _forget_stdout()
            return 0
        for line in error.lines():
            _say(visible(line))
        if error.advice:
            _say(visible(error.advice))
        return MISUSED if isinstance(error, UsageError) else FAILED
    except MemoryError:
        _say("not enough memory")
        return FAILED
    except OSError as error:  # inputs and output files have errors of their own: this is standard output
        if os.environ.get("WNV_DEBUG"):
            raise
        _forget_stdout()
        _say(f"the output cannot be written ({error.strerror or error})")
        return FAILED
    except Exception as error:
        if os.environ.get("WNV_DEBUG"):
            raise
        _say(f"internal error: {type(error).__name__}: {visible(str(error))}")
        _say("this is a bug in wnv; WNV_DEBUG=1 shows where, please report it with that output")
        return FAILED
    return code if isinstance(code, int) else 0


def _say(text: str) -> None:
    sys.stderr.write(f"wnv: {text}\n")


def _forget_stdout() -> None:
    """The reader went away: keep Python from complaining when it flushes at exit."""
    with suppress(UnsupportedOperation):  # replaced by something without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
