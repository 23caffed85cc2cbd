"""What the story of a scenario tells, tshark sees in its packets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from command_line import done
from lab_worlds import ran

MALFORMED = "_ws.malformed"
BAD_CHECKSUM = "tcp.checksum.status == 0 || udp.checksum.status == 0 || ip.checksum.status == 0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stories")


def seen(tshark: Path, folder: Path, name: str, wanted: str, field: str, recording: int = 0) -> list[str]:
    """A field of the packets that a display filter takes, each packet once."""
    path = ran(name).recordings[recording]
    packets = folder / f"{path.stem}.pcapng"
    if not packets.exists():
        done("convert", path, "--once", "-w", packets)
    checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    arguments = [str(tshark), "-r", str(packets), "-Y", wanted, "-T", "fields", "-e", field, *checks]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "recording", "wanted", "field", "value"),
    [
        ("nat-web", 0, "dns.flags.response == 1", "dns.a", "93.184.216.34"),
        ("nat-web", 0, "http.response", "http.response.code", "200"),
        ("nat-web", 0, "icmp.type == 0", "ip.src", "93.184.216.34"),
        ("nat-published-port", 0, "http.response", "http.response.code", "200"),
        ("nat-containers", 0, "http.response", "http.response.code", "200"),
        ("transparent", 0, "tls.handshake.type == 1", "tls.handshake.extensions_server_name", "www.example"),
        ("transparent-team-vlan", 0, "http.response", "ip.src", "10.0.20.70"),
        ("l2bridge-pod", 0, "http.response", "http.response.code", "200"),
        ("overlay-pods", 0, "http.response && ip.src == 10.244.2.30", "http.response.code", "200"),
        ("overlay-pods", 1, "vxlan && http.request", "vxlan.vni", "4096"),
        ("hyperv-container", 0, "http.response", "http.response.code", "200"),
        ("vm-external", 0, "icmp.type == 0", "ip.dst", "93.184.216.34"),
        ("default-switch", 0, "dhcp.option.dhcp == 5", "dhcp.ip.your", "172.28.16.50"),
        ("nat-ports-exhausted", 0, "http.response", "http.response.code", "200"),
        ("truncated", 0, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.dstport", "80"),
        ("receive-coalescing", 0, "http.response", "http.response.code", "200"),
        ("set-team", 0, "http.response", "http.response.code", "200"),
        ("private-and-internal", 0, "http.response", "ip.src", "192.168.50.1"),
        ("physical-only", 0, "http.response", "ip.dst", "10.0.0.10"),
        ("filtered-capture", 0, "http.response", "ip.dst", "172.20.1.5"),
        ("slow-hop", 0, "http.response", "http.response.code", "200"),
        ("late-container", 0, "http.response", "http.response.code", "200"),
    ],
)  # fmt: skip
def test_the_packets_tell_the_story(
    tshark: Path, folder: Path, name: str, recording: int, wanted: str, field: str, value: str
) -> None:
    found = seen(tshark, folder, name, wanted, field, recording)
    assert found
    assert set(",".join(found).split(",")) == {value}


@pytest.mark.parametrize(
    ("name", "asks", "n", "answers"),
    [
        ("acl-drop", "tcp.dstport == 5432 && tcp.flags.syn == 1", 4, "tcp.srcport == 5432"),
        ("extended-acl-drop", "tcp.dstport == 25 && tcp.flags.syn == 1", 4, "tcp.srcport == 25"),
        ("firewall-block", "tcp.dstport == 9000 && tcp.flags.syn == 1", 4, "tcp.srcport == 9000"),
        ("vfp-block", "dns.flags.response == 0", 3, "dns.flags.response == 1"),
        ("vlan-mismatch", "icmp.type == 8", 4, "icmp.type == 0"),
        ("mac-spoofing", "eth.src == 00:15:5d:ba:ad:01", 3, "eth.dst == 00:15:5d:ba:ad:01"),
        ("nic-disabled", "icmp.type == 8 && icmp.seq > 3", 3, "icmp.type == 0 && icmp.seq > 3"),
    ],
)
def test_what_is_stopped_is_asked_again_and_never_answered(
    tshark: Path, folder: Path, name: str, asks: str, n: int, answers: str
) -> None:
    assert len(seen(tshark, folder, name, asks, "frame.number")) == n
    assert seen(tshark, folder, name, answers, "frame.number") == []


def test_a_page_that_is_too_large_for_the_overlay_never_arrives(tshark: Path, folder: Path) -> None:
    sent = seen(tshark, folder, "mtu-too-small", 'http.request.uri == "/large"', "frame.number")
    answered = seen(tshark, folder, "mtu-too-small", "tcp.srcport == 81 && tcp.len > 0", "frame.number")
    again = seen(tshark, folder, "mtu-too-small", "tcp.srcport == 81 && tcp.len == 1460", "tcp.seq", recording=1)
    assert sent
    assert answered == []
    assert again.count("1") >= 4


def test_connections_are_torn_down_and_refused_by_resets(tshark: Path, folder: Path) -> None:
    resets = seen(tshark, folder, "vm-external", "tcp.flags.reset == 1", "tcp.dstport")
    assert resets[0] == "8080"
    assert "8081" in seen(tshark, folder, "vm-external", "tcp.flags.reset == 1", "tcp.srcport")


def test_a_port_that_is_not_published_gets_no_answer(tshark: Path, folder: Path) -> None:
    assert seen(tshark, folder, "no-port-mapping", "tcp.dstport == 8081 && tcp.flags.syn == 1", "frame.number")
    assert not seen(tshark, folder, "no-port-mapping", "tcp.srcport == 8081", "frame.number")


@pytest.mark.parametrize(
    "name", ["nat-web", "l2bridge-pod", "overlay-pods", "vm-external", "default-switch", "broadcasts"]
)
def test_nothing_is_malformed_and_what_comes_in_has_right_checksums(tshark: Path, folder: Path, name: str) -> None:
    assert seen(tshark, folder, name, MALFORMED, "frame.number") == []
    senders = set(seen(tshark, folder, name, f"({BAD_CHECKSUM}) && !vxlan", "ip.src"))
    assert not senders & {"93.184.216.34", "10.0.0.53", "10.0.0.1"}, "machines outside finish their checksums"
