"""TCP as the machines of the lab speak it: handshake, data in windows, retransmission, close and reset (RFC 9293).

No congestion control beyond a fixed window and no selective acknowledgement: enough for traffic that reads right
in Wireshark and that fails the way real traffic fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wnv_lab.frames import ACK, FIN, PSH, RST, SYN, TCP, mss_option, tcp

if TYPE_CHECKING:
    from wnv_lab.stack import Stack

FIRST_TIMEOUT_NS = 300_000_000
MAX_TRIES = 5
LARGE_SEND_BYTES = 32_768


@dataclass(eq=False, repr=False, slots=True)
class Connection:
    """One end of a connection."""

    stack: Stack
    local: bytes
    lport: int
    remote: bytes
    rport: int
    seq: int
    on_open: Callable[[Connection], None] | None = None
    on_data: Callable[[Connection, bytes], None] | None = None
    on_close: Callable[[Connection, str], None] | None = None
    state: str = "closed"
    acked: int = 0
    """Everything before this the other side has."""
    expected: int = 0
    """Next byte from the other side."""
    mss: int = 1460
    window: int = 10
    """Segments in flight at most."""
    waiting: bytearray = field(default_factory=bytearray)
    flight: list[tuple[int, bytes, int]] = field(default_factory=list)
    """Sequence, payload, flags of what is not acknowledged."""
    is_closing: bool = False
    n_tries: int = 0
    timer: int = 0
    """Number of the running timer; an older one does nothing."""
    chain: int = 64
    nbs: int = 1

    def open(self) -> None:
        """Send the SYN."""
        self.state = "syn-sent"
        self.acked = self.seq
        self._send([(b"", SYN)])

    def accept(self, seq: int) -> None:
        """Answer a SYN."""
        self.state = "syn-received"
        self.expected = seq + 1 & 0xFFFFFFFF
        self.acked = self.seq
        self._send([(b"", SYN | ACK)])

    def write(self, data: bytes) -> None:
        """Queue bytes and send what the window allows."""
        self.waiting += data
        self._push()

    def close(self) -> None:
        """Send a FIN after what waits."""
        self.is_closing = True
        self._push()

    def reset(self) -> None:
        """Tear down."""
        self._emit([(self.seq, b"", RST | ACK)])
        self._end("reset")

    # -- sending -------------------------------------------------------------------------------------------------

    def _push(self) -> None:
        if self.state not in ("open", "close-wait"):
            return
        new: list[tuple[bytes, int]] = []
        large = self.stack.large_send_bytes
        size = large or self.mss
        while self.waiting and len(self.flight) + len(new) < self.window:
            piece = bytes(self.waiting[:size])
            del self.waiting[:size]
            new.append((piece, ACK | (0 if self.waiting else PSH)))
        if self.is_closing and not self.waiting and len(self.flight) + len(new) < self.window:
            new.append((b"", FIN | ACK))
            self.state = "fin-sent" if self.state == "open" else "last-ack"
        if new:
            self._send(new)

    def _send(self, pieces: list[tuple[bytes, int]]) -> None:
        segments = []
        for payload, flags in pieces:
            segments.append((self.seq, payload, flags))
            self.seq = self.seq + len(payload) + (1 if flags & (SYN | FIN) else 0) & 0xFFFFFFFF
        self.flight += segments
        self._emit(segments)
        self._arm()

    def _emit(self, segments: list[tuple[int, bytes, int]]) -> None:
        stack = self.stack
        is_finished = not stack.has_checksum_offload
        parts = []
        for seq, payload, flags in segments:
            options = mss_option(self.mss) if flags & SYN else b""
            parts.append(
                tcp(
                    self.local,
                    self.remote,
                    self.lport,
                    self.rport,
                    seq,
                    self.expected if flags & ACK else 0,
                    flags,
                    payload,
                    options=options,
                    is_finished=is_finished,
                    is_large_send=len(payload) > self.mss,
                )
            )
        step = max(self.chain, 1)
        for at in range(0, len(parts), step):
            stack.send(self.remote, TCP, parts[at : at + step], nbs=self.nbs, mss=self.mss)

    def _arm(self) -> None:
        self.timer += 1
        number = self.timer
        self.stack.world.after(FIRST_TIMEOUT_NS << self.n_tries, lambda: self._timeout(number))

    def _timeout(self, number: int) -> None:
        if number != self.timer or not self.flight or self.state == "closed":
            return
        self.n_tries += 1
        if self.n_tries > MAX_TRIES or (self.state == "syn-sent" and self.n_tries > 3):
            self._end("timeout")
            return
        self._emit(self.flight[:1])
        self._arm()

    def _end(self, why: str) -> None:
        if self.state == "closed":
            return
        self.state = "closed"
        self.timer += 1
        self.stack.connections.pop((self.local, self.lport, self.remote, self.rport), None)
        if self.on_close is not None:
            self.on_close(self, why)

    # -- receiving -----------------------------------------------------------------------------------------------

    def receive(self, segments: list[tuple[int, int, int, bytes]]) -> None:
        """Take segments (sequence, acknowledgement, flags, payload) that arrived together; answer once."""
        must_answer = False
        data = bytearray()
        n_full = 0
        for seq, ack, flags, payload in segments:
            if flags & RST:
                self._end("refused" if self.state == "syn-sent" else "reset")
                return
            if flags & SYN:
                must_answer |= self._receive_syn(seq, flags)
            if flags & ACK:
                self._acknowledged(ack)
            if payload or flags & FIN:
                if seq == self.expected:
                    self.expected = seq + len(payload) + (flags & FIN) & 0xFFFFFFFF
                    data += payload
                    n_full += 1
                    must_answer |= bool(flags & (PSH | FIN)) or n_full % 2 == 0
                    if flags & FIN:
                        self._receive_fin()
                else:
                    must_answer = True  # a hole or a duplicate: say what is expected
        if self.state == "syn-received":
            return
        if data and self.on_data is not None:
            before = self.seq
            self.on_data(self, bytes(data))
            must_answer &= self.seq == before  # data just sent acknowledges too
        if must_answer or (n_full and self.seq == self.acked and not self.waiting):
            self._emit([(self.seq, b"", ACK)])
        if self.state == "time-wait":
            self._end("done")

    def _receive_syn(self, seq: int, flags: int) -> bool:
        if self.state == "syn-sent" and flags & ACK:
            self.expected = seq + 1 & 0xFFFFFFFF
            self.state = "open"
            self._acknowledged(self.seq)
            self._emit([(self.seq, b"", ACK)])
            if self.on_open is not None:
                self.on_open(self)
            return False
        if self.state == "syn-received" and self.flight:
            self._emit(self.flight[:1])  # the SYN came again: our answer was lost
        return self.state != "syn-received"

    def _acknowledged(self, ack: int) -> None:
        if (ack - self.acked & 0xFFFFFFFF) > 0x7FFFFFFF:
            return
        self.acked = ack
        left = [piece for piece in self.flight if _is_after(piece, ack)]
        if len(left) != len(self.flight):
            self.flight = left
            self.n_tries = 0
            self.timer += 1
            if left:
                self._arm()
        if self.state == "syn-received" and ack == self.seq:
            self.state = "open"
            if self.on_open is not None:
                self.on_open(self)
        if self.state == "last-ack" and not self.flight:
            self._end("done")
            return
        if self.state == "fin-sent" and not self.flight:
            self.state = "fin-acked"
        self._push()

    def _receive_fin(self) -> None:
        if self.state in ("fin-acked", "fin-sent"):
            self.state = "time-wait"
        elif self.state == "open":
            self.state = "close-wait"
            self.close()


def _is_after(piece: tuple[int, bytes, int], ack: int) -> bool:
    """Whether a segment has something that an acknowledgement does not cover."""
    seq, payload, flags = piece
    end = seq + len(payload) + (1 if flags & (SYN | FIN) else 0)
    return (end - ack - 1 & 0xFFFFFFFF) < 0x7FFFFFFF
