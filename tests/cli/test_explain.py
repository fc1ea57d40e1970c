"""`explain`: each condition with what it saw, and where the request goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Cli


def test_each_condition_is_shown_with_what_it_saw(cli: Cli) -> None:
    found = cli("explain", "--model", "sim-voice")
    assert found.code == 0
    assert found.out.splitlines() == [
        "route eu  does not fit",
        "  ✓ door 'gateway', saw 'gateway'",
        "  ✓ model 'sim-*', saw 'sim-voice'",
        "  ✗ header x-region 'eu', saw nothing",
        "route rest  taken",
        "  ✓ door 'gateway', saw 'gateway'",
        "goes to provider openai, model sim-voice, credential the provider's, injected (route rest)",
    ]


def test_json(cli: Cli) -> None:
    found = cli("explain", "--model", "sim-voice", "--header", "X-Region=eu", "--json")
    assert found.code == 0
    assert found.json["route"] == "eu"
    assert (found.json["target"]["provider"], found.json["target"]["upstream_model"]) == ("sim", "sim-voice")
    assert [step["passed"] for step in found.json["steps"]] == [True, True, True]


def test_one_route_only(cli: Cli) -> None:
    found = cli("explain", "--model", "m", "--route", "eu", "--json")
    assert {step["route"] for step in found.json["steps"]} == {"eu"}


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("--path", "/nowhere"), 404, "not_found"),
        (("--path", "/none/v1/realtime", "--model", "m"), 404, "unknown_provider"),
        ((), 400, "missing_model"),
        (("--door", "intercept", "--host", "api.openai.com", "--model", "m"), 403, "host_not_allowed"),
    ],
)
def test_a_refusal(cli: Cli, arguments: tuple[str, ...], status: int, code: str) -> None:
    found = cli("explain", "--json", *arguments)
    assert found.code == 1
    assert (found.json["refused"]["status"], found.json["refused"]["code"]) == (status, code)


def test_the_intercept_door(cli: Cli, rules: Path) -> None:
    rules.write_text(
        "version: 1\n"
        "providers: {openai: {kind: openai}}\n"
        "routes: [{name: apps, match: {door: intercept, host: api.openai.com}, provider: openai}]\n"
    )
    found = cli("explain", "--door", "intercept", "--host", "api.openai.com", "--model", "gpt-realtime", "--json")
    assert found.code == 0
    assert found.json["target"]["credential"] == "client"


@pytest.mark.parametrize("arguments", [("--door", "side"), ("--header", "nothing"), ("--session", "none"), ("--colour", "red")])
def test_bad_input(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli("explain", *arguments).code == (1 if "--session" in arguments else 2)


def test_broken_rules(cli: Cli, rules: Path) -> None:
    rules.write_text("version: 2\n")
    found = cli("explain")
    assert (found.code, found.out) == (2, "")
    assert "VT011" in found.err
    assert "error VT100: " in found.err
