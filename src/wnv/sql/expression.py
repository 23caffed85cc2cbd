"""Filter expressions to trees: the grammar of `-Y`, a subset of Wireshark's display filters (tshark 4.0).

    or:     and { ("||" | "or") and }
    and:    not { ("&&" | "and") not }
    not:    ("!" | "not") not | "(" or ")" | test
    test:   ["any" | "all"] operand [ relation value | ["not"] "in" "{" item { "," item } "}" ]
    item:   value [ ".." value ]
    operand: field [ "[" slice "]" ] [ "&" number ]

`&&` binds stronger than `||`, as in tshark from 4.0 on. What a field is, and which values fit it, is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NoReturn, TypeAlias

from wnv.errors import UsageError
from wnv.text import visible

LENGTH_MAX: Final = 8192
"""Characters of an expression."""
DEPTH_MAX: Final = 64
"""Parentheses and negations inside each other."""
_SHOWN_AROUND: Final = 60  # characters of a long expression on either side of an error


class FilterError(UsageError):
    """An expression that cannot be understood, and where: characters `start` to `end` of `expression`."""

    def __init__(self, text: str, expression: str, start: int, end: int, *, advice: str = "") -> None:
        super().__init__(text, advice=advice)
        self.expression = expression
        self.start = start
        self.end = end

    def lines(self) -> list[str]:
        """What is wrong, the expression, and a mark below the place."""
        first = max(0, self.start - _SHOWN_AROUND)
        last = min(len(self.expression), max(self.end, self.start + 1) + _SHOWN_AROUND)
        before = ("…" if first else "") + visible(self.expression[first : self.start])
        meant = visible(self.expression[self.start : self.end])
        behind = visible(self.expression[self.end : last]) + ("…" if last < len(self.expression) else "")
        mark = " " * _width(before) + "^" + "~" * max(0, _width(meant) - 1)
        return [*super().lines(), f"  {before}{meant}{behind}", f"  {mark}"]


def _width(text: str) -> int:
    """Columns of a terminal."""
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(bool(unicodedata.combining(one)) for one in text)


class Relation(StrEnum):
    """How two values are compared."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    CONTAINS = "contains"
    MATCHES = "matches"


class Quantifier(Enum):
    """Of how many of a field's values a relation has to be true."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it was written; `is_text` = in quotes, `text` is then without them."""

    text: str
    start: int
    end: int
    is_text: bool = False
    is_character: bool = False
    """In single quotes: also a number."""


@dataclass(frozen=True, slots=True)
class Name:
    """A field, with bytes cut out of it or bits masked."""

    text: str
    start: int
    end: int
    piece: tuple[int, int | None] | None = None
    """First byte and number of bytes (None = all that follow); the first may be negative, from the end."""
    mask: int | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a frame or row has the field; with a mask, whether any of its bits is set."""

    name: Name


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a value or another field."""

    name: Name
    relation: Relation
    quantifier: Quantifier
    value: Literal | Name


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether any value of a field (for ALL, each) is one of the items or between the two of an item."""

    name: Name
    quantifier: Quantifier
    items: tuple[tuple[Literal, Literal | None], ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is not."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """True where all parts are."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where any part is."""

    parts: tuple[Node, ...]


Node: TypeAlias = Presence | Comparison | Membership | Not | And | Or

_ANY, _ALL = Quantifier.ANY, Quantifier.ALL
# What a relation means without `any` or `all`: of several values one has to fit, but for != each.
_RELATIONS: Final = {
    "==": (Relation.EQUAL, _ANY), "eq": (Relation.EQUAL, _ANY), "any_eq": (Relation.EQUAL, _ANY),
    "===": (Relation.EQUAL, _ALL), "all_eq": (Relation.EQUAL, _ALL),
    "!=": (Relation.NOT_EQUAL, _ALL), "ne": (Relation.NOT_EQUAL, _ALL), "all_ne": (Relation.NOT_EQUAL, _ALL),
    "~=": (Relation.NOT_EQUAL, _ANY), "!==": (Relation.NOT_EQUAL, _ANY), "any_ne": (Relation.NOT_EQUAL, _ANY),
    "<": (Relation.LESS, _ANY), "lt": (Relation.LESS, _ANY),
    "<=": (Relation.LESS_OR_EQUAL, _ANY), "le": (Relation.LESS_OR_EQUAL, _ANY),
    ">": (Relation.GREATER, _ANY), "gt": (Relation.GREATER, _ANY),
    ">=": (Relation.GREATER_OR_EQUAL, _ANY), "ge": (Relation.GREATER_OR_EQUAL, _ANY),
    "contains": (Relation.CONTAINS, _ANY),
    "matches": (Relation.MATCHES, _ANY), "~": (Relation.MATCHES, _ANY),
}  # fmt: skip
_KEYWORDS: Final = frozenset(
    ("and", "or", "not", "in", "bitwise_and", *(key for key in _RELATIONS if key[0].isalpha()))
)
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    | (?P<text>[rR]?"(?:[^"\\]|\\.)*")
    | (?P<character>'(?:[^'\\]|\\.)+')
    | (?P<operator>&&|\|\||===|!==|==|!=|~=|<=|>=|\.\.|[<>!&~(){},\[\]])
    | (?P<word>(?:(?!\.\.)[^\s(){}\[\]<>=!&|~,"'])+)""",
    re.VERBOSE | re.DOTALL,
)
_PIECE: Final = re.compile(r"(?P<first>-?\d+)?(?P<sign>[:-])?(?P<second>\d+)?")
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL
)
_CONTROLS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse_expression(expression: str) -> Node | None:
    """The tree of `expression`; None if it is blank, which everything fits. Raises `FilterError`."""
    if len(expression) > LENGTH_MAX:
        raise FilterError(
            f"the filter has {len(expression):,} characters, more than {LENGTH_MAX:,}", expression, LENGTH_MAX,
            LENGTH_MAX + 1,
        )  # fmt: skip
    parser = _Parser(expression)
    return parser.parse()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._at = 0
        self._depth = 0

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while at < len(self._expression):
            found = _TOKEN.match(self._expression, at)
            if found is None:
                rest = self._expression[at:]
                if rest[0] in "\"'" or rest[:2].lower() == 'r"':
                    self._fail("a quotation mark that is not closed", at, len(self._expression))
                hint = {"=": "Write == to compare.", "|": "Write || for or."}.get(rest[0], "")
                self._fail(f"{rest[0]!r} is not understood here", at, at + 1, hint)
            assert found.lastgroup is not None
            if found.lastgroup != "space":
                tokens.append(_Token(found.lastgroup, found.group(), at, found.end()))
            at = found.end()
        return tokens

    def _fail(self, text: str, start: int, end: int, advice: str = "") -> NoReturn:
        raise FilterError(text, self._expression, start, end, advice=advice)

    def _unexpected(self, wanted: str) -> NoReturn:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._fail(f"{token.text!r} stands where {wanted} was expected", token.start, token.end)
        end = len(self._expression.rstrip())
        self._fail(f"the filter ends where {wanted} was expected", end, end + 1)

    def _peek(self, *texts: str) -> bool:
        """Whether the next token is one of these operators or words."""
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        return token.kind in ("operator", "word") and token.text in texts

    def _take(self, *texts: str) -> bool:
        is_there = self._peek(*texts)
        self._at += is_there
        return is_there

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self._unexpected(repr(text))

    def parse(self) -> Node | None:
        if not self._tokens:
            return None
        tree = self._or()
        if self._at < len(self._tokens):
            self._unexpected("and, or, or the end")
        return tree

    def _or(self) -> Node:
        parts = [self._and()]
        while self._take("||", "or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Node:
        parts = [self._not()]
        while self._take("&&", "and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self) -> Node:
        if not self._peek("!", "not", "("):
            return self._test()
        opening = self._tokens[self._at]
        self._at += 1
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._fail(f"more than {DEPTH_MAX} parentheses and negations in each other", opening.start, opening.end)
        if opening.text == "(":
            tree = self._or()
            self._expect(")")
        else:
            tree = Not(self._not())
        self._depth -= 1
        return tree

    def _test(self) -> Node:
        quantifier = self._quantifier()
        name = self._name()
        if self._peek("not") and self._at + 1 < len(self._tokens) and self._tokens[self._at + 1].text == "in":
            self._at += 2
            return Not(Membership(name, quantifier or _ANY, self._items()))
        if self._take("in"):
            return Membership(name, quantifier or _ANY, self._items())
        if self._peek(*_RELATIONS):
            relation, usual = _RELATIONS[self._tokens[self._at].text]
            self._at += 1
            value = self._value_or_field()
            if self._peek(*_RELATIONS):
                token = self._tokens[self._at]
                self._fail("comparisons cannot be chained", token.start, token.end, "Join two of them with &&.")
            return Comparison(name, relation, quantifier or usual, value)
        if quantifier is not None:
            self._unexpected("a comparison")
        return Presence(name)

    def _quantifier(self) -> Quantifier | None:
        """`any` or `all`, which are words like others unless a field follows."""
        if self._peek("any", "all") and self._at + 1 < len(self._tokens):
            follows = self._tokens[self._at + 1]
            if follows.kind == "word" and follows.text not in _KEYWORDS:
                self._at += 1
                return Quantifier(self._tokens[self._at - 1].text)
        return None

    def _name(self) -> Name:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.kind != "word" or token.text in _KEYWORDS:
            self._unexpected("a field")
        self._at += 1
        piece, mask, end = None, None, token.end
        if self._take("["):
            piece = self._piece()
            end = self._tokens[self._at - 1].end
        if self._take("&", "bitwise_and"):
            mask = self._mask()
            end = self._tokens[self._at - 1].end
        return Name(token.text, token.start, end, piece, mask)

    def _piece(self) -> tuple[int, int | None]:
        """`2`, `0:3` (first, length), `0-2` (first, last), `:3`, `3:`, up to the closing bracket."""
        start = self._at
        while self._at < len(self._tokens) and not self._peek("]"):
            self._at += 1
        inside = self._tokens[start : self._at]
        self._expect("]")
        found = _PIECE.fullmatch("".join(token.text for token in inside))
        first = int((found and found["first"]) or 0)
        second = found["second"] if found else None
        if found is None or not inside or (found["first"] is None and second is None):
            self._at = start
            self._unexpected("which bytes, such as 0:3 (three from the first) or 0-2 (first to third),")
        if found["sign"] is None:
            return first, 1
        if second is None:
            return first, None
        n_bytes = int(second) if found["sign"] == ":" else int(second) - first + 1
        if n_bytes <= 0 or (found["sign"] == "-" and first < 0):
            self._at = start
            self._unexpected("a range of bytes that is not empty")
        return first, n_bytes

    def _mask(self) -> int:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        number = None if token is None or token.kind != "word" else parse_integer(token.text)
        if number is None:
            self._unexpected("a number")
        self._at += 1
        return number

    def _items(self) -> tuple[tuple[Literal, Literal | None], ...]:
        self._expect("{")
        items = []
        while True:
            low = self._literal()
            items.append((low, self._literal() if self._take("..") else None))
            if self._take("}"):
                return tuple(items)
            if not self._take(","):
                self._unexpected("',' or '}'")

    def _value_or_field(self) -> Literal | Name:
        """Whether a bare word is a field or a value is not known here: it is a value."""
        literal = self._literal()
        if self._peek("[", "&", "bitwise_and") and not literal.is_text:
            self._at -= 1
            return self._name()
        return literal

    def _literal(self) -> Literal:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.kind == "operator":
            self._unexpected("a value")
        if token.kind == "word" and token.text in _KEYWORDS:
            self._fail(
                f"{token.text!r} stands where a value was expected", token.start, token.end, 'As a value it needs "…".'
            )
        self._at += 1
        if token.kind == "word":
            return Literal(token.text, token.start, token.end)
        if token.kind == "character":
            text = self._unescaped(token.text[1:-1], token)
            if len(text) != 1:
                self._fail("'…' holds one character", token.start, token.end, 'Write a text as "…".')
            return Literal(text, token.start, token.end, is_text=True, is_character=True)
        if token.text[0] in "rR":
            return Literal(token.text[2:-1], token.start, token.end, is_text=True)
        return Literal(self._unescaped(token.text[1:-1], token), token.start, token.end, is_text=True)

    def _unescaped(self, text: str, token: _Token) -> str:
        def replaced(found: re.Match[str]) -> str:
            one_byte, short, long, octal, other = found.groups()
            number = int(one_byte or short or long or "0", 16) if octal is None else int(octal, 8)
            if number > 0x10FFFF or 0xD800 <= number < 0xE000:
                self._fail(f"{found.group()} is no character", token.start, token.end)
            return chr(number) if other is None else _CONTROLS.get(other, other)

        return _ESCAPE.sub(replaced, text)


def parse_integer(text: str) -> int | None:
    """A number as tshark reads it: decimal, 0x hexadecimal, 0b binary, or octal behind a 0; None if it is none."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    lower = digits.lower()
    base = 16 if lower.startswith("0x") else 2 if lower.startswith("0b") else 8 if lower[:1] == "0" else 10
    if not digits.isascii() or not digits[:1].isdigit() or "_" in digits or len(digits) > 70:
        return None
    try:
        return sign * int(digits, base)
    except ValueError:
        return None
