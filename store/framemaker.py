"""What is kept of a message that crossed: by the rules of that moment its envelope alone, or what was in it, redacted and without sound.

Nothing is kept that policies redacted, nor what they stopped unless everything is kept; credentials never are.
"""

from __future__ import annotations

import logging
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from typing import Literal
from typing import NamedTuple

from realtime.audio import AudioFormat
from realtime.elision import Elided
from realtime.elision import without_sound
from realtime.frame import Frame
from realtime.made import Operated
from realtime.policies import PolicySet
from realtime.policies.masking import Masker
from realtime.recent import Recent
from realtime.secrecy import Secrets
from store.frames import MAX_TYPE
from store.frames import Event
from store.frames import Found
from store.frames import Maker
from store.frames import Outcome
from store.frames import Sound
from store.frames import Was
from store.frames import encoded

logger = logging.getLogger(__name__)

_TYPES: Final = 256
"""Event types that are remembered, free of credentials."""

Formats = tuple[AudioFormat | None, AudioFormat | None]
"""Of the user's sound and of the model's, where they are known."""


Keeps = Literal["events", "all"]


class Crossed(NamedTuple):
    """A message, what was sent of it (None: nothing), and whether it is the proxy's own word. `lost` came before it and are not kept."""

    frame: Frame
    payload: bytes | None
    own: bool
    turn: int | None = None
    findings: tuple[Found, ...] = ()
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Manner:
    """How messages are kept: `log.frames` and `log.content` of the rules, and what is masked: in all that is kept redacted.

    Where everything is kept, `masks` are for what was stopped before it was redacted.
    """

    keeps: Keeps
    content: Literal["metadata", "redacted", "full"]
    masks: PolicySet | None = None


class FrameMaker:
    """Makes the lines of one session, in order; `opened` is when it began, by the clock of its frames, `dialect` its dialect's name."""

    def __init__(self, opened: float, dialect: Callable[[], str], secrets: Secrets) -> None:
        self._opened = opened
        self._dialect = dialect
        self._secrets = secrets
        self.count = 0
        """Messages so far."""
        self._masker: Masker | None = None
        self._types: Recent[str, str] = Recent(_TYPES)

    def line(self, crossed: Crossed, manner: Manner, formats: Formats) -> bytes:
        """The line of the next message."""
        frame, payload = crossed.frame, crossed.payload
        shown = frame if payload is None or payload is frame.payload else _with(frame, payload)
        came = frame.was if isinstance(frame, Operated) and frame.was is not None else frame
        self.count += 1
        event = Event(
            n=self.count,
            at=round((frame.at - self._opened) * 1e6),
            from_="client" if frame.from_client else "server",
            type=self._type(shown),
            size=len(shown.payload),
            by=_maker(frame),
            outcome=_outcome(crossed),
            opcode="text" if frame.text else "binary",
            turn=crossed.turn,
            findings=list(crossed.findings),
            lost=crossed.lost,
        )
        if shown is not came:
            event.was = Was(self._type(came), len(came.payload))
        if manner.content == "full" or (manner.content == "redacted" and payload is not None):
            masks = manner.masks if manner.content == "redacted" or payload is None else None
            self._filled(event, shown, manner.keeps, masks, formats[0 if frame.from_client else 1])
        return encoded(event)

    def _filled(self, event: Event, frame: Frame, keeps: Keeps, masks: PolicySet | None, form: AudioFormat | None) -> None:
        """What cannot be looked at is kept without its content."""
        try:
            self._fill(event, frame, keeps, masks, form)
        except Exception:
            logger.exception("the content of message %d is not kept", event.n)
            event.payload, event.data, event.elided, event.masked = None, None, [], True

    def _fill(self, event: Event, frame: Frame, keeps: Keeps, masks: PolicySet | None, form: AudioFormat | None) -> None:
        """Put in what was said, as far as it is kept."""
        kept = self._masked(frame, masks) if masks is not None else frame.payload
        event.masked = kept is not frame.payload
        if kept is None:
            return
        shown = frame if kept is frame.payload else _with(frame, kept)
        event.type = self._type(shown)
        payload, elided = without_sound(shown) if keeps == "events" else (kept, ())
        event.elided = [_sound(one, form) for one in elided]
        _put(event, self._blanked(payload), text=frame.text or bool(frame.event))

    def _masked(self, frame: Frame, masks: PolicySet) -> bytes | None:
        if self._masker is None:
            self._masker = Masker(masks, self._dialect())
        self._masker.use(masks)
        return self._masker.masked(frame)

    def _type(self, frame: Frame) -> str:
        kind = frame.type[:MAX_TYPE]
        known = self._types.get(kind)
        if known is None:
            known = self._types[kind] = self._secrets.upstream.blanked_text(self._secrets.client.blanked_text(kind))
        return known

    def _blanked(self, payload: bytes) -> bytes:
        return self._secrets.upstream.blanked(self._secrets.client.blanked(payload))


def _with(frame: Frame, payload: bytes) -> Frame:
    return Frame(frame.from_client, payload, text=frame.text, at=frame.at, injected=frame.injected)


def _maker(frame: Frame) -> Maker:
    if isinstance(frame, Operated):
        return "operator"
    return "script" if frame.scripted else "proxy" if frame.injected else "side"


def _outcome(crossed: Crossed) -> Outcome:
    frame, payload = crossed.frame, crossed.payload
    if payload is None:
        return "dropped"
    if crossed.own or frame.injected:
        return "told" if crossed.own else "added"
    return "passed" if payload is frame.payload and not frame.scripted and not isinstance(frame, Operated) else "changed"


def _put(event: Event, payload: bytes, *, text: bool) -> None:
    """As text where it is some, else in base64; nothing where only sound was in it."""
    try:
        event.payload = payload.decode() if text else None
    except UnicodeDecodeError:
        event.payload = None
    if event.payload is None and (payload or not event.elided):
        event.data = b2a_base64(payload, newline=False).decode()


def _sound(elided: Elided, form: AudioFormat | None) -> Sound:
    declared = f"{form.encoding}/{form.rate}" if form is not None and form.rate else None
    return Sound(list(elided.keys), elided.size, declared, elided.padding)
