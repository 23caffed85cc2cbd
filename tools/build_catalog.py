"""Makes src/wnv/data/catalog/ from a folder of event schemas: `build_catalog.py SCHEMAS [OUTPUT]`.

SCHEMAS holds dumps (.json) and instrumentation manifests (.man); of a provider that has both, the dump counts.

The schemas hold ids, names, types and maps of providers as published dumps have them (facts); their message texts
are not read. Where a dump lost something that is known from elsewhere, the tables below put it back, each with
where it is known from. Maps whose words are sentences get short words of our own. The same schemas always give
the same bytes, and tests/decode/test_catalog.py checks that the committed files are up to date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wnv.decode.description import FieldDescription, ValueMap
from wnv.decode.dumps import Dump, merge_builds, parse_dump, parse_maps
from wnv.decode.manifest import parse_manifest
from wnv.decode.provider import EventEntry, ProviderEvents, Variant, encode_provider

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "wnv" / "data" / "catalog"

Row = dict[str, Any]  # Any: JSON
Fix = Callable[[Row, list[Row]], None]
"""Changes a field of the dump, given all fields of its event."""

BUILDS = (14393, 17763, 20348, 22000, 26100)
"""Older builds that dumps were made of. One without a file, newer than one with a file, is as the newest."""
NEWEST_CLIENT = 28000

MOST_WORDS = 4
"""Of a map's word; longer ones are sentences and need one of ours."""

WORDS: dict[str, dict[int, str]] = {
    "NVSC_DROP_REASON_VALUEMAP": {
        1: "dropped at microport",
        3: "no memory for message",
        4: "too many packets outstanding",
        5: "VF not running",
        7: "MDL not converted",
        8: "no memory for context",
        9: "device not started or gone",
        11: "send message not prepared",
        12: "VMBus send failed",
    },
    "NVSC_OPEN_NDK_FAILURE_REASON_VALUEMAP": {
        2: "VF without RDMA",
        3: "VF driver's NDK call failed",
        4: "no NDK adapter returned",
    },
    "NVSC_SRIOV_VF_FAILURE_REASON_VALUEMAP": {
        3: "VF serial number unknown",
        5: "VF in wrong state",
        7: "data path not switched",
        8: "packet filter not set",
        9: "TCP offload not set",
    },
    "mapInitializeReason": {
        2: "OID list failed",
        3: "no WOL on miniport",
        4: "Ethernet filter database failed",
        5: "Token Ring database failed",
        6: "NULL filter database failed",
        7: "bottom NULL database failed",
    },
    "mapPnPActivationFailureReason": {
        1: "default port: bad activation",
        2: "default port: already active",
        4: "port not allocated",
        5: "default port: bad deactivation",
        6: "default port: already inactive",
        7: "port not active",
    },
    "mapMiniportEvent": {
        70: "Fatal: by user",
        71: "Fatal: internal error",
        72: "Fatal: IM initialization",
        73: "Fatal: restart failed",
        74: "Fatal: power up failed",
        75: "Fatal: power down failed",
        76: "Interface deleted before device",
    },
    "mapResetReason": {1: "OID request timed out", 2: "hardware not responding", 3: "driver asked for it"},
    "TCPIP_Protocol_ValueMap": {4: "IPv4", 6: "IPv6"},
    "TCPIP_Transport_Protocol_ValueMap": {0: "Unknown"},
    "TCPIP_SLOW_PATH_REASON_ValueMap": {
        0: "IP checksum not offloaded",
        1: "TCP checksum not offloaded",
        2: "UDP checksum not offloaded",
        3: "header not aligned",
        5: "source not unicast",
        6: "destination not plain",
        7: "headers not contiguous",
        10: "transport header not contiguous",
        13: "path invalid by policy",
        14: "DHCP address promiscuous",
        15: "ECN not negotiated",
        16: "session state incompatible",
        18: "no IPv6 UDP checksum",
        19: "loopback interface",
        20: "raw socket",
        29: "transport not eligible",
        30: "bad IP length",
    },
    "TCP_WSD_ValueMap": {0: "no WSD cache", 2: "no persistent parameters"},
    "TCPIP_NETWORK_PACKET_DROP_REASON_ValueMap": {273: "IPSNPI: no next hop"},
    "TCPIP_TRANSPORT_PACKET_DROP_REASON_ValueMap": {4: "endpoint not found"},
    "TCPIP_OFFLOAD_FAILURE_REASON_ValueMap": {5: "WFP stream inspection"},
    "IP_SOURCE_ADDRESS_PREFERENCE_RULE_ValueMap": {
        81: "address of next hop",
        113: "system preference",
        114: "longest match with next hop",
        128: "longest matching prefix",
    },
    "ICMP_PACKET_DROP_REASON_ValueMap": {
        4: "own neighbor discovery looped",
        9: "no error for error",
        16: "no ancillary data",
    },
    "IP_ROUTER_INFORMATION_CHANGE_NOTIFY_REASON_ValueMap": {1: "DNS in router advertisement"},
    "UDP_OFFLOAD_FAILURE_REASON_ValueMap": {2: "segment above MTU"},
    "SESSION_MULTICAST_OPERATION_TYPE_ValueMap": {3: "join, add source", 4: "leave, drop source"},
    "TCPIP_IP_MULTICAST_INFO_ValueMap": {
        1: "session state created",
        2: "session state existed",
        3: "sources added",
        4: "sources removed",
        5: "group updated, report due",
        6: "group unchanged",
        7: "discovery version updated",
    },
    "TCPIP_IP_REASSEMBLY_WFP_ValueMap": {0: "to the fragment", 1: "fragment to reassembly"},
    "IP_INVALID_ANCILLARY_DATA_REASON_ValueMap": {
        1: "message too short",
        2: "data shorter than header",
        5: "bad length of option",
        7: "bad type of service",
        10: "bad ECN",
    },
    "IP_INVALID_IPV4_OPTION_REASON_ValueMap": {
        2: "bad option length",
        3: "option shorter than header",
        4: "buffer shorter than option",
        5: "option below its minimum",
        6: "list of no entries",
        7: "payload not aligned",
        9: "options repeated or contradictory",
    },
    "IP_INVALID_PKTINFO_OPTION_REASON_ValueMap": {
        1: "message too short",
        2: "data shorter than header",
        4: "bad IP_PKTINFO_EX length",
        7: "scope not the interface's",
        8: "no address to return",
    },
    "WINNAT_STATIC_MAPPING_TYPE_ValueMap": {1: "one-to-one", 2: "one-to-many"},
    "WINNATM_PACKET_ACTION_REASON_ValueMap": {
        2: "first fragment missing",
        3: "ICMP error: inner packet bad",
        4: "ICMP error: no session",
        5: "no next hop (hairpin)",
        6: "no static mapping",
        7: "next hop not referenced",
        8: "not cloned",
        9: "not translated",
        11: "larger than MTU",
        12: "route lookup failed",
        13: "no route to destination",
        14: "session not created",
        15: "next hop not external",
        16: "external interface without instance",
        17: "NAT as internal host",
        18: "routable in arrival compartment",
        19: "protocol not supported",
        20: "destined to NAT itself",
        21: "outside NAT's addresses",
        22: "rejected by MUX",
        23: "MUX: no VIP or DIP",
        24: "MUX: encapsulated send failed",
        25: "arrival interface without instance",
    },
    "AFD_ABORT_ValueMap": {
        1: "receive flush failed",
        3: "SD_RECEIVE with data pending",
        4: "by transport",
        5: "accepted without listener",
        7: "disconnect with data pending",
        8: "fast receive: bad buffer",
        10: "no buffer",
        12: "data after receive shutdown",
        13: "data during cleanup",
        18: "during connect request",
        19: "Plug and Play",
    },
    "AFD_DGRAM_DROP_ValueMap": {1: "not from connected address", 4: "no space (circular queue)", 5: "too large"},
}
"""Our word for a value of a map, where the dump has a sentence."""

GENERIC = {"Action", "Direction", "Event", "Flags", "Operation", "Reason", "State", "Status", "Type", "Value"}
"""Names that mean something else in each event, so that their map is not given to others of the name."""

MORE_MAPS = {
    ("Hyper-V-VmSwitch", "DropReason"): "VmsDropReason",  # vmswitch.md, "Drops"; 53 too is about the switch's QoS
    ("Hyper-V-VfpExt", "IpProtocol"): "IPProtocol",
    ("Winsock-AFD", "AddressFamily"): "AddressFamily",
    ("Winsock-AFD", "Protocol"): "IPProtocol",
    ("DNS-Client", "QueryType"): "DnsType",
    ("PktMon", "TCPFlags"): "TCPFlags",  # the map's name in pktmon's own recordings
    ("WFP", "PacketDirection"): "DirectionMap",
    ("WFP", "LayerId"): "FWPS_BUILTIN_LAYERS",
    ("NDIS-PacketCapture", "NextState"): "ut:OpcodeMap",
}
"""Maps of fields that dumps have without one."""

EVENT_MAPS = {
    ("TCPIP", 1214, "Reason"): "TCPIP_TRANSPORT_PACKET_DROP_REASON_ValueMap",
    ("Winsock-AFD", 1032, "Reason"): "AFD_ABORT_ValueMap",
}
"""Likewise, by event: dumps have these maps, and no field with them."""

OWN_MAPS: dict[str, dict[str, str]] = {
    "IPProtocol": {"1": "ICMP", "2": "IGMP", "6": "TCP", "17": "UDP", "47": "GRE", "50": "ESP", "58": "ICMPv6"},
    "AddressFamily": {"2": "IPv4", "23": "IPv6"},
    "DnsType": {
        "1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "12": "PTR", "15": "MX", "16": "TXT", "28": "AAAA",
        "33": "SRV", "35": "NAPTR", "39": "DNAME", "43": "DS", "46": "RRSIG", "47": "NSEC", "48": "DNSKEY",
        "64": "SVCB", "65": "HTTPS", "251": "IXFR", "252": "AXFR", "255": "ANY",
    },
    "FWPS_BUILTIN_LAYERS": {
        str(4 * group + 2 * is_v6 + is_discard): f"{word} IPv{6 if is_v6 else 4}{', discarded' if is_discard else ''}"
        for group, word in enumerate((
            "inbound IP", "outbound IP", "IP forward", "inbound transport", "outbound transport", "stream",
            "datagram data", "inbound ICMP error", "outbound ICMP error", "resource assignment", "listen",
            "receive/accept", "connect", "flow established",
        ))
        for is_v6 in (0, 1) for is_discard in (0, 1)
    },
}  # fmt: skip
"""Numbers of IANA, of ws2def.h for the families, of fwpsk.h for the layers (the same since Windows 7)."""

OWN_BIT_MAPS: dict[str, dict[str, str]] = {
    "TCPFlags": {"1": "FIN", "2": "SYN", "4": "RST", "8": "PSH", "16": "ACK", "32": "URG", "64": "ECE", "128": "CWR"},
}
"""Bits of IANA."""

LAST_VMS_DROP_REASON = 38
LAST_OF_2018 = 17763
DROP_WORDS = OUTPUT.parent / "drop_words.json"
"""Made by build_words.py; says which numbers of 2018 mean what."""

KERNEL = {
    "Hyper-V-KMCL", "Hyper-V-Netvsc", "Hyper-V-SynthNic", "Hyper-V-VfpExt", "Hyper-V-VmSwitch", "MsLbfoEventProvider",
    "MsLbfoSysEvtProvider", "NDIS", "NDIS-PacketCapture", "NdisImPlatformEventProvider",
    "NdisImPlatformSysEvtProvider", "OverlayFilter", "PktMon", "TCPIP", "WinNat", "Winsock-AFD",
}  # fmt: skip
"""Providers of drivers, whose Status is an NTSTATUS."""

OUT_TYPES: tuple[tuple[str, str, str, str], ...] = (
    # Socket addresses: etl-format.md (9.2) for the form; the length stands in a field before. TCPIP's `IpAddrLength`
    # fields may be bare addresses, so they stay bytes.
    ("TCPIP", r"(?:Local|Remote|Endpoint|Send|CurrentLocal|ModifiedLocal)Address|\w*SockAddr|SocketAddress", "Binary",
     "SocketAddress"),
    ("WFP", r"(?:MainMode|Packet)?(?:Local|Remote|Peer)(?:Address|TunnelEndpoint)", "Binary", "SocketAddress"),
    ("WinNat", r"\w+Addr|\w+TransportAddress|IPAddress|RemoteAddressPrefix|Interna\w+Prefix", "Binary",
     "SocketAddress"),  # vmswitch.md: "Addresses are SOCKADDR blobs"
    ("Winsock-AFD", r"Address", "Binary", "SocketAddress"),
    ("DNS-Client", r"(?:Dns)?Address", "Binary", "SocketAddress"),
    # Addresses of IPv4 and IPv6: an event for each, with the same names.
    ("Kernel-Network", r"[ds]addr", "UInt32", "IPv4"),
    ("Kernel-Network", r"[ds]addr", "Binary", "IPv6"),
    ("Kernel-Network", r"[ds]port", "UInt16", "Port"),  # the TcpIp class of Windows' MOF: in network order
    ("Hyper-V-VfpExt", r"\w*(?:IP|Ip|IpAddr|NextHop)", "UInt32", "IPv4"),
    ("Hyper-V-VfpExt", r"\w*IP|IpAddr|NextHop|\w*Ipv[46]Addr[01]?", "Binary", "IPv6"),
    ("WinNat", r"\w*AddressPrefix|Address|IPv4Prefix", "UInt32", "IPv4"),
    ("WinNat", r"SyntheticIPv6Address|RemotePrefix|LocalPrefix", "Binary", "IPv6"),
    ("Winsock-AFD", r"Address", "UInt32", "IPv4"),
    ("Pef-WFP-MessageProvider", r"(?:Source|Destination)Address", "UInt32", "IPv4"),
    ("Pef-WFP-MessageProvider", r"(?:Source|Destination)Address", "Binary", "IPv6"),
    ("NDIS", r"(?:Source|Destination)Address", "UInt32", "IPv4"),
    ("NDIS", r"(?:Source|Destination)Address", "Binary", "IPv6"),
    ("DNS-Client", r"(?:Source|Destination)Address", "UInt32", "IPv4"),
    ("DNS-Client", r"(?:Source|Destination)Address", "Binary", "IPv6"),
    ("TCPIP", r"(?:Src|Dest)Address|Ip(?:Source|Target)Address", "UInt32", "IPv4"),
    ("TCPIP", r"PrefixValue", "Binary", "IPv6"),
    ("TCPIP", r"D[Ll]Address|(?:Src|Dest)DLAddress|DlSourceAddress", "Binary", "hexBinary"),
    ("DNS-Client", r"Status|ErrorCode|QueryStatus|ResponseStatus|StatusCode", "UInt32", "Win32Error"),
    ("WFP", r"FailureErrorCode|ErrorCode", "UInt32", "Win32Error"),
    ("Host-Network-Service", r"Parameter\d|Result", "HexInt32", "HResult"),  # HRESULTs of HCN, as hcsshim lists them
)  # fmt: skip
"""Provider, whole name of the field, in-type, out-type: what dumps lost."""

STRUCTURES = {
    "Destination": {
        "DestinationPortId": "UInt32",
        "DestinationPortName": "UnicodeString",
        "DestinationNicName": "UnicodeString",
        "DestinationNicType": "UnicodeString",
    },
    "LayerInfo": {"LayerId": "UInt32", "LayerName": "UnicodeString"},
}
"""Members that no dump has: of NDIS-PacketCapture 1003 and 5101, as Wireshark reads them (ndis-packetcapture.md)."""

OTHER_TYPES = {
    ("NDIS-PacketCapture", 5100): {"Param1": "UInt32", "Param2": "UInt32"},
    ("NDIS-PacketCapture", 1016): {"Length": "UInt32"},
    ("NDIS-PacketCapture", 2003): {"Length": "UInt32"},
    # The manifest says UInt32; Windows 7 writes a pointer (8,923 events of a real recording, 64 bits).
    **{
        ("Kernel-Network", base + opcode): {"connid": "Pointer"} for base in (0, 16, 32, 48) for opcode in range(10, 19)
    },
}
"""Events that have some fields otherwise than the manifest says; of NDIS-PacketCapture as Wireshark reads them
(ndis-packetcapture.md)."""


def _fix_field(provider: str, event_id: int, field: Row, fields: list[Row]) -> None:
    name, in_type = field["name"], field["inType"]
    if in_type.startswith("SLP)"):  # the dump took a task's name with a bracket in it for a part of the type
        field["inType"] = in_type = "UnicodeString"
    if provider == "Winsock-AFD" and name == "Buffer":  # the address of the array, not the array
        field.pop("count", None)
        field["lengthFrom"] = "airbus"
    if provider == "Winsock-AFD" and name == "Address" and field.get("length") == "BufferLength":
        del field["length"]  # as in the other events before 1000: an IPv6 address beside a port
    if provider == "WinNat" and name == "LocalPrefix":
        del field["length"]  # a guess that took the bits of a prefix for bytes
    if provider == "TCPIP" and (event_id, name) == (1599, "DestinationPrefix"):
        field["length"] = "DestinationPrefixAddressLength"  # likewise
    if provider == "WFP" and name == "EndCertHash":
        field |= {"length": 20, "unsure": True}  # IKEEXT_CERT_HASH_LEN of iketypes.h
    if provider in KERNEL and name in ("Status", "NtStatus", "NdisStatus") and in_type in ("Int32", "UInt32"):
        field.setdefault("outType", "NTSTATUS")
    for whose, pattern, of_type, out_type in OUT_TYPES:
        if whose == provider and of_type == in_type and re.fullmatch(pattern, name):
            field.setdefault("outType", out_type)
    is_ip = provider == "TCPIP" and field.get("outType") == "SocketAddress"
    if is_ip and any(other["name"] == "LocalPort" for other in fields):
        del field["outType"]  # a bare address: the port stands beside it
    has_unknown_length = in_type == "Binary" and "length" not in field and field is not fields[-1]
    if has_unknown_length and re.search("Addr|IP|Prefix|NextHop", name):
        # They all stand where the event of IPv4 has a UInt32.
        field |= {"length": 16, "unsure": True, "outType": "IPv6"}


def _fix_event(provider: str, event: Row) -> Iterator[Row]:
    """The event, and other layouts of it where documents differ."""
    fields: list[Row] = event["fields"]
    for field in fields:
        _fix_field(provider, event["id"], field, fields)
        if field.get("struct") and field["name"] in STRUCTURES:
            types = STRUCTURES[field["name"]]
            field |= {"unsure": True, "members": [{"name": name, "inType": types[name]} for name in types]}
    if event.get("task", "").endswith("(SLP)"):
        event["task"] = event["task"].removesuffix("(SLP)")
    yield event
    others = OTHER_TYPES.get((provider, event["id"]))
    if others and any(field["name"] in others for field in fields):
        yield _retyped(event, others)


def _retyped(event: Row, types: Mapping[str, str]) -> Row:
    fields = [field | {"inType": types.get(field["name"], field["inType"])} for field in event["fields"]]
    return event | {"fields": fields}


def _fix_maps(provider: str, data: Row, newest: Row, vms_reasons: Mapping[str, str]) -> None:
    """Words instead of sentences, and a map for the fields that lost theirs: dumps have each map only once."""
    data["maps"] = {**OWN_MAPS, **newest.get("maps", {})}
    if provider == "Hyper-V-VmSwitch":
        data["maps"]["VmsDropReason"] = dict(vms_reasons)
    of_name: dict[tuple[str, str], set[str]] = {}
    of_event: dict[tuple[int, str], str] = {}
    for event in newest["events"]:
        for field in event["fields"]:
            if "map" in field:
                of_event.setdefault((event["id"], field["name"]), field["map"])
                if field["name"] not in GENERIC:
                    of_name.setdefault((field["name"], field["inType"]), set()).add(field["map"])
    used = set()
    for event in data["events"]:
        for field in event["fields"]:
            same_event = of_event.get((event["id"], field["name"]))  # of another version
            known = {same_event} if same_event else of_name.get((field["name"], field["inType"]), set())
            if "map" not in field and len(known) == 1:
                (field["map"],) = known
            more = EVENT_MAPS.get((provider, event["id"], field["name"])) or MORE_MAPS.get((provider, field["name"]))
            if more and field["inType"].startswith("UInt"):
                field.setdefault("map", more)
            used.add(field.get("map"))
    data["maps"] = {name: _words(name, words) for name, words in data["maps"].items() if name in used}
    data["bitMaps"] = {name: words for name, words in OWN_BIT_MAPS.items() if name in used}


def _words(name: str, words: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for value, text in words.items():
        word = WORDS.get(name, {}).get(int(value)) or text.removeprefix("PktMonDrop_").rstrip(".")
        if name == "mapMiniportEvent" and int(value) not in WORDS[name]:
            word = word.partition(":")[0]  # a name, then what it means
        if len(word.split()) > MOST_WORDS + 1:
            raise SystemExit(f"map {name}, value {value}: {text!r} is a sentence, WORDS needs a word for it")
        found[value] = word
    return found


def _dump(path: Path, newest: Row, vms_reasons: Mapping[str, str]) -> Dump:
    data: Row = json.loads(path.read_text(encoding="utf-8"))
    provider = data["provider"].removeprefix("Microsoft-").removeprefix("Windows-")
    _fix_maps(provider, data, newest, vms_reasons)
    data["events"] = [fixed for event in data["events"] for fixed in _fix_event(provider, event)]
    return parse_dump(data, maps=parse_maps(data))


def _with_numbers_of_2018(provider: ProviderEvents) -> ProviderEvents:
    """PktMon numbered drop reasons and packet types otherwise up to build 17763 (pktmon.md, "Drop reasons")."""
    later: dict[str, int] = json.loads(DROP_WORDS.read_text(encoding="utf-8"))["drop_reason_2018"]

    def as_of_2018(field: FieldDescription) -> FieldDescription:
        if field.map is None or field.name not in ("DropReason", "PacketType", "DropLocation"):
            return field
        if field.name == "DropLocation":  # of another form, which is not known
            return replace(field, map=None)
        words = field.map.words
        if field.name == "DropReason":
            moved = {int(code) for code in later}
            first = {code: word for code, word in words.items() if code <= LAST_VMS_DROP_REASON and code not in moved}
            words = {**first, **{int(code): words[number] for code, number in later.items()}}
        else:
            words = {0: "Unknown", 1: "Ethernet", 2: "WiFi", 3: "MBB"}
        return replace(field, map=ValueMap(f"{field.map.name}2018", words))

    def in_2018(event: EventEntry) -> EventEntry:
        first, last = event.variants[0], event.variants[-1]
        layouts = tuple(tuple(as_of_2018(field) for field in layout) for layout in first.layouts)
        if layouts == first.layouts:
            return event
        newer = Variant(LAST_OF_2018 + 1, NEWEST_CLIENT, last.layouts)
        return replace(event, variants=(Variant(LAST_OF_2018, LAST_OF_2018, layouts), newer))

    return replace(provider, events=tuple(in_2018(event) for event in provider.events))


def build(schemas: Path) -> dict[str, str]:
    """The text of every file of the catalog by its name."""
    texts, names = {}, {}
    pktmon_path = schemas / "Microsoft-Windows-PktMon.json"
    pktmon: Row = json.loads(pktmon_path.read_text(encoding="utf-8")) if pktmon_path.exists() else {"maps": {}}
    words = pktmon["maps"].get("DropReason", {})
    reasons = {code: name for code, name in words.items() if int(code) <= LAST_VMS_DROP_REASON}
    for path in sorted(schemas.glob("*.json")):
        raw: Row = json.loads(path.read_text(encoding="utf-8"))
        newest = _dump(path, raw, reasons)
        older = [_dump(other, raw, reasons) for other in sorted((schemas / "older").glob(f"{path.stem}@*.json"))]
        if older and newest.build == NEWEST_CLIENT:
            first = min(dump.build for dump in older)
            silent = {build for build in BUILDS if build > first} - {dump.build for dump in older}
            older += [Dump(newest.guid, newest.name, build, {}, {}) for build in sorted(silent)]
        provider = merge_builds(newest, older)
        if path == pktmon_path:
            provider = _with_numbers_of_2018(provider)
        texts[f"{newest.guid}.json"] = encode_provider(provider)
        names[newest.guid] = newest.name
    for path in sorted(schemas.glob("*.man")):
        for provider in parse_manifest(path.read_bytes()):
            if provider.guid not in names:
                texts[f"{provider.guid}.json"] = encode_provider(provider)
                names[provider.guid] = provider.name
    lines = ",\n".join(f"{json.dumps(guid)}:{json.dumps(name)}" for guid, name in sorted(names.items()))
    texts["index.json"] = f"{{\n{lines}\n}}\n"
    return texts


def main(schemas: Path, output: Path = OUTPUT) -> None:
    texts = build(schemas)
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.json"):
        old.unlink()
    for name, text in texts.items():
        (output / name).write_text(text, encoding="utf-8", newline="\n")
    size = sum(len(text.encode()) for text in texts.values())
    print(f"{output}: {len(texts) - 1} providers, {size:,} bytes")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        raise SystemExit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
