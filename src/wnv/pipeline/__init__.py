"""How the stages fit together; the only package that sees all of them.

What needs no tables is here; `importing` writes trace folders, `stored` reads them, `deriving` makes derived tables.
"""

from wnv.pipeline.conversion import CaptureOptions, convert_to_pcapng, longest_sightings
from wnv.pipeline.scanning import CaptureFacts, Opened, Scanned, scan

__all__ = [
    "CaptureFacts", "CaptureOptions", "Opened", "Scanned", "convert_to_pcapng", "longest_sightings", "scan",
]  # fmt: skip
