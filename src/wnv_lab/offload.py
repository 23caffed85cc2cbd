"""What NICs do for the stack: finish checksums, cut large sends, join what arrives in a row."""

from __future__ import annotations

from wnv_lab.frames import ICMP, TCP, UDP, VXLAN_OVERHEAD_BYTES, checksum, folded_sum, pseudo_sum


def finished(frame: bytes) -> bytes:
    """The frame with its transport checksum finished; of the inner packet if it is VXLAN."""
    if frame[12:14] != b"\x08\x00" or frame[23] == ICMP:
        return frame
    if frame[23] == UDP and frame[36:38] == b"\x12\xb5":
        return frame[:VXLAN_OVERHEAD_BYTES] + finished(frame[VXLAN_OVERHEAD_BYTES:])
    at = {TCP: 50, UDP: 40}.get(frame[23])
    if at is None:
        return frame
    body = frame[34:at] + b"\0\0" + frame[at + 2 :]
    total = 65535 - ((pseudo_sum(frame[26:30], frame[30:34], frame[23], len(body)) + folded_sum(body)) % 65535 or 65535)
    if frame[23] == UDP:
        total = total or 65535
    return frame[:at] + total.to_bytes(2, "big") + frame[at + 2 :]


def segments(frame: bytes, mss: int) -> list[bytes]:
    """A large send as the segments that go on the wire; other frames as they are."""
    if frame[12:14] != b"\x08\x00" or frame[23] != TCP:
        return [frame]
    start = 34 + (frame[46] >> 4) * 4
    payload = frame[start:]
    if len(payload) <= mss:
        return [frame]
    seq = int.from_bytes(frame[38:42], "big")
    ident = int.from_bytes(frame[18:20], "big")
    made = []
    for number, at in enumerate(range(0, len(payload), mss)):
        piece = payload[at : at + mss]
        is_last = at + mss >= len(payload)
        head = bytearray(frame[:start])
        head[16:18] = (start - 14 + len(piece)).to_bytes(2, "big")
        head[18:20] = (ident + number & 0xFFFF).to_bytes(2, "big")
        head[24:26] = b"\0\0"
        head[24:26] = checksum(bytes(head[14:34])).to_bytes(2, "big")
        head[38:42] = (seq + at & 0xFFFFFFFF).to_bytes(4, "big")
        if not is_last:
            head[47] &= ~0x09  # FIN and PSH belong to the last one
        made.append(finished(bytes(head) + piece))
    return made


def coalesced(frames: list[bytes]) -> list[bytes]:
    """TCP segments of one flow that follow each other, joined as receive segment coalescing does; at most 64 KiB."""
    made: list[bytes] = []
    expected = -1
    for frame in frames:
        if frame[12:14] != b"\x08\x00" or frame[23] != TCP or len(frame) <= 54 or frame[47] & 0x07:
            made.append(frame)
            expected = -1
            continue
        start = 34 + (frame[46] >> 4) * 4
        seq = int.from_bytes(frame[38:42], "big")
        if seq == expected and made and len(made[-1]) + len(frame) < 60_000:
            joined = bytearray(made[-1] + frame[start:])
            joined[16:18] = (len(joined) - 14).to_bytes(2, "big")
            joined[24:26] = b"\0\0"
            joined[24:26] = checksum(bytes(joined[14:34])).to_bytes(2, "big")
            joined[42:46] = frame[42:46]
            joined[47] |= frame[47]
            made[-1] = finished(bytes(joined))
        else:
            made.append(frame)
        expected = seq + len(frame) - start & 0xFFFFFFFF
    return made
