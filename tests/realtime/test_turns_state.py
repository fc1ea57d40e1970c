"""Who has the word while a session runs: the user while speech is heard, the model while an answer is open, else nobody."""

from __future__ import annotations

from turn_talk import Talk

from realtime.signals import InputCommitted
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped


def test_who_has_the_word() -> None:
    talk = Talk()
    found = [talk.tracker.state]
    signals = (SpeechStarted("i1"), SpeechStopped("i1"), InputCommitted("i1"), ResponseStarted("r1"), SpeechStarted("i2"))
    for signal in (*signals, SpeechStopped("i2"), ResponseFinished("r1")):
        talk.upstream << signal
        found.append(talk.tracker.state)
    assert found == [None, "speaking", None, None, "answering", "speaking", "answering", None]
