"""Turns of a WebRTC call: no message carries sound, the provider says when an answer is heard, and often after it is done."""

from __future__ import annotations

from turn_talk import Talk

from realtime.signals import InputCommitted
from realtime.signals import Playback
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import Truncated


def asked(talk: Talk) -> Talk:
    """A spoken question of 0.1 s, its commit, the start of the answer: at 0.4 s."""
    return talk << SpeechStarted("i1") << SpeechStopped("i1") << InputCommitted("i1") << ResponseStarted("r1")


def test_the_latency_is_that_of_the_sound_not_of_the_messages() -> None:
    talk = asked(Talk()) << Playback("r1", started=True) << ResponseFinished("r1") << Playback("r1", started=False)
    record = talk.only()
    assert record["clocks"]["first_audio"] == 300.0
    assert record["audio"] == {"in_seconds": 0.1, "out_seconds": 0.2}
    assert not record["interrupted"]


def test_sound_that_starts_after_the_answer_is_done_amends_its_record() -> None:
    talk = asked(Talk()) << ResponseFinished("r1")
    assert talk.changed()[0]["clocks"].get("first_audio") is None
    talk << Playback("r1", started=True) << Playback("r1", started=False)
    (record,) = talk.changed()
    assert (record["index"], record["status"], record["clocks"]["first_audio"]) == (1, "completed", 400.0)


def test_who_speaks_up_while_a_finished_answer_plays_interrupts_it() -> None:
    talk = asked(Talk()) << Playback("r1", started=True) << ResponseFinished("r1") << SpeechStarted("i2")
    talk << Playback("r1", started=False, cleared=True) << Truncated("i9", 120)
    record = talk.all()[0]
    assert record["interrupted"]
    assert record["status"] == "completed"
    assert record["clocks"]["barge_in_to_last_audio"] == 100.0


def test_sound_that_was_heard_to_its_end_is_not_interrupted_by_later_speech() -> None:
    talk = asked(Talk()) << Playback("r1", started=True) << ResponseFinished("r1") << Playback("r1", started=False) << SpeechStarted("i2")
    assert not talk.all()[0]["interrupted"]


def test_playback_of_an_unknown_answer_begins_no_turn() -> None:
    talk = Talk() << Playback("r9", started=True) << Playback(None, started=False)
    assert talk.all() == []


def test_an_answer_is_heard_while_later_ones_are_done() -> None:
    talk = asked(Talk()) << Playback("r1", started=True) << ResponseFinished("r1")
    talk << ResponseStarted("r2") << ResponseFinished("r2") << Playback("r1", started=False)
    talk << Playback("r2", started=True) << Playback("r2", started=False)
    first, second = talk.all()
    assert (first["audio"]["out_seconds"], second["audio"]["out_seconds"]) == (0.4, 0.1)


def test_who_speaks_up_while_an_earlier_answer_plays_interrupts_it() -> None:
    talk = asked(Talk()) << Playback("r1", started=True) << ResponseFinished("r1") << ResponseStarted("r2") << ResponseFinished("r2")
    talk << SpeechStarted("i2") << Playback("r1", started=False, cleared=True)
    assert [turn["interrupted"] for turn in talk.all()[:2]] == [True, False]


def test_what_plays_when_the_call_ends_was_heard_up_to_then() -> None:
    talk = asked(Talk()) << Playback("r1", started=True) << ResponseFinished("r1")
    assert talk.changed()[0]["audio"]["out_seconds"] == 0.0
    talk.close()
    (record,) = talk.changed()
    assert record["audio"]["out_seconds"] == 0.2
    assert (record["status"], record["interrupted"]) == ("completed", False)
