"""`wnv cache`: the recordings that were imported to answer other commands."""

from __future__ import annotations

import click

from wnv.cli.output import TextTable, print_json, say
from wnv.text import counted

_MIB = 2**20


@click.group(epilog="\b\nExamples:\n  wnv cache list\n  wnv cache clear")
def cache() -> None:
    """The recordings that commands have imported, so that the next one is quick.

    They are in a folder that nobody else can read: WNV_CACHE, or the system's place for such data. The least
    recently used ones go when it is larger than WNV_CACHE_BYTES (20 GiB unless set).
    """


@cache.command("list", epilog="\b\nExamples:\n  wnv cache list\n  wnv cache list --format json")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list_(form: str) -> int:
    """List the imported recordings, the last used first."""
    from datetime import UTC, datetime

    from wnv.store.cache import Cache

    found = Cache()
    entries = found.entries()
    used = [datetime.fromtimestamp(one.used_s, UTC).isoformat(timespec="seconds") for one in entries]
    if form == "json":
        print_json({
            "folder": str(found.folder),
            "entries": [
                {"path": str(one.path), "source": one.source, "n_bytes": one.n_bytes, "used": when}
                for one, when in zip(entries, used, strict=True)
            ],
        })  # fmt: skip
        return 0
    rows = [
        (one.source, f"{one.n_bytes / _MIB:,.1f}", when, one.path.name) for one, when in zip(entries, used, strict=True)
    ]
    if rows:
        table = TextTable(["recording", "MiB", "last used (UTC)", "entry"], right=[False, True, False, False])
        click.echo("\n".join(table.lines(rows)))
    say(f"{found.folder}: {counted(len(entries), 'recording')}, {sum(one.n_bytes for one in entries) / _MIB:,.1f} MiB")
    return 0


@cache.command("clear", epilog="\b\nExamples:\n  wnv cache clear")
def clear() -> int:
    """Remove all imported recordings; they are imported again when they are asked for."""
    from wnv.store.cache import Cache

    found = Cache()
    removed = found.clear()
    n_bytes = sum(one.n_bytes for one in removed)
    say(f"{found.folder}: removed {counted(len(removed), 'recording')}, {n_bytes / _MIB:,.1f} MiB")
    return 0
