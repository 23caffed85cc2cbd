"""Packets that are answered from where their way ends were not lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from by_hand import DB, HOST, SWITCH, UPLINK, WEB, Host, Nic, recording
from command_line import done
from stitched import rows_at
from wnv_lab import frames
from wnv_lab.events import vmswitch

Row = dict[str, Any]  # Any: the columns are of many types
SYN, RST_ACK = 2, 0x14
ECHO_REQUEST, UNREACHABLE = 8, 3


def written(path: Path, question: bytes, answer: bytes, *, after_us: float = 20, has_answer: bool = True) -> list[Row]:
    """Journeys of a recording where the switch takes a packet in, and then gives another to who sent it."""
    with recording(path) as host:
        others(host)
        host.nbl(1000, 56, WEB, 0x5000)
        host.port(1001, WEB, question)
        if has_answer:
            host.port(1000 + after_us, HOST, answer, [WEB])
            host.nbl(1001 + after_us, 58, WEB, 0x6000)
        others(host, 900_000)
    return rows_at(path)["journeys"]


def others(host: Host, at_us: float = 100) -> None:
    """Packets that go through the switch as they should."""
    for number in range(4):
        body = frames.echo(False, 1, number)
        host.through(at_us + 20 * number, WEB, DB, WEB.to(DB, 1, body, 100 + number), 0x1000 + number)
        host.through(at_us + 10 + 20 * number, DB, WEB, DB.to(WEB, 1, frames.echo(True, 1, number), number), 0x2000)


def segment(source: Nic, target: Nic, ports: tuple[int, int], seq: int, ack: int, flags: int) -> bytes:
    return source.to(target, 6, frames.tcp(source.address, target.address, *ports, seq, ack, flags), seq & 0xFFF)


ARP = WEB.arp(1, HOST, is_broadcast=True), HOST.arp(2, WEB)
ECHO = WEB.to(HOST, 1, frames.echo(False, 9, 1)), HOST.to(WEB, 1, frames.echo(True, 9, 1), 8)
REJECTED = (
    segment(WEB, HOST, (50000, 22), 100, 0, SYN), segment(HOST, WEB, (22, 50000), 0, 101, RST_ACK),
)  # fmt: skip
DATAGRAM = WEB.to(HOST, 17, frames.udp(WEB.address, HOST.address, 50000, 9, b"hello"), 33)
CLOSED = DATAGRAM, HOST.to(WEB, 1, frames.icmp(UNREACHABLE, 3, 0, DATAGRAM[14:42]), 8)
NAME = frames.dns_query(77, "www.example")
RESOLVED = (
    WEB.to(HOST, 17, frames.udp(WEB.address, HOST.address, 50001, 53, NAME), 34),
    HOST.to(WEB, 17, frames.udp(HOST.address, WEB.address, 53, 50001, frames.dns_answer(NAME, bytes(4))), 9),
)  # fmt: skip


def ended(rows: list[Row]) -> Row:
    """The journey of the question: the only one that the switch took in and did not route."""
    (found,) = [row for row in rows if row["n_hops"] == 1 and row["outcome"] != "delivered"]
    return found


@pytest.mark.parametrize(
    ("pair", "word"),
    [
        (ARP, "ARP reply"), (ECHO, "ICMP echo reply"), (REJECTED, "TCP reset"), (CLOSED, "ICMP error"),
        (RESOLVED, "UDP reply"),
    ],
)  # fmt: skip
def test_what_is_answered_from_inside_the_switch_was_answered(
    pair: tuple[bytes, bytes], word: str, tmp_path: Path
) -> None:
    rows = written(tmp_path / "one.etl", *pair)
    question = ended(rows)
    (answer,) = [row for row in rows if row["journey_id"] == question["answer_id"]]
    assert (question["outcome"], question["reason"]) == ("answered", f"answered from there: {word}")
    assert question["confidence"] <= 0.9
    assert (answer["outcome"], answer["dst"], answer["first_ns"]) == (
        "delivered", "172.20.1.5", question["first_ns"] + 20_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        HOST.to(WEB, 1, frames.echo(True, 9, 2), 8),  # another sequence number
        HOST.to(WEB, 1, frames.echo(False, 9, 1), 8),  # asks itself
        DB.to(WEB, 1, frames.echo(True, 9, 1), 8),  # somebody else
    ],
)
def test_what_does_not_answer_it_is_no_answer(answer: bytes, tmp_path: Path) -> None:
    question = ended(written(tmp_path / "one.etl", ECHO[0], answer))
    assert question["answer_id"] is None
    assert question["outcome"] != "answered"


def test_an_answer_that_comes_too_late_is_none(tmp_path: Path) -> None:
    rows = written(tmp_path / "one.etl", *ECHO, after_us=1_500_000)
    assert all(row["outcome"] != "answered" for row in rows)


def test_without_an_answer_it_is_as_it_was(tmp_path: Path) -> None:
    question = ended(written(tmp_path / "one.etl", *ECHO, has_answer=False))
    assert question["outcome"] in ("unknown", "vanished")


def test_a_question_asked_again_is_answered_once_and_the_first_was_lost(tmp_path: Path) -> None:
    path = tmp_path / "again.etl"
    with recording(path) as host:
        others(host)
        for at_us, nbl in ((1000, 0x5000), (300_000, 0x5100)):
            host.nbl(at_us, 56, WEB, nbl)
            host.port(at_us + 1, WEB, segment(WEB, HOST, (50000, 22), 100, 0, SYN) if nbl == 0x5000 else
                      WEB.to(HOST, 6, frames.tcp(WEB.address, HOST.address, 50000, 22, 100, 0, SYN), 999))  # fmt: skip
        host.port(300_020, HOST, REJECTED[1], [WEB])
        host.nbl(300_021, 58, WEB, 0x6000)
        others(host, 900_000)
    asked = [row for row in rows_at(path)["journeys"] if row["dport"] == 22]
    assert [row["answer_id"] is not None for row in asked] == [False, True]
    assert [row["outcome"] == "answered" for row in asked] == [False, True]


def test_an_answer_is_found_wherever_a_packet_went() -> None:
    """Also of what was delivered: question and answer are told of each other."""
    from stitched import rows_of

    rows = {row["journey_id"]: row for row in rows_of("nat-web", "journeys")}
    asked = [row for row in rows.values() if row["answer_id"] is not None]
    assert {row["protocol"] for row in asked} >= {"ARP", "TCP", "UDP"}
    for row in asked:
        answer = rows[row["answer_id"]]
        assert answer["first_ns"] >= row["last_ns"]
        assert (answer["src"], answer["dst"]) == (row["dst_last"], row["src_last"])


def test_a_lost_answer_accuses_nobody_and_what_was_answered_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "one.etl"
    written(path, *REJECTED)
    flows = rows_at(path)["flows"]
    assert sum(row["n_lost"] for row in flows) == 0
    assert "answered by journey" in done("follow", path, "-Y", 'outcome == "answered"').out
    assert "answered" in done("journeys", path, "-Y", 'outcome == "answered"').out


def test_a_drop_stays_one_where_a_reset_is_sent_from_there(tmp_path: Path) -> None:
    path = tmp_path / "rejected.etl"
    with recording(path) as host:
        others(host)
        host.nbl(1000, 56, WEB, 0x5000)
        host.port(1001, WEB, REJECTED[0])
        payload = vmswitch.nic_drop(nic=WEB.named, switch=SWITCH, drop_reason=8, status=0xC0000022)
        host.event(1002, vmswitch.KIND_54, payload)
        host.port(1020, HOST, REJECTED[1], [WEB])
        host.nbl(1021, 58, WEB, 0x6000)
        others(host, 900_000)
    (asked,) = [row for row in rows_at(path)["journeys"] if row["dport"] == 22]
    assert (asked["outcome"], asked["drop_reason"]) == ("dropped", "filtered")
    assert asked["reason"] == "rejected from there: TCP reset"


def test_a_router_that_sends_an_error_answered(tmp_path: Path) -> None:
    """The host's stack took the packet, and tells its sender that it goes no further."""
    path = tmp_path / "router.etl"
    outside = bytes([8, 8, 8, 8])
    packet = frames.ipv4(UPLINK.address, outside, 17, frames.udp(UPLINK.address, outside, 5000, 9, b"hello"), ident=3)
    error = frames.ipv4(HOST.address, UPLINK.address, 1, frames.icmp(11, 0, 0, packet[:28]), ident=4)
    with recording(path) as host:
        for number in range(4):
            at_us = 100 + number * 100
            host.nic(at_us, UPLINK, frames.ethernet(HOST.mac, UPLINK.mac, frames.IPV4, packet), is_send=False)
            if number == 0:
                host.nic(at_us + 10, UPLINK, frames.ethernet(UPLINK.mac, HOST.mac, frames.IPV4, error), is_send=True)
    rows = rows_at(path)["journeys"]
    assert (rows[0]["outcome"], rows[0]["reason"]) == ("answered", "answered from there: ICMP error")
    assert (rows[0]["confidence"], rows[0]["answer_id"]) == (0.8, rows[1]["journey_id"])
    assert rows[1]["outcome"] == "left_host"
