from __future__ import annotations

from pathlib import Path

import pytest

from lab_recordings import START_NS, complaints, writer
from wnv import open_trace, sample_path
from wnv.diagnostics import Log
from wnv.etl.reader import open_recording
from wnv_lab.events import system_config
from wnv_lab.events.system_config import InterfaceFlags


def write(path: Path, pointer_size: int = 8) -> Path:
    adapter = system_config.interface(
        if_index=5, if_luid=6 << 48 | 3 << 24, alias="Ethernet 2", description="Mellanox ConnectX-5",
        mac_address="00-15-5D-01-02-03", interface_guid="86e2a814-8893-431d-a1dc-f44931d6b99a",
        flags=InterfaceFlags.HARDWARE | InterfaceFlags.CONNECTOR, mtu=9000, speed_bits=25_000_000_000,
    )  # fmt: skip
    layer = system_config.interface(
        if_index=14, if_luid=6 << 48, alias="Ethernet 2-WFP-0000", description="x", flags=InterfaceFlags.FILTER
    )
    events = [
        (system_config.KIND_FOLDERS, system_config.folders(windows="D:\\Windows\\")),
        (system_config.KIND_VOLUME, system_config.volume(nt_path="\\Device\\HarddiskVolume4\\", dos_path="C:\\")),
        (system_config.KIND_INTERFACE, adapter),
        (system_config.KIND_INTERFACE, layer),
        (system_config.KIND_BUILD, system_config.build(
            ts_ns=START_NS, build_text="20348.1.amd64fre.fe_release", product="Windows Server 2022")),
    ]  # fmt: skip
    with writer(path, is_relogged=True, pointer_size=pointer_size) as etl:
        for number, (kind, payload) in enumerate(events):
            etl.add_classic(START_NS + 100 * number, 0, 0, 0, kind, payload)
    return path


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_the_host_is_known_from_what_merging_added(tmp_path: Path, pointer_size: int) -> None:
    path = write(tmp_path / "case.etl", pointer_size)
    assert complaints(path) == []
    with open_trace(path) as trace:
        session = trace.overview.sessions[0]
    assert session.row["product"] == "Windows Server 2022"
    assert (session.details["build_text"], session.details["windows_folder"]) == (
        "20348.1.amd64fre.fe_release", "D:\\Windows\\",
    )  # fmt: skip
    adapter, layer = session.details["interfaces"]
    assert (adapter["is_filter"], layer["is_filter"], layer["alias"]) == (False, True, "Ethernet 2-WFP-0000")
    assert (adapter["if_index"], adapter["alias"], adapter["description"]) == (5, "Ethernet 2", "Mellanox ConnectX-5")
    assert "00:15:5d:01:02:03" in str(adapter).lower()


def classic_payloads(path: Path) -> list[tuple[int, bytes]]:
    """Opcode and payload of the events that tell of the host."""
    found: list[tuple[int, bytes]] = []
    with open_recording(path, Log()) as recording:
        recording.scan()
        for piece in recording.slices():
            events = piece.events
            for row, kind in enumerate(events.kind.tolist()):
                if kind == 0x14 and events.guids.texts[events.provider[row]].startswith("9b79ee91"):
                    start, n = int(events.payload_start[row]), int(events.payload_bytes[row])
                    found.append((int(events.opcode[row]), events.data[start : start + n].tobytes()))
    return found


def test_an_interface_is_packed_as_in_a_real_recording() -> None:
    real = next(raw for opcode, raw in classic_payloads(sample_path()) if opcode == 0x24 and raw[8] == 9)
    ours = system_config.interface(
        if_index=9, if_luid=6 << 48 | 0x8002 << 24, alias="Ethernet 2",
        description="Microsoft Hyper-V Network Adapter #2", mac_address="00-22-48-7b-b0-99",
        interface_guid="00000000-0000-0000-0000-000000000000", flags=InterfaceFlags.HARDWARE | InterfaceFlags.CONNECTOR,
        physical_medium=system_config.MEDIUM_UNSPECIFIED, speed_bits=50_000_000_000,
        network_guid="fde23e59-0f14-11ef-86bd-806e6f6e6963",
    )  # fmt: skip
    assert len(ours) == len(real) == 1352
    luid, its_guid, counters = slice(0, 8), slice(12, 28), slice(1208, 1352)
    parts = [part for part in range(1352) if ours[part] != real[part]]
    outside = [n for n in parts if not any(n in range(*area.indices(1352)) for area in (luid, its_guid, counters))]
    assert outside == []
