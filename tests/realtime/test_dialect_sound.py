"""Every dialect hands over the sound it counts: the bytes behind each signal are those that the message carried."""

from __future__ import annotations

import binascii
import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import Sound
from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import AudioOut

SOUND = bytes(range(250))
TEXT = b64encode(SOUND).decode()
GEMINI = {"mimeType": "audio/pcm;rate=16000", "data": TEXT}

IN: list[tuple[str, dict[str, Any]]] = [
    ("openai", {"type": "input_audio_buffer.append", "audio": TEXT}),
    ("openai", {"type": "input_audio.turn.append", "audio": TEXT}),
    ("openai", {"type": "conversation.item.create", "item": {"type": "message", "content": [{"type": "input_audio", "audio": TEXT}]}}),
    ("openai-translation", {"type": "session.input_audio_buffer.append", "audio": TEXT}),
    ("openai-live", {"type": "session.input_audio.append", "audio": TEXT}),
    ("gemini", {"realtimeInput": {"audio": GEMINI}}),
    ("gemini", {"realtime_input": {"media_chunks": [GEMINI]}}),
    ("elevenlabs", {"user_audio_chunk": TEXT}),
    ("vllm", {"type": "input_audio_buffer.append", "audio": TEXT}),
]
OUT: list[tuple[str, dict[str, Any]]] = [
    ("openai", {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": TEXT}),
    ("openai", {"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": TEXT}),
    ("openai-translation", {"type": "session.output_audio.delta", "delta": TEXT, "sample_rate": 24_000}),
    ("openai-live", {"type": "session.output_audio.delta", "delta": TEXT}),
    ("gemini", {"serverContent": {"modelTurn": {"parts": [{"inlineData": GEMINI}]}}}),
    ("elevenlabs", {"type": "audio", "audio_event": {"audio_base_64": TEXT, "event_id": 1}}),
]


def behind(sound: Sound) -> bytes:
    if isinstance(sound, msgspec.Raw):
        sound = msgspec.json.decode(sound, type=str)
    return binascii.a2b_base64(sound) if isinstance(sound, str) else sound


def sounds(dialect: str, payload: bytes, *, from_client: bool, text: bool = True) -> list[bytes]:
    found = make(dialect).signals(Frame(from_client, payload, text=text))
    carried = [signal for signal in found if isinstance(signal, AudioIn | AudioOut)]
    assert [signal.size for signal in carried] == [len(behind(signal.data)) for signal in carried]
    return [behind(signal.data) for signal in carried]


@pytest.mark.parametrize(("dialect", "event"), IN)
def test_sound_of_the_client(dialect: str, event: dict[str, Any]) -> None:
    assert sounds(dialect, json.dumps(event).encode(), from_client=True) == [SOUND]


@pytest.mark.parametrize(("dialect", "event"), OUT)
def test_sound_of_the_provider(dialect: str, event: dict[str, Any]) -> None:
    assert sounds(dialect, json.dumps(event).encode(), from_client=False) == [SOUND]


@pytest.mark.parametrize("from_client", [True, False])
def test_sound_as_a_binary_message(from_client: bool) -> None:
    assert sounds("openai", SOUND, from_client=from_client, text=False) == [SOUND]


def test_sound_reflected_to_a_sideband() -> None:
    event = {"type": "session.input_audio.append", "audio": TEXT}
    assert sounds("openai-live", json.dumps(event).encode(), from_client=False) == [SOUND]


def test_escapes_in_a_message_hide_no_sound() -> None:
    payload = json.dumps({"type": "input_audio_buffer.append", "event_id": 'a"b', "audio": TEXT}).replace("/", "\\/").encode()
    assert sounds("openai", payload, from_client=True) == [SOUND]


def test_signals_are_compared_without_their_sound() -> None:
    assert AudioIn(2, PCM16_16K, b"ab") == AudioIn(2, PCM16_16K)
    assert AudioOut(2, "r", "i", PCM16_24K, "YWI=") == AudioOut(2, "r", "i", PCM16_24K)
    assert "YWI" not in repr(AudioOut(2, data="YWI="))
