"""Where the real program sends a request, which model runs there, what it refuses before the upgrade and what it holds later.

Behind every provider entry stands the same simulator; which entry was taken shows in the credential that arrives.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from proxying import KEY
from proxying import OTHER_KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import started_proxy
from recorded import named
from recorded import shown
from talking import Talk
from websockets.exceptions import InvalidStatus

from simulator import Simulator
from simulator import load_cassette
from simulator.record import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVIDERS = """
providers:
  openai: {{kind: openai, url: "{url}", credential: env:KEY_OPENAI, headers: [x-trace]}}
  azure-eu:
    kind: azure
    url: "{url}"
    credential: env:KEY_AZURE
    models: {{rt-prod-eu: gpt-realtime, asr-eu: gpt-4o-transcribe}}
  xai: {{kind: xai, url: "{url}", credential: env:KEY_XAI, models: [grok-voice-latest, "grok-next*"]}}
  local: {{kind: compatible, url: "{url}/v1", credential: env:KEY_LOCAL, models: ["meta-llama/*"]}}
  gemini: {{kind: gemini, url: "{gemini}", credential: env:KEY_GEMINI}}
routes:
  - {{name: eu, match: {{path: /v1/realtime, header: {{x-region: eu}}}}, provider: azure-eu, model: rt-prod-eu}}
"""
GEMINI = ROOT / "simulator/cassettes/gemini-aistudio.jsonl"
CREDENTIALS = {name: f"sk-{name}-0123456789" for name in ("openai", "azure", "xai", "local", "gemini")}


@dataclass
class Bench:
    """A proxy, the simulator behind its providers, and the one behind Gemini, whose dialect is its own."""

    proxy: Proxy
    simulator: Simulator
    gemini: Simulator

    async def upstream(self) -> Connection:
        """What the simulator saw last, once it is over."""
        seen = self.simulator.connections[-1]
        await seen.ended.wait()
        return seen

    async def request(self, method: str, path: str, *, key: str | None = KEY, headers: dict[str, str] | None = None) -> httpx.Response:
        """A request that is no upgrade."""
        fields = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.request(method, self.proxy.url(path, "http"), headers={**fields, **(headers or {})})

    async def refused(self, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """Status and error of an upgrade that is refused; the upstream is not asked."""
        before = len(self.simulator.connections)
        with pytest.raises(InvalidStatus) as raised:
            await self.proxy.connect(path, **options)
        response = raised.value.response
        assert response.headers["content-type"] == "application/json"
        assert len(self.simulator.connections) == before
        error = json.loads(response.body or b"")["error"]
        assert set(error) == {"message", "type", "code", "param"}
        return response.status_code, error


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as running:
        simulator = await running.enter_async_context(Simulator(pace=0))
        gemini = await running.enter_async_context(Simulator(cassette=load_cassette(GEMINI), pace=0))
        rules = RULES + PROVIDERS.format(url=f"http://{simulator.address}", gemini=f"http://{gemini.address}")
        environment = {f"KEY_{name.upper()}": secret for name, secret in CREDENTIALS.items()}
        proxy = await running.enter_async_context(started_proxy(tmp_path_factory.mktemp("routes"), rules, env=environment))
        yield Bench(proxy, simulator, gemini)


def event_ids(talk: Talk) -> list[str | None]:
    return [error["error"]["event_id"] for error in talk.all("error")]


def sent(upstream: Connection) -> list[dict[str, Any]]:
    return [json.loads(message) for message in upstream.messages]


GROK = ("xai", "/v1/realtime?model=grok-voice-latest", "grok-voice-latest")
AZURE = ("azure-eu", "/openai/v1/realtime?model=rt-prod-eu", "gpt-realtime")
ROUTED = {
    "provider before the model": (
        "/v1/realtime?model=openai/gpt-realtime-2",
        "openai",
        "/v1/realtime?model=gpt-realtime-2",
        "gpt-realtime-2",
    ),
    "models of a provider": ("/v1/realtime?model=grok-voice-latest", *GROK),
    "glob of models": ("/v1/realtime?model=grok-next-3", "xai", "/v1/realtime?model=grok-next-3", "grok-next-3"),
    "slash in a model": ("/v1/realtime?model=meta-llama/Llama-3", "local", "/v1/realtime?model=meta-llama%2FLlama-3", "meta-llama/Llama-3"),
    "prefix and slash": ("/v1/realtime?model=local/a/b%20c", "local", "/v1/realtime?model=a%2Fb%20c", "a/b c"),
    "deployment": ("/v1/realtime?model=rt-prod-eu", *AZURE),
    "catalogue name of a deployment": ("/v1/realtime?model=gpt-realtime", *AZURE),
    "provider and catalogue name": ("/v1/realtime?model=azure-eu/gpt-realtime", *AZURE),
    "deployment parameter": ("/v1/realtime?deployment=rt-prod-eu", *AZURE),
    "blank model before a deployment": ("/v1/realtime?model=%20%20&deployment=rt-prod-eu", *AZURE),
    "model wins over deployment": ("/v1/realtime?deployment=rt-prod-eu&model=grok-voice-latest", *GROK),
    "default of /openai/v1": ("/openai/v1/realtime?model=gpt-9", "openai", "/v1/realtime?model=gpt-9", "gpt-9"),
    "default of /openai": ("/openai/realtime?model=gpt-9", "openai", "/v1/realtime?model=gpt-9", "gpt-9"),
    "openai twice": ("/openai/openai/realtime?model=gpt-9", "openai", "/v1/realtime?model=gpt-9", "gpt-9"),
    "models before the default": ("/openai/v1/realtime?model=grok-voice-latest", *GROK),
    "provider's path": ("/xai/v1/realtime?model=anything", "xai", "/v1/realtime?model=anything", "anything"),
    "provider's path and prefix": ("/xai/v1/realtime?model=xai/anything", "xai", "/v1/realtime?model=anything", "anything"),
    "preview path": (
        "/openai/realtime?api-version=2025-04-01-preview&deployment=rt-prod-eu",
        "azure-eu",
        "/openai/realtime?api-version=2025-04-01-preview&deployment=rt-prod-eu",
        "gpt-realtime",
    ),
    "doubled slash": ("//v1//realtime?model=gpt-realtime", *AZURE),
}


@pytest.mark.parametrize("case", ROUTED)
async def test_where_a_request_goes(bench: Bench, case: str) -> None:
    path, provider, target, model = ROUTED[case]
    grouping = f"routed {case}"
    async with bench.proxy.connect(path, headers=named(grouping)) as socket:
        await Talk(socket).until("session.created")
    upstream = await bench.upstream()
    assert upstream.target == target
    assert CREDENTIALS[provider.partition("-")[0]] in str(upstream.headers)
    session = (await shown(bench.proxy.data, grouping)).session
    assert (session["provider"], session["model"], session["route"]) == (provider, model, None)
    assert session["close"] == {"code": 1000, "reason": "", "side": "client"}


async def test_an_agent_needs_no_model(bench: Bench) -> None:
    async with bench.proxy.connect("/xai/v1/realtime?agent_id=a1&region=eu", headers=named("agent")) as socket:
        await Talk(socket).until("error")  # the simulator has no agents
    assert (await bench.upstream()).target == "/v1/realtime?agent_id=a1"
    assert (await shown(bench.proxy.data, "agent")).session["model"] is None


async def test_a_route_decides_before_everything_else(bench: Bench) -> None:
    headers = named("by route", **{"x-region": "eu"})
    async with bench.proxy.connect("/v1/realtime?model=xai/grok-voice-latest", headers=headers) as socket:
        await Talk(socket).until("session.created")
    assert (await bench.upstream()).target == "/openai/v1/realtime?model=rt-prod-eu"
    session = (await shown(bench.proxy.data, "by route")).session
    assert (session["route"], session["model"], session["upstream_model"]) == ("eu", "gpt-realtime", "rt-prod-eu")


async def test_an_alias_holds_wherever_a_model_is_named_and_the_record_shows_the_catalogue_name(bench: Bench) -> None:
    async with bench.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named("alias")) as socket:
        talk = Talk(socket)
        heard = {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": None}
        await talk.update(model="azure-eu/gpt-realtime", audio={"input": heard}, output_modalities=["text"])
        await talk.voice("Order seven please", quiet_ms=0)
        await talk.say("input_audio_buffer.commit")
        await talk.until("conversation.item.input_audio_transcription.completed")
        await talk.ask()
    update = sent(await bench.upstream())[0]["session"]
    assert update["model"] == "rt-prod-eu"
    assert update["audio"]["input"]["transcription"] == {"model": "asr-eu"}
    found = await shown(bench.proxy.data, "alias")
    assert (found.session["model"], found.session["upstream_model"]) == ("gpt-realtime", "rt-prod-eu")
    (turn,) = found.turns
    for cost in (turn["cost"], found.session["cost"]):
        assert cost["priced"]
        assert "genai-prices" in cost["source"]
        assert cost["usd"] == pytest.approx(sum(line["usd"] for line in cost["lines"]))
    assert turn["transcription_usage"]["total_tokens"] > 0


REFUSED = {
    "no model": ("/v1/realtime", KEY, 400, "missing_model", ["?model="]),
    "blank model": ("/openai/v1/realtime?model=%20", KEY, 400, "missing_model", ["?model="]),
    "unknown prefix": ("/v1/realtime?model=nope/gpt", KEY, 400, "unknown_provider", ["'nope'", "openai, azure-eu, xai, local, gemini"]),
    "unknown model": ("/v1/realtime?model=gpt-9", KEY, 400, "unknown_model", ["<provider>/gpt-9", "openai, azure-eu, xai, local, gemini"]),
    "unknown path prefix": ("/nope/v1/realtime?model=m", KEY, 404, "unknown_provider", ["'nope'", "openai, azure-eu, xai, local, gemini"]),
    "unknown path": ("/v1/chat/completions", KEY, 404, "not_found", ["/v1/chat/completions"]),
    "foreign model": ("/v1/realtime?model=grok-voice-latest", OTHER_KEY, 403, "model_not_allowed", ["narrow", "grok-voice-latest"]),
    "foreign deployment": ("/v1/realtime?model=asr-eu", OTHER_KEY, 403, "model_not_allowed", ["gpt-4o-transcribe"]),
    "an agent's unknown model": ("/xai/v1/realtime?agent_id=a1", OTHER_KEY, 403, "model_not_allowed", ["agents"]),
    "a call's unknown model": ("/openai/v1/realtime?call_id=rtc_1&model=gpt-realtime", OTHER_KEY, 403, "model_not_allowed", ["calls"]),
    "no credential": ("/v1/realtime?model=gpt-realtime", None, 401, "missing_api_key", ["Bearer"]),
    "wrong credential": ("/v1/realtime?model=gpt-realtime", "vt_" + "x" * 43, 401, "invalid_api_key", ["not known"]),
    "old preview": ("/openai/realtime?api-version=2023-01-01-preview&deployment=rt-prod-eu", KEY, 400, "bad_api_version", ["2024-10-01"]),
    "wrong dialect": ("/xai/v1/live/sessions", KEY, 400, "unsupported_session", ["xAI"]),
    "wrong provider for a path": (
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?model=openai/gpt-realtime",
        KEY,
        501,
        "unsupported_dialect",
        ["OpenAI", "/v1/realtime"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused_before_the_upgrade(bench: Bench, case: str) -> None:
    path, key, status, code, words = REFUSED[case]
    seen, error = await bench.refused(path, key=key)
    assert (seen, error["code"]) == (status, code)
    assert [word for word in words if word not in error["message"]] == []


async def test_requests_that_are_no_upgrade(bench: Bench) -> None:
    plain = await bench.request("GET", "/v1/realtime?model=gpt-realtime")
    assert (plain.status_code, plain.headers["upgrade"]) == (426, "websocket")
    for method in ("PUT", "DELETE", "PATCH"):
        refused = await bench.request(method, "/v1/realtime?model=gpt-realtime")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert (await bench.request("POST", "/v1/models")).status_code == 405
    unknown = await bench.request("GET", "/favicon.ico", key=None)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert (await bench.request("GET", "/v1/realtime", key=None)).status_code == 401
    assert (await bench.request("POST", "/v1/realtime/calls")).status_code == 400, "an offer has a body"


async def test_the_list_of_models_is_what_the_key_may_use(bench: Bench) -> None:
    listed = (await bench.request("GET", "/v1/models")).json()
    assert listed["object"] == "list"
    assert {model["id"]: model["owned_by"] for model in listed["data"]} == {
        "gpt-realtime": "azure-eu",
        "gpt-4o-transcribe": "azure-eu",
        "grok-voice-latest": "xai",
    }
    narrow = (await bench.request("GET", "/v1/models", key=OTHER_KEY)).json()
    assert [model["id"] for model in narrow["data"]] == ["gpt-realtime"]
    assert (await bench.request("GET", "/v1/models", key=None)).status_code == 401


def transcribing(**transcription: Any) -> dict[str, Any]:
    return {"type": "transcription", "audio": {"input": {"transcription": transcription, "turn_detection": None}}}


async def test_transcription_waits_for_its_model_then_everything_goes_in_order(bench: Bench) -> None:
    async with bench.proxy.connect("/openai/v1/realtime?intent=%20Transcription", headers=named("late model")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.voice("Take a note", quiet_ms=0)
        await (await socket.ping())
        upstream = bench.simulator.connections[-1]
        assert upstream.messages == []
        await talk.say("session.update", session=transcribing(model="gpt-4o-transcribe"))
        await talk.say("input_audio_buffer.commit")
        await talk.until("conversation.item.input_audio_transcription.completed")
    upstream = await bench.upstream()
    assert upstream.target == "/v1/realtime?intent=transcription"
    kinds = [event["type"] for event in sent(upstream)]
    assert kinds == ["input_audio_buffer.append"] * (len(kinds) - 2) + ["session.update", "input_audio_buffer.commit"]
    found = await shown(bench.proxy.data, "late model")
    assert (found.session["model"], found.session["family"]) == ("gpt-4o-transcribe", "transcription")


async def test_a_transcription_model_in_the_url_goes_into_the_first_configuration(bench: Bench) -> None:
    path = "/v1/realtime?intent=transcription&model=azure-eu/gpt-4o-transcribe"
    async with bench.proxy.connect(path, headers=named("early model")) as socket:
        talk = Talk(socket)
        await talk.say("session.update", session=transcribing(language="en"))
        await talk.until("session.updated")
        await talk.say("session.update", session=transcribing(model="whisper-1"))
        await talk.until("session.updated")
    upstream = await bench.upstream()
    assert upstream.target == "/openai/v1/realtime?intent=transcription"
    configured = [event["session"]["audio"]["input"]["transcription"] for event in sent(upstream)]
    assert configured == [{"language": "en", "model": "asr-eu"}, {"model": "asr-eu"}]
    assert (await shown(bench.proxy.data, "early model")).session["model"] == "gpt-4o-transcribe"


async def test_waiting_for_a_model_is_bounded(bench: Bench) -> None:
    async with bench.proxy.connect("/openai/v1/realtime?intent=transcription", headers=named("no model")) as socket:
        talk = Talk(socket)
        for _ in range(17):
            await talk.say("input_audio_buffer.append", audio="AAAA")
        error = (await talk.until("error"))["error"]
        code, reason = await close_of(socket)
    assert code == 1008
    assert "no model was named in the first 16 messages" in reason
    assert reason == error["message"]
    assert (await bench.upstream()).messages == []
    found = await shown(bench.proxy.data, "no model")
    assert found.close == (1008, reason, "proxy")


async def test_a_foreign_model_named_later_is_refused_and_the_session_goes_on(bench: Bench) -> None:
    async with bench.proxy.connect("/v1/realtime?model=gpt-realtime", key=OTHER_KEY, headers=named("foreign later")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        foreign: list[dict[str, Any]] = [
            {"session": {"type": "realtime", "model": "grok-voice-latest"}},
            {"session": {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}},
        ]
        for number, event in enumerate(foreign):
            await talk.say("session.update", event_id=f"bad_{number}", **event)
        escaped = '{"event_id":"bad_2","type":"session\\u002eupdate","session":{"model":"grok"}}'
        await socket.send(escaped)
        await talk.until("error", 3)
        await talk.update(output_modalities=["text"])
        await talk.text("Are you still there?")
        done = await talk.ask()
    assert event_ids(talk) == ["bad_0", "bad_1", "bad_2"]
    assert {error["error"]["code"] for error in talk.all("error")} == {"model_not_allowed"}
    assert done["status"] == "completed"
    assert [event["type"] for event in sent(await bench.upstream())] == ["session.update", "conversation.item.create", "response.create"]
    found = await shown(bench.proxy.data, "foreign later")
    assert (found.session["principal"], found.session["model"], found.session["turns"]) == ("narrow", "gpt-realtime", 1)


async def test_a_foreign_transcription_model_is_refused_and_the_session_waits_for_another(bench: Bench) -> None:
    path = "/openai/v1/realtime?intent=transcription"
    async with bench.proxy.connect(path, key=OTHER_KEY, headers=named("foreign asr")) as socket:
        talk = Talk(socket)
        await talk.say("session.update", event_id="bad", session=transcribing(model="gpt-4o-transcribe"))
        await talk.until("error")
        await talk.say("session.update", session=transcribing(model="gpt-realtime-whisper"))
        await talk.until("session.updated")
    assert event_ids(talk) == ["bad"]
    (update,) = sent(await bench.upstream())
    assert update["session"]["audio"]["input"]["transcription"] == {"model": "gpt-realtime-whisper"}
    assert (await shown(bench.proxy.data, "foreign asr")).session["model"] == "gpt-realtime-whisper"


async def test_a_dialect_without_error_events_is_closed_on_a_foreign_model(bench: Bench) -> None:
    cassette = load_cassette(GEMINI)
    async with bench.proxy.connect(cassette.path, key=OTHER_KEY, headers=named("foreign gemini")) as socket:
        await socket.send(cassette.lines[0].message)
        code, reason = await close_of(socket)
    assert code == 1008
    assert "gemini-3.8-live" in reason
    upstream = bench.gemini.connections[-1]
    await upstream.ended.wait()
    assert upstream.messages == []
    assert (await shown(bench.proxy.data, "foreign gemini")).close == (1008, reason, "proxy")


@pytest.mark.parametrize(
    ("baggage", "grouping"),
    [
        ("user=7, Session-Id = call-42 ;ttl=3,session-id=later", "call-42"),
        ("session-id=", None),
        (f"session-id={'x' * 256}", None),
        ("sessionid=no", None),
    ],
)
async def test_the_callers_grouping_id_is_recorded_beside_the_providers(bench: Bench, baggage: str, grouping: str | None) -> None:
    async with bench.proxy.connect("/v1/realtime?model=gpt-realtime", headers={"baggage": baggage}) as socket:
        created = await Talk(socket).until("session.created")
    found = await shown(bench.proxy.data, created["session"]["id"], "provider_session")
    assert found.session["grouping"] == grouping


async def test_which_headers_travel_upstream(bench: Bench) -> None:
    passes = {
        "X-OpenAI-Agents-SDK": "0.24",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
        "OpenAI-Safety-Identifier": "user-1",
        "X-Trace": "abc",
        "User-Agent": "my-app/1",
    }
    stays = {
        "Cookie": "a=b",
        "X-Forwarded-For": "10.0.0.1",
        "X-Custom": "1",
        "OpenAI-Beta": "assistants=v2",
        "Traceparent": "00-1",
        "TE": "trailers",
    }
    headers = {**passes, **stays, **named("headers")}
    async with bench.proxy.connect("/v1/realtime?model=openai/gpt-realtime", headers=headers, user_agent_header=None) as socket:
        await Talk(socket).until("session.created")
    upstream = await bench.upstream()
    assert {name: upstream.headers.get(name) for name in passes} == passes
    assert [name for name in (*stays, "baggage", "sec-websocket-extensions") if name in upstream.headers] == []
    assert upstream.headers["host"] == bench.simulator.address
    assert KEY not in str(upstream.headers)
