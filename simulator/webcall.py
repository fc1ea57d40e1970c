"""A WebRTC call: a session whose sound goes over a peer connection and whose events go over its first data channel."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Coroutine
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from typing import Final

from aiortc import RTCDataChannel
from aiortc.mediastreams import MediaStreamTrack

from realtime.audio import PCM16_24K
from simulator import beta
from simulator.call import Call
from simulator.call import new_outbox
from simulator.call import put
from simulator.call import write
from simulator.channel import ChannelWire
from simulator.door import Wish
from simulator.ear import Ear
from simulator.machine import Setup
from simulator.mischief import unchanged
from simulator.peer import Peer
from simulator.playout import Playout
from simulator.sender import Sender
from simulator.timeline import Event

_SET_UP_SECONDS: Final = 15.0
_OPEN_SECONDS: Final = 2.0

_AHEAD: Final = 0.8
"""Answers are made faster than they are played, so that the voice never waits for them."""

_FILTERED: Final = frozenset(
    (
        *("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"),
        *("output_audio_buffer.started", "output_audio_buffer.stopped"),
        *("conversation.item.added", "conversation.item.created", "conversation.item.input_audio_transcription.completed"),
        *("response.output_text.delta", "response.output_text.done"),
        *("response.output_audio_transcript.delta", "response.output_audio_transcript.done", "error"),
    )
)
"""What `webrtcfilter=on` lets through to a caller: no instructions, no tool calls."""

_TOOL_ITEMS: Final = ("function_call", "function_call_output")


class WebCall(Call):
    """What tests look at: `heard_rms`, `packets`, `spoken_seconds`, `messages`, `label`, `connected`, `ended`, `reason`."""

    def __init__(self, call_id: str, wish: Wish, setup: Setup, addresses: list[str], *, filtered: bool = False, keep: bool = True) -> None:
        super().__init__(call_id, wish, replace(setup, pace=setup.pace * _AHEAD, line=PCM16_24K))
        self.label: str | None = None
        """Of the caller's data channel, once it is open."""
        self.refused_channels = 0
        self.messages: list[str | bytes] = []
        """Every message on the data channel; empty when recording is off."""
        self.connected = asyncio.Event()
        self.ear = Ear(self._hear)
        self._playout = Playout(self.machine, self.pump.wake)
        self._peer = Peer(addresses, self._playout.voice, on_track=self._on_track, on_channel=self._on_channel, on_state=self._on_state)
        self._keep = keep
        self._filtered = filtered
        self._track: MediaStreamTrack | None = None
        self._wire: ChannelWire | None = None
        self._sender: Sender | None = None
        self._opened = asyncio.Event()
        self._outbox = new_outbox()
        self._wants_channel = False

    @property
    def heard_rms(self) -> float:
        """Level of the loudest packet of the caller, 0.0 to 1.0."""
        return self.ear.peak_rms

    @property
    def packets(self) -> int:
        """Audio packets of the caller that were decoded."""
        return self.ear.packets

    @property
    def spoken_seconds(self) -> float:
        """Sound that was played to the caller, silence not counted."""
        return self._playout.voice.seconds

    async def answer(self, offer: str) -> str:
        """The SDP answer. Raises `Refused` for what is no offer."""
        row = self.wish.misbehaviour
        self._wants_channel = "m=application" in offer
        answer = row.spoil(await self._peer.answer(offer, opens=row.opens))
        if not row.connects:
            await self._peer.close()
        return answer

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """The session, the set-up, the ear and the channel."""
        yield self._set_up()
        yield self._speak()
        yield self._write()
        if self._track is not None:
            yield self.ear.listen(self._track)

    def route(self, event: Event) -> Iterator[Event]:
        """Sound is played, all else is told."""
        return self._playout.route(event)

    async def leave(self) -> None:
        """What was said is still delivered; then the caller is told that it is over."""
        if self._sender is not None and self._wire is not None:
            while not self._outbox.empty():
                await self._sender.send(self._outbox.get_nowait())
            await self._wire.flush()
        await self._peer.close()

    def tell(self, event: Event) -> None:
        """The caller hears it too."""
        super().tell(event)
        put(self._outbox, event)

    async def _speak(self) -> None:
        """Says nothing before the caller can hear it, or will never hear it."""
        await self.connected.wait()
        if self._wants_channel:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._opened.wait(), _OPEN_SECONDS)
        if self.wish.misbehaviour.hangs_up:
            self.end("hung up")
        await self.pump.write_on()

    async def _set_up(self) -> None:
        try:
            await asyncio.wait_for(self.connected.wait(), _SET_UP_SECONDS)
        except TimeoutError:
            self.end("never connected")

    async def _write(self) -> None:
        await self._opened.wait()
        if self._sender is not None:
            await write(self._outbox, self._sender)

    def _hear(self, sound: bytes) -> None:
        self.machine.receive({"type": self.machine.append, "audio": b64encode(sound).decode()}, self.pump.now())
        self.pump.wake()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._track is None:
            self._track = track

    def _on_state(self) -> None:
        if self._peer.state == "connected":
            self.connected.set()
        elif self._peer.state in ("failed", "closed"):
            self.end("the caller is gone" if self.connected.is_set() else "never connected")

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self.label is not None:
            self.refused_channels += 1
            channel.close()
            return
        self.label = channel.label
        channel.on("message", self._on_message)
        self._wire = ChannelWire(channel, self._peer, self.end)
        self._sender = Sender(self._wire, replace(self.wish.misbehaviour, rewrite=unchanged), self._dialect)
        self._opened.set()

    def _on_message(self, message: str | bytes) -> None:
        if self._keep:
            self.messages.append(message)
        self.pump.take(message)

    def _dialect(self, event: Event) -> Iterator[Event]:
        if self._filtered and _is_hidden(event):
            return iter(())
        return beta.write(event) if self.is_beta else iter((event,))


def _is_hidden(event: Event) -> bool:
    return event["type"] not in _FILTERED or event.get("item", {}).get("type") in _TOOL_ITEMS
