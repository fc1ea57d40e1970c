"""The `dashscope` package's omni conversation on Bailian's own path, against a scripted Bailian server."""

from __future__ import annotations

import asyncio
import json
import queue
from typing import Any

import pytest
from dashscope.audio.qwen_omni import MultiModality
from dashscope.audio.qwen_omni import OmniRealtimeCallback
from dashscope.audio.qwen_omni import OmniRealtimeConversation
from proxying import KEY
from stage import CASSETTES
from stage import Log
from stage import Stage
from stage import assert_credentials_kept

from simulator import load_cassette

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAYED = load_cassette(CASSETTES / "bailian-omni.jsonl")
CLIENT = [line.event for line in PLAYED.lines if line.side == "client" and line.event]
AUDIO = [event["audio"] for event in CLIENT if event["type"] == "input_audio_buffer.append"]
(IMAGE,) = [event["image"] for event in CLIENT if event["type"] == "input_image_buffer.append"]
MODEL = "qwen3-omni-flash-realtime"


class Heard(OmniRealtimeCallback):
    """Everything the package was told, in order."""

    def __init__(self) -> None:
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.closed: queue.Queue[tuple[int, str]] = queue.Queue()

    def on_event(self, message: Any) -> None:
        self.events.put(message)

    def on_close(self, close_status_code: int, close_msg: str) -> None:
        self.closed.put((close_status_code, close_msg))

    def until(self, kind: str) -> None:
        while self.events.get(timeout=20)["type"] != kind:
            pass


def talk(stage: Stage, heard: Heard) -> tuple[int, str]:
    """Both turns of the conversation, from one thread as the package wants it; returns how it was closed."""
    conversation = OmniRealtimeConversation(model=MODEL, callback=heard, url=stage.proxy.url("/api-ws/v1/realtime"), api_key=KEY)
    conversation.connect()
    with conversation.ws.sock.sock:  # which the package leaves open when the server closes
        turns(conversation, heard)
        ended = heard.closed.get(timeout=20)
        conversation.thread.join(20)
    return ended


def turns(conversation: OmniRealtimeConversation, heard: Heard) -> None:
    heard.until("session.created")
    conversation.update_session(
        output_modalities=[MultiModality.TEXT, MultiModality.AUDIO],
        voice="Cherry",
        input_audio_transcription_model="qwen3-asr-flash-realtime",
    )
    heard.until("session.updated")
    first, second = AUDIO[:2], AUDIO[2:]
    for audio in first:
        conversation.append_audio(audio)
    conversation.append_video(IMAGE)
    heard.until("response.done")
    for audio in second:
        conversation.append_audio(audio)
    heard.until("response.done")
    conversation.end_session()


async def test_conversation(stage: Stage, log: Log):
    assert (await asyncio.to_thread(talk, stage, Heard()))[0] == 1000
    seen = stage.upstream("bailian")
    assert [json.loads(message)["type"] for message in seen.messages] == [event["type"] for event in CLIENT]
    assert (seen.path, seen.query) == ("/api-ws/v1/realtime", {"model": MODEL})
    assert seen.headers["Authorization"].startswith("Bearer ")
    assert [name for name in seen.headers if name.lower().startswith("x-dashscope-")]
    assert_credentials_kept(seen)
    found = await log.session()
    assert (found.session["principal"], found.session["provider"], found.session["model"]) == ("tester", "bailian", MODEL)
    assert found.session["close"]["code"] == 1000
    expected: dict[str, Any] = dict(PLAYED.expect)
    assert found.usage == expected["usage"]
    assert [turn["output"] for turn in found.turns] == expected["texts"]
    assert found.session["audio"] == {"in_seconds": expected["audio"]["seconds_in"], "out_seconds": expected["audio"]["seconds_out"]}
