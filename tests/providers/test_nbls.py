"""Which NBL an event is about."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import done
from conversion import at, record
from etl_writer import event_header
from lab_worlds import ran

TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
NBL = 0xFFFF_A101_2345_6780


def test_every_passage_of_a_switch_names_its_nbl_and_a_filter_finds_it() -> None:
    recording = ran("nat-web").recordings[0]
    query = "SELECT nbl_addr::VARCHAR AS nbl, count(*) AS n FROM events WHERE event_id IN (56, 57, 58) GROUP BY 1"
    found = {row["nbl"]: row["n"] for row in json.loads(done("sql", recording, query, "--format", "json").out)}
    assert None not in found
    nbl, n = next(iter(found.items()))
    shown = done("events", recording, "-Y", f"nbl == {int(nbl):#x}", "--format", "jsonl").lines
    assert len([line for line in shown if line]) == n
    assert all(f"{int(nbl):x}" in line.lower() or nbl in line for line in shown)


def test_events_that_name_no_nbl_have_none() -> None:
    query = "SELECT count(*) AS n FROM events WHERE nbl_addr IS NOT NULL AND event_id NOT IN (56, 57, 58)"
    assert json.loads(done("sql", ran("nat-web").recordings[0], query, "--format", "json").out) == [{"n": 0}]


def test_events_of_tcpip_state_it_first_and_a_drop_last_and_what_is_cut_states_none(tmp_path: Path) -> None:
    address = NBL.to_bytes(8, "little")
    payloads = [(1205, 0, address + bytes(40)), (1215, 2, bytes(68) + address), (1215, 1, bytes(76)), (1205, 0, b"cut")]
    recording = record(tmp_path, [
        event_header(provider=TCPIP, id=event_id, version=version, ticks=at(k), cpu=0, payload=payload)
        for k, (event_id, version, payload) in enumerate(payloads)
    ])  # fmt: skip
    rows = [json.loads(line) for line in done("events", recording, "--no-fields", "--format", "jsonl").out.splitlines()]
    assert [row["nbl_addr"] for row in rows if row["provider_guid"] == TCPIP] == [NBL, NBL, None, None]
