"""What machines serve: web pages, names, echoes, plain TCP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wnv_lab.errors import LabError, unknown
from wnv_lab.frames import dhcp, dns_answer, http_answer, ip_bytes

if TYPE_CHECKING:
    from wnv_lab.stack import Stack, UdpHandler
    from wnv_lab.tcp import Connection

PAGE = b"<html><body><h1>It works</h1><p>Served by %s.</p></body></html>\r\n"


def offer(stack: Stack, serves: tuple[str, ...]) -> None:
    """Make a machine serve: `http:80`, `download:80:200000`, `tcp:9000`, `echo:7`, `dns`, `dhcp:10.0.0.100`."""
    for text in serves:
        kind, _, rest = text.partition(":")
        try:
            if kind == "http":
                stack.listeners[int(rest or 80)] = _http(PAGE % stack.name.encode())
            elif kind == "download":
                port, _, size = rest.partition(":")
                stack.listeners[int(port)] = _http((b"0123456789abcdef" * (int(size) // 16 + 1))[: int(size)])
            elif kind == "tcp":
                stack.listeners[int(rest)] = _sink
            elif kind == "echo":
                stack.udp[int(rest or 7)] = _echo
            elif kind == "dns":
                stack.udp[53] = _dns
            elif kind == "dhcp":
                stack.udp[67] = _dhcp(rest)
            else:
                raise unknown(f"what {stack.name} serves,", kind, ("http", "download", "tcp", "echo", "dns", "dhcp"))
        except ValueError as error:
            raise LabError(f"{stack.name} serves '{text}'", "write a kind and numbers, as http:80") from error


def _http(body: bytes) -> Callable[[Connection], None]:
    """Answer each request with the body and close if the client does."""

    def on_data(connection: Connection, data: bytes) -> None:
        if data.startswith((b"GET ", b"\x16")):
            connection.write(http_answer(body) if data[:1] == b"G" else b"\x15\x03\x03\x00\x02\x02\x28")

    def serve(connection: Connection) -> None:
        connection.on_data = on_data

    return serve


def _sink(connection: Connection) -> None:
    connection.on_data = lambda _connection, _data: None


def _echo(stack: Stack, src: bytes, sport: int, dport: int, payload: bytes) -> None:
    stack.send_udp(src, dport, sport, payload)


def _dns(stack: Stack, src: bytes, sport: int, dport: int, payload: bytes) -> None:
    """Know the names of the scenario's machines; `nowhere.example` and other names do not exist."""
    name = _name(payload)
    known = stack.world.names.get(name)
    stack.send_udp(src, dport, sport, dns_answer(payload, known))


def _name(query: bytes) -> str:
    labels, at = [], 12
    while at < len(query) and query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels)


def _dhcp(rest: str) -> UdpHandler:
    """A DHCP server that gives one address away."""
    yours = ip_bytes(rest or "10.0.0.100")

    def answer(stack: Stack, src: bytes, sport: int, dport: int, payload: bytes) -> None:
        del src, sport, dport
        kind = {1: 2, 3: 5}.get(payload[242])
        if kind is None:
            return
        iface = next((i for i in stack.ifaces if i.holds(yours)), stack.ifaces[0])
        xid = int.from_bytes(payload[4:8], "big")
        mask = ((1 << iface.prefix) - 1 << 32 - iface.prefix).to_bytes(4, "big")
        options = b"\x33\x04\x00\x01\x51\x80\x01\x04" + mask + b"\x03\x04" + iface.address
        message = dhcp(kind, xid, payload[28:34], yours=yours, server=iface.address, options=options)
        stack.broadcast_udp(iface, 67, 68, message)

    return answer
