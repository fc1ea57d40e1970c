"""A corpus of transcripts as `replay` takes it: JSON lines with the messages of chat models, or plain lines of what users say.

One line of JSON is one conversation, `{"messages": [{"role": …, "content": …}, …]}`. Everything in it is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal

from simulator import Script
from simulator import ToolCall
from simulator.script import Line

MOST_BYTES: Final = 16 << 20
MOST_CONVERSATIONS: Final = 1_000
MOST_MESSAGES: Final = 200
MOST_LETTERS: Final = 16_384
"""Of one message."""

Kind = Literal["text", "spoken", "result", "greeting"]

DEFAULT_ANSWER: Final = "All right."
"""What the simulated model says where the transcript has no answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the user's side does, and the answer to it. `result` hands back what a tool found; `greeting` only asks for an answer.

    After one with `more` no answer is asked for: another result, or the user's words, come first.
    """

    kind: Kind
    words: str = ""
    answer: Line | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """One session. `tools` as a session is given them."""

    name: str
    instructions: str | None
    tools: tuple[Mapping[str, Any], ...]
    steps: tuple[Step, ...]


class Unusable(ValueError):
    """The corpus cannot be used; says where and why."""


def read_corpus(path: Path) -> list[Conversation]:
    """The conversations of a file: JSON lines, where it is named `.jsonl`, else a line for each thing that the user says.

    Raises Unusable, OSError.
    """
    if path.stat().st_size > MOST_BYTES:
        raise Unusable(f"{path}: {path.stat().st_size} bytes, at most {MOST_BYTES} are taken")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Unusable(f"{path}: no UTF-8: {error}") from None
    found = list(_transcripts(path, text) if path.suffix == ".jsonl" else _plain(path, text))
    if not 0 < len(found) <= MOST_CONVERSATIONS:
        raise Unusable(f"{path}: {len(found)} conversations, 1 to {MOST_CONVERSATIONS} are taken")
    return found


def script_of(made: Conversation) -> Script:
    """What a simulator plays that is the other side of a conversation."""
    lines = tuple(step.answer or DEFAULT_ANSWER for step in made.steps if not step.more)
    spoken = tuple(step.words for step in made.steps if step.kind == "spoken")
    return Script(lines=lines, transcripts=spoken or Script().transcripts)


def _plain(path: Path, text: str) -> Iterator[Conversation]:
    """Lines of the user; an empty line begins the next conversation."""
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    for number, block in enumerate(blocks, 1):
        steps = tuple(Step("text", line) for line in block if line.strip())
        yield _bounded(Conversation(f"conversation {number}", None, (), steps), f"{path}, conversation {number}")


def _transcripts(path: Path, text: str) -> Iterator[Conversation]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield conversation(line, f"{path}:{number}", f"line {number}")


def conversation(line: str, place: str, name: str) -> Conversation:
    """The conversation in a line of JSON, which has this name where it names none. Raises Unusable, with the place."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{place}: no JSON: {error}") from None
    messages = found.get("messages") if isinstance(found, dict) else None
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise Unusable(f'{place}: should be {{"messages": [{{"role": …, "content": …}}, …]}}')
    tools = found.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise Unusable(f"{place}: tools should be a list of tools")
    made = Conversation(str(found.get("name") or name), None, tuple(map(_tool, tools)), ())
    for message in messages:
        made = _continued(made, message, place)
    return _bounded(made, place)


def _continued(made: Conversation, message: Mapping[str, Any], place: str) -> Conversation:
    """The conversation with one more message. Raises Unusable."""
    words, role = _content(message.get("content"), place), message.get("role")
    match role:
        case "system" | "developer":
            return replace(made, instructions="\n".join(filter(None, (made.instructions, words))))
        case "user":
            kind: Kind = "spoken" if message.get("spoken") is True else "text"
            return replace(made, steps=(*_handed(made.steps), Step(kind, words)))
        case "tool":
            return replace(made, steps=(*_handed(made.steps), Step("result", words)))
        case "assistant":
            return _answered(made, _calls(message.get("tool_calls"), place) or words)
    raise Unusable(f"{place}: the role {role!r} is none of system, developer, user, assistant, tool")


def _handed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps before another one of the user's side: a result that has no answer goes together with it."""
    if not steps or steps[-1].kind != "result" or steps[-1].answer is not None:
        return steps
    return *steps[:-1], replace(steps[-1], more=True)


def _answered(made: Conversation, answer: Line) -> Conversation:
    """An answer belongs to the step before it; one without such a step greets, or goes on."""
    *before, last = made.steps or (Step("greeting"),)
    if last.answer is None:
        return replace(made, steps=(*before, replace(last, answer=answer)))
    return replace(made, steps=(*made.steps, Step("greeting", answer=answer)))


def _content(content: Any, place: str) -> str:
    """Text, or the texts of a list of parts."""
    if isinstance(content, list):
        content = " ".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    if content is not None and not isinstance(content, str):
        raise Unusable(f"{place}: content should be text, or a list of parts with text")
    if content is not None and len(content) > MOST_LETTERS:
        raise Unusable(f"{place}: a message of {len(content)} letters, at most {MOST_LETTERS} are taken")
    return content or ""


def _calls(calls: Any, place: str) -> tuple[ToolCall, ...]:
    try:
        return tuple(ToolCall(str(call["function"]["name"]), call["function"].get("arguments")) for call in calls or ())
    except (TypeError, KeyError, AttributeError):
        raise Unusable(f'{place}: tool_calls should be [{{"function": {{"name": …, "arguments": …}}}}, …]') from None


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A chat model's `{"type": "function", "function": {…}}` as a session has it, anything else as it is."""
    inner = tool.get("function")
    return {"type": "function", **inner} if isinstance(inner, dict) else tool


def _bounded(made: Conversation, place: str) -> Conversation:
    if not 0 < len(made.steps) <= MOST_MESSAGES:
        raise Unusable(f"{place}: {len(made.steps)} turns, 1 to {MOST_MESSAGES} are taken")
    return made
