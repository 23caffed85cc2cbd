"""The option -Y, and what commands make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from wnv.cli.output import time_parser

if TYPE_CHECKING:
    from wnv.sql.engine import Source
    from wnv.sql.filters import Condition
    from wnv.trace import Trace

filter_option = click.option(
    "-Y", "--filter", "expression", metavar="EXPR", default="",
    help="Only what fits, in the language of Wireshark's display filters: 'ip.addr == 10.0.0.5 && tcp.port == 80'. "
    "`wnv fields` lists the fields.",
)  # fmt: skip


def check_filter(expression: str, table: str) -> None:
    """Raises `FilterError` for what no recording could make right, before one is read."""
    from wnv.sql.filters import compile_filter

    compile_filter(expression, table, parse_time=lambda _: 0)


def compiled_filter(trace: Trace, expression: str, table: str, time_style: str = "host") -> Condition:
    """The condition that `expression` is in this recording; times are read in its zone, or as `time_style` says."""
    from wnv.sql.filters import compile_filter

    return compile_filter(expression, table, parse_time=time_parser(trace, time_style))


def tables_for(trace: Trace, condition: Condition, names: Iterable[str] = ()) -> Mapping[str, Source]:
    """The tables that `condition` reads, and those of `names`; derived ones are made if need be."""
    return {name: trace.dataset(name) for name in sorted({*condition.tables, *names})}
