"""Frames for the benchmarks, as a host's traffic has them: mostly TCP, some UDP, few of the rest, cut at 256 bytes."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import payloads

SNAP_BYTES = 256


def make_frames(n: int, seed: int = 1) -> list[bytes]:
    """`n` Ethernet frames of some hundred flows; no two are equal."""
    source = random.Random(seed)
    flows = [
        (f"10.0.{source.randrange(4)}.{source.randrange(1, 255)}", f"10.1.0.{source.randrange(1, 255)}",
         source.randrange(49152, 65536), source.choice((80, 443, 445, 3389)))
        for _ in range(300)
    ]  # fmt: skip
    frames = []
    for k in range(n):
        src, dst, sport, dport = source.choice(flows)
        payload = bytes(source.choice((0, 0, 20, 200)))
        if source.random() < 0.8:
            body: payloads.Transport = payloads.Tcp(sport, dport, payload, seq=k * 1460, ack=k)
        elif source.random() < 0.8:
            body = payloads.Udp(sport, 5000, payload)
        else:
            body = payloads.Udp(sport, 53, payloads.dns(f"host-{k % 200}.example.com", ident=k & 0xFFFF))
        frames.append(payloads.ethernet(payloads.ip(src, dst, body, ident=k & 0xFFFF))[:SNAP_BYTES])
    return frames
