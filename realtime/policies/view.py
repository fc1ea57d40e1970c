"""A message as policies look at it: its words, all its strings, and whether it can be read in one way only."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any
from typing import Final

from realtime.conditions import Span
from realtime.detectors import Detector
from realtime.detectors import Reading
from realtime.detectors.sieve import Seeker
from realtime.detectors.sieve import Sieve
from realtime.frame import AROUND_JSON
from realtime.frame import Frame
from realtime.frame import may_be_json
from realtime.jsonpath import Found
from realtime.jsonpath import Keys
from realtime.jsonpath import Path
from realtime.jsonpath import descend
from realtime.jsonpath import locate
from realtime.policies.escapes import Escaped
from realtime.policies.escapes import Find
from realtime.policies.glance import is_clean
from realtime.regex import Regex
from realtime.texts import Text
from realtime.texts import is_sound
from realtime.texts import texts

_NOTHING: Final[tuple[Span, ...]] = ()


class Scan:
    """Searches texts for patterns and detectors, each text once for each; only for what its sieve leaves."""

    __slots__ = ("_escaped", "_found", "_left", "_readings", "_sieve")

    def __init__(self, sieve: Sieve[Seeker] | None = None) -> None:
        self._sieve = sieve
        self._left: dict[str, frozenset[Seeker]] = {}
        self._found: dict[tuple[Seeker, str], tuple[Span, ...]] = {}
        self._readings: dict[str, Reading] = {}
        self._escaped: dict[str, Escaped] = {}

    def search(self, regex: Regex, text: str) -> tuple[Span, ...]:
        """Where a pattern matches, as Spans without a detector."""
        return self._once(regex, text, lambda text: tuple(Span(start, end, "") for start, end in regex.spans(text)))

    def detect(self, detector: Detector, text: str) -> tuple[Span, ...]:
        """What a detector finds."""
        return self._once(detector, text, lambda text: self._detected(detector, text))

    def is_clean(self, text: str) -> bool:
        """Whether it is certain that no policy that looks for words finds anything in a text."""
        sieve = self._sieve
        if sieve is None:
            return False
        if not (left := self._seekers(sieve, text)) or text in sieve.harmless:
            return True
        if any(self._finds(seeker, text) for seeker in left):
            return False
        sieve.note(text)
        return True

    def _finds(self, seeker: Seeker, text: str) -> bool:
        """Whether a seeker finds something, or fails."""
        try:
            return bool(self.search(seeker, text) if isinstance(seeker, Regex) else self.detect(seeker, text))
        except Exception:
            return True

    def _once(self, seeker: Seeker, text: str, find: Find) -> tuple[Span, ...]:
        if self._sieve is not None and self._sieve.knows(seeker) and seeker not in self._seekers(self._sieve, text):
            return _NOTHING
        found = self._found.get((seeker, text))
        if found is None:
            found = self._found[seeker, text] = self._unescaped(text).found(find) if "\\" in text else find(text)
        return found

    def _seekers(self, sieve: Sieve[Seeker], text: str) -> frozenset[Seeker]:
        """What may find something in a text, as it is written or as it reads."""
        left = self._left.get(text)
        if left is None:
            left = sieve.left(text)
            if "\\" in text:
                left |= sieve.left(self._unescaped(text).plain)
            self._left[text] = left
        return left

    def _detected(self, detector: Detector, text: str) -> tuple[Span, ...]:
        reading = self._readings.get(text)
        if reading is None:
            reading = self._readings[text] = Reading(text)
        return tuple(Span(found.start, found.end, found.detector) for found in reading.of(detector))

    def _unescaped(self, text: str) -> Escaped:
        escaped = self._escaped.get(text)
        if escaped is None:
            escaped = self._escaped[text] = Escaped(text)
        return escaped


class View:
    """What can be looked at in one message; read when it is asked for, and once."""

    __slots__ = ("_dialect", "_kinds", "_paths", "_sieve", "_strings", "_suspects", "_texts", "frame", "scan")

    def __init__(self, dialect: str, frame: Frame, sieve: Sieve[Seeker]) -> None:
        self.frame = frame
        self.scan = Scan(sieve)
        self._sieve = sieve
        self._dialect = dialect
        self._texts: tuple[Text, ...] | None = None
        self._strings: list[Found] | None = None
        self._suspects: list[Found] | None = None
        self._paths: dict[int, Sequence[Found]] = {}
        self._kinds: dict[frozenset[str], Sequence[Found]] = {}

    @property
    def texts(self) -> tuple[Text, ...]:
        """The text slots of the message."""
        if self._texts is None:
            self._texts = texts(self._dialect, self.frame)
        return self._texts

    def at(self, path: Path) -> Sequence[Found]:
        """The values that a path names."""
        found = self._paths.get(id(path))
        if found is None:
            found = self._paths[id(path)] = locate(path, self.frame.event)
        return found

    def of_kinds(self, kinds: frozenset[str]) -> Sequence[Found]:
        """The words of these kinds that are not pieces of a text."""
        found = self._kinds.get(kinds)
        if found is None:
            wholes = (text for text in self.texts if text.kind in kinds and text.part in ("whole", "final"))
            found = self._kinds[kinds] = [(text.keys, text.value) for text in wholes]
        return found

    @property
    def strings(self) -> list[Found]:
        """Every string with its place, sound excepted; of a message that is no JSON the whole of it."""
        if self._strings is None:
            self._strings = self._all_strings()
        return self._strings

    @property
    def suspects(self) -> list[Found]:
        """Those strings in which something may be found."""
        if self._suspects is None:
            self._suspects = [found for found in self.strings if not self.scan.is_clean(found[1])]
        return self._suspects

    def is_clean_beside(self, pieces: Collection[Keys]) -> bool:
        """Whether nothing is found in any string but those that are `pieces`."""
        event = self.frame.event
        if event is not None and is_clean(event, self._sieve, pieces):
            return True
        return all(keys in pieces for keys, _ in self.suspects)

    def _all_strings(self) -> list[Found]:
        event = self.frame.event
        if event is None:
            plain = plain_text(self.frame)
            return [] if plain is None else [((), plain)]
        return [(keys, value) for keys, value in descend(event) if isinstance(value, str) and not is_sound(keys, value)]


_PRINTED: Final = re.compile(r"[^\x00-\x1f\x7f]")


def plain_text(frame: Frame) -> str | None:
    """A message that is no JSON as text; None where it is no text either: sound, be it silence."""
    try:
        text = frame.payload.decode()
    except UnicodeDecodeError:
        return None
    return text if frame.text or _PRINTED.search(text) else None


def doubt(frame: Frame) -> str | None:
    """Why a message cannot be read with certainty; None where it can, or where it is no JSON in anyone's eyes.

    Parsers differ in which of two equal keys they take, and in what they forgive: broken UTF-8, UTF-16, more behind the end.
    """
    if frame.event is not None or frame.flaw is None:
        return frame.flaw
    if frame.text:
        begun = frame.payload.replace(b"\0", b"").lstrip(AROUND_JSON)[:1]
        return frame.flaw if begun in (b"{", b"[") or plain_text(frame) is None else None
    return frame.flaw if may_be_json(frame.payload) and _is_readable(frame.payload) else None


def _is_readable(payload: bytes) -> bool:
    """Whether a forgiving parser reads JSON here, be it without what is no UTF-8; sound may begin and end with brackets by chance."""
    bare = payload.replace(b"\0", b"").strip(AROUND_JSON)
    return any(_is_json(bare.decode(errors=errors)) for errors in ("replace", "ignore"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except RecursionError:
        return True
    except ValueError as error:
        return not isinstance(error, json.JSONDecodeError)
    return True


def types_of(frame: Frame) -> frozenset[str]:
    """Every event type that a message with duplicate keys may be taken for."""
    pairs: Any = json.loads(frame.payload.decode(), object_pairs_hook=_Pairs)
    return frozenset(value for key, value in pairs if key.lower() == "type" and isinstance(value, str)) | {frame.type}


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, repeated ones too."""
