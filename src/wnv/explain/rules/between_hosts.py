"""Packets that left one recorded host and did not come to the other, which saw others of their conversation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wnv.explain.conversations import Hurt, conversation
from wnv.explain.finding import Case, Finding, Row, Weight
from wnv.journeys.layout import LOST_BETWEEN_HOSTS

_LOST = f"""
    SELECT j.flow_id, j.journey_id, j.last_point, j.src, j.dst, j.confidence, j.reason,
           arg_max(h.evidence, h.seq) AS evidence,
           max(f.original_bytes) FILTER (h.point = j.last_point) AS n_bytes
    FROM journeys j JOIN hops h USING (journey_id) LEFT JOIN frames f USING (frame_id)
    WHERE j.outcome = 'left_host' AND j.reason LIKE '{LOST_BETWEEN_HOSTS}%' AND j.flow_id IS NOT NULL
    GROUP BY ALL ORDER BY j.journey_id LIMIT 1000
"""
_ARRIVED = """
    WITH mine AS (
        SELECT j.journey_id, h.seq, h.point, f.original_bytes AS n_bytes
        FROM journeys j JOIN hops h USING (journey_id) LEFT JOIN frames f USING (frame_id)
        WHERE j.flow_id = ? AND j.src = ? AND h.point IS NOT NULL
    ), sent AS (
        SELECT journey_id, max(seq) AS seq, max(n_bytes) AS n_bytes FROM mine WHERE point = ? GROUP BY journey_id
    )
    SELECT arg_min(mine.point, mine.seq) AS point, max(sent.n_bytes) AS n_bytes
    FROM mine JOIN sent USING (journey_id)
    WHERE mine.seq > sent.seq
"""


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each pair of NICs between which packets were lost, both ends recorded."""
    groups: dict[tuple[str, str], list[tuple[Row, Row]]] = defaultdict(list)
    arrived: dict[tuple[int, str, str], Row] = {}
    for row in case.ask(_LOST):
        if not case.has(row["flow_id"]):
            continue
        key = int(row["flow_id"]), str(row["src"]), str(row["last_point"])
        if key not in arrived:
            arrived[key] = case.ask(_ARRIVED, *key)[0]
        groups[key[2], str(arrived[key]["point"] or "")].append((row, arrived[key]))
    order = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [_finding(case, *points, found) for points, found in order]


def _finding(case: Case, point: str, target: str, found: list[tuple[Row, Row]]) -> Finding:
    flows = dict.fromkeys(int(row["flow_id"]) for row, _ in found)
    hurt = [
        conversation(case, flow)
        for flow_id in flows
        for flow in case.ask("SELECT * FROM flows WHERE flow_id = ?", flow_id)
    ]
    n, place = len(found), case.names.place(point)
    there = case.names.place(target) if target else "the other host"
    lost = f"{n:,} {'packet' if n == 1 else 'packets'} lost between {place} and {there}"
    common, is_by_length = _by_length(found)
    first = found[0][0]
    return Finding(
        rule="between_hosts", weight=Weight.FAILED, title=f"{lost}{': path MTU likely' if is_by_length else ''}",
        flows=[one.failing() for one in hurt], last_point=point, place=place,
        reason=f"they left this host and did not come to the other, which saw others of their conversation{common}",
        journey_id=first["journey_id"], evidence=first["evidence"] or (),
        confidence=min(float(row["confidence"]) for row, _ in found),
        advice=(
            "Compare the MTU of both NICs (Get-NetAdapterAdvancedProperty -RegistryKeyword *JumboPacket) and of the "
            "physical switch between them; try ping -f -l with growing sizes."
            if is_by_length
            else "Look at the physical switch between them: errors and discards of its ports; at both NICs: "
            "Get-NetAdapterStatistics."
        ),
        n=n,
    )  # fmt: skip


def _by_length(found: list[tuple[Row, Row]]) -> tuple[str, bool]:
    """What lengths say, in words, and whether only longer packets than all that arrived were lost."""
    lengths = [int(row["n_bytes"]) for row, _ in found if row["n_bytes"] is not None]
    others = [int(row["n_bytes"]) for _, row in found if row["n_bytes"] is not None]
    if len(lengths) < len(found) or not others:
        return "", False
    shortest, longest, most = min(lengths), max(lengths), max(others)
    span = f"{shortest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
    # One lost packet can be the longest by chance.
    is_longer = shortest > most and len(lengths) > 1
    return f"; lost: {span} bytes, the longest that arrived: {most:,} bytes", is_longer
