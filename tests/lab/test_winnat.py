"""WinNat's table: one-to-one while sessions live."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wnv_lab.frames import ICMP, IPV4, TCP, UDP
from wnv_lab.model import Header, Nic
from wnv_lab.winnat import WinNat

HOST = b"\n\0\0\n"
NIC = Nic("n", "host", "", b"\0" * 6, 1, None)  # type: ignore[arg-type] # no host is needed here


def nat(first: int = 1024, last: int = 1151) -> WinNat:
    return WinNat("nat", HOST, NIC, NIC, b"\xac\x14\0\0", 16, first, last)


def packet(protocol: int, src: bytes, sport: int, dst: bytes, dport: int) -> Header:
    is_icmp = protocol == ICMP
    return Header(b"", b"", IPV4, 0, protocol, src, dst, None if is_icmp else sport, None if is_icmp else dport,
                  ident=sport if is_icmp else 0)  # fmt: skip


tuples = st.tuples(
    st.sampled_from([TCP, UDP, ICMP]), st.sampled_from([b"\xac\x14\1\5", b"\xac\x14\1\6"]), st.integers(1, 40),
    st.sampled_from([b"\xc6\x33\x64\7", b"\xc6\x33\x64\x08"]), st.integers(80, 82),
)  # fmt: skip


@given(st.lists(tuples, max_size=120))
def test_no_two_inside_sockets_share_an_outside_port(wanted: list[tuple[int, bytes, int, bytes, int]]) -> None:
    table = nat()
    owners: dict[tuple[int, int], tuple[bytes, int]] = {}
    for protocol, src, sport, dst, dport in wanted:
        session, _ = table.outbound(packet(protocol, src, sport, dst, dport), 2, 0)
        if session is None:
            continue
        assert owners.setdefault((protocol, session.outside_sport), (src, sport)) == (src, sport)
        back = packet(protocol, dst, dport, HOST, session.outside_sport)
        if protocol == ICMP:
            back.ident = session.outside_sport
        assert table.inbound(back, {}, 0)[0] is session


def test_a_pool_without_a_free_port_gives_none() -> None:
    table = nat(50_000, 50_001)
    got = [table.outbound(packet(TCP, b"\xac\x14\1\5", port, b"\1\1\1\1", 80), 2, 0)[0] for port in (1, 2, 3)]
    assert [session is not None for session in got] == [True, True, False]


def test_a_mapping_lets_a_client_in_and_nothing_else_does() -> None:
    table = nat()
    table.mappings[TCP, 8080] = (b"\xac\x14\1\5", 80)
    session, is_new = table.inbound(packet(TCP, b"\n\0\0M", 5555, HOST, 8080), {b"\xac\x14\1\5": 3}, 9)
    assert session is not None
    assert (is_new, session.kind, session.inside_src, session.inside_sport, session.compartment) == (
        True, "mapping", b"\xac\x14\1\5", 80, 3,
    )  # fmt: skip
    assert table.inbound(packet(TCP, b"\n\0\0M", 5555, HOST, 8081), {}, 9) == (None, False)
