"""Filter expressions to SQL: conditions over the tables of a trace, with every value bound.

A condition is about the rows of one table, the root. What stands in other tables is asked by semi-joins along the
keys between them, so a field of a journey has the values of all its hops, as a frame with two IP headers has two
addresses. Comparisons follow tshark 4.0: of several values any may fit, but `!=` holds only if no value is equal
(`~=` if any differs); where there is no value, no comparison holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from ipaddress import ip_network
from typing import Final, NoReturn, TypeAlias

from wnv.clock import NO_TIME, TimeStyle, parse_time
from wnv.errors import UsageError
from wnv.providers import registry
from wnv.schema import TABLES
from wnv.sql.expression import (
    And,
    Comparison,
    FilterError,
    Literal,
    Membership,
    Name,
    Node,
    Not,
    Or,
    Presence,
    Quantifier,
    Relation,
    parse_expression,
)
from wnv.sql.fields import HOST, ROOTS, Field, Source, Type, fields, find_field
from wnv.sql.values import Addresses, ParseTime, Value, parse_bytes, parse_value

_SIMILAR_SHOWN: Final = 4
_HALF: Final = (1 << 64) - 1
_INSTEAD: Final = {
    "port": ("tcp.port", "udp.port"), "src": ("ip.src",), "dst": ("ip.dst",),
    "net": ("ip.addr",), "tcp.seq": ("tcp.seq_raw",), "tcp.ack": ("tcp.ack_raw",), "tcp.window_size":
    ("tcp.window_size_value",), "ether": ("eth.addr",), "tcp.flags.rst": ("tcp.flags.reset",), "tcp.flags.psh":
    ("tcp.flags.push",), "id": ("event.id",), "reason": ("drop.reason",), "ts": ("frame.time",), "time":
    ("frame.time", "frame.time_relative"), "ssl": ("tls",), "bootp": ("dhcp",), "journey_id": ("journey",),
}  # fmt: skip
"""What people write who know other filters, and what they mean."""
_OPPOSITE: Final = {
    Relation.EQUAL: Relation.NOT_EQUAL, Relation.NOT_EQUAL: Relation.EQUAL, Relation.LESS: Relation.GREATER_OR_EQUAL,
    Relation.GREATER_OR_EQUAL: Relation.LESS, Relation.GREATER: Relation.LESS_OR_EQUAL,
    Relation.LESS_OR_EQUAL: Relation.GREATER,
}  # fmt: skip
_IN_SQL: Final = {Relation.EQUAL: "=", Relation.NOT_EQUAL: "<>"}
_ORDERED: Final = frozenset((Relation.LESS, Relation.LESS_OR_EQUAL, Relation.GREATER, Relation.GREATER_OR_EQUAL))
_TESTS_MAX: Final = 800
"""Values compared: DuckDB takes expressions of a thousand parts."""
_JOINS_MAX: Final = 128
"""Other tables asked, each time anew."""
_FROM: Final = re.compile(r"\bFROM (\w+)")
_IN_ADDRESSES: Final = frozenset(("ip_src", "ip_dst", "inner_ip_src", "inner_ip_dst"))
"""Columns of frames of which the table `addresses` has every value."""
_MAC_DIGITS: Final = 3  # of a byte and the colon behind it

Bound: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL expression about the rows of a table, called by its own name, and the values of its `?` in order."""

    sql: str
    values: tuple[Bound, ...]
    tables: frozenset[str]
    """What it reads, the table itself included."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """How rows of one table lead to those of another: `before` condition `after` is true of rows that have one."""

    target: str
    before: str
    after: str
    is_one: bool
    """Whether a row leads to one row at most."""
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Test:
    """An SQL expression over the columns of `table`."""

    table: str
    sql: str
    values: tuple[Bound, ...]


def compile_filter(
    expression: str, table: str, *, tables: Collection[str] | None = None, parse_time: ParseTime | None = None
) -> Condition:
    """The condition that `expression` is about the rows of `table`.

    `tables` are those there are (None = all); `parse_time` reads times (None = as UTC). Raises `FilterError`, which
    says where and why, also for fields whose tables are not there.
    """
    if table not in ROOTS:
        raise UsageError(f"rows of {table!r} cannot be filtered", advice=f"There are: {', '.join(ROOTS)}.")
    tree = parse_expression(expression)
    if tree is None:
        return Condition("TRUE", (), frozenset((table,)))
    known = frozenset(one.name for one in TABLES) if tables is None else frozenset(tables)
    compiler = _Compiler(expression, table, known, parse_time or _utc)
    test = compiler.at_root(compiler.compile(tree))
    return Condition(test.sql, test.values, frozenset(compiler.used))


def _utc(text: str) -> int:
    return parse_time(text, zone=None, start_ns=NO_TIME, end_ns=None, style=TimeStyle.UTC)


class _Compiler:
    def __init__(self, expression: str, root: str, tables: frozenset[str], read_time: ParseTime) -> None:
        self._expression, self._root, self._tables, self._read_time = expression, root, tables, read_time
        self._paths = _paths(root, tables)
        self.used = {root}
        self._n_tests = self._n_joins = 0

    def compile(self, node: Node) -> _Test:
        match node:
            case And(parts):
                return self._joined("AND", [self.compile(part) for part in parts])
            case Or(parts):
                return self._joined("OR", [self.compile(part) for part in parts])
            case Not(part):
                return self._negated(self.at_root(self.compile(part)))
            case Presence(name):
                return self._presence(name)
            case Comparison():
                return self._comparison(node)
            case Membership():
                return self._membership(node)

    # --- tests and tables -----------------------------------------------------------------------------

    def at_root(self, test: _Test) -> _Test:
        """The same, asked of the rows of the root."""
        sql = test.sql
        self._n_joins += bool(self._paths[test.table])
        self._limit(self._n_joins, _JOINS_MAX)
        for edge in reversed(self._paths[test.table]):
            sql = f"{edge.before}{sql}{edge.after}"
            self.used |= {edge.target, *edge.reads}
        return _Test(self._root, sql, test.values)

    def _limit(self, n: int, most: int) -> None:
        if n > most:
            text = "the filter compares too much to be answered"
            raise FilterError(text, self._expression, 0, len(self._expression), advice="Use sets, or fewer parts.")

    def _is_one(self, table: str) -> bool:
        return all(edge.is_one for edge in self._paths[table])

    def _joined(self, word: str, tests: Sequence[_Test]) -> _Test:
        """`tests` with AND or OR between them, in one semi-join where that means the same.

        That any of several rows fits one test or another, one row can say; that some fit all tests, it cannot.
        """
        groups: dict[str, list[_Test]] = {}
        for number, test in enumerate(tests):
            is_together = word == "OR" or self._is_one(test.table)
            groups.setdefault(test.table if is_together else str(number), []).append(test)
        parts = [_join(word, group) for group in groups.values()]
        return parts[0] if len(parts) == 1 else _join(word, [self.at_root(part) for part in parts])

    @staticmethod
    def _negated(test: _Test) -> _Test:
        return _Test(test.table, f"({test.sql}) IS NOT TRUE", test.values)

    def _none(self, present: _Test, hit: _Test) -> _Test:
        """There is a value, and none that `hit` is true of."""
        if present.table != hit.table or not self._is_one(hit.table):
            present, hit = self.at_root(present), self.at_root(hit)
        return _join("AND", [present, self._negated(hit)])

    def _any(self, sources: Iterable[Source], tests: Iterable[tuple[str, Sequence[Bound]]]) -> _Test:
        """Whether any source has a value of which its test is true."""
        found = []
        for source, (sql, values) in zip(sources, tests, strict=True):
            self._n_tests += 1
            self._limit(self._n_tests, _TESTS_MAX)
            self.used |= {source.table, *_FROM.findall(f"{source.sql} {source.guard}")}
            guarded = f"({source.guard} AND {sql})" if source.guard else sql
            found.append(_Test(source.table, guarded, tuple(values)))
        return self._joined("OR", found)

    # --- fields ---------------------------------------------------------------------------------------

    def _fail(self, text: str, at: Name | Literal, advice: str = "") -> NoReturn:
        raise FilterError(text, self._expression, at.start, at.end, advice=advice)

    def _field(self, name: Name) -> Field:
        field = find_field(name.text)
        if field is None:
            near = _INSTEAD.get(name.text.lower()) or get_close_matches(
                name.text.lower(), [one.name for one in fields()], n=_SIMILAR_SHOWN, cutoff=0.6
            )
            advice = f"Did you mean {' or '.join(near)}? " if near else ""
            self._fail(f"there is no field {name.text!r}", name, f"{advice}`wnv fields` lists them all.")
        if name.piece is not None and field.type is not Type.MAC:
            self._fail(f"bytes cannot be cut out of {field.name}", name, "Only out of MAC addresses: eth.src[0:3].")
        if name.mask is not None and field.type is not Type.INTEGER:
            self._fail(f"{field.name} has no bits to mask", name)
        return field

    def _sources(self, field: Field, at: Name) -> tuple[Source, ...]:
        """Where its values stand, as near to the root as there is."""
        best, distance = None, len(TABLES)
        for variant in field.variants:
            places = {source.table for source in variant}
            if all(place in self._paths for place in places):
                away = max(len(self._paths[place]) for place in places)
                if away < distance:
                    best, distance = variant, away
                if field.is_first_best and variant is field.variants[0]:
                    break
        if best is None:
            self._fail_unreachable(field, at)
        return best

    def _fail_unreachable(self, field: Field, at: Name) -> NoReturn:
        every = _paths(self._root, frozenset(one.name for one in TABLES))
        missing = [
            sorted({source.table for source in variant} - self._tables)
            for variant in field.variants if all(source.table in every for source in variant)
        ]  # fmt: skip
        if missing:
            names = ", ".join(sorted(missing, key=len)[0]) or "that leads there"
            self._fail(
                f"{field.name} stands in the table {names}, which this recording does not have yet", at,
                "`wnv sql TRACE --tables` lists those it has.",
            )  # fmt: skip
        self._fail(f"{field.name} says nothing about rows of {self._root}", at)

    def _presence(self, name: Name) -> _Test:
        field = self._field(name)
        sources = self._sources(field, name)
        if field.type is Type.PROTOCOL:
            return self._any(sources, [(source.sql, ()) for source in sources])
        if name.mask is not None:
            return self._any(sources, [(f"{_cut(source, name)} <> 0", ()) for source in sources])
        return self._present(sources)

    def _present(self, sources: Sequence[Source]) -> _Test:
        return self._any(sources, [(f"{source.sql} IS NOT NULL", ()) for source in sources])

    # --- comparisons ----------------------------------------------------------------------------------

    def _comparison(self, node: Comparison) -> _Test:
        field, value = self._field(node.name), node.value
        other = self._other_field(field, node)
        if other is not None:
            return self._between(node, field, other)
        assert isinstance(value, Literal)
        self._allow(field, node)
        sources = self._sources(field, node.name)
        relation, is_none = node.relation, False
        if node.quantifier is Quantifier.ALL:
            if relation not in _OPPOSITE:
                self._fail(f"all and {relation} cannot be combined", node.name)
            relation, is_none = _OPPOSITE[relation], True
        hit = self._any(sources, [self._test(field, source, node.name, relation, value) for source in sources])
        return self._none(self._present(sources), hit) if is_none else hit

    def _allow(self, field: Field, node: Comparison) -> None:
        if field.type is Type.PROTOCOL:
            self._fail(f"{field.name} has no value that could be compared", node.name, f"Write {field.name} alone.")
        is_searched = field.type in (Type.TEXT, Type.PROVIDER, Type.BYTES)
        if node.relation is Relation.MATCHES and not is_searched:
            self._fail(f"matches searches text, and {field.name} is a {field.type}", node.name)
        if node.relation is Relation.CONTAINS and not is_searched and field.type not in (Type.MAC, Type.GUID):
            self._fail(f"contains searches text or bytes, and {field.name} is a {field.type}", node.name)
        if field.type is Type.BYTES and node.relation not in (Relation.CONTAINS, Relation.MATCHES):
            self._fail(f"{field.name} can be searched with contains, not compared", node.name)
        if field.type in (Type.GUID, Type.PROVIDER) and node.relation in _ORDERED:
            self._fail(f"{field.name} has no order", node.name)

    def _value(self, field: Field, literal: Literal) -> Value:
        try:
            return parse_value(field, literal, self._read_time)
        except UsageError as error:
            self._fail(error.text, literal, error.advice)

    def _test(
        self, field: Field, source: Source, name: Name, relation: Relation, literal: Literal
    ) -> tuple[str, list[Bound]]:
        """SQL that compares one value with `literal`."""
        sql = _cut(source, name)
        if field.name == HOST and _is_address(literal.text):
            self._fail("host is the name of a machine", literal, "Addresses are compared with ip.addr or ipv6.addr.")
        if field.type is Type.PROVIDER:
            return self._test_provider(source, relation, literal)
        if relation is Relation.MATCHES:
            return self._test_matches(field, sql, literal)
        if relation is Relation.CONTAINS:
            return self._test_contains(field, sql, literal)
        if name.piece is not None:
            raw = parse_bytes(literal.text)
            if raw is None or (name.piece[1] is not None and len(raw) > name.piece[1]):
                self._fail(f"{literal.text!r} is not that many bytes", literal, "Write them as 00:15:5d.")
            return _compared(sql, relation, raw.hex(":"))
        value = self._value(field, literal)
        if isinstance(value, Addresses):
            return self._test_address(source, relation, value)
        return _compared(sql, relation, value)

    def _test_provider(self, source: Source, relation: Relation, literal: Literal) -> tuple[str, list[Bound]]:
        if relation is Relation.MATCHES:
            return self._test_matches(None, source.sql, literal)
        if relation is Relation.CONTAINS:
            return f"contains(lower({source.sql}), lower(?))", [literal.text]
        try:
            guids = registry.find(literal.text)
        except UsageError:  # the end of a name, or one that only the recording knows
            sql, values = f"ends_with(lower('-' || {source.sql}), lower('-' || ?))", [literal.text]
        else:
            sql, values = f"events.provider_guid IN ({', '.join('?' * len(guids))})", guids
        return (f"NOT ({sql})" if relation is Relation.NOT_EQUAL else sql), [*values]

    def _test_matches(self, field: Field | None, sql: str, literal: Literal) -> tuple[str, list[Bound]]:
        import duckdb

        if field is not None and field.type is Type.BYTES:
            self._fail("matches searches text; of bytes there is contains", literal)
        with duckdb.connect() as connection:
            try:
                connection.execute("SELECT regexp_matches('', ?, 'i')", [literal.text])
            except duckdb.Error as error:
                reason = str(error).partition(": ")[2] or str(error)
                self._fail(f"no regular expression: {reason}", literal, "The syntax is that of RE2.")
        return f"regexp_matches({sql}, ?, 'i')", [literal.text]

    def _test_contains(self, field: Field, sql: str, literal: Literal) -> tuple[str, list[Bound]]:
        if field.type in (Type.TEXT, Type.GUID):
            return f"contains({sql}, ?)", [literal.text]
        raw = None if literal.is_text else parse_bytes(literal.text)
        if field.type is Type.MAC:
            if raw is None:
                self._fail(f"{literal.text!r} is not written as bytes", literal, "Write them as 00:15:5d.")
            return f"contains({sql}, ?)", [raw.hex(":")]
        if raw is None:
            raw = literal.text.encode("utf-8", "surrogatepass")
        digits = raw.hex().upper()
        # DuckDB searches text only: among the digits, from the start of a byte on.
        return f"(contains(hex({sql}), ?) AND regexp_matches(hex({sql}), ?))", [digits, f"^(?:..)*?{digits}"]

    def _test_address(self, source: Source, relation: Relation, value: Addresses) -> tuple[str, list[Bound]]:
        if value.text is not None and relation in _IN_SQL:
            return _compared(source.sql, relation, value.text)
        if source.sql.rpartition(".")[2] not in _IN_ADDRESSES:
            sql = f"ipv{value.version}_{'number' if value.version == 4 else 'digits'}({source.sql})"
            return _compared_numbers(sql, relation, value)
        self.used.add("addresses")
        if "addresses" not in self._tables:
            raise UsageError("the table addresses is missing, which says what addresses of a range there are")
        self._n_joins += 1
        self._limit(self._n_joins, _JOINS_MAX)
        sql = "low" if value.version == 4 else "(high, low)"
        inside, bound = _compared_numbers(sql, relation, value)
        return f"{source.sql} IN (SELECT address FROM addresses WHERE version = {value.version} AND {inside})", bound

    # --- fields with fields ---------------------------------------------------------------------------

    def _other_field(self, field: Field, node: Comparison) -> tuple[Field, Name] | None:
        """The field on the right, if it is one and can be meant."""
        value = node.value
        if isinstance(value, Name):
            return self._field(value), value
        # `point == nic` names a point: of texts only what has a dot is taken for a field.
        is_name = not value.is_text and (field.type is not Type.TEXT or "." in value.text)
        other = find_field(value.text) if is_name else None
        if other is None or other.type is not field.type or field.type in (Type.PROTOCOL, Type.BYTES, Type.PROVIDER):
            return None
        return other, Name(value.text, value.start, value.end)

    def _between(self, node: Comparison, field: Field, other: tuple[Field, Name]) -> _Test:
        """Both values stand in the same row of a table."""
        right, name = other
        if node.relation not in _OPPOSITE or right.type is not field.type:
            self._fail(f"{field.name} ({field.type}) cannot be compared with {right.name} ({right.type}) so", name)
        lefts, rights = self._sources(field, node.name), self._sources(right, name)
        shared = {one.table for one in lefts} & {one.table for one in rights}
        lefts, rights = (tuple(one for one in side if one.table in shared) for side in (lefts, rights))
        if len(shared) != 1:
            self._fail(f"{field.name} and {right.name} do not stand in the same table", name)
        if field.type in (Type.IPV4, Type.IPV6) and node.relation in _ORDERED:
            self._fail("addresses can be compared with each other by == and != only", name)
        is_all = node.quantifier is Quantifier.ALL
        sign = _IN_SQL.get(_OPPOSITE[node.relation] if is_all else node.relation)
        sign = sign or str(_OPPOSITE[node.relation] if is_all else node.relation)
        pairs = [(one, two) for one in lefts for two in rights]
        guarded = [
            Source(one.table, "", " AND ".join(guard for guard in (one.guard, two.guard) if guard))
            for one, two in pairs
        ]
        hit = self._any(
            guarded, [(f"{_cut(one, node.name)} {sign} {_cut(two, name)}", ()) for one, two in pairs]
        )  # fmt: skip
        if not is_all:
            return hit
        present = self._joined("AND", [self._present(lefts), self._present(rights)])
        return self._none(present, hit)

    # --- sets -----------------------------------------------------------------------------------------

    def _membership(self, node: Membership) -> _Test:
        field = self._field(node.name)
        if field.type in (Type.PROTOCOL, Type.BYTES):
            self._fail(f"{field.name} has no value that could be in a set", node.name)
        sources = self._sources(field, node.name)
        tests = []
        for source in sources:
            parts: list[tuple[str, list[Bound]]] = []
            equal: list[Bound] = []
            for low, high in node.items:
                if high is None:
                    part = self._test(field, source, node.name, Relation.EQUAL, low)
                    if part[0].endswith(" = ?"):
                        equal += part[1]
                    else:
                        parts.append(part)
                    continue
                if field.type in (Type.GUID, Type.PROVIDER):
                    self._fail(f"{field.name} has no order", low)
                first = self._test(field, source, node.name, Relation.GREATER_OR_EQUAL, low)
                last = self._test(field, source, node.name, Relation.LESS_OR_EQUAL, high)
                parts.append((f"({first[0]} AND {last[0]})", [*first[1], *last[1]]))
            if equal:
                parts.append((f"{_cut(source, node.name)} IN ({', '.join('?' * len(equal))})", equal))
            self._limit(len(parts), _TESTS_MAX // 4)
            sql = " OR ".join(part for part, _ in parts)
            tests.append((f"({sql})", [value for _, values in parts for value in values]))
        if node.quantifier is Quantifier.ANY:
            return self._any(sources, tests)
        outside = [(f"NOT {sql}", values) for sql, values in tests]
        return self._none(self._present(sources), self._any(sources, outside))


def _join(word: str, tests: Sequence[_Test]) -> _Test:
    if len(tests) == 1:
        return tests[0]
    sql = f" {word} ".join(test.sql for test in tests)
    return _Test(tests[0].table, f"({sql})", tuple(value for test in tests for value in test.values))


def _is_address(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _cut(source: Source, name: Name) -> str:
    """The part of a value that is asked for."""
    if name.mask is not None:
        return f"({source.sql} & {name.mask})"
    if name.piece is None:
        return source.sql
    first, n_bytes = name.piece
    # A negative place counts from the end, where no colon follows.
    place = first * _MAC_DIGITS + 1
    length = "" if n_bytes is None else f", {n_bytes * _MAC_DIGITS - 1}"
    return f"substr({source.sql}, {place}{length})"


def _compared(sql: str, relation: Relation, value: int | float | str) -> tuple[str, list[Bound]]:
    return f"{sql} {_IN_SQL.get(relation, str(relation))} ?", [value]


def _compared_numbers(sql: str, relation: Relation, value: Addresses) -> tuple[str, list[Bound]]:
    """`sql` gives an address as a number, as two halves, or as 32 digits; all of them have the order of addresses."""

    def bound(number: int) -> tuple[str, list[Bound]]:
        if value.version == 4:
            return "?", [number]
        if sql.startswith("("):
            return "(?, ?)", [number >> 64, number & _HALF]
        return "?", [f"{number:032x}"]

    (first, first_values), (last, last_values) = bound(value.first), bound(value.last)
    match relation:
        case Relation.EQUAL:
            return f"{sql} BETWEEN {first} AND {last}", [*first_values, *last_values]
        case Relation.NOT_EQUAL:
            return f"{sql} NOT BETWEEN {first} AND {last}", [*first_values, *last_values]
        case Relation.LESS | Relation.GREATER_OR_EQUAL:
            return f"{sql} {relation} {first}", first_values
    return f"{sql} {relation} {last}", last_values


# --- the keys between tables --------------------------------------------------------------------------


def _key(source: str, target: str, key: str, target_key: str = "", *, is_one: bool) -> tuple[str, _Edge]:
    before = f"{source}.{key} IN (SELECT {target}.{target_key or key} FROM {target} WHERE "
    return source, _Edge(target, before, ")", is_one)


_SIGHTING_TO_HOP: Final = _Edge(
    "hops",
    "observations.observation_id IN (SELECT seen.observation_id FROM (SELECT unnest(hops.evidence) AS event_row,"
    " hops.point FROM hops WHERE ",
    ") hop JOIN observations seen ON seen.event_row = hop.event_row"
    " JOIN points place ON place.point_id = seen.point_id AND place.name = hop.point)",
    is_one=False,
    reads=frozenset(("points",)),
)
_EDGES: Final = (
    _key("observations", "frames", "frame_id", is_one=True),
    _key("observations", "points", "point_id", is_one=True),
    _key("observations", "events", "event_row", is_one=True),
    _key("observations", "session", "session_id", is_one=True),
    ("observations", _SIGHTING_TO_HOP),
    _key("events", "observations", "event_row", is_one=False),
    _key("events", "session", "session_id", is_one=True),
    _key("hops", "frames", "frame_id", is_one=True),
    _key("hops", "points", "point", "name", is_one=True),
    _key("hops", "journeys", "journey_id", is_one=True),
    _key("hops", "drops", "journey_id", is_one=False),
    _key("hops", "session", "session_id", is_one=True),
    _key("journeys", "hops", "journey_id", is_one=False),
    _key("journeys", "drops", "journey_id", is_one=False),
    _key("journeys", "flows", "flow_id", is_one=True),
    _key("drops", "frames", "frame_id", is_one=True),
    _key("drops", "points", "point", "name", is_one=True),
    _key("drops", "journeys", "journey_id", is_one=True),
    _key("drops", "hops", "drop_id", is_one=False),
    _key("drops", "session", "session_id", is_one=True),
    _key("flows", "journeys", "flow_id", is_one=False),
    _key("flows", "nat_sessions", "nat_id", is_one=True),
    _key("nat_sessions", "flows", "nat_id", is_one=False),
)


@cache
def _paths(root: str, tables: frozenset[str]) -> dict[str, tuple[_Edge, ...]]:
    """The shortest way from the rows of `root` to those of each table that can be reached."""
    found: dict[str, tuple[_Edge, ...]] = {root: ()}
    reached = [root]
    for place in reached:
        for source, edge in _EDGES:
            if source == place and edge.target in tables and edge.target not in found:
                found[edge.target] = (*found[place], edge)
                reached.append(edge.target)
    return found
