"""Words for the numbers in protocol headers, as Wireshark's users know them. Numbers: IANA's registries."""

from __future__ import annotations

IP_PROTOCOLS = {
    1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6",
    88: "EIGRP", 89: "OSPF", 103: "PIM", 112: "VRRP", 132: "SCTP",
}  # fmt: skip
NETWORK_TYPES = {
    0x42: "STP", 0x0800: "IPv4", 0x0806: "ARP", 0x0842: "WoL", 0x86DD: "IPv6", 0x8809: "LACP", 0x8847: "MPLS",
    0x8863: "PPPoED", 0x8864: "PPPoES", 0x888E: "EAPOL", 0x88CC: "LLDP", 0x8906: "FCoE", 0x8915: "RoCE",
}  # fmt: skip
"""EtherTypes; below 256 the DSAP of LLC."""
UDP_PORTS = {123: "NTP", 137: "NBNS", 138: "NBDS", 161: "SNMP", 500: "ISAKMP", 546: "DHCPv6", 547: "DHCPv6"}
"""Protocols over UDP that are known by their port alone."""

TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE", "RES", "RES", "RES")
"""From the lowest bit on."""

DNS_OPCODES = {
    0: "Standard query", 1: "Inverse query", 2: "Server status request", 4: "Zone change notification",
    5: "Dynamic update", 6: "Stateful operation",
}  # fmt: skip
DNS_ERRORS = {
    1: "Format error", 2: "Server failure", 3: "No such name", 4: "Not implemented", 5: "Refused", 6: "Name exists",
    7: "RRset exists", 8: "RRset does not exist", 9: "Not authoritative", 10: "Name out of zone",
}  # fmt: skip
DNS_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB",
    24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 39: "DNAME",
    41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID",
    50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 64: "SVCB", 65: "HTTPS",
    99: "SPF", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
    0xFF01: "WINS", 0xFF02: "WINS-R",
}  # fmt: skip

DHCP_TYPES = {
    1: "Discover", 2: "Offer", 3: "Request", 4: "Decline", 5: "ACK", 6: "NAK", 7: "Release", 8: "Inform",
    9: "Force Renew",
}  # fmt: skip

TLS_RECORDS = {
    20: "Change Cipher Spec", 21: "Alert", 22: "Encrypted Handshake Message", 23: "Application Data", 24: "Heartbeat",
}  # fmt: skip
TLS_HANDSHAKES = {
    0: "Hello Request", 1: "Client Hello", 2: "Server Hello", 4: "New Session Ticket", 5: "End of Early Data",
    8: "Encrypted Extensions", 11: "Certificate", 12: "Server Key Exchange", 13: "Certificate Request",
    14: "Server Hello Done", 15: "Certificate Verify", 16: "Client Key Exchange", 20: "Finished",
    22: "Certificate Status", 24: "Key Update",
}  # fmt: skip
TLS_ALERTS = {
    0: "Close Notify", 10: "Unexpected Message", 20: "Bad Record MAC", 21: "Decryption Failed", 22: "Record Overflow",
    30: "Decompression Failure", 40: "Handshake Failure", 41: "No Certificate", 42: "Bad Certificate",
    43: "Unsupported Certificate", 44: "Certificate Revoked", 45: "Certificate Expired", 46: "Certificate Unknown",
    47: "Illegal Parameter", 48: "Unknown CA", 49: "Access Denied", 50: "Decode Error", 51: "Decrypt Error",
    70: "Protocol Version", 71: "Insufficient Security", 80: "Internal Error", 86: "Inappropriate Fallback",
    90: "User Canceled", 100: "No Renegotiation", 109: "Missing Extension", 110: "Unsupported Extension",
    112: "Unrecognized Name", 116: "Certificate Required", 120: "No Application Protocol",
}  # fmt: skip

ICMP_TYPES = {
    0: "Echo (ping) reply", 3: "Destination unreachable", 4: "Source quench", 5: "Redirect", 8: "Echo (ping) request",
    9: "Router advertisement", 10: "Router solicitation", 11: "Time-to-live exceeded", 12: "Parameter problem",
    13: "Timestamp request", 14: "Timestamp reply", 17: "Address mask request", 18: "Address mask reply",
}  # fmt: skip
ICMP_CODES = {
    (3, 0): "Network unreachable", (3, 1): "Host unreachable", (3, 2): "Protocol unreachable",
    (3, 3): "Port unreachable", (3, 4): "Fragmentation needed", (3, 5): "Source route failed",
    (3, 6): "Network unknown", (3, 7): "Host unknown", (3, 9): "Network administratively prohibited",
    (3, 10): "Host administratively prohibited", (3, 11): "Network unreachable for TOS",
    (3, 12): "Host unreachable for TOS", (3, 13): "Communication administratively filtered",
    (5, 0): "Redirect for network", (5, 1): "Redirect for host",
    (11, 0): "Time to live exceeded in transit", (11, 1): "Fragment reassembly time exceeded",
}  # fmt: skip
ICMPV6_TYPES = {
    1: "Destination Unreachable", 2: "Packet Too Big", 3: "Time Exceeded", 4: "Parameter Problem",
    128: "Echo (ping) request", 129: "Echo (ping) reply", 130: "Multicast Listener Query",
    131: "Multicast Listener Report", 132: "Multicast Listener Done", 133: "Router Solicitation",
    134: "Router Advertisement", 135: "Neighbor Solicitation", 136: "Neighbor Advertisement", 137: "Redirect",
    143: "Multicast Listener Report v2",
}  # fmt: skip
ICMPV6_CODES = {
    (1, 0): "no route to destination", (1, 1): "administratively prohibited", (1, 2): "beyond scope of source address",
    (1, 3): "address unreachable", (1, 4): "port unreachable", (1, 5): "source address failed policy",
    (1, 6): "reject route to destination", (3, 0): "hop limit exceeded in transit",
    (3, 1): "fragment reassembly time exceeded",
}  # fmt: skip
