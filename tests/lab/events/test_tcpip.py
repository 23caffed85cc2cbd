from __future__ import annotations

from pathlib import Path

import pytest

from lab_recordings import decoded
from wnv_lab.events import tcpip
from wnv_lab.events.fields import Socket

LOCAL, REMOTE = Socket("10.0.0.5", 50000), Socket("10.0.0.9", 443)


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (14393, None),
        (17763, None),
        (20348, tcpip.KIND_1527),
        (22000, tcpip.KIND_1527),
        (26100, tcpip.KIND_1527_V1),
    ],
)
def test_the_interface_rundown_differs_by_build(build: int, kind: object) -> None:
    assert tcpip.interface_rundown_kind(build) == kind


@pytest.mark.parametrize("version", [0, 1])
def test_an_interface_names_its_compartment(tmp_path: Path, version: int) -> None:
    payload = tcpip.interface_rundown(
        if_index=20, if_luid=tcpip.luid(6, 3), alias="vEthernet (nat)", mac_address="00-15-5d-01-02-03",
        compartment_id=2, is_rsc_on=True, version=version,
    )  # fmt: skip
    (fields,) = decoded(tmp_path, [(tcpip.KIND_1527 if version == 0 else tcpip.KIND_1527_V1, payload)])
    assert fields == {
        "IfIndex": 20, "IfLuid": 6 << 48 | 3 << 24, "AddressFamily": 2, "Compartment": 2, "IsolationMode": 0,
        "IsolalationId": 0, "DlAddrLength": 6, "DLAddress": "00155d010203", "InterfaceType": 6,
        "PhysicalMediumType": 14, "SwRscUroApplicable": 1, "SwRscEnabled": 1, "IfAlias": "vEthernet (nat)",
    } | ({"SwUroEnabled": 0} if version else {})  # fmt: skip


@pytest.mark.parametrize("build", [14393, 17763, 20348, 26100])
def test_addresses_name_their_compartment_from_2019_on(tmp_path: Path, build: int) -> None:
    kind = tcpip.address_rundown_kind(build)
    four, six = decoded(tmp_path, [
        (kind, tcpip.address_rundown(if_index=5, address=address, compartment_id=3, version=kind.version))
        for address in ("10.0.0.5", "fd00::5")
    ], build=build)  # fmt: skip
    assert (four["IPv4Address"], four.get("CompartmentId")) == ("10.0.0.5", None if build == 14393 else 3)
    assert (six["IPProtocol"], six["IPv6Address"]) == (23, "fd00::5")
    assert ("NlMtu" in four) == (build == 26100)


@pytest.mark.parametrize(("build", "last"), [(17763, "IPProtocol"), (20348, "PathDirection"), (26100, "Nbl")])
def test_a_drop_says_more_from_build_to_build(tmp_path: Path, build: int, last: str) -> None:
    kind = tcpip.drop_kind(build)
    sockets = [(LOCAL, REMOTE), (Socket("fd00::5", 1), Socket("fd00::9", 2))]
    four, six = decoded(tmp_path, [
        (kind, tcpip.packet_drop(source=source, destination=destination, protocol=6, reason=tcpip.DROP_INSPECTION,
                                 if_index=5, nbl=77, version=kind.version))
        for source, destination in sockets
    ], build=build)  # fmt: skip
    assert (four["SourceIPv4Address"], four["DestIPv4Address"], four["Reason"]) == ("10.0.0.5", "10.0.0.9", 9)
    assert (six["AddressFamily"], six["IPv6SourceAddress"], six["IPv6DestAddress"]) == (23, "fd00::5", "fd00::9")
    assert list(four)[-1] == last


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_a_connection_names_process_and_compartment(tmp_path: Path, pointer_size: int) -> None:
    old, new = decoded(tmp_path, [
        (tcpip.KIND_1033, tcpip.connected(
            local=LOCAL, remote=REMOTE, pid=9, compartment_id=2, tcb=5, pointer_size=pointer_size)),
        (tcpip.KIND_1033_V1, tcpip.connected(
            local=LOCAL, remote=REMOTE, pid=9, tcb=5, process_start_key=6, pointer_size=pointer_size)),
    ], pointer_size=pointer_size)  # fmt: skip
    assert old == {
        "LocalAddressLength": 16, "LocalAddress": "10.0.0.5:50000", "RemoteAddressLength": 16,
        "RemoteAddress": "10.0.0.9:443", "Status": 0, "ProcessId": 9, "Compartment": 2, "Tcb": 5,
    }  # fmt: skip
    assert new["ProcessStartKey"] == 6
