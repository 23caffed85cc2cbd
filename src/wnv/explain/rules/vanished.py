"""Packets that no event says were dropped, but that the next point, which was recording, never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Row, Weight


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each point after which packets were not seen again."""
    by_point: dict[tuple[str, bool], list[tuple[Hurt, Row]]] = defaultdict(list)
    for one in hurt:
        for journey in one.journeys:
            if journey["outcome"] == "vanished":
                by_point[str(journey["last_point"] or "?"), one.went_on].append((one, journey))
    return [
        _finding(case, point, found, went_on=went_on)
        for (point, went_on), found in sorted(by_point.items(), key=lambda item: -len(item[1]))
    ]


def _finding(case: Case, point: str, found: list[tuple[Hurt, Row]], *, went_on: bool) -> Finding:
    flows = {one.flow_id: one for one, _ in found}
    journey = found[0][1]
    n, place = len(found), case.names.place(point)
    reason = str(journey["reason"] or "")
    if went_on:
        reason += "; yet the conversation went on as if none were missing, so most likely they were only not recognized"
    return Finding(
        rule="vanished", weight=Weight.BACKGROUND if went_on else Weight.FAILED,
        title=f"{n:,} {'packet' if n == 1 else 'packets'} vanished after {place}, with no event that says why",
        flows=[one.failing() for one in flows.values()], last_point=point, place=place, reason=reason,
        journey_id=journey["journey_id"],
        confidence=min(0.3 if went_on else 1.0, *(float(one["confidence"]) for _, one in found)),
        advice="A filter driver (antivirus, VPN, WFP callout) can swallow packets without an event: see which ones sit "
        "behind this point, and try with them unloaded.",
        captures=("all",), n=n,
    )  # fmt: skip
