"""Microsoft-Windows-SharedAccess_NAT: troubles of Internet Connection Sharing, which serves the Default Switch.

Facts: the schema. Of its events none tells of a session; all are failures of its DHCP, DNS proxy and translator.
"""

from __future__ import annotations

from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import guid, wstr

GUID: Final = guid("a6f32731-9a38-4159-a220-3d9b7fc5fe5d")

KIND_30002: Final = EventKind(GUID, 30002, level=0)
KIND_30005: Final = EventKind(GUID, 30005, level=0)
KIND_30013: Final = EventKind(GUID, 30013, level=0)
KIND_31002: Final = EventKind(GUID, 31002, level=0)
KIND_31006: Final = EventKind(GUID, 31006, level=0)
KIND_31009: Final = EventKind(GUID, 31009, level=0)
KIND_32003: Final = EventKind(GUID, 32003, level=0)
KIND_32006: Final = EventKind(GUID, 32006, level=0)


def trouble(*parameters: str) -> bytes:
    """An event with so many texts: none for 32003 and 32006, two for 30005, three for 30013 and 31006, else one."""
    return b"".join(map(wstr, parameters))
