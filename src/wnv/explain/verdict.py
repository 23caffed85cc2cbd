"""All rules over one recording, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from wnv.explain.conversations import hurt_conversations
from wnv.explain.finding import Case, Finding, Row, Weight
from wnv.explain.rules import RULES

_OPEN = """
    SELECT coalesce(reason, 'not seen beyond it') AS reason, count(*) AS n,
           count(*) FILTER (coalesce(f.n_packets_back, 0) = 0) AS n_unanswered
    FROM journeys j LEFT JOIN (SELECT flow_id, n_packets_back FROM flows) f USING (flow_id)
    WHERE outcome = 'unknown' AND (?::BIGINT[] IS NULL OR list_contains(?::BIGINT[], flow_id))
    GROUP BY ALL ORDER BY n DESC, reason
"""
_OPEN_SHOWN = 8
_NOT_SEEN = "not seen beyond it: "
_CAPTURE_OF = {
    "switch_not_recorded": "switch", "switch_events_missing": "switch", "vfp_not_recorded": "switch",
    "nat_not_recorded": "nat", "capture_filter": "all", "sriov": "offload",
}  # fmt: skip


class Answer(StrEnum):
    """What can be said."""

    CAUSE = "cause"
    """Something failed, and the recording shows where."""
    UNCERTAIN = "uncertain"
    """Something failed; where is beyond the recording."""
    SLOW = "slow"
    NOTHING_WRONG = "nothing_wrong"
    NOTHING_SEEN = "nothing_seen"
    """No failure is recorded and all conversations went on, but where some packets ended cannot be told."""
    CANNOT_TELL = "cannot_tell"
    """The recording shows no failure, but could not have shown it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What went wrong, the weightiest first, and what was looked at."""

    answer: Answer
    text: str
    """One sentence."""
    findings: Sequence[Finding]
    background: Sequence[Finding]
    """What happens on healthy hosts, too."""
    n_journeys: int
    n_flows: int
    open: Sequence[tuple[str, int]] = ()
    """Why packets end where the recording could not have shown more, and how many."""

    captures: Sequence[str] = ()
    """What to record next, where evidence is missing: names of `captures.CAPTURES`."""


def judge(case: Case, *, blind: Sequence[str] = (), why_empty: str = "") -> Verdict:
    """Run all rules. `blind`: codes of what the recording could not see (`topology.coverage.BlindSpot`);
    `why_empty`: why there is no packet, in words."""
    hurt = hurt_conversations(case)
    found: list[Finding] = []
    claimed: set[int] = set()
    for rule in RULES:
        for finding in rule(case, hurt):
            mine = [flow for flow in finding.flows if flow.flow_id not in claimed]
            if finding.flows and not mine:
                continue  # a stronger rule has explained them all
            found.append(replace(finding, flows=mine))
            if finding.weight is not Weight.BACKGROUND:
                claimed |= finding.flow_ids
    found.sort(key=lambda one: (-one.weight, -len(one.flows), -one.n))
    findings = [one for one in found if one.weight is not Weight.BACKGROUND]
    background = [one for one in found if one.weight is Weight.BACKGROUND]
    counts = case.ask("SELECT (SELECT count(*) FROM journeys) AS journeys, (SELECT count(*) FROM flows) AS flows")[0]
    chosen = case.chosen()
    ends = case.ask(_OPEN, chosen, chosen)
    answer, text = _answer(case, findings, ends, int(counts["journeys"]), is_blind=bool(blind))
    if why_empty and not findings:
        text = f"the recording has no packets: {why_empty}"
    captures = _captures(case, answer, findings, blind)
    shown = tuple((str(row["reason"]), int(row["n"])) for row in ends[:_OPEN_SHOWN])
    return Verdict(answer, text, findings, background, int(counts["journeys"]), int(counts["flows"]), shown, captures)


def _captures(case: Case, answer: Answer, findings: Sequence[Finding], blind: Sequence[str]) -> tuple[str, ...]:
    """What findings ask for; where none does, what would show what this recording could not."""
    wanted = [name for finding in findings for name in finding.captures]
    if answer is Answer.CANNOT_TELL:
        wanted = ["larger" if case.lost else "all", *wanted]
    elif answer is not Answer.CAUSE:
        blind = sorted(blind, key=lambda code: code != "capture_filter")  # without it all else is seen better, too
        wanted += [_CAPTURE_OF[code] for code in blind if code in _CAPTURE_OF]
    return tuple(dict.fromkeys(wanted))


def _answer(
    case: Case, findings: Sequence[Finding], ends: Sequence[Row], n_journeys: int, *, is_blind: bool
) -> tuple[Answer, str]:
    """`ends`: why packets end where the recording could not have shown more."""
    if findings:
        worst = findings[0]
        if case.lost and all(one.rule in ("unanswered", "retransmitted") for one in findings):
            n = sum(len(one.flows) for one in findings if one.rule == "unanswered")
            have = "conversation has" if n == 1 else "conversations have"
            what = f"{n:,} {have} no answer in it" if n else worst.title
            return Answer.CANNOT_TELL, f"the recording lost data: {what}, which may be all that is missing"
        answer = {Weight.FAILED: Answer.CAUSE, Weight.UNCERTAIN: Answer.UNCERTAIN, Weight.SLOW: Answer.SLOW}
        return answer[worst.weight], worst.title
    if not n_journeys:
        return Answer.CANNOT_TELL, "the recording has no packets that could be followed"
    if case.lost:
        return Answer.CANNOT_TELL, "no failure is recorded, but the recording lost data in which one may be"
    if ends:
        n, n_unanswered = (sum(int(row[name]) for row in ends) for name in ("n", "n_unanswered"))
        why = str(ends[0]["reason"]).removeprefix(_NOT_SEEN)
        is_answered = not n_unanswered
        text = "every question had an answer" if is_answered else "no failure is recorded"
        text += f", but where {n:,} of {n_journeys:,} packets ended cannot be told: {why}"
        return Answer.NOTHING_SEEN if is_answered else Answer.CANNOT_TELL, text
    where = ", where the recording could see" if is_blind else ""
    return Answer.NOTHING_WRONG, f"no packet was dropped or vanished, and every question had an answer{where}"
