"""A caller without a browser: a stock aiortc peer on loopback, its first data channel, and every message as it came.

`python phone.py URL KEY NAME` makes a call, prints its location once it is greeted, and stays in it until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from array import array
from collections.abc import Callable
from typing import Any

import aioice.ice
import httpx2
from aiortc import AudioStreamTrack
from aiortc import RTCConfiguration
from aiortc import RTCDataChannel
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

Event = dict[str, Any]

PATIENCE = 25.0
"""Seconds after which what does not come fails a test."""
LOUD = 500
"""Of 32,767: what is less counts as silence."""
SDP = {"Content-Type": "application/sdp"}


def stay_on_loopback() -> None:
    """aioice takes every address of the machine but 127.0.0.1, and has no option for it."""
    aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]


def read(message: str | bytes) -> Event | None:
    """The event that a message is; None for anything else."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Phone:
    """`messages` are those of the channel, in order; `channels` those that the other side opened."""

    def __init__(self, label: str | None = "oai-events") -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages: list[str | bytes] = []
        self.channels: list[RTCDataChannel] = []
        self.closed = False
        """The channel has closed."""
        self.heard = 0
        """Frames of sound that came."""
        self.loud = 0
        """How many of them were not silent."""
        self._news = asyncio.Event()
        self._ears: list[asyncio.Task[None]] = []
        self.peer.on("track", lambda track: self._ears.append(asyncio.ensure_future(self._listen(track))))
        self.peer.on("datachannel", self.channels.append)
        self.peer.on("connectionstatechange", self._tell)
        self.peer.addTrack(AudioStreamTrack())
        self.channel = self.open(label) if label is not None else None

    def open(self, label: str) -> RTCDataChannel:
        """A data channel whose messages are kept."""
        channel = self.peer.createDataChannel(label)
        channel.on("open", self._tell)
        channel.on("message", self._take)
        channel.on("close", self._shut)
        return channel

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp: str = self.peer.localDescription.sdp
        return sdp

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    @property
    def connected(self) -> bool:
        return bool(self.peer.connectionState == "connected")

    @property
    def ended(self) -> bool:
        """The other side is gone, as the connection knows it."""
        return self.peer.connectionState in ("closed", "failed")

    @property
    def events(self) -> list[Event]:
        """The messages that are events."""
        return [event for event in map(read, self.messages) if event is not None]

    def say(self, *events: Event) -> None:
        for event in events:
            self.send(json.dumps(event))

    def send(self, message: str | bytes) -> None:
        """Send a message, whatever its size and whatever the other side takes."""
        assert self.channel is not None
        self.peer.sctp._remote_max_message_size = 0
        self.channel.send(message)

    def ask(self, words: str, **response: Any) -> None:
        """A text of the user, and the request to answer it."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
        self.say({"type": "conversation.item.create", "item": item}, {"type": "response.create", "response": response})

    async def until(self, kind: str, count: int = 1) -> Event:
        """The n-th event of this type, once it came."""
        await self.met(lambda: len(self.of(kind)) >= count, f"{count} of {kind}")
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.get("type") == kind]

    async def met(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            state = f"{self.peer.connectionState}, channel {self.channel and self.channel.readyState}"
            raise AssertionError(f"{what} did not come; {state}, heard {[str(message)[:200] for message in self.messages]}") from None

    async def opened(self) -> None:
        """The connection is up, and the channel is open."""
        await self.met(lambda: self.connected and (self.channel is None or self.channel.readyState == "open"), "the connection")

    async def over(self) -> None:
        """The other side has ended the call."""
        await self.met(lambda: self.ended, "the end of the call")

    async def close(self) -> None:
        """Hang up."""
        await self.peer.close()
        for ear in self._ears:
            ear.cancel()
        if self._ears:
            await asyncio.wait(self._ears)

    def _take(self, message: str | bytes) -> None:
        self.messages.append(message)
        self._tell()

    def _shut(self) -> None:
        self.closed = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()

    async def _listen(self, track: Any) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.heard += 1
            self.loud += max(array("h", bytes(frame.planes[0]))) > LOUD
            self._tell()


async def main(url: str, key: str, name: str) -> None:
    """A call that nobody ends."""
    stay_on_loopback()
    phone = Phone()
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        answer = await http.post(
            url, content=await phone.offer(), headers={"Authorization": f"Bearer {key}", "baggage": f"session-id={name}", **SDP}
        )
    await phone.accept(answer.raise_for_status().text)
    await phone.until("session.created")
    print(answer.headers["location"], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
