"""Regular expressions that cannot burn the CPU: RE2 only, quiet about faults, safe on any JSON string."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import Final

import re2

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_TOGETHER: Final = re2.Options()
_TOGETHER.log_errors = False
_TOGETHER.max_mem = 64 << 20
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class PatternError(ValueError):
    """RE2 refused a pattern; `position` is the 0-based character at which the fault starts."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position


class Regex:
    """A compiled pattern. Matching takes time linear in the text, whatever the pattern."""

    __slots__ = ("_compiled", "pattern")

    def __init__(self, pattern: str) -> None:
        """Raises PatternError for what RE2 cannot do (lookaround, back references) or what is too large."""
        self.pattern = pattern
        try:
            self._compiled: Any = re2.compile(pattern, _OPTIONS)
        except re2.error as error:
            raise _fault(pattern, error) from None

    @property
    def size(self) -> int:
        """How many instructions the pattern takes."""
        return int(self._compiled.programsize)

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        return self._compiled.search(_searchable(text)) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of every match, in characters of `text`, left to right, not overlapping."""
        return (match.span() for match in self._compiled.finditer(_searchable(text)))


class Regexes:
    """Several patterns that are looked for in one pass."""

    __slots__ = ("_match",)

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raises PatternError where RE2 refuses one of them, or has no room for all of them together."""
        made = re2.Set.SearchSet(_TOGETHER)
        try:
            for pattern in ("", *patterns):
                made.Add(pattern)
            made.Compile()
        except re2.error as error:
            raise PatternError(str(error), 0) from None
        self._match: Callable[[bytes], list[int] | None] = made.Match

    def found(self, text: str) -> list[int] | None:
        """The numbers of the patterns that match anywhere in `text`; None where RE2 gave up.

        A pattern that always matches is among them, since RE2 says that nothing matches where it runs out of memory.
        """
        found = self._match(_searchable(text).encode())
        if found is None or 0 not in found:
            return None
        return [number - 1 for number in found if number] if len(found) > 1 else []


def _searchable(text: str) -> str:
    """JSON may spell a lone surrogate, which has no UTF-8 form: one character takes its place, so positions stay."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _fault(pattern: str, error: Exception) -> PatternError:
    """RE2 names the fragment it refuses after the last ': ' of its message; its place in the pattern is the position."""
    message = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error.args[0])
    reason, _, fragment = message.partition(": ")
    return PatternError(f"{reason}: {fragment}" if fragment else reason, max(pattern.find(fragment), 0) if fragment else 0)
