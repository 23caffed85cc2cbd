"""What to record next, where evidence is missing: plain commands for an elevated PowerShell on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class NextCapture:
    """What a further recording would show, and the commands that make it."""

    why: str
    commands: tuple[str, ...]


_SWITCH: Final = (
    "New-NetEventSession wnv -LocalFilePath C:\\wnv.etl -MaxFileSize 1024",
    "Add-NetEventPacketCaptureProvider wnv -CaptureType BothPhysicalAndSwitch -MultiLayer $true -TruncationLength 256",
    'Add-NetEventProvider "Microsoft-Windows-Hyper-V-VmSwitch" -SessionName wnv -Level 5',
    'Add-NetEventProvider "Microsoft-Windows-WinNat" -SessionName wnv -Level 5',
    'Add-NetEventProvider "Microsoft-Windows-Hyper-V-VfpExt" -SessionName wnv -Level 5',
    "Start-NetEventSession wnv",
    "# reproduce, then:  Stop-NetEventSession wnv; Remove-NetEventSession wnv",
)

PKTMON_BUILD: Final = 17763
"""The first build of Windows that has pktmon."""
_NETSH: Final = (
    "netsh trace start capture=yes capturetype=both report=disabled tracefile=C:\\wnv.etl maxsize=1024",
    "# reproduce, then:  netsh trace stop",
)

CAPTURES: Final = {
    "switch": NextCapture("record the virtual switch and NAT too, not the physical NICs alone", _SWITCH),
    "nat": NextCapture("record what WinNat translates", _SWITCH),
    "all": NextCapture(
        "record every component, whole packets, without a filter",
        (
            "pktmon filter remove",
            "pktmon start --capture --comp all --pkt-size 0 --file-name C:\\wnv.etl --file-size 1024",
            "# reproduce, then:  pktmon stop",
        ),
    ),
    "larger": NextCapture(
        "record again into a larger file, which does not wrap and loses nothing",
        (
            "pktmon start --capture --comp all --file-name C:\\wnv.etl --file-size 4096 --log-mode multi-file",
            "# reproduce at once, then:  pktmon stop",
        ),
    ),
    "guest": NextCapture(
        "record inside the VM (or the Hyper-V-isolated container's host VM), which this host cannot see into",
        ("pktmon start --capture --comp all --pkt-size 0  # in the guest", "# reproduce, then:  pktmon stop"),
    ),
    "peer": NextCapture(
        "record at the other end at the same time: what left this host is out of its sight",
        ("# on the peer, if it is Windows:  pktmon start --capture --comp all --pkt-size 128",),
    ),
    "offload": NextCapture(
        "record with SR-IOV switched off for that NIC, or in the guest: the switch never sees what hardware carries",
        ("Set-VMNetworkAdapter -VMName NAME -IovWeight 0   # restores with -IovWeight 100",),
    ),
}
"""By the need that a finding names."""


def commands_for(name: str, build: int) -> tuple[str, ...]:
    """The commands of a capture on a build of Windows: older ones have no pktmon."""
    commands = CAPTURES[name].commands
    return _NETSH if build < PKTMON_BUILD and any("pktmon start" in line for line in commands) else commands
