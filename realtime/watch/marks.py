"""What a place of a configuration was set to, as digests: two settings can be compared, and neither can be read.

`exact` tells any change apart. `loose` is the same for what a client asks and what a provider makes of it when it reports the
configuration: defaults added, white space, credentials and the paths of MCP servers left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any
from typing import Final
from urllib.parse import urlsplit

import msgspec

from realtime.watch.places import Place
from realtime.watch.places import folded
from realtime.watch.places import values
from realtime.watch.tools import MCP
from realtime.watch.tools import Tool
from realtime.watch.tools import tools

DIGITS: Final = 12
"""Hexadecimal digits of a digest that are told and kept."""
MAX_TOOLS: Final = 256
"""Tools of one list that are told apart; where there are more, the whole list is one more."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_REST: Final = "…"
_NAME: Final = 64

_CREDENTIALS: Final = frozenset(("authorization", "headers"))
_COMPARED: Final = ("description", "parameters", "parametersjsonschema", "inputschema")
_DEFAULTS: Final = frozenset(("strict", "additionalproperties", "$schema", "title"))


@dataclass(frozen=True, slots=True)
class Mark:
    """`parts` has the exact digest of each tool by its name, of instructions the one of their text by ""."""

    parts: Mapping[str, str]
    loose: str

    @property
    def exact(self) -> str:
        """The digest of instructions as it is told."""
        return self.parts.get("", "")

    def record(self) -> list[Any]:
        """As it can be kept; see `restored`."""
        return [dict(self.parts), self.loose]


def restored(record: list[Any]) -> Mark:
    """The mark of a record."""
    return Mark(*record)


def mark(dialect: str, place: Place) -> Mark:
    """The mark of what stands at a place, which is none of a choice."""
    if place.aspect == "instructions":
        text = words(place.value)
        return Mark({"": digest(text)}, digest(" ".join(text.split())))
    named = tools(dialect, folded(str(place.keys[-1])), place.value)
    found = list(islice(named, MAX_TOOLS))
    rest = {_REST: digest(_json(place.value))} if next(named, None) is not None else {}
    return Mark(_parts(found) | rest, digest(_json([sorted(map(_loose, found)), [*rest.values()]])))


def words(value: Any) -> str:
    """The text of instructions: Gemini has them in parts, what is stored at OpenAI is named by its id."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict):
        parts = next((inner for inner in values(value, "parts") if isinstance(inner, list)), None)
        if parts is not None:
            return "\n".join(text for part in parts if isinstance(part, dict) for text in values(part, "text") if isinstance(text, str))
    return _json(value).decode()


def digest(text: str | bytes) -> str:
    """The first digits of the SHA-256 of a text in UTF-8."""
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return sha256(data).hexdigest()[:DIGITS]


def _parts(found: Iterable[Tool]) -> dict[str, str]:
    """By name; tools that share one are one."""
    parts: dict[str, str] = {}
    for tool in found:
        name = tool.name[:_NAME].encode(errors="replace").decode()
        made = digest(_json(_without_credentials(tool.entry)))
        parts[name] = digest(parts[name] + made) if name in parts else made
    return parts


def _without_credentials(entry: Any) -> Any:
    """An access token may be renewed without any change of the server."""
    if not isinstance(entry, dict):
        return entry
    return {key: value for key, value in entry.items() if value is not None and folded(key) not in _CREDENTIALS}


def _loose(tool: Tool) -> list[Any]:
    if tool.name.startswith(MCP):
        return [tool.name, *sorted(map(_host, tool.where or ()))]
    nested = next((inner for inner in values(tool.entry, "function") if isinstance(inner, dict)), None) if _is_object(tool) else None
    holder = nested or (tool.entry if _is_object(tool) else {})
    return [tool.name, *(_json([_bare(value) for value in values(holder, name)]).decode() for name in _COMPARED)]


def _is_object(tool: Tool) -> bool:
    return isinstance(tool.entry, dict)


def _host(where: str) -> str:
    """Providers report no more of a server's address."""
    try:
        return urlsplit(where).netloc or where
    except ValueError:
        return where


def _bare(value: Any) -> Any:
    """A schema without what only repeats a default."""
    if isinstance(value, dict):
        kept = {key: _bare(inner) for key, inner in value.items() if folded(key) not in _DEFAULTS}
        return {key: inner for key, inner in kept.items() if inner not in (None, "", False, [], {})}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _json(value: Any) -> bytes:
    """JSON in which the order of members makes no difference. What UTF-8 and 64 bits cannot hold is left to Python's own."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, sort_keys=True).encode()
