"""What the GA session refuses, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest
from conversing import Talk
from conversing import error
from conversing import kinds
from hypothesis import given
from hypothesis import strategies as st

from simulator.shapes import TALKING

ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def heard_in(form: dict[str, Any]) -> dict[str, Any]:
    return update(audio={"input": {"format": form}})


def create(item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item, **fields}


TRUNCATE = {"type": "conversation.item.truncate", "item_id": "gone", "content_index": 0, "audio_end_ms": 1}
UNASKED = {"type": "function_call_output", "call_id": "c", "output": ""}
WRONG: list[tuple[dict[str, Any], str, str | None]] = [
    ({"type": "nonsense"}, "invalid_value", "type"),
    ({}, "missing_required_parameter", "type"),
    ({"type": ["session.update"]}, "invalid_value", "type"),
    ({"type": "session.update"}, "missing_required_parameter", "session"),
    ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
    (update(voice="alloy"), "unknown_parameter", "session.voice"),
    (update(modalities=["text"]), "unknown_parameter", "session.modalities"),
    ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
    (update(output_modalities=["text", "audio"]), "invalid_value", "session.output_modalities"),
    (update(instructions=5), "invalid_type", "session.instructions"),
    (heard_in({"type": "audio/mp3"}), "invalid_value", "session.audio.input.format.type"),
    (heard_in({"type": "audio/pcm", "rate": 16_000}), "invalid_value", "session.audio.input.format.rate"),
    (update(max_output_tokens=5000), "invalid_value", "session.max_output_tokens"),
    ({"type": "response.create", "response": {"modalities": ["text"]}}, "unknown_parameter", "response.modalities"),
    ({"type": "response.create", "extra": 1}, "unknown_parameter", "extra"),
    ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "not base64!"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
    ({"type": "response.cancel"}, "response_cancel_not_active", None),
    (create({**ITEM, "content": [{"type": "output_text", "text": ""}]}), "invalid_value", "item.content[0].type"),
    (create({"type": "message", "role": "user"}), "missing_required_parameter", "item.content"),
    (create(ITEM, previous_item_id="none"), "item_create_invalid_item_id", "previous_item_id"),
    (create(UNASKED), "invalid_tool_call_id", "item.call_id"),
    ({"type": "conversation.item.delete", "item_id": "gone"}, "item_delete_invalid_item_id", "item_id"),
    (TRUNCATE, "item_truncate_invalid_item_id", "item_id"),
]


@pytest.mark.parametrize(("event", "code", "param"), WRONG, ids=[f"{code}-{param}" for _, code, param in WRONG])
def test_wrong_events_are_answered_by_an_error_with_their_id(event: dict[str, Any], code: str, param: str | None):
    talk = Talk()
    refused = error(talk.say({**event, "event_id": "client-1"}))
    assert (refused["type"], refused["code"], refused["param"], refused["event_id"]) == ("invalid_request_error", code, param, "client-1")
    assert kinds(talk.text("still here")) == ["conversation.item.added", "conversation.item.done"]


def test_item_ids_are_unique():
    talk = Talk()
    mine = create({**ITEM, "id": "mine"})
    assert talk.say(mine)[0]["item"]["id"] == "mine"
    assert error(talk.say(mine))["code"] == "item_create_duplicate_item_id"


def test_truncating_beyond_the_sound_is_refused():
    talk = Talk()
    talk.text("Hello")
    item = talk.ask()[-1]["response"]["output"][0]["id"]
    cut = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 600_000}
    assert error(talk.say(cut))["param"] == "audio_end_ms"


words = st.sampled_from(["realtime", "message", "user", "auto"]) | st.text(max_size=5)
keys = st.sampled_from(["type", "role", "content", "item", "audio", "id", "input"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
NAMES = "session audio item item_id content_index audio_end_ms response response_id previous_item_id"
fields = st.sampled_from(NAMES.split())


@given(st.lists(st.tuples(st.sampled_from(sorted(TALKING)), st.dictionaries(fields, json_values, max_size=3)), max_size=5))
def test_whatever_comes_is_answered_in_ga(events: list[tuple[str, dict[str, Any]]]):
    talk = Talk()
    for kind, rest in events:
        talk.say({**rest, "type": kind})
    assert kinds(talk.text("still here"))[-1] == "conversation.item.done"
