"""The tables, declared once: what every stage before produces and everything after reads.

Base tables (session to diagnostics) come from reading a recording; derived tables (nodes to nat_sessions) are
made from them and can be made again. Times are nanoseconds UTC; a null means that the recording does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Type of a column."""

    INTEGER = "integer"
    UNSIGNED = "unsigned"
    """A whole number from 0 to 2**64 - 1: addresses of memory, bits."""
    TEXT = "text"
    TIME = "time"
    """Nanoseconds UTC since 1970."""
    NUMBER = "number"
    FLAG = "flag"
    JSON = "json"
    """Text in JSON; in JSON output the value itself."""
    GUID = "guid"
    """Lower case, without braces."""
    BYTES = "bytes"
    ROWS = "rows"
    """A list of whole numbers: rows of another table."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what it means."""

    name: str
    kind: Kind
    text: str
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what one row is, and its columns in order."""

    name: str
    text: str
    columns: tuple[Column, ...]
    is_derived: bool = False
    """Made from base tables, so it can be made again."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


_INTEGER, _UNSIGNED, _TEXT, _TIME, _GUID = Kind.INTEGER, Kind.UNSIGNED, Kind.TEXT, Kind.TIME, Kind.GUID
_NUMBER, _FLAG, _JSON, _BYTES, _ROWS = Kind.NUMBER, Kind.FLAG, Kind.JSON, Kind.BYTES, Kind.ROWS
_SESSION_ID = Column("session_id", _INTEGER, "The recording it belongs to.")
_FIRST_SESSION_ID = Column("session_id", _INTEGER, "The first recording of the host it is on.")

SESSION = Table("session", "One recording; files equal in boot time, start, logger and clock rate are one.", (
    _SESSION_ID,
    Column("host", _TEXT, "Name of the machine, by its inventory: no ETL names it; else, of several, host1, …", True),
    Column("os_build", _INTEGER, "Build number of Windows."),
    Column("os_name", _TEXT, "Windows by name."),
    Column("product", _TEXT, "Edition of Windows, as the recording states it.", True),
    Column("logger", _TEXT, "Name of the session."),
    Column("start_ns", _TIME, "When the session was started.", True),
    Column("end_ns", _TIME, "When it was stopped, by the system's clock; null if it never was.", True),
    Column("first_event_ns", _TIME, "Time of the first event beside the header's.", True),
    Column("last_event_ns", _TIME, "Time of the last event.", True),
    Column("clock", _TEXT, "The clock of the events' ticks."),
    Column("zone", _TEXT, "The host's time zone, at the start."),
    Column("pointer_size", _INTEGER, "Bytes of a pointer on the host."),
    Column("n_processors", _INTEGER, "Processors of the host."),
    Column("n_events", _INTEGER, "Events in the recording."),
    Column("n_events_lost", _INTEGER, "Events that Windows could not record."),
    Column("n_buffers_lost", _INTEGER, "Buffers that Windows could not write."),
    Column("source", _TEXT, "Its files."),
))  # fmt: skip

EVENTS = Table("events", "One event, by its header.", (
    Column("event_row", _INTEGER, "Place in the global order of time, from 0."),
    _SESSION_ID,
    Column("ts_ns", _TIME, "When it was logged.", True),
    Column("ticks", _INTEGER, "The same in the session's own clock."),
    Column("header_kind", _TEXT, "Layout of its header: EVENT_HEADER64, FULL_HEADER64, SYSTEM64, MESSAGE, …"),
    Column("hook_id", _INTEGER, "Group and type of a kernel event; null for events identified by a GUID.", True),
    Column("cpu", _INTEGER, "Processor that logged it."),
    Column("pid", _INTEGER, "Process that was running; often not the owner of the traffic.", True),
    Column("tid", _INTEGER, "Thread that was running.", True),
    Column("provider_guid", _GUID, "Provider, or class of a classic event.", True),
    Column("provider", _TEXT, "Its name, where known.", True),
    Column("event_id", _INTEGER, "Id; null for classic events.", True),
    Column("version", _INTEGER, "Version of the event's layout."),
    Column("level", _INTEGER, "Severity: 1 critical … 5 verbose; null where the header has none.", True),
    Column("opcode", _INTEGER, "Opcode; with the class it identifies a classic event.", True),
    Column("keyword", _UNSIGNED, "Keyword bits; null where the header has none.", True),
    Column("activity_id", _GUID, "Activity; null if all zeros.", True),
    Column("related_activity_id", _GUID, "Activity that this one came from.", True),
    Column("container_id", _GUID, "Process-isolated container the event came from.", True),
    Column("sid", _TEXT, "User, where the session asked for it.", True),
    Column("n_stack", _INTEGER, "Return addresses recorded with it.", True),
    Column("buffer_row", _INTEGER, "Row in `buffers`."),
    Column("payload_offset", _INTEGER, "Where the payload starts in its (unpacked) buffer."),
    Column("payload_bytes", _INTEGER, "Length of the payload."),
    Column("nbl_addr", _UNSIGNED, "Address of the NBL it is about, where VmSwitch or TCPIP states it.", True),
))  # fmt: skip

STORED_EVENTS = Table("events", EVENTS.text, (
    *EVENTS.columns,
    Column("items", _BYTES, "Its extended items, as the file has them.", True),
    Column("payload", _BYTES, "Its payload, without the bytes that stand in `frames`."),
    Column("frame_id", _INTEGER, "The frame that it carries, or carries the end of.", True),
    Column("frame_offset", _INTEGER, "Where in the payload the frame stood; null = nothing was taken out.", True),
))  # fmt: skip
"""`events` as a trace folder has them."""

FIELDS = Table("fields", "What an event says, decoded when asked for; beside the columns of `events`.", (
    Column("name", _TEXT, "What its provider calls it; null where nobody says.", True),
    Column("summary", _TEXT, "The event in a line: in our words, or its fields one after the other.", True),
    Column("source", _TEXT, "What described it: tracelogging, event_source, metadata, catalog, user, …", True),
    Column("is_whole", _FLAG, "Whether the payload fits its description; null without a description.", True),
    Column("confidence", _NUMBER, "1 = described for this version of Windows; less is a guess.", True),
    Column("remark", _TEXT, "What is doubtful: another version, inferred fields, bytes left; why it stays raw.", True),
    Column("process", _TEXT, "Name of the process `pid` at that time, where the recording says it.", True),
    Column("process_container_id", _GUID, "Container that this process was in, where its events say so.", True),
    Column("fields", _JSON, "The fields by name.", True),
))  # fmt: skip

BUFFERS = Table("buffers", "One buffer of a file.", (
    Column("buffer_row", _INTEGER, "Number, in order of file and place."),
    _SESSION_ID,
    Column("file_offset", _INTEGER, "Where it starts in its file."),
    Column("cpu", _INTEGER, "Processor it belongs to."),
    Column("sequence", _INTEGER, "Number in the session, given when a processor takes it."),
    Column("used_bytes", _INTEGER, "Bytes in use after unpacking, header included."),
    Column("flags", _INTEGER, "BufferFlag bits."),
    Column("n_events", _INTEGER, "Events found in it."),
))  # fmt: skip

POINTS = Table("points", "A place where packets were seen.", (
    Column("point_id", _INTEGER, "Number, in order of first appearance."),
    Column("name", _TEXT, "Short and unique in the recording; the interface's name in a pcapng file."),
    Column("host", _TEXT, "The host it is on, as `session` names it.", True),
    Column("kind", _TEXT, "miniport, filter, switch_port, vm_nic, host_vnic, external_nic, …"),
    Column("link_type", _TEXT, "What its packets begin with: ethernet, wifi, raw, payload."),
    Column("description", _TEXT, "All that the recording says of it."),
    Column("n_packets", _INTEGER, "Sightings with bytes."),
    Column("n_drops", _INTEGER, "Of these, marked as dropped there; events without packets tell of more: see `drops`."),
    Column("details", _JSON, "What the recording says of it, by name: if_index, nic, port, mac, component, …"),
))  # fmt: skip

ADDRESSES = Table("addresses", "An IP address that a captured frame has, in an outer or inner header.", (
    Column("address", _TEXT, "As it stands in `frames`."),
    Column("version", _INTEGER, "4 or 6."),
    Column("high", _UNSIGNED, "Upper 64 bits as a number; 0 for IPv4."),
    Column("low", _UNSIGNED, "Lower 64 bits as a number; of IPv4 all 32."),
))  # fmt: skip

_HEADER_COLUMNS = (
    Column("eth_src", _TEXT, "Source MAC address, `02:00:00:00:00:0a`.", True),
    Column("eth_dst", _TEXT, "Destination MAC address.", True),
    Column("eth_type", _INTEGER, "EtherType behind the addresses, which may be that of a VLAN tag.", True),
    Column("network_type", _INTEGER, "EtherType behind tags and SNAP; the DSAP (below 256) of LLC without SNAP.", True),
    Column("vlan_id", _INTEGER, "Of the outer tag in the bytes; for what stood beside them see `observations`.", True),
    Column("vlan_priority", _INTEGER, "Priority in that tag.", True),
    Column("vlan2_id", _INTEGER, "Of a second tag in the bytes.", True),
    Column("vlan2_priority", _INTEGER, "Priority in that tag.", True),
    Column("arp_op", _INTEGER, "ARP: 1 request, 2 reply.", True),
    Column("arp_sender_mac", _TEXT, "ARP: MAC address of the sender.", True),
    Column("arp_sender_ip", _TEXT, "ARP: IPv4 address of the sender.", True),
    Column("arp_target_mac", _TEXT, "ARP: MAC address of the target.", True),
    Column("arp_target_ip", _TEXT, "ARP: IPv4 address of the target.", True),
    Column("ip_version", _INTEGER, "4 or 6.", True),
    Column("ip_src", _TEXT, "Source address of IPv4 or IPv6.", True),
    Column("ip_dst", _TEXT, "Destination address of IPv4 or IPv6.", True),
    Column("ip_header_bytes", _INTEGER, "Length of the header, with IPv4's options; 40 for IPv6.", True),
    Column("ip_traffic_class", _INTEGER, "DSCP << 2 | ECN.", True),
    Column("ip_length", _INTEGER, "As stated: of IPv4 the whole packet, of IPv6 what is behind its 40 bytes.", True),
    Column("ip_id", _INTEGER, "Identification of IPv4, or of IPv6's fragment header.", True),
    Column("ip_flags", _INTEGER, "4 reserved, 2 don't fragment, 1 more fragments.", True),
    Column("ip_fragment_offset", _INTEGER, "In units of 8 bytes.", True),
    Column("ip_ttl", _INTEGER, "Time to live, or hop limit.", True),
    Column("ip_protocol", _INTEGER, "As the header states it; for IPv6 the first next header.", True),
    Column("transport", _INTEGER, "IP protocol behind all extension headers: 6 TCP, 17 UDP, …", True),
    Column("tcp_src_port", _INTEGER, "Source port of TCP.", True),
    Column("tcp_dst_port", _INTEGER, "Destination port of TCP.", True),
    Column("tcp_seq", _INTEGER, "Sequence number as in the frame, not relative.", True),
    Column("tcp_ack", _INTEGER, "Acknowledgement as in the frame, also where the ACK flag is not set.", True),
    Column("tcp_flags", _INTEGER, "1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK, 32 URG, 64 ECE, 128 CWR, 256 AE.", True),
    Column("tcp_window", _INTEGER, "As in the frame, not scaled.", True),
    Column("tcp_header_bytes", _INTEGER, "Length of the header.", True),
    Column("tcp_payload_bytes", _INTEGER, "Bytes of payload on the wire; null for IP fragments.", True),
    Column("udp_src_port", _INTEGER, "Source port of UDP.", True),
    Column("udp_dst_port", _INTEGER, "Destination port of UDP.", True),
    Column("udp_length", _INTEGER, "As stated, with its header.", True),
    Column("sctp_src_port", _INTEGER, "Source port of SCTP.", True),
    Column("sctp_dst_port", _INTEGER, "Destination port of SCTP.", True),
    Column("icmp_type", _INTEGER, "Type of ICMP.", True),
    Column("icmp_code", _INTEGER, "Code of ICMP.", True),
    Column("icmp_id", _INTEGER, "Identifier of an ICMP echo or other query.", True),
    Column("icmp_seq", _INTEGER, "Its number.", True),
    Column("icmpv6_type", _INTEGER, "Type of ICMPv6.", True),
    Column("icmpv6_code", _INTEGER, "Code of ICMPv6.", True),
    Column("icmpv6_id", _INTEGER, "Identifier of an ICMPv6 echo.", True),
    Column("icmpv6_seq", _INTEGER, "Its number.", True),
)

FRAMES = Table("frames", "One captured frame: its bytes, and what its headers say.", (
    Column("frame_id", _INTEGER, "Number in order of first appearance, from 0."),
    _SESSION_ID,
    Column("link_type", _TEXT, "What its bytes begin with: ethernet, wifi, raw, payload."),
    Column("captured_bytes", _INTEGER, "Bytes in the recording."),
    Column("original_bytes", _INTEGER, "Bytes of the packet before it was truncated."),
    Column("protocol", _TEXT, "Of the innermost packet, for people: DNS, TLS, TCP, ICMP, ARP, …", True),
    Column("src", _TEXT, "Its source address: of IP, else the MAC address.", True),
    Column("sport", _INTEGER, "Its source port.", True),
    Column("dst", _TEXT, "Its destination address.", True),
    Column("dport", _INTEGER, "Its destination port.", True),
    Column("info", _TEXT, "What it says, in a line.", True),
    *_HEADER_COLUMNS,
    Column("gre_protocol", _INTEGER, "EtherType of what GRE carries.", True),
    Column("gre_key", _INTEGER, "Key of GRE.", True),
    Column("nvgre_vsid", _INTEGER, "NVGRE: virtual subnet.", True),
    Column("nvgre_flow_id", _INTEGER, "NVGRE: the lower 8 bits of the key.", True),
    Column("vxlan_flags", _INTEGER, "VXLAN: 16 bits; 0x0800 says that the VNI is valid.", True),
    Column("vxlan_vni", _INTEGER, "VXLAN: network identifier.", True),
    *(
        Column(f"inner_{one.name}", one.kind, f"`{one.name}` of the packet that VXLAN, GRE or IP carries.", True)
        for one in _HEADER_COLUMNS
    ),
    Column("dns_id", _INTEGER, "DNS, mDNS, LLMNR: identifier.", True),
    Column("dns_is_response", _INTEGER, "1 response, 0 query.", True),
    Column("dns_opcode", _INTEGER, "0 standard query, 4 notify, 5 update, …", True),
    Column("dns_rcode", _INTEGER, "Of responses: 0 no error, 2 server failure, 3 no such name, …", True),
    Column("dns_answers", _INTEGER, "Answers, as counted in the header.", True),
    Column("dns_qry_type", _INTEGER, "Type of the first question: 1 A, 28 AAAA, …", True),
    Column("dns_qry_name", _TEXT, "Name in the first question.", True),
    Column("dns_a", _TEXT, "First IPv4 address in the answers.", True),
    Column("dns_aaaa", _TEXT, "First IPv6 address in the answers.", True),
    Column("dhcp_id", _INTEGER, "DHCP: transaction.", True),
    Column("dhcp_type", _INTEGER, "1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, …", True),
    Column("dhcp_client_mac", _TEXT, "MAC address of the client.", True),
    Column("dhcp_assigned", _TEXT, "Address given to the client (`yiaddr`).", True),
    Column("dhcp_requested", _TEXT, "Address that the client asks for.", True),
    Column("dhcp_hostname", _TEXT, "Host name that the client states.", True),
    Column("http_version", _INTEGER, "HTTP/1: the digit behind `HTTP/1.`", True),
    Column("http_method", _TEXT, "Method of a request.", True),
    Column("http_uri", _TEXT, "Target of a request, as it stands in its first line.", True),
    Column("http_host", _TEXT, "Host that a request names.", True),
    Column("http_status", _INTEGER, "Status of a response.", True),
    Column("http_phrase", _TEXT, "Status in words, as the response has it.", True),
    Column("tls_record_type", _INTEGER, "20 change cipher spec, 21 alert, 22 handshake, 23 application data.", True),
    Column("tls_record_version", _INTEGER, "Version of the first record: 0x0303 is TLS 1.2, also said by 1.3.", True),
    Column("tls_handshake_type", _INTEGER, "1 client hello, 2 server hello, …; null where it is encrypted.", True),
    Column("tls_hello_version", _INTEGER, "Version that a hello states in the place of TLS 1.2 and before.", True),
    Column("tls_alert", _INTEGER, "Why, of an alert that is not encrypted: 40 handshake failure, …", True),
    Column("tls_sni", _TEXT, "Name of the server that the client's hello asks for.", True),
    Column("bytes", _BYTES, "What was captured."),
))  # fmt: skip

OBSERVATIONS = Table("observations", "One sighting of a packet at a point, in order of time.", (
    Column("observation_id", _INTEGER, "Number in order of time, from 0."),
    _SESSION_ID,
    Column("event_row", _INTEGER, "The event that logged it: its row in `events`."),
    Column("frame_id", _INTEGER, "The frame that was seen; null where only headers were logged.", True),
    Column("ts_ns", _TIME, "When it was seen.", True),
    Column("cpu", _INTEGER, "Processor that logged it."),
    Column("pid", _INTEGER, "Process that was running; often not the owner of the traffic.", True),
    Column("tid", _INTEGER, "Thread that was running.", True),
    Column("point_id", _INTEGER, "Where: a row of `points`."),
    Column("direction", _TEXT, "in or out, as the owner of the point sees it.", True),
    Column("packet_group", _UNSIGNED, "PktGroupId of pktmon.", True),
    Column("packet_number", _INTEGER, "PktNumber of pktmon: which packet of the group.", True),
    Column("appearance", _INTEGER, "AppearanceCount of pktmon: which sighting of the packet, from 1.", True),
    Column("vlan", _INTEGER, "VLAN from out-of-band data; 0 = untagged; null = not recorded.", True),
    Column("priority", _INTEGER, "802.1p priority from out-of-band data."),
    Column("source_port", _INTEGER, "Switch port it came from, by out-of-band data.", True),
    Column("is_large_send", _FLAG, "Whether the NIC was to cut it into several packets."),
    Column("n_coalesced", _INTEGER, "Segments that were joined to it; 0 = none, or not recorded."),
    Column("remark", _TEXT, "What else the event says of it: radio data of Wi-Fi frames.", True),
    Column("is_drop", _FLAG, "Whether the packet was dropped here."),
    Column("drop_reason", _TEXT, "Stable name of the reason.", True),
    Column("drop_reason_code", _INTEGER, "As Windows numbers it.", True),
    Column("drop_location", _TEXT, "Where in Windows' code, by name or number.", True),
    Column("drop_location_code", _INTEGER, "As Windows numbers it.", True),
))  # fmt: skip

DIAGNOSTICS = Table("diagnostics", "Something that could not be read, or was lost.", (
    Column("code", _TEXT, "Stable name."),
    Column("severity", _TEXT, "note, loss or damage."),
    Column("stage", _TEXT, "Where in reading it was found."),
    Column("file", _TEXT, "The file it concerns.", True),
    Column("byte_offset", _INTEGER, "First place in the file.", True),
    Column("count", _INTEGER, "How often."),
    Column("text", _TEXT, "What it is, in words."),
    Column("detail", _TEXT, "More about this one.", True),
    Column("advice", _TEXT, "What to do about it.", True),
))  # fmt: skip


_JOURNEY_ID = Column("journey_id", _INTEGER, "Journey it belongs to.")
_CONFIDENCE = Column("confidence", _NUMBER, "1 = stated by Windows; less is inferred.")
_EVIDENCE = Column("evidence", _ROWS, "Rows of `events` it rests on.")
_POINT_NAME = Column("point", _TEXT, "Name of the point, unique in the recording.", True)
_TUPLE = (
    Column("src", _TEXT, "Source address.", True),
    Column("sport", _INTEGER, "Source port.", True),
    Column("dst", _TEXT, "Destination address.", True),
    Column("dport", _INTEGER, "Destination port.", True),
)

NODES = Table("nodes", "A thing of the virtual network, while it was there.", (
    Column("node_id", _TEXT, "Stable key: kind and what identifies it; with `session_id` it is unique."),
    _FIRST_SESSION_ID,
    Column("kind", _TEXT, "physical_nic, team, vswitch, port, host_vnic, vm, container, compartment, …"),
    Column("name", _TEXT, "What people call it."),
    Column("guid", _GUID, "Its GUID, where it has one.", True),
    Column("parent", _TEXT, "The node it is part of.", True),
    Column("from_ns", _TIME, "Seen from; null = as long as the recording knows.", True),
    Column("to_ns", _TIME, "Gone at; null = still there at the end.", True),
    Column("properties", _JSON, "What else is known: addresses, VLAN, type, isolation, …"),
    Column("source", _TEXT, "recording, inventory, or both."),
    _CONFIDENCE,
    Column("reason", _TEXT, "Why, where it is inferred.", True),
    _EVIDENCE,
), is_derived=True)  # fmt: skip

EDGES = Table("edges", "A connection of two things of the virtual network, while it was there.", (
    _FIRST_SESSION_ID,
    Column("kind", _TEXT, "uplink, member, attached, connects, owns, translates, …"),
    Column("source_id", _TEXT, "From this node."),
    Column("target_id", _TEXT, "To this one."),
    Column("from_ns", _TIME, "Seen from; null = as long as the recording knows.", True),
    Column("to_ns", _TIME, "Gone at; null = still there at the end.", True),
    _CONFIDENCE,
    Column("reason", _TEXT, "Why, where it is inferred.", True),
    _EVIDENCE,
), is_derived=True)  # fmt: skip

CLOCKS = Table("clocks", "The clock of a recording's host, against that of the first host.", (
    _SESSION_ID,
    Column("host", _TEXT, "Name of the host, where anything tells it.", True),
    Column("offset_ns", _INTEGER, "How far its clock is ahead; null = not known, and its times stay its own.", True),
    Column("rate_ppm", _NUMBER, "By how many millionths it is faster; null = packets do not show that it is.", True),
    Column("at_ns", _TIME, "When it was ahead by that much, by its own clock, where it is faster or slower.", True),
    Column("error_ns", _INTEGER, "The offset is right to within; null = nothing bounds it on one side.", True),
    Column("n_sent", _INTEGER, "Packets that it sent and another host was seen to get."),
    Column("n_received", _INTEGER, "Packets that it got and another host was seen to send."),
    Column("confidence", _NUMBER, "1 = the first host's own; less is inferred; 0 = not known."),
    Column("reason", _TEXT, "What it rests on, or why it is not known.", True),
), is_derived=True)  # fmt: skip

JOURNEYS = Table("journeys", "One packet's way through the host.", (
    Column("journey_id", _INTEGER, "Number in order of first sighting, from 1."),
    _SESSION_ID,
    Column("first_ns", _TIME, "First sighting.", True),
    Column("last_ns", _TIME, "Last sighting.", True),
    Column("protocol", _TEXT, "TCP, UDP, ICMP, ARP, … of the innermost packet.", True),
    *_TUPLE,
    Column("src_last", _TEXT, "Source address as last seen.", True),
    Column("sport_last", _INTEGER, "Source port as last seen.", True),
    Column("dst_last", _TEXT, "Destination address as last seen.", True),
    Column("dport_last", _INTEGER, "Destination port as last seen.", True),
    Column("n_hops", _INTEGER, "Hops."),
    Column("first_point", _TEXT, "Where it was seen first.", True),
    Column("last_point", _TEXT, "Where it was seen last.", True),
    Column("path", _TEXT, "Its points in short."),
    Column("outcome", _TEXT, "delivered, answered, left_host, dropped, vanished, unknown."),
    Column("drop_reason", _TEXT, "Stable name of the reason of its drop.", True),
    Column("drop_reason_code", _INTEGER, "As Windows numbers it.", True),
    Column("drop_location", _TEXT, "Where in Windows' code.", True),
    Column("flow_id", _INTEGER, "Conversation it belongs to.", True),
    Column("answer_id", _INTEGER, "Journey of the packet that answers this one; null = none was seen to.", True),
    Column("joined_id", _INTEGER, "Journey of the packet that it was joined into as a segment.", True),
    _CONFIDENCE,
    Column("reason", _TEXT, "Why the outcome is what it is, where it is not plain.", True),
), is_derived=True)  # fmt: skip

HOPS = Table("hops", "One sighting of a packet on its journey.", (
    _JOURNEY_ID,
    _SESSION_ID,
    Column("seq", _INTEGER, "Number in the journey, from 0."),
    Column("ts_ns", _TIME, "When it was seen.", True),
    Column("latency_ns", _INTEGER, "Since the hop before; null at the first.", True),
    _POINT_NAME,
    Column("kind", _TEXT, "Kind of the point.", True),
    Column("nic", _TEXT, "NIC there.", True),
    Column("vswitch", _TEXT, "Virtual switch there.", True),
    Column("port", _TEXT, "Switch port there.", True),
    Column("container", _TEXT, "Container whose NIC it is.", True),
    Column("vm", _TEXT, "VM whose NIC it is.", True),
    Column("compartment", _INTEGER, "Network compartment.", True),
    Column("event", _TEXT, "What happened: received, routed, delivered, frame, translated, dropped, …"),
    Column("direction", _TEXT, "in or out, as the owner of the point sees it.", True),
    *_TUPLE,
    Column("outer_src", _TEXT, "Source of the encapsulating packet.", True),
    Column("outer_dst", _TEXT, "Its destination.", True),
    Column("vni", _INTEGER, "VXLAN network identifier, or NVGRE's VSID.", True),
    Column("rewrite", _TEXT, "What was rewritten since the hop before.", True),
    Column("drop_id", _INTEGER, "Set on the hop where the packet was dropped.", True),
    Column("drop_reason", _TEXT, "Stable name of the reason.", True),
    Column("rule", _TEXT, "Rule that dropped the packet, or the last that let it pass there.", True),
    Column("frame_id", _INTEGER, "The frame that was seen.", True),
    _CONFIDENCE,
    Column("reason", _TEXT, "Why the link to the hop before was inferred.", True),
    _EVIDENCE,
), is_derived=True)  # fmt: skip

DROPS = Table("drops", "One packet that was dropped.", (
    Column("drop_id", _INTEGER, "Number in order of time, from 1."),
    _SESSION_ID,
    Column("ts_ns", _TIME, "When.", True),
    Column("journey_id", _INTEGER, "Journey that ended there.", True),
    Column("protocol", _TEXT, "TCP, UDP, ICMP, …", True),
    *_TUPLE,
    _POINT_NAME,
    Column("nic", _TEXT, "NIC there.", True),
    Column("vswitch", _TEXT, "Virtual switch there.", True),
    Column("port", _TEXT, "Switch port there.", True),
    Column("drop_reason", _TEXT, "Stable name of the reason."),
    Column("drop_reason_code", _INTEGER, "As Windows numbers it.", True),
    Column("drop_location", _TEXT, "Where in Windows' code.", True),
    Column("rule", _TEXT, "The rule that decided, where known.", True),
    Column("frame_id", _INTEGER, "The frame, where it was captured.", True),
    _CONFIDENCE,
    Column("reason", _TEXT, "Why the drop was tied to its journey, where inferred.", True),
    Column("advice", _TEXT, "What to do about it.", True),
    _EVIDENCE,
), is_derived=True)  # fmt: skip

FLOWS = Table("flows", "One conversation, joined across NAT and encapsulation.", (
    Column("flow_id", _INTEGER, "Number in order of first packet, from 1."),
    _SESSION_ID,
    Column("protocol", _TEXT, "TCP, UDP, ICMP, …", True),
    *_TUPLE,
    Column("outside_src", _TEXT, "Source address on the other side of a NAT.", True),
    Column("outside_sport", _INTEGER, "Source port there.", True),
    Column("outside_dst", _TEXT, "Destination address there.", True),
    Column("outside_dport", _INTEGER, "Destination port there.", True),
    Column("nat_id", _INTEGER, "NAT session between the two sides.", True),
    Column("first_ns", _TIME, "First packet.", True),
    Column("last_ns", _TIME, "Last packet.", True),
    Column("n_packets", _INTEGER, "Packets from src to dst."),
    Column("n_packets_back", _INTEGER, "Packets of the other direction."),
    Column("n_bytes", _INTEGER, "Bytes from src to dst."),
    Column("n_bytes_back", _INTEGER, "Bytes of the other direction."),
    Column("n_retransmissions", _INTEGER, "TCP segments sent again, both directions."),
    Column("n_lost", _INTEGER, "Packets dropped or vanished inside the host."),
    Column("handshake_ns", _INTEGER, "SYN to ACK of the handshake.", True),
    Column("transit_ns", _INTEGER, "Median time from first to last hop, of the last 64 packets with several.", True),
    _CONFIDENCE,
), is_derived=True)  # fmt: skip

NAT_SESSIONS = Table("nat_sessions", "One translation: inside and outside tuple of a conversation.", (
    Column("nat_id", _INTEGER, "Number in order of first appearance, from 1."),
    _SESSION_ID,
    Column("protocol", _TEXT, "TCP, UDP, ICMP.", True),
    *(
        Column(f"{side}_{name}", kind, f"{words} {side} the NAT.", True)
        for side in ("inside", "outside")
        for name, kind, words in (
            ("src", _TEXT, "Source address"), ("sport", _INTEGER, "Source port"),
            ("dst", _TEXT, "Destination address"), ("dport", _INTEGER, "Destination port"),
        )
    ),
    Column("first_ns", _TIME, "First packet, or creation.", True),
    Column("last_ns", _TIME, "Last packet, or deletion.", True),
    Column("n_packets", _INTEGER, "Packets translated, both directions."),
    Column("kind", _TEXT, "dynamic, or mapping (a published port)."),
    Column("compartment", _INTEGER, "Compartment of the inside.", True),
    _CONFIDENCE,
    Column("reason", _TEXT, "Why, where it is inferred.", True),
    _EVIDENCE,
), is_derived=True)  # fmt: skip

TABLES = (
    SESSION, BUFFERS, EVENTS, FIELDS, POINTS, FRAMES, ADDRESSES, OBSERVATIONS, DIAGNOSTICS,
    NODES, EDGES, CLOCKS, JOURNEYS, HOPS, DROPS, FLOWS, NAT_SESSIONS,
)  # fmt: skip

BASE_TABLES = tuple(
    STORED_EVENTS if table is EVENTS else table for table in TABLES if not table.is_derived and table is not FIELDS
)
"""What a trace folder holds from the start."""
DERIVED_TABLES = tuple(table for table in TABLES if table.is_derived)
"""What is made of them."""
