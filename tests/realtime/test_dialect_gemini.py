"""Gemini Live: which frames begin and end an answer, whose words are whose, which count is whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from dialect_talk import Talk

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import SessionEnded
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UsageReport
from realtime.signals import UserItem
from realtime.usage import Usage

CHUNK = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA"}}
SOUND = AudioOut(3, format=PCM16_24K)
COUNT = {"promptTokenCount": 3, "responseTokenCount": 4}
COUNTED = Usage(7, 3, 4)
TOOL = {"functionCalls": [{"id": "f1", "name": "look", "args": {"q": "é"}}]}
CALL = ToolCall("f1", "look", '{"q":"é"}')


@pytest.fixture
def talk() -> Talk:
    return Talk("gemini")


def content(talk: Talk, /, **fields: Any) -> list[Signal]:
    return list(talk.server(serverContent=fields))


def speaks(talk: Talk, words: str = "") -> list[Signal]:
    said = {"outputTranscription": {"text": words}} if words else {}
    return content(talk, modelTurn={"parts": [CHUNK]}, **said)


def mic(talk: Talk) -> Sequence[Signal]:
    return talk.client(realtimeInput={"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAAA"}})


def test_setup_and_its_confirmation(talk: Talk) -> None:
    setup = {
        "model": "projects/p/locations/l/publishers/google/models/gemini-3.8-live",
        "generationConfig": {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}},
        "tools": [{"functionDeclarations": [{"name": "look"}, {"name": "book"}]}, {"googleSearch": {}}],
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    }
    asked = SessionConfig(False, None, "gemini-3.8-live", "realtime", "Kore", ("look", "book", "googleSearch"), manual_turns=True)
    assert talk.client(setup=setup) == (asked,)
    assert talk.server(setupComplete={"sessionId": "s"}) == (SessionConfig(True, "s"),)
    assert talk.server(setupComplete={}) == (SessionConfig(True),)
    assert talk.client(contextUpdate={"tools": {"tools": [{"googleSearch": {}}]}}) == (SessionConfig(False, tools=("googleSearch",)),)


@pytest.mark.parametrize(
    ("sent", "signals"),
    [
        ({"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAAA"}}, [AudioIn(3, PCM16_16K)]),
        ({"audio": {"mimeType": "audio/pcm", "data": "AAAA"}}, [AudioIn(3, PCM16_16K)]),
        ({"audio": {"mime_type": "audio/pcm;rate=8000", "data": "AAAA"}}, [AudioIn(3, AudioFormat("pcm16", 8_000))]),
        ({"audio": {"data": "AAAA"}}, [AudioIn(3)]),
        ({"mediaChunks": [{"mimeType": "image/jpeg", "data": "AAAA"}, {"mimeType": "audio/pcm", "data": "AAAA"}]}, [AudioIn(3, PCM16_16K)]),
        ({"video": {"mimeType": "image/jpeg", "data": "AAAA"}}, []),
        ({"text": "hi"}, [UserItem(None, "hi")]),
        ({"activityStart": {}}, [SpeechStarted("input-1")]),
        ({"activityEnd": {}}, [SpeechStopped("input-1"), InputCommitted("input-1")]),
        ({"audioStreamEnd": True}, [InputCommitted("input-1")]),
        ({"audio": "AAAA"}, []),
    ],
)
def test_what_the_client_streams(talk: Talk, sent: dict[str, Any], signals: list[Signal]) -> None:
    assert list(talk.client(realtimeInput=sent)) == signals


def test_the_other_json_spelling_is_metered_as_well(talk: Talk) -> None:
    assert talk.client(realtime_input={"media_chunks": [{"mime_type": "audio/pcm", "data": "AAAA"}]}) == (AudioIn(3, PCM16_16K),)


def test_typed_turns(talk: Talk) -> None:
    turns = [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "old"}]},
        {"parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]},
    ]
    typed = (UserItem(None, "ab"), UserItem(None, "", spoken=True))
    assert talk.client(clientContent={"turns": turns}) == typed
    assert talk.client(clientContent={"turns": turns, "turnComplete": True}) == (*typed, ResponseRequested())


def test_a_spoken_turn(talk: Talk) -> None:
    mic(talk)
    assert content(talk, inputTranscription={"text": "he"}) == [UserItem("input-1", "", spoken=True), InputTranscript("input-1", "he")]
    assert content(talk, inputTranscription={"text": "llo"}) == [InputTranscript("input-1", "llo")]
    assert speaks(talk, "hi") == [ResponseStarted(None), SOUND, TextOut("hi", "transcript")]
    assert speaks(talk) == [SOUND]
    assert content(talk, generationComplete=True) == []
    assert list(talk.server(serverContent={"turnComplete": True}, usageMetadata=COUNT)) == [
        InputTranscript("input-1", "", final=True),
        ResponseFinished(None, usage=COUNTED),
    ]
    mic(talk)
    assert content(talk, inputTranscription={"text": "b", "finished": True})[0] == UserItem("input-2", "", spoken=True)


def test_speech_without_a_transcript_is_announced_when_it_is_answered(talk: Talk) -> None:
    mic(talk)
    assert speaks(talk) == [UserItem("input-1", "", spoken=True), ResponseStarted(None), SOUND]


def test_an_open_microphone_is_no_input_of_a_typed_turn(talk: Talk) -> None:
    mic(talk)
    talk.client(clientContent={"turns": [{"role": "user", "parts": [{"text": "a"}]}], "turnComplete": True})
    assert speaks(talk) == [ResponseStarted(None), SOUND]


def test_everything_in_one_frame(talk: Talk) -> None:
    signals = talk.server(
        setupComplete={},
        serverContent={
            "inputTranscription": {"text": "q", "finished": True},
            "modelTurn": {"parts": [{"text": "thinking", "thought": True}, {"text": "a"}, CHUNK, {"executableCode": {}}]},
            "outputTranscription": {"text": "a"},
            "generationComplete": True,
            "turnComplete": True,
        },
        usageMetadata=COUNT,
        goAway={"timeLeft": "9s"},
    )
    assert list(signals) == [
        SessionConfig(True),
        UserItem("input-1", "", spoken=True),
        InputTranscript("input-1", "q", final=True),
        ResponseStarted(None),
        TextOut("a"),
        SOUND,
        TextOut("a", "transcript"),
        ResponseFinished(None, usage=COUNTED),
        SessionEnded("go_away"),
    ]


def test_an_interruption_and_the_turn_complete_after_it_are_one_end(talk: Talk) -> None:
    speaks(talk, "on and")
    assert content(talk, interrupted=True) == []
    assert content(talk, outputTranscription={"text": " on"}) == [TextOut(" on", "transcript")]
    assert content(talk, inputTranscription={"text": "wait"})[1] == InputTranscript("input-2", "wait")
    cut = ResponseFinished(None, "cancelled", "turn_detected", usage=COUNTED)
    assert list(talk.server(serverContent={"turnComplete": True}, usageMetadata=COUNT)) == [InputTranscript("input-2", "", final=True), cut]
    assert speaks(talk)[0] == ResponseStarted(None)


def test_an_interruption_in_one_frame_with_its_end(talk: Talk) -> None:
    speaks(talk)
    assert content(talk, interrupted=True, turnComplete=True) == [ResponseFinished(None, "cancelled", "turn_detected")]


def test_an_interruption_that_is_never_completed_ends_with_the_next_answer_or_the_session(talk: Talk) -> None:
    cut = ResponseFinished(None, "cancelled", "turn_detected")
    speaks(talk)
    content(talk, interrupted=True)
    assert speaks(talk) == [cut, ResponseStarted(None), SOUND]
    content(talk, interrupted=True)
    assert talk.dialect.end() == (cut,)


def test_an_interruption_of_nothing(talk: Talk) -> None:
    assert content(talk, interrupted=True) == []
    assert content(talk, turnComplete=True) == []


def test_a_tool_call_ends_an_answer_and_its_turn_goes_on(talk: Talk) -> None:
    mic(talk)
    signals = talk.server(toolCall=TOOL, usageMetadata=COUNT)
    assert list(signals) == [
        UserItem("input-1", "", spoken=True),
        ResponseStarted(None),
        CALL,
        ResponseFinished(None, tools=(CALL,), usage=COUNTED, continues=True),
    ]
    assert content(talk, turnComplete=True) == []
    result = {"functionResponses": [{"id": "f1", "name": "look", "response": {"ok": True}}]}
    assert talk.client(toolResponse=result) == (ToolResult("f1", '{"ok":true}'),)
    mic(talk)
    assert speaks(talk) == [ResponseStarted(None), SOUND]
    assert content(talk, turnComplete=True) == [ResponseFinished(None)]


def test_an_open_microphone_during_a_tool_call_is_no_input(talk: Talk) -> None:
    talk.server(toolCall=TOOL)
    mic(talk)
    assert speaks(talk) == [ResponseStarted(None), SOUND]


def test_the_bookkeeping_after_a_tool_call_is_counted_apart(talk: Talk) -> None:
    talk.server(toolCall=TOOL)
    assert talk.server(serverContent={"turnComplete": True}, usageMetadata=COUNT) == (UsageReport(COUNTED),)


def test_a_tool_turn_that_ends_without_a_word(talk: Talk) -> None:
    talk.server(toolCall=TOOL)
    talk.client(toolResponse={"functionResponses": [{"id": "f1", "response": {}}]})
    assert content(talk, turnComplete=True) == [ResponseFinished(None)]


def test_a_cancelled_call_ends_its_turn(talk: Talk) -> None:
    talk.server(toolCall=TOOL)
    assert talk.server(toolCallCancellation={"ids": ["f1"]}) == (ResponseFinished(None, "cancelled", "turn_detected"),)


def test_calls_without_id_or_name(talk: Talk) -> None:
    signals = talk.server(toolCall={"functionCalls": [{"name": "look"}, {"id": "f2"}, 5]})
    assert signals[1:] == (ToolCall("look", "look", "{}"), ResponseFinished(None, tools=(ToolCall("look", "look", "{}"),), continues=True))
    assert talk.client(toolResponse={"functionResponses": [{"name": "look", "response": {}}]}) == (ToolResult("look", "{}"),)


@pytest.mark.parametrize(
    ("reason", "status", "why", "error"),
    [
        ("TURN_COMPLETE_REASON_UNSPECIFIED", "completed", None, None),
        ("MALFORMED_FUNCTION_CALL", "failed", "malformed_function_call", ProviderError("server_error", "malformed_function_call", "")),
        ("RESPONSE_REJECTED", "failed", "response_rejected", ProviderError("server_error", "response_rejected", "")),
        ("NEED_MORE_INPUT", "incomplete", "need_more_input", None),
        ("BLOCKLIST", "incomplete", "content_filter", None),
        ("GENERATED_AUDIO_SAFETY", "incomplete", "content_filter", None),
        (7, "completed", None, None),
    ],
)
def test_why_a_turn_ended(talk: Talk, reason: object, status: str, why: str | None, error: ProviderError | None) -> None:
    speaks(talk)
    (ended,) = content(talk, turnComplete=True, turnCompleteReason=reason)
    assert isinstance(ended, ResponseFinished)
    assert (ended.status, ended.reason, ended.error) == (status, why, error)


def test_a_refusal_before_any_content_is_an_answer(talk: Talk) -> None:
    assert content(talk, turnComplete=True, turnCompleteReason="BLOCKLIST") == [
        ResponseStarted(None),
        ResponseFinished(None, "incomplete", "content_filter"),
    ]


def test_an_empty_answer_to_a_request_is_an_answer(talk: Talk) -> None:
    talk.client(clientContent={"turnComplete": True})
    assert content(talk, turnComplete=True) == [ResponseStarted(None), ResponseFinished(None)]
    assert content(talk, turnComplete=True) == []


def test_counts_of_one_answer_replace_each_other(talk: Talk) -> None:
    speaks(talk)
    assert talk.server(usageMetadata={"promptTokenCount": 1, "responseTokenCount": 1}) == ()
    assert talk.server(usageMetadata=COUNT) == ()
    assert content(talk, turnComplete=True) == [ResponseFinished(None, usage=COUNTED)]


def test_a_count_between_answers_stands_alone(talk: Talk) -> None:
    assert talk.server(usageMetadata=COUNT) == (UsageReport(COUNTED),)
    assert talk.server(usageMetadata={}) == ()


def test_the_count_of_an_answer_that_never_ended(talk: Talk) -> None:
    speaks(talk)
    talk.server(usageMetadata=COUNT)
    assert talk.dialect.end() == (UsageReport(COUNTED),)
    assert Talk("gemini").dialect.end() == ()


@pytest.mark.parametrize(
    ("sent", "signal"),
    [
        ({"voiceActivity": {"voiceActivityType": "ACTIVITY_START"}}, SpeechStarted("input-1")),
        ({"voiceActivity": {"voiceActivityType": "ACTIVITY_END"}}, SpeechStopped("input-1")),
        ({"voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_SOS"}}, SpeechStarted("input-1")),
        ({"voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_EOS"}}, SpeechStopped("input-1")),
    ],
)
def test_voice_activity(talk: Talk, sent: dict[str, Any], signal: Signal) -> None:
    assert talk.server(**sent) == (signal,)


def test_speech_during_an_answer_belongs_to_the_next_turn(talk: Talk) -> None:
    speaks(talk)
    assert talk.client(realtimeInput={"activityStart": {}}) == (SpeechStarted("input-2"),)
    content(talk, interrupted=True)
    assert talk.client(realtimeInput={"activityEnd": {}})[0] == SpeechStopped("input-2")
    content(talk, turnComplete=True)
    assert talk.server(voiceActivity={"voiceActivityType": "ACTIVITY_START"}) == (SpeechStarted("input-2"),)


@pytest.mark.parametrize("event", [{}, {"sessionResumptionUpdate": {"newHandle": "h"}}, {"serverContent": {}}, {"type": "error"}])
def test_messages_that_say_nothing_here(talk: Talk, event: dict[str, Any]) -> None:
    assert talk.server(**event) == ()
