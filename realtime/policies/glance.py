"""Messages that pass at one glance: sound beside a few names, and pieces of a text in which no policy finds anything.

Guarantees: what passes here is what policies that look for something, asked one by one, would have let pass as it is, and what
is remembered of it is the same.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import NamedTuple

from realtime.detectors.sieve import Seeker
from realtime.detectors.sieve import Sieve
from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.jsonpath import Keys
from realtime.policies.passage import Passage
from realtime.policies.policy import Applicable
from realtime.policies.streams import Streams
from realtime.texts import Text
from realtime.texts import has_words
from realtime.texts import is_sound
from realtime.texts import may_end
from realtime.texts import texts

_MEMBERS: Final = 64
_LONGEST: Final = 1024
"""Members of a message and characters of a text that are looked at here: so little takes no time worth measuring."""
_NAME: Final = 64
_FRESH: Final = "event_id"
_FRESH_VALUE: Final = b'"event_id":"'
"""Differs in every message, so it is not worth remembering."""


class Glance(NamedTuple):
    """Whether a message passes for certain; if not, the texts to which pieces in it were added already (None: not yet)."""

    passes: bool
    fed: list[Passage] | None = None


_PASSES: Final = Glance(True)
UNSURE: Final = Glance(False)


def glance(dialect: str, frame: Frame, sieve: Sieve[Seeker], streams: Streams, policies: Applicable, now: float) -> Glance:
    """Look at a message before `policies` that all look for something. What does not pass they are to be asked about."""
    kind, from_client = frame.type, frame.from_client
    if streams.is_crowded or may_end(dialect, from_client, kind):
        return UNSURE
    with_words = has_words(dialect, from_client, kind)
    if kind in AUDIO and not with_words:
        around = frame.around_sound()
        if around is not None and _is_sound(frame, around, sieve):
            return _PASSES
    event = frame.event
    if event is None or frame.flaw is not None:
        return UNSURE
    fed: list[Passage] = []
    if with_words:
        found = texts(dialect, frame)
        if len(found) > 1 or any(text.part != "delta" or len(text.value) > _LONGEST for text in found):
            return UNSURE
        fed = streams.feed(found, frame, now, policies)
        if fed:
            passes = not streams.is_crowded and _goes_on(fed[0], found[0], event, sieve, now)
            return _PASSES if passes else Glance(False, fed)
    return _PASSES if is_clean(event, sieve) else UNSURE


def _is_sound(frame: Frame, around: tuple[bytes, bytes], sieve: Sieve[Seeker]) -> bool:
    """Whether a message is sound, and nothing is found around it."""
    fresh, known = _apart(around)
    if known in sieve.harmless_around[frame.from_client]:
        return not fresh or not sieve.left(fresh)
    name = "audio" if frame.from_client else "delta"
    outline = frame.outline(name, around)
    if outline is None or not is_clean(outline, sieve, ((name,),)):
        return False
    if fresh or _FRESH not in outline:
        sieve.note_around(frame.from_client, known)
    return True


def _apart(around: tuple[bytes, bytes]) -> tuple[str, tuple[bytes, ...]]:
    """The name that a message alone has, and all else that stands around its sound."""
    before, behind = around
    start = before.find(_FRESH_VALUE) + len(_FRESH_VALUE)
    end = before.find(b'"', start)
    if start < len(_FRESH_VALUE) or end < 0:
        return "", around
    return before[start:end].decode(), (before[:start], before[end:], behind)


def _goes_on(passage: Passage, piece: Text, event: Mapping[str, Any], sieve: Sieve[Seeker], now: float) -> bool:
    """Whether a piece leaves at once, since nothing is found in the text that it was added to, nor beside it."""
    if passage.redactors or passage.allowed is not None or passage.decided != passage.fresh:
        return False
    looked_at, text = [piece.keys], passage.text
    fresh = event.get(_FRESH)
    if sieve.joins and isinstance(fresh, str) and len(fresh) <= _NAME and fresh.isascii() and text.isascii():
        looked_at.append((_FRESH,))
        text = f"{text}\n{fresh}"
    if "\\" in text or sieve.left(text) or not is_clean(event, sieve, looked_at):
        return False
    passage.settle([], now, "whole")
    return True


def is_clean(event: Mapping[str, Any], sieve: Sieve[Seeker], beside: Collection[Keys] = ()) -> bool:
    """Whether it is certain that nothing is found in any text of a small message but those that stand `beside`."""
    harmless, members = sieve.harmless, 0
    waiting: list[Any] = [event]
    while waiting:
        outer = waiting.pop()
        members += len(outer)
        if members > _MEMBERS:
            return False
        for name, value in outer.items() if isinstance(outer, dict) else enumerate(outer):
            kind = type(value)
            if kind is str:
                if (len(value) <= _NAME and value in harmless) or (outer is event and (name,) in beside) or is_sound((name,), value):
                    continue
                if len(value) > _LONGEST or "\\" in value or sieve.left(value):
                    return False
                if name != _FRESH:
                    sieve.note(value)
            elif kind is dict or kind is list:
                waiting.append(value)
    return True
