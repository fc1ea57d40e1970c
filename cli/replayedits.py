"""What a replay says otherwise than the recorded client: the model, the voice, the instructions, and settings at places of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from dataclasses import field

from cli.errors import Failure
from cli.replayscript import OWN
from cli.replayscript import Standing
from cli.replayscript import Step
from cli.replayspelling import FLAT_VOICE
from cli.replayspelling import Event
from cli.replayspelling import Path
from cli.replayspelling import Spelling
from cli.replayspelling import encoded
from cli.replayspelling import put
from realtime.dialects.fields import ABSENT
from realtime.dialects.fields import value_at

_TRANSCRIBER: tuple[Path, ...] = (
    ("session", "audio", "input", "transcription", "model"),
    ("session", "input_audio_transcription", "model"),
)


@dataclass(slots=True)
class Edits:
    """`wanted` are set in the first configuration, and again wherever a later message sets them; `named` only where one does."""

    wanted: list[tuple[Path, object]] = field(default_factory=list)
    named: list[tuple[Path, object]] = field(default_factory=list)
    _set: bool = False

    def made(self, event: Event, step: Step) -> Event:
        """The message with what is to be said otherwise."""
        first = step.config and not self._set
        self._set = self._set or step.config
        changes = [(path, value) for path, value in self.wanted if first or value_at(event, path) is not ABSENT]
        changes += [(path, value) for path, value in self.named if value_at(event, path) is not ABSENT]
        made = deepcopy(event) if changes else event
        for path, value in changes:
            put(made, path, _beside(made, path, value))
        return made

    def opening(self, spelling: Spelling, baked: Event, *, greeted: bool) -> tuple[Step, bytes] | None:
        """A configuration to begin with, where the recording has none and something is to be set; `baked` is what stood elsewhere."""
        if not self.wanted and not baked:
            return None
        event = {**spelling.opening, "session": baked} if baked else spelling.opening
        return Step(OWN, 0.0, "", Standing(greeted=greeted), settled=False, config=True), encoded(event)


def edits_of(
    spelling: Spelling,
    model: str,
    *,
    transcribes: bool,
    named_later: bool,
    flat: bool,
    voice: str | None,
    instructions: str | None,
    settings: tuple[str, ...],
) -> Edits:
    """Raises Failure VT105 for what cannot be set in this dialect."""
    places = (_TRANSCRIBER[::-1] if flat else _TRANSCRIBER) if transcribes else spelling.model
    made = Edits(named=[(path, model) for path in places])
    if named_later or not spelling.url_model:
        made.wanted += made.named[:1]
    if voice is not None:
        first, *others = _voices(spelling, flat=flat)
        made.wanted.append((first, voice))
        made.named += [(path, voice) for path in others]
    if instructions is not None:
        if spelling.instructions is None:
            raise Failure("VT105", "--instructions: this protocol has none", "leave it out")
        made.wanted.append((spelling.instructions, spelling.words(instructions)))
    made.wanted += _settings(spelling, settings)
    return made


def _voices(spelling: Spelling, *, flat: bool) -> tuple[Path, ...]:
    if not spelling.voice:
        raise Failure("VT105", "--voice: this protocol has none", "leave it out")
    return FLAT_VOICE if flat else spelling.voice


def _settings(spelling: Spelling, given: tuple[str, ...]) -> Iterator[tuple[Path, object]]:
    for text in given:
        name, equals, value = text.partition("=")
        path = tuple(name.split("."))
        if not equals or not all(path) or spelling.root not in ("", path[0]):
            example = f"{spelling.root}.NAME=VALUE".removeprefix(".")
            raise Failure("VT105", f"--set {text!r} names no setting of this protocol", f"write it as --set {example}")
        yield path, _value(value)


def _value(text: str) -> object:
    """JSON where it is some, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _beside(event: Event, path: Path, value: object) -> object:
    """A model keeps the path that stands before its name (`models/…`)."""
    if path[-1] != "model" or path[0] != "setup" or not isinstance(value, str):
        return value
    found = event.get("setup", {}).get("model")
    return f"{found.rpartition('/')[0] or 'models'}/{value}" if isinstance(found, str) else f"models/{value}"
