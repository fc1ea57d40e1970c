"""`otel` of the rules: where spans may go, and that no secret is in the file or shown."""

from __future__ import annotations

import pytest

from rules.load import load

ENV = {"TOKEN": "Bearer canary"}


def loaded(section: str, env: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    return load(f"version: 1\notel:\n{section}", name="rules.yaml", env=ENV if env is None else env)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("http://localhost:4318/", "http://localhost:4318"),
        ('"http://[::1]:4318/v1/traces"', "http://[::1]:4318"),
        ("https://otel.example.org/otlp", "https://otel.example.org/otlp"),
    ],
)
def test_endpoints(written: str, read: str) -> None:
    rules = loaded(f"  endpoint: {written}\n").rules
    assert rules is not None
    assert rules.otel is not None
    assert (rules.otel.endpoint, rules.otel.content, rules.otel.semconv) == (read, False, None)


@pytest.mark.parametrize(
    "written", ["http://192.0.2.1:4318", "http://otel.example.org", "otel:4318", "ws://127.0.0.1", "https://", "https://a?b=c", "5"]
)
def test_endpoints_that_are_refused(written: str) -> None:
    found = loaded(f"  endpoint: {written}\n")
    assert found.rules is None
    assert [diagnostic.code for diagnostic in found.diagnostics] == ["VT011"]


@pytest.mark.parametrize(
    "section",
    [
        "  endpoint: https://otel.example.org\n  headers: {x-honeycomb-team: canary0123456789}\n",
        "  endpoint: https://otel.example.org\n  headers:\n    anything: canary0123456789\n",
        "  endpoint: https://user:canary0123456789@otel.example.org\n",
    ],
)
def test_secrets_are_refused_and_not_shown(section: str) -> None:
    found = loaded(section)
    assert found.rules is None
    assert {diagnostic.code for diagnostic in found.diagnostics} == {"VT020"}
    assert "canary" not in found.render()


@pytest.mark.parametrize("name", ["content-type", "Host", "a b", '""'])
def test_headers_that_are_not_for_credentials(name: str) -> None:
    found = loaded(f"  endpoint: https://otel.example.org\n  headers:\n    {name}: env:TOKEN\n")
    assert [diagnostic.code for diagnostic in found.diagnostics] == ["VT011"]


def test_a_secret_that_is_not_there_stops_nothing() -> None:
    found = loaded("  endpoint: https://otel.example.org\n  headers: {authorization: env:TOKEN}\n", env={})
    assert found.rules is not None
    assert [(diagnostic.code, diagnostic.severity) for diagnostic in found.diagnostics] == [("VT021", "warning")]
