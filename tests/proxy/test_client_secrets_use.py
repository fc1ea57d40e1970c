"""Client secrets at the door: what they open, to whom it is accounted, and all the ways in which they stop working."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import websockets
from openai import AsyncOpenAI
from proxying import KEY
from proxying import OTHER_KEY
from proxying import Proxy
from proxying import close_of
from proxying import hash_of
from proxying import started_proxy
from recorded import named
from recorded import shown
from talking import Talk
from typer.testing import CliRunner
from websockets.asyncio.client import ClientConnection

from cli.__main__ import app
from rules.keys import hash_key
from simulator import Simulator
from store.state import State
from store.tokens import Token
from store.tokens import Tokens
from store.tokens import new_token
from store.tokens import sealed

pytestmark = pytest.mark.asyncio(loop_scope="module")

GA = "/v1/realtime/client_secrets"
PAGE = "https://app.example"
RULES = """
version: 1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0", origins: ["{page}", "https://other.example"]}}
log: {{content: full}}
keys:
  - {{id: tester, hash: "{tester}"}}
  - {{id: narrow, hash: "{narrow}", models: ["gpt-realtime"]}}
providers:
  sim: {{kind: simulator, url: "http://{sim}"}}
  here: {{kind: simulator, url: "http://{sim}", mint: local, models: {{gpt-realtime-2: known-as}}}}
routes:
  - {{name: kiosk, match: {{model: kiosk-voice}}, provider: sim, model: gpt-realtime}}
"""


@dataclass
class Stage:
    proxy: Proxy
    simulator: Simulator
    http: httpx2.AsyncClient
    texts: list[str] = field(default_factory=list)
    """Every client secret that was minted."""

    async def mint(self, model: str = "sim/gpt-realtime", *, path: str = GA, key: str = KEY, **more: Any) -> str:
        """The text of a new client secret; `more` stands beside the session, `session` is added to it."""
        session = {"type": "realtime", "model": model, **more.pop("session", {})}
        return await self.mint_with({"session": session, **more}, path=path, key=key)

    async def mint_with(self, body: Any, *, path: str = GA, key: str = KEY) -> str:
        answer = await self.http.post(self.proxy.url(path, "http"), json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["value"]
        self.texts.append(found)
        return found

    async def refused(self, text: str, path: str = "/v1/realtime", **headers: str) -> tuple[int, str]:
        """Status and code of a handshake that must fail, with nothing asked of the provider."""
        before = len(self.simulator.connections)
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with self.proxy.connect(path, key=text, headers=headers):
                pass
        assert len(self.simulator.connections) == before, "the provider was asked"
        response = refused.value.response
        return response.status_code, json.loads(response.body)["error"]["code"]

    def token_of(self, text: str) -> Token:
        found = Tokens(State(self.proxy.data)).find(text)
        assert found is not None
        return found

    def run(self, *words: str) -> None:
        """A command in the test's own process: the proxy sees what it wrote."""
        result = CliRunner().invoke(app, [*words, "--data", str(self.proxy.data)])
        assert result.exit_code == 0, result.output


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(Simulator(pace=0))
        rules = RULES.format(tester=hash_of(KEY), narrow=hash_of(OTHER_KEY), sim=sim.address, page=PAGE)
        proxy = await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("use"), rules))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=20))
        yield Stage(proxy, sim, http)


async def greeting(socket: ClientConnection) -> dict[str, Any]:
    """The session that the provider says it opened."""
    found: dict[str, Any] = (await Talk(socket).until("session.created"))["session"]
    return found


def shown_as(way: str, text: str) -> tuple[dict[str, str], list[str]]:
    """Headers and subprotocols of a client that presents it so."""
    if way == "subprotocol":
        return {}, ["realtime", f"openai-insecure-api-key.{text}", "openai-agents-sdk.0.20.0"]
    return ({"Authorization": f"Bearer {text}"} if way == "bearer" else {way: text}), []


@pytest.mark.parametrize("way", ["bearer", "api-key", "subprotocol"])
async def test_it_opens_what_it_was_minted_for(stage: Stage, way: str) -> None:
    text = await stage.mint(session={"instructions": f"by {way}", "audio": {"output": {"voice": "cedar"}}})
    headers, offered = shown_as(way, text)
    async with stage.proxy.connect("/v1/realtime", key=None, headers=headers | named(f"way-{way}"), subprotocols=offered or None) as socket:
        opened = await greeting(socket)
        assert (opened["model"], opened["instructions"], opened["audio"]["output"]["voice"]) == ("gpt-realtime", f"by {way}", "cedar")
        assert socket.subprotocol == ("realtime" if way == "subprotocol" else None)
        await Talk(socket).ask()
    upstream = stage.simulator.connections[-1]
    secret = stage.token_of(text).secret
    sent = [f"{name}: {value}" for name, value in upstream.headers.raw_items()]
    assert secret is not None and f"authorization: Bearer {secret}" in [line[0].lower() + line[1:] for line in sent]
    assert text not in "\n".join([upstream.target, *sent, *map(str, upstream.messages)])
    found = await shown(stage.proxy.data, f"way-{way}")
    assert (found.session["principal"], found.session["provider"], found.session["model"]) == ("tester", "sim", "gpt-realtime")
    assert found.session["usage"]


async def test_the_openai_package_connects_with_one(stage: Stage) -> None:
    text = await stage.mint()
    client = AsyncOpenAI(api_key=text, base_url=stage.proxy.base_url)
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        assert (await connection.recv()).type == "session.created"


@pytest.mark.parametrize("model", ["gpt-realtime", "sim/gpt-realtime"])
async def test_the_model_may_be_named_again(stage: Stage, model: str) -> None:
    text = await stage.mint()
    async with stage.proxy.connect(f"/v1/realtime?model={model}", key=text) as socket:
        assert (await greeting(socket))["model"] == "gpt-realtime"


async def test_any_number_of_sessions_unless_it_is_for_one(stage: Stage) -> None:
    text = await stage.mint()
    for _ in range(3):
        async with stage.proxy.connect("/v1/realtime", key=text) as socket:
            await greeting(socket)
    once = await stage.mint(voicetap={"single_use": True})
    async with stage.proxy.connect("/v1/realtime", key=once) as socket:
        await greeting(socket)
        assert await stage.refused(once) == (401, "invalid_api_key")
        await Talk(socket).ask()
    assert await stage.refused(once) == (401, "invalid_api_key")


async def test_of_many_at_once_one_gets_the_single_use(stage: Stage) -> None:
    once = await stage.mint(voicetap={"single_use": True})

    async def attempt() -> bool:
        try:
            async with stage.proxy.connect("/v1/realtime", key=once) as socket:
                await greeting(socket)
        except websockets.InvalidStatus as refused:
            assert refused.response.status_code == 401
            return False
        return True

    assert sorted(await asyncio.gather(*(attempt() for _ in range(8)))) == [False] * 7 + [True]


async def test_it_is_good_for_its_model_its_provider_and_its_kind_of_session(stage: Stage) -> None:
    text = await stage.mint()
    assert await stage.refused(text, "/v1/realtime?model=gpt-realtime-mini") == (403, "model_not_allowed")
    assert await stage.refused(text, "/here/v1/realtime") == (403, "provider_not_allowed")
    assert await stage.refused(text, "/v1/realtime/translations") == (400, "wrong_path")


async def test_it_is_good_for_the_pages_that_it_was_minted_for(stage: Stage) -> None:
    text = await stage.mint(voicetap={"origin": PAGE})
    assert await stage.refused(text) == (403, "origin_not_allowed")
    assert await stage.refused(text, Origin="https://other.example") == (403, "origin_not_allowed")
    async with stage.proxy.connect("/v1/realtime", key=text, headers={"Origin": PAGE}) as socket:
        await greeting(socket)


async def test_one_that_transcribes_opens_such_a_session(stage: Stage) -> None:
    body = {"session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "sim/gpt-4o-transcribe"}}}}}
    text = await stage.mint_with(body)
    async with stage.proxy.connect("/v1/realtime", key=text, headers=named("asr")) as socket:
        opened = await greeting(socket)
        assert opened["type"] == "transcription"
        assert opened["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"
    assert (await shown(stage.proxy.data, "asr")).session["family"] == "transcription"


async def test_one_that_translates_opens_such_a_session(stage: Stage) -> None:
    body = {"session": {"model": "sim/gpt-realtime-translate", "audio": {"output": {"language": "de"}}}}
    text = await stage.mint_with(body, path="/v1/realtime/translations/client_secrets")
    assert await stage.refused(text) == (400, "wrong_path")
    async with stage.proxy.connect("/v1/realtime/translations", key=text) as socket:
        assert (await greeting(socket))["audio"]["output"]["language"] == "de"


async def test_a_route_that_names_the_model_holds(stage: Stage) -> None:
    text = await stage.mint("kiosk-voice")
    assert (stage.token_of(text).route, stage.token_of(text).upstream_model) == ("kiosk", "gpt-realtime")
    async with stage.proxy.connect("/v1/realtime", key=text, headers=named("kiosk")) as socket:
        assert (await greeting(socket))["model"] == "gpt-realtime"
    assert (await shown(stage.proxy.data, "kiosk")).session["route"] == "kiosk"


async def test_one_made_here_configures_its_session_itself(stage: Stage) -> None:
    text = await stage.mint("here/known-as", session={"instructions": "made here"})
    async with stage.proxy.connect("/v1/realtime", key=text, headers=named("made-here")) as socket:
        talk = Talk(socket)
        assert (await talk.until("session.created"))["session"]["model"] == "gpt-realtime-2"
        assert (await talk.until("session.updated"))["session"]["instructions"] == "made here"
        await talk.ask()
    first = json.loads(stage.simulator.connections[-1].messages[0])
    assert (first["type"], first["session"]["instructions"]) == ("session.update", "made here")
    found = (await shown(stage.proxy.data, "made-here")).session
    assert (found["model"], found["principal"]) == ("known-as", "tester")


async def test_other_models_stay_forbidden_in_its_session(stage: Stage) -> None:
    text = await stage.mint(key=OTHER_KEY)
    async with stage.proxy.connect("/v1/realtime", key=text) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        asr = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        await talk.say("session.update", event_id="mine", session={"type": "realtime", **asr})
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("model_not_allowed", "mine")


def kept(stage: Stage, **more: Any) -> str:
    """A client secret put into the data folder as another proxy would."""
    token_id, text = new_token()
    fields: dict[str, Any] = {
        "id": token_id,
        "hash": "",
        "principal": "tester",
        "provider": "sim",
        "route": None,
        "model": "gpt-realtime",
        "upstream_model": "gpt-realtime",
        "family": "realtime",
        "expires": datetime.now(UTC) + timedelta(minutes=5),
        **more,
    }
    assert Tokens(State(stage.proxy.data)).keep([sealed(Token(**fields), text)]) == [True]
    return text


async def test_one_of_another_proxy_on_the_same_folder_is_good_at_once(stage: Stage) -> None:
    async with stage.proxy.connect("/v1/realtime", key=kept(stage)) as socket:
        await greeting(socket)


@pytest.mark.parametrize(
    "more",
    [
        {"expires": datetime.now(UTC) - timedelta(seconds=1)},
        {"revoked": True},
        {"single_use": True, "used": True},
        {"principal": "nobody"},
    ],
    ids=["expired", "revoked", "used", "of a key that is gone"],
)
async def test_one_that_stopped_working_is_refused(stage: Stage, more: dict[str, Any]) -> None:
    text = kept(stage, **more)
    assert await stage.refused(text) == (401, "invalid_api_key")
    answer = await stage.http.post(stage.proxy.url("/v1/realtime/calls", "http"), headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("text", ["ek_vt_" + "x" * 43, "ek_68af296e8e408191a1120ab6383263c2", "ek_", "ek_vt_"])
async def test_one_that_nobody_made_here_is_refused(stage: Stage, text: str) -> None:
    assert await stage.refused(text) == (401, "invalid_api_key")
    offered = ["realtime", f"openai-insecure-api-key.{text}"]
    async with stage.proxy.connect("/v1/realtime?model=sim/gpt-realtime", key=None, subprotocols=offered) as socket:
        error = json.loads(await socket.recv())["error"]
        assert error["code"] == "invalid_api_key" and text not in json.dumps(error).replace('"ek_"', "")
        assert await close_of(socket) == (3000, "invalid_request_error.invalid_api_key")


async def test_revoking_it_ends_its_sessions_and_no_others(stage: Stage) -> None:
    text, other = await stage.mint(), await stage.mint()
    async with (
        stage.proxy.connect("/v1/realtime", key=text, headers=named("revoked")) as socket,
        stage.proxy.connect("/v1/realtime", key=other) as spared,
    ):
        await greeting(socket)
        await greeting(spared)
        stage.run("tokens", "revoke", stage.token_of(text).id)
        code, reason = await close_of(socket)
        assert code == 1008 and "revoked" in reason
        await Talk(spared).ask()
    assert await stage.refused(text) == (401, "invalid_api_key")
    assert (await shown(stage.proxy.data, "revoked")).close[0] == 1008


async def test_revoking_its_key_ends_it_and_its_sessions(stage: Stage) -> None:
    secret = "vt_" + "p" * 43
    State(stage.proxy.data).keys.insert({"id": "parent", "hash": hash_key(secret)})
    text = await stage.mint(key=secret)
    async with stage.proxy.connect("/v1/realtime", key=text, headers=named("orphan")) as socket:
        await greeting(socket)
        stage.run("keys", "revoke", "parent")
        assert await close_of(socket) == (1008, "key revoked")
    assert await stage.refused(text) == (401, "invalid_api_key")
    assert (await shown(stage.proxy.data, "orphan")).session["principal"] == "parent"


async def test_a_session_outlives_the_expiry_of_what_opened_it(stage: Stage) -> None:
    text = kept(stage, expires=datetime.now(UTC) + timedelta(seconds=1))
    async with stage.proxy.connect("/v1/realtime", key=text) as socket:
        await greeting(socket)
        await asyncio.sleep(1.5)
        await Talk(socket).ask()
    assert await stage.refused(text) == (401, "invalid_api_key")


async def test_it_lists_the_models_of_its_key_and_controls_no_call_of_others(stage: Stage) -> None:
    text = await stage.mint()
    headers = {"Authorization": f"Bearer {text}"}
    assert (await stage.http.get(stage.proxy.url("/v1/models", "http"), headers=headers)).status_code == 200
    for verb in ("hangup", "accept", "reject", "refer"):
        for call in ("call_" + "0" * 26, "rtc_of_somebody_else"):
            path = f"/v1/realtime/calls/{call}/{verb}"
            answer = await stage.http.post(stage.proxy.url(path, "http"), headers=headers, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_call"), (verb, call)
    assert await stage.refused(text, "/v1/realtime?call_id=rtc_of_somebody_else") == (404, "unknown_call")


async def test_neither_ours_nor_the_providers_is_written_anywhere(stage: Stage) -> None:
    """The last look at this proxy, with texts in its log."""
    theirs = [secret for text in stage.texts if (secret := stage.token_of(text).secret) is not None]
    assert len(theirs) > 10
    await stage.proxy.stop()
    files = [path.read_bytes() for path in stage.proxy.data.rglob("*") if path.is_file()]
    written = b"".join(files) + "".join(stage.proxy.output).encode()
    assert b"gpt-realtime" in written
    assert [secret for secret in [*stage.texts, *theirs, KEY] if secret.encode() in written] == []


async def test_they_survive_a_kill_and_a_restart(tmp_path: Path) -> None:
    async with Simulator(pace=0) as sim, httpx2.AsyncClient(timeout=20) as http:
        rules = RULES.format(tester=hash_of(KEY), narrow=hash_of(OTHER_KEY), sim=sim.address, page=PAGE)
        async with started_proxy(tmp_path, rules) as first:
            stage = Stage(first, sim, http)
            text, revoked = await stage.mint(), await stage.mint()
            stage.run("tokens", "revoke", stage.token_of(revoked).id)
            await first.stop(signal.SIGKILL)
        async with started_proxy(tmp_path, rules) as second:
            async with second.connect("/v1/realtime", key=text) as socket:
                await greeting(socket)
            assert await Stage(second, sim, http).refused(revoked) == (401, "invalid_api_key")
