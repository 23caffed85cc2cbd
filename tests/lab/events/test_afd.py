from __future__ import annotations

from pathlib import Path

import pytest

from lab_recordings import decoded
from wnv_lab.events import afd
from wnv_lab.events.fields import Socket


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_the_life_of_a_socket_decodes(tmp_path: Path, pointer_size: int) -> None:
    rows = decoded(tmp_path, [
        (afd.KIND_1000, afd.created(process=0x10, endpoint=0x20, pid=99, pointer_size=pointer_size)),
        (afd.KIND_1018, afd.connecting(
            process=0x10, endpoint=0x20, remote=Socket("10.0.0.9", 443), pointer_size=pointer_size)),
        (afd.KIND_1017, afd.state(process=0x10, endpoint=0x20, pointer_size=pointer_size)),
        (afd.KIND_1001, afd.state(process=0x10, endpoint=0x20, status=5, pointer_size=pointer_size)),
    ], pointer_size=pointer_size)  # fmt: skip
    leaves = {"EnterExit": 1, "Location": 0, "Process": 0x10, "Endpoint": 0x20}
    assert rows == [
        leaves | {"AddressFamily": 2, "SocketType": 1, "Protocol": 6, "ProcessId": 99, "Status": 0},
        leaves | {"EnterExit": 0, "Buffer": 0, "BufferLength": 0, "Status": 0, "AddressLen": 16,
                  "Address": "10.0.0.9:443"},
        leaves | {"Status": 0},
        leaves | {"Status": 5},
    ]  # fmt: skip
