"""One WebSocket message as every addon sees it: the payload verbatim, its JSON parsed lazily and once for all.

Reading the type is exact, not a guess: the cheap reading is used only where a duplicate or an escaped key
cannot hide, anything else is parsed in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from typing import Any
from typing import Final

import msgspec

MAX_DEPTH: Final = 64
"""Deepest nesting of objects and arrays that is read; a deeper message is relayed, but recorded as unreadable."""

_FRONT: Final = 512
_BACK: Final = 128
"""Bytes at either end of a message that are searched for keys when all between them is one long string."""


LONGEST_WORD: Final = 256
"""Characters of the longest text that is not taken for sound, be it without any sign of writing."""
HIDDEN: Final = "="
"""What stands in the place of a sound that was not looked at."""
_SIGNS: Final = (b" ", b"@", b",", b":", b".")
"""What is never in base64, but in any writing that is as long."""

AROUND_JSON: Final = b" \t\r\n\xef\xbb\xbf\xff\xfe"
"""White space and byte order marks."""

AUDIO: Final = frozenset({"input_audio_buffer.append", "response.output_audio.delta", "response.audio.delta"})
"""Events that are nothing but audio, which is nearly all that crosses."""


class Head(msgspec.Struct):
    """The top-level fields that the hot path needs; everything else is skipped, not built."""

    type: str = ""
    event_id: str | None = None
    response_id: str | None = None
    item_id: str | None = None
    audio: msgspec.Raw = msgspec.Raw()
    delta: msgspec.Raw = msgspec.Raw()


_head = msgspec.json.Decoder(Head).decode
_event = msgspec.json.Decoder().decode
_NO_HEAD: Final = Head()
_TWINS: Final = frozenset(map("".join, product(*zip("type", "TYPE", strict=True)))) - {"type"}
"""Other spellings of `type`."""
_UNREAD: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Frame:
    """A complete message of one side.

    `payload` is what was received, unmasked and reassembled; `at` is the monotonic time in seconds at which its
    last byte arrived. Fragments and masks are the wire's business and are not seen here.
    """

    __slots__ = ("_around", "_ends", "_event", "_head", "at", "flaw", "from_client", "injected", "payload", "scripted", "text")

    def __init__(
        self,
        from_client: bool,
        payload: bytes,
        *,
        text: bool = True,
        at: float = 0.0,
        injected: bool = False,
        scripted: bool = False,
    ) -> None:
        self.from_client = from_client
        self.payload = payload
        self.text = text
        self.at = at
        self.injected = injected
        """True for a message that the proxy or a script made in the name of this side."""
        self.scripted = scripted
        """True for one that a script made or changed."""
        self.flaw: str | None = None
        """Why the JSON of this message is not clean (set once it was read): shown in records, never fatal."""
        self._head: Head | None = None
        self._event: dict[str, Any] | bool | None = False
        self._ends: bytes | None = None
        self._around: tuple[bytes, bytes] | None = None

    @property
    def head(self) -> Head:
        """The hot fields. Exact: with one spelling of `"type"` and no escape in the message nothing can hide."""
        head = self._head
        if head is None:
            if self._types() == 1:
                try:
                    head = _head(self.payload)
                except _UNREAD:
                    head = None
            if head is None or not head.type:
                head = self._head_of_event()
            self._head = head
        return head

    @property
    def type(self) -> str:
        """The event type, or "" where the message has none (audio bytes, Gemini, invalid JSON)."""
        head = self._head
        return self.head.type if head is None else head.type

    @property
    def event(self) -> dict[str, Any] | None:
        """The message as a JSON object, or None with `flaw` set. Of duplicate keys the last one stands here."""
        if self._event is False:
            self._event = self._plain() or self._parse()
        return self._event  # type: ignore[return-value]

    def around_sound(self) -> tuple[bytes, bytes] | None:
        """What stands before and behind the one long run of ASCII without any of the `_SIGNS` in a message; None for any other.

        All of the message was checked when its head was read, so that the run need not be read again.
        """
        payload, around = self.payload, self._around
        if around is None or self._head is None or self._event is not False or not payload.isascii():
            return None
        start, end = len(around[0]), len(payload) - len(around[1])
        for sign in _SIGNS:
            if payload.find(sign, start, end) >= 0:
                return None
        return around

    def outline(self, name: str, around: tuple[bytes, bytes]) -> dict[str, Any] | None:
        """The event with `HIDDEN` in the place of its text `name`, where that is the run that `around_sound` found; else None."""
        event = self._clean(HIDDEN.encode().join(around), self._bare.count(b'"'))
        hidden = [key for key, value in event.items() if value == HIDDEN] if event is not None else []
        return event if hidden == [name] else None

    @property
    def _bare(self) -> bytes:
        """Every quote of the message and what stands near it; empty where something is escaped. One long run without any is left out."""
        ends = self._ends
        if ends is None:
            ends = payload = self.payload
            if b"\\" in payload:
                ends = b""
            elif len(payload) > _FRONT + _BACK and payload.find(b'"', _FRONT, -_BACK) < 0:
                start, end = payload.rfind(b'"', 0, _FRONT) + 1, payload.find(b'"', -_BACK)
                if start and end - start > LONGEST_WORD:
                    self._around = payload[:start], payload[end:]
                    ends = b"".join(self._around)
            self._ends = ends
        return ends

    def _types(self) -> int:
        """How often `"type"` stands in a message without escapes.

        Some servers (those that use Go's `encoding/json`) take keys in any case, so what goes to one is searched in any case.
        """
        return (self._bare.lower() if self.from_client else self._bare).count(b'"type"')

    def _quotes(self) -> int:
        """How many quotes stand around keys and texts; 0 where that cannot be said at once, since a backslash is escaped."""
        bare, payload = self._bare, self.payload
        return bare.count(b'"') if bare or b"\\\\" in payload else payload.count(b'"') - payload.count(b'\\"')

    def _plain(self) -> dict[str, Any] | None:
        """The object that nearly every message is, without a repeated key or a second spelling of `type`; None for any other.

        Each key and each text has two quotes. A repeated key is not in the object that was read, but its quotes are in the message.
        """
        return self._clean(self.payload, self._quotes())

    def _clean(self, payload: bytes, quotes: int) -> dict[str, Any] | None:
        try:
            event = _event(payload) if quotes else None
        except _UNREAD:
            return None
        if not isinstance(event, dict) or 2 * (_written(event) or 0) != quotes:
            return None
        return None if self.from_client and not _TWINS.isdisjoint(event) else event

    def _parse(self) -> dict[str, Any] | None:
        try:
            text = self.payload.decode()
            event = json.loads(text, object_pairs_hook=self._pairs)
        except UnicodeDecodeError:
            self.flaw = "not UTF-8"
        except RecursionError:
            self.flaw = "nested too deeply"
        except json.JSONDecodeError:
            self.flaw = "invalid JSON"
        except ValueError:
            self.flaw = "a number with too many digits"
        else:
            if not isinstance(event, dict):
                self.flaw = "not a JSON object"
            elif _too_deep(event):
                self.flaw = f"nested deeper than {MAX_DEPTH} levels"
            else:
                if self.from_client and not _TWINS.isdisjoint(event):
                    self.flaw = "a second spelling of 'type'"
                return event
        return None

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            names = [name for name, _ in pairs]
            self.flaw = f"duplicate key {next(n for n in names if names.count(n) > 1)[:40]!r}"
        return made

    def _head_of_event(self) -> Head:
        event = self.event
        if event is None:
            return _NO_HEAD
        return Head(
            type=_text(event, "type") or "",
            event_id=_text(event, "event_id"),
            response_id=_text(event, "response_id"),
            item_id=_text(event, "item_id"),
            audio=_raw(event, "audio"),
            delta=_raw(event, "delta"),
        )


def may_be_json(payload: bytes) -> bool:
    """Whether some parser might read a JSON object or array here. Zero bytes are looked through: in UTF-16 and UTF-32 ASCII has them."""
    text = payload.strip(AROUND_JSON + b"\0")
    return text[:1] in (b"{", b"[") and text[-1:] in (b"}", b"]")


def _written(event: dict[str, Any]) -> int | None:
    """How many keys and texts an object has at all levels; None where it is nested too deeply."""
    count, level = 0, [event]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for outer in level:
            members: Iterable[Any] = outer
            if type(outer) is dict:
                count += len(outer)
                members = outer.values()
            for value in members:
                kind = type(value)
                if kind is str:
                    count += 1
                elif kind is dict or kind is list:
                    inner.append(value)
        if not inner:
            return count
        level = inner
    return None


def _text(event: dict[str, Any], name: str) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None


def _raw(event: dict[str, Any], name: str) -> msgspec.Raw:
    """The value as JSON again; a lone surrogate, which UTF-8 cannot carry, becomes `?`."""
    value = _text(event, name)
    return msgspec.Raw() if value is None else msgspec.Raw(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return False
    return True
