"""The user's side of turns: typed and spoken items, transcripts that come late or never, transcription sessions."""

from __future__ import annotations

import pytest
from turn_talk import Talk

from realtime.signals import AudioIn
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import UserItem
from realtime.usage import Usage

UNAVAILABLE = "[audio transcription unavailable]"


@pytest.fixture
def talk() -> Talk:
    return Talk()


def answer(talk: Talk, response: str) -> None:
    talk.upstream << ResponseStarted(response) << ResponseFinished(response)


def said(item: str | None, text: str, usage: Usage | None = None) -> InputTranscript:
    return InputTranscript(item, text, final=True, replace=True, usage=usage)


# -- typed --------------------------------------------------------------------------------------------------------------


def test_items_are_joined_in_order_and_whitespace_is_kept(talk: Talk) -> None:
    talk.client >> UserItem("i1", "  one\n") >> UserItem("i2", "\ttwo ") >> ResponseRequested()
    answer(talk, "r1")
    assert talk.only()["input"] == "  one\n\n\ttwo "


def test_the_same_item_updates_in_place(talk: Talk) -> None:
    talk.client >> UserItem("i1", "draft") >> UserItem("i2", "second")
    talk.upstream << UserItem("i1", "final")
    answer(talk, "r1")
    assert talk.only()["input"] == "final\nsecond"


def test_the_echo_of_an_item_without_id_names_it_and_counts_once(talk: Talk) -> None:
    talk.client >> UserItem(None, "same") >> UserItem(None, "same") >> ResponseRequested()
    talk.upstream << UserItem("i1", "same") << UserItem("i2", "same") << UserItem("i2", "same")
    answer(talk, "r1")
    talk.upstream << UserItem("i1", "same")
    answer(talk, "r2")
    first, second = talk.all()
    assert (first["input"], second["input"]) == ("same\nsame", "")


def test_an_echo_after_the_answer_began_is_not_a_new_input(talk: Talk) -> None:
    talk.client >> UserItem(None, "hi") >> ResponseRequested()
    talk.upstream << ResponseStarted("r1") << UserItem("i1", "hi") << ResponseFinished("r1")
    answer(talk, "r2")
    assert [r["input"] for r in talk.all()] == ["hi", ""]


def test_consumed_and_shown_again_is_not_counted_again(talk: Talk) -> None:
    talk.client >> UserItem("i1", "once")
    answer(talk, "r1")
    talk.upstream << UserItem("i1", "once")
    answer(talk, "r2")
    assert [r["input"] for r in talk.all()] == ["once", ""]


def test_a_list_shows_a_summary(talk: Talk) -> None:
    talk.client >> UserItem("i1", "x" * 3000)
    answer(talk, "r1")
    record = talk.only()
    assert (len(record["summary"]), len(record["input"]), record["input_chars"]) == (1024, 3000, 3000)


# -- spoken -------------------------------------------------------------------------------------------------------------


def speak(talk: Talk, item: str) -> None:
    talk.upstream << SpeechStarted(item) << SpeechStopped(item) << InputCommitted(item)


def test_transcript_before_the_answer(talk: Talk) -> None:
    speak(talk, "i1")
    talk.upstream << UserItem("i1", "", spoken=True) << InputTranscript("i1", "hel") << InputTranscript("i1", "lo") << said("i1", "Hello.")
    answer(talk, "r1")
    assert talk.only()["input"] == "Hello."


def test_a_transcript_after_done_amends_the_record(talk: Talk) -> None:
    speak(talk, "i1")
    answer(talk, "r1")
    (before,) = talk.changed()
    assert (before["input"], before["input_chars"]) == ("", 0)
    usage = Usage(total_tokens=17, input_tokens=14, output_tokens=3, input_audio=14)
    talk.upstream << said("i1", "late words", usage)
    (after,) = talk.changed()
    assert (after["id"], after["input"], after["input_chars"]) == ("r1", "late words", 10)
    assert (after["transcription_usage"], after["usage"]) == (usage.record(), None)
    talk.upstream << said("i1", "late words", usage)
    assert talk.close().changed() == []


def test_a_transcript_that_never_comes_is_said_at_the_end_of_the_session(talk: Talk) -> None:
    speak(talk, "i1")
    answer(talk, "r1")
    assert talk.only()["input"] == ""
    (record,) = talk.close().changed()
    assert (record["id"], record["input"]) == ("r1", UNAVAILABLE)


def test_a_failed_transcript_is_said_at_once(talk: Talk) -> None:
    speak(talk, "i1")
    answer(talk, "r1")
    talk.changed()
    talk.upstream << InputTranscript("i1", "", failed=True)
    (record,) = talk.changed()
    assert record["input"] == UNAVAILABLE


def test_an_unfinished_transcript_is_kept_as_far_as_it_came(talk: Talk) -> None:
    speak(talk, "i1")
    answer(talk, "r1")
    talk.upstream << InputTranscript("i1", "half a sen")
    assert talk.close().only()["input"] == "half a sen"


def test_every_transcript_finds_its_own_turn(talk: Talk) -> None:
    for n in (1, 2, 3):
        speak(talk, f"i{n}")
        answer(talk, f"r{n}")
    for n in (3, 1, 2):
        talk.upstream << said(f"i{n}", f"words {n}")
    assert [r["input"] for r in talk.all()] == ["words 1", "words 2", "words 3"]


def test_speech_in_progress_belongs_to_the_next_answer(talk: Talk) -> None:
    talk.upstream << SpeechStarted("i1")
    answer(talk, "r1")
    talk.upstream << SpeechStopped("i1") << InputCommitted("i1")
    answer(talk, "r2")
    talk.upstream << said("i1", "for the second")
    assert [r["input"] for r in talk.all()] == ["", "for the second"]


def test_text_beside_speech_in_one_item(talk: Talk) -> None:
    talk.client >> UserItem("i1", "look at this:", spoken=True)
    answer(talk, "r1")
    talk.upstream << said("i1", "spoken part")
    assert talk.only()["input"] == "look at this:\nspoken part"


def test_an_item_that_carries_its_transcript_counts_it_once(talk: Talk) -> None:
    talk.upstream << InputCommitted("i1") << said("i1", "words") << UserItem("i1", "words", spoken=True)
    answer(talk, "r1")
    record = talk.only()
    assert (record["input"], record["input_chars"]) == ("words", 5)


# -- providers that do not name items -----------------------------------------------------------------------------------


def test_nameless_pieces_follow_the_utterance_they_belong_to(talk: Talk) -> None:
    talk.upstream << InputTranscript(None, "how ") << ResponseStarted(None) << InputTranscript(None, "are you")
    talk.upstream << TextOut("fine", "transcript") << ResponseFinished(None)
    talk.upstream << InputTranscript(None, "good") << ResponseStarted(None) << ResponseFinished(None)
    assert [r["input"] for r in talk.close().all()] == ["how are you", "good"]


def test_a_nameless_barge_in_starts_a_new_utterance(talk: Talk) -> None:
    talk.upstream << InputTranscript(None, "tell me") << ResponseStarted(None) << TextOut("well", "transcript")
    talk.upstream << SpeechStarted() << InputTranscript(None, "stop") << ResponseFinished(None, "cancelled", "turn_detected")
    talk.upstream << ResponseStarted(None) << ResponseFinished(None)
    assert [r["input"] for r in talk.all()] == ["tell me", "stop"]


def test_whole_nameless_utterances_are_separate(talk: Talk) -> None:
    talk.upstream << InputTranscript(None, "one", final=True) << InputTranscript(None, "two", final=True)
    talk.upstream << ResponseStarted(None) << ResponseFinished(None)
    assert talk.only()["input"] == "one\ntwo"


# -- transcription sessions ---------------------------------------------------------------------------------------------


@pytest.fixture
def dictation(talk: Talk) -> Talk:
    talk.upstream << SessionConfig(True, kind="transcription", model="asr-1")
    return talk


def test_a_completed_transcript_ends_the_turn(dictation: Talk) -> None:
    usage = Usage(seconds=1.4)
    dictation.client >> AudioIn(1)
    speak(dictation, "i1")  # stopped at 0.3, committed at 0.4
    dictation.upstream << InputTranscript("i1", "hel") << InputTranscript("i1", "lo")
    assert dictation.changed() == []
    dictation.upstream << said("i1", "hello", usage)
    record = dictation.only()
    assert (record["id"], record["trigger"], record["status"], record["input"]) == ("i1", "transcription", "completed", "hello")
    assert (record["usage"], record["transcription_usage"], record["model"]) == (usage.record(), None, "asr-1")
    assert record["clocks"] == {"first_output": 200.0, "since": "speech_stopped"}


def test_items_may_overlap_and_finish_in_any_order(dictation: Talk) -> None:
    speak(dictation, "i1")
    speak(dictation, "i2")
    dictation.upstream << said("i2", "two") << said("i1", "one") << said("i1", "one")
    assert [(r["id"], r["input"]) for r in dictation.close().all()] == [("i1", "one"), ("i2", "two")]


def test_a_failed_transcription_is_a_failed_turn(dictation: Talk) -> None:
    speak(dictation, "i1")
    dictation.upstream << InputTranscript("i1", "", failed=True, error=ProviderError("server_error", "audio_unintelligible", "?"))
    record = dictation.only()
    assert (record["status"], record["error"]["code"], record["input"]) == ("failed", "audio_unintelligible", UNAVAILABLE)


def test_an_unfinished_transcription_is_interrupted(dictation: Talk) -> None:
    speak(dictation, "i1")
    record = dictation.close("upstream_closed").only()
    assert (record["status"], record["error"]["status"], record["input"]) == ("interrupted", 502, UNAVAILABLE)


def test_transcription_without_item_ids(dictation: Talk) -> None:
    for text in ("first", "second"):
        dictation.client >> AudioIn(1) >> InputCommitted()
        dictation.upstream << InputTranscript(None, text[:3]) << InputTranscript(None, text, final=True, replace=True)
    assert [(r["id"], r["input"], r["clocks"]["since"]) for r in dictation.all()] == [(None, "first", "commit"), (None, "second", "commit")]
