"""Turns what the model refuses into diagnostics at their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rules.diagnostics import CODES
from rules.diagnostics import Diagnostic
from rules.diagnostics import Severity
from rules.diagnostics import nearest
from rules.masking import is_literal_secret
from rules.masking import mask_span
from rules.model import Rules
from rules.section import Section
from rules.yamlload import Document
from rules.yamlload import Path
from rules.yamlload import Place
from rules.yamlload import Unreadable

_MESSAGES: Final[dict[str, str]] = {
    "string_type": "should be text",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "tuple_type": "should be a list",
    "mapping_type": "should be a mapping of keys to values",
    "dict_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
    "string_too_short": "should not be empty",
}
_HINTS: Final = {"string_type": "put it in quotes", "bool_type": "write true or false, without quotes"}


class Reporter:
    """Adds diagnostics to a document by the path of what they are about."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._places = document.places

    def add(
        self,
        path: Path,
        code: str,
        message: str,
        hint: str = "",
        *,
        on_key: bool = False,
        offset: int | None = None,
        severity: Severity | None = None,
    ) -> None:
        """At the value of `path` (`offset` characters into it), at its key, or at what is around it where it is not written."""
        while path not in self._places:
            path, on_key = path[:-1], True
        place = self._places[path]
        line, column = place.key if on_key else place.start
        if offset is not None:
            column += self._column_inside(place, offset)
        self._document.diagnostics.append(Diagnostic(code, message, line + 1, column + 1, severity or CODES[code], hint))

    def add_errors(self, error: ValidationError) -> list[Path]:
        """One diagnostic for each error of the model; returns the paths of what was refused."""
        refused = []
        for detail in error.errors(include_url=False):
            path = self._written_part(detail["loc"])
            refused.append(path)
            if detail["input"] is not Unreadable:
                self._add_error(path, detail)
        return refused

    def _written_part(self, loc: tuple[int | str, ...]) -> Path:
        """The path in the file: `loc` without the marks that pydantic adds and without keys that are missing."""
        path: Path = ()
        for step in loc:
            if (*path, step) in self._places:
                path = (*path, step)
        return path

    def _add_error(self, path: Path, detail: ErrorDetails) -> None:
        match detail["type"]:
            case "voicetap":
                self._add_fault(path, detail["ctx"], on_key=detail["loc"][-1:] == ("[key]",))
            case "extra_forbidden":
                self.add(path, "VT010", f"unknown key {path[-1]!r}", _known(path), on_key=True)
            case "missing":
                self.add(path, "VT012", f"{detail['loc'][-1]!r} is missing", on_key=True)
            case "literal_error":
                choices = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
                hint = nearest(detail["input"], choices) if isinstance(detail["input"], str) else ""
                self.add(path, "VT011", f"{_subject(path)} should be {detail['ctx']['expected']}", hint)
            case kind:
                message = _MESSAGES.get(kind) or detail["msg"].replace("Input should", "should")
                self.add(path, "VT011", f"{_subject(path)} {message}", _HINTS.get(kind, ""))

    def _add_fault(self, path: Path, context: Mapping[str, Any], *, on_key: bool) -> None:
        on_key = on_key or bool(context["at"]) or context["code"] == "VT012"
        path = (*path, context["at"]) if context["at"] else path
        message = context["message"]
        if message.startswith(("should ", "has ")):
            message = f"{_subject(path)} {message}"
        self.add(path, context["code"], message, context["hint"], on_key=on_key, offset=context["offset"])

    def _column_inside(self, place: Place, offset: int) -> int:
        """How many columns after its start the text's character `offset` stands; 0 where escapes or line breaks come between."""
        raw = self._document.lines[place.start[0]][place.start[1] :]
        quoted = raw[:1] in ("'", '"')
        before = raw[quoted : quoted + offset]
        spoiled = place.start[0] != place.end[0] or (raw[:1] == '"' and "\\" in before) or (raw[:1] == "'" and "''" in before)
        return 0 if spoiled else quoted + offset


def mask_secrets(document: Document) -> None:
    """Hides in the kept lines every value that stands where only a reference to a secret may stand."""
    for path, value in _scalars(document.value, ()):
        if path and is_literal_secret(path, value):
            place = document.places[path]
            mask_span(document.lines, place.start, place.end)


def _scalars(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _scalars(inner, (*path, key))
        case list():
            for number, inner in enumerate(value):
                yield from _scalars(inner, (*path, number))
        case _:
            yield path, value


def _subject(path: Path) -> str:
    """What a message is about: `providers.openai.url`, `routes[2].name`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".") or "the file"


def _known(path: Path) -> str:
    """The nearest key that the section around `path` does have, else all of them."""
    known = [field.alias or name for name, field in _section(path[:-1]).model_fields.items()]
    if is_literal_secret(path, "literal"):
        return "secrets are written as credential: env:NAME or credential: file:path"
    return nearest(str(path[-1]), known) or f"known here: {', '.join(known)}"


def _section(path: Path) -> type[Section]:
    """The part of the model that describes what stands at `path`."""
    section: type[Section] = Rules
    for step in path:
        fields = {field.alias or name: field for name, field in section.model_fields.items()}
        if step in fields:
            section = _model_in(fields[str(step)].annotation) or section
    return section


def _model_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
