"""Messages without their sound: base64 of sound and pictures is taken out of a message and can be put back as silence.

Every other byte stays as it came, so that what is kept is still the message, and has its size again once it is filled.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Final
from typing import NamedTuple

from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.jsonedit import Edit
from realtime.jsonedit import edited
from realtime.jsonpath import Keys
from realtime.jsonpath import descend
from realtime.texts import SOUND
from realtime.texts import is_sound

_FIELDS: Final = ("audio", "delta", "image")
"""Where messages that are nothing but sound or a picture have it."""
_SHORTEST: Final = 256
"""Characters of a text that is taken for sound outside of them."""
_BEGINNING: Final = 64
"""Characters by which a text is found; looking for one that is as long as the message takes longer than parsing it."""
_SILENCE: Final = "A"
"""Zero bytes in base64."""
_PADDING: Final = "="


class Elided(NamedTuple):
    """Sound that was taken out: where it stood, and how many characters it had; () for the bytes of a whole binary message.

    So many of them were `padding`: only with it the characters say how many bytes there were.
    """

    keys: Keys
    size: int
    padding: int = 0


def without_sound(frame: Frame) -> tuple[bytes, tuple[Elided, ...]]:
    """The payload with "" in the place of all sound, and what was there. Of a binary message that is no JSON nothing is left."""
    if not frame.text and frame.event is None:
        return b"", (Elided((), len(frame.payload)),)
    if frame.type in AUDIO and (quick := _quickly(frame)) is not None:
        return quick
    return _carefully(frame) if frame.type in SOUND or _has_long_text(frame.payload) else (frame.payload, ())


def filled(payload: bytes, elided: Iterable[Elided], sounds: Sequence[bytes] = ()) -> bytes:
    """The payload with silence in the place of the sound that was taken out, as long as it was.

    `sounds` are put there instead, as far as there are some: base64 as it stood at that place, or the bytes of a binary message.
    Raises LookupError where a place is not there.
    """
    places = tuple(elided)
    if places and not places[0].keys:
        return sounds[0] if sounds else bytes(places[0].size)
    put = [sound.decode() for sound in sounds] + [_silence(place) for place in places[len(sounds) :]]
    return edited(payload, [Edit(place.keys, sound) for place, sound in zip(places, put, strict=True)]) if places else payload


def _silence(place: Elided) -> str:
    return (_SILENCE * (place.size - place.padding)).ljust(place.size, _PADDING)


def _quickly(frame: Frame) -> tuple[bytes, tuple[Elided, ...]] | None:
    """Without parsing the message: its only sound stands in it once, as it was read."""
    name, raw = ("audio", bytes(frame.head.audio)) if frame.from_client else ("delta", bytes(frame.head.delta))
    payload, start = frame.payload, raw[:_BEGINNING]
    at = payload.find(start)
    if len(raw) < 2 or raw[:1] != b'"' or b"\\" in raw or payload.find(start, at + 1) >= 0 or not payload.startswith(raw, at):
        return None
    return payload[: at + 1] + payload[at + len(raw) - 1 :], (Elided((name,), len(raw) - 2, raw.count(b"=", -3)),)


def _carefully(frame: Frame) -> tuple[bytes, tuple[Elided, ...]]:
    event = frame.event
    if event is None:
        return frame.payload, ()
    only = [(name,) for name in _FIELDS] if frame.type in SOUND else []
    found = [
        Elided(keys, len(value), value.count(_PADDING, -2))
        for keys, value in descend(event)
        if isinstance(value, str) and (keys in only or is_sound(keys, value))
    ]
    return (edited(frame.payload, [Edit(place.keys, "") for place in found]), tuple(found)) if found else (frame.payload, ())


def _has_long_text(payload: bytes) -> bool:
    return len(payload) > _SHORTEST and max(map(len, payload.split(b'"'))) > _SHORTEST
