"""Where the words are: each dialect's events with their slots, and which pieces and wholes are the same text."""

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.dialects import NAMES
from realtime.frame import Frame
from realtime.jsonpath import value_at
from realtime.jsonpath import written
from realtime.texts import KINDS
from realtime.texts import Text
from realtime.texts import ended
from realtime.texts import is_sound
from realtime.texts import texts

HEARD = "conversation.item.input_audio_transcription"
IDS = {"response_id": "r", "item_id": "i", "content_index": 1}


def of(dialect: str, event: dict[str, Any], *, client: bool = False) -> tuple[Text, ...]:
    return texts(dialect, Frame(client, json.dumps(event).encode()))


def told(found: tuple[Text, ...]) -> list[tuple[str, str, str]]:
    return [(text.kind, written(text.keys), text.part) for text in found]


def message(role: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **more}


SESSION = {
    "instructions": "be brief",
    "tools": [{"type": "function", "name": "find", "parameters": {"enum": ["a"]}}, {"type": "mcp", "server_url": "https://x"}],
    "audio": {"input": {"transcription": {"prompt": "names"}}},
}
CONFIGURED = [
    ("instructions", "$.session.instructions", "whole"),
    ("tool_schema", "$.session.tools[0].type", "whole"),
    ("tool_schema", "$.session.tools[0].name", "whole"),
    ("tool_schema", "$.session.tools[0].parameters.enum[0]", "whole"),
    ("mcp", "$.session.tools[1].type", "whole"),
    ("mcp", "$.session.tools[1].server_url", "whole"),
    ("instructions", "$.session.audio.input.transcription.prompt", "whole"),
]

CLIENT: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("openai", {"type": "session.update", "session": SESSION}, CONFIGURED),
    ("openai-live", {"type": "session.start", "session": SESSION}, CONFIGURED),
    ("openai-translation", {"type": "session.update", "session": SESSION}, CONFIGURED),
    (
        "openai",
        {"type": "session.update", "session": {"input_audio_transcription": {"prompt": "p"}}},
        [("instructions", "$.session.input_audio_transcription.prompt", "whole")],
    ),
    (
        "openai",
        {"type": "conversation.item.create", "item": message("user", {"text": "a"}, {"audio": "AAAA", "transcript": "b"})},
        [("user_text", "$.item.content[0].text", "whole"), ("user_transcript", "$.item.content[1].transcript", "whole")],
    ),
    (
        "openai",
        {"type": "conversation.item.create", "item": {"content": [{"text": "a"}]}},
        [("user_text", "$.item.content[0].text", "whole")],
    ),
    ("openai", {"type": "conversation.item.create", "item": {"content": "a"}}, [("user_text", "$.item.content", "whole")]),
    (
        "openai",
        {"type": "conversation.item.create", "item": message("system", {"text": "a"})},
        [("instructions", "$.item.content[0].text", "whole")],
    ),
    (
        "openai",
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "a"}},
        [("tool_result", "$.item.output", "whole")],
    ),
    (
        "openai",
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": {"n": 5, "a": [True, None, "x"]}}},
        [("tool_result", "$.item.output.n", "whole"), ("tool_result", "$.item.output.a[2]", "whole")],
    ),
    (
        "openai",
        {"type": "conversation.item.create", "item": {"type": "force_message", "say": "x"}},
        [("user_text", "$.item.type", "whole"), ("user_text", "$.item.say", "whole")],
    ),
    (
        "openai",
        {"type": "response.create", "response": {"instructions": "a", "input": [message("user", {"text": "b"})], "tools": [{"name": "t"}]}},
        [
            ("instructions", "$.response.instructions", "whole"),
            ("tool_schema", "$.response.tools[0].name", "whole"),
            ("user_text", "$.response.input[0].content[0].text", "whole"),
        ],
    ),
    (
        "openai-live",
        {"type": "response.item.create", "item": message("user", {"text": "a"})},
        [("user_text", "$.item.content[0].text", "whole")],
    ),
    ("openai-live", {"type": "session.instructions.append", "text": "a"}, [("instructions", "$.text", "whole")]),
    ("openai", {"type": "input_text.delta", "delta": "a"}, [("user_text", "$.delta", "delta")]),
    (
        "gemini",
        {"setup": {"systemInstruction": {"parts": [{"text": "a"}]}, "tools": [{"functionDeclarations": [{"name": "f"}]}]}},
        [
            ("instructions", "$.setup.systemInstruction.parts[0].text", "whole"),
            ("tool_schema", "$.setup.tools[0].functionDeclarations[0].name", "whole"),
        ],
    ),
    (
        "gemini",
        {"client_content": {"turns": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]}},
        [
            ("user_text", "$.client_content.turns[0].parts[0].text", "whole"),
            ("model_text", "$.client_content.turns[1].parts[0].text", "whole"),
        ],
    ),
    ("gemini", {"realtimeInput": {"text": "a", "audio": {"data": "AAAA"}}}, [("user_text", "$.realtimeInput.text", "whole")]),
    (
        "gemini",
        {"tool_response": {"function_responses": [{"response": {"a": "b"}}]}},
        [("tool_result", "$.tool_response.function_responses[0].response.a", "whole")],
    ),
    (
        "elevenlabs",
        {
            "type": "conversation_initiation_client_data",
            "conversation_config_override": {"agent": {"prompt": {"prompt": "a"}}},
            "dynamic_variables": {"x": "b"},
        },
        [
            ("instructions", "$.conversation_config_override.agent.prompt.prompt", "whole"),
            ("instructions", "$.dynamic_variables.x", "whole"),
        ],
    ),
    ("elevenlabs", {"type": "user_message", "text": "a"}, [("user_text", "$.text", "whole")]),
    ("elevenlabs", {"type": "multimodal_message", "text": {"text": "a"}}, [("user_text", "$.text.text", "whole")]),
    ("elevenlabs", {"type": "client_tool_result", "result": {"a": "b"}}, [("tool_result", "$.result.a", "whole")]),
    ("vllm", {"type": "session.update", "model": "m"}, []),
]
SERVER: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("openai", {"type": "session.updated", "session": SESSION}, CONFIGURED),
    *[
        ("openai", {"type": f"response.{name}.{part}", **IDS, field: "a"}, [(kind, f"$.{field}", {"done": "final"}.get(part, part))])
        for name, kind, final in (
            ("output_text", "model_text", "text"),
            ("text", "model_text", "text"),
            ("output_audio_transcript", "model_transcript", "transcript"),
            ("audio_transcript", "model_transcript", "transcript"),
            ("function_call_arguments", "tool_arguments", "arguments"),
            ("mcp_call_arguments", "mcp", "arguments"),
        )
        for part, field in (("delta", "delta"), ("done", final))
    ],
    (
        "openai",
        {"type": "response.audio_transcript.text", **IDS, "text": "a", "stash": "b"},
        [("model_transcript", "$.text", "draft"), ("model_transcript", "$.stash", "draft")],
    ),
    ("openai", {"type": f"{HEARD}.delta", "item_id": "i", "delta": "a"}, [("user_transcript", "$.delta", "delta")]),
    ("openai", {"type": f"{HEARD}.completed", "item_id": "i", "transcript": "a"}, [("user_transcript", "$.transcript", "final")]),
    ("openai", {"type": f"{HEARD}.segment", "item_id": "i", "text": "a"}, [("user_transcript", "$.text", "whole")]),
    ("openai", {"type": f"{HEARD}.updated", "item_id": "i", "transcript": "a"}, [("user_transcript", "$.transcript", "draft")]),
    (
        "openai",
        {"type": "response.content_part.done", **IDS, "part": {"transcript": "a"}},
        [("model_transcript", "$.part.transcript", "final")],
    ),
    (
        "openai",
        {
            "type": "response.output_item.done",
            "response_id": "r",
            "item": {"id": "f", "type": "function_call", "name": "n", "arguments": "{}"},
        },
        [("tool_arguments", "$.item.arguments", "final")],
    ),
    (
        "openai",
        {"type": "conversation.item.done", "item": {"id": "m", "type": "mcp_call", "name": "n", "arguments": "{}", "output": "o"}},
        [("mcp", "$.item.arguments", "final"), ("mcp", "$.item.output", "whole"), ("mcp", "$.item.name", "whole")],
    ),
    (
        "openai",
        {"type": "conversation.item.added", "item": message("user", {"text": "a"}, id="u")},
        [("user_text", "$.item.content[0].text", "final")],
    ),
    (
        "openai",
        {"type": "response.done", "response": {"id": "r", "output": [message("assistant", {"text": "a"}, {"refusal": "b"}, id="i")]}},
        [
            ("model_text", "$.response.output[0].content[0].text", "final"),
            ("model_text", "$.response.output[0].content[1].refusal", "final"),
        ],
    ),
    ("openai-live", {"type": "session.output_transcript.delta", "delta": "a"}, [("model_transcript", "$.delta", "delta")]),
    ("openai-live", {"type": "session.input_transcript.delta", "delta": "a"}, [("user_transcript", "$.delta", "delta")]),
    (
        "openai-live",
        {"type": "response.event", "event": {"type": "response.output_text.delta", "item_id": "i", "delta": "a"}},
        [("model_text", "$.event.delta", "delta")],
    ),
    ("openai-live", {"type": "response.event", "event": {"type": ["x"]}}, []),
    (
        "gemini",
        {
            "serverContent": {
                "modelTurn": {"parts": [{"text": "a"}, {"inlineData": {"data": "AA"}}]},
                "outputTranscription": {"text": "b"},
                "inputTranscription": {"text": "c"},
            }
        },
        [
            ("model_text", "$.serverContent.modelTurn.parts[0].text", "delta"),
            ("model_transcript", "$.serverContent.outputTranscription.text", "delta"),
            ("user_transcript", "$.serverContent.inputTranscription.text", "delta"),
        ],
    ),
    (
        "gemini",
        {"tool_call": {"function_calls": [{"args": {"a": 1}}]}},
        [("tool_arguments", "$.tool_call.function_calls[0].args.a", "whole")],
    ),
    (
        "elevenlabs",
        {"type": "agent_response", "agent_response_event": {"agent_response": "a"}},
        [("model_transcript", "$.agent_response_event.agent_response", "final")],
    ),
    (
        "elevenlabs",
        {"type": "user_transcript", "user_transcription_event": {"user_transcript": "a"}},
        [("user_transcript", "$.user_transcription_event.user_transcript", "whole")],
    ),
    (
        "elevenlabs",
        {"type": "client_tool_call", "client_tool_call": {"tool_name": "n", "parameters": {"a": "b"}}},
        [("tool_arguments", "$.client_tool_call.parameters.a", "whole")],
    ),
    ("vllm", {"type": "transcription.delta", "delta": "a"}, [("user_transcript", "$.delta", "delta")]),
    ("vllm", {"type": "transcription.done", "text": "a"}, [("user_transcript", "$.text", "final")]),
    ("openai", {"type": "response.output_audio.delta", "delta": "AAAA"}, []),
    ("openai", {"type": "rate_limits.updated"}, []),
]


@pytest.mark.parametrize(("dialect", "event", "expected"), CLIENT)
def test_what_a_client_says(dialect: str, event: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert told(of(dialect, event, client=True)) == expected


@pytest.mark.parametrize(("dialect", "event", "expected"), SERVER)
def test_what_a_server_says(dialect: str, event: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert told(of(dialect, event)) == expected


def test_every_kind_is_tried() -> None:
    assert {kind for rows in (CLIENT, SERVER) for _, _, expected in rows for kind, _, _ in expected} == set(KINDS)


def test_an_answer_is_one_text_from_its_first_piece_to_the_end() -> None:
    piece = {"type": "response.output_audio_transcript.delta", **IDS, "delta": "a"}
    final = {"type": "response.output_audio_transcript.done", **IDS, "transcript": "a"}
    part = {"type": "response.content_part.done", **IDS, "part": {"transcript": "a"}}
    item = message("assistant", {"text": "first"}, {"transcript": "a"}, id="i")
    whole = ({"type": "response.output_item.done", "response_id": "r", "item": item}, {"type": "conversation.item.done", "item": item})
    end = {"type": "response.done", "response": {"id": "r", "output": [item]}}
    found = [of("openai", event)[-1].stream for event in (piece, final, part, *whole, end)]
    assert {stream.words for stream in found if stream is not None} == {("i", 1, "model_transcript")}
    assert {stream.owner for stream in found if stream is not None} == {"r", None}


def test_names_of_one_text_are_pieces_of_two() -> None:
    new, old = (of("openai", {"type": f"response.{name}.delta", **IDS, "delta": "a"})[0].stream for name in ("output_text", "text"))
    assert new is not None
    assert old is not None
    assert new != old
    assert new.words == old.words


@pytest.mark.parametrize(
    ("dialect", "event", "answer"),
    [
        ("openai", {"type": "response.done", "response": {"id": "r"}}, ("r",)),
        ("openai", {"type": "response.done"}, (None,)),
        ("openai", {"type": "response.output_text.done", **IDS}, None),
        ("gemini", {"serverContent": {"turnComplete": True}}, (None,)),
        ("gemini", {"server_content": {"interrupted": True}}, (None,)),
        ("gemini", {"serverContent": {"turnComplete": False}}, None),
        ("gemini", {"toolCall": {"functionCalls": []}}, (None,)),
        ("elevenlabs", {"type": "agent_response_complete"}, (None,)),
        ("vllm", {"type": "transcription.done"}, (None,)),
    ],
)
def test_the_end_of_an_answer(dialect: str, event: dict[str, Any], answer: tuple[str | None] | None) -> None:
    assert ended(dialect, Frame(False, json.dumps(event).encode())) == answer
    assert ended(dialect, Frame(True, json.dumps(event).encode())) is None


@pytest.mark.parametrize(
    ("key", "value", "sound"),
    [
        ("audio", "A" * 257, True),
        ("delta", "AA+/" * 100, True),
        ("audio", "A" * 256, False),
        ("text", "A" * 257, False),
        ("audio", "A" * 300 + " 4111", False),
        ("data", '{"a":"b"}' * 100, False),
        ("delta", "漢" * 300, False),
    ],
)
def test_sound_is_told_from_words(key: str, value: str, sound: bool) -> None:
    assert is_sound(("x", key), value) == sound


def test_slots_of_the_recorded_sessions_stand_where_they_say() -> None:
    seen = 0
    for cassette in sorted((Path(__file__).parents[2] / "simulator/cassettes").glob("*.jsonl")):
        for line in cassette.read_text().splitlines():
            said = json.loads(line)
            if "event" in said:
                frame = Frame(said["from"] == "client", json.dumps(said["event"]).encode())
                for found in (texts(name, frame) for name in NAMES):
                    assert all(value_at(frame.event, text.keys) == text.value for text in found if not text.value.isdigit())
                    seen += len(found)
    assert seen > 200
