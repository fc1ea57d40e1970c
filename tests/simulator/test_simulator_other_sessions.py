"""Transcription, translation and Live sessions without I/O."""

from __future__ import annotations

import pytest
from conversing import Talk
from conversing import appends
from conversing import error
from conversing import kinds
from conversing import only
from openai.types.live import ServerEvent
from strict_ga import by_type
from strict_ga import judge_translation
from strict_ga import unknown

from realtime.audio import AudioFormat
from simulator.audio import silence
from simulator.audio import speak
from simulator.live import LiveSession
from simulator.script import Script
from simulator.transcription import TranscriptionSession
from simulator.translation import TranslationSession

_LIVE = by_type(ServerEvent)
TURN = "conversation.item.input_audio_transcription"


def judge_live(event):
    assert unknown(_LIVE[event["type"]].model_validate(event)) == [], event


def test_transcription_session_writes_and_never_answers():
    talk = Talk(TranscriptionSession, script=Script(transcripts=("One.", "Two three.")))
    assert talk.greeting[0]["session"]["type"] == "transcription"
    update = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-live-transcribe", "language": "en"}}}}
    updated = talk.say({"type": "session.update", "session": update})[0]["session"]
    assert updated["audio"]["input"]["transcription"] == {"model": "gpt-live-transcribe", "language": "en"}
    assert "create_response" not in updated["audio"]["input"]["turn_detection"]
    for words in ("One.", "Two three."):
        events = talk.voice()
        assert kinds(events)[-2:] == [f"{TURN}.delta", f"{TURN}.completed"]
        assert "".join(event["delta"] for event in events if event["type"] == f"{TURN}.delta") == words
        assert only(events, f"{TURN}.completed")["transcript"] == words
    assert error(talk.say({"type": "response.create"}))["param"] == "type"


def test_transcription_by_the_minute_and_by_hand():
    talk = Talk(TranscriptionSession)
    audio = {"input": {"transcription": {"model": "gpt-realtime-whisper"}, "turn_detection": None}}
    talk.say({"type": "session.update", "session": {"type": "transcription", "audio": audio}})
    talk.say(*appends(silence(1_000)))
    completed = only(talk.say({"type": "input_audio_buffer.commit"}), f"{TURN}.completed")
    assert completed["usage"] == {"type": "duration", "seconds": 1.0}


def test_translation_speaks_what_it_hears_and_says_goodbye():
    talk = Talk(TranslationSession, check=judge_translation, script=Script(transcripts=("Hi.",), translations=("Salut.",)), pace=1)
    assert kinds(talk.greeting) == ["session.created"]
    audio = {"input": {"transcription": {"model": "gpt-realtime-whisper"}}, "output": {"language": "fr"}}
    updated = only(talk.say({"type": "session.update", "session": {"audio": audio}}), "session.updated")["session"]
    assert updated["audio"]["output"] == {"language": "fr"}
    heard = talk.say(*appends(speak("Hi there friend") + silence(400), "session.input_audio_buffer.append"))
    assert [event["delta"] for event in heard] == ["Hi."]
    assert talk.say({"type": "session.close"}) == []
    rest = talk.wait(10)
    assert kinds(rest) == ["session.output_transcript.delta", "session.output_audio.delta", "session.closed"]
    assert talk.closed is not None
    assert talk.closed.code == 1000


def test_translation_refuses_what_is_not_its_own():
    talk = Talk(TranslationSession, check=judge_translation)
    assert error(talk.say({"type": "response.create"}))["code"] == "invalid_value"
    assert kinds(talk.say({"type": "session.close"})) == ["session.closed"]


def live(**options):
    return Talk(LiveSession, check=judge_live, **options)


def test_live_waits_for_its_start():
    talk = live()
    assert talk.greeting == []
    refused = error(talk.say({"type": "session.input_audio.append", "audio": "", "event_id": "x"}))
    assert (refused["code"], refused["client_event_id"]) == ("session_not_started", "x")
    assert error(talk.say({"type": "session.start", "session": {}}))["param"] == "session.model"
    started = talk.say({"type": "session.start", "session": {"model": "gpt-live-1", "instructions": "Be brief."}, "event_id": "s"})[0]
    assert (started["type"], started["client_event_id"], started["session"]["status"]) == ("session.started", "s", "active")
    assert error(talk.say({"type": "session.start", "session": {"model": "gpt-live-1"}}))["code"] == "session_already_started"
    assert error(talk.say({"type": "decision.create"}))["code"] == "unsupported_event"


@pytest.mark.parametrize("form", [{"type": "audio/pcm", "rate": 16_000}, {"type": "audio/pcma", "rate": 8_000}])
def test_live_seconds_add_up_and_answers_stop_when_the_user_talks(form):
    heard = AudioFormat("pcm16", 16_000) if form["rate"] == 16_000 else AudioFormat("pcma", 8_000)
    talk = live(pace=1, script=Script(transcripts=("Tell me a story",)))
    talk.say({"type": "session.start", "session": {"model": "gpt-live-1", "audio": {"format": form}}})
    asked = appends(speak("Tell me a story please", heard) + silence(800, heard), "session.input_audio.append")
    assert kinds(talk.say(*asked)) == ["session.input_transcript.delta"]
    assert "session.output_audio.delta" in kinds(talk.wait(3))
    talk.say(*appends(speak("Stop please now", heard), "session.input_audio.append"))
    assert talk.wait(5) == []
    assert kinds(talk.say(*appends(silence(800, heard), "session.input_audio.append"))) == ["session.input_transcript.delta"]
    usage = only(talk.wait(60), "session.usage.updated")["usage"]["seconds"]
    assert usage > 15
    closed = only(talk.say({"type": "session.close", "event_id": "bye"}), "session.closed")
    assert (closed["reason"], closed["client_event_id"]) == ("close_requested", "bye")
    assert closed["usage"]["seconds"] == 68.0


def test_live_mute_and_notes():
    talk = live()
    talk.say({"type": "session.start", "session": {"model": "gpt-live-1"}})
    assert kinds(talk.say({"type": "session.input_audio.mute"})) == ["session.input_audio.muted"]
    assert talk.say(*appends(speak("Nobody hears this") + silence(900), "session.input_audio.append")) == []
    assert kinds(talk.say({"type": "session.input_audio.unmute"})) == ["session.input_audio.unmuted"]
    for what in ("instructions", "thinking", "commentary"):
        assert kinds(talk.say({"type": f"session.{what}.append", "content": "note"})) == [f"session.{what}.appended"]
    assert kinds(talk.say({"type": "session.update", "session": {"delegation": {"type": "client"}}})) == ["session.updated"]
