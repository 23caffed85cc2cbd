"""Rules that block, and the reasons for which packets are dropped."""

from __future__ import annotations

from ipaddress import IPv4Network

from wnv_lab.frames import ICMP, IPV4, TCP, UDP
from wnv_lab.model import Header
from wnv_lab.scenario import RuleSpec
from wnv_lab.stages import Reason

PROTOCOLS = {"": 0, "icmp": ICMP, "tcp": TCP, "udp": UDP}

# PktMon's numbers and locations (docs/formats/pktmon.md); 0 to 38 are the switch's own reasons too.
ACL = Reason("filtered", 8, 0xE000204E, "acl")
EXTENDED_ACL = Reason("filtered", 8, 0xE000204E, "extended-acl")
WRONG_VLAN = Reason("filtered_vlan", 9, 0xE0002053, "vms")
SPOOFED = Reason("mac_spoofing", 16, 0xE000201B, "vms")
DHCP_GUARDED = Reason("dhcp_guard", 17, 0xE000204E, "vms")
TOO_BIG = Reason("mtu_mismatch", 23, 0xE0002033, "vms")
DISABLED = Reason("nic_disabled", 33, 0xE0002051, "vms")
CABLE_DISABLED = Reason("nic_disabled", 33, 0xE0002051, "nothing")
NO_DESTINATION = Reason("unicast_no_destination", 711, 0xE0006063, "vfp")
VFP_BLOCKED = Reason("intercept_block", 716, 0xE0006090, "vfp")
FIREWALL_IN = Reason("inet_accept_inspection", 1231, 0xE0004001, "wfp")
FIREWALL_OUT = Reason("nl_inspection_drop", 909, 0xE0004002, "wfp")
NOT_LOCAL = Reason("nl_not_locally_destined", 902, 0xE0004003, "tcpip")


def matches(rule: RuleSpec, header: Header, direction: str) -> bool:
    """Whether a rule is about a packet."""
    if rule.direction != direction or header.ethertype != IPV4:
        return False
    if rule.protocol and PROTOCOLS[rule.protocol] != header.protocol:
        return False
    if rule.port and rule.port != header.dport:
        return False
    other = header.dst if direction == "out" else header.src
    return not rule.address or int.from_bytes(other, "big") in prefix_range(rule.address)


def prefix_range(prefix: str) -> range:
    """The addresses of a prefix, as numbers."""
    network = IPv4Network(prefix, strict=False)
    return range(int(network.network_address), int(network.broadcast_address) + 1)
