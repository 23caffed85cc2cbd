from __future__ import annotations

from pathlib import Path

from lab_recordings import decoded
from wnv_lab.events import dns_client


def test_a_name_is_asked_for_and_answered(tmp_path: Path) -> None:
    name = "web.contoso.test"
    rows = decoded(tmp_path, [
        (dns_client.KIND_3006, dns_client.query(name=name, is_network_query=True, if_index=5)),
        (dns_client.KIND_3010, dns_client.sent(name=name, server="10.0.0.53")),
        (dns_client.KIND_3011, dns_client.received(name=name, server="10.0.0.53", status=dns_client.NO_SUCH_NAME)),
        (dns_client.KIND_3020, dns_client.cache_answer(name=name, status=dns_client.TIMED_OUT, if_index=5)),
        (dns_client.KIND_3008, dns_client.answer(name=name, results="10.0.0.9;")),
    ])  # fmt: skip
    asked = {"QueryName": name, "QueryType": 1}
    assert rows == [
        asked | {"QueryOptions": 0, "ServerList": "", "IsNetworkQuery": 1, "NetworkQueryIndex": 0,
                 "InterfaceIndex": 5, "IsAsyncQuery": 0},
        asked | {"DnsServerIpAddress": "10.0.0.53"},
        asked | {"DnsServerIpAddress": "10.0.0.53", "ResponseStatus": 9003},
        asked | {"NetworkIndex": 0, "InterfaceIndex": 5, "Status": 1460, "QueryResults": ""},
        asked | {"QueryOptions": 0, "QueryStatus": 0, "QueryResults": "10.0.0.9;"},
    ]  # fmt: skip
