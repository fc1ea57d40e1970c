"""Data channels through two legs: kinds of channels and messages, sizes, and what the other end sends that it should not."""

from __future__ import annotations

from struct import pack

import pytest
from aiortc import RTCDataChannel
from aiortc import RTCDataChannelParameters
from aiortc import RTCSctpTransport
from aiortc import rtcsctptransport
from legcall import Call
from legcall import call
from legcall import leg
from waiting import eventually

from sidecar import association
from sidecar import watch
from sidecar.channel import Channel
from sidecar.channel import ChannelError
from sidecar.channel import ChannelSpec

pytestmark = pytest.mark.usefixtures("loopback", "nothing_left")

LARGEST = 262144


def sctp(made: Call) -> RTCSctpTransport:
    """The browser's association."""
    assert made.browser.sctp is not None
    return made.browser.sctp


async def echoes(made: Call) -> RTCDataChannel:
    """The provider's channel, which sends back what it gets."""
    theirs = await made.open()
    theirs.on("message", theirs.send)
    return theirs


async def say(made: Call, message: str | bytes) -> None:
    assert made.channel is not None
    made.channel.send(message)


@pytest.mark.parametrize(
    "message", ["text", "", "emoji 🎧 und Umlaute ä", b"bytes", b"", b"\x00" * 1000, "k" * 65536, "x" * LARGEST, b"y" * LARGEST]
)
async def test_a_message_keeps_its_kind_and_its_text_both_ways(message: str | bytes) -> None:
    async with call() as made:
        await echoes(made)
        await say(made, message)
        await eventually(lambda: made.heard)
        assert made.heard == [message]


async def test_messages_keep_their_order() -> None:
    async with call() as made:
        await echoes(made)
        for number in range(300):
            await say(made, f"message {number}")
        await eventually(lambda: len(made.heard) == 300)
        assert made.heard == [f"message {number}" for number in range(300)]


async def test_the_first_message_right_at_open_arrives() -> None:
    async with call(greeting="session.created") as made:
        await eventually(lambda: made.heard)
        assert made.heard == ["session.created"]


@pytest.mark.parametrize(
    ("label", "ordered", "retransmits", "protocol"),
    [("oai-events", True, None, ""), ("events", False, 3, "json"), ("", True, 0, "")],
)
async def test_the_mirrored_channel_is_like_the_first(label: str, ordered: bool, retransmits: int | None, protocol: str) -> None:
    async with call(label=label, ordered=ordered, max_retransmits=retransmits, protocol=protocol) as made:
        theirs = await made.open()
        assert (theirs.label, theirs.ordered, theirs.maxRetransmits, theirs.protocol) == (label, ordered, retransmits, protocol)


async def test_a_label_that_is_not_ascii_arrives() -> None:
    spec = ChannelSpec("Ereignisse äöü 🎧", protocol="prötokoll")
    async with call() as made:
        await made.open()
        opened = made.upstream.open_channel(spec)
        await eventually(lambda: opened.state == "open")
        assert (made.provided[1].label, made.provided[1].protocol) == (spec.label, spec.protocol)


async def test_a_channel_that_one_end_closes_closes_at_the_other_and_the_call_stays() -> None:
    closed: list[str] = []

    class Watching(Call):
        def bridge(self, channel: Channel) -> None:
            other = self.upstream.open_channel(channel.spec)
            channel.on_close = lambda: (closed.append("browser"), other.close())[0]

    async with call() as made:
        made.client.on_channel = lambda channel: Watching.bridge(made, channel)
        second = made.browser.createDataChannel("second")
        await eventually(lambda: second.readyState == "open" and len(made.provided) == 2)
        second.close()
        await eventually(lambda: made.provided[1].readyState == "closed")
        assert closed == ["browser"]
        assert made.client.state == made.upstream.state == "connected"


async def test_sending_too_much_at_once_is_refused_with_the_sizes() -> None:
    channels: list[Channel] = []
    async with call() as made:
        made.client.on_channel = channels.append
        made.browser.createDataChannel("second")
        await eventually(lambda: channels)
        with pytest.raises(ChannelError, match=r"262145 bytes.*262144") as caught:
            channels[0].send("x" * (LARGEST + 1))
        assert caught.value.code == "too_large"
        with pytest.raises(ChannelError, match="at most 4194304") as overflow:
            for _ in range(40):
                channels[0].send("x" * LARGEST)
        assert overflow.value.code == "overflow"
        channels[0].close()
        with pytest.raises(ChannelError) as closing:
            channels[0].send("late")
        assert closing.value.code == "not_open"


async def test_a_leg_without_data_channels_opens_none() -> None:
    async with call(label=None) as made:
        with pytest.raises(ChannelError) as caught:
            made.upstream.open_channel(ChannelSpec("oai-events"))
        assert caught.value.code == "no_channels"


async def test_a_channel_opened_early_opens_once_connected() -> None:
    one = leg("upstream")
    await one.gather()
    channel = one.open_channel(ChannelSpec("oai-events"))
    assert channel.state == "connecting"
    with pytest.raises(ChannelError):
        channel.send("too early")
    await one.close("over")
    assert channel.state == "closed"


async def ends(made: Call, reason: str) -> None:
    await eventually(lambda: made.client.ending)
    assert made.client.ending is not None
    assert reason in made.client.ending.reason
    assert not made.client.ending.graceful
    await made.client.wait_closed()


async def test_a_message_over_the_size_that_we_advertised_ends_the_leg() -> None:
    async with call() as made:
        await made.open()
        sctp(made)._remote_max_message_size = 0
        await say(made, "x" * (LARGEST + 1))
        await ends(made, "262145 bytes, at most 262144")


async def test_an_unfinished_message_beyond_the_window_ends_the_leg() -> None:
    async with call() as made:
        await made.open()
        sctp(made)._remote_max_message_size = 0
        await say(made, b"x" * 2_000_000)
        await ends(made, "unfinished data channel messages")


async def test_a_second_open_on_a_channel_ends_the_leg_with_a_reason() -> None:
    async with call() as made:
        await made.open()
        assert made.channel is not None
        opening = pack("!BBHLHH", 3, 0, 0, 0, 1, 0) + b"x"
        await sctp(made)._send(made.channel.id or 0, rtcsctptransport.WEBRTC_DCEP, opening)
        await ends(made, "invalid data channel traffic (AssertionError)")


async def test_text_that_is_not_utf8_ends_the_leg_with_a_reason() -> None:
    async with call() as made:
        await made.open()
        assert made.channel is not None
        await sctp(made)._send(made.channel.id or 0, rtcsctptransport.WEBRTC_STRING, b"\xff\xfe")
        await ends(made, "invalid data channel traffic (UnicodeDecodeError)")


async def test_a_handler_that_raises_ends_the_leg_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_message: str | bytes) -> None:
        raise RuntimeError("a fault of ours")

    async with call() as made:
        made.client.on_channel = lambda channel: setattr(channel, "on_message", broken)
        second = made.browser.createDataChannel("second")
        await eventually(lambda: second.readyState == "open")
        second.send("hello")
        await ends(made, "internal error: RuntimeError")
        assert "a fault of ours" in caplog.text


async def test_channels_without_end_end_the_leg() -> None:
    async with call() as made:
        made.client.on_channel = lambda channel: channel.close()
        for number in range(association.MAX_OPENED + 1):
            RTCDataChannel(sctp(made), RTCDataChannelParameters(label=f"channel {number}"))
        await ends(made, "over 16 data channels")


async def test_junk_in_place_of_sctp_changes_nothing() -> None:
    async with call() as made:
        await echoes(made)
        await sctp(made).transport._send_data(b"\x00" * 40)
        await say(made, "still here")
        await eventually(lambda: made.heard)


async def test_messages_that_nothing_takes_end_the_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.05)
    monkeypatch.setattr(watch, "STALL_SECONDS", 0.5)
    channels: list[Channel] = []
    async with call() as made:
        made.client.on_channel = channels.append
        made.browser.createDataChannel("second")
        await eventually(lambda: channels)
        sctp(made)._handle_data = swallow  # type: ignore[method-assign]
        channels[0].send("unheard")
        await ends(made, "messages waited for over 0.5 s")


async def swallow(_data: bytes) -> None:
    """Takes the place of an association that answers."""
