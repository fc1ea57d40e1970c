"""Session configuration of the OpenAI family: GA objects, beta fields and the mixtures of the others read the same."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_talk import Talk

from realtime.audio import OTHER
from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.signals import SessionConfig


@pytest.fixture
def talk() -> Talk:
    return Talk("openai")


def config(talk: Talk, kind: str = "session.created", /, **session: Any) -> SessionConfig:
    (signal,) = talk.server(kind, session=session) or talk.client(kind, session=session)
    assert isinstance(signal, SessionConfig)
    return signal


def test_a_ga_session(talk: Talk) -> None:
    audio_in = {"format": {"type": "audio/pcm", "rate": 24_000}, "transcription": {"model": "w"}, "turn_detection": None}
    audio_out = {"format": {"type": "audio/pcmu"}, "voice": {"id": "v"}}
    tools = [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "s"}, {"type": "web_search"}, 5]
    assert config(talk, type="realtime", id="s", model="m", tools=tools, audio={"input": audio_in, "output": audio_out}) == SessionConfig(
        confirmed=True,
        id="s",
        model="m",
        kind="realtime",
        voice="v",
        tools=("f", "s", "web_search"),
        input_format=PCM16_24K,
        output_format=AudioFormat("pcmu", 8_000),
        transcription_model="w",
        manual_turns=True,
    )


def test_a_beta_session(talk: Talk) -> None:
    asked = config(
        talk,
        "session.update",
        voice="alloy",
        input_audio_format="g711_alaw",
        output_audio_format="pcm16",
        input_audio_transcription={"model": "w"},
        turn_detection={"type": "server_vad"},
        tools=[],
    )
    assert asked == SessionConfig(
        confirmed=False,
        voice="alloy",
        tools=(),
        input_format=AudioFormat("pcma", 8_000),
        output_format=PCM16_24K,
        transcription_model="w",
        manual_turns=False,
    )


@pytest.mark.parametrize(
    ("session", "kind"),
    [
        ({"type": "realtime", "model": "gpt-4o-transcribe"}, "realtime"),
        ({"type": "transcription"}, "transcription"),
        ({"object": "realtime.transcription_session"}, "transcription"),
        ({"object": "realtime.session"}, "realtime"),
        ({"object": "realtime.session", "model": "qwen3-asr-flash-realtime"}, "transcription"),
        ({"model": "gpt-realtime-whisper"}, "transcription"),
        ({"model": "gpt-realtime"}, None),
        ({"type": 5}, None),
    ],
)
def test_the_kind_of_a_session(talk: Talk, session: dict[str, Any], kind: str | None) -> None:
    assert config(talk, **session).kind == kind
    assert config(talk, "transcription_session.updated").kind == "transcription"


@pytest.mark.parametrize(
    ("session", "format_in", "format_out"),
    [
        ({"input_audio_format": "pcm16", "output_audio_format": "pcm16"}, PCM16_24K, PCM16_24K),
        ({"input_audio_format": "pcm", "output_audio_format": "pcm"}, PCM16_16K, PCM16_24K),
        ({"model": "qwen3-omni-flash-realtime", "input_audio_format": "pcm16", "output_audio_format": "pcm24"}, PCM16_16K, PCM16_24K),
        ({"model": "glm-realtime", "input_audio_format": "wav", "output_audio_format": "mp3"}, OTHER, OTHER),
        ({"input_audio_format": "pcm", "sample_rate": 8_000}, AudioFormat("pcm16", 8_000), None),
        ({"input_audio_format": "pcm16", "input_audio_sampling_rate": 16_000}, PCM16_16K, None),
        (
            {
                "audio": {
                    "input": {"format": {"type": "pcm", "sample_rate": 48_000}},
                    "output": {"format": {"type": "pcm", "sample_rate": 8_000}},
                }
            },
            AudioFormat("pcm16", 48_000),
            AudioFormat("pcm16", 8_000),
        ),
        ({"audio": {"input": {"format": {"type": "audio/pcm"}}}}, PCM16_24K, None),
        ({"voice": "v"}, None, None),
    ],
)
def test_the_formats_of_a_session(
    talk: Talk, session: dict[str, Any], format_in: AudioFormat | None, format_out: AudioFormat | None
) -> None:
    read = config(talk, **session)
    assert (read.input_format, read.output_format) == (format_in, format_out)


def test_the_model_known_before_tells_the_rate(talk: Talk) -> None:
    config(talk, model="qwen3-omni-flash-realtime")
    assert config(talk, "session.updated", input_audio_format="pcm16").input_format == PCM16_16K


@pytest.mark.parametrize(
    ("session", "manual"),
    [
        ({"turn_detection": None}, True),
        ({"turn_detection": {"type": None}}, True),
        ({"turn_detection": {"type": "none"}}, True),
        ({"turn_detection": {"type": "client_vad"}}, True),
        ({"turn_detection": {"type": "semantic_vad"}}, False),
        ({"turn_detection": {"threshold": 0.5}}, False),
        ({"turn_detection": "server_vad"}, None),
        ({"audio": {"input": {"turn_detection": None}}}, True),
        ({}, None),
    ],
)
def test_who_ends_a_turn(talk: Talk, session: dict[str, Any], manual: bool | None) -> None:
    assert config(talk, **session).manual_turns == manual
