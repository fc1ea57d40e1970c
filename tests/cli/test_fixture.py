"""A recorded session as a transcript: every kind of turn, what is not on record refused, and all of it as `replay` reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from exportlog import CALL
from exportlog import TALK
from exportlog import opening
from exportlog import run
from exportlog import turn
from exportlog import write

from cli.configured import Configured
from cli.errors import Failure
from cli.fixture import Unrecorded
from cli.fixture import transcript
from cli.transcripts import Step
from cli.transcripts import conversation
from cli.transcripts import read_corpus
from cli.transcripts import script_of
from realtime.inputs import UNAVAILABLE
from realtime.watch.places import places
from simulator import ToolCall
from simulator import load_script


def said(index: int, heard: str, answer: str, **more: Any) -> dict[str, Any]:
    texts = {"input": heard, "input_chars": len(heard), "output": answer, "output_chars": len(answer)}
    return turn(TALK, index, **{"tool_calls": [], "trigger": "client", "clocks": {"since": "request"}, **texts, **more})


def call(name: str, arguments: str, result: str | None) -> dict[str, Any]:
    chars = None if result is None else len(result)
    return {
        "call_id": f"c_{name}",
        "name": name,
        "arguments": arguments,
        "arguments_chars": len(arguments),
        "result": result,
        "result_chars": chars,
    }


TOOL = {"type": "function", "name": "weather", "parameters": {}}
TURNS = (
    said(1, "", "Hello!"),
    said(2, "Paris and Rome?", "", tool_calls=[call("weather", '{"city":"Paris"}', "sun"), call("weather", '{"city":"Rome"}', "rain")]),
    said(3, "", "Sun and rain.", trigger="tool"),
    said(4, "Aside", "Nobody hears this.", out_of_band=True),
    said(5, "Thank you.", "Welcome.", trigger="vad", clocks={"since": "speech_stopped"}),
    said(6, "Pushed to talk", "", clocks={"since": "commit"}),
    said(7, "", "Pardon?", trigger="vad"),
)


def made(*turns: dict[str, Any], setup: Configured | None = None) -> dict[str, Any]:
    return transcript(opening(TALK), turns, setup)


def test_every_kind_of_turn() -> None:
    event = {"type": "session.update", "session": {"instructions": "Be brief.", "tools": [TOOL]}}
    found = made(*TURNS, setup=Configured("openai", {place.slot: place for place in places(event)}))
    read = conversation(json.dumps(found), "x", "x")
    assert (read.name, read.instructions, read.tools) == (TALK, "Be brief.", (TOOL,))
    assert read.steps == (
        Step("greeting", answer="Hello!"),
        Step("text", "Paris and Rome?", (ToolCall("weather", '{"city":"Paris"}'), ToolCall("weather", '{"city":"Rome"}'))),
        Step("result", "sun", more=True),
        Step("result", "rain", "Sun and rain."),
        Step("spoken", "Thank you.", "Welcome."),
        Step("spoken", "Pushed to talk", ""),
        Step("spoken", UNAVAILABLE, "Pardon?"),
    )


def test_a_script_has_an_answer_for_each_that_is_asked_for() -> None:
    script = script_of(conversation(json.dumps(made(*TURNS)), "x", "x"))
    assert script.transcripts == ("Thank you.", "Pushed to talk", UNAVAILABLE)
    assert [line if isinstance(line, str) else len(line) for line in script.lines] == [
        "Hello!",
        2,
        "Sun and rain.",
        "Welcome.",
        "All right.",
        "Pardon?",
    ]


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ((), "no answers"),
        ((said(1, "x", "", trigger="transcription"),), "no answers"),
        ((said(1, "x", "y", input=None),), "the input of turn 1 is not stored"),
        ((said(1, "x", "y", output=None, content="erased"),), "the output of turn 1 is erased"),
        ((said(1, "x", "", tool_calls=[call("pay", "{}", "ok") | {"arguments": None}]),), "the arguments of turn 1"),
        ((said(1, "x", "", tool_calls=[call("pay", "{}", "ok") | {"result": None}]), said(2, "", "y")), "the result of turn 1"),
    ],
)
def test_what_is_not_on_record_is_not_made_up(turns: tuple[dict[str, Any], ...], why: str) -> None:
    with pytest.raises(Unrecorded, match=why):
        made(*turns)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("fixture")
    write(data)
    return data


def test_a_file_is_a_corpus(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    found = run(log, "export", "fixture", TALK, CALL, "-o", str(file))
    assert found.exit_code == 0
    assert [made.name for made in read_corpus(file)] == [TALK, CALL]
    assert all(32 <= byte < 127 or byte == 10 for byte in file.read_bytes())
    assert f"{CALL}: without instructions and tools" in found.stderr


def test_a_script_is_one_of_the_simulator(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    assert run(log, "export", "fixture", TALK, "--script", "-o", str(file)).exit_code == 0
    assert load_script(file).lines[0] == (ToolCall("get_weather", '{"city":"Paris"}'),)


@pytest.mark.parametrize(("words", "code"), [(("nobody",), 1), (("key=nobody",), 1), ((TALK, CALL, "--script"), 2)])
def test_what_cannot_be_made(log: Path, words: tuple[str, ...], code: int) -> None:
    failure = run(log, "export", "fixture", *words).exception
    assert isinstance(failure, Failure)
    assert failure.exit_code == code
