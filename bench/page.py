"""Tables on pages of the documentation, between marks; what a person wrote around them stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PERFORMANCE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "performance.md"


def write_tables(script: str, heading: str, text: str, page: Path = PERFORMANCE) -> None:
    """Put the tables of a script between its marks, or under a heading at the end where there are none yet."""
    begin, end = (f"<!-- written by bench/{script}: {which} -->" for which in ("begin", "end"))
    old = page.read_text(encoding="utf-8")
    block = f"{begin}\n\n{text}\n\n{end}"
    if begin in old:
        before, _, rest = old.partition(begin)
        new = before + block + rest.partition(end)[2]
    else:
        new = f"{old.rstrip()}\n\n## {heading}\n\n{block}\n"
    page.write_text(new, encoding="utf-8", newline="\n")


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (titles, ["---"] * len(titles), *rows))
