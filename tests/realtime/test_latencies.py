"""When what happened in a turn, and how long the turns of a session let the user wait."""

from __future__ import annotations

from turn_talk import Talk

from realtime.latencies import KEPT
from realtime.latencies import SHOWN
from realtime.latencies import Latencies
from realtime.signals import AudioOut
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped


def test_without_sound_there_is_nothing() -> None:
    assert Latencies().record() is None


def test_percentiles_by_the_nearest_rank_and_the_values_in_the_order_of_the_turns() -> None:
    latencies = Latencies()
    for index in range(1, 21):
        latencies.note(21 - index, float(index))
    assert latencies.record() == {"p50": 10.0, "p95": 19.0, "last": [float(value) for value in range(20, 0, -1)]}


def test_a_turn_that_is_told_again_counts_once() -> None:
    latencies = Latencies()
    latencies.note(1, 5.0)
    latencies.note(2, 7.0)
    assert latencies.record() == {"p50": 5.0, "p95": 7.0, "last": [5.0, 7.0]}
    latencies.note(1, 9.0)
    assert latencies.record() == {"p50": 7.0, "p95": 9.0, "last": [9.0, 7.0]}


def test_of_very_many_turns_the_newest_are_kept() -> None:
    latencies = Latencies()
    for index in range(1, KEPT + 101):
        latencies.note(index, 1.0 if index <= 100 else 2.0)
    assert latencies.record() == {"p50": 2.0, "p95": 2.0, "last": [2.0] * SHOWN}


def test_the_moments_of_a_turn_are_told_from_its_beginning() -> None:
    talk = Talk()
    talk.upstream << SpeechStarted("i1") << SpeechStopped("i1") << ResponseStarted("r1") << AudioOut(480, "r1") << AudioOut(480, "r1")
    talk.upstream << SpeechStarted("i2") << ResponseFinished("r1", status="cancelled") << SpeechStopped("i2") << ResponseStarted("r2")
    talk.upstream << ResponseFinished("r2")
    first, second = talk.all()
    assert first["moments"] == {
        "user_began": -200.0,
        "user_ended": -100.0,
        "first_output": 100.0,
        "first_audio": 100.0,
        "last_audio": 200.0,
        "barged_in": 300.0,
    }
    assert second["moments"] == {"user_began": -300.0, "user_ended": -100.0}
