"""Every provider and dialect through the real proxy: what crosses is verbatim, what is dialled is the provider's, what is recorded is so.

One proxy serves all cassettes; behind each provider entry stands a simulator that plays one of them. Nothing here has been
compared with a live provider: the cassettes were written from documentation and SDKs.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from proxying import KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import Shown
from recorded import named
from recorded import shown
from websockets.asyncio.client import connect

from simulator import Cassette
from simulator import Simulator
from simulator import load_cassette
from simulator import play_client
from simulator.record import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASSETTES = {path.stem: load_cassette(path) for path in sorted(ROOT.joinpath("simulator/cassettes").glob("*.jsonl"))}
PACKAGED = "genai-prices"
"""Beginning of the name of the price list that comes with the product."""


@dataclass(frozen=True)
class Wire:
    """What the upstream is to see: path and query, how the credential is presented, which subprotocols are offered to it.

    `offers` are the client's subprotocols, `dials` those that go upstream. `price` is the source of the cost, "" for none.
    """

    target: str
    auth: str
    model: str | None
    price: str = ""
    offers: tuple[str, ...] = ()
    dials: tuple[str, ...] = ()
    more: str = ""
    """Further settings of the provider's entry in the rules."""


BEARER, API_KEY, XI, GOOGLE = "Authorization: Bearer ", "api-key: ", "xi-api-key: ", "x-goog-api-key: "
WIRES = {
    "azure-ga": Wire(
        "/openai/v1/realtime?model=rt-prod-eu",
        API_KEY,
        "gpt-realtime",
        PACKAGED,
        ("realtime",),
        ("realtime",),
        "models: {rt-prod-eu: gpt-realtime}",
    ),
    "azure-preview": Wire(
        "/openai/realtime?api-version=2025-04-01-preview&deployment=rt-preview",
        API_KEY,
        "gpt-4o-realtime-preview",
        PACKAGED,
        more="models: {rt-preview: gpt-4o-realtime-preview}",
    ),
    "bailian-asr": Wire("/api-ws/v1/realtime?model=qwen3-asr-flash-realtime", BEARER, "qwen3-asr-flash-realtime"),
    "bailian-omni": Wire("/api-ws/v1/realtime?model=qwen3-omni-flash-realtime", BEARER, "qwen3-omni-flash-realtime"),
    "elevenlabs-agents": Wire("/v1/convai/conversation?agent_id=agent_001", XI, None, offers=("convai",), dials=("convai",)),
    "elevenlabs-realtime": Wire("/v1/convai/realtime?model=eleven_realtime_v1_mini", BEARER, "eleven_realtime_v1_mini", PACKAGED),
    "gemini-aistudio": Wire(
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", GOOGLE, "gemini-3.8-live", PACKAGED
    ),
    "gemini-vertex": Wire(
        "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", BEARER, "gemini-live-2.5-flash-native-audio", PACKAGED
    ),
    "inworld": Wire("/v1/realtime?model=inworld-realtime", BEARER, "inworld-realtime"),
    "localai": Wire("/v1/realtime?model=gpt-realtime", BEARER, "gpt-realtime"),
    "openai-ga-voice": Wire("/v1/realtime?model=gpt-realtime-2.1", BEARER, "gpt-realtime-2.1", PACKAGED, ("realtime",), ("realtime",)),
    "openai-live": Wire("/v1/live/sessions", BEARER, "gpt-live-1", PACKAGED),
    "openai-transcription": Wire("/v1/realtime?intent=transcription", BEARER, "gpt-4o-transcribe", PACKAGED),
    "openai-translation": Wire("/v1/realtime/translations?model=gpt-realtime-translate", BEARER, "gpt-realtime-translate", PACKAGED),
    "speaches": Wire("/v1/realtime?model=gpt-4o-realtime-preview", BEARER, "gpt-4o-realtime-preview"),
    "stepfun": Wire("/v1/realtime?model=step-audio-2", BEARER, "step-audio-2"),
    "vllm-asr": Wire("/v1/realtime", BEARER, "mistralai/Voxtral-Mini-3B-2507", more="dialect: vllm"),
    "voice-live": Wire("/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime", API_KEY, "gpt-realtime", PACKAGED),
    "xai": Wire("/v1/realtime?model=grok-voice-latest", BEARER, "grok-voice-latest", PACKAGED),
    "zai": Wire("/api/paas/v4/realtime", BEARER, "glm-realtime"),
}
COMMON = {
    "azure-ga": ("rt-prod-eu", WIRES["azure-ga"].target),
    "azure-preview": ("rt-preview", "/openai/v1/realtime?model=rt-preview"),
    "bailian-asr": ("qwen3-asr-flash-realtime", WIRES["bailian-asr"].target),
    "bailian-omni": ("qwen3-omni-flash-realtime", WIRES["bailian-omni"].target),
    "elevenlabs-realtime": ("eleven_realtime_v1_mini", WIRES["elevenlabs-realtime"].target),
    "inworld": ("inworld-realtime", WIRES["inworld"].target),
    "localai": ("gpt-realtime", WIRES["localai"].target),
    "openai-ga-voice": ("gpt-realtime-2.1", WIRES["openai-ga-voice"].target),
    "speaches": ("gpt-4o-realtime-preview", WIRES["speaches"].target),
    "stepfun": ("step-audio-2", WIRES["stepfun"].target),
    "xai": ("grok-voice-latest", WIRES["xai"].target),
    "zai": ("glm-realtime", "/api/paas/v4/realtime?model=glm-realtime"),
}
"""Dialects in OpenAI's style, which are also served on OpenAI's path: the model in the URL, and what is dialled then."""
OFFERED_REALTIME = {"openai", "azure", "elevenlabs", "compatible"}
"""Kinds of providers to which the client's subprotocol `realtime` is passed on."""


@dataclass(frozen=True)
class App:
    """An unmodified app on the intercept door: its cassette, the public host it knows, its credential, whose credential goes upstream."""

    cassette: str
    host: str
    header: tuple[str, str]
    credential: str = "client"
    query: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        query = urlencode([*CASSETTES[self.cassette].query.items(), *self.query])
        return f"{CASSETTES[self.cassette].path}{'?' if query else ''}{query}"


APP_KEY = "app-secret-0123456789abcdef"
APPS = (
    App("openai-ga-voice", "api.openai.com", ("Authorization", f"Bearer {APP_KEY}")),
    App("azure-preview", "corp-eu.openai.azure.com", ("api-key", APP_KEY)),
    App("gemini-aistudio", "generativelanguage.googleapis.com", ("x-goog-api-key", APP_KEY)),
    App("gemini-vertex", "us-central1-aiplatform.googleapis.com", ("Authorization", f"Bearer {APP_KEY}")),
    App("elevenlabs-agents", "api.elevenlabs.io", ("xi-api-key", APP_KEY)),
    App("openai-transcription", "us.api.openai.com", ("Authorization", f"Bearer {APP_KEY}")),
    App("bailian-omni", "dashscope-intl.aliyuncs.com", ("Authorization", f"bearer {APP_KEY}")),
    App("voice-live", "corp.services.ai.azure.com", ("api-key", APP_KEY)),
    App("openai-live", "eu.api.openai.com", ("Authorization", f"Bearer {APP_KEY}"), credential="inject"),
    App("azure-ga", "corp-us.openai.azure.com", ("api-key", APP_KEY), credential="inject"),
    App("elevenlabs-realtime", "api.us.elevenlabs.io", ("Authorization", f"Bearer {APP_KEY}"), credential="inject"),
    App("xai", "api.x.ai", ("Authorization", f"Bearer {APP_KEY}"), credential="inject"),
    App("zai", "open.bigmodel.cn", ("User-Agent", "glm-app"), query=(("Authorization", f"Bearer {APP_KEY}"),)),
)
SECRETS = {name: f"sk-{name}-0123456789abcdef" for name in CASSETTES}


def variable(name: str) -> str:
    return f"KEY_{name.replace('-', '_').upper()}"


@dataclass
class Bench:
    """A proxy with one provider for each cassette, and the simulators behind them."""

    proxy: Proxy
    simulators: dict[str, Simulator]

    async def upstream(self, name: str) -> Connection:
        """What the simulator of a cassette saw last, once it is over."""
        seen = self.simulators[name].connections[-1]
        await seen.ended.wait()
        return seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    simulators = {name: Simulator(cassette=cassette, pace=0) for name, cassette in CASSETTES.items()}
    async with AsyncExitStack() as running:
        for simulator in simulators.values():
            await running.enter_async_context(simulator)
        rules = RULES + _providers(simulators) + _routes()
        environment = {variable(name): secret for name, secret in SECRETS.items()}
        proxy = await running.enter_async_context(started_proxy(tmp_path_factory.mktemp("bench"), rules, env=environment))
        yield Bench(proxy, simulators)


def _providers(simulators: dict[str, Simulator]) -> str:
    return "".join(["providers:\n", *(_provider(name, f"http://{simulator.address}") for name, simulator in simulators.items())])


def _provider(name: str, url: str) -> str:
    kind, more = CASSETTES[name].provider, WIRES[name].more
    return f"  {name}: {{kind: {kind}, url: '{url}', credential: 'env:{variable(name)}', {more}}}\n"


def _routes() -> str:
    gateway = [
        f"  - {{name: to-{name}, match: {{door: gateway, header: {{x-cassette: {name}}}}}, provider: {name}}}\n" for name in CASSETTES
    ]
    return "".join(["routes:\n", *gateway, *map(_intercept_route, APPS)])


def _intercept_route(app: App) -> str:
    match = f"{{door: intercept, host: '{app.host}'}}"
    return f"  - {{name: app-{app.cassette}, match: {match}, provider: {app.cassette}, credential: {app.credential}}}\n"


def path_of(name: str) -> str:
    """Where a client of this cassette connects; with its query."""
    query = urlencode(CASSETTES[name].query)
    return f"{CASSETTES[name].path}{'?' if query else ''}{query}"


@pytest.fixture(scope="module")
def trusting(bench: Bench) -> ssl.SSLContext:
    """TLS of an app whose environment trusts the local CA and nothing else."""
    return ssl.create_default_context(cafile=str(bench.proxy.data / "ca" / "mitmproxy-ca-cert.pem"))


async def test_every_cassette_has_its_row() -> None:
    assert set(WIRES) == set(CASSETTES)


@pytest.mark.parametrize("name", CASSETTES)
async def test_on_the_native_path(bench: Bench, name: str) -> None:
    cassette, wire = CASSETTES[name], WIRES[name]
    grouping = f"native-{name}"
    headers = named(grouping, **{"x-cassette": name})
    async with bench.proxy.connect(path_of(name), headers=headers, subprotocols=wire.offers or None) as client:
        assert client.subprotocol == ("realtime" if "realtime" in wire.offers else None)
        await play_client(cassette, client)
    upstream = await bench.upstream(name)
    verbatim(cassette, upstream)
    dialled(name, upstream, wire.target)
    assert upstream.subprotocols == list(wire.dials)
    recorded(name, await shown(bench.proxy.data, grouping))


@pytest.mark.parametrize("name", COMMON)
async def test_on_openais_path_with_the_provider_before_the_model(bench: Bench, name: str) -> None:
    model, target = COMMON[name]
    await played(bench, name, f"/v1/realtime?model={name}/{model}", target, f"common-{name}", headers={"api-key": KEY})


@pytest.mark.parametrize("name", COMMON)
async def test_on_openais_path_below_the_providers_name(bench: Bench, name: str) -> None:
    model, target = COMMON[name]
    browser = ["realtime", f"openai-insecure-api-key.{KEY}"]
    upstream = await played(bench, name, f"/{name}/v1/realtime?model={model}", target, f"below-{name}", subprotocols=browser)
    assert upstream.subprotocols == (["realtime"] if CASSETTES[name].provider in OFFERED_REALTIME else [])


@pytest.mark.parametrize("name", CASSETTES)
async def test_on_the_native_path_below_the_providers_name(bench: Bench, name: str) -> None:
    path = f"/{name}{path_of(name)}"
    await played(bench, name, f"{path}{'&' if '?' in path else '?'}key={KEY}", WIRES[name].target, f"prefixed-{name}")


async def played(
    bench: Bench,
    name: str,
    path: str,
    target: str,
    grouping: str,
    *,
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
) -> Connection:
    """The whole conversation on another path, with the key shown in another way; the same must come of it."""
    fields = named(grouping, **(headers or {}))
    async with bench.proxy.connect(path, key=None, headers=fields, subprotocols=subprotocols) as client:
        assert client.subprotocol == (subprotocols[0] if subprotocols else None)
        await play_client(CASSETTES[name], client)
    upstream = await bench.upstream(name)
    verbatim(CASSETTES[name], upstream)
    dialled(name, upstream, target)
    recorded(name, await shown(bench.proxy.data, grouping))
    return upstream


@pytest.mark.parametrize("app", APPS, ids=lambda app: f"{app.cassette}-{app.credential}")
async def test_through_the_intercept_door(bench: Bench, trusting: ssl.SSLContext, app: App) -> None:
    name, cassette = app.cassette, CASSETTES[app.cassette]
    grouping = f"app-{name}"
    headers = named(grouping, **dict([app.header]))
    async with intercepted(bench.proxy, app, trusting, headers) as client:
        await play_client(cassette, client)
    upstream = await bench.upstream(name)
    verbatim(cassette, upstream)
    if app.credential == "client":
        assert upstream.target == app.path
        assert upstream.headers[app.header[0]] == app.header[1]
        assert SECRETS[name] not in str(upstream.headers)
    else:
        dialled(name, upstream, WIRES[name].target)
        assert APP_KEY not in str(upstream.headers)
    found = await shown(bench.proxy.data, grouping)
    recorded(name, found, principal="local")
    assert (found.session["door"], found.session["route"]) == ("intercept", f"app-{name}")
    assert APP_KEY not in found.text


def intercepted(proxy: Proxy, app: App, trusting: ssl.SSLContext, headers: dict[str, str]) -> connect:
    options: dict[str, Any] = {"compression": None, "max_size": None, "user_agent_header": None}
    return connect(f"wss://{app.host}{app.path}", proxy=f"http://{proxy.intercept}", ssl=trusting, additional_headers=headers, **options)


def verbatim(cassette: Cassette, upstream: Connection) -> None:
    """The upstream got what the client sent, byte by byte, text as text and binary as binary."""
    assert upstream.messages == [line.message for line in cassette.lines if line.side == "client" and line.close is None]
    assert upstream.mismatches == []


def dialled(name: str, upstream: Connection, target: str) -> None:
    """Path, query and credential are the provider's own; nothing of the client's key and its private headers is there."""
    assert upstream.target == target
    header, _, scheme = WIRES[name].auth.partition(": ")
    assert upstream.headers.get_all(header) == [scheme + SECRETS[name]]
    fields = {field.lower() for field in upstream.headers}
    assert fields.isdisjoint({"authorization", "api-key", "xi-api-key", "x-goog-api-key"} - {header.lower()})
    assert fields.isdisjoint({"x-cassette", "baggage", "sec-websocket-extensions", "origin"})
    assert KEY not in str(upstream.headers) + upstream.target


def recorded(name: str, found: Shown, *, principal: str = "tester") -> None:
    """Turns, words, tools, usage, sound, cost and end as the cassette says; neither side's secret is in the record."""
    expect, wire, session = CASSETTES[name].expect, WIRES[name], found.session
    assert (session["provider"], session["kind"], session["principal"]) == (name, CASSETTES[name].provider, principal)
    assert session["model"] == wire.model
    assert session["turns"] == len(found.turns) == expect["turns"]
    assert session["usage"] == expect["usage"]
    assert found.said == (expect["texts"] if found.turns else [])
    assert found.tools == (expect["tools"] if found.turns else [])
    assert all(call["result"] is not None for turn in found.turns for call in turn["tool_calls"])
    assert session["audio"] == {"in_seconds": expect["audio"]["seconds_in"], "out_seconds": expect["audio"]["seconds_out"]}
    assert found.close == ended_as(CASSETTES[name])
    assert KEY not in found.text
    assert SECRETS[name] not in found.text
    costs(session["cost"], wire.price)


def ended_as(cassette: Cassette) -> tuple[int, str, str]:
    line = cassette.lines[-1]
    assert line.close is not None
    return line.close, line.reason, "upstream" if line.side == "server" else "client"


def costs(cost: dict[str, Any], source: str) -> None:
    """Priced, with the list it was priced from; or plainly unpriced, which is never 0."""
    if not source:
        assert (cost["usd"], cost["priced"]) == (None, False)
        return
    assert cost["usd"] > 0
    assert source in cost["source"]
    assert cost["date"]
    assert sum(line["usd"] or 0 for line in cost["lines"]) == pytest.approx(cost["usd"])
