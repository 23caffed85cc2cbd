"""How right wnv is: every scenario of the lab, recorded in several ways, against what really happened.

    python bench/accuracy.py                         all of it: tables on standard output
    python bench/accuracy.py nat-web chains          these scenarios
    python bench/accuracy.py --ways ndis pktmon      these ways of recording
    python bench/accuracy.py nat-web --details 20    what is not as it was, the first 20 of each recording
    python bench/accuracy.py --write-docs            also writes the tables of docs/reference/accuracy.md

How to read the figures: docs/reference/accuracy.md.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scoring import BINS, Score, score_clocks, score_recording, told_by

from wnv.trace import open_trace
from wnv_lab.errors import LabError
from wnv_lab.run import run_scenario
from wnv_lab.scenario import CaptureSpec, Scenario, read_scenario, scenario_names

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "accuracy.md"
BEGIN, END = "<!-- written by bench/accuracy.py: begin -->", "<!-- end -->"
_ALL_PROVIDERS: Final = CaptureSpec().providers


@dataclass(frozen=True, slots=True)
class Way:
    """A way of recording a scenario."""

    name: str
    kind: str
    """ndis or pktmon."""
    is_limited: bool = False
    """It leaves out what would be needed to tell all."""
    without: tuple[str, ...] = ()
    """Providers that are not recorded."""
    truncate_bytes: int = 0
    lost_share: float = 0.0
    has_inventory: bool = True
    is_together: bool = False
    """All recordings are read as one, where there are several."""

    def applied(self, scenario: Scenario) -> Scenario:
        capture, engine = scenario.capture, scenario.engine
        has_large = engine.has_large_send or engine.has_receive_coalescing
        changed = replace(
            capture,
            providers=tuple(name for name in capture.providers if name not in self.without),
            truncate_bytes=self.truncate_bytes or capture.truncate_bytes,
            pktmon_bytes=self.truncate_bytes or capture.pktmon_bytes,
            lost_share=self.lost_share or capture.lost_share,
            # A small recording has few buffers: of smaller ones there are enough to lose some.
            buffer_bytes=4096 if self.lost_share and not has_large else capture.buffer_bytes,
        )
        return replace(scenario, capture=changed)


WAYS: Final = (
    Way("ndis", "ndis"),
    Way("pktmon", "pktmon"),
    Way("ndis without inventory", "ndis", has_inventory=False),
    Way("no VmSwitch events", "ndis", True, without=("vmswitch",)),
    Way("no WinNat events", "ndis", True, without=("winnat",)),
    Way("cut to 64 bytes", "ndis", True, truncate_bytes=64),
    Way("5 % of buffers lost", "ndis", True, lost_share=0.05),
    Way("pktmon, cut to 64 bytes", "pktmon", True, truncate_bytes=64),
    Way("pktmon, 5 % lost", "pktmon", True, lost_share=0.05),
    Way("hosts together", "ndis", is_together=True),
    Way("hosts together, pktmon", "pktmon", is_together=True),
    Way("both tools together", "both", is_together=True),
)
_NOT_HERE: Final = frozenset({"busy"})


def is_limited(scenario: Scenario, way: Way) -> bool:
    """Whether the recording lacks something that would be needed to tell all."""
    capture = scenario.capture
    if way.is_limited or capture.lost_share or capture.ring_bytes or capture.damage:
        return True
    if way.kind != "ndis":
        # pktmon does not watch what starts after it.
        is_late = any(container.starts_ms for host in scenario.host for container in host.container)
        if way.kind == "pktmon" or capture.address or capture.pktmon_bytes or is_late:
            return bool(capture.address or capture.pktmon_bytes or is_late)
    lacks = capture.address or capture.truncate_bytes or capture.points != "both"
    return bool(lacks) or set(capture.providers) < set(_ALL_PROVIDERS) or any(h.build < 17763 for h in scenario.host)


def measure(scenario: Scenario, way: Way, folder: Path, seed: int) -> Score | None:
    """Run a scenario, read its recordings, compare. None where the host has no such capture."""
    try:
        result = run_scenario(way.applied(scenario), folder, seed=seed, capture=way.kind)
    except LabError as error:
        if "no pktmon" in str(error):
            return None
        raise
    score = Score()
    if way.is_together:
        if len(result.recordings) < 2:
            return None
        with open_trace(folder, use_cache=False) as trace:
            score += score_recording(told_by(trace), result.truth, *(one.name for one in result.recordings))
            score += score_clocks(trace.table("clocks").to_pylist(), result.truth)
        return score
    for recording, inventory in zip(result.recordings, result.inventories, strict=True):
        if not way.has_inventory:
            inventory.unlink()
        with open_trace(recording, use_cache=False) as trace:
            score += score_recording(told_by(trace), result.truth, recording.name, has_names=way.has_inventory)
    return score


# --- tables ---------------------------------------------------------------------------------------------


def part(right: int, whole: int) -> str:
    return "–" if not whole else f"{right:,}" if right == whole else f"{right:,}/{whole:,}"


def scenario_cells(score: Score) -> list[str]:
    """Right ones of those there are; a single number where all are."""
    counts = score.counts
    outcomes = [counts[f"outcomes {one}"] for one in ("right", "open", "wrong")]
    joins = [counts[f"nat joins {one}"] for one in ("right", "missing", "wrong")]
    sessions = [counts[f"nat sessions {one}"] for one in ("right", "missing", "wrong")]
    drops = [counts["drops right"], counts["drops missing"]]
    return [
        f"{counts['packets']:,}", part(outcomes[0], sum(outcomes)), str(outcomes[1] or "–"), str(outcomes[2] or "–"),
        part(counts["sequences right"], counts["packets"]),
        part(joins[0], sum(joins)), str(joins[2] or "–"), part(sessions[0], sum(sessions)),
        part(drops[0], sum(drops)), str(counts["drop reasons other"] or "–"),
        str(counts["invented hops"] + counts["invented drops"] or "–"), str(counts["false vanished"] or "–"),
        part(counts["tuple right"], counts["tuple right"] + counts["tuple wrong"]),
        str(counts["name wrong"] or "–"), str(counts["name missing"] or "–"),
        part(counts["clocks right"], counts["clocks right"] + counts["clocks wrong"] + counts["clocks unknown"]),
    ]  # fmt: skip


HEADINGS: Final = (
    "packets", "outcomes", "open", "wrong", "ways", "NAT joins", "false joins", "NAT sessions", "drops",
    "other reason", "invented", "false vanished", "addresses", "names wrong", "names missing",
    "clocks",
)  # fmt: skip
KINDS: Final = ("outcome", "link", "nat", "drop")


def calibration(score: Score) -> list[list[str]]:
    """Rows of the calibration table: for each bin of confidence how many were right, by kind."""
    rows = []
    for one in BINS:
        cells = [one]
        for kind in (*KINDS, ""):
            right, whole = score.right((kind,) if kind else KINDS, (one,))
            cells.append(f"{right:,}/{whole:,} = {right / whole:.2%}" if whole else "–")
        rows.append(cells)
    return rows


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def targets(full: Score, limited: Score) -> list[list[str]]:
    """What was asked for, and whether it holds."""
    counts = full.counts
    n = counts["packets"]
    stated, lower = limited.right(KINDS, BINS[:1]), limited.right(KINDS, BINS[:2])
    vanished = counts["false vanished"] + limited.counts["false vanished"]
    rows = [
        ("outcomes, nothing lost", f"{counts['outcomes right']:,}/{n:,}", counts["outcomes right"] == n),
        ("hop sequences, nothing lost", f"{counts['sequences right']:,}/{n:,}", counts["sequences right"] == n),
        (
            "NAT joins, nothing lost",
            part(counts["nat joins right"], sum(counts[f"nat joins {x}"] for x in ("right", "missing", "wrong"))),
            not counts["nat joins missing"] and not counts["nat joins wrong"],
        ),
        (
            "invented hops and drops, nothing lost", str(counts["invented hops"] + counts["invented drops"]),
            not counts["invented hops"] and not counts["invented drops"],
        ),
        (
            "limited: right at ≥ 0.9 (99 %)", f"{lower[0]:,}/{lower[1]:,}",
            lower[1] > 0 and lower[0] >= 0.99 * lower[1],
        ),
        ("limited: right at 1.0 (all)", f"{stated[0]:,}/{stated[1]:,}", stated[1] > 0 and stated[0] == stated[1]),
        ("false vanished, all recordings", str(vanished), not vanished),
    ]  # fmt: skip
    return [[what, figure, "yes" if is_met else "**no**"] for what, figure, is_met in rows]


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="default: all")
    words.add_argument("--ways", nargs="+", metavar="WAY", help=", ".join(way.name for way in WAYS).replace("%", "%%"))
    words.add_argument("--details", type=int, default=0, metavar="N", help="differences shown of each recording")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--write-docs", action="store_true", help=f"also write {PAGE.name}")
    chosen = words.parse_args()
    names = chosen.scenarios or [name for name in scenario_names() if name not in _NOT_HERE]
    ways = [way for way in WAYS if not chosen.ways or way.name in chosen.ways]
    if not ways:
        words.error(f"there is no such way of recording; there are: {', '.join(way.name for way in WAYS)}")
    full, limited = Score(), Score()
    rows: dict[str, list[list[str]]] = {way.name: [] for way in ways}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="wnv-accuracy-") as temporary:
        for name in names:
            scenario = read_scenario(name)
            for number, way in enumerate(ways):
                score = measure(scenario, way, Path(temporary) / f"{name}.{number}", chosen.seed)
                if score is None:
                    continue
                is_less = is_limited(scenario, way)
                total = limited if is_less else full
                total += score
                cells = scenario_cells(score)
                rows[way.name].append([f"{name}{' *' if is_less and not way.is_limited else ''}", *cells])
                said = ", ".join(f"{h} {c}" for h, c in zip(HEADINGS, cells, strict=True) if c != "–")
                print(f"{name} [{way.name}]: {said}", file=sys.stderr, flush=True)
                for fault in score.faults[: chosen.details]:
                    print(f"    {fault}", file=sys.stderr)
    text = [f"## What was asked for\n\n{markdown(('', 'found', 'met'), targets(full, limited))}"]
    for heading, total in (("Recordings that lack nothing", full), ("Recordings that lack something", limited)):
        table = markdown(("stated confidence", "outcomes", "links", "NAT sessions", "drops", "all"), calibration(total))
        text.append(f"## {heading}: how right is what was stated\n\n{table}")
    text += [f"## {way}\n\n{markdown(('scenario', *HEADINGS), found)}" for way, found in rows.items() if found]
    whole = "\n\n".join(text)
    print(whole)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    if chosen.write_docs:
        page = PAGE.read_text(encoding="utf-8")
        pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        PAGE.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{whole}\n\n{END}", page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
