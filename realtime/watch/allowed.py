"""Which tools a session may have: lists of globs, each of which has to fit every tool that a message names.

`mcp:<label>` stands for an MCP server by the label that the app gave it, `mcp:<label>@<where>` also for where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from typing import Final
from urllib.parse import urlsplit

from realtime.jsonpath import Keys
from realtime.jsonpath import written
from realtime.watch.places import folded
from realtime.watch.places import places
from realtime.watch.places import values
from realtime.watch.tools import MCP
from realtime.watch.tools import Tool
from realtime.watch.tools import chosen
from realtime.watch.tools import tools

MOST: Final = 1_000
"""Tools that one message may name where a list is in force."""

_SHOWN: Final = 80
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class ToolList:
    """The tools that a key or a route allows; `whose` says so in messages."""

    whose: str
    globs: tuple[str, ...]

    def allows(self, tool: Tool) -> bool:
        """Whether a glob fits the tool; one without a name fits none."""
        return bool(tool.name) and any(_fits(glob, tool) for glob in self.globs)

    def refusal(self, tool: Tool, keys: Keys) -> str:
        """Why a tool that stands at `keys` is refused, and what is allowed instead."""
        named = f"tool {shown(tool)!r}" if tool.name else f"{written(keys)} has a tool without a name that can be read, which"
        more = ", …" if len(self.globs) > _LISTED else ""
        return f"{named} is not allowed for {self.whose}; allowed: {', '.join(self.globs[:_LISTED]) or 'none'}{more}"


def refused(lists: Sequence[ToolList], dialect: str, event: dict[str, Any]) -> str | None:
    """Why a message may not pass: the first tool in it that is not on every list."""
    if not lists:
        return None
    for number, (tool, keys) in enumerate(_named(dialect, event)):
        if number == MOST:
            return f"a message with more than {MOST} tools is not allowed for {lists[0].whose}"
        for allowed in lists:
            if not allowed.allows(tool):
                return allowed.refusal(tool, keys)
    return None


def shown(tool: Tool) -> str:
    """A tool as it is told: an MCP server with where it is, but for what may be secret in that."""
    return "@".join((tool.name, *map(_address, tool.where or ())))[:_SHOWN]


def _address(where: str) -> str:
    """A URL without the user, the password and all behind the path."""
    try:
        parts = urlsplit(where)
    except ValueError:
        return "…"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else where


def _named(dialect: str, event: dict[str, Any]) -> Iterator[tuple[Tool, Keys]]:
    for place in places(event):
        if place.aspect == "tools":
            for tool in tools(dialect, folded(str(place.keys[-1])), place.value):
                yield tool, place.keys
        elif place.aspect == "choice":
            for tool in chosen(place.value):
                yield tool, place.keys
    for item in values(event, "item"):
        if isinstance(item, dict) and "mcp_list_tools" in values(item, "type"):
            for label in values(item, "serverlabel") or [""]:
                yield Tool(f"{MCP}{label}" if isinstance(label, str) and label else "", item), ("item",)


def _fits(glob: str, tool: Tool) -> bool:
    if not tool.name.startswith(MCP) or not glob.startswith(MCP):
        return fnmatchcase(tool.name, glob)
    label, at, where = glob.partition("@")
    if not fnmatchcase(tool.name, label):
        return False
    return not at or tool.where is None or (bool(tool.where) and all(fnmatchcase(one, where) for one in tool.where))
