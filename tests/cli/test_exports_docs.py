"""docs/exports.md says what the code does: the fields of sessions, the columns, what a text must not begin with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from store.export.columns import COLUMNS
from store.export.native import FIELDS
from store.export.records import FIELDS_OF
from store.export.records import VERSION

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "exports.md").read_text()


def named(text: str, head: str) -> set[str]:
    """What stands in backticks in the first column of the table with this head."""
    table = text.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return {name for line in table for name in re.findall(r"`(\w+)`", line.split("|")[1])}


def test_the_fields_of_a_session() -> None:
    assert named(PAGE, "field of a session") == {field.name for field in FIELDS_OF["session"]}


@pytest.mark.parametrize(
    ("kind", "page", "head", "besides"),
    [
        ("turn", "turns.md", "field", {"content"}),
        ("finding", "findings.md", "field", {"content"}),
        ("bill", "budgets.md", "field", set()),
        ("frame", "frames.md", "field", {"session"}),
    ],
)
def test_the_fields_of_other_kinds_are_those_of_their_pages(kind: str, page: str, head: str, besides: set[str]) -> None:
    assert {field.name for field in FIELDS_OF[kind]} - named((DOCS / page).read_text(), head) == besides  # type: ignore[index]


def test_columns_are_fields() -> None:
    for kind, columns in COLUMNS.items():
        assert {column.partition(".")[0] for column in columns} <= {field.name for field in FIELDS_OF[kind]}
    assert COLUMNS["finding"] == FIELDS


def test_the_version() -> None:
    assert f'{{"record":"export","version":{VERSION},' in PAGE
