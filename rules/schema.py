"""The JSON Schema of rules.yaml for editors, made from the model; draft 7, which every YAML editor understands."""

from __future__ import annotations

import json
import sys
from typing import Any

from rules.model import Rules


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    made: dict[str, Any] = _plain(Rules.model_json_schema())
    return {"$schema": "http://json-schema.org/draft-07/schema#", **made, "title": "voicetap rules.yaml"}


def text() -> str:
    """The schema as it stands in data/rules.schema.json."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any, *, names: bool = False) -> Any:
    """`$defs` under draft 7's name, and without the titles that only repeat the key. `names`: the keys are keys of the file."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value.replace("#/$defs/", "#/definitions/") if isinstance(value, str) else value
    value = _without_null(value)
    return {
        "definitions" if key == "$defs" else key: _plain(inner, names=key in ("properties", "$defs"))
        for key, inner in value.items()
        if names or key != "title"
    }


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """The model says absent with None; the file says it by leaving the key out, and null is refused."""
    choices = value.get("anyOf", [])
    if {"type": "null"} not in choices:
        return value
    rest = {key: inner for key, inner in value.items() if key not in ("anyOf", "default")}
    left = [choice for choice in choices if choice != {"type": "null"}]
    return left[0] | rest if len(left) == 1 else {"anyOf": left, **rest}


if __name__ == "__main__":
    sys.stdout.write(text())
