"""The script of a simulator: what its users are taken to say, what it answers, how it misbehaves.

Everything has a default, so an empty script is a friendly assistant. A file is YAML or JSON with the fields of `Script`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from pathlib import Path
from typing import Any
from typing import Final

import yaml

_LONGEST_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model makes; `arguments` is any JSON value, sent as compact JSON text."""

    name: str
    arguments: Any = None


@dataclass(frozen=True, slots=True)
class Rule:
    """When the user's words (or the instructions of a response) contain `when`, in any case: `call` these, or `say` that.

    `then` is said when the results of the calls came back; "{text}" stands for the user's words, "{result}" for the results.
    What is said is thought about for `wait` seconds more than usual.
    """

    when: str
    say: str = ""
    call: tuple[ToolCall, ...] = ()
    then: str = ""
    wait: float = 0.0


STORY = (
    "Once upon a time there was a lighthouse keeper who counted ships. Every evening she wrote their names in a book, and every "
    "morning she read them aloud to the gulls. One winter no ship came for forty days, so she wrote down the names of the clouds. "
    "When the ice broke at last, the first captain asked what had happened in the world, and she told him about the weather."
)


Line = str | tuple[ToolCall, ...]
"""An answer as it is: words, or calls."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a simulator plays; see `docs/simulator.md` for each field in a file."""

    transcripts: tuple[str, ...] = (
        "Hello, can you hear me?",
        "What is the weather in Paris today?",
        "Thank you, that is all.",
    )
    """The words of spoken turns, in turn and from the start again: nothing is recognised here."""
    lines: tuple[Line, ...] = ()
    """The first answers of every session, in turn, whatever it was asked. After them the rest of the script decides."""
    rules: tuple[Rule, ...] = (
        Rule("hear me", "Yes, I can hear you clearly. What can I do for you?"),
        Rule("story", STORY),
        Rule("that is all", "You are welcome. Goodbye!"),
    )
    answers: tuple[str, ...] = ("I heard you say: {text}",)
    """What is said where no rule and no tool fits, in turn."""
    greeting: str = "Hello! How can I help you today?"
    """What is said to a user who has not said anything yet."""
    translations: tuple[str, ...] = ("Bonjour, vous m'entendez ?", "Quel temps fait-il à Paris aujourd'hui ?", "Merci, c'est tout.")
    """The spoken translations, in step with `transcripts`."""
    misbehave: str | None = None
    """The misbehaviour of every connection that does not choose its own."""


def load_script(path: Path) -> Script:
    """The script in a YAML or JSON file.

    Raises ValueError, with what was found and what is allowed, when it is not one.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML or JSON: {error}") from error
    try:
        return parse_script(data or {})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse_script(data: Any) -> Script:
    """The script of plain data. Raises ValueError like `load_script`."""
    given = _object(data, Script, "the script")
    if "rules" in given:
        given["rules"] = tuple(_rule(rule) for rule in _listed(given["rules"], "rules"))
    if "lines" in given:
        given["lines"] = tuple(_line(each) for each in _listed(given["lines"], "lines"))
    for name in ("transcripts", "answers", "translations"):
        if name in given:
            given[name] = tuple(_words(each, name) for each in _listed(given[name], name))
            if not given[name]:
                raise ValueError(f"{name} is empty; leave it out to get the default")
    return Script(**given)


def _line(data: Any) -> Line:
    return tuple(_call(call) for call in data) if isinstance(data, list) and data else _words(data, "lines")


def _rule(data: Any) -> Rule:
    given = _object(data, Rule, "a rule")
    calls = _listed(given.get("call", []), "call")
    given["call"] = tuple(_call(call) for call in calls)
    given["when"] = _words(given.get("when"), "when")
    given["wait"] = _seconds(given.get("wait", 0.0), "wait")
    return Rule(**given)


def _call(data: Any) -> ToolCall:
    given = _object(data, ToolCall, "a call")
    return ToolCall(_words(given.get("name"), "name"), given.get("arguments"))


def _object(data: Any, kind: type[Script | Rule | ToolCall], what: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise ValueError(f"{what} is not a mapping but {type(data).__name__}")
    known = [field.name for field in fields(kind)]
    for name in data:
        if name not in known:
            raise ValueError(f"{what} has no field {name!r}; it has {', '.join(known)}")
    return dict(data)


def _listed(data: Any, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"{what} is not a list but {type(data).__name__}")
    return data


def _seconds(data: Any, what: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float) or not 0 <= data <= _LONGEST_WAIT:
        raise ValueError(f"{what} wants 0 to {_LONGEST_WAIT:g} seconds, not {data!r}")
    return float(data)


def _words(data: Any, what: str) -> str:
    if not isinstance(data, str) or not data:
        raise ValueError(f"{what} wants a text, not {data!r}")
    return data
