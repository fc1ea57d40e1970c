"""Lanes from the clocks of records: who spoke when, cut where it was cut, with and without moments."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from portserver import DAY
from portserver import session
from portserver import turn

from web.timeline import shown
from web.timeline import silenced
from web.timeline import timeline

NOW = datetime(2026, 11, 21, 10, 2, tzinfo=UTC)


def lane(**more: Any) -> dict[str, Any]:
    """Of a turn that began 9 seconds into a session."""
    return timeline(session(1), [turn(1, **more)], [], NOW)["turns"][0]


def test_a_spoken_turn() -> None:
    found = lane()
    assert (found["index"], found["at"], found["user"], found["model"]) == (1, 9.0, (7.0, 8.9), (9.3, 11.8))
    assert (found["waited"], found["barged"], found["spoken"], found["tools"]) == ((8.9, 9.3), None, True, [])


def test_where_nobody_told_of_the_beginning_the_sound_has_its_length() -> None:
    moments = {"user_ended": -100.0, "first_audio": 300.0}
    assert lane(moments=moments, clocks={"since": "commit"})["user"] == (6.9, 8.9)
    assert lane(moments=moments, clocks={"since": "commit"}, audio={"in_seconds": 60.0, "out_seconds": 1.0})["user"] == (0.0, 8.9)


def test_what_was_written_is_no_speech() -> None:
    moments = {"user_ended": -50.0, "first_output": 200.0}
    found = lane(moments=moments, clocks={"since": "item", "response": 900.0}, audio={"in_seconds": 0.0, "out_seconds": 0.0})
    assert (found["user"], found["model"], found["waited"], found["spoken"]) == (None, (9.2, 9.9), None, False)


@pytest.mark.parametrize(
    ("more", "end"),
    [({"truncated_ms": 1000}, 10.3), ({"truncated_ms": 9000}, 11.8), ({}, 10.0)],
)
def test_an_answer_ends_where_it_was_cut(more: dict[str, Any], end: float) -> None:
    barged = {} if more else {"barged_in": 1000.0}
    moments = {"user_ended": -100.0, "first_audio": 300.0, **barged}
    assert lane(moments=moments, **more)["model"] == (9.3, end)


def test_tools_from_call_to_result() -> None:
    calls = [{"name": "slow", "called_ms": 100.0, "result_ms": 250.0}, {"name": "lost", "called_ms": 200.0, "result_ms": None}]
    assert lane(tool_calls=calls)["tools"] == [{"name": "slow", "begin": 9.1, "end": 9.35}, {"name": "lost", "begin": 9.2, "end": None}]


def test_findings_and_the_length_of_it_all() -> None:
    found = {"id": "fnd_1", "at": f"{DAY}T10:00:31.000Z", "kind": "policy", "policy": "cards", "severity": "high"}
    ended = timeline(session(1, ended_at=f"{DAY}T10:00:06.000Z"), [turn(1)], [found], NOW)
    assert (ended["findings"][0]["at"], ended["findings"][0]["policy"]) == (30.0, "cards")
    assert (ended["seconds"], ended["live"], ended["sound"]) == (11.8, False, False)
    live = timeline(session(1, ended_at=None), [], [], NOW)
    assert (live["seconds"], live["live"]) == (119.0, True)
    heard = timeline(session(1, recording={"state": "ready", "seconds": 4000.0}), [], [], NOW)
    assert (heard["seconds"], heard["sound"]) == (4000.0, True)


def test_sound_that_is_not_kept_is_named_with_its_policies() -> None:
    parts = [
        {"turn": 1, "side": "user", "policies": ["cards"]},
        {"turn": 1, "side": "model", "policies": []},
        {"turn": None, "side": "user", "policies": ["words"]},
    ]
    recorded = session(1, recording={"state": "ready", "seconds": 4.0, "silenced": parts})
    assert timeline(recorded, [], [], NOW)["silenced"] == parts
    assert [found["silenced"] for found in shown(recorded, [turn(1), turn(2)], [])] == [{"user": ["cards"], "model": []}, {}]
    assert silenced(recorded)[None] == {"user": ["words"]}
    assert timeline(session(1), [], [], NOW)["silenced"] == []
