"""A message as policies look at it: its words, all its strings, and whether it can be read in one way only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from typing import Final

from realtime.conditions import Span
from realtime.detectors import Detector
from realtime.detectors import Reading
from realtime.frame import AROUND_JSON
from realtime.frame import Frame
from realtime.frame import may_be_json
from realtime.jsonpath import Found
from realtime.jsonpath import Path
from realtime.jsonpath import descend
from realtime.jsonpath import locate
from realtime.policies.escapes import found_through_escapes
from realtime.policies.policy import Applicable
from realtime.regex import Regex
from realtime.texts import Text
from realtime.texts import is_sound
from realtime.texts import texts

_NOTHING: Final[tuple[Span, ...]] = ()


class Scan:
    """Searches texts for patterns and detectors, each text once for each. `patterns` finds something where any pattern does."""

    __slots__ = ("_detected", "_done", "_patterns", "_readings", "_some")

    def __init__(self, patterns: Regex | None) -> None:
        self._patterns = patterns
        self._done: dict[tuple[str, str], tuple[Span, ...]] = {}
        self._readings: dict[str, Reading] = {}
        self._some: dict[str, bool] = {}
        self._detected: dict[tuple[str | Detector, str], tuple[Span, ...]] = {}

    def search(self, regex: Regex, text: str) -> tuple[Span, ...]:
        """Where a pattern matches, as Spans without a detector."""
        if self._patterns is not None and not self._any(self._patterns, text):
            return _NOTHING
        return self._once(regex, text)

    def detect(self, detector: str | Detector, text: str) -> tuple[Span, ...]:
        """What a detector, by its name or given, finds."""
        if _NAME.fullmatch(text):
            return _detected_in_name(detector, text)
        found = self._detected.get((detector, text))
        if found is None:
            found = found_through_escapes(text, lambda text: _detected(self._read(text), detector))
            self._detected[detector, text] = found
        return found

    def _read(self, text: str) -> Reading:
        reading = self._readings.get(text)
        if reading is None:
            reading = self._readings[text] = Reading(text)
        return reading

    def finds_nothing_in(self, texts: Iterable[str]) -> bool:
        """Whether no pattern finds anything in any of these; False where that takes asking each."""
        patterns = self._patterns
        return patterns is not None and not any(self._any(patterns, text) for text in texts)

    def _any(self, patterns: Regex, text: str) -> bool:
        """Escapes hide what a pattern looks for, so a text with some is left to the pattern itself."""
        found = self._some.get(text)
        if found is None:
            found = self._some[text] = "\\" in text or patterns.search(text)
        return found

    def _once(self, regex: Regex, text: str) -> tuple[Span, ...]:
        found = self._done.get((regex.pattern, text))
        if found is None:
            found = found_through_escapes(text, lambda text: tuple(Span(start, end, "") for start, end in regex.spans(text)))
            self._done[regex.pattern, text] = found
        return found


def _detected(reading: Reading, detector: str | Detector) -> tuple[Span, ...]:
    return tuple(Span(found.start, found.end, found.detector) for found in reading.find((detector,)))


_NAME: Final = re.compile("[a-z_.]{1,48}")
"""Event types, roles and the like, which stand in message after message."""


@lru_cache(maxsize=4096)
def _detected_in_name(detector: str | Detector, text: str) -> tuple[Span, ...]:
    return _detected(Reading(text), detector)


class View:
    """What can be looked at in one message; read when it is asked for, and once."""

    __slots__ = ("_dialect", "_kinds", "_paths", "_strings", "_texts", "_without_patterns", "frame", "scan")

    def __init__(self, dialect: str, frame: Frame, policies: Applicable) -> None:
        self.frame = frame
        self.scan = Scan(policies.patterns)
        self._dialect = dialect
        self._texts: tuple[Text, ...] | None = None
        self._strings: list[Found] | None = None
        self._without_patterns: bool | None = None
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
    def without_patterns(self) -> bool:
        """Whether it is certain that no pattern finds anything in any string; asked once for all policies."""
        if self._without_patterns is None:
            self._without_patterns = self.scan.finds_nothing_in(value for _, value in self.strings)
        return self._without_patterns

    def _all_strings(self) -> list[Found]:
        event = self.frame.event
        if event is None:
            plain = plain_text(self.frame)
            return [] if plain is None else [((), plain)]
        return [(keys, value) for keys, value in descend(event) if isinstance(value, str) and not is_sound(keys, value)]


def plain_text(frame: Frame) -> str | None:
    """A message that is no JSON as text; None where it is no text either (sound)."""
    if not frame.text and b"\0" in frame.payload:
        return None
    try:
        return frame.payload.decode()
    except UnicodeDecodeError:
        return None


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
    """Whether a forgiving parser reads JSON here; sound may begin and end with brackets by chance."""
    try:
        json.loads(payload.replace(b"\0", b"").strip(AROUND_JSON).decode(errors="replace"), strict=False)
    except RecursionError:
        return True
    except ValueError as error:
        return not isinstance(error, json.JSONDecodeError)
    return True


def types_of(frame: Frame) -> frozenset[str]:
    """Every event type that a message with duplicate keys may be taken for."""
    pairs: Any = json.loads(frame.payload.decode(), object_pairs_hook=_Pairs)
    return frozenset(value for key, value in pairs if key == "type" and isinstance(value, str)) | {frame.type}


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, repeated ones too."""
