"""One conversation of a corpus held through the gateway, as an app would hold it, with what was answered and what reached the provider.

The provider is played here, by a simulator that says what the transcript says, unless it is somebody else's.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cli.transcripts import Conversation
from cli.transcripts import Step
from cli.transcripts import script_of
from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak

Event = dict[str, Any]

PATIENCE: Final = 60.0
"""Seconds that an answer may be without a word."""
_AFTER_ERROR: Final = 3.0
"""The same once something was refused: the answer may never come."""

_CHUNK: Final = 4_800
_PAUSE_MS: Final = 700
_MAX_MESSAGE: Final = 16 << 20
_TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"

_ITEM: Final = ("conversation.item.added", "conversation.item.created")


class Elsewhere(Exception):
    """The proxy sends the conversation to another provider than the one that is played here."""


@dataclass(slots=True)
class Turn:
    """What was said, what of it reached the provider (None where that does not show, empty where nothing did), and what came back."""

    kind: str
    said: str
    reached: str | None = None
    answer: str | None = None
    refused: list[str] = field(default_factory=list)
    """Messages of the errors that came back."""


@dataclass(slots=True)
class Held:
    """A conversation that is over. `close` is why the other side ended it, None where the client did."""

    turns: list[Turn] = field(default_factory=list)
    close: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """How a conversation is held: where, with which headers, at which host and port the provider is played (None: it is a real one)."""

    url: str
    headers: Mapping[str, str]
    played: tuple[str, int] | None
    pace: float


async def hold(conversation: Conversation, line: Line, told: Callable[[Turn], None]) -> Held:
    """Hold it to its end, or until the other side closes; `told` has each turn as soon as it is over.

    Raises Elsewhere, OSError (the provider's address is taken), TimeoutError, and what `websockets` raises where the gateway refuses.
    """
    async with (
        _played(conversation, line) as provider,
        connect(line.url, additional_headers=line.headers, compression=None, max_size=_MAX_MESSAGE, proxy=None) as socket,
    ):
        client = _Client(socket, provider, spoken=provider is not None)
        await client.greeted()
        if provider is not None and not provider.connections:
            raise Elsewhere
        held = Held()
        try:
            async for turn in client.turns(conversation):
                held.turns.append(turn)
                told(turn)
        except ConnectionClosed as closed:
            if client.turn is not None:
                held.turns.append(client.turn)
                told(client.turn)
            held.close = f"{closed.rcvd.code} {closed.rcvd.reason}".strip() if closed.rcvd else "the connection was lost"
        return held


@asynccontextmanager
async def _played(conversation: Conversation, line: Line) -> AsyncIterator[Simulator | None]:
    """The provider for one conversation."""
    if line.played is None:
        yield None
        return
    async with Simulator(host=line.played[0], port=line.played[1], script=script_of(conversation), pace=line.pace) as provider:
        yield provider


class _Client:
    """The user's side. Where `spoken` is off, what was spoken is written."""

    def __init__(self, socket: ClientConnection, provider: Simulator | None, *, spoken: bool) -> None:
        self.turn: Turn | None = None
        """The one that goes on."""
        self._socket = socket
        self._provider = provider
        self._spoken = spoken
        self._sent = 0
        self._seen = 0
        """Messages of this session that the provider had when the turn began."""
        self._calls: list[str] = []
        """Ids of calls that have no result yet."""

    async def greeted(self) -> None:
        """Wait for the first event of the session."""
        await asyncio.wait_for(self._event(), PATIENCE)

    async def turns(self, conversation: Conversation) -> AsyncIterator[Turn]:
        """Every turn in order, the settings of the session first where they say something."""
        settings = self._settings(conversation)
        if settings:
            turn = await self._set_up({"type": "realtime", **settings})
            if turn.said or turn.refused:
                yield turn
        for step in conversation.steps:
            yield await self._take(step)

    def _settings(self, conversation: Conversation) -> Event:
        made: Event = {} if self._spoken else {"output_modalities": ["text"]}
        if conversation.instructions:
            made["instructions"] = conversation.instructions
        if conversation.tools:
            made["tools"] = list(conversation.tools)
        if self._spoken and any(step.kind == "spoken" for step in conversation.steps):
            made["audio"] = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}}
        return made

    async def _set_up(self, settings: Event) -> Turn:
        turn = self._begin("system", _settings_words(settings))
        sent = await self._say("session.update", session=settings)
        await self._listen(lambda event: event["type"] == "session.updated" or _is_refused(event, sent))
        return self._end(turn)

    async def _take(self, step: Step) -> Turn:
        kind = "text" if step.kind == "spoken" and not self._spoken else step.kind
        turn = self._begin(kind, step.words)
        if kind == "spoken":
            await self._speak(step.words)
            await self._listen(_Heard())
            return self._end(turn)
        if kind == "result":
            if not self._calls:
                turn.refused.append("the model called no tool, so that this result has no place")
                return self._end(turn)
            result = {"type": "function_call_output", "call_id": self._calls.pop(0), "output": step.words}
            handed = await self._say("conversation.item.create", item=result)
            if step.more:
                await self._taken_in(handed)
                return self._end(turn)
        elif kind != "greeting":
            content = [{"type": "input_text", "text": step.words}]
            await self._say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        sent = await self._say("response.create")
        await self._listen(lambda event: event["type"] == "response.done" or _is_refused(event, sent))
        return self._end(turn)

    async def _taken_in(self, sent: str) -> None:
        """Until the provider that is played here has an item, or it was refused."""
        if self._provider is not None:
            await self._listen(lambda event: event["type"] in _ITEM or _is_refused(event, sent))

    def _begin(self, kind: str, said: str) -> Turn:
        self._seen = len(self._messages())
        self.turn = Turn(kind, said)
        return self.turn

    def _end(self, turn: Turn) -> Turn:
        if self._provider is not None and turn.kind not in ("spoken", "greeting"):
            turn.reached = " ".join(filter(None, map(_words, self._messages()[self._seen :])))
        self.turn = None
        return turn

    def _messages(self) -> list[str | bytes]:
        return self._provider.connections[-1].messages if self._provider is not None and self._provider.connections else []

    async def _say(self, kind: str, **fields: Any) -> str:
        """Send an event; its id."""
        self._sent += 1
        name = f"replay_{self._sent}"
        await self._socket.send(json.dumps({"type": kind, "event_id": name, **fields}))
        return name

    async def _speak(self, words: str) -> None:
        sound = speak(words) + silence(_PAUSE_MS)
        for start in range(0, len(sound), _CHUNK):
            await self._say("input_audio_buffer.append", audio=base64.b64encode(sound[start : start + _CHUNK]).decode())

    async def _listen(self, over: Callable[[Event], bool]) -> None:
        """Until the turn is over; once something was refused, only as long as anything comes. Raises TimeoutError."""
        assert self.turn is not None
        while True:
            try:
                event = await asyncio.wait_for(self._event(), _AFTER_ERROR if self.turn.refused else PATIENCE)
            except TimeoutError:
                if self.turn.refused:
                    return
                raise
            self._note(event, self.turn)
            if over(event):
                return

    async def _event(self) -> Event:
        """The next message that is an event."""
        while True:
            event = json.loads(await self._socket.recv())
            if isinstance(event, dict) and isinstance(event.get("type"), str):
                return event

    def _note(self, event: Event, turn: Turn) -> None:
        if event["type"] == "error":
            turn.refused.append(str(event.get("error", {}).get("message", "an error")))
        elif event["type"] == _TRANSCRIBED:
            turn.said = event["transcript"]
        elif event["type"] == "response.done":
            items = event["response"].get("output") or []
            self._calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
            turn.answer = " ".join(filter(None, map(_said, items)))


class _Heard:
    """A spoken turn is over when its words are known, or were kept back, and the answer has ended."""

    def __init__(self) -> None:
        self._known = self._answered = False

    def __call__(self, event: Event) -> bool:
        self._known = self._known or event["type"] in (_TRANSCRIBED, "error")
        self._answered = self._answered or event["type"] == "response.done"
        return self._known and self._answered


def _is_refused(event: Event, sent: str) -> bool:
    return bool(event["type"] == "error" and event.get("error", {}).get("event_id") == sent)


def _said(item: Event) -> str:
    """What an item of an answer says, or which tool it calls."""
    if item.get("type") == "function_call":
        return f"{item.get('name')}({item.get('arguments')})"
    return " ".join(part.get("transcript") or part.get("text") or "" for part in item.get("content", ()))


def _settings_words(session: Event) -> str:
    """Instructions, and the names of tools."""
    tools = [str(tool.get("name") or tool.get("server_label")) for tool in session.get("tools", ())]
    return " ".join(filter(None, (session.get("instructions"), f"[tools: {', '.join(tools)}]" if tools else "")))


def _words(message: str | bytes) -> str:
    """What a message to the provider says, where it says something."""
    event = json.loads(message)
    if event["type"] == "session.update":
        return _settings_words(event["session"])
    item = event.get("item") or {}
    return str(item.get("output") or " ".join(part.get("text") or "" for part in item.get("content", ())))
