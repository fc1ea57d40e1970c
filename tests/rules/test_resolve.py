"""Where requests go: the route table, then prefix, models, native path and default of the path; else what to write."""

from collections.abc import Callable

import pytest

from rules.load import load
from rules.match import RequestFacts
from rules.match import Step
from rules.match import bare_host
from rules.match import decrypts
from rules.match import route
from rules.model import Rules
from rules.resolve import Refusal
from rules.resolve import Target
from rules.resolve import alias
from rules.resolve import provider_for
from rules.resolve import resolve

PROVIDERS = """version: 1
listen: {intercept: '127.0.0.1:0'}
providers:
  openai: {kind: openai, models: ["gpt-realtime*"]}
  azure-eu: {kind: azure, url: "https://h", models: {rt-prod-eu: gpt-realtime, mini-eu: gpt-mini}}
  xai: {kind: xai, models: [grok-voice-latest]}
  xai-2: {kind: xai, models: [grok-2]}
  gemini: {kind: gemini}
"""
VLLM = PROVIDERS + "  vllm: {kind: compatible, url: 'http://h', dialect: vllm}\n"
Facts = Callable[..., RequestFacts]


def made(routes: str = "") -> Rules:
    rules = load(PROVIDERS + ("routes:\n" + routes if routes else ""), env={}, stored_keys=["kiosk-1"]).rules
    assert rules is not None
    return rules


def gateway(model: str | None = None, path: str = "/v1/realtime", **facts: object) -> RequestFacts:
    return RequestFacts(**({"door": "gateway", "path": path, "model": model} | facts))  # type: ignore[arg-type]


def target(facts: RequestFacts, routes: str = "") -> Target:
    found = resolve(made(routes), facts)
    assert isinstance(found, Target), found
    return found


def refusal(facts: RequestFacts, routes: str = "") -> Refusal:
    found = resolve(made(routes), facts)
    assert isinstance(found, Refusal), found
    return found


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (gateway("xai/anything"), ("xai", "anything", "anything", "prefix of the model")),
        (gateway("xai/a/b"), ("xai", "a/b", "a/b", "prefix of the model")),
        (gateway(" gpt-realtime-2 "), ("openai", "gpt-realtime-2", "gpt-realtime-2", "models of the provider")),
        (gateway("mini-eu"), ("azure-eu", "gpt-mini", "mini-eu", "models of the provider")),
        (gateway("gpt-mini"), ("azure-eu", "gpt-mini", "mini-eu", "models of the provider")),
        (gateway("azure-eu/gpt-realtime"), ("azure-eu", "gpt-realtime", "rt-prod-eu", "prefix of the model")),
        (gateway("grok-2"), ("xai-2", "grok-2", "grok-2", "models of the provider")),
        (gateway("x", native_kind="xai"), ("xai", "x", "x", "native path")),
        (gateway("x", native_kind="xai", default_kind="openai"), ("xai", "x", "x", "native path")),
        (gateway("grok-2", native_kind="gemini"), ("xai-2", "grok-2", "grok-2", "models of the provider")),
        (gateway("x", default_kind="openai"), ("openai", "x", "x", "default of the path")),
        (gateway("x", default_kind="xai-2"), ("xai-2", "x", "x", "default of the path")),
        (
            gateway("meta-llama/Llama-3", default_kind="openai"),
            ("openai", "meta-llama/Llama-3", "meta-llama/Llama-3", "default of the path"),
        ),
        (gateway(None, deployment="rt-prod-eu"), ("azure-eu", "gpt-realtime", "rt-prod-eu", "models of the provider")),
        (gateway("grok-2", deployment="rt-prod-eu"), ("xai-2", "grok-2", "grok-2", "models of the provider")),
        (gateway("  ", deployment="mini-eu"), ("azure-eu", "gpt-mini", "mini-eu", "models of the provider")),
        (gateway(None, call_id="rtc_1", default_kind="openai"), ("openai", None, None, "default of the path")),
        (gateway(None, intent=" Transcription ", default_kind="openai"), ("openai", None, None, "default of the path")),
        (gateway("", native_kind="gemini", model_in_message=True), ("gemini", None, None, "native path")),
    ],
)
def test_without_routes(facts: RequestFacts, expected: tuple[str, str | None, str | None, str]) -> None:
    found = target(facts)
    assert (found.provider, found.model, found.upstream_model, found.why) == expected
    assert (found.route, found.credential, found.webrtc) == (None, "inject", "relay")


def test_a_server_whose_clients_name_the_model_in_a_message_needs_none_in_the_url() -> None:
    rules = load(VLLM, env={}, stored_keys=[]).rules
    assert rules is not None
    found = resolve(rules, gateway(None, default_kind="vllm"))
    assert isinstance(found, Target)
    assert (found.provider, found.model) == ("vllm", None)
    assert isinstance(resolve(rules, gateway(None, default_kind="openai")), Refusal)


@pytest.mark.parametrize(
    ("facts", "code", "says"),
    [
        (gateway(None), "missing_model", "?model="),
        (gateway("   "), "missing_model", "?model="),
        (gateway("openai/"), "missing_model", "?model="),
        (gateway("openai/ "), "missing_model", "?model="),
        (gateway(None, call_id=" "), "missing_model", "?model="),
        (gateway(None, intent="chat"), "missing_model", "?model="),
        (gateway(None, native_kind="gemini"), "missing_model", "?model="),
        (gateway("nope/gpt"), "unknown_provider", "openai, azure-eu, xai, xai-2, gemini"),
        (gateway("whisper-9"), "unknown_model", "<provider>/whisper-9"),
        (gateway("x", native_kind="zai"), "unknown_model", "<provider>/x"),
        (gateway(None, intent="transcription"), "unknown_provider", "openai"),
    ],
)
def test_refusals_say_what_to_write(facts: RequestFacts, code: str, says: str) -> None:
    found = refusal(facts)
    assert (found.status, found.code) == (400, code)
    assert says in found.message


def test_a_refusal_repeats_only_the_start_of_what_was_sent() -> None:
    for model in ("x" * 10_000, "x" * 5_000 + "/" + "y" * 5_000):
        assert len(refusal(gateway(model)).message) < 400


ROUTES = """
  - {name: eu, match: {path: /v1/realtime*, model: gpt-realtime*, key: kiosk-*, header: {X-Region: eu}}, provider: azure-eu, model: rt-prod-eu, webrtc: sideband}
  - {name: cheap, match: {model: gpt-realtime, key: kiosk-*}, model: gpt-mini, credential: client}
  - {name: app, match: {door: intercept, host: "*.openai.com"}, provider: openai}
  - {name: own, match: {door: intercept, host: api.x.ai}, provider: xai, credential: inject}
"""  # noqa: E501


def test_a_route_decides_provider_and_model() -> None:
    found = target(gateway("openai/gpt-realtime-2", key="kiosk-1", headers={"x-region": "eu"}), ROUTES)
    assert found == Target("azure-eu", "gpt-realtime", "rt-prod-eu", "eu", "inject", "sideband", "route eu")


def test_a_route_without_provider_leaves_the_provider_to_the_rest() -> None:
    found = target(gateway("gpt-realtime", key="kiosk-1"), ROUTES)
    assert found == Target("azure-eu", "gpt-mini", "mini-eu", "cheap", "client", "relay", "models of the provider")
    assert target(gateway("openai/gpt-realtime", key="kiosk-1"), ROUTES).provider == "openai"


def test_a_request_that_no_route_fits_goes_by_its_model() -> None:
    assert target(gateway("gpt-realtime", key="other"), ROUTES).route is None


def test_the_model_of_a_route_stands_in_for_a_missing_one() -> None:
    routes = "  - {name: r, match: {path: /v1/*}, provider: xai, model: grok-voice-latest}"
    assert target(gateway(None), routes).upstream_model == "grok-voice-latest"


@pytest.mark.parametrize(("host", "expected"), [("API.openai.com:443", ("openai", "client")), ("api.x.ai", ("xai", "inject"))])
def test_the_intercept_door_keeps_the_apps_credential_unless_told(host: str, expected: tuple[str, str]) -> None:
    found = target(RequestFacts("intercept", "/v1/realtime", "gpt", host=host), ROUTES)
    assert (found.provider, found.credential) == expected


def test_the_intercept_door_without_a_route_is_shut() -> None:
    assert refusal(RequestFacts("intercept", "/v1/realtime", "xai/grok-2", host="evil.example"), ROUTES).status == 403


def test_on_the_intercept_door_a_model_does_not_send_the_apps_credential_elsewhere() -> None:
    routes = "  - {name: app, match: {door: intercept, host: api.openai.com}}"
    for model in ("xai/grok-2", "grok-2"):
        found = target(RequestFacts("intercept", "/v1/realtime", model, host="api.openai.com", native_kind="openai"), routes)
        assert (found.provider, found.credential, found.why) == ("openai", "client", "native path")


def test_a_tunnelled_host_is_not_served() -> None:
    assert refusal(RequestFacts("intercept", "/", "gpt", host="telemetry.openai.com", native_kind="openai"), TUNNEL).status == 403


def test_first_route_wins_and_every_condition_is_noted() -> None:
    decision = route(made(ROUTES), gateway("gpt-realtime", key="kiosk-1", headers={"X-REGION": "us"}))
    assert decision.route is not None
    assert decision.route.name == "cheap"
    assert decision.steps == (
        Step("eu", "path", "/v1/realtime*", "/v1/realtime", True),
        Step("eu", "model", "gpt-realtime*", "gpt-realtime", True),
        Step("eu", "key", "kiosk-*", "kiosk-1", True),
        Step("eu", "header X-Region", "eu", "us", False),
        Step("cheap", "model", "gpt-realtime", "gpt-realtime", True),
        Step("cheap", "key", "kiosk-*", "kiosk-1", True),
    )


@pytest.mark.parametrize(
    ("match", "facts", "fits"),
    [
        ("{}", gateway(), True),
        ("{path: /V1/*}", gateway(), False),
        ("{path: '*'}", gateway(), True),
        ("{model: '*'}", gateway(), False),
        ("{model: 'gpt-?'}", gateway("gpt-4"), True),
        ("{model: 'gpt-?'}", gateway("openai/gpt-4"), True),
        ("{model: openai/*}", gateway("openai/gpt-4"), True),
        ("{model: gpt-4}", gateway("other/gpt-4"), False),
        ("{key: '*'}", gateway(), False),
        ("{host: Proxy.Local}", gateway(host="proxy.local:8787"), True),
        ("{header: {a: '*', B: c}}", gateway(headers={"A": "", "b": "c"}), True),
        ("{header: {a: C}}", gateway(headers={"a": "c"}), False),
        ("{header: {a: '*'}}", gateway(), False),
        ("{door: gateway}", gateway(), True),
    ],
)
def test_conditions(match: str, facts: RequestFacts, fits: bool) -> None:
    assert (route(made(f"  - {{name: r, match: {match}}}"), facts).route is not None) == fits


TUNNEL = """
  - {name: quiet, match: {door: intercept, host: telemetry.openai.com}, tunnel: true}
  - {name: app, match: {host: "*.OpenAI.com"}, provider: openai}
  - {name: front, match: {door: gateway, host: "*"}}
"""


@pytest.mark.parametrize(
    ("host", "opened"),
    [("api.openai.com", True), ("API.OpenAI.com.:443", True), ("telemetry.openai.com", False), ("example.com", False), ("", False)],
)
def test_only_hosts_named_by_a_route_are_decrypted(host: str, opened: bool) -> None:
    assert decrypts(made(TUNNEL), host) == opened


@pytest.mark.parametrize(
    ("host", "bare"), [("A.b:1", "a.b"), ("[::1]:80", "::1"), ("a.b.", "a.b"), ("[", ""), ("", ""), ("u@evil", "evil")]
)
def test_bare_host(host: str, bare: str) -> None:
    assert bare_host(host) == bare


def test_alias_takes_either_name() -> None:
    provider = made().providers["azure-eu"]
    assert [alias(provider, name) for name in ("gpt-realtime", "rt-prod-eu", "new")] == [
        ("gpt-realtime", "rt-prod-eu"),
        ("gpt-realtime", "rt-prod-eu"),
        ("new", "new"),
    ]


def test_provider_for_takes_a_name_before_a_kind() -> None:
    assert [provider_for(made(), kind) for kind in ("xai-2", "azure", "zai", None)] == ["xai-2", "azure-eu", None, None]
