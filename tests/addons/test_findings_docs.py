"""docs/findings.md and the code say the same: fields, kinds, actions, bounds, and both mappings row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from addons.findings import MAX_DETAILS
from addons.findings import MAX_EXCERPT
from addons.findings import MAX_TEXT
from addons.findings import SEVERITIES
from addons.floods import BURST
from addons.floods import EVERY
from addons.floods import TELL
from store.export import FORMATS
from store.export.ecs import FIELDS as ECS_FIELDS
from store.export.ecs import VERSION as ECS
from store.export.mapping import Field
from store.export.native import FIELDS
from store.export.native import Action
from store.export.native import Kind
from store.export.ocsf import COMMON
from store.export.ocsf import DATA_SECURITY
from store.export.ocsf import DETECTION
from store.export.ocsf import VERSION as OCSF
from store.export.ocsf import controls
from store.findings import PER_DAY
from store.findings import PER_SESSION

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text()


def table(after: str) -> list[tuple[str, ...]]:
    """The rows of the first table behind a line, without its head."""
    text = PAGE.partition(f"\n{after}")[2]
    found = re.search(r"^\|.*?\n(?!\|)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, after
    lines = found[0].splitlines()[2:]
    return [tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def names(cells: Iterable[str]) -> list[str]:
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_fields_of_a_finding() -> None:
    assert sorted(names(row[0] for row in table("## A finding"))) == sorted(FIELDS)


def test_kinds_and_their_severities() -> None:
    rows = table("## Kinds")
    assert {
        name: names([severity])[0] for name, severity in zip(names(row[0] for row in rows), (row[1] for row in rows), strict=True)
    } == SEVERITIES
    assert set(SEVERITIES) == set(get_args(Kind))


def test_actions() -> None:
    assert sorted(names(row[0] for row in table("## Actions"))) == sorted(get_args(Action))
    assert {name for name, _, _ in controls() if " " not in name} == set(get_args(Action))


def test_bounds() -> None:
    for said in (
        f"at most {PER_SESSION:,} findings are recorded",
        f"{BURST} are recorded at once, after that one in {EVERY:g} seconds",
        f"at most {PER_DAY:,} are recorded in a day",
        f"At most {MAX_EXCERPT} characters",
        f"at most {MAX_DETAILS} values",
        f"cut at {MAX_TEXT} characters",
    ):
        assert said in PAGE
    assert TELL == 60.0
    assert "once in a minute" in PAGE
    assert all(f"`{form}`" in PAGE or f"--format {form}" in PAGE for form in FORMATS)


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        ("### OCSF", COMMON),
        ("Only of a Detection Finding:", [field for field in DETECTION if field not in COMMON]),
        ("Only of a Data Security Finding:", [field for field in DATA_SECURITY if field not in COMMON]),
        ("### ECS", ECS_FIELDS),
    ],
    ids=["common", "detection", "data", "ecs"],
)
def test_the_mappings(after: str, fields: list[Field]) -> None:
    assert table(after) == [(f"`{field.to}`", field.of) for field in fields]


def test_what_an_action_is_called_in_ocsf() -> None:
    rows = [(name if " " in name else f"`{name}`", action, outcome) for name, action, outcome in controls()]
    assert table("What an action is called there:") == rows


def test_the_versions_of_the_schemas() -> None:
    assert f"](https://schema.ocsf.io) {OCSF} with" in PAGE
    assert f"/ecs) {ECS}." in PAGE
