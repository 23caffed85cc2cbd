"""`wnv fields`: what filters know."""

from __future__ import annotations

import click

from wnv.cli.results import format_option, plain_cells, show_rows, write_rows
from wnv.errors import UsageError


@click.command(epilog="\b\nExamples:\n  wnv fields\n  wnv fields tcp\n  wnv fields --format json")
@click.argument("word", metavar="[WORD]", required=False)
@format_option
def fields(word: str | None, form: str) -> int:
    """List the fields that -Y knows, or those with WORD in their name or meaning.

    Fields of frames are called as in Wireshark. The reference has the whole language.
    """
    import pyarrow as pa

    from wnv.sql import fields as known

    rows = [
        {"field": one.name, "type": one.type.value, "tables": ", ".join(known.tables_of(one)), "meaning": one.text}
        for one in known.fields() if word is None or word.lower() in f"{one.name} {one.text}".lower()
    ]  # fmt: skip
    if not rows:
        raise UsageError(f"no field has {word!r} in its name or meaning", advice="`wnv fields` lists them all.")
    batch = pa.RecordBatch.from_pylist(rows)
    if form == "table":
        show_rows([batch.drop_columns(["tables"])], ["field", "type", "meaning"], plain_cells, right=[False] * 3)
    else:
        write_rows([batch], batch.schema, form)
    return 0
