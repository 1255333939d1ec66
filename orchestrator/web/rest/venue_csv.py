"""Venues from pasted or uploaded text: CSV, or cells copied from a spreadsheet. Pure.

Columns are name and, optionally, kind; a header may name them in any order, in English or
Chinese. A line with a problem gives no venue; problems of the whole list have line 0.
"""

import csv
import unicodedata
from collections.abc import Iterator
from typing import Literal

from orchestrator.protocol.rest import CsvProblem, NewVenue, ParsedVenues

VENUE_LIMIT = 300
NAME_LIMIT = 80
PROBLEM_LIMIT = 50
"""Most problems told: a wrong file has one on every line."""

Kind = Literal["main", "branch"]

NAME_HEADERS = frozenset(
    {"name", "venue", "venuename", "名称", "会场", "会场名称", "会场名", "分会场名称"}
)
KIND_HEADERS = frozenset({"kind", "type", "venuetype", "类型", "会场类型", "类别"})
KINDS: dict[str, Kind] = {
    "": "branch",
    "branch": "branch",
    "branchvenue": "branch",
    "分会场": "branch",
    "分": "branch",
    "main": "main",
    "mainvenue": "main",
    "主会场": "main",
    "主": "main",
}

Row = tuple[int, list[str]]


def parse(text: str) -> ParsedVenues:
    """Read venues from `text`; every line that is not one is told as a problem, none is lost."""
    problems: list[CsvProblem] = []
    rows = list(_rows(text, problems))
    name_column, kind_column, header = _columns(rows[0][1]) if rows else (0, 1, False)
    venues: list[NewVenue] = []
    seen: dict[str, int] = {}
    for line, cells in rows[1:] if header else rows:
        found = _venue(line, cells, name_column, kind_column, header)
        if isinstance(found, NewVenue):
            found = _unique(line, found, seen)
        if isinstance(found, CsvProblem):
            problems.append(found)
        elif len(venues) < VENUE_LIMIT:
            venues.append(found)
        else:
            message = f"a session has at most {VENUE_LIMIT} venues; shorten the list"
            problems.append(CsvProblem(line=line, code="too_many", message=message))
            break
    problems += _list_problems(venues)
    return ParsedVenues(venues=tuple(venues), problems=tuple(problems[:PROBLEM_LIMIT]))


def _rows(text: str, problems: list[CsvProblem]) -> Iterator[Row]:
    """Rows that are not blank, with the line (from 1) on which each begins."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    reader = csv.reader(
        (line + "\n" for line in lines),
        delimiter=_delimiter(lines),
        skipinitialspace=True,
        strict=True,
    )
    begin = 1
    try:
        for cells in reader:
            stripped = [" ".join(cell.split()) for cell in cells]
            if any(stripped):
                yield begin, stripped
            begin = reader.line_num + 1
    except csv.Error:
        message = "from here on the text is not CSV; look for a quotation mark that stands alone"
        problems.append(CsvProblem(line=begin, code="unreadable", message=message))


def _delimiter(lines: list[str]) -> str:
    """A tab anywhere means cells from a spreadsheet; else what more lines have."""
    if any("\t" in line for line in lines):
        return "\t"
    commas = sum("," in line for line in lines)
    semicolons = sum(";" in line for line in lines)
    return ";" if semicolons > commas else ","


def _columns(first: list[str]) -> tuple[int, int, bool]:
    """Column of the name, column of the kind, and whether the first row is a header."""
    keys = [_key(cell) for cell in first]
    names = [i for i, key in enumerate(keys) if key in NAME_HEADERS]
    kinds = [i for i, key in enumerate(keys) if key in KIND_HEADERS]
    if not names or (len(keys) > 1 and not kinds and any(key in KINDS for key in keys[1:] if key)):
        return 0, 1, False
    return names[0], kinds[0] if kinds else len(keys), True


def _key(cell: str) -> str:
    text = unicodedata.normalize("NFKC", cell).casefold()
    return "".join(c for c in text if c.isalnum())


def _venue(
    line: int, cells: list[str], name_column: int, kind_column: int, header: bool
) -> NewVenue | CsvProblem:
    def cell(column: int) -> str:
        return cells[column] if column < len(cells) else ""

    name, kind_text = cell(name_column), cell(kind_column)
    kind = KINDS.get(_key(kind_text))
    problem: tuple[str, str] | None = None
    if not name:
        problem = ("name_missing", "this line has no name of a venue; add it")
    elif len(name) > NAME_LIMIT:
        problem = ("name_too_long", f"a name has at most {NAME_LIMIT} characters; shorten it")
    elif any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        problem = ("name_invalid", "the name has characters that cannot be shown; type it again")
    elif not header and any(cells[2:]):
        problem = ("too_many_columns", "only name and kind are read; put a header above the list")
    elif kind is None or (kind_text and not _key(kind_text)):
        problem = ("unknown_kind", f"{kind_text[:40]!r} is neither main nor branch venue")
    if problem is not None or kind is None:
        code, message = problem or ("unknown_kind", "write main or branch")
        return CsvProblem(line=line, code=code, message=message)
    return NewVenue(name=name, kind=kind)


def _unique(line: int, venue: NewVenue, seen: dict[str, int]) -> NewVenue | CsvProblem:
    key = unicodedata.normalize("NFKC", venue.name).casefold()
    if key in seen:
        message = f"{venue.name!r} is on line {seen[key]} already; give it another name"
        return CsvProblem(line=line, code="duplicate", message=message)
    seen[key] = line
    return venue


def _list_problems(venues: list[NewVenue]) -> Iterator[CsvProblem]:
    mains = sum(venue.kind == "main" for venue in venues)
    if not venues:
        yield CsvProblem(line=0, code="empty", message="no venue was found; one a line is expected")
    elif mains == 0:
        yield CsvProblem(line=0, code="no_main", message="mark one venue as main (主会场)")
    elif mains > 1:
        message = f"{mains} venues are marked as main (主会场); a session has exactly one"
        yield CsvProblem(line=0, code="several_mains", message=message)
