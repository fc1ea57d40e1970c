"""One answer of the model, from `response.created` to `response.done`, as a sequence that can be cut anywhere.

The order of events is that of the GA server; sound comes in chunks of `CHUNK_MS` at the pace of speech, each word's
transcript just before its sound.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import Literal

from realtime.audio import AudioFormat
from simulator.audio import CHUNK_MS
from simulator.audio import beats
from simulator.conversation import Conversation
from simulator.conversation import Entry
from simulator.replies import Call
from simulator.replies import Part
from simulator.replies import Say
from simulator.timeline import Event
from simulator.timeline import Steps
from simulator.usage import Tokens
from simulator.usage import response_usage
from simulator.usage import spoken_tokens
from simulator.usage import text_tokens

_THINKING: Final = 0.25
"""Seconds to the first output."""
_TOKEN_WAIT: Final = 0.03
"""Seconds between deltas of written text."""
_ARGUMENTS_DELTA: Final = 12
"""Characters of a function call's arguments in one delta."""
_TOKEN_LIMIT: Final = 40_000
_RATE_LIMITS: Final = [
    {"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 0.06},
    {"name": "tokens", "limit": _TOKEN_LIMIT, "remaining": _TOKEN_LIMIT - 4_500, "reset_seconds": 6.75},
]

Status = Literal["completed", "cancelled", "incomplete"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a response was asked to be, with the session's settings filled in; `conversation_id` is None out of band."""

    id: str
    conversation_id: str | None
    modality: str
    voice: Any
    format: AudioFormat
    format_object: Event
    max_tokens: int | str
    metadata: Event | None
    pace: float


@dataclass(slots=True)
class _Open:
    """The output item under way and how much of it was sent."""

    entry: Entry
    index: int
    text: str = ""
    part_open: bool = False


class Response:
    """Plays the parts of one answer. `read` and `cached` are the input it is billed for."""

    def __init__(
        self,
        request: Request,
        parts: tuple[Part, ...],
        new_id: Callable[[str], str],
        items: Conversation,
        *,
        read: Tokens,
        cached: Tokens,
    ) -> None:
        self.request = request
        self.over = False
        self.spoke = False
        """Whether any sound was sent."""
        self.steps: Steps = self._play(parts)
        self._new_id = new_id
        self._items = items
        self._read = read
        self._cached = cached
        self._made = Tokens()
        self._output: list[Event] = []
        self._open: _Open | None = None

    def cut(self, reason: Literal["turn_detected", "client_cancelled"]) -> Iterator[Event]:
        """What is still sent when the answer is cancelled now: ends of all that is open, then `response.done`."""
        if self._open is not None:
            yield from self._closing("incomplete")
        yield self._done("cancelled", {"type": "cancelled", "reason": reason})
        self.over = True

    def _play(self, parts: tuple[Part, ...]) -> Steps:
        yield 0.0, {"type": "response.created", "response": self._resource("in_progress", None, None)}
        yield 0.0, {"type": "rate_limits.updated", "rate_limits": _RATE_LIMITS}
        for index, part in enumerate(parts):
            yield from self._message(index, part) if isinstance(part, Say) else self._call(index, part)
        full = self._full()
        details = {"type": "incomplete", "reason": "max_output_tokens"} if full else None
        yield 0.0, self._done("incomplete" if full else "completed", details)
        self.over = True

    def _message(self, index: int, say: Say) -> Steps:
        item = {
            "id": self._new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        yield from self._begin(Entry(item), index, say.wait)
        part = {"type": "audio", "transcript": ""} if self._spoken else {"type": "text", "text": ""}
        yield 0.0, self._event("response.content_part.added", content_index=0, part=part)
        self._under_way.part_open = True
        yield from self._sound(say.text) if self._spoken else self._writing(say.text)
        for event in self._closing("incomplete" if self._full() else "completed"):
            yield 0.0, event

    def _call(self, index: int, call: Call) -> Steps:
        made = {"call_id": self._new_id("call"), "name": call.name, "arguments": ""}
        item = {"id": self._new_id("item"), "object": "realtime.item", "type": "function_call", "status": "in_progress", **made}
        yield from self._begin(Entry(item), index)
        for start in range(0, len(call.arguments), _ARGUMENTS_DELTA):
            delta = call.arguments[start : start + _ARGUMENTS_DELTA]
            yield self._wait(_TOKEN_WAIT), self._event("response.function_call_arguments.delta", call_id=made["call_id"], delta=delta)
            self._under_way.text += delta
            self._made += Tokens(text=text_tokens(delta))
        for event in self._closing("completed"):
            yield 0.0, event

    def _begin(self, entry: Entry, index: int, wait: float = 0.0) -> Steps:
        self._open = None
        yield (
            self._wait(wait + (_THINKING if index == 0 else 0.0)),
            {"type": "response.output_item.added", "response_id": self.request.id, "output_index": index, "item": entry.shown()},
        )
        self._open = _Open(entry, index)
        if self.request.conversation_id is not None:
            previous = self._items.add(entry)
            yield 0.0, {"type": "conversation.item.added", "previous_item_id": previous, "item": entry.shown()}

    def _sound(self, text: str) -> Steps:
        wait = 0.0
        for beat in beats(text, self.request.format):
            yield wait, self._event("response.output_audio_transcript.delta", content_index=0, delta=beat.text)
            self._under_way.text += beat.text
            self._made += Tokens(text=max(1, text_tokens(beat.text)))
            wait = 0.0
            for chunk in beat.chunks:
                yield wait, self._event("response.output_audio.delta", content_index=0, delta=chunk)
                self._heard_chunk()
                wait = self._wait(CHUNK_MS / 1000)
            if self._full():
                return

    def _heard_chunk(self) -> None:
        self.spoke = True
        self._under_way.entry.audio_ms += CHUNK_MS
        self._made += Tokens(audio=spoken_tokens(CHUNK_MS))

    def _writing(self, text: str) -> Steps:
        for beat in beats(text):
            yield self._wait(_TOKEN_WAIT), self._event("response.output_text.delta", content_index=0, delta=beat.text)
            self._under_way.text += beat.text
            self._made += Tokens(text=max(1, text_tokens(beat.text)))
            if self._full():
                return

    def _closing(self, status: Status) -> Iterator[Event]:
        """Ends the output item under way, with what was sent of it."""
        opened = self._under_way
        item = opened.entry.item
        item["status"] = status
        if item["type"] == "function_call":
            item["arguments"] = opened.text
            if status == "completed":
                said = {"call_id": item["call_id"], "name": item["name"], "arguments": opened.text}
                yield self._event("response.function_call_arguments.done", **said)
        elif opened.part_open:
            yield from self._closing_part(opened)
        if self.request.conversation_id is not None:
            yield {"type": "conversation.item.done", "previous_item_id": self._items.before(opened.entry.id), "item": opened.entry.shown()}
        shown = opened.entry.shown()
        yield {"type": "response.output_item.done", "response_id": self.request.id, "output_index": opened.index, "item": shown}
        self._output.append(shown)
        self._open = None

    def _closing_part(self, opened: _Open) -> Iterator[Event]:
        if self._spoken:
            opened.entry.item["content"] = [{"type": "output_audio", "transcript": opened.text}]
            yield self._event("response.output_audio.done", content_index=0)
            yield self._event("response.output_audio_transcript.done", content_index=0, transcript=opened.text)
            part = {"type": "audio", "transcript": opened.text}
        else:
            opened.entry.item["content"] = [{"type": "output_text", "text": opened.text}]
            yield self._event("response.output_text.done", content_index=0, text=opened.text)
            part = {"type": "text", "text": opened.text}
        yield self._event("response.content_part.done", content_index=0, part=part)

    @property
    def _spoken(self) -> bool:
        return self.request.modality == "audio"

    @property
    def _under_way(self) -> _Open:
        if self._open is None:
            raise RuntimeError("no output item is open")
        return self._open

    def _wait(self, seconds: float) -> float:
        return seconds * self.request.pace

    def _full(self) -> bool:
        limit = self.request.max_tokens
        return isinstance(limit, int) and self._made.total >= limit

    def _event(self, kind: str, **fields: Any) -> Event:
        opened = self._under_way
        return {"type": kind, "response_id": self.request.id, "item_id": opened.entry.id, "output_index": opened.index, **fields}

    def _done(self, status: Status, details: Event | None) -> Event:
        usage = response_usage(self._read, self._cached, self._made)
        return {"type": "response.done", "response": self._resource(status, details, usage)}

    def _resource(self, status: str, details: Event | None, usage: Event | None) -> Event:
        request = self.request
        return {
            "object": "realtime.response",
            "id": request.id,
            "status": status,
            "status_details": details,
            "output": list(self._output),
            "conversation_id": request.conversation_id,
            "output_modalities": [request.modality],
            "max_output_tokens": request.max_tokens,
            "audio": {"output": {"format": request.format_object, "voice": request.voice}},
            "usage": usage,
            "metadata": request.metadata,
        }
