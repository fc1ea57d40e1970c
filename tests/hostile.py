"""Ways in which words may try to cross unseen: JSON that parsers read differently, other encodings, and every kind of frame.

Each takes an event with a word in it and gives the frames that carry it. `readings` is how the word may look to whoever receives it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(frozen=True)
class Sent:
    """A frame."""

    payload: bytes
    opcode: int = TEXT
    final: bool = True


Made = Callable[[bytes, bytes], list[Sent]]
"""Takes the event as compact JSON, and the word as it stands in it."""


def spelled(word: bytes) -> bytes:
    """Every character of a word as a JSON escape."""
    return b"".join(b"\\u%04x" % sign for sign in word)


def one(change: Callable[[bytes, bytes], bytes], opcode: int = TEXT) -> Made:
    return lambda event, word: [Sent(change(event, word), opcode)]


def more(text: bytes) -> Made:
    """A member more at the end of the event."""
    return one(lambda event, _: event[:-1] + b"," + text + b"}")


def cut(*places: int, between: Sent | None = None) -> Made:
    """The message in fragments, cut at places counted from the word's beginning."""

    def made(event: bytes, word: bytes) -> list[Sent]:
        at = [0, *(event.index(word) + place for place in places), len(event)]
        parts = [event[start:end] for start, end in pairwise(at)]
        frames = [Sent(part, CONTINUATION if number else TEXT, number == len(parts) - 1) for number, part in enumerate(parts)]
        return [frames[0], *([between] if between else []), *frames[1:]]

    return made


def twice(event: bytes, word: bytes, *, first: bool) -> bytes:
    """The member that holds the word, and the same one with other words, in one or the other order."""
    member = re.search(rb'"(?:text|delta)":"[^"]*"', event)
    assert member is not None
    other = member[0].replace(word, b"harmless")
    return event.replace(member[0], b",".join((member[0], other) if first else (other, member[0])))


JSON_TRICKS: dict[str, Made] = {
    "plain": one(lambda event, _: event),
    "escaped word": one(lambda event, word: event.replace(word, spelled(word))),
    "half escaped word": one(lambda event, word: event.replace(word, word[:3] + spelled(word[3:6]) + word[6:])),
    "escaped type": one(lambda event, _: re.sub(rb'"type":"(\w)', lambda found: b'"t\\u0079pe":"' + spelled(found[1]), event, count=1)),
    "escaped key": one(lambda event, _: event.replace(b'"text"', b'"t\\u0065xt"').replace(b'"delta"', b'"d\\u0065lta"')),
    "key twice, the word first": one(lambda event, word: twice(event, word, first=True)),
    "key twice, the word last": one(lambda event, word: twice(event, word, first=False)),
    "type twice": more(b'"type":"response.cancel"'),
    "type twice, the other first": one(lambda event, _: b'{"type":"response.cancel",' + event[1:]),
    "type twice, once escaped": more(b'"t\\u0079pe":"response.cancel"'),
    "type is a list": one(lambda event, _: re.sub(rb'"type":"([^"]+)"', rb'"type":["\1"]', event, count=1)),
    "type is null": one(lambda event, _: re.sub(rb'"type":"[^"]+"', b'"type":null', event, count=1)),
    "type is missing": one(lambda event, _: re.sub(rb'"type":"[^"]+",', b"", event, count=1)),
    "type is unknown": one(lambda event, _: re.sub(rb'"type":"[^"]+"', b'"type":"made.up"', event, count=1)),
    "type in capitals": one(lambda event, _: re.sub(rb'"type":"([^"]+)"', lambda found: found[0].upper(), event, count=1)),
    "the word is the type": one(lambda event, word: b'{"type":"%b"}' % word),
    "another member": one(lambda event, word: b'{"type":"response.create","x":[{"y":{"z":"%b"}}]}' % word),
    "JSON in a text": one(lambda event, word: b'{"type":"made.up","x":"{\\"y\\":\\"%b\\"}"}' % spelled(word).replace(b"\\", b"\\\\")),
    "huge integer": more(b'"n":' + b"9" * 5000),
    "huge exponent": more(b'"n":1e400,"m":-1e-400'),
    "not a number": more(b'"n":NaN,"m":-Infinity'),
    "deep": more(b'"n":' + b"[" * 70 + b"]" * 70),
    "bottomless": more(b'"n":' + b"[" * 20_000 + b"]" * 20_000),
    "deep objects": more(b'"n":' + b'{"n":' * 200 + b"1" + b"}" * 200),
    "lone surrogate": more(b'"n":"\\ud83d","\\udc00":1'),
    "lone surrogate beside the word": one(lambda event, word: event.replace(word, b"\\ud83d " + word + b" \\udc00")),
    "zero character": one(lambda event, word: event.replace(word, b"\\u0000 " + word)),
    "zero byte in front": one(lambda event, _: b"\0" + event),
    "zero byte in the text": one(lambda event, word: event.replace(word, b"\0" + word)),
    "byte order mark": one(lambda event, _: b"\xef\xbb\xbf" + event),
    "more behind the end": one(lambda event, _: event + b"{}"),
    "two events": one(lambda event, _: b'{"type":"response.cancel"}\n' + event),
    "cut short": one(lambda event, _: event[:-1]),
    "comma too many": one(lambda event, _: event[:-1] + b",}"),
    "comment": one(lambda event, _: event[:-1] + b"/* */}"),
    "single quotes": one(lambda event, _: event.replace(b'"', b"'")),
    "line break in a text": one(lambda event, word: event.replace(word, b"\n" + word)),
    "a list around it": one(lambda event, _: b"[" + event + b"]"),
    "a text around it": one(lambda event, _: json.dumps(event.decode()).encode()),
    "no JSON": one(lambda event, word: b"say " + word),
    "broken UTF-8": one(lambda event, word: event.replace(word, b"\xff" + word), BINARY),
    "overlong UTF-8": one(lambda event, word: event.replace(word[:1], bytes((0xC0 | word[0] >> 6, 0x80 | word[0] & 63))), BINARY),
    "surrogates in UTF-8": one(lambda event, word: event.replace(word, b"\xed\xa0\xbd" + word), BINARY),
}
FRAME_TRICKS: dict[str, Made] = {
    "binary": one(lambda event, _: event, BINARY),
    "UTF-16 in binary": one(lambda event, _: event.decode().encode("utf-16"), BINARY),
    "UTF-16 big end first in binary": one(lambda event, _: event.decode().encode("utf-16-be"), BINARY),
    "UTF-32 in binary": one(lambda event, _: event.decode().encode("utf-32-le"), BINARY),
    "UTF-16 in text": one(lambda event, _: event.decode().encode("utf-16-le")),
    "words in binary": one(lambda event, word: b"say " + word, BINARY),
    "fragments": cut(-3, 2, 5),
    "a fragment for each byte": cut(*range(-5, 6)),
    "an empty fragment": cut(1, 1, 1),
    "ping between fragments": cut(2, between=Sent(b"between", PING)),
}
CONTROL: dict[str, Made] = {
    "ping": one(lambda event, word: word, PING),
    "pong": one(lambda event, word: word, PONG),
    "event in a ping": one(lambda event, word: b'{"type":"%b"}' % word, PING),
    "close reason": one(lambda event, word: b"\x03\xe8" + word, CLOSE),
    "close reason with a code of its own": one(lambda event, word: b"\x0f\xa0say " + word, CLOSE),
    "ping between fragments with the word": lambda event, word: cut(2, between=Sent(word, PING))(
        event.replace(word, b"harmless"), b"harmless"
    ),
    "data after a close": lambda event, word: [Sent(b"\x03\xe8", CLOSE), Sent(event)],
    "data behind a reserved opcode": lambda event, word: [Sent(word, 3), Sent(event)],
    "an unfinished message and a new one": lambda event, word: [Sent(event, TEXT, final=False), Sent(event)],
    "a continuation of nothing": one(lambda event, _: event, CONTINUATION),
    "a cut ping": one(lambda event, word: word * 20, PING),
}
CASES: dict[str, Made] = JSON_TRICKS | FRAME_TRICKS | CONTROL


def readings(data: bytes) -> Iterator[str]:
    """What may be read in some bytes: as they are, in other encodings, and with their escapes resolved, also twice."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        for skipped in (0, 1):
            text = data[skipped:].decode(encoding, errors="replace")
            yield text
            yield (once := _unescaped(text))
            yield _unescaped(once.replace("\\\\", "\\"))
    yield data.replace(b"\0", b"").decode(errors="replace")


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
