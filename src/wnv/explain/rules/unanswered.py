"""Conversations without an answer: how far the question was proven to come, and what that leaves open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Row, Weight

ASKING_PORTS: Final = frozenset({7, 53, 67, 69, 88, 111, 123, 161, 389, 443, 500, 547, 1434, 1645, 1812, 4500, 4789})
"""UDP ports of services that answer each question; other UDP can be meant to go one way."""
_LATE_NS: Final = 1_000_000_000
_SILENT_MIN: Final = 3
_SYN, _ACK = 2, 16

_QUESTIONS = """
    SELECT count(*) FILTER (f.icmp_type = 8 OR f.icmpv6_type = 128 OR f.inner_icmp_type = 8) AS n_echo,
           count(*) FILTER (f.tcp_flags & 18 = 2 OR f.inner_tcp_flags & 18 = 2) AS n_syn
    FROM journeys j JOIN hops h USING (journey_id) JOIN frames f USING (frame_id)
    WHERE j.flow_id = ?
"""
_END = "SELECT max(last_ns) AS end_ns FROM journeys"


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each outcome and last point of questions that nothing answered."""
    groups: dict[tuple[str, str, str, bool], list[tuple[Hurt, Row]]] = defaultdict(list)
    end_ns = case.ask(_END)[0]["end_ns"]
    for one in hurt:
        if one.is_to_many or not one.journeys or (one.flow["n_packets_back"] and not _fell_silent(one)):
            continue
        if not _asks(case, one):
            continue
        journey = (one.forth() or list(one.journeys))[-1]
        outcome = str(journey["outcome"])
        if outcome in ("left_host", "delivered", "unknown"):
            is_late = int(one.flow["n_packets"]) == 1 and end_ns - int(one.flow["first_ns"] or 0) < _LATE_NS
            groups[outcome, str(journey["last_point"] or "?"), str(journey["reason"] or ""), is_late].append((
                one, journey
            ))  # fmt: skip
    order = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [_finding(case, *key, found) for key, found in order]


def _fell_silent(one: Hurt) -> bool:
    """Whether answers came, and then no more, though it was asked again and again."""
    n_seen = int(one.flow["n_packets"]) + int(one.flow["n_packets_back"])
    is_whole = len(one.journeys) == n_seen
    is_sent_again = one.flow["protocol"] != "TCP" or bool(one.flow["n_retransmissions"])
    return is_whole and is_sent_again and one.n_unanswered >= _SILENT_MIN


def _asks(case: Case, one: Hurt) -> bool:
    """Whether it is a question: answers, reports and errors want no answer."""
    protocol, flow = one.flow["protocol"], one.flow
    if protocol == "UDP":
        return flow["dport"] in ASKING_PORTS and not one.is_answer
    found = case.ask(_QUESTIONS, one.flow_id)[0]
    # Of a TCP connection that was there before the recording, one direction alone says nothing about the other.
    return bool(found["n_syn"] if protocol == "TCP" else found["n_echo"])


def _finding(
    case: Case, outcome: str, point: str, why: str, is_late: bool, found: list[tuple[Hurt, Row]]
) -> Finding:  # fmt: skip
    n, place = len(found), case.names.place(point)
    fell = "fell silent" if all(one.flow["n_packets_back"] for one, _ in found) else "without an answer"
    what = f"{n:,} {'conversation' if n == 1 else 'conversations'} {fell}"
    title, reason, advice, captures = {
        "left_host": (
            f"{what}: the packets left the host at {place}, nothing came back",
            "this host sent them; whether they arrived, or the answer was lost on its way, is out of its sight",
            "Look at the network and at the peer: route back, firewall, is the service up?", ("peer",),
        ),
        "delivered": (
            f"{what}: the packets were delivered at {place}, and nothing answered",
            "they reached the NIC of the receiver; what its own stack and firewall did is not recorded",
            "Look inside the receiver: does it listen, does its firewall allow it?", ("guest",),
        ),
        "unknown": (
            f"{what}: not seen beyond {place}", why or "the recording could not have shown more", "", _captures(why),
        ),
    }[outcome]  # fmt: skip
    if case.lost and outcome != "unknown":
        reason += "; the recording lost data, so an answer may be among what is missing"
        captures = (*captures, "larger")
    if is_late:
        reason += "; asked within the last second of the recording, so an answer may have come after it"
    certain = min(float(one["confidence"]) for _, one in found)
    return Finding(
        rule="unanswered", weight=Weight.BACKGROUND if is_late else Weight.UNCERTAIN, title=title,
        flows=[one.failing() for one, _ in found], last_point=point, place=place, reason=reason,
        journey_id=found[0][1]["journey_id"], confidence=min(certain, 0.5) if case.lost or is_late else certain,
        advice=advice, captures=captures, n=n,
    )  # fmt: skip


def _captures(why: str) -> tuple[str, ...]:
    """What would show more, by the words in which a journey says why it ends."""
    text = why.lower()
    for words, captures in (
        (("captured only",), ("all",)),
        (("sr-iov", "offload", "hardware", "rdma"), ("offload", "guest")),
        (("lost", "wrapped", "ring"), ("larger",)),
        (("physical", "switch was not", "no switch"), ("switch",)),
        (("nat", "translat"), ("nat",)),
        (("guest", "vm"), ("guest",)),
        (("truncat", "cut too short"), ("all",)),
    ):
        if any(word in text for word in words):
            return captures
    return ("all",)
