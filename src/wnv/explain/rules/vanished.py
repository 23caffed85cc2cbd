"""Packets that no event says were dropped, but that the next point, which was recording, never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Row, Weight


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each point after which packets were not seen again."""
    by_point: dict[str, list[tuple[Hurt, Row]]] = defaultdict(list)
    for one in hurt:
        for journey in one.journeys:
            if journey["outcome"] == "vanished":
                by_point[str(journey["last_point"] or "?")].append((one, journey))
    return [_finding(case, point, found) for point, found in sorted(by_point.items(), key=lambda item: -len(item[1]))]


def _finding(case: Case, point: str, found: list[tuple[Hurt, Row]]) -> Finding:
    flows = {one.flow_id: one for one, _ in found}
    journey = found[0][1]
    n, place = len(found), case.names.place(point)
    return Finding(
        rule="vanished", weight=Weight.FAILED,
        title=f"{n:,} {'packet' if n == 1 else 'packets'} vanished after {place}, with no event that says why",
        flows=[one.failing() for one in flows.values()], last_point=point, place=place,
        reason=str(journey["reason"] or ""),
        journey_id=journey["journey_id"], confidence=min(float(one["confidence"]) for _, one in found),
        advice="A filter driver (antivirus, VPN, WFP callout) can swallow packets without an event: see which ones sit "
        "behind this point, and try with them unloaded.",
        captures=("all",), n=n,
    )  # fmt: skip
