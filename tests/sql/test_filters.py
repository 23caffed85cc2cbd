from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

import payloads as make
import wnv
from display_filters import selected_by_tshark
from dissection import write_frames
from frame_tables import FIRST_NS, filled, tables_of
from payloads import Tcp, Udp
from random_frames import FrameMaker
from wnv.packets.points import LINK_NAMES
from wnv.providers import registry
from wnv.schema import DROPS, EVENTS, FLOWS, HOPS, JOURNEYS, NAT_SESSIONS, SESSION
from wnv.sql.engine import connect
from wnv.sql.expression import FilterError
from wnv.sql.fields import ROOTS, Field, Type, fields
from wnv.sql.filters import compile_filter
from wnv.store.arrow import arrow_schema

OURS = ("nvgre.vsid", "vni", "protocol", "info")
"""Fields of frames that tshark does not know."""
WHOLE_STREAMS = ("tls", "tls.record.content_type", "tls.handshake.type", "tls.handshake.extensions_server_name")
"""Those that tshark does not show of segments it takes for repeated, whatever is set."""


class Rows:
    """Tables that are asked by filters."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self.tables = tables
        self.connection = connect(tables)

    def select(self, expression: str, table: str = "observations") -> list[int]:
        """Numbers of the rows that fit."""
        condition = compile_filter(expression, table, tables=self.tables)
        query = f"SELECT {self.tables[table].column_names[0]} FROM {table} WHERE {condition.sql} ORDER BY 1"
        return [row for (row,) in self.connection.execute(query, condition.values).fetchall()]


def refused(expression: str, table: str = "observations", tables: Mapping[str, object] | None = None) -> FilterError:
    with pytest.raises(FilterError) as caught:
        compile_filter(expression, table, tables=tables)
    return caught.value


# --- as tshark ----------------------------------------------------------------------------------------


def without_quotes(frames: list[bytes]) -> list[bytes]:
    """Without ICMP errors: tshark finds further headers in what they quote, which wnv does not look into."""
    rows = tables_of(frames)["frames"].to_pylist()
    types = [[(row[f"{layer}icmp_type"], row[f"{layer}icmpv6_type"]) for layer in ("", "inner_")] for row in rows]
    quotes = [any(v4 in (3, 4, 5, 11, 12) or (v6 is not None and v6 < 128) for v4, v6 in row) for row in types]
    return [frame for frame, is_quoting in zip(frames, quotes, strict=True) if not is_quoting]


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    maker = FrameMaker(7)
    made = [maker.ethernet() for _ in range(250)] + [maker.message() for _ in range(100)]
    some = make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Tcp(1234, 80, b"x")))
    return [*without_quotes(made), some[:40], some[:20], b"\xff" * 14]


@pytest.fixture(scope="module")
def rows(frames: list[bytes]) -> Rows:
    return Rows(tables_of(frames))


def agree(tshark: Path, folder: Path, frames: list[bytes], rows: Rows, expressions: list[str]) -> None:
    """Both select the same frames, or both refuse."""
    write_frames(folder / "filtered.pcapng", [(frame, len(frame)) for frame in frames], 1)
    found = selected_by_tshark(tshark, folder, folder / "filtered.pcapng", expressions)
    for expression, theirs in zip(expressions, found, strict=True):
        try:
            ours: list[int] | str = rows.select(expression)
        except FilterError as error:
            ours = str(error)
        if isinstance(ours, list) or isinstance(theirs, list):
            assert (expression, ours) == (expression, theirs)


WRITTEN = """\
ip
ip.addr == 10.0.0.1
ip.addr = 10.0.0.1
ip.addr != 10.0.0.1
ip.addr ~= 10.0.0.1
ip.addr !== 10.0.0.1
ip.addr === 10.0.0.1
any ip.addr != 10.0.0.1
all ip.addr == 10.0.0.1
all ip.addr > 10.0.0.1
!(ip.addr == 10.0.0.1)
!ip.addr == 10.0.0.1
ip.addr in {10.0.0.0/30, 192.168.7.255}
ip.addr in {10.0.0.1 .. 10.0.0.9}
ip.src == 10.1.2.3/8
ip.src != 10.0.0.0/8
ip.src > 10.0.0.1
ip.src <= 172.16.0.0/12
ip.src == ip.dst
ip.src ~= ip.dst
ip.src != ip.dst
ip.src == 10.0/8
ip.src == fe80::1
ip.src matches "10"
ipv6.addr == fe80::/10
ipv6.addr == ::ffff:10.0.0.1
ipv6.addr >= fe80::1
ipv6.dst < fe80::2
tcp.port in {80, 443, 40000..50000}
tcp.port in {90..80}
tcp.port in {80 443}
tcp.port in {}
tcp.port not in {80}
tcp.port == 70000
tcp.port == 0x50
tcp.port == 'P'
tcp.port == 80.5
tcp.port == http
tcp.srcport == tcp.dstport
tcp and udp or arp
arp or tcp and udp
not tcp and not udp
tcp && !(tcp.flags.syn == 1 || tcp.flags.reset == 1)
tcp.flags & 0x12 == 2
tcp.flags & 6
tcp.flags.syn == True
tcp.flags.syn == 2
tcp.flags.syn
eth.src[0:3] == 02:00:00
eth.src[3-5] == 00:00:0a
eth.addr[-1] == 0a
eth.addr[:2] == 01:80
eth.src contains 00:0a
eth.src == 02-00-00-00-00-0A
eth.src == 0200.0000.000a
eth.src == 02:00:00
eth.addr > 02:00:00:00:00:0a
eth.dst == eth.src
arp.opcode == request
arp.opcode == "reply"
ip.proto == TCP
dns.qry.name == example.com
dns.qry.name contains "com."
dns.qry.name matches "^EX.*e$"
dns.qry.name in {"a", "b".."f"}
dns.qry.name > "host"
dns.qry.name != ""
http.request.method == "GET" || http.response.code >= 400
frame contains "GET"
frame contains 47:45:54
frame contains 05:45
frame.len > 100
frame.len in {60..100} && ip
frame.cap_len == frame.len
frame.number < 10
frame.time_relative > 0.0001
frame.time_epoch >= 1700000000.0001
frame.time >= "2023-11-14 22:13:20.0001"
vlan.id == 7 or vlan.priority == 3
nosuch
nosuch == 1
TCP
10.0.0.1 == ip.src
tcp.port == 80 or
tcp tcp
(tcp
()
tcp.port == 80 == 90
""".splitlines()


def test_expressions_select_what_tshark_selects(
    tshark: Path, tmp_path: Path, frames: list[bytes], rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")  # of times without a zone
    agree(tshark, tmp_path, frames, rows, WRITTEN)


def frame_fields() -> list[Field]:
    return [
        field for field in fields()
        if field.variants[0][0].table == "frames" and field.name not in (*OURS, *WHOLE_STREAMS)
    ]  # fmt: skip


class FilterMaker:
    """Random filters over the values that frames have."""

    def __init__(self, seed: int, rows: Rows) -> None:
        self._random = random.Random(seed)
        self._fields = frame_fields()
        self._values: dict[str, list[object]] = {}
        for field in self._fields:
            queries = [
                f"SELECT {source.sql} AS value FROM frames WHERE {source.guard or 'TRUE'}"
                for source in field.variants[0] if source.table == "frames"
            ]  # fmt: skip
            query = f"SELECT DISTINCT value FROM ({' UNION ALL '.join(queries)})"
            found = [value for (value,) in rows.connection.execute(query).fetchall() if value is not None]
            self._values[field.name] = sorted(found, key=str)

    def filter(self, depth: int) -> str:
        chosen = self._random.random()
        if not depth or chosen < 0.3:
            return self._test()
        if chosen < 0.5:
            inner = self.filter(depth - 1)
            return self._random.choice(("!", "not ")) + (inner if self._random.random() < 0.5 else f"({inner})")
        words = (" && ", " || ", " and ", " or ")
        text = self.filter(depth - 1)
        for _ in range(self._random.randrange(1, 3)):
            text += self._random.choice(words) + self.filter(depth - 1)
        return f"({text})" if self._random.random() < 0.4 else text

    def _value(self, field: Field) -> str:
        known = self._values[field.name]
        value = self._random.choice(known) if known and self._random.random() < 0.9 else None
        match field.type:
            case Type.INTEGER | Type.FLAG:
                number = self._random.randrange(min(field.maximum or 1, 70000) + 1) if value is None else value
                assert isinstance(number, int)
                return self._random.choice((str, hex))(number)
            case Type.IPV4 | Type.IPV6:
                bits, usual = (32, "10.0.0.1") if field.type is Type.IPV4 else (128, "fe80::1")
                prefix = f"/{self._random.randrange(bits + 1)}" if self._random.random() < 0.3 else ""
                return f"{value or usual}{prefix}"
            case Type.MAC:
                return str(value or "02:00:00:00:00:0a")
        return f'"{value or "example.com"}"'

    def _test(self) -> str:
        chosen = self._random.random()
        field = self._random.choice(self._fields)
        if field.type in (Type.PROTOCOL, Type.BYTES) or chosen < 0.1:
            return field.name
        if field.type is Type.FLAG:
            return f"{field.name} == {self._value(field)}"
        if chosen < 0.2:
            items = [self._value(field) for _ in range(self._random.randrange(1, 4))]
            if field.type is Type.INTEGER:
                items.append(f"{self._value(field)} .. {self._value(field)}")
            return f"{field.name} in {{{', '.join(items)}}}"
        if chosen < 0.3 and field.type is Type.INTEGER:
            return f"{field.name} & {self._random.randrange(1, 256)}{self._random.choice(('', ' == 4'))}"
        if chosen < 0.4 and field.type is Type.MAC:
            first = self._random.randrange(4)
            cut = ":".join(self._value(field).split(":")[first : first + 2])
            return self._random.choice((f"{field.name} contains {cut}", f"{field.name}[{first}:2] == {cut}"))
        if chosen < 0.5 and field.type is Type.TEXT:
            word = self._random.choice(("a", "com", "GET", "/a", "x{3}"))
            return f'{field.name} {self._random.choice(("contains", "matches"))} "{word}"'
        if chosen < 0.5:
            other = self._random.choice([one for one in self._fields if one.type is field.type])
            return f"{field.name} {self._random.choice(('==', '!=', '~=', '==='))} {other.name}"
        relation = self._random.choice(("==", "!=", "<", "<=", ">", ">=", "~=", "===", "eq", "ne", "!=="))
        return f"{self._random.choice(('', '', '', 'any ', 'all '))}{field.name} {relation} {self._value(field)}"


def test_random_expressions_select_what_tshark_selects(
    tshark: Path, tmp_path: Path, frames: list[bytes], rows: Rows
) -> None:
    maker = FilterMaker(3, rows)
    names = [field.name for field in frame_fields()]
    agree(tshark, tmp_path, frames, rows, [*names, *(maker.filter(k % 4) for k in range(250))])


def test_tls_fields_are_those_of_tshark(tshark: Path, tmp_path: Path) -> None:
    hello, data = make.tls_client_hello("www.example.org"), make.tls_record(b"x" * 9, kind=23, version=0x303)
    frames = [
        make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Tcp(1000, 443, hello))),
        make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Tcp(1001, 443, data))),
    ]  # fmt: skip
    wanted = [
        *WHOLE_STREAMS,
        'tls.handshake.extensions_server_name contains "example"',
        "tls.record.content_type == 23",
    ]
    agree(tshark, tmp_path, frames, Rows(tables_of(frames)), wanted)


OF_REAL_PACKETS = """\
tcp
udp && !dns
ip.addr == 10.0.0.0/8
ipv6.addr == fe80::/10
tcp.flags.syn == 1 && tcp.flags.ack == 0
tcp.port in {80, 443, 445, 3389}
tcp.len > 0 && tcp.flags.push == 1
tcp.hdr_len > 20
ip.flags.df == 0
ip.ttl < 100
ip.proto == 17
ip.src != 10.0.0.4
ipv6.nxt == 58
frame.len > 200
frame contains 00:50
eth.dst == ff:ff:ff:ff:ff:ff
arp.opcode == 1
icmp.type == 8
dns.qry.name contains "com"
llmnr or mdns or dhcp or ssdp
tls.handshake.type == 1
not tcp and not udp
""".splitlines()


@pytest.mark.parametrize("name", ["pktmon-demikernel.etl", "pktmon-vpn-a.etl"])
def test_filters_select_the_packets_of_real_recordings_that_tshark_selects(
    tshark: Path, tmp_path: Path, traces_dir: Path, name: str
) -> None:
    with wnv.open_trace(traces_dir / name, use_cache=False) as trace:
        (first, *_) = trace.convert(str(tmp_path / "real.pcapng")).files
        tables = {name: trace.dataset(name) for name in ("observations", "frames", "addresses")}
        with connect(tables) as connection:
            query = (
                "SELECT observation_id FROM observations JOIN frames USING (frame_id) WHERE link_type = ? ORDER BY 1"
            )
            link = [LINK_NAMES[first.link_type]]
            written = sorted(row for (row,) in connection.execute(query, link).fetchall())
            found = selected_by_tshark(tshark, tmp_path, tmp_path / "real.pcapng", OF_REAL_PACKETS)
            for expression, theirs in zip(OF_REAL_PACKETS, found, strict=True):
                condition = compile_filter(expression, "observations", tables=tables)
                query = f"SELECT observation_id FROM observations WHERE {condition.sql}"
                ours = {row for (row,) in connection.execute(query, condition.values).fetchall()} & set(written)
                assert (expression, ours) == (expression, {written[int(place)] for place in theirs})


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "at", "said"),
    [
        ("tcp && ip.adr == 1.2.3.4", 7, "ip.addr"), ("host == 10.0.0.1", 8, "ip.addr"), ("port == 80", 0, "tcp.port"),
        ("tcp.seq == 1", 0, "tcp.seq_raw"), ("vmm == x", 0, "vm"), ("ip.addr == 300.1.1.1", 11, "IPv4 address"),
        ("ip.addr == fe80::1", 11, "ipv6.addr"), ("tcp.port == x", 12, "whole number"),
        ("tcp.port == 65536", 12, "65535"),
        ("tcp.port == -1", 12, "0 to 65535"), ("eth.src == 02:00", 11, "MAC address"), ("tcp == 1", 0, "alone"),
        ("ip.src matches x", 0, "searches text"), ("tcp.port contains 1", 0, "searches text or bytes"),
        ("info matches '('", 13, "regular expression"), ("info matches \"(\"", 13, "regular expression"),
        ("frame == 00", 0, "contains"), ("provider < x", 0, "order"), ("provider.guid == x", 17, "GUID"),
        ("ip.src[0:1] == 10", 0, "cut"), ("ip.src & 1", 0, "bits"), ("frame.time > yesterday", 13, "time"),
        ("frame.time_relative > soon", 22, "duration"), ("eth.src[0:1] == 00:11", 16, "bytes"),
        ("ip.src < ip.dst", 9, "== and !="), ("all info contains x", 4, "cannot be combined"),
        ("ip.src == 10.0.0.0/33", 10, "IPv4"), ("tcp in {1}", 0, "set"), ("confidence > high", 13, "number"),
    ],
)  # fmt: skip
def test_errors_say_where_and_what_to_write(expression: str, at: int, said: str) -> None:
    error = refused(expression)
    assert error.start == at, error
    assert said in str(error)


def test_a_field_of_a_table_that_is_not_there_yet_says_so() -> None:
    base = ("events", "observations", "frames", "addresses", "points")
    error = refused("tcp && container == web", tables=dict.fromkeys(base))
    assert "hops" in str(error)
    assert "does not have yet" in str(error)
    assert error.start == 7
    assert "journeys" in str(refused("outcome == dropped", tables=dict.fromkeys((*base, "hops"))))


def test_a_field_that_has_nothing_to_do_with_the_rows_says_so() -> None:
    assert "nothing about rows of nat_sessions" in str(refused("pid == 4", "nat_sessions"))


def test_rows_of_other_tables_cannot_be_filtered() -> None:
    with pytest.raises(Exception, match="observations, events"):
        compile_filter("tcp", "buffers")


# --- values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["x' OR TRUE --", 'x"; DROP TABLE frames; --', "?", "$1", "%", "{0}"])
def test_values_are_bound_and_never_part_of_the_query(value: str) -> None:
    escaped = value.replace('"', '\\"')
    condition = compile_filter(f'info == "{escaped}" && dns.qry.name contains "{escaped}"', "observations")
    assert value not in condition.sql or value == "?"
    assert condition.values == (value, value)


def test_a_blank_filter_selects_all(frames: list[bytes], rows: Rows) -> None:
    assert rows.select(" ") == list(range(len(frames)))


def test_a_vlan_stated_beside_the_bytes_counts() -> None:
    tables = tables_of([make.ethernet(make.ip("10.0.0.1", "10.0.0.2", Udp(1, 2, b"")))] * 3)
    sightings = tables["observations"]
    place = sightings.column_names.index("vlan")
    tables["observations"] = sightings.set_column(place, "vlan", pa.array([7, 0, None], pa.int64()))
    rows = Rows(tables)
    assert rows.select("vlan.id == 7") == [0]
    assert rows.select("vlan.id") == [0]
    assert rows.select("vlan.id != 7") == []
    assert rows.select("!(vlan.id == 7)") == [1, 2]


# --- tables -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything() -> Rows:
    """Two journeys: 0 through NAT to its destination by frames 0 and 1, 1 dropped at once with frame 2."""
    syn = Tcp(1000, 80, b"", flags=2)
    tables = tables_of([
        make.ethernet(make.ip("172.16.0.2", "10.0.0.9", syn)), make.ethernet(make.ip("192.0.2.1", "10.0.0.9", syn)),
        make.ethernet(make.ip("172.16.0.3", "10.0.0.9", Udp(5, 53, b""))),
    ])  # fmt: skip
    columns: dict[str, dict[str, list[object]]] = {
        "events": {
            "event_row": [0, 1, 2, 3], "session_id": [0] * 4, "ts_ns": [FIRST_NS + k * 1000 for k in range(4)],
            "provider": ["Microsoft-Windows-Hyper-V-VmSwitch", *["Microsoft-Windows-PktMon"] * 2, None],
            "provider_guid": [*registry.find("Hyper-V-VmSwitch"), "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac",
                              "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac", "00000000-0000-0000-0000-000000000007"],
            "event_id": [56, 160, 170, 7], "pid": [4, 5, 6, None],
        },
        "session": {"session_id": [0, 1], "host": ["NODE1", "NODE2"]},
        "journeys": {
            "journey_id": [1, 2], "protocol": ["TCP", "UDP"], "src": ["172.16.0.2", "172.16.0.3"], "sport": [1000, 5],
            "dst": ["10.0.0.9"] * 2, "dport": [80, 53], "sport_last": [1000, None], "dport_last": [80, None],
            "outcome": ["delivered", "dropped"], "drop_reason": [None, "acl_deny"], "flow_id": [1, 2], "n_hops": [2, 1],
            "confidence": [1.0, 0.9],
        },
        "hops": {
            "journey_id": [1, 1, 2], "session_id": [0, 1, 0], "seq": [0, 1, 0], "point": ["nic"] * 3,
            "container": ["web", None, "db"],
            "src": ["172.16.0.2", "192.0.2.1", "172.16.0.3"], "sport": [1000, 61000, 5], "dst": ["10.0.0.9"] * 3,
            "dport": [80, 80, 53], "latency_ns": [None, 5000, None], "drop_id": [None, None, 1],
            "frame_id": [0, 1, 2], "evidence": [[0], [1], [2, 3]],
        },
        "drops": {
            "drop_id": [1], "session_id": [0], "journey_id": [2], "drop_reason": ["acl_deny"],
            "rule": ["block dns"], "point": ["nic"],
            "frame_id": [2], "protocol": ["UDP"], "src": ["172.16.0.3"], "dst": ["10.0.0.9"], "dport": [53],
        },
        "flows": {
            "flow_id": [1, 2, 3], "protocol": ["TCP", "UDP", "UDP"],
            "src": ["172.16.0.2", "172.16.0.3", "fe80::12:3"], "outside_src": ["192.0.2.1", None, None],
            "nat_id": [1, None, None],
        },
        "nat_sessions": {
            "nat_id": [1], "protocol": ["TCP"], "inside_src": ["172.16.0.2"], "outside_src": ["192.0.2.1"],
        },
    }  # fmt: skip
    declared = {table.name: table for table in (SESSION, EVENTS, JOURNEYS, HOPS, DROPS, FLOWS, NAT_SESSIONS)}
    return Rows(tables | {name: filled(arrow_schema(declared[name]), dict(some)) for name, some in columns.items()})


@pytest.mark.parametrize(
    ("table", "expression", "rows"),
    [
        ("observations", "container == web", [0]),
        ("observations", "journey == 1", [0, 1]),
        ("observations", "outcome == dropped && udp.port == 53", [2]),
        ("observations", "drop.rule contains dns", [2]),
        ("observations", "provider == VmSwitch", [0]),
        ("observations", "event.id in {160, 170} and !udp", [1]),
        ("observations", "point == nic && point.kind == miniport", [0, 1, 2]),
        ("observations", "latency >= 5us", [1]),
        ("events", "ip.addr == 172.16.0.0/12", [0, 2]),
        ("events", "!ip", [3]),
        ("events", "provider == PktMon && tcp", [1]),
        ("events", 'provider == pktmon || provider == "{00000000-0000-0000-0000-000000000007}"', [1, 2, 3]),
        ("events", "provider != PktMon", [0]),
        ("events", "provider contains switch", [0]),
        ("events", "pid", [0, 1, 2]),
        ("journeys", "ip.src == 192.0.2.1", [1]),
        ("journeys", "ip.src != 192.0.2.1", [2]),
        ("journeys", "container == web && ip.src == 192.0.2.1", [1]),
        ("journeys", "tcp", [1]),
        ("journeys", "tcp.port == 61000", []),
        ("journeys", "tcp.flags.syn == 1", [1]),
        ("journeys", "drop", [2]),
        ("journeys", 'drop.reason == acl_deny && drop.rule == "block dns"', [2]),
        ("journeys", "confidence < 1", [2]),
        ("hops", "tcp.port == 61000", [1]),
        ("hops", "drop || container == web", [1, 2]),
        ("hops", "hop == 1 and outcome == delivered", [1]),
        ("drops", "udp.dstport == 53 && container == db", [1]),
        ("drops", "journey == 1", []),
        ("flows", "ip.src == 192.0.2.1", [1]),
        ("flows", "outcome == dropped", [2]),
        ("flows", "nat", [1]),
        ("nat_sessions", "ip.addr == 172.16.0.2 && tcp", [1]),
        ("nat_sessions", "ip.src == 192.0.2.0/24", [1]),
        ("nat_sessions", "ip.src != 192.0.0.0/8", []),
        ("nat_sessions", "ip.addr < 172.16.0.3 and ip.addr > 172.16.0.1", [1]),
        ("drops", "ip.src in {172.16.0.0/31, 172.16.0.2..172.16.0.9}", [1]),
        ("flows", "ipv6.addr == fe80::/10", [3]),
        ("flows", "ipv6.addr > fe80::1 && ipv6.addr <= fe80::ffff:0", [3]),
        ("flows", "ip.addr == 172.0.0.0/8", [1, 2]),
        ("observations", "host == NODE1", [0, 1, 2]),
        ("events", "host == NODE2", []),
        ("hops", "host == NODE2", [1]),
        ("journeys", "host == NODE1", [1, 2]),
        ("journeys", "host == NODE2", [1]),
        ("drops", 'host matches "^node1$"', [1]),
        ("flows", "host in {NODE2, other}", [1]),
        ("nat_sessions", "host == NODE2", [1]),
    ],
)  # fmt: skip
def test_rows_of_every_table_are_selected_by_what_others_say_of_them(
    everything: Rows, table: str, expression: str, rows: list[int]
) -> None:
    assert everything.select(expression, table) == rows


def test_a_host_is_a_name_and_no_address() -> None:
    for expression in ("host == 10.0.0.5", "host in {NODE1, fe80::1}"):
        assert "ip.addr" in str(refused(expression).advice)


def test_what_a_hostile_filter_can_ask_for_is_bounded(everything: Rows) -> None:
    for table, part, n in (("events", "tcp", 1000), ("observations", "ip.addr == 10.0.0.0/8", 40)):
        assert "too much" in str(refused(" || ".join([part] * n), table))
    assert "too much" in str(refused(" && ".join(["tcp"] * 150), "events"))
    assert everything.select(" || ".join(["tcp"] * 180), "events") == [0, 1]
    assert everything.select(" && ".join(["tcp"] * 180), "observations") == [0, 1]
    ports = ", ".join(str(port) for port in range(80, 1500))
    assert everything.select(f"tcp.port in {{{ports}}}", "observations") == [0, 1]
    deep = "!(" * 30 + "tcp" + ")" * 30
    assert everything.select(deep, "events") == [0, 1]


def test_tests_of_several_sightings_hold_together_only_by_or(everything: Rows) -> None:
    assert everything.select("container == web && ip.src == 192.0.2.1", "journeys") == [1]
    assert everything.select("container == web || ip.src == 172.16.0.3", "journeys") == [1, 2]
    assert everything.select("!(container == web || ip.src == 172.16.0.3)", "journeys") == []


def test_a_condition_names_the_tables_it_reads() -> None:
    assert compile_filter("tcp", "observations").tables == {"observations", "frames"}
    assert "addresses" in compile_filter("ip.addr == 10.0.0.0/8", "events").tables
    assert compile_filter("ip", "events").tables == {"events", "observations", "frames"}
    assert "observations" in compile_filter("frame.time_relative > 1", "events").tables
    assert {"hops", "points"} <= compile_filter("container == web", "observations").tables


def test_every_field_can_be_asked_for(everything: Rows) -> None:
    for field in fields():
        placed = {source.table for variant in field.variants for source in variant}
        for table in [root for root in ROOTS if root in placed or placed <= {"frames", "points"}][:2]:
            everything.select(field.name, table)
