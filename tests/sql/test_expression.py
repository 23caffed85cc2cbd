from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.sql.expression import (
    DEPTH_MAX,
    LENGTH_MAX,
    And,
    Comparison,
    FilterError,
    Literal,
    Membership,
    Name,
    Not,
    Or,
    Presence,
    Quantifier,
    Relation,
    parse_expression,
    parse_integer,
)


def shown(node: object) -> str:
    """A tree, with every grouping to be seen."""
    match node:
        case And(parts):
            return "(" + " and ".join(map(shown, parts)) + ")"
        case Or(parts):
            return "(" + " or ".join(map(shown, parts)) + ")"
        case Not(part):
            return f"not {shown(part)}"
        case Presence(name):
            return shown(name)
        case Name(text):
            return text
        case Literal(text):
            return repr(text)
        case Comparison(name, relation, quantifier, value):
            return f"{quantifier.value} {shown(name)} {relation} {shown(value)}"
        case Membership(name, _, items):
            inside = ", ".join(shown(low) + (f"..{shown(high)}" if high else "") for low, high in items)
            return f"{shown(name)} in {{{inside}}}"
    raise AssertionError(node)


def tree(expression: str) -> str:
    return shown(parse_expression(expression))


def refused(expression: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse_expression(expression)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a || b && c", "(a or (b and c))"),
        ("a and b or c and d", "((a and b) or (c and d))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("not a and b", "(not a and b)"),
        ("!a == 1 || b", "(not any a == '1' or b)"),
        ("! not !a", "not not not a"),
        ("a==1&&b!=2||!c", "((any a == '1' and all b != '2') or not c)"),
    ],
)
def test_not_binds_before_and_and_before_or(expression: str, expected: str) -> None:
    assert tree(expression) == expected


@pytest.mark.parametrize(
    ("written", "relation", "quantifier"),
    [
        ("==", "==", "any"), ("eq", "==", "any"), ("any_eq", "==", "any"), ("===", "==", "all"),
        ("all_eq", "==", "all"),
        ("!=", "!=", "all"), ("ne", "!=", "all"), ("all_ne", "!=", "all"), ("~=", "!=", "any"), ("!==", "!=", "any"),
        ("any_ne", "!=", "any"), ("<", "<", "any"), ("lt", "<", "any"), ("<=", "<=", "any"), ("le", "<=", "any"),
        (">", ">", "any"), ("gt", ">", "any"), (">=", ">=", "any"), ("ge", ">=", "any"),
        ("contains", "contains", "any"), ("matches", "matches", "any"), ("~", "matches", "any"),
    ],
)  # fmt: skip
def test_each_relation_has_its_quantifier(written: str, relation: str, quantifier: str) -> None:
    expected = Comparison(
        Name("a", 0, 1), Relation(relation), Quantifier(quantifier), Literal("x", 3 + len(written), 4 + len(written))
    )
    assert parse_expression(f"a {written} x") == expected


def test_any_and_all_say_of_how_many_values() -> None:
    assert tree("all a != 1") == "all a != '1'"
    assert tree("any a != 1") == "any a != '1'"
    assert tree("any == 1") == "any any == '1'"  # a field of that name


def test_values_end_where_operators_begin() -> None:
    assert tree("a==fe80::/10||b==10.0.0.1") == "(any a == 'fe80::/10' or any b == '10.0.0.1')"
    assert tree("a == web-1_x.example") == "any a == 'web-1_x.example'"
    assert tree("a == eth:12") == "any a == 'eth:12'"
    assert tree("a == größe") == "any a == 'größe'"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'"a b"', "a b"), (r'"\"\\"', '"\\'), (r'"\x41\101\u0041\U00000041"', "AAAA"), (r'"\t\n"', "\t\n"),
        ('r"\\d+"', "\\d+"), (r"'\\'", "\\"), ('"and"', "and"), ('""', ""),
    ],
)  # fmt: skip
def test_quoted_values_may_hold_anything(written: str, text: str) -> None:
    node = parse_expression(f"a == {written}")
    assert isinstance(node, Comparison)
    assert isinstance(node.value, Literal)
    assert (node.value.text, node.value.is_text) == (text, True)


def test_sets_hold_values_and_ranges() -> None:
    assert tree("a in {1, 3..5,10.0.0.1 .. 10.0.0.9}") == "a in {'1', '3'..'5', '10.0.0.1'..'10.0.0.9'}"
    assert tree("a not in {1}") == "not a in {'1'}"


@pytest.mark.parametrize(
    ("written", "piece"),
    [("[0:3]", (0, 3)), ("[2-4]", (2, 3)), ("[1]", (1, 1)), ("[:2]", (0, 2)), ("[3:]", (3, None)), ("[-1]", (-1, 1))],
)
def test_pieces_are_bytes_of_a_field(written: str, piece: tuple[int, int | None]) -> None:
    node = parse_expression(f"a{written} == 00")
    assert isinstance(node, Comparison)
    assert node.name.piece == piece


def test_masks_stand_between_field_and_relation() -> None:
    node = parse_expression("a & 0x12 == 2")
    assert isinstance(node, Comparison)
    assert node.name.mask == 0x12
    node = parse_expression("a bitwise_and 3")
    assert isinstance(node, Presence)
    assert node.name.mask == 3


def test_blank_is_no_condition() -> None:
    assert parse_expression("") is None
    assert parse_expression(" \t\n") is None


@pytest.mark.parametrize(
    ("expression", "at", "said"),
    [
        ("a = 1", 2, "'='"), ("a == 1 2", 7, "and, or, or the end"), ("a ==", 4, "a value"), ("(a", 2, "')'"),
        ("a)", 1, "and, or"), ("a == 1 == 2", 7, "chained"), ("a in {}", 6, "a value"), ("a in {1 2}", 8, "',' or '}'"),
        ('a == "x', 5, "not closed"), ("and", 0, "a field"), ("a == and", 5, "a value"), ("a[x] == 1", 2, "bytes"),
        ("a[1:0] == 1", 2, "not empty"), ("a & x", 4, "a number"), ("== 1", 0, "a field"), ("a |b", 2, "'|'"),
        ("all a", 5, "a comparison"), ("a == 'xy'", 5, "one character"), (r'a == "\U00110000"', 5, "no character"),
    ],
)  # fmt: skip
def test_errors_say_where(expression: str, at: int, said: str) -> None:
    error = refused(expression)
    assert error.start == at, error
    assert said in str(error)


def test_the_mark_stands_below_the_place() -> None:
    lines = refused("tcp == 1 == 2").lines()
    assert lines[1:] == ["  tcp == 1 == 2", "           ^~"]


def test_the_mark_counts_columns_of_the_terminal() -> None:
    lines = refused('a == "日本\x1b" == 2').lines()
    assert lines[1] == '  a == "日本\\x1b" == 2'
    assert lines[2].index("^") == len("  a == ") + len('"日本\\x1b" ') + 2


def test_of_a_long_expression_the_place_is_shown() -> None:
    lines = refused("a && " * 500 + "= && " + "a && " * 500 + "a").lines()
    assert max(map(len, lines)) < 140
    assert lines[1][lines[2].index("^")] == "="


def test_depth_and_length_are_bounded() -> None:
    assert parse_expression("(" * DEPTH_MAX + "a" + ")" * DEPTH_MAX)
    assert "in each other" in str(refused("(" * (DEPTH_MAX + 1) + "a" + ")" * (DEPTH_MAX + 1)))
    assert "in each other" in str(refused("!" * 5000 + "a"))
    assert "characters" in str(refused("a" * (LENGTH_MAX + 1)))
    assert len(tree(" && ".join(["a"] * 1000))) > 5000


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FilterError):
        parse_expression(text)


_PIECES = ["a", "tcp.port", " ", "==", "!=", "&&", "||", "!", "(", ")", "{", "}", "in", "..", ",", "1", '"x"', "[", "]",
           "&", "not", "and", "all", "any", "contains"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=20))
def test_any_tokens_are_read_or_refused(pieces: list[str]) -> None:
    text, place = " ".join(pieces), (0, 1)
    try:
        parse_expression(text)
    except FilterError as error:
        place = error.start, error.end
    assert 0 <= place[0] < place[1] <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "number"),
    [("80", 80), ("0x1F", 31), ("0b101", 5), ("010", 8), ("0", 0), ("-1", -1), ("", None), ("1_0", None), ("1.5", None),
     ("0x", None), ("٣", None), ("08", None), ("9" * 99, None)],
)  # fmt: skip
def test_whole_numbers(text: str, number: int | None) -> None:
    assert parse_integer(text) == number
