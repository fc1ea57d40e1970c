"""The judge of the simulator's GA events: the types of the openai package, with unknown fields counted as faults."""

from __future__ import annotations

from typing import Any
from typing import get_args

from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime import RealtimeSessionCreateResponse
from openai.types.realtime import RealtimeTranscriptionSessionCreateResponse
from openai.types.realtime.realtime_translation_server_event import RealtimeTranslationServerEvent
from pydantic import BaseModel


def by_type(union: Any) -> dict[str, type[BaseModel]]:
    """The models of an annotated union, by the `type` they stand for."""
    models = get_args(get_args(union)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


_GA = by_type(RealtimeServerEvent)
_TRANSLATION = by_type(RealtimeTranslationServerEvent)
_SESSIONS = {"realtime": RealtimeSessionCreateResponse, "transcription": RealtimeTranscriptionSessionCreateResponse}
_SHOWN_ONLY_BY_SERVERS = {"id", "object", "expires_at"}


def judge(event: dict[str, Any]) -> None:
    """Raises when `event` is no GA server event, lacks a field, or has one that its type does not know."""
    model = _GA[event["type"]].model_validate(event)
    if "session" in event:
        session = event["session"]
        whole = _SESSIONS[session["type"]].model_validate(session)
        assert unknown(whole) == [], event
        assert {path.rpartition(".")[2] for path in unknown(model)} <= _SHOWN_ONLY_BY_SERVERS, event
    else:
        assert unknown(model) == [], event


def judge_translation(event: dict[str, Any]) -> None:
    """The same for translation sessions."""
    assert unknown(_TRANSLATION[event["type"]].model_validate(event)) == [], event


def unknown(value: Any, path: str = "") -> list[str]:
    """Paths of all fields that no type declares."""
    if isinstance(value, BaseModel):
        extra = [f"{path}.{name}" for name in value.model_extra or {}]
        return extra + [found for name in type(value).model_fields for found in unknown(getattr(value, name), f"{path}.{name}")]
    if isinstance(value, list):
        return [found for each in value for found in unknown(each, f"{path}[]")]
    return []
