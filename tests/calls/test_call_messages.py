"""The data channel of a call through the real program: each message as it was sent, in order, within bounds, under the same rules."""

from __future__ import annotations

import json
import re

import pytest
from phone import Phone
from proxying import OTHER_KEY
from switchboard import Switchboard
from waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

MOST = 262_144
MESSAGES: list[str | bytes] = [
    "",
    " ",
    "no JSON at all",
    '{"type": "x", "type": "y", "n": 1.10, "n": 1e400, "u": "\\ud83d\\ude00", "\\u0074ype": "z"}',
    '\ufeff{"type":"response.create.not"}',
    "[1, 2,\n\t3 ]",
    "😀 你好 \u2028 \u0000 \x7f",
    "x" * MOST,
    "😀" * (MOST // 4),
    b"",
    bytes(range(256)),
    b'{"type":"session.update.not"}',
    b"\xff\xfe\x00",
    b"y" * MOST,
]


async def test_every_message_arrives_as_it_was_sent(board: Switchboard):
    async with board.call(name="verbatim") as (phone, call):
        upstream = await board.other_side(call)
        for message in MESSAGES:
            phone.send(message)
        await eventually(lambda: len(upstream.messages) >= len(MESSAGES))
        assert upstream.messages == MESSAGES
        assert [type(message) for message in upstream.messages] == [type(message) for message in MESSAGES]
        assert upstream._wire is not None
        sent = [message for message in MESSAGES if message not in phone.messages]
        for message in sent:
            await (upstream._wire.binary(message) if isinstance(message, bytes) else upstream._wire.text(message.encode()))
        await phone.met(lambda: sent[-1] in phone.messages, "the last message")
        assert [message for message in phone.messages if message in sent] == sent
    record = await board.record("verbatim")
    assert record.close == (1000, "hung up", "client")
    assert record.session["frames"]["client"] == {
        "frames": len(MESSAGES),
        "bytes": sum(len(message.encode() if isinstance(message, str) else message) for message in MESSAGES),
    }


async def test_a_burst_stays_in_order(board: Switchboard):
    burst = [json.dumps({"type": "n", "n": number, "padding": "p" * (number % 700)}) for number in range(500)]
    async with board.call(name="burst") as (phone, call):
        upstream = await board.other_side(call)
        for message in burst:
            phone.send(message)
        await eventually(lambda: len(upstream.messages) >= len(burst))
        assert upstream.messages == burst
        await phone.until("error", len(burst))


@pytest.mark.parametrize("label", ["", "x" * 200])
async def test_a_channel_of_any_name(board: Switchboard, label: str):
    async with board.call(label=label) as (_, call):
        assert (await board.other_side(call)).label == label


async def test_a_second_channel_is_closed_and_the_call_goes_on(board: Switchboard):
    refused = await board.metric("voicetap_sidecar_refused_channels_total")
    async with board.call(name="second channel") as (phone, call):
        upstream = await board.other_side(call)
        other = phone.open("another")
        await phone.met(lambda: other.readyState == "closed", "the end of the second channel")
        phone.ask("Hello?")
        await phone.until("response.done")
        assert upstream.refused_channels == 0
        assert phone.channel is not None
        assert phone.channel.readyState == "open"
    assert (await board.record("second channel")).close == (1000, "hung up", "client")

    async def counted() -> bool:
        return await board.metric("voicetap_sidecar_refused_channels_total") == refused + 1

    await eventually(counted)


async def test_as_many_messages_wait_as_may(board: Switchboard):
    """For a provider's channel that is not open yet; one more ends the call."""
    async with board.call(model="gpt-sim-no-channel", name="queue", greeted=False) as (phone, _):
        await phone.opened()
        for number in range(1_000):
            phone.send(f'{{"type":"n","n":{number}}}')

        async def arrived() -> bool:
            return await board.metric("voicetap_sidecar_events_total", side="client") >= before + 1_000

        before = await board.metric("voicetap_sidecar_events_total", side="client")
        await eventually(arrived)
        assert phone.connected
        phone.send("{}")
        error = await phone.until("error")
        await phone.over()
    close = (await board.record("queue")).close
    assert (close[0], close[2]) == (1011, "upstream")
    assert re.fullmatch(r"1001 messages of \d+ bytes wait for the provider's data channel, 1000 or 1048576 bytes may", close[1])
    assert error["error"]["message"] == close[1]


async def test_as_many_bytes_wait_as_may(board: Switchboard):
    async with board.call(model="gpt-sim-no-channel", name="bytes", greeted=False) as (phone, _):
        await phone.opened()
        for _ in range(5):
            phone.send("z" * 250_000)
        await phone.over()
    assert (await board.record("bytes")).close == (
        1011,
        "5 messages of 1250000 bytes wait for the provider's data channel, 1000 or 1048576 bytes may",
        "upstream",
    )


TOO_LONG: dict[str, str | bytes] = {"text": "x" * (MOST + 1), "bytes": b"y" * (MOST + 1), "letters": "é" * (MOST // 2) + "x"}


@pytest.mark.parametrize("what", TOO_LONG)
async def test_a_message_that_is_too_long(board: Switchboard, what: str):
    async with board.call(name=f"too long {what}") as (phone, call):
        upstream = await board.other_side(call)
        phone.send(TOO_LONG[what])
        await phone.over()
        await eventually(upstream.ended.is_set)
        assert upstream.messages == []
    reason = f"client: a data channel message has {MOST + 1} bytes, at most {MOST} are allowed"
    assert (await board.record(f"too long {what}")).close == (1001, reason, "client")


async def test_nobody_is_sent_more_than_it_takes(board: Switchboard):
    """A client that takes short messages alone: the provider is told so, and what is longer ends the call."""
    phone = Phone()
    try:
        offer = re.sub(r"a=max-message-size:\d+", "a=max-message-size:900", await phone.offer())
        await phone.accept((await board.offer(offer, name="short")).text)
        assert "a=max-message-size:900" in board.simulator.requests[-1].body.decode()
        await phone.until("session.created")
        phone.say({"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 1_000}})
        await phone.over()
        assert max(map(len, phone.messages)) <= 900
    finally:
        await phone.close()
    code, reason, side = (await board.record("short")).close
    assert (code, side) == (1001, "client")
    assert re.fullmatch(r"to the client: Cannot send message of \d+ bytes, the remote party only supports messages up to 900 bytes", reason)


FORBIDDEN = {
    "plain": ('{"type":"session.update","event_id":"e1","session":{"type":"realtime","model":"gpt-4o-realtime"}}', "model_not_allowed"),
    "escaped": ('{"type":"session\\u002eupdate","event_id":"e1","session":{"model":"gpt-4o-realtime"}}', "model_not_allowed"),
    "of the transcription": (
        '{"type":"session.update","event_id":"e1","session":{"audio":{"input":{"transcription":{"model":"gpt-4o-transcribe"}}}}}',
        "model_not_allowed",
    ),
    "of a response": ('{"type":"response.create","event_id":"e1","response":{"model":"gpt-4o-realtime"}}', "model_not_allowed"),
    "twice": ('{"type":"session.update","event_id":"e1","session":{"model":"gpt-4o-realtime","model":"gpt-realtime"}}', "ambiguous_event"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("binary", [False, True])
async def test_a_model_that_the_key_may_not_use(board: Switchboard, what: str, binary: bool):
    message, code = FORBIDDEN[what]
    async with board.call(name=f"forbidden {what} {binary}", key=OTHER_KEY) as (phone, call):
        upstream = await board.other_side(call)
        phone.send(message.encode() if binary else message)
        error = (await phone.until("error"))["error"]
        assert error["code"] == code
        assert error["event_id"] == "e1"
        phone.send('{"type":"input_audio_buffer.clear"}')
        await phone.until("input_audio_buffer.cleared")
        assert upstream.messages == ['{"type":"input_audio_buffer.clear"}']
