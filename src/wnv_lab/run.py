"""Run a scenario: build the machines, let them act, leave recordings, inventories and the truth in a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from wnv_lab.build import build_world
from wnv_lab.capture.ndis import NdisCapture
from wnv_lab.capture.pktmon import PktmonCapture
from wnv_lab.errors import LabError
from wnv_lab.etl.damage import cut, flip_bits, remove_buffers, zero_buffers
from wnv_lab.events.pktmon import FIRST_BUILD
from wnv_lab.inventory import inventory, topology
from wnv_lab.scenario import Scenario
from wnv_lab.traffic import plan
from wnv_lab.truth import TruthRecorder
from wnv_lab.world import World

CAPTURES = ("ndis", "pktmon", "both")


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left."""

    recordings: tuple[Path, ...]
    inventories: tuple[Path, ...]
    truth: Path
    n_events: int
    n_rows: dict[str, int]


def with_build(scenario: Scenario, build: int) -> Scenario:
    """The same on hosts of another Windows build; builds between the known ones are as the one before them."""
    return replace(scenario, host=tuple(replace(host, build=build) for host in scenario.host))


def run_scenario(scenario: Scenario, folder: Path, *, seed: int = 0, scale: int = 1, capture: str = "ndis") -> Result:
    """Run it. Same scenario, seed, scale and capture: same bytes."""
    if capture not in CAPTURES:
        raise LabError(f"the capture is '{capture}'", f"choose one of {', '.join(CAPTURES)}")
    kinds = ("ndis", "pktmon") if capture == "both" else (capture,)
    for spec in scenario.host:
        if "pktmon" in kinds and spec.build < FIRST_BUILD:
            raise LabError(
                f"{spec.name} has build {spec.build}, which has no pktmon",
                "use --capture ndis, or --build 17763 or later",
            )
    folder.mkdir(parents=True, exist_ok=True)
    world = build_world(scenario, seed)
    truth = TruthRecorder(world, folder / f"{scenario.name}.truth")
    world.truth = truth
    captures: list[NdisCapture | PktmonCapture] = []
    for host in world.hosts:
        suffix = f"-{host.name}" if len(world.hosts) > 1 else ""
        for kind in kinds:
            stem = f"{scenario.name}{suffix}{'-pktmon' if capture == 'both' and kind == 'pktmon' else ''}"
            path = folder / f"{stem}.etl"
            made = (NdisCapture if kind == "ndis" else PktmonCapture)(world, host, path, truth, seed)
            captures.append(made)
        world.recorders[host.name] = [c for c in captures if c.host is host] + [truth]
    for traffic in scenario.traffic:
        plan(world, traffic, scale)
    world.plan_changes()
    world.run()
    for made in captures:
        made.close()
        for damage in scenario.capture.damage if made.recording.kind == "ndis" else ():
            apply_damage(made.recording.path, damage, seed)
    inventories = [_write_inventory(world, made) for made in captures]
    truth.close(
        [made.recording for made in captures], topology(world.hosts, world.start_ns, world.end_ns, truth.disconnections)
    )
    return Result(
        tuple(made.recording.path for made in captures),
        tuple(inventories),
        truth.folder,
        sum(made.recording.n_events for made in captures),
        truth.n_rows,
    )


def apply_damage(path: Path, damage: str, seed: int) -> None:
    """Do to a finished file what a scenario asks for."""
    kind, _, text = damage.partition(":")
    if not text.isdigit() or kind not in ("cut", "zero", "remove", "flip"):
        raise LabError(f"the damage is '{damage}'", "write cut:BYTES, zero:BUFFER, remove:BUFFER or flip:BITS")
    number = int(text)
    if kind == "cut":
        cut(path, number)
    elif kind == "zero":
        zero_buffers(path, [number])
    elif kind == "remove":
        remove_buffers(path, [number])
    else:
        flip_bits(path, n_bits=number, seed=seed)


def _write_inventory(world: World, made: NdisCapture | PktmonCapture) -> Path:
    path = made.recording.path.with_suffix(".inventory.json")
    text = json.dumps(inventory(made.host, world.end_ns), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
