"""The dialects without answers: OpenAI Live, translation, vLLM's transcription. And how a dialect is found."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_talk import Talk

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.dialects import NAMES
from realtime.dialects import detect
from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ProviderError
from realtime.signals import SessionConfig
from realtime.signals import SessionEnded
from realtime.signals import Signal
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UsageReport
from realtime.usage import Usage

RESPONSES = {"input_tokens": 30, "output_tokens": 4, "total_tokens": 34, "input_tokens_details": {"cached_tokens": 10}}
RESPONSES_READ = Usage(34, 30, 4, input_text=30, cached_text=10)


def live_session(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-live-1", "audio": {"format": {"type": "audio/pcm", "rate": 16_000}, "output": {"voice": "marin"}}, **more}


@pytest.mark.parametrize(
    ("kind", "fields", "signals"),
    [
        (
            "session.started",
            {"session": live_session(id="s")},
            (SessionConfig(True, "s", "gpt-live-1", "live", "marin", input_format=PCM16_16K, output_format=PCM16_16K),),
        ),
        ("session.output_audio.delta", {"delta": "AAAA"}, (AudioOut(3),)),
        ("session.input_transcript.delta", {"delta": "hi", "start_ms": 0, "end_ms": 9}, (InputTranscript(None, "hi"),)),
        ("session.output_transcript.delta", {"delta": "hi"}, (TextOut("hi", "transcript"),)),
        ("session.usage.updated", {"usage": {"seconds": 12.5}}, (UsageReport(Usage(seconds=12.5), cumulative=True),)),
        (
            "session.closed",
            {"reason": "expired", "usage": {"seconds": 31.2}, "session": {"id": "s"}},
            (UsageReport(Usage(seconds=31.2), cumulative=True), SessionEnded("expired")),
        ),
        ("session.closed", {}, (SessionEnded(),)),
        (
            "response.event",
            {"event": {"type": "response.completed", "response": {"id": "r", "model": "m", "usage": RESPONSES}}},
            (UsageReport(RESPONSES_READ, id="r", model="m"),),
        ),
        (
            "response.event",
            {
                "event": {
                    "type": "response.output_item.done",
                    "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                }
            },
            (ToolCall("c", "f", "{}"),),
        ),
        ("response.event", {"event": {"type": "response.in_progress", "response": {"id": "r", "usage": None}}}, ()),
        (
            "decision.event",
            {"event": {"type": "decision.completed", "decision": {"id": "d", "model": "m", "usage": RESPONSES}}},
            (UsageReport(RESPONSES_READ, id="d", model="m"),),
        ),
        ("error", {"error": {"type": "t", "code": "c", "message": "m", "client_event_id": "e"}}, (ProviderError("t", "c", "m", "e"),)),
        ("info", {}, ()),
    ],
)
def test_live_server_events(kind: str, fields: dict[str, Any], signals: tuple[Signal, ...]) -> None:
    assert Talk("openai-live").server(kind, **fields) == signals


def test_live_client_events() -> None:
    talk = Talk("openai-live")
    asked = SessionConfig(False, None, "gpt-live-1", "live", "marin", input_format=PCM16_16K, output_format=PCM16_16K)
    assert talk.client("session.start", session=live_session()) == (asked,)
    assert talk.client("session.input_audio.append", audio="AAAA") == (AudioIn(3),)
    result = {"type": "function_call_output", "call_id": "c", "output": "o"}
    assert talk.client("response.item.create", item=result) == (ToolResult("c", "o"),)
    assert talk.client("session.close") == ()


def test_live_audio_reflected_to_a_sideband_has_a_format_of_its_own() -> None:
    talk = Talk("openai-live")
    assert talk.server("session.input_audio.append", audio="AAAA") == (AudioIn(3, PCM16_24K),)
    assert talk.server("session.output_audio.delta", delta="AAAA", start_ms=0) == (AudioOut(3, format=PCM16_24K),)


@pytest.mark.parametrize(
    ("kind", "fields", "signals"),
    [
        (
            "session.created",
            {"session": {"type": "translation", "id": "s", "model": "m", "audio": {"input": {"transcription": {"model": "w"}}}}},
            (SessionConfig(True, "s", "m", "translation", transcription_model="w"),),
        ),
        ("session.output_audio.delta", {"delta": "AAAA"}, (AudioOut(3, format=PCM16_24K),)),
        (
            "session.output_audio.delta",
            {"delta": "AAAA", "format": "pcm16", "sample_rate": 48_000, "channels": 2},
            (AudioOut(3, format=AudioFormat("pcm16", 48_000, 2)),),
        ),
        ("session.input_transcript.delta", {"delta": "hi", "elapsed_ms": 9}, (InputTranscript(None, "hi"),)),
        ("session.output_transcript.delta", {"delta": "bon"}, (TextOut("bon", "transcript"),)),
        ("session.closed", {}, (SessionEnded(),)),
        ("error", {"error": {"code": "c"}}, (ProviderError("", "c", ""),)),
    ],
)
def test_translation_server_events(kind: str, fields: dict[str, Any], signals: tuple[Signal, ...]) -> None:
    assert Talk("openai-translation").server(kind, **fields) == signals


def test_translation_client_events() -> None:
    talk = Talk("openai-translation")
    assert talk.client("session.input_audio_buffer.append", audio="AAAA") == (AudioIn(3),)
    assert talk.client("session.update", session={"audio": {"output": {"language": "fr"}}}) == (SessionConfig(False, kind="translation"),)


def test_vllm_numbers_its_utterances() -> None:
    talk = Talk("vllm")
    assert talk.server("session.created", id="s", created=1) == (SessionConfig(True, "s", kind="transcription", input_format=PCM16_16K),)
    asked = SessionConfig(False, None, "m", "transcription", transcription_model="m")
    assert talk.client("session.update", model="m") == talk.client("session.update", session={"model": "m"}) == (asked,)
    assert talk.client("input_audio_buffer.append", audio="AAAA") == (AudioIn(3),)
    assert talk.client("input_audio_buffer.commit", final=False) == (InputCommitted("utterance-1"),)
    assert talk.server("transcription.delta", delta="hi") == (InputTranscript("utterance-1", "hi"),)
    assert talk.server("transcription.done", text="hi you", usage={"prompt_tokens": 2, "completion_tokens": 1}) == (
        InputTranscript("utterance-1", "hi you", final=True, replace=True, usage=Usage(3, 2, 1), usage_id="utterance-1"),
    )
    assert talk.server("transcription.delta", delta="x") == (InputTranscript("utterance-2", "x"),)
    assert talk.server("error", error="no audio", code="empty") == (ProviderError("", "empty", "no audio"),)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ('{"type":"session.created","session":{"object":"realtime.session","audio":{}}}', "openai"),
        ('{"type":"session.created","session":{"modalities":["text"],"input_audio_format":"pcm16"}}', "openai"),
        ('{"type":"session.created"}', "openai"),
        ('{"type":"transcription_session.created"}', "openai"),
        ('{"type":"conversation.created"}', "openai"),
        ('{"type":"session.created","session":{"type":"translation"}}', "openai-translation"),
        ('{"type":"session.created","id":"s","created":1760000000}', "vllm"),
        ('{"type":"session.created","id":"s","created":true}', "openai"),
        ('{"type":"session.started","session":{}}', "openai-live"),
        ('{"setupComplete":{}}', "gemini"),
        ('{"type":"conversation_initiation_metadata"}', "elevenlabs"),
        ('{"type":"error","error":{}}', None),
        ('{"serverContent":{}}', None),
        ("[]", None),
        ("not json", None),
    ],
)
def test_the_first_frame_gives_a_dialect_away(payload: str, name: str | None) -> None:
    assert detect(Frame(False, payload.encode())) == name


def test_dialects_by_name() -> None:
    assert NAMES == ("openai", "openai-live", "openai-translation", "gemini", "elevenlabs", "vllm")
    assert [make(name).name for name in NAMES] == list(NAMES)
    assert make("gemini") is not make("gemini")
    with pytest.raises(KeyError):
        make("nova")
