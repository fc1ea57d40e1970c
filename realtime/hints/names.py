"""The two spellings of OpenAI Realtime: which of them an endpoint speaks, and which of a client's names are of the other one.

Source: the types of openai-python 2 (`types/realtime` and `types/beta/realtime`), Azure's guide for moving from preview to GA. An
endpoint that mixes both (xAI), or that shows neither, is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from typing import Literal
from typing import NamedTuple

from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import text
from realtime.hints.hint import Hint

Shape = Literal["ga", "beta"]


class _Name(NamedTuple):
    """A name that only one shape knows: where it stands, and what the other one says instead."""

    shape: Shape
    path: tuple[str, ...]
    instead: str


_TYPES: Final[dict[str, str]] = {"transcription_session.update": 'session.update with session.type "transcription"'}
"""Event types that are beta's alone."""

_IN_SESSION: Final = (
    _Name("beta", ("session", "modalities"), "session.output_modalities"),
    _Name("beta", ("session", "input_audio_format"), "session.audio.input.format"),
    _Name("beta", ("session", "output_audio_format"), "session.audio.output.format"),
    _Name("beta", ("session", "input_audio_transcription"), "session.audio.input.transcription"),
    _Name("beta", ("session", "input_audio_noise_reduction"), "session.audio.input.noise_reduction"),
    _Name("beta", ("session", "turn_detection"), "session.audio.input.turn_detection"),
    _Name("beta", ("session", "voice"), "session.audio.output.voice"),
    _Name("beta", ("session", "max_response_output_tokens"), "session.max_output_tokens"),
    _Name("ga", ("session", "output_modalities"), "session.modalities"),
    _Name("ga", ("session", "audio"), "session.input_audio_format, session.voice and session.turn_detection"),
    _Name("ga", ("session", "max_output_tokens"), "session.max_response_output_tokens"),
)
_IN_RESPONSE: Final = (
    _Name("beta", ("response", "modalities"), "response.output_modalities"),
    _Name("beta", ("response", "voice"), "response.audio.output.voice"),
    _Name("beta", ("response", "output_audio_format"), "response.audio.output.format"),
    _Name("ga", ("response", "output_modalities"), "response.modalities"),
    _Name("ga", ("response", "audio"), "response.voice and response.output_audio_format"),
)
_NAMES: Final = {"session.update": _IN_SESSION, "response.create": _IN_RESPONSE}

ASKS: Final = frozenset((*_NAMES, *_TYPES))
"""Types of client messages in which a name can be of the other shape."""

_CODES: Final[dict[Shape, str]] = {"beta": "beta_name", "ga": "ga_name"}
_CALLED: Final[dict[Shape, str]] = {"beta": "the beta", "ga": "GA"}
_ANSWERS: Final[dict[Shape, str]] = {
    "ga": "its answers come as response.output_text.delta and response.output_audio.delta",
    "beta": "its answers come as response.text.delta and response.audio.delta",
}

_FLAT: Final = ("modalities", "input_audio_format", "output_audio_format", "turn_detection", "voice")
_OTHER: Final[dict[Shape, Shape]] = {"ga": "beta", "beta": "ga"}


def shape_of(session: Fields) -> Shape | None:
    """What a `session.created` gives away, None where it could be either."""
    is_flat = any(name in session for name in _FLAT)
    is_nested = "output_modalities" in session or bool(obj(session, "audio"))
    if is_nested and not is_flat and text(session, "type") in ("realtime", "transcription"):
        return "ga"
    if not is_nested and "type" not in session and "modalities" in session and "input_audio_format" in session:
        return "beta"
    return None


def strange(event: Fields) -> Iterator[tuple[Shape, Hint]]:
    """For each shape that does not know a name of this client's message, the hint about the first such name."""
    kind = text(event, "type") or ""
    if kind in _TYPES:
        yield "ga", _hint("beta", f"the event {kind}", _TYPES[kind], ("type",))
        return
    for shape, other in _OTHER.items():
        found = (name for name in _NAMES.get(kind, ()) if name.shape == other and name.path[1] in obj(event, name.path[0]))
        if (name := next(found, None)) is not None:
            yield shape, _hint(other, ".".join(name.path), name.instead, name.path)


def _hint(theirs: Shape, name: str, instead: str, path: tuple[str, ...]) -> Hint:
    ours = _OTHER[theirs]
    return Hint(
        _CODES[theirs],
        f"{name} is a name of {_CALLED[theirs]}, and this endpoint speaks {_CALLED[ours]}",
        f"Send {instead} instead; {_ANSWERS[ours]}.",
        path=path,
    )
