"""The conversations of a recording that did not go well, and how to name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wnv.explain.finding import Case, Failing, Row
from wnv.text import end_text

SERVICES_END = 1024
"""Ports below are those of services."""
HURT_MAX = 500
"""Conversations looked at one by one; the first in time."""

_HURT = f"""
    SELECT f.*,
           count(*) FILTER (j.outcome = 'dropped') AS n_dropped,
           count(*) FILTER (j.outcome = 'vanished') AS n_vanished,
           count(*) FILTER (j.outcome = 'unknown') AS n_unknown,
           count(*) FILTER (j.outcome = 'answered') AS n_answered
    FROM flows f LEFT JOIN journeys j ON j.flow_id = f.flow_id
    WHERE f.protocol IN ('TCP', 'UDP', 'ICMP', 'ICMPv6')
      AND (?::BIGINT[] IS NULL OR list_contains(?::BIGINT[], f.flow_id))
    GROUP BY ALL
    HAVING f.n_packets_back = 0 OR n_dropped > 0 OR n_vanished > 0 OR f.n_packets > f.n_packets_back + 2
    ORDER BY f.first_ns, f.flow_id
    LIMIT {HURT_MAX}
"""

_JOURNEYS = """
    SELECT * FROM journeys WHERE flow_id = ? ORDER BY first_ns, journey_id LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Hurt:
    """A conversation with what happened to its packets."""

    flow: Row
    journeys: Sequence[Row]
    """In order of time, the first 1,000."""
    who: str
    """Its two ends by name, as far as they are known."""

    @property
    def flow_id(self) -> int:
        return int(self.flow["flow_id"])

    @property
    def is_to_many(self) -> bool:
        """Broadcast or multicast: nobody has to answer."""
        return is_to_many(self.flow["dst"])

    @property
    def is_answer(self) -> bool:
        """From a service to a client: what asked for it is missing."""
        sport, dport = self.flow["sport"], self.flow["dport"]
        return sport is not None and dport is not None and sport < SERVICES_END <= dport

    def forth(self) -> list[Row]:
        """Journeys of the direction that began it."""
        starts = {(self.flow["src"], self.flow["sport"]), (self.flow["outside_src"], self.flow["outside_sport"])}
        return [one for one in self.journeys if (one["src"], one["sport"]) in starts]

    @property
    def went_on(self) -> bool:
        """Whether it went on as if nothing were missing: TCP would have sent again, others would lack an answer."""
        if self.flow["protocol"] == "TCP":
            return bool(self.flow["n_packets_back"]) and not self.flow["n_retransmissions"]
        return int(self.flow["n_packets_back"]) >= int(self.flow["n_packets"])

    @property
    def n_unanswered(self) -> int:
        """Packets of the direction that began it, sent after the last that came back."""
        starts = {(self.flow["src"], self.flow["sport"]), (self.flow["outside_src"], self.flow["outside_sport"])}
        n = 0
        for one in reversed(self.journeys):
            if (one["src"], one["sport"]) not in starts:
                break
            n += 1
        return n

    def failing(self) -> Failing:
        return Failing(
            self.flow_id, label_of(self.flow), self.who, outside_of(self.flow), self.flow["first_ns"],
            int(self.flow["n_packets"]) + int(self.flow["n_packets_back"]),
        )  # fmt: skip


def hurt_conversations(case: Case) -> list[Hurt]:
    """Those without an answer, or with a packet that did not arrive; the first `HURT_MAX`."""
    chosen = case.chosen()
    return [conversation(case, row) for row in case.ask(_HURT, chosen, chosen)]


def conversation(case: Case, flow: Row) -> Hurt:
    """A row of `flows` with its journeys and the names of its ends."""
    ends = case.names.owner(flow["src"]), case.names.owner(flow["outside_dst"]) or case.names.owner(flow["dst"])
    who = f"{ends[0] or flow['src']} → {ends[1] or flow['dst']}" if any(ends) else ""
    return Hurt(flow, case.ask(_JOURNEYS, int(flow["flow_id"])), who)


def is_to_many(address: object) -> bool:
    """Whether an address is that of a broadcast or a group, as far as it shows without its prefix."""
    text = str(address or "").lower()
    if text in ("255.255.255.255", "ff:ff:ff:ff:ff:ff"):
        return True
    if ":" in text:
        return text.startswith("ff")
    first = text.partition(".")[0]
    return text.endswith(".255") or (first.isdigit() and 224 <= int(first) <= 239)


def label_of(flow: Row) -> str:
    """`TCP 172.20.1.5:49200 → 10.0.0.10:80`."""
    return f"{flow['protocol']} {_end(flow['src'], flow['sport'])} → {_end(flow['dst'], flow['dport'])}"


def outside_of(flow: Row) -> str:
    """The same conversation as the other side of its NAT sees it; empty without a NAT."""
    if flow["outside_src"] is None and flow["outside_dst"] is None:
        return ""
    source = _end(flow["outside_src"] or flow["src"], flow["outside_sport"] or flow["sport"])
    target = _end(flow["outside_dst"] or flow["dst"], flow["outside_dport"] or flow["dport"])
    return f"{source} → {target}"


def _end(address: object, port: object) -> str:
    return end_text(address, port) or "?"
