"""wnv shows what happens to a packet inside Windows.

>>> import wnv
>>> with wnv.open_trace(wnv.sample_path()) as trace:
...     print(trace.sql("SELECT dst, count(*) AS n FROM frames GROUP BY dst ORDER BY dst").to_pylist())
[{'dst': '10.9.1.14', 'n': 76}, {'dst': '10.9.1.22', 'n': 38}]

The names below are loaded when they are first used, so that `import wnv` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wnv.errors import WnvError
    from wnv.trace import Trace, open_trace, sample_path

__version__ = "0.1.0.dev0"

__all__ = ["Trace", "WnvError", "__version__", "open_trace", "sample_path"]

_HOMES = {"Trace": "wnv.trace", "WnvError": "wnv.errors", "open_trace": "wnv.trace", "sample_path": "wnv.trace"}
"""The module that each lazy name comes from."""

if not TYPE_CHECKING:  # a checker reads the imports above, and so finds misspelt names

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
