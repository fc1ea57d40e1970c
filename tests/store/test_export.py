"""Findings in their three forms: as the goldens have them, valid by the public schemas, the same every time, and inert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from typing import get_args

import jsonschema
import pytest
from found import EVERY
from found import finding

from store.export import FORMATS
from store.export import line
from store.export.native import FIELDS
from store.export.native import Action
from store.export.native import Kind

HERE = Path(__file__).parent
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "schemas").glob("*.json"))}


def checked(form: str, record: dict[str, Any]) -> None:
    name = f"ocsf_{record['class_uid']}" if form == "ocsf" else form
    jsonschema.validate(record, SCHEMAS[name], jsonschema.Draft202012Validator)


def test_the_examples_have_every_kind_and_action() -> None:
    assert {record["kind"] for record in EVERY} == set(get_args(Kind))
    assert {record["action"] for record in EVERY} == set(get_args(Action))
    assert {tuple(sorted(record)) for record in EVERY} == {tuple(sorted(FIELDS))}


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_is_as_the_golden_has_it(form: str) -> None:
    assert "".join(f"{line(record, form)}\n" for record in EVERY) == (HERE / "golden" / f"findings.{form}.jsonl").read_text()


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_fits_its_schema(form: str) -> None:
    for record in EVERY:
        checked(form, json.loads(line(record, form)))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_schemas_refuse_what_does_not_fit(schema: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[schema])
    form = schema.partition("_")[0]
    made = [json.loads(line(record, form)) for record in EVERY]
    fitting = next(record for record in made if form != "ocsf" or schema.endswith(str(record["class_uid"])))
    for change in ({"nonsense": 1}, {"message" if form != "native" else "at": 5}):
        with pytest.raises(jsonschema.ValidationError):
            checked(form, fitting | change)
    for name in SCHEMAS[schema]["required"]:
        with pytest.raises((jsonschema.ValidationError, KeyError)):
            checked(form, {key: value for key, value in fitting.items() if key != name})


def test_the_class_tells_findings_about_data_from_others() -> None:
    classes = {record["class_uid"]: record["type_uid"] for record in map(FORMATS["ocsf"], EVERY)}
    assert classes == {2004: 200401, 2006: 200601}
    assert FORMATS["ocsf"](finding(1, "leak", "blank"))["class_uid"] == 2006
    assert FORMATS["ocsf"](finding(1, "refusal", "refuse"))["class_uid"] == 2004


def test_what_was_only_watched_is_told_as_such() -> None:
    watched = finding(1, "policy", "block", policy="p", mode="monitor")
    made = FORMATS["ocsf"](watched)
    assert (made["action"], made["disposition"], made["policy"]["is_applied"]) == ("Observed", "Detected", False)
    assert FORMATS["ecs"](watched)["event"]["outcome"] == "success"
    assert FORMATS["ecs"](finding(1, "policy", "block", policy="p"))["event"]["outcome"] == "failure"


def test_an_action_of_a_later_version_is_told_by_its_name() -> None:
    made = FORMATS["ocsf"](finding(1, "policy", "translate", policy="p"))
    assert (made["action_id"], made["action"], made["disposition_id"]) == (99, "translate", 99)
    assert FORMATS["ecs"](finding(1, "policy", "translate"))["event"]["type"] == ["info"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_line_is_ascii_and_nothing_but_a_line(form: str) -> None:
    hostile = finding(1, "policy", "alert", policy="p", excerpt="\x1b]0;x\x07 \u202e \u2028 \n \ud800", event_type="\x9b31m")
    made = line(hostile, form)
    assert made.isascii()
    assert made.isprintable()
    assert json.loads(made) == FORMATS[form](hostile)


def test_a_record_of_before_has_all_fields() -> None:
    assert FORMATS["native"]({"id": "fnd_1"}) == dict.fromkeys(FIELDS) | {"id": "fnd_1"}
