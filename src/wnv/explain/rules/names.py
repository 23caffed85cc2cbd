"""Names that could not be resolved: DNS answers that say so."""

from __future__ import annotations

from collections.abc import Sequence

from wnv.explain.conversations import Hurt, conversation
from wnv.explain.finding import Case, Finding, Weight

_ERRORS = """
    SELECT j.flow_id, min(j.journey_id) AS journey_id, arg_min(f.info, h.ts_ns) AS info,
           count(DISTINCT j.journey_id) AS n,
           arg_min(j.first_point, j.first_ns) AS first_point, arg_min(j.src, j.first_ns) AS server
    FROM frames f JOIN hops h USING (frame_id) JOIN journeys j USING (journey_id)
    WHERE j.flow_id IS NOT NULL
      AND f.dns_is_response = 1 AND f.dns_rcode > 0
    GROUP BY j.flow_id ORDER BY j.flow_id LIMIT 100
"""


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each kind of refusal."""
    found = []
    for row in case.ask(_ERRORS):
        flow = case.ask("SELECT * FROM flows WHERE flow_id = ?", row["flow_id"]) if case.has(row["flow_id"]) else []
        if flow:
            found.append(
                Finding(
                    rule="names", weight=Weight.UNCERTAIN, title=f"{row['server']} answered: {row['info']}",
                    flows=[conversation(case, flow[0]).failing()], last_point=str(row["first_point"] or ""),
                    place=case.names.place(row["first_point"]),
                    reason="the name server answered with an error; packets went and came",
                    journey_id=row["journey_id"],
                    advice="Check the name, the search suffixes, and which server the container or VM asks "
                    "(Get-DnsClientServerAddress).",
                    n=int(row["n"]),
                )
            )  # fmt: skip
    return found
