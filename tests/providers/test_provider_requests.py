"""Where each provider takes the requests of calls, of their control and for client secrets, and what is said where it takes none."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from providers import KINDS
from providers import provider
from providers.base import Account
from providers.base import Ask
from providers.base import Endpoint
from providers.base import ProviderError
from providers.base import Upstream
from providers.credentials import without_secrets
from providers.paths import as_call
from providers.paths import asked
from providers.paths import gateway_path
from providers.provider import Provider
from providers.refusals import INSTEAD

CANARY = "canary-secret-42"
RES = "https://corp.openai.azure.com"
MAAS = "https://ws1.ap-southeast-1.maas.aliyuncs.com"
OPENAI: dict[str, Any] = {"kind": "openai"}
AZURE: dict[str, Any] = {"kind": "azure", "url": f"{RES}/openai/v1"}
PREVIEW: dict[str, Any] = {"kind": "azure", "url": RES, "api_version": "2025-04-01-preview"}
XAI: dict[str, Any] = {"kind": "xai"}
BAILIAN: dict[str, Any] = {"kind": "bailian", "url": f"{MAAS}/compatible-mode/v1"}
ELEVEN: dict[str, Any] = {"kind": "elevenlabs"}
LOCAL: dict[str, Any] = {"kind": "compatible", "url": "http://127.0.0.1:8000"}
SIM: dict[str, Any] = {"kind": "simulator"}


def send(account: dict[str, Any], target: str, *, call_id: str | None = None, **more: Any) -> Upstream:
    """Reads `target` as a POST on the gateway door and asks the account's provider where to send it; the call id is the provider's."""
    path, _, text = target.partition("?")
    query = tuple(parse_qsl(text, keep_blank_values=True))
    found = gateway_path(path, query)
    assert found is not None, path
    endpoint = as_call(found) if found.endpoint in ("realtime", "live") else found
    assert endpoint is not None
    ask = Ask(endpoint, without_secrets(query), asked(query)[0], call_id, **more)
    made = Account(name="mine", **account)
    return provider(made.kind).http(made, ask)


ADDRESSES = [
    (OPENAI, "/v1/realtime/calls", "https://api.openai.com/v1/realtime/calls"),
    (OPENAI, "/v1/realtime/calls?model=gpt-realtime&x=1&webrtcfilter=on", "https://api.openai.com/v1/realtime/calls?model=gpt-realtime"),
    (OPENAI, "/v1/realtime?model=m", "https://api.openai.com/v1/realtime/calls?model=m"),
    (OPENAI, "/v1/realtime/translations/calls?model=m", "https://api.openai.com/v1/realtime/translations/calls"),
    (OPENAI, "/v1/live/sessions?model=m", "https://api.openai.com/v1/live/sessions"),
    (OPENAI, "/v1/realtime/client_secrets?model=m", "https://api.openai.com/v1/realtime/client_secrets"),
    (OPENAI, "/openai/realtime/translations/client_secrets", "https://api.openai.com/v1/realtime/translations/client_secrets"),
    (OPENAI, "/v1/realtime/sessions", "https://api.openai.com/v1/realtime/sessions"),
    (OPENAI, "/v1/realtime/transcription_sessions", "https://api.openai.com/v1/realtime/transcription_sessions"),
    ({**OPENAI, "url": "wss://h/api/v3/realtime"}, "/v1/realtime/calls", "https://h/api/v3/realtime/calls"),
    (AZURE, "/v1/realtime/calls?model=rt&webrtcfilter=on&x=1", f"{RES}/openai/v1/realtime/calls?model=rt&webrtcfilter=on"),
    (AZURE, "/openai/v1/realtime/client_secrets", f"{RES}/openai/v1/realtime/client_secrets"),
    (PREVIEW, "/v1/realtime/sessions", f"{RES}/openai/realtimeapi/sessions?api-version=2025-04-01-preview"),
    (
        PREVIEW,
        "/v1/realtime/transcription_sessions",
        f"{RES}/openai/realtime/transcription_sessions?api-version=2025-04-01-preview",
    ),
    (
        AZURE,
        "/openai/realtimeapi/sessions?api-version=2024-10-01-preview&api-key=k",
        f"{RES}/openai/realtimeapi/sessions?api-version=2024-10-01-preview",
    ),
    (XAI, "/v1/realtime/client_secrets", "https://api.x.ai/v1/realtime/client_secrets"),
    (ELEVEN, "/v1/convai/realtime/client_secrets", "https://api.elevenlabs.io/v1/convai/realtime/client_secrets"),
    (ELEVEN, "/v1/realtime/client_secrets", "https://api.elevenlabs.io/v1/convai/realtime/client_secrets"),
    (BAILIAN, "/v1/realtime/calls?model=qwen", f"{MAAS}/api/v1/webrtc/realtime?model=qwen"),
    (BAILIAN, "/api/v1/webrtc/realtime?model=qwen&x=1", f"{MAAS}/api/v1/webrtc/realtime?model=qwen"),
    (LOCAL, "/v1/realtime/calls?model=m&language=de", "http://127.0.0.1:8000/v1/realtime/calls?model=m&language=de"),
    (LOCAL, "/v1/realtime?model=m&language=de", "http://127.0.0.1:8000/v1/realtime?model=m&language=de"),
    (SIM, "/v1/realtime/calls?model=m", "http://127.0.0.1:8790/v1/realtime/calls?model=m"),
]


@pytest.mark.parametrize(("account", "target", "url"), ADDRESSES)
def test_where_a_request_goes(account: dict[str, Any], target: str, url: str) -> None:
    upstream = send({**account, "credential": CANARY}, target)
    assert upstream.url == url
    assert [CANARY in value for _, value in upstream.headers].count(True) == 1
    assert upstream.subprotocols == ()


@pytest.mark.parametrize("verb", ["accept", "reject", "refer", "hangup"])
@pytest.mark.parametrize(
    ("account", "root"),
    [
        (OPENAI, "https://api.openai.com/v1"),
        (AZURE, f"{RES}/openai/v1"),
        (LOCAL, "http://127.0.0.1:8000/v1"),
        (SIM, "http://127.0.0.1:8790/v1"),
    ],
)
def test_control_names_the_providers_call_not_the_clients(verb: str, account: dict[str, Any], root: str) -> None:
    upstream = send(account, f"/v1/realtime/calls/call_ours/{verb}?model=m", call_id="rtc_A-1.b~c")
    assert upstream.url == f"{root}/realtime/calls/rtc_A-1.b~c/{verb}"


def test_a_live_call_is_controlled_on_its_own_path() -> None:
    made = Account("mine", "openai")
    endpoint = Endpoint("hangup", "/v1/realtime/calls/call_ours/hangup", family="live")
    assert provider("openai").http(made, Ask(endpoint, call_id="live_1")).url == "https://api.openai.com/v1/live/sessions/live_1/hangup"


@pytest.mark.parametrize("call_id", [None, "", ".", "..", "a/b", "a?b", "a b", "x" * 300])
def test_no_call_id_leads_to_another_path(call_id: str | None) -> None:
    with pytest.raises(LookupError):
        send(OPENAI, "/v1/realtime/calls/call_ours/hangup", call_id=call_id)


def test_a_path_never_has_dots_for_a_call() -> None:
    assert gateway_path("/v1/realtime/calls/../hangup") is None
    assert gateway_path("/v1/realtime/calls/./hangup") is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_beta_header_goes_with_the_betas_paths_where_a_provider_knows_it(kind: str) -> None:
    for name in ("sessions", "transcription_sessions"):
        try:
            upstream = send({**OPENAI, "kind": kind, "url": "https://h"}, f"/v1/realtime/{name}")
        except ProviderError as refused:
            assert refused.code == "unsupported_endpoint"
            continue
        assert (("OpenAI-Beta", "realtime=v1") in upstream.headers) == KINDS[kind].capabilities.beta


def test_the_ga_secrets_carry_no_beta_header() -> None:
    assert send(OPENAI, "/v1/realtime/client_secrets").headers == ()


LACKING = [
    (XAI, "/v1/realtime/calls", "open a WebSocket"),
    (XAI, "/v1/realtime/sessions", "client_secrets, or write `mint: local`"),
    (XAI, "/v1/realtime/calls/c/accept", "not known to offer calls to accept"),
    ({"kind": "zai"}, "/v1/realtime/client_secrets", "mint: local"),
    ({"kind": "gemini"}, "/v1/realtime/client_secrets", "mint: local"),
    (BAILIAN, "/v1/realtime/client_secrets", "mint: local"),
    (BAILIAN, "/v1/realtime/calls/c/hangup", "close the session"),
    ({"kind": "bailian"}, "/v1/realtime/calls?model=m", "at a workspace's host"),
    (ELEVEN, "/v1/realtime/calls", "open a WebSocket"),
    (AZURE, "/v1/realtime/sessions", "on the GA surface; api_version chooses the other"),
    (AZURE, "/v1/realtime/translations/client_secrets", "for translation sessions"),
    (AZURE, "/v1/realtime/translations/calls", "for translation sessions"),
    (PREVIEW, "/v1/realtime/calls", "leave api_version out"),
    (PREVIEW, "/v1/realtime/client_secrets", "leave api_version out"),
]


@pytest.mark.parametrize(("account", "target", "told"), LACKING)
def test_what_a_provider_lacks_is_refused_with_what_to_do(account: dict[str, Any], target: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as refused:
        send(account, target, call_id="c")
    assert (refused.value.status, refused.value.code) == (501, "unsupported_endpoint")


def test_bailian_wants_the_model_of_a_call() -> None:
    with pytest.raises(ProviderError, match=r"add \?model=") as refused:
        send(BAILIAN, "/v1/realtime/calls")
    assert (refused.value.status, refused.value.code) == (400, "missing_model")


def test_an_azure_version_too_old_for_realtime_is_refused() -> None:
    with pytest.raises(ProviderError, match="too old"):
        send({"kind": "azure", "url": RES}, "/openai/realtimeapi/sessions?api-version=2023-05-15")


EVERY = pytest.mark.parametrize("known", KINDS.values(), ids=KINDS)


def every_way(known: Provider, endpoint: Endpoint) -> list[Upstream]:
    """The upstreams of an endpoint for an account without and with an api_version, where they are not refused."""
    found = []
    for version in (None, "2025-04-01-preview"):
        made = Account("mine", known.kind, "https://upstream.example/", CANARY, version)
        try:
            found.append(known.http(made, Ask(endpoint, (("host", "evil.example"),), "m", "rtc_1")))
        except ProviderError as refused:
            assert (refused.status, refused.code) == (501, "unsupported_endpoint")
            assert len(refused.message) > 40 and CANARY not in refused.message
    return found


@EVERY
@pytest.mark.parametrize("name", INSTEAD)
def test_what_it_is_said_to_offer_it_has_an_address_for(known: Provider, name: str) -> None:
    endpoint = Endpoint(name, f"/v1/realtime/{name}", call_id="call_ours")  # type: ignore[arg-type]
    found = every_way(known, endpoint)
    assert bool(found) == (name in known.capabilities.requests)
    for upstream in found:
        assert (upstream.scheme, upstream.host, upstream.port) == ("https", "upstream.example", 443)
        assert [CANARY in value for _, value in upstream.headers].count(True) == 1
        assert CANARY not in upstream.url + repr(upstream) and "evil" not in upstream.path.replace("host=evil", "")


@EVERY
def test_a_socket_is_no_request(known: Provider) -> None:
    with pytest.raises(ProviderError, match="path of a WebSocket") as refused:
        known.http(Account("mine", known.kind, "https://h"), Ask(Endpoint("realtime", "/v1/realtime"), model="m"))
    assert refused.value.code == "not_a_session"


@EVERY
def test_a_call_id_is_read_where_calls_can_be_controlled(known: Provider) -> None:
    found = known.call_id("/v1/realtime/calls/rtc_1")
    assert found == ("rtc_1" if "hangup" in known.capabilities.requests else None)


@pytest.mark.parametrize(
    ("location", "call_id"),
    [
        ("/v1/realtime/calls/rtc_1", "rtc_1"),
        ("https://api.openai.com/v1/realtime/calls/rtc_A-b_2", "rtc_A-b_2"),
        (" /v1/realtime/calls/rtc_1/ ", "rtc_1"),
        ("/openai/v1/realtime/calls?call_id=rtc_2", "rtc_2"),
        ("/openai/v1/realtime?x=1&call_id=rtc_2#f", "rtc_2"),
        ("calls/rtc_3?region=x", "rtc_3"),
        ("rtc_4", "rtc_4"),
        ("/v1/realtime/calls", None),
        ("/v1/realtime/calls/", None),
        ("/v1/realtime/calls/..", None),
        ("/v1/realtime/calls/%2e%2e", None),
        ("/v1/realtime/calls/a%0d%0ab", None),
        ("/x?call_id=a/b", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_the_call_id_in_a_location(location: str, call_id: str | None) -> None:
    assert provider("openai").call_id(location) == call_id


@pytest.mark.parametrize(
    ("path", "family"),
    [("/v1/realtime", "realtime"), ("/realtime", "realtime"), ("/mine/v1/realtime", "realtime"), ("/v1/live/sessions", "live")],
)
def test_a_post_on_the_path_of_a_socket_offers_a_call(path: str, family: str) -> None:
    found = gateway_path(path)
    assert found is not None
    call = as_call(found)
    assert call is not None
    assert (call.endpoint, call.family, call.path, call.provider_prefix) == ("calls", family, found.path, found.provider_prefix)


@pytest.mark.parametrize(
    "path", ["/v1/realtime/translations", "/voice-live/realtime", "/api-ws/v1/realtime", "/v1/realtime/calls", "/v1/models"]
)
def test_other_paths_take_no_offer_by_post(path: str) -> None:
    found = gateway_path(path)
    assert found is not None and as_call(found) is None
