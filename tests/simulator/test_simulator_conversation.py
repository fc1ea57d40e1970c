"""Whole GA conversations without I/O; every event is judged by the openai package's types."""

from __future__ import annotations

from conversing import Talk
from conversing import appends
from conversing import error
from conversing import kinds
from conversing import only

from realtime.audio import AudioFormat
from simulator.audio import speak
from simulator.script import Rule
from simulator.script import Script
from simulator.script import ToolCall

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
        "required": ["city", "unit"],
    },
}
CLOCK = {"type": "function", "name": "localTime", "parameters": {"type": "object", "properties": {}}}
SPOKEN_ANSWER = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def test_greets_with_the_effective_session():
    session = only(Talk().greeting, "session.created")["session"]
    assert session["model"] == "gpt-realtime"
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["expires_at"] == 1_790_000_000 + 3_600


def test_text_turn():
    talk = Talk()
    talk.update(output_modalities=["text"])
    assert kinds(talk.text("Good morning")) == ["conversation.item.added", "conversation.item.done"]
    events = talk.ask(metadata={"client_event_id": "abc"})
    assert only(events, "response.output_text.done")["text"] == "I heard you say: Good morning"
    assert "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta") == "I heard you say: Good morning"
    assert only(events, "response.created")["response"]["metadata"] == {"client_event_id": "abc"}
    assert only(events, "response.done")["response"]["metadata"] == {"client_event_id": "abc"}


def test_voice_turn_found_by_the_detector():
    talk = Talk(script=Script(transcripts=("Hello, can you hear me?",)))
    talk.update(audio={"input": {"transcription": {"model": "gpt-live-transcribe"}}})
    events = talk.voice()
    assert kinds(events)[:5] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    item = only(events, "input_audio_buffer.committed")["item_id"]
    assert only(events, "input_audio_buffer.speech_started")["item_id"] == item
    assert only(events, "input_audio_buffer.speech_stopped")["audio_end_ms"] > 1_000
    completed = only(events, "conversation.item.input_audio_transcription.completed")
    assert (completed["item_id"], completed["transcript"]) == (item, "Hello, can you hear me?")
    assert completed["usage"]["type"] == "tokens"
    answer = [event for event in events if event["type"].startswith(("response.", "rate_limits.")) or event.get("previous_item_id") == item]
    assert kinds(answer) == SPOKEN_ANSWER
    usage = only(events, "response.done")["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] > 10
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    retrieved = talk.say({"type": "conversation.item.retrieve", "item_id": item})
    assert retrieved[0]["item"]["content"][0]["transcript"] == "Hello, can you hear me?"


def test_voice_in_g711_is_heard_and_answered_in_g711():
    talk = Talk()
    law = {"type": "audio/pcmu"}
    talk.update(audio={"input": {"format": law}, "output": {"format": law}})
    events = talk.voice(form=AudioFormat("pcmu", 8_000))
    assert len(only(events, "response.done")["response"]["output"]) == 1
    assert {len(event["delta"]) for event in events if event["type"] == "response.output_audio.delta"} == {1_600}


def test_silence_is_no_turn():
    assert Talk().say(*appends(bytes(48_000))) == []


def test_manual_turn():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    assert talk.say(*appends(speak("Push to talk"))) == []
    events = talk.say({"type": "input_audio_buffer.commit"})
    assert kinds(events)[:3] == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert only(events, "conversation.item.input_audio_transcription.completed")["usage"] == {"type": "duration", "seconds": 0.45}
    assert kinds(talk.ask()) == SPOKEN_ANSWER


def test_detector_that_may_not_answer():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high", "create_response": False}}})
    assert kinds(talk.voice())[-1] == "conversation.item.done"


def test_answer_comes_at_the_pace_of_speech():
    talk = Talk(pace=1)
    talk.text("Hello")
    assert kinds(talk.ask()) == ["response.created", "rate_limits.updated"]
    assert "response.output_audio.delta" in kinds(talk.wait(0.3))
    chunks = [event for event in talk.wait(0.6) if event["type"] == "response.output_audio.delta"]
    assert 3 <= len(chunks) <= 5
    assert talk.wait(20)[-1]["type"] == "response.done"


def test_barge_in_cancels_the_answer():
    talk = Talk(pace=1)
    talk.text("Tell me a story")
    talk.ask()
    talk.wait(2)
    events = talk.voice("Stop it please", quiet_ms=0)
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    response = only(events, "response.done")["response"]
    assert (response["status"], response["status_details"]) == ("cancelled", {"type": "cancelled", "reason": "turn_detected"})
    assert response["output"][0]["status"] == "incomplete"
    assert "Once upon a time".startswith(response["output"][0]["content"][0]["transcript"][:16])
    assert 0 < response["usage"]["output_token_details"]["audio_tokens"] < 60
    truncated = talk.say(
        {"type": "conversation.item.truncate", "item_id": response["output"][0]["id"], "content_index": 0, "audio_end_ms": 900}
    )
    assert only(truncated, "conversation.item.truncated")["audio_end_ms"] == 900
    assert talk.wait(30) == []


def test_interruption_can_be_switched_off():
    talk = Talk(pace=1)
    talk.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    talk.text("Tell me a story")
    talk.ask()
    talk.wait(1)
    events = talk.voice("Stop it please")
    assert kinds(events)[-1] == "error"
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"
    assert talk.wait(120)[-1]["response"]["status"] == "completed"


def test_client_cancel():
    talk = Talk(pace=1)
    talk.update(output_modalities=["text"])
    talk.text("Tell me a story")
    talk.ask()
    talk.wait(1)
    done = talk.say({"type": "response.cancel"})[-1]["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")
    assert done["output"][0]["content"][0]["text"].startswith("Once upon")
    assert error(talk.say({"type": "response.cancel", "event_id": "late"}))["code"] == "response_cancel_not_active"


def test_cancel_before_the_first_output():
    talk = Talk(pace=1)
    talk.text("Hello")
    talk.ask()
    (done,) = talk.say({"type": "response.cancel"})
    assert (done["response"]["status"], done["response"]["output"]) == ("cancelled", [])


def test_second_response_create_is_refused_with_its_event_id():
    talk = Talk(pace=1)
    talk.text("Tell me a story")
    talk.ask()
    refused = error(talk.say({"type": "response.create", "event_id": "mine"}))
    assert (refused["code"], refused["event_id"]) == ("conversation_already_has_active_response", "mine")


def test_out_of_band_responses_overlap():
    talk = Talk(pace=1)
    talk.text("Tell me a story")
    main = only(talk.ask(), "response.created")["response"]["id"]
    asked = {"conversation": "none", "output_modalities": ["text"], "metadata": {"topic": "mood"}}
    asked["input"] = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Classify"}]}]
    aside = only(talk.ask(**asked), "response.created")["response"]
    assert (aside["conversation_id"], aside["metadata"]) == (None, {"topic": "mood"})
    events = talk.wait(200)
    done = {event["response"]["id"]: event["response"] for event in events if event["type"] == "response.done"}
    assert set(done) == {main, aside["id"]}
    assert done[aside["id"]]["output"][0]["content"][0]["text"] == "I heard you say: Classify"
    assert not [
        event
        for event in events
        if event["type"].startswith("conversation.item") and event["item"]["content"][:1] == done[aside["id"]]["output"][0]["content"]
    ]


def test_tool_call_and_what_follows():
    talk = Talk()
    talk.update(tools=[WEATHER], output_modalities=["text"])
    talk.text("What is the weather in Paris?")
    events = talk.ask()
    done = only(events, "response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("get_weather", '{"city":"Paris","unit":"c"}')
    assert "".join(event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta") == done["arguments"]
    call = only(events, "response.done")["response"]["output"][0]
    assert (call["type"], call["call_id"], call["status"]) == ("function_call", done["call_id"], "completed")
    talk.say(
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": call["call_id"], "output": "18 degrees"}}
    )
    assert only(talk.ask(), "response.output_text.done")["text"] == "This is what I found: 18 degrees"


def test_parallel_tool_calls_and_their_limits():
    talk = Talk()
    talk.update(tools=[WEATHER, CLOCK])
    talk.text("Tell me the weather and the time in Paris")
    assert [item["name"] for item in talk.ask()[-1]["response"]["output"]] == ["get_weather", "localTime"]
    assert [item["name"] for item in talk.ask(parallel_tool_calls=False)[-1]["response"]["output"]] == ["get_weather"]
    assert [item["type"] for item in talk.ask(tool_choice="none")[-1]["response"]["output"]] == ["message"]
    forced = talk.ask(tool_choice={"type": "function", "name": "localTime"})[-1]["response"]["output"]
    assert [item["name"] for item in forced] == ["localTime"]


def test_rules_of_the_script_come_first():
    rule = Rule("order", call=(ToolCall("lookup_order", {"id": 7}),), then="Order seven: {result}.")
    talk = Talk(script=Script(rules=(rule,)))
    talk.update(output_modalities=["text"])
    talk.text("Where is my ORDER?")
    call = talk.ask()[-1]["response"]["output"][0]
    assert (call["name"], call["arguments"]) == ("lookup_order", '{"id":7}')
    talk.say(
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": call["call_id"], "output": "shipped"}}
    )
    assert only(talk.ask(), "response.output_text.done")["text"] == "Order seven: shipped."


def test_usage_grows_with_the_history_and_the_cache_follows():
    talk = Talk()
    talk.update(output_modalities=["text"], instructions="Be brief. " * 40)
    usages = []
    for words in ("first " * 60, "second " * 60):
        talk.text(words)
        usages.append(talk.ask()[-1]["response"]["usage"])
    assert usages[1]["input_tokens"] > usages[0]["input_tokens"]
    assert usages[0]["input_token_details"]["cached_tokens"] == 0
    cached = usages[1]["input_token_details"]
    assert 0 < cached["cached_tokens"] <= usages[0]["input_tokens"]
    assert sum(cached["cached_tokens_details"].values()) == cached["cached_tokens"]


def test_max_output_tokens_makes_it_incomplete():
    talk = Talk()
    talk.text("Tell me a story")
    done = talk.ask(max_output_tokens=20)[-1]["response"]
    assert (done["status"], done["status_details"]) == ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_tokens"] < 40


def test_items_are_ordered_retrieved_and_deleted():
    talk = Talk()
    first = talk.text("one")[0]["item"]["id"]
    placed = {"type": "conversation.item.create", "previous_item_id": "root"}
    placed["item"] = {"id": "zero", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "zero"}]}
    assert talk.say(placed)[0]["previous_item_id"] is None
    assert talk.text("two")[0]["previous_item_id"] == first
    assert talk.say({"type": "conversation.item.delete", "item_id": "zero"})[0]["item_id"] == "zero"
    assert error(talk.say({"type": "conversation.item.retrieve", "item_id": "zero"}))["code"] == "item_retrieve_invalid_item_id"


def test_spoken_items_of_the_client_are_measured_and_not_repeated():
    talk = Talk()
    (append,) = appends(speak("One two"), size=10**6)
    content = [{"type": "input_audio", "audio": append["audio"]}]
    events = talk.say({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}})
    assert "audio" not in events[0]["item"]["content"][0]
    assert talk.ask()[-1]["response"]["usage"]["input_token_details"]["audio_tokens"] == 4


def test_clear_forgets_the_buffer():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": None}})
    talk.say(*appends(speak("Never mind")))
    assert kinds(talk.say({"type": "input_audio_buffer.clear"})) == ["input_audio_buffer.cleared"]
    assert error(talk.say({"type": "input_audio_buffer.commit"}))["code"] == "input_audio_buffer_commit_empty"


def test_voice_cannot_change_after_it_was_heard():
    talk = Talk()
    assert talk.update(audio={"output": {"voice": "cedar"}})[0]["session"]["audio"]["output"]["voice"] == "cedar"
    talk.text("Hello")
    talk.ask()
    assert error(talk.update(audio={"output": {"voice": "marin"}}))["code"] == "cannot_update_voice"
