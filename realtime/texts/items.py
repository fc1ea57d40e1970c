"""Conversation items and tools of the OpenAI family: which words are in them, by the type of the item and the role of the speaker."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Final

from realtime.dialects.fields import Fields
from realtime.dialects.fields import text
from realtime.jsonpath import Keys
from realtime.texts.slot import Kind
from realtime.texts.slot import Read
from realtime.texts.slot import Stream
from realtime.texts.slot import Text
from realtime.texts.slot import leaves
from realtime.texts.slot import owner_of

_ROLES: Final[dict[str, tuple[Kind, Kind]]] = {
    "user": ("user_text", "user_transcript"),
    "assistant": ("model_text", "model_transcript"),
    "system": ("instructions", "instructions"),
    "developer": ("instructions", "instructions"),
    "tool": ("tool_result", "tool_result"),
}
"""What is written and what is spoken in the message of a role."""

_FIELDS: Final[dict[str, int]] = {"text": 0, "transcript": 1, "refusal": 0}
"""The fields of a content part that hold words, and whether they are written (0) or spoken (1)."""

_ARGUMENTS: Final = leaves("tool_arguments")
_RESULT: Final = leaves("tool_result")
_MCP: Final = leaves("mcp")
_SCHEMA: Final = leaves("tool_schema")


def item_by(role: str) -> Read:
    """An item; `role` is who speaks in a message that does not say."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        if isinstance(value, dict):
            read_as = _TYPES.get(text(value, "type") or "message", _unknown)
            yield from read_as(value, keys, event, role)

    return read


def part_by(role: str) -> Read:
    """A content part beside the ids of its item (`response.content_part.*`)."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        index = event.get("content_index")
        if isinstance(value, dict):
            yield from _part(value, keys, (owner_of(event), text(event, "item_id"), index if type(index) is int else 0), role)

    return read


def tool(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
    """A tool as a session or a request lists it: an MCP server entry, or anything else, by its schema."""
    is_mcp = isinstance(value, dict) and value.get("type") == "mcp"
    yield from (_MCP if is_mcp else _SCHEMA)(value, keys, event)


def _message(item: Fields, keys: Keys, event: Fields, role: str) -> Iterator[Text]:
    content = item.get("content")
    role = text(item, "role") or role
    owner, name = owner_of(event), text(item, "id")
    if isinstance(content, str):
        yield from _part({"text": content}, keys, (owner, name, 0), role, at=(*keys, "content"))
    elif isinstance(content, list):
        for number, part in enumerate(content):
            if isinstance(part, dict):
                yield from _part(part, (*keys, "content", number), (owner, name, number), role)


def _part(part: Fields, keys: Keys, ids: tuple[str | None, str | None, int], role: str, at: Keys | None = None) -> Iterator[Text]:
    kinds = _ROLES.get(role, _ROLES["user"])
    for field, spoken in _FIELDS.items():
        value = part.get(field)
        if isinstance(value, str):
            yield _ended(kinds[spoken], at or (*keys, field), value, ids)


def _ended(kind: Kind, keys: Keys, value: str, ids: tuple[str | None, str | None, int]) -> Text:
    """The end of the text of an item that has an id; without one it never was a stream."""
    return Text(kind, keys, value, Stream(*ids, kind), "final") if ids[1] else Text(kind, keys, value)


def _of(field: str, kind: Kind, read: Read) -> Callable[[Fields, Keys, Fields, str], Iterator[Text]]:
    def read_field(item: Fields, keys: Keys, event: Fields, role: str) -> Iterator[Text]:
        value = item.get(field)
        if isinstance(value, str):
            yield _ended(kind, (*keys, field), value, (owner_of(event), text(item, "id"), 0))
        elif value is not None:
            yield from read(value, (*keys, field), event)

    return read_field


def _mcp(item: Fields, keys: Keys, event: Fields, role: str) -> Iterator[Text]:
    yield from _mcp_arguments(item, keys, event, role)
    for field in ("tools", "output", "error", "reason", "server_label", "name"):
        yield from _MCP(item.get(field), (*keys, field), event)


def _unknown(item: Fields, keys: Keys, event: Fields, role: str) -> Iterator[Text]:
    """An item of a type not listed here: whatever it holds is taken for the words of the one who sends it."""
    yield from leaves(_ROLES.get(text(item, "role") or role, _ROLES["user"])[0])(item, keys, event)


_mcp_arguments = _of("arguments", "mcp", _MCP)

_TYPES: Final[dict[str, Callable[[Fields, Keys, Fields, str], Iterator[Text]]]] = {
    "message": _message,
    "function_call": _of("arguments", "tool_arguments", _ARGUMENTS),
    "function_call_output": _of("output", "tool_result", _RESULT),
    "mcp_call": _mcp,
    "mcp_list_tools": _mcp,
    "mcp_approval_request": _mcp,
    "mcp_approval_response": _mcp,
}
