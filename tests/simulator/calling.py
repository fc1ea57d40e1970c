"""A caller with a stock aiortc peer: a microphone that says what it is given, ears that measure, and the events of its channel."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import httpx2
from aiortc import MediaStreamTrack
from aiortc import RTCConfiguration
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from strict_ga import judge

from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak

Event = dict[str, Any]
PATIENCE = 20.0


@dataclass(frozen=True)
class Elsewhere:
    """A simulator in another process."""

    address: str


Server = Simulator | Elsewhere


class Microphone(MediaStreamTrack):
    """24 kHz PCM16 in real time, silence when there is nothing to say."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sound = bytearray()
        self._position = 0
        self._due: float | None = None

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._due = now if self._due is None else self._due + 0.02
        await asyncio.sleep(max(0.0, self._due - now))
        piece = bytes(self.sound[:960])
        del self.sound[:960]
        frame = AudioFrame(format="s16", layout="mono", samples=480)
        frame.planes[0].update(piece.ljust(960, b"\0"))
        frame.pts, frame.sample_rate, frame.time_base = self._position, 24_000, Fraction(1, 24_000)
        self._position += 480
        return frame


class Caller:
    """`events` are those of the first channel, in order; `news` is set at each change of anything."""

    def __init__(self, check: Callable[[Event], None] = judge, *, label: str | None = "oai-events") -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.events: list[Event] = []
        self.channels: list[Any] = []
        self.longest = 0
        self.loud = 0
        """Received frames with sound in them."""
        self.closed = asyncio.Event()
        self.news = asyncio.Condition()
        self._check = check
        self._listening: asyncio.Task[None] | None = None
        self.peer.addTrack(self.microphone)
        self.peer.on("track", self._on_track)
        self.peer.on("datachannel", self.channels.append)
        self.channel = self.peer.createDataChannel(label) if label is not None else None
        if self.channel is not None:
            self.channel.on("message", self._on_message)
            self.channel.on("close", self.closed.set)

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def dial(self, sim: Server, path: str = "/v1/realtime/calls?model=gpt-realtime", key: str = "sk-any") -> httpx2.Response:
        """Offers raw SDP, takes the answer, and waits for nothing."""
        response = await post(sim, path, await self.offer(), {"Content-Type": "application/sdp"}, key)
        assert response.status_code in (200, 201), response.text
        await self.accept(response.text)
        return response

    def send(self, *events: Event) -> None:
        assert self.channel is not None
        for event in events:
            self.channel.send(json.dumps(event))

    def ask(self, words: str) -> None:
        content = [{"type": "input_text", "text": words}]
        item = {"type": "message", "role": "user", "content": content}
        self.send({"type": "conversation.item.create", "item": item}, {"type": "response.create"})

    def speak(self, words: str, quiet_ms: int = 1_000) -> None:
        self.microphone.sound += speak(words) + silence(quiet_ms)

    async def until(self, kind: str, count: int = 1) -> Event:
        """The event of this type that is the n-th, once it is there."""
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: self.count(kind) >= count)
        return [event for event in self.events if event["type"] == kind][count - 1]

    def count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.events)

    async def hears(self, frames: int) -> None:
        """So many frames with sound in them came in all."""
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: self.loud >= frames)

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def close(self) -> None:
        await self.peer.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    def _on_message(self, message: str) -> None:
        self.longest = max(self.longest, len(message))
        event = json.loads(message)
        self._check(event)
        self.events.append(event)
        asyncio.ensure_future(self._tell())  # noqa: RUF006 - it ends at once

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            self.loud += max(map(abs, array("h", bytes(frame.planes[0])))) > 500
            await self._tell()


async def post(sim: Server, path: str, body: str | bytes, headers: dict[str, str] | None = None, key: str = "sk-any") -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        return await http.post(f"http://{sim.address}{path}", content=body, headers={**shown, **(headers or {})})


async def post_json(sim: Server, path: str, body: Any, key: str = "sk-any") -> httpx2.Response:
    return await post(sim, path, json.dumps(body), {"Content-Type": "application/json"}, key)


def multipart(sdp: str, session: str | None) -> tuple[bytes, dict[str, str]]:
    """A body as browsers make it, and its content type."""
    parts = [("sdp", "application/sdp", sdp)] + ([("session", "application/json", session)] if session is not None else [])
    body = "".join(f'--xyz\r\nContent-Disposition: form-data; name="{n}"\r\nContent-Type: {t}\r\n\r\n{v}\r\n' for n, t, v in parts)
    return (body + "--xyz--\r\n").encode(), {"Content-Type": "multipart/form-data; boundary=xyz"}


@asynccontextmanager
async def calling(sim: Server, path: str = "/v1/realtime/calls?model=gpt-realtime", **options: Any) -> AsyncIterator[Caller]:
    """A caller whose call has begun."""
    key = options.pop("key", "sk-any")
    caller = Caller(**options)
    try:
        await caller.dial(sim, path, key)
        yield caller
    finally:
        await caller.close()


async def over(event: asyncio.Event) -> None:
    """Waits, but not for ever."""
    async with asyncio.timeout(PATIENCE):
        await event.wait()
