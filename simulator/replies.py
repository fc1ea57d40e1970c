"""What the simulated model does in a turn: speak, or call tools. Lines of the script first, then its rules, then the tools by their names.

A tool is called when a word of its name occurs in the user's words: "what is the weather" calls `get_weather`.
Its arguments are made up from its JSON Schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Final

from simulator.script import Line
from simulator.script import Rule
from simulator.script import Script
from simulator.script import ToolCall

_NAME_WORDS: Final = re.compile(r"[A-Za-z][a-z]+|[A-Z]+|[^\W\d_a-zA-Z]+")
_USUAL: Final = frozenset(
    ("get", "set", "look", "lookup", "find", "fetch", "make", "call", "tool", "the", "for", "and", "with", "from", "create", "list")
)
_LONGEST_ECHO: Final = 200


@dataclass(frozen=True, slots=True)
class Say:
    """A message, spoken or written as the response asks, `wait` seconds later than usual."""

    text: str
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; `arguments` is JSON text."""

    name: str
    arguments: str


Part = Say | Call


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model has to go by: the user's last words, tool results since then, and what the response was given."""

    text: str
    results: tuple[str, ...] = ()
    instructions: str = ""
    tools: Sequence[dict[str, Any]] = ()
    tool_choice: Any = "auto"
    parallel: bool = True
    number: int = 0


def reply(script: Script, turn: Turn) -> tuple[Part, ...]:
    """What is answered in this turn; at least one part."""
    if turn.number < len(script.lines):
        return _line(script.lines[turn.number])
    rule = _rule(script, turn)
    if turn.results:
        return (Say(_results(rule, turn), rule.wait if rule else 0.0),)
    forced = _forced(turn)
    if forced:
        return forced
    if rule is not None:
        return _allowed(turn, _calls(rule.call)) or (Say(_filled(rule.say, turn), rule.wait),)
    return _allowed(turn, _named(turn)) or (Say(_spoken(script, turn)),)


def _line(line: Line) -> tuple[Part, ...]:
    return (Say(line),) if isinstance(line, str) else _calls(line)


def _calls(calls: Iterable[ToolCall]) -> tuple[Call, ...]:
    return tuple(Call(call.name, _json({} if call.arguments is None else call.arguments)) for call in calls)


def _rule(script: Script, turn: Turn) -> Rule | None:
    heard = f"{turn.text}\n{turn.instructions}".lower()
    return next((rule for rule in script.rules if rule.when.lower() in heard), None)


def _results(rule: Rule | None, turn: Turn) -> str:
    return _filled(rule.then, turn) if rule is not None and rule.then else _filled("This is what I found: {result}", turn)


def _spoken(script: Script, turn: Turn) -> str:
    if not turn.text:
        return script.greeting
    return _filled(script.answers[turn.number % len(script.answers)], turn)


def _filled(text: str, turn: Turn) -> str:
    text = text or "I heard you say: {text}"
    return text.replace("{text}", turn.text[:_LONGEST_ECHO]).replace("{result}", "; ".join(turn.results)[:_LONGEST_ECHO])


def _forced(turn: Turn) -> tuple[Call, ...]:
    functions = _functions(turn.tools)
    if isinstance(turn.tool_choice, dict):
        functions = [tool for tool in functions if tool.get("name") == turn.tool_choice.get("name")]
    elif turn.tool_choice != "required":
        return ()
    return tuple(_call(tool, turn) for tool in functions[:1])


def _named(turn: Turn) -> tuple[Call, ...]:
    words = set(re.findall(r"\w+", f"{turn.text} {turn.instructions}".lower()))
    return tuple(_call(tool, turn) for tool in _functions(turn.tools) if words & _name_words(str(tool.get("name", ""))))


def _allowed(turn: Turn, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    if turn.tool_choice == "none":
        return ()
    return calls if turn.parallel else calls[:1]


def _functions(tools: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [tool for tool in tools if tool.get("type") == "function" and tool.get("name")]


def _name_words(name: str) -> set[str]:
    return {word.lower() for word in _NAME_WORDS.findall(name) if len(word) > 2} - _USUAL


def _call(tool: dict[str, Any], turn: Turn) -> Call:
    return Call(str(tool["name"]), _json(_example(tool.get("parameters") or {"type": "object"}, turn)))


def _example(schema: Any, turn: Turn) -> Any:
    """A value that fits the schema: its default or first choice where it has one, else the user's last capitalised word."""
    if not isinstance(schema, dict):
        return None
    for fixed in ("default", "const"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", list(schema.get("properties", {})))
            return {name: _example(schema.get("properties", {}).get(name), turn) for name in wanted}
        case "array":
            return [_example(schema.get("items", {"type": "string"}), turn)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    names = re.findall(r"\b[A-Z]\w+", turn.text)
    return names[-1] if names else "example"


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
