"""Where each provider is dialled, for every shape a client may ask in: the whole URL, the dialect and the kind of session."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from providers import provider
from providers.base import Account
from providers.base import Ask
from providers.base import ProviderError
from providers.base import Upstream
from providers.credentials import without_secrets
from providers.paths import asked
from providers.paths import gateway_path

STUDIO = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
ALPHA = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
VERTEX = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
RES = "https://corp.openai.azure.com"


def dial(account: dict[str, Any], target: str, **more: Any) -> Upstream:
    """Reads `target` as the gateway door does and asks the account's provider where to go."""
    path, _, text = target.partition("?")
    query = tuple(parse_qsl(text, keep_blank_values=True))
    endpoint = gateway_path(path, query)
    assert endpoint is not None, path
    model, call_id, intent = asked(query)
    ask = Ask(endpoint, without_secrets(query), model, call_id, intent, **more)
    made = Account(name="mine", **account)
    return provider(made.kind).websocket(made, ask)


OPENAI: dict[str, Any] = {"kind": "openai"}
AZURE: dict[str, Any] = {"kind": "azure", "url": RES}
PREVIEW: dict[str, Any] = {"kind": "azure", "url": RES, "api_version": "2025-04-01-preview"}
XAI: dict[str, Any] = {"kind": "xai"}
BAILIAN: dict[str, Any] = {"kind": "bailian"}
ZAI: dict[str, Any] = {"kind": "zai"}
ELEVEN: dict[str, Any] = {"kind": "elevenlabs"}
GEMINI: dict[str, Any] = {"kind": "gemini"}
VERTEX_EU: dict[str, Any] = {"kind": "gemini", "url": "https://aiplatform.eu.rep.googleapis.com"}
LOCAL: dict[str, Any] = {"kind": "compatible", "url": "http://127.0.0.1:8000"}
VLLM: dict[str, Any] = {"kind": "compatible", "url": "http://[::1]:8000/v1", "dialect": "vllm"}
SIM: dict[str, Any] = {"kind": "simulator"}

ADDRESSES = [
    (OPENAI, "/v1/realtime?model=gpt-realtime", "wss://api.openai.com/v1/realtime?model=gpt-realtime", "openai", "realtime"),
    (OPENAI, "/v1/realtime?call_id=rtc_1&model=m", "wss://api.openai.com/v1/realtime?call_id=rtc_1", "openai", "realtime"),
    (
        OPENAI,
        "/v1/realtime?intent=%20Transcription%20&model=m",
        "wss://api.openai.com/v1/realtime?intent=transcription",
        "openai",
        "transcription",
    ),
    (OPENAI, "/v1/realtime?intent=conversation&model=m", "wss://api.openai.com/v1/realtime?model=m", "openai", "realtime"),
    (OPENAI, "/v1/realtime?model=m&foo=1&voice=x", "wss://api.openai.com/v1/realtime?model=m", "openai", "realtime"),
    (
        OPENAI,
        "/v1/realtime/translations?model=gpt-realtime-translate&intent=transcription",
        "wss://api.openai.com/v1/realtime/translations?model=gpt-realtime-translate",
        "openai-translation",
        "translation",
    ),
    (OPENAI, "/v1/live/sessions?model=m", "wss://api.openai.com/v1/live/sessions", "openai-live", "live"),
    (
        {**OPENAI, "url": "https://eu.api.openai.com"},
        "/v1/realtime?model=m",
        "wss://eu.api.openai.com/v1/realtime?model=m",
        "openai",
        "realtime",
    ),
    (OPENAI, "/openai/realtime?deployment=d", "wss://api.openai.com/v1/realtime?model=d", "openai", "realtime"),
    (OPENAI, "/api-ws/v1/realtime?model=m", "wss://api.openai.com/v1/realtime?model=m", "openai", "realtime"),
    (AZURE, "/v1/realtime?model=rt", f"wss{RES[5:]}/openai/v1/realtime?model=rt", "openai", "realtime"),
    (
        AZURE,
        "/openai/v1/realtime?model=rt&intent=TRANSCRIPTION",
        f"wss{RES[5:]}/openai/v1/realtime?intent=transcription",
        "openai",
        "transcription",
    ),
    (AZURE, "/v1/realtime?call_id=rtc_9", f"wss{RES[5:]}/openai/v1/realtime?call_id=rtc_9", "openai", "realtime"),
    (
        AZURE,
        "/openai/realtime?api-version=2024-10-01-preview&deployment=d%201&x=y",
        f"wss{RES[5:]}/openai/realtime?api-version=2024-10-01-preview&deployment=d%201&x=y",
        "openai",
        "realtime",
    ),
    (
        AZURE,
        "/openai/realtime?api-version=2025-04-01-preview&intent=transcription&deployment=d",
        f"wss{RES[5:]}/openai/realtime?api-version=2025-04-01-preview&intent=transcription",
        "openai",
        "transcription",
    ),
    (
        PREVIEW,
        "/v1/realtime?model=d&foo=1",
        f"wss{RES[5:]}/openai/realtime?api-version=2025-04-01-preview&deployment=d",
        "openai",
        "realtime",
    ),
    (
        PREVIEW,
        "/openai/realtime?api-version=2024-12-01-preview&deployment=d",
        f"wss{RES[5:]}/openai/realtime?api-version=2024-12-01-preview&deployment=d",
        "openai",
        "realtime",
    ),
    (
        PREVIEW,
        "/voice-live/realtime?api-version=2026-07-15&x-ms-client-sdk=s&model=m",
        f"wss{RES[5:]}/voice-live/realtime?api-version=2026-07-15&x-ms-client-sdk=s&model=m",
        "openai",
        "realtime",
    ),
    (
        AZURE,
        "/voice-live/realtime?api-version=2026-07-15&agent-name=a&agent-project-name=p&api-key=vt",
        f"wss{RES[5:]}/voice-live/realtime?api-version=2026-07-15&agent-name=a&agent-project-name=p",
        "openai",
        "realtime",
    ),
    (XAI, "/v1/realtime?model=grok-voice-latest", "wss://api.x.ai/v1/realtime?model=grok-voice-latest", "openai", "realtime"),
    (
        XAI,
        "/v1/realtime?model=m&reasoning.effort=high&junk=1",
        "wss://api.x.ai/v1/realtime?model=m&reasoning.effort=high",
        "openai",
        "realtime",
    ),
    (XAI, "/v1/realtime?agent_id=ag", "wss://api.x.ai/v1/realtime?agent_id=ag", "openai", "realtime"),
    (
        {**XAI, "url": "https://us-east-1.api.x.ai/v1"},
        "/v1/realtime?model=m",
        "wss://us-east-1.api.x.ai/v1/realtime?model=m",
        "openai",
        "realtime",
    ),
    (
        BAILIAN,
        "/api-ws/v1/realtime?model=qwen3.5-omni-flash-realtime&junk=1",
        "wss://dashscope.aliyuncs.com/api-ws/v1/realtime?model=qwen3.5-omni-flash-realtime",
        "openai",
        "realtime",
    ),
    (
        {**BAILIAN, "url": "https://dashscope-intl.aliyuncs.com"},
        "/v1/realtime?model=qwen3-asr-flash-realtime",
        "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime?model=qwen3-asr-flash-realtime",
        "openai",
        "transcription",
    ),
    (
        {**BAILIAN, "url": "https://ws1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1"},
        "/v1/realtime?model=qwen3.8-livetranslate-x&intent=transcription",
        "wss://ws1.cn-beijing.maas.aliyuncs.com/api-ws/v1/realtime?model=qwen3.8-livetranslate-x",
        "openai",
        "translation",
    ),
    (ZAI, "/api/paas/v4/realtime", "wss://api.z.ai/api/paas/v4/realtime", "openai", "realtime"),
    (
        {**ZAI, "url": "https://open.bigmodel.cn"},
        "/v1/realtime?model=glm-realtime",
        "wss://open.bigmodel.cn/api/paas/v4/realtime?model=glm-realtime",
        "openai",
        "realtime",
    ),
    (
        {**ZAI, "url": "https://api.z.ai/api/coding/paas/v4/"},
        "/v1/realtime?model=glm-realtime",
        "wss://api.z.ai/api/paas/v4/realtime?model=glm-realtime",
        "openai",
        "realtime",
    ),
    (
        ELEVEN,
        "/v1/convai/conversation?agent_id=a1&source=py&token=t&conversation_signature=s",
        "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a1&source=py",
        "elevenlabs",
        "realtime",
    ),
    (
        ELEVEN,
        "/v1/convai/realtime?model=eleven_realtime_v1_mini",
        "wss://api.elevenlabs.io/v1/convai/realtime?model=eleven_realtime_v1_mini",
        "openai",
        "realtime",
    ),
    (
        {**ELEVEN, "url": "https://api.eu.residency.elevenlabs.io"},
        "/v1/realtime?model=m",
        "wss://api.eu.residency.elevenlabs.io/v1/convai/realtime?model=m",
        "openai",
        "realtime",
    ),
    (
        {**ELEVEN, "url": "https://api.us.elevenlabs.io/v1/convai"},
        "/v1/realtime?model=m",
        "wss://api.us.elevenlabs.io/v1/convai/realtime?model=m",
        "openai",
        "realtime",
    ),
    (GEMINI, f"/{STUDIO}?key=vt&alt=json", f"wss://generativelanguage.googleapis.com{STUDIO}?alt=json", "gemini", "realtime"),
    (GEMINI, f"{ALPHA}?access_token=vt", f"wss://generativelanguage.googleapis.com{ALPHA}", "gemini", "realtime"),
    (
        {**GEMINI, "url": "https://us-central1-aiplatform.googleapis.com"},
        VERTEX,
        f"wss://us-central1-aiplatform.googleapis.com{VERTEX}",
        "gemini",
        "realtime",
    ),
    ({**GEMINI, "url": "https://aiplatform.googleapis.com"}, VERTEX, f"wss://aiplatform.googleapis.com{VERTEX}", "gemini", "realtime"),
    (VERTEX_EU, VERTEX, f"wss://aiplatform.eu.rep.googleapis.com{VERTEX}", "gemini", "realtime"),
    ({**GEMINI, "url": "http://127.0.0.1:9/base/"}, VERTEX, f"ws://127.0.0.1:9/base{VERTEX}", "gemini", "realtime"),
    (LOCAL, "/v1/realtime?model=pipe", "ws://127.0.0.1:8000/v1/realtime?model=pipe", "openai", "realtime"),
    (LOCAL, "/v1/realtime", "ws://127.0.0.1:8000/v1/realtime", "openai", "realtime"),
    (
        LOCAL,
        "/v1/realtime?intent=transcription&model=whisper&language=de&key=vt",
        "ws://127.0.0.1:8000/v1/realtime?intent=transcription&model=whisper&language=de",
        "openai",
        "transcription",
    ),
    (LOCAL, "/v1/realtime?call_id=c&model=m", "ws://127.0.0.1:8000/v1/realtime?call_id=c", "openai", "realtime"),
    (VLLM, "/v1/realtime?model=m", "ws://[::1]:8000/v1/realtime?model=m", "vllm", "transcription"),
    (SIM, "/v1/realtime?model=meta-llama/Llama 3", "ws://127.0.0.1:8790/v1/realtime?model=meta-llama%2FLlama%203", "openai", "realtime"),
]


@pytest.mark.parametrize(("account", "target", "url", "dialect", "family"), ADDRESSES)
def test_address(account: dict[str, Any], target: str, url: str, dialect: str, family: str) -> None:
    upstream = dial(account, target)
    assert (upstream.url, upstream.dialect, upstream.family) == (url, dialect, family)


REFUSALS = [
    (OPENAI, "/v1/realtime", 400, "missing_model"),
    (OPENAI, "/v1/realtime?model=%20%20", 400, "missing_model"),
    (OPENAI, "/v1/realtime?intent=conversation", 400, "missing_model"),
    (OPENAI, "/v1/realtime/calls?model=m", 400, "not_a_session"),
    (OPENAI, STUDIO, 501, "unsupported_dialect"),
    (GEMINI, "/v1/realtime?model=gemini-3.8-live", 501, "unsupported_dialect"),
    (GEMINI, VERTEX, 400, "wrong_path"),
    ({**GEMINI, "url": "https://europe-west4-aiplatform.googleapis.com"}, STUDIO, 400, "wrong_path"),
    (AZURE, "/voice-live/realtime?api-version=2026-07-15", 400, "missing_model"),
    (AZURE, "/openai/realtime?api-version=2024-06-01&deployment=d", 400, "bad_api_version"),
    (AZURE, "/openai/realtime?api-version=soon&deployment=d", 400, "bad_api_version"),
    (AZURE, "/v1/realtime/translations?model=m", 400, "unsupported_session"),
    ({"kind": "azure"}, "/v1/realtime?model=m", 500, "bad_provider"),
    ({"kind": "compatible"}, "/v1/realtime?model=m", 500, "bad_provider"),
    (XAI, "/v1/realtime?intent=transcription&model=m", 400, "unsupported_session"),
    (ZAI, "/v1/realtime?intent=transcription", 400, "unsupported_session"),
    (ELEVEN, "/v1/realtime?intent=transcription", 400, "unsupported_session"),
    (ELEVEN, "/v1/convai/conversation", 400, "missing_agent"),
    (BAILIAN, "/v1/realtime?call_id=c", 400, "unsupported_session"),
    (BAILIAN, "/v1/realtime?intent=transcription", 400, "missing_model"),
    (SIM, "/v1/live/sessions", 400, "unsupported_session"),
]


@pytest.mark.parametrize(("account", "target", "status", "code"), REFUSALS)
def test_refusal(account: dict[str, Any], target: str, status: int, code: str) -> None:
    with pytest.raises(ProviderError) as refused:
        dial(account, target)
    assert (refused.value.status, refused.value.code) == (status, code)


AUTHENTICATION = [
    (OPENAI, "/v1/realtime?model=m", "k", ("Authorization", "Bearer k")),
    (AZURE, "/v1/realtime?model=m", "k", ("api-key", "k")),
    ({**AZURE, "auth": "bearer"}, "/v1/realtime?model=m", "k", ("Authorization", "Bearer k")),
    (XAI, "/v1/realtime?model=m", "k", ("Authorization", "Bearer k")),
    (BAILIAN, "/v1/realtime?model=m", "k", ("Authorization", "Bearer k")),
    (ZAI, "/v1/realtime?model=m", "k", ("Authorization", "Bearer k")),
    (ELEVEN, "/v1/convai/conversation?agent_id=a", "k", ("xi-api-key", "k")),
    (ELEVEN, "/v1/convai/realtime?model=m", "k", ("Authorization", "Bearer k")),
    ({**ELEVEN, "auth": "xi-api-key"}, "/v1/convai/realtime?model=m", "k", ("xi-api-key", "k")),
    (GEMINI, STUDIO, "k", ("x-goog-api-key", "k")),
    (GEMINI, ALPHA, "auth_tokens/t", ("Authorization", "Token auth_tokens/t")),
    (VERTEX_EU, VERTEX, "ya29", ("Authorization", "Bearer ya29")),
    ({**VERTEX_EU, "auth": "x-goog-api-key"}, VERTEX, "k", ("x-goog-api-key", "k")),
    (LOCAL, "/v1/realtime?model=m", " k\n", ("Authorization", "Bearer k")),
]


@pytest.mark.parametrize(("account", "target", "credential", "header"), AUTHENTICATION)
def test_authentication(account: dict[str, Any], target: str, credential: str, header: tuple[str, str]) -> None:
    assert dial({**account, "credential": credential}, target).headers == (header,)


@pytest.mark.parametrize("kind", ["openai", "compatible"])
def test_beta_is_a_header_upstream(kind: str) -> None:
    account = {"kind": kind, "url": "https://h", "credential": "k"}
    upstream = dial(account, "/v1/realtime?model=m", beta=True, subprotocols=("realtime", "openai-beta.realtime-v1"))
    assert ("OpenAI-Beta", "realtime=v1") in upstream.headers
    assert upstream.subprotocols == ("realtime",)


@pytest.mark.parametrize("account", [AZURE, XAI, BAILIAN, ZAI, ELEVEN, SIM])
def test_no_beta_header_where_it_means_nothing(account: dict[str, Any]) -> None:
    assert dial(account, "/v1/realtime?model=m", beta=True).headers == ()


def test_browser_subprotocols_become_headers_at_openai() -> None:
    offered = ("realtime", "openai-organization.org-1", "openai-project.proj.2", "openai-agents-sdk.0.20.0", "openai-project.")
    upstream = dial(OPENAI, "/v1/realtime?model=m", subprotocols=offered)
    assert upstream.headers == (("OpenAI-Organization", "org-1"), ("OpenAI-Project", "proj.2"))
    assert upstream.subprotocols == ("realtime", "openai-agents-sdk.0.20.0")


def test_no_subprotocol_is_offered_that_the_client_did_not_offer() -> None:
    assert dial(OPENAI, "/v1/realtime?model=m").subprotocols == ()
    assert dial(AZURE, "/v1/realtime?model=m", subprotocols=("realtime", "x")).subprotocols == ("realtime",)
    assert dial(BAILIAN, "/v1/realtime?model=m", subprotocols=("realtime",)).subprotocols == ()


CHECKS = [
    ({**AZURE, "api_version": "2023-12-01"}, "too old"),
    ({**AZURE, "api_version": "latest"}, "not a date"),
    ({"kind": "azure"}, "needs a url"),
    ({**AZURE, "auth": "token"}, "auth 'token'"),
    ({**OPENAI, "dialect": "vllm"}, "dialect 'vllm'"),
    ({**OPENAI, "credential": "two words"}, "credential has a character"),
    ({**OPENAI, "credential": "sk-ä"}, "credential has a character"),
    ({**OPENAI, "url": "https://u:p@h"}, "user or password"),
]


@pytest.mark.parametrize(("account", "told"), CHECKS)
def test_rules_check_refuses_accounts_that_could_never_work(account: dict[str, Any], told: str) -> None:
    made = Account(name="mine", **account)
    with pytest.raises(ProviderError, match=told) as refused:
        provider(made.kind).check(made)
    assert "two words" not in refused.value.message and "u:p" not in refused.value.message


@pytest.mark.parametrize("account", [OPENAI, AZURE, PREVIEW, XAI, BAILIAN, ZAI, ELEVEN, GEMINI, LOCAL, VLLM, SIM])
def test_rules_check_passes_usable_accounts(account: dict[str, Any]) -> None:
    made = Account(name="mine", **account)
    provider(made.kind).check(made)


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(ProviderError, match="openai, azure, xai"):
        provider("openia")
