"""Turns: where they start and end, what their output and status are, how long they took."""

from __future__ import annotations

import pytest
from turn_talk import Talk

from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import SessionEnded
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import Truncated
from realtime.signals import UsageReport
from realtime.signals import UserItem
from realtime.usage import Usage

USAGE = Usage(total_tokens=30, input_tokens=20, output_tokens=10, input_audio=20, output_audio=10)


@pytest.fixture
def talk() -> Talk:
    return Talk()


def hear(talk: Talk, item: str = "i1") -> None:
    talk.client >> AudioIn(4800, PCM16_24K)
    talk.upstream << SpeechStarted(item) << SpeechStopped(item) << InputCommitted(item)


# -- start and end ------------------------------------------------------------------------------------------------------


def test_a_text_turn_from_request_to_done(talk: Talk) -> None:
    talk.client >> UserItem("i1", "hello") >> ResponseRequested("e1")
    talk.upstream << ResponseStarted("r1") << TextOut("hi", response_id="r1", item_id="o1")
    talk.upstream << TextOut(" there", response_id="r1", item_id="o1")
    assert talk.changed() == []
    talk.upstream << ResponseFinished("r1", usage=USAGE)
    record = talk.only()
    assert (record["id"], record["trigger"], record["status"], record["reason"]) == ("r1", "client", "completed", None)
    assert (record["input"], record["output"]) == ("hello", "hi there")
    assert record["usage"] == USAGE.record()
    assert record["error"] is None


def test_a_voice_turn_that_the_provider_answers_by_itself(talk: Talk) -> None:
    hear(talk)
    talk.upstream << ResponseStarted("r1") << AudioOut(48_000, "r1", "o1", PCM16_24K) << ResponseFinished("r1")
    record = talk.only()
    assert record["trigger"] == "vad"
    assert record["audio"] == {"in_seconds": 0.1, "out_seconds": 1.0}


def test_a_commit_does_not_make_the_request_after_it_a_duplicate(talk: Talk) -> None:
    talk.client >> AudioIn(4800, PCM16_24K) >> InputCommitted()
    talk.upstream << InputCommitted("i1")
    talk.client >> ResponseRequested()
    talk.upstream << ResponseStarted("r1") << ResponseFinished("r1")
    assert talk.only()["trigger"] == "client"


def test_a_duplicate_request_is_only_known_by_the_providers_error(talk: Talk) -> None:
    talk.client >> ResponseRequested("e1")
    talk.upstream << ResponseStarted("r1")
    talk.client >> ResponseRequested("e2")
    talk.upstream << ProviderError("invalid_request_error", "conversation_already_has_active_response", "busy", "e2")
    talk.upstream << ResponseFinished("r1")
    hear(talk)
    talk.upstream << ResponseStarted("r2") << ResponseFinished("r2")
    talk.close()
    assert [(r["id"], r["status"], r["trigger"]) for r in talk.all()] == [("r1", "completed", "client"), ("r2", "completed", "vad")]
    (error,) = talk.tracker.errors
    assert (error["turn"], error["status"], error["code"], error["event_id"]) == (1, 400, "conversation_already_has_active_response", "e2")


def test_a_duplicate_without_event_ids_leaves_no_trace_either(talk: Talk) -> None:
    talk.client >> ResponseRequested()
    talk.upstream << ResponseStarted("r1")
    talk.client >> ResponseRequested()
    talk.upstream << ProviderError("invalid_request_error", "busy", "busy") << ResponseFinished("r1")
    hear(talk)
    talk.upstream << ResponseStarted("r2") << ResponseFinished("r2")
    talk.close()
    assert [(r["id"], r["trigger"]) for r in talk.all()] == [("r1", "client"), ("r2", "vad")]


def test_a_duplicate_that_nobody_refused_before_the_end_is_no_turn(talk: Talk) -> None:
    talk.client >> ResponseRequested()
    talk.upstream << ResponseStarted("r1")
    talk.client >> ResponseRequested()
    talk.close("upstream_closed")
    assert [r["id"] for r in talk.all()] == ["r1"]


def test_a_request_made_while_an_answer_was_being_cancelled_gets_its_own_turn(talk: Talk) -> None:
    talk.client >> ResponseRequested()
    talk.upstream << ResponseStarted("r1")
    talk.client >> ResponseRequested()
    talk.upstream << ResponseFinished("r1", "cancelled", "client_cancelled") << ResponseStarted("r2") << ResponseFinished("r2")
    assert [(r["id"], r["trigger"]) for r in talk.all()] == [("r1", "client"), ("r2", "client")]


def test_a_response_ends_once_even_when_it_is_seen_on_two_sockets(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << ResponseStarted("r1")
    talk.upstream << ResponseFinished("r1", usage=USAGE) << ResponseFinished("r1", usage=USAGE)
    talk.upstream << ResponseStarted("r1") << TextOut("late", response_id="r1")
    assert talk.only()["usage"] == USAGE.record()
    assert talk.close().all()[0]["output"] == ""


def test_out_of_band_answers_overlap_and_leave_the_input_to_the_conversation(talk: Talk) -> None:
    hear(talk)
    talk.client >> ResponseRequested("e1", out_of_band=True)
    talk.upstream << ResponseStarted("side", out_of_band=True) << ResponseStarted("main")
    talk.upstream << TextOut("A", response_id="side") << TextOut("B", response_id="main") << TextOut("a", response_id="side")
    talk.upstream << ResponseFinished("main") << ResponseFinished("side") << SpeechStarted("i2")
    side, main = talk.close().all()
    assert (side["output"], side["out_of_band"], side["trigger"], side["input"]) == ("Aa", True, "client", "")
    assert (main["output"], main["out_of_band"], main["trigger"]) == ("B", False, "vad")
    assert main["input"] == "[audio transcription unavailable]"


def test_an_answer_whose_start_was_missed_is_still_a_turn(talk: Talk) -> None:
    talk.upstream << AudioOut(4800, "r1", "o1", PCM16_24K) << ResponseFinished("r1", usage=USAGE)
    talk.upstream << ResponseFinished("r2", usage=USAGE)
    assert [r["id"] for r in talk.all()] == ["r1", "r2"]


@pytest.mark.parametrize("kind", ["translation", "live"])
def test_continuous_sessions_have_no_turns(talk: Talk, kind: str) -> None:
    talk.upstream << SessionConfig(True, kind=kind)  # type: ignore[arg-type]
    hear(talk)
    talk.upstream << TextOut("bonjour") << AudioOut(10) << UsageReport(Usage(seconds=3), cumulative=True) << ResponseFinished(None)
    talk.client >> UserItem(None, "x")
    talk.upstream << SessionEnded("expired")
    assert talk.close().all() == []


# -- output -------------------------------------------------------------------------------------------------------------


def test_final_parts_do_not_double_what_the_deltas_said(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1")
    for text in ("Hel", "lo"):
        talk.upstream << TextOut(text, "transcript", "r1", "o1")
    talk.upstream << TextOut("Hello", "transcript", "r1", "o1", final=True) << TextOut("Hello", "transcript", "r1", "o1", final=True)
    talk.upstream << TextOut(" again", "transcript", "r1", "o1") << TextOut(" again", "transcript", "r1", "o1", final=True)
    talk.upstream << ResponseFinished("r1", text="Hello again")
    record = talk.only()
    assert (record["output"], record["output_chars"]) == ("Hello again", 11)


def test_the_final_text_fills_what_was_missed(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << TextOut("He", response_id="r1") << ResponseFinished("r1", text="Hello world")
    talk.upstream << ResponseStarted("r2") << ResponseFinished("r2", text="I cannot help with that")
    talk.upstream << ResponseStarted("r3") << TextOut("longer than", response_id="r3") << ResponseFinished("r3", text="that")
    assert [r["output"] for r in talk.all()] == ["Hello world", "I cannot help with that", "longer than"]


def test_a_final_part_replaces_its_deltas_and_no_other_part(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << TextOut("one", response_id="r1", item_id="o1")
    talk.upstream << TextOut("tw", response_id="r1", item_id="o2") << TextOut("two!", response_id="r1", item_id="o2", final=True)
    talk.upstream << ResponseFinished("r1")
    assert talk.only()["output"] == "onetwo!"


def test_snapshots_replace_and_a_transcript_equal_to_the_text_counts_once(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1")
    for text in ("bon", "bonjour", "bonjour à tous"):
        talk.upstream << TextOut(text, "text", "r1", "o1", replace=True) << TextOut(text, "transcript", "r1", "o1", replace=True)
    talk.upstream << ResponseFinished("r1")
    assert talk.only()["output"] == "bonjour à tous"


# -- status -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("completed", None),
        ("cancelled", "turn_detected"),
        ("cancelled", "client_cancelled"),
        ("incomplete", "max_output_tokens"),
        ("incomplete", "content_filter"),
    ],
)
def test_statuses_keep_their_reason_and_bill(talk: Talk, status: str, reason: str | None) -> None:
    talk.upstream << ResponseStarted("r1") << ResponseFinished("r1", status, reason, usage=USAGE)  # type: ignore[arg-type]
    record = talk.only()
    assert (record["status"], record["reason"], record["usage"], record["error"]) == (status, reason, USAGE.record(), None)


def test_a_failed_turn_keeps_its_error_and_bills(talk: Talk) -> None:
    error = ProviderError("server_error", "rate_limit_exceeded", "slow down")
    talk.upstream << ResponseStarted("r1") << ResponseFinished("r1", "failed", error=error, usage=USAGE)
    record = talk.only()
    assert record["error"] == {
        "status": 429,
        "kind": "rate_limit_exceeded",
        "type": "server_error",
        "code": "rate_limit_exceeded",
        "message": "slow down",
    }
    assert record["usage"] == USAGE.record()


@pytest.mark.parametrize(("reason", "status"), [("client_closed", 499), ("upstream_closed", 502), ("proxy_closed", 503)])
def test_a_disconnect_interrupts_open_turns(talk: Talk, reason: str, status: int) -> None:
    talk.upstream << ResponseStarted("r1") << TextOut("half a", response_id="r1")
    talk.client >> UserItem("i1", "more")
    record = talk.close(reason).only()
    assert (record["status"], record["reason"], record["error"]["status"], record["output"]) == ("interrupted", reason, status, "half a")
    talk.upstream << ResponseFinished("r1", usage=USAGE)
    talk.close("upstream_closed")
    assert talk.changed() == []


def test_a_request_that_never_got_an_answer_is_an_interrupted_turn(talk: Talk) -> None:
    talk.client >> UserItem("i1", "anyone?") >> ResponseRequested()
    record = talk.close("upstream_closed").only()
    assert (record["id"], record["status"], record["input"], record["trigger"]) == (None, "interrupted", "anyone?", "client")
    assert "response" not in record["clocks"]


def test_a_refused_request_is_a_failed_turn(talk: Talk) -> None:
    talk.client >> UserItem("i1", "hi") >> ResponseRequested("e1")
    talk.upstream << ProviderError("insufficient_quota", "insufficient_quota", "no money", "e1")
    record = talk.only()
    assert (record["status"], record["reason"], record["error"]["status"], record["input"]) == ("failed", "refused", 429, "hi")
    assert talk.tracker.errors[0]["turn"] == 1


def test_an_error_without_event_id_is_a_refusal_only_when_no_answer_starts(talk: Talk) -> None:
    talk.client >> UserItem("i1", "first") >> ResponseRequested()
    talk.upstream << ProviderError("invalid_request_error", "bad_voice", "no such voice")
    talk.upstream << ResponseStarted("r1") << ResponseFinished("r1")
    talk.client >> UserItem("i2", "second") >> ResponseRequested()
    talk.upstream << ProviderError("server_error", "oops", "broken")
    talk.client >> UserItem("i3", "third") >> ResponseRequested()
    talk.upstream << ResponseStarted("r2") << ResponseFinished("r2")
    assert [(r["input"], r["status"]) for r in talk.all()] == [("first", "completed"), ("second", "failed"), ("third", "completed")]


def test_an_error_about_something_else_leaves_the_request_alone(talk: Talk) -> None:
    talk.client >> ResponseRequested("e1")
    talk.upstream << ProviderError("invalid_request_error", "x", "about an item", "e0") << ResponseStarted("r1") << ResponseFinished("r1")
    assert talk.only()["trigger"] == "client"


# -- barge-in -----------------------------------------------------------------------------------------------------------


def test_barge_in_marks_the_turn_and_clocks_the_audio_that_still_came(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << AudioOut(10, "r1", "o1") << SpeechStarted("i2")
    (
        talk.upstream
        << AudioOut(10, "r1", "o1")
        << AudioOut(10, "r1", "o1")
        << ResponseFinished("r1", "cancelled", "turn_detected", usage=USAGE)
    )
    talk.client >> Truncated("o1", 1200)
    talk.upstream << Truncated("o1", 1200)
    record = talk.only()
    assert (record["interrupted"], record["truncated_ms"], record["status"]) == (True, 1200, "cancelled")
    assert record["clocks"]["barge_in_to_last_audio"] == 200.0
    assert record["usage"] == USAGE.record()


def test_speech_after_the_answer_is_no_barge_in(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << AudioOut(10, "r1", "o1") << ResponseFinished("r1") << SpeechStarted("i2")
    record = talk.only()
    assert record["interrupted"] is False
    assert "barge_in_to_last_audio" not in record["clocks"]


def test_a_truncation_after_the_end_amends_the_turn_whose_audio_it_cut(talk: Talk) -> None:
    for n in (1, 2):
        talk.upstream << ResponseStarted(f"r{n}") << AudioOut(10, f"r{n}", f"o{n}") << ResponseFinished(f"r{n}")
    talk.changed()
    talk.client >> Truncated("o1", 300) >> Truncated("unknown", 5)
    (amended,) = talk.changed()
    assert (amended["id"], amended["truncated_ms"], amended["interrupted"]) == ("r1", 300, True)


# -- clocks -------------------------------------------------------------------------------------------------------------


def test_latency_counts_from_the_end_of_speech(talk: Talk) -> None:
    talk.client >> AudioIn(4800)  # 0.0
    talk.upstream << SpeechStarted("i1") << SpeechStopped("i1") << InputCommitted("i1")  # stopped at 0.2
    talk.client >> AudioIn(4800)  # the microphone stays open
    talk.upstream << ResponseStarted("r1") << TextOut("a", "transcript", "r1") << AudioOut(10, "r1") << ResponseFinished("r1")
    assert talk.only()["clocks"] == {"first_output": 400.0, "first_audio": 500.0, "response": 300.0, "since": "speech_stopped"}


def test_latency_falls_back_to_commit_append_and_request(talk: Talk) -> None:
    talk.client >> AudioIn(1) >> InputCommitted()  # committed at 0.1
    talk.upstream << InputCommitted("i1")
    talk.client >> ResponseRequested()  # 0.3
    talk.upstream << ResponseStarted("r1") << AudioOut(1, "r1") << ResponseFinished("r1")
    talk.client >> AudioIn(1)  # 0.7
    talk.upstream << ResponseStarted("r2") << AudioOut(1, "r2") << ResponseFinished("r2")
    talk.client >> AudioIn(1) >> UserItem("i2", "typed") >> ResponseRequested()  # 1.3
    talk.upstream << ResponseStarted("r3") << AudioOut(1, "r3") << ResponseFinished("r3")
    clocks = [record["clocks"] for record in talk.all()]
    assert [(c["since"], c["first_audio"]) for c in clocks] == [("commit", 400.0), ("append", 200.0), ("request", 200.0)]
    assert clocks[0]["request_to_first_audio"] == 200.0
    assert "request_to_first_audio" not in clocks[1]


def test_wall_times_and_request_time(talk: Talk) -> None:
    talk = Talk(offset=1_800_000_000.0)
    talk.client >> ResponseRequested()
    talk.upstream << ResponseStarted("r1") << ResponseFinished("r1")
    record = talk.only()
    assert (record["started_at"], record["ended_at"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:00.200Z")


# -- configuration and audio --------------------------------------------------------------------------------------------


def test_what_the_provider_confirmed_wins_over_what_was_asked(talk: Talk) -> None:
    talk.client >> SessionConfig(False, model="asked", voice="v1", tools=("a",))
    talk.upstream << SessionConfig(True, model="runs", voice="v1")
    talk.client >> SessionConfig(False, voice="v2") >> ResponseRequested()
    talk.upstream << ResponseStarted("r1") << SessionConfig(True, voice="v2") << ResponseFinished("r1")
    talk.upstream << ResponseStarted("r2") << ResponseFinished("r2", model="exactly-this")
    first, second = talk.all()
    assert (first["model"], first["voice"], first["tools"]) == ("runs", "v1", ["a"])
    assert (second["model"], second["voice"]) == ("exactly-this", "v2")


def test_audio_seconds_follow_the_format_in_force(talk: Talk) -> None:
    ulaw = AudioFormat("pcmu", 8000)
    talk.upstream << SessionConfig(True, input_format=ulaw, output_format=PCM16_24K)
    talk.client >> AudioIn(8000)
    talk.upstream << SessionConfig(True, input_format=PCM16_24K)
    talk.client >> AudioIn(48_000) >> AudioIn(8000, ulaw)
    talk.upstream << ResponseStarted("r1") << AudioOut(48_000, "r1") << AudioOut(8000, "r1", format=ulaw) << ResponseFinished("r1")
    talk.upstream << ResponseStarted("r2") << AudioOut(99, "r2", format=AudioFormat("other", 24_000)) << ResponseFinished("r2")
    first, second = talk.all()
    assert first["audio"] == {"in_seconds": 3.0, "out_seconds": 2.0}
    assert second["audio"] == {"in_seconds": 0.0, "out_seconds": 0.0}


def test_metadata_names_and_counts_but_never_quotes(talk: Talk) -> None:
    talk.client >> UserItem("i1", "secret words") >> ResponseRequested()
    talk.upstream << ResponseStarted("r1") << TextOut("hidden", response_id="r1")
    talk.upstream << ToolCall("c1", "lookup", '{"q": "private"}', "r1") << ResponseFinished("r1")
    talk.changed()
    record = talk.turns[1].record(content=False)
    assert {"input", "output", "summary"}.isdisjoint(record)
    assert (record["input_chars"], record["output_chars"]) == (12, 6)
    assert record["tool_calls"] == [
        {"call_id": "c1", "name": "lookup", "arguments_chars": 16, "result_chars": None, "called_ms": 300.0, "result_ms": None}
    ]
    assert not any(word in repr(record) for word in ("secret", "hidden", "private"))


# -- providers without response ids -------------------------------------------------------------------------------------


def test_turns_without_ids_follow_each_other(talk: Talk) -> None:
    for n in (1, 2):
        (
            talk.upstream
            << ResponseStarted(None)
            << TextOut(f"answer {n}", "transcript")
            << AudioOut(10)
            << ResponseFinished(None, usage=USAGE)
        )
    assert [(r["id"], r["output"]) for r in talk.all()] == [(None, "answer 1"), (None, "answer 2")]


def test_usage_that_follows_an_interrupted_turn_belongs_to_it(talk: Talk) -> None:
    talk.upstream << ResponseStarted(None) << AudioOut(10) << ResponseFinished(None, "cancelled", "turn_detected")
    talk.changed()
    talk.upstream << ResponseFinished(None, usage=USAGE)
    (record,) = talk.changed()
    assert (record["index"], record["status"], record["usage"]) == (1, "cancelled", USAGE.record())
