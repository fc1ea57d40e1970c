"""Which turn of one session is which of another, and which words of one text are which of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final
from typing import Literal

from cli.records import Record

Pair = tuple[Record | None, Record | None]
"""A turn of each session; None where the other has one more."""
Part = tuple[Literal["=", "-", "+"], str]
"""Words that both texts have, the first alone, or the second alone."""

_WORD: Final = re.compile(r"\S+|\s+")


def aligned(a: Sequence[Record], b: Sequence[Record]) -> list[Pair]:
    """The turns of both in order: those after the same words of the user together, between them by their order.

    Where no words are on record, by their order alone.
    """
    mine, yours = _keys(a), _keys(b)
    if not any(words for words, _ in mine) or not any(words for words, _ in yours):
        return list(zip_longest(a, b))
    made: list[Pair] = []
    for _, i, j, k, m in SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes():
        made += zip_longest(a[i:j], b[k:m])
    return made


def word_diff(a: str, b: str) -> list[Part]:
    """The words of both, one after the other; joined, those without `+` are `a` and those without `-` are `b`."""
    mine, yours = _WORD.findall(a), _WORD.findall(b)
    return list(_parts(SequenceMatcher(str.isspace, mine, yours, autojunk=False).get_opcodes(), mine, yours))


def _parts(codes: Sequence[tuple[str, int, int, int, int]], mine: Sequence[str], yours: Sequence[str]) -> Iterator[Part]:
    for code, i, j, k, m in codes:
        if code == "equal":
            yield "=", "".join(mine[i:j])
            continue
        if i < j:
            yield "-", "".join(mine[i:j])
        if k < m:
            yield "+", "".join(yours[k:m])


def _keys(turns: Sequence[Record]) -> list[tuple[str, int]]:
    """The user's last words and how many turns ago they were: what follows a tool belongs to what led to the tool."""
    made: list[tuple[str, int]] = []
    words, since = "", 0
    for turn in turns:
        said = " ".join((turn.get("input") or "").casefold().split())
        words, since = (said, 0) if said else (words, since + 1)
        made.append((words, since))
    return made
