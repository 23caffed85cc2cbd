// Made by tools/build_docs.py: change the code, then run `python3 dev.py docs`.
// Times are nanoseconds since the recording began, since those since 1970 do not fit a number; so do not
// unsigned numbers of 64 bits, which are decimal digits. Bytes are hexadecimal digits.

/** One recording; files equal in boot time, start, logger and clock rate are one. */
export interface Session {
  /** The recording it belongs to. */
  session_id: number;
  /** Name of the machine, by its inventory: no ETL names it; else, of several, host1, … */
  host: string | null;
  /** Build number of Windows. */
  os_build: number;
  /** Windows by name. */
  os_name: string;
  /** Edition of Windows, as the recording states it. */
  product: string | null;
  /** Name of the session. */
  logger: string;
  /** When the session was started. */
  start_ns: number | null;
  /** When it was stopped, by the system's clock; null if it never was. */
  end_ns: number | null;
  /** Time of the first event beside the header's. */
  first_event_ns: number | null;
  /** Time of the last event. */
  last_event_ns: number | null;
  /** The clock of the events' ticks. */
  clock: string;
  /** The host's time zone, at the start. */
  zone: string;
  /** Bytes of a pointer on the host. */
  pointer_size: number;
  /** Processors of the host. */
  n_processors: number;
  /** Events in the recording. */
  n_events: number;
  /** Events that Windows could not record. */
  n_events_lost: number;
  /** Buffers that Windows could not write. */
  n_buffers_lost: number;
  /** Its files. */
  source: string;
}

/** One buffer of a file. */
export interface Buffers {
  /** Number, in order of file and place. */
  buffer_row: number;
  /** The recording it belongs to. */
  session_id: number;
  /** Where it starts in its file. */
  file_offset: number;
  /** Processor it belongs to. */
  cpu: number;
  /** Number in the session, given when a processor takes it. */
  sequence: number;
  /** Bytes in use after unpacking, header included. */
  used_bytes: number;
  /** BufferFlag bits. */
  flags: number;
  /** Events found in it. */
  n_events: number;
}

/** One event, by its header. */
export interface Events {
  /** Place in the global order of time, from 0. */
  event_row: number;
  /** The recording it belongs to. */
  session_id: number;
  /** When it was logged. */
  ts_ns: number | null;
  /** The same in the session's own clock. */
  ticks: number;
  /** Layout of its header: EVENT_HEADER64, FULL_HEADER64, SYSTEM64, MESSAGE, … */
  header_kind: string;
  /** Group and type of a kernel event; null for events identified by a GUID. */
  hook_id: number | null;
  /** Processor that logged it. */
  cpu: number;
  /** Process that was running; often not the owner of the traffic. */
  pid: number | null;
  /** Thread that was running. */
  tid: number | null;
  /** Provider, or class of a classic event. */
  provider_guid: string | null;
  /** Its name, where known. */
  provider: string | null;
  /** Id; null for classic events. */
  event_id: number | null;
  /** Version of the event's layout. */
  version: number;
  /** Severity: 1 critical … 5 verbose; null where the header has none. */
  level: number | null;
  /** Opcode; with the class it identifies a classic event. */
  opcode: number | null;
  /** Keyword bits; null where the header has none. */
  keyword: string | null;
  /** Activity; null if all zeros. */
  activity_id: string | null;
  /** Activity that this one came from. */
  related_activity_id: string | null;
  /** Process-isolated container the event came from. */
  container_id: string | null;
  /** User, where the session asked for it. */
  sid: string | null;
  /** Return addresses recorded with it. */
  n_stack: number | null;
  /** Row in `buffers`. */
  buffer_row: number;
  /** Where the payload starts in its (unpacked) buffer. */
  payload_offset: number;
  /** Length of the payload. */
  payload_bytes: number;
  /** Address of the NBL it is about, where VmSwitch or TCPIP states it. */
  nbl_addr: string | null;
}

/** What an event says, decoded when asked for; beside the columns of `events`. */
export interface Fields {
  /** What its provider calls it; null where nobody says. */
  name: string | null;
  /** The event in a line: in our words, or its fields one after the other. */
  summary: string | null;
  /** What described it: tracelogging, event_source, metadata, catalog, user, … */
  source: string | null;
  /** Whether the payload fits its description; null without a description. */
  is_whole: boolean | null;
  /** 1 = described for this version of Windows; less is a guess. */
  confidence: number | null;
  /** What is doubtful: another version, inferred fields, bytes left; why it stays raw. */
  remark: string | null;
  /** Name of the process `pid` at that time, where the recording says it. */
  process: string | null;
  /** Container that this process was in, where its events say so. */
  process_container_id: string | null;
  /** The fields by name. */
  fields: unknown | null;
}

/** A place where packets were seen. */
export interface Points {
  /** Number, in order of first appearance. */
  point_id: number;
  /** Short and unique in the recording; the interface's name in a pcapng file. */
  name: string;
  /** The host it is on, as `session` names it. */
  host: string | null;
  /** miniport, filter, switch_port, vm_nic, host_vnic, external_nic, … */
  kind: string;
  /** What its packets begin with: ethernet, wifi, raw, payload. */
  link_type: string;
  /** All that the recording says of it. */
  description: string;
  /** Sightings with bytes. */
  n_packets: number;
  /** Of these, marked as dropped there; events without packets tell of more: see `drops`. */
  n_drops: number;
  /** What the recording says of it, by name: if_index, nic, port, mac, component, … */
  details: unknown;
}

/** One captured frame: its bytes, and what its headers say. */
export interface Frames {
  /** Number in order of first appearance, from 0. */
  frame_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** What its bytes begin with: ethernet, wifi, raw, payload. */
  link_type: string;
  /** Bytes in the recording. */
  captured_bytes: number;
  /** Bytes of the packet before it was truncated. */
  original_bytes: number;
  /** Of the innermost packet, for people: DNS, TLS, TCP, ICMP, ARP, … */
  protocol: string | null;
  /** Its source address: of IP, else the MAC address. */
  src: string | null;
  /** Its source port. */
  sport: number | null;
  /** Its destination address. */
  dst: string | null;
  /** Its destination port. */
  dport: number | null;
  /** What it says, in a line. */
  info: string | null;
  /** Source MAC address, `02:00:00:00:00:0a`. */
  eth_src: string | null;
  /** Destination MAC address. */
  eth_dst: string | null;
  /** EtherType behind the addresses, which may be that of a VLAN tag. */
  eth_type: number | null;
  /** EtherType behind tags and SNAP; the DSAP (below 256) of LLC without SNAP. */
  network_type: number | null;
  /** Of the outer tag in the bytes; for what stood beside them see `observations`. */
  vlan_id: number | null;
  /** Priority in that tag. */
  vlan_priority: number | null;
  /** Of a second tag in the bytes. */
  vlan2_id: number | null;
  /** Priority in that tag. */
  vlan2_priority: number | null;
  /** ARP: 1 request, 2 reply. */
  arp_op: number | null;
  /** ARP: MAC address of the sender. */
  arp_sender_mac: string | null;
  /** ARP: IPv4 address of the sender. */
  arp_sender_ip: string | null;
  /** ARP: MAC address of the target. */
  arp_target_mac: string | null;
  /** ARP: IPv4 address of the target. */
  arp_target_ip: string | null;
  /** 4 or 6. */
  ip_version: number | null;
  /** Source address of IPv4 or IPv6. */
  ip_src: string | null;
  /** Destination address of IPv4 or IPv6. */
  ip_dst: string | null;
  /** Length of the header, with IPv4's options; 40 for IPv6. */
  ip_header_bytes: number | null;
  /** DSCP << 2 | ECN. */
  ip_traffic_class: number | null;
  /** As stated: of IPv4 the whole packet, of IPv6 what is behind its 40 bytes. */
  ip_length: number | null;
  /** Identification of IPv4, or of IPv6's fragment header. */
  ip_id: number | null;
  /** 4 reserved, 2 don't fragment, 1 more fragments. */
  ip_flags: number | null;
  /** In units of 8 bytes. */
  ip_fragment_offset: number | null;
  /** Time to live, or hop limit. */
  ip_ttl: number | null;
  /** As the header states it; for IPv6 the first next header. */
  ip_protocol: number | null;
  /** IP protocol behind all extension headers: 6 TCP, 17 UDP, … */
  transport: number | null;
  /** Source port of TCP. */
  tcp_src_port: number | null;
  /** Destination port of TCP. */
  tcp_dst_port: number | null;
  /** Sequence number as in the frame, not relative. */
  tcp_seq: number | null;
  /** Acknowledgement as in the frame, also where the ACK flag is not set. */
  tcp_ack: number | null;
  /** 1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK, 32 URG, 64 ECE, 128 CWR, 256 AE. */
  tcp_flags: number | null;
  /** As in the frame, not scaled. */
  tcp_window: number | null;
  /** Length of the header. */
  tcp_header_bytes: number | null;
  /** Bytes of payload on the wire; null for IP fragments. */
  tcp_payload_bytes: number | null;
  /** Source port of UDP. */
  udp_src_port: number | null;
  /** Destination port of UDP. */
  udp_dst_port: number | null;
  /** As stated, with its header. */
  udp_length: number | null;
  /** Source port of SCTP. */
  sctp_src_port: number | null;
  /** Destination port of SCTP. */
  sctp_dst_port: number | null;
  /** Type of ICMP. */
  icmp_type: number | null;
  /** Code of ICMP. */
  icmp_code: number | null;
  /** Identifier of an ICMP echo or other query. */
  icmp_id: number | null;
  /** Its number. */
  icmp_seq: number | null;
  /** Type of ICMPv6. */
  icmpv6_type: number | null;
  /** Code of ICMPv6. */
  icmpv6_code: number | null;
  /** Identifier of an ICMPv6 echo. */
  icmpv6_id: number | null;
  /** Its number. */
  icmpv6_seq: number | null;
  /** EtherType of what GRE carries. */
  gre_protocol: number | null;
  /** Key of GRE. */
  gre_key: number | null;
  /** NVGRE: virtual subnet. */
  nvgre_vsid: number | null;
  /** NVGRE: the lower 8 bits of the key. */
  nvgre_flow_id: number | null;
  /** VXLAN: 16 bits; 0x0800 says that the VNI is valid. */
  vxlan_flags: number | null;
  /** VXLAN: network identifier. */
  vxlan_vni: number | null;
  /** `eth_src` of the packet that VXLAN, GRE or IP carries. */
  inner_eth_src: string | null;
  /** `eth_dst` of the packet that VXLAN, GRE or IP carries. */
  inner_eth_dst: string | null;
  /** `eth_type` of the packet that VXLAN, GRE or IP carries. */
  inner_eth_type: number | null;
  /** `network_type` of the packet that VXLAN, GRE or IP carries. */
  inner_network_type: number | null;
  /** `vlan_id` of the packet that VXLAN, GRE or IP carries. */
  inner_vlan_id: number | null;
  /** `vlan_priority` of the packet that VXLAN, GRE or IP carries. */
  inner_vlan_priority: number | null;
  /** `vlan2_id` of the packet that VXLAN, GRE or IP carries. */
  inner_vlan2_id: number | null;
  /** `vlan2_priority` of the packet that VXLAN, GRE or IP carries. */
  inner_vlan2_priority: number | null;
  /** `arp_op` of the packet that VXLAN, GRE or IP carries. */
  inner_arp_op: number | null;
  /** `arp_sender_mac` of the packet that VXLAN, GRE or IP carries. */
  inner_arp_sender_mac: string | null;
  /** `arp_sender_ip` of the packet that VXLAN, GRE or IP carries. */
  inner_arp_sender_ip: string | null;
  /** `arp_target_mac` of the packet that VXLAN, GRE or IP carries. */
  inner_arp_target_mac: string | null;
  /** `arp_target_ip` of the packet that VXLAN, GRE or IP carries. */
  inner_arp_target_ip: string | null;
  /** `ip_version` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_version: number | null;
  /** `ip_src` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_src: string | null;
  /** `ip_dst` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_dst: string | null;
  /** `ip_header_bytes` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_header_bytes: number | null;
  /** `ip_traffic_class` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_traffic_class: number | null;
  /** `ip_length` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_length: number | null;
  /** `ip_id` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_id: number | null;
  /** `ip_flags` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_flags: number | null;
  /** `ip_fragment_offset` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_fragment_offset: number | null;
  /** `ip_ttl` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_ttl: number | null;
  /** `ip_protocol` of the packet that VXLAN, GRE or IP carries. */
  inner_ip_protocol: number | null;
  /** `transport` of the packet that VXLAN, GRE or IP carries. */
  inner_transport: number | null;
  /** `tcp_src_port` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_src_port: number | null;
  /** `tcp_dst_port` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_dst_port: number | null;
  /** `tcp_seq` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_seq: number | null;
  /** `tcp_ack` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_ack: number | null;
  /** `tcp_flags` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_flags: number | null;
  /** `tcp_window` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_window: number | null;
  /** `tcp_header_bytes` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_header_bytes: number | null;
  /** `tcp_payload_bytes` of the packet that VXLAN, GRE or IP carries. */
  inner_tcp_payload_bytes: number | null;
  /** `udp_src_port` of the packet that VXLAN, GRE or IP carries. */
  inner_udp_src_port: number | null;
  /** `udp_dst_port` of the packet that VXLAN, GRE or IP carries. */
  inner_udp_dst_port: number | null;
  /** `udp_length` of the packet that VXLAN, GRE or IP carries. */
  inner_udp_length: number | null;
  /** `sctp_src_port` of the packet that VXLAN, GRE or IP carries. */
  inner_sctp_src_port: number | null;
  /** `sctp_dst_port` of the packet that VXLAN, GRE or IP carries. */
  inner_sctp_dst_port: number | null;
  /** `icmp_type` of the packet that VXLAN, GRE or IP carries. */
  inner_icmp_type: number | null;
  /** `icmp_code` of the packet that VXLAN, GRE or IP carries. */
  inner_icmp_code: number | null;
  /** `icmp_id` of the packet that VXLAN, GRE or IP carries. */
  inner_icmp_id: number | null;
  /** `icmp_seq` of the packet that VXLAN, GRE or IP carries. */
  inner_icmp_seq: number | null;
  /** `icmpv6_type` of the packet that VXLAN, GRE or IP carries. */
  inner_icmpv6_type: number | null;
  /** `icmpv6_code` of the packet that VXLAN, GRE or IP carries. */
  inner_icmpv6_code: number | null;
  /** `icmpv6_id` of the packet that VXLAN, GRE or IP carries. */
  inner_icmpv6_id: number | null;
  /** `icmpv6_seq` of the packet that VXLAN, GRE or IP carries. */
  inner_icmpv6_seq: number | null;
  /** DNS, mDNS, LLMNR: identifier. */
  dns_id: number | null;
  /** 1 response, 0 query. */
  dns_is_response: number | null;
  /** 0 standard query, 4 notify, 5 update, … */
  dns_opcode: number | null;
  /** Of responses: 0 no error, 2 server failure, 3 no such name, … */
  dns_rcode: number | null;
  /** Answers, as counted in the header. */
  dns_answers: number | null;
  /** Type of the first question: 1 A, 28 AAAA, … */
  dns_qry_type: number | null;
  /** Name in the first question. */
  dns_qry_name: string | null;
  /** First IPv4 address in the answers. */
  dns_a: string | null;
  /** First IPv6 address in the answers. */
  dns_aaaa: string | null;
  /** DHCP: transaction. */
  dhcp_id: number | null;
  /** 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, … */
  dhcp_type: number | null;
  /** MAC address of the client. */
  dhcp_client_mac: string | null;
  /** Address given to the client (`yiaddr`). */
  dhcp_assigned: string | null;
  /** Address that the client asks for. */
  dhcp_requested: string | null;
  /** Host name that the client states. */
  dhcp_hostname: string | null;
  /** HTTP/1: the digit behind `HTTP/1.` */
  http_version: number | null;
  /** Method of a request. */
  http_method: string | null;
  /** Target of a request, as it stands in its first line. */
  http_uri: string | null;
  /** Host that a request names. */
  http_host: string | null;
  /** Status of a response. */
  http_status: number | null;
  /** Status in words, as the response has it. */
  http_phrase: string | null;
  /** 20 change cipher spec, 21 alert, 22 handshake, 23 application data. */
  tls_record_type: number | null;
  /** Version of the first record: 0x0303 is TLS 1.2, also said by 1.3. */
  tls_record_version: number | null;
  /** 1 client hello, 2 server hello, …; null where it is encrypted. */
  tls_handshake_type: number | null;
  /** Version that a hello states in the place of TLS 1.2 and before. */
  tls_hello_version: number | null;
  /** Why, of an alert that is not encrypted: 40 handshake failure, … */
  tls_alert: number | null;
  /** Name of the server that the client's hello asks for. */
  tls_sni: string | null;
  /** What was captured. */
  bytes: string;
}

/** An IP address that a captured frame has, in an outer or inner header. */
export interface Addresses {
  /** As it stands in `frames`. */
  address: string;
  /** 4 or 6. */
  version: number;
  /** Upper 64 bits as a number; 0 for IPv4. */
  high: string;
  /** Lower 64 bits as a number; of IPv4 all 32. */
  low: string;
}

/** One sighting of a packet at a point, in order of time. */
export interface Observations {
  /** Number in order of time, from 0. */
  observation_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** The event that logged it: its row in `events`. */
  event_row: number;
  /** The frame that was seen; null where only headers were logged. */
  frame_id: number | null;
  /** When it was seen. */
  ts_ns: number | null;
  /** Processor that logged it. */
  cpu: number;
  /** Process that was running; often not the owner of the traffic. */
  pid: number | null;
  /** Thread that was running. */
  tid: number | null;
  /** Where: a row of `points`. */
  point_id: number;
  /** in or out, as the owner of the point sees it. */
  direction: string | null;
  /** PktGroupId of pktmon. */
  packet_group: string | null;
  /** PktNumber of pktmon: which packet of the group. */
  packet_number: number | null;
  /** AppearanceCount of pktmon: which sighting of the packet, from 1. */
  appearance: number | null;
  /** VLAN from out-of-band data; 0 = untagged; null = not recorded. */
  vlan: number | null;
  /** 802.1p priority from out-of-band data. */
  priority: number;
  /** Switch port it came from, by out-of-band data. */
  source_port: number | null;
  /** Whether the NIC was to cut it into several packets. */
  is_large_send: boolean;
  /** Segments that were joined to it; 0 = none, or not recorded. */
  n_coalesced: number;
  /** What else the event says of it: radio data of Wi-Fi frames. */
  remark: string | null;
  /** Whether the packet was dropped here. */
  is_drop: boolean;
  /** Stable name of the reason. */
  drop_reason: string | null;
  /** As Windows numbers it. */
  drop_reason_code: number | null;
  /** Where in Windows' code, by name or number. */
  drop_location: string | null;
  /** As Windows numbers it. */
  drop_location_code: number | null;
}

/** Something that could not be read, or was lost. */
export interface Diagnostics {
  /** Stable name. */
  code: string;
  /** note, loss or damage. */
  severity: string;
  /** Where in reading it was found. */
  stage: string;
  /** The file it concerns. */
  file: string | null;
  /** First place in the file. */
  byte_offset: number | null;
  /** How often. */
  count: number;
  /** What it is, in words. */
  text: string;
  /** More about this one. */
  detail: string | null;
  /** What to do about it. */
  advice: string | null;
}

/** A thing of the virtual network, while it was there. */
export interface Nodes {
  /** Stable key: kind and what identifies it; with `session_id` it is unique. */
  node_id: string;
  /** The first recording of the host it is on. */
  session_id: number;
  /** physical_nic, team, vswitch, port, host_vnic, vm, container, compartment, … */
  kind: string;
  /** What people call it. */
  name: string;
  /** Its GUID, where it has one. */
  guid: string | null;
  /** The node it is part of. */
  parent: string | null;
  /** Seen from; null = as long as the recording knows. */
  from_ns: number | null;
  /** Gone at; null = still there at the end. */
  to_ns: number | null;
  /** What else is known: addresses, VLAN, type, isolation, … */
  properties: unknown;
  /** recording, inventory, or both. */
  source: string;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
  /** Why, where it is inferred. */
  reason: string | null;
  /** Rows of `events` it rests on. */
  evidence: number[];
}

/** A connection of two things of the virtual network, while it was there. */
export interface Edges {
  /** The first recording of the host it is on. */
  session_id: number;
  /** uplink, member, attached, connects, owns, translates, … */
  kind: string;
  /** From this node. */
  source_id: string;
  /** To this one. */
  target_id: string;
  /** Seen from; null = as long as the recording knows. */
  from_ns: number | null;
  /** Gone at; null = still there at the end. */
  to_ns: number | null;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
  /** Why, where it is inferred. */
  reason: string | null;
  /** Rows of `events` it rests on. */
  evidence: number[];
}

/** The clock of a recording's host, against that of the first host. */
export interface Clocks {
  /** The recording it belongs to. */
  session_id: number;
  /** Name of the host, where anything tells it. */
  host: string | null;
  /** How far its clock is ahead; null = not known, and its times stay its own. */
  offset_ns: number | null;
  /** By how many millionths it is faster; null = packets do not show that it is. */
  rate_ppm: number | null;
  /** When it was ahead by that much, by its own clock, where it is faster or slower. */
  at_ns: number | null;
  /** The offset is right to within; null = nothing bounds it on one side. */
  error_ns: number | null;
  /** Packets that it sent and another host was seen to get. */
  n_sent: number;
  /** Packets that it got and another host was seen to send. */
  n_received: number;
  /** 1 = the first host's own; less is inferred; 0 = not known. */
  confidence: number;
  /** What it rests on, or why it is not known. */
  reason: string | null;
}

/** One packet's way through the host. */
export interface Journeys {
  /** Number in order of first sighting, from 1. */
  journey_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** First sighting. */
  first_ns: number | null;
  /** Last sighting. */
  last_ns: number | null;
  /** TCP, UDP, ICMP, ARP, … of the innermost packet. */
  protocol: string | null;
  /** Source address. */
  src: string | null;
  /** Source port. */
  sport: number | null;
  /** Destination address. */
  dst: string | null;
  /** Destination port. */
  dport: number | null;
  /** Source address as last seen. */
  src_last: string | null;
  /** Source port as last seen. */
  sport_last: number | null;
  /** Destination address as last seen. */
  dst_last: string | null;
  /** Destination port as last seen. */
  dport_last: number | null;
  /** Hops. */
  n_hops: number;
  /** Where it was seen first. */
  first_point: string | null;
  /** Where it was seen last. */
  last_point: string | null;
  /** Its points in short. */
  path: string;
  /** delivered, answered, left_host, dropped, vanished, unknown. */
  outcome: string;
  /** Stable name of the reason of its drop. */
  drop_reason: string | null;
  /** As Windows numbers it. */
  drop_reason_code: number | null;
  /** Where in Windows' code. */
  drop_location: string | null;
  /** Conversation it belongs to. */
  flow_id: number | null;
  /** Journey of the packet that answers this one; null = none was seen to. */
  answer_id: number | null;
  /** Journey of the packet that it was joined into as a segment. */
  joined_id: number | null;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
  /** Why the outcome is what it is, where it is not plain. */
  reason: string | null;
}

/** One sighting of a packet on its journey. */
export interface Hops {
  /** Journey it belongs to. */
  journey_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** Number in the journey, from 0. */
  seq: number;
  /** When it was seen. */
  ts_ns: number | null;
  /** Since the hop before; null at the first. */
  latency_ns: number | null;
  /** Name of the point, unique in the recording. */
  point: string | null;
  /** Kind of the point. */
  kind: string | null;
  /** NIC there. */
  nic: string | null;
  /** Virtual switch there. */
  vswitch: string | null;
  /** Switch port there. */
  port: string | null;
  /** Container whose NIC it is. */
  container: string | null;
  /** VM whose NIC it is. */
  vm: string | null;
  /** Network compartment. */
  compartment: number | null;
  /** What happened: received, routed, delivered, frame, translated, dropped, … */
  event: string;
  /** in or out, as the owner of the point sees it. */
  direction: string | null;
  /** Source address. */
  src: string | null;
  /** Source port. */
  sport: number | null;
  /** Destination address. */
  dst: string | null;
  /** Destination port. */
  dport: number | null;
  /** Source of the encapsulating packet. */
  outer_src: string | null;
  /** Its destination. */
  outer_dst: string | null;
  /** VXLAN network identifier, or NVGRE's VSID. */
  vni: number | null;
  /** What was rewritten since the hop before. */
  rewrite: string | null;
  /** Set on the hop where the packet was dropped. */
  drop_id: number | null;
  /** Stable name of the reason. */
  drop_reason: string | null;
  /** Rule that dropped the packet, or the last that let it pass there. */
  rule: string | null;
  /** The frame that was seen. */
  frame_id: number | null;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
  /** Why the link to the hop before was inferred. */
  reason: string | null;
  /** Rows of `events` it rests on. */
  evidence: number[];
}

/** One packet that was dropped. */
export interface Drops {
  /** Number in order of time, from 1. */
  drop_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** When. */
  ts_ns: number | null;
  /** Journey that ended there. */
  journey_id: number | null;
  /** TCP, UDP, ICMP, … */
  protocol: string | null;
  /** Source address. */
  src: string | null;
  /** Source port. */
  sport: number | null;
  /** Destination address. */
  dst: string | null;
  /** Destination port. */
  dport: number | null;
  /** Name of the point, unique in the recording. */
  point: string | null;
  /** NIC there. */
  nic: string | null;
  /** Virtual switch there. */
  vswitch: string | null;
  /** Switch port there. */
  port: string | null;
  /** Stable name of the reason. */
  drop_reason: string;
  /** As Windows numbers it. */
  drop_reason_code: number | null;
  /** Where in Windows' code. */
  drop_location: string | null;
  /** The rule that decided, where known. */
  rule: string | null;
  /** The frame, where it was captured. */
  frame_id: number | null;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
  /** Why the drop was tied to its journey, where inferred. */
  reason: string | null;
  /** What to do about it. */
  advice: string | null;
  /** Rows of `events` it rests on. */
  evidence: number[];
}

/** One conversation, joined across NAT and encapsulation. */
export interface Flows {
  /** Number in order of first packet, from 1. */
  flow_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** TCP, UDP, ICMP, … */
  protocol: string | null;
  /** Source address. */
  src: string | null;
  /** Source port. */
  sport: number | null;
  /** Destination address. */
  dst: string | null;
  /** Destination port. */
  dport: number | null;
  /** Source address on the other side of a NAT. */
  outside_src: string | null;
  /** Source port there. */
  outside_sport: number | null;
  /** Destination address there. */
  outside_dst: string | null;
  /** Destination port there. */
  outside_dport: number | null;
  /** NAT session between the two sides. */
  nat_id: number | null;
  /** First packet. */
  first_ns: number | null;
  /** Last packet. */
  last_ns: number | null;
  /** Packets from src to dst. */
  n_packets: number;
  /** Packets of the other direction. */
  n_packets_back: number;
  /** Bytes from src to dst. */
  n_bytes: number;
  /** Bytes of the other direction. */
  n_bytes_back: number;
  /** TCP segments sent again, both directions. */
  n_retransmissions: number;
  /** Packets dropped or vanished inside the host. */
  n_lost: number;
  /** SYN to ACK of the handshake. */
  handshake_ns: number | null;
  /** Median time from first to last hop, of the last 64 packets with several. */
  transit_ns: number | null;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
}

/** One translation: inside and outside tuple of a conversation. */
export interface NatSessions {
  /** Number in order of first appearance, from 1. */
  nat_id: number;
  /** The recording it belongs to. */
  session_id: number;
  /** TCP, UDP, ICMP. */
  protocol: string | null;
  /** Source address inside the NAT. */
  inside_src: string | null;
  /** Source port inside the NAT. */
  inside_sport: number | null;
  /** Destination address inside the NAT. */
  inside_dst: string | null;
  /** Destination port inside the NAT. */
  inside_dport: number | null;
  /** Source address outside the NAT. */
  outside_src: string | null;
  /** Source port outside the NAT. */
  outside_sport: number | null;
  /** Destination address outside the NAT. */
  outside_dst: string | null;
  /** Destination port outside the NAT. */
  outside_dport: number | null;
  /** First packet, or creation. */
  first_ns: number | null;
  /** Last packet, or deletion. */
  last_ns: number | null;
  /** Packets translated, both directions. */
  n_packets: number;
  /** dynamic, or mapping (a published port). */
  kind: string;
  /** Compartment of the inside. */
  compartment: number | null;
  /** 1 = stated by Windows; less is inferred. */
  confidence: number;
  /** Why, where it is inferred. */
  reason: string | null;
  /** Rows of `events` it rests on. */
  evidence: number[];
}
