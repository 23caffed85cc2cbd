"""Worlds of the lab for tests: built-in scenarios and scenarios made on the spot, run without writing files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from zlib import crc32

import pyarrow.parquet as pq

from wnv import open_trace
from wnv_lab.build import build_world
from wnv_lab.model import Host, Port
from wnv_lab.path import Leg, find_path
from wnv_lab.run import Result, run_scenario
from wnv_lab.scenario import Scenario, parse_scenario, read_scenario
from wnv_lab.stages import Route, Sink, Stage
from wnv_lab.traffic import plan
from wnv_lab.truth import place_of
from wnv_lab.winnat import Session
from wnv_lab.world import Trip, World

Row = dict[str, Any]  # Any: the columns of the truth are of many types

HEAD = 'title = "t"\nstory = "s"\nlook_for = []\n'
LAN = """
[[peer]]
name = "router"
address = "10.0.0.1"
is_router = true

[[peer]]
name = "www"
address = "198.51.100.7"
is_remote = true
serves = ["http:80"]
"""


MANY = 50_000
"""More packets than any test's scenario has."""


@dataclass
class Witness:
    """Watches a world as a recorder and as the truth, and keeps all it sees."""

    begun: list[int] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)
    seen: list[tuple[int, int, Stage, Trip]] = field(default_factory=list)
    """Time, processor, stage, chain; one a stage."""
    lives: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    """By NBL address and first journey of the chain: when it was first and last seen."""
    sessions: list[Session] = field(default_factory=list)

    def sink(self, stage: Stage, route: Route) -> Sink | None:
        def see(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            self.seen.append((begin, trip.cpu, stage, trip))
            for nbl in trip.nbls:
                spans = self.lives.setdefault(nbl, {})
                first, last = spans.get(trip.journeys[0], (begin, begin))
                spans[trip.journeys[0]] = min(first, begin), max(last, begin)

        return see

    def begin(self, route: Route, trip: Trip) -> None:
        self.begun += trip.journeys
        assert len(self.begun) < MANY, "the world never comes to rest"

    def end(self, route: Route, trip: Trip, outcome: str) -> None:
        self.ended += [(journey, outcome) for journey in trip.journeys]

    def session(self, host: Host, session: Session) -> None:
        self.sessions.append(session)

    def connected(self, port: Port, now_ns: int) -> None:
        pass

    def disconnected(self, port: Port, now_ns: int) -> None:
        pass


def scenario_of(text: str, name: str = "made") -> Scenario:
    """A scenario of the text behind its usual head."""
    return parse_scenario(HEAD + text, name)


def watched(scenario: Scenario, seed: int = 0) -> tuple[World, Witness]:
    """A world that has run, and what was seen."""
    world = build_world(scenario, seed)
    witness = Witness()
    world.truth = witness
    for host in world.hosts:
        world.recorders[host.name] = [witness]
    for traffic in scenario.traffic:
        plan(world, traffic)
    world.plan_changes()
    world.run()
    return world, witness


def legs(name: str, source: str, to: str, protocol: str = "tcp", port: int = 80) -> list[Leg]:
    """The way of a packet in a built-in scenario."""
    return find_path(build_world(read_scenario(name), 0), source, to, protocol, port)


def places(leg: Leg) -> list[str]:
    """The points of a leg, one a change of place."""
    found: list[str] = []
    for stage in leg.route.stages:
        point = place_of(stage)[0]
        if not found or found[-1] != point:
            found.append(point)
    return found


@cache
def ran(name: str, capture: str = "ndis", build: int | None = None) -> Result:
    """A built-in scenario, recorded once for all tests of the run."""
    from wnv_lab.run import with_build

    scenario = read_scenario(name)
    if build is not None:
        scenario = with_build(scenario, build)
    return run_scenario(scenario, Path(mkdtemp(prefix="lab-")), capture=capture)


def truth_rows(result: Result, table: str) -> list[Row]:
    """Rows of a table of the truth."""
    rows: list[Row] = pq.read_table(result.truth / f"{table}.parquet").to_pylist()
    return rows


Key = tuple[int, int, int, int]
"""Time, processor, checksum and length of the logged bytes."""


def sightings(result: Result, path: Path) -> Counter[Key]:
    return Counter(
        (row["ts_ns"], row["cpu"], row["frame_crc32"], row["n_bytes"])
        for row in truth_rows(result, "sightings")
        if row["recording"] == path.name and row["frame_crc32"] is not None
    )


def read(path: Path) -> tuple[Counter[Key], set[str]]:
    """What wnv reads of the packets, a packet event once, and what it has to say."""
    with open_trace(path) as trace:
        frames = {
            row["frame_id"]: row["bytes"] for row in trace.table("frames").select(["frame_id", "bytes"]).to_pylist()
        }
        rows = trace.table("observations").select(["event_row", "frame_id", "ts_ns", "cpu"]).to_pylist()
        events = {row["event_row"]: row for row in rows}
        said = {str(row["code"]) for row in trace.stored().dataset("diagnostics").to_table().to_pylist()}
    return Counter(
        (r["ts_ns"], r["cpu"], crc32(frames[r["frame_id"]]), len(frames[r["frame_id"]])) for r in events.values()
    ), said
