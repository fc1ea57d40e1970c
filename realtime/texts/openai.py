"""Text slots of the OpenAI family: both spellings of every event, Live, translation, and what other servers add to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Final

from realtime.dialects.fields import Fields
from realtime.jsonpath import Keys
from realtime.texts.items import item_by
from realtime.texts.items import part_by
from realtime.texts.items import tool
from realtime.texts.slot import Kind
from realtime.texts.slot import Slots
from realtime.texts.slot import Table
from realtime.texts.slot import Text
from realtime.texts.slot import gather
from realtime.texts.slot import leaves
from realtime.texts.slot import nested
from realtime.texts.slot import slots
from realtime.texts.slot import streamed
from realtime.texts.slot import words

_ORDERS: Final = words("instructions")
_SAID: Final = item_by("assistant")
_SENT: Final = item_by("user")

_TASK: Final = (
    ("$.instructions", _ORDERS),
    ("$.tools[*]", tool),
    ("$.prompt.variables", leaves("instructions")),
    ("$.input[*]", _SENT),
)
"""What a session and the request of an answer have in common."""

_SESSION: Final = nested(
    slots(
        *_TASK,
        ("$.audio.input.transcription.prompt", _ORDERS),
        ("$.audio.input.transcription.keyterms", leaves("instructions")),
        ("$.input_audio_transcription.prompt", _ORDERS),
        ("$.delegation.responses.instructions", _ORDERS),
        ("$.delegation.responses.tools[*]", tool),
    )
)
_REQUEST: Final = nested(slots(*_TASK, ("$.append_input_items[*]", _SENT)))
_ANSWER: Final = nested(slots(("$.output[*]", _SAID), ("$.instructions", _ORDERS), ("$.tools[*]", tool)))

_SESSION_SLOTS: Final = slots(("$.session", _SESSION))
_SENT_ITEM: Final = slots(("$.item", _SENT))
_SEEN_ITEM: Final = slots(("$.item", _SAID))
_ANSWER_SLOTS: Final = slots(("$.response", _ANSWER))
_PART: Final = slots(("$.part", part_by("assistant")))
_NOTE: Final = leaves("instructions")
_ADDED: Final = slots(("$.text", _NOTE), ("$.content", _NOTE), ("$.instructions", _NOTE), ("$.thinking", _NOTE), ("$.commentary", _NOTE))

_HEARD: Final = "conversation.item.input_audio_transcription"

_STREAMS: Final[tuple[tuple[str, Kind, str], ...]] = (
    ("response.output_text", "model_text", "text"),
    ("response.text", "model_text", "text"),
    ("response.output_audio_transcript", "model_transcript", "transcript"),
    ("response.audio_transcript", "model_transcript", "transcript"),
    ("response.function_call_arguments", "tool_arguments", "arguments"),
    ("response.mcp_call_arguments", "mcp", "arguments"),
    ("input_text", "user_text", "text"),
)
"""Texts that come as `<name>.delta` with `delta` and end with `<name>.done`, in the field named last."""


def _stream_rows() -> Iterator[tuple[str, Slots]]:
    for name, kind, field in _STREAMS:
        draft = streamed(kind, "draft", name)
        yield f"{name}.delta", slots(("$.delta", streamed(kind, "delta", name)))
        yield f"{name}.done", slots((f"$.{field}", streamed(kind, "final", name)))
        yield f"{name}.text", slots(("$.text", draft), ("$.stash", draft))


def _delegated(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
    """An event of the Responses API inside one of Live; it names its items the same way."""
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str):
        yield from gather(FROM_SERVER.get(kind, ()), value, value, keys)


_SO_FAR: Final = streamed("user_transcript", "draft", _HEARD)

FROM_CLIENT: Final[Table] = {
    "session.update": _SESSION_SLOTS,
    "session.start": _SESSION_SLOTS,
    "transcription_session.update": _SESSION_SLOTS,
    "conversation.item.create": _SENT_ITEM,
    "response.create": slots(("$.response", _REQUEST)),
    "response.item.create": _SENT_ITEM,
    "decision.item.create": _SENT_ITEM,
    "decision.create": slots(("$.decision", _REQUEST)),
    "session.instructions.append": _ADDED,
    "session.thinking.append": _ADDED,
    "session.commentary.append": _ADDED,
    "mcp_approval_response": slots(("$.reason", words("mcp"))),
    "input_text.delta": slots(("$.delta", streamed("user_text", "delta", "input_text"))),
    "input_text.done": slots(("$.text", streamed("user_text", "final", "input_text"))),
}

FROM_SERVER: Final[Table] = {
    **dict(_stream_rows()),
    "session.created": _SESSION_SLOTS,
    "session.updated": _SESSION_SLOTS,
    "session.started": _SESSION_SLOTS,
    "session.closed": _SESSION_SLOTS,
    "transcription_session.created": _SESSION_SLOTS,
    "transcription_session.updated": _SESSION_SLOTS,
    "conversation.item.created": _SEEN_ITEM,
    "conversation.item.added": _SEEN_ITEM,
    "conversation.item.done": _SEEN_ITEM,
    "conversation.item.retrieved": _SEEN_ITEM,
    "response.output_item.added": _SEEN_ITEM,
    "response.output_item.done": _SEEN_ITEM,
    "response.content_part.added": _PART,
    "response.content_part.done": _PART,
    "response.created": _ANSWER_SLOTS,
    "response.done": _ANSWER_SLOTS,
    "response.completed": _ANSWER_SLOTS,
    "response.incomplete": _ANSWER_SLOTS,
    f"{_HEARD}.delta": slots(("$.delta", streamed("user_transcript", "delta", _HEARD))),
    f"{_HEARD}.completed": slots(("$.transcript", streamed("user_transcript", "final", _HEARD))),
    f"{_HEARD}.segment": slots(("$.text", words("user_transcript"))),
    f"{_HEARD}.updated": slots(("$.transcript", _SO_FAR), ("$.text", _SO_FAR)),
    f"{_HEARD}.text": slots(("$.text", _SO_FAR), ("$.transcript", _SO_FAR), ("$.stash", _SO_FAR)),
    "response.audio_timestamp.delta": slots(("$.text", streamed("model_transcript", "delta", "timestamp"))),
    "session.input_transcript.delta": slots(("$.delta", streamed("user_transcript", "delta"))),
    "session.output_transcript.delta": slots(("$.delta", streamed("model_transcript", "delta"))),
    "session.instructions.appended": _ADDED,
    "session.thinking.appended": _ADDED,
    "session.commentary.appended": _ADDED,
    "decision.item.created": _SEEN_ITEM,
    "response.event": slots(("$.event", _delegated)),
    "decision.event": slots(("$.event.decision", leaves("model_text"))),
}
"""`.text` and `.updated` are Bailian's and xAI's drafts, `response.audio_timestamp` and `input_text` are Voice Live's."""
