"""The input gate as a conversation: what the app says, what the provider says, and what each of them gets."""

from __future__ import annotations

import json

import pytest
from gate_talk import HEARD
from gate_talk import VAD
from gate_talk import Call
from gate_talk import answer
from gate_talk import committed
from gate_talk import config
from gate_talk import detection_of
from gate_talk import failure
from hypothesis import given
from hypothesis import strategies as st

from realtime.frame import Frame
from realtime.gates.outstanding import PREFIX


@pytest.mark.parametrize("shape", ["ga", "beta", "xai"])
def test_a_session_is_kept_from_answering_and_the_app_does_not_see_it(shape: str) -> None:
    call = Call().provider({"type": "session.created", "session": config(shape=shape)})
    assert call.to_app[0]["session"] == config(shape=shape)
    [update] = call.to_provider
    assert detection_of(update["session"], shape) == {**VAD, "create_response": False}
    assert "asr" in json.dumps(update["session"])
    ours = config({**VAD, "create_response": False}, {"model": "asr"}, shape)
    call.provider({"type": "session.updated", "session": ours})
    assert len(call.to_app) == 1
    call.app({"type": "session.update", "session": config(VAD, {"model": "mine"}, shape)})
    assert detection_of(call.to_provider[1]["session"], shape) == {**VAD, "create_response": False}
    call.provider({"type": "session.updated", "session": config({**VAD, "create_response": False}, {"model": "mine"}, shape)})
    assert call.to_app[1]["session"] == config({**VAD, "create_response": True}, {"model": "mine"}, shape)


def test_transcripts_that_the_app_did_not_want_are_not_shown() -> None:
    call = Call().begin()
    call.provider(committed()).hear(ended="delta").hear()
    assert [event["type"] for event in call.to_app] == ["input_audio_buffer.committed"]
    call.app({"type": "session.update", "session": config(VAD, {"model": "mine"})})
    call.provider({"type": "session.updated", "session": config({**VAD, "create_response": False}, {"model": "mine"})})
    call.provider(committed("i2")).hear("i2")
    assert call.to_app[-1]["type"] == f"{HEARD}.completed"


def test_transcripts_that_the_provider_makes_anyway_are_shown() -> None:
    call = Call(transcriber=None).provider({"type": "session.created", "session": {"id": "s"}})
    call.provider(committed()).hear()
    assert [event["type"] for event in call.to_app][-1] == f"{HEARD}.completed"
    assert call.notes == []
    call = Call(transcriber="asr").provider({"type": "session.created", "session": config(transcription={"model": "baked"})})
    call.provider({"type": "session.updated", "session": config({**VAD, "create_response": False}, {"model": "baked"})})
    call.provider(committed()).hear()
    assert [event["type"] for event in call.to_app] == ["session.created", "input_audio_buffer.committed", f"{HEARD}.completed"]


def test_what_the_app_configured_before_the_session_began_stays() -> None:
    call = Call().app({"type": "session.update", "session": config({"type": "semantic_vad"}, {"model": "mine"})})
    call.provider({"type": "session.created", "session": config()})
    assert len(call.to_provider) == 1
    call.provider({"type": "session.updated", "session": config({"type": "semantic_vad", "create_response": False}, {"model": "mine"})})
    assert detection_of(call.to_app[-1]["session"]) == {"type": "semantic_vad", "create_response": True}


def test_an_app_that_wants_no_answers_by_itself_gets_none() -> None:
    quiet = {**VAD, "create_response": False}
    call = Call().begin(config(quiet))
    call.provider(committed()).hear()
    assert call.to_provider == []
    call.app({"type": "session.update", "session": config(quiet)})
    call.provider({"type": "session.updated", "session": config(quiet, {"model": "asr"})})
    assert call.to_app[-1]["session"] == config(quiet)


def test_the_answer_is_asked_for_once_all_that_was_said_is_checked() -> None:
    call = Call().begin()
    call.provider(committed("i1"), committed("i2")).hear("i2")
    assert call.asked == []
    call.hear("i1")
    [asked] = call.asked
    assert asked == {"type": "response.create", "event_id": asked["event_id"]}
    assert asked["event_id"].startswith(PREFIX)


def test_a_transcript_that_comes_before_its_item() -> None:
    call = Call().begin()
    call.hear("i1").provider(committed("i1"))
    assert len(call.asked) == 1


def test_a_transcript_that_is_stopped_in_its_middle() -> None:
    """What comes of it after that is empty, and no reason to answer."""
    for early in (True, False):
        call = Call().begin()
        call.provider(*([] if early else [committed()]))
        call.hear(ended="delta", stopped="no").hear()
        call.provider(*([committed()] if early else []))
        assert call.asked == []
        assert call.notes == [("block", "i1", "blocked")]


def test_nobody_answers_into_a_sentence() -> None:
    call = Call().begin()
    call.provider(committed("i1"), "input_audio_buffer.speech_started").hear("i1")
    assert call.asked == []
    call.provider(committed("i2")).hear("i2")
    assert len(call.asked) == 1


def test_an_app_that_asks_first() -> None:
    call = Call().begin()
    call.provider(committed()).app({"type": "response.create", "event_id": "mine"}, {"type": "conversation.item.create", "item": {}})
    call.app("input_audio_buffer.append", "response.cancel")
    assert [event["type"] for event in call.to_provider] == ["input_audio_buffer.append", "response.cancel"]
    call.hear()
    assert [event.get("event_id") for event in call.asked] == ["mine"]
    assert call.to_provider[-1]["type"] == "conversation.item.create"


def test_an_app_that_asks_as_well() -> None:
    """A bare request for the same turn is swallowed, while that answer is under way; any other one is the app's own."""
    call = Call().begin()
    call.provider(committed()).hear()
    call.app("response.create").provider(answer("created")).app({"type": "response.create", "event_id": "x", "response": {}})
    assert len(call.asked) == 1
    call.app({"type": "response.create", "response": {"instructions": "More."}})
    assert len(call.asked) == 2
    call.provider(answer("created", "r2"), answer("done")).app("response.create")
    assert len(call.asked) == 3


def test_an_answer_outside_the_conversation_does_not_stand_for_the_turn() -> None:
    call = Call().begin()
    aside = {"type": "response.create", "response": {"conversation": "none"}}
    call.provider(committed()).app(aside).hear()
    assert [event.get("response") for event in call.asked] == [None, {"conversation": "none"}]


def test_what_was_stopped_is_not_answered_and_taken_out() -> None:
    call = Call().begin()
    call.provider(committed()).app({"type": "response.create", "event_id": "mine"})
    call.hear(stopped="not so (policy p)")
    assert [(event["type"], event["item_id"]) for event in call.to_provider] == [("conversation.item.delete", "i1")]
    assert [event["error"]["event_id"] for event in call.to_app if event["type"] == "error"] == ["mine"]
    assert call.notes == [("block", "i1", "blocked")]
    shown = len(call.to_app)
    call.provider({"type": "conversation.item.deleted", "item_id": "i1"}, failure(call.to_provider[0]["event_id"]))
    assert len(call.to_app) == shown
    call.provider({"type": "conversation.item.deleted", "item_id": "other"}, committed("i2")).hear("i2")
    assert len(call.to_app) == shown + 2
    assert len(call.asked) == 1


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_without_a_transcript_on_error_decides(blocks: bool, late: bool) -> None:
    call = Call(blocks=blocks, words=5.0).begin()
    call.provider(committed())
    assert call.gate.deadline == 5.0
    if late:
        call.wait(5.0)
    else:
        call.hear(ended="failed")
    assert call.notes == [("block" if blocks else "release", "i1", "unchecked")]
    assert len(call.asked) == (0 if blocks else 1)
    assert [event["error"]["code"] for event in call.to_app if event["type"] == "error"] == (["policy_failed"] if blocks else [])
    assert call.gate.deadline is None


def test_a_provider_without_a_model_for_transcripts() -> None:
    call = Call(transcriber=None)
    call.provider({"type": "session.created", "session": config()})
    call.provider(committed())
    assert "no transcript of the user is configured" in call.to_app[-1]["error"]["message"]


def test_turns_by_hand_wait_too() -> None:
    call = Call().begin(config(None))
    call.app("input_audio_buffer.commit", {"type": "response.create", "event_id": "mine"})
    assert [event["type"] for event in call.to_provider] == ["input_audio_buffer.commit"]
    call.provider(committed()).hear()
    assert [event.get("event_id") for event in call.asked] == ["mine"]


def test_a_commit_that_fails_holds_nothing() -> None:
    call = Call().begin(config(None))
    call.app("input_audio_buffer.commit", "response.create").provider(failure(None))
    assert len(call.asked) == 1


def test_a_commit_by_hand_is_answered_when_the_app_asks() -> None:
    call = Call().begin()
    call.app("input_audio_buffer.commit").provider(committed()).hear()
    assert call.asked == []


def test_a_provider_that_confirms_nothing() -> None:
    call = Call(words=5.0).begin(config(None))
    call.app("input_audio_buffer.commit", {"type": "response.create", "event_id": "mine"}).wait(5.0)
    assert [event["error"]["event_id"] for event in call.to_app] == [None, "mine"]
    assert call.asked == []


def test_an_answer_that_begins_too_early_is_made_anew() -> None:
    """The provider had the request and the end of what the user said in the other order."""
    call = Call().begin()
    call.app({"type": "response.create", "event_id": "mine"}).provider(committed(), answer("created"))
    call.provider({"type": "response.output_item.added", "response_id": "r1", "item": {"id": "a1"}})
    call.provider({"type": "conversation.item.added", "item": {"id": "a1"}}, answer("done"))
    assert [event["type"] for event in call.to_app] == ["input_audio_buffer.committed"]
    cancel = call.to_provider[-1]
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r1")
    call.hear()
    assert [event["event_id"] for event in call.asked if event["event_id"] == "mine"] == ["mine", "mine"]
    call.provider(answer("created", "r2"))
    assert call.to_app[-1] == answer("created", "r2")


def test_an_answer_that_is_still_open_is_waited_for() -> None:
    call = Call().begin()
    call.provider(answer("created", "r0"), committed()).hear()
    shown = len(call.to_app)
    call.provider(failure(call.asked[0]["event_id"], "conversation_already_has_active_response"))
    assert len(call.to_app) == shown
    call.provider(answer("done", "r0"))
    assert len(call.asked) == 2


def test_an_error_that_the_provider_would_have_made_anyway() -> None:
    call = Call().begin()
    call.provider(committed()).hear()
    call.provider(failure(call.asked[0]["event_id"], "rate_limit_exceeded"))
    assert (call.to_app[-1]["error"]["code"], call.to_app[-1]["error"]["event_id"]) == ("rate_limit_exceeded", None)


@pytest.mark.parametrize("blocks", [True, False])
def test_a_provider_that_cannot_be_kept_from_answering(blocks: bool) -> None:
    call = Call(blocks=blocks).provider({"type": "session.created", "session": config()})
    call.provider(failure(call.to_provider[0]["event_id"]))
    assert len(call.to_app) == 1
    assert (call.closed is not None) is blocks


@pytest.mark.parametrize("blocks", [True, False])
def test_sound_inside_an_item(blocks: bool) -> None:
    call = Call(blocks=blocks).begin()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
    call.app(
        {"type": "conversation.item.create", "event_id": "e", "item": item}, {"type": "response.create", "response": {"input": [item]}}
    )
    assert len(call.to_provider) == (0 if blocks else 2)
    assert len(call.notes) == 2


def test_a_message_with_two_readings_is_refused() -> None:
    call = Call().begin()
    frame = Frame(True, b'{"type":"session.update","session":{},"session":{"turn_detection":{"type":"server_vad"}}}')
    act = call.gate.from_client(frame, 0.0)
    assert act.drop
    assert json.loads(act.client[0])["error"]["code"] == "ambiguous_event"
    binary = call.gate.from_client(Frame(True, b"\x80\x81", text=False), 0.0)
    assert not binary.drop


def test_too_much_that_waits() -> None:
    call = Call(messages=2).begin()
    call.provider(committed()).app("response.create", "response.create", {"type": "response.create", "event_id": "e"})
    assert call.to_app[-1]["error"]["event_id"] == "e"
    call.hear()
    assert len(call.asked) == 2


def test_a_session_that_only_looks_on_asks_for_nothing() -> None:
    call = Call(beside=True).provider({"type": "session.created", "session": config()})
    assert call.to_provider == []
    call.provider(committed()).app({"type": "response.create", "event_id": "mine"}).hear(stopped="no")
    assert call.to_provider == []
    call.app({"type": "session.update", "session": config()})
    assert detection_of(call.to_provider[-1]["session"])["create_response"] is False


def test_transcription_sessions_have_no_answers() -> None:
    call = Call().provider({"type": "session.created", "session": {"type": "transcription"}})
    call.provider(committed()).hear().app("response.create")
    assert [event["type"] for event in call.to_provider] == ["response.create"]


@given(st.lists(st.sampled_from(["commit", "heard", "stopped", "create", "created", "done", "item", "late"]), max_size=30))
def test_whatever_happens_nothing_unchecked_is_answered_and_nothing_is_lost(steps: list[str]) -> None:
    """Items in order; a request for an answer is only ever sent while none is unchecked, and each of the app's is sent, or refused."""
    call = Call(words=5.0).begin()
    items, said, began = 0, 0, 0
    unchecked: list[str] = []
    for step in steps:
        before = len(call.asked)
        match step:
            case "commit":
                items += 1
                unchecked.append(f"i{items}")
                call.provider(committed(unchecked[-1]))
            case "heard" | "stopped" if unchecked:
                call.hear(unchecked.pop(0), stopped="no" if step == "stopped" else "")
            case "create":
                said += 1
                call.app({"type": "response.create", "event_id": f"mine{said}", "response": {"metadata": {}}})
            case "created" if len(call.asked) > began and not unchecked:
                began += 1
                call.provider(answer("created", f"r{began}"))
            case "done" if began:
                call.provider(answer("done", f"r{began}"))
            case "item":
                call.app({"type": "conversation.item.create", "item": {"n": len(call.to_provider)}})
            case "late":
                call.wait(6.0)
                unchecked.clear()
        assert len(call.asked) == before or not unchecked
    while unchecked:
        call.hear(unchecked.pop(0))
    refused = {event["error"]["event_id"] for event in call.to_app if event["type"] == "error"}
    sent = [event["event_id"] for event in call.asked if event["event_id"].startswith("mine")]
    assert sent == sorted(set(sent), key=lambda name: int(name[4:]))
    assert {*sent, *(refused - {None})} == {f"mine{number + 1}" for number in range(said)}
    assert not any(PREFIX in json.dumps(event) for event in call.to_app)
