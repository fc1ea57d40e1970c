"""What of a record is content: the texts that were said. The log holds a commitment in the place of each.

A commitment is an HMAC-SHA256 of the text under a key of its session, so that nobody who lacks the key can try out short texts.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Final

from store.lines import Row
from store.lines import whole
from store.tables import FINDINGS
from store.tables import TURNS

TEXTS: Final[dict[str, tuple[str, ...]]] = {TURNS: ("input", "summary", "output"), FINDINGS: ("excerpt",)}
"""Texts by table."""
INNER: Final[dict[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {TURNS: (("tool_calls", ("arguments", "result")),)}
"""Texts in the parts of a list."""

COMMIT: Final = "commit"
"""The only member of what stands in the place of a text."""
STATE: Final = "content"
"""The member of a record as it is read that says why texts are not there."""

MISSING: Final = "missing"
"""They should be there and are not."""
GONE: Final = "erased"

NOBODY: Final = "-"
"""In the place of a session's id, for what belongs to none."""


def owner(row: Row) -> str:
    """The session whose content a record's texts are."""
    return str(row.get("session") or NOBODY)


def separated(table: str, row: Row, keep: Callable[[bytes], str]) -> Row:
    """The record with a commitment in the place of each text, which `keep` makes of it; itself where it has none."""
    made = _committed(row, TEXTS.get(table, ()), keep)
    for name, inner in INNER.get(table, ()):
        if row.get(name):
            made = {**made, name: [_committed(part, inner, keep) for part in row[name]]}
    return made


def _committed(row: Row, names: tuple[str, ...], keep: Callable[[bytes], str]) -> Row:
    """An empty text says nothing and stays."""
    texts = {name: {COMMIT: keep(_bytes(text))} for name in names if (text := row.get(name)).__class__ is str and text}
    return {**row, **texts} if texts else row


def rejoined(table: str, row: Row, find: Callable[[str], str | None], state: str) -> Row:
    """Put the texts back into a record, which is changed. Where one is not to be had there is None, and `content` says the state."""
    for holder, name in _places(table, row):
        if (commitment := committed(holder.get(name))) is not None:
            holder[name] = find(commitment)
            if holder[name] is None:
                row[STATE] = state
    return row


def commitments(table: str, row: Row) -> Iterator[str]:
    """The commitments that stand in a record."""
    for holder, name in _places(table, row):
        if (commitment := committed(holder.get(name))) is not None:
            yield commitment


def committed(value: Any) -> str | None:
    """The commitment that a value is, None for every other value."""
    return value[COMMIT] if isinstance(value, dict) and isinstance(value.get(COMMIT), str) else None


def without(table: str, row: Row) -> Row:
    """The record with None in the place of each text."""
    return rejoined(table, separated(table, row, lambda text: ""), lambda commitment: None, GONE)


def _places(table: str, row: Row) -> Iterator[tuple[Row, str]]:
    for name in TEXTS.get(table, ()):
        yield row, name
    for name, inner in INNER.get(table, ()):
        for part in row.get(name) or ():
            for place in inner:
                yield part, place


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return str(whole(text)).encode()
