"""Whole conversations through the real proxy with the GA simulator: what was said is heard verbatim, and the log tells it as it was.

Latencies are compared with what the client itself measured around them, never with a number.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import Record
from recorded import Shown
from recorded import named
from recorded import shown
from talking import Event
from talking import Talk
from talking import message

from simulator import Simulator
from simulator.script import STORY

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVIDERS = """
providers:
  quick: {{kind: openai, url: "http://{quick}"}}
  paced: {{kind: openai, url: "http://{paced}"}}
"""
PACE = 0.2
"""Of the simulator whose answers last long enough to be interrupted."""
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"type": "function", "name": "localTime", "parameters": {"type": "object", "properties": {}}}
SPOKEN = {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": {"type": "server_vad"}}
TOTALS = ("input_tokens", "output_tokens", "total_tokens")


@dataclass
class Recorder:
    """The proxy of this module. A conversation fills in `found`, its record, when it is over."""

    proxy: Proxy

    @asynccontextmanager
    async def conversation(self, name: str, path: str = "/quick/v1/realtime?model=gpt-realtime") -> AsyncIterator[Conversation]:
        begun = time.monotonic()
        async with self.proxy.connect(path, headers=named(name)) as socket:
            made = Conversation(socket)
            yield made
        made.wall_ms = 1000 * (time.monotonic() - begun)
        made.found = await shown(self.proxy.data, name)


class Conversation(Talk):
    """What was said, what the client measured, and at the end what was recorded."""

    found: Shown
    wall_ms: float

    @property
    def turn(self) -> Record:
        """The only turn."""
        (turn,) = self.found.turns
        return turn


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recorder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Recorder]:
    async with AsyncExitStack() as running:
        quick = await running.enter_async_context(Simulator(pace=0))
        paced = await running.enter_async_context(Simulator(pace=PACE))
        rules = RULES + PROVIDERS.format(quick=quick.address, paced=paced.address)
        yield Recorder(await running.enter_async_context(started_proxy(tmp_path_factory.mktemp("talks"), rules)))


def billed(turn: Record, response: Event) -> None:
    """The turn is the response, with the tokens that the provider reported, at a price with its source."""
    assert turn["id"] == response["id"]
    reported = response["usage"]
    assert {name: turn["usage"][name] for name in TOTALS} == {name: reported[name] for name in TOTALS}
    assert turn["cost"]["priced"]
    assert "genai-prices" in turn["cost"]["source"]


def added_up(talk: Conversation) -> None:
    """The session's totals are those of its turns, transcriptions included, and so is its cost."""
    rows = [row for turn in talk.found.turns for row in (turn["usage"], turn["transcription_usage"]) if row]
    session = talk.found.session
    assert {name: session["usage"][name] for name in TOTALS} == {name: sum(row[name] for row in rows) for name in TOTALS}
    assert session["cost"]["usd"] == pytest.approx(sum(turn["cost"]["usd"] for turn in talk.found.turns))
    assert session["turns"] == len(talk.found.turns)


def plausible(talk: Conversation, turn: Record, *names: str) -> None:
    """These latencies were taken, and lie within what the client measured of the whole session."""
    assert {name for name in turn["clocks"] if name != "since"} >= set(names)
    assert [name for name, span in turn["clocks"].items() if name != "since" and not 0 <= span <= talk.wall_ms] == []


async def test_voice_turn_found_by_the_providers_detector(recorder: Recorder) -> None:
    async with recorder.conversation("vad") as talk:
        await talk.update(audio={"input": SPOKEN})
        seconds = await talk.voice("Hello, can you hear me?")
        response = await talk.done()
    turn = talk.turn
    assert (turn["trigger"], turn["status"], turn["clocks"]["since"]) == ("vad", "completed", "speech_stopped")
    assert (turn["input"], turn["output"]) == ("Hello, can you hear me?", "Yes, I can hear you clearly. What can I do for you?")
    assert (turn["model"], turn["voice"]) == ("gpt-realtime", "marin")
    assert turn["audio"]["in_seconds"] == pytest.approx(seconds, abs=0.001)
    heard = sum(len(event["delta"]) * 3 // 4 for event in talk.all("response.output_audio.delta")) / 48_000
    assert turn["audio"]["out_seconds"] == pytest.approx(heard, abs=0.01)
    plausible(talk, turn, "first_output", "first_audio", "response")
    assert turn["clocks"]["first_output"] <= turn["clocks"]["first_audio"]
    billed(turn, response)
    added_up(talk)


async def test_manual_voice_turn(recorder: Recorder) -> None:
    async with recorder.conversation("manual") as talk:
        await talk.update(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": None}})
        await talk.voice("Push to talk", quiet_ms=0)
        await talk.say("input_audio_buffer.commit")
        response = await talk.ask()
    turn = talk.turn
    assert (turn["trigger"], turn["status"], turn["clocks"]["since"]) == ("client", "completed", "commit")
    assert turn["input"] == "Hello, can you hear me?"
    plausible(talk, turn, "first_audio", "request_to_first_audio", "response")
    billed(turn, response)
    added_up(talk)


async def test_spoken_turn_without_a_transcript_says_so(recorder: Recorder) -> None:
    async with recorder.conversation("untold") as talk:
        await talk.voice("Hello, can you hear me?")
        await talk.done()
    assert talk.turn["input"] == "[audio transcription unavailable]"


async def test_text_turns_add_up(recorder: Recorder) -> None:
    async with recorder.conversation("text") as talk:
        await talk.update(output_modalities=["text"])
        responses = []
        for words in ("Good  morning\n", "Grüß Gott 👋"):
            await talk.text(words)
            responses.append(await talk.ask())
    assert [turn["input"] for turn in talk.found.turns] == ["Good  morning\n", "Grüß Gott 👋"]
    assert talk.found.said == ["I heard you say: Good  morning", "I heard you say: Grüß Gott 👋"]
    for turn, response in zip(talk.found.turns, responses, strict=True):
        assert (turn["trigger"], turn["status"], turn["audio"]["out_seconds"]) == ("client", "completed", 0)
        assert "first_audio" not in turn["clocks"]
        plausible(talk, turn, "first_output", "response")
        billed(turn, response)
    added_up(talk)


async def test_tool_call_and_its_result_are_linked(recorder: Recorder) -> None:
    async with recorder.conversation("tool") as talk:
        await talk.update(tools=[WEATHER])
        await talk.text("What is the weather in Paris?")
        call = (await talk.ask())["output"][0]
        await talk.result(call["call_id"], "18 degrees")
        await talk.ask()
    asked, answered = talk.found.turns
    (used,) = asked["tool_calls"]
    assert (used["call_id"], used["name"], used["arguments"]) == (call["call_id"], "get_weather", '{"city":"Paris"}')
    assert (used["result"], used["result_chars"]) == ("18 degrees", 10)
    assert 0 <= used["result_ms"] <= talk.wall_ms
    assert asked["tools"] == ["get_weather"]
    assert (answered["trigger"], answered["output"]) == ("tool", "This is what I found: 18 degrees")
    added_up(talk)


async def test_parallel_tool_calls_are_all_kept(recorder: Recorder) -> None:
    async with recorder.conversation("parallel") as talk:
        await talk.update(tools=[WEATHER, CLOCK], output_modalities=["text"])
        await talk.text("Tell me the weather and the time in Paris")
        calls = (await talk.ask())["output"]
        for call in reversed(calls):
            await talk.result(call["call_id"], f"{call['name']} done")
        await talk.ask()
    first, last = talk.found.turns
    assert [(used["name"], used["result"]) for used in first["tool_calls"]] == [
        ("get_weather", "get_weather done"),
        ("localTime", "localTime done"),
    ]
    assert last["trigger"] == "tool"


async def test_out_of_band_response_overlaps_and_takes_no_input(recorder: Recorder) -> None:
    aside = {"conversation": "none", "output_modalities": ["text"], "input": [message("Classify this")]}
    async with recorder.conversation("aside", "/paced/v1/realtime?model=gpt-realtime") as talk:
        await talk.text("Hello there")
        await talk.say("response.create")
        main = (await talk.until("response.created"))["response"]["id"]
        await talk.say("response.create", response=aside)
        await talk.done(2)
    turns = {turn["id"]: turn for turn in talk.found.turns}
    (other,) = set(turns) - {main}
    assert (turns[main]["input"], turns[main]["out_of_band"]) == ("Hello there", False)
    assert (turns[other]["output"], turns[other]["out_of_band"]) == ("I heard you say: Classify this", True)
    assert "Hello there" not in (turns[other]["input"] or "")
    assert {turn["status"] for turn in turns.values()} == {"completed"}
    added_up(talk)


async def test_barge_in(recorder: Recorder) -> None:
    async with recorder.conversation("barge-in", "/paced/v1/realtime?model=gpt-realtime") as talk:
        await talk.update(audio={"input": SPOKEN})
        await talk.text("Tell me a story")
        await talk.say("response.create")
        await talk.until("response.output_audio.delta", 3)
        await talk.voice("Stop it please", quiet_ms=0)
        cut = await talk.done()
        played = {"item_id": cut["output"][0]["id"], "content_index": 0, "audio_end_ms": 300}
        await talk.say("conversation.item.truncate", **played)
        await talk.until("conversation.item.truncated")
        await talk.voice("Stop", quiet_ms=800)
        await talk.done()
    story, after = talk.found.turns
    assert (story["status"], story["reason"]) == ("cancelled", "turn_detected")
    assert (story["interrupted"], story["truncated_ms"]) == (True, 300)
    assert story["output"] != ""
    assert STORY.startswith(story["output"])
    plausible(talk, story, "first_audio", "barge_in_to_last_audio")
    billed(story, cut)
    assert (after["trigger"], after["status"]) == ("vad", "completed")
    added_up(talk)


async def test_the_client_cancels(recorder: Recorder) -> None:
    async with recorder.conversation("cancel", "/paced/v1/realtime?model=gpt-realtime") as talk:
        await talk.text("Tell me a story")
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
        await talk.say("response.cancel")
        response = await talk.done()
    turn = talk.turn
    assert (turn["status"], turn["reason"], turn["error"]) == ("cancelled", "client_cancelled", None)
    billed(turn, response)


async def test_a_second_request_is_the_providers_to_refuse(recorder: Recorder) -> None:
    async with recorder.conversation("twice", "/paced/v1/realtime?model=gpt-realtime") as talk:
        await talk.text("Hello there")
        await talk.say("response.create")
        await talk.until("response.created")
        await talk.say("response.create", event_id="second")
        error = (await talk.until("error"))["error"]
        await talk.done()
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")
    assert talk.turn["status"] == "completed"
    assert [kept["code"] for kept in talk.found.session["errors"]] == ["conversation_already_has_active_response"]


async def test_the_answer_fails(recorder: Recorder) -> None:
    async with recorder.conversation("failed", "/quick/v1/realtime?model=gpt-realtime-sim-failed") as talk:
        await talk.text("Hello")
        response = await talk.ask()
    turn, error = talk.turn, response["status_details"]["error"]
    assert turn["status"] == "failed"
    assert (turn["error"]["type"], turn["error"]["code"]) == (error["type"], error["code"])
    assert turn["usage"] is None
    assert talk.found.session["error"] == turn["error"]
    assert talk.found.session["usage"]["total_tokens"] == 0


async def test_the_answer_is_incomplete(recorder: Recorder) -> None:
    async with recorder.conversation("incomplete") as talk:
        await talk.text("Tell me a story")
        response = await talk.ask(max_output_tokens=20)
    turn = talk.turn
    assert (turn["status"], turn["reason"]) == ("incomplete", "max_output_tokens")
    assert STORY.startswith(turn["output"])
    billed(turn, response)


async def test_the_client_leaves_in_the_middle_of_an_answer(recorder: Recorder) -> None:
    async with recorder.conversation("left", "/paced/v1/realtime?model=gpt-realtime") as talk:
        await talk.text("Tell me a story")
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
    turn = talk.turn
    assert (turn["status"], turn["reason"], turn["error"]["status"]) == ("interrupted", "client_closed", 499)
    assert talk.found.close == (1000, "", "client")
    plausible(talk, turn, "first_audio")


async def test_the_provider_is_lost_in_the_middle_of_an_answer(recorder: Recorder) -> None:
    async with recorder.conversation("lost", "/quick/v1/realtime?model=gpt-realtime-sim-drop-mid-answer") as talk:
        await talk.text("Tell me a story")
        await talk.say("response.create")
        error = await talk.until("error")
        await talk.socket.wait_closed()
    turn = talk.turn
    assert talk.socket.close_code == 1011
    assert error["error"]["type"] == "server_error"
    assert (turn["status"], turn["reason"], turn["error"]["status"]) == ("interrupted", "upstream_closed", 502)
    assert talk.found.close[2] == "upstream"


TRANSCRIBED = {
    "gpt-4o-transcribe": "tokens",
    "whisper-1": "duration",
}


@pytest.mark.parametrize("model", TRANSCRIBED)
async def test_transcription_by_tokens_and_by_seconds(recorder: Recorder, model: str) -> None:
    listening = {"type": "transcription", "audio": {"input": {"transcription": {"model": model}, "turn_detection": None}}}
    async with recorder.conversation(f"asr {model}", "/quick/v1/realtime?intent=transcription") as talk:
        await talk.say("session.update", session=listening)
        seconds = await talk.voice("Take a note", quiet_ms=0)
        await talk.say("input_audio_buffer.commit")
        reported = (await talk.until("conversation.item.input_audio_transcription.completed"))["usage"]
    turn, session = talk.turn, talk.found.session
    assert reported["type"] == TRANSCRIBED[model]
    assert (turn["trigger"], turn["status"], turn["input"]) == ("transcription", "completed", "Hello, can you hear me?")
    if reported["type"] == "tokens":
        assert {name: session["usage"][name] for name in TOTALS} == {name: reported[name] for name in TOTALS}
    else:
        assert session["usage"]["seconds"] == reported["seconds"] == pytest.approx(seconds)
    assert session["audio"]["in_seconds"] == pytest.approx(seconds, abs=0.001)
    assert session["cost"]["priced"]
    assert session["cost"]["usd"] > 0
    assert session["family"] == "transcription"


async def test_translation_is_metered_in_seconds(recorder: Recorder) -> None:
    path = "/quick/v1/realtime/translations?model=gpt-realtime-translate"
    async with recorder.conversation("translation", path) as talk:
        await talk.say("session.update", session={"audio": {"output": {"language": "fr"}}})
        seconds = await talk.voice("Hello, can you hear me?", kind="session.input_audio_buffer.append")
        await talk.say("session.close")
        await talk.until("session.closed")
        await talk.socket.wait_closed()
    session = talk.found.session
    assert (session["family"], session["turns"], talk.found.turns) == ("translation", 0, [])
    assert session["audio"]["in_seconds"] == pytest.approx(seconds, abs=0.001)
    assert session["audio"]["out_seconds"] > 0
    priced_by_time(session, seconds)
    assert talk.found.close == (1000, "", "upstream")


async def test_live_is_metered_by_the_providers_seconds(recorder: Recorder) -> None:
    async with recorder.conversation("live", "/paced/v1/live/sessions") as talk:
        await talk.say("session.start", session={"model": "gpt-live-1"})
        await talk.until("session.started")
        await talk.voice("Hello, can you hear me?", kind="session.input_audio.append")
        await talk.until("session.usage.updated")
        await talk.say("session.close")
        reported = (await talk.until("session.closed"))["usage"]["seconds"]
        await talk.socket.wait_closed()
    session = talk.found.session
    assert (session["family"], session["model"], talk.found.turns) == ("live", "gpt-live-1", [])
    assert session["usage"]["seconds"] == reported
    priced_by_time(session, reported)


def priced_by_time(session: Record, seconds: float) -> None:
    """One line, whose quantity is these seconds."""
    (line,) = session["cost"]["lines"]
    units: dict[str, Any] = {"second": 1, "minute": 60, "hour": 3600}
    assert line["quantity"] * units[line["unit"]] == pytest.approx(seconds, abs=0.001)
    assert session["cost"]["usd"] == pytest.approx(line["quantity"] * line["rate"] / line["per"])
    assert session["cost"]["usd"] > 0


async def test_what_the_proxy_itself_added_is_recorded(recorder: Recorder) -> None:
    async with recorder.conversation("added") as talk:
        await talk.update(output_modalities=["text"])
        await talk.text("Hello")
        await talk.ask()
    session = talk.found.session
    assert session["frames"]["client"]["frames"] == 3
    assert session["frames"]["upstream"]["frames"] == len(talk.heard)
    assert session["unreadable"] == {}
    assert session["lost"] == {}
    assert 0 <= session["added"]["mean_ms"] <= session["added"]["max_ms"] <= talk.wall_ms
