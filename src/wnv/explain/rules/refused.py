"""Conversations that the other end refused: a TCP reset as the answer to a SYN, or ICMP unreachable."""

from __future__ import annotations

from collections.abc import Sequence

from wnv.explain.conversations import Hurt, conversation
from wnv.explain.finding import Case, Finding, Row, Weight

_REFUSED = """
    WITH seen AS (
        SELECT j.journey_id, any_value(j.flow_id) AS flow_id, any_value(j.first_ns) AS first_ns,
               any_value(j.src) AS src, any_value(j.sport) AS sport, any_value(j.first_point) AS first_point,
               any_value(j.confidence) AS confidence, any_value(coalesce(f.inner_tcp_flags, f.tcp_flags)) AS flags,
               arg_min(h.evidence, h.seq) AS evidence
        FROM journeys j JOIN hops h ON h.journey_id = j.journey_id JOIN frames f ON f.frame_id = h.frame_id
        WHERE j.flow_id IS NOT NULL AND j.protocol = 'TCP' AND coalesce(f.inner_tcp_flags, f.tcp_flags) & 6 > 0
        GROUP BY j.journey_id
    )
    SELECT flow_id, min(journey_id) FILTER (flags & 4 > 0) AS journey_id,
           arg_min(first_point, first_ns) FILTER (flags & 4 > 0) AS first_point,
           arg_min(src, first_ns) FILTER (flags & 4 > 0) AS src,
           arg_min(evidence, first_ns) FILTER (flags & 4 > 0) AS evidence, min(confidence) AS confidence
    FROM seen
    GROUP BY flow_id
    HAVING count(*) FILTER (flags & 18 = 2) > 0 AND count(*) FILTER (flags & 18 = 18) = 0
       AND arg_min((src, sport), first_ns) FILTER (flags & 4 > 0)
           <> arg_min((src, sport), first_ns) FILTER (flags & 18 = 2)
    ORDER BY flow_id LIMIT 100
"""
_UNREACHABLE = """
    SELECT any_value(f.info) AS info, min(h.journey_id) AS journey_id, any_value(h.point) AS point,
           any_value(h.evidence) AS evidence
    FROM frames f JOIN hops h USING (frame_id)
    WHERE f.icmp_type = 3 AND f.ip_src = ? AND f.ip_dst IN (?, ?)
"""


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each point from which a reset came in answer to a SYN, or where ICMP said no."""
    return _resets(case) + _unreachable(case, hurt)


def _unreachable(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    found: dict[str, list[tuple[Hurt, Row]]] = {}
    for one in hurt:
        flow = one.flow
        if flow["protocol"] != "UDP" or flow["n_packets_back"] or one.is_answer:
            continue
        ends = flow["outside_dst"] or flow["dst"], flow["src"], flow["outside_src"] or flow["src"]
        row = case.ask(_UNREACHABLE, *ends)[0]
        if row["info"] is not None:
            found.setdefault(str(flow["dst"]), []).append((one, row))
    return [
        Finding(
            rule="refused", weight=Weight.FAILED, title=f"{address} refuses: {rows[0][1]['info']}",
            flows=[one.failing() for one, _ in rows], last_point=str(rows[0][1]["point"] or ""),
            place=case.names.place(rows[0][1]["point"]),
            reason="ICMP errors came back from where the packets were sent to", journey_id=rows[0][1]["journey_id"],
            evidence=rows[0][1]["evidence"] or (), confidence=0.8,
            advice="Look there which process should listen on that port (Get-NetUDPEndpoint).", n=len(rows),
        )
        for address, rows in found.items()
    ]  # fmt: skip


def _resets(case: Case) -> list[Finding]:
    found: dict[str, list[tuple[Hurt, Row]]] = {}
    for row in case.ask(_REFUSED):
        if not case.has(row["flow_id"]):
            continue
        flow = case.ask("SELECT * FROM flows WHERE flow_id = ?", row["flow_id"])
        if flow:
            found.setdefault(str(row["first_point"] or "?"), []).append((conversation(case, flow[0]), row))
    return [
        Finding(
            rule="refused", weight=Weight.FAILED,
            title=f"{rows[0][1]['src']} refused the connection: TCP reset, first seen at {case.names.place(point)}",
            flows=[one.failing() for one, _ in rows], last_point=point, place=case.names.place(point),
            reason="a reset answered the SYN: nothing listens on that port there, or a firewall rejects it",
            journey_id=rows[0][1]["journey_id"], evidence=rows[0][1]["evidence"] or (),
            confidence=min(float(row["confidence"]) for _, row in rows),
            advice="Look on the machine that answered which process should listen on that port "
            "(Get-NetTCPConnection -State Listen).",
            n=len(rows),
        )
        for point, rows in found.items()
    ]  # fmt: skip
