"""Makes src/wnv/data/drop_words.json from a folder of event schemas: `build_words.py SCHEMAS [OUTPUT]`.

The schemas hold the numbers and the symbolic names of PktMon's enumerations (facts); the words beside them
are made here, by rule, from the names alone. Microsoft's own sentences are read nowhere. The same schemas
always give the same bytes, and tests/providers/test_words.py checks that the committed file is up to date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "wnv" / "data" / "drop_words.json"

PLAIN_MAPS = {
    "component_type": "ComponentType",
    "direction": "PacketDirectionTag",
    "ndis_medium": "NdisMedium",
    "packet_type": "PacketType",
    "packet_type_2018": "PacketType2018",
    "property_type": "PropertyType",
}
"""Our name of a map, and the schema's: those taken over as they are."""

FROM_2018 = {101: 201, 102: 202, 103: 203, 104: 204, 201: 401, 202: 402, 203: 403, 204: 404}
"""Drop reasons of build 17763, and the number of the same meaning later (pktmon.md, "Drop reasons").

Codes 0-38 never changed. 104, an EtherType nobody accepts, became 204, no protocol bound.
"""

REASON_PREFIXES = {
    "FL": "framing layer",
    "Http": "HTTP",
    "INET": "TCP/IP transport",
    "Ipsec": "IPsec",
    "NL": "IP layer",
    "NetCx": "NetCx driver",
    "SlbMux": "load balancer",
}
"""What stands before the first underscore of a drop reason, and the component it means."""

COMPONENTS = {
    1: ("NDIS", "NDIS"),
    2: ("VMS", "virtual switch"),
    3: ("NETVSC", "NetVSC"),
    4: ("TCPIP", "TCP/IP"),
    5: ("HTTP", "HTTP"),
    6: ("VFP", "VFP"),
    7: ("SLBMUX", "SLB MUX"),
    8: ("IPSEC", "IPsec"),
    9: ("NETCX", "NetCx"),
}
"""Digit c of a drop location 0xE000cnnn: prefix in the names, name for people."""

CAPITALS = """
    ACK ARP DHCP DIO DIP DNSSL ESP FIN GFT GRE ICMP ICMPv6 ID IP IPSNPI IPsec IPv4 IPv6 L2 L3 LAND LBFO LSO
    MAC MLD MTU MUX NA NAT NB NBL NBLs ND NDP NIC NS NUD PA PAWS PD PM PVLAN QoS RA RDMA RDNSS RNDIS RS RSC
    RST SA SC SNAP SPI SS SYN TCB TCP TX UDP URO USO VF VFP VLAN VM VMBus VXLAN WDF WDM WNV WSK
"""
"""Words that are not written in small letters."""

SPELLED = {
    "act": "action",
    "addr": "address",
    "addrmask": "address mask",
    "auth": "authentication",
    "bw": "bandwidth",
    "cant": "cannot",
    "ctrl": "control",
    "dest": "destination",
    "dev": "device",
    "diag": "diagnostic",
    "dl": "data-link",
    "dont": "do not",
    "dosp": "DoS protection",
    "dst": "destination",
    "dup": "duplicate",
    "egr": "egress",
    "encap": "encapsulation",
    "eth": "Ethernet",
    "ether": "Ethernet",
    "ethernet": "Ethernet",
    "ext": "extension",
    "fastopen": "Fast Open",
    "fltr": "filter",
    "frag": "fragment",
    "frwd": "forward",
    "fwd": "forward",
    "fwding": "forwarding",
    "hdr": "header",
    "hlp": "helper",
    "idfrom": "ID from",
    "imm": "immediate",
    "indic": "indicate",
    "ingr": "ingress",
    "init": "initialization",
    "ipaddress": "IP address",
    "keymod": "keying module",
    "lb": "load balancing",
    "limitexceeded": "limit exceeded",
    "lsgtmax": "list longer than maximum",
    "macguard": "MAC guard",
    "mapnull": "map null",
    "mappingmapnull": "mapping, map null",
    "max": "maximum",
    "mcast": "multicast",
    "min": "minimum",
    "mp": "miniport",
    "msg": "message",
    "multipledestination": "multiple destinations",
    "netbuffer": "net buffer",
    "netbufferlist": "net buffer list",
    "netbufferlists": "net buffer lists",
    "netpacket": "net packet",
    "nexthop": "next hop",
    "nl": "network-layer",
    "nonip": "non-IP",
    "nonunicast": "non-unicast",
    "notnull": "not null",
    "notready": "not ready",
    "nullvxlan": "null, VXLAN",
    "opt": "option",
    "opts": "options",
    "orig": "original",
    "pdbuffer": "PD buffer",
    "pend": "pending",
    "pkt": "packet",
    "pktmon": "PktMon",
    "pkts": "packets",
    "proc": "processing",
    "prot": "protocol",
    "pt": "protocol",
    "pvt": "private",
    "rcv": "receive",
    "rcvd": "received",
    "reg": "registration",
    "req": "required",
    "ret": "return",
    "singledestination": "single destination",
    "sizelimit": "size limit",
    "src": "source",
    "szlimit": "size limit",
    "szlimitrdma": "size limit, RDMA",
    "szlimitvxlan": "size limit, VXLAN",
    "teredo": "Teredo",
    "tosend": "to send",
    "unifiedflow": "unified flow",
    "unparsed": "not parsed",
    "unsup": "unsupported",
    "v4": "IPv4",
    "v6": "IPv6",
}
"""Short forms in the names, and what we write for them."""

PHRASES = {
    "FL": "framing layer",
    "M": "miniport",
    "NL": "IP layer",
    "TL": "transport layer",
}
"""First word of a location's name, where it says more than a short form."""

_WRITTEN = {word.lower(): word for word in CAPITALS.split()} | SPELLED
_CAMEL = re.compile(r"VMBus|IP(?=and)|and(?=Port)|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+")
_NUMBERED = re.compile(r"([A-Za-z]+)([0-9]+)")


def words_of(name: str) -> list[str]:
    """Words of a CamelCase or UNDERSCORE name, in small letters."""
    parts = name.split("_")
    found = [part for part in parts if part.isupper() or part.isdigit()]
    if len(found) == len(parts):
        return [part.lower() for part in parts]
    return [word.lower() for part in parts for word in _CAMEL.findall(part)]


def written(words: Iterable[str]) -> str:
    """The words as people read them: acronyms in capitals, short forms spelled out."""
    out = []
    for word in words:
        numbered = _NUMBERED.fullmatch(word)
        if word in _WRITTEN:
            out.append(_WRITTEN[word])
        elif numbered:  # the n-th place of its kind: SEND_NBL2, FinWait2
            out.append(f"{_WRITTEN.get(numbered[1], numbered[1])} {numbered[2]}")
        else:
            out.append(word)
    return " ".join(out)


def reason_words(name: str) -> tuple[str, str]:
    """Slug and text of a drop reason: `UnicastNoDestination` → `unicast_no_destination`, in words."""
    prefix, _, rest = name.partition("_")
    if prefix in REASON_PREFIXES and rest:
        words = words_of(rest)
        return "_".join([prefix.lower(), *words]), f"{REASON_PREFIXES[prefix]}: {written(words)}"
    words = words_of(name)
    text = written(words)
    return "_".join(words), text[0].upper() + text[1:]


def location_words(code: int, name: str) -> str:
    """Text of a drop location: `PMLOC_VMS_PT_NIC_FWD1` → `virtual switch: protocol NIC forward 1`."""
    prefix, component = COMPONENTS[code >> 12 & 0xF]
    head = f"PMLOC_{prefix}_"
    if code >> 16 != 0xE000 or not name.startswith(head):
        raise ValueError(f"drop location {code:#x} and its name {name} disagree")
    short = name.removeprefix(head).replace("TYPE_REQ_", "TYPE_REQUEST_")  # elsewhere REQ means required
    first, _, rest = short.partition("_")
    place = [PHRASES[first], written(words_of(rest))] if first in PHRASES else [written(words_of(short))]
    return f"{component}: {', '.join(place)}"


def sorted_codes(named: dict[str, str]) -> list[tuple[int, str]]:
    """A map of the schema in the order of its numbers."""
    return sorted((int(code), name) for code, name in named.items())


def build(maps: dict[str, dict[str, str]]) -> dict[str, dict[str, object]]:
    """The tables of drop_words.json from the maps of the PktMon schema."""
    reasons = sorted_codes(maps["DropReason"])
    known = {code for code, _ in reasons}
    from_2018 = {code: FROM_2018.get(code, code) for code, _ in sorted_codes(maps["DropReason2018"])}
    if not known.issuperset(from_2018.values()):
        raise ValueError("a drop reason of 2018 has no later number: complete FROM_2018")
    tables: dict[str, dict[str, object]] = {
        ours: {str(code): name for code, name in sorted_codes(maps[theirs])} for ours, theirs in PLAIN_MAPS.items()
    }
    tables["drop_reason"] = {str(code): reason_words(name.removeprefix("PktMonDrop_")) for code, name in reasons}
    tables["drop_reason_2018"] = {str(code): later for code, later in from_2018.items()}
    tables["drop_location"] = {
        str(code): (name, location_words(code, name)) for code, name in sorted_codes(maps["DropLocation"])
    }
    tables["drop_component"] = {str(code): name for code, (_, name) in COMPONENTS.items()}
    return tables


def render(tables: dict[str, dict[str, object]]) -> str:
    """JSON with one line an entry, so that a change shows as the lines it changes."""
    blocks = []
    for title in sorted(tables):
        lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in tables[title].items())
        blocks.append(f"  {json.dumps(title)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def main(arguments: list[str]) -> None:
    if not 1 <= len(arguments) <= 2:
        sys.exit("usage: build_words.py SCHEMAS [OUTPUT]")
    schema = Path(arguments[0]) / "Microsoft-Windows-PktMon.json"
    output = Path(arguments[1]) if len(arguments) == 2 else OUTPUT
    maps = json.loads(schema.read_text(encoding="utf-8"))["maps"]
    output.write_bytes(render(build(maps)).encode("ascii"))


if __name__ == "__main__":
    main(sys.argv[1:])
