"""The words of one answer as they come: which of their pieces count as checked, so that the sound with them may go on."""

from __future__ import annotations

from collections import deque

from realtime.policies import Window


class Words:
    """A piece is checked once as much came behind it as the window holds, or it is as old as the window is long.

    It never is while the policies themselves still hold words as old as it.
    """

    __slots__ = ("_length", "_pieces", "_window", "came", "checked", "until")

    def __init__(self, window: Window) -> None:
        self.came = 0
        """Pieces so far."""
        self.checked = 0
        """How many of them, from the first on, are checked."""
        self.until: float | None = None
        """When the newest of those came."""
        self._window = window
        self._length = 0
        self._pieces: deque[tuple[float, int]] = deque()

    def add(self, text: str, now: float, *, replace: bool = False) -> None:
        """The next piece, or (`replace`) all of the text so far."""
        self.came += 1
        self._length = len(text) if replace else self._length + len(text)
        self._pieces.append((now, self._length))

    def close(self, now: float) -> None:
        """The text is whole, and was judged as a whole."""
        self.checked, self.until = self.came, now
        self._pieces.clear()

    def settle(self, now: float, held_since: float | None) -> None:
        """See what has left the window at `now`; the policies hold words that came at `held_since` and later (None: they hold none)."""
        while self._pieces:
            at, end = self._pieces[0]
            inside = self._length - end < self._window.characters and now < at + self._window.seconds
            if inside or (held_since is not None and at >= held_since):
                return
            self._pieces.popleft()
            self.checked, self.until = self.checked + 1, at

    @property
    def due(self) -> float | None:
        """When the oldest piece in the window leaves it; None while it is empty."""
        return self._pieces[0][0] + self._window.seconds if self._pieces else None
