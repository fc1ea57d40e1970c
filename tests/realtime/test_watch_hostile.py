"""Whatever JSON a peer sends: nothing raises, memory stays bounded, and an unlisted tool never passes in any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.frame import Frame
from realtime.watch import InForce
from realtime.watch import Refused
from realtime.watch import ToolList
from realtime.watch import Watch
from realtime.watch.places import ASPECTS

DIALECTS = ("openai", "openai-live", "openai-translation", "vllm", "gemini", "elevenlabs")
KEYS = st.sampled_from(
    (
        *("tools", "Tools", "tool_choice", "toolConfig", "instructions", "systemInstruction", "system_instruction", "prompt", "parts"),
        *("session", "response", "setup", "contextUpdate", "type", "name", "function", "functionDeclarations", "mcpServers", "text"),
        *("server_url", "server_label", "tool_ids", "built_in_tools", "enable_search", "item", "content", "id", "mode", "\ud800"),
    )
)
KINDS = st.sampled_from(
    (
        *("session.update", "session.start", "response.create", "session.instructions.append", "conversation.item.create"),
        *("conversation_initiation_client_data", "session.updated", "session.created"),
        *("mcp", "function", "mcp_list_tools", "allowed_tools"),
    )
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KINDS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5))
EVENTS = st.dictionaries(KEYS, VALUES, max_size=5).flatmap(lambda event: KINDS.map(lambda kind: {**event, "type": kind})) | VALUES


def frame(value: Any, *, client: bool = True, text: bool = True) -> Frame:
    return Frame(client, json.dumps(value).encode(), text=text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(DIALECTS), st.lists(st.tuples(EVENTS, st.booleans(), st.booleans()), max_size=4))
def test_nothing_raises(dialect: str, events: list[tuple[Any, bool, bool]]) -> None:
    for response in ("alert", "block"):
        watch = Watch(lambda: (ToolList("key k", ("lookup",)),), instructions=response, tools=response)  # type: ignore[arg-type]
        for value, client, text in events:
            said = frame(value, client=client, text=text)
            if not client:
                watch.reported(dialect, said)
            elif watch.judge(dialect, said) is None:
                watch.settle(dialect, said)
        again = InForce(json.loads(json.dumps(watch.in_force.record())))
        assert again.asked == watch.in_force.asked


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(DIALECTS), st.binary(max_size=60), st.booleans())
def test_bytes_that_are_no_json(dialect: str, payload: bytes, text: bool) -> None:
    watch = Watch(lambda: (ToolList("key k", ()),), instructions="block")
    watch.judge(dialect, Frame(True, payload, text=text))
    watch.settle(dialect, Frame(True, payload, text=text))
    watch.reported(dialect, Frame(False, payload, text=text))


HOLDERS = st.lists(st.sampled_from(["delegation", "responses", "agent", "config", "audio", "x"]), max_size=5)
FORMS = st.sampled_from(
    [
        [{"type": "function", "name": "wire_money"}],
        [{"name": "wire_money"}],
        [{"type": "function", "function": {"name": "wire_money"}}],
        ["wire_money"],
        {"name": "wire_money"},
        "wire_money",
        [{"type": "mcp", "server_label": "wire_money", "server_url": "https://x.example/"}],
        [{"functionDeclarations": [{"name": "wire_money"}]}],
        [[{"name": "wire_money"}]],
    ]
)
SPELLINGS = st.sampled_from(["tools", "TOOLS", "tool_choice", "toolChoice", "Tool_Choice", "tool_ids", "mcpServerIds", "built_in_tools"])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(DIALECTS), st.sampled_from(["session", "response", "setup", "config", "Session"]), HOLDERS, SPELLINGS, FORMS, st.data()
)
def test_an_unlisted_tool_passes_in_no_shape(dialect: str, root: str, holders: list[str], key: str, form: Any, data: st.DataObject) -> None:
    value: Any = {key: form}
    for holder in holders:
        value = [value] if data.draw(st.booleans()) else {holder: value}
    event = {"type": data.draw(KINDS.filter(lambda kind: kind != "conversation.item.create")), root: value}
    refused = Watch(lambda: (ToolList("key k", ("lookup",)),)).judge(dialect, frame(event))
    assert isinstance(refused, Refused)
    escaped = json.dumps(event).replace("o", "\\u006f").encode()
    assert isinstance(Watch(lambda: (ToolList("key k", ("lookup",)),)).judge(dialect, Frame(True, escaped)), Refused)


@pytest.mark.parametrize("name", sorted(ASPECTS))
def test_the_names_are_folded(name: str) -> None:
    assert name == name.casefold().replace("_", "")


def many(count: int, last: str = "") -> Frame:
    tools = [{"type": "function", "name": f"t{number}"} for number in range(count)]
    return frame({"type": "session.update", "session": {"tools": [*tools, *([{"type": "function", "name": last}] if last else [])]}})


def test_more_tools_than_anybody_has() -> None:
    watch = Watch(lambda: (ToolList("key k", ("t*",)),))
    assert watch.judge("openai", many(1_000)) is None
    refused = watch.judge("openai", many(1_001))
    assert refused is not None
    assert refused.message == "a message with more than 1000 tools is not allowed for key k"


def test_those_beyond_the_bound_are_compared_all_the_same() -> None:
    watch = Watch()
    assert watch.settle("openai", many(5_000, "a")) == ()
    assert watch.settle("openai", many(5_000, "a")) == ()
    [change] = watch.settle("openai", many(5_000, "b"))  # type: ignore[misc]
    assert (change.added, change.removed, change.changed) == ((), (), ("…",))
    assert len(watch.in_force.asked["tools"].parts) == 257
