"""A GA conversation: items, responses, barge-in, cancel, truncate, tool calls, out-of-band responses."""

from __future__ import annotations

from typing import Any
from typing import ClassVar
from typing import Final
from typing import Literal

from simulator.config import Config
from simulator.config import audio_format
from simulator.config import updated
from simulator.conversation import Entry
from simulator.listening import Listening
from simulator.machine import Setup
from simulator.machine import sound
from simulator.replies import Turn
from simulator.replies import reply
from simulator.responses import Request
from simulator.responses import Response
from simulator.schema import Refused
from simulator.schema import unsupported
from simulator.shapes import TALKING
from simulator.timeline import Event
from simulator.usage import Tokens
from simulator.usage import cached_part
from simulator.usage import text_tokens

_PER_RESPONSE: Final = ("instructions", "output_modalities", "tools", "tool_choice", "max_output_tokens")
_MOST_TOKENS: Final = 4_096
_WAIT: Final = "Wait until the response is finished before creating a new one."


class RealtimeSession(Listening):
    """`session.type` is `realtime`."""

    kind: ClassVar[Literal["realtime"]] = "realtime"
    shapes = TALKING

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.conversation_id = self.new_id("conv")
        self._active: Response | None = None
        self._aside: list[Response] = []
        self._spoke = False
        self._read_before = Tokens()
        self._answers = 0
        self.handlers |= {
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate,
            "response.create": self._create_response,
            "response.cancel": self._cancel,
        }

    def check_update(self, update: Config) -> None:
        super().check_update(update)
        check_output(update, "session")
        voice = update.get("audio", {}).get("output", {}).get("voice")
        if voice is not None and voice != self.config["audio"]["output"]["voice"] and self._has_spoken():
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refused("cannot_update_voice", message, "session.audio.output.voice")

    @property
    def interruptible(self) -> bool:
        """Whether the voice of the user cuts an answer short."""
        return self.detection is not None and bool(self.detection["interrupt_response"])

    def cut_short(self, item_id: str, milliseconds: int) -> None:
        """The transport knows that only so much of an item was played: truncates it, if it is in the conversation, and tells."""
        try:
            self._truncate({"item_id": item_id, "content_index": 0, "audio_end_ms": milliseconds})
        except Refused:
            return

    def _has_spoken(self) -> bool:
        return self._spoke or (self._active is not None and self._active.spoke)

    def speech_began(self) -> None:
        active = self._running()
        if active is not None and self.interruptible:
            self._stop(active, "turn_detected")

    def turn_taken(self) -> None:
        if self.detection is None or not self.detection["create_response"]:
            return
        try:
            self._respond({})
        except Refused as refusal:
            self.refuse(refusal)

    def _create_item(self, event: Event) -> None:
        item = dict(event["item"])
        if item["type"] == "function_call_output" and not self.items.has_call(item["call_id"]):
            raise Refused("invalid_tool_call_id", f"Tool call ID '{item['call_id']}' not found in conversation.", "item.call_id")
        self.add_item(self._entry(item), event.get("previous_item_id"))

    def _entry(self, item: Event) -> Entry:
        """A client's item as the server keeps it: with an id, its sound measured and dropped."""
        made = {"id": self.new_id("item"), "object": "realtime.item", "status": "completed", **item}
        if made["type"] != "message":
            return Entry(made)
        sounds = [sound(part) for part in made["content"] if "audio" in part]
        made["content"] = [{key: value for key, value in part.items() if key != "audio"} for part in made["content"]]
        seconds = audio_format(self.config["audio"]["input"]["format"]).seconds(sum(map(len, sounds))) or 0.0
        silent = any(part["type"] == "input_audio" and not part.get("transcript") for part in made["content"])
        return Entry(made, int(seconds * 1000), self.next_words() if silent else "")

    def _truncate(self, event: Event) -> None:
        self.items.truncate(event["item_id"], event["content_index"], event["audio_end_ms"])
        told = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self.send({"type": "conversation.item.truncated", **told})

    def _create_response(self, event: Event) -> None:
        self._respond(event.get("response") or {})

    def _respond(self, asked: Config) -> None:
        aside = asked.get("conversation") == "none"
        active = self._running()
        if active is not None and not aside:
            seen = f"Conversation already has an active response in progress: {active.request.id}."
            raise Refused("conversation_already_has_active_response", f"{seen} {_WAIT}")
        check_output(asked, "response")
        context = self._context(asked)
        response = self._response(asked, context, aside)
        if aside:
            self._aside = [*(each for each in self._aside if not each.over), response]
        else:
            self._active = response
        self.timeline.play(self.now, response.steps)

    def _running(self) -> Response | None:
        if self._active is not None and self._active.over:
            self._spoke = self._spoke or self._active.spoke
            self._active = None
        return self._active

    def _context(self, asked: Config) -> list[Entry]:
        if "input" not in asked:
            return list(self.items)
        return [
            self.items.find(item["id"], "item_reference") if item["type"] == "item_reference" else self._entry(dict(item))
            for item in asked["input"]
        ]

    def _response(self, asked: Config, context: list[Entry], aside: bool) -> Response:
        config = self._effective(asked)
        read = sum((entry.tokens for entry in context), Tokens(text_tokens(f"{config['instructions']}{config['tools'] or ''}")))
        cached = cached_part(self._read_before, read)
        self._read_before = self._read_before if aside else read
        turn = self._turn(asked, config, context)
        parts = reply(self.setup.script, turn)
        return Response(self._request(asked, config, aside), parts, self.new_id, self.items, read=read, cached=cached)

    def _effective(self, asked: Config) -> Config:
        """The session's settings with those of one response over them."""
        output = asked.get("audio", {}).get("output", {})
        plain: Config = {key: asked[key] for key in _PER_RESPONSE if key in asked}
        return updated(self.config, {**plain, "audio": {"output": output}})

    def _request(self, asked: Config, config: Config, aside: bool) -> Request:
        output = config["audio"]["output"]
        return Request(
            id=self.new_id("resp"),
            conversation_id=None if aside else self.conversation_id,
            modality=config["output_modalities"][0],
            voice=output["voice"]["id"] if isinstance(output["voice"], dict) else output["voice"],
            format=self.setup.line or audio_format(output["format"]),
            format_object=output["format"],
            max_tokens="inf" if config["max_output_tokens"] is None else config["max_output_tokens"],
            metadata=asked.get("metadata"),
            pace=self.setup.pace,
        )

    def _turn(self, asked: Config, config: Config, context: list[Entry]) -> Turn:
        self._answers += 1
        text, results = _last_turn(context)
        return Turn(
            text=text,
            results=results,
            instructions=asked.get("instructions") or "",
            tools=config["tools"],
            tool_choice=config["tool_choice"],
            parallel=bool({**self.config, **asked}.get("parallel_tool_calls", True)),
            number=self._answers - 1,
        )

    def _cancel(self, event: Event) -> None:
        wanted = event.get("response_id")
        active = self._running()
        open_ones = [each for each in ([active] if active else []) + self._aside if not each.over]
        found = [each for each in open_ones if each.request.id == wanted] if wanted else [each for each in open_ones if each is active]
        if not found:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found.", "response_id" if wanted else None)
        self._stop(found[0], "client_cancelled")

    def _stop(self, response: Response, reason: Literal["turn_detected", "client_cancelled"]) -> None:
        self.timeline.stop(response.steps)
        for event in response.cut(reason):
            self.send(event)


def _last_turn(context: list[Entry]) -> tuple[str, tuple[str, ...]]:
    """The user's last words and the tool results that came after them."""
    results: list[str] = []
    for entry in reversed(context):
        if entry.item["type"] == "function_call_output":
            results.append(entry.item["output"])
        elif entry.item.get("role") == "user":
            return entry.words, tuple(reversed(results))
    return "", tuple(reversed(results))


def check_output(given: dict[str, Any], path: str) -> None:
    """The rules for settings named `path` that a table of shapes cannot say; raises `Refused`."""
    modalities = given.get("output_modalities")
    if modalities is not None and modalities not in (["text"], ["audio"]):
        raise unsupported(f"{path}.output_modalities", modalities, (["text"], ["audio"]))
    tokens = given.get("max_output_tokens")
    if tokens is not None and tokens != "inf" and not (isinstance(tokens, int) and 1 <= tokens <= _MOST_TOKENS):
        message = f"Invalid value: '{tokens}'. Expected an integer from 1 to {_MOST_TOKENS}, or 'inf'."
        raise Refused("invalid_value", message, f"{path}.max_output_tokens")
