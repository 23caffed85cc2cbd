"""How far journeys, NAT, drops and names are right, by the truth that the lab leaves beside a recording.

The two are tied event by event: the truth says of every event which packet it was logged for and at which hop, and
each hop of wnv names the events it rests on. No name of a point is compared to find out what belongs together.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import pyarrow.parquet as pq

from wnv.trace import Trace
from wnv_lab.capture.recording import PROVIDERS

Row: TypeAlias = Mapping[str, Any]  # Any: a value of a table
Key: TypeAlias = tuple[str, int, int, str, int]
"""Recording, time, processor, provider and id of an event: in the lab no two are alike."""

_SHORT: Final = {str(UUID(bytes_le=guid)): name for guid, name in PROVIDERS.items()}
_CORE: Final = {
    "vmswitch": frozenset({33, 36, 45, 54, 55, 56, 57, 58, 59, 60, 131, 240, 241, 242}),
    "winnat": frozenset({1009, 1030, 1034}), "wfp": frozenset({1001}),
}  # fmt: skip
"""Events that make a hop; all of the two captures do. Others may be evidence, and need not."""
BINS: Final = ("1.0", "0.9–1.0", "0.5–0.9", "< 0.5")
OPEN: Final = "unknown"
_OF_THE_END: Final = ("outcome", "last_ns", "last_point", "drop_reason", "drop_reason_code", "drop_location")
NAMES: Final = ("nic", "vswitch", "container", "vm", "compartment")


def bin_of(confidence: float) -> str:
    """The row of the calibration table."""
    return BINS[0] if confidence >= 0.9995 else BINS[1] if confidence >= 0.9 else BINS[3 if confidence < 0.5 else 2]


@dataclass(slots=True)
class Score:
    """Counts over one recording, or the sum over several."""

    counts: Counter[str] = field(default_factory=Counter)
    stated: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """What was stated: kind (outcome, link, drop, nat), bin of its confidence, whether it is right."""
    faults: list[str] = field(default_factory=list)
    """What is not as it was, in words; the first differing hop where a way differs."""

    def __iadd__(self, other: Score) -> Score:
        self.counts += other.counts
        self.stated += other.stated
        self.faults += other.faults
        return self

    def state(self, kind: str, confidence: float, is_right: bool) -> None:
        self.stated[kind, bin_of(confidence), is_right] += 1

    def right(self, kinds: Sequence[str], bins: Sequence[str]) -> tuple[int, int]:
        """Of what was stated: how many are right, and how many there are."""
        n = {ok: sum(self.stated[kind, one, ok] for kind in kinds for one in bins) for ok in (True, False)}
        return n[True], n[True] + n[False]

    @property
    def is_perfect(self) -> bool:
        return not self.faults


class Truth:
    """What really happened, as far as these recordings have events of it."""

    def __init__(self, folder: Path, recordings: Sequence[str], logged: Mapping[Key, int]) -> None:
        self.journeys: dict[int, Row] = {row["journey_id"]: row for row in _rows(folder, "journeys")}
        self.hops: dict[int, dict[int, Row]] = defaultdict(dict)
        for row in _rows(folder, "hops"):
            self.hops[row["journey_id"]][row["seq"]] = row
        part_of = self._join_hosts(folder, recordings) if len(recordings) > 1 else {}
        together: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for journey, hops in self.hops.items():
            for seq, hop in hops.items():
                together[hop["nbl"], seq, hop["ts_ns"]].append(journey)
        self.meant: dict[int, tuple[tuple[int, ...], int | None]] = {}
        """By row in `events`: the packets it was logged for (those of one NBL share its events), and their hop."""
        expected: dict[int, set[int]] = defaultdict(set)
        for row in _rows(folder, "sightings"):
            event_row = logged.get((row["recording"], row["ts_ns"], row["cpu"], row["provider"], row["event_id"]))
            if event_row is None:
                continue
            journey, seq = int(row["journey_id"]), row["hop_seq"]
            if journey in part_of:
                journey, before = part_of[journey]
                if seq is not None:
                    seq += before
            owners: tuple[int, ...] = (journey,)
            known = self.hops[journey].get(seq)
            if known is not None and row["frame_crc32"] is None:
                owners = tuple(together[known["nbl"], seq, known["ts_ns"]])
            self.meant[event_row] = owners, seq
            if seq is not None and row["event_id"] in _CORE.get(row["provider"], (row["event_id"],)):
                for owner in owners:
                    expected[owner].add(seq)
        self.expected = {journey: self.in_order(journey, seqs) for journey, seqs in expected.items()}
        """By packet, the hops that the recording has events of."""
        self.sessions = _rows(folder, "nat")

    def _join_hosts(self, folder: Path, recordings: Sequence[str]) -> dict[int, tuple[int, int]]:
        """Make one packet of what left one host and came to another; the truth has a journey for each host.

        Returns, for each journey that was joined, the one it is part of, and how many hops that had before.
        """
        said = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        skew = {row["host"]: row["skew_ns"] for row in said["hosts"]}
        hosts = {row["host"] for row in said["recordings"] if row["file"] in recordings}
        if len(hosts) < 2:
            return {}
        ends = [
            (hop["ts_ns"] - skew[hop["host"]], is_first, journey)
            for journey, hops in self.hops.items() if hops
            for is_first, hop in ((True, hops[min(hops)]), (False, hops[max(hops)]))
            if hop["host"] in hosts and hop["kind"] == "physical_nic"
            and hop["direction"] == ("in" if is_first else "out")
        ]  # fmt: skip
        under_way: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        whole: dict[int, int] = {}
        part_of: dict[int, tuple[int, int]] = {}
        for _, is_first, journey in sorted(ends):
            hops = self.hops[journey]
            frame = _frame(hops[min(hops) if is_first else max(hops)])
            if not is_first:
                under_way[frame].append(whole.get(journey, journey))
            elif under_way[frame]:
                # Packets of one flow keep their order on the lab's wire.
                sender = under_way[frame].pop(0)
                before = max(self.hops[sender]) + 1
                part_of[journey], whole[journey] = (sender, before), sender
                self.hops[sender] |= {seq + before: {**hop, "seq": seq + before} for seq, hop in hops.items()}
                last = {name: self.journeys[journey][name] for name in _OF_THE_END}
                self.journeys[sender] = {**self.journeys[sender], **last}
        for journey in part_of:
            del self.hops[journey], self.journeys[journey]
        return part_of

    def in_order(self, journey: int, seqs: Iterable[int]) -> list[int]:
        """Hops in order of time, copies of a packet one after the other."""
        hops = self.hops[journey]
        return sorted(set(seqs), key=lambda seq: (hops[seq]["branch"], seq))

    def is_in_order(self, journey: int, seqs: Sequence[int]) -> bool:
        """Whether no hop stands before one that led to it; copies of a packet may go on side by side."""
        branches: dict[int, list[int]] = defaultdict(list)
        for seq in seqs:
            branches[self.hops[journey][seq]["branch"]].append(seq)
        return all(one == sorted(set(one)) for one in branches.values())

    def crossings(self, journey: int) -> list[tuple[set[int], set[int]]]:
        """For each hop that gave the packet another address or port: the hops before it and those after it."""
        hops = [hop for _, hop in sorted(self.hops[journey].items()) if hop["protocol"] != "arp"]
        found = []
        for before, after in pairwise(hops):
            if _ends(before) != _ends(after) and before["branch"] == after["branch"]:
                found.append((
                    {hop["seq"] for hop in hops if hop["seq"] < after["seq"]},
                    {hop["seq"] for hop in hops if hop["seq"] > after["seq"] or after["event"] != "translated"},
                ))  # fmt: skip
        return [(before, after - before) for before, after in found]


@dataclass(frozen=True, slots=True)
class Told:
    """What wnv says of a recording: rows of its tables."""

    events: Sequence[Row]
    journeys: Sequence[Row]
    hops: Sequence[Row]
    drops: Sequence[Row]
    sessions: Sequence[Row]


def told_by(trace: Trace) -> Told:
    """The tables of an open recording."""
    columns = ["event_row", "session_id", "ts_ns", "cpu", "provider_guid", "event_id"]
    files = [Path(str(one.row["source"])).name for one in trace.overview.sessions]
    events = trace.dataset("events").to_table(columns=columns).to_pylist()
    tables = (trace.table(name).to_pylist() for name in ("journeys", "hops", "drops", "nat_sessions"))
    return Told([{**row, "recording": files[row["session_id"]]} for row in events], *tables)


def score_recording(told: Told, truth_folder: Path, *recordings: str, has_names: bool = True) -> Score:
    """Compare what is told of recordings, read together, with what happened; `recordings` are the names of their files.

    `has_names`: whether names can be known at all; most stand in an inventory alone.
    """
    logged = {
        (
            row.get("recording", recordings[0]),
            row["ts_ns"],
            row["cpu"],
            _SHORT[row["provider_guid"]],
            row["event_id"],
        ): row["event_row"]
        for row in told.events
        if row["provider_guid"] in _SHORT
    }
    truth = Truth(truth_folder, recordings, logged)
    hops: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(told.hops, key=lambda row: (row["journey_id"], row["seq"])):
        hops[row["journey_id"]].append(row)
    score = Score()
    ways = {row["journey_id"]: _Way(truth, row, hops[row["journey_id"]]) for row in told.journeys}
    for number, way in sorted(ways.items()):
        _score_way(score, truth, number, way, has_names=has_names)
    _score_packets(score, truth, ways)
    _score_drops(score, truth, ways, told.drops)
    _score_sessions(score, truth, told.sessions)
    return score


def score_clocks(told: Sequence[Row], truth_folder: Path) -> Score:
    """Compare the estimated clocks of hosts, by session, with how far they really were apart."""
    said = json.loads((truth_folder / "truth.json").read_text(encoding="utf-8"))
    skew = {row["host"]: row["skew_ns"] for row in said["hosts"]}
    score = Score()
    for row in told:
        if row["host"] not in skew or row["session_id"] == 0 or len(skew) < 2:
            continue
        if row["offset_ns"] is None:
            score.counts["clocks unknown"] += 1
            score.faults.append(f"the clock of {row['host']} is not known: {row['reason']}")
            continue
        off = abs(row["offset_ns"] - (skew[row["host"]] - skew[told[0]["host"]]))
        is_right = row["error_ns"] is not None and off <= row["error_ns"]
        score.counts["clocks right" if is_right else "clocks wrong"] += 1
        if not is_right:
            score.faults.append(f"the clock of {row['host']} is off by {off} ns, stated are {row['error_ns']} ns")
    return score


class _Way:
    """A journey of wnv, and whose events it is made of."""

    def __init__(self, truth: Truth, journey: Row, hops: Sequence[Row]) -> None:
        self.journey, self.hops = journey, hops
        found = [[truth.meant[row] for row in hop["evidence"] if row in truth.meant] for hop in hops]
        self.owners = [{one for owners, _ in events for one in owners} for events in found]
        votes = Counter(one for owners in self.owners for one in owners)
        self.packet = max(votes, key=lambda one: (votes[one], -one)) if votes else None
        """The packet that most of it is about."""
        self.steps = [
            truth.in_order(self.packet, {seq for owners, seq in events if self.packet in owners and seq is not None})
            if self.packet is not None else []
            for events in found
        ]  # fmt: skip
        """For each hop the hops of the truth that it stands for."""
        self.is_mixed = any(owners and self.packet not in owners for owners in self.owners)

    @property
    def seqs(self) -> list[int]:
        """The way by the numbers of the truth, each once where it stands several times in a row."""
        whole = [seq for step in self.steps for seq in step]
        return [seq for place, seq in enumerate(whole) if place == 0 or whole[place - 1] != seq]


def _score_way(score: Score, truth: Truth, number: int, way: _Way, *, has_names: bool) -> None:
    """Links, names, addresses and the outcome of one journey of wnv."""
    counts, journey = score.counts, way.journey
    counts["journeys"] += 1
    for place, (hop, owners) in enumerate(zip(way.hops, way.owners, strict=True)):
        counts["hops"] += 1
        if not owners:
            counts["invented hops"] += 1
            score.faults.append(f"journey {number} hop {hop['seq']} at {hop['point']}: its events are of no packet")
        if place:
            is_right = bool(owners & way.owners[place - 1])
            score.state("link", hop["confidence"], is_right)
            if not is_right and owners:
                score.faults.append(
                    f"journey {number} hop {hop['seq']} at {hop['point']} (confidence {hop['confidence']:.2f}, "
                    f"{hop['reason'] or 'no reason'}) is of packet {sorted(owners)[:3]}, the hop before of "
                    f"{sorted(way.owners[place - 1])[:3]}"
                )
        if way.packet is not None and way.steps[place]:
            was_hop = truth.hops[way.packet][way.steps[place][-1]]
            _score_hop(score, number, hop, was_hop, NAMES if has_names else ())
    if way.packet is None:
        return
    outcome, was = journey["outcome"], truth.journeys[way.packet]["outcome"]
    is_right = outcome == was or (outcome == "answered" and was == "delivered")
    if outcome != OPEN:
        score.state("outcome", journey["confidence"], is_right)
    if outcome == "vanished" and not is_right:
        counts["false vanished"] += 1
    if not is_right and outcome != OPEN:
        score.faults.append(
            f"journey {number} ({_told(journey)}) {outcome} at {journey['last_point']} with confidence "
            f"{journey['confidence']:.2f}; packet {way.packet} was {was} at {truth.journeys[way.packet]['last_point']}"
        )


def _score_hop(score: Score, number: int, hop: Row, was: Row, names: Sequence[str]) -> None:
    """Names of the place and addresses there."""
    for name in names:
        # The truth's names of NICs inside VMs are the lab's own: no event and no inventory has them.
        if was[name] is not None and not (name == "nic" and str(was[name]).endswith(" NIC")):
            outcome = "right" if _same_name(hop[name], was[name]) else "missing" if hop[name] is None else "wrong"
            score.counts[f"name {outcome}"] += 1
            if outcome == "wrong":
                score.faults.append(
                    f"journey {number} hop {hop['seq']} at {hop['point']}: {name} {hop[name]}, was {was[name]}"
                )
    if was["protocol"] not in ("tcp", "udp") or hop["src"] is None:
        return
    got, want = _ends(hop), _ends(was)
    if all(one in (None, other) for one, other in zip(got, want, strict=True)):
        score.counts["tuple right"] += 1
    else:
        score.counts["tuple wrong"] += 1
        score.faults.append(f"journey {number} hop {hop['seq']} at {hop['point']}: {got}, was {want}")


def _score_packets(score: Score, truth: Truth, ways: Mapping[int, _Way]) -> None:
    """Each packet of the truth: is it one journey, with all its hops, and how does that end?"""
    of_packet: dict[int, list[tuple[int, _Way]]] = defaultdict(list)
    for number, way in sorted(ways.items()):
        if way.packet is not None:
            of_packet[way.packet].append((number, way))
    counts = score.counts
    for packet, expected in sorted(truth.expected.items()):
        mine, was = of_packet[packet], truth.journeys[packet]
        counts["packets"] += 1
        fault = _way_fault(truth, packet, expected, mine)
        counts["sequences right"] += not fault
        if fault:
            score.faults.append(f"packet {packet} ({_told(was)}): {fault}")
        outcomes = {way.journey["outcome"] for _, way in mine if expected[-1] in way.seqs}
        meant = {was["outcome"], "answered"} if was["outcome"] == "delivered" else {was["outcome"]}
        wrong = {way.journey["outcome"] for _, way in mine} - meant - {OPEN}
        is_right = bool(outcomes & meant)
        counts["outcomes wrong" if wrong else "outcomes right" if is_right else "outcomes open"] += 1
        if not wrong and not is_right:
            last = next((way.journey for _, way in mine if expected[-1] in way.seqs), None)
            said = f"{last['reason']} at {last['last_point']}" if last is not None else "no journey has its last hop"
            score.faults.append(f"packet {packet} ({_told(was)}): outcome open, was {was['outcome']}; {said}")
        for before, after in truth.crossings(packet):
            if not before & set(expected) or not after & set(expected):
                continue
            joined = [way for _, way in mine if before & set(way.seqs) and after & set(way.seqs)]
            state = "missing" if not joined else "wrong" if all(way.is_mixed for way in joined) else "right"
            counts[f"nat joins {state}"] += 1


def _way_fault(truth: Truth, packet: int, expected: list[int], mine: Sequence[tuple[int, _Way]]) -> str:
    """What is not right about a packet's way; empty if all is."""
    if not mine:
        return f"no journey; expected hops {expected}"
    if len(mine) > 1:
        parts = "; ".join(f"journey {number} has {way.seqs}" for number, way in mine)
        return f"in {len(mine)} journeys: {parts}, expected {expected}; {_at(truth, packet, mine[1][1].seqs[:1])}"
    number, way = mine[0]
    if way.is_mixed:
        return f"journey {number} has hops of other packets"
    if not truth.is_in_order(packet, way.seqs):
        return f"journey {number} has the order {way.seqs}, expected {expected}"
    missing = [seq for seq in expected if seq not in way.seqs]
    if missing:
        return f"journey {number} lacks hop {missing}, has {way.seqs}; {_at(truth, packet, missing[:1])}"
    return ""


def _at(truth: Truth, packet: int, seqs: Sequence[int]) -> str:
    return "; ".join(
        f"hop {seq} is {hop['event']} {hop['direction']} at {hop['point']}, ns {hop['ts_ns']}"
        for seq in seqs for hop in (truth.hops[packet][seq],)
    )  # fmt: skip


def _score_drops(score: Score, truth: Truth, ways: Mapping[int, _Way], drops: Sequence[Row]) -> None:
    told: dict[int, list[Row]] = defaultdict(list)
    for drop in drops:
        meant = [truth.meant[row] for row in drop["evidence"] if row in truth.meant]
        dropped = {
            packet for owners, seq in meant if seq is not None
            for packet in owners if truth.hops[packet][seq]["drop_reason"] is not None
        }  # fmt: skip
        if not dropped:
            score.counts["invented drops"] += 1
            score.faults.append(f"drop {drop['drop_id']} {drop['drop_reason']} at {drop['point']}: there was none")
        way = ways.get(drop["journey_id"])
        is_tied = way is not None and way.packet in dropped
        if drop["journey_id"] is not None:
            score.state("drop", drop["confidence"], is_tied)
        for packet in dropped:
            told[packet].append({**drop, "is_tied": is_tied})
    for packet, expected in sorted(truth.expected.items()):
        for seq in expected:
            hop = truth.hops[packet][seq]
            if hop["drop_reason"] is None:
                continue
            mine = told[packet]
            if len(mine) > 1:
                score.counts["invented drops"] += 1
                score.faults.append(f"packet {packet} was dropped once, and has {len(mine)} drops")
            reasons = {one["drop_reason"] for one in mine}
            if not mine or not mine[0]["is_tied"]:
                score.counts["drops missing"] += 1
                why = "not tied to its journey" if mine else "not told"
                score.faults.append(f"packet {packet}: drop {hop['drop_reason']} at {hop['point']} is {why}")
            elif hop["drop_reason"] not in reasons:
                score.counts["drop reasons other"] += 1
                score.counts["drops right"] += 1
                score.faults.append(f"packet {packet}: dropped because {hop['drop_reason']}, told is {sorted(reasons)}")
            else:
                score.counts["drops right"] += 1


def _score_sessions(score: Score, truth: Truth, sessions: Sequence[Row]) -> None:
    was = {_session(row) for row in truth.sessions if _is_seen(truth, row)}
    known = {_session(row) for row in truth.sessions}
    got = {_session(row): row for row in sessions if row["kind"] != "mapping" or row["outside_sport"] is not None}
    for key, row in got.items():
        is_right = key in known
        score.state("nat", row["confidence"], is_right)
        if not is_right:
            score.counts["nat sessions wrong"] += 1
            score.faults.append(f"nat {row['nat_id']} ({row['reason'] or 'stated'}): {key}, which there was not")
    score.counts["nat sessions right"] += len(was & set(got))
    score.counts["nat sessions missing"] += len(was - set(got))
    score.faults += [f"NAT session {key} is not told" for key in sorted(was - set(got), key=str)]


def _is_seen(truth: Truth, session: Row) -> bool:
    """Whether the recording has a packet of it on both sides."""
    inside = {_ends(session, "inside_"), _back(_ends(session, "inside_"))}
    return any(
        any(_ends(truth.hops[packet][seq]) in inside for seq in expected)
        and any(_ends(truth.hops[packet][seq]) not in inside for seq in expected)
        for packet, expected in truth.expected.items()
    )


def _session(row: Row) -> tuple[Any, ...]:
    ports = (lambda _: None) if str(row["protocol"]).lower().startswith("icmp") else (lambda port: port)
    return (
        str(row["protocol"]).lower(),
        *(
            value for side in ("inside", "outside")
            for value in (
                row[f"{side}_src"], ports(row[f"{side}_sport"]), row[f"{side}_dst"], ports(row[f"{side}_dport"])
            )
        ),
    )  # fmt: skip


def _frame(hop: Row) -> tuple[Any, ...]:
    """What no wire changes of a packet."""
    names = ("eth_src", "eth_dst", "protocol", "src", "sport", "dst", "dport", "outer_src", "outer_dst", "vni")
    return tuple(hop[name] for name in names)


def _ends(row: Row, prefix: str = "") -> tuple[Any, Any, Any, Any]:
    src, sport, dst, dport = (row[f"{prefix}{name}"] for name in ("src", "sport", "dst", "dport"))
    return src, sport, dst, dport


def _back(ends: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
    return ends[2], ends[3], ends[0], ends[1]


def _same_name(got: Any, was: Any) -> bool:
    return str(got).lower() == str(was).lower()


def _told(row: Row) -> str:
    ends = [f"{row[name]}" + (f":{row[port]}" if row[port] is not None else "")
            for name, port in (("src", "sport"), ("dst", "dport"))]  # fmt: skip
    return f"{row['protocol']} {ends[0]} → {ends[1]}"


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / f"{name}.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else []
