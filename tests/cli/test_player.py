"""A recorded session played to an app, without a socket: what is matched, what is waited for, what is refused, whose ids are said."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from cli.player import End
from cli.player import Manner
from cli.player import Player
from cli.player import Say
from cli.player import Wait
from cli.playlines import AppLine
from cli.playlines import Script
from cli.playlines import ServerLine
from cli.playmatch import ids_in
from realtime.jsonpath import compile_path

FAST = Manner(pace=0)
STRICT = Manner(pace=0, strict=True)

Line = AppLine | ServerLine


def asked(number: int, kind: str, at: float = 0.0, **fields: Any) -> AppLine:
    return AppLine(number, at, kind, {"type": kind, **fields})


def told(number: int, kind: str, at: float = 0.0, heard: int = 0, answers: bool = False, **fields: Any) -> ServerLine:
    payload = json.dumps({"type": kind, **fields}).encode()
    return ServerLine(number, at, kind, True, payload, heard, at, answers)


def script(*lines: Line, ends: float = 0.0, close: tuple[int, str] | None = None) -> Script:
    events = [json.loads(line.payload) for line in lines if isinstance(line, ServerLine)]
    theirs = {name for event in events for _, name in ids_in(event) if name.startswith("srv")}
    return Script("ses_1", "openai", "openai", "/v1/realtime", lines, frozenset(theirs), ends, close)


class App:
    """An app on the other side of a player, with a clock of its own."""

    def __init__(self, played: Script, manner: Manner = FAST) -> None:
        self.now = 100.0
        self.player = Player(played, manner, self.now)
        self.got: list[dict[str, Any]] = []

    def say(self, kind: str, **fields: Any) -> str | None:
        other = self.player.hear(json.dumps({"type": kind, **fields}).encode(), self.now, text=True)
        return str(other) if other is not None else None

    def sound(self, size: int) -> None:
        self.say("input_audio_buffer.append", audio=b64encode(bytes(size)).decode())

    def listen(self) -> Wait | End:
        """Everything that is said by now."""
        while isinstance(step := self.player.next(self.now), Say):
            self.got.append(json.loads(step.payload))
        return step

    @property
    def kinds(self) -> list[str]:
        self.listen()
        return [event["type"] for event in self.got]


TURN = (
    told(1, "session.created"),
    asked(2, "session.update", session={"voice": "marin"}),
    told(3, "session.updated"),
    asked(4, "conversation.item.create", item={"content": [{"text": "Hello"}]}),
    asked(5, "response.create"),
    told(6, "response.done"),
)


def test_each_line_waits_for_what_the_app_said_before_it() -> None:
    app = App(script(*TURN))
    assert app.kinds == ["session.created"]
    app.say("session.update", session={"voice": "marin"})
    assert app.kinds == ["session.created", "session.updated"]
    app.say("conversation.item.create", item={"content": [{"text": "Hello"}]})
    assert app.kinds == ["session.created", "session.updated"]
    app.say("response.create")
    assert app.kinds[-1] == "response.done"
    assert app.listen() == End(None)
    score = app.player.end()
    assert (score.matched, score.n_differing, score.n_unexpected, score.missing, score.unsaid) == (3, 0, 0, [], 0)


def test_what_an_app_says_early_counts() -> None:
    app = App(script(*TURN))
    for line in TURN:
        if isinstance(line, AppLine):
            app.say(**{"kind": line.kind, **{name: value for name, value in line.event.items() if name != "type"}})
    assert app.kinds == ["session.created", "session.updated", "response.done"]


def test_delays_are_those_of_the_recording() -> None:
    lines = (told(1, "a", 1.0), asked(2, "go", 2.0), told(3, "b", 2.5), told(4, "c", 4.5))
    app = App(script(*lines, ends=5.0, close=(1001, "bye")), Manner())
    assert app.listen() == Wait(101.0)
    app.now = 101.0
    assert app.kinds == ["a"]
    assert app.listen() == Wait(None)
    app.now = 110.0
    app.say("go")
    assert app.listen() == Wait(110.5)
    app.now = 111.0
    assert app.kinds == ["a", "b"]
    assert app.listen() == Wait(112.5)
    app.now = 112.5
    assert app.kinds == ["a", "b", "c"]
    assert app.listen() == Wait(113.0)
    app.now = 113.0
    assert app.listen() == End((1001, "bye"))


def test_half_the_pace() -> None:
    app = App(script(told(1, "a", 3.0)), Manner(pace=0.5))
    assert app.listen() == Wait(101.5)


def test_sound_is_counted_whatever_its_pieces() -> None:
    lines = (told(1, "a"), told(2, "input_audio_buffer.speech_started", heard=1_000), told(3, "b"))
    for size in (100, 333, 1_000):
        app = App(script(*lines))
        for _ in range(0, 1_000, size):
            assert app.kinds == ["a"]
            app.sound(size)
        assert app.kinds == ["a", "input_audio_buffer.speech_started", "b"]
        assert (app.player.end().short, app.player.score.n_unexpected) == (0, 0)


def test_an_app_that_speaks_for_a_shorter_time_is_answered_after_a_while() -> None:
    app = App(script(told(1, "started", heard=1_000), told(2, "done", answers=True), told(3, "started", heard=1_500)), Manner(pace=0))
    assert app.listen() == Wait(None)
    app.sound(400)
    assert app.listen() == Wait(103.0)
    app.now = 103.0
    assert app.kinds == ["started", "done"]
    assert app.listen() == Wait(None)
    app.now = 200.0
    assert app.listen() == Wait(None)
    app.sound(500)
    assert app.kinds[-1] == "started"
    assert app.player.end().short == 600


def test_an_app_makes_up_ids_of_its_own_and_hears_those() -> None:
    lines = (
        asked(1, "conversation.item.create", event_id="ev_old", item={"id": "item_old", "text": "Hello"}),
        told(2, "conversation.item.added", event_id="srv_1", previous_item_id=None, item={"id": "item_old", "text": "item_old"}),
        told(3, "error", error={"event_id": "ev_old", "message": "no"}),
        asked(4, "conversation.item.delete", event_id="ev_2", item_id="item_old"),
    )
    app = App(script(*lines), STRICT)
    assert app.say("conversation.item.create", event_id="mine", item={"id": "item_new", "text": "Hello"}) is None
    app.listen()
    assert app.got[0]["item"] == {"id": "item_new", "text": "item_old"}
    assert app.got[1]["error"]["event_id"] == "mine"
    assert app.say("conversation.item.delete", item_id="item_new") is None
    assert app.player.end().missing == []


def test_an_app_that_means_another_item_of_its_own_is_told() -> None:
    lines = (asked(1, "create", item={"id": "a"}), asked(2, "delete", item_id="a"))
    app = App(script(*lines), STRICT)
    app.say("create", item={"id": "x"})
    assert app.say("delete", item_id="y") == 'delete: $.item_id is "y", recorded (message 2) is "a"'


CALLS = (
    told(1, "response.done", output=[{"call_id": "srv_a"}, {"call_id": "srv_b"}]),
    asked(2, "conversation.item.create", item={"call_id": "srv_a", "output": "sunny"}),
    told(3, "conversation.item.added", item={"call_id": "srv_a"}),
    asked(4, "conversation.item.create", item={"call_id": "srv_b", "output": "late"}),
    told(5, "conversation.item.added", item={"call_id": "srv_b"}),
    asked(6, "response.create"),
    told(7, "response.done"),
)


@pytest.mark.parametrize("manner", [FAST, STRICT], ids=["lenient", "strict"])
def test_results_of_tools_may_come_in_any_order(manner: Manner) -> None:
    app = App(script(*CALLS), manner)
    app.listen()
    assert app.say("conversation.item.create", item={"call_id": "srv_b", "output": "late"}) is None
    assert len(app.kinds) == 1
    assert app.say("conversation.item.create", item={"call_id": "srv_a", "output": "sunny"}) is None
    assert app.say("response.create") is None
    assert app.kinds[1:] == ["conversation.item.added", "conversation.item.added", "response.done"]
    score = app.player.end()
    assert (score.matched, score.swapped, score.n_differing, score.missing) == (3, 1, 0, [])


def test_a_result_for_a_call_that_nobody_made_is_not_the_recorded_one() -> None:
    app = App(script(*CALLS), STRICT)
    app.listen()
    why = app.say("conversation.item.create", item={"call_id": "made_up", "output": "sunny"})
    assert why == 'conversation.item.create: $.item.call_id is "made_up", recorded (message 2) is "srv_a"'


def test_another_word_is_taken_for_the_recorded_one_and_told() -> None:
    app = App(script(*TURN))
    app.say("session.update", session={"voice": "alloy", "speed": 2})
    assert app.kinds[-1] == "session.updated"
    [other] = app.player.end().differing
    assert [tuple(difference) for difference in other.differences] == [
        ("$.session.voice", '"marin"', '"alloy"'),
        ("$.session.speed", "nothing", "2"),
    ]
    assert str(other) == 'session.update: $.session.voice is "alloy", recorded (message 2) is "marin"'


def test_strictly_another_word_is_refused_and_says_what_was_expected() -> None:
    app = App(script(*TURN), STRICT)
    assert app.say("session.update", session={"voice": "alloy"}) is not None
    assert app.player.score.refused == 'session.update: $.session.voice is "alloy", recorded (message 2) is "marin"'


def test_strictly_another_order_is_refused() -> None:
    app = App(script(*TURN), STRICT)
    assert app.say("response.create") == "response.create came where message 2, session.update, is recorded"


def test_places_that_are_ignored() -> None:
    app = App(script(*TURN), Manner(pace=0, strict=True, ignored=(compile_path("$.session.voice"), compile_path("$..text"))))
    assert app.say("session.update", session={"voice": "alloy"}) is None
    assert app.say("conversation.item.create", item={"content": [{"text": "Bye"}]}) is None
    assert app.say("response.create", response={}) == "response.create: $.response is {}, recorded (message 5) is nothing"


def test_a_message_of_which_nothing_is_recorded() -> None:
    app = App(script(*TURN))
    app.say("response.cancel")
    app.player.hear(b"no JSON", app.now, text=True)
    app.player.hear(b"[1, 2]", app.now, text=True)
    app.player.hear(b"\xff\xfe", app.now, text=True)
    score = app.player.end()
    assert [other.kind for other in score.unexpected] == ["response.cancel", "text", "text", "text"]
    assert [line.number for line in score.missing] == [2, 4, 5]
    assert str(score.unexpected[0]) == "response.cancel came, of which no more is recorded"


def test_a_message_that_the_app_went_past_is_given_up_after_a_while() -> None:
    app = App(script(*TURN))
    app.say("conversation.item.create", item={"content": [{"text": "Hello"}]})
    app.say("response.create")
    assert app.listen() == Wait(103.0)
    app.now = 103.0
    assert app.kinds == ["session.created", "session.updated", "response.done"]
    assert [line.number for line in app.player.end().missing] == [2]


def test_a_microphone_that_stays_open_is_no_reason_to_wait_for_words() -> None:
    app = App(script(*TURN))
    app.say("response.create")
    app.now = 102.0
    app.sound(960)
    assert app.listen() == Wait(103.0)


def test_delays_after_something_was_given_up_are_those_of_the_recording() -> None:
    app = App(script(asked(1, "a"), asked(2, "b"), told(3, "x", 1.0), told(4, "y", 2.0)), Manner())
    app.say("b")
    app.now = 103.0
    assert app.listen() == Wait(104.0)


def test_an_app_that_has_said_nothing_yet_is_waited_for() -> None:
    app = App(script(*TURN))
    app.listen()
    app.now = 10_000.0
    assert app.listen() == Wait(None)
    assert app.player.end().unsaid == 2


def test_a_message_whose_content_was_not_kept_matches_by_its_kind() -> None:
    app = App(script(AppLine(1, 0.0, "conversation.item.create"), AppLine(2, 0.0, ""), told(3, "done")), STRICT)
    assert app.say("conversation.item.create", item={"anything": 1}) is None
    assert app.say("whatever") is None
    assert app.kinds == ["done"]


def test_sound_inside_of_messages_is_not_compared() -> None:
    line = AppLine(1, 0.0, "item", {"type": "item", "content": [{"audio": ""}]}, frozenset([("content", 0, "audio")]))
    app = App(script(line), STRICT)
    assert app.say("item", content=[{"audio": b64encode(bytes(3_000)).decode()}]) is None


def test_when_something_was_played_is_not_compared() -> None:
    app = App(script(asked(1, "conversation.item.truncate", item_id="srv", audio_end_ms=1_200)), STRICT)
    assert app.say("conversation.item.truncate", item_id="srv", audio_end_ms=900) is None


def test_reports_are_bounded() -> None:
    app = App(script(*TURN))
    for number in range(250):
        app.say("nonsense", number=number)
    assert (len(app.player.score.unexpected), app.player.score.n_unexpected) == (100, 250)
