"""The output gate of a call: what the delay line is told while words come on the data channel and sound goes another way."""

from __future__ import annotations

import json
from typing import Any

from realtime.frame import Frame
from realtime.gates.call import CallGate
from realtime.gates.call import Order
from realtime.gates.delays import Delays
from realtime.gates.settings import Bounds
from realtime.policies import Window

BOUNDS = Bounds(sound=10.0, window=Window(characters=64, seconds=0.3))


class Line:
    """What the line was told, and how it stands."""

    def __init__(self) -> None:
        self.delays = Delays()
        self.gate = CallGate("openai", self.delays, BOUNDS)
        self.told: list[Order] = []

    def take(self, kind: str, now: float, answer: str = "r1", **fields: Any) -> list[Order]:
        event = {"type": kind, "response_id": answer, "response": {"id": answer}, **fields}
        self.gate.take(Frame(False, json.dumps(event).encode(), at=now), now)
        return self.look(now)

    def look(self, now: float, held_since: float | None = None) -> list[Order]:
        new = list(self.gate.orders(now, held_since))
        self.told += new
        return new

    def words(self, now: float, text: str = "Hello ", answer: str = "r1") -> list[Order]:
        return self.take("response.output_audio_transcript.delta", now, answer, item_id="i", delta=text)

    @property
    def state(self) -> str:
        return self.told[-1].state if self.told else "muted"


def test_an_answer_whose_words_come_with_its_sound() -> None:
    line = Line()
    assert line.take("session.created", 0.0) == []
    assert line.take("response.created", 1.0) == []
    assert line.words(1.2) == [Order("shut", 1.2)]
    line.take("output_audio_buffer.started", 1.3)
    assert line.words(1.4) == []
    assert line.gate.deadline == 1.5
    assert line.look(1.5) == []
    assert line.look(1.7) == [Order("shut", 1.4)]
    assert line.take("response.output_audio_transcript.done", 1.8, item_id="i", transcript="x") == [Order("shut", 1.8)]
    assert line.take("response.done", 1.9) == [Order("open")]
    assert line.take("output_audio_buffer.stopped", 3.0) == [Order("open", reset=True)]
    assert line.gate.deadline == 4.0
    assert line.look(4.0) == [Order("muted", reset=True)]
    assert line.gate.deadline is None
    assert line.delays.answers == 1


def test_words_that_the_policies_hold_free_nothing() -> None:
    line = Line()
    line.take("response.created", 1.0)
    line.words(1.2)
    line.words(1.3)
    assert line.look(2.0, held_since=1.3) == []
    assert line.look(2.0) == [Order("shut", 1.3)]


def test_blocked_words_are_not_heard_until_another_answer_is() -> None:
    line = Line()
    line.take("response.created", 1.0)
    line.words(1.2)
    assert line.gate.mute("r1") is not None
    assert line.gate.mute("r1") is None
    assert line.look(1.3) == [Order("muted", drop=True, reset=True)]
    assert line.take("response.done", 1.4) == []
    assert line.take("output_audio_buffer.started", 1.5) == []
    assert line.take("response.created", 1.6, "r2") == []
    assert line.words(1.7, answer="r2") == []
    assert line.take("output_audio_buffer.stopped", 3.0)[-1].state == "shut"
    assert line.take("response.done", 3.1, "r2") == [Order("open")]


def test_an_answer_that_still_plays_while_the_next_is_made() -> None:
    line = Line()
    line.take("response.created", 1.0)
    line.words(1.1)
    line.take("output_audio_buffer.started", 1.2)
    line.take("response.done", 1.3)
    line.take("response.created", 1.5, "r2")
    line.words(1.6, answer="r2")
    assert line.state == "open"
    assert line.take("output_audio_buffer.started", 4.0, "r2")[-1].state == "shut"


def test_what_the_user_interrupts_is_thrown_away() -> None:
    line = Line()
    line.take("response.created", 1.0)
    line.words(1.1)
    line.take("output_audio_buffer.started", 1.2)
    [order] = line.take("output_audio_buffer.cleared", 1.4)
    assert (order.drop, order.reset) == (True, True)


def test_sound_without_words() -> None:
    line = Line()
    line.take("response.created", 1.0)
    assert line.gate.deadline is None
    line.take("output_audio_buffer.started", 2.0)
    assert (line.gate.deadline, line.gate.expired(11.9)) == (12.0, [])
    [answer] = line.gate.expired(12.0)
    line.gate.free(answer)
    assert line.look(12.0) == [Order("open")]


def test_a_provider_that_does_not_say_when_it_plays() -> None:
    line = Line()
    line.take("response.created", 1.0)
    line.words(1.1)
    line.take("response.done", 1.5)
    assert line.state == "open"
    assert line.take("response.created", 9.0, "r2") == [Order("muted", reset=True)]
    assert line.words(9.1, answer="r2") == [Order("shut", 9.1)]
