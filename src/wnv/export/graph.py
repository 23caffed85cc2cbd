"""The virtual network as a picture: Mermaid text and SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from wnv.text import visible
from wnv.topology.model import NIC_KINDS, Edge, EdgeKind, Node, NodeKind, Topology

_DRAWN: Final = frozenset(
    {*NIC_KINDS, NodeKind.VSWITCH, NodeKind.CONTAINER, NodeKind.VM, NodeKind.NETWORK, NodeKind.NAT}
)
_WORDS: Final = {
    NodeKind.PHYSICAL_NIC: "physical NIC", NodeKind.TEAM: "team", NodeKind.HOST_VNIC: "host vNIC",
    NodeKind.VM_NIC: "VM NIC", NodeKind.CONTAINER_NIC: "container NIC", NodeKind.NIC: "NIC",
    NodeKind.VSWITCH: "vSwitch", NodeKind.CONTAINER: "container", NodeKind.VM: "VM", NodeKind.NETWORK: "network",
    NodeKind.NAT: "NAT",
}  # fmt: skip
_NODES_MAX: Final = 400
"""More cannot be read as a picture."""
NodeKey = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn: nodes, and lines between them from the outside inwards."""

    nodes: tuple[Node, ...]
    lines: tuple[tuple[Node, Node, str], ...]
    """From, to, and what stands at the line."""
    n_left_out: int
    hosts: Mapping[int, str] = field(default_factory=dict)
    """Names by first session, where there are several hosts: nodes of one are drawn together."""
    first_sessions: Sequence[int] = (0,)
    """For each session the first one of its host."""


def drawing_of(topology: Topology, *, ts_ns: int | None = None) -> Drawing:
    """Nodes and lines as of a time; None = all that ever was. Adapters that nothing is connected to are left out."""
    nodes = {
        (node.session_id, node.node_id): node for node in topology.nodes if node.kind in _DRAWN and node.is_there(ts_ns)
    }
    lines = list(_lines(topology, nodes, ts_ns))
    joined = {key for source, target, _ in lines for key in (_key(source), _key(target))}
    kept = [node for key, node in nodes.items() if key in joined or _stands_alone(node)]
    shown = {_key(node) for node in kept[:_NODES_MAX]}
    return Drawing(
        tuple(kept[:_NODES_MAX]),
        tuple(line for line in lines if _key(line[0]) in shown and _key(line[1]) in shown),
        len(kept) - len(shown),
        _names_of_hosts(topology),
        topology.first_sessions,
    )


def _names_of_hosts(topology: Topology) -> dict[int, str]:
    firsts = list(dict.fromkeys(topology.first_sessions))
    if len(firsts) < 2:
        return {}
    return {first: topology.hosts.get(first) or f"host{number}" for number, first in enumerate(firsts, 1)}


def _key(node: Node) -> NodeKey:
    return node.session_id, node.node_id


def _stands_alone(node: Node) -> bool:
    """Adapters with an address of their own are worth a box without a line."""
    has_address = bool(node.properties.get("mac") or node.properties.get("addresses"))
    return node.kind not in NIC_KINDS or (has_address and node.properties.get("is_up") is not False)


def _lines(topology: Topology, nodes: Mapping[NodeKey, Node], ts_ns: int | None) -> Iterator[tuple[Node, Node, str]]:
    """From outside inwards: NIC, team, switch, NIC on it, its owner; NAT and network beside the switch."""
    edges = [edge for edge in topology.edges if edge.is_there(ts_ns)]
    switch_of_port = {(e.session_id, e.target_id): e.source_id for e in edges if e.kind is EdgeKind.HAS_PORT}
    uplinks = {(e.session_id, e.source_id, e.target_id) for e in edges if e.kind in (EdgeKind.UPLINK, EdgeKind.MEMBER)}

    def line(edge: Edge, source: str, target: str, words: str = "") -> Iterator[tuple[Node, Node, str]]:
        one, other = nodes.get((edge.session_id, source)), nodes.get((edge.session_id, target))
        if one is not None and other is not None:
            yield one, other, words

    for edge in edges:
        match edge.kind:
            case EdgeKind.UPLINK:
                yield from line(edge, edge.source_id, edge.target_id, "uplink")
            case EdgeKind.MEMBER:
                yield from line(edge, edge.source_id, edge.target_id, "member")
            case EdgeKind.CONNECTS:
                switch = switch_of_port.get((edge.session_id, edge.target_id), "")
                if (edge.session_id, edge.source_id, switch) not in uplinks:
                    yield from line(edge, switch, edge.source_id)
            case EdgeKind.ON_SWITCH:
                yield from line(edge, edge.target_id, edge.source_id)
            case EdgeKind.OWNS:
                yield from line(edge, edge.target_id, edge.source_id)
            case EdgeKind.TRANSLATES:
                yield from line(edge, edge.source_id, edge.target_id, "translates")
            case EdgeKind.OUTSIDE:
                yield from line(edge, edge.target_id, edge.source_id, "outside")
            case EdgeKind.CARRIED_BY:
                yield from line(edge, edge.source_id, edge.target_id)
            case EdgeKind.VIRTUAL_FUNCTION:
                yield from line(edge, edge.target_id, edge.source_id, "SR-IOV")
            case _:
                continue


def way_of(drawing: Drawing, hops: Iterable[Mapping[str, Any]]) -> list[NodeKey]:
    """The nodes that a journey passes, in order, by the names in its `hops`: NICs, and the switch between two of them.

    A container or VM in which it begins or ends is part of it, and so is NAT, where the host has but one.
    """
    hops = [{**hop, "session_id": _first_session(drawing, hop["session_id"])} for hop in hops]
    by_name = {(node.session_id, node.kind in NIC_KINDS, node.name): node for node in drawing.nodes}
    switches = {(node.session_id, node.name): node for node in drawing.nodes if node.kind is NodeKind.VSWITCH}
    owners = {(n.session_id, n.name): n for n in drawing.nodes if n.kind in (NodeKind.CONTAINER, NodeKind.VM)}
    found: list[NodeKey] = []
    last: Mapping[str, Any] | None = None
    known = [hop for hop in hops if (hop["session_id"], True, hop["nic"]) in by_name or hop.get("kind") == "nat"]
    seen = [hop for hop in known if hop.get("kind") != "nat"]
    for hop in known:
        if hop.get("kind") == "nat":
            nats = [one for one in drawing.nodes if one.kind is NodeKind.NAT and one.session_id == hop["session_id"]]
            if len(nats) == 1:
                found.append(_key(nats[0]))
            continue
        if last is not None and last["session_id"] != hop["session_id"]:
            last = None  # by the wire to another host
        nic = by_name[hop["session_id"], True, hop["nic"]]
        switch = switches.get((hop["session_id"], hop["vswitch"]))
        if last is not None and last["nic"] != hop["nic"] and switch is not None and last["vswitch"] == hop["vswitch"]:
            found.append(_key(switch))
        if not found or found[-1] != _key(nic):
            found.append(_key(nic))
        last = hop
    for hop, place in ((seen[0], 0), (seen[-1], len(found) + 1)) if seen else ():
        owner = owners.get((hop["session_id"], hop["container"] or hop["vm"]))
        if owner is not None and _key(owner) not in found:
            found.insert(place, _key(owner))
    return found


def _first_session(drawing: Drawing, session_id: int) -> int:
    firsts = drawing.first_sessions
    return firsts[session_id] if session_id < len(firsts) else session_id


def label_of(node: Node) -> tuple[str, str]:
    """The two lines that stand in a node's box."""
    said = node.properties
    details = [_WORDS[node.kind]]
    details += [str(address) for address in said.get("addresses", ())[:1]]
    details += [str(subnet) for subnet in said.get("subnets", ())[:1]]
    details += [str(address) for address in said.get("external_addresses", ())[:1]]
    if str(said.get("isolation", "")) == "hyper-v":
        details.append("own kernel, not visible")
    elif node.kind is NodeKind.CONTAINER:
        details.append("host's kernel")
    return visible(node.name), visible(" · ".join(details))


# --- Mermaid -------------------------------------------------------------------------------------------


def render_mermaid(drawing: Drawing) -> Iterator[str]:
    """Lines of a Mermaid flowchart."""
    yield "flowchart LR"
    number = {_key(node): f"n{index}" for index, node in enumerate(drawing.nodes)}
    boxes = {}
    for node in drawing.nodes:
        name, details = (_mermaid_text(text) for text in label_of(node))
        left, right = _SHAPES.get(node.kind, ("[", "]"))
        boxes[_key(node)] = f'  {number[_key(node)]}{left}"{name}<br/>{details}"{right}'
    if not drawing.hosts:
        yield from boxes.values()
    for session_id, host in drawing.hosts.items():
        yield f'  subgraph h{session_id}["{_mermaid_text(visible(host))}"]'
        yield from (f"  {box}" for (its_session, _), box in boxes.items() if its_session == session_id)
        yield "  end"
    for source, target, words in drawing.lines:
        arrow = f"-- {words} ---" if words else "---"
        yield f"  {number[_key(source)]} {arrow} {number[_key(target)]}"


_SHAPES: Final = {NodeKind.VSWITCH: ("{{", "}}"), NodeKind.VM: ("([", "])"), NodeKind.CONTAINER: ("([", "])"),
                  NodeKind.NAT: ("[/", "/]"), NodeKind.NETWORK: ("(", ")")}  # fmt: skip


def _mermaid_text(text: str) -> str:
    """Text that Mermaid takes for nothing but text: all of its own signs, and markup, as character codes."""
    return "".join(c if c.isalnum() or c in " .:/()-_·,*" or ord(c) > 0xFF else f"#{ord(c)};" for c in text)


# --- SVG -----------------------------------------------------------------------------------------------

_BOX_WIDTH, _BOX_HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _FOOT, _HEADING = 210, 46, 70, 16, 20, 26, 26
_COLUMN: Final = {
    NodeKind.PHYSICAL_NIC: 0, NodeKind.NIC: 0, NodeKind.TEAM: 1, NodeKind.NAT: 2, NodeKind.NETWORK: 2,
    NodeKind.VSWITCH: 2, NodeKind.HOST_VNIC: 3, NodeKind.CONTAINER_NIC: 3, NodeKind.VM_NIC: 3,
    NodeKind.CONTAINER: 4, NodeKind.VM: 4,
}  # fmt: skip
_ABOVE: Final = {NodeKind.NAT: 0, NodeKind.NETWORK: 1, NodeKind.VSWITCH: 2}
"""What belongs to a switch stands right above it."""
_BESIDE: Final = (NodeKind.NAT, NodeKind.NETWORK)
_COLOURS: Final = {
    NodeKind.PHYSICAL_NIC: "#d9e8f6", NodeKind.NIC: "#eceff1", NodeKind.TEAM: "#d9e8f6", NodeKind.NAT: "#fde9d0",
    NodeKind.NETWORK: "#fff6d6", NodeKind.VSWITCH: "#dff0dd", NodeKind.HOST_VNIC: "#e9e3f5",
    NodeKind.CONTAINER_NIC: "#e9e3f5", NodeKind.VM_NIC: "#e9e3f5", NodeKind.CONTAINER: "#f9dfe3",
    NodeKind.VM: "#f9dfe3",
}  # fmt: skip


@dataclass(slots=True)
class _Layout:
    place: dict[NodeKey, tuple[int, int]] = field(default_factory=dict)
    """Left upper corner of each box."""
    frames: list[tuple[str, int, int]] = field(default_factory=list)
    """Of each host, where there are several: its name, upper edge and height."""
    width: int = 0
    height: int = 0


def render_svg(drawing: Drawing, title: str, path: Sequence[NodeKey] = ()) -> Iterator[str]:
    """Lines of an SVG, with nothing loaded from elsewhere. `path`: nodes a journey passes, drawn over the lines."""
    layout = _layout(drawing)
    width, height = layout.width, layout.height
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="Segoe UI, system-ui, sans-serif" font-size="12">'
    )
    yield f"<title>{_svg_text(title)}</title>"
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    for host, y, frame_height in layout.frames:
        yield (
            f'<rect x="{_MARGIN // 2}" y="{y}" width="{width - _MARGIN}" height="{frame_height}" rx="10" '
            'fill="#f8fafb" stroke="#c9d1d9"/>'
        )
        yield f'<text x="{_MARGIN}" y="{y + 18}" font-weight="600" fill="#1d2733">{_svg_text(host)}</text>'
    for source, target, words in drawing.lines:
        yield from _svg_line(layout, source, target, words)
    yield from _svg_path(layout, path)
    on_path = set(path)
    for node in drawing.nodes:
        yield from _svg_box(layout, node, is_marked=_key(node) in on_path)
    yield from _svg_numbers(layout, path)
    note = f", {drawing.n_left_out} more not drawn" if drawing.n_left_out else ""
    yield f'<text x="{_MARGIN}" y="{height - 10}" fill="#5f6b76">{_svg_text(title + note)}</text>'
    yield "</svg>"


def _layout(drawing: Drawing) -> _Layout:
    """Hosts one below the other; in each a column a kind."""
    used = sorted({_COLUMN[node.kind] for node in drawing.nodes})
    layout = _Layout(width=2 * _MARGIN + max(1, len(used)) * (_BOX_WIDTH + _GAP_X) - _GAP_X)
    y = _MARGIN
    if not drawing.hosts:
        y += _lay_out(layout, drawing.nodes, drawing.lines, used, y)
    for session_id, host in drawing.hosts.items():
        nodes = [node for node in drawing.nodes if node.session_id == session_id]
        lines = [line for line in drawing.lines if line[0].session_id == session_id]
        height = _HEADING + _lay_out(layout, nodes, lines, used, y + _HEADING)
        layout.frames.append((visible(host), y, height))
        y += height + _GAP_Y
    layout.height = y + _MARGIN + _FOOT
    return layout


def _lay_out(
    layout: _Layout, nodes: Sequence[Node], lines: Sequence[tuple[Node, Node, str]], used: Sequence[int], top: int
) -> int:  # fmt: skip
    """Give the boxes of one host their places: in a column in the order in which what is connected on the left comes.

    Returns the height they need.
    """
    columns: dict[int, list[Node]] = {column: [] for column in used}
    for node in nodes:
        columns[_COLUMN[node.kind]].append(node)
    neighbours: dict[NodeKey, list[NodeKey]] = {}
    for source, target, _ in lines:
        neighbours.setdefault(_key(source), []).append(_key(target))
        neighbours.setdefault(_key(target), []).append(_key(source))
    anchor = {_key(source): _key(target) for source, target, _ in lines if source.kind in _BESIDE}
    anchor = {key: anchor.get(target, target) for key, target in anchor.items()}  # NAT → network → switch
    rank: dict[NodeKey, float] = {}
    for _ in range(4):  # each round pulls what is connected together
        for column in columns.values():
            if rank:
                column.sort(
                    key=lambda node: _mean([rank[one] for one in neighbours.get(_key(node), []) if one in rank])
                )
            if any(node.kind in _ABOVE for node in column):
                _gather(column, anchor)
            rank.update({_key(node): place / max(1, len(column)) for place, node in enumerate(column)})
    tallest = max((len(column) for column in columns.values()), default=1)
    for number, column in enumerate(columns.values()):
        free = (tallest - len(column)) * (_BOX_HEIGHT + _GAP_Y) // 2
        for place, node in enumerate(column):
            layout.place[_key(node)] = (
                _MARGIN + number * (_BOX_WIDTH + _GAP_X), top + free + place * (_BOX_HEIGHT + _GAP_Y),
            )  # fmt: skip
    return tallest * (_BOX_HEIGHT + _GAP_Y)


def _gather(column: list[Node], anchor: Mapping[NodeKey, NodeKey]) -> None:
    """Put networks and NAT of a switch right above it."""
    place = {_key(node): number for number, node in enumerate(column)}

    def order(node: Node) -> tuple[int, int, int]:
        switch = anchor.get(_key(node), _key(node)) if node.kind is not NodeKind.VSWITCH else _key(node)
        return place.get(switch, len(column)), _ABOVE.get(node.kind, 3), place[_key(node)]

    column.sort(key=order)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.5


def _svg_line(layout: _Layout, source: Node, target: Node, words: str) -> Iterator[str]:
    left, right = sorted((layout.place[_key(source)], layout.place[_key(target)]))
    if left[0] == right[0]:
        x, y1, y2 = left[0] + _BOX_WIDTH // 2, left[1] + _BOX_HEIGHT, right[1]
        yield f'<path d="M{x} {y1} L{x} {y2}" fill="none" stroke="#8a97a3" stroke-width="1.5"/>'
        return
    y1, y2 = left[1] + _BOX_HEIGHT // 2, right[1] + _BOX_HEIGHT // 2
    x1, x2 = left[0] + _BOX_WIDTH, right[0]
    bend = max(20, (x2 - x1) // 2)
    yield (
        f'<path d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" stroke="#8a97a3" '
        'stroke-width="1.5"/>'
    )
    if words:
        yield (
            f'<text x="{(x1 + x2) // 2}" y="{(y1 + y2) // 2 - 4}" text-anchor="middle" fill="#5f6b76" '
            f'font-size="10">{_svg_text(words)}</text>'
        )


def _svg_path(layout: _Layout, path: Sequence[NodeKey]) -> Iterator[str]:
    known = [layout.place[key] for key in path if key in layout.place]
    centres = [(x + _BOX_WIDTH // 2, y + _BOX_HEIGHT // 2) for x, y in known]
    if len(centres) > 1:
        steps = " L".join(f"{x} {y}" for x, y in centres)
        yield (
            f'<path d="M{steps}" fill="none" stroke="#c2410c" stroke-width="4" stroke-opacity="0.55" '
            'stroke-linejoin="round" stroke-linecap="round"/>'
        )


def _svg_numbers(layout: _Layout, path: Sequence[NodeKey]) -> Iterator[str]:
    """The order in which a journey passes boxes, at their upper right corners."""
    steps: dict[NodeKey, list[str]] = {}
    for number, key in enumerate(path, 1):
        steps.setdefault(key, []).append(str(number))
    for key, numbers in steps.items():
        if key in layout.place:
            x, y = layout.place[key][0] + _BOX_WIDTH - 8, layout.place[key][1] + 2
            text = ", ".join(numbers)
            width = 12 + 7 * len(text)
            yield f'<rect x="{x - width // 2}" y="{y - 9}" width="{width}" height="18" rx="9" fill="#c2410c"/>'
            yield (
                f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="#ffffff" font-size="11" '
                f'font-weight="600">{text}</text>'
            )


def _svg_box(layout: _Layout, node: Node, *, is_marked: bool) -> Iterator[str]:
    x, y = layout.place[_key(node)]
    name, details = label_of(node)
    edge = 'stroke="#c2410c" stroke-width="2.5"' if is_marked else 'stroke="#6b7885" stroke-width="1"'
    yield f"<g><title>{_svg_text(f'{name}: {details}')}</title>"
    yield (
        f'<rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6" '
        f'fill="{_COLOURS[node.kind]}" {edge}/>'
    )
    yield f'<text x="{x + 10}" y="{y + 19}" font-weight="600" fill="#1d2733">{_svg_text(_cut(name, 12.5))}</text>'
    yield f'<text x="{x + 10}" y="{y + 35}" fill="#46525e" font-size="11">{_svg_text(_cut(details, 11))}</text></g>'


def _cut(text: str, size: float) -> str:
    """As much of a text as fits into a box; `size`: of its letters, in pixels."""
    room, width = _BOX_WIDTH - 20.0, 0.0
    for place, character in enumerate(text):
        width += size * (0.75 if character.isupper() or ord(character) > 0x2FF else 0.56)
        if width > room:
            return f"{text[: max(0, place - 1)]}…"
    return text


def _svg_text(text: str) -> str:
    return escape(visible(text), quote=True)
