"""Which keys and routes have a budget or a rate, by the rules and keys as they are now, and what was counted for each so far."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Literal
from typing import NamedTuple

from addons.pastuse import PastUse
from addons.pastuse import past_use
from addons.tap import Tap
from realtime.budget import Account
from realtime.budget import Window
from realtime.budget import share_since
from realtime.session import Session
from rules.access import Key
from rules.access import Route
from store.errors import StoreError

logger = logging.getLogger(__name__)


class Owner(NamedTuple):
    """Whose budget or rate it is."""

    kind: Literal["key", "route"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(slots=True)
class Counted:
    """What is counted, by owner."""

    budgets: dict[Owner, Account] = field(default_factory=dict)
    windows: dict[Owner, Window] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.budgets or self.windows)


class Accounts(Counted):
    """`limits` are those of every key and route, whether it has a budget and a rate or not."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self.tap = tap
        self.limits: dict[Owner, Key | Route] = {}
        self._rules = -1
        self._keys: tuple[Key, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        now = time.time()
        if begun := self._follow(now):
            _add(begun, self._read(self._since(begun, now), now, ()))

    def refresh(self) -> None:
        """Follow changed rules and keys. What was counted goes on counting, unless a budget has another period now."""
        if self._rules == self.tap.generation.number and self._keys is self.tap.own_keys():
            return
        now, known = time.time(), (*self.tap.live, *self.tap.opening)
        if begun := self._follow(now):
            task = asyncio.get_running_loop().create_task(self._remember(begun, now, known), name="past use")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _follow(self, now: float) -> Counted:
        """Take over the limits as they are; returns what is counted from now on."""
        self._rules, self._keys = self.tap.generation.number, self.tap.own_keys()
        keys: dict[Owner, Key | Route] = {Owner("key", key.id): key for key in reversed(self.tap.keys)}
        self.limits = keys | {Owner("route", route.name): route for route in self.tap.rules.routes}
        self.budgets = {owner: account for owner, account in self.budgets.items() if self._still(owner, "budget")}
        self.windows = {owner: window for owner, window in self.windows.items() if self._still(owner, "rate")}
        begun = Counted()
        for owner, limits in self.limits.items():
            if limits.rate is not None and owner not in self.windows:
                self.windows[owner] = begun.windows[owner] = self._window(owner)
            if limits.budget is None:
                continue
            if (account := self.budgets.get(owner)) is not None and account.keeps_period(limits.budget):
                account.allowance = limits.budget
            else:
                self.budgets[owner] = begun.budgets[owner] = self._account(owner, Account(limits.budget, now), now)
        return begun

    def _still(self, owner: Owner, limit: str) -> bool:
        return getattr(self.limits.get(owner), limit, None) is not None

    def _window(self, owner: Owner) -> Window:
        """A new one, with the sessions that are open already."""
        window = Window()
        window.remember(session.opened + session.offset for session in self._open(owner))
        return window

    def _account(self, owner: Owner, account: Account, now: float) -> Account:
        """The account, for which sessions that are open already count with what they used since its period began."""
        for session in self._open(owner):
            before = 1 - share_since(session.opened + session.offset, now, account.since())
            account.seen[session.id] = session.used(now - session.offset, money=account.limits_money)[0].times(before)
        return account

    def _open(self, owner: Owner) -> Iterator[Session]:
        return (session for session, _ in self.tap.live.values() if owner in owners(session.principal, session.route))

    def _since(self, begun: Counted, now: float) -> float:
        """From when on something counts for one of these."""
        periods = [account.since() for account in begun.budgets.values()]
        rates = [now - rate.sessions.seconds for owner in begun.windows if (rate := self.limits[owner].rate) is not None]
        return min(periods + rates)

    async def _remember(self, begun: Counted, until: float, known: Collection[str]) -> None:
        """Add what the log has, read off the event loop."""
        _add(begun, await asyncio.to_thread(self._read, self._since(begun, until), until, known))

    def _read(self, since: float, until: float, known: Collection[str]) -> list[PastUse]:
        try:
            return past_use(self.tap.log.reader, since=since, until=until, known=known)
        except (StoreError, OSError) as error:
            logger.error("what was used of budgets before cannot be read, and does not count: %s", error)
            return []


def owners(key: str | None, route: str | None) -> Iterator[Owner]:
    """For whom a session counts that a key opens by a route."""
    if key is not None:
        yield Owner("key", key)
    if route is not None:
        yield Owner("route", route)


def _add(begun: Counted, past: Iterable[PastUse]) -> None:
    now = time.time()
    came: dict[Owner, list[float]] = {owner: [] for owner in begun.windows}
    for use in past:
        for owner in owners(use.principal, use.route):
            if owner in came:
                came[owner].append(use.started)
            if (account := begun.budgets.get(owner)) is not None:
                account.add(use.used.times(share_since(use.started, use.ended, account.since())), now)
    for owner, times in came.items():
        begun.windows[owner].remember(times)
