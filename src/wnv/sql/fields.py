"""The fields that filters know: what each is called, where its values stand, and what may be compared with it.

Names and meanings are Wireshark's where it has such a field, so that an expression selects the same frames in both.
A field has several values where a frame has several headers of a kind (outer and inner ones) or where a row stands
for several sightings (a journey for its hops).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final


class Type(StrEnum):
    """What the values of a field are."""

    INTEGER = "integer"
    FLAG = "flag"
    NUMBER = "number"
    DURATION = "duration"
    """Nanoseconds in the table, seconds in an expression."""
    TIME = "time"
    TEXT = "text"
    GUID = "guid"
    IPV4 = "IPv4 address"
    IPV6 = "IPv6 address"
    MAC = "MAC address"
    BYTES = "bytes"
    PROVIDER = "provider"
    """A name, in full or its last words, or a GUID."""
    PROTOCOL = "protocol"
    """Nothing but there or not."""


@dataclass(frozen=True, slots=True)
class Source:
    """A place where a value of a field stands."""

    table: str
    sql: str
    """An expression over the columns of `table`; of a protocol, whether it is there."""
    guard: str = ""
    """Where this is false there is no value."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the filter language."""

    name: str
    type: Type
    text: str
    variants: tuple[tuple[Source, ...], ...]
    """Where its values stand; of several, that which is nearest to the table asked for counts."""
    maximum: int | None = None
    """Of whole numbers."""
    words: tuple[tuple[str, int], ...] = ()
    """Words that stand for numbers."""
    is_first_best: bool = False
    """Whether the first of `variants` counts wherever it can be reached."""


HOST: Final = "host"
"""The field of that name."""


def fields() -> tuple[Field, ...]:
    """All fields, by name."""
    return tuple(_by_name().values())


def find_field(name: str) -> Field | None:
    return _by_name().get(name)


def tables_of(field: Field) -> list[str]:
    """The tables in which its values stand."""
    return list(dict.fromkeys(source.table for variant in field.variants for source in variant))


@cache
def _by_name() -> dict[str, Field]:
    known = {field.name: field for field in _all()}
    return dict(sorted(known.items()))


def _all() -> Iterator[Field]:
    yield from _frame_fields()
    yield from _link_fields()
    yield from _ip_fields()
    yield from _transport_fields()
    yield from _application_fields()
    yield from _event_fields()
    yield from _sighting_fields()
    yield from _network_fields()
    yield from _journey_fields()


# --- frames -------------------------------------------------------------------------------------------

_IS_IPV4: Final = "{0}ip_version = 4"
_IS_IPV6: Final = "{0}ip_version = 6"
_IS_ETHERNET: Final = "frames.link_type = 'ethernet'"
_IS_PROVIDER_TAG: Final = "{0}eth_type = 34984"  # 0x88a8
_IS_CUSTOMER_TAG: Final = "{0}eth_type <> 34984"
_LAYERS: Final = ("", "inner_")


def _headers(sql: str, guard: str = "") -> tuple[Source, ...]:
    """Outer and inner header; `{0}` in the expressions is where table and prefix of their columns go."""
    return tuple(
        Source("frames", sql.format(f"frames.{layer}"), guard.format(f"frames.{layer}") if guard else "")
        for layer in _LAYERS
    )


def _frame(
    name: str, kind: Type, text: str, *columns: str, guard: str = "", maximum: int | None = None,
    words: tuple[tuple[str, int], ...] = (),
) -> Field:  # fmt: skip
    """A header field of frames, in each of `columns`, outer and inner."""
    sources = tuple(
        source for column in columns for source in _headers(column if "{0}" in column else "{0}" + column, guard)
    )
    return Field(name, kind, text, (sources,), maximum, words)


def _outer(name: str, kind: Type, text: str, sql: str, maximum: int | None = None) -> Field:
    """A field that only the frame itself has."""
    return Field(name, kind, text, ((Source("frames", sql),),), maximum)


def _protocol(name: str, text: str, sql: str) -> Field:
    """Whether a header is there. `{0}` in `sql` stands for outer and inner columns."""
    if "{0}" in sql:
        return Field(name, Type.PROTOCOL, text, (_headers(sql),))
    return _outer(name, Type.PROTOCOL, text, sql)


def _frame_fields() -> Iterator[Field]:
    tables = ("observations", "events", "hops", "drops")
    times: list[tuple[Source, ...]] = [(Source(name, f"{name}.ts_ns"),) for name in tables]
    times += [
        (Source(name, f"{name}.first_ns"), Source(name, f"{name}.last_ns"))
        for name in ("journeys", "flows", "nat_sessions")
    ]
    first = "(SELECT min(ts_ns) FROM observations)"
    yield _outer("frame", Type.BYTES, "The frame: is there one, and what its bytes contain.", "frames.bytes")
    yield Field(
        "frame.number", Type.INTEGER, "Number of the sighting, from 1, as `wnv packets` and a capture of all show it.",
        ((Source("observations", "(observations.observation_id + 1)"),),), _bits(63),
    )  # fmt: skip
    yield _outer("frame.len", Type.INTEGER, "Bytes of the packet on its way.", "frames.original_bytes", _bits(32))
    yield _outer("frame.cap_len", Type.INTEGER, "Bytes that were captured.", "frames.captured_bytes", _bits(32))
    yield Field("frame.time", Type.TIME, "When it was seen, or happened.", tuple(times))
    yield Field(
        "frame.time_epoch", Type.DURATION, "The same in seconds since 1970-01-01 UTC.", tuple(times)
    )  # fmt: skip
    yield Field(
        "frame.time_relative", Type.DURATION, "Seconds since the first sighting of the recording.",
        tuple(tuple(replace(one, sql=f"({one.sql} - {first})") for one in sources) for sources in times),
    )  # fmt: skip
    yield Field(
        "protocol", Type.TEXT, "The protocol as lists show it: DNS, TLS, TCP, ICMP, ARP, …",
        ((Source("frames", "frames.protocol"),), *((Source(name, f"{name}.protocol"),) for name in _TUPLE_TABLES),
         (Source("journeys", "journeys.protocol"),)),
    )  # fmt: skip
    yield _outer("info", Type.TEXT, "What the packet says, as lists show it.", "frames.info")


def _link_fields() -> Iterator[Field]:
    mac = Type.MAC
    yield _protocol("eth", "An Ethernet header.", "{0}eth_dst IS NOT NULL")
    for name, text, columns in (
        ("eth.src", "Source MAC address.", ("eth_src",)),
        ("eth.dst", "Destination MAC address.", ("eth_dst",)),
        ("eth.addr", "Source or destination MAC address.", ("eth_src", "eth_dst")),
    ):
        yield Field(name, mac, text, (tuple(
            replace(source, guard="" if "inner_" in source.sql else _IS_ETHERNET)
            for column in columns for source in _headers("{0}" + column)
        ),))  # fmt: skip
    yield _frame("eth.type", Type.INTEGER, "EtherType behind the addresses.", "eth_type", maximum=_bits(16))
    is_wifi = "frames.link_type = 'wifi'"
    yield _protocol("wlan", "A Wi-Fi header.", is_wifi)
    for name, text, column in (
        ("wlan.sa", "Wi-Fi: MAC address of the source.", "eth_src"),
        ("wlan.da", "Wi-Fi: MAC address of the destination.", "eth_dst"),
    ):
        yield Field(name, mac, text, ((Source("frames", f"frames.{column}", is_wifi),),))
    yield _protocol(
        "vlan", "An 802.1Q tag in the bytes.",
        "({0}vlan2_id IS NOT NULL OR ({0}vlan_id IS NOT NULL AND {0}eth_type <> 34984))",
    )  # fmt: skip
    tags = _headers("{0}vlan_id", _IS_CUSTOMER_TAG) + _headers("{0}vlan2_id")
    beside = Source("observations", "observations.vlan", "observations.vlan > 0")
    yield Field(
        "vlan.id", Type.INTEGER, "VLAN, in the bytes or stated beside them.", ((*tags, beside), tags), _bits(16)
    )  # fmt: skip
    priorities = _headers("{0}vlan_priority", _IS_CUSTOMER_TAG) + _headers("{0}vlan2_priority")
    yield Field("vlan.priority", Type.INTEGER, "Priority in a tag.", (priorities,), _bits(16))
    yield _protocol("ieee8021ad", "An 802.1ad tag (of a provider) in the bytes.", _IS_PROVIDER_TAG)
    yield _frame("ieee8021ad.id", Type.INTEGER, "VLAN of the provider.", "vlan_id", guard=_IS_PROVIDER_TAG,
                 maximum=_bits(16))  # fmt: skip
    yield _protocol("arp", "An ARP packet.", "{0}arp_op IS NOT NULL")
    yield _frame("arp.opcode", Type.INTEGER, "1 request, 2 reply.", "arp_op", maximum=_bits(16),
                 words=(("request", 1), ("reply", 2)))  # fmt: skip
    for name, kind, text, column in (
        ("arp.src.hw_mac", mac, "ARP: MAC address of the sender.", "arp_sender_mac"),
        ("arp.src.proto_ipv4", Type.IPV4, "ARP: address of the sender.", "arp_sender_ip"),
        ("arp.dst.hw_mac", mac, "ARP: MAC address of the target.", "arp_target_mac"),
        ("arp.dst.proto_ipv4", Type.IPV4, "ARP: address of the target.", "arp_target_ip"),
    ):
        yield _frame(name, kind, text, column)


_TUPLE_TABLES: Final = ("drops", "flows", "nat_sessions")
_ENDS: Final = {
    "hops": (("src", "outer_src"), ("dst", "outer_dst"), ("sport",), ("dport",)),
    "drops": (("src",), ("dst",), ("sport",), ("dport",)),
    "flows": (("src", "outside_src"), ("dst", "outside_dst"), ("sport", "outside_sport"), ("dport", "outside_dport")),
    "nat_sessions": (
        ("inside_src", "outside_src"), ("inside_dst", "outside_dst"), ("inside_sport", "outside_sport"),
        ("inside_dport", "outside_dport"),
    ),
}  # fmt: skip
"""Columns of source and destination address, source and destination port, of tables whose rows state them."""


def _address_variants(guard: str, ends: Sequence[int], is_text: str) -> tuple[tuple[Source, ...], ...]:
    columns = tuple(("ip_src", "ip_dst")[end] for end in ends)
    frames = tuple(source for column in columns for source in _headers("{0}" + column, guard))
    others = []
    for table, sides in _ENDS.items():
        names = [f"{table}.{name}" for end in ends for name in sides[end]]
        others.append(tuple(Source(table, name, is_text.format(name)) for name in names))
    return (frames, *others)


def _ip_fields() -> Iterator[Field]:
    integer = Type.INTEGER
    v4_text, v6_text = "position(':' IN {0}) = 0", "position(':' IN {0}) > 0"
    directions = (
        ("src", "Source address", (0,)), ("dst", "Destination address", (1,)),
        ("addr", "Source or destination address", (0, 1)),
    )  # fmt: skip
    yield _protocol("ip", "An IPv4 header.", _IS_IPV4)
    yield _protocol("ipv6", "An IPv6 header.", _IS_IPV6)
    for name, text, ends in directions:
        yield Field(f"ip.{name}", Type.IPV4, f"{text} of IPv4.", _address_variants(_IS_IPV4, ends, v4_text))
        yield Field(f"ipv6.{name}", Type.IPV6, f"{text} of IPv6.", _address_variants(_IS_IPV6, ends, v6_text))
    yield _frame("ip.version", integer, "4 or 6, of any IP header.", "ip_version", maximum=_bits(8))
    yield _frame("ipv6.version", integer, "6.", "ip_version", guard=_IS_IPV6, maximum=_bits(8))
    for name, text, sql, bits in (
        ("ip.hdr_len", "Bytes of the IPv4 header.", "ip_header_bytes", 8),
        ("ip.dsfield", "DSCP and ECN.", "ip_traffic_class", 8),
        ("ip.dsfield.dscp", "DSCP.", "({0}ip_traffic_class >> 2)", 8),
        ("ip.dsfield.ecn", "ECN.", "({0}ip_traffic_class & 3)", 8),
        ("ip.len", "Bytes of the packet, as stated.", "ip_length", 16),
        ("ip.id", "Identification.", "ip_id", 16),
        ("ip.flags", "4 reserved, 2 don't fragment, 1 more fragments.", "ip_flags", 8),
        ("ip.frag_offset", "Fragment offset in units of 8 bytes.", "ip_fragment_offset", 16),
        ("ip.ttl", "Time to live.", "ip_ttl", 8),
    ):
        yield _frame(name, integer, text, sql, guard=_IS_IPV4, maximum=_bits(bits))
    yield _frame("ip.proto", integer, "Protocol behind the IPv4 header.", "ip_protocol", guard=_IS_IPV4,
                 maximum=_bits(8), words=(("ICMP", 1), ("IGMP", 2), ("TCP", 6), ("UDP", 17)))  # fmt: skip
    for name, text, bit in (("df", "Don't fragment.", 1), ("mf", "More fragments.", 0)):
        yield _frame(f"ip.flags.{name}", Type.FLAG, text, _bit("ip_flags", bit), guard=_IS_IPV4)
    for name, text, sql, bits in (
        ("ipv6.tclass", "Traffic class.", "ip_traffic_class", 32),
        ("ipv6.plen", "Bytes behind the IPv6 header, as stated.", "ip_length", 16),
        ("ipv6.nxt", "Next header, of the IPv6 header itself.", "ip_protocol", 8),
        ("ipv6.hlim", "Hop limit.", "ip_ttl", 8),
    ):
        yield _frame(name, integer, text, sql, guard=_IS_IPV6, maximum=_bits(bits))


def _port_variants(protocol: str, ends: Sequence[int]) -> tuple[tuple[Source, ...], ...]:
    columns = [(f"{protocol}_src_port", f"{protocol}_dst_port")[end] for end in ends]
    frames = tuple(source for column in columns for source in _headers("{0}" + column))
    is_meant = "{0}.protocol = '" + protocol.upper() + "'"
    others = [
        tuple(
            Source(table, f"{table}.{name}", is_meant.format(table)) for end in ends for name in _ENDS[table][end + 2]
        )
        for table in _TUPLE_TABLES
    ]
    sides = [("sport", "sport_last"), ("dport", "dport_last")]
    names = [name for end in ends for name in sides[end]]
    journeys = tuple(Source("journeys", f"journeys.{name}", is_meant.format("journeys")) for name in names)
    in_journey = f"hops.journey_id IN (SELECT journey_id FROM journeys WHERE {is_meant.format('journeys')})"
    hops = tuple(Source("hops", f"hops.{name}", in_journey) for end in ends for name in _ENDS["hops"][end + 2])
    return (frames, *others, journeys, hops)


def _transport(title: str, sql: str) -> Field:
    """Whether there is such a header: in a frame, or as a row states it."""
    stated = tuple((Source(table, f"({table}.protocol = '{title}')"),) for table in (*_TUPLE_TABLES, "journeys"))
    return Field(title.lower(), Type.PROTOCOL, f"A header of {title}.", (_headers(sql), *stated))


def _transport_fields() -> Iterator[Field]:
    integer = Type.INTEGER
    for name in ("tcp", "udp", "sctp"):
        yield _transport(name.upper(), f"{{0}}{name}_src_port IS NOT NULL")
        for part, text, ends in (
            ("srcport", "Source port", (0,)), ("dstport", "Destination port", (1,)),
            ("port", "Source or destination port", (0, 1)),
        ):  # fmt: skip
            yield Field(f"{name}.{part}", integer, f"{text} of {name.upper()}.", _port_variants(name, ends), _bits(16))
    for name, text, sql, bits in (
        ("tcp.seq_raw", "Sequence number as in the frame.", "tcp_seq", 32),
        ("tcp.ack_raw", "Acknowledgement as in the frame.", "tcp_ack", 32),
        ("tcp.hdr_len", "Bytes of the TCP header.", "tcp_header_bytes", 8),
        ("tcp.len", "Bytes of payload on the way.", "tcp_payload_bytes", 32),
        ("tcp.window_size_value", "Window as in the frame.", "tcp_window", 16),
        ("tcp.flags", "1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK, 32 URG, 64 ECE, 128 CWR, 256 AE.", "tcp_flags", 16),
    ):
        yield _frame(name, integer, text, sql, maximum=_bits(bits))
    for bit, name in enumerate(("fin", "syn", "reset", "push", "ack", "urg", "ece", "cwr")):
        yield _frame(f"tcp.flags.{name}", Type.FLAG, f"TCP's flag {name}.", _bit("tcp_flags", bit))
    yield _frame("udp.length", integer, "Bytes of header and payload, as stated.", "udp_length", maximum=_bits(16))
    for name, text in (("icmp", "ICMP"), ("icmpv6", "ICMPv6")):
        yield _transport(text, f"{{0}}{name}_type IS NOT NULL")
        yield _frame(f"{name}.type", integer, f"Type of {text}.", f"{name}_type", maximum=_bits(8))
        yield _frame(f"{name}.code", integer, f"Code of {text}.", f"{name}_code", maximum=_bits(8))
    for name, column in (("icmp.ident", "icmp_id"), ("icmp.seq", "icmp_seq"),
                         ("icmpv6.echo.identifier", "icmpv6_id"),
                         ("icmpv6.echo.sequence_number", "icmpv6_seq")):  # fmt: skip
        text = "Number of an echo." if column.endswith("seq") else "Identifier of an echo or other query."
        yield _frame(name, integer, text, column, maximum=_bits(16))
    yield _protocol("gre", "A GRE header.", "frames.gre_protocol IS NOT NULL")
    yield _outer("gre.proto", integer, "EtherType of what GRE carries.", "frames.gre_protocol", _bits(16))
    yield _outer("gre.key", integer, "Key of GRE.", "frames.gre_key", _bits(32))
    yield _protocol("vxlan", "A VXLAN header.", "frames.vxlan_flags IS NOT NULL")
    vni = (Source("frames", "frames.vxlan_vni"),)
    yield Field("vxlan.vni", integer, "VXLAN network identifier.", (vni,), _bits(24))
    yield _outer("nvgre.vsid", integer, "Virtual subnet of NVGRE.", "frames.nvgre_vsid", _bits(24))
    both = (*vni, Source("frames", "frames.nvgre_vsid"))
    yield Field("vni", integer, "VXLAN network identifier, or virtual subnet of NVGRE.",
                (both, (Source("hops", "hops.vni"),)), _bits(24))  # fmt: skip


def _application_fields() -> Iterator[Field]:
    text, integer = Type.TEXT, Type.INTEGER
    for name, meaning, column in (
        ("dhcp", "A DHCP message.", "dhcp_id"), ("tls", "A TLS record.", "tls_record_type"),
    ):  # fmt: skip
        yield _protocol(name, meaning, f"frames.{column} IS NOT NULL")
    for title in ("DNS", "mDNS", "LLMNR", "SSDP"):
        name = title.lower()
        yield _protocol(name, f"A message of {title}.", f"(frames.protocol = '{title.upper()}')")
    yield _protocol(
        "http", "The first line of a request or response of HTTP/1.",
        "((frames.http_method IS NOT NULL OR frames.http_status IS NOT NULL) AND frames.protocol <> 'SSDP')",
    )  # fmt: skip
    for name, meaning, column in (
        ("http.request", "Whether it is a request of HTTP/1.", "http_method"),
        ("http.response", "Whether it is a response of HTTP/1.", "http_status"),
    ):
        yield _outer(name, Type.FLAG, meaning, f"nullif(frames.{column} IS NOT NULL, false)", _bits(1))
    for name, kind, meaning, column, bits in (
        ("dns.id", integer, "Identifier of a DNS message.", "dns_id", 16),
        ("dns.flags.response", Type.FLAG, "Whether it is a response.", "dns_is_response", 1),
        ("dns.flags.rcode", integer, "0 no error, 2 server failure, 3 no such name, …", "dns_rcode", 16),
        ("dns.count.answers", integer, "Answers, as counted in the header.", "dns_answers", 16),
        ("dns.qry.type", integer, "Type of the first question: 1 A, 28 AAAA, …", "dns_qry_type", 16),
        ("dns.qry.name", text, "Name in the first question.", "dns_qry_name", 0),
        ("dhcp.id", integer, "Transaction of DHCP.", "dhcp_id", 32),
        ("dhcp.option.dhcp", integer, "1 discover, 2 offer, 3 request, 5 ack, 6 nak, …", "dhcp_type", 8),
        ("dhcp.hw.mac_addr", Type.MAC, "MAC address of the client.", "dhcp_client_mac", 0),
        ("dhcp.ip.your", Type.IPV4, "Address given to the client.", "dhcp_assigned", 0),
        ("dhcp.option.hostname", text, "Host name that the client states.", "dhcp_hostname", 0),
        ("http.request.method", text, "Method of a request.", "http_method", 0),
        ("http.request.uri", text, "Target of a request.", "http_uri", 0),
        ("http.host", text, "Host that a request names.", "http_host", 0),
        ("http.response.code", integer, "Status of a response.", "http_status", 16),
        ("http.response.phrase", text, "Status in words.", "http_phrase", 0),
        ("tls.record.content_type", integer, "20 change cipher spec, 21 alert, 22 handshake, 23 application data.",
         "tls_record_type", 8),
        ("tls.handshake.type", integer, "1 client hello, 2 server hello, …", "tls_handshake_type", 8),
        ("tls.handshake.extensions_server_name", text, "Server that the client's hello names.", "tls_sni", 0),
    ):  # fmt: skip
        yield _outer(name, kind, meaning, f"frames.{column}", _bits(bits) if bits else None)


# --- events and sightings -----------------------------------------------------------------------------


def _event_fields() -> Iterator[Field]:
    integer = Type.INTEGER
    yield Field("provider", Type.PROVIDER, "Provider of the event, by name or GUID.",
                ((Source("events", "events.provider"),),))  # fmt: skip
    yield Field("provider.guid", Type.GUID, "The provider's GUID.", ((Source("events", "events.provider_guid"),),))
    for name, kind, text, column, bits in (
        ("event.row", integer, "Number of the event, from 0: `event_row` of the tables.", "event_row", 63),
        ("event.id", integer, "Id of the event; of classic events see `event.opcode`.", "event_id", 16),
        ("event.version", integer, "Version of its layout.", "version", 8),
        ("event.level", integer, "1 critical … 5 verbose.", "level", 8),
        ("event.opcode", integer, "Opcode.", "opcode", 8),
        ("event.keyword", integer, "Keyword bits.", "keyword", 64),
        ("event.kind", Type.TEXT, "Layout of its header.", "header_kind", 0),
        ("event.len", integer, "Bytes of its payload.", "payload_bytes", 32),
        ("event.activity", Type.GUID, "Activity.", "activity_id", 0),
        ("event.container", Type.GUID, "Process-isolated container that the event came from.", "container_id", 0),
    ):
        yield Field(name, kind, text, ((Source("events", f"events.{column}"),),), _bits(bits) if bits else None)
    yield Field("nbl", integer, "Address of the NBL that an event is about.",
                ((Source("events", "events.nbl_addr"),),), _bits(64))  # fmt: skip
    for name, text, bits in (
        ("cpu", "Processor that logged it.", 16), ("pid", "Process that was running.", 32),
        ("tid", "Thread that was running.", 32),
    ):  # fmt: skip
        places = tuple((Source(table, f"{table}.{name}"),) for table in ("events", "observations"))
        yield Field(name, integer, text, places, _bits(bits))


def _sighting_fields() -> Iterator[Field]:
    for name, kind, text, column, bits in (
        ("packet.group", Type.INTEGER, "pktmon's number of a group of packets.", "packet_group", 64),
        ("packet.number", Type.INTEGER, "pktmon's number of the packet in its group.", "packet_number", 32),
        ("packet.appearance", Type.INTEGER, "Which sighting of the packet, from 1, by pktmon.", "appearance", 32),
    ):
        yield Field(name, kind, text, ((Source("observations", f"observations.{column}"),),), _bits(bits))
    places = tuple((Source(table, f"{table}.direction"),) for table in ("observations", "hops"))
    yield Field("direction", Type.TEXT, "in or out, as the owner of the point sees it.", places)
    yield Field("point", Type.TEXT, "Point where it was seen, by its name.", (
        (Source("points", "points.name"),), (Source("hops", "hops.point"),), (Source("drops", "drops.point"),),
    ))  # fmt: skip
    yield Field("point.kind", Type.TEXT, "Kind of that point: miniport, filter, switch_port, vm_nic, …", (
        (Source("points", "points.kind"),), (Source("hops", "hops.kind"),),
    ))  # fmt: skip
    yield Field(HOST, Type.TEXT, "Host that recorded it, by its name; a journey can pass several.", (
        (Source("session", "session.host"),),
    ))  # fmt: skip
    yield Field("session", Type.INTEGER, "Recording it belongs to, from 0.", tuple(
        (Source(table, f"{table}.session_id"),) for table in ROOTS
    ), _bits(32))  # fmt: skip


def _network_fields() -> Iterator[Field]:
    for name, text, column in (
        ("container", "Container whose NIC it was seen at.", "container"),
        ("vm", "VM whose NIC it was seen at.", "vm"),
    ):
        yield Field(name, Type.TEXT, text, ((Source("hops", f"hops.{column}"),),))
    for name, text, column in (
        ("nic", "NIC where it was seen.", "nic"),
        ("vswitch", "Virtual switch where it was seen.", "vswitch"),
        ("vswitch.port", "Switch port where it was seen.", "port"),
    ):
        places = tuple((Source(table, f"{table}.{column}"),) for table in ("hops", "drops"))
        yield Field(name, Type.TEXT, text, places)
    yield Field("compartment", Type.INTEGER, "Network compartment where it was seen.", (
        (Source("hops", "hops.compartment"),), (Source("nat_sessions", "nat_sessions.compartment"),),
    ), _bits(32))  # fmt: skip


# --- journeys and drops -------------------------------------------------------------------------------


def _own(name: str, kind: Type, text: str, *columns: str, bits: int = 0) -> Field:
    """A field that stands in the column of any of several tables, `table.column`."""
    places = tuple((Source(column.partition(".")[0], column),) for column in columns)
    return Field(name, kind, text, places, _bits(bits) if bits else None)


def _journey_fields() -> Iterator[Field]:
    integer, text = Type.INTEGER, Type.TEXT
    yield _own("journey", integer, "Number of the journey.", "journeys.journey_id", "hops.journey_id",
               "drops.journey_id", bits=63)  # fmt: skip
    yield _own("outcome", text, "How the journey ended: delivered, answered, left_host, dropped, vanished, unknown.",
               "journeys.outcome")  # fmt: skip
    yield Field("hop", integer, "Which hop of its journey it is, from 1.", ((Source("hops", "(hops.seq + 1)"),),),
                _bits(32))  # fmt: skip
    yield _own("hop.event", text, "What happened at the hop.", "hops.event")
    yield _own("hop.rewrite", text, "What was rewritten since the hop before.", "hops.rewrite")
    yield _own("hops", integer, "How many hops the journey has.", "journeys.n_hops", bits=32)
    yield _own("latency", Type.DURATION, "Seconds since the hop before; also 5us, 2ms.", "hops.latency_ns")
    yield _own("flow", integer, "Number of the conversation.", "flows.flow_id", "journeys.flow_id", bits=63)
    yield _own("nat", integer, "Number of the NAT session.", "nat_sessions.nat_id", "flows.nat_id", bits=63)
    yield _own("nat.kind", text, "dynamic, or mapping.", "nat_sessions.kind")
    yield _own("confidence", Type.NUMBER, "How sure the row is: 1 = stated by Windows.", "journeys.confidence",
               "hops.confidence", "drops.confidence", "flows.confidence", "nat_sessions.confidence")  # fmt: skip
    # Of a sighting: dropped there, or later on its journey.
    seen, ended = Source("observations", "observations.is_drop"), Source("journeys", "(journeys.outcome = 'dropped')")
    yield Field("drop", Type.PROTOCOL, "The packet was dropped, here or later on its journey.", (
        (seen, ended), (seen,), (Source("drops", "TRUE"),), (ended,), (Source("hops", "hops.drop_id IS NOT NULL"),),
    ), is_first_best=True)  # fmt: skip
    for name, kind, meaning, column, bits in (
        ("drop.reason", text, "Why it was dropped, in a stable word.", "drop_reason", 0),
        ("drop.code", integer, "The reason as Windows numbers it.", "drop_reason_code", 32),
        ("drop.location", text, "Where in Windows' code it was dropped.", "drop_location", 0),
    ):
        seen, ended = Source("observations", f"observations.{column}"), Source("journeys", f"journeys.{column}")
        places = ((seen, ended), (seen,), (Source("drops", f"drops.{column}"),), (ended,))
        yield Field(name, kind, meaning, places, _bits(bits) if bits else None, is_first_best=True)
    yield _own("drop.rule", text, "The rule that dropped it, where known.", "drops.rule")


ROOTS: Final = ("observations", "events", "journeys", "hops", "drops", "flows", "nat_sessions")
"""Tables whose rows a filter can select."""


def _bits(n: int) -> int:
    return (1 << n) - 1


def _bit(column: str, number: int) -> str:
    return f"(({{0}}{column} >> {number}) & 1)"
