"""The screen of `top` without a terminal: what a key does to it, and what stands on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any
from typing import Final
from typing import Literal

from rich.console import Group
from rich.console import RenderableType
from rich.text import Text

from cli.plain import plain
from cli.show import session_lines
from cli.topfeed import View
from cli.toplist import Sort
from cli.toplist import ordered
from cli.toplist import table
from cli.toplist import totals

Record = dict[str, Any]

_KEYS: Final = {"list": "q quit   ↑↓ select   Enter show   x end   s sort", "session": "q quit   ↑↓ scroll   Esc back   x end"}
_AROUND: Final = 4
"""Lines of the screen that are not rows: totals, head, message, keys."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done outside of the screen."""

    kind: Literal["quit", "show", "end"]
    session: str | None = None


class Screen:
    """Selects by id, so that the selection stays on its session when the list moves."""

    def __init__(self, sort: Sort = Sort.AGE) -> None:
        self.message = ""
        self.sort = sort
        self.shown: str | None = None
        self._asking: str | None = None
        self._selected: str | None = None
        self._scrolled = 0
        self._rows: list[Record] = []
        self._view: View | None = None

    def update(self, view: View) -> None:
        """Something new was read."""
        self._view = view
        self._order()

    def press(self, key: str) -> Act | None:
        """A key, by its name or sign."""
        if self._asking is not None:
            return self._answered(key)
        self.message = ""
        pressed = _PRESSED.get(key)
        return pressed(self) if pressed is not None else None

    def render(self, width: int, height: int) -> RenderableType:
        """As many lines as the screen has, none longer than it is wide."""
        lines = max(1, height - _AROUND)
        body = self._session(lines) if self.shown is not None else self._list(width, lines)
        head = Text("voicetap top  ", style="bold").append(self._head(), style="")
        foot = Text(f"end {self._asking}? y/n" if self._asking else plain(self._said()), style="yellow")
        keys = Text(_KEYS["list" if self.shown is None else "session"], style="dim")
        for line in (head, foot, keys):
            line.truncate(width, overflow="ellipsis")
        return Group(head, *body, foot, keys)

    def _head(self) -> str:
        if self._view is None:
            return "reading"
        return totals(self._view.totals) + ("" if self._view.running else ", no proxy runs: from the log")

    def _said(self) -> str:
        return self.message or (self._view.wrong if self._view is not None and self._view.wrong else "")

    def _list(self, width: int, lines: int) -> list[RenderableType]:
        at = self._at()
        self._scrolled = max(0, min(self._scrolled, at), at - lines + 1)
        part = self._rows[self._scrolled : self._scrolled + lines]
        made = table(part, self.sort, width, at - self._scrolled if part else None)
        return [made, *[Text()] * (lines - len(part))]

    def _session(self, lines: int) -> list[RenderableType]:
        record = next((record for record in self._rows if record["id"] == self.shown), None)
        turns = self._view.turns if self._view is not None else None
        made = list(session_lines(record, turns or [])) if record is not None else [Text("it is not in the list any more")]
        self._scrolled = max(0, min(self._scrolled, len(made) - lines - 1))
        part = list(islice(made, self._scrolled, self._scrolled + lines + 1))
        for line in part:
            line.no_wrap, line.overflow = True, "ellipsis"
        return [*part, *[Text()] * (lines + 1 - len(part))]

    def _order(self) -> None:
        self._rows = ordered(self._view.sessions, self.sort) if self._view is not None else []

    def _at(self) -> int:
        return next((number for number, record in enumerate(self._rows) if record["id"] == self._selected), 0)

    def _current(self) -> Record | None:
        if self.shown is not None:
            return next((record for record in self._rows if record["id"] == self.shown), None)
        return self._rows[self._at()] if self._rows else None

    def _move(self, by: int) -> None:
        if self.shown is not None:
            self._scrolled += by
        elif self._rows:
            self._selected = self._rows[max(0, min(len(self._rows) - 1, self._at() + by))]["id"]

    def _open(self) -> Act | None:
        found = self._current()
        if found is None or self.shown is not None:
            return None
        self._selected = self.shown = found["id"]
        self._scrolled = 0
        return Act("show", self.shown)

    def _back(self) -> Act | None:
        if self.shown is None:
            return None
        self.shown, self._scrolled = None, 0
        return Act("show")

    def _resort(self) -> None:
        orders = list(Sort)
        self.sort = orders[(orders.index(self.sort) + 1) % len(orders)]
        self.message = f"by {self.sort}"
        self._order()

    def _ask(self) -> None:
        found = self._current()
        if found is not None and found["live"]:
            self._asking = found["id"]
        elif found is not None:
            self.message = f"{found['id']} is over"

    def _answered(self, key: str) -> Act | None:
        asked, self._asking = self._asking, None
        return Act("end", asked) if key in ("y", "Y") else None


_PRESSED: Final[dict[str, Callable[[Screen], Act | None]]] = {
    "q": lambda screen: Act("quit"),
    "up": lambda screen: screen._move(-1),
    "k": lambda screen: screen._move(-1),
    "down": lambda screen: screen._move(1),
    "j": lambda screen: screen._move(1),
    "enter": Screen._open,
    "escape": Screen._back,
    "x": lambda screen: screen._ask(),
    "s": lambda screen: screen._resort(),
}
