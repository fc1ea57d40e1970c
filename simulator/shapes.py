"""The GA client events as shapes: every field of `openai.types.realtime` client types, and which are required.

Beta names (`voice`, `modalities`, …) are unknown here on purpose: that is how the GA server treats them.
"""

from __future__ import annotations

from typing import Final

from simulator.schema import ANY
from simulator.schema import FLAG
from simulator.schema import INTEGER
from simulator.schema import INTEGER_OR_NULL
from simulator.schema import NUMBER
from simulator.schema import OBJECT
from simulator.schema import TEXT
from simulator.schema import TEXT_OR_NULL
from simulator.schema import Either
from simulator.schema import Fields
from simulator.schema import Kinds
from simulator.schema import Many
from simulator.schema import Shape
from simulator.schema import Value
from simulator.schema import one_of

_FORMAT: Final = Kinds(
    "type",
    {
        "audio/pcm": Fields({"type": TEXT, "rate": one_of(24_000)}),
        "audio/pcmu": Fields({"type": TEXT, "rate": one_of(8_000)}),
        "audio/pcma": Fields({"type": TEXT, "rate": one_of(8_000)}),
    },
)
_DETECTION: Final = Kinds(
    "type",
    {
        "server_vad": Fields(
            {
                "type": TEXT,
                "threshold": NUMBER,
                "prefix_padding_ms": INTEGER,
                "silence_duration_ms": INTEGER,
                "idle_timeout_ms": INTEGER_OR_NULL,
                "create_response": FLAG,
                "interrupt_response": FLAG,
            }
        ),
        "semantic_vad": Fields(
            {
                "type": TEXT,
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": FLAG,
                "interrupt_response": FLAG,
            }
        ),
    },
    nullable=True,
)
_TRANSCRIPTION: Final = Fields(
    {
        "model": TEXT,
        "language": TEXT_OR_NULL,
        "languages": Many(TEXT),
        "prompt": TEXT_OR_NULL,
        "keywords": Many(TEXT),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    },
    nullable=True,
)
_NOISE: Final = Fields({"type": one_of("near_field", "far_field"), "strength": NUMBER}, nullable=True)
_INPUT: Final = Fields({"format": _FORMAT, "noise_reduction": _NOISE, "transcription": _TRANSCRIPTION, "turn_detection": _DETECTION})
_VOICE: Final = Either(TEXT, Fields({"id": TEXT}, ("id",)))
_OUTPUT: Final = Fields({"format": _FORMAT, "voice": _VOICE, "speed": NUMBER})
_MODALITIES: Final = Many(one_of("text", "audio"))
_TOKENS: Final = Value("an integer or 'inf'", (int, str), nullable=True)
_TOOLS: Final = Many(Kinds("type", {"function": OBJECT, "mcp": OBJECT}))
_CHOICE: Final = Either(
    one_of("none", "auto", "required"), Kinds("type", {"function": Fields({"type": TEXT, "name": TEXT}, ("name",)), "mcp": OBJECT})
)

_REALTIME: Final = Fields(
    {
        "type": TEXT,
        "model": TEXT_OR_NULL,
        "instructions": TEXT_OR_NULL,
        "output_modalities": _MODALITIES,
        "audio": Fields({"input": _INPUT, "output": _OUTPUT}),
        "tools": _TOOLS,
        "tool_choice": _CHOICE,
        "parallel_tool_calls": FLAG,
        "max_output_tokens": _TOKENS,
        "include": ANY,
        "prompt": ANY,
        "reasoning": ANY,
        "tracing": ANY,
        "truncation": ANY,
    }
)
_TRANSCRIBING: Final = Fields({"type": TEXT, "audio": Fields({"input": _INPUT}), "include": ANY})

SESSION: Final = Kinds("type", {"realtime": _REALTIME, "transcription": _TRANSCRIBING})
"""The settings of a session, as `session.update`, ephemeral keys and calls take them."""

_USER: Final = Kinds(
    "type",
    {
        "input_text": Fields({"type": TEXT, "text": TEXT}, ("text",)),
        "input_audio": Fields({"type": TEXT, "audio": TEXT, "transcript": TEXT_OR_NULL}, ("audio",)),
        "input_image": Fields({"type": TEXT, "image_url": TEXT, "detail": one_of("auto", "low", "high")}, ("image_url",)),
    },
)
_SYSTEM: Final = Kinds("type", {"input_text": Fields({"type": TEXT, "text": TEXT}, ("text",))})
_ASSISTANT: Final = Kinds(
    "type",
    {
        "output_text": Fields({"type": TEXT, "text": TEXT}, ("text",)),
        "output_audio": Fields({"type": TEXT, "audio": TEXT, "transcript": TEXT_OR_NULL}),
    },
)
_ANY_ITEM: Final[dict[str, Shape]] = {"id": TEXT, "type": TEXT, "object": TEXT, "status": TEXT}


def _message(content: Shape) -> Fields:
    return Fields({**_ANY_ITEM, "role": TEXT, "content": Many(content)}, ("content",))


_ITEM: Final = Kinds(
    "type",
    {
        "message": Kinds("role", {"user": _message(_USER), "system": _message(_SYSTEM), "assistant": _message(_ASSISTANT)}),
        "function_call": Fields({**_ANY_ITEM, "call_id": TEXT, "name": TEXT, "arguments": TEXT}, ("name", "arguments")),
        "function_call_output": Fields({**_ANY_ITEM, "call_id": TEXT, "output": TEXT}, ("call_id", "output")),
    },
)
_RESPONSE: Final = Fields(
    {
        "audio": Fields({"output": Fields({"format": _FORMAT, "voice": _VOICE})}),
        "conversation": one_of("auto", "none"),
        "input": Many(Kinds("type", {**_ITEM.shapes, "item_reference": Fields({"type": TEXT, "id": TEXT}, ("id",))})),
        "instructions": TEXT_OR_NULL,
        "max_output_tokens": _TOKENS,
        "metadata": OBJECT,
        "output_modalities": _MODALITIES,
        "parallel_tool_calls": FLAG,
        "prompt": ANY,
        "reasoning": ANY,
        "tool_choice": _CHOICE,
        "tools": _TOOLS,
    },
    nullable=True,
)


def _event(required: tuple[str, ...] = (), /, **fields: Shape) -> Fields:
    return Fields({"type": TEXT, "event_id": TEXT, **fields}, required)


LISTENING: Final[dict[str, Shape]] = {
    "session.update": _event(("session",), session=SESSION),
    "input_audio_buffer.append": _event(("audio",), audio=TEXT),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "conversation.item.retrieve": _event(("item_id",), item_id=TEXT),
    "conversation.item.delete": _event(("item_id",), item_id=TEXT),
}
"""What a transcription session takes."""

TALKING: Final[dict[str, Shape]] = {
    **LISTENING,
    "conversation.item.create": _event(("item",), item=_ITEM, previous_item_id=TEXT_OR_NULL),
    "conversation.item.truncate": _event(
        ("item_id", "content_index", "audio_end_ms"), item_id=TEXT, content_index=INTEGER, audio_end_ms=INTEGER
    ),
    "response.create": _event(response=_RESPONSE),
    "response.cancel": _event(response_id=TEXT),
}
"""What a conversation takes."""

_TRANSLATED: Final = Fields(
    {
        "input": Fields({"transcription": Fields({"model": TEXT}, nullable=True), "noise_reduction": _NOISE}),
        "output": Fields({"language": TEXT}),
    }
)
TRANSLATION: Final = Fields({"type": one_of("translation"), "model": TEXT, "audio": _TRANSLATED}, ("model",))
"""The settings of a translation session, as ephemeral keys and calls take them."""

CLEAR: Final = _event()
"""`output_audio_buffer.clear`, which only calls know."""

TRANSLATING: Final[dict[str, Shape]] = {
    "session.update": _event(("session",), session=Fields({"audio": _TRANSLATED})),
    "session.input_audio_buffer.append": _event(("audio",), audio=TEXT),
    "session.close": _event(),
}
"""What a translation session takes."""
