"""An app with the `elevenlabs` package that knows nothing of voicetap; prints what it heard as one line of JSON.

Its socket carries no credential. It speaks after the first ping and into the answer about the order.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import AudioInterface
from elevenlabs.conversational_ai.conversation import ClientTools
from elevenlabs.conversational_ai.conversation import Conversation
from elevenlabs.conversational_ai.conversation import ConversationInitiationData

CHUNK = bytes((0xFF, 0x7F)) * 80
"""20 ms of quiet in mu-law."""


class Headset(AudioInterface):
    """A microphone that is told when to speak."""

    def __init__(self) -> None:
        self.heard = 0
        self.interrupted = 0
        self.speak: Callable[[bytes], None] = lambda chunk: None

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        self.speak = input_callback

    def stop(self) -> None:
        """Nothing to release."""

    def output(self, audio: bytes) -> None:
        self.heard += len(audio)

    def interrupt(self) -> None:
        self.interrupted += 1


def main() -> None:
    headset, tools = Headset(), ClientTools()
    said: list[str] = []
    corrected: list[str] = []
    understood: list[str] = []
    ended: list[str] = []

    def look_up(parameters: dict[str, Any]) -> str:
        return "on its way" if parameters["number"] == "4711" else "unknown"

    def on_ping(_: int) -> None:
        headset.speak(CHUNK)
        headset.speak(CHUNK)

    def on_answer(text: str) -> None:
        said.append(text)
        if text.startswith("It is on its way"):
            headset.speak(CHUNK)

    tools.register("lookup_order", look_up)
    conversation = Conversation(
        ElevenLabs(),
        "agent_001",
        requires_auth=False,
        audio_interface=headset,
        config=ConversationInitiationData(conversation_config_override={"agent": {"first_message": "Hello!"}}),
        client_tools=tools,
        callback_agent_response=on_answer,
        callback_agent_response_correction=lambda original, now: corrected.append(now),
        callback_user_transcript=understood.append,
        callback_latency_measurement=on_ping,
        callback_disconnect=lambda details: ended.append(details.reason),
    )
    conversation.start_session()
    name = conversation.wait_for_session_end()
    report = {"conversation": name, "said": said, "corrected": corrected, "understood": understood, "ended": ended}
    print(json.dumps({**report, "heard": headset.heard, "interrupted": headset.interrupted}))


if __name__ == "__main__":
    main()
