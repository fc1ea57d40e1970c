"""The documents and the schema say what the model says: a key or code missing from them, or left over, fails here."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from rules import schema
from rules.access import Budget
from rules.access import Key
from rules.access import Match
from rules.access import RateLimit
from rules.access import Route
from rules.diagnostics import CODES
from rules.load import load
from rules.media import ClientSecrets
from rules.media import Turn
from rules.media import WebRTC
from rules.model import Limits
from rules.model import Listen
from rules.model import Log
from rules.model import Price
from rules.model import Retention
from rules.model import Rules
from rules.model import Seal
from rules.otel import Otel
from rules.policy import Bounds
from rules.policy import Policy
from rules.policy import PolicyTest
from rules.policy import When
from rules.section import Section
from rules.upstream import Provider
from rules.watch import Changes
from rules.yamlload import read_yaml

ROOT = Path(__file__).parents[2]
SECTIONS: dict[str, type[Section]] = {
    "rules.yaml": Rules,
    "listen": Listen,
    "limits": Limits,
    "providers": Provider,
    "keys": Key,
    "budget": Budget,
    "rate": RateLimit,
    "routes": Route,
    "match": Match,
    "changes": Changes,
    "policies": Policy,
    "when": When,
    "size": Bounds,
    "tests": PolicyTest,
    "webrtc": WebRTC,
    "turn": Turn,
    "client_secrets": ClientSecrets,
    "log": Log,
    "retention": Retention,
    "seal": Seal,
    "otel": Otel,
    "prices": Price,
}


def documented(section: str) -> dict[str, list[str]]:
    text = (ROOT / "docs/rules.md").read_text()
    body = re.split(rf"^#+ {re.escape(section)}$", text, flags=re.M)[-1].split("\n#")[0]
    rows = [line.strip("|").split("|") for line in body.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def keys_of(model: type[Section]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_and_no_other(section: str) -> None:
    assert documented(section).keys() == keys_of(SECTIONS[section])


def test_every_section_of_the_model_is_listed_here() -> None:
    def subclasses(base: type[Section]) -> set[type[Section]]:
        return {base} | {inner for child in base.__subclasses__() for inner in subclasses(child)}

    assert set(SECTIONS.values()) == subclasses(Section) - {Section}


@pytest.mark.parametrize(("section", "model"), SECTIONS.items())
def test_documented_defaults_are_those_of_the_model(section: str, model: type[Section]) -> None:
    rows = documented(section)
    for name, field in model.model_fields.items():
        written, default, _ = rows[field.alias or name]
        assert (default == "required") == field.is_required(), (section, name)
        if default.startswith("`"):
            shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
            assert default.strip("`") == str(shown), (section, name)
        assert written


def test_every_key_has_a_description_for_editors() -> None:
    assert all(field.description for model in SECTIONS.values() for field in model.model_fields.values())


def test_every_code_is_documented_with_its_severity() -> None:
    rows = re.findall(r"^\| (VT\d+) \| (\w+)[^|]*\| [^|]{10,}\| [^|]{10,}\|$", (ROOT / "docs/diagnostics.md").read_text(), flags=re.M)
    assert dict(rows) == dict(CODES)


def test_schema_file_is_in_sync() -> None:
    assert (ROOT / "data/rules.schema.json").read_text() == schema.text(), "run: python -m rules.schema > data/rules.schema.json"


def test_schema_is_valid_draft_7_and_takes_the_shipped_file() -> None:
    jsonschema.Draft7Validator.check_schema(schema.schema())
    jsonschema.validate(read_yaml((ROOT / "rules.yaml").read_text()).value, schema.schema(), jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"version": 1, "limits": {"message": "16"}},
        {"version": 1, "limits": {"idle": None}},
        {"version": 1, "listen": {"gatway": "127.0.0.1:1"}},
        {"version": 1, "providers": {"a": {"kind": "openai", "credential": "sk-literal"}}},
        {"version": 1, "keys": [{"id": "a", "hash": "sha256:1"}]},
    ],
)
def test_schema_refuses_what_the_model_refuses(wrong: dict[str, object]) -> None:
    assert not jsonschema.Draft7Validator(schema.schema()).is_valid(wrong)
    with pytest.raises(ValidationError):
        Rules.model_validate(wrong)


def test_schema_defaults_are_written_as_in_the_file() -> None:
    assert schema.schema()["definitions"]["Limits"]["properties"]["message"]["default"] == "16MiB"
    assert "null" not in json.dumps(schema.schema())


def test_shipped_file_loads_without_any_variable() -> None:
    loaded = load((ROOT / "rules.yaml").read_text(), env={})
    assert loaded.rules is not None
    assert {found.code for found in loaded.diagnostics} == {"VT021"}
    assert str(loaded.rules.listen.gateway) == "127.0.0.1:8787"
    assert loaded.rules.policies[0].tests


def test_shipped_file_starts_with_the_line_for_editors() -> None:
    assert (ROOT / "rules.yaml").read_text().startswith("# yaml-language-server: $schema=data/rules.schema.json\n")


def test_what_the_shipped_file_offers_in_comments_loads_too() -> None:
    text = re.sub(r"^(\s*)# (?=  |- |[a-z_-]+: [{\[]|azure-eu:)", r"\1", (ROOT / "rules.yaml").read_text(), flags=re.M)
    text = text.replace("keys: []", "keys:").replace("prices: {}", "prices:").replace("<64 digits, printed by keys new>", "0" * 64)
    loaded = load(text, env={})
    assert loaded.rules is not None, loaded.render()
    assert {"azure-eu", "local"} <= loaded.rules.providers.keys()
    assert [key.id for key in loaded.rules.keys] == ["kiosk"]
    assert "my-model" in loaded.rules.prices
    assert loaded.rules.listen.origins == ("http://localhost:3000",)
    assert len(loaded.rules.routes) == 3
