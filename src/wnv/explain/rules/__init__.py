"""The rules, one a file: each looks for one thing that goes wrong, and says what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding
from wnv.explain.rules import (
    between_hosts,
    dropped,
    names,
    nat_ports,
    not_published,
    refused,
    retransmitted,
    slow,
    unanswered,
    vanished,
)  # fmt: skip

Rule = Callable[[Case, Sequence[Hurt]], list[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    nat_ports.find, not_published.find, dropped.find, vanished.find, between_hosts.find, refused.find, unanswered.find,
    names.find, retransmitted.find, slow.find,
)  # fmt: skip
"""In the order in which they claim conversations: what a drop explains is not also "without an answer"."""
