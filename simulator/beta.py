"""The beta dialect of the same protocol, as one set of tables: what a beta client sends read as GA, what GA sends written as beta.

Spoken to clients that ask for it by `OpenAI-Beta: realtime=v1`, and on the Azure preview and Voice Live paths. Renames are
those of `openai.types.beta.realtime` against `openai.types.realtime`. The session behind it stays a GA session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Final

from simulator.timeline import Event

_EVENTS: Final = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
_DROPPED: Final = frozenset(("conversation.item.done",))
_CONTENT: Final = {"output_text": "text", "output_audio": "audio"}
_CONTENT_READ: Final = {beta: ga for ga, beta in _CONTENT.items()}
_FORMATS: Final = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_FORMATS_READ: Final = {beta: {"type": ga} for ga, beta in _FORMATS.items()}
_SESSION: Final = {
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
}
"""Flat beta name to the path of the GA one; all other names are the same."""

_KEPT: Final = ("id", "model", "expires_at", "instructions", "tools", "tool_choice", "tracing")
_GONE: Final = frozenset(("temperature", "client_secret"))
_TEMPERATURE: Final = 0.8
_KINDS: Final = {"realtime": "session", "transcription": "transcription_session"}


def read(event: Any) -> Any:
    """A client's message as the GA session wants it; what is not a beta event passes as it is, to be refused there."""
    if not isinstance(event, dict):
        return event
    match event.get("type"):
        case "session.update" if isinstance(event.get("session"), dict):
            return {**event, "session": {"type": "realtime", **_nested(event["session"])}}
        case "transcription_session.update" if isinstance(event.get("session"), dict):
            return {**event, "type": "session.update", "session": {"type": "transcription", **_nested(event["session"])}}
        case "response.create" if isinstance(event.get("response"), dict):
            return {**event, "response": _nested(event["response"])}
        case "conversation.item.create" if isinstance(event.get("item"), dict):
            return {**event, "item": _item(event["item"], _CONTENT_READ)}
    return event


def write(event: Event) -> Iterator[Event]:
    """A GA event as a beta client wants it: none, one or two events."""
    kind = event["type"]
    if kind in _DROPPED:
        return
    written = {**event, "type": _EVENTS.get(kind, kind)}
    if "session" in event:
        written |= _session_event(event)
    if "response" in event:
        written["response"] = _response(event["response"])
    if "item" in event:
        written["item"] = _item(event["item"], _CONTENT)
    if kind == "response.function_call_arguments.done":
        del written["name"]
    if kind == "error":
        written["error"] = {**event["error"], "param": _param(event["error"]["param"])}
    yield written
    if written["type"] == "session.created":
        conversation = {"id": f"conv_{event['session']['id']}", "object": "realtime.conversation"}
        yield {"type": "conversation.created", "event_id": f"{event['event_id']}c", "conversation": conversation}


def _nested(flat: Event) -> Event:
    made: Event = {}
    for name, value in flat.items():
        if name in _GONE:
            continue
        place = made
        *outer, last = _SESSION.get(name, (name,))
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = _value_read(last, value)
    return made


def _value_read(name: str, value: Any) -> Any:
    if name == "format" and isinstance(value, str):
        return _FORMATS_READ.get(value, {"type": value})
    if name == "output_modalities" and isinstance(value, list):
        return ["audio"] if "audio" in value else value
    if name == "input" and isinstance(value, list):
        return [_item(item, _CONTENT_READ) if isinstance(item, dict) else item for item in value]
    return value


def _session_event(event: Event) -> Event:
    session = event["session"]
    kind = _KINDS[session["type"]]
    return {"type": event["type"].replace("session", kind, 1), "session": _flat(session, f"realtime.{kind}")}


def _flat(session: Event, name: str) -> Event:
    flat: Event = {"object": name, **{key: session[key] for key in _KEPT if key in session}}
    for beta, path in _SESSION.items():
        value: Any = session
        for step in path:
            value = value.get(step, _GONE) if isinstance(value, dict) else _GONE
        if value is not _GONE:
            flat[beta] = _value_written(path[-1], value)
    if session["type"] == "realtime":
        flat["temperature"] = _TEMPERATURE
    return flat


def _value_written(name: str, value: Any) -> Any:
    if name == "format":
        return _FORMATS[value["type"]]
    if name == "output_modalities":
        return ["audio", "text"] if "audio" in value else value
    if name == "turn_detection" and value is not None:
        return {key: setting for key, setting in value.items() if key != "idle_timeout_ms"}
    return value


def _response(response: Event) -> Event:
    output = response["audio"]["output"]
    made = {key: value for key, value in response.items() if key not in ("audio", "output_modalities")}
    return made | {
        "output": [_item(item, _CONTENT) for item in response["output"]],
        "modalities": _value_written("output_modalities", response["output_modalities"]),
        "voice": output["voice"],
        "output_audio_format": _FORMATS[output["format"]["type"]],
        "temperature": _TEMPERATURE,
        "usage": _usage(response.get("usage")),
    }


def _usage(usage: Event | None) -> Event | None:
    if usage is None:
        return None
    read_details = {key: usage["input_token_details"][key] for key in ("text_tokens", "audio_tokens", "cached_tokens")}
    return {**usage, "input_token_details": read_details}


def _item(item: Event, names: dict[str, str]) -> Event:
    """Only assistant messages have other names for their content."""
    if item.get("role") != "assistant" or not isinstance(item.get("content"), list):
        return item
    parts = [_part(part, names) for part in item["content"]]
    return {**item, "content": parts}


def _part(part: Any, names: dict[str, str]) -> Any:
    return {**part, "type": names.get(str(part.get("type")), part.get("type"))} if isinstance(part, dict) else part


def _param(param: str | None) -> str | None:
    """The beta name of a GA parameter that an error is about."""
    for beta, path in _SESSION.items():
        ga = f"session.{'.'.join(path)}"
        if param is not None and (param == ga or param.startswith(f"{ga}.")):
            return f"session.{beta}{param[len(ga) :]}"
    return param
