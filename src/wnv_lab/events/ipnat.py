"""Microsoft-Windows-IPNAT: debug lines of the translator behind Internet Connection Sharing.

Facts: the schema, which has one event.
"""

from __future__ import annotations

from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import astr, guid

GUID: Final = guid("a67075c2-3e39-4109-b6cd-6d750058a732")

KIND_2001: Final = EventKind(GUID, 2001, opcode=10, task=1001, keyword=0x1)


def debug_line(text: str) -> bytes:
    """2001."""
    return astr(text)
