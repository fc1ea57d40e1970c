"""Text slots of Gemini Live, in both JSON spellings of every field; its messages have no type, so every slot is looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from typing import Final

from realtime.dialects.fields import Fields
from realtime.dialects.fields import text
from realtime.jsonpath import Keys
from realtime.texts.slot import Kind
from realtime.texts.slot import Read
from realtime.texts.slot import Slots
from realtime.texts.slot import Stream
from realtime.texts.slot import Table
from realtime.texts.slot import Text
from realtime.texts.slot import gather
from realtime.texts.slot import leaves
from realtime.texts.slot import nested
from realtime.texts.slot import slots
from realtime.texts.slot import words


def both_spellings(*rows: tuple[str, Read]) -> Slots:
    """Slots whose paths are read in camel case as written, and in snake case."""
    snake = [(re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), path), read) for path, read in rows]
    return slots(*dict.fromkeys(row for pair in zip(rows, snake, strict=True) for row in pair))


def _piece(kind: Kind, name: str) -> Read:
    """A piece of the one text of this kind that is open; there are no ids."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        if isinstance(value, str) and value:
            yield Text(kind, keys, value, Stream(None, None, 0, kind, name), "delta")

    return read


def _turn(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
    """One turn that the client puts into the history: words of the user, or of the model in an earlier session."""
    if isinstance(value, dict):
        yield from gather(_OF_MODEL if text(value, "role") == "model" else _OF_USER, event, value, keys)


def _parts(kind: Kind) -> Slots:
    return both_spellings(
        ("$.parts[*].text", words(kind)),
        ("$.parts[*].functionCall.args", leaves("tool_arguments")),
        ("$.parts[*].functionResponse.response", leaves("tool_result")),
    )


_OF_USER: Final = _parts("user_text")
_OF_MODEL: Final = _parts("model_text")

_SETUP: Final = nested(
    both_spellings(
        ("$.systemInstruction.parts[*].text", words("instructions")),
        ("$.systemInstruction.text", words("instructions")),
        ("$.tools[*]", leaves("tool_schema")),
        ("$.tools.tools[*]", leaves("tool_schema")),
    )
)

FROM_CLIENT: Final[Table] = {
    "": both_spellings(
        ("$.setup", _SETUP),
        ("$.contextUpdate", _SETUP),
        ("$.clientContent.turns[*]", _turn),
        ("$.realtimeInput.text", words("user_text")),
        ("$.toolResponse.functionResponses[*].response", leaves("tool_result")),
    )
}

FROM_SERVER: Final[Table] = {
    "": both_spellings(
        ("$.serverContent.modelTurn.parts[*].text", _piece("model_text", "modelTurn")),
        ("$.serverContent.modelTurn.parts[*].executableCode.code", words("model_text")),
        ("$.serverContent.modelTurn.parts[*].codeExecutionResult.output", words("tool_result")),
        ("$.serverContent.outputTranscription.text", _piece("model_transcript", "outputTranscription")),
        ("$.serverContent.inputTranscription.text", _piece("user_transcript", "inputTranscription")),
        ("$.toolCall.functionCalls[*].args", leaves("tool_arguments")),
    )
}
