"""The hints of one session, each code once: names, sound, a second request, an answer without usage, another model.

Fed with what crossed, in its order; holds no text of a message but names of fields. Only what is certain or nearly so is told.
"""

from __future__ import annotations

from typing import Final

from realtime.audio import AudioFormat
from realtime.dialects.fields import obj
from realtime.frame import Frame
from realtime.hints.hint import Hint
from realtime.hints.names import ASKS
from realtime.hints.names import Shape
from realtime.hints.names import shape_of
from realtime.hints.names import strange
from realtime.hints.requests import Requests
from realtime.hints.sounds import Sounds
from realtime.signals import AudioIn
from realtime.signals import ResponseFinished
from realtime.signals import SessionConfig
from realtime.signals import Signal

_REPORTS_USAGE: Final = frozenset(("openai", "azure", "simulator"))
"""Kinds of providers whose every completed answer says what it used. Azure's Voice Live, which speaks the beta's names, does not always."""
_MISSED: Final = Hint(
    "usage_missing",
    "an answer was completed without usage, which this provider reports",
    "Its cost is not known here; look for it in the provider's own account of the usage.",
    "info",
)
MOST_SOUND: Final = 3_000
"""Messages of sound that are looked at, a minute or more: an app that declares its sound rightly does not pay for it all day."""
_SOUND: Final = frozenset(("audio_header", "audio_odd_bytes", "audio_pace"))


class Hints:
    """`found` are those that nobody has taken yet. `kind` is the kind of the session's provider."""

    __slots__ = ("_asked", "_confirmed", "_early", "_heard", "_requests", "_shape", "_sounds", "_told", "found", "hears", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.found: list[Hint] = []
        self.hears = True
        """Whether something of the sound is still to be told."""
        self._heard = 0
        self._told: set[str] = set()
        self._shape: Shape | None = None
        self._early: dict[Shape, Hint] | None = {}
        """What there is to say once the endpoint has shown its shape; None when it did."""
        self._requests = Requests()
        self._sounds = Sounds()
        self._confirmed: AudioFormat | None = None
        self._asked: AudioFormat | None = None

    def take(self) -> list[Hint]:
        """Those that are new."""
        found, self.found = self.found, []
        return found

    def tell(self, hint: Hint | None) -> None:
        """Keep a hint whose code was not told yet."""
        if hint is None or hint.code in self._told:
            return
        self._told.add(hint.code)
        self.found.append(hint)
        self.hears = self.hears and not self._told >= _SOUND

    def message(self, frame: Frame) -> None:
        """A message in the OpenAI dialect that is no mere sound."""
        kind = frame.type
        if frame.from_client:
            if kind == "response.cancel":
                self._requests.cancelled()
            elif kind in ASKS and (event := frame.event) is not None:
                for shape, hint in strange(event):
                    self._named(shape, hint)
        elif kind == "session.created" and (event := frame.event) is not None:
            self._created(shape_of(obj(event, "session")))

    def sound(self, signal: AudioIn, at: float) -> None:
        """Sound of the client, while `hears`."""
        self._heard += 1
        self.hears = self._heard < MOST_SOUND
        self.tell(self._sounds.judge(signal.data, signal.size, at, signal.format))

    def see(self, dialect: str, signal: Signal, at: float) -> None:
        """Anything that is neither sound nor text."""
        if isinstance(signal, SessionConfig):
            self._configured(signal)
        if dialect != "openai":
            return
        self.tell(self._requests.see(signal, at))
        if isinstance(signal, ResponseFinished):
            self._finished(signal)

    def _configured(self, signal: SessionConfig) -> None:
        """Between what a client asks for and what the provider confirms, nobody knows the format that is in force."""
        declared = signal.input_format
        if signal.confirmed:
            self._confirmed, self._asked = declared or self._asked or self._confirmed, None
        elif declared is not None and declared != self._confirmed:
            self._asked = declared
        self._sounds.declare(self._confirmed if self._asked is None else None)

    def _named(self, shape: Shape, hint: Hint) -> None:
        if self._early is not None:
            self._early.setdefault(shape, hint)
        elif shape == self._shape:
            self.tell(hint)

    def _created(self, shape: Shape | None) -> None:
        if self._early is None:
            return
        self._shape, early, self._early = shape, self._early, None
        if shape is not None:
            self.tell(early.get(shape))

    def _finished(self, signal: ResponseFinished) -> None:
        if signal.usage is None and signal.status == "completed" and self.kind in _REPORTS_USAGE:
            self.tell(_MISSED if self.kind != "azure" or self._shape == "ga" else None)
