"""`wnv lab`: list and run scenarios, show a network, trace what would happen to a packet."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from wnv_lab.errors import LabError

TOPICS = {
    "paths": "The ways of packets",
    "faults": "What goes wrong",
    "captures": "What a capture does not show",
    "mechanics": "How Windows moves packets",
    "load": "Load",
}


def _says_what_is_wrong(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the lab's errors into those of the command line."""

    @wraps(command)
    def run(*arguments: object, **options: object) -> None:
        try:
            command(*arguments, **options)
        except LabError as error:
            raise click.ClickException(f"{error.text}{chr(10) + error.advice if error.advice else ''}") from error

    return run


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n"
    "  wnv lab list\n"
    "  wnv lab show nat-web\n"
    "  wnv lab run nat-web -w DIR --capture both\n"
    "  wnv lab path vfp-block --from pod-a --to dns --protocol udp --port 53",
)
def lab() -> None:
    """A simulated Windows host whose traffic is known to the last hop.

    NAME is a built-in scenario (`wnv lab list`) or the path of a scenario file (docs/reference/lab-scenario.md).
    """


@lab.command("list")
@_says_what_is_wrong
def list_scenarios() -> None:
    """The built-in scenarios, one line each."""
    from wnv_lab.scenario import read_scenario, scenario_names

    scenarios = [read_scenario(name) for name in scenario_names()]
    width = max((len(scenario.name) for scenario in scenarios), default=0)
    for topic, heading in TOPICS.items():
        found = [scenario for scenario in scenarios if scenario.topic == topic]
        if found:
            click.echo(heading)
            for scenario in found:
                click.echo(f"  {scenario.name:{width}}  {scenario.title}")


@lab.command()
@click.argument("name")
@click.option(
    "-w",
    "--write",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the recordings, the inventory and the truth go.",
)
@click.option("--seed", default=0, show_default=True, help="Other times, ports and numbers; same seed, same bytes.")
@click.option("--scale", default=1, show_default=True, type=click.IntRange(1), help="So much more traffic.")
@click.option(
    "--capture",
    type=click.Choice(["ndis", "pktmon", "both"]),
    default="ndis",
    show_default=True,
    help="What recorded it: NetEventPacketCapture, pktmon, or each.",
)
@click.option("--build", type=int, help="Windows build of the hosts, as 20348.")
@_says_what_is_wrong
def run(name: str, folder: Path, seed: int, scale: int, capture: str, build: int | None) -> None:
    """Run a scenario and leave what Windows would have recorded, and what really happened."""
    from wnv_lab.run import run_scenario, with_build
    from wnv_lab.scenario import read_scenario

    scenario = read_scenario(name)
    if build is not None:
        scenario = with_build(scenario, build)
    result = run_scenario(scenario, folder, seed=seed, scale=scale, capture=capture)
    for recording, inventory in zip(result.recordings, result.inventories, strict=True):
        click.echo(f"recording  {recording}")
        click.echo(f"inventory  {inventory}")
    click.echo(f"truth      {result.truth}")
    counts = ", ".join(f"{result.n_rows.get(name, 0)} {name}" for name in ("journeys", "hops", "drops"))
    click.echo(f"{result.n_events} events, {counts}", err=True)


@lab.command()
@click.argument("name")
@click.option("--seed", default=0, hidden=True)
@_says_what_is_wrong
def show(name: str, seed: int) -> None:
    """The story of a scenario and its network as a tree."""
    from textwrap import dedent

    from wnv_lab.build import build_world
    from wnv_lab.scenario import read_scenario
    from wnv_lab.tree import render_world

    scenario = read_scenario(name)
    click.echo(scenario.title)
    click.echo(f"\n{dedent(scenario.story).strip()}\n")
    click.echo(render_world(build_world(scenario, seed)))
    if scenario.look_for:
        click.echo("\nLook for")
        for text in scenario.look_for:
            click.echo(f"  - {text}")
    if scenario.command:
        click.echo(f"\n  {scenario.command}")


@lab.command()
@click.argument("name")
@click.option("--from", "source", required=True, metavar="MACHINE", help="Who sends.")
@click.option("--to", required=True, metavar="MACHINE|ADDRESS", help="To whom.")
@click.option("--protocol", type=click.Choice(["tcp", "udp", "icmp"]), default="tcp", show_default=True)
@click.option("--port", default=80, show_default=True, help="Destination port.")
@click.option("--bytes", "n_bytes", default=74, show_default=True, help="Size of the frame.")
@click.option("--minimal", "verbosity", flag_value="minimal", help="Only how it ends.")
@click.option("--summary", "verbosity", flag_value="summary", default="summary", help="A line a hop (the default).")
@click.option("--detailed", "verbosity", flag_value="detailed", help="Every stage, with headers and rules.")
@click.option("--seed", default=0, hidden=True)
@_says_what_is_wrong
def path(name: str, source: str, to: str, protocol: str, port: int, n_bytes: int, verbosity: str, seed: int) -> None:
    """The hops that a packet would take, and the rule that would stop it.

    The host is as the scenario leaves it: addresses leased, late containers started, NICs taken away; but no packet
    has passed before, so NAT has no sessions.
    """
    from wnv_lab.path import find_path, render_path, settled_world
    from wnv_lab.scenario import read_scenario

    world = settled_world(read_scenario(name), seed)
    click.echo(render_path(find_path(world, source, to, protocol, port, n_bytes), verbosity))
