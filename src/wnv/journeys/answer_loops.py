"""Compiled loops that find the answer to a packet (`answers` gives the numbers that tie them).

The table of questions is bounded: each has a few places, of which what comes later takes over the oldest.
"""

from __future__ import annotations

import numpy as np

from wnv.arrays import I64
from wnv.journeys import layout as c
from wnv.journeys.table_loops import of_host
from wnv.kernels import njit

_ARP = 0x10806
_ICMP, _TCP, _ICMPV6 = 1, 6, 58
_SYN, _RST = 2, 4
_SOON_NS = 1_000_000_000
_PLACES = 4


@njit
def _row(answers: I64, key: int) -> int:
    """The row of a number; where it has none, the one of its places that was asked for longest ago."""
    mixed: int = key ^ (key >> 23) ^ (key >> 41)
    first = mixed & (len(answers) - 1) & ~(_PLACES - 1)
    oldest = first
    for row in range(first, first + _PLACES):
        if answers[row, c.A_KEY] == key:
            return row
        if answers[row, c.A_ASKED_TS] < answers[oldest, c.A_ASKED_TS]:
            oldest = row
    return oldest


@njit
def _of_host(number: int, host: int) -> int:
    """A number as that of one host: others can have the same addresses. 0 stays."""
    return number if number == 0 else of_host(number, host)


@njit
def _kind_of(sights: I64, i: int) -> int:
    """Row of `answers.ANSWER_WORDS`."""
    protocol = sights[c.WHAT, i] >> 8
    if protocol == _ARP:
        return 1
    if protocol in (_ICMP, _ICMPV6):
        if (sights[c.FLAGS, i] & c.IS_REPLY_LIKE) != 0:
            return 4
        return 2 if sights[c.SEQ, i] >= 0 else 3
    if protocol == _TCP:
        flags = int(np.int64(sights[c.TCP_FLAGS, i]))
        return 5 if flags & _RST else 6 if flags & _SYN else 7
    return 8


@njit
def note_answers(sights: I64, i: int, journeys: I64, j: int, answers: I64) -> None:
    """Write down what the packet of a sighting asks, and that it answers what was asked."""
    ts, host = int(np.int64(sights[c.TS, i])), int(np.int64(sights[c.HOST, i]))
    number = _of_host(int(np.int64(sights[c.ASKS, i])), host)
    if number != 0 and number != journeys[j, c.J_ASKS]:
        journeys[j, c.J_ASKS] = number
        row = _row(answers, number)
        # Of copies of a question the one asked last before the answer has it.
        is_answered = (
            answers[row, c.A_KEY] == number
            and answers[row, c.A_ANSWER] != 0
            and answers[row, c.A_HOST] == host
            and ts - answers[row, c.A_ASKED_TS] <= _SOON_NS
        )
        if not is_answered:
            answers[row, c.A_KEY] = number
            answers[row, c.A_HOST] = host
            answers[row, c.A_ASKER] = journeys[j, c.J_ID]
            answers[row, c.A_ASKED_TS] = ts
            answers[row, c.A_ANSWER] = 0
    number = _of_host(int(np.int64(sights[c.ANSWERS, i])), host)
    if number == 0 or journeys[j, c.J_ANSWERS] != 0:
        return
    journeys[j, c.J_ANSWERS] = number
    row = _row(answers, number)
    kind = _kind_of(sights, i)
    if kind == 4:  # asks nothing of whom it quotes, and can be about any packet
        answers[row, c.A_KEY] = number
        answers[row, c.A_HOST] = host
        answers[row, c.A_ASKER] = 0
        answers[row, c.A_ASKED_TS] = journeys[j, c.J_FIRST_TS]
        answers[row, c.A_ANSWER] = 0
    is_asked = answers[row, c.A_KEY] == number and answers[row, c.A_HOST] == host
    if not is_asked or answers[row, c.A_ANSWER] != 0 or answers[row, c.A_ASKER] == journeys[j, c.J_ID]:
        return
    first = int(np.int64(journeys[j, c.J_FIRST_TS]))
    if 0 <= first - answers[row, c.A_ASKED_TS] <= _SOON_NS:
        answers[row, c.A_ANSWER] = journeys[j, c.J_ID]
        answers[row, c.A_TS] = first
        answers[row, c.A_PLACE] = journeys[j, c.J_FIRST_PLACE]
        answers[row, c.A_DIR] = journeys[j, c.J_FIRST_DIR]
        answers[row, c.A_KIND] = kind


@njit
def find_answer(journeys: I64, j: int, answers: I64) -> None:
    """Give a journey that ends the one that answered it, if any did."""
    number = int(np.int64(journeys[j, c.J_ASKS]))
    row = _row(answers, number)
    is_found = number != 0 and answers[row, c.A_KEY] == number and answers[row, c.A_ASKER] == journeys[j, c.J_ID]
    if not is_found and journeys[j, c.J_TUPLE] != 0:
        identification = (int(np.int64(journeys[j, c.J_IP_ID])) & 0xFFFF) + 1
        number = int(np.int64(journeys[j, c.J_TUPLE])) ^ identification * c.SPREAD ^ c.QUOTED
        number = _of_host(number, int(np.int64(journeys[j, c.J_HOST])))
        row = _row(answers, number)
        waited = int(np.int64(answers[row, c.A_TS])) - int(np.int64(journeys[j, c.J_LAST_TS]))
        is_found = answers[row, c.A_KEY] == number and answers[row, c.A_ASKER] == 0 and 0 <= waited <= _SOON_NS
    if not is_found or answers[row, c.A_ANSWER] == 0 or answers[row, c.A_HOST] != journeys[j, c.J_HOST]:
        return
    if answers[row, c.A_TS] < journeys[j, c.J_LAST_TS]:
        return  # it was still on its way
    journeys[j, c.J_ANSWER] = answers[row, c.A_ANSWER]
    journeys[j, c.J_ANSWER_KIND] = answers[row, c.A_KIND]
    journeys[j, c.J_ANSWER_PLACE] = answers[row, c.A_PLACE]
    journeys[j, c.J_ANSWER_DIR] = answers[row, c.A_DIR]
