"""Calls with a real peer: sound both ways, events on the channel, interruptions, endings, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading

import psutil
import pytest
from calling import Caller
from calling import calling
from calling import over
from calling import post
from waiting import eventually

from simulator import Rule
from simulator import Script
from simulator import Simulator
from simulator import ToolCall

STORY = "Tell me a story"


async def test_a_spoken_turn_is_heard_and_answered_with_sound():
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        caller.speak("Hello there can you hear me")
        done = await caller.until("response.done")
        stopped = await caller.until("output_audio_buffer.stopped")
        (call,) = sim.calls
        assert call.heard_rms > 0.02
        assert call.packets > 50
        assert call.label == "oai-events"
        assert caller.loud > 50
    kinds = caller.kinds()
    assert "response.output_audio.delta" not in kinds
    wanted = ["input_audio_buffer.speech_started", "input_audio_buffer.committed", "response.created", "output_audio_buffer.started"]
    places = [kinds.index(kind) for kind in (*wanted, "response.done", "output_audio_buffer.stopped")]
    assert places == sorted(places)
    assert stopped["response_id"] == done["response"]["id"]
    words = done["response"]["output"][0]["content"][0]["transcript"]
    assert words == "Yes, I can hear you clearly. What can I do for you?"
    assert 2 < call.spoken_seconds < 3


async def test_all_sound_is_played_in_real_time_however_fast_it_was_made():
    async with Simulator(pace=0) as sim, calling(sim) as caller:
        await caller.until("session.created")
        clock = asyncio.get_running_loop().time
        asked = clock()
        caller.ask("Good morning")
        await caller.until("response.done")
        assert caller.count("output_audio_buffer.stopped") == 0
        await caller.until("output_audio_buffer.stopped")
        spoken = sim.calls[0].spoken_seconds
        assert clock() - asked > spoken - 0.1
    usage = next(event for event in caller.events if event["type"] == "response.done")["response"]["usage"]
    assert spoken == pytest.approx(usage["output_token_details"]["audio_tokens"] * 0.05, abs=0.01)


async def test_talking_over_an_answer_cuts_it_and_truncates_what_was_not_heard():
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await caller.hears(30)
        caller.speak("Wait please stop now", 0)
        done = await caller.until("response.done")
        cleared = await caller.until("output_audio_buffer.cleared")
        cut = await caller.until("conversation.item.truncated")
        (call,) = sim.calls
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert cleared["response_id"] == done["response"]["id"]
    assert cut["item_id"] == done["response"]["output"][0]["id"]
    assert 0 < cut["audio_end_ms"] <= call.spoken_seconds * 1000 + 1
    assert call.spoken_seconds < 10


async def test_talking_over_sound_that_is_left_of_a_finished_answer():
    async with Simulator(pace=0) as sim, calling(sim) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        assert (await caller.until("response.done"))["response"]["status"] == "completed"
        await caller.hears(10)
        caller.speak("Wait please stop now", 0)
        cut = await caller.until("conversation.item.truncated")
        assert caller.count("output_audio_buffer.cleared") == 1
    assert cut["audio_end_ms"] < 10_000


@pytest.mark.parametrize("event", ["response.cancel", "output_audio_buffer.clear"])
async def test_an_answer_is_silenced_on_request(event: str):
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await caller.hears(10)
        caller.send({"type": event})
        await caller.until("output_audio_buffer.cleared")
        spoken = sim.calls[0].spoken_seconds
        caller.send({"type": "output_audio_buffer.clear"}, {"type": "session.update", "session": {"type": "realtime"}})
        await caller.until("session.updated")
        assert caller.count("output_audio_buffer.cleared") == 1
        assert sim.calls[0].spoken_seconds == spoken
        assert caller.count("error") == 0


async def test_interruptions_can_be_switched_off():
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
        caller.send({"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}})
        caller.ask("Good morning")
        await caller.hears(10)
        caller.speak("Wait please", 700)
        await caller.until("input_audio_buffer.speech_stopped")
        await caller.until("output_audio_buffer.stopped")
        assert caller.count("output_audio_buffer.cleared") == 0


async def test_tools_are_called_over_the_channel():
    script = Script(rules=(Rule("order", call=(ToolCall("lookup", {"id": 7}),), then="It is {result}"),))
    async with Simulator(pace=0, script=script) as sim, calling(sim) as caller:
        await caller.until("session.created")
        caller.ask("Where is my order?")
        made = await caller.until("response.function_call_arguments.done")
        assert made["arguments"] == '{"id":7}'
        assert (await caller.until("response.done"))["response"]["output"][0]["type"] == "function_call"
        output = {"type": "function_call_output", "call_id": made["call_id"], "output": "on its way"}
        caller.send({"type": "conversation.item.create", "item": output}, {"type": "response.create"})
        said = await caller.until("response.output_audio_transcript.done")
    assert said["transcript"] == "It is on its way"


async def test_a_turn_ends_when_the_caller_stops_sending():
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        caller.speak("Hello there", 0)
        await caller.until("input_audio_buffer.speech_started")
        caller.peer.getSenders()[0].replaceTrack(None)
        await caller.until("input_audio_buffer.committed")


async def test_wrong_messages_are_answered_and_the_call_goes_on():
    async with Simulator(pace=0) as sim, calling(sim) as caller:
        await caller.until("session.created")
        assert caller.channel is not None
        caller.channel.send("not json")
        assert (await caller.until("error"))["error"]["code"] == "invalid_json"
        caller.send({"type": "session.nothing", "event_id": "mine"})
        assert (await caller.until("error", 2))["error"]["event_id"] == "mine"
        assert sim.calls[0].messages[0] == "not json"
        assert sim.calls[0].reason is None


async def test_any_label_will_do_and_a_second_channel_is_closed():
    async with Simulator(pace=0) as sim, calling(sim, label="realtime-channel") as caller:
        await caller.until("session.created")
        second = caller.peer.createDataChannel("another")
        closed = asyncio.Event()
        second.on("close", closed.set)
        await over(closed)
        caller.ask("Good morning")
        await caller.until("response.done")
        assert (sim.calls[0].label, sim.calls[0].refused_channels) == ("realtime-channel", 1)


async def test_closing_the_channel_keeps_the_call():
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        assert caller.channel is not None
        caller.channel.close()
        await over(caller.closed)
        caller.speak("Hello there can you hear me")
        await caller.hears(20)
        assert sim.calls[0].reason is None


async def test_a_call_without_a_channel_is_a_call():
    async with Simulator() as sim, calling(sim, label=None) as caller:
        caller.speak("Hello there can you hear me")
        await caller.hears(20)
        assert sim.calls[0].label is None


async def test_hanging_up_from_either_side():
    async with Simulator() as sim:
        async with calling(sim) as caller:
            await caller.until("session.created")
        await over(sim.calls[0].ended)
        assert sim.calls[0].reason == "the caller is gone"
        async with calling(sim) as caller:
            await caller.until("session.created")
            call = sim.calls[1]
            assert (await post(sim, f"/v1/realtime/calls/{call.id}/hangup", "")).status_code == 200
            await over(caller.closed)
            await over(call.ended)
            assert call.reason == "hung up by request"
            assert (await post(sim, f"/v1/realtime/calls/{call.id}/hangup", "")).status_code == 404


async def test_media_is_bound_to_the_address_of_the_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.2"])
    async with Simulator() as sim:
        caller = Caller()
        answer = (await caller.dial(sim)).text
        assert {line.split()[4] for line in answer.splitlines() if line.startswith("a=candidate:")} == {"127.0.0.1"}
        await caller.close()


async def test_nothing_is_left_behind():
    process = psutil.Process()
    async with Simulator() as warm, calling(warm) as caller:
        await caller.until("session.created")
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    before = (len(process.net_connections()), _decoders())
    async with Simulator() as sim:
        callers = [Caller() for _ in range(3)]
        for caller in callers:
            await caller.dial(sim)
            await caller.until("session.created")
            caller.ask(STORY)
        abandoned = Caller()
        await post(sim, "/v1/realtime/calls?model=m", await abandoned.offer(), {"Content-Type": "application/sdp"})
        assert (await post(sim, "/v1/realtime/calls?model=m", "v=0\r\nm=audio 9 x\r\n", {"Content-Type": "application/sdp"})).is_error
        assert len(sim.calls) == 4
    assert [call.reason for call in sim.calls] == ["the simulator stops"] * 4
    assert all(call.ended.is_set() for call in sim.calls)
    ours = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    assert not any(name.startswith(("Call.", "WebCall.", "Calls.", "Pump.", "Ear.", "HttpSide.")) for name in ours), ours
    for caller in (*callers, abandoned):
        await caller.close()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    assert (len(process.net_connections()), _decoders()) == before


def _decoders() -> int:
    return sum(thread.name.endswith("decoder") for thread in threading.enumerate())
