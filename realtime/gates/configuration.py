"""How a session of the OpenAI family is kept from answering by itself, in every shape of its configuration, and how the app is not told.

GA nests the settings of the input under `audio.input`, beta and xAI have `turn_detection` at the top; each is changed where it stands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.dialects.fields import ABSENT
from realtime.dialects.fields import obj
from realtime.dialects.fields import value_at
from realtime.frame import Frame
from realtime.jsonedit import Edit
from realtime.jsonedit import edited

Path = tuple[str, ...]
DETECTION: Final[tuple[Path, ...]] = (("session", "audio", "input", "turn_detection"), ("session", "turn_detection"))
TRANSCRIPTION: Final[tuple[Path, ...]] = (("session", "audio", "input", "transcription"), ("session", "input_audio_transcription"))


@dataclass(slots=True)
class Asked:
    """What the app has: whether the provider is to answer by itself, and whether the app wants transcripts. None: not said."""

    automatic: bool | None = None
    transcripts: bool | None = None

    def take(self, other: Asked) -> None:
        """What a later configuration changes."""
        self.automatic = self.automatic if other.automatic is None else other.automatic
        self.transcripts = self.transcripts if other.transcripts is None else other.transcripts


def asked(event: dict[str, Any]) -> Asked:
    """What a configuration says of the two."""
    made = Asked()
    for path in DETECTION:
        if (value := value_at(event, path)) is not ABSENT:
            made.automatic = isinstance(value, dict) and value.get("create_response") is not False
    for path in TRANSCRIPTION:
        if (value := value_at(event, path)) is not ABSENT:
            made.transcripts = value is not None
    return made


def restrained(frame: Frame, transcriber: str | None) -> bytes:
    """A `session.update` of the app as the provider gets it: no answers by itself, and transcripts in any case."""
    event = frame.event
    if event is None:
        return frame.payload
    edits = []
    for path in DETECTION:
        value = value_at(event, path)
        if isinstance(value, dict) and value.get("create_response") is not False:
            edits.append(Edit(path, {**value, "create_response": False}))
    for path in TRANSCRIPTION:
        if value_at(event, path) is None and transcriber is not None:
            edits.append(Edit(path, {"model": transcriber}))
    return edited(frame.payload, edits) if edits else frame.payload


def concealed(frame: Frame, wants: Asked, *, transcripts: bool) -> bytes:
    """A confirmation of the provider as the app is to see it: with what it asked for; `transcripts` says that those are to be hidden."""
    event = frame.event
    if event is None:
        return frame.payload
    edits = []
    for path in DETECTION:
        value = value_at(event, path)
        if wants.automatic and isinstance(value, dict) and value.get("create_response") is False:
            edits.append(Edit((*path, "create_response"), True))
    for path in TRANSCRIPTION:
        if transcripts and isinstance(value_at(event, path), dict):
            edits.append(Edit(path, None))
    return edited(frame.payload, edits) if edits else frame.payload


def opening(event: dict[str, Any], transcriber: str | None, said: Asked, event_id: str) -> bytes | None:
    """Our own `session.update` for a session as the provider begins it; None where it needs none.

    `said` is what the app has configured before: that stays as it is.
    """
    session = obj(event, "session")
    nested = isinstance(session.get("audio"), dict)
    inner: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for path, place in zip(DETECTION, (inner, made), strict=True):
        value = value_at(event, path)
        if said.automatic is None and isinstance(value, dict) and value.get("create_response") is not False:
            place["turn_detection"] = {**value, "create_response": False}
    has_one = any(isinstance(value_at(event, path), dict) for path in TRANSCRIPTION)
    if said.transcripts is None and not has_one and transcriber is not None:
        (inner if nested else made)["transcription" if nested else "input_audio_transcription"] = {"model": transcriber}
    if inner:
        made["audio"] = {"input": inner}
    if not made:
        return None
    kind = {"type": session["type"]} if isinstance(session.get("type"), str) else {}
    return json.dumps({"type": "session.update", "event_id": event_id, "session": {**kind, **made}}).encode()
