"""The environment that a child of `run` gets."""

from __future__ import annotations

from cli.environment import child_environment

OUTER = {"PATH": "/bin", "OPENAI_API_KEY": "sk-secret", "APP": "1", "no_proxy": "db.internal", "https_proxy": "http://old:1"}


def made(**changes: object) -> tuple[dict[str, str], list[str]]:
    arguments: dict[str, object] = {"proxy": "127.0.0.1:8788", "ca": "/ca.pem", "bundle": "/all.pem", "scrub": (), "bypass": ("localhost",)}
    return child_environment(OUTER, **(arguments | changes))  # type: ignore[arg-type]


def test_proxy_variables_are_set_in_both_cases() -> None:
    child, _ = made()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "WS_PROXY", "WSS_PROXY", "ALL_PROXY"):
        assert child[name] == child[name.lower()] == "http://127.0.0.1:8788"


def test_exclusions_of_the_user_stay() -> None:
    child, _ = made()
    assert child["NO_PROXY"] == child["no_proxy"] == "db.internal,localhost"


def test_lists_that_replace_get_the_bundle_and_lists_that_add_get_the_ca() -> None:
    child, _ = made()
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"):
        assert child[name] == "/all.pem"
    assert child["PERL_LWP_SSL_CA_FILE"] == "/all.pem"
    assert child["NODE_EXTRA_CA_CERTS"] == child["DENO_CERT"] == "/ca.pem"
    assert child["NODE_USE_ENV_PROXY"] == "1"


def test_upstream_credentials_are_scrubbed_and_named() -> None:
    child, scrubbed = made(scrub=("OPENAI_API_KEY", "XAI_API_KEY"))
    assert "OPENAI_API_KEY" not in child
    assert scrubbed == ["OPENAI_API_KEY"]
    assert child["APP"] == "1"
    assert OUTER["OPENAI_API_KEY"] == "sk-secret"
