"""The effective configuration of a session: the defaults of the GA server, and what `session.update` changes in them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from typing import Final
from typing import Literal

from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat

Config = dict[str, Any]
Kind = Literal["realtime", "transcription"]

_DETECTIONS: Final[dict[str, Config]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {"type": "semantic_vad", "eagerness": "auto", "create_response": True, "interrupt_response": True},
}
_REALTIME_ONLY: Final = ("create_response", "interrupt_response", "idle_timeout_ms")
_PCM: Final = {"type": "audio/pcm", "rate": 24_000}
_FORMATS: Final = {"audio/pcm": PCM16_24K, "audio/pcmu": AudioFormat("pcmu", 8_000), "audio/pcma": AudioFormat("pcma", 8_000)}


def defaults(kind: Kind, session_id: str, model: str | None, expires_at: int) -> Config:
    """What `session.created` shows before the client said anything; `expires_at` in unix seconds."""
    listening = {
        "format": dict(_PCM),
        "noise_reduction": None,
        "transcription": None,
        "turn_detection": _detection(kind, {"type": "server_vad"}),
    }
    if kind == "transcription":
        head = {"type": kind, "object": "realtime.transcription_session", "id": session_id}
        return {**head, "audio": {"input": listening}, "include": None, "expires_at": expires_at}
    return {
        "type": kind,
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful voice in a simulator.",
        "audio": {"input": listening, "output": {"format": dict(_PCM), "voice": "marin", "speed": 1.0}},
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
        "expires_at": expires_at,
    }


def updated(config: Config, update: Config) -> Config:
    """`config` with `update` (already checked) in force: audio settings one by one, everything else whole."""
    merged = deepcopy(config)
    for key, value in update.items():
        if key != "audio":
            merged[key] = deepcopy(value)
    for side, settings in update.get("audio", {}).items():
        merged["audio"][side] |= {key: _setting(config["type"], key, value) for key, value in settings.items()}
    return merged


def audio_format(setting: Config) -> AudioFormat:
    """Of a GA format object."""
    return _FORMATS[setting["type"]]


def _setting(kind: Kind, key: str, value: Any) -> Any:
    if key == "turn_detection" and value is not None:
        return _detection(kind, value)
    if key == "format":
        return dict(_PCM) if value["type"] == "audio/pcm" else {"type": value["type"]}
    return deepcopy(value)


def _detection(kind: Kind, given: Config) -> Config:
    made = {**_DETECTIONS[given["type"]], **given}
    if kind == "transcription":
        return {key: value for key, value in made.items() if key not in _REALTIME_ONLY}
    return made
