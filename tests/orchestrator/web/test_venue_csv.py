"""A table of pasted lists, good and bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.web.rest.venue_csv import PROBLEM_LIMIT, parse

MAIN = "厅,main\n"

GOOD = [
    ("names and kinds", "A,main\nB,branch\nC", ["A/main", "B/branch", "C/branch"]),
    ("cells of a spreadsheet", "北京\t主会场\r\n上海\t分会场\r\n", ["北京/main", "上海/branch"]),
    ("semicolons", "A;main\nB, west;branch", ["A/main", "B, west/branch"]),
    ("byte order mark", "\ufeffname,kind\nA,main", ["A/main"]),
    ("Chinese header", "名称,类型\n甲,主会场\n乙,分会场", ["甲/main", "乙/branch"]),
    ("header in the other order", "类型\t序号\t名称\n主会场\t1\t甲", ["甲/main"]),
    ("header with more columns", "No,Name,Phone\n1,A,555\n2,B,556", ["A/branch", "B/branch"]),
    ("header of one column", "会场名称\n甲\n乙", ["甲/branch", "乙/branch"]),
    ("no header, first name is a word of headers", "Venue,main\nB", ["Venue/main", "B/branch"]),
    ("quotes", '"A, north",main\n"B ""2""",branch', ["A, north/main", 'B "2"/branch']),
    ("a line break in a cell", '"A\nB",main\nC', ["A B/main", "C/branch"]),
    ("blank lines and trailing separators", "\n\nA,main,,\n,,\nB,,\n", ["A/main", "B/branch"]),
    ("spaces around", "  A  , Main \n", ["A/main"]),
    ("full-width kind", "A,ＭＡＩＮ\n", ["A/main"]),
    ("old Mac line ends", "A,main\rB", ["A/main", "B/branch"]),
    ("80 characters", "字" * 80 + ",main", ["字" * 80 + "/main"]),
]

BAD = [
    ("nothing", "", [(0, "empty")]),
    ("only blanks", " \n\n,,,", [(0, "empty")]),
    ("only a header", "name,kind", [(0, "empty")]),
    ("no main", "A\nB", [(0, "no_main")]),
    ("two mains", "A,main\nB,主会场", [(0, "several_mains")]),
    ("unknown kind", MAIN + "B,third", [(2, "unknown_kind")]),
    ("kind of signs only", MAIN + "B,??", [(2, "unknown_kind")]),
    ("name missing", MAIN + ",branch", [(2, "name_missing")]),
    ("name too long", MAIN + "字" * 81, [(2, "name_too_long")]),
    ("control character", MAIN + "B\x07ell", [(2, "name_invalid")]),
    ("too many columns", MAIN + "B,branch,extra", [(2, "too_many_columns")]),
    ("twice", MAIN + "B\nb", [(3, "duplicate")]),
    ("twice, full width", MAIN + "B1\nＢ１", [(3, "duplicate")]),
    ("line after a cell of two lines", '厅,main\n"B\nC",branch\nD,x', [(4, "unknown_kind")]),
    ("an open quotation mark", MAIN + '"B\nC\nD', [(2, "unreadable")]),
    ("text after a quotation", MAIN + '"B"x', [(2, "unreadable")]),
    ("a cell over all bounds", MAIN + '"' + "x" * 140_000, [(2, "unreadable")]),
]


@pytest.mark.parametrize(("text", "venues"), [c[1:] for c in GOOD], ids=[c[0] for c in GOOD])
def test_good(text: str, venues: list[str]) -> None:
    parsed = parse(text)
    assert [f"{v.name}/{v.kind}" for v in parsed.venues] == venues
    assert {p.code for p in parsed.problems} <= {"no_main"}


@pytest.mark.parametrize(("text", "problems"), [c[1:] for c in BAD], ids=[c[0] for c in BAD])
def test_bad(text: str, problems: list[tuple[int, str]]) -> None:
    parsed = parse(text)
    assert [(p.line, p.code) for p in parsed.problems] == problems
    assert all(p.message for p in parsed.problems)


def test_three_hundred_and_no_more() -> None:
    parsed = parse(MAIN + "\n".join(f"B{i}" for i in range(299)))
    assert len(parsed.venues) == 300
    assert parsed.problems == ()
    parsed = parse(MAIN + "\n".join(f"B{i}" for i in range(500)))
    assert len(parsed.venues) == 300
    assert [(p.line, p.code) for p in parsed.problems] == [(301, "too_many")]


def test_a_wrong_file_gives_a_bounded_answer() -> None:
    assert len(parse("A,b,c\n" * 5000).problems) == PROBLEM_LIMIT


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    parsed = parse(text)
    assert all(v.name == v.name.strip() for v in parsed.venues)
