"""Conversation items of the OpenAI family: user messages, tool results and tool calls.

An item is seen up to three times: as the client sends it, and as the provider confirms it (`added` and `done`, or
`created`). All are told; the same id, or the same text after an item without id, is one item to whoever counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Final

from realtime.dialects.fields import Fields
from realtime.dialects.fields import as_json
from realtime.dialects.fields import audio_size
from realtime.dialects.fields import objects
from realtime.dialects.fields import text
from realtime.signals import AudioIn
from realtime.signals import Signal
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UserItem

_SPOKEN: Final = frozenset(("input_audio", "audio"))


def item_signals(items: Iterable[Fields], from_client: bool, called: str | None) -> Iterator[Signal]:
    """User messages and tool results of these items; everything else (assistant, system, references) is no input.

    Audio inside a message of the client counts as appended. `called` is the call that a result without `call_id` answers.
    """
    for item in items:
        kind = text(item, "type")
        if kind == "function_call_output":
            yield ToolResult(text(item, "call_id") or called or "", as_json(item.get("output", "")))
        elif kind == "message" and (text(item, "role") or "user") == "user":
            if from_client:
                sounds = (part["audio"] for part in objects(item, "content") if audio_size(part.get("audio")))
                yield from (AudioIn(audio_size(sound), data=sound) for sound in sounds)
            yield UserItem(text(item, "id"), _words(item), _is_spoken(item))


def tool_call(item: Fields, response_id: str | None) -> ToolCall | None:
    """The call of a `function_call` item, or None where it is none, has no name or no id to answer to."""
    name, call_id = text(item, "name"), text(item, "call_id", "id")
    if not name or not call_id or text(item, "type") != "function_call":
        return None
    return ToolCall(call_id, name, as_json(item.get("arguments", "")), response_id)


def _words(item: Fields) -> str:
    content = item.get("content")
    return content if isinstance(content, str) else "".join(text(part, "text", "transcript") or "" for part in objects(item, "content"))


def _is_spoken(item: Fields) -> bool:
    return any(text(part, "type") in _SPOKEN for part in objects(item, "content"))
