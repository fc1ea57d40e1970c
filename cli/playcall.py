"""A recorded call as a WebSocket session has it: with the model's sound, which went another way then, in messages of its own."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Final

from cli.playlines import AppLine
from cli.playlines import ServerLine
from cli.recording import Recording
from realtime.audio import PCM16_24K
from realtime.dialects.fields import obj
from realtime.frame import Frame

_BEGINS: Final = "response.content_part.added"
_KIND: Final = "response.output_audio.delta"
_BETA: Final = ("response.audio_transcript.delta", "response.audio.delta")
"""A server that says the first one calls sound by the second."""
_CHUNK: Final = 9_600
"""Bytes of a message: 0.2 s."""
_COPIED: Final = ("response_id", "item_id", "output_index", "content_index")


def is_call(recording: Recording) -> bool:
    """Whether the session was a WebRTC call."""
    return recording.record.get("transport") == "webrtc"


def sounds_after(lines: Sequence[ServerLine | AppLine], turns: Mapping[int, int], recording: Recording) -> dict[int, list[bytes]]:
    """Messages of sound by the number of the one that they follow: all of an answer's where its first sounding part begins. Raises OSError.

    `turns` has the turn of each message of the server.
    """
    kind = _BETA[1] if any(line.kind == _BETA[0] for line in lines) else _KIND
    first: dict[int, tuple[int, dict[str, Any]]] = {}
    for line in lines:
        if isinstance(line, ServerLine) and line.kind == _BEGINS and (turn := turns.get(line.number)) is not None:
            event = Frame(False, line.payload).event or {}
            if obj(event, "part").get("type") == "audio":
                first.setdefault(turn, (line.number, event))
    made: dict[int, list[bytes]] = {}
    for turn, (number, event) in first.items():
        made[number] = [_message(kind, event, turn, place, chunk) for place, chunk in enumerate(_chunks(recording, turn))]
    return made


def _chunks(recording: Recording, turn: int) -> Iterator[bytes]:
    sound = recording.sound.turn(turn, PCM16_24K)
    return (sound[start : start + _CHUNK] for start in range(0, len(sound), _CHUNK))


def _message(kind: str, part: dict[str, Any], turn: int, number: int, chunk: bytes) -> bytes:
    names: dict[str, Any] = {name: part[name] for name in _COPIED if name in part}
    event: dict[str, Any] = {"type": kind, "event_id": f"event_replay_{turn}_{number}", **names, "delta": b64encode(chunk).decode()}
    return json.dumps(event).encode()
