"""ElevenLabs agents: utterances without an end of their own get one, and interruptions keep what was really heard."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from dialect_talk import Talk

from realtime.audio import PCM16_16K
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
from realtime.signals import Signal
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UserItem


@pytest.fixture
def talk() -> Talk:
    return Talk("elevenlabs")


def audio(talk: Talk, number: int) -> Sequence[Signal]:
    return talk.server("audio", audio_event={"audio_base_64": "AAAA", "event_id": number})


def says(talk: Talk, words: str) -> Sequence[Signal]:
    return talk.server("agent_response", agent_response_event={"agent_response": words})


def hears(talk: Talk, words: str) -> Sequence[Signal]:
    return talk.server("user_transcript", user_transcription_event={"user_transcript": words})


def test_the_session(talk: Talk) -> None:
    assert talk.client("conversation_initiation_client_data", conversation_config_override={"tts": {"voice_id": "v"}}) == (
        SessionConfig(False, kind="realtime", voice="v"),
    )
    announced = {"conversation_id": "c", "user_input_audio_format": "ulaw_8000", "agent_output_audio_format": "pcm_16000"}
    assert talk.server("conversation_initiation_metadata", conversation_initiation_metadata_event=announced) == (
        SessionConfig(True, "c", kind="realtime", input_format=AudioFormat("pcmu", 8_000), output_format=PCM16_16K),
    )


def test_what_the_client_sends(talk: Talk) -> None:
    assert talk.client(user_audio_chunk="AAAA") == (AudioIn(3),)
    assert talk.client("anything", user_audio_chunk="AAAA") == (AudioIn(3),)
    assert talk.client("user_message", text="hi") == (UserItem(None, "hi"), ResponseRequested())
    assert talk.client("multimodal_message", text={"type": "user_message", "text": "hi"}) == (UserItem(None, "hi"), ResponseRequested())
    assert talk.client("client_tool_result", tool_call_id="t", result="r", is_error=False) == (ToolResult("t", "r"),)
    for kind in ("pong", "contextual_update", "user_activity", "feedback"):
        assert talk.client(kind, text="x", event_id=1) == ()


def test_an_utterance_ends_with_the_users_next(talk: Talk) -> None:
    assert audio(talk, 1) == (ResponseStarted("response-1"), AudioOut(3, "response-1"))
    assert says(talk, "hello") == (TextOut("hello", "transcript", "response-1", replace=True),)
    assert hears(talk, "hi") == (
        ResponseFinished("response-1"),
        UserItem("input-1", "", spoken=True),
        InputCommitted("input-1"),
        InputTranscript("input-1", "hi", final=True, replace=True),
    )
    assert audio(talk, 2)[0] == ResponseStarted("response-2")


def test_an_utterance_ends_when_the_agent_says_so(talk: Talk) -> None:
    says(talk, "hello")
    assert talk.server("agent_response_complete", agent_response_complete_event={"event_id": 1}) == (ResponseFinished("response-1"),)
    assert talk.server("agent_response_complete") == ()


def test_an_utterance_ends_with_the_agents_next(talk: Talk) -> None:
    says(talk, "hello")
    assert says(talk, "still there?")[:2] == (ResponseFinished("response-1"), ResponseStarted("response-2"))


def test_text_in_pieces(talk: Talk) -> None:
    pieces = [talk.server("agent_chat_response_part", text_response_part={"type": "delta", "text": word}) for word in ("he", "llo", "")]
    assert pieces[0] == (ResponseStarted("response-1"), TextOut("he", "transcript", "response-1"))
    assert pieces[1:] == [(TextOut("llo", "transcript", "response-1"),), ()]
    assert says(talk, "hello") == (TextOut("hello", "transcript", "response-1", replace=True),)


def test_an_interruption_waits_for_what_was_really_heard(talk: Talk) -> None:
    audio(talk, 3)
    says(talk, "on and on")
    assert talk.server("interruption", interruption_event={"event_id": 3}) == ()
    assert audio(talk, 3) == (AudioOut(3, "response-1"),)
    corrected = {"original_agent_response": "on and on", "corrected_agent_response": "on"}
    assert talk.server("agent_response_correction", agent_response_correction_event=corrected) == (
        TextOut("on", "transcript", "response-1", replace=True),
        ResponseFinished("response-1", "cancelled", "turn_detected"),
    )
    assert talk.server("agent_response_correction", agent_response_correction_event=corrected) == ()
    assert audio(talk, 3) == (AudioOut(3, "response-1"),)
    assert audio(talk, 4)[0] == ResponseStarted("response-2")


def test_an_interruption_without_a_correction(talk: Talk) -> None:
    audio(talk, 3)
    talk.server("interruption", interruption_event={"event_id": 3})
    assert hears(talk, "wait")[0] == ResponseFinished("response-1", "cancelled", "turn_detected")
    audio(talk, 4)
    talk.server("interruption", interruption_event={"event_id": 4})
    assert audio(talk, 5)[:2] == (ResponseFinished("response-2", "cancelled", "turn_detected"), ResponseStarted("response-3"))


def test_a_tool_call_begins_the_answer(talk: Talk) -> None:
    call = {"tool_name": "look", "tool_call_id": "t", "parameters": {"q": 1}}
    assert talk.server("client_tool_call", client_tool_call=call) == (
        ResponseStarted("response-1"),
        ToolCall("t", "look", '{"q":1}', "response-1"),
    )
    assert talk.server("client_tool_call", client_tool_call={"tool_name": "look"}) == ()


def test_the_last_utterance(talk: Talk) -> None:
    audio(talk, 1)
    assert talk.dialect.end() == ()
    says(talk, "bye")
    assert talk.dialect.end() == (ResponseFinished("response-1"),)


def test_errors(talk: Talk) -> None:
    assert talk.server("client_error", error={"code": "quota", "message": "m"}) == (ProviderError("", "quota", "m"),)


@pytest.mark.parametrize("kind", ["ping", "vad_score", "tentative_user_transcript", "mcp_tool_call", "agent_response", "user_transcript"])
def test_events_that_say_nothing_here(talk: Talk, kind: str) -> None:
    assert talk.server(kind, ping_event={"event_id": 1}) == ()
