"""How the stages fit together; the only package that sees all of them.

What needs no tables is here; `importing` writes trace folders, `stored` reads them, `deriving` makes derived tables.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wnv.pipeline.conversion import CaptureOptions, convert_to_pcapng, longest_sightings
    from wnv.pipeline.scanning import CaptureFacts, Opened, Scanned, scan

__all__ = [
    "CaptureFacts", "CaptureOptions", "Opened", "Scanned", "convert_to_pcapng", "longest_sightings", "scan",
]  # fmt: skip

_CONVERSION = ("CaptureOptions", "convert_to_pcapng", "longest_sightings")

if not TYPE_CHECKING:  # what a trace folder answers needs neither, and loading both takes longer than the answer

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "conversion" if name in _CONVERSION else "scanning"
        return getattr(import_module(f"{__name__}.{home}"), name)
