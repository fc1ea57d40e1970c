"""The OpenAI family: both spellings of each event, the quirks of its relatives, how an answer can end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_talk import Talk

from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCleared
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import Playback
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionEnded
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import Truncated
from realtime.signals import UserItem
from realtime.usage import Usage

HEARD = "conversation.item.input_audio_transcription"
WHERE = {"response_id": "r", "item_id": "i"}


@pytest.fixture
def talk() -> Talk:
    return Talk("openai")


@pytest.mark.parametrize(
    ("kind", "fields", "signal"),
    [
        ("response.output_audio.delta", {**WHERE, "delta": "AAAA"}, AudioOut(3, "r", "i")),
        ("response.audio.delta", {**WHERE, "delta": "AAA="}, AudioOut(2, "r", "i")),
        ("response.audio.delta", {"delta": "AA=="}, AudioOut(1)),
        ("response.output_text.delta", {**WHERE, "delta": "hi"}, TextOut("hi", "text", "r", "i")),
        ("response.text.delta", {**WHERE, "delta": "é\n"}, TextOut("é\n", "text", "r", "i")),
        ("response.output_audio_transcript.delta", {**WHERE, "delta": "hi"}, TextOut("hi", "transcript", "r", "i")),
        ("response.audio_transcript.delta", {**WHERE, "delta": "hi"}, TextOut("hi", "transcript", "r", "i")),
        ("response.output_text.done", {**WHERE, "text": "hi"}, TextOut("hi", "text", "r", "i", final=True, replace=True)),
        ("response.text.done", {**WHERE, "text": "hi"}, TextOut("hi", "text", "r", "i", final=True, replace=True)),
        ("response.audio_transcript.done", {**WHERE, "transcript": "hi"}, TextOut("hi", "transcript", "r", "i", final=True, replace=True)),
        ("response.text.text", {**WHERE, "text": "he", "stash": "llo"}, TextOut("hello", "text", "r", "i", replace=True)),
        ("response.audio_transcript.text", {**WHERE, "text": "he", "stash": ""}, TextOut("he", "transcript", "r", "i", replace=True)),
        ("input_audio_buffer.speech_started", {"item_id": "i"}, SpeechStarted("i")),
        ("input_audio_buffer.speech_stopped", {"item_id": "i"}, SpeechStopped("i")),
        ("input_audio_buffer.committed", {"item_id": "i"}, InputCommitted("i")),
        ("input_audio_buffer.committed", {}, InputCommitted(None)),
        (f"{HEARD}.delta", {"item_id": "i", "delta": "he"}, InputTranscript("i", "he")),
        (f"{HEARD}.updated", {"item_id": "i", "transcript": "he"}, InputTranscript("i", "he", replace=True)),
        (f"{HEARD}.text", {"item_id": "i", "text": "he", "stash": "llo"}, InputTranscript("i", "hello", replace=True)),
        ("response.created", {"response": {"id": "r", "conversation_id": "c"}}, ResponseStarted("r")),
        ("response.created", {"response": {"id": "r", "conversation_id": None}}, ResponseStarted("r", out_of_band=True)),
        ("response.created", {"response": {"id": "r"}}, ResponseStarted("r")),
        ("conversation.item.truncated", {"item_id": "i", "audio_end_ms": 40}, Truncated("i", 40)),
        ("session.finished", {}, SessionEnded()),
        ("error", {"error": {"type": "t", "code": "c", "message": "m", "event_id": "e"}}, ProviderError("t", "c", "m", "e")),
        ("error", {"error": {"type": "t", "code": None, "message": "m"}}, ProviderError("t", "", "m")),
        ("error", {"event_id": "ours", "error": None, "code": "c", "message": "m"}, ProviderError("", "c", "m")),
        ("error", {"error": "broken", "code": "c"}, ProviderError("", "c", "broken")),
    ],
)
def test_server_events(talk: Talk, kind: str, fields: dict[str, Any], signal: Signal) -> None:
    assert talk.server(kind, **fields) == (signal,)
    assert talk.client(kind, **fields) == ()


@pytest.mark.parametrize(
    ("kind", "fields", "signal"),
    [
        ("input_audio_buffer.append", {"audio": "AAAAAAA="}, AudioIn(5)),
        ("input_audio_buffer.append", {"audio": 7}, AudioIn(0)),
        ("input_audio_buffer.append", {"audio": 12345678}, AudioIn(0)),
        ("input_audio_buffer.append", {"audio": ["AAAAAAAA"]}, AudioIn(0)),
        ("input_audio_buffer.append", {"audio": None}, AudioIn(0)),
        ("input_audio_buffer.append", {"audio": ""}, AudioIn(0)),
        ("input_audio_buffer.append", {}, AudioIn(0)),
        ("input_audio.turn.append", {"turn_id": "t", "audio": "AAAA"}, AudioIn(3)),
        ("input_audio_buffer.commit", {}, InputCommitted()),
        ("input_audio_buffer.clear", {}, InputCleared()),
        ("conversation.item.truncate", {"item_id": "i", "content_index": 0, "audio_end_ms": 40}, Truncated("i", 40)),
        ("response.create", {"event_id": "e", "response": {"model": "m"}}, ResponseRequested("e", "m")),
        ("response.create", {"response": {"conversation": "none"}}, ResponseRequested(out_of_band=True)),
    ],
)
def test_client_events(talk: Talk, kind: str, fields: dict[str, Any], signal: Signal) -> None:
    assert talk.client(kind, **fields) == (signal,)


@pytest.mark.parametrize(
    ("kind", "started", "cleared"),
    [
        ("output_audio_buffer.started", True, False),
        ("output_audio_buffer.stopped", False, False),
        ("output_audio_buffer.cleared", False, True),
    ],
)
def test_on_a_call_the_provider_says_when_an_answer_is_heard(talk: Talk, kind: str, started: bool, cleared: bool) -> None:
    assert talk.server(kind, response_id="r1") == (Playback("r1", started, cleared),)


@pytest.mark.parametrize(
    "kind",
    [
        "ping",
        "heartbeat",
        "warning",
        "conversation.created",
        "conversation.item.retrieved",
        "conversation.item.deleted",
        "rate_limits.updated",
        "response.content_part.added",
        "response.animation_viseme.delta",
        "response.output_audio.done",
        "response.function_call_arguments.delta",
        "localai.classifier.result",
        "something.new",
        "",
    ],
)
def test_events_that_say_nothing_here(talk: Talk, kind: str) -> None:
    item = {"id": "i", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "old"}]}
    assert talk.server(kind, item=item, delta="AAAA", item_id="i") == ()
    assert talk.client(kind, item=item, delta="AAAA") == ()


def test_audio_size_does_not_depend_on_how_the_json_is_written(talk: Talk) -> None:
    for payload in (rb'{"type":"input_audio_buffer.append","audio":"AA\/A"}', b'{"audio" : "AA/A" , "type" : "input_audio_buffer.append"}'):
        assert talk.dialect.signals(Frame(True, payload)) == (AudioIn(3),)


def test_binary_frames_are_audio_unless_they_are_events(talk: Talk) -> None:
    pcm = bytes(range(200, 240))
    assert talk.dialect.signals(Frame(True, pcm, text=False)) == (AudioIn(40),)
    assert talk.dialect.signals(Frame(False, pcm, text=False)) == (AudioOut(40),)
    event = b' {"type":"input_audio_buffer.speech_started"}'
    assert talk.dialect.signals(Frame(False, event, text=False)) == (SpeechStarted(),)


def test_text_under_both_names_counts_once(talk: Talk) -> None:
    said = [
        signal
        for kind, words in (("text", "a"), ("output_text", "a"), ("text", "b"), ("output_text", "b"))
        for signal in talk.server(f"response.{kind}.delta", response_id="r", delta=words)
    ]
    assert [signal.text for signal in said if isinstance(signal, TextOut)] == ["a", "b"]
    assert talk.server("response.output_text.done", response_id="r", text="ab") == ()
    assert len(talk.server("response.text.done", response_id="r", text="ab")) == 1
    talk.server("response.done", response={"id": "r"})
    assert len(talk.server("response.output_text.delta", response_id="r2", delta="c")) == 1


def test_the_other_kind_of_text_is_not_a_repeat(talk: Talk) -> None:
    assert len(talk.server("response.output_audio_transcript.delta", response_id="r", delta="a")) == 1
    assert len(talk.server("response.text.delta", response_id="r", delta="a")) == 1


def test_an_empty_cumulative_transcript_erases_nothing(talk: Talk) -> None:
    assert talk.server(f"{HEARD}.updated", item_id="i", transcript="") == ()


def test_a_transcript_and_what_it_cost(talk: Talk) -> None:
    usage = {"type": "duration", "seconds": 1.5}
    assert talk.server(f"{HEARD}.completed", item_id="i", transcript="hi", usage=usage) == (
        InputTranscript("i", "hi", final=True, replace=True, usage=Usage(seconds=1.5), usage_id="i"),
    )
    assert talk.server(f"{HEARD}.completed", item_id="i", transcript="hi", usage={}) == (
        InputTranscript("i", "hi", final=True, replace=True, usage_id="i"),
    )


def test_a_transcript_that_will_not_come(talk: Talk) -> None:
    assert talk.server(f"{HEARD}.failed", item_id="i", error={"type": "t", "code": "c", "message": "m"}) == (
        InputTranscript("i", "", final=True, failed=True, error=ProviderError("t", "c", "m")),
    )


# -- items ------------------------------------------------------------------------------------------------------------


def message(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content), **more}


@pytest.mark.parametrize(
    ("item", "signals"),
    [
        (message({"type": "input_text", "text": " a "}, {"type": "text", "text": "b"}, id="i"), [UserItem("i", " a b")]),
        (message({"type": "input_audio", "transcript": "spoken"}), [UserItem(None, "spoken", spoken=True)]),
        (message({"type": "input_audio", "audio": "AAAA"}), [AudioIn(3), UserItem(None, "", spoken=True)]),
        (message({"type": "input_image", "image_url": "data:"}), [UserItem(None, "")]),
        ({"type": "message", "content": [{"type": "input_text", "text": "a"}]}, [UserItem(None, "a")]),
        ({"type": "message", "role": "user", "content": "plain"}, [UserItem(None, "plain")]),
        ({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "a"}]}, []),
        ({"type": "message", "role": "system", "content": [{"type": "input_text", "text": "a"}]}, []),
        ({"type": "function_call_output", "call_id": "c", "output": "done"}, [ToolResult("c", "done")]),
        ({"type": "function_call_output", "call_id": "c", "output": {"a": ["é"]}}, [ToolResult("c", '{"a":["é"]}')]),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, []),
        ({"type": "item_reference", "id": "i"}, []),
        ({}, []),
    ],
)
def test_items_of_the_client(talk: Talk, item: dict[str, Any], signals: list[Signal]) -> None:
    assert list(talk.client("conversation.item.create", item=item)) == signals


@pytest.mark.parametrize("kind", ["created", "added", "done"])
def test_items_as_the_provider_shows_them(talk: Talk, kind: str) -> None:
    shown = message({"type": "input_audio", "audio": "AAAA", "transcript": None}, id="i")
    assert talk.server(f"conversation.item.{kind}", item=shown) == (UserItem("i", "", spoken=True),)


def test_a_request_brings_its_own_input(talk: Talk) -> None:
    brought = [message({"type": "input_text", "text": "a"}), {"type": "function_call_output", "call_id": "c", "output": "o"}]
    assert talk.client("response.create", response={"input": brought}) == (UserItem(None, "a"), ToolResult("c", "o"), ResponseRequested())
    assert talk.client("response.create", response={"conversation": "none", "input": brought}) == (ResponseRequested(out_of_band=True),)


# -- calls ------------------------------------------------------------------------------------------------------------


def test_calls_of_ga_and_of_beta(talk: Talk) -> None:
    call = ToolCall("c", "f", '{"a":1}', "r")
    assert talk.server("response.function_call_arguments.done", **WHERE, call_id="c", name="f", arguments='{"a":1}') == (call,)
    assert talk.server("response.function_call_arguments.done", **WHERE, call_id="c", arguments='{"a":1}') == ()
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
    assert talk.server("response.output_item.done", response_id="r", item=item) == (call,)
    assert talk.server("response.output_item.done", response_id="r", item={"type": "message"}) == ()


def test_calls_of_glm_have_no_id_of_their_own(talk: Talk) -> None:
    assert talk.server("response.function_call_arguments.done", **WHERE, name="f", arguments="{}") == (ToolCall("i", "f", "{}", "r"),)
    assert talk.client("conversation.item.create", item={"type": "function_call_output", "output": "o"}) == (ToolResult("i", "o"),)


# -- the end of an answer ---------------------------------------------------------------------------------------------


def done(talk: Talk, /, **response: Any) -> ResponseFinished:
    (signal,) = talk.server("response.done", response={"id": "r", **response})
    assert isinstance(signal, ResponseFinished)
    return signal


@pytest.mark.parametrize(
    ("response", "status", "reason", "error"),
    [
        ({"status": "completed", "status_details": None}, "completed", None, None),
        ({"status": "cancelled", "status_details": {"type": "cancelled", "reason": "turn_detected"}}, "cancelled", "turn_detected", None),
        ({"status": "cancelled", "status_details": {"reason": "client_cancelled"}}, "cancelled", "client_cancelled", None),
        ({"status": "incomplete", "status_details": {"reason": "max_output_tokens"}}, "incomplete", "max_output_tokens", None),
        ({"status": "incomplete", "status_details": {"reason": "content_filter"}}, "incomplete", "content_filter", None),
        ({"status": "failed", "status_details": {"error": {"code": "c"}}}, "failed", None, ProviderError("", "c", "")),
        ({"status_details": {"error": {"message": "m"}}}, "failed", None, ProviderError("", "", "m")),
        ({}, "completed", None, None),
        ({"status": "in_progress"}, "completed", None, None),
        ({"status": 5, "status_details": "x"}, "completed", None, None),
    ],
)
def test_how_answers_end(talk: Talk, response: dict[str, Any], status: str, reason: str | None, error: ProviderError | None) -> None:
    ended = done(talk, **response)
    assert (ended.response_id, ended.status, ended.reason, ended.error, ended.continues) == ("r", status, reason, error, False)


@pytest.mark.parametrize(
    ("contents", "text"),
    [
        ([[{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]], "ab"),
        ([[{"type": "output_audio", "transcript": "a"}], [{"type": "audio", "transcript": " b"}]], "a b"),
        ([[{"type": "audio", "text": "", "transcript": "a"}]], "a"),
        ([[{"type": "text", "text": "a", "transcript": "x"}]], "a"),
        ([[{"type": "refusal", "refusal": "no"}]], "no"),
        ([[{"type": "text", "text": "a"}, {"type": "refusal", "refusal": " but no"}]], "a but no"),
        ([[{"type": "text", "text": ""}]], ""),
        ([[{"type": "image"}]], None),
        ([[]], None),
        ([], None),
    ],
)
def test_the_final_text(talk: Talk, contents: list[list[dict[str, Any]]], text: str | None) -> None:
    assert done(talk, output=[{"type": "message", "role": "assistant", "content": content} for content in contents]).text == text


def test_the_calls_of_an_answer(talk: Talk) -> None:
    output = [
        {"type": "function_call", "call_id": "c1", "id": "i1", "name": "f", "arguments": "{}"},
        {"type": "message", "content": []},
        {"type": "function_call", "id": "i2", "name": "g", "arguments": {"a": 1}},
        {"type": "function_call", "call_id": "c3", "name": "", "arguments": "{}"},
        {"type": "function_call", "call_id": "c4", "arguments": "{}"},
        {"type": "mcp_call", "id": "m", "name": "h", "arguments": "{}"},
    ]
    assert done(talk, output=output).tools == (ToolCall("c1", "f", "{}", "r"), ToolCall("i2", "g", '{"a":1}', "r"))


def test_usage_inside_beside_and_empty(talk: Talk) -> None:
    reported = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert done(talk, usage=reported).usage == Usage(7, 3, 4)
    assert done(talk, usage=None).usage is None
    (beside,) = talk.server("response.done", response={"id": "r", "usage": {}}, usage=reported)
    assert isinstance(beside, ResponseFinished)
    assert beside.usage == Usage(7, 3, 4)


def test_what_a_session_remembers_is_bounded(talk: Talk) -> None:
    for number in range(1_000):
        talk.server("response.text.delta", response_id=f"r{number}", delta="a")
    remembered = [getattr(talk.dialect, slot) for slot in type(talk.dialect).__slots__]  # type: ignore[attr-defined]
    assert all(len(value) <= 64 for value in remembered if isinstance(value, dict))


def test_audio_is_read_without_building_the_event() -> None:
    dialect = make("openai")
    frame = Frame(True, json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 8_000}).encode())
    assert dialect.signals(frame) == (AudioIn(6_000),)
    assert frame._event is False
