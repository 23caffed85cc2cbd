"""What goes wrong when the lab is misused."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LabError(Exception):
    """A scenario or a request that cannot be: says what was found, what was expected, what to try."""

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice


def unknown(what: str, found: str, known: Iterable[str]) -> LabError:
    """The error for a name that is not there, with the nearest one that is."""
    names = sorted(known)
    near = get_close_matches(found, names, 1)
    advice = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
    return LabError(f"{what} '{found}' is not known", advice)
