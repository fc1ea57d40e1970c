"""What a tool is called: functions and built-in tools by their name, MCP servers as `mcp:<label>` with where they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Final
from typing import NamedTuple

from realtime.watch.places import folded
from realtime.watch.places import values

MCP: Final = "mcp:"

_FUNCTIONS: Final = ("function", "custom")
_FREE: Final = frozenset(("auto", "none", "required", "any", "validated"))
"""Choices that name no tool."""


class Tool(NamedTuple):
    """A tool that a message names. `name` is "" where it has none that can be read.

    `where` says where an MCP server is (URL, connector, tunnel); None for every other tool, and where only its label is named.
    """

    name: str
    entry: Any
    where: tuple[str, ...] | None = None


def tools(dialect: str, field: str, value: Any) -> Iterator[Tool]:
    """The tools that a member of a configuration lists; `field` is its folded name, null lists none."""
    if value is not None:
        yield from _LISTS.get(field, _none)(dialect, value)


def chosen(value: Any) -> Iterator[Tool]:
    """The tools that a choice is for, in the forms of OpenAI and of Gemini; by their label where they are MCP servers."""
    if value is None or (isinstance(value, str) and value.casefold() in _FREE):
        return
    if not isinstance(value, dict):
        yield Tool(value if isinstance(value, str) else "", value)
        return
    config = next((one for one in values(value, "functioncallingconfig") if isinstance(one, dict)), None)
    if config is not None:
        for names in values(config, "allowedfunctionnames"):
            yield from _named(names)
    elif lists := values(value, "tools"):
        for inner in lists:
            yield from (tool._replace(where=None) for tool in _listed("openai", inner))
    elif any(folded(name) != "mode" for name in value):
        yield from (tool._replace(where=None) for tool in _entry(value))


def _listed(dialect: str, value: Any) -> Iterator[Tool]:
    read = _READERS.get(dialect, _entry)
    if not isinstance(value, list) and dialect != "gemini":
        yield Tool("", value)
        return
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield from read(entry)
        else:
            yield Tool(entry if isinstance(entry, str) else "", entry)


def _entry(entry: dict[str, Any]) -> Iterator[Tool]:
    """OpenAI's form, and the older one that has the function one level deeper."""
    kinds = values(entry, "type")
    for kind in kinds or ["mcp" if values(entry, "serverlabel") or values(entry, "serverurl") else "function"]:
        if kind == "mcp":
            where = [place for field in ("serverurl", "connectorid", "tunnelid") for place in values(entry, field)]
            yield from _server(entry, values(entry, "serverlabel"), where)
        elif kind in _FUNCTIONS:
            yield from _function(entry)
        else:
            yield Tool(kind if isinstance(kind, str) else "", entry)
    for inner in values(entry, "tools"):
        yield from _listed("openai", inner)


def _function(entry: dict[str, Any]) -> Iterator[Tool]:
    nested = [name for kind in _FUNCTIONS for inner in values(entry, kind) for name in _names(inner)]
    names = [*values(entry, "name"), *nested]
    for name in names or [""]:
        yield Tool(name if isinstance(name, str) else "", entry)


def _names(holder: Any) -> list[Any]:
    return values(holder, "name") if isinstance(holder, dict) else [None]


def _server(entry: dict[str, Any], labels: list[Any], where: list[Any]) -> Iterator[Tool]:
    readable = all(isinstance(one, str) for one in (*where, *labels))
    for label in labels or [""]:
        yield Tool(f"{MCP}{label}" if readable and label else "", entry, tuple(where) if readable else ())


def _elevenlabs(entry: dict[str, Any]) -> Iterator[Tool]:
    """Tools of agents have a name whatever their type."""
    is_server = "mcp" in values(entry, "type")
    for tool in _function(entry):
        yield tool._replace(name=f"{MCP}{tool.name}" if tool.name else "", where=()) if is_server else tool


def _gemini(entry: dict[str, Any]) -> Iterator[Tool]:
    """Functions and MCP servers are listed, every other member is a built-in tool by its own name: `googleSearch`."""
    for key, value in entry.items():
        read = _GEMINI.get(folded(key))
        if read is not None:
            yield from read(value) if value is not None else ()
        elif value is not None:
            yield Tool(_camel(key), {key: value})


def _declared(value: Any) -> Iterator[Tool]:
    for one in value if isinstance(value, list) else [value]:
        yield from _function(one) if isinstance(one, dict) else (Tool("", one),)


def _servers(value: Any) -> Iterator[Tool]:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            yield Tool("", one)
            continue
        transports = [inner for inner in values(one, "streamablehttptransport") if isinstance(inner, dict)]
        yield from _server(one, values(one, "name"), [url for inner in transports for url in values(inner, "url")])


def _named(value: Any) -> Iterator[Tool]:
    for name in value if isinstance(value, list) else [value]:
        yield Tool(name if isinstance(name, str) else "", name)


def _server_ids(dialect: str, value: Any) -> Iterator[Tool]:
    for tool in _named(value):
        yield Tool(f"{MCP}{tool.name}" if tool.name else "", tool.entry, ())


def _built_in(dialect: str, value: Any) -> Iterator[Tool]:
    if not isinstance(value, dict):
        yield from _named(value)
        return
    yield from (Tool(name, {name: inner}) for name, inner in value.items() if inner is not None)


def _search(dialect: str, value: Any) -> Iterator[Tool]:
    """Bailian's switch for its web search."""
    if value:
        yield Tool("enable_search", value)


def _none(dialect: str, value: Any) -> Iterator[Tool]:
    return iter(())


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


_LISTS: Final[dict[str, Callable[[str, Any], Iterator[Tool]]]] = {
    "tools": _listed,
    "toolids": lambda dialect, value: _named(value),
    "mcpserverids": _server_ids,
    "nativemcpserverids": _server_ids,
    "builtintools": _built_in,
    "enablesearch": _search,
}
_READERS: Final[dict[str, Callable[[dict[str, Any]], Iterator[Tool]]]] = {"gemini": _gemini, "elevenlabs": _elevenlabs}
"""By dialect, how an entry of a list is read; the others have OpenAI's."""
_GEMINI: Final[dict[str, Callable[[Any], Iterator[Tool]]]] = {"functiondeclarations": _declared, "mcpservers": _servers}
