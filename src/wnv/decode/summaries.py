"""Our own one-line summaries of the events that matter to networking, as templates over field names.

They stand in data/summaries.txt: a provider a section, `ID template` a line. A template fits an event that has
all fields it names; where builds and versions differ, an id has several lines, and the first that fits counts.

In a template `{A}` is the text of a field and `{A|B}` that of the first of several that says something. What stands
in `[…]` is left out where its first field says nothing: is missing, empty or zero. `sentences` fills them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

FIELD = re.compile(r"\{([^{}]*)\}")
"""A place of a template: a name, or several."""


def summary_template(provider: str, event_id: int, fields: Iterable[str]) -> str:
    """The template for this event of a provider (GUID), given its fields; empty if there is none.

    All fields that it names are among `fields`.
    """
    templates = _templates().get(provider, {}).get(event_id)
    if templates is None:
        return ""
    known = set(fields)
    return next((template for template in templates if known.issuperset(fields_of(template))), "")


def fields_of(template: str) -> list[str]:
    """The fields that a template names, in order."""
    return [name for names in FIELD.findall(template) for name in names.split("|")]


def all_templates() -> dict[str, dict[int, tuple[str, ...]]]:
    """By provider (GUID) and event id."""
    return {guid: dict(templates) for guid, templates in _templates().items()}


@cache
def _templates() -> dict[str, dict[int, tuple[str, ...]]]:
    found: dict[str, dict[int, tuple[str, ...]]] = {}
    section: dict[int, tuple[str, ...]] = {}
    for line in (files("wnv") / "data" / "summaries.txt").read_text(encoding="utf-8").splitlines():
        head, _, rest = line.partition(" ")
        if head.startswith("["):
            section = found.setdefault(head.strip("[]"), {})
        elif head.isdigit():
            section[int(head)] = (*section.get(int(head), ()), rest)
    return found
