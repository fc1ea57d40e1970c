"""What a replayed client waits for and says, message by message, with providers that behave otherwise than recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.errors import Failure
from cli.recording import Message
from cli.replaycourse import MOST_ROUNDS
from cli.replaycourse import Course
from cli.replayedits import Edits
from cli.replayedits import edits_of
from cli.replayids import Ids
from cli.replayprogress import Progress
from cli.replayscript import END
from cli.replayscript import Script
from cli.replayscript import Standing
from cli.replayscript import Step
from cli.replayscript import script_of
from cli.replayspelling import SPELLINGS
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.frame import Frame
from realtime.signals import ToolCall
from store.frames import Event

CREATED = {"type": "session.created", "session": {"type": "realtime"}}
ASK: dict[str, Any] = {"type": "response.create"}
SOUND = "A" * 6400
"""100 ms."""


class Tape:
    """A recording of these messages, a tenth of a second apart; those of the client begin with `>`."""

    def __init__(self, *said: tuple[str, dict[str, Any]], dialect: str = "openai") -> None:
        self.dialect = dialect
        self.record: dict[str, Any] = {"transport": "websocket"}
        self._said = said

    def messages(self, sounding: object = None) -> Iterator[Message]:
        for number, (side, event) in enumerate(self._said, 1):
            from_client = side == ">"
            row = Event(number, number * 100_000, "client" if from_client else "server", str(event.get("type", "")))
            yield Message(row, json.dumps(event).encode(), "none")


def started(name: str) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": name}}


def spoke(name: str, item: str, sound: str = SOUND) -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "response_id": name, "item_id": item, "delta": sound}


def done(name: str, *calls: tuple[str, str]) -> dict[str, Any]:
    output = [{"type": "function_call", "call_id": call, "name": tool, "arguments": "{}"} for call, tool in calls]
    return {"type": "response.done", "response": {"id": name, "status": "completed", "output": output}}


def result(call: str) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": call, "output": "ok"}}


def write(words: str) -> dict[str, Any]:
    return {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]},
    }


def read(tape: Tape) -> Script:
    return script_of(tape, SPELLINGS[tape.dialect])  # type: ignore[arg-type]


class Held:
    """A course that is held by hand."""

    def __init__(self, tape: Tape, edits: Edits | None = None) -> None:
        self.script = read(tape)
        self.course = Course(self.script, tape.dialect, SPELLINGS[tape.dialect], edits or Edits())
        self._events = {message.event.n: message.payload for message in tape.messages()}
        self._at = 0.0

    def hear(self, *events: dict[str, Any]) -> list[bytes]:
        answers: list[bytes] = []
        for event in events:
            self._at += 0.1
            answers += self.course.heard(Frame(False, json.dumps(event).encode(), at=self._at))[1]
        return answers

    def owed(self, step: Step) -> list[dict[str, Any]]:
        return [self._sent(body) for body in self.course.owed(step)]

    def say(self, step: Step) -> dict[str, Any] | None:
        """What becomes of a message for which it is the time."""
        assert self.course.waits(step) is None
        payload = self._events[step.n]
        assert payload is not None
        body = self.course.made(step, payload)
        return None if body is None else self._sent(body)

    def _sent(self, body: bytes) -> dict[str, Any]:
        self._at += 0.1
        self.course.sent(Frame(True, body, at=self._at))
        made: dict[str, Any] = json.loads(body)
        return made


TOOL = Tape(
    ("<", CREATED),
    (">", write("The weather?")),
    (">", ASK),
    ("<", started("r1")),
    ("<", done("r1", ("call_then", "get_weather"))),
    (">", result("call_then")),
    (">", ASK),
    ("<", started("r2")),
    ("<", spoke("r2", "i2")),
    ("<", done("r2")),
    (">", write("Thanks")),
)


def test_each_message_waits_for_what_it_followed() -> None:
    held = Held(TOOL)
    first, ask, told, again, last = held.script.steps
    assert held.course.waits(first) == "the provider's first message"
    held.hear(CREATED)
    held.say(first)
    held.say(ask)
    assert held.course.waits(told) == "an answer"
    held.hear(started("n1"))
    assert held.course.waits(told) == "the beginning of an answer"
    held.hear(done("n1", ("call_now", "get_weather")))
    assert held.owed(told) == []
    said = held.say(told)
    assert said is not None
    assert said["item"]["call_id"] == "call_now"
    asked = held.say(again)
    assert asked == {"type": "response.create", "event_id": "replay_7"}
    assert held.course.waits(last) == "an answer"
    held.hear(started("n2"), done("n2"))
    assert held.say(last) is not None
    assert held.course.waits(held.script.end) is None
    assert held.course.notes == {}


def test_a_result_without_its_call_goes_with_its_request() -> None:
    held = Held(TOOL)
    first, ask, told, again, last = held.script.steps
    held.hear(CREATED)
    held.say(first)
    held.say(ask)
    held.hear(started("n1"), spoke("n1", "i"), done("n1"))
    assert held.say(told) is None
    assert held.say(again) is None
    assert held.say(last) is not None, "one answer less is waited for"


def test_other_tools_get_an_error_but_not_on_and_on() -> None:
    held = Held(TOOL)
    first, ask, told, *_ = held.script.steps
    held.hear(CREATED)
    held.say(first)
    held.say(ask)
    for number in range(MOST_ROUNDS):
        held.hear(started(f"n{number}"), done(f"n{number}", (f"c{number}", "pay")))
        error, request = held.owed(told)
        assert (error["item"]["call_id"], error["item"]["output"]) == (f"c{number}", '{"error": "no recorded result"}')
        assert request == ASK
    held.hear(started("last"), done("last", ("one more", "pay")))
    assert held.owed(told) == []
    assert "left pay without a result: tools are called on and on" in held.course.notes


def test_a_call_that_the_app_left_alone_is_left_alone() -> None:
    tape = Tape(("<", CREATED), (">", ASK), ("<", started("r1")), ("<", done("r1", ("c", "hang_up"))), (">", write("Bye")))
    held = Held(tape)
    held.hear(CREATED)
    held.say(held.script.steps[0])
    held.hear(started("n1"), done("n1", ("d", "hang_up")))
    assert held.owed(held.script.steps[1]) == []


BARGE_IN = Tape(
    ("<", CREATED),
    (">", ASK),
    ("<", started("r1")),
    ("<", spoke("r1", "i1", SOUND * 20)),
    (">", {"type": "conversation.item.truncate", "item_id": "i1", "content_index": 0, "audio_end_ms": 1500}),
    (">", {"type": "response.cancel", "response_id": "r1"}),
)


def test_a_cut_is_made_in_what_came() -> None:
    held = Held(BARGE_IN)
    ask, cut, cancel = held.script.steps
    held.hear(CREATED)
    held.say(ask)
    held.hear(started("n1"))
    assert held.course.waits(cut) == "the beginning of an answer"
    held.hear(spoke("n1", "j1"))
    assert held.say(cut) == {"type": "conversation.item.truncate", "item_id": "j1", "content_index": 0, "audio_end_ms": 100}
    assert held.say(cancel) == {"type": "response.cancel", "response_id": "n1"}


def test_nothing_is_cut_where_nothing_came() -> None:
    held = Held(BARGE_IN)
    ask, cut, cancel = held.script.steps
    held.hear(CREATED)
    held.say(ask)
    held.hear(started("n1"), done("n1"))
    assert held.say(cut) is None
    assert held.say(cancel) is None


def test_what_is_about_something_that_is_not_there_is_left_out() -> None:
    item = {"type": "conversation.item.added", "item": {"id": "then", "type": "message", "role": "assistant"}}
    held = Held(Tape(("<", CREATED), ("<", item), (">", {"type": "conversation.item.delete", "item_id": "then"})))
    held.hear(CREATED)
    assert held.say(held.script.steps[0]) is None
    held.hear({"type": "conversation.item.added", "item": {"id": "now", "type": "message", "role": "assistant"}})
    assert held.say(held.script.steps[0]) == {"type": "conversation.item.delete", "item_id": "now"}


def test_it_goes_on_without_an_answer_that_does_not_come() -> None:
    held = Held(TOOL)
    *_, last = held.script.steps
    held.hear(CREATED)
    assert held.course.waits(last) is not None
    held.course.go_on(last)
    assert held.say(last) is not None
    assert held.course.notes == {"went on without an answer": 1}


def test_pings_are_answered_with_what_they_ask() -> None:
    tape = Tape((">", {"type": "conversation_initiation_client_data"}), (">", {"type": "pong", "event_id": 2}), dialect="elevenlabs")
    held = Held(tape)
    assert len(held.script.steps) == 1, "the recorded answer is not sent"
    (pong,) = held.hear({"type": "ping", "ping_event": {"event_id": 7}})
    assert json.loads(pong) == {"type": "pong", "event_id": 7}


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            "openai",
            {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": '{"error": 1}'}},
        ),
        (
            "openai-live",
            {"type": "response.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": '{"error": 1}'}},
        ),
        ("gemini", {"toolResponse": {"functionResponses": [{"id": "c", "name": "pay", "response": {"error": 1}}]}}),
        ("elevenlabs", {"type": "client_tool_result", "tool_call_id": "c", "result": '{"error": 1}', "is_error": True}),
    ],
)
def test_an_error_in_each_dialect(dialect: str, expected: dict[str, Any]) -> None:
    made = SPELLINGS[dialect].result
    assert made is not None
    assert made(ToolCall("c", "pay", "{}"), '{"error": 1}') == expected


@pytest.mark.parametrize("dialect", list(SPELLINGS))
@pytest.mark.parametrize("form", [PCM16_24K, AudioFormat("pcmu", 8000), AudioFormat("pcma", 8000)])
def test_silence_in_each_dialect_is_heard_as_sound(dialect: str, form: AudioFormat) -> None:
    progress = Progress(dialect)
    message = SPELLINGS[dialect].silence(form, 100)
    assert message is not None
    (heard,) = progress.take(Frame(True, message))
    assert heard.size == form.rate // 10 * (2 if form.encoding == "pcm16" else 1)  # type: ignore[union-attr]
    assert SPELLINGS[dialect].silence(AudioFormat("other", 0), 100) is None


def edits(dialect: str, **more: Any) -> Edits:
    given = {"transcribes": False, "named_later": False, "flat": False, "voice": None, "instructions": None, "settings": ()}
    return edits_of(SPELLINGS[dialect], "new", **{**given, **more})


CONFIG = Step(1, 0.0, "", Standing(), settled=False, config=True)


HI = {"parts": [{"text": "Hi"}]}
ANYTHING = st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner))


@pytest.mark.parametrize(
    ("dialect", "options", "event", "expected"),
    [
        ("openai", {}, {"session": {"model": "old"}}, {"session": {"model": "new"}}),
        ("openai", {}, {"session": {"voice": "ash"}}, {"session": {"voice": "ash"}}),
        ("openai", {"voice": "v"}, {"session": {}}, {"session": {"audio": {"output": {"voice": "v"}}}}),
        ("openai", {"voice": "v", "flat": True}, {"session": {"voice": "ash"}}, {"session": {"voice": "v"}}),
        ("openai", {"voice": "v"}, {"response": {"audio": {"output": {"voice": "ash"}}}}, None),
        ("openai", {"settings": ("session.a.b=[1]", "session.c=x y")}, {"session": {"a": 1}}, {"session": {"a": {"b": [1]}, "c": "x y"}}),
        ("openai", {"transcribes": True, "named_later": True}, {"session": {}}, None),
        ("gemini", {}, {"setup": {"model": "models/old"}}, {"setup": {"model": "models/new"}}),
        ("gemini", {}, {"setup": {"model": "projects/p/models/old"}}, {"setup": {"model": "projects/p/models/new"}}),
        (
            "gemini",
            {"instructions": "Hi"},
            {"setup": {}},
            {"setup": {"model": "models/new", "systemInstruction": {"parts": [{"text": "Hi"}]}}},
        ),
        ("vllm", {}, {"type": "session.update"}, {"type": "session.update", "model": "new"}),
    ],
)
def test_what_is_said_otherwise(dialect: str, options: dict[str, Any], event: dict[str, Any], expected: dict[str, Any] | None) -> None:
    made = edits(dialect, **options).made(event, CONFIG)
    if expected is not None:
        assert made == expected
    else:
        assert '"v"' in json.dumps(made) or '"new"' in json.dumps(made)


def test_later_messages_say_it_only_where_they_say_something_of_it() -> None:
    made = edits("openai", settings=("session.speed=2",))
    assert made.made({"session": {}}, CONFIG) == {"session": {"speed": 2}}
    assert made.made({"session": {}}, CONFIG) == {"session": {}}
    assert made.made({"session": {"speed": 1}}, CONFIG) == {"session": {"speed": 2}}


@pytest.mark.parametrize(("dialect", "options"), [("vllm", {"voice": "v"}), ("openai-translation", {"instructions": "x"})])
def test_what_a_protocol_has_not(dialect: str, options: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="this protocol has none"):
        edits(dialect, **options)


@given(
    st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
)
def test_messages_without_ids_stay_as_they_are(value: Any) -> None:
    missing: list[str] = []
    assert Ids().rewritten(value, missing) == value
    assert missing == []


def test_the_end_waits_for_words_that_came_late() -> None:
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u1", "transcript": "Hi"}
    held = Held(Tape(("<", CREATED), (">", ASK), ("<", started("r1")), ("<", done("r1")), ("<", heard)))
    assert held.script.end.n == END
    held.hear(CREATED)
    held.say(held.script.steps[0])
    held.hear(started("n1"), done("n1"))
    assert held.course.waits(held.script.end) == "what the user was heard to say"
    held.hear(heard)
    assert held.course.waits(held.script.end) is None


def test_the_end_does_not_wait_for_ever() -> None:
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u1", "transcript": "Hi"}
    held = Held(Tape(("<", CREATED), (">", ASK), ("<", started("r1")), ("<", done("r1")), ("<", heard)))
    held.hear(CREATED)
    held.course.go_on(held.script.end)
    assert held.course.waits(held.script.end) is None


def test_what_is_not_sent_is_counted() -> None:
    """Of six messages of the client one was masked, one stopped, one added, one is the proxy's word, one has no content."""
    rows = [
        Event(1, 1, "client", masked=True),
        Event(2, 2, "client", outcome="dropped"),
        Event(3, 3, "client", outcome="added", by="script"),
        Event(4, 4, "client", outcome="told", by="proxy"),
        Event(5, 5, "client"),
        Event(6, 6, "client", outcome="changed", by="script"),
    ]

    class Rows(Tape):
        def messages(self, sounding: object = None) -> Iterator[Message]:
            yield from (Message(row, None if row.n == 5 else json.dumps(write("Hi")).encode(), "none") for row in rows)

    script = read(Rows())
    assert [step.n for step in script.steps] == [1, 6]
    assert (script.masked, script.stopped, script.added) == (1, 1, 1)


def test_what_a_client_secret_configured_is_said() -> None:
    session = {"type": "realtime", "id": "sess_1", "instructions": "Hi", "tools": None, "audio": {"output": {"voice": "ash"}}}
    tape = Tape(("<", {"type": "session.created", "session": session}), (">", {"type": "session.update", "session": {"speed": 2}}))
    script, spelling = read(tape), SPELLINGS["openai"]
    found = Course(script, "openai", spelling, edits("openai", voice="v"), baked=True).opening()
    assert found is not None
    step, body = found
    said = {name: value for name, value in session.items() if name in ("type", "instructions", "audio")}
    assert json.loads(body) == {"type": "session.update", "session": said}
    assert (step.config, step.standing.greeted) == (True, True)
    assert Course(script, "openai", spelling, edits("openai", voice="v")).opening() is None
    bare = read(Tape(("<", CREATED), (">", ASK)))
    assert Course(bare, "openai", spelling, edits("openai")).opening() is None
    assert Course(bare, "openai", spelling, edits("openai", voice="v")).opening() is not None
