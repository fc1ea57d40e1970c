"""Messages as people read them: pieces of one thing together, nothing else, in an order that can be followed."""

from __future__ import annotations

import json
from typing import Any

from store.folding import folded
from store.folding import words
from store.frames import Event
from store.frames import Found

TEXT = "response.output_audio_transcript.delta"
SOUND = "response.output_audio.delta"
APPEND = "input_audio_buffer.append"


def event(n: int, kind: str, side: Any = "server", **more: Any) -> Event:
    payload = json.dumps({"type": kind, **more.pop("said", {})})
    return Event(n, n, side, type=kind, size=10, payload=payload, **more)


def shape(*events: Event, **options: Any) -> list[tuple[int, int, int, str]]:
    return [(one.first.n, one.last.n, one.count, one.text) for one in folded(events, **options)]


def test_sound_and_words_of_an_answer_fold_though_they_come_by_turns() -> None:
    pieces = [event(n, TEXT if n % 2 else SOUND, said={"delta": f"w{n} "} if n % 2 else {}) for n in range(2, 8)]
    made = shape(event(1, "response.created"), *pieces, event(8, "response.done"))
    assert made == [(1, 1, 1, ""), (2, 6, 3, ""), (3, 7, 3, "w3 w5 w7 "), (8, 8, 1, "")]
    assert sum(one.size for one in folded(pieces)) == 60


def test_other_messages_and_both_directions_stay_apart() -> None:
    made = shape(event(1, APPEND, "client"), event(2, APPEND, "client"), event(3, "x"), event(4, "x"), event(5, APPEND, "client"))
    assert made == [(1, 2, 2, ""), (3, 3, 1, ""), (4, 4, 1, ""), (5, 5, 1, "")]
    assert len(shape(event(1, TEXT), event(2, TEXT, "client"))) == 2


def test_a_piece_about_which_there_is_something_to_say_begins_anew() -> None:
    found = event(3, TEXT, findings=[Found("f", "policy", "tag")])
    assert shape(event(1, TEXT), event(2, TEXT), found, event(4, TEXT)) == [(1, 2, 2, ""), (3, 4, 2, "")]
    assert [one[:3] for one in shape(event(1, TEXT), event(2, TEXT, outcome="changed"))] == [(1, 1, 1), (2, 2, 1)]
    assert [one[0] for one in shape(event(1, TEXT), event(2, TEXT, lost=3))] == [1, 2]


def test_nothing_is_folded_where_that_is_not_wanted() -> None:
    assert [one[2] for one in shape(*(event(n, TEXT) for n in range(1, 5)), most=1)] == [1, 1, 1, 1]
    assert shape() == []


def test_words_of_anything() -> None:
    assert words(Event(1, 0, "server", payload=None)) == ""
    for payload in ("[]", "{", '"x"', '{"delta":5}', '{"delta":{"text":"x"}}', "\ufeff{}", '{"text":null}'):
        assert words(Event(1, 0, "server", payload=payload)) == ""
    assert words(Event(1, 0, "server", payload='{"transcript":"it is"}')) == "it is"
