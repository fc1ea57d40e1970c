"""A message as it is kept: when it crossed, which way, what became of it, and what was in it. One line of JSON each.

`docs/frames.md` describes the fields. A field that has its usual value is left out of the line.
"""

from __future__ import annotations

from typing import Any
from typing import Final
from typing import Literal

import msgspec

from store.lines import Row
from store.lines import whole

Direction = Literal["client", "server"]
"""Who says it, as in rules: `client` towards the provider, `server` towards the app."""
Maker = Literal["side", "proxy", "script", "operator"]
Outcome = Literal["passed", "changed", "dropped", "added", "told"]
"""`added`: by the proxy, a script or an operator, in the name of that side. `told`: the proxy's own word to the other one."""

MAX_TYPE: Final = 200
"""Characters of an event type."""


class Was(msgspec.Struct, omit_defaults=True):
    """What a message was before it was changed."""

    type: str
    size: int


class Sound(msgspec.Struct, omit_defaults=True):
    """Sound that is not kept: where it stood (nowhere for a message of bytes), its size there, and the format that was in force.

    `padding` is how many of the characters of base64 mean no byte.
    """

    path: list[str | int]
    size: int
    format: str | None = None
    padding: int = 0


class Found(msgspec.Struct, omit_defaults=True):
    """A finding about this message. `policy` None where none was asked; `why` is its reason, where it has one."""

    id: str
    kind: str
    action: str
    policy: str | None = None
    mode: str = "enforce"
    applied: bool = True
    why: str = ""


class Event(msgspec.Struct, omit_defaults=True, rename={"from_": "from"}):
    """One message. `n` counts from 1, `at` is in microseconds since the session began, `size` in bytes of what was sent, else of what came.

    `payload` is its text, `data` its bytes in base64 where it is no text; neither is there where it is not kept. `lost` messages before
    it are not on record.
    """

    n: int
    at: int
    from_: Direction
    type: str = ""
    size: int = 0
    by: Maker = "side"
    outcome: Outcome = "passed"
    opcode: Literal["text", "binary"] = "text"
    was: Was | None = None
    turn: int | None = None
    findings: list[Found] = []
    payload: str | None = None
    data: str | None = None
    elided: list[Sound] = []
    masked: bool = False
    lost: int = 0


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


def encoded(event: Event) -> bytes:
    """The line with its end. Halves of UTF-16 pairs in names that a peer chose become U+FFFD."""
    try:
        return _encode(event) + b"\n"
    except UnicodeEncodeError:
        return _encode(whole(msgspec.to_builtins(event))) + b"\n"


def decoded(line: bytes) -> Event:
    """The event of a line. Raises msgspec.DecodeError."""
    return _decode(line)


def row(event: Event) -> Row:
    """The event with all its fields, as readers show it."""
    made: dict[str, Any] = {name: getattr(event, field) for field, name in _NAMES}
    return made | {name: [msgspec.structs.asdict(part) for part in made[name]] for name in ("findings", "elided")} | _was(event)


def _was(event: Event) -> Row:
    return {"was": event.was and msgspec.structs.asdict(event.was)}


_NAMES: Final = tuple((field.name, field.encode_name) for field in msgspec.structs.fields(Event))
