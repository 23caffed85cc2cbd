from __future__ import annotations

import struct
from pathlib import Path

import pytest

import wnv
from conversion import at, convert, pktmon, record
from etl_writer import Event, full_header
from payloads import PROPERTY_IF_INDEX, Sighting, pktmon_20, pktmon_30, pktmon_160, wstr
from recordings import scanned_of
from wnv.diagnostics import Code
from wnv.providers.sysconfig import GUID, HostInterface

MAC = bytes.fromhex("020000000001")


def sysconfig(opcode: int, payload: bytes) -> Event:
    return full_header(GUID, opcode, ticks=at(5), payload=payload)


def if_row(if_index: int, alias: str, description: str, mac: bytes = MAC, mtu: int = 1500, *, flags: int = 1) -> bytes:
    """A MIB_IF_ROW2 of netioapi.h."""
    texts = b"".join(text.encode("utf-16-le").ljust(514, b"\0") for text in (alias, description))
    head = struct.pack("<QI16x", 6 << 48, if_index) + texts
    head += struct.pack("<I32s32s", len(mac), mac, mac)
    kinds = struct.pack("<7I", mtu, 6, 0, 0, 14, 2, 3)
    state = struct.pack("<B3xIII16xI4x", flags, 1, 1, 1, 1)
    return (head + kinds + state + struct.pack("<QQ", 10**10, 10**9)).ljust(1352, b"\0")


class TestHostFacts:
    def test_build_product_and_folder(self, tmp_path: Path) -> None:
        events = [
            sysconfig(0x20, struct.pack("<II", 0, 0) + wstr("20348.2461.amd64fre") + wstr("Windows Server 2022")),
            sysconfig(0x21, wstr("C:\\Windows\\system32") + wstr("C:\\Windows")),
        ]
        with wnv.open_trace(record(tmp_path, events)) as trace:
            (session,) = trace.overview.sessions
        assert session.row["product"] == "Windows Server 2022"
        assert session.details["build_text"] == "20348.2461.amd64fre"
        assert session.details["windows_folder"] == "C:\\Windows"

    def test_interfaces(self, tmp_path: Path) -> None:
        rows = [if_row(7, "Ethernet", "Intel NIC"), if_row(9, "Ethernet-WFP", "Intel NIC-WFP", b"", 1280, flags=2)]
        with wnv.open_trace(record(tmp_path, [sysconfig(0x24, row) for row in rows])) as trace:
            found = scanned_of(trace).packets.hosts[0].facts.interfaces
        assert found == {
            7: HostInterface(
                7, "Ethernet", "Intel NIC", MAC, 1500, 10**10, is_filter=False, is_up=True, is_hardware=True
            ),
            9: HostInterface(9, "Ethernet-WFP", "Intel NIC-WFP", b"", 1280, 10**10, is_filter=True, is_up=True),
        }

    @pytest.mark.parametrize("mac", [MAC, bytes(32)])
    def test_texts_and_addresses_may_fill_their_room(self, tmp_path: Path, mac: bytes) -> None:
        raw = if_row(7, "a" * 257, "b" * 257, mac)
        with wnv.open_trace(record(tmp_path, [sysconfig(0x24, raw)])) as trace:
            found = scanned_of(trace).packets.hosts[0].facts.interfaces[7]
        assert (found.alias, found.description, found.mac) == ("a" * 257, "b" * 257, mac)

    @pytest.mark.parametrize("opcode", [0x20, 0x21, 0x22, 0x23, 0x25])
    @pytest.mark.parametrize("payload", [b"", b"\1", b"x\0" * 40, b"\xff" * 9])
    def test_what_does_not_fit_says_nothing(self, tmp_path: Path, opcode: int, payload: bytes) -> None:
        with wnv.open_trace(record(tmp_path, [sysconfig(opcode, payload)])) as trace:
            (session,) = trace.overview.sessions
        assert (session.row["product"], session.details["windows_folder"]) == (None, None)

    def test_an_interface_cut_short_is_counted(self, tmp_path: Path) -> None:
        with wnv.open_trace(record(tmp_path, [sysconfig(0x24, if_row(7, "x", "y")[:-1])])) as trace:
            assert scanned_of(trace).packets.hosts[0].facts.interfaces == {}
            assert trace.log.count(Code.RUNDOWN_INVALID) == 1

    def test_names_the_adapters_of_points(self, tmp_path: Path) -> None:
        """The component says its ifIndex, the host what it calls that."""
        events = [
            pktmon(160, pktmon_160(Sighting(), bytes(60))),
            pktmon(20, pktmon_20(1, 2, "e1.sys", "Intel NIC"), ticks=at(2)),
            pktmon(30, pktmon_30(1, PROPERTY_IF_INDEX, 7), ticks=at(3)),
            sysconfig(0x24, if_row(7, "Ethernet 2", "Intel NIC")),
        ]
        got = convert(tmp_path, events)
        (interface,) = got.capture.interfaces
        assert interface.description.startswith("Ethernet 2, Intel NIC, Miniport e1.sys")
        assert interface.values(6) == [MAC]
        assert got.overview.points[0].point.details["nic"] == "Ethernet 2"

    def test_of_a_real_recording(self, traces_dir: Path) -> None:
        with wnv.open_trace(traces_dir / "pktmon-demikernel.etl") as trace:
            host = scanned_of(trace).packets.hosts[0].facts
        assert host.build_text.startswith("20348.")
        assert host.product.startswith("Windows Server")
        assert host.interfaces[5].alias == "Ethernet 3"
        assert host.interfaces[5].description == "Microsoft Hyper-V Network Adapter #3"
        assert all(len(one.mac) in (0, 6, 8) for one in host.interfaces.values())
