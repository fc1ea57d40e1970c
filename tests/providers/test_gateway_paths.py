"""Every path form of the gateway door, and the hosts and paths that the intercept door recognises."""

from __future__ import annotations

import pytest

from providers import KINDS
from providers import recognise
from providers.base import Pairs
from providers.paths import asked
from providers.paths import gateway_path
from providers.paths import names_agent
from providers.paths import native_path

STUDIO = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
PREVIEW: Pairs = (("api-version", "2025-04-01-preview"), ("deployment", "d"))


@pytest.mark.parametrize(
    ("path", "endpoint", "prefix", "kind", "family"),
    [
        ("/v1/realtime", "realtime", None, None, "realtime"),
        ("/realtime", "realtime", None, None, "realtime"),
        ("//v1//realtime", "realtime", None, None, "realtime"),
        ("/openai/v1/realtime", "realtime", None, "openai", "realtime"),
        ("/openai/realtime", "realtime", None, "openai", "realtime"),
        ("/openai/openai/realtime", "realtime", None, "openai", "realtime"),
        ("/azure-eu/v1/realtime", "realtime", "azure-eu", None, "realtime"),
        ("/azure-eu/openai/v1/realtime", "realtime", "azure-eu", "openai", "realtime"),
        ("/v1/realtime/translations", "translations", None, None, "translation"),
        ("/openai/v1/realtime/translations", "translations", None, "openai", "translation"),
        ("/mine/v1/realtime/translations", "translations", "mine", None, "translation"),
        ("/v1/realtime/calls", "calls", None, None, "realtime"),
        ("/realtime/calls", "calls", None, None, "realtime"),
        ("/openai/realtime/calls", "calls", None, "openai", "realtime"),
        ("/openai/openai/realtime/calls", "calls", None, "openai", "realtime"),
        ("/mine/v1/realtime/calls", "calls", "mine", None, "realtime"),
        ("/v1/realtime/client_secrets", "client_secrets", None, None, "realtime"),
        ("/v1/realtime/translations/client_secrets", "client_secrets", None, None, "translation"),
        ("/openai/v1/realtime/client_secrets", "client_secrets", None, "openai", "realtime"),
        ("/v1/realtime/sessions", "sessions", None, None, "realtime"),
        ("/v1/realtime/transcription_sessions", "transcription_sessions", None, None, "transcription"),
        ("/openai/v1/realtime/transcription_sessions", "transcription_sessions", None, "openai", "transcription"),
        ("/v1/models", "models", None, None, "realtime"),
        ("/v1/live/sessions", "live", None, "openai", "live"),
        ("/openai/v1/live/sessions", "live", None, "openai", "live"),
        ("/mine/v1/live/sessions", "live", "mine", "openai", "live"),
    ],
)
def test_openai_style_paths(path: str, endpoint: str, prefix: str | None, kind: str | None, family: str) -> None:
    found = gateway_path(path)
    assert found is not None
    assert (found.endpoint, found.provider_prefix, found.default_kind, found.family) == (endpoint, prefix, kind, family)


@pytest.mark.parametrize("verb", ["accept", "reject", "refer", "hangup"])
@pytest.mark.parametrize("root", ["/v1", "/openai/v1", "/mine/v1", ""])
def test_call_control_names_its_call(root: str, verb: str) -> None:
    found = gateway_path(f"{root}/realtime/calls/rtc_A-1.b~c/{verb}")
    assert found is not None and (found.endpoint, found.call_id) == (verb, "rtc_A-1.b~c")


@pytest.mark.parametrize(
    ("path", "query", "kind", "shape", "dialect"),
    [
        ("/api-ws/v1/realtime", (), "bailian", "dashscope", "openai"),
        ("/api/paas/v4/realtime", (), "zai", "glm", "openai"),
        ("/openai/realtime", PREVIEW, "azure", "preview", "openai"),
        ("/openai/openai/realtime", PREVIEW, "azure", "preview", "openai"),
        ("/voice-live/realtime", (), "azure", "voice-live", "openai"),
        (STUDIO, (), "gemini", "studio", "gemini"),
        (f"/{STUDIO}", (), "gemini", "studio", "gemini"),
        (f"{STUDIO}Constrained", (), "gemini", "studio", "gemini"),
        (STUDIO.replace("v1alpha", "v1beta"), (), "gemini", "studio", "gemini"),
        (VERTEX, (), "gemini", "vertex", "gemini"),
        (VERTEX.replace("v1", "v1beta1"), (), "gemini", "vertex", "gemini"),
        ("/v1/convai/conversation", (), "elevenlabs", "agent", "elevenlabs"),
        ("/v1/convai/realtime", (), "elevenlabs", "realtime", "openai"),
        ("/v1/live/sessions", (), "openai", "live", "openai-live"),
    ],
)
def test_native_paths(path: str, query: Pairs, kind: str, shape: str, dialect: str) -> None:
    found = gateway_path(path, query)
    assert found is not None and found.native is not None
    assert (found.native.kind, found.native.shape, found.native.dialect, found.default_kind) == (kind, shape, dialect, kind)
    assert found.provider_prefix is None and found.dialect == dialect
    below = gateway_path(f"/mine{path}", query)
    assert (below is not None and (below.provider_prefix, below.native) == ("mine", found.native)) or path == "/openai/openai/realtime"
    assert native_path(found.path, query) == found.native


def test_a_prefix_is_not_part_of_the_path_that_goes_upstream() -> None:
    found = gateway_path(f"/google//{STUDIO[1:]}")
    assert found is not None and found.path == STUDIO


def test_azures_preview_path_needs_its_api_version() -> None:
    assert native_path("/openai/realtime", (("deployment", "d"),)) is None
    assert native_path("/openai/realtime", (("api-version", " "),)) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/realtime/",
        "/v1/realtimex",
        "/v2/realtime",
        "/V1/REALTIME",
        "/v1/%72ealtime",
        "/v1/../v1/realtime",
        "/v1/realtime/calls/",
        "/v1/realtime/calls/x",
        "/v1/realtime/calls/x/cancel",
        "/v1/realtime/calls/a/b/hangup",
        "/v1/realtime/calls/a%2Fb/hangup",
        "/v1/chat/completions",
        "/a/b/v1/realtime",
        "/mine/realtime",
        "/mine/models",
        "v1/realtime",
        "http://evil.example/v1/realtime",
        "/ws/google.ai.generativelanguage.v9.GenerativeService.BidiGenerateContent",
        f"{STUDIO}/../x",
        f"{STUDIO}\n",
        "/v1/convai",
    ],
)
def test_everything_else_is_unknown(path: str) -> None:
    assert gateway_path(path, PREVIEW) is None


@pytest.mark.parametrize(
    ("host", "path", "query", "kind", "endpoint"),
    [
        ("api.openai.com", "/v1/realtime", (), "openai", "realtime"),
        ("API.OpenAI.com.", "/v1/realtime", (), "openai", "realtime"),
        ("api.openai.com:443", "/v1/realtime/calls", (), "openai", "calls"),
        ("eu.api.openai.com", "/v1/live/sessions", (), "openai", "live"),
        ("r.openai.azure.com", "/openai/v1/realtime", (), "azure", "realtime"),
        ("r.services.ai.azure.com", "/voice-live/realtime", (), "azure", "realtime"),
        ("r.cognitiveservices.azure.com", "/openai/realtime", PREVIEW, "azure", "realtime"),
        ("us-east-1.api.x.ai", "/v1/realtime", (), "xai", "realtime"),
        ("api.x.ai", "/v1/realtime/client_secrets", (), "xai", "client_secrets"),
        ("ws9.ap-southeast-1.maas.aliyuncs.com", "/api-ws/v1/realtime", (), "bailian", "realtime"),
        ("dashscope-intl.aliyuncs.com", "/api-ws/v1/realtime", (), "bailian", "realtime"),
        ("cn-hongkong.dashscope.aliyuncs.com", "/api-ws/v1/realtime", (), "bailian", "realtime"),
        ("open.bigmodel.cn", "/api/paas/v4/realtime", (), "zai", "realtime"),
        ("api.z.ai", "/api/paas/v4/realtime", (), "zai", "realtime"),
        ("api.us.elevenlabs.io", "/v1/convai/conversation", (), "elevenlabs", "realtime"),
        ("api.eu.residency.elevenlabs.io", "/v1/convai/realtime", (), "elevenlabs", "realtime"),
        ("generativelanguage.googleapis.com", f"/{STUDIO}", (), "gemini", "realtime"),
        ("us-central1-aiplatform.googleapis.com", VERTEX, (), "gemini", "realtime"),
        ("aiplatform.googleapis.com", VERTEX, (), "gemini", "realtime"),
        ("aiplatform.eu.rep.googleapis.com", VERTEX, (), "gemini", "realtime"),
    ],
)
def test_own_hosts_are_recognised(host: str, path: str, query: Pairs, kind: str, endpoint: str) -> None:
    found = recognise(host, path, query)
    assert found is not None and (found.default_kind, found.endpoint, found.provider_prefix) == (kind, endpoint, None)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.openai.com", "/v1/chat/completions"),
        ("api.openai.com", "/v1/models"),
        ("api.openai.com", "/realtime"),
        ("api.openai.com", "/api-ws/v1/realtime"),
        ("api.openai.com.evil.example", "/v1/realtime"),
        ("xapi.openai.com", "/v1/realtime"),
        ("evil.example", "/v1/realtime"),
        ("openai.azure.com", "/openai/v1/realtime"),
        ("a.b.openai.azure.com", "/openai/v1/realtime"),
        ("r.openai.azure.com", "/openai/realtime"),
        ("apiXx.ai", "/v1/realtime"),
        ("", "/v1/realtime"),
        ("[::1]:443", "/v1/realtime"),
    ],
)
def test_other_hosts_and_paths_are_not(host: str, path: str) -> None:
    assert recognise(host, path) is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ((), (None, None, None)),
        ((("model", " m "), ("deployment", "d")), ("m", None, None)),
        ((("deployment", "d"), ("model", "  ")), ("d", None, None)),
        ((("model", "a"), ("model", "b")), ("a", None, None)),
        ((("call_id", "c"), ("intent", " Transcription ")), (None, "c", "Transcription")),
    ],
)
def test_what_a_query_names(query: Pairs, found: tuple[str | None, str | None, str | None]) -> None:
    assert asked(query) == found


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ((("agent_id", "a"),), True),
        ((("agent-name", "a"), ("model", "m")), True),
        ((("agent_id", " "), ("model", "agent-smith")), False),
    ],
)
def test_whether_a_query_names_an_agent(query: Pairs, named: bool) -> None:
    assert names_agent(query) is named


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/realtime", True),
        ("/api-ws/v1/realtime", True),
        ("/v1/convai/realtime", True),
        ("/v1/convai/conversation", False),
        ("/v1/live/sessions", False),
        ("/voice-live/realtime", False),
        ("/api/paas/v4/realtime", False),
        (STUDIO, False),
    ],
)
def test_where_the_model_has_to_be_in_the_url(path: str, named: bool) -> None:
    found = gateway_path(path)
    assert found is not None and found.model_in_url is named


def test_a_custom_host_is_read_by_its_provider() -> None:
    assert KINDS["compatible"].recognises("voice.corp", "/v1/realtime") is None
    found = KINDS["compatible"].endpoint("/v1/realtime")
    assert found is not None and found.default_kind == "compatible"
