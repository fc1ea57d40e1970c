"""`replay --to client`: sessions of real clients, recorded through the proxy, are served to the same clients, who see the same."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import replayapps
from proxying import KEY
from proxying import ROOT
from proxying import command
from reloading import reloaded
from replaystage import FAST
from replaystage import Stage
from replaystage import stage_in
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cli.player import Manner
from cli.recording import load
from realtime.g711 import LAWS
from simulator import load_cassette
from simulator.audio import silence
from simulator.audio import speak

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANY = "any-key-will-do"
GEMINI = load_cassette(ROOT / "simulator" / "cassettes" / "gemini-aistudio.jsonl")
SPEECH = [line.event["realtimeInput"]["audio"] for line in GEMINI.lines if line.side == "client" and "realtimeInput" in line.event]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_in(tmp_path_factory.mktemp("replays")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spoken(stage: Stage) -> tuple[dict[str, Any], list[bytes]]:
    """A recorded session of the openai package, and what its app saw."""
    seen = await replayapps.spoken(stage.proxy.base_url, KEY)
    return await stage.recorded(), seen


def sound_of(messages: list[bytes]) -> bytes:
    events = map(json.loads, messages)
    return b"".join(b64decode(event["delta"]) for event in events if event["type"].endswith("audio.delta"))


async def test_the_same_client_sees_the_same_bytes_as_often_as_it_comes(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    """The sound, which the messages were recorded without, is that of the recording."""
    record, seen = spoken
    async with stage.served(record["id"]) as served:
        for number in (1, 2):
            assert await replayapps.spoken(served.base_url, ANY) == seen
            played = await served.one(number)
            assert (played.score.refused, played.score.missing, played.score.matched) == (None, [], 3)
    assert len(sound_of(seen)) > 48_000
    assert sound_of(seen).strip(b"\0")


async def test_what_the_app_said_is_whole_again_too(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    record, _ = spoken
    recording = load(stage.data, record["id"])
    said = [json.loads(message.payload or b"") for message in recording.messages() if message.event.type == "input_audio_buffer.append"]
    sound = b"".join(b64decode(event["audio"]) for event in said)
    whole = b"".join(speak(words) + silence(700) for words in ("Hello there", "What is the weather in Paris"))
    assert len(sound) == len(whole)
    assert sound == whole
    assert [note.split(":")[0] for note in recording.notes()] == ["the user's sound", "the model's sound"]


@pytest.mark.parametrize("chunk", [960, 4_802, 1 << 20])
async def test_sound_in_other_pieces(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]], chunk: int) -> None:
    record, seen = spoken
    async with stage.served(record["id"]) as served:
        assert await replayapps.spoken(served.base_url, ANY, chunk=chunk) == seen
        assert (await served.one()).score.short == 0


async def test_at_the_pace_of_then(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    record, seen = spoken
    async with stage.served(record["id"], manner=Manner(strict=True)) as served:
        assert await replayapps.spoken(served.base_url, ANY) == seen


async def test_another_word_is_refused_with_what_was_expected(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    record, _ = spoken
    async with stage.served(record["id"]) as served:
        with pytest.raises(Exception, match=r"not as recorded: session\.update") as ended:
            await replayapps.spoken(served.base_url, ANY, voice="cedar")
        assert isinstance(ended.value, ConnectionClosed)
        played = await served.one()
    assert played.score.refused == 'session.update: $.session.audio.output.voice is "cedar", recorded (message 2) is "marin"'
    assert played.close == 1008


async def test_another_word_is_let_pass_unless_it_is_strict(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    record, seen = spoken
    async with stage.served(record["id"], manner=Manner(pace=0)) as served:
        assert await replayapps.spoken(served.base_url, ANY, voice="cedar") == seen
        played = await served.one()
    assert [str(other) for other in played.score.differing] == [
        'session.update: $.session.audio.output.voice is "cedar", recorded (message 2) is "marin"'
    ]
    assert (played.score.missing, played.score.n_unexpected) == ([], 0)


async def test_beta_names(stage: Stage) -> None:
    seen = await replayapps.beta(stage.proxy.base_url, KEY)
    record = await stage.recorded()
    async with stage.served(record["id"]) as served:
        assert await replayapps.beta(served.base_url, ANY) == seen
    assert any(b"response.audio.delta" in message for message in seen)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
async def test_the_sound_of_telephones(stage: Stage, law: str) -> None:
    """Two codes can mean the same sample, so it is samples that are the same."""
    seen, said = await replayapps.telephone(stage.proxy.base_url, KEY, law)
    record = await stage.recorded()
    decode = LAWS[law].decode
    async with stage.served(record["id"]) as served:
        again, _ = await replayapps.telephone(served.base_url, ANY, law)
    assert decode(sound_of(again)) == decode(sound_of(seen))
    assert len(sound_of(seen)) > 8_000
    assert [json.loads(message)["type"] for message in again] == [json.loads(message)["type"] for message in seen]
    messages = load(stage.data, record["id"]).messages(("client",))
    appended = [json.loads(message.payload or b"") for message in messages if message.event.type == "input_audio_buffer.append"]
    assert decode(b"".join(b64decode(event["audio"]) for event in appended)) == decode(said)


async def test_an_interrupted_answer_and_ids_that_the_app_made_up(stage: Stage) -> None:
    """They are others each time, and the app hears those of this time."""
    seen = await replayapps.interrupting(stage.proxy.base_url, KEY, "slow/gpt-realtime")
    record = await stage.recorded()
    async with stage.served(record["id"], manner=Manner(pace=0.5, strict=True)) as served:
        again = await replayapps.interrupting(served.base_url, ANY, "gpt-realtime")
        score = (await served.one()).score
    assert (score.refused, score.missing) == (None, [])
    assert {name for name in ("own-0", "own-3", "own-4") if name in str(seen)} == {"own-0", "own-3", "own-4"}
    assert [without_sound(json.loads(message)) for message in again] == [without_sound(json.loads(message)) for message in seen]


async def test_an_answer_that_somebody_spoke_into(stage: Stage) -> None:
    """The server hears it when the app has spoken again, and not before."""
    seen = await replayapps.speaking_up(stage.proxy.base_url, KEY, "slow/gpt-realtime")
    record = await stage.recorded()
    async with stage.served(record["id"]) as served:
        again = await replayapps.speaking_up(served.base_url, ANY, "gpt-realtime")
        score = (await served.one()).score
    assert (score.refused, score.missing, score.short) == (None, [], 0)
    assert b'"reason":"turn_detected"' in b"".join(seen)
    assert [without_sound(json.loads(message)) for message in again] == [without_sound(json.loads(message)) for message in seen]


def without_sound(event: dict[str, Any]) -> dict[str, Any]:
    """What nobody heard of an interrupted answer is not in the recording."""
    return {**event, "delta": len(event["delta"])} if event["type"] == "response.output_audio.delta" else event


async def test_gemini(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS, which its client insists on; the end is that of the recording."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stage.data / "ca" / "mitmproxy-ca-cert.pem"))
    seen, code = await replayapps.gemini(stage.proxy.url("", "https"), KEY, SPEECH)
    record = await stage.recorded()
    assert (record["dialect"], record["close"]["side"]) == ("gemini", "upstream")
    async with stage.served(record["id"], tls=True) as served:
        again = await replayapps.gemini(f"https://{served.address}", ANY, SPEECH)
        played = await served.one()
    assert again == (seen, code)
    assert (played.score.refused, played.close) == (None, 1011)


async def test_a_client_that_comes_back_gets_the_next_session(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    first, seen = spoken
    seen_then = await replayapps.beta(stage.proxy.base_url, KEY)
    second = await stage.recorded()
    async with stage.served(first["id"], second["id"], times=3) as served:
        assert await replayapps.spoken(served.base_url, ANY) == seen
        assert await replayapps.beta(served.base_url, ANY) == seen_then
        assert await replayapps.spoken(served.base_url, ANY) == seen
        await served.one(3)
    assert [played.session for played in served.played] == [first["id"], second["id"], first["id"]]


async def test_what_policies_did_is_replayed(stage: Stage) -> None:
    """A redacted message matches by its kind, a stopped one is refused again, and the end comes with its error and its code."""

    async def rude(url: str, key: str) -> tuple[list[Any], int | None]:
        got: list[Any] = []
        headers = {"Authorization": f"Bearer {key}"}
        async with connect(url, additional_headers=headers, compression=None) as socket:
            for words in ("Charge 4111 1111 1111 1111", "forbidden fruit", "blast you"):
                item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
                await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            with pytest.raises(ConnectionClosed):
                while True:
                    got.append(json.loads(await socket.recv()))
        return got, socket.close_code

    seen = await rude(f"{stage.proxy.url('/v1/realtime')}?model=gpt-realtime", KEY)
    record = await stage.recorded()
    assert seen[1] == 1008
    async with stage.served(record["id"]) as served:
        assert await rude(f"{served.url}?model=gpt-realtime", ANY) == seen
        score = (await served.one()).score
    assert (score.matched, score.missing, score.refused) == (3, [], None)


async def test_behind_the_proxy_it_is_a_provider_for_tests_of_an_app(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    """What the app does is recorded again, and can be asserted."""
    record, seen = spoken
    async with stage.served(record["id"]) as served:
        provider = f'providers:\n  mock: {{kind: simulator, url: "http://{served.address}"}}\n'
        route = 'routes:\n  - {name: mock, match: {model: "mock/*"}, provider: mock}\n'
        async with reloaded(stage.proxy, "providers:\n", provider), reloaded(stage.proxy, "routes:\n", route):
            assert await replayapps.spoken(stage.proxy.base_url, KEY, model="mock/gpt-realtime") == seen
            again = await stage.recorded()
    conditions = ("turns=3", "tool get_weather city=Paris", "status=completed", 'said ~ "sunny"', "close.code=1000")
    await command("assert", again["id"], *conditions, "--data", str(stage.data))
    await command("diff", record["id"], again["id"], "--only", "turns,text,tools,usage", "--data", str(stage.data))


async def test_many_at_once(stage: Stage, spoken: tuple[dict[str, Any], list[bytes]]) -> None:
    record, seen = spoken
    async with stage.served(record["id"], manner=FAST) as served:
        found = await asyncio.gather(*(replayapps.spoken(served.base_url, ANY) for _ in range(5)))
    assert found == [seen] * 5
