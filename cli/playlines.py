"""What a play is made of: lines of the server and of the app, in the order in which they crossed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from realtime.jsonpath import Keys


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A message to the app. `at` is seconds since the session began.

    `heard` bytes of the app's sound came before it, the last of them at `since`, where it answers sound; else it is 0. `answers` where
    an answer begins with it.
    """

    number: int
    at: float
    kind: str
    text: bool
    payload: bytes
    heard: int = 0
    since: float = 0.0
    answers: bool = False


@dataclass(frozen=True, slots=True)
class AppLine:
    """A message of the app. `event` is None where its kind alone is known; `without` are places that are not compared."""

    number: int
    at: float
    kind: str
    event: Any = None
    without: frozenset[Keys] = frozenset()


@dataclass(frozen=True, slots=True)
class Script:
    """All of a session. `kind` is that of its provider, `path` where it is served. `theirs` are the ids that the server made up.

    `ends` is when it ended, `close` what the app was told then, None where the app itself left. `notes` are for whoever serves it.
    """

    session: str
    dialect: str
    kind: str
    path: str
    lines: tuple[ServerLine | AppLine, ...]
    theirs: frozenset[str]
    ends: float
    close: tuple[int, str] | None
    notes: tuple[str, ...] = ()


def plain_path(target: str) -> str:
    """The path of a request without its query, doubled slashes, and one at the end."""
    return "/" + "/".join(filter(None, target.partition("?")[0].split("/")))
