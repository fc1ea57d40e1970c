"""The beta dialect: every event judged by the beta types of the openai package, every beta field understood."""

from __future__ import annotations

from typing import Any

from conversing import Talk
from conversing import appends
from openai.types.beta.realtime.realtime_server_event import RealtimeServerEvent
from openai.types.beta.realtime.session import Session
from openai.types.beta.realtime.transcription_session import TranscriptionSession
from strict_ga import by_type
from strict_ga import unknown

from simulator import beta
from simulator import transcription
from simulator.audio import silence
from simulator.audio import speak
from simulator.script import Script

_BETA = by_type(RealtimeServerEvent)
_SERVER_ONLY = {"object", "expires_at"}
FLAT = {
    "modalities": ["text", "audio"],
    "voice": "alloy",
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
    "temperature": 0.7,
    "max_response_output_tokens": 400,
    "tools": [{"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}],
}


class BetaTalk(Talk):
    """A conversation in beta words; `speak` is what a beta client sends and sees."""

    def speak(self, *events: dict[str, Any]) -> list[dict[str, Any]]:
        return [judged(written) for sent in events for event in self.say(beta.read(sent)) for written in beta.write(event)]


def judged(event: dict[str, Any]) -> dict[str, Any]:
    found = unknown(_BETA[event["type"]].model_validate(event))
    assert {path.rpartition(".")[2] for path in found} <= (_SERVER_ONLY if "session" in event else set()), (found, event)
    if event["type"].startswith("session."):
        Session.model_validate(event["session"])
    return event


def test_session_is_flat_both_ways():
    talk = BetaTalk()
    (created, conversation) = [judged(written) for event in talk.greeting for written in beta.write(event)]
    assert (created["session"]["modalities"], created["session"]["voice"]) == (["audio", "text"], "marin")
    assert conversation["type"] == "conversation.created"
    (updated,) = talk.speak({"type": "session.update", "session": FLAT})
    session = updated["session"]
    assert {key: session[key] for key in ("voice", "input_audio_format", "max_response_output_tokens")} == {
        "voice": "alloy",
        "input_audio_format": "g711_ulaw",
        "max_response_output_tokens": 400,
    }
    assert session["turn_detection"]["silence_duration_ms"] == 300


def test_voice_turn_in_beta_names():
    talk = BetaTalk()
    talk.speak({"type": "session.update", "session": {"voice": "alloy", "input_audio_transcription": {"model": "whisper-1"}}})
    events = talk.speak(*appends(speak("Hello can you hear me") + silence(800)))
    seen = {event["type"] for event in events}
    assert {"conversation.item.created", "response.audio.delta", "response.audio.done", "response.audio_transcript.done"} <= seen
    assert not seen & {"conversation.item.added", "conversation.item.done", "response.output_audio.delta"}
    done = next(event for event in events if event["type"] == "response.done")["response"]
    assert done["output"][0]["content"][0]["type"] == "audio"
    assert (done["modalities"], done["output_audio_format"]) == (["audio", "text"], "pcm16")
    assert "cached_tokens_details" not in done["usage"]["input_token_details"]


def test_text_and_tools_in_beta_names():
    talk = BetaTalk()
    talk.speak({"type": "session.update", "session": {**FLAT, "modalities": ["text"]}})
    past = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Earlier."}]}
    (created,) = talk.speak({"type": "conversation.item.create", "item": past})
    assert created["item"]["content"] == [{"type": "text", "text": "Earlier."}]
    ask = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "The weather?"}]}
    talk.speak({"type": "conversation.item.create", "item": ask})
    events = talk.speak({"type": "response.create"})
    assert "name" not in next(event for event in events if event["type"] == "response.function_call_arguments.done")
    written = talk.speak({"type": "response.create", "response": {"modalities": ["text"], "tool_choice": "none", "temperature": 1}})
    assert "response.text.delta" in {event["type"] for event in written}


def test_errors_name_beta_parameters():
    talk = BetaTalk()
    (refused,) = talk.speak({"type": "session.update", "session": {"input_audio_format": "mp3"}})
    assert refused["error"]["param"] == "session.input_audio_format.type"
    (refused,) = talk.speak({"type": "session.update", "session": {"audio_in": 1}})
    assert (refused["error"]["code"], refused["error"]["param"]) == ("unknown_parameter", "session.audio_in")


def test_transcription_session_in_beta_names():
    talk = BetaTalk(transcription.TranscriptionSession, script=Script(transcripts=("Hi.",)))
    (created, _) = [event for greeting in talk.greeting for event in beta.write(greeting)] + [None]
    assert created is not None
    assert created["type"] == "transcription_session.created"
    update = {"input_audio_transcription": {"model": "whisper-1"}, "turn_detection": None, "input_audio_format": "pcm16"}
    (event,) = talk.say(beta.read({"type": "transcription_session.update", "session": update}))
    (updated,) = beta.write(event)
    minted = {"client_secret": {"value": "only in REST answers", "expires_at": 1}}
    found = unknown(TranscriptionSession.model_validate({**updated["session"], **minted}))
    assert set(found) == {".object", ".id", ".expires_at", ".input_audio_noise_reduction"}
    assert updated["type"] == "transcription_session.updated"
    assert updated["session"]["input_audio_transcription"] == {"model": "whisper-1"}
