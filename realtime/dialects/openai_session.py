"""Session configuration of the OpenAI family: GA objects, beta's flat fields, and what xAI, Bailian and GLM mix of both."""

from __future__ import annotations

from typing import Final
from typing import Literal

from realtime.audio import AudioFormat
from realtime.audio import parse_format
from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import objects
from realtime.dialects.fields import text
from realtime.dialects.fields import whole
from realtime.signals import SessionConfig

Kind = Literal["realtime", "transcription", "translation", "live"]

_KINDS: Final[dict[str, Kind]] = {
    "realtime": "realtime",
    "transcription": "transcription",
    "translation": "translation",
    "realtime.session": "realtime",
    "realtime.transcription_session": "transcription",
}
_TRANSCRIBERS: Final = ("-asr-", "-transcribe", "whisper")
_MANUAL: Final = frozenset(("none", "client_vad"))
_RATE_IN: Final = {"qwen": 16_000, "glm-": 16_000}
"""First letters of a model to the rate of its input where the session names PCM without a rate; others take 24 kHz."""
_BARE_RATE_IN: Final = {"pcm": 16_000}
"""The flat name `pcm` (Bailian, GLM) is 16 kHz on the way in whatever the model is called."""


def session_config(event: Fields, confirmed: bool, model: str | None) -> SessionConfig:
    """The configuration in `session`. `model` is the one known so far: it tells the default input rate."""
    session = obj(event, "session")
    sent, heard = obj(obj(session, "audio"), "input"), obj(obj(session, "audio"), "output")
    transcription = obj(sent, "transcription") or obj(session, "input_audio_transcription")
    return SessionConfig(
        confirmed=confirmed,
        id=text(session, "id"),
        model=text(session, "model"),
        kind=_kind(event, session),
        voice=_voice(session, heard),
        tools=_tools(session),
        input_format=_input_format(session, sent, text(session, "model") or model or ""),
        output_format=parse_format(heard.get("format", session.get("output_audio_format"))),
        transcription_model=text(transcription, "model"),
        manual_turns=_manual_turns(session, sent),
    )


def _kind(event: Fields, session: Fields) -> Kind | None:
    stated = _KINDS.get(text(session, "type") or "")
    if stated is not None:
        return stated
    if (text(event, "type") or "").startswith("transcription_session"):
        return "transcription"
    if any(mark in (text(session, "model") or "") for mark in _TRANSCRIBERS):
        return "transcription"
    return _KINDS.get(text(session, "object") or "")


def _voice(session: Fields, heard: Fields) -> str | None:
    voice = heard.get("voice", session.get("voice"))
    return text(voice, "id", "name") if isinstance(voice, dict) else voice if isinstance(voice, str) else None


def _tools(session: Fields) -> tuple[str, ...] | None:
    if not isinstance(session.get("tools"), list):
        return None
    names = (
        text(tool, "name") or text(obj(tool, "function"), "name") or text(tool, "server_label", "type")
        for tool in objects(session, "tools")
    )
    return tuple(name for name in names if name)


def _input_format(session: Fields, sent: Fields, model: str) -> AudioFormat | None:
    declared = sent.get("format", session.get("input_audio_format"))
    rate = whole(session, "sample_rate") or whole(session, "input_audio_sampling_rate")
    if rate is not None and isinstance(declared, str):
        declared = {"type": declared, "rate": rate}
    bare = _BARE_RATE_IN.get(declared) if isinstance(declared, str) else None
    return parse_format(declared, bare or _RATE_IN.get(model[:4].lower(), 24_000))


def _manual_turns(session: Fields, sent: Fields) -> bool | None:
    holder = next((place for place in (sent, session) if "turn_detection" in place), None)
    if holder is None:
        return None
    detection = holder["turn_detection"]
    if not isinstance(detection, dict):
        return True if detection is None else None
    kind = detection.get("type", "")
    return kind is None or (isinstance(kind, str) and kind in _MANUAL)
