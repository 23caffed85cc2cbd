"""docs/reference/filters.md: the language of -Y, and its fields."""

from __future__ import annotations

from collections.abc import Iterator

from wnv.sql.fields import Field, Type, fields, tables_of

_LANGUAGE = """\
`-Y EXPR` narrows what a command lists, counts or writes: packets, events, journeys, drops, flows, NAT sessions. The
language is a subset of Wireshark's display filters, with the meaning they have in tshark 4.0, and with fields of our
own: fields of frames select the same frames in both, which a test checks. `wnv fields` prints the fields; an unknown
one is an error with a suggestion.

## Language

| written | means |
|---|---|
| `tcp`, `vlan.id` | the packet has such a header or field |
| `==` `eq`, `!=` `ne`, `<` `lt`, `<=` `le`, `>` `gt`, `>=` `ge` | compared; by number, address or text |
| `contains` | has this text, or these bytes, in it: `dns.qry.name contains "corp"`, `frame contains 47:45:54` |
| `matches` `~` | fits this regular expression (RE2), whatever the case: `info matches "retr|reset"` |
| `in {80, 443, 8000..8010}` | is one of these, or between two of them; also `not in` |
| `tcp.flags & 0x12 == 2` | with only these bits; alone: any of them is set |
| `eth.src[0:3] == 00:15:5d` | three bytes from the first on; `[0-2]` first to third, `[1]` one, `[-1]` the last |
| `!` `not`, `&&` `and`, `||` `or`, `( )` | combined; not binds strongest, then and, then or |

Values: `80`, `0x50`, `0b1010`, `'P'`; `10.0.0.5`, `10.0.0.0/8`, `fe80::/10`; `00:15:5d:01:02:03`; `True`; text in
quotes if it holds more than letters, digits and `. : - / %`. In quotes `\\"`, `\\\\`, `\\n`, `\\x41` and `\\u00e9`
stand for characters; `r"…"` takes them as they are. Durations are seconds, or `500us`, `2ms`. Times are as `--from`
takes them.

A field may have several values: `ip.addr` is source and destination, of outer and inner headers. Then `==`, `<` and
the like hold if any value fits; `!=` holds if there is a value and none is equal. `~=` (`!==`, `any_ne`) holds if any
differs, `===` (`all_eq`) if all are equal; `any` and `all` before a field say so for each comparison:
`all tcp.port > 1024`. Where a field is not there, no comparison holds: `!(ip.addr == 10.0.0.5)` selects ARP, too,
`ip.addr != 10.0.0.5` does not.

## Fields and rows

A field is asked of the row that is listed. What stands in another table counts as the row's, too: a sighting has the
fields of its frame, its point, its event, and of its hop and journey; an event those of the packets it logged; a
journey the values of all its hops, so that `container == web && drop` selects journeys that touched the container and
ended in a drop. Fields of journeys and the virtual network need derived tables, which are made when they are asked for.

## Where tshark differs

- Headers that an ICMP error quotes are not looked into.
- `tcp.seq` and `tcp.ack`, which tshark counts from the first packet of a conversation, are `tcp.seq_raw` and
  `tcp.ack_raw`; nothing is reassembled.
- There are no functions and no arithmetic but `&`; pieces are cut of MAC addresses only; `frame`, of the protocols,
  can be searched with `contains`.
- `http` is the first line of a message, not what follows it in other segments.
- `vlan.id` is also the VLAN that an NBL states beside the bytes.
- What tshark takes silently and cannot be meant is an error here: a negative port.
"""
_TYPES = (
    (Type.INTEGER, "whole number"), (Type.FLAG, "0 or 1, False or True"), (Type.NUMBER, "number with a fraction"),
    (Type.DURATION, "seconds, or with a unit: ns, us, ms, s"), (Type.TIME, "as `--from` takes it"),
    (Type.TEXT, "text; upper and lower case differ"), (Type.GUID, "GUID, with or without braces"),
    (Type.IPV4, "address, or prefix"), (Type.IPV6, "address, or prefix"), (Type.MAC, "six bytes"),
    (Type.BYTES, "only `contains`, or alone"), (Type.PROVIDER, "name, its last words, or GUID"),
    (Type.PROTOCOL, "alone: whether it is there"),
)  # fmt: skip


def filter_lines(notice: str) -> Iterator[str]:
    """The page, line by line."""
    yield "# Filters"
    yield ""
    yield notice
    yield ""
    yield from (_escape_bars(line) for line in _LANGUAGE.splitlines())
    yield ""
    yield "## Types"
    yield ""
    yield "| type | values |"
    yield "|---|---|"
    yield from (f"| {kind.value} | {text} |" for kind, text in _TYPES)
    for title, some in _groups():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| field | type | meaning | tables |"
        yield "|---|---|---|---|"
        for field in some:
            tables = ", ".join(f"`{name}`" for name in tables_of(field))
            yield f"| `{field.name}` | {field.type.value} | {field.text} | {tables} |"


def _groups() -> Iterator[tuple[str, list[Field]]]:
    known = fields()
    theirs = [one for one in known if one.variants[0][0].table == "frames" or one.name.startswith("frame.")]
    yield "Fields of packets", theirs
    yield "Fields of events, points, journeys and the virtual network", [one for one in known if one not in theirs]


def _escape_bars(line: str) -> str:
    """A bar inside code ends a cell of a table unless it is escaped."""
    if not line.startswith("| "):
        return line
    parts = line.split("`")
    return "`".join(part.replace("|", "\\|") if number % 2 else part for number, part in enumerate(parts))
