"""Reading Gemini Live messages: both JSON spellings of a field, blobs, setup, tool calls, why a turn ended.

Messages are protobuf JSON: a client may write `realtimeInput` or `realtime_input`, and is metered either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final
from typing import Literal
from typing import NamedTuple

from realtime.audio import parse_format
from realtime.dialects.fields import Fields
from realtime.dialects.fields import as_json
from realtime.dialects.fields import audio_size
from realtime.dialects.fields import obj
from realtime.dialects.fields import objects
from realtime.dialects.fields import text
from realtime.signals import AudioIn
from realtime.signals import ProviderError
from realtime.signals import SessionConfig
from realtime.signals import ToolCall
from realtime.signals import ToolResult

RATE_IN: Final = 16_000
RATE_OUT: Final = 24_000


@cache
def both(name: str) -> tuple[str, str]:
    """A field's two spellings, `modelTurn` and `model_turn`. Only ever called with names of this package."""
    return name, re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


def has(source: Fields, name: str) -> bool:
    """Whether a field is there and not null; an empty object says something (`activityStart: {}`)."""
    return any(source.get(spelling) is not None for spelling in both(name))


def is_true(source: Fields, name: str) -> bool:
    """Whether a field is `true`."""
    return any(source.get(spelling) is True for spelling in both(name))


def configuration(setup: Fields) -> SessionConfig:
    """`setup`: the model without its resource path, voice, tools, and whether the client marks its speech itself."""
    generation = obj(setup, *both("generationConfig"))
    voice = obj(obj(obj(generation, *both("speechConfig")), *both("voiceConfig")), *both("prebuiltVoiceConfig"))
    activity = obj(obj(setup, *both("realtimeInputConfig")), *both("automaticActivityDetection"))
    model = text(setup, "model")
    return SessionConfig(
        confirmed=False,
        model=model and model.rsplit("/", 1)[-1],
        kind="realtime",
        voice=text(voice, *both("voiceName")),
        tools=tool_names(setup),
        manual_turns=is_true(activity, "disabled"),
    )


def tool_names(setup: Fields) -> tuple[str, ...] | None:
    """Function names, and the field name of every built-in tool (`googleSearch`); None where tools are not mentioned."""
    return tuple(name for tool in objects(setup, "tools") for name in _names(tool)) if isinstance(setup.get("tools"), list) else None


def _names(tool: Fields) -> Iterator[str]:
    for field in tool:
        if field in both("functionDeclarations"):
            yield from (name for declared in objects(tool, field) if (name := text(declared, "name")))
        else:
            yield field


def audio_blobs(realtime_input: Fields) -> Iterator[AudioIn]:
    """Audio of `realtimeInput`: its `audio`, and what of the older `mediaChunks` is audio."""
    chunks = objects(realtime_input, *both("mediaChunks"))
    for blob in [obj(realtime_input, "audio"), *(chunk for chunk in chunks if is_audio(chunk))]:
        if size := audio_size(blob.get("data")):
            yield AudioIn(size, parse_format(text(blob, *both("mimeType")), RATE_IN), blob["data"])


def is_audio(blob: Fields) -> bool:
    """Whether a blob says that it is audio."""
    return (text(blob, *both("mimeType")) or "").lower().startswith("audio/")


def tool_calls(tool_call: Fields) -> tuple[ToolCall, ...]:
    """The named calls of `toolCall`. Vertex may leave out the id: then the name stands for it, in the result as well."""
    calls = ((text(call, "id") or text(call, "name"), text(call, "name"), call) for call in objects(tool_call, *both("functionCalls")))
    return tuple(ToolCall(call_id, name, as_json(call.get("args", {}))) for call_id, name, call in calls if call_id and name)


def tool_results(tool_response: Fields) -> Iterator[ToolResult]:
    """The results in `toolResponse`, as JSON."""
    for result in objects(tool_response, *both("functionResponses")):
        yield ToolResult(text(result, "id", "name") or "", as_json(result.get("response", {})))


class Ending(NamedTuple):
    """How a turn ended, in this package's words."""

    status: Literal["completed", "cancelled", "incomplete", "failed"]
    reason: str | None = None
    error: ProviderError | None = None


INTERRUPTED: Final = Ending("cancelled", "turn_detected")
_FAILURES: Final = frozenset(("MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED"))


def ending(content: Fields) -> Ending:
    """What `turnCompleteReason` says: a failure, a wish for more input, or (all the rest) a content filter that cut in."""
    reason = (text(content, *both("turnCompleteReason")) or "").upper().removeprefix("TURN_COMPLETE_REASON_")
    if reason in ("", "UNSPECIFIED"):
        return Ending("completed")
    if reason == "NEED_MORE_INPUT":
        return Ending("incomplete", "need_more_input")
    if reason in _FAILURES:
        return Ending("failed", reason.lower(), ProviderError("server_error", reason.lower(), ""))
    return Ending("incomplete", "content_filter")
