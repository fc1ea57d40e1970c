"""A corpus as `replay` reads it: chat transcripts, plain lines, and everything that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import transcripts
from cli.transcripts import Conversation
from cli.transcripts import Step
from cli.transcripts import Unusable
from cli.transcripts import read_corpus
from simulator import ToolCall


def read(folder: Path, *conversations: Any) -> list[Conversation]:
    file = folder / "corpus.jsonl"
    file.write_text("".join(f"{made if isinstance(made, str) else json.dumps(made)}\n" for made in conversations))
    return read_corpus(file)


def said(role: str, content: Any = "x", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_messages_of_a_chat_model(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"id":7}'}}
    messages = [
        said("system", "Be brief."),
        said("assistant", "Hello!"),
        said("user", [{"type": "text", "text": "Where is"}, {"type": "text", "text": "it?"}]),
        said("assistant", None, tool_calls=[call]),
        said("tool", "packed", tool_call_id="c"),
        said("assistant", "It is packed."),
        said("assistant", "Anything else?"),
        said("user", "No.", spoken=True),
    ]
    tools = [{"type": "function", "function": {"name": "find", "parameters": {}}}, {"type": "mcp", "server_label": "m"}]
    [made] = read(tmp_path, {"name": "one", "messages": messages, "tools": tools}, "")
    assert (made.name, made.instructions) == ("one", "Be brief.")
    assert made.tools == ({"type": "function", "name": "find", "parameters": {}}, {"type": "mcp", "server_label": "m"})
    assert made.steps == (
        Step("greeting", answer="Hello!"),
        Step("text", "Where is it?", (ToolCall("find", '{"id":7}'),)),
        Step("result", "packed", "It is packed."),
        Step("greeting", answer="Anything else?"),
        Step("spoken", "No."),
    )


def test_plain_lines(tmp_path: Path) -> None:
    file = tmp_path / "said.txt"
    file.write_text("Hello\r\nMy card\r\n\r\n\nGoodbye\n")
    first, second = read_corpus(file)
    assert [step.words for step in first.steps] == ["Hello", "My card"]
    assert second.steps == (Step("text", "Goodbye"),)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("{", r"corpus\.jsonl:1: no JSON"),
        ("[" * 100_000, "no JSON"),
        ([], "should be"),
        ({"messages": ["x"]}, "should be"),
        ({"messages": []}, "0 turns, 1 to 200"),
        ({"messages": [said("system")]}, "0 turns"),
        ({"messages": [said("critic")]}, "the role 'critic' is none"),
        ({"messages": [said("user", 5)]}, "content should be text"),
        ({"messages": [said("user", "x" * 16_385)]}, "16385 letters, at most 16384"),
        ({"messages": [said("user")] * 201}, "201 turns"),
        ({"messages": [said("user")], "tools": {}}, "tools should be a list"),
        ({"messages": [said("assistant", tool_calls=[{"name": "x"}])]}, "tool_calls should be"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_line(tmp_path: Path, made: Any, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        read(tmp_path, made)


def test_a_corpus_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "empty.txt"
    file.write_text("\n\n")
    with pytest.raises(Unusable, match="0 conversations"):
        read_corpus(file)
    file.write_bytes(b"\xff")
    with pytest.raises(Unusable, match="no UTF-8"):
        read_corpus(file)
    monkeypatch.setattr(transcripts, "MOST_BYTES", 10)
    file.write_text("x" * 11)
    with pytest.raises(Unusable, match="11 bytes, at most 10"):
        read_corpus(file)
