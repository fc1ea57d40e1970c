"""Ephemeral keys as a running proxy sees them: good the moment they were made, here or by another proxy on the same data folder.

Looking one up reads the file where it grew, on the event loop; changes wait for the disk in a thread of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final

from rules.access import Key
from rules.keys import state
from store.errors import StoreError
from store.state import State
from store.tokens import PREFIX
from store.tokens import Token
from store.tokens import Tokens

logger = logging.getLogger(__name__)

EPHEMERAL: Final = "ek_"
"""How providers' own ephemeral keys begin, and ours too."""


class NotAccepted(Exception):
    """An ephemeral key that may not be used: status and code of the refusal, and why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class TokenRing:
    """The ephemeral keys of one data folder. Raises OSError or StoreError when they cannot be read."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._seen = Tokens(State(data))
        self._thread = ThreadPoolExecutor(1, "tokens")
        self._own: Tokens | None = None
        """Those that are changed; of the thread alone."""
        self._waiting: deque[Token] = deque()
        self._kept: dict[str, bool | Exception] = {}
        """By id: whether one that waited was kept."""

    def accept(self, text: str, origin: str | None, keys: Iterable[Key], now: datetime) -> tuple[Token, Key]:
        """The ephemeral key that was presented, with its secret and session, and the virtual key that it belongs to.

        It is not used up yet. Raises NotAccepted.
        """
        if not text.startswith(PREFIX):
            raise NotAccepted(401, "invalid_api_key", "this ephemeral key was not made here; mint one through this gateway")
        token = self._found(text)
        if token is None:
            raise NotAccepted(401, "invalid_api_key", "this ephemeral key is not known here, or expired long ago; mint another")
        if (found := token.state(now)) != "ok":
            raise NotAccepted(401, "invalid_api_key", f"this ephemeral key is {found}; mint another")
        key = next((key for key in keys if key.id == token.principal), None)
        gone = "removed" if key is None else state(key, now)
        if key is None or gone != "ok":
            raise NotAccepted(401, "invalid_api_key", f"the key that this ephemeral key belongs to is {gone}")
        if token.origin is not None and (origin or "").lower() != token.origin:
            raise NotAccepted(403, "origin_not_allowed", f"this ephemeral key is for pages of {token.origin} alone")
        return token, key

    def revoked(self) -> frozenset[str]:
        """The ids of those that were revoked; sessions that they opened have to end."""
        return self._seen.revoked()

    async def keep(self, token: Token) -> bool:
        """Keep a new one; it is on the disk then. False where its virtual key has as many as it may have.

        Those that come while the disk is busy are written together. Raises OSError, StoreError.
        """
        self._waiting.append(token)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._flush)
        kept = self._kept.pop(token.id)
        if isinstance(kept, Exception):
            raise kept
        return kept

    async def use(self, token: Token) -> bool:
        """Open a session with it: False where somebody did so before and it can be used once only."""
        return not token.single_use or await self._do(lambda tokens: tokens.use(token.id))

    def _found(self, text: str) -> Token | None:
        try:
            return self._seen.find(text)
        except (ValueError, OSError, StoreError) as error:
            logger.error("an ephemeral key cannot be read: %s", error)
            return None

    def _flush(self) -> None:
        """In the thread: write all that wait; who comes after that finds its own written."""
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not taken:
            return
        try:
            kept: Sequence[bool | Exception] = self._changed(lambda tokens: tokens.keep(taken))
        except Exception as error:
            kept = [error] * len(taken)
        self._kept.update(zip((token.id for token in taken), kept, strict=True))

    async def _do[T](self, change: Callable[[Tokens], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._changed, change)

    def _changed[T](self, change: Callable[[Tokens], T]) -> T:
        if self._own is None:
            self._own = Tokens(State(self._data))
        return change(self._own)
