"""Findings as other programs read them: one record, several forms, each a table from field to field. Pure and deterministic."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from store.export.ecs import ecs
from store.export.native import native
from store.export.ocsf import ocsf
from store.lines import Row

FORMATS: Final[dict[str, Callable[[Row], Row]]] = {"native": native, "ocsf": ocsf, "ecs": ecs}
"""The forms of a finding that are written as JSON lines."""


def line(finding: Row, form: str) -> str:
    """A finding as one line of JSON in ASCII, without the line end. Raises KeyError for a form that is not known."""
    return json.dumps(FORMATS[form](finding), separators=(",", ":"))
