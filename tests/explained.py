"""Scenarios of the lab, recorded and explained; each once for all tests."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from wnv import open_trace
from wnv.explain.finding import Finding
from wnv.pipeline.explaining import Explanation, explain_recording
from wnv_lab.run import run_scenario
from wnv_lab.scenario import parse_scenario, read_scenario

_FOLDER = tempfile.TemporaryDirectory(prefix="wnv-explained-")


@cache
def recordings(name: str, capture: str = "ndis", providers: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """The recordings of a scenario, one a host, the inventory beside each; `providers` that are recorded, () = all."""
    scenario = read_scenario(name)
    if providers:
        scenario = replace(scenario, capture=replace(scenario.capture, providers=providers))
    folder = Path(_FOLDER.name) / "-".join((name, capture, *providers))
    return run_scenario(scenario, folder, capture=capture).recordings


@cache
def recording_of(text: str, name: str) -> Path:
    """The same of a scenario that is given as TOML."""
    return run_scenario(parse_scenario(text, name), Path(_FOLDER.name) / name).recordings[0]


@cache
def explained(name: str, capture: str = "ndis", expression: str = "", host: int = 0) -> Explanation:
    """What wnv makes of a scenario."""
    return explanation(recordings(name, capture)[host], expression)


def explanation(path: Path, expression: str = "") -> Explanation:
    """What wnv makes of a recording."""
    with open_trace(path, use_cache=False) as trace:
        return explain_recording(trace.stored(), trace.dataset, expression=expression, parse_time=None)


def first(name: str, capture: str = "ndis") -> Finding:
    """The finding that stands at the top."""
    found = explained(name, capture).verdict.findings
    assert found, explained(name, capture).verdict.text
    return found[0]
