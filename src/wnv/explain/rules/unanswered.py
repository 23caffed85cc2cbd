"""Conversations without an answer: how far the question was proven to come, and what that leaves open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Row, Weight


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each outcome and last point of questions that nothing answered."""
    groups: dict[tuple[str, str, str], list[tuple[Hurt, Row]]] = defaultdict(list)
    for one in hurt:
        if one.flow["n_packets_back"] or one.is_to_many or not one.journeys:
            continue
        journey = (one.forth() or list(one.journeys))[-1]
        outcome = str(journey["outcome"])
        if outcome in ("left_host", "delivered", "unknown"):
            groups[outcome, str(journey["last_point"] or "?"), str(journey["reason"] or "")].append((one, journey))
    order = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [_finding(case, *key, found) for key, found in order]


def _finding(case: Case, outcome: str, point: str, why: str, found: list[tuple[Hurt, Row]]) -> Finding:
    n = len(found)
    what = f"{n:,} {'conversation' if n == 1 else 'conversations'} without an answer"
    title, reason, advice, captures = {
        "left_host": (
            f"{what}: the packets left the host at {point}, nothing came back",
            "this host sent them; whether they arrived, or the answer was lost on its way, is out of its sight",
            "Look at the network and at the peer: route back, firewall, is the service up?", ("peer",),
        ),
        "delivered": (
            f"{what}: the packets were delivered at {point}, and nothing answered",
            "they reached the NIC of the receiver; what its own stack and firewall did is not recorded",
            "Look inside the receiver: does it listen, does its firewall allow it?", ("guest",),
        ),
        "unknown": (
            f"{what}: not seen beyond {point}", why or "the recording could not have shown more", "", _captures(why),
        ),
    }[outcome]  # fmt: skip
    if case.lost and outcome != "unknown":
        reason += "; the recording lost data, so an answer may be among what is missing"
        captures = (*captures, "larger")
    certain = min(float(one["confidence"]) for _, one in found)
    return Finding(
        rule="unanswered", weight=Weight.UNCERTAIN, title=title, flows=[one.failing() for one, _ in found],
        last_point=point, reason=reason, journey_id=found[0][1]["journey_id"],
        confidence=min(certain, 0.5) if case.lost else certain, advice=advice, captures=captures, n=n,
    )  # fmt: skip


def _captures(why: str) -> tuple[str, ...]:
    """What would show more, by the words in which a journey says why it ends."""
    text = why.lower()
    for words, captures in (
        (("sr-iov", "offload", "hardware", "rdma"), ("offload", "guest")),
        (("lost", "wrapped", "ring"), ("larger",)),
        (("physical", "switch was not", "no switch"), ("switch",)),
        (("nat", "translat"), ("nat",)),
        (("guest", "vm"), ("guest",)),
        (("filter", "truncat"), ("all",)),
    ):
        if any(word in text for word in words):
            return captures
    return ("all",)
