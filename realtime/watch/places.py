"""Where a client's message configures something: its tools, what it makes the model choose, its instructions.

Every object of a message is looked at, not only those that a protocol is known to have, and names are compared without case and
underscores: servers differ in what they forgive. What a message carries for the conversation is left alone: items, words, results.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Final
from typing import Literal
from typing import NamedTuple

from realtime.jsonpath import Keys

Aspect = Literal["tools", "choice", "instructions"]


class Place(NamedTuple):
    """A value that configures something. `slot` is its place whatever kind of message names it, such as `tools`."""

    aspect: Aspect
    slot: str
    keys: Keys
    value: Any


def folded(name: str) -> str:
    """A name as the most forgiving server reads it: `toolChoice`, `tool_choice` and `Tool_Choice` are one."""
    return name.casefold().replace("_", "")


def values(holder: dict[str, Any], name: str) -> list[Any]:
    """The values of all members that may be read as `name` (folded), null ones left out."""
    return [value for key, value in holder.items() if value is not None and folded(key) == name]


def places(event: dict[str, Any]) -> Iterator[Place]:
    """The places of a message, in its order."""
    for key, value in event.items():
        name = folded(key)
        if name in _ROOTS:
            yield from _within(value, (key,), ())
        else:
            yield from _member(key, name, value, (), ())


def _within(value: Any, keys: Keys, slot: tuple[str, ...]) -> Iterator[Place]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _member(key, folded(key), inner, keys, slot)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _within(inner, (*keys, number), (*slot, str(number)))


def _member(key: str, name: str, value: Any, keys: Keys, slot: tuple[str, ...]) -> Iterator[Place]:
    keys, slot = (*keys, key), (*slot, name)
    aspect = ASPECTS.get(name)
    if name == "prompt" and isinstance(value, dict) and not values(value, "id"):
        aspect = None
    if aspect is not None:
        yield from _unwrapped(aspect, name, value, keys, slot)
    elif name not in _CONTENT and not (name == "input" and isinstance(value, list)):
        yield from _within(value, keys, slot)


def _unwrapped(aspect: Aspect, name: str, value: Any, keys: Keys, slot: tuple[str, ...]) -> Iterator[Place]:
    """Gemini's `contextUpdate.tools.tools` is the same as its `setup.tools`."""
    inner = values(value, "tools") if name == "tools" and isinstance(value, dict) else []
    for one in inner or [value]:
        yield Place(aspect, ".".join(slot), keys, one)


ASPECTS: Final[dict[str, Aspect]] = {
    "tools": "tools",
    "toolids": "tools",
    "mcpserverids": "tools",
    "nativemcpserverids": "tools",
    "builtintools": "tools",
    "enablesearch": "tools",
    "toolchoice": "choice",
    "toolconfig": "choice",
    "instructions": "instructions",
    "systeminstruction": "instructions",
    "prompt": "instructions",
    "firstmessage": "instructions",
}
"""By folded name. A `prompt` may also be an object with an id (stored at OpenAI), or one with more inside (ElevenLabs)."""

_ROOTS: Final = frozenset(("session", "response", "decision", "setup", "contextupdate"))
"""What holds a configuration in the messages that know one; the place inside is the same for all of them."""

_CONTENT: Final = frozenset(
    (
        *("item", "items", "appendinputitems", "content", "text", "result", "delta"),
        *("clientcontent", "realtimeinput", "toolresponse", "dynamicvariables", "variables", "metadata", "labels"),
    )
)
"""Folded names of what belongs to the conversation, and of notes that the app makes for itself."""
