"""Policies in force between a client and a provider: what is redacted, stopped or ended, and what is told and kept of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from collections.abc import Callable

import pytest
import pytest_asyncio
from policed import CARD
from policed import PACED
from policed import Stage
from policed import policed
from policed import words_of
from proxying import close_of
from recorded import named
from recorded import shown
from reloading import reloaded
from talking import Event
from talking import message
from websockets import ConnectionClosedError
from websockets import ConnectionClosedOK

from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
TEXT_ONLY = ["text"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with policed(tmp_path_factory.mktemp("policed")) as made:
        yield made


async def test_only_the_number_is_changed_in_what_a_client_says(stage: Stage) -> None:
    said = (
        '{ "event_id":"e\\u0031",\t"type" : "conversation.item.create" ,\n "item":{"type":"message","role":"user",'
        f'"content":[{{"type":"input_text","text":"caf\\u00e9 \\ud83d\\ude00 {CARD}, please"}}]}}  }}'
    )
    async with stage.talk("client item") as talk:
        await talk.socket.send(said)
        await talk.until("conversation.item.done")
        await talk.socket.send(plain := said.replace(CARD, "4111 1111 1111 1112"))
        await talk.until("conversation.item.done")
    assert talk.upstream == [said.replace(CARD, "[card]"), plain]
    [found] = talk.findings
    assert (found["policy"], found["action"], found["direction"]) == ("cards", "redact", "client")
    assert found["path"] == "$.item.content[0].text"
    assert found["excerpt"] == "café 😀 [card], please"


@pytest.mark.parametrize("modality", ["audio", "text"])
@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_number_that_comes_in_pieces_and_every_final_word_of_it(stage: Stage, modality: str, dialect: str) -> None:
    headers = {"OpenAI-Beta": "realtime=v1"} if dialect == "beta" else {}
    asked = {"modalities": [modality]} if dialect == "beta" else {"output_modalities": [modality]}
    async with stage.talk(f"pieces {dialect} {modality}", **headers) as talk:
        await talk.text("Is my card fine?")
        response = await talk.ask(**asked)
    kind = {"audio": "audio_transcript", "text": "text"}[modality]
    kind = f"response.{'' if dialect == 'beta' else 'output_'}{kind}"
    said = "Your card [card] is fine. Is there more?"
    assert "".join(event["delta"] for event in talk.all(f"{kind}.delta")) == said
    assert [event.get("transcript", event.get("text")) for event in talk.all(f"{kind}.done")] == [said]
    [part] = [event["part"] for event in talk.all("response.content_part.done")]
    assert part.get("transcript", part.get("text")) == said
    [ended] = talk.all("response.output_item.done")
    assert words_of({"output": [ended["item"]]}) == words_of(response) == [said]
    assert not any("1111" in json.dumps(event) for event in talk.heard)
    assert talk.shown.said == [said]
    assert talk.hits() == [("cards", "enforce", True)]
    assert talk.findings[0]["detail"]["response_id"] == response["id"]


async def test_a_tool_that_is_not_listed(stage: Stage) -> None:
    async with stage.talk("tools") as talk:
        session = {"type": "realtime", "tools": [WEATHER, {**WEATHER, "name": "wire_money"}]}
        await talk.say("session.update", event_id="e7", session=session)
        error = (await talk.until("error"))["error"]
        assert (error["event_id"], error["code"]) == ("e7", "policy_violation")
        assert error["message"] == "this tool is not allowed (policy tools)"
        assert (await talk.update(tools=[WEATHER]))["tools"] == [WEATHER]
        await talk.text("Hello?")
        assert (await talk.ask())["status"] == "completed"
    assert [event["session"]["tools"] for event in talk.sent("session.update")] == [[WEATHER]]
    assert talk.hits() == [("tools", "enforce", True)]


async def test_an_answer_that_is_blocked(stage: Stage) -> None:
    """No word and no sound of it crosses from there on; it is cancelled, ends, and is paid for; the next one is heard."""
    async with stage.talk("blocked", PACED) as talk:
        await talk.text("Tell me a story.")
        response = await talk.ask()
        await talk.text("Hello?")
        after = await talk.ask(output_modalities=TEXT_ONLY)
    [error] = talk.all("error")
    assert (error["error"]["code"], error["error"]["message"]) == ("policy_violation", "not for these ears (policy keeper)")
    assert [event["response_id"] for event in talk.sent("response.cancel")] == [response["id"]]
    rest = talk.heard[talk.heard.index(error) + 1 :]
    rest = rest[: [event["type"] for event in rest].index("response.done")]
    assert [event for event in rest if event["type"].endswith(".delta") or "story" in json.dumps(event)] == []
    assert not any("keeper who" in json.dumps(event) for event in talk.heard)
    assert (response["status"], response["output"]) == ("cancelled", [])
    assert (after["status"], words_of(after)) == ("completed", ["I heard you say: Hello?"])
    first, second = talk.shown.turns
    assert {name: first["usage"][name] for name in ("input_tokens", "output_tokens")} == {
        name: response["usage"][name] for name in ("input_tokens", "output_tokens")
    }
    assert first["cost"]["usd"] > 0
    assert "ships" not in talk.shown.text
    assert second["output"] == "I heard you say: Hello?"
    assert talk.hits() == [("keeper", "enforce", True)]


async def test_an_answer_that_was_over_before_it_could_be_cancelled(stage: Stage) -> None:
    """The provider refuses the cancel; that is no concern of the client, which did not ask for it."""
    async with stage.talk("blocked late") as talk:
        await talk.text("Tell me a story.")
        await talk.ask()
        await talk.update(instructions="Go on.")
        await talk.update(instructions="And on.")
    [error] = talk.all("error")
    assert error["error"]["code"] == "policy_violation"


async def test_a_session_that_a_policy_closes(stage: Stage) -> None:
    async with stage.talk("closed") as talk:
        await talk.say("conversation.item.create", event_id="e9", item=message("oh blast you"))
        error = await talk.until("error")
        assert error["error"]["code"] == "policy_violation"
        assert await close_of(talk.socket) == (1008, "mind your language (policy rude)")
        upstream = stage.simulators["quick"].connections[-1]
        await upstream.ended.wait()
    assert upstream.messages == []
    assert (upstream.close_code, upstream.close_reason) == (1008, "mind your language (policy rude)")
    assert talk.shown.close == (1008, "mind your language (policy rude)", "proxy")
    assert talk.hits() == [("rude", "enforce", True)]


async def test_what_is_only_noted(stage: Stage) -> None:
    async with stage.talk("noted") as talk:
        for words in ("I am platinum", "the fire alarm rings", "take an umbrella"):
            await talk.text(words)
            await talk.until("conversation.item.done")
    assert [event["item"]["content"][0]["text"] for event in talk.sent("conversation.item.create")] == [
        "I am platinum",
        "the fire alarm rings",
        "take an umbrella",
    ]
    assert talk.shown.session["tags"] == ["vip"]
    told = [(found["policy"], found["severity"], found["direction"]) for found in talk.findings]
    assert [one[:2] for one in told if one[2] == "client"] == [("vip", "medium"), ("smoke", "critical"), ("rain", "medium")]
    assert ("rain", "monitor", False) in talk.hits()


async def test_a_policy_that_is_switched_on_counts_for_open_sessions(stage: Stage) -> None:
    async with stage.talk("switched") as talk:
        await talk.text("my umbrella")
        await talk.until("conversation.item.done")
        async with reloaded(stage.proxy, "id: rain, mode: monitor", "id: rain, mode: enforce"):
            await talk.text("your umbrella")
            assert (await talk.until("error"))["error"]["message"].endswith("(policy rain)")
        await talk.text("her umbrella")
        await talk.until("conversation.item.done")
    assert [event["item"]["content"][0]["text"] for event in talk.sent("conversation.item.create")] == ["my umbrella", "her umbrella"]
    assert talk.hits() == [("rain", "monitor", False), ("rain", "enforce", True), ("rain", "monitor", False)]


@pytest.mark.parametrize("from_client", [True, False])
async def test_the_reason_of_a_close_is_looked_at_too(stage: Stage, from_client: bool) -> None:
    if from_client:
        async with stage.talk("reason of the client") as talk:
            await talk.socket.close(4000, f"charge {CARD}")
        seen = stage.simulators["quick"].connections[-1]
        await seen.ended.wait()
        assert (seen.close_code, seen.close_reason) == (4000, "charge [card]")
        assert talk.shown.close == (4000, "charge [card]", "client")
        assert [(found["policy"], found["event_type"], found["path"]) for found in talk.findings] == [("cards", "close", "$.reason")]
    else:
        async with stage.proxy.connect("/brief/v1/realtime?model=keeper", headers=named("reason of the provider")) as socket:
            assert await close_of(socket) == (4001, "charge [card]")
        assert (await shown(stage.proxy.data, "reason of the provider")).close == (4001, "charge [card]", "upstream")


DOUBTFUL = '{"type":"conversation.item.create","event_id":"e3","item":{"type":"message","role":"user","content":[],"content":%s}}'


def unclear() -> str:
    return DOUBTFUL % json.dumps(message("Hi")["content"])


def too_much() -> str:
    """Work for the policy `slow` that takes many times the time there is for it."""
    pieces = "".join("ab"[bit == "1"] for number in range(4_000) for bit in f"{(number * 2_654_435_761) % 65_536:016b}"[:5])
    return json.dumps({"type": "conversation.item.create", "event_id": "e3", "item": message(pieces)})


@pytest.mark.parametrize(("made", "why"), [(unclear, "duplicate key 'content'"), (too_much, "not asked within")])
async def test_a_message_that_cannot_be_judged(stage: Stage, made: Callable[[], str], why: str) -> None:
    said = made()
    async with stage.talk(f"unjudged {why}") as talk:
        await talk.socket.send(said)
        error = (await talk.until("error"))["error"]
        assert (error["event_id"], error["code"]) == ("e3", "policy_failed")
        async with reloaded(stage.proxy, "on_error: block", "on_error: pass"):
            await talk.socket.send(said)
            await talk.until("conversation.item.done")
        await talk.text("Hello?")
        await talk.until("conversation.item.done")
    assert talk.upstream[0] == said
    assert len(talk.upstream) == 2
    assert {(found["action"], found["detail"]["applied"]) for found in talk.findings} == {("block", True), ("warn", False)}
    assert [found["detail"]["reason"] for found in talk.findings if why not in found["detail"]["reason"]] == []


@pytest.mark.parametrize("first", ["type", "Type"])
async def test_words_do_not_hide_behind_sound(stage: Stage, first: str) -> None:
    item = json.dumps(message(f"it is {CARD}"))
    sound = f'"type":"input_audio_buffer.append","audio":"{"A" * 2_000}"'
    async with stage.talk(f"hidden {first}") as talk:
        for said in (f'{{"{first}":"conversation.item.create","item":{item},{sound}}}', f'{{{sound},"{first}":"x","item":{item}}}'):
            await talk.socket.send(said)
            assert (await talk.until("error"))["error"]["code"] == "policy_failed"
    assert talk.upstream == []


async def test_held_words_come_before_the_close_of_their_side(stage: Stage) -> None:
    heard = await everything(stage, "ends")
    assert "".join(event["delta"] for event in heard) == "So it is [card]"
    assert (await shown(stage.proxy.data, "ends")).close == (1000, "enough", "upstream")


async def test_held_words_come_before_a_close_of_our_own(stage: Stage) -> None:
    heard: list[Event] = []
    async with stage.proxy.connect("/brief/v1/realtime?model=talks", headers=named("talks")) as socket:
        heard.append(json.loads(await socket.recv()))
        await socket.send(json.dumps({"type": "conversation.item.create", "item": message("oh blast you")}))
        with pytest.raises(ConnectionClosedError):
            while True:
                heard.append(json.loads(await socket.recv()))
        assert (socket.close_code, socket.close_reason) == (1008, "mind your language (policy rude)")
    *words, error = heard
    assert "".join(event["delta"] for event in words) == "So it is [card] as far as we know"
    assert error["error"]["code"] == "policy_violation"
    found = await shown(stage.proxy.data, "talks")
    assert found.close == (1008, "mind your language (policy rude)", "proxy")
    assert "So it is [card] as far as we know" in found.text


async def test_sound_of_an_answer_with_a_message_that_cannot_be_judged(stage: Stage) -> None:
    sound, error = await everything(stage, "doubtful")
    assert (sound["type"], sound["delta"]) == ("response.output_audio.delta", "AAAA")
    assert error["error"]["code"] == "policy_failed"


async def everything(stage: Stage, model: str) -> list[Event]:
    """What a provider says that closes of its own accord."""
    heard = []
    async with stage.proxy.connect(f"/brief/v1/realtime?model={model}", headers=named(model)) as socket:
        with pytest.raises(ConnectionClosedOK):
            while True:
                heard.append(json.loads(await socket.recv()))
        assert (socket.close_code, socket.close_reason) == (1000, "enough")
    return heard


async def test_no_card_is_anywhere_in_the_data_folder_or_the_operators_log(stage: Stage) -> None:
    """Texts are encrypted on the disk, so they are looked at as they are shown, too."""
    reader = LogReader(stage.proxy.data)
    names = [session["grouping"] for session in reader.sessions(limit=None)]
    texts = [(await shown(stage.proxy.data, name)).text for name in names]
    findings = json.dumps(reader.findings(limit=None), ensure_ascii=False)
    assert any("[card]" in text for text in texts)
    assert "[card]" in findings
    files = [path.read_bytes() for path in stage.proxy.data.rglob("*") if path.is_file()]
    kept = [*files, *(text.encode() for text in (*texts, findings, *stage.proxy.output))]
    assert [one for one in kept if b"1111 1111" in one] == []
